/* health.c - `cloche health`: asks a server on this machine whether it takes requests.
 *
 * For HEALTHCHECK of a container: no shell, no curl, and no library is loaded for it. One line, exit
 * status 0 or 1. The request is HTTP/1.0, so that the end of the answer is the end of the connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/quantity.h"
#include "base/thread/poll.h"
#include "cli/cli.h"

#define ANSWER_MAX 4096u /* the status line and a small JSON object */
#define TIMEOUT_MS 5000u
#define TIMEOUT_MS_MAX 3600000u

static const char help[] =
    "Usage: cloche health [OPTION…]\n"
    "\n"
    "Asks a running `cloche serve` for /readiness. Exit status 0: it takes requests; 1: it does not,\n"
    "or there is none. One line says which. For HEALTHCHECK of a container.\n"
    "\n"
    "  --address ADDRESS  where it listens (127.0.0.1)\n"
    "  --port PORT        its port ($PORT, else 8088)\n"
    "  --timeout DURATION for the whole answer (5s)\n"
    "\n"
    "Example:\n"
    "  cloche health --port 8088\n";

struct place {
    const char *address, *port;
    uint64_t deadline;
};

static int fail_timeout(struct clo_error *error)
{
    return clo_fail(error, CLO_ESYSTEM, "no answer in time");
}

static int wait_for(int fd, short events, const struct place *place, struct clo_error *error)
{
    struct pollfd one = {.fd = fd, .events = events};
    int n = clo_poll_until(&one, 1, place->deadline);
    if (n > 0)
        return 0;
    return n == 0 ? fail_timeout(error) : clo_fail_errno(error, CLO_ESYSTEM, "poll");
}

static int finish_connect(int fd, const struct place *place, struct clo_error *error)
{
    int code = 0;
    socklen_t length = sizeof code;
    int status = wait_for(fd, POLLOUT, place, error);
    if (status)
        return status;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) == 0 && code == 0)
        return 0;
    errno = code;
    return clo_fail_errno(error, CLO_ESYSTEM, "cannot connect");
}

/* A socket that is connected, or a negative status. */
static int dial(const struct place *place, struct clo_error *error)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    const char *address = strcmp(place->address, "localhost") ? place->address : "127.0.0.1";
    if (getaddrinfo(address, place->port, &hints, &found))
        return clo_fail(error, CLO_EINVALID, "\"%s\" is not an IP address", place->address);
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int status = fd < 0 ? clo_fail_errno(error, CLO_ESYSTEM, "socket") : 0;
    if (!status && connect(fd, found->ai_addr, found->ai_addrlen))
        status = errno == EINPROGRESS ? finish_connect(fd, place, error)
                                      : clo_fail_errno(error, CLO_ESYSTEM, "cannot connect");
    freeaddrinfo(found);
    if (!status)
        return fd;
    if (fd >= 0)
        close(fd);
    return status;
}

/* The answer's beginning, ended by NUL: until the connection ends or the buffer is full. */
static int ask(int fd, const struct place *place, char answer[ANSWER_MAX], struct clo_error *error)
{
    static const char request[] = "GET /readiness HTTP/1.0\r\n\r\n";
    size_t used = 0;
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != (ssize_t)(sizeof request - 1))
        return clo_fail_errno(error, CLO_ESYSTEM, "cannot send");
    while (used < ANSWER_MAX - 1) {
        int status = wait_for(fd, POLLIN, place, error);
        if (status)
            return status;
        ssize_t n = recv(fd, answer + used, ANSWER_MAX - 1 - used, 0);
        if (n == 0)
            break;
        if (n > 0)
            used += (size_t)n;
        else if (errno != EINTR && errno != EAGAIN)
            return clo_fail_errno(error, CLO_ESYSTEM, "the connection broke");
    }
    answer[used] = '\0';
    return 0;
}

/* 0 for 200; whoever answers with something else is not ready, or no `cloche serve`. */
static int judge(char *answer, struct clo_error *error)
{
    unsigned code;
    if (sscanf(answer, "HTTP/1.%*1[01] %3u", &code) != 1)
        return clo_fail(error, CLO_ESYSTEM, "what answers there does not speak HTTP");
    const char *body = strstr(answer, "\r\n\r\n");
    if (code == 503)
        return clo_fail(error, CLO_ESYSTEM, "it is shutting down, or cannot take more (503)");
    if (code != 200)
        return clo_fail(error, CLO_ESYSTEM, "it answers %u to /readiness", code);
    if (!body || !strstr(body, "\"healthy\""))
        return clo_fail(error, CLO_ESYSTEM, "what answers there is no cloche serve");
    return 0;
}

static int check(const struct place *place, struct clo_error *error)
{
    char answer[ANSWER_MAX];
    int fd = dial(place, error);
    if (fd < 0)
        return fd;
    int status = ask(fd, place, answer, error);
    close(fd);
    return status ? status : judge(answer, error);
}

static int check_port(const char *what, const char *port)
{
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    if (*port >= '0' && *port <= '9' && !*end && number > 0 && number <= 65535)
        return CLI_OK;
    return clo_cli_usage("health", "%s \"%s\" is not a number from 1 to 65535", what, port);
}

int clo_cli_health(int argc, char **argv)
{
    static const struct option options[] = {
        {"address", required_argument, NULL, 'a'},
        {"port", required_argument, NULL, 'p'},
        {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct place place = {.address = "127.0.0.1", .port = getenv("PORT")};
    const char *what = "the environment's PORT";
    uint64_t timeout_ms = TIMEOUT_MS;
    struct clo_error error = {0};
    if (!place.port || !*place.port)
        place.port = "8088";
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (option) {
        case 'a': place.address = optarg; break;
        case 'p':
            place.port = optarg;
            what = "--port";
            break;
        case 't':
            if (clo_duration_parse(optarg, &timeout_ms, &error))
                return clo_cli_usage("health", "--timeout %s", error.message);
            break;
        case 'h': fputs(help, stdout); return CLI_OK;
        default: return clo_cli_usage("health", "unknown option");
        }
    }
    if (optind != argc)
        return clo_cli_usage("health", "takes options only, and \"%s\" is none", argv[optind]);
    if (check_port(what, place.port))
        return CLI_USAGE;
    bool brackets = strchr(place.address, ':');
    place.deadline = clo_after_ms(timeout_ms < TIMEOUT_MS_MAX ? timeout_ms : TIMEOUT_MS_MAX);
    int status = check(&place, &error);
    printf("%s: http://%s%s%s:%s/readiness%s%s\n", status ? "not ready" : "ready",
           brackets ? "[" : "", place.address, brackets ? "]" : "", place.port, status ? ": " : "",
           status ? error.message : "");
    return status ? CLI_FAILED : CLI_OK;
}
