/* answer_format.c - an answer against the JSON Schema of its request. */
#include "agent/answer/answer_format.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/text.h"
#include "model/model.h"
#include "sandbox/tool/schema.h"
#include "sandbox/value/value_json.h"

#define SUBJECT "the answer"

static const json_t *format_of(const json_t *options)
{
    return json_object_get(json_object_get(options, "text"), "format");
}

bool clo_answer_format_wanted(const json_t *options)
{
    const json_t *format = format_of(options);
    return clo_json_is(format, "type", "json_schema") || clo_json_is(format, "type", "json_object");
}

/* The texts of all messages, one behind the other, as clients join them. True: one of them refuses. */
static bool gather(struct clo_buffer *text, const json_t *output, size_t first)
{
    bool refused = false;
    for (size_t i = first; i < json_array_size(output); i++) {
        const json_t *item = json_array_get(output, i), *part;
        size_t index;
        if (!clo_json_is(item, "type", "message"))
            continue;
        json_array_foreach(json_object_get(item, "content"), index, part) {
            const json_t *words = json_object_get(part, "text");
            refused = refused || clo_json_is(part, "type", "refusal");
            if (json_is_string(words))
                clo_buffer_append(text, json_string_value(words), json_string_length(words));
        }
    }
    return refused;
}

static enum clo_answer_fit judge(int status, const struct clo_error *error,
                                 char why[CLO_ANSWER_FORMAT_WHY_MAX])
{
    if (status == CLO_ENOMEMORY)
        return CLO_ANSWER_NO_MEMORY;
    clo_text_copy(why, CLO_ANSWER_FORMAT_WHY_MAX, error->message);
    return CLO_ANSWER_DIFFERS;
}

/* Of a schema that this checker cannot read nothing is known: that is no fault of the answer. */
static enum clo_answer_fit check_schema(const json_t *schema, struct clo_value *value,
                                        char why[CLO_ANSWER_FORMAT_WHY_MAX])
{
    struct clo_schema *compiled;
    struct clo_error error = {0};
    char *text = clo_json_dump(schema, JSON_COMPACT);
    int status = text ? clo_schema_compile(&compiled, text, &error) : CLO_ENOMEMORY;
    free(text);
    if (status)
        return status == CLO_ENOMEMORY ? CLO_ANSWER_NO_MEMORY : CLO_ANSWER_FITS;
    status = clo_schema_check_as_it_is(compiled, value, SUBJECT, &error);
    clo_schema_free(compiled);
    return status ? judge(status, &error, why) : CLO_ANSWER_FITS;
}

static enum clo_answer_fit check_text(const json_t *format, const struct clo_buffer *text,
                                      char why[CLO_ANSWER_FORMAT_WHY_MAX])
{
    struct clo_value value;
    struct clo_error error = {0};
    enum clo_answer_fit fit = CLO_ANSWER_FITS;
    int status = clo_value_parse_json(&value, text->data ? text->data : "", text->length, &error);
    if (status)
        return judge(status, &error, why);
    if (clo_json_is(format, "type", "json_schema")) {
        fit = check_schema(json_object_get(format, "schema"), &value, why);
    } else if (clo_value_type(&value) != CLO_MAP) {
        clo_text_copy(why, CLO_ANSWER_FORMAT_WHY_MAX, SUBJECT " is not a JSON object");
        fit = CLO_ANSWER_DIFFERS;
    }
    clo_value_clear(&value);
    return fit;
}

enum clo_answer_fit clo_answer_format_check(const json_t *options, const json_t *output,
                                            size_t first, char why[CLO_ANSWER_FORMAT_WHY_MAX])
{
    struct clo_buffer text = CLO_BUFFER(CLO_MODEL_REPLY_MAX);
    enum clo_answer_fit fit = CLO_ANSWER_FITS;
    if (clo_answer_format_wanted(options) && !gather(&text, output, first))
        fit = text.failed ? CLO_ANSWER_NO_MEMORY : check_text(format_of(options), &text, why);
    clo_buffer_free(&text);
    return fit;
}
