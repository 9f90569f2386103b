/* suspend_code.c - what the host keeps of a run, as bytes and back.
 *
 *   [struct code][calls: struct call_code, bytes]…[files][places][stdout][stderr]
 *
 * In the order of this machine's bytes, as all of a snapshot's file is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/suspend/suspend.h"

#define HAS_INPUT 1u
#define NO_TOOLS 2u
#define HAS_CLOCK 4u
#define NOTES_MAX 4096u /* of lines of the host's own in what was printed (capture.c) */
#define PLACES_MAX (CLO_RUN_MOUNTS_MAX * (CLO_FILE_PATH_MAX + 16u))

struct code {
    struct clo_limits limits;
    struct clo_run_used used;
    uint64_t submitted, input_taken;
    uint64_t places_length, out_length, err_length;
    uint32_t flags, call_count, file_count, given;
};
_Static_assert(sizeof(struct clo_limits) == 10 * 8, "no padding");
_Static_assert(sizeof(struct clo_run_used) == 7 * 8, "no padding");

struct call_code {
    uint32_t id, status, length, zero;
    char tool[CLO_TOOL_NAME_MAX + 8]; /* NUL-terminated */
};

/* ---- out ---- */

static int put_calls(const struct clo_suspended *suspended, clo_keep_put put, void *to,
                     struct clo_error *error)
{
    int status = 0;
    for (size_t i = 0; i < suspended->call_count && !status; i++) {
        const struct clo_kept_call *call = &suspended->calls[i];
        struct call_code code = {
            .id = call->id, .status = call->status, .length = (uint32_t)call->length};
        memcpy(code.tool, call->tool, sizeof call->tool);
        status = put(to, &code, sizeof code, error);
        if (!status && call->length)
            status = put(to, call->bytes, call->length, error);
    }
    return status;
}

int clo_suspended_put(const struct clo_suspended *suspended, clo_keep_put put, void *to,
                      struct clo_error *error)
{
    struct code code = {.limits = suspended->limits,
                        .used = suspended->used,
                        .submitted = suspended->submitted,
                        .input_taken = suspended->input_taken,
                        .places_length = suspended->places_length,
                        .out_length = suspended->out_length,
                        .err_length = suspended->err_length,
                        .flags = (suspended->has_input ? HAS_INPUT : 0) |
                                 (suspended->no_tools ? NO_TOOLS : 0) |
                                 (suspended->has_clock ? HAS_CLOCK : 0),
                        .call_count = (uint32_t)suspended->call_count,
                        .file_count = (uint32_t)suspended->file_count,
                        .given = suspended->given};
    int status = put(to, &code, sizeof code, error);
    if (!status)
        status = put_calls(suspended, put, to, error);
    if (!status)
        status = put(to, suspended->files, suspended->file_count * sizeof *suspended->files, error);
    if (!status)
        status = put(to, suspended->places, suspended->places_length, error);
    if (!status)
        status = put(to, suspended->out, suspended->out_length, error);
    return status ? status : put(to, suspended->err, suspended->err_length, error);
}

/* ---- in ---- */

static int check_code(const struct code *code, struct clo_error *error)
{
    struct clo_limits limits;
    int status = clo_limits_resolve(&limits, &code->limits, NULL, error);
    if (status)
        return status;
    uint64_t most = code->limits.output + NOTES_MAX;
    if (memcmp(&limits, &code->limits, sizeof limits) != 0 || code->out_length > most ||
        code->err_length > most - code->out_length || code->places_length > PLACES_MAX ||
        code->call_count > CLO_PENDING_CALLS_MAX || code->file_count > CLO_FILES_OPEN_MAX ||
        (code->flags & ~(HAS_INPUT | NO_TOOLS | HAS_CLOCK)))
        return clo_fail(error, CLO_EINVALID,
                        "what the snapshot says of its run cannot be: %u calls, %u files, %llu and "
                        "%llu bytes of output",
                        code->call_count, code->file_count, (unsigned long long)code->out_length,
                        (unsigned long long)code->err_length);
    return 0;
}

