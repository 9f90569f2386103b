/* contract_race_test.c - what the guest says is changed while the host reads it.
 *
 * One vCPU stands still during a host call, so nobody can. Here somebody does: a second thread of
 * this process writes to the window all the time, and so do the runner's callbacks, in the midst of
 * a host call. The host must act on its one copy: what was checked is what is used.
 */
#include "contract_host.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define RUNS 40      /* for each attack; more with a share above 100 */
#define LOOK_NS 3000 /* how long a callback watches what it was given */

/* ---- in the midst of a host call ---- */

static void spoil_in_answer(struct contract *contract, const struct clo_call *call)
{
    (void)call;
    struct clo_vm *vm = contract->runner->vm;
    memset(clo_vm_control(vm), 0xff, offsetof(struct clo_control, status));
    memset((uint8_t *)clo_vm_call_area(vm), 0xff, 4096);
}

/* The message is copied after the output has been handed on: it is left alone here. */
static void spoil_in_output(struct contract *contract, const char *data, size_t length)
{
    (void)data;
    (void)length;
    struct clo_vm *vm = contract->runner->vm;
    memset(clo_vm_control(vm), 0xff, offsetof(struct clo_control, status));
    memset((uint8_t *)clo_vm_output_area(vm), 0xff, 4096);
}

static void one_copy_is_used(void **state)
{
    (void)state;
    static const struct attack call = {
        "a call with output",
        {TOOL(BOTH, 9, 9, ECHO_LENGTH), STORE(8, OUTPUT_AREA, 0x424101000002),
         STORE(8, OUTPUT_AREA + 6, 0x4301000001), SET(output_length, 11), OUT,
         EXPECT(status, CLO_CALL_OK), EXPECT(reply_id, 9), EXPECT(reply_length, 1)},
        BYTES(ECHO),
        .want = "ok",
        .end = RUNS_ON,
        .out = "ABC",
        .reply = "\x05"};
    struct contract here, beside;
    contract_open(&here);
    contract_open(&beside);
    here.on_answer = spoil_in_answer;
    contract_check(&here, &beside, &call);
    here.on_answer = NULL;
    here.on_output = spoil_in_output;
    contract_check(&here, &beside, &call);
    contract_close(&here);
    contract_close(&beside);
}

/* ---- from another thread ---- */

struct flip { /* what stands at an offset of the window, now this, now that */
    uint64_t at;
    uint32_t width, count;
    uint64_t values[5];
};

struct flipper {
    pthread_t thread;
    const struct flip *flips;
    struct clo_vm *_Atomic vm; /* NULL: keep off */
    atomic_bool busy, stop;
};

static void flip_some(uint8_t *window, const struct flip *flips, uint64_t *random)
{
    for (int i = 0; i < 64; i++) {
        *random = *random * 6364136223846793005ull + 1442695040888963407ull;
        const struct flip *flip = flips;
        for (unsigned skip = *random >> 60; skip; skip--)
            flip = flip[1].width ? flip + 1 : flips;
        uint64_t value = flip->values[(*random >> 40) % flip->count];
        uint8_t *at = window + flip->at;
        if (flip->width == 8)
            __atomic_store_n((uint64_t *)at, value, __ATOMIC_RELAXED);
        else if (flip->width == 4)
            __atomic_store_n((uint32_t *)at, (uint32_t)value, __ATOMIC_RELAXED);
        else
            __atomic_store_n(at, (uint8_t)value, __ATOMIC_RELAXED);
    }
}

static void *flip_on(void *context)
{
    struct flipper *flipper = context;
    uint64_t random = 1;
    while (!atomic_load(&flipper->stop)) {
        atomic_store(&flipper->busy, true);
        struct clo_vm *vm = atomic_load(&flipper->vm);
        if (vm)
            flip_some((uint8_t *)clo_vm_control(vm), flipper->flips, &random);
        atomic_store(&flipper->busy, false);
        if (!vm)
            sched_yield();
    }
    return NULL;
}

