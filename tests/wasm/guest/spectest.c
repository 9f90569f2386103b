/* spectest.c - the host module "spectest" that the specification's tests import from.
 *
 * Printing does nothing. Memory and table are made when they are first asked for: a guest has one
 * linear memory, and few modules want this one. */
#include <wasm-rt.h>

#include "runtime.h"

#define NUMBER 666
#define FRACTION 666.6
#define MEMORY_PAGES 1
#define MEMORY_PAGES_MAX 2
#define TABLE_SIZE 10
#define TABLE_SIZE_MAX 20

struct w2c_spectest;
char play_instance_spectest; /* what is passed as struct w2c_spectest */

uint32_t *w2c_spectest_global_i32(struct w2c_spectest *self);
uint64_t *w2c_spectest_global_i64(struct w2c_spectest *self);
float *w2c_spectest_global_f32(struct w2c_spectest *self);
double *w2c_spectest_global_f64(struct w2c_spectest *self);
wasm_rt_memory_t *w2c_spectest_memory(struct w2c_spectest *self);
wasm_rt_funcref_table_t *w2c_spectest_table(struct w2c_spectest *self);
void w2c_spectest_print(struct w2c_spectest *self);
void w2c_spectest_print_i32(struct w2c_spectest *self, uint32_t a);
void w2c_spectest_print_i64(struct w2c_spectest *self, uint64_t a);
void w2c_spectest_print_f32(struct w2c_spectest *self, float a);
void w2c_spectest_print_f64(struct w2c_spectest *self, double a);
void w2c_spectest_print_i32_f32(struct w2c_spectest *self, uint32_t a, float b);
void w2c_spectest_print_f64_f64(struct w2c_spectest *self, double a, double b);

uint32_t *w2c_spectest_global_i32(struct w2c_spectest *self)
{
    static uint32_t global = NUMBER;
    (void)self;
    return &global;
}

uint64_t *w2c_spectest_global_i64(struct w2c_spectest *self)
{
    static uint64_t global = NUMBER;
    (void)self;
    return &global;
}

float *w2c_spectest_global_f32(struct w2c_spectest *self)
{
    static float global = (float)FRACTION;
    (void)self;
    return &global;
}

double *w2c_spectest_global_f64(struct w2c_spectest *self)
{
    static double global = FRACTION;
    (void)self;
    return &global;
}

wasm_rt_memory_t *w2c_spectest_memory(struct w2c_spectest *self)
{
    static wasm_rt_memory_t memory;
    (void)self;
    if (memory.pages == 0) {
        wasm_rt_allocate_memory(&memory, MEMORY_PAGES, MEMORY_PAGES_MAX, false);
    }
    return &memory;
}

wasm_rt_funcref_table_t *w2c_spectest_table(struct w2c_spectest *self)
{
    static wasm_rt_funcref_table_t table;
    (void)self;
    if (table.size == 0) {
        wasm_rt_allocate_funcref_table(&table, TABLE_SIZE, TABLE_SIZE_MAX);
    }
    return &table;
}

void w2c_spectest_print(struct w2c_spectest *self)
{
    (void)self;
}

void w2c_spectest_print_i32(struct w2c_spectest *self, uint32_t a)
{
    (void)self;
    (void)a;
}

void w2c_spectest_print_i64(struct w2c_spectest *self, uint64_t a)
{
    (void)self;
    (void)a;
}

void w2c_spectest_print_f32(struct w2c_spectest *self, float a)
{
    (void)self;
    (void)a;
}

void w2c_spectest_print_f64(struct w2c_spectest *self, double a)
{
    (void)self;
    (void)a;
}

void w2c_spectest_print_i32_f32(struct w2c_spectest *self, uint32_t a, float b)
{
    (void)self;
    (void)a;
    (void)b;
}

void w2c_spectest_print_f64_f64(struct w2c_spectest *self, double a, double b)
{
    (void)self;
    (void)a;
    (void)b;
}
