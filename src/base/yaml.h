/* base/yaml.h - a YAML file as a small tree whose every node knows its place, so that each error
 * can say file, line and path: `agent.yaml:12: sandbox.memory: "12x" is not a size; write e.g.
 * 256MiB`.
 *
 * The tree is immutable after clo_yaml_expand and owns all its strings. An empty plain value, ~ and
 * null are CLO_YAML_NULL, and a member that is null counts as absent. Aliases are copied out, so
 * the ceilings below also bound what a few anchors can multiply to.
 */
#ifndef CLO_BASE_YAML_H
#define CLO_BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloche/error.h"

#define CLO_YAML_FILE_MAX (1u << 20) /* bytes */
#define CLO_YAML_NODES_MAX 65536
#define CLO_YAML_DEPTH_MAX 64

enum clo_yaml_kind { CLO_YAML_NULL, CLO_YAML_SCALAR, CLO_YAML_LIST, CLO_YAML_MAP };

struct clo_yaml;

struct clo_yaml_node {
    enum clo_yaml_kind kind;
    unsigned line;
    const struct clo_yaml *document;
    const struct clo_yaml_node *parent; /* NULL: the root */
    const char *key;                    /* in a map */
    size_t index;                       /* in the parent's items */
    bool plain;                         /* a scalar without quotes */
    char *text;                         /* SCALAR: UTF-8 without NUL */
    struct clo_yaml_node *items;        /* LIST, MAP */
    size_t count;
};

/* Errors: CLO_ENOTFOUND, CLO_EINVALID (what libyaml says, with the line; a key twice; more than one
 * document), CLO_ELIMIT, CLO_ENOMEMORY. `name` is what errors call the text. */
int clo_yaml_open(struct clo_yaml **out, const char *path, struct clo_error *error);
int clo_yaml_parse(struct clo_yaml **out, const char *name, const char *text, size_t length,
                   struct clo_error *error);
void clo_yaml_close(struct clo_yaml *yaml);
const char *clo_yaml_name(const struct clo_yaml *yaml);
const struct clo_yaml_node *clo_yaml_root(const struct clo_yaml *yaml);

/* Replace ${NAME} and ${NAME:-default} in every value by environment variables; $${ stands for ${.
 * A variable that is not set and has no default is an error; so is a value that grows above
 * CLO_YAML_FILE_MAX. Keys are left alone. */
int clo_yaml_expand(struct clo_yaml *yaml, struct clo_error *error);

/* CLO_EINVALID with "file:line: path: " before the message. */
int clo_yaml_fail(const struct clo_yaml_node *node, struct clo_error *error, const char *format,
                  ...) CLO_PRINTF(3, 4);

/* The member of a map, NULL if it is missing or null. */
const struct clo_yaml_node *clo_yaml_get(const struct clo_yaml_node *map, const char *key);

/* Fail unless the node is a map whose keys are all among `known` (NULL-terminated); the message
 * names the nearest known key. */
int clo_yaml_check(const struct clo_yaml_node *map, const char *const *known,
                   struct clo_error *error);

/* Typed members. An absent member is no error and leaves *value as it was. */
int clo_yaml_text(const struct clo_yaml_node *map, const char *key, const char **value,
                  struct clo_error *error);
int clo_yaml_count(const struct clo_yaml_node *map, const char *key, uint64_t least, uint64_t most,
                   uint64_t *value, struct clo_error *error);
int clo_yaml_size(const struct clo_yaml_node *map, const char *key, uint64_t *bytes,
                  struct clo_error *error);
int clo_yaml_duration(const struct clo_yaml_node *map, const char *key, uint64_t *milliseconds,
                      struct clo_error *error);
/* *value becomes the position in `names` (NULL-terminated) of the text that stands there. */
int clo_yaml_choice(const struct clo_yaml_node *map, const char *key, const char *const *names,
                    int *value, struct clo_error *error);

#endif
