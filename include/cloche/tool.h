/* cloche/tool.h - what `call_tool(name, **arguments)` reaches on the host.
 *
 * A tool is a C function with a name, a description and a JSON Schema for its arguments. The
 * arguments are checked against the schema before the function sees them. A tool may be called
 * from several threads at once, unless it sets `serial`.
 *
 * A shared library offers tools by exporting `const struct clo_plugin clo_plugin`.
 */
#ifndef CLOCHE_TOOL_H
#define CLOCHE_TOOL_H

#include <stdbool.h>

#include "cloche/error.h"
#include "cloche/value.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CLO_TOOL_NAME_MAX 64
#define CLO_TOOLS_MAX 128

/* What a tool's function returns when somebody else has to answer first, whom it may take hours to
 * hear from: whoever allows a call, a client that carries it out. The run is suspended once nothing
 * else is left to wait for (clo_run_suspend), and goes on with the answer (clo_run_resume). */
#define CLO_TOOL_SUSPEND 1

struct clo_tool {
    const char *name;        /* a Python identifier of at most CLO_TOOL_NAME_MAX bytes */
    const char *description; /* what the model reads; may be NULL */
    const char *parameters;  /* JSON Schema (draft 2020-12 subset, docs/tools.md) of type object;
                                NULL: no parameters */
    /* Do the work. `arguments` is a map, valid during the call. Put the answer into `result`
     * (null on entry; the caller clears it). Return 0, or a negative status with `error` filled:
     * the code in the sandbox then sees ToolError with that message; or CLO_TOOL_SUSPEND. */
    int (*call)(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error);
    void *context; /* passed to call; outlives the sandbox */
    bool serial;   /* never call it twice at the same time */
    /* Somebody must agree to each call. There is no way to ask yet, so a set of tools with such a
     * one is refused (CLO_EINVALID): it is never called without approval. */
    bool needs_approval;
    /* Each call suspends the run: as if `call`, which may be NULL, returned CLO_TOOL_SUSPEND. */
    bool suspends;
};

/* A call on its way to its tool, in the hands of a function that stands around it (`around` of struct
 * clo_run_tools_config, `around_tool` of struct clo_hooks). It is good until that function returns,
 * on its thread. */
struct clo_tool_step;

CLO_API const char *clo_tool_step_name(const struct clo_tool_step *step); /* the tool's */
/* The call is the model's own, of execute_code: its arguments are {"code": text}, its result is the
 * text that the model reads. Else the code in the sandbox calls a tool. */
CLO_API bool clo_tool_step_runs_code(const struct clo_tool_step *step);

/* Let the call go on: to the next function around it, in the end to the tool. `arguments`: a map in the
 * place of those that came, which stays the caller's and may be changed meanwhile (what is a tool's is
 * checked against its schema anew); NULL: those that came. `result` is cleared first. Returns what the
 * tool returns, CLO_TOOL_SUSPEND too. May be called any number of times, one after another. */
CLO_API CLO_MUST_USE int clo_tool_go_on(struct clo_tool_step *step, struct clo_value *arguments,
                                        struct clo_value *result, struct clo_error *error);

#define CLO_PLUGIN_VERSION 1

struct clo_plugin {
    unsigned version; /* CLO_PLUGIN_VERSION */
    unsigned tool_count;
    const struct clo_tool *tools;
};

/* Fill `error` with a message for a tool's failure and return CLO_EINVALID. */
CLO_API int clo_tool_fail(struct clo_error *error, const char *format, ...) CLO_PRINTF(2, 3);

/* Open a shared library of tools. The library stays loaded until closed. Errors: CLO_ENOTFOUND,
 * CLO_EINVALID (not a tool library, wrong version, a bad name or schema: named in the message).
 * `path` is taken as it stands (no library search path). */
struct clo_tool_library;
CLO_API CLO_MUST_USE int clo_tool_library_open(struct clo_tool_library **library, const char *path,
                                               struct clo_error *error);
CLO_API const struct clo_plugin *clo_tool_library_plugin(const struct clo_tool_library *library);
CLO_API void clo_tool_library_close(struct clo_tool_library *library);

#ifdef __cplusplus
}
#endif

#endif
