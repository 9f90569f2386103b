/* init.c - `cloche init`: a new agent in a folder of its own.
 *
 * What is written is the example, examples/hyperlight-codeact, embedded byte for byte when the program is
 * built, under the folder's own name; the JSON Schema of agent.yaml, which its first line names for
 * editors; and the example's built tools, where they came with the program. Nothing that is there is ever
 * written over, and what could not be finished is taken away again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/program.h"
#include "cli/cli.h"

#define LIBRARY "example_tools.so"
#define SCHEMA "agent.schema.json"
#define EXAMPLE_NAME "name: hyperlight-codeact\n"
#define FILE_MAX (16u << 20)
#define FILES_MAX 16
#define NAMED_MAX 5 /* of what lies in a folder that is not empty */

static const char help[] =
    "Usage: cloche init [DIRECTORY]\n"
    "\n"
    "Writes an agent that runs as it is, without a model's key, into DIRECTORY (this folder), which is\n"
    "made if it is not there and else must be empty: agent.yaml, two tools in C and what they are\n"
    "built to, a script that plays the model's part, .env.example for a real model, a README.md, and\n"
    "the JSON Schema of agent.yaml for editors. Nothing that is there is written over.\n"
    "\n"
    "Example:\n"
    "  cloche init my-agent\n"
    "  cd my-agent\n"
    "  cloche serve agent.yaml\n";

static const char build_first[] =
    "The program that wrote this folder found no built tools beside it. Build them first, with the\n"
    "folder of `cloche/tool.h` in INCLUDE:\n"
    "\n"
    "```bash\n"
    "cc -shared -fPIC -I \"$INCLUDE\" -o " LIBRARY " tools.c -lm\n"
    "```\n"
    "\n";

/* Made by tools/embed_files.sh. */
struct template
{
    const char *name, *data;
    size_t size;
};
extern const struct template clo_init_template[];

struct folder {
    const char *path; /* as given */
    int fd;
    bool made;                      /* by us */
    const char *written[FILES_MAX]; /* by us; static */
    size_t count;
    bool library; /* the built tools are among them */
    struct clo_error *error;
};

/* ---- the folder ---- */

static int make_folder(struct folder *folder)
{
    char *path = strdup(folder->path);
    if (!path)
        return clo_fail_memory(folder->error);
    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0'; /* those above it; that one cannot be made shows at the last */
        mkdir(path, 0777);
        *slash = '/';
    }
    free(path);
    folder->made = mkdir(folder->path, 0777) == 0;
    folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd >= 0)
        return 0;
    return clo_fail_errno(folder->error, CLO_ESYSTEM, "cannot use %s as a folder", folder->path);
}

/* Of a version control a new folder may be under. */
static bool is_nothing(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0;
}

static int check_empty(struct folder *folder)
{
    struct clo_buffer names = CLO_BUFFER(400);
    size_t count = 0;
    DIR *directory = opendir(folder->path);
    if (!directory)
        return clo_fail_errno(folder->error, CLO_ESYSTEM, "cannot read %s", folder->path);
    errno = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (!is_nothing(entry->d_name) && count++ < NAMED_MAX && !names.failed)
            clo_buffer_format(&names, "%s%s", count > 1 ? ", " : "", entry->d_name);
    }
    int trouble = errno;
    closedir(directory);
    int status = 0;
    if (count) {
        if (count > NAMED_MAX)
            clo_buffer_format(&names, " and %zu more", count - NAMED_MAX);
        clo_fail(folder->error, CLO_EINVALID, "%s is not empty: %s", folder->path,
                 names.data ? names.data : "");
        status = clo_hint(folder->error, CLO_EINVALID,
                          "init writes nothing over: name a new folder or an empty one.");
    } else if (trouble) {
        errno = trouble;
        status = clo_fail_errno(folder->error, CLO_ESYSTEM, "cannot read %s", folder->path);
    }
    clo_buffer_free(&names);
    return status;
}

static void take_back(const struct folder *folder)
{
    for (size_t i = 0; i < folder->count; i++)
        unlinkat(folder->fd, folder->written[i], 0);
    if (folder->made)
        rmdir(folder->path);
}

/* ---- its files ---- */

