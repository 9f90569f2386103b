/* host.c - the builtin module _cloche: calls of the host, as Python sees them.
 *
 *   call_tool(name, /, **arguments)   one host call, waits for the reply; also a builtin
 *   call(name, arguments)             the same with a dict
 *   submit(name, arguments)           starts a call and returns its id
 *   wait(seconds or None)             (id, succeeded, value or message), or None: the time is over
 *   loads(bytes), dumps(value)        CBOR to a value and back
 *   reason()                          why the host interrupts the run
 *   process_time_ns()                 processor time of the run
 *   source(name)                      the text of the program that runs under this name, or None
 *   rehearse(bytes)                   run a request while the image is built (interpreter.c)
 *   settle()                          what is in memory now becomes an image's (init.c)
 *   unraisable(exception, function)   tell of what has ended a thread that _thread started
 *   swap_locals(None or the last)     a new thread's place for threading.local; returns the last
 *
 * A call that a limit of the run interrupts raises what the host has left for the interpreter.
 */
#define Py_BUILD_CORE 1
#include "interpreter.h"

#include <wasi/api.h>

#include "internal/pycore_ceval.h"

#include "cbor.h"

static uint32_t last_id;

static uint32_t next_id(void)
{
    last_id++;
    if (last_id == 0 || last_id == CLO_WAIT_NONE) {
        last_id = 1;
    }
    return last_id;
}

/* The host has set an exception for this thread; raise it here and now. */
static PyObject *raise_interrupt(void)
{
    if (_Py_HandlePending(PyThreadState_Get()) == 0) {
        PyErr_SetNone(clo_prelude.limit_error);
    }
    return NULL;
}

static PyObject *take_reply(void)
{
    uint8_t small[2048], *data = small;
    uint32_t length = cloche_reply(small, sizeof small);
    struct clo_cbor_reader reader;
    PyObject *value;

    if (length > sizeof small) {
        data = PyMem_RawMalloc(length);
        if (data == NULL) {
            return PyErr_NoMemory();
        }
        length = cloche_reply(data, length);
    }
    reader.at = data;
    reader.end = data + length;
    value = clo_cbor_get(&reader);
    if (data != small) {
        PyMem_RawFree(data);
    }
    return value;
}

/* The text in {"message": text}. */
static PyObject *take_message(void)
{
    PyObject *reply = take_reply(), *message = NULL;

    if (reply == NULL) {
        return NULL;
    }
    if (PyDict_Check(reply)) {
        message = Py_XNewRef(PyDict_GetItemString(reply, "message"));
    }
    Py_DECREF(reply);
    return message != NULL ? message : PyUnicode_FromString("the call failed");
}

static PyObject *raise_tool_error(void)
{
    PyObject *message = take_message();

    if (message != NULL) {
        PyErr_SetObject(clo_prelude.tool_error, message);
        Py_DECREF(message);
    }
    return NULL;
}

static int put_call(struct clo_cbor_writer *writer, PyObject *name, PyObject *arguments)
{
    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "the name of a tool is a str, not %N", Py_TYPE(name));
        return -1;
    }
    if (clo_cbor_put_head(writer, 4, 2) < 0 || clo_cbor_put_text(writer, name) < 0) {
        return -1;
    }
    if (arguments == NULL) {
        return clo_cbor_put_head(writer, 5, 0);
    }
    return clo_cbor_put(writer, arguments, "argument");
}

static PyObject *call(PyObject *name, PyObject *arguments)
{
    struct clo_cbor_writer writer;
    uint32_t id = next_id(), status;

    clo_cbor_start(&writer);
    if (put_call(&writer, name, arguments) < 0) {
        clo_cbor_clear(&writer);
        return NULL;
    }
    status = cloche_call(CLO_CALL_SUBMIT | CLO_CALL_WAIT, id, writer.data, (uint32_t)writer.length,
                         id, CLO_TIMEOUT_NONE);
    clo_cbor_clear(&writer);
    switch (status) {
    case CLO_CALL_OK: return take_reply();
    case CLO_CALL_INTERRUPTED: return raise_interrupt();
    case CLO_CALL_PENDING:
        PyErr_SetString(PyExc_RuntimeError, "the host gave no reply");
        return NULL;
    default: return raise_tool_error();
    }
}

