/* event_stream_test.c - an event leaves in one piece; a full stream waits; a stalled one is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "cloche/error.h"
#include "serve/http/event_stream.h"

static struct clo_event_stream *stream_new(unsigned stall_ms)
{
    struct clo_event_stream *stream = clo_event_stream_create(NULL, stall_ms, NULL);
    assert_non_null(stream);
    assert_non_null(stream);
    return stream;
}

static void assert_read(struct clo_event_stream *stream, size_t max, const char *want)
{
    char bytes[256];
    ssize_t length = clo_event_stream_read(stream, bytes, max);
    assert_int_equal(length, strlen(want));
    assert_memory_equal(bytes, want, strlen(want));
}

static void each_event_is_a_chunk_of_its_own(void **state)
{
    (void)state;
    struct clo_event_stream *stream = stream_new(1000);
    assert_int_equal(clo_event_stream_push(stream, "event: a\n\n", 10), 0);
    assert_int_equal(clo_event_stream_push(stream, "event: b\n\n", 10), 0);
    clo_event_stream_end(stream, true);
    assert_read(stream, 200, "event: a\n\n");
    assert_read(stream, 200, "event: b\n\n");
    assert_read(stream, 200, "data: [DONE]\n\n");
    assert_int_equal(clo_event_stream_read(stream, NULL, 200), MHD_CONTENT_READER_END_OF_STREAM);
    assert_int_equal(clo_event_stream_push(stream, "late", 4), CLO_ECANCELLED);
    clo_event_stream_release(stream);
}

static void an_event_longer_than_the_buffer_is_continued(void **state)
{
    (void)state;
    struct clo_event_stream *stream = stream_new(1000);
    assert_int_equal(clo_event_stream_push(stream, "0123456789", 10), 0);
    assert_read(stream, 4, "0123");
    assert_read(stream, 4, "4567");
    assert_read(stream, 4, "89");
    clo_event_stream_release(stream);
}

static atomic_int pushed;

/* Fill the stream and push one more; then say how that went. */
static void *fill(void *context)
{
    static char event[CLO_EVENT_STREAM_QUEUE_MAX / 4];
    struct clo_event_stream *stream = context;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(clo_event_stream_push(stream, event, sizeof event), 0);
        atomic_fetch_add(&pushed, 1);
    }
    intptr_t status = clo_event_stream_push(stream, event, sizeof event);
    atomic_fetch_add(&pushed, 1);
    return (void *)status;
}

static void wait_for_full(void)
{
    struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < 30000 && atomic_load(&pushed) < 4; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(atomic_load(&pushed), 4);
    pause.tv_nsec = 20000000;
    nanosleep(&pause, NULL);
    assert_int_equal(atomic_load(&pushed), 4); /* the fifth waits */
}

static void a_slow_reader_makes_the_writer_wait(void **state)
{
    (void)state;
    static char event[CLO_EVENT_STREAM_QUEUE_MAX / 4];
    struct clo_event_stream *stream = stream_new(60000);
    pthread_t thread;
    void *status;
    pushed = 0;
    pthread_create(&thread, NULL, fill, stream);
    wait_for_full();
    assert_int_equal(clo_event_stream_read(stream, event, sizeof event), sizeof event);
    pthread_join(thread, &status);
    assert_int_equal((intptr_t)status, 0);
    clo_event_stream_release(stream);
}

static void a_stalled_reader_is_cut(void **state)
{
    (void)state;
    struct clo_event_stream *stream = stream_new(200);
    pthread_t thread;
    void *status;
    char byte;
    pushed = 0;
    uint64_t start = clo_monotonic_ns();
    pthread_create(&thread, NULL, fill, stream);
    pthread_join(thread, &status);
    assert_int_equal((intptr_t)status, CLO_ECANCELLED);
    assert_true(clo_monotonic_ns() - start >= 200000000u);
    assert_int_equal(clo_event_stream_read(stream, &byte, 1), MHD_CONTENT_READER_END_WITH_ERROR);
    clo_event_stream_release(stream);
}

static void a_gone_client_wakes_the_writer(void **state)
{
    (void)state;
    struct clo_event_stream *stream = stream_new(60000);
    pthread_t thread;
    void *status;
    pushed = 0;
    pthread_create(&thread, NULL, fill, stream);
    wait_for_full();
    assert_true(clo_event_stream_wake(stream));
    clo_event_stream_detach(stream);
    pthread_join(thread, &status);
    assert_int_equal((intptr_t)status, CLO_ECANCELLED);
    assert_false(clo_event_stream_wake(stream)); /* who has a source to wake hears of it, too */
    clo_event_stream_release(stream);
}

static void one_event_may_be_longer_than_the_queue(void **state)
{
    (void)state;
    struct clo_event_stream *stream = stream_new(200);
    char *event = calloc(1, CLO_EVENT_STREAM_QUEUE_MAX + 1);
    assert_int_equal(clo_event_stream_push(stream, event, CLO_EVENT_STREAM_QUEUE_MAX + 1), 0);
    assert_int_equal(clo_event_stream_push(stream, event, 1),
                     CLO_ECANCELLED); /* waits, then is cut */
    free(event);
    clo_event_stream_release(stream);
}

struct source {
    int left;
    bool released;
};

static enum clo_event_stream_next next(void *context, char **text, size_t *length)
{
    struct source *source = context;
    if (source->left-- == 0)
        return CLO_EVENT_STREAM_OVER;
    *text = strdup("event");
    *length = 5;
    return CLO_EVENT_STREAM_EVENT;
}

static void release(void *context)
{
    ((struct source *)context)->released = true;
}

static void a_source_is_asked_until_it_is_over(void **state)
{
    (void)state;
    struct source source = {.left = 2};
    struct clo_event_stream_source ways = {next, release, &source};
    struct clo_event_stream *stream = clo_event_stream_create(NULL, 1000, &ways);
    assert_non_null(stream);
    assert_read(stream, 200, "event");
    assert_read(stream, 200, "event");
    assert_read(stream, 200, "data: [DONE]\n\n");
    assert_int_equal(clo_event_stream_read(stream, NULL, 200), MHD_CONTENT_READER_END_OF_STREAM);
    assert_false(source.released);
    clo_event_stream_release(stream);
    assert_true(source.released);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_is_a_chunk_of_its_own),
        cmocka_unit_test(an_event_longer_than_the_buffer_is_continued),
        cmocka_unit_test(a_slow_reader_makes_the_writer_wait),
        cmocka_unit_test(a_stalled_reader_is_cut),
        cmocka_unit_test(a_gone_client_wakes_the_writer),
        cmocka_unit_test(one_event_may_be_longer_than_the_queue),
        cmocka_unit_test(a_source_is_asked_until_it_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
