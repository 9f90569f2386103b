/* retry_test.c - the policy of retries at its limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/http/retry.h"

#define LEFT CLO_RETRY_BUDGET_MS

static const struct {
    struct clo_retry_attempt attempt;
    int64_t least, most; /* -1: give up */
} cases[] = {
    /* the pause doubles, and grows by up to a quarter at random */
    {{0, 500, 0, 0, LEFT}, 400, 400},
    {{0, 500, 0, 255, LEFT}, 499, 500},
    {{1, 500, 0, 0, LEFT}, 800, 800},
    {{1, 500, 0, 255, LEFT}, 999, 1000},
    /* two retries, then no more, however often one asks */
    {{2, 500, 0, 0, LEFT}, -1, -1},
    {{3, 500, 1000, 0, LEFT}, -1, -1},
    {{UINT32_MAX, 500, 0, 0, LEFT}, -1, -1},
    /* what passes by itself, and what does not */
    {{0, CLO_RETRY_NO_CONNECTION, 0, 0, LEFT}, 400, 400},
    {{0, 408, 0, 0, LEFT}, 400, 400},
    {{0, 409, 0, 0, LEFT}, 400, 400},
    {{0, 429, 0, 0, LEFT}, 400, 400},
    {{0, 502, 0, 0, LEFT}, 400, 400},
    {{0, 503, 0, 0, LEFT}, 400, 400},
    {{0, 504, 0, 0, LEFT}, 400, 400},
    {{0, 529, 0, 0, LEFT}, 400, 400},
    {{0, 400, 0, 0, LEFT}, -1, -1},
    {{0, 401, 1000, 0, LEFT}, -1, -1},
    {{0, 404, 0, 0, LEFT}, -1, -1},
    {{0, 410, 0, 0, LEFT}, -1, -1},
    {{0, 428, 0, 0, LEFT}, -1, -1},
    {{0, 430, 0, 0, LEFT}, -1, -1},
    {{0, 499, 0, 0, LEFT}, -1, -1},
    {{0, 501, 0, 0, LEFT}, -1, -1},
    {{0, 505, 0, 0, LEFT}, -1, -1},
    {{0, 600, 0, 0, LEFT}, -1, -1},
    {{0, 302, 0, 0, LEFT}, -1, -1},
    {{0, -1, 0, 0, LEFT}, -1, -1},
    {{0, INT32_MAX, 0, 0, LEFT}, -1, -1},
    /* unless the server says otherwise */
    {{0, 400, 0, 0, LEFT, CLO_RETRY_YES}, 400, 400},
    {{0, 503, 0, 0, LEFT, CLO_RETRY_NO}, -1, -1},
    {{2, 503, 0, 0, LEFT, CLO_RETRY_YES}, -1, -1},
    /* what the server asks for is kept exactly, within the budget */
    {{0, 503, 1000, 255, LEFT}, 1000, 1000},
    {{0, 503, 20, 255, LEFT}, 20, 20},
    {{1, 429, 59999, 255, LEFT}, 59999, 59999},
    {{0, 429, 60000, 0, LEFT}, -1, -1},
    {{0, 429, INT32_MAX, 0, LEFT}, -1, -1},
    {{0, 429, INT64_MAX, 0, LEFT}, -1, -1},
    {{0, 429, -1, 0, LEFT}, 400, 400},
    {{0, 429, INT64_MIN, 0, LEFT}, 400, 400},
    {{0, 429, 0, 0, 400}, -1, -1},
    {{0, 429, 0, 0, 401}, 400, 400},
    {{0, 429, 0, 0, 0}, -1, -1},
};

static void every_case_waits_as_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t wait = clo_retry_wait(&cases[i].attempt);
        if (wait < cases[i].least || wait > cases[i].most)
            fail_msg("%zu: %lld is not in %lld..%lld", i, (long long)wait,
                     (long long)cases[i].least, (long long)cases[i].most);
    }
}

static void more_dice_never_shorten_a_pause(void **state)
{
    (void)state;
    for (unsigned number = 0; number < CLO_RETRY_MAX; number++)
        for (int64_t dice = 0, last = 0; dice <= UINT8_MAX; dice++) {
            struct clo_retry_attempt attempt = {number, 429, 0, (uint8_t)dice, LEFT};
            int64_t wait = clo_retry_wait(&attempt), base = CLO_RETRY_BACKOFF_MS << number;
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
