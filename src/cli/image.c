/* image.c - `cloche image inspect|verify|build`. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/isolation.h"
#include "cloche/image.h"

static const char help[] =
    "Usage: cloche image inspect [--json] FILE   what the image holds, from its header\n"
    "       cloche image verify FILE             check every byte against the image's hash\n"
    "       cloche image build [--isolation WALL] [--inputs HASH] ELF FILE\n"
    "                                            boot the guest in ELF until it is ready, and\n"
    "                                            save it as the image FILE: in a micro-VM (microvm,\n"
    "                                            the default) or without a hypervisor (process);\n"
    "                                            else $CLOCHE_ISOLATION. The bytes are the same\n"
    "\n"
    "An image is a guest that has already initialised itself; micro-VMs start from it by mapping\n"
    "it. `make image` builds build/python.image. A file that is damaged, truncated or not an image\n"
    "is refused with the reason.\n";

static int inspect(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    bool json = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option != 'j')
            return clo_cli_usage("image", "inspect takes --json and a file");
        json = true;
    }
    if (optind + 1 != argc)
        return clo_cli_usage("image", "inspect takes one file");
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
    const char *action = argc > 1 ? argv[1] : "";
    if (strcmp(action, "inspect") == 0)
        return inspect(argc - 1, argv + 1);
    if (strcmp(action, "verify") == 0)
        return verify(argc - 1, argv + 1);
    if (strcmp(action, "build") == 0)
        return build(argc - 1, argv + 1);
    if (strcmp(action, "--help") == 0 || strcmp(action, "-h") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    return clo_cli_usage("image", "\"%s\" is no action; there are inspect, verify and build",
                         action);
}
