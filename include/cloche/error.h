/* cloche/error.h - how every function of libcloche reports failure.
 *
 * A function that can fail returns CLO_OK (0) or a negative enum clo_status and, where the caller
 * passed one, fills a struct clo_error: what was wrong, with which value, and what to do about it.
 * Passing NULL for the error is always allowed. A struct clo_error owns nothing and needs no
 * release.
 */
#ifndef CLOCHE_ERROR_H
#define CLOCHE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#define CLO_API __attribute__((visibility("default")))
#define CLO_MUST_USE __attribute__((warn_unused_result))
#define CLO_NONNULL(...) __attribute__((nonnull(__VA_ARGS__)))
#define CLO_PRINTF(text, first) __attribute__((format(printf, text, first)))

enum clo_status {
    CLO_OK = 0,
    CLO_EINVALID = -1,      /* an argument, a configuration or a document is wrong */
    CLO_ENOMEMORY = -2,     /* the host is out of memory */
    CLO_ESYSTEM = -3,       /* a system call failed */
    CLO_ENOHYPERVISOR = -4, /* /dev/kvm is missing, forbidden or unusable */
    CLO_EIMAGE = -5,        /* an image file is damaged, truncated or foreign */
    CLO_ELIMIT = -6,        /* a ceiling named in the message was reached */
    CLO_ECANCELLED = -7,    /* the caller cancelled */
    CLO_ENOTFOUND = -8,     /* no such file, tool, response … */
    CLO_EBUSY = -9,         /* no free place, or no memory for it, within the time allowed */
    CLO_EMODEL = -10,       /* the model's server failed or answered nonsense */
    CLO_EGUEST = -11,       /* the guest broke the contract across the wall */
    CLO_EINTERNAL = -12,    /* a fault of cloche itself */
};

struct clo_error {
    enum clo_status code;
    char message[768]; /* one sentence, UTF-8, NUL-terminated, cut if longer */
    char hint[384];    /* the remedy; empty if there is none to give */
};

/* A short constant name for a status: "no_hypervisor". Thread-safe. */
CLO_API const char *clo_status_name(enum clo_status status);

#ifdef __cplusplus
}
#endif

#endif
