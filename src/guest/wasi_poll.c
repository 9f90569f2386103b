/* wasi_poll.c - poll_oneoff: wait for a time, or learn that a descriptor is ready.
 *
 * A file and a stream are always ready, so there is only one thing to wait for: the earliest of the
 * times. The wait is a host call: the vCPU stands still and costs nothing. When a limit of the run
 * comes first, the times count as reached; the interpreter then finds what the host left for it.
 *
 *   subscription, 48 bytes: [user data u64][tag u8][pad 7]
 *     tag 0: [clock u32][pad][time u64][precision u64][flags u16: 1 = absolute]
 *     tag 1 read, 2 write: [descriptor u32]
 *   event, 32 bytes: [user data u64][errno u16][tag u8][pad 5][bytes u64][flags u16][pad]
 */
#include "guest/files/ramfs.h"
#include "wasi.h"

#define SUBSCRIPTION_SIZE 48u
#define EVENT_SIZE 32u
#define SUBSCRIPTIONS_MAX 1024u
#define ABSOLUTE 1u

enum { TAG_CLOCK = 0, TAG_READ = 1, TAG_WRITE = 2 };

struct events {
    uint32_t out, count;
};

static void report(struct events *events, uint64_t user, uint16_t error, uint8_t tag,
                   uint64_t bytes)
{
    uint32_t at = events->out + EVENT_SIZE * events->count++;

    clo_store64(at, user);
    clo_store64(at + 8, 0);
    clo_store16(at + 8, error);
    clo_store8(at + 10, tag);
    clo_store64(at + 16, bytes);
    clo_store64(at + 24, 0);
}

static uint64_t clock_now(uint32_t clock)
{
    return clock == 0 ? clo_clock_realtime() : clock == 1 ? clo_clock_monotonic() : clo_clock_cpu();
}

/* How long from now until the subscription's time. */
static uint64_t time_left(uint32_t at)
{
    uint64_t time = clo_load64(at + 24), now = clock_now(clo_load32(at + 16));

    if (!(clo_load16(at + 40) & ABSOLUTE)) {
        return time;
    }
    return time > now ? time - now : 0;
}

static void report_descriptor(struct events *events, uint32_t at, uint8_t tag)
{
    struct clo_descriptor *descriptor = clo_descriptor_get(clo_load32(at + 16));
    uint64_t bytes = 0;

    if (descriptor == NULL) {
        report(events, clo_load64(at), CLO_E_BADF, tag, 0);
        return;
    }
    if (tag == TAG_READ && descriptor->kind == CLO_FD_NODE &&
        descriptor->node->size > descriptor->offset) {
        bytes = descriptor->node->size - descriptor->offset;
    }
    report(events, clo_load64(at), 0, tag, bytes); /* a mounted file's are not counted */
}

uint32_t CLO_WASI(poll_oneoff)(clo_wasi self, uint32_t in, uint32_t out, uint32_t count,
                               uint32_t made)
{
    struct events events = {out, 0};
    uint64_t earliest = UINT64_MAX;

    (void)self;
    if (count == 0 || count > SUBSCRIPTIONS_MAX) {
        return CLO_E_INVAL;
    }
    clo_linear(in, (uint64_t)count * SUBSCRIPTION_SIZE);
    clo_linear(out, (uint64_t)count * EVENT_SIZE);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = in + SUBSCRIPTION_SIZE * i;
        uint8_t tag = clo_load8(at + 8);

        if (tag == TAG_READ || tag == TAG_WRITE) {
            report_descriptor(&events, at, tag);
            earliest = 0;
        } else if (tag != TAG_CLOCK || clo_load32(at + 16) > 3) {
            report(&events, clo_load64(at), CLO_E_INVAL, tag, 0);
            earliest = 0;
        } else if (time_left(at) < earliest) {
            earliest = time_left(at);
        }
    }
    uint64_t since = clo_clock_monotonic();
    if (earliest > 0) {
        (void)clo_host_sleep(earliest);
    }
    uint64_t slept = clo_clock_monotonic() - since;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = in + SUBSCRIPTION_SIZE * i;
        bool clock = clo_load8(at + 8) == TAG_CLOCK && clo_load32(at + 16) <= 3;
        bool absolute = clock && (clo_load16(at + 40) & ABSOLUTE);

        if (clock && time_left(at) <= (absolute ? 0 : slept)) {
            report(&events, clo_load64(at), 0, TAG_CLOCK, 0);
        }
    }
    if (events.count == 0) { /* a limit came first */
        report(&events, clo_load64(in), 0, TAG_CLOCK, 0);
    }
    clo_store32(made, events.count);
    return 0;
}
