/* yaml.c - from libyaml's document to our own tree, with lines, and ${VARIABLES} filled in. */
#include "base/yaml/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buffer.h"
#include "base/error.h"

#define NAME_MAX_BYTES 256 /* of a path in errors; else they would have no room for what is wrong */

struct clo_yaml {
    char *name;
    struct clo_yaml_node root;
    size_t nodes;
};

struct copying {
    struct clo_yaml *yaml;
    yaml_document_t *document;
    struct clo_error *error;
};

/* What errors call a file: its path, as it was given, so that it can be found by them. */
static const char *name_of(const char *path)
{
    if (strlen(path) <= NAME_MAX_BYTES)
        return path;
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *clo_yaml_name(const struct clo_yaml *yaml)
{
    return yaml->name;
}

static bool is_null(const struct clo_yaml_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; node->plain && i < sizeof words / sizeof *words; i++)
        if (strcmp(node->text, words[i]) == 0)
            return true;
    return false;
}

static int copy_node(struct copying *copying, struct clo_yaml_node *to, int id, unsigned depth);

static int copy_scalar(struct copying *copying, struct clo_yaml_node *to, const yaml_node_t *from)
{
    const char *value = (const char *)from->data.scalar.value;
    if (memchr(value, '\0', from->data.scalar.length))
        return clo_yaml_fail(to, copying->error, "a text must not contain NUL");
    to->plain = from->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    to->text = strdup(value);
    if (!to->text)
        return clo_fail_memory(copying->error);
    to->kind = is_null(to) ? CLO_YAML_NULL : CLO_YAML_SCALAR;
    return 0;
}

static int reserve_items(struct copying *copying, struct clo_yaml_node *to, size_t count)
{
    to->items = calloc(count ? count : 1, sizeof *to->items);
    return to->items ? 0 : clo_fail_memory(copying->error);
}

