/* streams.c - see streams.h. */
#include "cli/streams.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void clo_cli_pass_on(void *context, enum clo_stream stream, const char *data, size_t length)
{
    (void)context;
    int out = stream == CLO_STDOUT ? STDOUT_FILENO : STDERR_FILENO;
    while (length) {
        ssize_t n = write(out, data, length);
        if (n < 0 && errno != EINTR)
            return; /* a closed pipe: the code runs on, as under a shell that ignores SIGPIPE */
        if (n > 0) {
            data += n;
            length -= (size_t)n;
        }
    }
}

bool clo_cli_has_input(const char *code_file)
{
    struct stat stat;
    if ((code_file && strcmp(code_file, "-") == 0) || fstat(STDIN_FILENO, &stat))
        return false;
    return S_ISREG(stat.st_mode) || S_ISFIFO(stat.st_mode) || S_ISSOCK(stat.st_mode);
}

ptrdiff_t clo_cli_take_input(void *context, char *buffer, size_t capacity, uint64_t wait_ms)
{
    (void)context;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&input, 1, (int)wait_ms) <= 0)
        return -1;
    ssize_t length = read(STDIN_FILENO, buffer, capacity);
    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return -1;
    return length > 0 ? length : 0;
}
