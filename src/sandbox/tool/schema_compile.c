/* schema_compile.c - compile a JSON Schema document into nodes.
 *
 * Each subschema of the document becomes one node, made the first time something refers to it; the
 * address of its value in the document identifies it, so a $ref into a circle ends.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/tool/schema_node.h"
#include "sandbox/value/value_json.h"

const char *const clo_schema_type_names[CLO_SCHEMA_TYPE_COUNT] = {
    "null", "boolean", "integer", "number", "string", "array", "object"};

struct compiler {
    struct clo_schema *schema;
    struct clo_error *error;
    char place[512]; /* where in the document, for messages */
    size_t place_length;
    int depth;
};

static int bad(struct compiler *compiler, const char *keyword, const char *wanted)
{
    return clo_fail(compiler->error, CLO_EINVALID, "%s.%s must be %s", compiler->place, keyword,
                    wanted);
}

static size_t enter(struct compiler *compiler, const char *keyword, const char *name)
{
    size_t before = compiler->place_length;
    char *end = compiler->place + before;
    size_t room = sizeof compiler->place - before;
    int used = name ? snprintf(end, room, ".%s.%.60s", keyword, name)
                    : snprintf(end, room, ".%s", keyword);
    compiler->place_length += (size_t)used < room ? (size_t)used : room - 1;
    return before;
}

static void leave(struct compiler *compiler, size_t before)
{
    compiler->place_length = before;
    compiler->place[before] = '\0';
}

static int compile(struct compiler *compiler, const struct clo_value *source,
                   const struct clo_schema_node **node);

static int compile_at(struct compiler *compiler, const struct clo_value *source,
                      const char *keyword, const char *name, const struct clo_schema_node **node)
{
    size_t before = enter(compiler, keyword, name);
    int status = compile(compiler, source, node);
    leave(compiler, before);
    return status;
}

static int read_schema(struct compiler *compiler, const struct clo_value *source,
                       const char *keyword, const struct clo_schema_node **node)
{
    const struct clo_value *value = clo_value_get(source, keyword);
    return value ? compile_at(compiler, value, keyword, NULL, node) : 0;
}

static int read_group(struct compiler *compiler, const struct clo_value *source,
                      const char *keyword, struct clo_schema_group *group)
{
    const struct clo_value *value = clo_value_get(source, keyword);
    if (!value)
        return 0;
    size_t count = clo_value_count(value);
    if (clo_value_type(value) != CLO_LIST || !count)
        return bad(compiler, keyword, "a list of schemas");
    group->nodes = calloc(count, sizeof *group->nodes);
    if (!group->nodes)
        return clo_fail_memory(compiler->error);
    group->count = count;
    for (size_t i = 0; i < count; i++) {
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        int status =
            compile_at(compiler, clo_value_item(value, i), keyword, index, &group->nodes[i]);
        if (status)
            return status;
    }
    return 0;
}

static int add_type(struct compiler *compiler, const struct clo_value *name, unsigned *types)
{
    const char *text = clo_value_text(name);
    for (unsigned i = 0; text && i < CLO_SCHEMA_TYPE_COUNT; i++) {
        if (strcmp(text, clo_schema_type_names[i]) == 0) {
            *types |= 1u << i;
            return 0;
        }
    }
    return bad(
        compiler, "type",
        "one of \"null\", \"boolean\", \"integer\", \"number\", \"string\", \"array\", \"object\", or a list of them");
}

static int read_type(struct compiler *compiler, const struct clo_value *source, unsigned *types)
{
    const struct clo_value *value = clo_value_get(source, "type");
    if (!value)
        return 0;
    if (clo_value_type(value) != CLO_LIST)
        return add_type(compiler, value, types);
    if (!clo_value_count(value))
        return bad(compiler, "type", "a type or a list of at least one");
    int status = 0;
    for (size_t i = 0; i < clo_value_count(value) && !status; i++)
        status = add_type(compiler, clo_value_item(value, i), types);
    return status;
}

static int read_properties(struct compiler *compiler, const struct clo_value *source,
                           struct clo_schema_node *node)
{
    const struct clo_value *value = clo_value_get(source, "properties");
    if (!value)
        return 0;
    size_t count = clo_value_count(value);
    if (clo_value_type(value) != CLO_MAP)
        return bad(compiler, "properties", "an object");
    if (!count)
        return 0;
    node->properties = calloc(count, sizeof *node->properties);
    if (!node->properties)
        return clo_fail_memory(compiler->error);
    node->property_count = count;
    for (size_t i = 0; i < count; i++) {
        struct clo_schema_property *property = &node->properties[i];
        const struct clo_value *below =
            clo_value_member(value, i, &property->name, &property->name_length);
        int status = compile_at(compiler, below, "properties", property->name, &property->node);
        if (status)
            return status;
    }
    return 0;
}

