/* serve/files/file_store.h - files that clients send and that runs leave. Read this first.
 *
 *   POST /files ─▶ upload.c ──────────┐
 *   input_file  ─▶ intake.c ──────────┼─▶ a draft: part-ID ──sync, rename──▶ ID ──▶ a row
 *   artifacts   ─▶ turn_artifacts.c ──┘   (nobody knows it)                 (store/store_files.h)
 *
 *   history ─▶ places.c: which of them stand where below /input, and what the model is told of them
 *
 * The content of a file is one file of a folder, called after its id, for this user alone (0600 in
 * 0700): FILE-files beside the store FILE, or a private folder of $TMPDIR, /tmp or /dev/shm for a
 * store in memory.
 *
 * What is always true
 * - Names that clients or code have chosen are text for people. None is ever a part of a path that
 *   the host opens: those are made of the folder and an id.
 * - A row comes after its content, which is on the disk by then; content goes after its row. What a
 *   crash leaves (a draft, content without a row, a row without content) is swept at the start.
 * - A file's content never changes. Who has opened it reads it to its end, whoever deletes it.
 * - Drafts count in the ceiling on all files while they grow. What is beyond is refused before it is
 *   written, and so is the byte beyond a file's own ceiling.
 * - Any thread may call. The one lock is held for counting alone, the store's inside of it.
 */
#ifndef CLO_SERVE_FILES_FILE_STORE_H
#define CLO_SERVE_FILES_FILE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/protocol/problem.h"
#include "serve/store/store_files.h"

#define CLO_FILE_PURPOSE_ARTIFACT "assistants_output" /* of what a run has left */
#define CLO_FILES_MAX 20000                           /* files, drafts included */
#define CLO_FILE_SNIFF_MAX 4096         /* bytes of the beginning that are looked at */
#define CLO_FILES_UNSTORED_KEEP_S 3600u /* what belongs to a response that is not stored */

struct clo_file_store;

struct clo_file_store_config {
    const char *store;    /* the store's file; NULL: in memory */
    uint64_t max_bytes;   /* of one file */
    uint64_t total_bytes; /* of all, where each counts for 4 KiB at least */
    uint64_t keep_s;      /* after which a file that belongs to nobody is deleted; 0: never */
};

/* The folder is made, and what a crash has left in it removed. CLO_ESYSTEM names the folder; without a
 * store that is only logged: no drafts can be begun then. `error` is given. */
int clo_file_store_open(struct clo_file_store **files, struct clo_store *store,
                        const struct clo_file_store_config *config, struct clo_error *error);
void clo_file_store_close(
    struct clo_file_store *files); /* a store in memory: and the folder goes; or NULL */

struct clo_store *clo_file_store_rows(const struct clo_file_store *files);
uint64_t clo_file_store_max_bytes(const struct clo_file_store *files);

/* A file in the making. Used by one thread at a time. */
struct clo_file_draft {
    struct clo_file_store *files; /* NULL: there is none */
    char id[CLO_ID_MAX];
    char owner[CLO_NAME_BYTES_MAX + 1]; /* "": none */
    int descriptor;
    bool fleeting; /* it need not outlast a crash: kept without waiting for the disk */
    uint64_t bytes, reserved;
    char first[CLO_FILE_SNIFF_MAX];
    size_t first_length;
};

/* On a problem there is no draft any more. `id`: of clo_folder_id_make; NULL: a new one. `owner`: the
 * response for which it is made; where the ceiling on all files is reached, those of the oldest other
 * response go for it. NULL: it is refused then. */
int clo_file_draft_begin(struct clo_file_store *files, const char *id, const char *owner,
                         struct clo_file_draft *draft, struct clo_problem *problem);
int clo_file_draft_write(struct clo_file_draft *draft, const void *data, size_t length,
                         struct clo_problem *problem);
/* Make a file of it. The caller has set name, purpose, owner and user, and may set media and expires; the
 * rest is filled in. Waits for the disk. */
int clo_file_draft_keep(struct clo_file_draft *draft, struct clo_file *file,
                        struct clo_problem *problem);
/* Leave nothing of it. Of one that is none: nothing. */
void clo_file_draft_drop(struct clo_file_draft *draft);

/* A user's. CLO_ENOTFOUND also for what has expired and for what no id can be. */
int clo_file_store_get(struct clo_file_store *files, const char *user, const char *id,
                       struct clo_file *file);
/* Its content, to read; the caller closes it. Negative: as clo_file_store_get. */
int clo_file_store_content(struct clo_file_store *files, const char *user, const char *id);
/* `id` may be NULL. */
bool clo_file_store_has(struct clo_file_store *files, const char *user, const char *id);
/* Where its content is on the host; the caller frees it; NULL: out of memory. */
char *clo_file_store_path(const struct clo_file_store *files, const char *id);

/* Remove what has expired, and the content of what was deleted. Cheap where nothing is. */
void clo_file_store_sweep(struct clo_file_store *files);

int64_t clo_file_store_now(void); /* seconds since 1970 */

/* 404 for a file that is not there. */
int clo_problem_file_missing(struct clo_problem *problem, const char *id, const char *param);

#endif
