/* suspend_test.c - runs that wait for somebody's answer go into a file, and go on anywhere.
 *
 * The image: $CLOCHE_IMAGE, or the first argument.
 */
#include "suspend_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct clo_run plain;

static bool never(void)
{
    return false;
}

static void *cancel_soon(void *cancel)
{
    runs_sleep(300);
    clo_cancel_trigger(cancel);
    return NULL;
}

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

/* ---- what is waited for first ---- */

static struct clo_sandbox *sandbox_here(void)
{
    return suspend_sandbox(here(), (struct clo_sandbox_config){0});
}

static void other_calls_are_waited_for_first(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    struct suspended run = suspend_begin(
        sandbox,
        "import asyncio\n"
        "async def all():\n"
        "    got = await asyncio.gather(call_tool_async('ask', value='a'), call_tool_async('nap', ms=150),\n"
        "        call_tool_async('ask', value='fail'), call_tool_async('echo', value=5), return_exceptions=True)\n"
        "    print([g if not isinstance(g, Exception) else str(g) for g in got])\n"
        "    return await asyncio.gather(*(call_tool_async('ask', value=i) for i in range(40)))\n"
        "print(sum(asyncio.run(all())))",
        plain);
    assert_int_equal(run.result->error.kind, CLO_RUN_SUSPENDED);
    assert_int_equal(run.result->call_count, 2);
    assert_true(run.result->calls[0].id < run.result->calls[1].id);
    assert_string_equal(clo_value_text(clo_value_get(&run.result->calls[1].arguments, "value")),
                        "fail");
    suspend_go_on(&run, sandbox, plain);
    assert_int_equal(run.result->call_count, 40);
    suspend_go_on(&run, sandbox, plain);
    suspend_expect(&run, "['a', 150, 'it was not to be', 5]\n780\n");
    clo_sandbox_destroy(sandbox);
}

static void a_call_in_work_ends_before_a_synchronous_one_suspends(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    struct suspended run =
        suspend_begin(sandbox,
                      "import asyncio\n"
                      "async def main():\n"
                      "    nap = asyncio.ensure_future(call_tool_async('nap', ms=300))\n"
                      "    await asyncio.sleep(0.01)\n"
                      "    print(call_tool('ask', value=1))\n"
                      "    print(await nap)\n"
                      "asyncio.run(main())",
                      plain);
    assert_int_equal(run.result->error.kind, CLO_RUN_SUSPENDED);
    assert_int_equal(run.result->call_count, 1);
    assert_true(run.result->usage.wall_us >= 290000);
    suspend_go_on(&run, sandbox, plain);
    suspend_expect(&run, "1\n300\n");
    clo_sandbox_destroy(sandbox);
}

static void a_time_out_is_waited_for_if_the_run_lives_to_see_it(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    struct suspended run =
        suspend_begin(sandbox,
                      "import asyncio\n"
                      "async def main():\n"
                      "    try: await asyncio.wait_for(call_tool_async('ask', value=1), 0.1)\n"
                      "    except TimeoutError: print('late', end=' ')\n"
                      "    print(await asyncio.wait_for(call_tool_async('ask', value=2), 3600))\n"
                      "asyncio.run(main())",
                      plain);
    assert_int_equal(run.result->error.kind, CLO_RUN_SUSPENDED);
    assert_string_equal(run.result->out, "late ");
    assert_int_equal(run.result->call_count, 2); /* whoever was late may still be answered */
    suspend_go_on(&run, sandbox, plain);
    suspend_expect(&run, "late 2\n");
    clo_sandbox_destroy(sandbox);
}

/* While too many replies wait no call is begun; a run that waits for somebody then goes into its file with
 * those calls, and each of them is carried out once, wherever it goes on. */
static const char crowd[] =
    "import asyncio\n"
    "big = 'x' * 1000000\n"
    "async def all():\n"
    "    many = [asyncio.ensure_future(call_tool_async('echo', value=big)) for _ in range(60)]\n"
    "    late = asyncio.ensure_future(call_tool_async('maybe', value=3))\n"
    "    await asyncio.sleep(0)\n"
    "    print(call_tool('ask', value=1), call_tool('ask', value=2), end=' ')\n"
    "    print(sum([len(await one) for one in many]), await late)\n"
    "asyncio.run(all())";

