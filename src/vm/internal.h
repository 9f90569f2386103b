/* vm/internal.h - what the files of src/vm share. Besides them only src/image includes it, which
 * reads a guest's memory to make an image of it, and tests.
 *
 * Two walls, one struct: what differs between a micro-VM (kvm/) and a guest in this process
 * (process/) is in struct clo_wall; restores, scans, alarms and images are the same for both. All
 * memory is named by offsets into vm->memory. By process isolation vm->memory is address 0 and an
 * offset is the guest's own address: process/process.h draws that.
 *
 * A micro-VM's own memory is one host mapping; a guest-physical address below `shared_gpa` is an
 * offset into it:
 *
 *   [system][private segments][linear][heap][stack][window][pool of 2 MiB chunks for growth]
 *    0       every part starts on a 2 MiB boundary
 *
 * What stands before the pool is one KVM memory slot. The pool gets its slots, block by block, when
 * it is first needed: the kernel pays some 3 KiB for each MiB of slot, used or not. The image's
 * code and constants are a read-only slot, backed by one mapping that all micro-VMs of the image
 * share.
 *
 * The pool is used from both ends: chunk k of linear memory's growth is pool chunk k, chunk k of
 * the heap's is the k-th from the end. So a guest address keeps its guest-physical address and its
 * page table for the micro-VM's life. That matters: KVM's shadow of a page-table entry that the VMM
 * took away may still point at the table or chunk that stood there; it must never be found pointing
 * at what has become something else's. (Where the two ends do cross, see bind in grow.c.)
 */
#ifndef CLO_VM_INTERNAL_H
#define CLO_VM_INTERNAL_H

#include <linux/kvm.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "abi/image.h"
#include "vm/vm.h"

/* ---- the host ---- */

struct clo_kvm {
    int fd;                   /* /dev/kvm */
    size_t run_size;          /* bytes of struct kvm_run's mapping */
    struct kvm_cpuid2 *cpuid; /* what this KVM supports */
    uint32_t clean[1024];     /* extended state of a fresh vCPU, for KVM_SET_XSAVE */
    uint64_t cr4, xcr0;       /* what micro-VMs are given; 0: KVM cannot set XCR0 */
};

/* The process's one KVM; opened at the first call. NULL on failure. Thread-safe. */
const struct clo_kvm *clo_kvm_get(struct clo_error *error);

/* Open `path` and check that it is a usable KVM: a descriptor, or a negative status. */
int clo_kvm_open_device(const char *path, struct clo_error *error);

/* Where a process makes many micro-VMs: keep one idle vCPU (see kvm.c). Never fails. */
void clo_kvm_keep_vcpu(const struct clo_kvm *kvm);

/* ---- an image in use: image_check.c, image_attach.c ---- */

struct clo_image {
    char *path;
    int fd; /* the file, or the sealed memfd */
    uint64_t size;
    const uint8_t *bytes;           /* all of it, read-only */
    struct clo_image_header header; /* checked, and copied before it was checked */
    uint32_t *hot;                  /* checked copy of the hot list, header.hot_count entries */
    uint8_t *shared; /* for micro-VMs: SHARED segments, each on a 2 MiB boundary, in order */
    uint64_t shared_size;
    bool copied; /* `shared` is a copy in huge pages, not the file's own pages */
    /* What src/image/contents.c read behind the hot list, lists with ", " between; NULL: nothing. */
    char *base, *packages, *imported;
};

/* Is this header right for a file of `size` bytes? Pure: reads nothing else. */
int clo_image_check(const struct clo_image_header *header, uint64_t size, const char *path,
                    struct clo_error *error);
/* Are these the entries of a hot list: ascending, each in memory that a guest may write? */
int clo_image_check_hot(const struct clo_image_header *header, const uint32_t *hot,
                        const char *path, struct clo_error *error);
/* Read and check the header of an open file. */
int clo_image_read_header(int fd, const char *path, struct clo_image_header *header,
                          struct clo_error *error);
/* Make a struct clo_image of an open file whose header is right; takes fd, also on failure. Made for
 * micro-VMs it is good for guests by process isolation, too. */
int clo_image_attach(struct clo_image **image, int fd, const char *path, bool copy_shared,
                     enum clo_isolation isolation, struct clo_error *error);

