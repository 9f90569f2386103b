/* runner_port.c - a state out of a micro-VM of this process, and into it. */
#include "sandbox/snapshot/snapshot.h"

static int save(void *context, const struct clo_state_sink *sink, struct clo_error *error)
{
    return clo_runner_save(context, sink, error);
}

static int begin(void *context, const struct clo_state_head *head, struct clo_error *error)
{
    return clo_runner_load_begin(context, head, error);
}

static int page(void *context, uint32_t number, const uint8_t *bytes, struct clo_error *error)
{
    return clo_runner_load_page(context, number, bytes, error);
}

static int end(void *context, struct clo_error *error)
{
    (void)error;
    clo_runner_load_end(context);
    return 0;
}

static void drop(void *context)
{
    clo_runner_load_drop(context);
}

struct clo_state_port clo_runner_port(struct clo_runner *runner)
{
    return (struct clo_state_port){
        .save = save, .begin = begin, .page = page, .end = end, .drop = drop, .context = runner};
}
