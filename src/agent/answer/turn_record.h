/* agent/answer/turn_record.h - a turn that is over goes into the agent's recording, if it has one. Thread-safe. */
#ifndef CLO_AGENT_ANSWER_TURN_RECORD_H
#define CLO_AGENT_ANSWER_TURN_RECORD_H

#include "agent/internal.h"

/* That it could not be recorded becomes a notice of the result, and changes nothing else. */
void clo_turn_record(const struct clo_agent *agent, const struct clo_turn *turn,
                     struct clo_turn_result *result);

#endif
