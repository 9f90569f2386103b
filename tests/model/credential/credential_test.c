/* credential_test.c - the chain of sources against servers of its own: each source, each way in
 * which it fails, who is asked after it, and how long a token is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../model_server.h"
#include "base/clock.h"
#include "model/credential/credential.h"

#define SCOPE "https://ai.azure.com/.default"
#define SECRET "s3cret-of-the-application"
#define STATUS(line, body)                                                                         \
    "HTTP/1.1 " line "\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body
#define TOKEN(text) STATUS("200 OK", "{\"access_token\":\"" text "\",\"expires_in\":3600}")
#define SHORT(text) STATUS("200 OK", "{\"access_token\":\"" text "\",\"expires_in\":2}")
#define PROBED STATUS("400 Bad", "{\"error\":\"invalid_request\"}")

static const char *const variables[] = {
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_USERNAME",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "AZ_SAYS",
    "AZ_ENDS",
};

static char folder[] = "/tmp/credential_test_XXXXXX", az[64], federated[64];
static struct server server;

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    chmod(path, mode);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(az, sizeof az, "%s/az", folder);
    snprintf(federated, sizeof federated, "%s/federated", folder);
    write_file(federated, "federated.token.of-the-pod\n", 0600);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(az);
    unlink(federated);
    rmdir(folder);
    return 0;
}

/* An az that says AZ_SAYS, complains of its arguments, and ends with AZ_ENDS. */
static void have_az(bool have)
{
    if (have)
        write_file(az,
                   "#!/bin/sh\nprintf '%s' \"$AZ_SAYS\"\n"
                   "echo \"ERROR: asked for $*\" >&2\nexit ${AZ_ENDS:-0}\n",
                   0755);
    else
        unlink(az);
}

/* NAME=VALUE ...; %P: the server's port, %F: the folder. */
static void set_variables(const char *const *settings)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("PATH", folder, 1);
    setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1", 1); /* nobody listens there */
    for (; *settings; settings++) {
        char name[64], value[2048] = "";
        const char *equals = strchr(*settings, '=');
        snprintf(name, sizeof name, "%.*s", (int)(equals - *settings), *settings);
        for (const char *at = equals + 1; *at; at++) {
            size_t length = strlen(value);
            if (at[0] == '%' && at[1] == 'P')
                snprintf(value + length, sizeof value - length, "%u", server.port), at++;
            else if (at[0] == '%' && at[1] == 'F')
                snprintf(value + length, sizeof value - length, "%s", folder), at++;
            else
                snprintf(value + length, sizeof value - length, "%c", *at);
        }
        setenv(name, value, 1);
    }
}

#define APPLICATION                                                                                \
    "AZURE_TENANT_ID=tenant-1", "AZURE_CLIENT_ID=client-1",                                        \
        "AZURE_AUTHORITY_HOST=http://127.0.0.1:%P/"
#define WITH_SECRET APPLICATION, "AZURE_CLIENT_SECRET=" SECRET
#define POD APPLICATION, "AZURE_FEDERATED_TOKEN_FILE=%F/federated"
#define APP_SERVICE "IDENTITY_ENDPOINT=http://127.0.0.1:%P/msi/token", "IDENTITY_HEADER=" SECRET
#define MACHINE "AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:%P"
#define SIGNED_IN "AZ_SAYS={\"accessToken\":\"by-az\",\"expires_on\":99999999999}"
#define OAUTH "POST /tenant-1/oauth2/v2.0/token HTTP/1.1"
#define QUERY "resource=https%3A%2F%2Fai.azure.com"
#define SCOPED "&scope=https%3A%2F%2Fai.azure.com%2F.default"

