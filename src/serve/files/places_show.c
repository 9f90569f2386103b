/* places_show.c - what the model reads where a file was: its place, size, type, and the first line of
 * a table. The same words in each turn, so that a model's server finds what it has seen before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/json.h"
#include "serve/files/base64.h"
#include "serve/files/places.h"
#include "serve/store/model_input.h"

#define LINE_MAX (4096 + CLO_FILE_HEAD_MAX)
#define LEFT_MAX (64u << 10) /* bytes of text on what runs have left */

static json_t *taken_text(struct clo_buffer *text)
{
    json_t *string = text->failed ? NULL : json_stringn(text->data, text->length);
    clo_buffer_free(text);
    return string;
}

static json_t *text_part(json_t *text)
{
    return json_pack("{s:s, s:o}", "type", "input_text", "text", text);
}

static void describe(struct clo_buffer *text, const struct clo_file *file)
{
    clo_buffer_format(text, ": %llu byte%s, %s", (unsigned long long)file->bytes,
                      file->bytes == 1 ? "" : "s", file->media);
    if (file->head[0])
        clo_buffer_format(text, "; its first line: %s", file->head);
}

/* "[file] /input/sales (2).csv: 1234 bytes, text/csv; its first line: id,name". */
static json_t *line_of(struct clo_places *places, const struct clo_file *file, const char *kind)
{
    char target[CLO_PLACE_MAX];
    struct clo_buffer text = CLO_BUFFER(LINE_MAX);
    if (clo_places_add(places, file, strcmp(file->purpose, CLO_FILE_PURPOSE_ARTIFACT) == 0,
                       target)) {
        clo_buffer_format(&text, "[%s] %s", kind, target);
        if (strcmp(target + sizeof "/input/" - 1, file->name) != 0)
            clo_buffer_format(&text, " (sent as %s)", file->name);
    } else {
        clo_buffer_format(&text, "[%s] %s (not in /input: there are %d files already)", kind,
                          file->name, CLO_PLACES_MAX);
    }
    describe(&text, file);
    return taken_text(&text);
}

static json_t *missing_line(const json_t *part, const char *kind)
{
    struct clo_buffer text = CLO_BUFFER(LINE_MAX);
    const char *name = clo_json_text(part, "filename"), *id = clo_json_text(part, "file_id");
    const char *url = clo_json_text(part, "file_url");
    name = name ? name : url ? url : id ? id : "(without a name)";
    clo_buffer_format(&text, "[%s] %.512s: not available (deleted, expired or never uploaded here)",
                      kind, name);
    return taken_text(&text);
}

/* 0: it is in *file; CLO_ENOTFOUND; or it failed. */
static int look_up(struct clo_places *places, const json_t *part, struct clo_file *file)
{
    const char *id = clo_json_text(part, "file_id");
    return id ? clo_file_store_get(places->files, places->user, id, file) : CLO_ENOTFOUND;
}

/* ---- images ---- */

/* The whole content; NULL: it cannot be read, is too long, or out of memory. */
static char *read_all(struct clo_file_store *files, const struct clo_file *file)
{
    int descriptor = clo_file_store_content(files, file->user, file->id);
    char *bytes = descriptor < 0 ? NULL : malloc(file->bytes + 1);
    size_t length = 0;
    while (bytes && length < file->bytes) {
        ssize_t got = read(descriptor, bytes + length, file->bytes - length);
        if (got <= 0) {
            free(bytes);
            bytes = NULL;
        }
        length += got > 0 ? (size_t)got : 0;
    }
    if (descriptor >= 0)
        close(descriptor);
    return bytes;
}

static bool is_sent(const struct clo_file *file)
{
    return file->bytes <= CLO_PLACES_IMAGE_MAX && strncmp(file->media, "image/", 6) == 0;
}

