/* assertion_test.c - client assertions: signed with certificates made here, checked with their
 * public key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "model/credential/assertion.h"

static char folder[] = "/tmp/assertion_test_XXXXXX";
static EVP_PKEY *key, *curve;
static X509 *certificate, *foreign;

static X509 *make_certificate(EVP_PKEY *of, const char *name)
{
    X509 *made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 7);
    X509_gmtime_adj(X509_getm_notBefore(made), 0);
    X509_gmtime_adj(X509_getm_notAfter(made), 86400);
    X509_set_pubkey(made, of);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(made));
    X509_sign(made, of, EVP_sha256());
    return made;
}

static const char *place(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_pem(const char *name, EVP_PKEY *of, const char *password, X509 *first,
                      X509 *second)
{
    FILE *file = fopen(place(name), "w");
    if (of)
        PEM_write_PrivateKey(file, of, password ? EVP_aes_128_cbc() : NULL,
                             (unsigned char *)password, password ? (int)strlen(password) : 0, NULL,
                             NULL);
    if (first)
        PEM_write_X509(file, first);
    if (second)
        PEM_write_X509(file, second);
    fclose(file);
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    key = EVP_RSA_gen(2048);
    curve = EVP_EC_gen("P-256");
    certificate = make_certificate(key, "app");
    foreign = make_certificate(curve, "other");
    write_pem("plain.pem", key, NULL, foreign, certificate); /* its own is not the first */
    write_pem("locked.pem", key, "open sesame", certificate, NULL);
    write_pem("keyless.pem", NULL, NULL, certificate, NULL);
    write_pem("foreign.pem", key, NULL, foreign, NULL);
    write_pem("curve.pem", curve, NULL, foreign, NULL);
    write_pem("empty.pem", NULL, NULL, NULL, NULL);
    PKCS12 *bundle = PKCS12_create("open sesame", "app", key, certificate, NULL, 0, 0, 0, 0, 0);
    FILE *file = fopen(place("app.pfx"), "w");
    i2d_PKCS12_fp(file, bundle);
    fclose(file);
    PKCS12_free(bundle);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    static const char *const names[] = {"plain.pem", "locked.pem", "keyless.pem", "foreign.pem",
                                        "curve.pem", "empty.pem",  "app.pfx"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(place(names[i]));
    rmdir(folder);
    EVP_PKEY_free(key);
    EVP_PKEY_free(curve);
    X509_free(certificate);
    X509_free(foreign);
    return 0;
}

/* Of base64url; the bytes' number. */
static size_t decode(unsigned char *bytes, const char *text, size_t length)
{
    char padded[8192];
    size_t size = length;
    assert_true(length < sizeof padded - 4);
    for (size_t i = 0; i < length; i++)
        padded[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    while (size % 4)
        padded[size++] = '=';
    int got = EVP_DecodeBlock(bytes, (unsigned char *)padded, (int)size);
    assert_true(got > 0);
    return (size_t)got - (size - length);
}

static json_t *part(const char *text, size_t length)
{
    unsigned char bytes[8192];
    size_t size = decode(bytes, text, length);
    json_t *value = json_loadb((char *)bytes, size, 0, NULL);
    assert_non_null(value);
    return value;
}

static void check_signature(const char *text, size_t signed_length)
{
    unsigned char signature[1024];
    size_t size = decode(signature, text + signed_length + 1, strlen(text + signed_length + 1));
    EVP_PKEY_CTX *options;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY *public = X509_get0_pubkey(certificate);
    assert_int_equal(EVP_DigestVerifyInit(context, &options, EVP_sha256(), NULL, public), 1);
    EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
    assert_int_equal(
        EVP_DigestVerify(context, signature, size, (const unsigned char *)text, signed_length), 1);
    EVP_MD_CTX_free(context);
}

static void check_claims(const json_t *claims)
{
    json_int_t now = (json_int_t)time(NULL);
    assert_string_equal(json_string_value(json_object_get(claims, "aud")), "https://login/t/token");
    assert_string_equal(json_string_value(json_object_get(claims, "iss")), "client-1");
    assert_string_equal(json_string_value(json_object_get(claims, "sub")), "client-1");
    assert_int_equal(strlen(json_string_value(json_object_get(claims, "jti"))), 32);
    json_int_t end = json_integer_value(json_object_get(claims, "exp"));
    assert_true(end > now + 500 && end <= now + 600);
    assert_true(json_integer_value(json_object_get(claims, "nbf")) <= now);
}

static void check_assertion(const char *text, bool chain)
{
    unsigned char digest[64];
    unsigned size = 0;
    const char *first = strchr(text, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    assert_non_null(second);
    json_t *header = part(text, (size_t)(first - text));
    json_t *claims = part(first + 1, (size_t)(second - first - 1));
    assert_string_equal(json_string_value(json_object_get(header, "alg")), "PS256");
    assert_string_equal(json_string_value(json_object_get(header, "typ")), "JWT");
    const char *thumb = json_string_value(json_object_get(header, "x5t#S256"));
    unsigned char bytes[64];
    X509_digest(certificate, EVP_sha256(), digest, &size);
    assert_int_equal(decode(bytes, thumb, strlen(thumb)), size);
    assert_memory_equal(bytes, digest, size);
    assert_int_equal(json_array_size(json_object_get(header, "x5c")), chain ? 2 : 0);
    check_claims(claims);
    check_signature(text, (size_t)(second - text));
    json_decref(header);
    json_decref(claims);
}

static const struct {
    const char *file, *password;
    bool chain;
    const char *message; /* NULL: it is signed */
} cases[] = {
    {"plain.pem", NULL, false, NULL},
    {"plain.pem", NULL, true, NULL},
    {"plain.pem", "not needed", false, NULL},
    {"locked.pem", "open sesame", false, NULL},
    {"app.pfx", "open sesame", false, NULL},
    {"locked.pem", "wrong one", false,
     "no private key that AZURE_CLIENT_CERTIFICATE_PASSWORD opens"},
    {"locked.pem", NULL, false, "no private key is in it that opens without a password"},
    {"app.pfx", "wrong one", false, "no private key that AZURE_CLIENT_CERTIFICATE_PASSWORD opens"},
    {"app.pfx", NULL, false, "without a password"},
    {"keyless.pem", NULL, false, "no private key"},
    {"foreign.pem", NULL, false, "no certificate of the private key is in it"},
    {"curve.pem", NULL, false, "the key is not an RSA key"},
    {"empty.pem", NULL, false, "no private key"},
    {"missing.pem", NULL, false, "No such file or directory"},
    {".", NULL, false, "Is a directory"},
};

static void every_certificate_signs_or_says_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_error error = {0};
        struct clo_buffer text = CLO_BUFFER(CLO_ASSERTION_MAX);
        struct clo_assertion_wish wish = {.path = place(cases[i].file),
                                          .password = cases[i].password,
                                          .audience = "https://login/t/token",
                                          .client = "client-1",
                                          .chain = cases[i].chain};
        int status = clo_assertion_sign(&text, &wish, &error);
        if ((status == 0) != (cases[i].message == NULL))
            fail_msg("%zu: %d %s", i, status, error.message);
        if (!status)
            check_assertion(text.data, cases[i].chain);
        else if (!strstr(error.message, cases[i].message) || !strstr(error.message, cases[i].file))
            fail_msg("%zu: %s", i, error.message);
        if (cases[i].password)
            assert_null(strstr(error.message, cases[i].password));
        clo_buffer_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_certificate_signs_or_says_why_not)};
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
