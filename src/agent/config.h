/* agent/config.h - the way from agent.yaml to a struct clo_agent_config.
 *
 *   clo_config_read ──▶ settings ──▶ config, and what two keys do to each other    (config_file.c)
 *   clo_config_take_mounts, …_check_mounts ──▶ what is mounted                   (config_mounts.c)
 *   clo_config_open_tools, …_look_at_tools ──▶ the libraries                       (config_tools.c)
 *   clo_agent_load_with, clo_agent_check                                           (config_load.c)
 *
 * All that is wrong goes to `findings`, with its place. What these functions return is a failure of
 * their own (CLO_ENOMEMORY, a file that cannot be read) and is in `error`; they are called one after
 * the other as long as nothing was wrong.
 */
#ifndef CLO_AGENT_CONFIG_H
#define CLO_AGENT_CONFIG_H

#include "agent/internal.h"

struct clo_config {
    const char *path; /* of the file, as given */
    const struct clo_agent_choice *choice;
    struct clo_yaml *hosted; /* the platform's description, with cloche.yaml beside; NULL: none */
    const char *hosted_name; /* of it */
    struct clo_yaml *yaml;   /* the settings */
    struct clo_agent_settings said; /* its texts are the tree's */
    struct clo_agent_config config;
    struct clo_serve_config serve;
    struct clo_tool tools[CLO_TOOLS_MAX];
    struct clo_tool_library *libraries[CLO_AGENT_LIBRARIES_MAX];
    size_t library_count;
    char *script, *record, *image, *store; /* paths beside the file */
    struct clo_mount mounts[CLO_AGENT_MOUNTS_MAX + 1];
    char *mount_sources[CLO_AGENT_MOUNTS_MAX + 1]; /* likewise */
    char model
        [CLO_AGENT_MODEL_MAX]; /* whom a call of it would reach; "": the offline script alone */
    struct clo_findings *findings;
    struct clo_error *error;
};

int clo_config_read(struct clo_config *config);
int clo_config_take_mounts(struct clo_config *config); /* config_mounts.c */
int clo_config_check_mounts(struct clo_config *config);
int clo_config_open_tools(struct clo_config *config);
int clo_config_look_at_tools(struct clo_config *config); /* without running anything of theirs */

/* Of an address beyond this machine; a server says that itself, of the one that it listens on. */
int clo_config_warn_of_address(struct clo_config *config);

/* Add a finding. What has a place of its own (the script's) keeps it; else it is the node's. */
int clo_config_tell(struct clo_config *config, const struct clo_yaml_node *node, bool warning,
                    const struct clo_error *why);

/* The node of "section.key"; where it is not there the section's, else the root. */
const struct clo_yaml_node *clo_config_node(const struct clo_config *config, const char *section,
                                            const char *key);

#endif
