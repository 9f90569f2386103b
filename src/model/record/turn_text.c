/* turn_text.c - a turn's items become steps: what is said, what is run, and then what follows.
 *
 *   message, function_call, function_call │ function_call_output, …_output │ message
 *   ────────── step 1: say, code ─────────┴──────── not kept ──────────────┴─ step 2: say
 *
 * The first item that a script has no words for ends the turn, with its whole step; why becomes a comment.
 */
#include "model/record/turn_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "model/record/secrets.h"
#include "model/record/yaml_text.h"
#include "model/script/script.h"

#define GAP '\xff' /* in no UTF-8: where a credential stood */
#define WHY_MAX 512

struct step {
    struct clo_buffer say;
    bool says;
    json_t *codes; /* array of strings */
};

struct scribe {
    const struct clo_recorded_turn *turn;
    const char *key;
    struct step steps[CLO_SCRIPT_STEPS_MAX];
    size_t count;
    size_t position;        /* of the user's message, from 1 */
    const json_t *question; /* that message */
    const char *why;        /* static: what ends the turn early; NULL: nothing */
    const char *name;       /* the function that `why` is about, or NULL */
    bool results;           /* of the last step are there: the next item begins another */
    bool reasoned, reordered, joined;
    bool no_memory;
};

static void find_question(struct scribe *scribe)
{
    size_t index;
    const json_t *item;
    json_array_foreach(scribe->turn->input, index, item) {
        const char *type = clo_json_text(item, "type");
        bool message = !type || strcmp(type, "message") == 0;
        if (clo_script_is_users(item)) {
            scribe->question = item;
            scribe->position++;
            scribe->why = NULL;
        } else if (scribe->question && (!message || clo_json_is(item, "role", "assistant"))) {
            scribe->why = "it goes on without a message of the user";
        }
    }
    if (!scribe->question)
        scribe->why = "there is no message of the user";
    else if (scribe->position > CLO_SCRIPT_MESSAGE_MAX)
        scribe->why = "the conversation is longer than a script can tell";
}

static struct step *this_step(struct scribe *scribe)
{
    if (scribe->count && !scribe->results)
        return &scribe->steps[scribe->count - 1];
    if (scribe->count == CLO_SCRIPT_STEPS_MAX) {
        scribe->why = "there are more steps than a script has";
        return NULL;
    }
    struct step *step = &scribe->steps[scribe->count++];
    scribe->results = false;
    step->say = CLO_BUFFER(CLO_SCRIPT_TEXT_MAX);
    step->codes = json_array();
    if (!step->codes)
        scribe->no_memory = true;
    return step->codes ? step : NULL;
}

static void take_message(struct scribe *scribe, const json_t *item)
{
    struct step *step = this_step(scribe);
    size_t index;
    const json_t *part;
    if (!step)
        return;
    scribe->reordered |= json_array_size(step->codes) > 0;
    json_array_foreach(json_object_get(item, "content"), index, part) {
        const json_t *text = json_object_get(part, "text");
        if (!clo_json_is(part, "type", "output_text") || !json_is_string(text)) {
            scribe->why = "the model refused";
            return;
        }
        if (strlen(json_string_value(text)) != json_string_length(text)) {
            scribe->why = "the model's text holds NUL";
            return;
        }
        if (step->says) {
            scribe->joined = true;
            clo_buffer_text(&step->say, "\n");
        }
        clo_buffer_append(&step->say, json_string_value(text), json_string_length(text));
        step->says = true;
    }
}

