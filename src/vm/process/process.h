/* vm/process/process.h - a guest in this process, without a hypervisor. Shared by the files here.
 *
 * The image is mapped at the addresses that it was linked for, so guest addresses are this process's
 * own; everything else of the process stands far above them (it is position-independent):
 *
 *   0                 never mapped: the kernel keeps it from everybody (vm.mmap_min_addr)
 *   CLO_PROCESS_FIRST what abi/layout.h draws; all of it is reserved without access first, so that
 *   ...               nothing else comes to lie there and what is not granted faults
 *   CLO_PROCESS_END
 *
 * The guest's code runs on its own stack with registers that the kernel loads from a signal frame
 * (rt_sigreturn): it starts with all of them cleared but for the two that name code and stack. It
 * leaves by a signal, whose handler runs on a stack of the host's: `out` is a fault at this
 * privilege level, as is everything that it may not do. The handler keeps the frame and goes back to
 * the host, which is blocked for the alarms' signal; going on is rt_sigreturn again.
 *
 * What holds the guest in is the code that it consists of: WebAssembly's loads and stores reach the
 * first 8 GiB, its calls go through typed tables, its returns stand on the native stack, which no
 * store reaches. Code that gets past that has this process, and its system calls: hence one guest a
 * process, nothing of worth in it, and the jail around it (sandbox/worker/jail.h).
 *
 * FS and GS stay the thread's: compiled WebAssembly has no instruction that reads or writes them.
 */
#ifndef CLO_VM_PROCESS_PROCESS_H
#define CLO_VM_PROCESS_PROCESS_H

#include "vm/internal.h"

#define CLO_PROCESS_FIRST 65536ull

/* memory.c */
int clo_process_map(struct clo_vm *vm, struct clo_error *error);
void clo_process_unmap(struct clo_vm *vm);
int clo_process_grow(struct clo_vm *vm, enum clo_region which, uint64_t size,
                     struct clo_error *error);
int clo_process_shrink(struct clo_vm *vm, struct clo_error *error);
int clo_process_drop_all(struct clo_vm *vm, struct clo_error *error);
uint8_t *clo_process_memory_at(const struct clo_vm *vm, uint64_t va);
/* Is [va, va + length) code of the image? */
bool clo_process_is_code(const struct clo_vm *vm, uint64_t va, uint64_t length);

/* ---- x86/context.c: registers ---- */

/* A guest's registers while it stands still: what the kernel pushed when the signal came. */
struct clo_context;

/* Why it stopped. */
struct clo_stop {
    int signal;                   /* that stopped it */
    bool truncated;               /* SIGBUS: the file behind a page has ended */
    uint8_t vector;               /* the CPU exception behind the signal; 0 also for the alarms' */
    uint64_t error_code, address; /* of a page fault */
    uint64_t rip, rsp;
};

/* `alarm`: the signal that is blocked while the host runs. Installs handlers for what a guest's
 * faults raise. One context a process. */
int clo_context_create(struct clo_context **context, int alarm, struct clo_error *error);
void clo_context_destroy(struct clo_context *context);
void clo_context_start(struct clo_context *context, uint64_t entry, uint64_t stack_end);
/* Enter until a signal stops it. */
void clo_context_enter(struct clo_context *context, struct clo_stop *stop);
/* Between two runs: the handlers' stack holds no registers of the last one. (Those in the context are
 * gone with a start.) */
void clo_context_forget(struct clo_context *context);
/* Go on `bytes` further than where it stopped. */
void clo_context_skip(struct clo_context *context, unsigned bytes);
/* Those that it would go on with; and in place of those of a start. */
void clo_context_registers(const struct clo_context *context, struct clo_vm_registers *registers);
void clo_context_set(struct clo_context *context, const struct clo_vm_registers *registers);

#endif
