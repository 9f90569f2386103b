/* cbor.c - host-call messages: what decodes must encode and decode again to the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/value/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(struct clo_buffer *buffer, const struct clo_value *value)
{
    struct clo_error error;
    if (clo_cbor_encode(buffer, value, &error))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct clo_value value = {0}, again = {0};
    struct clo_error error;
    if (clo_cbor_decode(&value, data, size, &error)) {
        if (clo_value_type(&value) != CLO_NULL || !error.message[0])
            abort();
        return 0;
    }
    struct clo_buffer first = CLO_BUFFER(16u << 20), second = CLO_BUFFER(16u << 20);
    encode(&first, &value);
    if (clo_cbor_decode(&again, (const uint8_t *)first.data, first.length, &error))
        abort();
    encode(&second, &again);
    if (first.length != second.length || memcmp(first.data, second.data, first.length) != 0)
        abort();
    clo_buffer_free(&first);
    clo_buffer_free(&second);
    clo_value_clear(&value);
    clo_value_clear(&again);
    return 0;
}
