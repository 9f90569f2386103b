/* wasi.h - WASI snapshot_preview1, as the generated C calls it: every function of it, in wasi_*.c.
 *
 * Invariants
 * - Addresses are of linear memory and become pointers only through clo_linear() and its kin.
 * - Each function returns 0 or one of CLO_E_*; on an error no result is written.
 * - Descriptors 0, 1, 2 are the standard streams, 3 is the preopened root; a program's own begin
 *   at 4. The lowest free number is given, as POSIX wants.
 * - Time, randomness and files are the run's own: nothing here reads the host, except sleeping and
 *   what is mounted (hostfs.h).
 *
 * Numbers and layouts: WASI preview 1, "witx" description of the module.
 */
#ifndef CLO_GUEST_WASI_H
#define CLO_GUEST_WASI_H

#include "abi/files.h"
#include "runtime.h"

struct clo_node;      /* ramfs.h */
struct clo_host_file; /* hostfs.h */

/* errno */
enum {
    CLO_E_ACCES = 2,
    CLO_E_BADF = 8,
    CLO_E_BUSY = 10,
    CLO_E_EXIST = 20,
    CLO_E_FBIG = 22,
    CLO_E_INVAL = 28,
    CLO_E_IO = 29,
    CLO_E_ISDIR = 31,
    CLO_E_LOOP = 32,
    CLO_E_MFILE = 33,
    CLO_E_NAMETOOLONG = 37,
    CLO_E_NOENT = 44,
    CLO_E_NOSPC = 51,
    CLO_E_NOSYS = 52,
    CLO_E_NOTDIR = 54,
    CLO_E_NOTEMPTY = 55,
    CLO_E_NOTSOCK = 57,
    CLO_E_NOTSUP = 58,
    CLO_E_PERM = 63,
    CLO_E_ROFS = 69,
    CLO_E_SPIPE = 70,
    CLO_E_STALE = 72,
    CLO_E_XDEV = 75,
    CLO_E_NOTCAPABLE = 76,
};

enum { CLO_FILETYPE_UNKNOWN = 0 }; /* files and directories: enum clo_node_type */

enum { CLO_FDFLAG_APPEND = 1 };
enum { CLO_OPEN_CREATE = 1, CLO_OPEN_DIRECTORY = 2, CLO_OPEN_EXCLUSIVE = 4, CLO_OPEN_TRUNCATE = 8 };
enum { CLO_LOOKUP_FOLLOW = 1 };
enum {
    CLO_TIME_ACCESSED = 1,
    CLO_TIME_ACCESSED_NOW = 2,
    CLO_TIME_MODIFIED = 4,
    CLO_TIME_MODIFIED_NOW = 8
};
#define CLO_RIGHT_READ (1ull << 1)
#define CLO_RIGHT_SEEK (1ull << 2)
#define CLO_RIGHT_WRITE (1ull << 6)
#define CLO_RIGHTS_ALL ((1ull << 30) - 1)

#define CLO_DESCRIPTORS_MAX 512u
#define CLO_VECTORS_MAX 1024u /* buffers in one read or write, as POSIX systems allow */
#define CLO_ROOT_DESCRIPTOR 3u

enum clo_descriptor_kind { CLO_FD_FREE = 0, CLO_FD_STREAM, CLO_FD_NODE, CLO_FD_HOST };

struct clo_descriptor {
    enum clo_descriptor_kind kind;
    uint16_t flags;  /* CLO_FDFLAG_* */
    uint32_t stream; /* STREAM: 0, 1 or 2 */
    uint64_t rights, inheriting;
    struct clo_node *node;      /* NODE: held */
    struct clo_host_file *file; /* HOST: a file or folder of a mount, owned */
    uint64_t offset;
};

/* wasi_fd.c */
struct clo_descriptor *clo_descriptor_get(uint32_t fd); /* NULL: none */
uint16_t clo_descriptor_node(uint32_t fd, struct clo_descriptor **descriptor);
uint16_t clo_descriptor_open(struct clo_node *node, uint64_t rights, uint64_t inheriting,
                             uint16_t flags, uint32_t *fd);
uint16_t clo_descriptor_open_host(struct clo_host_file *file, uint64_t rights, uint64_t inheriting,
                                  uint16_t flags, uint32_t *fd);
void clo_filestat_store(uint32_t address, const struct clo_node *node);
void clo_filestat_store_host(uint32_t address, const struct clo_file_reply *stat, uint32_t mount);
uint16_t clo_node_set_times(struct clo_node *node, uint64_t accessed, uint64_t modified,
                            uint32_t flags);

typedef struct w2c_wasi__snapshot__preview1 *clo_wasi; /* carries nothing */
#define CLO_WASI(name) w2c_wasi__snapshot__preview1_##name

/* wasi_fd.c */
uint32_t CLO_WASI(fd_advise)(clo_wasi, uint32_t fd, uint64_t offset, uint64_t length,
                             uint32_t advice);
uint32_t CLO_WASI(fd_allocate)(clo_wasi, uint32_t fd, uint64_t offset, uint64_t length);
uint32_t CLO_WASI(fd_close)(clo_wasi, uint32_t fd);
uint32_t CLO_WASI(fd_datasync)(clo_wasi, uint32_t fd);
uint32_t CLO_WASI(fd_fdstat_get)(clo_wasi, uint32_t fd, uint32_t out);
uint32_t CLO_WASI(fd_fdstat_set_flags)(clo_wasi, uint32_t fd, uint32_t flags);
uint32_t CLO_WASI(fd_fdstat_set_rights)(clo_wasi, uint32_t fd, uint64_t base, uint64_t inheriting);
uint32_t CLO_WASI(fd_filestat_get)(clo_wasi, uint32_t fd, uint32_t out);
uint32_t CLO_WASI(fd_filestat_set_size)(clo_wasi, uint32_t fd, uint64_t size);
uint32_t CLO_WASI(fd_filestat_set_times)(clo_wasi, uint32_t fd, uint64_t accessed,
                                         uint64_t modified, uint32_t flags);
