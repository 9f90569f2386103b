/* config_file.c - agent.yaml (docs/agent-yaml.md) to an agent. */
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "base/error.h"
#include "base/yaml.h"
#include "sandbox/isolation.h"

#define COUNT_MAX 1024
#define PORT_MAX 65535

struct reading {
    const char *path;
    struct clo_agent_config config;
    struct clo_serve_config serve;
    struct clo_isolation_choice isolation;
    struct clo_tool tools[CLO_TOOLS_MAX];
    struct clo_tool_library *libraries[CLO_AGENT_LIBRARIES_MAX];
    size_t library_count;
    char *script, *image, *store; /* paths beside the file */
    struct clo_error *error;
};

static int read_model(struct reading *reading, const struct clo_yaml_node *root)
{
    static const char *const keys[] = {"kind",   "name",    "base_url", "api_key",
                                       "script", "timeout", NULL};
    static const char *const kinds[] = {"auto", "responses", "chat", "script", NULL};
    const struct clo_yaml_node *node = clo_yaml_get(root, "model");
    struct clo_model_config *model = &reading->config.model;
    struct clo_error *error = reading->error;
    int kind = CLO_MODEL_AUTO, status;
    uint64_t timeout = 0;
    if (!node)
        return 0;
    if ((status = clo_yaml_check(node, keys, error)) ||
        (status = clo_yaml_choice(node, "kind", kinds, &kind, error)) ||
        (status = clo_yaml_text(node, "name", &model->name, error)) ||
        (status = clo_yaml_text(node, "base_url", &model->base_url, error)) ||
        (status = clo_yaml_text(node, "api_key", &model->api_key, error)) ||
        (status = clo_yaml_text(node, "script", &model->script, error)) ||
        (status = clo_yaml_duration(node, "timeout", &timeout, error)))
        return status;
    if (timeout > UINT32_MAX)
        return clo_yaml_fail(clo_yaml_get(node, "timeout"), error, "longer than 49 days");
    model->kind = (enum clo_model_kind)kind;
    model->timeout_ms = (unsigned)timeout;
    if (model->script &&
        !(model->script = reading->script = clo_path_beside(reading->path, model->script)))
        return clo_fail_memory(error);
    return 0;
}

static int add_library(struct reading *reading, const struct clo_yaml_node *node)
{
    static const char *const keys[] = {"library", NULL};
    struct clo_error why;
    const char *name = NULL;
    int status = clo_yaml_check(node, keys, reading->error);
    if (!status)
        status = clo_yaml_text(node, "library", &name, reading->error);
    if (status)
        return status;
    if (!name)
        return clo_yaml_fail(node, reading->error, "\"library: FILE.so\" is expected here");
    if (reading->library_count == CLO_AGENT_LIBRARIES_MAX)
        return clo_yaml_fail(node, reading->error, "more than %d libraries",
                             CLO_AGENT_LIBRARIES_MAX);
    char *path = clo_path_beside(reading->path, name);
    if (!path)
        return clo_fail_memory(reading->error);
    struct clo_tool_library **library = &reading->libraries[reading->library_count];
    status = clo_tool_library_open(library, path, &why);
    free(path);
    if (status) {
        clo_yaml_fail(clo_yaml_get(node, "library"), reading->error, "%s", why.message);
        return clo_hint(reading->error, CLO_EINVALID, "%s", why.hint);
    }
    reading->library_count++;
    const struct clo_plugin *plugin = clo_tool_library_plugin(*library);
    if (plugin->tool_count > CLO_TOOLS_MAX - reading->config.tool_count)
        return clo_yaml_fail(node, reading->error, "more than %d tools", CLO_TOOLS_MAX);
    for (unsigned i = 0; i < plugin->tool_count; i++)
        reading->tools[reading->config.tool_count++] = plugin->tools[i];
    return 0;
}

static int read_tools(struct reading *reading, const struct clo_yaml_node *root)
{
    const struct clo_yaml_node *node = clo_yaml_get(root, "tools");
    int status = 0;
    reading->config.tools = reading->tools;
    if (node && node->kind != CLO_YAML_LIST)
        return clo_yaml_fail(node, reading->error, "a list is expected here");
    for (size_t i = 0; node && i < node->count && !status; i++)
        status = add_library(reading, &node->items[i]);
    return status;
}

static int read_isolation(const struct clo_yaml_node *sandbox, struct clo_isolation_choice *choice,
                          struct clo_error *error)
{
    const struct clo_yaml_node *node = clo_yaml_get(sandbox, "isolation");
    const char *word = NULL;
    struct clo_error why;
    int status = clo_yaml_text(sandbox, "isolation", &word, error);
    if (status || !word)
        return status;
    choice->by = "sandbox.isolation";
    if (strcmp(word, "thread") == 0 || strcmp(word, "worker") == 0) /* its values once */
        return clo_yaml_fail(
            node, error, "where the micro-VM lives is called placement: write placement: %s", word);
    return clo_isolation_read(&choice->isolation, "", word, &why)
               ? clo_yaml_fail(node, error, "%s", why.message)
               : 0;
}

