/* files_test.c - folders and files of the host below /input, by real Python, in both placements.
 *
 * Each test has a folder of its own, mounted as /input/data, with a file `outside` beside it that
 * holds SECRET: whatever the code does, that must not be read. The tool `poke` changes the folder
 * while the code runs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "processes.h"
#include "runs.h"

#define SECRET "not-for-the-guest"
#define BIG_SIZE (5u << 20)

static char top[64]; /* of the test: top/data is mounted, top/outside is not */

/* ---- the host's side of a test ---- */

static const char *path_of(const char *name)
{
    static char path[4][5000];
    static unsigned next;
    char *out = path[next++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", top, name);
    return out;
}

static void put_bytes(const char *name, const void *data, size_t length)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void put(const char *name, const char *text)
{
    put_bytes(name, text, strlen(text));
}

static void folder(const char *name)
{
    assert_int_equal(mkdir(path_of(name), 0755), 0);
}

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *walk)
{
    (void)stat, (void)flag, (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What the tool `poke` does, by its one argument. */
static int poke(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    const char *what = clo_value_text(clo_value_get(arguments, "what"));
    (void)context;
    if (strcmp(what, "write") == 0)
        put("data/a.txt", "changed, and longer than it was");
    else if (strcmp(what, "shorten") == 0)
        put("data/a.txt", "c");
    else if (strcmp(what, "replace") == 0) {
        put("data/new", "another file");
        rename(path_of("data/new"), path_of("data/a.txt"));
    } else if (strcmp(what, "delete") == 0)
        unlink(path_of("data/a.txt"));
    else if (strcmp(what, "link") == 0) {
        unlink(path_of("data/a.txt"));
        (void)!symlink("../outside", path_of("data/a.txt"));
    } else if (strcmp(what, "vanish") == 0)
        remove_tree(path_of("data"));
    else
        return clo_tool_fail(error, "no such poke");
    return clo_value_set_text(result, what);
}

static const struct clo_tool tools[] = {{
    .name = "poke",
    .description = "Change the folder.",
    .parameters = "{\"type\": \"object\", \"properties\": {\"what\": {\"type\": \"string\"}}}",
    .call = poke,
}};

struct fixture {
    enum clo_placement placement;
    struct clo_sandbox *sandbox;
    struct clo_run_result *result; /* of the last run */
};
static struct fixture here = {.placement = CLO_PLACEMENT_THREAD};
static struct fixture there = {.placement = CLO_PLACEMENT_WORKER};

static void make_sandbox(struct fixture *fixture, const struct clo_mount *mounts, size_t count)
{
    struct clo_error error;
    struct clo_sandbox_config config =
        runs_config((struct clo_sandbox_config){.tools = tools,
                                                .tool_count = 1,
                                                .placement = fixture->placement,
                                                .mounts = mounts,
                                                .mount_count = count,
                                                .limits = {.wall_ms = 120000, .cpu_ms = 60000}});
    clo_sandbox_destroy(fixture->sandbox);
    fixture->sandbox = NULL;
    if (clo_sandbox_create(&fixture->sandbox, &config, &error))
        fail_msg("%s (%s)", error.message, error.hint);
}

static int set_up(void **state)
{
    struct fixture *fixture = *state;
    snprintf(top, sizeof top, "/tmp/cloche-files-XXXXXX");
    if (!mkdtemp(top))
        return -1;
    folder("data");
    put("outside", SECRET);
    put("data/a.txt", "hello\n");
    struct clo_mount mount = {.source = path_of("data")};
    make_sandbox(fixture, &mount, 1);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    clo_run_result_free(fixture->result);
    fixture->result = NULL;
    clo_sandbox_destroy(fixture->sandbox);
    fixture->sandbox = NULL;
    remove_tree(top);
    return 0;
}

static const struct clo_run_result *run_as(struct fixture *fixture, struct clo_run run)
{
    struct clo_error error = {0};
    clo_run_result_free(fixture->result);
    fixture->result = NULL;
    run.code_length = strlen(run.code);
    if (clo_sandbox_run(fixture->sandbox, &run, &fixture->result, &error))
        fail_msg("%s", error.message);
    const struct clo_run_result *result = fixture->result;
    assert_null(memmem(result->out, result->out_length, SECRET, strlen(SECRET)));
    return result;
}

/* The code prints what is expected, and ends well. */
static void prints(struct fixture *fixture, const char *expected, const char *code)
{
    const struct clo_run_result *result = run_as(fixture, (struct clo_run){.code = code});
    if (result->error.kind || strcmp(result->out, expected) != 0)
        fail_msg("%s\n-> %s\nnot %s\n%s", code, result->out, expected, result->err);
}

/* Helpers of the codes below: the number of the error that a call raises. */
#define NUMBER                                                                                     \
    "import os, errno\n"                                                                           \
    "def number(call, *arguments, **named):\n"                                                     \
    "    try:\n"                                                                                   \
    "        return call(*arguments, **named)\n"                                                   \
    "    except OSError as error:\n"                                                               \
    "        return errno.errorcode[error.errno]\n"

/* ---- reading ---- */

static void files_and_folders_are_as_on_the_host(void **state)
{
    folder("data/sub");
    folder("data/sub/deeper");
    put("data/sub/deeper/b.txt", "deep");
    put("data/empty", "");
    struct stat stat_of;
    assert_int_equal(stat(path_of("data/a.txt"), &stat_of), 0);
    char expected[1000];
    snprintf(expected, sizeof expected,
             "['data'] ['a.txt', 'empty', 'sub']\nhello\n deep ''\n6 %lld %lld True False\n"
             "['a.txt', 'empty', 'sub', 'sub/deeper', 'sub/deeper/b.txt']\n",
             (long long)stat_of.st_mtim.tv_sec * 1000000000 + stat_of.st_mtim.tv_nsec,
             (long long)stat_of.st_ino);
    prints(*state, expected,
           "import os, pathlib\n"
           "root = pathlib.Path('/input/data')\n"
           "print(os.listdir('/input'), sorted(os.listdir(root)))\n"
           "print(open(root / 'a.txt').read(), (root / 'sub/../sub/./deeper/b.txt').read_text(),\n"
           "      repr((root / 'empty').read_text()))\n"
           "s = os.stat(root / 'a.txt')\n"
           "print(s.st_size, s.st_mtime_ns, s.st_ino, (root / 'sub').is_dir(),\n"
           "      (root / 'nothing').exists())\n"
           "print(sorted(str(p.relative_to(root)) for p in root.rglob('*')))\n");
}

static void large_files_are_read_in_every_way(void **state)
{
    uint8_t *data = malloc(BIG_SIZE);
    uint32_t value = 12345;
    assert_non_null(data);
    for (size_t i = 0; i < BIG_SIZE; i++)
        data[i] = (uint8_t)((value = value * 1664525 + 1013904223) >> 24);
    put_bytes("data/big", data, BIG_SIZE);
    free(data);
    prints(
        *state, "5242880 True True True True True True True\n",
        "import os, random\n"
        "def made():\n"
        "    value, out = 12345, bytearray(5 << 20)\n"
        "    for i in range(len(out)):\n"
        "        value = (value * 1664525 + 1013904223) & 0xffffffff\n"
        "        out[i] = value >> 24\n"
        "    return bytes(out)\n"
        "want, path = made(), '/input/data/big'\n"
        "whole = open(path, 'rb').read()\n"
        "lines = b''.join(open(path, 'rb'))\n"
        "with open(path, 'rb', buffering=0) as f:\n"
        "    odd = b''.join(iter(lambda: f.read(70001), b''))\n"
        "    again = f.read(1), f.seek(-3, 2), f.read(10), f.tell(), f.seek(9), f.read(2)\n"
        "into = bytearray(len(want))\n"
        "with open(path, 'rb', buffering=0) as f:\n"
        "    count = f.readinto(into)\n"
        "    while count < len(into):\n"
        "        count += f.readinto(memoryview(into)[count:])\n"
        "fd = os.open(path, os.O_RDONLY)\n"
        "r = random.Random(1)\n"
        "places = [(r.randrange(len(want)), r.choice([1, 100, 9000, 66000])) for _ in range(300)]\n"
        "jumps = all(os.pread(fd, n, at) == want[at:at + n] for at, n in places)\n"
        "print(len(whole), whole == want, lines == want, odd == want, into == want, jumps,\n"
        "      again == (b'', len(want) - 3, want[-3:], len(want), 9, want[9:11]),\n"
        "      os.pread(fd, 5, len(want)) + os.pread(fd, 5, 1 << 40) == b'')\n");
}

static void the_library_works_on_them(void **state)
{
    put("data/t.csv", "x,y\n1,2\n3,4\n");
    prints(
        *state, "10 b'hello\\n' ['a.txt'] hello\n [('one',)] ['/input/data/a.txt']\n",
        "import csv, glob, os, shutil, sqlite3, tarfile, zipfile\n"
        "total = sum(int(r['x']) + int(r['y']) for r in csv.DictReader(open('/input/data/t.csv')))\n"
        "with zipfile.ZipFile('/tmp/z.zip', 'w') as z: z.write('/input/data/a.txt', 'a.txt')\n"
        "with tarfile.open('/tmp/t.tar', 'w') as t: t.add('/input/data/a.txt', 'a.txt')\n"
        "shutil.copytree('/input/data', '/tmp/copy')\n"
        "c = sqlite3.connect('/tmp/copy/x.db'); c.execute('create table t (a)')\n"
        "c.execute(\"insert into t values ('one')\"); c.commit(); c.close()\n"
        "print(total, zipfile.ZipFile('/tmp/z.zip').read('a.txt'), tarfile.open('/tmp/t.tar').getnames(),\n"
        "      open('/tmp/copy/a.txt').read(),\n"
        "      sqlite3.connect('/tmp/copy/x.db').execute('select a from t').fetchall(),\n"
        "      glob.glob('/input/*/a.*'))\n");
}

/* A file that the guest makes, put into the folder by the host. */
static void put_made(struct fixture *fixture, const char *name, const char *code)
{
    const struct clo_run_result *result = run_as(fixture, (struct clo_run){.code = code});
    size_t length = result->out_length / 2;
    uint8_t *data = malloc(length + 1);
    assert_non_null(data);
    assert_true(length > 100 && !result->error.kind);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(sscanf(result->out + 2 * i, "%2hhx", &data[i]), 1);
    put_bytes(name, data, length);
    free(data);
}

static void archives_and_databases_are_read_where_they_are(void **state)
{
    put_made(*state, "data/x.db",
             "import sqlite3\n"
             "c = sqlite3.connect('/tmp/x.db'); c.execute('create table t (a)')\n"
             "c.executemany('insert into t values (?)', [(i,) for i in range(5000)]); c.commit()\n"
             "print(open('/tmp/x.db', 'rb').read().hex(), end='')\n");
    put_made(*state, "data/x.zip",
             "import zipfile\n"
             "with zipfile.ZipFile('/tmp/x.zip', 'w', 8) as z: z.writestr('n', 'inside' * 10000)\n"
             "print(open('/tmp/x.zip', 'rb').read().hex(), end='')\n");
    prints(*state, "12497500 12497500 readonly 60000\n",
           "import sqlite3, zipfile\n"
           "ask = 'select sum(a) from t'\n"
           "c = sqlite3.connect('file:/input/data/x.db?mode=ro&immutable=1', uri=True)\n"
           "d = sqlite3.connect('/input/data/x.db')\n"
           "sums = c.execute(ask).fetchone()[0], d.execute(ask).fetchone()[0]\n"
           "try: d.execute('delete from t'); said = 'deleted'\n"
           "except sqlite3.OperationalError as error: said = str(error).split()[-2]\n"
           "print(*sums, said, len(zipfile.ZipFile('/input/data/x.zip').read('n')))\n");
}

static void what_the_host_changes_is_seen_at_once(void **state)
{
    prints(*state,
           "hello\n|changed, and longer than it was|31\nc 1\nanother file c\nFalse ENOENT\nc\n",
           NUMBER "path = '/input/data/a.txt'\n"
                  "before = open(path).read(); poke(what='write')\n"
                  "print(before, open(path).read(), os.path.getsize(path), sep='|')\n"
                  "f = open(path, buffering=1, newline='')\n"
                  "poke(what='shorten')\n"
                  "print(f.read(), os.fstat(f.fileno()).st_size)\n"
                  "poke(what='replace'); f.seek(0)\n"
                  "print(open(path).read(), f.read())\n"
                  "poke(what='delete'); f.seek(0)\n"
                  "print(os.path.exists(path), number(open, path))\n"
                  "print(f.read())\n");
}

static void nothing_can_be_written(void **state)
{
    prints(
        *state, "EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EBUSY EROFS EBADF\n",
        NUMBER
        "p = '/input/data/a.txt'\n"
        "print(number(open, p, 'w'), number(open, p, 'r+'), number(open, '/input/data/n', 'x'),\n"
        "      number(open, '/input/n', 'w'), number(os.mkdir, '/input/data/d'),\n"
        "      number(os.remove, p), number(os.rename, p, '/tmp/x'),\n"
        "      number(os.rename, '/dev/null', '/input/data/x'), number(os.symlink, 'a', '/input/data/l'),\n"
        "      number(os.utime, p, (1, 1)), number(os.rename, '/input', '/tmp/i'),\n"
        "      number(os.rmdir, '/input/data'), number(os.write, os.open(p, os.O_RDONLY), b'x'))\n");
    char text[16] = "";
    int file = open(path_of("data/a.txt"), O_RDONLY);
    assert_int_equal(read(file, text, sizeof text - 1), 6);
    close(file);
    assert_string_equal(text, "hello\n");
}

static void wrong_calls_have_their_errors(void **state)
{
    folder("data/sub");
    prints(
        *state,
        "ENOENT EISDIR EISDIR EISDIR ENOENT ENOTDIR ENOENT embedded null byte\n"
        "EROFS EROFS EROFS EROFS EROFS EROFS\n"
        "EBADF EBADF EBADF EBADF EBADF EBADF\n"
        "ENOENT ENOTDIR ENOTDIR ENOENT ENOENT ENOENT\n",
        NUMBER
        "d = '/input/data/'\n"
        "try: open(d + 'a\\0b')\n"
        "except ValueError as error: nul = str(error)\n"
        "print(number(open, d + 'sub\\\\a.txt'), number(open, d), number(open, d + '.'),\n"
        "      number(open, d + '..'), number(open, ''), number(open, d + 'a.txt/'),\n"
        "      number(open, d + 'sub/nothing'), nul)\n"
        "flags = os.O_RDWR, os.O_WRONLY, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND\n"
        "print(*(number(os.open, d + 'a.txt', flag) for flag in flags),\n"
        "      number(open, d + 'a.txt', 'a'), number(os.truncate, d + 'a.txt', 0))\n"
        "print(number(os.read, 999, 1), number(os.fstat, 999), number(os.lseek, 999, 0, 0),\n"
        "      number(os.open, 'a.txt', os.O_RDONLY, dir_fd=999), number(os.write, 999, b'x'),\n"
        "      number(os.stat, 'a.txt', dir_fd=999))\n"
        "print(number(os.stat, d + 'nothing'), number(os.listdir, d + 'a.txt'),\n"
        "      number(os.stat, d + 'a.txt/b'), number(open, '/etc/passwd'),\n"
        "      number(open, '/input/../etc/passwd'), number(open, '/input/../../root/.profile'))\n");
}

/* ---- no way out ---- */

static void no_link_is_followed(void **state)
{
    folder("data/sub");
    assert_int_equal(symlink("../outside", path_of("data/relative")), 0);
    assert_int_equal(symlink(path_of("outside"), path_of("data/absolute")), 0);
    assert_int_equal(symlink("..", path_of("data/up")), 0);
    assert_int_equal(symlink("/proc/self/root", path_of("data/magic")), 0);
    assert_int_equal(symlink("a.txt", path_of("data/inner")), 0);
    assert_int_equal(symlink("loop", path_of("data/loop")), 0);
    prints(
        *state,
        "ELOOP ELOOP ELOOP ELOOP ELOOP\nELOOP ELOOP ELOOP\nTrue False EACCES 0o120000\n"
        "ENOENT ENOTDIR ENOENT\n['out', 'top'] False\n",
        NUMBER
        "d = '/input/data/'\n"
        "print(*(number(open, d + n) for n in ('relative', 'absolute', 'inner', 'loop', 'up')))\n"
        "print(number(open, d + 'up/outside'), number(open, d + 'magic/etc/passwd'),\n"
        "      number(os.listdir, d + 'up'))\n"
        "print(os.path.islink(d + 'relative'), os.path.exists(d + 'relative'),\n"
        "      number(os.readlink, d + 'relative'), oct(os.lstat(d + 'up').st_mode & 0o170000))\n"
        "print(number(open, d + '../outside'), number(open, d + 'a.txt/../a.txt'),\n"
        "      number(open, d + 'none/../a.txt'))\n"
        "os.symlink('/input/data/../../outside', '/tmp/out'); os.symlink('/input/data', '/tmp/top')\n"
        "print(sorted(os.listdir('/tmp')), os.path.exists('/tmp/out'))\n");
}

static void special_files_are_not_opened(void **state)
{
    assert_int_equal(mkfifo(path_of("data/pipe"), 0666), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path_of("data/socket"));
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof address), 0);
    bool device = mknod(path_of("data/device"), S_IFCHR | 0666, (dev_t)0x103) == 0; /* null */
    prints(*state, device ? "EACCES EACCES EACCES\n" : "EACCES EACCES ENOENT\n",
           NUMBER
           "print(*(number(open, '/input/data/' + n) for n in ('pipe', 'socket', 'device')))\n");
    close(server);
    /* nobody has opened the pipe: a writer would be let in */
    assert_int_equal(open(path_of("data/pipe"), O_WRONLY | O_NONBLOCK), -1);
    assert_int_equal(errno, ENXIO);
}

