/* config_mounts.c - sandbox.workspace and sandbox.mounts of agent.yaml. */
#include <stdlib.h>

#include "agent/config.h"
#include "base/error.h"
#include "sandbox/files/mounts.h"

static int take(struct clo_config *config, const char *source, const char *target)
{
    size_t *count = &config->config.mount_count;
    char *path = clo_path_beside(config->path, source);
    if (!path)
        return clo_fail_memory(config->error);
    config->mount_sources[*count] = path;
    config->mounts[(*count)++] = (struct clo_mount){.source = path, .target = target};
    return 0;
}

int clo_config_take_mounts(struct clo_config *config)
{
    const struct clo_agent_settings *said = &config->said;
    int status = said->sandbox.workspace ? take(config, said->sandbox.workspace, "/input") : 0;
    for (size_t i = 0; i < said->sandbox.mount_count && !status; i++) {
        const struct clo_mount_setting *mount = &said->sandbox.mounts[i];
        if (mount->source) /* else that was told */
            status = take(config, mount->source, mount->at);
    }
    config->config.mounts = config->mounts;
    return status;
}

static int try(struct clo_config *config, const struct clo_mount *mounts, size_t count,
               const struct clo_yaml_node *node, bool *good)
{
    struct clo_mounts *made;
    struct clo_error why = {0};
    if (clo_mounts_open(&made, mounts, count, &why)) {
        *good = false;
        return clo_config_tell(config, node, false, &why);
    }
    clo_mounts_close(made);
    return 0;
}

/* Each by itself, so that what is wrong has its place; then all of them together. */
int clo_config_check_mounts(struct clo_config *config)
{
    const struct clo_agent_settings *said = &config->said;
    size_t next = 0;
    bool good = true;
    int status = 0;
    if (said->sandbox.workspace)
        status = try(config, &config->mounts[next++], 1,
                     clo_config_node(config, "sandbox", "workspace"), &good);
    for (size_t i = 0; i < said->sandbox.mount_count && !status; i++) {
        if (said->sandbox.mounts[i].source)
            status = try(config, &config->mounts[next++], 1, said->sandbox.mounts[i].node, &good);
    }
    if (!status && good)
        status = try(config, config->mounts, config->config.mount_count,
                     clo_config_node(config, "sandbox", "mounts"), &good);
    return status;
}
