/* serve/files/intake.h - the files of a request: named by id, or sent within it.
 *
 *   accepted ─▶ clo_intake_check    every part is looked at; what is sent within gets an id, and the
 *   (HTTP)                          part becomes one that names it: that is what is stored
 *   turn     ─▶ clo_intake_write    the bytes become files of the response
 *
 * A refusal is for what the client says now. Parts before the last thing that the agent said are
 * history that it sends back, maybe of another server: what is not known in them is told to the model
 * as such (places.h).
 */
#ifndef CLO_SERVE_FILES_INTAKE_H
#define CLO_SERVE_FILES_INTAKE_H

#include "serve/files/file_store.h"
#include "serve/protocol/request.h"

#define CLO_INTAKE_FILES_MAX 64 /* that one request brings along */

int clo_intake_check(struct clo_file_store *files, struct clo_request *request,
                     struct clo_problem *problem);

/* `stored`: the response `owner` will be, so its files have to outlast a crash. */
int clo_intake_write(struct clo_file_store *files, struct clo_request *request, const char *owner,
                     bool stored, struct clo_problem *problem);

#endif
