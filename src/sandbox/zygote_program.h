/* sandbox/zygote_program.h - the zygote's program, a part of this library: an ELF file in its
 * constants.
 *
 * So libcloche needs no second file to be installed and found, whoever links it. It is built first
 * (src/sandbox/meson.build) and started from memory.
 */
#ifndef CLO_SANDBOX_ZYGOTE_PROGRAM_H
#define CLO_SANDBOX_ZYGOTE_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "cloche/error.h"

/* A descriptor of the program, ready for execveat; closed by an exec. The caller closes it. */
int clo_zygote_program_open(int *fd, struct clo_error *error);

/* For tests: start this ELF file from now on instead; NULL: the library's own again. */
void clo_zygote_program_replace(const uint8_t *bytes, size_t size);

#endif
