/* main.c - `cloche COMMAND …`: find the command and hand it its arguments. */
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static const char help[] =
    "cloche runs Python that you must not trust, in a micro-VM with a clean interpreter for every\n"
    "run, and hosts agents whose model writes that Python.\n"
    "\n"
    "Usage: cloche COMMAND [OPTION…]\n"
    "\n"
    "  run      run Python code in the sandbox        cloche run -c 'print(sum(range(1000)))'\n"
    "  serve    host an agent over HTTP               cloche serve agent.yaml\n"
    "  init     write a new agent into a folder       cloche init my-agent\n"
    "  check    say what is wrong with its file       cloche check agent.yaml\n"
    "  image    inspect, verify or build an image     cloche image inspect build/python.image\n"
    "  doctor   say what this machine offers          cloche doctor\n"
    "  health   ask a running server if it is ready   cloche health --port 8088\n"
    "  version  print the version\n"
    "\n"
    "`cloche COMMAND --help` explains a command with examples.\n";

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
    bool sandboxes; /* makes some, as $CLOCHE_USER */
} commands[] = {
    {"run", clo_cli_run, true},        {"serve", clo_cli_serve, true},
    {"init", clo_cli_init, false},     {"check", clo_cli_check, false},
    {"image", clo_cli_image, false},   {"doctor", clo_cli_doctor, true},
    {"health", clo_cli_health, false},
};

int clo_cli_fail(const struct clo_error *error)
{
    fprintf(stderr, "cloche: %s\n", error->message);
    if (error->hint[0])
        fprintf(stderr, "  %s\n", error->hint);
    return CLI_FAILED;
}

int clo_cli_usage(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "cloche %s: ", command);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n  See: cloche %s --help\n", command);
    va_end(arguments);
    return CLI_USAGE;
}

static void end_by(int number)
{
    _exit(128 + number);
}

/* The first process of a container gets no signal for which it has no handler, from within or from
 * `docker stop`: there nothing would end `run`, nor `serve` before it listens. As the default. */
static void hear_signals(void)
{
    static const int ends[] = {SIGHUP, SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = end_by};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; getpid() == 1 && i < sizeof ends / sizeof *ends; i++)
        sigaction(ends[i], &action, NULL);
}

int main(int argc, char **argv)
{
    hear_signals();
    const char *name = argc > 1 ? argv[1] : "--help";
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        int status = commands[i].sandboxes ? clo_cli_become_user() : CLI_OK;
        return status ? status : commands[i].main(argc - 1, argv + 1);
    }
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0) {
        puts("cloche " CLO_VERSION);
        return CLI_OK;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        fputs(help, argc > 1 ? stdout : stderr);
        return argc > 1 ? CLI_OK : CLI_USAGE;
    }
    fprintf(
        stderr,
        "cloche: \"%s\" is no command; there are run, serve, init, check, image, doctor, health, "
        "version\n",
        name);
    return CLI_USAGE;
}
