/* worker_accounts.c - see worker_accounts.h.
 *
 * Nothing that a worker says moves its deadline or the account of what it used. An honest worker
 * ends its run within the grace once the time is up, wall time or processor time; a call that comes
 * later than that, or no result, has it killed. Only a tool that runs on this thread puts that off,
 * by as long as it outlasts the time: once if it began within the wall time, for Python raises only
 * when it is back, and then for no longer than the worker takes to end.
 */
#include "sandbox/client/worker_accounts.h"

#include <time.h>

#include "base/clock.h"
#include "sandbox/run/grace.h"

#define NS_PER_MS 1000000u
#define CPU_LOOKS 4 /* times that the account is looked at on the way to its limit */
#define CPU_LOOK_MIN_NS (10ull * NS_PER_MS)
#define HOST_GUESS_MOST_NS NS_PER_MS        /* of calls, before this thread's clock is looked at */
#define MEMORY_LOOK_NS (100ull * NS_PER_MS) /* so often its memory is looked at */
/* What an honest worker may have in a run beside what is counted: messages, in the guest's window, in
 * the worker's buffers and in those of its socket. */
#ifdef __SANITIZE_ADDRESS__ /* which keeps what was freed, 256 MiB of it, and more for each block */
#define MESSAGES_MOST (64 * CLO_MESSAGE_MAX)
#else
#define MESSAGES_MOST (6 * CLO_MESSAGE_MAX)
#endif

/* 0 where it cannot be told: the kernel has no such clock, or the worker is gone and buried. */
static uint64_t worker_clock(const struct clo_worker_client *client)
{
    struct timespec time;
    if (!client->has_clock || clock_gettime(client->clock, &time))
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t worker_cpu_ns(const struct clo_worker_accounts *accounts)
{
    uint64_t now = worker_clock(accounts->client);
    return accounts->before_cpu_ns +
           (now > accounts->cpu_start_ns ? now - accounts->cpu_start_ns : 0);
}

/* What it has may not be more than what is reserved for it, whatever it said that it needs. */
bool clo_accounts_look_at_memory(struct clo_worker_accounts *accounts)
{
    const struct clo_worker_client *client = accounts->client;
    accounts->memory_look_ns = clo_monotonic_ns() + MEMORY_LOOK_NS;
    if (!client->own_bytes)
        return true;
    return clo_worker_client_resident(client) <=
           client->own_bytes + accounts->memory->bytes + CLO_MEMORY_BUDGET_OWN + MESSAGES_MOST;
}

/* What this process did for the run: on this thread and on the tool threads. */
uint64_t clo_accounts_host_cpu_ns(const struct clo_worker_accounts *accounts)
{
    return accounts->host_known_ns + accounts->host_guess_ns +
           clo_host_calls_cpu_ns(accounts->client->calls);
}

static void look_at_host(struct clo_worker_accounts *accounts)
{
    if (accounts->host_start_ns)
        accounts->host_known_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) - accounts->host_start_ns;
    accounts->host_guess_ns = 0;
}

/* A call took so long: at most so much processor time, and seldom worth a look at the clock. */
void clo_accounts_count_call(struct clo_worker_accounts *accounts, uint64_t ns)
{
    accounts->host_guess_ns += ns;
    if (accounts->host_guess_ns >= HOST_GUESS_MOST_NS)
        look_at_host(accounts);
}

static uint64_t cpu_limit_ns(const struct clo_worker_accounts *accounts)
{
    return accounts->limits->cpu_ms * NS_PER_MS;
}

