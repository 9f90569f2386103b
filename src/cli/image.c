/* image.c - `cloche image`: inspect, verify and build; the rest is in image_add.c. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/image.h"
#include "cli/isolation.h"
#include "cloche/image.h"

static const char help[] =
    "Usage: cloche image add --with DIR_OR_WHEEL... [--import MODULE,...] (--name NAME | -o FILE)\n"
    "                                            make an image with more packages in pure Python\n"
    "       cloche image list [--json]           the images that have names, and their packages\n"
    "       cloche image remove NAME             delete one of them\n"
    "       cloche image info [--json] IMAGE     what the image holds, from its header (or: inspect)\n"
    "       cloche image verify IMAGE            check every byte against the image's hash\n"
    "       cloche image build [--isolation WALL] [--inputs HASH] ELF FILE\n"
    "                                            boot the guest in ELF until it is ready, and\n"
    "                                            save it as the image FILE: in a micro-VM (microvm,\n"
    "                                            the default) or without a hypervisor (process);\n"
    "                                            else $CLOCHE_ISOLATION. The bytes are the same\n"
    "\n"
    "An image is a guest that has already initialised itself; micro-VMs start from it by mapping\n"
    "it. IMAGE is a file or, where it has no '/' and does not end in .image, a name; so is what\n"
    "--image, sandbox.image and CLOCHE_IMAGE are given. A file that is damaged, truncated or not an\n"
    "image is refused with the reason.\n"
    "\n"
    "Options of add:\n"
    "  --with WHAT          a wheel (NAME-VERSION-py3-none-any.whl), a folder of packages (what\n"
    "                       pip install --target makes), a package's folder, or a module's .py file.\n"
    "                       More of them may follow\n"
    "  --import MODULE,...  imported ahead: a run begins with it, and its own import costs nothing.\n"
    "                       What is not named here is there too, and imported when a run asks for it\n"
    "  --from IMAGE         what to add to (as `cloche run` finds it)\n"
    "  --name NAME          keep it as NAME, in $XDG_DATA_HOME/cloche/images (~/.local/share/...)\n"
    "  -o, --output FILE    or as this file. What is there is replaced once all went well\n"
    "  --no-requirements    do without packages that others require\n"
    "  --memory SIZE        that making it may take in a guest (1GiB)\n"
    "  --time TIME          likewise, for unpacking and for the imports each (5m)\n"
    "  --isolation WALL     what stands around the packages meanwhile, as above\n"
    "Neither a compiler nor Python is needed. Native code is refused by the name of its file.\n"
    "\n"
    "Examples:\n"
    "  pip download --no-deps --only-binary :all: tabulate\n"
    "  cloche image add --with tabulate-*.whl --import tabulate --name tables\n"
    "  cloche run --image tables -c 'import tabulate; print(tabulate.tabulate([[1, 2]]))'\n";

static int inspect(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    bool json = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option != 'j')
            return clo_cli_usage("image", "info takes --json and an image");
        json = true;
    }
    if (optind + 1 != argc)
        return clo_cli_usage("image", "info takes one image");
    struct clo_error error;
    if (clo_image_inspect(argv[optind], json, stdout, &error))
        return clo_cli_fail(&error);
    return CLI_OK;
}

static int verify(int argc, char **argv)
{
    if (argc != 2)
        return clo_cli_usage("image", "verify takes one file");
    struct clo_error error;
    if (clo_image_verify(argv[1], &error))
        return clo_cli_fail(&error);
    printf("%s: good\n", argv[1]);
    return CLI_OK;
}

static int build(int argc, char **argv)
{
    static const struct option options[] = {
        {"inputs", required_argument, NULL, 'i'}, {"isolation", required_argument, NULL, 'I'}, {0}};
    const char *inputs = NULL, *isolation = NULL;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'i': inputs = optarg; break;
        case 'I': isolation = optarg; break;
        default:
            return clo_cli_usage(
                "image", "build takes --isolation WALL, --inputs HASH, an ELF file and a file");
        }
    }
    if (optind + 2 != argc)
        return clo_cli_usage("image", "build takes an ELF file and the image file to write");
    struct clo_isolation_choice choice = {0};
    if (clo_cli_isolation("image", isolation, &choice))
        return CLI_USAGE;
    struct clo_error error;
    if (clo_image_build(argv[optind], argv[optind + 1], inputs, choice.isolation, &error))
        return clo_cli_fail(&error);
    return CLI_OK;
}

int clo_cli_image(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*call)(int argc, char **argv);
    } actions[] = {
        {"add", clo_cli_image_add}, {"list", clo_cli_image_list}, {"remove", clo_cli_image_remove},
        {"info", inspect},          {"inspect", inspect},         {"verify", verify},
        {"build", build},
    };
    const char *action = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (!strcmp(action, actions[i].name))
            return actions[i].call(argc - 1, argv + 1);
    if (strcmp(action, "--help") == 0 || strcmp(action, "-h") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    return clo_cli_usage("image",
                         "\"%s\" is no action; there are add, list, remove, info, verify and build",
                         action);
}
