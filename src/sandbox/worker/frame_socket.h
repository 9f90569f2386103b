/* sandbox/worker/frame_socket.h - frames between the host and a worker process, over a local
 * socket.
 *
 *   [u32 type][u32 length][length bytes]
 *
 * The socket is one of SOCK_SEQPACKET: a message by it takes 2 us less than by a stream. Frames
 * that are sent together are one message up to CLO_FRAME_PIECE bytes, and are cut anywhere beyond
 * that: a reader takes what comes as if it were a stream.
 *
 * The host may send a descriptor along with a reply (SCM_RIGHTS); it takes none, so a worker that
 * sends some fills no table.
 *
 * Both ends are the same program, so bodies are C structs in host order; but a worker that a guest
 * has taken over may send anything: each frame's type and length are checked before its body is
 * read, and bodies are checked by whoever reads them. A frame socket belongs to one thread.
 *
 *   worker to host                        host to worker
 *   HELLO   ready, or why not; in a pool  RUN    code, limits
 *           after each run that keeps
 *           no state, too
 *   OUTPUT  a piece of a stream           REPLY  to a CALL
 *   CALL    a host call
 *   RESULT  how the run ended
 *   GROW    more memory is wanted         GRANT  to a GROW
 *   FAILED  the run could not be begun
 *   STATE   of a session                  SAVE, LOAD, CLEAN  state_frames.h
 *   PAGES   of it, either way
 */
#ifndef CLO_SANDBOX_WORKER_FRAME_SOCKET_H
#define CLO_SANDBOX_WORKER_FRAME_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum clo_frame_type {
    CLO_FRAME_HELLO = 1,
    CLO_FRAME_RUN,
    CLO_FRAME_OUTPUT,
    CLO_FRAME_CALL,
    CLO_FRAME_REPLY,
    CLO_FRAME_RESULT,
    CLO_FRAME_FAILED,
    CLO_FRAME_GROW,
    CLO_FRAME_GRANT,
    CLO_FRAME_SAVE,
    CLO_FRAME_LOAD,
    CLO_FRAME_STATE,
    CLO_FRAME_PAGES,
    CLO_FRAME_CLEAN,
    CLO_FRAME_COUNT
};

#define CLO_FRAME_PIECE (64u << 10)
#define CLO_FRAME_PAGES_MAX 64u /* of a PAGES frame */
#define CLO_FRAME_PAGES_SIZE_MAX (8 + CLO_FRAME_PAGES_MAX * (4 + 4096))

struct clo_frame_socket {
    int fd;           /* owned; -1: closed */
    bool slices;      /* a receive ends by itself after a while, to look at its deadline */
    unsigned accepts; /* set of frame types, as bits, that this end receives */
    struct clo_buffer in, out;
    int attached; /* a descriptor to be sent with the first message of `out`, the caller's; -1: none */
    int received; /* one that came; -1: none. Taken where `takes` says so, else not even received */
    bool takes;
    size_t taken; /* bytes at the start of `in` that the last frame used */
};

struct clo_frame { /* valid until the next receive */
    enum clo_frame_type type;
    const uint8_t *data;
    size_t length;
};

/* Two ends, closed by an exec. CLO_ESYSTEM. */
int clo_frame_socket_pair(int ends[2], struct clo_error *error);

void clo_frame_socket_open(struct clo_frame_socket *frames, int fd, unsigned accepts);
void clo_frame_socket_close(struct clo_frame_socket *frames);

/* Receive one frame. What has arrived of a frame is kept over CLO_EBUSY (the deadline, of the
 * monotonic clock, has passed; UINT64_MAX: there is none). CLO_ESYSTEM: the other end is gone.
 * CLO_EGUEST: it sent what it may not send. */
int clo_frame_socket_receive(struct clo_frame_socket *frames, uint64_t deadline_ns,
                             struct clo_frame *frame, struct clo_error *error);

/* Is there something to receive, a closed end included? */
bool clo_frame_socket_has_more(const struct clo_frame_socket *frames);

/* Begin a frame with a body of `length` bytes in all; the caller then puts that many bytes. */
void clo_frame_socket_begin(struct clo_frame_socket *frames, enum clo_frame_type type,
                            size_t length);
void clo_frame_socket_put(struct clo_frame_socket *frames, const void *data, size_t length);

/* A descriptor goes with what is put, with its first message; it stays the caller's, open until the
 * flush. One at a time. */
void clo_frame_socket_attach(struct clo_frame_socket *frames, int descriptor);
/* The one that came, if this end takes any; -1: none. */
int clo_frame_socket_detach(struct clo_frame_socket *frames);

/* Send what was put. CLO_EBUSY: the other end did not read until the deadline. */
int clo_frame_socket_flush(struct clo_frame_socket *frames, uint64_t deadline_ns,
                           struct clo_error *error);

#endif
