/* agent.c - putting an agent together from its configuration, and taking it apart. */
#include "agent/agent.h"

#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/lazy.h"
#include "base/utf8.h"
#include "codeact/codeact.h"
#include "model/record/record.h"
#include "sandbox/files/mounts.h"
#include "sandbox/isolation.h"
#include "sandbox/reservation.h"
#include "sandbox/run/limits.h"

#define PLACES_MAX (CLO_SANDBOX_MOUNTS_MAX * 1100u) /* bytes */
#define DEFAULT_NAME "agent"
#define DEFAULT_ITERATIONS 40
#define DEFAULT_OUTPUT 16384
#define DEFAULT_WAIT_MS 120000u /* for a free sandbox */

static int take_text(char **copy, const char *what, const char *text, size_t most,
                     struct clo_error *error)
{
    if (!text)
        return 0;
    size_t length = strlen(text);
    if (length > most)
        return clo_fail(error, CLO_EINVALID,
                        "the agent's %s is %zu bytes long; at most %zu are allowed", what, length,
                        most);
    if (!clo_utf8_strict(text, length))
        return clo_fail(error, CLO_EINVALID, "the agent's %s is not UTF-8", what);
    *copy = strdup(text);
    return *copy ? 0 : clo_fail_memory(error);
}

static char *make_prompt(const struct clo_agent *agent, const char *how)
{
    struct clo_buffer prompt = CLO_BUFFER(CLO_AGENT_PROMPT_MAX);
    if (agent->instructions && *agent->instructions) {
        clo_buffer_text(&prompt, agent->instructions);
        clo_buffer_text(&prompt, "\n\n");
    }
    clo_buffer_text(&prompt, how);
    char *text = clo_buffer_take(&prompt, NULL);
    clo_buffer_free(&prompt);
    return text;
}

static int take_texts(struct clo_agent *agent, const struct clo_agent_config *config,
                      struct clo_error *error)
{
    const char *name = config->name && *config->name ? config->name : DEFAULT_NAME;
    int status = take_text(&agent->name, "name", name, CLO_AGENT_NAME_MAX, error);
    if (!status)
        status = take_text(&agent->instructions, "instructions", config->instructions,
                           CLO_AGENT_TEXT_MAX, error);
    if (status)
        return status;
    agent->prompt = make_prompt(agent, clo_codeact_instructions);
    agent->session_prompt = make_prompt(agent, clo_codeact_session_instructions);
    return agent->prompt && agent->session_prompt ? 0 : clo_fail_memory(error);
}

static int take_number(unsigned *to, const char *what, unsigned value, unsigned standard,
                       unsigned least, unsigned most, struct clo_error *error)
{
    *to = value ? value : standard;
    if (*to >= least && *to <= most)
        return 0;
    return clo_fail(error, CLO_EINVALID, "%s is %u; it must be from %u to %u", what, *to, least,
                    most);
}

/* What the model is told of the mounts: their places. */
static int name_places(const struct clo_agent_config *config, struct clo_buffer *text,
                       const char *places[CLO_SANDBOX_MOUNTS_MAX], struct clo_error *error)
{
    struct clo_mounts *mounts;
    size_t at[CLO_SANDBOX_MOUNTS_MAX];
    int status = clo_mounts_open(&mounts, config->mounts, config->mount_count, error);
    if (status)
        return status;
    for (size_t i = 0; i < mounts->count; i++) {
        at[i] = text->length;
        clo_buffer_text(text, mounts->all[i].place);
        clo_buffer_append(text, mounts->all[i].name ? "" : "/", mounts->all[i].name ? 1 : 2);
    }
    for (size_t i = 0; i < mounts->count && !text->failed; i++)
        places[i] = text->data + at[i];
    clo_mounts_close(mounts);
    return text->failed ? clo_fail_memory(error) : 0;
}

static int keep_places(struct clo_agent *agent, const char *const *places, size_t count,
                       struct clo_error *error)
{
    for (; agent->place_count < count; agent->place_count++) {
        char *place = strdup(places[agent->place_count]);
        if (!place)
            return clo_fail_memory(error);
        size_t length = strlen(place);
        if (place[length - 1] == '/') /* by which the model knows a folder */
            place[length - 1] = '\0';
        agent->places[agent->place_count] = place;
    }
    return 0;
}

static int keep_tool_names(struct clo_agent *agent, const struct clo_agent_config *config,
                           struct clo_error *error)
{
    agent->tool_names = calloc(config->tool_count + 1, sizeof *agent->tool_names);
    if (!agent->tool_names)
        return clo_fail_memory(error);
    for (; agent->tool_count < config->tool_count; agent->tool_count++) {
        agent->tool_names[agent->tool_count] = strdup(config->tools[agent->tool_count].name);
        if (!agent->tool_names[agent->tool_count])
            return clo_fail_memory(error);
    }
    return 0;
}

