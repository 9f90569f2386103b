/* credential.c - one token, shared by all threads: who finds it due fetches another, while the
 * others go on with it; who finds none waits for the one that fetches. */
#include "model/credential/credential.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread/sync.h"
#include "model/credential/chain.h"

#define DEFAULT_END "/.default"
#define LOOK_MS 100 /* between two looks at the cancellation */

struct clo_credential {
    char *scope, *resource;
    pthread_mutex_t lock; /* guards what follows; not held while a token is fetched */
    pthread_cond_t changed;
    bool fetching;
    struct clo_token token;
    uint64_t not_before;                   /* ns of clo_monotonic_ns: no renewal until then */
    const struct clo_chain_source *chosen; /* once one has given a token */
    unsigned failures;                     /* fetches that have failed */
    struct clo_error failure;              /* the last of them */
    char told[CLO_CREDENTIAL_NOTICE_MAX];  /* the last notice */
};

int clo_credential_create(struct clo_credential **credential, const char *scope,
                          struct clo_error *error)
{
    *credential = NULL;
    int status = clo_chain_check(error);
    if (status)
        return status;
    size_t length = strlen(scope), end = strlen(DEFAULT_END);
    struct clo_credential *made = calloc(1, sizeof *made);
    if (!made)
        return clo_fail_memory(error);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    made->scope = strdup(scope);
    made->resource =
        strndup(scope, length > end && strcmp(scope + length - end, DEFAULT_END) == 0 ? length - end
                                                                                      : length);
    if (!made->scope || !made->resource) {
        clo_credential_destroy(made);
        return clo_fail_memory(error);
    }
    *credential = made;
    return 0;
}

void clo_credential_destroy(struct clo_credential *credential)
{
    if (!credential)
        return;
    clo_token_clear(&credential->token);
    pthread_cond_destroy(&credential->changed);
    pthread_mutex_destroy(&credential->lock);
    free(credential->scope);
    free(credential->resource);
    free(credential);
}

void clo_credential_token_free(char *token)
{
    if (token)
        explicit_bzero(token, strlen(token));
    free(token);
}

static bool is_valid(const struct clo_credential *credential, const char *refused)
{
    const struct clo_token *token = &credential->token;
    return token->text && clo_token_now() < token->ends &&
           (!refused || strcmp(refused, token->text) != 0);
}

static bool is_due(const struct clo_credential *credential)
{
    return clo_token_now() >= credential->token.renews &&
           clo_monotonic_ns() >= credential->not_before;
}

/* Only what has not just been said. */
static void tell(struct clo_credential *credential, char notice[CLO_CREDENTIAL_NOTICE_MAX],
                 const struct clo_buffer *text)
{
    if (!text->data || strcmp(credential->told, text->data) == 0)
        return;
    clo_text_copy(credential->told, sizeof credential->told, text->data);
    clo_text_copy(notice, CLO_CREDENTIAL_NOTICE_MAX, text->data);
}

/* With the lock held, which is released while the sources are asked. */
static int fetch(struct clo_credential *credential, struct clo_cancel *cancel,
                 char notice[CLO_CREDENTIAL_NOTICE_MAX], struct clo_error *error)
{
    const struct clo_chain_source *before = credential->chosen, *chosen = NULL;
    struct clo_token fresh = {0};
    struct clo_error why = {0};
    struct clo_buffer story = CLO_BUFFER(CLO_CREDENTIAL_NOTICE_MAX - 300);
    struct clo_buffer text = CLO_BUFFER(CLO_CREDENTIAL_NOTICE_MAX);
    struct clo_token_wish wish = {
        .scope = credential->scope, .resource = credential->resource, .cancel = cancel};
    credential->fetching = true;
    pthread_mutex_unlock(&credential->lock);
    int status = clo_chain_token(before, &wish, &fresh, &chosen, &story, &why);
    pthread_mutex_lock(&credential->lock);
    credential->fetching = false;
    const char *more = story.data ? story.data : "";
    if (!status) {
        clo_token_clear(&credential->token);
        credential->token = fresh;
        credential->chosen = chosen;
        credential->not_before = 0;
        if (!before)
            clo_buffer_format(&text, "the token for %.100s is by %s (%s)%s%s", credential->scope,
                              chosen->name, chosen->what, *more ? "; before it: " : "", more);
    } else {
        credential->not_before = clo_after_ms(CLO_CREDENTIAL_AGAIN_MS);
        if (status != CLO_ECANCELLED) {
            credential->failures++;
            credential->failure = why;
            clo_buffer_format(&text, "no token for %.100s: %s", credential->scope,
                              *more ? more : why.message);
        }
        if (error)
            *error = why;
    }
    tell(credential, notice, &text);
    clo_buffer_free(&story);
    clo_buffer_free(&text);
    pthread_cond_broadcast(&credential->changed);
    return status;
}

/* Until the fetch of another thread is over; 0: look again. */
static int wait_for_other(struct clo_credential *credential, uint64_t deadline,
                          const struct clo_cancel *cancel, struct clo_error *error)
{
    unsigned failures = credential->failures;
    while (credential->fetching) {
        uint64_t look = clo_after_ms(LOOK_MS);
        clo_wait_until(&credential->changed, &credential->lock, look < deadline ? look : deadline);
        if (clo_cancel_is_set(cancel))
            return clo_fail(error, CLO_ECANCELLED, "the model's call was cancelled");
        if (clo_monotonic_ns() >= deadline)
            return clo_fail(error, CLO_EMODEL,
                            "no credentials for the model's server were had within %d s",
                            CLO_CREDENTIAL_WAIT_MS / 1000);
    }
    if (credential->failures == failures)
        return 0;
    if (error)
        *error = credential->failure;
    return credential->failure.code;
}

int clo_credential_token(struct clo_credential *credential, const char *refused,
                         struct clo_cancel *cancel, char **token,
                         char notice[CLO_CREDENTIAL_NOTICE_MAX], struct clo_error *error)
{
    uint64_t deadline = clo_after_ms(CLO_CREDENTIAL_WAIT_MS);
    int status = 0;
    bool fetched = false;
    *token = NULL;
    notice[0] = '\0';
    pthread_mutex_lock(&credential->lock);
    while (!status && !fetched) {
        bool valid = is_valid(credential, refused);
        if (valid && (credential->fetching || !is_due(credential)))
            break;
        if (credential->fetching) {
            status = wait_for_other(credential, deadline, cancel, error);
            continue;
        }
        fetched = true;
        status = fetch(credential, cancel, notice, error);
        if (status && status != CLO_ECANCELLED && is_valid(credential, refused))
            status = 0; /* the old one still does */
    }
    if (!status && !(*token = strdup(credential->token.text)))
        status = clo_fail_memory(error);
    pthread_mutex_unlock(&credential->lock);
    return status;
}
