/* worker_test.c - what a worker process holds, and what it can do to its host once taken over.
 *
 *   worker_test IMAGE LIAR    ($CLOCHE_IMAGE goes before IMAGE)
 *
 * LIAR is a zygote whose workers send what they like (liar.c). Without an image or /dev/kvm: SKIP.
 */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cloche/sandbox.h"
#include "harness.h"
#include "processes.h"
#include "runs.h"
#include "sandbox/config.h"
#include "sandbox/worker/jail.h"
#include "sandbox/zygote.h"
#include "sandbox/zygote_program.h"
#include "sandbox_tools.h"
#include "worker/container_filter.h"

#define WAIT_MS 60000
#define LATE_MS 12000

static uint8_t *liar;
static size_t liar_size;

static struct clo_pool *make_pool(void)
{
    return runs_pool((struct clo_sandbox_config){.tools = test_tools,
                                                 .tool_count = test_tool_count,
                                                 .limits = {.wall_ms = 10000, .host_calls = 5},
                                                 .placement = CLO_PLACEMENT_WORKER},
                     1);
}

static struct clo_run_result *run(struct clo_pool *pool, const char *code, uint64_t wall_ms)
{
    struct clo_run order = {
        .code = code, .code_length = strlen(code), .limits = {.wall_ms = wall_ms}};
    struct clo_run_result *result;
    struct clo_error error;
    if (clo_pool_run(pool, &order, WAIT_MS, &result, &error))
        fail_msg("%s: %s", code, error.message);
    return result;
}

/* ---- what a worker holds ---- */

static void nothing_of_the_host_is_in_its_memory(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("SKIP: only root may read the memory of other processes\n");
        skip();
    }
    /* written together here, so that no constant of a program holds it */
    char *secret = strdup("key-"), *variable;
    assert_true(asprintf(&variable, "%s%ld-%s", secret, (long)getpid() * 7919, "of-the-host") > 0);
    setenv("CLOCHE_TEST_SECRET", variable, 1);
    struct clo_pool *pool = make_pool();
    clo_run_result_free(run(pool, "print(1)", 0));
    long pids[16];
    size_t count = processes_find("cloche-", pids, 16);
    assert_true(count >= 2); /* zygote and worker */
    assert_true(processes_hold(getpid(), variable, strlen(variable)));
    for (size_t i = 0; i < count; i++) {
        assert_true(processes_hold(pids[i],
                                   "\x7f"
                                   "ELF",
                                   4)); /* it can be read */
        assert_false(processes_hold(pids[i], variable, strlen(variable)));
    }
    clo_pool_destroy(pool);
    unsetenv("CLOCHE_TEST_SECRET");
    free(variable);
    free(secret);
}

/* What a run brought and made, by every way in and out, is in no memory of its worker when the next
 * has been there: not in the guest's, not in the process's own. */
static void nothing_of_a_run_is_left_in_it(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("SKIP: only root may read the memory of other processes\n");
        skip();
    }
    char secret[64], code[6000];
    snprintf(secret, sizeof secret, "sec%ld-of-a-run-before", (long)getpid() * 7919);
    snprintf(code, sizeof code,
             "import sys\nbox = ['%s', input(), sys.argv[1]]\n%*s\n"
             "print(box, file=sys.stderr)\nprint(call_tool('echo', value=box * 50))\n"
             "box * 20\nraise ValueError(box * 9)\n",
             secret, 3000, "");
    struct clo_run order = {.code = code,
                            .code_length = strlen(code),
                            .argument_count = 1,
                            .arguments = (const char *const[]){secret},
                            .input = secret,
                            .input_length = strlen(secret),
                            .wants_result = true};
    struct clo_pool *pool = make_pool();
    struct clo_run_result *result;
    struct clo_error error;
    assert_int_equal(clo_pool_run(pool, &order, WAIT_MS, &result, &error), 0);
    assert_non_null(strstr(result->out, secret));
    assert_non_null(strstr(result->err, secret));
    clo_run_result_free(result);
    clo_run_result_free(run(pool, "print(1)", 0));
    long pids[4];
    assert_int_equal(processes_find("cloche-worker", pids, 4), 1);
    assert_true(processes_hold(pids[0], "site-packages", 13)); /* it can be read */
    assert_false(processes_hold(pids[0], secret, strlen(secret)));
    clo_pool_destroy(pool);
}

static bool may_have(const char *target)
{
    static const char *const allowed[] = {
        "/dev/null", "socket:", "/dev/kvm", "anon_inode:kvm-", "/memfd:cloche-image", "pagemap"};
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        if (strstr(target, allowed[i]))
            return true;
    }
    return false;
}

