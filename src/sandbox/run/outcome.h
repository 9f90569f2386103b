/* sandbox/run/outcome.h - the message with which a guest ends its run (CLO_OP_DONE), decoded. */
#ifndef CLO_SANDBOX_RUN_OUTCOME_H
#define CLO_SANDBOX_RUN_OUTCOME_H

#include "cloche/sandbox.h"
#include "cloche/value.h"

/* Fill result (result text, exit_code, error of kind EXCEPTION) from hostile bytes. CLO_EGUEST: not
 * what the contract says; *result is as it was. *refused: it says that it did not run the code. */
int clo_outcome_decode(struct clo_run_result *result, const uint8_t *data, size_t length,
                       bool *refused, struct clo_error *error);

/* Replace the error of a result. `type` and `message` are copied. CLO_ENOMEMORY. */
int clo_result_set_error(struct clo_run_result *result, enum clo_run_error_kind kind,
                         const char *type, const char *message);

/* Free what this side knows of a result, and the result; clo_run_result_free has the host's as well.
 * NULL is allowed. */
void clo_result_free(struct clo_run_result *result);

#endif
