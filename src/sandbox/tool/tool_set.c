/* tool_set.c - the set of tools that a sandbox's code may call. */
#include "sandbox/tool/tool_set.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/sync.h"
#include "sandbox/tool/schema.h"
#include "sandbox/value/cbor.h"

#define DESCRIPTION_MAX (64u << 10)
#define MANIFEST_MAX (4u << 20)
#define CANCEL_LOOK_NS                                                                             \
    20000000u /* how often a wait for a serial tool looks at the cancel token                      \
               */

#define NO_PARAMETERS "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}"

struct clo_tool_entry {
    struct clo_tool tool; /* its strings are copies */
    struct clo_schema *schema;
    struct clo_gate *gate; /* NULL: not serial */
};

struct clo_gate {
    pthread_mutex_t lock;
    pthread_cond_t left;
    bool taken;
};

struct clo_tool_set {
    size_t count;
    struct clo_buffer manifest;
    struct clo_tool_entry entries[];
};

static bool is_keyword(const char *name)
{
    static const char *const keywords[] = {
        "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
        "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
        "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
        "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (strcmp(name, keywords[i]) == 0)
            return true;
    }
    return false;
}

static int check_name(const char *name, struct clo_error *error)
{
    if (!name || !*name)
        return clo_fail(error, CLO_EINVALID, "a tool has no name");
    size_t length = strnlen(name, CLO_TOOL_NAME_MAX + 1);
    if (length > CLO_TOOL_NAME_MAX)
        return clo_fail(error, CLO_EINVALID, "tool '%.64s...': a name has at most %d bytes", name,
                        CLO_TOOL_NAME_MAX);
    bool identifier = name[0] < '0' || name[0] > '9';
    for (const char *at = name; *at; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        identifier = identifier && (letter || *at == '_' || (*at >= '0' && *at <= '9'));
    }
    if (!identifier) {
        clo_fail(error, CLO_EINVALID, "tool '%s': the name is no Python identifier", name);
        return clo_hint(error, CLO_EINVALID,
                        "use letters, digits and underscores, not beginning with a digit");
    }
    if (is_keyword(name))
        return clo_fail(error, CLO_EINVALID, "tool '%s': the name is a Python keyword", name);
    return 0;
}

static int compile_schema(struct clo_schema **schema, const struct clo_tool *tool,
                          struct clo_error *error)
{
    struct clo_error why;
    int status =
        clo_schema_compile(schema, tool->parameters ? tool->parameters : NO_PARAMETERS, &why);
    if (status)
        return clo_fail(error, status, "tool '%s': %s", tool->name, why.message);
    const struct clo_value *document = clo_schema_document(*schema);
    const struct clo_value *type = clo_value_get(document, "type");
    const char *name = clo_value_text(type);
    if (clo_value_type(document) == CLO_MAP && (!type || (name && strcmp(name, "object") == 0)))
        return 0;
    clo_schema_free(*schema);
    *schema = NULL;
    return clo_fail(error, CLO_EINVALID,
                    "tool '%s': parameters must be a JSON Schema of type \"object\"", tool->name);
}

static int check_rest(const struct clo_tool *tool, struct clo_error *error)
{
    if (!tool->call && !tool->suspends)
        return clo_fail(error, CLO_EINVALID, "tool '%s' has no function", tool->name);
    if (tool->description && strnlen(tool->description, DESCRIPTION_MAX + 1) > DESCRIPTION_MAX)
        return clo_fail(error, CLO_EINVALID, "tool '%s': the description is longer than %u bytes",
                        tool->name, DESCRIPTION_MAX);
    if (!tool->needs_approval)
        return 0;
    clo_fail(error, CLO_EINVALID,
             "tool '%s' needs approval before each call, and nobody can be asked for it yet",
             tool->name);
    return clo_hint(error, CLO_EINVALID,
                    "leave the tool out, or needs_approval if code may call it at will");
}

int clo_tool_check(const struct clo_tool *tool, struct clo_error *error)
{
    struct clo_schema *schema = NULL;
    int status = check_name(tool->name, error);
    if (!status)
        status = check_rest(tool, error);
    if (!status)
        status = compile_schema(&schema, tool, error);
    clo_schema_free(schema);
    return status;
}

static struct clo_gate *create_gate(void)
{
    struct clo_gate *gate = calloc(1, sizeof *gate);
    if (!gate)
        return NULL;
    pthread_cond_init(&gate->left, NULL);
    pthread_mutex_init(&gate->lock, NULL);
    return gate;
}

