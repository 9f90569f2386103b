/* runner.c - the life of a runner's micro-VM between runs, and what a run is given. */
#include "sandbox/run/runner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "abi/cbor.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/run/fixed.h"
#include "sandbox/run/outcome.h"
#include "sandbox/run/run_loop.h"
#include "sandbox/run/tsc.h"
#include "sandbox/value/cbor.h"

#define MESSAGE_KEEP (1u << 20) /* bytes of message buffer that stay allocated between runs */

static int make_vm(struct clo_runner *runner, struct clo_error *error)
{
    runner->monotonic_shift_ns = 0;
    struct clo_vm_config config = {.isolation = runner->isolation, .memory_limit = runner->memory};
    struct clo_vm *vm = NULL;
    int status = clo_vm_create(&vm, runner->image, &config, error);
    if (!status) {
        runner->used = runner->broken = runner->lasting = runner->frozen = false;
        atomic_store(&runner->vm, vm);
    }
    return status;
}

static void drop_vm(struct clo_runner *runner)
{
    struct clo_vm *vm = atomic_exchange(&runner->vm, NULL);
    if (vm)
        clo_vm_destroy(vm);
}

int clo_runner_create(struct clo_runner **result, const struct clo_image *image,
                      enum clo_isolation isolation, uint64_t memory, const char *manifest,
                      size_t manifest_length, struct clo_error *error)
{
    *result = NULL;
    clo_tsc_begin(); /* the micro-VM takes about as long to make as the first measurement */
    struct clo_runner *runner = calloc(1, sizeof *runner);
    if (!runner)
        return clo_fail_memory(error);
    runner->image = image;
    runner->isolation = isolation;
    runner->memory = memory;
    runner->manifest = manifest;
    runner->manifest_length = manifest_length;
    runner->message = CLO_BUFFER(CLO_MESSAGE_MAX);
    runner->reply.data = CLO_BUFFER(CLO_MESSAGE_MAX);
    int status = make_vm(runner, error);
    if (status) {
        clo_runner_destroy(runner);
        return status;
    }
    *result = runner;
    return 0;
}

void clo_runner_destroy(struct clo_runner *runner)
{
    if (!runner)
        return;
    drop_vm(runner);
    clo_run_files_close(&runner->files);
    clo_buffer_free(&runner->message);
    clo_buffer_free(&runner->reply.data);
    free(runner);
}

int clo_runner_inherit(struct clo_runner *runner, struct clo_error *error)
{
    return clo_vm_inherit(runner->vm, error);
}

void clo_runner_kick(struct clo_runner *runner)
{
    struct clo_vm *vm = atomic_load(&runner->vm);
    if (vm)
        clo_vm_kick(vm);
}

/* Have a micro-VM in the state in which the run shall begin. */
static int prepare_vm(struct clo_runner *runner, bool keep_state, struct clo_error *error)
{
    runner->frozen = false;
    if (runner->broken)
        drop_vm(runner);
    if (!runner->vm)
        return make_vm(runner, error);
    if (keep_state && runner->used && runner->lasting)
        return 0;
    runner->monotonic_shift_ns = 0;
    if (!runner->used)
        return 0;
    if (clo_vm_restore(runner->vm, NULL, error) == 0) {
        runner->used = false;
        return 0;
    }
    drop_vm(runner); /* a new one is as good, and slower */
    return make_vm(runner, error);
}

int clo_runner_clean(struct clo_runner *runner, struct clo_error *error)
{
    return prepare_vm(runner, false, error);
}

void clo_runner_forget_state(struct clo_runner *runner)
{
    runner->lasting = false;
    if (prepare_vm(runner, false, NULL))
        runner->broken = true;
}

static void encode_arguments(struct clo_buffer *request, const struct clo_order *order)
{
    clo_cbor_put_string(request, "arguments");
    clo_cbor_put_list(request, order->argument_count);
    for (size_t i = 0; i < order->argument_count; i++)
        clo_cbor_put_bytes(request, order->arguments[i], strlen(order->arguments[i]));
}

/* The manifest is a list. How many are in it; *head: bytes before the first. 0: it is not well-formed. */
static uint64_t manifest_count(const char *manifest, size_t length, size_t *head)
{
    struct clo_cbor_head list = {0};
    *head = clo_cbor_head_read(&list, (const uint8_t *)manifest, length);
    return *head && list.major == CLO_CBOR_ARRAY && list.argument <= CLO_TOOLS_MAX ? list.argument
                                                                                   : 0;
}

