/* cpu.c - does this processor have the instruction sets that an image was compiled for?
 *
 * Asked of the host, not of KVM: some flavours of KVM run the payload natively and list less in
 * their CPUID than works. Levels are those of the x86-64 psABI.
 */
#include <cpuid.h>
#include <string.h>

#include "vm/internal.h"

#define LEVEL2_LEAF1_ECX (1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23)
/* SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT */
#define LEVEL2_EXTENDED_ECX (1u << 0) /* LAHF */

static bool has_level2(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & LEVEL2_LEAF1_ECX) != LEVEL2_LEAF1_ECX)
        return false;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) &&
           (c & LEVEL2_EXTENDED_ECX) == LEVEL2_EXTENDED_ECX;
}

bool clo_cpu_has(const char *level)
{
    if (!strcmp(level, "x86-64"))
        return true;
    return !strcmp(level, "x86-64-v2") && has_level2();
}
