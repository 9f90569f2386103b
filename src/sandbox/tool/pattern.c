/* pattern.c - patterns of schemas, by PCRE2, with a budget.
 *
 * The tool's author wrote the pattern, the guest chose the text. PCRE2's own match limit counts
 * anew at every starting position, so a callout before every item counts for the whole match;
 * automatic possessification is off because it hides repetitions from that count.
 */
#include "sandbox/tool/pattern.h"

#include "base/error.h"
#include "sandbox/tool/schema.h"

#define STEPS_MAX 1000000 /* items tried in one match, at some 20 ns each */
#define MATCH_LIMIT 1000000
#define DEPTH_LIMIT 10000
#define HEAP_LIMIT 4096 /* KiB */

int clo_pattern_compile(pcre2_code **pattern, const char *text, struct clo_error *error)
{
    int code;
    PCRE2_SIZE offset;
    *pattern =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
                          PCRE2_AUTO_CALLOUT | PCRE2_NO_AUTO_POSSESS | PCRE2_NEVER_BACKSLASH_C,
                      &code, &offset, NULL);
    if (*pattern)
        return 0;
    PCRE2_UCHAR why[128];
    pcre2_get_error_message(code, why, sizeof why);
    return clo_fail(error, CLO_EINVALID, "%s at byte %zu of \"%.80s\"", (const char *)why,
                    (size_t)offset, text);
}

static int on_item(pcre2_callout_block *block, void *context)
{
    (void)block;
    int *steps = context;
    return ++*steps > STEPS_MAX ? PCRE2_ERROR_MATCHLIMIT : 0;
}

enum clo_pattern_result clo_pattern_match(const pcre2_code *pattern, const char *data,
                                          size_t length)
{
    if (length > CLO_SCHEMA_SUBJECT_MAX)
        return CLO_PATTERN_TOO_HARD;
    int steps = 0;
    enum clo_pattern_result result = CLO_PATTERN_TOO_HARD;
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    if (match && context) {
        pcre2_set_match_limit(context, MATCH_LIMIT);
        pcre2_set_depth_limit(context, DEPTH_LIMIT);
        pcre2_set_heap_limit(context, HEAP_LIMIT);
        pcre2_set_callout(context, on_item, &steps);
        int found = pcre2_match(pattern, (PCRE2_SPTR)data, length, 0, 0, match, context);
        if (found >= 0)
            result = CLO_PATTERN_MATCH;
        else if (found == PCRE2_ERROR_NOMATCH)
            result = CLO_PATTERN_NO_MATCH;
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(match);
    return result;
}
