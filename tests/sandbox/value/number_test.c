/* number_test.c - numbers are compared, converted, read and written as Python does it.
 *
 * number_cases.py makes the cases as the test runs: every pair of the limits of the number types,
 * and random ones of a seed that is printed (CLOCHE_TEST_SEED sets another). Each case is a line of
 * an operation, what must come of it, and its arguments; values are CBOR in hexadecimal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/quantity.h"
#include "base/yaml/yaml.h"
#include "json_write.h"
#include "sandbox/tool/schema.h"
#include "sandbox/value/cbor.h"
#include "sandbox/value/value_compare.h"
#include "sandbox/value/value_json.h"
#include "serve/protocol/field.h"

#define NOT_HERE 77
#define ARGUMENTS_MAX 3
#define CASES_LEAST 200000 /* fewer: the generator broke off */
#define RESULT_MAX 8192

static const char *generator;

static void write_hex(char *out, const void *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        sprintf(out + 2 * i, "%02x", ((const uint8_t *)data)[i]);
    out[2 * length] = '\0';
}

static void take(struct clo_value *value, const char *hex)
{
    size_t length = strlen(hex) / 2;
    uint8_t *bytes = malloc(length + 1);
    struct clo_error error;
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    if (clo_cbor_decode(value, bytes, length, &error))
        fail_msg("%.200s: %s", hex, error.message);
    free(bytes);
}

static void give(char *out, const struct clo_value *value)
{
    struct clo_buffer bytes = CLO_BUFFER(RESULT_MAX / 2 - 1);
    assert_int_equal(clo_cbor_encode(&bytes, value, NULL), 0);
    write_hex(out, bytes.data, bytes.length);
    clo_buffer_free(&bytes);
}

/* ---- one operation each: its result as text into `out`, which says "none" ---- */

static void cbor(char **arguments, char *out)
{
    struct clo_value value;
    take(&value, arguments[0]);
    give(out, &value);
    clo_value_clear(&value);
}

static void number(char **arguments, char *out)
{
    struct clo_value value;
    double number;
    uint64_t bits;
    take(&value, arguments[0]);
    if (clo_value_number(&value, &number)) {
        memcpy(&bits, &number, sizeof bits);
        sprintf(out, "%016llx", (unsigned long long)bits);
    }
    clo_value_clear(&value);
}

static void integer(char **arguments, char *out)
{
    struct clo_value value;
    int64_t integer;
    take(&value, arguments[0]);
    if (clo_value_integer(&value, &integer))
        sprintf(out, "%lld", (long long)integer);
    clo_value_clear(&value);
}

/* Is {"x": value} taken by a schema for x? The value as the tool would see it, or none. */
static bool check(const char *keywords, const char *hex, char *seen)
{
    char text[2 * RESULT_MAX];
    struct clo_schema *schema;
    struct clo_value arguments = {0}, value;
    struct clo_error error;
    snprintf(text, sizeof text, "{\"properties\": {\"x\": %s}}", keywords);
    if (clo_schema_compile(&schema, text, &error))
        fail_msg("%s: %s", keywords, error.message);
    take(&value, hex);
    clo_value_set_map(&arguments);
    *clo_value_put(&arguments, "x") = value;
    bool good = clo_schema_check(schema, &arguments, "t", &error) == 0;
    if (good && seen)
        give(seen, clo_value_get(&arguments, "x"));
    clo_value_clear(&arguments);
    clo_schema_free(schema);
    return good;
}

static void whole(char **arguments, char *out)
{
    check("{\"type\": \"integer\"}", arguments[0], out);
}

static void check_one(char **arguments, char *out)
{
    sprintf(out, "%d", check(arguments[0], arguments[1], NULL));
}

static void schema(char **arguments, char *out)
{
    struct clo_schema *schema = NULL;
    sprintf(out, "%d", clo_schema_compile(&schema, arguments[0], NULL) == 0);
    clo_schema_free(schema);
}

/* "1.25e+20" as 125 and the exponent of a leading 0.125: the same for each way to write it. */
static int digits_of(const char *text, char *digits)
{
    int exponent = 0;
    bool fraction = false;
    size_t used = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text == '-' || *text == '.') {
            fraction = fraction || *text == '.';
        } else if (used || *text != '0') {
            digits[used++] = *text;
            exponent += !fraction;
        } else {
            exponent -= fraction;
        }
    }
    while (used && digits[used - 1] == '0')
        used--;
    digits[used] = '\0';
    return used ? exponent + (*text ? atoi(text + 1) : 0) : 0;
}

/* The same digits as Python's, whether or not with an exponent: then Python's text, else ours. */
static void write_json(char **arguments, char *out)
{
    struct clo_value value;
    struct clo_buffer text = CLO_BUFFER(RESULT_MAX - 1);
    char ours[RESULT_MAX], theirs[RESULT_MAX];
    const char *want = arguments[ARGUMENTS_MAX];
    take(&value, arguments[0]);
    if (clo_value_write_json(&text, &value, NULL) == 0) {
        bool same = digits_of(text.data, ours) == digits_of(want, theirs) &&
                    strcmp(ours, theirs) == 0 && (*text.data == '-') == (*want == '-') &&
                    !strpbrk(text.data, ".e") == !strpbrk(want, ".e");
        strcpy(out, same ? want : text.data);
    }
    clo_buffer_free(&text);
    clo_value_clear(&value);
}

static void read_json(char **arguments, char *out)
{
    struct clo_value value;
    if (clo_value_parse_json(&value, arguments[0], strlen(arguments[0]), NULL) == 0)
        give(out, &value);
    clo_value_clear(&value);
}

