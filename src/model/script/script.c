/* script.c - one reply of the offline model, streamed in small pieces like a real one's. */
#include "model/script/script.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "base/thread/cancel.h"
#include "model/client.h"
#include "model/run_report.h"

#define PIECE 16 /* bytes of one delta, about */
#define TEXT_MAX CLO_SCRIPT_TEXT_MAX
#define TOOL "execute_code"

static const char no_model[] =
    "This is cloche's offline script model; no language model is configured. It runs the Python "
    "block of your message: write one between ```python and ```. For a real model set "
    "OPENAI_API_KEY (and OPENAI_MODEL), or OPENAI_BASE_URL for any compatible server.";

/* Where the conversation stands. */
struct scene {
    struct clo_buffer user; /* the text of the user's last message */
    const char *output;     /* of the last result after it; NULL: none yet */
    size_t output_length;
    size_t messages; /* of the user, that one included */
    size_t results;  /* after it */
    size_t calls;    /* in the whole history: makes ids unique */
    bool may_call;
};

struct speech {
    struct clo_item_builder *builder;
    struct clo_cancel *cancel;
    unsigned delay;
};

bool clo_script_is_users(const json_t *item)
{
    const char *type = clo_json_text(item, "type");
    return (!type || strcmp(type, "message") == 0) && clo_json_is(item, "role", "user");
}

void clo_script_message(struct clo_buffer *text, const json_t *item)
{
    const json_t *content = json_object_get(item, "content"), *part;
    size_t index;
    clo_buffer_reset(text);
    if (json_is_string(content))
        clo_buffer_append(text, json_string_value(content), json_string_length(content));
    json_array_foreach(content, index, part) {
        const json_t *value = json_object_get(part, "text");
        if (!json_is_string(value))
            continue;
        if (text->length)
            clo_buffer_text(text, "\n");
        clo_buffer_append(text, json_string_value(value), json_string_length(value));
    }
}

static bool offers_tool(const struct clo_model_request *request)
{
    size_t index;
    const json_t *tool;
    if (clo_json_is(request->options, "tool_choice", "none"))
        return false;
    json_array_foreach(request->tools, index, tool)
        if (clo_json_is(tool, "name", TOOL))
            return true;
    return false;
}

static void read_scene(struct scene *scene, const struct clo_model_request *request)
{
    size_t index;
    const json_t *item;
    scene->may_call = offers_tool(request);
    json_array_foreach(request->input, index, item) {
        const char *type = clo_json_text(item, "type");
        const json_t *output = json_object_get(item, "output");
        if (clo_script_is_users(item)) {
            clo_script_message(&scene->user, item);
            scene->messages++;
            scene->results = 0;
            scene->output = NULL;
        } else if (type && strcmp(type, "function_call") == 0) {
            scene->calls++;
        } else if (type && strcmp(type, "function_call_output") == 0) {
            scene->results++;
            scene->output = json_is_string(output) ? json_string_value(output) : "";
            scene->output_length = json_string_length(output);
        }
    }
}

static size_t trim(const char *text, size_t length)
{
    while (length && (text[length - 1] == '\n' || text[length - 1] == '\r'))
        length--;
    return length;
}

static void add_section(const struct scene *scene, const char *name, struct clo_buffer *out)
{
    const char *text;
    size_t length;
    clo_run_report_read(scene->output, scene->output_length, name, &text, &length);
    clo_buffer_append(out, text, trim(text, length));
}

/* `say` with {stdout}, {stderr}, {result} and {output} filled in, once there is an output. */
static void fill_in(const struct scene *scene, const char *say, struct clo_buffer *out)
{
    static const char *const names[] = {CLO_REPORT_STDOUT, CLO_REPORT_STDERR, CLO_REPORT_RESULT,
                                        "output"};
    while (*say) {
        size_t plain = strcspn(say, "{"), name = 0;
        clo_buffer_append(out, say, plain);
        say += plain;
        if (!*say)
            break;
        size_t length = strcspn(say + 1, "}");
        while (name < 4 && (strncmp(say + 1, names[name], length) != 0 || names[name][length]))
            name++;
        if (!scene->output || name == 4 || say[1 + length] != '}') {
            clo_buffer_append(out, say++, 1);
            continue;
        }
        if (name == 3)
            clo_buffer_append(out, scene->output, trim(scene->output, scene->output_length));
        else
            add_section(scene, names[name], out);
        say += length + 2;
    }
}

/* What came out, for a turn that does not say how to put it: the code's own words if it is only
 * those, else everything. */
static void tell_output(const struct scene *scene, struct clo_buffer *out)
{
    const char *text;
    size_t length;
    bool printed =
        clo_run_report_read(scene->output, scene->output_length, CLO_REPORT_STDOUT, &text, &length);
    struct clo_buffer alone = CLO_BUFFER(TEXT_MAX);
    if (!printed)
        clo_run_report_read(scene->output, scene->output_length, CLO_REPORT_RESULT, &text, &length);
    clo_run_report_write(&alone, printed ? CLO_REPORT_STDOUT : CLO_REPORT_RESULT, text, length);
    bool only = alone.data && length &&
                trim(alone.data, alone.length) == trim(scene->output, scene->output_length);
    clo_buffer_free(&alone);
    if (!only) {
        text = scene->output;
        length = scene->output_length;
    }
    clo_buffer_append(out, text, trim(text, length));
}

