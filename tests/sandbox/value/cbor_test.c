/* cbor_test.c - CBOR: round trips, every class of malformed input, ceilings, random bytes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/value/cbor.h"

static size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t length = 0;
    for (; *hex; hex += 2) {
        unsigned byte;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        bytes[length++] = (uint8_t)byte;
    }
    return length;
}

/* Bytes that must come back as they are: this encoder writes the shortest heads and float64. */
static void what_is_decoded_is_encoded_again(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "f6",
        "f4",
        "f5",
        "00",
        "17",
        "1818",
        "1903e8",
        "1a000f4240",
        "1b7fffffffffffffff",
        "20",
        "3863",
        "3b7fffffffffffffff",
        "c2488000000000000000",   /* 2^63, kept as a big integer */
        "c249010000000000000000", /* 2^64 */
        "c349010000000000000000", /* -2^64 - 1 */
        "fb3ff8000000000000",
        "fb7ff0000000000000",
        "fbfff0000000000000",
        "fb8000000000000000",
        "60",
        "6161",
        "62c3a9",
        "63eda080" /* a lone surrogate */,
        "64f09f9880",
        "6100",
        "40",
        "43010203",
        "80",
        "83010203",
        "826161f6",
        "a0",
        "a161616162",
        "a26161016162820203",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[64];
        size_t length = from_hex(cases[i], bytes);
        struct clo_value value;
        struct clo_error error = {0};
        struct clo_buffer buffer = CLO_BUFFER(1024);
        if (clo_cbor_decode(&value, bytes, length, &error))
            fail_msg("%s: %s", cases[i], error.message);
        assert_int_equal(clo_cbor_encode(&buffer, &value, &error), 0);
        assert_int_equal(buffer.length, length);
        assert_memory_equal(buffer.data, bytes, length);
        clo_buffer_free(&buffer);
        clo_value_clear(&value);
    }
}

static void other_spellings_of_numbers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        double number;
    } cases[] = {
        {"f93c00", 1.0},
        {"f90001", 0x1p-24},
        {"f983ff", -0x3ffp-24},
        {"f90400", 0x1p-14},
        {"f97bff", 65504},
        {"f9fc00", -INFINITY},
        {"fa3fc00000", 1.5},
        {"1800", 0},
        {"1b0000000000000005", 5},
        {"c24105", 5},
        {"c34104", -5},
        {"c240", 0},
        {"c2420005", 5},
        {"c3487fffffffffffffff", -0x1p63},
        {"1bffffffffffffffff", 0x1p64},
        {"3bffffffffffffffff", -0x1p64},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[64];
        struct clo_value value;
        double number;
        assert_int_equal(clo_cbor_decode(&value, bytes, from_hex(cases[i].hex, bytes), NULL), 0);
        assert_true(clo_value_number(&value, &number));
        if (number != cases[i].number)
            fail_msg("%s is %g", cases[i].hex, number);
        clo_value_clear(&value);
    }
    uint8_t nan[] = {0xf9, 0x7e, 0x00};
    struct clo_value value;
    assert_int_equal(clo_cbor_decode(&value, nan, sizeof nan, NULL), 0);
    double number = 0;
    assert_true(clo_value_number(&value, &number) && isnan(number));
}

