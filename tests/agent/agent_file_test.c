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
    {"- a\n", "agent.yaml:1: keys and values are expected here, such as \"name: ...\""},
    {"nmae: x\n", "agent.yaml:1: nmae: unknown key; did you mean \"name\"?"},
    {"name: a\nsandbox:\n  memory: 12x\n",
     "agent.yaml:3: sandbox.memory: \"12x\" is not a size; write e.g. 256MiB"},
    {"sandbox:\n  time: soon\n",
     "agent.yaml:2: sandbox.time: \"soon\" is not a duration; write e.g. 30s or 200ms"},
    {"sandbox:\n  placement: none\n",
     "agent.yaml:2: sandbox.placement: \"none\" is none of thread, worker"},
    {"sandbox:\n  isolation: vm\n",
     "agent.yaml:2: sandbox.isolation: \"vm\" is none of microvm, process"},
    {"sandbox:\n  isolation: [process]\n", "agent.yaml:2: sandbox.isolation: "},
    {"sandbox:\n  isolation: auto\n",
     "agent.yaml:2: sandbox.isolation: \"auto\" is refused: process isolation protects from less"},
    {"sandbox:\n  isolation: process\n  placement: thread\n",
     "agent.yaml:3: sandbox.placement: thread with process isolation (sandbox.isolation): nothing would stand between code that gets out of WebAssembly and this process"},
    {"sandbox:\n  isolation: worker\n",
     "agent.yaml:2: sandbox.isolation: where the micro-VM lives is called placement: write placement: worker"},
    {"sandbox:\n  isolation: thread\n",
     "agent.yaml:2: sandbox.isolation: where the micro-VM lives is called placement: write placement: thread"},
    {"sandbox: {count: 5000}\n",
     "agent.yaml:1: sandbox.count: \"5000\" is not a whole number from 1 to 1024"},
    {"model: {kind: llm}\n",
     "agent.yaml:1: model.kind: \"llm\" is none of auto, responses, chat, script"},
    {"model: {key: x}\n", "agent.yaml:1: model.key: unknown key; did you mean \"api_key\"?"},
    {"model: {api_key: \"${CLO_T_UNSET}\"}\n",
     "agent.yaml:1: model.api_key: the environment variable CLO_T_UNSET is not set; set it, or write ${CLO_T_UNSET:-default}"},
    {"tools: x.so\n", "agent.yaml:1: tools: a list is expected here"},
    {"tools:\n  - command: x\n",
     "agent.yaml:2: tools[0].command: unknown key; did you mean \"library\"?"},
    {"tools:\n  - library:\n", "agent.yaml:2: tools[0]: \"library: FILE.so\" is expected here"},
    {"serve: {port: 70000}\n",
     "agent.yaml:1: serve.port: \"70000\" is not a whole number from 1 to 65535"},
    {"loop: {max_iteration: 1}\n",
     "agent.yaml:1: loop.max_iteration: unknown key; did you mean \"max_iterations\"?"},
    {"serve: {items: all}\n", "agent.yaml:1: serve.items: \"all\" is none of mcp, calls, answer"},
    {"model: {kind: chat}\n", "no API key for OpenAI's server, and no other server is named"},
    {"loop: {tool_output: 2}\n", "tool_output_max is 2; it must be from 256 to 16777216"},
    {"model: {script: none.yaml}\n", "cannot open "},
    {"name: \"\xc3\x28\"\n", "agent.yaml:1: not YAML: "},
    {"sandbox: {memory: 1MiB}\n", "limit memory is 1 MiB; it must be from 48 MiB to 4 GiB"},
    {"sandbox: {memory: 32MiB}\n", "limit memory is 32 MiB; it must be from 48 MiB to 4 GiB"},
    {"sandbox: {wait: later}\n",
     "agent.yaml:1: sandbox.wait: \"later\" is not a duration; write e.g. 30s or 200ms"},
    {"sandbox: {total_memory: much}\n",
     "agent.yaml:1: sandbox.total_memory: \"much\" is not a size; write e.g. 256MiB"},
    {"sandbox: {total_memory: 40MiB}\n",
     "a ceiling of 40 MiB on the memory of all sandboxes together leaves no room for one; it must be 64 MiB at least"},
    {"sandbox: {memory: 1GiB, total_memory: 1GiB}\n",
     "limit memory is 1 GiB; with 16 MiB for the sandbox itself that is more than the 1 GiB that all sandboxes may use together"},
};

