/* http.c - the daemon: threads, limits, bodies coming in, answers going out.
 *
 * The library calls on_request several times for one request: first without a body, then for each
 * piece of it, then once more when it is whole; and again after a suspended connection is resumed.
 */
#include "serve/http/http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "serve/http/exchange.h"
#include "serve/log.h"

struct clo_http {
    struct MHD_Daemon *daemon;
    int listener;
    atomic_uint exchanges; /* under way */
};

/* Behind the segments of `pattern`, of which '*' is any one; NULL: the path does not begin with
 * them. */
static const char *behind(const char *path, const char *pattern)
{
    for (; *pattern; pattern++) {
        size_t any = *pattern == '*' ? strcspn(path, "/") : 0;
        if (*pattern == '*' ? !any : *path != *pattern)
            return NULL;
        path += *pattern == '*' ? any : 1;
    }
    return *path == '/' ? path : NULL;
}

/* Clients of other services ask for responses below the paths that these have; what is a project's
 * or an agent's name there means nothing here. */
static char *path_without_prefix(const char *url)
{
    static const char *const elsewhere[] = {"/openai/v1", "/api/projects/*/openai/v1",
                                            "/api/projects/*/agents/*"};
    const char *path = behind(url, "/v1");
    for (size_t i = 0; !path && i < sizeof elsewhere / sizeof *elsewhere; i++) {
        const char *rest = behind(url, elsewhere[i]);
        if (rest && strncmp(rest, "/responses", 10) == 0 && (rest[10] == '/' || !rest[10]))
            path = rest;
    }
    return strdup(path ? path : url);
}

/* The one that came, else the id of the trace that it belongs to, else a new one. */
static void take_request_id(struct clo_exchange *exchange)
{
    const char *given = clo_exchange_header(exchange, "x-request-id");
    char trace[CLO_TRACE_ID_MAX + 1];
    clo_trace_take(clo_exchange_header(exchange, "traceparent"), exchange->traceparent);
    clo_trace_id(exchange->traceparent, trace);
    if (given && clo_name_ok(given))
        clo_name_copy(exchange->request_id, given);
    else if (trace[0])
        clo_name_copy(exchange->request_id, trace);
    else
        clo_id_make(exchange->request_id, "req");
}

static struct clo_exchange *exchange_new(struct clo_server *server,
                                         struct MHD_Connection *connection, const char *url,
                                         const char *method)
{
    struct clo_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->method = strdup(method);
    exchange->path = path_without_prefix(url);
    if (!exchange->method || !exchange->path) {
        free(exchange->method);
        free(exchange->path);
        free(exchange);
        return NULL;
    }
    exchange->server = server;
    exchange->connection = connection;
    if (server->config.hosted &&
        clo_user_take(clo_exchange_header(exchange, "x-agent-user-id"), exchange->user) < 0) {
        free(exchange->method);
        free(exchange->path);
        free(exchange);
        return NULL;
    }
    exchange->started_ns = clo_monotonic_ns();
    exchange->body = CLO_BUFFER(CLO_SERVE_BODY_MAX);
    take_request_id(exchange);
    atomic_fetch_add(&server->http->exchanges, 1);
    return exchange;
}

static void content_free(struct clo_content *content)
{
    if (!content)
        return;
    if (content->descriptor >= 0)
        close(content->descriptor);
    free(content->disposition);
    free(content);
}

static void exchange_free(struct clo_exchange *exchange)
{
    struct clo_server *server = exchange->server;
    const struct clo_answerer *answerer = &exchange->answerer;
    if (exchange->stream)
        clo_event_stream_detach(exchange->stream);
    clo_disconnect_watch_remove(server->watch, exchange->watch);
    char trace[CLO_TRACE_ID_MAX + 1];
    clo_trace_id(exchange->traceparent, trace);
    struct clo_log_request line = {
        .method = exchange->method,
        .path = exchange->path,
        .request_id = exchange->request_id,
        .trace_id = trace,
        .response_id = exchange->response_id,
        .outcome = answerer->calls ? answerer->calls->outcome(answerer->context) : NULL,
        .isolation = answerer->calls ? answerer->calls->isolation(answerer->context) : NULL,
        .status = exchange->status,
        .milliseconds = (clo_monotonic_ns() - exchange->started_ns) / 1000000u,
    };
    clo_log_request(&line);
    atomic_fetch_sub(&server->bodies, exchange->charge);
    clo_event_stream_release(exchange->stream);
    if (answerer->calls)
        answerer->calls->release(answerer->context);
    if (exchange->sink.calls)
        exchange->sink.calls->release(exchange->sink.context);
    content_free(exchange->content);
    clo_buffer_free(&exchange->body);
    free(exchange->text);
    free(exchange->error_detail);
    free(exchange->method);
    free(exchange->path);
    free(exchange);
    atomic_fetch_sub(&server->http->exchanges, 1);
}

