/* sandbox/tool/schema_node.h - a compiled schema, shared by its compiler and its checker.
 *
 * Nodes live in one table and point to each other and into the kept document; a $ref may make
 * circles. Nothing is written after compilation.
 */
#ifndef CLO_SANDBOX_TOOL_SCHEMA_NODE_H
#define CLO_SANDBOX_TOOL_SCHEMA_NODE_H

#include <stdint.h>

#include "base/buffer.h"
#include "sandbox/tool/pattern.h"
#include "sandbox/tool/schema.h"

enum clo_schema_type {
    CLO_SCHEMA_NULL = 1u << 0,
    CLO_SCHEMA_BOOLEAN = 1u << 1,
    CLO_SCHEMA_INTEGER = 1u << 2,
    CLO_SCHEMA_NUMBER = 1u << 3,
    CLO_SCHEMA_STRING = 1u << 4,
    CLO_SCHEMA_ARRAY = 1u << 5,
    CLO_SCHEMA_OBJECT = 1u << 6,
};
#define CLO_SCHEMA_TYPE_COUNT 7
extern const char *const clo_schema_type_names[CLO_SCHEMA_TYPE_COUNT];

struct clo_schema_property {
    const char *name;
    size_t name_length;
    const struct clo_schema_node *node;
};

struct clo_schema_group { /* anyOf, oneOf, allOf, prefixItems */
    const struct clo_schema_node **nodes;
    size_t count;
};

struct clo_schema_node {
    const struct clo_value *source;
    bool refuses_all;                /* the schema `false` */
    unsigned types;                  /* set of enum clo_schema_type; 0: any */
    const struct clo_value *allowed; /* enum: a list */
    const struct clo_value *constant;
    const struct clo_schema_node *reference;

    struct clo_schema_property *properties;
    size_t property_count;
    const struct clo_value *required; /* a list of texts */
    const struct clo_schema_node *additional;

    struct clo_schema_group prefix;
    const struct clo_schema_node *items;
    int64_t min_items, max_items;
    bool unique;

    const struct clo_value *minimum, *maximum, *above, *below, *multiple;
    int64_t min_length, max_length;
    pcre2_code *pattern;
    const char *pattern_text;

    struct clo_schema_group any, one, all;
    const struct clo_schema_node *excluded; /* not */
};

struct clo_schema {
    struct clo_value document;
    struct clo_schema_node *nodes[CLO_SCHEMA_NODES_MAX];
    size_t node_count;
};

#endif
