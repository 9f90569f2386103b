/* place.c - the makers' variables, and which of them win. */
#include "model/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

#define OPENAI_NAME "gpt-4.1-mini"
#define OPENAI_URL "https://api.openai.com/v1"
#define ANTHROPIC_URL "https://api.anthropic.com/v1"
#define ANTHROPIC_VERSION "anthropic-version: 2023-06-01"
#define FOUNDRY_SCOPE "https://ai.azure.com/.default"
#define AZURE_SCOPE "https://cognitiveservices.azure.com/.default"
#define V1 "/openai/v1"
#define RESPONSES_SINCE "2025-03-01" /* the first api-version with the Responses API */
#define URL_MAX 8192
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

static const char *const foundry_urls[] = {"FOUNDRY_PROJECT_ENDPOINT", NULL};
static const char *const foundry_names[] = {"FOUNDRY_MODEL", "AZURE_AI_MODEL_DEPLOYMENT_NAME",
                                            NULL};
static const char *const azure_urls[] = {"AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_BASE_URL", NULL};
static const char *const azure_names[] = {"AZURE_OPENAI_MODEL", "AZURE_OPENAI_CHAT_MODEL",
                                          "AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME",
                                          NULL};
static const char *const azure_versions[] = {"AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION",
                                             NULL};
static const char *const openai_signs[] = {"OPENAI_API_KEY", "OPENAI_BASE_URL", NULL};
static const char *const anthropic_signs[] = {"ANTHROPIC_API_KEY", NULL};

/* The first of the variables that is set, and not empty; *which is its name. */
static const char *variable(const char *const *names, const char **which)
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (value && *value) {
            if (which)
                *which = *names;
            return value;
        }
    }
    return NULL;
}

static const char *given(const char *configured, const char *const *names)
{
    return configured && *configured ? configured : variable(names, NULL);
}

/* ---- who is asked ---- */

/* In the order in which they win. Foundry does with its model's name: the platform sets the
 * endpoint alone, in every container that it hosts, whatever model that uses. */
static const struct maker {
    enum clo_model_kind kind;
    const char *const *signs;
} makers[] = {
    {CLO_MODEL_FOUNDRY, foundry_urls},
    {CLO_MODEL_RESPONSES, openai_signs},
    {CLO_MODEL_AZURE, azure_urls},
    {CLO_MODEL_ANTHROPIC, anthropic_signs},
};

#define MAKERS (sizeof makers / sizeof *makers)

static bool is_meant(const struct maker *maker)
{
    return variable(maker->signs, NULL) &&
           (maker->kind != CLO_MODEL_FOUNDRY || variable(foundry_names, NULL));
}

/* Where more than one maker is named, who won and who did not. */
static void explain(struct clo_model_place *place, const struct maker *chosen)
{
    const char *which = NULL;
    struct clo_buffer text = CLO_BUFFER(CLO_MODEL_REASON_MAX - 1);
    variable(chosen->signs, &which);
    clo_buffer_format(&text, "chosen by %s", which);
    size_t others = 0;
    for (size_t i = 0; i < MAKERS; i++)
        if (&makers[i] != chosen && variable(makers[i].signs, &which))
            clo_buffer_format(&text, "%s%s", others++ ? ", " : "; set, too, and not used: ", which);
    snprintf(place->reason, sizeof place->reason, "%s", others && text.data ? text.data : "");
    clo_buffer_free(&text);
}

static enum clo_model_kind choose(struct clo_model_place *place,
                                  const struct clo_model_config *config)
{
    if ((config->base_url && *config->base_url) || (config->api_key && *config->api_key))
        return CLO_MODEL_RESPONSES;
    for (size_t i = 0; i < MAKERS; i++)
        if (is_meant(&makers[i])) {
            explain(place, &makers[i]);
            return makers[i].kind;
        }
    if (!variable(foundry_urls, NULL))
        return CLO_MODEL_SCRIPT;
    if (config->name && *config->name) {
        explain(place, &makers[0]);
        return CLO_MODEL_FOUNDRY;
    }
    snprintf(place->reason, sizeof place->reason,
             "FOUNDRY_PROJECT_ENDPOINT is set, but neither FOUNDRY_MODEL nor "
             "AZURE_AI_MODEL_DEPLOYMENT_NAME, so no model there is used");
    return CLO_MODEL_SCRIPT;
}

/* ---- where it is ---- */

static int take_url(char **url, struct clo_buffer *text, struct clo_error *error)
{
    *url = text->failed ? NULL : clo_buffer_take(text, NULL);
    bool memory = text->no_memory || !text->failed;
    clo_buffer_free(text);
    if (*url)
        return 0;
    return memory
               ? clo_fail_memory(error)
               : clo_fail(error, CLO_EINVALID, "the model's URL is longer than %d bytes", URL_MAX);
}

