/* interpreter.c - guest_init and guest_run (see interpreter.h): one program, from request to outcome. */
#define Py_BUILD_CORE 1
#include "interpreter.h"

#include <stdbool.h>
#include <string.h>

#include "internal/pycore_atexit.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"

#include <wasi/api.h>

#include "cbor.h"
#include "request.h"

#define FIRST_FILE 4     /* after the standard streams and the root */
#define CLOSED_MAX 64    /* descriptors in a row that are closed: none above them is open */
#define RESULT_MAX 65536 /* characters of a result's repr that are handed back */

struct clo_prelude clo_prelude;

static PyObject *main_globals; /* of __main__ */
static PyObject *default_name; /* what most programs are called */

struct outcome {
    PyObject *result; /* text, or NULL */
    PyObject *error;  /* a dict, or NULL */
    PyObject *note;   /* text, or NULL: what was repaired */
    long exit_code;
    bool untold;  /* it failed, and there was no memory for the error */
    bool refused; /* its time zone is not known, and nothing of it was run */
};

/* ---- the program ---- */

/* Tracebacks and warnings show source lines through linecache. Few runs need them, so the source
 * stays here and linecache's dict asks for it (prelude: sources.py). In a session the source of the
 * program before is dropped, with what linecache had of it. */
static char *source;
static PyObject *source_name;

static int remember_source(struct clo_request *request)
{
    PyMem_RawFree(source);
    source = request->code;
    request->code = NULL;
    Py_XSETREF(source_name, Py_NewRef(request->name));
    return PyDict_Pop(clo_prelude.sources, source_name, NULL) < 0 ? -1 : 0;
}

/* _cloche.source(name): the running program's text, or None when it goes by another name. */
PyObject *clo_interpreter_source(PyObject *self, PyObject *name)
{
    (void)self;
    if (source == NULL || !PyUnicode_Check(name) || PyUnicode_Compare(name, source_name) != 0) {
        Py_RETURN_NONE;
    }
    return PyUnicode_DecodeUTF8(source, (Py_ssize_t)strlen(source), "replace");
}

/* Run another text instead of the one that came. */
static int replace_source(PyObject *text)
{
    Py_ssize_t length;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &length);
    char *copy = utf8 != NULL ? PyMem_RawMalloc((size_t)length + 1) : NULL;

    if (copy == NULL) {
        if (utf8 != NULL) {
            PyErr_NoMemory();
        }
        return -1;
    }
    memcpy(copy, utf8, (size_t)length + 1);
    PyMem_RawFree(source);
    source = copy;
    return PyDict_Pop(clo_prelude.sources, source_name, NULL) < 0 ? -1 : 0;
}

/* The source is what a model passed to a call, instead of an object with the code in it. */
static int unwrap_source(void)
{
    PyObject *text = PyUnicode_DecodeUTF8(source, (Py_ssize_t)strlen(source), "replace");
    PyObject *code = text != NULL ? PyObject_CallOneArg(clo_prelude.unwrap, text) : NULL;
    int error = code != NULL ? replace_source(code) : -1;

    Py_XDECREF(text);
    Py_XDECREF(code);
    return error;
}

/* The compiler has refused the source, with the SyntaxError that is set. Where the prelude finds
 * what was meant, that is the source from now on; else the error is as it was. */
static PyObject *compile_repaired(const struct clo_request *request)
{
    PyObject *refusal = PyErr_GetRaisedException(), *text, *meant;

    text = PyUnicode_DecodeUTF8(source, (Py_ssize_t)strlen(source), NULL);
    meant = text != NULL ? PyObject_CallOneArg(clo_prelude.repair, text) : NULL;
    Py_XDECREF(text);
    if (meant == NULL && !PyErr_ExceptionMatches(PyExc_Exception)) {
        Py_DECREF(refusal); /* a limit of the run */
        return NULL;
    }
    if (meant == NULL || meant == Py_None) {
        Py_XDECREF(meant);
        PyErr_SetRaisedException(refusal);
        return NULL;
    }
    Py_DECREF(refusal);
    int error = replace_source(meant);
    Py_DECREF(meant);
    return error < 0 ? NULL : clo_program_compile(source, request->name, request->wants_result);
}

