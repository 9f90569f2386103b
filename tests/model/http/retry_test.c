/* retry_test.c - the policy of retries at its limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/http/retry.h"

static const struct {
    struct clo_retry_attempt attempt;
    int least, most; /* -1: give up */
} cases[] = {
    /* the pause doubles, and grows by up to a quarter at random */
    {{0, 500, 0, 0}, 400, 400},
    {{0, 500, 0, 255}, 499, 500},
    {{1, 500, 0, 0}, 800, 800},
    {{1, 500, 0, 255}, 999, 1000},
    /* two retries, then no more, however often one asks */
    {{2, 500, 0, 0}, -1, -1},
    {{3, 500, 1, 0}, -1, -1},
    {{UINT32_MAX, 500, 0, 0}, -1, -1},
    /* what passes by itself, and what does not */
    {{0, CLO_RETRY_NO_CONNECTION, 0, 0}, 400, 400},
    {{0, 429, 0, 0}, 400, 400},
    {{0, 502, 0, 0}, 400, 400},
    {{0, 503, 0, 0}, 400, 400},
    {{0, 400, 0, 0}, -1, -1},
    {{0, 401, 1, 0}, -1, -1},
    {{0, 404, 0, 0}, -1, -1},
    {{0, 428, 0, 0}, -1, -1},
    {{0, 430, 0, 0}, -1, -1},
    {{0, 499, 0, 0}, -1, -1},
    {{0, 501, 0, 0}, -1, -1},
    {{0, 504, 0, 0}, -1, -1},
    {{0, 302, 0, 0}, -1, -1},
    {{0, -1, 0, 0}, -1, -1},
    {{0, INT32_MAX, 0, 0}, -1, -1},
    /* what the server asks for is kept exactly, up to the ceiling */
    {{0, 503, 1, 255}, 1000, 1000},
    {{1, 429, 30, 255}, 30000, 30000},
    {{0, 429, 31, 0}, -1, -1},
    {{0, 429, INT32_MAX, 0}, -1, -1},
    {{0, 429, INT64_MAX, 0}, -1, -1},
    {{0, 429, -1, 0}, 400, 400},
    {{0, 429, INT64_MIN, 0}, 400, 400},
};

static void every_case_waits_as_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int wait = clo_retry_wait(&cases[i].attempt);
        if (wait < cases[i].least || wait > cases[i].most)
            fail_msg("%zu: %d is not in %d..%d", i, wait, cases[i].least, cases[i].most);
    }
}

static void more_dice_never_shorten_a_pause(void **state)
{
    (void)state;
    for (unsigned number = 0; number < CLO_RETRY_MAX; number++)
        for (int dice = 0, last = 0; dice <= UINT8_MAX; dice++) {
            struct clo_retry_attempt attempt = {number, 429, 0, (uint8_t)dice};
            int wait = clo_retry_wait(&attempt), base = CLO_RETRY_BACKOFF_MS << number;
            assert_true(wait >= last && wait >= base && wait <= base + base / 4);
            last = wait;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_waits_as_it_should),
        cmocka_unit_test(more_dice_never_shorten_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
