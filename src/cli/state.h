/* cli/state.h - `cloche run --state FILE`: a session between runs of the program.
 *
 *   FILE      the state after the last run; not there, or empty: the session has not begun
 *   FILE.key  what it is sealed with, made with the session, of mode 0600; or --state-key's
 *   FILE.new  a state that is being written; what a program that was killed has left is written over
 *
 * FILE is replaced at once and only by a whole state. It is locked while a run has it: another run of
 * the same session waits, and goes on from what this one leaves.
 */
#ifndef CLO_CLI_STATE_H
#define CLO_CLI_STATE_H

#include "cloche/sandbox.h"

#define CLI_STATE_KEY_MAX 1024

struct cli_state {
    const char *path;
    char *key_path, *new_path;
    int file; /* FILE, locked; -1: not open */
    uint8_t key[CLI_STATE_KEY_MAX];
    struct clo_snapshot_options options;
    struct clo_run_state run; /* for clo_run.state */
};

/* Have the session's files. `key_path`: NULL: FILE.key. To be closed in either case. */
int clo_cli_state_open(struct cli_state *state, const char *path, const char *key_path,
                       struct clo_error *error);

/* The run left a whole state in run.to: it takes FILE's place. */
int clo_cli_state_keep(struct cli_state *state, struct clo_error *error);

void clo_cli_state_close(struct cli_state *state); /* all zero is allowed */

#endif
