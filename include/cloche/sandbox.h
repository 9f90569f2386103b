/* cloche/sandbox.h - run untrusted code in a clean interpreter, inside a micro-VM or a
 * jailed process (cloche/isolation.h).
 *
 * A sandbox belongs to the thread that made it: create, run and destroy it there. A pool may be
 * used from any thread. Every run starts from the image's state, byte for byte, whatever the run
 * before did.
 *
 * When wall or processor time, output or a host call's limit is reached, Python first raises an
 * exception, so that the traceback names the line; code that goes on is stopped a tenth of wall_ms
 * later (100 ms at least, 1 s at most). On a busy machine that is put off until the code has also
 * had 100 ms of a processor or waited as long in the host, at most until 3 s after the exception. A
 * tool that is called synchronously runs to its end on the sandbox's thread: a run may outlast its
 * wall_ms by that too.
 *
 * The memory of all sandboxes of the process has one ceiling: clo_memory_ceiling_set.
 *
 * Signals: libcloche uses SIGRTMAX-3. With CLO_PLACEMENT_WORKER it forks, and executes a program
 * that is a part of the library, from memory.
 */
#ifndef CLOCHE_SANDBOX_H
#define CLOCHE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloche/cancel.h"
#include "cloche/error.h"
#include "cloche/image.h"
#include "cloche/isolation.h"
#include "cloche/tool.h"
#include "cloche/value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Limits of one run. 0 means the default, which is given in brackets. Each that is reached is a
 * structured error naming it (clo_run_error.limit). */
struct clo_limits {
    uint64_t wall_ms;         /* [30,000] from start to end, waiting for tools included */
    uint64_t cpu_ms;          /* [10,000] processor time of the guest, and of the host for its
                                 calls: decoding, checks, tools on threads of this process */
    uint64_t memory;          /* [256 MiB] bytes of guest memory; 48 MiB to 4 GiB */
    uint64_t output;          /* [1 MiB] bytes of stdout and stderr together */
    uint64_t host_calls;      /* [10,000] */
    uint64_t host_call_bytes; /* [8 MiB, also the most] one message of a host call */
    /* [0: it counts in wall_ms] waiting for tools is taken out of wall_ms and has this limit of its
     * own, in all: calls that are waited for at once, and waits while calls are in flight. */
    uint64_t tool_ms;
    /* What the code may leave in /output, by logical size. Whoever writes more sees an OSError (EFBIG
     * for one file, EDQUOT for all); the run goes on. */
    uint64_t artifact_file_bytes;  /* [64 MiB; 8 GiB at most] one file */
    uint64_t artifact_total_bytes; /* [256 MiB; 256 GiB at most] all of them together */
    uint64_t artifact_files; /* [256; 16,384 at most] how many, without folders. The spool file
                                      has a region of artifact_file_bytes for each and for 256 more,
                                      in 4 TiB */
};

/* Which of them, as errors say it. */
enum clo_limit {
    CLO_LIMIT_NONE = 0,
    CLO_LIMIT_WALL,
    CLO_LIMIT_CPU,
    CLO_LIMIT_MEMORY,
    CLO_LIMIT_OUTPUT,
    CLO_LIMIT_HOST_CALLS,
    CLO_LIMIT_HOST_CALL_BYTES,
    CLO_LIMIT_TOOL,
    CLO_LIMIT_ARTIFACT_FILE_BYTES, /* these three end no run: clo_run_result.artifacts_refused */
    CLO_LIMIT_ARTIFACT_TOTAL_BYTES,
    CLO_LIMIT_ARTIFACT_FILES,
    /* No limit of the run's own: more memory would have passed the ceiling on that of all sandboxes
     * together (clo_memory_ceiling_set), and its value is that ceiling. */
    CLO_LIMIT_TOTAL_MEMORY,
};

enum clo_placement {
    CLO_PLACEMENT_THREAD = 0, /* the micro-VM lives in this process */
    CLO_PLACEMENT_WORKER = 1, /* in a worker process of its own */
};

/* What stands around a worker process, should the code take it over: namespaces, an empty root, no
 * rights, Landlock, a filter of system calls (docs/security.md). Containers may forbid a part. */
