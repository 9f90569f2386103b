/* restore.c - bring a guest back to its image's state.
 *
 * Pages that the guest wrote have become private to the process. They are copied back and stay
 * mapped, so that the next run, which writes much the same pages, takes no faults. The list of them
 * is known from the last scan, and a page can only become private in a fault that is charged to
 * this thread (those that KVM takes, too): as long as the thread's count of faults stands still, the list is
 * complete and nothing is scanned.
 *
 * Where too much was written everything is dropped: right, and slower for the run that follows. Where
 * /proc is not to be had nobody knows what was written: everything is dropped but the image's hot
 * pages, which most runs write. They are copied back each time, written or not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/error.h"
#include "vm/internal.h"

/* -1: they are not counted. gVisor says 0, which no thread has had that entered a guest. */
static long faults_of_thread(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage))
        return -1;
    long faults = usage.ru_minflt + usage.ru_majflt;
    return faults ? faults : -1;
}

/* All of the guest's memory at once; page tables stay. */
static int drop_all(struct clo_vm *vm, struct clo_error *error)
{
    vm->known_count = vm->known_pages = 0;
    vm->known_complete = true;
    return vm->wall->drop_all(vm, error);
}

/* Of messages longer than what stays resident, the rest goes by one call each. */
static int drop_messages(struct clo_vm *vm, struct clo_error *error)
{
    int status = 0;
    if (vm->used_call > CLO_KEEP_MESSAGE)
        status = clo_memory_drop(vm, vm->layout.window + CLO_WINDOW_CALL + CLO_KEEP_MESSAGE,
                                 CLO_MESSAGE_MAX - CLO_KEEP_MESSAGE, error);
    if (!status && vm->used_reply > CLO_KEEP_MESSAGE)
        status = clo_memory_drop(vm, vm->layout.window + CLO_WINDOW_REPLY + CLO_KEEP_MESSAGE,
                                 CLO_MESSAGE_MAX - CLO_KEEP_MESSAGE, error);
    vm->used_call = vm->used_reply = 0;
    return status;
}

/* Scan one part. 1: too many pages to keep, or the scan failed; 0: done; negative: error. */
static int scan_part(struct clo_vm *vm, unsigned number, struct clo_error *error)
{
    const struct clo_part *part = &vm->parts[number];
    struct clo_scan scan;
    struct clo_scan_range range;
    clo_scan_begin(&scan, vm->pagemap, vm->config.scan_fallback, clo_vm_at(vm, part->offset),
                   part->length);
    int more;
    while ((more = clo_scan_next(&scan, &range)) > 0) {
        uint64_t offset = range.start - (uintptr_t)vm->memory, length = range.end - range.start;
        if (!part->keep) {
            int status = clo_memory_drop(vm, offset, length, error);
            if (status)
                return status;
            continue;
        }
        uint32_t count = (uint32_t)(length / CLO_PAGE_SIZE);
        if (vm->known_pages + count > CLO_KEEP_PAGES)
            return 1;
        vm->known[vm->known_count++] =
            (struct clo_page_run){(uint32_t)(offset / CLO_PAGE_SIZE), count, number};
        vm->known_pages += count;
    }
    return more < 0;
}

static int learn(struct clo_vm *vm, struct clo_error *error)
{
    vm->known_count = vm->known_pages = 0;
    vm->known_complete = false;
    for (unsigned i = 0; i < vm->part_count; i++) {
        int status = scan_part(vm, i, error);
        if (status < 0)
            return status;
        if (status > 0)
            return drop_all(vm, error);
    }
    vm->known_complete = true;
    return 0;
}

static void write_back(struct clo_vm *vm)
{
    for (uint32_t i = 0; i < vm->known_count; i++) {
        const struct clo_page_run *run = &vm->known[i];
        const struct clo_part *part = &vm->parts[run->part];
        uint64_t offset = run->first * CLO_PAGE_SIZE, length = run->count * CLO_PAGE_SIZE;
        if (part->source)
            memcpy(clo_vm_at(vm, offset), part->source + (offset - part->offset), length);
        else
            memset(clo_vm_at(vm, offset), 0, length);
    }
}

