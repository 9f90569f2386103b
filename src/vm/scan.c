/* scan.c - which pages of a private mapping has this process made its own? (PAGEMAP_SCAN,
 * Linux 6.7)
 *
 * A page is private when it is present or swapped out, does not come from the mapped file, and is
 * not the shared page of zeros. The kernel merges neighbouring pages into ranges across mappings:
 * scan each kind of memory by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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
        descriptor = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        struct clo_scan_range range;
        uint64_t start = (uintptr_t)mine, end;
        if (descriptor >= 0 &&
            scan(descriptor, start, start + CLO_PAGE_SIZE, &range, 1, &end) < 0) {
            close(descriptor);
            descriptor = -1;
        }
        *mine = 1;
    }
    int result = mine ? descriptor : -1;
    pthread_mutex_unlock(&lock);
    return result;
}

void clo_scan_begin(struct clo_scan *state, int pagemap, const uint8_t *from, uint64_t length)
{
    state->pagemap = pagemap;
    state->next = (uintptr_t)from;
    state->end = state->next + length;
    state->at = state->count = 0;
}

int clo_scan_next(struct clo_scan *state, struct clo_scan_range *range)
{
    if (state->at == state->count) {
        if (state->next >= state->end)
            return 0;
        uint64_t walk_end;
        long found = scan(state->pagemap, state->next, state->end, state->ranges, CLO_SCAN_RANGES,
                          &walk_end);
        if (found < 0)
            return -1;
        /* a full vector: the walk goes on behind the last range */
        if (found == CLO_SCAN_RANGES)
            state->next = state->ranges[found - 1].end;
        else
            state->next = state->end;
        state->at = 0;
        state->count = (int)found;
        if (found == 0)
            return 0;
    }
    *range = state->ranges[state->at++];
    return 1;
}
