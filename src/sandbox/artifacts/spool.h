/* sandbox/artifacts/spool.h - contents of files without names: one unlinked file of the host.
 *
 * Slot i has the region from i * (region's size) on. The file is sparse, so that a region takes the
 * room on disk that its contents take; what is cleared is given back (a hole is punched).
 *
 * Functions return 0 or an errno. Reads may be made from any thread, the rest from one at a time.
 */
#ifndef CLO_SANDBOX_ARTIFACTS_SPOOL_H
#define CLO_SANDBOX_ARTIFACTS_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clo_spool;

/* The file is made with the first write: in $TMPDIR, /var/tmp or /tmp, else in memory. NULL: no memory.
 * `region` bytes a slot, rounded up to pages. */
struct clo_spool *clo_spool_create(uint64_t region);
struct clo_spool *clo_spool_hold(struct clo_spool *spool);
void clo_spool_release(struct clo_spool *spool); /* the last one closes the file; NULL is allowed */
bool clo_spool_is_shared(const struct clo_spool *spool);
uint64_t clo_spool_region(const struct clo_spool *spool); /* bytes of a slot */

/* *written may be less than `length` with an error: what there was room for. */
int clo_spool_write(struct clo_spool *spool, uint32_t slot, uint64_t offset, const void *data,
                    size_t length, size_t *written);
/* What was never written reads as zeros. */
int clo_spool_read(const struct clo_spool *spool, uint32_t slot, uint64_t offset, void *data,
                   size_t length);
/* Bytes from `start` to `end` read as zeros from now on. */
int clo_spool_clear(struct clo_spool *spool, uint32_t slot, uint64_t start, uint64_t end);
int clo_spool_copy(struct clo_spool *to, uint32_t to_slot, const struct clo_spool *from,
                   uint32_t from_slot, uint64_t length);

#endif
