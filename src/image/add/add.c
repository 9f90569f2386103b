/* add.c - clo_image_add: two runs, then the file (add.h). */
#include "image/add/add.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "image/contents.h"
#include "image/named.h"
#include "sandbox/snapshot/snapshot.h"

#define MEMORY (1ull << 30)
#define TIME_MS 300000u
#define SEED 0x5c
#define CLOCK_NS                                                                                   \
    (1700000000ull * 1000000000ull) /* as the clocks of an image that is built (boot.c) */
#define OUTPUT_MAX (4ull << 20)
#define STEP (2ull << 20) /* of memory limits */

struct adding {
    const struct clo_image_addition *addition;
    struct clo_image *image;
    struct clo_gathered gathered;
    struct clo_run_result *prepared; /* has /output/packages */
    size_t artifact;                 /* which that is */
    uint64_t at;                     /* what the second run has read of it */
    struct clo_buffer contents;
    struct clo_grown grown;
    struct clo_error *error;
};

static const struct clo_embedded_file *program(const char *name)
{
    const struct clo_embedded_file *file = clo_add_programs;
    while (file->name && strcmp(file->name, name) != 0)
        file++;
    return file;
}

static int open_sandbox(struct adding *adding, struct clo_sandbox **sandbox)
{
    const struct clo_image_addition *addition = adding->addition;
    uint64_t memory = addition->memory ? addition->memory : MEMORY;
    uint64_t time = addition->time_ms ? addition->time_ms : TIME_MS;
    struct clo_sandbox_config config = {
        .image = adding->image,
        .limits = {.wall_ms = time,
                   .cpu_ms = time,
                   .memory = memory,
                   .output = OUTPUT_MAX,
                   .host_calls = 10000000,
                   .artifact_file_bytes = CLO_ADD_PREPARED_MAX,
                   .artifact_total_bytes = CLO_ADD_PREPARED_MAX},
        .isolation = addition->isolation,
        .placement = addition->isolation == CLO_ISOLATION_PROCESS ? CLO_PLACEMENT_WORKER
                                                                  : CLO_PLACEMENT_THREAD,
        .fixed = {.has_seed = true, .seed = SEED, .has_clock = true, .clock_ns = CLOCK_NS},
    };
    return clo_sandbox_create(sandbox, &config, adding->error);
}

/* A run that was stopped: by a limit, a fault, a lost worker. */
static int ended(struct adding *adding, const struct clo_run_result *result, const char *step)
{
    const char *limit = clo_limit_name(result->error.limit);
    if (result->error.kind == CLO_RUN_LIMIT && limit) {
        clo_fail(adding->error, CLO_ELIMIT, "%s the packages ended by a limit: %s", step,
                 result->error.message);
        return clo_hint(adding->error, CLO_ELIMIT, "%s",
                        result->error.limit == CLO_LIMIT_MEMORY ? "give more with --memory"
                        : result->error.limit == CLO_LIMIT_WALL ||
                                result->error.limit == CLO_LIMIT_CPU
                            ? "give more with --time, where the import does not go on for ever"
                            : "the packages do at their import what no program does");
    }
    return clo_fail(adding->error, CLO_EGUEST, "%s the packages ended badly: %s: %s", step,
                    result->error.type ? result->error.type : "error",
                    result->error.message ? result->error.message : "no reason given");
}

/* ---- the first run ---- */

static ptrdiff_t give_gathered(void *context, char *buffer, size_t capacity, uint64_t wait_ms)
{
    struct adding *adding = context;
    (void)wait_ms;
    return clo_gathered_read(&adding->gathered, buffer, capacity);
}

static void say(const struct adding *adding, bool printed, const char *text, size_t length)
{
    if (adding->addition->on_word)
        adding->addition->on_word(adding->addition->context, printed, text, length);
}

/* "a,b" of ["a", "b"]. */
static void join_modules(struct clo_buffer *text, const json_t *modules)
{
    size_t i;
    json_t *module;
    json_array_foreach(modules, i, module) {
        const char *name = json_string_value(module);
        clo_buffer_format(text, "%s%s", i ? "," : "", name ? name : "?");
    }
}

