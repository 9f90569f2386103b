/* description.c - execute_code as the model is shown it. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/text.h"
#include "codeact/codeact.h"
#include "codeact/signature.h"
#include "sandbox/run/limits.h"

#define QUOTAS_MAX 160
#define PACKAGES_MAX 4000

#define HOW_TO                                                                                     \
    "You have a tool, " CLO_CODEACT_TOOL                                                           \
    ", that runs Python you write in a sealed sandbox. Reach "                                     \
    "for it whenever an answer needs calculation, data or a function that its description lists, " \
    "and let one piece of code do the whole job where that is possible: fetch, combine, compute, " \
    "print. You see what the code prints, the value of its last expression, and any exception; "   \
    "after an exception, correct the code and run it again. "
#define FACTS " State as a fact only what a run has shown you."

const char clo_codeact_instructions[] =
    HOW_TO "Each run starts from nothing, so put everything it needs into the code." FACTS;

const char clo_codeact_session_instructions[] = HOW_TO
    "Runs go on from one another, as the cells of a notebook do: variables, imports and "
    "functions of earlier runs are still there, so do not compute again what you have. Where "
    "a run's output says that they are not, put what you need into the code again." FACTS;

#define CLEAN                                                                                      \
    "- Nothing is kept from one run to the next, neither variables nor files, but what you are "   \
    "told to find in /input.\n"
#define SESSION                                                                                    \
    "- Variables, imports and files in /tmp and /output last from one run to the next, in this "   \
    "answer and the following ones, after an exception too. A run that had to be killed leaves "   \
    "them as they were before it, which its output then says.\n"

/* Text of several lines, each moved in. */
static void write_indented(struct clo_buffer *out, const char *text, const char *indent)
{
    size_t length = strlen(text);
    while (length && (text[length - 1] == '\n' || text[length - 1] == ' '))
        length--;
    const char *end = text + length;
    while (text < end) {
        const char *line = memchr(text, '\n', (size_t)(end - text));
        line = line ? line : end;
        clo_buffer_text(out, indent);
        clo_text_clean(out, text, (size_t)(line - text));
        clo_buffer_text(out, "\n");
        text = line < end ? line + 1 : end;
    }
}

static int write_tool(struct clo_buffer *out, const struct clo_tool *tool, struct clo_error *error)
{
    json_t *schema = NULL, *parameter;
    const char *name;
    if (tool->parameters) {
        json_error_t why;
        schema = clo_json_parse(tool->parameters, strlen(tool->parameters), 0, &why);
        if (!schema && clo_json_no_memory(&why))
            return clo_fail_memory(error);
        if (!schema)
            return clo_fail(error, CLO_EINVALID, "the parameters of tool %s are not JSON: %s",
                            tool->name, why.text);
    }
    clo_buffer_text(out, "\n");
    clo_signature_write(out, tool->name, schema);
    clo_buffer_text(out, "\n");
    if (tool->description)
        write_indented(out, tool->description, "    ");
    json_object_foreach(json_object_get(schema, "properties"), name, parameter) {
        const char *text = clo_json_text(parameter, "description");
        if (!text || !*text)
            continue;
        clo_buffer_format(out, "    %s: ", name);
        clo_text_clean(out, text, strlen(text));
        clo_buffer_text(out, "\n");
    }
    json_decref(schema);
    return 0;
}

#define HOST_FUNCTIONS                                                                             \
    "\nHost functions\n"                                                                           \
    "These are already defined; call them with keyword arguments. They are the only way "          \
    "out of the sandbox. call_tool(\"NAME\", ...) does the same by name. To run several "          \
    "at the same time:\n"                                                                          \
    "    import asyncio\n"                                                                         \
    "    first, second = await asyncio.gather(call_tool_async(\"NAME\", ...), "                    \
    "call_tool_async(\"NAME\", ...))\n"                                                            \
    "They return plain Python values. One that fails raises ToolError, which is a RuntimeError.\n"

static int write_tools(struct clo_buffer *out, const struct clo_codeact_config *config,
                       struct clo_error *error)
{
    if (config->tool_count == 0) {
        if (!config->more_tools)
            clo_buffer_text(out, "\nThere are no host functions: the code can only compute.\n");
        return 0;
    }
    clo_buffer_text(out, HOST_FUNCTIONS);
    int status = 0;
    for (size_t i = 0; i < config->tool_count && !status; i++)
        status = write_tool(out, &config->tools[i], error);
    return status;
}

/* Who may write as much as usual need not be told how much that is. */
static void write_quotas(char text[QUOTAS_MAX], const struct clo_limits *limits)
{
    char one[CLO_QUANTITY_TEXT_MAX], all[CLO_QUANTITY_TEXT_MAX];
    struct clo_limits usual = {0};
    text[0] = '\0';
    if (clo_limits_resolve(&usual, &usual, NULL, NULL) ||
        (limits->artifact_file_bytes == usual.artifact_file_bytes &&
         limits->artifact_total_bytes == usual.artifact_total_bytes &&
         limits->artifact_files == usual.artifact_files))
        return;
    clo_size_format(one, limits->artifact_file_bytes);
    clo_size_format(all, limits->artifact_total_bytes);
    snprintf(text, QUOTAS_MAX, " At most %s a file, %s in all, %llu files.", one, all,
             (unsigned long long)limits->artifact_files);
}

