/* image.c - headers of image files: whatever passes the check describes memory that does not
 * overlap and lies within the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vm/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct clo_image_header header = {0};
    uint64_t file_size = 0;
    struct clo_error error;
    if (size < sizeof file_size)
        return 0;
    memcpy(&file_size, data, sizeof file_size);
    size_t rest = size - sizeof file_size;
    memcpy(&header, data + sizeof file_size, rest < sizeof header ? rest : sizeof header);
    if (clo_image_check(&header, file_size, "fuzz.image", &error)) {
        if (!error.message[0])
            abort();
        return 0;
    }
    for (uint32_t i = 0; i < header.segment_count; i++) {
        const struct clo_image_segment *a = &header.segments[i];
        if (a->file_offset + a->file_size > file_size || a->file_size > a->size)
            abort();
        for (uint32_t k = 0; k < i; k++) {
            const struct clo_image_segment *b = &header.segments[k];
            if (a->address < b->address + b->size && b->address < a->address + a->size)
                abort();
        }
    }
    return 0;
}
