/* schema_test.c - JSON Schema: a table of schema, arguments and the message that a model reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "json_write.h"
#include "sandbox/tool/schema.h"
#include "sandbox/value/value.h"
#include "sandbox/value/value_json.h"

/* Schemas of one argument are written without the object around them. */
#define ONE(schema) "{\"type\":\"object\",\"properties\":{\"x\":" schema "}}"

static const struct {
    const char *schema, *arguments, *message; /* NULL: they fit */
} cases[] = {
    {ONE("{\"type\":\"string\"}"), "{\"x\":\"a\"}", NULL},
    {ONE("{\"type\":\"string\"}"), "{\"x\":5}", "t: argument 'x' is 5; it must be a string"},
    {"{\"required\":[\"x\"],\"properties\":{\"x\":{\"type\":\"string\"}}}", "{\"x\":null}",
     "t: argument 'x' is null; it must be a string"},
    {ONE("{\"type\":\"string\"}"), "{}", NULL},
    {ONE("{\"type\":\"number\"}"), "{\"x\":3}", NULL},
    {ONE("{\"type\":\"number\"}"), "{\"x\":true}", "t: argument 'x' is true; it must be a number"},
    {ONE("{\"type\":\"integer\"}"), "{\"x\":true}",
     "t: argument 'x' is true; it must be an integer"},
    {ONE("{\"type\":\"integer\"}"), "{\"x\":2.5}", "t: argument 'x' is 2.5; it must be an integer"},
    {ONE("{\"type\":\"integer\"}"), "{\"x\":2.0}", NULL},
    {ONE("{\"type\":[\"string\",\"null\"]}"), "{\"x\":null}", NULL},
    {ONE("{\"type\":[\"string\",\"null\"]}"), "{\"x\":[1]}",
     "t: argument 'x' is a list of 1 item; it must be null or a string"},
    {ONE("{\"type\":\"boolean\"}"), "{\"x\":0}", "t: argument 'x' is 0; it must be true or false"},
    {ONE("{\"type\":\"object\"}"), "{\"x\":[]}",
     "t: argument 'x' is a list of 0 items; it must be an object"},
    {ONE("{\"enum\":[\"add\",\"subtract\",\"multiply\",\"divide\"]}"), "{\"x\":\"modulo\"}",
     "t: argument 'x' is \"modulo\"; it must be one of \"add\", \"subtract\", \"multiply\", \"divide\""},
    {ONE("{\"enum\":[1,null]}"), "{\"x\":1.0}", NULL},
    {ONE("{\"enum\":[1]}"), "{\"x\":true}", "t: argument 'x' is true; it must be one of 1"},
    {ONE("{\"const\":{\"a\":[1,2]}}"), "{\"x\":{\"a\":[1,2.0]}}", NULL},
    {ONE("{\"const\":7}"), "{\"x\":8}", "t: argument 'x' is 8; it must be 7"},
    {"{\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"a\",\"b\"]}", "{\"a\":1}",
     "t: argument 'b' is missing"},
    {"{\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"a\",\"b\"]}", "{}",
     "t: arguments 'a', 'b' are missing"},
    {"{\"properties\":{\"a\":{},\"b\":{}},\"additionalProperties\":false}", "{\"c\":1}",
     "t: unexpected argument 'c'; the arguments are 'a', 'b'"},
    {"{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"c\":1}",
     "t: unexpected argument 'c'; the only argument is 'a'"},
    {"{\"additionalProperties\":false}", "{\"c\":1}",
     "t: unexpected argument 'c'; no arguments are allowed"},
    {"{\"additionalProperties\":{\"type\":\"integer\"}}", "{\"c\":\"y\"}",
     "t: argument 'c' is \"y\"; it must be an integer"},
    {"{\"patternProperties\":{\"^c\":{}},\"additionalProperties\":false}", "{\"c\":1}", NULL},
    {ONE("{\"required\":[\"p\"]}"), "{\"x\":{}}", "t: in argument 'x', member 'p' is missing"},
    {ONE("{\"properties\":{\"p\":{}},\"additionalProperties\":false}"), "{\"x\":{\"q\":1}}",
     "t: in argument 'x', unexpected member 'q'; the only member is 'p'"},
    {ONE("{\"items\":{\"properties\":{\"n\":{\"type\":\"string\"}}}}"),
     "{\"x\":[{\"n\":\"a\"},{\"n\":1}]}", "t: argument 'x[1].n' is 1; it must be a string"},
    {ONE("{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"integer\"}}"),
     "{\"x\":[\"a\",1,\"b\"]}", "t: argument 'x[2]' is \"b\"; it must be an integer"},
    {ONE("{\"minItems\":2}"), "{\"x\":[1]}",
     "t: argument 'x' is a list of 1 item; it must be a list of at least 2 items"},
    {ONE("{\"maxItems\":1}"), "{\"x\":[1,2]}",
     "t: argument 'x' is a list of 2 items; it must be a list of at most 1 items"},
    {ONE("{\"uniqueItems\":true}"), "{\"x\":[1,\"1\",true,[1],{\"a\":1}]}", NULL},
    {ONE("{\"uniqueItems\":true}"), "{\"x\":[{\"a\":1,\"b\":2},3,{\"b\":2.0,\"a\":1}]}",
     "t: argument 'x' is a list of 3 items; it must be a list without repetitions, but item 2 is a repetition"},
    {ONE("{\"minimum\":1}"), "{\"x\":0.5}", "t: argument 'x' is 0.5; it must be at least 1"},
    {ONE("{\"minimum\":1,\"maximum\":2}"), "{\"x\":1}", NULL},
    {ONE("{\"maximum\":2.5}"), "{\"x\":3}", "t: argument 'x' is 3; it must be at most 2.5"},
    {ONE("{\"exclusiveMinimum\":0}"), "{\"x\":0}",
     "t: argument 'x' is 0; it must be greater than 0"},
    {ONE("{\"exclusiveMaximum\":9}"), "{\"x\":9.0}",
     "t: argument 'x' is 9.0; it must be less than 9"},
    {ONE("{\"maximum\":9007199254740993}"), "{\"x\":9007199254740994}",
     "t: argument 'x' is 9007199254740994; it must be at most 9007199254740993"},
    {ONE("{\"multipleOf\":5}"), "{\"x\":7}", "t: argument 'x' is 7; it must be a multiple of 5"},
    {ONE("{\"multipleOf\":0.1}"), "{\"x\":0.3}", NULL},
    {ONE("{\"minLength\":2}"), "{\"x\":\"\xc3\xa9\"}",
     "t: argument 'x' is \"\xc3\xa9\"; it must be at least 2 characters long, not 1"},
    {ONE("{\"maxLength\":1}"), "{\"x\":\"\xc3\xa9\"}", NULL},
    {ONE("{\"maxLength\":1}"), "{\"x\":\"ab\"}",
     "t: argument 'x' is \"ab\"; it must be at most 1 characters long, not 2"},
    {ONE("{\"pattern\":\"^[a-z]+$\"}"), "{\"x\":\"abc\"}", NULL},
    {ONE("{\"pattern\":\"b\"}"), "{\"x\":\"abc\"}", NULL},
    {ONE("{\"pattern\":\"^[a-z]+$\"}"), "{\"x\":\"abc\\n\"}",
     "t: argument 'x' is \"abc \"; it must be a match for the pattern ^[a-z]+$"},
    {ONE("{\"pattern\":\"^(a+)+$\"}"), "{\"x\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}",
     "t: argument 'x' is \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"; it must be shorter or simpler: matching it with the pattern ^(a+)+$ takes too long"},
    {ONE("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}"), "{\"x\":1}",
     "t: argument 'x' is 1; it must be null or a string"},
    {ONE("{\"anyOf\":[{\"minimum\":10},{\"maximum\":0}]}"), "{\"x\":5}",
     "t: argument 'x' is 5; it must be at least 10 (the first of 2 allowed forms; the others do not fit either)"},
    {ONE("{\"anyOf\":[{\"minimum\":10},{\"maximum\":0}]}"), "{\"x\":-5}", NULL},
    {ONE("{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}"), "{\"x\":5}",
     "t: argument 'x' is 5; it must be one of 2 forms, but it fits 2 of them"},
    {ONE("{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}"), "{\"x\":1}", NULL},
    {ONE("{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}"), "{\"x\":4}",
     "t: argument 'x' is 4; it must be at most 3"},
    {ONE("{\"not\":{\"type\":\"string\"}}"), "{\"x\":\"a\"}",
     "t: argument 'x' is \"a\"; it must be of another form: this one is excluded"},
    {ONE("{\"$ref\":\"#/$defs/n\"},\"y\":{}},\"$defs\":{\"n\":{\"type\":\"integer\"}"),
     "{\"x\":\"a\"}", "t: argument 'x' is \"a\"; it must be an integer"},
    {"{\"properties\":{\"t\":{\"$ref\":\"#/$defs/tree\"}},\"$defs\":{\"tree\":{\"type\":\"object\","
     "\"properties\":{\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/tree\"}}}}}}",
     "{\"t\":{\"kids\":[{\"kids\":[]},{\"kids\":[3]}]}}",
     "t: argument 't.kids[1].kids[0]' is 3; it must be an object"},
    {ONE("{\"$ref\":\"#/properties/x\"}"), "{\"x\":1}",
     "t: the arguments are too large to be checked"},
    {ONE("false"), "{\"x\":1}", "t: argument 'x' is 1; it must be absent: nothing is allowed here"},
    {ONE("true"), "{\"x\":1}", NULL},
    {ONE("{\"format\":\"date\",\"default\":3,\"title\":\"X\",\"examples\":[1]}"), "{\"x\":1}",
     NULL},
    {ONE("{\"enum\":[\"a/b\"]},\"p/q\":{\"$ref\":\"#/properties/x\"}},\"z\":{\"y\":0"),
     "{\"p/q\":\"c\"}", "t: argument 'p/q' is \"c\"; it must be one of \"a/b\""},
};

static void arguments_are_judged_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_schema *schema;
        struct clo_value value;
        struct clo_error error = {0};
        if (clo_schema_compile(&schema, cases[i].schema, &error))
            fail_msg("%s: %s", cases[i].schema, error.message);
        assert_int_equal(
            clo_value_parse_json(&value, cases[i].arguments, strlen(cases[i].arguments), &error),
            0);
        int status = clo_schema_check(schema, &value, "t", &error);
        if (!cases[i].message && status)
            fail_msg("%s with %s: %s", cases[i].schema, cases[i].arguments, error.message);
        if (cases[i].message && (!status || strcmp(error.message, cases[i].message) != 0))
            fail_msg("%s with %s:\n  %s\nwanted\n  %s", cases[i].schema, cases[i].arguments,
                     status ? error.message : "(fits)", cases[i].message);
        clo_value_clear(&value);
        clo_schema_free(schema);
    }
}

