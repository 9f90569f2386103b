/* planted.c - code with one fault, which the harness must find in every run (run.py): also in one
 * that goes on from another, in which all calls around it were visited.
 */
#include <stdlib.h>
#include <string.h>

#include "planted.h"

static char *copy(const char *text)
{
    char *made = malloc(strlen(text) + 1);
    return made ? strcpy(made, text) : NULL;
}

int planted_fill(struct planted_pair *pair)
{
    pair->first = copy("first");
    if (!pair->first)
        return -1;
    pair->second = copy("second");
    pair->second[0] = 'S'; /* planted: nobody has looked whether it is there */
    return 0;
}

void planted_release(struct planted_pair *pair)
{
    free(pair->first);
    free(pair->second);
}
