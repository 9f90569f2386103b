/* log.c - structured log lines: built as JSON so that no value can break out of its field. */
#include "serve/log.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"

#define MESSAGE_MAX 2048       /* bytes: an error's message and hint, and what stands around */
#define FIELD_MAX (128u << 10) /* of a text, some of which come from clients */

static json_t *line_new(const char *level, const char *event)
{
    struct timespec now;
    struct tm parts;
    char stamp[32], text[48];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, sizeof text, "%s.%03ldZ", stamp, now.tv_nsec / 1000000);
    return json_pack("{s:s, s:s, s:s}", "time", text, "level", level, "event", event);
}

static void line_text(json_t **line, const char *key, const char *value)
{
    if (value && *value) {
        struct clo_buffer clean = CLO_BUFFER(FIELD_MAX);
        clo_text_clean(&clean, value, strlen(value));
        clo_json_put(line, key,
                     clean.no_memory ? NULL
                                     : json_string(clean.failed ? "(too long)" : clean.data));
        clo_buffer_free(&clean);
    }
}

static void line_write(json_t *line)
{
    static const char no_memory[] =
        "{\"level\":\"error\",\"event\":\"log\",\"message\":\"no memory for a line\"}";
    char *text = clo_json_dump(line, JSON_COMPACT);
    json_decref(line);
    if (!text) {
        dprintf(STDERR_FILENO, "%s\n", no_memory);
        return;
    }
    size_t length = strlen(text);
    text[length] = '\n'; /* the terminator's place: the line leaves in one write */
    while (write(STDERR_FILENO, text, length + 1) < 0 && errno == EINTR)
        ;
    free(text);
}

void clo_log_request(const struct clo_log_request *request)
{
    json_t *line = line_new(request->status >= 500 ? "error" : "info", "request");
    line_text(&line, "method", request->method);
    line_text(&line, "path", request->path);
    clo_json_put(&line, "status", json_integer(request->status));
    clo_json_put(&line, "ms", json_integer((json_int_t)request->milliseconds));
    line_text(&line, "response", request->response_id);
    line_text(&line, "outcome", request->outcome);
    line_text(&line, "isolation", request->isolation);
    line_text(&line, "request", request->request_id);
    line_text(&line, "trace", request->trace_id);
    line_write(line);
}

void clo_log_event(const char *level, const char *event, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof message)
        message[clo_text_head(message, sizeof message - 1, sizeof message - 4)] = '\0';
    json_t *line = line_new(level, event);
    line_text(&line, "message", message);
    line_write(line);
}
