/* base/yaml/yaml.h - a YAML file as a small tree whose every node knows its place, so that each error
 * can say file, line, column and path: `agent.yaml:12:11: sandbox.memory: "12x" is not a size; write
 * e.g. 256MiB`. Lines and columns count from 1, columns in characters.
 *
 * The tree is immutable after clo_yaml_expand and owns all its strings. An empty plain value, ~ and
 * null are CLO_YAML_NULL, and a member that is null counts as absent. Aliases are copied out, so
 * the ceilings below also bound what a few anchors can multiply to.
 */
#ifndef CLO_BASE_YAML_YAML_H
#define CLO_BASE_YAML_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/yaml/findings.h"

#define CLO_YAML_FILE_MAX (1u << 20) /* bytes */
#define CLO_YAML_NODES_MAX 65536
#define CLO_YAML_DEPTH_MAX 64

enum clo_yaml_kind { CLO_YAML_NULL, CLO_YAML_SCALAR, CLO_YAML_LIST, CLO_YAML_MAP };

struct clo_yaml;

struct clo_yaml_place {
    unsigned line, column;
};

struct clo_yaml_node {
    enum clo_yaml_kind kind;
    struct clo_yaml_place at; /* of the value; what an alias stands for is where its anchor is */
    struct clo_yaml_place key_at; /* of the key in a map; else as `at` */
    const struct clo_yaml *document;
    const struct clo_yaml_node *parent; /* NULL: the root */
    const char *key;                    /* in a map */
    size_t index;                       /* in the parent's items */
    bool plain;                         /* a scalar without quotes */
    bool expanded;                      /* variables were filled in */
    bool failed;                        /* they could not be, and that was told; it is NULL now */
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
 * CLO_YAML_FILE_MAX. Each goes to `findings`, and its node becomes CLO_YAML_NULL; what is returned
 * is then 0, or CLO_ENOMEMORY. Without `findings` the first is returned. Keys are left alone. */
int clo_yaml_expand(struct clo_yaml *yaml, struct clo_findings *findings, struct clo_error *error);

/* CLO_EINVALID with "file:line:column: path: " before the message: where the value stands, or
 * its key. */
int clo_yaml_fail(const struct clo_yaml_node *node, struct clo_error *error, const char *format,
                  ...) CLO_PRINTF(3, 4);
int clo_yaml_fail_key(const struct clo_yaml_node *node, struct clo_error *error, const char *format,
                      ...) CLO_PRINTF(3, 4);

/* The member of a map, NULL if it is missing or null. */
const struct clo_yaml_node *clo_yaml_get(const struct clo_yaml_node *map, const char *key);

/* The one of `known` (NULL-terminated) that a wrong word was most likely meant to be; NULL: none is
 * like it. */
const char *clo_yaml_nearest(const char *word, const char *const *known);

/* CLO_EINVALID: no key of that name is known here. Names the nearest, or all of them. */
int clo_yaml_fail_unknown(const struct clo_yaml_node *node, const char *const *known,
                          struct clo_error *error);

/* Fail unless the node is a map whose keys are all among `known` (NULL-terminated). */
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
