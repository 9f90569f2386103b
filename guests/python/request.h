/* request.h - the run request (abi/hostcall.h) as C sees it. */
#ifndef CLO_PYTHON_REQUEST_H
#define CLO_PYTHON_REQUEST_H

#include <Python.h>
#include <stdint.h>

#define CLO_REQUEST_TOOLS_MAX 1024

struct clo_request_tool {
    PyObject *name;
    PyObject *specification; /* bytes: the tool's map as it came, read when somebody asks */
};

struct clo_request {
    char *code; /* NUL-terminated; UTF-8, unchecked */
    size_t code_length;
    PyObject *name;
    PyObject *timezone;  /* of local time; NULL: UTC */
    PyObject *arguments; /* list of str, what follows the name in sys.argv; NULL: none */
    int has_input;       /* there is standard input to read */
    int wants_result;    /* somebody reads the last expression's value */
    long repair;         /* 0, or CLO_REQUEST_REPAIR_* */
    struct clo_request_tool *tools;
    size_t tool_count;
};

/* Always leaves something that clo_request_clear takes. `name` is for a request without one. */
int clo_request_parse(struct clo_request *request, const uint8_t *data, size_t length,
                      PyObject *name);
void clo_request_clear(struct clo_request *request);

#endif
