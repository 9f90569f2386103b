/* intake.c - see intake.h. */
#include "serve/files/intake.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "serve/files/base64.h"
#include "serve/files/file_name.h"
#include "serve/store/folder.h"

struct intake {
    struct clo_file_store *files;
    struct clo_request *request;
    struct clo_problem *problem;
    bool history;   /* the part in hand is of an earlier turn */
    char param[96]; /* where it stands */
};

static int refuse(struct intake *intake, unsigned status, const char *code, const char *field,
                  const char *format, const char *value)
{
    char param[128], message[512];
    snprintf(param, sizeof param, "%s.%s", intake->param, field);
    snprintf(message, sizeof message, format, value);
    return clo_problem_set(intake->problem, status, code, param, "'%s' %s", param, message);
}

/* ---- parts that name a file ---- */

static int check_id(struct intake *intake, const json_t *part, bool image)
{
    struct clo_file file;
    char param[128];
    const char *id = clo_json_text(part, "file_id");
    if (intake->history)
        return 0;
    int status = clo_file_store_get(intake->files, intake->request->user, id, &file);
    if (status == CLO_ENOTFOUND) {
        snprintf(param, sizeof param, "%s.file_id", intake->param);
        return clo_problem_file_missing(intake->problem, id, param);
    }
    if (status < 0)
        return clo_problem_internal(intake->problem);
    return !image || strncmp(file.media, "image/", 6) == 0
               ? 0
               : refuse(intake, 400, "invalid_value", "file_id",
                        "names a file of the type %s, which is no image; send it as an input_file.",
                        file.media);
}

/* ---- parts that bring one ---- */

/* "data:TYPE;base64,…": *type is its type or "", the result where the base64 begins; NULL: it is of
 * another form. What is no data: URL is base64 as a whole. */
static const char *base64_of(const char *text, char type[CLO_FILE_MEDIA_MAX + 1])
{
    type[0] = '\0';
    if (strncasecmp(text, "data:", 5) != 0)
        return text;
    const char *comma = strchr(text, ',');
    if (!comma || comma - text < 12 || strncasecmp(comma - 7, ";base64", 7) != 0)
        return NULL;
    if (!clo_file_media_clean(type, CLO_FILE_MEDIA_MAX + 1, text + 5))
        type[0] = '\0';
    return comma + 1;
}

static void name_it(char name[CLO_FILE_PART_MAX + 1], const json_t *part, const char *type)
{
    const json_t *given = json_object_get(part, "filename");
    const char *extension = clo_file_extension(type);
    name[0] = '\0';
    if (json_is_string(given))
        clo_file_name_clean(name, json_string_value(given), json_string_length(given));
    if (!name[0])
        snprintf(name, CLO_FILE_PART_MAX + 1, "%s%s",
                 strncmp(type, "image/", 6) == 0 ? "image" : "file", extension);
}

/* What is to be written, and the part that stands for it. *to is NULL: out of memory. */
static int take(struct intake *intake, const json_t *part, const char *field, const char *base64,
                const char *type, json_t **to)
{
    char id[CLO_ID_MAX], name[CLO_FILE_PART_MAX + 1];
    json_t *data = json_object_get(part, field), *detail = json_object_get(part, "detail");
    if (json_array_size(intake->request->inline_files) >= CLO_INTAKE_FILES_MAX)
        return clo_problem_set(
            intake->problem, 400, "array_above_max_length", "input",
            "'input' brings more than %d files along; upload them by POST /files and send their ids.",
            CLO_INTAKE_FILES_MAX);
    if (!intake->request->inline_files)
        intake->request->inline_files = json_array();
    clo_folder_id_make(&clo_folder_files, id);
    name_it(name, part, type);
    json_t *file = json_pack("{s:s, s:s, s:s, s:O, s:I}", "id", id, "name", name, "media", type,
                             "data", data, "at", (json_int_t)(base64 - json_string_value(data)));
    if (!file || json_array_append_new(intake->request->inline_files, file) < 0)
        return clo_problem_internal(intake->problem);
    *to = json_pack("{s:O, s:s, s:s, s:O*}", "type", json_object_get(part, "type"), "file_id", id,
                    "filename", name, "detail", json_is_string(detail) ? detail : NULL);
    return *to ? 0 : clo_problem_internal(intake->problem);
}

static int take_data(struct intake *intake, const json_t *part, const char *field, json_t **to)
{
    char type[CLO_FILE_MEDIA_MAX + 1];
    const json_t *data = json_object_get(part, field);
    const char *text = json_string_value(data), *base64 = base64_of(text, type);
    if (!base64)
        return refuse(intake, 400, "invalid_value", field,
                      "is a data: URL of another form than data:TYPE;base64,DATA.%s", "");
    if (!clo_base64_ok(base64, json_string_length(data) - (size_t)(base64 - text)))
        return refuse(
            intake, 400, "invalid_value", field,
            "is no base64: it must have A-Z, a-z, 0-9, + and / alone, and be padded by =.%s", "");
    return take(intake, part, field, base64, type, to);
}

static bool is_given(const json_t *part, const char *field)
{
    return json_string_length(json_object_get(part, field)) > 0;
}