static void bad_schemas_are_refused_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *message;
    } bad[] = {
        {"{", "JSON, line 1"},
        {"3", "parameters must be a schema: an object, true or false"},
        {ONE("{\"type\":\"int\"}"), "parameters.properties.x.type must be one of"},
        {ONE("{\"type\":[]}"), "parameters.properties.x.type must be"},
        {ONE("{\"enum\":[]}"), "parameters.properties.x.enum must be a list"},
        {ONE("{\"pattern\":\"(\"}"), "parameters.properties.x.pattern: missing closing"},
        {ONE("{\"pattern\":3}"), "parameters.properties.x.pattern must be a string"},
        {ONE("{\"$ref\":\"#/$defs/no\"}"),
         "parameters.properties.x.$ref: there is no \"#/$defs/no\""},
        {ONE("{\"$ref\":\"other.json\"}"), "parameters.properties.x.$ref must be a reference"},
        {ONE("{\"minItems\":-1}"), "parameters.properties.x.minItems must be a non-negative"},
        {ONE("{\"minimum\":\"a\"}"), "parameters.properties.x.minimum must be a number"},
        {ONE("{\"multipleOf\":0}"), "parameters.properties.x.multipleOf must be a number greater"},
        {ONE("{\"items\":3}"), "parameters.properties.x.items must be a schema"},
        {ONE("{\"anyOf\":{}}"), "parameters.properties.x.anyOf must be a list of schemas"},
        {ONE("{\"anyOf\":[3]}"), "parameters.properties.x.anyOf.0 must be a schema"},
        {ONE("{\"required\":[1]}"), "parameters.properties.x.required must be a list of names"},
        {ONE("{\"uniqueItems\":1}"), "parameters.properties.x.uniqueItems must be true or false"},
        {"{\"properties\":[]}", "parameters.properties must be an object"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct clo_schema *schema;
        struct clo_error error = {0};
        int status = clo_schema_compile(&schema, bad[i].schema, &error);
        if (status >= 0 || strncmp(error.message, bad[i].message, strlen(bad[i].message)) != 0)
            fail_msg("%s: %d '%s'", bad[i].schema, status, error.message);
        assert_null(schema);
    }
}

