/* findings.c - a list of errors and warnings. */
#include "base/yaml/findings.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define DIGITS "0123456789"

int clo_findings_add(struct clo_findings *findings, bool warning, const struct clo_error *error)
{
    *(warning ? &findings->warnings : &findings->errors) += 1;
    if (findings->count == CLO_FINDINGS_MAX)
        return 0;
    struct clo_finding *list = realloc(findings->list, (findings->count + 1) * sizeof *list);
    if (!list)
        return CLO_ENOMEMORY;
    findings->list = list;
    list[findings->count++] = (struct clo_finding){warning, *error};
    return 0;
}

void clo_findings_free(struct clo_findings *findings)
{
    free(findings->list);
    *findings = (struct clo_findings){0};
}

const struct clo_error *clo_findings_first(const struct clo_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        if (!findings->list[i].warning)
            return &findings->list[i].error;
    return NULL;
}

size_t clo_finding_place(const char *message)
{
    for (const char *at = message; (at = strchr(at, ':')); at++) {
        size_t line = strspn(at + 1, DIGITS);
        const char *second = at + 1 + line;
        if (!line || *second != ':')
            continue;
        size_t column = strspn(second + 1, DIGITS);
        if (column && strncmp(second + 1 + column, ": ", 2) == 0)
            return (size_t)(second + 1 + column - message);
    }
    return 0;
}
