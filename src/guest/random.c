/* random.c - random bytes: ChaCha20 (RFC 8439, section 2.3) keyed with the run's seed.
 *
 * The host gives 32 fresh bytes for every run, so no two runs of one image see the same stream.
 * After each request the key is replaced by output that nobody was given: what a run has drawn
 * cannot be computed from its memory later.
 */
#include <string.h>

#include "runtime.h"

#define KEY_SIZE 32
#define BLOCK_SIZE 64

static uint32_t key[KEY_SIZE / 4];

static inline uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

static inline void quarter(uint32_t *s, int a, int b, int c, int d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

static void block(uint32_t counter, uint32_t *out)
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

    memcpy(start + 4, key, KEY_SIZE);
    start[12] = counter; /* the nonce stays zero: a key is used for one request */
    memcpy(out, start, BLOCK_SIZE);
    for (int round = 0; round < 10; round++) {
        quarter(out, 0, 4, 8, 12);
        quarter(out, 1, 5, 9, 13);
        quarter(out, 2, 6, 10, 14);
        quarter(out, 3, 7, 11, 15);
        quarter(out, 0, 5, 10, 15);
        quarter(out, 1, 6, 11, 12);
        quarter(out, 2, 7, 8, 13);
        quarter(out, 3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++) {
        out[i] += start[i];
    }
}

void clo_random_start(void)
{
    for (size_t i = 0; i < KEY_SIZE; i++) {
        ((uint8_t *)key)[i] = CLO_CONTROL->seed[i];
    }
}

void clo_random_fill(uint8_t *out, uint64_t length)
{
    uint32_t words[BLOCK_SIZE / 4], next_key[KEY_SIZE / 4];
    uint32_t counter = 0;

    /* Block 0: the next key, and 32 bytes to give. 4 GiB need fewer than 2^32 blocks. */
    block(counter++, words);
    memcpy(next_key, words, KEY_SIZE);
    const uint8_t *from = (const uint8_t *)words + KEY_SIZE;
    uint64_t have = BLOCK_SIZE - KEY_SIZE;
    for (;;) {
        uint64_t part = length < have ? length : have;
        memcpy(out, from, part);
        out += part;
        length -= part;
        if (length == 0) {
            break;
        }
        block(counter++, words);
        from = (const uint8_t *)words;
        have = BLOCK_SIZE;
    }
    memcpy(key, next_key, KEY_SIZE);
}
