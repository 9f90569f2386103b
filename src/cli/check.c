/* check.c - `cloche check agent.yaml`: is the file what `cloche serve` takes?
 *
 * Each file is looked at in a process of its own: what its .env says is no other file's environment,
 * and a tool library that crashes as it is opened is told like any other mistake.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "cli/cli.h"
#include "cli/findings.h"

static const char help[] =
    "Usage: cloche check [OPTION…] agent.yaml…\n"
    "       cloche check --schema\n"
    "\n"
    "Says all that is wrong with an agent's file, each with its place and the nearest valid key:\n"
    "  agent.yaml:12:11: error: sandbox.memory: \"12x\" is not a size; write e.g. 256MiB\n"
    "What `cloche serve` would refuse is refused here, with what the file names: the offline script,\n"
    "tool libraries, the image, environment variables and .env beside it. Nothing is started, and\n"
    "nothing that the machine lacks is an error: `cloche doctor` tells that. Exit status: 0 no\n"
    "errors (warnings may be), 1 errors.\n"
    "\n"
    "  --open-tools  open the tool libraries, as serve does, and check their tools, too. That runs\n"
    "                their start-up code in this process's name; without it they are only looked at\n"
    "  --schema      print the JSON Schema of agent.yaml, for editors\n"
    "\n"
    "Example:\n"
    "  cloche check agent.yaml\n";

static int print_schema(void)
{
    char *text = clo_agent_schema();
    if (!text)
        return clo_cli_fail(&(struct clo_error){CLO_ENOMEMORY, "out of memory", ""});
    puts(text);
    free(text);
    return fflush(stdout) ? CLI_FAILED : CLI_OK;
}

static void print_good(const char *path, const struct clo_agent_checked *checked,
                       const struct clo_findings *findings, bool opened)
{
    size_t libraries = checked->libraries;
    printf("%s: no errors", path);
    if (findings->warnings)
        printf(", %zu warning%s", findings->warnings, findings->warnings == 1 ? "" : "s");
    if (libraries && !opened)
        printf("; %zu tool librar%s not opened (--open-tools)", libraries,
               libraries == 1 ? "y was" : "ies were");
    putchar('\n');
    if (*checked->model)
        printf("%s: model: %s\n", path, checked->model);
}

static int check(const char *path, bool open_tools)
{
    struct clo_findings findings = {0};
    struct clo_agent_choice choice = {.findings = &findings};
    struct clo_error error = {0};
    struct clo_agent_checked checked = {0};
    int status = clo_agent_check(path, &choice, open_tools, &checked, &error);
    clo_cli_print_findings(path, &findings);
    if (error.code)
        status = clo_cli_fail(&error);
    else if (!status)
        print_good(path, &checked, &findings, open_tools);
    clo_findings_free(&findings);
    return status ? CLI_FAILED : CLI_OK;
}

static int check_apart(const char *path, bool open_tools)
{
    fflush(stdout);
    int status;
    pid_t child = fork();
    if (child < 0) {
        fprintf(stderr, "%s: error: no process can be made to look at it: %s\n", path,
                strerror(errno));
        return CLI_FAILED;
    }
    if (child == 0) {
        status = check(path, open_tools);
        fflush(stdout);
        _exit(status); /* what a library registered for the end is not run */
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return CLI_FAILED;
    if (WIFEXITED(status) && WEXITSTATUS(status) <= CLI_FAILED)
        return WEXITSTATUS(status);
    fprintf(stderr, "%s: error: the check ended by %s %d%s\n", path,
            WIFSIGNALED(status) ? "signal" : "status",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
            open_tools ? ": a tool library's start-up code may have done that" : "");
    return CLI_FAILED;
}

int clo_cli_check(int argc, char **argv)
{
    static const struct option options[] = {{"open-tools", no_argument, NULL, 'o'},
                                            {"schema", no_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    bool open_tools = false, schema = false;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (option) {
        case 'o': open_tools = true; break;
        case 's': schema = true; break;
        case 'h': fputs(help, stdout); return CLI_OK;
        default: return clo_cli_usage("check", "unknown option");
        }
    }
    if (schema && optind == argc)
        return print_schema();
    if (schema || optind == argc)
        return clo_cli_usage("check", schema ? "--schema takes no file" : "give an agent.yaml");
    int status = CLI_OK;
    for (; optind < argc; optind++)
        if (check_apart(argv[optind], open_tools))
            status = CLI_FAILED;
    return status;
}
