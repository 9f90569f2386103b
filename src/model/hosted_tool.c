/* hosted_tool.c - the tools that makers of models host, by their types. */
#include "model/hosted_tool.h"

#include <string.h>

#include "base/json.h"

static const struct {
    const char *tool, *item;
} hosted[] = {
    {"web_search", "web_search_call"},
    {"web_search_2025_08_26", "web_search_call"},
    {"web_search_preview", "web_search_call"},
    {"web_search_preview_2025_03_11", "web_search_call"},
    {"file_search", "file_search_call"},
    {"code_interpreter", "code_interpreter_call"},
    {"image_generation", "image_generation_call"},
};

bool clo_hosted_tool(const char *type)
{
    for (size_t i = 0; type && i < sizeof hosted / sizeof *hosted; i++)
        if (strcmp(type, hosted[i].tool) == 0)
            return true;
    return false;
}

bool clo_hosted_tool_item(const json_t *item)
{
    const char *type = clo_json_text(item, "type");
    for (size_t i = 0; type && i < sizeof hosted / sizeof *hosted; i++)
        if (strcmp(type, hosted[i].item) == 0)
            return true;
    return false;
}

bool clo_hosted_tool_part(const char *include)
{
    size_t length = include ? strcspn(include, ".") : 0;
    for (size_t i = 0; length && include[length] && i < sizeof hosted / sizeof *hosted; i++)
        if (strlen(hosted[i].item) == length && memcmp(include, hosted[i].item, length) == 0)
            return true;
    return false;
}

const char *clo_hosted_tool_in(const json_t *tools, size_t *index)
{
    size_t at;
    const json_t *tool;
    json_array_foreach(tools, at, tool) {
        const char *type = clo_json_text(tool, "type");
        if (!clo_hosted_tool(type))
            continue;
        if (index)
            *index = at;
        return type;
    }
    return NULL;
}
