/* job_hooks_test.c - what an agent's hooks are told of a request that came over HTTP: whose it is.
 *
 * A real server; its hook ends each turn before a model or a sandbox is asked, and what it was told
 * is the response's error.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "cloche/cloche.h"
#include "cloche/hooks.h"
#include "vm/vm.h"

#define SKIPPED 77   /* exit status: this machine cannot run it */
#define PATIENCE 120 /* seconds */
#define ALICE                                                                                      \
    "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90" /* SHA-256 of "alice" */

static int tell(void *context, struct clo_hook_turn *turn, struct clo_error *error)
{
    (void)context;
    return clo_tool_fail(error, "response %d, conversation '%s', session '%s', user '%s'",
                         *clo_hook_turn_response(turn) != '\0', clo_hook_turn_conversation(turn),
                         clo_hook_turn_session(turn), clo_hook_turn_user(turn));
}

static const struct clo_hooks hooks[] = {{.before_run = tell}};
static const char *image;
static enum clo_isolation wall; /* of the sandbox that nobody asks */

struct host {
    struct clo_agent *agent;
    struct clo_serve_config config;
    pthread_t thread;
    sem_t listens;
    uint16_t port; /* 0: it does not serve */
};

static void ready(void *context, const char *address, uint16_t port)
{
    struct host *host = context;
    (void)address;
    host->port = port;
    sem_post(&host->listens);
}

static void *serve(void *context)
{
    struct host *host = context;
    struct clo_error error;
    if (clo_serve(host->agent, &host->config, &error))
        fprintf(stderr, "%s\n", error.message);
    sem_post(&host->listens); /* also where it never did */
    return NULL;
}

static void open_host(struct host *host, struct clo_serve_config config)
{
    struct clo_agent_config agent = {.name = "t",
                                     .model = {.kind = CLO_MODEL_SCRIPT},
                                     .image = image,
                                     .placement = CLO_PLACEMENT_WORKER,
                                     .isolation = wall,
                                     .sandboxes = 1,
                                     .hooks = hooks,
                                     .hook_count = 1};
    struct clo_error error;
    *host = (struct host){.config = config};
    host->config.any_port = true;
    host->config.on_ready = ready;
    host->config.context = host;
    sem_init(&host->listens, 0, 0);
    if (clo_agent_create(&host->agent, &agent, &error))
        fail_msg("%s; %s", error.message, error.hint);
    assert_int_equal(pthread_create(&host->thread, NULL, serve, host), 0);
    sem_wait(&host->listens);
    assert_int_not_equal(host->port, 0);
}

static void close_host(struct host *host)
{
    kill(getpid(), SIGTERM); /* the server's way to end */
    pthread_join(host->thread, NULL);
    clo_agent_destroy(host->agent);
    sem_destroy(&host->listens);
}

/* What POST /responses answers to this body, with these header lines. */
static void post(const struct host *host, const char *headers, const char *body, char *answer,
                 size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(host->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = PATIENCE};
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(server, (struct sockaddr *)&address, sizeof address), 0);
    dprintf(server,
            "POST /responses HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: "
            "application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
            strlen(body), headers, body);
    size_t length = 0;
    ssize_t got;
    while (length + 1 < size && (got = read(server, answer + length, size - 1 - length)) > 0)
        length += (size_t)got;
    answer[length] = '\0';
    close(server);
}

struct told {
    const char *headers, *body, *want;
};

static void check(const struct host *host, const struct told *all, size_t count)
{
    static char answer[65536];
    for (size_t i = 0; i < count; i++) {
        post(host, all[i].headers, all[i].body, answer, sizeof answer);
        if (!strstr(answer, all[i].want))
            fail_msg("%s\n%s\nis answered without \"%s\": %s", all[i].headers, all[i].body,
                     all[i].want, answer);
    }
}

static void clients_say_whose_a_request_is(void **state)
{
    (void)state;
    static const struct told all[] = {
        {"", "{\"input\":\"x\"}", "response 1, conversation '', session '"},
        {"", "{\"input\":\"x\",\"user\":\"u\"}", "user 'u'"},
        {"", "{\"input\":\"x\",\"user\":\"u\",\"safety_identifier\":\"s\"}", "user 's'"},
        {"", "{\"input\":\"x\",\"conversation\":\"c\",\"agent_session_id\":\"g\"}",
         "conversation 'c', session 'g', user ''"},
        {"x-agent-user-id: alice\r\n", "{\"input\":\"x\"}", "user ''"},
    };
    struct host host;
    open_host(&host, (struct clo_serve_config){0});
    check(&host, all, sizeof all / sizeof *all);
    close_host(&host);
}

static void where_a_platform_says_it_clients_do_not(void **state)
{
    (void)state;
    static const struct told all[] = {
        {"x-agent-user-id: alice\r\n", "{\"input\":\"x\"}", "user '" ALICE "'"},
        {"x-agent-user-id: alice\r\n",
         "{\"input\":\"x\",\"user\":\"u\",\"safety_identifier\":\"s\"}",
         "session 'container', user '" ALICE "'"},
        {"", "{\"input\":\"x\",\"user\":\"" ALICE "\"}", "user ''"},
    };
    struct host host;
    open_host(&host, (struct clo_serve_config){.hosted = true, .session = "container"});
    check(&host, all, sizeof all / sizeof *all);
    close_host(&host);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_say_whose_a_request_is),
        cmocka_unit_test(where_a_platform_says_it_clients_do_not),
    };
    if (argc != 2 || access(image = argv[1], R_OK)) {
        fprintf(stderr, "SKIP: NO IMAGE: WHAT HOOKS ARE TOLD OF REQUESTS IS NOT TESTED\n");
        return SKIPPED;
    }
    wall = clo_kvm_probe(NULL) ? CLO_ISOLATION_PROCESS : CLO_ISOLATION_MICROVM;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
