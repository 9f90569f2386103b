/* cli/findings.h - what is wrong with a file, on stderr. */
#ifndef CLO_CLI_FINDINGS_H
#define CLO_CLI_FINDINGS_H

#include "base/yaml/findings.h"

void clo_cli_print_findings(const char *path, const struct clo_findings *findings);

#endif
