/* measure.c - times of libcloche from the inside, through its public interface.
 *
 * Prints one JSON object a line: {"name", "unit", "median", "p99", "count"}. All in one process and
 * one run, so that figures can be compared; bench/run.py makes the table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cloche/sandbox.h"

enum { COLD = 60, WARM = 3000, WARM_UP = 200, ROUNDS = 15 };

static const char *const JSON_CODE =
    "import json, re, statistics\n"
    "d = {'a': [1, 2, {'b': 'x' * 20}], 'c': 3.5}\n"
    "print(json.dumps(json.loads(json.dumps(d)))[:20], re.findall(r'\\w+@\\w+', 'a@b c@d'),"
    " statistics.mean([1, 2, 3]))";

/* Times its own loop inside the guest, so that only the calls count. */
static const char *const TOOL_CODE = "import time\n"
                                     "call_tool('echo', text='x')\n"
                                     "start = time.perf_counter_ns()\n"
                                     "for i in range(500): call_tool('echo', text='x')\n"
                                     "print((time.perf_counter_ns() - start) / 500)";

static void must(int status, const struct clo_error *error)
{
    if (status) {
        fprintf(stderr, "measure: %s\n%s\n", error->message, error->hint);
        exit(1);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, const char *unit, double *samples, int count)
{
    qsort(samples, (size_t)count, sizeof *samples, compare);
    printf("{\"name\": \"%s\", \"unit\": \"%s\", \"median\": %.3f, \"p99\": %.3f, \"count\": %d}\n",
           name, unit, samples[count / 2], samples[count * 99 / 100], count);
    fflush(stdout);
}

static void run(struct clo_sandbox *sandbox, const char *code, const char *want, double *number)
{
    struct clo_error error;
    struct clo_run_result *result;
    struct clo_run request = {.code = code, .code_length = strlen(code)};
    must(clo_sandbox_run(sandbox, &request, &result, &error), &error);
    if (result->error.kind || (want && strcmp(result->out, want) != 0)) {
        fprintf(stderr, "measure: unexpected output \"%s\" \"%s\"\n", result->out, result->err);
        exit(1);
    }
    if (number)
        *number = strtod(result->out, NULL);
    clo_run_result_free(result);
}

static double since_us(uint64_t start)
{
    return (double)(clo_monotonic_ns() - start) / 1000;
}

static void cold(const struct clo_sandbox_config *config, const char *name)
{
    static double samples[COLD];
    for (int i = 0; i < COLD; i++) {
        struct clo_error error;
        struct clo_sandbox *sandbox;
        uint64_t start = clo_monotonic_ns();
        must(clo_sandbox_create(&sandbox, config, &error), &error);
        run(sandbox, "print(1)", "1\n", NULL);
        samples[i] = since_us(start);
        clo_sandbox_destroy(sandbox);
    }
    report(name, "us", samples, COLD);
}

static void warm(const struct clo_sandbox_config *config, const char *name, const char *code)
{
    static double samples[WARM];
    struct clo_error error;
    struct clo_sandbox *sandbox;
    must(clo_sandbox_create(&sandbox, config, &error), &error);
    for (int i = -WARM_UP; i < WARM; i++) {
        uint64_t start = clo_monotonic_ns();
        run(sandbox, code, NULL, NULL);
        if (i >= 0)
            samples[i] = since_us(start);
    }
    report(name, "us", samples, WARM);
    clo_sandbox_destroy(sandbox);
}

static int echo(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    (void)error;
    return clo_value_set_text(result, clo_value_text(clo_value_get(arguments, "text")));
}

static void tool_calls(struct clo_sandbox_config config, const char *name)
{
    static const struct clo_tool tool = {
        .name = "echo",
        .parameters = "{\"type\": \"object\", \"properties\": {\"text\": {\"type\": \"string\"}}}",
        .call = echo,
    };
    double samples[ROUNDS];
    struct clo_error error;
    struct clo_sandbox *sandbox;
    config.tools = &tool;
    config.tool_count = 1;
    must(clo_sandbox_create(&sandbox, &config, &error), &error);
    for (int i = 0; i < ROUNDS; i++) {
        run(sandbox, TOOL_CODE, NULL, &samples[i]);
        samples[i] /= 1000;
    }
    report(name, "us", samples, ROUNDS);
    clo_sandbox_destroy(sandbox);
}

int main(int argc, char **argv)
{
    struct clo_error error;
    struct clo_image *image;
    must(clo_image_open(&image, argc > 1 ? argv[1] : NULL, CLO_IMAGE_COPY, &error), &error);
    struct clo_sandbox_config here = {.image = image, .placement = CLO_PLACEMENT_THREAD};
    struct clo_sandbox_config worker = {.image = image, .placement = CLO_PLACEMENT_WORKER};

    struct clo_sandbox_config process = {
        .image = image, .placement = CLO_PLACEMENT_WORKER, .isolation = CLO_ISOLATION_PROCESS};

    cold(&here, "creation to first printed result");
    cold(&worker, "creation to first printed result, worker process");
    cold(&process, "creation to first printed result, process isolation");
    warm(&here, "restore and run print(1)", "print(1)");
    warm(&worker, "restore and run print(1), worker process", "print(1)");
    warm(&process, "restore and run print(1), process isolation", "print(1)");
    warm(&here, "restore and run print(sum(range(1000)))", "print(sum(range(1000)))");
    warm(&here, "restore and run json, re, statistics", JSON_CODE);
    warm(&process, "restore and run json, re, statistics, process isolation", JSON_CODE);
    tool_calls(here, "call_tool, C tool in process");
    tool_calls(worker, "call_tool, C tool through a worker process");
    tool_calls(process, "call_tool, C tool by process isolation");
    clo_image_close(image);
    return 0;
}
