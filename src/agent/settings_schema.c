/* settings_schema.c - the table of agent.yaml's keys as a JSON Schema, for editors.
 *
 * A schema sees values after YAML has read them: what it cannot see (ranges of "12MiB", variables, files)
 * is `cloche check`'s to say. What the reader takes, the schema takes.
 */
#include "agent/settings.h"
#include "base/json.h"

#define NUMBER "^ *[0-9]+(\\.[0-9]{1,9})? *"

static json_t *section(const struct clo_setting *parts);

/* As clo_json_put, at the end of an array. */
static void append(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) == 0)
        return;
    json_decref(*array);
    *array = NULL;
}

static json_t *reference(const char *name)
{
    return json_pack("{s:s+}", "$ref", "#/$defs/", name);
}

/* A plain number: milliseconds stand there as seconds. */
static json_t *bound(uint64_t value, unsigned unit)
{
    return value % unit ? json_real((double)value / unit)
                        : json_integer((json_int_t)(value / unit));
}

static json_t *range(const struct clo_setting *setting)
{
    unsigned unit = setting->kind == CLO_SETTING_DURATION ? 1000 : 1;
    json_t *number =
        json_pack("{s:s}", "type", setting->kind == CLO_SETTING_COUNT ? "integer" : "number");
    clo_json_put(&number, "minimum", bound(setting->least, unit));
    if (setting->most <= INT64_MAX) /* else there is none */
        clo_json_put(&number, "maximum", bound(setting->most, unit));
    return number;
}

static json_t *words(const struct clo_setting *setting)
{
    json_t *list = json_array(), *choice = json_object();
    for (size_t i = 0; setting->words[i]; i++)
        append(&list, json_string(setting->words[i]));
    clo_json_put(&choice, "enum", list);
    return choice;
}

static json_t *text(const struct clo_setting *setting)
{
    json_t *types = json_pack("[s,s,s]", "string", "number", "boolean"), *schema = json_object();
    if (!setting->required)
        append(&types, json_string("null"));
    clo_json_put(&schema, "type", types);
    if (setting->kind == CLO_SETTING_PATH)
        clo_json_put(&schema, "minLength", json_integer(1));
    return schema;
}

/* The forms in which a number, or one of some words, may stand. */
static json_t *forms(const struct clo_setting *setting)
{
    json_t *list = json_array();
    switch (setting->kind) {
    case CLO_SETTING_COUNT:
        append(&list, range(setting));
        append(&list, reference("digits"));
        break;
    case CLO_SETTING_SIZE:
        append(&list, range(setting));
        append(&list, reference("size"));
        break;
    case CLO_SETTING_DURATION:
        append(&list, range(setting));
        append(&list, reference("duration"));
        if (setting->words)
            append(&list, words(setting));
        break;
    default: append(&list, words(setting)); break;
    }
    append(&list, reference("variable"));
    append(&list, json_pack("{s:s}", "type", "null"));
    return list;
}

static json_t *standard(const struct clo_setting *setting)
{
    uint64_t number = 0;
    if (setting->kind != CLO_SETTING_COUNT)
        return json_string(setting->standard);
    for (const char *at = setting->standard; *at; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    return json_integer((json_int_t)number);
}

static json_t *property(const struct clo_setting *setting)
{
    json_t *schema = NULL;
    if (setting->kind == CLO_SETTING_SECTION) {
        schema = section(setting->parts);
        clo_json_put(&schema, "type", json_pack("[s,s]", "object", "null"));
    } else if (setting->kind == CLO_SETTING_LIST) {
        schema = json_pack("{s:[s,s],s:I}", "type", "array", "null", "maxItems",
                           (json_int_t)setting->most);
        clo_json_put(&schema, "items", section(setting->parts));
    } else if (setting->kind == CLO_SETTING_TEXT || setting->kind == CLO_SETTING_PATH) {
        schema = text(setting);
    } else {
        schema = json_object();
        clo_json_put(&schema, "anyOf", forms(setting));
    }
    clo_json_put(&schema, "description", json_string(setting->about));
    if (setting->standard)
        clo_json_put(&schema, "default", standard(setting));
    return schema;
}

static json_t *section(const struct clo_setting *parts)
{
    json_t *properties = json_object(), *required = json_array();
    json_t *schema = json_pack("{s:s,s:b}", "type", "object", "additionalProperties", 0);
    for (; parts->name; parts++) {
        clo_json_put(&properties, parts->name, property(parts));
        if (parts->required)
            append(&required, json_string(parts->name));
    }
    bool any = !required || json_array_size(required);
    clo_json_put(&schema, "properties", properties);
    if (any)
        clo_json_put(&schema, "required", required);
    else
        json_decref(required);
    return schema;
}

json_t *clo_settings_schema(void)
{
    json_t *whole = section(clo_settings);
    json_t *schema = json_pack(
        "{s:s,s:s,s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
        "agent.yaml", "description",
        "An agent that runs the Python that its model writes. `cloche check` says what this cannot.");
    if (schema && whole && json_object_update(schema, whole)) {
        json_decref(schema);
        schema = NULL;
    }
    json_decref(whole);
    if (!whole) {
        json_decref(schema);
        return NULL;
    }
    clo_json_put(&schema, "$defs",
                 json_pack("{s:{s:s,s:s},s:{s:s,s:s},s:{s:s,s:s},s:{s:s,s:s}}", "variable", "type",
                           "string", "pattern", "\\$\\{", "digits", "type", "string", "pattern",
                           "^[0-9]+$", "size", "type", "string", "pattern",
                           NUMBER "([bB]|[bB][yY][tT][eE][sS]|[kKmMgG]([iI]?[bB])?)?$", "duration",
                           "type", "string", "pattern",
                           NUMBER "([mM][sS]|[sS]([eE][cC])?|[mM]([iI][nN])?|[hH])?$"));
    return schema;
}
