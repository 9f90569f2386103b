/* handle_stored.c - reading, cancelling and deleting stored responses.
 *
 * A foreground response in flight is not in the store, so it does not exist here until it is
 * finished; only its cancellation is answered otherwise, with the reason why it cannot be.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "serve/handlers.h"
#include "serve/job/response_job.h"
#include "serve/store/input_items.h"
#include "serve/store/store.h"

/* In progress by the store, and in nobody's hands: what it came to could not be stored. It has
 * failed, and the store is told again, where there may be room by now. */
static int fail_lost(struct clo_server *server, struct clo_record *record)
{
    json_t *error =
        json_pack("{s:s, s:s}", "code", "server_error", "message", CLO_RESPONSE_NOT_STORED);
    if (json_object_set_new(record->response, "error", error) < 0 ||
        json_object_set_new(record->response, "status", json_string("failed")) < 0) {
        clo_record_clear(record);
        return CLO_ENOMEMORY;
    }
    snprintf(record->status, sizeof record->status, "failed");
    clo_store_update(server->store, record->id, record->response, NULL, NULL);
    return 0;
}

static int get(struct clo_server *server, const char *user, const char *id,
               struct clo_record *record)
{
    int status = clo_store_get(server->store, user, id, record);
    if (status < 0 || clo_status_final(record->status))
        return status;
    struct clo_response_job *job = clo_in_flight_find(server->in_flight, id);
    if (job) {
        clo_response_job_release(job);
        return 0;
    }
    clo_record_clear(record); /* it may have ended in between */
    status = clo_store_get(server->store, user, id, record);
    return status < 0 || clo_status_final(record->status) ? status : fail_lost(server, record);
}

/* The record, or the exchange answered. */
static bool load(struct clo_exchange *exchange, const char *id, struct clo_record *record)
{
    struct clo_problem problem;
    int status = get(exchange->server, exchange->user, id, record);
    if (status < 0) {
        if (status == CLO_ENOTFOUND)
            clo_problem_response_missing(&problem, id);
        else
            clo_problem_internal(&problem);
        clo_exchange_refuse(exchange, &problem);
        return false;
    }
    clo_name_copy(exchange->response_id, record->id);
    clo_name_copy(exchange->session, record->session);
    return true;
}

/* 1 for true, 0 for false or absent, negative: the problem is filled. */
static int wants_stream(const struct clo_exchange *exchange, struct clo_problem *problem)
{
    const char *stream = clo_exchange_query(exchange, "stream");
    if (!stream || strcmp(stream, "false") == 0)
        return 0;
    if (strcmp(stream, "true") == 0)
        return 1;
    return clo_problem_set(problem, 400, "invalid_value", "stream",
                           "'stream' is '%.32s'; it must be true or false.", stream);
}

static int parse_starting_after(const struct clo_exchange *exchange, uint64_t *from,
                                struct clo_problem *problem)
{
    const char *text = clo_exchange_query(exchange, "starting_after");
    char *end;
    *from = 0;
    if (!text)
        return 0;
    errno = 0;
    long long after = strtoll(text, &end, 10);
    if (end == text || *end || errno || after < 0)
        return clo_problem_set(
            problem, 400, "invalid_value", "starting_after",
            "'starting_after' is '%.32s'; it must be the sequence_number of an event, from 0.",
            text);
    *from = (uint64_t)after + 1;
    return 0;
}

static int replay(struct clo_exchange *exchange, const struct clo_record *record,
                  struct clo_problem *problem)
{
    uint64_t from;
    if (!record->background)
        return clo_problem_set(
            problem, 400, "invalid_value", "stream",
            "Response '%s' has no events to replay; only responses created with \"background\": true can be streamed again.",
            record->id);
    if (parse_starting_after(exchange, &from, problem) < 0)
        return CLO_EINVALID;
    struct clo_response_job *job = clo_in_flight_find(exchange->server->in_flight, record->id);
    struct clo_event_stream *stream =
        clo_response_job_replay(exchange->server, job, record->id, from, exchange->connection);
    clo_response_job_release(job);
    if (!stream)
        return clo_problem_internal(problem);
    clo_exchange_stream(exchange, stream);
    return 0;
}

