/* sandbox/worker/state_frames.h - the frames by which a session's state leaves a worker and comes
 * back.
 *
 *   host to worker                          worker to host
 *   SAVE                                    STATE  its head, or FAILED
 *                                           PAGES  some of them, by ascending number; …; the last
 *                                           one
 *                                                  says so. Or FAILED, and no more comes
 *   LOAD   the head
 *   PAGES  …; the last one says so          STATE  the state is in, or FAILED: it is clean
 *
 *   CLEAN                                   HELLO  it is clean (in a pool: after a run that kept its
 *                                                  state the worker waits for this)
 *
 * A worker that cannot take what comes reads on to the last page before it says so: neither end
 * ever waits for the other to read while it writes itself.
 */
#ifndef CLO_SANDBOX_WORKER_STATE_FRAMES_H
#define CLO_SANDBOX_WORKER_STATE_FRAMES_H

#include "sandbox/run/state.h"
#include "sandbox/worker/frame_socket.h"

struct clo_pages_body { /* then `count` numbers of 32 bits, then as many pages */
    uint32_t count;
    uint32_t last; /* no more of them come */
};

_Static_assert(CLO_FRAME_PAGES_SIZE_MAX ==
                   sizeof(struct clo_pages_body) +
                       CLO_FRAME_PAGES_MAX * (sizeof(uint32_t) + CLO_PAGE_SIZE),
               "a frame has room for them");

struct clo_state_pages { /* a part of a state; `bytes` points to one page each */
    unsigned count;
    bool last;
    uint32_t numbers[CLO_FRAME_PAGES_MAX];
    const uint8_t *bytes[CLO_FRAME_PAGES_MAX];
};

/* `type`: STATE or LOAD. */
void clo_frame_put_state(struct clo_frame_socket *frames, enum clo_frame_type type,
                         const struct clo_state_head *head);
void clo_frame_put_pages(struct clo_frame_socket *frames, const struct clo_state_pages *pages);

/* What they point to is the frame's. CLO_EGUEST: it is not well-formed. */
int clo_frame_read_state(const struct clo_frame *frame, struct clo_state_head *head,
                         struct clo_error *error);
int clo_frame_read_pages(const struct clo_frame *frame, struct clo_state_pages *pages,
                         struct clo_error *error);

/* The worker's part: answer SAVE; answer LOAD, with the pages that follow it. Negative: the socket
 * is gone, or the host sent what it never sends. */
int clo_worker_save(struct clo_frame_socket *frames, struct clo_runner *runner);
int clo_worker_load(struct clo_frame_socket *frames, struct clo_runner *runner,
                    const struct clo_frame *frame);

#endif
