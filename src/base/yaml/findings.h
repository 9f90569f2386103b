/* base/yaml/findings.h - all that is wrong with a document, not only the first.
 *
 * A struct clo_findings is filled by who reads the document and shown by who asked for it. Zeroed it
 * is empty. Above CLO_FINDINGS_MAX further ones are counted and not kept. The message of each begins
 * with its place, `file:line:column: `, where it has one.
 */
#ifndef CLO_BASE_YAML_FINDINGS_H
#define CLO_BASE_YAML_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "cloche/error.h"

#define CLO_FINDINGS_MAX 64

struct clo_finding {
    bool warning; /* else the document is refused */
    struct clo_error error;
};

struct clo_findings {
    struct clo_finding *list;
    size_t count;            /* of the list */
    size_t errors, warnings; /* of all */
};

/* Copies the error. CLO_ENOMEMORY; it is counted even then. */
int clo_findings_add(struct clo_findings *findings, bool warning, const struct clo_error *error);
void clo_findings_free(struct clo_findings *findings); /* and empty it */

/* The first of them that is no warning; NULL: none, or none was kept. */
const struct clo_error *clo_findings_first(const struct clo_findings *findings);

/* Bytes of the place at the start of a message, up to the ": " behind it; 0: it has none. */
size_t clo_finding_place(const char *message);

#endif
