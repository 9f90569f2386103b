/* secrets.c - finding credentials in any text. */
#include "model/record/secrets.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "model/redact.h"

#define VARIABLES_MAX 128 /* of the environment that are looked for */
#define FORM_LEAST 16     /* bytes behind a form's start */
#define ARMOUR_MAX 48     /* bytes of the words between the dashes of PEM */
#define URL_MAX 1024      /* bytes of a URL's user and password */

struct known {
    const char *values[VARIABLES_MAX + 1];
    size_t count;
};

static bool is_secret_name(const char *name, size_t length)
{
    static const char *const words[] = {"KEY",    "TOKEN",      "SECRET",           "PASSWORD",
                                        "PASSWD", "CREDENTIAL", "CONNECTION_STRING"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t word = strlen(words[i]);
        for (size_t at = 0; at + word <= length; at++)
            if (strncasecmp(name + at, words[i], word) == 0)
                return true;
    }
    return false;
}

static void gather(struct known *known, const char *key)
{
    if (key && *key)
        known->values[known->count++] = key;
    for (char **variable = environ; variable && *variable; variable++) {
        const char *equals = strchr(*variable, '=');
        if (equals && strlen(equals + 1) >= CLO_REDACT_SHORT && known->count < VARIABLES_MAX &&
            is_secret_name(*variable, (size_t)(equals - *variable)))
            known->values[known->count++] = equals + 1;
    }
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static size_t token_length(const char *text, size_t length)
{
    size_t end = 0;
    while (end < length && (is_word(text[end]) || (text[end] && strchr("-_.~+/=%", text[end]))))
        end++;
    return end;
}

static bool starts(const char *text, size_t length, const char *with)
{
    return strlen(with) <= length && memcmp(text, with, strlen(with)) == 0;
}

/* A start that makers give their credentials, and a long token behind it. */
static size_t find_form(const char *text, size_t length, size_t at)
{
    static const char *const forms[] = {"sk-",
                                        "ghp_",
                                        "gho_",
                                        "ghs_",
                                        "ghu_",
                                        "github_pat_",
                                        "glpat-",
                                        "xoxb-",
                                        "xoxp-",
                                        "xapp-",
                                        "AKIA",
                                        "ASIA",
                                        "AIza",
                                        "hf_",
                                        "npm_",
                                        "pypi-",
                                        "Bearer ",
                                        "bearer ",
                                        "Basic ",
                                        "AccountKey=",
                                        "SharedAccessKey=",
                                        "SharedAccessSignature=",
                                        "sig="};
    if (at && is_word(text[at - 1]))
        return 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t start = strlen(forms[i]);
        if (!starts(text + at, length - at, forms[i]))
            continue;
        size_t token = token_length(text + at + start, length - at - start);
        if (token >= FORM_LEAST)
            return start + token;
    }
    return 0;
}

/* The end of a line of PEM whose start is at `at`; 0: there is none. */
static size_t armour_end(const char *text, size_t length, size_t at, const char *start,
                         const char *end)
{
    if (!starts(text + at, length - at, start))
        return 0;
    size_t most = at + strlen(start) + ARMOUR_MAX;
    for (size_t i = at + strlen(start); i < length && i < most && text[i] != '\n'; i++)
        if (starts(text + i, length - i, end))
            return i + strlen(end);
    return 0;
}

/* Up to the end of the text, where the key's own end is missing. */
static size_t find_private_key(const char *text, size_t length, size_t at)
{
    size_t body = armour_end(text, length, at, "-----BEGIN ", "PRIVATE KEY-----");
    for (size_t i = body; body && i < length; i++) {
        size_t end = armour_end(text, length, i, "-----END ", "PRIVATE KEY-----");
        if (end)
            return end - at;
    }
    return body ? length - at : 0;
}

/* The password in scheme://user:password@host, where `at` is right behind its colon. */
static size_t find_password(const char *text, size_t length, size_t at)
{
    size_t start = at, end = at;
    if (!at || text[at - 1] != ':')
        return 0;
    while (start && at - start < URL_MAX && !strchr("/ \"'\n@", text[start - 1]))
        start--;
    if (start < 3 || memcmp(text + start - 3, "://", 3) != 0)
        return 0;
    while (end < length && end - at < URL_MAX && text[end] && !strchr("/ \"'\n@", text[end]))
        end++;
    return end < length && text[end] == '@' ? end - at : 0;
}

static size_t find(const struct known *known, const char *text, size_t length, size_t at)
{
    size_t size = 0;
    for (size_t i = 0; i < known->count; i++) {
        if (*known->values[i] != text[at])
            continue;
        size_t found = clo_redact_secret(text, length, at, known->values[i]);
        size = found > size ? found : size;
    }
    if (!size)
        size = clo_redact_token(text, length, at);
    if (!size)
        size = find_form(text, length, at);
    if (!size)
        size = find_private_key(text, length, at);
    return size ? size : find_password(text, length, at);
}

int clo_secrets_hide(struct clo_buffer *out, const char *text, size_t length, const char *key,
                     const char *mark)
{
    struct known known = {.count = 0};
    size_t shown = 0; /* up to here the text is in `out` */
    gather(&known, key);
    for (size_t at = 0; at < length;) {
        size_t size = find(&known, text, length, at);
        if (!size) {
            at++;
            continue;
        }
        clo_buffer_append(out, text + shown, at - shown);
        clo_buffer_text(out, mark);
        shown = at += size;
    }
    return clo_buffer_append(out, text + shown, length - shown);
}