static int take_packages(struct adding *adding, const json_t *packages)
{
    size_t i;
    json_t *package;
    json_array_foreach(packages, i, package) {
        struct clo_buffer modules = CLO_BUFFER(4096);
        const char *name = clo_json_text(package, "name");
        join_modules(&modules, json_object_get(package, "modules"));
        bool good = name && !modules.failed &&
                    clo_contents_package(&adding->contents, name, clo_json_text(package, "version"),
                                         modules.data);
        clo_buffer_free(&modules);
        if (!good)
            return adding->contents.failed
                       ? clo_fail(adding->error, CLO_ELIMIT, "there are too many packages")
                       : clo_fail(adding->error, CLO_EINVALID,
                                  "the name or the version of package number %zu is none", i + 1);
    }
    return 0;
}

static int take_answer(struct adding *adding, const json_t *answer)
{
    const char *failure = clo_json_text(answer, "error"), *hint = clo_json_text(answer, "hint");
    size_t i;
    json_t *word;
    json_array_foreach(json_object_get(answer, "said"), i, word)
        if (json_is_string(word))
            say(adding, false, json_string_value(word), json_string_length(word));
    if (failure) {
        clo_fail(adding->error, CLO_EINVALID, "%s", failure);
        return clo_hint(adding->error, CLO_EINVALID, "%s", hint ? hint : "");
    }
    if (!json_is_array(json_object_get(answer, "packages")))
        return clo_fail(adding->error, CLO_EGUEST, "the guest's answer about the packages is none");
    return take_packages(adding, json_object_get(answer, "packages"));
}

static int find_artifact(struct adding *adding)
{
    const struct clo_run_result *result = adding->prepared;
    for (adding->artifact = 0; adding->artifact < result->artifact_count; adding->artifact++)
        if (!strcmp(result->artifacts[adding->artifact].path, "packages"))
            return 0;
    return clo_fail(adding->error, CLO_EGUEST, "the guest left no packages");
}

static int take_prepared(struct adding *adding)
{
    const struct clo_run_result *result = adding->prepared;
    if (result->error.kind != CLO_RUN_OK || result->exit_code)
        return ended(adding, result, "unpacking");
    json_error_t why;
    json_t *answer = clo_json_load(result->out, result->out_length, &why);
    if (!answer)
        return clo_json_no_memory(&why)
                   ? clo_fail_memory(adding->error)
                   : clo_fail(adding->error, CLO_EGUEST,
                              "the guest's answer about the packages is no JSON: %s", why.text);
    int status = take_answer(adding, answer);
    json_decref(answer);
    return status ? status : find_artifact(adding);
}

static int prepare(struct adding *adding)
{
    const struct clo_embedded_file *code = program("prepare.py");
    struct clo_run run = {.code = code->data,
                          .code_length = code->size,
                          .on_input = give_gathered,
                          .context = adding};
    struct clo_sandbox *sandbox;
    int status = open_sandbox(adding, &sandbox);
    if (status)
        return status;
    status = clo_sandbox_run(sandbox, &run, &adding->prepared, adding->error);
    clo_sandbox_destroy(sandbox);
    return status ? status : take_prepared(adding);
}

/* ---- the second ---- */

static ptrdiff_t give_prepared(void *context, char *buffer, size_t capacity, uint64_t wait_ms)
{
    struct adding *adding = context;
    size_t got = 0;
    (void)wait_ms;
    if (clo_artifact_read(adding->prepared, adding->artifact, adding->at, buffer, capacity, &got,
                          NULL))
        return 0; /* the guest says then that it is cut short */
    adding->at += got;
    return (ptrdiff_t)got;
}

static void take_output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    (void)stream;
    say(context, true, data, length);
}

/* The last line that the guest wrote says what it was. */
static int failed(struct adding *adding, const struct clo_run_result *result)
{
    const char *text = result->err ? result->err : "";
    size_t end = result->err_length;
    while (end && text[end - 1] == '\n')
        end--;
    const char *line = end ? memrchr(text, '\n', end) : NULL;
    line = line ? line + 1 : text;
    struct clo_buffer shown = CLO_BUFFER(700);
    clo_text_clean(&shown, line, (size_t)(text + end - line));
    clo_fail(adding->error, CLO_EINVALID, "%s",
             shown.data && *shown.data ? shown.data : "the packages ended the interpreter");
    clo_buffer_free(&shown);
    return clo_hint(
        adding->error, CLO_EINVALID,
        "the traceback above says where; leave it out of --import to look closer in a run");
}

