/* hooks_test.c - an agent's hooks in whole turns: a prepared model server, real runs in real
 * sandboxes.
 *
 * Needs what agent_test.c needs (turns.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/internal.h"
#include "base/json.h"
#include "turns.h"

#define LOG_MAX 4000

/* What the hooks of a test did, in order. */
static char heard[LOG_MAX];
static pthread_mutex_t hearing = PTHREAD_MUTEX_INITIALIZER;

static void hear(const char *format, ...) CLO_PRINTF(1, 2);
static void hear(const char *format, ...)
{
    va_list words;
    va_start(words, format);
    pthread_mutex_lock(&hearing);
    size_t length = strlen(heard);
    vsnprintf(heard + length, sizeof heard - length, format, words);
    pthread_mutex_unlock(&hearing);
    va_end(words);
}

static atomic_uint added;

static int add(void *context, const struct clo_value *arguments, struct clo_value *result,
               struct clo_error *error)
{
    double a, b;
    (void)context;
    atomic_fetch_add(&added, 1);
    if (!clo_value_number(clo_value_get(arguments, "a"), &a) ||
        !clo_value_number(clo_value_get(arguments, "b"), &b))
        return clo_tool_fail(error, "add needs two numbers");
    if (a < 0)
        return clo_tool_fail(error, "add takes no negative number");
    clo_value_set_number(result, a + b);
    return 0;
}

#define TWO_NUMBERS                                                                                \
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"},\"b\":{\"type\":"            \
    "\"number\"}},\"required\":[\"a\",\"b\"]}"

static const struct clo_tool own_tools[] = {
    {.name = "add", .description = "Add two numbers.", .parameters = TWO_NUMBERS, .call = add}};

struct stage {
    struct server server;
    struct clo_agent *agent;
    struct clo_turn_result result;
};

static void open_stage(struct stage *stage, const struct act *acts, size_t count,
                       const struct clo_hooks *hooks, size_t hook_count, size_t tool_count)
{
    char url[64];
    struct clo_error error;
    *stage = (struct stage){0};
    heard[0] = '\0';
    atomic_store(&added, 0);
    server_start(&stage->server, acts, count);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", stage->server.port);
    struct clo_agent_config config = {
        .name = "t",
        .instructions = "Be kind.",
        .model = {.kind = CLO_MODEL_CHAT, .name = "m", .base_url = url, .timeout_ms = 60000},
        .tools = own_tools,
        .tool_count = tool_count,
        .image = image,
        .isolation = wall,
        .placement = placement_for(wall),
        .sandboxes = 2,
        .hooks = hooks,
        .hook_count = hook_count,
    };
    if (clo_agent_create(&stage->agent, &config, &error))
        fail_msg("%s", error.message);
}

static void ask(struct stage *stage, struct clo_turn turn)
{
    json_t *input =
        json_pack("[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]", "role", "user", "content", "first",
                  "role", "assistant", "content", "so", "role", "user", "content", "second");
    turn.input = input;
    clo_turn_result_clear(&stage->result);
    clo_agent_turn(stage->agent, &turn, &stage->result);
    assert_int_equal(json_array_size(input), 3); /* the caller's history is the caller's */
    json_decref(input);
}

static void close_stage(struct stage *stage)
{
    clo_agent_destroy(stage->agent);
    clo_turn_result_clear(&stage->result);
    server_stop(&stage->server);
}

/* Of the n-th request to the model. */
static json_t *request(const struct stage *stage, unsigned number)
{
    json_t *body = json_loads(stage->server.bodies[number], 0, NULL);
    assert_non_null(body);
    return body;
}

static const char *system_text(const json_t *body)
{
    const json_t *first = json_array_get(json_object_get(body, "messages"), 0);
    assert_true(clo_json_is(first, "role", "system"));
    return clo_json_text(first, "content");
}

static const char *description(const json_t *body)
{
    const json_t *tool = json_array_get(json_object_get(body, "tools"), 0);
    return clo_json_text(json_object_get(tool, "function"), "description");
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
    fail_msg("call %s has no output", call_id);
    return NULL;
}