static bool is_nan(const struct clo_value *value)
{
    double number = 0;
    return clo_value_number(value, &number) && number != number;
}

static void order(char **arguments, char *out)
{
    struct clo_value left, right;
    bool equal;
    take(&left, arguments[0]);
    take(&right, arguments[1]);
    int order = clo_value_order(&left, &right);
    assert_int_equal(clo_value_equal(&left, &right, &equal), 0);
    sprintf(out, "%d", order < 0 ? -1 : order > 0);
    if (equal != (order == 0 && !is_nan(&left)))
        sprintf(out, "%d, but equal is %d", order, equal);
    clo_value_clear(&left);
    clo_value_clear(&right);
}

static void equal(char **arguments, char *out)
{
    struct clo_value left, right;
    bool equal, back;
    take(&left, arguments[0]);
    take(&right, arguments[1]);
    assert_int_equal(clo_value_equal(&left, &right, &equal), 0);
    assert_int_equal(clo_value_equal(&right, &left, &back), 0);
    sprintf(out, "%d", equal);
    if (equal != back)
        strcpy(out, "one way only");
    clo_value_clear(&left);
    clo_value_clear(&right);
}

static void multiple(char **arguments, char *out)
{
    struct clo_value value, of;
    take(&value, arguments[0]);
    take(&of, arguments[1]);
    sprintf(out, "%d", clo_value_is_multiple(&value, &of));
    clo_value_clear(&value);
    clo_value_clear(&of);
}

static void size(char **arguments, char *out)
{
    uint64_t bytes;
    if (clo_size_parse(arguments[0], &bytes, NULL) == 0)
        sprintf(out, "%llu", (unsigned long long)bytes);
}

static void duration(char **arguments, char *out)
{
    uint64_t ms;
    if (clo_duration_parse(arguments[0], &ms, NULL) == 0)
        sprintf(out, "%llu", (unsigned long long)ms);
}

static void count(char **arguments, char *out)
{
    char text[128];
    struct clo_yaml *yaml;
    uint64_t value = 0;
    snprintf(text, sizeof text, "k: %s\n", arguments[2]);
    assert_int_equal(clo_yaml_parse(&yaml, "a.yaml", text, strlen(text), NULL), 0);
    if (clo_yaml_count(clo_yaml_root(yaml), "k", strtoull(arguments[0], NULL, 10),
                       strtoull(arguments[1], NULL, 10), &value, NULL) == 0)
        sprintf(out, "%llu", (unsigned long long)value);
    clo_yaml_close(yaml);
}

static void field(char **arguments, char *out)
{
    bool whole = strcmp(arguments[0], "integer") == 0;
    struct clo_field field = {"x", whole ? CLO_FIELD_INTEGER : CLO_FIELD_NUMBER,
                              strtod(arguments[1], NULL), strtod(arguments[2], NULL), NULL};
    struct clo_problem problem;
    json_t *value = json_loads(arguments[3], JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    sprintf(out, "%d", clo_field_check(value, &field, "x", &problem) == 0);
    json_decref(value);
}

static const struct operation {
    const char *name;
    void (*run)(char **arguments, char *out);
} operations[] = {
    {"cbor", cbor},       {"number", number},     {"integer", integer},   {"whole", whole},
    {"check", check_one}, {"schema", schema},     {"write", write_json},  {"read", read_json},
    {"order", order},     {"equal", equal},       {"multiple", multiple}, {"size", size},
    {"count", count},     {"duration", duration}, {"field", field},
};
#define OPERATIONS (sizeof operations / sizeof *operations)

static size_t done[OPERATIONS];

static bool run_case(char *line)
{
    char whole_line[400], out[2 * RESULT_MAX] = "none";
    char *parts[2 + 4] = {NULL}, *rest = line;
    snprintf(whole_line, sizeof whole_line, "%s", line);
    for (size_t i = 0; i < 6 && rest; i++)
        parts[i] = strsep(&rest, "\t");
    for (size_t i = 0; i < OPERATIONS; i++) {
        if (strcmp(operations[i].name, parts[0]) != 0)
            continue;
        done[i]++;
        if (strcmp(parts[0], "write") == 0)
            parts[2 + ARGUMENTS_MAX] = parts[1];
        operations[i].run(parts + 2, out);
        if (strcmp(out, parts[1]) == 0)
            return true;
        print_error("%s\n   is %.200s\n", whole_line, out);
        return false;
    }
    fail_msg("no operation: %s", whole_line);
    return false;
}

static void numbers_are_what_python_says(void **state)
{
    (void)state;
    const char *seed = getenv("CLOCHE_TEST_SEED");
    char command[8192];
    snprintf(command, sizeof command, "python3 -B '%s' %lu", generator,
             seed ? strtoul(seed, NULL, 10) : 14);
    print_message("%s\n", command);
    FILE *cases = popen(command, "r");
    assert_non_null(cases);
    char *line = NULL;
    size_t room = 0, count = 0, wrong = 0;
    for (ssize_t length; wrong < 20 && (length = getline(&line, &room, cases)) > 0; count++) {
        line[length - 1] = '\0';
        wrong += !run_case(line);
    }
    free(line);
    int ended = pclose(cases);
    assert_int_equal(wrong, 0);
    assert_int_equal(ended, 0);
    assert_true(count >= CASES_LEAST);
    for (size_t i = 0; i < OPERATIONS; i++)
        if (!done[i])
            fail_msg("no case for %s", operations[i].name);
}

int main(int count, char **arguments)
{
    if (count < 2) {
        printf("number_test needs the path of number_cases.py\n");
        return NOT_HERE;
    }
    generator = arguments[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_are_what_python_says)};
    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
