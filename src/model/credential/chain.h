/* model/credential/chain.h - the sources of tokens in the order of DefaultAzureCredential, and
 * which of them AZURE_TOKEN_CREDENTIALS admits. Any thread. */
#ifndef CLO_MODEL_CREDENTIAL_CHAIN_H
#define CLO_MODEL_CREDENTIAL_CHAIN_H

#include "base/buffer.h"
#include "model/credential/source.h"

struct clo_chain_source {
    const char *name; /* of the class in Azure's libraries: what people look for */
    const char *what; /* in words */
    bool of_developers;
    int (*get)(const struct clo_token_wish *wish, struct clo_token *token, struct clo_error *why);
};

/* CLO_EINVALID: AZURE_TOKEN_CREDENTIALS is not "prod", "dev" or the name of a source
 * that is here. */
int clo_chain_check(struct clo_error *error);

/* Ask `only`, or if that is NULL all that are admitted in their order. *chosen: who gave the token.
 * `story` gets what became of each, in one line. Errors as those of sources; CLO_EMODEL: nobody has
 * one. */
int clo_chain_token(const struct clo_chain_source *only, struct clo_token_wish *wish,
                    struct clo_token *token, const struct clo_chain_source **chosen,
                    struct clo_buffer *story, struct clo_error *error);

#endif
