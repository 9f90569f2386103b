/* contract_test.c - wrong operations, ends, output and growth, against the real runner and host_calls:
 * what the guest may not say ends its run with a reason, what it may get wrong is refused, and
 * nobody else notices. contract_calls_test.c has the tool calls. */
#include "contract_host.h"

/* ---- operations ---- */

static const struct attack operations[] = {
    {"operation 0", {OP(0)}, .want = BROKE "the host call operation 0"},
    {"operation 8", {OP(8)}, .want = BROKE "the host call operation 8"},
    {"operation 255", {OP(255)}, .want = BROKE "the host call operation 255"},
    {"operation 2^31", {OP(1u << 31)}, .want = BROKE "the host call operation 2147483648"},
    {"operation 2^32 - 1", {OP(UINT32_MAX)}, .want = BROKE "the host call operation 4294967295"},
    {"ready, in a run",
     {OP_WITH(CLO_OP_READY, CLO_IMAGE_VA, 0)},
     .want = BROKE "the host call operation 1"},
    {"interrupt stores, in a run",
     {SET(interrupt_count, 4),
      SET(interrupts[0].address, CONTRACT_MARK_VA),
      SET(interrupts[0].value, 0xbad),
      OP(CLO_OP_FLUSH),
      {STEP_EXPECT, 8, CONTRACT_MARK_VA, 0}},
     .want = "ok",
     .end = RUNS_ON},
    {"sizes of regions, in a run",
     {SET(region_size[0], UINT64_MAX), SET(region_size[1], 1), OP(CLO_OP_FLUSH)},
     .want = "ok",
     .end = RUNS_ON},
    {"all of the guest's part of the page is ones",
     {FILL(CONTROL(op), 0xff, 256), OP(CLO_OP_FLUSH)},
     .want = BROKE "output of 4294967295 bytes"},
    {"the host's part of the page is the guest's to spoil",
     {FILL(CONTROL(status), 0xff, 3840), OP(CLO_OP_FLUSH)},
     .want = "ok",
     .end = RUNS_ON},
};

/* ---- the ways to end ---- */

