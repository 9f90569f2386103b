/* sandbox/call/tool_call.h - one tool call: its message in, the tool's reply out. */
#ifndef CLO_SANDBOX_CALL_TOOL_CALL_H
#define CLO_SANDBOX_CALL_TOOL_CALL_H

#include <stdint.h>

#include "base/buffer.h"
#include "cloche/cancel.h"
#include "cloche/sandbox.h"
#include "sandbox/tool/run_tools.h"

/* Arguments of up to 64 KiB in memory are always let in; larger ones, of all runs of the process
 * together, up to 512 MiB. */
#define CLO_ARGUMENTS_SMALL (64u << 10)
#define CLO_ARGUMENTS_LARGE_MAX (512ull << 20)

struct clo_tool_call {
    const struct clo_tool_entry *tool; /* of a set that they were read for */
    struct clo_run_tools *own;         /* of the run, a reference; NULL: it has none */
    struct clo_value value;            /* a map */
    size_t bytes;                      /* of this process's memory */
    bool may_suspend;                  /* the caller's to set: else a suspension is an error */
};

/* Read [name, {argument: value, ...}] and check it against the tool's schema. `own`: the run's tools, or
 * NULL. CLO_EBUSY: other runs hold too much. After an error *arguments is empty. Thread-safe. */
int clo_tool_call_read(const struct clo_tool_set *tools, struct clo_run_tools *own,
                       const uint8_t *message, size_t length, struct clo_tool_call *arguments,
                       struct clo_error *error);
/* Likewise of a call that was read before, maybe for other tools: its arguments alone. */
int clo_tool_call_reread(const struct clo_tool_set *tools, struct clo_run_tools *own,
                         const char *tool, const uint8_t *arguments, size_t length,
                         struct clo_tool_call *call, struct clo_error *error);
void clo_tool_call_clear(struct clo_tool_call *arguments); /* empty ones too */

/* Call the tool and write what comes of it into `data`, which is empty and has as its limit what a
 * reply may be. Returns an enum clo_call_status, or CLO_CALL_SUSPENDED. `cancel` may be NULL. */
uint32_t clo_tool_call_run(const struct clo_tool_call *arguments, uint64_t deadline_ns,
                           const struct clo_cancel *cancel, struct clo_buffer *data);

/* Write somebody else's answer, likewise. */
uint32_t clo_tool_call_answer(const char *tool, const struct clo_answer *answer,
                              struct clo_buffer *data);

/* Write a complaint in place of what is there, whatever the limit of `data`. */
void clo_tool_call_message(struct clo_buffer *data, const char *message);

/* The same; returns CLO_CALL_ERROR. */
uint32_t clo_tool_call_error(struct clo_buffer *data, const struct clo_error *error);

#endif
