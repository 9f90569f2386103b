/* run_report.c - writing and finding the labelled sections of a run's report. */
#include "model/run_report.h"

#include <string.h>

int clo_run_report_write(struct clo_buffer *out, const char *name, const char *text, size_t length)
{
    clo_buffer_format(out, "%s (%zu bytes):\n", name, length);
    int status = clo_buffer_append(out, text, length);
    if (!status && length && text[length - 1] != '\n')
        status = clo_buffer_text(out, "\n");
    return status;
}

/* A label at `at`: its name's length and the section's length. False: none stands there. */
static bool read_label(const char *at, const char *end, size_t *name, const char **text,
                       size_t *length)
{
    static const char tail[] = " bytes):\n";
    const char *open = memchr(at, '(', (size_t)(end - at));
    if (!open || open == at || open[-1] != ' ' || memchr(at, '\n', (size_t)(open - at)))
        return false;
    *name = (size_t)(open - 1 - at);
    const char *digit = open + 1;
    for (*length = 0; digit < end && *digit >= '0' && *digit <= '9'; digit++) {
        if (*length > (size_t)(end - at))
            return false;
        *length = *length * 10 + (size_t)(*digit - '0');
    }
    if (digit == open + 1 || (size_t)(end - digit) < sizeof tail - 1 ||
        memcmp(digit, tail, sizeof tail - 1) != 0)
        return false;
    *text = digit + sizeof tail - 1;
    return *length <= (size_t)(end - *text);
}

bool clo_run_report_read(const char *report, size_t report_length, const char *name,
                         const char **text, size_t *length)
{
    const char *end = report + report_length;
    size_t label, size;
    const char *body;
    while (report < end && read_label(report, end, &label, &body, &size)) {
        if (label == strlen(name) && memcmp(report, name, label) == 0) {
            *text = body;
            *length = size;
            return true;
        }
        report = body + size;
        if (size && report[-1] != '\n' && report < end)
            report++;
    }
    *text = "";
    *length = 0;
    return false;
}
