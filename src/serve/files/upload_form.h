/* serve/files/upload_form.h - the fields of an upload: `file`, `purpose`, `expires_after[…]`.
 *
 * The parser gives their parts piece by piece; the content of `file` goes into a draft as it comes.
 * What is wrong is remembered, and the rest is not looked at.
 */
#ifndef CLO_SERVE_FILES_UPLOAD_FORM_H
#define CLO_SERVE_FILES_UPLOAD_FORM_H

#include <microhttpd.h>

#include "serve/files/file_name.h"
#include "serve/files/file_store.h"

#define CLO_UPLOAD_FIELD_MAX 63     /* bytes of a field that is not the file */
#define CLO_UPLOAD_EXPIRES_MIN 3600 /* expires_after[seconds] */
#define CLO_UPLOAD_EXPIRES_MAX 2592000

struct clo_upload_field {
    bool given;
    size_t length;
    char text[CLO_UPLOAD_FIELD_MAX + 1];
};

struct clo_upload_form {
    struct clo_file_store *files;
    struct clo_file_draft draft;
    bool has_file, refused;
    char user[CLO_USER_MAX + 1]; /* whose the file will be */
    struct clo_problem problem;  /* why it is refused */
    char name[CLO_FILE_PART_MAX + 1], media[CLO_FILE_MEDIA_MAX + 1];
    struct clo_upload_field purpose, anchor, seconds;
};

void clo_upload_form_init(struct clo_upload_form *form, struct clo_file_store *files);
void clo_upload_form_clear(struct clo_upload_form *form); /* a draft that was not kept is dropped */

/* For MHD_create_post_processor; `context` is the form. */
enum MHD_Result clo_upload_form_part(void *context, enum MHD_ValueKind kind, const char *key,
                                     const char *filename, const char *content_type,
                                     const char *transfer_encoding, const char *data,
                                     uint64_t offset, size_t size);

/* The parser could not read it: refused. */
void clo_upload_malformed(struct clo_upload_form *form);

/* It is whole: check the fields, and make a file of the draft. */
int clo_upload_form_keep(struct clo_upload_form *form, struct clo_file *file,
                         struct clo_problem *problem);

#endif
