/* hostcall.h - the messages that cross the wall.
 *
 * A host call is `out %al, $CLO_PORT_CALL` at CPL3 with `struct clo_control` filled in. While the
 * host looks at it the one vCPU stands still; the host still copies what it uses once, checks the
 * copy and never looks again. The guest may be hostile: every field it writes is an accusation, not
 * a fact. What the host wrote is never read back.
 *
 * At every host call, whatever its operation, the host first takes `output_length` bytes of output
 * records from the output area; the guest then sets output_length to 0 before it goes on.
 *
 * Output records: [u32 header][bytes...], no padding; header = stream << 24 | length, stream is 1
 * (stdout) or 2 (stderr), length < 2^24 and within the area.
 *
 * Calls have an id chosen by the guest (not 0, not CLO_WAIT_NONE, not in use). Submitting and
 * waiting are separate: a synchronous call does both in one exit. Replies to submitted calls come
 * in any order.
 */
#ifndef CLOCHE_ABI_HOSTCALL_H
#define CLOCHE_ABI_HOSTCALL_H

#include <stddef.h>
#include <stdint.h>

#include "abi/layout.h"

enum clo_op {
    CLO_OP_READY = 1, /* image build only: initialised; args[0] = address of the run entry.
                         interrupt_count, interrupts[], region_size[] are valid */
    CLO_OP_FLUSH = 2, /* nothing but the output */
    CLO_OP_CALL = 3,  /* see `struct clo_control`, submit and wait */
    CLO_OP_GROW = 4,  /* args[0] = enum clo_region, args[1] = wanted size in bytes, a multiple of
                         64 KiB, larger than now; status 0 = granted and mapped, zero-filled */
    CLO_OP_DONE = 5,  /* the run ended; its outcome is a CBOR message in the call area */
    CLO_OP_EXIT = 6,  /* proc_exit: args[0] = exit code */
    CLO_OP_TRAP = 7,  /* a Wasm trap: args[0] = enum clo_trap */
};

enum clo_region { CLO_REGION_LINEAR = 0, CLO_REGION_HEAP = 1, CLO_REGION_COUNT = 2 };

/* Wasm core specification, section 4.4 and appendix on traps. */
enum clo_trap {
    CLO_TRAP_NONE = 0,
    CLO_TRAP_OUT_OF_BOUNDS,
    CLO_TRAP_INTEGER_OVERFLOW,
    CLO_TRAP_DIVIDE_BY_ZERO,
    CLO_TRAP_INVALID_CONVERSION,
    CLO_TRAP_UNREACHABLE,
    CLO_TRAP_INDIRECT_CALL,
    CLO_TRAP_EXCEPTION,
    CLO_TRAP_UNALIGNED,
    CLO_TRAP_STACK_OVERFLOW,
    CLO_TRAP_COUNT
};

/* flags of CLO_OP_CALL */
#define CLO_CALL_SUBMIT 1u /* start the call whose message is in the call area */
/* Wait for wait_id (0: whichever ends first; CLO_WAIT_NONE: nothing, a sleep), for timeout_ns at
 * most. */
#define CLO_CALL_WAIT 2u

/* kinds of call */
enum clo_call_kind {
    CLO_CALL_TOOL = 1,  /* message: CBOR array [name, {argument: value, ...}]; reply: CBOR value */
    CLO_CALL_INPUT = 2, /* the next bytes of standard input, where CLO_INPUT_PRESENT says that there
                           is one. message: uint32_t, how many at most; reply: bytes, none at the
                           end. Always submitted and waited for at once */
    CLO_CALL_FILE = 3,  /* a look at a mounted folder, where CLO_FILES_PRESENT says that there is
                           one: abi/files.h. Always submitted and waited for at once */
};

#define CLO_INPUT_MAX 65536u /* bytes of standard input in one reply */

#define CLO_TIMEOUT_NONE UINT64_MAX
#define CLO_WAIT_NONE UINT32_MAX /* wait_id: no call; only the time passes, replies stay queued */

/* status of a wait, or of a submit without wait */
enum clo_call_status {
    CLO_CALL_OK = 0,          /* the reply is a CBOR value; after a bare submit: accepted */
    CLO_CALL_ERROR = 1,       /* the reply is a CBOR map {"message": text}: the tool failed */
    CLO_CALL_PENDING = 2,     /* the timeout came first; no reply */
    CLO_CALL_INTERRUPTED = 3, /* a limit of the run was reached; go back to the interpreter, which
                                 raises; no reply */
    CLO_CALL_REFUSED = 4,     /* not carried out; the reply is a CBOR map {"message": text} */
};

/* How a limit reaches the code that runs: the host makes these stores to linear memory while the
 * vCPU stands still. The guest registers them once, while the image is built. For CPython they set
 * the thread's pending exception and its eval breaker. */
struct clo_interrupt_store {
    uint32_t address; /* in linear memory, 4-byte aligned */
    uint32_t value;
    uint32_t mode; /* 0: store value, 1: or value into what is there */
    uint32_t reserved;
};
#define CLO_INTERRUPT_STORES_MAX 4
#define CLO_INTERRUPT_REASON_MAX 128

/* The control page.
 *
 *   [written by the guest: 256 bytes][written by the host, read by the guest][zero to 4096]
 */
