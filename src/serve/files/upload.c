/* upload.c - see upload.h. What a multipart body has to hold is in upload_form.c. */
#include "serve/files/upload.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/thread/executor.h"
#include "serve/files/file_object.h"
#include "serve/files/file_store.h"
#include "serve/files/upload_form.h"

#define PARSER_BUFFER (32u << 10) /* bytes; a part's header line may be so long */

struct upload {
    struct clo_task task; /* first: the executor hands this back */
    struct clo_server *server;
    struct MHD_Connection *connection;
    pthread_mutex_t lock; /* guards: */
    unsigned references;
    bool busy;
    uint64_t held_ns, held_since; /* suspended */
    /* The HTTP thread's, or while it is busy the task's. */
    struct MHD_PostProcessor *parser;
    struct clo_upload_form form;
    struct clo_exchange *exchange; /* set: the body is whole, and this is to be answered */
    uint64_t started_ns;
    size_t gathered;
    char bytes[CLO_UPLOAD_GATHER + CLO_SERVE_CONNECTION_MEMORY];
};

static void upload_retain(void *context)
{
    struct upload *upload = context;
    pthread_mutex_lock(&upload->lock);
    upload->references++;
    pthread_mutex_unlock(&upload->lock);
}

static void upload_release(void *context)
{
    struct upload *upload = context;
    pthread_mutex_lock(&upload->lock);
    bool last = --upload->references == 0;
    pthread_mutex_unlock(&upload->lock);
    if (!last)
        return;
    if (upload->parser)
        MHD_destroy_post_processor(upload->parser);
    clo_upload_form_clear(&upload->form);
    pthread_mutex_destroy(&upload->lock);
    atomic_fetch_sub(&upload->server->uploads, 1);
    free(upload);
}

/* ---- the task ---- */

static void parse(struct upload *upload)
{
    if (MHD_post_process(upload->parser, upload->bytes, upload->gathered) != MHD_YES &&
        !upload->form.refused)
        clo_upload_malformed(&upload->form);
    upload->gathered = 0;
}

/* Nobody but this thread has the exchange. */
static void answer(struct upload *upload)
{
    struct clo_file file;
    struct clo_problem problem;
    struct clo_exchange *exchange = upload->exchange;
    if (!upload->form.refused && upload->gathered)
        parse(upload);
    bool whole = MHD_destroy_post_processor(upload->parser) == MHD_YES;
    upload->parser = NULL;
    if (!upload->form.refused && !whole)
        clo_upload_malformed(&upload->form);
    if (clo_upload_form_keep(&upload->form, &file, &problem) < 0)
        clo_exchange_refuse(exchange, &problem);
    else
        clo_exchange_json(exchange, 200, clo_file_json(&file));
    clo_exchange_resume(exchange);
}

static void work(struct clo_task *task)
{
    struct upload *upload = (struct upload *)task;
    if (upload->exchange) {
        answer(upload);
    } else {
        parse(upload);
        pthread_mutex_lock(&upload->lock);
        upload->busy = false;
        upload->held_ns += clo_monotonic_ns() - upload->held_since;
        MHD_resume_connection(upload->connection);
        pthread_mutex_unlock(&upload->lock);
    }
    upload_release(upload);
}

/* ---- the HTTP thread ---- */

static void busy_disk(struct clo_exchange *exchange)
{
    struct clo_problem problem;
    clo_problem_set(
        &problem, 503, "overloaded", NULL,
        "The server takes as many uploads as it can (%d at once); try again in a moment.",
        CLO_SERVE_UPLOADS_MAX);
    problem.retry_after = 1;
    clo_exchange_refuse(exchange, &problem);
}

static void shutting_down(struct clo_exchange *exchange)
{
    struct clo_problem problem;
    clo_problem_set(&problem, 503, "shutting_down", NULL,
                    "The server is shutting down; try another replica or try again later.");
    problem.retry_after = 5;
    clo_exchange_refuse(exchange, &problem);
}

static bool is_too_slow(const struct upload *upload, uint64_t received)
{
    uint64_t passed = clo_monotonic_ns() - upload->started_ns - upload->held_ns;
    return passed / 1000000u > CLO_UPLOAD_GRACE_MS + received * 1000u / CLO_UPLOAD_RATE_MIN;
}

static bool cut_off(struct clo_exchange *exchange)
{
    struct clo_problem problem; /* for the log: nobody reads it */
    clo_problem_set(&problem, 408, "request_timeout", NULL, "The upload came too slowly.");
    clo_exchange_refuse(exchange, &problem);
    return false;
}

/* With the lock held: what was gathered goes to the disk, and the client waits. */
static bool write_out(struct upload *upload)
{
    upload->busy = true;
    upload->references++; /* the task's */
    upload->held_since = clo_monotonic_ns();
    MHD_suspend_connection(upload->connection);
    if (clo_lane_add(upload->server->disk, &upload->task, NULL) == 0)
        return true;
    upload->busy = false;
    upload->references--;
    MHD_resume_connection(upload->connection);
    return false;
}

