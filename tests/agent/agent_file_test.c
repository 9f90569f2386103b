/* agent_file_test.c - agent.yaml and .env: what is read, and the words for what is wrong. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/internal.h"
#include "base/id.h"

static char folder[] = "/tmp/clo-agent-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    unsetenv("OPENAI_API_KEY");
    unsetenv("OPENAI_BASE_URL");
    unsetenv("CLOCHE_ISOLATION");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static char *put(const char *name, const char *text)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        abort();
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    return path;
}

static const struct {
    const char *text, *message;
} refused[] = {
    {"- a\n", "1:1: keys and values are expected here, such as \"name: ...\""},
    {"nmae: x\n", "1:1: nmae: unknown key; did you mean \"name\"?"},
    {"name: a\nsandbox:\n  memory: 12x\n",
     "3:11: sandbox.memory: \"12x\" is not a size; write e.g. 256MiB"},
    {"sandbox:\n  time: soon\n",
     "2:9: sandbox.time: \"soon\" is not a duration; write e.g. 30s or 200ms"},
    {"sandbox:\n  tool_time: within\n",
     "2:14: sandbox.tool_time: \"within\" is not a duration; write e.g. 30s or 200ms, or apart"},
    {"sandbox:\n  seed: -1\n", "2:9: sandbox.seed: \"-1\" is not a seed; write a whole number "
                               "from 0 to 9223372036854775807"},
    {"sandbox:\n  clock: today\n", "2:10: sandbox.clock: \"today\" is not a moment; write e.g. "
                                   "2026-11-30T08:00:00Z, or the seconds since 1970"},
    {"sandbox:\n  timezone: a b\n",
     "2:13: sandbox.timezone: timezone \"a b\" is neither in the image's time zone database nor a "
     "rule as POSIX has it"},
    {"sandbox:\n  placement: none\n",
     "2:14: sandbox.placement: \"none\" is none of thread, worker"},
    {"sandbox:\n  isolation: vm\n", "2:14: sandbox.isolation: \"vm\" is none of microvm, process"},
    {"sandbox:\n  isolation: [process]\n",
     "2:14: sandbox.isolation: a single value is expected here"},
    {"sandbox:\n  isolation: auto\n",
     "2:14: sandbox.isolation: \"auto\" is refused: process isolation protects from less"},
    {"sandbox:\n  isolation: process\n  placement: thread\n",
     "3:14: sandbox.placement: thread with process isolation (sandbox.isolation): nothing would stand between code that gets out of WebAssembly and this process"},
    {"sandbox:\n  isolation: worker\n",
     "2:14: sandbox.isolation: where the micro-VM lives is called placement: write placement: worker"},
    {"sandbox:\n  isolation: thread\n",
     "2:14: sandbox.isolation: where the micro-VM lives is called placement: write placement: thread"},
    {"sandbox: {count: 5000}\n",
     "1:18: sandbox.count: \"5000\" is not a whole number from 1 to 1024"},
    {"model: {kind: llm}\n", "1:15: model.kind: \"llm\" is none of auto, responses, chat, script"},
    {"model: {key: x}\n", "1:9: model.key: unknown key; did you mean \"api_key\"?"},
    {"model: {api_key: \"${CLO_T_UNSET}\"}\n",
     "1:18: model.api_key: the environment variable CLO_T_UNSET is not set; set it, or write ${CLO_T_UNSET:-default}"},
    {"tools: x.so\n", "1:8: tools: a list is expected here, of \"- library: ...\""},
    {"tools:\n  - command: x\n", "2:5: tools[0].command: unknown key; known here: library"},
    {"tools:\n  - library:\n", "2:5: tools[0]: \"library: ...\" is expected here"},
    {"tools:\n  - library: ''\n", "2:14: tools[0].library: the name of a file is expected here"},
    {"tools: [x]\n", "1:9: tools[0]: keys and values are expected here"},
    {"tools: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]\n",
     "1:48: tools[16]: more than 16 are not allowed"},
    {"serve: {port: 70000}\n", "1:15: serve.port: \"70000\" is not a whole number from 1 to 65535"},
    {"serve: {turns: 1025}\n", "1:16: serve.turns: \"1025\" is not a whole number from 1 to 1024"},
    {"serve: {connections: 7}\n",
     "1:22: serve.connections: \"7\" is not a whole number from 8 to 65536"},
    {"serve: {grace: 2h}\n", "1:16: serve.grace: \"2h\" is not from 1 ms to 3600 s"},
    {"serve: {keepalive: 0.0001s}\n",
     "1:20: serve.keepalive: \"0.0001s\" is not from 10 ms to 3600 s"},
    {"serve: {files: {max_bytes: 0}}\n", "1:28: serve.files.max_bytes: \"0\""},
    {"serve: {files: {keep: 10ms}}\n", "1:23: serve.files.keep: \"10ms\" is not from 1"},
    {"sandbox: {state: dirty}\n", "1:18: sandbox.state: \"dirty\" is none of clean, session"},
    {"serve: {snapshots: {keep: 10ms}}\n", "1:27: serve.snapshots.keep: \"10ms\" is not from 1"},
    {"serve: {snapshots: {conversation: {count: 0}}}\n",
     "1:43: serve.snapshots.conversation.count: \"0\" is not a whole number"},
    {"serve: {snapshots: {max_bytes: 2MiB, total_bytes: 1MiB}}\n",
     "1:32: serve.snapshots.max_bytes: a snapshot may have 2 MiB, which is more than the 1 MiB of all"},
    {"serve: {snapshots: {max_bytes: 2MiB, conversation: {total_bytes: 1MiB}}}\n",
     "1:32: serve.snapshots.max_bytes: a snapshot may have 2 MiB, which is more than the 1 MiB of all of one conversation"},
    {"serve: {files: {max_byte: 1}}\n",
     "1:17: serve.files.max_byte: unknown key; did you mean \"max_bytes\"?"},
    {"serve: {files: {total_bytes: 1MiB, max_bytes: 2MiB}}\n",
     "1:47: serve.files.max_bytes: a file may have 2 MiB, which is more than the 1 MiB of all files"},
    {"serve: {listen: here}\n", "1:17: serve.listen: \"here\" is not an IP address to listen on"},
    {"loop: {max_iteration: 1}\n",
     "1:8: loop.max_iteration: unknown key; did you mean \"max_iterations\"?"},
    {"port: 80\n", "1:1: port: unknown key; \"port\" belongs under \"serve\""},
    {"model: {tools: []}\n", "1:9: model.tools: unknown key; \"tools\" belongs to the top level"},
    {"serve: {items: all}\n", "1:16: serve.items: \"all\" is none of mcp, calls, answer"},
    {"name: x\nmodel:\n  kind: chat\n",
     "3:9: model.kind: no API key for OpenAI's server, and no other server is named"},
    {"model: {kind: chat, base_url: 'ftp://x'}\n", "1:31: model.base_url: "},
    {"loop: {tool_output: 2}\n", "1:21: loop.tool_output: \"2\" is not from 256 bytes to 16 MiB"},
    {"model: {script: none.yaml}\n", "1:17: model.script: cannot open "},
    {"name: \"\xc3\x28\"\n", "1:9: not YAML: "},
    {"name: ${CLO_T_BYTES}\n", "1:7: name: not UTF-8 with its variables filled in"},
    {"sandbox: {memory: 1MiB}\n", "1:19: sandbox.memory: \"1MiB\" is not from 48 MiB to 4 GiB"},
    {"sandbox: {memory: 32MiB}\n", "1:19: sandbox.memory: \"32MiB\" is not from 48 MiB to 4 GiB"},
    {"sandbox: {wait: later}\n",
     "1:17: sandbox.wait: \"later\" is not a duration; write e.g. 30s or 200ms"},
    {"sandbox: {total_memory: much}\n",
     "1:25: sandbox.total_memory: \"much\" is not a size; write e.g. 256MiB"},
    {"sandbox: {total_memory: 40MiB}\n",
     "1:25: sandbox.total_memory: \"40MiB\" is less than 64 MiB"},
    {"sandbox: {least: 9}\n",
     "1:18: sandbox.least: 9 sandboxes are more than the 8 that there may be"},
    {"sandbox: {memory: 1GiB, total_memory: 1GiB}\n",
     "1:19: sandbox.memory: limit memory is 1 GiB; with 16 MiB for the sandbox itself that is more than the 1 GiB that all sandboxes may use together"},
    {"sandbox: {total_memory: 256MiB}\n",
     "1:25: sandbox.total_memory: limit memory is 256 MiB; with 16 MiB for the sandbox itself"},
    {"sandbox: {image: none.image}\n", "1:18: sandbox.image: image "},
    {"sandbox: {workspace: none}\n", "1:22: sandbox.workspace: cannot mount \""},
    {"sandbox:\n  artifacts: {file_size: 9GiB}\n",
     "2:26: sandbox.artifacts.file_size: \"9GiB\" is not from 1 bytes to 8 GiB"},
    {"sandbox:\n  artifacts: {files: 16384, file_size: 1GiB}\n",
     "2:14: sandbox.artifacts: limits artifact_files 16384 and artifact_file_bytes 1 GiB do not go "
     "together"},
    {"sandbox:\n  artifacts: {count: 1}\n", "2:15: sandbox.artifacts.count"},
    {"sandbox:\n  mounts: none\n",
     "2:11: sandbox.mounts: a list is expected here, of \"- source: ...\""},
    {"sandbox:\n  mounts:\n  - at: /input/x\n",
     "3:5: sandbox.mounts[0]: \"source: ...\" is expected here"},
    {"sandbox:\n  mounts:\n  - source: .\n    at: /output\n",
     "3:5: sandbox.mounts[0]: a mount at \"/output\", which is not in /input"},
    {"sandbox:\n  workspace: .\n  mounts: [{source: ., at: /input}]\n",
     "3:11: sandbox.mounts: two mounts at /input"},
};

static void bad_files_are_refused_with_their_place(void **state)
{
    (void)state;
    setenv("CLO_T_BYTES", "\xc3(", 1);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char *path = put("agent.yaml", refused[i].text);
        struct clo_agent *agent;
        struct clo_error error = {0};
        assert_int_not_equal(clo_agent_load(&agent, path, &error), 0);
        assert_null(agent);
        assert_int_equal(strncmp(error.message, path, strlen(path)), 0);
        assert_int_equal(error.message[strlen(path)], ':');
        const char *message = error.message + strlen(path) + 1;
        if (strncmp(message, refused[i].message, strlen(refused[i].message)) != 0)
            fail_msg("\"%s\" is not \"%s\"", message, refused[i].message);
        unlink(path);
        free(path);
    }
    struct clo_agent *agent;
    assert_int_equal(clo_agent_load(&agent, "/nowhere/agent.yaml", NULL), CLO_ENOTFOUND);
}

/* What an agent of such a file fails by, with a wall from the environment and from the command line;
 * each NULL for none. Where nothing is wrong with the walls, it is the model. */
