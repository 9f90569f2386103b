/* string.c - memcpy, memmove, memset and memcmp: the only functions gcc itself asks for.
 *
 * Most copies of an interpreter are shorter than 64 bytes, so the short ones have no loop: load
 * all, then store all, which also makes overlap harmless. Middle ones go by SSE registers, long
 * ones by the processor's own string instructions, which need some 30 cycles to start. The empty
 * asm statements keep the compiler from turning a loop back into a call of the same function.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t v16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef char b16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t u64u __attribute__((aligned(1), may_alias));
typedef uint32_t u32u __attribute__((aligned(1), may_alias));
typedef uint16_t u16u __attribute__((aligned(1), may_alias));

#define STRING_COPY_MIN 2048 /* from here rep movsb and rep stosb are faster */
#define NO_IDIOM() __asm__ volatile("" ::: "memory")

static inline v16 load16(const uint8_t *from)
{
    return *(const v16 *)from;
}

static inline void store16(uint8_t *to, v16 value)
{
    *(v16 *)to = value;
}

static inline void copy_short(uint8_t *to, const uint8_t *from, size_t count)
{
    if (count >= 8) {
        uint64_t head = *(const u64u *)from, tail = *(const u64u *)(from + count - 8);
        *(u64u *)to = head;
        *(u64u *)(to + count - 8) = tail;
    } else if (count >= 4) {
        uint32_t head = *(const u32u *)from, tail = *(const u32u *)(from + count - 4);
        *(u32u *)to = head;
        *(u32u *)(to + count - 4) = tail;
    } else if (count >= 2) {
        uint16_t head = *(const u16u *)from, tail = *(const u16u *)(from + count - 2);
        *(u16u *)to = head;
        *(u16u *)(to + count - 2) = tail;
    } else if (count == 1) {
        *to = *from;
    }
}

/* 17 to 128 bytes: at most eight registers. */
static inline void copy_middle(uint8_t *to, const uint8_t *from, size_t count)
{
    v16 a = load16(from), z = load16(from + count - 16);

    if (count > 32) {
        v16 b = load16(from + 16), y = load16(from + count - 32);
        if (count > 64) {
            v16 c = load16(from + 32), d = load16(from + 48);
            v16 w = load16(from + count - 64), x = load16(from + count - 48);
            store16(to + 32, c);
            store16(to + 48, d);
            store16(to + count - 64, w);
            store16(to + count - 48, x);
        }
        store16(to + 16, b);
        store16(to + count - 32, y);
    }
    store16(to, a);
    store16(to + count - 16, z);
}

static inline void copy_forwards(uint8_t *to, const uint8_t *from, size_t count)
{
    v16 tail = load16(from + count - 16);
    uint8_t *last = to + count - 16;

    for (; to + 48 < last; to += 64, from += 64) {
        v16 a = load16(from), b = load16(from + 16), c = load16(from + 32), d = load16(from + 48);
        store16(to, a);
        store16(to + 16, b);
        store16(to + 32, c);
        store16(to + 48, d);
        NO_IDIOM();
    }
    for (; to < last; to += 16, from += 16) {
        store16(to, load16(from));
        NO_IDIOM();
    }
    store16(last, tail);
}

static inline void copy_backwards(uint8_t *to, const uint8_t *from, size_t count)
{
    v16 head = load16(from);
    size_t left = count;

    for (; left > 64; left -= 64) {
        const uint8_t *end = from + left;
        v16 a = load16(end - 16), b = load16(end - 32), c = load16(end - 48), d = load16(end - 64);
        store16(to + left - 16, a);
        store16(to + left - 32, b);
        store16(to + left - 48, c);
        store16(to + left - 64, d);
        NO_IDIOM();
    }
    for (; left > 16; left -= 16) {
        store16(to + left - 16, load16(from + left - 16));
        NO_IDIOM();
    }
    store16(to, head);
}

void *memmove(void *to, const void *from, size_t count)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if (count <= 16) {
        if (count == 16) {
            store16(out, load16(in));
        } else {
            copy_short(out, in, count);
        }
        return to;
    }
    if (count <= 128) {
        copy_middle(out, in, count);
        return to;
    }
    if ((size_t)(out - in) < count) { /* `out` lies inside the source */
        copy_backwards(out, in, count);
    } else if (count < STRING_COPY_MIN || (size_t)(in - out) < count) {
        copy_forwards(out, in, count);
    } else {
        __asm__ volatile("rep movsb" : "+D"(out), "+S"(in), "+c"(count) : : "memory");
    }
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if (count <= 16) {
        if (count == 16) {
            store16(out, load16(in));
        } else {
            copy_short(out, in, count);
        }
    } else if (count <= 128) {
        copy_middle(out, in, count);
    } else if (count < STRING_COPY_MIN) {
        copy_forwards(out, in, count);
    } else {
        __asm__ volatile("rep movsb" : "+D"(out), "+S"(in), "+c"(count) : : "memory");
    }
    return to;
}

void *memset(void *to, int byte, size_t count)
{
    uint8_t *out = to;
    uint64_t eight = (uint8_t)byte * 0x0101010101010101ull;
    v16 value = {eight, eight};
    uint8_t *last = out + count - 16;

    if (count >= STRING_COPY_MIN) {
        __asm__ volatile("rep stosb" : "+D"(out), "+c"(count) : "a"(byte) : "memory");
        return to;
    }
    if (count >= 16) {
        for (; out < last; out += 16) {
            store16(out, value);
            NO_IDIOM();
        }
        store16(last, value);
    } else if (count >= 8) {
        *(u64u *)out = eight;
        *(u64u *)(out + count - 8) = eight;
    } else if (count >= 4) {
        *(u32u *)out = (uint32_t)eight;
        *(u32u *)(out + count - 4) = (uint32_t)eight;
    } else if (count > 0) {
        out[0] = (uint8_t)byte;
        out[count / 2] = (uint8_t)byte;
        out[count - 1] = (uint8_t)byte;
    }
    return to;
}

static inline int differ(const uint8_t *a, const uint8_t *b)
{
    return *a < *b ? -1 : 1;
}

int memcmp(const void *x, const void *y, size_t count)
{
    const uint8_t *a = x, *b = y;

    for (; count >= 16; a += 16, b += 16, count -= 16) {
        b16 same = (b16)(*(const b16 *)a == *(const b16 *)b);
        unsigned mask = (unsigned)__builtin_ia32_pmovmskb128(same) ^ 0xffff;
        if (mask != 0) {
            int at = __builtin_ctz(mask);
            return differ(a + at, b + at);
        }
    }
    for (; count >= 8; a += 8, b += 8, count -= 8) {
        uint64_t p = *(const u64u *)a, q = *(const u64u *)b;
        if (p != q) {
            return __builtin_bswap64(p) < __builtin_bswap64(q) ? -1 : 1;
        }
    }
    for (; count > 0; a++, b++, count--) {
        if (*a != *b) {
            return differ(a, b);
        }
    }
    return 0;
}
