/* threads.c - starting a thread, replaced: it may fail, and the gate learns whose thread it is. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "faults.h"
#include "stack.h"

void *__interceptor_malloc(size_t size);
void __interceptor_free(void *block);

struct start {
    void *(*routine)(void *);
    void *argument;
};

static void *start_thread(void *given)
{
    struct start start = *(struct start *)given;
    __interceptor_free(given);
    if (faults_owner((const char *)(uintptr_t)start.routine + 1) != FAULTS_TEST)
        faults_enter_thread();
    void *result = start.routine(start.argument);
    faults_leave_thread();
    faults_stack_forget();
    return result;
}

__attribute__((visibility("default"))) int pthread_create(pthread_t *thread,
                                                          const pthread_attr_t *attributes,
                                                          void *(*routine)(void *), void *argument)
{
    typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    static create *real;
    if (!real)
        real = (create *)(uintptr_t)dlsym(RTLD_NEXT, "pthread_create");
    if (FAULTS_HIT("pthread_create"))
        return EAGAIN;
    bool entered = faults_leave_thread();
    struct start *start = __interceptor_malloc(sizeof *start); /* LeakSanitizer follows it */
    *start = (struct start){routine, argument};
    int status = real(thread, attributes, start_thread, start);
    if (status)
        __interceptor_free(start);
    if (entered)
        faults_enter_thread();
    return status;
}
