/* session_fixture.h - sessions whose runs are a pool's, for tests. */
#ifndef TESTS_SANDBOX_SESSION_FIXTURE_H
#define TESTS_SANDBOX_SESSION_FIXTURE_H

#include "snapshot_fixture.h"

struct session {
    int file; /* its last state, or -1: none was kept yet */
};
#define SESSION                                                                                    \
    {                                                                                              \
        .file = -1                                                                                 \
    }

/* A pool of sandboxes in that place; 0: the default memory. */
struct clo_pool *session_pool(const struct snapshot_place *place, size_t size, uint64_t memory);

/* Fills what is not given of `run`: its code and state. Its outcome decides whether the session goes
 * on from there. The status of clo_pool_run. */
int session_try(struct session *session, struct clo_pool *pool, const char *code,
                struct clo_run run, struct clo_run_result **result, struct clo_error *error);
/* It must end well, print `out` if that is not NULL, and keep its state. */
void session_run(struct session *session, struct clo_pool *pool, const char *code, const char *out);
/* A clean run, likewise. */
void session_clean_run(struct clo_pool *pool, const char *code, const char *out);

/* Another session that goes on from where this one is. */
struct session session_branch(const struct session *session);
void session_end(struct session *session);

#endif
