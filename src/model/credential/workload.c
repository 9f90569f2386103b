/* workload.c - the workload identity of a Kubernetes pod: a token that the cluster signs and
 * rotates, in a file, is exchanged for one of Entra's. It is read each time. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/credential/entra.h"

static int read_file(struct clo_buffer *text, const char *path, struct clo_error *error)
{
    char chunk[4096];
    ssize_t got = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), failed = errno, status = 0;
    while (file >= 0 && !status && (got = read(file, chunk, sizeof chunk)) > 0)
        status = clo_buffer_append(text, chunk, (size_t)got);
    if (file >= 0 && got < 0)
        failed = errno;
    explicit_bzero(chunk, sizeof chunk);
    if (file >= 0)
        close(file);
    if (status == CLO_ENOMEMORY)
        return clo_fail_memory(error);
    if (status)
        return clo_fail(error, CLO_EMODEL,
                        "AZURE_FEDERATED_TOKEN_FILE %.160s is larger than %d bytes", path,
                        CLO_TOKEN_MAX);
    if (file < 0 || got < 0)
        return clo_fail(error, CLO_EMODEL, "AZURE_FEDERATED_TOKEN_FILE %.160s cannot be read: %s",
                        path, strerror(failed));
    while (text->length && strchr(" \t\r\n", text->data[text->length - 1]))
        text->data[--text->length] = '\0';
    return text->length
               ? 0
               : clo_fail(error, CLO_EMODEL, "AZURE_FEDERATED_TOKEN_FILE %.160s is empty", path);
}

int clo_source_workload(const struct clo_token_wish *wish, struct clo_token *token,
                        struct clo_error *why)
{
    const char *tenant = clo_source_variable("AZURE_TENANT_ID");
    const char *id = clo_source_variable("AZURE_CLIENT_ID");
    const char *path = clo_source_variable("AZURE_FEDERATED_TOKEN_FILE");
    struct clo_entra_client client;
    struct clo_buffer assertion = CLO_BUFFER(CLO_TOKEN_MAX);
    if (!tenant || !id || !path)
        return clo_fail(why, CLO_ENOTFOUND, "not set:%s%s%s",
                        path ? "" : " AZURE_FEDERATED_TOKEN_FILE", tenant ? "" : " AZURE_TENANT_ID",
                        id ? "" : " AZURE_CLIENT_ID");
    int status = clo_entra_client_init(&client, tenant, id, why);
    if (!status)
        status = read_file(&assertion, path, why);
    if (!status)
        status = clo_entra_token(&client, NULL, assertion.data, wish, token, why);
    clo_buffer_wipe(&assertion);
    clo_buffer_free(&assertion);
    return status;
}