static void check_part(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("\"%s\" is not in: %s", part, text);
}

/* ---- instructions ---- */

static int choose(void *context, struct clo_hook_turn *turn, struct clo_value *text,
                  struct clo_error *error)
{
    const char *words = context;
    (void)error;
    hear("instructions(%s %s %s %s) ", clo_hook_turn_response(turn),
         clo_hook_turn_conversation(turn), clo_hook_turn_session(turn), clo_hook_turn_user(turn));
    return words ? clo_value_set_text(text, words) : 0;
}

static void instructions_come_by_callback(void **state)
{
    (void)state;
    static const struct act acts[] = {{SAY("yes")}};
    struct clo_hooks hooks[] = {{.instructions = choose, .context = "Be quick."},
                                {.instructions = choose}};
    struct stage stage;
    open_stage(&stage, acts, 1, hooks, 2, 1);
    ask(&stage, (struct clo_turn){.about = {"resp_1", "conv_1", "sess_1", "u"},
                                  .instructions = "In French."});
    assert_int_equal(stage.result.status, CLO_TURN_COMPLETED);
    json_t *body = request(&stage, 0);
    check_part(system_text(body), "Be quick.\n\nYou have a tool, execute_code");
    check_part(system_text(body), "\n\nIn French.");
    assert_null(strstr(system_text(body), "Be kind."));
    json_decref(body);
    assert_string_equal(heard, "instructions(resp_1 conv_1 sess_1 u) "
                               "instructions(resp_1 conv_1 sess_1 u) ");
    close_stage(&stage);
    open_stage(&stage, acts, 1, &hooks[1], 1, 1); /* one that leaves them */
    ask(&stage, (struct clo_turn){0});
    body = request(&stage, 0);
    check_part(system_text(body), "Be kind.\n\nYou have a tool");
    json_decref(body);
    close_stage(&stage);
}

static int choose_number(void *context, struct clo_hook_turn *turn, struct clo_value *text,
                         struct clo_error *error)
{
    (void)context;
    (void)turn;
    (void)error;
    clo_value_set_integer(text, 7);
    return 0;
}

static int choose_garbage(void *context, struct clo_hook_turn *turn, struct clo_value *text,
                          struct clo_error *error)
{
    (void)context;
    (void)turn;
    (void)error;
    return clo_value_set_text(text, "\xed\xa0\x80");
}

static void instructions_must_be_text(void **state)
{
    (void)state;
    static const struct act acts[] = {{SAY("yes")}};
    static const char *const messages[] = {"are no text", "must be UTF-8"};
    for (int i = 0; i < 2; i++) {
        struct clo_hooks hooks = {.instructions = i ? choose_garbage : choose_number};
        struct stage stage;
        open_stage(&stage, acts, 1, &hooks, 1, 1);
        ask(&stage, (struct clo_turn){0});
        assert_int_equal(stage.result.status, CLO_TURN_FAILED);
        check_part(stage.result.error_message, messages[i]);
        assert_int_equal(atomic_load(&stage.server.requests), 0);
        close_stage(&stage);
    }
}

/* ---- before and after ---- */

static int twice(void *context, const struct clo_value *arguments, struct clo_value *result,
                 struct clo_error *error)
{
    double x = 0;
    (void)error;
    clo_value_number(clo_value_get(arguments, "x"), &x);
    clo_value_set_number(result, x * *(double *)context);
    return 0;
}

static double factor = 2;
static bool gives_tools = true;

static int provide(void *context, struct clo_hook_turn *turn, struct clo_error *error)
{
    static const char *const words = "What you know: the sky is blue.";
    struct clo_tool more = {
        .name = "twice",
        .description = "Double it.",
        .parameters = "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"number\"}}}",
        .call = twice,
        .context = &factor};
    (void)context;
    const struct clo_value *input = clo_hook_turn_input(turn);
    const struct clo_value *last = clo_value_item(input, clo_value_count(input) - 1);
    hear("before(%zu %s) ", clo_value_count(input), clo_value_text(clo_value_get(last, "content")));
    int status = clo_hook_add_instructions(turn, "Mind the sky.", error);
    if (!status)
        status = clo_hook_add_message(turn, "user", words, error);
    if (!status)
        status = clo_hook_add_message(turn, "assistant", "Noted.", error);
    if (!status && gives_tools)
        status = clo_hook_add_tools(turn, &more, 1, error);
    return status;
}