static void check_walls(const char *sandbox, const char *env, const enum clo_isolation *option,
                        const char *message, const char *hint)
{
    char text[200];
    snprintf(text, sizeof text, "sandbox: {%s}\nmodel: {kind: chat}\n", sandbox);
    char *path = put("agent.yaml", text);
    struct clo_agent *agent;
    struct clo_error error = {0};
    struct clo_agent_choice choice = {.isolation = option};
    if (env)
        setenv("CLOCHE_ISOLATION", env, 1);
    assert_int_equal(clo_agent_load_with(&agent, path, &choice, &error), CLO_EINVALID);
    unsetenv("CLOCHE_ISOLATION");
    assert_null(agent);
    bool placed = strncmp(error.message, path, strlen(path)) == 0;
    const char *said = placed ? error.message + strlen(folder) + 1 : error.message;
    if (strncmp(said, message, strlen(message)) != 0)
        fail_msg("{%s}: \"%s\" is not \"%s\"", sandbox, said, message);
    if (hint)
        assert_string_equal(error.hint, hint);
    unlink(path);
    free(path);
}

static void the_wall_is_the_command_lines_then_the_environments_then_the_files(void **state)
{
    (void)state;
    static const enum clo_isolation microvm = CLO_ISOLATION_MICROVM,
                                    process = CLO_ISOLATION_PROCESS;
    static const char good[] = "agent.yaml:2:15: model.kind: no API key",
                      place[] = "agent.yaml:1:22: sandbox.placement: ",
                      hint[] = "write placement: worker, or leave it out",
                      wrong[] = "environment variable CLOCHE_ISOLATION: \"vm\" is none of ";
    char by[200];
    /* A thread is refused where process isolation is chosen: so it shows what is. */
    check_walls("placement: thread", NULL, NULL, good, NULL);
    check_walls("placement: thread", "", NULL, good, NULL);
    check_walls("placement: thread", "microvm", NULL, good, NULL);
    snprintf(by, sizeof by, "%sthread with process isolation (CLOCHE_ISOLATION): ", place);
    check_walls("placement: thread", "process", NULL, by, hint);
    check_walls("placement: thread, isolation: microvm", "process", NULL, by, hint);
    check_walls("placement: thread, isolation: process", "microvm", NULL, good, NULL);
    snprintf(by, sizeof by, "%sthread with process isolation (--isolation): ", place);
    check_walls("placement: thread", "microvm", &process, by, hint);
    check_walls("placement: thread, isolation: microvm", NULL, &process, by, hint);
    check_walls("placement: thread, isolation: process", "process", &microvm, good, NULL);
    check_walls("placement: worker, isolation: process", "process", &process, good, NULL);
    check_walls("isolation: process", "process", &process, good, NULL);
    /* What is wrong is refused also where something else comes first. */
    check_walls("isolation: process", "vm", NULL, wrong, "");
    check_walls("isolation: process", "vm", &microvm, wrong, "");
    check_walls("isolation: vm", "process", &process,
                "agent.yaml:1:22: sandbox.isolation: \"vm\" is none of microvm, process", "");
}

