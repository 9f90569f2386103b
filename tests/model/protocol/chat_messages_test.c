/* chat_messages_test.c - a history as chat messages: case by case, items in, messages out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "model/protocol/chat.h"

static json_t *parse(const char *text)
{
    json_error_t why;
    json_t *value = clo_json_load(text, strlen(text), &why);
    if (!value)
        fail_msg("%s at %d: %s", why.text, why.column, text);
    return value;
}

/* Quotes are written ' here, and ` where they stand inside a string. */
static json_t *parse_quoted(const char *text)
{
    char *copy = calloc(2, strlen(text) + 1), *to = copy;
    for (; *text; text++) {
        if (*text == '`')
            *to++ = '\\';
        *to++ = *text == '`' || *text == '\'' ? '"' : *text;
    }
    json_t *value = parse(copy);
    free(copy);
    return value;
}

static const struct {
    const char *instructions, *items, *messages;
} cases[] = {
    {"Be brief.", "[{'role':'user','content':'q'}]",
     "[{'role':'system','content':'Be brief.'},{'role':'user','content':'q'}]"},
    {NULL,
     "[{'type':'message','role':'developer','content':[{'type':'input_text','text':'d'}]},"
     "{'type':'message','role':'user','content':[{'type':'input_text','text':'a'},"
     "{'type':'input_text','text':'b'}]}]",
     "[{'role':'system','content':'d'},{'role':'user','content':'a\\nb'}]"},
    /* parts that are not text */
    {NULL,
     "[{'role':'user','content':[{'type':'input_text','text':'see'},{'type':'input_image',"
     "'image_url':'data:x','detail':'low'},{'type':'input_file','filename':'f','file_data':'d'}]}]",
     "[{'role':'user','content':[{'type':'text','text':'see'},{'type':'image_url','image_url':"
     "{'url':'data:x','detail':'low'}},{'type':'file','file':{'filename':'f','file_data':'d'}}]}]"},
    /* text and calls of one reply are one message; reasoning is left out */
    {NULL,
     "[{'role':'user','content':'q'},{'type':'reasoning','id':'r','summary':[]},"
     "{'type':'message','role':'assistant','content':[{'type':'output_text','text':'so'}]},"
     "{'type':'function_call','call_id':'a','name':'f','arguments':'{}'},"
     "{'type':'function_call','call_id':'b','name':'g','arguments':'{}'},"
     "{'type':'function_call_output','call_id':'a','output':'1'},"
     "{'type':'function_call_output','call_id':'b','output':'2'},"
     "{'type':'message','role':'assistant','content':[{'type':'output_text','text':'end'}]}]",
     "[{'role':'user','content':'q'},{'role':'assistant','content':'so','tool_calls':["
     "{'id':'a','type':'function','function':{'name':'f','arguments':'{}'}},"
     "{'id':'b','type':'function','function':{'name':'g','arguments':'{}'}}]},"
     "{'role':'tool','tool_call_id':'a','content':'1'},"
     "{'role':'tool','tool_call_id':'b','content':'2'},{'role':'assistant','content':'end'}]"},
    /* results in another order, far away, as parts, missing, and of no call */
    {NULL,
     "[{'type':'function_call','call_id':'a','name':'f','arguments':'{}'},"
     "{'type':'function_call','call_id':'b','name':'g','arguments':'{}'},"
     "{'type':'message','role':'assistant','content':'words'},"
     "{'type':'function_call_output','call_id':'b','output':[{'type':'input_text','text':'x'},"
     "{'type':'input_text','text':'y'}]},{'role':'user','content':'q'},"
     "{'type':'function_call_output','call_id':'z','output':'?'}]",
     "[{'role':'assistant','content':'words','tool_calls':["
     "{'id':'a','type':'function','function':{'name':'f','arguments':'{}'}},"
     "{'id':'b','type':'function','function':{'name':'g','arguments':'{}'}}]},"
     "{'role':'tool','tool_call_id':'a','content':'(no result: the call was not carried out)'},"
     "{'role':'tool','tool_call_id':'b','content':'x\\ny'},{'role':'user','content':'q'},"
     "{'role':'tool','tool_call_id':'z','content':'?'}]"},
    /* the same id in two turns: each call has its own result */
    {NULL,
     "[{'type':'function_call','call_id':'a','name':'f','arguments':'{}'},"
     "{'type':'function_call_output','call_id':'a','output':'1'},"
     "{'type':'function_call','call_id':'a','name':'f','arguments':'{}'},"
     "{'type':'function_call_output','call_id':'a','output':'2'}]",
     "[{'role':'assistant','content':'','tool_calls':[{'id':'a','type':'function','function':"
     "{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'a','content':'1'},"
     "{'role':'assistant','content':'','tool_calls':[{'id':'a','type':'function','function':"
     "{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'a','content':'2'}]"},
    /* arguments that no server could parse; a refusal; an empty answer */
    {NULL,
     "[{'type':'function_call','call_id':'a','name':'f','arguments':'{oops'},"
     "{'type':'function_call_output','call_id':'a','output':'bad'},"
     "{'type':'message','role':'assistant','content':[{'type':'refusal','refusal':'no'}]},"
     "{'role':'user','content':'q'},{'type':'message','role':'assistant','content':[]}]",
     "[{'role':'assistant','content':'','tool_calls':[{'id':'a','type':'function','function':"
     "{'name':'f','arguments':'{\\'unreadable\\':\\'{oops\\'}'}}]},"
     "{'role':'tool','tool_call_id':'a','content':'bad'},{'role':'assistant','content':'no'},"
     "{'role':'user','content':'q'},{'role':'assistant','content':'(no text)'}]"},
    /* what stands of the system at the start is one message; later ones stay where they are */
    {"Be brief.",
     "[{'role':'developer','content':'d'},{'role':'system','content':[]},{'role':'system',"
     "'content':'e'},{'role':'user','content':'q'},{'role':'system','content':'f'}]",
     "[{'role':'system','content':'Be brief.\\n\\nd\\n\\ne'},{'role':'user','content':'q'},"
     "{'role':'system','content':'f'}]"},
    {"", "[{'role':'user','content':'q'}]", "[{'role':'user','content':'q'}]"},
    /* results and answers without text */
    {NULL,
     "[{'type':'function_call','call_id':'a','name':'f','arguments':'{}'},"
     "{'type':'function_call_output','call_id':'a','output':''},"
     "{'type':'function_call','call_id':'b','name':'f','arguments':'{}'},"
     "{'type':'function_call_output','call_id':'b','output':[]},"
     "{'type':'function_call_output','call_id':'z','output':null},"
     "{'role':'assistant','content':''}]",
     "[{'role':'assistant','content':'','tool_calls':[{'id':'a','type':'function','function':"
     "{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'a','content':'(no text)'},"
     "{'role':'assistant','content':'','tool_calls':[{'id':'b','type':'function','function':"
     "{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'b','content':'(no text)'},"
     "{'role':'tool','tool_call_id':'z','content':'(no text)'},"
     "{'role':'assistant','content':'(no text)'}]"},
    /* members that are null are left out; a type that only looks like text is none */
    {NULL,
     "[{'role':'user','content':[{'type':'input_text','text':null},{'type':'input_image',"
     "'image_url':'data:x','detail':null,'file_id':null},{'type':'input_file','file_id':null,"
     "'filename':'f','file_data':'d'}]}]",
     "[{'role':'user','content':[{'type':'text','text':''},{'type':'image_url','image_url':"
     "{'url':'data:x'}},{'type':'file','file':{'filename':'f','file_data':'d'}}]}]"},
};

