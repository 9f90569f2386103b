/* snapshot_random_test.c - random programs, run piece by piece in one session, print what they
 * print when a snapshot is taken between any two pieces and another sandbox, behind another wall,
 * goes on with it; and when each piece is a run of a pool, on whichever member of whichever of them, with clean
 * runs of others between.
 *
 * $SNAPSHOT_PROGRAMS says how many, $SNAPSHOT_SEED which: a failure prints its seed. */
#include "session_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECES 8
#define PROGRAMS 30
#define TEXT_MAX 4096

/* Pieces of a program, with room for two numbers below 1,000. Each goes on with what the ones
 * before it left; each prints something of it. */
static const char begin_code[] =
    "import gc, re, json, math, random, sqlite3, zlib, hashlib, decimal, asyncio, os, heapq, itertools, datetime\n"
    "log, d, rng = [], {}, random.Random(7)\n"
    "def walk(n):\n"
    "    total = 0\n"
    "    while True:\n"
    "        got = yield total\n"
    "        total += n if got is None else got\n"
    "class Node:\n"
    "    alive = 0\n"
    "    def __init__(self, n): self.n, self.me = n, self; Node.alive += 1\n"
    "    def __del__(self): Node.alive -= 1\n"
    "gens = []\n"
    "db = sqlite3.connect(':memory:')\n"
    "db.execute('create table t(a integer, b text)')\n"
    "packer, hasher = zlib.compressobj(), hashlib.sha256()\n"
    "packed = b''\n"
    "async def later(n):\n"
    "    await asyncio.sleep(0.0001)\n"
    "    return n * 2\n";

#define GROW_FILE                                                                                  \
    "with open('/tmp/big', 'ab+') as f:\n"                                                         \
    "    f.seek(0); print(hashlib.sha256(f.read()).hexdigest())\n"                                 \
    "    f.write(bytes(range(1, 256)) * (%u << 5)); f.truncate(f.tell() + %u)"

static const char *const pieces[] = {
    "log.append(rng.random() * %u); d[%u] = log[-1]\nprint(len(log), log[-1], sum(d.values()))",
    "gens.append(walk(%u)); next(gens[-1])\nprint([g.send(%u) for g in gens])",
    "nodes = [Node(i) for i in range(%u)]\ngc.collect()\nprint(Node.alive, len(nodes), %u)",
    "db.executemany('insert into t values(?, ?)', [(i, str(i * %u)) for i in range(%u)])\n"
    "print(db.execute('select count(*), sum(a), max(b) from t').fetchall())",
    "packed += packer.compress(bytes(i %% 251 for i in range(%u))); hasher.update(packed)\n"
    "print(len(packed), hasher.hexdigest(), %u)",
    "big = bytearray(%u << 13); big[%u] = 1\nprint(len(big), sum(big))",
    "try: del big\nexcept NameError: print('none')\ngc.collect(); print(%u + %u)",
    "decimal.getcontext().prec = 5 + %u %% 60\nprint(decimal.Decimal(%u + 1).sqrt())",
    "with open('/tmp/log', 'a') as f: f.write('%u ' * (%u %% 100))\nprint(os.stat('/tmp/log').st_size, hash(open('/tmp/log').read()))",
    "with open('/output/%u', 'a') as f: f.write('x' * %u)\n"
    "print(sorted((n, os.stat('/output/' + n).st_size) for n in os.listdir('/output')))",
    GROW_FILE, /* twice: it shows what the last one wrote */
    GROW_FILE,
    "def f(n): return n if n < 1 else f(n - 1) + 1\nprint(f(%u %% 800))\nd['f'] = %u",
    "print(asyncio.run(asyncio.wait_for(later(%u), 5)), %u)",
    "pattern = re.compile(r'(\\d)(\\d*)%u'); print(pattern.sub(r'\\2\\1', ' '.join(map(str, range(%u)))))",
    "try: 1 // (%u - %u + 0 * len(log))\nexcept ZeroDivisionError as e: log.append(0)\nprint(len(log))",
    "raise ValueError((%u, %u, len(log)))",
    "print(json.loads(json.dumps({'a': log[-3:], 'b': [%u, %u]})))",
    "cycle = itertools.cycle(range(%u %% 9 + 1)); print([next(cycle) for _ in range(%u %% 30)])",
    "try: print([next(cycle) for _ in range(%u %% 7)], %u)\nexcept NameError: print('no cycle')",
    "print(random.random(), os.urandom(4), datetime.datetime.now(), %u, %u)",
    "import fractions, statistics, textwrap, difflib\nprint(fractions.Fraction(%u, 7), statistics.mean([%u, 4]))",
};

static uint64_t random_state;

static uint32_t any(uint32_t below)
{
    random_state ^= random_state << 13; /* xorshift64 */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) % below);
}

static void write_piece(char text[TEXT_MAX], int number)
{
    if (number == 0) {
        snprintf(text, TEXT_MAX, "%s", begin_code);
        return;
    }
    const char *piece = pieces[any(sizeof pieces / sizeof *pieces)];
    uint32_t one = any(1000), other = any(1000);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, TEXT_MAX, piece, one, other);
#pragma GCC diagnostic pop
}

static struct clo_fixed fixed(uint64_t number)
{
    return (struct clo_fixed){.has_seed = true,
                              .seed = number,
                              .has_clock = true,
                              .clock_ns = (1796000000 + number * 60) * 1000000000ull};
}

/* What it prints and how it ends; the caller frees it. The result goes. */
static char *text_of(struct clo_run_result *result)
{
    char *text;
    assert_true(asprintf(&text, "%s--- %s %s", result->out, result->err,
                         result->error.message ? result->error.message : "") > 0);
    clo_run_result_free(result);
    return text;
}

