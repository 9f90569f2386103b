/* sandbox/tool/schema_check.h - what the parts of the checker share: where it is, and how it
 * complains. */
#ifndef CLO_SANDBOX_TOOL_SCHEMA_CHECK_H
#define CLO_SANDBOX_TOOL_SCHEMA_CHECK_H

#include "sandbox/tool/schema_node.h"
#include "sandbox/value/value.h"

struct clo_check {
    const char *subject;
    struct clo_error *error;
    size_t steps;
    int depth;
    bool null_refused; /* somewhere, for an optional member */
    bool lenient;      /* such a null is taken for absent: it is noted here */
    struct clo_value **absent;
    size_t absent_count, absent_capacity;
};

/* The way from the arguments to the value in hand; the root has no parent. */
struct clo_check_place {
    const struct clo_check_place *parent;
    const char *name; /* NULL: an item of a list */
    size_t index;
};

int clo_check_node(struct clo_check *check, const struct clo_schema_node *node,
                   struct clo_value *value, const struct clo_check_place *place);

/* "compute: argument 'x' is 5; it must be <wanted>" */
int clo_check_fail(struct clo_check *check, const struct clo_check_place *place,
                   const struct clo_value *value, const char *wanted, ...) CLO_PRINTF(4, 5);

int clo_check_fail_missing(struct clo_check *check, const struct clo_check_place *place,
                           const struct clo_schema_node *node, const struct clo_value *map);
int clo_check_fail_unexpected(struct clo_check *check, const struct clo_check_place *place,
                              const struct clo_schema_node *node, const struct clo_member *member);
int clo_check_fail_type(struct clo_check *check, const struct clo_check_place *place,
                        const struct clo_schema_node *node, const struct clo_value *value);
int clo_check_fail_enum(struct clo_check *check, const struct clo_check_place *place,
                        const struct clo_schema_node *node, const struct clo_value *value);

#endif
