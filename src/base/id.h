/* base/id.h - identifiers that nobody can guess, and names that clients choose. */
#ifndef CLO_BASE_ID_H
#define CLO_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>

#define CLO_ID_MAX 64          /* with its NUL */
#define CLO_NAME_BYTES_MAX 128 /* of a conversation, session, response or request id as sent */

/* "PREFIX_" and 32 hexadecimal digits from the kernel; at most 16 bytes of the prefix are used. */
void clo_id_make(char id[CLO_ID_MAX], const char *prefix);

/* True for 1 to CLO_NAME_BYTES_MAX characters of [A-Za-z0-9_.:-]. */
bool clo_name_ok(const char *name);

/* Copy a name that was checked; a longer one is cut. */
void clo_name_copy(char to[CLO_NAME_BYTES_MAX + 1], const char *from);

#endif
