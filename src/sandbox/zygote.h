/* sandbox/zygote.h - the process that worker processes are forked from.
 *
 *   this program ──fork, exec once──▶ nursery ──fork for each──▶ worker
 *        └──────────────── socket to each worker ──────────────────┘
 *
 * The nursery is a small program of its own (zygote_main.c, zygote_program.h) with an empty environment:
 * nothing that this program holds in memory is in it or in a worker. It has the image, the tools'
 * descriptions and /dev/kvm because they are handed to it (bootstrap.h). It ends when its socket
 * does; its workers are killed when it ends.
 */
#ifndef CLO_SANDBOX_NURSERY_H
#define CLO_SANDBOX_NURSERY_H

#include "sandbox/config.h"

struct clo_nursery;

/* `setup` must stay as it is while the nursery lives. */
int clo_nursery_create(struct clo_nursery **nursery, const struct clo_setup *setup,
                       struct clo_error *error);
void clo_nursery_destroy(struct clo_nursery *nursery); /* ends the workers too */

/* A new worker: a stream socket to it, and a pidfd of it. Thread-safe. A nursery that was killed is
 * made anew. */
int clo_nursery_spawn(struct clo_nursery *nursery, int *socket, int *pidfd,
                      struct clo_error *error);

#endif
