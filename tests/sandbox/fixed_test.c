/* fixed_test.c - runs whose randomness, clocks and time zone are fixed; runs without tools; waiting for
 * tools with a limit of its own. Real Python, in this process and in a worker.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cloche/sandbox.h"
#include "harness.h"
#include "runs.h"
#include "sandbox/call/host_calls.h"
#include "sandbox/run/runner.h"
#include "sandbox_tools.h"

struct fixture {
    enum clo_placement placement;
    struct clo_sandbox *sandbox;
    struct clo_run_result *result; /* of the last run */
};
static struct fixture here = {CLO_PLACEMENT_THREAD, NULL, NULL};
static struct fixture there = {CLO_PLACEMENT_WORKER, NULL, NULL};

static void make(struct fixture *fixture, const struct clo_fixed *fixed,
                 const struct clo_limits *limits)
{
    struct clo_sandbox_config config =
        runs_config((struct clo_sandbox_config){.tools = test_tools,
                                                .tool_count = test_tool_count,
                                                .placement = fixture->placement,
                                                .limits = *limits,
                                                .fixed = *fixed});
    struct clo_error error;
    if (clo_sandbox_create(&fixture->sandbox, &config, &error))
        fail_msg("%s (%s)", error.message, error.hint);
}

static const struct clo_limits generous = {.wall_ms = 120000, .cpu_ms = 60000};

static void make_plain(struct fixture *fixture)
{
    make(fixture, &(struct clo_fixed){0}, &generous);
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

static struct clo_run_result *run_as(struct fixture *fixture, struct clo_run run)
{
    struct clo_error error = {0};
    clo_run_result_free(fixture->result);
    fixture->result = NULL;
    run.code_length = strlen(run.code);
    if (clo_sandbox_run(fixture->sandbox, &run, &fixture->result, &error))
        fail_msg("%s: %s", run.code, error.message);
    return fixture->result;
}

/* What it prints; it must end well. */
static char *prints(struct fixture *fixture, const char *code, struct clo_fixed fixed)
{
    struct clo_run_result *result = run_as(fixture, (struct clo_run){.code = code, .fixed = fixed});
    if (result->error.kind)
        fail_msg("%s\n%s", code, result->err);
    char *out = strdup(result->out);
    assert_non_null(out);
    return out;
}

#define EVERYTHING                                                                                 \
    "import time, datetime, random, secrets, os, uuid, tempfile\n"                                 \
    "print(time.time(), time.monotonic(), time.perf_counter(), time.process_time())\n"             \
    "print(time.time_ns(), datetime.datetime.now(), datetime.datetime.now().astimezone())\n"       \
    "print(random.random(), secrets.token_hex(8), os.urandom(8), uuid.uuid4(), uuid.uuid1())\n"    \
    "print(tempfile.mktemp(), {'a', 'b', 'c'}, object())\n"                                        \
    "time.sleep(0.01)\n"                                                                           \
    "print(time.time(), time.process_time())\n"

#define NOON 1782900000000000000ull /* 2026-07-01T10:00:00Z */

static void the_same_run_again_prints_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct clo_fixed fixed = {true, true, 7, NOON, "Europe/Berlin"};
    make_plain(fixture);
    char *first = prints(fixture, EVERYTHING, fixed);
    char *again = prints(fixture, EVERYTHING, fixed);
    assert_string_equal(again, first);
    fixed.seed = 8;
    char *other = prints(fixture, EVERYTHING, fixed);
    assert_string_not_equal(other, first);
    tear_down(state); /* the sandbox's own are those of a run that says nothing */
    fixed.seed = 7;
    make(fixture, &fixed, &generous);
    char *configured = prints(fixture, EVERYTHING, (struct clo_fixed){0});
    assert_string_equal(configured, first);
    char *own = prints(fixture, EVERYTHING, (struct clo_fixed){.has_seed = true, .seed = 8});
    assert_string_equal(own, other);
    free(first);
    free(again);
    free(other);
    free(configured);
    free(own);
}

