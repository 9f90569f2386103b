/* files.h - the messages of CLO_CALL_FILE: how the guest sees files that the host has for it.
 *
 * A mount has a place in the guest's tree: a folder or a file of the host, read-only, or /output, in
 * which the guest writes (CLO_MOUNT_WRITABLE) and nobody else while the run lasts. What lies below it
 * is never in the guest: each look and each change is a call. Calls are submitted and waited for at
 * once.
 *
 *   message: [request][handles that are closed first, u32 each][path][data]
 *   reply:   [reply][data][what comes next: struct clo_file_ahead, name, data, for each]
 *            with status CLO_CALL_OK whatever `error` says
 *
 * A path is one of a mount: names that '/' separates, none of them empty, "." or "..", no NUL; the
 * empty path is the mount itself. Names are bytes. No symbolic link is followed anywhere.
 *
 * Handles are the host's: numbers from 1, which end with the run. A number is not given again, but
 * after 2^32 others.
 */
#ifndef CLOCHE_ABI_FILES_H
#define CLOCHE_ABI_FILES_H

#include <stdint.h>

#define CLO_MOUNTS_MAX 512u
#define CLO_FILES_OPEN_MAX 256u       /* handles of one run at once */
#define CLO_FILE_PATH_MAX 4096u       /* bytes */
#define CLO_FILE_CLOSED_MAX 64u       /* handles in one request */
#define CLO_FILE_DATA_MAX (1u << 20)  /* bytes of data in one message or reply */
#define CLO_FILE_READ_MAX (64u << 20) /* bytes of one read straight into linear memory */

enum clo_file_op {
    CLO_FILE_MOUNTS = 1, /* data: a struct clo_file_mount and its place, for each mount, outer ones
                            before those in them */
    CLO_FILE_STAT = 2,   /* of `path`, or with handle of that; a link is told, not followed */
    CLO_FILE_OPEN = 3,   /* a file or folder; data: the first `length` bytes of a file */
    CLO_FILE_READ = 4,   /* `length` bytes at `offset` of a file's handle; fewer only at its end */
    CLO_FILE_LIST = 5,   /* of a folder's handle: the next names, `length` bytes of them at most.
                            data: a struct clo_file_name and the name, for each; never "." and ".." */
    CLO_FILE_CLOSE = 6,  /* nothing but the handles that are closed */
    /* What follows is EROFS where the mount is not writable. */
    CLO_FILE_WRITE = 7, /* data to `offset` of a handle's file; the reply's `length`: how many bytes
                             there was room for */
    CLO_FILE_RESIZE = 8,  /* a handle's file has `offset` bytes now */
    CLO_FILE_TIMES = 9,   /* of `path`, or with handle of that; data: struct clo_file_times */
    CLO_FILE_MKDIR = 10,  /* makes the folder `path` */
    CLO_FILE_UNLINK = 11, /* the file `path` goes */
    CLO_FILE_RMDIR = 12,  /* the empty folder `path` goes */
    CLO_FILE_RENAME = 13, /* `path` is called as the data say, a path of the same mount */
};

#define CLO_FILE_FOLDER 1u     /* by path: what is no folder is an error */
#define CLO_FILE_RESTART 2u    /* LIST: from the first name on */
#define CLO_FILE_FOLLOW 4u     /* STAT: a link is an error, as it is for OPEN */
#define CLO_FILE_WRITABLE 8u   /* OPEN: WRITE and RESIZE shall be possible */
#define CLO_FILE_CREATE 16u    /* OPEN: a file that is not there is made */
#define CLO_FILE_EXCLUSIVE 32u /* OPEN, with CREATE: what is there is an error */
#define CLO_FILE_TRUNCATE 64u  /* OPEN: it is empty then */
#define CLO_FILE_APPEND 128u   /* WRITE: at the end, wherever `offset` is */
#define CLO_FILE_GROW 256u     /* RESIZE: a file that is longer stays as it is */
#define CLO_FILE_ACCESSED 512u /* TIMES: which are set */
#define CLO_FILE_MODIFIED 1024u
#define CLO_FILE_AHEAD                                                                             \
    2048u /* STAT by path, OPEN: tell of what is likely to be looked at next, too */

#define CLO_FILE_AHEAD_MAX 64u              /* records in one reply */
#define CLO_FILE_AHEAD_OPENED_MAX 32u       /* of OPEN */
#define CLO_FILE_AHEAD_BYTES_MAX 16384      /* a file that is told with what is in it */
#define CLO_FILE_AHEAD_ALL_MAX (192u << 10) /* bytes of all records of a reply */

struct clo_file_request {
    uint32_t op; /* enum clo_file_op */
    uint32_t mount;
    uint32_t handle;
    uint32_t flags; /* CLO_FILE_* */
    uint64_t offset;
    uint64_t time_ns;      /* by the guest's clock, since 1970: when what is changed was changed */
    uint32_t length;       /* of the reply's data, at most */
    uint32_t closed_count; /* at most CLO_FILE_CLOSED_MAX */
    uint32_t path_length;  /* at most CLO_FILE_PATH_MAX */
    uint32_t address;      /* READ: in linear memory; `direct` says whether the bytes went there */
    uint32_t into_memory;  /* READ: 1: `address` may be used */
    uint32_t data_length;  /* behind the path: WRITE, TIMES, RENAME; at most CLO_FILE_DATA_MAX */
};

struct clo_file_reply {
    uint32_t error; /* of WASI; 0: none, and the rest is filled in as far as `op` says */
    uint32_t
        type; /* WASI's filetype: 3 folder, 4 file, 7 link, 1 and 2 devices, 6 socket, 0 other */
    uint32_t handle;             /* OPEN */
    uint32_t end;                /* nothing comes after the data, as of now */
    uint32_t length;             /* of the data, wherever it went; WRITE: of what was written */
    uint32_t direct;             /* READ: it is at `address`, and not behind this */
    uint64_t inode, links, size; /* OPEN, STAT, and what changes an open file: as it is now */
    uint64_t accessed_ns, modified_ns, changed_ns; /* since 1970 */
    uint32_t ahead;                                /* records of what comes next, behind the data */
    uint32_t reserved;
};

struct clo_file_ahead {       /* then the name in the folder of what was looked at, then the data */
    struct clo_file_reply of; /* as of STAT; `end`: the data is all that is in the file */
    uint32_t name_length;     /* 1 to 255 */
    uint32_t reserved;
};

struct clo_file_mount { /* then its place: a path from '/' on, without "." and ".." */
    uint32_t type;      /* 3 folder, 4 file */
    uint32_t length;    /* of the place */
    uint32_t flags;     /* CLO_MOUNT_* */
    uint32_t reserved;
};
#define CLO_MOUNT_WRITABLE 1u

struct clo_file_times {
    uint64_t accessed_ns, modified_ns;
};

struct clo_file_name { /* then the name, without padding */
    uint64_t inode;
    uint32_t type;
    uint32_t length; /* 1 to 255 */
};

_Static_assert(sizeof(struct clo_file_request) == 56, "no padding");
_Static_assert(sizeof(struct clo_file_reply) == 80, "no padding");
_Static_assert(sizeof(struct clo_file_ahead) == 88, "no padding");

#endif
