/* cloche/image.h - the image: a pre-initialised guest in a file, from which micro-VMs are made.
 *
 * A struct clo_image is immutable once opened and may be used from any thread; it must outlive the
 * sandboxes made from it.
 */
#ifndef CLOCHE_IMAGE_H
#define CLOCHE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
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

/* Open an image: a file, or one by its name (clo_image_named). path NULL: the first that exists of
 * $CLOCHE_IMAGE (a file or a name), python.image beside the running program,
 * ../share/cloche/python.image relative to it. Errors: CLO_ENOTFOUND (lists what was tried),
 * CLO_EIMAGE (the reason), CLO_ENOMEMORY, CLO_ESYSTEM. */
CLO_API CLO_MUST_USE int clo_image_open(struct clo_image **image, const char *path,
                                        enum clo_image_mode mode, struct clo_error *error);
CLO_API void clo_image_close(struct clo_image *image);

/* Check the whole file, its hash included. */
CLO_API CLO_MUST_USE int clo_image_verify(const char *path, struct clo_error *error);

/* Write what the header says, for people (json false) or as one JSON object. */
CLO_API CLO_MUST_USE int clo_image_inspect(const char *path, bool json, FILE *out,
                                           struct clo_error *error);

/* Boot the guest in the ELF file `elf` behind the wall `isolation`, let it initialise itself, and
 * write the image to `path` (atomically: a temporary file beside it, then a rename). `inputs` is a
 * hash that is recorded in the header; may be NULL. What the guest prints goes to stderr. Both
 * walls give the same image, byte for byte; CLO_ISOLATION_PROCESS forks, and wants a process of one
 * thread. */
CLO_API CLO_MUST_USE int clo_image_build(const char *elf, const char *path, const char *inputs,
                                         enum clo_isolation isolation, struct clo_error *error);

/* ---- images with packages ---- */

/* What to add to an image: packages in pure Python. */
struct clo_image_addition {
    const char *from;          /* as in clo_image_open */
    const char *const *inputs; /* wheels (NAME.whl), folders, modules (NAME.py) of the host's */
    size_t input_count;
    const char *const
        *imports; /* modules that are imported ahead, so that a run begins with them */
    size_t import_count;
    bool no_requirements; /* what packages require of others may be missing */
    const char *path; /* of the new image; a file that is there is replaced when all went well */
    enum clo_isolation isolation; /* what stands around the packages while they are imported */
    uint64_t memory;  /* [1 GiB] bytes that each of the two guests may have; 48 MiB to 4 GiB */
    uint64_t time_ms; /* [300,000] that each may take */
    /* What is told while it goes on: a line about something left out, without its end, or what the
     * packages print at their import, as it comes (`printed`). May be NULL. */
    void (*on_word)(void *context, bool printed, const char *text, size_t length);
    void *context;
};

/* Make an image with more packages: in the guest of the one that it begins with they are checked,
 * unpacked, compiled and imported, and what its memory is then is the new one. Neither a compiler
 * nor Python is needed, and nothing of a package is opened on the host's side of the wall. The same
 * inputs in the same order, from the same image, give the same bytes, whatever the wall. On failure
 * there is no new file. CLO_ISOLATION_PROCESS forks, and wants a process of one thread.
 *
 * Errors: CLO_EINVALID (a package that is refused, a requirement that is missing, an import that
 * raised, each by its name), CLO_ELIMIT (time, memory, sizes), CLO_ENOTFOUND, CLO_EIMAGE,
 * CLO_ENOHYPERVISOR, CLO_ENOMEMORY, CLO_ESYSTEM. */
CLO_API CLO_MUST_USE int clo_image_add(const struct clo_image_addition *addition,
                                       struct clo_error *error);

/* The packages that were added: "attrs 24.2.0 (attr, attrs), six 1.16.0", by name, in brackets
 * their modules where they are called otherwise; "": none. It is the image's. */
CLO_API const char *clo_image_packages(const struct clo_image *image);

/* Images by name. A name has letters, digits, '.', '_' and '-', begins with one of the first two,
 * does not end in ".image", and has at most CLO_IMAGE_NAME_MAX characters. NAME.image lies in
 * $XDG_DATA_HOME/cloche/images (~/.local/share/cloche/images), or beside the program in
 * ../share/cloche/images. All of these are thread-safe. */
#define CLO_IMAGE_NAME_MAX 100
#define CLO_IMAGE_PATH_MAX 4096

/* The file of the image that has this name. False: it is no name, or there is none. */
CLO_API bool clo_image_named(const char *word, char path[CLO_IMAGE_PATH_MAX]);

/* Where an image of this name is to be put; its folder is made. Errors: CLO_EINVALID, CLO_ENOTFOUND
 * (there is no home), CLO_ESYSTEM. */
CLO_API CLO_MUST_USE int clo_image_place(const char *name, char path[CLO_IMAGE_PATH_MAX],
                                         struct clo_error *error);

/* Errors: CLO_EINVALID, CLO_ENOTFOUND, CLO_ESYSTEM. */
CLO_API CLO_MUST_USE int clo_image_remove(const char *name, struct clo_error *error);

struct clo_image_names {
    char **all; /* sorted */
    size_t count;
};
/* On failure there is nothing to free. Errors: CLO_ENOMEMORY. */
CLO_API CLO_MUST_USE int clo_image_names(struct clo_image_names *names, struct clo_error *error);
CLO_API void clo_image_names_free(struct clo_image_names *names);

CLO_API const char *clo_image_path(const struct clo_image *image);
CLO_API const char *clo_image_runtime(const struct clo_image *image); /* "CPython 3.13.5" */

#ifdef __cplusplus
}
#endif

#endif
