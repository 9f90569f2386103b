/* value.c - typed values: a tree of lists and maps that owns everything below it.
 *
 * Clearing uses no stack and no memory however deep the tree is: on the way down a container's
 * `capacity`, which nothing needs any more, remembers its parent.
 */
#include "cloche/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "sandbox/value/value.h"

#define FIRST_CAPACITY 4

static struct clo_value_fields *fields(struct clo_value *value)
{
    return (struct clo_value_fields *)value;
}

/* The next child to release, taken off the container; NULL when there is none left. */
static struct clo_value *take_child(struct clo_value_fields *container)
{
    if (container->type == CLO_LIST)
        return container->list.count ? &container->list.items[--container->list.count] : NULL;
    if (!container->map.count)
        return NULL;
    struct clo_member *member = &container->map.members[--container->map.count];
    free(member->name);
    return &member->value;
}

static bool is_container(const struct clo_value_fields *value)
{
    return value->type == CLO_LIST || value->type == CLO_MAP;
}

static void set_parent(struct clo_value_fields *container, struct clo_value_fields *parent)
{
    size_t *place =
        container->type == CLO_LIST ? &container->list.capacity : &container->map.capacity;
    *place = (size_t)(uintptr_t)parent;
}

static struct clo_value_fields *get_parent(const struct clo_value_fields *container)
{
    size_t place = container->type == CLO_LIST ? container->list.capacity : container->map.capacity;
    return (struct clo_value_fields *)(uintptr_t)place;
}

static void free_leaf(struct clo_value_fields *value)
{
    if (value->type == CLO_TEXT || value->type == CLO_BYTES || value->type == CLO_BIG_INTEGER)
        free(value->text.data);
}

void clo_value_clear(struct clo_value *value)
{
    struct clo_value_fields *at = fields(value);
    if (!is_container(at)) {
        free_leaf(at);
        *value = (struct clo_value){0};
        return;
    }
    set_parent(at, NULL);
    while (at) {
        struct clo_value_fields *child = fields(take_child(at));
        if (!child) {
            struct clo_value_fields *parent = get_parent(at);
            if (at->type == CLO_LIST)
                free(at->list.items);
            else
                free(at->map.members);
            at = parent;
        } else if (is_container(child)) {
            set_parent(child, at);
            at = child;
        } else {
            free_leaf(child);
        }
    }
    *value = (struct clo_value){0};
}

/* `value` may be NULL: a place that found no memory, passed on. */
static void replace(struct clo_value *value, struct clo_value_fields with)
{
    if (!value)
        return;
    clo_value_clear(value);
    *fields(value) = with;
}

void clo_value_set_bool(struct clo_value *value, bool boolean)
{
    replace(value, (struct clo_value_fields){.type = CLO_BOOL, .boolean = boolean});
}

void clo_value_set_integer(struct clo_value *value, int64_t integer)
{
    replace(value, (struct clo_value_fields){.type = CLO_INTEGER, .integer = integer});
}

void clo_value_set_number(struct clo_value *value, double number)
{
    replace(value, (struct clo_value_fields){.type = CLO_NUMBER, .number = number});
}

static char *copy_bytes(const void *data, size_t length)
{
    char *copy = length < SIZE_MAX ? malloc(length + 1) : NULL;
    if (!copy)
        return NULL;
    if (length)
        memcpy(copy, data, length);
    copy[length] = '\0';
    return copy;
}

static int set_bytes(struct clo_value *value, enum clo_type type, bool negative, const void *data,
                     size_t length)
{
    char *copy = value ? copy_bytes(data, length) : NULL;
    if (!copy)
        return CLO_ENOMEMORY;
    replace(value, (struct clo_value_fields){.type = type,
                                             .negative = negative,
                                             .text = {.data = copy, .length = length}});
    return 0;
}

int clo_value_set_text(struct clo_value *value, const char *text)
{
    return clo_value_set_text_n(value, text, strlen(text));
}

int clo_value_set_text_n(struct clo_value *value, const char *data, size_t length)
{
    return set_bytes(value, CLO_TEXT, false, data, length);
}

int clo_value_set_bytes(struct clo_value *value, const void *data, size_t length)
{
    return set_bytes(value, CLO_BYTES, false, data, length);
}

