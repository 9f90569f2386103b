/* doctor.c - `cloche doctor`: what this machine offers, and the remedy for what is missing. */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/error.h"
#include "base/lazy.h"
#include "base/memory_limit.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/isolation.h"
#include "cloche/image.h"
#include "cloche/sandbox.h"
#include "model/model.h"
#include "sandbox/memory_budget.h"
#include "sandbox/run/limits.h"
#include "sandbox/worker/jail.h"
#include "vm/vm.h"

static const char help[] =
    "Usage: cloche doctor [--isolation WALL] [--image FILE]\n"
    "\n"
    "Checks what cloche needs of this machine (processor, hypervisor, kernel, memory, image), and\n"
    "ends by running a line of Python behind each wall that can stand here: in a micro-VM (microvm)\n"
    "and by process isolation (process). Where the environment names a model (docs/models.md), it is\n"
    "told, and a token is asked for if its server takes tokens. Exit status 0: all that the chosen one needs is there. It is\n"
    "chosen by --isolation, else by $CLOCHE_ISOLATION, else it is microvm.\n";

static bool healthy = true; /* all that the chosen wall needs is there */

static void good(const char *what, const char *detail)
{
    printf("ok       %-12s %s\n", what, detail);
}

static void slower(const char *what, const char *detail, const char *remedy)
{
    printf("slower   %-12s %s\n                      %s\n", what, detail, remedy);
}

static void missing(const char *what, const struct clo_error *error)
{
    printf("MISSING  %-12s %s\n", what, error->message);
    if (error->hint[0])
        printf("                      %s\n", error->hint);
    healthy = false;
}

static void check_processor(void)
{
    /* clang 14 does not know the level's name: these two came with it */
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")) {
        good("processor", "x86-64-v2 or later");
        return;
    }
    struct clo_error error = {
        .message = "this processor lacks x86-64-v2 (SSE4.2, POPCNT)",
        .hint =
            "The image's code needs it: use a newer machine, or pass the host's CPU model through to this virtual machine."};
    missing("processor", &error);
}

/* What the wall that is not chosen would need. */
static void absent(const char *what, const struct clo_error *error)
{
    printf("absent   %-12s %s\n                      Not needed: another isolation is chosen.\n",
           what, error->message);
}

static bool check_hypervisor(enum clo_isolation chosen)
{
    struct clo_error error;
    if (!clo_kvm_probe(&error)) {
        good("hypervisor", "/dev/kvm can be opened and makes virtual machines");
        return true;
    }
    (chosen == CLO_ISOLATION_MICROVM ? missing : absent)("hypervisor", &error);
    return false;
}

static void check_kernel(void)
{
    struct utsname name;
    char detail[200];
    uname(&name);
    snprintf(detail, sizeof detail, "Linux %s", name.release);
    good("kernel", detail);
}

/* How a sandbox finds what its last run wrote. */
static void check_pages(void)
{
    switch (clo_scan_way()) {
    case CLO_SCAN_KERNEL: good("pages", "the kernel lists what a run wrote (PAGEMAP_SCAN)"); return;
    case CLO_SCAN_READ:
        slower(
            "pages", "what a run wrote is read from /proc/self/pagemap",
            "Linux 6.7 lists it (PAGEMAP_SCAN): a run that writes pages new to its sandbox is then restored sooner.");
        return;
    case CLO_SCAN_NONE: break;
    }
    slower("pages", "what a run wrote cannot be found: no /proc/self/pagemap",
           "Short runs take longer: 3 to 4 times by process isolation, 10 times in a micro-VM.");
}

