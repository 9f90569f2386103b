/* sandbox/answer.h - one tool call: its message in, the tool's reply out. */
#ifndef CLO_SANDBOX_ANSWER_H
#define CLO_SANDBOX_ANSWER_H

#include <stdint.h>

#include "base/buffer.h"
#include "cloche/cancel.h"
#include "sandbox/tools.h"

/* Read [name, {argument: value, ...}] and check it against the tool's schema. 0: *tool is one of
 * the set, *arguments the caller's; else *arguments is null. */
int clo_answer_read(const struct clo_tools *tools, const uint8_t *message, size_t length,
                    const struct clo_tool_entry **tool, struct clo_value *arguments,
                    struct clo_error *error);

/* Call the tool and write what comes of it into `data`, which is empty and has as its limit what a
 * reply may be. Returns an enum clo_call_status. `cancel` may be NULL. */
uint32_t clo_answer_run(const struct clo_tool_entry *tool, const struct clo_value *arguments,
                        uint64_t deadline_ns, const struct clo_cancel *cancel,
                        struct clo_buffer *data);

/* Write a complaint in place of what is there, whatever the limit of `data`. */
void clo_answer_message(struct clo_buffer *data, const char *message);

/* The same; returns CLO_CALL_ERROR. */
uint32_t clo_answer_error(struct clo_buffer *data, const struct clo_error *error);

#endif
