/* signature.c - from JSON Schema's types to Python's, as far as a reader needs them. */
#include "codeact/signature.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static void write_type(struct clo_buffer *out, const json_t *schema, const json_t *root,
                       unsigned depth);

/* A JSON value as Python writes it. */
static void write_value(struct clo_buffer *out, const json_t *value)
{
    if (json_is_true(value) || json_is_false(value)) {
        clo_buffer_text(out, json_is_true(value) ? "True" : "False");
    } else if (json_is_null(value)) {
        clo_buffer_text(out, "None");
    } else if (json_is_array(value) || json_is_object(value)) {
        bool list = json_is_array(value);
        clo_buffer_text(out, list ? "[" : "{");
        clo_buffer_text(out, json_array_size(value) || json_object_size(value) ? "..." : "");
        clo_buffer_text(out, list ? "]" : "}");
    } else {
        char *text = clo_json_dump(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        clo_buffer_text(out, text ? text : "...");
        free(text);
    }
}

static bool write_literal(struct clo_buffer *out, const json_t *values)
{
    size_t count = json_array_size(values), index;
    const json_t *value;
    if (count == 0 || count > CLO_SIGNATURE_ENUM_MAX)
        return false;
    clo_buffer_text(out, "Literal[");
    json_array_foreach(values, index, value) {
        clo_buffer_text(out, index ? ", " : "");
        write_value(out, value);
    }
    clo_buffer_text(out, "]");
    return true;
}

static void write_union(struct clo_buffer *out, const json_t *choices, const json_t *root,
                        unsigned depth)
{
    size_t index;
    const json_t *choice;
    json_array_foreach(choices, index, choice) {
        clo_buffer_text(out, index ? " | " : "");
        write_type(out, choice, root, depth + 1);
    }
}

/* "#/$defs/name" within the tool's own schema. */
static const json_t *follow(const json_t *root, const char *reference)
{
    static const char *const places[] = {"$defs", "definitions"};
    for (size_t i = 0; reference && i < 2; i++) {
        size_t length = strlen(places[i]);
        if (strncmp(reference, "#/", 2) == 0 && strncmp(reference + 2, places[i], length) == 0 &&
            reference[2 + length] == '/')
            return json_object_get(json_object_get(root, places[i]), reference + 3 + length);
    }
    return NULL;
}

static void write_named(struct clo_buffer *out, const char *type, const json_t *schema,
                        const json_t *root, unsigned depth)
{
    static const char *const names[][2] = {{"string", "str"},
                                           {"integer", "int"},
                                           {"number", "float"},
                                           {"boolean", "bool"},
                                           {"null", "None"}};
    for (size_t i = 0; i < 5; i++)
        if (strcmp(type, names[i][0]) == 0) {
            clo_buffer_text(out, names[i][1]);
            return;
        }
    const json_t *inner = NULL;
    if (strcmp(type, "array") == 0) {
        clo_buffer_text(out, "list");
        inner = json_object_get(schema, "items");
    } else if (strcmp(type, "object") == 0) {
        clo_buffer_text(out, "dict");
        inner = json_object_get(schema, "additionalProperties");
    } else {
        clo_buffer_text(out, "Any");
    }
    if (!json_is_object(inner))
        return;
    clo_buffer_text(out, strcmp(type, "array") == 0 ? "[" : "[str, ");
    write_type(out, inner, root, depth + 1);
    clo_buffer_text(out, "]");
}

/* False: nothing was written, for the schema says nothing that Python's types can. */
static bool write_known(struct clo_buffer *out, const json_t *schema, const json_t *root,
                        unsigned depth)
{
    const json_t *type = json_object_get(schema, "type"), *word;
    const json_t *fixed = json_object_get(schema, "const");
    const json_t *any = json_object_get(schema, "anyOf");
    const json_t *target = follow(root, clo_json_text(schema, "$ref"));
    size_t index;
    any = any ? any : json_object_get(schema, "oneOf");
    if (fixed) {
        clo_buffer_text(out, "Literal[");
        write_value(out, fixed);
        clo_buffer_text(out, "]");
    } else if (write_literal(out, json_object_get(schema, "enum"))) {
        return true;
    } else if (json_is_string(type)) {
        write_named(out, json_string_value(type), schema, root, depth);
    } else if (json_array_size(type)) {
        json_array_foreach(type, index, word) {
            clo_buffer_text(out, index ? " | " : "");
            write_named(out, json_is_string(word) ? json_string_value(word) : "", schema, root,
                        depth);
        }
    } else if (json_array_size(any)) {
        write_union(out, any, root, depth);
    } else if (target) {
        write_type(out, target, root, depth + 1);
    } else {
        return false;
    }
    return true;
}

static void write_type(struct clo_buffer *out, const json_t *schema, const json_t *root,
                       unsigned depth)
{
    if (depth > CLO_SIGNATURE_DEPTH_MAX || !write_known(out, schema, root, depth))
        clo_buffer_text(out, "Any");
}

static bool is_required(const json_t *schema, const char *name)
{
    size_t index;
    const json_t *entry;
    json_array_foreach(json_object_get(schema, "required"), index, entry) {
        if (json_is_string(entry) && strcmp(json_string_value(entry), name) == 0)
            return true;
    }
    return false;
}

/* A name that Python's grammar does not take has to be passed as **{"name": value}. */
static bool is_identifier(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char *const reserved[] = {
        "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
        "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
        "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
        "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield",
    };
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(reserved[i], name) == 0)
            return false;
    size_t start = strspn(name, letters);
    return start > 0 &&
           name[start + strspn(name + start, "abcdefghijklmnopqrstuvwxyz"
                                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")] == '\0';
}

static void write_parameter(struct clo_buffer *out, const char *name, const json_t *schema,
                            const json_t *root, bool required)
{
    bool plain = is_identifier(name);
    const json_t *standard = json_object_get(schema, "default");
    if (plain)
        clo_buffer_format(out, "%s: ", name);
    else
        clo_buffer_format(out, "**{\"%s\": ", name);
    write_type(out, schema, root, 0);
    if (!required) {
        clo_buffer_text(out, " = ");
        if (standard)
            write_value(out, standard);
        else
            clo_buffer_text(out, "...");
    }
    clo_buffer_text(out, plain ? "" : "}");
}

void clo_signature_write(struct clo_buffer *out, const char *name, const json_t *schema)
{
    const char *parameter;
    json_t *type, *properties = json_object_get(schema, "properties");
    size_t written = 0;
    clo_buffer_format(out, "%s(", name);
    for (int required = 1; required >= 0; required--)
        json_object_foreach(properties, parameter, type) {
            if (is_required(schema, parameter) != required)
                continue;
            clo_buffer_text(out, written++ ? ", " : "");
            write_parameter(out, parameter, type, schema, required);
        }
    clo_buffer_text(out, ")");
}