static int install_tools(const struct clo_request *request)
{
    for (size_t i = 0; i < request->tool_count; i++) {
        PyObject *name = request->tools[i].name, *tool;
        PyObject *there = PyDict_GetItemWithError(main_globals, name);

        if (there != NULL && (PyObject *)Py_TYPE(there) != clo_prelude.tool_type) {
            continue; /* in a session: an earlier program gave the name another meaning */
        }
        tool = PyObject_CallFunctionObjArgs(clo_prelude.tool_type, name,
                                            request->tools[i].specification, NULL);
        if (tool == NULL || PyDict_SetItem(main_globals, name, tool) < 0) {
            Py_XDECREF(tool);
            return -1;
        }
        Py_DECREF(tool);
    }
    return 0;
}

static int set_argv(PyObject *name, PyObject *arguments)
{
    PyObject *argv = Py_BuildValue("[O]", name);
    Py_ssize_t count = arguments != NULL ? PyList_GET_SIZE(arguments) : 0;
    int error = argv != NULL ? 0 : -1;

    for (Py_ssize_t i = 0; i < count && error == 0; i++) {
        error = PyList_Append(argv, PyList_GET_ITEM(arguments, i));
    }
    if (error == 0) {
        error = PySys_SetObject("argv", argv);
    }
    Py_XDECREF(argv);
    return error;
}

/* sys.argv, __file__ and sys.stdin. Most programs find what the image has; in a session, what an
 * earlier one was given is taken away. */
static int set_surroundings(const struct clo_request *request)
{
    static int named, fed; /* is there something of this program's, or an earlier one's, own? */
    PyObject *fresh;

    if (named || request->arguments != NULL ||
        PyUnicode_Compare(request->name, default_name) != 0) {
        named = 1;
        if (set_argv(request->name, request->arguments) < 0 ||
            PyDict_SetItemString(main_globals, "__file__", request->name) < 0) {
            return -1;
        }
    }
    if (!fed && !request->has_input) {
        return 0;
    }
    fed = request->has_input;
    fresh = PyObject_CallOneArg(clo_prelude.open_input, fed ? Py_True : Py_False);
    Py_XDECREF(fresh);
    return fresh != NULL ? 0 : -1;
}

static PyObject *execute(PyObject *code)
{
    PyObject *value = PyEval_EvalCode(code, main_globals, main_globals);

    if (value != NULL && PyCoro_CheckExact(value)) { /* it awaits at the top level */
        Py_SETREF(value, PyObject_CallOneArg(clo_prelude.run_coroutine, value));
    }
    return value;
}

/* A text or container, and none of a class of the program's, whose whole repr is more than is handed
 * back: making it would cost time and memory for nothing. */
static int is_large(PyObject *value)
{
    if (PyUnicode_CheckExact(value) || PyBytes_CheckExact(value) || PyList_CheckExact(value) ||
        PyTuple_CheckExact(value) || PyDict_CheckExact(value) || PyAnySet_CheckExact(value)) {
        return PyObject_Size(value) > RESULT_MAX;
    }
    return 0;
}

/* The repr of a value. One that fails is no failure of the program, which has ended well: what it
 * raised is told in the repr's place. What interrupts from outside goes on. */
static PyObject *repr_of(PyObject *value)
{
    PyObject *text, *exception;

    text = is_large(value) ? PyObject_CallOneArg(clo_prelude.repr_of_large, value)
                           : PyObject_Repr(value);

    if (text != NULL || !PyErr_ExceptionMatches(PyExc_Exception)) {
        return text;
    }
    exception = PyErr_GetRaisedException();
    text = PyObject_CallFunctionObjArgs(clo_prelude.describe, value, exception, NULL);
    Py_DECREF(exception);
    return text;
}

/* The repr of the last expression's value, which execute() has left in the globals. */
static int take_result(struct outcome *outcome)
{
    PyObject *value, *text, *start;
    int found = PyDict_Pop(main_globals, clo_program_result_name, &value), large;

    if (found <= 0) {
        return found;
    }
    if (value == Py_None) {
        Py_DECREF(value);
        return 0;
    }
    text = repr_of(value);
    large = is_large(value);
    Py_DECREF(value);
    if (text != NULL && !large && PyUnicode_GET_LENGTH(text) > RESULT_MAX) {
        start = PyUnicode_Substring(text, 0, RESULT_MAX);
        Py_SETREF(text, start == NULL
                            ? NULL
                            : PyUnicode_FromFormat("%U ... [cut: the first %d of %zd characters]",
                                                   start, RESULT_MAX, PyUnicode_GET_LENGTH(text)));
        Py_XDECREF(start);
    }
    outcome->result = text;
    return text != NULL ? 0 : -1;
}

