/* outcome.c - the message with which a guest ends its run. */
#include <stdint.h>
#include <stdlib.h>

#include "sandbox/run/outcome.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct clo_error error;
    struct clo_run_result *result = calloc(1, sizeof *result);
    if (!result)
        return 0;
    bool refused;
    int status = clo_outcome_decode(result, data, size, &refused, &error);
    if (status && (result->result || result->error.kind || !error.message[0]))
        abort(); /* a refused message leaves nothing behind */
    if (!status && result->error.kind && !result->error.type)
        abort();
    clo_run_result_free(result);
    return 0;
}