static const struct {
    const char *settings[8];
    const char *answers[6];
    unsigned requests;
    const char *token;       /* NULL: none is had */
    const char *notice;      /* parts that are in it, "|" between them */
    const char *head, *body; /* parts of the last request */
} cases[] = {
    /* an application's secret */
    {{WITH_SECRET},
     {TOKEN("by-secret")},
     1,
     "by-secret",
     "the token for " SCOPE " is by EnvironmentCredential (an application's secret or certificate)",
     OAUTH,
     "grant_type=client_credentials&client_id=client-1" SCOPED "&client_secret=" SECRET},
    {{WITH_SECRET}, {STATUS("503 Busy", "{}"), TOKEN("later")}, 2, "later", "", OAUTH, ""},
    /* a wrong one is no reason to take who signed in */
    {{WITH_SECRET, SIGNED_IN},
     {STATUS("401 No", "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: "
                       "Invalid client secret provided: " SECRET "\\r\\nTrace ID: 1\"}")},
     1,
     NULL,
     "EnvironmentCredential: |refused the client client-1 (HTTP 401): AADSTS7000215: Invalid client "
     "secret provided: [key]",
     OAUTH,
     ""},
    {{WITH_SECRET},
     {STATUS("400 Bad",
             "{\"error\":\"invalid_request\",\"error_description\":\"AADSTS90002: Tenant "
             "'tenant-1' not found.\"}")},
     1,
     NULL,
     "AADSTS90002: Tenant 'tenant-1' not found.",
     OAUTH,
     ""},
    {{WITH_SECRET},
     {STATUS("302 Found\r\nLocation: http://other/", "")},
     1,
     NULL,
     "(HTTP 302)",
     OAUTH,
     ""},
    {{WITH_SECRET}, {STATUS("200 OK", "<html>")}, 1, NULL, "not a JSON object", OAUTH, ""},
    {{WITH_SECRET},
     {STATUS("200 OK", "{\"access_token\":\"old\",\"expires_in\":0}")},
     1,
     NULL,
     "already expired",
     OAUTH,
     ""},
    {{"AZURE_TENANT_ID=a/b", "AZURE_CLIENT_ID=c", "AZURE_CLIENT_SECRET=" SECRET},
     {""},
     0,
     NULL,
     "AZURE_TENANT_ID is \"a/b\"",
     "",
     ""},
    /* a secret goes by https alone */
    {{"AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "AZURE_CLIENT_SECRET=" SECRET,
      "AZURE_AUTHORITY_HOST=http://login.example"},
     {""},
     0,
     NULL,
     "AZURE_AUTHORITY_HOST is \"http://login.example\": it has to be an https URL",
     "",
     ""},
    {{APPLICATION, "AZURE_CLIENT_CERTIFICATE_PATH=/nowhere.pem", SIGNED_IN},
     {""},
     0,
     NULL,
     "AZURE_CLIENT_CERTIFICATE_PATH /nowhere.pem: No such file or directory",
     "",
     ""},
    /* a pod */
    {{POD},
     {TOKEN("by-pod")},
     1,
     "by-pod",
     "WorkloadIdentityCredential|before it: EnvironmentCredential: not set: AZURE_CLIENT_SECRET",
     OAUTH,
     "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
     "&client_assertion=federated.token.of-the-pod"},
    {{APPLICATION, "AZURE_FEDERATED_TOKEN_FILE=%F/gone", SIGNED_IN},
     {""},
     0,
     NULL,
     "AZURE_FEDERATED_TOKEN_FILE|/gone cannot be read: No such file or directory",
     "",
     ""},
    /* App Service */
    {{APP_SERVICE},
     {TOKEN("by-service")},
     1,
     "by-service",
     "ManagedIdentityCredential",
     "GET /msi/token?api-version=2019-08-01&" QUERY " HTTP/1.1|X-IDENTITY-HEADER: " SECRET,
     ""},
    {{APP_SERVICE, "AZURE_CLIENT_ID=which"},
     {TOKEN("x")},
     1,
     "x",
     "",
     "&client_id=which HTTP/1.1",
     ""},
    {{APP_SERVICE, SIGNED_IN},
     {STATUS("400 Bad", "{\"message\":\"No managed identity\"}")},
     1,
     NULL,
     "App Service: HTTP 400: No managed identity",
     "",
     ""},
    /* a machine; the probe has no header */
    {{MACHINE},
     {PROBED, TOKEN("by-machine")},
     2,
     "by-machine",
     "ManagedIdentityCredential",
     "GET /metadata/identity/oauth2/token?api-version=2018-02-01&" QUERY " HTTP/1.1|Metadata: true",
     ""},
    {{MACHINE},
     {PROBED, STATUS("410 Gone", "{}"), STATUS("410 Gone", "{}"), STATUS("410 Gone", "{}"),
      STATUS("410 Gone", "{}"), TOKEN("again")},
     6,
     "again",
     "",
     "Metadata: true",
     ""},
    {{MACHINE, "AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential"},
     {TOKEN("unprobed")},
     1,
     "unprobed",
     "",
     "Metadata: true",
     ""},
    /* no identity there, or something else that answers: the next is asked */
    {{MACHINE, SIGNED_IN},
     {PROBED,
      STATUS("400 Bad", "{\"error\":\"invalid_request\",\"error_description\":\"Identity not "
                        "found\"}")},
     2,
     "by-az",
     "AzureCliCredential (who signed in by az login)|IMDS: this machine has no such identity: Identity "
     "not found",
     "",
     ""},
    {{MACHINE, SIGNED_IN},
     {STATUS("200 OK", "<html>")},
     2,
     "by-az",
     "IMDS: the answer is not",
     "",
     ""},
    {{MACHINE, SIGNED_IN}, {STATUS("403 No", "{}")}, 2, "by-az", "IMDS: HTTP 403", "", ""},
    {{SIGNED_IN}, {""}, 0, "by-az", "IMDS is not here (http://127.0.0.1:1)", "", ""},
    /* forms that are not there */
    {{"MSI_ENDPOINT=http://x", SIGNED_IN}, {""}, 0, "by-az", "(MSI_ENDPOINT) form of", "", ""},
    /* nobody: each says what it lacks */
    {{"AZ_ENDS=1"},
     {""},
     0,
     NULL,
     "EnvironmentCredential: not set: AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET|"
     "WorkloadIdentityCredential: not set: AZURE_FEDERATED_TOKEN_FILE|ManagedIdentityCredential: IMDS is "
     "not here|AzureCliCredential: |/az ended with 1: asked for account get-access-token --output json "
     "--resource https://ai.azure.com",
     "",
     ""},
    {{"AZ_SAYS=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl"},
     {""},
     0,
     NULL,
     "/az: the answer is not a JSON object",
     "",
     ""},
    /* who may be asked */
    {{MACHINE, SIGNED_IN, "AZURE_TOKEN_CREDENTIALS=dev"}, {""}, 0, "by-az", "", "", ""},
    {{SIGNED_IN, "AZURE_TOKEN_CREDENTIALS=prod"},
     {""},
     0,
     NULL,
     "ManagedIdentityCredential: IMDS",
     "",
     ""},
};

