/* alloca.h - room on the native stack, which ends at a guard page. */
#ifndef CLO_GUEST_ALLOCA_H
#define CLO_GUEST_ALLOCA_H

#define alloca __builtin_alloca

#endif