static void schemas_have_ceilings(void **state)
{
    (void)state;
    struct clo_schema *schema;
    struct clo_error error;
    struct clo_buffer text = CLO_BUFFER(1 << 20);
    for (int i = 0; i < CLO_SCHEMA_DEPTH_MAX; i++)
        clo_buffer_text(&text, "{\"items\":");
    clo_buffer_text(&text, "true");
    for (int i = 0; i < CLO_SCHEMA_DEPTH_MAX; i++)
        clo_buffer_text(&text, "}");
    assert_false(text.failed);
    assert_int_equal(clo_schema_compile(&schema, text.data, &error), CLO_ELIMIT);
    clo_buffer_reset(&text);
    clo_buffer_text(&text, "{\"properties\":{\"p\":true");
    for (int i = 0; i < CLO_SCHEMA_NODES_MAX; i++)
        clo_buffer_format(&text, ",\"p%d\":true", i);
    clo_buffer_text(&text, "}}");
    assert_false(text.failed);
    assert_int_equal(clo_schema_compile(&schema, text.data, &error), CLO_ELIMIT);
    clo_buffer_reset(&text);
    for (unsigned i = 0; i < CLO_SCHEMA_TEXT_MAX; i++)
        clo_buffer_text(&text, " ");
    clo_buffer_text(&text, "{}");
    assert_false(text.failed);
    assert_int_equal(clo_schema_compile(&schema, text.data, &error), CLO_ELIMIT);
    clo_buffer_free(&text);
}