/* A long list loses its end: at a comma, so that no name is cut. */
static void write_packages(char text[PACKAGES_MAX + 100], const char *packages)
{
    size_t length = packages ? strlen(packages) : 0;
    bool cut = length > PACKAGES_MAX;
    text[0] = '\0';
    if (cut)
        for (length = PACKAGES_MAX; length > 0 && packages[length] != ','; length--)
            ;
    if (length)
        snprintf(text, PACKAGES_MAX + 100,
                 " and with these packages (in brackets what is imported, where it is called "
                 "otherwise): %.*s%s",
                 (int)length, packages, cut ? " and more" : "");
}

static void write_head(struct clo_buffer *out, const struct clo_codeact_config *config)
{
    char shown[CLO_QUANTITY_TEXT_MAX], quotas[QUOTAS_MAX], packages[PACKAGES_MAX + 100];
    write_packages(packages, config->packages);
    clo_size_format(shown, config->output_max);
    write_quotas(quotas, &config->limits);
    clo_buffer_format(
        out,
        "Run Python in a sealed sandbox and read what comes out.\n"
        "\n"
        "- The interpreter is %s with the complete standard library%s. There are no other packages, "
        "no network, no subprocesses and no parallel threads; input() fails. /tmp can be written.\n"
        "- Back come stdout, stderr and the value of the last expression, so printing is not "
        "needed for a single value. Of long output the first and last parts are shown, %s in all: "
        "print summaries, not bulk.\n"
        "- An uncaught exception comes back as its traceback. Fix the code and run it again.\n"
        "- await may be used at top level.\n"
        "- What the code writes to /output is given to the user as files.%s\n"
        "%s",
        config->runtime, packages, shown, quotas, config->session ? SESSION : CLEAN);
    for (size_t i = 0; i < config->place_count; i++) {
        clo_buffer_text(out, i ? ", " : "- Files to work on, read-only and always up to date: ");
        clo_text_clean(out, config->places[i], strlen(config->places[i]));
    }
    if (config->place_count)
        clo_buffer_text(out, "\n");
}

static void write_limits(struct clo_buffer *out, const struct clo_limits *limits)
{
    char wall[CLO_QUANTITY_TEXT_MAX], cpu[CLO_QUANTITY_TEXT_MAX];
    char memory[CLO_QUANTITY_TEXT_MAX], output[CLO_QUANTITY_TEXT_MAX];
    clo_duration_format(wall, limits->wall_ms);
    clo_duration_format(cpu, limits->cpu_ms);
    clo_size_format(memory, limits->memory);
    clo_size_format(output, limits->output);
    clo_buffer_format(
        out,
        "\nLimits of one run: %s in all, %s of processor time, %s of memory, %s of output, %llu calls of host functions.",
        wall, cpu, memory, output, (unsigned long long)limits->host_calls);
}

static json_t *make_tool(const struct clo_buffer *description)
{
    return json_pack("{s:s, s:s, s:s%, s:{s:s, s:{s:{s:s, s:s}}, s:[s], s:b}, s:b}", "type",
                     "function", "name", CLO_CODEACT_TOOL, "description", description->data,
                     description->length, "parameters", "type", "object", "properties", "code",
                     "type", "string", "description", "The Python source to run.", "required",
                     "code", "additionalProperties", 0, "strict", 0);
}

int clo_codeact_tool(json_t **tool, const struct clo_codeact_config *config,
                     struct clo_error *error)
{
    struct clo_buffer text = CLO_BUFFER(CLO_CODEACT_DESCRIPTION_MAX);
    *tool = NULL;
    write_head(&text, config);
    int status = write_tools(&text, config, error);
    write_limits(&text, &config->limits);
    if (!status && text.no_memory)
        status = clo_fail_memory(error);
    if (!status && text.failed)
        status = clo_fail(error, CLO_ELIMIT,
                          "the tools' descriptions and parameters together are larger than %u KiB",
                          CLO_CODEACT_DESCRIPTION_MAX >> 10);
    if (!status && !(*tool = make_tool(&text)))
        status = clo_fail_memory(error);
    clo_buffer_free(&text);
    return status;
}

static int write_more(struct clo_buffer *text, const struct clo_tool *tools, size_t count,
                      bool beside, struct clo_error *error)
{
    int status = 0;
    clo_buffer_text(text, beside ? "\n\nMore host functions\nTo be called in the same way, in this "
                                   "answer alone.\n"
                                 : "\n" HOST_FUNCTIONS);
    for (size_t i = 0; i < count && !status; i++)
        status = write_tool(text, &tools[i], error);
    if (!status && text->no_memory)
        return clo_fail_memory(error);
    if (!status && text->failed)
        return clo_fail(error, CLO_ELIMIT,
                        "with the tools of this turn the description of " CLO_CODEACT_TOOL
                        " is longer than %u KiB",
                        CLO_CODEACT_DESCRIPTION_MAX >> 10);
    return status;
}

int clo_codeact_tool_more(json_t **more, const json_t *tool, const struct clo_tool *tools,
                          size_t count, bool beside, struct clo_error *error)
{
    struct clo_buffer text = CLO_BUFFER(CLO_CODEACT_DESCRIPTION_MAX);
    clo_buffer_text(&text, clo_json_text(tool, "description"));
    int status = write_more(&text, tools, count, beside, error);
    *more = NULL;
    if (!status) {
        *more = clo_json_copy(tool);
        clo_json_put(more, "description", json_stringn(text.data, text.length));
        status = *more ? 0 : clo_fail_memory(error);
    }
    clo_buffer_free(&text);
    return status;
}
