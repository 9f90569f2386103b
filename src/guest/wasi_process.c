/* wasi_process.c - what a program is told about itself, and how it ends: arguments, environment,
 * clocks, random bytes, exit. Sockets do not exist.
 */
#include <string.h>

#include "wasi.h"

/* The environment of every program in here. Home and temporary files are in the RAM file system. */
static const char *const environment[] = {
    "HOME=/tmp", "LANG=C.UTF-8", "PATH=/usr/bin:/bin", "TMPDIR=/tmp", "TZ=UTC", "USER=sandbox",
};
static const char *const arguments[] = {"main"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static uint32_t text_size(const char *text) /* with its NUL */
{
    uint32_t size = 1;

    while (*text++ != '\0') {
        size++;
    }
    return size;
}

static uint32_t store_sizes(const char *const *texts, uint32_t count, uint32_t count_out,
                            uint32_t size_out)
{
    uint32_t total = 0;

    for (uint32_t i = 0; i < count; i++) {
        total += text_size(texts[i]);
    }
    clo_store32(count_out, count);
    clo_store32(size_out, total);
    return 0;
}

static uint32_t store_texts(const char *const *texts, uint32_t count, uint32_t pointers,
                            uint32_t buffer)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = text_size(texts[i]);

        clo_store32(pointers + 4 * i, buffer);
        memcpy(clo_linear(buffer, size), texts[i], size);
        buffer += size;
    }
    return 0;
}

uint32_t CLO_WASI(args_sizes_get)(clo_wasi self, uint32_t count, uint32_t size)
{
    (void)self;
    return store_sizes(arguments, COUNT(arguments), count, size);
}

uint32_t CLO_WASI(args_get)(clo_wasi self, uint32_t pointers, uint32_t buffer)
{
    (void)self;
    return store_texts(arguments, COUNT(arguments), pointers, buffer);
}

uint32_t CLO_WASI(environ_sizes_get)(clo_wasi self, uint32_t count, uint32_t size)
{
    (void)self;
    return store_sizes(environment, COUNT(environment), count, size);
}

uint32_t CLO_WASI(environ_get)(clo_wasi self, uint32_t pointers, uint32_t buffer)
{
    (void)self;
    return store_texts(environment, COUNT(environment), pointers, buffer);
}

uint32_t CLO_WASI(clock_res_get)(clo_wasi self, uint32_t clock, uint32_t out)
{
    (void)self;
    if (clock > 3) {
        return CLO_E_INVAL;
    }
    clo_store64(out, 1); /* the counter ticks faster than once in a nanosecond */
    return 0;
}

uint32_t CLO_WASI(clock_time_get)(clo_wasi self, uint32_t clock, uint64_t precision, uint32_t out)
{
    (void)self, (void)precision;
    switch (clock) {
    case 0: clo_store64(out, clo_clock_realtime()); return 0;
    case 1: clo_store64(out, clo_clock_monotonic()); return 0;
    case 2: /* of the process */
    case 3: /* of the thread, which is the same */ clo_store64(out, clo_clock_cpu()); return 0;
    default: return CLO_E_INVAL;
    }
}

uint32_t CLO_WASI(random_get)(clo_wasi self, uint32_t buffer, uint32_t length)
{
    (void)self;
    clo_random_fill(clo_linear(buffer, length), length);
    return 0;
}

_Noreturn void CLO_WASI(proc_exit)(clo_wasi self, uint32_t code)
{
    (void)self;
    clo_host_end(CLO_OP_EXIT, code);
}

uint32_t CLO_WASI(proc_raise)(clo_wasi self, uint32_t signal)
{
    (void)self, (void)signal;
    return CLO_E_NOSYS;
}

uint32_t CLO_WASI(sched_yield)(clo_wasi self)
{
    (void)self;
    return 0; /* there is nobody to yield to */
}

static uint32_t no_socket(uint32_t fd)
{
    return clo_descriptor_get(fd) == NULL ? CLO_E_BADF : CLO_E_NOTSOCK;
}

uint32_t CLO_WASI(sock_accept)(clo_wasi self, uint32_t fd, uint32_t flags, uint32_t out)
{
    (void)self, (void)flags, (void)out;
    return no_socket(fd);
}

uint32_t CLO_WASI(sock_recv)(clo_wasi self, uint32_t fd, uint32_t vectors, uint32_t count,
                             uint32_t flags, uint32_t out, uint32_t out_flags)
{
    (void)self, (void)vectors, (void)count, (void)flags, (void)out, (void)out_flags;
    return no_socket(fd);
}

uint32_t CLO_WASI(sock_send)(clo_wasi self, uint32_t fd, uint32_t vectors, uint32_t count,
                             uint32_t flags, uint32_t out)
{
    (void)self, (void)vectors, (void)count, (void)flags, (void)out;
    return no_socket(fd);
}

uint32_t CLO_WASI(sock_shutdown)(clo_wasi self, uint32_t fd, uint32_t how)
{
    (void)self, (void)how;
    return no_socket(fd);
}
