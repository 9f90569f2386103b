/* sandbox/run/fault.h - CPU faults and Wasm traps in words. */
#ifndef CLO_SANDBOX_RUN_FAULT_H
#define CLO_SANDBOX_RUN_FAULT_H

#include <stddef.h>

#include "vm/vm.h"

#define CLO_FAULT_TEXT_MAX 192

/* The Wasm-level cause of a fault: a type ("StackOverflow") and a sentence with the addresses. */
const char *clo_fault_describe(const struct clo_vm_exit *exit, char text[CLO_FAULT_TEXT_MAX]);

/* Likewise of CLO_OP_TRAP's argument; NULL: no such trap. */
const char *clo_trap_describe(uint64_t trap, char text[CLO_FAULT_TEXT_MAX]);

#endif
