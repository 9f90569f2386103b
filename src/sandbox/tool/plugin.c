/* plugin.c - tools from a shared library that exports `const struct clo_plugin clo_plugin`. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/tool/tool_set.h"

struct clo_tool_library {
    void *handle;
    const struct clo_plugin *plugin;
};

static int check_plugin(const struct clo_plugin *plugin, const char *path, struct clo_error *error)
{
    if (plugin->version != CLO_PLUGIN_VERSION) {
        clo_fail(error, CLO_EINVALID, "%s: tool library version %u; this program reads version %d",
                 path, plugin->version, CLO_PLUGIN_VERSION);
        return clo_hint(error, CLO_EINVALID, "compile it against this version's cloche/tool.h");
    }
    if (plugin->tool_count > CLO_TOOLS_MAX || (plugin->tool_count && !plugin->tools))
        return clo_fail(error, CLO_EINVALID, "%s: %u tools%s; at most %d are allowed", path,
                        plugin->tool_count, plugin->tools ? "" : " at NULL", CLO_TOOLS_MAX);
    for (unsigned i = 0; i < plugin->tool_count; i++) {
        struct clo_error why;
        int status = clo_tool_check(&plugin->tools[i], &why);
        if (status) {
            clo_fail(error, status, "%s: %s", path, why.message);
            return clo_hint(error, status, "%s", why.hint);
        }
    }
    return 0;
}

int clo_tool_library_open(struct clo_tool_library **result, const char *path,
                          struct clo_error *error)
{
    *result = NULL;
    if (!strchr(path, '/')) /* dlopen would search the system's folders for a bare name */
        return clo_fail(error, CLO_EINVALID,
                        "tool library '%s' must be given with a folder, such as './%s'", path,
                        path);
    if (access(path, R_OK) != 0)
        return clo_fail_errno(error, CLO_ENOTFOUND, "tool library '%s'", path);
    struct clo_tool_library *library = calloc(1, sizeof *library);
    if (!library)
        return clo_fail_memory(error);
    int status;
    library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library->handle) {
        status = clo_fail(error, CLO_EINVALID, "'%s' cannot be loaded: %s", path, dlerror());
        goto out;
    }
    library->plugin = dlsym(library->handle, "clo_plugin");
    if (!library->plugin) {
        clo_fail(error, CLO_EINVALID, "'%s' is no tool library: it exports no clo_plugin", path);
        status =
            clo_hint(error, CLO_EINVALID,
                     "define `const struct clo_plugin clo_plugin` in it with default visibility");
        goto out;
    }
    status = check_plugin(library->plugin, path, error);
out:
    if (status)
        clo_tool_library_close(library);
    else
        *result = library;
    return status;
}

const struct clo_plugin *clo_tool_library_plugin(const struct clo_tool_library *library)
{
    return library->plugin;
}

void clo_tool_library_close(struct clo_tool_library *library)
{
    if (!library)
        return;
    if (library->handle)
        dlclose(library->handle);
    free(library);
}