/* One is fixed without the other, and without either nothing is. */
static void each_is_fixed_by_itself(void **state)
{
    static const char random[] = "import os; print(os.urandom(16))";
    static const char clock[] = "import time; print(time.time_ns())";
    struct fixture *fixture = *state;
    make_plain(fixture);
    const struct clo_fixed nothing = {0}, seed = {.has_seed = true},
                           noon = {.has_clock = true, .clock_ns = NOON};
    const struct {
        const char *code;
        const struct clo_fixed *fixed;
        bool same;
    } cases[] = {{random, &seed, true}, {random, &noon, false}, {random, &nothing, false},
                 {clock, &seed, false}, {clock, &noon, true},   {clock, &nothing, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *first = prints(fixture, cases[i].code, *cases[i].fixed);
        char *again = prints(fixture, cases[i].code, *cases[i].fixed);
        if ((strcmp(first, again) == 0) != cases[i].same)
            fail_msg("case %zu: %s and %s", i, first, again);
        free(first);
        free(again);
    }
}

static void the_clock_goes_on_by_what_the_code_does(void **state)
{
    struct fixture *fixture = *state;
    make_plain(fixture);
    char *out =
        prints(fixture,
               "import asyncio, time\n"
               "print(time.time_ns(), time.monotonic_ns(), time.process_time_ns())\n"
               "start, looks = time.time(), 0\n"
               "while time.time() < start + 1: looks += 1\n" /* ends */
               "print(looks > 900_000, sum(range(100_000)))\n"
               "before = time.monotonic_ns()\n"
               "time.sleep(0.05)\n"
               "print(50_000_000 <= time.monotonic_ns() - before < 51_000_000)\n"
               "cpu = time.process_time_ns()\n"
               "time.sleep(0.05)\n"
               "print(time.process_time_ns() - cpu < 1_000_000)\n"
               "async def main():\n"
               "    try: await asyncio.wait_for(asyncio.sleep(10), 0.02)\n"
               "    except TimeoutError: print('timed out')\n"
               "    nap = call_tool_async('nap', ms=100)\n" /* real time, and none of this clock */
               "    before = time.monotonic_ns()\n"
               "    await nap\n"
               "    print(time.monotonic_ns() - before < 1_000_000)\n"
               "asyncio.run(main())\n"
               "before = time.monotonic_ns()\n"
               "call_tool('nap', ms=20)\n"
               "print(time.monotonic_ns() - before < 1_000_000)\n",
               (struct clo_fixed){.has_clock = true, .clock_ns = NOON});
    assert_string_equal(out, "1782900000000001000 1000000000002000 3000\n"
                             "True 4999950000\nTrue\nTrue\ntimed out\nTrue\nTrue\n");
    free(out);
}

/* Limits count the time that passes. */
static void limits_are_not_fixed(void **state)
{
    struct fixture *fixture = *state;
    make_plain(fixture);
    struct clo_run run = {.code = "print('in')\nwhile True: pass",
                          .fixed = {.has_clock = true, .clock_ns = NOON},
                          .limits = {.wall_ms = 2000}};
    struct clo_run_result *result = run_as(fixture, run);
    assert_int_equal(result->error.limit, CLO_LIMIT_WALL);
    assert_string_equal(result->out, "in\n");
    run.code = "import time\ntime.sleep(1000)";
    result = run_as(fixture, run);
    assert_int_equal(result->error.limit, CLO_LIMIT_WALL);
}

/* What the zone's own arithmetic says is what all else says, all year and over both changes. */
static void local_time_is_that_of_the_zone(void **state)
{
    static const char *const zones[] = {"Europe/Berlin",  "America/New_York",
                                        "Asia/Kolkata",   "Australia/Lord_Howe",
                                        "Europe/Dublin",  "Africa/Casablanca",
                                        "Pacific/Apia",   "America/Sao_Paulo",
                                        "Etc/GMT+5",      "UTC",
                                        "Asia/Kathmandu", "America/St_Johns"};
    /* SQLite takes another year for those after 2037, as its documentation says. */
    static const char code[] =
        "import datetime, os, sqlite3, time, zoneinfo\n"
        "name = os.environ['TZ']\n"
        "zone = zoneinfo.ZoneInfo(name)\n"
        "db = sqlite3.connect(':memory:')\n"
        "hour, wrong = 3600, []\n"
        "def look(at):\n"
        "    want = datetime.datetime.fromtimestamp(at, zone)\n"
        "    local = time.localtime(at)\n"
        "    seen = (local[:6], local.tm_gmtoff, local.tm_zone, bool(local.tm_isdst))\n"
        "    due = (want.timetuple()[:6], want.utcoffset().total_seconds(), want.tzname(), bool(want.dst()))\n"
        "    naive = datetime.datetime.fromtimestamp(at)\n"
        "    sql = db.execute('select datetime(?, \"unixepoch\", \"localtime\")', (at,)).fetchone()[0]\n"
        "    if seen != due or naive != want.replace(tzinfo=None) or time.mktime(local) != at or \\\n"
        "            naive.astimezone().utcoffset() != want.utcoffset() and not want.fold or \\\n"
        "            (at < 2145916800 and sql != naive.isoformat(' ')) or time.strftime('%Z %z', local) != want.strftime('%Z %z'):\n"
        "        wrong.append((at, seen, due, naive, sql, time.mktime(local)))\n"
        "start = 1767225600\n" /* 2026 */
        "for at in range(start, start + 366 * 24 * hour, 7 * hour): look(at)\n"
        "for year in 1971, 1990, 2011, 2037, 2038, 2500:\n"
        "    for day in range(0, 365, 23): look(int(datetime.datetime(year, 1, 1, 5, 59, 59).timestamp()) + day * 86400)\n"
        "std = next(zone.tzname(datetime.datetime(2026, m, 1)) for m in (1, 7)\n"
        "           if -zone.utcoffset(datetime.datetime(2026, m, 1)).total_seconds() == time.timezone)\n"
        "print(wrong[:2], time.tzname[0] == std)\n";
    struct fixture *fixture = *state;
    make_plain(fixture);
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        char *out = prints(fixture, code, (struct clo_fixed){.timezone = zones[i]});
        if (strcmp(out, "[] True\n") != 0)
            fail_msg("%s: %s", zones[i], out);
        free(out);
    }
}

