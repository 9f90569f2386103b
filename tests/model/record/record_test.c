/* record_test.c - what is recorded is played back: the same words, code and calls at once, at the same place of
 * a conversation; credentials stay out of the file, and what a script cannot say is told in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/yaml/yaml.h"
#include "model/model.h"
#include "model/record/record.h"
#include "model/record/secrets.h"
#include "model/record/yaml_text.h"
#include "model/script/script.h"

#define TOOL "execute_code"
#define REPLIES 4

static char folder[] = "/tmp/clo-record-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/turns.yaml", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int remove_file(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static char *content(void)
{
    struct clo_buffer text = CLO_BUFFER(4u << 20);
    char part[4096];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        clo_buffer_append(&text, part, got);
    fclose(file);
    char *taken = clo_buffer_take(&text, NULL);
    assert_non_null(taken);
    return taken;
}

static void has(const char *wanted)
{
    char *text = content();
    if (!strstr(text, wanted))
        fail_msg("\"%s\" is not in:\n%s", wanted, text);
    free(text);
}

static void has_not(const char *unwanted)
{
    char *text = content();
    if (strstr(text, unwanted))
        fail_msg("\"%s\" is in:\n%s", unwanted, text);
    free(text);
}

/* ---- items ---- */

static void put_message(json_t *items, const char *role, const char *text)
{
    bool user = strcmp(role, "user") == 0;
    assert_int_equal(
        json_array_append_new(items, json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "type", "message",
                                               "role", role, "content", "type",
                                               user ? "input_text" : "output_text", "text", text)),
        0);
}

static void put_call(json_t *items, const char *name, const char *arguments)
{
    assert_int_equal(json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s}", "type",
                                                            "function_call", "call_id", "c", "name",
                                                            name, "arguments", arguments)),
                     0);
}

static void put_code(json_t *items, const char *code)
{
    json_t *arguments = json_pack("{s:s}", "code", code);
    char *text = json_dumps(arguments, 0); /* with a space, as models write it */
    put_call(items, TOOL, text);
    free(text);
    json_decref(arguments);
}

static void put_result(json_t *items, const char *text)
{
    assert_int_equal(
        json_array_append_new(items, json_pack("{s:s, s:s, s:s}", "type", "function_call_output",
                                               "call_id", "c", "output", text)),
        0);
}

/* ---- replies, and what of them the script plays ---- */

struct reply {
    const char *say;
    const char *codes[3];
};

static void put_reply(json_t *items, const struct reply *reply)
{
    size_t calls = 0;
    if (reply->say)
        put_message(items, "assistant", reply->say);
    for (; calls < 3 && reply->codes[calls]; calls++)
        put_code(items, reply->codes[calls]);
    for (size_t i = 0; i < calls; i++)
        put_result(items, "stdout (3 bytes):\nout\n");
}

static void record_as(struct clo_recording *recording, const json_t *input, const json_t *output,
                      const char *ended)
{
    const struct clo_recorded_turn turn = {input, output, ended, TOOL};
    struct clo_error error = {0};
    if (clo_recording_turn(recording, &turn, &error))
        fail_msg("%s", error.message);
}

static struct clo_recording *open_recording(const char *key)
{
    struct clo_recording *recording;
    struct clo_error error = {0};
    if (clo_recording_open(&recording, path, NULL, key, &error))
        fail_msg("%s", error.message);
    return recording;
}

static void expect_reply(struct clo_model *model, const json_t *input, const struct reply *wanted)
{
    json_t *tools = json_pack("[{s:s, s:s}]", "type", "function", "name", TOOL);
    struct clo_model_request request = {.input = input, .tools = tools};
    struct clo_item_sink sink = {0};
    struct clo_model_reply reply;
    struct clo_error error = {0};
    if (clo_model_call(model, &request, &sink, &reply, &error))
        fail_msg("%s", error.message);
    size_t at = 0, calls = 0;
    if (wanted->say && *wanted->say) {
        const json_t *item = json_array_get(reply.output, at++);
        const json_t *part = json_array_get(json_object_get(item, "content"), 0);
        assert_string_equal(clo_json_text(part, "text"), wanted->say);
    }
    for (; calls < 3 && wanted->codes[calls]; calls++) {
        const json_t *item = json_array_get(reply.output, at++);
        json_t *arguments = json_loads(clo_json_text(item, "arguments"), 0, NULL);
        assert_string_equal(clo_json_text(arguments, "code"), wanted->codes[calls]);
        json_decref(arguments);
    }
    assert_int_equal(json_array_size(reply.output), at);
    clo_model_reply_clear(&reply);
    json_decref(tools);
}