static void calls_that_have_not_begun_go_along(void **state)
{
    (void)state;
    for (int to = 0; to < SNAPSHOT_PLACES; to++) {
        if (!can(to))
            continue;
        struct clo_sandbox *sandbox = sandbox_here();
        struct clo_sandbox *other =
            suspend_sandbox(&snapshot_places[to], (struct clo_sandbox_config){0});
        atomic_store(&suspend_echoed, 0);
        struct suspended run = suspend_begin(sandbox, crowd, plain);
        assert_int_equal(run.result->error.kind, CLO_RUN_SUSPENDED);
        assert_int_equal(run.result->call_count, 1);
        int begun = atomic_load(&suspend_echoed);
        assert_in_range(begun, 16, 59);
        suspend_go_on(&run, other,
                      plain); /* it has taken no replies: they still hold up the others */
        assert_int_equal(run.result->error.kind, CLO_RUN_SUSPENDED);
        assert_int_equal(run.result->call_count, 1);
        assert_int_equal(atomic_load(&suspend_echoed), begun);
        suspend_go_on(&run, sandbox, plain);
        assert_int_equal(run.result->error.kind,
                         CLO_RUN_SUSPENDED); /* at `maybe`, which was the last */
        assert_string_equal(run.result->calls[0].tool, "maybe");
        suspend_go_on(&run, other, plain);
        assert_int_equal(run.result->usage.host_calls, 63);
        assert_int_equal(atomic_load(&suspend_echoed), 60);
        suspend_expect(&run, "1 2 60000000 3\n");
        clo_sandbox_destroy(sandbox);
        clo_sandbox_destroy(other);
    }
}

/* Whoever goes on with them has other tools: the code is told. */
static void a_call_that_has_not_begun_may_have_no_tool_any_more(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here(), *other;
    struct clo_sandbox_config config = {.image = runs_image,
                                        .isolation = here()->isolation,
                                        .placement = here()->placement,
                                        .tools = suspend_tools,
                                        .tool_count = 2, /* no echo */
                                        .limits = {.wall_ms = 60000, .cpu_ms = 30000}};
    struct clo_error error;
    struct suspended run = suspend_begin(
        sandbox,
        "import asyncio\n"
        "big = 'x' * 1000000\n"
        "async def all():\n"
        "    many = [asyncio.ensure_future(call_tool_async('echo', value=big)) for _ in range(60)]\n"
        "    await asyncio.sleep(0)\n"
        "    call_tool('ask', value=1)\n"
        "    got = await asyncio.gather(*many, return_exceptions=True)\n"
        "    lost = [g for g in got if isinstance(g, ToolError)]\n"
        "    print(len(got), 0 < len(lost) < 45, str(lost[0]))\n"
        "asyncio.run(all())",
        plain);
    assert_int_equal(run.result->error.kind, CLO_RUN_SUSPENDED);
    if (clo_sandbox_create(&other, &config, &error))
        fail_msg("%s", error.message);
    suspend_go_on(&run, other, plain);
    assert_int_equal(run.result->error.kind, CLO_RUN_OK);
    assert_non_null(strstr(run.result->out, "60 True "));
    assert_non_null(strstr(run.result->out, "echo"));
    suspend_end(&run);
    clo_sandbox_destroy(sandbox);
    clo_sandbox_destroy(other);
}

static void without_a_place_a_call_that_suspends_fails(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    struct clo_run run = {
        .code = "import asyncio\n"
                "try: call_tool('ask', value=1)\n"
                "except ToolError as e: print(e)\n"
                "try: asyncio.run(asyncio.wait_for(call_tool_async('maybe', value=1), 9))\n"
                "except ToolError as e: print(e)\n"};
    struct clo_run_result *result;
    run.code_length = strlen(run.code);
    assert_int_equal(clo_sandbox_run(sandbox, &run, &result, NULL), 0);
    assert_int_equal(result->error.kind, CLO_RUN_OK);
    assert_non_null(strstr(result->out, "tool 'ask' is answered by somebody"));
    assert_non_null(strstr(result->out, "tool 'maybe' is answered by somebody"));
    clo_run_result_free(result);
    clo_sandbox_destroy(sandbox);
}

/* ---- clocks and limits ---- */