static int look(void *context, struct clo_hook_turn *turn, const struct clo_hook_answer *answer,
                struct clo_error *error)
{
    (void)context;
    (void)turn;
    (void)error;
    hear("after(%d '%s' %zu items %s %llu+%llu%s%s) ", answer->status, answer->text,
         clo_value_count(answer->output), answer->model, (unsigned long long)answer->input_tokens,
         (unsigned long long)answer->output_tokens, answer->error_message ? " " : "",
         answer->error_message ? answer->error_message : "");
    return 0;
}

static const char *content(const json_t *body, size_t index)
{
    return clo_json_text(json_array_get(json_object_get(body, "messages"), index), "content");
}

static void a_provider_adds_messages_instructions_and_tools(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS RUN("0", "a", "print(twice(x=4), call_tool('twice', x=5), add(a=1, b=2))") END},
        {SAY("done")},
    };
    struct clo_hooks hooks = {.before_run = provide, .after_run = look};
    struct stage stage;
    gives_tools = true;
    open_stage(&stage, acts, 2, &hooks, 1, 1);
    ask(&stage, (struct clo_turn){.instructions = "In French."});
    assert_int_equal(stage.result.status, CLO_TURN_COMPLETED);
    assert_string_equal(output_of(&stage, "a"), "stdout (13 bytes):\n8.0 10.0 3.0\n");
    assert_string_equal(heard, "before(3 second) after(0 'done' 3 items c-1 10+4) ");
    json_t *body = request(&stage, 0);
    check_part(system_text(body), "Be kind.\n\nYou have a tool");
    check_part(system_text(body), "\n\nMind the sky.\n\nIn French.");
    assert_string_equal(content(body, 1), "first");
    assert_string_equal(content(body, 2), "so");
    check_part(content(body, 3), "the sky is blue");
    assert_string_equal(content(body, 4), "Noted.");
    assert_string_equal(content(body, 5), "second");
    check_part(description(body), "add(");
    check_part(description(body), "More host functions");
    check_part(description(body), "twice(");
    check_part(description(body), "    Double it.");
    json_decref(body);
    assert_int_equal(json_array_size(stage.result.output), 3); /* what was added is no output */
    close_stage(&stage);
}

static void what_was_added_is_of_one_turn(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS RUN("0", "a", "print(twice(x=4))") END},
        {SAY("done")},
        {EVENTS RUN("0", "b", "print(call_tool('twice', x=4))") END},
        {SAY("done")},
    };
    struct clo_hooks hooks = {.before_run = provide};
    struct stage stage;
    open_stage(&stage, acts, 4, &hooks, 1, 0);
    gives_tools = true;
    ask(&stage, (struct clo_turn){0});
    check_part(output_of(&stage, "a"), "8.0");
    json_t *body = request(&stage, 0);
    check_part(description(body), "Host functions\n"); /* the agent has none of its own */
    check_part(description(body), "call_tool_async(");
    assert_null(strstr(description(body), "More host"));
    json_decref(body);
    gives_tools = false;
    ask(&stage, (struct clo_turn){0});
    check_part(output_of(&stage, "b"), "there is no tool 'twice'");
    body = request(&stage, 2);
    assert_null(strstr(description(body), "twice"));
    json_decref(body);
    close_stage(&stage);
}

static int name_it(void *context, struct clo_hook_turn *turn, struct clo_error *error)
{
    (void)turn;
    (void)error;
    hear("before %s ", (const char *)context);
    return 0;
}

static int refuse(void *context, struct clo_hook_turn *turn, struct clo_error *error)
{
    (void)turn;
    hear("refused ");
    return context ? clo_tool_fail(error, "%s", (const char *)context) : CLO_ESYSTEM;
}