static void expect_parts(size_t number, const char *what, const char *text, const char *parts)
{
    while (*parts) {
        char part[512];
        size_t length = strcspn(parts, "|");
        snprintf(part, sizeof part, "%.*s", (int)length, parts);
        if (!text || !strstr(text, part))
            fail_msg("%zu: %s \"%s\" has no \"%s\"", number, what, text ? text : "(none)", part);
        parts += length + (parts[length] == '|');
    }
}

static void check_case(size_t i)
{
    struct act acts[6];
    struct clo_error error = {0};
    struct clo_credential *credential;
    char *token, notice[CLO_CREDENTIAL_NOTICE_MAX];
    size_t count = 0;
    for (; count < 6 && cases[i].answers[count]; count++)
        acts[count] = (struct act){cases[i].answers[count], CLOSE, 0, 0};
    server_start(&server, acts, count);
    set_variables(cases[i].settings);
    have_az(true);
    assert_int_equal(clo_credential_create(&credential, SCOPE, &error), 0);
    int status = clo_credential_token(credential, NULL, NULL, &token, notice, &error);
    if ((status == 0) != (cases[i].token != NULL))
        fail_msg("%zu: %d %s %s", i, status, error.message, error.hint);
    if (!status)
        assert_string_equal(token, cases[i].token);
    else
        assert_string_equal(error.message,
                            "the host has no valid credentials for the model's server");
    expect_parts(i, "notice", notice, cases[i].notice);
    if (strstr(notice, SECRET) || strstr(error.hint, SECRET) || strstr(notice, "eyJ"))
        fail_msg("%zu: a secret is told: %s", i, notice);
    unsigned requests = atomic_load(&server.requests);
    if (requests != cases[i].requests)
        fail_msg("%zu: %u requests", i, requests);
    if (requests) {
        expect_parts(i, "head", server.heads[requests - 1], cases[i].head);
        expect_parts(i, "body", server.bodies[requests - 1], cases[i].body);
    }
    clo_credential_token_free(token);
    clo_credential_destroy(credential);
    server_stop(&server);
}