/* What `cloche check` sees of a file. */
static void check(const char *text, const char *const *said, size_t count, size_t warnings)
{
    char *path = put("agent.yaml", text);
    struct clo_findings findings = {0};
    struct clo_agent_choice choice = {.findings = &findings};
    struct clo_error error = {0};
    struct clo_agent_checked checked;
    int status = clo_agent_check(path, &choice, false, &checked, &error);
    unlink(path);
    bool good = findings.count == count && findings.warnings == warnings;
    for (size_t i = 0; i < count && good; i++)
        good = strncmp(findings.list[i].error.message + strlen(path) + 1, said[i],
                       strlen(said[i])) == 0;
    if (!good && status != CLO_ENOMEMORY)
        for (size_t i = 0; i < findings.count; i++)
            print_error("found: %s\n", findings.list[i].error.message);
    clo_findings_free(&findings);
    free(path);
    assert_int_equal(status, count > warnings ? CLO_EINVALID : 0);
    assert_true(good);
}

static void all_that_is_wrong_is_told_at_once(void **state)
{
    (void)state;
    static const char *const errors[] = {
        "2:9: model.kind: the environment variable CLO_T_UNSET is not set",
        "4:1: isolation: unknown key; \"isolation\" belongs under \"sandbox\"",
        "6:11: sandbox.memory: \"12x\" is not a size",
        "7:3: sandbox.tyme: unknown key; did you mean \"time\"?",
        "9:3: serve.zzz: unknown key; known here: listen, port",
        "10:11: serve.listen: \"nowhere\" is not an IP address",
        "12:14: tools[0].library: tool library '",
        "13:5: tools[1].librarie: unknown key; did you mean \"library\"?",
        "13:5: tools[1]: \"library: ...\" is expected here",
        "14:14: tools[2].library: '",
    };
    static const size_t order[] = {0, 1, 2, 3, 4, 7, 8, 5, 6, 9}; /* as they are found */
    const char *said[sizeof errors / sizeof *errors];
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        said[i] = errors[order[i]];
    check("model:\n  kind: ${CLO_T_UNSET}\n  base_url: ftp://x\nisolation: process\n"
          "sandbox:\n  memory: 12x\n  tyme: 1s\n"
          "serve:\n  zzz: 1\n  listen: nowhere\n"
          "tools:\n  - library: none.so\n  - librarie: x.so\n  - library: agent.yaml\n",
          said, sizeof said / sizeof *said, 0);
    char *script = put("s.yaml", "turns: []\n");
    check("model: {api_key: sk-0123456789, script: s.yaml, kind: chat}\n"
          "sandbox: {time: 1s, cpu_time: 2s}\n",
          (const char *[]){"1:18: model.api_key: a key stands in the file",
                           "1:41: model.script: never played",
                           "2:31: sandbox.cpu_time: never reached"},
          3, 3);
    unlink(script);
    free(script);
    check("{}\n", NULL, 0, 0);
}