static void its_descriptors_are_those_it_needs(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("SKIP: only root may see the descriptors of other processes\n");
        skip();
    }
    int leak = dup(0); /* without close-on-exec, as a careless program has them */
    FILE *file = tmpfile();
    struct clo_pool *pool = make_pool();
    clo_run_result_free(run(pool, "print(1)", 0));
    long pids[16];
    size_t count = processes_find("cloche-worker", pids, 16);
    assert_true(count >= 1);
    for (size_t i = 0; i < count; i++) {
        char folder[64];
        size_t found = 0;
        snprintf(folder, sizeof folder, "/proc/%ld/fd", pids[i]);
        DIR *entries = opendir(folder);
        assert_non_null(entries);
        for (struct dirent *entry; (entry = readdir(entries));) {
            char target[256] = "";
            if (entry->d_name[0] == '.')
                continue;
            assert_true(readlinkat(dirfd(entries), entry->d_name, target, sizeof target - 1) > 0);
            if (!may_have(target))
                fail_msg("a worker has %s open", target);
            found++;
        }
        closedir(entries);
        assert_in_range(found, runs_isolation == CLO_ISOLATION_PROCESS ? 3 : 6, 12);
    }
    clo_pool_destroy(pool);
    fclose(file);
    close(leak);
}

/* ---- what a worker can do to its host ---- */

static const struct lie {
    const char *name;   /* the run's code */
    const char *reason; /* in the error; NULL: the run is answered, with `result` */
    const char *result;
    uint64_t wall_ms, cpu_ms;
} lies[] = {
    {"an unknown frame", "type", NULL, 0},
    {"a frame for workers", "type", NULL, 0},
    {"an endless frame", "bytes", NULL, 0},
    {"half a header", "died", NULL, 0},
    {"a short result", "4 bytes", NULL, 0},
    {"lengths that lie", "not well-formed", NULL, 0},
    {"a result that is no text", "not well-formed", NULL, 0},
    {"a note of two lines", "not well-formed", NULL, 0},
    {"a long note", "not well-formed", NULL, 0},
    {"an unknown kind", "not well-formed", NULL, 0},
    {"an unknown limit", "not well-formed", NULL, 0},
    {"a second hello", "second hello", NULL, 0},
    {"an unknown stream", "stream 7", NULL, 0},
    {"a failure that is no text", "not well-formed", NULL, 0},
    {"a failure without a reason", "without a reason", NULL, 0},
    {"a flood", "more output than the limit", NULL, 0},
    {"silence", "did not end in time", NULL, 200},
    {"waits for ever", "did not end in time", NULL, 200},
    {"a tool that was not offered", NULL, "refused", 0},
    {"a call without a message", NULL, "refused", 0},
    {"an id of zero", NULL, "refused", 0},
    {"calls beyond the limit", NULL, "5", 0},
    {"two results", NULL, "two results", 0},
    {"no hello", NULL, "no hello", 0}, /* the host waits for it for 20 s before the next run */
    {"naps one after another", "after its time was up", NULL, 200},
    {"naps that are waits", "did not end in time", NULL, 200},
    {"processor time for ever", "more processor time than its limit", NULL, 60000, 100},
    {"empty words for ever", "output of no bytes", NULL, 0},
    {"a byte at a time", "did not end in time", NULL, 200},
    {"a cancellation", "it was not", NULL, 0},
#ifndef __SANITIZE_ADDRESS__ /* there a worker may have more: client/worker_accounts.c */
    {"memory that it did not ask for", "more memory than is reserved", NULL, 0},
#endif
    {"memory beyond its limit", "it asked for 18446744073709551615 bytes of memory", NULL, 0},
    {"a little beyond its limit", "where its limit is 268435456", NULL, 0},
    {"a grant of its limit", NULL, "granted", 0},
    {"asks for memory for ever", "did not end in time", NULL, 200},
    {"a grow of no length", "a frame of type", NULL, 0},
    {"a grow with more behind it", "behind a wish for memory", NULL, 0},
    {"an endless grow", "bytes", NULL, 0},
    {"a refusal", "it says that it was refused memory, and it was not", NULL, 0},
};

#define LIES (sizeof lies / sizeof *lies)
#define LIARS 9 /* pools at once at most: most of the time is waited for limits to pass */

/* What came of a lie, and of the honest run after it. */
struct played {
    struct clo_run_result *result, *after;
    struct clo_error error;
    uint64_t took_ms;
    char honest[32];
    int status;
};

static struct played played[LIES];
static struct clo_pool *liars[LIARS];
static size_t liar_count; /* few on an emulated processor, where each takes time */