static void every_source_is_found_or_says_what_it_lacks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(i);
}

static void a_metadata_server_that_hangs_holds_nobody_up(void **state)
{
    (void)state;
    struct act act = {"", HANG, 0, 0};
    struct clo_error error;
    struct clo_credential *credential;
    char *token, notice[CLO_CREDENTIAL_NOTICE_MAX];
    server_start(&server, &act, 1);
    set_variables((const char *const[]){MACHINE, SIGNED_IN, NULL});
    have_az(true);
    assert_int_equal(clo_credential_create(&credential, SCOPE, &error), 0);
    assert_int_equal(clo_credential_token(credential, NULL, NULL, &token, notice, &error), 0);
    assert_string_equal(token, "by-az");
    expect_parts(0, "notice", notice, "IMDS is not here|no answer: ");
    clo_credential_token_free(token);
    clo_credential_destroy(credential);
    server_stop(&server);
}

static void no_az_is_told(void **state)
{
    (void)state;
    struct clo_error error;
    struct clo_credential *credential;
    char *token, notice[CLO_CREDENTIAL_NOTICE_MAX];
    /* The others' reasons may say how long they took. */
    set_variables((const char *const[]){"AZURE_TOKEN_CREDENTIALS=AzureCliCredential", NULL});
    have_az(false);
    assert_int_equal(clo_credential_create(&credential, SCOPE, &error), 0);
    assert_int_equal(clo_credential_token(credential, NULL, NULL, &token, notice, &error),
                     CLO_EMODEL);
    expect_parts(0, "notice", notice, "AzureCliCredential: there is no az in the folders of PATH");
    expect_parts(0, "hint", error.hint, "Sign in by `az login`");
    /* the same again is no news */
    assert_int_equal(clo_credential_token(credential, NULL, NULL, &token, notice, &error),
                     CLO_EMODEL);
    assert_string_equal(notice, "");
    clo_credential_destroy(credential);
}

static void one_that_is_not_there_is_refused_by_name(void **state)
{
    (void)state;
    struct clo_error error;
    struct clo_credential *credential;
    set_variables(
        (const char *const[]){"AZURE_TOKEN_CREDENTIALS=VisualStudioCodeCredential", NULL});
    assert_int_equal(clo_credential_create(&credential, SCOPE, &error), CLO_EINVALID);
    expect_parts(0, "message", error.message, "VisualStudioCodeCredential");
}

/* Token after token of one credential; the n-th is asked for with `refused`. */
static void ask(struct clo_credential *credential, const char *refused, const char *wanted,
                const char *noticed)
{
    struct clo_error error = {0};
    char *token, notice[CLO_CREDENTIAL_NOTICE_MAX];
    int status = clo_credential_token(credential, refused, NULL, &token, notice, &error);
    if ((status == 0) != (wanted != NULL))
        fail_msg("%d: %s", status, error.message);
    if (wanted)
        assert_string_equal(token, wanted);
    if (!*noticed)
        assert_string_equal(notice, "");
    expect_parts(0, "notice", notice, noticed);
    clo_credential_token_free(token);
}

static void a_token_is_kept_and_another_had_for_one_refused(void **state)
{
    (void)state;
    struct act acts[] = {{TOKEN("one"), CLOSE, 0, 0}, {TOKEN("two"), CLOSE, 0, 0}};
    struct clo_error error;
    struct clo_credential *credential;
    server_start(&server, acts, 2);
    set_variables((const char *const[]){WITH_SECRET, NULL});
    assert_int_equal(clo_credential_create(&credential, SCOPE, &error), 0);
    ask(credential, NULL, "one", "EnvironmentCredential");
    ask(credential, NULL, "one", "");
    assert_int_equal(atomic_load(&server.requests), 1);
    ask(credential, "one", "two", "");
    ask(credential, "one", "two", ""); /* another thread was refused with the first as well */
    assert_int_equal(atomic_load(&server.requests), 2);
    clo_credential_destroy(credential);
    server_stop(&server);
}

