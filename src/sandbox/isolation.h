/* sandbox/isolation.h - which wall stands around code, and who chose it.
 *
 * It is chosen in words: by an option of the command line, else by the environment, else by a file;
 * if none of them says anything it is a micro-VM. Whoever chooses is kept beside the choice, for
 * errors and for what users are shown. There is no "auto": process isolation protects from less, so
 * that a program never takes it on its own.
 */
#ifndef CLO_SANDBOX_ISOLATION_H
#define CLO_SANDBOX_ISOLATION_H

#include "cloche/error.h"
#include "cloche/isolation.h"

#define CLO_ISOLATION_VARIABLE "CLOCHE_ISOLATION"

struct clo_isolation_choice {
    enum clo_isolation isolation;
    const char *by; /* static: the option, the variable or the key; NULL: nobody chose */
};

/* A word of a user's. CLO_EINVALID: `place`, the word and what is allowed; *isolation stays. */
int clo_isolation_read(enum clo_isolation *isolation, const char *place, const char *word,
                       struct clo_error *error);

/* What the environment says becomes the choice; unset or empty it says nothing. CLO_EINVALID. */
int clo_isolation_environment(struct clo_isolation_choice *choice, struct clo_error *error);

/* Is there what this wall is built on? For asking before an image is looked for: without a
 * hypervisor there may be none. Errors: CLO_ENOHYPERVISOR. */
int clo_isolation_prepare(enum clo_isolation isolation, struct clo_error *error);

#endif
