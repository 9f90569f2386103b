/* frame_socket.c - framing on a stream socket. */
#include "sandbox/worker/frame_socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "abi/layout.h"
#include "base/clock.h"
#include "base/error.h"

#define BODY_ROOM (64u << 10) /* of a body's struct and short texts, beside a whole message */
#define FRAME_MAX (CLO_MESSAGE_MAX + BODY_ROOM)
#define READ_SIZE (64u << 10)
#define KEEP (1u << 20) /* bytes of buffer that stay allocated */

struct header {
    uint32_t type, length;
};

static size_t ceiling(uint32_t type)
{
    switch (type) {
    case CLO_FRAME_HELLO:
    case CLO_FRAME_FAILED: return 4096;
    case CLO_FRAME_OUTPUT: return CLO_OUTPUT_AREA_SIZE + 64;
    default: return FRAME_MAX;
    }
}

void clo_wire_open(struct clo_wire *wire, int fd, unsigned accepts)
{
    *wire = (struct clo_wire){.fd = fd,
                              .accepts = accepts,
                              .in = CLO_BUFFER(FRAME_MAX + sizeof(struct header) + READ_SIZE),
                              .out = CLO_BUFFER(2 * FRAME_MAX)};
}

void clo_wire_close(struct clo_wire *wire)
{
    if (wire->fd >= 0)
        close(wire->fd);
    wire->fd = -1;
    clo_buffer_free(&wire->in);
    clo_buffer_free(&wire->out);
}

static void release(struct clo_buffer *buffer)
{
    if (buffer->capacity > KEEP && !buffer->length)
        clo_buffer_free(buffer);
}

/* ---- receiving ---- */

static void drop_taken(struct clo_wire *wire)
{
    struct clo_buffer *in = &wire->in;
    if (!wire->taken)
        return;
    memmove(in->data, in->data + wire->taken, in->length - wire->taken);
    in->length -= wire->taken;
    wire->taken = 0;
    release(in);
}

/* 1: a whole frame is there; 0: more bytes are needed. */
static int look(struct clo_wire *wire, struct clo_frame *frame, struct clo_error *error)
{
    struct header header;
    if (wire->in.length < sizeof header)
        return 0;
    memcpy(&header, wire->in.data, sizeof header);
    if (header.type >= CLO_FRAME_COUNT || !(wire->accepts & 1u << header.type))
        return clo_fail(error, CLO_EGUEST, "a frame of type %u", header.type);
    if (header.length > ceiling(header.type))
        return clo_fail(error, CLO_EGUEST,
                        "a frame of type %u with %u bytes; at most %zu are "
                        "allowed",
                        header.type, header.length, ceiling(header.type));
    if (wire->in.length - sizeof header < header.length)
        return 0;
    *frame = (struct clo_frame){(enum clo_frame_type)header.type,
                                (const uint8_t *)wire->in.data + sizeof header, header.length};
    wire->taken = sizeof header + header.length;
    return 1;
}

static int wait_readable(struct clo_wire *wire, uint64_t deadline_ns, int wake_fd,
                         struct clo_error *error)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = wire->fd, .events = POLLIN},
                                {.fd = wake_fd, .events = POLLIN}};
        uint64_t now = clo_monotonic_ns();
        if (now >= deadline_ns)
            return clo_fail(error, CLO_EBUSY, "no answer in time");
        uint64_t left = deadline_ns - now;
        struct timespec time = {.tv_sec = (time_t)(left / 1000000000u),
                                .tv_nsec = (long)(left % 1000000000u)};
        int ready = ppoll(fds, 2, deadline_ns == UINT64_MAX ? NULL : &time, NULL);
        if (ready < 0 && errno != EINTR)
            return clo_fail_errno(error, CLO_ESYSTEM, "poll");
        if (ready > 0 && fds[0].revents)
            return 0;
        if (ready > 0)
            return clo_fail(error, CLO_ECANCELLED, "cancelled");
    }
}

static int read_some(struct clo_wire *wire, struct clo_error *error)
{
    char bytes[READ_SIZE];
    ssize_t got = recv(wire->fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (got <= 0)
        return clo_fail(error, CLO_ESYSTEM, "the other end of the socket is gone%s%s",
                        got ? ": " : "", got ? strerror(errno) : "");
    if (clo_buffer_append(&wire->in, bytes, (size_t)got))
        return clo_fail_memory(error);
    return 0;
}

int clo_wire_receive(struct clo_wire *wire, uint64_t deadline_ns, int wake_fd,
                     struct clo_frame *frame, struct clo_error *error)
{
    drop_taken(wire);
    for (;;) {
        int status = look(wire, frame, error);
        if (status)
            return status < 0 ? status : 0;
        if (deadline_ns != UINT64_MAX || wake_fd >= 0)
            status = wait_readable(wire, deadline_ns, wake_fd, error);
        if (!status)
            status = read_some(wire, error);
        if (status)
            return status;
    }
}

/* ---- sending ---- */

void clo_wire_begin(struct clo_wire *wire, enum clo_frame_type type, size_t length)
{
    struct header header = {.type = type, .length = (uint32_t)length};
    clo_buffer_append(&wire->out, &header, sizeof header);
}

void clo_wire_put(struct clo_wire *wire, const void *data, size_t length)
{
    clo_buffer_append(&wire->out, data, length);
}

static int wait_writable(struct clo_wire *wire, uint64_t deadline_ns, struct clo_error *error)
{
    struct pollfd fd = {.fd = wire->fd, .events = POLLOUT};
    uint64_t now = clo_monotonic_ns();
    if (now >= deadline_ns)
        return clo_fail(error, CLO_EBUSY, "the other end does not read");
    uint64_t left = deadline_ns - now;
    struct timespec time = {.tv_sec = (time_t)(left / 1000000000u),
                            .tv_nsec = (long)(left % 1000000000u)};
    if (ppoll(&fd, 1, deadline_ns == UINT64_MAX ? NULL : &time, NULL) < 0 && errno != EINTR)
        return clo_fail_errno(error, CLO_ESYSTEM, "poll");
    return 0;
}

int clo_wire_flush(struct clo_wire *wire, uint64_t deadline_ns, struct clo_error *error)
{
    int status = wire->out.failed ? clo_fail_memory(error) : 0;
    for (size_t sent = 0; sent < wire->out.length && !status;) {
        ssize_t now = send(wire->fd, wire->out.data + sent, wire->out.length - sent,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
        if (now >= 0)
            sent += (size_t)now;
        else if (errno == EAGAIN)
            status = wait_writable(wire, deadline_ns, error);
        else if (errno != EINTR)
            status = clo_fail_errno(error, CLO_ESYSTEM, "the other end of the socket is gone");
    }
    clo_buffer_reset(&wire->out);
    release(&wire->out);
    return status;
}