static void a_token_is_renewed_before_it_ends(void **state)
{
    (void)state;
    struct act acts[] = {{SHORT("one"), CLOSE, 0, 0},
                         {STATUS("400 Bad", "{}"), CLOSE, 0, 0},
                         {TOKEN("never"), CLOSE, 0, 0}};
    struct clo_error error;
    struct clo_credential *credential;
    server_start(&server, acts, 3);
    set_variables((const char *const[]){WITH_SECRET, NULL});
    assert_int_equal(clo_credential_create(&credential, SCOPE, &error), 0);
    ask(credential, NULL, "one", "EnvironmentCredential");
    struct clo_credential *other;
    usleep(1100000); /* due, after half of its two seconds; a slow machine finds it ended */
    char *token, notice[CLO_CREDENTIAL_NOTICE_MAX];
    int status = clo_credential_token(credential, NULL, NULL, &token, notice, &error);
    assert_int_equal(atomic_load(&server.requests), 2);
    expect_parts(0, "notice", notice, "no token for");
    if (!status)
        assert_string_equal(token, "one"); /* the renewal failed, and it still does */
    clo_credential_token_free(token);
    clo_credential_destroy(credential);
    server_stop(&server);
    acts[1].answer = TOKEN("two");
    server_start(&server, acts, 3);
    set_variables((const char *const[]){WITH_SECRET, NULL});
    assert_int_equal(clo_credential_create(&other, SCOPE, &error), 0);
    ask(other, NULL, "one", "EnvironmentCredential");
    usleep(1100000);
    ask(other, NULL, "two", "");
    clo_credential_destroy(other);
    server_stop(&server);
}

struct asker {
    struct clo_credential *credential;
    struct clo_cancel *cancel;
    pthread_t thread;
    int status;
    char *token;
};

static void *ask_apart(void *context)
{
    struct asker *asker = context;
    struct clo_error error;
    char notice[CLO_CREDENTIAL_NOTICE_MAX];
    asker->status =
        clo_credential_token(asker->credential, NULL, asker->cancel, &asker->token, notice, &error);
    return NULL;
}

static void many_threads_make_one_request(void **state)
{
    (void)state;
    struct act acts[] = {{TOKEN("one"), CLOSE, 20, 20}, {TOKEN("two"), CLOSE, 0, 0}};
    struct clo_error error;
    struct asker askers[8] = {{0}};
    struct clo_credential *credential;
    server_start(&server, acts, 2);
    set_variables((const char *const[]){WITH_SECRET, NULL});
    assert_int_equal(clo_credential_create(&credential, SCOPE, &error), 0);
    for (size_t i = 0; i < 8; i++) {
        askers[i].credential = credential;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_apart, &askers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++)
        pthread_join(askers[i].thread, NULL);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(askers[i].status, 0);
        assert_string_equal(askers[i].token, "one");
        clo_credential_token_free(askers[i].token);
    }
    assert_int_equal(atomic_load(&server.requests), 1);
    clo_credential_destroy(credential);
    server_stop(&server);
}

/* Of a server that hangs: who fetches is let go, and who waits for that one. */
static void cancellation_ends_every_wait(void **state)
{
    (void)state;
    struct act act = {"", HANG, 0, 0};
    struct clo_error error;
    struct asker askers[2] = {{0}};
    struct clo_credential *credential;
    struct clo_cancel *cancel = clo_cancel_create();
    assert_non_null(cancel);
    server_start(&server, &act, 1);
    set_variables((const char *const[]){WITH_SECRET, NULL});
    assert_int_equal(clo_credential_create(&credential, SCOPE, &error), 0);
    for (size_t i = 0; i < 2; i++) {
        askers[i].credential = credential;
        askers[i].cancel = cancel;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_apart, &askers[i]), 0);
    }
    usleep(200000);
    clo_cancel_trigger(cancel);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].status, CLO_ECANCELLED);
        assert_null(askers[i].token);
    }
    clo_credential_destroy(credential);
    server_stop(&server);
    clo_cancel_free(cancel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_source_is_found_or_says_what_it_lacks),
        cmocka_unit_test(a_metadata_server_that_hangs_holds_nobody_up),
        cmocka_unit_test(no_az_is_told),
        cmocka_unit_test(one_that_is_not_there_is_refused_by_name),
        cmocka_unit_test(a_token_is_kept_and_another_had_for_one_refused),
        cmocka_unit_test(a_token_is_renewed_before_it_ends),
        cmocka_unit_test(many_threads_make_one_request),
        cmocka_unit_test(cancellation_ends_every_wait),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
