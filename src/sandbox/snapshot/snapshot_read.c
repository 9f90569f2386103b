/* snapshot_read.c - a file into a state and /output: all of it is checked first, then used block by
 * block, each checked again. */
#include <string.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/thread/cancel.h"
#include "sandbox/artifacts/artifact_keep.h"
#include "sandbox/snapshot/block.h"
#include "sandbox/snapshot/page_code.h"
#include "sandbox/snapshot/snapshot.h"

struct reading {
    struct clo_snapshot_file file;
    uint64_t memory; /* that the guest may have */
    struct clo_cancel *cancel;
    const struct clo_snapshot_options *options;
    const struct clo_image *image;
    const struct clo_snapshot_run
        *run; /* wanted: a run in its middle; NULL: a state between runs */
    struct clo_snapshot_head head;
    struct clo_state_head state;
    enum clo_block_kind kind; /* of the block that was read last */
    const uint8_t *bytes;     /* what is left of it */
    size_t length;
};

static int next_block(struct reading *reading, struct clo_error *error)
{
    if (clo_cancel_is_set(reading->cancel))
        return clo_fail(error, CLO_ECANCELLED, "it was cancelled while its state was read");
    return clo_snapshot_get_block(&reading->file, &reading->kind, &reading->bytes, &reading->length,
                                  error);
}

static int wrong_kind(const struct reading *reading, struct clo_error *error)
{
    if (reading->run) {
        clo_fail(error, CLO_EINVALID,
                 "the snapshot is of a session between two runs, where a suspended run is wanted");
        return clo_hint(error, CLO_EINVALID, "clo_sandbox_restore or clo_run.state go on with it");
    }
    clo_fail(error, CLO_EINVALID,
             "the snapshot is of a suspended run, where a session between two runs is wanted");
    return clo_hint(error, CLO_EINVALID, "clo_run.resume goes on with it");
}

static int check_head(const struct reading *reading, struct clo_error *error)
{
    const struct clo_snapshot_head *head = &reading->head;
    if ((head->kind != CLO_SNAPSHOT_BETWEEN_RUNS && head->kind != CLO_SNAPSHOT_IN_RUN) ||
        head->machine != CLO_SNAPSHOT_X86_64)
        return clo_fail(error, CLO_EINVALID,
                        "a snapshot of kind %u for machine %u, which this program does not know",
                        head->kind, head->machine);
    if ((head->kind == CLO_SNAPSHOT_IN_RUN) != (reading->run != NULL))
        return wrong_kind(reading, error);
    if (memcmp(head->image, clo_image_sha256(reading->image), sizeof head->image) == 0 &&
        head->abi == CLO_ABI_VERSION)
        return 0;
    clo_fail(error, CLO_EINVALID, "the snapshot is of another image than %s",
             clo_image_path(reading->image));
    return clo_hint(error, CLO_EINVALID,
                    "it goes on with the image that it was made with alone, whose hash begins with "
                    "%02x%02x%02x%02x; that of this one with %02x%02x%02x%02x",
                    head->image[0], head->image[1], head->image[2], head->image[3],
                    clo_image_sha256(reading->image)[0], clo_image_sha256(reading->image)[1],
                    clo_image_sha256(reading->image)[2], clo_image_sha256(reading->image)[3]);
}

/* Of a head that check_memory has passed. */
static uint64_t memory_of(const struct reading *reading)
{
    return reading->head.region_size[CLO_REGION_LINEAR] +
           reading->head.region_size[CLO_REGION_HEAP];
}

