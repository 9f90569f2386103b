/* agent/settings.h - all that may stand in agent.yaml, as one table.
 *
 *   clo_settings ──▶ settings_read.c: a YAML tree into a struct clo_agent_settings, and all that is
 *        │                            wrong with it, with places
 *        └─────────▶ settings_schema.c: the JSON Schema, docs/agent.schema.json
 *
 * A key stands in the table with its kind, its range and its words, and nowhere else: what the reader
 * refuses and what the schema says cannot differ. What concerns two keys at once is in config_file.c.
 * Reading opens no file and looks at no environment.
 */
#ifndef CLO_AGENT_SETTINGS_H
#define CLO_AGENT_SETTINGS_H

#include <jansson.h>
#include <stdint.h>

#include "base/yaml/yaml.h"

#define CLO_AGENT_NAME_MAX 256          /* bytes */
#define CLO_AGENT_TEXT_MAX (256u << 10) /* bytes of instructions */
#define CLO_AGENT_ITERATIONS_MAX 10000
#define CLO_AGENT_OUTPUT_MIN 256 /* bytes of a run's output for the model */
#define CLO_AGENT_OUTPUT_MAX (16u << 20)
#define CLO_AGENT_WAIT_MS_MAX (24u * 3600 * 1000)
#define CLO_AGENT_LIBRARIES_MAX 16
#define CLO_AGENT_MOUNTS_MAX 63 /* and the workspace */
#define CLO_AGENT_FILES_KEEP_MS_MAX (3650ull * 24 * 3600 * 1000)
#define CLO_AGENT_SNAPSHOTS_MAX 1000000      /* of all */
#define CLO_AGENT_SNAPSHOT_MAX (64ull << 30) /* bytes of one */

enum clo_setting_kind {
    CLO_SETTING_TEXT,     /* const char * into the tree; `most` bytes */
    CLO_SETTING_PATH,     /* likewise; a file */
    CLO_SETTING_COUNT,    /* uint64_t, as are all that follow; from `least` to `most` */
    CLO_SETTING_SIZE,     /* bytes */
    CLO_SETTING_DURATION, /* milliseconds */
    CLO_SETTING_CHOICE,   /* 1 + the position in `words` */
    CLO_SETTING_SECTION,  /* `parts` */
    CLO_SETTING_LIST,     /* size_t: how many; `parts` of each, in items that follow the count */
};

struct clo_setting {
    const char *name; /* NULL: the end of a table */
    enum clo_setting_kind kind;
    bool required;
    size_t at; /* offset in struct clo_agent_settings; in a list's parts, in the item */
    uint64_t least, most;
    const char *const *words;        /* NULL-terminated; of a DURATION: NULL, or one word */
    uint64_t word;                   /* what that one stands for */
    const struct clo_setting *parts; /* ends with a name of NULL */
    size_t items, item_size; /* LIST: where they begin, and the bytes of one; at most `most` */
    const char *standard;    /* what holds where it is left out; NULL: `about` says it */
    const char *about;
    /* A word that was right once, or is wrong for a reason: CLO_EINVALID says it. */
    int (*refuse)(const struct clo_yaml_node *node, struct clo_error *error);
};

/* An item of a list: a text, and its node. */
struct clo_library_setting {
    const char *library;
    const struct clo_yaml_node *node;
};

struct clo_mount_setting { /* begins as the one above */
    const char *source;
    const struct clo_yaml_node *node;
    const char *at;
};

/* 0 and NULL: not said. */
struct clo_agent_settings {
    const char *name, *instructions;
    struct {
        uint64_t kind;
        const char *name, *base_url, *api_key, *api_version, *script, *record;
        uint64_t timeout, connect_timeout, first_byte_timeout, total_timeout, retry_time;
    } model;
    size_t library_count;
    struct clo_library_setting libraries[CLO_AGENT_LIBRARIES_MAX];
    struct {
        const char *image;
        uint64_t memory, time, cpu_time, tool_time, output, host_calls, host_call_size;
        uint64_t count, least, idle, admission;
        uint64_t placement, isolation, jail, total_memory, wait, state;
        const char *workspace, *seed, *clock, *timezone;
        size_t mount_count;
        struct clo_mount_setting mounts[CLO_AGENT_MOUNTS_MAX];
        struct {
            uint64_t file_size, total_size, files;
        } artifacts;
    } sandbox;
    struct {
        uint64_t max_iterations, tool_output;
    } loop;
    struct {
        const char *listen, *store;
        uint64_t port, turns, queue, connections, grace, keepalive, items, runs;
        struct {
            uint64_t max_bytes, total_bytes, keep;
        } files;
        struct {
            uint64_t count, max_bytes, total_bytes, keep;
            struct {
                uint64_t count, total_bytes;
            } conversation;
        } snapshots;
    } serve;
};

extern const struct clo_setting clo_settings[];

/* All that is wrong goes to `findings`; the settings are what remains. The texts are the tree's.
 * CLO_ENOMEMORY. */
/* `name`: the agent's, where it stands in another file; NULL: it is required in this one. */
int clo_settings_read(struct clo_agent_settings *settings, const struct clo_yaml_node *root,
                      const char *name, struct clo_findings *findings, struct clo_error *error);

/* The JSON Schema (2020-12) of the table; NULL: out of memory. */
json_t *clo_settings_schema(void);

#endif