/* The command line comes before the environment, that before the file. */
static int settle_isolation(struct reading *reading, const struct clo_yaml_node *root,
                            const enum clo_isolation *option)
{
    struct clo_isolation_choice *choice = &reading->isolation;
    int status = clo_isolation_environment(choice, reading->error);
    if (status)
        return status;
    if (option)
        *choice = (struct clo_isolation_choice){*option, "--isolation"};
    reading->config.isolation = choice->isolation;
    if (choice->isolation != CLO_ISOLATION_PROCESS ||
        reading->config.placement == CLO_PLACEMENT_WORKER)
        return 0;
    clo_yaml_fail(
        clo_yaml_get(clo_yaml_get(root, "sandbox"), "placement"), reading->error,
        "thread with process isolation (%s): nothing would stand between code that gets out of WebAssembly and this process",
        choice->by);
    return clo_hint(reading->error, CLO_EINVALID, "write placement: worker, or leave it out");
}

static int read_sandbox(struct reading *reading, const struct clo_yaml_node *root)
{
    static const char *const keys[] = {"image",     "memory",     "time",           "cpu_time",
                                       "output",    "host_calls", "host_call_size", "count",
                                       "placement", "isolation",  "jail",           "total_memory",
                                       "wait",      NULL};
    static const char *const placements[] = {"thread", "worker", NULL};
    static const char *const jails[] = {"best", "strict", NULL};
    const struct clo_yaml_node *node = clo_yaml_get(root, "sandbox");
    struct clo_agent_config *config = &reading->config;
    struct clo_limits *limits = &config->limits;
    struct clo_error *error = reading->error;
    int placement = CLO_PLACEMENT_WORKER, jail = CLO_JAIL_BEST, status = 0;
    uint64_t count = 0, wait = 0;
    if (node &&
        ((status = clo_yaml_check(node, keys, error)) ||
         (status = read_isolation(node, &reading->isolation, error)) ||
         (status = clo_yaml_text(node, "image", &config->image, error)) ||
         (status = clo_yaml_size(node, "memory", &limits->memory, error)) ||
         (status = clo_yaml_duration(node, "time", &limits->wall_ms, error)) ||
         (status = clo_yaml_duration(node, "cpu_time", &limits->cpu_ms, error)) ||
         (status = clo_yaml_size(node, "output", &limits->output, error)) ||
         (status = clo_yaml_count(node, "host_calls", 1, UINT32_MAX, &limits->host_calls, error)) ||
         (status = clo_yaml_size(node, "host_call_size", &limits->host_call_bytes, error)) ||
         (status = clo_yaml_count(node, "count", 1, COUNT_MAX, &count, error)) ||
         (status = clo_yaml_choice(node, "placement", placements, &placement, error)) ||
         (status = clo_yaml_choice(node, "jail", jails, &jail, error)) ||
         (status = clo_yaml_size(node, "total_memory", &config->total_memory, error)) ||
         (status = clo_yaml_duration(node, "wait", &wait, error))))
        return status;
    config->wait_ms = wait < UINT32_MAX ? (unsigned)wait : UINT32_MAX; /* its range: agent.c */
    config->placement = (enum clo_placement)placement;
    config->jail = (enum clo_jail)jail;
    config->sandboxes = (unsigned)count;
    if (config->image &&
        !(config->image = reading->image = clo_path_beside(reading->path, config->image)))
        return clo_fail_memory(error);
    return 0;
}

static int read_loop(struct reading *reading, const struct clo_yaml_node *root)
{
    static const char *const keys[] = {"max_iterations", "tool_output", NULL};
    const struct clo_yaml_node *node = clo_yaml_get(root, "loop");
    uint64_t iterations = 0, output = 0;
    int status;
    if (!node)
        return 0;
    if ((status = clo_yaml_check(node, keys, reading->error)) ||
        (status = clo_yaml_count(node, "max_iterations", 1, 10000, &iterations, reading->error)) ||
        (status = clo_yaml_size(node, "tool_output", &output, reading->error)))
        return status;
    if (output > UINT32_MAX)
        output = UINT32_MAX; /* clo_agent_create names the range */
    reading->config.max_iterations = (unsigned)iterations;
    reading->config.tool_output_max = (unsigned)output;
    return 0;
}

