/* pages_test.c - the pages that a run changed, out of one guest and into another; and that a
 * restore takes back what came in. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 3 /* restore_test.c */
#define PAGES_MAX 20000

static const uint64_t sizes[CLO_REGION_COUNT] = {12 * MIB + 192 * KIB, 6 * MIB + 64 * KIB};

static struct clo_vm *vm_by(size_t way)
{
    struct clo_vm_config config = {.memory_limit = 64 * MIB, .scan_fallback = way == 1};
    struct clo_vm *vm = harness_vm_of(harness_image[0], &config);
    if (way == 2)
        vm->pagemap = -1;
    return vm;
}

struct pages {
    size_t count;
    uint32_t numbers[PAGES_MAX];
    uint8_t *bytes; /* copies */
};

static int take(void *context, uint32_t number, const uint8_t *bytes, struct clo_error *error)
{
    struct pages *pages = context;
    (void)error;
    assert_true(pages->count < PAGES_MAX);
    assert_true(!pages->count || pages->numbers[pages->count - 1] < number);
    pages->numbers[pages->count] = number;
    memcpy(pages->bytes + pages->count++ * CLO_PAGE_SIZE, bytes, CLO_PAGE_SIZE);
    return 0;
}

static struct pages *take_all(struct clo_vm *vm)
{
    struct pages *pages = calloc(1, sizeof *pages);
    struct clo_error error;
    pages->bytes = malloc(PAGES_MAX * CLO_PAGE_SIZE);
    if (clo_vm_pages(vm, NULL, take, pages, &error))
        fail_msg("%s", error.message);
    return pages;
}

static void drop(struct pages *pages)
{
    free(pages->bytes);
    free(pages);
}

static void same(const struct pages *a, const struct pages *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->numbers, b->numbers, a->count * sizeof *a->numbers);
    assert_int_equal(memcmp(a->bytes, b->bytes, a->count * CLO_PAGE_SIZE), 0);
}

static void grow(struct clo_vm *vm)
{
    for (int i = 0; i < CLO_REGION_COUNT; i++)
        assert_int_equal(clo_vm_grow(vm, (enum clo_region)i, sizes[i], NULL), 0);
}

static void put_all(struct clo_vm *vm, const struct pages *pages)
{
    struct clo_error error;
    for (size_t i = 0; i < pages->count; i++)
        if (clo_vm_page_put(vm, NULL, pages->numbers[i], pages->bytes + i * CLO_PAGE_SIZE, &error))
            fail_msg("page %u: %s", pages->numbers[i], error.message);
}

/* What a run leaves everywhere: data, bss, both regions as they were and as they grew. */
static void change_all(struct clo_vm *vm, uint64_t seed)
{
    for (int i = 0; i < CLO_REGION_COUNT; i++)
        assert_int_equal(harness_run(vm, GUEST_GROW, i, sizes[i], 0), 0);
    harness_run(vm, GUEST_SCRIBBLE, seed, 3000, 0);
    harness_run(vm, GUEST_DATA, 0, 0, 0);
    harness_run(vm, GUEST_TOUCH, CLO_LINEAR_VA + 5 * MIB, 3 * MIB, 20000);
    harness_run(vm, GUEST_TOUCH, CLO_HEAP_VA + MIB, 4 * MIB, 50000);
    harness_run(vm, GUEST_POKE, CLO_LINEAR_VA + sizes[0] - 8, seed, 0);
    harness_run(vm, GUEST_POKE, CLO_HEAP_VA + sizes[1] - 8, seed, 0);
}