/* As models are sent images. NULL: it is told as text alone. */
static json_t *image_part(struct clo_places *places, const struct clo_file *file,
                          const json_t *part)
{
    char head[CLO_FILE_MEDIA_MAX + 16];
    json_t *detail = json_object_get(part, "detail");
    if (!is_sent(file))
        return NULL;
    if (places->images_skipped > 0) { /* an old one of too many */
        places->images_skipped -=
            file->bytes < places->images_skipped ? file->bytes : places->images_skipped;
        return NULL;
    }
    char *bytes = read_all(places->files, file);
    snprintf(head, sizeof head, "data:%s;base64,", file->media);
    char *url = bytes ? clo_base64_encode(head, bytes, file->bytes) : NULL;
    json_t *image = url ? json_pack("{s:s, s:s, s:O*}", "type", "input_image", "image_url", url,
                                    "detail", json_is_string(detail) ? detail : NULL)
                        : NULL;
    free(bytes);
    free(url);
    return image;
}

/* ---- parts ---- */

static bool names_file(const json_t *part)
{
    return clo_json_is(part, "type", "input_file") ||
           (clo_json_is(part, "type", "input_image") && clo_json_text(part, "file_id"));
}

/* Append what stands for the part. */
static int show_part(struct clo_places *places, json_t *part, json_t *to)
{
    struct clo_file file;
    if (!names_file(part))
        return json_array_append(to, part) < 0 ? CLO_ENOMEMORY : 0;
    const char *kind = clo_json_is(part, "type", "input_image") ? "image" : "file";
    int status = look_up(places, part, &file);
    if (status < 0 && status != CLO_ENOTFOUND)
        return status;
    json_t *line = status < 0 ? missing_line(part, kind) : line_of(places, &file, kind);
    if (!line || json_array_append_new(to, text_part(line)) < 0)
        return CLO_ENOMEMORY;
    json_t *image = status == 0 && *kind == 'i' ? image_part(places, &file, part) : NULL;
    return image && json_array_append_new(to, image) < 0 ? CLO_ENOMEMORY : 0;
}

static int show_parts(struct clo_places *places, json_t *item, const char *field, json_t *shown)
{
    json_t *parts = json_object_get(item, field), *part;
    size_t index;
    int status = shown ? 0 : CLO_ENOMEMORY;
    json_array_foreach(parts, index, part) {
        if (status == 0)
            status = show_part(places, part, shown);
    }
    if (status < 0) {
        json_decref(shown);
        return status;
    }
    if (strcmp(field, "output") == 0)
        shown = clo_model_input_joined(shown);
    return !shown || json_object_set_new(item, field, shown) < 0 ? CLO_ENOMEMORY : 0;
}

/* ---- what runs have left ---- */

/* The file that an annotation or an entry of a run's artifacts names. */
static int add_left(struct clo_places *places, const json_t *named)
{
    struct clo_file file;
    char target[CLO_PLACE_MAX];
    struct clo_buffer text = CLO_BUFFER(LINE_MAX);
    int status = look_up(places, named, &file);
    if (status < 0)
        return status == CLO_ENOTFOUND ? 0 : status;
    size_t before = places->count;
    bool known = false;
    for (size_t i = 0; i < before; i++)
        known |= strcmp(places->all[i].id, file.id) == 0;
    if (known || !clo_places_add(places, &file, true, target))
        return 0;
    clo_buffer_text(&text, target);
    describe(&text, &file);
    if (!places->left)
        places->left = json_array();
    return json_array_append_new(places->left, taken_text(&text)) < 0 ? CLO_ENOMEMORY : 0;
}

/* A run's output: what it left is this program's own note, which no model is shown. */
static int take_artifacts(struct clo_places *places, json_t *item)
{
    json_t *named;
    size_t index;
    int status = 0;
    json_array_foreach(json_object_get(item, "artifacts"), index, named) {
        if (status == 0)
            status = add_left(places, named);
        if (status == 0 &&
            clo_file_store_has(places->files, places->user, clo_json_text(named, "file_id")) &&
            json_array_append(places->unnamed, named) < 0)
            status = CLO_ENOMEMORY;
    }
    json_object_del(item, "artifacts");
    return status;
}

