/* model_auto_test.c - kind auto with a named server: which of the two protocols it has is found
 * once, by its own word, and kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model_call.h"

#define STATUS(line, body)                                                                         \
    "HTTP/1.1 " line "\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body
#define NOTHING STATUS("404 Not Found", "{\"detail\":\"Not Found\"}")
#define NO_MODEL STATUS("404 Not Found", "{\"error\":{\"code\":\"model_not_found\"}}")

static const struct {
    enum clo_model_kind kind;
    const char *answers[6];
    const char *outcomes; /* of each call: + answered, - failed */
    const char *paths;    /* of each request: r, c */
    const char *hint;     /* of the last failure */
    int noticed;          /* the call that says so; -1: none */
} cases[] = {
    /* chat alone: tried once, then remembered */
    {CLO_MODEL_AUTO, {NOTHING, chat_stream, chat_stream, chat_stream}, "+++", "rccc", "", 0},
    {CLO_MODEL_AUTO,
     {STATUS("405 Method Not Allowed", ""), chat_stream, chat_stream},
     "++",
     "rcc",
     "",
     0},
    /* a refusal by chat shows that it is there; one that says nothing of the path does not */
    {CLO_MODEL_AUTO,
     {NOTHING, STATUS("400 Bad", "{}"), chat_stream},
     "-+",
     "rcc",
     "The server is",
     0},
    {CLO_MODEL_AUTO, {NOTHING, NO_MODEL, chat_stream}, "-+", "rcc", "Check the model's name", 0},
    {CLO_MODEL_AUTO,
     {NOTHING, STATUS("501 Never", "{}"), NOTHING, chat_stream},
     "-+",
     "rcrc",
     "The server is",
     1},
    /* neither */
    {CLO_MODEL_AUTO, {NOTHING, NOTHING, NOTHING, NOTHING}, "--", "rcrc", "Neither /responses", -1},
    /* a model that is missing is no path that is missing */
    {CLO_MODEL_AUTO, {NO_MODEL, two_items}, "-+", "rr", "Check the model's name", -1},
    /* a server that has answered has the path */
    {CLO_MODEL_AUTO, {two_items, NOTHING, two_items}, "+-+", "rrr", "kind: chat", -1},
    /* what is configured is not guessed */
    {CLO_MODEL_RESPONSES, {NOTHING, NOTHING}, "--", "rr", "kind: chat", -1},
    {CLO_MODEL_CHAT, {NOTHING}, "-", "c", "base_url", -1},
};

static void call_case(size_t number)
{
    struct act acts[6];
    struct server server;
    size_t count = 0;
    for (; count < 6 && cases[number].answers[count]; count++)
        acts[count] = (struct act){cases[number].answers[count], CLOSE, 0, 0};
    server_start(&server, acts, count);
    struct clo_model *model = open_model(cases[number].kind, server.port, 5000);
    json_t *input = user("hi");
    struct clo_error error, last = {0};
    for (int i = 0; cases[number].outcomes[i]; i++) {
        struct clo_model_reply reply;
        struct clo_model_request request = {.input = input};
        int status = clo_model_call(model, &request, NULL, &reply, &error);
        if ((status == 0) != (cases[number].outcomes[i] == '+'))
            fail_msg("%zu: call %d: %d %s", number, i, status, error.message);
        if ((*reply.notice != 0) != (cases[number].noticed == i))
            fail_msg("%zu: call %d: %s", number, i, *reply.notice ? reply.notice : "no notice");
        if (status)
            last = error;
        clo_model_reply_clear(&reply);
    }
    if (!strstr(last.hint, cases[number].hint))
        fail_msg("%zu: \"%s\" has no \"%s\"", number, last.hint, cases[number].hint);
    char paths[REQUESTS_MAX + 1] = "";
    for (size_t i = 0; i < REQUESTS_MAX && server.heads[i]; i++)
        strcat(paths, strstr(server.heads[i], " /v1/responses ")          ? "r"
                      : strstr(server.heads[i], " /v1/chat/completions ") ? "c"
                                                                          : "?");
    assert_string_equal(paths, cases[number].paths);
    clo_model_destroy(model);
    server_stop(&server);
    json_decref(input);
}

static void the_protocol_is_found_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        call_case(i);
}

/* Chat completions have no form for this input: that says nothing of the server. */
static void what_chat_cannot_say_is_refused_for_itself(void **state)
{
    (void)state;
    struct act act = {NOTHING, CLOSE, 0, 0};
    struct outcome outcome;
    json_t *input = parse("[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\","
                          "\"file_id\":\"f\"}]}]");
    struct clo_model_request request = {.input = input};
    call_full(&outcome, CLO_MODEL_AUTO, &act, 1, &request, 5000);
    assert_int_equal(outcome.status, CLO_EINVALID);
    assert_null(strstr(outcome.error.hint, "Neither"));
    assert_string_equal(outcome.reply.notice, "");
    json_decref(input);
    done(&outcome);
}

struct caller {
    struct clo_model *model;
    const json_t *input;
    atomic_uint *noticed;
    int status;
};

static void *call_it(void *context)
{
    struct caller *caller = context;
    struct clo_model_reply reply;
    struct clo_model_request request = {.input = caller->input};
    caller->status = clo_model_call(caller->model, &request, NULL, &reply, NULL);
    atomic_fetch_add(caller->noticed, *reply.notice != 0);
    clo_model_reply_clear(&reply);
    return NULL;
}

/* A server of chat completions alone, asked by several threads at once: answers by path. */
static void *serve_chat(void *context)
{
    int listener = *(int *)context;
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
        char head[8192];
        size_t length = 0;
        ssize_t got;
        while (length < sizeof head - 1 &&
               (got = read(fd, head + length, sizeof head - 1 - length)) > 0) {
            head[length += (size_t)got] = '\0';
            const char *end = strstr(head, "\r\n\r\n"), *size = strcasestr(head, "content-length:");
            if (end && size && length >= (size_t)(end + 4 - head) + strtoul(size + 15, NULL, 10))
                break;
        }
        const char *answer = strstr(head, "/v1/responses ") ? NOTHING : chat_stream;
        if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
            break;
    }
    return NULL;
}

static void threads_learn_it_together(void **state)
{
    (void)state;
    enum { THREADS = 8 };
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 64), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    pthread_t server, threads[THREADS];
    pthread_create(&server, NULL, serve_chat, &listener);
    struct clo_model *model = open_model(CLO_MODEL_AUTO, ntohs(address.sin_port), 5000);
    json_t *input = user("hi");
    atomic_uint noticed = 0;
    struct caller callers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){model, input, &noticed, -1};
        pthread_create(&threads[i], NULL, call_it, &callers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].status, 0);
    }
    assert_int_equal(atomic_load(&noticed), 1);
    clo_model_destroy(model);
    shutdown(listener, SHUT_RDWR);
    pthread_join(server, NULL);
    close(listener);
    json_decref(input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_protocol_is_found_once),
        cmocka_unit_test(what_chat_cannot_say_is_refused_for_itself),
        cmocka_unit_test(threads_learn_it_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
