/* lifecycle.c - see lifecycle.h. */
#include "serve/hosted/lifecycle.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/json.h"
#include "serve/log.h"
#include "serve/store/store.h"

#define RESTORES_MAX 64   /* whose ids are remembered; a container is restored once, hardly twice */
#define OVERRIDES_MAX 256 /* variables of one restore */
#define PARTITION_DIGITS 16
#define SESSION_ID "FOUNDRY_AGENT_SESSION_ID"
#define SESSION_GUID "FOUNDRY_AGENT_SESSION_GUID"

struct clo_lifecycle {
    pthread_mutex_t lock; /* guards: */
    char session[CLO_NAME_BYTES_MAX + 1];
    bool assigned; /* by a restore */
    bool prepared; /* for a snapshot, since the last restore */
    char restores[RESTORES_MAX][CLO_NAME_BYTES_MAX + 1];
    size_t restore_count;
    char **beginning; /* the environment as it was before the first restore */
};

struct clo_lifecycle *clo_lifecycle_create(const char *session)
{
    struct clo_lifecycle *lifecycle = calloc(1, sizeof *lifecycle);
    if (!lifecycle)
        return NULL;
    pthread_mutex_init(&lifecycle->lock, NULL);
    lifecycle->beginning = environ;
    if (session)
        clo_name_copy(lifecycle->session, session);
    return lifecycle;
}

void clo_lifecycle_destroy(struct clo_lifecycle *lifecycle)
{
    if (!lifecycle)
        return;
    pthread_mutex_destroy(&lifecycle->lock);
    free(lifecycle);
}

void clo_lifecycle_session(struct clo_lifecycle *lifecycle, char session[CLO_NAME_BYTES_MAX + 1])
{
    pthread_mutex_lock(&lifecycle->lock);
    memcpy(session, lifecycle->session, sizeof lifecycle->session);
    pthread_mutex_unlock(&lifecycle->lock);
}

int clo_lifecycle_settle(const struct clo_server *server, struct clo_request *request,
                         struct clo_problem *problem)
{
    char session[CLO_NAME_BYTES_MAX + 1];
    if (!server->lifecycle)
        return 0;
    clo_lifecycle_session(server->lifecycle, session);
    if (session[0] && request->session[0] && strcmp(session, request->session) != 0)
        return clo_problem_set(
            problem, 400, "session_mismatch", "agent_session_id",
            "'agent_session_id' is '%.128s', but this container is for the session '%.128s'; leave it out, or call the agent's endpoint, which finds the right one.",
            request->session, session);
    if (session[0])
        clo_name_copy(request->session, session);
    return 0;
}

static bool has_partition(const char *id)
{
    static const char prefix[] = "caresp_";
    return id && strncmp(id, prefix, sizeof prefix - 1) == 0 &&
           strspn(id + sizeof prefix - 1, "0123456789abcdef") >= PARTITION_DIGITS;
}

void clo_lifecycle_response_id(char id[CLO_ID_MAX], const char *previous)
{
    char partition[CLO_ID_MAX], rest[CLO_ID_MAX];
    const char *digits = partition + 2;
    clo_id_make(partition, "p");
    clo_id_make(rest, "r");
    if (has_partition(previous))
        digits = previous + sizeof "caresp_" - 1;
    snprintf(id, CLO_ID_MAX, "caresp_%.*s00%.32s", PARTITION_DIGITS, digits, rest + 2);
}

/* ---- the hooks ---- */

static int refuse(struct clo_problem *problem, const char *hook, const char *why)
{
    char code[40];
    snprintf(code, sizeof code, "invalid_%s_request", hook);
    clo_problem_set(problem, 400, code, NULL, "%s", why);
    return CLO_EINVALID;
}

/* The body, an object; NULL: the problem says why not. */
static json_t *body_of(struct clo_exchange *exchange, const char *hook, struct clo_problem *problem)
{
    static const char json[] = "application/json";
    const char *type = clo_exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE);
    json_error_t where;
    size_t length = type ? strcspn(type, "; \t") : 0;
    if (length != sizeof json - 1 || strncasecmp(type, json, length) != 0) {
        refuse(problem, hook, "The header Content-Type must be application/json.");
        return NULL;
    }
    json_t *body = exchange->body.data ? clo_json_parse(exchange->body.data, exchange->body.length,
                                                        JSON_REJECT_DUPLICATES, &where)
                                       : NULL;
    clo_buffer_free(&exchange->body);
    if (json_is_object(body))
        return body;
    json_decref(body);
    refuse(problem, hook, "The body must be a JSON object.");
    return NULL;
}

