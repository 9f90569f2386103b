/* error_code_test.c - error objects of many servers, and the protocol's code for each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "model/error_code.h"

/* The list of the protocol's document. */
static const char *const listed[] = {
    "server_error",
    "rate_limit_exceeded",
    "invalid_prompt",
    "vector_store_timeout",
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_content_policy_violation",
    "invalid_image_mode",
    "image_file_too_large",
    "unsupported_image_media_type",
    "empty_image_file",
    "failed_to_download_image",
    "image_file_not_found",
};

static const struct {
    long status;
    const char *body, *code;
} cases[] = {
    /* OpenAI's */
    {400, "{'error':{'type':'invalid_request_error','code':'context_length_exceeded'}}",
     "context_length_exceeded"},
    {429, "{'error':{'type':'insufficient_quota','code':'insufficient_quota'}}",
     "insufficient_quota"},
    {429, "{'error':{'type':'tokens','code':'rate_limit_exceeded'}}", "rate_limit_exceeded"},
    {404, "{'error':{'type':'invalid_request_error','param':null,'code':'model_not_found'}}",
     "model_not_found"},
    {400, "{'error':{'type':'invalid_request_error','code':'unsupported_parameter'}}",
     "invalid_prompt"},
    {400, "{'error':{'type':'invalid_request_error','code':null}}", "invalid_prompt"},
    {401, "{'error':{'type':'invalid_request_error','code':'invalid_api_key'}}", "server_error"},
    {500, "{'error':{'type':'server_error','code':null}}", "server_error"},
    /* within streams: flat, nested, and in a failed response */
    {0, "{'type':'error','code':'rate_limit_exceeded','message':'m'}", "rate_limit_exceeded"},
    {0, "{'type':'error','error':{'type':'invalid_request_error','code':'image_too_large'}}",
     "image_too_large"},
    {0, "{'type':'error','error':{'type':'invalid_request_error','code':null}}", "invalid_prompt"},
    {0, "{'status':'failed','error':{'code':'server_is_overloaded'}}", "server_is_overloaded"},
    {0, "{'status':'failed','error':null}", "server_error"},
    {0, "{'status':'failed','error':{'code':'never_heard_of'}}", "server_error"},
    /* numbers as codes */
    {0, "{'error':{'code':429,'message':'m'}}", "rate_limit_exceeded"},
    {0, "{'error':{'code':402}}", "insufficient_quota"},
    {0, "{'error':{'code':'400'}}", "invalid_prompt"},
    {0, "{'error':{'code':502}}", "server_error"},
    {0, "{'error':{'code':0}}", "server_error"},
    {0, "{'error':{'code':1213}}", "server_error"},
    {0, "{'error':{'code':-9223372036854775807}}", "server_error"},
    {0, "{'error':{'code':4e2}}", "server_error"},
    {429, "{'error':{'code':'429'}}", "rate_limit_exceeded"},
    {503, "{'error':{'code':400}}", "server_error"}, /* the status is surer than the number */
    /* other makes */
    {400, "{'error':{'code':400,'type':'exceed_context_size_error','n_ctx':4096}}",
     "context_length_exceeded"},
    {404, "{'error':{'type':'NotFoundError','param':'model','code':404}}", "model_not_found"},
    {404, "{'error':{'type':'NotFoundError','param':'response_id','code':404}}", "server_error"},
    {400, "{'object':'error','type':'BadRequestError','code':400}", "invalid_prompt"},
    {0, "{'object':'error','type':'BadRequestError','code':400}", "invalid_prompt"},
    {529, "{'type':'error','error':{'type':'overloaded_error'}}", "server_error"},
    {429, "{'type':'error','error':{'type':'rate_limit_error'}}", "rate_limit_exceeded"},
    {429, "[{'error':{'code':429,'status':'RESOURCE_EXHAUSTED'}}]", "rate_limit_exceeded"},
    {0, "[{'error':{'code':8,'status':'RESOURCE_EXHAUSTED'}}]", "rate_limit_exceeded"},
    {422, "{'error':'Input is too long','error_type':'validation'}", "invalid_prompt"},
    {422, "{'detail':[{'loc':['body'],'msg':'field required'}]}", "invalid_prompt"},
    {400, "{'error':'words alone'}", "invalid_prompt"},
    {413, "{'error':{'code':'rate_limit_exceeded'}}", "rate_limit_exceeded"},
    {400, "{'error':{'code':'Context_Length_Exceeded'}}", "context_length_exceeded"},
    /* statuses alone */
    {400, NULL, "invalid_prompt"},
    {402, NULL, "insufficient_quota"},
    {403, NULL, "server_error"},
    {404, NULL, "server_error"},
    {405, NULL, "server_error"},
    {413, NULL, "context_length_exceeded"},
    {429, NULL, "rate_limit_exceeded"},
    {502, NULL, "server_error"},
    {302, NULL, "server_error"},
    {0, NULL, "server_error"},
    /* what is no error object */
    {0, "[]", "server_error"},
    {0, "[[]]", "server_error"},
    {0, "{'error':[]}", "server_error"},
    {0, "{'error':{'code':{},'type':[]}}", "server_error"},
    /* the words of a message decide nothing */
    {500, "{'error':{'message':'context_length_exceeded rate_limit_exceeded'}}", "server_error"},
};