static void whole_numbers_reach_the_tool_as_integers(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } numbers[] = {
        {"2.0", "2"},
        {"-3.0", "-3"},
        {"0.0", "0"},
        {"-0.0", "0"},
        {"9223372036854774784.0", "9223372036854774784"},
        {"9223372036854775808.0", "9223372036854775808"},
        {"-9223372036854775808.0", "-9223372036854775808"},
        {"1e30", "1000000000000000019884624838656"},
        {"-1e30", "-1000000000000000019884624838656"},
        {"1.7976931348623157e308", NULL},
    };
    struct clo_schema *schema;
    assert_int_equal(clo_schema_compile(&schema, ONE("{\"type\":\"integer\"}"), NULL), 0);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char arguments[64];
        struct clo_value value;
        struct clo_error error = {0};
        snprintf(arguments, sizeof arguments, "{\"x\":%s}", numbers[i].json);
        assert_int_equal(clo_value_parse_json(&value, arguments, strlen(arguments), &error), 0);
        if (clo_schema_check(schema, &value, "t", &error))
            fail_msg("%s: %s", numbers[i].json, error.message);
        const struct clo_value *x = clo_value_get(&value, "x");
        assert_true(clo_value_type(x) == CLO_INTEGER || clo_value_type(x) == CLO_BIG_INTEGER);
        struct clo_buffer text = CLO_BUFFER(1024);
        assert_int_equal(clo_value_write_json(&text, x, &error), 0);
        if (numbers[i].text)
            assert_string_equal(text.data, numbers[i].text);
        else
            assert_int_equal(text.length, 309);
        clo_buffer_free(&text);
        clo_value_clear(&value);
    }
    clo_schema_free(schema);
}

