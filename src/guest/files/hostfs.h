/* hostfs.h - what the host has for the run: mounted folders and files, read-only and live, and /output,
 * in which the run writes.
 *
 * Invariants
 * - Nothing of a mount is in the guest but what was read of open files: each look is a host call
 *   (abi/files.h). Where the mounts stand is asked for at the first path of a run.
 * - The directories on the way to a mount are nodes of the RAM file system, sealed. A node with a
 *   `mount` shows what the host has there, besides its own entries, which come first.
 * - A file that is open has a handle of the host's, or the content of a small one that came before it
 *   was asked for (hostfs_ahead.h): then it is opened there when more than that is wanted to be known.
 *   Handles that are done with are told with the next call, so that closing costs none.
 * - What is known of a file (what was read ahead, its size, times and end) counts until the next host
 *   call of another kind, for a tool may have written there, and for 100 ms at most (clo_host_fresh). Only a read
 *   that goes on where the last one ended takes what was read ahead however old it is.
 * - /output (a node that is `writable`) is changed by this run alone: what is known of it counts until
 *   the next change. What is written is with the host before the call returns: nothing waits here.
 * - Functions return 0 or a WASI errno (wasi.h).
 */
#ifndef CLO_GUEST_FILES_HOSTFS_H
#define CLO_GUEST_FILES_HOSTFS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/files.h"
#include "guest/files/ramfs.h"

struct clo_window;

struct clo_host_file {
    struct clo_file_reply stat; /* as last told: type, sizes, times */
    uint64_t stat_ns;           /* when */
    uint32_t stat_epoch;
    uint32_t handle; /* 0: none, `content` is what is in it */

    /* A file. */
    uint8_t
        *content[CLO_FILE_AHEAD_BYTES_MAX / CLO_BLOCK_SIZE]; /* a block each, as far as it goes */
    uint32_t content_length;
    bool detached;   /* and there is nothing else to be had */
    uint64_t next;   /* where the last read ended */
    uint64_t end;    /* bytes that it has, as a read found out */
    uint64_t end_ns; /* when; 0: none did */
    uint32_t end_epoch;
    struct clo_window *window; /* what was read ahead, or of a folder names; NULL: none */

    /* A folder: names from number `first` on are in the window. */
    uint64_t first, count;
    bool last;         /* none come after them */
    uint64_t at_index; /* one of them, and where it stands in the window */
    uint32_t at_offset;

    struct clo_node *node; /* below whose mount it is, held */
    uint32_t path_length;  /* below the mount's root */
    char *path;            /* NULL: empty */
};

/* A run begins: in a session, what was mounted in the last one may not be. */
void clo_hostfs_begin(void);

/* Have the mounts in the tree; at once where they are, or where there are none. */
uint16_t clo_hostfs_start(void);

/* What a path with `mounted` names. `follow`: a link is an error. */
uint16_t clo_hostfs_stat(const struct clo_path *path, bool follow, struct clo_file_reply *stat);
/* flags: CLO_FILE_*. */
uint16_t clo_hostfs_open(const struct clo_path *path, uint32_t flags, struct clo_host_file **file);
void clo_hostfs_close(struct clo_host_file *file);

uint16_t clo_hostfs_refresh(struct clo_host_file *file); /* have file->stat as of now */
uint16_t clo_hostfs_read(struct clo_host_file *file, uint64_t offset, uint8_t *out, uint64_t length,
                         uint64_t *got);

/* The name with this number, from 0 on, of a folder; *name NULL: there are no more. It stays until the
 * next call here. */
uint16_t clo_hostfs_name(struct clo_host_file *file, uint64_t index, struct clo_file_name *record,
                         const char **name);

/* ---- changes: hostfs_change.c. Of what is not in /output: CLO_E_ROFS ---- */

/* At `offset`, or at the end. *written may be less than `length`. *end: where it ended. */
uint16_t clo_hostfs_write(struct clo_host_file *file, uint64_t offset, bool append,
                          const uint8_t *in, uint64_t length, uint64_t *written, uint64_t *end);
uint16_t clo_hostfs_resize(struct clo_host_file *file, uint64_t size, bool grow_only);
/* `which`: CLO_TIME_*. */
uint16_t clo_hostfs_set_times(struct clo_host_file *file, uint64_t accessed, uint64_t modified,
                              uint32_t which);
uint16_t clo_hostfs_set_times_of(const struct clo_path *path, uint64_t accessed, uint64_t modified,
                                 uint32_t which);
uint16_t clo_hostfs_make_folder(const struct clo_path *path);
uint16_t clo_hostfs_unlink(const struct clo_path *path);
uint16_t clo_hostfs_remove_folder(const struct clo_path *path);
uint16_t clo_hostfs_rename(const struct clo_path *from, const struct clo_path *to);

#endif
