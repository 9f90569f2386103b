/* run_events_test.c - what a run prints as a stream of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/json.h"
#include "serve/protocol/run_events.h"

/* The data of the next event, which has this type and number. */
static json_t *next(struct clo_run_events *events, const char *type, int sequence)
{
    bool over;
    char head[64], *text = clo_run_events_next(events, &over);
    assert_non_null(text);
    assert_false(over);
    snprintf(head, sizeof head, "event: %s\ndata: ", type);
    assert_int_equal(strncmp(text, head, strlen(head)), 0);
    assert_string_equal(text + strlen(text) - 2, "\n\n");
    json_t *data = clo_json_load(text + strlen(head), strlen(text) - strlen(head) - 2, NULL);
    assert_non_null(data);
    assert_string_equal(clo_json_text(data, "type"), type);
    assert_int_equal(json_integer_value(json_object_get(data, "sequence_number")), sequence);
    free(text);
    return data;
}

static void is_output(struct clo_run_events *events, int sequence, const char *stream,
                      const char *text)
{
    json_t *data = next(events, "run.output", sequence);
    assert_string_equal(clo_json_text(data, "stream"), stream);
    assert_string_equal(clo_json_text(data, "text"), text);
    json_decref(data);
}

static void is_quiet(struct clo_run_events *events, bool end)
{
    bool over;
    char *event = clo_run_events_next(events, &over);
    bool none = !event;
    free(event);
    assert_true(none);
    assert_int_equal(over, end);
}

static void start(struct clo_run_events *events)
{
    clo_run_events_start(events, "run_1", 1796025600);
    json_t *data = next(events, "run.created", 0);
    assert_string_equal(clo_json_text(json_object_get(data, "run"), "id"), "run_1");
    json_decref(data);
    is_quiet(events, false);
}

static void put(struct clo_run_events *events, enum clo_stream stream, const char *text)
{
    clo_run_events_output(events, stream, text, strlen(text));
}

static void output_comes_in_its_order(void **state)
{
    struct clo_run_events events;
    (void)state;
    start(&events);
    put(&events, CLO_STDOUT, "a");
    put(&events, CLO_STDOUT, "b\n"); /* not yet sent: one event */
    put(&events, CLO_STDERR, "c");
    put(&events, CLO_STDOUT, "d");
    is_output(&events, 1, "stdout", "ab\n");
    put(&events, CLO_STDOUT, "e");
    is_output(&events, 2, "stderr", "c");
    is_output(&events, 3, "stdout", "de");
    is_quiet(&events, false);
    put(&events, CLO_STDERR, "f");
    clo_run_events_complete(&events, json_pack("{s:i}", "exit_code", 3));
    is_output(&events, 4, "stderr", "f");
    json_t *data = next(&events, "run.completed", 5);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(data, "run"), "exit_code")),
                     3);
    json_decref(data);
    is_quiet(&events, true);
    is_quiet(&events, true);
    clo_run_events_clear(&events);
}

static void characters_stay_whole(void **state)
{
    struct clo_run_events events;
    (void)state;
    start(&events);
    put(&events, CLO_STDOUT, "x\xe2\x82");
    is_output(&events, 1, "stdout", "x");
    put(&events, CLO_STDERR, "\xac"); /* of the other stream: no part of it */
    put(&events, CLO_STDOUT, "\xac\xf0\x9f");
    is_output(&events, 2, "stderr", "\xef\xbf\xbd");
    is_output(&events, 3, "stdout", "\xe2\x82\xac");
    is_quiet(&events, false); /* two bytes wait for the rest */
    put(&events, CLO_STDOUT, "\x98\x80\xff");
    is_output(&events, 4, "stdout", "\xf0\x9f\x98\x80\xef\xbf\xbd");
    put(&events, CLO_STDOUT, "\xe2");
    is_quiet(&events, false);
    clo_run_events_complete(&events, json_object());
    is_output(&events, 5, "stdout", "\xef\xbf\xbd");
    json_decref(next(&events, "run.completed", 6));
    is_quiet(&events, true);
    clo_run_events_clear(&events);
}

/* A piece ends where it is full, in the middle of a character as it happens. */
static void long_output_takes_several_events(void **state)
{
    struct clo_run_events events;
    struct clo_buffer all = CLO_BUFFER(1 << 20), got = CLO_BUFFER(1 << 20);
    (void)state;
    start(&events);
    for (int i = 0; i < 40000; i++)
        clo_buffer_text(&all, i % 7 ? "\xe2\x82\xac" : "y");
    assert_false(all.failed);
    put(&events, CLO_STDOUT, all.data);
    clo_run_events_complete(&events, json_object());
    int sequence = 1;
    while (got.length < all.length) {
        json_t *data = next(&events, "run.output", sequence++);
        clo_buffer_text(&got, clo_json_text(data, "text"));
        json_decref(data);
    }
    assert_false(got.failed);
    assert_string_equal(got.data, all.data);
    assert_in_range(sequence, 4, 20);
    json_decref(next(&events, "run.completed", sequence));
    clo_run_events_clear(&events);
    clo_buffer_free(&all);
    clo_buffer_free(&got);
}

static void a_failure_is_the_last_event(void **state)
{
    struct clo_run_events events;
    struct clo_problem problem;
    (void)state;
    start(&events);
    put(&events, CLO_STDOUT, "never seen");
    clo_problem_set(&problem, 503, "sandbox_busy", NULL, "busy");
    clo_run_events_fail(&events, &problem);
    json_t *data = next(&events, "error", 1);
    assert_string_equal(clo_json_text(data, "code"), "sandbox_busy");
    assert_string_equal(clo_json_text(json_object_get(data, "error"), "message"), "busy");
    json_decref(data);
    is_quiet(&events, true);
    clo_run_events_clear(&events);
    start(&events); /* without memory for the result */
    clo_run_events_complete(&events, NULL);
    json_decref(next(&events, "error", 1));
    is_quiet(&events, true);
    clo_run_events_clear(&events);
    start(&events); /* given up with all that is in it */
    put(&events, CLO_STDERR, "left");
    clo_run_events_clear(&events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_comes_in_its_order),
        cmocka_unit_test(characters_stay_whole),
        cmocka_unit_test(long_output_takes_several_events),
        cmocka_unit_test(a_failure_is_the_last_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
