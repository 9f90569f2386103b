/* serve/protocol/field.h - checks of one field of a request. Every refusal names the parameter, the
 * value found and what would be right. A field that is absent or null is always fine: it is not
 * given. */
#ifndef CLO_SERVE_PROTOCOL_FIELD_H
#define CLO_SERVE_PROTOCOL_FIELD_H

#include <jansson.h>
#include <stdbool.h>

#include "serve/protocol/problem.h"

enum clo_field_kind {
    CLO_FIELD_BOOL,
    CLO_FIELD_INTEGER, /* min..max */
    CLO_FIELD_NUMBER,  /* min..max */
    CLO_FIELD_STRING,  /* at most max bytes */
    CLO_FIELD_CHOICE,  /* one of `choices`, separated by '|' */
    CLO_FIELD_OBJECT,
    CLO_FIELD_ARRAY, /* at most max entries */
};

struct clo_field {
    const char *name;
    enum clo_field_kind kind;
    double min, max;
    const char *choices;
};

/* The value, or NULL where it is absent or null. */
json_t *clo_field_get(const json_t *object, const char *name);

/* `param` is the path shown to the client, e.g. "tools[2].name". */
int clo_field_check(const json_t *value, const struct clo_field *field, const char *param,
                    struct clo_problem *problem);

/* A short picture of a value for a message: 3, "text", an object … */
#define CLO_FIELD_SHOW 48 /* a number's text fits, too */
const char *clo_field_show(const json_t *value, char text[CLO_FIELD_SHOW]);

#endif
