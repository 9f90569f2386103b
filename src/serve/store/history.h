/* serve/store/history.h - everything a model needs to see: what came before, then what is new.
 *
 * `previous_response_id` is followed back to its beginning, `conversation` is read in order. The
 * result is always valid input: a function_call and its function_call_output come in pairs,
 * reasoning is followed by what it led to, messages are not empty. So a turn that failed half-way
 * cannot poison the next one.
 */
#ifndef CLO_SERVE_STORE_HISTORY_H
#define CLO_SERVE_STORE_HISTORY_H

#include "serve/protocol/request.h"
#include "serve/store/store.h"

#define CLO_HISTORY_RESPONSES_MAX 1000 /* links of one chain */
#define CLO_HISTORY_ITEMS_MAX 10000    /* items of history and request together */

/* Cheap, before the request is accepted: the previous response exists and is finished. Fills in
 * the session it belongs to, if the request names none. */
int clo_history_check(struct clo_store *store, struct clo_request *request,
                      struct clo_problem *problem);

/* What becomes of items once they are in the form that models know; NULL: nothing. May change them and
 * the arrays of their parts, not the parts. */
struct clo_history_view {
    int (*show)(void *context, json_t *items, struct clo_problem *problem);
    void *context;
};

/* The whole input. *input is owned by the caller. `view` may be NULL. */
int clo_history_load(struct clo_store *store, const struct clo_request *request,
                     const struct clo_history_view *view, json_t **input,
                     struct clo_problem *problem);

/* The same rules on items at hand: drop from `items` what would not be valid input. */
int clo_history_tidy(json_t *items);

#endif
