/* agent_test.c - whole turns: prepared replies of a model server, real runs in real sandboxes.
 *
 * Needs an image ($CLOCHE_IMAGE, or python.image of the build); skipped without. Played in micro-VMs;
 * without /dev/kvm, or with CLOCHE_ISOLATION=process, by process isolation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "agent/internal.h"
#include "base/clock.h"
#include "base/json.h"
#include "cloche/serve.h"
#include "turns.h"

/* Calls of tools so far. */
static atomic_uint added, met;

static int add(void *context, const struct clo_value *arguments, struct clo_value *result,
               struct clo_error *error)
{
    double a, b;
    (void)context;
    atomic_fetch_add(&added, 1);
    if (!clo_value_number(clo_value_get(arguments, "a"), &a) ||
        !clo_value_number(clo_value_get(arguments, "b"), &b))
        return clo_tool_fail(error, "add needs two numbers");
    clo_value_set_number(result, a + b);
    return 0;
}

/* The number of calls so far; waits for the second one, but not for ever. */
static int meet(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    (void)arguments;
    (void)error;
    atomic_fetch_add(&met, 1);
    for (int ms = 0; ms < 20000 && atomic_load(&met) < 2; ms++)
        usleep(1000);
    clo_value_set_integer(result, (int64_t)atomic_load(&met));
    return 0;
}

static const struct clo_tool tools[] = {
    {.name = "add",
     .description = "Add two numbers.",
     .parameters = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"},\"b\":{"
                   "\"type\":\"number\"}},\"required\":[\"a\",\"b\"]}",
     .call = add},
    {.name = "meet", .description = "Wait for another call of it.", .call = meet},
};

struct stage {
    struct server server;
    struct clo_agent *agent;
    struct clo_turn turn;
    struct clo_turn_result result;
    struct clo_buffer log; /* what the sink was told */
    json_t *seen;          /* the items that the sink was told, finished */
    atomic_uint texts;     /* pieces of text among it */
    uint64_t ms;
};

static void sink(void *context, const struct clo_item_event *event)
{
    struct stage *stage = context;
    log_item(&stage->log, event);
    atomic_fetch_add(&stage->texts, event->kind == CLO_ITEM_TEXT);
    if (event->item && !clo_json_text(event->item, "id"))
        fail_msg("an item without an id");
    if (event->kind == CLO_ITEM_DONE)
        json_array_append(stage->seen, (json_t *)event->item);
}

/* An agent whose model is a chat server with these replies, asked "q". */
static void play_behind(struct stage *stage, const struct act *acts, size_t count,
                        unsigned iterations, enum clo_isolation isolation)
{
    char url[64];
    server_start(&stage->server, acts, count);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", stage->server.port);
    struct clo_agent_config config = {
        .name = "t",
        .instructions = "Be kind.",
        .model = {.kind = CLO_MODEL_CHAT, .name = "m", .base_url = url, .timeout_ms = 5000},
        .tools = tools,
        .tool_count = sizeof tools / sizeof *tools,
        .image = image,
        .isolation = isolation,
        .placement = placement_for(isolation),
        .sandboxes = 4,
        .max_iterations = iterations,
    };
    struct clo_error error;
    if (clo_agent_create(&stage->agent, &config, &error))
        fail_msg("%s", error.message);
    json_t *input = json_pack("[{s:s, s:s}]", "role", "user", "content", "q");
    stage->log = CLO_BUFFER(1u << 20);
    stage->seen = json_array();
    stage->turn.input = input;
    stage->turn.sink = (struct clo_item_sink){sink, stage};
    uint64_t start = clo_monotonic_ns();
    clo_agent_turn(stage->agent, &stage->turn, &stage->result);
    stage->ms = (clo_monotonic_ns() - start) / 1000000;
    assert_int_equal(json_array_size(input), 1); /* the caller's history is the caller's */
    json_decref(input);
}

static void play(struct stage *stage, const struct act *acts, size_t count, unsigned iterations)
{
    play_behind(stage, acts, count, iterations, wall);
}