enum clo_jail {
    CLO_JAIL_BEST = 0,   /* as much as this machine and user allow */
    CLO_JAIL_STRICT = 1, /* all of it, or the sandbox is not made */
};

/* When the memory of a run is reserved of what all sandboxes may use together
 * (clo_memory_ceiling_set). */
enum clo_admission {
    /* 32 MiB when it begins (what the image has at the start, if that is more), and more as it grows.
     * What does not fit is waited for; a run that waits in vain gets a MemoryError
     * (CLO_LIMIT_TOTAL_MEMORY). */
    CLO_ADMISSION_GROW = 0,
    CLO_ADMISSION_RESERVE = 1, /* all that its limit allows: a run that has begun gets it */
};

/* A folder or a regular file of the host that the code finds below /input: as it is at each look,
 * read-only, with all that is in it. Symbolic links below it are seen, never followed. */
struct clo_mount {
    const char *source; /* a path of the host; it must be there when it is mounted */
    const char *target; /* where the code finds it: "/input" (folders), "/input/…"; NULL: "/input/"
                           and the source's last name */
};

#define CLO_SANDBOX_MOUNTS_MAX 64 /* of a configuration */
#define CLO_RUN_MOUNTS_MAX 512    /* of a run, with those of its configuration */

/* What is fixed of a run's surroundings, so that the same code does the same again: with a seed, a
 * clock and the same code, image, input, limits and answers of tools, two runs print the same bytes,
 * whatever wall and placement. Limits count the time that really passes. */
struct clo_fixed {
    bool has_seed;
    bool has_clock;
    /* Of all randomness: random, secrets, os.urandom, uuid. Nothing that is drawn then is a secret. */
    uint64_t seed;
    /* Where the clocks start, in ns since 1970; before 2262. They go on by what the program does: each
     * look at a clock takes a microsecond, a sleep what it was asked to take (and takes it), all else
     * nothing. monotonic and perf_counter start at 1,000,000 s, process_time at 0. */
    uint64_t clock_ns;
    /* Of local time: a name of the IANA database, which the image has, or a rule as POSIX writes it in
     * TZ; NULL: UTC. One that is not known is an error of the run, before any code runs. */
    const char *timezone;
};

struct clo_sandbox_config {
    const struct clo_image *image;
    struct clo_limits limits;
    const struct clo_tool *tools; /* copied (the strings too); contexts are kept */
    size_t tool_count;
    enum clo_placement placement;
    enum clo_isolation isolation; /* CLO_ISOLATION_PROCESS: with CLO_PLACEMENT_WORKER only */
    enum clo_jail jail;           /* of CLO_PLACEMENT_WORKER */
    enum clo_admission admission;
    const struct clo_mount
        *mounts; /* copied; one may lie in another; at most CLO_SANDBOX_MOUNTS_MAX */
    size_t mount_count;
    struct clo_fixed fixed; /* of runs that do not say it themselves; copied */
    /* Of a pool. It makes sandboxes ahead of need, up to its size, and gives back those that nobody
     * has needed for pool_idle_ms, one or two times that, down to pool_least. */
    size_t pool_least;     /* [1] */
    uint64_t pool_idle_ms; /* [60,000; at most a day] */
};

#define CLO_ARGUMENTS_MAX 4096
#define CLO_ARGUMENT_BYTES_MAX (1u << 20)

/* What becomes of code that does not compile as it came. It is repaired inside the sandbox, where its
 * meaning is plain, and clo_run_result.note says how; docs/models.md has the list. Code that compiles is
 * never changed. */
enum clo_repair {
    CLO_REPAIR_NONE = 0,      /* its SyntaxError is told */
    CLO_REPAIR_CODE = 1,      /* a model wrote it */
    CLO_REPAIR_ARGUMENTS = 2, /* likewise, and it is what the model passed to a call instead of an
                                 object with the code: that is found in it */
};

enum clo_stream { CLO_STDOUT = 1, CLO_STDERR = 2 };

