/* compare.c - for tests: is this micro-VM's state a fresh one's, byte for byte?
 *
 * A fresh micro-VM of the same image and configuration is made beside it. Reading makes no page
 * private, so the faults that it takes are left out of the count that decides on a scan.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "harness.h"
#include "vm/process/process.h"

static const uint8_t zeros[CLO_PAGE_SIZE];

static long faults_of_thread(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) ? -1 : usage.ru_minflt + usage.ru_majflt;
}

static size_t compare_page(const struct clo_vm *vm, uint64_t offset, const uint8_t *want,
                           const char *what)
{
    if (!memcmp(clo_vm_at(vm, offset), want, CLO_PAGE_SIZE))
        return 0;
    fprintf(stderr, "vm: page %#llx of %s differs from a fresh micro-VM's\n",
            (unsigned long long)(offset / CLO_PAGE_SIZE), what);
    return 1;
}

/* Only what is private can be anything but zero; where the kernel cannot say, all is read. */
static size_t compare_zero(const struct clo_vm *vm, int pagemap, uint64_t offset, uint64_t length,
                           const char *what)
{
    size_t pages = 0;
    if (pagemap < 0) {
        for (uint64_t done = 0; done < length; done += CLO_PAGE_SIZE)
            pages += compare_page(vm, offset + done, zeros, what);
        return pages;
    }
    struct clo_scan scan;
    struct clo_scan_range range;
    int more;
    clo_scan_begin(&scan, pagemap, false, clo_vm_at(vm, offset), length);
    while ((more = clo_scan_next(&scan, &range)) > 0)
        for (uint64_t at = range.start; at < range.end; at += CLO_PAGE_SIZE)
            pages += compare_page(vm, at - (uintptr_t)vm->memory, zeros, what);
    return more < 0 ? pages + 1 : pages;
}

/* Memory that must not even be there: what a run may have grown into. */
static size_t compare_absent(const struct clo_vm *vm, int pagemap, uint64_t offset, uint64_t length,
                             const char *what)
{
    if (pagemap < 0)
        return compare_zero(vm, pagemap, offset, length, what);
    struct clo_scan scan;
    struct clo_scan_range range;
    size_t pages = 0;
    int more;
    clo_scan_begin(&scan, pagemap, false, clo_vm_at(vm, offset), length);
    while ((more = clo_scan_next(&scan, &range)) > 0) {
        fprintf(stderr, "vm: %s holds memory of an earlier run\n", what);
        pages += (range.end - range.start) / CLO_PAGE_SIZE;
    }
    return more < 0 ? pages + 1 : pages;
}

static size_t compare_parts(const struct clo_vm *vm, int pagemap)
{
    size_t pages = 0;
    for (unsigned i = 0; i < vm->part_count; i++) {
        const struct clo_part *part = &vm->parts[i];
        if (!part->source) {
            pages += compare_zero(vm, pagemap, part->offset, part->length,
                                  "memory that starts as zeros");
            continue;
        }
        for (uint64_t at = 0; at < part->length; at += CLO_PAGE_SIZE)
            pages += compare_page(vm, part->offset + at, part->source + at, "the image");
    }
    return pages;
}

static size_t compare_size(const struct clo_vm *vm, int region, uint64_t fresh)
{
    if (vm->regions[region].size == fresh)
        return 0;
    fprintf(stderr, "vm: region %d has grown\n", region);
    return 1;
}

static size_t compare_memory(const struct clo_vm *vm, const struct clo_vm *fresh)
{
    int pagemap = clo_scan_open(); /* also where restores must do without */
    size_t pages = compare_parts(vm, pagemap);
    for (uint64_t at = 0; at < vm->layout.system_size; at += CLO_PAGE_SIZE)
        pages += compare_page(vm, at, fresh->memory + at, "the page tables and descriptors");
    for (int i = 0; i < CLO_REGION_COUNT; i++) {
        const struct clo_growth *region = &vm->regions[i];
        uint64_t end = region->initial_chunks * CLO_HUGE_PAGE_SIZE;
        pages += compare_size(vm, i, fresh->regions[i].size);
        pages += compare_absent(vm, pagemap, region->offset + region->initial,
                                end - region->initial, "the end of a region");
    }
    return pages + compare_absent(vm, pagemap, vm->layout.pool, vm->layout.size - vm->layout.pool,
                                  "the pool");
}

/* Of a guest in this process: what is not granted holds nothing, and cannot be touched. */
static size_t compare_process(const struct clo_vm *vm)
{
    int pagemap = clo_scan_open();
    size_t pages = compare_parts(vm, pagemap);
    for (int i = 0; i < CLO_REGION_COUNT; i++) {
        const struct clo_growth *region = &vm->regions[i];
        uint64_t from = region->va + region->size;
        pages += compare_size(vm, i, region->initial);
        if (from < CLO_PROCESS_FIRST)
            from = CLO_PROCESS_FIRST;
        if (pagemap >= 0)
            pages += compare_absent(vm, pagemap, from, region->va + region->max - from,
                                    "the end of a region");
    }
    return pages;
}

/* Faults that were taken here say nothing of pages that a run wrote. */
static void forget_faults(struct clo_vm *vm, long before)
{
    if (vm->faults_seen >= 0 && vm->faults_seen == before)
        vm->faults_seen = faults_of_thread();
}

size_t clo_vm_compare(struct clo_vm *vm)
{
    struct clo_vm *fresh;
    struct clo_error error;
    struct clo_vm_config config = vm->config;
    long before = faults_of_thread();
    size_t differences;
    if (config.isolation == CLO_ISOLATION_PROCESS) {
        differences = compare_process(vm);
        forget_faults(vm, before);
        return differences;
    }
    config.one_shot = true;
    if (clo_vm_create(&fresh, vm->image, &config, &error)) {
        fprintf(stderr, "vm: no fresh micro-VM to compare with: %s\n", error.message);
        return 1;
    }
    differences = compare_memory(vm, fresh);
    if (clo_vm_prime(vm, &error) || clo_vm_prime(fresh, &error)) {
        fprintf(stderr, "vm: %s\n", error.message);
        differences++;
    } else {
        differences += clo_state_compare(vm, fresh);
    }
    clo_vm_destroy(fresh);
    forget_faults(vm, before);
    return differences;
}
