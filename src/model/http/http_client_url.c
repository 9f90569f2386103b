/* http_client_url.c - base URLs as OpenAI's clients take them: ".../v1", with or without a last
 * slash.
 */
#include "model/http/http_client_url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/error.h"

#define URL_MAX 8192

static int refuse(struct clo_error *error, const char *why)
{
    /* the text itself is not shown: it may hold a password */
    return clo_hint(error, clo_fail(error, CLO_EINVALID, "the model's base URL %s", why),
                    "Write e.g. https://api.openai.com/v1 or http://127.0.0.1:8000/v1.");
}

static char *without_credentials(CURLU *base)
{
    char *text = NULL, *copy = NULL;
    CURLU *shown = curl_url_dup(base);
    if (shown && !curl_url_set(shown, CURLUPART_USER, NULL, 0) &&
        !curl_url_set(shown, CURLUPART_PASSWORD, NULL, 0) &&
        !curl_url_set(shown, CURLUPART_QUERY, NULL, 0) &&
        !curl_url_get(shown, CURLUPART_URL, &text, 0)) {
        size_t length = strlen(text);
        while (length && text[length - 1] == '/')
            length--;
        copy = strndup(text, length);
    }
    curl_free(text);
    curl_url_cleanup(shown);
    return copy;
}

static bool is_here(const char *host)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(host, names[i]) == 0)
            return true;
    return false;
}

int clo_http_client_url_read(struct clo_http_client_url *url, const char *text,
                             struct clo_error *error)
{
    *url = (struct clo_http_client_url){.base = curl_url()};
    char *scheme = NULL, *host = NULL, *path = NULL, *password = NULL;
    int status = 0;
    if (!url->base)
        return clo_fail_memory(error);
    if (strlen(text) > URL_MAX || curl_url_set(url->base, CURLUPART_URL, text, 0) ||
        curl_url_get(url->base, CURLUPART_SCHEME, &scheme, 0) ||
        curl_url_get(url->base, CURLUPART_HOST, &host, 0) ||
        curl_url_get(url->base, CURLUPART_PATH, &path, 0)) {
        status = refuse(error, "is not a URL");
    } else if (strcasecmp(scheme, "https") != 0 && strcasecmp(scheme, "http") != 0) {
        status = refuse(error, "is neither http:// nor https://");
    } else {
        size_t length = strlen(path);
        while (length && path[length - 1] == '/')
            length--;
        url->secure = strcasecmp(scheme, "https") == 0;
        url->here = is_here(host);
        url->path = strndup(path, length);
        url->host = strdup(host);
        url->address = without_credentials(url->base);
        CURLUcode got = curl_url_get(url->base, CURLUPART_PASSWORD, &password, CURLU_URLDECODE);
        if (got == CURLUE_OK)
            url->password = strdup(password);
        if (!url->path || !url->host || !url->address || got == CURLUE_OUT_OF_MEMORY ||
            (password && !url->password))
            status = clo_fail_memory(error);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(path);
    if (password)
        explicit_bzero(password, strlen(password));
    curl_free(password);
    return status;
}

void clo_http_client_url_clear(struct clo_http_client_url *url)
{
    curl_url_cleanup(url->base);
    free(url->path);
    free(url->host);
    free(url->address);
    if (url->password)
        explicit_bzero(url->password, strlen(url->password));
    free(url->password);
}

char *clo_http_client_url_join(const struct clo_http_client_url *url, const char *path)
{
    char *text = NULL;
    struct clo_buffer whole = CLO_BUFFER(URL_MAX);
    clo_buffer_text(&whole, url->path);
    clo_buffer_text(&whole, path);
    CURLU *joined = curl_url_dup(url->base);
    if (!joined || whole.failed || curl_url_set(joined, CURLUPART_PATH, whole.data, 0) ||
        curl_url_get(joined, CURLUPART_URL, &text, 0))
        text = NULL;
    curl_url_cleanup(joined);
    clo_buffer_free(&whole);
    return text;
}
