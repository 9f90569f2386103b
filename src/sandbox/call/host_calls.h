/* sandbox/call/host_calls.h - the host-call service: a message in, a reply out.
 *
 * It sees copies of messages, never guest memory, and does not care whether the run is in this
 * process or in a worker. One service answers one run at a time, on one thread; several services
 * share a crew. A synchronous call runs its tool on that thread; the others are in flight
 * (sandbox/call/pending_calls.h) until they are waited for.
 */
#ifndef CLO_SANDBOX_SERVICE_H
#define CLO_SANDBOX_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hostcall.h"
#include "base/buffer.h"
#include "cloche/cancel.h"
#include "sandbox/call/tool_threads.h"
#include "sandbox/run/limits.h"
#include "sandbox/tool/tool_set.h"

struct clo_call { /* what the guest asks (abi/hostcall.h) */
    uint32_t flags, kind, id, wait_id;
    uint64_t timeout_ns;
    uint64_t deadline_ns; /* of the monotonic clock: the run may wait no longer; UINT64_MAX: none */
    const uint8_t *message;
    size_t length;
};

struct clo_reply {
    uint32_t status; /* enum clo_call_status */
    uint32_t id;
    enum clo_limit limit; /* CLO_CALL_REFUSED: the limit that was reached */
    uint64_t cpu_ns;      /* processor time that a tool used on the calling thread */
    struct clo_buffer data;
};

struct clo_service;

int clo_service_create(struct clo_service **service, const struct clo_tools *tools,
                       struct clo_crew *crew, struct clo_error *error);
void clo_service_free(struct clo_service *service); /* waits for tools still in work for it */

/* A run begins. `cancel` (may be NULL) and readability of `abort_fd` (-1: none) end its waits. */
void clo_service_begin(struct clo_service *service, const struct clo_limits *limits,
                       struct clo_cancel *cancel, int abort_fd);

/* Answer one call. 0, or CLO_EGUEST: the call breaks the contract, and the run must end. A wait
 * that is cut by deadline, cancel or abort_fd is answered with CLO_CALL_INTERRUPTED. */
int clo_service_call(struct clo_service *service, const struct clo_call *call,
                     struct clo_reply *reply, struct clo_error *error);

void clo_service_end(struct clo_service *service);

uint64_t clo_service_calls(const struct clo_service *service); /* submitted in this run */

#endif
