/* serve.c - `cloche serve agent.yaml`: an agent over HTTP until SIGTERM. */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "agent/agent.h"
#include "base/error.h"
#include "base/lazy.h"
#include "base/memory_limit.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/findings.h"
#include "cli/isolation.h"
#include "cloche/agent.h"
#include "cloche/serve.h"
#include "sandbox/memory_budget.h"
#include "vm/vm.h"

static const char help[] =
    "Usage: cloche serve [OPTION…] agent.yaml\n"
    "\n"
    "Hosts the agent by the OpenAI Responses protocol: POST /responses (plain and streaming), GET\n"
    "/responses/{id}, /models, /readiness, /liveness; every path also below /v1. A .env file\n"
    "beside agent.yaml is read first. SIGTERM finishes what runs, within a grace time.\n"
    "\n"
    "  --listen ADDRESS  address to listen on (127.0.0.1: this machine only). There is no\n"
    "                    authentication: whoever reaches another address may use the server\n"
    "  --port PORT       port ($PORT, else 8088; 0 picks a free one)\n"
    "  --store FILE      SQLite file that keeps responses, with the content of files and the states of\n"
    "                    sessions in the folders FILE-files and FILE-snapshots beside it (else they end\n"
    "                    with the process)\n"
    "  --grace DURATION  time for running turns after SIGTERM (10s)\n"
    "  --items FORM      how clients see the agent's runs of code: mcp: as mcp_call; calls: as\n"
    "                    function_call, for Agent Framework; answer: not at all (mcp)\n"
    "  --isolation WALL  what stands around the code: microvm (a virtual machine on /dev/kvm; the\n"
    "                    default) or process (no hypervisor: WebAssembly and the jailed worker\n"
    "                    process, which protect from less); else $CLOCHE_ISOLATION, else\n"
    "                    sandbox.isolation\n"
    "  --jail LEVEL      best: the layers of the workers' jail that this machine allows; strict:\n"
    "                    all of them or no start (best)\n"
    "  --record FILE     append each turn of the model to FILE, a script that plays it back\n"
    "                    (model.record; docs/models.md)\n"
    "  --total-memory SIZE  ceiling on the memory of all sandboxes together (half of what this\n"
    "                    process may use)\n"
    "\n"
    "In a container that Foundry hosts (FOUNDRY_HOSTING_ENVIRONMENT is set) it listens on all addresses,\n"
    "keeps users apart by x-agent-user-id, shows runs as calls, and keeps its store in the home folder.\n"
    "A file with `kind: hosted` is read with cloche.yaml beside it. See docs/foundry.md.\n"
    "\n"
    "The model: FOUNDRY_PROJECT_ENDPOINT with FOUNDRY_MODEL, OPENAI_API_KEY or OPENAI_BASE_URL with\n"
    "OPENAI_MODEL, AZURE_OPENAI_ENDPOINT, ANTHROPIC_API_KEY, in this order; without them the agent's\n"
    "offline script answers. See docs/models.md and docs/agent-yaml.md.\n"
    "\n"
    "Example:\n"
    "  cloche serve examples/hyperlight-codeact/agent.yaml\n"
    "  curl http://localhost:8088/responses -H 'Content-Type: application/json' \\\n"
    "       -d '{\"input\": \"What is 2 to the power of 100?\"}'\n";

/* Sandboxes, their memory and the ceiling over all; and if that is less than all could use, so. */
static void announce_memory(const struct clo_agent *agent)
{
    unsigned count;
    uint64_t memory, start, ceiling = clo_memory_ceiling(), machine = clo_memory_limit("");
    char each[CLO_QUANTITY_TEXT_MAX], all[CLO_QUANTITY_TEXT_MAX], own[CLO_QUANTITY_TEXT_MAX];
    char whole[CLO_QUANTITY_TEXT_MAX];
    clo_agent_sandboxes(agent, &count, &memory, &start);
    clo_size_format(each, memory);
    clo_size_format(all, ceiling);
    clo_size_format(own, CLO_MEMORY_BUDGET_OWN);
    clo_size_format(whole, machine);
    fprintf(
        stderr,
        "cloche: sandboxes: %u with %s each (and %s besides); all together at most %s, of the %s that this process may use\n",
        count, each, own, all, whole);
    if (clo_memory_budget_room(start) < count)
        fprintf(
            stderr,
            "cloche: that is less than all %u could use: %zu run at once, others wait; raise sandbox.total_memory or lower sandbox.memory or sandbox.count\n",
            count, clo_memory_budget_room(start));
    if (ceiling > machine)
        fprintf(
            stderr,
            "cloche: the ceiling is more than this process may use: models' code can take the machine down; lower sandbox.total_memory\n");
}