/* ---- memory ---- */

#define CLO_MEMORY_LIMIT_MAX (4ull << 30)
#define CLO_POOL_BLOCK_CHUNKS 16u /* 32 MiB of pool are one memory slot */
#define CLO_POOL_BLOCKS_MAX (CLO_MEMORY_LIMIT_MAX / CLO_HUGE_PAGE_SIZE / CLO_POOL_BLOCK_CHUNKS + 1)
#define CLO_PARTS_MAX (2 * CLO_IMAGE_SEGMENTS_MAX + 12)
#define CLO_TIMERS 3u        /* of a guest: wall time, processor time, kicks by its own thread */
#define CLO_KEEP_PAGES 2048u /* private pages that a micro-VM keeps from run to run, at most */
#define CLO_KEEP_STACK (256u << 10)  /* bytes that stay resident between runs */
#define CLO_KEEP_MESSAGE (64u << 10) /* likewise, of the call area and of the reply area */

/* A stretch of memory that a restore treats alike. */
struct clo_part {
    uint64_t va;
    uint64_t offset, length; /* in vm->memory */
    const uint8_t *source;   /* what a fresh micro-VM has here; NULL: zeros */
    bool keep;               /* written pages stay resident between runs, or are given back */
};

/* A region that grows. */
struct clo_growth {
    uint64_t va, max;
    uint64_t size;    /* bytes granted now */
    uint64_t initial; /* bytes that the image grants */
    uint64_t offset;  /* of the initial chunks in vm->memory */
    uint32_t initial_chunks;
    uint32_t tail_table; /* page of the 4 KiB table for the last initial chunk; 0: it is full */
    uint32_t water;      /* pool chunks that ever belonged to it since the slot was added */
};

struct clo_layout {
    uint64_t system_size;
    uint64_t stack, window, pool; /* offsets */
    uint32_t pool_chunks;
    uint32_t pool_tables; /* first of pool_chunks pages for page tables, one for each chunk */
    uint64_t size;        /* of the whole mapping */
    uint64_t shared_gpa;
};

struct clo_page_run { /* pages known to be private: [first, first + count) in vm->memory */
    uint32_t first, count;
    uint32_t part;
};

struct clo_vm {
    const struct clo_wall *wall;
    const struct clo_kvm *kvm; /* what follows down to `run`: of a micro-VM alone */
    int vm, vcpu;
    struct kvm_run *run;
    const struct clo_image *image;
    struct clo_vm_config config;
    pid_t pid, owner; /* owner: thread id */
    uint8_t *memory;
    struct clo_layout layout;
    struct clo_part parts[CLO_PARTS_MAX];
    unsigned part_count;
    struct clo_growth regions[CLO_REGION_COUNT];
    uint64_t *huge_advice; /* a bit for each pool chunk: last advised to be a huge page */
    bool block_added[CLO_POOL_BLOCKS_MAX]; /* the pool's memory slots */
    uint32_t table_next;    /* first unused page for page tables, while they are being built */
    struct kvm_sregs sregs; /* of a run's start */

    struct clo_context *context; /* of a guest in this process: its registers */
    bool counted, mapped;        /* likewise: it is the process's one, it has addresses */

    bool spent; /* after a fault or violation */
    bool used;  /* entered since the last restore */

    int pagemap; /* -1: nothing can be scanned, restores drop everything */
    struct clo_page_run *known;
    uint32_t known_count, known_pages;
    bool known_complete;
    long faults_seen;
    size_t used_call, used_reply;

    atomic_int kicked, alarmed;
    _Atomic uint64_t
        alarm_at; /* by clo_vm_alarm_by: when, on the monotonic clock; 0: none stands */
    bool timer_made[CLO_TIMERS], timer_set[CLO_TIMERS];
    timer_t timers[CLO_TIMERS];
};

/* What a wall does for vm.c, restore.c and alarm.c, which check what is wanted before they ask.
 * Errors are vm.h's. */
