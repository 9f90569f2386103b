/* main.c - the example agent built with the C API: two tools, an agent, a server on port 8088.
 *
 * Build against an installed libcloche:
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
    const char *operation = clo_value_text(clo_value_get(arguments, "operation"));
    double a = NAN, b = NAN;
    clo_value_number(clo_value_get(arguments, "a"), &a);
    clo_value_number(clo_value_get(arguments, "b"), &b);
    if (!operation)
        return clo_tool_fail(error, "compute needs an operation");
    switch (operation[0]) { /* the schema allows four words, each with its own first letter */
    case 'a': clo_value_set_number(result, a + b); break;
    case 's': clo_value_set_number(result, a - b); break;
    case 'm': clo_value_set_number(result, a * b); break;
    default: clo_value_set_number(result, b == 0 ? INFINITY : a / b);
    }
    return 0;
}

static int fetch_data(void *context, const struct clo_value *arguments, struct clo_value *result,
                      struct clo_error *error)
{
    static const char *const users[][2] = {
        {"Alice", "admin"}, {"Bob", "user"}, {"Charlie", "admin"}};
    static const char *const products[][2] = {{"Widget", "9.99"}, {"Gadget", "19.99"}};
    (void)context;
    const char *table = clo_value_text(clo_value_get(arguments, "table"));
    int is_users = table && strcmp(table, "users") == 0;
    int count = is_users ? 3 : table && strcmp(table, "products") == 0 ? 2 : 0;
    clo_value_set_list(result);
    for (int i = 0; i < count; i++) {
        const char *const *row = is_users ? users[i] : products[i];
        struct clo_value *record = clo_value_append(result);
        if (!record)
            return clo_tool_fail(error, "out of memory");
        clo_value_set_map(record);
        clo_value_set_integer(clo_value_put(record, "id"), is_users ? i + 1 : i + 101);
        if (clo_value_set_text(clo_value_put(record, "name"), row[0]))
            return clo_tool_fail(error, "out of memory");
        struct clo_value *last = clo_value_put(record, is_users ? "role" : "price");
        if (!is_users)
            clo_value_set_number(last, strtod(row[1], NULL));
        else if (clo_value_set_text(last, row[1]))
            return clo_tool_fail(error, "out of memory");
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
