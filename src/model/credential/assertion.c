/* assertion.c - reading a certificate with its key, and signing. */
#include "model/credential/assertion.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"

#define SKEW_S 60 /* by which this machine's clock may be ahead */
#define CERTIFICATES_MAX 16

struct identity {
    EVP_PKEY *key;
    X509 *certificate;       /* the key's own */
    STACK_OF(X509) * others; /* that came with it */
};

static void clear(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
    sk_X509_pop_free(identity->others, X509_free);
    ERR_clear_error();
}

static int refuse(const struct clo_assertion_wish *wish, const char *what, struct clo_error *error)
{
    ERR_clear_error();
    return clo_fail(error, CLO_EMODEL, "AZURE_CLIENT_CERTIFICATE_PATH %.160s: %s", wish->path,
                    what);
}

static int read_file(struct clo_buffer *text, const struct clo_assertion_wish *wish,
                     struct clo_error *error)
{
    char chunk[8192];
    ssize_t got = 0;
    int file = open(wish->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), status = 0;
    if (file < 0)
        return refuse(wish, strerror(errno), error);
    while (!status && (got = read(file, chunk, sizeof chunk)) > 0)
        status = clo_buffer_append(text, chunk, (size_t)got);
    int failed = errno;
    close(file);
    explicit_bzero(chunk, sizeof chunk);
    if (status)
        return status == CLO_ENOMEMORY ? clo_fail_memory(error)
                                       : refuse(wish, "larger than 1 MiB", error);
    return got < 0 ? refuse(wish, strerror(failed), error) : 0;
}

/* Instead of asking at the terminal. */
static int give_password(char *to, int size, int writing, void *context)
{
    const struct clo_assertion_wish *wish = context;
    size_t length = wish->password ? strlen(wish->password) : 0;
    (void)writing;
    if (!length || length > (size_t)size)
        return -1;
    memcpy(to, wish->password, length);
    return (int)length;
}

static bool is_pair(const X509 *certificate, const EVP_PKEY *key)
{
    return X509_check_private_key(certificate, key) == 1;
}

static void read_pem(struct identity *identity, const struct clo_buffer *text,
                     const struct clo_assertion_wish *wish)
{
    BIO *memory = BIO_new_mem_buf(text->data, (int)text->length);
    identity->key =
        memory ? PEM_read_bio_PrivateKey(memory, NULL, give_password, (void *)wish) : NULL;
    BIO_free(memory);
    memory = BIO_new_mem_buf(text->data, (int)text->length);
    identity->others = sk_X509_new_null();
    for (int i = 0; memory && identity->key && identity->others && i < CERTIFICATES_MAX; i++) {
        X509 *one = PEM_read_bio_X509(memory, NULL, NULL, NULL);
        if (!one)
            break;
        if (!identity->certificate && is_pair(one, identity->key))
            identity->certificate = one;
        else if (!sk_X509_push(identity->others, one))
            X509_free(one);
    }
    BIO_free(memory);
}

static void read_pkcs12(struct identity *identity, const struct clo_buffer *text,
                        const struct clo_assertion_wish *wish)
{
    const unsigned char *at = (const unsigned char *)text->data;
    PKCS12 *file = d2i_PKCS12(NULL, &at, (long)text->length);
    if (file)
        PKCS12_parse(file, wish->password ? wish->password : "", &identity->key,
                     &identity->certificate, &identity->others);
    PKCS12_free(file);
}

static int read_identity(struct identity *identity, const struct clo_assertion_wish *wish,
                         struct clo_error *error)
{
    struct clo_buffer text = CLO_BUFFER(CLO_ASSERTION_FILE_MAX);
    int status = read_file(&text, wish, error);
    bool pem = !status && text.data && strstr(text.data, "-----BEGIN ");
    if (!status && text.length) {
        if (pem)
            read_pem(identity, &text, wish);
        else
            read_pkcs12(identity, &text, wish);
    }
    clo_buffer_wipe(&text);
    clo_buffer_free(&text);
    if (status)
        return status;
    if (!identity->key)
        return refuse(wish,
                      wish->password
                          ? "no private key that AZURE_CLIENT_CERTIFICATE_PASSWORD opens is in it"
                          : "no private key is in it that opens without a password",
                      error);
    if (!identity->certificate)
        return refuse(wish, "no certificate of the private key is in it", error);
    if (EVP_PKEY_get_base_id(identity->key) != EVP_PKEY_RSA)
        return refuse(wish, "the key is not an RSA key, which Microsoft Entra ID takes alone",
                      error);
    return 0;
}

