/* user.c - the platform's id of a user, hashed. */
#include "serve/protocol/user.h"

#include <openssl/evp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cloche/error.h"

int clo_user_take(const char *header, char user[CLO_USER_MAX + 1])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    user[0] = '\0';
    if (!header || !*header)
        return 0;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    int done = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) &&
               EVP_DigestUpdate(digest, header, strlen(header)) &&
               EVP_DigestFinal_ex(digest, hash, &length);
    EVP_MD_CTX_free(digest);
    if (!done || 2 * length != CLO_USER_MAX)
        return CLO_ENOMEMORY;
    for (unsigned i = 0; i < length; i++)
        snprintf(user + (size_t)2 * i, 3, "%02x", hash[i]);
    return 0;
}