/* The image's hot pages, as far as they may stay resident: ascending within each part. */
static void know_hot(struct clo_vm *vm)
{
    const struct clo_image *image = vm->image;
    vm->known_count = vm->known_pages = 0;
    for (uint32_t i = 0; i < image->header.hot_count && vm->known_pages < CLO_KEEP_PAGES; i++) {
        uint64_t va = (uint64_t)image->hot[i] * CLO_PAGE_SIZE;
        uint32_t number = 0;
        while (number < vm->part_count && va - vm->parts[number].va >= vm->parts[number].length)
            number++;
        const struct clo_part *part = &vm->parts[number];
        if (number == vm->part_count || !part->keep)
            continue;
        uint32_t page = (uint32_t)((part->offset + (va - part->va)) / CLO_PAGE_SIZE);
        struct clo_page_run *last = vm->known_count ? &vm->known[vm->known_count - 1] : NULL;
        if (last && last->part == number && last->first + last->count == page)
            last->count++;
        else
            vm->known[vm->known_count++] = (struct clo_page_run){page, 1, number};
        vm->known_pages++;
    }
}

/* What lies between the known pages of a part. */
static int drop_unknown(struct clo_vm *vm, uint32_t number, struct clo_error *error)
{
    const struct clo_part *part = &vm->parts[number];
    uint64_t at = part->offset, end = part->offset + part->length;
    int status = 0;
    for (uint32_t i = 0; i < vm->known_count && !status; i++) {
        const struct clo_page_run *run = &vm->known[i];
        if (run->part != number)
            continue;
        uint64_t first = run->first * CLO_PAGE_SIZE;
        if (first > at)
            status = clo_memory_drop(vm, at, first - at, error);
        at = first + run->count * CLO_PAGE_SIZE;
    }
    return status || at == end ? status : clo_memory_drop(vm, at, end - at, error);
}

static int restore_unseen(struct clo_vm *vm, struct clo_error *error)
{
    know_hot(vm);
    for (uint32_t number = 0; number < vm->part_count; number++) {
        int status = drop_unknown(vm, number, error);
        if (status)
            return status;
    }
    write_back(vm);
    return 0;
}

static int restore_memory(struct clo_vm *vm, size_t *pages, struct clo_error *error)
{
    int status = vm->wall->shrink(vm, error);
    if (status)
        return status;
    if (vm->pagemap < 0) {
        vm->used_call = vm->used_reply = 0;
        status = restore_unseen(vm, error);
        *pages = vm->known_pages;
        return status;
    }
    status = drop_messages(vm, error);
    if (status)
        return status;
    /* counted before the scan: a fault of the copying only means one scan more */
    long faults = faults_of_thread();
    if (faults < 0 || faults != vm->faults_seen || !vm->known_complete) {
        status = learn(vm, error);
        if (status)
            return status;
        vm->faults_seen = faults;
    }
    write_back(vm);
    *pages = vm->known_pages;
    return 0;
}

int clo_vm_restore(struct clo_vm *vm, size_t *pages, struct clo_error *error)
{
    size_t written = 0;
    if (pages)
        *pages = 0;
    if (vm->config.one_shot)
        return clo_fail(error, CLO_EINVALID, "a one-shot micro-VM cannot be restored");
    if (vm->spent)
        return clo_fail(error, CLO_EINVALID, "a micro-VM cannot be restored after a fault");
    int status = atomic_load(&vm->alarm_at) ? 0 : clo_vm_alarm(vm, 0, 0, error);
    if (!status)
        status = restore_memory(vm, &written, error);
    if (!status && vm->used)
        status = vm->wall->clean(vm, error);
    if (status) {
        vm->spent = true;
        return status;
    }
    clo_alarm_forget(vm);
    vm->used = false;
    if (pages)
        *pages = written;
    return 0;
}

void clo_vm_used_call(struct clo_vm *vm, size_t length)
{
    if (length > vm->used_call)
        vm->used_call = length;
}

void clo_vm_used_reply(struct clo_vm *vm, size_t length)
{
    if (length > vm->used_reply)
        vm->used_reply = length;
}
