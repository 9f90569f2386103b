/* hosted_environment.c - the variables by which the platform tells a container what it is for. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/hosted/hosted.h"
#include "base/error.h"
#include "base/id.h"

#define STORE_NAME "responses.sqlite"
#define GUID_DIGITS 32

static const char *variable(const char *name)
{
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

bool clo_hosted_is(void)
{
    return variable("FOUNDRY_HOSTING_ENVIRONMENT") != NULL;
}

/* Seconds, in milliseconds; *ms stays where the variable is not set. */
static int take_seconds(const char *name, bool *set, unsigned *ms, struct clo_error *error)
{
    const char *text = variable(name);
    char *end;
    *set = text != NULL;
    if (!text)
        return 0;
    errno = 0;
    double seconds = strtod(text, &end);
    if (*text < '0' || *text > '9' || *end || errno || seconds * 1000 > CLO_SERVE_TIME_MS_MAX) {
        clo_fail(error, CLO_EINVALID,
                 "the environment's %s is '%.32s', which is no number of seconds from 0 to %d",
                 name, text, CLO_SERVE_TIME_MS_MAX / 1000);
        return clo_hint(error, CLO_EINVALID, "set it to e.g. 15, or unset it");
    }
    *ms = (unsigned)(seconds * 1000);
    return 0;
}

static int take_times(struct clo_serve_config *config, struct clo_error *error)
{
    bool set = false;
    if (!config->keepalive_ms) {
        if (take_seconds("SSE_KEEPALIVE_INTERVAL", &set, &config->keepalive_ms, error))
            return CLO_EINVALID;
        if (set && config->keepalive_ms < CLO_SERVE_KEEPALIVE_MS_MIN) /* 0: switched off */
            config->keepalive_ms = CLO_SERVE_TIME_MS_MAX;
    }
    if (config->grace_ms)
        return 0;
    if (take_seconds("AGENTSERVER_GRACEFUL_SHUTDOWN_TIMEOUT_SECONDS", &set, &config->grace_ms,
                     error))
        return CLO_EINVALID;
    if (set && !config->grace_ms) /* 0 stands for the default there */
        config->grace_ms = 1;
    return 0;
}

static int take_session(struct clo_serve_config *config, struct clo_error *error)
{
    const char *session = variable("FOUNDRY_AGENT_SESSION_ID");
    const char *guid = variable("FOUNDRY_AGENT_SESSION_GUID");
    if (session && !clo_name_ok(session))
        return clo_fail(
            error, CLO_EINVALID,
            "the environment's FOUNDRY_AGENT_SESSION_ID is '%.64s'; it may hold up to %d "
            "letters, digits, '_', '-', '.' and ':'",
            session, CLO_NAME_BYTES_MAX);
    if (guid && (strlen(guid) != GUID_DIGITS || strspn(guid, "0123456789abcdef") != GUID_DIGITS))
        return clo_fail(error, CLO_EINVALID,
                        "the environment's FOUNDRY_AGENT_SESSION_GUID is '%.64s', which is not %d "
                        "digits of 0-9 and a-f",
                        guid, GUID_DIGITS);
    config->session = session;
    return 0;
}

/* The folder that the platform keeps: $AGENTSERVER_STATE_ROOT, else .cloche in the home folder. Where
 * it cannot be made (a container that is read-only) responses end with the process. */
static int take_store(struct clo_serve_config *config, char **store, struct clo_error *error)
{
    char folder[PATH_MAX];
    const char *root = variable("AGENTSERVER_STATE_ROOT"), *home = variable("HOME");
    struct stat there;
    if (config->store || (!root && !home))
        return 0;
    int length = root ? snprintf(folder, sizeof folder, "%s", root)
                      : snprintf(folder, sizeof folder, "%s/.cloche", home);
    if (length >= PATH_MAX)
        return clo_fail(error, CLO_EINVALID, "the environment's %s is longer than a path may be",
                        root ? "AGENTSERVER_STATE_ROOT" : "HOME");
    if (mkdir(folder, 0700) < 0 && (stat(folder, &there) < 0 || !S_ISDIR(there.st_mode))) {
        fprintf(stderr,
                "cloche: the folder %s cannot be made (%s): responses, files and sessions end with "
                "this process\n",
                folder, strerror(errno));
        return 0;
    }
    if (asprintf(store, "%s/" STORE_NAME, folder) < 0) {
        *store = NULL;
        return clo_fail_memory(error);
    }
    config->store = *store;
    return 0;
}

int clo_hosted_defaults(struct clo_serve_config *config, bool items_said, char **store,
                        struct clo_error *error)
{
    *store = NULL;
    if (!clo_hosted_is())
        return 0;
    config->hosted = true;
    if (!config->address || !*config->address)
        config->address = "0.0.0.0";
    if (!items_said)
        config->items = CLO_SERVE_ITEMS_CALLS;
    int status = take_times(config, error);
    if (!status)
        status = take_session(config, error);
    return status ? status : take_store(config, store, error);
}