static void bytes_fit_only_where_no_type_is_asked_for(void **state)
{
    (void)state;
    struct clo_schema *schema;
    struct clo_error error;
    struct clo_value value = {0};
    clo_value_set_map(&value);
    assert_int_equal(clo_value_set_bytes(clo_value_put(&value, "x"), "abc", 3), 0);
    assert_int_equal(clo_schema_compile(&schema, ONE("{\"type\":\"string\"}"), NULL), 0);
    assert_int_equal(clo_schema_check(schema, &value, "t", &error), CLO_EINVALID);
    assert_string_equal(error.message, "t: argument 'x' is 3 bytes; it must be a string");
    clo_schema_free(schema);
    assert_int_equal(clo_schema_compile(&schema, ONE("{}"), NULL), 0);
    assert_int_equal(clo_schema_check(schema, &value, "t", &error), 0);
    clo_schema_free(schema);
    clo_value_clear(&value);
}

/* What a Python function with `limit: int = None` takes: None there is as if it were left out. */
static void none_for_an_optional_argument_counts_as_absent(void **state)
{
    (void)state;
    static const char optional[] =
        "{\"properties\":{\"q\":{\"type\":\"string\"},\"limit\":{\"type\":\"integer\"},"
        "\"place\":{\"type\":[\"string\",\"null\"]},\"mode\":{\"enum\":[\"a\",\"b\"]},"
        "\"any\":{},\"never\":false,"
        "\"in\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"number\"},"
        "\"m\":{\"type\":\"number\"}},\"required\":[\"m\"]},"
        "\"all\":{\"type\":\"array\",\"items\":{\"properties\":{\"n\":{\"type\":\"number\"}}}}},"
        "\"required\":[\"q\"],\"additionalProperties\":{\"type\":\"string\"}}";
    static const char combined[] =
        "{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"integer\"}}}],\"required\":[\"a\"]}";
    static const char either[] =
        "{\"properties\":{\"b\":{\"type\":\"integer\"}},\"anyOf\":["
        "{\"properties\":{\"a\":{\"type\":\"integer\"}}},"
        "{\"properties\":{\"a\":{\"type\":\"null\"}},\"required\":[\"a\"]}]}";
    static const char refused[] = "{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{}},"
                                  "\"not\":{\"properties\":{\"b\":{\"const\":1}},"
                                  "\"required\":[\"b\"]}}";
    static const struct {
        const char *schema, *arguments, *seen; /* or the complaint */
    } calls[] = {
        {optional, "{\"q\":\"x\",\"limit\":null}", "{\"q\":\"x\"}"},
        {optional, "{\"limit\":null,\"q\":\"x\",\"mode\":null,\"never\":null,\"in\":null}",
         "{\"q\":\"x\"}"},
        {optional, "{\"q\":\"x\",\"place\":null,\"any\":null}",
         "{\"q\":\"x\",\"place\":null,\"any\":null}"},
        {optional, "{\"place\":null,\"limit\":null,\"q\":\"x\"}", "{\"place\":null,\"q\":\"x\"}"},
        {optional, "{\"in\":{\"n\":null,\"m\":1},\"q\":\"x\",\"limit\":null,\"mode\":\"a\"}",
         "{\"in\":{\"m\":1},\"q\":\"x\",\"mode\":\"a\"}"},
        {optional, "{\"q\":\"x\",\"all\":[{\"n\":null},{\"n\":2},{\"o\":null,\"n\":null}]}",
         "{\"q\":\"x\",\"all\":[{},{\"n\":2},{\"o\":null}]}"},
        {optional, "{\"q\":null,\"limit\":null}", "argument 'q' is null; it must be a string"},
        {optional, "{\"q\":\"x\",\"in\":{\"n\":null,\"m\":null}}",
         "argument 'in.m' is null; it must be a number"},
        {optional, "{\"limit\":null}", "argument 'q' is missing"},
        {optional, "{\"limit\":null,\"q\":7}", "argument 'q' is 7; it must be a string"},
        {optional, "{\"q\":\"x\",\"other\":null}", "argument 'other' is null; it must be a string"},
        {combined, "{\"a\":null}", "argument 'a' is missing"},
        {either, "{\"a\":null,\"b\":null}", "{\"a\":null}"}, /* one of them admits it */
        {refused, "{\"a\":null,\"b\":2}", "{\"b\":2}"},
        {refused, "{\"a\":null,\"b\":null}", "{\"b\":null}"},
        {refused, "{\"a\":null,\"b\":1}", "this one is excluded"},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct clo_schema *schema;
        struct clo_value value;
        struct clo_error error = {0};
        struct clo_buffer text = CLO_BUFFER(1024);
        assert_int_equal(clo_schema_compile(&schema, calls[i].schema, NULL), 0);
        assert_int_equal(
            clo_value_parse_json(&value, calls[i].arguments, strlen(calls[i].arguments), NULL), 0);
        int status = clo_schema_check(schema, &value, "t", &error);
        assert_int_equal(clo_value_write_json(&text, &value, NULL), 0);
        bool taken = *calls[i].seen == '{';
        if (taken ? status || strcmp(text.data, calls[i].seen) != 0
                  : status != CLO_EINVALID || !strstr(error.message, calls[i].seen))
            fail_msg("%zu: %d %s '%s'", i, status, text.data, error.message);
        clo_buffer_free(&text);
        clo_value_clear(&value);
        clo_schema_free(schema);
    }
}

