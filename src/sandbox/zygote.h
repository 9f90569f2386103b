/* sandbox/zygote.h - the process that worker processes are forked from.
 *
 *   this program ──fork, exec once──▶ zygote ──fork for each──▶ worker
 *        └──────────────── socket to each worker ──────────────────┘
 *
 * The zygote is a small program of its own (zygote_main.c, zygote_program.h) with next to no
 * environment: nothing that this program holds in memory is in it or in a worker. It has the image,
 * the tools' manifest and /dev/kvm because they are handed to it (bootstrap.h). It ends when its
 * socket does; its workers are killed when it ends.
 */
#ifndef CLO_SANDBOX_ZYGOTE_H
#define CLO_SANDBOX_ZYGOTE_H

#include <sys/types.h>

#include "sandbox/config.h"

struct clo_zygote;

/* `config` must stay as it is while the zygote lives. */
int clo_zygote_create(struct clo_zygote **zygote, const struct clo_config *config,
                      struct clo_error *error);
void clo_zygote_destroy(struct clo_zygote *zygote); /* ends the workers too */

/* A new worker: a socket to it (frame_socket.h), its process's number and handle (keeper.h).
 * Thread-safe. A zygote that was killed is made anew. */
int clo_zygote_spawn(struct clo_zygote *zygote, int *socket, int *handle, pid_t *pid,
                     struct clo_error *error);

/* The layers of a worker's jail, as it said: those of the first are what is expected of all.
 * CLO_ESYSTEM: it has fewer (namespaces may have run out since). Thread-safe. */
int clo_zygote_expect(struct clo_zygote *zygote, unsigned layers, struct clo_error *error);

#endif
