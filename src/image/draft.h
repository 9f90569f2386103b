/* image/draft.h - an image that is being made: segment by segment, then the file.
 *
 *   open ──▶ the header's fields, clo_draft_copy, clo_draft_memory ──▶ finish ──▶ close
 *            (confined, where a guest was booted for it)                │
 *                         hot list, trailer, hash, rename ◀─────────────┘
 *
 * What is always true
 * - The file holds what cannot be made again: code, data, linear memory and heap up to the last
 *   page that is not zero. Page tables, stack and window are the VMM's to make.
 * - Until it is finished it is a file of another name; one that is closed before leaves nothing.
 * - The draft is in memory that a confined child shares with this process, so that it can hand out
 *   a guest's. The guests that find the hot list, in which code of packages may run, do not share
 *   it.
 * - One thread, where the wall is a process: finishing forks.
 */
#ifndef CLO_IMAGE_DRAFT_H
#define CLO_IMAGE_DRAFT_H

#include <limits.h>

#include "abi/image.h"
#include "image/image.h"

struct clo_draft_contents {
    struct clo_image_header header; /* file_size and segments are filled in here, in their order */
    uint8_t bytes[];                /* of the file, CLO_IMAGE_FILE_MAX at most */
};
#define CLO_DRAFT_SIZE (sizeof(struct clo_draft_contents) + CLO_IMAGE_FILE_MAX)

struct clo_draft {
    const char *what, *path; /* what it is made of, for messages; where it will lie */
    enum clo_isolation isolation;
    char temporary[PATH_MAX];
    int fd;
    bool created; /* there is a temporary file */
    struct clo_draft_contents *contents;
};

/* On failure there is nothing to close. Errors: CLO_EINVALID, CLO_ENOMEMORY, CLO_ESYSTEM. */
int clo_draft_open(struct clo_draft *draft, const char *what, const char *path,
                   enum clo_isolation isolation, struct clo_error *error);
void clo_draft_close(struct clo_draft *draft);

/* The next segment, by ascending address. `like`: its kind, rights, address and size. */

/* Its bytes are those of a file: like->file_size of them. */
int clo_draft_copy(struct clo_draft *draft, const struct clo_image_segment *like,
                   const uint8_t *bytes, struct clo_error *error);

/* Its bytes are a guest's memory: the page at an address; NULL: it is zero. */
typedef const uint8_t *(*clo_draft_page_fn)(void *context, uint64_t address);
int clo_draft_memory(struct clo_draft *draft, const struct clo_image_segment *like,
                     clo_draft_page_fn page, void *context, struct clo_error *error);

/* Fresh guests of it run small programs, and the pages that they write become the hot list; behind
 * it `length` bytes of a trailer; then the hash, and the name. */
int clo_draft_finish(struct clo_draft *draft, const void *trailer, size_t length,
                     struct clo_error *error);

#endif