static char *play(struct clo_sandbox *sandbox, const char *code, uint64_t number)
{
    struct clo_run run = {
        .code = code, .code_length = strlen(code), .keep_state = true, .fixed = fixed(number)};
    struct clo_run_result *result;
    struct clo_error error;
    if (clo_sandbox_run(sandbox, &run, &result, &error))
        fail_msg("%s: %s", code, error.message);
    return text_of(result);
}

static void forget(struct clo_sandbox *sandbox)
{
    struct clo_run run = {.code = ""};
    struct clo_run_result *result;
    assert_int_equal(clo_sandbox_run(sandbox, &run, &result, NULL), 0);
    clo_run_result_free(result);
}

/* The pieces, and what each prints in one session; to be freed. */
struct program {
    uint64_t seed;
    char code[PIECES][TEXT_MAX], *whole[PIECES];
};

static void make_program(struct program *program, struct clo_sandbox *sandbox, uint64_t seed)
{
    random_state = program->seed = seed;
    forget(sandbox);
    for (int i = 0; i < PIECES; i++) {
        write_piece(program->code[i], i);
        program->whole[i] = play(sandbox, program->code[i], (uint64_t)i);
    }
}

/* What the piece printed now. */
static void compare(const struct program *program, int piece, char *part)
{
    if (strcmp(part, program->whole[piece]) != 0)
        fail_msg(
            "SNAPSHOT_SEED=%llu, piece %d:\n%s\nprints in one session:\n%s\nwith snapshots:\n%s",
            (unsigned long long)program->seed, piece, program->code[piece], program->whole[piece],
            part);
    free(part);
}

static void end_program(struct program *program)
{
    for (int i = 0; i < PIECES; i++)
        free(program->whole[i]);
}

static void play_with_snapshots(struct program *program, struct clo_sandbox *const sandboxes[],
                                unsigned count)
{
    struct clo_sandbox *sandbox = sandboxes[any(count)];
    forget(sandbox);
    for (int i = 0; i < PIECES; i++) {
        compare(program, i, play(sandbox, program->code[i], (uint64_t)i));
        if (any(4) == 0) /* two pieces in one */
            continue;
        int file = snapshot_take(sandbox);
        if (any(2)) { /* what comes after it does not matter */
            free(play(sandbox,
                      "log.clear(); d.clear(); junk = bytearray(9 << 20)\n"
                      "open('/output/junk', 'w').write('x')",
                      0));
        }
        sandbox = sandboxes[any(count)];
        snapshot_put(sandbox, file);
        close(file);
    }
}

/* Each piece is a run in a pool; between them clean runs, and others of the session that are lost. */
static void play_in_pools(struct program *program, struct clo_pool *const pools[], unsigned count)
{
    struct session session = SESSION;
    struct clo_run_result *result;
    struct clo_error error;
    for (int i = 0; i < PIECES; i++) {
        struct clo_pool *pool = pools[any(count)];
        if (any(2))
            session_clean_run(pool,
                              "import os\nprint('log' in globals(), os.listdir('/tmp'), "
                              "os.listdir('/output'))\njunk = bytearray(9 << 20)",
                              "False [] []\n");
        if (any(4) == 0) {
            assert_int_equal(session_try(&session, pool,
                                         "import os\nlog = d = None\n"
                                         "open('/output/lost', 'w').write('x'); os._exit(1)",
                                         (struct clo_run){0}, &result, &error),
                             0);
            assert_int_equal(result->state, CLO_STATE_LOST);
            clo_run_result_free(result);
        }
        if (session_try(&session, pools[any(count)], program->code[i],
                        (struct clo_run){.fixed = fixed((uint64_t)i)}, &result, &error))
            fail_msg("%s: %s", program->code[i], error.message);
        assert_int_equal(result->state, CLO_STATE_KEPT);
        compare(program, i, text_of(result));
    }
    session_end(&session);
}

static bool is_left_out(const struct snapshot_place *place)
{
    return !snapshot_can(place) ||
           (runs_isolation == CLO_ISOLATION_PROCESS && place->isolation != CLO_ISOLATION_PROCESS);
}

static void programs_go_on_as_if_nothing_had_been(void **state)
{
    (void)state;
    struct clo_sandbox *sandboxes[2 * SNAPSHOT_PLACES];
    struct clo_pool *pools[SNAPSHOT_PLACES];
    unsigned count = 0, pool_count = 0;
    for (int i = 0; i < SNAPSHOT_PLACES; i++) {
        if (is_left_out(&snapshot_places[i]))
            continue;
        sandboxes[count++] = snapshot_sandbox(&snapshot_places[i], 0);
        sandboxes[count++] = snapshot_sandbox(&snapshot_places[i], 0);
        pools[pool_count++] = session_pool(&snapshot_places[i], 2, 0);
    }
    const char *wanted = getenv("SNAPSHOT_PROGRAMS"), *seed = getenv("SNAPSHOT_SEED");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
    unsigned programs = wanted ? (unsigned)atoi(wanted) : seed ? 1 : PROGRAMS;
    struct program *program = malloc(sizeof *program);
    assert_non_null(program);
    for (unsigned i = 0; i < programs; i++) {
        make_program(program, sandboxes[0], first + i);
        play_with_snapshots(program, sandboxes, count);
        play_in_pools(program, pools, pool_count);
        end_program(program);
    }
    printf("%u programs, by snapshots and in pools\n", programs);
    free(program);
    while (count--)
        clo_sandbox_destroy(sandboxes[count]);
    while (pool_count--)
        clo_pool_destroy(pools[pool_count]);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(programs_go_on_as_if_nothing_had_been)};
    int status = runs_begin(count, arguments);
    return status ? status : runs_end(runs_all(tests));
}
