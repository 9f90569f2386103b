/* sandbox/run/output_records.h - what the guest prints: records checked, cut at the limit, handed
 * on.
 *
 * A character of a text in UTF-8 is handed on whole or not at all, also where two records divide
 * it: its first bytes are held until the stream goes on or the run ends. The cut at the limit
 * leaves out a character that does not fit. What is no such text comes through to the last byte.
 */
#ifndef CLO_SANDBOX_RUN_OUTPUT_RECORDS_H
#define CLO_SANDBOX_RUN_OUTPUT_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/layout.h"
#include "sandbox/run/run.h"

struct clo_output_held { /* the first bytes of a character */
    char bytes[4];
    size_t length;
};

struct clo_output_records {
    clo_output_sink sink;
    void *context;
    uint64_t limit;                        /* bytes of both streams together */
    uint64_t produced;                     /* before the cut */
    bool open_line;                        /* stderr does not end with a newline */
    struct clo_output_held held[2];        /* of stdout, of stderr */
    uint8_t records[CLO_OUTPUT_AREA_SIZE]; /* the private copy that is checked */
};

void clo_output_records_begin(struct clo_output_records *output, clo_output_sink sink,
                              void *context, uint64_t limit);

/* Take `length` bytes of records (abi/hostcall.h) from the guest's area. CLO_EGUEST: they break the
 * contract; what stood before the first bad record has been handed on. */
int clo_output_records_take(struct clo_output_records *output, const uint8_t *area, uint32_t length,
                            struct clo_error *error);

/* The run has ended: what is held will not go on, and is handed on if it is within the limit. */
void clo_output_end(struct clo_output_records *output);

/* More was produced than the limit. */
bool clo_output_records_over(const struct clo_output_records *output);

/* The run has ended, with a line of the host's own on stderr, on a line by itself; the limit does
 * not hold for it. */
void clo_output_records_note(struct clo_output_records *output, const char *message);

#endif
