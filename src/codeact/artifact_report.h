/* codeact/artifact_report.h - what the model reads of the files that code left in /output. */
#ifndef CLO_CODEACT_ARTIFACT_REPORT_H
#define CLO_CODEACT_ARTIFACT_REPORT_H

#include "base/buffer.h"
#include "cloche/sandbox.h"

/* A section of model/run_report.h: a line for each file, and the contents of short texts; of a session
 * those that this run changed. Nothing where there are none. */
void clo_artifact_report(struct clo_buffer *out, const struct clo_run_result *result);

#endif