int clo_value_set_magnitude(struct clo_value *value, bool negative, const uint8_t *data,
                            size_t length)
{
    while (length && *data == 0) {
        data++;
        length--;
    }
    uint64_t small = 0;
    if (length <= 8) {
        for (size_t i = 0; i < length; i++)
            small = small << 8 | data[i];
        if (small <= INT64_MAX) {
            clo_value_set_integer(value, negative ? -1 - (int64_t)small : (int64_t)small);
            return value ? 0 : CLO_ENOMEMORY;
        }
    }
    return set_bytes(value, CLO_BIG_INTEGER, negative, data, length);
}

void clo_value_set_list(struct clo_value *value)
{
    replace(value, (struct clo_value_fields){.type = CLO_LIST});
}

void clo_value_set_map(struct clo_value *value)
{
    replace(value, (struct clo_value_fields){.type = CLO_MAP});
}

/* Make room for one more element of `size` bytes. */
static void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    size_t wanted = *capacity ? *capacity * 2 : FIRST_CAPACITY;
    void *larger = wanted <= SIZE_MAX / size ? realloc(items, wanted * size) : NULL;
    if (larger)
        *capacity = wanted;
    return larger;
}

int clo_value_reserve(struct clo_value *value, size_t count)
{
    struct clo_value_fields *container = fields(value);
    if (!count)
        return 0;
    bool list = container->type == CLO_LIST;
    size_t size = list ? sizeof(struct clo_value) : sizeof(struct clo_member);
    void *places = count <= SIZE_MAX / size ? malloc(count * size) : NULL;
    if (!places)
        return CLO_ENOMEMORY;
    if (list) {
        container->list.items = places;
        container->list.capacity = count;
    } else {
        container->map.members = places;
        container->map.capacity = count;
    }
    return 0;
}

struct clo_value *clo_value_append(struct clo_value *value)
{
    struct clo_value_fields *list = fields(value);
    if (!list || list->type != CLO_LIST)
        return NULL;
    struct clo_value *items =
        grow(list->list.items, list->list.count, &list->list.capacity, sizeof *items);
    if (!items) {
        list->incomplete = true;
        return NULL;
    }
    list->list.items = items;
    struct clo_value *item = &items[list->list.count++];
    *item = (struct clo_value){0};
    return item;
}

static struct clo_member *find(const struct clo_value *value, const char *name, size_t length)
{
    const struct clo_value_fields *map = clo_value_fields(value);
    if (!map || map->type != CLO_MAP)
        return NULL;
    for (size_t i = 0; i < map->map.count; i++) {
        struct clo_member *member = &map->map.members[i];
        if (member->name_length == length && memcmp(member->name, name, length) == 0)
            return member;
    }
    return NULL;
}

struct clo_value *clo_value_put(struct clo_value *map, const char *name)
{
    return clo_value_put_n(map, name, strlen(name));
}

struct clo_value *clo_value_put_n(struct clo_value *map, const char *name, size_t length)
{
    if (clo_value_type(map) != CLO_MAP)
        return NULL;
    struct clo_member *member = find(map, name, length);
    return member ? &member->value : clo_value_add(map, name, length);
}

struct clo_value *clo_value_add(struct clo_value *value, const char *name, size_t length)
{
    struct clo_value_fields *map = fields(value);
    struct clo_member *members =
        grow(map->map.members, map->map.count, &map->map.capacity, sizeof *members);
    if (members)
        map->map.members = members;
    char *copy = members ? copy_bytes(name, length) : NULL;
    if (!copy) {
        map->incomplete = true;
        return NULL;
    }
    struct clo_member *member = &members[map->map.count++];
    *member = (struct clo_member){.name = copy, .name_length = length};
    return &member->value;
}

void clo_value_mark(struct clo_value *null)
{
    fields(null)->marked = true;
}

static void sweep_map(struct clo_value_fields *map)
{
    size_t kept = 0;
    for (size_t i = 0; i < map->map.count; i++) {
        struct clo_member *member = &map->map.members[i];
        if (fields(&member->value)->marked) {
            free(member->name);
            continue;
        }
        clo_value_sweep(&member->value);
        map->map.members[kept++] = *member;
    }
    map->map.count = kept;
}

void clo_value_sweep(struct clo_value *root)
{
    struct clo_value_fields *value = fields(root);
    if (value->type == CLO_MAP)
        sweep_map(value);
    for (size_t i = 0; value->type == CLO_LIST && i < value->list.count; i++)
        clo_value_sweep(&value->list.items[i]);
}