/* One list of both. */
static void encode_tools(struct clo_buffer *request, const struct clo_runner *runner,
                         const struct clo_order *order)
{
    size_t head, more_head;
    uint64_t count = manifest_count(runner->manifest, runner->manifest_length, &head);
    uint64_t more = manifest_count(order->more_tools, order->more_tools_length, &more_head);
    clo_cbor_put_list(request, count + more);
    if (count)
        clo_buffer_append(request, runner->manifest + head, runner->manifest_length - head);
    if (more)
        clo_buffer_append(request, order->more_tools + more_head,
                          order->more_tools_length - more_head);
}

static int encode_request(struct clo_runner *runner, const struct clo_order *order,
                          struct clo_error *error)
{
    struct clo_buffer *request = &runner->message;
    clo_buffer_reset(request);
    clo_cbor_put_map(request, 3 + order->has_input + order->wants_result +
                                  (order->argument_count > 0) + (order->repair != CLO_REPAIR_NONE) +
                                  (order->fixed.timezone != NULL));
    clo_cbor_put_string(request, "code");
    clo_cbor_put_text(request, order->code, order->code_length);
    clo_cbor_put_string(request, "name");
    clo_cbor_put_string(request, order->name);
    clo_cbor_put_string(request, "tools");
    if (order->no_tools)
        clo_cbor_put_list(request, 0);
    else if (order->more_tools)
        encode_tools(request, runner, order);
    else
        clo_buffer_append(request, runner->manifest, runner->manifest_length);
    if (order->has_input) {
        clo_cbor_put_string(request, "input");
        clo_cbor_put_bool(request, true);
    }
    if (order->wants_result) {
        clo_cbor_put_string(request, "result");
        clo_cbor_put_bool(request, true);
    }
    if (order->argument_count)
        encode_arguments(request, order);
    if (order->repair != CLO_REPAIR_NONE) {
        clo_cbor_put_string(request, "repair");
        clo_cbor_put_integer(request, order->repair);
    }
    if (order->fixed.timezone) {
        clo_cbor_put_string(request, "timezone");
        clo_cbor_put_string(request, order->fixed.timezone);
    }
    if (request->no_memory)
        return clo_fail_memory(error);
    if (request->failed)
        return clo_fail(
            error, CLO_EINVALID,
            "the code has %zu bytes; with its arguments and the tools' descriptions it must fit in %llu",
            order->code_length, CLO_MESSAGE_MAX);
    return 0;
}

static int draw_seed(struct clo_runner *runner)
{
    if (!runner->has_seed && getrandom(runner->seed, sizeof runner->seed, 0) != sizeof runner->seed)
        return -1;
    runner->has_seed = true;
    return 0;
}

static int write_request(struct clo_runner *runner, const struct clo_order *order,
                         struct clo_error *error)
{
    int status = encode_request(runner, order, error);
    if (status)
        return status;
    struct clo_vm *vm = runner->vm;
    struct clo_control *control = clo_vm_control(vm);
    if (draw_seed(runner))
        return clo_fail_errno(error, CLO_ESYSTEM, "getrandom");
    memcpy(clo_vm_reply_area(vm), runner->message.data, runner->message.length);
    clo_vm_used_reply(vm, runner->message.length);
    memcpy(control->seed, runner->seed, sizeof runner->seed);
    runner->has_seed = false;
    control->request_length = (uint32_t)runner->message.length;
    control->run_flags = (order->write_through ? CLO_OUTPUT_WRITE_THROUGH : 0) |
                         (order->has_input ? CLO_INPUT_PRESENT : 0) |
                         (order->has_files ? CLO_FILES_PRESENT : 0);
    control->ns_per_tick = clo_tsc_rate();
    control->realtime_ns = clo_clock_ns(CLOCK_REALTIME);
    control->monotonic_ns = clo_monotonic_ns() + runner->monotonic_shift_ns;
    control->run_flags |= clo_fixed_give(&order->fixed, control);
    control->memory_limit = order->limits.memory;
    control->interrupt_reason[0] = '\0';
    control->output_length = 0;
    return 0;
}

static int prepare_thaw(struct clo_runner *runner, struct clo_error *error)
{
    if (!clo_runner_is_broken(runner) && runner->used && runner->frozen)
        return 0;
    return clo_fail(error, CLO_EINVALID, "there is no run that could go on");
}