/* The wall, and what it rests on. By process isolation a layer of the jail that is missing is a
 * hole in the wall, not behind it. */
static void announce_isolation(struct clo_agent *agent)
{
    bool process = clo_agent_isolation(agent) == CLO_ISOLATION_PROCESS;
    char jail[CLO_JAIL_TEXT_MAX], missing[CLO_JAIL_TEXT_MAX];
    clo_agent_jail(agent, jail, missing);
    fprintf(stderr, "cloche: isolation: %s: %s\n", clo_isolation_name(clo_agent_isolation(agent)),
            process ? "no hypervisor; WebAssembly's checks and the jail around a worker process "
                      "hold the code"
                    : "a virtual machine of its own on /dev/kvm holds the code of each run");
    fprintf(stderr, "cloche: jail around worker processes: %s\n", jail);
    if (missing[0])
        fprintf(
            stderr,
            "cloche: not allowed on this machine: %s; code that gets out of %s finds that much less in its way. --jail=strict refuses to start so\n",
            missing, process ? "WebAssembly" : "its virtual machine");
}

/* Is it this machine's own? "localhost" is taken for 127.0.0.1 (src/serve/http/http.c). */
static bool is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    if (inet_pton(AF_INET6, address, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(address, "localhost") == 0;
}

struct announcement {
    struct clo_agent *agent;
    const struct clo_serve_config *config;
};

static void announce(void *context, const char *address, uint16_t port)
{
    const struct announcement *announcement = context;
    struct clo_agent *agent = announcement->agent;
    const char *open = strchr(address, ':') ? "[" : "", *close = *open ? "]" : "";
    fprintf(stderr, "cloche: agent \"%s\", model: %s\n", clo_agent_name(agent),
            clo_agent_model_description(agent));
    if (clo_agent_recording(agent))
        fprintf(stderr, "cloche: recording what users ask and the model answers to %s\n",
                clo_agent_recording(agent));
    announce_isolation(agent);
    announce_memory(agent);
    if (announcement->config->hosted)
        fprintf(
            stderr,
            "cloche: hosted (FOUNDRY_HOSTING_ENVIRONMENT): the platform in front authenticates; whoever else reaches %s%s%s:%u may say that he is any user. State: %s\n",
            open, address, close, port,
            announcement->config->store ? announcement->config->store : "in memory");
    else if (!is_loopback(address))
        fprintf(
            stderr,
            "cloche: WHOEVER REACHES %s%s%s:%u MAY USE IT, ITS MODEL'S KEY AND ITS CONVERSATIONS: there is no authentication. Let only those reach it who may, or put a proxy that asks before it\n",
            open, address, close, port);
    fprintf(stderr, "cloche: listening on http://%s%s%s:%u\n", open, address, close, port);
}

/* CLI_OK: `form` is NULL, or its meaning is in *items. */
static int parse_items(const char *form, enum clo_serve_items *items)
{
    static const char *const forms[] = {"mcp", "calls", "answer"};
    for (int i = 0; form && i < 3; i++) {
        if (strcmp(form, forms[i]) == 0) {
            *items = (enum clo_serve_items)i;
            return CLI_OK;
        }
    }
    return form ? clo_cli_usage("serve", "--items \"%s\" is none of mcp, calls and answer", form)
                : CLI_OK;
}

static int parse_port(const char *text, struct clo_serve_config *config)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || port > 65535)
        return clo_cli_usage("serve", "--port \"%s\" is not a number from 0 to 65535", text);
    config->port = (uint16_t)port;
    config->any_port = port == 0;
    return CLI_OK;
}

