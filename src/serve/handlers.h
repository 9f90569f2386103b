/* serve/handlers.h - what is behind each path; router.c has the table. A handler runs on an HTTP
 * thread and must not wait: it answers, or hands the exchange over. */
#ifndef CLO_SERVE_HANDLERS_H
#define CLO_SERVE_HANDLERS_H

#include "serve/http/exchange.h"

/* router.c: for struct clo_server. */
void clo_router_dispatch(struct clo_exchange *exchange);
bool clo_router_refuses(const struct clo_exchange *exchange, struct clo_problem *problem);
void clo_router_begin(struct clo_exchange *exchange);

/* handle_create.c, handle_stored.c, handle_models.c, handle_runs.c and handle_files.c: the handlers.
 * `id` is the path's. */
void clo_handle_create(struct clo_exchange *exchange, const char *id);
void clo_handle_invocation(struct clo_exchange *exchange, const char *id);
void clo_handle_get(struct clo_exchange *exchange, const char *id);
void clo_handle_delete(struct clo_exchange *exchange, const char *id);
void clo_handle_cancel(struct clo_exchange *exchange, const char *id);
void clo_handle_input_items(struct clo_exchange *exchange, const char *id);
void clo_handle_run(struct clo_exchange *exchange, const char *id);
void clo_handle_run_delete(struct clo_exchange *exchange, const char *id);
void clo_handle_models(struct clo_exchange *exchange, const char *id);
void clo_handle_model(struct clo_exchange *exchange, const char *id);
void clo_handle_upload(struct clo_exchange *exchange, const char *id);
void clo_handle_files(struct clo_exchange *exchange, const char *id);
void clo_handle_file(struct clo_exchange *exchange, const char *id);
void clo_handle_file_content(struct clo_exchange *exchange, const char *id);
void clo_handle_file_delete(struct clo_exchange *exchange, const char *id);

#endif
