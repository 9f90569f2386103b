/* play.h - what tests/wasm/tables.py writes and play.c plays.
 *
 * A group is an array of commands, played in order on a fresh guest. Arguments and wanted results
 * are 64-bit words, floats as their bits; a command names its first of each and their number. A
 * reference to a host's object N is N + 1, null is 0. */
#ifndef TESTS_WASM_PLAY_H
#define TESTS_WASM_PLAY_H

#include <stdint.h>
#include <wasm-rt.h>

typedef uint32_t u32;
typedef uint64_t u64;
typedef float f32;
typedef double f64;

#define PLAY_IMPORTS_MAX 5u /* modules that one module imports from */

enum play_kind {
    PLAY_MODULE, /* make an instance */
    PLAY_CALL,
    PLAY_TRAP, /* either of them; only played as a run's last */
};

enum play_pattern { /* core specification 2.0, section 2.2.3: NaN, canonical and arithmetic */
                    PLAY_EXACT,
                    PLAY_CANONICAL_F32,
                    PLAY_ARITHMETIC_F32,
                    PLAY_CANONICAL_F64,
                    PLAY_ARITHMETIC_F64,
};

struct play_want {
    uint64_t bits;
    enum play_pattern pattern;
};

typedef void (*play_function)(void);
typedef void (*play_thunk)(play_function function, void *instance, const uint64_t *arguments,
                           uint64_t *results);

struct play_command {
    uint8_t kind;
    uint8_t want_count;
    uint32_t words, wants; /* the first of them */
    play_function function;
    void *instance;
    play_thunk thunk;
};

struct play_group {
    const struct play_command *commands;
    uint32_t count;
    const uint64_t *words;
    const struct play_want *wants;
};

extern const struct play_group *const play_groups[];
extern const uint32_t play_group_count;

/* The thunk of PLAY_MODULE: the words are PLAY_IMPORTS_MAX addresses of the instances that it
 * imports from, and zeros. */
void play_instantiate(play_function function, void *instance, const uint64_t *arguments,
                      uint64_t *results);

static inline f32 play_f32(uint64_t word)
{
    uint32_t bits = (uint32_t)word;
    f32 value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

static inline f64 play_f64(uint64_t bits)
{
    f64 value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t play_bits32(f32 value)
{
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline uint64_t play_bits64(f64 value)
{
    uint64_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline wasm_rt_externref_t play_externref(uint64_t word)
{
    return (wasm_rt_externref_t)(uintptr_t)word;
}

static inline wasm_rt_funcref_t play_funcref(uint64_t word)
{
    (void)word; /* a script can name no function, only null */
    return wasm_rt_funcref_null_value;
}

#endif