static void malformed_bytes_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *words;
    } cases[] = {
        {"", "mid-value"},
        {"18", "cut off"},
        {"1b00", "cut off"},
        {"fb00", "cut off"},
        {"6261", "cut off"},
        {"5affffffff00", "cut off"},
        {"7bffffffffffffffff", "cut off"},
        {"0000", "follow"},
        {"a000", "follow"},
        {"8201", "claims"},
        {"a161", "claims"},
        {"a16161", "mid-value"},
        {"9a000fffff00", "claims"},
        {"9bffffffffffffffff", "claims"},
        {"bbffffffffffffffff", "claims"},
        {"9f01ff", "indefinite"},
        {"bf616101ff", "indefinite"},
        {"5f4101ff", "indefinite"},
        {"7f6161ff", "indefinite"},
        {"ff", "indefinite"},
        {"f7", "undefined"},
        {"f0", "begins no"},
        {"f818", "begins no"},
        {"1c", "begins no"},
        {"fc", "begins no"},
        {"1f", "begins no"},
        {"3f", "begins no"},
        {"df", "begins no"},
        {"f8ff", "begins no"},
        {"d9", "cut off"},
        {"c06161", "tag 0"},
        {"c761", "tag 7"},
        {"d8184100", "tag 24"},
        {"c201", "no byte string"},
        {"c26101", "no byte string"},
        {"c2", "mid-value"},
        {"a10102", "not text"},
        {"a1416101", "not text"},
        {"a1f601", "not text"},
        {"a261610161610200", "twice"},
        {"a2616101616102", "twice"},
        {"61ff", "UTF-8"},
        {"62c080", "UTF-8"},
        {"63e08080", "UTF-8"},
        {"64f4908080", "UTF-8"},
        {"61c3", "UTF-8"},
        {"62c328", "UTF-8"},
        {"64f0808080", "UTF-8"},
        {"a161ff01", "not text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[64];
        size_t length = from_hex(cases[i].hex, bytes);
        struct clo_value value = {{CLO_LIST}}; /* of before */
        struct clo_error error = {0};
        int status = clo_cbor_decode(&value, bytes, length, &error);
        if (status != CLO_EINVALID || !strstr(error.message, cases[i].words))
            fail_msg("%s: %d '%s', wanted '%s'", cases[i].hex, status, error.message,
                     cases[i].words);
        assert_int_equal(clo_value_type(&value), CLO_NULL);
    }
}

static void every_cut_of_a_message_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[64];
    size_t length = from_hex("82636162638261"
                             "61fb3ff8000000000000",
                             bytes);
    struct clo_value value;
    assert_int_equal(clo_cbor_decode(&value, bytes, length, NULL), 0);
    clo_value_clear(&value);
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1); /* so that a sanitizer sees a read beyond it */
        memcpy(exact, bytes, cut);
        assert_int_not_equal(clo_cbor_decode(&value, exact, cut, NULL), 0);
        free(exact);
    }
}

static void depth_and_size_have_ceilings(void **state)
{
    (void)state;
    static uint8_t bytes[CLO_VALUE_NODES_MAX + 16];
    struct clo_value value;
    struct clo_error error;
    memset(bytes, 0x81, CLO_VALUE_DEPTH_MAX);
    bytes[CLO_VALUE_DEPTH_MAX] = 0;
    assert_int_equal(clo_cbor_decode(&value, bytes, CLO_VALUE_DEPTH_MAX + 1, &error), 0);
    struct clo_buffer buffer = CLO_BUFFER(1 << 20);
    assert_int_equal(clo_cbor_encode(&buffer, &value, &error), 0);
    struct clo_value outer = {0};
    clo_value_set_list(&outer);
    struct clo_value *inner = clo_value_append(&outer);
    assert_non_null(inner);
    *inner = value;
    assert_int_equal(clo_cbor_encode(&buffer, &outer, &error), CLO_ELIMIT);
    assert_non_null(strstr(error.message, "128 levels"));
    clo_value_clear(&outer);
    clo_buffer_free(&buffer);
    memset(bytes, 0x81, CLO_VALUE_DEPTH_MAX + 1);
    bytes[CLO_VALUE_DEPTH_MAX + 1] = 0;
    assert_int_equal(clo_cbor_decode(&value, bytes, CLO_VALUE_DEPTH_MAX + 2, &error), CLO_ELIMIT);

    static const uint8_t head[] = {0x9a, 0x00, 0x10, 0x00, 0x00}; /* 2^20 items: one too many */
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, head, sizeof head);
    assert_int_equal(clo_cbor_decode(&value, bytes, CLO_VALUE_NODES_MAX + sizeof head, &error),
                     CLO_ELIMIT);
    bytes[2] = 0x0f; /* fewer, and the rest is left over */
    assert_int_equal(clo_cbor_decode(&value, bytes, CLO_VALUE_NODES_MAX + sizeof head, &error),
                     CLO_EINVALID);
}

