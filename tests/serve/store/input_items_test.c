/* input_items_test.c - pages of input items: limits, order, cursors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/store/input_items.h"

#define ITEMS 7 /* ids i0 … i6 */

static int open_store(void **state)
{
    struct clo_record record = {.id = "r", .status = "completed", .session = "s"};
    json_t *items = json_array();
    int status = clo_store_open((struct clo_store **)state, NULL, NULL);
    for (int i = 0; i < ITEMS; i++) {
        char id[16];
        snprintf(id, sizeof id, "i%d", i);
        json_array_append_new(items, json_pack("{s:s, s:s}", "type", "message", "id", id));
    }
    record.response = json_pack("{s:s}", "id", "r");
    status |= clo_store_put(*state, &record, items, NULL);
    strcpy(record.id, "empty");
    status |= clo_store_put(*state, &record, NULL, NULL);
    json_decref(items);
    clo_record_clear(&record);
    return status;
}

static int close_store(void **state)
{
    clo_store_close(*state);
    return 0;
}

static const struct {
    struct clo_input_items_query query;
    const char *ids; /* first characters after 'i', in order */
    bool more;
} pages[] = {
    {{NULL, NULL, NULL, NULL}, "6543210", false}, {{"3", NULL, NULL, NULL}, "654", true},
    {{"3", NULL, "i4", NULL}, "321", true},       {{"3", NULL, "i1", NULL}, "0", false},
    {{"7", "asc", NULL, NULL}, "0123456", false}, {{"2", "asc", "i1", NULL}, "23", true},
    {{"2", "asc", "i4", NULL}, "56", false},      {{"100", "asc", NULL, "i2"}, "01", false},
    {{"100", "desc", NULL, "i2"}, "6543", false}, {{"1", "asc", "i2", "i6"}, "3", true},
    {{"5", "asc", "i6", NULL}, "", false},
};

static void assert_id(const json_t *list, const char *name, char want)
{
    const json_t *id = json_object_get(list, name);
    if (want)
        assert_int_equal(json_string_value(id)[1], want);
    else
        assert_true(json_is_null(id));
}

static void pages_are_cut_right(void **state)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct clo_problem problem;
        json_t *list, *item;
        char ids[ITEMS + 1] = "";
        size_t index;
        assert_int_equal(
            clo_input_items_list(*state, "", "r", &pages[i].query, "a", &list, &problem), 0);
        json_array_foreach(json_object_get(list, "data"), index, item) {
            ids[index] = json_string_value(json_object_get(item, "id"))[1];
            assert_string_equal(json_string_value(json_object_get(item, "status")), "completed");
        }
        assert_string_equal(ids, pages[i].ids);
        assert_int_equal(json_is_true(json_object_get(list, "has_more")), pages[i].more);
        assert_string_equal(json_string_value(json_object_get(list, "object")), "list");
        assert_id(list, "first_id", ids[0]);
        assert_id(list, "last_id", ids[0] ? ids[strlen(ids) - 1] : 0);
        json_decref(list);
    }
}

static const struct {
    struct clo_input_items_query query;
    const char *param;
} refusals[] = {
    {{"0", NULL, NULL, NULL}, "limit"},      {{"101", NULL, NULL, NULL}, "limit"},
    {{"ten", NULL, NULL, NULL}, "limit"},    {{"", NULL, NULL, NULL}, "limit"},
    {{NULL, "newest", NULL, NULL}, "order"}, {{NULL, NULL, "i9", NULL}, "after"},
    {{NULL, NULL, NULL, "i9"}, "before"},
};

static void wrong_pages_are_refused(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct clo_problem problem;
        json_t *list;
        assert_true(
            clo_input_items_list(*state, "", "r", &refusals[i].query, "a", &list, &problem) < 0);
        assert_int_equal(problem.status, 400);
        assert_string_equal(problem.param, refusals[i].param);
    }
}

static void references_are_shown_as_what_they_refer_to(void **state)
{
    struct clo_record record = {.id = "with", .status = "completed", .session = "s"};
    struct clo_input_items_query query = {.order = "asc"};
    struct clo_problem problem;
    json_t *output =
        json_loads("[{\"type\": \"function_call\", \"id\": \"fc_1\", \"call_id\": \"1\","
                   "  \"name\": \"execute_code\", \"arguments\": \"{}\"},"
                   " {\"type\": \"function_call_output\", \"id\": \"fco_1\", \"call_id\": \"1\","
                   "  \"output\": \"2\"},"
                   " {\"type\": \"message\", \"id\": \"msg_1\", \"status\": \"incomplete\"}]",
                   0, NULL);
    json_t *input = json_loads("[{\"type\": \"item_reference\", \"id\": \"mcp_1\"},"
                               " {\"type\": \"item_reference\", \"id\": \"msg_1\"},"
                               " {\"type\": \"item_reference\", \"id\": \"msg_gone\"}]",
                               0, NULL);
    json_t *want = json_loads(
        "[{\"type\": \"mcp_call\", \"id\": \"mcp_1\", \"server_label\": \"a\","
        "  \"name\": \"execute_code\", \"arguments\": \"{}\", \"output\": \"2\", \"error\": null,"
        "  \"status\": \"completed\", \"approval_request_id\": null},"
        " {\"type\": \"message\", \"id\": \"msg_1\", \"status\": \"incomplete\"},"
        " {\"type\": \"item_reference\", \"id\": \"msg_gone\", \"status\": \"completed\"}]",
        0, NULL);
    json_t *list;
    record.response = json_pack("{s:s}", "id", "with");
    assert_int_equal(clo_store_put(*state, &record, input, output), 0);
    assert_int_equal(clo_input_items_list(*state, "", "with", &query, "a", &list, &problem), 0);
    assert_true(json_equal(json_object_get(list, "data"), want));
    json_decref(list);
    json_decref(want);
    json_decref(input);
    json_decref(output);
    clo_record_clear(&record);
}

static void no_items_are_an_empty_list(void **state)
{
    struct clo_input_items_query query = {0};
    struct clo_problem problem;
    json_t *list;
    assert_int_equal(clo_input_items_list(*state, "", "empty", &query, "a", &list, &problem), 0);
    assert_int_equal(json_array_size(json_object_get(list, "data")), 0);
    assert_true(json_is_null(json_object_get(list, "first_id")));
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_cut_right),
        cmocka_unit_test(wrong_pages_are_refused),
        cmocka_unit_test(references_are_shown_as_what_they_refer_to),
        cmocka_unit_test(no_items_are_an_empty_list),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
