/* sandbox_test.c - real runs on the real image, in this process and in a worker.
 *
 * The image: $CLOCHE_IMAGE, or the first argument. Without it or without /dev/kvm: SKIP, loudly.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cloche/sandbox.h"
#include "harness.h"
#include "runs.h"
#include "sandbox_tools.h"

struct fixture {
    enum clo_placement placement;
    struct clo_sandbox *sandbox;
    struct clo_run_result *result; /* of the last run */
};
static struct fixture here = {CLO_PLACEMENT_THREAD, NULL, NULL};
static struct fixture there = {CLO_PLACEMENT_WORKER, NULL, NULL};

static int set_up(void **state)
{
    struct fixture *fixture = *state;
    struct clo_sandbox_config config =
        runs_config((struct clo_sandbox_config){.tools = test_tools,
                                                .tool_count = test_tool_count,
                                                .placement = fixture->placement,
                                                .limits = {.wall_ms = 60000, .cpu_ms = 30000}});
    struct clo_error error;
    if (clo_sandbox_create(&fixture->sandbox, &config, &error) == 0)
        return 0;
    fprintf(stderr, "sandbox: %s (%s)\n", error.message, error.hint);
    return -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    clo_run_result_free(fixture->result);
    fixture->result = NULL;
    clo_sandbox_destroy(fixture->sandbox);
    fixture->sandbox = NULL;
    return 0;
}

/* Run; the result belongs to the fixture. */
static struct clo_run_result *run_as(struct fixture *fixture, struct clo_run run)
{
    struct clo_error error = {0};
    clo_run_result_free(fixture->result);
    run.code_length = strlen(run.code);
    if (clo_sandbox_run(fixture->sandbox, &run, &fixture->result, &error))
        fail_msg("%s: %s", run.code, error.message);
    return fixture->result;
}

static struct clo_run_result *run(struct fixture *fixture, const char *code)
{
    return run_as(fixture, (struct clo_run){.code = code, .wants_result = true});
}

static void show(const char *code, const struct clo_run_result *result)
{
    fprintf(stderr,
            "--- %s\nkind %s type %s message %s exit %d line %d\nout: %s\nerr: %s\n"
            "result: %s\n",
            code, clo_run_error_name(result->error.kind), result->error.type, result->error.message,
            result->exit_code, result->error.line, result->out, result->err, result->result);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            show(code, result);                                                                    \
            fail_msg("%s", #condition);                                                            \
        }                                                                                          \
    } while (0)

static bool contains(const char *text, const char *words)
{
    return text && strstr(text, words);
}

static const struct {
    const char *code, *out, *err, *result;
    enum clo_run_error_kind kind;
    const char *type, *message;
    int exit_code, line;
} cases[] = {
    {"print('hello')", "hello\n", "", NULL, CLO_RUN_OK, NULL, NULL, 0, 0},
    {"1 + 1", "", "", "2", CLO_RUN_OK, NULL, NULL, 0, 0},
    {"x = 5\nx * 2.5", "", "", "12.5", CLO_RUN_OK, NULL, NULL, 0, 0},
    {"import sys\nprint('o')\nprint('e', file=sys.stderr)", "o\n", "e\n", NULL, CLO_RUN_OK, NULL,
     NULL, 0, 0},
    {"print('h\xc3\xa9\xf0\x9f\x98\x80')", "h\xc3\xa9\xf0\x9f\x98\x80\n", "", NULL, CLO_RUN_OK,
     NULL, NULL, 0, 0},
    {"def f():\n    return 1 / 0\nprint('before')\nf()", "before\n", "ZeroDivisionError", NULL,
     CLO_RUN_EXCEPTION, "ZeroDivisionError", "division by zero", 1, 2},
    {"x = (1", "", "SyntaxError", NULL, CLO_RUN_EXCEPTION, "SyntaxError", "never closed", 1, 1},
    {"import sys\nsys.exit(3)", "", "", NULL, CLO_RUN_OK, NULL, NULL, 3, 0},
    {"import sys\nprint('x')\nsys.exit()", "x\n", "", NULL, CLO_RUN_OK, NULL, NULL, 0, 0},
    {"raise SystemExit('why')", "", "why\n", NULL, CLO_RUN_OK, NULL, NULL, 1, 0},
    {"class Stop(BaseException): pass\nraise Stop('x')", "", "Stop: x", NULL, CLO_RUN_EXCEPTION,
     "Stop", "x", 1, 2},
    {"raise KeyboardInterrupt", "", "KeyboardInterrupt", NULL, CLO_RUN_EXCEPTION,
     "KeyboardInterrupt", NULL, 1, 1},
    {"import os\nprint('x', flush=True)\nos._exit(5)", "x\n", "", NULL, CLO_RUN_OK, NULL, NULL, 5,
     0},
    {"import asyncio\nawait asyncio.sleep(0.01)\n'ok'", "", "", "'ok'", CLO_RUN_OK, NULL, NULL, 0,
     0},
    {"", "", "", NULL, CLO_RUN_OK, NULL, NULL, 0, 0},
};