static const struct attack endings[] = {
    {"done without a message",
     {SET(message_length, 0), OP(CLO_OP_DONE)},
     .want = BROKE "the outcome cannot be read: CBOR ends at byte 0"},
    {"done with garbage",
     {COPY_BLOB(CALL_AREA), SET(message_length, 4), OP(CLO_OP_DONE)},
     BYTES("\xff\x00\xff\x00"),
     .want = BROKE "the outcome cannot be read: "},
    {"done with a number",
     {COPY_BLOB(CALL_AREA), SET(message_length, 1), OP(CLO_OP_DONE)},
     BYTES("\x05"),
     .want = BROKE "the outcome has no exit code"},
    {"done with a text for an exit code",
     {COPY_BLOB(CALL_AREA), SET(message_length, 13), OP(CLO_OP_DONE)},
     BYTES("\xa1\x69"
           "exit_code\x61"
           "5"),
     .want = BROKE "the outcome has no exit code"},
    {"done with an error that has no type",
     {COPY_BLOB(CALL_AREA), SET(message_length, 19), OP(CLO_OP_DONE)},
     BYTES("\xa2\x69"
           "exit_code\x01\x65"
           "error\xa0"),
     .want = BROKE "the outcome's error has no type or no message"},
    {"done with a message behind the area",
     {SET(message_offset, 1), SET(message_length, CLO_MESSAGE_MAX), OP(CLO_OP_DONE)},
     .want = BROKE "a message of 8388608 bytes at 1 in an area of 8388608"},
    {"done with a message at 2^32 - 1",
     {SET(message_offset, UINT32_MAX), SET(message_length, 2), OP(CLO_OP_DONE)},
     .want = BROKE "a message of 2 bytes at 4294967295"},
    {"done with the whole area of zeros",
     {SET(message_offset, 0), SET(message_length, CLO_MESSAGE_MAX), OP(CLO_OP_DONE)},
     .want = BROKE "the outcome cannot be read: 8388607 bytes follow"},
    {"done, twice",
     {COPY_BLOB(CALL_AREA), SET(message_length, 12), OP(CLO_OP_DONE), OUT},
     BYTES("\xa1\x69"
           "exit_code\x09"),
     .want = "ok",
     .exit_code = 9},
    {"done, then a fault",
     {COPY_BLOB(CALL_AREA), SET(message_length, 12), OP(CLO_OP_DONE), ACT(UD2, 0, 0)},
     BYTES("\xa1\x69"
           "exit_code\x03"),
     .want = "ok",
     .exit_code = 3},
    {"an exit code of 64 bits",
     {COPY_BLOB(CALL_AREA), SET(message_length, 20), OP(CLO_OP_DONE)},
     BYTES("\xa1\x69"
           "exit_code\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"),
     .want = "ok",
     .exit_code = 1},
    {"exit 0", {OP_WITH(CLO_OP_EXIT, 0, 0)}, .want = "ok"},
    {"exit 255", {OP_WITH(CLO_OP_EXIT, 255, 0)}, .want = "ok", .exit_code = 255},
    {"exit 2^31 - 1", {OP_WITH(CLO_OP_EXIT, INT32_MAX, 0)}, .want = "ok", .exit_code = INT32_MAX},
    {"exit 2^31", {OP_WITH(CLO_OP_EXIT, 1ull << 31, 0)}, .want = "ok", .exit_code = 1},
    {"exit 2^32", {OP_WITH(CLO_OP_EXIT, 1ull << 32, 0)}, .want = "ok", .exit_code = 1},
    {"exit 2^64 - 1", {OP_WITH(CLO_OP_EXIT, UINT64_MAX, 0)}, .want = "ok", .exit_code = 1},
    {"exit, twice", {OP_WITH(CLO_OP_EXIT, 4, 0), OUT}, .want = "ok", .exit_code = 4},
    {"trap 0", {OP_WITH(CLO_OP_TRAP, 0, 0)}, .want = BROKE "an unknown Wasm trap, 0"},
    {"trap 5", {OP_WITH(CLO_OP_TRAP, 5, 0)}, .want = "fault Unreachable: the program aborted"},
    {"the last trap", {OP_WITH(CLO_OP_TRAP, CLO_TRAP_COUNT - 1, 0)}, .want = "fault StackOverflow"},
    {"a trap behind the last",
     {OP_WITH(CLO_OP_TRAP, CLO_TRAP_COUNT, 0)},
     .want = BROKE "an unknown Wasm trap, 10"},
    {"trap 2^32 + 5",
     {OP_WITH(CLO_OP_TRAP, (1ull << 32) + 5, 0)},
     .want = BROKE "an unknown Wasm trap, 4294967301"},
    {"trap 2^64 - 1",
     {OP_WITH(CLO_OP_TRAP, UINT64_MAX, 0)},
     .want = BROKE "an unknown Wasm trap, 18446744073709551615"},
};

/* ---- output ---- */

#define RECORD(at, stream, length) STORE(4, OUTPUT_AREA + (at), (stream) << 24 | (length))
#define FLUSH(length) SET(output_length, length), OP(CLO_OP_FLUSH)

