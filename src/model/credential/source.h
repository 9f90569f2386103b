/* model/credential/source.h - what a source of tokens is.
 *
 * A source is one function without state, called by one thread at a time for a credential. It
 * returns 0 with a token; CLO_ENOTFOUND: it is not there, and `why` says what it lacks: the next is
 * asked; CLO_ECANCELLED, CLO_ENOMEMORY; anything else: it is there and failed, and nobody else is
 * asked. `why` is for the operator: it may name hosts and files, never secrets.
 */
#ifndef CLO_MODEL_CREDENTIAL_SOURCE_H
#define CLO_MODEL_CREDENTIAL_SOURCE_H

#include <stdbool.h>
#include <stdlib.h>

#include "cloche/cancel.h"
#include "cloche/error.h"
#include "model/credential/token.h"

struct clo_token_wish {
    const char *scope;    /* "RESOURCE/.default" */
    const char *resource; /* the same without its end, as older protocols take it */
    bool sure;            /* of this source alone: whether it is there is not tried first */
    const struct clo_cancel *cancel;
};

int clo_source_environment(const struct clo_token_wish *wish, struct clo_token *token,
                           struct clo_error *why);
int clo_source_workload(const struct clo_token_wish *wish, struct clo_token *token,
                        struct clo_error *why);
int clo_source_managed(const struct clo_token_wish *wish, struct clo_token *token,
                       struct clo_error *why);
int clo_source_azure_cli(const struct clo_token_wish *wish, struct clo_token *token,
                         struct clo_error *why);

/* A variable of the environment; NULL where it is not set or empty. */
static inline const char *clo_source_variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

#endif
