/* draft.c - see draft.h. */
#include "image/draft.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "vm/internal.h"

#define MEMORY_BESIDE (192ull << 20) /* what the guests that find the hot list may grow by */

/* What a confined guest tells: in memory that it shares with this process. */
struct hot_list {
    uint32_t count;
    uint32_t pages[CLO_IMAGE_HOT_MAX];
};

struct recording {
    const char *what;
    struct hot_list *hot;
};

/* ---- memory ---- */

static int put(struct clo_draft *draft, const void *bytes, uint64_t size, uint64_t offset,
               struct clo_error *error)
{
    if (offset > CLO_IMAGE_FILE_MAX || size > CLO_IMAGE_FILE_MAX - offset)
        return clo_fail(error, CLO_EIMAGE, "guest %s: its image would pass the limit of %llu bytes",
                        draft->what, CLO_IMAGE_FILE_MAX);
    memcpy(draft->contents->bytes + offset, bytes, size);
    return 0;
}

/* Of a page that is not there (the lowest, by process isolation) as well. */
static bool is_zero(const uint8_t *page)
{
    return !page || (page[0] == 0 && !memcmp(page, page + 1, CLO_PAGE_SIZE - 1));
}

/* Bytes up to the last page that is not zero. */
static uint64_t used_size(uint64_t address, uint64_t size, clo_draft_page_fn page, void *context)
{
    while (size && is_zero(page(context, address + size - CLO_PAGE_SIZE)))
        size -= CLO_PAGE_SIZE;
    return size;
}

static struct clo_image_segment *add_segment(struct clo_draft *draft,
                                             const struct clo_image_segment *like,
                                             uint64_t file_size)
{
    struct clo_image_header *header = &draft->contents->header;
    struct clo_image_segment *segment = &header->segments[header->segment_count++];
    *segment = *like;
    segment->file_offset = header->file_size;
    segment->file_size = file_size;
    header->file_size += file_size;
    header->hot_offset = header->file_size;
    return segment;
}

int clo_draft_copy(struct clo_draft *draft, const struct clo_image_segment *like,
                   const uint8_t *bytes, struct clo_error *error)
{
    const struct clo_image_segment *segment = add_segment(draft, like, like->file_size);
    return put(draft, bytes, segment->file_size, segment->file_offset, error);
}

int clo_draft_memory(struct clo_draft *draft, const struct clo_image_segment *like,
                     clo_draft_page_fn page, void *context, struct clo_error *error)
{
    uint64_t used = used_size(like->address, like->size, page, context);
    if (like->kind != CLO_SEGMENT_PRIVATE) {
        used = clo_round_up(used, CLO_HUGE_PAGE_SIZE);
        used = used < like->size ? used : like->size;
    }
    const struct clo_image_segment *segment = add_segment(draft, like, used);
    for (uint64_t at = 0; at < used; at += CLO_PAGE_SIZE) {
        const uint8_t *bytes = page(context, like->address + at);
        if (is_zero(bytes))
            continue;
        int status = put(draft, bytes, CLO_PAGE_SIZE, segment->file_offset + at, error);
        if (status)
            return status;
    }
    return 0;
}

/* ---- the file ---- */

/* Pages of zeros are left out: the file has holes there. */
static int write_file(const struct clo_draft *draft, struct clo_error *error)
{
    struct clo_draft_contents *contents = draft->contents;
    uint64_t size = contents->header.file_size;
    if (size > CLO_IMAGE_FILE_MAX)
        return clo_fail(error, CLO_EGUEST, "guest %s: an image of %llu bytes", draft->what,
                        (unsigned long long)size);
    memcpy(contents->bytes, &contents->header, sizeof contents->header);
    int failed = ftruncate(draft->fd, (off_t)size);
    for (uint64_t at = 0; at < size && !failed; at += CLO_PAGE_SIZE) {
        const uint8_t *page = contents->bytes + at;
        if (!is_zero(page))
            failed = pwrite(draft->fd, page, CLO_PAGE_SIZE, (off_t)at) != (ssize_t)CLO_PAGE_SIZE;
    }
    if (failed)
        return clo_fail_errno(error, CLO_ESYSTEM, "writing %s", draft->temporary);
    return 0;
}