static void names_are_any_bytes(void **state)
{
    char longest[256 + 6] = "data/";
    memset(longest + 5, 'n', 255);
    put("data/\xff\xfe", "bytes");
    put("data/line\nbreak", "break");
    put("data/back\\slash %s", "slash");
    put("data/..a", "dots");
    put("data/\xc3\xa4", "umlaut");
    put(longest, "long");
    prints(
        *state, "bytes break slash dots umlaut long ENAMETOOLONG ENAMETOOLONG True True\n",
        NUMBER
        "d = '/input/data/'\n"
        "def read(n): return open(d + n).read()\n"
        "print(read(os.fsdecode(b'\\xff\\xfe')), read('line\\nbreak'), read('back\\\\slash %s'),\n"
        "      read('..a'), read('\\u00e4'), read('n' * 255), number(open, d + 'n' * 256),\n"
        "      number(open, d + 'x/' * 3000), b'\\xff\\xfe' in os.listdir(os.fsencode(d)),\n"
        "      all(open(d + n).read() for n in os.listdir(d)))\n");
}

static atomic_bool racing;

/* A name that is now a folder, now a link to the one outside; and a file, likewise. */
static void *race(void *unused)
{
    char a[100], b[100], c[100], d[100];
    (void)unused;
    snprintf(a, sizeof a, "%s", path_of("data/x"));
    snprintf(b, sizeof b, "%s", path_of("data/y"));
    snprintf(c, sizeof c, "%s", path_of("data/f"));
    snprintf(d, sizeof d, "%s", path_of("data/g"));
    while (atomic_load(&racing)) {
        renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
        renameat2(AT_FDCWD, c, AT_FDCWD, d, RENAME_EXCHANGE);
    }
    return NULL;
}