static const char *output_of(const struct stage *stage, const char *call_id)
{
    size_t index;
    const json_t *item;
    json_array_foreach(stage->result.output, index, item) {
        if (clo_json_is(item, "type", "function_call_output") &&
            clo_json_is(item, "call_id", call_id))
            return clo_json_text(item, "output");
    }
    return NULL;
}

/* What holds for every turn: streamed is returned; every call has its result, the client's do not.
 */
static void finish(struct stage *stage)
{
    size_t index;
    const json_t *item;
    assert_true(json_equal(stage->seen, stage->result.output));
    json_array_foreach(stage->result.output, index, item) {
        if (!clo_json_is(item, "type", "function_call"))
            continue;
        assert_non_null(clo_json_text(item, "call_id"));
        assert_true(!output_of(stage, clo_json_text(item, "call_id")) ==
                    clo_json_is(item, "name", "theirs"));
    }
    clo_agent_destroy(stage->agent);
    clo_turn_result_clear(&stage->result);
    json_decref(stage->seen);
    clo_buffer_free(&stage->log);
    server_stop(&stage->server);
}

static void check_output(const struct stage *stage, const char *call_id, const char *part)
{
    const char *output = output_of(stage, call_id);
    if (!output || !strstr(output, part))
        fail_msg("\"%s\" is not in the output of %s: %s", part, call_id, output);
}

static void check_logged(const struct stage *stage, const char *part)
{
    assert_non_null(stage->log.data); /* NULL when there was no memory for the first item */
    assert_non_null(strstr(stage->log.data, part));
}

/* The model is told nothing of it: what it may do is the same. */
static void the_result_says_which_wall_stood(void **state)
{
    (void)state;
    static const struct act acts[] = {{EVENTS RUN("0", "a", "print(6 * 7)") END}, {SAY("42!")}};
    static const struct act no_code[] = {{SAY("Hello.")}};
    static const enum clo_isolation walls[] = {CLO_ISOLATION_PROCESS, CLO_ISOLATION_MICROVM};
    for (int i = 0; i < (wall == CLO_ISOLATION_PROCESS ? 1 : 2); i++) {
#ifdef __SANITIZE_ADDRESS__ /* whose own memory lies where a guest's has to be */
        if (walls[i] == CLO_ISOLATION_PROCESS)
            continue;
#endif
        struct stage stage = {0}, idle = {0};
        play_behind(&stage, acts, 2, 0, walls[i]);
        assert_int_equal(clo_agent_isolation(stage.agent), walls[i]);
        assert_string_equal(stage.result.isolation, clo_isolation_name(walls[i]));
        assert_string_equal(output_of(&stage, "a"), "stdout (3 bytes):\n42\n");
        finish(&stage);
        play_behind(&idle, no_code, 1, 0, walls[i]);
        assert_null(idle.result.isolation);
        finish(&idle);
    }
}

static void code_runs_and_the_model_sees_it(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS CHUNK("{\"content\":\"Let me.\"}", "")
             RUN("0", "a", "print(call_tool('add', a=20, b=22))\\\\n'the end'") END},
        {SAY("42!")},
    };
    struct stage stage = {0};
    play(&stage, acts, 2, 0);
    assert_int_equal(stage.result.status, CLO_TURN_COMPLETED);
    check_output(&stage, "a", "stdout (5 bytes):\n42.0\nresult (9 bytes):\n'the end'\n");
    check_logged(&stage, "+message|Let me.-completed +function_call@");
    check_logged(&stage, "+function_call_output-completed +message|42!");
    assert_int_equal(stage.result.usage.input, 10);
    assert_int_equal(stage.result.usage.output, 4);
    assert_string_equal(stage.result.model, "c-1");
    /* the second request: the instructions, and the call with its result */
    const char *second = stage.server.bodies[1];
    assert_non_null(strstr(second, "Be kind.\\n\\nYou have a tool, execute_code"));
    assert_non_null(strstr(
        second,
        "\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"stdout (5 bytes):\\n42.0\\n"));
    assert_non_null(strstr(second, "\\nadd(a: float, b: float)\\n    Add two numbers.\\n"));
    finish(&stage);
}

static void exceptions_are_told_to_the_model(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS RUN("0", "a", "print('before')\\\\nx = 1 / 0") END},
        {EVENTS RUN("0", "b", "call_tool('add', a='no')") END},
        {SAY("sorry")},
    };
    struct stage stage = {0};
    play(&stage, acts, 3, 0);
    assert_int_equal(stage.result.status, CLO_TURN_COMPLETED);
    check_output(&stage, "a", "stdout (7 bytes):\nbefore\nstderr (");
    check_output(&stage, "a", "x = 1 / 0");
    check_output(&stage, "a", "ZeroDivisionError");
    check_output(&stage, "b", "ToolError");
    assert_non_null(strstr(stage.server.bodies[1], "ZeroDivisionError"));
    finish(&stage);
}

