/* backend.c - what both kinds of backend do before and after a run. */
#include "sandbox/backend.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

struct clo_backend {
    const struct clo_config *config;
    struct clo_thread_backend *local; /* one of these two */
    struct clo_worker_client *client;
};

int clo_backend_create(struct clo_backend **result, const struct clo_config *config,
                       struct clo_zygote *zygote, struct clo_error *error)
{
    *result = NULL;
    struct clo_backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return clo_fail_memory(error);
    backend->config = config;
    int status = config->isolation == CLO_ISOLATION_WORKER
                     ? clo_worker_client_create(&backend->client, config, zygote, error)
                     : clo_thread_backend_create(&backend->local, config, error);
    if (status) {
        free(backend);
        return status;
    }
    *result = backend;
    return 0;
}

void clo_backend_destroy(struct clo_backend *backend)
{
    if (!backend)
        return;
    clo_thread_backend_destroy(backend->local);
    clo_worker_client_destroy(backend->client);
    free(backend);
}

static int check_run(const struct clo_backend *backend, const struct clo_run *run,
                     struct clo_limits *limits, struct clo_error *error)
{
    if (!run->code && run->code_length)
        return clo_fail(error, CLO_EINVALID, "code is NULL, but its length is %zu",
                        run->code_length);
    if (!clo_utf8_strict((const uint8_t *)run->code, run->code_length))
        return clo_fail(error, CLO_EINVALID, "the code is not UTF-8");
    if (run->name && !clo_utf8_strict((const uint8_t *)run->name, strlen(run->name)))
        return clo_fail(error, CLO_EINVALID, "the run's name is not UTF-8");
    if (clo_cancel_is_set(run->cancel))
        return clo_fail(error, CLO_ECANCELLED, "the run was cancelled before it began");
    return clo_limits_resolve(limits, &run->limits, &backend->config->limits, error);
}

int clo_backend_run(struct clo_backend *backend, const struct clo_run *run,
                    struct clo_run_result **result, struct clo_error *error)
{
    struct clo_limits limits;
    *result = NULL;
    int status = check_run(backend, run, &limits, error);
    if (status)
        return status;
    struct clo_run_result *made = calloc(1, sizeof *made);
    if (!made)
        return clo_fail_memory(error);
    status = backend->client ? clo_worker_client_run(backend->client, run, &limits, made, error)
                             : clo_thread_backend_run(backend->local, run, &limits, made, error);
    if (status)
        clo_run_result_free(made);
    else
        *result = made;
    return status;
}

unsigned clo_backend_layers(const struct clo_backend *backend)
{
    return backend->client ? clo_worker_client_layers(backend->client) : 0;
}

void clo_backend_warm(struct clo_backend *backend)
{
    if (backend->local) /* a worker does it by itself when it is born */
        clo_thread_backend_warm(backend->local);
}

void clo_backend_settle(struct clo_backend *backend)
{
    if (backend->local)
        clo_thread_backend_settle(backend->local);
    else
        clo_worker_client_settle(backend->client);
}
