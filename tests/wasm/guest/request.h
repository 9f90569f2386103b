/* request.h - what run.py asks of one run, handed on by driver.c to play.c. */
#ifndef TESTS_WASM_REQUEST_H
#define TESTS_WASM_REQUEST_H

#include <stdint.h>

#define PLAY_MAGIC 0x59414c50u /* "PLAY" */
#define PLAY_NO_STOP UINT32_MAX
#define PLAY_SKIPS_MAX 64u

/* A run's request, in the reply area. */
struct play_request {
    uint32_t magic;
    uint32_t group;
    uint32_t stop; /* this command, a PLAY_TRAP, is the last; PLAY_NO_STOP: play all others */
    uint32_t skip_count;
    uint32_t skips[PLAY_SKIPS_MAX]; /* commands that ended an earlier run: leave them out */
};

#endif
