/* tools.c - the example's two tools as a plug-in: compute and fetch_data.
 *
 * Built as a shared library; `cloche serve` and `cloche run --tools` open it and find the symbol
 * clo_plugin. The code in the sandbox reaches the tools by call_tool("compute", …), or as plain
 * functions: compute("add", 1, 2).
 */
#include <cloche/tool.h>
#include <math.h>
#include <string.h>
#include <time.h>

static int compute(void *context, const struct clo_value *arguments, struct clo_value *result,
                   struct clo_error *error)
{
    (void)context;
    const char *operation = clo_value_text(clo_value_get(arguments, "operation"));
    double a, b;
    /* The schema has been checked: this only guards against a schema and code that drift apart. */
    if (!operation || !clo_value_number(clo_value_get(arguments, "a"), &a) ||
        !clo_value_number(clo_value_get(arguments, "b"), &b))
        return clo_tool_fail(error, "compute needs operation, a and b");

    if (strcmp(operation, "add") == 0)
        clo_value_set_number(result, a + b);
    else if (strcmp(operation, "subtract") == 0)
        clo_value_set_number(result, a - b);
    else if (strcmp(operation, "multiply") == 0)
        clo_value_set_number(result, a * b);
    else if (strcmp(operation, "divide") == 0)
        clo_value_set_number(result, b == 0 ? INFINITY : a / b);
    else
        return clo_tool_fail(error, "compute knows no operation \"%s\"", operation);
    return 0;
}

struct record {
    const char *table;
    int id;
    const char *name;
    const char *role; /* users */
    double price;     /* products */
};

static const struct record records[] = {
    {"users", 1, "Alice", "admin", 0},        {"users", 2, "Bob", "user", 0},
    {"users", 3, "Charlie", "admin", 0},      {"products", 101, "Widget", NULL, 9.99},
    {"products", 102, "Gadget", NULL, 19.99},
};

static int add_record(struct clo_value *list, const struct record *record)
{
    struct clo_value *row = clo_value_append(list), *id, *name, *last;
    if (!row)
        return CLO_ENOMEMORY;
    clo_value_set_map(row);
    if (!(id = clo_value_put(row, "id")))
        return CLO_ENOMEMORY;
    clo_value_set_integer(id, record->id);
    if (!(name = clo_value_put(row, "name")) || clo_value_set_text(name, record->name))
        return CLO_ENOMEMORY;
    if (!(last = clo_value_put(row, record->role ? "role" : "price")))
        return CLO_ENOMEMORY;
    if (record->role)
        return clo_value_set_text(last, record->role);
    clo_value_set_number(last, record->price);
    return 0;
}

static int fetch_data(void *context, const struct clo_value *arguments, struct clo_value *result,
                      struct clo_error *error)
{
    (void)context;
    const char *table = clo_value_text(clo_value_get(arguments, "table"));
    if (!table)
        return clo_tool_fail(error, "fetch_data needs a table");
    /* A query takes a while: this one half a second, so that waiting in parallel shows. */
    nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    clo_value_set_list(result);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        if (strcmp(records[i].table, table) == 0 && add_record(result, &records[i]))
            return clo_tool_fail(error, "out of memory");
    }
    return 0;
}

static const struct clo_tool tools[] = {
    {
        .name = "compute",
        .description = "Do one arithmetic operation on two numbers. Dividing by zero gives inf.",
        .parameters = "{\"type\": \"object\", \"properties\": {"
                      "\"operation\": {\"enum\": [\"add\", \"subtract\", \"multiply\", \"divide\"],"
                      "                \"description\": \"what to do\"},"
                      "\"a\": {\"type\": \"number\", \"description\": \"the first number\"},"
                      "\"b\": {\"type\": \"number\", \"description\": \"the second number\"}},"
                      "\"required\": [\"operation\", \"a\", \"b\"],"
                      "\"additionalProperties\": false}",
        .call = compute,
    },
    {
        .name = "fetch_data",
        .description =
            "Get the records of a table as a list of dicts: \"users\" (id, name, role) or \"products\" (id, name, price). Any other table is empty.",
        .parameters = "{\"type\": \"object\", \"properties\": {"
                      "\"table\": {\"type\": \"string\", \"description\": \"name of the table\"}},"
                      "\"required\": [\"table\"], \"additionalProperties\": false}",
        .call = fetch_data,
    },
};

CLO_API const struct clo_plugin clo_plugin = {
    .version = CLO_PLUGIN_VERSION,
    .tool_count = sizeof tools / sizeof *tools,
    .tools = tools,
};