/* Whatever the file says that it is, a browser stores it and shows nothing of it as a page of this
 * server. */
static void add_content_headers(const struct clo_content *content, struct MHD_Response *response)
{
    char tag[CLO_ID_MAX + 3], range[80];
    snprintf(tag, sizeof tag, "\"%s\"", content->tag);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content->media);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION, content->disposition);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Content-Security-Policy", "sandbox; default-src 'none'");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "private, no-cache");
    MHD_add_response_header(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, tag);
    if (content->length == content->whole)
        return;
    snprintf(range, sizeof range, "bytes %llu-%llu/%llu", (unsigned long long)content->from,
             (unsigned long long)(content->from + content->length - 1),
             (unsigned long long)content->whole);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, range);
}

/* Whose fault an error is, for the platform in front: the request's (user), this server's or its
 * limits' (platform), the model's (upstream); and what it was, as visible ASCII. */
static void add_error_headers(const struct clo_exchange *exchange, struct MHD_Response *response)
{
    const char *source = exchange->error_source;
    bool limits = exchange->status == MHD_HTTP_TOO_MANY_REQUESTS;
    if (!source)
        source = exchange->status >= 500 || limits ? "platform" : "user";
    MHD_add_response_header(response, "x-platform-error-source", source);
    for (char *at = exchange->error_detail; at && *at; at++)
        *at = *at >= ' ' && *at <= '~' ? *at : '?';
    if (exchange->error_detail && exchange->error_detail[0])
        MHD_add_response_header(response, "x-platform-error-detail", exchange->error_detail);
}

static void add_headers(const struct clo_exchange *exchange, struct MHD_Response *response)
{
    char number[16], session[CLO_ID_MAX];
    MHD_add_response_header(response, "x-request-id", exchange->request_id);
    MHD_add_response_header(response, "x-platform-server", "cloche/" CLO_VERSION);
    if (!exchange->session[0]) /* what belongs to none begins one */
        clo_id_make(session, "sess");
    MHD_add_response_header(response, "x-agent-session-id",
                            exchange->session[0] ? exchange->session : session);
    if (exchange->invocation_id[0])
        MHD_add_response_header(response, "x-agent-invocation-id", exchange->invocation_id);
    if (exchange->status >= 400)
        add_error_headers(exchange, response);
    if (exchange->allow)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, exchange->allow);
    if (exchange->retry_after) {
        snprintf(number, sizeof number, "%u", exchange->retry_after);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, number);
    }
    if (exchange->content) {
        add_content_headers(exchange->content, response);
    } else if (exchange->stream) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                "text/event-stream; charset=utf-8");
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
        MHD_add_response_header(response, "X-Accel-Buffering", "no");
    } else {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    }
}

static enum MHD_Result send_answer(struct clo_exchange *exchange)
{
    struct MHD_Response *response;
    if (exchange->content) {
        struct clo_content *content = exchange->content;
        response = MHD_create_response_from_fd_at_offset64(content->length, content->descriptor,
                                                           content->from);
        if (response)
            content->descriptor = -1; /* the response closes it */
    } else if (exchange->stream) {
        response = clo_event_stream_response(exchange->stream);
    } else {
        if (!exchange->text)
            return MHD_NO;
        response = MHD_create_response_from_buffer(strlen(exchange->text), exchange->text,
                                                   MHD_RESPMEM_MUST_FREE);
        if (response)
            exchange->text = NULL;
    }
    if (!response)
        return MHD_NO;
    add_headers(exchange, response);
    enum MHD_Result queued = MHD_queue_response(exchange->connection, exchange->status, response);
    MHD_destroy_response(response);
    return queued;
}

