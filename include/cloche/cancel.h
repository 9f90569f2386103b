/* cloche/cancel.h - one switch that ends whatever is being waited for or run.
 *
 * A token starts untriggered and, once triggered, stays so. Every function is thread-safe; the
 * caller frees the token after everything that was given it has returned.
 */
#ifndef CLOCHE_CANCEL_H
#define CLOCHE_CANCEL_H

#include <stdbool.h>

#include "cloche/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct clo_cancel;

CLO_API struct clo_cancel *clo_cancel_create(void);      /* NULL: out of memory or descriptors */
CLO_API void clo_cancel_free(struct clo_cancel *cancel); /* NULL is allowed */
CLO_API void clo_cancel_trigger(struct clo_cancel *cancel);
CLO_API bool clo_cancel_is_set(const struct clo_cancel *cancel); /* false for NULL */

#ifdef __cplusplus
}
#endif

#endif
