/* runtime.h - the runtime between a Wasm module and the wall. Read this first.
 *
 * Invariants
 * - Everything here runs at CPL3, in one thread, without an operating system. There are no system
 *   calls: the only way out is clo_host(), one `out` instruction.
 * - All state lives in .data, .bss and the heap, so that an image's snapshot holds it. The native
 *   stack is empty between runs: each run enters at clo_guest_run with a fresh stack pointer.
 * - The module's linear memory begins at address 0; an address of the module is an address of the
 *   machine. What is not granted is not mapped, and the module reaches at most 8 GiB: everything of
 *   the runtime stands above that. So a wild pointer faults, and cannot hit the runtime.
 * - An address and a length from the module become a pointer only through clo_linear(), which traps
 *   when the range leaves the first 4 GiB.
 * - What the runtime hands out of its own memory is bounded by named ceilings and by the heap, which
 *   the host grants under the run's memory limit. A refusal is an errno of WASI, never a crash.
 */
#ifndef CLO_GUEST_RUNTIME_H
#define CLO_GUEST_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/hostcall.h"
#include "abi/layout.h"

/* hostcall.c ------------------------------------------------------------------------------- */

#define CLO_CONTROL ((volatile struct clo_control *)CLO_WINDOW_VA)

void clo_host_start(void); /* at the start of a run */

/* One host call: the operation and its fields stand in the control page. The output records that
 * wait go with it. */
void clo_host(enum clo_op op);
_Noreturn void clo_host_end(enum clo_op op, uint64_t argument);

/* Ask for more of a region. `size` in bytes, a multiple of CLO_WASM_PAGE_SIZE. */
bool clo_host_grow(enum clo_region region, uint64_t size);
uint64_t clo_region_size(enum clo_region region);

/* Let time pass in the host, for `ns` at most. False: a limit of the run was reached meanwhile. */
bool clo_host_sleep(uint64_t ns);

/* Put bytes into the output area; flushes when it is full. stream: 1 stdout, 2 stderr. */
void clo_output_write(uint32_t stream, const uint8_t *data, uint64_t length);
void clo_output_written(void); /* after each write as the program sees it: write-through */

/* Read standard input: up to `capacity` bytes, 0 at its end, -1 where the host refuses. When a
 * limit of the run is reached meanwhile it is at its end, and the interpreter raises next. */
int64_t clo_input_read(uint8_t *out, uint64_t capacity);

/* One call of kind CLO_CALL_FILE, whose message of `length` bytes stands in the call area. False: the
 * host refused it, or a limit of the run was reached. The reply is in the reply area. */
bool clo_host_file_call(uint32_t length);
/* Counts the calls of other kinds: what the host does for them may change files. */
uint32_t clo_host_epoch(void);
/* Does what was seen of files at that time, in that epoch, count still? For 100 ms at most. */
bool clo_host_fresh(uint64_t since_ns, uint32_t epoch);

_Noreturn void clo_trap(enum clo_trap trap);

/* linear memory ----------------------------------------------------------------------------- */

static inline uint8_t *clo_linear(uint32_t address, uint64_t length)
{
    uintptr_t start = CLO_LINEAR_VA + address;
    if (length > CLO_LINEAR_MAX - address) {
        clo_trap(CLO_TRAP_OUT_OF_BOUNDS);
    }
    /* Hide where the pointer came from: address 0 is memory like any other. */
    __asm__("" : "+r"(start));
    return (uint8_t *)start;
}

typedef uint16_t clo_u16 __attribute__((aligned(1), may_alias));
typedef uint32_t clo_u32 __attribute__((aligned(1), may_alias));
typedef uint64_t clo_u64 __attribute__((aligned(1), may_alias));

static inline uint8_t clo_load8(uint32_t address)
{
    return *clo_linear(address, 1);
}
static inline uint16_t clo_load16(uint32_t address)
{
    return *(clo_u16 *)clo_linear(address, 2);
}
static inline uint32_t clo_load32(uint32_t address)
{
    return *(clo_u32 *)clo_linear(address, 4);
}
static inline uint64_t clo_load64(uint32_t address)
{
    return *(clo_u64 *)clo_linear(address, 8);
}
static inline void clo_store8(uint32_t address, uint8_t value)
{
    *clo_linear(address, 1) = value;
}
static inline void clo_store16(uint32_t address, uint16_t value)
{
    *(clo_u16 *)clo_linear(address, 2) = value;
}
static inline void clo_store32(uint32_t address, uint32_t value)
{
    *(clo_u32 *)clo_linear(address, 4) = value;
}
static inline void clo_store64(uint32_t address, uint64_t value)
{
    *(clo_u64 *)clo_linear(address, 8) = value;
}

/* clock.c ------------------------------------------------------------------------------------ */

void clo_clock_start(void); /* at the start of a run */
void clo_clock_forget(
    void); /* leave no time in an image or a state: the same inputs give the same bytes */
uint64_t clo_clock_elapsed(void); /* of the run, in ns; what it was frozen is not counted */
void clo_clock_thaw(void);        /* the run goes on after it was frozen */
/* A program's look at a clock. */
uint64_t clo_clock_realtime(void);
uint64_t clo_clock_monotonic(void);
uint64_t clo_clock_cpu(void); /* of this run, without what it slept or waited in the host */
/* The time that files are stamped with: what a look would tell, and none is taken. */
uint64_t clo_clock_stamp(void);
/* The runtime's own: goes on as time does, also where the program's clocks are fixed. */
uint64_t clo_clock_steady(void);
/* The vCPU stood still since then. `ns`: the time that passes for it where clocks are fixed. */
void clo_clock_waited(uint64_t since_steady, uint64_t ns);

/* random.c ------------------------------------------------------------------------------------ */

void clo_random_start(void); /* take the run's seed */
void clo_random_fill(uint8_t *out, uint64_t length);

/* heap.c -------------------------------------------------------------------------------------- */

#define CLO_BLOCK_SIZE 4096u

/* Zeroed memory of 1 to CLO_BLOCK_SIZE bytes, or NULL: the host refuses more. Free with the same
 * size. */
void *clo_heap_alloc(uint32_t size);
void clo_heap_free(void *memory, uint32_t size);
void *clo_heap_alloc_pages(uint64_t size); /* whole pages that are never freed */

/* module.c ------------------------------------------------------------------------------------ */

extern uint32_t clo_outcome_length; /* of the outcome that the module left in the call area */

/* boot.c: entered from start.S, on a fresh stack ----------------------------------------------- */

_Noreturn void clo_boot(void);
_Noreturn void clo_run(void);

#endif