static int run_program(struct clo_request *request, struct outcome *outcome)
{
    PyObject *code, *value;
    int zone = clo_zone_begin(request->timezone);

    if (zone <= 0) {
        outcome->refused = zone == 0;
        return zone;
    }
    if (strlen(request->code) != request->code_length) {
        PyErr_SetString(PyExc_SyntaxError, "source code cannot contain null bytes");
        return -1;
    }
    if (remember_source(request) < 0 || set_surroundings(request) < 0 ||
        install_tools(request) < 0 ||
        (request->repair == CLO_REQUEST_REPAIR_ARGUMENTS && unwrap_source() < 0)) {
        return -1;
    }
    code = clo_program_compile(source, request->name, request->wants_result);
    if (code == NULL && request->repair != 0 && PyErr_ExceptionMatches(PyExc_SyntaxError)) {
        code = compile_repaired(request);
    }
    if (code == NULL) {
        return -1;
    }
    value = execute(code);
    Py_DECREF(code);
    if (value == NULL) {
        return -1;
    }
    Py_DECREF(value);
    return request->wants_result ? take_result(outcome) : 0;
}

/* ---- how it ended ---- */

/* What is kept for the report of a program that has used up the memory: two arenas of pymalloc, and
 * something for malloc itself. In a session the next run takes it anew. */
#define RESERVE (640u << 10)
static void *reserve;

static void keep_reserve(void)
{
    if (reserve == NULL) {
        reserve = PyMem_RawMalloc(RESERVE);
    }
}

static void give_reserve(void)
{
    PyMem_RawFree(reserve);
    reserve = NULL;
}

/* The last resort, when the report in Python fails too: memory is at its end, or the program has
 * broken the library. */
static void report_plainly(PyObject *exception, struct outcome *outcome)
{
    const char *type = exception != NULL ? Py_TYPE(exception)->tp_name : "SystemError", *words;
    PyObject *text, *bytes = NULL;

    PyErr_Clear();
    text = exception != NULL ? PyObject_Str(exception) : NULL;
    if (text != NULL) { /* it may be long, and hold lone surrogates */
        Py_SETREF(text, PyUnicode_Substring(text, 0, RESULT_MAX));
    }
    if (text != NULL) {
        bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    }
    words = bytes != NULL ? PyBytes_AS_STRING(bytes) : "";
    fprintf(stderr, "%s: %s\n", type, words);
    PyErr_Clear();
    outcome->exit_code = 1;
    Py_XSETREF(outcome->error, Py_BuildValue("{sssssssO}", "type", type, "message", words,
                                             "traceback", "", "line", Py_None));
    outcome->untold = outcome->error == NULL;
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    PyErr_Clear();
}

/* Tell of the exception that is set: on stderr for the program's reader, in the outcome for the
 * host. SystemExit only sets the exit code. What fails at the end of a program that has failed
 * already is told to nobody: the first error is the one to mend. */
static void report(PyObject *name, struct outcome *outcome)
{
    PyObject *exception = PyErr_GetRaisedException(), *answer, *code, *error;

    if (outcome->error != NULL || outcome->untold) {
        Py_XDECREF(exception);
        return;
    }
    if (exception != NULL && PyErr_GivenExceptionMatches(exception, PyExc_MemoryError)) {
        give_reserve();
    }
    answer = PyObject_CallFunctionObjArgs(clo_prelude.report, exception, name, NULL);
    if (answer == NULL || !PyArg_ParseTuple(answer, "OO", &code, &error)) {
        report_plainly(exception, outcome);
    } else {
        outcome->exit_code = PyLong_AsLong(code);
        if (error != Py_None) {
            Py_XSETREF(outcome->error, Py_NewRef(error));
        }
        PyErr_Clear();
    }
    Py_XDECREF(answer);
    Py_XDECREF(exception);
}

