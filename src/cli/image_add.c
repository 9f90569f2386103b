/* image_add.c - `cloche image add|list|remove`: images with packages, and images by name. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/image.h"
#include "cli/isolation.h"
#include "cloche/image.h"

#define INPUTS_MAX 200
#define IMPORTS_MAX 1000

struct wanted {
    struct clo_image_addition addition;
    const char *inputs[INPUTS_MAX];
    const char *imports[IMPORTS_MAX];
    const char *name, *file, *isolation;
    char place[CLO_IMAGE_PATH_MAX];
};

/* What a package prints is shown as it comes, but for what could disturb a terminal. */
static void on_word(void *context, bool printed, const char *text, size_t length)
{
    (void)context;
    if (!printed)
        fputs("cloche: ", stderr);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            fprintf(stderr, "\\x%02x", c);
        else
            fputc(c, stderr);
    }
    if (!printed)
        fputc('\n', stderr);
}

static int add_imports(struct wanted *wanted, char *text)
{
    char *rest = NULL;
    for (char *name = strtok_r(text, ", ", &rest); name; name = strtok_r(NULL, ", ", &rest)) {
        if (wanted->addition.import_count == IMPORTS_MAX)
            return clo_cli_usage("image", "add imports at most %d modules", IMPORTS_MAX);
        wanted->imports[wanted->addition.import_count++] = name;
    }
    return CLI_OK;
}

static int add_input(struct wanted *wanted, const char *path)
{
    if (wanted->addition.input_count == INPUTS_MAX)
        return clo_cli_usage("image", "add takes at most %d wheels and folders", INPUTS_MAX);
    wanted->inputs[wanted->addition.input_count++] = path;
    return CLI_OK;
}

static int take_option(struct wanted *wanted, int option, struct clo_error *error)
{
    switch (option) {
    case 'w': return add_input(wanted, optarg);
    case 'i': return add_imports(wanted, optarg);
    case 'f': wanted->addition.from = optarg; return CLI_OK;
    case 'n': wanted->name = optarg; return CLI_OK;
    case 'o': wanted->file = optarg; return CLI_OK;
    case 'I': wanted->isolation = optarg; return CLI_OK;
    case 'r': wanted->addition.no_requirements = true; return CLI_OK;
    case 'm': return clo_size_parse(optarg, &wanted->addition.memory, error);
    case 't': return clo_duration_parse(optarg, &wanted->addition.time_ms, error);
    default:
        return clo_cli_usage("image", "add takes --with, --import, --from, --name or -o, --memory, "
                                      "--time, --no-requirements and --isolation");
    }
}

static int parse(int argc, char **argv, struct wanted *wanted)
{
    static const struct option options[] = {
        {"with", required_argument, NULL, 'w'},      {"import", required_argument, NULL, 'i'},
        {"from", required_argument, NULL, 'f'},      {"name", required_argument, NULL, 'n'},
        {"output", required_argument, NULL, 'o'},    {"isolation", required_argument, NULL, 'I'},
        {"memory", required_argument, NULL, 'm'},    {"time", required_argument, NULL, 't'},
        {"no-requirements", no_argument, NULL, 'r'}, {0}};
    struct clo_error error = {0};
    for (int option; (option = getopt_long(argc, argv, "o:", options, NULL)) != -1;) {
        int status = take_option(wanted, option, &error);
        if (status < 0)
            return clo_cli_usage("image", "%s", error.message);
        if (status)
            return status;
    }
    for (; optind < argc; optind++) /* --with DIR WHEEL ... */
        if (add_input(wanted, argv[optind]))
            return CLI_USAGE;
    if (!wanted->addition.input_count)
        return clo_cli_usage("image", "add wants --with and a wheel or a folder");
    if (!wanted->name == !wanted->file)
        return clo_cli_usage("image", "add wants --name NAME or -o FILE, and not both");
    return CLI_OK;
}

static int say_what(const char *path)
{
    struct clo_image *image;
    struct clo_error error;
    struct stat status;
    if (clo_image_open(&image, path, CLO_IMAGE_MAP, &error))
        return clo_cli_fail(&error);
    double size = stat(path, &status) ? 0 : (double)status.st_blocks * 512 / (1 << 20);
    printf("%s: %.1f MiB, %s with %s\n", path, size, clo_image_runtime(image),
           clo_image_packages(image));
    clo_image_close(image);
    return CLI_OK;
}

int clo_cli_image_add(int argc, char **argv)
{
    struct wanted wanted = {.addition = {.on_word = on_word}};
    struct clo_isolation_choice choice = {0};
    struct clo_error error = {0};
    int status = parse(argc, argv, &wanted);
    if (status)
        return status;
    if (clo_cli_isolation("image", wanted.isolation, &choice))
        return CLI_USAGE;
    wanted.addition.isolation = choice.isolation;
    wanted.addition.inputs = wanted.inputs;
    wanted.addition.imports = wanted.imports;
    wanted.addition.path = wanted.file ? wanted.file : wanted.place;
    status = wanted.name ? clo_image_place(wanted.name, wanted.place, &error) : 0;
    if (!status)
        status = clo_isolation_prepare(choice.isolation, &error);
    if (!status) /* two guests, one after the other: their own limit is ceiling enough */
        status = clo_memory_ceiling_set(UINT64_MAX, &error);
    if (!status)
        status = clo_image_add(&wanted.addition, &error);
    return status ? clo_cli_fail(&error) : say_what(wanted.addition.path);
}

static void list_one(const char *name, bool json, bool first)
{
    struct clo_image *image;
    struct clo_error error;
    if (json) {
        char path[CLO_IMAGE_PATH_MAX];
        printf("%s{\"name\":\"%s\",\"image\":", first ? "" : ",", name);
        if (!clo_image_named(name, path) || clo_image_inspect(path, true, stdout, &error))
            fputs("null", stdout);
        fputs("}\n", stdout);
        return;
    }
    if (clo_image_open(&image, name, CLO_IMAGE_MAP, &error)) {
        printf("%-20s cannot be used: %s\n", name, error.message);
        return;
    }
    const char *packages = clo_image_packages(image);
    printf("%-20s %s%s%s\n", name, clo_image_runtime(image), *packages ? " with " : "", packages);
    clo_image_close(image);
}

int clo_cli_image_list(int argc, char **argv)
{
    struct clo_image_names names;
    struct clo_error error;
    bool json = argc == 2 && !strcmp(argv[1], "--json");
    if (argc > 2 || (argc == 2 && !json))
        return clo_cli_usage("image", "list takes --json and nothing else");
    if (clo_image_names(&names, &error))
        return clo_cli_fail(&error);
    if (json)
        fputc('[', stdout);
    for (size_t i = 0; i < names.count; i++)
        list_one(names.all[i], json, i == 0);
    if (json)
        fputs("]\n", stdout);
    clo_image_names_free(&names);
    return CLI_OK;
}

int clo_cli_image_remove(int argc, char **argv)
{
    struct clo_error error;
    if (argc != 2)
        return clo_cli_usage("image", "remove takes the name of an image");
    return clo_image_remove(argv[1], &error) ? clo_cli_fail(&error) : CLI_OK;
}
