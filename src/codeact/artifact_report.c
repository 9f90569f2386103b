/* artifact_report.c - a list of files, as short as it can be. Names and contents are the code's. */
#include "codeact/artifact_report.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"
#include "model/run_report.h"

#define FILES_MAX 40       /* lines */
#define PATH_MAX_SHOWN 200 /* bytes of one path */
#define TEXT_SHORT 1024    /* bytes of a file that is shown */
#define TEXTS_MAX 3072     /* of all that are */
#define REPORT_MAX (64u << 10)

/* One line, whatever is in it. */
static void write_path(struct clo_buffer *out, const char *path)
{
    size_t start = out->length, length = strlen(path);
    size_t shown = clo_text_head(path, length, PATH_MAX_SHOWN);
    clo_text_clean(out, path, shown);
    for (size_t i = start; i < out->length; i++) {
        if ((uint8_t)out->data[i] < ' ' || out->data[i] == 0x7f)
            out->data[i] = '?';
    }
    if (shown < length)
        clo_buffer_text(out, "...");
}

static void write_text(struct clo_buffer *out, const char *text, size_t length)
{
    const char *end = text + length;
    while (text < end) {
        const char *line = memchr(text, '\n', (size_t)(end - text));
        line = line ? line : end;
        clo_buffer_text(out, "    ");
        clo_text_clean(out, text, (size_t)(line - text));
        clo_buffer_text(out, "\n");
        text = line < end ? line + 1 : end;
    }
}

/* The contents, if they are a short text; *budget is what may still be shown. */
static size_t read_text(const struct clo_run_result *result, size_t index, char text[TEXT_SHORT],
                        size_t *budget)
{
    const struct clo_artifact *artifact = &result->artifacts[index];
    size_t got;
    if (!artifact->size || artifact->size > TEXT_SHORT || artifact->size > *budget ||
        clo_artifact_read(result, index, 0, text, TEXT_SHORT, &got, NULL) ||
        memchr(text, '\0', got) || !clo_utf8_strict(text, got))
        return 0;
    *budget -= got;
    return got;
}

void clo_artifact_report(struct clo_buffer *out, const struct clo_run_result *result)
{
    struct clo_buffer list = CLO_BUFFER(REPORT_MAX);
    size_t budget = TEXTS_MAX, count = 0;
    for (size_t i = 0; i < result->artifact_count; i++) {
        if (!result->artifacts[i].changed || ++count > FILES_MAX)
            continue;
        char text[TEXT_SHORT];
        size_t length = read_text(result, i, text, &budget);
        clo_buffer_text(&list, "/output/");
        write_path(&list, result->artifacts[i].path);
        clo_buffer_format(&list, ", %" PRIu64 " bytes, %s%s\n", result->artifacts[i].size,
                          result->artifacts[i].media_type, length ? ":" : "");
        write_text(&list, text, length);
    }
    if (count > FILES_MAX)
        clo_buffer_format(&list, "... and %zu more\n", count - FILES_MAX);
    out->failed |= list.failed;
    if (list.length)
        clo_run_report_write(out, CLO_REPORT_FILES, list.data, list.length);
    clo_buffer_free(&list);
}
