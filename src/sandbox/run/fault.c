/* fault.c - what a fault means for the Wasm program that ran (memory map: abi/layout.h). */
#include "sandbox/run/fault.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define STACK_REACH (16ull << 20) /* a frame that jumps the guard lands at most this far below */
/* The stack that the Wasm program keeps itself stands at the bottom of linear memory and grows
 * down: below 0 its 32-bit pointer wraps, and with an offset lands around 4 GiB, within a frame. */
#define FRAME_MOST (64ull << 10)
#define FETCH 16u /* page-fault error code, bit 4 (AMD APM volume 2, 8.4.2) */

static const char *page_fault(const struct clo_vm_exit *exit, char *text)
{
    uint64_t address = exit->fault_address;
    if (exit->error_code & FETCH) {
        snprintf(text, CLO_FAULT_TEXT_MAX, "execution of memory that holds no code, at 0x%" PRIx64,
                 address);
        return "IllegalExecution";
    }
    if (address < CLO_STACK_VA && address >= CLO_STACK_VA - STACK_REACH) {
        snprintf(text, CLO_FAULT_TEXT_MAX, "the native stack of %llu MiB is exhausted",
                 CLO_STACK_SIZE >> 20);
        return "StackOverflow";
    }
    if (address >= CLO_LINEAR_MAX - FRAME_MOST && address < CLO_LINEAR_MAX + FRAME_MOST) {
        snprintf(text, CLO_FAULT_TEXT_MAX, "the program's stack in linear memory is exhausted");
        return "StackOverflow";
    }
    if (address < 2 * CLO_LINEAR_MAX) {
        snprintf(text, CLO_FAULT_TEXT_MAX,
                 "memory access out of bounds, at linear address 0x%" PRIx64 " (code at 0x%" PRIx64
                 ")",
                 address, exit->rip);
        return "OutOfBounds";
    }
    snprintf(text, CLO_FAULT_TEXT_MAX,
             "access to address 0x%" PRIx64 ", which the guest may not touch (code at 0x%" PRIx64
             ", error code 0x%" PRIx64 ")",
             address, exit->rip, exit->error_code);
    return "IllegalAccess";
}

const char *clo_fault_describe(const struct clo_vm_exit *exit, char text[CLO_FAULT_TEXT_MAX])
{
    static const struct {
        unsigned vector;
        const char *type, *words;
    } faults[] = {
        {0, "IntegerDivideError", "integer division by zero or out of range"},
        {3, "Breakpoint", "a breakpoint instruction"},
        {6, "IllegalInstruction", "an instruction that this processor does not have"},
        {13, "GeneralProtection", "a privileged instruction or a malformed address"},
        {16, "FloatingPointFault", "an x87 floating-point fault"},
        {17, "UnalignedAccess", "an unaligned memory access"},
        {19, "FloatingPointFault", "a SIMD floating-point fault"},
    };
    if (exit->vector == 14)
        return page_fault(exit, text);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (faults[i].vector == exit->vector) {
            snprintf(text, CLO_FAULT_TEXT_MAX, "%s (code at 0x%" PRIx64 ")", faults[i].words,
                     exit->rip);
            return faults[i].type;
        }
    }
    snprintf(text, CLO_FAULT_TEXT_MAX, "CPU exception %u (code at 0x%" PRIx64 ")", exit->vector,
             exit->rip);
    return "CpuException";
}

const char *clo_trap_describe(uint64_t trap, char text[CLO_FAULT_TEXT_MAX])
{
    static const struct {
        const char *type, *words;
    } traps[CLO_TRAP_COUNT] = {
        [CLO_TRAP_OUT_OF_BOUNDS] = {"OutOfBounds", "memory or table access out of bounds"},
        [CLO_TRAP_INTEGER_OVERFLOW] = {"IntegerOverflow", "integer overflow"},
        [CLO_TRAP_DIVIDE_BY_ZERO] = {"IntegerDivideByZero", "integer division by zero"},
        [CLO_TRAP_INVALID_CONVERSION] = {"InvalidConversion",
                                         "a number that has no integer value was converted"},
        [CLO_TRAP_UNREACHABLE] = {"Unreachable", "the program aborted"},
        [CLO_TRAP_INDIRECT_CALL] = {"IndirectCallMismatch",
                                    "an indirect call to no function or one of another type"},
        [CLO_TRAP_EXCEPTION] = {"UncaughtException", "an uncaught Wasm exception"},
        [CLO_TRAP_UNALIGNED] = {"UnalignedAccess", "an unaligned atomic access"},
        [CLO_TRAP_STACK_OVERFLOW] = {"StackOverflow", "the call stack is exhausted"},
    };
    if (trap == CLO_TRAP_NONE || trap >= CLO_TRAP_COUNT)
        return NULL;
    snprintf(text, CLO_FAULT_TEXT_MAX, "%s", traps[trap].words);
    return traps[trap].type;
}
