/* trace.c - checking a traceparent, character by character. */
#include "serve/protocol/trace.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX "0123456789abcdef"
#define ID_AT 3
#define PARENT_AT 36
#define FLAGS_AT 53
#define KNOWN_FLAGS 3u /* sampled, random */

/* `length` lower-case hex digits, and something that is no digit behind them. */
static bool is_hex(const char *text, size_t length)
{
    return strspn(text, HEX) == length;
}

static bool is_valid(const char *header)
{
    if (!is_hex(header, 2) || header[2] != '-' || !is_hex(header + ID_AT, 32) ||
        header[PARENT_AT - 1] != '-' || !is_hex(header + PARENT_AT, 16) ||
        header[FLAGS_AT - 1] != '-' || !is_hex(header + FLAGS_AT, 2))
        return false;
    char end = header[CLO_TRACE_PARENT_MAX];
    bool first = strncmp(header, "00", 2) == 0;
    return strncmp(header, "ff", 2) != 0 && (end == '\0' || (end == '-' && !first)) &&
           strspn(header + ID_AT, "0") < 32 && strspn(header + PARENT_AT, "0") < 16;
}

void clo_trace_take(const char *header, char parent[CLO_TRACE_PARENT_MAX + 1])
{
    parent[0] = '\0';
    if (!header || !is_valid(header))
        return;
    unsigned flags = (unsigned)strtoul(header + FLAGS_AT, NULL, 16) & KNOWN_FLAGS;
    snprintf(parent, CLO_TRACE_PARENT_MAX + 1, "00%.51s%02x", header + 2, flags);
}

void clo_trace_id(const char *parent, char id[CLO_TRACE_ID_MAX + 1])
{
    snprintf(id, CLO_TRACE_ID_MAX + 1, "%s", *parent ? parent + ID_AT : "");
}
