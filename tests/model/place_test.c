/* place_test.c - where the model is, by what the environment and the file say: who wins, and where requests go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/place.h"

#define AI "https://ai.azure.com/.default"
#define COGNITIVE "https://cognitiveservices.azure.com/.default"
#define PROJECT "FOUNDRY_PROJECT_ENDPOINT=https://a.services.ai.azure.com/api/projects/p"
#define AT_PROJECT "https://a.services.ai.azure.com/api/projects/p/openai/v1"
#define RESOURCE "AZURE_OPENAI_ENDPOINT=https://r.openai.azure.com/"

static const struct {
    const char *set[6];
    struct clo_model_config config;
    enum clo_model_kind speaks;
    const char *name, *url, *chat_path, *key, *scope, *reason;
} cases[] = {
    {{0}, {0}, CLO_MODEL_SCRIPT, NULL, NULL, NULL, NULL, NULL, ""},
    /* each alone */
    {{"OPENAI_API_KEY=k"},
     {0},
     CLO_MODEL_RESPONSES,
     "gpt-4.1-mini",
     "https://api.openai.com/v1",
     NULL,
     "k",
     NULL,
     ""},
    {{PROJECT, "FOUNDRY_MODEL=m"}, {0}, CLO_MODEL_RESPONSES, "m", AT_PROJECT, NULL, NULL, AI, ""},
    {{PROJECT "/", "AZURE_AI_MODEL_DEPLOYMENT_NAME=d", "FOUNDRY_MODEL="},
     {0},
     CLO_MODEL_RESPONSES,
     "d",
     AT_PROJECT,
     NULL,
     NULL,
     AI,
     ""},
    {{PROJECT "/openai/v1/", "FOUNDRY_MODEL=m"},
     {0},
     CLO_MODEL_RESPONSES,
     "m",
     AT_PROJECT,
     NULL,
     NULL,
     AI,
     ""},
    {{RESOURCE, "AZURE_OPENAI_MODEL=d"},
     {0},
     CLO_MODEL_RESPONSES,
     "d",
     "https://r.openai.azure.com/openai/v1",
     NULL,
     NULL,
     COGNITIVE,
     ""},
    {{RESOURCE, "AZURE_OPENAI_DEPLOYMENT_NAME=d", "AZURE_OPENAI_API_KEY=k",
      "OPENAI_API_VERSION=latest"},
     {0},
     CLO_MODEL_RESPONSES,
     "d",
     "https://r.openai.azure.com/openai/v1?api-version=latest",
     NULL,
     "k",
     NULL,
     ""},
    {{RESOURCE, "AZURE_OPENAI_MODEL=d", "AZURE_OPENAI_AD_TOKEN=t",
      "OPENAI_API_VERSION=2025-03-01-preview"},
     {0},
     CLO_MODEL_RESPONSES,
     "d",
     "https://r.openai.azure.com/openai?api-version=2025-03-01-preview",
     "/deployments/d/chat/completions",
     "t",
     NULL,
     ""},
    {{RESOURCE, "AZURE_OPENAI_MODEL=d", "AZURE_OPENAI_API_VERSION=2024-10-21",
      "OPENAI_API_VERSION=2025-03-01-preview"},
     {0},
     CLO_MODEL_CHAT,
     "d",
     "https://r.openai.azure.com/openai?api-version=2024-10-21",
     "/deployments/d/chat/completions",
     NULL,
     COGNITIVE,
     ""},
    {{"AZURE_OPENAI_BASE_URL=https://r/openai/v1/", "AZURE_OPENAI_MODEL=d",
      "OPENAI_API_VERSION=2024-10-21"},
     {0},
     CLO_MODEL_RESPONSES,
     "d",
     "https://r/openai/v1",
     NULL,
     NULL,
     COGNITIVE,
     ""},
    {{"ANTHROPIC_API_KEY=k", "ANTHROPIC_MODEL=c"},
     {0},
     CLO_MODEL_ANTHROPIC,
     "c",
     "https://api.anthropic.com/v1",
     NULL,
     "k",
     NULL,
     ""},
    /* who wins */
    {{PROJECT, "FOUNDRY_MODEL=m", "OPENAI_API_KEY=k", RESOURCE, "ANTHROPIC_API_KEY=k"},
     {0},
     CLO_MODEL_RESPONSES,
     "m",
     AT_PROJECT,
     NULL,
     NULL,
     AI,
     "chosen by FOUNDRY_PROJECT_ENDPOINT; set, too, and not used: OPENAI_API_KEY, AZURE_OPENAI_ENDPOINT, ANTHROPIC_API_KEY"},
    {{PROJECT, "OPENAI_BASE_URL=http://h/v1", RESOURCE},
     {0},
     CLO_MODEL_RESPONSES,
     "gpt-4.1-mini",
     "http://h/v1",
     NULL,
     NULL,
     NULL,
     "chosen by OPENAI_BASE_URL; set, too, and not used: FOUNDRY_PROJECT_ENDPOINT, AZURE_OPENAI_ENDPOINT"},
    {{RESOURCE, "AZURE_OPENAI_MODEL=d", "ANTHROPIC_API_KEY=k"},
     {0},
     CLO_MODEL_RESPONSES,
     "d",
     "https://r.openai.azure.com/openai/v1",
     NULL,
     NULL,
     COGNITIVE,
     "chosen by AZURE_OPENAI_ENDPOINT; set, too, and not used: ANTHROPIC_API_KEY"},
    {{PROJECT}, {.name = "m"}, CLO_MODEL_RESPONSES, "m", AT_PROJECT, NULL, NULL, AI, ""},
    {{PROJECT},
     {0},
     CLO_MODEL_SCRIPT,
     NULL,
     NULL,
     NULL,
     NULL,
     NULL,
     "FOUNDRY_PROJECT_ENDPOINT is set, but neither FOUNDRY_MODEL nor AZURE_AI_MODEL_DEPLOYMENT_NAME, so no model there is used"},
    /* the file comes before all of it */
    {{PROJECT, "FOUNDRY_MODEL=m"},
     {.base_url = "http://h/v1", .name = "n"},
     CLO_MODEL_RESPONSES,
     "n",
     "http://h/v1",
     NULL,
     NULL,
     NULL,
     ""},
    {{PROJECT, "FOUNDRY_MODEL=m", "OPENAI_API_KEY=k"},
     {.kind = CLO_MODEL_CHAT},
     CLO_MODEL_CHAT,
     "gpt-4.1-mini",
     "https://api.openai.com/v1",
     NULL,
     "k",
     NULL,
     ""},
    {{PROJECT, "FOUNDRY_MODEL=m"},
     {.kind = CLO_MODEL_FOUNDRY, .api_key = "k", .name = "n"},
     CLO_MODEL_RESPONSES,
     "n",
     AT_PROJECT,
     NULL,
     "k",
     NULL,
     ""},
    {{PROJECT, "FOUNDRY_MODEL=m"},
     {.kind = CLO_MODEL_SCRIPT},
     CLO_MODEL_SCRIPT,
     NULL,
     NULL,
     NULL,
     NULL,
     NULL,
     ""},
};

