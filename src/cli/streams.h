/* cli/streams.h - `cloche run`: the code's standard streams are the program's. */
#ifndef CLO_CLI_STREAMS_H
#define CLO_CLI_STREAMS_H

#include "cloche/sandbox.h"

/* Standard input is the code's where it is data: a pipe, a socket or a file, and not the code itself
 * (`code_file` is "-"). */
bool clo_cli_has_input(const char *code_file);

/* clo_run's on_input and on_output. */
ptrdiff_t clo_cli_take_input(void *context, char *buffer, size_t capacity, uint64_t wait_ms);
void clo_cli_pass_on(void *context, enum clo_stream stream, const char *data, size_t length);

#endif