/* What a snapshot is sealed with. */
struct clo_snapshot_options {
    const uint8_t *key; /* a secret of the caller's, random bytes: who has it can make snapshots */
    size_t key_length;  /* 16 to 1,024 */
    /* What the snapshot belongs to, such as the conversation: no part of the file, and one that
     * was made for something else is refused. NULL: nothing. At most 1,024 bytes. */
    const void *about;
    size_t about_length;
    uint64_t max_bytes; /* of the file [1 GiB] */
};

/* A run of a session in a pool: where the state that it begins with comes from, and where that goes
 * which it ends with (clo_sandbox_snapshot says what a state is). A session is in files between its
 * runs, and nowhere else: the next run may be on any sandbox of the pool, of another pool of the same
 * image, or in another process, as long afterwards as is wanted. The same file may be read by
 * several runs at once: each goes on from there. */
struct clo_run_state {
    int from; /* a snapshot, open for reading; -1: the session begins, with the image's state */
    /* An empty regular file, open for writing, for the snapshot afterwards; -1: not wanted. It is
     * written from its beginning, not synced, and empty again where nothing was kept. */
    int to;
    /* Of each of them that is there. NULL stands for no key, which is an error. */
    const struct clo_snapshot_options *from_options, *to_options;
};

/* Where a run is kept that cannot go on before somebody has answered its calls (CLO_TOOL_SUSPEND). */
struct clo_run_suspend {
    int to; /* an empty regular file, open for writing: as for clo_sandbox_snapshot */
    const struct clo_snapshot_options *options;
};

struct clo_answer {
    uint32_t id; /* clo_suspended_call.id */
    const struct clo_value
        *value;        /* what call_tool returns; NULL: it raises ToolError, with this message */
    const char *error; /* of a call that failed, UTF-8; else NULL */
};

/* Go on with a run that was suspended, in this process or another, by either wall and in either
 * placement, in a sandbox or a pool of the same image. What the run is and was promised comes with it:
 * code, name, arguments, limits and what it has had of them, its fixed seed and clock, no_tools,
 * wants_result. Those fields of struct clo_run are not looked at here, and `code` is NULL. What is
 * around it is that of the resumer: tools, mounts, input (which goes on where it was), on_output
 * (which is called for what is new), cancel, suspend.
 *
 * The result is as if it had not been suspended: all of its output, usage from its start, its files.
 * Its monotonic clock and processor time stood still, its wall clock did not. A file of /output that
 * it had open still is, if mounts stand where they did; one of a mount is not: using it is an OSError
 * (ESTALE).
 *
 * Each file goes on once. Nobody here can see that it does: its owner claims it first, by renaming it,
 * say. Gone on with twice, both runs draw the same random numbers. */
struct clo_run_resume {
    int from; /* that file, open for reading: as for clo_sandbox_restore */
    const struct clo_snapshot_options *options;
    const struct clo_answer *answers; /* one for each call that it waits for; in the order in which
                                         the code gets them */
    size_t answer_count;
};

/* Tools of some runs, besides those of their sandbox, and a function that stands around each call of a
 * tool. References are counted, since a call that nobody waited for may outlast its run: each holds one.
 * Immutable once created; any thread may use it. */
struct clo_run_tools;

struct clo_run_tools_config {
    const struct clo_tool *tools; /* copied, the strings too */
    size_t tool_count;
    /* In the place of each call's tool, on the thread on which that would be called, several at once; NULL:
     * nothing stands around them. It returns what a tool's function returns, and reaches the tool by
     * clo_tool_go_on. A tool that is `serial` is so behind it. */
    int (*around)(void *context, struct clo_tool_step *step, const struct clo_value *arguments,
                  struct clo_value *result, struct clo_error *error);
    void (*release)(void *context); /* with the last reference, on any thread; may be NULL */
    void *context;
};

/* CLO_EINVALID names the tool that is wrong; CLO_ELIMIT, CLO_ENOMEMORY. After an error `release` is not
 * called. */
CLO_API CLO_MUST_USE int clo_run_tools_create(struct clo_run_tools **tools,
                                              const struct clo_run_tools_config *config,
                                              struct clo_error *error);
