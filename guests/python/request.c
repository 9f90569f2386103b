/* request.c - reads the run request, and of the tools no more than their names. */
#include "request.h"

#include <string.h>

#include "abi/hostcall.h"
#include "cbor.h"

enum { BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5 };

static int malformed(const char *what)
{
    PyErr_Format(PyExc_ValueError, "malformed run request: %s", what);
    return -1;
}

/* A key of a map, as bytes inside the message. */
static int get_key(struct clo_cbor_reader *reader, const char **key, uint64_t *length)
{
    if (clo_cbor_get_head(reader, TEXT, length) < 0) {
        return -1;
    }
    *key = (const char *)reader->at;
    reader->at += *length;
    return 0;
}

static int key_is(const char *key, uint64_t length, const char *name)
{
    return strlen(name) == length && memcmp(key, name, length) == 0;
}

static int get_code(struct clo_request *request, struct clo_cbor_reader *reader)
{
    uint64_t length;

    if (request->code != NULL || clo_cbor_get_head(reader, TEXT, &length) < 0) {
        return malformed("code");
    }
    request->code = PyMem_RawMalloc((size_t)length + 1);
    if (request->code == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(request->code, reader->at, (size_t)length);
    request->code[length] = '\0';
    request->code_length = (size_t)length;
    reader->at += length;
    return 0;
}

static PyObject *get_text(struct clo_cbor_reader *reader)
{
    PyObject *text = clo_cbor_get(reader);

    if (text != NULL && !PyUnicode_Check(text)) {
        Py_CLEAR(text);
        malformed("a name is not a text");
    }
    return text;
}

static int get_tool(struct clo_request_tool *tool, struct clo_cbor_reader *reader)
{
    const uint8_t *start = reader->at;
    uint64_t members, length;
    const char *key;

    if (clo_cbor_get_head(reader, MAP, &members) < 0) {
        return -1;
    }
    while (members-- > 0) {
        if (get_key(reader, &key, &length) < 0) {
            return -1;
        }
        if (key_is(key, length, "name") && tool->name == NULL) {
            tool->name = get_text(reader);
            if (tool->name == NULL) {
                return -1;
            }
            PyUnicode_InternInPlace(&tool->name);
        } else if (clo_cbor_skip(reader) < 0) {
            return -1;
        }
    }
    if (tool->name == NULL) {
        return malformed("a tool without a name");
    }
    tool->specification = PyBytes_FromStringAndSize((const char *)start, reader->at - start);
    return tool->specification != NULL ? 0 : -1;
}

static int get_tools(struct clo_request *request, struct clo_cbor_reader *reader)
{
    uint64_t count;

    if (request->tools != NULL || clo_cbor_get_head(reader, ARRAY, &count) < 0 ||
        count > CLO_REQUEST_TOOLS_MAX) {
        return malformed("tools");
    }
    if (count == 0) {
        return 0;
    }
    request->tools = PyMem_RawCalloc((size_t)count, sizeof *request->tools);
    if (request->tools == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (; request->tool_count < count; request->tool_count++) {
        if (get_tool(&request->tools[request->tool_count], reader) < 0) {
            return -1;
        }
    }
    return 0;
}

static int get_name(PyObject **name, struct clo_cbor_reader *reader)
{
    PyObject *text = get_text(reader);

    if (text == NULL) {
        return -1;
    }
    Py_XSETREF(*name, text);
    return 0;
}

static int get_flag(int *flag, struct clo_cbor_reader *reader)
{
    PyObject *value = clo_cbor_get(reader);

    if (value == NULL) {
        return -1;
    }
    *flag = value == Py_True;
    Py_DECREF(value);
    return 0;
}

static int get_repair(long *repair, struct clo_cbor_reader *reader)
{
    PyObject *value = clo_cbor_get(reader);

    if (value == NULL) {
        return -1;
    }
    *repair = PyLong_Check(value) ? PyLong_AsLong(value) : -1;
    Py_DECREF(value);
    if (*repair < 0 || *repair > CLO_REQUEST_REPAIR_ARGUMENTS) {
        return malformed("repair");
    }
    return 0;
}

/* What is not UTF-8 becomes lone surrogates, as in sys.argv everywhere. */
static int get_arguments(struct clo_request *request, struct clo_cbor_reader *reader)
{
    uint64_t count, length;

    if (request->arguments != NULL || clo_cbor_get_head(reader, ARRAY, &count) < 0) {
        return malformed("arguments");
    }
    request->arguments = PyList_New(0);
    while (request->arguments != NULL && count-- > 0) {
        PyObject *argument;
        int error;

        if (clo_cbor_get_head(reader, BYTES, &length) < 0) {
            return -1;
        }
        argument =
            PyUnicode_DecodeUTF8((const char *)reader->at, (Py_ssize_t)length, "surrogateescape");
        reader->at += length;
        error = argument != NULL ? PyList_Append(request->arguments, argument) : -1;
        Py_XDECREF(argument);
        if (error < 0) {
            return -1;
        }
    }
    return request->arguments != NULL ? 0 : -1;
}

int clo_request_parse(struct clo_request *request, const uint8_t *data, size_t length,
                      PyObject *name)
{
    struct clo_cbor_reader reader = {data, data + length};
    uint64_t members, key_length;
    const char *key;
    int error = 0;

    memset(request, 0, sizeof *request);
    request->name = Py_NewRef(name);
    if (clo_cbor_get_head(&reader, MAP, &members) < 0) {
        return -1;
    }
    while (members-- > 0 && error == 0) {
        if (get_key(&reader, &key, &key_length) < 0) {
            return -1;
        }
        if (key_is(key, key_length, "code")) {
            error = get_code(request, &reader);
        } else if (key_is(key, key_length, "name")) {
            error = get_name(&request->name, &reader);
        } else if (key_is(key, key_length, "timezone")) {
            error = get_name(&request->timezone, &reader);
        } else if (key_is(key, key_length, "tools")) {
            error = get_tools(request, &reader);
        } else if (key_is(key, key_length, "result")) {
            error = get_flag(&request->wants_result, &reader);
        } else if (key_is(key, key_length, "input")) {
            error = get_flag(&request->has_input, &reader);
        } else if (key_is(key, key_length, "repair")) {
            error = get_repair(&request->repair, &reader);
        } else if (key_is(key, key_length, "arguments")) {
            error = get_arguments(request, &reader);
        } else {
            error = clo_cbor_skip(&reader);
        }
    }
    if (error == 0 && request->code == NULL) {
        return malformed("no code");
    }
    return error;
}

void clo_request_clear(struct clo_request *request)
{
    for (size_t i = 0; request->tools != NULL && i < request->tool_count; i++) {
        Py_XDECREF(request->tools[i].name);
        Py_XDECREF(request->tools[i].specification);
    }
    PyMem_RawFree(request->tools);
    PyMem_RawFree(request->code);
    Py_CLEAR(request->name);
    Py_CLEAR(request->timezone);
    Py_CLEAR(request->arguments);
    memset(request, 0, sizeof *request);
}
