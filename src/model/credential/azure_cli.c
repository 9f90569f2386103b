/* azure_cli.c - whoever signed in by `az login` on this machine. What fails here says that nobody
 * did, so that this source is never the reason that a chain ends. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "model/credential/command.h"
#include "model/credential/source.h"
#include "model/redact.h"

#define TIMEOUT_MS 20000 /* az is slow to start */
#define ERRORS_MAX 4096
#define SAID_MAX 200

/* The first line that says something, without "ERROR: " and with nothing like a token in it. */
static void first_line(char text[SAID_MAX], const struct clo_buffer *err)
{
    const char *at = err->data ? err->data : "";
    at += strspn(at, " \t\r\n");
    if (strncmp(at, "ERROR: ", 7) == 0)
        at += 7;
    struct clo_buffer line = CLO_BUFFER(2 * ERRORS_MAX);
    struct clo_redact nothing = {0};
    clo_redact(&line, at, strcspn(at, "\r\n"), &nothing);
    clo_text_copy(text, SAID_MAX, line.data && !line.failed ? line.data : "");
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    clo_buffer_free(&line);
}

static int judge(int status, int exit_status, const struct clo_buffer *out,
                 const struct clo_buffer *err, const char *path, struct clo_token *token,
                 struct clo_error *why)
{
    char line[SAID_MAX];
    struct clo_error reason = {0};
    if (exit_status) {
        first_line(line, err);
        return clo_fail(why, CLO_ENOTFOUND, "%.160s ended with %d%s%s", path, exit_status,
                        *line ? ": " : "", line);
    }
    status = clo_token_read(token, out->data ? out->data : "", out->length, &reason);
    return status == CLO_EMODEL ? clo_fail(why, CLO_ENOTFOUND, "%.160s: %s", path, reason.message)
           : status             ? clo_fail(why, status, "%s", reason.message)
                                : 0;
}

int clo_source_azure_cli(const struct clo_token_wish *wish, struct clo_token *token,
                         struct clo_error *why)
{
    char path[PATH_MAX];
    int exit_status = 0;
    struct clo_error reason = {0};
    struct clo_buffer out = CLO_BUFFER(CLO_TOKEN_ANSWER_MAX), err = CLO_BUFFER(ERRORS_MAX);
    char *arguments[] = {"az",   "account",    "get-access-token",     "--output",
                         "json", "--resource", (char *)wish->resource, NULL};
    if (!clo_command_find(path, "az"))
        return clo_fail(why, CLO_ENOTFOUND, "there is no az in the folders of PATH");
    int status = clo_command_run(path, arguments, TIMEOUT_MS, wish->cancel, &out, &err,
                                 &exit_status, &reason);
    if (status == CLO_EMODEL || status == CLO_ESYSTEM)
        status = clo_fail(why, CLO_ENOTFOUND, "%.160s: %s", path, reason.message);
    else if (status)
        clo_fail(why, status, "%s", reason.message);
    else
        status = judge(status, exit_status, &out, &err, path, token, why);
    clo_buffer_wipe(&out);
    clo_buffer_wipe(&err);
    clo_buffer_free(&out);
    clo_buffer_free(&err);
    return status;
}
