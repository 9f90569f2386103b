/* suspend.c - see suspend.h. */
#include "sandbox/suspend/suspend.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/value/cbor.h"

#define NS_PER_MS 1000000u

void clo_suspended_clear(struct clo_suspended *suspended)
{
    for (size_t i = 0; i < suspended->call_count; i++)
        free(suspended->calls[i].bytes);
    free(suspended->calls);
    free(suspended->places);
    free(suspended->out);
    free(suspended->err);
    *suspended = (struct clo_suspended){0};
}

/* ---- a run is suspended ---- */

static int take_bytes(struct clo_kept_call *kept, struct clo_buffer *bytes, struct clo_error *error)
{
    kept->bytes = (uint8_t *)clo_buffer_take(bytes, &kept->length);
    return kept->bytes ? 0 : clo_fail_memory(error);
}

static int collect_call(void *context, struct clo_pending_call *pending, struct clo_error *error)
{
    struct clo_suspended *suspended = context;
    struct clo_kept_call *calls =
        realloc(suspended->calls, (suspended->call_count + 1) * sizeof *calls);
    if (!calls)
        return clo_fail_memory(error);
    suspended->calls = calls;
    struct clo_kept_call *kept = &calls[suspended->call_count];
    bool open = pending->status == CLO_CALL_SUSPENDED || pending->status == CLO_CALL_PENDING;
    *kept = (struct clo_kept_call){.id = pending->id, .status = pending->status};
    suspended->call_count++;
    struct clo_buffer bytes = CLO_BUFFER(CLO_MESSAGE_MAX);
    int status = 0;
    if (open) {
        strncpy(kept->tool, clo_tool_entry_name(pending->arguments.tool), CLO_TOOL_NAME_MAX);
        status = clo_cbor_encode(&bytes, &pending->arguments.value, error);
    } else if (clo_buffer_append(&bytes, pending->reply.data, pending->reply.length)) {
        status = clo_fail_memory(error);
    }
    if (!status)
        status = take_bytes(kept, &bytes, error);
    clo_buffer_free(&bytes);
    return status;
}

static int by_id(const void *one, const void *other)
{
    uint32_t a = ((const struct clo_kept_call *)one)->id;
    uint32_t b = ((const struct clo_kept_call *)other)->id;
    return (a > b) - (a < b);
}

/* Those that have ended stay in the order in which they did, which the guest gets them in. */
static void sort_open(struct clo_suspended *suspended)
{
    size_t open = 0;
    while (open < suspended->call_count && suspended->calls[open].status == CLO_CALL_SUSPENDED)
        open++;
    if (open)
        qsort(suspended->calls, open, sizeof *suspended->calls, by_id);
}

static int list_places(const struct clo_mounts *mounts, char **places, size_t *length,
                       struct clo_error *error)
{
    size_t total = 0;
    for (size_t i = 0; i < mounts->count; i++)
        total += strlen(mounts->all[i].place) + 2;
    char *at = *places = malloc(total + 1);
    *length = total;
    if (!at)
        return clo_fail_memory(error);
    for (size_t i = 0; i < mounts->count; i++) {
        size_t part = strlen(mounts->all[i].place) + 1;
        *at++ = mounts->all[i].name ? 'f' : 'd'; /* a file, a folder */
        memcpy(at, mounts->all[i].place, part);
        at += part;
    }
    return 0;
}

static int check_length(const struct clo_suspended *suspended, struct clo_error *error)
{
    uint64_t length = 0;
    for (size_t i = 0; i < suspended->call_count; i++)
        length += suspended->calls[i].length;
    if (length <= CLO_SUSPENDED_CALLS_MAX)
        return 0;
    return clo_fail(
        error, CLO_ELIMIT,
        "the calls and replies that wait have %llu MiB; a suspended run may have %llu MiB "
        "of them: fetch replies before the call that suspends it",
        (unsigned long long)(length >> 20), (unsigned long long)(CLO_SUSPENDED_CALLS_MAX >> 20));
}