struct clo_control {
    /* guest to host */
    uint32_t op;
    uint32_t output_length;
    uint64_t args[2];
    uint32_t flags;          /* CLO_CALL_*                                      (CLO_OP_CALL) */
    uint32_t kind;           /* enum clo_call_kind                              (SUBMIT) */
    uint32_t call_id;        /* of the call being submitted                     (SUBMIT) */
    uint32_t message_offset; /* in the call area                                (SUBMIT, DONE) */
    uint32_t message_length; /* at most CLO_MESSAGE_MAX - message_offset        (SUBMIT, DONE) */
    uint32_t wait_id;        /* 0: any                                          (WAIT) */
    uint64_t timeout_ns;     /* wait this long at most, 0: only look; CLO_TIMEOUT_NONE (WAIT) */
    uint64_t region_size[CLO_REGION_COUNT]; /* READY: bytes in use */
    uint32_t interrupt_count;               /* READY */
    uint32_t guest_reserved;
    struct clo_interrupt_store interrupts[CLO_INTERRUPT_STORES_MAX]; /* READY */
    uint64_t elapsed_ns; /* CALL: how far the run's clock has gone on, before it stands still */
    uint8_t guest_pad[256 - 88 - 16 * CLO_INTERRUPT_STORES_MAX];

    /* host to guest: the reply to the last host call */
    uint32_t status;       /* enum clo_call_status; GROW: 0 granted, 1 refused */
    uint32_t reply_id;     /* whose reply this is */
    uint32_t reply_length; /* bytes at the start of the reply area */
    uint32_t answer_reserved;

    /* host to guest: set before the run starts */
    uint32_t request_length; /* bytes of the run request (CBOR) at the start of the reply area */
    uint32_t run_flags;      /* CLO_OUTPUT_WRITE_THROUGH and those below it */
    uint64_t realtime_ns;    /* clocks at the start of the run */
    uint64_t monotonic_ns;
    uint64_t ns_per_tick;  /* of the time-stamp counter, 32.32 fixed point */
    uint64_t memory_limit; /* bytes of linear memory and heap together that may be granted */
    uint64_t thawed;  /* CLO_THAWED_* with the reply to the call at which the run was frozen; the
                              guest clears it */
    uint8_t seed[32]; /* for random_get: fresh entropy, or what the run's caller chose */
    char interrupt_reason[CLO_INTERRUPT_REASON_MAX]; /* NUL-terminated; set before the stores */
};

/* run_flags */
#define CLO_OUTPUT_WRITE_THROUGH 1u /* flush at the end of every line: it is seen as it comes */
#define CLO_INPUT_PRESENT 2u        /* the run has standard input */
#define CLO_FILES_PRESENT 4u        /* something is mounted (files.h) */
/* The run's clocks are its own, the same whenever and wherever it runs: each look at one of them takes
 * CLO_CLOCK_LOOK_NS, a sleep what it was asked to take, a wait that times out its time-out, and all
 * else no time. It binds code that asks for the time, not native code that reads the time-stamp
 * counter. */
#define CLO_CLOCK_FIXED 8u
#define CLO_CLOCK_LOOK_NS 1000u
#define CLO_CLOCK_UPTIME_NS 1000000000000000u /* monotonic_ns of such a run */

/* thawed: the run goes on here and now, maybe on another machine. ns_per_tick and realtime_ns are new:
 * the guest counts ticks anew from elapsed_ns. */
#define CLO_THAWED 1u
#define CLO_THAWED_ELSEWHERE 2u /* likewise, and other things are mounted: it asks for them again */

_Static_assert(offsetof(struct clo_control, status) == 256, "guest part is 256 bytes");
_Static_assert(sizeof(struct clo_control) <= CLO_PAGE_SIZE, "control is one page");

/* The run request, a CBOR map:
 *   "code"  text, the program                 "name"  text, the file name shown in tracebacks
 *   "tools" array of maps {"name": text, "description": text, "parameters": JSON Schema as a map}
 *   "result" boolean: somebody reads the last expression's value (absent: nobody)
 *   "input" boolean: there is standard input (CLO_INPUT_PRESENT) (absent: none)
 *   "arguments" array of byte strings, what follows the name in sys.argv (absent: none)
 *   "repair" integer, CLO_REQUEST_REPAIR_* (absent: nothing is repaired)
 *   "timezone" text: of local time, a name of the image's time zone database or a rule as POSIX writes
 *             it in TZ (absent: UTC)
 *
 * The outcome in CLO_OP_DONE, a CBOR map:
 *   "result"    text: repr of the last expression's value, or null; where the repr raises, what it
 *               raised, in angle brackets
 *   "exit_code" integer
 *   "error"     null, or a map {"type": text, "message": text, "traceback": text,
 *                               "line": integer or null}
 *   "note"      text, one line: what was repaired (absent: nothing)
 *   "refused"   true: the request's time zone is not known, and no code was run (absent: it was run)
 */
#define CLO_REQUEST_REPAIR_CODE 1 /* code that does not compile as it came */
#define CLO_REQUEST_REPAIR_ARGUMENTS                                                               \
    2 /* likewise, and "code" may be a call's arguments that hold it */

#endif