static void a_rule_is_a_zone_too(void **state)
{
    struct fixture *fixture = *state;
    make_plain(fixture);
    static const char code[] =
        "import time, os\n"
        "for at in (1768478400, 1784116800): print(time.strftime('%F %T %Z %z', time.localtime(at)))\n"
        "print(time.tzname, time.timezone, time.altzone, time.daylight, os.environ['TZ'])\n";
    char *out = prints(fixture, code, (struct clo_fixed){.timezone = "CET-1CEST,M3.5.0,M10.5.0/3"});
    assert_string_equal(out, "2026-01-15 13:00:00 CET +0100\n2026-07-15 14:00:00 CEST +0200\n"
                             "('CET', 'CEST') -3600 -7200 1 CET-1CEST,M3.5.0,M10.5.0/3\n");
    free(out);
    out =
        prints(fixture, code, (struct clo_fixed){.timezone = "UTC+2"}); /* west, as POSIX has it */
    assert_string_equal(out, "2026-01-15 10:00:00 UTC -0200\n2026-07-15 10:00:00 UTC -0200\n"
                             "('UTC', 'UTC') 7200 7200 0 UTC+2\n");
    free(out);
    out = prints(fixture, code, (struct clo_fixed){0});
    assert_string_equal(out, "2026-01-15 12:00:00 UTC +0000\n2026-07-15 12:00:00 UTC +0000\n"
                             "('UTC', 'UTC') 0 0 0 UTC\n");
    free(out);
}

/* In a session the zone is each run's own. */
static void a_session_changes_its_zone(void **state)
{
    struct fixture *fixture = *state;
    make_plain(fixture);
    static const char *const zones[] = {"Asia/Tokyo", NULL, "Etc/GMT+1", "Asia/Tokyo"};
    static const char *const due[] = {"JST 9\n", "UTC 0\n", "-01 -1\n", "JST 9\n"};
    for (size_t i = 0; i < 4; i++) {
        struct clo_run run = {.code = "import time\nn = globals().get('n', 0) + 1\n"
                                      "print(time.tzname[0], time.localtime(0).tm_gmtoff // 3600)",
                              .keep_state = true,
                              .fixed = {.timezone = zones[i]}};
        assert_string_equal(run_as(fixture, run)->out, due[i]);
    }
    assert_string_equal(
        run_as(fixture, (struct clo_run){.code = "print(n)", .keep_state = true})->out, "4\n");
}

static int refused(struct fixture *fixture, struct clo_fixed fixed, struct clo_error *error)
{
    struct clo_run run = {.code = "print(1)", .code_length = 8, .fixed = fixed};
    struct clo_run_result *none;
    int status = clo_sandbox_run(fixture->sandbox, &run, &none, error);
    if (!status)
        clo_run_result_free(none);
    return status;
}

