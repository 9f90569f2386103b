/* hostcall.c - the way out: one control page, one output area, one `out` instruction.
 *
 * output_length in the control page is the truth about the output area at every moment: the host
 * may stop the guest between any two instructions and still reads whole records. So a record is
 * written first and counted after, with the compiler kept from changing that order.
 */
#include <string.h>

#include "guest/files/hostfs.h"
#include "runtime.h"

#define RECORD_HEADER 4u
#define RECORD_MAX (CLO_OUTPUT_AREA_SIZE - RECORD_HEADER)
/* A record shorter than this is not worth splitting a write for: flush first. */
#define RECORD_WORTHWHILE 512u
#define PATIENCE_NS 20000000u /* 20 ms: what a reader does not notice */
#define FRESH_NS 100000000u
#define INPUT_CALL (CLO_WAIT_NONE - 1) /* ids that no program gets to by counting from 1 */
#define FILE_CALL (CLO_WAIT_NONE - 2)

_Static_assert(RECORD_MAX < (1u << 24), "a record's length has 24 bits");

static uint64_t region_size[CLO_REGION_COUNT];
static uint32_t epoch;

static inline void barrier(void)
{
    __asm__ volatile("" ::: "memory");
}

void clo_host_start(void)
{
    epoch++; /* in a session, what the last run knew of files is old */
}

void clo_host(enum clo_op op)
{
    CLO_CONTROL->op = op;
    if (op == CLO_OP_CALL) {
        epoch++;
        CLO_CONTROL->elapsed_ns = clo_clock_elapsed();
    }
    __asm__ volatile("outb %%al, %0" : : "i"(CLO_PORT_CALL), "a"(0) : "memory");
    CLO_CONTROL->output_length = 0;
    if (CLO_CONTROL->thawed != 0) {
        clo_clock_thaw();
        if (CLO_CONTROL->thawed == CLO_THAWED_ELSEWHERE) {
            clo_hostfs_begin();
        }
        CLO_CONTROL->thawed = 0;
    }
}

_Noreturn void clo_host_end(enum clo_op op, uint64_t argument)
{
    CLO_CONTROL->args[0] = argument;
    for (;;) { /* the host does not come back; if it does, the answer is the same */
        clo_host(op);
    }
}

_Noreturn void clo_trap(enum clo_trap trap)
{
    clo_host_end(CLO_OP_TRAP, trap);
}

bool clo_host_grow(enum clo_region region, uint64_t size)
{
    CLO_CONTROL->args[0] = region;
    CLO_CONTROL->args[1] = size;
    clo_host(CLO_OP_GROW);
    if (CLO_CONTROL->status != 0) {
        return false;
    }
    region_size[region] = size;
    return true;
}

uint64_t clo_region_size(enum clo_region region)
{
    return region_size[region];
}

bool clo_host_sleep(uint64_t ns)
{
    uint64_t since = clo_clock_steady();

    CLO_CONTROL->flags = CLO_CALL_WAIT;
    CLO_CONTROL->wait_id = CLO_WAIT_NONE;
    CLO_CONTROL->timeout_ns = ns;
    clo_host(CLO_OP_CALL);
    bool slept = CLO_CONTROL->status != CLO_CALL_INTERRUPTED;
    clo_clock_waited(since, slept ? ns : 0);
    return slept;
}

int64_t clo_input_read(uint8_t *out, uint64_t capacity)
{
    uint64_t since = clo_clock_steady();

    if (!(CLO_CONTROL->run_flags & CLO_INPUT_PRESENT) || capacity == 0) {
        return 0;
    }
    if (capacity > CLO_INPUT_MAX) {
        capacity = CLO_INPUT_MAX;
    }
    *(clo_u32 *)(CLO_WINDOW_VA + CLO_WINDOW_CALL) = (uint32_t)capacity;
    CLO_CONTROL->message_offset = 0;
    CLO_CONTROL->message_length = sizeof(uint32_t);
    CLO_CONTROL->flags = CLO_CALL_SUBMIT | CLO_CALL_WAIT;
    CLO_CONTROL->kind = CLO_CALL_INPUT;
    CLO_CONTROL->call_id = CLO_CONTROL->wait_id = INPUT_CALL;
    CLO_CONTROL->timeout_ns = CLO_TIMEOUT_NONE;
    clo_host(CLO_OP_CALL);
    clo_clock_waited(since, 0);
    if (CLO_CONTROL->status != CLO_CALL_OK) {
        return CLO_CONTROL->status == CLO_CALL_INTERRUPTED ? 0 : -1;
    }
    uint64_t length = CLO_CONTROL->reply_length;
    if (length > capacity) {
        length = capacity;
    }
    memcpy(out, (const uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_REPLY), length);
    return (int64_t)length;
}

bool clo_host_file_call(uint32_t length)
{
    uint64_t since = clo_clock_steady();

    CLO_CONTROL->message_offset = 0;
    CLO_CONTROL->message_length = length;
    CLO_CONTROL->flags = CLO_CALL_SUBMIT | CLO_CALL_WAIT;
    CLO_CONTROL->kind = CLO_CALL_FILE;
    CLO_CONTROL->call_id = CLO_CONTROL->wait_id = FILE_CALL;
    CLO_CONTROL->timeout_ns = CLO_TIMEOUT_NONE;
    clo_host(CLO_OP_CALL);
    epoch--;
    clo_clock_waited(since, 0);
    return CLO_CONTROL->status == CLO_CALL_OK;
}

uint32_t clo_host_epoch(void)
{
    return epoch;
}

bool clo_host_fresh(uint64_t since_ns, uint32_t since_epoch)
{
    return since_epoch == epoch && clo_clock_steady() - since_ns < FRESH_NS;
}

void clo_output_write(uint32_t stream, const uint8_t *data, uint64_t length)
{
    uint8_t *area = (uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_OUTPUT);

    while (length > 0) {
        uint32_t used = CLO_CONTROL->output_length;
        uint64_t part = length < RECORD_MAX ? length : RECORD_MAX;

        if (used + RECORD_HEADER + part > CLO_OUTPUT_AREA_SIZE) {
            if (CLO_OUTPUT_AREA_SIZE - used < RECORD_WORTHWHILE || length <= RECORD_MAX) {
                clo_host(CLO_OP_FLUSH);
                continue;
            }
            part = CLO_OUTPUT_AREA_SIZE - used - RECORD_HEADER;
        }
        *(clo_u32 *)(area + used) = stream << 24 | (uint32_t)part;
        memcpy(area + used + RECORD_HEADER, data, part);
        barrier();
        CLO_CONTROL->output_length = used + RECORD_HEADER + (uint32_t)part;
        data += part;
        length -= part;
    }
}

/* One print() is two writes or more, and each flush costs 27 us: flush at the end of a line, or
 * when what waits has waited long enough to be missed. Every other host call carries the rest
 * along. */
void clo_output_written(void)
{
    static uint64_t flushed_ns;
    uint32_t used = CLO_CONTROL->output_length;
    const uint8_t *area = (const uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_OUTPUT);

    if (!(CLO_CONTROL->run_flags & CLO_OUTPUT_WRITE_THROUGH) || used == 0) {
        return;
    }
    uint64_t now = clo_clock_steady();
    if (area[used - 1] == '\n' || now - flushed_ns > PATIENCE_NS) {
        flushed_ns = now;
        clo_host(CLO_OP_FLUSH);
    }
}