/* What malloc takes for so many bytes. */
static size_t block(size_t size)
{
    size_t rounded = (size + sizeof(size_t) + 15) & ~(size_t)15;
    return rounded < CLO_VALUE_BLOCK_LEAST ? CLO_VALUE_BLOCK_LEAST : rounded;
}

size_t clo_value_footprint(const struct clo_value *root)
{
    const struct clo_value_fields *value = clo_value_fields(root);
    size_t sum = 0;
    switch (value->type) {
    case CLO_TEXT:
    case CLO_BYTES:
    case CLO_BIG_INTEGER: return block(value->text.length + 1);
    case CLO_LIST:
        for (size_t i = 0; i < value->list.count; i++)
            sum += clo_value_footprint(&value->list.items[i]);
        return sum + block(value->list.capacity * sizeof *value->list.items);
    case CLO_MAP:
        for (size_t i = 0; i < value->map.count; i++)
            sum += block(value->map.members[i].name_length + 1) +
                   clo_value_footprint(&value->map.members[i].value);
        return sum + block(value->map.capacity * sizeof *value->map.members);
    default: return 0;
    }
}

static int compare_names(const void *left, const void *right)
{
    const struct clo_member *a = *(const struct clo_member *const *)left;
    const struct clo_member *b = *(const struct clo_member *const *)right;
    if (a->name_length != b->name_length)
        return a->name_length < b->name_length ? -1 : 1;
    return memcmp(a->name, b->name, a->name_length);
}

/* Sorting keeps this n log n: a guest chooses the number of members. */
int clo_value_find_duplicate(const struct clo_value *value, const struct clo_member **duplicate)
{
    const struct clo_value_fields *map = clo_value_fields(value);
    *duplicate = NULL;
    size_t count = map->map.count;
    if (count < 2)
        return 0;
    const struct clo_member *few[16];
    const struct clo_member **sorted = few;
    if (count > sizeof few / sizeof *few) {
        sorted = malloc(count * sizeof *sorted);
        if (!sorted)
            return CLO_ENOMEMORY;
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = &map->map.members[i];
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 1; i < count && !*duplicate; i++) {
        if (compare_names(&sorted[i - 1], &sorted[i]) == 0)
            *duplicate = sorted[i];
    }
    if (sorted != few)
        free(sorted);
    return 0;
}

char *clo_value_take_text(struct clo_value *value, size_t *length)
{
    if (clo_value_type(value) != CLO_TEXT)
        return NULL;
    char *text = fields(value)->text.data;
    *length = fields(value)->text.length;
    *value = (struct clo_value){0};
    return text;
}

enum clo_type clo_value_type(const struct clo_value *value)
{
    return value ? clo_value_fields(value)->type : CLO_NULL;
}

const struct clo_value *clo_value_get(const struct clo_value *map, const char *name)
{
    return clo_value_get_n(map, name, strlen(name));
}

const struct clo_value *clo_value_get_n(const struct clo_value *map, const char *name,
                                        size_t length)
{
    const struct clo_member *member = find(map, name, length);
    return member ? &member->value : NULL;
}

size_t clo_value_count(const struct clo_value *value)
{
    switch (clo_value_type(value)) {
    case CLO_LIST: return clo_value_fields(value)->list.count;
    case CLO_MAP: return clo_value_fields(value)->map.count;
    default: return 0;
    }
}

const struct clo_value *clo_value_item(const struct clo_value *list, size_t index)
{
    if (clo_value_type(list) != CLO_LIST || index >= clo_value_count(list))
        return NULL;
    return &clo_value_fields(list)->list.items[index];
}

const struct clo_value *clo_value_member(const struct clo_value *map, size_t index,
                                         const char **name, size_t *length)
{
    if (clo_value_type(map) != CLO_MAP || index >= clo_value_count(map))
        return NULL;
    const struct clo_member *member = &clo_value_fields(map)->map.members[index];
    if (name)
        *name = member->name;
    if (length)
        *length = member->name_length;
    return &member->value;
}

/* TEXT, BYTES or BIG_INTEGER */
static const char *get_bytes(const struct clo_value *value, enum clo_type type, size_t *length)
{
    if (clo_value_type(value) != type)
        return NULL;
    if (length)
        *length = clo_value_fields(value)->text.length;
    return clo_value_fields(value)->text.data;
}

