/* cbor_read.c - CBOR to Python values (cbor.h), checked like anything from outside. */
#include <string.h>

#include "cbor.h"

enum { UNSIGNED = 0, NEGATIVE = 1, BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5, TAG = 6, SIMPLE = 7 };
enum { INDEFINITE = 31 };

struct head {
    unsigned major, info;
    uint64_t value;
};

static int malformed(void)
{
    PyErr_SetString(PyExc_ValueError, "malformed message from the host");
    return -1;
}

static int get_head(struct clo_cbor_reader *reader, struct head *head)
{
    if (reader->at >= reader->end) {
        return malformed();
    }
    head->major = *reader->at >> 5;
    head->info = *reader->at++ & 31;
    head->value = head->info;
    if (head->info < 24 || head->info == INDEFINITE) {
        return 0;
    }
    if (head->info > 27) {
        return malformed();
    }
    size_t size = (size_t)1 << (head->info - 24);
    if ((size_t)(reader->end - reader->at) < size) {
        return malformed();
    }
    head->value = 0;
    for (size_t i = 0; i < size; i++) {
        head->value = head->value << 8 | *reader->at++;
    }
    return 0;
}

int clo_cbor_get_head(struct clo_cbor_reader *reader, unsigned major, uint64_t *value)
{
    struct head head;

    if (get_head(reader, &head) < 0) {
        return -1;
    }
    if (head.major != major || head.info == INDEFINITE) {
        return malformed();
    }
    if (major >= BYTES && major <= MAP && head.value > (uint64_t)(reader->end - reader->at)) {
        return malformed(); /* each item takes a byte at least */
    }
    *value = head.value;
    return 0;
}

static int at_break(struct clo_cbor_reader *reader)
{
    if (reader->at < reader->end && *reader->at == 0xff) {
        reader->at++;
        return 1;
    }
    return 0;
}

static PyObject *make_string(unsigned major, const uint8_t *data, uint64_t length)
{
    if (major == TEXT) {
        return PyUnicode_DecodeUTF8((const char *)data, (Py_ssize_t)length, "surrogatepass");
    }
    return PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)length);
}

static PyObject *get_string(struct clo_cbor_reader *reader, const struct head *head)
{
    PyObject *whole, *chunk;

    if (head->info != INDEFINITE) {
        const uint8_t *data = reader->at;
        if (head->value > (uint64_t)(reader->end - reader->at)) {
            malformed();
            return NULL;
        }
        reader->at += head->value;
        return make_string(head->major, data, head->value);
    }
    whole = make_string(head->major, (const uint8_t *)"", 0);
    while (whole != NULL && !at_break(reader)) {
        struct head part;
        if (get_head(reader, &part) < 0 || part.major != head->major || part.info == INDEFINITE) {
            if (!PyErr_Occurred()) {
                malformed();
            }
            Py_CLEAR(whole);
            break;
        }
        chunk = get_string(reader, &part);
        Py_SETREF(whole, chunk != NULL ? PySequence_Concat(whole, chunk) : NULL);
        Py_XDECREF(chunk);
    }
    return whole;
}

static PyObject *get_value(struct clo_cbor_reader *reader, int depth);

static PyObject *get_array(struct clo_cbor_reader *reader, const struct head *head, int depth)
{
    PyObject *list = PyList_New(0);
    uint64_t left = head->value;

    if (list == NULL) {
        return NULL;
    }
    while (head->info == INDEFINITE ? !at_break(reader) : left-- > 0) {
        PyObject *item = get_value(reader, depth + 1);
        if (item == NULL || PyList_Append(list, item) < 0) {
            Py_XDECREF(item);
            Py_DECREF(list);
            return NULL;
        }
        Py_DECREF(item);
    }
    return list;
}

static PyObject *get_map(struct clo_cbor_reader *reader, const struct head *head, int depth)
{
    PyObject *dict = PyDict_New();
    uint64_t left = head->value;

    if (dict == NULL) {
        return NULL;
    }
    while (head->info == INDEFINITE ? !at_break(reader) : left-- > 0) {
        PyObject *key = get_value(reader, depth + 1);
        PyObject *item = key != NULL ? get_value(reader, depth + 1) : NULL;
        int error = item == NULL ? -1 : PyDict_SetItem(dict, key, item);
        Py_XDECREF(key);
        Py_XDECREF(item);
        if (error < 0) {
            Py_DECREF(dict);
            return NULL;
        }
    }
    return dict;
}

