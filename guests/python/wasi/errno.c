/* errno.c - between WASI's error numbers and Linux's, and what Linux's are called (errno.h). */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <wasi/api.h>

#define UNKNOWN EIO /* for a number that WASI does not have */

_Thread_local int clo_errno;

static const unsigned char linux_number[] = {
    [__WASI_ERRNO_2BIG] = E2BIG,
    [__WASI_ERRNO_ACCES] = EACCES,
    [__WASI_ERRNO_ADDRINUSE] = EADDRINUSE,
    [__WASI_ERRNO_ADDRNOTAVAIL] = EADDRNOTAVAIL,
    [__WASI_ERRNO_AFNOSUPPORT] = EAFNOSUPPORT,
    [__WASI_ERRNO_AGAIN] = EAGAIN,
    [__WASI_ERRNO_ALREADY] = EALREADY,
    [__WASI_ERRNO_BADF] = EBADF,
    [__WASI_ERRNO_BADMSG] = EBADMSG,
    [__WASI_ERRNO_BUSY] = EBUSY,
    [__WASI_ERRNO_CANCELED] = ECANCELED,
    [__WASI_ERRNO_CHILD] = ECHILD,
    [__WASI_ERRNO_CONNABORTED] = ECONNABORTED,
    [__WASI_ERRNO_CONNREFUSED] = ECONNREFUSED,
    [__WASI_ERRNO_CONNRESET] = ECONNRESET,
    [__WASI_ERRNO_DEADLK] = EDEADLK,
    [__WASI_ERRNO_DESTADDRREQ] = EDESTADDRREQ,
    [__WASI_ERRNO_DOM] = EDOM,
    [__WASI_ERRNO_DQUOT] = EDQUOT,
    [__WASI_ERRNO_EXIST] = EEXIST,
    [__WASI_ERRNO_FAULT] = EFAULT,
    [__WASI_ERRNO_FBIG] = EFBIG,
    [__WASI_ERRNO_HOSTUNREACH] = EHOSTUNREACH,
    [__WASI_ERRNO_IDRM] = EIDRM,
    [__WASI_ERRNO_ILSEQ] = EILSEQ,
    [__WASI_ERRNO_INPROGRESS] = EINPROGRESS,
    [__WASI_ERRNO_INTR] = EINTR,
    [__WASI_ERRNO_INVAL] = EINVAL,
    [__WASI_ERRNO_IO] = EIO,
    [__WASI_ERRNO_ISCONN] = EISCONN,
    [__WASI_ERRNO_ISDIR] = EISDIR,
    [__WASI_ERRNO_LOOP] = ELOOP,
    [__WASI_ERRNO_MFILE] = EMFILE,
    [__WASI_ERRNO_MLINK] = EMLINK,
    [__WASI_ERRNO_MSGSIZE] = EMSGSIZE,
    [__WASI_ERRNO_MULTIHOP] = EMULTIHOP,
    [__WASI_ERRNO_NAMETOOLONG] = ENAMETOOLONG,
    [__WASI_ERRNO_NETDOWN] = ENETDOWN,
    [__WASI_ERRNO_NETRESET] = ENETRESET,
    [__WASI_ERRNO_NETUNREACH] = ENETUNREACH,
    [__WASI_ERRNO_NFILE] = ENFILE,
    [__WASI_ERRNO_NOBUFS] = ENOBUFS,
    [__WASI_ERRNO_NODEV] = ENODEV,
    [__WASI_ERRNO_NOENT] = ENOENT,
    [__WASI_ERRNO_NOEXEC] = ENOEXEC,
    [__WASI_ERRNO_NOLCK] = ENOLCK,
    [__WASI_ERRNO_NOLINK] = ENOLINK,
    [__WASI_ERRNO_NOMEM] = ENOMEM,
    [__WASI_ERRNO_NOMSG] = ENOMSG,
    [__WASI_ERRNO_NOPROTOOPT] = ENOPROTOOPT,
    [__WASI_ERRNO_NOSPC] = ENOSPC,
    [__WASI_ERRNO_NOSYS] = ENOSYS,
    [__WASI_ERRNO_NOTCONN] = ENOTCONN,
    [__WASI_ERRNO_NOTDIR] = ENOTDIR,
    [__WASI_ERRNO_NOTEMPTY] = ENOTEMPTY,
    [__WASI_ERRNO_NOTRECOVERABLE] = ENOTRECOVERABLE,
    [__WASI_ERRNO_NOTSOCK] = ENOTSOCK,
    [__WASI_ERRNO_NOTSUP] = ENOTSUP,
    [__WASI_ERRNO_NOTTY] = ENOTTY,
    [__WASI_ERRNO_NXIO] = ENXIO,
    [__WASI_ERRNO_OVERFLOW] = EOVERFLOW,
    [__WASI_ERRNO_OWNERDEAD] = EOWNERDEAD,
    [__WASI_ERRNO_PERM] = EPERM,
    [__WASI_ERRNO_PIPE] = EPIPE,
    [__WASI_ERRNO_PROTO] = EPROTO,
    [__WASI_ERRNO_PROTONOSUPPORT] = EPROTONOSUPPORT,
    [__WASI_ERRNO_PROTOTYPE] = EPROTOTYPE,
    [__WASI_ERRNO_RANGE] = ERANGE,
    [__WASI_ERRNO_ROFS] = EROFS,
    [__WASI_ERRNO_SPIPE] = ESPIPE,
    [__WASI_ERRNO_SRCH] = ESRCH,
    [__WASI_ERRNO_STALE] = ESTALE,
    [__WASI_ERRNO_TIMEDOUT] = ETIMEDOUT,
    [__WASI_ERRNO_TXTBSY] = ETXTBSY,
    [__WASI_ERRNO_XDEV] = EXDEV,
    [__WASI_ERRNO_NOTCAPABLE] = EPERM,
};

