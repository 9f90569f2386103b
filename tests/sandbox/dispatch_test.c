/* dispatch_test.c - calls of tools by real Python: what reaches a tool, and what is refused.
 *
 * A tool take_TYPE has one argument, x, of that type of JSON Schema, and answers which type of
 * value it was called with: so an accepted call is known to have reached the host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloche/sandbox.h"
#include "runs.h"
#include "sandbox_tools.h"

static int take(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    static const char *const names[] = {
        [CLO_NULL] = "null",     [CLO_BOOL] = "boolean", [CLO_INTEGER] = "number",
        [CLO_NUMBER] = "number", [CLO_TEXT] = "string",  [CLO_BYTES] = "bytes",
        [CLO_LIST] = "array",    [CLO_MAP] = "object",   [CLO_BIG_INTEGER] = "number"};
    const struct clo_value *x = clo_value_get(arguments, "x");
    (void)context, (void)error;
    return clo_value_set_text(result, x ? names[clo_value_type(x)] : "nothing");
}

#define TAKE(type, required)                                                                       \
    {                                                                                              \
        .name = "take_" type, .call = take,                                                        \
        .parameters = "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"" type "\"}}"        \
                      ",\"required\":[" required "]}"                                              \
    }

static const struct clo_tool takers[] = {
    TAKE("number", "\"x\""),
    TAKE("string", "\"x\""),
    TAKE("boolean", "\"x\""),
    TAKE("array", "\"x\""),
    TAKE("object", "\"x\""),
    {.name = "take_any",
     .call = take,
     .parameters = "{\"type\":\"object\",\"properties\":{\"x\":{}},\"required\":[\"x\"]}"},
    {.name = "may_take",
     .call = take,
     .parameters = "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"number\"}}}"},
    {.name = "take_no_more",
     .call = take,
     .parameters = "{\"type\":\"object\",\"properties\":{\"x\":{}},"
                   "\"additionalProperties\":false}"},
    {.name = "ping", .call = take},
};
enum { TAKERS = sizeof takers / sizeof *takers };

struct fixture {
    enum clo_placement placement;
    struct clo_sandbox *sandbox;
    struct clo_run_result *result; /* of the last run */
};
static struct fixture here = {.placement = CLO_PLACEMENT_THREAD};
static struct fixture there = {.placement = CLO_PLACEMENT_WORKER};