static int name_after(void *context, struct clo_hook_turn *turn,
                      const struct clo_hook_answer *answer, struct clo_error *error)
{
    (void)turn;
    (void)error;
    hear("after %s %d%s ", (const char *)context, answer->status,
         answer->error_code ? answer->error_code : "");
    return 0;
}

static int fail_after(void *context, struct clo_hook_turn *turn,
                      const struct clo_hook_answer *answer, struct clo_error *error)
{
    (void)context;
    (void)turn;
    (void)answer;
    return clo_tool_fail(error, "the diary is full");
}

static void hooks_nest(void **state)
{
    (void)state;
    static const struct act acts[] = {{SAY("yes")}};
    struct clo_hooks hooks[] = {{.before_run = name_it, .after_run = name_after, .context = "A"},
                                {.after_run = fail_after},
                                {.before_run = name_it, .after_run = name_after, .context = "B"}};
    struct stage stage;
    open_stage(&stage, acts, 1, hooks, 3, 1);
    ask(&stage, (struct clo_turn){0});
    assert_string_equal(heard, "before A before B after B 0 after A 0 ");
    assert_int_equal(stage.result.status, CLO_TURN_COMPLETED); /* the answer stands */
    assert_int_equal(stage.result.trouble.code, CLO_EINVALID); /* and the operator is told */
    assert_string_equal(stage.result.trouble.message, "the diary is full");
    close_stage(&stage);
}

static void a_refusal_fails_the_turn(void **state)
{
    (void)state;
    static const struct act acts[] = {{SAY("never")}};
    struct clo_hooks hooks[] = {
        {.before_run = name_it, .after_run = name_after, .context = "A"},
        {.before_run = refuse, .after_run = name_after, .context = "no more questions today"},
        {.before_run = name_it, .after_run = name_after, .context = "C"}};
    struct stage stage;
    open_stage(&stage, acts, 1, hooks, 3, 1);
    ask(&stage, (struct clo_turn){0});
    assert_int_equal(stage.result.status, CLO_TURN_FAILED);
    assert_string_equal(stage.result.error_code, "server_error");
    assert_string_equal(stage.result.error_message, "no more questions today");
    assert_string_equal(heard, "before A refused after A 2server_error ");
    assert_int_equal(atomic_load(&stage.server.requests), 0);
    assert_int_equal(json_array_size(stage.result.output), 0);
    close_stage(&stage);
    hooks[1].context = NULL; /* it says nothing */
    open_stage(&stage, acts, 1, hooks, 3, 1);
    ask(&stage, (struct clo_turn){0});
    assert_string_equal(stage.result.error_message, "the agent's host failed in before_run");
    assert_int_equal(stage.result.trouble.code, CLO_ESYSTEM);
    close_stage(&stage);
}

static void after_a_failed_model(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{\"error\":{\"message\":\"no\"}}"}};
    struct clo_hooks hooks = {.after_run = name_after, .context = "A"};
    struct stage stage;
    open_stage(&stage, acts, 1, &hooks, 1, 1);
    ask(&stage, (struct clo_turn){0});
    assert_int_equal(stage.result.status, CLO_TURN_FAILED);
    assert_string_equal(heard, "after A 2invalid_prompt ");
    close_stage(&stage);
}

/* ---- what may be added ---- */

static struct clo_hook_turn *kept_turn;