static void a_scripts_mistake_has_its_own_place(void **state)
{
    (void)state;
    char *script = put("s.yaml", "turns:\n- mach: x\n");
    char *path = put("agent.yaml", "model: {script: s.yaml}\n");
    struct clo_agent *agent;
    struct clo_error error = {0};
    int status = clo_agent_load(&agent, path, &error);
    unlink(script);
    unlink(path);
    bool placed = strncmp(error.message, script, strlen(script)) == 0;
    char said[sizeof error.message];
    snprintf(said, sizeof said, "%s", error.message + (placed ? strlen(script) : 0));
    free(script);
    free(path);
    assert_int_equal(status, CLO_EINVALID);
    assert_string_equal(said, ":2:3: turns[0].mach: unknown key; did you mean \"match\"?");
}

static void the_schema_is_made_of_the_keys(void **state)
{
    (void)state;
    char *text = clo_agent_schema();
    assert_non_null(text);
    json_t *schema = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(schema);
    json_t *properties = json_object_get(schema, "properties");
    assert_int_equal(json_object_size(properties), 7);
    json_t *count = json_object_get(
        json_object_get(json_object_get(json_object_get(properties, "sandbox"), "properties"),
                        "count"),
        "anyOf");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(count, 0), "maximum")),
                     1024);
    json_decref(schema);
}