/* Maps of many members, the same in all but the last of them, each in another order. */
static void put_maps(struct clo_value *list, int maps, int members)
{
    clo_value_set_list(list);
    for (int i = 0; i < maps; i++) {
        struct clo_value *map = clo_value_append(list);
        assert_non_null(map);
        clo_value_set_map(map);
        for (int j = 0; j < members; j++) {
            char name[16];
            int length = snprintf(name, sizeof name, "%d", (j + i) % members);
            struct clo_value *member = clo_value_add(map, name, (size_t)length);
            assert_non_null(member);
            clo_value_set_integer(member, (j + i) % members == members - 1 ? i : 7);
        }
    }
}

static void large_maps_are_compared_in_bounded_time(void **state)
{
    (void)state;
    static const int shapes[][2] = {{600, 600}, {2, 150000}, {100000, 2}};
    struct clo_schema *schema;
    struct clo_error error;
    assert_int_equal(clo_schema_compile(&schema, ONE("{\"uniqueItems\":true}"), NULL), 0);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct clo_value value = {0};
        clo_value_set_map(&value);
        struct clo_value *list = clo_value_put(&value, "x");
        clock_t start = clock();
        put_maps(list, shapes[i][0], shapes[i][1]);
        assert_int_equal(clo_schema_check(schema, &value, "t", &error), 0);
        clo_value_clear(&value);
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20); /* it takes half a second */
    }
    clo_schema_free(schema);
}

static void hostile_values_are_checked_in_bounded_time(void **state)
{
    (void)state;
    struct clo_schema *schema;
    struct clo_error error;
    struct clo_value value = {0};
    clo_value_set_map(&value);
    struct clo_value *list = clo_value_put(&value, "x");
    clo_value_set_list(list);
    for (int i = 0; i < 200000; i++)
        clo_value_set_integer(clo_value_append(list), i);
    assert_int_equal(clo_schema_compile(&schema, ONE("{\"uniqueItems\":true}"), NULL), 0);
    assert_int_equal(clo_schema_check(schema, &value, "t", &error), 0);
    clo_value_set_integer(clo_value_append(list), 77);
    assert_int_equal(clo_schema_check(schema, &value, "t", &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "item 200000"));
    clo_schema_free(schema);

    char *digits = malloc(60001);
    memset(digits, '7', 60000);
    digits[60000] = '\0';
    assert_int_equal(clo_value_set_text(clo_value_put(&value, "x"), digits), 0);
    assert_int_equal(clo_schema_compile(&schema, ONE("{\"pattern\":\"\\\\d+[xy]\"}"), NULL), 0);
    assert_int_equal(clo_schema_check(schema, &value, "t", &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "takes too long"));
    clo_schema_free(schema);
    free(digits);
    clo_value_clear(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_judged_as_the_table_says),
        cmocka_unit_test(bad_schemas_are_refused_with_the_place),
        cmocka_unit_test(schemas_have_ceilings),
        cmocka_unit_test(whole_numbers_reach_the_tool_as_integers),
        cmocka_unit_test(bytes_fit_only_where_no_type_is_asked_for),
        cmocka_unit_test(none_for_an_optional_argument_counts_as_absent),
        cmocka_unit_test(large_maps_are_compared_in_bounded_time),
        cmocka_unit_test(hostile_values_are_checked_in_bounded_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
