/* worker_client.c - the host's side of a worker process: having one, hearing that it is ready,
 * killing it. What a run takes is in client/worker_run.c.
 */
#include "sandbox/worker_client.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/poll.h"
#include "sandbox/worker/jail.h"
#include "sandbox/worker/keeper.h"
#include "sandbox/worker_client_state.h"

#define NS_PER_MS 1000000u
#define HELLO_LOOK_NS NS_PER_MS
#define CLEAN_NS (2000ull * NS_PER_MS) /* to take a short message, for one that does nothing else */
#define BURIAL_NS (20000ull * NS_PER_MS) /* a killed process that takes longer is let be */

/* Wait until the worker that was killed is gone, with all its memory. */
static void bury(struct clo_worker_client *client)
{
    struct pollfd gone = {.fd = client->dying, .events = POLLIN};
    if (client->dying < 0)
        return;
    clo_poll_until(&gone, 1, clo_monotonic_ns() + BURIAL_NS);
    close(client->dying);
    client->dying = -1;
}

void clo_worker_client_drop(struct clo_worker_client *client)
{
    if (client->handle >= 0) {
        clo_keeper_signal(client->handle, SIGKILL, 0);
        bury(client);
        client->dying = client->handle;
    }
    client->handle = -1;
    client->greeted = client->has_state = false;
    clo_frame_socket_close(&client->frames);
}

/* Does an idle worker say or close something? Then it is not one to give a run to. */
static bool has_gone(const struct clo_worker_client *client)
{
    return client->greeted && clo_frame_socket_has_more(&client->frames);
}

int clo_worker_client_ensure(struct clo_worker_client *client, struct clo_error *error)
{
    if (client->frames.fd >= 0 && has_gone(client))
        clo_worker_client_drop(client);
    if (client->frames.fd >= 0)
        return 0;
    int socket;
    pid_t pid;
    int status = clo_zygote_spawn(client->zygote, &socket, &client->handle, &pid, error);
    if (status)
        return status;
    clo_frame_socket_open(&client->frames, socket, CLO_TO_HOST);
    client->has_clock = clock_getcpuclockid(pid, &client->clock) == 0;
    client->pid = pid;
    client->own_bytes = 0;
    return 0;
}

uint64_t clo_worker_client_resident(const struct clo_worker_client *client)
{
    char path[48], text[128];
    unsigned long resident, shared; /* pages: proc_pid_statm(5) */
    snprintf(path, sizeof path, "/proc/%d/statm", (int)client->pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t got = read(file, text, sizeof text - 1);
    close(file);
    text[got > 0 ? got : 0] = '\0';
    if (sscanf(text, "%*u %lu %lu", &resident, &shared) != 2 || resident < shared)
        return 0;
    return (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int check_layers(unsigned layers, struct clo_error *error)
{
    char missing[CLO_JAIL_TEXT_MAX];
    if (layers == CLO_JAIL_ALL)
        return 0;
    clo_jail_describe(CLO_JAIL_ALL & ~layers, missing);
    clo_fail(error, CLO_ESYSTEM, "the jail around worker processes lacks: %s", missing);
    return clo_hint(
        error, CLO_ESYSTEM,
        "allow it here (user namespaces and seccomp in a container), or accept less with jail: best");
}

/* Until `deadline_ns`; then CLO_EBUSY, and it may come yet. Any other failure is the worker's end.
 * */
static int hear_hello(struct clo_worker_client *client, uint64_t deadline_ns,
                      struct clo_error *error)
{
    struct clo_frame frame;
    struct clo_error why;
    if (client->greeted)
        return 0;
    int status = clo_frame_socket_receive(&client->frames, deadline_ns, &frame, &why);
    if (status == CLO_EBUSY)
        return clo_fail(error, CLO_EBUSY, "a worker process did not start: %s", why.message);
    else if (status)
        status = clo_fail(error, CLO_ESYSTEM, "a worker process did not start: %s", why.message);
    else if (frame.type != CLO_FRAME_HELLO)
        status = clo_fail(error, CLO_ESYSTEM, "a worker process began with a frame of type %d",
                          frame.type);
    else
        status = clo_frame_read_status(&frame, &client->layers, error);
    if (!status && client->config->jail == CLO_JAIL_STRICT)
        status = check_layers(client->layers, error);
    if (!status)
        status = clo_zygote_expect(client->zygote, client->layers, error);
    if (status)
        clo_worker_client_drop(client);
    else
        client->greeted = true;
    if (!status && !client->own_bytes)
        client->own_bytes = clo_worker_client_resident(client);
    return status;
}

int clo_worker_client_await(struct clo_worker_client *client, struct clo_error *error)
{
    int status = hear_hello(client, clo_monotonic_ns() + CLO_WORKER_HELLO_NS, error);
    if (status == CLO_EBUSY)
        clo_worker_client_drop(client);
    return status == CLO_EBUSY ? CLO_ESYSTEM : status;
}

int clo_worker_client_create(struct clo_worker_client **result, const struct clo_config *config,
                             struct clo_zygote *zygote, struct clo_error *error)
{
    *result = NULL;
    struct clo_worker_client *client = calloc(1, sizeof *client);
    if (!client)
        return clo_fail_memory(error);
    client->config = config;
    client->zygote = zygote;
    client->frames.fd = client->handle = client->dying = -1;
    int status = clo_host_calls_create(&client->calls, config->tools, config->threads, error);
    if (!status)
        status = clo_worker_client_ensure(client, error);
    if (!status)
        status = clo_worker_client_await(client, error);
    if (status) {
        clo_worker_client_destroy(client);
        return status;
    }
    *result = client;
    return 0;
}

void clo_worker_client_destroy(struct clo_worker_client *client)
{
    if (!client)
        return;
    clo_worker_client_drop(client);
    bury(client);
    clo_host_calls_free(client->calls);
    free(client);
}

bool clo_worker_client_is_clean(struct clo_worker_client *client)
{
    if (client->frames.fd < 0 || client->greeted)
        return true;
    /* a frame of which a part is there is not waited for either */
    return clo_frame_socket_has_more(&client->frames) &&
           hear_hello(client, clo_monotonic_ns() + HELLO_LOOK_NS, NULL) != CLO_EBUSY;
}

bool clo_worker_client_is_there(const struct clo_worker_client *client)
{
    return client->frames.fd >= 0;
}

unsigned clo_worker_client_layers(const struct clo_worker_client *client)
{
    return client->layers;
}

void clo_worker_client_clean(struct clo_worker_client *client)
{
    if (client->frames.fd < 0 || !client->greeted) /* not greeted: it is about to be clean */
        return;
    clo_frame_socket_begin(&client->frames, CLO_FRAME_CLEAN, 0);
    if (clo_frame_socket_flush(&client->frames, clo_monotonic_ns() + CLEAN_NS, NULL))
        clo_worker_client_drop(client);
    client->greeted = client->has_state = false;
}

void clo_worker_client_settle(struct clo_worker_client *client)
{
    if (client->frames.fd >= 0)
        (void)clo_worker_client_await(client, NULL); /* it has restored its micro-VM */
    bury(client);
    clo_worker_client_ensure(
        client, NULL); /* born and warmed while nobody waits; trouble shows in the run */
}