static int check_file(struct intake *intake, const json_t *part, json_t **to)
{
    bool id = is_given(part, "file_id"), data = is_given(part, "file_data");
    bool empty = json_is_string(json_object_get(part, "file_data")) && !id; /* an empty file */
    if (id && data && !intake->history)
        return refuse(intake, 400, "invalid_value", "file_data",
                      "is there beside file_id; send one of them.%s", "");
    if (id)
        return check_id(intake, part, false);
    if (data || empty)
        return take_data(intake, part, "file_data", to);
    if (intake->history)
        return 0;
    if (is_given(part, "file_url"))
        return refuse(
            intake, 400, "unsupported_parameter", "file_url",
            "is '%.128s': this server fetches nothing from the network. Download it and send it as file_data, or upload it by POST /files and send its file_id.",
            clo_json_text(part, "file_url"));
    return refuse(intake, 400, "missing_required_parameter", "file_id",
                  "is missing; send file_id, or file_data with a filename.%s", "");
}

/* An image by its URL goes to the model, as it is. */
static int check_image(struct intake *intake, const json_t *part, json_t **to)
{
    const char *url = clo_json_text(part, "image_url");
    if (url && strncasecmp(url, "data:", 5) == 0)
        return take_data(intake, part, "image_url", to);
    return url || !is_given(part, "file_id") ? 0 : check_id(intake, part, true);
}

static int check_parts(struct intake *intake, json_t *item, size_t index, const char *field)
{
    json_t *parts = json_object_get(item, field), *part, *changed = NULL;
    size_t at;
    json_array_foreach(parts, at, part) {
        json_t *to = NULL;
        snprintf(intake->param, sizeof intake->param, "input[%zu].%s[%zu]", index, field, at);
        int status = clo_json_is(part, "type", "input_file")    ? check_file(intake, part, &to)
                     : clo_json_is(part, "type", "input_image") ? check_image(intake, part, &to)
                                                                : 0;
        if (status == 0 && to && !changed)
            changed = clo_json_copy(parts); /* the request's body has the same array */
        if (status == 0 && to && json_array_set_new(changed, at, to) < 0)
            status = clo_problem_internal(intake->problem);
        if (status < 0) {
            json_decref(changed);
            return status;
        }
    }
    return !changed || json_object_set_new(item, field, changed) == 0
               ? 0
               : clo_problem_internal(intake->problem);
}

/* What the client itself says, or answers to calls of its own tools. */
static bool is_clients(const json_t *item)
{
    return (clo_json_is(item, "type", "message") && !clo_json_is(item, "role", "assistant")) ||
           clo_json_is(item, "type", "function_call_output");
}

int clo_intake_check(struct clo_file_store *files, struct clo_request *request,
                     struct clo_problem *problem)
{
    struct intake intake = {.files = files, .request = request, .problem = problem};
    size_t now = json_array_size(request->input), index;
    json_t *item;
    while (now > 0 && is_clients(json_array_get(request->input, now - 1)))
        now--;
    json_array_foreach(request->input, index, item) {
        intake.history = index < now;
        if (!is_clients(item))
            continue;
        if (check_parts(&intake, item, index, "content") < 0 ||
            check_parts(&intake, item, index, "output") < 0)
            return CLO_EINVALID;
    }
    if (request->inline_files) /* else the body would keep the data for as long as the turn */
        json_object_del(request->body, "input");
    return 0;
}

/* ---- writing ---- */

struct writing {
    struct clo_file_draft draft;
    struct clo_problem *problem;
};

static int put(void *context, const void *data, size_t length)
{
    struct writing *writing = context;
    return clo_file_draft_write(&writing->draft, data, length, writing->problem);
}

static int write_one(struct clo_file_store *files, const char *user, const json_t *entry,
                     const char *owner, bool stored, struct clo_problem *problem)
{
    struct writing writing = {.problem = problem};
    struct clo_file file = {.bytes = 0};
    const json_t *data = json_object_get(entry, "data");
    size_t at = (size_t)json_integer_value(json_object_get(entry, "at"));
    int status =
        clo_file_draft_begin(files, clo_json_text(entry, "id"), owner, &writing.draft, problem);
    if (status < 0)
        return status;
    writing.draft.fleeting = !stored;
    snprintf(file.name, sizeof file.name, "%s", clo_json_text(entry, "name"));
    snprintf(file.media, sizeof file.media, "%s", clo_json_text(entry, "media"));
    snprintf(file.owner, sizeof file.owner, "%s", owner);
    snprintf(file.user, sizeof file.user, "%s", user);
    strcpy(file.purpose, "user_data");
    status = clo_base64_decode(json_string_value(data) + at, json_string_length(data) - at, put,
                               &writing);
    if (status == 0)
        return clo_file_draft_keep(&writing.draft, &file, problem);
    if (writing.draft.files) { /* the decoder failed, not the disk */
        clo_file_draft_drop(&writing.draft);
        clo_problem_internal(problem);
    }
    return status;
}

int clo_intake_write(struct clo_file_store *files, struct clo_request *request, const char *owner,
                     bool stored, struct clo_problem *problem)
{
    json_t *entry;
    size_t index;
    int status = 0;
    json_array_foreach(request->inline_files, index, entry) {
        status = write_one(files, request->user, entry, owner, stored, problem);
        if (status < 0)
            break;
    }
    json_decref(request->inline_files);
    request->inline_files = NULL;
    return status;
}
