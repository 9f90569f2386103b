/* sandbox/worker_client_state.h - what worker_client.c, the worker itself, and client/worker_run.c, a run
 * in it, share. */
#ifndef CLO_SANDBOX_WORKER_CLIENT_STATE_H
#define CLO_SANDBOX_WORKER_CLIENT_STATE_H

#include <time.h>

#include "sandbox/call/host_calls.h"
#include "sandbox/config.h"
#include "sandbox/worker/frames.h"
#include "sandbox/zygote.h"

struct clo_worker_client {
    const struct clo_config *config;
    struct clo_zygote *zygote;
    struct clo_host_calls *calls;
    struct clo_frame_socket frames; /* fd -1: there is no worker */
    int handle;                     /* of its process (keeper.h) */
    int dying;                      /* the last that was killed and may still have memory, or -1 */
    bool greeted;                   /* it has said hello, and is ready for a run */
    bool has_state;                 /* one has come in, and no run has begun since */
    pid_t pid;                      /* in this process's namespace */
    uint64_t own_bytes; /* of memory that is its alone, when it first said hello; 0: not known */
    bool has_clock;
    clockid_t clock; /* of the worker's processor time, all threads */
    unsigned layers; /* of its jail, as it said */
    uint32_t sequence;
};

/* Have a worker, a new one where there is none or where it has died; it may not have said hello. */
int clo_worker_client_ensure(struct clo_worker_client *client, struct clo_error *error);

/* Wait until it has said hello. On failure the worker is dropped. */
int clo_worker_client_await(struct clo_worker_client *client, struct clo_error *error);

/* Bytes of memory that are the worker's alone, by the kernel's account; 0: it cannot be told. */
uint64_t clo_worker_client_resident(const struct clo_worker_client *client);

/* Kill it; its end is not waited for, but for that of one that was killed before. */
void clo_worker_client_drop(struct clo_worker_client *client);

#endif
