/* run.c - `cloche run`: one piece of code, in one sandbox, once. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/fixed_text.h"
#include "agent/run_json.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "cli/artifacts.h"
#include "cli/cli.h"
#include "cli/isolation.h"
#include "cli/state.h"
#include "cli/streams.h"
#include "cloche/sandbox.h"
#include "sandbox/files/mount_text.h"

#define CODE_MAX (4u << 20) /* bytes of source */
#define LIBRARIES_MAX 16
#define SESSION_WAIT_MS 60000 /* for a sandbox that is there */

static const char help[] =
    "Usage: cloche run [OPTION…] FILE.py [ARG…]      run a file\n"
    "       cloche run [OPTION…] -c CODE [ARG…]      run CODE\n"
    "       cloche run [OPTION…] - [ARG…]            run standard input\n"
    "\n"
    "Runs Python in a fresh micro-VM: no files of yours but those that you mount, no network, no\n"
    "processes. Prints the\n"
    "code's stdout and stderr as they come and exits with its exit code: 0 well, 1 an exception or\n"
    "another limit, 124 the time was up, 137 the memory was, 139 a fault in the guest, 126 cloche\n"
    "itself could not run it.\n"
    "\n"
    "The code finds the ARGs in sys.argv; options of cloche come before them. Standard input that\n"
    "is a pipe or a file is the code's standard input, read when the code reads it.\n"
    "\n"
    "  -c CODE             the code\n"
    "  --mount SOURCE[:PLACE]\n"
    "                      the code finds this folder or file, read-only and live, at PLACE: /input or\n"
    "                      below it (/input/NAME, its own name); repeatable\n"
    "  --state FILE        go on with the session in FILE, or begin one there: variables, imports, /output.\n"
    "                      FILE is replaced after the run; one that ends the interpreter (os._exit, a\n"
    "                      fault, a limit that the code ignores) leaves it as it was, and a line says so\n"
    "  --state-key FILE    what the session is sealed with, 16 to 1024 secret bytes (FILE.key of --state,\n"
    "                      which is made when the session begins)\n"
    "  --artifacts DIR     what the code leaves in /output is copied there (DIR is made; what is there is\n"
    "                      not written over)\n"
    "  --artifact-file-size SIZE, --artifact-total-size SIZE, --artifact-files COUNT\n"
    "                      limits of /output: of one file (64MiB), of all (256MiB), and how many (256)\n"
    "  --tools LIB.so      offer the tools of this shared library to call_tool(); repeatable\n"
    "  --time DURATION     wall-clock limit (30s); also limits processor time unless --cpu-time\n"
    "  --cpu-time DURATION processor-time limit (10s)\n"
    "  --memory SIZE       guest memory limit (256MiB; 48MiB to 4GiB)\n"
    "  --output-limit SIZE limit of stdout and stderr together (1MiB)\n"
    "  --tool-time DURATION a limit of its own for waiting for tools, which --time then leaves out\n"
    "  --seed N            all randomness comes of this number, the same in every run\n"
    "  --clock INSTANT     the code's clocks start there (2026-11-30T08:00:00Z, or seconds since 1970) and\n"
    "                      go on by what it does: a microsecond for each look, and its sleeps\n"
    "  --timezone NAME     of local time: Europe/Berlin, or a rule as POSIX has it: CET-1 (UTC)\n"
    "  --json              print one JSON object: stdout, stderr, result, note, error, exit_code,\n"
    "                      artifacts, usage (which says the isolation, too)\n"
    "  --repair            a model wrote the code: what does not compile as it came is repaired where\n"
    "                      its meaning is plain, and a line says how (docs/models.md)\n"
    "  --isolation WALL    what stands around the code: microvm (a virtual machine on /dev/kvm; the\n"
    "                      default) or process (no hypervisor: WebAssembly and a jailed worker\n"
    "                      process, which protect from less); else $CLOCHE_ISOLATION\n"
    "  --placement WHERE   where the sandbox lives: thread (this process; the default of microvm) or\n"
    "                      worker (a process of its own, as serve has them; always with process)\n"
    "  --jail LEVEL        of a worker: best: the layers that this machine allows; strict: all of them or\n"
    "                      no run (best; by process isolation what is missing is then said)\n"
    "  --image IMAGE       the image, a file or a name (else $CLOCHE_IMAGE, else python.image beside\n"
    "                      the program); `cloche image add` makes images with packages\n"
    "\n"
    "Durations: 200ms, 5s, 2m. Sizes: 64MiB, 1GiB.\n"
    "\n"
    "Examples:\n"
    "  cloche run -c 'print(sum(range(1000)))'\n"
    "  cloche run --time 200ms -c 'while True: pass'\n"
    "  cloche run --json -c '6 * 7'\n"
    "  echo 'import sys; sys.exit(3)' | cloche run - ; echo $?\n"
    "  cloche run --state s -c 'n = 20'; cloche run --state s -c 'print(n + 1)'\n"
    "  cloche run -c 'import sys; print(len(sys.stdin.read()), sys.argv[1:])' x y < data.csv\n"
    "  cloche run --tools build/examples/example_tools.so -c 'print(call_tool(\"fetch_data\", table=\"users\"))'\n";

