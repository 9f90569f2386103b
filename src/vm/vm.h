/* vm/vm.h - one micro-VM on /dev/kvm: one vCPU, no devices, no operating system.
 *
 * Invariants
 * - A micro-VM is used by the thread that made it, for its whole life; only clo_vm_kick may be
 *   called from another thread or a signal handler.
 * - This layer knows nothing of Wasm, Python or messages: it maps memory, enters the guest, and says
 *   why the guest stopped. What a host call means is decided above (src/sandbox).
 * - The payload runs at CPL3. CPL0 holds fault stubs only and runs only on a fault; after a fault or
 *   a broken contract the micro-VM is spent: destroy it.
 * - Guest page tables only gain entries after the first entry into the guest. What a restore takes
 *   back is taken away on the host side too.
 * - After clo_vm_restore every byte of guest memory, the page tables, registers and vector state
 *   equal a fresh micro-VM's.
 * - Locks: that of the process's one KVM (kvm.c), and one while the way to find pages is chosen
 *   (scan.c). None is held while a guest runs.
 */
#ifndef CLO_VM_VM_H
#define CLO_VM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/hostcall.h"
#include "cloche/error.h"
#include "cloche/image.h"
#include "cloche/isolation.h"

struct clo_vm;

struct clo_vm_config {
    enum clo_isolation isolation;
    uint64_t memory_limit; /* bytes of linear memory and runtime heap together that may be granted;
                              sizes the memory slots; 2 MiB multiples up to 4 GiB */
    bool one_shot;         /* will run once: do not prepare for restores (clo_vm_restore refuses) */
    bool scan_fallback;    /* act as on a kernel before 6.7, which lacks PAGEMAP_SCAN */
};

enum clo_vm_exit_kind {
    CLO_VM_HOST_CALL, /* `out` on CLO_PORT_CALL; the control page says what is wanted */
    CLO_VM_FAULT,     /* a CPU exception: see vector … */
    CLO_VM_KICKED,    /* clo_vm_kick or an alarm; clo_vm_resume continues where it was */
    CLO_VM_VIOLATION, /* wrong port, width, string I/O, MMIO, shutdown …: see reason */
};

struct clo_vm_exit {
    enum clo_vm_exit_kind kind;
    uint8_t vector;         /* FAULT: 0 #DE, 6 #UD, 13 #GP, 14 #PF … */
    uint64_t error_code;    /* FAULT */
    uint64_t fault_address; /* FAULT 14: CR2 */
    uint64_t rip, rsp;      /* FAULT: where */
    char reason[128];       /* VIOLATION: what the guest did, with values */
};

/* Bytes of address space that a guest reserves without access, beside its memory. */
uint64_t clo_vm_reserves(enum clo_isolation isolation);

/* Errors: CLO_ENOHYPERVISOR ("No Hypervisor was found for Sandbox", with the remedy),
 * CLO_ENOMEMORY, CLO_ESYSTEM, CLO_EINVALID (memory_limit smaller than the image needs). */
int clo_vm_create(struct clo_vm **vm, const struct clo_image *image,
                  const struct clo_vm_config *config, struct clo_error *error);
void clo_vm_destroy(struct clo_vm *vm);

/* In the child of a fork, by process isolation: the parent's guest, which has not run yet, becomes
 * the child's own (KVM ties a micro-VM to its process). Errors: CLO_EINVALID, CLO_ESYSTEM. */
int clo_vm_inherit(struct clo_vm *vm, struct clo_error *error);

/* Set all registers for a new run from the image's entry; the next resume enters there. */
void clo_vm_start(struct clo_vm *vm);

/* ---- the middle of a run ---- */

/* What a guest goes on with that stands behind a host call, beside its memory. */
struct clo_vm_registers {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags;
    uint32_t mxcsr, zero;
    uint8_t xmm[16][16];
};

/* After CLO_VM_HOST_CALL. CLO_EINVALID: it stands where no image's code calls the host. */
int clo_vm_registers(struct clo_vm *vm, struct clo_vm_registers *registers,
                     struct clo_error *error);
/* clo_vm_start, but the next resume goes on there. CLO_EINVALID: nobody could stand there. */
int clo_vm_start_at(struct clo_vm *vm, const struct clo_vm_registers *registers,
                    struct clo_error *error);

/* Load the registers and enter without running the guest: what KVM does only once, a thread of its
 * own included, is then done. */
int clo_vm_prime(struct clo_vm *vm, struct clo_error *error);

/* Enter the guest until it stops. 0, with *exit filled, or CLO_ESYSTEM when KVM itself fails. */
int clo_vm_resume(struct clo_vm *vm, struct clo_vm_exit *exit, struct clo_error *error);

/* Make the current or next clo_vm_resume return CLO_VM_KICKED. Async-signal-safe. From another
 * thread the guest stops within about 0.1 ms. A kick belongs to the run that clo_vm_start began:
 * the next clo_vm_start forgets it, so let nothing kick before it is called. Kicks and alarms use a
 * real-time signal; a system call of the owning thread may return EINTR. */
void clo_vm_kick(struct clo_vm *vm);

/* Kick by itself when `wall_ns` (from now) have passed or the calling thread has used `cpu_ns` more
 * of processor time; 0: no such alarm. Replaces the alarm before it; 28-65 us late here. */
int clo_vm_alarm(struct clo_vm *vm, uint64_t wall_ns, uint64_t cpu_ns, struct clo_error *error);

/* Kick by itself at `at_ns` of the monotonic clock at the latest. One that stands from before and
 * comes sooner is left as it is, over restores and starts, too: who is kicked before it is time sets
 * the next. So runs that end early set no timer. `now_ns`: that clock's time. clo_vm_alarm takes its
 * place. */
