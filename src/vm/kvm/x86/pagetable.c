/* pagetable.c - the guest's page tables, in the system area of its memory.
 *
 * Four levels, 4 KiB tables, AMD APM volume 2, section 5.3. Accessed and dirty bits are set
 * beforehand, so that KVM never has to write a table. Upper levels allow everything; the leaf entry
 * decides. After the first entry into the guest, entries are only added, and what is taken back at
 * a restore loses its memory on the host side too (grow.c): this file relies on its caller for
 * that.
 */
#include <assert.h>
#include <string.h>

#include "vm/internal.h"

#define PRESENT 1ull
#define ACCESSED 0x20ull
#define DIRTY 0x40ull
#define LARGE 0x80ull
#define ADDRESS 0x000ffffffffff000ull
#define UPPER (PRESENT | CLO_PTE_WRITE | CLO_PTE_USER | ACCESSED)
#define LEAF (PRESENT | ACCESSED | DIRTY)
#define PAGES_IN_CHUNK (CLO_HUGE_PAGE_SIZE / CLO_PAGE_SIZE)

static uint64_t *table_at(const struct clo_vm *vm, uint64_t page)
{
    return (uint64_t *)(vm->memory + page * CLO_PAGE_SIZE);
}

uint32_t clo_tables_new(struct clo_vm *vm)
{
    assert(vm->table_next < CLO_SYSTEM_PAGES + CLO_INITIAL_TABLES);
    return vm->table_next++;
}

static uint64_t *descend(struct clo_vm *vm, uint64_t *entry)
{
    if (!*entry)
        *entry = clo_tables_new(vm) * CLO_PAGE_SIZE | UPPER;
    return table_at(vm, (*entry & ADDRESS) / CLO_PAGE_SIZE);
}

/* The page-directory entry for the 2 MiB at va; makes the tables above it. */
static uint64_t *directory_entry(struct clo_vm *vm, uint64_t va)
{
    uint64_t *root = table_at(vm, CLO_SYSTEM_ROOT);
    uint64_t *pointers = descend(vm, &root[va >> 39 & 511]);
    uint64_t *directory = descend(vm, &pointers[va >> 30 & 511]);
    return &directory[va >> 21 & 511];
}

/* The same where the tables are known to be there. */
static uint64_t *find_directory_entry(const struct clo_vm *vm, uint64_t va)
{
    uint64_t above = table_at(vm, CLO_SYSTEM_ROOT)[va >> 39 & 511];
    assert(above);
    above = table_at(vm, (above & ADDRESS) / CLO_PAGE_SIZE)[va >> 30 & 511];
    assert(above);
    return &table_at(vm, (above & ADDRESS) / CLO_PAGE_SIZE)[va >> 21 & 511];
}

void clo_tables_map(struct clo_vm *vm, uint64_t va, uint64_t gpa, uint64_t length, uint64_t flags)
{
    for (uint64_t done = 0; done < length;) {
        uint64_t at = va + done;
        uint64_t *entry = directory_entry(vm, at);
        bool aligned = ((at | (gpa + done)) & (CLO_HUGE_PAGE_SIZE - 1)) == 0;
        if (aligned && length - done >= CLO_HUGE_PAGE_SIZE) {
            *entry = (gpa + done) | flags | LEAF | LARGE;
            done += CLO_HUGE_PAGE_SIZE;
        } else {
            descend(vm, entry)[at >> 12 & 511] = (gpa + done) | flags | LEAF;
            done += CLO_PAGE_SIZE;
        }
    }
}

void clo_tables_reserve(struct clo_vm *vm, uint64_t va, uint64_t length)
{
    for (uint64_t done = 0; done < length; done += 1ull << 30)
        directory_entry(vm, va + done);
}

void clo_tables_grant(struct clo_vm *vm, uint64_t va, uint64_t gpa, unsigned first, unsigned count,
                      uint32_t table)
{
    const uint64_t flags = CLO_PTE_WRITE | CLO_PTE_USER | CLO_PTE_NX | LEAF;
    uint64_t *entry = find_directory_entry(vm, va);
    if (!table) {
        assert(first == 0 && count == PAGES_IN_CHUNK && !*entry);
        *entry = gpa | flags | LARGE;
        return;
    }
    uint64_t *small = table_at(vm, table);
    for (unsigned i = first; i < first + count; i++)
        small[i] = (gpa + i * CLO_PAGE_SIZE) | flags;
    *entry = table * CLO_PAGE_SIZE | UPPER;
}

bool clo_tables_chunk_empty(const struct clo_vm *vm, uint64_t va)
{
    return !*find_directory_entry(vm, va);
}

void clo_tables_revoke(struct clo_vm *vm, uint64_t va, unsigned first, uint32_t table)
{
    uint64_t *entry = find_directory_entry(vm, va);
    if (!(*entry & LARGE) && *entry)
        memset(&table_at(vm, table)[first], 0, (PAGES_IN_CHUNK - first) * sizeof(uint64_t));
    if (first == 0)
        *entry = 0;
}
