/* cbor.h - the head that begins every CBOR value (RFC 8949, section 3), written and read.
 *
 *   [major type: 3 bits][info: 5 bits][argument: 0, 1, 2, 4 or 8 bytes, big-endian]
 *
 * info 0 to 23 is the argument itself; 24 to 27 say how many bytes of it follow; 31 is an
 * indefinite length, or the break that ends one; 28 to 30 mean nothing. Both sides of the wall use
 * these functions; they allocate nothing and call nothing.
 */
#ifndef CLOCHE_ABI_CBOR_H
#define CLOCHE_ABI_CBOR_H

#include <stddef.h>
#include <stdint.h>

enum clo_cbor_major {                        /* the argument is */
                      CLO_CBOR_UNSIGNED = 0, /* the integer n */
                      CLO_CBOR_NEGATIVE = 1, /* the n of the integer -1 - n */
                      CLO_CBOR_BYTES = 2,    /* how many bytes follow */
                      CLO_CBOR_TEXT = 3,     /* how many bytes of UTF-8 follow */
                      CLO_CBOR_ARRAY = 4,    /* how many values follow */
                      CLO_CBOR_MAP = 5,      /* how many pairs of values follow */
                      CLO_CBOR_TAG = 6,      /* what the value that follows means */
                      CLO_CBOR_SIMPLE = 7,   /* see enum clo_cbor_info */
};

enum clo_cbor_info { /* of a simple value */
                     CLO_CBOR_FALSE = 20,
                     CLO_CBOR_TRUE = 21,
                     CLO_CBOR_NULL = 22,
                     CLO_CBOR_UNDEFINED = 23,
                     CLO_CBOR_FLOAT16 = 25, /* the argument is the number's bits */
                     CLO_CBOR_FLOAT32 = 26,
                     CLO_CBOR_FLOAT64 = 27,
                     CLO_CBOR_INDEFINITE = 31, /* of any head */
};

/* Tags: the byte string that follows is a big-endian integer n, or stands for -1 - n. */
#define CLO_CBOR_TAG_POSITIVE 2u
#define CLO_CBOR_TAG_NEGATIVE 3u

#define CLO_CBOR_BREAK 0xff  /* the byte that ends an indefinite length */
#define CLO_CBOR_HEAD_MAX 9u /* bytes of the longest head */

struct clo_cbor_head {
    uint8_t major, info; /* enum clo_cbor_major, enum clo_cbor_info */
    uint64_t argument;   /* of CLO_CBOR_INDEFINITE: 31 */
};

/* Write a head with 2^(info - 24) bytes of argument; returns its bytes. */
static inline size_t clo_cbor_head_write_sized(uint8_t head[CLO_CBOR_HEAD_MAX], unsigned major,
                                               unsigned info, uint64_t argument)
{
    size_t size = (size_t)1 << (info - 24);
    head[0] = (uint8_t)(major << 5 | info);
    for (size_t i = size; i > 0; i--) {
        head[i] = (uint8_t)argument;
        argument >>= 8;
    }
    return 1 + size;
}

/* Write the shortest head; returns its bytes. */
static inline size_t clo_cbor_head_write(uint8_t head[CLO_CBOR_HEAD_MAX], unsigned major,
                                         uint64_t argument)
{
    if (argument >= 24) {
        unsigned info = argument <= UINT8_MAX    ? 24
                        : argument <= UINT16_MAX ? 25
                        : argument <= UINT32_MAX ? 26
                                                 : 27;
        return clo_cbor_head_write_sized(head, major, info, argument);
    }
    head[0] = (uint8_t)(major << 5 | argument);
    return 1;
}

/* Write a number of 64 bits; returns its bytes. */
static inline size_t clo_cbor_number_write(uint8_t head[CLO_CBOR_HEAD_MAX], double number)
{
    uint64_t bits;
    __builtin_memcpy(&bits, &number, sizeof bits);
    return clo_cbor_head_write_sized(head, CLO_CBOR_SIMPLE, CLO_CBOR_FLOAT64, bits);
}

/* Read a head; returns its bytes. 0: it is cut off, or its info (set if `length` is not 0) means
 * nothing. */
static inline size_t clo_cbor_head_read(struct clo_cbor_head *head, const uint8_t *data,
                                        size_t length)
{
    if (length == 0)
        return 0;
    head->major = data[0] >> 5;
    head->info = data[0] & 31;
    head->argument = head->info;
    if (head->info < 24 || head->info == CLO_CBOR_INDEFINITE)
        return 1;
    if (head->info > 27)
        return 0;
    size_t size = (size_t)1 << (head->info - 24);
    if (length - 1 < size)
        return 0;
    head->argument = 0;
    for (size_t i = 1; i <= size; i++)
        head->argument = head->argument << 8 | data[i];
    return 1 + size;
}

/* RFC 8949, appendix D. The payload of a NaN is not kept. */
static inline double clo_cbor_float16(uint64_t bits)
{
    unsigned exponent = bits >> 10 & 31;
    double fraction = (double)(bits & 1023), value;
    if (exponent == 31)
        value = fraction == 0 ? __builtin_inf() : __builtin_nan("");
    else if (exponent == 0)
        value = fraction * 0x1p-24;
    else
        value = (fraction + 1024) * 0x1p-25 * (double)(1u << exponent);
    return bits >> 15 ? -value : value;
}

/* The number of a head of CLO_CBOR_FLOAT16, 32 or 64. */
static inline double clo_cbor_number(const struct clo_cbor_head *head)
{
    double number;
    float single;
    uint32_t bits = (uint32_t)head->argument;
    if (head->info == CLO_CBOR_FLOAT16)
        return clo_cbor_float16(head->argument);
    if (head->info == CLO_CBOR_FLOAT32) {
        __builtin_memcpy(&single, &bits, sizeof single);
        return (double)single;
    }
    __builtin_memcpy(&number, &head->argument, sizeof number);
    return number;
}

#endif