static int add_wrongly(void *context, struct clo_hook_turn *turn, struct clo_error *error)
{
    struct clo_tool nameless = {.name = "no name", .call = add};
    struct clo_tool taken = {.name = "add", .call = add};
    char *large = malloc(CLO_HOOK_TEXT_MAX + 2);
    (void)context;
    memset(large, 'x', CLO_HOOK_TEXT_MAX + 1);
    large[CLO_HOOK_TEXT_MAX + 1] = '\0';
    assert_int_equal(clo_hook_add_message(turn, "tool", "x", error), CLO_EINVALID);
    check_part(error->message, "the role 'tool'");
    assert_int_equal(clo_hook_add_message(turn, "user", "\xff", error), CLO_EINVALID);
    check_part(error->message, "not UTF-8");
    assert_int_equal(clo_hook_add_instructions(turn, large, error), CLO_ELIMIT);
    check_part(error->message, "1024 KiB");
    assert_int_equal(clo_hook_add_tools(turn, &nameless, 1, error), CLO_EINVALID);
    check_part(error->message, "no Python identifier");
    assert_int_equal(clo_hook_add_tools(turn, NULL, 1, error), CLO_EINVALID);
    assert_int_equal(clo_hook_add_tools(turn, &taken, CLO_TOOLS_MAX + 1, error), CLO_ELIMIT);
    for (int i = 0; i < CLO_HOOK_MESSAGES_MAX; i++)
        assert_int_equal(clo_hook_add_message(turn, "user", "x", error), 0);
    assert_int_equal(clo_hook_add_message(turn, "user", "x", error), CLO_ELIMIT);
    large[CLO_HOOK_TEXT_MAX] = '\0';
    int status = 0;
    for (int i = 0; i < 8 && !status; i++)
        status = clo_hook_add_instructions(turn, large, error);
    assert_int_equal(status, CLO_ELIMIT);
    check_part(error->message, "8 MiB");
    free(large);
    kept_turn = turn;
    return clo_hook_add_tools(turn, &taken, 1, error);
}

static int add_late(void *context, struct clo_hook_turn *turn, const struct clo_hook_answer *answer,
                    struct clo_error *error)
{
    (void)context;
    (void)answer;
    assert_ptr_equal(turn, kept_turn);
    assert_int_equal(clo_hook_add_message(turn, "user", "x", error), CLO_EINVALID);
    check_part(error->message, "in before_run alone");
    assert_int_equal(clo_hook_add_tools(turn, own_tools, 1, error), CLO_EINVALID);
    hear("late ");
    return 0;
}

static void what_is_added_is_checked(void **state)
{
    (void)state;
    static const struct act acts[] = {{SAY("never")}};
    struct clo_hooks hooks = {.before_run = add_wrongly, .after_run = add_late};
    struct stage stage;
    open_stage(&stage, acts, 1, &hooks, 1, 1);
    ask(&stage, (struct clo_turn){0});
    assert_int_equal(stage.result.status, CLO_TURN_FAILED);
    assert_int_equal(atomic_load(&stage.server.requests), 0);
    assert_string_equal(heard, "late ");
    close_stage(&stage);
}

static int add_taken(void *context, struct clo_hook_turn *turn, struct clo_error *error)
{
    struct clo_tool taken = {.name = "add", .call = add};
    (void)context;
    return clo_hook_add_tools(turn, &taken, 1, error);
}

static void a_tool_of_the_agent_is_not_replaced(void **state)
{
    (void)state;
    static const struct act acts[] = {{SAY("never")}};
    struct clo_hooks hooks = {.before_run = add_taken};
    struct stage stage;
    open_stage(&stage, acts, 1, &hooks, 1, 1);
    ask(&stage, (struct clo_turn){0});
    assert_int_equal(stage.result.status, CLO_TURN_FAILED);
    check_part(stage.result.error_message, "tool 'add' of a hook has the name of one of the agent");
    assert_int_equal(atomic_load(&stage.server.requests), 0);
    close_stage(&stage);
}

static void a_configuration_has_room_for_so_many(void **state)
{
    (void)state;
    struct clo_hooks hooks[CLO_HOOKS_MAX + 1] = {{0}};
    struct clo_agent_config config = {.hooks = hooks, .hook_count = CLO_HOOKS_MAX + 1};
    struct clo_agent *agent;
    struct clo_error error;
    assert_int_equal(clo_agent_create(&agent, &config, &error), CLO_EINVALID);
    assert_string_equal(error.message, "hook_count is 17; at most 16 are allowed");
    config = (struct clo_agent_config){.hook_count = 1};
    assert_int_equal(clo_agent_create(&agent, &config, &error), CLO_EINVALID);
    check_part(error.message, "hooks is NULL");
}

/* ---- around tools ---- */

enum manner { LOOK, CHANGE, CHANGE_BADLY, DENY, ANSWER, AGAIN };
static enum manner with_tools, with_code;