static int show(struct clo_exchange *exchange, const struct clo_record *record,
                struct clo_problem *problem)
{
    struct clo_output_filter_view view = {.label = exchange->server->label,
                                          .tools = json_object_get(record->response, "tools")};
    if (clo_exchange_items(exchange, &view.items, problem) < 0)
        return CLO_EINVALID;
    json_t *output = clo_output_filter_output(&view, json_object_get(record->response, "output"));
    if (json_object_set_new(record->response, "output", output) < 0)
        return clo_problem_internal(problem);
    clo_exchange_json(exchange, 200, json_incref(record->response));
    return 0;
}

void clo_handle_get(struct clo_exchange *exchange, const char *id)
{
    struct clo_record record;
    struct clo_problem problem;
    if (!load(exchange, id, &record))
        return;
    int stream = wants_stream(exchange, &problem);
    if (stream > 0)
        stream = replay(exchange, &record, &problem);
    else if (stream == 0)
        stream = show(exchange, &record, &problem);
    if (stream < 0)
        clo_exchange_refuse(exchange, &problem);
    clo_record_clear(&record);
}

void clo_handle_delete(struct clo_exchange *exchange, const char *id)
{
    struct clo_record record;
    struct clo_problem problem;
    if (!load(exchange, id, &record))
        return;
    int status = 0;
    if (!clo_status_final(record.status))
        status = clo_problem_set(
            &problem, 400, "invalid_value", NULL,
            "Response '%s' is still %s; an in-flight response cannot be deleted. Cancel it first.",
            id, record.status);
    else if (clo_store_delete(exchange->server->store, id) < 0)
        status = clo_problem_internal(&problem);
    if (status < 0)
        clo_exchange_refuse(exchange, &problem);
    else
        clo_exchange_json(
            exchange, 200,
            json_pack("{s:s, s:s, s:b}", "id", id, "object", "response", "deleted", 1));
    clo_server_stale(exchange->server);
    clo_record_clear(&record);
}

static int cannot_cancel(struct clo_problem *problem, const char *what)
{
    return clo_problem_set(problem, 400, "invalid_value", NULL, "%s response cannot be cancelled.",
                           what);
}

static int check_cancelled(const struct clo_record *record, struct clo_problem *problem)
{
    if (!record->background)
        return cannot_cancel(problem, "A synchronous");
    if (strcmp(record->status, "cancelled") == 0)
        return 0;
    return cannot_cancel(problem, strcmp(record->status, "incomplete") == 0 ? "An incomplete"
                                  : strcmp(record->status, "failed") == 0   ? "A failed"
                                                                            : "A completed");
}

void clo_handle_cancel(struct clo_exchange *exchange, const char *id)
{
    struct clo_record record;
    struct clo_problem problem;
    struct clo_response_job *job = clo_in_flight_find(exchange->server->in_flight, id);
    if (job && strcmp(job->request.user, exchange->user) != 0) { /* another's: it is not there */
        clo_response_job_release(job);
        job = NULL;
    }
    bool synchronous = job && !job->request.background;
    if (job && !synchronous)
        clo_response_job_cancel(job, CLO_JOB_CANCELLED);
    clo_response_job_release(job);
    if (synchronous) {
        cannot_cancel(&problem, "A synchronous");
        clo_exchange_refuse(exchange, &problem);
        return;
    }
    if (!load(exchange, id, &record))
        return;
    if (check_cancelled(&record, &problem) < 0)
        clo_exchange_refuse(exchange, &problem);
    else
        clo_exchange_json(exchange, 200, json_incref(record.response));
    clo_record_clear(&record);
}

void clo_handle_input_items(struct clo_exchange *exchange, const char *id)
{
    struct clo_record record;
    struct clo_problem problem;
    json_t *list;
    struct clo_input_items_query query = {
        .limit = clo_exchange_query(exchange, "limit"),
        .order = clo_exchange_query(exchange, "order"),
        .after = clo_exchange_query(exchange, "after"),
        .before = clo_exchange_query(exchange, "before"),
    };
    if (!load(exchange, id, &record))
        return;
    if (clo_input_items_list(exchange->server->store, exchange->user, id, &query,
                             exchange->server->label, &list, &problem) < 0)
        clo_exchange_refuse(exchange, &problem);
    else
        clo_exchange_json(exchange, 200, list);
    clo_record_clear(&record);
}
