/* agent/run_json.h - a run's result as one JSON object: `cloche run --json`, POST /runs. */
#ifndef CLO_AGENT_RUN_JSON_H
#define CLO_AGENT_RUN_JSON_H

#include <jansson.h>

#include "cloche/sandbox.h"

/* Always valid UTF-8. NULL: out of memory. */
json_t *clo_run_json(const struct clo_run_result *result);

#endif