CLO_API struct clo_run_tools *clo_run_tools_retain(struct clo_run_tools *tools); /* returns it */
CLO_API void clo_run_tools_release(struct clo_run_tools *tools); /* NULL is allowed */

struct clo_run {
    const char *code; /* UTF-8 source */
    size_t code_length;
    const char *name; /* __file__, sys.argv[0], the file name in tracebacks; NULL: "main.py" */
    /* What follows the name in sys.argv; at most CLO_ARGUMENTS_MAX of them, and with their ends
     * CLO_ARGUMENT_BYTES_MAX bytes. What is not UTF-8 becomes lone surrogates, as everywhere. */
    const char *const *arguments;
    size_t argument_count;
    /* Standard input. Either bytes that the caller keeps until the run has ended, of any length (it
     * is read piece by piece); NULL: none, and code that reads is told so. */
    const char *input;
    size_t input_length;
    /* Or a function, called on the sandbox's thread whenever the code reads and has used up what
     * came before: put 1 to `capacity` bytes into `buffer` and return how many; 0: the end;
     * negative: nothing came within `wait_ms` (it is called again, unless the run's time is over).
     * Called with `context`; goes before `input`. */
    ptrdiff_t (*on_input)(void *context, char *buffer, size_t capacity, uint64_t wait_ms);
    /* Make the repr of the last expression's value: clo_run_result.result. It costs what the repr
     * costs, and runs code of the program. */
    bool wants_result;
    enum clo_repair repair;
    /* Mounted for this run alone, besides those of the configuration: opened when it begins, closed at
     * its end. What is wrong with them is told as for a configuration, before any code runs. Where
     * both have the same place it shows the run's. At most CLO_RUN_MOUNTS_MAX with those. */
    const struct clo_mount *mounts;
    size_t mount_count;
    struct clo_limits limits; /* 0: the sandbox's; a memory limit above the sandbox's is refused */
    struct clo_fixed fixed;   /* each by itself; what is not given here is the sandbox's */
    bool no_tools;            /* the code finds no tools, and reaches none */
    /* Do not restore before this run: a session whose state lasts, exceptions and limits that
     * Python survived included. Where the run before was stopped from outside or ended the
     * interpreter (os._exit, a fault, a hard stop, a lost worker) its state is gone, and this one
     * begins clean. /output is kept in either case, as a notebook's files are. Not for pools. */
    bool keep_state;
    /* Of a pool: the run is one of a session. NULL: a clean one. The structs stay as they are, and the
     * descriptors open, until clo_pool_run returns. */
    const struct clo_run_state *state;
    /* Called on the sandbox's thread with output as it comes; may be NULL. Not NUL-terminated. */
    void (*on_output)(void *context, enum clo_stream stream, const char *data, size_t length);
    void *context;
    /* NULL: a call that would suspend the run is a ToolError. */
    const struct clo_run_suspend *suspend;
    const struct clo_run_resume *resume; /* NULL: a run from its start */
    struct clo_cancel *cancel; /* once triggered the run ends with CLO_RUN_CANCELLED; may be NULL */
    /* Of this run, besides the sandbox's: a tool that has the name of one of those is CLO_EINVALID, and
     * together they may be CLO_TOOLS_MAX. The caller keeps a reference until the run has ended; NULL: none.
     * Of a run that goes on with a suspended one the tools are not shown to the code, which knows
     * those that it began with, but called where it names them. */
    struct clo_run_tools *tools;
};

enum clo_run_error_kind {
    CLO_RUN_OK = 0,
    CLO_RUN_EXCEPTION, /* an exception that nothing caught */
    CLO_RUN_LIMIT,     /* a limit was reached: see limit, limit_value */
    CLO_RUN_FAULT,     /* the guest faulted or trapped: out of bounds, stack overflow … */
    CLO_RUN_GUEST,     /* the guest broke the contract across the wall */
    CLO_RUN_CANCELLED,
    CLO_RUN_WORKER, /* the worker process died */
    /* It waits for answers and is in the file of clo_run_suspend: clo_run_result.calls. */
    CLO_RUN_SUSPENDED,
    /* It would wait for answers, and its file could not be written: the message says why, and what to
     * do. Nothing can go on with it; output, usage and artifacts are those until then. */
    CLO_RUN_NOT_KEPT,
};