static void body_too_large(struct clo_exchange *exchange)
{
    struct clo_problem problem;
    clo_problem_set(
        &problem, 413, "request_too_large", NULL,
        "The body is larger than %u MiB; send less, for instance by naming a previous_response_id in place of the whole history.",
        CLO_SERVE_BODY_MAX >> 20);
    clo_exchange_refuse(exchange, &problem);
    clo_buffer_free(&exchange->body);
}

static void no_room_for_body(struct clo_exchange *exchange)
{
    struct clo_problem problem;
    clo_problem_set(&problem, 503, "overloaded", NULL,
                    "The server holds as many request bodies as it can; try again in a moment.");
    problem.retry_after = 1;
    clo_exchange_refuse(exchange, &problem);
    clo_buffer_free(&exchange->body);
}

/* A piece for a sink; *length is what it left. */
static enum MHD_Result hand_on(struct clo_exchange *exchange, const char *data, size_t *length)
{
    size_t given = *length;
    if (exchange->received + given > exchange->sink.max)
        exchange->sink.too_long(exchange);
    else if (!exchange->sink.calls->take(exchange->sink.context, exchange, data, length))
        return MHD_NO;
    if (exchange->status)
        *length = 0;
    exchange->received += given - *length;
    return MHD_YES;
}

/* One piece of the body. Once the request is refused the rest is read away, so that the client
 * gets to read the answer; MHD_NO (the connection is closed) beyond a limit. */
static enum MHD_Result take_body(struct clo_exchange *exchange, const char *data, size_t *left)
{
    size_t length = *left;
    if (exchange->sink.calls && !exchange->status)
        return hand_on(exchange, data, left);
    *left = 0;
    exchange->received += length;
    if (exchange->status) {
        exchange->drained += length;
        return exchange->drained > CLO_SERVE_DRAIN_MAX ? MHD_NO : MHD_YES;
    }
    if (exchange->received > CLO_SERVE_BODY_MAX) {
        body_too_large(exchange);
        return MHD_YES;
    }
    size_t total = atomic_fetch_add(&exchange->server->bodies, length) + length;
    exchange->charge += length;
    if (total > CLO_SERVE_BODIES_MAX || clo_buffer_append(&exchange->body, data, length) < 0)
        no_room_for_body(exchange);
    return MHD_YES;
}

/* The header is complete. An answer queued now ends the connection without reading the body, which
 * is right for a client that asked first (Expect), and for a body nobody would read to its end. */
static enum MHD_Result begin(struct clo_exchange *exchange)
{
    struct clo_problem problem;
    const char *length = clo_exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    bool asks = clo_exchange_header(exchange, MHD_HTTP_HEADER_EXPECT) != NULL;
    unsigned long long bytes = length ? strtoull(length, NULL, 10) : 0;
    if (exchange->server->refuses(exchange, &problem))
        clo_exchange_refuse(exchange, &problem);
    else
        exchange->server->begin(exchange);
    if (!exchange->status && exchange->sink.calls && bytes > exchange->sink.max)
        exchange->sink.too_long(exchange);
    else if (!exchange->status && !exchange->sink.calls && bytes > CLO_SERVE_BODY_MAX)
        body_too_large(exchange);
    if (exchange->status && (asks || bytes > CLO_SERVE_DRAIN_MAX))
        return send_answer(exchange);
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **own)
{
    struct clo_server *server = context;
    struct clo_exchange *exchange = *own;
    (void)version;
    if (!exchange) {
        exchange = exchange_new(server, connection, url, method);
        *own = exchange;
        return exchange ? begin(exchange) : MHD_NO;
    }
    if (*data_size > 0)
        return take_body(exchange, data, data_size);
    if (!exchange->status && !exchange->dispatched) {
        exchange->dispatched = true;
        server->dispatch(exchange);
        if (exchange->suspended)
            return MHD_YES; /* its answerer may answer at any moment: not to be touched */
    }
    return exchange->status ? send_answer(exchange) : MHD_NO;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **own,
                         enum MHD_RequestTerminationCode code)
{
    struct clo_exchange *exchange = *own;
    (void)context, (void)connection, (void)code;
    if (exchange)
        exchange_free(exchange);
    *own = NULL;
}

