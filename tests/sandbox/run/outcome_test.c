/* outcome_test.c - what the guest says of its run: output records, the outcome, faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/run/fault.h"
#include "sandbox/run/outcome.h"
#include "sandbox/run/output_records.h"
#include "sandbox/value/cbor.h"
#include "sandbox/value/value_json.h"

static char seen[4096];

static void sink(void *context, enum clo_stream stream, const char *data, size_t length)
{
    (void)context;
    size_t used = strlen(seen);
    assert_true(used + length + 2 < sizeof seen);
    seen[used++] = stream == CLO_STDERR ? 'e' : 'o';
    memcpy(seen + used, data, length);
    strcpy(seen + used + length, "|");
}

static size_t put_record(uint8_t *area, size_t at, unsigned stream, const char *text)
{
    uint32_t header = stream << 24 | (uint32_t)strlen(text);
    memcpy(area + at, &header, 4);
    memcpy(area + at + 4, text, strlen(text));
    return at + 4 + strlen(text);
}

static void records_are_handed_on_and_cut_at_the_limit(void **state)
{
    (void)state;
    static struct clo_output_records output;
    static uint8_t area[CLO_OUTPUT_AREA_SIZE];
    seen[0] = '\0';
    clo_output_records_begin(&output, sink, NULL, 10);
    size_t length = put_record(area, 0, 1, "abcd");
    length = put_record(area, length, 2, "");
    length = put_record(area, length, 2, "efg");
    assert_int_equal(clo_output_records_take(&output, area, (uint32_t)length, NULL), 0);
    assert_string_equal(seen, "oabcd|eefg|");
    assert_false(clo_output_records_over(&output));
    length = put_record(area, 0, 1, "hij");
    assert_int_equal(clo_output_records_take(&output, area, (uint32_t)length, NULL), 0);
    assert_false(clo_output_records_over(&output)); /* the limit itself may be reached */
    length = put_record(area, 0, 1, "k");
    assert_int_equal(clo_output_records_take(&output, area, (uint32_t)length, NULL), 0);
    assert_true(clo_output_records_over(&output));
    assert_string_equal(seen, "oabcd|eefg|ohij|");
    assert_int_equal(output.produced, 11);
    seen[0] = '\0';
    clo_output_records_note(&output, "stopped");
    assert_string_equal(seen, "e\ncloche: stopped\n|");
}

static void records_that_break_the_contract_are_refused(void **state)
{
    (void)state;
    static struct clo_output_records output;
    static uint8_t area[CLO_OUTPUT_AREA_SIZE];
    struct clo_error error;
    clo_output_records_begin(&output, sink, NULL, 1000);
    assert_int_equal(clo_output_records_take(&output, area, CLO_OUTPUT_AREA_SIZE + 1, &error),
                     CLO_EGUEST);
    assert_int_equal(clo_output_records_take(&output, area, UINT32_MAX, &error), CLO_EGUEST);
    seen[0] = '\0';
    size_t length = put_record(area, 0, 1, "good");
    assert_int_equal(clo_output_records_take(&output, area, (uint32_t)length + 3, &error),
                     CLO_EGUEST);
    assert_string_equal(seen, "ogood|");
    put_record(area, 0, 3, "x");
    assert_int_equal(clo_output_records_take(&output, area, 5, &error), CLO_EGUEST);
    put_record(area, 0, 1, "four");
    assert_int_equal(clo_output_records_take(&output, area, 7, &error), CLO_EGUEST);
}

static int decode(const char *json, struct clo_run_result *result, struct clo_error *error)
{
    struct clo_value value;
    struct clo_buffer bytes = CLO_BUFFER(4096);
    assert_int_equal(clo_value_parse_json(&value, json, strlen(json), NULL), 0);
    assert_int_equal(clo_cbor_encode(&bytes, &value, NULL), 0);
    int status = clo_outcome_decode(result, (const uint8_t *)bytes.data, bytes.length, error);
    clo_buffer_free(&bytes);
    clo_value_clear(&value);
    return status;
}

static void outcomes_are_read(void **state)
{
    (void)state;
    struct clo_run_result *result = calloc(1, sizeof *result);
    assert_int_equal(decode("{\"result\":\"'x'\",\"exit_code\":0,\"error\":null}", result, NULL),
                     0);
    assert_string_equal(result->result, "'x'");
    assert_int_equal(result->result_length, 3);
    assert_int_equal(result->error.kind, CLO_RUN_OK);
    clo_run_result_free(result);
    result = calloc(1, sizeof *result);
    assert_int_equal(decode("{\"result\":null,\"exit_code\":1,\"error\":{\"type\":\"KeyError\","
                            "\"message\":\"'k'\",\"traceback\":\"T\",\"line\":4}}",
                            result, NULL),
                     0);
    assert_null(result->result);
    assert_int_equal(result->exit_code, 1);
    assert_int_equal(result->error.kind, CLO_RUN_EXCEPTION);
    assert_string_equal(result->error.type, "KeyError");
    assert_string_equal(result->error.message, "'k'");
    assert_string_equal(result->error.traceback, "T");
    assert_int_equal(result->error.line, 4);
    clo_run_result_free(result);
}