/* Nothing of a stream waits in the interpreter unless the program has put another in its place. */
static int flush(const char *stream, PyObject *unbuffered)
{
    PyObject *file = PySys_GetObject(stream), *done;

    if (file == NULL || file == Py_None || file == unbuffered) {
        return 0;
    }
    done = PyObject_CallMethod(file, "flush", NULL);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

/* Is a file open for writing? Descriptors are given from the lowest on. */
static bool has_written_files(void)
{
    __wasi_fdstat_t stat;

    for (__wasi_fd_t fd = FIRST_FILE, closed = 0; closed < CLOSED_MAX; fd++) {
        if (__wasi_fd_fdstat_get(fd, &stat) != 0) {
            closed++;
        } else if (stat.fs_rights_base & __WASI_RIGHTS_FD_WRITE) {
            return true;
        } else {
            closed = 0;
        }
    }
    return false;
}

/* What the end of a process would do, without ending the interpreter. Most programs have nothing
 * to be done: a look, and no Python code runs. */
static void finish(PyObject *name, struct outcome *outcome)
{
    static Py_ssize_t handlers_of_image = -1;
    PyObject *done;

    if (handlers_of_image < 0) {
        handlers_of_image = PyList_GET_SIZE(clo_prelude.handlers);
    }
    if (_PyInterpreterState_GET()->atexit.ncallbacks > 0 ||
        PyList_GET_SIZE(clo_prelude.handlers) > handlers_of_image || has_written_files()) {
        done = PyObject_CallNoArgs(clo_prelude.finish);
        if (done == NULL) {
            report(name, outcome);
        }
        Py_XDECREF(done);
    }
    if (flush("stdout", NULL) < 0) {
        report(name, outcome);
    }
    if (flush("stderr", clo_prelude.stderr_) < 0) {
        PyErr_Clear();
    }
}

/* What is told of repairs; the program may have put anything into the list. */
static void take_note(struct outcome *outcome)
{
    if (PyList_GET_SIZE(clo_prelude.notes) > 0) {
        outcome->note = PyObject_CallNoArgs(clo_prelude.take_notes);
        if (outcome->note == NULL || !PyUnicode_Check(outcome->note)) {
            Py_CLEAR(outcome->note);
            PyErr_Clear();
        }
    }
}

static int put_outcome(struct clo_cbor_writer *writer, const struct outcome *outcome)
{
    PyObject *null = Py_None;

    if (clo_cbor_put_head(writer, 5, 3 + (outcome->note != NULL) + outcome->refused) < 0 ||
        clo_cbor_put_literal(writer, "result") < 0 ||
        clo_cbor_put(writer, outcome->result != NULL ? outcome->result : null, "the result") < 0 ||
        clo_cbor_put_literal(writer, "exit_code") < 0 ||
        clo_cbor_put_head(writer, outcome->exit_code < 0,
                          (uint64_t)(outcome->exit_code < 0 ? -1 - outcome->exit_code
                                                            : outcome->exit_code)) < 0 ||
        clo_cbor_put_literal(writer, "error") < 0 ||
        clo_cbor_put(writer, outcome->error != NULL ? outcome->error : null, "the error") < 0) {
        return -1;
    }
    if (outcome->refused && (clo_cbor_put_literal(writer, "refused") < 0 ||
                             clo_cbor_put(writer, Py_True, "the refusal") < 0)) {
        return -1;
    }
    if (outcome->note == NULL) {
        return 0;
    }
    return clo_cbor_put_literal(writer, "note") < 0
               ? -1
               : clo_cbor_put(writer, outcome->note, "the note");
}

static void send_outcome(struct outcome *outcome)
{
    struct clo_cbor_writer writer;

    clo_cbor_start(&writer);
    if (outcome->untold || put_outcome(&writer, outcome) < 0) { /* no memory for it */
        static const uint8_t least[] = "\xa3"
                                       "\x66result\xf6"
                                       "\x69"
                                       "exit_code\x01"
                                       "\x65"
                                       "error"
                                       "\xa4"
                                       "\x64type\x6bMemoryError"
                                       "\x67message\x60"
                                       "\x69traceback\x60"
                                       "\x64line\xf6";
        PyErr_Clear();
        cloche_outcome(least, sizeof least - 1);
    } else {
        cloche_outcome(writer.data, (uint32_t)writer.length);
    }
    clo_cbor_clear(&writer);
    Py_CLEAR(outcome->result);
    Py_CLEAR(outcome->error);
    Py_CLEAR(outcome->note);
}

static void run_request(const uint8_t *data, size_t length)
{
    struct outcome outcome = {0};
    struct clo_request request;
    PyObject *name = default_name;

    keep_reserve();
    if (clo_request_parse(&request, data, length, default_name) < 0) {
        report(name, &outcome);
    } else {
        name = request.name;
        if (run_program(&request, &outcome) < 0) {
            report(name, &outcome);
        }
    }
    finish(name, &outcome);
    take_note(&outcome);
    send_outcome(&outcome);
    clo_request_clear(&request);
}

EXPORT("guest_run") void guest_run(void)
{
    uint8_t small[1024], *data = small;
    uint32_t length = cloche_request(small, sizeof small);

    if (length > sizeof small) {
        data = PyMem_RawMalloc(length);
        if (data == NULL) {
            data = small;
            length = sizeof small; /* malformed then, and reported as such */
        } else {
            length = cloche_request(data, length);
        }
    }
    run_request(data, length);
    if (data != small) {
        PyMem_RawFree(data);
    }
}

/* ---- for init.c and host.c ---- */

/* _cloche.rehearse(request): run a request while the image is built, so that a real one finds the
 * paths it takes warm: caches filled, bytecode specialised. */
PyObject *clo_interpreter_rehearse(PyObject *self, PyObject *request)
{
    (void)self;
    if (!PyBytes_Check(request)) {
        PyErr_SetString(PyExc_TypeError, "rehearse(bytes)");
        return NULL;
    }
    run_request((const uint8_t *)PyBytes_AS_STRING(request), (size_t)PyBytes_GET_SIZE(request));
    Py_RETURN_NONE;
}

static PyObject *attribute(PyObject *module, const char *name)
{
    return module != NULL ? PyObject_GetAttrString(module, name) : NULL;
}

int clo_interpreter_start(void)
{
    PyObject *errors = PyImport_ImportModule("cloche.errors");
    PyObject *tools = errors != NULL ? PyImport_ImportModule("cloche.tools") : NULL;
    PyObject *run = tools != NULL ? PyImport_ImportModule("cloche.run") : NULL;
    PyObject *logging = run != NULL ? PyImport_ImportModule("logging") : NULL;
    PyObject *sources = logging != NULL ? PyImport_ImportModule("cloche.sources") : NULL;
    PyObject *console = sources != NULL ? PyImport_ImportModule("cloche.console") : NULL;
    PyObject *threads = console != NULL ? PyImport_ImportModule("cloche.threads") : NULL;
    PyObject *main = threads != NULL ? PyImport_AddModule("__main__") : NULL;

    default_name = PyUnicode_InternFromString("main.py");
    main_globals = main != NULL ? Py_XNewRef(PyModule_GetDict(main)) : NULL;
    if (main_globals == NULL || default_name == NULL ||
        PyDict_SetItemString(main_globals, "__file__", default_name) < 0) {
        return -1;
    }
    clo_prelude.tool_error = attribute(errors, "ToolError");
    clo_prelude.limit_error = attribute(errors, "LimitExceeded");
    clo_prelude.tool_type = attribute(tools, "Tool");
    clo_prelude.report = attribute(run, "report");
    clo_prelude.run_coroutine = attribute(run, "run_coroutine");
    clo_prelude.finish = attribute(run, "finish");
    clo_prelude.sources = attribute(sources, "sources");
    clo_prelude.handlers = attribute(logging, "_handlerList");
    clo_prelude.stderr_ = Py_XNewRef(PySys_GetObject("stderr"));
    clo_prelude.open_input = attribute(console, "open_input");
    clo_prelude.describe = attribute(run, "describe");
    clo_prelude.repair = attribute(run, "repair");
    clo_prelude.unwrap = attribute(run, "unwrap");
    clo_prelude.notes = attribute(run, "notes");
    clo_prelude.take_notes = attribute(run, "take_notes");
    clo_prelude.repr_of_large = attribute(run, "repr_of_large");
    clo_prelude.wait = attribute(threads, "wait");
    clo_locks_start();
    return PyErr_Occurred() ? -1 : 0;
}
