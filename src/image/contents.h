/* image/contents.h - what an image holds beside the standard library: a list behind its hot list.
 *
 *   [hot list, padded to a page][magic, 8 bytes][u32 length][u32 0][text, padded to a page]
 *
 *   base HEX                          the hash of the image that packages were added to first
 *   package NAME VERSION MODULE,…     '-': no version, no modules; in the order of names
 *   import MODULE                     imported when a run begins
 *
 * What is always true
 * - The text is ASCII, a line for each, of the characters that names, versions and modules have:
 *   what is shown of it disturbs no terminal, no JSON and no model.
 * - An image without it has the standard library only.
 */
#ifndef CLO_IMAGE_CONTENTS_H
#define CLO_IMAGE_CONTENTS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "cloche/image.h"

#define CLO_CONTENTS_MAGIC                                                                         \
    "\x89"                                                                                         \
    "CLOPKG\n"
#define CLO_CONTENTS_MAX (1u << 20) /* bytes of the text */

/* Lines are appended to a text, which begins empty. False: it is no name, version or list of
 * modules, or does not fit. version NULL or "": none; modules NULL or "": none. */
bool clo_contents_base(struct clo_buffer *text, const struct clo_image *image);
bool clo_contents_package(struct clo_buffer *text, const char *name, const char *version,
                          const char *modules);
bool clo_contents_import(struct clo_buffer *text, const char *module);
/* The lines of an image that has some. */
bool clo_contents_inherit(struct clo_buffer *text, const struct clo_image *image);

/* The text as it stands in a file. CLO_ELIMIT, CLO_ENOMEMORY. */
int clo_contents_wrap(struct clo_buffer *file, const struct clo_buffer *text,
                      struct clo_error *error);

/* Read it: base, packages and imported of an image that is open. Errors: CLO_EIMAGE,
 * CLO_ENOMEMORY. */
int clo_contents_read(struct clo_image *image, struct clo_error *error);

#endif