static int write_file(struct folder *folder, const char *name, const char *data, size_t size)
{
    int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return clo_fail_errno(folder->error, CLO_ESYSTEM, "cannot write %s/%s", folder->path, name);
    folder->written[folder->count++] = name;
    int status = 0;
    for (size_t done = 0; done < size && !status;) {
        ssize_t wrote = write(fd, data + done, size - done);
        if (wrote < 0 && errno != EINTR)
            status = clo_fail_errno(folder->error, CLO_ESYSTEM, "cannot write %s/%s", folder->path,
                                    name);
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    if (close(fd) && !status)
        status =
            clo_fail_errno(folder->error, CLO_ESYSTEM, "cannot write %s/%s", folder->path, name);
    return status;
}

static int write_buffer(struct folder *folder, const char *name, struct clo_buffer *text)
{
    int status = text->failed ? clo_fail_memory(folder->error)
                              : write_file(folder, name, text->data, text->length);
    clo_buffer_free(text);
    return status;
}

/* The folder's name, if it can stand as a name in YAML as it is; else "agent". */
static void name_agent(const struct folder *folder, char name[65])
{
    static const char *const words[] = {"null", "Null", "NULL", "true", "false",
                                        "yes",  "no",   "on",   "off"};
    char path[PATH_MAX];
    snprintf(name, 65, "agent");
    if (!realpath(folder->path, path))
        return;
    const char *last = strrchr(path, '/') + 1;
    size_t length =
        strspn(last, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    if (!length || last[length] || length > 64 || strchr("0123456789-_", *last))
        return;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(last, words[i]) == 0)
            return;
    snprintf(name, 65, "%s", last);
}

static int write_agent(struct folder *folder, const struct template *from)
{
    char name[65];
    struct clo_buffer text = CLO_BUFFER(FILE_MAX);
    const char *line = memmem(from->data, from->size, EXAMPLE_NAME, strlen(EXAMPLE_NAME));
    if (!line)
        return clo_fail(folder->error, CLO_EINTERNAL, "the example has no \"" EXAMPLE_NAME "\"");
    const char *behind = line + strlen(EXAMPLE_NAME);
    name_agent(folder, name);
    clo_buffer_format(&text, "# yaml-language-server: $schema=%s\n", SCHEMA);
    clo_buffer_append(&text, from->data, (size_t)(line - from->data));
    clo_buffer_format(&text, "name: %s\n", name);
    clo_buffer_append(&text, behind, from->size - (size_t)(behind - from->data));
    return write_buffer(folder, from->name, &text);
}

static int write_readme(struct folder *folder, const struct template *from)
{
    struct clo_buffer text = CLO_BUFFER(FILE_MAX);
    const char *title = memmem(from->data, from->size, "\n\n", 2);
    size_t head = title ? (size_t)(title + 2 - from->data) : 0;
    clo_buffer_append(&text, from->data, head);
    if (!folder->library)
        clo_buffer_text(&text, build_first);
    clo_buffer_append(&text, from->data + head, from->size - head);
    return write_buffer(folder, from->name, &text);
}

static int write_schema(struct folder *folder)
{
    char *schema = clo_agent_schema();
    struct clo_buffer text = CLO_BUFFER(FILE_MAX);
    if (!schema)
        return clo_fail_memory(folder->error);
    clo_buffer_format(&text, "%s\n", schema);
    free(schema);
    return write_buffer(folder, SCHEMA, &text);
}

/* The built tools, where they came with the program. */
static int copy_library(struct folder *folder)
{
    char path[PATH_MAX], block[65536];
    struct clo_buffer bytes = CLO_BUFFER(FILE_MAX);
    FILE *file = clo_library_of_program(path, LIBRARY) ? fopen(path, "rbe") : NULL;
    if (!file)
        return 0;
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
        clo_buffer_append(&bytes, block, got);
    bool failed = ferror(file);
    fclose(file);
    if (failed) {
        clo_buffer_free(&bytes);
        return clo_fail_errno(folder->error, CLO_ESYSTEM, "cannot read %s", path);
    }
    folder->library = true;
    return write_buffer(folder, LIBRARY, &bytes);
}

static int write_all(struct folder *folder)
{
    int status = copy_library(folder);
    for (const struct template *from = clo_init_template; from->name && !status; from++) {
        if (strcmp(from->name, "agent.yaml") == 0)
            status = write_agent(folder, from);
        else if (strcmp(from->name, "README.md") == 0)
            status = write_readme(folder, from);
        else
            status = write_file(folder, from->name, from->data, from->size);
    }
    return status ? status : write_schema(folder);
}

/* ---- what comes next ---- */

static void print_word(const char *word)
{
    if (word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                          "-_./+=:@%,")] == '\0') {
        fputs(word, stdout);
        return;
    }
    putchar('\'');
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){*word, '\0'}, stdout);
    putchar('\'');
}

/* As it was called; a path is still good in another folder. */
static void print_program(void)
{
    char path[PATH_MAX];
    const char *called = program_invocation_name;
    print_word(strchr(called, '/') && realpath(called, path) ? path : called);
}

/* Where cloche/tool.h is: beside the program, installed and in the source's tree alike. */
static void print_build(void)
{
    char place[PATH_MAX], include[PATH_MAX];
    bool found = clo_program_beside(place, "../include/cloche/tool.h") && realpath(place, include);
    printf(
        "The built tools were not found beside the program. Build them first:\n  cc -shared -fPIC -I ");
    if (found)
        include[strlen(include) - strlen("/cloche/tool.h")] = '\0';
    print_word(found ? include : "INCLUDE");
    puts(" -o " LIBRARY " tools.c -lm");
    if (!found)
        puts("(INCLUDE: the folder that has cloche/tool.h)");
}

static void print_next(const struct folder *folder)
{
    printf("%s: wrote", folder->path);
    for (size_t i = 0; i < folder->count; i++)
        printf("%s %s", i ? "," : "", folder->written[i]);
    puts("\n\nNext:");
    if (strcmp(folder->path, ".") != 0) {
        fputs("  cd ", stdout);
        print_word(folder->path);
        putchar('\n');
    }
    if (!folder->library)
        print_build();
    fputs("  ", stdout);
    print_program();
    puts(" serve agent.yaml\nand, in another terminal:\n"
         "  curl http://localhost:8088/responses -H 'Content-Type: application/json' \\\n"
         "    -d '{\"input\": \"Multiply 7 by 6, and find the admins.\"}'");
}

int clo_cli_init(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    struct clo_error error = {0};
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option != 'h')
            return clo_cli_usage("init", "unknown option");
        fputs(help, stdout);
        return CLI_OK;
    }
    if (optind + 1 < argc)
        return clo_cli_usage("init", "give one folder; \"%s\" is a second", argv[optind + 1]);
    struct folder folder = {.path = optind < argc ? argv[optind] : ".", .fd = -1, .error = &error};
    int status = make_folder(&folder);
    if (!status)
        status = check_empty(&folder);
    if (!status && (status = write_all(&folder)))
        take_back(&folder);
    if (!status)
        print_next(&folder);
    if (folder.fd >= 0)
        close(folder.fd);
    return status ? clo_cli_fail(&error) : CLI_OK;
}
