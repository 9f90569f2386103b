/* wait.h - what happens when the guest's one thread meets a lock that is taken, or a queue that is
 * empty (wait.c). */
#ifndef CLO_PYTHON_WAIT_H
#define CLO_PYTHON_WAIT_H

#include <Python.h>

/* Wait for `timeout` ns at most (negative: for ever), holding the interpreter. 1: something ran
 * meanwhile, look again; 0: the time is over; -1: an exception is set. */
typedef int (*clo_wait_function)(PyTime_t timeout);

extern clo_wait_function clo_wait; /* NULL: CPython's own waiting */

#endif