static void a_race_lets_nothing_out(void **state)
{
    pthread_t thread;
    folder("data/x");
    put("data/x/outside", "inside");
    assert_int_equal(symlink("..", path_of("data/y")), 0);
    put("data/f", "inside");
    assert_int_equal(symlink("../outside", path_of("data/g")), 0);
    atomic_store(&racing, true);
    assert_int_equal(pthread_create(&thread, NULL, race, NULL), 0);
    const struct clo_run_result *result =
        run_as(*state,
               (struct clo_run){
                   .code = NUMBER
                   "seen = {}\n"
                   "for i in range(3000):\n"
                   "    for n in ('x/outside', 'f'):\n"
                   "        what = number(lambda: open('/input/data/' + n).read())\n"
                   "        seen[what] = seen.get(what, 0) + 1\n"
                   "print(sorted(set(seen) - {'inside', 'ELOOP', 'ESTALE', 'ENOENT', 'ENOTDIR'}))\n"
                   "print('inside' in seen, 'ELOOP' in seen)\n"});
    atomic_store(&racing, false);
    pthread_join(thread, NULL);
    assert_string_equal(result->out, "[]\nTrue True\n");
}

static void a_link_that_takes_a_files_place_is_not_followed(void **state)
{
    prints(*state, "hello\n ELOOP\n",
           NUMBER "before = open('/input/data/a.txt').read(); poke(what='link')\n"
                  "print(before, number(open, '/input/data/a.txt'))\n");
}