struct clo_run_error {
    enum clo_run_error_kind kind;
    char *type; /* "ZeroDivisionError", "TimeLimitExceeded", "StackOverflow" …; UTF-8 */
    char *message;
    char *traceback;      /* with the user's source lines; may be NULL */
    int line;             /* in the user's code; 0: not known */
    enum clo_limit limit; /* of CLO_RUN_LIMIT, and its value; else CLO_LIMIT_NONE */
    uint64_t limit_value;
};

struct clo_usage {
    uint64_t wall_us;
    uint64_t cpu_us;       /* as cpu_ms counts it; of a worker process all that it used */
    uint64_t memory_peak;  /* bytes of guest memory granted at the end (a worker's own word, but
                              never above the limit) */
    uint64_t host_calls;   /* let in; refused ones are not counted */
    uint64_t output_bytes; /* of both streams, as kept: after a cut */
    enum clo_isolation isolation; /* the wall that stood around this run */
};

/* A call that a suspended run waits for. */
struct clo_suspended_call {
    uint32_t id; /* in this run, by which it is answered */
    char *tool;
    struct clo_value arguments; /* a map, which fits the tool's schema */
};

/* A file that the code left in /output. */
struct clo_artifact {
    char *
        path; /* below /output, with '/' between names: UTF-8, of any other characters but NUL. What
                   is no UTF-8 in a name stands as \xNN: `renamed` */
    bool renamed;
    /* The run made it, wrote to it or moved it there: all of a clean run's; of a session those of runs
     * before are false, where this one has let them be. */
    bool changed;
    uint64_t size; /* bytes */
    const char
        *media_type; /* by the name's ending; else text/plain where all of it is UTF-8 without
                               NUL, application/octet-stream. A guess: who shows it to others says
                               nosniff. Static */
    char sha256[65]; /* of the contents, in lower case */
};

/* What has become of the state of a run's session (clo_run.state). */
enum clo_state_outcome {
    CLO_STATE_NONE =
        0, /* the run had no session, or no `to`, or is suspended: then it is with it */
    /* `to` holds what the next run begins with: after an exception or a limit that Python survived,
     * too, as in a notebook. */
    CLO_STATE_KEPT,
    /* There is none: the run was stopped from outside, faulted or ended the interpreter. Nothing was
     * written; the session can go on from `from`. */
    CLO_STATE_LOST,
    /* It could not be written: it is larger than max_bytes, or the disk is full. The session can go on
     * from `from`. */
    CLO_STATE_REFUSED,
};

struct clo_run_result {
    char *out; /* stdout; NUL-terminated; may contain NUL bytes and what is not UTF-8 */
    size_t out_length;
    char *err; /* stderr, the traceback included; where Python printed none for what ended the run,
                  a last line of the host's own, "cloche: ...", which the output limit does not
                  count */
    size_t err_length;
    char *result; /* repr of the last expression's value; NULL: none, or not wanted. Where the repr
                     raises the run has still ended well, and this says what it raised:
                     "<Odd object: its repr() raised ValueError: …>" */
    size_t result_length;
    int exit_code; /* the code's own (sys.exit, os._exit), 1 after an exception; else
                      124 wall_ms or cpu_ms, 137 memory, 1 another limit, 130 cancelled,
                      139 a fault, a broken contract or a lost worker, 75 suspended, 74 not kept */
    struct clo_run_error error;
    struct clo_usage usage;
    char *note; /* one line of at most 1,024 bytes: what was repaired in the code; NULL: nothing */
    /* The files in /output at the end, whatever ended the run, sorted by path; of a session all that
     * are there. Their contents are the result's, without a name on the host's disk, until it is freed:
     * one descriptor for all. clo_artifact_read reads them. A sandbox of its own has them, too, until
     * its next run. */
    struct clo_artifact *artifacts;
    size_t artifact_count;
    enum clo_limit artifacts_refused; /* the first artifact_* limit that was reached */
    uint64_t artifacts_refused_value;
    struct clo_artifact_store *artifact_store;
    enum clo_state_outcome state; /* of a run of a session */
    char *state_note;             /* one line: why it is LOST or REFUSED; else NULL */
    uint64_t state_bytes;         /* of the snapshot that was written; else 0 */
    /* Of CLO_RUN_SUSPENDED, by ascending id; else none. */
    struct clo_suspended_call *calls;
    size_t call_count;
    uint64_t suspended_bytes; /* of its file */
    char suspended_id[65];    /* 64 hexadecimal digits that no other file has; "" */
};

