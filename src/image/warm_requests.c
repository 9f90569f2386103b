/* warm_requests.c - run requests for recording an image's hot list.
 *
 * A run request is a CBOR map (hostcall.h); this layer knows no CBOR library and needs none for a
 * few fixed messages, so they are written out here (RFC 8949): a2 is a map of two pairs, 60 + n a
 * text of n bytes, 78 n a text of n bytes from 24 on. The programs are small and plain: the pages
 * that they write are those that any run writes.
 */
#include "vm/internal.h"

#define REQUEST(head, code)                                                                        \
    "\xa2\x64"                                                                                     \
    "code" head code "\x64"                                                                        \
    "name"                                                                                         \
    "\x67"                                                                                         \
    "main.py"

static const struct {
    const char *bytes;
    size_t length;
} requests[] = {
#define ENTRY(head, code)                                                                          \
    {                                                                                              \
        REQUEST(head, code), sizeof REQUEST(head, code) - 1                                        \
    }
    ENTRY("\x68", "print(1)"),
    ENTRY("\x77", "print(sum(range(1000)))"),
    ENTRY("\x78\x2f", "for i in range(3):\n    print(f'{i}: {i * i}')\ni"),
};

const uint8_t *clo_image_request(size_t index, size_t *length)
{
    if (index >= sizeof requests / sizeof *requests)
        return NULL;
    *length = requests[index].length;
    return (const uint8_t *)requests[index].bytes;
}
