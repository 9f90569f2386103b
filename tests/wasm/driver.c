/* driver.c - plays groups of commands in micro-VMs of one image, for tests/wasm/run.py.
 *
 *   wasm_driver IMAGE <ORDERS
 *
 * Each line of standard input is one order: "GROUP STOP SKIP…" (guest/request.h). For each, on
 * standard output, what the guest wrote, line by line, and then how the run ended:
 *
 *   end done
 *   end trap TYPE           the guest said so
 *   end fault TYPE ADDRESS  the CPU said so; the address is that of a page fault, else 0
 *   end late                it was stopped
 *   end violation REASON
 *
 * TYPE is the sandbox's word for it (src/sandbox/run/fault.c), as a user would be told. Every run
 * begins in the image's state: restored, or after a fault in a new micro-VM.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloche/image.h"
#include "sandbox/run/fault.h"
#include "vm/vm.h"
#include "wasm/guest/request.h"

#define MEMORY (1ull << 30)    /* resizing.wast grows to 10,003 pages of 64 KiB */
#define WALL_NS 20000000000ull /* a run takes microseconds; this is for a machine that stalls */
#define CPU_NS 500000000ull    /* so long runs a recursion that the compiler made a loop */
#define LINE_BYTES 4096

struct driver {
    struct clo_image *image;
    struct clo_vm *vm;
    bool used, spent;
    bool in_line; /* the guest's last line is not ended */
};

static int die(const char *what, const struct clo_error *error)
{
    fprintf(stderr, "wasm_driver: %s: %s\n", what, error->message);
    return -1;
}

/* A micro-VM in the image's state. */
static int renew(struct driver *driver)
{
    struct clo_vm_config config = {.memory_limit = MEMORY};
    struct clo_error error;
    if (driver->vm && !driver->spent) {
        if (driver->used && clo_vm_restore(driver->vm, NULL, &error))
            return die("restore", &error);
    } else {
        if (driver->vm)
            clo_vm_destroy(driver->vm);
        driver->vm = NULL;
        if (clo_vm_create(&driver->vm, driver->image, &config, &error))
            return die("a micro-VM", &error);
    }
    driver->used = true;
    driver->spent = false;
    return 0;
}

static bool read_order(const char *line, struct play_request *request)
{
    int at = 0;
    *request = (struct play_request){.magic = PLAY_MAGIC};
    if (sscanf(line, "%" SCNu32 " %" SCNu32 "%n", &request->group, &request->stop, &at) < 2)
        return false;
    line += at;
    while (sscanf(line, "%" SCNu32 "%n", &request->skips[request->skip_count], &at) == 1) {
        if (++request->skip_count == PLAY_SKIPS_MAX)
            return false;
        line += at;
    }
    return true;
}

/* The guest is no enemy here, but a bug may make it one: nothing outside the area is read. */
static void show_output(struct driver *driver)
{
    const uint8_t *area = clo_vm_output_area(driver->vm);
    uint32_t left = clo_vm_control(driver->vm)->output_length;
    if (left > CLO_OUTPUT_AREA_SIZE)
        left = 0;
    while (left >= sizeof(uint32_t)) {
        uint32_t length;
        memcpy(&length, area, sizeof length);
        length &= 0xffffff;
        area += sizeof length;
        left -= sizeof length;
        if (length > left)
            break;
        fwrite(area, 1, length, stdout);
        if (length)
            driver->in_line = area[length - 1] != '\n';
        area += length;
        left -= length;
    }
}

/* True when the run goes on. */
static bool host_call(struct driver *driver)
{
    struct clo_control *control = clo_vm_control(driver->vm);
    char text[CLO_FAULT_TEXT_MAX];
    struct clo_error error;
    show_output(driver);
    if (control->op == CLO_OP_FLUSH)
        return true;
    if (control->op == CLO_OP_GROW) {
        uint64_t region = control->args[0];
        control->status =
            region >= CLO_REGION_COUNT ||
            clo_vm_grow(driver->vm, (enum clo_region)region, control->args[1], &error);
        return true;
    }
    if (driver->in_line)
        putchar('\n');
    const char *type =
        control->op == CLO_OP_TRAP ? clo_trap_describe(control->args[0], text) : NULL;
    if (control->op == CLO_OP_DONE)
        puts("end done");
    else if (type)
        printf("end trap %s\n", type);
    else
        printf("end violation host call %" PRIu32 " with %" PRIu64 "\n", control->op,
               control->args[0]);
    return false;
}

static void show_end(struct driver *driver, const struct clo_vm_exit *exit)
{
    char text[CLO_FAULT_TEXT_MAX];
    show_output(driver);
    if (driver->in_line)
        putchar('\n');
    driver->spent = true;
    if (exit->kind == CLO_VM_FAULT)
        printf("end fault %s 0x%" PRIx64 "\n", clo_fault_describe(exit, text),
               exit->vector == 14 ? exit->fault_address : 0);
    else if (exit->kind == CLO_VM_KICKED)
        puts("end late");
    else
        printf("end violation %s\n", exit->reason);
}

static int play(struct driver *driver, const struct play_request *request)
{
    struct clo_vm_exit exit;
    struct clo_error error;
    bool runs = true;
    if (renew(driver))
        return -1;
    struct clo_control *control = clo_vm_control(driver->vm);
    memset(control, 0, sizeof *control);
    control->memory_limit = MEMORY;
    control->request_length = sizeof *request;
    memcpy(clo_vm_reply_area(driver->vm), request, sizeof *request);
    clo_vm_used_reply(driver->vm, sizeof *request);
    clo_vm_start(driver->vm);
    if (clo_vm_alarm(driver->vm, WALL_NS, CPU_NS, &error))
        return die("alarm", &error);
    driver->in_line = false;
    while (runs) {
        if (clo_vm_resume(driver->vm, &exit, &error))
            return die("resume", &error);
        runs = exit.kind == CLO_VM_HOST_CALL && host_call(driver);
    }
    if (exit.kind != CLO_VM_HOST_CALL)
        show_end(driver, &exit);
    if (clo_vm_alarm(driver->vm, 0, 0, &error))
        return die("alarm", &error);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    struct driver driver = {0};
    struct clo_error error = {0};
    char line[LINE_BYTES];
    int status = 0;
    if (argc != 2) {
        fputs("Usage: wasm_driver IMAGE <ORDERS\n", stderr);
        return 2;
    }
    if (clo_image_open(&driver.image, argv[1], CLO_IMAGE_MAP, &error)) {
        die("the image", &error);
        return 1;
    }
    while (!status && fgets(line, sizeof line, stdin)) {
        struct play_request request;
        status = read_order(line, &request) ? play(&driver, &request) : -1;
    }
    if (driver.vm)
        clo_vm_destroy(driver.vm);
    clo_image_close(driver.image);
    return status ? 1 : 0;
}
