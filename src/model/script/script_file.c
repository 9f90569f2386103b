/* script_file.c - reading a script's YAML file and finding the turn that fits a message. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/yaml/yaml.h"
#include "model/script/script.h"

#define MATCH_LIMIT 1000000 /* of PCRE2's inner steps: the message is a stranger's */
#define DEPTH_LIMIT 1000
#define DELAY_MAX_MS 60000

struct turn {
    pcre2_code *match; /* NULL: every text */
    uint64_t message;  /* 0: wherever it stands in the conversation */
    struct clo_script_step steps[CLO_SCRIPT_STEPS_MAX];
};

struct clo_script {
    struct clo_yaml *yaml; /* owns the texts of all steps */
    struct turn *turns;
    size_t count;
    unsigned delay;
};

static const char *const first_keys[] = {"match", "message", "literal", "say",
                                         "code",  "then",    NULL};
static const char *const next_keys[] = {"say", "code", "then", NULL};

static int compile(struct turn *turn, const struct clo_yaml_node *node, struct clo_error *error)
{
    const struct clo_yaml_node *match = clo_yaml_get(node, "match");
    const char *pattern = NULL;
    int status = clo_yaml_text(node, "match", &pattern, error), code;
    if (status || !pattern)
        return status;
    PCRE2_SIZE offset;
    turn->match = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                PCRE2_CASELESS | PCRE2_UTF | PCRE2_DOTALL, &code, &offset, NULL);
    if (turn->match)
        return 0;
    PCRE2_UCHAR why[128];
    pcre2_get_error_message(code, why, sizeof why);
    return clo_yaml_fail(match, error, "not a regular expression at character %zu: %s",
                         (size_t)offset + 1, (const char *)why);
}

/* One text, or a list of them. */
static int read_codes(struct clo_script_step *step, const struct clo_yaml_node *node,
                      struct clo_error *error)
{
    const struct clo_yaml_node *code = clo_yaml_get(node, "code");
    bool list = code && code->kind == CLO_YAML_LIST;
    if (!code)
        return 0;
    if (list && (!code->count || code->count > CLO_SCRIPT_CALLS_MAX))
        return clo_yaml_fail(code, error, "%zu pieces of code; write 1 to %d", code->count,
                             CLO_SCRIPT_CALLS_MAX);
    step->codes = calloc(list ? code->count : 1, sizeof *step->codes);
    if (!step->codes)
        return clo_fail_memory(error);
    for (size_t i = 0; list && i < code->count; i++) {
        if (code->items[i].kind != CLO_YAML_SCALAR)
            return clo_yaml_fail(&code->items[i], error, "a text is expected: Python code");
        step->codes[i] = code->items[i].text;
    }
    step->code_count = list ? code->count : 1;
    return list ? 0 : clo_yaml_text(node, "code", &step->codes[0], error);
}

static int read_steps(struct turn *turn, const struct clo_yaml_node *node, struct clo_error *error)
{
    static const char *const words[] = {"false", "true", NULL};
    int literal = 0;
    for (size_t i = 0; i < CLO_SCRIPT_STEPS_MAX; i++) {
        struct clo_script_step *step = &turn->steps[i];
        int status = clo_yaml_check(node, i ? next_keys : first_keys, error);
        if (!status && i == 0)
            status = clo_yaml_choice(node, "literal", words, &literal, error);
        if (!status)
            status = clo_yaml_text(node, "say", &step->say, error);
        if (!status)
            status = read_codes(step, node, error);
        if (status)
            return status;
        step->literal = literal == 1;
        if (!step->say && !step->codes)
            return clo_yaml_fail(node, error, "\"say\", \"code\" or both must stand here");
        const struct clo_yaml_node *then = clo_yaml_get(node, "then");
        if (!then)
            return 0;
        if (!step->codes)
            return clo_yaml_fail(
                then, error,
                "\"then\" follows the output of \"code\", and there is none beside it");
        node = then;
        step->next = step + 1;
    }
    return clo_yaml_fail(node, error, "more than %d steps in one turn", CLO_SCRIPT_STEPS_MAX);
}