static void what_cannot_be_is_refused(void **state)
{
    static const char *const zones[] = {
        "",          "Mars/Olympus", "Berlin",          "/etc/localtime", "a b",      "../UTC",
        "CET-1CEST", "CET-99",       "europe/berlin\n", "Europe",         "tzdata.zi"};
    struct fixture *fixture = *state;
    struct clo_error error = {0};
    char text[200];
    make_plain(fixture);
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        if (refused(fixture, (struct clo_fixed){.timezone = zones[i]}, &error) != CLO_EINVALID)
            fail_msg("\"%s\" is taken for a zone: %s", zones[i], error.message);
        snprintf(text, sizeof text, "timezone \"%s\"", zones[i]);
        assert_non_null(strstr(error.message, text));
        assert_non_null(strstr(error.hint, "Europe/Berlin"));
    }
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(refused(fixture, (struct clo_fixed){.timezone = text}, &error), CLO_EINVALID);
    struct clo_fixed late = {.has_clock = true, .clock_ns = UINT64_MAX};
    assert_int_equal(refused(fixture, late, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "18446744073709551615"));
    char *out = prints(fixture, "print('goes on')", (struct clo_fixed){0}); /* nothing was broken */
    assert_string_equal(out, "goes on\n");
    free(out);
    tear_down(state);
    struct clo_sandbox_config config =
        runs_config((struct clo_sandbox_config){.placement = fixture->placement, .fixed = late});
    assert_int_equal(clo_sandbox_create(&fixture->sandbox, &config, &error), CLO_EINVALID);
}

static void a_run_without_tools_has_none(void **state)
{
    struct fixture *fixture = *state;
    make_plain(fixture);
    struct clo_run run = {.code = "print('add' in globals())\n"
                                  "try: call_tool('add', a=1, b=2)\n"
                                  "except ToolError as error: print(error)\n"
                                  "try: print(call_tool_async('add', a=1, b=2))\n"
                                  "except ToolError as error: print(error)\n",
                          .no_tools = true};
    struct clo_run_result *result = run_as(fixture, run);
    assert_true(strncmp(result->out, "False\nthis run has no tools\n", 27) == 0);
    run = (struct clo_run){.code = "print(add(a=1, b=2))"};
    assert_string_equal(run_as(fixture, run)->out, "3\n");
}

/* ---- tool_ms ---- */

#define NAPS "for i in range(4): call_tool('nap', ms=1000)\nprint('all')"

static void waiting_for_tools_has_a_limit_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    make_plain(fixture);
    struct clo_run run = {.code = NAPS, .limits = {.wall_ms = 2500}};
    assert_int_equal(run_as(fixture, run)->error.limit, CLO_LIMIT_WALL);
    run.limits.tool_ms = 60000;
    struct clo_run_result *result = run_as(fixture, run);
    if (result->error.kind)
        fail_msg("%s", result->err);
    assert_string_equal(result->out, "all\n");
    assert_true(result->usage.wall_us >= 4000000);
    run.code =
        "import asyncio\n"
        "async def main():\n"
        "    for i in range(4): await asyncio.gather(*(call_tool_async('nap', ms=1000) for _ in range(3)))\n"
        "asyncio.run(main())\nprint('all')";
    assert_string_equal(run_as(fixture, run)->out, "all\n");
}

/* All else goes on to count as wall time: also a sleep. */
static void what_is_no_wait_for_a_tool_counts_as_before(void **state)
{
    static const char *const codes[] = {
        "call_tool('nap', ms=50)\nwhile True: pass",
        "import time\ncall_tool('nap', ms=50)\ntime.sleep(1000)",
        "import asyncio\nasyncio.run(asyncio.sleep(1000))",
    };
    struct fixture *fixture = *state;
    make_plain(fixture);
    for (size_t i = 0; i < 3; i++) {
        struct clo_run run = {.code = codes[i], .limits = {.wall_ms = 300, .tool_ms = 100000}};
        uint64_t start = clo_monotonic_ns();
        assert_int_equal(run_as(fixture, run)->error.limit, CLO_LIMIT_WALL);
        assert_true(clo_monotonic_ns() - start < 60 * 1000 * NS_PER_MS);
    }
}

static void the_limit_on_waiting_for_tools_holds(void **state)
{
    static const char *const codes[] = {
        "print('in')\nfor i in range(1000): call_tool('nap', ms=100)",
        "import asyncio\nprint('in')\nasync def main():\n"
        "    for i in range(1000): await call_tool_async('nap', ms=100)\nasyncio.run(main())",
        "import asyncio\nprint('in')\nasync def main():\n"
        "    await asyncio.gather(call_tool_async('nap', ms=3000))\nasyncio.run(main())",
        /* who ignores it is stopped when the grace is over */
        "print('in')\nwhile True:\n    try: call_tool('nap', ms=50)\n    except BaseException: pass",
    };
    struct fixture *fixture = *state;
    make_plain(fixture);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct clo_run run = {.code = codes[i], .limits = {.wall_ms = 60000, .tool_ms = 400}};
        struct clo_run_result *result = run_as(fixture, run);
        if (result->error.limit != CLO_LIMIT_TOOL)
            fail_msg("case %zu: %s %s", i, result->error.type, result->err);
        assert_string_equal(result->error.type, "TimeLimitExceeded");
        assert_string_equal(result->error.message, "limit of 400 ms of waiting for tools reached");
        assert_int_equal(result->exit_code, 124);
        assert_string_equal(result->out, "in\n");
        assert_true(result->usage.wall_us < 30 * 1000000ull);
    }
}