static json_t *parse_quoted(const char *text)
{
    char copy[512];
    json_error_t why;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *at = copy; (at = strchr(at, '\'')); at++)
        *at = '"';
    json_t *value = clo_json_load(copy, strlen(copy), &why);
    if (!value)
        fail_msg("%s: %s", why.text, text);
    return value;
}

static void every_object_has_its_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *body = cases[i].body ? parse_quoted(cases[i].body) : NULL;
        const char *code = clo_error_code(cases[i].status, body);
        if (strcmp(code, cases[i].code) != 0)
            fail_msg("%zu: %ld %s: \"%s\" is not \"%s\"", i, cases[i].status,
                     cases[i].body ? cases[i].body : "", code, cases[i].code);
        assert_true(strlen(code) <= CLO_ERROR_CODE_MAX);
        json_decref(body);
    }
}

static void what_the_protocol_lists_passes_through(void **state)
{
    (void)state;
    static const long statuses[] = {0, 400, 404, 429, 500};
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++)
        for (size_t j = 0; j < 5; j++) {
            json_t *flat = json_pack("{s:s, s:s}", "type", "error", "code", listed[i]);
            json_t *nested = json_pack("{s:{s:s}}", "error", "code", listed[i]);
            assert_string_equal(clo_error_code(statuses[j], flat), listed[i]);
            assert_string_equal(clo_error_code(statuses[j], nested), listed[i]);
            json_decref(flat);
            json_decref(nested);
        }
}

static const struct {
    long status;
    const char *body;
    bool no_path;
} paths[] = {
    {404, NULL, true},
    {405, NULL, true},
    {404, "{'detail':'Not Found'}", true},
    {405, "{'detail':'Method Not Allowed'}", true},
    {404,
     "{'error':{'message':'Invalid URL (POST /v1/responses)','type':"
     "'invalid_request_error','param':null,'code':null}}",
     true},
    {404, "{'error':{'code':404,'message':'File Not Found','type':'not_found_error'}}", true},
    {404, "{'error':{'type':'invalid_request_error','param':null,'code':'model_not_found'}}",
     false},
    {404, "{'error':{'type':'NotFoundError','param':'model','code':404}}", false},
    {404, "{'error':{'code':'DeploymentNotFound'}}", false},
    {404, "{'error':{'type':'invalid_request_error','param':'input','code':null}}", false},
    {400, NULL, false},
    {403, NULL, false},
    {410, NULL, false},
    {501, NULL, false},
    {0, NULL, false},
};

static void a_missing_path_is_no_missing_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        json_t *body = paths[i].body ? parse_quoted(paths[i].body) : NULL;
        if (clo_error_no_path(paths[i].status, body) != paths[i].no_path)
            fail_msg("%zu", i);
        json_decref(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_object_has_its_code),
        cmocka_unit_test(a_missing_path_is_no_missing_model),
        cmocka_unit_test(what_the_protocol_lists_passes_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
