/* wait.c - CPython's two ways to wait for another thread, where there is no other thread.
 *
 * Without threads CPython spins until somebody gives the lock back, which nobody will. The linker
 * puts these functions in the place of CPython's (wasm.sh, --wrap); they ask clo_wait instead.
 */
#define Py_BUILD_CORE 1
#include "wait.h"

#include "internal/pycore_parking_lot.h"
#include "internal/pycore_time.h"

clo_wait_function clo_wait;

PyLockStatus __real_PyThread_acquire_lock_timed_with_retries(PyThread_type_lock lock,
                                                             PY_TIMEOUT_T timeout);
int __real__PyParkingLot_Park(const void *address, const void *expected, size_t size,
                              PyTime_t timeout, void *argument, int detach);

/* threading's locks, and with them what it builds on them: conditions, events, semaphores … */
PyLockStatus __wrap_PyThread_acquire_lock_timed_with_retries(PyThread_type_lock lock,
                                                             PY_TIMEOUT_T timeout)
{
    PyTime_t until = timeout > 0 ? _PyDeadline_Init(timeout) : 0;

    if (clo_wait == NULL) {
        return __real_PyThread_acquire_lock_timed_with_retries(lock, timeout);
    }
    while (!PyThread_acquire_lock(lock, 0)) {
        int more = timeout != 0 ? clo_wait(timeout) : 0;

        if (more <= 0) {
            return more < 0 ? PY_LOCK_INTR : PY_LOCK_FAILURE;
        }
        if (timeout > 0) {
            timeout = _PyDeadline_Get(until);
            timeout = timeout > 0 ? timeout : 0;
        }
    }
    return PY_LOCK_ACQUIRED;
}

static PyObject *waiting; /* the exception that is to be raised */

static int raise_it(void *unused)
{
    PyObject *exception = waiting;

    (void)unused;
    waiting = NULL;
    if (exception != NULL) {
        PyErr_SetRaisedException(exception);
    }
    return exception != NULL ? -1 : 0;
}

/* queue.SimpleQueue. It takes no exception from here, but runs pending calls and takes theirs. */
int __wrap__PyParkingLot_Park(const void *address, const void *expected, size_t size,
                              PyTime_t timeout, void *argument, int detach)
{
    int more;

    if (clo_wait == NULL || PyErr_Occurred()) {
        return __real__PyParkingLot_Park(address, expected, size, timeout, argument, detach);
    }
    more = clo_wait(timeout);
    if (more < 0) {
        Py_XSETREF(waiting, PyErr_GetRaisedException());
        Py_AddPendingCall(raise_it, NULL);
    }
    return more == 0 ? Py_PARK_TIMEOUT : Py_PARK_INTR;
}