static void outcomes_that_break_the_contract_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "3",
        "[]",
        "{}",
        "{\"exit_code\":\"0\"}",
        "{\"exit_code\":null}",
        "{\"exit_code\":1,\"error\":{}}",
        "{\"exit_code\":1,\"error\":{\"type\":\"T\"}}",
        "{\"exit_code\":1,\"error\":{\"type\":1,\"message\":\"m\"}}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_run_result *result = calloc(1, sizeof *result);
        if (decode(cases[i], result, NULL) != CLO_EGUEST)
            fail_msg("%s", cases[i]);
        assert_null(result->error.type);
        clo_run_result_free(result);
    }
    struct clo_run_result *result = calloc(1, sizeof *result);
    assert_int_equal(clo_outcome_decode(result, (const uint8_t *)"\xff", 1, NULL), CLO_EGUEST);
    assert_int_equal(clo_outcome_decode(result, NULL, 0, NULL), CLO_EGUEST);
    clo_run_result_free(result);
}

static void lone_surrogates_do_not_leave_the_sandbox(void **state)
{
    (void)state;
    struct clo_buffer bytes = CLO_BUFFER(4096);
    struct clo_run_result *result = calloc(1, sizeof *result);
    clo_cbor_put_map(&bytes, 2);
    clo_cbor_put_string(&bytes, "result");
    clo_cbor_put_string(&bytes, "a\xed\xa0\x80\xed\x9f\xbfz");
    clo_cbor_put_string(&bytes, "exit_code");
    clo_cbor_put_integer(&bytes, 99999999999);
    assert_int_equal(clo_outcome_decode(result, (const uint8_t *)bytes.data, bytes.length, NULL),
                     0);
    assert_string_equal(result->result, "a\xef\xbf\xbd\xed\x9f\xbfz");
    assert_int_equal(result->exit_code, 1);
    clo_run_result_free(result);
    clo_buffer_free(&bytes);
}

static void faults_have_the_cause_of_the_wasm_program(void **state)
{
    (void)state;
    static const struct {
        uint8_t vector;
        uint64_t code, address;
        const char *type;
    } cases[] = {
        {14, 6, CLO_STACK_VA - 8, "StackOverflow"},
        {14, 4, 1ull << 30, "OutOfBounds"},
        {14, 6, 0xffffffec, "StackOverflow"},
        {14, 6, 0x1000001a4, "StackOverflow"},
        {14, 4, 3ull << 30, "OutOfBounds"},
        {14, 4, (8ull << 30) - 2, "OutOfBounds"},
        {14, 0x14, 0x1000, "IllegalExecution"},
        {14, 5, CLO_SYSTEM_VA, "IllegalAccess"},
        {14, 7, CLO_IMAGE_VA, "IllegalAccess"},
        {0, 0, 0, "IntegerDivideError"},
        {6, 0, 0, "IllegalInstruction"},
        {13, 0, 0, "GeneralProtection"},
        {200, 0, 0, "CpuException"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[CLO_FAULT_TEXT_MAX];
        struct clo_vm_exit exit = {.kind = CLO_VM_FAULT,
                                   .vector = cases[i].vector,
                                   .error_code = cases[i].code,
                                   .fault_address = cases[i].address};
        assert_string_equal(clo_fault_describe(&exit, text), cases[i].type);
        assert_true(strlen(text) > 10);
    }
    char text[CLO_FAULT_TEXT_MAX];
    for (uint64_t trap = 1; trap < CLO_TRAP_COUNT; trap++)
        assert_non_null(clo_trap_describe(trap, text));
    assert_null(clo_trap_describe(0, text));
    assert_null(clo_trap_describe(CLO_TRAP_COUNT, text));
    assert_null(clo_trap_describe(UINT64_MAX, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_handed_on_and_cut_at_the_limit),
        cmocka_unit_test(records_that_break_the_contract_are_refused),
        cmocka_unit_test(outcomes_are_read),
        cmocka_unit_test(outcomes_that_break_the_contract_are_refused),
        cmocka_unit_test(lone_surrogates_do_not_leave_the_sandbox),
        cmocka_unit_test(faults_have_the_cause_of_the_wasm_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