static int make_tool(struct clo_agent *agent, const struct clo_agent_config *config,
                     const struct clo_limits *limits, struct clo_error *error)
{
    const char *places[CLO_SANDBOX_MOUNTS_MAX];
    struct clo_buffer text = CLO_BUFFER(PLACES_MAX);
    struct clo_codeact_config words = {.runtime = clo_image_runtime(agent->image),
                                       .packages = clo_image_packages(agent->image),
                                       .tools = config->tools,
                                       .tool_count = config->tool_count,
                                       .more_tools = clo_hooks_add_tools(agent->hooks),
                                       .limits = *limits,
                                       .output_max = agent->tool_output_max,
                                       .places = places,
                                       .place_count = config->mount_count};
    int status = name_places(config, &text, places, error);
    if (!status)
        status = keep_places(agent, places, config->mount_count, error);
    if (!status)
        status = clo_codeact_tool(&agent->tool, &words, error);
    words.session = true;
    if (!status)
        status = clo_codeact_tool(&agent->session_tool, &words, error);
    clo_buffer_free(&text);
    return status;
}

/* Which zones there are the image alone knows: one that is not there is better told now than of each
 * run. */
static int try_timezone(struct clo_agent *agent, struct clo_error *error)
{
    struct clo_run run = {.code = "", .code_length = 0};
    struct clo_run_result *result;
    int status = clo_pool_run(agent->pool, &run, agent->wait_ms, &result, error);
    if (!status)
        clo_run_result_free(result);
    return status;
}

static int make_sandboxes(struct clo_agent *agent, const struct clo_agent_config *config,
                          struct clo_error *error)
{
    struct clo_limits limits;
    int status = clo_limits_resolve(&limits, &config->limits, NULL, error);
    if (!status && config->total_memory)
        status = clo_memory_ceiling_set(config->total_memory, error);
    if (!status)
        status = clo_memory_budget_check(limits.memory, error);
    if (!status) /* before the image: without a hypervisor there may be none */
        status = clo_isolation_prepare(config->isolation, error);
    if (!status)
        status = clo_image_open(&agent->image, config->image, CLO_IMAGE_COPY, error);
    if (status)
        return status;
    struct clo_sandbox_config sandbox = {.image = agent->image,
                                         .limits = limits,
                                         .tools = config->tools,
                                         .tool_count = config->tool_count,
                                         .placement = config->placement,
                                         .isolation = config->isolation,
                                         .jail = config->jail,
                                         .admission = config->admission,
                                         .pool_least = config->sandboxes_least,
                                         .pool_idle_ms = config->sandbox_idle_ms,
                                         .mounts = config->mounts,
                                         .mount_count = config->mount_count,
                                         .fixed = config->fixed};
    agent->sandboxes = config->sandboxes ? config->sandboxes : CLO_AGENT_SANDBOXES;
    agent->memory = limits.memory;
    agent->memory_start = clo_reservation_start(agent->image, config->admission, limits.memory);
    agent->limits = limits;
    agent->isolation = config->isolation;
    agent->sessions = config->sessions;
    status = clo_pool_create(&agent->pool, &sandbox, agent->sandboxes, error);
    if (!status && config->fixed.timezone)
        status = try_timezone(agent, error);
    if (!status)
        status = keep_tool_names(agent, config, error);
    return status ? status : make_tool(agent, config, &limits, error);
}

int clo_agent_create(struct clo_agent **out, const struct clo_agent_config *config,
                     struct clo_error *error)
{
    *out = NULL;
    struct clo_agent *agent = calloc(1, sizeof *agent);
    if (!agent)
        return clo_fail_memory(error);
    int status = clo_lazy_load_all(error); /* a turn must not end for want of one */
    if (!status)
        status = take_texts(agent, config, error);
    if (!status)
        status = take_number(&agent->max_iterations, "max_iterations", config->max_iterations,
                             DEFAULT_ITERATIONS, 1, CLO_AGENT_ITERATIONS_MAX, error);
    if (!status)
        status = take_number(&agent->tool_output_max, "tool_output_max", config->tool_output_max,
                             DEFAULT_OUTPUT, CLO_AGENT_OUTPUT_MIN, CLO_AGENT_OUTPUT_MAX, error);
    if (!status)
        status = take_number(&agent->wait_ms, "wait_ms", config->wait_ms, DEFAULT_WAIT_MS, 1,
                             CLO_AGENT_WAIT_MS_MAX, error);
    if (!status)
        status = clo_hooks_copy(&agent->hooks, config->hooks, config->hook_count, error);
    if (!status)
        status = clo_model_create(&agent->model, &config->model, error);
    if (!status)
        status = make_sandboxes(agent, config, error);
    if (!status && config->model.record)
        status = clo_recording_open(&agent->recording, config->model.record, config->model.script,
                                    config->model.api_key, error);
    if (status) {
        clo_agent_destroy(agent);
        return status;
    }
    *out = agent;
    return 0;
}