static void calls_of_a_batch_run_at_once_and_answer_in_order(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS RUN("0", "a", "print('first', meet())") RUN("1", "b", "print('second', meet())")
             RUN("2", "c", "print('third')") END},
        {SAY("done")},
    };
    struct stage stage = {0};
    atomic_store(&met, 0);
    play(&stage, acts, 2, 0);
    assert_int_equal(stage.result.status, CLO_TURN_COMPLETED);
    static const char *const ids[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(clo_json_text(json_array_get(stage.result.output, 3 + i), "call_id"),
                            ids[i]);
    check_output(&stage, "a", "first 2");
    check_output(&stage, "b", "second 2");
    check_output(&stage, "c", "third");
    finish(&stage);
}

static void what_cannot_be_called_is_explained(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS CALL("0", "a", "python", "{}") CALL("1", "b", "execute_code", "print(1)")
             CALL("2", "c", "execute_code", "{\\\"source\\\":1}") END},
        {SAY("I see")},
    };
    struct stage stage = {0};
    play(&stage, acts, 2, 0);
    assert_int_equal(stage.result.status, CLO_TURN_COMPLETED);
    check_output(&stage, "a", "error: there is no function of that name; call execute_code");
    check_output(&stage, "b", "note: the arguments are plain code instead of JSON");
    check_output(&stage, "c", "the arguments hold no text that could be the code");
    /* what no server could parse goes back to it as an object */
    assert_non_null(strstr(stage.server.bodies[1], "{\\\"unreadable\\\":\\\"print(1)\\\"}"));
    finish(&stage);
}

static void the_clients_tools_go_back_to_the_client(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS CALL("0", "x", "theirs", "{}") RUN("1", "a", "print(1)") END},
    };
    json_t *theirs = json_pack("[{s:s, s:s}]", "type", "function", "name", "theirs");
    struct stage stage = {.turn = {.client_tools = theirs}};
    play(&stage, acts, 1, 0);
    assert_int_equal(stage.result.status, CLO_TURN_COMPLETED);
    check_output(&stage, "a", "1");
    assert_null(output_of(&stage, "x"));
    assert_int_equal(atomic_load(&stage.server.requests), 1);
    finish(&stage);
    json_decref(theirs);
}

static void our_tools_name_is_taken(void **state)
{
    (void)state;
    static const struct act acts[] = {{SAY("x")}};
    json_t *theirs = json_pack("[{s:s, s:s}]", "type", "function", "name", "execute_code");
    struct stage stage = {.turn = {.client_tools = theirs}};
    play(&stage, acts, 1, 0);
    assert_int_equal(stage.result.status, CLO_TURN_FAILED);
    assert_string_equal(stage.result.error_code, "invalid_prompt");
    assert_int_equal(atomic_load(&stage.server.requests), 0);
    finish(&stage);
    json_decref(theirs);
}

