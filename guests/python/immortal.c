/* immortal.c - make every object of the image immortal, once, before the snapshot.
 *
 * A reference count is a write. With the image's memory shared copy-on-write, each object that a
 * run only looks at would cost a private page, which is 2 us and has to be copied back. CPython
 * does not count references to immortal objects, so a run then writes only what it really changes.
 * Nothing of the image is ever freed, which is right: it is all there again in the next run.
 */
#define Py_BUILD_CORE 1
#include "interpreter.h"

#include "internal/pycore_code.h"
#include "internal/pycore_gc.h"
#include "internal/pycore_global_objects.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"

static int reach(PyObject *object, void *unused);

/* Code objects are not known to the collector: their parts are listed here. */
static void reach_code(PyCodeObject *code)
{
    PyObject *parts[] = {
        code->co_consts,
        code->co_names,
        code->co_exceptiontable,
        code->co_localsplusnames,
        code->co_localspluskinds,
        code->co_filename,
        code->co_name,
        code->co_qualname,
        code->co_linetable,
    };

    for (size_t i = 0; i < Py_ARRAY_LENGTH(parts); i++) {
        if (parts[i] != NULL) {
            reach(parts[i], NULL);
        }
    }
}

/* Called for every object that a container refers to. Containers that the collector tracks come by
 * themselves; those it does not (tuples of numbers, say) are followed from here. */
static int reach(PyObject *object, void *unused)
{
    (void)unused;
    if (_Py_IsImmortal(object)) {
        return 0;
    }
    object->ob_refcnt = _Py_IMMORTAL_REFCNT;
    if (PyCode_Check(object)) {
        reach_code((PyCodeObject *)object);
    } else if (PyObject_IS_GC(object) && !_PyObject_GC_IS_TRACKED(object) &&
               Py_TYPE(object)->tp_traverse != NULL) {
        Py_TYPE(object)->tp_traverse(object, reach, NULL);
    }
    return 0;
}

/* The table of interned strings knows some that nothing else the collector sees refers to. */
static void reach_interned(void)
{
    PyObject *table = _Py_INTERP_CACHED_OBJECT(_PyInterpreterState_GET(), interned_strings);
    PyObject *key, *value;
    Py_ssize_t position = 0;

    while (table != NULL && PyDict_Next(table, &position, &key, &value)) {
        reach(key, NULL);
    }
}

int clo_immortal_make_all(void)
{
    PyObject *gc = PyImport_ImportModule("gc"), *done = NULL, *objects = NULL;
    int error = -1;

    if (gc == NULL) {
        return -1;
    }
    done = PyObject_CallMethod(gc, "collect", NULL);
    Py_XDECREF(done);
    objects = done != NULL ? PyObject_CallMethod(gc, "get_objects", NULL) : NULL;
    if (objects == NULL) {
        goto out;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects); i++) {
        PyObject *object = PyList_GET_ITEM(objects, i);
        if (object == objects || PyFrame_Check(object)) {
            continue;
        }
        object->ob_refcnt = _Py_IMMORTAL_REFCNT;
        Py_TYPE(object)->tp_traverse(object, reach, NULL);
    }
    reach_interned();
    Py_CLEAR(objects);
    done = PyObject_CallMethod(gc, "freeze", NULL);
    Py_XDECREF(done);
    error = done != NULL ? 0 : -1;
out:
    Py_DECREF(gc);
    return error;
}
