/* config_fixed.c - sandbox.seed, sandbox.clock and sandbox.timezone of agent.yaml. */
#include "agent/config.h"
#include "agent/fixed_text.h"

typedef int (*take_function)(struct clo_fixed *fixed, const char *text, struct clo_error *error);

static int take(struct clo_config *config, const char *key, const char *text, take_function take_it)
{
    struct clo_error why = {0};
    if (!text || !take_it(&config->config.fixed, text, &why))
        return 0;
    return clo_config_tell(config, clo_config_node(config, "sandbox", key), false, &why);
}

int clo_config_take_fixed(struct clo_config *config)
{
    const struct clo_agent_settings *said = &config->said;
    int status = take(config, "seed", said->sandbox.seed, clo_fixed_take_seed);
    if (!status)
        status = take(config, "clock", said->sandbox.clock, clo_fixed_take_clock);
    if (!status)
        status = take(config, "timezone", said->sandbox.timezone, clo_fixed_take_timezone);
    return status;
}
