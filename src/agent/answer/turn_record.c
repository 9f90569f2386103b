/* turn_record.c - what a turn was, in the words of model/record. */
#include "agent/answer/turn_record.h"

#include <stdio.h>
#include <string.h>

#include "codeact/codeact.h"
#include "model/record/record.h"

#define ENDED_MAX 1280

/* Why the turn did not end by itself; NULL: it did. */
static const char *ending(const struct clo_turn_result *result, char text[ENDED_MAX])
{
    switch (result->status) {
    case CLO_TURN_COMPLETED: return NULL;
    case CLO_TURN_CANCELLED: return "it was cancelled";
    case CLO_TURN_INCOMPLETE:
        snprintf(text, ENDED_MAX, "incomplete: %s", result->incomplete ? result->incomplete : "");
        return text;
    default:
        snprintf(text, ENDED_MAX, "failed: %s: %s", result->error_code, result->error_message);
        return text;
    }
}

void clo_turn_record(const struct clo_agent *agent, const struct clo_turn *turn,
                     struct clo_turn_result *result)
{
    char text[ENDED_MAX];
    struct clo_error error = {0};
    const struct clo_recorded_turn recorded = {.input = turn->input,
                                               .output = result->output,
                                               .ended = ending(result, text),
                                               .tool = CLO_CODEACT_TOOL};
    if (!agent->recording || !result->output ||
        !clo_recording_turn(agent->recording, &recorded, &error))
        return;
    size_t used = strlen(result->notice);
    snprintf(result->notice + used, sizeof result->notice - used, "%s%s", used ? "; " : "",
             error.message);
    result->notice_level = "warning";
}
