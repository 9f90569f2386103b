/* loop.c - a turn: the model answers, its calls are carried out, the model sees the results, and so
 * on until it makes no call.
 *
 * Every item passes `relay` on its way to the turn's sink and into the result, so that what was
 * streamed and what is returned are the same, also after a failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/answer/answer_format.h"
#include "agent/answer/turn_record.h"
#include "agent/hooks/hooks.h"
#include "agent/internal.h"
#include "agent/offer/offer.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "codeact/codeact.h"
#include "model/error_code.h"
#include "model/hosted_tool.h"

#define REST_MAX (512u << 10) /* bytes of the names of files that no message has named */

struct loop {
    struct clo_agent *agent;
    const struct clo_turn *turn;
    struct clo_turn_result *result;
    struct clo_hook_turn *hooks;
    struct clo_offer offer; /* its history: the turn's input and the result's output */
    unsigned tool_calls;
    char id[CLO_ID_MAX]; /* of the item that is open */
    bool broken;         /* the last reply broke off: nobody acts on its calls */
    bool waits;          /* for the client, which is to answer calls of the last reply */
    bool mended; /* the model was told once that its answer has another form than is wanted */
    bool failed; /* out of memory */
};

static void fail(struct loop *loop, const char *code, const char *message)
{
    struct clo_turn_result *result = loop->result;
    result->status = CLO_TURN_FAILED;
    clo_text_copy(result->error_code, sizeof result->error_code, code);
    clo_text_copy(result->error_message, sizeof result->error_message, message);
}

static void note_trouble(struct loop *loop, const struct clo_error *error)
{
    if (error->code != CLO_OK && loop->result->trouble.code == CLO_OK)
        loop->result->trouble = *error;
}

/* `code`: what the model's server named, as clo_error_code; or NULL. */
static void fail_by(struct loop *loop, const struct clo_error *error, const char *code)
{
    if (error->code == CLO_ECANCELLED) {
        loop->result->status = CLO_TURN_CANCELLED;
        return;
    }
    note_trouble(loop, error);
    if (error->code == CLO_EMODEL || error->code == CLO_ELIMIT)
        fail(loop, code ? code : CLO_ERROR_CODE_SERVER, error->message);
    else if (error->code == CLO_EINVALID)
        fail(loop, CLO_ERROR_CODE_PROMPT, error->message);
    else
        fail(loop, CLO_ERROR_CODE_SERVER, "The agent failed on the host.");
}

/* Ids are ours, so that they are unique and tell nothing; only reasoning and what hosted tools did keep the one
 * under which their server knows them. */
static void name_item(struct loop *loop, const json_t *item)
{
    const char *given = clo_json_text(item, "id");
    bool hosted = clo_hosted_tool_item(item);
    if ((hosted || clo_json_is(item, "type", "reasoning")) && given && *given &&
        strlen(given) < CLO_ID_MAX)
        snprintf(loop->id, sizeof loop->id, "%s", given);
    else
        clo_id_make(loop->id, clo_json_is(item, "type", "function_call") ? "fc"
                              : clo_json_is(item, "type", "reasoning")   ? "rs"
                              : clo_json_is(item, "type", "message")     ? "msg"
                              : hosted                                   ? "ht"
                                                                         : "fco");
}

/* The item with its id, which stands right behind its type. NULL: out of memory. */
static json_t *with_id(const struct loop *loop, const json_t *item)
{
    json_t *named = json_pack("{s:O, s:s}", "type", json_object_get(item, "type"), "id", loop->id);
    if (named && json_object_update_missing(named, (json_t *)item) == 0)
        return named;
    json_decref(named);
    return NULL;
}

static json_t *file_paths(const json_t *files)
{
    json_t *annotations = json_array();
    const json_t *file;
    size_t index;
    json_array_foreach(files, index, file) {
        if (json_array_append_new(annotations,
                                  json_pack("{s:s, s:O, s:I}", "type", "file_path", "file_id",
                                            json_object_get(file, "file_id"), "index",
                                            (json_int_t)index))) {
            json_decref(annotations);
            return NULL;
        }
    }
    return annotations;
}