static int read_required(struct compiler *compiler, const struct clo_value *source,
                         struct clo_schema_node *node)
{
    const struct clo_value *value = clo_value_get(source, "required");
    if (!value)
        return 0;
    if (clo_value_type(value) != CLO_LIST)
        return bad(compiler, "required", "a list of names");
    for (size_t i = 0; i < clo_value_count(value); i++) {
        if (clo_value_type(clo_value_item(value, i)) != CLO_TEXT)
            return bad(compiler, "required", "a list of names");
    }
    node->required = value;
    return 0;
}

static int read_number(struct compiler *compiler, const struct clo_value *source,
                       const char *keyword, const struct clo_value **number)
{
    const struct clo_value *value = clo_value_get(source, keyword);
    double ignored;
    if (value && !clo_value_number(value, &ignored))
        return bad(compiler, keyword, "a number");
    *number = value;
    return 0;
}

/* 2.0 is an integer, too. What 64 bits do not hold is above every count. */
static int read_count(struct compiler *compiler, const struct clo_value *source,
                      const char *keyword, int64_t *count)
{
    const struct clo_value *value = clo_value_get(source, keyword);
    double number;
    if (!value)
        return 0;
    if (!clo_value_integer(value, count)) {
        if (!clo_value_number(value, &number) || number < 0 || number != rint(number))
            return bad(compiler, keyword, "a non-negative integer");
        *count = INT64_MAX;
    }
    return *count < 0 ? bad(compiler, keyword, "a non-negative integer") : 0;
}

static int read_numbers(struct compiler *compiler, const struct clo_value *source,
                        struct clo_schema_node *node)
{
    int status = read_number(compiler, source, "minimum", &node->minimum);
    if (!status)
        status = read_number(compiler, source, "maximum", &node->maximum);
    if (!status)
        status = read_number(compiler, source, "exclusiveMinimum", &node->above);
    if (!status)
        status = read_number(compiler, source, "exclusiveMaximum", &node->below);
    if (!status)
        status = read_number(compiler, source, "multipleOf", &node->multiple);
    double multiple;
    if (!status && node->multiple &&
        (!clo_value_number(node->multiple, &multiple) || !(multiple > 0)))
        status = bad(compiler, "multipleOf", "a number greater than 0");
    if (!status)
        status = read_count(compiler, source, "minLength", &node->min_length);
    if (!status)
        status = read_count(compiler, source, "maxLength", &node->max_length);
    if (!status)
        status = read_count(compiler, source, "minItems", &node->min_items);
    if (!status)
        status = read_count(compiler, source, "maxItems", &node->max_items);
    return status;
}

static int read_pattern(struct compiler *compiler, const struct clo_value *source,
                        struct clo_schema_node *node)
{
    const struct clo_value *value = clo_value_get(source, "pattern");
    if (!value)
        return 0;
    node->pattern_text = clo_value_text(value);
    if (!node->pattern_text)
        return bad(compiler, "pattern", "a string");
    struct clo_error why;
    if (clo_pattern_compile(&node->pattern, node->pattern_text, &why))
        return clo_fail(compiler->error, CLO_EINVALID, "%s.pattern: %s", compiler->place,
                        why.message);
    return 0;
}

/* One step of a JSON pointer (RFC 6901), with its escapes undone. */
static const struct clo_value *step(const struct clo_value *at, const char *token, size_t length)
{
    char name[256];
    size_t used = 0;
    for (size_t i = 0; i < length && used + 1 < sizeof name; i++) {
        char byte = token[i];
        if (byte == '~' && i + 1 < length && (token[i + 1] == '0' || token[i + 1] == '1'))
            byte = token[++i] == '0' ? '~' : '/';
        name[used++] = byte;
    }
    name[used] = '\0';
    if (clo_value_type(at) != CLO_LIST)
        return clo_value_get(at, name);
    char *end;
    unsigned long index = strtoul(name, &end, 10);
    return used && !*end ? clo_value_item(at, index) : NULL;
}

static int read_reference(struct compiler *compiler, const struct clo_value *source,
                          struct clo_schema_node *node)
{
    const struct clo_value *value = clo_value_get(source, "$ref");
    if (!value)
        return 0;
    const char *text = clo_value_text(value);
    if (!text || text[0] != '#' || (text[1] && text[1] != '/'))
        return bad(compiler, "$ref", "a reference within the document, such as \"#/$defs/name\"");
    const struct clo_value *target = &compiler->schema->document;
    for (const char *at = text + 1; *at == '/' && target;) {
        size_t length = strcspn(++at, "/");
        target = step(target, at, length);
        at += length;
    }
    if (!target)
        return clo_fail(compiler->error, CLO_EINVALID, "%s.$ref: there is no \"%.80s\"",
                        compiler->place, text);
    return compile_at(compiler, target, "$ref", NULL, &node->reference);
}

