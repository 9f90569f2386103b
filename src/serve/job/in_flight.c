/* in_flight.c - the register: every reply between its acceptance and its end, by id. The list is as
 * long as there are turns in progress and waiting, so looking through it is cheap beside a turn. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "serve/job/response_job.h"

struct clo_replies {
    pthread_mutex_t lock;
    struct clo_reply *head;
};

int clo_replies_create(struct clo_replies **replies, struct clo_error *error)
{
    *replies = calloc(1, sizeof **replies);
    if (!*replies)
        return clo_fail_memory(error);
    pthread_mutex_init(&(*replies)->lock, NULL);
    return 0;
}

void clo_replies_destroy(struct clo_replies *replies)
{
    if (!replies)
        return;
    pthread_mutex_destroy(&replies->lock);
    free(replies);
}

static struct clo_reply *find(struct clo_replies *replies, const char *id)
{
    struct clo_reply *reply = replies->head;
    while (reply && strcmp(reply->id, id) != 0)
        reply = reply->next;
    return reply;
}

int clo_replies_add(struct clo_replies *replies, struct clo_reply *reply)
{
    int status = CLO_EBUSY;
    pthread_mutex_lock(&replies->lock);
    if (!find(replies, reply->id)) {
        clo_reply_retain(reply);
        reply->previous = NULL;
        reply->next = replies->head;
        if (replies->head)
            replies->head->previous = reply;
        replies->head = reply;
        status = 0;
    }
    pthread_mutex_unlock(&replies->lock);
    return status;
}

void clo_replies_remove(struct clo_replies *replies, struct clo_reply *reply)
{
    pthread_mutex_lock(&replies->lock);
    *(reply->previous ? &reply->previous->next : &replies->head) = reply->next;
    if (reply->next)
        reply->next->previous = reply->previous;
    reply->next = reply->previous = NULL;
    pthread_mutex_unlock(&replies->lock);
    clo_reply_release(reply);
}

struct clo_reply *clo_replies_find(struct clo_replies *replies, const char *id)
{
    pthread_mutex_lock(&replies->lock);
    struct clo_reply *reply = find(replies, id);
    if (reply)
        clo_reply_retain(reply);
    pthread_mutex_unlock(&replies->lock);
    return reply;
}

void clo_replies_cancel_all(struct clo_replies *replies, enum clo_reply_reason reason)
{
    pthread_mutex_lock(&replies->lock);
    for (struct clo_reply *reply = replies->head; reply; reply = reply->next)
        clo_reply_cancel(reply, reason);
    pthread_mutex_unlock(&replies->lock);
}
