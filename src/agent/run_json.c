/* run_json.c - see run_json.h. */
#include "agent/run_json.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* Guest text may hold what JSON strings may not (lone surrogates, stray bytes): each such byte
 * becomes U+FFFD, so that the document is always valid. */
static json_t *text(const char *data, size_t length)
{
    json_t *string = json_stringn(data ? data : "", data ? length : 0);
    if (string || !data)
        return string;
    struct clo_buffer mended = CLO_BUFFER(SIZE_MAX);
    if (clo_text_mend(&mended, data, length) == 0)
        string = json_stringn(mended.data, mended.length);
    clo_buffer_free(&mended);
    return string;
}

static json_t *text_or_null(const char *data)
{
    return data ? text(data, strlen(data)) : json_null();
}

static json_t *error_object(const struct clo_run_error *error)
{
    if (error->kind == CLO_RUN_OK)
        return json_null();
    json_t *object = json_object();
    clo_json_put(&object, "kind", json_string(clo_run_error_name(error->kind)));
    clo_json_put(&object, "type", text_or_null(error->type));
    clo_json_put(&object, "message", text_or_null(error->message));
    clo_json_put(&object, "traceback", text_or_null(error->traceback));
    clo_json_put(&object, "line", error->line ? json_integer(error->line) : json_null());
    clo_json_put(&object, "limit", text_or_null(clo_limit_name(error->limit)));
    clo_json_put(&object, "limit_value",
                 error->limit ? json_integer((json_int_t)error->limit_value) : json_null());
    return object;
}

static json_t *artifact_list(const struct clo_run_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->artifact_count; i++) {
        const struct clo_artifact *artifact = &result->artifacts[i];
        json_t *one = json_object();
        clo_json_put(&one, "path", text_or_null(artifact->path));
        clo_json_put(&one, "size", json_integer((json_int_t)artifact->size));
        clo_json_put(&one, "media_type", json_string(artifact->media_type));
        clo_json_put(&one, "sha256", json_string(artifact->sha256));
        clo_json_put(&one, "renamed", json_boolean(artifact->renamed));
        if (result->state) /* of a session: else all are this run's */
            clo_json_put(&one, "changed", json_boolean(artifact->changed));
        if (json_array_append_new(list, one)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *clo_run_json(const struct clo_run_result *result)
{
    const struct clo_usage *usage = &result->usage;
    json_t *object = json_object();
    clo_json_put(&object, "stdout", text(result->out, result->out_length));
    clo_json_put(&object, "stderr", text(result->err, result->err_length));
    clo_json_put(&object, "result",
                 result->result ? text(result->result, result->result_length) : json_null());
    clo_json_put(&object, "note", text_or_null(result->note));
    clo_json_put(&object, "exit_code", json_integer(result->exit_code));
    clo_json_put(&object, "error", error_object(&result->error));
    clo_json_put(&object, "artifacts", artifact_list(result));
    clo_json_put(&object, "artifacts_refused",
                 text_or_null(clo_limit_name(result->artifacts_refused)));
    clo_json_put(&object, "usage",
                 json_pack("{s:I, s:I, s:I, s:I, s:I, s:s}", "wall_us", (json_int_t)usage->wall_us,
                           "cpu_us", (json_int_t)usage->cpu_us, "memory_peak",
                           (json_int_t)usage->memory_peak, "host_calls",
                           (json_int_t)usage->host_calls, "output_bytes",
                           (json_int_t)usage->output_bytes, "isolation",
                           clo_isolation_name(usage->isolation)));
    return object;
}
