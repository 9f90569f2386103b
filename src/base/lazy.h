/* base/lazy.h - shared libraries that are loaded when the first of their functions is called.
 *
 * `cloche run` needs none of the fifty libraries that curl and its like bring, and loading them took
 * longer than the run. So they are not linked: tools/lazy.py finds which functions of which library
 * are called, and makes a stub of the same name for each. A stub jumps through a slot; the slot leads
 * to clo_lazy_resolve at first, which loads the library and puts the function there.
 *
 * A library that cannot be loaded ends the process with its name, as the dynamic linker would at the
 * start. Who wants to know before asks clo_lazy_load_all: `serve` at its start, `doctor`.
 *
 * Any thread.
 */
#ifndef CLO_BASE_LAZY_H
#define CLO_BASE_LAZY_H

#include "cloche/error.h"

/* Load all that are not there yet. CLO_ESYSTEM with the name of the first that cannot be loaded, the
 * reason and the remedy. Nothing to do in a build that is linked with them. */
int clo_lazy_load_all(struct clo_error *error);

#endif
