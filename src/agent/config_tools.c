/* config_tools.c - the tool libraries of an agent.yaml. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "base/error.h"

static const struct clo_yaml_node *node_of(const struct clo_library_setting *setting)
{
    const struct clo_yaml_node *node = clo_yaml_get(setting->node, "library");
    return node ? node : setting->node;
}

static int tell(struct clo_config *config, const struct clo_library_setting *setting,
                struct clo_error *why)
{
    if (why->code == CLO_ENOTFOUND && !why->hint[0])
        clo_hint(why, CLO_ENOTFOUND,
                 "A path is seen from the folder of the file. To build one: cc -shared -fPIC "
                 "-I INCLUDE -o NAME.so NAME.c, INCLUDE being the folder of cloche/tool.h.");
    return clo_config_tell(config, node_of(setting), false, why);
}

/* ---- opening them ---- */

/* A name that an earlier library has taken; NULL: none. */
static const char *taken(const struct clo_config *config, const struct clo_plugin *plugin)
{
    for (unsigned i = 0; i < plugin->tool_count; i++)
        for (size_t j = 0; j < config->config.tool_count; j++)
            if (strcmp(plugin->tools[i].name, config->tools[j].name) == 0)
                return plugin->tools[i].name;
    return NULL;
}

static int add_tools(struct clo_config *config, const struct clo_plugin *plugin,
                     struct clo_error *why)
{
    const char *twice = taken(config, plugin);
    if (twice)
        return clo_fail(why, CLO_EINVALID,
                        "it brings the tool \"%.64s\", which a library before it has", twice);
    if (plugin->tool_count > CLO_TOOLS_MAX - config->config.tool_count)
        return clo_fail(why, CLO_EINVALID, "more than %d tools", CLO_TOOLS_MAX);
    for (unsigned i = 0; i < plugin->tool_count; i++)
        config->tools[config->config.tool_count++] = plugin->tools[i];
    return 0;
}

static int open_library(struct clo_config *config, const char *path, struct clo_error *why)
{
    struct clo_tool_library **library = &config->libraries[config->library_count];
    int status = clo_tool_library_open(library, path, why);
    if (status)
        return status;
    config->library_count++;
    return add_tools(config, clo_tool_library_plugin(*library), why);
}

/* ---- looking at them ---- */

static int look_at_library(struct clo_config *config, const char *path, struct clo_error *why)
{
    (void)config;
    Elf64_Ehdr header;
    FILE *file = fopen(path, "rbe");
    if (!file)
        return errno == ENOMEM ? clo_fail_memory(why)
                               : clo_fail_errno(why, CLO_ENOTFOUND, "tool library '%s'", path);
    size_t got = fread(&header, 1, sizeof header, file);
    fclose(file);
    if (got < sizeof header || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_type != ET_DYN)
        return clo_fail(why, CLO_EINVALID, "'%s' is no shared library", path);
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
        return clo_fail(why, CLO_EINVALID, "'%s' is a shared library of another kind of machine",
                        path);
    return 0;
}

static int each(struct clo_config *config,
                int (*take)(struct clo_config *, const char *, struct clo_error *))
{
    for (size_t i = 0; i < config->said.library_count; i++) {
        const struct clo_library_setting *setting = &config->said.libraries[i];
        struct clo_error why = {0};
        char *path = setting->library ? clo_library_beside(config->path, setting->library) : NULL;
        if (!setting->library)
            continue; /* that was told */
        if (!path)
            return clo_fail_memory(config->error);
        int status = take(config, path, &why);
        free(path);
        if (status == CLO_ENOMEMORY || (status && tell(config, setting, &why)))
            return clo_fail_memory(config->error);
    }
    return 0;
}

int clo_config_open_tools(struct clo_config *config)
{
    config->config.tools = config->tools;
    return each(config, open_library);
}

int clo_config_look_at_tools(struct clo_config *config)
{
    return each(config, look_at_library);
}
