/* driver.c - the guest that is trained: CPython as in the image, without executor and prelude.
 *
 * Exports   train_start()       start the interpreter; 0 = it runs
 *           train_buffer(size)  room in linear memory for a script and its NUL
 *           train_run(script)   run it in a new __main__; 0 = no exception
 *
 * The profile that comes of it belongs to CPython's functions and is used for the image's: both are
 * linked from the same library, so a function has the same name and shape in both.
 */
#include <Python.h>

#define EXPORT(name) __attribute__((export_name(#name), used)) name

extern const struct _frozen clo_frozen_modules[];

int EXPORT(train_start)(void)
{
    PyPreConfig before;
    PyConfig config;

    PyImport_FrozenModules = clo_frozen_modules;
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    if (PyStatus_Exception(Py_PreInitialize(&before)))
        return 1;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.install_signal_handlers = 0;
    config.use_hash_seed = 1;
    config.hash_seed = 0;
    config.write_bytecode = 0;
    config.module_search_paths_set = 1;
    PyConfig_SetString(&config, &config.home, L"/usr");
    PyConfig_SetString(&config, &config.program_name, L"python3");
    return PyStatus_Exception(Py_InitializeFromConfig(&config)) ? 2 : 0;
}

char *EXPORT(train_buffer)(unsigned size)
{
    return malloc(size);
}

int EXPORT(train_run)(const char *script)
{
    PyObject *main_module = PyModule_NewObject(PyUnicode_FromString("__main__"));
    PyObject *globals = main_module ? PyModule_GetDict(main_module) : NULL;
    PyObject *code = NULL, *result = NULL;

    if (!globals || PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) < 0 ||
        PyDict_SetItemString(PyImport_GetModuleDict(), "__main__", main_module) < 0)
        goto out;
    code = Py_CompileString(script, "script.py", Py_file_input);
    if (code)
        result = PyEval_EvalCode(code, globals, globals);
out:
    if (!result)
        PyErr_Print();
    if (PyRun_SimpleString("import sys; sys.stdout.flush(); sys.stderr.flush()") < 0)
        Py_CLEAR(result);
    Py_XDECREF(code);
    Py_XDECREF(main_module);
    int failed = !result;
    Py_XDECREF(result);
    return failed;
}
