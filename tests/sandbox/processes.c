/* processes.c - reading /proc. */
#include "processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WINDOW (1u << 20)     /* bytes of another process that are looked at together */
#define RANGE_MAX (8ul << 30) /* more than that only a sanitizer reserves, for its own tables */

/* "pid (name) state parent ...", and the name may hold anything. */
static bool read_stat(long pid, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(text, 1, size - 1, file);
    fclose(file);
    text[length] = '\0';
    return strrchr(text, ')') != NULL;
}

static long parent_of(long pid)
{
    char text[512];
    long parent;
    return read_stat(pid, text, sizeof text) &&
                   sscanf(strrchr(text, ')'), ") %*c %ld", &parent) == 1
               ? parent
               : -1;
}

static bool is_called(long pid, const char *name)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool same = fgets(text, sizeof text, file) && strncmp(text, name, strlen(name)) == 0;
    fclose(file);
    return same;
}

size_t processes_find(const char *name, long *pids, size_t most)
{
    size_t count = 0;
    DIR *folder = opendir("/proc");
    if (!folder)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder)) && count < most;) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || !is_called(pid, name))
            continue;
        long ancestor = pid; /* a worker's parent is the zygote, or a keeper whose parent that is */
        for (int steps = 0; steps < 3 && ancestor > 0 && ancestor != getpid(); steps++)
            ancestor = parent_of(ancestor);
        if (ancestor == getpid())
            pids[count++] = pid;
    }
    closedir(folder);
    return count;
}

/* Nothing of it runs any more: it is gone, or all that is left is a first thread nobody waited for.
 */
static bool has_ended(long pid)
{
    char path[64], text[512], state = 0;
    size_t threads = 0;
    snprintf(path, sizeof path, "/proc/%ld/task", pid);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        threads += entry->d_name[0] != '.';
    if (folder)
        closedir(folder);
    if (read_stat(pid, text, sizeof text))
        sscanf(strrchr(text, ')'), ") %c", &state);
    return !state || (threads <= 1 && state == 'Z');
}

void processes_await_end(long pid)
{
    for (int i = 0; i < 6000; i++) {
        if (has_ended(pid))
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    fail_msg("process %ld does not end", pid);
}

/* Windows overlap by `length`, so that nothing is missed between two. */
static bool range_holds(int memory, unsigned long start, unsigned long end, const void *bytes,
                        size_t length)
{
    static char window[WINDOW];
    bool found = false;
    while (start < end && !found) {
        size_t size = end - start < WINDOW ? end - start : WINDOW;
        ssize_t got = pread(memory, window, size, (off_t)start);
        found = got > 0 && memmem(window, (size_t)got, bytes, length);
        if (start + size >= end)
            break;
        start += size - length;
    }
    return found;
}

bool processes_hold(long pid, const void *bytes, size_t length)
{
    char path[64], line[512];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%ld/mem", pid);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%ld/maps", pid);
    FILE *maps = fopen(path, "re");
    while (memory >= 0 && maps && !found && fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        char readable;
        if (sscanf(line, "%lx-%lx %c", &start, &end, &readable) == 3 && readable == 'r' &&
            end - start <= RANGE_MAX && !strstr(line, "[v")) /* vsyscall, vvar: the kernel's */
            found = range_holds(memory, start, end, bytes, length);
    }
    if (maps)
        fclose(maps);
    if (memory >= 0)
        close(memory);
    return found;
}

static uint64_t resident_at_most(long pid)
{
    char path[64];
    unsigned long pages = 0, shared = 0;
    snprintf(path, sizeof path, "/proc/%ld/statm", pid); /* size resident shared ... */
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    int got = fscanf(file, "%*u %lu %lu", &pages, &shared);
    fclose(file);
    return got == 2 && pages > shared ? (pages - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Summed over the mappings: of what no other process has the anonymous part. */
uint64_t processes_resident(long pid)
{
    char path[64], line[512];
    unsigned long long kib, alone = 0, sum = 0;
    snprintf(path, sizeof path, "/proc/%ld/smaps", pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) { /* Private_… come before Anonymous */
        if (sscanf(line, "Private_Clean: %llu", &kib) == 1)
            alone = kib;
        else if (sscanf(line, "Private_Dirty: %llu", &kib) == 1)
            alone += kib;
        else if (sscanf(line, "Anonymous: %llu", &kib) == 1)
            sum += kib < alone ? kib : alone;
    }
    if (file)
        fclose(file);
    return sum ? sum * 1024 : resident_at_most(pid);
}