static void answer_ok(struct clo_exchange *exchange)
{
    clo_exchange_json(exchange, 200, json_pack("{s:s}", "status", "ok"));
}

static bool is_served(struct clo_exchange *exchange)
{
    struct clo_problem problem;
    if (exchange->server->lifecycle)
        return true;
    clo_problem_set(
        &problem, 404, "not_found", NULL,
        "'%.64s' is for the platform that hosts a container (FOUNDRY_HOSTING_ENVIRONMENT), which this server is not in.",
        exchange->path);
    clo_exchange_refuse(exchange, &problem);
    return false;
}

void clo_handle_before_snapshot(struct clo_exchange *exchange, const char *id)
{
    struct clo_lifecycle *lifecycle = exchange->server->lifecycle;
    struct clo_problem problem;
    (void)id;
    if (!is_served(exchange))
        return;
    json_t *body = body_of(exchange, "before_snapshot", &problem);
    if (!body) {
        clo_exchange_refuse(exchange, &problem);
        return;
    }
    json_decref(body);
    pthread_mutex_lock(&lifecycle->lock);
    int status = lifecycle->prepared ? 0 : clo_store_flush(exchange->server->store);
    lifecycle->prepared = status == 0;
    pthread_mutex_unlock(&lifecycle->lock);
    if (status == 0) {
        answer_ok(exchange);
        return;
    }
    clo_problem_set(&problem, 500, "before_snapshot_failed", NULL,
                    "The store could not be written to its file; the server's log says why.");
    clo_exchange_refuse(exchange, &problem);
}

/* What a restore brings; the texts are the body's. */
struct restore {
    const char *session, *id;
    json_t *overrides; /* object or NULL */
};

static bool is_variable(const char *name, const json_t *value)
{
    return *name && !strchr(name, '=') && json_is_string(value) &&
           strlen(json_string_value(value)) == json_string_length(value);
}