struct clo_sandbox;
struct clo_pool;

CLO_API const char *clo_run_error_name(enum clo_run_error_kind kind);

/* The name of its field in struct clo_limits: "wall_ms", "memory" …; NULL: none. */
CLO_API const char *clo_limit_name(enum clo_limit limit);

/* One ceiling on the guest memory of all sandboxes and pools of the process together, in bytes.
 * Memory is reserved: a run in a pool counts what is reserved for it (enum clo_admission) from before
 * it starts until its micro-VM is restored, and waits where that does not fit; a sandbox of its own
 * counts the most that it had for its whole life, and waits for nothing; and each sandbox counts 16 MiB
 * besides, in pools the idle ones too. Default:
 * half of the memory that the process may use (the machine's, or its control group's if less). Not
 * counted: the image (once a process) and the host's own buffers for messages and output.
 *
 * May be set at any time, from any thread; rounded down to whole MiB; 0: the default; UINT64_MAX:
 * none. Lowered, it ends nothing: what runs goes on, and new runs wait until they fit. Errors:
 * CLO_EINVALID (no room for one sandbox, 64 MiB), CLO_EBUSY (the sandboxes of pools that live and a
 * run in the largest need more). On error the ceiling stays as it was. */
CLO_API CLO_MUST_USE int clo_memory_ceiling_set(uint64_t bytes, struct clo_error *error);
CLO_API uint64_t clo_memory_ceiling(void); /* bytes, as in force; thread-safe */

/* Errors: CLO_EINVALID (also: its memory can never fit under the ceiling), CLO_EBUSY (it does not
 * fit under the ceiling now), CLO_ENOHYPERVISOR, CLO_ENOMEMORY, CLO_ESYSTEM. */
CLO_API CLO_MUST_USE int clo_sandbox_create(struct clo_sandbox **sandbox,
                                            const struct clo_sandbox_config *config,
                                            struct clo_error *error);
CLO_API void clo_sandbox_destroy(struct clo_sandbox *sandbox);

/* The layers of the jail that this machine did not allow around the sandbox's worker: "user, net";
 * "" if all are in force, or there is no worker. */
#define CLO_JAIL_TEXT_MAX 128
CLO_API void clo_sandbox_jail_missing(const struct clo_sandbox *sandbox,
                                      char text[CLO_JAIL_TEXT_MAX]);

/* Run code to its end. 0: it ran, and *result says how it went (an exception or a limit is a
 * result, not an error). Negative: it could not be run; *result is NULL. */
/* A run that cannot go on because its file cannot be read is an error: what clo_sandbox_restore says of
 * a file, CLO_ESYSTEM; CLO_EINVALID where answers do not fit the calls. One whose file cannot be written
 * has a result that says so (CLO_RUN_NOT_KEPT).
 * What is refused before it goes on leaves the sandbox as it was. */
CLO_API CLO_MUST_USE int clo_sandbox_run(struct clo_sandbox *sandbox, const struct clo_run *run,
                                         struct clo_run_result **result, struct clo_error *error);
CLO_API void clo_run_result_free(struct clo_run_result *result);

/* Write to `fd` what the next run with keep_state would begin with: variables, modules and all
 * else that is in the interpreter's memory, and /output. The sandbox goes on unchanged. The file
 * holds what differs from the image, compressed; it is not encrypted, and holds whatever the code
 * had in memory. It can be restored by clo_sandbox_restore as often as wanted, each time the same
 * state: of Python's `random`, too, where that is not seeded anew.
 *
 * `fd`: an empty regular file, open for writing; it is written from its beginning, and not synced.
 * On failure there may be a part of it, which restores nothing. *bytes, if not NULL: how long it
 * is.
 *
 * On the sandbox's thread. Errors: CLO_EINVALID (there is no state: no run yet, or the last one
 * was stopped from outside or ended the interpreter; a key that is too short), CLO_ELIMIT
 * (max_bytes), CLO_ESYSTEM (the disk; a worker that died: then its state is gone,
 * too), CLO_ENOMEMORY. */
