/* limits.c - one table for everything that is said about a limit. */
#include "sandbox/run/limits.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "abi/files.h"
#include "abi/layout.h"
#include "base/error.h"
#include "base/quantity.h"

struct limit_row {
    const char *name;
    const char *type;  /* struct clo_run_error.type; for memory what Python raises */
    const char *words; /* of the sentence, with %llu for the value */
    size_t offset;     /* in struct clo_limits */
    uint64_t standard, least, most;
    int exit_code;
    bool is_size; /* the value is bytes */
};

#define AT(field) offsetof(struct clo_limits, field)

static const struct limit_row rows[CLO_LIMIT_COUNT] = {
    [CLO_LIMIT_WALL] = {"wall_ms", "TimeLimitExceeded", "wall time limit of %" PRIu64 " ms reached",
                        AT(wall_ms), 30000, 1, CLO_WALL_MS_MAX, 124},
    [CLO_LIMIT_CPU] = {"cpu_ms", "CpuLimitExceeded", "CPU time limit of %" PRIu64 " ms reached",
                       AT(cpu_ms), 10000, 1, CLO_WALL_MS_MAX, 124},
    [CLO_LIMIT_MEMORY] = {"memory", "MemoryError", "memory limit of %" PRIu64 " bytes reached",
                          AT(memory), 256ull << 20, CLO_MEMORY_MIN, CLO_MEMORY_MAX, 137, true},
    [CLO_LIMIT_OUTPUT] = {"output", "OutputLimitExceeded",
                          "output limit of %" PRIu64 " bytes reached", AT(output), 1ull << 20, 1,
                          CLO_OUTPUT_MAX, 1, true},
    [CLO_LIMIT_HOST_CALLS] = {"host_calls", "HostCallLimitExceeded",
                              "limit of %" PRIu64 " host calls reached", AT(host_calls), 10000, 1,
                              CLO_HOST_CALLS_MAX, 1},
    [CLO_LIMIT_HOST_CALL_BYTES] = {"host_call_bytes", "HostCallTooLarge",
                                   "a host call is larger than the limit of %" PRIu64 " bytes",
                                   AT(host_call_bytes), CLO_HOST_CALL_BYTES_MAX, 1,
                                   CLO_HOST_CALL_BYTES_MAX, 1, true},
    [CLO_LIMIT_TOOL] = {"tool_ms", "TimeLimitExceeded",
                        "limit of %" PRIu64 " ms of waiting for tools reached", AT(tool_ms), 0, 0,
                        CLO_WALL_MS_MAX, 124},
    [CLO_LIMIT_ARTIFACT_FILE_BYTES] = {"artifact_file_bytes", "OSError",
                                       "limit of %" PRIu64 " bytes a file in /output reached",
                                       AT(artifact_file_bytes), 64ull << 20, 1,
                                       CLO_ARTIFACT_FILE_BYTES_MAX, 1, true},
    [CLO_LIMIT_ARTIFACT_TOTAL_BYTES] = {"artifact_total_bytes", "OSError",
                                        "limit of %" PRIu64 " bytes in /output reached",
                                        AT(artifact_total_bytes), 256ull << 20, 1,
                                        CLO_ARTIFACT_TOTAL_BYTES_MAX, 1, true},
    [CLO_LIMIT_ARTIFACT_FILES] = {"artifact_files", "OSError",
                                  "limit of %" PRIu64 " files in /output reached",
                                  AT(artifact_files), 256, 1, CLO_ARTIFACT_FILES_MAX, 1},
    [CLO_LIMIT_TOTAL_MEMORY] = {"total_memory", "MemoryError",
                                "ceiling of %" PRIu64
                                " bytes on the memory of all sandboxes together reached",
                                .exit_code = 137, .is_size = true},
};

static uint64_t *field(struct clo_limits *limits, const struct limit_row *row)
{
    return (uint64_t *)((char *)limits + row->offset);
}

