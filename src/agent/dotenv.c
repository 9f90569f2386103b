/* dotenv.c - a .env file: KEY=VALUE lines for the environment, as shells and containers write them.
 *
 *     # a comment
 *     export OPENAI_API_KEY="sk-..."     # "export" and quotes are allowed
 *     GREETING='taken as it is: $HOME'
 *
 * In double quotes \n, \t, \", \\ and \$ are escapes; nothing is substituted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "base/error.h"

#define LINE_MAX_BYTES 32768
#define LINES_MAX 10000
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

/* A quoted value, unescaped in place. The end of it, or NULL if the quote is not closed. */
static char *read_quoted(char *value)
{
    char quote = *value, *to = value;
    for (char *from = value + 1; *from; from++) {
        if (*from == quote) {
            *to = '\0';
            return from + 1;
        }
        if (*from == '\\' && quote == '"' && from[1] && strchr("nt\"\\$", from[1])) {
            from++;
            *to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
        } else {
            *to++ = *from;
        }
    }
    return NULL;
}

/* NULL, or what is wrong with the line. */
static const char *read_line(char *line)
{
    line += strspn(line, " \t");
    line[strcspn(line, "\r\n")] = '\0';
    if (!*line || *line == '#')
        return NULL;
    if (strncmp(line, "export", 6) == 0 && strchr(" \t", line[6]))
        line += 6 + strspn(line + 6, " \t");
    size_t length = strspn(line, LETTERS "0123456789");
    char *equals = line + length + strspn(line + length, " \t");
    if (!length || !strspn(line, LETTERS) || *equals != '=')
        return "NAME=VALUE is expected";
    char *value = equals + 1 + strspn(equals + 1, " \t");
    if (*value == '"' || *value == '\'') {
        char *end = read_quoted(value);
        if (!end)
            return "the quote is not closed on the same line";
        end += strspn(end, " \t");
        if (*end && *end != '#')
            return "something stands behind the closing quote";
    } else {
        char *comment = strstr(value, " #");
        if (comment)
            *comment = '\0';
        for (size_t end = strlen(value); end && strchr(" \t", value[end - 1]);)
            value[--end] = '\0';
    }
    line[length] = '\0';
    return setenv(line, value, 0) ? "the environment is full" : NULL;
}

int clo_dotenv_load(const char *path, struct clo_error *error)
{
    static const char mark[] = "\xef\xbb\xbf";
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? 0 : clo_fail_errno(error, CLO_ESYSTEM, "cannot read %s", path);
    char *line = malloc(LINE_MAX_BYTES);
    int status = 0;
    if (!line) {
        fclose(file);
        return clo_fail_memory(error);
    }
    for (unsigned number = 1; !status && fgets(line, LINE_MAX_BYTES, file); number++) {
        const char *wrong = NULL;
        if (number > LINES_MAX || (!strchr(line, '\n') && !feof(file)))
            wrong = "the line, or the file, is too long";
        else
            wrong = read_line(number == 1 && strncmp(line, mark, 3) == 0 ? line + 3 : line);
        if (wrong)
            status = clo_fail(error, CLO_EINVALID, "%s:%u:1: %s", path, number, wrong);
    }
    explicit_bzero(line, LINE_MAX_BYTES); /* keys stand in such files */
    free(line);
    fclose(file);
    return status;
}
