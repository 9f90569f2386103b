/* contract_memory_test.c - what a guest may reach by way of memory, should a wall have fallen.
 *
 * A guest has no page-table entry for what is not its own. These attacks assume one: for an address
 * where no memory is, for its read-only code as if it could be written, for the page tables
 * themselves, for the fault stubs that run at CPL0, or a broken interrupt table. The host adds it
 * before the first entry. Nothing of the host must be reached, and the run must end with a reason.
 */
#include "contract_host.h"

#include <string.h>

#define DATA (CLO_PTE_USER | CLO_PTE_WRITE | CLO_PTE_NX)
#define GIB (1ull << 30)

#define HOLE_VA 0x7000000000ull /* 2 MiB of no memory at all */
#define HOLE_GPA (1ull << 38)
#define POOL_VA 0x7040000000ull   /* the pool, before it has a memory slot */
#define CODE_VA 0x7080000000ull   /* the read-only slot, with an entry that allows writing */
#define TABLES_VA 0x70c0000000ull /* the system area: page tables, GDT, IDT, TSS, stubs, stack */
#define PLAY_VA 0x7100000000ull   /* 2 MiB whose entries stand at ENTRIES_VA */
#define ENTRIES_VA 0x7140000000ull
#define SYSTEM(page, at) (TABLES_VA + (page)*CLO_PAGE_SIZE + (at))
#define ENTRY(number) (ENTRIES_VA + 8 * (number))
#define PLAY(number) (PLAY_VA + CLO_PAGE_SIZE * (number))

static void map_hole(struct clo_vm *vm)
{
    clo_tables_map(vm, HOLE_VA, HOLE_GPA, CLO_HUGE_PAGE_SIZE, CLO_PTE_USER | CLO_PTE_WRITE);
    clo_tables_map(vm, POOL_VA, vm->layout.pool, CLO_HUGE_PAGE_SIZE, DATA);
}

static void map_code(struct clo_vm *vm)
{
    clo_tables_map(vm, CODE_VA, vm->layout.shared_gpa, CLO_HUGE_PAGE_SIZE,
                   CLO_PTE_USER | CLO_PTE_WRITE);
}

/* The page of the 4 KiB table under `va`. */
static uint64_t table_of(const struct clo_vm *vm, uint64_t va)
{
    uint64_t page = CLO_SYSTEM_ROOT;
    for (int shift = 39; shift > 12; shift -= 9) {
        uint64_t entry;
        memcpy(&entry, vm->memory + page * CLO_PAGE_SIZE + (va >> shift & 511) * 8, sizeof entry);
        page = (entry & 0x000ffffffffff000ull) / CLO_PAGE_SIZE;
    }
    return page;
}

/* Entries 8 and 9 of the table lack only the present bit: the read-only slot, the pool. */
static void map_tables(struct clo_vm *vm)
{
    clo_tables_map(vm, PLAY_VA, vm->layout.stack, CLO_PAGE_SIZE, DATA);
    uint64_t table = table_of(vm, PLAY_VA),
             entries[2] = {vm->layout.shared_gpa | 0x66, vm->layout.pool | 0x66};
    clo_tables_map(vm, ENTRIES_VA, table * CLO_PAGE_SIZE, CLO_PAGE_SIZE, DATA);
    clo_tables_map(vm, TABLES_VA, 0, (CLO_SYSTEM_PAGES + CLO_INITIAL_TABLES) * CLO_PAGE_SIZE, DATA);
    memcpy(vm->memory + table * CLO_PAGE_SIZE + 8 * 8, entries, sizeof entries);
}

/* ---- where no memory is ---- */

#define IN_HOLE(name_, ...)                                                                        \
    {                                                                                              \
        name_, {__VA_ARGS__}, .prepare = map_hole,                                                 \
                              .want = BROKE "the guest read from physical address 0x40000|" BROKE  \
                                            "the guest wrote to physical address 0x40000|" BROKE   \
                                            "KVM could not carry out what the guest did|fault "    \
    }

