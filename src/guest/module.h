/* module.h - the imports of module "cloche", named as wasm2c's output calls them (module.c). */
#ifndef CLO_GUEST_MODULE_H
#define CLO_GUEST_MODULE_H

#include <stdint.h>

struct w2c_cloche;

uint32_t w2c_cloche_request(struct w2c_cloche *self, uint32_t buffer, uint32_t capacity);
uint32_t w2c_cloche_call(struct w2c_cloche *self, uint32_t flags, uint32_t id, uint32_t message,
                         uint32_t length, uint32_t wait_id, uint64_t timeout_ns);
uint32_t w2c_cloche_reply_id(struct w2c_cloche *self);
uint32_t w2c_cloche_reply(struct w2c_cloche *self, uint32_t buffer, uint32_t capacity);
void w2c_cloche_outcome(struct w2c_cloche *self, uint32_t message, uint32_t length);
void w2c_cloche_interrupt(struct w2c_cloche *self, uint32_t address, uint32_t value, uint32_t mode);
uint32_t w2c_cloche_interrupt_reason(struct w2c_cloche *self, uint32_t buffer, uint32_t capacity);

#endif
