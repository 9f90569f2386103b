/* sandbox/capture.h - gathering a run's output into its result, within bounds. */
#ifndef CLO_SANDBOX_CAPTURE_H
#define CLO_SANDBOX_CAPTURE_H

#include "base/buffer.h"
#include "cloche/sandbox.h"

struct clo_capture {
    const struct clo_run *run; /* for on_output */
    struct clo_buffer out, err;
    uint64_t room; /* bytes that may still come, the host's own lines included */
    bool overflow; /* more came: only a worker out of control sends it */
    char last_err; /* last byte of stderr; 0: none */
};

void clo_capture_begin(struct clo_capture *capture, const struct clo_run *run,
                       uint64_t output_limit);

/* What the run printed before it was suspended: nobody is told again. CLO_ENOMEMORY. */
int clo_capture_go_on(struct clo_capture *capture, const char *out, size_t out_length,
                      const char *err, size_t err_length, struct clo_error *error);

/* A clo_output_sink; `context` is the capture. */
void clo_capture_take(void *context, enum clo_stream stream, const char *data, size_t length);

/* A line of the host's own on stderr. */
void clo_capture_note(struct clo_capture *capture, const char *message);

/* Move the output into the result, and its length into the usage. CLO_ENOMEMORY. */
int clo_capture_finish(struct clo_capture *capture, struct clo_run_result *result,
                       struct clo_error *error);
/* Such a line for a result that has its output already. CLO_ENOMEMORY. */
int clo_capture_add_note(const struct clo_run *run, const struct clo_limits *limits,
                         const char *message, struct clo_run_result *result,
                         struct clo_error *error);
void clo_capture_clear(struct clo_capture *capture);

#endif
