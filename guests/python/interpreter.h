/* interpreter.h - the part of the Python guest that is written in C. Read this first.
 *
 *   guest_init  start CPython, import and warm up what a run may need, make it all immortal; the
 *               image is the state after it
 *   guest_run   take a request, run it in __main__, hand back an outcome (abi/hostcall.h)
 *
 * Invariants
 * - There is one thread and one interpreter, which is never finalised: a run ends by being
 *   forgotten (the micro-VM is restored), or, in a session, by leaving its __main__ to the next.
 * - All that crosses the wall is CBOR, made and read by cbor.c within CLO_MESSAGE_MAX.
 * - C does what every run needs; what only some need (tracebacks, tools, asyncio) is in the Python
 *   package `cloche` (prelude/), which C calls.
 * - Functions here follow CPython's rule: NULL or -1 means that an exception is set.
 */
#ifndef CLO_PYTHON_INTERPRETER_H
#define CLO_PYTHON_INTERPRETER_H

#include <Python.h>
#include <stdint.h>

#include "abi/hostcall.h"

#define IMPORT(name) __attribute__((import_module("cloche"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

/* The runtime's side of the wall (src/guest/module.c). */
IMPORT("request") uint32_t cloche_request(void *buffer, uint32_t capacity);
IMPORT("call")
uint32_t cloche_call(uint32_t flags, uint32_t id, const void *message, uint32_t length,
                     uint32_t wait_id, uint64_t timeout_ns);
IMPORT("reply_id") uint32_t cloche_reply_id(void);
IMPORT("reply") uint32_t cloche_reply(void *buffer, uint32_t capacity);
IMPORT("outcome") void cloche_outcome(const void *message, uint32_t length);
IMPORT("interrupt") void cloche_interrupt(void *address, uint32_t value, uint32_t mode);
IMPORT("interrupt_reason") uint32_t cloche_interrupt_reason(char *buffer, uint32_t capacity);

/* interpreter.c: the prelude's objects that C uses */
struct clo_prelude {
    PyObject *tool_error;    /* class ToolError */
    PyObject *limit_error;   /* class LimitExceeded */
    PyObject *tool_type;     /* class Tool(name, specification) */
    PyObject *report;        /* report(exception, name) -> (exit code, error or None) */
    PyObject *run_coroutine; /* run_coroutine(coroutine) */
    PyObject *finish;        /* finish(): callbacks of atexit, buffers of logging and files */
    PyObject *sources;       /* linecache.cache: takes the program's source when it is asked */
    PyObject *handlers;      /* logging's list of weak references */
    PyObject *stderr_;       /* sys.stderr as the image has it */
    PyObject *open_input;    /* open_input(has input): sys.stdin for a program */
    PyObject *describe;      /* describe(value, exception): instead of a repr that raised */
    PyObject *repair;        /* repair(source) -> the program as it was meant, or None */
    PyObject *unwrap;        /* unwrap(text) -> the code in the arguments of a call */
    PyObject *notes;         /* list: what is told of the repairs */
    PyObject *take_notes;    /* take_notes() -> them in one line; the list is empty then */
    PyObject *repr_of_large; /* repr_of_large(value): the repr of its first part */
    PyObject *wait;          /* wait(seconds or None): the only thread meets a lock that is taken */
};
extern struct clo_prelude clo_prelude;
int clo_interpreter_start(void);
PyObject *clo_interpreter_rehearse(PyObject *self, PyObject *request);
PyObject *clo_interpreter_source(PyObject *self, PyObject *name);

/* host.c: the builtin module _cloche */
PyObject *clo_host_module(void);

/* init.c: what is in memory now becomes an image's: immortal, without holes, random numbers unseeded */
int clo_settle(void);

/* program.c: source text to a code object that, if `keep`, leaves the value of a final expression
 * under this name, which no program can spell */
PyObject *clo_program_compile(const char *source, PyObject *filename, int keep);
extern PyObject *clo_program_result_name;

/* locks.c: a lock that is taken makes nobody hang */
void clo_locks_start(void);

/* immortal.c: no run counts references to the image's objects */
int clo_immortal_make_all(void);

/* heap_fill.c: what runs allocate lies together */
int clo_heap_fill(void);

/* localtime.c: local time of a run; NULL: UTC. 1, 0: there is no such zone, -1 */
int clo_zone_begin(PyObject *name);

/* reseed.c: the module random gets a fresh seed when it is first used */
int clo_reseed_install(void); /* clo_reseed_again: after a rehearsal has used it */
void clo_reseed_again(void);

#endif
