/* curl_start.c - starting libcurl once. */
#include "model/http/curl_start.h"

#include <curl/curl.h>
#include <pthread.h>

static void start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void clo_curl_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
}