static int check_order(struct clo_runner *runner, const struct clo_order *order,
                       struct clo_error *error)
{
    uint64_t granted = clo_vm_region_size(runner->vm, CLO_REGION_LINEAR) +
                       clo_vm_region_size(runner->vm, CLO_REGION_HEAP);
    if (order->limits.memory < granted)
        return clo_fail(error, CLO_EINVALID,
                        "limit memory is %llu bytes, but the guest has %llu before it runs",
                        (unsigned long long)order->limits.memory, (unsigned long long)granted);
    return 0;
}

/* Nothing of a run is in memory once it has ended. */
static void forget(struct clo_buffer *buffer)
{
    clo_buffer_wipe(buffer);
    if (buffer->capacity > MESSAGE_KEEP)
        clo_buffer_free(buffer);
}

int clo_runner_run(struct clo_runner *runner, const struct clo_order *order,
                   const struct clo_run_host *host, struct clo_run_result *result,
                   struct clo_error *error)
{
    int status =
        order->resume ? prepare_thaw(runner, error) : prepare_vm(runner, order->keep_state, error);
    if (!status)
        status = check_order(runner, order, error);
    if (!status && order->resume)
        clo_thaw_control(runner, order);
    else if (!status)
        status = write_request(runner, order, error);
    if (status)
        return status;
    runner->used = true;
    runner->lasting = runner->frozen = false;
    status = clo_run_loop_enter(runner, order, host, result, error);
    if (status && !runner->lasting)
        runner->broken = true;
    clo_run_files_close(&runner->files);
    forget(&runner->message);
    forget(&runner->reply.data);
    return status;
}

static int refuse_all(void *context, const struct clo_call *call, struct clo_call_reply *reply,
                      struct clo_error *error)
{
    (void)context;
    (void)call;
    (void)reply;
    return clo_fail(error, CLO_EGUEST, "a host call while warming up");
}

static void drop_output(void *context, enum clo_stream stream, const char *data, size_t length)
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

/* Each a millisecond or a few on a new micro-VM: who is warming may be wanted after any of them. */
static const char *const warm_programs[] = {
    "for i in range(3):\n    print(f'{i}: {i * i}')\ni",
    "import json\n"
    "rows = [{'a': i, 'b': str(i) * 3, 'c': i / 7} for i in range(50)]\n"
    "print(len(json.loads(json.dumps(rows))))",
    "import re\n"
    "print(re.findall(r'\\d+', 'a12 b345 c6 ' * 9)[:3], f'{sum(range(1000)):,}')",
    "try:\n"
    "    raise ValueError('x')\n"
    "except ValueError as error:\n"
    "    print(error)\n"
    "sorted([{'b': str(i)} for i in range(50)], key=lambda row: row['b'])[:1]",
};
enum { WARM_STEPS = sizeof warm_programs / sizeof *warm_programs };

bool clo_runner_warm_step(struct clo_runner *runner, unsigned step)
{
    if (step >= WARM_STEPS || clo_runner_is_broken(runner))
        return false;
    struct clo_run_host host = {.answer = refuse_all, .output = drop_output, .cancelled = never};
    struct clo_order order = {.code = warm_programs[step],
                              .code_length = strlen(warm_programs[step]),
                              .name = "warm.py",
                              .wants_result = true};
    struct clo_limits wanted = {.wall_ms = 5000, .memory = runner->memory};
    struct clo_run_result *result = calloc(1, sizeof *result);
    bool done = result && clo_limits_resolve(&order.limits, &wanted, NULL, NULL) == 0 &&
                clo_runner_run(runner, &order, &host, result, NULL) == 0 &&
                prepare_vm(runner, false, NULL) == 0;
    clo_result_free(result);
    return done;
}

void clo_runner_warm(struct clo_runner *runner)
{
    for (unsigned step = 0; clo_runner_warm_step(runner, step); step++)
        ;
}

bool clo_runner_is_broken(const struct clo_runner *runner)
{
    return runner->broken || !runner->vm;
}

void clo_runner_rest(struct clo_runner *runner)
{
    (void)draw_seed(runner); /* a failure shows in the run */
}

void clo_runner_settle(struct clo_runner *runner)
{
    clo_runner_rest(runner);
    bool fresh = clo_runner_is_broken(runner);
    if (prepare_vm(runner, false, NULL) == 0 && fresh)
        clo_runner_warm(runner);
}

int clo_runner_prime(struct clo_runner *runner, struct clo_error *error)
{
    return clo_vm_prime(runner->vm, error);
}
