/* user.c - CLOCHE_USER: whom a program that was started as root becomes, for good.
 *
 * /dev/kvm keeps in a container the owner and the mode that it has on the host, and which group may
 * open it differs from host to host. So a container starts as root, opens the device, and is another
 * user from then on: before it reads agent.yaml, opens a file or a port, or starts a process. The
 * descriptor goes on working (src/vm/kvm/kvm.c).
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "cli/cli.h"
#include "vm/vm.h"

#define VARIABLE "CLOCHE_USER"

/* "UID" or "UID:GID", in numbers: a container's base need not have names. Not 0, which would say
 * nothing, nor the number that system calls take for "as it is". */
static int parse_number(const char *text, char end, unsigned *number, const char **rest)
{
    char *after;
    errno = 0;
    unsigned long value = strtoul(text, &after, 10);
    if (*text < '0' || *text > '9' || errno || value == 0 || value >= UINT_MAX)
        return -1;
    if (*after != '\0' && *after != end)
        return -1;
    *number = (unsigned)value;
    *rest = *after ? after + 1 : NULL;
    return 0;
}

static int parse(const char *text, uid_t *user, gid_t *group)
{
    const char *rest;
    if (parse_number(text, ':', user, &rest))
        return -1;
    *group = *user;
    return rest ? parse_number(rest, '\0', group, &rest) : 0;
}

static int change(uid_t user, gid_t group)
{
    if (setgroups(0, NULL) || setresgid(group, group, group) || setresuid(user, user, user))
        return -1;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* nor by a program that is set-user-ID */
    /* Changing it closed /proc/self to this process, which looks there for what runs wrote. */
    prctl(PR_SET_DUMPABLE, 1);
    return 0;
}

int clo_cli_become_user(void)
{
    const char *text = getenv(VARIABLE);
    uid_t user;
    gid_t group;
    struct clo_error error;
    if (!text || !*text)
        return CLI_OK;
    if (parse(text, &user, &group)) {
        fprintf(stderr,
                "cloche: the environment's " VARIABLE
                " is \"%.64s\"; it must be numbers above 0: UID or UID:GID, e.g. 65532:65532\n",
                text);
        return CLI_USAGE;
    }
    if (geteuid() != 0)
        return CLI_OK; /* is another already */
    /* Where it cannot be opened, who needs it is told so then. */
    (void)clo_vm_prepare(CLO_ISOLATION_MICROVM, NULL, &error);
    if (change(user, group))
        fprintf(
            stderr,
            "cloche: " VARIABLE
            "=%s: this process may not change its user (%s; CAP_SETUID and CAP_SETGID are needed) and stays uid %u\n",
            text, strerror(errno), (unsigned)getuid());
    return CLI_OK;
}