static int read_serve(struct reading *reading, const struct clo_yaml_node *root)
{
    static const char *const keys[] = {"listen", "port",  "turns",     "queue", "connections",
                                       "store",  "grace", "keepalive", "items", NULL};
    static const char *const forms[] = {"mcp", "calls", "answer", NULL};
    const struct clo_yaml_node *node = clo_yaml_get(root, "serve");
    struct clo_serve_config *serve = &reading->serve;
    struct clo_error *error = reading->error;
    uint64_t port = 0, turns = 0, queue = 0, connections = 0, grace = 0, keepalive = 0;
    int status, items = CLO_SERVE_ITEMS_MCP;
    if (!node)
        return 0;
    if ((status = clo_yaml_check(node, keys, error)) ||
        (status = clo_yaml_text(node, "listen", &serve->address, error)) ||
        (status = clo_yaml_count(node, "port", 1, PORT_MAX, &port, error)) ||
        (status = clo_yaml_count(node, "turns", 1, 100000, &turns, error)) ||
        (status = clo_yaml_count(node, "queue", 1, 1000000, &queue, error)) ||
        (status = clo_yaml_count(node, "connections", 1, 100000, &connections, error)) ||
        (status = clo_yaml_text(node, "store", &serve->store, error)) ||
        (status = clo_yaml_duration(node, "grace", &grace, error)) ||
        (status = clo_yaml_duration(node, "keepalive", &keepalive, error)) ||
        (status = clo_yaml_choice(node, "items", forms, &items, error)))
        return status;
    if (grace > UINT32_MAX || keepalive > UINT32_MAX)
        return clo_yaml_fail(node, error, "\"grace\" or \"keepalive\" is longer than 49 days");
    serve->port = (uint16_t)port;
    serve->turns = (unsigned)turns;
    serve->queue = (unsigned)queue;
    serve->connections = (unsigned)connections;
    serve->grace_ms = (unsigned)grace;
    serve->keepalive_ms = (unsigned)keepalive;
    serve->items = (enum clo_serve_items)items;
    if (serve->store &&
        !(serve->store = reading->store = clo_path_beside(reading->path, serve->store)))
        return clo_fail_memory(error);
    return 0;
}

static int read_all(struct reading *reading, const struct clo_yaml_node *root,
                    const struct clo_agent_choice *choice)
{
    static const char *const keys[] = {"name",    "instructions", "model", "tools",
                                       "sandbox", "loop",         "serve", NULL};
    struct clo_error *error = reading->error;
    int status;
    if ((status = clo_yaml_check(root, keys, error)) ||
        (status = clo_yaml_text(root, "name", &reading->config.name, error)) ||
        (status = clo_yaml_text(root, "instructions", &reading->config.instructions, error)) ||
        (status = read_model(reading, root)) || (status = read_sandbox(reading, root)) ||
        (status = settle_isolation(reading, root, choice->isolation)) ||
        (status = read_loop(reading, root)) || (status = read_serve(reading, root)))
        return status;
    return read_tools(reading, root); /* last: it runs the libraries' own start-up code */
}

/* Give the agent what it keeps of the file. */
static int hand_over(struct reading *reading, struct clo_agent *agent)
{
    agent->serve = reading->serve;
    if (reading->serve.address &&
        !(agent->serve.address = agent->serve_address = strdup(reading->serve.address)))
        return clo_fail_memory(reading->error);
    agent->serve.store = agent->serve_store = reading->store;
    reading->store = NULL;
    memcpy(agent->libraries, reading->libraries, sizeof agent->libraries);
    agent->library_count = reading->library_count;
    reading->library_count = 0;
    return 0;
}

static int load_environment(const char *path, struct clo_error *error)
{
    char *file = clo_path_beside(path, ".env");
    int status = file ? clo_dotenv_load(file, error) : clo_fail_memory(error);
    free(file);
    return status;
}

int clo_agent_load(struct clo_agent **agent, const char *path, struct clo_error *error)
{
    return clo_agent_load_with(agent, path, &(struct clo_agent_choice){0}, error);
}

int clo_agent_load_with(struct clo_agent **agent, const char *path,
                        const struct clo_agent_choice *choice, struct clo_error *error)
{
    struct clo_yaml *yaml = NULL;
    *agent = NULL;
    struct reading *reading = calloc(1, sizeof *reading);
    if (!reading)
        return clo_fail_memory(error);
    reading->path = path;
    reading->error = error;
    int status = clo_yaml_open(&yaml, path, error);
    if (!status)
        status = load_environment(path, error);
    if (!status)
        status = clo_yaml_expand(yaml, error);
    if (!status)
        status = read_all(reading, clo_yaml_root(yaml), choice);
    if (choice->jail)
        reading->config.jail = *choice->jail;
    if (choice->total_memory)
        reading->config.total_memory = choice->total_memory;
    if (!status)
        status = clo_agent_create(agent, &reading->config, error);
    if (!status && (status = hand_over(reading, *agent))) {
        clo_agent_destroy(*agent);
        *agent = NULL;
    }
    for (size_t i = 0; i < reading->library_count; i++)
        clo_tool_library_close(reading->libraries[i]);
    free(reading->script);
    free(reading->image);
    free(reading->store);
    free(reading);
    clo_yaml_close(yaml);
    return status;
}
