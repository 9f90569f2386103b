/* handle_files.c - files: made, listed, shown, read and deleted. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "serve/files/file_name.h"
#include "serve/files/file_object.h"
#include "serve/files/file_store.h"
#include "serve/files/upload.h"
#include "serve/handlers.h"
#include "serve/serve.h"

#define LIST_MAX 10000 /* files of one page, and the default */

void clo_handle_upload(struct clo_exchange *exchange, const char *id)
{
    (void)id;
    clo_upload_end(exchange);
}

/* The file, or the exchange answered. */
static bool load(struct clo_exchange *exchange, const char *id, struct clo_file *file)
{
    struct clo_problem problem;
    int status = clo_file_store_get(exchange->server->files, exchange->user, id, file);
    if (status == 0)
        return true;
    if (status == CLO_ENOTFOUND)
        clo_problem_file_missing(&problem, id, NULL);
    else
        clo_problem_internal(&problem);
    clo_exchange_refuse(exchange, &problem);
    return false;
}

void clo_handle_file(struct clo_exchange *exchange, const char *id)
{
    struct clo_file file;
    if (load(exchange, id, &file))
        clo_exchange_json(exchange, 200, clo_file_json(&file));
}

void clo_handle_file_delete(struct clo_exchange *exchange, const char *id)
{
    struct clo_file file;
    struct clo_problem problem;
    if (!load(exchange, id, &file))
        return;
    int status = clo_store_file_delete(exchange->server->store, id);
    if (status == 0) {
        clo_server_stale(exchange->server);
        clo_exchange_json(exchange, 200,
                          json_pack("{s:s, s:s, s:b}", "id", id, "object", "file", "deleted", 1));
        return;
    }
    if (status == CLO_ENOTFOUND) /* by somebody else, in between */
        clo_problem_file_missing(&problem, id, NULL);
    else
        clo_problem_internal(&problem);
    clo_exchange_refuse(exchange, &problem);
}

/* ---- the list ---- */

static int parse_limit(const char *text, unsigned *limit, struct clo_problem *problem)
{
    char *end;
    *limit = LIST_MAX;
    if (!text)
        return 0;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < 1 || value > LIST_MAX)
        return clo_problem_set(problem, 400, "invalid_value", "limit",
                               "'limit' is '%.32s'; it must be an integer from 1 to %d.", text,
                               LIST_MAX);
    *limit = (unsigned)value;
    return 0;
}

static int parse_order(const char *text, bool *ascending, struct clo_problem *problem)
{
    *ascending = text && strcmp(text, "asc") == 0;
    return !text || *ascending || strcmp(text, "desc") == 0
               ? 0
               : clo_problem_set(problem, 400, "invalid_value", "order",
                                 "'order' is '%.32s'; it must be asc or desc.", text);
}

struct listing {
    json_t *data;
    bool failed;
};

static void add(void *context, const struct clo_file *file)
{
    struct listing *listing = context;
    listing->failed |= json_array_append_new(listing->data, clo_file_json(file)) < 0;
}

static json_t *id_of(const json_t *file)
{
    return file ? json_incref(json_object_get(file, "id")) : json_null();
}

static json_t *page_json(json_t *data, size_t limit)
{
    bool more = json_array_size(data) > limit;
    if (more)
        json_array_remove(data, limit);
    size_t count = json_array_size(data);
    return json_pack("{s:s, s:o, s:o, s:o, s:b}", "object", "list", "data", data, "first_id",
                     id_of(json_array_get(data, 0)), "last_id",
                     id_of(count ? json_array_get(data, count - 1) : NULL), "has_more", more);
}

