/* model/hosted_tool.h - tools that the maker of a model runs on its own servers.
 *
 * Who asks the Responses API for one, such as {"type": "web_search"}, gets in the reply an item that says what
 * was done (web_search_call), and in later requests that item goes back as it came. No other
 * protocol has a form for either.
 */
#ifndef CLO_MODEL_HOSTED_TOOL_H
#define CLO_MODEL_HOSTED_TOOL_H

#include <jansson.h>
#include <stdbool.h>

/* For messages: the types of tools that are handed on. */
#define CLO_HOSTED_TOOL_WORDS "web_search, file_search, code_interpreter or image_generation"

bool clo_hosted_tool(const char *type); /* whether it is a tool's type, dated ones too; NULL: no */
bool clo_hosted_tool_item(const json_t *item); /* whether it is what such a tool did */

/* Whether an entry of a request's `include` asks for a part of such an item: "web_search_call.action.sources".
 * NULL: no. */
bool clo_hosted_tool_part(const char *include);

/* The type of the first hosted one of an array of tools, borrowed; NULL: there is none. *index: its place,
 * where that is not NULL. */
const char *clo_hosted_tool_in(const json_t *tools, size_t *index);

#endif