static int set_up(void **state)
{
    struct fixture *fixture = *state;
    struct clo_tool *tools = calloc(TAKERS + test_tool_count, sizeof *tools);
    if (!tools)
        return -1;
    memcpy(tools, takers, sizeof takers);
    memcpy(tools + TAKERS, test_tools, test_tool_count * sizeof *tools);
    struct clo_sandbox_config config =
        runs_config((struct clo_sandbox_config){.tools = tools,
                                                .tool_count = TAKERS + test_tool_count,
                                                .placement = fixture->placement,
                                                .limits = {.wall_ms = 120000, .cpu_ms = 60000}});
    struct clo_error error;
    int status = clo_sandbox_create(&fixture->sandbox, &config, &error);
    free(tools);
    if (status)
        fprintf(stderr, "sandbox: %s (%s)\n", error.message, error.hint);
    return status ? -1 : 0;
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

static const struct clo_run_result *run_as(struct fixture *fixture, struct clo_run run)
{
    struct clo_error error = {0};
    clo_run_result_free(fixture->result);
    fixture->result = NULL;
    run.code_length = strlen(run.code);
    if (clo_sandbox_run(fixture->sandbox, &run, &fixture->result, &error))
        fail_msg("%s: %s", run.code, error.message);
    return fixture->result;
}

static void prints(struct fixture *fixture, const char *expected, const char *code)
{
    const struct clo_run_result *result = run_as(fixture, (struct clo_run){.code = code});
    if (result->error.kind || strcmp(result->out, expected) != 0)
        fail_msg("%s\n-> %s\nnot %s", result->err, result->out, expected);
}

/* ---- types ---- */

static void every_type_meets_every_schema(void **state)
{
    prints(
        *state, "88 accepted 188 refused\n",
        "values = {'null': [None], 'number': [42, -1, 2.5, 2**70, float('inf')],\n"
        "    'string': ['hello', '', '42'], 'boolean': [True, False],\n"
        "    'array': [[1, 2], (), [[]]], 'object': [{'k': 'v'}, {}], 'bytes': [b'x']}\n"
        "values['number'] += [0, 1]; values['string'] += ['true', 'null']\n"
        "values['array'] += [[None]]; values['object'] += [{'x': 1}]\n"
        "words = {'number': 'a number', 'string': 'a string', 'boolean': 'true or false',\n"
        "    'array': 'a list', 'object': 'an object'}\n"
        "accepted = refused = 0\n"
        "for wanted in ('number', 'string', 'boolean', 'array', 'object', 'any'):\n"
        "    name = 'take_' + wanted\n"
        "    for kind, given in values.items():\n"
        "        for value in given:\n"
        "            for call in (lambda: call_tool(name, x=value),\n"
        "                         lambda: globals()[name](value)):\n"
        "                try:\n"
        "                    seen = call()\n"
        "                    assert seen == kind, (wanted, value, seen)\n"
        "                    assert wanted in (kind, 'any'), (wanted, value)\n"
        "                    accepted += 1\n"
        "                except RuntimeError as error:\n"
        "                    assert type(error) is ToolError and wanted not in (kind, 'any')\n"
        "                    assert str(error).startswith(f\"{name}: argument 'x' is \"), error\n"
        "                    assert str(error).endswith('it must be ' + words[wanted]), error\n"
        "                    refused += 1\n"
        "print(accepted, 'accepted', refused, 'refused')\n");
}

static void arguments_are_there_or_missed(void **state)
{
    prints(
        *state,
        "nothing nothing number string object nothing\n"
        "take_any: argument 'x' is missing\n"
        "take_any: argument 'x' is missing\n"
        "may_take: argument 'x' is \"bad\"; it must be a number\n"
        "take_no_more: unexpected argument 'y'; the only argument is 'x'\n"
        "True\n",
        "print(call_tool('ping'), call_tool('may_take'), call_tool('may_take', x=1),\n"
        "      call_tool('take_any', x='a', y=5), call_tool('take_any', x={}, self=1, name=2),\n"
        "      call_tool('may_take', x=None))\n"
        "for name, more in (('take_any', {}), ('take_any', {'y': 1}), ('may_take', {'x': 'bad'}),\n"
        "                   ('take_no_more', {'x': 1, 'y': 2})):\n"
        "    try: print('called', call_tool(name, **more))\n"
        "    except ToolError as error: print(error)\n"
        "def fails(call):\n"
        "    try: call()\n"
        "    except (TypeError, ToolError): return True\n"
        "print(all(map(fails, (lambda: call_tool('take_any', {'x': 1}),\n"
        "                      lambda: call_tool('take_any', 1),\n"
        "                      lambda: call_tool(), lambda: call_tool(b'take_any', x=1),\n"
        "                      lambda: take_any(1, x=2), lambda: take_any(1, 2)))))\n");
}

/* ---- failures ---- */

static void a_refused_call_costs_its_run_only(void **state)
{
    static const struct {
        const char *code, *says;
    } ends[] = {
        {"call_tool('take_number', x=[1, 2, 3])",
         "ToolError: take_number: argument 'x' is a list of 3 items; it must be a number"},
        {"call_tool('take_any')", "ToolError: take_any: argument 'x' is missing"},
        {"call_tool('fail', reason='of the tool itself')", "ToolError: of the tool itself"},
        {"call_tool('nothing_like_it')", "ToolError: there is no tool 'nothing_like_it'"},
        {"await call_tool_async('take_string', x=5)",
         "ToolError: take_string: argument 'x' is 5; it must be a string"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const struct clo_run_result *result =
            run_as(fixture, (struct clo_run){.code = ends[i].code});
        if (result->exit_code != 1 || result->error.kind != CLO_RUN_EXCEPTION ||
            !strstr(result->err, ends[i].says))
            fail_msg("%s: exit code %d, %s", ends[i].code, result->exit_code, result->err);
        prints(fixture, "number\n", "print(call_tool('take_number', x=1))");
    }
    for (int i = 0; i < 5; i++)
        prints(fixture, "caught\ngoes on\n",
               "try: call_tool('take_number', x='bad')\n"
               "except RuntimeError: print('caught')\n"
               "print('goes on')\n");
}

/* ---- data ---- */

static void what_looks_like_code_is_data(void **state)
{
    prints(*state, "same\nstring string object\n",
           "import sys\n"
           "deep = 'leaf'\n"
           "for _ in range(50): deep = {'d': [deep]}\n"
           "for value in (\"__import__('sys').exit(1)\", '{{7*7}} ${7*7} %s%n {0} $(id) `id`',\n"
           "    \"'; raise SystemExit #\", '<script>',\n"
           "    {'__proto__': {'x': True}, 'constructor': {'y': 1}},\n"
           "    {'__class__': 1, 'self': 2, 'name': 3, '$ref': '#', '\\u20acuro': None},\n"
           "    'before\\0after',\n"
           "    {'': 'empty', ' ': 'space', '\\t': 'tab', '\\n': 'line', '\\0': 'nul'}, deep,\n"
           "    '\\u202eright to left\\u202c',\n"
           "    '\\ufeff\\u200b\\u2028\\ud800', {'n': 2**64 - 1, 'm': -2**63}):\n"
           "    assert call_tool('echo', value=value) == value, value\n"
           "    assert (await call_tool_async('echo', value=value)) == value, value\n"
           "print('same')\n"
           "print(call_tool('take_string', x='call_tool(1)'), call_tool('take_any', x='\\0'),\n"
           "      call_tool('take_object', x={'type': 'string'}))\n");
}

/* ---- ceilings ---- */

static void a_call_has_an_exact_ceiling(void **state)
{
    const struct clo_run_result *result = run_as(
        *state, (struct clo_run){
                    .limits = {.host_call_bytes = 65536},
                    .code = "def fits(n):\n"
                            "    try: return call_tool('take_string', x='y' * n) == 'string'\n"
                            "    except ToolError as error:\n"
                            "        assert 'limit of 65536 bytes' in str(error), error\n"
                            "low, high = 0, 1 << 20\n"
                            "while high - low > 1:\n"
                            "    n = (low + high) // 2\n"
                            "    low, high = (n, high) if fits(n) else (low, n)\n"
                            "print(65436 < low < 65536, fits(low), fits(low + 1), fits(1))\n"});
    assert_string_equal(result->out, "True True None True\n");
    assert_int_equal(result->error.kind, CLO_RUN_OK);
    prints(*state, "string ToolError string\n", /* what no configuration has raised: 8 MiB */
           "print(call_tool('take_string', x='y' * ((8 << 20) - 100)), end=' ')\n"
           "try: call_tool('take_string', x='y' * (8 << 20))\n"
           "except ToolError as error: print(type(error).__name__, end=' ')\n"
           "print(call_tool('take_string', x=''))\n");
}

/* ---- at random: a call is answered or refused, and nothing else ---- */

static void random_calls_are_answered_or_refused(void **state)
{
    prints(
        *state, "done\n",
        "import random, secrets\n"
        "seed = secrets.randbits(64)\n"
        "r = random.Random(seed)\n"
        "def text():\n"
        "    return ''.join(chr(r.choice((r.randrange(128), r.randrange(0x110000))))\n"
        "                   for _ in range(r.randrange(20)))\n"
        "def leaf():\n"
        "    return r.choice((lambda: None, lambda: r.random() < .5, lambda: -r.getrandbits(64),\n"
        "        lambda: r.getrandbits(r.randrange(1, 200)), lambda: r.uniform(-1e300, 1e300),\n"
        "        text, lambda: r.randbytes(9)))()\n"
        "def value(depth=4):\n"
        "    if not depth or r.random() < .5: return leaf()\n"
        "    if r.random() < .5: return [value(depth - 1) for _ in range(r.randrange(4))]\n"
        "    return {text(): value(depth - 1) for _ in range(r.randrange(4))}\n"
        "kinds = {'number': (int, float), 'string': str, 'boolean': bool,\n"
        "    'array': list, 'object': dict}\n"
        "for turn in range(2000):\n"
        "    given, wanted = value(), r.choice(list(kinds))\n"
        "    fits = isinstance(given, kinds[wanted])\n"
        "    fits = fits and (wanted == 'boolean' or not isinstance(given, bool))\n"
        "    try:\n"
        "        assert call_tool('take_' + wanted, x=given) == wanted, (seed, turn, given)\n"
        "        assert fits, (seed, turn, given)\n"
        "    except ToolError:\n"
        "        assert not fits, (seed, turn, given)\n"
        "    assert call_tool('echo', value=given) == given, (seed, turn, given)\n"
        "    try:\n"
        "        call_tool('take_' + wanted, **{'y' + text(): given for _ in range(turn % 4)})\n"
        "        assert False, (seed, turn, 'without x')\n"
        "    except (ToolError, TypeError): pass\n"
        "    name = text()\n"
        "    try:\n"
        "        call_tool(name, **{text(): given})\n"
        "        assert False, (seed, turn, name)\n"
        "    except (ToolError, TypeError): pass\n"
        "print('done')\n");
}

#define BOTH(test) RUNS_BOTH(test, set_up, tear_down, &here, &there)

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        BOTH(every_type_meets_every_schema),     BOTH(arguments_are_there_or_missed),
        BOTH(a_refused_call_costs_its_run_only), BOTH(what_looks_like_code_is_data),
        BOTH(a_call_has_an_exact_ceiling),       BOTH(random_calls_are_answered_or_refused),
    };
    return runs_end(runs_all(tests));
}