/* What the strictest servers demand of any message, besides what the case says. */
static void check_form(size_t number, const json_t *value, const char *name)
{
    const char *key;
    json_t *member;
    size_t index;
    if (json_is_null(value) || (json_is_array(value) && !json_array_size(value)))
        fail_msg("%zu: %s is null or empty", number, name);
    json_array_foreach(value, index, member)
        check_form(number, member, name);
    json_object_foreach((json_t *)value, key, member)
        check_form(number, member, key);
    if (!clo_json_text(value, "role"))
        return;
    const json_t *content = json_object_get(value, "content");
    bool calls = json_object_get(value, "tool_calls") != NULL;
    if (!clo_json_is(value, "role", "user") &&
        (!json_is_string(content) || (!json_string_length(content) && !calls)))
        fail_msg("%zu: content of %s", number, clo_json_text(value, "role"));
}

static void histories_become_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *items = parse_quoted(cases[i].items), *wanted = parse_quoted(cases[i].messages);
        struct clo_model_request request = {.instructions = cases[i].instructions, .input = items};
        json_t *messages;
        assert_int_equal(clo_chat_messages(&messages, &request, NULL), 0);
        if (!json_equal(messages, wanted)) {
            char *text = json_dumps(messages, 0);
            fail_msg("%zu: %s", i, text);
        }
        check_form(i, messages, "messages");
        json_decref(messages);
        json_decref(items);
        json_decref(wanted);
    }
}