static void check_huge_pages(void)
{
    char line[128] = "";
    int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? 0 : read(file, line, sizeof line - 1);
    if (file >= 0)
        close(file);
    if (n > 0)
        line[n - 1] = '\0';
    if (n > 0 && !strstr(line, "[never]"))
        good("huge pages", line);
    else
        slower(
            "huge pages", n > 0 ? line : "not offered by this kernel",
            "Memory that code grows into is mapped more slowly. Remedy: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
}

/* What the process may use, and what of it all sandboxes together get unless told otherwise. */
static void check_memory(void)
{
    struct clo_limits usual;
    struct clo_error error;
    char machine[CLO_QUANTITY_TEXT_MAX], all[CLO_QUANTITY_TEXT_MAX], each[CLO_QUANTITY_TEXT_MAX];
    char detail[256];
    if (clo_limits_resolve(&usual, &(struct clo_limits){0}, NULL, &error))
        return;
    clo_size_format(machine, clo_memory_limit(""));
    clo_size_format(all, clo_memory_ceiling());
    clo_size_format(each, usual.memory);
    snprintf(
        detail, sizeof detail,
        "%s for this process; all sandboxes together at most %s: %zu runs at once, if each takes its %s",
        machine, all, clo_memory_budget_room(usual.memory), each);
    if (!clo_memory_budget_check(usual.memory, &error))
        good("memory", detail);
    else if (!clo_memory_budget_check(CLO_MEMORY_MIN, &error))
        printf(
            "less     %-12s %s\n                      Set sandbox.memory (--memory) lower, or sandbox.total_memory higher.\n",
            "memory", detail);
    else
        missing("memory", &error);
}

/* The jail is behind the micro-VM; by process isolation it is a part of the wall. */
static void check_jail(enum clo_isolation chosen)
{
    unsigned layers;
    char text[CLO_JAIL_TEXT_MAX];
    struct clo_error error;
    if (clo_jail_probe(&layers, &error)) {
        missing("jail", &error);
        return;
    }
    clo_jail_describe(layers, text);
    if (layers == CLO_JAIL_ALL) {
        good("jail", text);
        return;
    }
    printf("weaker   %-12s %s\n", "jail", text);
    clo_jail_describe(CLO_JAIL_ALL & ~layers, text);
    printf(
        "                      Not allowed here: %s. serve --jail=strict would not start.\n"
        "                      Remedy: allow user namespaces and seccomp to this container (docker run\n"
        "                      --security-opt seccomp=deploy/seccomp.json, docs/deploy/docker.md).\n",
        text);
    if (chosen == CLO_ISOLATION_PROCESS)
        puts("                      Code that gets out of WebAssembly would find that much less in "
             "its way.");
}

static void tell_choice(const struct clo_isolation_choice *choice)
{
    const char *name = clo_isolation_name(choice->isolation);
    char detail[160];
    if (choice->by)
        snprintf(detail, sizeof detail, "%s, chosen by %s", name, choice->by);
    else
        snprintf(detail, sizeof detail, "%s, unless another is chosen: --isolation=process", name);
    good("isolation", detail);
}

static void check_libraries(void)
{
    struct clo_error error = {0};
    if (clo_lazy_load_all(&error))
        missing("libraries", &error);
    else
        good("libraries", "those that only `serve` and tools with schemas need can be loaded");
}

/* What the environment names, and whether its tokens can be had. Sandboxes need none of it. */
static void check_model(void)
{
    struct clo_error error = {0};
    struct clo_model *model;
    char notice[CLO_CREDENTIAL_NOTICE_MAX];
    if (clo_model_create(&model, &(struct clo_model_config){0}, &error)) {
        printf("absent   %-12s %s\n                      %s\n", "model", error.message, error.hint);
        return;
    }
    if (clo_model_is_chosen(model))
        good("model", clo_model_description(model));
    else
        good("model",
             "the environment names none: an agent's file does, or its offline script plays");
    if (clo_model_try_credentials(model, notice, &error))
        printf("absent   %-12s %s\n                      %s\n", "tokens", error.message,
               error.hint);
    else if (*notice)
        good("tokens", notice);
    clo_model_destroy(model);
}

static bool check_image(const char *path)
{
    struct clo_error error;
    struct clo_image *image;
    if (clo_image_open(&image, path, CLO_IMAGE_MAP, &error) ||
        clo_image_verify(clo_image_path(image), &error)) {
        missing("image", &error);
        return false;
    }
    char detail[512];
    snprintf(detail, sizeof detail, "%s: %s", clo_image_path(image), clo_image_runtime(image));
    good("image", detail);
    clo_image_close(image);
    return true;
}

#define LINE "print(sum(range(1000)))"

/* The line behind that wall, in a sandbox of its own; `detail` tells how it went well. */
static int run_line(const char *path, enum clo_isolation isolation, char detail[160],
                    struct clo_error *error)
{
    struct clo_image *image = NULL;
    struct clo_sandbox *sandbox = NULL;
    struct clo_run_result *result = NULL;
    bool process = isolation == CLO_ISOLATION_PROCESS;
    struct clo_sandbox_config config = {.limits = {.memory = CLO_MEMORY_MIN},
                                        .isolation = isolation,
                                        .placement =
                                            process ? CLO_PLACEMENT_WORKER : CLO_PLACEMENT_THREAD};
    int status = clo_image_open(&image, path, CLO_IMAGE_MAP, error);
    config.image = image;
    if (!status)
        status = clo_sandbox_create(&sandbox, &config, error);
    if (!status)
        status = clo_sandbox_run(
            sandbox, &(struct clo_run){.code = LINE, .code_length = strlen(LINE)}, &result, error);
    if (!status && strcmp(result->out, "499500\n") != 0) {
        status = clo_fail(error, CLO_EIMAGE, LINE " printed \"%.100s\" and \"%.300s\"", result->out,
                          result->err);
        clo_hint(error, CLO_EIMAGE, "The image does not work here: rebuild it (make image).");
    }
    if (!status)
        snprintf(detail, 160, LINE " printed 499500 in %.2f ms, %s",
                 (double)result->usage.wall_us / 1000,
                 result->usage.isolation == CLO_ISOLATION_PROCESS
                     ? "by process isolation, in a worker process"
                     : "in a micro-VM");
    clo_run_result_free(result);
    clo_sandbox_destroy(sandbox);
    clo_image_close(image);
    return status;
}

/* The wall that stands unless told otherwise, then the other one. True: the other one can stand. */
static bool check_walls(const char *image, enum clo_isolation chosen, bool hypervisor)
{
    char detail[160];
    struct clo_error error;
    enum clo_isolation other =
        chosen == CLO_ISOLATION_PROCESS ? CLO_ISOLATION_MICROVM : CLO_ISOLATION_PROCESS;
    if (!healthy) {
        /* what is missing was said */
    } else if (run_line(image, chosen, detail, &error)) {
        missing("python", &error);
    } else {
        good("python", detail);
    }
    if (other == CLO_ISOLATION_MICROVM && !hypervisor)
        return false; /* it was said */
    if (run_line(image, other, detail, &error)) {
        absent(clo_isolation_name(other), &error);
        return false;
    }
    good(clo_isolation_name(other), detail);
    return true;
}

static void conclude(enum clo_isolation chosen, bool other)
{
    if (healthy)
        printf("This machine can run sandboxes, by %s isolation.\n", clo_isolation_name(chosen));
    else if (other && chosen == CLO_ISOLATION_MICROVM)
        puts("This machine cannot run sandboxes yet; by process isolation it can: "
             "--isolation=process.");
    else if (other)
        puts("This machine cannot run sandboxes by process isolation yet; in micro-VMs it can.");
    else
        puts("This machine cannot run sandboxes yet.");
}

static int parse(int argc, char **argv, const char **image, struct clo_isolation_choice *choice)
{
    static const struct option options[] = {{"image", required_argument, NULL, 'i'},
                                            {"isolation", required_argument, NULL, 'I'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *word = NULL;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (option) {
        case 'i': *image = optarg; break;
        case 'I': word = optarg; break;
        case 'h': fputs(help, stdout); exit(CLI_OK);
        default: return clo_cli_usage("doctor", "unknown option");
        }
    }
    if (optind != argc)
        return clo_cli_usage("doctor", "takes options only, and \"%s\" is none", argv[optind]);
    return clo_cli_isolation("doctor", word, choice);
}

int clo_cli_doctor(int argc, char **argv)
{
    const char *image = NULL;
    struct clo_isolation_choice choice = {0};
    int status = parse(argc, argv, &image, &choice);
    if (status)
        return status;
    check_processor();
    bool hypervisor = check_hypervisor(choice.isolation);
    check_kernel();
    check_pages();
    check_huge_pages();
    check_memory();
    check_jail(choice.isolation);
    check_libraries();
    check_model();
    tell_choice(&choice);
    bool other = check_image(image) && check_walls(image, choice.isolation, hypervisor);
    conclude(choice.isolation, other);
    return healthy ? CLI_OK : CLI_FAILED;
}