/* The first block fenced as Python. False: none. */
static bool find_block(const struct clo_buffer *message, const char **code, size_t *length)
{
    static const char *const names[] = {"python", "python3", "py", "Python"};
    const char *at = message->data;
    while (at && (at = strstr(at, "```"))) {
        at += 3;
        size_t word = strcspn(at, " \t\r\n`");
        size_t line = strcspn(at, "\n");
        bool ours = false;
        for (size_t i = 0; i < 4; i++)
            ours |= strlen(names[i]) == word && strncmp(at, names[i], word) == 0;
        const char *body = at + line, *end = strstr(body, "\n```");
        if (!*body || !end)
            return false;
        if (ours) {
            *code = body + 1;
            *length = end > body ? (size_t)(end - body) : 0; /* its last line break included */
            return true;
        }
        at = end + 4;
    }
    return false;
}

/* Give a text to the open item, piece by piece. False: cancelled. */
static bool speak(const struct speech *speech, enum clo_item_event_kind kind, const char *text,
                  size_t length)
{
    struct pollfd trigger = {clo_cancel_fd(speech->cancel), POLLIN, 0};
    while (length) {
        size_t piece = PIECE < length ? clo_text_tail(text, length, length - PIECE) : length;
        clo_item_builder_add(speech->builder, kind, text, piece);
        text += piece;
        length -= piece;
        if (speech->delay)
            poll(&trigger, 1, (int)speech->delay);
        if (clo_cancel_is_set(speech->cancel))
            return false;
    }
    return true;
}

static bool say(const struct speech *speech, const struct clo_buffer *text)
{
    if (!text->length)
        return true;
    clo_item_builder_message(speech->builder, NULL);
    return speak(speech, CLO_ITEM_TEXT, text->data, text->length);
}

/* Code to run. */
struct piece {
    const char *text;
    size_t length;
};

/* The `number`-th call of the conversation. */
static bool call(const struct speech *speech, size_t number, const struct piece *code)
{
    char id[32];
    snprintf(id, sizeof id, "call_%zu", number);
    json_t *arguments = json_pack("{s:s%}", "code", code->text, code->length);
    char *text = arguments ? clo_json_dump(arguments, JSON_COMPACT) : NULL;
    bool going = true;
    if (text) {
        clo_item_builder_call(speech->builder, NULL, id, TOOL);
        going = speak(speech, CLO_ITEM_ARGUMENTS, text, strlen(text));
    } else {
        speech->builder->status = CLO_ENOMEMORY;
    }
    json_decref(arguments);
    free(text);
    return going;
}

/* The step that is due: each takes as many results as it makes calls. */
static const struct clo_script_step *step_of(const struct clo_script_step *step, size_t results)
{
    while (step && results) {
        size_t calls = step->code_count ? step->code_count : 1;
        results -= calls < results ? calls : results;
        step = step->next;
    }
    return step;
}

/* What is due: words into `text`, and how many pieces of code. `step` is the first of its turn, or
 * NULL. */
static size_t decide(const struct clo_script_step *step, const struct scene *scene,
                     struct clo_buffer *text, struct piece codes[CLO_SCRIPT_CALLS_MAX])
{
    bool scripted = step != NULL;
    size_t count = 0;
    step = step_of(step, scene->results);
    if (step) {
        if (step->say && step->literal)
            clo_buffer_text(text, step->say);
        else if (step->say)
            fill_in(scene, step->say, text);
        for (; count < step->code_count; count++)
            codes[count] = (struct piece){step->codes[count], strlen(step->codes[count])};
    } else if (scene->output) {
        tell_output(scene, text);
    } else if (!scripted && find_block(&scene->user, &codes[0].text, &codes[0].length)) {
        count = 1;
    } else if (!scripted) {
        clo_buffer_text(text, no_model);
    }
    if (count && !scene->may_call) {
        count = 0;
        if (!text->length)
            clo_buffer_text(text, scene->output ? "No further code may be run in this turn."
                                                : "No code may be run in this turn.");
    }
    return count;
}

int clo_script_call(struct clo_model *model, const struct clo_model_request *request,
                    struct clo_item_builder *builder, struct clo_model_reply *reply,
                    struct clo_error *error)
{
    struct scene scene = {.user = CLO_BUFFER(TEXT_MAX)};
    struct clo_buffer text = CLO_BUFFER(TEXT_MAX);
    struct speech speech = {builder, request->cancel, clo_script_delay(model->script)};
    const struct clo_script_step *step;
    struct piece codes[CLO_SCRIPT_CALLS_MAX];
    (void)reply;
    read_scene(&scene, request);
    int status = clo_script_find(model->script, scene.user.data ? scene.user.data : "",
                                 scene.user.length, scene.messages, &step);
    size_t count = decide(step, &scene, &text, codes);
    if (status || scene.user.no_memory || text.no_memory)
        status = clo_fail_memory(error);
    else if (scene.user.failed || text.failed)
        status = clo_fail(error, CLO_ELIMIT, "the script's message is larger than %u MiB",
                          TEXT_MAX >> 20);
    else if (!say(&speech, &text))
        status = clo_fail(error, CLO_ECANCELLED, "the model's call was cancelled");
    for (size_t i = 0; i < count && !status; i++)
        if (!call(&speech, scene.calls + 1 + i, &codes[i]))
            status = clo_fail(error, CLO_ECANCELLED, "the model's call was cancelled");
    clo_buffer_free(&scene.user);
    clo_buffer_free(&text);
    return status;
}
