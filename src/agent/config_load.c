/* config_load.c - an agent of its file, or only a look at the file. */
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

static const struct clo_agent_choice nothing;

static int begin(struct clo_config **out, const char *path, const struct clo_agent_choice *choice,
                 struct clo_findings *findings, struct clo_error *error)
{
    struct clo_config *config = calloc(1, sizeof *config);
    *out = config;
    if (!config)
        return clo_fail_memory(error);
    config->path = path;
    config->choice = choice;
    config->findings = findings;
    config->error = error;
    return clo_config_read(config);
}

static void end(struct clo_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->library_count; i++)
        clo_tool_library_close(config->libraries[i]);
    free(config->script);
    free(config->record);
    free(config->image);
    free(config->store);
    for (size_t i = 0; i < config->config.mount_count; i++)
        free(config->mount_sources[i]);
    clo_yaml_close(config->yaml);
    clo_yaml_close(config->hosted);
    free(config);
}

/* Give the agent what it keeps of the file. */
static int hand_over(struct clo_config *config, struct clo_agent *agent)
{
    agent->serve = config->serve;
    if (config->serve.address &&
        !(agent->serve.address = agent->serve_address = strdup(config->serve.address)))
        return clo_fail_memory(config->error);
    agent->serve.store = agent->serve_store = config->store;
    config->store = NULL;
    memcpy(agent->libraries, config->libraries, sizeof agent->libraries);
    agent->library_count = config->library_count;
    config->library_count = 0;
    return 0;
}

static int refuse(const struct clo_findings *findings, struct clo_error *error)
{
    const struct clo_error *first = clo_findings_first(findings);
    if (!first)
        return 0;
    if (error)
        *error = *first;
    return first->code;
}

int clo_agent_load(struct clo_agent **agent, const char *path, struct clo_error *error)
{
    return clo_agent_load_with(agent, path, &nothing, error);
}

int clo_agent_load_with(struct clo_agent **agent, const char *path,
                        const struct clo_agent_choice *choice, struct clo_error *error)
{
    struct clo_findings own = {0}, *findings = choice->findings ? choice->findings : &own;
    struct clo_config *config;
    *agent = NULL;
    int status = begin(&config, path, choice, findings, error);
    if (!status)
        status = refuse(findings, error);
    if (!status) /* last: it runs the libraries' own start-up code */
        status = clo_config_open_tools(config);
    if (!status)
        status = refuse(findings, error);
    if (!status)
        status = clo_agent_create(agent, &config->config, error);
    if (!status && (status = hand_over(config, *agent))) {
        clo_agent_destroy(*agent);
        *agent = NULL;
    }
    end(config);
    clo_findings_free(&own);
    return status;
}

int clo_agent_check(const char *path, const struct clo_agent_choice *choice, bool open_libraries,
                    struct clo_agent_checked *checked, struct clo_error *error)
{
    struct clo_config *config;
    int status = begin(&config, path, choice, choice->findings, error);
    if (!status && config->yaml)
        status = open_libraries && !choice->findings->errors ? clo_config_open_tools(config)
                                                             : clo_config_look_at_tools(config);
    if (!status && config->yaml)
        status = clo_config_warn_of_address(config);
    *checked = (struct clo_agent_checked){.libraries = config ? config->said.library_count : 0};
    if (config)
        clo_text_copy(checked->model, sizeof checked->model, config->model);
    end(config);
    return status || !choice->findings->errors ? status : CLO_EINVALID;
}

char *clo_agent_schema(void)
{
    json_t *schema = clo_settings_schema();
    char *text = schema ? clo_json_dump(schema, JSON_INDENT(2)) : NULL;
    json_decref(schema);
    return text;
}
