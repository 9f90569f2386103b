/* exchange.c - answering an exchange: what it is told, and how that becomes an HTTP response. */
#include "serve/http/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve/protocol/invocation.h"
#include "serve/protocol/response.h"

const char *clo_exchange_header(const struct clo_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

const char *clo_exchange_query(const struct clo_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, name);
}

int clo_exchange_items(const struct clo_exchange *exchange, enum clo_serve_items *items,
                       struct clo_problem *problem)
{
    return clo_output_filter_choose(clo_exchange_header(exchange, "x-cloche-items"),
                                    clo_exchange_header(exchange, "x-cloche-output"),
                                    exchange->server->config.items, items, problem);
}

void clo_exchange_text(struct clo_exchange *exchange, unsigned status, char *text)
{
    static const char broken[] =
        "{\"error\":{\"message\":\"The server is out of memory; try again later.\","
        "\"type\":\"server_error\",\"code\":\"server_error\",\"param\":null}}";
    free(exchange->text);
    exchange->status = text ? status : 500;
    exchange->text = text ? text : strdup(broken);
}

void clo_exchange_json(struct clo_exchange *exchange, unsigned status, json_t *json)
{
    clo_exchange_text(exchange, status, clo_response_text(json));
    json_decref(json);
}

void clo_exchange_refuse(struct clo_exchange *exchange, const struct clo_problem *problem)
{
    exchange->retry_after = problem->retry_after;
    free(exchange->error_detail);
    exchange->error_detail = strdup(problem->message);
    clo_exchange_json(exchange, problem->status,
                      exchange->invocation ? clo_invocation_problem(problem)
                                           : clo_problem_json(problem));
}

void clo_exchange_content(struct clo_exchange *exchange, const struct clo_content *content)
{
    exchange->content = malloc(sizeof *content);
    if (exchange->content && content->disposition) {
        *exchange->content = *content;
        exchange->status = content->length == content->whole ? 200 : 206;
        return;
    }
    close(content->descriptor);
    free(content->disposition);
    free(exchange->content);
    exchange->content = NULL;
    clo_exchange_text(exchange, 500, NULL);
}

static void watch(struct clo_exchange *exchange, const struct clo_answerer *answerer)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    exchange->watch = clo_disconnect_watch_add(exchange->server->watch, info->connect_fd, answerer);
}

void clo_exchange_stream(struct clo_exchange *exchange, struct clo_event_stream *stream)
{
    if (!exchange->watch)
        watch(exchange, NULL);
    clo_disconnect_watch_stream(exchange->server->watch, exchange->watch, stream);
    exchange->stream = stream;
    exchange->status = 200;
}

void clo_exchange_suspend(struct clo_exchange *exchange)
{
    watch(exchange, &exchange->answerer);
    exchange->suspended = true;
    MHD_suspend_connection(exchange->connection);
}

void clo_exchange_resume(struct clo_exchange *exchange)
{
    MHD_resume_connection(exchange->connection);
}
