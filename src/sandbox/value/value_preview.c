/* value_preview.c - a value in a few words, as messages to a model quote it. */
#include "sandbox/value/value_preview.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"
#include "sandbox/value/value.h"
#include "sandbox/value/value_json.h"

#define TEXT_SHOWN 48 /* bytes of a text before it is cut */

static void preview_text(char *text, const struct clo_value_fields *value)
{
    size_t shown = value->text.length;
    bool cut = shown > TEXT_SHOWN;
    if (cut)
        shown = clo_utf8_cut(value->text.data, TEXT_SHOWN);
    if (!clo_utf8_strict(value->text.data, shown)) {
        snprintf(text, CLO_VALUE_PREVIEW_MAX, "text of %zu bytes with lone surrogates",
                 value->text.length);
        return;
    }
    size_t used = 0;
    text[used++] = '"';
    for (size_t i = 0; i < shown; i++) {
        char byte = value->text.data[i];
        text[used++] = (unsigned char)byte < 0x20 ? ' ' : byte; /* keep the message on one line */
    }
    snprintf(text + used, CLO_VALUE_PREVIEW_MAX - used, "%s\"", cut ? "..." : "");
}

static void preview_big(char *text, const struct clo_value *value)
{
    size_t bytes;
    clo_value_magnitude(value, NULL, &bytes);
    struct clo_buffer digits = CLO_BUFFER(CLO_JSON_DIGITS_MAX + 1);
    if (clo_big_integer_text(&digits, value) || digits.length > TEXT_SHOWN)
        snprintf(text, CLO_VALUE_PREVIEW_MAX, "an integer of %zu bytes", bytes);
    else
        snprintf(text, CLO_VALUE_PREVIEW_MAX, "%s", digits.data);
    clo_buffer_free(&digits);
}

void clo_value_preview(char text[CLO_VALUE_PREVIEW_MAX], const struct clo_value *whole)
{
    const struct clo_value_fields *value = clo_value_fields(whole);
    switch (value->type) {
    case CLO_NULL: snprintf(text, CLO_VALUE_PREVIEW_MAX, "null"); return;
    case CLO_BOOL:
        snprintf(text, CLO_VALUE_PREVIEW_MAX, "%s", value->boolean ? "true" : "false");
        return;
    case CLO_INTEGER:
        snprintf(text, CLO_VALUE_PREVIEW_MAX, "%lld", (long long)value->integer);
        return;
    case CLO_BIG_INTEGER: preview_big(text, whole); return;
    case CLO_NUMBER: {
        char number[CLO_NUMBER_FORMAT_MAX];
        clo_number_format(number, value->number);
        snprintf(text, CLO_VALUE_PREVIEW_MAX, "%s", number);
        return;
    }
    case CLO_TEXT: preview_text(text, value); return;
    case CLO_BYTES: snprintf(text, CLO_VALUE_PREVIEW_MAX, "%zu bytes", value->text.length); return;
    case CLO_LIST:
        snprintf(text, CLO_VALUE_PREVIEW_MAX, "a list of %zu item%s", value->list.count,
                 value->list.count == 1 ? "" : "s");
        return;
    case CLO_MAP:
        snprintf(text, CLO_VALUE_PREVIEW_MAX, "an object with %zu member%s", value->map.count,
                 value->map.count == 1 ? "" : "s");
        return;
    }
    snprintf(text, CLO_VALUE_PREVIEW_MAX, "of an unknown type");
}
