/* suspend_test.c - runs that wait for somebody's answer go into a file, and go on anywhere.
 *
 * The image: $CLOCHE_IMAGE, or the first argument.
 */
#include "suspend_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct clo_run plain;

static bool can(int place)
{
    return snapshot_can(&snapshot_places[place]);
}

/* Where this program's other cases begin: the wall that it is run for. */
static const struct snapshot_place *here(void)
{
    return &snapshot_places[runs_isolation == CLO_ISOLATION_PROCESS ? 2 : 0];
}

static void a_call_is_answered_in_any_place(void **state)
{
    (void)state;
    for (int from = 0; from < SNAPSHOT_PLACES; from++) {
        for (int to = 0; to < SNAPSHOT_PLACES; to++) {
            if (!can(from) || !can(to))
                continue;
            struct clo_sandbox *one =
                suspend_sandbox(&snapshot_places[from], (struct clo_sandbox_config){0});
            struct clo_sandbox *other =
                suspend_sandbox(&snapshot_places[to], (struct clo_sandbox_config){0});
            struct suspended run =
                suspend_begin(one,
                              "n = 41\n"
                              "print('before', end=' ')\n"
                              "n += len(call_tool('ask', value=[1, 'a', None]))\n"
                              "print('between', n)\n"
                              "try: call_tool('ask', value='fail')\n"
                              "except ToolError as e: print(e)\n"
                              "print(call_tool('ask', value=2.5))",
                              plain);
            assert_int_equal(run.result->error.kind, CLO_RUN_SUSPENDED);
            assert_string_equal(run.result->out, "before ");
            assert_int_equal(run.result->call_count, 1);
            assert_string_equal(run.result->calls[0].tool, "ask");
            assert_int_equal(
                clo_value_count(clo_value_get(&run.result->calls[0].arguments, "value")), 3);
            assert_int_equal(run.result->exit_code, 75);
            suspend_go_on(&run, other, plain);
            assert_string_equal(run.result->out, "before between 44\n");
            suspend_go_on(&run, one, plain);
            suspend_go_on(&run, other, plain);
            assert_int_equal(run.result->usage.host_calls, 3);
            suspend_expect(&run, "before between 44\nit was not to be\n2.5\n");
            clo_sandbox_destroy(one);
            clo_sandbox_destroy(other);
        }
    }
}

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_answered_in_any_place),
    };
    (void)here;
    return runs_end(runs_all(tests));
}