static void the_last_reply_is_without_calls(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS RUN("0", "a", "1") END},
        {EVENTS RUN("0", "b", "2") END},
        {EVENTS RUN("0", "c", "3") END},
    };
    struct stage stage = {0};
    play(&stage, acts, 3, 2);
    assert_int_equal(stage.result.status, CLO_TURN_INCOMPLETE);
    assert_string_equal(stage.result.incomplete, "max_iterations");
    assert_int_equal(atomic_load(&stage.server.requests), 3);
    assert_null(strstr(stage.server.bodies[1], "\"tool_choice\""));
    assert_non_null(strstr(stage.server.bodies[2], "\"tool_choice\":\"none\""));
    check_output(&stage, "c", "not carried out: the limit of model calls");
    finish(&stage);
}

static void a_demanded_call_is_demanded_once(void **state)
{
    (void)state;
    static const struct act acts[] = {{EVENTS RUN("0", "a", "1") END}, {SAY("fine")}};
    json_t *options = json_pack("{s:s, s:f}", "tool_choice", "required", "temperature", 0.5);
    struct stage stage = {.turn = {.options = options}};
    play(&stage, acts, 2, 0);
    assert_int_equal(stage.result.status, CLO_TURN_COMPLETED);
    assert_non_null(strstr(stage.server.bodies[0], "\"tool_choice\":\"required\""));
    assert_null(strstr(stage.server.bodies[1], "tool_choice"));
    assert_non_null(strstr(stage.server.bodies[1], "\"temperature\":0.5"));
    finish(&stage);
    json_decref(options);
}

static void calls_can_be_limited(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS RUN("0", "a", "print('one')") RUN("1", "b", "print('two')") END},
    };
    struct stage stage = {.turn = {.max_tool_calls = 1}};
    play(&stage, acts, 1, 0);
    assert_int_equal(stage.result.status, CLO_TURN_INCOMPLETE);
    assert_string_equal(stage.result.incomplete, "max_tool_calls");
    check_output(&stage, "a", "one");
    check_output(&stage, "b", "not carried out: the limit max_tool_calls");
    finish(&stage);
}

static void a_cut_reply_is_incomplete(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS RUN("0", "a", "print('one')") CALL("1", "b", "execute_code", "{\\\"co")
             CHUNK("{}", ",\"finish_reason\":\"length\"") "data: [DONE]\n\n"},
    };
    struct stage stage = {0};
    play(&stage, acts, 1, 0);
    assert_int_equal(stage.result.status, CLO_TURN_INCOMPLETE);
    assert_string_equal(stage.result.incomplete, "max_output_tokens");
    check_output(&stage, "a", "not carried out: the reply was cut off");
    check_output(&stage, "b", "not carried out: the reply was cut off");
    finish(&stage);
}

static void a_failing_model_leaves_a_valid_history(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS RUN("0", "a", "print('one')") END},
        {EVENTS CHUNK("{\"content\":\"Hm\"}", "") CALL("0", "b", "execute_code", "{\\\"co")},
    };
    struct stage stage = {0};
    play(&stage, acts, 2, 0);
    assert_int_equal(stage.result.status, CLO_TURN_FAILED);
    assert_string_equal(stage.result.error_code, "server_error");
    assert_string_equal(stage.result.error_message,
                        "the model's server ended its answer before it was complete");
    assert_int_equal(stage.result.trouble.code, CLO_EMODEL);
    check_output(&stage, "a", "one");
    check_output(&stage, "b", "not carried out: the reply with this call broke off");
    finish(&stage);
}

/* The model's server says what it is; the client is told the same, in the protocol's words. */
static void a_refusal_keeps_its_code(void **state)
{
    (void)state;
    static const char *const codes[] = {"context_length_exceeded",
                                        "image_content_policy_violation"}; /* the longest one */
    for (size_t i = 0; i < 2; i++) {
        char refusal[300];
        snprintf(refusal, sizeof refusal,
                 "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{\"error\":{\"message\":"
                 "\"not so\",\"type\":\"invalid_request_error\",\"code\":\"%s\"}}",
                 codes[i]);
        struct act acts[] = {{EVENTS RUN("0", "a", "print('one')") END}, {refusal}};
        struct stage stage = {0};
        play(&stage, acts, 2, 0);
        assert_int_equal(stage.result.status, CLO_TURN_FAILED);
        assert_string_equal(stage.result.error_code, codes[i]);
        assert_string_equal(stage.result.error_message,
                            "the model's server answered HTTP 400: not so");
        finish(&stage);
    }
}

