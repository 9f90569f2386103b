/* id.c - identifiers nobody can guess. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "agent/internal.h"

#define RANDOM_BYTES 16

void clo_id_make(char id[CLO_ID_MAX], const char *prefix)
{
    unsigned char bytes[RANDOM_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        abort(); /* Linux gives up to 256 bytes whole once it is seeded; guessable ids are worse */
    int used = snprintf(id, CLO_ID_MAX, "%.16s_", prefix);
    for (size_t i = 0; i < sizeof bytes; i++)
        used += snprintf(id + used, CLO_ID_MAX - (size_t)used, "%02x", bytes[i]);
}
