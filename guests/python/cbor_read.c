/* cbor_read.c - CBOR to Python values (cbor.h), checked like anything from outside. */
#include "cbor.h"

static int malformed(void)
{
    PyErr_SetString(PyExc_ValueError, "malformed message from the host");
    return -1;
}

static int get_head(struct clo_cbor_reader *reader, struct clo_cbor_head *head)
{
    size_t used = clo_cbor_head_read(head, reader->at, (size_t)(reader->end - reader->at));

    reader->at += used;
    return used > 0 ? 0 : malformed();
}

int clo_cbor_get_head(struct clo_cbor_reader *reader, unsigned major, uint64_t *value)
{
    struct clo_cbor_head head;

    if (get_head(reader, &head) < 0) {
        return -1;
    }
    if (head.major != major || head.info == CLO_CBOR_INDEFINITE) {
        return malformed();
    }
    if (major >= CLO_CBOR_BYTES && major <= CLO_CBOR_MAP &&
        head.argument > (uint64_t)(reader->end - reader->at)) {
        return malformed(); /* each item takes a byte at least */
    }
    *value = head.argument;
    return 0;
}

static int at_break(struct clo_cbor_reader *reader)
{
    if (reader->at < reader->end && *reader->at == CLO_CBOR_BREAK) {
        reader->at++;
        return 1;
    }
    return 0;
}

static PyObject *make_string(unsigned major, const uint8_t *data, uint64_t length)
{
    if (major == CLO_CBOR_TEXT) {
        return PyUnicode_DecodeUTF8((const char *)data, (Py_ssize_t)length, "surrogatepass");
    }
    return PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)length);
}

static PyObject *get_string(struct clo_cbor_reader *reader, const struct clo_cbor_head *head)
{
    PyObject *whole, *chunk;

    if (head->info != CLO_CBOR_INDEFINITE) {
        const uint8_t *data = reader->at;
        if (head->argument > (uint64_t)(reader->end - reader->at)) {
            malformed();
            return NULL;
        }
        reader->at += head->argument;
        return make_string(head->major, data, head->argument);
    }
    whole = make_string(head->major, (const uint8_t *)"", 0);
    while (whole != NULL && !at_break(reader)) {
        struct clo_cbor_head part;
        if (get_head(reader, &part) < 0 || part.major != head->major ||
            part.info == CLO_CBOR_INDEFINITE) {
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

static PyObject *get_array(struct clo_cbor_reader *reader, const struct clo_cbor_head *head,
                           int depth)
{
    PyObject *list = PyList_New(0);
    uint64_t left = head->argument;

    if (list == NULL) {
        return NULL;
    }
    while (head->info == CLO_CBOR_INDEFINITE ? !at_break(reader) : left-- > 0) {
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

static PyObject *get_map(struct clo_cbor_reader *reader, const struct clo_cbor_head *head,
                         int depth)
{
    PyObject *dict = PyDict_New();
    uint64_t left = head->argument;

    if (dict == NULL) {
        return NULL;
    }
    while (head->info == CLO_CBOR_INDEFINITE ? !at_break(reader) : left-- > 0) {
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

    if (content == NULL || (tag != CLO_CBOR_TAG_POSITIVE && tag != CLO_CBOR_TAG_NEGATIVE)) {
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
    if (number == NULL || tag == CLO_CBOR_TAG_POSITIVE) {
        return number;
    }
    inverted = PyNumber_Invert(number);
    Py_DECREF(number);
    return inverted;
}

static PyObject *get_simple(const struct clo_cbor_head *head)
{
    switch (head->info) {
    case CLO_CBOR_FALSE: Py_RETURN_FALSE;
    case CLO_CBOR_TRUE: Py_RETURN_TRUE;
    case CLO_CBOR_NULL:
    case CLO_CBOR_UNDEFINED: Py_RETURN_NONE;
    case CLO_CBOR_FLOAT16:
    case CLO_CBOR_FLOAT32:
    case CLO_CBOR_FLOAT64: return PyFloat_FromDouble(clo_cbor_number(head));
    default: malformed(); return NULL;
    }
}

static PyObject *get_value(struct clo_cbor_reader *reader, int depth)
{
    struct clo_cbor_head head;
    PyObject *positive, *negative;

    if (depth > CLO_CBOR_DEPTH_MAX * 2) {
        PyErr_SetString(PyExc_ValueError, "a message from the host is nested too deeply");
        return NULL;
    }
    if (get_head(reader, &head) < 0) {
        return NULL;
    }
    if (head.info == CLO_CBOR_INDEFINITE &&
        (head.major < CLO_CBOR_BYTES || head.major > CLO_CBOR_MAP)) {
        malformed();
        return NULL;
    }
    switch (head.major) {
    case CLO_CBOR_UNSIGNED: return PyLong_FromUnsignedLongLong(head.argument);
    case CLO_CBOR_NEGATIVE:
        if (head.argument <= INT64_MAX) {
            return PyLong_FromLongLong(-1 - (long long)head.argument);
        }
        positive = PyLong_FromUnsignedLongLong(head.argument);
        negative = positive != NULL ? PyNumber_Invert(positive) : NULL;
        Py_XDECREF(positive);
        return negative;
    case CLO_CBOR_BYTES:
    case CLO_CBOR_TEXT: return get_string(reader, &head);
    case CLO_CBOR_ARRAY: return get_array(reader, &head, depth);
    case CLO_CBOR_MAP: return get_map(reader, &head, depth);
    case CLO_CBOR_TAG: return get_tagged(reader, head.argument, depth);
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
        struct clo_cbor_head head;
        if (get_head(reader, &head) < 0) {
            return -1;
        }
        left--;
        if (head.info == CLO_CBOR_INDEFINITE) { /* rare: let the full reader find the end */
            reader->at--;
            PyObject *value = clo_cbor_get(reader);
            Py_XDECREF(value);
            if (value == NULL) {
                return -1;
            }
            continue;
        }
        uint64_t room = (uint64_t)(reader->end - reader->at);
        if (head.major >= CLO_CBOR_BYTES && head.major <= CLO_CBOR_MAP && head.argument > room) {
            return malformed();
        }
        switch (head.major) {
        case CLO_CBOR_BYTES:
        case CLO_CBOR_TEXT: reader->at += head.argument; break;
        case CLO_CBOR_ARRAY: left += head.argument; break;
        case CLO_CBOR_MAP: left += 2 * head.argument; break;
        case CLO_CBOR_TAG: left++; break;
        default: break;
        }
    }
    return 0;
}
