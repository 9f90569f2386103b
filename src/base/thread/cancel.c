/* cancel.c - the cancellation token: a flag, a descriptor to poll, and a list of watches. */
#include "base/thread/cancel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct clo_cancel {
    atomic_bool set;
    int event;            /* never read: it stays readable */
    pthread_mutex_t lock; /* guards watches, and is held while they are called */
    LIST_HEAD(, clo_cancel_watch) watches;
};

struct clo_cancel *clo_cancel_create(void)
{
    struct clo_cancel *cancel = calloc(1, sizeof *cancel);
    if (!cancel)
        return NULL;
    cancel->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cancel->event < 0) {
        free(cancel);
        return NULL;
    }
    LIST_INIT(&cancel->watches);
    pthread_mutex_init(&cancel->lock, NULL);
    return cancel;
}

void clo_cancel_free(struct clo_cancel *cancel)
{
    if (!cancel)
        return;
    close(cancel->event);
    pthread_mutex_destroy(&cancel->lock);
    free(cancel);
}

void clo_cancel_trigger(struct clo_cancel *cancel)
{
    pthread_mutex_lock(&cancel->lock);
    if (!atomic_exchange(&cancel->set, true)) {
        uint64_t one = 1;
        if (write(cancel->event, &one, sizeof one) < 0) {
            /* only a full counter refuses, and then it is readable already */
        }
        struct clo_cancel_watch *watch;
        LIST_FOREACH(watch, &cancel->watches, entry)
            watch->wake(watch->context);
    }
    pthread_mutex_unlock(&cancel->lock);
}

bool clo_cancel_is_set(const struct clo_cancel *cancel)
{
    return cancel && atomic_load(&cancel->set);
}

int clo_cancel_fd(const struct clo_cancel *cancel)
{
    return cancel ? cancel->event : -1;
}

void clo_cancel_add(struct clo_cancel *cancel, struct clo_cancel_watch *watch)
{
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->lock);
    LIST_INSERT_HEAD(&cancel->watches, watch, entry);
    if (atomic_load(&cancel->set))
        watch->wake(watch->context);
    pthread_mutex_unlock(&cancel->lock);
}

void clo_cancel_remove(struct clo_cancel *cancel, struct clo_cancel_watch *watch)
{
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->lock);
    LIST_REMOVE(watch, entry);
    pthread_mutex_unlock(&cancel->lock);
}
