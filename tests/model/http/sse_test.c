/* sse_test.c - server-sent events, cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "model/http/sse.h"

/* Each event is logged as type<data>, [DONE] as !. */
static int log_event(void *context, const char *type, const char *data, size_t length)
{
    struct clo_buffer *log = context;
    clo_buffer_text(log, type);
    clo_buffer_text(log, data ? "<" : "!");
    clo_buffer_append(log, data ? data : "", length);
    clo_buffer_text(log, data ? ">" : "");
    return 0;
}

static const struct {
    const char *stream, *events;
} cases[] = {
    {"data: a\n\n", "<a>"},
    {"event: x\ndata: a\n\ndata: b\n\n", "x<a><b>"},
    {"event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", "x<a><b>"},
    {"event: x\rdata: a\r\rdata: b\r\r", "x<a><b>"},
    {"data: a\ndata: b\ndata:\ndata:c\n\n", "<a\nb\n\nc>"},
    {": keep-alive\n\ndata: a\n: more\n\n: end\n\n", "<a>"},
    {"id: 1\nretry: 5\ndata: a\nunknown: z\n\n", "<a>"},
    {"event: x\n\ndata: a\n\n", "<a>"}, /* an event without data is none, and its type is gone */
    {"data\n\n", "<>"},
    {"data:  two blanks\n\n", "< two blanks>"},
    {"\xef\xbb\xbf"
     "data: a\n\n",
     "<a>"},
    {"data: a\n\ndata: [DONE]\n\ndata: late\n\n", "<a>!"},
    {"data: \xc3\xa4\xf0\x9f\x98\x80\r\n\r\n", "<\xc3\xa4\xf0\x9f\x98\x80>"},
    {"data: a\n\ndata: last\n", "<a><last>"}, /* no blank line at the end */
    {"data: a\n\ndata: cut", "<a>"},
};

static void feed(struct clo_sse *sse, const char *bytes, size_t length)
{
    assert_int_equal(clo_sse_feed(sse, bytes, length), 0);
}

static void split_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *stream = cases[i].stream;
        size_t length = strlen(stream);
        for (size_t first = 0; first <= length; first++) {
            for (size_t second = first; second <= length; second++) {
                struct clo_buffer log = CLO_BUFFER(1000);
                struct clo_sse sse;
                clo_sse_init(&sse, 100, log_event, &log);
                feed(&sse, stream, first);
                feed(&sse, stream + first, second - first);
                feed(&sse, stream + second, length - second);
                assert_int_equal(clo_sse_finish(&sse), 0);
                assert_string_equal(log.data, cases[i].events);
                clo_sse_clear(&sse);
                clo_buffer_free(&log);
            }
        }
    }
}

static void an_event_has_a_ceiling(void **state)
{
    (void)state;
    struct clo_buffer log = CLO_BUFFER(1000);
    struct clo_sse sse;
    clo_sse_init(&sse, 10, log_event, &log);
    assert_int_equal(clo_sse_feed(&sse, "data: 12345", 11), CLO_ELIMIT);
    clo_sse_clear(&sse);
    clo_sse_init(&sse, 10, log_event, &log);
    assert_int_equal(clo_sse_feed(&sse, "data: 1234\ndata: 5678\ndata: 9\n\n", 31), CLO_ELIMIT);
    clo_sse_clear(&sse);
    clo_buffer_free(&log);
}

static int stop(void *context, const char *type, const char *data, size_t length)
{
    (void)type;
    (void)data;
    (void)length;
    ++*(int *)context;
    return 1;
}

static void the_receiver_can_stop(void **state)
{
    (void)state;
    int events = 0;
    struct clo_sse sse;
    clo_sse_init(&sse, 100, stop, &events);
    assert_int_equal(clo_sse_feed(&sse, "data: a\n\ndata: b\n\n", 18), 1);
    assert_int_equal(events, 1);
    clo_sse_clear(&sse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_anywhere),
        cmocka_unit_test(an_event_has_a_ceiling),
        cmocka_unit_test(the_receiver_can_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