static void runs_give_what_the_table_says(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *code = cases[i].code;
        struct clo_run_result *result = run(fixture, code);
        CHECK(strcmp(result->out, cases[i].out) == 0);
        CHECK(cases[i].err[0] ? contains(result->err, cases[i].err) : !result->err[0]);
        CHECK(cases[i].result ? result->result && strcmp(result->result, cases[i].result) == 0
                              : !result->result);
        CHECK(result->error.kind == cases[i].kind);
        CHECK(!cases[i].type || strcmp(result->error.type, cases[i].type) == 0);
        CHECK(!cases[i].message || contains(result->error.message, cases[i].message));
        CHECK(result->exit_code == cases[i].exit_code);
        CHECK(result->error.line == cases[i].line);
        CHECK(result->usage.wall_us > 0 && result->usage.memory_peak > 0);
    }
}

static const struct {
    const char *code;
    struct clo_limits limits;
    enum clo_limit limit;
    const char *type, *message;
    int exit_code;
    const char *err; /* in stderr */
    int line;        /* -1: not looked at */
} limit_cases[] = {
    {"print('a')\nwhile True:\n    pass",
     {.wall_ms = 200},
     CLO_LIMIT_WALL,
     "TimeLimitExceeded",
     "wall time limit of 200 ms reached",
     124,
     "wall time limit of 200 ms reached",
     -1},
    /* what the host does for the code is on its account, on the run's thread and on others */
    {"print('a')\nwhile True: burn(ms=10)",
     {.cpu_ms = 300},
     CLO_LIMIT_CPU,
     "CpuLimitExceeded",
     "CPU time limit of 300 ms reached",
     124,
     "CPU time limit of 300 ms",
     -1},
    {"import asyncio\nprint('a')\nwhile True:\n"
     "    await asyncio.gather(*[call_tool_async('burn', ms=10) for _ in range(4)])",
     {.cpu_ms = 300},
     CLO_LIMIT_CPU,
     "CpuLimitExceeded",
     "CPU time limit of 300 ms reached",
     124,
     "CPU time limit of 300 ms",
     -1},
    {"print('a')\nwhile True: pass",
     {.cpu_ms = 150},
     CLO_LIMIT_CPU,
     "CpuLimitExceeded",
     "CPU time limit of 150 ms reached",
     124,
     "CPU time limit of 150 ms",
     2},
    {"print('a')\nimport time\ntime.sleep(60)",
     {.wall_ms = 150},
     CLO_LIMIT_WALL,
     "TimeLimitExceeded",
     "150 ms",
     124,
     "150 ms reached",
     3},
    {"print('a')\nwhile True:\n  try:\n    while True: pass\n  except BaseException: pass",
     {.wall_ms = 150},
     CLO_LIMIT_WALL,
     "TimeLimitExceeded",
     "150 ms",
     124,
     "cloche: wall time limit of 150 ms reached",
     0},
    {"print('a')\n10 ** 10 ** 8",
     {.wall_ms = 150},
     CLO_LIMIT_WALL,
     "TimeLimitExceeded",
     "150 ms",
     124,
     "150 ms reached",
     -1},
    {"print('a')\ntry:\n  while True: pass\nexcept BaseException: print('caught')",
     {.wall_ms = 150},
     CLO_LIMIT_WALL,
     "TimeLimitExceeded",
     "150 ms",
     124,
     "cloche: wall time limit of 150 ms reached",
     0},
    {"print('a')\nx = []\nwhile True: x.append(bytes(1 << 20))",
     {.memory = 64 << 20},
     CLO_LIMIT_MEMORY,
     "MemoryError",
     "memory limit of 67108864 bytes",
     137,
     "MemoryError",
     3},
    {"print('a')\nwhile True: print('x' * 100)",
     {.output = 5000},
     CLO_LIMIT_OUTPUT,
     "OutputLimitExceeded",
     "output limit of 5000 bytes",
     1,
     "cloche: output limit of 5000 bytes reached",
     -1},
    {"print('a')\nwhile True: call_tool('add', a=1, b=2)",
     {.host_calls = 50},
     CLO_LIMIT_HOST_CALLS,
     "HostCallLimitExceeded",
     "limit of 50 host calls",
     1,
     "limit of 50 host calls",
     2},
    {"print('a')\ncall_tool('echo', value='x' * 5000)",
     {.host_call_bytes = 1000},
     CLO_LIMIT_HOST_CALL_BYTES,
     "HostCallTooLarge",
     "limit of 1000 bytes",
     1,
     "limit of 1000 bytes",
     2},
};

