/* session_fixture.c - see session_fixture.h. */
#include "session_fixture.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WAIT_MS 60000

struct clo_pool *session_pool(const struct snapshot_place *place, size_t size, uint64_t memory)
{
    struct clo_sandbox_config config = {
        .image = runs_image,
        .isolation = place->isolation,
        .placement = place->placement,
        .limits = {.wall_ms = 60000, .cpu_ms = 30000, .memory = memory}};
    struct clo_pool *pool;
    struct clo_error error;
    if (clo_pool_create(&pool, &config, size, &error))
        fail_msg("%s: %s (%s)", place->name, error.message, error.hint);
    return pool;
}

int session_try(struct session *session, struct clo_pool *pool, const char *code,
                struct clo_run run, struct clo_run_result **result, struct clo_error *error)
{
    struct clo_run_state state = {.from = session->file,
                                  .to = snapshot_file(),
                                  .from_options = &snapshot_options,
                                  .to_options = &snapshot_options};
    run.code = code;
    run.code_length = strlen(code);
    run.state = &state;
    int status = clo_pool_run(pool, &run, WAIT_MS, result, error);
    if (status || (*result)->state != CLO_STATE_KEPT) {
        assert_int_equal(lseek(state.to, 0, SEEK_END), 0);
        close(state.to);
        return status;
    }
    assert_int_equal(lseek(state.to, 0, SEEK_END), (*result)->state_bytes);
    assert_null((*result)->state_note);
    session_end(session);
    session->file = state.to;
    return 0;
}

static void check(const char *code, struct clo_run_result *result, const char *out)
{
    if (result->error.kind || (out && strcmp(result->out, out) != 0))
        fail_msg("%s\nprinted: %s\ninstead: %s\n%s", code, result->out, out, result->err);
}

void session_run(struct session *session, struct clo_pool *pool, const char *code, const char *out)
{
    struct clo_run_result *result;
    struct clo_error error;
    if (session_try(session, pool, code, (struct clo_run){0}, &result, &error))
        fail_msg("%s: %s (%s)", code, error.message, error.hint);
    check(code, result, out);
    if (result->state != CLO_STATE_KEPT)
        fail_msg("%s: the state was not kept: %s", code, result->state_note);
    clo_run_result_free(result);
}

void session_clean_run(struct clo_pool *pool, const char *code, const char *out)
{
    struct clo_run run = {.code = code, .code_length = strlen(code)};
    struct clo_run_result *result;
    struct clo_error error;
    if (clo_pool_run(pool, &run, WAIT_MS, &result, &error))
        fail_msg("%s: %s (%s)", code, error.message, error.hint);
    check(code, result, out);
    assert_int_equal(result->state, CLO_STATE_NONE);
    clo_run_result_free(result);
}

struct session session_branch(const struct session *session)
{
    struct session branch = {.file = dup(session->file)};
    assert_true(branch.file >= 0);
    return branch;
}

void session_end(struct session *session)
{
    if (session->file >= 0)
        close(session->file);
    session->file = -1;
}
