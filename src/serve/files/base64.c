/* base64.c - OpenSSL's codec, behind a check: it passes over what it does not know. */
#include "serve/files/base64.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 16384 /* characters at a time */

static bool is_digit(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

bool clo_base64_ok(const char *text, size_t length)
{
    size_t digits = 0, padding = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r' || text[i] == '\n' || text[i] == ' ' || text[i] == '\t')
            continue;
        if (text[i] == '=')
            padding++;
        else if (padding || !is_digit(text[i]))
            return false;
        else
            digits++;
    }
    return padding <= 2 && (digits + padding) % 4 == 0;
}

int clo_base64_decode(const char *text, size_t length,
                      int (*put)(void *context, const void *data, size_t length), void *context)
{
    unsigned char bytes[PIECE];
    EVP_ENCODE_CTX *codec = EVP_ENCODE_CTX_new();
    int status = !codec ? CLO_ENOMEMORY : clo_base64_ok(text, length) ? 0 : CLO_EINVALID, size = 0;
    if (status == 0)
        EVP_DecodeInit(codec);
    while (status == 0 && length > 0) {
        size_t some = length < PIECE ? length : PIECE;
        if (EVP_DecodeUpdate(codec, bytes, &size, (const unsigned char *)text, (int)some) < 0)
            status = CLO_EINVALID;
        else if (size > 0)
            status = put(context, bytes, (size_t)size);
        text += some;
        length -= some;
    }
    if (status == 0 && EVP_DecodeFinal(codec, bytes, &size) < 0)
        status = CLO_EINVALID;
    if (status == 0 && size > 0)
        status = put(context, bytes, (size_t)size);
    EVP_ENCODE_CTX_free(codec);
    return status;
}

char *clo_base64_encode(const char *head, const void *data, size_t length)
{
    size_t start = strlen(head);
    if (length > INT_MAX / 2)
        return NULL;
    char *text = malloc(start + (length + 2) / 3 * 4 + 1);
    if (!text)
        return NULL;
    memcpy(text, head, start + 1);
    EVP_EncodeBlock((unsigned char *)text + start, data, (int)length);
    return text;
}
