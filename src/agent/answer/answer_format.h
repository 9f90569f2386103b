/* agent/answer/answer_format.h - whether an answer has the form that a request's text.format wants. Pure; any thread. */
#ifndef CLO_AGENT_ANSWER_ANSWER_FORMAT_H
#define CLO_AGENT_ANSWER_ANSWER_FORMAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define CLO_ANSWER_FORMAT_WHY_MAX 400

enum clo_answer_fit {
    CLO_ANSWER_FITS, /* or there is nothing to keep to: no format, a refusal, a schema that cannot be checked */
    CLO_ANSWER_DIFFERS,
    CLO_ANSWER_NO_MEMORY,
};

/* `options`: of the turn, or NULL. */
bool clo_answer_format_wanted(const json_t *options);

/* Of the messages in `output` from `first` on, all of whose text is one JSON document. DIFFERS: `why` says how, in
 * words for the model and for clients. */
enum clo_answer_fit clo_answer_format_check(const json_t *options, const json_t *output,
                                            size_t first, char why[CLO_ANSWER_FORMAT_WHY_MAX]);

#endif
