/* state_frames.c - writing and reading them, and the worker's answers. Readers trust no length. */
#include "sandbox/worker/state_frames.h"

#include <string.h>

#include "base/error.h"
#include "sandbox/worker/frames.h"

#define NUMBER sizeof(uint32_t)

/* ---- bodies ---- */

void clo_frame_put_state(struct clo_frame_socket *frames, enum clo_frame_type type,
                         const struct clo_state_head *head)
{
    clo_frame_socket_begin(frames, type, sizeof *head);
    clo_frame_socket_put(frames, head, sizeof *head);
}

int clo_frame_read_state(const struct clo_frame *frame, struct clo_state_head *head,
                         struct clo_error *error)
{
    if (frame->length != sizeof *head)
        return clo_fail(error, CLO_EGUEST, "a state's head of %zu bytes where %zu are due",
                        frame->length, sizeof *head);
    memcpy(head, frame->data, sizeof *head);
    return 0;
}

void clo_frame_put_pages(struct clo_frame_socket *frames, const struct clo_state_pages *pages)
{
    struct clo_pages_body body = {.count = pages->count, .last = pages->last};
    clo_frame_socket_begin(frames, CLO_FRAME_PAGES,
                           sizeof body + pages->count * (NUMBER + CLO_PAGE_SIZE));
    clo_frame_socket_put(frames, &body, sizeof body);
    clo_frame_socket_put(frames, pages->numbers, pages->count * NUMBER);
    for (unsigned i = 0; i < pages->count; i++)
        clo_frame_socket_put(frames, pages->bytes[i], CLO_PAGE_SIZE);
}

int clo_frame_read_pages(const struct clo_frame *frame, struct clo_state_pages *pages,
                         struct clo_error *error)
{
    struct clo_pages_body body = {0};
    if (frame->length >= sizeof body)
        memcpy(&body, frame->data, sizeof body);
    if (frame->length < sizeof body || body.count > CLO_FRAME_PAGES_MAX || body.last > 1 ||
        frame->length != sizeof body + body.count * (NUMBER + CLO_PAGE_SIZE) ||
        (!body.count && !body.last))
        return clo_fail(error, CLO_EGUEST, "%u pages of a state in %zu bytes", body.count,
                        frame->length);
    pages->count = body.count;
    pages->last = body.last != 0;
    const uint8_t *at = frame->data + sizeof body;
    memcpy(pages->numbers, at, body.count * NUMBER);
    for (unsigned i = 0; i < body.count; i++)
        pages->bytes[i] = at + body.count * NUMBER + i * CLO_PAGE_SIZE;
    return 0;
}

/* ---- the worker's part ---- */

struct saving {
    struct clo_frame_socket *frames;
    struct clo_state_pages pages;
    int socket; /* how its last flush ended */
};

static int send_pages(struct saving *saving, bool last)
{
    saving->pages.last = last;
    clo_frame_put_pages(saving->frames, &saving->pages);
    saving->pages.count = 0;
    return saving->socket = clo_frame_socket_flush(saving->frames, UINT64_MAX, NULL);
}

static int save_head(void *context, const struct clo_state_head *head, struct clo_error *error)
{
    struct saving *saving = context;
    (void)error;
    clo_frame_put_state(saving->frames, CLO_FRAME_STATE, head);
    return 0;
}

/* The guest stands still until all are sent: its pages are sent from where they are. */
static int save_page(void *context, uint32_t number, const uint8_t *bytes, struct clo_error *error)
{
    struct saving *saving = context;
    (void)error;
    saving->pages.numbers[saving->pages.count] = number;
    saving->pages.bytes[saving->pages.count++] = bytes;
    return saving->pages.count < CLO_FRAME_PAGES_MAX ? 0 : send_pages(saving, false);
}

static int say(struct clo_frame_socket *frames, int status, const struct clo_error *error)
{
    clo_frame_put_status(frames, CLO_FRAME_FAILED, status, 0, error);
    return clo_frame_socket_flush(frames, UINT64_MAX, NULL);
}

int clo_worker_save(struct clo_frame_socket *frames, struct clo_runner *runner)
{
    struct saving saving = {.frames = frames};
    struct clo_state_sink sink = {.head = save_head, .page = save_page, .context = &saving};
    struct clo_error error = {0};
    int status = clo_runner_save(runner, &sink, &error);
    if (saving.socket)
        return saving.socket;
    return status ? say(frames, status, &error) : send_pages(&saving, true);
}

static int load_pages(struct clo_runner *runner, const struct clo_state_pages *pages,
                      struct clo_error *error)
{
    int status = 0;
    for (unsigned i = 0; i < pages->count && !status; i++)
        status = clo_runner_load_page(runner, pages->numbers[i], pages->bytes[i], error);
    return status;
}

int clo_worker_load(struct clo_frame_socket *frames, struct clo_runner *runner,
                    const struct clo_frame *frame)
{
    struct clo_state_head head;
    struct clo_state_pages pages = {0};
    struct clo_error error = {0};
    struct clo_frame next;
    if (clo_frame_read_state(frame, &head, NULL))
        return CLO_EGUEST;
    int status = clo_runner_load_begin(runner, &head, &error);
    while (!pages.last) {
        int socket = clo_frame_socket_receive(frames, UINT64_MAX, &next, NULL);
        if (!socket && next.type != CLO_FRAME_PAGES)
            socket = CLO_EGUEST;
        if (!socket)
            socket = clo_frame_read_pages(&next, &pages, NULL);
        if (socket)
            return socket;
        if (!status)
            status = load_pages(runner, &pages, &error);
    }
    if (status)
        return say(frames, status, &error);
    clo_runner_load_end(runner);
    clo_frame_put_state(frames, CLO_FRAME_STATE, &head);
    return clo_frame_socket_flush(frames, UINT64_MAX, NULL);
}
