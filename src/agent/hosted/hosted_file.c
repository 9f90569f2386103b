/* hosted_file.c - the description of a hosted agent, as Agent Framework and `azd` have it:
 *
 *     kind: hosted                       or, in a manifest, all of that below `template:`
 *     name: my-agent
 *     protocols:
 *       - protocol: responses
 *         version: 2.0.0
 *     resources: {cpu: "0.5", memory: 1Gi}
 *     environment_variables:
 *       - name: AZURE_AI_MODEL_DEPLOYMENT_NAME
 *         value: ${AZURE_AI_MODEL_DEPLOYMENT_NAME}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/hosted/hosted.h"
#include "base/error.h"

struct reading {
    struct clo_findings *findings;
    bool no_memory;
};

static void tell(struct reading *reading, bool warning, const struct clo_error *why)
{
    if (why->code == CLO_ENOMEMORY || clo_findings_add(reading->findings, warning, why))
        reading->no_memory = true;
}

static bool is_hosted(const struct clo_yaml_node *map)
{
    const struct clo_yaml_node *kind = clo_yaml_get(map, "kind");
    return kind && kind->kind == CLO_YAML_SCALAR && strcmp(kind->text, "hosted") == 0;
}

const struct clo_yaml_node *clo_hosted_part(const struct clo_yaml_node *root)
{
    if (!root || root->kind != CLO_YAML_MAP)
        return NULL;
    if (is_hosted(root))
        return root;
    const struct clo_yaml_node *template = clo_yaml_get(root, "template");
    return template && template->kind == CLO_YAML_MAP && is_hosted(template) ? template : NULL;
}

/* A list, or NULL: it is not there, or something else, which is told. */
static const struct clo_yaml_node *list_of(struct reading *reading, const struct clo_yaml_node *map,
                                           const char *key, size_t most)
{
    struct clo_error why;
    const struct clo_yaml_node *list = clo_yaml_get(map, key);
    if (!list)
        return NULL;
    if (list->kind == CLO_YAML_LIST && list->count <= most)
        return list;
    if (list->kind == CLO_YAML_LIST)
        clo_yaml_fail(list, &why, "more than %zu are not allowed", most);
    else
        clo_yaml_fail(list, &why, "a list is expected here");
    tell(reading, false, &why);
    return NULL;
}

/* The text of a member; NULL: it is not there or no text, which is told if it is `required`. */
static const char *text_of(struct reading *reading, const struct clo_yaml_node *map,
                           const char *key, bool required)
{
    struct clo_error why;
    const struct clo_yaml_node *node = map->kind == CLO_YAML_MAP ? clo_yaml_get(map, key) : NULL;
    if (node && node->kind == CLO_YAML_SCALAR)
        return node->text;
    if (!node && !required)
        return NULL;
    clo_yaml_fail(node ? node : map, &why, "\"%s: ...\" is expected here", key);
    tell(reading, false, &why);
    return NULL;
}

/* "v1", "1.0.0", "2.0.0": the first number; 0: there is none. */
static unsigned long major(const char *version)
{
    return strtoul(version + (*version == 'v'), NULL, 10);
}

static void read_protocols(struct reading *reading, const struct clo_yaml_node *part)
{
    static const char *const known[] = {"responses", "invocations"};
    struct clo_error why;
    const struct clo_yaml_node *list =
        list_of(reading, part, "protocols", CLO_HOSTED_PROTOCOLS_MAX);
    for (size_t i = 0; list && i < list->count; i++) {
        const struct clo_yaml_node *item = &list->items[i];
        const char *name = text_of(reading, item, "protocol", true);
        const char *version = text_of(reading, item, "version", false);
        bool served = name && (strcmp(name, known[0]) == 0 || strcmp(name, known[1]) == 0);
        if (name && !served) {
            clo_yaml_fail(item, &why,
                          "the protocol \"%.64s\" is not served; those that are: %s and %s", name,
                          known[0], known[1]);
            tell(reading, false, &why);
        } else if (served && version && (major(version) < 1 || major(version) > 2)) {
            clo_yaml_fail(
                item, &why,
                "version \"%.32s\" of %s is not known here; 1 and 2 are, and it is served "
                "as 2",
                version, name);
            tell(reading, true, &why);
        }
    }
}

/* ${NAME} and ${NAME:-default} filled in; NULL: a variable is missing, or out of memory. The caller
 * frees it. */
static char *filled_in(struct reading *reading, const char *value)
{
    struct clo_yaml *yaml = NULL;
    struct clo_error why = {0};
    char *text = NULL, *made = NULL;
    const struct clo_yaml_node *node;
    /* the value is made a document of its own, quoted: so one place knows what ${…} means */
    size_t length = strlen(value), at = 0;
    if (!(text = malloc(2 * length + 8))) {
        reading->no_memory = true;
        return NULL;
    }
    at += (size_t)sprintf(text, "v: '");
    for (const char *from = value; *from; from++) {
        if (*from == '\'')
            text[at++] = '\'';
        text[at++] = *from;
    }
    text[at++] = '\'';
    int status = clo_yaml_parse(&yaml, "environment_variables", text, at, &why);
    if (!status)
        status = clo_yaml_expand(yaml, NULL, &why);
    if (!status && (node = clo_yaml_get(clo_yaml_root(yaml), "v")))
        made = strdup(node->text);
    reading->no_memory |= status == CLO_ENOMEMORY;
    clo_yaml_close(yaml);
    free(text);
    return made;
}

static void read_variables(struct reading *reading, const struct clo_yaml_node *part)
{
    struct clo_error why;
    const struct clo_yaml_node *list =
        list_of(reading, part, "environment_variables", CLO_HOSTED_VARIABLES_MAX);
    for (size_t i = 0; list && i < list->count; i++) {
        const char *name = text_of(reading, &list->items[i], "name", true);
        const char *value = text_of(reading, &list->items[i], "value", false);
        if (name && (!*name || strchr(name, '='))) {
            clo_yaml_fail(&list->items[i], &why, "\"%.64s\" is no name of a variable", name);
            tell(reading, false, &why);
            continue;
        }
        if (!name || !value || strstr(value, "{{") || getenv(name))
            continue; /* the deployment fills it in, or has done so */
        char *text = filled_in(reading, value);
        if (text && *text && setenv(name, text, 0) < 0)
            reading->no_memory = true;
        free(text);
    }
}

int clo_hosted_read(const struct clo_yaml_node *part, const char **name,
                    struct clo_findings *findings, struct clo_error *error)
{
    struct reading reading = {.findings = findings};
    struct clo_error why;
    const struct clo_yaml_node *resources = clo_yaml_get(part, "resources");
    *name = text_of(&reading, part, "name", true);
    read_protocols(&reading, part);
    if (resources && resources->kind != CLO_YAML_MAP && resources->kind != CLO_YAML_LIST) {
        clo_yaml_fail(resources, &why, "\"cpu: ...\" and \"memory: ...\" are expected here");
        tell(&reading, false, &why);
    } else if (resources && resources->kind == CLO_YAML_MAP) { /* what the platform grants */
        text_of(&reading, resources, "cpu", false);
        text_of(&reading, resources, "memory", false);
    }
    read_variables(&reading, part);
    return reading.no_memory ? clo_fail_memory(error) : 0;
}