static int copy_entry(struct clo_tool_entry *entry, const struct clo_tool *tool,
                      struct clo_error *error)
{
    int status = check_name(tool->name, error);
    if (!status)
        status = check_rest(tool, error);
    if (!status)
        status = compile_schema(&entry->schema, tool, error);
    if (status)
        return status;
    entry->tool = *tool;
    entry->tool.parameters = NULL; /* the schema holds it */
    entry->tool.name = strdup(tool->name);
    entry->tool.description = strdup(tool->description ? tool->description : "");
    if (tool->serial)
        entry->gate = create_gate();
    if (!entry->tool.name || !entry->tool.description || (tool->serial && !entry->gate))
        return clo_fail_memory(error);
    return 0;
}

static int encode_manifest(struct clo_tool_set *tools, struct clo_error *error)
{
    struct clo_buffer *buffer = &tools->manifest;
    *buffer = CLO_BUFFER(MANIFEST_MAX);
    clo_cbor_put_list(buffer, tools->count);
    for (size_t i = 0; i < tools->count; i++) {
        const struct clo_tool_entry *entry = &tools->entries[i];
        clo_cbor_put_map(buffer, 3);
        clo_cbor_put_string(buffer, "name");
        clo_cbor_put_string(buffer, entry->tool.name);
        clo_cbor_put_string(buffer, "description");
        clo_cbor_put_string(buffer, entry->tool.description);
        clo_cbor_put_string(buffer, "parameters");
        int status = clo_cbor_encode(buffer, clo_schema_document(entry->schema), error);
        if (status)
            return status;
    }
    if (buffer->no_memory)
        return clo_fail_memory(error);
    if (buffer->failed)
        return clo_fail(error, CLO_ELIMIT,
                        "the tools' descriptions and schemas are larger than %u bytes together",
                        MANIFEST_MAX);
    return 0;
}

static int check_unique(const struct clo_tool_set *tools, size_t index, struct clo_error *error)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(tools->entries[i].tool.name, tools->entries[index].tool.name) == 0)
            return clo_fail(error, CLO_EINVALID, "two tools are called '%s'",
                            tools->entries[i].tool.name);
    }
    return 0;
}

int clo_tool_set_create(struct clo_tool_set **result, const struct clo_tool *list, size_t count,
                        struct clo_error *error)
{
    *result = NULL;
    if (count > CLO_TOOLS_MAX)
        return clo_fail(error, CLO_EINVALID, "%zu tools are too many; at most %d are allowed",
                        count, CLO_TOOLS_MAX);
    if (count && !list)
        return clo_fail(error, CLO_EINVALID, "tool_count is %zu, but tools is NULL", count);
    struct clo_tool_set *tools = calloc(1, sizeof *tools + count * sizeof tools->entries[0]);
    if (!tools)
        return clo_fail_memory(error);
    int status = 0;
    for (size_t i = 0; i < count && !status; i++) {
        tools->count++;
        status = copy_entry(&tools->entries[i], &list[i], error);
        if (!status)
            status = check_unique(tools, i, error);
    }
    if (!status)
        status = encode_manifest(tools, error);
    if (status) {
        clo_tool_set_free(tools);
        return status;
    }
    *result = tools;
    return 0;
}

void clo_tool_set_free(struct clo_tool_set *tools)
{
    if (!tools)
        return;
    for (size_t i = 0; i < tools->count; i++) {
        struct clo_tool_entry *entry = &tools->entries[i];
        if (entry->gate) {
            pthread_mutex_destroy(&entry->gate->lock);
            pthread_cond_destroy(&entry->gate->left);
            free(entry->gate);
        }
        if (entry->schema) { /* before that the strings are the caller's */
            free((char *)entry->tool.name);
            free((char *)entry->tool.description);
        }
        clo_schema_free(entry->schema);
    }
    clo_buffer_free(&tools->manifest);
    free(tools);
}

const char *clo_tool_set_manifest(const struct clo_tool_set *tools, size_t *length)
{
    *length = tools->manifest.length;
    return tools->manifest.data;
}

static const struct clo_tool_entry *find_named(const struct clo_tool_set *tools, const char *name,
                                               size_t length)
{
    for (size_t i = 0; tools && i < tools->count; i++) {
        const char *known = tools->entries[i].tool.name;
        if (strlen(known) == length && memcmp(known, name, length) == 0)
            return &tools->entries[i];
    }
    return NULL;
}

