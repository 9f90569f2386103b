/* upload_form.c - see upload_form.h. */
#include "serve/files/upload_form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void clo_upload_form_init(struct clo_upload_form *form, struct clo_file_store *files)
{
    memset(form, 0, sizeof *form);
    form->files = files;
}

void clo_upload_form_clear(struct clo_upload_form *form)
{
    clo_file_draft_drop(&form->draft);
}

void clo_upload_malformed(struct clo_upload_form *form)
{
    form->refused = true;
    clo_problem_set(
        &form->problem, 400, "invalid_multipart", NULL,
        "The body is no valid multipart/form-data: it must begin with the boundary that the header Content-Type names, have a Content-Disposition with a name in each part, and end with the closing boundary.");
}

static enum MHD_Result refuse(struct clo_upload_form *form)
{
    form->refused = true;
    return MHD_NO;
}

/* HTML's forms write a quotation mark and line ends in a name as %22, %0D and %0A. */
static size_t unescape(char *name, size_t size, const char *from)
{
    static const char *const escapes[] = {"%22", "%0D", "%0A"};
    size_t length = 0;
    while (*from && length + 1 < size) {
        int which = -1;
        for (int i = 0; i < 3; i++) {
            if (strncasecmp(from, escapes[i], 3) == 0)
                which = i;
        }
        name[length++] = which < 0 ? *from : "\"\r\n"[which];
        from += which < 0 ? 1 : 3;
    }
    name[length] = '\0';
    return length;
}

static int begin_file(struct clo_upload_form *form, const char *filename, const char *type,
                      const char *encoding)
{
    char name[4096];
    if (form->has_file)
        return clo_problem_set(&form->problem, 400, "invalid_multipart", "file",
                               "'file' is there twice; an upload is one file.");
    form->has_file = true;
    if (encoding && strcasecmp(encoding, "binary") && strcasecmp(encoding, "8bit") &&
        strcasecmp(encoding, "7bit"))
        return clo_problem_set(
            &form->problem, 400, "invalid_multipart", "file",
            "The part 'file' has the Content-Transfer-Encoding '%.32s'; send its bytes as they are.",
            encoding);
    if (filename)
        clo_file_name_clean(form->name, name, unescape(name, sizeof name, filename));
    if (!form->name[0])
        return clo_problem_set(
            &form->problem, 400, "invalid_value", "file",
            "The part 'file' has no filename%s; send one in its Content-Disposition: name=\"file\"; filename=\"data.csv\".",
            filename ? " that can be shown" : "");
    if (type && !clo_file_media_clean(form->media, sizeof form->media, type))
        form->media[0] = '\0';
    if (strcmp(form->media, "application/octet-stream") == 0)
        form->media[0] = '\0'; /* said where nothing is known: its extension may say more */
    return clo_file_draft_begin(form->files, NULL, NULL, &form->draft, &form->problem);
}

static void gather(struct clo_upload_field *field, const char *data, size_t size)
{
    size_t room = CLO_UPLOAD_FIELD_MAX - field->length;
    field->given = true;
    memcpy(field->text + field->length, data, size < room ? size : room);
    field->length += size < room ? size : room;
}

enum MHD_Result clo_upload_form_part(void *context, enum MHD_ValueKind kind, const char *key,
                                     const char *filename, const char *content_type,
                                     const char *transfer_encoding, const char *data,
                                     uint64_t offset, size_t size)
{
    struct clo_upload_form *form = context;
    (void)kind;
    if (form->refused)
        return MHD_NO;
    if (!key)
        return MHD_YES;
    if (strcmp(key, "file") == 0) {
        if (offset == 0 && begin_file(form, filename, content_type, transfer_encoding) < 0)
            return refuse(form);
        return clo_file_draft_write(&form->draft, data, size, &form->problem) < 0 ? refuse(form)
                                                                                  : MHD_YES;
    }
    if (strcmp(key, "purpose") == 0)
        gather(&form->purpose, data, size);
    else if (strcmp(key, "expires_after[anchor]") == 0)
        gather(&form->anchor, data, size);
    else if (strcmp(key, "expires_after[seconds]") == 0)
        gather(&form->seconds, data, size);
    return MHD_YES;
}

static int check_purpose(const struct clo_upload_form *form, struct clo_problem *problem)
{
    static const char *const known[] = {"assistants", "batch",     "evals",
                                        "fine-tune",  "user_data", "vision"};
    if (!form->purpose.given)
        return clo_problem_set(
            problem, 400, "missing_required_parameter", "purpose",
            "'purpose' is missing; send user_data, or another of assistants, batch, evals, fine-tune and vision.");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(form->purpose.text, known[i]) == 0)
            return 0;
    }
    return clo_problem_set(
        problem, 400, "invalid_value", "purpose",
        "'purpose' is '%.63s'; it must be one of assistants, batch, evals, fine-tune, user_data and vision.",
        form->purpose.text);
}

static int take_expires(const struct clo_upload_form *form, struct clo_file *file,
                        struct clo_problem *problem)
{
    char *end;
    if (!form->anchor.given && !form->seconds.given)
        return 0;
    if (strcmp(form->anchor.text, "created_at") != 0)
        return clo_problem_set(problem, 400, "invalid_value", "expires_after[anchor]",
                               "'expires_after[anchor]' is '%.63s'; it must be created_at.",
                               form->anchor.text);
    errno = 0;
    long seconds = strtol(form->seconds.text, &end, 10);
    if (end == form->seconds.text || *end || errno || seconds < CLO_UPLOAD_EXPIRES_MIN ||
        seconds > CLO_UPLOAD_EXPIRES_MAX)
        return clo_problem_set(
            problem, 400, "invalid_value", "expires_after[seconds]",
            "'expires_after[seconds]' is '%.63s'; it must be an integer from %d to %d.",
            form->seconds.text, CLO_UPLOAD_EXPIRES_MIN, CLO_UPLOAD_EXPIRES_MAX);
    file->expires = clo_file_store_now() + seconds;
    return 0;
}

int clo_upload_form_keep(struct clo_upload_form *form, struct clo_file *file,
                         struct clo_problem *problem)
{
    memset(file, 0, sizeof *file);
    memcpy(file->user, form->user, sizeof file->user);
    if (form->refused) {
        *problem = form->problem;
        return CLO_EINVALID;
    }
    if (!form->has_file)
        return clo_problem_set(
            problem, 400, "missing_required_parameter", "file",
            "'file' is missing; send the file's content as a part of that name, with a filename.");
    if (check_purpose(form, problem) < 0 || take_expires(form, file, problem) < 0)
        return CLO_EINVALID;
    snprintf(file->name, sizeof file->name, "%s", form->name);
    snprintf(file->purpose, sizeof file->purpose, "%s", form->purpose.text);
    snprintf(file->media, sizeof file->media, "%s", form->media);
    return clo_file_draft_keep(&form->draft, file, problem);
}