/* Before anything of the sandbox is given up for it. */
static int check_memory(const struct reading *reading, struct clo_error *error)
{
    const uint64_t *sizes = reading->head.region_size;
    if (sizes[CLO_REGION_LINEAR] <= CLO_LINEAR_MAX && sizes[CLO_REGION_HEAP] <= CLO_HEAP_MAX &&
        memory_of(reading) <= reading->memory)
        return 0;
    char has[CLO_QUANTITY_TEXT_MAX], limit[CLO_QUANTITY_TEXT_MAX];
    clo_size_format(has, memory_of(reading));
    clo_size_format(limit, reading->memory);
    clo_fail(error, CLO_ELIMIT, "the snapshot has %s of memory, and %s are allowed", has, limit);
    return clo_hint(error, CLO_ELIMIT,
                    "raise its memory limit to what the session had when it was kept");
}

static int begin(struct reading *reading, struct clo_error *error)
{
    int status = clo_snapshot_get_head(&reading->file, &reading->head, reading->options, error);
    if (!status)
        status = check_head(reading, error);
    return status ? status : check_memory(reading, error);
}

/* Is every seal right, and is that all of the file? */
static int check_all(struct reading *reading, struct clo_error *error)
{
    int status = begin(reading, error);
    reading->file.checking = true;
    reading->kind = CLO_BLOCK_PAGES;
    while (!status && reading->kind != CLO_BLOCK_END)
        status = next_block(reading, error);
    reading->file.checking = false;
    return status;
}

/* Bytes of a stream that blocks of that kind are. */
static int get_stream(struct reading *reading, enum clo_block_kind kind, void *bytes, size_t length,
                      struct clo_error *error)
{
    while (length) {
        while (!reading->length || reading->kind != kind) {
            if (reading->kind != kind)
                return clo_fail(error, CLO_EINVALID,
                                "the snapshot has a block of kind %u where one of kind %u is due",
                                reading->kind, kind);
            int status = next_block(reading, error);
            if (status)
                return status;
        }
        size_t now = length < reading->length ? length : reading->length;
        memcpy(bytes, reading->bytes, now);
        reading->bytes += now;
        reading->length -= now;
        bytes = (uint8_t *)bytes + now;
        length -= now;
    }
    return 0;
}

static int get_output(void *context, void *bytes, size_t length, struct clo_error *error)
{
    return get_stream(context, CLO_BLOCK_OUTPUT, bytes, length, error);
}

static int get_in_run(void *context, void *bytes, size_t length, struct clo_error *error)
{
    return get_stream(context, CLO_BLOCK_RUN, bytes, length, error);
}

/* Where the run stands, and what the host kept of it. */
static int read_run(struct reading *reading, struct clo_error *error)
{
    struct clo_state_head *state = &reading->state;
    if (!reading->run)
        return 0;
    state->in_run = 1;
    int status = next_block(reading, error);
    if (!status)
        status = get_in_run(reading, &state->registers, sizeof state->registers, error);
    if (!status)
        status = clo_image_check_registers(reading->image, &state->registers, error);
    if (!status)
        status = reading->run->get(reading->run->context, &state->used, get_in_run, reading, error);
    if (!status)
        status = clo_state_check(state, error);
    if (!status && reading->length)
        status = clo_fail(error, CLO_EINVALID, "%zu bytes follow what the snapshot says of its run",
                          reading->length);
    return status;
}

static int load_pages(struct reading *reading, const struct clo_state_port *port,
                      struct clo_error *error)
{
    uint8_t page[CLO_PAGE_SIZE];
    int status = 0;
    while (reading->length && !status) {
        uint32_t number;
        size_t size;
        status = clo_page_record(reading->bytes, reading->length, &number, &size, error);
        if (status)
            break;
        const uint8_t *was = clo_image_page(reading->image, reading->head.region_size,
                                            clo_state_registers_of(&reading->state), number);
        if (!was)
            return clo_fail(error, CLO_EINVALID,
                            "page %u of the snapshot is no memory of such a guest", number);
        clo_page_decode(page, reading->bytes, was);
        status = port->page(port->context, number, page, error);
        reading->bytes += size;
        reading->length -= size;
    }
    return status;
}