static void a_folder_that_vanishes_is_an_error(void **state)
{
    folder("data/sub");
    prints(*state, "ENOENT [] ENOENT\n",
           NUMBER "f = open('/input/data/a.txt'); poke(what='vanish')\n"
                  "print(number(open, '/input/data/a.txt'), os.listdir('/input/data'),\n"
                  "      number(os.listdir, '/input/data/sub'))\n");
}

/* ---- ceilings, and what is left ---- */

static void too_many_open_files_are_an_error(void **state)
{
    prints(*state, "EMFILE True hello\n",
           NUMBER "files = []\n"
                  "def fill():\n"
                  "    for _ in range(1000): files.append(open('/input/data/a.txt'))\n"
                  "said = number(fill); enough = len(files) >= 200\n"
                  "files.clear()\n"
                  "print(said, enough, open('/input/data/a.txt').read(), end='')\n");
}

static void opening_and_closing_has_no_end(void **state)
{
    prints(*state, "30000 6000\n",
           "import os\n"
           "print(sum(len(open('/input/data/a.txt').read()) for _ in range(5000)),\n"
           "      sum(len(os.listdir('/input/data')) for _ in range(6000)))\n");
}

static void many_names_are_listed_whole(void **state)
{
    char name[100];
    for (int i = 0; i < 12000; i++) {
        snprintf(name, sizeof name, "data/a rather long name of a file, so that many are a lot %d",
                 i);
        int file = open(path_of(name), O_CREAT | O_WRONLY, 0600);
        assert_true(file >= 0);
        close(file);
    }
    prints(
        *state, "12001 12001 12001 12001\n",
        "import os\n"
        "names = os.listdir('/input/data')\n"
        "with os.scandir('/input/data') as one, os.scandir('/input/data') as two:\n"
        "    pairs = list(zip(one, two))\n"
        "kept, seen = [], set()\n"
        "with os.scandir('/input/data') as entries:\n" /* more files than windows, meanwhile */
        "    for entry in entries:\n"
        "        seen.add(entry.name)\n"
        "        if len(seen) % 500 == 1: kept = [open('/input/data/a.txt') for _ in range(40)]\n"
        "print(len(names), len(set(names)), sum(a.name == b.name for a, b in pairs), len(seen))\n");
}

