/* config.c - checking a configuration before anything is made from it. */
#include "sandbox/config.h"

#include "base/error.h"
#include "vm/vm.h"

int clo_setup_open(struct clo_setup *setup, const struct clo_sandbox_config *config, bool pooled,
                   struct clo_error *error)
{
    *setup = (struct clo_setup){.image = config->image,
                                .isolation = config->isolation,
                                .jail = config->jail,
                                .pooled = pooled};
    if (!config->image)
        return clo_fail(error, CLO_EINVALID, "the configuration has no image");
    if (config->isolation != CLO_ISOLATION_THREAD && config->isolation != CLO_ISOLATION_WORKER)
        return clo_fail(error, CLO_EINVALID,
                        "isolation is %d; it must be thread (0) or worker "
                        "(1)",
                        config->isolation);
    if (config->jail != CLO_JAIL_BEST && config->jail != CLO_JAIL_STRICT)
        return clo_fail(error, CLO_EINVALID, "jail is %d; it must be best (0) or strict (1)",
                        config->jail);
    int status = clo_limits_resolve(&setup->limits, &config->limits, NULL, error);
    if (!status)
        status = clo_kvm_prepare(NULL, error);
    if (!status)
        status = clo_tools_create(&setup->tools, config->tools, config->tool_count, error);
    if (status)
        return status;
    setup->crew = clo_crew_create();
    if (setup->crew)
        return 0;
    clo_setup_close(setup);
    return clo_fail_memory(error);
}

void clo_setup_close(struct clo_setup *setup)
{
    clo_crew_free(setup->crew);
    setup->crew = NULL;
    clo_tools_free(setup->tools);
    setup->tools = NULL;
}