static void keep_off(struct flipper *flipper)
{
    atomic_store(&flipper->vm, NULL);
    while (atomic_load(&flipper->busy))
        sched_yield();
}

/* What the host hands on must be its own, and stay as it is. */
static void check_copy(const struct contract *contract, const void *data, size_t length)
{
    static uint8_t before[CLO_MESSAGE_MAX];
    const struct clo_vm *vm = contract->runner->vm;
    const uint8_t *bytes = data;
    if (!length)
        return;
    if (length > sizeof before)
        fail_msg("%zu bytes were handed on", length);
    if (bytes < vm->memory + vm->layout.size && bytes + length > vm->memory)
        fail_msg("memory of the guest was handed on");
    memcpy(before, data, length);
    for (uint64_t start = clo_monotonic_ns(); clo_monotonic_ns() - start < LOOK_NS;)
        ;
    if (memcmp(before, data, length) != 0)
        fail_msg("what was handed on has changed since");
}

static void check_call_copy(struct contract *contract, const struct clo_call *call)
{
    if (call->flags & CLO_CALL_SUBMIT)
        check_copy(contract, call->message, call->length);
}

static void check_output_copy(struct contract *contract, const char *data, size_t length)
{
    (void)contract;
    if (strncmp(data, "cloche: ", 8) != 0)
        check_copy(contract, data, length);
}

/* Run an attack again and again while `flips` go on. `arrange` comes before each run, `check`
 * after it; either may be NULL. */
static void race(struct contract *contract, const struct attack *attack, const struct flip *flips,
                 void (*arrange)(struct contract *contract),
                 void (*check)(struct contract *contract))
{
    struct flipper flipper = {.flips = flips};
    unsigned kinds[CLO_RUN_WORKER + 1] = {0};
    assert_int_equal(pthread_create(&flipper.thread, NULL, flip_on, &flipper), 0);
    for (unsigned i = harness_rounds(RUNS); i; i--) {
        clo_runner_settle(contract->runner);
        if (arrange)
            arrange(contract);
        atomic_store(&flipper.vm, atomic_load(&contract->runner->vm));
        contract_run(contract, attack);
        keep_off(&flipper);
        kinds[contract->result->error.kind]++;
        if (!contract_allows(attack->want, contract->result))
            fail_msg("%s: %s: %s", attack->name, clo_run_error_name(contract->result->error.kind),
                     contract->result->error.message);
        if (check)
            check(contract);
    }
    atomic_store(&flipper.stop, true);
    pthread_join(flipper.thread, NULL);
    printf("%s: %u in order, %u broke the contract, %u faulted, %u reached a limit\n", attack->name,
           kinds[CLO_RUN_OK], kinds[CLO_RUN_GUEST], kinds[CLO_RUN_FAULT], kinds[CLO_RUN_LIMIT]);
    contract->on_answer = NULL;
    contract->on_output = NULL;
    clo_runner_settle(contract->runner);
    assert_int_equal(clo_vm_compare(contract->runner->vm), 0);
    contract_check_honest(contract);
}