static void libraries_are_seen_from_the_file(void **state)
{
    (void)state;
    char *path = put("agent.yaml", "tools:\n  - library: lib/none.so\n");
    struct clo_agent *agent;
    struct clo_error error;
    assert_int_equal(clo_agent_load(&agent, path, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "/agent.yaml:2:14: tools[0].library: "));
    assert_non_null(strstr(error.message, folder));
    assert_non_null(strstr(error.message, "/lib/none.so"));
    unlink(path);
    free(path);

    /* A library that is none of tools: the remedy comes along. Not one that is loaded already, for
     * which the loader takes memory that it keeps. */
    Dl_info libc;
    char text[600];
    assert_int_not_equal(dladdr((void *)(uintptr_t)puts, &libc), 0);
    snprintf(text, sizeof text, "tools:\n  - library: %.*s/libutil.so.1\n",
             (int)(strrchr(libc.dli_fname, '/') - libc.dli_fname), libc.dli_fname);
    path = put("agent.yaml", text);
    assert_int_equal(clo_agent_load(&agent, path, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "it exports no clo_plugin"));
    assert_non_null(strstr(error.hint, "define `const struct clo_plugin clo_plugin` in it"));
    unlink(path);
    free(path);
}

static void the_dotenv_file_is_read_first(void **state)
{
    (void)state;
    char *env = put(".env", "\xef\xbb\xbf# keys\r\nCLO_E_A=plain # comment\r\n"
                            "export CLO_E_B=\"a\\n\\\"b\\\" $x\"\nCLO_E_C='it is # so'\n"
                            "  CLO_E_D =  x=y  \nCLO_E_E=\nCLO_E_SET=no\n"
                            "\nCLO_E_F=a#b\nCLO_E_KIND=wrong");
    char *path = put("agent.yaml", "model: {kind: \"${CLO_E_KIND}\"}\n");
    struct clo_agent *agent;
    struct clo_error error;
    setenv("CLO_E_SET", "yes", 1);
    assert_int_equal(clo_agent_load(&agent, path, &error), CLO_EINVALID);
    assert_string_equal(
        error.message + strlen(folder) + 1,
        "agent.yaml:1:15: model.kind: \"wrong\" is none of auto, responses, chat, script, foundry, azure, anthropic");
    assert_string_equal(getenv("CLO_E_A"), "plain");
    assert_string_equal(getenv("CLO_E_B"), "a\n\"b\" $x");
    assert_string_equal(getenv("CLO_E_C"), "it is # so");
    assert_string_equal(getenv("CLO_E_D"), "x=y");
    assert_string_equal(getenv("CLO_E_E"), "");
    assert_string_equal(getenv("CLO_E_F"), "a#b");
    assert_string_equal(getenv("CLO_E_SET"), "yes");
    unlink(env);
    unlink(path);
    free(env);
    free(path);
}

