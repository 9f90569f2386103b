/* value_test.c - typed values: ownership, setters, lists and maps, very deep trees. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "json_write.h"
#include "sandbox/value/cbor.h"
#include "sandbox/value/value.h"

static void setters_replace_what_was_there(void **state)
{
    (void)state;
    struct clo_value value = {0};
    int64_t integer = 0;
    size_t length = 0;
    assert_int_equal(clo_value_type(&value), CLO_NULL);
    assert_int_equal(clo_value_set_text(&value, "hello"), 0);
    assert_string_equal(clo_value_text(&value), "hello");
    clo_value_set_integer(&value, -7);
    assert_true(clo_value_integer(&value, &integer) && integer == -7);
    assert_null(clo_value_text(&value));
    assert_int_equal(clo_value_set_bytes(&value, "a\0b", 3), 0);
    assert_memory_equal(clo_value_bytes(&value, &length), "a\0b", 4);
    assert_int_equal(length, 3);
    clo_value_set_list(&value);
    clo_value_set_bool(clo_value_append(&value), true);
    clo_value_set_map(&value);
    assert_int_equal(clo_value_type(&value), CLO_MAP);
    assert_int_equal(clo_value_count(&value), 0);
    clo_value_clear(&value);
    assert_int_equal(clo_value_type(&value), CLO_NULL);
}

static void maps_keep_order_and_unique_names(void **state)
{
    (void)state;
    struct clo_value map = {0};
    assert_null(clo_value_put(&map, "x")); /* null is no map */
    clo_value_set_map(&map);
    clo_value_set_integer(clo_value_put(&map, "b"), 1);
    clo_value_set_integer(clo_value_put(&map, "a"), 2);
    clo_value_set_integer(clo_value_put(&map, "b"), 3);
    clo_value_set_integer(clo_value_put_n(&map, "b\0c", 3), 4);
    int64_t integer = 0;
    const char *name = NULL;
    size_t length = 0;
    assert_int_equal(clo_value_count(&map), 3);
    assert_ptr_equal(clo_value_member(&map, 0, &name, NULL), clo_value_get(&map, "b"));
    assert_string_equal(name, "b");
    assert_true(clo_value_integer(clo_value_get(&map, "b"), &integer) && integer == 3);
    assert_ptr_equal(clo_value_member(&map, 2, &name, &length), clo_value_get_n(&map, "b\0c", 3));
    assert_int_equal(length, 3);
    assert_memory_equal(name, "b\0c", 4);
    assert_null(clo_value_member(&map, 3, &name, &length));
    assert_null(clo_value_get(&map, "z"));
    assert_null(clo_value_append(&map));
    clo_value_clear(&map);
}

static void duplicates_are_found_in_small_and_large_maps(void **state)
{
    (void)state;
    for (size_t count = 2; count <= 2000; count *= 10) {
        struct clo_value map = {0};
        const struct clo_member *twice;
        clo_value_set_map(&map);
        for (size_t i = 0; i < count; i++)
            assert_non_null(clo_value_add(&map, (const char *)&i, sizeof i));
        assert_int_equal(clo_value_find_duplicate(&map, &twice), 0);
        assert_null(twice);
        size_t again = count / 2;
        assert_non_null(clo_value_add(&map, (const char *)&again, sizeof again));
        assert_int_equal(clo_value_find_duplicate(&map, &twice), 0);
        assert_non_null(twice);
        assert_memory_equal(twice->name, &again, sizeof again);
        clo_value_clear(&map);
    }
}

static void a_very_deep_tree_is_cleared_without_the_stack(void **state)
{
    (void)state;
    struct clo_value root = {0};
    struct clo_value *at = &root;
    for (int i = 0; i < 1000000; i++) {
        if (i % 2) {
            clo_value_set_list(at);
            assert_int_equal(clo_value_set_text(clo_value_append(at), "beside"), 0);
            at = clo_value_append(at);
        } else {
            clo_value_set_map(at);
            at = clo_value_put(at, "down");
        }
        assert_non_null(at);
    }
    clo_value_clear(&root);
    assert_int_equal(clo_value_type(&root), CLO_NULL);
}

