/* sandbox/worker/frames.h - the bodies of the frames between host and worker (frame_socket.h). */
#ifndef CLO_SANDBOX_WORKER_FRAMES_H
#define CLO_SANDBOX_WORKER_FRAMES_H

#include "sandbox/run/run.h"
#include "sandbox/worker/frame_socket.h"

#define CLO_TO_HOST                                                                                \
    (1u << CLO_FRAME_HELLO | 1u << CLO_FRAME_OUTPUT | 1u << CLO_FRAME_CALL |                       \
     1u << CLO_FRAME_RESULT | 1u << CLO_FRAME_FAILED | 1u << CLO_FRAME_GROW |                      \
     1u << CLO_FRAME_STATE | 1u << CLO_FRAME_PAGES)
#define CLO_TO_WORKER                                                                              \
    (1u << CLO_FRAME_RUN | 1u << CLO_FRAME_REPLY | 1u << CLO_FRAME_SAVE | 1u << CLO_FRAME_LOAD |   \
     1u << CLO_FRAME_PAGES | 1u << CLO_FRAME_GRANT | 1u << CLO_FRAME_CLEAN)

/* Then the name, the time zone, each argument and its NUL, the manifest of more tools, the code. */
struct clo_run_body {
    struct clo_limits limits;
    uint64_t reserved; /* bytes of guest memory that need not be asked for */
    uint32_t sequence; /* of the run; a cancellation names it */
    uint8_t keep_state, write_through, has_input, wants_result;
    uint8_t has_files, repair /* enum clo_repair */, no_tools, has_seed, has_clock;
    uint8_t may_suspend, resume, elsewhere;
    uint64_t seed, clock_ns;
    uint32_t argument_count, argument_bytes;
    uint32_t name_length, timezone_length /* 0: none */;
    uint64_t more_tools_length; /* 0: none */
};

struct clo_output_body { /* then the bytes */
    uint32_t stream;
};

struct clo_call_body { /* then the message */
    uint32_t flags, kind, id, wait_id;
    uint64_t timeout_ns, deadline_ns, tool_deadline_ns;
    uint64_t may_suspend;
};

struct clo_grow_body {
    uint64_t bytes; /* of guest memory, in all */
    uint64_t may_wait;
};

struct clo_grant_body {
    struct clo_grant grant;
    uint64_t cancelled; /* the run is to end */
};

#define CLO_REPLY_VIOLATION UINT32_MAX /* status: the call broke the contract; data says how */

struct clo_call_reply_body { /* then the data */
    uint32_t status, id, limit;
    uint16_t cancelled;  /* the run is to end */
    uint16_t descriptor; /* one of a file comes with the frame's first message */
    uint64_t cpu_ns;     /* that the host used for the run so far */
    uint64_t tool_ns;    /* that this call waited for tools */
};

struct clo_result_body { /* then type, message, traceback, result, note */
    struct clo_usage usage;
    int32_t kind, exit_code, line;
    uint32_t limit; /* enum clo_limit */
    uint32_t has;   /* CLO_HAS_* */
    uint32_t last;  /* the worker ends after this */
    uint32_t type_length, message_length, traceback_length, result_length, note_length;
    uint32_t reserved;
};
#define CLO_HAS_TRACEBACK 1u
#define CLO_HAS_RESULT 2u
#define CLO_HAS_NOTE 4u

struct clo_failed_body { /* HELLO and FAILED: status 0 or why not, then message, then hint */
    int32_t status;
    uint32_t layers; /* of the jail; HELLO */
    uint32_t message_length, hint_length;
};

void clo_frame_put_run(struct clo_frame_socket *frames, const struct clo_order *order,
                       uint32_t sequence);
void clo_frame_put_output(struct clo_frame_socket *frames, enum clo_stream stream, const char *data,
                          size_t length);
void clo_frame_put_call(struct clo_frame_socket *frames, const struct clo_call *call);
/* reply->cpu_ns: all of the host's. Its descriptor goes with it, and stays the caller's. */
void clo_frame_put_reply(struct clo_frame_socket *frames, const struct clo_call_reply *reply,
                         bool cancelled);
void clo_frame_put_violation(struct clo_frame_socket *frames, const char *message);
void clo_frame_put_grow(struct clo_frame_socket *frames, uint64_t bytes, bool may_wait);
void clo_frame_put_grant(struct clo_frame_socket *frames, const struct clo_grant *grant,
                         bool cancelled);
void clo_frame_put_result(struct clo_frame_socket *frames, const struct clo_run_result *result,
                          bool last);
void clo_frame_put_status(struct clo_frame_socket *frames, enum clo_frame_type type, int status,
                          unsigned layers, const struct clo_error *error);

/* Read a body; what they point to is the frame's (of a run its arguments and code; what points to
 * the arguments lasts until the next is read). CLO_EGUEST: it is not well-formed. */
int clo_frame_read_run(const struct clo_frame *frame, struct clo_order *order, uint32_t *sequence,
                       struct clo_error *error);
int clo_frame_read_output(const struct clo_frame *frame, enum clo_stream *stream, const char **data,
                          size_t *length, struct clo_error *error);
int clo_frame_read_call(const struct clo_frame *frame, struct clo_call *call,
                        struct clo_error *error);
int clo_frame_read_grow(const struct clo_frame *frame, uint64_t *bytes, bool *may_wait,
                        struct clo_error *error);
int clo_frame_read_grant(const struct clo_frame *frame, struct clo_grant *grant, bool *cancelled,
                         struct clo_error *error);
/* CLO_EGUEST with the host's words for CLO_REPLY_VIOLATION. The descriptor that came is the reply's. */
int clo_frame_read_reply(struct clo_frame_socket *frames, const struct clo_frame *frame,
                         struct clo_call_reply *reply, bool *cancelled, struct clo_error *error);
/* Fills what the frame holds of the result; texts are copied, the usage is what the worker says.
 * *last: the worker ends after it. CLO_EGUEST, CLO_ENOMEMORY. */
int clo_frame_read_result(const struct clo_frame *frame, const struct clo_limits *limits,
                          struct clo_run_result *result, bool *last, struct clo_error *error);
/* The status that the other end reported, with `error` filled from it. */
int clo_frame_read_status(const struct clo_frame *frame, unsigned *layers, struct clo_error *error);

#endif