static size_t descriptors_of(const char *process)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%s/fd", process);
    DIR *folder_of = opendir(path);
    for (; folder_of && readdir(folder_of);)
        count++;
    if (folder_of)
        closedir(folder_of);
    return count;
}

static void nothing_stays_open_after_a_run(void **state)
{
    static const char leaving[] =
        "import os\n"
        "kept = [open('/input/data/big', 'rb') for _ in range(50)]\n"
        "kept += [os.open('/input/data', os.O_RDONLY) for _ in range(50)]\n"
        "print(sum(len(os.pread(f.fileno(), 300000, 100)) for f in kept[:50]))\n"
        "os._exit(0)\n";
    struct fixture *fixture = *state;
    long pids[4];
    char pid[24] = "";
    char *data = calloc(1, BIG_SIZE);
    assert_non_null(data);
    put_bytes("data/big", data, BIG_SIZE);
    free(data);
    prints(fixture, "1\n", "print(1)");
    size_t own = descriptors_of("self"), worker = 0;
    if (processes_find("cloche-worker", pids, 4) == 1) {
        snprintf(pid, sizeof pid, "%ld", pids[0]);
        worker = descriptors_of(pid);
    }
    for (int i = 0; i < 3; i++) {
        prints(fixture, "15000000\n", leaving);
        assert_int_equal(descriptors_of("self"), own);
        if (worker)
            assert_int_equal(descriptors_of(pid), worker);
    }
}

/* Runs that end well, by an exception, by a limit in the middle of a read, and with all left open. */
static const char *const ways[] = {
    "print(sum(open('/input/data/big', 'rb').read(100000)) + len(open('/input/data/a.txt').read()))",
    "f = open('/input/data/big', 'rb'); f.read(70000); raise ValueError('x')",
    "while True:\n"
    "    for block in iter(lambda f=open('/input/data/big', 'rb', buffering=0): f.read(65536), b''): pass",
    "import os\n"
    "kept = [open('/input/data/big', 'rb') for _ in range(20)]\n"
    "print(len(kept[7].read())); os._exit(3)",
};
enum { WAYS = sizeof ways / sizeof *ways, AT_ONCE = 8, TURNS = 12 };

static struct clo_pool *pool;

static void *many_runs(void *number)
{
    size_t wrong = 0;
    for (size_t i = 0; i < TURNS; i++) {
        size_t way = ((size_t)number + i) % WAYS;
        struct clo_run run = {.code = ways[way],
                              .code_length = strlen(ways[way]),
                              .limits = {.wall_ms = way == 2 ? 200 : 60000}};
        struct clo_run_result *result = NULL;
        struct clo_error error;
        if (clo_pool_run(pool, &run, 120000, &result, &error))
            wrong++;
        else if (way == 0)
            wrong += strcmp(result->out, "100006\n") != 0;
        else if (way == 1)
            wrong += !result->error.type || strcmp(result->error.type, "ValueError") != 0;
        else if (way == 2)
            wrong += result->error.kind != CLO_RUN_LIMIT;
        else
            wrong += strcmp(result->out, "5242880\n") != 0 || result->exit_code != 3;
        if (wrong)
            fprintf(stderr, "way %zu: %s %s\n", way, result ? result->out : error.message,
                    result ? result->err : "");
        clo_run_result_free(result);
    }
    return (void *)wrong;
}

static void runs_of_a_pool_leave_nothing_open(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[AT_ONCE];
    void *wrong[AT_ONCE];
    char *data = malloc(BIG_SIZE);
    assert_non_null(data);
    memset(data, 1, BIG_SIZE);
    put_bytes("data/big", data, BIG_SIZE);
    free(data);
    struct clo_mount mount = {.source = path_of("data")};
    pool = runs_pool((struct clo_sandbox_config){.placement = fixture->placement,
                                                 .mounts = &mount,
                                                 .mount_count = 1},
                     3);
    many_runs(0); /* all that a pool opens is open then */
    size_t own = descriptors_of("self");
    for (size_t i = 0; i < AT_ONCE; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many_runs, (void *)i), 0);
    for (size_t i = 0; i < AT_ONCE; i++)
        pthread_join(threads[i], &wrong[i]);
    for (size_t i = 0; i < AT_ONCE; i++)
        assert_null(wrong[i]);
    assert_in_range(descriptors_of("self"), own - 8, own + 8); /* workers that are just replaced */
    clo_pool_destroy(pool);
}