static struct clo_model *open_script(void)
{
    struct clo_model *model;
    struct clo_error error = {0};
    struct clo_model_config config = {.kind = CLO_MODEL_SCRIPT, .script = path};
    if (clo_model_create(&model, &config, &error)) {
        char *text = content();
        fail_msg("%s\n%s", error.message, text);
    }
    return model;
}

/* The turn's replies, one after the other, each with what came before it; the conversation goes on behind
 * them. */
static void expect_turn(struct clo_model *model, json_t *conversation, const struct reply *replies)
{
    for (size_t i = 0; i < REPLIES && (replies[i].say || replies[i].codes[0]); i++) {
        expect_reply(model, conversation, &replies[i]);
        put_reply(conversation, &replies[i]);
    }
}

struct turn {
    const char *question;
    struct reply replies[REPLIES];
};

static void record_turns(struct clo_recording *recording, const struct turn *turns, size_t count)
{
    json_t *conversation = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *output = json_array();
        put_message(conversation, "user", turns[i].question);
        for (size_t j = 0; j < REPLIES && (turns[i].replies[j].say || turns[i].replies[j].codes[0]);
             j++)
            put_reply(output, &turns[i].replies[j]);
        record_as(recording, conversation, output, NULL);
        json_array_extend(conversation, output);
        json_decref(output);
    }
    json_decref(conversation);
}

static const struct turn turns[] = {
    {"What is 6 * 7?",
     {{"I'll compute that.", {"print(6 * 7)\n"}}, {"It is 42: {stdout} as you see: {}", {NULL}}}},
    {"go on",
     {{NULL, {"a = 1\nprint(a)", "print(\"b\")\n\n", "  \n x"}},
      {"then\n- this: \"that\" # no comment", {"\tprint('\\t')\r\n"}},
      {"Done.", {NULL}}}},
    {"go on", {{"Once more?", {NULL}}}}, /* the same words, another place */
    {"Go on", {{NULL, {"1"}}, {"", {NULL}}}},
    {"null", {{"~", {NULL}}}},
    {".*", {{"of a pattern\u2028and \xc2\x85 and é\U0001F600\ufeff\a\x7f", {NULL}}}},
    {"a\nb\\E \\Q(?i)$ [x]{2}", {{"\n", {NULL}}}},
};

static void a_conversation_is_played_back(void **state)
{
    (void)state;
    struct clo_recording *recording = open_recording(NULL);
    record_turns(recording, turns, sizeof turns / sizeof *turns);
    clo_recording_close(recording);
    struct clo_model *model = open_script();
    json_t *conversation = json_array();
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        put_message(conversation, "user", turns[i].question);
        expect_turn(model, conversation, turns[i].replies);
    }
    json_decref(conversation);
    /* And no other: the second message's words at the first place. */
    conversation = json_array();
    put_message(conversation, "user", "go on");
    json_t *tools = json_array();
    struct clo_model_request request = {.input = conversation, .tools = tools};
    struct clo_item_sink sink = {0};
    struct clo_model_reply reply;
    assert_int_equal(clo_model_call(model, &request, &sink, &reply, NULL), 0);
    char *text = json_dumps(reply.output, 0);
    assert_non_null(strstr(text, "offline script model"));
    free(text);
    clo_model_reply_clear(&reply);
    json_decref(tools);
    json_decref(conversation);
    clo_model_destroy(model);
}

static void a_recording_is_gone_on_with(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct clo_recording *recording = open_recording(NULL);
        record_turns(recording, &turns[4 * i], 1);
        clo_recording_close(recording);
    }
    struct clo_model *model = open_script();
    for (size_t i = 0; i < 2; i++) {
        json_t *conversation = json_array();
        put_message(conversation, "user", turns[4 * i].question);
        expect_turn(model, conversation, turns[4 * i].replies);
        json_decref(conversation);
    }
    clo_model_destroy(model);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

