/* doctor.c - `cloche doctor`: what this machine offers, and the remedy for what is missing. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/lazy.h"
#include "base/memory_limit.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cloche/image.h"
#include "cloche/sandbox.h"
#include "sandbox/memory_budget.h"
#include "sandbox/run/limits.h"
#include "sandbox/worker/jail.h"
#include "vm/vm.h"

static const char help[] =
    "Usage: cloche doctor [--image FILE]\n"
    "\n"
    "Checks what cloche needs of this machine (processor, hypervisor, kernel, memory, image), and\n"
    "ends by running a line of Python. Exit status 0: all that is needed is there.\n";

static bool healthy = true;

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

static void check_hypervisor(void)
{
    struct clo_error error;
    if (clo_kvm_probe(&error))
        missing("hypervisor", &error);
    else
        good("hypervisor", "/dev/kvm can be opened and makes virtual machines");
}

static void check_kernel(void)
{
    struct utsname name;
    char detail[200];
    uname(&name);
    unsigned major = 0, minor = 0;
    sscanf(name.release, "%u.%u", &major, &minor);
    snprintf(detail, sizeof detail, "Linux %s", name.release);
    if (major > 6 || (major == 6 && minor >= 7))
        good("kernel", detail);
    else
        slower("kernel", detail,
               "Before 6.7 there is no PAGEMAP_SCAN: restoring a sandbox takes longer.");
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
    snprintf(detail, sizeof detail,
             "%s for this process; all sandboxes together at most %s: %zu runs of %s at once",
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

static void check_jail(void)
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
    printf("                      Not allowed here: %s. serve --jail=strict would not start.\n"
           "                      Remedy: allow user namespaces and seccomp to this container.\n",
           text);
}

static void check_libraries(void)
{
    struct clo_error error = {0};
    if (clo_lazy_load_all(&error))
        missing("libraries", &error);
    else
        good("libraries", "those that only `serve` and tools with schemas need can be loaded");
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

static void check_run(const char *path)
{
    struct clo_error error;
    struct clo_image *image = NULL;
    struct clo_sandbox *sandbox = NULL;
    struct clo_run_result *result = NULL;
    const char *code = "print(sum(range(1000)))";
    int status = clo_image_open(&image, path, CLO_IMAGE_MAP, &error);
    if (!status)
        status = clo_sandbox_create(
            &sandbox,
            &(struct clo_sandbox_config){.image = image, .limits = {.memory = CLO_MEMORY_MIN}},
            &error);
    if (!status)
        status = clo_sandbox_run(
            sandbox, &(struct clo_run){.code = code, .code_length = strlen(code)}, &result, &error);
    if (status) {
        missing("python", &error);
    } else if (strcmp(result->out, "499500\n") != 0) {
        error =
            (struct clo_error){.hint = "The image does not work here: rebuild it (make image)."};
        snprintf(error.message, sizeof error.message, "%s printed \"%.100s\" and \"%.300s\"", code,
                 result->out, result->err);
        missing("python", &error);
    } else {
        char detail[128];
        snprintf(detail, sizeof detail, "%s printed 499500 in %.2f ms", code,
                 (double)result->usage.wall_us / 1000);
        good("python", detail);
    }
    clo_run_result_free(result);
    clo_sandbox_destroy(sandbox);
    clo_image_close(image);
}

int clo_cli_doctor(int argc, char **argv)
{
    const char *image = NULL;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        return CLI_OK;
    }
    if (argc == 3 && strcmp(argv[1], "--image") == 0)
        image = argv[2];
    else if (argc != 1)
        return clo_cli_usage("doctor", "takes --image FILE or nothing");
    check_processor();
    check_hypervisor();
    check_kernel();
    check_huge_pages();
    check_memory();
    check_jail();
    check_libraries();
    if (check_image(image) && healthy)
        check_run(image);
    puts(healthy ? "This machine can run sandboxes." : "This machine cannot run sandboxes yet.");
    return healthy ? CLI_OK : CLI_FAILED;
}
