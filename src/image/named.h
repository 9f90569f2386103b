/* image/named.h - images by name. A name is a word of letters, digits, '.', '_' and '-' that does
 * not end in ".image": so python.image is a file, and python a name. Wherever an image may be
 * named, a name is looked for in these folders first, then as a file. No state, no lock: any
 * thread.
 */
#ifndef CLO_IMAGE_NAMED_H
#define CLO_IMAGE_NAMED_H

#include <stdbool.h>
#include <stddef.h>

#include "cloche/image.h"

#define CLO_IMAGE_FOLDERS 2
#define CLO_IMAGE_NAMES_MAX 10000

bool clo_image_is_name(const char *word);

/* The folder number `which`, from 0, whether it is there or not. False: there is no such. */
bool clo_image_folder(int which, char path[CLO_IMAGE_PATH_MAX]);

/* CLO_ENOTFOUND, with what can be done. */
int clo_image_missing(const char *word, struct clo_error *error);

#endif
