/* grown.c - an image, and the pages of a state that began with it, as a new image.
 *
 * Between two runs neither registers nor a stack are alive (run/state.h): so a state is to an image
 * what another image is, and a run that begins with the one begins with the other.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "image/add/add.h"
#include "vm/internal.h"

#define PAGES_MAX (CLO_IMAGE_FILE_MAX / CLO_PAGE_SIZE)

static int take_head(void *context, const struct clo_state_head *head, struct clo_error *error)
{
    struct clo_grown *grown = context;
    if (head->in_run) /* a worker says so */
        return clo_fail(error, CLO_EGUEST, "its run has not ended");
    memcpy(grown->region_size, head->region_size, sizeof grown->region_size);
    return 0;
}

static int make_room(struct clo_grown *grown, struct clo_error *error)
{
    if (grown->count < grown->room)
        return 0;
    if (grown->count >= PAGES_MAX)
        return clo_fail(error, CLO_ELIMIT, "the image would have more than %llu MiB",
                        CLO_IMAGE_FILE_MAX >> 20);
    size_t room = grown->room ? 2 * grown->room : 1024;
    uint32_t *numbers = realloc(grown->numbers, room * sizeof *numbers);
    if (numbers)
        grown->numbers = numbers;
    uint8_t *pages = numbers ? realloc(grown->pages, room * CLO_PAGE_SIZE) : NULL;
    if (!pages)
        return clo_fail_memory(error);
    grown->pages = pages;
    grown->room = room;
    return 0;
}

static int take_page(void *context, uint32_t number, const uint8_t *bytes, struct clo_error *error)
{
    struct clo_grown *grown = context;
    bool next = grown->count == 0 || number > grown->numbers[grown->count - 1];
    if (!next ||
        !clo_image_page(grown->image, grown->region_size, NULL, number)) /* a worker says so */
        return clo_fail(error, CLO_EGUEST,
                        "it handed out page %u, which is not the next of a state", number);
    int status = make_room(grown, error);
    if (status)
        return status;
    memcpy(grown->pages + grown->count * CLO_PAGE_SIZE, bytes, CLO_PAGE_SIZE);
    grown->numbers[grown->count++] = number;
    return 0;
}

struct clo_state_sink clo_grown_sink(struct clo_grown *grown)
{
    return (struct clo_state_sink){.head = take_head, .page = take_page, .context = grown};
}

void clo_grown_free(struct clo_grown *grown)
{
    free(grown->numbers);
    free(grown->pages);
    *grown = (struct clo_grown){0};
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static const uint8_t *page_of(void *context, uint64_t address)
{
    const struct clo_grown *grown = context;
    uint32_t number = (uint32_t)(address / CLO_PAGE_SIZE);
    const uint32_t *found =
        grown->count ? bsearch(&number, grown->numbers, grown->count, sizeof number, by_number)
                     : NULL;
    return found ? grown->pages + (size_t)(found - grown->numbers) * CLO_PAGE_SIZE
                 : clo_image_page(grown->image, grown->region_size, NULL, number);
}

/* A region that was empty has no segment to grow. */
static int add_segment(const struct clo_grown *grown, struct clo_draft *draft,
                       const struct clo_image_segment *from, struct clo_error *error)
{
    struct clo_image_segment like = *from;
    if (from->kind == CLO_SEGMENT_SHARED)
        return clo_draft_copy(draft, from, grown->image->bytes + from->file_offset, error);
    if (from->kind == CLO_SEGMENT_LINEAR)
        like.size = grown->region_size[CLO_REGION_LINEAR];
    if (from->kind == CLO_SEGMENT_HEAP)
        like.size = grown->region_size[CLO_REGION_HEAP];
    return clo_draft_memory(draft, &like, page_of, (void *)grown, error);
}

int clo_grown_draft(const struct clo_grown *grown, struct clo_draft *draft, struct clo_error *error)
{
    const struct clo_image_header *from = &grown->image->header;
    struct clo_image_header *header = &draft->contents->header;
    int status = 0;
    memcpy(header->magic, CLO_IMAGE_MAGIC, sizeof header->magic);
    header->version = CLO_IMAGE_VERSION;
    header->abi = CLO_ABI_VERSION;
    header->header_size = sizeof *header;
    memcpy(header->name, from->name, sizeof header->name);
    memcpy(header->runtime, from->runtime, sizeof header->runtime);
    memcpy(header->cpu, from->cpu, sizeof header->cpu);
    memcpy(header->inputs, from->inputs, sizeof header->inputs);
    header->run_entry = from->run_entry;
    header->interrupt_count = from->interrupt_count;
    memcpy(header->interrupts, from->interrupts, sizeof header->interrupts);
    for (uint32_t i = 0; i < from->segment_count && !status; i++)
        status = add_segment(grown, draft, &from->segments[i], error);
    return status;
}
