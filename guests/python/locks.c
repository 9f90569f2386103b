/* locks.c - a lock that is taken: nobody but timers can give it back (prelude: threads.py). */
#include "interpreter.h"

#include "wasi/wait.h"

static int wait_in_prelude(PyTime_t timeout)
{
    PyObject *seconds =
        timeout < 0 ? Py_NewRef(Py_None) : PyFloat_FromDouble((double)timeout / 1e9);
    PyObject *ran = seconds != NULL ? PyObject_CallOneArg(clo_prelude.wait, seconds) : NULL;
    int more = ran == Py_True;

    if (ran != NULL && PyUnicode_Check(ran)) { /* raised here, where no frame stands in between */
        PyErr_SetObject(PyExc_RuntimeError, ran);
    }
    if (PyErr_Occurred()) {
        more = -1;
    }
    Py_XDECREF(ran);
    Py_XDECREF(seconds);
    return more;
}

void clo_locks_start(void)
{
    clo_wait = wait_in_prelude;
}
