/* model/http/curl_start.h - libcurl's one global start, before its first use. Any thread, any
 * number of times. */
#ifndef CLO_MODEL_HTTP_CURL_START_H
#define CLO_MODEL_HTTP_CURL_START_H

void clo_curl_start(void);

#endif
