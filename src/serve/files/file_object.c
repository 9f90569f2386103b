/* file_object.c - see file_object.h. */
#include "serve/files/file_object.h"

json_t *clo_file_json(const struct clo_file *file)
{
    json_t *expires = file->expires ? json_integer(file->expires) : json_null();
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:s, s:s, s:s, s:n}", "id", file->id, "object",
                     "file", "bytes", (json_int_t)file->bytes, "created_at",
                     (json_int_t)file->created, "expires_at", expires, "filename", file->name,
                     "purpose", file->purpose, "status", "processed", "status_details");
}