static void each_limit_ends_a_run_and_says_so(void **state)
{
    struct fixture *fixture = *state;
    run(fixture, "1"); /* a first run touches everything, and some limits here are short */
    for (size_t i = 0; i < sizeof limit_cases / sizeof *limit_cases; i++) {
        const char *code = limit_cases[i].code;
        uint64_t before = clo_monotonic_ns();
        struct clo_run_result *result =
            run_as(fixture, (struct clo_run){.code = code, .limits = limit_cases[i].limits});
        uint64_t took = clo_monotonic_ns() - before;
        CHECK(result->error.kind == CLO_RUN_LIMIT);
        CHECK(result->error.limit == limit_cases[i].limit);
        CHECK(strcmp(result->error.type, limit_cases[i].type) == 0);
        CHECK(contains(result->error.message, limit_cases[i].message));
        CHECK(result->exit_code == limit_cases[i].exit_code);
        CHECK(contains(result->err, limit_cases[i].err));
        CHECK(strncmp(result->out, "a\n", 2) == 0); /* what was printed before is kept */
        CHECK(limit_cases[i].line < 0 || result->error.line == limit_cases[i].line);
        CHECK(took < 15000 * NS_PER_MS);
        result = run(fixture, "print(1)"); /* and the next run knows nothing of it */
        CHECK(strcmp(result->out, "1\n") == 0 && result->error.kind == CLO_RUN_OK);
    }
}

#define REFUSED                                                                                    \
    "try:\n    call_tool('echo', value='x' * 5000)\nexcept ToolError as e:\n    error = e\n"

static void a_refused_call_is_the_end_only_if_its_error_was(void **state)
{
    static const struct {
        const char *code, *type;
        enum clo_run_error_kind kind;
    } ends[] = {
        {REFUSED "raise error", "HostCallTooLarge", CLO_RUN_LIMIT},
        {REFUSED "call_tool('add', a=1, b=2)\nraise error", "HostCallTooLarge", CLO_RUN_LIMIT},
        {REFUSED "raise ValueError(str(error))", "ValueError", CLO_RUN_EXCEPTION},
        {REFUSED "call_tool('fail')", "ToolError", CLO_RUN_EXCEPTION},
        {REFUSED "await call_tool_async('fail')", "ToolError", CLO_RUN_EXCEPTION},
        {REFUSED "call_tool('none', text=str(error))", "ToolError", CLO_RUN_EXCEPTION},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *code = ends[i].code;
        struct clo_run_result *result =
            run_as(fixture, (struct clo_run){.code = code, .limits = {.host_call_bytes = 1000}});
        CHECK(result->error.kind == ends[i].kind);
        CHECK(strcmp(result->error.type, ends[i].type) == 0);
    }
}

static void output_is_cut_exactly_at_its_limit(void **state)
{
    struct fixture *fixture = *state;
    const char *code = "print('x' * 10000)";
    struct clo_run_result *result =
        run_as(fixture, (struct clo_run){.code = code, .limits = {.output = 1234}});
    CHECK(result->out_length == 1234);
    CHECK(result->usage.output_bytes == result->out_length + result->err_length);
    CHECK(result->error.kind == CLO_RUN_LIMIT);
    code = "print('x' * 1233)";
    result = run_as(fixture, (struct clo_run){.code = code, .limits = {.output = 1234}});
    CHECK(result->out_length == 1234 && result->error.kind == CLO_RUN_OK);
}

static void what_a_run_used_is_told(void **state)
{
    struct fixture *fixture = *state;
    const char *code = "print('12345')\nburn(ms=60)\nawait call_tool_async('burn', ms=60)\n"
                       "nap(ms=50)\ntry: call_tool('burn')\nexcept ToolError: pass";
    struct clo_run_result *result = run(fixture, code);
    CHECK(result->error.kind == CLO_RUN_OK);
    CHECK(result->usage.host_calls == 4);
    CHECK(result->usage.output_bytes == 6);
    CHECK(result->usage.cpu_us >= 120000);
    CHECK(result->usage.wall_us >= 170000);
    CHECK(result->usage.memory_peak > 0);
    code = "for i in range(5): add(a=1, b=i)";
    result = run_as(fixture, (struct clo_run){.code = code, .limits = {.host_calls = 3}});
    CHECK(result->error.kind == CLO_RUN_LIMIT && result->usage.host_calls == 3);
    CHECK(result->usage.output_bytes == result->err_length);
}

