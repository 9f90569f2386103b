/* pages.c - what a guest's memory has become since its image, page by page: for snapshots.
 *
 * The state that a later run can see is linear memory, the runtime's heap and its data. The stack
 * and the window are dead once a run has ended, registers too: every run starts with an empty
 * stack and with registers of its own. So a snapshot is the sizes of the two regions that grow and
 * the pages in them that differ from the image.
 *
 * In the middle of a run, behind a host call, the stack is alive from a little below its pointer on,
 * and so is the control page. The rest of the window is not: output was taken, the message copied.
 *
 * Which pages may differ is asked of the kernel, as restores do (scan.c); which do is found by
 * comparing. Where the kernel cannot be asked all are compared.
 */
#include <string.h>

#include "base/error.h"
#include "vm/internal.h"
#include "vm/process/process.h"

static const uint8_t zeros[CLO_PAGE_SIZE];

const uint8_t *clo_image_sha256(const struct clo_image *image)
{
    return image->header.sha256;
}

/* The bytes of guest memory that a segment stands for when its regions have these sizes. */
static uint64_t segment_length(const struct clo_image_segment *segment,
                               const uint64_t sizes[CLO_REGION_COUNT])
{
    switch (segment->kind) {
    case CLO_SEGMENT_PRIVATE: return clo_round_up(segment->size, CLO_HUGE_PAGE_SIZE);
    case CLO_SEGMENT_LINEAR: return sizes[CLO_REGION_LINEAR];
    case CLO_SEGMENT_HEAP: return sizes[CLO_REGION_HEAP];
    default: return 0;
    }
}

static const uint8_t *image_page(const struct clo_image *image,
                                 const struct clo_image_segment *segment, uint64_t in_segment)
{
    return in_segment < segment->file_size ? image->bytes + segment->file_offset + in_segment
                                           : zeros;
}

/* What is alive in the middle of a run only, by ascending address; where nothing wrote it is zero. */
#define RUN_PIECES 2
static void run_pieces(const struct clo_vm_registers *registers,
                       struct clo_image_segment pieces[RUN_PIECES])
{
    uint64_t stack = clo_registers_stack(registers);
    pieces[0] =
        (struct clo_image_segment){.address = stack, .size = CLO_STACK_VA + CLO_STACK_SIZE - stack};
    pieces[1] = (struct clo_image_segment){.address = CLO_WINDOW_VA + CLO_WINDOW_CONTROL,
                                           .size = CLO_PAGE_SIZE};
}

const uint8_t *clo_image_page(const struct clo_image *image, const uint64_t sizes[CLO_REGION_COUNT],
                              const struct clo_vm_registers *registers, uint32_t number)
{
    uint64_t va = number * CLO_PAGE_SIZE;
    struct clo_image_segment pieces[RUN_PIECES];
    for (uint32_t i = 0; i < image->header.segment_count; i++) {
        const struct clo_image_segment *segment = &image->header.segments[i];
        if (va - segment->address < segment_length(segment, sizes))
            return image_page(image, segment, va - segment->address);
    }
    if (!registers)
        return NULL;
    run_pieces(registers, pieces);
    for (int i = 0; i < RUN_PIECES; i++)
        if (va - pieces[i].address < pieces[i].size)
            return zeros;
    return NULL;
}

/* ---- out ---- */

struct walk {
    struct clo_vm *vm;
    const struct clo_image_segment *segment;
    clo_page_fn each;
    void *context;
    struct clo_error *error;
};

/* Pages [va, va + length), which lie at `at`: those that differ. */
static int compare(const struct walk *walk, uint64_t va, const uint8_t *at, uint64_t length)
{
    int status = 0;
    for (uint64_t done = 0; done < length && !status; done += CLO_PAGE_SIZE) {
        uint64_t in_segment = va + done - walk->segment->address;
        const uint8_t *was = image_page(walk->vm->image, walk->segment, in_segment);
        if (memcmp(at + done, was, CLO_PAGE_SIZE) != 0)
            status = walk->each(walk->context, (uint32_t)((va + done) / CLO_PAGE_SIZE), at + done,
                                walk->error);
    }
    return status;
}

