/* answer.c - a tool call's message is read, its tool called, the reply written. */
#include "sandbox/answer.h"

#include "abi/hostcall.h"
#include "base/error.h"
#include "sandbox/cbor.h"

void clo_answer_message(struct clo_buffer *data, const char *message)
{
    size_t limit = data->limit;
    data->limit = CLO_MESSAGE_MAX; /* a run may allow less than a complaint needs */
    clo_buffer_reset(data);
    clo_cbor_put_map(data, 1);
    clo_cbor_put_string(data, "message");
    clo_cbor_put_string(data, message);
    data->limit = limit;
}

uint32_t clo_answer_error(struct clo_buffer *data, const struct clo_error *error)
{
    clo_answer_message(data, error->message);
    return CLO_CALL_ERROR;
}

int clo_answer_read(const struct clo_tools *tools, const uint8_t *message, size_t length,
                    const struct clo_tool_entry **tool, struct clo_value *arguments,
                    struct clo_error *error)
{
    struct clo_value call;
    *arguments = (struct clo_value){0};
    int status = clo_cbor_decode(&call, message, length, error);
    if (status)
        return status;
    bool shaped = call.type == CLO_LIST && call.list.count == 2 &&
                  call.list.items[0].type == CLO_TEXT && call.list.items[1].type == CLO_MAP;
    if (!shaped) {
        status = clo_fail(error, CLO_EINVALID, "a tool call is not [name, {argument: value}]");
    } else {
        *tool = clo_tools_find(tools, &call.list.items[0], error);
        status =
            *tool ? clo_tool_check_arguments(*tool, &call.list.items[1], error) : CLO_ENOTFOUND;
    }
    if (!status) {
        *arguments = call.list.items[1];
        call.list.items[1] = (struct clo_value){0};
    }
    clo_value_clear(&call);
    return status;
}

/* The answer as the guest will read it; `data` is empty and has the message ceiling as its limit.
 */
static uint32_t say_result(const struct clo_tool_entry *tool, const struct clo_value *result,
                           struct clo_buffer *data)
{
    struct clo_error why, error;
    if (clo_cbor_encode(data, result, &why) == 0)
        return CLO_CALL_OK;
    clo_fail(&error, CLO_EINVALID, "the result of tool '%s' cannot be passed on: %s",
             clo_tool_entry_name(tool), why.message);
    return clo_answer_error(data, &error);
}

uint32_t clo_answer_run(const struct clo_tool_entry *tool, const struct clo_value *arguments,
                        uint64_t deadline_ns, const struct clo_cancel *cancel,
                        struct clo_buffer *data)
{
    struct clo_value result = {0};
    struct clo_error error;
    int failed = clo_tool_call(tool, arguments, deadline_ns, cancel, &result, &error);
    uint32_t status = failed == CLO_EBUSY || failed == CLO_ECANCELLED ? CLO_CALL_INTERRUPTED
                      : failed ? clo_answer_error(data, &error)
                               : say_result(tool, &result, data);
    clo_value_clear(&result);
    return status;
}