/* This process holds keys and conversations: it leaves no core dump, and other processes of its
 * user may not look into it. It does so before it reads agent.yaml and .env, so that it does not
 * know yet which wall will stand: what either needs of its own /proc is opened first. Workers are
 * programs of their own, which this does not reach. */
static int close_to_others(struct clo_error *error)
{
    int status = clo_vm_prepare(CLO_ISOLATION_PROCESS, NULL, error);
    if (status)
        return status;
    if (prctl(PR_SET_DUMPABLE, 0) == 0)
        return 0;
    return clo_fail_errno(error, CLO_ESYSTEM, "keeping this process from being dumped");
}

/* Warnings are told, and of a file that is refused all that is wrong. */
static int load(struct clo_agent **agent, const char *path, struct clo_agent_choice choice,
                struct clo_error *error)
{
    struct clo_findings findings = {0};
    choice.findings = &findings;
    int status = clo_agent_load_with(agent, path, &choice, error);
    size_t errors = findings.errors;
    bool only_one = errors == 1 && !findings.warnings; /* the error says it */
    if (!only_one)
        clo_cli_print_findings(path, &findings);
    clo_findings_free(&findings);
    if (errors && !only_one)
        return clo_fail(error, CLO_EINVALID, "%s has %zu error%s", path, errors,
                        errors == 1 ? "" : "s");
    return status;
}

int clo_cli_serve(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'},
        {"port", required_argument, NULL, 'p'},
        {"store", required_argument, NULL, 's'},
        {"grace", required_argument, NULL, 'g'},
        {"isolation", required_argument, NULL, 'I'},
        {"jail", required_argument, NULL, 'j'},
        {"total-memory", required_argument, NULL, 'm'},
        {"record", required_argument, NULL, 'r'},
        {"items", required_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *listen = NULL, *port = NULL, *store = NULL, *items = NULL;
    enum clo_jail jail;
    enum clo_isolation isolation;
    struct clo_agent_choice choice = {0};
    uint64_t grace_ms = 0;
    struct clo_error error = {0};
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (option) {
        case 'l': listen = optarg; break;
        case 'p': port = optarg; break;
        case 's': store = optarg; break;
        case 'r': choice.record = optarg; break;
        case 'i': items = optarg; break;
        case 'g':
            if (clo_duration_parse(optarg, &grace_ms, &error))
                return clo_cli_usage("serve", "%s", error.message);
            break;
        case 'I':
            if (clo_cli_isolation_option("serve", optarg, &isolation))
                return CLI_USAGE;
            choice.isolation = &isolation;
            break;
        case 'j':
            if (clo_cli_jail("serve", optarg, &jail))
                return CLI_USAGE;
            choice.jail = &jail;
            break;
        case 'm':
            if (clo_size_parse(optarg, &choice.total_memory, &error))
                return clo_cli_usage("serve", "--total-memory %s", error.message);
            break;
        case 'h': fputs(help, stdout); return CLI_OK;
        default: return clo_cli_usage("serve", "unknown option");
        }
    }
    if (optind + 1 != argc)
        return clo_cli_usage("serve", "give one agent.yaml");

    struct clo_serve_config config = {0}, chosen = {0};
    if ((port && parse_port(port, &chosen)) || parse_items(items, &chosen.items))
        return CLI_USAGE;
    struct clo_agent *agent;
    if (clo_lazy_load_all(&error) || close_to_others(&error) ||
        load(&agent, argv[optind], choice, &error))
        return clo_cli_fail(&error);
    clo_agent_serve_defaults(agent, &config);
    const struct announcement announcement = {agent, &config};
    config.on_ready = announce;
    config.context = (void *)&announcement;
    if (port) {
        config.port = chosen.port;
        config.any_port = chosen.any_port;
    }
    if (items)
        config.items = chosen.items;
    if (listen)
        config.address = listen;
    if (store)
        config.store = store;
    if (grace_ms)
        config.grace_ms = (unsigned)(grace_ms < 3600000 ? grace_ms : 3600000);
    int status = clo_serve(agent, &config, &error) ? clo_cli_fail(&error) : CLI_OK;
    clo_agent_destroy(agent);
    return status;
}
