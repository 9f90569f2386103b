/* lazy.c - load a library, find a function; the tables and stubs are tools/lazy.py's. */
#include "base/lazy.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"

#define EXIT_NO_LIBRARY 127 /* as the dynamic linker's */

struct function {
    const char *name;
    uint64_t library;
};

/* Weak: a build that is linked with the libraries has none of them. */
extern const char *const clo_lazy_libraries[] __attribute__((weak));
extern const struct function clo_lazy_functions[] __attribute__((weak));
extern void *_Atomic clo_lazy_slots[] __attribute__((weak));
extern const uint64_t clo_lazy_libraries_count __attribute__((weak));

/* For the stubs. */
void *clo_lazy_resolve(uint64_t function);

static void *load(const char *name, struct clo_error *error)
{
    void *handle = dlopen(name, RTLD_LAZY | RTLD_LOCAL); /* it stays for good */
    if (!handle) {
        const char *why = dlerror();
        clo_fail(error, CLO_ESYSTEM, "the library %s cannot be loaded: %s", name,
                 why ? why : "no reason is known");
        clo_hint(error, CLO_ESYSTEM,
                 "install the package of this system that has %s, or set LD_LIBRARY_PATH to its "
                 "folder (lib/cloche of an archive)",
                 name);
    }
    return handle;
}

int clo_lazy_load_all(struct clo_error *error)
{
    uint64_t count = &clo_lazy_libraries_count ? clo_lazy_libraries_count : 0;
    for (uint64_t i = 0; i < count; i++)
        if (!load(clo_lazy_libraries[i], error))
            return CLO_ESYSTEM;
    return 0;
}

static _Noreturn void give_up(const struct clo_error *error)
{
    dprintf(STDERR_FILENO, "cloche: %s\n  %s\n", error->message, error->hint);
    _exit(EXIT_NO_LIBRARY);
}

void *clo_lazy_resolve(uint64_t function)
{
    const struct function *wanted = &clo_lazy_functions[function];
    int before = errno; /* the caller's function has not run yet */
    struct clo_error error = {0};
    void *handle = load(clo_lazy_libraries[wanted->library], &error);
    void *found = handle ? dlsym(handle, wanted->name) : NULL;
    if (!handle)
        give_up(&error);
    if (!found) {
        clo_fail(&error, CLO_ESYSTEM, "the library %s has no function %s",
                 clo_lazy_libraries[wanted->library], wanted->name);
        give_up(&error);
    }
    atomic_store_explicit(&clo_lazy_slots[function], found, memory_order_release);
    errno = before;
    return found;
}