static void the_clock_stands_still_and_the_wall_clock_does_not(void **state)
{
    (void)state;
    for (int to = 0; to < SNAPSHOT_PLACES; to++) {
        if (!can(to))
            continue;
        struct clo_sandbox *one = sandbox_here();
        struct clo_sandbox *other =
            suspend_sandbox(&snapshot_places[to], (struct clo_sandbox_config){0});
        struct suspended run = suspend_begin(
            one,
            "import time\n"
            "def look(): return time.monotonic(), time.perf_counter(), time.process_time(), time.time()\n"
            "before = look()\n"
            "call_tool('ask', value=1)\n"
            "after = look()\n"
            "print(*(b - a for a, b in zip(before, after)))\n"
            "t = time.time(); time.sleep(0.05); print(0.05 <= time.time() - t)",
            plain);
        runs_sleep(2000);
        suspend_go_on(&run, other, plain);
        assert_int_equal(run.result->error.kind, CLO_RUN_OK);
        double monotonic, counter, processor, wall;
        assert_int_equal(
            sscanf(run.result->out, "%lf %lf %lf %lf", &monotonic, &counter, &processor, &wall), 4);
        double had = (double)run.result->usage.wall_us / 1e6; /* without what it was away */
        assert_true(monotonic >= 0 && counter >= 0 && processor >= 0);
        assert_true(monotonic <= had && counter <= had && processor <= had);
        assert_true(wall - monotonic >= 1.9);
        assert_non_null(strstr(run.result->out, "\nTrue\n"));
        suspend_end(&run);
        clo_sandbox_destroy(one);
        clo_sandbox_destroy(other);
    }
}

static void what_is_fixed_stays_fixed(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    static const char code[] =
        "import random, time, os, uuid\n"
        "for i in range(3):\n"
        "    print(random.random(), os.urandom(4), time.time(), time.monotonic(), uuid.uuid4())\n"
        "    call_tool('maybe', value=i)\n"
        "print(time.process_time())";
    struct clo_run run = {
        .fixed = {
            .has_seed = true, .seed = 5, .has_clock = true, .clock_ns = 1796000000000000000u}};
    struct suspended cut = suspend_begin(sandbox, code, run), whole;
    while (cut.file >= 0)
        suspend_go_on(&cut, sandbox, plain);
    suspend_chance = never;
    whole = suspend_begin(sandbox, code, run);
    suspend_chance = NULL;
    assert_int_equal(whole.file, -1);
    suspend_expect(&cut, whole.result->out);
    suspend_end(&whole);
    clo_sandbox_destroy(sandbox);
}

/* Half of the limit before and more than half after: reached in all, not in one part. */
static void limit_goes_on(const struct snapshot_place *place, struct clo_limits limits,
                          const char *code, enum clo_limit limit)
{
    struct clo_sandbox *sandbox = suspend_sandbox(place, (struct clo_sandbox_config){0});
    struct suspended run = suspend_begin(sandbox, code, (struct clo_run){.limits = limits});
    if (run.file < 0)
        fail_msg("%s was not suspended: %s", code, run.result->err);
    suspend_go_on(&run, sandbox, plain);
    assert_int_equal(run.file, -1);
    if (run.result->error.kind != CLO_RUN_LIMIT || run.result->error.limit != limit)
        fail_msg("%s: limit %s: %s %s", code, clo_limit_name(limit), run.result->out,
                 run.result->err);
    suspend_end(&run);
    clo_sandbox_destroy(sandbox);
}

static void limits_go_on_counting(void **state)
{
    (void)state;
    static const char busy[] =
        "import time\n"
        "def work(s):\n"
        "    end = time.monotonic() + s\n"
        "    while time.monotonic() < end: pass\n"
        "work(1.5)\ncall_tool('ask', value=1)\nwork(1.5)\ncall_tool('echo', value=1)\nwhile True: pass";
    static const char idle[] =
        "import time\ntime.sleep(2)\ncall_tool('ask', value=1)\ntime.sleep(4)";
    static const char calls[] =
        "for i in range(6): call_tool('echo', value=i)\ncall_tool('ask', value=1)\n"
        "for i in range(6): call_tool('echo', value=i)";
    static const char prints[] = "print('x' * 600)\ncall_tool('ask', value=1)\nprint('y' * 600)";
    static const char naps[] =
        "call_tool('nap', ms=1000)\ncall_tool('ask', value=1)\ncall_tool('nap', ms=1000)\ncall_tool('nap', ms=1000)";
    for (int i = 0; i < SNAPSHOT_PLACES; i++) {
        const struct snapshot_place *place = &snapshot_places[i];
        if (!can(i))
            continue;
        limit_goes_on(place, (struct clo_limits){.cpu_ms = 2200}, busy, CLO_LIMIT_CPU);
        limit_goes_on(place, (struct clo_limits){.wall_ms = 5000}, idle, CLO_LIMIT_WALL);
        limit_goes_on(place, (struct clo_limits){.host_calls = 10}, calls, CLO_LIMIT_HOST_CALLS);
        limit_goes_on(place, (struct clo_limits){.output = 1000}, prints, CLO_LIMIT_OUTPUT);
        limit_goes_on(place, (struct clo_limits){.tool_ms = 2500}, naps, CLO_LIMIT_TOOL);
    }
}