/* base64url without padding (RFC 7515, section 2); base64 where `plain`. */
static void put_base64(struct clo_buffer *out, const void *bytes, size_t length, bool plain)
{
    size_t room = (length + 2) / 3 * 4 + 1;
    unsigned char *text = malloc(room);
    if (!text) {
        out->failed = out->no_memory = true;
        return;
    }
    int written = EVP_EncodeBlock(text, bytes, (int)length);
    for (int i = 0; i < written && !plain; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    while (!plain && written > 0 && text[written - 1] == '=')
        written--;
    clo_buffer_append(out, text, (size_t)written);
    free(text);
}

static void put_certificate(struct clo_buffer *out, X509 *certificate)
{
    unsigned char *der = NULL;
    int length = i2d_X509(certificate, &der);
    if (length > 0) {
        clo_buffer_text(out, out->data && out->data[out->length - 1] == '"' ? ",\"" : "\"");
        put_base64(out, der, (size_t)length, true);
        clo_buffer_text(out, "\"");
    } else {
        out->failed = out->no_memory = true;
    }
    OPENSSL_free(der);
}

static void put_header(struct clo_buffer *out, const struct identity *identity, bool chain)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    struct clo_buffer header = CLO_BUFFER(CLO_ASSERTION_MAX);
    if (X509_digest(identity->certificate, EVP_sha256(), digest, &size) != 1)
        out->failed = out->no_memory = true;
    clo_buffer_text(&header, "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"x5t#S256\":\"");
    put_base64(&header, digest, size, false);
    clo_buffer_text(&header, "\"");
    if (chain) {
        clo_buffer_text(&header, ",\"x5c\":[");
        put_certificate(&header, identity->certificate);
        for (int i = 0; i < sk_X509_num(identity->others) && i < CERTIFICATES_MAX; i++)
            put_certificate(&header, sk_X509_value(identity->others, i));
        clo_buffer_text(&header, "]");
    }
    clo_buffer_text(&header, "}");
    if (header.failed) {
        out->failed = true;
        out->no_memory |= header.no_memory;
    } else {
        put_base64(out, header.data, header.length, false);
    }
    clo_buffer_free(&header);
}

static void put_claims(struct clo_buffer *out, const struct clo_assertion_wish *wish)
{
    unsigned char random[16] = {0};
    char name[2 * sizeof random + 1] = "";
    json_int_t now = (json_int_t)time(NULL);
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        out->failed = out->no_memory = true;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(name + 2 * i, 3, "%02x", random[i]);
    json_t *claims = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "aud", wish->audience, "iss",
                               wish->client, "sub", wish->client, "jti", name, "nbf", now - SKEW_S,
                               "iat", now, "exp", now + CLO_ASSERTION_LIFE_S);
    char *text = claims ? clo_json_dump(claims, JSON_COMPACT) : NULL;
    if (text)
        put_base64(out, text, strlen(text), false);
    else
        out->failed = out->no_memory = true;
    free(text);
    json_decref(claims);
}

/* RSASSA-PSS with SHA-256 and a salt of its length (RFC 7518, section 3.5). */
static void put_signature(struct clo_buffer *out, EVP_PKEY *key)
{
    unsigned char signature[1024]; /* of a key with 8192 bits */
    size_t size = sizeof signature;
    EVP_PKEY_CTX *options;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_PKEY_get_size(key) <= (int)sizeof signature &&
                EVP_DigestSignInit(context, &options, EVP_sha256(), NULL, key) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1 &&
                EVP_DigestSign(context, signature, &size, (const unsigned char *)out->data,
                               out->length) == 1;
    EVP_MD_CTX_free(context);
    if (good) {
        clo_buffer_text(out, ".");
        put_base64(out, signature, size, false);
    } else {
        out->failed = true;
    }
}

int clo_assertion_sign(struct clo_buffer *assertion, const struct clo_assertion_wish *wish,
                       struct clo_error *error)
{
    struct identity identity = {0};
    int status = read_identity(&identity, wish, error);
    if (!status) {
        put_header(assertion, &identity, wish->chain);
        clo_buffer_text(assertion, ".");
        put_claims(assertion, wish);
        if (!assertion->failed)
            put_signature(assertion, identity.key);
        if (assertion->failed)
            status = assertion->no_memory ? clo_fail_memory(error)
                                          : refuse(wish, "the key cannot sign", error);
    }
    clear(&identity);
    return status;
}