/* The length without slashes at the end. */
static size_t trimmed(const char *url)
{
    size_t length = strlen(url);
    while (length && url[length - 1] == '/')
        length--;
    return length;
}

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t size = strlen(end);
    return length >= size && memcmp(text + length - size, end, size) == 0;
}

static int find_openai(struct clo_model_place *place, const struct clo_model_config *config,
                       enum clo_model_kind kind, struct clo_error *error)
{
    static const char *const urls[] = {"OPENAI_BASE_URL", NULL}, *const keys[] = {"OPENAI_API_KEY",
                                                                                  NULL};
    static const char *const names[] = {"OPENAI_MODEL", NULL};
    const char *url = given(config->base_url, urls), *name = given(config->name, names);
    struct clo_buffer text = CLO_BUFFER(URL_MAX);
    place->key = given(config->api_key, keys);
    place->key_from = "OPENAI_API_KEY (or api_key)";
    if (!url && !place->key)
        return clo_hint(
            error,
            clo_fail(error, CLO_EINVALID,
                     "no API key for OpenAI's server, and no other server is named"),
            "Set OPENAI_API_KEY (api_key), or OPENAI_BASE_URL (base_url) of a server that needs none.");
    place->speaks = kind == CLO_MODEL_CHAT ? CLO_MODEL_CHAT : CLO_MODEL_RESPONSES;
    place->or_chat = kind == CLO_MODEL_AUTO && url;
    place->name = name ? name : OPENAI_NAME;
    place->encrypted = !url || strncmp(url, OPENAI_URL, strlen(OPENAI_URL)) == 0;
    clo_buffer_text(&text, url ? url : OPENAI_URL);
    return take_url(&place->url, &text, error);
}

static int find_foundry(struct clo_model_place *place, const struct clo_model_config *config,
                        struct clo_error *error)
{
    const char *url = given(config->base_url, foundry_urls);
    struct clo_buffer text = CLO_BUFFER(URL_MAX);
    place->name = given(config->name, foundry_names);
    place->key = config->api_key && *config->api_key ? config->api_key : NULL;
    place->key_from = place->key ? "model.api_key" : NULL;
    place->auth = CLO_HTTP_CLIENT_API_KEY;
    place->scope = place->key ? NULL : FOUNDRY_SCOPE;
    place->speaks = CLO_MODEL_RESPONSES;
    place->or_chat = true; /* not every maker's models have the Responses API there */
    place->encrypted = true;
    place->where = " in Foundry";
    if (!url)
        return clo_hint(error, clo_fail(error, CLO_EINVALID, "no Foundry project is named"),
                        "Set FOUNDRY_PROJECT_ENDPOINT (base_url) to "
                        "https://ACCOUNT.services.ai.azure.com/api/projects/PROJECT.");
    if (!place->name)
        return clo_hint(
            error, clo_fail(error, CLO_EINVALID, "no model of the Foundry project is named"),
            "Set FOUNDRY_MODEL or AZURE_AI_MODEL_DEPLOYMENT_NAME (name) to the name of a "
            "deployment.");
    size_t length = trimmed(url);
    const char *project = strstr(url, "/api/projects/");
    if (!project || project + strlen("/api/projects/") >= url + length || strchr(url, '?'))
        return clo_hint(
            error,
            clo_fail(error, CLO_EINVALID, "\"%.200s\" is not the endpoint of a Foundry project",
                     url),
            "It looks like https://ACCOUNT.services.ai.azure.com/api/projects/PROJECT; the "
            "project's overview shows it.");
    clo_buffer_append(&text, url, length);
    if (!ends_with(url, length, V1))
        clo_buffer_text(&text, V1);
    return take_url(&place->url, &text, error);
}

/* Azure's dated versions: the deployment stands in the path of chat completions. */
static int find_dated(struct clo_model_place *place, const char *endpoint, const char *version,
                      struct clo_error *error)
{
    struct clo_buffer url = CLO_BUFFER(URL_MAX), path = CLO_BUFFER(URL_MAX);
    clo_buffer_format(&url, "%.*s/openai?api-version=%s", (int)trimmed(endpoint), endpoint,
                      version);
    clo_buffer_format(&path, "/deployments/%s/chat/completions", place->name);
    if (strcmp(version, RESPONSES_SINCE) < 0) {
        place->speaks = CLO_MODEL_CHAT;
        place->or_chat = false;
    }
    int status = take_url(&place->url, &url, error);
    if (status)
        clo_buffer_free(&path);
    return status ? status : take_url(&place->chat_path, &path, error);
}

static int check_words(const char *what, const char *text, struct clo_error *error)
{
    return text[strspn(text, NAME_LETTERS)]
               ? clo_fail(
                     error, CLO_EINVALID,
                     "the %s is \"%.80s\": it has letters, digits, dots, hyphens and underscores alone",
                     what, text)
               : 0;
}

