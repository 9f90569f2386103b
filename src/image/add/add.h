/* image/add/add.h - more packages into an image. Read this first.
 *
 *   wheels, folders ─▶ gather.c ─▶ one stream of bytes
 *                                       │ standard input
 *                                       ▼                          of a fresh guest of the image
 *                                  prepare.py: checks, unpacks, compiles
 *                                       │ /output/packages
 *                                       ▼                          of a second fresh guest
 *                                  load.py: files into its RAM file system, imports, settles
 *                                       │ the pages of its state (sandbox/run/state.h)
 *                                       ▼
 *                                  grown.c: the image with these pages ─▶ draft.c: the file
 *
 * What is always true
 * - What packages are is read behind the wall only: a wheel is a file of bytes to the host, and so
 *   is what is made of it. The host reads names and sizes of folders' files, a line of JSON about
 *   the packages (their names are checked character by character) and pages.
 * - No code of a package runs in the first guest; so what an image says that it holds is not the
 *   word of what it holds. In the second, code of packages runs as any code does in a sandbox, with
 *   no tools, no files and no network; whatever it does ends up in the new image's memory and
 *   nowhere else.
 * - Two guests, so that what unpacking and compiling leave behind is no part of the new image.
 * - Clocks and seed of both are constants: the same inputs give the same bytes.
 * - One thread: the sandboxes are gone when the hot list is found, for which a process may be
 *   forked.
 */
#ifndef CLO_IMAGE_ADD_ADD_H
#define CLO_IMAGE_ADD_ADD_H

#include "base/buffer.h"
#include "cloche/image.h"
#include "image/draft.h"
#include "sandbox/run/state.h"

#define CLO_ADD_INPUTS_MAX 200u
#define CLO_ADD_FILES_MAX 20000u          /* in all folders */
#define CLO_ADD_FILE_MAX (64ull << 20)    /* bytes of one file or wheel */
#define CLO_ADD_BYTES_MAX (384ull << 20)  /* of all of them, as they come */
#define CLO_ADD_PREPARED_MAX (1ull << 30) /* unpacked and compiled */
#define CLO_ADD_IMPORTS_MAX 1000u

/* The stream: what prepare.py reads. Names come first, then the files' bytes. */
struct clo_gathered {
    char *head; /* a line of JSON */
    size_t head_length;
    int fd;              /* the bytes */
    uint64_t length, at; /* of head and bytes together; what has been read */
};

/* gather.c. Errors: CLO_EINVALID, CLO_ELIMIT, CLO_ENOTFOUND, CLO_ESYSTEM, CLO_ENOMEMORY; on failure
 * there is nothing to free. */
int clo_gather(struct clo_gathered *gathered, const struct clo_image_addition *addition,
               struct clo_error *error);
void clo_gathered_free(struct clo_gathered *gathered);
/* The next bytes, at most `capacity`; 0: the end; negative: they cannot be read. */
ptrdiff_t clo_gathered_read(struct clo_gathered *gathered, char *buffer, size_t capacity);

/* grown.c: pages of a state, kept until they become segments. */
struct clo_grown {
    const struct clo_image *image; /* that the guest began with */
    uint64_t region_size[CLO_REGION_COUNT];
    uint32_t *numbers; /* ascending */
    uint8_t *pages;
    size_t count, room;
};

/* Takes a state. Errors: CLO_EGUEST (pages that are none), CLO_ELIMIT, CLO_ENOMEMORY. */
struct clo_state_sink clo_grown_sink(struct clo_grown *grown);
void clo_grown_free(struct clo_grown *grown);
/* The new image's header and segments. Errors: clo_draft_memory's. */
int clo_grown_draft(const struct clo_grown *grown, struct clo_draft *draft,
                    struct clo_error *error);

/* The two programs (tools/embed_files.sh). */
struct clo_embedded_file {
    const char *name, *data;
    size_t size;
};
extern const struct clo_embedded_file clo_add_programs[];

#endif