static PyObject *host_call_tool(PyObject *self, PyObject *args, PyObject *arguments)
{
    (void)self;
    if (PyTuple_GET_SIZE(args) != 1) {
        PyErr_Format(PyExc_TypeError,
                     "call_tool() takes the tool's name and then keyword "
                     "arguments, as in call_tool('name', key=value); %zd positional arguments "
                     "were given",
                     PyTuple_GET_SIZE(args));
        return NULL;
    }
    return call(PyTuple_GET_ITEM(args, 0), arguments);
}

static PyObject *host_call(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self;
    if (count != 2 || !PyDict_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "call(name, arguments): a str and a dict");
        return NULL;
    }
    return call(args[0], args[1]);
}

static PyObject *host_submit(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct clo_cbor_writer writer;
    uint32_t id = next_id(), status;

    (void)self;
    if (count != 2 || !PyDict_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "submit(name, arguments): a str and a dict");
        return NULL;
    }
    clo_cbor_start(&writer);
    if (put_call(&writer, args[0], args[1]) < 0) {
        clo_cbor_clear(&writer);
        return NULL;
    }
    status = cloche_call(CLO_CALL_SUBMIT, id, writer.data, (uint32_t)writer.length, 0, 0);
    clo_cbor_clear(&writer);
    switch (status) {
    case CLO_CALL_OK:
    case CLO_CALL_PENDING: return PyLong_FromUnsignedLong(id);
    case CLO_CALL_INTERRUPTED: return raise_interrupt();
    default: return raise_tool_error();
    }
}

static int timeout_of(PyObject *seconds, uint64_t *ns)
{
    double value;

    *ns = CLO_TIMEOUT_NONE;
    if (seconds == Py_None) {
        return 0;
    }
    value = PyFloat_AsDouble(seconds);
    if (value == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (!(value > 0)) {
        *ns = 0;
    } else if (value < 1e9) { /* beyond 30 years: for ever */
        *ns = (uint64_t)(value * 1e9);
    }
    return 0;
}

static PyObject *host_wait(PyObject *self, PyObject *seconds)
{
    uint64_t ns;
    uint32_t status;
    PyObject *value;

    (void)self;
    if (timeout_of(seconds, &ns) < 0) {
        return NULL;
    }
    status = cloche_call(CLO_CALL_WAIT, 0, NULL, 0, 0, ns);
    if (status == CLO_CALL_PENDING) {
        Py_RETURN_NONE;
    }
    if (status == CLO_CALL_INTERRUPTED) {
        return raise_interrupt();
    }
    uint32_t id = cloche_reply_id();
    value = status == CLO_CALL_OK ? take_reply() : take_message();
    if (value == NULL) {
        return NULL;
    }
    return Py_BuildValue("kON", (unsigned long)id, status == CLO_CALL_OK ? Py_True : Py_False,
                         value);
}

static PyObject *host_loads(PyObject *self, PyObject *bytes)
{
    struct clo_cbor_reader reader;

    (void)self;
    if (!PyBytes_Check(bytes)) {
        PyErr_SetString(PyExc_TypeError, "loads(bytes)");
        return NULL;
    }
    reader.at = (const uint8_t *)PyBytes_AS_STRING(bytes);
    reader.end = reader.at + PyBytes_GET_SIZE(bytes);
    return clo_cbor_get(&reader);
}

static PyObject *host_dumps(PyObject *self, PyObject *value)
{
    struct clo_cbor_writer writer;
    PyObject *bytes = NULL;

    (void)self;
    clo_cbor_start(&writer);
    if (clo_cbor_put(&writer, value, "the value") == 0) {
        bytes = PyBytes_FromStringAndSize((const char *)writer.data, (Py_ssize_t)writer.length);
    }
    clo_cbor_clear(&writer);
    return bytes;
}

/* Processor time of the run: what it slept or waited in the host does not count. The C library's
 * own clock() counts it. */
static PyObject *host_process_time_ns(PyObject *self, PyObject *unused)
{
    __wasi_timestamp_t now = 0;

    (void)self, (void)unused;
    if (__wasi_clock_time_get(__WASI_CLOCKID_PROCESS_CPUTIME_ID, 1, &now) != 0) {
        PyErr_SetString(PyExc_OSError, "there is no clock of processor time");
        return NULL;
    }
    return PyLong_FromUnsignedLongLong(now);
}

/* Anyone may call it: it costs the run that does some memory, and nobody else anything. */
static PyObject *host_settle(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    if (clo_settle() < 0) {
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

static PyObject *host_reason(PyObject *self, PyObject *unused)
{
    char text[CLO_INTERRUPT_REASON_MAX];
    uint32_t length = cloche_interrupt_reason(text, sizeof text);

    (void)self, (void)unused;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)length, "replace");
}

static PyObject *host_unraisable(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self;
    if (count != 2 || !PyExceptionInstance_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "unraisable(exception, function)");
        return NULL;
    }
    PyErr_SetRaisedException(Py_NewRef(args[0]));
    PyErr_FormatUnraisable("Exception ignored in thread started by %R", args[1]);
    Py_RETURN_NONE;
}

