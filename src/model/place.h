/* model/place.h - where the model is: by the configuration, else by the environment. docs/models.md
 * has the table of who wins. Nothing is connected to. Any thread. */
#ifndef CLO_MODEL_PLACE_H
#define CLO_MODEL_PLACE_H

#include <stdbool.h>

#include "cloche/agent.h"
#include "model/http/http_client.h"

#define CLO_MODEL_REASON_MAX 400

/* Texts are borrowed from the configuration and the environment, but for url and chat_path. */
struct clo_model_place {
    enum clo_model_kind speaks; /* RESPONSES, CHAT, ANTHROPIC or SCRIPT */
    bool or_chat;               /* RESPONSES, of a server that may have chat alone */
    bool encrypted;             /* it gives reasoning encrypted to whoever stores nothing there */
    const char *where;          /* " in Foundry", " at Azure OpenAI", or "": for people */
    const char *name;
    char *url;
    char *chat_path; /* NULL: that of chat completions everywhere */
    enum clo_http_client_auth auth;
    const char *key, *key_from; /* key_from NULL: it takes tokens of an identity */
    const char *scope;          /* of these; NULL: none are sent */
    const char *header;
    char reason[CLO_MODEL_REASON_MAX]; /* who chose it, and what is set in vain; or "" */
};

/* CLO_EINVALID: what is missing or wrong, with what to set; CLO_ENOMEMORY. */
int clo_model_place_find(struct clo_model_place *place, const struct clo_model_config *config,
                         struct clo_error *error);
void clo_model_place_clear(struct clo_model_place *place);

#endif