/* ---- a host that hears late of what a run asks, as one whose machine is busy ---- */

static int answer_late(void *context, const struct clo_call *call, struct clo_call_reply *reply,
                       struct clo_error *error)
{
    if (call->wait_id != CLO_WAIT_NONE)
        runs_sleep(50);
    return clo_host_calls_call(context, call, reply, error);
}

static void ignore_output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    (void)context;
    (void)stream;
    (void)data;
    (void)length;
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static void run_late(struct clo_host_calls *calls, struct clo_runner *runner,
                     struct clo_run_result *result)
{
    static const char code[] = "import asyncio\nasync def main():\n"
                               "    await call_tool_async('nap', ms=3000)\nasyncio.run(main())";
    struct clo_limits limits = {.wall_ms = 60000, .tool_ms = 400};
    struct clo_run_host host = {
        .answer = answer_late, .output = ignore_output, .cancelled = never, .context = calls};
    struct clo_order order = {.code = code, .code_length = strlen(code), .name = "main.py"};
    struct clo_mounts *none;
    struct clo_error error;
    assert_int_equal(clo_limits_resolve(&order.limits, &limits, NULL, &error), 0);
    assert_int_equal(clo_mounts_open(&none, NULL, 0, &error), 0);
    clo_host_calls_begin(calls, &order.limits, NULL, -1);
    clo_host_calls_files(calls, none, NULL);
    if (clo_runner_run(runner, &order, &host, result, &error))
        fail_msg("%s", error.message);
    clo_host_calls_end(calls);
    clo_mounts_close(none);
}

/* It then counts less of a wait than the run has waited; the limit is the one that ended it all the
 * same. */
static void a_late_host_names_the_right_limit(void **state)
{
    (void)state;
    struct clo_tool_set *tools;
    struct clo_executor *threads;
    struct clo_host_calls *calls;
    struct clo_runner *runner;
    struct clo_error error;
    size_t length;
    if (runs_isolation == CLO_ISOLATION_PROCESS)
        skip(); /* its guest belongs into a worker */
    assert_int_equal(clo_tool_set_create(&tools, test_tools, test_tool_count, &error), 0);
    const char *manifest = clo_tool_set_manifest(tools, &length);
    assert_int_equal(clo_executor_create(&threads, 2, NULL, &error), 0);
    assert_int_equal(clo_host_calls_create(&calls, tools, threads, &error), 0);
    assert_int_equal(
        clo_runner_create(&runner, runs_image, runs_isolation, 128 * MIB, manifest, length, &error),
        0);
    struct clo_run_result *result = calloc(1, sizeof *result);
    assert_non_null(result);
    run_late(calls, runner, result);
    assert_int_equal(result->error.limit, CLO_LIMIT_TOOL);
    assert_string_equal(result->error.message, "limit of 400 ms of waiting for tools reached");
    clo_run_result_free(result);
    clo_runner_destroy(runner);
    clo_host_calls_free(calls);
    clo_executor_destroy(threads);
    clo_tool_set_free(tools);
}

#define BOTH(test) RUNS_BOTH(test, NULL, tear_down, &here, &there)

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        BOTH(the_same_run_again_prints_the_same),
        BOTH(each_is_fixed_by_itself),
        BOTH(the_clock_goes_on_by_what_the_code_does),
        BOTH(limits_are_not_fixed),
        BOTH(local_time_is_that_of_the_zone),
        BOTH(a_rule_is_a_zone_too),
        BOTH(a_session_changes_its_zone),
        BOTH(what_cannot_be_is_refused),
        BOTH(a_run_without_tools_has_none),
        BOTH(waiting_for_tools_has_a_limit_of_its_own),
        BOTH(what_is_no_wait_for_a_tool_counts_as_before),
        BOTH(the_limit_on_waiting_for_tools_holds),
        cmocka_unit_test(a_late_host_names_the_right_limit),
    };
    return runs_end(runs_all(tests));
}
