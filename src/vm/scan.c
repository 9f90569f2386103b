/* scan.c - which pages of a private mapping has this process made its own?
 *
 * A page is private when it is present or swapped out, does not come from the mapped file, and is
 * not the shared page of zeros. Linux 6.7 answers that in one call (PAGEMAP_SCAN); before, an entry
 * is read for each page, which cannot tell the page of zeros: it counts as private then, which only
 * costs time. Both merge neighbouring pages into ranges, across mappings: scan each kind of memory
 * by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm/internal.h"

/* From the kernel's interface; the C library's headers may be older than the kernel. */
struct scan_request {
    uint64_t size, flags, start, end, walk_end, ranges, range_count, max_pages;
    uint64_t inverted, all_of, any_of, reported;
};
#define SCAN_REQUEST _IOWR('f', 16, struct scan_request)
#define PAGE_FILE (1u << 2)
#define PAGE_PRESENT (1u << 3)
#define PAGE_SWAPPED (1u << 4)
#define PAGE_ZERO (1u << 5)

#define READ_ENTRIES 512
#define ENTRY_PRESENT (1ull << 63)
#define ENTRY_SWAPPED (1ull << 62)
#define ENTRY_FILE (1ull << 61)

static long scan(int pagemap, uint64_t start, uint64_t end, struct clo_scan_range *ranges,
                 uint64_t count, uint64_t *walk_end)
{
    struct scan_request request = {.size = sizeof request,
                                   .start = start,
                                   .end = end,
                                   .ranges = (uintptr_t)ranges,
                                   .range_count = count,
                                   .inverted = PAGE_FILE | PAGE_ZERO,
                                   .all_of = PAGE_FILE | PAGE_ZERO,
                                   .any_of = PAGE_PRESENT | PAGE_SWAPPED,
                                   .reported = PAGE_PRESENT | PAGE_SWAPPED};
    long found;
    do
        found = ioctl(pagemap, SCAN_REQUEST, &request);
    while (found < 0 && errno == EINTR);
    *walk_end = request.walk_end;
    return found;
}

static atomic_int way = CLO_SCAN_NONE;

/* For tests of a whole program: $CLOCHE_SCAN_FALLBACK has it act as on a kernel that lacks
 * PAGEMAP_SCAN, or pagemap altogether ("drop"). */
static enum clo_scan_way best_allowed(void)
{
    const char *value = getenv("CLOCHE_SCAN_FALLBACK");
    if (!value || !*value || strcmp(value, "0") == 0)
        return CLO_SCAN_KERNEL;
    return strcmp(value, "drop") == 0 ? CLO_SCAN_NONE : CLO_SCAN_READ;
}

enum clo_scan_way clo_scan_way(void)
{
    clo_scan_open();
    return (enum clo_scan_way)atomic_load(&way);
}

static int proc = -1; /* a descriptor of /proc, where it has been adopted */

void clo_proc_adopt(int directory)
{
    proc = directory;
}

static int open_pagemap(void)
{
    if (best_allowed() == CLO_SCAN_NONE)
        return -1;
    return proc >= 0 ? openat(proc, "self/pagemap", O_RDONLY | O_CLOEXEC)
                     : open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

/* A descriptor of /proc/self/pagemap is bound to the address space that opened it: a child of a
 * fork must not scan its parent. `mine` is a page that a fork leaves empty in the child. */
int clo_scan_open(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int descriptor = -1;
    static char *mine;

    pthread_mutex_lock(&lock);
    if (!mine) {
        mine =
            mmap(NULL, CLO_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mine == MAP_FAILED)
            mine = NULL;
        else if (madvise(mine, CLO_PAGE_SIZE, MADV_WIPEONFORK)) {
            munmap(mine, CLO_PAGE_SIZE);
            mine = NULL;
        }
    }
    if (mine && !*mine) {
        if (descriptor >= 0)
            close(descriptor);
        descriptor = open_pagemap();
        struct clo_scan_range range;
        uint64_t start = (uintptr_t)mine, end;
        if (descriptor < 0)
            atomic_store(&way, CLO_SCAN_NONE);
        else if (best_allowed() == CLO_SCAN_KERNEL &&
                 scan(descriptor, start, start + CLO_PAGE_SIZE, &range, 1, &end) >= 0)
            atomic_store(&way, CLO_SCAN_KERNEL);
        else
            atomic_store(&way, CLO_SCAN_READ);
        *mine = 1;
    }
    int result = mine ? descriptor : -1;
    pthread_mutex_unlock(&lock);
    return result;
}

void clo_scan_begin(struct clo_scan *state, int pagemap, bool by_reading, const uint8_t *from,
                    uint64_t length)
{
    state->pagemap = pagemap;
    state->by_reading = by_reading || atomic_load(&way) != CLO_SCAN_KERNEL;
    state->next = (uintptr_t)from;
    state->end = state->next + length;
    state->at = state->count = 0;
}

/* Fill the vector by the kernel's scan. */
static int fill_by_scan(struct clo_scan *state)
{
    uint64_t walk_end;
    long found =
        scan(state->pagemap, state->next, state->end, state->ranges, CLO_SCAN_RANGES, &walk_end);
    if (found < 0)
        return -1;
    /* a full vector: the walk goes on behind the last range */
    state->next = found == CLO_SCAN_RANGES ? state->ranges[found - 1].end : state->end;
    state->count = (int)found;
    return 0;
}

/* Add one page; false: the vector is full. */
static bool add_page(struct clo_scan *state, uint64_t page)
{
    struct clo_scan_range *last = state->count ? &state->ranges[state->count - 1] : NULL;
    if (last && last->end == page) {
        last->end = page + CLO_PAGE_SIZE;
        return true;
    }
    if (state->count == CLO_SCAN_RANGES)
        return false;
    state->ranges[state->count++] = (struct clo_scan_range){page, page + CLO_PAGE_SIZE, 0};
    return true;
}

/* Fill the vector from entries of eight bytes a page (kernel documentation, pagemap). */
static int fill_by_reading(struct clo_scan *state)
{
    uint64_t entries[READ_ENTRIES];
    while (state->next < state->end) {
        uint64_t pages = (state->end - state->next) / CLO_PAGE_SIZE;
        size_t size = (pages < READ_ENTRIES ? pages : READ_ENTRIES) * sizeof *entries;
        ssize_t got = pread(state->pagemap, entries, size,
                            (off_t)(state->next / CLO_PAGE_SIZE * sizeof *entries));
        if (got < (ssize_t)sizeof *entries)
            return -1;
        for (size_t i = 0; i < (size_t)got / sizeof *entries; i++) {
            bool resident = entries[i] & (ENTRY_PRESENT | ENTRY_SWAPPED);
            if (resident && !(entries[i] & ENTRY_FILE) && !add_page(state, state->next))
                return 0;
            state->next += CLO_PAGE_SIZE;
        }
    }
    return 0;
}

int clo_scan_next(struct clo_scan *state, struct clo_scan_range *range)
{
    if (state->at == state->count) {
        state->at = state->count = 0;
        if (state->next >= state->end)
            return 0;
        if (state->by_reading ? fill_by_reading(state) : fill_by_scan(state))
            return -1;
        if (!state->count)
            return 0;
    }
    *range = state->ranges[state->at++];
    return 1;
}