void clo_suspended_collect(struct clo_suspended *suspended, const struct clo_host_calls *calls,
                           const struct clo_order *order, const struct clo_mounts *mounts,
                           const struct clo_run_used *used)
{
    struct clo_error why;
    struct clo_host_calls_kept kept;
    clo_host_calls_keep(calls, &kept);
    clo_suspended_clear(suspended);
    suspended->limits = order->limits;
    suspended->accounted = used != NULL;
    if (used)
        suspended->used = *used;
    suspended->has_input = order->has_input;
    suspended->no_tools = order->no_tools;
    suspended->has_clock = order->fixed.has_clock;
    suspended->submitted = kept.submitted;
    suspended->input_taken = kept.input_taken;
    suspended->file_count = clo_files_keep(kept.files, suspended->files, &suspended->given);
    int status = list_places(mounts, &suspended->places, &suspended->places_length, &why);
    if (!status)
        status = clo_pending_calls_each(kept.pending_calls, collect_call, suspended, &why);
    if (!status)
        status = check_length(suspended, &why);
    if (!status) {
        sort_open(suspended);
        return;
    }
    clo_suspended_clear(suspended);
    suspended->failure = why;
}

int clo_suspended_tell(const struct clo_suspended *suspended, struct clo_run_result *result,
                       struct clo_error *error)
{
    int status = 0;
    result->calls = calloc(suspended->call_count + 1, sizeof *result->calls);
    if (!result->calls)
        return clo_fail_memory(error);
    for (size_t i = 0; i < suspended->call_count && !status; i++) {
        const struct clo_kept_call *kept = &suspended->calls[i];
        if (kept->status != CLO_CALL_SUSPENDED)
            continue;
        struct clo_suspended_call *call = &result->calls[result->call_count++];
        call->id = kept->id;
        call->tool = strdup(kept->tool);
        status = call->tool ? clo_cbor_decode(&call->arguments, kept->bytes, kept->length, error)
                            : clo_fail_memory(error);
    }
    return status;
}

void clo_suspended_calls_forget(struct clo_run_result *result)
{
    for (size_t i = 0; i < result->call_count; i++) {
        free(result->calls[i].tool);
        clo_value_clear(&result->calls[i].arguments);
    }
    free(result->calls);
    result->calls = NULL;
    result->call_count = 0;
}

/* ---- it goes on ---- */

static const struct clo_kept_call *find_open(const struct clo_suspended *suspended, uint32_t id)
{
    for (size_t i = 0; i < suspended->call_count; i++)
        if (suspended->calls[i].id == id && suspended->calls[i].status == CLO_CALL_SUSPENDED)
            return &suspended->calls[i];
    return NULL;
}

static int check_answer(const struct clo_suspended *suspended, const struct clo_run_resume *resume,
                        size_t number, struct clo_error *error)
{
    const struct clo_answer *answer = &resume->answers[number];
    if (!find_open(suspended, answer->id))
        return clo_fail(error, CLO_EINVALID,
                        "answer %zu is for call %u, which the suspended run does not wait for",
                        number, answer->id);
    for (size_t i = 0; i < number; i++)
        if (resume->answers[i].id == answer->id)
            return clo_fail(error, CLO_EINVALID, "answers %zu and %zu are both for call %u", i,
                            number, answer->id);
    if ((answer->value == NULL) == (answer->error == NULL))
        return clo_fail(error, CLO_EINVALID,
                        "answer %zu has %s; it has either a value or the message of an error",
                        number, answer->value ? "both" : "neither");
    if (answer->error && !clo_utf8_strict(answer->error, strlen(answer->error)))
        return clo_fail(error, CLO_EINVALID, "the message of answer %zu is not UTF-8", number);
    return 0;
}

int clo_suspended_check(const struct clo_suspended *suspended, const struct clo_run *run,
                        struct clo_error *error)
{
    const struct clo_run_resume *resume = run->resume;
    size_t open = 0;
    int status = 0;
    if (run->input && !run->on_input && suspended->input_taken > run->input_length)
        return clo_fail(error, CLO_EINVALID,
                        "the input has %zu bytes, and the suspended run has read %llu of it: give "
                        "it the same one, or none",
                        run->input_length, (unsigned long long)suspended->input_taken);
    if (!resume->answers && resume->answer_count)
        return clo_fail(error, CLO_EINVALID, "answers is NULL, but there are %zu",
                        resume->answer_count);
    for (size_t i = 0; i < suspended->call_count; i++)
        open += suspended->calls[i].status == CLO_CALL_SUSPENDED;
    for (size_t i = 0; i < resume->answer_count && !status; i++)
        status = check_answer(suspended, resume, i, error);
    if (!status && resume->answer_count != open)
        status = clo_fail(error, CLO_EINVALID,
                          "%zu answers for the %zu calls that the suspended run waits for",
                          resume->answer_count, open);
    return status;
}