/* A piece that lies in one mapping: results of a scan merge across mappings. */
static int look_at(const struct walk *walk, uint64_t va, const uint8_t *at, uint64_t length)
{
    struct clo_scan scan;
    struct clo_scan_range range;
    int more, status = 0;
    if (walk->vm->pagemap < 0)
        return compare(walk, va, at, length);
    clo_scan_begin(&scan, walk->vm->pagemap, walk->vm->config.scan_fallback, at, length);
    while (!status && (more = clo_scan_next(&scan, &range)) != 0) {
        if (more < 0)
            return clo_fail_errno(walk->error, CLO_ESYSTEM, "finding the pages that a run wrote");
        const uint8_t *start = (const uint8_t *)(uintptr_t)range.start;
        status = compare(walk, va + (uint64_t)(start - at), start, range.end - range.start);
    }
    return status;
}

/* Up to where guest memory from va on lies in one piece, at most to `end`: a 2 MiB chunk, or what
 * the file or the zeros behind it have of one. */
static uint64_t piece_end(const struct clo_image_segment *segment, uint64_t va, uint64_t end)
{
    uint64_t border = segment->address + segment->file_size;
    uint64_t chunk = (va / CLO_HUGE_PAGE_SIZE + 1) * CLO_HUGE_PAGE_SIZE;
    if (va < border && border < chunk)
        chunk = border;
    uint64_t initial = segment->address + segment->size; /* behind it: what it grew by */
    if (va < initial && initial < chunk)
        chunk = initial;
    return chunk < end ? chunk : end;
}

static int walk_segment(const struct walk *walk, uint64_t length)
{
    uint64_t va = walk->segment->address, end = va + length, next;
    for (; va < end; va = next) {
        const uint8_t *at = clo_memory_at(walk->vm, va);
        if (!at) { /* the lowest 64 KiB, by process isolation */
            next = va + CLO_WASM_PAGE_SIZE;
            continue;
        }
        next = piece_end(walk->segment, va, end);
        int status = look_at(walk, va, at, next - va);
        if (status)
            return status;
    }
    return 0;
}

static int walk_run(struct walk *walk, const struct clo_vm_registers *registers)
{
    struct clo_image_segment pieces[RUN_PIECES];
    int status = 0;
    run_pieces(registers, pieces);
    for (int i = 0; i < RUN_PIECES && !status; i++) {
        walk->segment = &pieces[i];
        status = walk_segment(walk, pieces[i].size);
    }
    walk->segment = NULL;
    return status;
}

int clo_vm_pages(struct clo_vm *vm, const struct clo_vm_registers *registers, clo_page_fn each,
                 void *context, struct clo_error *error)
{
    const struct clo_image_header *header = &vm->image->header;
    const uint64_t sizes[] = {vm->regions[CLO_REGION_LINEAR].size,
                              vm->regions[CLO_REGION_HEAP].size};
    struct walk walk = {.vm = vm, .each = each, .context = context, .error = error};
    if (vm->spent)
        return clo_fail(error, CLO_EINVALID, "a guest has no state after a fault");
    int status = registers ? clo_image_check_registers(vm->image, registers, error) : 0;
    for (uint32_t i = 0; i < header->segment_count && !status; i++) { /* by ascending address */
        const struct clo_image_segment *segment = &header->segments[i];
        if (registers && segment->address > CLO_WINDOW_VA) {
            status = walk_run(&walk, registers);
            registers = NULL;
        }
        walk.segment = segment;
        if (!status)
            status = walk_segment(&walk, segment_length(segment, sizes));
    }
    return status || !registers ? status : walk_run(&walk, registers);
}

/* ---- in ---- */

int clo_vm_page_put(struct clo_vm *vm, const struct clo_vm_registers *registers, uint32_t number,
                    const uint8_t bytes[CLO_PAGE_SIZE], struct clo_error *error)
{
    const uint64_t sizes[] = {vm->regions[CLO_REGION_LINEAR].size,
                              vm->regions[CLO_REGION_HEAP].size};
    uint64_t va = number * CLO_PAGE_SIZE;
    uint8_t *at =
        clo_image_page(vm->image, sizes, registers, number) ? clo_memory_at(vm, va) : NULL;
    if (!at) {
        clo_fail(error, CLO_EINVALID, "a page at %#llx, which is no memory of this guest",
                 (unsigned long long)va);
        if (vm->config.isolation == CLO_ISOLATION_PROCESS && va < CLO_PROCESS_FIRST)
            return clo_hint(error, CLO_EINVALID,
                            "by process isolation there is no memory below %#llx: what wrote there "
                            "can go on in a micro-VM only",
                            CLO_PROCESS_FIRST);
        return CLO_EINVALID;
    }
    vm->used = true; /* to be restored before anything else */
    memcpy(at, bytes, CLO_PAGE_SIZE);
    return 0;
}
