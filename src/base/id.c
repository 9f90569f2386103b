/* id.c - identifiers and names. */
#include "base/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define RANDOM_BYTES 16
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-"

void clo_id_make(char id[CLO_ID_MAX], const char *prefix)
{
    unsigned char bytes[RANDOM_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        abort(); /* Linux gives up to 256 bytes whole once it is seeded; guessable ids are worse */
    int used = snprintf(id, CLO_ID_MAX, "%.16s_", prefix);
    for (size_t i = 0; i < sizeof bytes; i++)
        used += snprintf(id + used, CLO_ID_MAX - (size_t)used, "%02x", bytes[i]);
}

bool clo_name_ok(const char *name)
{
    size_t length = strlen(name);
    return length >= 1 && length <= CLO_NAME_BYTES_MAX && strspn(name, NAME_CHARS) == length;
}

void clo_name_copy(char to[CLO_NAME_BYTES_MAX + 1], const char *from)
{
    size_t length = strnlen(from, CLO_NAME_BYTES_MAX);
    memcpy(to, from, length);
    to[length] = '\0';
}