/* Always a new file. */
static int create(struct clo_draft *draft, struct clo_error *error)
{
    unlink(draft->temporary);
    draft->fd = open(draft->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    draft->created = draft->created || draft->fd >= 0;
    return draft->fd >= 0 ? 0 : clo_fail_errno(error, CLO_ESYSTEM, "creating %s", draft->temporary);
}

int clo_draft_open(struct clo_draft *draft, const char *what, const char *path,
                   enum clo_isolation isolation, struct clo_error *error)
{
    *draft = (struct clo_draft){.what = what, .path = path, .isolation = isolation, .fd = -1};
    if ((size_t)snprintf(draft->temporary, sizeof draft->temporary, "%s.new.%d", path,
                         (int)getpid()) >= sizeof draft->temporary)
        return clo_fail(error, CLO_EINVALID, "the path %.60s... is too long", path);
    draft->contents = clo_image_share(CLO_DRAFT_SIZE);
    if (!draft->contents)
        return clo_fail_errno(error, CLO_ENOMEMORY, "memory for a draft of the image");
    draft->contents->header.file_size = CLO_PAGE_SIZE;
    draft->contents->header.hot_offset = CLO_PAGE_SIZE;
    int status = create(draft, error);
    if (status)
        clo_draft_close(draft);
    return status;
}

/* Where writing is over, on failure too. */
static int close_file(struct clo_draft *draft, struct clo_error *error)
{
    int fd = draft->fd;
    draft->fd = -1;
    return close(fd) ? clo_fail_errno(error, CLO_ESYSTEM, "writing %s", draft->temporary) : 0;
}

void clo_draft_close(struct clo_draft *draft)
{
    if (draft->fd >= 0)
        close(draft->fd);
    if (draft->created)
        unlink(draft->temporary);
    if (draft->contents)
        munmap(draft->contents, CLO_DRAFT_SIZE);
    *draft = (struct clo_draft){.fd = -1};
}

/* ---- the hot list ---- */

/* Add the pages that are private now, as far as a restore keeps them. */
static int collect(const struct clo_vm *vm, struct hot_list *hot)
{
    struct clo_scan scan;
    struct clo_scan_range range;
    int more = 0;
    for (unsigned i = 0; i < vm->part_count && more >= 0; i++) {
        const struct clo_part *part = &vm->parts[i];
        if (!part->keep)
            continue;
        clo_scan_begin(&scan, vm->pagemap, false, clo_vm_at(vm, part->offset), part->length);
        while ((more = clo_scan_next(&scan, &range)) > 0) {
            uint64_t va = part->va + (range.start - (uintptr_t)clo_vm_at(vm, part->offset));
            for (uint64_t at = 0; at < range.end - range.start; at += CLO_PAGE_SIZE)
                if (hot->count < CLO_IMAGE_HOT_MAX)
                    hot->pages[hot->count++] = (uint32_t)((va + at) / CLO_PAGE_SIZE);
        }
    }
    return more;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Confined: one guest runs all requests, restored in between, and keeps every page that any of them
 * wrote. */
static int record(struct clo_vm *vm, void *context, struct clo_error *error)
{
    struct recording *recording = context;
    struct clo_buffer request = CLO_BUFFER(CLO_MESSAGE_MAX);
    int status = 0;
    bool more = clo_image_request(&request, 0);
    for (size_t i = 1; !status && more; i++) {
        status = request.failed ? clo_fail_memory(error)
                                : clo_image_boot(vm, recording->what, &request, NULL, error);
        more = clo_image_request(&request, i);
        if (!status && vm->pagemap >= 0 && !more && collect(vm, recording->hot) < 0)
            status = clo_fail_errno(error, CLO_ESYSTEM, "scanning a guest's memory");
        if (!status)
            status = clo_vm_restore(vm, NULL, error);
    }
    clo_buffer_free(&request);
    if (!status && vm->pagemap < 0)
        fprintf(
            stderr,
            "image: /proc/self/pagemap cannot be read: the image gets no hot list, its first runs take longer\n");
    return status;
}

/* The draft is none of the child's: neither its memory nor its file, but for reading. */
static int find_hot_list(struct clo_draft *draft, struct hot_list *hot, struct clo_error *error)
{
    struct recording recording = {.what = draft->what, .hot = hot};
    struct clo_image *guest;
    int fd, status = clo_image_open_file(draft->temporary, &fd, error);
    if (!status)
        status =
            clo_image_attach(&guest, fd, draft->temporary, false, CLO_ISOLATION_MICROVM, error);
    if (status)
        return status;
    struct clo_vm_config config = {
        .isolation = draft->isolation,
        .memory_limit = clo_round_up(clo_image_granted(guest) + MEMORY_BESIDE, 2ull << 20)};
    if (madvise(draft->contents, CLO_DRAFT_SIZE, MADV_DONTFORK))
        status = clo_fail_errno(error, CLO_ESYSTEM, "keeping a draft from a child process");
    if (!status)
        status = clo_image_confine(guest, &config, record, &recording, error);
    clo_image_close(guest);
    return status;
}

static int add_hot_list(struct clo_draft *draft, struct clo_error *error)
{
    struct clo_image_header *header = &draft->contents->header;
    struct hot_list *hot = clo_image_share(sizeof *hot);
    if (!hot)
        return clo_fail_errno(error, CLO_ENOMEMORY, "memory for a hot list");
    int status = find_hot_list(draft, hot, error);
    uint32_t count = hot->count;
    if (!status && count > CLO_IMAGE_HOT_MAX)
        status =
            clo_fail(error, CLO_EGUEST, "guest %s: a hot list of %u entries", draft->what, count);
    if (!status) {
        uint64_t size = count * sizeof *hot->pages;
        qsort(hot->pages, count, sizeof *hot->pages, ascending);
        header->hot_count = count;
        header->file_size += clo_round_up(size, CLO_PAGE_SIZE);
        status = put(draft, hot->pages, size, header->hot_offset, error);
    }
    munmap(hot, sizeof *hot);
    return status;
}

static int add_trailer(struct clo_draft *draft, const void *bytes, size_t length,
                       struct clo_error *error)
{
    struct clo_image_header *header = &draft->contents->header;
    uint64_t at = header->file_size;
    header->file_size += clo_round_up(length, CLO_PAGE_SIZE);
    return put(draft, bytes, length, at, error);
}

static int seal(struct clo_draft *draft, struct clo_error *error)
{
    struct clo_draft_contents *contents = draft->contents;
    int status = write_file(draft, error);
    if (!status)
        status = clo_image_hash(contents->bytes, contents->header.file_size,
                                contents->header.sha256, error);
    if (!status)
        status = write_file(draft, error);
    if (!status && fsync(draft->fd))
        status = clo_fail_errno(error, CLO_ESYSTEM, "writing %s", draft->temporary);
    return status;
}

int clo_draft_finish(struct clo_draft *draft, const void *trailer, size_t length,
                     struct clo_error *error)
{
    int status = write_file(draft, error);
    if (!status)
        status = close_file(draft, error);
    if (!status)
        status = add_hot_list(draft, error);
    if (!status)
        status = create(draft, error);
    if (!status && length)
        status = add_trailer(draft, trailer, length, error);
    if (!status)
        status = seal(draft, error);
    if (!status)
        status = close_file(draft, error);
    if (!status && rename(draft->temporary, draft->path))
        status =
            clo_fail_errno(error, CLO_ESYSTEM, "renaming %s to %s", draft->temporary, draft->path);
    draft->created = draft->created && status;
    return status;
}
