/* harness.c - see harness.h. */
#include "harness.h"

#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct clo_image *harness_image[2];
const char *harness_elf;
enum clo_isolation harness_isolation;
char harness_folder[] = "/tmp/cloche-vm-test-XXXXXX";
static char image_path[64];

static void give_up(const char *what, const struct clo_error *error)
{
    fprintf(stderr, "%s: %s (%s)\n", what, error->message, error->hint);
    exit(1);
}

static void choose_isolation(void)
{
    const char *name = getenv("CLOCHE_TEST_ISOLATION");
    if (name && strcmp(name, clo_isolation_name(CLO_ISOLATION_PROCESS)) == 0)
        harness_isolation = CLO_ISOLATION_PROCESS;
    else if (name && *name && strcmp(name, clo_isolation_name(CLO_ISOLATION_MICROVM)) != 0) {
        fprintf(stderr, "CLOCHE_TEST_ISOLATION is '%s': microvm or process\n", name);
        exit(2);
    }
}

void harness_only(enum clo_isolation isolation)
{
    if (harness_isolation != isolation)
        skip();
}

void harness_begin(int argc, char **argv)
{
    struct clo_error error = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: %s GUEST-ELF\n", argv[0]);
        exit(2);
    }
    harness_elf = argv[1];
    choose_isolation();
#ifdef __SANITIZE_ADDRESS__
    if (harness_isolation == CLO_ISOLATION_PROCESS) {
        printf("SKIP: ADDRESSSANITIZER'S OWN MEMORY LIES WHERE A GUEST'S HAS TO BE; the suite "
               "\"undefined\" has these tests\n");
        exit(77);
    }
#endif
    if (harness_isolation == CLO_ISOLATION_MICROVM && clo_kvm_probe(&error)) {
        printf("SKIP: %s (%s): THESE TESTS DID NOT RUN\n", error.message, error.hint);
        exit(77);
    }
    if (!mkdtemp(harness_folder)) {
        perror("mkdtemp");
        exit(1);
    }
    snprintf(image_path, sizeof image_path, "%s/test.image", harness_folder);
    if (clo_image_build(harness_elf, image_path, "0123456789abcdef", harness_isolation, &error))
        give_up("building the image", &error);
    if (clo_image_open(&harness_image[0], image_path, CLO_IMAGE_MAP, &error) ||
        clo_image_open(&harness_image[1], image_path, CLO_IMAGE_COPY, &error))
        give_up("opening the image", &error);
}

int harness_end(int failed)
{
    clo_image_close(harness_image[0]);
    clo_image_close(harness_image[1]);
    unlink(image_path);
    rmdir(harness_folder);
    return failed ? 1 : 0;
}

unsigned harness_rounds(unsigned rounds)
{
    const char *share = getenv("CLOCHE_TEST_SHARE");
    unsigned percent = share ? (unsigned)strtoul(share, NULL, 10) : 100;
    unsigned some = rounds * percent / 100;
    return some ? some : 1;
}

bool harness_is_emulated(void)
{
    unsigned a, b, c, d;
    __cpuid(0x40000000, a, b, c, d);
    return b == 0x54474354 && c == 0x43544743; /* "TCGTCGTCGTCG" */
}

struct clo_vm *harness_vm_of(const struct clo_image *image, const struct clo_vm_config *config)
{
    struct clo_vm_config wanted = {.memory_limit = 64 * MIB};
    struct clo_vm *vm;
    struct clo_error error;
    if (config)
        wanted = *config;
    wanted.isolation = harness_isolation;
    if (clo_vm_create(&vm, image, &wanted, &error))
        fail_msg("creating a guest: %s", error.message);
    return vm;
}

struct clo_vm *harness_vm(const struct clo_vm_config *config)
{
    return harness_vm_of(harness_image[0], config);
}

void harness_command(struct clo_vm *vm, uint32_t op, uint64_t a, uint64_t b, uint64_t c)
{
    struct guest_command command = {GUEST_MAGIC, op, a, b, c};
    memcpy(clo_vm_reply_area(vm), &command, sizeof command);
    clo_vm_used_reply(vm, sizeof command);
    clo_vm_control(vm)->request_length = sizeof command;
    clo_vm_start(vm);
}

struct clo_vm_exit harness_go(struct clo_vm *vm)
{
    struct clo_control *control = clo_vm_control(vm);
    struct clo_vm_exit exit;
    struct clo_error error;
    for (;;) {
        if (clo_vm_resume(vm, &exit, &error))
            fail_msg("resume: %s", error.message);
        if (exit.kind != CLO_VM_HOST_CALL)
            return exit;
        switch (control->op) {
        case CLO_OP_FLUSH: break;
        case CLO_OP_GROW:
            control->status =
                clo_vm_grow(vm, (enum clo_region)control->args[0], control->args[1], &error) ? 1
                                                                                             : 0;
            break;
        default: return exit;
        }
    }
}

uint64_t harness_run(struct clo_vm *vm, uint32_t op, uint64_t a, uint64_t b, uint64_t c)
{
    harness_command(vm, op, a, b, c);
    struct clo_vm_exit exit = harness_go(vm);
    if (exit.kind != CLO_VM_HOST_CALL || clo_vm_control(vm)->op != CLO_OP_DONE)
        fail_msg("command %u(%#llx, %#llx): exit %d, vector %u, address %#llx, rip %#llx, %s", op,
                 (unsigned long long)a, (unsigned long long)b, exit.kind, exit.vector,
                 (unsigned long long)exit.fault_address, (unsigned long long)exit.rip, exit.reason);
    return clo_vm_control(vm)->args[0];
}

void harness_restore(struct clo_vm *vm)
{
    struct clo_error error;
    if (clo_vm_restore(vm, NULL, &error))
        fail_msg("restore: %s", error.message);
}

struct clo_vm_exit harness_fault(struct clo_vm *vm, uint32_t op, uint64_t a, uint64_t b)
{
    harness_command(vm, op, a, b, 8);
    struct clo_vm_exit exit = harness_go(vm);
    if (exit.kind != CLO_VM_FAULT)
        fail_msg("command %u(%#llx, %#llx) did not fault: exit %d, op %u, %s", op,
                 (unsigned long long)a, (unsigned long long)b, exit.kind, clo_vm_control(vm)->op,
                 exit.reason);
    return exit;
}