static const json_t *last_text(const json_t *item, size_t *index)
{
    const json_t *content = json_object_get(item, "content");
    for (*index = json_array_size(content); *index > 0;) {
        const json_t *part = json_array_get(content, --*index);
        if (clo_json_is(part, "type", "output_text"))
            return part;
    }
    return NULL;
}

/* A message that is done names the files that runs have left since the one before, in its last text;
 * *item becomes a copy. */
static void name_files(struct loop *loop, json_t **item)
{
    const struct clo_turn_files *turn = &loop->turn->files;
    size_t at;
    const json_t *text = clo_json_is(*item, "type", "message") ? last_text(*item, &at) : NULL;
    json_t *files = text && turn->announce ? turn->announce(turn->context) : NULL;
    if (!files)
        return;
    json_t *paths = file_paths(files), *part = clo_json_copy(text);
    json_t *content = clo_json_copy(json_object_get(*item, "content"));
    json_t *annotations = clo_json_copy(json_object_get(text, "annotations"));
    annotations = annotations ? annotations : json_array();
    if (json_array_extend(annotations, paths))
        loop->failed = true;
    clo_json_put(&part, "annotations", annotations);
    if (!part || json_array_set_new(content, at, part))
        loop->failed = true;
    json_t *named = clo_json_copy(*item);
    clo_json_put(&named, "content", content);
    if (named) {
        json_decref(*item);
        *item = named;
    } else {
        loop->failed = true;
    }
    json_decref(paths);
    json_decref(files);
}

/* An answer that nobody has seen yet, and that has to keep to a form: it is named to nobody before that is
 * looked at. */
static bool may_take_back(const struct loop *loop)
{
    return !loop->turn->sink.event && clo_answer_format_wanted(loop->turn->options);
}

static void relay(void *context, const struct clo_item_event *event)
{
    struct loop *loop = context;
    struct clo_item_event copy = *event;
    if (event->kind == CLO_ITEM_ADDED)
        name_item(loop, event->item);
    json_t *item = event->item ? with_id(loop, event->item) : NULL;
    if (event->item && !item)
        loop->failed = true;
    if (event->kind == CLO_ITEM_DONE && json_array_append(loop->offer.history, item))
        loop->failed = true;
    if (event->kind == CLO_ITEM_DONE && !may_take_back(loop))
        name_files(loop, &item); /* which the model's server does not know */
    if (event->kind == CLO_ITEM_DONE && json_array_append(loop->result->output, item))
        loop->failed = true;
    copy.item = item;
    if (loop->turn->sink.event && (item || !event->item))
        loop->turn->sink.event(loop->turn->sink.context, &copy);
    json_decref(item);
}

/* The result of a call, as an item. */
static void add_output(struct loop *loop, const struct clo_code_call *call)
{
    json_t *id = json_object_get(call->item, "call_id");
    json_t *item = json_pack("{s:s, s:O, s:s, s:s}", "type", "function_call_output", "call_id", id,
                             "output", "", "status", "in_progress");
    if (!item || !call->output) {
        loop->failed = true;
        json_decref(item);
        return;
    }
    relay(loop, &(struct clo_item_event){.kind = CLO_ITEM_ADDED, .item = item});
    if (json_object_set_new(item, "output", json_string(call->output)) ||
        json_object_set_new(item, "status", json_string("completed")) ||
        (call->failed && json_object_set_new(item, "failed", json_true())) ||
        (call->artifacts && json_object_set(item, "artifacts", call->artifacts)))
        loop->failed = true;
    relay(loop, &(struct clo_item_event){.kind = CLO_ITEM_DONE, .item = item});
    json_decref(item);
}

static bool is_clients(const struct loop *loop, const char *name)
{
    size_t index;
    const json_t *tool;
    json_array_foreach(loop->turn->client_tools, index, tool) {
        if (clo_json_is(tool, "name", name))
            return true;
    }
    return false;
}