static const struct attack holes[] = {
    IN_HOLE("reading a byte", LOAD(1, HOLE_VA)),
    IN_HOLE("reading 2 bytes", LOAD(2, HOLE_VA + 2)),
    IN_HOLE("reading 4 bytes", LOAD(4, HOLE_VA + 4)),
    IN_HOLE("reading 8 bytes", LOAD(8, HOLE_VA + 0xff8)),
    IN_HOLE("reading across a page", LOAD(8, HOLE_VA + 0xffc)),
    IN_HOLE("writing a byte", STORE(1, HOLE_VA, 1)),
    IN_HOLE("writing 2 bytes", STORE(2, HOLE_VA + 6, 1)),
    IN_HOLE("writing 4 bytes", STORE(4, HOLE_VA + 8, 1)),
    IN_HOLE("writing 8 bytes", STORE(8, HOLE_VA + 16, 1)),
    IN_HOLE("a string read", ACT(COPY_FROM, HOLE_VA, 0)),
    IN_HOLE("a string write", ACT(COPY_TO, HOLE_VA, 0)),
    IN_HOLE("a vector read", ACT(VECTOR_FROM, HOLE_VA, 0)),
    IN_HOLE("a vector write", ACT(VECTOR_TO, HOLE_VA, 0)),
    IN_HOLE("a locked increment", ACT(LOCKED, HOLE_VA, 0)),
    IN_HOLE("a locked exchange of 16 bytes", ACT(EXCHANGE, HOLE_VA, 0)),
    IN_HOLE("saving vector state there", ACT(SAVE_STATE, HOLE_VA, 0)),
    IN_HOLE("a stack there", ACT(STACK_NONCANONICAL, HOLE_VA + 4096, 0)),
    IN_HOLE("code there", ACT(JUMP, HOLE_VA, 0)),
    {"memory that was not granted, without a slot",
     {STORE(8, POOL_VA, 1)},
     .prepare = map_hole,
     .want = BROKE "the guest wrote to physical address"},
};

/* ---- its read-only code ---- */

#define ON_CODE(name_, ...)                                                                        \
    {                                                                                              \
        name_, {__VA_ARGS__}, .prepare = map_code,                                                 \
                              .want = BROKE "the guest wrote to physical address|" BROKE           \
                                            "KVM could not carry out what the guest did|fault "    \
    }

static const struct attack codes[] = {
    {"reading the code's alias",
     {LOAD(8, CODE_VA)},
     .prepare = map_code,
     .want = "ok",
     .end = RUNS_ON},
    ON_CODE("writing a byte of code", STORE(1, CODE_VA, 0xc3)),
    ON_CODE("writing 8 bytes of code", STORE(8, CODE_VA + 0x1000, 0)),
    ON_CODE("a string write to code", ACT(COPY_TO, CODE_VA, 0)),
    ON_CODE("a vector write to code", ACT(VECTOR_TO, CODE_VA, 0)),
    ON_CODE("a locked increment of code", ACT(LOCKED, CODE_VA, 0)),
    ON_CODE("a locked exchange in code", ACT(EXCHANGE, CODE_VA, 0)),
    ON_CODE("a stack on code", ACT(STACK_NONCANONICAL, CODE_VA + 4096, 0)),
};

/* ---- page tables of its own making ---- */

#define ANY_REASON "guest ContractViolation|fault |limit TimeLimitExceeded"
#define NO_MEMORY                                                                                  \
    BROKE "the guest read from physical address|" BROKE                                            \
          "the guest wrote to physical address|" BROKE                                             \
          "KVM could not carry out what the guest did|" BROKE "the guest's vCPU shut down|fault "
#define TABLES(name_, want_, end_, ...)                                                            \
    {                                                                                              \
        name_, {__VA_ARGS__}, .prepare = map_tables, .want = (want_), .end = (end_),               \
                              .wall_ms = 200                                                       \
    }
#define FLAGS 0x67 /* present, writable, user, accessed, dirty */

