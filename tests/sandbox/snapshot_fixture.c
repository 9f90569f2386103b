/* snapshot_fixture.c - see snapshot_fixture.h. */
#include "snapshot_fixture.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const uint8_t snapshot_key[32] = "a key that everybody may know...";
const struct clo_snapshot_options snapshot_options = {.key = snapshot_key,
                                                      .key_length = sizeof snapshot_key};

const struct snapshot_place snapshot_places[SNAPSHOT_PLACES] = {
    {"micro-VM, thread", CLO_ISOLATION_MICROVM, CLO_PLACEMENT_THREAD},
    {"micro-VM, worker", CLO_ISOLATION_MICROVM, CLO_PLACEMENT_WORKER},
#ifdef __SANITIZE_ADDRESS__ /* whose own memory lies where a guest of this wall has to be */
    {"micro-VM, worker", CLO_ISOLATION_MICROVM, CLO_PLACEMENT_WORKER},
#else
    {"process, worker", CLO_ISOLATION_PROCESS, CLO_PLACEMENT_WORKER},
#endif
};

static int create(const struct snapshot_place *place, uint64_t memory, struct clo_sandbox **sandbox,
                  struct clo_error *error)
{
    struct clo_sandbox_config config = {
        .image = runs_image,
        .isolation = place->isolation,
        .placement = place->placement,
        .limits = {.wall_ms = 60000, .cpu_ms = 30000, .memory = memory}};
    return clo_sandbox_create(sandbox, &config, error);
}

struct clo_sandbox *snapshot_sandbox(const struct snapshot_place *place, uint64_t memory)
{
    struct clo_sandbox *sandbox;
    struct clo_error error;
    if (create(place, memory, &sandbox, &error))
        fail_msg("%s: %s (%s)", place->name, error.message, error.hint);
    return sandbox;
}

bool snapshot_can(const struct snapshot_place *place)
{
    struct clo_sandbox *sandbox;
    struct clo_error error;
    int status = create(place, 0, &sandbox, &error);
    if (!status)
        clo_sandbox_destroy(sandbox);
    else if (status != CLO_ENOHYPERVISOR)
        fail_msg("%s: %s (%s)", place->name, error.message, error.hint);
    return !status;
}

struct clo_run_result *snapshot_try(struct clo_sandbox *sandbox, const char *code)
{
    struct clo_run run = {.code = code, .code_length = strlen(code), .keep_state = true};
    struct clo_run_result *result;
    struct clo_error error;
    if (clo_sandbox_run(sandbox, &run, &result, &error))
        fail_msg("%s: %s (%s)", code, error.message, error.hint);
    return result;
}

void snapshot_run(struct clo_sandbox *sandbox, const char *code, const char *out)
{
    struct clo_run_result *result = snapshot_try(sandbox, code);
    if (result->error.kind || (out && strcmp(result->out, out) != 0))
        fail_msg("%s\nprinted: %s\ninstead: %s\n%s", code, result->out, out, result->err);
    clo_run_result_free(result);
}

int snapshot_file(void)
{
    int file = memfd_create("snapshot", MFD_CLOEXEC);
    assert_true(file >= 0);
    return file;
}

int snapshot_take(struct clo_sandbox *sandbox)
{
    struct clo_error error;
    uint64_t bytes;
    int file = snapshot_file();
    if (clo_sandbox_snapshot(sandbox, file, &snapshot_options, &bytes, &error))
        fail_msg("snapshot: %s (%s)", error.message, error.hint);
    assert_int_equal(lseek(file, 0, SEEK_END), bytes);
    return file;
}

void snapshot_put(struct clo_sandbox *sandbox, int file)
{
    struct clo_error error;
    if (clo_sandbox_restore(sandbox, file, &snapshot_options, &error))
        fail_msg("restore: %s (%s)", error.message, error.hint);
}