static void take_call(struct scribe *scribe, const json_t *item)
{
    const json_t *text = json_object_get(item, "arguments");
    json_error_t why = {0};
    if (!clo_json_is(item, "name", scribe->turn->tool)) {
        scribe->why = "it calls a function that is not the agent's own";
        scribe->name = clo_json_text(item, "name");
        return;
    }
    json_t *arguments = json_is_string(text)
                            ? clo_json_load(json_string_value(text), json_string_length(text), &why)
                            : NULL;
    json_t *code = json_object_get(arguments, "code");
    bool good = json_is_string(code) && json_object_size(arguments) == 1 &&
                strlen(json_string_value(code)) == json_string_length(code);
    struct step *step = good ? this_step(scribe) : NULL;
    if (!good && !clo_json_no_memory(&why))
        scribe->why = "the arguments of a call are no object with \"code\" alone, a text";
    else if (step && json_array_size(step->codes) == CLO_SCRIPT_CALLS_MAX)
        scribe->why = "there are more calls at once than a script has";
    else if (!arguments || (step && json_array_append(step->codes, code)))
        scribe->no_memory = true;
    json_decref(arguments);
}

static void take_items(struct scribe *scribe)
{
    size_t index;
    const json_t *item;
    json_array_foreach(scribe->turn->output, index, item) {
        if (clo_json_is(item, "type", "function_call_output"))
            scribe->results = true;
        else if (clo_json_is(item, "type", "reasoning"))
            scribe->reasoned = true;
        else if (clo_json_is(item, "type", "message"))
            take_message(scribe, item);
        else if (clo_json_is(item, "type", "function_call"))
            take_call(scribe, item);
        else
            scribe->why = "a script has no such item";
        if (scribe->why || scribe->no_memory)
            break;
    }
    /* A reply of which a part cannot be said is not said at all. */
    if (scribe->why && scribe->count && !scribe->results)
        scribe->count--;
    /* A turn that ends without a word after its last output. */
    if (!scribe->why && !scribe->turn->ended && (scribe->results || !scribe->count))
        this_step(scribe);
}

static void indent(struct clo_buffer *out, size_t column, const char *key)
{
    clo_buffer_format(out, "%*s%s", (int)column, "", key);
}

/* Text without its credentials, as the value of the key before it. */
static int write_value(const struct scribe *scribe, struct clo_buffer *out, const char *text,
                       size_t length, size_t column)
{
    struct clo_buffer hidden = CLO_BUFFER(2 * CLO_SCRIPT_TEXT_MAX);
    clo_secrets_hide(&hidden, text, length, scribe->key, "[secret]");
    if (!hidden.failed)
        clo_yaml_text_write(out, hidden.data ? hidden.data : "", hidden.length, column);
    int status = hidden.no_memory ? CLO_ENOMEMORY : hidden.failed ? CLO_ELIMIT : 0;
    clo_buffer_free(&hidden);
    return status;
}

static int write_step(const struct scribe *scribe, struct clo_buffer *out, const struct step *step,
                      size_t column)
{
    size_t index, calls = json_array_size(step->codes);
    const json_t *code;
    int status = 0;
    if (step->says || !calls) {
        indent(out, column, "say: ");
        status = write_value(scribe, out, step->say.data ? step->say.data : "", step->say.length,
                             column);
    }
    if (calls)
        indent(out, column, calls > 1 ? "code:\n" : "code: ");
    json_array_foreach(step->codes, index, code) {
        if (calls > 1)
            indent(out, column + 2, "- ");
        if (!status)
            status = write_value(scribe, out, json_string_value(code), json_string_length(code),
                                 calls > 1 ? column + 2 : column);
    }
    return status;
}

/* Does a text hold what the script would fill in? */
static bool has_braces(const struct scribe *scribe)
{
    for (size_t i = 0; i < scribe->count; i++)
        if (scribe->steps[i].says && scribe->steps[i].say.data &&
            strchr(scribe->steps[i].say.data, '{'))
            return true;
    return false;
}

