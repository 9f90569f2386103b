/* suspend_fixture.h - runs that are suspended at their calls and go on elsewhere, for tests.
 *
 * Tools, whose argument `value` is anything:
 *   ask     every call suspends the run
 *   maybe   does where suspend_chance says so, else answers at once
 *   echo    never does
 *   nap     sleeps for `ms`, then answers
 * An answer is what the call brought as its value; of "fail" it is an error.
 */
#ifndef TESTS_SANDBOX_SUSPEND_FIXTURE_H
#define TESTS_SANDBOX_SUSPEND_FIXTURE_H

#include <stdatomic.h>

#include "snapshot_fixture.h"

/* Of the calls of `maybe`, asked on any thread; NULL: all suspend. */
extern bool (*suspend_chance)(void);

/* How often `echo` was called, on any thread. */
extern atomic_int suspend_echoed;

extern const struct clo_tool suspend_tools[];
extern const size_t suspend_tool_count;

/* A sandbox there with those tools; the test fails if there is none. */
struct clo_sandbox *suspend_sandbox(const struct snapshot_place *place,
                                    struct clo_sandbox_config config);
struct clo_pool *suspend_pool(const struct snapshot_place *place, size_t size);

/* A run that stands still: its file and what it waits for. */
struct suspended {
    int file; /* -1: it has ended */
    struct clo_run_result *result;
};

/* Begin; it may be suspended or end. Fills what is not given of `run`: its code, where it is suspended
 * to. The test fails if it could not be run. */
struct suspended suspend_begin(struct clo_sandbox *sandbox, const char *code, struct clo_run run);
/* Answer all its calls as said above and go on; *suspended is what comes of it. */
void suspend_go_on(struct suspended *suspended, struct clo_sandbox *sandbox, struct clo_run run);
/* Likewise by the pool; exactly one of the two is not NULL. */
struct suspended suspend_begin_in(struct clo_pool *pool, const char *code, struct clo_run run);
void suspend_go_on_in(struct suspended *suspended, struct clo_pool *pool, struct clo_run run);
/* Go on, answers as given; the status, with no other check. *result is NULL on failure. */
int suspend_try(const struct suspended *suspended, struct clo_sandbox *sandbox,
                const struct clo_answer *answers, size_t count, struct clo_run run,
                struct clo_run_result **result, struct clo_error *error);
void suspend_end(struct suspended *suspended);

/* It must have ended well and printed that; it is then ended. */
void suspend_expect(struct suspended *suspended, const char *out);

#endif