static void values_keep_their_types_both_ways(void **state)
{
    struct fixture *fixture = *state;
    const char *code =
        "import math\n"
        "values = [None, True, False, 0, -1, 2**63 - 1, -2**63, 2**63, -2**63 - 1, 2**200,\n"
        "    -3**300, 0.1, -0.0, 1e300, float('inf'), float('-inf'), '', 'h\\xe9\\U0001f600',\n"
        "    '\\ud800', 'a\\0b', b'', b'\\x00\\xff', [], [1, [2, {'k': [b'x']}]], {},\n"
        "    {'': 1, 'a': {'b': None}}]\n"
        "for value in values:\n"
        "    back = call_tool('echo', value=value)\n"
        "    assert type(back) is type(value) and repr(back) == repr(value), (value, back)\n"
        "assert math.isnan(call_tool('echo', value=math.nan))\n"
        "edges = 0, 2**31, 2**32, 2**53, 2**63, 2**64, 2**1024, 10**1300\n"
        "limits = [sign * (edge + step) for edge in edges for step in range(-2, 3)\n"
        "    for sign in (1, -1)]\n"
        "limits += [5e-324, 2.0**-1022, 1.7976931348623157e308, 2.0**53, 2.0**63, -2.0**63, 1e22]\n"
        "assert repr(call_tool('echo', value=limits)) == repr(limits)\n"
        "assert call_tool('echo', value=(1, (2, 3))) == [1, [2, 3]]\n"
        "big = list(range(50000))\n"
        "assert call_tool('echo', value=big) == big\n"
        "text = 'y' * 3000000\n"
        "assert call_tool('echo', value=text) == text\n"
        "print('all')";
    struct clo_run_result *result = run(fixture, code);
    CHECK(strcmp(result->out, "all\n") == 0 && result->error.kind == CLO_RUN_OK);
    CHECK(result->usage.host_calls == 31);
}

static void tools_are_functions_and_their_failures_exceptions(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *code, *out;
    } tools[] = {
        {"print(call_tool('add', a=2, b=3), add(a=2, b=0.5))", "5 2.5\n"},
        {"try: call_tool('fail', reason='no way')\n"
         "except ToolError as e: print(isinstance(e, RuntimeError), e)",
         "True no way\n"},
        {"try: call_tool('add', a=1)\nexcept ToolError as e: print(e)",
         "add: argument 'b' is missing\n"},
        {"try: call_tool('add', a=1, b='x')\nexcept ToolError as e: print(e)",
         "add: argument 'b' is \"x\"; it must be a number\n"},
        {"try: call_tool('nope')\nexcept ToolError as e: print(str(e)[:26])",
         "there is no tool 'nope'; t\n"},
        {"print(call_tool('kind', value=2.0), call_tool('kind', value=2**70))",
         "integer big_integer\n"},
    };
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        const char *code = tools[i].code;
        struct clo_run_result *result = run(fixture, code);
        CHECK(strcmp(result->out, tools[i].out) == 0);
        CHECK(result->error.kind == CLO_RUN_OK);
    }
    const char *code = "x = 1\ncall_tool('fail', reason='why')";
    struct clo_run_result *result = run(fixture, code);
    CHECK(result->error.kind == CLO_RUN_EXCEPTION);
    CHECK(strcmp(result->error.type, "ToolError") == 0);
    CHECK(strcmp(result->error.message, "why") == 0);
    CHECK(result->error.line == 2);
}

static void awaited_tools_run_in_parallel(void **state)
{
    struct fixture *fixture = *state;
    const char *code = "import asyncio\n"
                       "await asyncio.gather(call_tool_async('meet'), call_tool_async('meet'))";
    struct clo_run_result *result = run(fixture, code);
    CHECK(result->result && strcmp(result->result, "[True, True]") == 0);
    code = "import asyncio\nt = call_tool_async('meet')\n"
           "t = asyncio.ensure_future(t)\nawait asyncio.sleep(0.02)\nprint('left')";
    result = run(fixture, code);
    CHECK(strcmp(result->out, "left\n") == 0);
    code = "meet()"; /* that one is still waiting, and nobody for it */
    result = run(fixture, code);
    CHECK(result->result && strcmp(result->result, "True") == 0);
}

struct canceller {
    struct clo_cancel *cancel;
    atomic_bool printed;
};

static void note_output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    (void)stream, (void)data, (void)length;
    atomic_store(&((struct canceller *)context)->printed, true);
}

static void *cancel_soon(void *context)
{
    struct canceller *canceller = context;
    for (int ms = 0; ms < 20000 && !atomic_load(&canceller->printed); ms++)
        runs_sleep(1);
    runs_sleep(50); /* until it loops or waits, which it does next */
    clo_cancel_trigger(canceller->cancel);
    return NULL;
}

