/* run_request.c - fuzz what a client may send to POST /runs: whatever is taken is a run that holds
 * together. */
#include <stdlib.h>
#include <string.h>

#include "serve/protocol/run_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct clo_run_request request;
    struct clo_problem problem;
    if (clo_run_request_parse(&request, (const char *)data, size, "microvm", &problem)) {
        if (problem.status < 400 || !problem.message[0] || request.body || request.arguments ||
            request.files)
            abort();
        return 0;
    }
    const struct clo_run *run = &request.run;
    size_t bytes = 0;
    if (!run->code || run->code_length > CLO_RUN_CODE_MAX || (!run->input && run->input_length) ||
        (run->name && strlen(run->name) > CLO_RUN_NAME_MAX) ||
        request.file_count > CLO_RUN_FILES_MAX)
        abort();
    for (size_t i = 0; i < run->argument_count; i++)
        bytes += strlen(run->arguments[i]) + 1;
    for (size_t i = 0; i < request.file_count; i++)
        bytes += strlen(request.files[i].id) != SIZE_MAX;
    if (bytes > CLO_ARGUMENT_BYTES_MAX + CLO_RUN_FILES_MAX)
        abort();
    clo_run_request_clear(&request);
    return 0;
}
