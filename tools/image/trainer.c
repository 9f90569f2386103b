/* trainer.c - a Linux program around a guest built with profile counters: runs Python scripts in
 * it.
 *
 *   trainer SCRIPT.py...     exit status 0 when every script ended without an exception
 *
 * Everything the guest can observe is the same in every training: the clocks count their readings,
 * the random numbers are a fixed sequence, there are no files. So the same inputs give the same
 * counts, and the image stays reproducible. Not part of the image.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

#ifndef MEMBASE
#error "MEMBASE must be the address that the guest's code was compiled for"
#endif
#define RESERVED (8ull << 30)      /* index and offset of an access are 32 bits each */
#define MEMORY_MAX (1ull << 30)    /* of linear memory */
#define NATIVE_STACK (256ul << 20) /* counters make frames large */
#define SCRIPT_MAX (1l << 20)
#define TABLE_MAX 65536
#define WASM_PAGE 65536ull

struct w2c_wasi__snapshot__preview1 {
    uint64_t clock_ns;
    uint64_t random;
};
static struct w2c_wasi__snapshot__preview1 wasi = {.clock_ns = 1735689600000000000ull};
static w2c_guest guest;
static char **scripts;

static uint8_t *at(uint32_t address)
{
    return (uint8_t *)(uintptr_t)MEMBASE + address;
}
static void put32(uint32_t address, uint32_t value)
{
    memcpy(at(address), &value, 4);
}
static void put64(uint32_t address, uint64_t value)
{
    memcpy(at(address), &value, 8);
}
static uint32_t get32(uint32_t address)
{
    uint32_t value;
    memcpy(&value, at(address), 4);
    return value;
}
static uint64_t get64(uint32_t address)
{
    uint64_t value;
    memcpy(&value, at(address), 8);
    return value;
}

static void fail(const char *what)
{
    fprintf(stderr, "trainer: %s\n", what);
    exit(3);
}

/* The runtime that wasm2c's code calls. */

bool wasm_rt_is_initialized(void)
{
    return true;
}
void wasm_rt_free_memory(wasm_rt_memory_t *memory)
{
    (void)memory;
}
void wasm_rt_free_funcref_table(wasm_rt_funcref_table_t *table)
{
    free(table->data);
}

void wasm_rt_trap(wasm_rt_trap_t trap)
{
    fprintf(stderr, "trainer: trap %d\n", (int)trap);
    exit(3);
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t pages, uint64_t max, bool is64)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    void *start = mmap(at(0), RESERVED, PROT_NONE, flags, -1, 0);

    if (start != (void *)at(0) || mprotect(start, MEMORY_MAX, PROT_READ | PROT_WRITE))
        fail("no address space for linear memory");
    memory->data = start;
    memory->pages = pages;
    memory->max_pages = max;
    memory->size = pages * WASM_PAGE;
    memory->is64 = is64;
}

uint64_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint64_t pages)
{
    uint64_t old = memory->pages;

    if (pages > MEMORY_MAX / WASM_PAGE - old)
        return UINT64_MAX;
    memory->pages += pages;
    memory->size = memory->pages * WASM_PAGE;
    return old;
}

void wasm_rt_allocate_funcref_table(wasm_rt_funcref_table_t *table, uint32_t size, uint32_t max)
{
    if (size > TABLE_MAX)
        fail("the function table is too large");
    table->data = calloc(size, sizeof(wasm_rt_funcref_t));
    if (!table->data)
        fail("no memory for the function table");
    table->size = size;
    table->max_size = max;
}

/* WASI preview 1: output, clocks, random numbers; no files, no arguments. */

enum { OK = 0, BADF = 8, NOENT = 44, NOSYS = 52, SPIPE = 70, NOTSUP = 58 };
#define WASI(name, ...)                                                                            \
    uint32_t w2c_wasi__snapshot__preview1_##name(struct w2c_wasi__snapshot__preview1 *w,           \
                                                 __VA_ARGS__)
typedef uint32_t u32;
typedef uint64_t u64;

WASI(fd_write, u32 fd, u32 vectors, u32 count, u32 result)
{
    u32 total = 0;
    (void)w;
    if (fd != 1 && fd != 2)
        return BADF;
    for (u32 i = 0; i < count; i++) {
        u32 length = get32(vectors + 8 * i + 4);
        if (length && write((int)fd, at(get32(vectors + 8 * i)), length) != (ssize_t)length)
            return NOSYS;
        total += length;
    }
    put32(result, total);
    return OK;
}
WASI(fd_read, u32 fd, u32 vectors, u32 count, u32 result)
{
    (void)w, (void)vectors, (void)count;
    put32(result, 0);
    return fd == 0 ? OK : BADF;
}
WASI(fd_fdstat_get, u32 fd, u32 result)
{
    (void)w;
    if (fd > 2)
        return BADF;
    put64(result, 2); /* a character device */
    put64(result + 8, ~0ull >> 34);
    put64(result + 16, 0);
    return OK;
}
WASI(fd_filestat_get, u32 fd, u32 result)
{
    (void)w;
    if (fd > 2)
        return BADF;
    memset(at(result), 0, 64);
    *at(result + 16) = 2;
    return OK;
}
WASI(clock_res_get, u32 clock, u32 result)
{
    (void)w, (void)clock;
    put64(result, 1);
    return OK;
}
WASI(clock_time_get, u32 clock, u64 precision, u32 result)
{
    (void)clock, (void)precision;
    put64(result, w->clock_ns += 1000);
    return OK;
}
WASI(poll_oneoff, u32 in, u32 out, u32 count, u32 result)
{
    if (count != 1 || *at(in + 8) != 0)
        return NOSYS;
    u64 deadline = get64(in + 24);
    if (!(get32(in + 40) & 1)) /* relative */
        deadline += w->clock_ns;
    if (deadline > w->clock_ns)
        w->clock_ns = deadline;
    memset(at(out), 0, 32);
    put64(out, get64(in));
    put32(result, 1);
    return OK;
}
WASI(random_get, u32 buffer, u32 length)
{
    for (u32 i = 0; i < length; i++) {
        w->random = w->random * 6364136223846793005ull + 1442695040888963407ull;
        *at(buffer + i) = (uint8_t)(w->random >> 56);
    }
    return OK;
}
WASI(args_sizes_get, u32 a, u32 b)
{
    (void)w;
    put32(a, 0);
    put32(b, 0);
    return OK;
}
WASI(environ_sizes_get, u32 a, u32 b)
{
    (void)w;
    put32(a, 0);
    put32(b, 0);
    return OK;
}
void w2c_wasi__snapshot__preview1_proc_exit(struct w2c_wasi__snapshot__preview1 *w, u32 code)
{
    (void)w;
    exit((int)code);
}

