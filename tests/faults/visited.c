/* visited.c - see visited.h. What earlier runs left is read once, into a table. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "visited.h"

#define LINE 19 /* bytes: "+ 0123456789abcdef\n" */
enum { SLOTS = 1 << 20, KEYS_MAX = SLOTS / 2, FILE_MAX = KEYS_MAX * LINE };

static struct slot {
    uint64_t key;
    enum visited how;
} * slots; /* not of the heap, which LeakSanitizer would look through in every run */
static unsigned keys;
static int file = -1;

static struct slot *slot_of(uint64_t key)
{
    uint64_t i = key % SLOTS;
    while (slots[i].key && slots[i].key != key)
        i = (i + 1) % SLOTS;
    return &slots[i];
}

static void learn(uint64_t key, enum visited how)
{
    struct slot *slot = slot_of(key);
    if (!slot->key && keys == KEYS_MAX)
        return;
    keys += !slot->key;
    *slot = (struct slot){key, how};
}

static void read_line(const char *line, size_t length)
{
    char text[LINE] = "", *end;
    if (length != LINE - 1 || (line[0] != '+' && line[0] != '!') || line[1] != ' ')
        return;
    memcpy(text, line + 2, length - 2);
    uint64_t key = strtoull(text, &end, 16);
    if (key && end == text + length - 2)
        learn(key, line[0] == '+' ? VISITED_CLEAN : VISITED_FOUND);
}

static void read_lines(const char *text, const char *end)
{
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop)
            break;
        read_line(text, (size_t)(stop - text));
        text = stop + 1;
    }
}

void visited_open(const char *path)
{
    struct stat about;
    slots = mmap(NULL, SLOTS * sizeof *slots, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
    if (slots == MAP_FAILED) {
        perror("faults: memory for what was visited");
        exit(2);
    }
    if (!path)
        return;
    file = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (file < 0 || fstat(file, &about)) {
        fprintf(stderr, "faults: %s: %s; nothing is kept\n", path, strerror(errno));
        return;
    }
    size_t size = about.st_size < FILE_MAX ? (size_t)about.st_size : FILE_MAX;
    const char *text = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
    if (text != MAP_FAILED) {
        read_lines(text, text + size);
        munmap((void *)(uintptr_t)text, size);
    }
    if (about.st_size >= FILE_MAX) {
        close(file);
        file = -1; /* enough */
    }
}

enum visited visited_get(uint64_t key)
{
    const struct slot *slot = slot_of(key);
    return slot->key ? slot->how : VISITED_NOT;
}

/* One write of a whole line: what several processes add does not mix. */
void visited_put(uint64_t key, enum visited how)
{
    char line[LINE + 1];
    if (visited_get(key) == how)
        return;
    learn(key, how);
    if (file < 0)
        return;
    snprintf(line, sizeof line, "%c %016llx\n", how == VISITED_CLEAN ? '+' : '!',
             (unsigned long long)key);
    if (write(file, line, LINE) != LINE)
        fprintf(stderr, "faults: what was visited cannot be kept: %s\n", strerror(errno));
}