static const struct attack outputs[] = {
    {"output that fills its area",
     {RECORD(0, 1u, 65532u), FILL(OUTPUT_AREA + 4, '.', 65532), FLUSH(65536)},
     .want = "ok",
     .end = RUNS_ON},
    {"a byte more than the area",
     {RECORD(0, 1u, 65533u), FLUSH(65537)},
     .want = BROKE "output of 65537 bytes in an area of 65536"},
    {"2^32 - 1 bytes of output",
     {FLUSH(UINT32_MAX)},
     .want = BROKE "output of 4294967295 bytes in an area of 65536"},
    {"2^31 bytes of output", {FLUSH(1u << 31)}, .want = BROKE "output of 2147483648 bytes"},
    {"a header of 3 bytes",
     {RECORD(0, 1u, 0u), FLUSH(3)},
     .want = BROKE "an output record's header is cut off after 3 bytes"},
    {"a header cut off by the area's end",
     {RECORD(0, 1u, 65529u), FILL(OUTPUT_AREA + 4, '.', 65529), FLUSH(65536)},
     .want = BROKE "an output record's header is cut off after 3 bytes"},
    {"a record that is longer than what is there",
     {RECORD(0, 1u, 5u), FLUSH(8)},
     .want = BROKE "an output record of 5 bytes where 4 are left"},
    {"a record of 2^24 - 1 bytes",
     {RECORD(0, 2u, 0xffffffu), FLUSH(8)},
     .want = BROKE "an output record of 16777215 bytes where 4 are left"},
    {"stream 0", {RECORD(0, 0u, 1u), FLUSH(5)}, .want = BROKE "an output record for stream 0"},
    {"stream 3", {RECORD(0, 3u, 1u), FLUSH(5)}, .want = BROKE "an output record for stream 3"},
    {"stream 255",
     {RECORD(0, 255u, 1u), FLUSH(5)},
     .want = BROKE "an output record for stream 255"},
    {"empty records",
     {FILL(OUTPUT_AREA, 0, 65536), RECORD(0, 1u, 0u), RECORD(4, 2u, 0u), FLUSH(8)},
     .want = "ok",
     .end = RUNS_ON,
     .out = ""},
    {"a good record before a bad one",
     {RECORD(0, 1u, 4u), STORE(4, OUTPUT_AREA + 4, 0x64636261), RECORD(8, 9u, 1u), FLUSH(13)},
     .want = BROKE "an output record for stream 9",
     .out = "abcd"},
    {"the same output, never taken back",
     {RECORD(0, 1u, 4u), STORE(4, OUTPUT_AREA + 4, 0x64636261), FLUSH(8), OUT, OUT,
      EXPECT(output_length, 0)},
     .want = "ok",
     .end = RUNS_ON,
     .out = "abcd"},
    {"output beyond its limit, for ever",
     {RECORD(0, 1u, 4u), STORE(4, OUTPUT_AREA + 4, 0x64636261), FLUSH(8), LOOP(UINT64_MAX, 3)},
     .want = "limit OutputLimitExceeded: output limit of 10 bytes",
     .out = "abcdabcdab",
     .output = 10},
    {"bad output with the end",
     {RECORD(0, 7u, 0u), SET(output_length, 4), OP_WITH(CLO_OP_EXIT, 0, 0)},
     .want = BROKE "an output record for stream 7"},
    {"a lie about output, then a fault",
     {SET(output_length, UINT32_MAX), ACT(UD2, 0, 0)},
     .want = "fault IllegalInstruction"},
    {"bad output, then a fault",
     {RECORD(0, 7u, 0xffffffu), SET(output_length, 8), ACT(UD2, 0, 0)},
     .want = "fault IllegalInstruction"},
    {"good output, then a fault",
     {RECORD(0, 1u, 4u), STORE(4, OUTPUT_AREA + 4, 0x64636261), SET(output_length, 8),
      ACT(UD2, 0, 0)},
     .want = "fault IllegalInstruction",
     .out = "abcd"},
    {"bad output when the time is over",
     {RECORD(0, 7u, 0xffffffu), SET(output_length, 65536), SPIN},
     .want = "limit TimeLimitExceeded",
     .wall_ms = 20},
};

/* ---- memory ---- */

#define GROW(region, size) OP_WITH(CLO_OP_GROW, region, size)
#define REFUSED EXPECT(status, 1)