int clo_vm_alarm_by(struct clo_vm *vm, uint64_t now_ns, uint64_t at_ns, struct clo_error *error);

/* Bring memory and state back to the image's, for the next run. After a fault or violation, or with
 * one_shot: CLO_EINVALID. *pages, if not NULL: pages written back. */
int clo_vm_restore(struct clo_vm *vm, size_t *pages, struct clo_error *error);

/* Grant memory: make region `size` bytes long (page-table entries are added, the memory is zero).
 * CLO_ELIMIT beyond memory_limit, CLO_EGUEST for a size that is no multiple of 64 KiB or shrinks.
 */
int clo_vm_grow(struct clo_vm *vm, enum clo_region region, uint64_t size, struct clo_error *error);
uint64_t clo_vm_region_size(const struct clo_vm *vm, enum clo_region region);

/* ---- memory for snapshots: pages.c ----
 *
 * Of what a later run can see, or, with the registers of a run in progress, of what that one goes on
 * with: its stack and the control page too. `registers`: NULL between runs. */

/* One page that differs from the image's: its guest address / CLO_PAGE_SIZE, and where it is, in
 * place, as long as the guest stands still. Anything but 0 ends the walk. */
typedef int (*clo_page_fn)(void *context, uint32_t number, const uint8_t *bytes,
                           struct clo_error *error);

/* All of them, by ascending number. Errors: CLO_EINVALID after a fault, CLO_ESYSTEM, what `each`
 * returned. */
int clo_vm_pages(struct clo_vm *vm, const struct clo_vm_registers *registers, clo_page_fn each,
                 void *context, struct clo_error *error);

/* Write a page of the state, in memory that is granted. It is the guest's as if a run had written
 * it: a restore takes it back. CLO_EINVALID: there is no such page. */
int clo_vm_page_put(struct clo_vm *vm, const struct clo_vm_registers *registers, uint32_t number,
                    const uint8_t bytes[CLO_PAGE_SIZE], struct clo_error *error);

/* What a guest whose regions have these sizes has in that page when nothing wrote to it; NULL: the
 * page is not of its state. Any thread. */
const uint8_t *clo_image_page(const struct clo_image *image, const uint64_t sizes[CLO_REGION_COUNT],
                              const struct clo_vm_registers *registers, uint32_t number);

/* Could a guest of this image stand so, behind a host call? CLO_EINVALID. Any thread. */
int clo_image_check_registers(const struct clo_image *image,
                              const struct clo_vm_registers *registers, struct clo_error *error);

/* The hash in the image's header: 32 bytes. Whether it is right was checked, or not, by whoever
 * opened it. */
const uint8_t *clo_image_sha256(const struct clo_image *image);

/* The window as the host sees it, CLO_WINDOW_SIZE bytes at layout.h's offsets. The guest may write
 * it whenever it runs: copy, then check, then use. */
struct clo_control *clo_vm_control(struct clo_vm *vm);
const uint8_t *clo_vm_output_area(const struct clo_vm *vm);
const uint8_t *clo_vm_call_area(const struct clo_vm *vm);
uint8_t *clo_vm_reply_area(struct clo_vm *vm);

/* Linear memory at an address that is granted, with *length cut to what lies in one piece there. */
uint8_t *clo_vm_linear(struct clo_vm *vm, uint64_t address, uint64_t *length);

/* Note how much of the call and reply area a message used, so that a restore clears it. */
void clo_vm_used_call(struct clo_vm *vm, size_t length);
void clo_vm_used_reply(struct clo_vm *vm, size_t length);

/* Make the image's interrupt stores in linear memory (hostcall.h). False: the image has none. */
bool clo_vm_interrupt(struct clo_vm *vm);

/* Is there a usable hypervisor? 0, or CLO_ENOHYPERVISOR with reason and remedy. Opens /dev/kvm,
 * creates and drops an empty VM. */
int clo_kvm_probe(struct clo_error *error);

/* For a process that will give up its rights: open now what clo_vm_create needs of the file system.
 * *fd, if not NULL: the descriptor of /dev/kvm (still owned here), or -1 where none is needed; a
 * child process may be given it and must then adopt it before anything else of this header. After a
 * fork, the child calls clo_vm_prepare itself before it gives up its rights. Errors:
 * CLO_ENOHYPERVISOR. */
int clo_vm_prepare(enum clo_isolation isolation, int *fd, struct clo_error *error);
void clo_kvm_adopt(int fd);

/* For a process whose root will be empty: from now on what this layer needs of /proc is opened in
 * this directory (a descriptor of /proc, still the caller's), also in children of a fork. Once it is
 * closed clo_vm_prepare must have been called. Not thread-safe: call it while there is one thread. */
void clo_proc_adopt(int directory);

/* An open image in another program, to which the descriptor was passed: `descriptor` is still the
 * image's, `inherit` takes `fd`, also on failure. `copied`: whether the code stands in huge pages.
 * The file's hash was checked, or not, by whoever opened it. */
int clo_image_fd(const struct clo_image *image, bool *copied);
int clo_image_inherit(struct clo_image **image, int fd, const char *path, bool copied,
                      enum clo_isolation isolation, struct clo_error *error);

/* Bytes of linear memory and heap together that a guest of this image has before it asks for more. */
uint64_t clo_image_granted(const struct clo_image *image);

/* How restores find the pages that a run wrote. */
enum clo_scan_way {
    CLO_SCAN_KERNEL, /* the kernel lists them: PAGEMAP_SCAN, Linux 6.7 */
    CLO_SCAN_READ,   /* an entry of /proc/self/pagemap is read for each page */
    CLO_SCAN_NONE    /* they cannot be found: all is dropped but what most runs write */
};

/* Of this process on this machine. Thread-safe. */
enum clo_scan_way clo_scan_way(void);

#endif