static void a_cancelled_run_ends_soon_and_keeps_its_output(void **state)
{
    struct fixture *fixture = *state;
    static const char *const codes[] = {
        "print('a', flush=True)\nwhile True: pass",
        "print('a')\nimport time\ntime.sleep(30)",
        "print('a')\nimport asyncio\nawait call_tool_async('meet')",
    };
    run(fixture, "1"); /* so that none is still being born */
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        const char *code = codes[i];
        struct clo_cancel *cancel = clo_cancel_create();
        struct canceller canceller = {.cancel = cancel};
        pthread_t thread;
        pthread_create(&thread, NULL, cancel_soon, &canceller);
        uint64_t before = clo_monotonic_ns();
        struct clo_run_result *result = run_as(fixture, (struct clo_run){.code = code,
                                                                         .cancel = cancel,
                                                                         .on_output = note_output,
                                                                         .context = &canceller});
        uint64_t took = clo_monotonic_ns() - before;
        pthread_join(thread, NULL);
        CHECK(result->error.kind == CLO_RUN_CANCELLED);
        CHECK(result->exit_code == 130);
        CHECK(strcmp(result->out, "a\n") == 0);
        CHECK(took >= 50 * NS_PER_MS && took < 9000 * NS_PER_MS);
        struct clo_error error;
        struct clo_run_result *none;
        struct clo_run again = {.code = "1", .code_length = 1, .cancel = cancel};
        assert_int_equal(clo_sandbox_run(fixture->sandbox, &again, &none, &error), CLO_ECANCELLED);
        clo_cancel_free(cancel);
        result = run(fixture, "print(2)");
        CHECK(strcmp(result->out, "2\n") == 0);
    }
    const char *code = "meet()"; /* the tool that was called is still waiting, and is let go */
    struct clo_run_result *result = run(fixture, code);
    CHECK(result->result && strcmp(result->result, "True") == 0);
}

static void state_is_kept_only_when_asked(void **state)
{
    struct fixture *fixture = *state;
    const char *code = "secret = 41";
    struct clo_run_result *result = run(fixture, code);
    result = run_as(
        fixture,
        (struct clo_run){.code = "secret += 1\nsecret", .keep_state = true, .wants_result = true});
    CHECK(result->result && strcmp(result->result, "42") == 0);
    result = run_as(fixture, (struct clo_run){.code = "1 / 0", .keep_state = true});
    result = run_as(fixture,
                    (struct clo_run){.code = "secret", .keep_state = true, .wants_result = true});
    CHECK(result->result && strcmp(result->result, "42") == 0);
    result = run(fixture, "secret");
    CHECK(result->error.kind == CLO_RUN_EXCEPTION && contains(result->err, "NameError"));
}

static void nothing_a_run_does_is_seen_by_the_next(void **state)
{
    struct fixture *fixture = *state;
    static const char *const hostile[] = {
        "import sys, json\njson.dumps = None\nsys.modules['re'] = 3\nimport builtins\n"
        "builtins.print = None\nsecret = 'x' * 100",
        "open('/tmp/left', 'w').write('secret')",
        "import sys\nsys.setrecursionlimit(50)\nsys.stdout = None",
        "x = [bytes(1 << 20) for i in range(100)]",
        "import os\nos._exit(9)",
        "import gc\ngc.freeze()\nimport random\nrandom.seed(1)",
        "x = iter([1])\nfor i in range(100000): x = map(int, x)\nlist(x)",
        "a = []\nfor i in range(1000000): a = [a]",
        "import asyncio\nasync def f():\n  while True: await asyncio.sleep(1)\n"
        "asyncio.ensure_future(f())",
    };
    const char *look =
        "import sys, os, json, re, builtins, random\n"
        "print('secret' in globals(), 'x' in globals(), os.path.exists('/tmp/left'),\n"
        "      json.dumps([1]), re.sub('a', 'b', 'a'), sys.getrecursionlimit())";
    char *clean = strdup(run(fixture, look)->out);
    assert_true(contains(clean, "False False False [1] b"));
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        const char *code = hostile[i];
        run(fixture, code);
        struct clo_run_result *result = run(fixture, look);
        CHECK(strcmp(result->out, clean) == 0);
    }
    free(clean);
}

static void faults_are_named_and_survived(void **state)
{
    struct fixture *fixture = *state;
    const char *code = "print('before')\nx = iter([1])\n"
                       "for i in range(100000): x = map(lambda a: a, x)\nlist(x)";
    struct clo_run_result *result = run(fixture, code);
    CHECK(strcmp(result->out, "before\n") == 0);
    if (result->error.kind == CLO_RUN_FAULT) {
        CHECK(strcmp(result->error.type, "StackOverflow") == 0);
        CHECK(result->exit_code == 139);
        CHECK(contains(result->err, "cloche: "));
    } else {
        CHECK(result->error.kind == CLO_RUN_EXCEPTION); /* a guest that counts its own depth */
    }
    result = run(fixture, "print(1)");
    CHECK(strcmp(result->out, "1\n") == 0);
}

