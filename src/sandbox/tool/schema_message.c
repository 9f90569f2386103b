/* schema_message.c - complaints from which a model can mend its call.
 *
 * Each names the argument, the value it has and what is wanted: `compute: argument 'operation' is
 * "modulo"; it must be one of "add", "subtract"`.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/tool/schema_check.h"
#include "sandbox/value/value_preview.h"

#define MESSAGE_MAX 700 /* below clo_error.message, so that nothing is cut in mid-word later */
#define PLACE_MAX 200

static const char *const type_phrases[CLO_SCHEMA_TYPE_COUNT] = {
    "null", "true or false", "an integer", "a number", "a string", "a list", "an object"};

static void path(const struct clo_check_place *place, char *text, size_t size)
{
    if (!place->parent)
        return;
    path(place->parent, text, size);
    size_t used = strlen(text);
    if (place->name)
        snprintf(text + used, size - used, "%s%.64s", used ? "." : "", place->name);
    else
        snprintf(text + used, size - used, "[%zu]", place->index);
}

/* "argument 'a.b[2]'", or "the arguments" at the root */
static void name_place(const struct clo_check_place *place, char text[PLACE_MAX])
{
    char inner[PLACE_MAX - 16] = "";
    path(place, inner, sizeof inner);
    if (place->parent)
        snprintf(text, PLACE_MAX, "argument '%s'", inner);
    else
        snprintf(text, PLACE_MAX, "the arguments");
}

int clo_check_fail(struct clo_check *check, const struct clo_check_place *place,
                   const struct clo_value *value, const char *wanted, ...)
{
    char where[PLACE_MAX], what[CLO_VALUE_PREVIEW_MAX], must[MESSAGE_MAX];
    name_place(place, where);
    clo_value_preview(what, value);
    va_list arguments;
    va_start(arguments, wanted);
    vsnprintf(must, sizeof must, wanted, arguments);
    va_end(arguments);
    bool root = !place->parent;
    return clo_fail(check->error, CLO_EINVALID, "%s: %s %s %s; %s must be %s", check->subject,
                    where, root ? "are" : "is", what, root ? "they" : "it", must);
}

static void append(struct clo_buffer *text, const char *separator, const char *name)
{
    if (text->length)
        clo_buffer_text(text, separator);
    clo_buffer_format(text, "'%.64s'", name);
}

int clo_check_fail_missing(struct clo_check *check, const struct clo_check_place *place,
                           const struct clo_schema_node *node, const struct clo_value *map)
{
    struct clo_buffer names = CLO_BUFFER(MESSAGE_MAX);
    size_t count = 0;
    for (size_t i = 0; i < clo_value_count(node->required); i++) {
        size_t length;
        const char *name = clo_value_text_n(clo_value_item(node->required, i), &length);
        if (!clo_value_get_n(map, name, length)) {
            append(&names, ", ", name);
            count++;
        }
    }
    const char *shown = names.data ? names.data : "";
    const char *end = count == 1 ? "is missing" : "are missing";
    int status;
    if (!place->parent) {
        status = clo_fail(check->error, CLO_EINVALID, "%s: argument%s %s %s", check->subject,
                          count == 1 ? "" : "s", shown, end);
    } else {
        char where[PLACE_MAX];
        name_place(place, where);
        status = clo_fail(check->error, CLO_EINVALID, "%s: in %s, member%s %s %s", check->subject,
                          where, count == 1 ? "" : "s", shown, end);
    }
    clo_buffer_free(&names);
    return status;
}

int clo_check_fail_unexpected(struct clo_check *check, const struct clo_check_place *place,
                              const struct clo_schema_node *node, const struct clo_member *member)
{
    struct clo_buffer names = CLO_BUFFER(MESSAGE_MAX);
    for (size_t i = 0; i < node->property_count; i++)
        append(&names, ", ", node->properties[i].name);
    const char *known = names.data ? names.data : "";
    const char *noun = place->parent ? "member" : "argument";
    char where[PLACE_MAX] = "", in[PLACE_MAX + 8] = "";
    if (place->parent) {
        name_place(place, where);
        snprintf(in, sizeof in, "in %s, ", where);
    }
    int status;
    if (!node->property_count)
        status =
            clo_fail(check->error, CLO_EINVALID, "%s: %sunexpected %s '%.64s'; no %ss are allowed",
                     check->subject, in, noun, member->name, noun);
    else if (node->property_count == 1)
        status =
            clo_fail(check->error, CLO_EINVALID, "%s: %sunexpected %s '%.64s'; the only %s is %s",
                     check->subject, in, noun, member->name, noun, known);
    else
        status = clo_fail(check->error, CLO_EINVALID, "%s: %sunexpected %s '%.64s'; the %ss are %s",
                          check->subject, in, noun, member->name, noun, known);
    clo_buffer_free(&names);
    return status;
}

int clo_check_fail_type(struct clo_check *check, const struct clo_check_place *place,
                        const struct clo_schema_node *node, const struct clo_value *value)
{
    char wanted[160] = "";
    for (unsigned i = 0; i < CLO_SCHEMA_TYPE_COUNT; i++) {
        if (!(node->types & 1u << i))
            continue;
        size_t used = strlen(wanted);
        snprintf(wanted + used, sizeof wanted - used, "%s%s", used ? " or " : "", type_phrases[i]);
    }
    return clo_check_fail(check, place, value, "%s", wanted);
}

int clo_check_fail_enum(struct clo_check *check, const struct clo_check_place *place,
                        const struct clo_schema_node *node, const struct clo_value *value)
{
    struct clo_buffer wanted = CLO_BUFFER(MESSAGE_MAX / 2);
    for (size_t i = 0; i < clo_value_count(node->allowed) && !wanted.failed; i++) {
        char item[CLO_VALUE_PREVIEW_MAX];
        clo_value_preview(item, clo_value_item(node->allowed, i));
        clo_buffer_format(&wanted, "%s%s", i ? ", " : "", item);
    }
    int status = clo_check_fail(check, place, value, "one of %s%s", wanted.data ? wanted.data : "",
                                wanted.failed ? ", ..." : "");
    clo_buffer_free(&wanted);
    return status;
}
