/* model/credential/token.h - an access token with its life, and reading it from the JSON that
 * sources answer with. Times are those of CLOCK_BOOTTIME, so that a machine that slept knows it.
 * Pure but for the clocks; any thread. */
#ifndef CLO_MODEL_CREDENTIAL_TOKEN_H
#define CLO_MODEL_CREDENTIAL_TOKEN_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/clock.h"
#include "cloche/error.h"

#define CLO_TOKEN_MAX 16384        /* bytes of a token */
#define CLO_TOKEN_ANSWER_MAX 65536 /* bytes of an answer that one stands in */

struct clo_token {
    char *text;      /* NULL: none */
    uint64_t ends;   /* ns; no longer valid from then on */
    uint64_t renews; /* ns; from then on another is looked for */
};

static inline uint64_t clo_token_now(void)
{
    return clo_clock_ns(CLOCK_BOOTTIME);
}

void clo_token_clear(struct clo_token *token); /* wiped */

/* Read {"access_token" or "accessToken", and of its life "expires_in" (s), "expires_on" (s since
 * 1970) or "expiresOn" (local time, as az writes it), "refresh_in" (s)}; numbers may be texts.
 * Without a life it is five minutes. It is renewed as `refresh_in` says; else after half of a life
 * of two hours or more, five minutes before the end of a shorter one, after half of one below ten
 * minutes. CLO_EMODEL: there is none in it, or one that has ended; the message shows nothing of the
 * text. CLO_ENOMEMORY. */
int clo_token_read(struct clo_token *token, const char *json, size_t length,
                   struct clo_error *error);

#endif