static const char *const variables[] = {
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "OPENAI_API_VERSION",
    "FOUNDRY_PROJECT_ENDPOINT",
    "FOUNDRY_MODEL",
    "AZURE_AI_MODEL_DEPLOYMENT_NAME",
    "AZURE_OPENAI_ENDPOINT",
    "AZURE_OPENAI_BASE_URL",
    "AZURE_OPENAI_MODEL",
    "AZURE_OPENAI_CHAT_MODEL",
    "AZURE_OPENAI_DEPLOYMENT",
    "AZURE_OPENAI_DEPLOYMENT_NAME",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_AD_TOKEN",
    "AZURE_OPENAI_API_VERSION",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_MODEL",
};

static void set_all(const char *const *set)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    for (; *set; set++) {
        char name[64];
        const char *equals = strchr(*set, '=');
        snprintf(name, sizeof name, "%.*s", (int)(equals - *set), *set);
        setenv(name, equals + 1, 1);
    }
}

static void same(size_t number, const char *what, const char *got, const char *wanted)
{
    if ((got == NULL) != (wanted == NULL) || (got && strcmp(got, wanted) != 0))
        fail_msg("%zu: %s is \"%s\", not \"%s\"", number, what, got ? got : "-",
                 wanted ? wanted : "-");
}

static void each_environment_has_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_model_place place;
        struct clo_error error = {0};
        set_all(cases[i].set);
        if (clo_model_place_find(&place, &cases[i].config, &error))
            fail_msg("%zu: %s", i, error.message);
        assert_int_equal(place.speaks, cases[i].speaks);
        same(i, "name", place.name, cases[i].name);
        same(i, "url", place.url, cases[i].url);
        same(i, "chat_path", place.chat_path, cases[i].chat_path);
        same(i, "key", place.key, cases[i].key);
        same(i, "scope", place.scope, cases[i].scope);
        same(i, "reason", place.reason, cases[i].reason);
        clo_model_place_clear(&place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_environment_has_its_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
