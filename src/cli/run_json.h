/* cli/run_json.h - a run's result as one JSON object. */
#ifndef CLO_CLI_RUN_JSON_H
#define CLO_CLI_RUN_JSON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloche/sandbox.h"

/* 0, or -1 when writing failed. */
int clo_run_print_json(const struct clo_run_result *result, FILE *out);

#endif
