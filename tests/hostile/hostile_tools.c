/* hostile_tools.c - the tools that the hostile scripts call: some honest, some that answer wrongly.
 *
 *   echo(value)      the value, copied      measure(value)   how many values it consists of
 *   nap(ms)          sleeps                 fail(message)    fails with that message
 *   hold(ms, value, times)                  sleeps, then a list of the value that often
 *   result(kind)     an answer that is too large, too deep, no text ...
 *   picky(...)       a schema that costs much to check, for a guest that chooses the values
 */
#include <cloche/tool.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HUGE_BYTES (9u << 20)  /* more than one message holds */
#define LARGE_BYTES (1u << 20) /* fits */
#define DEEP_LEVELS 200        /* CLO_VALUE_DEPTH_MAX is 128 */
#define WIDE_VALUES (CLO_VALUE_NODES_MAX + 1u)

static int copy(struct clo_value *to, const struct clo_value *from)
{
    const char *text;
    const uint8_t *bytes;
    size_t length;
    bool negative;
    switch (clo_value_type(from)) {
    case CLO_TEXT:
        text = clo_value_text_n(from, &length);
        return clo_value_set_text_n(to, text, length);
    case CLO_BYTES:
        bytes = clo_value_bytes(from, &length);
        return clo_value_set_bytes(to, bytes, length);
    case CLO_BIG_INTEGER:
        bytes = clo_value_magnitude(from, &negative, &length);
        return clo_value_set_magnitude(to, negative, bytes, length);
    case CLO_LIST:
        clo_value_set_list(to);
        for (size_t i = 0; i < clo_value_count(from); i++) {
            struct clo_value *item = clo_value_append(to);
            if (!item || copy(item, clo_value_item(from, i)))
                return CLO_ENOMEMORY;
        }
        return 0;
    case CLO_MAP:
        clo_value_set_map(to);
        for (size_t i = 0; i < clo_value_count(from); i++) {
            const struct clo_value *member = clo_value_member(from, i, &text, &length);
            struct clo_value *value = clo_value_put_n(to, text, length);
            if (!value || copy(value, member))
                return CLO_ENOMEMORY;
        }
        return 0;
    default: *to = *from; return 0;
    }
}

static int64_t count(const struct clo_value *value)
{
    int64_t sum = 1;
    for (size_t i = 0; i < clo_value_count(value); i++)
        sum += count(clo_value_type(value) == CLO_LIST ? clo_value_item(value, i)
                                                       : clo_value_member(value, i, NULL, NULL));
    return sum;
}

static int echo(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    return copy(result, clo_value_get(arguments, "value")) ? clo_tool_fail(error, "no memory") : 0;
}

static int measure(void *context, const struct clo_value *arguments, struct clo_value *result,
                   struct clo_error *error)
{
    (void)context, (void)error;
    clo_value_set_integer(result, count(clo_value_get(arguments, "value")));
    return 0;
}

static int nap(void *context, const struct clo_value *arguments, struct clo_value *result,
               struct clo_error *error)
{
    (void)context, (void)result, (void)error;
    double ms = 0;
    clo_value_number(clo_value_get(arguments, "ms"), &ms);
    nanosleep(&(struct timespec){(time_t)(ms / 1000), (long)(fmod(ms, 1000) * 1e6)}, NULL);
    return 0;
}

static int hold(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    nap(context, arguments, result, error);
    clo_value_set_list(result);
    int64_t times = 0;
    clo_value_integer(clo_value_get(arguments, "times"), &times);
    for (; times > 0; times--) {
        struct clo_value *item = clo_value_append(result);
        if (!item || copy(item, clo_value_get(arguments, "value")))
            return clo_tool_fail(error, "no memory");
    }
    return 0;
}

static int fail(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context, (void)result;
    return clo_tool_fail(error, "%s", clo_value_text(clo_value_get(arguments, "message")));
}

static int fill(struct clo_value *result, size_t length)
{
    char *text = malloc(length);
    if (!text)
        return CLO_ENOMEMORY;
    memset(text, 'r', length);
    int status = clo_value_set_text_n(result, text, length);
    free(text);
    return status;
}

static int nest(struct clo_value *result)
{
    for (int level = 0; level < DEEP_LEVELS; level++) {
        clo_value_set_list(result);
        if (!(result = clo_value_append(result)))
            return CLO_ENOMEMORY;
    }
    return 0;
}