static bool is_guid(const char *text)
{
    return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static int parse(const json_t *body, struct restore *restore, struct clo_problem *problem)
{
    static const char hook[] = "after_restore";
    const json_t *context = json_object_get(body, "session_context");
    json_t *value;
    const char *name;
    if (!json_is_object(context))
        return refuse(problem, hook, "'session_context' must be an object.");
    restore->session = clo_json_text(context, "session_id");
    restore->id = clo_json_text(context, "restore_id");
    restore->overrides = json_object_get(context, "session_env_overrides");
    if (!restore->session || !clo_name_ok(restore->session))
        return refuse(
            problem, hook,
            "'session_context.session_id' must have up to 128 letters, digits, '_', '-', '.' and ':'.");
    if (!restore->id || !clo_name_ok(restore->id))
        return refuse(
            problem, hook,
            "'session_context.restore_id' must have up to 128 letters, digits, '_', '-', '.' and ':'.");
    if (restore->overrides && !json_is_object(restore->overrides))
        return refuse(problem, hook, "'session_env_overrides' must be an object of texts.");
    if (json_object_size(restore->overrides) > OVERRIDES_MAX)
        return refuse(problem, hook, "'session_env_overrides' has more than 256 variables.");
    json_object_foreach(restore->overrides, name, value) {
        if (!is_variable(name, value))
            return refuse(
                problem, hook,
                "'session_env_overrides' must have names of variables and texts without NUL.");
    }
    const char *session = clo_json_text(restore->overrides, SESSION_ID);
    const char *guid = clo_json_text(restore->overrides, SESSION_GUID);
    if (session && strcmp(session, restore->session) != 0)
        return refuse(problem, hook, SESSION_ID " differs from 'session_id'.");
    if (guid && !is_guid(guid))
        return refuse(problem, hook, SESSION_GUID " must be 32 digits of 0-9 and a-f.");
    return 0;
}

static bool is_overridden(const struct restore *restore, const char *entry)
{
    char name[256];
    size_t length = strcspn(entry, "=");
    if (length >= sizeof name)
        return false;
    memcpy(name, entry, length);
    name[length] = '\0';
    return strcmp(name, SESSION_ID) == 0 || json_object_get(restore->overrides, name);
}

static char *entry_of(const char *name, const char *value)
{
    char *entry;
    return asprintf(&entry, "%s=%s", name, value) < 0 ? NULL : entry;
}

/* The environment as it began, with what the restore sets. It is put in the old one's place as a whole:
 * who reads a variable at that moment reads the old one or the new. So the old one stays. */
static int set_environment(const struct clo_lifecycle *lifecycle, const struct restore *restore)
{
    size_t count = 0, most = 0;
    json_t *value;
    const char *name;
    bool failed = false;
    while (lifecycle->beginning && lifecycle->beginning[most])
        most++;
    char **made = calloc(most + json_object_size(restore->overrides) + 2, sizeof *made);
    if (!made)
        return CLO_ENOMEMORY;
    for (size_t i = 0; i < most; i++) {
        if (!is_overridden(restore, lifecycle->beginning[i]))
            made[count++] = lifecycle->beginning[i];
    }
    size_t own = count;
    made[count++] = entry_of(SESSION_ID, restore->session);
    json_object_foreach(restore->overrides, name, value) {
        if (strcmp(name, SESSION_ID) != 0)
            made[count++] = entry_of(name, json_string_value(value));
    }
    for (size_t i = own; i < count; i++)
        failed |= !made[i];
    if (!failed) {
        __atomic_store_n(&environ, made, __ATOMIC_RELEASE);
        return 0;
    }
    for (size_t i = own; i < count; i++)
        free(made[i]);
    free(made);
    return CLO_ENOMEMORY;
}

static bool was_done(const struct clo_lifecycle *lifecycle, const char *id)
{
    for (size_t i = 0; i < lifecycle->restore_count; i++) {
        if (strcmp(lifecycle->restores[i], id) == 0)
            return true;
    }
    return false;
}

/* With the lock held. */
static int carry_out(struct clo_lifecycle *lifecycle, const struct restore *restore,
                     struct clo_problem *problem)
{
    if (lifecycle->assigned && strcmp(lifecycle->session, restore->session) != 0)
        return clo_problem_set(
            problem, 409, "session_mismatch", NULL,
            "The restored process is for the session '%.128s' already, not for '%.128s'.",
            lifecycle->session, restore->session);
    if (was_done(lifecycle, restore->id))
        return 0;
    if (lifecycle->restore_count == RESTORES_MAX)
        return clo_problem_set(problem, 409, "too_many_restores", NULL,
                               "This process was restored %d times; start a new one.",
                               RESTORES_MAX);
    if (set_environment(lifecycle, restore) < 0 || RAND_poll() != 1)
        return clo_problem_set(
            problem, 500, "after_restore_failed", NULL,
            "The restored environment could not be taken up: out of memory, or the kernel gives no random bytes.");
    clo_name_copy(lifecycle->session, restore->session);
    clo_name_copy(lifecycle->restores[lifecycle->restore_count++], restore->id);
    lifecycle->assigned = true;
    lifecycle->prepared = false;
    return 0;
}

void clo_handle_after_restore(struct clo_exchange *exchange, const char *id)
{
    struct clo_lifecycle *lifecycle = exchange->server->lifecycle;
    struct restore restore = {0};
    struct clo_problem problem;
    (void)id;
    if (!is_served(exchange))
        return;
    json_t *body = body_of(exchange, "after_restore", &problem);
    int status = body ? parse(body, &restore, &problem) : CLO_EINVALID;
    if (status == 0) {
        pthread_mutex_lock(&lifecycle->lock);
        status = carry_out(lifecycle, &restore, &problem);
        pthread_mutex_unlock(&lifecycle->lock);
    }
    if (status == 0) {
        clo_name_copy(exchange->session, restore.session);
        clo_log_event("info", "serve", "restored (%s) for the session %s", restore.id,
                      restore.session);
        answer_ok(exchange);
    } else {
        clo_exchange_refuse(exchange, &problem);
    }
    json_decref(body);
}
