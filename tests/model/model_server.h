/* model_server.h - a server on 127.0.0.1 that answers the n-th request with the n-th prepared
 * bytes, whole, dripping, or not at all; and a sink that writes down what a model reports.
 *
 * One connection at a time is served, by one thread. Requests are read to their end before they
 * are answered, and kept for the test to look at.
 */
#ifndef CLO_TESTS_MODEL_MODEL_SERVER_H
#define CLO_TESTS_MODEL_MODEL_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "model/model.h"

#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
#define REQUESTS_MAX 16

enum after { CLOSE, HANG, KEEP }; /* KEEP: the answer says its length; the next request may come */

struct act {
    const char *answer;
    enum after after;
    size_t drip;      /* bytes in one write, 0: all at once */
    unsigned wait_ms; /* between writes */
};

struct server {
    int listener;
    unsigned port;
    pthread_t thread;
    const struct act *acts;
    size_t count;
    atomic_bool stop;
    atomic_uint requests, connections;
    char *heads[REQUESTS_MAX], *bodies[REQUESTS_MAX];
};

static bool readable(struct server *server, int fd)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};
    while (!atomic_load(&server->stop))
        if (poll(&poll_fd, 1, 20) > 0)
            return true;
    return false;
}

/* One request; false: the connection ended. */
static bool read_request(struct server *server, int fd, unsigned number)
{
    struct clo_buffer text = CLO_BUFFER(256u << 20);
    const char *end = NULL;
    size_t want = 0;
    while (!end || text.length < want) {
        char chunk[16384];
        ssize_t got = readable(server, fd) ? read(fd, chunk, sizeof chunk) : 0;
        if (got <= 0) {
            clo_buffer_free(&text);
            return false;
        }
        clo_buffer_append(&text, chunk, (size_t)got);
        if (!end && (end = strstr(text.data, "\r\n\r\n"))) {
            const char *length = strcasestr(text.data, "content-length:");
            want = (size_t)(end - text.data) + 4 + (length ? strtoul(length + 15, NULL, 10) : 0);
        }
    }
    end = strstr(text.data, "\r\n\r\n") + 4;
    if (number < REQUESTS_MAX) {
        server->bodies[number] = strdup(end);
        server->heads[number] = strndup(text.data, (size_t)(end - text.data));
    }
    clo_buffer_free(&text);
    return true;
}

static bool write_answer(struct server *server, int fd, const struct act *act)
{
    size_t length = strlen(act->answer), at = 0;
    while (at < length && !atomic_load(&server->stop)) {
        size_t piece = act->drip && act->drip < length - at ? act->drip : length - at;
        ssize_t sent = send(fd, act->answer + at, piece, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
        if (act->wait_ms)
            usleep(act->wait_ms * 1000);
    }
    return true;
}

static void serve_connection(struct server *server, int fd)
{
    for (;;) {
        unsigned number = atomic_load(&server->requests);
        if (!read_request(server, fd, number))
            return;
        atomic_fetch_add(&server->requests, 1);
        const struct act *act = &server->acts[number < server->count ? number : server->count - 1];
        if (!write_answer(server, fd, act) || act->after == CLOSE)
            return;
        char byte;
        if (act->after == HANG && readable(server, fd) && recv(fd, &byte, 1, MSG_PEEK) <= 0)
            return;
    }
}

static void *serve(void *context)
{
    struct server *server = context;
    while (readable(server, server->listener)) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            continue;
        atomic_fetch_add(&server->connections, 1);
        serve_connection(server, fd);
        close(fd);
    }
    return NULL;
}

static inline void server_start(struct server *server, const struct act *acts, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memset(server, 0, sizeof *server);
    server->acts = acts;
    server->count = count;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->listener, (struct sockaddr *)&address, size) || listen(server->listener, 16) ||
        getsockname(server->listener, (struct sockaddr *)&address, &size) ||
        pthread_create(&server->thread, NULL, serve, server))
        abort();
    server->port = ntohs(address.sin_port);
}

static inline void server_stop(struct server *server)
{
    atomic_store(&server->stop, true);
    pthread_join(server->thread, NULL);
    close(server->listener);
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        free(server->heads[i]);
        free(server->bodies[i]);
    }
}

/* What a model reports, in a line: +type, text as it comes, !refusal, @arguments, ~reasoning, and
 * -status at the end of each item. Deltas are divided by |. */
static inline void log_item(void *context, const struct clo_item_event *event)
{
    static const char marks[] = {[CLO_ITEM_TEXT] = '|',
                                 [CLO_ITEM_REFUSAL] = '!',
                                 [CLO_ITEM_ARGUMENTS] = '@',
                                 [CLO_ITEM_REASONING] = '~'};
    struct clo_buffer *log = context;
    if (event->kind == CLO_ITEM_ADDED) {
        clo_buffer_format(log, "+%s", json_string_value(json_object_get(event->item, "type")));
    } else if (event->kind == CLO_ITEM_DONE) {
        const char *status = json_string_value(json_object_get(event->item, "status"));
        clo_buffer_format(log, "-%s ", status ? status : "");
    } else {
        clo_buffer_format(log, "%c%.*s", marks[event->kind], (int)event->length, event->delta);
    }
}

#endif
