/* config_file.c - agent.yaml (docs/agent-yaml.md) and .env beside it to a configuration. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/fixed_text.h"
#include "agent/hosted/hosted.h"
#include "base/error.h"
#include "base/quantity.h"
#include "base/text.h"
#include "model/record/record.h"
#include "sandbox/isolation.h"
#include "sandbox/memory_budget.h"
#include "sandbox/run/limits.h"

const struct clo_yaml_node *clo_config_node(const struct clo_config *config, const char *section,
                                            const char *key)
{
    const struct clo_yaml_node *root = clo_yaml_root(config->yaml);
    const struct clo_yaml_node *map = clo_yaml_get(root, section), *node = clo_yaml_get(map, key);
    return node ? node : map ? map : root;
}

int clo_config_tell(struct clo_config *config, const struct clo_yaml_node *node, bool warning,
                    const struct clo_error *why)
{
    struct clo_error placed = *why;
    if (why->code == CLO_ENOMEMORY)
        return clo_fail_memory(config->error);
    if (!clo_finding_place(why->message)) {
        clo_yaml_fail(node, &placed, "%s", why->message);
        memcpy(placed.hint, why->hint, sizeof placed.hint);
    }
    return clo_findings_add(config->findings, warning, &placed) ? clo_fail_memory(config->error)
                                                                : 0;
}

/* ---- what two keys, or a key and the command line, do to each other ---- */

/* The command line comes before the environment, that before the file. */
static int settle_isolation(struct clo_config *config)
{
    struct clo_isolation_choice choice = {CLO_ISOLATION_MICROVM, NULL};
    struct clo_error why = {0};
    if (config->said.sandbox.isolation)
        choice = (struct clo_isolation_choice){
            (enum clo_isolation)(config->said.sandbox.isolation - 1), "sandbox.isolation"};
    if (clo_isolation_environment(&choice, &why) &&
        clo_findings_add(config->findings, false, &why)) /* it is none of the file's */
        return clo_fail_memory(config->error);
    if (config->choice->isolation)
        choice = (struct clo_isolation_choice){*config->choice->isolation, "--isolation"};
    config->config.isolation = choice.isolation;
    if (why.code || choice.isolation != CLO_ISOLATION_PROCESS ||
        config->config.placement == CLO_PLACEMENT_WORKER)
        return 0;
    clo_fail(
        &why, CLO_EINVALID,
        "thread with process isolation (%s): nothing would stand between code that gets out of WebAssembly and this process",
        choice.by);
    clo_hint(&why, CLO_EINVALID, "write placement: worker, or leave it out");
    return clo_config_tell(config, clo_config_node(config, "sandbox", "placement"), false, &why);
}

static int check_memory(struct clo_config *config)
{
    struct clo_limits limits;
    struct clo_error why = {0};
    char each[CLO_QUANTITY_TEXT_MAX], own[CLO_QUANTITY_TEXT_MAX], all[CLO_QUANTITY_TEXT_MAX];
    uint64_t total = config->config.total_memory;
    if (!total || clo_limits_resolve(&limits, &config->config.limits, NULL, &why) ||
        (limits.memory <= total && total - limits.memory >= CLO_MEMORY_BUDGET_OWN))
        return 0;
    clo_size_format(each, limits.memory);
    clo_size_format(own, CLO_MEMORY_BUDGET_OWN);
    clo_size_format(all, total);
    clo_fail(
        &why, CLO_EINVALID,
        "limit memory is %s; with %s for the sandbox itself that is more than the %s that all sandboxes may use together",
        each, own, all);
    clo_hint(&why, CLO_EINVALID, "lower sandbox.memory, or raise sandbox.total_memory%s",
             config->choice->total_memory ? " (--total-memory)" : "");
    const char *key = config->said.sandbox.memory ? "memory" : "total_memory";
    return clo_config_tell(config, clo_config_node(config, "sandbox", key), false, &why);
}