uint32_t w2c_wasi__snapshot__preview1_sched_yield(struct w2c_wasi__snapshot__preview1 *w)
{
    (void)w;
    return OK;
}

/* What is refused, whatever the arguments. */
#define REFUSE(name, answer, ...)                                                                  \
    WASI(name, __VA_ARGS__)                                                                        \
    {                                                                                              \
        (void)w;                                                                                   \
        return answer;                                                                             \
    }
#pragma GCC diagnostic ignored "-Wunused-parameter"
REFUSE(args_get, OK, u32 a, u32 b)
REFUSE(environ_get, OK, u32 a, u32 b)
REFUSE(fd_advise, BADF, u32 f, u64 a, u64 b, u32 c)
REFUSE(fd_allocate, BADF, u32 f, u64 a, u64 b)
REFUSE(fd_close, OK, u32 f)
REFUSE(fd_datasync, OK, u32 f)
REFUSE(fd_sync, OK, u32 f)
REFUSE(fd_fdstat_set_flags, OK, u32 f, u32 a)
REFUSE(fd_filestat_set_size, BADF, u32 f, u64 a)
REFUSE(fd_filestat_set_times, BADF, u32 f, u64 a, u64 b, u32 c)
REFUSE(fd_pread, BADF, u32 f, u32 a, u32 b, u64 c, u32 d)
REFUSE(fd_pwrite, BADF, u32 f, u32 a, u32 b, u64 c, u32 d)
REFUSE(fd_prestat_get, BADF, u32 f, u32 a)
REFUSE(fd_prestat_dir_name, BADF, u32 f, u32 a, u32 b)
REFUSE(fd_readdir, BADF, u32 f, u32 a, u32 b, u64 c, u32 d)
REFUSE(fd_renumber, BADF, u32 f, u32 a)
REFUSE(fd_seek, SPIPE, u32 f, u64 a, u32 b, u32 c)
REFUSE(fd_tell, SPIPE, u32 f, u32 a)
REFUSE(path_create_directory, NOENT, u32 f, u32 a, u32 b)
REFUSE(path_filestat_get, NOENT, u32 f, u32 a, u32 b, u32 c, u32 d)
REFUSE(path_filestat_set_times, NOENT, u32 f, u32 a, u32 b, u32 c, u64 d, u64 e, u32 g)
REFUSE(path_link, NOENT, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f, u32 g)
REFUSE(path_open, NOENT, u32 f, u32 a, u32 b, u32 c, u32 d, u64 e, u64 g, u32 h, u32 i)
REFUSE(path_readlink, NOENT, u32 f, u32 a, u32 b, u32 c, u32 d, u32 e)
REFUSE(path_remove_directory, NOENT, u32 f, u32 a, u32 b)
REFUSE(path_rename, NOENT, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f)
REFUSE(path_symlink, NOENT, u32 a, u32 b, u32 c, u32 d, u32 e)
REFUSE(path_unlink_file, NOENT, u32 f, u32 a, u32 b)
REFUSE(sock_accept, NOTSUP, u32 a, u32 b, u32 c)
REFUSE(sock_recv, NOTSUP, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f)
REFUSE(sock_send, NOTSUP, u32 a, u32 b, u32 c, u32 d, u32 e)
REFUSE(sock_shutdown, NOTSUP, u32 a, u32 b)

/* Run one script; returns whether it ended with an exception. */
static int run_script(const char *path)
{
    static char text[SCRIPT_MAX];
    FILE *file = fopen(path, "rb");

    if (!file)
        fail(strerror(errno));
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = 0;
    u32 buffer = w2c_guest_train_buffer(&guest, (u32)length + 1);
    if (!buffer)
        fail("no memory for the script");
    memcpy(at(buffer), text, length + 1);
    return w2c_guest_train_run(&guest, buffer) != 0;
}

static void *train(void *unused)
{
    long failed = 0;

    wasm2c_guest_instantiate(&guest, &wasi);
    w2c_guest_0x5Finitialize(&guest);
    if (w2c_guest_train_start(&guest))
        fail("the interpreter does not start");
    for (char **script = scripts; *script; script++) {
        if (run_script(*script)) {
            fprintf(stderr, "trainer: %s ended with an exception\n", *script);
            failed++;
        }
    }
    (void)unused;
    return (void *)failed;
}

int main(int count, char **arguments)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *failed = NULL;

    if (count < 2)
        fail("usage: trainer SCRIPT.py...");
    scripts = arguments + 1;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, NATIVE_STACK) ||
        pthread_create(&thread, &attributes, train, NULL) || pthread_join(thread, &failed))
        fail("no thread with a large stack");
    return failed ? 1 : 0;
}
