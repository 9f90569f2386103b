/* hostfs_ahead.c - records of files that were not asked for yet, of one folder at a time. */
#include "guest/files/hostfs_ahead.h"

#include <string.h>

static struct {
    uint8_t *records; /* CLO_FILE_AHEAD_ALL_MAX bytes; NULL: not allocated yet */
    uint32_t count, length;
    uint32_t at; /* where the record after the one that was found last begins */
    uint64_t kept_ns;
    uint32_t kept_epoch;
    uint32_t mount;
    uint32_t folder_length;
    char folder[CLO_FILE_PATH_MAX];
} ahead;

/* Bytes of the path up to the name's slash, or none. */
static uint32_t folder_length(const struct clo_path *path)
{
    uint32_t length = path->host_length;

    while (length > 0 && path->host[length - 1] != '/') {
        length--;
    }
    return length;
}

static uint32_t record_length(const uint8_t *at, struct clo_file_ahead *record)
{
    memcpy(record, at, sizeof *record);
    return (uint32_t)sizeof *record + record->name_length + record->of.length;
}

void clo_ahead_keep(const struct clo_path *path, const uint8_t *records, uint32_t count)
{
    struct clo_file_ahead record;
    uint32_t length = 0;

    for (uint32_t i = 0; i < count; i++) {
        length += record_length(records + length, &record);
    }
    if (ahead.records == NULL) {
        ahead.records = clo_heap_alloc_pages(CLO_FILE_AHEAD_ALL_MAX);
    }
    ahead.count = 0;
    if (ahead.records == NULL || length > CLO_FILE_AHEAD_ALL_MAX) {
        return;
    }
    memcpy(ahead.records, records, length);
    ahead.count = count;
    ahead.length = length;
    ahead.at = 0;
    ahead.kept_ns = clo_clock_steady();
    ahead.kept_epoch = clo_host_epoch();
    ahead.mount = path->mounted->mount;
    ahead.folder_length = folder_length(path);
    memcpy(ahead.folder, path->host, ahead.folder_length);
}

bool clo_ahead_find(const struct clo_path *path, struct clo_file_reply *stat,
                    const uint8_t **content)
{
    uint32_t folder = folder_length(path), name_length = path->host_length - folder;
    struct clo_file_ahead record;

    if (ahead.count == 0 || ahead.mount != path->mounted->mount || ahead.folder_length != folder ||
        memcmp(ahead.folder, path->host, folder) != 0 ||
        !clo_host_fresh(ahead.kept_ns, ahead.kept_epoch)) {
        return false;
    }
    for (uint32_t i = 0; i < ahead.count; i++) { /* from there on, and around */
        const uint8_t *at = ahead.records + (ahead.at < ahead.length ? ahead.at : 0);
        const uint8_t *name = at + sizeof record;
        uint32_t length = record_length(at, &record);
        ahead.at = (uint32_t)(at - ahead.records) + length;
        if (record.name_length == name_length &&
            memcmp(name, path->host + folder, name_length) == 0) {
            ahead.at -= length; /* it may be looked at and then opened */
            *stat = record.of;
            *content = record.of.end ? name + name_length : NULL;
            return true;
        }
    }
    return false;
}