uint32_t CLO_WASI(fd_prestat_get)(clo_wasi, uint32_t fd, uint32_t out);
uint32_t CLO_WASI(fd_prestat_dir_name)(clo_wasi, uint32_t fd, uint32_t path, uint32_t length);
uint32_t CLO_WASI(fd_renumber)(clo_wasi, uint32_t from, uint32_t to);
uint32_t CLO_WASI(fd_sync)(clo_wasi, uint32_t fd);

/* wasi_io.c */
uint32_t CLO_WASI(fd_pread)(clo_wasi, uint32_t fd, uint32_t vectors, uint32_t count,
                            uint64_t offset, uint32_t out);
uint32_t CLO_WASI(fd_pwrite)(clo_wasi, uint32_t fd, uint32_t vectors, uint32_t count,
                             uint64_t offset, uint32_t out);
uint32_t CLO_WASI(fd_read)(clo_wasi, uint32_t fd, uint32_t vectors, uint32_t count, uint32_t out);
uint32_t CLO_WASI(fd_readdir)(clo_wasi, uint32_t fd, uint32_t buffer, uint32_t capacity,
                              uint64_t cookie, uint32_t out);
uint32_t CLO_WASI(fd_seek)(clo_wasi, uint32_t fd, uint64_t offset, uint32_t whence, uint32_t out);
uint32_t CLO_WASI(fd_tell)(clo_wasi, uint32_t fd, uint32_t out);
uint32_t CLO_WASI(fd_write)(clo_wasi, uint32_t fd, uint32_t vectors, uint32_t count, uint32_t out);

/* wasi_path.c */
uint32_t CLO_WASI(path_create_directory)(clo_wasi, uint32_t fd, uint32_t path, uint32_t length);
uint32_t CLO_WASI(path_filestat_get)(clo_wasi, uint32_t fd, uint32_t flags, uint32_t path,
                                     uint32_t length, uint32_t out);
uint32_t CLO_WASI(path_filestat_set_times)(clo_wasi, uint32_t fd, uint32_t flags, uint32_t path,
                                           uint32_t length, uint64_t accessed, uint64_t modified,
                                           uint32_t which);
uint32_t CLO_WASI(path_link)(clo_wasi, uint32_t from_fd, uint32_t flags, uint32_t from,
                             uint32_t from_length, uint32_t to_fd, uint32_t to, uint32_t to_length);
uint32_t CLO_WASI(path_open)(clo_wasi, uint32_t fd, uint32_t lookup, uint32_t path, uint32_t length,
                             uint32_t how, uint64_t rights, uint64_t inheriting, uint32_t flags,
                             uint32_t out);
uint32_t CLO_WASI(path_readlink)(clo_wasi, uint32_t fd, uint32_t path, uint32_t length,
                                 uint32_t buffer, uint32_t capacity, uint32_t out);
uint32_t CLO_WASI(path_remove_directory)(clo_wasi, uint32_t fd, uint32_t path, uint32_t length);
uint32_t CLO_WASI(path_rename)(clo_wasi, uint32_t from_fd, uint32_t from, uint32_t from_length,
                               uint32_t to_fd, uint32_t to, uint32_t to_length);
uint32_t CLO_WASI(path_symlink)(clo_wasi, uint32_t target, uint32_t target_length, uint32_t fd,
                                uint32_t path, uint32_t length);
uint32_t CLO_WASI(path_unlink_file)(clo_wasi, uint32_t fd, uint32_t path, uint32_t length);

/* wasi_process.c */
uint32_t CLO_WASI(args_get)(clo_wasi, uint32_t pointers, uint32_t buffer);
uint32_t CLO_WASI(args_sizes_get)(clo_wasi, uint32_t count, uint32_t size);
uint32_t CLO_WASI(environ_get)(clo_wasi, uint32_t pointers, uint32_t buffer);
uint32_t CLO_WASI(environ_sizes_get)(clo_wasi, uint32_t count, uint32_t size);
uint32_t CLO_WASI(clock_res_get)(clo_wasi, uint32_t clock, uint32_t out);
uint32_t CLO_WASI(clock_time_get)(clo_wasi, uint32_t clock, uint64_t precision, uint32_t out);
uint32_t CLO_WASI(random_get)(clo_wasi, uint32_t buffer, uint32_t length);
_Noreturn void CLO_WASI(proc_exit)(clo_wasi, uint32_t code);
uint32_t CLO_WASI(proc_raise)(clo_wasi, uint32_t signal);
uint32_t CLO_WASI(sched_yield)(clo_wasi);
uint32_t CLO_WASI(sock_accept)(clo_wasi, uint32_t fd, uint32_t flags, uint32_t out);
uint32_t CLO_WASI(sock_recv)(clo_wasi, uint32_t fd, uint32_t vectors, uint32_t count,
                             uint32_t flags, uint32_t out, uint32_t out_flags);
uint32_t CLO_WASI(sock_send)(clo_wasi, uint32_t fd, uint32_t vectors, uint32_t count,
                             uint32_t flags, uint32_t out);
uint32_t CLO_WASI(sock_shutdown)(clo_wasi, uint32_t fd, uint32_t how);

/* wasi_poll.c */
uint32_t CLO_WASI(poll_oneoff)(clo_wasi, uint32_t in, uint32_t out, uint32_t count, uint32_t made);

#endif
