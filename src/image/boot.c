/* boot.c - let a guest run while an image is made: until it is ready, or one run to its end.
 *
 * Clocks, seed and limit are the same every time and the clocks stand still, so that the same guest
 * makes the same image, byte for byte. No tools can be called here.
 */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "image/image.h"
#include "sandbox/run/output_records.h"
#include "vm/internal.h"

#define BOOT_REALTIME_NS (1700000000ull * 1000000000ull)
#define BOOT_MONOTONIC_NS 1000000000ull
#define BOOT_SEED 0x5c
#define BOOT_WALL_NS (120ull * 1000000000ull)
#define BOOT_OUTPUT_MAX (1u << 20)
#define GUEST_PART 256 /* of the control page: what the guest writes */

struct session {
    struct clo_vm *vm;
    const char *path;        /* of the guest, for messages */
    bool request;            /* this is a run, not the start */
    struct clo_control seen; /* copy of what the guest wrote for the current host call */
    struct clo_output_records output;
    struct clo_buffer out;  /* what it printed on stdout so far */
    struct clo_buffer said; /* on both streams: shown when it fails */
    struct clo_boot *boot;
    struct clo_error *error;
};

static void prepare(struct session *session, const struct clo_buffer *request)
{
    struct clo_control *control = clo_vm_control(session->vm);
    memset(control, 0, sizeof *control);
    control->realtime_ns = BOOT_REALTIME_NS;
    control->monotonic_ns = BOOT_MONOTONIC_NS;
    control->memory_limit = session->vm->config.memory_limit;
    memset(control->seed, BOOT_SEED, sizeof control->seed);
    if (!request)
        return;
    memcpy(clo_vm_reply_area(session->vm), request->data, request->length);
    control->request_length = (uint32_t)request->length;
    clo_vm_used_reply(session->vm, request->length);
}

static void keep_output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    struct session *session = context;
    clo_buffer_append(&session->said, data, length);
    if (stream == CLO_STDOUT)
        clo_buffer_append(&session->out, data, length);
}

static int take_output(struct session *session)
{
    struct clo_error why;
    if (clo_output_records_take(&session->output, clo_vm_output_area(session->vm),
                                session->seen.output_length, &why))
        return clo_fail(session->error, CLO_EGUEST, "guest %s: %s", session->path, why.message);
    return 0;
}

static int grow(struct session *session)
{
    struct clo_control *control = clo_vm_control(session->vm);
    uint64_t region = session->seen.args[0];
    if (region >= CLO_REGION_COUNT)
        return clo_fail(session->error, CLO_EGUEST, "guest %s: it asked to grow region %llu",
                        session->path, (unsigned long long)region);
    int status =
        clo_vm_grow(session->vm, (enum clo_region)region, session->seen.args[1], session->error);
    if (status && status != CLO_ELIMIT)
        return status;
    control->status = status ? 1 : 0;
    return 0;
}

/* A line "runtime: CPython 3.13.5" names what the image holds. */
static void find_runtime(struct session *session)
{
    static const char label[] = "runtime: ";
    struct clo_boot *boot = session->boot;
    strcpy(boot->runtime, "unknown");
    const char *line = session->out.data;
    while (line && strncmp(line, label, sizeof label - 1)) {
        line = strchr(line, '\n');
        if (line)
            line++;
    }
    if (!line)
        return;
    line += sizeof label - 1;
    snprintf(boot->runtime, sizeof boot->runtime, "%.*s", (int)strcspn(line, "\r\n"), line);
}