/* Every so many-th of the lies in one pool, from the one that the argument points to. */
static void *play_lies(void *first)
{
    struct clo_pool *pool = liars[(struct played *)first - played];
    for (struct played *one = first; one < played + LIES; one += liar_count) {
        const struct lie *lie = &lies[one - played];
        struct clo_run order = {.code = lie->name,
                                .code_length = strlen(lie->name),
                                .limits = {.wall_ms = lie->wall_ms, .cpu_ms = lie->cpu_ms}};
        uint64_t before = clo_monotonic_ns();
        one->status = clo_pool_run(pool, &order, WAIT_MS, &one->result, &one->error);
        one->took_ms = (clo_monotonic_ns() - before) / 1000000;
        snprintf(one->honest, sizeof one->honest, "good %d", (int)(one - played));
        order = (struct clo_run){.code = one->honest, .code_length = strlen(one->honest)};
        if (!one->status)
            one->status = clo_pool_run(pool, &order, WAIT_MS, &one->after, &one->error);
    }
    return NULL;
}

static void check_lie(const struct lie *lie, struct played *one)
{
    const struct clo_run_result *result = one->result;
    if (one->status)
        fail_msg("%s: %s", lie->name, one->error.message);
    /* the grace, a tool that outlasts the time, the grace anew, one more, and what is slow here */
    if (one->took_ms > (lie->wall_ms ? lie->wall_ms : 10000) + LATE_MS)
        fail_msg("%s: it took %llu ms", lie->name, (unsigned long long)one->took_ms);
    assert_in_range(result->usage.wall_us, 0, (one->took_ms + 1) * 1000);
    if (lie->reason) {
        assert_int_equal(result->error.kind, CLO_RUN_WORKER);
        assert_string_equal(result->error.type, "WorkerLost");
        if (!strstr(result->error.message, lie->reason))
            fail_msg("%s: %s", lie->name, result->error.message);
    } else {
        if (result->error.kind || !result->result || strcmp(result->result, lie->result) != 0)
            fail_msg("%s: %s, %s", lie->name, result->result ? result->result : "no result",
                     result->error.message ? result->error.message : "no error");
    }
    /* whatever it said, the next run has its own answer */
    assert_int_equal(one->after->error.kind, CLO_RUN_OK);
    assert_string_equal(one->after->result, one->honest);
    clo_run_result_free(one->result);
    clo_run_result_free(one->after);
}

static void whatever_it_sends_costs_its_run_only(void **state)
{
    (void)state;
    pthread_t threads[LIARS];
    clo_zygote_program_replace(liar, liar_size);
    liar_count = harness_is_emulated() ? 2 : LIARS;
    for (size_t i = 0; i < liar_count; i++)
        liars[i] = make_pool();
    for (size_t i = 0; i < liar_count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, play_lies, &played[i]), 0);
    for (size_t i = 0; i < liar_count; i++) {
        pthread_join(threads[i], NULL);
        clo_pool_destroy(liars[i]);
    }
    clo_zygote_program_replace(NULL, 0);
    for (size_t i = 0; i < LIES; i++)
        check_lie(&lies[i], &played[i]);
}

static void an_honest_worker_waits_for_a_long_tool(void **state)
{
    (void)state;
    /* It outlasts the wall time and all the time that the host gives a worker to end. */
    struct clo_pool *pool = make_pool();
    struct clo_run_result *result =
        run(pool, "try: nap(ms=6600)\nfinally: print('back', call_tool('add', a=1, b=2))", 1000);
    assert_int_equal(result->error.kind, CLO_RUN_LIMIT);
    assert_int_equal(result->error.limit, CLO_LIMIT_WALL);
    assert_string_equal(result->out, "back 3\n");
    assert_in_range(result->usage.wall_us, 6600000, 60000000);
    clo_run_result_free(result);
    clo_pool_destroy(pool);
}

static void its_usage_is_the_hosts_own_account(void **state)
{
    (void)state;
    clo_zygote_program_replace(liar, liar_size);
    struct clo_pool *pool = make_pool();
    struct clo_run_result *result = run(pool, "little usage", 0);
    assert_int_equal(result->error.kind, CLO_RUN_OK);
    assert_true(result->usage.cpu_us > 10000); /* 200 million additions take longer anywhere */
    assert_true(result->usage.wall_us > 10000);
    clo_run_result_free(result);
    result = run(pool, "much usage", 0);
    assert_int_equal(result->error.kind, CLO_RUN_OK);
    assert_true(result->usage.cpu_us < 10000000);
    assert_true(result->usage.wall_us < 10000000);
    assert_true(result->usage.memory_peak <= 256ull << 20);
    assert_int_equal(result->usage.host_calls, 0);
    assert_int_equal(result->usage.output_bytes, 0);
    clo_run_result_free(result);
    clo_pool_destroy(pool);
    clo_zygote_program_replace(NULL, 0);
}