static void a_session_is_told_that_its_file_is_closed(void **state)
{
    struct fixture *fixture = *state;
    run_as(fixture, (struct clo_run){.code = "f = open('/input/data/a.txt', 'rb', buffering=0)",
                                     .keep_state = true});
    const struct clo_run_result *result = run_as(
        fixture, (struct clo_run){.code = NUMBER
                                  "f.seek(0); print(number(f.read), number(os.fstat, f.fileno()),\n"
                                  "open('/input/data/a.txt').read())\n",
                                  .keep_state = true});
    assert_string_equal(result->out, "ESTALE ESTALE hello\n\n");
}

/* ---- places ---- */

static void mounts_lie_in_each_other(void **state)
{
    folder("other");
    folder("data/covered");
    put("data/covered/hidden", "hidden");
    put("other/o.txt", "other");
    put("one", "one file");
    struct clo_mount mounts[] = {
        {path_of("other"), "/input/covered/"},
        {path_of("data"), "/input"},
        {path_of("one"), "/input/not there/one.txt"},
        {path_of("other"), "/input/covered/again"},
    };
    make_sandbox(*state, mounts, 4);
    prints(
        *state,
        "['a.txt', 'covered', 'not there'] ['again', 'o.txt'] ['one.txt'] other other one file\n"
        "ENOENT False EROFS ENOTDIR True hello\n\n",
        NUMBER
        "print(sorted(os.listdir('/input')), sorted(os.listdir('/input/covered')),\n"
        "      os.listdir('/input/not there'), open('/input/covered/o.txt').read(),\n"
        "      open('/input/covered/again/o.txt').read(), open('/input/not there/one.txt').read())\n"
        "print(number(open, '/input/covered/hidden'), os.path.exists('/input/covered/again/again'),\n"
        "      number(open, '/input/not there/new', 'w'), number(open, '/input/not there/one.txt/x'),\n"
        "      os.path.isdir('/input/not there'), open('/input/covered/../a.txt').read())\n");
}

static void a_mounted_file_may_be_replaced(void **state)
{
    struct clo_mount mount = {path_of("data/a.txt"), NULL};
    make_sandbox(*state, &mount, 1);
    prints(*state, "['a.txt'] hello\n another file True ENOENT ELOOP\n",
           NUMBER "p = '/input/a.txt'\n"
                  "a = os.listdir('/input'), open(p).read()\n"
                  "poke(what='replace'); b = open(p).read(), os.path.isfile(p)\n"
                  "poke(what='delete'); c = number(open, p)\n"
                  "poke(what='link'); print(*a, *b, c, number(open, p))\n");
}

static void a_source_may_be_a_link(void **state)
{
    folder("other");
    put("other/a.txt", "another folder");
    assert_int_equal(symlink("data", path_of("link")), 0);
    assert_int_equal(symlink("../outside", path_of("data/out")), 0);
    assert_int_equal(symlink("a.txt", path_of("data/file")), 0);
    struct clo_mount mounts[] = {{path_of("link"), "/input/x"}, {path_of("link/file"), NULL}};
    make_sandbox(*state, mounts, 2);
    assert_int_equal(unlink(path_of("link")), 0);
    assert_int_equal(symlink("other", path_of("link")), 0);
    prints(*state, "['file', 'x'] hello\n hello\n ELOOP ELOOP\n",
           NUMBER "print(sorted(os.listdir('/input')), open('/input/x/a.txt').read(),\n"
                  "      open('/input/file').read(), number(open, '/input/x/out'),\n"
                  "      number(open, '/input/x/file'))\n");
}

/* ---- mounts of a run ---- */

static void a_run_has_mounts_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    folder("own");
    folder("own/sub");
    put("own/sub/o.txt", "own");
    put("table.csv", "a,b\n1,2\n");
    struct clo_mount mounts[] = {{path_of("own"), "/input/data/own"}, {path_of("table.csv"), NULL}};
    static const char look[] =
        NUMBER "print(sorted(os.listdir('/input')), number(os.listdir, '/input/data/own'),\n"
               "      number(lambda: open('/input/data/own/sub/o.txt').read()),\n"
               "      number(lambda: open('/input/table.csv').readline()),\n"
               "      open('/input/data/a.txt').read())\n";
    size_t before = descriptors_of("self");
    for (int i = 0; i < 3; i++) {
        const struct clo_run_result *result =
            run_as(fixture, (struct clo_run){.code = look, .mounts = mounts, .mount_count = 2});
        assert_string_equal(result->out, "['data', 'table.csv'] ['sub'] own a,b\n hello\n\n");
        if (i)
            assert_int_equal(descriptors_of("self"), before);
        before = descriptors_of("self");
        prints(fixture, "['data'] ENOENT ENOENT ENOENT hello\n\n", look);
    }
    make_sandbox(fixture, NULL, 0);
    const struct clo_run_result *result =
        run_as(fixture, (struct clo_run){.code = "print(open('/input/table.csv').read(), end='')",
                                         .mounts = mounts + 1,
                                         .mount_count = 1});
    assert_string_equal(result->out, "a,b\n1,2\n");
}

