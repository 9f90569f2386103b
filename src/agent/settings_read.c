/* settings_read.c - from the tree of an agent.yaml to its settings, by the table. */
#include <stdio.h>
#include <string.h>

#include "agent/settings.h"
#include "base/error.h"
#include "base/quantity.h"
#include "base/utf8.h"

#define NAMES_MAX 32 /* keys of one section */

struct reader {
    struct clo_findings *findings;
    bool no_memory, named; /* named: the agent has its name elsewhere */
};

/* Of all checks: what is wrong is told, and reading goes on. */
static void tell(struct reader *reader, const struct clo_error *why)
{
    if (clo_findings_add(reader->findings, false, why))
        reader->no_memory = true;
}

static const struct clo_setting *find(const struct clo_setting *parts, const char *name)
{
    for (; parts->name; parts++)
        if (strcmp(parts->name, name) == 0)
            return parts;
    return NULL;
}

/* ---- one value; CLO_EINVALID says what is wrong ---- */

static int read_text(const struct clo_setting *setting, const struct clo_yaml_node *node,
                     const char **value, struct clo_error *error)
{
    size_t length = strlen(node->text);
    if (setting->kind == CLO_SETTING_PATH && !length)
        return clo_yaml_fail(node, error, "the name of a file is expected here");
    if (node->expanded && !clo_utf8_strict(node->text, length))
        return clo_yaml_fail(node, error, "not UTF-8 with its variables filled in");
    if (setting->most && length > setting->most)
        return clo_yaml_fail(node, error, "%zu bytes long; at most %llu are allowed", length,
                             (unsigned long long)setting->most);
    *value = node->text;
    return 0;
}

static void format(char text[CLO_QUANTITY_TEXT_MAX], enum clo_setting_kind kind, uint64_t value)
{
    if (kind == CLO_SETTING_SIZE)
        clo_size_format(text, value);
    else if (kind == CLO_SETTING_DURATION)
        clo_duration_format(text, value);
    else
        snprintf(text, CLO_QUANTITY_TEXT_MAX, "%llu", (unsigned long long)value);
}

static int read_number(const struct clo_setting *setting, const struct clo_yaml_node *node,
                       uint64_t *value, struct clo_error *error)
{
    char least[CLO_QUANTITY_TEXT_MAX], most[CLO_QUANTITY_TEXT_MAX];
    struct clo_error why;
    uint64_t number = 0;
    if (setting->words && strcmp(setting->words[0], node->text) == 0) {
        *value = setting->word;
        return 0;
    }
    int status = setting->kind == CLO_SETTING_SIZE ? clo_size_parse(node->text, &number, &why)
                                                   : clo_duration_parse(node->text, &number, &why);
    if (status)
        return clo_yaml_fail(node, error, "%s%s%s", why.message, setting->words ? ", or " : "",
                             setting->words ? setting->words[0] : "");
    if (number >= setting->least && number <= setting->most) {
        *value = number;
        return 0;
    }
    format(least, setting->kind, setting->least);
    format(most, setting->kind, setting->most);
    if (setting->most == UINT64_MAX)
        return clo_yaml_fail(node, error, "\"%.64s\" is less than %s", node->text, least);
    return clo_yaml_fail(node, error, "\"%.64s\" is not from %s to %s", node->text, least, most);
}

static int read_choice(const struct clo_setting *setting, const struct clo_yaml_node *node,
                       uint64_t *value, struct clo_error *error)
{
    char list[200] = "";
    size_t used = 0;
    for (uint64_t i = 0; setting->words[i]; i++) {
        if (strcmp(setting->words[i], node->text) == 0) {
            *value = i + 1;
            return 0;
        }
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 setting->words[i]);
    }
    if (setting->refuse)
        return setting->refuse(node, error);
    return clo_yaml_fail(node, error, "\"%.64s\" is none of %s", node->text, list);
}

static int read_value(const struct clo_setting *setting, const struct clo_yaml_node *node, void *to,
                      struct clo_error *error)
{
    if (node->kind != CLO_YAML_SCALAR)
        return clo_yaml_fail(node, error, "a single value is expected here");
    switch (setting->kind) {
    case CLO_SETTING_COUNT:
        return clo_yaml_count(node->parent, node->key, setting->least, setting->most, to, error);
    case CLO_SETTING_SIZE:
    case CLO_SETTING_DURATION: return read_number(setting, node, to, error);
    case CLO_SETTING_CHOICE: return read_choice(setting, node, to, error);
    default: return read_text(setting, node, to, error);
    }
}

