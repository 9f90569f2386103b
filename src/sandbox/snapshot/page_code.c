/* page_code.c - see page_code.h. */
#include "sandbox/snapshot/page_code.h"

#include <string.h>

#include "base/error.h"

enum form { FORM_ZERO, FORM_WORDS, FORM_WHOLE };

#define WORDS (CLO_PAGE_SIZE / sizeof(uint64_t))
#define MASK 64 /* bytes: a bit for each word */
_Static_assert(MASK * 8 == WORDS, "a bit for each word");

struct record {
    uint32_t number;
    uint16_t form, length;
};
_Static_assert(sizeof(struct record) == 8, "no padding");

static size_t put(uint8_t *out, uint32_t number, enum form form, size_t length)
{
    struct record record = {.number = number, .form = form, .length = (uint16_t)length};
    memcpy(out, &record, sizeof record);
    return sizeof record + length;
}

static bool is_zero(const uint64_t *words)
{
    for (size_t i = 0; i < WORDS; i++)
        if (words[i])
            return false;
    return true;
}

size_t clo_page_encode(uint8_t *out, uint32_t number, const uint8_t *page, const uint8_t *was)
{
    uint64_t now[WORDS], before[WORDS];
    uint8_t *mask = out + sizeof(struct record), *at = mask + MASK;
    size_t count = 0;
    memcpy(now, page, sizeof now);
    memcpy(before, was, sizeof before);
    if (is_zero(now))
        return put(out, number, FORM_ZERO, 0);
    memset(mask, 0, MASK);
    for (size_t i = 0; i < WORDS; i++) {
        if (now[i] == before[i])
            continue;
        if (MASK + ++count * sizeof *now >= sizeof now) {
            memcpy(mask, now, sizeof now);
            return put(out, number, FORM_WHOLE, sizeof now);
        }
        mask[i / 8] |= (uint8_t)(1u << i % 8);
        memcpy(at, &now[i], sizeof *now);
        at += sizeof *now;
    }
    return put(out, number, FORM_WORDS, MASK + count * sizeof *now);
}

static size_t words_in(const uint8_t *mask)
{
    size_t count = 0;
    for (size_t i = 0; i < MASK; i++)
        count += (size_t)__builtin_popcount(mask[i]);
    return count;
}

int clo_page_record(const uint8_t *bytes, size_t length, uint32_t *number, size_t *size,
                    struct clo_error *error)
{
    struct record record;
    if (length < sizeof record)
        return clo_fail(error, CLO_EINVALID, "a record of a page in %zu bytes", length);
    memcpy(&record, bytes, sizeof record);
    size_t due = record.form == FORM_ZERO ? 0 : record.form == FORM_WHOLE ? CLO_PAGE_SIZE : MASK;
    bool well = record.form <= FORM_WHOLE && length - sizeof record >= due;
    if (well && record.form == FORM_WORDS) {
        due += words_in(bytes + sizeof record) * sizeof(uint64_t);
        well = length - sizeof record >= due;
    }
    if (!well || record.length != due)
        return clo_fail(error, CLO_EINVALID, "page %u of the snapshot: form %u, %u of %zu bytes",
                        record.number, record.form, record.length, length);
    *number = record.number;
    *size = sizeof record + due;
    return 0;
}

void clo_page_decode(uint8_t page[CLO_PAGE_SIZE], const uint8_t *record, const uint8_t *was)
{
    struct record head;
    const uint8_t *mask = record + sizeof head, *at = mask + MASK;
    memcpy(&head, record, sizeof head);
    if (head.form == FORM_ZERO) {
        memset(page, 0, CLO_PAGE_SIZE);
        return;
    }
    if (head.form == FORM_WHOLE) {
        memcpy(page, mask, CLO_PAGE_SIZE);
        return;
    }
    memcpy(page, was, CLO_PAGE_SIZE);
    for (size_t i = 0; i < WORDS; i++) {
        if (!(mask[i / 8] >> i % 8 & 1))
            continue;
        memcpy(page + i * sizeof(uint64_t), at, sizeof(uint64_t));
        at += sizeof(uint64_t);
    }
}
