/* retry.c - the policy of retries. */
#include "model/http/retry.h"

#include <stdbool.h>

/* Failures that pass by themselves. */
static bool may_pass(long status)
{
    switch (status) {
    case CLO_RETRY_NO_CONNECTION:
    case 429:
    case 500:
    case 502:
    case 503: return true;
    default: return false;
    }
}

int clo_retry_wait(const struct clo_retry_attempt *attempt)
{
    if (attempt->number >= CLO_RETRY_MAX || !may_pass(attempt->status) ||
        attempt->after_s > CLO_RETRY_AFTER_MAX_S)
        return -1;
    if (attempt->after_s > 0)
        return (int)attempt->after_s * 1000;
    int base = CLO_RETRY_BACKOFF_MS << attempt->number;
    return base + base * attempt->dice / 1024;
}