#define FLIP(field, ...)                                                                           \
    {                                                                                              \
        offsetof(struct clo_control, field), WIDTH(field), sizeof((uint64_t[]){__VA_ARGS__}) / 8,  \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define FLIP_BYTE(at, ...)                                                                         \
    {                                                                                              \
        at, 1, sizeof((uint64_t[]){__VA_ARGS__}) / 8,                                              \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define FLIP_WORD(at, ...)                                                                         \
    {                                                                                              \
        at, 4, sizeof((uint64_t[]){__VA_ARGS__}) / 8,                                              \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define LAST_FLIP                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }
#define ANY_END "ok|guest |limit "

#define MESSAGE_FLIPS                                                                              \
    FLIP_BYTE(CLO_WINDOW_CALL + 1, 0x64, 0x63, 0x7b), FLIP_BYTE(CLO_WINDOW_CALL + 2, 'e', 'x'),    \
        FLIP_BYTE(CLO_WINDOW_CALL + 6, 0xa1, 0xbb), FLIP_BYTE(CLO_WINDOW_CALL + 13, 5, 6, 0x9f)

static void calls_that_change(void **state)
{
    (void)state;
    static const struct attack attack = {
        "calls", {TOOL(BOTH, 1, 1, ECHO_LENGTH), OUT, LOOP(60, 10)}, BYTES(ECHO), .want = ANY_END};
    static const struct flip flips[] = {
        FLIP(op, CLO_OP_CALL, CLO_OP_CALL, CLO_OP_CALL, CLO_OP_FLUSH),
        FLIP(flags, BOTH, BOTH, BOTH, CLO_CALL_SUBMIT, 8),
        FLIP(kind, CLO_CALL_TOOL, CLO_CALL_TOOL, CLO_CALL_TOOL, 77),
        FLIP(call_id, 1, 1, 1, 2, 0),
        MESSAGE_FLIPS,
        LAST_FLIP};
    struct contract contract;
    contract_open(&contract);
    contract.on_answer = check_call_copy;
    race(&contract, &attack, flips, NULL, NULL);
    contract_close(&contract);
}

static void waits_that_change(void **state)
{
    (void)state;
    static const struct attack attack = {
        "waits",
        {TOOL(CLO_CALL_SUBMIT, 1, 1, ECHO_LENGTH), SET(timeout_ns, 0), ADD(call_id, 1), OUT,
         SET(flags, CLO_CALL_WAIT), OUT, SET(flags, CLO_CALL_SUBMIT), LOOP(60, 5)},
        BYTES(ECHO),
        .want = ANY_END};
    static const struct flip flips[] = {FLIP(wait_id, 0, 0, CLO_WAIT_NONE, 4),
                                        FLIP(timeout_ns, 0, 1000, 30000), MESSAGE_FLIPS, LAST_FLIP};
    struct contract contract;
    contract_open(&contract);
    contract.on_answer = check_call_copy;
    race(&contract, &attack, flips, NULL, NULL);
    contract_close(&contract);
}

/* A message of the guest's area from one place to another, and never beyond: byte n of the area is
 * a function of n. */
#define PLACES 0, 5000, CLO_MESSAGE_MAX - 100, CLO_MESSAGE_MAX, UINT32_MAX
#define LENGTHS 14, 0, 100, 4000, UINT32_MAX

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(0xe0 | (at * 0x9e3779b97f4a7c15ull >> 61));
}

static void put_pattern(struct contract *contract)
{
    static const uint64_t places[] = {PLACES}, length = 4000;
    uint8_t *area = (uint8_t *)clo_vm_call_area(contract->runner->vm);
    for (size_t i = 0; i < 4; i++)
        for (uint64_t at = places[i]; at < places[i] + length && at < CLO_MESSAGE_MAX; at++)
            area[at] = pattern(at);
}

static void check_place(struct contract *contract, const struct clo_call *call)
{
    static const uint64_t places[] = {PLACES}, lengths[] = {LENGTHS};
    bool right = !(call->flags & CLO_CALL_SUBMIT);
    for (size_t i = 0; i < 4 && !right; i++) {
        size_t same = 0;
        while (same < call->length && places[i] + same < CLO_MESSAGE_MAX &&
               call->message[same] == pattern(places[i] + same))
            same++;
        for (size_t k = 0; k < 4; k++)
            right |= same == call->length && call->length == lengths[k];
    }
    if (!right)
        fail_msg("a message of %zu bytes that is nowhere in the area", call->length);
    check_call_copy(contract, call);
}

static void places_that_change(void **state)
{
    (void)state;
    static const struct attack attack = {
        "places of messages",
        {SET(op, CLO_OP_CALL), SET(flags, BOTH), SET(kind, CLO_CALL_TOOL), SET(call_id, 1),
         SET(wait_id, 1), SET(timeout_ns, CLO_TIMEOUT_NONE), OUT, LOOP(60, 1)},
        .want = ANY_END};
    static const struct flip flips[] = {FLIP(message_offset, PLACES), FLIP(message_length, LENGTHS),
                                        LAST_FLIP};
    struct contract contract;
    contract_open(&contract);
    contract.on_answer = check_place;
    race(&contract, &attack, flips, put_pattern, NULL);
    contract_close(&contract);
}

static void output_that_changes(void **state)
{
    (void)state;
    static const struct attack attack = {"output",
                                         {STORE(4, OUTPUT_AREA, 0x01000004),
                                          STORE(4, OUTPUT_AREA + 8, 0x02000004),
                                          SET(output_length, 16), OP(CLO_OP_FLUSH), LOOP(100, 5)},
                                         .want = ANY_END};
    static const struct flip flips[] = {
        FLIP(output_length, 16, 16, 0, CLO_OUTPUT_AREA_SIZE + 1, UINT32_MAX),
        FLIP_WORD(CLO_WINDOW_OUTPUT, 0x01000004, 0x01000004, 0x01ffffff, 0x09000001),
        FLIP_WORD(CLO_WINDOW_OUTPUT + 4, 0x64636261, 0x2e2e2e2e),
        FLIP_WORD(CLO_WINDOW_OUTPUT + 8, 0x02000004, 0x02000004, 0x02ffffff),
        FLIP_WORD(CLO_WINDOW_OUTPUT + 12, 0x64636261, 0x2e2e2e2e),
        LAST_FLIP};
    struct contract contract;
    contract_open(&contract);
    contract.on_output = check_output_copy;
    race(&contract, &attack, flips, NULL, NULL);
    contract_close(&contract);
}

static void check_regions(struct contract *contract)
{
    uint64_t linear = clo_vm_region_size(contract->runner->vm, CLO_REGION_LINEAR);
    uint64_t heap = clo_vm_region_size(contract->runner->vm, CLO_REGION_HEAP);
    assert_true(linear % 65536 == 0 && heap % 65536 == 0 && linear + heap <= CONTRACT_MEMORY);
}

static void growth_that_changes(void **state)
{
    (void)state;
    static const struct attack attack = {
        "growth", {OP_WITH(CLO_OP_GROW, 0, 1 << 20), LOOP(3, 4)}, .want = ANY_END};
    static const struct flip flips[] = {
        FLIP(args[0], 0, 1, 0, 1, 2),
        FLIP(args[1], 5 << 20, 40 << 20, 63 << 20, 64 << 20, UINT64_MAX - 65535), LAST_FLIP};
    struct contract contract;
    contract_open(&contract);
    race(&contract, &attack, flips, NULL, check_regions);
    contract_close(&contract);
}

static void check_exit_code(struct contract *contract)
{
    const struct clo_run_result *result = contract->result;
    if (result->error.kind == CLO_RUN_OK && result->exit_code != 3 && result->exit_code != 9)
        fail_msg("exit code %d", result->exit_code);
}

static void an_outcome_that_changes(void **state)
{
    (void)state;
    static const struct attack attack = {
        "outcomes",
        {COPY_BLOB(CALL_AREA), SET(message_length, 12), OP(CLO_OP_DONE)},
        BYTES("\xa1\x69"
              "exit_code\x03"),
        .want = ANY_END};
    static const struct flip flips[] = {FLIP_BYTE(CLO_WINDOW_CALL, 0xa1, 0xa1, 0xbf),
                                        FLIP_BYTE(CLO_WINDOW_CALL + 1, 0x69, 0x69, 0x7b),
                                        FLIP_BYTE(CLO_WINDOW_CALL + 11, 3, 9),
                                        FLIP(message_length, 12, 12, 13, UINT32_MAX), LAST_FLIP};
    struct contract contract;
    contract_open(&contract);
    race(&contract, &attack, flips, NULL, check_exit_code);
    contract_close(&contract);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_copy_is_used),        cmocka_unit_test(calls_that_change),
        cmocka_unit_test(waits_that_change),       cmocka_unit_test(places_that_change),
        cmocka_unit_test(output_that_changes),     cmocka_unit_test(growth_that_changes),
        cmocka_unit_test(an_outcome_that_changes),
    };
    contract_begin(argc, argv);
    return contract_end(cmocka_run_group_tests(tests, NULL, NULL));
}