/* ---- keys ---- */

/* A key that is known, but elsewhere: the section that it belongs to. */
static const char *section_of(const char *name)
{
    for (const struct clo_setting *section = clo_settings; section->name; section++)
        if (section->kind == CLO_SETTING_SECTION && find(section->parts, name))
            return section->name;
    return NULL;
}

static void tell_unknown(struct reader *reader, const struct clo_setting *parts,
                         const struct clo_yaml_node *node)
{
    const char *names[NAMES_MAX + 1] = {0}, *section = section_of(node->key);
    struct clo_error why;
    for (size_t i = 0; i < NAMES_MAX && parts[i].name; i++)
        names[i] = parts[i].name;
    if (find(clo_settings, node->key))
        clo_yaml_fail_key(node, &why, "unknown key; \"%s\" belongs to the top level", node->key);
    else if (section)
        clo_yaml_fail_key(node, &why, "unknown key; \"%s\" belongs under \"%s\"", node->key,
                          section);
    else
        clo_yaml_fail_unknown(node, names, &why);
    tell(reader, &why);
}

static void read_map(struct reader *reader, const struct clo_setting *parts,
                     const struct clo_yaml_node *map, char *settings);

static void read_list(struct reader *reader, const struct clo_setting *setting,
                      const struct clo_yaml_node *list, char *settings)
{
    struct clo_error why;
    size_t *count = (size_t *)(void *)(settings + setting->at);
    if (list->kind != CLO_YAML_LIST) {
        clo_yaml_fail(list, &why, "a list is expected here, of \"- %s: ...\"",
                      setting->parts[0].name);
        tell(reader, &why);
        return;
    }
    if (list->count > setting->most) {
        clo_yaml_fail(&list->items[setting->most], &why, "more than %llu are not allowed",
                      (unsigned long long)setting->most);
        tell(reader, &why);
        return;
    }
    for (; *count < list->count; ++*count) {
        struct clo_library_setting *item =
            (void *)(settings + setting->items + *count * setting->item_size);
        item->node = &list->items[*count];
        if (!item->node->failed)
            read_map(reader, setting->parts, item->node, (char *)item);
    }
}

static void read_map(struct reader *reader, const struct clo_setting *parts,
                     const struct clo_yaml_node *map, char *settings)
{
    struct clo_error why;
    if (map->kind != CLO_YAML_MAP) {
        clo_yaml_fail(map, &why, "keys and values are expected here, such as \"%s: ...\"",
                      parts->name);
        tell(reader, &why);
        return;
    }
    for (size_t i = 0; i < map->count; i++) {
        const struct clo_yaml_node *node = &map->items[i];
        const struct clo_setting *setting = find(parts, node->key);
        if (!setting)
            tell_unknown(reader, parts, node);
        else if (node->kind == CLO_YAML_NULL)
            continue; /* counts as absent */
        else if (setting->kind == CLO_SETTING_SECTION)
            read_map(reader, setting->parts, node, settings);
        else if (setting->kind == CLO_SETTING_LIST)
            read_list(reader, setting, node, settings);
        else if (read_value(setting, node, settings + setting->at, &why))
            tell(reader, &why);
    }
    for (; parts->name; parts++) {
        size_t i = 0;
        while (i < map->count && (strcmp(map->items[i].key, parts->name) != 0 ||
                                  (map->items[i].kind == CLO_YAML_NULL && !map->items[i].failed)))
            i++;
        bool elsewhere = reader->named && !map->parent && strcmp(parts->name, "name") == 0;
        if (parts->required && i == map->count && !elsewhere) {
            clo_yaml_fail(map, &why, "\"%s: ...\" is expected here", parts->name);
            tell(reader, &why);
        }
    }
}

int clo_settings_read(struct clo_agent_settings *settings, const struct clo_yaml_node *root,
                      const char *name, struct clo_findings *findings, struct clo_error *error)
{
    struct reader reader = {.findings = findings, .named = name != NULL};
    *settings = (struct clo_agent_settings){0};
    if (!root->failed)
        read_map(&reader, clo_settings, root, (char *)settings);
    if (!settings->name)
        settings->name = name;
    return reader.no_memory ? clo_fail_memory(error) : 0;
}
