/* sandbox/worker/fd_pass.h - passing a number and a descriptor over a local socket (unix(7)). */
#ifndef CLO_SANDBOX_WORKER_FD_PASS_H
#define CLO_SANDBOX_WORKER_FD_PASS_H

/* 0, or -1: the other end is gone. `descriptor` -1: none is sent. */
int clo_fd_pass_send(int socket, int number, int descriptor);

/* 0, or -1. *descriptor is -1 if none came; it has close-on-exec set. */
int clo_fd_pass_receive(int socket, int *number, int *descriptor);

#endif