bool clo_suspended_elsewhere(const struct clo_suspended *suspended, const struct clo_mounts *mounts)
{
    char *places;
    size_t length;
    if (list_places(mounts, &places, &length, NULL))
        return true; /* to ask for them once more does no harm */
    bool same = length == suspended->places_length &&
                (!length || memcmp(places, suspended->places, length) == 0);
    free(places);
    return !same;
}

static bool has_ended(const struct clo_kept_call *kept)
{
    return kept->status != CLO_CALL_SUSPENDED && kept->status != CLO_CALL_PENDING;
}

static int put_call(struct clo_pending_calls *calls, const struct clo_kept_call *kept,
                    const struct clo_answer *answer, size_t limit, struct clo_error *error)
{
    struct clo_pending_call *pending = clo_pending_call_create(calls, kept->id, error);
    if (!pending)
        return CLO_EINVALID;
    pending->reply = CLO_BUFFER(limit);
    pending->status =
        answer ? clo_tool_call_answer(kept->tool, answer, &pending->reply) : kept->status;
    if (!answer && clo_buffer_append(&pending->reply, kept->bytes, kept->length)) {
        clo_pending_call_drop(pending);
        return clo_fail_memory(error);
    }
    clo_pending_call_put(pending);
    return 0;
}

/* Until when a tool may take: the rest of the run's wall time, or of that of its tools. */
static uint64_t tool_deadline(const struct clo_suspended *suspended)
{
    const struct clo_run_used *used = &suspended->used;
    uint64_t wall = used->wall_end_ns > used->wall_ns ? used->wall_end_ns - used->wall_ns : 0;
    uint64_t tools = suspended->limits.tool_ms * NS_PER_MS;
    tools = tools > used->tool_ns ? tools - used->tool_ns : 0;
    return clo_monotonic_ns() + (tools > wall ? tools : wall);
}

static int submit_anew(const struct clo_suspended *suspended, struct clo_host_calls *calls,
                       const struct clo_run *run, struct clo_error *error)
{
    uint64_t deadline = tool_deadline(suspended);
    int status = 0;
    for (size_t i = 0; i < suspended->call_count && !status; i++) {
        const struct clo_kept_call *kept = &suspended->calls[i];
        struct clo_host_call_again again = {.id = kept->id,
                                            .tool = kept->tool,
                                            .arguments = kept->bytes,
                                            .length = kept->length,
                                            .deadline_ns = deadline,
                                            .may_suspend = run->suspend != NULL};
        if (kept->status == CLO_CALL_PENDING)
            status = clo_host_calls_again(calls, &again, error);
    }
    return status;
}

int clo_suspended_go_on(const struct clo_suspended *suspended, struct clo_host_calls *calls,
                        const struct clo_run *run, struct clo_error *error)
{
    const struct clo_run_resume *resume = run->resume;
    struct clo_host_calls_kept kept;
    clo_host_calls_keep(calls, &kept);
    kept.submitted = suspended->submitted;
    kept.input_taken = suspended->input_taken;
    clo_host_calls_go_on(calls, &kept);
    int status = clo_files_reopen(kept.files, suspended->files, suspended->file_count,
                                  suspended->given, error);
    for (size_t i = 0; i < suspended->call_count && !status; i++)
        if (has_ended(&suspended->calls[i]))
            status =
                put_call(kept.pending_calls, &suspended->calls[i], NULL, CLO_MESSAGE_MAX, error);
    for (size_t i = 0; i < resume->answer_count && !status; i++)
        status = put_call(kept.pending_calls, find_open(suspended, resume->answers[i].id),
                          &resume->answers[i], suspended->limits.host_call_bytes, error);
    return status ? status : submit_anew(suspended, calls, run, error);
}