static void encoding_keeps_to_the_buffer_and_to_utf8(void **state)
{
    (void)state;
    struct clo_value value = {0};
    struct clo_error error;
    struct clo_buffer small = CLO_BUFFER(10);
    assert_int_equal(clo_value_set_text(&value, "more than ten bytes"), 0);
    assert_int_equal(clo_cbor_encode(&small, &value, &error), CLO_ELIMIT);
    assert_non_null(strstr(error.message, "10 bytes"));
    clo_buffer_reset(&small);
    assert_int_equal(clo_value_set_text(&value, "\xff"), 0);
    assert_int_equal(clo_cbor_encode(&small, &value, &error), CLO_EINVALID);
    clo_buffer_free(&small);
    clo_value_clear(&value);
}

static void random_bytes_never_break_the_decoder(void **state)
{
    (void)state;
    unsigned seed = 12345;
    size_t good = 0;
    for (int round = 0; round < 200000; round++) {
        uint8_t bytes[48];
        size_t length = (size_t)rand_r(&seed) % sizeof bytes;
        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)(rand_r(&seed) >> 8);
        struct clo_value value;
        if (clo_cbor_decode(&value, bytes, length, NULL) == 0) {
            struct clo_buffer buffer = CLO_BUFFER(4096);
            assert_int_equal(clo_cbor_encode(&buffer, &value, NULL), 0);
            clo_buffer_free(&buffer);
            clo_value_clear(&value);
            good++;
        }
    }
    assert_true(good > 100);
}

static void a_map_of_many_members_takes_no_time(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    struct clo_buffer buffer = CLO_BUFFER(8 << 20);
    clo_cbor_put_map(&buffer, COUNT);
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "key%d", i);
        clo_cbor_put_string(&buffer, name);
        clo_cbor_put_integer(&buffer, i);
    }
    struct clo_value value;
    assert_int_equal(clo_cbor_decode(&value, (const uint8_t *)buffer.data, buffer.length, NULL), 0);
    assert_int_equal(clo_value_count(&value), COUNT);
    int64_t last = 0;
    assert_true(clo_value_integer(clo_value_get(&value, "key199999"), &last) && last == 199999);
    clo_value_clear(&value);
    clo_buffer_free(&buffer);
}

/* Places are taken when a container opens: those of all levels together have the ceiling. */
static void nested_claims_add_up(void **state)
{
    (void)state;
    static uint8_t bytes[CLO_VALUE_NODES_MAX];
    const uint8_t half[] = {0x9a, 0x00, 0x08, 0x00, 0x00}; /* a list of CLO_VALUE_NODES_MAX / 2 */
    struct clo_value value;
    struct clo_error error;
    for (size_t level = 0; level < 100; level++)
        memcpy(bytes + level * sizeof half, half, sizeof half);
    assert_int_equal(clo_cbor_decode(&value, bytes, sizeof bytes, &error), CLO_ELIMIT);
    assert_non_null(strstr(error.message, "more than 1048576 parts"));
    assert_int_equal(clo_value_type(&value), CLO_NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_decoded_is_encoded_again),
        cmocka_unit_test(other_spellings_of_numbers_are_read),
        cmocka_unit_test(malformed_bytes_are_refused_with_a_reason),
        cmocka_unit_test(every_cut_of_a_message_is_refused),
        cmocka_unit_test(depth_and_size_have_ceilings),
        cmocka_unit_test(encoding_keeps_to_the_buffer_and_to_utf8),
        cmocka_unit_test(random_bytes_never_break_the_decoder),
        cmocka_unit_test(a_map_of_many_members_takes_no_time),
        cmocka_unit_test(nested_claims_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
