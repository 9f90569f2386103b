/* model/record/secrets.h - credentials are taken out of text that is to be kept.
 *
 *   the key that is given, the values of environment variables whose names say that they are secret
 *   (…KEY…, …TOKEN…, …SECRET…, …PASSWORD…): as model/redact.h strikes out a key
 *   what has a form that credentials have: sk-…, ghp_…, AKIA…, Bearer …, AccountKey=…, signed tokens,
 *   private keys in PEM, the password of a URL: whosever it is
 *
 * What is encoded (base64, parts put together by code) is not found. Thread-safe; the environment is read
 * at each call.
 */
#ifndef CLO_MODEL_RECORD_SECRETS_H
#define CLO_MODEL_RECORD_SECRETS_H

#include "base/buffer.h"

/* Append the text with `mark` in place of each credential. `key` may be NULL. The status of
 * clo_buffer_append. */
int clo_secrets_hide(struct clo_buffer *out, const char *text, size_t length, const char *key,
                     const char *mark);

#endif