/* The time is up: no worker that stops Python then needs longer than this. */
static uint64_t end_after(uint64_t time)
{
    return time + clo_grace_most_ns() + CLO_WORKER_SLACK_NS;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void end_by(struct clo_worker_accounts *accounts, uint64_t time)
{
    if (time < accounts->wall_end_ns)
        accounts->wall_end_ns = time;
    if (end_after(time) < accounts->calls_end_ns)
        accounts->calls_end_ns = end_after(time);
    if (end_after(time) < accounts->deadline_ns)
        accounts->deadline_ns = end_after(time);
}

/* A tool ran on this thread from `start` until now. */
void clo_accounts_outlast(struct clo_worker_accounts *accounts, uint64_t start, uint64_t now)
{
    if (start <= accounts->wall_end_ns && now > accounts->wall_end_ns)
        accounts->calls_end_ns = accounts->deadline_ns = end_after(now);
    else if (accounts->deadline_ns < now + CLO_WORKER_SLACK_NS)
        accounts->deadline_ns = now + CLO_WORKER_SLACK_NS;
}

/* Processor time of the worker alone: it has a thread for the guest, and may have made others. */
bool clo_accounts_look_at_cpu(struct clo_worker_accounts *accounts)
{
    uint64_t most = cpu_limit_ns(accounts) + clo_grace_most_ns() + CLO_WORKER_SLACK_NS;
    uint64_t used = worker_cpu_ns(accounts);
    if (used >= most)
        return false;
    uint64_t wait = (most - used) / CPU_LOOKS;
    accounts->cpu_look_ns = clo_monotonic_ns() + (wait > CPU_LOOK_MIN_NS ? wait : CPU_LOOK_MIN_NS);
    return true;
}

/* The host's own counts in place of what the worker says. */
void clo_accounts_fill(struct clo_worker_accounts *accounts, struct clo_usage *usage)
{
    look_at_host(accounts);
    const struct clo_worker_client *client = accounts->client;
    usage->wall_us = (clo_monotonic_ns() - accounts->start_ns) / 1000;
    usage->isolation = client->config->isolation;
    if (client->has_clock)
        usage->cpu_us = (worker_cpu_ns(accounts) + clo_accounts_host_cpu_ns(accounts)) / 1000;
    else if (usage->cpu_us > usage->wall_us)
        usage->cpu_us = usage->wall_us;
    if (usage->memory_peak > accounts->limits->memory)
        usage->memory_peak = accounts->limits->memory;
    usage->host_calls = clo_host_calls_count(client->calls);
}

static uint64_t tool_left_ns(const struct clo_worker_accounts *accounts)
{
    uint64_t limit = accounts->limits->tool_ms * NS_PER_MS;
    return limit > accounts->tool_ns ? limit - accounts->tool_ns : 0;
}

/* The worker may name an earlier end of a wait than the host's, not a later one. */
void clo_accounts_bound_wait(const struct clo_worker_accounts *accounts, uint64_t now,
                             struct clo_call *call)
{
    uint64_t end = now <= accounts->wall_end_ns ? accounts->wall_end_ns : accounts->calls_end_ns;
    if (call->deadline_ns > end)
        call->deadline_ns = end;
    if (accounts->limits->tool_ms && now <= accounts->wall_end_ns)
        end = now + tool_left_ns(accounts);
    if (call->tool_deadline_ns > end)
        call->tool_deadline_ns = end;
}

/* The run's time stands still for so long. */
void clo_accounts_stand_still(struct clo_worker_accounts *accounts, uint64_t ns)
{
    accounts->wall_end_ns += ns;
    accounts->calls_end_ns += ns;
    accounts->deadline_ns += ns;
}

/* Where tools have a time of their own the run's stands still meanwhile, by this process's clock. */
void clo_accounts_count_tools(struct clo_worker_accounts *accounts, uint64_t start, uint64_t ns)
{
    if (!accounts->limits->tool_ms || start > accounts->wall_end_ns)
        return;
    ns = earlier(ns, tool_left_ns(accounts));
    accounts->tool_ns += ns;
    clo_accounts_stand_still(accounts, ns);
}

struct clo_run_used clo_accounts_used(const struct clo_worker_accounts *accounts,
                                      const struct clo_usage *usage, uint64_t output)
{
    return (struct clo_run_used){.wall_ns = clo_monotonic_ns() - accounts->start_ns,
                                 .wall_end_ns = accounts->wall_end_ns - accounts->start_ns,
                                 .tool_ns = accounts->tool_ns,
                                 .cpu_ns = usage->cpu_us * 1000,
                                 .output = output,
                                 .ceiling = accounts->ceiling};
}

void clo_accounts_start_clock(struct clo_worker_accounts *accounts)
{
    accounts->cpu_start_ns = worker_clock(accounts->client);
}

void clo_accounts_begin(struct clo_worker_accounts *accounts, const struct clo_run_used *used)
{
    uint64_t now = clo_monotonic_ns();
    accounts->start_ns = now - used->wall_ns;
    accounts->wall_end_ns = accounts->start_ns + used->wall_end_ns;
    accounts->tool_ns = used->tool_ns;
    accounts->before_cpu_ns = used->cpu_ns;
    accounts->ceiling = used->ceiling;
    accounts->calls_end_ns = accounts->deadline_ns =
        end_after(accounts->wall_end_ns > now ? accounts->wall_end_ns : now);
    accounts->memory_look_ns = now + MEMORY_LOOK_NS;
    accounts->cpu_look_ns = now + cpu_limit_ns(accounts) / CPU_LOOKS;
}

uint64_t clo_accounts_next_look(const struct clo_worker_accounts *accounts)
{
    return earlier(earlier(accounts->cpu_look_ns, accounts->memory_look_ns), accounts->deadline_ns);
}

void clo_accounts_begin_call(struct clo_worker_accounts *accounts)
{
    if (!accounts->host_start_ns)
        accounts->host_start_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

void clo_accounts_check_host(struct clo_worker_accounts *accounts, uint64_t now)
{
    if (clo_accounts_host_cpu_ns(accounts) >= cpu_limit_ns(accounts))
        end_by(accounts, now);
}

void clo_accounts_cut(struct clo_worker_accounts *accounts)
{
    uint64_t now = clo_monotonic_ns();
    end_by(accounts, now);
    if (now + CLO_WORKER_SLACK_NS < accounts->deadline_ns)
        accounts->deadline_ns = accounts->calls_end_ns = now + CLO_WORKER_SLACK_NS;
}
