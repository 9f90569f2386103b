/* hostile_driver.c - run hostile scripts in one sandbox, one by one, with a good run after each.
 *
 *   hostile_driver [--worker|--process] TOOLS.so MEMORY <ORDERS
 *
 * --process: by process isolation, which takes a worker. MEMORY is the sandbox's limit in bytes. Each line of standard input is one order:
 * "WALL_MS CPU_MS MEMORY PATH". For each, one line of JSON on standard output: path, kind, type,
 * message, limit, stdout, exit_code, wall_us, good, and seen: what the good run gave when it was
 * not good. Exit status 1 when a run could not be made or a good run was not good.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloche/sandbox.h"

#define SCRIPT_MAX (4u << 20)
#define LINE_MAX_BYTES 4096
#define GOOD_CODE "print(sum(range(1000)))"
#define GOOD_OUTPUT "499500\n"

static char script[SCRIPT_MAX];

static int die(const char *what, const struct clo_error *error)
{
    fprintf(stderr, "hostile_driver: %s: %s\n", what, error->message);
    return 1;
}

static json_t *text(const char *data)
{
    json_t *string = data ? json_string(data) : json_null();
    return string ? string : json_string("(no UTF-8)");
}

/* True when a plain program runs as in a fresh sandbox. */
static bool good_run(struct clo_sandbox *sandbox, json_t *line)
{
    struct clo_run run = {.code = GOOD_CODE, .code_length = strlen(GOOD_CODE)};
    struct clo_run_result *result = NULL;
    struct clo_error error;
    if (clo_sandbox_run(sandbox, &run, &result, &error)) {
        json_object_set_new(line, "seen", text(error.message));
        return false;
    }
    bool good = result->error.kind == CLO_RUN_OK && result->exit_code == 0 &&
                result->err_length == 0 && strcmp(result->out, GOOD_OUTPUT) == 0;
    if (!good)
        json_object_set_new(line, "seen",
                            json_sprintf("%s: %.500s / %.1000s / %.1000s",
                                         clo_run_error_name(result->error.kind),
                                         result->error.message ? result->error.message : "",
                                         result->out, result->err));
    clo_run_result_free(result);
    return good;
}

static bool hostile_run(struct clo_sandbox *sandbox, const char *path, size_t length,
                        struct clo_limits limits, json_t *line)
{
    struct clo_run run = {.code = script,
                          .code_length = length,
                          .name = path,
                          .limits = limits,
                          .wants_result = true};
    struct clo_run_result *result = NULL;
    struct clo_error error;
    if (clo_sandbox_run(sandbox, &run, &result, &error)) {
        json_object_set_new(line, "refused", text(error.message));
        return false;
    }
    json_object_set_new(line, "kind", json_string(clo_run_error_name(result->error.kind)));
    json_object_set_new(line, "type", text(result->error.type));
    json_object_set_new(line, "message", text(result->error.message));
    json_object_set_new(line, "limit", text(clo_limit_name(result->error.limit)));
    json_object_set_new(line, "stdout", text(result->out_length < 1000 ? result->out : NULL));
    json_object_set_new(line, "exit_code", json_integer(result->exit_code));
    json_object_set_new(line, "wall_us", json_integer((json_int_t)result->usage.wall_us));
    clo_run_result_free(result);
    return true;
}

static bool obey(struct clo_sandbox *sandbox, const char *order)
{
    struct clo_limits limits = {0};
    int path_at = 0;
    if (sscanf(order, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %n", &limits.wall_ms, &limits.cpu_ms,
               &limits.memory, &path_at) < 3)
        return false;
    const char *path = order + path_at;
    json_t *line = json_pack("{s:s}", "path", path);
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(script, 1, sizeof script, file) : 0;
    if (file)
        fclose(file);
    bool well = file && hostile_run(sandbox, path, length, limits, line);
    bool good = good_run(sandbox, line);
    json_object_set_new(line, "good", json_boolean(good));
    json_dumpf(line, stdout, JSON_COMPACT);
    puts("");
    fflush(stdout);
    json_decref(line);
    return well && good;
}

int main(int argc, char **argv)
{
    bool process = argc > 1 && strcmp(argv[1], "--process") == 0;
    bool worker = process || (argc > 1 && strcmp(argv[1], "--worker") == 0);
    argv += worker;
    if (argc - worker != 3) {
        fputs("Usage: hostile_driver [--worker|--process] TOOLS.so MEMORY <ORDERS\n", stderr);
        return 2;
    }
    struct clo_tool_library *library = NULL;
    struct clo_image *image = NULL;
    struct clo_sandbox *sandbox = NULL;
    struct clo_error error = {0};
    if (clo_tool_library_open(&library, argv[1], &error))
        return die("the tools", &error);
    if (clo_image_open(&image, NULL, CLO_IMAGE_COPY, &error))
        return die("the image", &error);
    const struct clo_plugin *plugin = clo_tool_library_plugin(library);
    struct clo_sandbox_config config = {
        .image = image,
        .limits = {.memory = strtoull(argv[2], NULL, 10)},
        .tools = plugin->tools,
        .tool_count = plugin->tool_count,
        .placement = worker ? CLO_PLACEMENT_WORKER : CLO_PLACEMENT_THREAD,
        .isolation = process ? CLO_ISOLATION_PROCESS : CLO_ISOLATION_MICROVM,
    };
    if (clo_sandbox_create(&sandbox, &config, &error))
        return die("the sandbox", &error);
    bool all = true;
    char order[LINE_MAX_BYTES];
    while (fgets(order, sizeof order, stdin)) {
        order[strcspn(order, "\n")] = '\0';
        if (!obey(sandbox, order))
            all = false;
    }
    clo_sandbox_destroy(sandbox);
    clo_image_close(image);
    clo_tool_library_close(library);
    return all ? 0 : 1;
}