static void a_program_that_does_not_start_is_an_error(void **state)
{
    (void)state;
    struct clo_sandbox_config config =
        runs_config((struct clo_sandbox_config){.placement = CLO_PLACEMENT_WORKER});
    struct clo_pool *pool;
    struct clo_error error;
    clo_zygote_program_replace((const uint8_t *)"no ELF file", 11);
    assert_int_equal(clo_pool_create(&pool, &config, 1, &error), CLO_ESYSTEM);
    assert_null(pool);
    assert_non_null(strstr(error.message, "worker"));
    clo_zygote_program_replace(NULL, 0);
}

static void later_workers_have_what_the_first_had(void **state)
{
    (void)state;
    const struct clo_sandbox_config wanted =
        runs_config((struct clo_sandbox_config){.placement = CLO_PLACEMENT_WORKER});
    struct clo_config config = {0};
    struct clo_zygote *zygote;
    struct clo_error error;
    assert_int_equal(clo_config_open(&config, &wanted, true, &error), 0);
    assert_int_equal(clo_zygote_create(&zygote, &config, &error), 0);
    const unsigned fewer = CLO_JAIL_ALL & ~(unsigned)(CLO_JAIL_PID | CLO_JAIL_NET);
    assert_int_equal(clo_zygote_expect(zygote, fewer, &error), 0);
    assert_int_equal(clo_zygote_expect(zygote, CLO_JAIL_ALL, &error), 0);
    assert_int_equal(clo_zygote_expect(zygote, fewer, &error), 0);
    assert_int_equal(clo_zygote_expect(zygote, fewer & ~(unsigned)CLO_JAIL_SYSCALLS, &error),
                     CLO_ESYSTEM);
    assert_non_null(strstr(error.message, "the first one had: syscalls"));
    clo_zygote_destroy(zygote);
    clo_config_close(&config);
}

/* In a container with Docker's own filter; 0: as it should be. */
static int run_in_a_container(void)
{
    static const char code[] = "print(6 * 7)";
    struct clo_sandbox_config config = runs_config(
        (struct clo_sandbox_config){.placement = CLO_PLACEMENT_WORKER, .jail = CLO_JAIL_STRICT});
    struct clo_run order = {.code = code, .code_length = sizeof code - 1};
    struct clo_run_result *result;
    struct clo_error error = {0};
    struct clo_pool *pool;
    if (!container_filter_load())
        return 1;
    if (clo_pool_create(&pool, &config, 1, &error) != CLO_ESYSTEM ||
        !strstr(error.message, "lacks: user, pid, net, ipc, files"))
        return 2;
    config.jail = CLO_JAIL_BEST;
    if (clo_pool_create(&pool, &config, 1, &error))
        return 3;
    if (clo_pool_run(pool, &order, WAIT_MS, &result, &error))
        return 4;
    int outcome = result->out && strcmp(result->out, "42\n") == 0 ? 0 : 5;
    clo_run_result_free(result);
    clo_pool_destroy(pool);
    return outcome;
}

static void it_starts_in_a_container(void **state)
{
    (void)state;
    int outcome = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(run_in_a_container());
    waitpid(pid, &outcome, 0);
    assert_true(WIFEXITED(outcome));
    assert_int_equal(WEXITSTATUS(outcome), 0);
}

static void read_liar(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) || ftell(file) <= 0) {
        perror(path);
        exit(1);
    }
    liar_size = (size_t)ftell(file);
    liar = malloc(liar_size);
    rewind(file);
    if (!liar || fread(liar, 1, liar_size, file) != liar_size)
        exit(1);
    fclose(file);
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fputs("Usage: worker_test IMAGE LIAR\n", stderr);
        return 2;
    }
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    read_liar(arguments[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_the_host_is_in_its_memory),
        cmocka_unit_test(nothing_of_a_run_is_left_in_it),
        cmocka_unit_test(its_descriptors_are_those_it_needs),
        cmocka_unit_test(whatever_it_sends_costs_its_run_only),
        cmocka_unit_test(an_honest_worker_waits_for_a_long_tool),
        cmocka_unit_test(its_usage_is_the_hosts_own_account),
        cmocka_unit_test(a_program_that_does_not_start_is_an_error),
        cmocka_unit_test(it_starts_in_a_container),
        cmocka_unit_test(later_workers_have_what_the_first_had),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(liar);
    return runs_end(failed);
}