/* Why the reply's calls are not carried out; NULL: they are. */
static const char *general_refusal(const struct loop *loop, bool last,
                                   const struct clo_model_reply *reply)
{
    if (loop->broken)
        return clo_cancel_is_set(loop->turn->cancel)
                   ? "not carried out: the turn was cancelled"
                   : "not carried out: the reply with this call broke off";
    if (reply->incomplete)
        return "not carried out: the reply was cut off";
    return last ? "not carried out: the limit of model calls in one turn is reached" : NULL;
}

static void judge_call(struct loop *loop, struct clo_code_call *call, const char *refusal,
                       size_t place)
{
    const char *name = clo_json_text(call->item, "name");
    bool ours = name && strcmp(name, CLO_CODEACT_TOOL) == 0;
    bool whole = clo_json_is(call->item, "status", "completed");
    if (!ours && name && is_clients(loop, name) && whole && !loop->broken) {
        call->client = true;
    } else if (refusal) {
        call->refusal = refusal;
    } else if (!ours) {
        call->refusal = "there is no function of that name; call " CLO_CODEACT_TOOL;
    } else if (loop->turn->max_tool_calls && loop->tool_calls >= loop->turn->max_tool_calls) {
        call->refusal = "not carried out: the limit max_tool_calls of this request is reached";
        loop->result->status = CLO_TURN_INCOMPLETE;
        loop->result->incomplete = "max_tool_calls";
    } else if (place >= CLO_AGENT_BATCH_MAX) {
        call->refusal = "not carried out: too many calls at once; call again";
    } else {
        loop->tool_calls++;
    }
}

/* Every call among the output's items from `first` on gets its result, unless it is the client's.
 * *calls and *client count them. */
static void answer_calls(struct loop *loop, size_t first, const char *refusal, size_t *count,
                         size_t *client)
{
    json_t *output = loop->result->output;
    size_t end = json_array_size(output);
    struct clo_code_call *calls = calloc(end - first + 1, sizeof *calls);
    *count = *client = 0;
    if (!calls) {
        loop->failed = true;
        return;
    }
    for (size_t i = first; i < end; i++) {
        const json_t *item = json_array_get(output, i);
        if (!clo_json_is(item, "type", "function_call"))
            continue;
        calls[*count].item = item;
        judge_call(loop, &calls[*count], refusal, *count);
        *client += calls[*count].client;
        ++*count;
    }
    clo_calls_run(loop->agent, loop->turn, loop->hooks, calls, *count);
    for (size_t i = 0; i < *count; i++) {
        if (!calls[i].client)
            add_output(loop, &calls[i]);
        note_trouble(loop, &calls[i].trouble);
        if (calls[i].isolation)
            loop->result->isolation = calls[i].isolation;
        json_decref(calls[i].artifacts);
        free(calls[i].output);
    }
    free(calls);
}

/* The request's options; a call that was demanded is demanded once, and the last reply has none. */
static json_t *make_options(const struct loop *loop, unsigned iteration, bool last)
{
    json_t *options = loop->turn->options ? clo_json_copy(loop->turn->options) : json_object();
    const json_t *choice = json_object_get(options, "tool_choice");
    bool demanded = json_is_object(choice) ||
                    (json_is_string(choice) && strcmp(json_string_value(choice), "required") == 0);
    if (last && json_object_set_new(options, "tool_choice", json_string("none"))) {
        json_decref(options);
        return NULL;
    }
    if (!last && iteration > 0 && demanded)
        json_object_del(options, "tool_choice");
    return options;
}

static void add_usage(struct clo_usage_tokens *sum, const struct clo_usage_tokens *more)
{
    sum->input += more->input;
    sum->cached += more->cached;
    sum->output += more->output;
    sum->reasoning += more->reasoning;
}

/* The messages from `first` on stay: now they may name files. */
static void name_files_of(struct loop *loop, size_t first)
{
    json_t *output = loop->result->output;
    for (size_t i = first; i < json_array_size(output) && may_take_back(loop); i++) {
        json_t *item = json_incref(json_array_get(output, i));
        name_files(loop, &item);
        if (json_array_set_new(output, i, item))
            loop->failed = true;
    }
}

