/* router.c - paths to handlers, and who may not come in at all.
 *
 * A page in a browser can be made to talk to a server on the user's own machine (by its address, or
 * by a name that is rebound to it). Browsers then say whose page it is in the Origin header, so a
 * request with an Origin that is not this machine's own is refused.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/agent.h"
#include "base/id.h"
#include "serve/files/upload.h"
#include "serve/handlers.h"
#include "serve/hosted/lifecycle.h"

#define SHUTTING_DOWN "The server is shutting down; try another replica or try again later."

static void handle_readiness(struct clo_exchange *exchange, const char *id)
{
    struct clo_problem problem;
    (void)id;
    if (!atomic_load(&exchange->server->stopping)) {
        enum clo_isolation isolation = clo_agent_isolation(exchange->server->agent);
        clo_exchange_json(exchange, 200,
                          json_pack("{s:s, s:s}", "status", "healthy", "isolation",
                                    clo_isolation_name(isolation)));
        return;
    }
    clo_problem_set(&problem, 503, "shutting_down", NULL, SHUTTING_DOWN);
    clo_exchange_refuse(exchange, &problem);
}

static void handle_liveness(struct clo_exchange *exchange, const char *id)
{
    (void)id;
    clo_exchange_json(exchange, 200, json_pack("{s:s}", "status", "healthy"));
}

static void handle_root(struct clo_exchange *exchange, const char *id)
{
    (void)id;
    clo_exchange_json(exchange, 200,
                      json_pack("{s:s, s:s, s:s, s:s, s:[s,s]}", "server", "cloche", "version",
                                CLO_VERSION, "agent", clo_agent_name(exchange->server->agent),
                                "protocol", "responses", "endpoints", "POST /v1/responses",
                                "POST /v1/runs"));
}

static void unless_stopping(struct clo_exchange *exchange, const char *id,
                            void (*handle)(struct clo_exchange *exchange, const char *id))
{
    struct clo_problem problem;
    if (!atomic_load(&exchange->server->stopping)) {
        handle(exchange, id);
        return;
    }
    clo_problem_set(&problem, 503, "shutting_down", NULL, SHUTTING_DOWN);
    problem.retry_after = 5;
    clo_exchange_refuse(exchange, &problem);
}

static void handle_create_unless_stopping(struct clo_exchange *exchange, const char *id)
{
    unless_stopping(exchange, id, clo_handle_create);
}

static void handle_invocation_unless_stopping(struct clo_exchange *exchange, const char *id)
{
    unless_stopping(exchange, id, clo_handle_invocation);
}

static void handle_run_unless_stopping(struct clo_exchange *exchange, const char *id)
{
    unless_stopping(exchange, id, clo_handle_run);
}

/* '*' in a pattern is one path segment, the id; '**' all the rest: names of models have slashes. */
static const struct route {
    const char *method, *pattern;
    void (*handle)(struct clo_exchange *exchange, const char *id);
    void (*begin)(struct clo_exchange *exchange); /* before the body; NULL: nothing to do */
} routes[] = {
    {"POST", "/responses", handle_create_unless_stopping, NULL},
    {"GET", "/responses/*", clo_handle_get, NULL},
    {"DELETE", "/responses/*", clo_handle_delete, NULL},
    {"POST", "/responses/*/cancel", clo_handle_cancel, NULL},
    {"GET", "/responses/*/input_items", clo_handle_input_items, NULL},
    {"POST", "/invocations", handle_invocation_unless_stopping, NULL},
    {"POST", "/_agent/before-snapshot", clo_handle_before_snapshot, NULL},
    {"POST", "/_before_snapshot", clo_handle_before_snapshot, NULL},
    {"POST", "/_agent/after-restore", clo_handle_after_restore, NULL},
    {"POST", "/_after_restore", clo_handle_after_restore, NULL},
    {"POST", "/files", clo_handle_upload, clo_upload_begin},
    {"GET", "/files", clo_handle_files, NULL},
    {"GET", "/files/*", clo_handle_file, NULL},
    {"DELETE", "/files/*", clo_handle_file_delete, NULL},
    {"GET", "/files/*/content", clo_handle_file_content, NULL},
    {"POST", "/runs", handle_run_unless_stopping, NULL},
    {"DELETE", "/runs/*", clo_handle_run_delete, NULL},
    {"GET", "/models", clo_handle_models, NULL},
    {"GET", "/models/**", clo_handle_model, NULL},
    {"GET", "/readiness", handle_readiness, NULL},
    {"GET", "/liveness", handle_liveness, NULL},
    {"GET", "/", handle_root, NULL},
};

