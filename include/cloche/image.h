/* cloche/image.h - the image: a pre-initialised guest in a file, from which micro-VMs are made.
 *
 * A struct clo_image is immutable once opened and may be used from any thread; it must outlive the
 * sandboxes made from it.
 */
#ifndef CLOCHE_IMAGE_H
#define CLOCHE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cloche/error.h"
#include "cloche/isolation.h"

#ifdef __cplusplus
extern "C" {
#endif

struct clo_image;

enum clo_image_mode {
    /* Map the file itself; check header and sizes only. For a short-lived process. The file must
     * not be changed while it is in use. */
    CLO_IMAGE_MAP,
    /* Check the whole hash, then use a sealed copy in memory with the code in huge pages: a file
     * that changes underneath cannot hurt. For servers. */
    CLO_IMAGE_COPY,
};

/* Open an image. path NULL: the first that exists of $CLOCHE_IMAGE, python.image beside the running
 * program, ../share/cloche/python.image relative to it. Errors: CLO_ENOTFOUND (lists what was
 * tried), CLO_EIMAGE (the reason), CLO_ENOMEMORY, CLO_ESYSTEM. */
CLO_API CLO_MUST_USE int clo_image_open(struct clo_image **image, const char *path,
                                        enum clo_image_mode mode, struct clo_error *error);
CLO_API void clo_image_close(struct clo_image *image);

/* Check the whole file, its hash included. */
CLO_API CLO_MUST_USE int clo_image_verify(const char *path, struct clo_error *error);

/* Write what the header says, for people (json false) or as one JSON object. */
CLO_API CLO_MUST_USE int clo_image_inspect(const char *path, bool json, FILE *out,
                                           struct clo_error *error);

/* Boot the guest in the ELF file `elf` behind the wall `isolation`, let it initialise itself, and
 * write the image to `path` (atomically: a temporary file beside it, then a rename). `inputs` is a hash that is
 * recorded in the header; may be NULL. What the guest prints goes to stderr. Both walls give the
 * same image, byte for byte; CLO_ISOLATION_PROCESS forks, and wants a process of one thread. */
CLO_API CLO_MUST_USE int clo_image_build(const char *elf, const char *path, const char *inputs,
                                         enum clo_isolation isolation, struct clo_error *error);

CLO_API const char *clo_image_path(const struct clo_image *image);
CLO_API const char *clo_image_runtime(const struct clo_image *image); /* "CPython 3.13.5" */

#ifdef __cplusplus
}
#endif

#endif
