/* artifact_keep.c - see artifact_keep.h. */
#include "sandbox/artifacts/artifact_keep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/artifacts/artifact_state.h"

#define PIECE (64u << 10)

enum kind { FOLDER = 1, FILE_, DATA, TIMES, END };

struct record { /* then the path, or the data */
    uint32_t kind;
    uint32_t length; /* of what follows */
    uint64_t number; /* FOLDER, FILE, END; DATA: the offset */
    uint64_t size;   /* FILE */
    uint64_t accessed_ns, modified_ns, changed_ns;
};

/* ---- out ---- */

struct out {
    struct clo_artifact_tree *tree;
    clo_keep_put put;
    void *context;
    char path[CLO_ARTIFACT_PATH_MAX];
    uint8_t piece[PIECE];
};

static int put_both(struct out *out, const struct record *record, const void *bytes,
                    struct clo_error *error)
{
    int status = out->put(out->context, record, sizeof *record, error);
    if (!status && record->length)
        status = out->put(out->context, bytes, record->length, error);
    return status;
}

/* From the name back to the root. A path is never longer: it was a request's (abi/files.h). */
static uint32_t put_path(struct out *out, const struct clo_artifact_node *node)
{
    size_t length = clo_artifact_path_length(node), at = length;
    if (length > sizeof out->path)
        return UINT32_MAX;
    for (; node->parent; node = node->parent) {
        at -= node->length;
        memcpy(out->path + at, node->name, node->length);
        if (at)
            out->path[--at] = '/';
    }
    return (uint32_t)length;
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
    return !length || (!*bytes && !memcmp(bytes, bytes + 1, length - 1));
}

static int put_data(struct out *out, struct clo_artifact_node *node, struct clo_error *error)
{
    int status = 0;
    for (uint64_t at = 0; at < node->size && node->slot != CLO_NO_SLOT && !status;) {
        size_t got = 0;
        int why = clo_artifact_node_read(out->tree, node, at, out->piece, PIECE, &got);
        if (why) {
            errno = why;
            return clo_fail_errno(error, CLO_ESYSTEM,
                                  "cannot read what the session has in /output");
        }
        if (!is_zero(out->piece, got))
            status =
                put_both(out, &(struct record){.kind = DATA, .length = (uint32_t)got, .number = at},
                         out->piece, error);
        at += got;
    }
    return status;
}

static int put_nodes(struct out *out, bool times, struct clo_error *error)
{
    int status = 0;
    for (struct clo_artifact_node *node = &out->tree->root; node && !status;
         node = clo_artifact_next(node)) {
        struct record record = {.kind = times          ? TIMES
                                        : node->folder ? FOLDER
                                                       : FILE_,
                                .length = put_path(out, node),
                                .number = node->number,
                                .size = node->size,
                                .accessed_ns = node->accessed_ns,
                                .modified_ns = node->modified_ns,
                                .changed_ns = node->changed_ns};
        if (record.length == UINT32_MAX)
            return clo_fail(error, CLO_EINTERNAL, "a path of /output is too long");
        if (!times && !node->parent) /* the root is there */
            continue;
        status = put_both(out, &record, out->path, error);
        if (!status && record.kind == FILE_)
            status = put_data(out, node, error);
    }
    return status;
}

int clo_artifact_keep(struct clo_artifact_tree *tree, clo_keep_put put, void *context,
                      struct clo_error *error)
{
    struct out *out = malloc(sizeof *out);
    if (!out)
        return clo_fail_memory(error);
    out->tree = tree;
    out->put = put;
    out->context = context;
    int status = put_nodes(out, false, error);
    if (!status)
        status = put_nodes(out, true, error);
    if (!status)
        status = put_both(out, &(struct record){.kind = END, .number = tree->numbers}, NULL, error);
    free(out);
    return status;
}

/* ---- in ---- */

struct in {
    struct clo_artifact_tree *tree;
    clo_keep_get get;
    void *context;
    struct clo_artifact_node *file; /* whose data may come */
    uint64_t size;                  /* that it is to have */
    bool names_done;                /* times come */
    char path[CLO_ARTIFACT_PATH_MAX];
    uint8_t piece[PIECE];
};

static int failed(struct in *in, int why, const char *what, struct clo_error *error)
{
    uint64_t value;
    enum clo_limit limit = clo_artifact_tree_refused(in->tree, &value);
    if (!why)
        return 0;
    if (limit) {
        clo_fail(error, CLO_ELIMIT,
                 "/output of the snapshot passes the limit %s, which is %llu here",
                 clo_limit_name(limit), (unsigned long long)value);
        return clo_hint(error, CLO_ELIMIT, "raise it to what the session had when it was kept");
    }
    errno = why;
    return clo_fail_errno(error,
                          why == ENOMEM                 ? CLO_ENOMEMORY
                          : why == EIO || why == ENOSPC ? CLO_ESYSTEM
                                                        : CLO_EINVALID,
                          "cannot make %s of the snapshot's /output", what);
}