static void describe(char text[CLO_QUANTITY_TEXT_MAX], const struct limit_row *row, uint64_t value)
{
    if (row->is_size)
        clo_size_format(text, value);
    else
        snprintf(text, CLO_QUANTITY_TEXT_MAX, "%" PRIu64, value);
}

static int out_of_range(const struct limit_row *row, uint64_t value, struct clo_error *error)
{
    char is[CLO_QUANTITY_TEXT_MAX], least[CLO_QUANTITY_TEXT_MAX], most[CLO_QUANTITY_TEXT_MAX];
    bool low = value < row->least;
    describe(is, row, value);
    describe(least, row, row->least);
    describe(most, row, row->most);
    clo_fail(error, CLO_EINVALID, "limit %s is %s; it must be from %s to %s", row->name, is, least,
             most);
    return clo_hint(error, CLO_EINVALID, "%s it to %s", low ? "raise" : "lower",
                    low ? least : most);
}

static int above_sandbox(uint64_t memory, uint64_t most, struct clo_error *error)
{
    char is[CLO_QUANTITY_TEXT_MAX], all[CLO_QUANTITY_TEXT_MAX];
    clo_size_format(is, memory);
    clo_size_format(all, most);
    clo_fail(error, CLO_EINVALID, "limit memory of the run is %s, more than the sandbox's %s", is,
             all);
    return clo_hint(error, CLO_EINVALID,
                    "lower it, or make the sandbox with a higher memory limit");
}

/* The regions of all files must lie in one file of the host's (sandbox/artifacts/spool.h). */
static int no_span(const struct clo_limits *limits, struct clo_error *error)
{
    char bytes[CLO_QUANTITY_TEXT_MAX];
    clo_size_format(bytes, limits->artifact_file_bytes);
    clo_fail(error, CLO_EINVALID,
             "limits artifact_files %" PRIu64 " and artifact_file_bytes %s do not go together",
             limits->artifact_files, bytes);
    return clo_hint(
        error, CLO_EINVALID,
        "lower one: (artifact_files + %u) times artifact_file_bytes must be within 4 TiB",
        CLO_FILES_OPEN_MAX);
}

int clo_limits_resolve(struct clo_limits *limits, const struct clo_limits *wanted,
                       const struct clo_limits *fallback, struct clo_error *error)
{
    struct clo_limits result = *wanted;
    for (int i = 1; i < CLO_LIMIT_FIELDS; i++) {
        const struct limit_row *row = &rows[i];
        uint64_t *value = field(&result, row);
        if (!*value)
            *value = fallback ? clo_limit_value(fallback, (enum clo_limit)i) : row->standard;
        if (*value < row->least || *value > row->most)
            return out_of_range(row, *value, error);
    }
    if (result.artifact_file_bytes * (result.artifact_files + CLO_FILES_OPEN_MAX) >
        CLO_ARTIFACT_SPAN_MAX)
        return no_span(&result, error);
    result.memory = (result.memory + CLO_MEMORY_UNIT - 1) / CLO_MEMORY_UNIT * CLO_MEMORY_UNIT;
    if (fallback && result.memory > fallback->memory)
        return above_sandbox(result.memory, fallback->memory, error);
    *limits = result;
    return 0;
}

const char *clo_limit_name(enum clo_limit limit)
{
    return (unsigned)limit < CLO_LIMIT_COUNT ? rows[limit].name : NULL;
}

const char *clo_limit_type(enum clo_limit limit)
{
    return rows[limit].type;
}

uint64_t clo_limit_value(const struct clo_limits *limits, enum clo_limit limit)
{
    if (limit >= CLO_LIMIT_FIELDS)
        return 0;
    return *(const uint64_t *)((const char *)limits + rows[limit].offset);
}

int clo_limit_exit_code(enum clo_limit limit)
{
    return rows[limit].exit_code;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the formats stand in the table above */
void clo_limit_text(char text[CLO_LIMIT_TEXT_MAX], enum clo_limit limit, uint64_t value)
{
    snprintf(text, CLO_LIMIT_TEXT_MAX, rows[limit].words, value);
}
#pragma GCC diagnostic pop
