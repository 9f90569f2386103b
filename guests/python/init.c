/* init.c - guest_init: from nothing to the state that becomes the image.
 *
 * Order matters: start CPython, import the prelude (which imports the library and rehearses), then
 * collect, make everything immortal, fill the holes, and last name the interrupt stores.
 */
#define Py_BUILD_CORE 1
#include "interpreter.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal/pycore_ceval.h"

#define HASH_SEED 20011 /* hashes are all over the image: the seed is part of it */
#define WORK_FOLDER "/tmp"
#define LIBRARY_FOLDER L"/usr/lib/python3.13"

extern const struct _frozen clo_frozen_modules[]; /* the standard library and the prelude */

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "guest: %s\n", what);
    if (PyErr_Occurred()) {
        PyErr_Print();
    }
    exit(70);
}

static void check(PyStatus status)
{
    if (PyStatus_Exception(status)) {
        fprintf(stderr, "guest: %s\n", status.err_msg != NULL ? status.err_msg : "no reason given");
        give_up("CPython does not start");
    }
}

static void start_python(void)
{
    static PyConfig config;
    PyPreConfig before;

    PyImport_FrozenModules = clo_frozen_modules;
    if (PyImport_AppendInittab("_cloche", clo_host_module) < 0) {
        give_up("no memory");
    }
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    check(Py_PreInitialize(&before));

    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0; /* there are no folders of packages to look into */
    config.install_signal_handlers = 0;
    config.use_hash_seed = 1;
    config.hash_seed = HASH_SEED;
    config.write_bytecode = 0;
    config.parse_argv = 0;
    config.buffered_stdio = 0; /* what is printed is out, whatever comes next */
    config.use_environment = 0;
    config.module_search_paths_set = 1; /* to nothing: the library is frozen */
    check(PyConfig_SetString(&config, &config.home, L"/usr"));
    /* where frozen modules say they come from: some of the library looks at its own __file__ */
    check(PyConfig_SetString(&config, &config.stdlib_dir, LIBRARY_FOLDER));
    check(PyConfig_SetString(&config, &config.program_name, L"python3"));
    check(PyConfig_SetString(&config, &config.executable, L""));
    check(PyWideStringList_Append(&config.argv, L"main.py"));
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
}

/* The host raises LimitExceeded in the running program by these two stores: the exception that
 * waits for the thread, and the bit that makes the interpreter look. Its class is immortal, so it
 * does not matter that the interpreter gives back a reference which nobody has taken. */
static void name_interrupt_stores(void)
{
    PyThreadState *thread = PyThreadState_Get();

    cloche_interrupt(&thread->async_exc, (uint32_t)(uintptr_t)clo_prelude.limit_error, 0);
    cloche_interrupt(&thread->eval_breaker, _PY_ASYNC_EXCEPTION_BIT, 1);
}

int clo_settle(void)
{
    clo_reseed_again();
    return clo_immortal_make_all() < 0 ? -1 : clo_heap_fill();
}

EXPORT("guest_init") void guest_init(void)
{
    PyObject *warm, *done;

    if (chdir(WORK_FOLDER) != 0) {
        give_up("there is no " WORK_FOLDER);
    }
    start_python();
    if (clo_interpreter_start() < 0 || clo_reseed_install() < 0) {
        give_up("the prelude does not load");
    }
    warm = PyImport_ImportModule("cloche.warm");
    done = warm != NULL ? PyObject_CallMethod(warm, "warm", NULL) : NULL;
    if (done == NULL) {
        give_up("the rehearsal failed");
    }
    Py_DECREF(done);
    Py_DECREF(warm);
    if (clo_settle() < 0) {
        give_up(
            "the image's objects could not be made immortal, or there is no memory to fill the holes");
    }
    name_interrupt_stores();
    printf("runtime: CPython %d.%d.%d\n", PY_MAJOR_VERSION, PY_MINOR_VERSION, PY_MICRO_VERSION);
    fflush(stdout);
}
