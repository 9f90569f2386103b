/* clean_programs.h - what clean_test.c runs: the hostile scripts of a folder, and small programs
 * put together at random. */
#ifndef TESTS_VM_CLEAN_PROGRAMS_H
#define TESTS_VM_CLEAN_PROGRAMS_H

#include <stddef.h>
#include <stdint.h>

#define PROGRAM_MAX (1u << 20)

struct program {
    char name[64];
    char code[PROGRAM_MAX];
    size_t length;
};

/* The *.py files of a folder, sorted; their number. 0: there is no such folder here. */
size_t programs_open(const char *folder);
void programs_close(void);

void program_script(struct program *program, size_t number); /* a file of the folder */
void program_random(struct program *program, uint64_t *random);

/* 0 … sides - 1 */
uint32_t program_dice(uint64_t *random, uint32_t sides);

#endif
