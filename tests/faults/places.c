/* places.c - what lies where in the program, read from its own symbol table once.
 *
 * Local symbols follow the name of the file that they come from, and the functions of the tests
 * are local ones. A global function that has a namesake in a library stands in for that one.
 */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

struct place {
    uintptr_t start, end;
    const char *name;
    enum faults_owner owner;
};

static struct place *places;
static size_t count;
static uintptr_t base;

static bool is_test_file(const char *name)
{
    size_t length = strlen(name);
    return length > 7 && strcmp(name + length - 7, "_test.c") == 0;
}

static enum faults_owner owner_of(const Elf64_Sym *symbol, const char *name, bool in_test_file)
{
    if (ELF64_ST_BIND(symbol->st_info) ==
        STB_LOCAL) /* watched_malloc passes on what jansson asks */
        return in_test_file                          ? FAULTS_TEST
               : strcmp(name, "watched_malloc") == 0 ? FAULTS_LIBRARY
                                                     : FAULTS_PRODUCT;
    return dlsym(RTLD_NEXT, name) ? FAULTS_LIBRARY : FAULTS_PRODUCT;
}

static void read_symbols(const char *file, const Elf64_Shdr *table, const char *names)
{
    const Elf64_Sym *symbols = (const void *)(file + table->sh_offset);
    size_t all = table->sh_size / sizeof *symbols;
    places = mmap(NULL, all * sizeof *places, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
    bool test = false;
    for (size_t i = 0; i < all && places != MAP_FAILED; i++) {
        const Elf64_Sym *symbol = &symbols[i];
        if (ELF64_ST_TYPE(symbol->st_info) == STT_FILE)
            test = is_test_file(names + symbol->st_name);
        if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || !symbol->st_size)
            continue;
        const char *name = names + symbol->st_name;
        places[count++] =
            (struct place){base + symbol->st_value, base + symbol->st_value + symbol->st_size, name,
                           owner_of(symbol, name, test)};
    }
}

static int in_order(const void *a, const void *b)
{
    uintptr_t one = ((const struct place *)a)->start, other = ((const struct place *)b)->start;
    return one < other ? -1 : one > other;
}

static int find_base(struct dl_phdr_info *info, size_t size, void *out)
{
    (void)size;
    *(uintptr_t *)out = info->dlpi_addr; /* the program comes first */
    return 1;
}

void faults_learn_places(void)
{
    dl_iterate_phdr(find_base, &base);
    struct stat about;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const char *file = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &about) == 0)
        file = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED) {
        perror("faults: the program's own file");
        exit(2);
    }
    close(fd);
    const Elf64_Ehdr *head = (const void *)file;
    const Elf64_Shdr *sections = (const void *)(file + head->e_shoff);
    for (unsigned i = 0; i < head->e_shnum; i++)
        if (sections[i].sh_type == SHT_SYMTAB)
            read_symbols(file, &sections[i], file + sections[sections[i].sh_link].sh_offset);
    if (!count) {
        fputs("faults: the program has no symbol table\n", stderr);
        exit(2);
    }
    qsort(places, count, sizeof *places, in_order);
}

static const struct place *find(uintptr_t address)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (places[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low && address < places[low - 1].end ? &places[low - 1] : NULL;
}

enum faults_owner faults_owner(const void *address)
{
    const struct place *place = find((uintptr_t)address - 1); /* of the call, not after it */
    return place ? place->owner : FAULTS_LIBRARY;
}

uint64_t faults_where(const void *address)
{
    struct dl_find_object found;
    if (_dl_find_object((void *)((uintptr_t)address - 1), &found))
        return 0; /* code made at run time */
    const struct link_map *file = found.dlfo_link_map;
    const char *slash = strrchr(file->l_name, '/');
    uint64_t sum = 1;
    for (const char *c = slash ? slash + 1 : file->l_name; *c; c++)
        sum = faults_mix(sum, (unsigned char)*c);
    return faults_mix(sum, (uintptr_t)address - file->l_addr);
}

const char *faults_name(const void *address, size_t *offset)
{
    const struct place *place = find((uintptr_t)address - 1);
    *offset = place ? (uintptr_t)address - place->start : 0;
    return place ? place->name : "?";
}