static void a_place_of_both_shows_the_runs(void **state)
{
    struct fixture *fixture = *state;
    folder("own");
    put("own/o.txt", "own");
    struct clo_mount configured[] = {{path_of("data"), NULL},
                                     {path_of("outside"), "/input/data/x"}};
    make_sandbox(fixture, configured, 2);
    struct clo_mount mount = {path_of("own"), "/input/data"};
    const struct clo_run_result *result =
        run_as(fixture, (struct clo_run){.code = "import os\n"
                                                 "print(sorted(os.listdir('/input/data')))",
                                         .mounts = &mount,
                                         .mount_count = 1});
    assert_string_equal(result->out, "['o.txt', 'x']\n");
}

static void a_session_sees_the_mounts_of_each_run(void **state)
{
    struct fixture *fixture = *state;
    folder("one");
    folder("one/sub");
    put("one/1.txt", "first");
    put("one/sub/s", "below");
    put("two", "second");
    struct clo_mount one = {path_of("one"), "/input/deep/er/x"}, two = {path_of("two"), "/input/x"};
    static const char listing[] = NUMBER
        "print(sorted(os.path.join(a, f) for a, _, c in os.walk('/input') for f in c))\n"
        "try: d\n"
        "except NameError: r = os.O_RDONLY; d = os.open('/input/deep/er/x', r); e = os.open('/input/deep/er/x/sub', r)\n"
        "print(number(os.open, '1.txt', r, dir_fd=d) != 'ENOENT', number(os.stat, 's', dir_fd=e) == 'ESTALE')\n";
    struct clo_run run = {.code = listing, .keep_state = true, .mounts = &one, .mount_count = 1};
    assert_string_equal(run_as(fixture, run)->out,
                        "['/input/data/a.txt', '/input/deep/er/x/1.txt', "
                        "'/input/deep/er/x/sub/s']\nTrue False\n");
    run.mounts = &two;
    assert_string_equal(run_as(fixture, run)->out,
                        "['/input/data/a.txt', '/input/x']\nFalse True\n");
    run.mount_count = 0;
    assert_string_equal(run_as(fixture, run)->out, "['/input/data/a.txt']\nFalse True\n");
    run.mounts = &one;
    run.mount_count = 1;
    assert_string_equal(run_as(fixture, run)->out,
                        "['/input/data/a.txt', '/input/deep/er/x/1.txt', "
                        "'/input/deep/er/x/sub/s']\nFalse True\n");
}

static void a_run_whose_mounts_are_wrong_does_not_begin(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *source, *target, *says;
        int status;
    } cases[] = {
        {"nothing", NULL, "/nothing\": No such file or directory", CLO_ENOTFOUND},
        {"data", "/tmp/x", "a mount at \"/tmp/x\", which is not in /input", CLO_EINVALID},
        {"outside", "/input/data/../x", "a place has no \".\"", CLO_EINVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_mount mount = {path_of(cases[i].source), cases[i].target};
        struct clo_run run = {
            .code = "poke(what='delete')", .code_length = 19, .mounts = &mount, .mount_count = 1};
        struct clo_run_result *result;
        struct clo_error error = {0};
        assert_int_equal(clo_sandbox_run(fixture->sandbox, &run, &result, &error), cases[i].status);
        assert_null(result);
        if (!strstr(error.message, cases[i].says))
            fail_msg("%s: %s", cases[i].says, error.message);
    }
    struct clo_mount many[CLO_RUN_MOUNTS_MAX] = {{path_of("data"), NULL}};
    struct clo_run run = {.code = "1", .code_length = 1, .mounts = many};
    struct clo_run_result *result;
    struct clo_error error = {0};
    run.mount_count = CLO_RUN_MOUNTS_MAX;
    assert_int_equal(clo_sandbox_run(fixture->sandbox, &run, &result, &error), CLO_EINVALID);
    assert_string_equal(error.message, "513 mounts; at most 512 are allowed");
    prints(fixture, "hello\n\n", "print(open('/input/data/a.txt').read())");
}

static void five_hundred_files_are_mounted_one_by_one(void **state)
{
    static char sources[CLO_RUN_MOUNTS_MAX - 1][100], targets[CLO_RUN_MOUNTS_MAX - 1][100];
    struct clo_mount mounts[CLO_RUN_MOUNTS_MAX - 1];
    for (int i = 0; i < CLO_RUN_MOUNTS_MAX - 1; i++) {
        snprintf(sources[i], sizeof sources[i], "%s/data/f%d", top, i % 100);
        snprintf(targets[i], sizeof targets[i], "/input/%d/f%d", i % 7, i);
        mounts[i] = (struct clo_mount){sources[i], targets[i]};
        char name[30];
        snprintf(name, sizeof name, "data/f%d", i % 100);
        put(name, name);
    }
    static const char code[] =
        "import os, pathlib\n"
        "files = [path for path in pathlib.Path('/input').glob('[0-9]/*')]\n"
        "print(len(files), all(\n"
        "    path.read_text() == f'data/f{int(path.name[1:]) % 100}' for path in files))\n";
    const struct clo_run_result *result = run_as(
        *state,
        (struct clo_run){.code = code, .mounts = mounts, .mount_count = CLO_RUN_MOUNTS_MAX - 1});
    assert_string_equal(result->out, "511 True\n");
}

