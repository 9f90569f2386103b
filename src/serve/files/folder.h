/* serve/files/folder.h - the folder that holds the content of files: made, locked, swept, removed. */
#ifndef CLO_SERVE_FILES_FOLDER_H
#define CLO_SERVE_FILES_FOLDER_H

#include <stdbool.h>

#include "base/id.h"
#include "cloche/error.h"

#define CLO_FILE_ID_PREFIX "file"     /* an id is "file-" and hexadecimal digits */
#define CLO_FILE_DRAFT_PREFIX "part-" /* before the id of what is not finished */

struct clo_folder {
    char *path;
    int descriptor;
    bool private; /* of this process alone: it goes with it */
};

/* store NULL: a new private folder in $TMPDIR, else /tmp, else /dev/shm; those of servers that died are
 * removed. */
int clo_folder_open(struct clo_folder *folder, const char *store, struct clo_error *error);
void clo_folder_close(struct clo_folder *folder);

/* Call `keep` with the name of each file that one of ours may be, drafts not among them; what it does
 * not want and all drafts are removed. Names of other forms are left alone. Negative, errno: the
 * folder cannot be read. */
int clo_folder_sweep(const struct clo_folder *folder, bool (*keep)(void *context, const char *id),
                     void *context);

/* "file-" and 32 hexadecimal digits. */
void clo_file_id_make(char id[CLO_ID_MAX]);
bool clo_file_id_ok(const char *id);

#endif