void clo_handle_files(struct clo_exchange *exchange, const char *id)
{
    struct clo_problem problem;
    struct listing listing = {0};
    struct clo_store_files_page page = {.after = clo_exchange_query(exchange, "after"),
                                        .purpose = clo_exchange_query(exchange, "purpose"),
                                        .user = exchange->user,
                                        .each = add,
                                        .context = &listing};
    unsigned limit;
    (void)id;
    if (parse_limit(clo_exchange_query(exchange, "limit"), &limit, &problem) < 0 ||
        parse_order(clo_exchange_query(exchange, "order"), &page.ascending, &problem) < 0) {
        clo_exchange_refuse(exchange, &problem);
        return;
    }
    page.limit = limit + 1;
    listing.data = json_array();
    int status = listing.data
                     ? clo_store_files(exchange->server->store, clo_file_store_now(), &page)
                     : CLO_ENOMEMORY;
    if (status == 0 && !listing.failed) {
        clo_exchange_json(exchange, 200, page_json(listing.data, limit));
        return;
    }
    json_decref(listing.data);
    if (status == CLO_EINVALID)
        clo_problem_set(&problem, 400, "invalid_value", "after",
                        "'after' is '%.64s', which is the id of no file.", page.after);
    else
        clo_problem_internal(&problem);
    clo_exchange_refuse(exchange, &problem);
}

/* ---- the content ---- */

static bool digits(const char **at, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(*at, &end, 10);
    bool good = **at >= '0' && **at <= '9' && !errno;
    *at = good ? end : *at;
    return good;
}

/* One range of bytes (RFC 9110, 14.1.2). 1: it is in *content; 0: there is none that is served, all is
 * sent; negative: it lies beyond the end. */
static int parse_range(const char *text, struct clo_content *content)
{
    uint64_t first = 0, last = 0;
    if (!text || strncmp(text, "bytes=", 6) != 0)
        return 0;
    text += 6;
    bool has_first = digits(&text, &first);
    if (*text++ != '-')
        return 0;
    bool has_last = digits(&text, &last);
    if (*text || (!has_first && !has_last) || (has_first && has_last && last < first))
        return 0;
    if (!has_first) { /* the last so many */
        if (last == 0 || content->whole == 0)
            return -1;
        first = last < content->whole ? content->whole - last : 0;
        has_last = false;
    }
    if (first >= content->whole)
        return -1;
    if (!has_last || last >= content->whole)
        last = content->whole - 1;
    content->from = first;
    content->length = last - first + 1;
    return 1;
}

/* A range of another content than this one's is none. */
static const char *range_wanted(const struct clo_exchange *exchange, const char *id)
{
    const char *tag = clo_exchange_header(exchange, MHD_HTTP_HEADER_IF_RANGE);
    size_t length = strlen(id);
    if (tag &&
        (tag[0] != '"' || strncmp(tag + 1, id, length) != 0 || strcmp(tag + 1 + length, "\"") != 0))
        return NULL;
    return clo_exchange_header(exchange, MHD_HTTP_HEADER_RANGE);
}

void clo_handle_file_content(struct clo_exchange *exchange, const char *id)
{
    struct clo_file file;
    struct clo_problem problem;
    if (!load(exchange, id, &file))
        return;
    struct clo_content content = {.length = file.bytes, .whole = file.bytes};
    if (parse_range(range_wanted(exchange, id), &content) < 0) {
        clo_problem_set(&problem, 416, "range_not_satisfiable", NULL,
                        "The range lies beyond the end of the file, which has %llu bytes.",
                        (unsigned long long)file.bytes);
        clo_exchange_refuse(exchange, &problem);
        return;
    }
    content.descriptor = clo_file_store_content(exchange->server->files, exchange->user, id);
    if (content.descriptor < 0) {
        if (content.descriptor == CLO_ENOTFOUND)
            clo_problem_file_missing(&problem, id, NULL);
        else
            clo_problem_internal(&problem);
        clo_exchange_refuse(exchange, &problem);
        return;
    }
    memcpy(content.media, file.media, sizeof content.media);
    memcpy(content.tag, file.id, sizeof content.tag);
    content.disposition = clo_file_disposition(file.name);
    clo_exchange_content(exchange, &content);
}
