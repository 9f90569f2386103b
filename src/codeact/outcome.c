/* outcome.c - what the model reads when code has run.
 *
 * The bytes it may read are dealt out so that short sections stay whole: a traceback is not lost
 * because stdout was long.
 */
#include "model/run_report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "codeact/artifact_report.h"
#include "codeact/codeact.h"
#include "sandbox/run/limits.h"

#define TEXT_MAX (1u << 30)
#define NOTHING "The code ran to its end. It printed nothing, and its last line has no value.\n"

enum { STDOUT, STDERR, RESULT, TRACEBACK, SECTIONS };

struct section {
    const char *name;
    const char *rest;       /* how its reader gets what is left out */
    struct clo_buffer text; /* well-formed */
    size_t share;           /* bytes of it that are shown */
};

static size_t trimmed(const char *text)
{
    size_t length = strlen(text);
    while (length && text[length - 1] == '\n')
        length--;
    return length;
}

/* The traceback is part of stderr, unless the limit on output cut it off. */
static bool traceback_is_missing(const struct clo_run_result *result)
{
    const char *traceback = result->error.traceback;
    return traceback && *traceback &&
           (!result->err ||
            !memmem(result->err, result->err_length, traceback, trimmed(traceback)));
}

/* Every section gets what it needs if that is below an equal share; the rest is shared anew. */
static void deal(struct section sections[SECTIONS], size_t budget)
{
    bool dealt[SECTIONS] = {false};
    for (size_t left = SECTIONS; left > 0; left--) {
        size_t least = SECTIONS;
        for (size_t i = 0; i < SECTIONS; i++)
            if (!dealt[i] &&
                (least == SECTIONS || sections[i].text.length < sections[least].text.length))
                least = i;
        size_t fair = budget / left, need = sections[least].text.length;
        sections[least].share = need < fair ? need : fair;
        budget -= sections[least].share;
        dealt[least] = true;
    }
}

static void write_section(struct clo_buffer *out, const struct section *section)
{
    const struct clo_buffer *text = &section->text;
    if (section->share >= text->length) {
        clo_run_report_write(out, section->name, text->data, text->length);
        return;
    }
    size_t head = clo_text_head(text->data, text->length, section->share / 2);
    size_t tail = clo_text_tail(text->data, text->length, section->share - section->share / 2);
    struct clo_buffer shown = CLO_BUFFER(TEXT_MAX);
    clo_buffer_append(&shown, text->data, head);
    clo_buffer_format(&shown, "\n[... %zu of %zu bytes of %s are left out here; %s ...]\n",
                      tail - head, text->length, section->name, section->rest);
    clo_buffer_append(&shown, text->data + tail, text->length - tail);
    if (shown.failed)
        out->failed = true;
    else
        clo_run_report_write(out, section->name, shown.data, shown.length);
    clo_buffer_free(&shown);
}

static void write_error(struct clo_buffer *out, const struct clo_run_result *result)
{
    const struct clo_run_error *error = &result->error;
    bool told = error->kind == CLO_RUN_OK ||
                (error->kind == CLO_RUN_EXCEPTION && error->traceback && *error->traceback);
    if (!told) {
        const char *type = error->type ? error->type : clo_run_error_name(error->kind);
        const char *message = error->message ? error->message : "the run was ended";
        clo_buffer_text(out, "error: ");
        clo_text_clean(out, type, strlen(type));
        clo_buffer_text(out, ": ");
        clo_text_clean(out, message, strlen(message));
        if (error->limit)
            clo_buffer_format(out, " (limit %s: %llu)", clo_limit_name(error->limit),
                              (unsigned long long)error->limit_value);
        clo_buffer_text(out, "\n");
    }
    if (result->exit_code)
        clo_buffer_format(out, "exit code: %d\n", result->exit_code);
}

/* What the code may have passed over: it has seen an OSError. */
static void write_refusal(struct clo_buffer *out, const struct clo_run_result *result)
{
    char text[CLO_LIMIT_TEXT_MAX];
    if (!result->artifacts_refused)
        return;
    clo_limit_text(text, result->artifacts_refused, result->artifacts_refused_value);
    clo_buffer_format(out, "note: %s; files there may be cut short or missing\n", text);
}

static void write_note(struct clo_buffer *out, const char *note)
{
    if (!note || !*note)
        return;
    clo_buffer_text(out, "note: ");
    clo_text_clean(out, note, strlen(note));
    clo_buffer_text(out, "\n");
}

static void write_why(struct clo_buffer *out, const char *why)
{
    if (!why || !*why)
        return;
    clo_buffer_text(out, ": ");
    clo_text_clean(out, why, strlen(why));
}

/* What the model cannot see from the output: what the next run of the session begins with. */
static void write_state(struct clo_buffer *out, const struct clo_run_result *result,
                        const char *anew)
{
    if (*anew) {
        clo_buffer_text(out, "note: what earlier runs left is gone");
        write_why(out, anew);
        clo_buffer_text(out, "; this run began anew, without their variables, imports and files\n");
    }
    if (result->state != CLO_STATE_LOST && result->state != CLO_STATE_REFUSED)
        return;
    clo_buffer_text(out, result->state == CLO_STATE_LOST
                             ? "note: what this run did to variables, imports and files is lost"
                             : "note: what this run left could not be kept");
    write_why(out, result->state_note);
    clo_buffer_text(out, "; the next run finds everything as it was before this one\n");
}

char *clo_codeact_outcome(const struct clo_run_result *result, size_t output_max, const char *anew)
{
    static const char print[] = "to read them, run the code again and print that part alone";
    static const char slice[] =
        "to read them, run the code again and end it with a part of the value";
    struct section sections[SECTIONS] = {{CLO_REPORT_STDOUT, print, CLO_BUFFER(TEXT_MAX), 0},
                                         {CLO_REPORT_STDERR, print, CLO_BUFFER(TEXT_MAX), 0},
                                         {CLO_REPORT_RESULT, slice, CLO_BUFFER(TEXT_MAX), 0},
                                         {CLO_REPORT_TRACEBACK, print, CLO_BUFFER(TEXT_MAX), 0}};
    struct clo_buffer text = CLO_BUFFER(TEXT_MAX);
    if (result->out)
        clo_text_clean(&sections[STDOUT].text, result->out, result->out_length);
    if (result->err)
        clo_text_clean(&sections[STDERR].text, result->err, result->err_length);
    if (result->result)
        clo_text_clean(&sections[RESULT].text, result->result, result->result_length);
    if (traceback_is_missing(result))
        clo_text_clean(&sections[TRACEBACK].text, result->error.traceback,
                       strlen(result->error.traceback));
    deal(sections, output_max);
    for (size_t i = 0; i < SECTIONS; i++) {
        text.failed |= sections[i].text.failed;
        if (sections[i].text.length)
            write_section(&text, &sections[i]);
        clo_buffer_free(&sections[i].text);
    }
    clo_artifact_report(&text, result);
    write_refusal(&text, result);
    write_error(&text, result);
    if (!text.length)
        clo_buffer_text(&text, NOTHING);
    write_note(&text, result->note);
    write_state(&text, result, anew);
    char *taken = clo_buffer_take(&text, NULL);
    clo_buffer_free(&text);
    return taken;
}

char *clo_codeact_refusal(const char *why)
{
    struct clo_buffer text = CLO_BUFFER(TEXT_MAX);
    clo_buffer_text(&text, "error: ");
    clo_text_clean(&text, why, strlen(why));
    clo_buffer_text(&text, "\n");
    char *taken = clo_buffer_take(&text, NULL);
    clo_buffer_free(&text);
    return taken;
}