enum { EXIT_CLOCHE = 126 }; /* cloche could not run the code: told apart from the code's own 1 */

struct wanted {
    const char *code; /* of -c */
    const char *file; /* else this; "-" is standard input */
    char *const *arguments;
    size_t argument_count;
    const char *image;
    const char *libraries[LIBRARIES_MAX];
    size_t library_count;
    struct clo_mount mounts[CLO_SANDBOX_MOUNTS_MAX];
    char *mount_texts[CLO_SANDBOX_MOUNTS_MAX]; /* what they point into, ours */
    size_t mount_count;
    const char *artifacts; /* the folder that they are copied to; NULL: none */
    int artifacts_fd;      /* of it, or -1 */
    struct clo_limits limits;
    struct clo_fixed fixed;
    const char *state_path, *state_key; /* NULL: no session; its own key */
    struct clo_isolation_choice isolation;
    const char *placement_word, *jail_word; /* as given; NULL: not */
    enum clo_placement placement;
    enum clo_jail jail;
    bool json, repair;
};

static int parse_count(const char *text, uint64_t *count, struct clo_error *error)
{
    char *end;
    errno = 0;
    *count = strtoull(text, &end, 10);
    if (text[0] < '1' || text[0] > '9' || *end || errno)
        return clo_fail(error, CLO_EINVALID, "\"%s\" is not a number from 1 on", text);
    return 0;
}

static int parse_value(struct wanted *wanted, int option, struct clo_error *error)
{
    switch (option) {
    case 't': return clo_duration_parse(optarg, &wanted->limits.wall_ms, error);
    case 'p': return clo_duration_parse(optarg, &wanted->limits.cpu_ms, error);
    case 'T': return clo_duration_parse(optarg, &wanted->limits.tool_ms, error);
    case 'm': return clo_size_parse(optarg, &wanted->limits.memory, error);
    case 's': return clo_fixed_take_seed(&wanted->fixed, optarg, error);
    case 'C': return clo_fixed_take_clock(&wanted->fixed, optarg, error);
    case 'Z': return clo_fixed_take_timezone(&wanted->fixed, optarg, error);
    case 'F': return clo_size_parse(optarg, &wanted->limits.artifact_file_bytes, error);
    case 'B': return clo_size_parse(optarg, &wanted->limits.artifact_total_bytes, error);
    case 'N': return parse_count(optarg, &wanted->limits.artifact_files, error);
    default: return clo_size_parse(optarg, &wanted->limits.output, error);
    }
}

static int add_mount(struct wanted *wanted, const char *text, struct clo_error *error)
{
    if (wanted->mount_count == CLO_SANDBOX_MOUNTS_MAX)
        return clo_fail(error, CLO_EINVALID, "more than %d mounts", CLO_SANDBOX_MOUNTS_MAX);
    char **place = &wanted->mount_texts[wanted->mount_count];
    int status = clo_mount_parse(text, &wanted->mounts[wanted->mount_count], place, error);
    wanted->mount_count += !status;
    return status;
}

static void forget_mounts(struct wanted *wanted)
{
    while (wanted->mount_count)
        free(wanted->mount_texts[--wanted->mount_count]);
}