static int check_count(struct clo_config *config)
{
    struct clo_error why = {0};
    uint64_t least = config->said.sandbox.least, count = config->said.sandbox.count;
    count = count ? count : CLO_AGENT_SANDBOXES;
    if (least <= count)
        return 0;
    clo_fail(&why, CLO_EINVALID, "%llu sandboxes are more than the %llu that there may be",
             (unsigned long long)least, (unsigned long long)count);
    clo_hint(&why, CLO_EINVALID, "lower it, or raise sandbox.count");
    return clo_config_tell(config, clo_config_node(config, "sandbox", "least"), false, &why);
}

static int check_files(struct clo_config *config)
{
    struct clo_error why = {0};
    char one[CLO_QUANTITY_TEXT_MAX], all[CLO_QUANTITY_TEXT_MAX];
    uint64_t max = config->said.serve.files.max_bytes, total = config->said.serve.files.total_bytes;
    const struct clo_yaml_node *serve = clo_yaml_get(clo_yaml_root(config->yaml), "serve");
    if (!max || !total || max <= total)
        return 0;
    clo_size_format(one, max);
    clo_size_format(all, total);
    clo_fail(&why, CLO_EINVALID, "a file may have %s, which is more than the %s of all files", one,
             all);
    clo_hint(&why, CLO_EINVALID, "lower serve.files.max_bytes, or raise serve.files.total_bytes");
    return clo_config_tell(config, clo_yaml_get(clo_yaml_get(serve, "files"), "max_bytes"), false,
                           &why);
}

/* One snapshot has room under both ceilings that it counts in. */
static int check_snapshots(struct clo_config *config)
{
    struct clo_error why = {0};
    char one[CLO_QUANTITY_TEXT_MAX], all[CLO_QUANTITY_TEXT_MAX];
    uint64_t max = config->said.serve.snapshots.max_bytes;
    uint64_t total = config->said.serve.snapshots.total_bytes;
    uint64_t each = config->said.serve.snapshots.conversation.total_bytes;
    bool is_each = each && (!total || each < total);
    const struct clo_yaml_node *serve = clo_yaml_get(clo_yaml_root(config->yaml), "serve");
    if (is_each)
        total = each;
    if (!max || !total || max <= total)
        return 0;
    clo_size_format(one, max);
    clo_size_format(all, total);
    clo_fail(&why, CLO_EINVALID, "a snapshot may have %s, which is more than the %s of all%s", one,
             all, is_each ? " of one conversation" : "");
    clo_hint(&why, CLO_EINVALID, "lower serve.snapshots.max_bytes, or raise serve.snapshots.%s",
             is_each ? "conversation.total_bytes" : "total_bytes");
    return clo_config_tell(config, clo_yaml_get(clo_yaml_get(serve, "snapshots"), "max_bytes"),
                           false, &why);
}

static bool is_address(const char *text)
{
    struct in6_addr six;
    struct in_addr four;
    char address[INET6_ADDRSTRLEN] = ""; /* without its zone */
    size_t length = strcspn(text, "%");
    if (length < sizeof address)
        memcpy(address, text, length);
    return !*text || strcmp(text, "localhost") == 0 || inet_aton(text, &four) ||
           inet_pton(AF_INET6, address, &six) == 1;
}

static int check_listen(struct clo_config *config)
{
    const char *text = config->said.serve.listen;
    struct clo_error why = {0};
    if (!text || is_address(text))
        return 0;
    clo_fail(&why, CLO_EINVALID, "\"%.64s\" is not an IP address to listen on", text);
    return clo_config_tell(config, clo_config_node(config, "serve", "listen"), false, &why);
}

/* ---- what is allowed and hardly meant ---- */

static bool is_beyond_loopback(const char *address)
{
    return address && *address && is_address(address) && strcmp(address, "localhost") != 0 &&
           strcmp(address, "::1") != 0 && strncmp(address, "127.", 4) != 0;
}

static int warn(struct clo_config *config, const char *section, const char *key, const char *words)
{
    struct clo_error why = {0};
    clo_fail(&why, CLO_EINVALID, "%s", words);
    return clo_config_tell(config, clo_config_node(config, section, key), true, &why);
}

