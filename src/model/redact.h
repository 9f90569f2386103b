/* model/redact.h - credentials and the server's own name are taken out of text that a server sent,
 * before any of it stands in a message.
 *
 * Credentials that people put where none is needed ("x", "test", "EMPTY") are words that occur in
 * any sentence; they are no secrets and stay:
 *
 *     CLO_REDACT_LONG bytes or more      struck out wherever they stand
 *     CLO_REDACT_SHORT bytes or more     as a token of their own, and only if a digit is among them
 *     fewer                              left
 *
 * A signed token (eyJ….….…) of CLO_REDACT_TOKEN bytes or more is struck out, whosever it is.
 *
 * A host is struck out as a token of its own, and only if it has a dot or a colon: names of one
 * word ("localhost", "model") tell nothing and are words, too. Thread-safe.
 */
#ifndef CLO_MODEL_REDACT_H
#define CLO_MODEL_REDACT_H

#include "base/buffer.h"

#define CLO_REDACT_SHORT 8
#define CLO_REDACT_LONG 16
#define CLO_REDACT_TOKEN 40

/* Borrowed texts; NULL or "": there is none. */
struct clo_redact {
    const char *key;
    const char *password; /* of the base URL */
    const char *host;
};

/* Append the text with "[key]", "[token]" and "[server]" in those places. The status of
 * clo_buffer_append. */
int clo_redact(struct clo_buffer *out, const char *text, size_t length,
               const struct clo_redact *hidden);

/* The bytes at `at` that are the credential, or a signed token; 0: none. */
size_t clo_redact_secret(const char *text, size_t length, size_t at, const char *secret);
size_t clo_redact_token(const char *text, size_t length, size_t at);

#endif