/* Which wall, and where the sandbox lives: both are known once all options are read. */
static int settle_place(struct wanted *wanted, const char *isolation)
{
    const char *place = wanted->placement_word;
    bool thread = place && strcmp(place, "thread") == 0;
    if (place && !thread && strcmp(place, "worker") != 0)
        return clo_cli_usage("run", "--placement \"%s\" is none of thread, worker", place);
    if (clo_cli_isolation("run", isolation, &wanted->isolation))
        return CLI_USAGE;
    bool process = wanted->isolation.isolation == CLO_ISOLATION_PROCESS;
    if (process && thread)
        return clo_cli_usage(
            "run",
            "--placement=thread with process isolation (%s): nothing would stand between code that gets out of WebAssembly and this process; write --placement=worker, or leave it out",
            wanted->isolation.by);
    wanted->placement = process || (place && !thread) ? CLO_PLACEMENT_WORKER : CLO_PLACEMENT_THREAD;
    if (clo_cli_jail("run", wanted->jail_word, &wanted->jail))
        return CLI_USAGE;
    if (wanted->jail == CLO_JAIL_STRICT && wanted->placement == CLO_PLACEMENT_THREAD)
        return clo_cli_usage(
            "run",
            "--jail=strict without a worker: the jail is around a process of the sandbox's own; write --placement=worker");
    return CLI_OK;
}