/* An answer of another form than text.format wants is taken back where nobody has seen it, and the model told
 * why, once; else it is the turn's failure. True: the model is to answer again. */
static bool mend_format(struct loop *loop, size_t first, bool last)
{
    struct clo_turn_result *result = loop->result;
    char why[CLO_ANSWER_FORMAT_WHY_MAX], text[CLO_ANSWER_FORMAT_WHY_MAX + 200];
    switch (clo_answer_format_check(loop->turn->options, result->output, first, why)) {
    case CLO_ANSWER_FITS: name_files_of(loop, first); return false;
    case CLO_ANSWER_NO_MEMORY: loop->failed = true; return false;
    case CLO_ANSWER_DIFFERS: break;
    }
    if (!may_take_back(loop) || loop->mended || last) {
        snprintf(text, sizeof text, "The model's answer does not keep to text.format: %s", why);
        fail(loop, CLO_ERROR_CODE_SERVER, text);
        name_files_of(loop, first);
        return false;
    }
    loop->mended = true;
    while (json_array_size(result->output) > first)
        json_array_remove(result->output, json_array_size(result->output) - 1);
    snprintf(
        text, sizeof text,
        "Your answer does not have the form that is wanted: %s. Answer again, with the JSON document alone.",
        why);
    if (json_array_append_new(loop->offer.history, json_pack("{s:s, s:s, s:s}", "type", "message",
                                                             "role", "user", "content", text)))
        loop->failed = true;
    return true;
}

/* One reply of the model and its calls. False: the turn is over. */
static bool step(struct loop *loop, unsigned iteration)
{
    struct clo_turn_result *result = loop->result;
    bool last = iteration == loop->agent->max_iterations;
    size_t first = json_array_size(result->output), calls = 0, client = 0;
    struct clo_model_reply reply = {0};
    struct clo_error error = {0};
    json_t *options = make_options(loop, iteration, last);
    if (!options) {
        loop->failed = true;
        return false;
    }
    struct clo_model_request request = {.instructions = loop->offer.instructions,
                                        .input = loop->offer.history,
                                        .tools = loop->offer.tools,
                                        .options = options,
                                        .traceparent = loop->turn->traceparent,
                                        .cancel = loop->turn->cancel};
    struct clo_item_sink sink = {relay, loop};
    int status = clo_model_call(loop->agent->model, &request, &sink, &reply, &error);
    json_decref(options);
    add_usage(&result->usage, &reply.usage);
    clo_text_copy(result->model, sizeof result->model, reply.served);
    result->service_tier = reply.service_tier ? reply.service_tier : result->service_tier;
    if (*reply.notice) {
        clo_text_copy(result->notice, sizeof result->notice, reply.notice);
        result->notice_level = reply.notice_level;
    }
    loop->broken = status != 0;
    if (status)
        fail_by(loop, &error, reply.error_code);
    answer_calls(loop, first, general_refusal(loop, last, &reply), &calls, &client);
    if (!status && reply.incomplete) {
        result->status = CLO_TURN_INCOMPLETE;
        result->incomplete = reply.incomplete;
    } else if (!status && last && calls > client) {
        result->status = CLO_TURN_INCOMPLETE;
        result->incomplete = "max_iterations";
    } else if (!status && clo_cancel_is_set(loop->turn->cancel) && calls > client) {
        result->status = CLO_TURN_CANCELLED;
    }
    loop->waits = client > 0;
    clo_model_reply_clear(&reply);
    if (!calls && result->status == CLO_TURN_COMPLETED && mend_format(loop, first, last))
        return !loop->failed;
    return result->status == CLO_TURN_COMPLETED && calls > 0 && client == 0 && !loop->failed;
}

/* A turn that ends without a word, as it failed or was cut off, and has left files: a message says which.
 * Where the client is to answer calls, the next turn's message does. */
