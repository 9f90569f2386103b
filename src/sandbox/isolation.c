/* isolation.c - from a user's word to the wall around code. */
#include "sandbox/isolation.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "vm/vm.h"

int clo_isolation_read(enum clo_isolation *isolation, const char *place, const char *word,
                       struct clo_error *error)
{
    const char *name;
    for (int i = 0; (name = clo_isolation_name((enum clo_isolation)i)); i++) {
        if (strcmp(name, word) == 0) {
            *isolation = (enum clo_isolation)i;
            return 0;
        }
    }
    if (strcmp(word, "auto") == 0)
        return clo_fail(
            error, CLO_EINVALID,
            "%s\"auto\" is refused: process isolation protects from less than a micro-VM does, so it is never taken without being asked for; write microvm or process",
            place);
    return clo_fail(error, CLO_EINVALID, "%s\"%.64s\" is none of microvm, process", place, word);
}

int clo_isolation_environment(struct clo_isolation_choice *choice, struct clo_error *error)
{
    const char *word = getenv(CLO_ISOLATION_VARIABLE);
    if (!word || !*word)
        return 0;
    int status = clo_isolation_read(
        &choice->isolation, "environment variable " CLO_ISOLATION_VARIABLE ": ", word, error);
    if (!status)
        choice->by = CLO_ISOLATION_VARIABLE;
    return status;
}

int clo_isolation_prepare(enum clo_isolation isolation, struct clo_error *error)
{
    return clo_vm_prepare(isolation, NULL, error);
}