/* A message that is longer than a pattern may be: its start and its end are looked at. */
static void a_long_message_is_known_again(void **state)
{
    (void)state;
    size_t length = 300000;
    char *question = malloc(length + 1);
    assert_non_null(question);
    for (size_t i = 0; i < length; i += 2)
        memcpy(question + i, "\xc3\xa9", 2); /* é: the cuts must not split it */
    question[length] = '\0';
    struct clo_recording *recording = open_recording(NULL);
    const struct turn turn = {question, {{"Long.", {NULL}}}};
    record_turns(recording, &turn, 1);
    clo_recording_close(recording);
    struct clo_model *model = open_script();
    json_t *conversation = json_array();
    put_message(conversation, "user", question);
    expect_turn(model, conversation, turn.replies);
    json_decref(conversation);
    clo_model_destroy(model);
    free(question);
}

/* ---- YAML ---- */

static uint32_t random_state = 1;

static uint32_t next_random(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

static void expect_read_back(const char *text, size_t column)
{
    struct clo_buffer yaml = CLO_BUFFER(1u << 20);
    struct clo_yaml *tree;
    struct clo_error error = {0};
    clo_buffer_text(&yaml, "list:\n");
    clo_buffer_format(&yaml, "%*s- first: ", (int)column - 2, "");
    clo_yaml_text_write(&yaml, text, strlen(text), column);
    clo_buffer_format(&yaml, "%*ssecond: ", (int)column, "");
    clo_yaml_text_write(&yaml, text, strlen(text), column);
    clo_buffer_format(&yaml, "%*sthird:\n%*s- ", (int)column, "", (int)column + 2, "");
    clo_yaml_text_write(&yaml, text, strlen(text), column + 2);
    assert_false(yaml.failed);
    if (clo_yaml_parse(&tree, "x", yaml.data, yaml.length, &error))
        fail_msg("%s\n%s", error.message, yaml.data);
    const struct clo_yaml_node *map = &clo_yaml_get(clo_yaml_root(tree), "list")->items[0];
    const struct clo_yaml_node *nodes[] = {&map->items[0], &map->items[1], &map->items[2].items[0]};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(nodes[i]->kind, CLO_YAML_SCALAR);
        assert_string_equal(nodes[i]->text, text);
    }
    clo_yaml_close(tree);
    clo_buffer_free(&yaml);
}

static void any_text_is_read_back(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "\n", "\n", " ",   "a",     "  ",     "\t",         "-",      "- ",   "#",    ": ",   "\"",
        "'",  "\\", "---", "...\n", "\r",     "\xc2\x85",   "\u2028", "é",    "null", "\x01", "%",
        "{",  "}",  "|",   ">",     "\ufeff", "\U0010ffff", "\uffff", "${x}", "&a",   "*a",   "!"};
    for (int round = 0; round < 20000; round++) {
        char text[256] = "";
        for (uint32_t count = next_random(12); count; count--)
            strcat(text, parts[next_random(sizeof parts / sizeof *parts)]);
        expect_read_back(text, 2 + 2 * next_random(4));
    }
}

/* ---- credentials ---- */

static void hides(const char *text, const char *wanted)
{
    struct clo_buffer out = CLO_BUFFER(65536);
    assert_int_equal(clo_secrets_hide(&out, text, strlen(text), "given-key-0123456789", "[secret]"),
                     0);
    assert_string_equal(out.data ? out.data : "", wanted);
    clo_buffer_free(&out);
}

