/* frame_socket.c - framing on a local socket. */
#include "sandbox/worker/frame_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi/layout.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/thread/poll.h"

#define BODY_ROOM (64u << 10) /* of a body's struct and short texts, beside a whole message */
#define FRAME_MAX (CLO_MESSAGE_MAX + BODY_ROOM)
#define KEEP (1u << 20) /* bytes of buffer that stay allocated */
#define SLICE_NS 50000000ull

struct header {
    uint32_t type, length;
};

static size_t ceiling(uint32_t type)
{
    switch (type) {
    case CLO_FRAME_HELLO:
    case CLO_FRAME_FAILED:
    case CLO_FRAME_SAVE:
    case CLO_FRAME_CLEAN:
    case CLO_FRAME_LOAD:
    case CLO_FRAME_STATE: return 4096;
    case CLO_FRAME_PAGES: return CLO_FRAME_PAGES_SIZE_MAX;
    case CLO_FRAME_GROW:
    case CLO_FRAME_GRANT: return 64;
    case CLO_FRAME_OUTPUT: return CLO_OUTPUT_AREA_SIZE + 64;
    default: return FRAME_MAX;
    }
}

int clo_frame_socket_pair(int ends[2], struct clo_error *error)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return clo_fail_errno(error, CLO_ESYSTEM, "socketpair");
    return 0;
}

void clo_frame_socket_open(struct clo_frame_socket *frames, int fd, unsigned accepts)
{
    *frames = (struct clo_frame_socket){
        .fd = fd,
        .accepts = accepts,
        .attached = -1,
        .received = -1,
        .takes = accepts & 1u << CLO_FRAME_REPLY,
        .in = CLO_BUFFER(FRAME_MAX + sizeof(struct header) + CLO_FRAME_PIECE),
        .out = CLO_BUFFER(2 * FRAME_MAX)};
}

void clo_frame_socket_close(struct clo_frame_socket *frames)
{
    if (frames->fd >= 0)
        close(frames->fd);
    frames->fd = -1;
    int late = clo_frame_socket_detach(frames);
    if (late >= 0)
        close(late);
    clo_buffer_free(&frames->in);
    clo_buffer_free(&frames->out);
}

static void release(struct clo_buffer *buffer)
{
    if (buffer->capacity > KEEP && !buffer->length)
        clo_buffer_free(buffer);
}

/* ---- receiving ---- */

static void drop_taken(struct clo_frame_socket *frames)
{
    struct clo_buffer *in = &frames->in;
    if (!frames->taken)
        return;
    memmove(in->data, in->data + frames->taken, in->length - frames->taken);
    in->length -= frames->taken;
    explicit_bzero(in->data + in->length, frames->taken); /* a worker keeps nothing of a run */
    frames->taken = 0;
    release(in);
}

/* 1: a whole frame is there; 0: more bytes are needed. */
static int look(struct clo_frame_socket *frames, struct clo_frame *frame, struct clo_error *error)
{
    struct header header;
    if (frames->in.length < sizeof header)
        return 0;
    memcpy(&header, frames->in.data, sizeof header);
    if (header.type >= CLO_FRAME_COUNT || !(frames->accepts & 1u << header.type))
        return clo_fail(error, CLO_EGUEST, "a frame of type %u", header.type);
    if (header.length > ceiling(header.type))
        return clo_fail(error, CLO_EGUEST,
                        "a frame of type %u with %u bytes; at most %zu are allowed", header.type,
                        header.length, ceiling(header.type));
    if (frames->in.length - sizeof header < header.length)
        return 0;
    *frame = (struct clo_frame){(enum clo_frame_type)header.type,
                                (const uint8_t *)frames->in.data + sizeof header, header.length};
    frames->taken = sizeof header + header.length;
    return 1;
}

/* A call of poll before each receive would cost as much as the message. Where the deadline is far a
 * receive ends by itself after a slice of time instead, and its caller looks at the clock. */
static int wait_readable(struct clo_frame_socket *frames, uint64_t deadline_ns,
                         struct clo_error *error)
{
    uint64_t now = clo_monotonic_ns();
    struct pollfd fd = {.fd = frames->fd, .events = POLLIN};
    if (now < deadline_ns && deadline_ns - now >= 2 * SLICE_NS) {
        struct timeval time = {.tv_usec = SLICE_NS / 1000};
        if (frames->slices ||
            setsockopt(frames->fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) == 0) {
            frames->slices = true;
            return 0;
        }
    }
    int ready = clo_poll_until(&fd, 1, deadline_ns);
    if (ready < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "poll");
    return ready ? 0 : clo_fail(error, CLO_EBUSY, "no answer in time");
}

