/* cbor.h - Python values to CBOR (RFC 8949) and back.
 *
 *   None, bool    simple values 22, 21, 20        str    text, lone surrogates as three bytes
 *   int           integer, beyond 64 bits tag 2/3 bytes  byte string (bytearray, memoryview too)
 *   float         64 bits, NaN and infinities too list, tuple  array        dict   map, str keys
 *
 * Everything has a definite length on the way out; on the way in, indefinite lengths are taken too.
 */
#ifndef CLO_PYTHON_CBOR_H
#define CLO_PYTHON_CBOR_H

#include <Python.h>
#include <stdint.h>

#include "abi/cbor.h"

#define CLO_CBOR_DEPTH_MAX 128 /* nesting, as on the host (cloche/value.h) */

struct clo_cbor_writer {
    uint8_t *data;
    size_t length, capacity;
    uint8_t first[512]; /* enough for most messages */
};

void clo_cbor_start(struct clo_cbor_writer *writer);
void clo_cbor_clear(struct clo_cbor_writer *writer);
int clo_cbor_put_head(struct clo_cbor_writer *writer, unsigned major, uint64_t argument);
int clo_cbor_put_text(struct clo_cbor_writer *writer, PyObject *text);
int clo_cbor_put_literal(struct clo_cbor_writer *writer, const char *text);

/* `what` names the value in an error: "argument 'rows'". */
int clo_cbor_put(struct clo_cbor_writer *writer, PyObject *value, const char *what);

struct clo_cbor_reader {
    const uint8_t *at, *end;
};

PyObject *clo_cbor_get(struct clo_cbor_reader *reader);
int clo_cbor_skip(struct clo_cbor_reader *reader);
/* The head of an array (4) or a map (5) with a definite length, of a text (3); -1 if it is not. */
int clo_cbor_get_head(struct clo_cbor_reader *reader, unsigned major, uint64_t *value);

#endif
