/* chain.c - the order of sources. */
#include "model/credential/chain.h"

#include <string.h>
#include <strings.h>

#include "base/error.h"

static const struct clo_chain_source sources[] = {
    {"EnvironmentCredential", "an application's secret or certificate", false,
     clo_source_environment},
    {"WorkloadIdentityCredential", "a pod's federated token", false, clo_source_workload},
    {"ManagedIdentityCredential", "the managed identity", false, clo_source_managed},
    {"AzureCliCredential", "who signed in by az login", true, clo_source_azure_cli},
};

#define COUNT (sizeof sources / sizeof *sources)

static bool is_admitted(const struct clo_chain_source *source, const char *wanted)
{
    if (!wanted)
        return true;
    if (strcasecmp(wanted, "prod") == 0)
        return !source->of_developers;
    if (strcasecmp(wanted, "dev") == 0)
        return source->of_developers;
    return strcasecmp(wanted, source->name) == 0;
}

int clo_chain_check(struct clo_error *error)
{
    const char *wanted = clo_source_variable("AZURE_TOKEN_CREDENTIALS");
    for (size_t i = 0; i < COUNT; i++)
        if (is_admitted(&sources[i], wanted))
            return 0;
    return clo_hint(error,
                    clo_fail(error, CLO_EINVALID,
                             "AZURE_TOKEN_CREDENTIALS is \"%.80s\", which names no credential that "
                             "is supported here",
                             wanted),
                    "Write prod, dev, EnvironmentCredential, WorkloadIdentityCredential, "
                    "ManagedIdentityCredential or AzureCliCredential, or unset it.");
}

static int fail_all(const struct clo_chain_source *failed, const struct clo_buffer *story,
                    struct clo_error *error)
{
    clo_fail(error, CLO_EMODEL, "the host has no valid credentials for the model's server");
    return failed ? clo_hint(error, CLO_EMODEL, "%s", story->data ? story->data : "")
                  : clo_hint(error, CLO_EMODEL,
                             "Sign in by `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and "
                             "AZURE_CLIENT_SECRET. %s",
                             story->data ? story->data : "");
}

int clo_chain_token(const struct clo_chain_source *only, struct clo_token_wish *wish,
                    struct clo_token *token, const struct clo_chain_source **chosen,
                    struct clo_buffer *story, struct clo_error *error)
{
    const char *wanted = clo_source_variable("AZURE_TOKEN_CREDENTIALS");
    *chosen = NULL;
    for (size_t i = 0; i < COUNT; i++) {
        const struct clo_chain_source *source = &sources[i];
        struct clo_error why = {0};
        if (only ? only != source : !is_admitted(source, wanted))
            continue;
        wish->sure = only || (wanted && strcasecmp(wanted, source->name) == 0);
        int status = source->get(wish, token, &why);
        if (!status) {
            *chosen = source;
            return 0;
        }
        if (status == CLO_ECANCELLED || status == CLO_ENOMEMORY) {
            if (error)
                *error = why;
            return status;
        }
        clo_buffer_format(story, "%s%s: %s", story->length ? "; " : "", source->name, why.message);
        if (status != CLO_ENOTFOUND)
            return fail_all(source, story, error);
    }
    return fail_all(NULL, story, error);
}