static void what_has_no_form_is_refused(void **state)
{
    (void)state;
    struct clo_error error;
    json_t *messages;
    json_t *items =
        parse_quoted("[{'role':'user','content':[{'type':'input_image','file_id':'f'}]}]");
    struct clo_model_request request = {.input = items};
    assert_int_equal(clo_chat_messages(&messages, &request, &error), CLO_EINVALID);
    assert_null(messages);
    assert_string_equal(
        error.message,
        "a content part of type \"input_image\" without image_url cannot be sent to a chat-completions server");
    json_decref(items);
}

/* Two messages in a row become one; nothing of it is left out in silence. */
static void a_message_too_large_is_refused(void **state)
{
    (void)state;
    enum { LENGTH = 40 << 20 }; /* two are more than one message may have */
    struct clo_error error;
    json_t *messages;
    char *text = malloc(LENGTH);
    assert_non_null(text);
    memset(text, 'a', LENGTH);
    json_t *half = json_pack("{s:s, s:s, s:s%}", "type", "message", "role", "assistant", "content",
                             text, (size_t)LENGTH);
    json_t *items = json_pack("[O, o, {s:s, s:s}]", half, half, "role", "user", "content", "go on");
    struct clo_model_request request = {.input = items};
    assert_int_equal(clo_chat_messages(&messages, &request, &error), CLO_ELIMIT);
    assert_null(messages);
    assert_string_equal(error.message,
                        "the assistant's messages in a row are larger than 64 MiB together");
    json_decref(items);
    free(text);
}

static const struct {
    const char *options, *tools, *body;
    bool openai;
} translations[] = {
    {"{'temperature':0.5,'max_output_tokens':9,'top_p':null,'tool_choice':'required'}", "[]",
     "{'temperature':0.5,'max_tokens':9}", false},
    {"{'max_output_tokens':9,'reasoning':{'effort':'low'},'parallel_tool_calls':false,"
     "'tool_choice':{'type':'function','name':'f'}}",
     "[{'type':'function','name':'f','description':'d','parameters':{'type':'object'},"
     "'strict':false}]",
     "{'max_completion_tokens':9,'reasoning_effort':'low','parallel_tool_calls':false,"
     "'tool_choice':{'type':'function','function':{'name':'f'}},'tools':[{'type':'function',"
     "'function':{'name':'f','description':'d','parameters':{'type':'object'}}}]}",
     true},
    {"{'text':{'format':{'type':'json_schema','name':'n','schema':{},'strict':true},"
     "'verbosity':'low'}}",
     "[]",
     "{'verbosity':'low','response_format':{'type':'json_schema','json_schema':{'name':'n',"
     "'schema':{},'strict':true}}}",
     false},
    {"{'text':{'format':{'type':'text'}},'tool_choice':'none'}",
     "[{'type':'function','name':'f','strict':true}]",
     "{'tool_choice':'none','tools':[{'type':'function','function':{'name':'f','strict':true,"
     "'parameters':{'type':'object','properties':{}}}}]}",
     false},
    /* nothing null, nothing empty, and nothing about tools without one */
    {"{'temperature':null,'max_output_tokens':null,'reasoning':null,'parallel_tool_calls':true,"
     "'tool_choice':'auto','user':null,'text':null}",
     "[]", "{}", false},
    {"{'parallel_tool_calls':null,'tool_choice':null,'reasoning':{'effort':null},'text':{'format':"
     "{'type':'json_schema','name':'n','description':null,'schema':{},'strict':null},"
     "'verbosity':null}}",
     "[{'type':'function','name':'f','description':null,'parameters':null,'strict':null}]",
     "{'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{}}},'tools':["
     "{'type':'function','function':{'name':'f','parameters':{'type':'object','properties':{}}}}]}",
     false},
};

static void options_are_renamed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof translations / sizeof *translations; i++) {
        json_t *options = parse_quoted(translations[i].options);
        json_t *tools = parse_quoted(translations[i].tools);
        json_t *wanted = parse_quoted(translations[i].body), *body = json_object();
        struct clo_model_request request = {.options = options, .tools = tools};
        assert_int_equal(clo_chat_options(body, &request, translations[i].openai), 0);
        if (!json_equal(body, wanted)) {
            char *text = json_dumps(body, 0);
            fail_msg("%zu: %s", i, text);
        }
        json_decref(options);
        json_decref(tools);
        json_decref(wanted);
        json_decref(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histories_become_messages),
        cmocka_unit_test(what_has_no_form_is_refused),
        cmocka_unit_test(a_message_too_large_is_refused),
        cmocka_unit_test(options_are_renamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
