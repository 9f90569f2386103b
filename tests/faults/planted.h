/* planted.h - see planted.c. */
#ifndef CLO_TESTS_FAULTS_PLANTED_H
#define CLO_TESTS_FAULTS_PLANTED_H

struct planted_pair {
    char *first, *second;
};

/* 0, or -1 for lack of memory, with nothing to release. */
int planted_fill(struct planted_pair *pair);
void planted_release(struct planted_pair *pair);

#endif