/* As soon as the code runs, which says so by a call, or the text of the model has come. */
static void *cancel_in_the_midst(void *context)
{
    struct stage *stage = context;
    for (int ms = 0; ms < 20000 && !atomic_load(&added) && !atomic_load(&stage->texts); ms++)
        usleep(1000);
    clo_cancel_trigger(stage->turn.cancel);
    return NULL;
}

static void cancellation_reaches_the_sandbox_and_the_model(void **state)
{
    (void)state;
    static const struct act endless[] = {
        {EVENTS RUN("0", "a", "add(a=1, b=1)\\\\nwhile True: pass") RUN("1", "b", "print('x')")
             END},
    };
    static const struct act silent[] = {{EVENTS CHUNK("{\"content\":\"Hm\"}", ""), HANG}};
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        struct clo_cancel *cancel = clo_cancel_create();
        assert_non_null(cancel);
        struct stage stage = {.turn = {.cancel = cancel}};
        atomic_store(&added, 0);
        pthread_create(&thread, NULL, cancel_in_the_midst, &stage);
        play(&stage, i ? silent : endless, 1, 0);
        pthread_join(thread, NULL);
        assert_int_equal(stage.result.status, CLO_TURN_CANCELLED);
        assert_true(stage.ms < 20000);
        finish(&stage);
        clo_cancel_free(cancel);
    }
}

static void limits_are_told(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS RUN("0", "a", "print('x' * 100000)") END},
        {SAY("long")},
    };
    struct stage stage = {0};
    play(&stage, acts, 2, 0);
    assert_int_equal(stage.result.status, CLO_TURN_COMPLETED);
    check_output(&stage, "a", "of 100001 bytes of stdout are left out here");
    assert_true(strlen(output_of(&stage, "a")) < 16384 + 512);
    finish(&stage);
}

static void a_question_gets_its_answer(void **state)
{
    (void)state;
    unsetenv("OPENAI_API_KEY");
    unsetenv("OPENAI_BASE_URL");
    struct clo_agent_config config = {.image = image,
                                      .isolation = wall,
                                      .placement = placement_for(wall),
                                      .tools = tools,
                                      .tool_count = 1,
                                      .sandboxes = 1};
    struct clo_agent *agent;
    struct clo_error error;
    char *answer;
    if (clo_agent_create(&agent, &config, &error))
        fail_msg("%s", error.message);
    assert_string_equal(clo_agent_model_name(agent), "script");
    assert_int_equal(clo_agent_ask(agent, "```python\nadd(a=1, b=2)\n```", NULL, &answer, &error),
                     0);
    assert_string_equal(answer, "3.0");
    free(answer);
    assert_int_equal(clo_agent_ask(agent, "hello", NULL, &answer, &error), 0);
    assert_non_null(strstr(answer, "offline"));
    free(answer);
    assert_int_equal(clo_agent_ask(agent, "\xff", NULL, &answer, &error), CLO_EINVALID);
    assert_int_equal(clo_agent_ask(agent, "", NULL, &answer, &error), CLO_EINVALID);
    assert_null(answer);
    clo_agent_destroy(agent);
}