const char *clo_value_text(const struct clo_value *value)
{
    return get_bytes(value, CLO_TEXT, NULL);
}

const char *clo_value_text_n(const struct clo_value *value, size_t *length)
{
    return get_bytes(value, CLO_TEXT, length);
}

const uint8_t *clo_value_bytes(const struct clo_value *value, size_t *length)
{
    return (const uint8_t *)get_bytes(value, CLO_BYTES, length);
}

const uint8_t *clo_value_magnitude(const struct clo_value *value, bool *negative, size_t *length)
{
    const char *data = get_bytes(value, CLO_BIG_INTEGER, length);
    if (data && negative)
        *negative = clo_value_fields(value)->negative;
    return (const uint8_t *)data;
}

bool clo_value_bool(const struct clo_value *value, bool *boolean)
{
    if (clo_value_type(value) != CLO_BOOL)
        return false;
    *boolean = clo_value_fields(value)->boolean;
    return true;
}

bool clo_value_integer(const struct clo_value *value, int64_t *integer)
{
    if (clo_value_type(value) == CLO_INTEGER) {
        *integer = clo_value_fields(value)->integer;
        return true;
    }
    if (clo_value_type(value) != CLO_NUMBER)
        return false;
    double number = clo_value_fields(value)->number;
    if (clo_integer_order(INT64_MIN, number) > 0 || clo_integer_order(INT64_MAX, number) < 0 ||
        number != rint(number))
        return false;
    *integer = (int64_t)number;
    return true;
}

/* The 64 leading bits, the last of them set if any bit behind them is: converting those rounds as
 * converting all of them would, since a double keeps 53. */
static double magnitude_number(const struct clo_value_fields *value)
{
    const uint8_t *data = (const uint8_t *)value->text.data;
    size_t length = value->text.length;
    if (length > CLO_WHOLE_BYTES + 1) /* whatever it is, it is beyond every double */
        return value->negative ? -INFINITY : INFINITY;
    uint8_t bytes[CLO_WHOLE_BYTES + 2] = {0}; /* one more for the carry of -1 - magnitude */
    memcpy(bytes + sizeof bytes - length, data, length);
    for (size_t i = sizeof bytes; value->negative && i-- > 0 && ++bytes[i] == 0;)
        ;
    size_t first = 0;
    while (first < sizeof bytes - 8 && !bytes[first])
        first++;
    uint64_t leading = 0;
    for (size_t i = first; i < first + 8; i++)
        leading = leading << 8 | bytes[i];
    size_t rest = sizeof bytes - first - 8;
    int shift = __builtin_clzll(leading | 1);
    uint64_t below = rest ? bytes[first + 8] : 0;
    leading = leading << shift | below >> (8 - shift);
    bool more = (below << shift & 0xff) != 0;
    for (size_t i = first + 9; i < sizeof bytes && !more; i++)
        more = bytes[i] != 0;
    double number = ldexp((double)(leading | more), (int)rest * 8 - shift);
    return value->negative ? -number : number;
}

bool clo_value_number(const struct clo_value *value, double *number)
{
    switch (clo_value_type(value)) {
    case CLO_NUMBER: *number = clo_value_fields(value)->number; return true;
    case CLO_INTEGER: *number = (double)clo_value_fields(value)->integer; return true;
    case CLO_BIG_INTEGER: *number = magnitude_number(clo_value_fields(value)); return true;
    default: return false;
    }
}

void clo_whole_magnitude(double whole, bool *negative, uint8_t magnitude[CLO_WHOLE_BYTES])
{
    int exponent;
    double fraction = frexp(fabs(whole), &exponent); /* |whole| = fraction 2^exponent */
    uint64_t mantissa = (uint64_t)ldexp(fraction, exponent < 53 ? exponent : 53);
    unsigned shift = exponent < 53 ? 0 : (unsigned)exponent - 53;
    memset(magnitude, 0, CLO_WHOLE_BYTES);
    size_t at = CLO_WHOLE_BYTES - shift / 8;
    for (unsigned __int128 chunk = (unsigned __int128)mantissa << shift % 8; chunk; chunk >>= 8)
        magnitude[--at] = (uint8_t)chunk;
    *negative = whole < 0;
    for (size_t i = CLO_WHOLE_BYTES; *negative && i-- > 0 && magnitude[i]-- == 0;)
        ; /* the magnitude of -n is n - 1 */
}