static struct clo_yaml_place place_of(yaml_mark_t mark)
{
    return (struct clo_yaml_place){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static struct clo_yaml_node *next_item(struct clo_yaml_node *to, const char *key,
                                       struct clo_yaml_place place)
{
    struct clo_yaml_node *item = &to->items[to->count];
    item->document = to->document;
    item->parent = to;
    item->index = to->count++;
    item->key = key;
    item->at = item->key_at = place;
    return item;
}

static int copy_list(struct copying *copying, struct clo_yaml_node *to, const yaml_node_t *from,
                     unsigned depth)
{
    to->kind = CLO_YAML_LIST;
    const yaml_node_item_t *start = from->data.sequence.items.start;
    const yaml_node_item_t *end = from->data.sequence.items.top;
    int status = reserve_items(copying, to, (size_t)(end - start));
    for (; !status && start < end; start++) {
        const yaml_node_t *node = yaml_document_get_node(copying->document, *start);
        status = copy_node(copying, next_item(to, NULL, place_of(node->start_mark)), *start, depth);
    }
    return status;
}

static int copy_map(struct copying *copying, struct clo_yaml_node *to, const yaml_node_t *from,
                    unsigned depth)
{
    to->kind = CLO_YAML_MAP;
    const yaml_node_pair_t *start = from->data.mapping.pairs.start;
    const yaml_node_pair_t *end = from->data.mapping.pairs.top;
    int status = reserve_items(copying, to, (size_t)(end - start));
    for (; !status && start < end; start++) {
        const yaml_node_t *key = yaml_document_get_node(copying->document, start->key);
        if (key->type != YAML_SCALAR_NODE) {
            struct clo_yaml_node wrong = *to; /* it says where */
            wrong.at = place_of(key->start_mark);
            return clo_yaml_fail(&wrong, copying->error, "a key must be a plain word");
        }
        const char *text = (const char *)key->data.scalar.value;
        for (size_t i = 0; i < to->count; i++)
            if (strcmp(to->items[i].key, text) == 0)
                return clo_yaml_fail_key(&to->items[i], copying->error,
                                         "the key stands twice, again on line %zu",
                                         key->start_mark.line + 1);
        char *copy = strdup(text);
        if (!copy)
            return clo_fail_memory(copying->error);
        status =
            copy_node(copying, next_item(to, copy, place_of(key->start_mark)), start->value, depth);
    }
    return status;
}

static int copy_node(struct copying *copying, struct clo_yaml_node *to, int id, unsigned depth)
{
    const yaml_node_t *from = yaml_document_get_node(copying->document, id);
    to->at = place_of(from->start_mark);
    if (++copying->yaml->nodes > CLO_YAML_NODES_MAX || depth > CLO_YAML_DEPTH_MAX)
        return clo_fail(copying->error, CLO_ELIMIT,
                        "%s:%u:%u: more than %d values, with what aliases stand for, or more than "
                        "%d levels deep",
                        copying->yaml->name, to->at.line, to->at.column, CLO_YAML_NODES_MAX,
                        CLO_YAML_DEPTH_MAX);
    switch (from->type) {
    case YAML_SCALAR_NODE: return copy_scalar(copying, to, from);
    case YAML_SEQUENCE_NODE: return copy_list(copying, to, from, depth + 1);
    case YAML_MAPPING_NODE: return copy_map(copying, to, from, depth + 1);
    default: return clo_fail(copying->error, CLO_EINTERNAL, "a YAML node without a type");
    }
}

/* ---- what libyaml refuses ---- */

struct source {
    const char *text;
    size_t length;
};

/* The place of a byte. */
static struct clo_yaml_place place_at(const struct source *source, size_t offset)
{
    struct clo_yaml_place place = {1, 1};
    for (size_t i = 0; i < offset && i < source->length; i++) {
        if (source->text[i] == '\n')
            place = (struct clo_yaml_place){place.line + 1, 1};
        else
            place.column += ((unsigned char)source->text[i] & 0xc0) != 0x80;
    }
    return place;
}

static bool is_tab(const struct source *source, struct clo_yaml_place place)
{
    struct clo_yaml_place at = {1, 1};
    for (size_t i = 0; i < source->length && at.line <= place.line; i++) {
        if (source->text[i] == '\t' && at.line == place.line && at.column == place.column)
            return true;
        if (source->text[i] == '\n')
            at = (struct clo_yaml_place){at.line + 1, 1};
        else
            at.column += ((unsigned char)source->text[i] & 0xc0) != 0x80;
    }
    return false;
}

static int refuse(const struct clo_yaml *yaml, const yaml_parser_t *parser,
                  const struct source *source, struct clo_error *error)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return clo_fail_memory(error);
    bool unreadable = parser->error == YAML_READER_ERROR; /* its mark is where the parser is */
    struct clo_yaml_place place =
        unreadable ? place_at(source, parser->problem_offset) : place_of(parser->problem_mark);
    const char *problem = parser->problem ? parser->problem : "unreadable";
    if (!unreadable && is_tab(source, place))
        problem = "a tab stands here, where YAML takes only spaces";
    const char *context = parser->context ? parser->context : "";
    return clo_fail(error, CLO_EINVALID, "%s:%u:%u: not YAML: %s%s%s", yaml->name, place.line,
                    place.column, problem, *context ? ", " : "", context);
}

/* One document and no second. */
static int read_document(struct clo_yaml *yaml, yaml_parser_t *parser, const struct source *source,
                         struct clo_error *error)
{
    yaml_document_t document, second;
    if (!yaml_parser_load(parser, &document))
        return refuse(yaml, parser, source, error);
    struct copying copying = {yaml, &document, error};
    int status = 0;
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    if (!root) {
        status = clo_fail(error, CLO_EINVALID, "%s:1:1: the file is empty", yaml->name);
    } else {
        yaml->root.at = yaml->root.key_at = place_of(root->start_mark);
        status = copy_node(&copying, &yaml->root, 1, 0);
    }
    yaml_document_delete(&document);
    if (status)
        return status;
    if (!yaml_parser_load(parser, &second))
        return refuse(yaml, parser, source, error);
    root = yaml_document_get_root_node(&second);
    if (root)
        status =
            clo_fail(error, CLO_EINVALID, "%s:%zu:%zu: a second document begins; one is allowed",
                     yaml->name, root->start_mark.line + 1, root->start_mark.column + 1);
    yaml_document_delete(&second);
    return status;
}

int clo_yaml_parse(struct clo_yaml **out, const char *name, const char *text, size_t length,
                   struct clo_error *error)
{
    *out = NULL;
    yaml_parser_t parser;
    struct clo_yaml *yaml = calloc(1, sizeof *yaml);
    if (!yaml || !(yaml->name = strdup(name)) || !yaml_parser_initialize(&parser)) {
        clo_yaml_close(yaml);
        return clo_fail_memory(error);
    }
    yaml->root.document = yaml;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    int status = read_document(yaml, &parser, &(struct source){text, length}, error);
    yaml_parser_delete(&parser);
    if (status) {
        clo_yaml_close(yaml);
        return status;
    }
    *out = yaml;
    return 0;
}

int clo_yaml_open(struct clo_yaml **out, const char *path, struct clo_error *error)
{
    *out = NULL;
    FILE *file = fopen(path, "rbe");
    if (!file)
        return clo_fail_errno(error, errno == ENOENT ? CLO_ENOTFOUND : CLO_ESYSTEM,
                              "cannot open %s", path);
    struct clo_buffer text = CLO_BUFFER(CLO_YAML_FILE_MAX);
    char chunk[4096];
    size_t got;
    while (!text.failed && (got = fread(chunk, 1, sizeof chunk, file)) > 0)
        clo_buffer_append(&text, chunk, got);
    int status = 0;
    if (ferror(file))
        status = clo_fail_errno(error, CLO_ESYSTEM, "cannot read %s", path);
    else if (text.no_memory)
        status = clo_fail_memory(error);
    else if (text.failed)
        status = clo_fail(error, CLO_ELIMIT, "%s is larger than 1 MiB", path);
    else
        status = clo_yaml_parse(out, name_of(path), text.data ? text.data : "", text.length, error);
    fclose(file);
    clo_buffer_free(&text);
    return status;
}

static void clear_node(struct clo_yaml_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        clear_node(&node->items[i]);
        free((char *)node->items[i].key);
    }
    free(node->items);
    free(node->text);
}

