/* main.c - the example agent built with the C API: two tools, an agent, a server on port 8088.
 * Build it against an installed libcloche:
 *
 *   cc main.c $(pkg-config --cflags --libs --static cloche) -lm    (a shared one: no --static)
 *   CLOCHE_IMAGE=$(pkg-config --variable=image cloche) ./a.out
 */
#include <cloche/cloche.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compute(void *context, const struct clo_value *arguments, struct clo_value *result,
                   struct clo_error *error)
{
    (void)context;
    const char *word = clo_value_text(clo_value_get(arguments, "operation"));
    double a = NAN, b = NAN;
    clo_value_number(clo_value_get(arguments, "a"), &a);
    clo_value_number(clo_value_get(arguments, "b"), &b);
    switch (word ? word[0] : 0) { /* the schema allows four words, each with its own first letter */
    case 'a': clo_value_set_number(result, a + b); return 0;
    case 's': clo_value_set_number(result, a - b); return 0;
    case 'm': clo_value_set_number(result, a * b); return 0;
    case 'd': clo_value_set_number(result, b == 0 ? INFINITY : a / b); return 0;
    default: return clo_tool_fail(error, "compute needs an operation");
    }
}

static int fetch_data(void *context, const struct clo_value *arguments, struct clo_value *result,
                      struct clo_error *error)
{
    static const char *const rows[][4] = {{"users", "1", "Alice", "admin"},
                                          {"users", "2", "Bob", "user"},
                                          {"users", "3", "Charlie", "admin"},
                                          {"products", "101", "Widget", "9.99"},
                                          {"products", "102", "Gadget", "19.99"}};
    (void)context;
    const char *table = clo_value_text(clo_value_get(arguments, "table"));
    clo_value_set_list(result);
    for (size_t i = 0; table && i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(table, rows[i][0]) != 0)
            continue;
        struct clo_value *row = clo_value_append(result);
        clo_value_set_map(row);
        clo_value_set_integer(clo_value_put(row, "id"), atoi(rows[i][1]));
        if (clo_value_set_text(clo_value_put(row, "name"), rows[i][2]) ||
            (*table == 'u' && clo_value_set_text(clo_value_put(row, "role"), rows[i][3])))
            return clo_tool_fail(error, "out of memory");
        if (*table == 'p')
            clo_value_set_number(clo_value_put(row, "price"), atof(rows[i][3]));
    }
    return 0;
}

static void ready(void *context, const char *address, uint16_t port)
{
    (void)context;
    fprintf(stderr, "listening on http://%s:%u\n", address, port);
}

/* `embed process` runs without a hypervisor: WebAssembly and a jailed process hold the code. */
int main(int argc, char **argv)
{
    static const struct clo_tool tools[] = {
        {.name = "compute",
         .description = "Do one arithmetic operation on two numbers.",
         .parameters =
             "{\"type\": \"object\", \"required\": [\"operation\", \"a\", \"b\"],"
             " \"properties\": {\"a\": {\"type\": \"number\"}, \"b\": {\"type\": \"number\"},"
             " \"operation\": {\"enum\": [\"add\", \"subtract\", \"multiply\", \"divide\"]}}}",
         .call = compute},
        {.name = "fetch_data",
         .description = "Get the records of the table users or products.",
         .parameters = "{\"type\": \"object\", \"required\": [\"table\"],"
                       " \"properties\": {\"table\": {\"type\": \"string\"}}}",
         .call = fetch_data},
    };
    struct clo_agent_config config = {
        .name = "embedded",
        .instructions = "You are a helpful assistant. Keep your answers brief.",
        .model = {.script = getenv("CLOCHE_SCRIPT")}, /* used when no model server is configured */
        .tools = tools,
        .tool_count = 2,
        .placement = CLO_PLACEMENT_WORKER,
        .isolation = argc > 1 && strcmp(argv[1], "process") == 0 ? CLO_ISOLATION_PROCESS
                                                                 : CLO_ISOLATION_MICROVM,
    };
    struct clo_agent *agent = NULL;
    struct clo_error error;
    if (clo_agent_create(&agent, &config, &error) ||
        clo_serve(agent, &(struct clo_serve_config){.on_ready = ready}, &error)) {
        fprintf(stderr, "%s\n%s\n", error.message, error.hint);
        return 1;
    }
    clo_agent_destroy(agent);
    return 0;
}