static int nonsense(const struct record *record, struct clo_error *error)
{
    return clo_fail(error, CLO_EINVALID,
                    "a record of kind %u with %u bytes in /output of a snapshot", record->kind,
                    record->length);
}

/* A file's data is whole: it gets its size. */
static int end_file(struct in *in, struct clo_error *error)
{
    int why = 0;
    if (in->file && in->size > in->file->size)
        why = clo_artifact_node_resize(in->tree, in->file, in->size, 0);
    else if (in->file && in->size < in->file->size)
        return clo_fail(error, CLO_EINVALID,
                        "a file of the snapshot's /output has data beyond its end");
    in->file = NULL;
    return failed(in, why, "a file", error);
}

/* Names as clo_beneath_valid takes them: none empty, "." or "..", no NUL. */
static bool is_path(const char *path, size_t length)
{
    for (size_t at = 0; at <= length;) {
        const char *slash = at < length ? memchr(path + at, '/', length - at) : NULL;
        size_t name = (slash ? (size_t)(slash - path) : length) - at;
        if (!name || memchr(path + at, '\0', name) || (name == 1 && path[at] == '.') ||
            (name == 2 && path[at] == '.' && path[at + 1] == '.'))
            return false;
        at += name + 1;
    }
    return true;
}

static int get_path(struct in *in, const struct record *record, struct clo_error *error)
{
    if (record->length > sizeof in->path)
        return nonsense(record, error);
    int status = record->length ? in->get(in->context, in->path, record->length, error) : 0;
    if (!status && (record->length ? !is_path(in->path, record->length) : record->kind != TIMES))
        status = nonsense(record, error);
    return status;
}

static int make(struct in *in, const struct record *record, struct clo_error *error)
{
    struct clo_artifact_node *node = NULL;
    int why;
    if (in->names_done)
        return nonsense(record, error);
    if (record->kind == FOLDER) {
        why = clo_artifact_mkdir(in->tree, in->path, record->length, 0);
        if (!why)
            why = clo_artifact_find(in->tree, in->path, record->length, &node);
    } else {
        why = clo_artifact_open(in->tree, in->path, record->length,
                                CLO_ARTIFACT_CREATE | CLO_ARTIFACT_EXCLUSIVE | CLO_ARTIFACT_WRITE,
                                0, &node);
        if (!why) {
            clo_artifact_close(in->tree, node); /* it has a name: it stays */
            in->file = node;
            in->size = record->size;
        }
    }
    if (!why)
        node->number = record->number; /* before there is anything in it, whose hash has it */
    return failed(in, why, record->kind == FOLDER ? "a folder" : "a file", error);
}

static int get_data(struct in *in, const struct record *record, struct clo_error *error)
{
    if (!in->file || !record->length || record->length > PIECE || record->number > in->size ||
        record->length > in->size - record->number)
        return nonsense(record, error);
    int status = in->get(in->context, in->piece, record->length, error);
    for (size_t done = 0, now; !status && done < record->length; done += now) {
        int why = clo_artifact_node_write(in->tree, in->file, record->number + done,
                                          in->piece + done, record->length - done, 0, &now);
        status = failed(in, why, "a file", error);
    }
    return status;
}

static int set_times(struct in *in, const struct record *record, struct clo_error *error)
{
    struct clo_artifact_node *node;
    if (clo_artifact_find(in->tree, in->path, record->length, &node))
        return nonsense(record, error);
    node->accessed_ns = record->accessed_ns;
    node->modified_ns = record->modified_ns;
    node->changed_ns = record->changed_ns;
    in->names_done = true;
    return 0;
}

static int take(struct in *in, const struct record *record, struct clo_error *error)
{
    if (record->kind == DATA)
        return get_data(in, record, error);
    int status = end_file(in, error);
    if (!status && record->kind != END)
        status = get_path(in, record, error);
    if (status)
        return status;
    switch (record->kind) {
    case FOLDER:
    case FILE_: return make(in, record, error);
    case TIMES: return set_times(in, record, error);
    case END: return record->length ? nonsense(record, error) : 0;
    default: return nonsense(record, error);
    }
}

int clo_artifact_bring(struct clo_artifact_tree *tree, clo_keep_get get, void *context,
                       struct clo_error *error)
{
    struct record record = {0};
    struct in *in = calloc(1, sizeof *in);
    if (!in)
        return clo_fail_memory(error);
    in->tree = tree;
    in->get = get;
    in->context = context;
    int status = 0;
    while (!status && record.kind != END) {
        status = get(context, &record, sizeof record, error);
        if (!status)
            status = take(in, &record, error);
    }
    if (!status && record.number > tree->numbers)
        tree->numbers = record.number;
    free(in);
    return status;
}