struct clo_wall {
    int (*create)(struct clo_vm *vm, struct clo_error *error); /* memory and registers */
    void (*destroy)(struct clo_vm *vm);                        /* also of what is half made */
    void (*start)(struct clo_vm *vm);                          /* registers of a run's start */
    int (*prime)(struct clo_vm *vm, struct clo_error *error);
    /* Until it stops, for a reason other than a signal that nobody sent to it. */
    int (*resume)(struct clo_vm *vm, struct clo_vm_exit *exit, struct clo_error *error);
    void (*stop)(struct clo_vm *vm); /* have it leave; async-signal-safe, any thread */
    int (*grow)(struct clo_vm *vm, enum clo_region region, uint64_t size, struct clo_error *error);
    int (*shrink)(struct clo_vm *vm, struct clo_error *error);   /* both regions, as at the start */
    int (*drop_all)(struct clo_vm *vm, struct clo_error *error); /* after shrink: every page */
    int (*clean)(struct clo_vm *vm, struct clo_error *error);    /* registers, after a run */
    /* Of a guest that stands behind a host call; and after start, to go on there. */
    int (*registers)(struct clo_vm *vm, struct clo_vm_registers *registers,
                     struct clo_error *error);
    int (*start_at)(struct clo_vm *vm, const struct clo_vm_registers *registers,
                    struct clo_error *error);
    /* Of a guest address in a region that grows; NULL: it is in none. */
    uint8_t *(*at)(const struct clo_vm *vm, uint64_t va);
};
#define CLO_PROCESS_END (CLO_HEAP_VA + CLO_HEAP_MAX) /* of a guest's addresses in this process */
extern const struct clo_wall clo_wall_kvm, clo_wall_process;

/* Host address of an offset. */
static inline uint8_t *clo_vm_at(const struct clo_vm *vm, uint64_t offset)
{
    return (uint8_t *)((uintptr_t)vm->memory + offset);
}

enum { CLO_SLOT_MEMORY = 0, CLO_SLOT_SHARED = 1, CLO_SLOT_POOL = 2 /* and up */ };

/* parts.c */
void clo_parts_add(struct clo_vm *vm, uint64_t va, uint64_t offset, uint64_t length,
                   const uint8_t *source, bool keep);
void clo_parts_add_stack(struct clo_vm *vm, uint64_t offset);
void clo_parts_add_window(struct clo_vm *vm, uint64_t offset);
void clo_parts_touch_hot(struct clo_vm *vm);
/* Host address of the page at a guest address in private memory, a region or the window; NULL. */
uint8_t *clo_memory_at(const struct clo_vm *vm, uint64_t va);
/* Reserve `size` bytes of address space on a 2 MiB boundary; NULL: out of it. */
uint8_t *clo_memory_reserve(uint64_t size, int protection);
/* Forget what is in [offset, offset + length): zeros, or the file's bytes, come back. */
int clo_memory_drop(struct clo_vm *vm, uint64_t offset, uint64_t length, struct clo_error *error);

/* kvm/memory.c */
int clo_memory_create(struct clo_vm *vm, struct clo_error *error);
void clo_memory_destroy(struct clo_vm *vm);
int clo_memory_slot(struct clo_vm *vm, uint32_t slot, uint64_t gpa, uint64_t size, void *memory,
                    uint32_t flags, struct clo_error *error);
uint8_t *clo_kvm_memory_at(const struct clo_vm *vm, uint64_t va);

/* kvm/grow.c */
int clo_kvm_grow(struct clo_vm *vm, enum clo_region region, uint64_t size, struct clo_error *error);
int clo_kvm_shrink(struct clo_vm *vm, struct clo_error *error);

/* scan.c: which pages of [from, to) are private to this process? */
struct clo_scan_range {
    uint64_t start, end, categories;
};
#define CLO_SCAN_RANGES 256
struct clo_scan {
    int pagemap;
    bool by_reading;
    uint64_t next, end;
    int at, count;
    struct clo_scan_range ranges[CLO_SCAN_RANGES];
};
int clo_scan_open(void); /* the process's descriptor, or -1 where there is none */
/* by_reading: as on a kernel that lacks PAGEMAP_SCAN. */
void clo_scan_begin(struct clo_scan *state, int pagemap, bool by_reading, const uint8_t *from,
                    uint64_t length);
/* 1: *range is the next; 0: no more; -1: the kernel failed. */
int clo_scan_next(struct clo_scan *state, struct clo_scan_range *range);

