/* processes.c - reading /proc. */
#include "processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW (1u << 20)     /* bytes of another process that are looked at together */
#define RANGE_MAX (8ul << 30) /* more than that only a sanitizer reserves, for its own tables */

static long parent_of(long pid)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    char *after = strrchr(text, ')'); /* pid (name) state parent ... */
    long parent;
    return after && sscanf(after, ") %*c %ld", &parent) == 1 ? parent : -1;
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
        long parent = parent_of(pid);
        if (parent == getpid() || parent_of(parent) == getpid())
            pids[count++] = pid;
    }
    closedir(folder);
    return count;
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