static int read_turns(struct clo_script *script, struct clo_error *error)
{
    static const char *const keys[] = {"turns", "delay", NULL};
    const struct clo_yaml_node *root = clo_yaml_root(script->yaml);
    uint64_t delay = 0;
    int status = clo_yaml_check(root, keys, error);
    if (!status)
        status = clo_yaml_duration(root, "delay", &delay, error);
    if (status)
        return status;
    if (delay > DELAY_MAX_MS)
        return clo_yaml_fail(clo_yaml_get(root, "delay"), error, "more than a minute");
    script->delay = (unsigned)delay;
    const struct clo_yaml_node *turns = clo_yaml_get(root, "turns");
    if (!turns || turns->kind != CLO_YAML_LIST)
        return clo_yaml_fail(turns ? turns : root, error, "a list is expected under \"turns\"");
    if (turns->count > CLO_SCRIPT_TURNS_MAX)
        return clo_yaml_fail(turns, error, "more than %d turns", CLO_SCRIPT_TURNS_MAX);
    script->turns = calloc(turns->count + 1, sizeof *script->turns);
    if (!script->turns)
        return clo_fail_memory(error);
    for (; script->count < turns->count && !status; script->count++) {
        struct turn *turn = &script->turns[script->count];
        const struct clo_yaml_node *node = &turns->items[script->count];
        status = read_steps(turn, node, error);
        if (!status)
            status =
                clo_yaml_count(node, "message", 1, CLO_SCRIPT_MESSAGE_MAX, &turn->message, error);
        if (!status)
            status = compile(turn, node, error);
    }
    return status;
}

int clo_script_open(struct clo_script **out, const char *path, struct clo_error *error)
{
    *out = NULL;
    struct clo_script *script = calloc(1, sizeof *script);
    if (!script)
        return clo_fail_memory(error);
    int status = 0;
    if (path)
        status = clo_yaml_open(&script->yaml, path, error);
    if (path && !status)
        status = read_turns(script, error);
    if (status) {
        clo_script_close(script);
        return status;
    }
    *out = script;
    return 0;
}

void clo_script_close(struct clo_script *script)
{
    if (!script)
        return;
    for (size_t i = 0; i < script->count; i++) {
        pcre2_code_free(script->turns[i].match);
        for (size_t j = 0; j < CLO_SCRIPT_STEPS_MAX; j++)
            free(script->turns[i].steps[j].codes);
    }
    free(script->turns);
    clo_yaml_close(script->yaml);
    free(script);
}

unsigned clo_script_delay(const struct clo_script *script)
{
    return script->delay;
}

/* Whether the turn is for the text; CLO_ENOMEMORY. */
static int fits(const struct turn *turn, const char *text, size_t length,
                pcre2_match_context *limits)
{
    if (!turn->match)
        return true;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int found = data ? pcre2_match(turn->match, (PCRE2_SPTR)text, length, 0, 0, data, limits)
                     : PCRE2_ERROR_NOMEMORY;
    pcre2_match_data_free(data);
    return found == PCRE2_ERROR_NOMEMORY ? CLO_ENOMEMORY : found >= 0;
}

int clo_script_find(const struct clo_script *script, const char *text, size_t length,
                    size_t message, const struct clo_script_step **step)
{
    *step = NULL;
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    if (!limits)
        return CLO_ENOMEMORY;
    pcre2_set_match_limit(limits, MATCH_LIMIT);
    pcre2_set_depth_limit(limits, DEPTH_LIMIT);
    int found = 0;
    for (size_t i = 0; i < script->count && found == 0; i++) {
        if (!script->turns[i].message || script->turns[i].message == message)
            found = fits(&script->turns[i], text, length, limits);
        if (found > 0)
            *step = script->turns[i].steps;
    }
    pcre2_match_context_free(limits);
    return found < 0 ? found : 0;
}