static bool take(void *context, struct clo_exchange *exchange, const char *data, size_t *length)
{
    struct upload *upload = context;
    struct clo_problem problem;
    pthread_mutex_lock(&upload->lock);
    bool busy = upload->busy, fits = *length <= sizeof upload->bytes - upload->gathered;
    if (busy) {
        /* resumed while the library still hands out what it has: it comes again */
    } else if (atomic_load(&exchange->server->no_uploads)) {
        shutting_down(exchange);
    } else if (upload->form.refused) {
        problem = upload->form.problem;
        clo_exchange_refuse(exchange, &problem);
    } else if (is_too_slow(upload, exchange->received)) {
        pthread_mutex_unlock(&upload->lock);
        return cut_off(exchange);
    } else {
        size_t some = fits ? *length : sizeof upload->bytes - upload->gathered;
        memcpy(upload->bytes + upload->gathered, data, some);
        upload->gathered += some;
        *length -= some;
        if (upload->gathered >= CLO_UPLOAD_GATHER && !write_out(upload))
            busy_disk(exchange);
    }
    pthread_mutex_unlock(&upload->lock);
    return true;
}

static void too_long(struct clo_exchange *exchange)
{
    struct clo_problem problem;
    clo_problem_set(
        &problem, 413, "file_too_large", "file",
        "The file is larger than %llu bytes, the most that one may have (serve.files.max_bytes).",
        (unsigned long long)clo_file_store_max_bytes(exchange->server->files));
    clo_exchange_refuse(exchange, &problem);
}

/* Its client may go: a file that is whole is kept. */
static void client_gone(void *context)
{
    (void)context;
}

static const char *nothing(void *context)
{
    (void)context;
    return NULL;
}

static struct upload *make(struct clo_exchange *exchange, struct clo_problem *problem)
{
    struct clo_server *server = exchange->server;
    struct upload *upload = malloc(sizeof *upload);
    if (!upload) {
        clo_problem_internal(problem);
        return NULL;
    }
    memset(upload, 0, offsetof(struct upload, bytes));
    upload->task.run = work;
    upload->server = server;
    upload->connection = exchange->connection;
    upload->references = 1;
    upload->started_ns = clo_monotonic_ns();
    clo_upload_form_init(&upload->form, server->files);
    memcpy(upload->form.user, exchange->user, sizeof upload->form.user);
    pthread_mutex_init(&upload->lock, NULL);
    atomic_fetch_add(&server->uploads, 1);
    upload->parser = MHD_create_post_processor(exchange->connection, PARSER_BUFFER,
                                               clo_upload_form_part, &upload->form);
    if (upload->parser)
        return upload;
    upload_release(upload);
    clo_problem_set(
        problem, 400, "invalid_multipart", NULL,
        "The header Content-Type is multipart/form-data, but without a boundary of 2 to 70 characters.");
    return NULL;
}

static bool is_multipart(const struct clo_exchange *exchange)
{
    static const char wanted[] = MHD_HTTP_POST_ENCODING_MULTIPART_FORMDATA;
    const char *type = clo_exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE);
    return type && strncasecmp(type, wanted, sizeof wanted - 1) == 0;
}

void clo_upload_begin(struct clo_exchange *exchange)
{
    static const struct clo_body_sink_calls calls = {take, upload_release};
    struct clo_problem problem;
    if (atomic_load(&exchange->server->stopping)) {
        shutting_down(exchange);
        return;
    }
    if (!is_multipart(exchange)) {
        clo_problem_set(
            &problem, 400, "invalid_content_type", NULL,
            "The body must be multipart/form-data with the fields 'file' and 'purpose'; the header Content-Type is '%.64s'.",
            clo_exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE)
                ? clo_exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE)
                : "");
        clo_exchange_refuse(exchange, &problem);
        return;
    }
    if (atomic_load(&exchange->server->uploads) >= CLO_SERVE_UPLOADS_MAX) {
        busy_disk(exchange);
        return;
    }
    struct upload *upload = make(exchange, &problem);
    if (!upload) {
        clo_exchange_refuse(exchange, &problem);
        return;
    }
    exchange->sink = (struct clo_body_sink){
        .calls = &calls,
        .context = upload,
        .max = clo_file_store_max_bytes(exchange->server->files) + CLO_UPLOAD_OVERHEAD,
        .too_long = too_long};
}

void clo_upload_end(struct clo_exchange *exchange)
{
    static const struct clo_answerer_calls calls = {upload_retain, upload_release, client_gone,
                                                    nothing, nothing};
    struct upload *upload = exchange->sink.context;
    if (atomic_load(&exchange->server->no_uploads)) {
        shutting_down(exchange);
        return;
    }
    upload_retain(upload); /* the exchange's, as its answerer */
    exchange->answerer = (struct clo_answerer){&calls, upload};
    upload_retain(upload); /* the task's */
    upload->exchange = exchange;
    clo_exchange_suspend(exchange);
    if (clo_lane_add(exchange->server->disk, &upload->task, NULL) == 0)
        return;
    upload->exchange = NULL;
    busy_disk(exchange);
    clo_exchange_resume(exchange);
    upload_release(upload);
}
