/* backend.c - what both kinds of engine do before and after a run. */
#include "sandbox/backend.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

struct clo_engine {
    const struct clo_setup *setup;
    struct clo_local *local; /* one of these two */
    struct clo_remote *remote;
};

int clo_engine_create(struct clo_engine **result, const struct clo_setup *setup,
                      struct clo_nursery *nursery, struct clo_error *error)
{
    *result = NULL;
    struct clo_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return clo_fail_memory(error);
    engine->setup = setup;
    int status = setup->isolation == CLO_ISOLATION_WORKER
                     ? clo_remote_create(&engine->remote, setup, nursery, error)
                     : clo_local_create(&engine->local, setup, error);
    if (status) {
        free(engine);
        return status;
    }
    *result = engine;
    return 0;
}

void clo_engine_destroy(struct clo_engine *engine)
{
    if (!engine)
        return;
    clo_local_destroy(engine->local);
    clo_remote_destroy(engine->remote);
    free(engine);
}

static int check_run(const struct clo_engine *engine, const struct clo_run *run,
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
    return clo_limits_resolve(limits, &run->limits, &engine->setup->limits, error);
}

int clo_engine_run(struct clo_engine *engine, const struct clo_run *run,
                   struct clo_run_result **result, struct clo_error *error)
{
    struct clo_limits limits;
    *result = NULL;
    int status = check_run(engine, run, &limits, error);
    if (status)
        return status;
    struct clo_run_result *made = calloc(1, sizeof *made);
    if (!made)
        return clo_fail_memory(error);
    status = engine->remote ? clo_remote_run(engine->remote, run, &limits, made, error)
                            : clo_local_run(engine->local, run, &limits, made, error);
    if (status)
        clo_run_result_free(made);
    else
        *result = made;
    return status;
}

unsigned clo_engine_layers(const struct clo_engine *engine)
{
    return engine->remote ? clo_remote_layers(engine->remote) : 0;
}

void clo_engine_warm(struct clo_engine *engine)
{
    if (engine->local) /* a worker does it by itself when it is born */
        clo_local_warm(engine->local);
}

void clo_engine_settle(struct clo_engine *engine)
{
    if (engine->local)
        clo_local_settle(engine->local);
    else
        clo_remote_settle(engine->remote);
}
