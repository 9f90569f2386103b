/* model/credential/credential.h - access tokens of Microsoft Entra ID for one scope, found as
 * DefaultAzureCredential of Azure's client libraries finds them. Read this first.
 *
 *   clo_credential_token ─▶ credential.c  one token, kept and renewed before it ends
 *          chain.c  the sources in their order
 *            ├▶ environment.c  a secret, a certificate ─▶ entra.h, assertion.h ─┐
 *            ├▶ workload.c     a pod's federated token ─▶ entra.h ──────────────┤
 *            ├▶ managed.c      App Service, IMDS ───────────────────────────────┴▶ token_http.h
 *            └▶ azure_cli.c    `az account get-access-token` ─▶ command.h
 *
 * What is always true
 * - A source says either that it is not there (the next one is asked) or that it failed (the chain
 *   ends there: a wrong secret is not covered up by whoever signed in at the machine). The source
 *   that gave the first token is kept for the credential's life.
 * - Every wait has a deadline and ends by the caller's cancellation; every size has a ceiling.
 * - Tokens, secrets and keys stand in no message. Memory that held them is wiped.
 * - Secrets and tokens go out by https alone, or to this machine (127.0.0.1, ::1, localhost); to
 *   the endpoints of managed identities, which are http by their nature, nothing secret is sent but
 *   the header that the platform itself handed out.
 * - The environment is read when a token is asked for. Nothing is written.
 */
#ifndef CLO_MODEL_CREDENTIAL_CREDENTIAL_H
#define CLO_MODEL_CREDENTIAL_CREDENTIAL_H

#include "cloche/cancel.h"
#include "cloche/error.h"

#define CLO_CREDENTIAL_NOTICE_MAX 1600 /* bytes of a notice */
#define CLO_CREDENTIAL_WAIT_MS 90000   /* the longest that a token is waited for */
#define CLO_CREDENTIAL_AGAIN_MS                                                                    \
    30000 /* from a renewal that failed to the next, while a token is valid */

struct clo_credential;

/* `scope`: "https://ai.azure.com/.default". No connection is opened. CLO_EINVALID:
 * AZURE_TOKEN_CREDENTIALS names what is not there; CLO_ENOMEMORY. */
int clo_credential_create(struct clo_credential **credential, const char *scope,
                          struct clo_error *error);
void clo_credential_destroy(struct clo_credential *credential); /* NULL is allowed */

/* A token that is valid now, as a copy: release it by clo_credential_token_free. `refused`: the one
 * that the server has just answered 401 to (another is fetched), or NULL. `notice`: what the
 * operator's log should say: the source that was chosen and why those before it were not, once; or
 * why there is none, where that is news; else "". Errors: CLO_EMODEL (the message names no host,
 * the hint says what each source lacks), CLO_ECANCELLED, CLO_ENOMEMORY. Any thread. */
int clo_credential_token(struct clo_credential *credential, const char *refused,
                         struct clo_cancel *cancel, char **token,
                         char notice[CLO_CREDENTIAL_NOTICE_MAX], struct clo_error *error);
void clo_credential_token_free(char *token); /* wiped; NULL is allowed */

#endif