void clo_yaml_close(struct clo_yaml *yaml)
{
    if (!yaml)
        return;
    clear_node(&yaml->root);
    free(yaml->name);
    free(yaml);
}

const struct clo_yaml_node *clo_yaml_root(const struct clo_yaml *yaml)
{
    return &yaml->root;
}

/* ${NAME} or ${NAME:-default} at `text`, which begins with "${". *end is behind the brace. That
 * `out` failed is the caller's to tell. */
static int expand_one(const struct clo_yaml_node *node, const char *text, const char **end,
                      struct clo_buffer *out, struct clo_error *error)
{
    const char *name = text + 2, *close = strchr(name, '}');
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    bool fallback = strncmp(name + length, ":-", 2) == 0;
    if (!close || length == 0 || (!fallback && name[length] != '}'))
        return clo_yaml_fail(
            node, error,
            "\"%.40s\" is no variable; write ${NAME}, ${NAME:-default}, or $${ for a plain ${",
            text);
    *end = close + 1;
    char key[128];
    if (length >= sizeof key)
        return clo_yaml_fail(node, error, "a variable's name is longer than %zu characters",
                             sizeof key - 1);
    memcpy(key, name, length);
    key[length] = '\0';
    const char *value = getenv(key);
    if (fallback && (!value || !*value))
        return clo_buffer_append(out, name + length + 2, (size_t)(close - name) - length - 2);
    if (!value)
        return clo_yaml_fail(
            node, error, "the environment variable %s is not set; set it, or write ${%s:-default}",
            key, key);
    return clo_buffer_text(out, value);
}

static int fail_expansion(const struct clo_yaml_node *node, const struct clo_buffer *out,
                          struct clo_error *error)
{
    if (out->no_memory)
        return clo_fail_memory(error);
    clo_yaml_fail(node, error, "with its variables filled in the value is larger than %u MiB",
                  CLO_YAML_FILE_MAX >> 20);
    if (error)
        error->code = CLO_ELIMIT;
    return CLO_ELIMIT;
}

static int expand_scalar(struct clo_yaml_node *node, struct clo_error *error)
{
    if (!strstr(node->text, "${"))
        return 0;
    struct clo_buffer out = CLO_BUFFER(CLO_YAML_FILE_MAX);
    int status = 0;
    for (const char *at = node->text; *at && !status;) {
        const char *dollar = strstr(at, "${");
        if (!dollar) {
            status = clo_buffer_text(&out, at);
            break;
        }
        bool escaped = dollar > at && dollar[-1] == '$';
        status = clo_buffer_append(&out, at, (size_t)(dollar - at) - escaped);
        if (status)
            break;
        if (escaped) {
            status = clo_buffer_text(&out, "${");
            at = dollar + 2;
        } else {
            status = expand_one(node, dollar, &at, &out, error);
        }
    }
    if (out.failed)
        status = fail_expansion(node, &out, error);
    char *text = status ? NULL : clo_buffer_take(&out, NULL);
    clo_buffer_free(&out);
    if (!text)
        return status ? status : clo_fail_memory(error);
    free(node->text);
    node->text = text;
    node->expanded = true;
    if (is_null(node))
        node->kind = CLO_YAML_NULL;
    return 0;
}

/* With findings: tell, and go on without the value. */
static int expand_or_tell(struct clo_yaml_node *node, struct clo_findings *findings,
                          struct clo_error *error)
{
    struct clo_error why = {0};
    int status = expand_scalar(node, findings ? &why : error);
    if (!status || !findings)
        return status;
    if (status == CLO_ENOMEMORY || clo_findings_add(findings, false, &why))
        return clo_fail_memory(error);
    node->kind = CLO_YAML_NULL;
    node->failed = true;
    return 0;
}

static int expand(struct clo_yaml_node *node, struct clo_findings *findings,
                  struct clo_error *error)
{
    if (node->kind == CLO_YAML_SCALAR)
        return expand_or_tell(node, findings, error);
    int status = 0;
    for (size_t i = 0; i < node->count && !status; i++)
        status = expand(&node->items[i], findings, error);
    return status;
}

int clo_yaml_expand(struct clo_yaml *yaml, struct clo_findings *findings, struct clo_error *error)
{
    return expand(&yaml->root, findings, error);
}