static int find_azure(struct clo_model_place *place, const struct clo_model_config *config,
                      struct clo_error *error)
{
    static const char *const keys[] = {"AZURE_OPENAI_API_KEY", NULL};
    static const char *const tokens[] = {"AZURE_OPENAI_AD_TOKEN", NULL};
    const char *url = given(config->base_url, azure_urls);
    const char *version = given(config->api_version, azure_versions);
    place->name = given(config->name, azure_names);
    place->key = given(config->api_key, keys);
    place->key_from = place->key ? "AZURE_OPENAI_API_KEY (or api_key)" : NULL;
    place->auth = CLO_HTTP_CLIENT_API_KEY;
    if (!place->key && (place->key = variable(tokens, &place->key_from)))
        place->auth = CLO_HTTP_CLIENT_BEARER;
    place->scope = place->key ? NULL : AZURE_SCOPE;
    place->speaks = CLO_MODEL_RESPONSES;
    place->or_chat = true;
    place->where = " at Azure OpenAI";
    if (!url)
        return clo_hint(
            error, clo_fail(error, CLO_EINVALID, "no Azure OpenAI resource is named"),
            "Set AZURE_OPENAI_ENDPOINT (base_url) to https://RESOURCE.openai.azure.com.");
    if (!place->name)
        return clo_hint(
            error,
            clo_fail(error, CLO_EINVALID, "no deployment of the Azure OpenAI resource is named"),
            "Set AZURE_OPENAI_MODEL or AZURE_OPENAI_DEPLOYMENT (name).");
    int status = check_words("Azure OpenAI deployment", place->name, error);
    if (!status && version)
        status = check_words("api-version", version, error);
    if (status)
        return status;
    size_t length = trimmed(url);
    bool v1 = ends_with(url, length, V1);
    if (version && strncmp(version, "20", 2) == 0 && !v1)
        return find_dated(place, url, version, error);
    place->encrypted = true;
    struct clo_buffer text = CLO_BUFFER(URL_MAX);
    clo_buffer_append(&text, url, length);
    if (!v1)
        clo_buffer_text(&text, V1);
    if (version && (strcmp(version, "preview") == 0 || strcmp(version, "latest") == 0))
        clo_buffer_format(&text, "?api-version=%s", version);
    return take_url(&place->url, &text, error);
}

static int find_anthropic(struct clo_model_place *place, const struct clo_model_config *config,
                          struct clo_error *error)
{
    static const char *const urls[] = {"ANTHROPIC_BASE_URL", NULL};
    static const char *const names[] = {"ANTHROPIC_MODEL", NULL};
    const char *url = given(config->base_url, urls);
    struct clo_buffer text = CLO_BUFFER(URL_MAX);
    place->name = given(config->name, names);
    place->key = given(config->api_key, anthropic_signs);
    place->key_from = "ANTHROPIC_API_KEY (or api_key)";
    place->auth = CLO_HTTP_CLIENT_X_API_KEY;
    place->header = ANTHROPIC_VERSION;
    place->speaks = CLO_MODEL_ANTHROPIC;
    if (!url && !place->key)
        return clo_hint(error, clo_fail(error, CLO_EINVALID, "no API key for Anthropic's server"),
                        "Set ANTHROPIC_API_KEY (api_key).");
    if (!place->name)
        return clo_hint(error, clo_fail(error, CLO_EINVALID, "no model of Anthropic's is named"),
                        "Set ANTHROPIC_MODEL (name).");
    url = url ? url : ANTHROPIC_URL;
    size_t length = trimmed(url);
    clo_buffer_append(&text, url, length);
    if (!ends_with(url, length, "/v1")) /* its own clients' base URL has none */
        clo_buffer_text(&text, "/v1");
    return take_url(&place->url, &text, error);
}

int clo_model_place_find(struct clo_model_place *place, const struct clo_model_config *config,
                         struct clo_error *error)
{
    *place = (struct clo_model_place){.where = ""};
    enum clo_model_kind kind = config->kind;
    if (kind == CLO_MODEL_AUTO)
        kind = choose(place, config);
    int status;
    switch (kind) {
    case CLO_MODEL_RESPONSES:
    case CLO_MODEL_CHAT:
        status = find_openai(place, config, config->kind == CLO_MODEL_AUTO ? CLO_MODEL_AUTO : kind,
                             error);
        break;
    case CLO_MODEL_FOUNDRY: status = find_foundry(place, config, error); break;
    case CLO_MODEL_AZURE: status = find_azure(place, config, error); break;
    case CLO_MODEL_ANTHROPIC: status = find_anthropic(place, config, error); break;
    case CLO_MODEL_SCRIPT: place->speaks = kind, status = 0; break;
    default: status = clo_fail(error, CLO_EINVALID, "model kind %d is unknown", config->kind);
    }
    if (status)
        clo_model_place_clear(place);
    return status;
}

void clo_model_place_clear(struct clo_model_place *place)
{
    free(place->url);
    free(place->chat_path);
    place->url = place->chat_path = NULL;
}
