/* snapshot_fixture.h - sandboxes, and snapshots of them in memory, for tests. */
#ifndef TESTS_SANDBOX_SNAPSHOT_FIXTURE_H
#define TESTS_SANDBOX_SNAPSHOT_FIXTURE_H

#include "runs.h"

extern const uint8_t snapshot_key[32];
extern const struct clo_snapshot_options snapshot_options; /* with that key, about nothing */

/* Where a sandbox lives. */
struct snapshot_place {
    const char *name;
    enum clo_isolation isolation;
    enum clo_placement placement;
};
extern const struct snapshot_place snapshot_places[3];
#define SNAPSHOT_PLACES 3

/* A sandbox there; the test fails if there is none. */
struct clo_sandbox *snapshot_sandbox(const struct snapshot_place *place, uint64_t memory);
/* Can there be one? Micro-VMs cannot, where there is no /dev/kvm. */
bool snapshot_can(const struct snapshot_place *place);

/* A run of the session; the caller frees the result. Whatever ended it. */
struct clo_run_result *snapshot_try(struct clo_sandbox *sandbox, const char *code);
/* It must end well, and print `out`, if that is not NULL. */
void snapshot_run(struct clo_sandbox *sandbox, const char *code, const char *out);

/* An empty file without a name. */
int snapshot_file(void);
/* A snapshot in a new file, which the caller closes. */
int snapshot_take(struct clo_sandbox *sandbox);
void snapshot_put(struct clo_sandbox *sandbox, int file);

#endif
