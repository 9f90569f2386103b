/* path.c - an empty path names nothing (POSIX, 4.13). The C library takes it for the working
 * folder.
 *
 * Both functions take the place of the C library's (wasm.sh, --wrap): all of its calls with a path
 * come through the first, but chdir.
 */
#include <errno.h>
#include <unistd.h>

#include <wasi/libc-find-relpath.h>

int __real___wasilibc_find_relpath_alloc(const char *path, const char **prefix, char **relative,
                                         size_t *length, int may_grow);
int __real_chdir(const char *path);

int __wrap___wasilibc_find_relpath_alloc(const char *path, const char **prefix, char **relative,
                                         size_t *length, int may_grow)
{
    return *path == '\0'
               ? -1 /* the caller says ENOENT */
               : __real___wasilibc_find_relpath_alloc(path, prefix, relative, length, may_grow);
}

int __wrap_chdir(const char *path)
{
    if (*path == '\0') {
        errno = ENOENT;
        return -1;
    }
    return __real_chdir(path);
}