static int widen(struct clo_value *result)
{
    clo_value_set_list(result);
    for (size_t n = 0; n < WIDE_VALUES; n++)
        if (!clo_value_append(result))
            return CLO_ENOMEMORY;
    return 0;
}

static int put_names(struct clo_value *result)
{
    clo_value_set_map(result);
    struct clo_value *empty = clo_value_put(result, "");
    struct clo_value *null = empty ? clo_value_put_n(result, "a\0b", 3) : NULL;
    return null ? clo_value_set_text(null, "\xED\xA0\x80") : CLO_ENOMEMORY; /* a lone surrogate */
}

static int result_of(void *context, const struct clo_value *arguments, struct clo_value *result,
                     struct clo_error *error)
{
    (void)context;
    const char *kind = clo_value_text(clo_value_get(arguments, "kind"));
    int status = 0;
    if (strcmp(kind, "small") == 0)
        clo_value_set_integer(result, 1);
    else if (strcmp(kind, "large") == 0)
        status = fill(result, LARGE_BYTES);
    else if (strcmp(kind, "huge") == 0)
        status = fill(result, HUGE_BYTES);
    else if (strcmp(kind, "deep") == 0)
        status = nest(result);
    else if (strcmp(kind, "wide") == 0)
        status = widen(result);
    else if (strcmp(kind, "invalid") == 0)
        status = clo_value_set_text_n(result, "\xFF\xFE\xC0\x80", 4);
    else if (strcmp(kind, "names") == 0)
        status = put_names(result);
    else if (strcmp(kind, "nan") == 0)
        clo_value_set_number(result, NAN);
    else
        return CLO_EINTERNAL; /* "silent": fails and says nothing */
    return status ? clo_tool_fail(error, "no memory") : 0;
}

static int picky(void *context, const struct clo_value *arguments, struct clo_value *result,
                 struct clo_error *error)
{
    (void)context, (void)arguments, (void)error;
    clo_value_set_bool(result, true);
    return 0;
}

#define ONE(name, type)                                                                            \
    "{\"type\": \"object\", \"properties\": {\"" name "\": {" type "}}, \"required\": [\"" name    \
    "\"], \"additionalProperties\": false}"

static const struct clo_tool tools[] = {
    {.name = "echo", .parameters = ONE("value", ""), .call = echo},
    {.name = "measure", .parameters = ONE("value", ""), .call = measure},
    {.name = "nap",
     .parameters = ONE("ms", "\"type\": \"number\", \"maximum\": 2000"),
     .call = nap},
    {.name = "hold",
     .parameters = "{\"type\": \"object\", \"properties\": {"
                   "\"ms\": {\"type\": \"number\", \"maximum\": 9000}, \"value\": {},"
                   "\"times\": {\"type\": \"integer\", \"maximum\": 10000}},"
                   "\"required\": [\"ms\", \"value\", \"times\"]}",
     .call = hold},
    {.name = "fail", .parameters = ONE("message", "\"type\": \"string\""), .call = fail},
    {.name = "result", .parameters = ONE("kind", "\"type\": \"string\""), .call = result_of},
    {.name = "picky",
     .parameters = "{\"type\": \"object\", \"properties\": {"
                   "\"text\": {\"type\": \"string\", \"pattern\": \"^(a|aa)+(a*)*b$\"},"
                   "\"unique\": {\"type\": \"array\", \"uniqueItems\": true},"
                   "\"number\": {\"type\": \"number\", \"multipleOf\": 0.3, \"minimum\": -10,"
                   "             \"maximum\": 10},"
                   "\"short\": {\"type\": \"string\", \"maxLength\": 10},"
                   "\"nested\": {\"$ref\": \"#/$defs/nested\"}},"
                   "\"additionalProperties\": false, \"minProperties\": 1,"
                   "\"$defs\": {\"nested\": {\"anyOf\": [{\"type\": \"object\", \"properties\": {"
                   "\"nested\": {\"$ref\": \"#/$defs/nested\"}}, \"required\": [\"nested\"]},"
                   "{\"const\": 1}]}}}",
     .call = picky},
};

CLO_API const struct clo_plugin clo_plugin = {
    .version = CLO_PLUGIN_VERSION,
    .tool_count = sizeof tools / sizeof *tools,
    .tools = tools,
};