static const struct attack growths[] = {
    {"growing region 2", {GROW(2, 1ull << 20)}, .want = BROKE "growth of memory region 2"},
    {"growing region 2^32",
     {GROW(1ull << 32, 1ull << 20)},
     .want = BROKE "growth of memory region 4294967296"},
    {"growing region 2^64 - 1",
     {GROW(UINT64_MAX, 1ull << 20)},
     .want = BROKE "growth of memory region 18446744073709551615"},
    {"growing to nothing", {GROW(0, 0)}, .want = BROKE "growth of memory region 0 to 0 bytes"},
    {"growing by nothing",
     {GROW(0, CONTRACT_LINEAR)},
     .want = BROKE "growth of memory region 0 to 131072 bytes, where it has 131072"},
    {"shrinking", {GROW(0, 65536)}, .want = BROKE "growth of memory region 0 to 65536 bytes"},
    {"growing by a byte",
     {GROW(1, CONTRACT_HEAP + 1)},
     .want = BROKE "growth of memory region 1 to 65537 bytes"},
    {"growing by a page",
     {GROW(0, CONTRACT_LINEAR + 4096)},
     .want = BROKE "growth of memory region 0 to 135168 bytes"},
    {"growing to 2^64 - 1",
     {GROW(0, UINT64_MAX)},
     .want = BROKE "growth of memory region 0 to 18446744073709551615 bytes"},
    {"growing to 2^64 - 64 KiB", {GROW(0, 0ull - 65536), REFUSED}, .want = "ok", .end = RUNS_ON},
    {"growing to 2^63", {GROW(1, 1ull << 63), REFUSED}, .want = "ok", .end = RUNS_ON},
    {"growing to 2^32 + 1 MiB",
     {GROW(0, (1ull << 32) + (1 << 20)), REFUSED},
     .want = "ok",
     .end = RUNS_ON},
    {"growing a step beyond the limit",
     {GROW(0, CONTRACT_MEMORY - CONTRACT_HEAP + 65536), REFUSED},
     .want = "ok",
     .end = RUNS_ON},
    {"growing to the limit, then the other region",
     {GROW(0, CONTRACT_MEMORY - CONTRACT_HEAP),
      EXPECT(status, 0),
      GROW(1, CONTRACT_HEAP + 65536),
      REFUSED,
      {STEP_EXPECT, 8, CONTRACT_MEMORY - 65544, 0}},
     .want = "ok",
     .end = RUNS_ON},
    {"growing beyond the run's own limit",
     {GROW(0, 48ull << 20), REFUSED, GROW(0, (48ull << 20) - CONTRACT_HEAP), EXPECT(status, 0)},
     .want = "ok",
     .end = RUNS_ON,
     .memory = 48ull << 20},
    {"memory behind the growth",
     {GROW(0, 1ull << 20), EXPECT(status, 0), LOAD(1, 1ull << 20)},
     .want = "fault OutOfBounds: memory access out of bounds, at linear address 0x100000"},
    {"memory behind a growth that was refused",
     {GROW(0, 1ull << 30), REFUSED, STORE(1, CONTRACT_LINEAR, 1)},
     .want = "fault OutOfBounds: memory access out of bounds, at linear address 0x20000"},
};

/* ---- the driver ---- */

static void wrong_operations(void **state)
{
    (void)state;
    contract_check_table(operations, sizeof operations / sizeof *operations);
}

static void wrong_ends(void **state)
{
    (void)state;
    contract_check_table(endings, sizeof endings / sizeof *endings);
}

static void wrong_output(void **state)
{
    (void)state;
    contract_check_table(outputs, sizeof outputs / sizeof *outputs);
}

static void wrong_growth(void **state)
{
    (void)state;
    contract_check_table(growths, sizeof growths / sizeof *growths);
}

static void the_same_in_a_worker(void **state)
{
    (void)state;
    contract_check_in_worker(operations, sizeof operations / sizeof *operations);
    contract_check_in_worker(endings, sizeof endings / sizeof *endings);
    contract_check_in_worker(outputs, sizeof outputs / sizeof *outputs);
    contract_check_in_worker(growths, sizeof growths / sizeof *growths);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_operations),     cmocka_unit_test(wrong_ends),
        cmocka_unit_test(wrong_output),         cmocka_unit_test(wrong_growth),
        cmocka_unit_test(the_same_in_a_worker),
    };
    contract_begin(argc, argv);
    return contract_end(cmocka_run_group_tests(tests, NULL, NULL));
}
