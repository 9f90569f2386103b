/* many.c - two hundred runs that start at once: when the last has begun, and what they take.
 *
 * Prints one JSON object a line, as measure.c does: milliseconds from the start of all callers until
 * the last run is in its code, in a pool that has one sandbox and in one that keeps them all; and MiB
 * of the machine's memory for each idle sandbox, what the kernel holds for it included.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cloche/sandbox.h"

enum { MANY = 200, ROUNDS = 5 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static size_t here, wanted;
static uint64_t last_ns;

static void must(int status, const struct clo_error *error)
{
    if (status) {
        fprintf(stderr, "many: %s\n%s\n", error->message, error->hint);
        exit(1);
    }
}

/* All are in their code at once. */
static int gather(void *context, const struct clo_value *arguments, struct clo_value *result,
                  struct clo_error *error)
{
    (void)context;
    (void)arguments;
    (void)error;
    pthread_mutex_lock(&lock);
    here++;
    last_ns = clo_monotonic_ns();
    pthread_cond_broadcast(&change);
    while (here < wanted)
        pthread_cond_wait(&change, &lock);
    pthread_mutex_unlock(&lock);
    clo_value_set_bool(result, true);
    return 0;
}

static const struct clo_tool tool = {.name = "gather", .call = gather};

static void *call(void *pool)
{
    struct clo_error error;
    struct clo_run_result *result;
    struct clo_run run = {.code = "gather()\nprint(1)", .code_length = 17};
    must(clo_pool_run(pool, &run, 120000, &result, &error), &error);
    if (strcmp(result->out, "1\n") != 0) {
        fprintf(stderr, "many: %s\n", result->err);
        exit(1);
    }
    clo_run_result_free(result);
    return NULL;
}

static double round_ms(struct clo_pool *pool)
{
    pthread_t threads[MANY];
    here = 0;
    wanted = MANY;
    uint64_t start = clo_monotonic_ns();
    for (size_t i = 0; i < MANY; i++)
        if (pthread_create(&threads[i], NULL, call, pool))
            exit(1);
    for (size_t i = 0; i < MANY; i++)
        pthread_join(threads[i], NULL);
    return (double)(last_ns - start) / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, const char *unit, double *samples, int count)
{
    qsort(samples, (size_t)count, sizeof *samples, compare);
    printf("{\"name\": \"%s\", \"unit\": \"%s\", \"median\": %.3f, \"p99\": %.3f, \"count\": %d}\n",
           name, unit, samples[count / 2], samples[count - 1], count);
    fflush(stdout);
}

/* MiB that the kernel could give to somebody. */
static double available(void)
{
    char line[128];
    unsigned long kib = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %lu", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return (double)kib / 1024;
}

static struct clo_pool *make(const struct clo_image *image, enum clo_isolation isolation,
                             size_t least)
{
    struct clo_sandbox_config config = {.image = image,
                                        .tools = &tool,
                                        .tool_count = 1,
                                        .limits = {.wall_ms = 120000},
                                        .placement = CLO_PLACEMENT_WORKER,
                                        .isolation = isolation,
                                        .pool_least = least};
    struct clo_pool *pool;
    struct clo_error error;
    must(clo_pool_create(&pool, &config, MANY, &error), &error);
    return pool;
}

static void measure(const struct clo_image *image, enum clo_isolation isolation, const char *wall)
{
    double cold[ROUNDS], warm[ROUNDS], memory[1];
    char name[128];
    for (int i = 0; i < ROUNDS; i++) {
        struct clo_pool *pool = make(image, isolation, 1);
        cold[i] = round_ms(pool);
        clo_pool_destroy(pool);
    }
    double before = available();
    struct clo_pool *pool = make(image, isolation, MANY);
    for (int i = 0; i < ROUNDS; i++) {
        warm[i] = round_ms(pool); /* the first has made those that were not there yet */
        sleep(1);
    }
    memory[0] = (before - available()) / MANY;
    clo_pool_destroy(pool);
    snprintf(name, sizeof name, "200 runs at once, the last begun%s", wall);
    report(name, "ms", cold, ROUNDS);
    snprintf(name, sizeof name, "200 runs at once in a warm pool, the last begun%s", wall);
    report(name, "ms", warm, ROUNDS);
    snprintf(name, sizeof name, "one of 200 idle sandboxes, the kernel's part included%s", wall);
    report(name, "MiB", memory, 1);
}

int main(int count, char **arguments)
{
    struct clo_image *image;
    struct clo_error error;
    must(clo_image_open(&image, count > 1 ? arguments[1] : NULL, CLO_IMAGE_COPY, &error), &error);
    measure(image, CLO_ISOLATION_MICROVM, "");
    measure(image, CLO_ISOLATION_PROCESS, ", process isolation");
    clo_image_close(image);
    return 0;
}
