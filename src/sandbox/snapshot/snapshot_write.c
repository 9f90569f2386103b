/* snapshot_write.c - a state and /output into a file. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/artifacts/artifact_keep.h"
#include "sandbox/snapshot/block.h"
#include "sandbox/snapshot/page_code.h"
#include "sandbox/snapshot/snapshot.h"

struct writing {
    struct clo_snapshot_file file;
    const struct clo_snapshot_options *options;
    const struct clo_image *image;
    const struct clo_snapshot_run *run; /* NULL: between runs */
    struct clo_snapshot_head head;
    struct clo_state_head state;
    uint64_t next_page; /* the next must not be below it */
    size_t length;      /* of `bytes`, which are to be a block */
    uint8_t *bytes;
};

static int put_block(struct writing *writing, enum clo_block_kind kind, struct clo_error *error)
{
    int status =
        clo_snapshot_put_block(&writing->file, kind, writing->bytes, writing->length, error);
    writing->length = 0;
    return status;
}

static int flush(struct writing *writing, enum clo_block_kind kind, struct clo_error *error)
{
    return writing->length ? put_block(writing, kind, error) : 0;
}

/* A part of a stream that goes into blocks of that kind. */
static int put_stream(struct writing *writing, enum clo_block_kind kind, const void *bytes,
                      size_t length, struct clo_error *error)
{
    int status = 0;
    while (length && !status) {
        size_t room = CLO_SNAPSHOT_BLOCK_MAX - writing->length;
        size_t now = length < room ? length : room;
        memcpy(writing->bytes + writing->length, bytes, now);
        writing->length += now;
        bytes = (const uint8_t *)bytes + now;
        length -= now;
        if (writing->length == CLO_SNAPSHOT_BLOCK_MAX)
            status = flush(writing, kind, error);
    }
    return status;
}

static int put_output(void *context, const void *bytes, size_t length, struct clo_error *error)
{
    return put_stream(context, CLO_BLOCK_OUTPUT, bytes, length, error);
}

static int put_in_run(void *context, const void *bytes, size_t length, struct clo_error *error)
{
    return put_stream(context, CLO_BLOCK_RUN, bytes, length, error);
}

/* Where the run stands; a worker says so. */
static int put_run(struct writing *writing, struct clo_error *error)
{
    const struct clo_state_head *state = &writing->state;
    int status = clo_state_check(state, error);
    if (!status)
        status = clo_image_check_registers(writing->image, &state->registers, error);
    if (status)
        return status == CLO_EINVALID ? CLO_EGUEST : status;
    status = put_in_run(writing, &state->registers, sizeof state->registers, error);
    if (!status)
        status = writing->run->put(writing->run->context, &state->used, put_in_run, writing, error);
    return status ? status : flush(writing, CLO_BLOCK_RUN, error);
}

static int put_head(void *context, const struct clo_state_head *state, struct clo_error *error)
{
    struct writing *writing = context;
    struct clo_snapshot_head *head = &writing->head;
    bool in_run = writing->run != NULL;
    if (in_run != (state->in_run != 0))
        return clo_fail(error, CLO_EINVALID,
                        in_run ? "there is no run in its middle that could be kept"
                               : "the sandbox has a run that is suspended, and no state beside it");
    writing->state = *state;
    *head =
        (struct clo_snapshot_head){.abi = CLO_ABI_VERSION,
                                   .kind = in_run ? CLO_SNAPSHOT_IN_RUN : CLO_SNAPSHOT_BETWEEN_RUNS,
                                   .machine = CLO_SNAPSHOT_X86_64,
                                   .monotonic_ns = state->monotonic_ns};
    memcpy(head->image, clo_image_sha256(writing->image), sizeof head->image);
    memcpy(head->region_size, state->region_size, sizeof head->region_size);
    int status = clo_snapshot_put_head(&writing->file, head, writing->options, error);
    return status || !in_run ? status : put_run(writing, error);
}

static int put_page(void *context, uint32_t number, const uint8_t *bytes, struct clo_error *error)
{
    struct writing *writing = context;
    const uint8_t *was = clo_image_page(writing->image, writing->head.region_size,
                                        clo_state_registers_of(&writing->state), number);
    if (!was || number < writing->next_page) /* a worker says so */
        return clo_fail(error, CLO_EGUEST,
                        "it handed out page %u, which is not the next of a state", number);
    writing->next_page = (uint64_t)number + 1;
    if (writing->length + CLO_PAGE_RECORD_MAX > CLO_SNAPSHOT_BLOCK_MAX) {
        int status = flush(writing, CLO_BLOCK_PAGES, error);
        if (status)
            return status;
    }
    writing->length += clo_page_encode(writing->bytes + writing->length, number, bytes, was);
    return 0;
}

static int write_all(struct writing *writing, const struct clo_state_port *port,
                     struct clo_artifact_tree *output, struct clo_error *error)
{
    struct clo_state_sink sink = {.head = put_head, .page = put_page, .context = writing};
    int status = port->save(port->context, &sink, error);
    if (!status)
        status = flush(writing, CLO_BLOCK_PAGES, error);
    if (!status)
        status = clo_artifact_keep(output, put_output, writing, error);
    if (!status)
        status = flush(writing, CLO_BLOCK_OUTPUT, error);
    if (!status)
        status = put_block(writing, CLO_BLOCK_END, error);
    return status;
}

int clo_snapshot_write(const struct clo_state_port *port, const struct clo_image *image,
                       struct clo_artifact_tree *output, int fd,
                       const struct clo_snapshot_options *options,
                       const struct clo_snapshot_run *run, struct clo_snapshot_made *made,
                       struct clo_error *error)
{
    struct writing writing = {.options = options, .image = image, .run = run};
    *made = (struct clo_snapshot_made){0};
    int status = clo_snapshot_file_open(&writing.file, fd, true, options, error);
    if (status)
        return status;
    writing.bytes = malloc(CLO_SNAPSHOT_BLOCK_MAX);
    status = writing.bytes ? write_all(&writing, port, output, error) : clo_fail_memory(error);
    if (!status) {
        made->bytes = writing.file.at;
        memcpy(made->id, writing.head.salt, sizeof made->id);
    }
    free(writing.bytes);
    clo_snapshot_file_close(&writing.file);
    return status;
}
