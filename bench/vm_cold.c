/* vm_cold.c - times of the bare micro-VM, without a sandbox: usage: vm_cold IMAGE [ROUNDS]
 *
 * The guest runs the first request with which an image's hot list is recorded (print(1) for Python)
 * up to its first host call. Prints one line a figure: medians and 99th percentiles in µs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "image/image.h"
#include "vm/internal.h"

enum { ROUNDS_MAX = 10000 };

static double samples[6][ROUNDS_MAX];
static int rounds = 200;

static void must(int status, const struct clo_error *error)
{
    if (status) {
        fprintf(stderr, "vm_cold: %s\n%s\n", error->message, error->hint);
        exit(1);
    }
}

static double since_us(uint64_t start)
{
    return (double)(clo_monotonic_ns() - start) / 1000;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, double *of)
{
    qsort(of, (size_t)rounds, sizeof *of, compare);
    printf("%-44s median %8.1f  p99 %8.1f\n", name, of[rounds / 2], of[rounds * 99 / 100]);
}

static void run(struct clo_vm *vm)
{
    static struct clo_buffer request = CLO_BUFFER(CLO_MESSAGE_MAX);
    struct clo_control *control = clo_vm_control(vm);
    struct clo_vm_exit exit_;
    struct clo_error error;
    clo_image_request(&request, 0);
    memcpy(clo_vm_reply_area(vm), request.data, request.length);
    clo_vm_used_reply(vm, request.length);
    control->request_length = (uint32_t)request.length;
    control->memory_limit = vm->config.memory_limit;
    control->ns_per_tick = 1ull << 30; /* some clock that runs */
    clo_vm_start(vm);
    for (;;) {
        must(clo_vm_resume(vm, &exit_, &error), &error);
        if (exit_.kind != CLO_VM_HOST_CALL || control->op == CLO_OP_DONE)
            break;
        if (control->op == CLO_OP_GROW)
            control->status =
                clo_vm_grow(vm, (enum clo_region)control->args[0], control->args[1], &error) ? 1
                                                                                             : 0;
    }
    if (exit_.kind != CLO_VM_HOST_CALL) {
        fprintf(stderr, "vm_cold: the guest stopped: kind %d, vector %u, address %#llx, %s\n",
                exit_.kind, exit_.vector, (unsigned long long)exit_.fault_address, exit_.reason);
        exit(1);
    }
}

static void cold(const struct clo_image *image, bool hot, const char *name)
{
    struct clo_error error;
    struct clo_vm_config config = {.memory_limit = 256ull << 20, .one_shot = true};
    struct clo_image plain = *image;
    if (!hot)
        plain.header.hot_count = 0;
    for (int i = 0; i < rounds; i++) {
        struct clo_vm *vm;
        uint64_t start = clo_monotonic_ns();
        must(clo_vm_create(&vm, &plain, &config, &error), &error);
        samples[1][i] = since_us(start);
        run(vm);
        samples[0][i] = since_us(start);
        start = clo_monotonic_ns();
        clo_vm_destroy(vm);
        samples[2][i] = since_us(start);
    }
    char line[80];
    snprintf(line, sizeof line, "%s: creation to end of run", name);
    report(line, samples[0]);
    report("    of that creation", samples[1]);
    report("    destruction", samples[2]);
}

static void warm(const struct clo_image *image, bool fallback, const char *name)
{
    struct clo_error error;
    struct clo_vm_config config = {.memory_limit = 256ull << 20, .scan_fallback = fallback};
    struct clo_vm *vm;
    size_t pages = 0;
    must(clo_vm_create(&vm, image, &config, &error), &error);
    for (int i = -50; i < rounds; i++) {
        int at = i < 0 ? 0 : i;
        uint64_t start = clo_monotonic_ns();
        must(clo_vm_restore(vm, &pages, &error), &error);
        samples[1][at] = since_us(start);
        run(vm);
        samples[0][at] = since_us(start);
    }
    char line[80];
    snprintf(line, sizeof line, "%s: restore and run", name);
    report(line, samples[0]);
    report("    of that the restore", samples[1]);
    printf("    pages written back %zu\n", pages);
    clo_vm_destroy(vm);
}

int main(int argc, char **argv)
{
    struct clo_image *mapped, *copied;
    struct clo_error error;
    if (argc < 2) {
        fprintf(stderr, "usage: %s IMAGE [ROUNDS]\n", argv[0]);
        return 2;
    }
    if (argc > 2)
        rounds = atoi(argv[2]);
    if (rounds < 1 || rounds > ROUNDS_MAX)
        rounds = ROUNDS_MAX;
    uint64_t start = clo_monotonic_ns();
    must(clo_image_open(&mapped, argv[1], CLO_IMAGE_MAP, &error), &error);
    printf("open, mapped %.0f us; ", since_us(start));
    start = clo_monotonic_ns();
    must(clo_image_open(&copied, argv[1], CLO_IMAGE_COPY, &error), &error);
    printf("copied and verified %.0f us; hot pages %u\n", since_us(start),
           mapped->header.hot_count);
    cold(mapped, false, "mapped, no hot list");
    cold(mapped, true, "mapped");
    cold(copied, false, "copied, no hot list");
    cold(copied, true, "copied");
    struct clo_vm *idle;
    struct clo_vm_config config = {.memory_limit = 256ull << 20, .one_shot = true};
    must(clo_vm_create(&idle, copied, &config, &error), &error);
    cold(copied, true, "copied, another vCPU alive");
    warm(copied, false, "warm");
    warm(copied, true, "warm, without PAGEMAP_SCAN");
    clo_vm_destroy(idle);
    clo_image_close(mapped);
    clo_image_close(copied);
    return 0;
}