static void the_dotenv_file_may_choose_the_wall(void **state)
{
    (void)state;
    char *env = put(".env", "CLOCHE_ISOLATION=process\n");
    char *path = put("agent.yaml", "sandbox: {placement: thread}\n");
    struct clo_agent *agent;
    struct clo_error error;
    assert_int_equal(clo_agent_load(&agent, path, &error), CLO_EINVALID);
    unsetenv("CLOCHE_ISOLATION");
    assert_non_null(strstr(error.message, "with process isolation (CLOCHE_ISOLATION): "));
    unlink(env);
    unlink(path);
    free(env);
    free(path);
}

static void bad_dotenv_lines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"A=1\nnonsense\n", ":2:1: NAME=VALUE is expected"},
        {"=1\n", ":1:1: NAME=VALUE is expected"},
        {"1A=1\n", ":1:1: NAME=VALUE is expected"},
        {"CLO_Q=\"open\n", ":1:1: the quote is not closed on the same line"},
        {"CLO_Q='a' b\n", ":1:1: something stands behind the closing quote"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = put(".env", cases[i].text);
        struct clo_error error;
        assert_int_equal(clo_dotenv_load(path, &error), CLO_EINVALID);
        assert_string_equal(error.message + strlen(path), cases[i].message);
        unlink(path);
        free(path);
    }
    assert_int_equal(clo_dotenv_load("/nowhere/.env", NULL), 0);
}

static void ids_are_fresh(void **state)
{
    (void)state;
    char first[CLO_ID_MAX], second[CLO_ID_MAX];
    clo_id_make(first, "msg");
    clo_id_make(second, "msg");
    assert_int_equal(strlen(first), 36);
    assert_memory_equal(first, "msg_", 4);
    assert_int_equal(strspn(first + 4, "0123456789abcdef"), 32);
    assert_string_not_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_refused_with_their_place),
        cmocka_unit_test(the_wall_is_the_command_lines_then_the_environments_then_the_files),
        cmocka_unit_test(all_that_is_wrong_is_told_at_once),
        cmocka_unit_test(a_scripts_mistake_has_its_own_place),
        cmocka_unit_test(the_schema_is_made_of_the_keys),
        cmocka_unit_test(libraries_are_seen_from_the_file),
        cmocka_unit_test(the_dotenv_file_is_read_first),
        cmocka_unit_test(the_dotenv_file_may_choose_the_wall),
        cmocka_unit_test(bad_dotenv_lines_are_named),
        cmocka_unit_test(ids_are_fresh),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
