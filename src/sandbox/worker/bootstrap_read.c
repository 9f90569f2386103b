/* bootstrap_read.c - what the zygote does with its bootstrap. It comes from the program that this
 * one is a part of, so it is checked for mistakes, not for malice. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/run/runner.h"
#include "sandbox/worker/bootstrap_head.h"
#include "vm/vm.h"

static int check(const struct clo_bootstrap_head *head, uint64_t size, struct clo_error *error)
{
    uint64_t wanted = size < sizeof *head
                          ? UINT64_MAX
                          : sizeof *head + (uint64_t)head->path_length + head->manifest_length;
    if (wanted == size && head->path_length < PATH_MAX)
        return 0;
    return clo_fail(error, CLO_EINTERNAL, "a worker's bootstrap of %llu bytes is not well-formed",
                    (unsigned long long)size);
}

int clo_bootstrap_read(struct clo_bootstrap *bootstrap, struct clo_error *error)
{
    struct stat file;
    char path[PATH_MAX] = "";
    struct clo_image *image;
    if (fstat(CLO_BOOTSTRAP_WORDS, &file))
        return clo_fail_errno(error, CLO_ESYSTEM, "a worker's bootstrap");
    uint64_t size = (uint64_t)file.st_size;
    const struct clo_bootstrap_head *head =
        mmap(NULL, size ? size : 1, PROT_READ, MAP_PRIVATE, CLO_BOOTSTRAP_WORDS, 0);
    if (head == MAP_FAILED)
        return clo_fail_errno(error, CLO_ESYSTEM, "mapping a worker's bootstrap");
    close(CLO_BOOTSTRAP_WORDS); /* the mapping stays: the manifest lies there */
    int status = check(head, size, error);
    if (status)
        return status;
    const char *words = (const char *)(head + 1);
    __builtin_memcpy(path, words, head->path_length);
    if (head->isolation == CLO_ISOLATION_MICROVM)
        clo_kvm_adopt(CLO_BOOTSTRAP_KVM);
    /* the code in huge pages is 24 MiB to copy: for a pool's many workers, not for one of its own */
    status =
        clo_image_inherit(&image, CLO_BOOTSTRAP_IMAGE, path, head->image_copied && head->pooled,
                          (enum clo_isolation)head->isolation, error);
    if (status)
        return status;
    *bootstrap = (struct clo_bootstrap){.image = image,
                                        .isolation = (enum clo_isolation)head->isolation,
                                        .memory = head->memory,
                                        .pooled = head->pooled,
                                        .manifest = words + head->path_length,
                                        .manifest_length = head->manifest_length};
    return 0;
}

int clo_bootstrap_map(const struct clo_bootstrap *bootstrap, struct clo_runner **runner,
                      struct clo_error *error)
{
    return clo_runner_create(runner, bootstrap->image, bootstrap->isolation, bootstrap->memory,
                             bootstrap->manifest, bootstrap->manifest_length, error);
}
