/* serve/files/table_head.h - the first line of a table, by which a model knows its columns. */
#ifndef CLO_SERVE_FILES_TABLE_HEAD_H
#define CLO_SERVE_FILES_TABLE_HEAD_H

#include <stddef.h>

#include "serve/store/store_files.h"

#define CLO_TABLE_HEAD_CHARACTERS 200

/* Of comma- or tab-separated values and of JSON lines, by extension or media type: the first line of
 * `first`, the beginning of the content, without its end, cut to 200 characters. "" for what is no
 * table, or no text. */
void clo_table_head(char head[CLO_FILE_HEAD_MAX + 1], const char *name, const char *media,
                    const char *first, size_t length);

#endif