static void collect(void *context, enum clo_stream stream, const char *data, size_t length)
{
    char *seen = context;
    (void)stream;
    strncat(seen, data, length);
}

static void output_is_heard_as_it_comes(void **state)
{
    struct fixture *fixture = *state;
    char seen[1000] = "";
    const char *code = "import sys, time\nprint('a')\ntime.sleep(0.01)\n"
                       "print('b', file=sys.stderr)\nprint('c')";
    struct clo_run_result *result =
        run_as(fixture, (struct clo_run){.code = code, .on_output = collect, .context = seen});
    CHECK(strcmp(result->out, "a\nc\n") == 0);
    CHECK(strcmp(seen, "a\nb\nc\n") == 0); /* in the order in which they were printed */
}

static void arguments_reach_the_code(void **state)
{
    struct fixture *fixture = *state;
    const char *const arguments[] = {"one", "", "\xff two"};
    const char *code = "import sys\nsys.argv, __file__";
    struct clo_run order = {.code = code,
                            .name = "x.py",
                            .arguments = arguments,
                            .argument_count = 3,
                            .wants_result = true};
    struct clo_run_result *result = run_as(fixture, order);
    CHECK(contains(result->result, "(['x.py', 'one', '', '\\udcff two'], 'x.py')"));
    order = (struct clo_run){.code = code, .wants_result = true};
    order.keep_state = true; /* nothing of the last run's is left */
    result = run_as(fixture, order);
    CHECK(contains(result->result, "(['main.py'], 'main.py')"));
}

/* What models pass to a call instead of {"code": "..."}, and what is run of it. */
static const struct {
    const char *arguments, *out, *note;
} wrapped[] = {
    {"print(6*7)", "42\n", "plain code instead of JSON"},
    {"```python\nprint(6*7)\n```", "42\n", "Markdown fence"},
    {"\"{\\\"code\\\": \\\"print(6*7)\\\"}\"", "42\n", "no object with \"code\""},
    {"\"print(6*7)\"", "42\n", "no object with \"code\""},
    {"{\"code\": \"x = 6\nprint(x*7)\"}", "42\n", "line breaks in a string"},
    {"{'code': 'x = 6\\nprint(x*7)'}", "42\n", "a dict of Python"},
    {"{\"code\": \"\"\"\nprint(6*7)\n\"\"\"}", "42\n", "a dict of Python"},
    {"{\"code\": \"print(\"a\", 6*7)\"}", "a 42\n", "between the quotes"},
    {"[\"x = 6\", \"print(x*7)\"]", "42\n", "no object with \"code\""},
    {"{\"code\": [\"x = 6\\n\", \"print(x*7)\"]}", "42\n", "no object with \"code\""},
    {"{\"python\": \"print(6*7)\"}", "42\n", "no object with \"code\""},
    {"{\"name\": \"execute_code\", \"arguments\": {\"code\": \"print(6*7)\"}}", "42\n",
     "no object with \"code\""},
};

/* These hold none, or a part of it. */
static const char *const unwrapped[] = {"{\"code\": \"print(6*7)", "[]", "{\"code\": [1, 2]}",
                                        "{\"code\": {\"a\": 1}}", "{'code': None}"};

static void code_is_found_in_arguments(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof wrapped / sizeof *wrapped; i++) {
        const char *code = wrapped[i].arguments;
        struct clo_run order = {.code = code, .repair = CLO_REPAIR_ARGUMENTS};
        struct clo_run_result *result = run_as(fixture, order);
        CHECK(strcmp(result->out, wrapped[i].out) == 0);
        CHECK(contains(result->note, wrapped[i].note));
        CHECK(!strchr(result->note, '\n'));
    }
    for (size_t i = 0; i < sizeof unwrapped / sizeof *unwrapped; i++) {
        const char *code = unwrapped[i];
        struct clo_run order = {.code = code, .repair = CLO_REPAIR_ARGUMENTS};
        struct clo_run_result *result = run_as(fixture, order);
        CHECK(result->error.kind == CLO_RUN_EXCEPTION);
        CHECK(contains(result->error.message, "call execute_code with {\"code\": \"...\"}"));
        CHECK(!result->out_length && !contains(result->err, "Traceback"));
    }
    const char *code = "```\nprint(6*7)\n```";
    struct clo_run_result *result =
        run_as(fixture, (struct clo_run){.code = code, .repair = CLO_REPAIR_CODE});
    CHECK(result->note);
    code = "print(6*7)"; /* the next run of the session knows nothing of it */
    result = run_as(fixture, (struct clo_run){.code = code, .keep_state = true});
    CHECK(!result->note);
}

