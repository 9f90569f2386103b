/* yaml_read.c - typed reading of a YAML tree, and the errors that say where. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/yaml/yaml.h"

#define PATH_MAX_BYTES 200

/* "tools[0].library" into `path`; returns the bytes written. */
static size_t write_path(const struct clo_yaml_node *node, char *path, size_t size)
{
    size_t used = node->parent ? write_path(node->parent, path, size) : 0;
    if (!node->parent || used >= size)
        return used;
    int more = node->key ? snprintf(path + used, size - used, "%s%s", used ? "." : "", node->key)
                         : snprintf(path + used, size - used, "[%zu]", node->index);
    return used + (size_t)more;
}

/* What stands in the file goes to terminals with the message: no control characters (in UTF-8 those of
 * one byte, and 0xc2 with 0x80 to 0x9f behind it), which could hide it or forge another line. */
static void blank_controls(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        if (*at < 0x20 || *at == 0x7f)
            *at = '?';
        else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
            at[0] = at[1] = '?';
    }
}

CLO_PRINTF(4, 0)
static int fail_at(const struct clo_yaml_node *node, struct clo_yaml_place at,
                   struct clo_error *error, const char *format, va_list arguments)
{
    char path[PATH_MAX_BYTES] = "", message[512];
    vsnprintf(message, sizeof message, format, arguments);
    write_path(node, path, sizeof path);
    blank_controls(path);
    blank_controls(message);
    return clo_fail(error, CLO_EINVALID, "%s:%u:%u: %s%s%s", clo_yaml_name(node->document), at.line,
                    at.column, path, *path ? ": " : "", message);
}

int clo_yaml_fail(const struct clo_yaml_node *node, struct clo_error *error, const char *format,
                  ...)
{
    va_list arguments;
    va_start(arguments, format);
    int status = fail_at(node, node->at, error, format, arguments);
    va_end(arguments);
    return status;
}

int clo_yaml_fail_key(const struct clo_yaml_node *node, struct clo_error *error, const char *format,
                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    int status = fail_at(node, node->key_at, error, format, arguments);
    va_end(arguments);
    return status;
}

const struct clo_yaml_node *clo_yaml_get(const struct clo_yaml_node *map, const char *key)
{
    for (size_t i = 0; map && map->kind == CLO_YAML_MAP && i < map->count; i++)
        if (strcmp(map->items[i].key, key) == 0)
            return map->items[i].kind == CLO_YAML_NULL ? NULL : &map->items[i];
    return NULL;
}

#define WORD_MAX 32

/* Levenshtein's distance of two words, each looked at for WORD_MAX characters. */
static unsigned distance(const char *a, const char *b)
{
    size_t a_length = strnlen(a, WORD_MAX), b_length = strnlen(b, WORD_MAX);
    unsigned row[WORD_MAX + 1];
    for (size_t j = 0; j <= b_length; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = best < row[j] + 1 ? best : row[j] + 1;
            row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
        }
    }
    return row[b_length];
}

/* A word is like another when no more than a third of it differs. */
const char *clo_yaml_nearest(const char *word, const char *const *known)
{
    const char *best = NULL;
    size_t length = strlen(word);
    unsigned least = length < 6 ? 2 : (unsigned)(length < WORD_MAX ? length : WORD_MAX) / 3;
    for (; *known; known++) {
        bool within = length > 2 && (strstr(*known, word) || strstr(word, *known));
        unsigned far = within ? 1 : distance(word, *known); /* within: key for api_key */
        if (far < least || (far == least && !best)) {
            best = *known;
            least = far;
        }
    }
    return best;
}

int clo_yaml_fail_unknown(const struct clo_yaml_node *node, const char *const *known,
                          struct clo_error *error)
{
    const char *near = clo_yaml_nearest(node->key, known);
    if (near)
        return clo_yaml_fail_key(node, error, "unknown key; did you mean \"%s\"?", near);
    char list[PATH_MAX_BYTES] = "";
    for (size_t used = 0; *known && used < sizeof list; known++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", *known);
    return clo_yaml_fail_key(node, error, "unknown key; known here: %s", list);
}

int clo_yaml_check(const struct clo_yaml_node *map, const char *const *known,
                   struct clo_error *error)
{
    if (map->kind != CLO_YAML_MAP)
        return clo_yaml_fail(map, error, "keys and values are expected here, such as \"%s: ...\"",
                             known[0]);
    for (size_t i = 0; i < map->count; i++) {
        const char *const *name = known;
        while (*name && strcmp(*name, map->items[i].key) != 0)
            name++;
        if (!*name)
            return clo_yaml_fail_unknown(&map->items[i], known, error);
    }
    return 0;
}

/* *node is NULL where the member is absent. */
static int scalar(const struct clo_yaml_node *map, const char *key,
                  const struct clo_yaml_node **node, struct clo_error *error)
{
    *node = clo_yaml_get(map, key);
    if (*node && (*node)->kind != CLO_YAML_SCALAR)
        return clo_yaml_fail(*node, error, "a single value is expected here");
    return 0;
}

int clo_yaml_text(const struct clo_yaml_node *map, const char *key, const char **value,
                  struct clo_error *error)
{
    const struct clo_yaml_node *node;
    int status = scalar(map, key, &node, error);
    if (!status && node)
        *value = node->text;
    return status;
}

int clo_yaml_count(const struct clo_yaml_node *map, const char *key, uint64_t least, uint64_t most,
                   uint64_t *value, struct clo_error *error)
{
    const struct clo_yaml_node *node;
    int status = scalar(map, key, &node, error);
    if (status || !node)
        return status;
    uint64_t number = 0;
    bool good = *node->text != '\0';
    for (const char *at = node->text; *at && good; at++)
        good = *at >= '0' && *at <= '9' && !__builtin_mul_overflow(number, 10u, &number) &&
               !__builtin_add_overflow(number, (uint64_t)(*at - '0'), &number);
    if (!good || number < least || number > most)
        return clo_yaml_fail(node, error, "\"%.64s\" is not a whole number from %llu to %llu",
                             node->text, (unsigned long long)least, (unsigned long long)most);
    *value = number;
    return 0;
}

static int quantity(const struct clo_yaml_node *map, const char *key,
                    int (*parse)(const char *, uint64_t *, struct clo_error *), uint64_t *value,
                    struct clo_error *error)
{
    const struct clo_yaml_node *node;
    struct clo_error why;
    int status = scalar(map, key, &node, error);
    if (status || !node)
        return status;
    if (parse(node->text, value, &why))
        return clo_yaml_fail(node, error, "%s", why.message);
    if (*value == 0)
        return clo_yaml_fail(node, error, "must be more than 0; leave the key out for the default");
    return 0;
}

int clo_yaml_size(const struct clo_yaml_node *map, const char *key, uint64_t *bytes,
                  struct clo_error *error)
{
    return quantity(map, key, clo_size_parse, bytes, error);
}

int clo_yaml_duration(const struct clo_yaml_node *map, const char *key, uint64_t *milliseconds,
                      struct clo_error *error)
{
    return quantity(map, key, clo_duration_parse, milliseconds, error);
}

int clo_yaml_choice(const struct clo_yaml_node *map, const char *key, const char *const *names,
                    int *value, struct clo_error *error)
{
    const struct clo_yaml_node *node;
    int status = scalar(map, key, &node, error);
    if (status || !node)
        return status;
    char list[PATH_MAX_BYTES] = "";
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], node->text) == 0) {
            *value = i;
            return 0;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    }
    return clo_yaml_fail(node, error, "\"%.64s\" is none of %s", node->text, list);
}
