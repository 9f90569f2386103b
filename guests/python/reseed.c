/* reseed.c - fresh random numbers in every run, paid for only by runs that draw them.
 *
 * The hidden generator behind the functions of module random is part of the image: left alone,
 * every run would draw the same numbers. Seeding it costs 11 us. So the methods of its type are
 * entered through the functions below, which seed it before its first use; a program that seeds it
 * itself gets the sequence it asks for.
 */
#include "interpreter.h"

static PyObject *hidden;    /* random._inst */
static PyObject *generator; /* the same until it has its seed, then NULL */
static PyCFunction original_random, original_getrandbits, original_getstate, original_setstate;
static PyCFunctionFast original_seed;

static int seed_now(PyObject *self)
{
    PyObject *done;

    if (self != generator) {
        return 0;
    }
    generator = NULL;
    done = original_seed(self, NULL, 0); /* from the system's randomness */
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

static PyObject *seeded_random(PyObject *self, PyObject *unused)
{
    return seed_now(self) < 0 ? NULL : original_random(self, unused);
}

static PyObject *seeded_getrandbits(PyObject *self, PyObject *count)
{
    return seed_now(self) < 0 ? NULL : original_getrandbits(self, count);
}

static PyObject *seeded_getstate(PyObject *self, PyObject *unused)
{
    return seed_now(self) < 0 ? NULL : original_getstate(self, unused);
}

static PyObject *seeded_setstate(PyObject *self, PyObject *state)
{
    if (self == generator) {
        generator = NULL;
    }
    return original_setstate(self, state);
}

static PyObject *seeded_seed(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    if (self == generator) {
        generator = NULL;
    }
    return original_seed(self, arguments, count);
}

static PyMethodDef *method_of(PyTypeObject *type, const char *name)
{
    PyObject *method = PyDict_GetItemString(type->tp_dict, name);

    if (method == NULL || !Py_IS_TYPE(method, &PyMethodDescr_Type)) {
        PyErr_Format(PyExc_SystemError, "_random.Random.%s is not a method written in C", name);
        return NULL;
    }
    return ((PyMethodDescrObject *)method)->d_method;
}

static int replace(PyTypeObject *type, const char *name, PyCFunction with, PyCFunction *original)
{
    PyMethodDef *method = method_of(type, name);

    if (method == NULL) {
        return -1;
    }
    *original = method->ml_meth;
    method->ml_meth = with;
    return 0;
}

int clo_reseed_install(void)
{
    PyObject *random = PyImport_ImportModule("random"), *base = NULL, *core = NULL;
    PyTypeObject *type;
    int error = -1;

    core = random != NULL ? PyImport_ImportModule("_random") : NULL;
    base = core != NULL ? PyObject_GetAttrString(core, "Random") : NULL;
    if (base == NULL) {
        goto out;
    }
    type = (PyTypeObject *)base;
    if (replace(type, "random", seeded_random, &original_random) < 0 ||
        replace(type, "getrandbits", seeded_getrandbits, &original_getrandbits) < 0 ||
        replace(type, "getstate", seeded_getstate, &original_getstate) < 0 ||
        replace(type, "setstate", seeded_setstate, &original_setstate) < 0 ||
        replace(type, "seed", (PyCFunction)(void (*)(void))seeded_seed,
                (PyCFunction *)(void *)&original_seed) < 0) {
        goto out;
    }
    hidden = PyObject_GetAttrString(random, "_inst"); /* kept for good */
    generator = hidden;
    error = hidden != NULL ? 0 : -1;
out:
    Py_XDECREF(base);
    Py_XDECREF(core);
    Py_XDECREF(random);
    return error;
}

void clo_reseed_again(void)
{
    generator = hidden;
}
