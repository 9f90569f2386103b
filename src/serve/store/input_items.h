/* serve/store/input_items.h - GET /responses/{id}/input_items: one page of a response's input. */
#ifndef CLO_SERVE_STORE_INPUT_ITEMS_H
#define CLO_SERVE_STORE_INPUT_ITEMS_H

#include "serve/protocol/problem.h"
#include "serve/store/store.h"

/* Query parameters as sent; NULL where absent. */
struct clo_input_items_query {
    const char *limit, *order, *after, *before;
};

/* {"object": "list", data, first_id, last_id, has_more}; owned by the caller. In the place of a
 * reference stands what it refers to; `label` is a run's server_label (output_filter.h). */
int clo_input_items_list(struct clo_store *store, const char *user, const char *id,
                         const struct clo_input_items_query *query, const char *label,
                         json_t **list, struct clo_problem *problem);

#endif
