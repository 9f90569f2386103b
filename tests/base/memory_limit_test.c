/* memory_limit_test.c - the memory of a process, read from sample files as machines and containers
 * have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/memory_limit.h"

#define MIB (1ull << 20)
#define FILES_MAX 10

struct sample {
    const char *name;
    uint64_t expected;
    struct {
        const char *path, *text;
    } files[FILES_MAX];
};

#define MEMINFO "/proc/meminfo", "MemTotal:       16777216 kB\nMemFree:  1 kB\n"
#define V2_MOUNT                                                                                   \
    "/proc/self/mountinfo", "22 1 0:20 / /proc rw - proc proc rw\n"                                \
                            "31 1 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 "     \
                            "rw,nsdelegate\n"
#define V1_MOUNTS                                                                                  \
    "/proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"          \
                            "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"

static const struct sample samples[] = {
    {"a machine without groups", 16384 * MIB, {{MEMINFO}}},
    {"nothing at all", 0, {{"/proc/other", "x"}}},
    {"version 1 without a limit, and no file of the machine's",
     0,
     {{V1_MOUNTS},
      {"/proc/self/cgroup", "4:memory:/\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}}},
    {"version 2 without limits",
     16384 * MIB,
     {{MEMINFO},
      {V2_MOUNT},
      {"/proc/self/cgroup", "0::/user.slice/a.scope\n"},
      {"/sys/fs/cgroup/user.slice/a.scope/memory.max", "max\n"},
      {"/sys/fs/cgroup/user.slice/memory.max", "max\n"}}},
    {"version 2, a limit of its own, rounded down",
     512 * MIB,
     {{MEMINFO},
      {V2_MOUNT},
      {"/proc/self/cgroup", "0::/user.slice/a.scope\n"},
      {"/sys/fs/cgroup/user.slice/a.scope/memory.max", "537000000\n"},
      {"/sys/fs/cgroup/user.slice/memory.max", "1073741824\n"}}},
    {"version 2, the limit of a group above",
     300 * MIB,
     {{MEMINFO},
      {V2_MOUNT},
      {"/proc/self/cgroup", "0::/a/b/c\n"},
      {"/sys/fs/cgroup/a/b/c/memory.max", "1073741824\n"},
      {"/sys/fs/cgroup/a/b/memory.max", "max\n"},
      {"/sys/fs/cgroup/a/memory.max", "314572800\n"}}},
    {"a container with a group namespace: its top is its own",
     1024 * MIB,
     {{MEMINFO},
      {V2_MOUNT},
      {"/proc/self/cgroup", "0::/\n"},
      {"/sys/fs/cgroup/memory.max", "1073741824\n"}}},
    {"a group outside of what is mounted: only the top is seen",
     2048 * MIB,
     {{MEMINFO},
      {V2_MOUNT},
      {"/proc/self/cgroup", "0::/../other\n"},
      {"/sys/fs/cgroup/memory.max", "2147483648\n"},
      {"/sys/fs/cgroup/other/memory.max", "1048576\n"}}},
    {"version 1",
     256 * MIB,
     {{MEMINFO},
      {V1_MOUNTS},
      {"/proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/x/y\n0::/\n"},
      {"/sys/fs/cgroup/memory/x/y/memory.limit_in_bytes", "9223372036854771712\n"},
      {"/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "268435456\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}}},
    {"version 1 in a container that sees a part of the tree",
     128 * MIB,
     {{MEMINFO},
      {"/proc/self/mountinfo",
       "35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"},
      {"/proc/self/cgroup", "4:memory:/docker/ab\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n"},
      {"/sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes", "1048576\n"}}},
    {"a name that only begins alike is another group",
     128 * MIB,
     {{MEMINFO},
      {"/proc/self/mountinfo",
       "35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"},
      {"/proc/self/cgroup", "4:memory:/docker/abc\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n"},
      {"/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "1048576\n"}}},
    {"both versions: the smaller",
     64 * MIB,
     {{MEMINFO},
      {"/proc/self/mountinfo", "35 31 0:32 / /one rw - cgroup cgroup rw,memory\n"
                               "36 31 0:33 / /two rw - cgroup2 cgroup2 rw\n"},
      {"/proc/self/cgroup", "4:memory:/g\n0::/g\n"},
      {"/one/g/memory.limit_in_bytes", "134217728\n"},
      {"/two/g/memory.max", "67108864\n"}}},
    {"files of garbage are no limits",
     16384 * MIB,
     {{MEMINFO},
      {"/proc/self/mountinfo", "\n - \n35 - cgroup2\nx x x / /sys/fs/cgroup - cgroup2 c rw\n"},
      {"/proc/self/cgroup", "\n:\n::\n0::/g\n"},
      {"/sys/fs/cgroup/g/memory.max", "many\n"},
      {"/sys/fs/cgroup/memory.max", ""}}},
};

static void make_folders(char *path)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s%s", folder, name);
    make_folders(path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void sample_machines(void **state)
{
    (void)state;
    char top[] = "/tmp/clo-machine-XXXXXX";
    assert_non_null(mkdtemp(top));
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char folder[64];
        snprintf(folder, sizeof folder, "%s/%zu", top, i);
        for (int k = 0; k < FILES_MAX && samples[i].files[k].path; k++)
            put(folder, samples[i].files[k].path, samples[i].files[k].text);
        uint64_t found = clo_memory_limit(folder);
        if (found != samples[i].expected)
            fail_msg("%s: %llu bytes", samples[i].name, (unsigned long long)found);
    }
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", top);
    assert_int_equal(system(command), 0);
}

static void this_machine_has_memory(void **state)
{
    (void)state;
    assert_true(clo_memory_limit("") >= 64 * MIB);
    assert_int_equal(clo_memory_limit("") % MIB, 0);
    assert_int_equal(clo_memory_limit("/nowhere"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sample_machines),
        cmocka_unit_test(this_machine_has_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