static void name_the_rest(struct loop *loop)
{
    const struct clo_turn_files *turn = &loop->turn->files;
    json_t *files = turn->announce ? turn->announce(turn->context) : NULL, *file;
    struct clo_buffer text = CLO_BUFFER(REST_MAX);
    size_t index;
    if (!files)
        return;
    clo_buffer_text(&text, "Files:");
    json_array_foreach(files, index, file) {
        const char *path = clo_json_text(file, "path");
        clo_buffer_format(&text, "%s %s", index ? "," : "", path ? path : "");
    }
    json_t *item = json_pack("{s:s, s:s, s:s, s:[]}", "type", "message", "status", "in_progress",
                             "role", "assistant", "content");
    json_t *content = json_pack("[{s:s, s:s, s:o}]", "type", "output_text", "text",
                                text.data ? text.data : "", "annotations", file_paths(files));
    if (item && content) {
        relay(loop, &(struct clo_item_event){.kind = CLO_ITEM_ADDED, .item = item});
        if (json_object_set_new(item, "content", content) ||
            json_object_set_new(item, "status", json_string("completed")))
            loop->failed = true;
        relay(loop, &(struct clo_item_event){.kind = CLO_ITEM_DONE, .item = item});
    } else {
        loop->failed = true;
        json_decref(content);
    }
    json_decref(item);
    json_decref(files);
    clo_buffer_free(&text);
}

/* The hooks' failure, in their own words. */
static void fail_by_hook(struct loop *loop, const struct clo_error *error)
{
    if (error->code == CLO_ENOMEMORY) {
        loop->failed = true;
        return;
    }
    note_trouble(loop, error);
    if (error->code == CLO_ECANCELLED && clo_cancel_is_set(loop->turn->cancel))
        loop->result->status = CLO_TURN_CANCELLED;
    else
        fail(loop, CLO_ERROR_CODE_SERVER, error->message);
}

/* Everything before the model's first call. */
static void prepare(struct loop *loop)
{
    const struct clo_turn *turn = loop->turn;
    struct clo_error error = {0};
    if (turn->instructions && strlen(turn->instructions) > CLO_AGENT_TEXT_MAX)
        fail(loop, CLO_ERROR_CODE_PROMPT, "The instructions are longer than 256 KiB.");
    else if (is_clients(loop, CLO_CODEACT_TOOL))
        fail(loop, CLO_ERROR_CODE_PROMPT,
             "The name " CLO_CODEACT_TOOL " is the agent's own tool's; give yours another.");
    else if (clo_hooks_begin(&loop->hooks, loop->agent->hooks, turn, &error) ||
             clo_offer_make(&loop->offer, loop->agent, turn, loop->hooks, &error))
        fail_by_hook(loop, &error);
}

static void finish(struct loop *loop)
{
    struct clo_error error = {0};
    char *text = loop->hooks ? clo_answer_text(loop->result->output) : NULL;
    if (clo_hooks_end(loop->hooks, loop->result, text, &error))
        note_trouble(loop, &error);
    free(text);
    clo_offer_clear(&loop->offer);
}

void clo_agent_turn(struct clo_agent *agent, const struct clo_turn *turn,
                    struct clo_turn_result *result)
{
    *result = (struct clo_turn_result){.status = CLO_TURN_COMPLETED, .output = json_array()};
    clo_text_copy(result->model, sizeof result->model, clo_model_name(agent->model));
    struct loop loop = {.agent = agent, .turn = turn, .result = result, .failed = !result->output};
    if (!loop.failed)
        prepare(&loop);
    if (!loop.failed && result->status == CLO_TURN_COMPLETED)
        for (unsigned i = 0; step(&loop, i); i++)
            continue;
    clo_turn_record(agent, turn, result);
    if (!loop.waits && result->status != CLO_TURN_CANCELLED)
        name_the_rest(&loop);
    if (loop.failed && result->status != CLO_TURN_CANCELLED)
        fail(&loop, CLO_ERROR_CODE_SERVER, "The agent's host is out of memory.");
    finish(&loop);
}

void clo_turn_result_clear(struct clo_turn_result *result)
{
    json_decref(result->output);
    result->output = NULL;
}
