/* retry.c - the policy of retries. */
#include "model/http/retry.h"

#include <stdbool.h>

/* Failures that pass by themselves. */
static bool may_pass(long status)
{
    switch (status) {
    case CLO_RETRY_NO_CONNECTION:
    case 408:
    case 409:
    case 429: return true;
    case 501: /* it never will */
    case 505: return false;
    default: return status >= 500 && status < 600;
    }
}

int64_t clo_retry_wait(const struct clo_retry_attempt *attempt)
{
    if (attempt->number >= CLO_RETRY_MAX || attempt->word == CLO_RETRY_NO)
        return -1;
    if (attempt->word != CLO_RETRY_YES && !may_pass(attempt->status))
        return -1;
    int base = CLO_RETRY_BACKOFF_MS << attempt->number;
    int64_t wait = attempt->after_ms > 0 ? attempt->after_ms : base + base * attempt->dice / 1024;
    return (uint64_t)wait < attempt->left_ms ? wait : -1;
}