static int read_objects(struct compiler *compiler, const struct clo_value *source,
                        struct clo_schema_node *node)
{
    int status = read_properties(compiler, source, node);
    if (!status)
        status = read_required(compiler, source, node);
    if (!status && !clo_value_get(source, "patternProperties"))
        status = read_schema(compiler, source, "additionalProperties", &node->additional);
    if (!status)
        status = read_group(compiler, source, "prefixItems", &node->prefix);
    if (!status)
        status = read_schema(compiler, source, "items", &node->items);
    const struct clo_value *unique = clo_value_get(source, "uniqueItems");
    if (unique && !clo_value_bool(unique, &node->unique) && !status)
        status = bad(compiler, "uniqueItems", "true or false");
    return status;
}

static int read_choices(struct compiler *compiler, const struct clo_value *source,
                        struct clo_schema_node *node)
{
    node->constant = clo_value_get(source, "const");
    node->allowed = clo_value_get(source, "enum");
    if (node->allowed &&
        (clo_value_type(node->allowed) != CLO_LIST || !clo_value_count(node->allowed)))
        return bad(compiler, "enum", "a list of at least one value");
    int status = read_group(compiler, source, "anyOf", &node->any);
    if (!status)
        status = read_group(compiler, source, "oneOf", &node->one);
    if (!status)
        status = read_group(compiler, source, "allOf", &node->all);
    if (!status)
        status = read_schema(compiler, source, "not", &node->excluded);
    return status;
}

static int fill(struct compiler *compiler, const struct clo_value *source,
                struct clo_schema_node *node)
{
    bool takes_all;
    node->max_items = node->max_length = INT64_MAX;
    if (clo_value_bool(source, &takes_all)) {
        node->refuses_all = !takes_all;
        return 0;
    }
    if (clo_value_type(source) != CLO_MAP)
        return clo_fail(compiler->error, CLO_EINVALID,
                        "%s must be a schema: an object, true or false", compiler->place);
    int status = read_type(compiler, source, &node->types);
    if (!status)
        status = read_reference(compiler, source, node);
    if (!status)
        status = read_objects(compiler, source, node);
    if (!status)
        status = read_numbers(compiler, source, node);
    if (!status)
        status = read_pattern(compiler, source, node);
    if (!status)
        status = read_choices(compiler, source, node);
    return status;
}

static int compile(struct compiler *compiler, const struct clo_value *source,
                   const struct clo_schema_node **result)
{
    struct clo_schema *schema = compiler->schema;
    for (size_t i = 0; i < schema->node_count; i++) {
        if (schema->nodes[i]->source == source) {
            *result = schema->nodes[i];
            return 0;
        }
    }
    if (schema->node_count == CLO_SCHEMA_NODES_MAX)
        return clo_fail(compiler->error, CLO_ELIMIT, "a schema has more than %d subschemas",
                        CLO_SCHEMA_NODES_MAX);
    if (compiler->depth == CLO_SCHEMA_DEPTH_MAX)
        return clo_fail(compiler->error, CLO_ELIMIT,
                        "%.60s...: a schema is nested more than %d levels deep", compiler->place,
                        CLO_SCHEMA_DEPTH_MAX);
    struct clo_schema_node *node = calloc(1, sizeof *node);
    if (!node)
        return clo_fail_memory(compiler->error);
    node->source = source;
    schema->nodes[schema->node_count++] = node;
    *result = node;
    compiler->depth++;
    int status = fill(compiler, source, node);
    compiler->depth--;
    return status;
}

int clo_schema_compile(struct clo_schema **result, const char *json, struct clo_error *error)
{
    *result = NULL;
    size_t length = strlen(json);
    if (length > CLO_SCHEMA_TEXT_MAX)
        return clo_fail(error, CLO_ELIMIT, "a schema has %zu bytes; at most %u are allowed", length,
                        CLO_SCHEMA_TEXT_MAX);
    struct clo_schema *schema = calloc(1, sizeof *schema);
    if (!schema)
        return clo_fail_memory(error);
    struct compiler compiler = {.schema = schema,
                                .error = error,
                                .place = "parameters",
                                .place_length = strlen("parameters")};
    const struct clo_schema_node *root;
    int status = clo_value_parse_json(&schema->document, json, length, error);
    if (!status)
        status = compile(&compiler, &schema->document, &root);
    if (status) {
        clo_schema_free(schema);
        return status;
    }
    *result = schema;
    return 0;
}

void clo_schema_free(struct clo_schema *schema)
{
    if (!schema)
        return;
    for (size_t i = 0; i < schema->node_count; i++) {
        struct clo_schema_node *node = schema->nodes[i];
        free(node->properties);
        free(node->prefix.nodes);
        free(node->any.nodes);
        free(node->one.nodes);
        free(node->all.nodes);
        pcre2_code_free(node->pattern);
        free(node);
    }
    clo_value_clear(&schema->document);
    free(schema);
}

const struct clo_value *clo_schema_document(const struct clo_schema *schema)
{
    return &schema->document;
}