/* Nothing is left of the path, or only a slash at its end. */
static bool at_end(const char *path)
{
    return path[0] == '\0' || (path[0] == '/' && path[1] == '\0');
}

static bool matches(const char *pattern, const char *path, char id[CLO_NAME_BYTES_MAX + 1])
{
    const char *star = strchr(pattern, '*');
    size_t fixed = star ? (size_t)(star - pattern) : strlen(pattern);
    if (strncmp(pattern, path, fixed) != 0)
        return false;
    path += fixed;
    if (!star)
        return at_end(path);
    bool rest_too = star[1] == '*';
    size_t length = rest_too ? strlen(path) : strcspn(path, "/");
    if (length < 1 || length > CLO_NAME_BYTES_MAX)
        return false;
    memcpy(id, path, length);
    id[length] = '\0';
    path += length;
    for (const char *rest = star + 1 + rest_too; *rest; rest++) {
        if (*path++ != *rest)
            return false;
    }
    return at_end(path);
}

/* A HEAD is a GET whose body the library leaves out. */
static bool same_method(const char *wanted, const char *method)
{
    return strcmp(wanted, method) == 0 ||
           (strcmp(wanted, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static const char *allow_text(bool get, bool post, bool delete)
{
    if (get)
        return delete ? "GET, HEAD, DELETE" : post ? "GET, HEAD, POST" : "GET, HEAD";
    return delete ? "DELETE" : "POST";
}

void clo_router_begin(struct clo_exchange *exchange)
{
    char id[CLO_NAME_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (routes[i].begin && same_method(routes[i].method, exchange->method) &&
            matches(routes[i].pattern, exchange->path, id))
            routes[i].begin(exchange);
    }
}

void clo_router_dispatch(struct clo_exchange *exchange)
{
    char id[CLO_NAME_BYTES_MAX + 1] = "";
    bool known = false, get = false, post = false, delete = false;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        const struct route *route = &routes[i];
        if (!matches(route->pattern, exchange->path, id))
            continue;
        if (same_method(route->method, exchange->method)) {
            route->handle(exchange, id);
            return;
        }
        known = true;
        get |= strcmp(route->method, "GET") == 0;
        post |= strcmp(route->method, "POST") == 0;
        delete |= strcmp(route->method, "DELETE") == 0;
    }
    struct clo_problem problem;
    if (known) {
        exchange->allow = allow_text(get, post, delete);
        clo_problem_set(&problem, 405, "method_not_allowed", NULL,
                        "'%.16s' is not allowed on '%.128s'; allowed is %s.", exchange->method,
                        exchange->path, exchange->allow);
    } else {
        clo_problem_set(&problem, 404, "not_found", NULL,
                        "There is nothing at '%.128s'; responses are made by POST /responses.",
                        exchange->path);
    }
    clo_exchange_refuse(exchange, &problem);
}

static bool is_loopback_host(const char *host)
{
    struct in_addr address;
    size_t length = strlen(host);
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    if (length > 10 && strcasecmp(host + length - 10, ".localhost") == 0)
        return true;
    return inet_pton(AF_INET, host, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

static bool is_loopback_origin(const char *origin)
{
    char host[256];
    const char *start = strstr(origin, "://");
    if (!start ||
        (strncasecmp(origin, "http://", 7) != 0 && strncasecmp(origin, "https://", 8) != 0))
        return false;
    start += 3;
    size_t length = *start == '[' ? strcspn(start, "]") + 1 : strcspn(start, ":/");
    if (length >= sizeof host || length > strlen(start))
        return false;
    memcpy(host, start, length);
    host[length] = '\0';
    return is_loopback_host(host);
}

bool clo_router_refuses(const struct clo_exchange *exchange, struct clo_problem *problem)
{
    const char *origin = clo_exchange_header(exchange, "Origin");
    if (!origin || is_loopback_origin(origin))
        return false;
    clo_problem_set(
        problem, 403, "origin_not_allowed", NULL,
        "Pages of the origin '%.128s' may not use this server; call it from a program, or put a proxy of your own in front of it.",
        origin);
    return true;
}