static void usage_is_that_of_the_whole_run(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    struct suspended run =
        suspend_begin(sandbox,
                      "import time\ntime.sleep(0.3)\ne = time.process_time() + 0.2\n"
                      "while time.process_time() < e: pass\ncall_tool('ask', value=1)\nprint(2)",
                      plain);
    uint64_t wall = run.result->usage.wall_us, cpu = run.result->usage.cpu_us;
    assert_true(wall >= 300000 && cpu > 0);
    runs_sleep(100);
    suspend_go_on(&run, sandbox, plain);
    assert_true(run.result->usage.wall_us >= wall && run.result->usage.cpu_us >= cpu);
    assert_int_equal(run.result->usage.output_bytes, 2);
    suspend_expect(&run, "2\n");
    clo_sandbox_destroy(sandbox);
}

/* ---- files, input, output ---- */

static void files_of_output_stay_open(void **state)
{
    (void)state;
    for (int to = 0; to < SNAPSHOT_PLACES; to++) {
        if (!can(to))
            continue;
        struct clo_sandbox *one = sandbox_here();
        struct clo_sandbox *other =
            suspend_sandbox(&snapshot_places[to], (struct clo_sandbox_config){0});
        struct suspended run = suspend_begin(
            one,
            "import os, tempfile\n"
            "f = open('/output/log', 'w+'); f.write('one '); f.flush()\n"
            "t = open('/tmp/t', 'w+'); t.write('tmp'); t.flush()\n"
            "for i in range(300): open(f'/output/f{i:03}', 'w').write('x')\n" /* more than come at once */
            "names = os.scandir('/output'); first = [next(names).name for _ in range(5)]\n"
            "gone = os.open('/output/gone', os.O_RDWR | os.O_CREAT); os.unlink('/output/gone')\n"
            "f.write(call_tool('ask', value='two '))\n"
            "f.flush(); f.seek(0); t.seek(0); print(f.read(), t.read())\n"
            "rest = [e.name for e in names]\n"
            "print(len(first) + len(rest), len(set(first) | set(rest)))\n"
            "try: os.write(gone, b'x')\n"
            "except OSError as e: print(e.errno == 116)\n"
            "g = open('/output/log'); print(g.read(3), os.fstat(g.fileno()).st_ino == os.fstat(f.fileno()).st_ino)",
            (struct clo_run){.limits = {.artifact_files = 1000}});
        if (run.file < 0)
            fail_msg("%s %s", run.result->out, run.result->err);
        assert_int_equal(run.result->artifact_count, 301);
        suspend_go_on(&run, other, plain);
        assert_int_equal(run.result->artifact_count, 301);
        suspend_expect(&run, "one two  tmp\n301 301\nTrue\none True\n");
        clo_sandbox_destroy(one);
        clo_sandbox_destroy(other);
    }
}

static void mounts_are_the_resumers(void **state)
{
    (void)state;
    char folder[] = "/tmp/suspend-XXXXXX", path[2][64];
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/%c", folder, "ab"[i]);
        FILE *file = fopen(path[i], "w");
        fprintf(file, "file %c\n", "ab"[i]);
        fclose(file);
    }
    struct clo_sandbox *sandbox = sandbox_here();
    struct clo_mount a = {.source = path[0], .target = "/input/x"};
    struct clo_mount b[] = {{.source = path[1], .target = "/input/x"},
                            {.source = path[0], .target = "/input/y"}};
    static const char code[] =
        "import os\n"
        "print(open('/input/x').read(), end='')\n"
        "f = open('/input/x'); open('/output/o', 'w').write('kept')\n"
        "call_tool('ask', value=1)\n"
        "print(sorted(os.listdir('/input')), open('/input/x').read(), end='')\n"
        "print(open('/output/o').read(), os.listdir('/output'))\n"
        "open('/output/p', 'w').write('new'); print(open('/output/p').read())\n";
    struct suspended run =
        suspend_begin(sandbox, code, (struct clo_run){.mounts = &a, .mount_count = 1});
    suspend_go_on(&run, sandbox, (struct clo_run){.mounts = b, .mount_count = 2});
    suspend_expect(&run, "file a\n['x', 'y'] file b\nkept ['o']\nnew\n");
    run = suspend_begin(sandbox, code, (struct clo_run){.mounts = b, .mount_count = 2});
    suspend_go_on(&run, sandbox, (struct clo_run){.mounts = b, .mount_count = 2});
    suspend_expect(&run, "file b\n['x', 'y'] file b\nkept ['o']\nnew\n");
    unlink(path[0]);
    unlink(path[1]);
    rmdir(folder);
    clo_sandbox_destroy(sandbox);
}

