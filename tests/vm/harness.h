/* harness.h - an image of the tests' guest, and commands to it: in micro-VMs on the real /dev/kvm, or
 * with $CLOCHE_TEST_ISOLATION "process" by process isolation, one guest at a time.
 *
 * A test program calls harness_begin first in main: without /dev/kvm, where it is needed, it prints
 * SKIP and leaves with code 77, which Meson reports as skipped. */
#ifndef TESTS_VM_HARNESS_H
#define TESTS_VM_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest.h"
#include "vm/internal.h"

#define MIB ((uint64_t)1 << 20)
#define KIB (1ull << 10)

extern struct clo_image *harness_image[2]; /* opened as CLO_IMAGE_MAP and as CLO_IMAGE_COPY */
extern const char *harness_elf;            /* the guest, from the command line */
extern char harness_folder[];              /* temporary */
extern enum clo_isolation harness_isolation;

/* For cases of one wall alone: under the other they are skipped. */
void harness_only(enum clo_isolation isolation);

/* Build and open the images; the only argument is the guest's ELF file. */
void harness_begin(int argc, char **argv);
int harness_end(int failed);

/* Rounds of a test: fewer where $CLOCHE_TEST_SHARE, in per cent, says so (emulated processors). At
 * least one. */
unsigned harness_rounds(unsigned rounds);

/* Is this processor QEMU's, which lacks some of what real ones check? */
bool harness_is_emulated(void);

/* Of harness_isolation, whatever the configuration says; from the mapped image. */
struct clo_vm *harness_vm(const struct clo_vm_config *config);
struct clo_vm *harness_vm_of(const struct clo_image *image, const struct clo_vm_config *config);

void harness_command(struct clo_vm *vm, uint32_t op, uint64_t a, uint64_t b, uint64_t c);
/* Go on until the run ends or stops, serving FLUSH and GROW. */
struct clo_vm_exit harness_go(struct clo_vm *vm);
/* A command to its DONE; its result. */
uint64_t harness_run(struct clo_vm *vm, uint32_t op, uint64_t a, uint64_t b, uint64_t c);
void harness_restore(struct clo_vm *vm);

/* compare.c: compare everything with a fresh guest of the same image; the number of pages and state
 * words that differ, 0 when clean. Says where on stderr. By process isolation there is no second
 * guest: memory is compared with the image, and registers are loaded anew at each start. */
size_t clo_vm_compare(struct clo_vm *vm);

/* state_compare.c: words of the two vCPUs' state that differ; says which on stderr. */
size_t clo_state_compare(struct clo_vm *vm, struct clo_vm *fresh);

/* Expect a fault; returns it. */
struct clo_vm_exit harness_fault(struct clo_vm *vm, uint32_t op, uint64_t a, uint64_t b);

#endif
