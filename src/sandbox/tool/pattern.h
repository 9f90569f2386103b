/* sandbox/tool/pattern.h - patterns of schemas as ECMA-262 means them: unanchored, $ only at the end.
 *
 * A compiled pattern is never written again; many threads may match by it at once. Its owner frees it
 * (pcre2_code_free).
 */
#ifndef CLO_SANDBOX_TOOL_PATTERN_H
#define CLO_SANDBOX_TOOL_PATTERN_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stddef.h>

#include "cloche/error.h"

/* CLO_EINVALID says what is wrong with the text and at which byte. */
int clo_pattern_compile(pcre2_code **pattern, const char *text, struct clo_error *error);

/* TOO_HARD: the match would take more steps than one is given, the data is longer than a subject may
 * be (CLO_SCHEMA_SUBJECT_MAX bytes), or memory is out. */
enum clo_pattern_result { CLO_PATTERN_MATCH, CLO_PATTERN_NO_MATCH, CLO_PATTERN_TOO_HARD };
enum clo_pattern_result clo_pattern_match(const pcre2_code *pattern, const char *data,
                                          size_t length);

#endif