static int write_match(const struct scribe *scribe, struct clo_buffer *out)
{
    const char mark[] = {GAP, '\0'};
    struct clo_buffer text = CLO_BUFFER(CLO_SCRIPT_TEXT_MAX);
    struct clo_buffer hidden = CLO_BUFFER(2 * CLO_SCRIPT_TEXT_MAX);
    struct clo_buffer pattern = CLO_BUFFER(CLO_SCRIPT_TEXT_MAX);
    clo_script_message(&text, scribe->question);
    clo_secrets_hide(&hidden, text.data ? text.data : "", text.length, scribe->key, mark);
    clo_yaml_text_pattern(&pattern, hidden.data ? hidden.data : "", hidden.length, GAP);
    clo_buffer_text(out, "  - match: ");
    clo_yaml_text_quote(out, pattern.data ? pattern.data : "", pattern.length);
    clo_buffer_format(out, "\n    message: %zu\n%s", scribe->position,
                      has_braces(scribe) ? "    literal: true\n" : "");
    int status = text.no_memory || hidden.no_memory || pattern.no_memory ? CLO_ENOMEMORY
                 : text.failed || hidden.failed || pattern.failed        ? CLO_ELIMIT
                                                                         : 0;
    clo_buffer_free(&text);
    clo_buffer_free(&hidden);
    clo_buffer_free(&pattern);
    return status;
}

/* One line, whatever the words are; their credentials are taken out, too. */
static void comment(const struct scribe *scribe, struct clo_buffer *out, const char *what,
                    const char *words)
{
    struct clo_buffer hidden = CLO_BUFFER(WHY_MAX);
    if (words)
        clo_secrets_hide(&hidden, words, strlen(words), scribe->key, "[secret]");
    clo_buffer_format(out, "  # %s", what);
    if (words)
        clo_yaml_text_comment(out, hidden.data ? hidden.data : "(too long to be told)");
    clo_buffer_text(out, "\n");
    out->no_memory |= hidden.no_memory;
    clo_buffer_free(&hidden);
}

static void write_comments(const struct scribe *scribe, struct clo_buffer *out)
{
    const char *cut = scribe->count ? "The script ends here: " : "A turn that is not recorded: ";
    if (scribe->why)
        comment(scribe, out, cut, scribe->why);
    if (scribe->name)
        comment(scribe, out, "That function: ", scribe->name);
    if (scribe->turn->ended)
        comment(scribe, out,
                "The turn ended early, which a script cannot play: ", scribe->turn->ended);
    if (scribe->reasoned)
        comment(scribe, out, "Left out: reasoning.", NULL);
    if (scribe->reordered)
        comment(scribe, out, "Words that stood behind a call stand before it.", NULL);
    if (scribe->joined)
        comment(scribe, out, "Several messages, or parts of one, have become one.", NULL);
}

int clo_turn_text(struct clo_buffer *out, const struct clo_recorded_turn *turn, const char *key,
                  bool *plays)
{
    struct scribe *scribe = calloc(1, sizeof *scribe);
    int status = 0;
    *plays = false;
    if (!scribe)
        return CLO_ENOMEMORY;
    scribe->turn = turn;
    scribe->key = key;
    find_question(scribe);
    if (!scribe->why)
        take_items(scribe);
    bool ready = scribe->count > 0 && !scribe->no_memory;
    if (ready)
        status = write_match(scribe, out);
    for (size_t i = 0; ready && i < scribe->count && !status; i++) {
        size_t column = 4 + 2 * i;
        if (i)
            indent(out, column - 2, "then:\n");
        if (scribe->steps[i].say.failed)
            status = scribe->steps[i].say.no_memory ? CLO_ENOMEMORY : CLO_ELIMIT;
        if (!status)
            status = write_step(scribe, out, &scribe->steps[i], column);
    }
    write_comments(scribe, out);
    if (scribe->no_memory || out->no_memory)
        status = CLO_ENOMEMORY;
    else if (!status && out->failed)
        status = CLO_ELIMIT;
    *plays = ready;
    for (size_t i = 0; i < CLO_SCRIPT_STEPS_MAX; i++) {
        clo_buffer_free(&scribe->steps[i].say);
        json_decref(scribe->steps[i].codes);
    }
    free(scribe);
    return status;
}