static const struct attack entries[] = {
    TABLES("an entry for a hole, read", NO_MEMORY, ENDS, STORE(8, ENTRY(1), HOLE_GPA | FLAGS),
           LOAD(8, PLAY(1))),
    TABLES("an entry for a hole, written", NO_MEMORY, ENDS, STORE(8, ENTRY(1), HOLE_GPA | FLAGS),
           STORE(8, PLAY(1), 1)),
    TABLES("an entry for a hole, executed", NO_MEMORY, ENDS, STORE(8, ENTRY(1), HOLE_GPA | FLAGS),
           ACT(JUMP, PLAY(1), 0)),
    TABLES("an entry for the pool", NO_MEMORY, ENDS, ADD_TO(8, ENTRY(9), 1), STORE(8, PLAY(9), 1)),
    TABLES("an entry for the highest address", NO_MEMORY, ENDS,
           STORE(8, ENTRY(1), 0x000ffffffffff000ull | FLAGS), LOAD(8, PLAY(1))),
    TABLES("an entry with reserved bits", NO_MEMORY, ENDS, STORE(8, ENTRY(1), 1ull << 51 | FLAGS),
           LOAD(8, PLAY(1))),
    TABLES("entries for every address, one after the other", NO_MEMORY, ENDS,
           STORE(8, ENTRY(1), HOLE_GPA | FLAGS), ADD_TO(8, ENTRY(1), GIB), LOAD(8, PLAY(1)),
           LOOP(1000, 2)),
    TABLES("an entry for the code, read", "ok", RUNS_ON, ADD_TO(8, ENTRY(8), 1), LOAD(8, PLAY(8))),
    TABLES("an entry for the code, written", NO_MEMORY, ENDS, ADD_TO(8, ENTRY(8), 1),
           STORE(8, PLAY(8), 0)),
    TABLES("a table in a hole", NO_MEMORY, ENDS,
           STORE(8, SYSTEM(CLO_SYSTEM_ROOT, 8 * 3), HOLE_GPA | FLAGS), LOAD(8, 3ull << 39)),
    TABLES("a table that is the root itself", ANY_REASON "|ok", MAY_RUN_ON,
           STORE(8, SYSTEM(CLO_SYSTEM_ROOT, 8 * 3), CLO_SYSTEM_ROOT *CLO_PAGE_SIZE | FLAGS),
           LOAD(8, 3ull << 39), STORE(8, (3ull << 39) + GIB, 1)),
    /* where KVM keeps a shadow of the tables, what is cleared may live on */
    TABLES("a root of zeros", ANY_REASON "|ok", MAY_RUN_ON,
           FILL(SYSTEM(CLO_SYSTEM_ROOT, 0), 0, 4096), LOAD(8, PLAY(0)), LOAD(8, CONTRACT_WORD_VA)),
    TABLES("a root of ones", ANY_REASON "|ok", MAY_RUN_ON,
           FILL(SYSTEM(CLO_SYSTEM_ROOT, 0), 0xff, 4096), LOAD(8, PLAY(0)),
           LOAD(8, CONTRACT_WORD_VA)),
    TABLES("all tables of ones", ANY_REASON "|ok", MAY_RUN_ON,
           FILL(SYSTEM(CLO_SYSTEM_PAGES, 0), 0xff, CLO_INITIAL_TABLES *CLO_PAGE_SIZE),
           LOAD(8, PLAY(0)), LOAD(8, CONTRACT_WORD_VA)),
};

/* ---- CPL0 ---- */

#define STUB(vector, at) SYSTEM(CLO_SYSTEM_STUBS, (vector)*16 + (at))
#define FRAME_VECTOR SYSTEM(CLO_SYSTEM_STACK, 4096 - 7 * 8)
#define STUB_CODE(name_, want_, code)                                                              \
    TABLES(name_, want_, MAY_RUN_ON, STORE(8, STUB(6, 0), code), ACT(UD2, 0, 0))