static int ready(struct session *session)
{
    const struct clo_control *seen = &session->seen;
    struct clo_boot *boot = session->boot;
    if (session->request)
        return clo_fail(session->error, CLO_EGUEST, "guest %s: it said twice that it is ready",
                        session->path);
    for (int i = 0; i < CLO_REGION_COUNT; i++) {
        uint64_t granted = clo_vm_region_size(session->vm, (enum clo_region)i);
        if (seen->region_size[i] > granted)
            return clo_fail(session->error, CLO_EGUEST,
                            "guest %s: it uses %llu bytes of region %d and was granted %llu",
                            session->path, (unsigned long long)seen->region_size[i], i,
                            (unsigned long long)granted);
    }
    if (seen->interrupt_count > CLO_INTERRUPT_STORES_MAX)
        return clo_fail(session->error, CLO_EGUEST,
                        "guest %s: it has %u interrupt stores, at most %d are possible",
                        session->path, seen->interrupt_count, CLO_INTERRUPT_STORES_MAX);
    boot->entry = seen->args[0];
    boot->interrupt_count = seen->interrupt_count;
    memcpy(boot->interrupts, seen->interrupts, boot->interrupt_count * sizeof *boot->interrupts);
    find_runtime(session);
    return 1;
}

/* 1: this was the end; 0: go on; negative: error. */
static int host_call(struct session *session)
{
    memcpy(&session->seen, clo_vm_control(session->vm), GUEST_PART);
    int status = take_output(session);
    if (status)
        return status;
    switch (session->seen.op) {
    case CLO_OP_READY: return ready(session);
    case CLO_OP_FLUSH: return 0;
    case CLO_OP_GROW: return grow(session);
    case CLO_OP_DONE:
        if (session->request)
            return 1;
        return clo_fail(session->error, CLO_EGUEST, "guest %s: it ended a run that nobody started",
                        session->path);
    case CLO_OP_EXIT:
        return clo_fail(session->error, CLO_EGUEST,
                        "guest %s: it exited with code %lld before it was ready", session->path,
                        (long long)session->seen.args[0]);
    case CLO_OP_TRAP:
        return clo_fail(session->error, CLO_EGUEST, "guest %s: it met a Wasm trap (number %llu)",
                        session->path, (unsigned long long)session->seen.args[0]);
    default:
        return clo_fail(session->error, CLO_EGUEST,
                        "guest %s: host call %u is not possible while an image is made",
                        session->path, session->seen.op);
    }
}

static int faulted(struct session *session, const struct clo_vm_exit *exit)
{
    return clo_fail(
        session->error, CLO_EGUEST,
        "guest %s: CPU exception %u at %#llx (error code %#llx, address %#llx, stack %#llx)",
        session->path, exit->vector, (unsigned long long)exit->rip,
        (unsigned long long)exit->error_code, (unsigned long long)exit->fault_address,
        (unsigned long long)exit->rsp);
}

static int serve(struct session *session)
{
    struct clo_vm_exit exit;
    for (;;) {
        int status = clo_vm_resume(session->vm, &exit, session->error);
        if (status)
            return status;
        switch (exit.kind) {
        case CLO_VM_HOST_CALL:
            status = host_call(session);
            if (status)
                return status < 0 ? status : 0;
            break;
        case CLO_VM_FAULT: return faulted(session, &exit);
        case CLO_VM_KICKED:
            return clo_fail(session->error, CLO_ELIMIT, "guest %s: it was not ready within %llu s",
                            session->path, BOOT_WALL_NS / 1000000000u);
        case CLO_VM_VIOLATION:
            return clo_fail(session->error, CLO_EGUEST, "guest %s: %s", session->path, exit.reason);
        }
    }
}

int clo_image_boot(struct clo_vm *vm, const char *path, const struct clo_buffer *request,
                   struct clo_boot *boot, struct clo_error *error)
{
    struct session session = {.vm = vm,
                              .path = path,
                              .request = request != NULL,
                              .boot = boot,
                              .error = error,
                              .out = CLO_BUFFER(BOOT_OUTPUT_MAX),
                              .said = CLO_BUFFER(BOOT_OUTPUT_MAX)};
    clo_output_records_begin(&session.output, keep_output, &session, BOOT_OUTPUT_MAX);
    prepare(&session, request);
    clo_vm_start(vm);
    int status = clo_vm_alarm(vm, BOOT_WALL_NS, 0, error);
    if (!status)
        status = serve(&session);
    int stopped = clo_vm_alarm(vm, 0, 0, status ? NULL : error);
    if (status && session.said.length)
        fwrite(session.said.data, 1, session.said.length, stderr);
    clo_buffer_free(&session.out);
    clo_buffer_free(&session.said);
    return status ? status : stopped;
}
