/* suspend_random_test.c - programs that are suspended at each of their calls with probability one
 * half, and go on in another sandbox each time, print what they print uninterrupted.
 *
 * $SUSPEND_PROGRAMS says how many, $SUSPEND_SEED which: a failure prints its seed.
 */
#include "suspend_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAMS 60
#define TEXT_MAX 8192
#define PIECES 4

/* ask(x) is a call that gives x back; it stands wherever one can be made. */
static const char begin_code[] =
    "import asyncio, re, sys, json, zlib, hashlib, sqlite3, decimal, functools, itertools, collections, contextlib\n"
    "import random, os, struct, heapq, gc, weakref, io, csv\n"
    "rng = random.Random(%u)\n"
    "def ask(x): return call_tool('maybe', value=x)\n"
    "async def aask(x): return await call_tool_async('maybe', value=x)\n";

/* Each with room for two numbers below 100. */
static const char *const pieces[] = {
    "print(sorted(range(%u %% 9 + 2), key=lambda n: (ask(n) * %u) %% 7))",
    "print(re.sub(r'\\d+', lambda m: str(ask(int(m[0])) + %u), 'a1 b22 c333 d%u'))",
    "def gen(n):\n"
    "    total = 0\n"
    "    for i in range(n):\n"
    "        total += (yield ask(total + i)) or 0\n"
    "g = gen(5)\nprint([next(g)] + [g.send(i * %u) for i in range(4)], %u)",
    "async def one(n):\n"
    "    await asyncio.sleep(0)\n"
    "    return [await aask(n + i) for i in range(2)]\n"
    "print(asyncio.run(asyncio.wait_for(asyncio.gather(*(one(i * %u) for i in range(4))) if False else one(%u), 3600)))",
    "async def many():\n"
    "    async with asyncio.TaskGroup() as group:\n"
    "        tasks = [group.create_task(aask(i * %u)) for i in range(5)]\n"
    "    return [t.result() for t in tasks] + await asyncio.gather(*(aask(i) for i in range(%u %% 6)))\n"
    "print(asyncio.run(many()))",
    "def deep(n): return ask(n) if n == 0 else deep(n - 1) + 1\nprint(deep(%u * 7), deep(%u))",
    "class C:\n"
    "    def __init__(self, n): self.n = n\n"
    "    def __lt__(self, o): return ask(self.n) < o.n\n"
    "    def __hash__(self): return hash(ask(self.n))\n"
    "    def __eq__(self, o): return self.n == o.n\n"
    "    def __repr__(self): return f'C{ask(self.n)}'\n"
    "    def __del__(self): ask(self.n)\n"
    "h = [C(rng.randrange(%u + 1)) for _ in range(6)]; heapq.heapify(h)\n"
    "print(h, {C(1): 2}[C(1)], len({C(i %% 3) for i in range(%u %% 9)})); del h; gc.collect()",
    "db = sqlite3.connect(':memory:')\n"
    "db.create_function('asked', 1, ask)\n"
    "db.execute('create table t(a, b)')\n"
    "db.executemany('insert into t values(?, ?)', ((i, ask(i * %u)) for i in range(6)))\n"
    "cursor = db.execute('select a, asked(b) from t order by asked(a) desc')\n"
    "print(next(cursor), ask(%u), list(cursor), db.total_changes)",
    "z = zlib.compressobj(); s = hashlib.sha256(); data = b''\n"
    "for i in range(4):\n"
    "    data += z.compress(bytes(rng.randrange(256) for _ in range(500))); s.update(data); ask(i)\n"
    "data += z.flush()\nprint(len(zlib.decompress(data)), s.hexdigest()[:16], %u + %u)",
    "big = list(range(%u << 12)); ask(1); big[%u] = 'x'\nprint(len(big), big[-1], ask(len(big)))",
    "try:\n"
    "    try: 1 // ask(0)\n"
    "    finally: ask(%u)\n"
    "except ZeroDivisionError as e:\n"
    "    print(type(e).__name__, ask(e.__traceback__.tb_lineno > 0), %u)",
    "@contextlib.contextmanager\n"
    "def managed(n):\n"
    "    ask(n)\n"
    "    try: yield ask(n + 1)\n"
    "    finally: print('out', ask(n))\n"
    "with managed(%u) as a, managed(%u) as b: print(a, b, ask(a + b))",
    "with open('/tmp/f', 'w+') as f, open('/output/o%u', 'a+') as o:\n"
    "    for i in range(3): print(ask(i), file=f); print(ask(i * 2), file=o)\n"
    "    f.seek(0); o.seek(0); print(f.read().split(), o.read().split(), %u)",
    "print(functools.reduce(lambda a, b: ask(a) * 3 + b, range(%u %% 7), %u))",
    "decimal.getcontext().prec = 20\nprint(sum(decimal.Decimal(ask(i)) / 7 for i in range(%u %% 8)), 1.5 * ask(2.25) + %u)",
    "print(json.dumps({'a': ask([1, 'é', None, 2.5, {'x': %u}])}, default=str), json.loads(str(%u)))",
    "x = 0.1\nfor i in range(6): x = x * 1.7 + ask(i) / 3 if i %% 2 else x ** 0.5 * ask(x)\nprint(x, %u, %u)",
    "async def agen(n):\n"
    "    for i in range(n): yield await aask(i)\n"
    "async def use(): return [x async for x in agen(%u %% 6)]\n"
    "print(asyncio.run(use()), %u)",
    "async def cancelled():\n"
    "    task = asyncio.ensure_future(aask(%u)); await asyncio.sleep(0); task.cancel()\n"
    "    try: await task\n"
    "    except asyncio.CancelledError: return await aask('late')\n"
    "    return 'too late'\n"
    "print(asyncio.run(cancelled()), %u)",
    "it = map(ask, itertools.accumulate(range(%u %% 8))); print(list(zip(it, it)), %u)",
    "print(sum(struct.unpack('<4d', struct.pack('<4d', *(ask(i * 1.5) for i in range(4))))), %u, %u)",
    "rows = csv.reader(line if ask(1) else line for line in ['a,b', '1,%u']); print(list(rows), %u)",
    "import threading\n"
    "out = []\n"
    "def work(n): out.append(ask(n))\n"
    "ts = [threading.Thread(target=work, args=(i * %u,)) for i in range(3)]\n"
    "for t in ts: t.start()\n"
    "for t in ts: t.join()\n"
    "print(sorted(out), %u)",
    "try: call_tool('maybe', value='fail')\nexcept ToolError as e: print(e, ask(%u), %u)",
};