static int fail_address(const struct clo_server *server, int code, struct clo_error *error)
{
    const struct clo_serve_config *config = &server->config;
    errno = code;
    clo_fail_errno(error, CLO_ESYSTEM, "cannot listen on %s port %u", config->address,
                   config->port);
    return clo_hint(error, CLO_ESYSTEM,
                    code == EADDRINUSE ? "another program uses this port; choose another one"
                                       : "check the address and the rights to use this port");
}

/* A client whose machine or network went away says nothing. The kernel asks it on a connection on
 * which nothing happens, also while its request is carried out, and then the watch sees it gone.
 * What is between keeps the connection open by the same. Connections have it from the listener. */
static void keep_alive(int listener)
{
    int yes = 1, idle = CLO_SERVE_PROBE_S, interval = CLO_SERVE_PROBE_S / 3, count = 3;
    setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    setsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(listener, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(listener, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static int listen_on(const struct clo_server *server, struct clo_error *error)
{
    char port[8];
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM},
                    *found;
    const char *address = server->config.address;
    snprintf(port, sizeof port, "%u", server->config.port);
    if (strcmp(address, "localhost") == 0)
        address = "127.0.0.1";
    if (getaddrinfo(address, port, &hints, &found) != 0)
        return clo_fail(error, CLO_EINVALID, "'%s' is not an IP address to listen on", address);
    int listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int yes = 1, no = 0, code = 0;
    if (listener >= 0) {
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        keep_alive(listener);
        if (found->ai_family == AF_INET6)
            setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    }
    if (listener < 0 || bind(listener, found->ai_addr, found->ai_addrlen) < 0 ||
        listen(listener, 511) < 0)
        code = errno;
    freeaddrinfo(found);
    if (code && listener >= 0)
        close(listener);
    return code ? fail_address(server, code, error) : listener;
}

static uint16_t port_of(int listener)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.any.sa_family = AF_UNSPEC};
    socklen_t length = sizeof address;
    if (getsockname(listener, &address.any, &length) < 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

int clo_http_start(struct clo_server *server, uint16_t *port, struct clo_error *error)
{
    struct clo_http *http = calloc(1, sizeof *http);
    if (!http)
        return clo_fail_memory(error);
    http->listener = listen_on(server, error);
    if (http->listener < 0) {
        int status = http->listener;
        free(http);
        return status;
    }
    *port = port_of(http->listener);
    server->http = http;
    unsigned threads = server->config.connections < 64 ? 1 : CLO_SERVE_HTTP_THREADS;
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL,
        on_request, server, MHD_OPTION_LISTEN_SOCKET, http->listener, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT, server->config.connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CLO_SERVE_CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, CLO_SERVE_STALL_MS / 1000, MHD_OPTION_THREAD_POOL_SIZE,
        threads > 1 ? threads : 0, MHD_OPTION_END);
    if (http->daemon)
        return 0;
    close(http->listener);
    free(http);
    server->http = NULL;
    return clo_fail(error, CLO_ESYSTEM, "the HTTP server cannot be started (%u connections)",
                    server->config.connections);
}

void clo_http_quiesce(struct clo_http *http)
{
    if (http->listener >= 0 && MHD_quiesce_daemon(http->daemon) != MHD_INVALID_SOCKET) {
        close(http->listener);
        http->listener = -1;
    }
}

void clo_http_drain(struct clo_http *http, unsigned milliseconds)
{
    uint64_t end = clo_after_ms(milliseconds);
    struct timespec pause = {.tv_nsec = 10000000};
    while (atomic_load(&http->exchanges) > 0 && clo_monotonic_ns() < end)
        nanosleep(&pause, NULL);
}

void clo_http_stop(struct clo_http *http)
{
    if (!http)
        return;
    MHD_stop_daemon(http->daemon); /* closes the listener, if that was not quiesced */
    free(http);
}
