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

/* Records in this order, under this limit; what is handed on of each stream, without where it was
 * divided. */
static void take_all(const char *const *records, uint64_t limit, char out[64], char err[64])
{
    static struct clo_output_records output;
    static uint8_t area[CLO_OUTPUT_AREA_SIZE];
    seen[0] = '\0';
    clo_output_records_begin(&output, sink, NULL, limit);
    for (; *records; records++) { /* "o..." or "e..." */
        size_t length = put_record(area, 0, **records == 'e' ? 2 : 1, *records + 1);
        assert_int_equal(clo_output_records_take(&output, area, (uint32_t)length, NULL), 0);
    }
    clo_output_end(&output);
    *out = *err = '\0';
    for (char *rest = seen, *piece; (piece = strsep(&rest, "|")) && *piece;)
        strcat(*piece == 'e' ? err : out, piece + 1);
}

static void no_character_is_cut(void **state)
{
    (void)state;
    static const struct {
        const char *records[8];
        uint64_t limit;
        const char *out, *err;
    } cases[] = {
        /* the limit in a character: it is left out; at its end: it is there */
        {{"o\u20ac\u20ac"}, 4, "\u20ac", ""},
        {{"o\u20ac\u20ac"}, 5, "\u20ac", ""},
        {{"o\u20ac\u20ac"}, 6, "\u20ac\u20ac", ""},
        {{"o\u20ac\u20acx"}, 6, "\u20ac\u20ac", ""},
        {{"e\u00e9\U0001f600"}, 5, "", "\u00e9"},
        {{"o\u20ac"}, 2, "", ""},
        /* divided between records: whole or not at all */
        {{"oab\xe2", "o\x82\xac", "oc"}, 9, "ab\u20acc", ""},
        {{"oab\xe2", "o\x82\xac", "oc"}, 5, "ab\u20ac", ""},
        {{"oab\xe2", "o\x82\xac", "oc"}, 4, "ab", ""},
        {{"oab\xe2", "o\x82", "o\xac", "oc"}, 4, "ab", ""},
        {{"oab\xf0\x9f", "o\x98\x80"}, 6, "ab\U0001f600", ""},
        {{"oab\xf0\x9f", "o\x98\x80"}, 5, "ab", ""},
        /* with the other stream between */
        {{"oa\xe2", "ebc", "o\x82\xac"}, 6, "a\u20ac", "bc"},
        {{"oa\xe2", "ebc", "o\x82\xac"}, 5, "a", "bc"},
        {{"oa\xe2", "e\xc3", "o\x82\xac", "e\xa9"}, 6, "a\u20ac", "\u00e9"},
        {{"oa\xe2", "e\xc3", "o\x82\xac", "e\xa9"}, 5, "a\u20ac", ""},
        /* what is no text comes to the last byte */
        {{"oab\xff\xff"}, 3, "ab\xff", ""},
        {{"oab\xe2"}, 3, "ab\xe2", ""},
        {{"oab\xe2", "oc"},
         4,
         "ab\xe2"
         "c",
         ""},
        {{"o\xe2\xe2", "o\xe2", "o\x82"}, 9, "\xe2\xe2\xe2\x82", ""},
        {{"o\x80\x80\x80\x80\x80"}, 3, "\x80\x80\x80", ""},
        {{"o\xe0\x80x"}, 2, "\xe0\x80", ""},
        {{"o\xf4\x90", "o\x80"}, 2, "\xf4\x90", ""},
        {{"ox\xc0", "oy"}, 2, "x\xc0", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[64], err[64];
        take_all(cases[i].records, cases[i].limit, out, err);
        if (strcmp(out, cases[i].out) != 0 || strcmp(err, cases[i].err) != 0)
            fail_msg("case %zu: '%s' and '%s'", i, out, err);
    }
}

static void a_line_of_the_hosts_comes_after_what_is_held(void **state)
{
    (void)state;
    static struct clo_output_records output;
    static uint8_t area[CLO_OUTPUT_AREA_SIZE];
    seen[0] = '\0';
    clo_output_records_begin(&output, sink, NULL, 10);
    size_t length = put_record(area, 0, 2, "a\n\xe2");
    assert_int_equal(clo_output_records_take(&output, area, (uint32_t)length, NULL), 0);
    clo_output_records_note(&output, "stopped");
    assert_string_equal(seen, "ea\n|e\xe2|e\ncloche: stopped\n|");
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

static bool refused;

static int decode(const char *json, struct clo_run_result *result, struct clo_error *error)
{
    struct clo_value value;
    struct clo_buffer bytes = CLO_BUFFER(4096);
    assert_int_equal(clo_value_parse_json(&value, json, strlen(json), NULL), 0);
    assert_int_equal(clo_cbor_encode(&bytes, &value, NULL), 0);
    int status =
        clo_outcome_decode(result, (const uint8_t *)bytes.data, bytes.length, &refused, error);
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
    assert_int_equal(clo_outcome_decode(result, (const uint8_t *)"\xff", 1, &refused, NULL),
                     CLO_EGUEST);
    assert_int_equal(clo_outcome_decode(result, NULL, 0, &refused, NULL), CLO_EGUEST);
    clo_run_result_free(result);
}

/* What is told of repairs is one line with a ceiling, whatever the guest makes of it. */
static void a_note_is_a_line(void **state)
{
    (void)state;
    struct clo_run_result *result = calloc(1, sizeof *result);
    assert_int_equal(
        decode("{\"exit_code\":0,\"error\":null,\"note\":\"a\\nb\\u001bc\\u007f\"}", result, NULL),
        0);
    assert_string_equal(result->note, "a b c ");
    clo_run_result_free(result);
    struct clo_buffer bytes = CLO_BUFFER(1u << 16);
    clo_cbor_put_map(&bytes, 2);
    clo_cbor_put_string(&bytes, "exit_code");
    clo_cbor_put_integer(&bytes, 0);
    clo_cbor_put_string(&bytes, "note");
    char *text = malloc(3002);
    for (size_t i = 0; i < 1000; i++)
        memcpy(text + 1 + 3 * i, "\xe2\x82\xac", 4);
    text[0] = 'x';
    clo_cbor_put_text(&bytes, text, 3001);
    result = calloc(1, sizeof *result);
    assert_int_equal(
        clo_outcome_decode(result, (const uint8_t *)bytes.data, bytes.length, &refused, NULL), 0);
    assert_int_equal(strlen(result->note), 1024); /* 1 and 341 characters of three bytes */
    clo_run_result_free(result);
    free(text);
    clo_buffer_free(&bytes);
    static const char *const none[] = {"5", "null", "[\"a\"]", "{\"a\":1}"};
    for (size_t i = 0; i < 4; i++) {
        char json[80];
        snprintf(json, sizeof json, "{\"exit_code\":0,\"error\":null,\"note\":%s}", none[i]);
        result = calloc(1, sizeof *result);
        assert_int_equal(decode(json, result, NULL), 0);
        assert_null(result->note);
        clo_run_result_free(result);
    }
}

/* That no code was run, a guest says by `true` alone. */
static void a_refusal_is_a_word_of_its_own(void **state)
{
    static const struct {
        const char *json;
        bool refused;
    } cases[] = {
        {"{\"exit_code\":1,\"error\":null,\"refused\":true}", true},
        {"{\"exit_code\":1,\"error\":null,\"refused\":false}", false},
        {"{\"exit_code\":1,\"error\":null,\"refused\":1}", false},
        {"{\"exit_code\":1,\"error\":null,\"refused\":\"true\"}", false},
        {"{\"exit_code\":1,\"error\":null}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_run_result *result = calloc(1, sizeof *result);
        refused = !cases[i].refused;
        assert_int_equal(decode(cases[i].json, result, NULL), 0);
        assert_int_equal(refused, cases[i].refused);
        clo_run_result_free(result);
    }
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
    assert_int_equal(
        clo_outcome_decode(result, (const uint8_t *)bytes.data, bytes.length, &refused, NULL), 0);
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
        /* the edges of both stacks */
        {14, 6, CLO_STACK_VA - 1, "StackOverflow"},
        {14, 6, CLO_STACK_VA - (16ull << 20), "StackOverflow"},
        {14, 6, CLO_STACK_VA - (16ull << 20) - 1, "IllegalAccess"},
        {14, 6, CLO_LINEAR_MAX - (64ull << 10), "StackOverflow"},
        {14, 6, CLO_LINEAR_MAX - (64ull << 10) - 1, "OutOfBounds"},
        {14, 4, CLO_LINEAR_MAX + (64ull << 10) - 1, "StackOverflow"},
        {14, 4, CLO_LINEAR_MAX + (64ull << 10), "OutOfBounds"},
        /* no stack is run */
        {14, 0x14, CLO_STACK_VA - 8, "IllegalExecution"},
        {14, 0x14, CLO_LINEAR_MAX - 8, "IllegalExecution"},
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
        cmocka_unit_test(no_character_is_cut),
        cmocka_unit_test(a_line_of_the_hosts_comes_after_what_is_held),
        cmocka_unit_test(records_that_break_the_contract_are_refused),
        cmocka_unit_test(outcomes_are_read),
        cmocka_unit_test(outcomes_that_break_the_contract_are_refused),
        cmocka_unit_test(a_note_is_a_line),
        cmocka_unit_test(a_refusal_is_a_word_of_its_own),
        cmocka_unit_test(lone_surrogates_do_not_leave_the_sandbox),
        cmocka_unit_test(faults_have_the_cause_of_the_wasm_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