/* Annotations of ours name files that the model's server does not know. */
static int take_annotations(struct clo_places *places, json_t *item)
{
    json_t *parts = json_object_get(item, "content"), *part, *annotation;
    size_t index, at;
    json_array_clear(places->unnamed); /* whatever the client has sent back of their names */
    json_array_foreach(parts, index, part) {
        json_t *annotations = json_object_get(part, "annotations");
        if (json_array_size(annotations) == 0)
            continue;
        json_t *copy = clo_json_copy(part), *others = json_array();
        int status = copy && others ? 0 : CLO_ENOMEMORY;
        json_array_foreach(annotations, at, annotation) {
            if (status == 0 && clo_json_is(annotation, "type", "file_path"))
                status = add_left(places, annotation);
            else if (status == 0 && json_array_append(others, annotation) < 0)
                status = CLO_ENOMEMORY;
        }
        if (status == 0)
            clo_json_put(&copy, "annotations", json_incref(others));
        json_decref(others);
        if (status < 0 || !copy || json_array_set(parts, index, copy) < 0)
            status = status < 0 ? status : CLO_ENOMEMORY;
        json_decref(copy);
        if (status < 0)
            return status;
    }
    return 0;
}

/* Before the user's next words: where the files are that came of the earlier ones. */
static json_t *left_part(struct clo_places *places)
{
    struct clo_buffer text = CLO_BUFFER(LEFT_MAX);
    json_t *line;
    size_t index;
    clo_buffer_text(&text, "[files that your code left, now in /input]");
    json_array_foreach(places->left, index, line) {
        if (text.length + json_string_length(line) + 64 > LEFT_MAX) {
            clo_buffer_text(&text, "\n(and others: list /input)");
            break;
        }
        clo_buffer_format(&text, "\n%s", json_string_value(line));
    }
    json_decref(places->left);
    places->left = NULL;
    return text_part(taken_text(&text));
}

static int show_said(struct clo_places *places, json_t *item)
{
    json_t *shown = json_array();
    bool user = clo_json_is(item, "role", "user");
    if (user && places->left && json_array_append_new(shown, left_part(places)) < 0) {
        json_decref(shown);
        return CLO_ENOMEMORY;
    }
    return show_parts(places, item, "content", shown);
}

static int show_item(struct clo_places *places, json_t *item)
{
    if (clo_json_is(item, "type", "function_call_output")) {
        int status = take_artifacts(places, item);
        return status == 0 && json_is_array(json_object_get(item, "output"))
                   ? show_parts(places, item, "output", json_array())
                   : status;
    }
    if (!clo_json_is(item, "type", "message") || !json_is_array(json_object_get(item, "content")))
        return 0;
    return clo_json_is(item, "role", "assistant") ? take_annotations(places, item)
                                                  : show_said(places, item);
}

static uint64_t images_of(struct clo_places *places, const json_t *parts)
{
    struct clo_file file;
    uint64_t sum = 0;
    const json_t *part;
    size_t index;
    json_array_foreach(parts, index, part) {
        if (clo_json_is(part, "type", "input_image") && look_up(places, part, &file) == 0 &&
            is_sent(&file))
            sum += file.bytes;
    }
    return sum;
}

static uint64_t beyond_ceiling(struct clo_places *places, const json_t *items)
{
    uint64_t sum = 0;
    const json_t *item;
    size_t index;
    json_array_foreach(items, index, item) {
        const json_t *output = json_object_get(item, "output");
        sum += images_of(places, json_object_get(item, "content"));
        sum += json_is_array(output) ? images_of(places, output) : 0;
    }
    return sum > CLO_PLACES_IMAGES_MAX ? sum - CLO_PLACES_IMAGES_MAX : 0;
}

int clo_places_show(void *context, json_t *items, struct clo_problem *problem)
{
    struct clo_places *places = context;
    json_t *item;
    size_t index;
    places->images_skipped = beyond_ceiling(places, items);
    json_array_foreach(items, index, item) {
        if (show_item(places, item) < 0)
            return clo_problem_internal(problem);
    }
    return 0;
}
