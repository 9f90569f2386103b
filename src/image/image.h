/* image/image.h - making images and opening their files. Read this first.
 *
 *   guest.elf ──▶ elf.c ──▶ boot.c: until it is ready ──▶ build.c: its memory becomes the file
 *                                                            │
 *            what the first runs write is noted in the file ◀┴─ boot.c: each of warm_requests.c
 *
 *   python.image ──▶ file.c: found, opened, hashed, copied ──▶ clo_image_attach (src/vm)
 *
 * What is always true
 * - This is the only part of the host that boots a guest which is not yet an image, and the only
 *   one besides src/vm that looks into a micro-VM's memory. What a worker process needs of an
 *   image, its check and its mapping, is in src/vm: nothing of this folder is in a worker.
 * - Clocks, seed and limits of a guest that is being made into an image are constants: the same ELF
 *   file gives the same image, byte for byte.
 * - A struct clo_image does not change once it is open. Every function may be called from any
 *   thread; no lock is taken here.
 */
#ifndef CLO_IMAGE_IMAGE_H
#define CLO_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/hostcall.h"
#include "base/buffer.h"
#include "cloche/image.h"

struct clo_vm;
struct clo_vm_config;

/* file.c. The descriptor is the caller's. Errors: CLO_ENOTFOUND, CLO_EIMAGE (no regular file),
 * CLO_ESYSTEM. */
int clo_image_open_file(const char *path, int *fd, struct clo_error *error);

/* Hash of an image in memory, its sha256 field taken as zeros. */
int clo_image_hash(const uint8_t *bytes, uint64_t size, uint8_t sha256[32],
                   struct clo_error *error);

/* elf.c: a guest that has not run yet, as an image in a memfd with an empty linear memory and heap;
 * its run entry is the ELF file's entry point. */
int clo_image_load_elf(struct clo_image **image, const char *elf, struct clo_error *error);

/* boot.c: let a guest run until it says READY (request NULL) or DONE. */
struct clo_boot {
    uint64_t entry; /* READY: where runs start */
    uint32_t interrupt_count;
    struct clo_interrupt_store interrupts[CLO_INTERRUPT_STORES_MAX];
    char runtime[64]; /* from a line "runtime: ..." on stdout, else "unknown" */
};
int clo_image_boot(struct clo_vm *vm, const char *path, const struct clo_buffer *request,
                   struct clo_boot *boot, struct clo_error *error);

/* confine.c: make a guest from `image` behind the wall that `config` names, and have `work` done with
 * it. By process isolation that happens in a jailed child of this process, which must have one
 * thread: what `work` leaves behind is in memory from clo_image_share, which the child shares, and
 * is the child's word. Errors: clo_vm_create's, what `work` returns, CLO_EGUEST. */
int clo_image_confine(const struct clo_image *image, const struct clo_vm_config *config,
                      int (*work)(struct clo_vm *vm, void *context, struct clo_error *error),
                      void *context, struct clo_error *error);
/* Zeroed memory that children share; NULL, with errno set. munmap it. */
void *clo_image_share(size_t size);

/* warm_requests.c: write the run request of a typical small program. False: there is no more. */
bool clo_image_request(struct clo_buffer *request, size_t index);

#endif