static PyObject *swap(PyObject **place, PyObject *with)
{
    PyObject *last = *place;

    *place = with == NULL || with == Py_None ? NULL : Py_NewRef(with);
    return last != NULL ? last : Py_NewRef(Py_None);
}

/* What the interpreter keeps for a thread: a dict, and two objects that threading.local knows the
 * thread by; it makes them when it needs them. */
static PyObject *host_swap_locals(PyObject *self, PyObject *locals)
{
    PyThreadState *thread = PyThreadState_Get();
    PyObject *dict = NULL, *key = NULL, *sentinel = NULL;

    (void)self;
    if (locals != Py_None &&
        (!PyTuple_Check(locals) || !PyArg_ParseTuple(locals, "OOO", &dict, &key, &sentinel) ||
         (dict != Py_None && !PyDict_CheckExact(dict)))) {
        PyErr_SetString(PyExc_TypeError, "swap_locals(None, or what it has returned)");
        return NULL;
    }
    dict = swap(&thread->dict, dict);
    key = swap(&thread->threading_local_key, key);
    sentinel = swap(&thread->threading_local_sentinel, sentinel);
    return Py_BuildValue("NNN", dict, key, sentinel);
}

PyDoc_STRVAR(call_tool_doc,
             "call_tool(name, /, **arguments)\n--\n\n"
             "Call a tool of the host and return its answer. Raises ToolError when it fails.");

static PyMethodDef functions[] = {
    {"call_tool", (PyCFunction)(void (*)(void))host_call_tool, METH_VARARGS | METH_KEYWORDS,
     call_tool_doc},
    {"call", (PyCFunction)(void (*)(void))host_call, METH_FASTCALL, NULL},
    {"submit", (PyCFunction)(void (*)(void))host_submit, METH_FASTCALL, NULL},
    {"wait", host_wait, METH_O, NULL},
    {"loads", host_loads, METH_O, NULL},
    {"dumps", host_dumps, METH_O, NULL},
    {"reason", host_reason, METH_NOARGS, NULL},
    {"process_time_ns", host_process_time_ns, METH_NOARGS, NULL},
    {"source", clo_interpreter_source, METH_O, NULL},
    {"rehearse", clo_interpreter_rehearse, METH_O, NULL},
    {"settle", host_settle, METH_NOARGS, NULL},
    {"unraisable", (PyCFunction)(void (*)(void))host_unraisable, METH_FASTCALL, NULL},
    {"swap_locals", host_swap_locals, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_cloche",
    .m_size = -1,
    .m_methods = functions,
};

PyObject *clo_host_module(void)
{
    return PyModule_Create(&module);
}
