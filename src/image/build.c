/* build.c - boot a guest, and write its memory as an image file. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "image/draft.h"
#include "vm/internal.h"

#define BOOT_MEMORY (256ull << 20)

struct build {
    const char *elf, *inputs;
    struct clo_draft draft;
    struct clo_image *guest; /* the ELF file */
};

static const uint8_t *page_of(void *context, uint64_t address)
{
    return clo_memory_at(context, address);
}

static int save_region(struct build *build, struct clo_vm *vm, enum clo_region which, uint32_t kind,
                       struct clo_error *error)
{
    const struct clo_growth *region = &vm->regions[which];
    const struct clo_image_segment like = {
        .kind = kind, .flags = CLO_SEGMENT_WRITE, .address = region->va, .size = region->size};
    return region->size ? clo_draft_memory(&build->draft, &like, page_of, vm, error) : 0;
}

static int save_image_segment(struct build *build, struct clo_vm *vm,
                              const struct clo_image_segment *from, struct clo_error *error)
{
    if (from->kind == CLO_SEGMENT_SHARED)
        return clo_draft_copy(&build->draft, from, vm->image->bytes + from->file_offset, error);
    return clo_draft_memory(&build->draft, from, page_of, vm, error);
}

/* In the order of addresses: linear memory, the ELF file's segments, the heap. */
static int save_memory(struct build *build, struct clo_vm *vm, struct clo_error *error)
{
    int status = save_region(build, vm, CLO_REGION_LINEAR, CLO_SEGMENT_LINEAR, error);
    for (uint32_t i = 0; i < vm->image->header.segment_count && !status; i++)
        status = save_image_segment(build, vm, &vm->image->header.segments[i], error);
    if (!status)
        status = save_region(build, vm, CLO_REGION_HEAP, CLO_SEGMENT_HEAP, error);
    return status;
}

static void name_image(const struct build *build, struct clo_image_header *header)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", build->elf);
    const char *name = basename(copy);
    snprintf(header->name, sizeof header->name, "%.*s", (int)strcspn(name, "."), name);
    if (build->inputs)
        snprintf(header->inputs, sizeof header->inputs, "%s", build->inputs);
}

/* Confined: boot the guest, and draft an image of its memory. */
static int boot_and_save(struct clo_vm *vm, void *context, struct clo_error *error)
{
    struct build *build = context;
    struct clo_image_header *header = &build->draft.contents->header;
    struct clo_boot boot = {0};
    int status = clo_image_boot(vm, build->elf, NULL, &boot, error);
    if (status)
        return status;
    memcpy(header->magic, CLO_IMAGE_MAGIC, sizeof header->magic);
    header->version = CLO_IMAGE_VERSION;
    header->abi = CLO_ABI_VERSION;
    header->header_size = sizeof *header;
    memcpy(header->runtime, boot.runtime, sizeof boot.runtime);
    memcpy(header->cpu, build->guest->header.cpu, sizeof header->cpu);
    header->run_entry = boot.entry;
    header->interrupt_count = boot.interrupt_count;
    memcpy(header->interrupts, boot.interrupts, boot.interrupt_count * sizeof *boot.interrupts);
    name_image(build, header);
    return save_memory(build, vm, error);
}

static int make_draft(struct build *build, enum clo_isolation isolation, struct clo_error *error)
{
    struct clo_vm_config config = {
        .isolation = isolation, .memory_limit = BOOT_MEMORY, .one_shot = true};
    int status = clo_image_load_elf(&build->guest, build->elf, error);
    if (status)
        return status;
    status = clo_image_confine(build->guest, &config, boot_and_save, build, error);
    clo_image_close(build->guest);
    return status;
}

int clo_image_build(const char *elf, const char *path, const char *inputs,
                    enum clo_isolation isolation, struct clo_error *error)
{
    struct build build = {.elf = elf, .inputs = inputs};
    const struct clo_image_header *header;
    if (inputs && strlen(inputs) >= sizeof header->inputs)
        return clo_fail(error, CLO_EINVALID,
                        "the hash of the inputs has %zu characters, at most %zu are possible",
                        strlen(inputs), sizeof header->inputs - 1);
    int status = clo_draft_open(&build.draft, elf, path, isolation, error);
    if (status)
        return status;
    status = make_draft(&build, isolation, error);
    if (!status)
        status = clo_draft_finish(&build.draft, NULL, 0, error);
    clo_draft_close(&build.draft);
    return status;
}