static void input_reaches_the_code(void **state)
{
    struct fixture *fixture = *state;
    size_t length = 300000;
    char *input = malloc(length);
    memset(input, 'x', length);
    memcpy(input, "h\xc3\xa9\nsecond\n", 11);
    const char *code =
        "import os, sys\n"
        "a = input(), sys.stdin.readline(), len(sys.stdin.buffer.read(5))\n"
        "a, len(sys.stdin.read()), sys.stdin.read(), os.read(0, 1), sys.stdin.fileno()";
    struct clo_run order = {
        .code = code, .input = input, .input_length = length, .wants_result = true};
    struct clo_run_result *result = run_as(fixture, order);
    CHECK(contains(result->result, "(('h\xc3\xa9', 'second\\n', 5), "));
    CHECK(contains(result->result, ", '', b'', 0)"));
    code = "open(0, 'rb').read()[-3:]";
    order.code = code;
    result = run_as(fixture, order);
    CHECK(contains(result->result, "b'xxx'"));
    code = "import sys\nsys.stdin.read()";
    order.code = code;
    order.input_length = 0;
    result = run_as(fixture, order);
    CHECK(contains(result->result, "''"));
    order.input_length = 11;
    result = run_as(fixture, order);
    CHECK(contains(result->result, "'h\xc3\xa9\\nsecond\\n'"));
    order.input = "\xff";
    order.input_length = 1;
    result = run_as(fixture, order);
    CHECK(result->error.type && strcmp(result->error.type, "UnicodeDecodeError") == 0);
    result = run_as(fixture, (struct clo_run){.code = code, .keep_state = true});
    CHECK(contains(result->error.message, "without standard input"));
    free(input);
}

static void each_piece_of_input_is_a_host_call(void **state)
{
    struct fixture *fixture = *state;
    char *input = calloc(1, 300000);
    const char *code = "import sys\nprint(len(sys.stdin.buffer.read(100)))\nsys.stdin.read()";
    struct clo_run_result *result = run_as(fixture, (struct clo_run){.code = code,
                                                                     .input = input,
                                                                     .input_length = 300000,
                                                                     .limits = {.host_calls = 3}});
    CHECK(result->error.kind == CLO_RUN_LIMIT && result->error.limit == CLO_LIMIT_HOST_CALLS);
    CHECK(strcmp(result->error.type, "HostCallLimitExceeded") == 0);
    CHECK(strcmp(result->out, "100\n") == 0 && contains(result->err, "line 3"));
    result =
        run_as(fixture, (struct clo_run){.code = code, .input = input, .input_length = 300000});
    CHECK(result->error.kind == CLO_RUN_OK);
    CHECK(result->usage.host_calls >= 5 && result->usage.host_calls < 100);
    free(input);
}

static ptrdiff_t never_input(void *context, char *buffer, size_t capacity, uint64_t wait_ms)
{
    (void)context, (void)buffer, (void)capacity;
    runs_sleep((long)wait_ms);
    return -1;
}

static void waiting_for_input_ends_with_the_run(void **state)
{
    struct fixture *fixture = *state;
    uint64_t wall_ms = harness_is_emulated() ? 6000 : 300; /* a tenth of it is for the traceback */
    for (int way = 0; way < 3; way++) {
        const char *code = way == 0   ? "input()"
                           : way == 1 ? "import sys\nsys.stdin.read()"
                                      : "open(0).read()";
        struct clo_run_result *result = run_as(
            fixture, (struct clo_run){
                         .code = code, .on_input = never_input, .limits = {.wall_ms = wall_ms}});
        CHECK(result->error.kind == CLO_RUN_LIMIT);
        CHECK(contains(result->error.type, "TimeLimitExceeded"));
        CHECK(contains(result->err, "TimeLimitExceeded") && contains(result->err, "line"));
    }
}