CLO_API CLO_MUST_USE int clo_sandbox_snapshot(struct clo_sandbox *sandbox, int fd,
                                              const struct clo_snapshot_options *options,
                                              uint64_t *bytes, struct clo_error *error);

/* Put a snapshot in place of the state that the sandbox has: the next run with keep_state goes on
 * from there. In this process or another, by either wall and in either placement; with the same
 * image, and at least as much memory as the state has. The session's monotonic clock goes on from
 * where it was, the wall clock is the host's, limits are those of each run, as ever.
 *
 * `fd`: a regular file, open for reading; it is read from its beginning, and may be changed by
 * nobody meanwhile (that is noticed, and an error). All of the file is checked first: one that is
 * refused for what is in it leaves the sandbox as it was. After any later failure it is clean,
 * without /output.
 *
 * On the sandbox's thread. Errors: CLO_EINVALID (no snapshot; of another version or image; cut
 * short, altered, or sealed with another key or for something else), CLO_ELIMIT (more memory,
 * files or bytes than this sandbox may have, max_bytes), CLO_EBUSY (its memory does not fit under
 * the ceiling now), CLO_ESYSTEM, CLO_ENOMEMORY. */
CLO_API CLO_MUST_USE int clo_sandbox_restore(struct clo_sandbox *sandbox, int fd,
                                             const struct clo_snapshot_options *options,
                                             struct clo_error *error);

/* Bytes of an artifact from `offset` on: *got of them, fewer than `length` only at its end. Any thread.
 * Errors: CLO_EINVALID (no such artifact), CLO_ESYSTEM (the host's disk failed). */
CLO_API CLO_MUST_USE int clo_artifact_read(const struct clo_run_result *result, size_t index,
                                           uint64_t offset, void *buffer, size_t length,
                                           size_t *got, struct clo_error *error);

/* A pool of warm sandboxes of one configuration: at most `size` run at once (1 to 1024), and no
 * more than fit under the ceiling on memory; pool_least is `size` at most. Errors: as
 * clo_sandbox_create. */
CLO_API CLO_MUST_USE int clo_pool_create(struct clo_pool **pool,
                                         const struct clo_sandbox_config *config, size_t size,
                                         struct clo_error *error);
CLO_API void clo_pool_destroy(struct clo_pool *pool); /* waits for runs in progress */

/* The layers in force around the pool's workers: "user, pid, net, ipc, files, …", or "none". */
CLO_API void clo_pool_jail(struct clo_pool *pool, char text[CLO_JAIL_TEXT_MAX]);

/* The layers that this machine did not allow, likewise; "" if all are in force. */
CLO_API void clo_pool_jail_missing(struct clo_pool *pool, char text[CLO_JAIL_TEXT_MAX]);

/* Like clo_sandbox_run on any free sandbox; waits for one, and for its memory under the ceiling,
 * for `wait_ms` at most: CLO_EBUSY says what was wanted and what is in use. A run that grows waits for
 * more for another `wait_ms` in all, in which its wall time stands still.
 *
 * A run of a session (clo_run.state) begins with the memory that its state has, which is waited for
 * as any run's is. Its times do not count in the run's: state is restored before wall_ms begins, and
 * kept after it has ended. A snapshot that cannot be restored is an error, with which no code has run:
 * CLO_EINVALID (none; of another image; altered; another key), CLO_ELIMIT (more memory or files than
 * the run may have, max_bytes), CLO_ESYSTEM. The sandbox is clean for whoever comes next. */
CLO_API CLO_MUST_USE int clo_pool_run(struct clo_pool *pool, const struct clo_run *run,
                                      uint64_t wait_ms, struct clo_run_result **result,
                                      struct clo_error *error);

#ifdef __cplusplus
}
#endif

#endif
