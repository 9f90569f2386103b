/* serve/files/file_object.h - a file as OpenAI's protocol shows it. */
#ifndef CLO_SERVE_FILES_FILE_OBJECT_H
#define CLO_SERVE_FILES_FILE_OBJECT_H

#include <jansson.h>

#include "serve/store/store_files.h"

/* NULL: out of memory. */
json_t *clo_file_json(const struct clo_file *file);

#endif
