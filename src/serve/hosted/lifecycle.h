/* serve/hosted/lifecycle.h - the container that Foundry hosts: the session that it is for, and its
 * memory as the platform puts it away and takes it up again. Read this first.
 *
 *   POST /_agent/before-snapshot   the memory of the whole container is about to be copied: what is
 *                                  in the store goes to its file
 *   POST /_agent/after-restore     this is a copy of it, perhaps one of many: it learns the session
 *                                  that it is for and its environment
 *
 * What is always true
 * - The routes are there where clo_serve_config.hosted is set, for the platform alone; elsewhere 404.
 * - A container is for one session at a time. The first restore assigns it; another one is 409.
 * - What was done under a restore_id is done once: the platform may ask again.
 * - Copies differ: what the process knew at random is made anew (ids and keys of runs come from the
 *   kernel each time; the cryptographic library's generator is seeded again).
 * - Any thread. The lock is held for copying a few strings, and during a restore.
 */
#ifndef CLO_SERVE_HOSTED_LIFECYCLE_H
#define CLO_SERVE_HOSTED_LIFECYCLE_H

#include "serve/http/exchange.h"
#include "serve/protocol/request.h"

struct clo_lifecycle;

/* `session`: of the environment; NULL: none yet. NULL: out of memory. */
struct clo_lifecycle *clo_lifecycle_create(const char *session);
void clo_lifecycle_destroy(struct clo_lifecycle *lifecycle);

/* The session that the container is for; "": none yet. */
void clo_lifecycle_session(struct clo_lifecycle *lifecycle, char session[CLO_NAME_BYTES_MAX + 1]);

/* A request's session is the container's. 400 where it names another. Of a server that is not hosted:
 * nothing. */
int clo_lifecycle_settle(const struct clo_server *server, struct clo_request *request,
                         struct clo_problem *problem);

/* A new response's id in the platform's form: caresp_, a partition of 16 digits, which is that of
 * `previous` where that has one (NULL: none), 00, and 32 at random. */
void clo_lifecycle_response_id(char id[CLO_ID_MAX], const char *previous);

void clo_handle_before_snapshot(struct clo_exchange *exchange, const char *id);
void clo_handle_after_restore(struct clo_exchange *exchange, const char *id);

#endif
