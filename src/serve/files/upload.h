/* serve/files/upload.h - POST /files: a multipart body on its way to the disk.
 *
 *   HTTP thread                              a thread of the executor (lane: the server's disk)
 *   pieces ─▶ gathered, 256 KiB ──suspend──▶ multipart parser ─▶ draft
 *      ▲───────────────────────────resume────────────┘
 *   the end ──────────────────────suspend──▶ the draft becomes a file; answered
 *
 * What is always true
 * - The HTTP thread writes to no disk and parses nothing: other requests go on whatever the disk does.
 * - An upload takes the same memory whatever its size: what is gathered, and the parser's.
 * - While it is `busy` a task has what was gathered, and its connection is suspended; else the HTTP
 *   thread has it. The task touches the exchange only to answer it at the end.
 * - An upload has half a minute, and a second more for each 16 KiB that came; the time in which its
 *   connection is suspended does not count. A client that is slower is cut off.
 * - Counted: by the exchange, by the task, by the watch.
 */
#ifndef CLO_SERVE_FILES_UPLOAD_H
#define CLO_SERVE_FILES_UPLOAD_H

#include "serve/http/exchange.h"

#define CLO_UPLOAD_GATHER (256u << 10)  /* bytes */
#define CLO_UPLOAD_OVERHEAD (1u << 20)  /* bytes of a body beside the file's content */
#define CLO_UPLOAD_GRACE_MS 30000u      /* before its rate is looked at */
#define CLO_UPLOAD_RATE_MIN (16u << 10) /* bytes a second */

/* The header is there: set the exchange's sink, or refuse it. */
void clo_upload_begin(struct clo_exchange *exchange);
/* The body is whole: the exchange is suspended, or refused. */
void clo_upload_end(struct clo_exchange *exchange);

#endif
