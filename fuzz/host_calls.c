/* host_calls.c - host calls as the guest sends them, one after another, to the real host_calls with
 * real tools, a mounted folder and an /output. The input is a list of calls:
 *
 *   [flags][kind][id][wait_id][timeout, 0 to 255 us][length, 2 bytes][message] ...
 *
 * Flags, kinds and ids go in as they are, so most calls break the contract; a call that does must
 * be refused with a reason, and one that does not must be answered within the ceilings.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "sandbox/artifacts/artifacts.h"
#include "sandbox/call/host_calls.h"

#define HEAD 7u
#define CALLS_MAX 64u
#define PATIENCE_NS 200000u /* a wait for ever ends after this */

static const struct clo_run with_input = {.input = "some input", .input_length = 10};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int echo(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    int64_t n;
    if (!clo_value_integer(clo_value_get(arguments, "n"), &n) || n < 0)
        return clo_tool_fail(error, "negative");
    return clo_value_set_text(result, clo_value_text(clo_value_get(arguments, "text")));
}

static const struct clo_tool tools[] = {
    {.name = "echo",
     .parameters = "{\"type\": \"object\", \"properties\": {\"text\": {\"type\": \"string\"},"
                   " \"n\": {\"type\": \"integer\"}}, \"required\": [\"text\", \"n\"]}",
     .call = echo},
};

static char folder[] = "/tmp/cloche-fuzz-XXXXXX";

static void remove_folder(void)
{
    int top = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unlinkat(top, "a", 0);
    unlinkat(top, "link", 0);
    unlinkat(top, "sub", AT_REMOVEDIR);
    close(top);
    rmdir(folder);
}

/* A folder to look at: a file, a folder, a link that leads out. */
static struct clo_mounts *make_mounts(void)
{
    struct clo_mounts *mounts;
    struct clo_mount mount = {.source = folder};
    int top = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int file = openat(top, "a", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || write(file, "content", 7) != 7 || mkdirat(top, "sub", 0700) ||
        symlinkat("/etc/passwd", top, "link") || clo_mounts_open(&mounts, &mount, 1, NULL))
        abort();
    atexit(remove_folder);
    close(file);
    close(top);
    return mounts;
}

/* Anew for each input, so that its handles begin at 1. */
static struct clo_host_calls *make_calls(void)
{
    static struct clo_tool_set *set; /* for the life of the process */
    static struct clo_executor *threads;
    struct clo_host_calls *calls;
    if (!set && (clo_executor_create(&threads, CLO_TOOL_THREADS_MAX, NULL, NULL) ||
                 clo_tool_set_create(&set, tools, 1, NULL)))
        abort();
    if (clo_host_calls_create(&calls, set, threads, NULL))
        abort();
    return calls;
}

/* What the calls left in /output is within its quotas, and can be listed and read. */
static void look_at_artifacts(struct clo_artifact_tree *output, const struct clo_limits *limits)
{
    struct clo_run_result *result = calloc(1, sizeof *result);
    uint64_t bytes = 0;
    if (!result || clo_artifacts_collect(output, result, NULL) ||
        result->artifact_count > limits->artifact_files)
        abort();
    for (size_t i = 0; i < result->artifact_count; i++) {
        char byte;
        size_t got;
        bytes += result->artifacts[i].size;
        if (result->artifacts[i].size > limits->artifact_file_bytes ||
            !clo_utf8_strict(result->artifacts[i].path, strlen(result->artifacts[i].path)) ||
            clo_artifact_read(result, i, 0, &byte, 1, &got, NULL) ||
            got != (result->artifacts[i].size > 0))
            abort();
    }
    if (bytes > limits->artifact_total_bytes)
        abort();
    clo_run_result_free(result);
}

static uint32_t id_of(uint8_t byte)
{
    return byte == 255 ? CLO_WAIT_NONE : byte;
}

/* One call of the list; how many bytes it took, 0 when none is left. */
static size_t one_call(struct clo_host_calls *calls, struct clo_call_reply *reply,
                       const uint8_t *data, size_t size, int *status)
{
    struct clo_error error = {.message = ""};
    if (size < HEAD)
        return 0;
    size_t length = (size_t)data[5] | (size_t)data[6] << 8;
    if (length > size - HEAD)
        length = size - HEAD;
    uint8_t *message = malloc(length ? length : 1); /* exact, so that a read beyond is seen */
    if (!message)
        abort();
    memcpy(message, data + HEAD, length);
    struct clo_call call = {.flags = data[0],
                            .kind = data[1],
                            .id = id_of(data[2]),
                            .wait_id = id_of(data[3]),
                            .timeout_ns = data[4] == 255 ? CLO_TIMEOUT_NONE : data[4] * 1000ull,
                            .deadline_ns = clo_monotonic_ns() + PATIENCE_NS,
                            .tool_deadline_ns = clo_monotonic_ns() + PATIENCE_NS,
                            .message = message,
                            .length = length};
    *status = clo_host_calls_call(calls, &call, reply, &error);
    if (*status && (*status != CLO_EGUEST || !error.message[0]))
        abort();
    if (!*status && (reply->status > CLO_CALL_REFUSED || reply->data.length > CLO_MESSAGE_MAX))
        abort();
    free(message);
    return HEAD + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct clo_mounts *mounts;
    static struct clo_artifact_tree *output;
    struct clo_limits limits, wanted = {.host_calls = 40,
                                        .host_call_bytes = 4096,
                                        .artifact_file_bytes = 5000,
                                        .artifact_total_bytes = 12000,
                                        .artifact_files = 8};
    struct clo_call_reply reply = {.data = CLO_BUFFER(CLO_MESSAGE_MAX)};
    if (!mounts)
        mounts = make_mounts();
    if (!output && clo_artifact_tree_create(&output, NULL))
        abort();
    struct clo_host_calls *calls = make_calls();
    if (clo_limits_resolve(&limits, &wanted, NULL, NULL) ||
        clo_artifact_tree_begin(output, &limits, false, NULL))
        abort();
    clo_host_calls_begin(calls, &limits, NULL, -1);
    clo_host_calls_files(calls, mounts, output);
    clo_host_calls_input(calls, &with_input);
    int status = 0;
    for (unsigned i = 0; i < CALLS_MAX && !status; i++) {
        size_t taken = one_call(calls, &reply, data, size, &status);
        if (!taken)
            break;
        data += taken;
        size -= taken;
    }
    if (clo_host_calls_count(calls) > CALLS_MAX)
        abort();
    clo_host_calls_end(calls);
    look_at_artifacts(output, &limits);
    clo_host_calls_free(calls);
    clo_buffer_free(&reply.data);
    return 0;
}