static const struct attack systems[] = {
    STUB_CODE("hlt at CPL0", BROKE "the guest halted|" ANY_REASON, 0xf4),
    STUB_CODE("sti, hlt at CPL0", BROKE "the guest halted|" ANY_REASON, 0xf4fb),
    STUB_CODE("a loop at CPL0", "limit TimeLimitExceeded", 0xfeeb),
    STUB_CODE("ud2 at CPL0", ANY_REASON, 0x0b0f),
    STUB_CODE("a fault's return at CPL0", ANY_REASON, 0xcf48),
    STUB_CODE("another port at CPL0", BROKE "the guest wrote to port 0x80", 0x80e6),
    STUB_CODE("reading a port at CPL0", BROKE "the guest read from port 0x80", 0x80e4),
    STUB_CODE("wrmsr at CPL0", ANY_REASON, 0xfeeb300f),
    STUB_CODE("mov to cr3 at CPL0", ANY_REASON, 0xfeebd8220f),
    STUB_CODE("mov to cr0 at CPL0", ANY_REASON, 0xfeebc0220f),
    STUB_CODE("lidt at CPL0", ANY_REASON, 0xfeeb18010f),
    STUB_CODE("vmmcall at CPL0", ANY_REASON, 0xfeebd9010f),
    STUB_CODE("wbinvd at CPL0", ANY_REASON, 0xfeeb090f),
    TABLES("a host call at CPL0 is a host call", "ok", ENDS, SET(op, CLO_OP_EXIT), SET(args[0], 0),
           STORE(8, STUB(6, 0), 0x10e6), ACT(UD2, 0, 0)),
    TABLES("a vector that does not exist", "fault CpuException: CPU exception 238", ENDS,
           STORE(1, STUB(6, 3), 0xee), ACT(UD2, 0, 0)),
    TABLES("the stubs' port from CPL0, without a fault", ANY_REASON, ENDS,
           FILL(SYSTEM(CLO_SYSTEM_STACK, 0), 0xff, 4096), STORE(8, STUB(6, 0), 0xf0e6),
           ACT(UD2, 0, 0)),
    TABLES("an interrupt table of zeros", BROKE "the guest's vCPU shut down", ENDS,
           FILL(SYSTEM(CLO_SYSTEM_IDT, 0), 0, 4096), ACT(UD2, 0, 0)),
    TABLES("an interrupt table of ones", BROKE "the guest's vCPU shut down", ENDS,
           FILL(SYSTEM(CLO_SYSTEM_IDT, 0), 0xff, 4096), ACT(UD2, 0, 0)),
    TABLES("a stack for the stubs that is nowhere", ANY_REASON, ENDS,
           STORE(8, SYSTEM(CLO_SYSTEM_TSS, 4), 0x7777000000), ACT(UD2, 0, 0)),
    TABLES("a port bitmap that allows everything", BROKE "the guest wrote to port 0x80", ENDS,
           FILL(SYSTEM(CLO_SYSTEM_TSS, 0x68), 0, 17), ACT(OUT8, 0x80, 0)),
    TABLES("segments of ones", ANY_REASON "|ok", MAY_RUN_ON,
           FILL(SYSTEM(CLO_SYSTEM_GDT, 0), 0xff, 64), ACT(LOAD_DS, 0x23, 0), ACT(UD2, 0, 0)),
};

/* ---- a triple fault ---- */

static void no_interrupt_table(struct clo_vm *vm)
{
    vm->sregs.idt.limit = 0;
}

static const struct attack shutdowns[] = {
    {"a fault without an interrupt table",
     {ACT(UD2, 0, 0)},
     .prepare = no_interrupt_table,
     .want = BROKE "the guest's vCPU shut down"},
    {"a page fault without one",
     {LOAD(8, 0x5000000)},
     .prepare = no_interrupt_table,
     .want = BROKE "the guest's vCPU shut down"},
    {"int3 without one",
     {ACT(INT3, 0, 0)},
     .prepare = no_interrupt_table,
     .want = BROKE "the guest's vCPU shut down"},
};

/* ---- the driver ---- */

#define TABLE_TEST(name, table)                                                                    \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        contract_check_table(table, sizeof(table) / sizeof *(table));                              \
    }

TABLE_TEST(no_memory_is_no_device, holes)
TABLE_TEST(code_cannot_be_written, codes)
TABLE_TEST(own_page_tables_reach_nothing, entries)
TABLE_TEST(own_code_at_cpl0_reaches_nothing, systems)
TABLE_TEST(a_triple_fault_ends_the_run, shutdowns)

/* The oracle of the other tests can say no: an entry in a table that nothing uses. */
static void a_changed_table_is_seen(void **state)
{
    (void)state;
    static const struct attack harmless = {
        "an entry that nothing uses",
        {STORE(8, SYSTEM(CLO_SYSTEM_PAGES + CLO_INITIAL_TABLES - 1, 8), HOLE_GPA | FLAGS)},
        .want = "ok",
        .end = RUNS_ON};
    struct contract contract;
    contract_open(&contract);
    map_tables(contract.runner->vm);
    size_t before = clo_vm_compare(contract.runner->vm); /* what map_tables added */
    contract_run(&contract, &harmless);
    clo_runner_settle(contract.runner);
    assert_int_equal(clo_vm_compare(contract.runner->vm), before + 1);
    contract_close(&contract);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_memory_is_no_device),
        cmocka_unit_test(code_cannot_be_written),
        cmocka_unit_test(own_page_tables_reach_nothing),
        cmocka_unit_test(own_code_at_cpl0_reaches_nothing),
        cmocka_unit_test(a_triple_fault_ends_the_run),
        cmocka_unit_test(a_changed_table_is_seen),
    };
    contract_begin(argc, argv);
    return contract_end(cmocka_run_group_tests(tests, NULL, NULL));
}
