/* way.c - what a worker process adds to a run, and how long it takes to have one.
 *
 *   way IMAGE runs [ROUNDS]       print(1) and a tool call, in process and through a worker, in turns
 *   way IMAGE workers [COUNT]     from asking for a worker to its hello, to its end, and to the first
 *                                 result where it is asked for at once
 *
 * In turns, so that what the machine does besides meets all of them alike. Prints a line for each:
 * the median, the first decile and the 99th percentile, in us.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cloche/sandbox.h"
#include "sandbox/config.h"
#include "sandbox/worker_client.h"

enum { WARM_UP = 300, ROUNDS = 5000, WORKERS = 200, CALLS = 20, KINDS = 6 };

static const char *const CALL_CODE = "import time\n"
                                     "call_tool('echo', text='x')\n"
                                     "start = time.perf_counter_ns()\n"
                                     "for i in range(20): call_tool('echo', text='x')\n"
                                     "print((time.perf_counter_ns() - start) / 20)";

static void must(int status, const struct clo_error *error)
{
    if (status) {
        fprintf(stderr, "way: %s\n%s\n", error->message, error->hint);
        exit(1);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, double *samples, int count)
{
    qsort(samples, (size_t)count, sizeof *samples, compare);
    printf("%-40s %9.1f  first decile %9.1f  p99 %9.1f\n", name, samples[count / 2],
           samples[count / 10], samples[count * 99 / 100]);
}

static int echo(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    (void)error;
    return clo_value_set_text(result, clo_value_text(clo_value_get(arguments, "text")));
}

static const struct clo_tool tool = {
    .name = "echo",
    .parameters = "{\"type\": \"object\", \"properties\": {\"text\": {\"type\": \"string\"}}}",
    .call = echo,
};

struct subject {
    const char *name;
    struct clo_sandbox *sandbox;
    struct clo_pool *pool; /* one of the two */
    double *runs, *calls;
};

static double one(const struct subject *subject, const char *code, bool inside)
{
    struct clo_error error;
    struct clo_run_result *result;
    struct clo_run run = {.code = code, .code_length = strlen(code)};
    uint64_t start = clo_monotonic_ns();
    must(subject->pool ? clo_pool_run(subject->pool, &run, 1000, &result, &error)
                       : clo_sandbox_run(subject->sandbox, &run, &result, &error),
         &error);
    double took = (double)(clo_monotonic_ns() - start) / 1000;
    if (result->error.kind) {
        fprintf(stderr, "way: %s\n", result->err);
        exit(1);
    }
    if (inside)
        took = strtod(result->out, NULL) / 1000;
    clo_run_result_free(result);
    return took;
}

static void runs(struct clo_image *image, int rounds)
{
    static const struct {
        const char *name;
        enum clo_placement placement;
        enum clo_isolation isolation;
        bool pooled;
    } kinds[KINDS] = {
        {"in process", CLO_PLACEMENT_THREAD, CLO_ISOLATION_MICROVM, false},
        {"worker", CLO_PLACEMENT_WORKER, CLO_ISOLATION_MICROVM, false},
        {"worker, by process isolation", CLO_PLACEMENT_WORKER, CLO_ISOLATION_PROCESS, false},
        {"pool in process", CLO_PLACEMENT_THREAD, CLO_ISOLATION_MICROVM, true},
        {"pool of workers", CLO_PLACEMENT_WORKER, CLO_ISOLATION_MICROVM, true},
        {"pool, by process isolation", CLO_PLACEMENT_WORKER, CLO_ISOLATION_PROCESS, true},
    };
    struct subject subjects[KINDS];
    struct clo_error error;
    for (int i = 0; i < KINDS; i++) {
        struct clo_sandbox_config config = {.image = image,
                                            .tools = &tool,
                                            .tool_count = 1,
                                            .placement = kinds[i].placement,
                                            .isolation = kinds[i].isolation};
        subjects[i] = (struct subject){.name = kinds[i].name,
                                       .runs = calloc((size_t)rounds, sizeof(double)),
                                       .calls = calloc((size_t)rounds, sizeof(double))};
        must(kinds[i].pooled ? clo_pool_create(&subjects[i].pool, &config, 1, &error)
                             : clo_sandbox_create(&subjects[i].sandbox, &config, &error),
             &error);
    }
    for (int round = -WARM_UP; round < rounds; round++) {
        for (int i = 0; i < KINDS; i++) {
            int place = round < 0 ? 0 : round;
            subjects[i].runs[place] = one(&subjects[i], "print(1)", false);
            if (round % 10 == 0)
                subjects[i].calls[place / 10] = one(&subjects[i], CALL_CODE, true);
        }
    }
    for (int i = 0; i < KINDS; i++) {
        char name[64];
        snprintf(name, sizeof name, "print(1), %s", subjects[i].name);
        report(name, subjects[i].runs, rounds);
        snprintf(name, sizeof name, "call_tool, %s", subjects[i].name);
        report(name, subjects[i].calls, rounds / 10);
        clo_sandbox_destroy(subjects[i].sandbox);
        clo_pool_destroy(subjects[i].pool);
        free(subjects[i].runs);
        free(subjects[i].calls);
    }
}

