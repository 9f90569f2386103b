/* state.c - see state.h. */
#include "sandbox/run/state.h"

#include "base/clock.h"
#include "base/error.h"
#include "sandbox/run/run_loop.h"

int clo_runner_save(struct clo_runner *runner, const struct clo_state_sink *sink,
                    struct clo_error *error)
{
    struct clo_state_head head = {0};
    if (clo_runner_is_broken(runner) || !runner->used || !(runner->lasting || runner->frozen)) {
        clo_fail(error, CLO_EINVALID, "the sandbox has no state that could be kept");
        return clo_hint(error, CLO_EINVALID,
                        "it has one once a run has ended by itself: not after os._exit, a fault, a "
                        "hard stop or a lost worker");
    }
    if (runner->frozen)
        head = runner->stand;
    for (int i = 0; i < CLO_REGION_COUNT; i++)
        head.region_size[i] = clo_vm_region_size(runner->vm, (enum clo_region)i);
    head.monotonic_ns = clo_monotonic_ns() + runner->monotonic_shift_ns;
    int status = sink->head(sink->context, &head, error);
    return status ? status
                  : clo_vm_pages(runner->vm, clo_state_registers_of(&head), sink->page,
                                 sink->context, error);
}

void clo_runner_load_drop(struct clo_runner *runner)
{
    clo_runner_forget_state(runner);
}

static int grow(struct clo_runner *runner, const struct clo_state_head *head,
                struct clo_error *error)
{
    for (int i = 0; i < CLO_REGION_COUNT; i++) {
        int status = clo_vm_grow(runner->vm, (enum clo_region)i, head->region_size[i], error);
        if (status == CLO_EGUEST)
            return clo_fail(error, CLO_EINVALID,
                            "the state has %llu bytes in memory region %d, which the image has not",
                            (unsigned long long)head->region_size[i], i);
        if (status)
            return status;
    }
    return 0;
}

int clo_runner_load_begin(struct clo_runner *runner, const struct clo_state_head *head,
                          struct clo_error *error)
{
    int status = clo_state_check(head, error);
    if (!status)
        status = clo_runner_clean(runner, error);
    if (status)
        return status;
    runner->stand = *head;
    runner->used = true; /* from here on there is something to take back */
    runner->lasting = false;
    runner->load_next = 0;
    status = grow(runner, head, error);
    if (status) {
        clo_runner_load_drop(runner);
        return status;
    }
    runner->monotonic_shift_ns = head->monotonic_ns - clo_monotonic_ns();
    return 0;
}

int clo_runner_load_page(struct clo_runner *runner, uint32_t number,
                         const uint8_t bytes[CLO_PAGE_SIZE], struct clo_error *error)
{
    int status = 0;
    if (number < runner->load_next)
        status = clo_fail(error, CLO_EINVALID, "page %u of a state comes out of order", number);
    if (!status)
        status = clo_vm_page_put(runner->vm, clo_state_registers_of(&runner->stand), number, bytes,
                                 error);
    if (status)
        clo_runner_load_drop(runner);
    else
        runner->load_next = (uint64_t)number + 1;
    return status;
}

void clo_runner_load_end(struct clo_runner *runner)
{
    runner->frozen = runner->stand.in_run != 0;
    runner->lasting = !runner->frozen;
}