static int get_bytes(clo_keep_get get, void *from, size_t length, uint8_t **bytes,
                     struct clo_error *error)
{
    *bytes = malloc(length + 1);
    if (!*bytes)
        return clo_fail_memory(error);
    return length ? get(from, *bytes, length, error) : 0;
}

static int get_text(clo_keep_get get, void *from, uint64_t length, char **text, size_t *has,
                    struct clo_error *error)
{
    uint8_t *bytes = NULL;
    int status = get_bytes(get, from, (size_t)length, &bytes, error);
    *text = (char *)bytes;
    *has = (size_t)length;
    return status;
}

static bool is_known(const struct clo_suspended *suspended, uint32_t id)
{
    for (size_t i = 0; i < suspended->call_count; i++)
        if (suspended->calls[i].id == id)
            return true;
    return false;
}

static int get_call(struct clo_suspended *suspended, clo_keep_get get, void *from, uint64_t *left,
                    struct clo_error *error)
{
    struct clo_kept_call *call = &suspended->calls[suspended->call_count];
    struct call_code code;
    int status = get(from, &code, sizeof code, error);
    if (status)
        return status;
    bool open = code.status == CLO_CALL_SUSPENDED || code.status == CLO_CALL_PENDING;
    if (!code.id || code.id == CLO_WAIT_NONE || is_known(suspended, code.id) ||
        (!open && code.status != CLO_CALL_OK && code.status != CLO_CALL_ERROR &&
         code.status != CLO_CALL_INTERRUPTED) ||
        code.length > CLO_MESSAGE_MAX || code.length > *left ||
        strnlen(code.tool, sizeof code.tool) > CLO_TOOL_NAME_MAX)
        return clo_fail(error, CLO_EINVALID,
                        "call %u of the snapshot's run has the status %u and %u bytes, which "
                        "cannot be",
                        code.id, code.status, code.length);
    *left -= code.length;
    *call = (struct clo_kept_call){.id = code.id, .status = code.status, .length = code.length};
    memcpy(call->tool, code.tool, sizeof call->tool);
    suspended->call_count++;
    return get_bytes(get, from, code.length, &call->bytes, error);
}

static int get_calls(struct clo_suspended *suspended, uint32_t count, clo_keep_get get, void *from,
                     struct clo_error *error)
{
    uint64_t left = CLO_SUSPENDED_CALLS_MAX;
    int status = 0;
    suspended->calls = calloc(count + 1, sizeof *suspended->calls);
    if (!suspended->calls)
        return clo_fail_memory(error);
    for (uint32_t i = 0; i < count && !status; i++)
        status = get_call(suspended, get, from, &left, error);
    return status;
}

static int get_rest(struct clo_suspended *suspended, const struct code *code, clo_keep_get get,
                    void *from, struct clo_error *error)
{
    int status = get_calls(suspended, code->call_count, get, from, error);
    suspended->file_count = code->file_count;
    if (!status && code->file_count)
        status = get(from, suspended->files, code->file_count * sizeof *suspended->files, error);
    if (!status)
        status = get_text(get, from, code->places_length, &suspended->places,
                          &suspended->places_length, error);
    if (!status)
        status =
            get_text(get, from, code->out_length, &suspended->out, &suspended->out_length, error);
    if (!status)
        status =
            get_text(get, from, code->err_length, &suspended->err, &suspended->err_length, error);
    return status;
}

int clo_suspended_get(struct clo_suspended *suspended, clo_keep_get get, void *from,
                      struct clo_error *error)
{
    struct code code;
    *suspended = (struct clo_suspended){0};
    int status = get(from, &code, sizeof code, error);
    if (!status)
        status = check_code(&code, error);
    if (status)
        return status;
    suspended->limits = code.limits;
    suspended->used = code.used;
    suspended->has_input = code.flags & HAS_INPUT;
    suspended->no_tools = code.flags & NO_TOOLS;
    suspended->has_clock = code.flags & HAS_CLOCK;
    suspended->submitted = code.submitted;
    suspended->input_taken = code.input_taken;
    suspended->given = code.given;
    status = get_rest(suspended, &code, get, from, error);
    if (status)
        clo_suspended_clear(suspended);
    return status;
}
