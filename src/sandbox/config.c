/* config.c - checking a configuration before anything is made from it. */
#include "sandbox/config.h"

#include <string.h>

#include "base/error.h"
#include "sandbox/call/host_calls.h"
#include "sandbox/reservation.h"
#include "vm/vm.h"

static int take_fixed(struct clo_config *config, const struct clo_fixed *wanted,
                      struct clo_error *error)
{
    int status = clo_fixed_check(wanted, error);
    if (status)
        return status;
    config->fixed = *wanted;
    if (wanted->timezone)
        config->fixed.timezone =
            memcpy(config->timezone, wanted->timezone, strlen(wanted->timezone) + 1);
    return 0;
}

int clo_config_open(struct clo_config *config, const struct clo_sandbox_config *wanted, bool pooled,
                    struct clo_error *error)
{
    *config = (struct clo_config){.image = wanted->image,
                                  .placement = wanted->placement,
                                  .isolation = wanted->isolation,
                                  .jail = wanted->jail,
                                  .admission = wanted->admission,
                                  .pooled = pooled};
    if (!wanted->image)
        return clo_fail(error, CLO_EINVALID, "the configuration has no image");
    if (wanted->placement != CLO_PLACEMENT_THREAD && wanted->placement != CLO_PLACEMENT_WORKER)
        return clo_fail(error, CLO_EINVALID, "placement is %d; it must be thread (0) or worker (1)",
                        wanted->placement);
    if (!clo_isolation_name(wanted->isolation))
        return clo_fail(error, CLO_EINVALID,
                        "isolation is %d; it must be microvm (0) or process (1)",
                        wanted->isolation);
    if (wanted->isolation == CLO_ISOLATION_PROCESS && wanted->placement != CLO_PLACEMENT_WORKER) {
        clo_fail(error, CLO_EINVALID,
                 "isolation process with placement thread: nothing would stand between code that "
                 "gets out of WebAssembly and this process");
        return clo_hint(error, CLO_EINVALID, "set the placement to worker");
    }
    if (wanted->jail != CLO_JAIL_BEST && wanted->jail != CLO_JAIL_STRICT)
        return clo_fail(error, CLO_EINVALID, "jail is %d; it must be best (0) or strict (1)",
                        wanted->jail);
    if (wanted->admission != CLO_ADMISSION_GROW && wanted->admission != CLO_ADMISSION_RESERVE)
        return clo_fail(error, CLO_EINVALID, "admission is %d; it must be grow (0) or reserve (1)",
                        wanted->admission);
    int status = clo_limits_resolve(&config->limits, &wanted->limits, NULL, error);
    if (!status)
        status = take_fixed(config, &wanted->fixed, error);
    if (!status)
        status = clo_vm_prepare(wanted->isolation, NULL, error);
    if (!status)
        status = clo_tool_set_create(&config->tools, wanted->tools, wanted->tool_count, error);
    if (!status)
        status = clo_mounts_open(&config->mounts, wanted->mounts, wanted->mount_count, error);
    if (!status)
        status = clo_executor_create(&config->threads, CLO_TOOL_THREADS_MAX, NULL, error);
    if (status)
        clo_config_close(config);
    return status;
}

uint64_t clo_config_start(const struct clo_config *config, uint64_t limit)
{
    return clo_reservation_start(config->image, config->admission, limit);
}

void clo_config_close(struct clo_config *config)
{
    clo_executor_destroy(config->threads);
    config->threads = NULL;
    clo_mounts_close(config->mounts);
    config->mounts = NULL;
    clo_tool_set_free(config->tools);
    config->tools = NULL;
}
