/* warm_requests.c - run requests for recording an image's hot list. The programs are small and
 * plain: the pages that they write are those that any run writes. */
#include "image/image.h"
#include "sandbox/value/cbor.h"

static const char *const programs[] = {
    "print(1)",
    "print(sum(range(1000)))",
    "for i in range(3):\n    print(f'{i}: {i * i}')\ni",
};

bool clo_image_request(struct clo_buffer *request, size_t index)
{
    if (index >= sizeof programs / sizeof *programs)
        return false;
    clo_buffer_reset(request);
    clo_cbor_put_map(request, 2);
    clo_cbor_put_string(request, "code");
    clo_cbor_put_string(request, programs[index]);
    clo_cbor_put_string(request, "name");
    clo_cbor_put_string(request, "main.py");
    return true;
}
