/* serve/files/file_name.h - names as clients and code give them, made fit for people and for
 * /input; and what a name says of its content. Nothing here is a path of the host. */
#ifndef CLO_SERVE_FILES_FILE_NAME_H
#define CLO_SERVE_FILES_FILE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define CLO_FILE_PART_MAX 200 /* bytes of one component; with a number it still fits 255 */

/* The last component of `name`, whatever slashes a client's system has: well-formed UTF-8 without
 * control characters, those that turn the direction of writing or have no width, and blanks at its
 * ends; what is too long is cut before its extension. "" where nothing is left. */
void clo_file_name_clean(char clean[CLO_FILE_PART_MAX + 1], const char *name, size_t length);

/* The same for each component of a relative path, without those that are empty, "." or "..". False:
 * nothing is left, or more than `size` bytes. */
bool clo_file_path_clean(char *clean, size_t size, const char *path);

/* "report.csv" and 2: "report (2).csv", in the last component. False: it does not fit. */
bool clo_file_name_number(char *to, size_t size, const char *name, unsigned number);

/* The media type that its extension says: "text/csv"; else "application/octet-stream". */
const char *clo_file_media(const char *name);
/* And the other way: ".csv"; "" where it is not known. */
const char *clo_file_extension(const char *media);
/* TYPE/SUBTYPE, as it may stand in a header, without parameters, in small letters; or false. */
bool clo_file_media_clean(char *clean, size_t size, const char *media);

/* The value of Content-Disposition: an attachment of the last component's name, plain for old
 * clients and in full (RFC 6266). The caller frees it; NULL: out of memory. */
char *clo_file_disposition(const char *name);

#endif
