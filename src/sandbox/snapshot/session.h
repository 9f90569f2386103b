/* sandbox/snapshot/session.h - what a run of a session in a pool does before and after it: struct
 * clo_run_state.
 *
 *   check ─▶ memory is reserved ─▶ clo_snapshot_read ─▶ the run ─▶ keep ─▶ the sandbox is made clean
 *                                  from `from`                     to `to`
 */
#ifndef CLO_SANDBOX_SNAPSHOT_SESSION_H
#define CLO_SANDBOX_SNAPSHOT_SESSION_H

#include "sandbox/snapshot/snapshot.h"

/* Of one file, with the options for it. A negative descriptor is none. */
int clo_session_check_file(int fd, bool writing, const struct clo_snapshot_options *options,
                           struct clo_error *error);
/* Before anything happens: are keys and descriptors such as will be needed? CLO_EINVALID,
 * CLO_ELIMIT (`from` is longer than its max_bytes). */
int clo_session_check(const struct clo_run_state *state, struct clo_error *error);

/* After the run that *result tells of: its state into `to`, if it is wanted, and what has become of
 * it into *result. `port`: NULL where there is none, for want of memory. CLO_ENOMEMORY: there is no
 * room for the note, and nothing was kept. */
int clo_session_keep(const struct clo_state_port *port, const struct clo_image *image,
                     struct clo_artifact_tree *output, const struct clo_run_state *state,
                     struct clo_run_result *result, struct clo_error *error);

/* After a run that has left no state, as its error tells: nothing is written. CLO_ENOMEMORY. */
int clo_session_lose(const struct clo_run_state *state, struct clo_run_result *result,
                     struct clo_error *error);

#endif
