/* handle_models.c - GET /models and /models/{id}: what a client may send as `model`.
 *
 * Any name may be sent; it is repeated in the response and chooses nothing. But clients ask for a
 * list, and show it. It has the agent under its own name, and under the one that a response has
 * where its request named none.
 */
#include <string.h>

#include "agent/agent.h"
#include "serve/handlers.h"

static json_t *model_json(const struct clo_server *server, const char *id)
{
    return json_pack("{s:s, s:s, s:I, s:s}", "id", id, "object", "model", "created",
                     (json_int_t)server->started, "owned_by", "cloche");
}

void clo_handle_models(struct clo_exchange *exchange, const char *id)
{
    const struct clo_server *server = exchange->server;
    const char *agent = clo_agent_name(server->agent), *model = clo_agent_model_name(server->agent);
    json_t *second = strcmp(agent, model) ? model_json(server, model) : NULL;
    (void)id;
    clo_exchange_json(
        exchange, 200,
        json_pack("{s:s, s:[o, o*]}", "object", "list", "data", model_json(server, agent), second));
}

void clo_handle_model(struct clo_exchange *exchange, const char *id)
{
    const struct clo_server *server = exchange->server;
    struct clo_problem problem;
    if (strcmp(id, clo_agent_name(server->agent)) == 0 ||
        strcmp(id, clo_agent_model_name(server->agent)) == 0) {
        clo_exchange_json(exchange, 200, model_json(server, id));
        return;
    }
    clo_problem_set(&problem, 404, "model_not_found", "model",
                    "The model '%.128s' does not exist; this server's are listed by GET /models.",
                    id);
    clo_exchange_refuse(exchange, &problem);
}