static int warn_of_all(struct clo_config *config)
{
    const struct clo_agent_settings *said = &config->said;
    const struct clo_yaml_node *key = clo_config_node(config, "model", "api_key");
    const struct clo_limits *limits = &config->config.limits;
    enum clo_model_kind kind = config->config.model.kind;
    int status = 0;
    if (said->model.api_key && *said->model.api_key && !key->expanded)
        status = warn(config, "model", "api_key",
                      "a key stands in the file: keep it in the environment or in .env, and write "
                      "${OPENAI_API_KEY} here");
    if (!status && said->model.script && kind != CLO_MODEL_AUTO && kind != CLO_MODEL_SCRIPT)
        status =
            warn(config, "model", "script", "never played: model.kind is neither auto nor script");
    if (!status && limits->wall_ms && limits->cpu_ms > limits->wall_ms)
        status = warn(config, "sandbox", "cpu_time",
                      "never reached: the run ends after sandbox.time, which is shorter");
    return status;
}

int clo_config_warn_of_address(struct clo_config *config)
{
    return is_beyond_loopback(config->said.serve.listen)
               ? warn(config, "serve", "listen",
                      "whoever reaches this address may use the agent: there is no authentication")
               : 0;
}

/* ---- the settings ---- */

static int take_path(struct clo_config *config, const char **to, char **kept, const char *path)
{
    if (path && !(*to = *kept = clo_path_beside(config->path, path)))
        return clo_fail_memory(config->error);
    return 0;
}

/* An image by its name, or a path. */
static int take_image(struct clo_config *config, const char *word)
{
    char path[CLO_IMAGE_PATH_MAX];
    if (!word || !clo_image_named(word, path))
        return take_path(config, &config->config.image, &config->image, word);
    config->config.image = config->image = strdup(path);
    return config->image ? 0 : clo_fail_memory(config->error);
}

/* sandbox.seed, clock and timezone */
typedef int (*take_function)(struct clo_fixed *fixed, const char *text, struct clo_error *error);

static int take_one(struct clo_config *config, const char *key, const char *text,
                    take_function take_it)
{
    struct clo_error why = {0};
    if (!text || !take_it(&config->config.fixed, text, &why))
        return 0;
    return clo_config_tell(config, clo_config_node(config, "sandbox", key), false, &why);
}

static int take_fixed(struct clo_config *config)
{
    const struct clo_agent_settings *said = &config->said;
    int status = take_one(config, "seed", said->sandbox.seed, clo_fixed_take_seed);
    if (!status)
        status = take_one(config, "clock", said->sandbox.clock, clo_fixed_take_clock);
    if (!status)
        status = take_one(config, "timezone", said->sandbox.timezone, clo_fixed_take_timezone);
    return status;
}

/* What the environment says in a container of the platform's, where the file does not. */
static int take_hosted(struct clo_config *config)
{
    struct clo_error why = {0};
    char *store;
    int status = clo_hosted_defaults(&config->serve, config->said.serve.items != 0, &store, &why);
    if (store)
        config->store = store;
    if (status == CLO_ENOMEMORY || (status && clo_findings_add(config->findings, false, &why)))
        return clo_fail_memory(config->error);
    return 0;
}