static int around(void *context, struct clo_hook_turn *turn, struct clo_tool_step *step,
                  const struct clo_value *arguments, struct clo_value *result,
                  struct clo_error *error)
{
    const char *who = context ? context : "";
    bool code = clo_tool_step_runs_code(step);
    enum manner manner = code ? with_code : with_tools;
    struct clo_value changed = {0};
    int status = 0;
    double a = 0;
    assert_null(clo_hook_turn_input(turn));
    assert_false(clo_hook_turn_cancelled(turn));
    clo_value_number(clo_value_get(arguments, "a"), &a);
    if (code)
        hear("%s>code(%s) ", who, clo_value_text(clo_value_get(arguments, "code")));
    else
        hear("%s>%s(%g) ", who, clo_tool_step_name(step), a);
    clo_value_set_map(&changed);
    switch (manner) {
    case LOOK: status = clo_tool_go_on(step, NULL, result, error); break;
    case CHANGE:
        if (code) {
            assert_int_equal(clo_value_set_text(clo_value_put(&changed, "code"), "print('mine')"),
                             0);
        } else {
            clo_value_set_integer(clo_value_put(&changed, "a"), 100);
            clo_value_set_integer(clo_value_put(&changed, "b"), 1);
        }
        status = clo_tool_go_on(step, &changed, result, error);
        break;
    case CHANGE_BADLY: status = clo_tool_go_on(step, &changed, result, error); break;
    case DENY: status = clo_tool_fail(error, "not allowed on Mondays"); break;
    case ANSWER: status = clo_value_set_text(result, "an answer of the hook"); break;
    case AGAIN:
        status = clo_tool_go_on(step, NULL, result, error);
        status = clo_tool_go_on(step, NULL, result, error);
        break;
    }
    clo_value_clear(&changed);
    hear("%s<%d ", who, status);
    return status;
}

/* One run of `print(add(a=1, b=2))`; what the model read. */
static const char *play_around(struct stage *stage, enum manner tools, enum manner code)
{
    static const struct act acts[] = {{EVENTS RUN("0", "a", "print(add(a=1, b=2))") END},
                                      {SAY("done")}};
    static const struct clo_hooks hooks = {.around_tool = around};
    with_tools = tools;
    with_code = code;
    open_stage(stage, acts, 2, &hooks, 1, 1);
    ask(stage, (struct clo_turn){0});
    assert_int_equal(stage->result.status, CLO_TURN_COMPLETED);
    return output_of(stage, "a");
}

static void hooks_stand_around_tools(void **state)
{
    (void)state;
    struct stage stage;
    assert_string_equal(play_around(&stage, LOOK, LOOK), "stdout (4 bytes):\n3.0\n");
    assert_string_equal(heard, ">code(print(add(a=1, b=2))) >add(1) <0 <0 ");
    close_stage(&stage);
    assert_string_equal(play_around(&stage, CHANGE, LOOK), "stdout (6 bytes):\n101.0\n");
    close_stage(&stage);
    check_part(play_around(&stage, CHANGE_BADLY, LOOK), "ToolError: add");
    assert_int_equal(atomic_load(&added),
                     0); /* what is not what its schema wants reaches no tool */
    close_stage(&stage);
    check_part(play_around(&stage, DENY, LOOK), "ToolError: not allowed on Mondays");
    assert_int_equal(atomic_load(&added), 0);
    close_stage(&stage);
    assert_string_equal(play_around(&stage, ANSWER, LOOK),
                        "stdout (22 bytes):\nan answer of the hook\n");
    assert_int_equal(atomic_load(&added), 0);
    close_stage(&stage);
    assert_string_equal(play_around(&stage, AGAIN, LOOK), "stdout (4 bytes):\n3.0\n");
    assert_int_equal(atomic_load(&added), 2);
    close_stage(&stage);
}

static bool call_failed(const struct stage *stage)
{
    const json_t *item = json_array_get(stage->result.output, 1);
    return json_is_true(json_object_get(item, "failed"));
}

