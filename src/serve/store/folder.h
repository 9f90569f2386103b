/* serve/store/folder.h - a folder beside the store that holds the content of rows (files, snapshots):
 * made, locked, swept, removed. */
#ifndef CLO_SERVE_STORE_FOLDER_H
#define CLO_SERVE_STORE_FOLDER_H

#include <stdbool.h>

#include "base/id.h"
#include "cloche/error.h"

#define CLO_FOLDER_DRAFT_PREFIX "part-" /* before the id of what is not finished */

/* What it holds: "FILE-files" beside the store FILE, in which an id is "file-" and 32 hexadecimal
 * digits. */
struct clo_folder_kind {
    const char *name;   /* "files" */
    const char *prefix; /* "file" */
};

extern const struct clo_folder_kind clo_folder_files, clo_folder_snapshots;

struct clo_folder {
    const struct clo_folder_kind *kind;
    char *path;
    int descriptor;
    bool private; /* of this process alone: it goes with it */
};

/* store NULL: a new private folder in $TMPDIR, else /tmp, else /dev/shm; those of servers that died are
 * removed. */
int clo_folder_open(struct clo_folder *folder, const struct clo_folder_kind *kind,
                    const char *store, struct clo_error *error);
void clo_folder_close(struct clo_folder *folder);

/* Call `keep` with the name of each file that one of ours may be, drafts not among them; what it does
 * not want and all drafts are removed. Names of other forms are left alone. Negative, errno: the
 * folder cannot be read. */
int clo_folder_sweep(const struct clo_folder *folder, bool (*keep)(void *context, const char *id),
                     void *context);

void clo_folder_id_make(const struct clo_folder_kind *kind, char id[CLO_ID_MAX]);
bool clo_folder_id_ok(const struct clo_folder_kind *kind, const char *id);
/* Under which what is not finished stands there. */
void clo_folder_draft_name(char name[CLO_ID_MAX + sizeof CLO_FOLDER_DRAFT_PREFIX], const char *id);

#endif