void clo_agent_destroy(struct clo_agent *agent)
{
    if (!agent)
        return;
    clo_pool_destroy(agent->pool); /* waits for calls that hooks stand around */
    clo_hooks_free(agent->hooks);
    clo_image_close(agent->image);
    for (size_t i = 0; i < agent->library_count; i++)
        clo_tool_library_close(agent->libraries[i]);
    clo_model_destroy(agent->model);
    clo_recording_close(agent->recording);
    json_decref(agent->tool);
    json_decref(agent->session_tool);
    for (size_t i = 0; i < agent->place_count; i++)
        free(agent->places[i]);
    for (size_t i = 0; i < agent->tool_count; i++)
        free(agent->tool_names[i]);
    free(agent->tool_names);
    free(agent->name);
    free(agent->instructions);
    free(agent->prompt);
    free(agent->session_prompt);
    free(agent->serve_address);
    free(agent->serve_store);
    free(agent);
}

bool clo_agent_has_sessions(const struct clo_agent *agent)
{
    return agent->sessions;
}

const char *clo_agent_name(const struct clo_agent *agent)
{
    return agent->name;
}

const char *clo_agent_model_name(const struct clo_agent *agent)
{
    return clo_model_name(agent->model);
}

const char *clo_agent_without_tools(const struct clo_agent *agent)
{
    return clo_model_without_tools(agent->model);
}

const char *clo_agent_recording(const struct clo_agent *agent)
{
    return agent->recording ? clo_recording_path(agent->recording) : NULL;
}

const char *clo_agent_model_description(const struct clo_agent *agent)
{
    return clo_model_description(agent->model);
}

static void take_snapshots(struct clo_serve_snapshots *config,
                           const struct clo_serve_snapshots *said)
{
    config->count = said->count ? said->count : config->count;
    config->max_bytes = said->max_bytes ? said->max_bytes : config->max_bytes;
    config->total_bytes = said->total_bytes ? said->total_bytes : config->total_bytes;
    config->keep_s = said->keep_s ? said->keep_s : config->keep_s;
    config->conversation_count =
        said->conversation_count ? said->conversation_count : config->conversation_count;
    config->conversation_bytes =
        said->conversation_bytes ? said->conversation_bytes : config->conversation_bytes;
}

void clo_agent_serve_defaults(const struct clo_agent *agent, struct clo_serve_config *config)
{
    const struct clo_serve_config *said = &agent->serve;
    config->address = said->address ? said->address : config->address;
    config->port = said->port ? said->port : config->port;
    config->turns = said->turns ? said->turns : config->turns;
    config->queue = said->queue ? said->queue : config->queue;
    config->connections = said->connections ? said->connections : config->connections;
    config->store = said->store ? said->store : config->store;
    config->grace_ms = said->grace_ms ? said->grace_ms : config->grace_ms;
    config->keepalive_ms = said->keepalive_ms ? said->keepalive_ms : config->keepalive_ms;
    config->items = said->items ? said->items : config->items;
    config->hosted = said->hosted || config->hosted;
    config->session = said->session ? said->session : config->session;
    config->no_runs = said->no_runs || config->no_runs;
    config->file_bytes = said->file_bytes ? said->file_bytes : config->file_bytes;
    config->files_bytes = said->files_bytes ? said->files_bytes : config->files_bytes;
    config->files_keep_s = said->files_keep_s ? said->files_keep_s : config->files_keep_s;
    take_snapshots(&config->snapshots, &said->snapshots);
}

const char *const *clo_agent_places(const struct clo_agent *agent, size_t *count)
{
    *count = agent->place_count;
    return (const char *const *)agent->places;
}

void clo_agent_sandboxes(const struct clo_agent *agent, unsigned *count, uint64_t *memory,
                         uint64_t *start)
{
    *start = agent->memory_start;
    *count = agent->sandboxes;
    *memory = agent->memory;
}

enum clo_isolation clo_agent_isolation(const struct clo_agent *agent)
{
    return agent->isolation;
}

void clo_agent_jail(struct clo_agent *agent, char text[CLO_JAIL_TEXT_MAX],
                    char missing[CLO_JAIL_TEXT_MAX])
{
    clo_pool_jail(agent->pool, text);
    clo_pool_jail_missing(agent->pool, missing);
}