static void hooks_stand_around_code(void **state)
{
    (void)state;
    struct stage stage;
    assert_string_equal(play_around(&stage, LOOK, CHANGE), "stdout (5 bytes):\nmine\n");
    close_stage(&stage);
    check_part(play_around(&stage, LOOK, CHANGE_BADLY), "are to be {\"code\": text}");
    assert_true(call_failed(&stage));
    close_stage(&stage);
    check_part(play_around(&stage, LOOK, DENY), "not allowed on Mondays");
    assert_true(call_failed(&stage));
    assert_null(stage.result.isolation); /* nothing ran */
    close_stage(&stage);
    assert_string_equal(play_around(&stage, LOOK, ANSWER), "an answer of the hook");
    assert_false(call_failed(&stage));
    assert_int_equal(atomic_load(&added), 0);
    close_stage(&stage);
    assert_string_equal(play_around(&stage, LOOK, AGAIN), "stdout (4 bytes):\n3.0\n");
    assert_int_equal(atomic_load(&added), 2);
    close_stage(&stage);
}

static void the_first_hook_is_outermost(void **state)
{
    (void)state;
    static const struct act acts[] = {{EVENTS RUN("0", "a", "print(add(a=1, b=2))") END},
                                      {SAY("done")}};
    struct clo_hooks hooks[] = {{.around_tool = around, .context = "A"},
                                {.before_run = name_it, .context = "-"},
                                {.around_tool = around, .context = "B"}};
    struct stage stage;
    with_tools = CHANGE;
    with_code = LOOK;
    open_stage(&stage, acts, 2, hooks, 3, 1);
    ask(&stage, (struct clo_turn){0});
    assert_string_equal(heard, "before - A>code(print(add(a=1, b=2))) B>code(print(add(a=1, b=2))) "
                               "A>add(1) B>add(100) B<0 A<0 B<0 A<0 ");
    close_stage(&stage);
}

/* A client's own code is not let through where the model's is not. */
static void code_of_clients_passes_too(void **state)
{
    (void)state;
    static const struct act acts[] = {{SAY("never")}};
    static const struct clo_hooks hooks = {
        .before_run = name_it, .around_tool = around, .context = "H"};
    static const char code[] = "print(add(a=1, b=2))";
    struct stage stage;
    struct clo_run run = {.code = code, .code_length = sizeof code - 1};
    struct clo_run_result *result;
    struct clo_error error;
    with_tools = DENY;
    open_stage(&stage, acts, 1, &hooks, 1, 1);
    assert_int_equal(clo_agent_run(stage.agent, &run, &result, &error), 0);
    check_part(result->err, "ToolError: not allowed on Mondays");
    assert_string_equal(heard, "H>add(1) H<-1 ");
    clo_run_result_free(result);
    close_stage(&stage);
}

/* ---- what is kept with a turn ---- */

static int key_of_value, key_of_other;

static void give_back(void *value)
{
    hear("released %s ", (const char *)value);
}

static int keep(void *context, struct clo_hook_turn *turn, struct clo_error *error)
{
    (void)context;
    assert_null(clo_hook_turn_get(turn, &key_of_value));
    assert_int_equal(clo_hook_turn_set(turn, &key_of_value, "one", give_back, error), 0);
    assert_int_equal(clo_hook_turn_set(turn, &key_of_other, "other", give_back, error), 0);
    assert_int_equal(clo_hook_turn_set(turn, &key_of_value, "two", give_back, error), 0);
    static char keys[CLO_HOOK_VALUES_MAX];
    int status = 0;
    for (int i = 0; i < CLO_HOOK_VALUES_MAX - 2; i++)
        assert_int_equal(clo_hook_turn_set(turn, &keys[i], "", NULL, error), 0);
    status = clo_hook_turn_set(turn, &keys[CLO_HOOK_VALUES_MAX - 1], "", NULL, error);
    assert_int_equal(status, CLO_ELIMIT);
    return 0;
}

static int find(void *context, struct clo_hook_turn *turn, const struct clo_hook_answer *answer,
                struct clo_error *error)
{
    (void)context;
    (void)answer;
    (void)error;
    hear("found %s ", (const char *)clo_hook_turn_get(turn, &key_of_value));
    return 0;
}

