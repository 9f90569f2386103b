/* events_test.c - item events in, stream events out: kinds, order, numbers, contents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/protocol/events.h"

#define EVENTS_MAX 64

struct tape {
    json_t *events[EVENTS_MAX];
    size_t count;
    size_t refuse_at; /* the write that fails; 0: none */
};

static int record(void *context, uint64_t sequence, const char *text, size_t length)
{
    struct tape *tape = context;
    char type[64], *data = strstr(text, "\ndata: ");
    assert_int_equal(strlen(text), length);
    assert_non_null(data);
    assert_int_equal(sscanf(text, "event: %63[^\n]", type), 1);
    assert_string_equal(text + length - 2, "\n\n");
    json_t *event = json_loads(data + 7, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(event);
    assert_string_equal(json_string_value(json_object_get(event, "type")), type);
    assert_int_equal(json_integer_value(json_object_get(event, "sequence_number")), sequence);
    assert_int_equal(sequence, tape->count); /* from 0, no gaps */
    tape->events[tape->count++] = event;
    return tape->refuse_at && tape->count == tape->refuse_at ? -1 : 0;
}

static void tape_clear(struct tape *tape)
{
    while (tape->count > 0)
        json_decref(tape->events[--tape->count]);
}

static void stream(struct clo_events *events, enum clo_item_event_kind kind, const char *text)
{
    json_t *item =
        kind == CLO_ITEM_ADDED || kind == CLO_ITEM_DONE ? json_loads(text, 0, NULL) : NULL;
    struct clo_item_event event = {kind, item, item ? NULL : text, item ? 0 : strlen(text)};
    if (kind == CLO_ITEM_ADDED || kind == CLO_ITEM_DONE)
        assert_non_null(item);
    clo_events_item(events, &event);
    json_decref(item);
}

/* The types, short and in one line: "output_item.added content_part.added …" */
static void assert_types(const struct tape *tape, const char *want)
{
    char text[4096] = "";
    for (size_t i = 0; i < tape->count; i++) {
        const char *type = json_string_value(json_object_get(tape->events[i], "type"));
        strcat(text, i ? " " : "");
        strcat(text, type + strlen("response."));
    }
    assert_string_equal(text, want);
}

static void assert_field(const struct tape *tape, size_t index, const char *name, const char *want)
{
    json_t *value = json_object_get(tape->events[index], name);
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(text);
    assert_string_equal(text, want);
    free(text);
}

static void a_message_is_streamed(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct clo_events events;
    clo_events_init(&events, record, &tape);
    stream(&events, CLO_ITEM_ADDED, "{\"id\": \"msg_1\", \"type\": \"message\", \"content\": []}");
    stream(&events, CLO_ITEM_TEXT, "Hel");
    stream(&events, CLO_ITEM_TEXT, "lo");
    stream(&events, CLO_ITEM_DONE,
           "{\"id\": \"msg_1\", \"type\": \"message\", \"content\": [{\"type\": \"output_text\","
           " \"text\": \"Hello\", \"annotations\": [{\"type\": \"url_citation\"}]}]}");
    assert_types(
        &tape,
        "output_item.added content_part.added output_text.delta output_text.delta output_text.annotation.added output_text.done content_part.done output_item.done");
    assert_field(&tape, 2, "delta", "\"Hel\"");
    assert_field(&tape, 2, "item_id", "\"msg_1\"");
    assert_field(&tape, 2, "content_index", "0");
    assert_field(&tape, 2, "logprobs", "[]");
    assert_field(&tape, 4, "annotation_index", "0");
    assert_field(&tape, 5, "text", "\"Hello\"");
    assert_field(&tape, 6, "part",
                 "{\"type\":\"output_text\",\"text\":\"Hello\","
                 "\"annotations\":[{\"type\":\"url_citation\"}],\"logprobs\":[]}");
    assert_field(&tape, 7, "output_index", "0");
    clo_events_clear(&events);
    tape_clear(&tape);
}

static void a_call_and_its_output_are_streamed(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct clo_events events;
    clo_events_init(&events, record, &tape);
    stream(&events, CLO_ITEM_ADDED, "{\"id\": \"fc_1\", \"type\": \"function_call\"}");
    stream(&events, CLO_ITEM_ARGUMENTS, "{\"a\"");
    stream(&events, CLO_ITEM_ARGUMENTS, ":1}");
    stream(&events, CLO_ITEM_DONE,
           "{\"id\": \"fc_1\", \"type\": \"function_call\","
           " \"name\": \"execute_code\", \"arguments\": \"{\\\"a\\\":1}\"}");
    stream(&events, CLO_ITEM_ADDED, "{\"id\": \"fco_1\", \"type\": \"function_call_output\"}");
    stream(&events, CLO_ITEM_DONE,
           "{\"id\": \"fco_1\", \"type\": \"function_call_output\", \"output\": \"1\"}");
    assert_types(
        &tape,
        "output_item.added function_call_arguments.delta function_call_arguments.delta function_call_arguments.done output_item.done output_item.added output_item.done");
    assert_field(&tape, 3, "name", "\"execute_code\"");
    assert_field(&tape, 3, "arguments", "\"{\\\"a\\\":1}\"");
    assert_field(&tape, 6, "output_index", "1");
    clo_events_clear(&events);
    tape_clear(&tape);
}

static void reasoning_has_a_summary(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct clo_events events;
    clo_events_init(&events, record, &tape);
    stream(&events, CLO_ITEM_ADDED, "{\"id\": \"rs_1\", \"type\": \"reasoning\", \"summary\": []}");
    stream(&events, CLO_ITEM_REASONING, "hm");
    stream(&events, CLO_ITEM_DONE,
           "{\"id\": \"rs_1\", \"type\": \"reasoning\", \"summary\": [{\"type\": \"summary_text\","
           " \"text\": \"hm\"}, {\"type\": \"summary_text\", \"text\": \"so\"}]}");
    assert_types(&tape,
                 "output_item.added reasoning_summary_part.added reasoning_summary_text.delta "
                 "reasoning_summary_text.done reasoning_summary_part.done "
                 "reasoning_summary_part.added reasoning_summary_text.delta "
                 "reasoning_summary_text.done reasoning_summary_part.done output_item.done");
    assert_field(&tape, 2, "summary_index", "0");
    assert_field(&tape, 6, "summary_index", "1");
    assert_field(&tape, 7, "text", "\"so\"");
    clo_events_clear(&events);
    tape_clear(&tape);
}

static void a_refusal_ends_the_text_before_it(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct clo_events events;
    clo_events_init(&events, record, &tape);
    stream(&events, CLO_ITEM_ADDED, "{\"id\": \"msg_1\", \"type\": \"message\"}");
    stream(&events, CLO_ITEM_TEXT, "Well");
    stream(&events, CLO_ITEM_REFUSAL, "no");
    stream(&events, CLO_ITEM_DONE,
           "{\"id\": \"msg_1\", \"type\": \"message\", \"content\": ["
           "{\"type\": \"output_text\", \"text\": \"Well\"},"
           "{\"type\": \"refusal\", \"refusal\": \"no\"}]}");
    assert_types(&tape, "output_item.added content_part.added output_text.delta output_text.done "
                        "content_part.done content_part.added refusal.delta refusal.done "
                        "content_part.done output_item.done");
    assert_field(&tape, 6, "content_index", "1");
    assert_field(&tape, 7, "refusal", "\"no\"");
    clo_events_clear(&events);
    tape_clear(&tape);
}

static void what_was_not_streamed_is_announced_at_the_end(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct clo_events events;
    clo_events_init(&events, record, &tape);
    stream(&events, CLO_ITEM_DONE,
           "{\"id\": \"msg_1\", \"type\": \"message\", \"content\": ["
           "{\"type\": \"output_text\", \"text\": \"all at once\"}]}");
    stream(&events, CLO_ITEM_DONE,
           "{\"id\": \"fc_1\", \"type\": \"function_call\", \"name\": \"f\","
           " \"arguments\": \"{}\"}");
    assert_types(&tape, "output_item.added content_part.added output_text.delta output_text.done "
                        "content_part.done output_item.done output_item.added "
                        "function_call_arguments.delta function_call_arguments.done "
                        "output_item.done");
    assert_field(&tape, 2, "delta", "\"all at once\"");
    clo_events_clear(&events);
    tape_clear(&tape);
}

static void an_open_item_is_closed_before_the_end(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct clo_events events;
    json_t *response = json_pack("{s:s}", "status", "failed");
    clo_events_init(&events, record, &tape);
    clo_events_response(&events, "created", response);
    clo_events_response(&events, "in_progress", response);
    stream(&events, CLO_ITEM_ADDED, "{\"id\": \"msg_1\", \"type\": \"message\", \"content\": []}");
    stream(&events, CLO_ITEM_TEXT, "Half a sen");
    clo_events_close(&events);
    clo_events_response(&events, "failed", response);
    assert_types(
        &tape,
        "created in_progress output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done failed");
    json_t *item = json_object_get(tape.events[7], "item");
    assert_string_equal(json_string_value(json_object_get(item, "status")), "incomplete");
    const json_t *part = json_array_get(json_object_get(item, "content"), 0);
    assert_string_equal(json_string_value(json_object_get(part, "text")), "Half a sen");
    json_decref(response);
    clo_events_clear(&events);
    tape_clear(&tape);
}

static void an_open_call_is_closed_with_what_came(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct clo_events events;
    clo_events_init(&events, record, &tape);
    stream(&events, CLO_ITEM_ADDED,
           "{\"id\": \"fc_1\", \"type\": \"function_call\", \"name\": \"f\"}");
    stream(&events, CLO_ITEM_ARGUMENTS, "{\"a");
    stream(&events, CLO_ITEM_ADDED, "{\"id\": \"msg_1\", \"type\": \"message\"}");
    assert_types(
        &tape,
        "output_item.added function_call_arguments.delta function_call_arguments.done output_item.done output_item.added");
    assert_field(&tape, 2, "arguments", "\"{\\\"a\"");
    assert_field(&tape, 4, "output_index", "1");
    clo_events_clear(&events);
    tape_clear(&tape);
}

static void nothing_is_written_after_a_failed_write(void **state)
{
    (void)state;
    struct tape tape = {.refuse_at = 2};
    struct clo_events events;
    clo_events_init(&events, record, &tape);
    stream(&events, CLO_ITEM_DONE,
           "{\"id\": \"fc_1\", \"type\": \"function_call\", \"name\": \"f\","
           " \"arguments\": \"{}\"}");
    assert_int_equal(tape.count, 2);
    assert_true(events.failed);
    clo_events_clear(&events);
    tape_clear(&tape);
}

static void an_error_event_has_both_shapes(void **state)
{
    (void)state;
    struct clo_problem problem;
    clo_problem_set(&problem, 500, "server_error", "p", "it broke");
    char *text = clo_events_error(7, &problem);
    assert_non_null(text);
    assert_int_equal(strncmp(text, "event: error\ndata: {", 20), 0);
    json_t *event = json_loads(strstr(text, "data: ") + 6, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *nested = json_object_get(event, "error");
    assert_string_equal(json_string_value(json_object_get(event, "type")), "error");
    assert_string_equal(json_string_value(json_object_get(event, "code")), "server_error");
    assert_string_equal(json_string_value(json_object_get(event, "message")), "it broke");
    assert_string_equal(json_string_value(json_object_get(event, "param")), "p");
    assert_int_equal(json_integer_value(json_object_get(event, "sequence_number")), 7);
    assert_string_equal(json_string_value(json_object_get(nested, "type")), "server_error");
    assert_string_equal(json_string_value(json_object_get(nested, "message")), "it broke");
    json_decref(event);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_streamed),
        cmocka_unit_test(a_call_and_its_output_are_streamed),
        cmocka_unit_test(reasoning_has_a_summary),
        cmocka_unit_test(a_refusal_ends_the_text_before_it),
        cmocka_unit_test(what_was_not_streamed_is_announced_at_the_end),
        cmocka_unit_test(an_open_item_is_closed_before_the_end),
        cmocka_unit_test(an_open_call_is_closed_with_what_came),
        cmocka_unit_test(nothing_is_written_after_a_failed_write),
        cmocka_unit_test(an_error_event_has_both_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