static void bad_files_are_refused_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char *path = put("agent.yaml", refused[i].text);
        struct clo_agent *agent;
        struct clo_error error = {0};
        assert_int_not_equal(clo_agent_load(&agent, path, &error), 0);
        assert_null(agent);
        if (strncmp(error.message, refused[i].message, strlen(refused[i].message)) != 0)
            fail_msg("\"%s\" is not \"%s\"", error.message, refused[i].message);
        unlink(path);
        free(path);
    }
    struct clo_agent *agent;
    assert_int_equal(clo_agent_load(&agent, "/nowhere/agent.yaml", NULL), CLO_ENOTFOUND);
}

/* What an agent of such a file fails by, with a wall from the environment and from the command line;
 * each NULL for none. Where nothing is wrong with the walls, it is the number of iterations. */
static void check_walls(const char *sandbox, const char *env, const enum clo_isolation *option,
                        const char *message, const char *hint)
{
    char text[200];
    snprintf(text, sizeof text, "sandbox: {%s}\nloop: {max_iterations: 10000, tool_output: 2}\n",
             sandbox);
    char *path = put("agent.yaml", text);
    struct clo_agent *agent;
    struct clo_error error = {0};
    struct clo_agent_choice choice = {.isolation = option};
    if (env)
        setenv("CLOCHE_ISOLATION", env, 1);
    assert_int_equal(clo_agent_load_with(&agent, path, &choice, &error), CLO_EINVALID);
    unsetenv("CLOCHE_ISOLATION");
    assert_null(agent);
    if (strncmp(error.message, message, strlen(message)) != 0)
        fail_msg("{%s}: \"%s\" is not \"%s\"", sandbox, error.message, message);
    assert_string_equal(error.hint, hint);
    unlink(path);
    free(path);
}

static void the_wall_is_the_command_lines_then_the_environments_then_the_files(void **state)
{
    (void)state;
    static const enum clo_isolation microvm = CLO_ISOLATION_MICROVM,
                                    process = CLO_ISOLATION_PROCESS;
    static const char good[] = "tool_output_max is 2",
                      place[] = "agent.yaml:1: sandbox.placement: ",
                      hint[] = "write placement: worker, or leave it out",
                      wrong[] = "environment variable CLOCHE_ISOLATION: \"vm\" is none of ";
    char by[200];
    /* A thread is refused where process isolation is chosen: so it shows what is. */
    check_walls("placement: thread", NULL, NULL, good, "");
    check_walls("placement: thread", "", NULL, good, "");
    check_walls("placement: thread", "microvm", NULL, good, "");
    snprintf(by, sizeof by, "%sthread with process isolation (CLOCHE_ISOLATION): ", place);
    check_walls("placement: thread", "process", NULL, by, hint);
    check_walls("placement: thread, isolation: microvm", "process", NULL, by, hint);
    check_walls("placement: thread, isolation: process", "microvm", NULL, good, "");
    snprintf(by, sizeof by, "%sthread with process isolation (--isolation): ", place);
    check_walls("placement: thread", "microvm", &process, by, hint);
    check_walls("placement: thread, isolation: microvm", NULL, &process, by, hint);
    check_walls("placement: thread, isolation: process", "process", &microvm, good, "");
    check_walls("placement: worker, isolation: process", "process", &process, good, "");
    check_walls("isolation: process", "process", &process, good, "");
    /* What is wrong is refused also where something else comes first. */
    check_walls("isolation: process", "vm", NULL, wrong, "");
    check_walls("isolation: process", "vm", &microvm, wrong, "");
    check_walls("isolation: vm", "process", &process,
                "agent.yaml:1: sandbox.isolation: \"vm\" is none of microvm, process", "");
}

static void libraries_are_seen_from_the_file(void **state)
{
    (void)state;
    char *path = put("agent.yaml", "tools:\n  - library: lib/none.so\n");
    struct clo_agent *agent;
    struct clo_error error;
    assert_int_equal(clo_agent_load(&agent, path, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "agent.yaml:2: tools[0].library: "));
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
        error.message,
        "agent.yaml:1: model.kind: \"wrong\" is none of auto, responses, chat, script");
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
        {"A=1\nnonsense\n", ":2: NAME=VALUE is expected"},
        {"=1\n", ":1: NAME=VALUE is expected"},
        {"1A=1\n", ":1: NAME=VALUE is expected"},
        {"CLO_Q=\"open\n", ":1: the quote is not closed on the same line"},
        {"CLO_Q='a' b\n", ":1: something stands behind the closing quote"},
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
        cmocka_unit_test(libraries_are_seen_from_the_file),
        cmocka_unit_test(the_dotenv_file_is_read_first),
        cmocka_unit_test(the_dotenv_file_may_choose_the_wall),
        cmocka_unit_test(bad_dotenv_lines_are_named),
        cmocka_unit_test(ids_are_fresh),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