static void a_mounted_file_that_was_open_is_stale(void **state)
{
    (void)state;
    char path[] = "/tmp/suspend-XXXXXX";
    int file = mkstemp(path);
    char line[1024];
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 1024; i++)
        assert_int_equal(write(file, line, sizeof line), sizeof line);
    close(file);
    struct clo_sandbox *sandbox = sandbox_here();
    struct clo_mount mount = {.source = path, .target = "/input/x"};
    struct clo_run with = {.mounts = &mount, .mount_count = 1};
    struct suspended run = suspend_begin(sandbox,
                                         "f = open('/input/x', 'rb'); a = f.read(10)\n"
                                         "call_tool('ask', value=1)\n"
                                         "f.seek(600000)\n"
                                         "try: f.read()\n"
                                         "except OSError as e: print(e.errno == 116)\n"
                                         "f.close(); print(len(open('/input/x').read()))",
                                         with);
    suspend_go_on(&run, sandbox, with);
    suspend_expect(&run, "True\n1048576\n");
    unlink(path);
    clo_sandbox_destroy(sandbox);
}

static void input_goes_on_where_it_was(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    char text[200000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 100 == 99 ? '\n' : 'a';
    struct clo_run with = {.input = text, .input_length = sizeof text};
    static const char code[] = "import sys\n"
                               "a = sys.stdin.readline()\n"
                               "call_tool('ask', value=1)\n"
                               "print(len(a) + len(sys.stdin.read()))";
    struct suspended run = suspend_begin(sandbox, code, with);
    suspend_go_on(&run, sandbox, with);
    suspend_expect(&run, "200000\n");
    run = suspend_begin(sandbox, code, with);
    suspend_go_on(&run, sandbox, plain); /* what it has in its buffer, and then the end */
    assert_int_equal(run.result->error.kind, CLO_RUN_OK);
    assert_true(atoi(run.result->out) >= 100 && atoi(run.result->out) < 200000);
    suspend_end(&run);
    clo_sandbox_destroy(sandbox);
}

static void keep_output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    (void)stream;
    strncat(context, data, length);
}

static void output_is_told_once(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    char heard[2][100] = {{0}};
    struct suspended run =
        suspend_begin(sandbox, "print('one é')\ncall_tool('ask', value=1)\nprint('two')",
                      (struct clo_run){.on_output = keep_output, .context = heard[0]});
    suspend_go_on(&run, sandbox, (struct clo_run){.on_output = keep_output, .context = heard[1]});
    assert_string_equal(heard[0], "one é\n");
    assert_string_equal(heard[1], "two\n");
    suspend_expect(&run, "one é\ntwo\n");
    clo_sandbox_destroy(sandbox);
}

/* ---- what is refused ---- */

