/* ask.c - clo_agent_ask: a turn without history, its answer as text. */
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"

#define ANSWER_MAX CLO_MODEL_REPLY_MAX

char *clo_answer_text(const json_t *output)
{
    struct clo_buffer text = CLO_BUFFER(ANSWER_MAX);
    size_t index, at;
    const json_t *item, *part;
    json_array_foreach(output, index, item) {
        if (clo_json_is(item, "type", "function_call_output"))
            clo_buffer_reset(&text);
        if (!clo_json_is(item, "type", "message"))
            continue;
        if (text.length)
            clo_buffer_text(&text, "\n");
        json_array_foreach(json_object_get(item, "content"), at, part) {
            const char *words = clo_json_text(part, "text");
            words = words ? words : clo_json_text(part, "refusal");
            clo_buffer_text(&text, words ? words : "");
        }
    }
    char *answer = clo_buffer_take(&text, NULL);
    clo_buffer_free(&text);
    return answer;
}

static int explain(const struct clo_turn_result *result, struct clo_error *error)
{
    if (result->status == CLO_TURN_CANCELLED)
        return clo_fail(error, CLO_ECANCELLED, "the question was cancelled");
    if (result->status != CLO_TURN_FAILED)
        return 0;
    if (result->trouble.code == CLO_OK)
        return clo_fail(error, CLO_EINTERNAL, "%s", result->error_message);
    if (error)
        *error = result->trouble;
    return result->trouble.code;
}

int clo_agent_ask(struct clo_agent *agent, const char *question, struct clo_cancel *cancel,
                  char **answer, struct clo_error *error)
{
    *answer = NULL;
    if (!*question || !clo_utf8_strict(question, strlen(question)))
        return clo_fail(error, CLO_EINVALID, "the question is %s",
                        *question ? "not UTF-8" : "empty");
    json_t *input = json_pack("[{s:s, s:s, s:[{s:s, s:s}]}]", "type", "message", "role", "user",
                              "content", "type", "input_text", "text", question);
    if (!input)
        return clo_fail_memory(error);
    struct clo_turn turn = {.input = input, .cancel = cancel};
    struct clo_turn_result result;
    clo_agent_turn(agent, &turn, &result);
    int status = explain(&result, error);
    if (!status && !(*answer = clo_answer_text(result.output)))
        status = clo_fail_memory(error);
    clo_turn_result_clear(&result);
    json_decref(input);
    return status;
}