static uint64_t random_state;

static uint32_t any(uint32_t below)
{
    random_state ^= random_state << 13; /* xorshift64 */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) % below);
}

/* On any thread: a run is suspended or not by a sequence of its own. */
static atomic_ullong chance_state;
static atomic_bool chances;

static bool chance(void)
{
    uint64_t number = atomic_fetch_add(&chance_state, 0x9e3779b97f4a7c15ull);
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9ull; /* splitmix64 */
    return atomic_load(&chances) && ((number ^ (number >> 27)) >> 40 & 1);
}

static void write_program(char text[TEXT_MAX])
{
    int length = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    length += snprintf(text, TEXT_MAX, begin_code, any(1000));
    for (int i = 0; i < PIECES; i++) {
        const char *piece = pieces[any(sizeof pieces / sizeof *pieces)];
        uint32_t one = any(100), other = any(100);
        length += snprintf(text + length, TEXT_MAX - (size_t)length, piece, one, other);
        length += snprintf(text + length, TEXT_MAX - (size_t)length, "\n");
    }
#pragma GCC diagnostic pop
    assert_true(length < TEXT_MAX);
}

static char *say(const struct clo_run_result *result)
{
    char *text;
    assert_true(asprintf(&text, "%s--- %s %s", result->out, result->err,
                         result->error.message ? result->error.message : "") > 0);
    return text;
}

static unsigned suspensions, raised;

static void play_program(struct clo_sandbox *const sandboxes[], unsigned count, uint64_t seed)
{
    char code[TEXT_MAX];
    random_state = seed;
    write_program(code);
    struct clo_run fixed = {.fixed = {.has_seed = true, .seed = seed}};
    atomic_store(&chances, false);
    struct suspended whole = suspend_begin(sandboxes[any(count)], code, fixed);
    assert_int_equal(whole.file, -1);
    char *expected = say(whole.result);
    raised += whole.result->error.kind != CLO_RUN_OK;
    if (whole.result->error.kind && getenv("SUSPEND_SEED"))
        printf("%s\n%s\n", code, expected);
    suspend_end(&whole);
    atomic_store(&chances, true);
    atomic_store(&chance_state, seed);
    struct suspended run = suspend_begin(sandboxes[any(count)], code, fixed);
    while (run.file >= 0) {
        suspensions++;
        suspend_go_on(&run, sandboxes[any(count)], (struct clo_run){0});
    }
    char *printed = say(run.result);
    if (strcmp(printed, expected) != 0)
        fail_msg("SUSPEND_SEED=%llu:\n%s\nprints uninterrupted:\n%s\nsuspended:\n%s",
                 (unsigned long long)seed, code, expected, printed);
    free(expected);
    free(printed);
    suspend_end(&run);
}

static void programs_go_on_as_if_nothing_had_been(void **state)
{
    (void)state;
    struct clo_sandbox *sandboxes[2 * SNAPSHOT_PLACES];
    unsigned count = 0;
    for (int i = 0; i < 2 * SNAPSHOT_PLACES; i++) {
        const struct snapshot_place *place = &snapshot_places[i / 2];
        if (!snapshot_can(place) ||
            (runs_isolation == CLO_ISOLATION_PROCESS && place->isolation != CLO_ISOLATION_PROCESS))
            continue;
        sandboxes[count++] = suspend_sandbox(place, (struct clo_sandbox_config){0});
    }
    suspend_chance = chance;
    const char *wanted = getenv("SUSPEND_PROGRAMS"), *seed = getenv("SUSPEND_SEED");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
    unsigned programs = wanted ? (unsigned)atoi(wanted) : seed ? 1 : PROGRAMS;
    for (unsigned i = 0; i < programs; i++)
        play_program(sandboxes, count, first + i);
    printf("%u programs, suspended %u times, %u ended by an exception\n", programs, suspensions,
           raised);
    assert_true(raised <= programs / 10); /* they are programs that do something */
    assert_true(suspensions > programs);
    while (count--)
        clo_sandbox_destroy(sandboxes[count]);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(programs_go_on_as_if_nothing_had_been)};
    int status = runs_begin(count, arguments);
    return status ? status : runs_end(runs_all(tests));
}