static void the_repr_is_made_where_it_is_read(void **state)
{
    struct fixture *fixture = *state;
    const char *code = "class Odd:\n    def __repr__(self):\n        print('asked')\n"
                       "        raise RuntimeError('no repr')\nOdd()";
    struct clo_run_result *result = run_as(fixture, (struct clo_run){.code = code});
    CHECK(result->error.kind == CLO_RUN_OK && result->exit_code == 0 && !result->result);
    CHECK(strcmp(result->out, "") == 0 && strcmp(result->err, "") == 0);
    result = run(fixture, code);
    CHECK(result->error.kind == CLO_RUN_OK && result->exit_code == 0);
    CHECK(strcmp(result->out, "asked\n") == 0 && strcmp(result->err, "") == 0);
    CHECK(contains(result->result, "<Odd object: its repr() raised RuntimeError: no repr>"));
    code = "class Odd:\n    def __repr__(self): return 5\nOdd()";
    result = run(fixture, code);
    CHECK(contains(result->result, "its repr() raised TypeError") && result->exit_code == 0);
    code = "class Slow:\n    def __repr__(self):\n        while True: pass\nSlow()";
    result = run_as(
        fixture, (struct clo_run){.code = code, .wants_result = true, .limits = {.wall_ms = 300}});
    CHECK(result->error.kind == CLO_RUN_LIMIT); /* what interrupts is no matter of the repr */
}

static void wrong_arguments_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct clo_run_result *result;
    struct clo_error error;
    struct clo_run bad = {.code = "\xff", .code_length = 1};
    assert_int_equal(clo_sandbox_run(fixture->sandbox, &bad, &result, &error), CLO_EINVALID);
    assert_null(result);
    bad = (struct clo_run){.code = "1", .code_length = 1, .limits = {.memory = 1ull << 31}};
    assert_int_equal(clo_sandbox_run(fixture->sandbox, &bad, &result, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "more than the sandbox's"));
    char *long_code = malloc(9u << 20);
    memset(long_code, '#', 9u << 20);
    bad = (struct clo_run){.code = long_code, .code_length = 9u << 20};
    assert_int_equal(clo_sandbox_run(fixture->sandbox, &bad, &result, &error), CLO_EINVALID);
    bad = (struct clo_run){.code = "1", .code_length = 1, .argument_count = 1};
    assert_int_equal(clo_sandbox_run(fixture->sandbox, &bad, &result, &error), CLO_EINVALID);
    bad.arguments = (const char *const[]){NULL};
    assert_int_equal(clo_sandbox_run(fixture->sandbox, &bad, &result, &error), CLO_EINVALID);
    long_code[(9u << 20) - 1] = '\0';
    bad.arguments = (const char *const[]){long_code};
    assert_int_equal(clo_sandbox_run(fixture->sandbox, &bad, &result, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "9437184 bytes"));
    bad = (struct clo_run){.code = long_code, .code_length = 8u << 20, .argument_count = 1};
    bad.arguments = (const char *const[]){long_code + (8u << 20) + 1};
    assert_int_equal(clo_sandbox_run(fixture->sandbox, &bad, &result, &error), CLO_EINVALID);
    bad = (struct clo_run){.code = "1", .code_length = 1, .input_length = 1};
    assert_int_equal(clo_sandbox_run(fixture->sandbox, &bad, &result, &error), CLO_EINVALID);
    free(long_code);
    struct clo_sandbox_config config = {.image = runs_image, .limits = {.memory = 1}};
    struct clo_sandbox *none;
    assert_int_equal(clo_sandbox_create(&none, &config, &error), CLO_EINVALID);
    config.limits.memory = 0;
    config.placement = 7;
    assert_int_equal(clo_sandbox_create(&none, &config, &error), CLO_EINVALID);
    config.placement = CLO_PLACEMENT_THREAD;
    config.image = NULL;
    assert_int_equal(clo_sandbox_create(&none, &config, &error), CLO_EINVALID);
    assert_null(none);
}

#define BOTH(test) RUNS_BOTH(test, set_up, tear_down, &here, &there)

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        BOTH(runs_give_what_the_table_says),
        BOTH(each_limit_ends_a_run_and_says_so),
        BOTH(a_refused_call_is_the_end_only_if_its_error_was),
        BOTH(output_is_cut_exactly_at_its_limit),
        BOTH(what_a_run_used_is_told),
        BOTH(values_keep_their_types_both_ways),
        BOTH(tools_are_functions_and_their_failures_exceptions),
        BOTH(awaited_tools_run_in_parallel),
        BOTH(a_cancelled_run_ends_soon_and_keeps_its_output),
        BOTH(state_is_kept_only_when_asked),
        BOTH(nothing_a_run_does_is_seen_by_the_next),
        BOTH(faults_are_named_and_survived),
        BOTH(output_is_heard_as_it_comes),
        BOTH(arguments_reach_the_code),
        BOTH(code_is_found_in_arguments),
        BOTH(input_reaches_the_code),
        BOTH(each_piece_of_input_is_a_host_call),
        BOTH(waiting_for_input_ends_with_the_run),
        BOTH(the_repr_is_made_where_it_is_read),
        BOTH(wrong_arguments_are_refused),
    };
    return runs_end(runs_all(tests));
}