static int take(struct clo_config *config)
{
    const struct clo_agent_settings *said = &config->said;
    const struct clo_agent_choice *choice = config->choice;
    config->config = (struct clo_agent_config){
        .name = said->name,
        .instructions = said->instructions,
        .model = {.kind = said->model.kind ? (enum clo_model_kind)(said->model.kind - 1)
                                           : CLO_MODEL_AUTO,
                  .name = said->model.name,
                  .base_url = said->model.base_url,
                  .api_key = said->model.api_key,
                  .timeout_ms = (unsigned)said->model.timeout,
                  .api_version = said->model.api_version,
                  .connect_timeout_ms = (unsigned)said->model.connect_timeout,
                  .first_byte_timeout_ms = (unsigned)said->model.first_byte_timeout,
                  .total_timeout_ms = (unsigned)said->model.total_timeout,
                  .retry_time_ms = (unsigned)said->model.retry_time},
        .limits = {.wall_ms = said->sandbox.time,
                   .cpu_ms = said->sandbox.cpu_time,
                   .memory = said->sandbox.memory,
                   .output = said->sandbox.output,
                   .host_calls = said->sandbox.host_calls,
                   .host_call_bytes = said->sandbox.host_call_size,
                   .tool_ms = said->sandbox.tool_time,
                   .artifact_file_bytes = said->sandbox.artifacts.file_size,
                   .artifact_total_bytes = said->sandbox.artifacts.total_size,
                   .artifact_files = said->sandbox.artifacts.files},
        .placement = said->sandbox.placement ? (enum clo_placement)(said->sandbox.placement - 1)
                                             : CLO_PLACEMENT_WORKER,
        .jail = said->sandbox.jail ? (enum clo_jail)(said->sandbox.jail - 1) : CLO_JAIL_BEST,
        .admission = said->sandbox.admission ? (enum clo_admission)(said->sandbox.admission - 1)
                                             : CLO_ADMISSION_GROW,
        .sandboxes = (unsigned)said->sandbox.count,
        .sandboxes_least = (unsigned)said->sandbox.least,
        .sandbox_idle_ms = said->sandbox.idle,
        .sessions = said->sandbox.state == 2,
        .total_memory = choice->total_memory ? choice->total_memory : said->sandbox.total_memory,
        .wait_ms = (unsigned)said->sandbox.wait,
        .max_iterations = (unsigned)said->loop.max_iterations,
        .tool_output_max = (unsigned)said->loop.tool_output,
    };
    if (choice->jail)
        config->config.jail = *choice->jail;
    config->serve = (struct clo_serve_config){
        .address = said->serve.listen,
        .port = (uint16_t)said->serve.port,
        .turns = (unsigned)said->serve.turns,
        .queue = (unsigned)said->serve.queue,
        .connections = (unsigned)said->serve.connections,
        .grace_ms = (unsigned)said->serve.grace,
        .keepalive_ms = (unsigned)said->serve.keepalive,
        .no_runs = said->serve.runs == 2,
        .file_bytes = said->serve.files.max_bytes,
        .files_bytes = said->serve.files.total_bytes,
        .files_keep_s = (said->serve.files.keep + 999) / 1000,
        .snapshots = {.count = said->serve.snapshots.count,
                      .max_bytes = said->serve.snapshots.max_bytes,
                      .total_bytes = said->serve.snapshots.total_bytes,
                      .keep_s = (said->serve.snapshots.keep + 999) / 1000,
                      .conversation_count = said->serve.snapshots.conversation.count,
                      .conversation_bytes = said->serve.snapshots.conversation.total_bytes},
        .items =
            said->serve.items ? (enum clo_serve_items)(said->serve.items - 1) : CLO_SERVE_ITEMS_MCP,
    };
    int status =
        take_path(config, &config->config.model.script, &config->script, said->model.script);
    if (!status)
        status =
            take_path(config, &config->config.model.record, &config->record, said->model.record);
    if (config->choice->record)
        config->config.model.record = config->choice->record;
    if (!status)
        status = take_image(config, said->sandbox.image);
    if (!status)
        status = take_path(config, &config->serve.store, &config->store, said->serve.store);
    if (!status)
        status = take_hosted(config);
    if (!status)
        status = clo_config_take_mounts(config);
    if (!status)
        status = take_fixed(config);
    return status;
}

/* Was a value of the model's refused, so that what remains is not what was meant? */
static bool is_model_refused(const struct clo_config *config)
{
    const struct clo_yaml_node *map = clo_yaml_get(clo_yaml_root(config->yaml), "model");
    for (size_t i = 0; map && i < map->count; i++)
        if (map->items[i].failed)
            return true;
    return clo_yaml_get(map, "kind") && !config->said.model.kind;
}

/* A model without a server or with a wrong one, or a script that cannot be played, is found by making
 * it: that opens no connection. */
static int check_model(struct clo_config *config)
{
    struct clo_model *model;
    struct clo_error why = {0};
    if (is_model_refused(config))
        return 0;
    if (!clo_model_create(&model, &config->config.model, &why)) {
        if (clo_model_is_chosen(model))
            clo_text_copy(config->model, sizeof config->model, clo_model_description(model));
        clo_model_destroy(model);
        return 0;
    }
    const char *key = config->config.model.kind == CLO_MODEL_SCRIPT || why.code == CLO_ENOTFOUND
                          ? "script"
                      : config->said.model.base_url ? "base_url"
                                                    : "kind";
    return clo_config_tell(config, clo_config_node(config, "model", key), false, &why);
}