static void answers_fit_the_calls(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    struct suspended run = suspend_begin(
        sandbox,
        "import asyncio\n"
        "async def both(): return await asyncio.gather(call_tool_async('ask', value=1), call_tool_async('ask', value=2))\n"
        "print(asyncio.run(both()))",
        plain);
    uint32_t one = run.result->calls[0].id, two = run.result->calls[1].id;
    struct clo_value value = {0};
    clo_value_set_integer(&value, 7);
    const struct {
        struct clo_answer answers[3];
        size_t count;
        const char *words;
    } wrong[] = {
        {{{0}}, 0, "0 answers for the 2 calls"},
        {{{.id = one, .value = &value}}, 1, "1 answers for the 2 calls"},
        {{{.id = one, .value = &value}, {.id = one, .value = &value}}, 2, "both for call"},
        {{{.id = one, .value = &value}, {.id = 4711, .value = &value}}, 2, "call 4711, which"},
        {{{.id = one, .value = &value}, {.id = two}}, 2, "neither"},
        {{{.id = one, .value = &value}, {.id = two, .value = &value, .error = "x"}}, 2, "both"},
        {{{.id = one, .value = &value}, {.id = two, .error = "\xff"}}, 2, "not UTF-8"},
    };
    snapshot_run(sandbox, "kept = 'mine'", "");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct clo_run_result *result;
        struct clo_error error;
        int status =
            suspend_try(&run, sandbox, wrong[i].answers, wrong[i].count, plain, &result, &error);
        assert_int_equal(status, CLO_EINVALID);
        assert_null(result);
        if (!strstr(error.message, wrong[i].words))
            fail_msg("%zu: %s", i, error.message);
    }
    snapshot_run(sandbox, "print(kept)", "mine\n"); /* it is as it was */
    suspend_go_on(&run, sandbox, plain);
    suspend_expect(&run, "[1, 2]\n");
    clo_value_clear(&value);
    clo_sandbox_destroy(sandbox);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    struct suspended run = suspend_begin(
        sandbox, "x = bytearray(60 << 20); call_tool('ask', value=1)\nprint(len(x))", plain);
    struct clo_run_result *result;
    struct clo_error error;
    struct clo_value value = {0};
    struct clo_answer answer = {.id = run.result->calls[0].id, .value = &value};
    /* one for the other */
    assert_int_equal(clo_sandbox_restore(sandbox, run.file, &snapshot_options, &error),
                     CLO_EINVALID);
    assert_non_null(strstr(error.message, "of a suspended run"));
    snapshot_run(sandbox, "y = 1", "");
    struct suspended other = {.file = snapshot_take(sandbox)};
    assert_int_equal(suspend_try(&other, sandbox, &answer, 1, plain, &result, &error),
                     CLO_EINVALID);
    assert_non_null(strstr(error.message, "of a session between two runs"));
    suspend_end(&other);
    /* another key, something else, code of its own, no room */
    struct clo_snapshot_options about = snapshot_options;
    about.about = "this";
    about.about_length = 4;
    struct clo_run_resume resume = {
        .from = run.file, .options = &about, .answers = &answer, .answer_count = 1};
    struct clo_run again = {.resume = &resume};
    assert_int_equal(clo_sandbox_run(sandbox, &again, &result, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "seal"));
    again.code = "1";
    again.code_length = 1;
    assert_int_equal(clo_sandbox_run(sandbox, &again, &result, &error), CLO_EINVALID);
    struct clo_sandbox *small =
        suspend_sandbox(here(), (struct clo_sandbox_config){.limits = {.memory = 64 * MIB}});
    assert_int_equal(suspend_try(&run, small, &answer, 1, plain, &result, &error), CLO_ELIMIT);
    assert_non_null(strstr(error.message, "of memory"));
    clo_sandbox_destroy(small);
    suspend_go_on(&run, sandbox, plain);
    suspend_expect(&run, "62914560\n");
    clo_value_clear(&value);
    clo_sandbox_destroy(sandbox);
}

/* Output, usage and files are those until then, the reason is its error and its last line. */
static void expect_not_kept(struct clo_run_result *result, const char *words)
{
    assert_int_equal(result->error.kind, CLO_RUN_NOT_KEPT);
    assert_string_equal(clo_run_error_name(result->error.kind), "not_kept");
    assert_string_equal(result->error.type, "RunNotKept");
    if (!strstr(result->error.message, words))
        fail_msg("%s", result->error.message);
    assert_int_equal(result->exit_code, 74);
    assert_string_equal(result->out, "so far ");
    assert_memory_equal(result->err, "warned\ncloche: ", 15);
    assert_non_null(strstr(result->err, words));
    assert_int_equal(result->usage.output_bytes, result->out_length + result->err_length);
    assert_int_equal(result->usage.host_calls, 1);
    assert_true(result->usage.wall_us > 0);
    assert_int_equal(result->artifact_count, 1);
    assert_int_equal(result->call_count, 0);
    assert_int_equal(result->suspended_bytes, 0);
    clo_run_result_free(result);
}

static const char too_long[] = "import os, sys\n"
                               "print('so far', end=' ')\n"
                               "print('warned', file=sys.stderr)\n"
                               "open('/output/left.txt', 'w').write('here')\n"
                               "x = os.urandom(1 << 20); call_tool('ask', value=1)";

static void a_run_that_is_too_long_for_its_file_keeps_its_output(void **state)
{
    (void)state;
    for (int place = 0; place < SNAPSHOT_PLACES; place++) {
        if (!can(place))
            continue;
        struct clo_sandbox *sandbox =
            suspend_sandbox(&snapshot_places[place], (struct clo_sandbox_config){0});
        struct clo_snapshot_options small = snapshot_options;
        small.max_bytes = 100000;
        int file = snapshot_file();
        struct clo_run_suspend to = {.to = file, .options = &small};
        struct clo_run run = {.code = too_long, .code_length = strlen(too_long), .suspend = &to};
        struct clo_run_result *result;
        struct clo_error error;
        if (clo_sandbox_run(sandbox, &run, &result, &error))
            fail_msg("%s", error.message);
        expect_not_kept(result, "100000");
        assert_int_equal(lseek(file, 0, SEEK_END), 0);
        small.key_length = 3;
        assert_int_equal(clo_sandbox_run(sandbox, &run, &result, &error), CLO_EINVALID);
        close(file);
        snapshot_run(sandbox, "print('x' in globals())", "False\n");
        clo_sandbox_destroy(sandbox);
    }
}