static void magnitudes_become_small_where_they_fit(void **state)
{
    (void)state;
    struct clo_value value = {0};
    static const uint8_t most[] = {0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t beyond[] = {0x80, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(clo_value_set_magnitude(&value, false, most, sizeof most), 0);
    int64_t integer = 0;
    size_t length = 0;
    bool negative = true;
    assert_int_equal(clo_value_type(&value), CLO_INTEGER);
    assert_true(clo_value_integer(&value, &integer) && integer == INT64_MAX);
    assert_null(clo_value_magnitude(&value, &negative, &length));
    assert_int_equal(clo_value_set_magnitude(&value, true, most, sizeof most), 0);
    assert_true(clo_value_integer(&value, &integer) && integer == INT64_MIN);
    assert_int_equal(clo_value_set_magnitude(&value, false, beyond, sizeof beyond), 0);
    assert_int_equal(clo_value_type(&value), CLO_BIG_INTEGER);
    assert_memory_equal(clo_value_magnitude(&value, &negative, &length), beyond, sizeof beyond);
    assert_int_equal(length, sizeof beyond);
    assert_false(negative);
    assert_false(clo_value_integer(&value, &integer));
    assert_true(integer == INT64_MIN); /* as it was: nothing of the other type is seen */
    double number;
    assert_true(clo_value_number(&value, &number));
    assert_true(number == 0x1p63);
    assert_int_equal(clo_value_set_magnitude(&value, true, beyond, sizeof beyond), 0);
    assert_true(clo_value_number(&value, &number));
    assert_true(number == -0x1p63);
    assert_int_equal(clo_value_set_magnitude(&value, false, beyond, 0), 0);
    assert_true(clo_value_integer(&value, &integer) && integer == 0);
    clo_value_clear(&value);
}

static void numbers_are_read_from_the_three_kinds_only(void **state)
{
    (void)state;
    struct clo_value value = {0};
    uint8_t huge[400];
    double number;
    memset(huge, 0xff, sizeof huge);
    assert_false(clo_value_number(&value, &number));
    clo_value_set_bool(&value, true);
    assert_false(clo_value_number(&value, &number));
    clo_value_set_number(&value, 2.5);
    assert_true(clo_value_number(&value, &number) && number == 2.5);
    assert_int_equal(clo_value_set_magnitude(&value, false, huge, sizeof huge), 0);
    assert_true(clo_value_number(&value, &number) && isinf(number));
    clo_value_clear(&value);
}

/* A tool that asks for the wrong type hears no, and its variable stays as it was. */
static void other_types_are_not_read(void **state)
{
    (void)state;
    struct clo_value values[9] = {0};
    clo_value_set_bool(&values[CLO_BOOL], true);
    clo_value_set_integer(&values[CLO_INTEGER], 7);
    assert_int_equal(clo_value_set_magnitude(&values[CLO_BIG_INTEGER], false,
                                             (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff",
                                             8),
                     0);
    clo_value_set_number(&values[CLO_NUMBER], 2.5);
    assert_int_equal(clo_value_set_text(&values[CLO_TEXT], "text"), 0);
    assert_int_equal(clo_value_set_bytes(&values[CLO_BYTES], "bytes", 5), 0);
    clo_value_set_list(&values[CLO_LIST]);
    clo_value_set_map(&values[CLO_MAP]);
    assert_non_null(clo_value_append(&values[CLO_LIST]));
    assert_non_null(clo_value_put(&values[CLO_MAP], "name"));
    for (int type = -1; type <= CLO_MAP; type++) {
        const struct clo_value *value = type < 0 ? NULL : &values[type];
        bool boolean = false, negative = false;
        int64_t integer = -1;
        double number = -1;
        size_t length = 99;
        const char *name = "kept";
        assert_int_equal(clo_value_type(value), type < 0 ? CLO_NULL : type);
        assert_int_equal(clo_value_bool(value, &boolean), type == CLO_BOOL);
        assert_int_equal(boolean, type == CLO_BOOL);
        assert_int_equal(clo_value_integer(value, &integer), type == CLO_INTEGER);
        assert_int_equal(integer, type == CLO_INTEGER ? 7 : -1);
        bool is_number = type == CLO_INTEGER || type == CLO_BIG_INTEGER || type == CLO_NUMBER;
        assert_int_equal(clo_value_number(value, &number), is_number);
        assert_true(is_number || number == -1);
        assert_int_equal(clo_value_text_n(value, &length) != NULL, type == CLO_TEXT);
        assert_int_equal(clo_value_text(value) != NULL, type == CLO_TEXT);
        assert_int_equal(clo_value_bytes(value, &length) != NULL, type == CLO_BYTES);
        assert_int_equal(clo_value_magnitude(value, &negative, &length) != NULL,
                         type == CLO_BIG_INTEGER);
        assert_int_equal(clo_value_count(value), type == CLO_LIST || type == CLO_MAP);
        assert_int_equal(clo_value_item(value, 0) != NULL, type == CLO_LIST);
        assert_null(clo_value_item(value, 1));
        assert_int_equal(clo_value_member(value, 0, &name, &length) != NULL, type == CLO_MAP);
        assert_string_equal(name, type == CLO_MAP ? "name" : "kept");
        assert_int_equal(clo_value_get(value, "name") != NULL, type == CLO_MAP);
    }
    for (int type = 0; type <= CLO_MAP; type++)
        clo_value_clear(&values[type]);
}

static void places_without_memory_are_passed_on(void **state)
{
    (void)state;
    struct clo_value list = {0}, map = {0};
    assert_null(clo_value_append(NULL));
    assert_null(clo_value_put(NULL, "name"));
    assert_null(clo_value_append(&list)); /* a null is no list */
    clo_value_set_integer(NULL, 1);
    clo_value_set_list(NULL);
    assert_int_equal(clo_value_set_text(NULL, "text"), CLO_ENOMEMORY);
    assert_int_equal(clo_value_set_magnitude(NULL, false, (const uint8_t *)"\1", 1), CLO_ENOMEMORY);

    /* what misses a place is not sent or written as if it were whole */
    clo_value_set_map(&map);
    struct clo_value *below = clo_value_put(&map, "below");
    assert_non_null(below);
    clo_value_set_list(below);
    ((struct clo_value_fields *)below)->incomplete = true;
    struct clo_buffer out = CLO_BUFFER(1000);
    struct clo_error error = {0};
    assert_int_equal(clo_cbor_encode(&out, &map, &error), CLO_ENOMEMORY);
    clo_buffer_reset(&out);
    assert_int_equal(clo_value_write_json(&out, &map, &error), CLO_ENOMEMORY);
    clo_value_set_list(clo_value_put(&map, "below"));
    clo_buffer_reset(&out);
    assert_int_equal(clo_value_write_json(&out, &map, &error), 0);
    assert_string_equal(out.data, "{\"below\":[]}");
    clo_buffer_free(&out);
    clo_value_clear(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setters_replace_what_was_there),
        cmocka_unit_test(maps_keep_order_and_unique_names),
        cmocka_unit_test(duplicates_are_found_in_small_and_large_maps),
        cmocka_unit_test(a_very_deep_tree_is_cleared_without_the_stack),
        cmocka_unit_test(magnitudes_become_small_where_they_fit),
        cmocka_unit_test(numbers_are_read_from_the_three_kinds_only),
        cmocka_unit_test(other_types_are_not_read),
        cmocka_unit_test(places_without_memory_are_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
