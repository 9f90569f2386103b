/* tool_call.c - a tool call's message is read, its tool called, the reply written. */
#include "sandbox/call/tool_call.h"

#include <stdatomic.h>

#include "abi/hostcall.h"
#include "base/error.h"
#include "sandbox/run/run.h"
#include "sandbox/value/cbor.h"
#include "sandbox/value/value.h"

void clo_tool_call_message(struct clo_buffer *data, const char *message)
{
    size_t limit = data->limit;
    data->limit = CLO_MESSAGE_MAX; /* a run may allow less than a complaint needs */
    clo_buffer_reset(data);
    clo_cbor_put_map(data, 1);
    clo_cbor_put_string(data, "message");
    clo_cbor_put_string(data, message);
    data->limit = limit;
}

uint32_t clo_tool_call_error(struct clo_buffer *data, const struct clo_error *error)
{
    clo_tool_call_message(data, error->message);
    return CLO_CALL_ERROR;
}

static atomic_ullong large_bytes; /* held by large arguments now */

static bool hold(size_t bytes)
{
    if (bytes <= CLO_ARGUMENTS_SMALL ||
        atomic_fetch_add(&large_bytes, bytes) + bytes <= CLO_ARGUMENTS_LARGE_MAX)
        return true;
    atomic_fetch_sub(&large_bytes, bytes);
    return false;
}

void clo_tool_call_clear(struct clo_tool_call *arguments)
{
    clo_value_clear(&arguments->value);
    if (arguments->bytes > CLO_ARGUMENTS_SMALL)
        atomic_fetch_sub(&large_bytes, arguments->bytes);
    clo_run_tools_release(arguments->own);
    *arguments = (struct clo_tool_call){0};
}

static int take_arguments(struct clo_tool_call *arguments, const struct clo_tool_set *tools,
                          struct clo_run_tools *own, const struct clo_value *name,
                          struct clo_value *value, struct clo_error *error)
{
    if (clo_value_type(name) != CLO_TEXT || clo_value_type(value) != CLO_MAP)
        return clo_fail(error, CLO_EINVALID, "a tool call is not [name, {argument: value}]");
    const struct clo_tool_entry *tool =
        clo_tool_set_find(tools, own ? own->set : NULL, name, error);
    int status = tool ? clo_tool_check_arguments(tool, value, error) : CLO_ENOTFOUND;
    if (status)
        return status;
    size_t bytes = clo_value_footprint(value);
    if (!hold(bytes))
        return clo_fail(
            error, CLO_EBUSY,
            "the arguments of this host call take %zu KiB of the host, and there is no room for them in the %llu MiB of all runs; try again later, or with less",
            bytes >> 10, CLO_ARGUMENTS_LARGE_MAX >> 20);
    *arguments = (struct clo_tool_call){.tool = tool,
                                        .own = own ? clo_run_tools_retain(own) : NULL,
                                        .value = *value,
                                        .bytes = bytes};
    *value = (struct clo_value){0};
    return 0;
}

static int take_call(struct clo_tool_call *arguments, const struct clo_tool_set *tools,
                     struct clo_run_tools *own, struct clo_value *call, struct clo_error *error)
{
    if (clo_value_count(call) != 2)
        return clo_fail(error, CLO_EINVALID, "a tool call is not [name, {argument: value}]");
    struct clo_value *value = (struct clo_value *)clo_value_item(call, 1); /* the call is ours */
    return take_arguments(arguments, tools, own, clo_value_item(call, 0), value, error);
}

int clo_tool_call_read(const struct clo_tool_set *tools, struct clo_run_tools *own,
                       const uint8_t *message, size_t length, struct clo_tool_call *arguments,
                       struct clo_error *error)
{
    struct clo_value call;
    *arguments = (struct clo_tool_call){0};
    int status = clo_cbor_decode(&call, message, length, error);
    if (!status)
        status = take_call(arguments, tools, own, &call, error);
    clo_value_clear(&call);
    return status;
}

int clo_tool_call_reread(const struct clo_tool_set *tools, struct clo_run_tools *own,
                         const char *tool, const uint8_t *arguments, size_t length,
                         struct clo_tool_call *call, struct clo_error *error)
{
    struct clo_value name = {0}, value = {0};
    *call = (struct clo_tool_call){0};
    int status = clo_value_set_text(&name, tool) ? clo_fail_memory(error) : 0;
    if (!status)
        status = clo_cbor_decode(&value, arguments, length, error);
    if (!status)
        status = take_arguments(call, tools, own, &name, &value, error);
    clo_value_clear(&name);
    clo_value_clear(&value);
    return status;
}

/* The answer as the guest will read it; `data` is empty and has the message ceiling as its limit.
 */
static uint32_t say_result(const char *tool, const struct clo_value *result,
                           struct clo_buffer *data)
{
    struct clo_error why, error;
    if (clo_cbor_encode(data, result, &why) == 0)
        return CLO_CALL_OK;
    clo_fail(&error, CLO_EINVALID, "the result of tool '%s' cannot be passed on: %s", tool,
             why.message);
    return clo_tool_call_error(data, &error);
}

uint32_t clo_tool_call_run(const struct clo_tool_call *arguments, uint64_t deadline_ns,
                           const struct clo_cancel *cancel, struct clo_buffer *data)
{
    struct clo_value result = {0};
    struct clo_error error;
    int failed = clo_run_tools_call(arguments->own, arguments->tool, &arguments->value, deadline_ns,
                                    cancel, &result, &error);
    uint32_t status;
    if (failed == CLO_TOOL_SUSPEND && arguments->may_suspend) {
        status = CLO_CALL_SUSPENDED;
    } else if (failed == CLO_TOOL_SUSPEND) {
        clo_fail(
            &error, CLO_EINVALID,
            "tool '%s' is answered by somebody who has to be waited for, and this run cannot be suspended for that",
            clo_tool_entry_name(arguments->tool));
        status = clo_tool_call_error(data, &error);
    } else if (failed == CLO_EBUSY || failed == CLO_ECANCELLED) {
        status = CLO_CALL_INTERRUPTED;
    } else {
        status = failed ? clo_tool_call_error(data, &error)
                        : say_result(clo_tool_entry_name(arguments->tool), &result, data);
    }
    clo_value_clear(&result);
    return status;
}

uint32_t clo_tool_call_answer(const char *tool, const struct clo_answer *answer,
                              struct clo_buffer *data)
{
    if (answer->value)
        return say_result(tool, answer->value, data);
    clo_tool_call_message(data, answer->error);
    return CLO_CALL_ERROR;
}
