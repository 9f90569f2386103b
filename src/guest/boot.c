/* boot.c - what happens when the VMM enters the guest: once to build the image, then for each run.
 *
 *   clo_boot: instantiate the module, _initialize, guest_init, host call READY  -> snapshot
 *   clo_run:  guest_run, host call DONE;  for a plain command instead: _start, host call EXIT
 *
 * A module has either guest_init and guest_run or _start; what it lacks is filled in by the weak
 * functions below.
 */
#pragma GCC visibility push(                                                                       \
    hidden) /* addresses relative to rip: the image is linked above 8 GiB  \
                                     */
#include "guest.h"

#include "guest/files/hostfs.h"
#include "guest/files/ramfs.h"
#include "runtime.h"

extern void clo_guest_run(void);
void w2c_guest_0x5Finitialize(w2c_guest *module);
void w2c_guest_0x5Fstart(w2c_guest *module);
void w2c_guest_guest_init(w2c_guest *module);
void w2c_guest_guest_run(w2c_guest *module);
#pragma GCC visibility pop

__attribute__((weak)) void w2c_guest_0x5Finitialize(w2c_guest *module)
{
    (void)module;
}

__attribute__((weak)) void w2c_guest_0x5Fstart(w2c_guest *module)
{
    (void)module;
}

__attribute__((weak)) void w2c_guest_guest_init(w2c_guest *module)
{
    (void)module;
}

__attribute__((weak)) void w2c_guest_guest_run(w2c_guest *module)
{
    w2c_guest_0x5Fstart(module);
    clo_host_end(CLO_OP_EXIT, 0);
}

static w2c_guest instance;

static void begin(void)
{
    CLO_CONTROL->output_length = 0;
    clo_host_start();
    clo_hostfs_begin();
    clo_clock_start();
    clo_random_start();
}

/* wasm2c gives this function one parameter for each module that is imported from, in the order of
 * the first use. Ours carry no state, so the same pointer serves for whichever there are; the
 * calling convention lets a caller pass more than the callee takes. */
typedef void (*instantiate_fn)(w2c_guest *, void *, void *);

_Noreturn void clo_boot(void)
{
    static char nothing;
    instantiate_fn instantiate = (instantiate_fn)(uintptr_t)wasm2c_guest_instantiate;

    __asm__("" : "+r"(instantiate)); /* keep gcc from seeing which function it is */
    begin();
    CLO_CONTROL->interrupt_count = 0;
    clo_ramfs_start();
    instantiate(&instance, &nothing, &nothing);
    w2c_guest_0x5Finitialize(&instance);
    w2c_guest_guest_init(&instance);
    for (int region = 0; region < CLO_REGION_COUNT; region++) {
        CLO_CONTROL->region_size[region] = clo_region_size((enum clo_region)region);
    }
    clo_clock_forget();
    clo_host_end(CLO_OP_READY, (uintptr_t)clo_guest_run);
}

_Noreturn void clo_run(void)
{
    begin();
    clo_outcome_length = 0;
    w2c_guest_guest_run(&instance);
    clo_clock_forget();
    CLO_CONTROL->message_offset = 0;
    CLO_CONTROL->message_length = clo_outcome_length;
    clo_host_end(CLO_OP_DONE, 0);
}
