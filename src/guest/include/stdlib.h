/* stdlib.h - included by the generated C, which takes nothing from it. */
#ifndef CLO_GUEST_STDLIB_H
#define CLO_GUEST_STDLIB_H

#include <stddef.h>

#endif