/* A limit on the size of files stands for a disk that is full: writing ends with an error. */
static void a_disk_that_is_full_costs_the_run_but_not_its_output(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    int file = snapshot_file();
    struct clo_run_suspend to = {.to = file, .options = &snapshot_options};
    struct clo_run run = {.code = too_long, .code_length = strlen(too_long), .suspend = &to};
    struct clo_run_result *result;
    struct clo_error error;
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 100000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    int status = clo_sandbox_run(sandbox, &run, &result, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    if (status)
        fail_msg("%s", error.message);
    expect_not_kept(result, "File too large");
    assert_int_equal(lseek(file, 0, SEEK_END), 0);
    close(file);
    snapshot_run(sandbox, "print('x' in globals())", "False\n");
    clo_sandbox_destroy(sandbox);
}

static void a_session_whose_run_is_not_kept_goes_on_from_before(void **state)
{
    (void)state;
    struct clo_pool *pool = suspend_pool(here(), 1);
    struct clo_snapshot_options small = snapshot_options;
    small.max_bytes = 100000;
    int files[3] = {snapshot_file(), snapshot_file(), snapshot_file()};
    struct clo_run_suspend to = {.to = files[1], .options = &small};
    struct clo_run_state kept = {.from = -1, .to = files[0], .to_options = &snapshot_options};
    struct clo_run_state next = {.from = files[0],
                                 .from_options = &snapshot_options,
                                 .to = files[2],
                                 .to_options = &snapshot_options};
    struct clo_run first = {.code = "n = 1", .code_length = 5, .state = &kept};
    struct clo_run second = {
        .code = too_long, .code_length = strlen(too_long), .state = &next, .suspend = &to};
    struct clo_run third = {.code = "print(n, 'x' in globals())", .state = &next};
    struct clo_run_result *result;
    third.code_length = strlen(third.code);
    assert_int_equal(clo_pool_run(pool, &first, 60000, &result, NULL), 0);
    assert_int_equal(result->state, CLO_STATE_KEPT);
    clo_run_result_free(result);
    assert_int_equal(clo_pool_run(pool, &second, 60000, &result, NULL), 0);
    assert_int_equal(result->state, CLO_STATE_LOST);
    assert_non_null(strstr(result->state_note, "could not be kept"));
    assert_int_equal(lseek(files[2], 0, SEEK_END), 0);
    expect_not_kept(result, "100000");
    assert_int_equal(clo_pool_run(pool, &third, 60000, &result, NULL), 0);
    assert_string_equal(result->out, "1 False\n");
    clo_run_result_free(result);
    for (int i = 0; i < 3; i++)
        close(files[i]);
    clo_pool_destroy(pool);
}

/* ---- sessions, pools, processes ---- */

static void a_session_goes_on_behind_it(void **state)
{
    (void)state;
    struct clo_sandbox *one = sandbox_here(), *other = sandbox_here();
    snapshot_run(one, "n = 1", "");
    struct suspended run = suspend_begin(one, "n += call_tool('ask', value=1)\nprint(n)",
                                         (struct clo_run){.keep_state = true});
    suspend_go_on(&run, other, plain);
    suspend_expect(&run, "2\n");
    snapshot_run(other, "n += 1; print(n)", "3\n");
    snapshot_run(one, "print('n' in globals())", "False\n"); /* it went away with the run */
    clo_sandbox_destroy(one);
    clo_sandbox_destroy(other);
}

static void a_pool_has_its_worker_back(void **state)
{
    (void)state;
    for (int i = 0; i < SNAPSHOT_PLACES; i++) {
        if (!can(i))
            continue;
        struct clo_pool *pool = suspend_pool(&snapshot_places[i], 1);
        struct suspended runs[4];
        for (int j = 0; j < 4; j++) {
            char code[128];
            snprintf(
                code, sizeof code,
                "open('/output/o', 'w').write('%d'); x = %d; y = call_tool('ask', value=%d)\nprint(x + y)",
                j, j, 10 * j);
            runs[j] = suspend_begin_in(pool, code, plain);
            assert_int_equal(runs[j].result->error.kind, CLO_RUN_SUSPENDED);
        }
        struct suspended clean = suspend_begin_in(
            pool, "import os\nprint('x' in globals(), os.listdir('/output'))", plain);
        suspend_expect(&clean, "False []\n");
        for (int j = 3; j >= 0; j--) {
            char out[16];
            snprintf(out, sizeof out, "%d\n", 11 * j);
            suspend_go_on_in(&runs[j], pool, plain);
            assert_int_equal(runs[j].result->artifact_count, 1);
            suspend_expect(&runs[j], out);
        }
        clean = suspend_begin_in(pool, "import os\nprint('x' in globals(), os.listdir('/output'))",
                                 plain);
        suspend_expect(&clean, "False []\n");
        clo_pool_destroy(pool);
    }
}

static void a_session_of_a_pool_is_kept_behind_it(void **state)
{
    (void)state;
    struct clo_pool *pool = suspend_pool(here(), 1);
    struct clo_run_state first = {
        .from = -1, .to = snapshot_file(), .to_options = &snapshot_options};
    struct suspended run =
        suspend_begin_in(pool, "n = call_tool('ask', value=5)", (struct clo_run){.state = &first});
    assert_int_equal(run.result->state, CLO_STATE_NONE);
    assert_int_equal(lseek(first.to, 0, SEEK_END), 0);
    suspend_go_on_in(&run, pool, (struct clo_run){.state = &first});
    assert_int_equal(run.result->state, CLO_STATE_KEPT);
    suspend_expect(&run, "");
    struct clo_run_state next = {.from = first.to, .to = -1, .from_options = &snapshot_options};
    run = suspend_begin_in(pool, "print(n)", (struct clo_run){.state = &next});
    suspend_expect(&run, "5\n");
    close(first.to);
    clo_pool_destroy(pool);
}

static void another_process_goes_on_with_it(void **state)
{
    (void)state;
    for (int i = 0; i < SNAPSHOT_PLACES; i++) {
        if (!can(i))
            continue;
        struct clo_sandbox *sandbox = sandbox_here();
        struct suspended run =
            suspend_begin(sandbox, "x = 20 + call_tool('ask', value=1)\nprint(x)", plain);
        clo_sandbox_destroy(sandbox);
        pid_t child = fork();
        if (!child) {
            sandbox = suspend_sandbox(&snapshot_places[i], (struct clo_sandbox_config){0});
            suspend_go_on(&run, sandbox, plain);
            _exit(run.file >= 0 || strcmp(run.result->out, "21\n") != 0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        suspend_end(&run);
    }
}

static void a_run_that_goes_on_can_be_cancelled(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = sandbox_here();
    struct clo_cancel *cancel = clo_cancel_create();
    struct suspended run =
        suspend_begin(sandbox, "call_tool('ask', value=1)\nwhile True: pass", plain);
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_soon, cancel);
    suspend_go_on(&run, sandbox, (struct clo_run){.cancel = cancel});
    pthread_join(thread, NULL);
    assert_int_equal(run.result->error.kind, CLO_RUN_CANCELLED);
    suspend_end(&run);
    clo_cancel_free(cancel);
    clo_sandbox_destroy(sandbox);
}

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_answered_in_any_place),
        cmocka_unit_test(other_calls_are_waited_for_first),
        cmocka_unit_test(a_call_in_work_ends_before_a_synchronous_one_suspends),
        cmocka_unit_test(a_time_out_is_waited_for_if_the_run_lives_to_see_it),
        cmocka_unit_test(calls_that_have_not_begun_go_along),
        cmocka_unit_test(a_call_that_has_not_begun_may_have_no_tool_any_more),
        cmocka_unit_test(without_a_place_a_call_that_suspends_fails),
        cmocka_unit_test(the_clock_stands_still_and_the_wall_clock_does_not),
        cmocka_unit_test(what_is_fixed_stays_fixed),
        cmocka_unit_test(limits_go_on_counting),
        cmocka_unit_test(usage_is_that_of_the_whole_run),
        cmocka_unit_test(files_of_output_stay_open),
        cmocka_unit_test(mounts_are_the_resumers),
        cmocka_unit_test(a_mounted_file_that_was_open_is_stale),
        cmocka_unit_test(input_goes_on_where_it_was),
        cmocka_unit_test(output_is_told_once),
        cmocka_unit_test(answers_fit_the_calls),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(a_run_that_is_too_long_for_its_file_keeps_its_output),
        cmocka_unit_test(a_disk_that_is_full_costs_the_run_but_not_its_output),
        cmocka_unit_test(a_session_whose_run_is_not_kept_goes_on_from_before),
        cmocka_unit_test(a_session_goes_on_behind_it),
        cmocka_unit_test(a_pool_has_its_worker_back),
        cmocka_unit_test(a_session_of_a_pool_is_kept_behind_it),
        cmocka_unit_test(another_process_goes_on_with_it),
        cmocka_unit_test(a_run_that_goes_on_can_be_cancelled),
    };
    return runs_end(runs_all(tests));
}
