/* codeact/codeact.h - the one tool the model is offered, execute_code, in words: what it is told
 * about it, what it may send, and what it reads when code has run.
 *
 * Nothing here runs code or keeps state. Texts for the model are well-formed UTF-8 without NUL,
 * bounded, and name no host path and no address. They are the caller's to free.
 */
#ifndef CLO_CODEACT_CODEACT_H
#define CLO_CODEACT_CODEACT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "cloche/error.h"
#include "cloche/sandbox.h"
#include "cloche/tool.h"

#define CLO_CODEACT_TOOL "execute_code"
#define CLO_CODEACT_DESCRIPTION_MAX (256u << 10) /* bytes: CLO_ELIMIT beyond it */

/* What the model should know about using execute_code; for every agent the same. Where each run is clean,
 * and in a session. */
extern const char clo_codeact_instructions[], clo_codeact_session_instructions[];

struct clo_codeact_config {
    const char *runtime; /* "CPython 3.13.5" */
    const struct clo_tool *tools;
    size_t tool_count;
    struct clo_limits limits;  /* resolved: no field 0 */
    unsigned output_max;       /* bytes of a run's output that the model is shown */
    const char *const *places; /* of what is mounted: folders with a '/' at the end */
    size_t place_count;
    bool more_tools;      /* may come with a turn: clo_codeact_tool_more */
    bool session;         /* what the code did lasts from run to run */
    const char *packages; /* beside the standard library: clo_image_packages; "" or NULL: none */
};

/* {type: "function", name, description, parameters, strict}: a new reference in *tool. */
int clo_codeact_tool(json_t **tool, const struct clo_codeact_config *config,
                     struct clo_error *error);

/* The same tool with more host functions in its description; `beside`: it has some already. Of tools that
 * passed clo_tool_check. */
int clo_codeact_tool_more(json_t **more, const json_t *tool, const struct clo_tool *tools,
                          size_t count, bool beside, struct clo_error *error);

/* The code in a call's arguments, which a model wrote: a new string in *code, and *plain. Arguments
 * that are no JSON object with it are handed on as they came, and *plain is false: what code there is
 * in them is looked for in the sandbox (CLO_REPAIR_ARGUMENTS), for they may be anything. CLO_EINVALID
 * with a message meant for the model: there is nothing to run. */
int clo_codeact_arguments(const json_t *arguments, char **code, size_t *length, bool *plain,
                          struct clo_error *error);

/* What the model reads about a run, in the form of model/run_report.h. Long sections lose their
 * middle, so that all of them together have at most output_max bytes. `anew`: why a run of a session
 * began without the state that there was; "": it did not. NULL: out of memory. */
char *clo_codeact_outcome(const struct clo_run_result *result, size_t output_max, const char *anew);

/* What the model reads where nothing ran. NULL: out of memory. */
char *clo_codeact_refusal(const char *why);

#endif
