/* fd_pass.c - SCM_RIGHTS, one descriptor at a time. */
#include "sandbox/worker/fd_pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control { /* aligned room for one descriptor */
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr header;
};

int clo_fd_pass_send(int socket, int number, int descriptor)
{
    union control control = {0};
    struct iovec body = {.iov_base = &number, .iov_len = sizeof number};
    struct msghdr message = {.msg_iov = &body, .msg_iovlen = 1};
    if (descriptor >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof number ? 0 : -1;
}

int clo_fd_pass_receive(int socket, int *number, int *descriptor)
{
    union control control;
    int body = 0;
    struct iovec place = {.iov_base = &body, .iov_len = sizeof body};
    struct msghdr message = {.msg_iov = &place,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    *descriptor = -1;
    do
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof body)
        return -1;
    *number = body;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
    return 0;
}
