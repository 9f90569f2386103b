/* serve/store/store.h - finished and background responses, in SQLite. Read this first.
 *
 *   responses   one row each: state, links (previous, conversation) and the object without output
 *   items       a response's items in order, input (source 0) and output (source 1): history,
 *               listings and references read these; the object's output is put together from them
 *   events      a background response's stream, one row an event, for replay
 *   files       what store_files.h has: the files that clients sent and runs left, but not their
 *               content, which is in a folder (serve/files/file_store.h)
 *   snapshots   what store_snapshots.h has, likewise (serve/sessions/snapshots.h)
 *
 * What is always true
 * - One connection behind one lock, under which nothing else is locked or called; any thread may
 *   call. Nobody else may have the file open.
 * - A change is one transaction: a response is there with all of its items, or not at all.
 * - What is a user's is looked up with that user (user.h): to every other one it is not there. Ids that
 *   were looked up so may be used without.
 * - A store has a ceiling of bytes; a full one forgets its oldest finished responses.
 * - A file that belongs to a response goes with it, in the same transaction.
 * - What is returned is owned by the caller. Functions return 0, CLO_ENOTFOUND, or CLO_ESYSTEM,
 *   CLO_ENOMEMORY, logged.
 * - Output is stored as the agent made it, whatever form a client was shown (output_filter.h); input
 *   as it was sent.
 */
#ifndef CLO_SERVE_STORE_STORE_H
#define CLO_SERVE_STORE_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "cloche/error.h"
#include "serve/protocol/user.h"

#define CLO_STORE_SCHEMA 4                  /* PRAGMA user_version */
#define CLO_STORE_FILE_MAX (8ull << 30)     /* bytes */
#define CLO_STORE_MEMORY_MAX (256ull << 20) /* bytes */

struct clo_store;

/* path NULL: in memory. A response that was in progress when an earlier server ended is failed. */
int clo_store_open(struct clo_store **store, const char *path, struct clo_error *error);
void clo_store_close(struct clo_store *store);

struct clo_record {
    char id[CLO_NAME_BYTES_MAX + 1];
    char previous[CLO_NAME_BYTES_MAX + 1];     /* "": none */
    char conversation[CLO_NAME_BYTES_MAX + 1]; /* "": none */
    char session[CLO_NAME_BYTES_MAX + 1];
    char user[CLO_USER_MAX + 1]; /* whose it is, see user.h */
    char snapshot[CLO_ID_MAX];   /* of the state that its session goes on from; "": none */
    char status[16];
    bool background;
    json_t *response; /* the object; from clo_store_get with its output */
};

void clo_record_clear(struct clo_record *record);

/* True for a status that no longer changes. */
bool clo_status_final(const char *status);

/* Write the record and its items in one step, over an earlier one of that id. `input` and `output`
 * are arrays or NULL: none. An input item without an id gets one. */
int clo_store_put(struct clo_store *store, const struct clo_record *record, const json_t *input,
                  const json_t *output);
/* Is there a response of that id, whosever it is? */
int clo_store_has(struct clo_store *store, const char *id);
/* A new state of a stored response; what else the record holds stays, and its snapshot where that is
 * NULL or "". CLO_ENOTFOUND: deleted. */
int clo_store_update(struct clo_store *store, const char *id, const json_t *response,
                     const json_t *output, const char *snapshot);
int clo_store_get(struct clo_store *store, const char *user, const char *id,
                  struct clo_record *record);
int clo_store_delete(struct clo_store *store, const char *id);

/* Put what was written into the store's file itself, which may be copied then. In memory: nothing. */
int clo_store_flush(struct clo_store *store);

/* Append a response's items, input then output, to `items`, and give its `previous`. */
int clo_store_history(struct clo_store *store, const char *id, json_t *items,
                      char previous[CLO_NAME_BYTES_MAX + 1]);
/* Append the items of a conversation's finished responses, oldest first; stop at `max` items. */
int clo_store_conversation(struct clo_store *store, const char *user, const char *conversation,
                           json_t *items, size_t max);
/* The newest item of that id: of an output if there is one, as clients may send an item back with
 * less in it; never an item_reference. */
int clo_store_item(struct clo_store *store, const char *user, const char *id, json_t **item);
/* The function_call_output of the function_call of that id, in the same response's output. */
int clo_store_call_output(struct clo_store *store, const char *user, const char *id, json_t **item);

/* Input items of a response, for listing; see input_items.h. `limit` + 1 are read to see if there
 * are more. CLO_EINVALID: the cursor names no item of this response. */
struct clo_store_page {
    unsigned limit;
    bool ascending;
    const char *after, *before; /* ids or NULL */
};
int clo_store_input(struct clo_store *store, const char *id, const struct clo_store_page *page,
                    json_t *items);

/* Nothing is written for a response that was deleted. */
int clo_store_event_add(struct clo_store *store, const char *id, uint64_t sequence,
                        const char *text, size_t length);
/* The first event at or after `sequence`. CLO_ENOTFOUND: none yet. */
int clo_store_event(struct clo_store *store, const char *id, uint64_t *sequence, char **text,
                    size_t *length);

#endif
