/* thaw.c - a run that was suspended goes on: what the control page says of where and when.
 *
 * What the guest had left there came back with its memory. The clocks are those of now, but for the
 * monotonic one, which stood still: the guest counts on from what it left in elapsed_ns. Where its
 * clocks are fixed they go on by what the program does, and are left alone.
 */
#include "abi/hostcall.h"
#include "base/clock.h"
#include "sandbox/run/run_loop.h"
#include "sandbox/run/tsc.h"

void clo_thaw_control(struct clo_runner *runner, const struct clo_order *order)
{
    struct clo_control *control = clo_vm_control(runner->vm);
    uint64_t elapsed_ns = control->elapsed_ns; /* the guest's word on the guest's own clock */
    control->run_flags = (order->write_through ? CLO_OUTPUT_WRITE_THROUGH : 0) |
                         (order->has_input ? CLO_INPUT_PRESENT : 0) |
                         (order->has_files ? CLO_FILES_PRESENT : 0) |
                         (order->fixed.has_clock ? CLO_CLOCK_FIXED : 0);
    control->ns_per_tick = clo_tsc_rate();
    if (!order->fixed.has_clock)
        control->realtime_ns = clo_clock_ns(CLOCK_REALTIME) - elapsed_ns;
    control->memory_limit = order->limits.memory;
    control->interrupt_reason[0] = '\0';
    control->output_length = 0;
    control->thawed = order->elsewhere ? CLO_THAWED_ELSEWHERE : CLO_THAWED;
}