static const char *const texts[] = {
    [0] = "Success",
    [EPERM] = "Operation not permitted",
    [ENOENT] = "No such file or directory",
    [ESRCH] = "No such process",
    [EINTR] = "Interrupted system call",
    [EIO] = "Input/output error",
    [ENXIO] = "No such device or address",
    [E2BIG] = "Argument list too long",
    [ENOEXEC] = "Exec format error",
    [EBADF] = "Bad file descriptor",
    [ECHILD] = "No child processes",
    [EAGAIN] = "Resource temporarily unavailable",
    [ENOMEM] = "Cannot allocate memory",
    [EACCES] = "Permission denied",
    [EFAULT] = "Bad address",
    [ENOTBLK] = "Block device required",
    [EBUSY] = "Device or resource busy",
    [EEXIST] = "File exists",
    [EXDEV] = "Invalid cross-device link",
    [ENODEV] = "No such device",
    [ENOTDIR] = "Not a directory",
    [EISDIR] = "Is a directory",
    [EINVAL] = "Invalid argument",
    [ENFILE] = "Too many open files in system",
    [EMFILE] = "Too many open files",
    [ENOTTY] = "Inappropriate ioctl for device",
    [ETXTBSY] = "Text file busy",
    [EFBIG] = "File too large",
    [ENOSPC] = "No space left on device",
    [ESPIPE] = "Illegal seek",
    [EROFS] = "Read-only file system",
    [EMLINK] = "Too many links",
    [EPIPE] = "Broken pipe",
    [EDOM] = "Numerical argument out of domain",
    [ERANGE] = "Numerical result out of range",
    [EDEADLK] = "Resource deadlock avoided",
    [ENAMETOOLONG] = "File name too long",
    [ENOLCK] = "No locks available",
    [ENOSYS] = "Function not implemented",
    [ENOTEMPTY] = "Directory not empty",
    [ELOOP] = "Too many levels of symbolic links",
    [ENOMSG] = "No message of desired type",
    [EIDRM] = "Identifier removed",
    [ECHRNG] = "Channel number out of range",
    [EL2NSYNC] = "Level 2 not synchronized",
    [EL3HLT] = "Level 3 halted",
    [EL3RST] = "Level 3 reset",
    [ELNRNG] = "Link number out of range",
    [EUNATCH] = "Protocol driver not attached",
    [ENOCSI] = "No CSI structure available",
    [EL2HLT] = "Level 2 halted",
    [EBADE] = "Invalid exchange",
    [EBADR] = "Invalid request descriptor",
    [EXFULL] = "Exchange full",
    [ENOANO] = "No anode",
    [EBADRQC] = "Invalid request code",
    [EBADSLT] = "Invalid slot",
    [EBFONT] = "Bad font file format",
    [ENOSTR] = "Device not a stream",
    [ENODATA] = "No data available",
    [ETIME] = "Timer expired",
    [ENOSR] = "Out of streams resources",
    [ENONET] = "Machine is not on the network",
    [ENOPKG] = "Package not installed",
    [EREMOTE] = "Object is remote",
    [ENOLINK] = "Link has been severed",
    [EADV] = "Advertise error",
    [ESRMNT] = "Srmount error",
    [ECOMM] = "Communication error on send",
    [EPROTO] = "Protocol error",
    [EMULTIHOP] = "Multihop attempted",
    [EDOTDOT] = "RFS specific error",
    [EBADMSG] = "Bad message",
    [EOVERFLOW] = "Value too large for defined data type",
    [ENOTUNIQ] = "Name not unique on network",
    [EBADFD] = "File descriptor in bad state",
    [EREMCHG] = "Remote address changed",
    [ELIBACC] = "Can not access a needed shared library",
    [ELIBBAD] = "Accessing a corrupted shared library",
    [ELIBSCN] = ".lib section in a.out corrupted",
    [ELIBMAX] = "Attempting to link in too many shared libraries",
    [ELIBEXEC] = "Cannot exec a shared library directly",
    [EILSEQ] = "Invalid or incomplete multibyte or wide character",
    [ERESTART] = "Interrupted system call should be restarted",
    [ESTRPIPE] = "Streams pipe error",
    [EUSERS] = "Too many users",
    [ENOTSOCK] = "Socket operation on non-socket",
    [EDESTADDRREQ] = "Destination address required",
    [EMSGSIZE] = "Message too long",
    [EPROTOTYPE] = "Protocol wrong type for socket",
    [ENOPROTOOPT] = "Protocol not available",
    [EPROTONOSUPPORT] = "Protocol not supported",
    [ESOCKTNOSUPPORT] = "Socket type not supported",
    [EOPNOTSUPP] = "Operation not supported",
    [EPFNOSUPPORT] = "Protocol family not supported",
    [EAFNOSUPPORT] = "Address family not supported by protocol",
    [EADDRINUSE] = "Address already in use",
    [EADDRNOTAVAIL] = "Cannot assign requested address",
    [ENETDOWN] = "Network is down",
    [ENETUNREACH] = "Network is unreachable",
    [ENETRESET] = "Network dropped connection on reset",
    [ECONNABORTED] = "Software caused connection abort",
    [ECONNRESET] = "Connection reset by peer",
    [ENOBUFS] = "No buffer space available",
    [EISCONN] = "Transport endpoint is already connected",
    [ENOTCONN] = "Transport endpoint is not connected",
    [ESHUTDOWN] = "Cannot send after transport endpoint shutdown",
    [ETOOMANYREFS] = "Too many references: cannot splice",
    [ETIMEDOUT] = "Connection timed out",
    [ECONNREFUSED] = "Connection refused",
    [EHOSTDOWN] = "Host is down",
    [EHOSTUNREACH] = "No route to host",
    [EALREADY] = "Operation already in progress",
    [EINPROGRESS] = "Operation now in progress",
    [ESTALE] = "Stale file handle",
    [EUCLEAN] = "Structure needs cleaning",
    [ENOTNAM] = "Not a XENIX named type file",
    [ENAVAIL] = "No XENIX semaphores available",
    [EISNAM] = "Is a named type file",
    [EREMOTEIO] = "Remote I/O error",
    [EDQUOT] = "Disk quota exceeded",
    [ENOMEDIUM] = "No medium found",
    [EMEDIUMTYPE] = "Wrong medium type",
    [ECANCELED] = "Operation canceled",
    [ENOKEY] = "Required key not available",
    [EKEYEXPIRED] = "Key has expired",
    [EKEYREVOKED] = "Key has been revoked",
    [EKEYREJECTED] = "Key was rejected by service",
    [EOWNERDEAD] = "Owner died",
    [ENOTRECOVERABLE] = "State not recoverable",
    [ERFKILL] = "Operation not possible due to RF-kill",
    [EHWPOISON] = "Memory page has hardware error",
};

static int to_linux(int wasi)
{
    size_t number = (size_t)(unsigned)wasi;

    if (number == 0) {
        return 0;
    }
    return number < sizeof linux_number && linux_number[number] != 0 ? linux_number[number]
                                                                     : UNKNOWN;
}

int *clo_errno_take(void)
{
    clo_errno = to_linux(clo_libc_errno);
    clo_libc_errno = 0;
    return &clo_errno;
}

/* What follows takes the place of the C library's functions (wasm.sh, --wrap). These two of those
 * that CPython calls return their error: */
int __real_posix_fadvise(int fd, off_t offset, off_t length, int advice);
int __real_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                           struct timespec *left);

int __wrap_posix_fadvise(int fd, off_t offset, off_t length, int advice)
{
    return to_linux(__real_posix_fadvise(fd, offset, length, advice));
}

int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                           struct timespec *left)
{
    return to_linux(__real_clock_nanosleep(clock, flags, time, left));
}

char *__wrap_strerror(int number)
{
    static char unknown[32];

    if (number >= 0 && (size_t)number < sizeof texts / sizeof *texts && texts[number] != NULL) {
        return (char *)texts[number];
    }
    snprintf(unknown, sizeof unknown, "Unknown error %d", number);
    return unknown;
}
