/* worker_port.c - see worker_port.h. */
#include "sandbox/snapshot/worker_port.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "sandbox/worker/state_frames.h"
#include "sandbox/worker_client_state.h"

/* For all of a state, the host's disk included: so long, and a second more for each so many bytes
 * that the sandbox may have. */
#define PORT_NS 20000000000ull
#define BYTES_A_SECOND (16ull << 20)

struct clo_worker_port {
    struct clo_worker_client *client;
    uint64_t deadline_ns;
    uint64_t sent;                /* pages that are in the socket or beyond it */
    bool loading;                 /* the worker waits for pages */
    struct clo_state_pages pages; /* on their way in */
    uint8_t room[CLO_FRAME_PAGES_MAX][CLO_PAGE_SIZE];
};

int clo_worker_port_open(struct clo_worker_port **result, struct clo_worker_client *client,
                         struct clo_error *error)
{
    struct clo_worker_port *port = calloc(1, sizeof *port);
    *result = port;
    if (!port)
        return clo_fail_memory(error);
    uint64_t seconds = client->config->limits.memory / BYTES_A_SECOND;
    port->client = client;
    port->deadline_ns = clo_monotonic_ns() + PORT_NS + seconds * 1000000000u;
    return 0;
}

void clo_worker_port_close(struct clo_worker_port *port)
{
    free(port);
}

/* It is dead, late or lies: `why` says how. */
static int lost(struct clo_worker_port *port, int status, const struct clo_error *why,
                struct clo_error *error)
{
    clo_worker_client_drop(port->client);
    port->loading = false;
    if (status == CLO_ENOMEMORY)
        return clo_fail_memory(error);
    return clo_fail(error, CLO_ESYSTEM,
                    "the worker process was lost while its state was on its way: %s", why->message);
}

static int receive(struct clo_worker_port *port, struct clo_frame *frame, struct clo_error *why)
{
    int status = clo_frame_socket_receive(&port->client->frames, port->deadline_ns, frame, why);
    if (!status &&
        clo_monotonic_ns() >= port->deadline_ns) /* one that was there already is late, too */
        status = clo_fail(why, CLO_EBUSY, "it takes too long");
    return status;
}

/* What else than what is due: its own error, or one of the contract's. */
static int other(struct clo_worker_port *port, const struct clo_frame *frame,
                 struct clo_error *error)
{
    struct clo_error why = {0};
    unsigned layers;
    int status =
        frame->type == CLO_FRAME_FAILED ? clo_frame_read_status(frame, &layers, &why) : CLO_EGUEST;
    if (status == CLO_EINVALID || status == CLO_ELIMIT || status == CLO_ENOMEMORY) {
        if (error)
            *error = why;
        return status;
    }
    if (frame->type != CLO_FRAME_FAILED)
        clo_fail(&why, CLO_EGUEST, "a frame of type %d where a state is due", frame->type);
    return lost(port, CLO_ESYSTEM, &why, error);
}

/* ---- out ---- */

static int check_head(const struct clo_worker_port *port, const struct clo_state_head *head,
                      struct clo_error *why)
{
    uint64_t limit = port->client->config->limits.memory;
    if (head->region_size[0] <= limit && head->region_size[1] <= limit - head->region_size[0] &&
        head->region_size[0] % CLO_WASM_PAGE_SIZE == 0 &&
        head->region_size[1] % CLO_WASM_PAGE_SIZE == 0 &&
        head->monotonic_ns <= CLO_STATE_MONOTONIC_MAX)
        return 0;
    return clo_fail(why, CLO_EGUEST, "it says that its guest has %llu and %llu bytes at %llu ns",
                    (unsigned long long)head->region_size[0],
                    (unsigned long long)head->region_size[1],
                    (unsigned long long)head->monotonic_ns);
}

/* 0, or the sink's error; CLO_EGUEST is the worker's. */
static int take_pages(const struct clo_state_sink *sink, const struct clo_state_pages *pages,
                      struct clo_error *error)
{
    int status = 0;
    for (unsigned i = 0; i < pages->count && !status; i++)
        status = sink->page(sink->context, pages->numbers[i], pages->bytes[i], error);
    return status;
}

/* `failed`: a failure of ours, of which `error` is filled. The worker's pages are read to their
 * end all the same: it lives on with its state. */
