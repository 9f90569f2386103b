/* schema.c - a schema and a value in JSON, with a NUL byte between them: compiling and
 * checking end, within their bounds, and a refusal says why. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/tool/schema.h"
#include "sandbox/value/value_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *middle = size ? memchr(data, 0, size) : NULL;
    struct clo_schema *schema = NULL;
    struct clo_value value = {0};
    struct clo_error error;
    if (!middle || clo_schema_compile(&schema, (const char *)data, &error))
        return 0;
    const char *text = (const char *)middle + 1;
    size_t length = size - (size_t)(middle + 1 - data);
    if (clo_value_parse_json(&value, text, length, &error) == 0) {
        error.message[0] = '\0';
        if (clo_schema_check(schema, &value, "tool", &error) && !error.message[0])
            abort();
    }
    clo_value_clear(&value);
    clo_schema_free(schema);
    return 0;
}