static void list_names(struct clo_buffer *names, const struct clo_tool_set *tools)
{
    for (size_t i = 0; tools && i < tools->count; i++)
        clo_buffer_format(names, "%s%s", names->length ? ", " : "", tools->entries[i].tool.name);
}

const struct clo_tool_entry *clo_tool_set_find(const struct clo_tool_set *tools,
                                               const struct clo_tool_set *beside,
                                               const struct clo_value *name,
                                               struct clo_error *error)
{
    size_t length;
    const char *wanted = clo_value_text_n(name, &length);
    const struct clo_tool_entry *found = find_named(tools, wanted, length);
    if (!found)
        found = find_named(beside, wanted, length);
    if (found)
        return found;
    struct clo_buffer names = CLO_BUFFER(500);
    list_names(&names, tools);
    list_names(&names, beside);
    if (names.length)
        clo_fail(error, CLO_ENOTFOUND, "there is no tool '%.64s'; the tools are %s%s", wanted,
                 names.data, names.failed ? ", ..." : "");
    else
        clo_fail(error, CLO_ENOTFOUND, "there is no tool '%.64s'; this sandbox has no tools",
                 wanted);
    clo_buffer_free(&names);
    return NULL;
}

int clo_tool_set_check_beside(const struct clo_tool_set *tools, const struct clo_tool_set *beside,
                              struct clo_error *error)
{
    if (tools->count + beside->count > CLO_TOOLS_MAX)
        return clo_fail(error, CLO_ELIMIT,
                        "%zu tools of the run beside %zu of its sandbox; at most %d are allowed",
                        tools->count, beside->count, CLO_TOOLS_MAX);
    for (size_t i = 0; i < tools->count; i++) {
        const char *name = tools->entries[i].tool.name;
        if (find_named(beside, name, strlen(name))) {
            clo_fail(error, CLO_EINVALID, "tool '%s' of the run has the name of one of its sandbox",
                     name);
            return clo_hint(error, CLO_EINVALID, "give it another name");
        }
    }
    return 0;
}

int clo_tool_check_arguments(const struct clo_tool_entry *entry, struct clo_value *arguments,
                             struct clo_error *error)
{
    return clo_schema_check(entry->schema, arguments, entry->tool.name, error);
}

static int take_gate(struct clo_gate *gate, uint64_t deadline_ns, const struct clo_cancel *cancel)
{
    int status = 0;
    pthread_mutex_lock(&gate->lock);
    while (gate->taken && !status) {
        uint64_t now = clo_monotonic_ns();
        if (now >= deadline_ns) {
            status = CLO_EBUSY;
        } else if (clo_cancel_is_set(cancel)) {
            status = CLO_ECANCELLED;
        } else {
            clo_wait_until(&gate->left, &gate->lock,
                           deadline_ns - now > CANCEL_LOOK_NS ? now + CANCEL_LOOK_NS : deadline_ns);
        }
    }
    if (!status)
        gate->taken = true;
    pthread_mutex_unlock(&gate->lock);
    return status;
}

static void leave_gate(struct clo_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->taken = false;
    pthread_cond_signal(&gate->left);
    pthread_mutex_unlock(&gate->lock);
}

int clo_tool_entry_call(const struct clo_tool_entry *entry, const struct clo_value *arguments,
                        uint64_t deadline_ns, const struct clo_cancel *cancel,
                        struct clo_value *result, struct clo_error *error)
{
    if (entry->tool.suspends)
        return CLO_TOOL_SUSPEND;
    if (entry->gate) {
        int status = take_gate(entry->gate, deadline_ns, cancel);
        if (status)
            return clo_fail(error, status, "tool '%s' is in use", entry->tool.name);
    }
    struct clo_error why = {0};
    int status = entry->tool.call(entry->tool.context, arguments, result, &why);
    if (entry->gate)
        leave_gate(entry->gate);
    if (!status || status == CLO_TOOL_SUSPEND)
        return status;
    /* whatever the tool returned, it failed; the codes of waiting are not the tool's to use */
    if (why.message[0])
        return clo_fail(error, CLO_EINVALID, "%s", why.message);
    return clo_fail(error, CLO_EINVALID, "tool '%s' failed (%s)", entry->tool.name,
                    clo_status_name((enum clo_status)status));
}

const char *clo_tool_entry_name(const struct clo_tool_entry *entry)
{
    return entry->tool.name;
}

int clo_tool_fail(struct clo_error *error, const char *format, ...)
{
    char message[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return clo_fail(error, CLO_EINVALID, "%s", message);
}
