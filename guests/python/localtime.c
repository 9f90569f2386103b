/* localtime.c - the time zone of a run that was given one: the prelude's zone.py knows it, which is
 * imported then; the C library asks through here (wasi/zone.c).
 */
#include "interpreter.h"

#include "wasi/zone.h"

static PyObject *look; /* look(seconds, local) -> (is DST, offset, opposite offset, name) */
static PyObject *pending;

static int raise_pending(void *unused)
{
    PyObject *exception = pending;

    (void)unused;
    pending = NULL;
    if (exception != NULL) {
        PyErr_SetRaisedException(exception);
    }
    return exception != NULL ? -1 : 0;
}

/* The C library has no way to fail here: what interrupts (a limit of the run) is raised by the
 * interpreter as soon as it goes on. */
static void raise_later(void)
{
    Py_XSETREF(pending, PyErr_GetRaisedException());
    Py_AddPendingCall(raise_pending, NULL);
}

static int ask(long long seconds, int local, struct clo_zone_time *time)
{
    PyGILState_STATE state = PyGILState_Ensure(); /* SQLite asks without holding the interpreter */
    PyObject *before = PyErr_GetRaisedException(), *answer;
    int error = -1;

    answer = PyObject_CallFunction(look, "Li", seconds, local);
    if (answer != NULL && PyArg_ParseTuple(answer, "iiis", &time->is_dst, &time->offset,
                                           &time->opposite, &time->name)) {
        error = 0; /* the name is among those that zone.py keeps */
    } else {
        raise_later();
    }
    Py_XDECREF(answer);
    PyErr_SetRaisedException(before);
    PyGILState_Release(state);
    return error;
}

int clo_zone_begin(PyObject *name)
{
    PyObject *module, *known;
    int found = -1;

    if (name == NULL && clo_zone == NULL) {
        return 1;
    }
    clo_zone = NULL;
    module = PyImport_ImportModule("cloche.zone");
    known =
        module != NULL ? PyObject_CallMethod(module, "begin", "O", name ? name : Py_None) : NULL;
    if (known != NULL) {
        found = known == Py_True;
        Py_XSETREF(look, PyObject_GetAttrString(module, "look"));
    }
    if (look == NULL) {
        found = -1;
    }
    if (found == 1 && name != NULL) {
        clo_zone = ask;
        Py_SETREF(known, PyObject_CallMethod(module, "tell", NULL));
        if (known == NULL) {
            found = -1;
        }
    }
    Py_XDECREF(known);
    Py_XDECREF(module);
    return found;
}