union control { /* aligned room for one descriptor */
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr header;
};

/* Bytes, and a descriptor if one came with them. */
static ssize_t receive_both(struct clo_frame_socket *frames, void *data)
{
    union control control;
    struct iovec body = {.iov_base = data, .iov_len = CLO_FRAME_PIECE};
    struct msghdr message = {.msg_iov = &body,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(frames->fd, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
        int before = clo_frame_socket_detach(frames);
        if (before >= 0)
            close(before);
        memcpy(&frames->received, CMSG_DATA(header), sizeof frames->received);
    }
    return got;
}

static int read_some(struct clo_frame_socket *frames, struct clo_error *error)
{
    struct clo_buffer *in = &frames->in;
    if (clo_buffer_reserve(in, CLO_FRAME_PIECE))
        return clo_fail_memory(error);
    ssize_t got = frames->takes ? receive_both(frames, in->data + in->length)
                                : recv(frames->fd, in->data + in->length, CLO_FRAME_PIECE, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (got <= 0)
        return clo_fail(error, CLO_ESYSTEM, "the other end of the socket is gone%s%s",
                        got ? ": " : "", got ? strerror(errno) : "");
    in->length += (size_t)got;
    return 0;
}

int clo_frame_socket_receive(struct clo_frame_socket *frames, uint64_t deadline_ns,
                             struct clo_frame *frame, struct clo_error *error)
{
    drop_taken(frames);
    for (;;) {
        int status = look(frames, frame, error);
        if (status)
            return status < 0 ? status : 0;
        if (deadline_ns != UINT64_MAX)
            status = wait_readable(frames, deadline_ns, error);
        if (!status)
            status = read_some(frames, error);
        if (status)
            return status;
    }
}

bool clo_frame_socket_has_more(const struct clo_frame_socket *frames)
{
    char byte;
    if (frames->in.length > frames->taken)
        return true;
    ssize_t got = recv(frames->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || errno != EAGAIN;
}

/* ---- sending ---- */

void clo_frame_socket_begin(struct clo_frame_socket *frames, enum clo_frame_type type,
                            size_t length)
{
    struct header header = {.type = type, .length = (uint32_t)length};
    clo_buffer_append(&frames->out, &header, sizeof header);
}

void clo_frame_socket_put(struct clo_frame_socket *frames, const void *data, size_t length)
{
    clo_buffer_append(&frames->out, data, length);
}

static int wait_writable(struct clo_frame_socket *frames, uint64_t deadline_ns,
                         struct clo_error *error)
{
    struct pollfd fd = {.fd = frames->fd, .events = POLLOUT};
    int ready = clo_poll_until(&fd, 1, deadline_ns);
    if (ready < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "poll");
    return ready ? 0 : clo_fail(error, CLO_EBUSY, "the other end does not read");
}

void clo_frame_socket_attach(struct clo_frame_socket *frames, int descriptor)
{
    frames->attached = descriptor;
}

int clo_frame_socket_detach(struct clo_frame_socket *frames)
{
    int descriptor = frames->received;
    frames->received = -1;
    return descriptor;
}

static ssize_t send_both(struct clo_frame_socket *frames, void *data, size_t length)
{
    union control control = {0};
    struct iovec body = {.iov_base = data, .iov_len = length};
    struct msghdr message = {.msg_iov = &body,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &frames->attached, sizeof frames->attached);
    ssize_t sent = sendmsg(frames->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0)
        frames->attached = -1;
    return sent;
}

static ssize_t send_piece(struct clo_frame_socket *frames, char *data, size_t length)
{
    if (frames->attached >= 0)
        return send_both(frames, data, length);
    return send(frames->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int clo_frame_socket_flush(struct clo_frame_socket *frames, uint64_t deadline_ns,
                           struct clo_error *error)
{
    int status = frames->out.failed ? clo_fail_memory(error) : 0;
    for (size_t sent = 0; sent < frames->out.length && !status;) {
        size_t left = frames->out.length - sent;
        ssize_t now = send_piece(frames, frames->out.data + sent,
                                 left < CLO_FRAME_PIECE ? left : CLO_FRAME_PIECE);
        if (now >= 0)
            sent += (size_t)now;
        else if (errno == EAGAIN)
            status = wait_writable(frames, deadline_ns, error);
        else if (errno != EINTR)
            status = clo_fail_errno(error, CLO_ESYSTEM, "the other end of the socket is gone");
    }
    frames->attached = -1;
    clo_buffer_wipe(&frames->out);
    release(&frames->out);
    return status;
}
