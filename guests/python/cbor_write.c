/* cbor_write.c - Python values to CBOR (cbor.h). An error says which part of which argument. */
#include "cbor.h"

#include <string.h>

#include "interpreter.h"

/* The way from the outermost value to the one at hand, for error messages. */
struct path {
    const struct path *outer;
    PyObject *key;    /* of a dict, or NULL */
    Py_ssize_t index; /* of a list */
};

void clo_cbor_start(struct clo_cbor_writer *writer)
{
    writer->data = writer->first;
    writer->length = 0;
    writer->capacity = sizeof writer->first;
}

void clo_cbor_clear(struct clo_cbor_writer *writer)
{
    if (writer->data != writer->first) {
        PyMem_RawFree(writer->data);
    }
    clo_cbor_start(writer);
}

static int make_room(struct clo_cbor_writer *writer, size_t more)
{
    size_t capacity = writer->capacity;
    uint8_t *data;

    if (more > CLO_MESSAGE_MAX - writer->length) {
        PyErr_Format(clo_prelude.tool_error,
                     "the message is larger than %u MiB, the most that can cross "
                     "to the host",
                     (unsigned)(CLO_MESSAGE_MAX >> 20));
        return -1;
    }
    if (writer->length + more <= capacity) {
        return 0;
    }
    while (capacity < writer->length + more) {
        capacity *= 2;
    }
    data = PyMem_RawMalloc(capacity);
    if (data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(data, writer->data, writer->length);
    if (writer->data != writer->first) {
        PyMem_RawFree(writer->data);
    }
    writer->data = data;
    writer->capacity = capacity;
    return 0;
}

static int put_bytes(struct clo_cbor_writer *writer, const void *data, size_t length)
{
    if (make_room(writer, length) < 0) {
        return -1;
    }
    memcpy(writer->data + writer->length, data, length);
    writer->length += length;
    return 0;
}

int clo_cbor_put_head(struct clo_cbor_writer *writer, unsigned major, uint64_t argument)
{
    uint8_t head[CLO_CBOR_HEAD_MAX];

    return put_bytes(writer, head, clo_cbor_head_write(head, major, argument));
}

static int put_string(struct clo_cbor_writer *writer, unsigned major, const void *data,
                      size_t length)
{
    if (clo_cbor_put_head(writer, major, length) < 0) {
        return -1;
    }
    return put_bytes(writer, data, length);
}

int clo_cbor_put_literal(struct clo_cbor_writer *writer, const char *text)
{
    return put_string(writer, CLO_CBOR_TEXT, text, strlen(text));
}

int clo_cbor_put_text(struct clo_cbor_writer *writer, PyObject *text)
{
    PyObject *encoded;
    int error;

    if (PyUnicode_IS_COMPACT_ASCII(text)) {
        return put_string(writer, CLO_CBOR_TEXT, PyUnicode_1BYTE_DATA(text),
                          (size_t)PyUnicode_GET_LENGTH(text));
    }
    encoded = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    if (encoded == NULL) {
        return -1;
    }
    error = put_string(writer, CLO_CBOR_TEXT, PyBytes_AS_STRING(encoded),
                       (size_t)PyBytes_GET_SIZE(encoded));
    Py_DECREF(encoded);
    return error;
}

static int put_float(struct clo_cbor_writer *writer, double value)
{
    uint8_t head[CLO_CBOR_HEAD_MAX];

    return put_bytes(writer, head, clo_cbor_number_write(head, value));
}

/* Beyond 64 bits: tag 2 and the magnitude, or for n < 0 tag 3 and the magnitude of -1 - n. */
static int put_big_integer(struct clo_cbor_writer *writer, PyObject *value, int negative)
{
    PyObject *magnitude = negative ? PyNumber_Invert(value) : Py_NewRef(value);
    Py_ssize_t size;
    uint8_t *bytes;
    int error = -1;

    if (magnitude == NULL) {
        return -1;
    }
    size = PyLong_AsNativeBytes(magnitude, NULL, 0,
                                Py_ASNATIVEBYTES_BIG_ENDIAN | Py_ASNATIVEBYTES_UNSIGNED_BUFFER);
    if (size < 0 ||
        clo_cbor_put_head(writer, CLO_CBOR_TAG,
                          negative ? CLO_CBOR_TAG_NEGATIVE : CLO_CBOR_TAG_POSITIVE) < 0) {
        goto out;
    }
    bytes = PyMem_RawMalloc((size_t)size);
    if (bytes == NULL) {
        PyErr_NoMemory();
        goto out;
    }
    if (PyLong_AsNativeBytes(magnitude, bytes, size,
                             Py_ASNATIVEBYTES_BIG_ENDIAN | Py_ASNATIVEBYTES_UNSIGNED_BUFFER) >= 0) {
        Py_ssize_t zeros = 0;
        while (zeros < size - 1 && bytes[zeros] == 0) {
            zeros++;
        }
        error = put_string(writer, CLO_CBOR_BYTES, bytes + zeros, (size_t)(size - zeros));
    }
    PyMem_RawFree(bytes);
out:
    Py_DECREF(magnitude);
    return error;
}

static int put_integer(struct clo_cbor_writer *writer, PyObject *value)
{
    int overflow;
    long long small = PyLong_AsLongLongAndOverflow(value, &overflow);
    unsigned long long large;

    if (overflow == 0) {
        if (small == -1 && PyErr_Occurred()) {
            return -1;
        }
        return small < 0 ? clo_cbor_put_head(writer, CLO_CBOR_NEGATIVE, (uint64_t)(-1 - small))
                         : clo_cbor_put_head(writer, CLO_CBOR_UNSIGNED, (uint64_t)small);
    }
    if (overflow > 0) {
        large = PyLong_AsUnsignedLongLong(value);
        if (!PyErr_Occurred()) {
            return clo_cbor_put_head(writer, CLO_CBOR_UNSIGNED, large);
        }
        PyErr_Clear();
    }
    return put_big_integer(writer, value, overflow < 0);
}

static int put_buffer(struct clo_cbor_writer *writer, PyObject *value)
{
    Py_buffer view;
    int error;

    if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    error = put_string(writer, CLO_CBOR_BYTES, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return error;
}

/* "argument 'rows'[3]['when']" */
static PyObject *describe(const struct path *path, const char *what)
{
    PyObject *before, *whole;

    if (path == NULL) {
        return PyUnicode_FromString(what);
    }
    before = describe(path->outer, what);
    if (before == NULL) {
        return NULL;
    }
    if (path->key == NULL) {
        whole = PyUnicode_FromFormat("%U[%zd]", before, path->index);
    } else if (path->outer == NULL && what[0] == 'a') { /* "argument" and its name */
        whole = PyUnicode_FromFormat("%U %R", before, path->key);
    } else {
        whole = PyUnicode_FromFormat("%U[%R]", before, path->key);
    }
    Py_DECREF(before);
    return whole;
}

static int fail(PyObject *exception, const struct path *path, const char *what, const char *format,
                PyObject *detail)
{
    PyObject *where = describe(path, what);

    if (where != NULL) {
        PyErr_Format(exception, format, where, detail);
        Py_DECREF(where);
    }
    return -1;
}

static int put_value(struct clo_cbor_writer *writer, PyObject *value, const struct path *path,
                     int depth, const char *what);

static int put_sequence(struct clo_cbor_writer *writer, PyObject *value, const struct path *path,
                        int depth, const char *what)
{
    struct path inner = {.outer = path};

    if (clo_cbor_put_head(writer, CLO_CBOR_ARRAY, (uint64_t)PySequence_Fast_GET_SIZE(value)) < 0) {
        return -1;
    }
    for (; inner.index < PySequence_Fast_GET_SIZE(value); inner.index++) {
        PyObject *item = PySequence_Fast_GET_ITEM(value, inner.index);
        if (put_value(writer, item, &inner, depth + 1, what) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_dict(struct clo_cbor_writer *writer, PyObject *value, const struct path *path,
                    int depth, const char *what)
{
    struct path inner = {.outer = path};
    PyObject *key, *item;
    Py_ssize_t position = 0;

    if (clo_cbor_put_head(writer, CLO_CBOR_MAP, (uint64_t)PyDict_GET_SIZE(value)) < 0) {
        return -1;
    }
    while (PyDict_Next(value, &position, &key, &item)) {
        if (!PyUnicode_Check(key)) {
            return fail(PyExc_TypeError, path, what,
                        "%U has the key %R: keys that cross to the host are str", key);
        }
        inner.key = key;
        if (clo_cbor_put_text(writer, key) < 0 ||
            put_value(writer, item, &inner, depth + 1, what) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_value(struct clo_cbor_writer *writer, PyObject *value, const struct path *path,
                     int depth, const char *what)
{
    if (depth > CLO_CBOR_DEPTH_MAX) {
        PyErr_Format(PyExc_ValueError, "%s is nested deeper than %d levels, or contains itself",
                     what, CLO_CBOR_DEPTH_MAX);
        return -1;
    }
    if (value == Py_None) {
        return clo_cbor_put_head(writer, CLO_CBOR_SIMPLE, CLO_CBOR_NULL);
    }
    if (PyBool_Check(value)) {
        return clo_cbor_put_head(writer, CLO_CBOR_SIMPLE,
                                 value == Py_True ? CLO_CBOR_TRUE : CLO_CBOR_FALSE);
    }
    if (PyUnicode_Check(value)) {
        return clo_cbor_put_text(writer, value);
    }
    if (PyLong_Check(value)) {
        return put_integer(writer, value);
    }
    if (PyFloat_Check(value)) {
        return put_float(writer, PyFloat_AS_DOUBLE(value));
    }
    if (PyDict_Check(value)) {
        return put_dict(writer, value, path, depth, what);
    }
    if (PyList_Check(value) || PyTuple_Check(value)) {
        return put_sequence(writer, value, path, depth, what);
    }
    if (PyBytes_Check(value) || PyByteArray_Check(value) || PyMemoryView_Check(value)) {
        return put_buffer(writer, value);
    }
    return fail(
        PyExc_TypeError, path, what,
        "%U is of type %N, which cannot cross to the host: use None, bool, int, float, str, "
        "bytes, list, tuple or dict",
        (PyObject *)Py_TYPE(value));
}

int clo_cbor_put(struct clo_cbor_writer *writer, PyObject *value, const char *what)
{
    return put_value(writer, value, NULL, 0, what);
}