static int load(struct adding *adding)
{
    const struct clo_embedded_file *code = program("load.py");
    struct clo_state_sink sink = clo_grown_sink(&adding->grown);
    struct clo_run run = {.code = code->data,
                          .code_length = code->size,
                          .on_input = give_prepared,
                          .on_output = take_output,
                          .keep_state = true,
                          .context = adding};
    struct clo_run_result *result = NULL;
    struct clo_sandbox *sandbox;
    int status = open_sandbox(adding, &sandbox);
    if (status)
        return status;
    status = clo_sandbox_run(sandbox, &run, &result, adding->error);
    if (!status && (result->error.kind != CLO_RUN_OK))
        status = ended(adding, result, "importing");
    else if (!status && result->exit_code)
        status = failed(adding, result);
    clo_run_result_free(result);
    if (!status)
        status = clo_sandbox_save(sandbox, &sink, adding->error);
    clo_sandbox_destroy(sandbox);
    return status;
}

/* ---- the file ---- */

static int write_image(struct adding *adding)
{
    const struct clo_image_addition *addition = adding->addition;
    struct clo_buffer trailer = CLO_BUFFER(CLO_CONTENTS_MAX + 64);
    struct clo_draft draft;
    int status =
        clo_draft_open(&draft, addition->path, addition->path, addition->isolation, adding->error);
    if (status)
        return status;
    status = clo_grown_draft(&adding->grown, &draft, adding->error);
    clo_grown_free(&adding->grown); /* its memory is wanted for what comes */
    if (!status)
        status = clo_contents_wrap(&trailer, &adding->contents, adding->error);
    if (!status)
        status = clo_draft_finish(&draft, trailer.data, trailer.length, adding->error);
    clo_draft_close(&draft);
    clo_buffer_free(&trailer);
    return status;
}

static int begin_contents(struct adding *adding)
{
    bool more = *clo_image_packages(adding->image) != '\0';
    adding->contents = CLO_BUFFER(CLO_CONTENTS_MAX);
    bool good = more ? clo_contents_inherit(&adding->contents, adding->image)
                     : clo_contents_base(&adding->contents, adding->image);
    return good ? 0 : clo_fail_memory(adding->error);
}

static int end_contents(struct adding *adding)
{
    for (size_t i = 0; i < adding->addition->import_count; i++)
        if (!clo_contents_import(&adding->contents, adding->addition->imports[i]))
            return clo_fail(adding->error, CLO_EINVALID, "\"%.80s\" is no module's name",
                            adding->addition->imports[i]);
    return 0;
}

static int add(struct adding *adding)
{
    struct clo_buffer nothing = CLO_BUFFER(CLO_CONTENTS_MAX);
    int status = 0;
    for (size_t i = 0; i < adding->addition->import_count && !status; i++)
        if (!clo_contents_import(&nothing, adding->addition->imports[i]))
            status = clo_fail(adding->error, CLO_EINVALID, "\"%.80s\" is no module's name",
                              adding->addition->imports[i]);
    clo_buffer_free(&nothing);
    if (!status)
        status =
            clo_image_open(&adding->image, adding->addition->from, CLO_IMAGE_COPY, adding->error);
    if (!status)
        status = clo_gather(&adding->gathered, adding->addition, adding->error);
    if (!status)
        status = begin_contents(adding);
    if (!status)
        status = prepare(adding);
    if (!status)
        status = end_contents(adding);
    adding->grown.image = adding->image;
    if (!status)
        status = load(adding);
    if (!status)
        status = write_image(adding);
    return status;
}

int clo_image_add(const struct clo_image_addition *addition, struct clo_error *error)
{
    struct clo_error why = {0};
    struct adding adding = {
        .addition = addition, .gathered = {.fd = -1}, .error = error ? error : &why};
    if (addition->input_count == 0 || addition->input_count > CLO_ADD_INPUTS_MAX ||
        addition->import_count > CLO_ADD_IMPORTS_MAX)
        return clo_fail(error, CLO_EINVALID,
                        "1 to %u wheels and folders can be added at a time, and %u imports",
                        CLO_ADD_INPUTS_MAX, CLO_ADD_IMPORTS_MAX);
    int status = add(&adding);
    clo_grown_free(&adding.grown);
    clo_buffer_free(&adding.contents);
    clo_run_result_free(adding.prepared);
    clo_gathered_free(&adding.gathered);
    clo_image_close(adding.image);
    return status;
}
