/* module.c - the imports of module "cloche": how a Wasm module takes a run, calls, hands back.
 *
 * Messages are copied between linear memory and the window, which the module cannot see. What they
 * hold is between the module and the host; the runtime only moves them.
 */
#include <string.h>

#include "module.h"
#include "runtime.h"

uint32_t clo_outcome_length;

static uint8_t *const call_area = (uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_CALL);
static const uint8_t *const reply_area = (const uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_REPLY);

static uint32_t copy_reply_area(uint32_t buffer, uint32_t capacity, uint32_t length)
{
    if (length > CLO_MESSAGE_MAX) {
        length = CLO_MESSAGE_MAX;
    }
    uint32_t part = length < capacity ? length : capacity;
    memcpy(clo_linear(buffer, part), reply_area, part);
    return length;
}

static void put_message(uint32_t message, uint32_t length)
{
    if (length > CLO_MESSAGE_MAX) {
        clo_trap(CLO_TRAP_OUT_OF_BOUNDS);
    }
    memcpy(call_area, clo_linear(message, length), length);
    CLO_CONTROL->message_offset = 0;
    CLO_CONTROL->message_length = length;
}

/* The run's request: its length; as much of it as fits is put into the buffer. */
uint32_t w2c_cloche_request(struct w2c_cloche *self, uint32_t buffer, uint32_t capacity)
{
    (void)self;
    return copy_reply_area(buffer, capacity, CLO_CONTROL->request_length);
}

/* One host call of kind CLO_CALL_TOOL: CLO_CALL_* flags, enum clo_call_status. */
uint32_t w2c_cloche_call(struct w2c_cloche *self, uint32_t flags, uint32_t id, uint32_t message,
                         uint32_t length, uint32_t wait_id, uint64_t timeout_ns)
{
    uint64_t since = clo_clock_steady();

    (void)self;
    if (flags & CLO_CALL_SUBMIT) {
        put_message(message, length);
        CLO_CONTROL->kind = CLO_CALL_TOOL;
        CLO_CONTROL->call_id = id;
    }
    CLO_CONTROL->flags = flags;
    CLO_CONTROL->wait_id = wait_id;
    CLO_CONTROL->timeout_ns = timeout_ns;
    clo_host(CLO_OP_CALL);
    clo_clock_waited(since, CLO_CONTROL->status == CLO_CALL_PENDING ? timeout_ns : 0);
    return CLO_CONTROL->status;
}

uint32_t w2c_cloche_reply_id(struct w2c_cloche *self)
{
    (void)self;
    return CLO_CONTROL->reply_id;
}

/* The reply to the last call: its length; as much of it as fits is put into the buffer. */
uint32_t w2c_cloche_reply(struct w2c_cloche *self, uint32_t buffer, uint32_t capacity)
{
    (void)self;
    return copy_reply_area(buffer, capacity, CLO_CONTROL->reply_length);
}

/* What the run came to. Sent when guest_run returns, so that no frame of it stays behind. */
void w2c_cloche_outcome(struct w2c_cloche *self, uint32_t message, uint32_t length)
{
    (void)self;
    put_message(message, length);
    clo_outcome_length = length;
}

/* While the image is built: a store by which the host interrupts a run (hostcall.h). */
void w2c_cloche_interrupt(struct w2c_cloche *self, uint32_t address, uint32_t value, uint32_t mode)
{
    uint32_t count = CLO_CONTROL->interrupt_count;

    (void)self;
    if (count >= CLO_INTERRUPT_STORES_MAX) {
        clo_trap(CLO_TRAP_UNREACHABLE);
    }
    CLO_CONTROL->interrupts[count].address = address;
    CLO_CONTROL->interrupts[count].value = value;
    CLO_CONTROL->interrupts[count].mode = mode;
    CLO_CONTROL->interrupts[count].reserved = 0;
    CLO_CONTROL->interrupt_count = count + 1;
}

/* Why the host interrupted the run: the length of the text that was put into the buffer. */
uint32_t w2c_cloche_interrupt_reason(struct w2c_cloche *self, uint32_t buffer, uint32_t capacity)
{
    uint32_t length = 0;

    (void)self;
    while (length < capacity && length < CLO_INTERRUPT_REASON_MAX) {
        char c = CLO_CONTROL->interrupt_reason[length];
        if (c == '\0') {
            break;
        }
        clo_store8(buffer + length, (uint8_t)c);
        length++;
    }
    return length;
}