static int parse(int argc, char **argv, struct wanted *wanted)
{
    static const struct option options[] = {
        {"tools", required_argument, NULL, 'l'},
        {"mount", required_argument, NULL, 'M'},
        {"time", required_argument, NULL, 't'},
        {"cpu-time", required_argument, NULL, 'p'},
        {"memory", required_argument, NULL, 'm'},
        {"output-limit", required_argument, NULL, 'o'},
        {"tool-time", required_argument, NULL, 'T'},
        {"seed", required_argument, NULL, 's'},
        {"clock", required_argument, NULL, 'C'},
        {"timezone", required_argument, NULL, 'Z'},
        {"state", required_argument, NULL, 'S'},
        {"state-key", required_argument, NULL, 'K'},
        {"artifacts", required_argument, NULL, 'A'},
        {"artifact-file-size", required_argument, NULL, 'F'},
        {"artifact-total-size", required_argument, NULL, 'B'},
        {"artifact-files", required_argument, NULL, 'N'},
        {"json", no_argument, NULL, 'j'},
        {"repair", no_argument, NULL, 'r'},
        {"isolation", required_argument, NULL, 'I'},
        {"placement", required_argument, NULL, 'w'},
        {"worker", no_argument, NULL, 'W'}, /* as it was called before */
        {"jail", required_argument, NULL, 'J'},
        {"image", required_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *isolation = NULL;
    for (int option; (option = getopt_long(argc, argv, "+c:h", options, NULL)) != -1;) {
        struct clo_error error;
        switch (option) {
        case 'c': wanted->code = optarg; break;
        case 'j': wanted->json = true; break;
        case 'r': wanted->repair = true; break;
        case 'I': isolation = optarg; break;
        case 'w': wanted->placement_word = optarg; break;
        case 'J': wanted->jail_word = optarg; break;
        case 'W': return clo_cli_usage("run", "--worker is called --placement=worker now");
        case 'i': wanted->image = optarg; break;
        case 'S': wanted->state_path = optarg; break;
        case 'K': wanted->state_key = optarg; break;
        case 'A': wanted->artifacts = optarg; break;
        case 'l':
            if (wanted->library_count == LIBRARIES_MAX)
                return clo_cli_usage("run", "more than %d times --tools", LIBRARIES_MAX);
            wanted->libraries[wanted->library_count++] = optarg;
            break;
        case 'M':
            if (add_mount(wanted, optarg, &error))
                return clo_cli_usage("run", "--mount: %s", error.message);
            break;
        case 'h': fputs(help, stdout); exit(CLI_OK);
        case '?': return clo_cli_usage("run", "unknown option");
        default:
            if (parse_value(wanted, option, &error))
                return clo_cli_usage("run", "%s", error.message);
        }
    }
    if (!wanted->code && optind < argc)
        wanted->file = argv[optind++];
    if (!wanted->code && !wanted->file)
        return clo_cli_usage("run", "give a file, \"-\" or -c CODE");
    if (wanted->state_key && !wanted->state_path)
        return clo_cli_usage("run", "--state-key without --state FILE: there is no session");
    wanted->arguments = argv + optind;
    wanted->argument_count = (size_t)(argc - optind);
    if (wanted->limits.wall_ms && !wanted->limits.cpu_ms)
        wanted->limits.cpu_ms = wanted->limits.wall_ms;
    return settle_place(wanted, isolation);
}

static const char *name_of(const struct wanted *wanted)
{
    if (wanted->code || !wanted->file)
        return "<code>";
    return strcmp(wanted->file, "-") ? wanted->file : "<stdin>";
}

static int fail_code(const struct wanted *wanted, const struct clo_buffer *code,
                     struct clo_error *error)
{
    if (code->no_memory)
        return clo_fail_memory(error);
    return clo_fail(error, CLO_ELIMIT, "\"%s\" is longer than the %u bytes code may have",
                    name_of(wanted), CODE_MAX);
}

static int read_code(const struct wanted *wanted, struct clo_buffer *code, struct clo_error *error)
{
    if (wanted->code)
        return clo_buffer_text(code, wanted->code) ? fail_code(wanted, code, error) : 0;
    bool standard_input = !wanted->file || strcmp(wanted->file, "-") == 0;
    FILE *file = standard_input ? stdin : fopen(wanted->file, "rb");
    if (!file)
        return clo_fail_errno(error, CLO_ENOTFOUND, "cannot read \"%s\"", wanted->file);
    char block[65536];
    int status = 0;
    for (size_t n; !status && (n = fread(block, 1, sizeof block, file)) > 0;)
        status = clo_buffer_append(code, block, n);
    if (!status && ferror(file))
        status = clo_fail_errno(error, CLO_ESYSTEM, "cannot read \"%s\"", wanted->file);
    else if (status)
        status = fail_code(wanted, code, error);
    if (!standard_input)
        fclose(file);
    return status;
}

struct tool_box {
    struct clo_tool_library *libraries[LIBRARIES_MAX];
    size_t library_count;
    struct clo_tool tools[CLO_TOOLS_MAX];
    size_t tool_count;
};

static int open_tools(const struct wanted *wanted, struct tool_box *box, struct clo_error *error)
{
    for (size_t i = 0; i < wanted->library_count; i++) {
        int status = clo_tool_library_open(&box->libraries[i], wanted->libraries[i], error);
        if (status)
            return status;
        box->library_count++;
        const struct clo_plugin *plugin = clo_tool_library_plugin(box->libraries[i]);
        if (plugin->tool_count > CLO_TOOLS_MAX - box->tool_count)
            return clo_fail(error, CLO_ELIMIT, "%s brings the tools above %d", wanted->libraries[i],
                            CLO_TOOLS_MAX);
        memcpy(box->tools + box->tool_count, plugin->tools,
               plugin->tool_count * sizeof *plugin->tools);
        box->tool_count += plugin->tool_count;
    }
    return 0;
}

static void close_tools(struct tool_box *box)
{
    while (box->library_count)
        clo_tool_library_close(box->libraries[--box->library_count]);
}

/* By process isolation the jail is what holds: that a part of it is missing is not passed over,
 * unless somebody said that he accepts it. */
static void say_missing(const struct wanted *wanted, const char *missing)
{
    if (!missing[0] || wanted->jail_word || wanted->isolation.isolation != CLO_ISOLATION_PROCESS)
        return;
    fprintf(
        stderr,
        "cloche: process isolation without these layers of the jail, which this machine does not "
        "allow: %s (--jail=best accepts that, --jail=strict refuses)\n",
        missing);
}

static int run_alone(const struct wanted *wanted, const struct clo_sandbox_config *config,
                     const struct clo_run *run, struct clo_run_result **result,
                     struct clo_error *error)
{
    struct clo_sandbox *sandbox = NULL;
    char missing[CLO_JAIL_TEXT_MAX];
    int status = clo_sandbox_create(&sandbox, config, error);
    if (!status) {
        clo_sandbox_jail_missing(sandbox, missing);
        say_missing(wanted, missing);
        status = clo_sandbox_run(sandbox, run, result, error);
    }
    clo_sandbox_destroy(sandbox);
    return status;
}

/* A session is in a file between its runs, which is what pools do. */
static int run_session(const struct wanted *wanted, const struct clo_sandbox_config *config,
                       const struct clo_run *run, struct clo_run_result **result,
                       struct clo_error *error)
{
    struct cli_state state;
    struct clo_run with_state = *run;
    struct clo_pool *pool = NULL;
    char missing[CLO_JAIL_TEXT_MAX];
    int status = clo_cli_state_open(&state, wanted->state_path, wanted->state_key, error);
    if (!status)
        status = clo_pool_create(&pool, config, 1, error);
    if (!status) {
        clo_pool_jail_missing(pool, missing);
        if (config->placement == CLO_PLACEMENT_WORKER)
            say_missing(wanted, missing);
        with_state.state = &state.run;
        status = clo_pool_run(pool, &with_state, SESSION_WAIT_MS, result, error);
    }
    if (!status && (*result)->state == CLO_STATE_KEPT)
        status = clo_cli_state_keep(&state, error);
    clo_cli_state_close(&state);
    clo_pool_destroy(pool);
    return status;
}

static int execute(const struct wanted *wanted, const struct clo_buffer *code,
                   struct clo_run_result **result, struct clo_error *error)
{
    static struct tool_box box;
    struct clo_image *image = NULL;
    int status = open_tools(wanted, &box, error);
    if (!status) /* before the image: without a hypervisor none can be made either */
        status = clo_isolation_prepare(wanted->isolation.isolation, error);
    if (!status) /* one sandbox, once: its own limit is ceiling enough */
        status = clo_memory_ceiling_set(UINT64_MAX, error);
    if (!status)
        status = clo_image_open(&image, wanted->image, CLO_IMAGE_MAP, error);
    if (!status) {
        struct clo_sandbox_config config = {
            .image = image,
            .limits = wanted->limits,
            .tools = box.tools,
            .tool_count = box.tool_count,
            .placement = wanted->placement,
            .isolation = wanted->isolation.isolation,
            .jail = wanted->jail,
            .mounts = wanted->mounts,
            .mount_count = wanted->mount_count,
            .fixed = wanted->fixed,
        };
        struct clo_run run = {
            .code = code->data ? code->data : "",
            .code_length = code->length,
            .name = name_of(wanted),
            .arguments = (const char *const *)wanted->arguments,
            .argument_count = wanted->argument_count,
            .on_input = clo_cli_has_input(wanted->file) ? clo_cli_take_input : NULL,
            .wants_result = wanted->json,
            .repair = wanted->repair ? CLO_REPAIR_CODE : CLO_REPAIR_NONE,
            .on_output = wanted->json ? NULL : clo_cli_pass_on,
        };
        status = wanted->state_path ? run_session(wanted, &config, &run, result, error)
                                    : run_alone(wanted, &config, &run, result, error);
    }
    clo_image_close(image);
    close_tools(&box);
    return status;
}

/* 0, or -1 when writing failed. */
static int print_json(const struct clo_run_result *result)
{
    json_t *object = clo_run_json(result);
    if (result->state)
        clo_json_put(&object, "state",
                     json_pack("{s:s, s:s?, s:I}", "outcome",
                               result->state == CLO_STATE_KEPT ? "kept" : "as_before", "note",
                               result->state_note, "bytes", (json_int_t)result->state_bytes));
    int status = object ? json_dumpf(object, stdout, JSON_INDENT(2)) : -1;
    json_decref(object);
    fputc('\n', stdout);
    return status;
}

/* The exit code: the code's own, unless all went well but for us. */
static int hand_over(const struct wanted *wanted, const struct clo_run_result *result)
{
    int status = result->exit_code;
    size_t lost = 0;
    bool unsaid = wanted->json && print_json(result);
    if (!wanted->json && result->note)
        fprintf(stderr, "cloche: %s\n", result->note);
    if (result->state_note)
        fprintf(stderr, "cloche: the session is as it was before this run: %s\n",
                result->state_note);
    if (wanted->artifacts)
        lost = clo_artifacts_keep(result, wanted->artifacts_fd);
    else if (!wanted->json && result->state != CLO_STATE_KEPT)
        clo_artifacts_mention(result);
    return unsaid || (lost && !status) ? EXIT_CLOCHE : status;
}

int clo_cli_run(int argc, char **argv)
{
    struct wanted wanted = {.artifacts_fd = -1};
    int status = parse(argc, argv, &wanted);
    if (status) {
        forget_mounts(&wanted);
        return status;
    }
    struct clo_error error = {0};
    struct clo_buffer code = CLO_BUFFER(CODE_MAX);
    struct clo_run_result *result = NULL;
    status = read_code(&wanted, &code, &error);
    if (!status && wanted.artifacts) /* before the code runs, for which it may be too late */
        status = (wanted.artifacts_fd = clo_artifacts_open(wanted.artifacts, &error)) < 0;
    if (!status)
        status = execute(&wanted, &code, &result, &error);
    clo_buffer_free(&code);
    forget_mounts(&wanted);
    if (status) {
        clo_cli_fail(&error);
        status = EXIT_CLOCHE;
    } else {
        status = hand_over(&wanted, result);
    }
    clo_run_result_free(result);
    if (wanted.artifacts_fd >= 0)
        close(wanted.artifacts_fd);
    return status;
}
