/* model/run_report.h - the form in which the text of a function_call_output tells of a run.
 *
 *     stdout (12 bytes):
 *     hello world
 *     result (2 bytes):
 *     42
 *
 * A section is a line "NAME (N bytes):", exactly N bytes, and a line break if those do not end in
 * one. Because the length is in the label, nothing that the code prints can pass for a label. Free
 * lines may follow the sections. codeact writes it, the script model reads it.
 */
#ifndef CLO_MODEL_RUN_REPORT_H
#define CLO_MODEL_RUN_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define CLO_REPORT_STDOUT "stdout"
#define CLO_REPORT_STDERR "stderr"
#define CLO_REPORT_RESULT "result"
#define CLO_REPORT_TRACEBACK "traceback"
#define CLO_REPORT_FILES "files"

int clo_run_report_write(struct clo_buffer *out, const char *name, const char *text, size_t length);

/* The section of that name; false, and an empty text, if there is none. */
bool clo_run_report_read(const char *report, size_t report_length, const char *name,
                         const char **text, size_t *length);

#endif
