/* agent/offer/offer.h - what a turn puts before the model: instructions, history, tools; the
 * agent's, the hooks' and the request's. */
#ifndef CLO_AGENT_OFFER_OFFER_H
#define CLO_AGENT_OFFER_OFFER_H

#include "agent/hooks/hooks.h"
#include "agent/internal.h"

struct clo_offer {
    char *instructions;
    json_t *history; /* an array of its own */
    json_t *tools;   /* an array */
};

/* CLO_EINVALID, CLO_ELIMIT: what the hooks added does not fit; CLO_ENOMEMORY. Cleared by the caller
 * in any case. */
int clo_offer_make(struct clo_offer *offer, const struct clo_agent *agent,
                   const struct clo_turn *turn, const struct clo_hook_turn *hooks,
                   struct clo_error *error);
void clo_offer_clear(struct clo_offer *offer);

#endif
