/* sandbox/snapshot/snapshot.h - a session's state as a file. Read this first.
 *
 *   worker ─ frames ─┐                                ┌─ page_code ─┐
 *   (worker_state.c) ├─▶ struct clo_state_port ─▶ snapshot_write ───┼─▶ block ─▶ file
 *   runner ──────────┘            ▲                   └─ /output ───┘     ║  sealed, compressed
 *                                 └───────────── snapshot_read ◀──────────╨─ file
 *
 * What is always true
 * - All here is the host's. What a worker hands out is checked as all that it sends; what a file
 *   says is used once its seal is right, and is checked all the same: by the reader, by the worker
 *   that takes the pages, and then it is the guest's, who is held by its wall whatever is in its
 *   memory.
 * - A file is copied once block by block; nothing is looked at twice. The seals of all of it are checked
 *   before anything is given up for it, and again when it is used.
 * - Blocks have a ceiling, so that files of any length take the same memory.
 *
 * The file
 *
 *   [head][block 0][block 1]…[last block]     integers are little-endian
 *
 *   head    magic, version; the image's hash; salt; sizes of the regions, the clock; seal
 *   block   kind, number, lengths; bytes, as they are or compressed (a frame of zstd, RFC 8878); seal
 *
 *   kinds   RUN    of a run in its middle: its registers, and what the host keeps of it (a stream)
 *           PAGES  records of pages (page_code.h), ascending over all blocks
 *           OUTPUT a piece of the stream that /output is (artifacts/artifact_keep.h)
 *           END    nothing follows
 *
 * RUN comes before PAGES, and that before OUTPUT. A seal is HMAC-SHA-256 of what stands before it in the head or block,
 * with a key that is made of the caller's, the file's salt and what the file is about: so no block
 * fits another file, and by its number no other place in its own.
 */
#ifndef CLO_SANDBOX_SNAPSHOT_SNAPSHOT_H
#define CLO_SANDBOX_SNAPSHOT_SNAPSHOT_H

#include "cloche/sandbox.h"
#include "sandbox/artifacts/artifact_keep.h"
#include "sandbox/artifacts/artifact_tree.h"
#include "sandbox/reservation.h"
#include "sandbox/run/state.h"

/* Where a state comes from and goes to: a runner of this process, or a worker process. The
 * contracts are those of run/state.h. */
struct clo_state_port {
    int (*save)(void *context, const struct clo_state_sink *sink, struct clo_error *error);
    int (*begin)(void *context, const struct clo_state_head *head, struct clo_error *error);
    clo_page_fn page; /* its bytes may change afterwards */
    int (*end)(void *context, struct clo_error *error);
    void (*drop)(void *context); /* no more of it comes: be clean */
    void *context;
};

struct clo_state_port clo_runner_port(struct clo_runner *runner);

/* For who makes something else of a state than a file (src/image/add): each page in place, and by a
 * worker's word what it is and where. On the sandbox's thread. Errors: clo_sandbox_snapshot's, what
 * the sink returns. */
int clo_sandbox_save(struct clo_sandbox *sandbox, const struct clo_state_sink *sink,
                     struct clo_error *error);

/* What the host keeps of a run in its middle: a stream of bytes in its file. */
struct clo_snapshot_run {
    /* `claimed`: what the side that ran it says of its limits. */
    int (*put)(void *context, const struct clo_run_used *claimed, clo_keep_put put, void *to,
               struct clo_error *error);
    /* All of the file has been checked, nothing has been given up for it. Fills *used, and has the
     * limits ready that struct clo_snapshot_terms points to. Any failure refuses the file. */
    int (*get)(void *context, struct clo_run_used *used, clo_keep_get get, void *from,
               struct clo_error *error);
    void *context;
};

#define CLO_SNAPSHOT_ID_SIZE 32
struct clo_snapshot_made { /* of a file that was written */
    uint64_t bytes;
    uint8_t id[CLO_SNAPSHOT_ID_SIZE]; /* that no other has */
};

/* clo_sandbox_snapshot's contract. `run`: NULL for a state between runs; that which the port hands out
 * must be of the same kind (CLO_EINVALID). */
int clo_snapshot_write(const struct clo_state_port *port, const struct clo_image *image,
                       struct clo_artifact_tree *output, int fd,
                       const struct clo_snapshot_options *options,
                       const struct clo_snapshot_run *run, struct clo_snapshot_made *made,
                       struct clo_error *error);

/* What a state that comes in may have. */
struct clo_snapshot_terms {
    const struct clo_limits *limits; /* on its memory and on /output */
    /* Room for its memory is reserved before anything of the sandbox is given up for it; kept on
     * failure. */
    struct clo_reservation *reservation;
    struct clo_cancel *cancel; /* then it ends with CLO_ECANCELLED; may be NULL */
    const struct clo_snapshot_run
        *run; /* a run in its middle is wanted; NULL: a state between runs */
};

/* clo_sandbox_restore's contract. */
int clo_snapshot_read(const struct clo_state_port *port, const struct clo_image *image,
                      struct clo_artifact_tree *output, const struct clo_snapshot_terms *terms,
                      int fd, const struct clo_snapshot_options *options, struct clo_error *error);

/* Bytes of memory that the guest will have with this state, between runs or in_run. Looks at the head alone, whose seal must be
 * right; CLO_ELIMIT: more than `limit`. */
int clo_snapshot_memory(const struct clo_image *image, int fd,
                        const struct clo_snapshot_options *options, bool in_run, uint64_t limit,
                        uint64_t *bytes, struct clo_error *error);

#endif