static void first_results(struct clo_image *image, enum clo_isolation isolation, int count)
{
    struct clo_sandbox_config config = {
        .image = image, .placement = CLO_PLACEMENT_WORKER, .isolation = isolation};
    double *samples = calloc((size_t)count, sizeof *samples);
    struct clo_error error;
    for (int i = 0; i < count; i++) {
        struct subject subject = {0};
        uint64_t start = clo_monotonic_ns();
        must(clo_sandbox_create(&subject.sandbox, &config, &error), &error);
        one(&subject, "print(1)", false);
        samples[i] = (double)(clo_monotonic_ns() - start) / 1000;
        clo_sandbox_destroy(subject.sandbox);
    }
    report("a sandbox with a zygote, to print(1)", samples, count);
    free(samples);
}

static void workers(struct clo_image *image, enum clo_isolation isolation, int count)
{
    struct clo_sandbox_config wanted = {
        .image = image, .placement = CLO_PLACEMENT_WORKER, .isolation = isolation};
    struct clo_config config = {0};
    struct clo_zygote *zygote;
    struct clo_error error;
    double *births = calloc((size_t)count, sizeof *births);
    double *ends = calloc((size_t)count, sizeof *ends);
    must(clo_config_open(&config, &wanted, true, &error), &error);
    must(clo_zygote_create(&zygote, &config, &error), &error);
    for (int i = -2; i < count; i++) {
        struct clo_worker_client *client;
        uint64_t start = clo_monotonic_ns();
        must(clo_worker_client_create(&client, &config, zygote, &error), &error);
        uint64_t born = clo_monotonic_ns();
        clo_worker_client_destroy(client);
        births[i < 0 ? 0 : i] = (double)(born - start) / 1000;
        ends[i < 0 ? 0 : i] = (double)(clo_monotonic_ns() - born) / 1000;
    }
    report("from asking for a worker to its hello", births, count);
    report("until a killed worker is gone", ends, count);
    clo_zygote_destroy(zygote);
    clo_config_close(&config);
    free(births);
    free(ends);
}

int main(int argc, char **argv)
{
    struct clo_error error;
    struct clo_image *image;
    if (argc < 3) {
        fputs("Usage: way IMAGE runs|workers [COUNT]\n", stderr);
        return 2;
    }
    int count = argc > 3 ? atoi(argv[3]) : 0;
    must(clo_image_open(&image, argv[1], CLO_IMAGE_COPY, &error), &error);
    if (strcmp(argv[2], "runs") == 0)
        runs(image, count > 0 ? count : ROUNDS);
    else {
        for (int i = 0; i < 2; i++) {
            enum clo_isolation isolation = i ? CLO_ISOLATION_PROCESS : CLO_ISOLATION_MICROVM;
            printf("isolation %s\n", clo_isolation_name(isolation));
            workers(image, isolation, count > 0 ? count : WORKERS);
            first_results(image, isolation, count > 0 ? count : WORKERS);
        }
    }
    clo_image_close(image);
    return 0;
}