/* alarm.c */
#define CLO_ALARM_SIGNAL (SIGRTMAX - 3)
int clo_alarm_init(struct clo_vm *vm, struct clo_error *error); /* in a fork's child again */
void clo_alarm_mask(int how); /* SIG_BLOCK, SIG_UNBLOCK the alarms' signal in this thread */
void clo_alarm_destroy(struct clo_vm *vm);
bool clo_alarm_taken(struct clo_vm *vm); /* a kick is there: take it */
void clo_alarm_forget(struct clo_vm *vm);

/* process/x86/context.c: in a handler of `signal`: if it interrupted a guest of this process, that
 * one is stopped and this does not return. */
void clo_context_leave(int signal, const void *info, void *frame);

/* ---- kvm/x86/ ---- */

/* pagetable.c; `flags` are those of a leaf entry besides present, accessed and dirty */
#define CLO_PTE_WRITE 2ull
#define CLO_PTE_USER 4ull
#define CLO_PTE_NX (1ull << 63)
#define CLO_SYSTEM_PAGES 7u    /* before the page tables: root, GDT, IDT, TSS, stubs, stack */
#define CLO_INITIAL_TABLES 32u /* tables that are made with the micro-VM, at most */
#define CLO_SYSTEM_ROOT 1u     /* page numbers in the system area; page 0 stays empty */
#define CLO_SYSTEM_GDT 2u
#define CLO_SYSTEM_IDT 3u
#define CLO_SYSTEM_TSS 4u
#define CLO_SYSTEM_STUBS 5u
#define CLO_SYSTEM_STACK 6u

/* While a micro-VM is made: map by large entries where a whole 2 MiB fits, else by small ones. */
void clo_tables_map(struct clo_vm *vm, uint64_t va, uint64_t gpa, uint64_t length, uint64_t flags);
/* Have page directories for [va, va + length), so that growth only fills entries in. */
void clo_tables_reserve(struct clo_vm *vm, uint64_t va, uint64_t length);
uint32_t clo_tables_new(struct clo_vm *vm);
/* Grant pages first … first + count - 1 of the 2 MiB chunk at va: one large entry if `table` is 0
 * (first 0, count 512), else small entries in the table in page `table` of the system area. */
void clo_tables_grant(struct clo_vm *vm, uint64_t va, uint64_t gpa, unsigned first, unsigned count,
                      uint32_t table);
bool clo_tables_chunk_empty(const struct clo_vm *vm, uint64_t va);
/* Take back pages first … 511 of the chunk at va; first 0 empties its directory entry too. */
void clo_tables_revoke(struct clo_vm *vm, uint64_t va, unsigned first, uint32_t table);

/* system.c: GDT, IDT, TSS and fault stubs in the system area */
void clo_system_build(struct clo_vm *vm);
/* The frame that the last fault left on the stubs' stack: vector, error code, rip, cs, rflags, rsp,
 * ss. */
void clo_system_fault_frame(const struct clo_vm *vm, uint64_t frame[7]);

/* state.c: registers */
void clo_state_detect(struct clo_kvm *kvm);
int clo_state_init(struct clo_vm *vm, struct clo_error *error);
void clo_state_start(struct clo_vm *vm); /* by KVM_CAP_SYNC_REGS */
int clo_state_clean_vectors(struct clo_vm *vm, struct clo_error *error);
int clo_state_is_supervisor(struct clo_vm *vm, uint64_t *fault_address, struct clo_error *error);

int clo_state_registers(struct clo_vm *vm, struct clo_vm_registers *registers,
                        struct clo_error *error);
int clo_state_start_at(struct clo_vm *vm, const struct clo_vm_registers *registers,
                       struct clo_error *error);

/* x86/registers.c: from and to an area as XSAVE has it; without components it is FXSAVE's alone. */
void clo_registers_take_vectors(struct clo_vm_registers *registers, const uint8_t *area,
                                bool has_components);
void clo_registers_give_vectors(const struct clo_vm_registers *registers, uint8_t *area);
/* The lowest address of the stack that is alive, on a page. */
uint64_t clo_registers_stack(const struct clo_vm_registers *registers);

/* x86/cpu.c: does this processor have what an image was compiled for? */
bool clo_cpu_has(const char *level);

static inline uint64_t clo_round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

#endif
