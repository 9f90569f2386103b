/* files.c - tools that bring CPython's own tests into the guest and their results out.
 *
 *   test_files()            the paths of all files below the folder, relative to it
 *   test_read(path)         the bytes of one of them
 *   test_note(line)         append a line to the report
 *
 * CLOCHE_TEST_FOLDER names the folder (the parent of "test"), CLOCHE_TEST_REPORT the report's file.
 * Nothing outside the folder can be read: the kernel resolves each path beneath it, without links.
 */
#include <cloche/tool.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_BYTES_MAX (7u << 20) /* one message holds 8 MiB */

static const char *folder_path(void)
{
    const char *path = getenv("CLOCHE_TEST_FOLDER");
    return path ? path : "/nonexistent";
}

static int list(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context, (void)arguments;
    char *roots[] = {(char *)folder_path(), NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree)
        return clo_tool_fail(error, "cannot list %s: %s", roots[0], strerror(errno));
    int status = 0;
    clo_value_set_list(result);
    for (FTSENT *entry; !status && (entry = fts_read(tree));)
        if (entry->fts_info == FTS_F)
            status = clo_value_set_text(clo_value_append(result),
                                        entry->fts_path + strlen(roots[0]) + 1);
    fts_close(tree);
    return status ? clo_tool_fail(error, "no memory for the list") : 0;
}

static int open_beneath(const char *path)
{
    int folder = open(folder_path(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int file = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
    close(folder);
    return file;
}

static int read_file(void *context, const struct clo_value *arguments, struct clo_value *result,
                     struct clo_error *error)
{
    (void)context;
    const char *path = clo_value_text(clo_value_get(arguments, "path"));
    int file = open_beneath(path);
    if (file < 0)
        return clo_tool_fail(error, "cannot open %s: %s", path, strerror(errno));
    struct stat facts;
    char *data = NULL;
    int status = 0;
    if (fstat(file, &facts) || !S_ISREG(facts.st_mode) || facts.st_size > FILE_BYTES_MAX)
        status = clo_tool_fail(error, "%s is no file of at most %u bytes", path, FILE_BYTES_MAX);
    else if (!(data = malloc((size_t)facts.st_size + 1)) ||
             read(file, data, (size_t)facts.st_size) != facts.st_size ||
             clo_value_set_bytes(result, data, (size_t)facts.st_size))
        status = clo_tool_fail(error, "cannot read %s", path);
    free(data);
    close(file);
    return status;
}

static int note(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context, (void)result;
    const char *path = getenv("CLOCHE_TEST_REPORT");
    FILE *report = path ? fopen(path, "ae") : NULL;
    if (!report)
        return clo_tool_fail(error, "CLOCHE_TEST_REPORT names no file that can be written");
    int written = fprintf(report, "%s\n", clo_value_text(clo_value_get(arguments, "line")));
    return fclose(report) || written < 0 ? clo_tool_fail(error, "cannot write %s", path) : 0;
}

#define TEXT_ARGUMENT(name)                                                                        \
    "{\"type\": \"object\", \"properties\": {\"" name "\": {\"type\": \"string\"}},"               \
    " \"required\": [\"" name "\"], \"additionalProperties\": false}"

static const struct clo_tool tools[] = {
    {.name = "test_files", .description = "The files there are.", .call = list},
    {.name = "test_read",
     .description = "The bytes of a file.",
     .parameters = TEXT_ARGUMENT("path"),
     .call = read_file},
    {.name = "test_note",
     .description = "Append a line to the report.",
     .parameters = TEXT_ARGUMENT("line"),
     .call = note},
};

CLO_API const struct clo_plugin clo_plugin = {
    .version = CLO_PLUGIN_VERSION,
    .tool_count = sizeof tools / sizeof *tools,
    .tools = tools,
};