static void pages_come_out_and_in(void **state)
{
    (void)state;
    for (size_t way = 0; way < WAYS; way++) {
        struct clo_vm *vm = vm_by(way);
        struct pages *none = take_all(vm);
        assert_int_equal(none->count, 0);
        drop(none);
        change_all(vm, 7 + way);
        struct pages *pages = take_all(vm);
        assert_true(pages->count > 300);
        harness_restore(vm);
        assert_int_equal(clo_vm_compare(vm), 0);
        change_all(vm, 99); /* another run's, which was taken back */
        harness_restore(vm);

        grow(vm);
        put_all(vm, pages);
        struct pages *again = take_all(vm);
        same(pages, again);
        drop(again);
        assert_int_equal(harness_run(vm, GUEST_PEEK, CLO_LINEAR_VA + sizes[0] - 8, 0, 0), 7 + way);
        assert_int_equal(harness_run(vm, GUEST_PEEK, CLO_HEAP_VA + sizes[1] - 8, 0, 0), 7 + way);
        again = take_all(vm); /* a run that only looks changes nothing that is the state's */
        same(pages, again);
        drop(again);
        harness_restore(vm);
        assert_int_equal(clo_vm_compare(vm), 0);

        grow(vm); /* what came in, and was never run, goes too */
        put_all(vm, pages);
        harness_restore(vm);
        assert_int_equal(clo_vm_compare(vm), 0);
        none = take_all(vm);
        assert_int_equal(none->count, 0);
        drop(none);
        clo_vm_destroy(vm);

        vm = vm_by((way + 1) % WAYS); /* one that never ran */
        grow(vm);
        put_all(vm, pages);
        again = take_all(vm);
        same(pages, again);
        drop(again);
        assert_int_equal(harness_run(vm, GUEST_PEEK, CLO_HEAP_VA + sizes[1] - 8, 0, 0), 7 + way);
        harness_restore(vm);
        assert_int_equal(clo_vm_compare(vm), 0);
        drop(pages);
        clo_vm_destroy(vm);
    }
}

static void a_page_lies_where_a_state_does(void **state)
{
    (void)state;
    struct clo_vm *vm = vm_by(0);
    const uint64_t granted[] = {GUEST_LINEAR, GUEST_HEAP};
    static const uint8_t page[CLO_PAGE_SIZE] = {1};
    const uint64_t wrong[] = {GUEST_LINEAR,
                              CLO_LINEAR_MAX - CLO_PAGE_SIZE,
                              CLO_LINEAR_MAX,
                              CLO_IMAGE_VA,
                              CLO_STACK_VA,
                              CLO_STACK_VA + CLO_STACK_SIZE - CLO_PAGE_SIZE,
                              CLO_WINDOW_VA,
                              CLO_WINDOW_VA + CLO_WINDOW_REPLY,
                              CLO_HEAP_VA - CLO_PAGE_SIZE,
                              CLO_HEAP_VA + GUEST_HEAP,
                              CLO_HEAP_VA + CLO_HEAP_MAX,
                              CLO_SYSTEM_VA,
                              UINT32_MAX * CLO_PAGE_SIZE};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint32_t number = (uint32_t)(wrong[i] / CLO_PAGE_SIZE);
        assert_null(clo_image_page(vm->image, granted, NULL, number));
        assert_int_equal(clo_vm_page_put(vm, NULL, number, page, NULL), CLO_EINVALID);
    }
    /* address 0: by process isolation nobody can have it */
    int low = clo_vm_page_put(vm, NULL, 0, page, NULL);
    assert_int_equal(low, harness_isolation == CLO_ISOLATION_PROCESS ? CLO_EINVALID : 0);
    assert_int_equal(clo_vm_page_put(vm, NULL, GUEST_FIRST / CLO_PAGE_SIZE, page, NULL), 0);
    assert_non_null(clo_image_page(vm->image, granted, NULL, 0));
    harness_restore(vm);
    assert_int_equal(clo_vm_compare(vm), 0);
    harness_fault(vm, GUEST_BAD, BAD_OPCODE, 0);
    assert_int_equal(clo_vm_pages(vm, NULL, take, NULL, NULL), CLO_EINVALID);
    clo_vm_destroy(vm);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_come_out_and_in),
        cmocka_unit_test(a_page_lies_where_a_state_does),
    };
    harness_begin(argc, argv);
    return harness_end(cmocka_run_group_tests(tests, NULL, NULL));
}
