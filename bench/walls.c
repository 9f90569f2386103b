/* walls.c - what the two walls cost by themselves: `walls IMAGE TEST-GUEST`.
 *
 * In one process, without a worker: the host call alone (the tests' guest makes it in a row), print(1)
 * with the restore before it, and call_tool with a tool that answers at once. Not a placement that the product offers for process isolation:
 * it shows what a worker adds. Prints lines as measure.c does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../tests/vm/guest.h"
#include "base/clock.h"
#include "base/error.h"
#include "cloche/image.h"
#include "sandbox/run/limits.h"
#include "sandbox/run/runner.h"
#include "vm/vm.h"

enum { CALLS = 1000, ROUNDS = 200, WARM = 3000, WARM_UP = 200, TOOL_ROUNDS = 15 };

/* Times its own loop inside the guest, so that only the calls count. */
static const char TOOL_CODE[] = "import time\n"
                                "call_tool('echo', text='x')\n"
                                "start = time.perf_counter_ns()\n"
                                "for i in range(500): call_tool('echo', text='x')\n"
                                "print((time.perf_counter_ns() - start) / 500)";

#define MEMORY (256ull << 20)

static void must(int status, const struct clo_error *error)
{
    if (status) {
        fprintf(stderr, "walls: %s\n%s\n", error->message, error->hint);
        exit(1);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, enum clo_isolation isolation, double *samples, int count)
{
    qsort(samples, (size_t)count, sizeof *samples, compare);
    printf(
        "{\"name\": \"%s, %s\", \"unit\": \"us\", \"median\": %.3f, \"p99\": %.3f, \"count\": %d}\n",
        name, clo_isolation_name(isolation), samples[count / 2], samples[count * 99 / 100], count);
    fflush(stdout);
}

/* CALLS host calls in a row; us. */
static double calls(struct clo_vm *vm)
{
    struct guest_command command = {.magic = GUEST_MAGIC, .op = GUEST_CALLS, .a = CALLS};
    struct clo_control *control = clo_vm_control(vm);
    struct clo_vm_exit exit_ = {.kind = CLO_VM_HOST_CALL};
    struct clo_error error;
    memcpy(clo_vm_reply_area(vm), &command, sizeof command);
    clo_vm_used_reply(vm, sizeof command);
    control->request_length = sizeof command;
    clo_vm_start(vm);
    uint64_t start = clo_monotonic_ns();
    do
        must(clo_vm_resume(vm, &exit_, &error), &error);
    while (exit_.kind == CLO_VM_HOST_CALL && control->op != CLO_OP_DONE);
    double took = (double)(clo_monotonic_ns() - start) / 1000;
    must(exit_.kind == CLO_VM_HOST_CALL ? 0 : clo_fail(&error, CLO_EGUEST, "the guest faulted"),
         &error);
    must(clo_vm_restore(vm, NULL, &error), &error);
    return took;
}

static void bare(const struct clo_image *image, enum clo_isolation isolation)
{
    static double samples[ROUNDS];
    struct clo_vm_config config = {.isolation = isolation, .memory_limit = 64 << 20};
    struct clo_vm *vm;
    struct clo_error error;
    must(clo_vm_create(&vm, image, &config, &error), &error);
    for (int i = -10; i < ROUNDS; i++)
        samples[i < 0 ? 0 : i] = calls(vm) / CALLS;
    report("host call alone", isolation, samples, ROUNDS);
    clo_vm_destroy(vm);
}

/* Every tool's result is "x". */
static int answer(void *context, const struct clo_call *call, struct clo_call_reply *reply,
                  struct clo_error *error)
{
    (void)context;
    *reply = (struct clo_call_reply){.status = CLO_CALL_OK, .id = call->id, .data = reply->data};
    clo_buffer_reset(&reply->data);
    clo_buffer_append(&reply->data, "\x61x", 2); /* CBOR: a text of one byte */
    return reply->data.failed ? clo_fail_memory(error) : 0;
}

struct output {
    char text[64];
    size_t length;
};

static void keep(void *context, enum clo_stream stream, const char *data, size_t length)
{
    struct output *output = context;
    (void)stream;
    if (length < sizeof output->text - output->length) {
        memcpy(output->text + output->length, data, length);
        output->length += length;
    }
}

static bool never(void *context)
{
    (void)context;
    return false;
}

/* Run once; what it printed, as a number. */
static double once(struct clo_runner *runner, const char *code)
{
    struct output output = {.length = 0};
    const struct clo_run_host host = {
        .answer = answer, .output = keep, .cancelled = never, .context = &output};
    struct clo_order order = {.code = code, .code_length = strlen(code), .name = "main.py"};
    struct clo_limits wanted = {.memory = MEMORY};
    struct clo_run_result *result = calloc(1, sizeof *result);
    struct clo_error error;
    must(clo_limits_resolve(&order.limits, &wanted, NULL, &error), &error);
    must(clo_runner_run(runner, &order, &host, result, &error), &error);
    must(result->error.kind ? clo_fail(&error, CLO_EGUEST, "%s", result->error.message) : 0,
         &error);
    clo_run_result_free(result);
    return strtod(output.text, NULL);
}

static void runs(const struct clo_image *image, enum clo_isolation isolation)
{
    static double samples[WARM];
    static const char no_tools[] = "\x80"; /* CBOR: an empty list */
    struct clo_runner *runner;
    struct clo_error error;
    must(clo_runner_create(&runner, image, isolation, MEMORY, no_tools, 1, &error), &error);
    for (int i = -WARM_UP; i < WARM; i++) {
        uint64_t start = clo_monotonic_ns();
        (void)once(runner, "print(1)");
        samples[i < 0 ? 0 : i] = (double)(clo_monotonic_ns() - start) / 1000;
    }
    report("restore and run print(1), without a worker", isolation, samples, WARM);
    for (int i = 0; i < TOOL_ROUNDS; i++)
        samples[i] = once(runner, TOOL_CODE) / 1000;
    report("call_tool, without a worker", isolation, samples, TOOL_ROUNDS);
    clo_runner_destroy(runner);
}

int main(int argc, char **argv)
{
    struct clo_error error;
    struct clo_image *image, *guest;
    char path[] = "/tmp/cloche-walls-XXXXXX";
    int file = argc == 3 ? mkstemp(path) : -1;
    if (file < 0) {
        fputs("Usage: walls IMAGE TEST-GUEST\n", stderr);
        return 2;
    }
    close(file);
    must(clo_image_build(argv[2], path, NULL, CLO_ISOLATION_PROCESS, &error), &error);
    must(clo_image_open(&guest, path, CLO_IMAGE_COPY, &error), &error);
    unlink(path);
    must(clo_image_open(&image, argv[1], CLO_IMAGE_COPY, &error), &error);
    for (enum clo_isolation isolation = CLO_ISOLATION_MICROVM; isolation <= CLO_ISOLATION_PROCESS;
         isolation++) {
        bare(guest, isolation);
        runs(image, isolation);
    }
    clo_image_close(guest);
    clo_image_close(image);
    return 0;
}
