/* serve/store/store_files.h - what is known of each file but its content: rows of the store.
 *
 * A file belongs to nobody, and lives until it is deleted or has expired, or it belongs to a
 * response (`owner`) and goes with that. Its id is the name of its content in the folder, which the
 * store knows nothing of: a row that goes away leaves its id in a list, from which
 * serve/files takes it when the content is removed. So nothing is left over that both forgot.
 *
 * An expired file is not found, whether or not somebody has removed it. Times are seconds since 1970.
 * As everywhere in the store, functions return 0, CLO_ENOTFOUND, CLO_ESYSTEM or CLO_ENOMEMORY.
 */
#ifndef CLO_SERVE_STORE_STORE_FILES_H
#define CLO_SERVE_STORE_STORE_FILES_H

#include "serve/store/store.h"

#define CLO_FILE_NAME_MAX 1023 /* bytes; of one that a run left the path below /output */
#define CLO_FILE_PURPOSE_MAX 63
#define CLO_FILE_MEDIA_MAX 127
#define CLO_FILE_HEAD_MAX 800 /* bytes of at most 200 characters */

struct clo_file {
    char id[CLO_ID_MAX];
    int64_t created, expires; /* expires 0: never */
    uint64_t bytes;
    char name[CLO_FILE_NAME_MAX + 1]; /* of people, cleaned; not a name on the host's disk */
    char purpose[CLO_FILE_PURPOSE_MAX + 1];
    char media[CLO_FILE_MEDIA_MAX + 1];
    char head[CLO_FILE_HEAD_MAX + 1];   /* the first line of a table; "": it is none */
    char owner[CLO_NAME_BYTES_MAX + 1]; /* a response's id; "": none */
    char user[CLO_USER_MAX + 1];        /* whose it is, see user.h */
};

int clo_store_file_add(struct clo_store *store, const struct clo_file *file);
int clo_store_file_get(struct clo_store *store, const char *user, const char *id, int64_t now,
                       struct clo_file *file);
/* Is there one of that id, whosever it is? 0, CLO_ENOTFOUND, … */
int clo_store_file_has(struct clo_store *store, const char *id);
int clo_store_file_delete(struct clo_store *store, const char *id);

/* A page of a user's: at most `limit` files, newest first unless `ascending`, behind the file `after` (NULL:
 * from the beginning), of that purpose (NULL: any). `each` is called with the store's lock held.
 * CLO_EINVALID: `after` is no file. */
struct clo_store_files_page {
    unsigned limit;
    bool ascending;
    bool every;                         /* of every user: for the store's own work */
    const char *after, *purpose, *user; /* user NULL: "" */
    void (*each)(void *context, const struct clo_file *file);
    void *context;
};
int clo_store_files(struct clo_store *store, int64_t now, const struct clo_store_files_page *page);

int clo_store_files_expire(struct clo_store *store, int64_t now); /* delete those that have */
int clo_store_files_drop(struct clo_store *store, const char *owner);
/* Delete those of the response that has had one for the longest, but never of `owner`. CLO_ENOTFOUND:
 * there is none. */
int clo_store_files_evict(struct clo_store *store, const char *owner);
int clo_store_files_orphans(struct clo_store *store); /* delete those whose owner is not stored */

/* How many, and their bytes, where each counts for 4 KiB at least. */
int clo_store_files_totals(struct clo_store *store, uint64_t *files, uint64_t *bytes);

/* An id whose row is gone and whose content is to be removed; CLO_ENOTFOUND: there is none. */
int clo_store_files_gone(struct clo_store *store, char id[CLO_ID_MAX]);
/* The content is removed, too. */
int clo_store_files_forget(struct clo_store *store, const char *id);

#endif
