/* input_items.c - checking the page's parameters, and cutting one page from the store. */
#include "serve/store/input_items.h"

#include <stdlib.h>
#include <string.h>

#include "serve/protocol/field.h"
#include "serve/protocol/output_filter.h"
#include "serve/store/model_input.h"

#define LIMIT_DEFAULT 20
#define LIMIT_MAX 100

static int parse(const struct clo_input_items_query *query, struct clo_store_page *page,
                 struct clo_problem *problem)
{
    *page = (struct clo_store_page){LIMIT_DEFAULT, false, query->after, query->before};
    if (query->limit) {
        char *end;
        long limit = strtol(query->limit, &end, 10);
        if (end == query->limit || *end || limit < 1 || limit > LIMIT_MAX)
            return clo_problem_set(problem, 400, "invalid_value", "limit",
                                   "'limit' is '%.32s'; it must be an integer from 1 to %d.",
                                   query->limit, LIMIT_MAX);
        page->limit = (unsigned)limit;
    }
    if (query->order && strcmp(query->order, "asc") != 0 && strcmp(query->order, "desc") != 0)
        return clo_problem_set(problem, 400, "invalid_value", "order",
                               "'order' is '%.32s'; it must be asc or desc.", query->order);
    page->ascending = query->order && strcmp(query->order, "asc") == 0;
    return 0;
}

/* A run as an mcp_call, whatever form its client reads: that is what the reference is to. */
static json_t *run_item(const char *label, json_t *call, json_t *output)
{
    struct clo_output_filter_view view = {CLO_SERVE_ITEMS_MCP, label, NULL};
    json_t *items = json_pack("[O, O*]", call, output);
    json_t *shown = items ? clo_output_filter_output(&view, items) : NULL;
    json_t *item = json_incref(json_array_get(shown, 0));
    json_decref(items);
    json_decref(shown);
    return item;
}

/* What a reference refers to; the reference itself, if that is gone. NULL: out of memory. */
static json_t *referred(struct clo_store *store, const char *user, const char *label,
                        json_t *reference)
{
    const char *id = json_string_value(json_object_get(reference, "id"));
    json_t *call, *output, *found = NULL;
    int status = clo_model_input_run(store, user, id, &call, &output);
    if (call)
        found = run_item(label, call, output);
    else if (status == 0)
        status = clo_store_item(store, user, id, &found);
    json_decref(call);
    json_decref(output);
    return status == CLO_ENOTFOUND ? json_incref(reference) : found;
}

static int resolve(struct clo_store *store, const char *user, const char *label, json_t *items)
{
    json_t *item;
    size_t index;
    json_array_foreach(items, index, item) {
        const char *type = json_string_value(json_object_get(item, "type"));
        if (type && strcmp(type, "item_reference") == 0 &&
            json_array_set_new(items, index, referred(store, user, label, item)) < 0)
            return CLO_ENOMEMORY;
    }
    return 0;
}

/* Clients read a status in every item; one that was sent without is what was sent, whole. */
static int add_status(json_t *items)
{
    json_t *item;
    size_t index;
    int failed = 0;
    json_array_foreach(items, index, item) {
        if (!clo_field_get(item, "status"))
            failed |= json_object_set_new(item, "status", json_string("completed"));
    }
    return failed ? CLO_ENOMEMORY : 0;
}

static json_t *id_of(const json_t *items, size_t index)
{
    json_t *id = json_object_get(json_array_get(items, index), "id");
    return id ? json_incref(id) : json_null();
}

int clo_input_items_list(struct clo_store *store, const char *user, const char *id,
                         const struct clo_input_items_query *query, const char *label,
                         json_t **list, struct clo_problem *problem)
{
    struct clo_store_page page;
    if (parse(query, &page, problem) < 0)
        return CLO_EINVALID;
    json_t *items = json_array();
    int status = clo_store_input(store, id, &page, items);
    if (status == 0)
        status = resolve(store, user, label, items);
    if (status == 0)
        status = add_status(items);
    if (status < 0) {
        json_decref(items);
        return status == CLO_EINVALID
                   ? clo_problem_set(problem, 400, "invalid_value", page.after ? "after" : "before",
                                     "The cursor '%.128s' is no input item of response '%.128s'.",
                                     page.after ? page.after : page.before, id)
                   : clo_problem_internal(problem);
    }
    bool more = json_array_size(items) > page.limit;
    if (more)
        json_array_remove(items, json_array_size(items) - 1);
    size_t last = json_array_size(items) - 1; /* wraps when empty, and then names nothing */
    *list = json_pack("{s:s, s:O, s:o, s:o, s:b}", "object", "list", "data", items, "first_id",
                      id_of(items, 0), "last_id", id_of(items, last), "has_more", more);
    json_decref(items);
    return *list ? 0 : clo_problem_internal(problem);
}