static void credentials_are_taken_out(void **state)
{
    (void)state;
    assert_int_equal(setenv("CLO_TEST_API_KEY", "value-of-a-variable", 1), 0);
    assert_int_equal(setenv("CLO_TEST_SHORT_TOKEN", "testing", 1), 0);
    assert_int_equal(setenv("CLO_TEST_PLAIN", "plain-value-of-it", 1), 0);
    hides("", "");
    hides("a given-key-0123456789 b", "a [secret] b");
    hides("xvalue-of-a-variablex", "x[secret]x");
    hides("testing plain-value-of-it", "testing plain-value-of-it");
    hides("k='sk-proj-abcdefghijkl0123'", "k='[secret]'");
    hides("task-force-abcdefghijklmnop sk-short", "task-force-abcdefghijklmnop sk-short");
    hides("Authorization: Bearer abcdef.ghijkl-mnopqr\n", "Authorization: [secret]\n");
    hides("ghp_abcdefghijklmnopqrstuvwxyz0123, AKIAABCDEFGHIJKLMNOP", "[secret], [secret]");
    hides("AccountName=x;AccountKey=abcdefghijklmnop0123456789==;y=1",
          "AccountName=x;[secret];y=1");
    hides("postgres://me:pass word@h, postgres://me:hunter2@h/x http://h:80/a@b",
          "postgres://me:pass word@h, postgres://me:[secret]@h/x http://h:80/a@b");
    hides("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlX3NpZ25hdHVyZQ!", "[secret]!");
    hides("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nz", "[secret]\nz");
    hides("-----BEGIN PRIVATE KEY-----\nabc", "[secret]");
    hides("-----BEGIN CERTIFICATE-----\nabc", "-----BEGIN CERTIFICATE-----\nabc");

    struct clo_recording *recording = open_recording("given-key-0123456789");
    json_t *input = json_array(), *output = json_array();
    const struct reply replies[] = {{"given-key-0123456789", {"f('value-of-a-variable')\ng()"}},
                                    {"sk-abcdefghijklmnopqrst.", {NULL}}};
    put_message(input, "user", "Use value-of-a-variable, please");
    put_reply(output, &replies[0]);
    put_reply(output, &replies[1]);
    put_call(output, "value-of-a-variable", "{}");
    record_as(recording, input, output, "failed: server_error: given-key-0123456789");
    clo_recording_close(recording);
    has_not("given-key");
    has_not("value-of");
    has_not("sk-");
    has("That function: [secret]");
    has("failed: server_error: [secret]");
    struct clo_model *model = open_script(); /* the message fits, whatever stands there */
    const struct reply played = {"[secret]", {"f('[secret]')\ng()"}};
    expect_reply(model, input, &played);
    clo_model_destroy(model);
    json_decref(input);
    json_decref(output);
    unsetenv("CLO_TEST_API_KEY");
}

/* ---- what a script cannot say ---- */

static void expect_comment(json_t *input, json_t *output, const char *ended, const char *wanted)
{
    struct clo_recording *recording = open_recording(NULL);
    record_as(recording, input, output, ended);
    clo_recording_close(recording);
    has(wanted);
    json_decref(output);
}

static void what_cannot_be_said_is_told(void **state)
{
    (void)state;
    json_t *input = json_array(), *output = json_array();
    put_message(input, "user", "first");
    put_call(output, "get_weather\n  - match: x", "{}");
    expect_comment(
        input, output, NULL,
        "  # A turn that is not recorded: it calls a function that is not the agent's own\n"
        "  # That function: get_weather   - match: x\n");
    output = json_array();
    put_call(output, TOOL, "print(1)");
    expect_comment(input, output, NULL,
                   "the arguments of a call are no object with \"code\" alone");
    output = json_array();
    json_array_append_new(output,
                          json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "type", "message", "role",
                                    "assistant", "content", "type", "refusal", "refusal", "No."));
    expect_comment(input, output, NULL, "not recorded: the model refused\n");
    output = json_array();
    for (int i = 0; i <= CLO_SCRIPT_STEPS_MAX; i++)
        put_reply(output, &(struct reply){NULL, {"1"}});
    json_t *other = json_array();
    put_message(other, "user", "steps");
    expect_comment(other, output, NULL,
                   "The script ends here: there are more steps than a script has\n");
    json_decref(other);

    /* A turn that goes on with the results that a client sends has no message of its own. */
    json_t *later = json_deep_copy(input);
    put_call(later, "get_weather", "{}");
    put_result(later, "sunny");
    output = json_array();
    put_message(output, "assistant", "Sunny.");
    expect_comment(later, output, NULL, "not recorded: it goes on without a message of the user\n");
    json_decref(later);
    has_not("Sunny");
    json_t *nobody = json_array();
    put_message(nobody, "system", "x");
    output = json_array();
    put_message(output, "assistant", "Sunny.");
    expect_comment(nobody, output, NULL, "not recorded: there is no message of the user\n");
    json_decref(nobody);

    /* What came before it is there, and so are the turns around. */
    json_t *second = json_array();
    put_message(second, "user", "second");
    output = json_array();
    json_array_append_new(output, json_pack("{s:s, s:[]}", "type", "reasoning", "summary"));
    put_reply(output, &(struct reply){"Look:", {"look()"}});
    expect_comment(
        second, output, "failed: server_error: the\nserver broke off",
        "  # The turn ended early, which a script cannot play: failed: server_error: the "
        "server broke off\n  # Left out: reasoning.\n");
    struct clo_model *model = open_script();
    expect_reply(model, second, &(struct reply){"Look:", {"look()"}});
    clo_model_destroy(model);
    json_decref(second);
    json_decref(input);
}