static void values_last_as_long_as_the_turn(void **state)
{
    (void)state;
    static const struct act acts[] = {{SAY("yes")}};
    struct clo_hooks hooks = {.before_run = keep, .after_run = find};
    struct stage stage;
    open_stage(&stage, acts, 1, &hooks, 1, 1);
    ask(&stage, (struct clo_turn){0});
    assert_string_equal(heard, "released one found two released other released two ");
    close_stage(&stage);
}

static atomic_bool entered, go;

static int hold(void *context, struct clo_hook_turn *turn, struct clo_tool_step *step,
                const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    (void)arguments;
    if (clo_tool_step_runs_code(step))
        return clo_tool_go_on(step, NULL, result, error);
    atomic_store(&entered, true);
    for (int ms = 0; ms < 60000 && !atomic_load(&go); ms++)
        usleep(1000);
    hear("%s %s ", clo_hook_turn_cancelled(turn) ? "over" : "not over",
         (const char *)clo_hook_turn_get(turn, &key_of_value));
    return clo_tool_go_on(step, NULL, result, error);
}

static int keep_one(void *context, struct clo_hook_turn *turn, struct clo_error *error)
{
    (void)context;
    return clo_hook_turn_set(turn, &key_of_value, "it", give_back, error);
}

/* The code ends without waiting for its call, and the turn too: what the call stands on is there
 * still. */
static void a_call_may_outlast_its_turn(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {EVENTS RUN("0", "a",
                    "import asyncio, time\\\\nt = asyncio.ensure_future(call_tool_async('add', "
                    "a=1, b=2))\\\\nawait asyncio.sleep(0.2)\\\\nprint('left')") END},
        {SAY("done")}};
    struct clo_hooks hooks = {.before_run = keep_one, .around_tool = hold};
    struct stage stage;
    atomic_store(&entered, false);
    atomic_store(&go, false);
    open_stage(&stage, acts, 2, &hooks, 1, 1);
    ask(&stage, (struct clo_turn){0});
    check_part(output_of(&stage, "a"), "left");
    assert_true(atomic_load(&entered));
    assert_string_equal(heard, "");
    atomic_store(&go, true);
    close_stage(&stage); /* waits for the call */
    assert_string_equal(heard, "over it released it ");
    assert_int_equal(atomic_load(&added), 1);
}

static void questions_have_hooks_too(void **state)
{
    (void)state;
    static const struct act acts[] = {{SAY("yes")}};
    struct clo_hooks hooks = {.instructions = choose, .after_run = name_after, .context = "A"};
    struct stage stage;
    struct clo_error error;
    char *answer;
    open_stage(&stage, acts, 1, &hooks, 1, 1);
    assert_int_equal(clo_agent_ask(stage.agent, "q", NULL, &answer, &error), 0);
    assert_string_equal(answer, "yes");
    assert_string_equal(heard, "instructions(   ) after A 0 ");
    free(answer);
    close_stage(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_come_by_callback),
        cmocka_unit_test(instructions_must_be_text),
        cmocka_unit_test(a_provider_adds_messages_instructions_and_tools),
        cmocka_unit_test(what_was_added_is_of_one_turn),
        cmocka_unit_test(hooks_nest),
        cmocka_unit_test(a_refusal_fails_the_turn),
        cmocka_unit_test(after_a_failed_model),
        cmocka_unit_test(what_is_added_is_checked),
        cmocka_unit_test(a_tool_of_the_agent_is_not_replaced),
        cmocka_unit_test(a_configuration_has_room_for_so_many),
        cmocka_unit_test(hooks_stand_around_tools),
        cmocka_unit_test(hooks_stand_around_code),
        cmocka_unit_test(the_first_hook_is_outermost),
        cmocka_unit_test(code_of_clients_passes_too),
        cmocka_unit_test(values_last_as_long_as_the_turn),
        cmocka_unit_test(a_call_may_outlast_its_turn),
        cmocka_unit_test(questions_have_hooks_too),
    };
    int status = prepare_turns();
    return status ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
