/* guest.h - src/guest sees the player of tests (play.c) as the one module of the image.
 *
 * Stands in for the header that wasm2c would write for a guest: the same names, so that the runtime
 * is compiled and linked as it is. Instantiating it does nothing, so that the image is ready before
 * any module of the tests has memory. */
#ifndef TESTS_WASM_GUEST_H
#define TESTS_WASM_GUEST_H

typedef struct w2c_guest {
    char nothing;
} w2c_guest;

void wasm2c_guest_instantiate(w2c_guest *guest);

#endif