static int save_pages(struct clo_worker_port *port, const struct clo_state_sink *sink, int failed,
                      struct clo_error *error)
{
    struct clo_state_pages pages = {0};
    struct clo_error why = {0};
    while (!pages.last) {
        struct clo_frame frame;
        int status = receive(port, &frame, &why);
        if (!status && frame.type != CLO_FRAME_PAGES) {
            int met = other(port, &frame, failed ? NULL : error);
            return failed ? failed : met;
        }
        if (!status)
            status = clo_frame_read_pages(&frame, &pages, &why);
        port->sent += status ? 0 : pages.count;
        if (!status && port->sent * CLO_PAGE_SIZE > port->client->config->limits.memory * 2)
            status = clo_fail(&why, CLO_EGUEST, "it hands out more pages than its guest can have");
        if (!status && !failed) {
            failed = take_pages(sink, &pages, &why);
            if (failed == CLO_EGUEST)
                status = failed;
            else if (failed && error)
                *error = why;
        }
        if (status)
            return lost(port, status, &why, error);
    }
    return failed;
}

static int save(void *context, const struct clo_state_sink *sink, struct clo_error *error)
{
    struct clo_worker_port *port = context;
    struct clo_worker_client *client = port->client;
    struct clo_state_head head = {0};
    struct clo_error why = {0};
    struct clo_frame frame;
    if (client->frames.fd < 0)
        return clo_fail(error, CLO_EINVALID,
                        "the sandbox has no state that could be kept: its worker process is gone");
    if (client->greeted && clo_frame_socket_has_more(&client->frames)) {
        clo_fail(&why, CLO_ESYSTEM, "it has died, or speaks unasked");
        return lost(port, CLO_ESYSTEM, &why, error);
    }
    int status = clo_worker_client_await(client, error);
    if (status)
        return status;
    clo_frame_socket_begin(&client->frames, CLO_FRAME_SAVE, 0);
    status = clo_frame_socket_flush(&client->frames, port->deadline_ns, &why);
    if (!status)
        status = receive(port, &frame, &why);
    if (status)
        return lost(port, status, &why, error);
    if (frame.type != CLO_FRAME_STATE)
        return other(port, &frame, error);
    status = clo_frame_read_state(&frame, &head, &why);
    if (!status)
        status = check_head(port, &head, &why);
    if (status)
        return lost(port, status, &why, error);
    int failed = sink->head(sink->context, &head, &why);
    if (failed == CLO_EGUEST)
        return lost(port, failed, &why, error);
    if (failed && error)
        *error = why;
    return save_pages(port, sink, failed, error);
}

/* ---- in ---- */

static int send_pages(struct clo_worker_port *port, bool last, struct clo_error *error)
{
    struct clo_error why = {0};
    port->pages.last = last;
    clo_frame_put_pages(&port->client->frames, &port->pages);
    port->pages.count = 0;
    int status = clo_frame_socket_flush(&port->client->frames, port->deadline_ns, &why);
    return status ? lost(port, status, &why, error) : 0;
}

static int begin(void *context, const struct clo_state_head *head, struct clo_error *error)
{
    struct clo_worker_port *port = context;
    struct clo_worker_client *client = port->client;
    struct clo_error why = {0};
    int status = clo_worker_client_ensure(client, error);
    if (!status)
        status = clo_worker_client_await(client, error);
    if (status)
        return status;
    clo_frame_put_state(&client->frames, CLO_FRAME_LOAD, head);
    status = clo_frame_socket_flush(&client->frames, port->deadline_ns, &why);
    if (status)
        return lost(port, status, &why, error);
    port->loading = true;
    return 0;
}

static int page(void *context, uint32_t number, const uint8_t *bytes, struct clo_error *error)
{
    struct clo_worker_port *port = context;
    struct clo_state_pages *pages = &port->pages;
    memcpy(port->room[pages->count], bytes, CLO_PAGE_SIZE);
    pages->numbers[pages->count] = number;
    pages->bytes[pages->count] = port->room[pages->count];
    pages->count++;
    return pages->count < CLO_FRAME_PAGES_MAX ? 0 : send_pages(port, false, error);
}

static int end(void *context, struct clo_error *error)
{
    struct clo_worker_port *port = context;
    struct clo_error why = {0};
    struct clo_frame frame;
    int status = send_pages(port, true, error);
    if (status)
        return status;
    port->loading = false;
    status = receive(port, &frame, &why);
    if (status)
        return lost(port, status, &why, error);
    if (frame.type != CLO_FRAME_STATE)
        return other(port, &frame, error);
    port->client->has_state = true;
    return 0;
}

/* In the middle of its pages a worker can only be ended; the next run takes another one. */
static void drop(void *context)
{
    struct clo_worker_port *port = context;
    if (port->loading)
        clo_worker_client_drop(port->client);
    port->loading = false;
}

struct clo_state_port clo_worker_port(struct clo_worker_port *port)
{
    return (struct clo_state_port){
        .save = save, .begin = begin, .page = page, .end = end, .drop = drop, .context = port};
}