static PyObject *get_tagged(struct clo_cbor_reader *reader, uint64_t tag, int depth)
{
    PyObject *content = get_value(reader, depth + 1), *number, *inverted;

    if (content == NULL || (tag != 2 && tag != 3)) {
        return content; /* other tags only comment on the value */
    }
    if (!PyBytes_Check(content)) {
        Py_DECREF(content);
        malformed();
        return NULL;
    }
    number = PyLong_FromUnsignedNativeBytes(
        PyBytes_AS_STRING(content), (size_t)PyBytes_GET_SIZE(content), Py_ASNATIVEBYTES_BIG_ENDIAN);
    Py_DECREF(content);
    if (number == NULL || tag == 2) {
        return number;
    }
    inverted = PyNumber_Invert(number);
    Py_DECREF(number);
    return inverted;
}

static double half_to_double(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023), value;

    if (exponent == 31) {
        value = fraction == 0 ? Py_INFINITY : Py_NAN;
    } else if (exponent == 0) {
        value = fraction * 0x1p-24;
    } else {
        value = (fraction + 1024) * 0x1p-25 * (double)(1ull << exponent);
    }
    return bits >> 15 ? -value : value;
}

static PyObject *get_simple(const struct head *head)
{
    double number;
    float single;
    uint32_t bits = (uint32_t)head->value;

    switch (head->info) {
    case 20: Py_RETURN_FALSE;
    case 21: Py_RETURN_TRUE;
    case 22: /* null */
    case 23: /* undefined */ Py_RETURN_NONE;
    case 25: return PyFloat_FromDouble(half_to_double(head->value));
    case 26: memcpy(&single, &bits, sizeof single); return PyFloat_FromDouble(single);
    case 27: memcpy(&number, &head->value, sizeof number); return PyFloat_FromDouble(number);
    default: malformed(); return NULL;
    }
}

static PyObject *get_value(struct clo_cbor_reader *reader, int depth)
{
    struct head head;
    PyObject *positive, *negative;

    if (depth > CLO_CBOR_DEPTH_MAX * 2) {
        PyErr_SetString(PyExc_ValueError, "a message from the host is nested too deeply");
        return NULL;
    }
    if (get_head(reader, &head) < 0) {
        return NULL;
    }
    if (head.info == INDEFINITE && (head.major < BYTES || head.major > MAP)) {
        malformed();
        return NULL;
    }
    switch (head.major) {
    case UNSIGNED: return PyLong_FromUnsignedLongLong(head.value);
    case NEGATIVE:
        if (head.value <= INT64_MAX) {
            return PyLong_FromLongLong(-1 - (long long)head.value);
        }
        positive = PyLong_FromUnsignedLongLong(head.value);
        negative = positive != NULL ? PyNumber_Invert(positive) : NULL;
        Py_XDECREF(positive);
        return negative;
    case BYTES:
    case TEXT: return get_string(reader, &head);
    case ARRAY: return get_array(reader, &head, depth);
    case MAP: return get_map(reader, &head, depth);
    case TAG: return get_tagged(reader, head.value, depth);
    default: return get_simple(&head);
    }
}

PyObject *clo_cbor_get(struct clo_cbor_reader *reader)
{
    return get_value(reader, 0);
}

int clo_cbor_skip(struct clo_cbor_reader *reader)
{
    uint64_t left = 1; /* values still to pass */

    while (left > 0) {
        struct head head;
        if (get_head(reader, &head) < 0) {
            return -1;
        }
        left--;
        if (head.info == INDEFINITE) { /* rare: let the full reader find the end */
            reader->at--;
            PyObject *value = clo_cbor_get(reader);
            Py_XDECREF(value);
            if (value == NULL) {
                return -1;
            }
            continue;
        }
        uint64_t room = (uint64_t)(reader->end - reader->at);
        if (head.major >= BYTES && head.major <= MAP && head.value > room) {
            return malformed();
        }
        switch (head.major) {
        case BYTES:
        case TEXT: reader->at += head.value; break;
        case ARRAY: left += head.value; break;
        case MAP: left += 2 * head.value; break;
        case TAG: left++; break;
        default: break;
        }
    }
    return 0;
}
