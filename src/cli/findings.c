/* findings.c - errors and warnings of a file as compilers print them, so that editors find the place:
 *
 *   agent.yaml:12:11: error: sandbox.memory: "12x" is not a size; write e.g. 256MiB
 */
#include "cli/findings.h"

#include <stdio.h>

void clo_cli_print_findings(const char *path, const struct clo_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct clo_finding *finding = &findings->list[i];
        const char *message = finding->error.message,
                   *kind = finding->warning ? "warning" : "error";
        size_t place = clo_finding_place(message);
        if (place)
            fprintf(stderr, "%.*s: %s%s\n", (int)place, message, kind, message + place);
        else
            fprintf(stderr, "%s: %s: %s\n", path, kind, message);
        if (finding->error.hint[0])
            fprintf(stderr, "  %s\n", finding->error.hint);
    }
    size_t all = findings->errors + findings->warnings;
    if (all > findings->count)
        fprintf(stderr, "%s: and %zu more\n", path, all - findings->count);
}
