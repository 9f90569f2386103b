/* memory_limit.c - /proc/meminfo (where it is hidden, the system call), and the control groups' files by way of /proc/self. */
#include "base/memory_limit.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#define MIB (1ull << 20)
#define NO_LIMIT (1ull << 62) /* version 1 has no "max" but a number that no machine reaches */

struct version {            /* of control groups */
    const char *type;       /* of its file system in mountinfo */
    const char *controller; /* version 1: what its hierarchy controls; NULL: version 2 */
    const char *file;       /* of a group: its limit */
};

static const struct version versions[] = {
    {"cgroup2", NULL, "memory.max"},
    {"cgroup", "memory", "memory.limit_in_bytes"},
};

static FILE *open_below(const char *root, const char *path)
{
    char whole[PATH_MAX];
    int length = snprintf(whole, sizeof whole, "%s%s", root, path);
    return length < 0 || (size_t)length >= sizeof whole ? NULL : fopen(whole, "re");
}

/* Is `word` one of a comma-separated list's? */
static bool lists(const char *list, size_t length, const char *word)
{
    size_t wanted = strlen(word);
    while (length) {
        const char *comma = memchr(list, ',', length);
        size_t here = comma ? (size_t)(comma - list) : length;
        if (here == wanted && memcmp(list, word, wanted) == 0)
            return true;
        length -= comma ? here + 1 : here;
        list += here + 1;
    }
    return false;
}

/* The process's group, from lines "number:controllers:path". The caller frees it; NULL: none. */
static char *find_group(const char *root, const struct version *version)
{
    FILE *file = open_below(root, "/proc/self/cgroup");
    char *line = NULL, *group = NULL;
    size_t room = 0;
    while (file && !group && getline(&line, &room, file) > 0) {
        const char *list = strchr(line, ':');
        const char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        size_t length = (size_t)(path - ++list);
        line[strcspn(line, "\n")] = '\0';
        if (version->controller ? lists(list, length, version->controller) : length == 0)
            group = strdup(path + 1);
    }
    if (file)
        fclose(file);
    free(line);
    return group;
}

/* Does this line of mountinfo mount the version's tree? What of the tree, and where. "id parent
 * major:minor WHAT WHERE options… - TYPE source OPTIONS" (proc_pid_mountinfo(5)) */
static bool read_mount(const char *line, const struct version *version, char what[PATH_MAX],
                       char where[PATH_MAX])
{
    char type[32], options[1024];
    const char *second = strstr(line, " - ");
    _Static_assert(PATH_MAX == 4096, "the widths below");
    return second && sscanf(second, " - %31s %*s %1023s", type, options) == 2 &&
           strcmp(type, version->type) == 0 &&
           (!version->controller || lists(options, strlen(options), version->controller)) &&
           sscanf(line, "%*s %*s %*s %4095s %4095s", what, where) == 2;
}

static bool find_mount(const char *root, const struct version *version, char what[PATH_MAX],
                       char where[PATH_MAX])
{
    FILE *file = open_below(root, "/proc/self/mountinfo");
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    while (file && !found && getline(&line, &room, file) > 0)
        found = read_mount(line, version, what, where);
    if (file)
        fclose(file);
    free(line);
    return found;
}

/* A file that begins with a number: a limit. UINT64_MAX for "max", or if there is no such file. */
static uint64_t read_limit(const char *root, const char *folder, const char *group,
                           const char *name)
{
    char path[PATH_MAX];
    unsigned long long value = ULLONG_MAX;
    int length = snprintf(path, sizeof path, "%s%s/%s", folder, group, name);
    FILE *file = length < 0 || (size_t)length >= sizeof path ? NULL : open_below(root, path);
    if (file && fscanf(file, "%llu", &value) != 1)
        value = ULLONG_MAX;
    if (file)
        fclose(file);
    return value < NO_LIMIT ? value : UINT64_MAX;
}

/* The least limit from the process's group up to the top of what is mounted. */
static uint64_t least_of_groups(const char *root, const struct version *version)
{
    char what[PATH_MAX], where[PATH_MAX];
    uint64_t least = UINT64_MAX;
    char *group = find_group(root, version);
    if (!group || !find_mount(root, version, what, where)) {
        free(group);
        return least;
    }
    size_t shown = strcmp(what, "/") == 0 ? 0 : strlen(what);
    bool inside = strncmp(group, what, shown) == 0 &&
                  (group[shown] == '/' || group[shown] == '\0') && !strstr(group, "/..");
    char *rest = inside ? group + shown : group + strlen(group); /* else only the top is seen */
    for (;;) {
        uint64_t limit = read_limit(root, where, rest, version->file);
        if (limit < least)
            least = limit;
        char *slash = strrchr(rest, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    free(group);
    return least;
}

static uint64_t read_total(const char *root)
{
    FILE *file = open_below(root, "/proc/meminfo");
    char line[256];
    unsigned long long kib = 0;
    while (file && !kib && fgets(line, sizeof line, file))
        if (sscanf(line, "MemTotal: %llu kB", &kib) != 1)
            kib = 0;
    if (file)
        fclose(file);
    struct sysinfo info;
    if (!kib && !*root && sysinfo(&info) == 0) /* ProcSubset=pid, no /proc */
        return (uint64_t)info.totalram * info.mem_unit;
    return kib * 1024;
}

uint64_t clo_memory_limit(const char *root)
{
    uint64_t total = read_total(root), least = total ? total : UINT64_MAX;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        uint64_t limit = least_of_groups(root, &versions[i]);
        if (limit < least)
            least = limit;
    }
    return least == UINT64_MAX ? 0 : least / MIB * MIB;
}