static const char whole_file[] =
    "name: whole\n"
    "instructions: Be brief.\n"
    "model: {kind: script, script: play.yaml, timeout: 5s}\n"
    "sandbox:\n"
    "  image: ${CLO_T_IMAGE}\n"
    "  time: 20s\n"
    "  cpu_time: 5s\n"
    "  memory: 64MiB\n"
    "  output: 100kB\n"
    "  host_calls: 10\n"
    "  host_call_size: 1MiB\n"
    "  count: 1\n"
    "loop: {max_iterations: 3, tool_output: 4KiB}\n"
    "serve: {listen: 0.0.0.0, port: 81, turns: 5, queue: 6, connections: 17, store: r.db,\n"
    "        grace: 2s, keepalive: 1m, items: answer,\n"
    "        files: {max_bytes: 1MiB, total_bytes: 2MiB, keep: 90m}}\n";

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static void a_file_makes_an_agent(void **state)
{
    (void)state;
    char folder[] = "/tmp/clo-whole-XXXXXX", path[64], play[64], store[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/agent.yaml", folder);
    snprintf(play, sizeof play, "%s/play.yaml", folder);
    snprintf(store, sizeof store, "%s/r.db", folder);
    put(path, whole_file);
    put(play, "turns:\n- match: memory\n  code: bytearray(100 << 20)\n  then: {say: '{stderr}'}\n"
              "- say: 'played'\n");
    setenv("CLO_T_IMAGE", image, 1);
    struct clo_agent *agent;
    struct clo_error error;
    char *answer;
    if (clo_agent_load(&agent, path, &error))
        fail_msg("%s", error.message);
    struct clo_serve_config serve_config = {.port = 1, .address = "x"};
    clo_agent_serve_defaults(agent, &serve_config);
    assert_string_equal(serve_config.address, "0.0.0.0");
    assert_string_equal(serve_config.store, store);
    assert_int_equal(serve_config.port, 81);
    assert_int_equal(serve_config.turns, 5);
    assert_int_equal(serve_config.queue, 6);
    assert_int_equal(serve_config.connections, 17);
    assert_int_equal(serve_config.grace_ms, 2000);
    assert_int_equal(serve_config.keepalive_ms, 60000);
    assert_int_equal(serve_config.items, CLO_SERVE_ITEMS_ANSWER);
    assert_int_equal(serve_config.file_bytes, 1 << 20);
    assert_int_equal(serve_config.files_bytes, 2 << 20);
    assert_int_equal(serve_config.files_keep_s, 5400);
    assert_string_equal(clo_agent_name(agent), "whole");
    assert_string_equal(agent->instructions, "Be brief.");
    assert_int_equal(clo_agent_ask(agent, "hello", NULL, &answer, &error), 0);
    assert_string_equal(answer, "played");
    free(answer);
    /* in a worker process, with the file's limit on memory */
    assert_int_equal(clo_agent_ask(agent, "much memory", NULL, &answer, &error), 0);
    assert_non_null(strstr(answer, "MemoryError"));
    free(answer);
    clo_agent_destroy(agent);
    unlink(path);
    unlink(play);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests_of_turns[] = {
        cmocka_unit_test(the_result_says_which_wall_stood),
        cmocka_unit_test(code_runs_and_the_model_sees_it),
        cmocka_unit_test(exceptions_are_told_to_the_model),
        cmocka_unit_test(calls_of_a_batch_run_at_once_and_answer_in_order),
        cmocka_unit_test(what_cannot_be_called_is_explained),
        cmocka_unit_test(the_clients_tools_go_back_to_the_client),
        cmocka_unit_test(our_tools_name_is_taken),
        cmocka_unit_test(the_last_reply_is_without_calls),
        cmocka_unit_test(a_demanded_call_is_demanded_once),
        cmocka_unit_test(calls_can_be_limited),
        cmocka_unit_test(a_cut_reply_is_incomplete),
        cmocka_unit_test(a_failing_model_leaves_a_valid_history),
        cmocka_unit_test(a_refusal_keeps_its_code),
        cmocka_unit_test(cancellation_reaches_the_sandbox_and_the_model),
        cmocka_unit_test(limits_are_told),
        cmocka_unit_test(a_question_gets_its_answer),
        cmocka_unit_test(a_file_makes_an_agent),
    };
    int status = prepare_turns();
    if (status)
        return status;
    return cmocka_run_group_tests(tests_of_turns, NULL, NULL);
}