/* ---- the file ---- */

static void refused(const char *script, int code, const char *wanted)
{
    struct clo_recording *recording;
    struct clo_error error = {0};
    assert_int_equal(clo_recording_check(path, script, &error), code);
    assert_non_null(strstr(error.message, wanted));
    assert_int_equal(clo_recording_open(&recording, path, script, NULL, &error), code);
    assert_null(recording);
    assert_non_null(strstr(error.message, wanted));
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void other_files_are_left_alone(void **state)
{
    (void)state;
    write_file("turns:\n  - say: mine\n");
    refused(NULL, CLO_EINVALID, "is no recording");
    has("mine");
    unlink(path);
    assert_int_equal(clo_recording_check(path, NULL, NULL), 0);
    assert_int_equal(access(path, F_OK), -1); /* a look makes nothing */

    struct clo_recording *recording = open_recording(NULL), *other;
    struct clo_error error = {0};
    record_turns(recording, turns, 1);
    assert_int_equal(clo_recording_open(&other, path, NULL, NULL, &error), CLO_EBUSY);
    clo_recording_close(recording);
    refused(path, CLO_EINVALID, "is the script that is played");

    char *text = content();
    text[strlen(text) - 3] = '\0';
    write_file(text);
    free(text);
    refused(NULL, CLO_EINVALID, "in the middle of a line");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    struct clo_recording *none;
    assert_int_not_equal(clo_recording_open(&none, path, NULL, NULL, &error), 0);
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused(NULL, CLO_EINVALID, "no regular file");
    unlink(path);
    char kept[sizeof path];
    memcpy(kept, path, sizeof path);
    snprintf(path, sizeof path, "%s/nowhere/turns.yaml", folder);
    refused(NULL, CLO_ENOTFOUND, "nowhere");
    memcpy(path, kept, sizeof path);
}

/* Record the turn until there is no room; how often it was. */
static size_t fill(const struct turn *turn, size_t most)
{
    struct clo_recording *recording = open_recording(NULL);
    json_t *input = json_array(), *output = json_array();
    size_t count = 0;
    struct clo_error error = {0};
    put_message(input, "user", turn->question);
    put_reply(output, &turn->replies[0]);
    const struct clo_recorded_turn recorded = {input, output, NULL, TOOL};
    while (count < most && !clo_recording_turn(recording, &recorded, &error))
        count++;
    assert_int_equal(error.code, CLO_ELIMIT);
    assert_non_null(strstr(error.message, path));
    char *before = content();
    assert_int_equal(clo_recording_turn(recording, &recorded, &error), 0); /* told once */
    char *after = content();
    assert_string_equal(before, after);
    free(before);
    free(after);
    json_decref(input);
    json_decref(output);
    clo_recording_close(recording);
    clo_model_destroy(open_script()); /* a script still */
    has("The file is full");
    return count;
}

static void a_recording_stays_a_script(void **state)
{
    (void)state;
    const struct turn small = {"q", {{"a", {NULL}}}};
    assert_int_equal(fill(&small, 5000), CLO_SCRIPT_TURNS_MAX);
    unlink(path);
    char *text = calloc(1, 100001);
    memset(text, 'x', 100000);
    const struct turn large = {"q", {{text, {NULL}}}};
    assert_in_range(fill(&large, 5000), 9, 10);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_conversation_is_played_back, remove_file),
        cmocka_unit_test_teardown(a_recording_is_gone_on_with, remove_file),
        cmocka_unit_test_teardown(a_long_message_is_known_again, remove_file),
        cmocka_unit_test(any_text_is_read_back),
        cmocka_unit_test_teardown(credentials_are_taken_out, remove_file),
        cmocka_unit_test_teardown(what_cannot_be_said_is_told, remove_file),
        cmocka_unit_test_teardown(other_files_are_left_alone, remove_file),
        cmocka_unit_test_teardown(a_recording_stays_a_script, remove_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