static void *runs_with_mounts(void *number)
{
    size_t wrong = 0;
    char name[16], expected[64];
    snprintf(name, sizeof name, "f%zu", (size_t)number);
    char source[100];
    snprintf(source, sizeof source, "%s/%s", top, name);
    snprintf(expected, sizeof expected, "['data', '%s'] %s\n", name, name);
    for (size_t i = 0; i < TURNS; i++) {
        struct clo_mount mount = {source, NULL};
        static const char code[] = "import os\n"
                                   "names = sorted(os.listdir('/input'))\n"
                                   "print(names, open('/input/' + names[1]).read(), flush=True)\n"
                                   "if names[1] == 'f1': os._exit(1)\n";
        struct clo_run run = {
            .code = code, .code_length = sizeof code - 1, .mounts = &mount, .mount_count = 1};
        struct clo_run_result *result = NULL;
        struct clo_error error;
        if (clo_pool_run(pool, &run, 120000, &result, &error) ||
            strcmp(result->out, expected) != 0) {
            fprintf(stderr, "%s: %s\n", name, result ? result->out : error.message);
            wrong++;
        }
        clo_run_result_free(result);
    }
    return (void *)wrong;
}

static void runs_of_a_pool_see_their_own_mounts_only(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[AT_ONCE];
    void *wrong[AT_ONCE];
    for (size_t i = 0; i < AT_ONCE; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%zu", i);
        put(name, name);
    }
    struct clo_mount mount = {.source = path_of("data")};
    pool = runs_pool((struct clo_sandbox_config){.placement = fixture->placement,
                                                 .mounts = &mount,
                                                 .mount_count = 1},
                     3);
    for (size_t i = 0; i < AT_ONCE; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, runs_with_mounts, (void *)i), 0);
    for (size_t i = 0; i < AT_ONCE; i++)
        pthread_join(threads[i], &wrong[i]);
    for (size_t i = 0; i < AT_ONCE; i++)
        assert_null(wrong[i]);
    clo_pool_destroy(pool);
}

static void without_mounts_there_is_no_input(void **state)
{
    make_sandbox(*state, NULL, 0);
    prints(*state, "False ENOENT\n",
           NUMBER "print(os.path.exists('/input'), number(os.listdir, '/input'))\n");
}

static void a_place_that_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *source, *target, *says;
    } cases[] = {
        {"data", "/output", "a mount at \"/output\", which is not in /input"},
        {"data", "/inputs/x", "a mount at \"/inputs/x\", which is not in /input"},
        {"data", "/input/../x", "a place has no \".\", \"..\" or empty name"},
        {"data", "/input//x", "a place has no \".\", \"..\" or empty name"},
        {"outside", "/input", "cannot be mounted as the folder /input"},
        {"nothing", NULL, "/nothing\": No such file or directory"},
        {"data/pipe", NULL, "neither a folder nor a regular file"},
    };
    (void)state;
    assert_int_equal(mkfifo(path_of("data/pipe"), 0666), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_error error = {0};
        struct clo_sandbox *sandbox = NULL;
        struct clo_mount mount = {path_of(cases[i].source), cases[i].target};
        struct clo_sandbox_config config =
            runs_config((struct clo_sandbox_config){.mounts = &mount, .mount_count = 1});
        assert_true(clo_sandbox_create(&sandbox, &config, &error) < 0);
        assert_null(sandbox);
        if (!strstr(error.message, cases[i].says))
            fail_msg("%s: %s", cases[i].says, error.message);
    }
    struct clo_mount twice[] = {{path_of("data"), NULL}, {path_of("data"), "/input/data"}};
    struct clo_sandbox_config config =
        runs_config((struct clo_sandbox_config){.mounts = twice, .mount_count = 2});
    struct clo_error error = {0};
    struct clo_sandbox *sandbox;
    assert_int_equal(clo_sandbox_create(&sandbox, &config, &error), CLO_EINVALID);
    assert_string_equal(error.message, "two mounts at /input/data");
}

#define BOTH(test) RUNS_BOTH(test, set_up, tear_down, &here, &there)

int main(int argc, char **argv)
{
    int status = runs_begin(argc, argv);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        BOTH(files_and_folders_are_as_on_the_host),
        BOTH(large_files_are_read_in_every_way),
        BOTH(the_library_works_on_them),
        BOTH(archives_and_databases_are_read_where_they_are),
        BOTH(what_the_host_changes_is_seen_at_once),
        BOTH(nothing_can_be_written),
        BOTH(wrong_calls_have_their_errors),
        BOTH(no_link_is_followed),
        BOTH(special_files_are_not_opened),
        BOTH(names_are_any_bytes),
        BOTH(a_race_lets_nothing_out),
        BOTH(a_link_that_takes_a_files_place_is_not_followed),
        BOTH(a_folder_that_vanishes_is_an_error),
        BOTH(too_many_open_files_are_an_error),
        BOTH(opening_and_closing_has_no_end),
        BOTH(many_names_are_listed_whole),
        BOTH(nothing_stays_open_after_a_run),
        BOTH(runs_of_a_pool_leave_nothing_open),
        BOTH(a_session_is_told_that_its_file_is_closed),
        BOTH(five_hundred_files_are_mounted_one_by_one),
        BOTH(mounts_lie_in_each_other),
        BOTH(a_mounted_file_may_be_replaced),
        BOTH(a_source_may_be_a_link),
        BOTH(a_run_has_mounts_of_its_own),
        BOTH(a_place_of_both_shows_the_runs),
        BOTH(a_session_sees_the_mounts_of_each_run),
        BOTH(a_run_whose_mounts_are_wrong_does_not_begin),
        BOTH(runs_of_a_pool_see_their_own_mounts_only),
        BOTH(without_mounts_there_is_no_input),
        BOTH(a_place_that_cannot_be_is_refused),
    };
    return runs_end(runs_all(tests));
}
