/* sandbox/value/value_preview.h - a value in a few words, as messages to a model quote it: "modulo" in
 * quotes, 7, a list of 3 items. One line, well-formed UTF-8 whatever the value. */
#ifndef CLO_SANDBOX_VALUE_VALUE_PREVIEW_H
#define CLO_SANDBOX_VALUE_VALUE_PREVIEW_H

#include "cloche/value.h"

#define CLO_VALUE_PREVIEW_MAX 96 /* bytes, the final NUL included */
void clo_value_preview(char text[CLO_VALUE_PREVIEW_MAX], const struct clo_value *value);

#endif