/* A file that cannot be recorded to is found by looking at it: nothing is made. */
static int check_record(struct clo_config *config)
{
    struct clo_error why = {0};
    const struct clo_model_config *model = &config->config.model;
    if (!model->record || !clo_recording_check(model->record, model->script, &why))
        return 0;
    if (config->choice->record) /* which has no place in the file */
        return clo_findings_add(config->findings, false, &why) ? clo_fail_memory(config->error) : 0;
    return clo_config_tell(config, clo_config_node(config, "model", "record"), false, &why);
}

/* Each limit is in its range by now: what is left is that two do not go together. */
static int check_limits(struct clo_config *config)
{
    struct clo_limits limits;
    struct clo_error why = {0};
    if (clo_limits_resolve(&limits, &config->config.limits, NULL, &why))
        return clo_config_tell(config, clo_config_node(config, "sandbox", "artifacts"), false,
                               &why);
    return 0;
}

static int check_image(struct clo_config *config)
{
    struct clo_image *image;
    struct clo_error why = {0};
    if (!config->image)
        return 0;
    if (clo_image_open(&image, config->image, CLO_IMAGE_MAP, &why))
        return clo_config_tell(config, clo_config_node(config, "sandbox", "image"), false, &why);
    clo_image_close(image);
    return 0;
}

static int load_environment(struct clo_config *config)
{
    char *file = clo_path_beside(config->path, ".env");
    struct clo_error why = {0};
    int status = file ? clo_dotenv_load(file, &why) : CLO_ENOMEMORY;
    free(file);
    if (status == CLO_ENOMEMORY || (status && clo_findings_add(config->findings, false, &why)))
        return clo_fail_memory(config->error);
    return 0;
}

/* That the file itself cannot be read, or is no YAML, is a problem like others, and the last one. */
static int open_file(struct clo_config *config)
{
    struct clo_error why = {0};
    int status = clo_yaml_open(&config->yaml, config->path, &why);
    if (status == CLO_ENOMEMORY || (status && clo_findings_add(config->findings, false, &why)))
        return clo_fail_memory(config->error);
    return 0;
}

/* Of an agent that a platform hosts the settings are in cloche.yaml beside its file; without that one
 * they are the defaults. */
static int open_settings(struct clo_config *config)
{
    const struct clo_yaml_node *root = clo_yaml_root(config->yaml), *part = clo_hosted_part(root);
    struct clo_error why = {0};
    if (!part)
        return 0;
    config->hosted = config->yaml;
    config->yaml = NULL;
    int status = clo_hosted_read(part, &config->hosted_name, config->findings, config->error);
    if (status)
        return status;
    if (!config->hosted_name) /* which was told */
        config->hosted_name = "agent";
    char *path = clo_path_beside(config->path, "cloche.yaml");
    if (!path)
        return clo_fail_memory(config->error);
    status = clo_yaml_open(&config->yaml, path, &why);
    if (status == CLO_ENOTFOUND)
        status = clo_yaml_parse(&config->yaml, path, "{}", 2, &why);
    free(path);
    if (status == CLO_ENOMEMORY || (status && clo_findings_add(config->findings, false, &why)))
        return clo_fail_memory(config->error);
    return 0;
}

int clo_config_read(struct clo_config *config)
{
    int status = open_file(config);
    if (status || !config->yaml)
        return status;
    if ((status = load_environment(config)) || (status = open_settings(config)) || !config->yaml)
        return status;
    if ((status = clo_yaml_expand(config->yaml, config->findings, config->error)) ||
        (status = clo_settings_read(&config->said, clo_yaml_root(config->yaml), config->hosted_name,
                                    config->findings, config->error)) ||
        (status = take(config)) || (status = settle_isolation(config)) ||
        (status = check_memory(config)) || (status = check_limits(config)) ||
        (status = check_files(config)) || (status = check_snapshots(config)) ||
        (status = check_count(config)) || (status = check_listen(config)) ||
        (status = check_image(config)) || (status = clo_config_check_mounts(config)) ||
        (status = check_model(config)) || (status = check_record(config)))
        return status;
    return warn_of_all(config);
}