static int load_state(struct reading *reading, const struct clo_state_port *port,
                      struct clo_error *error)
{
    struct clo_state_head *state = &reading->state;
    state->monotonic_ns = reading->head.monotonic_ns;
    memcpy(state->region_size, reading->head.region_size, sizeof state->region_size);
    int status = port->begin(port->context, state, error);
    if (!status)
        status = next_block(reading, error);
    while (!status && reading->kind == CLO_BLOCK_PAGES) {
        status = load_pages(reading, port, error);
        if (!status)
            status = next_block(reading, error);
    }
    return status;
}

static int load_output(struct reading *reading, struct clo_artifact_tree *output,
                       const struct clo_limits *limits, struct clo_error *error)
{
    int status = clo_artifact_tree_begin(output, limits, false, error);
    if (!status)
        status = clo_artifact_bring(output, get_output, reading, error);
    if (!status && reading->length)
        status = clo_fail(error, CLO_EINVALID,
                          "%zu bytes follow /output in its block of the snapshot", reading->length);
    if (!status)
        status = next_block(reading, error);
    if (!status && (reading->kind != CLO_BLOCK_END || reading->length))
        status = clo_fail(error, CLO_EINVALID, "the snapshot has a block of kind %u at its end",
                          reading->kind);
    return status;
}

static int load(struct reading *reading, const struct clo_state_port *port,
                struct clo_artifact_tree *output, const struct clo_limits *limits,
                struct clo_error *error)
{
    clo_artifact_tree_clear(output);
    int status = load_state(reading, port, error);
    if (!status)
        status = load_output(reading, output, limits, error);
    if (!status)
        status = port->end(port->context, error);
    if (status) {
        port->drop(port->context);
        clo_artifact_tree_clear(output);
    }
    return status;
}

static int reserve(const struct reading *reading, const struct clo_snapshot_terms *terms,
                   struct clo_error *error)
{
    struct clo_wish wish = {.bytes = memory_of(reading),
                            .limit = reading->memory,
                            .may_wait = true,
                            .cancel = reading->cancel};
    struct clo_grant grant;
    uint64_t had = terms->reservation->bytes;
    int status = clo_reservation_ask(terms->reservation, &wish, &grant, error);
    if (status || grant.bytes >= wish.bytes)
        return status;
    if (clo_cancel_is_set(reading->cancel))
        return clo_fail(error, CLO_ECANCELLED, "it was cancelled while it waited for memory");
    return clo_memory_budget_refuse(wish.bytes - had, UINT64_MAX, error);
}

int clo_snapshot_read(const struct clo_state_port *port, const struct clo_image *image,
                      struct clo_artifact_tree *output, const struct clo_snapshot_terms *terms,
                      int fd, const struct clo_snapshot_options *options, struct clo_error *error)
{
    struct reading reading = {.options = options,
                              .image = image,
                              .memory = terms->limits->memory,
                              .cancel = terms->cancel,
                              .run = terms->run};
    int status = clo_snapshot_file_open(&reading.file, fd, false, options, error);
    if (status)
        return status;
    status = check_all(&reading, error);
    if (!status)
        status = begin(&reading, error);
    if (!status)
        status = read_run(&reading, error);
    if (!status)
        status = reserve(&reading, terms, error);
    if (!status)
        status = load(&reading, port, output, terms->limits, error);
    clo_snapshot_file_close(&reading.file);
    return status;
}

int clo_snapshot_memory(const struct clo_image *image, int fd,
                        const struct clo_snapshot_options *options, bool in_run, uint64_t limit,
                        uint64_t *bytes, struct clo_error *error)
{
    static const struct clo_snapshot_run any;
    struct reading reading = {
        .options = options, .image = image, .memory = limit, .run = in_run ? &any : NULL};
    int status = clo_snapshot_file_open(&reading.file, fd, false, options, error);
    if (status)
        return status;
    status = begin(&reading, error);
    *bytes = status ? 0 : memory_of(&reading);
    clo_snapshot_file_close(&reading.file);
    return status;
}
