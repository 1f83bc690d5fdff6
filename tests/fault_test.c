// A life of a database (support/scenario.h) in which each allocation and each call of the file system fails in turn,
// once and from then on. Whatever fails: a clear status and no crash, nothing acknowledged is lost, nothing is
// halved, no memory is lost, and what can go on goes on.
#include "support/scenario.h"

typedef struct fault {
    const char *what;
    sim_call call; // SIM_ANY + 1: none
    waggle_status status;
    bool persistent;
    bool torn;
    uint64_t n;
} fault;

static void fault_name(const fault *f, const char *when, char *text, size_t capacity)
{
    snprintf(text, capacity, "%s %s, call %llu%s%s: %s", f->what, waggle_status_name(f->status),
             (unsigned long long)f->n, f->persistent ? " and all later" : "",
             f->torn ? " (torn)" : "", when);
}

// Opens what is on the disk and compares it with what may be.
static void afterwards(const scenario *before, wg_vfs *disk, const fault *f, const char *when)
{
    char text[128];
    scenario s;
    waggle_error error;
    fault_name(f, when, text, sizeof text);
    scenario_init(&s, disk, NULL, NULL);
    memcpy(s.states, before->states, before->state_count * sizeof *s.states);
    s.state_count = before->state_count;
    s.step = before->step;
    s.error = before->error;
    s.failures = before->failures;
    s.random = 1u << 20;
    if (scenario_open(&s, &error) != WAGGLE_OK)
        fail_msg("%s: opening: %s; after step %s failed: %s", text, error.message, s.step,
                 s.error.message);
    scenario_settle(&s, text);
    waggle_status status = scenario_write(&s, &error);
    if (status != WAGGLE_OK && status != WAGGLE_NOT_FOUND)
        fail_msg("%s: writing: %s", text, error.message);
    WG_OK(waggle_flush(s.database, &error));
    scenario_finish(&s);
}

// The failure is over: reading goes on, and writing, too, unless what failed is final.
static void recovered(scenario *s, const fault *f, bool final)
{
    char text[128];
    waggle_error error = {0};
    if (s->ended) return;
    fault_name(f, "when it is over", text, sizeof text);
    scenario_check(s, text);
    waggle_status status = scenario_write(s, &error);
    if (status == WAGGLE_OK || status == WAGGLE_NOT_FOUND) return;
    if (!final || status != WAGGLE_READ_ONLY)
        fail_msg("%s: writing: %s; after step %s failed: %s", text, error.message, s->step,
                 s->error.message);
}

// Closes, and opens again: as it is, and as a crash would leave it.
static void both_endings(scenario *s, const fault *f)
{
    scenario_close(s);
    wg_vfs *crashed = sim_disk_copy(s->disk);
    sim_disk_crash(crashed, f->n);
    afterwards(s, s->disk, f, "opened again");
    afterwards(s, crashed, f, "opened after a crash");
    sim_disk_destroy(crashed);
}

// ---- Memory --------------------------------------------------------------------------------------

static const waggle_status memory_statuses[] = {WAGGLE_OUT_OF_MEMORY, WAGGLE_OK};

// Returns whether there was an n-th allocation.
static bool memory_fails(uint64_t n, bool persistent)
{
    fault f = {"memory", SIM_ANY, WAGGLE_OUT_OF_MEMORY, persistent, false, n};
    test_heap heap;
    scenario s;
    wg_vfs *disk = sim_disk_create(n);
    test_heap_init(&heap);
    heap.fail_at = n;
    heap.persistent = persistent;
    scenario_init(&s, disk, &heap, memory_statuses);
    scenario_run(&s);
    bool failed = heap.failed > 0;
    heap.fail_at = 0;
    if (failed) {
        recovered(&s, &f, false);
        both_endings(&s, &f);
    }
    scenario_finish(&s);
    if (heap.live != 0)
        fail_msg("allocation %llu: %lld blocks were not released", (unsigned long long)n,
                 (long long)heap.live);
    sim_disk_destroy(disk);
    return failed;
}

WG_TEST(any_allocation_may_fail_once)
{
    uint64_t n = 1;
    while (memory_fails(n, false))
        n++;
    WG_CHECK(n > 100);
}

WG_TEST(any_allocation_and_all_later_ones_may_fail)
{
    uint64_t n = 1;
    while (memory_fails(n, true))
        n++;
    WG_CHECK(n > 100);
}

// ---- Files ---------------------------------------------------------------------------------------

static bool call_fails(const fault *f)
{
    const waggle_status statuses[] = {f->status, WAGGLE_READ_ONLY, WAGGLE_OK};
    test_heap heap;
    scenario s;
    wg_vfs *disk = sim_disk_create(f->n);
    test_heap_init(&heap);
    sim_disk_fail(disk, f->call, f->n, f->status, f->persistent, f->torn);
    scenario_init(&s, disk, &heap, statuses);
    scenario_run(&s);
    bool failed = sim_disk_failed(disk) > 0;
    sim_disk_fail(disk, f->call, 0, f->status, false, false);
    if (failed) {
        bool growing = f->call == SIM_OPEN || f->call == SIM_ALLOCATE || f->call == SIM_MAKE_DIR;
        recovered(&s, f, f->status != WAGGLE_DISK_FULL || !growing);
        both_endings(&s, f);
    }
    scenario_finish(&s);
    if (heap.live != 0)
        fail_msg("%s %llu: %lld blocks were not released", f->what, (unsigned long long)f->n,
                 (long long)heap.live);
    sim_disk_destroy(disk);
    return failed;
}

static void calls_fail(const char *what, sim_call call, waggle_status status, bool torn)
{
    for (int persistent = 0; persistent < 2; persistent++) {
        fault f = {what, call, status, persistent != 0, torn, 1};
        while (call_fails(&f))
            f.n++;
    }
}

typedef struct call_kind {
    const char *name;
    sim_call call;
    bool grows; // may also find the disk full
} call_kind;

static const call_kind kinds[] = {
    {"open",     SIM_OPEN,     true },
    {"read",     SIM_READ,     false},
    {"write",    SIM_WRITE,    true },
    {"sync",     SIM_SYNC,     true },
    {"truncate", SIM_TRUNCATE, false},
    {"allocate", SIM_ALLOCATE, true },
    {"map",      SIM_MAP,      false},
    {"rename",   SIM_RENAME,   true },
    {"unlink",   SIM_UNLINK,   false},
    {"make_dir", SIM_MAKE_DIR, true },
    {"list",     SIM_LIST,     false},
    {"sync_dir", SIM_SYNC_DIR, true },
    {"size",     SIM_SIZE,     false},
};

WG_TEST(any_call_of_the_file_system_may_fail)
{
    for (size_t i = 0; i < WG_COUNT(kinds); i++)
        calls_fail(kinds[i].name, kinds[i].call, WAGGLE_IO, false);
}

WG_TEST(any_call_of_the_file_system_may_find_the_disk_full)
{
    for (size_t i = 0; i < WG_COUNT(kinds); i++)
        if (kinds[i].grows) calls_fail(kinds[i].name, kinds[i].call, WAGGLE_DISK_FULL, false);
}

WG_TEST(any_write_may_be_torn)
{
    calls_fail("write", SIM_WRITE, WAGGLE_IO, true);
    calls_fail("write", SIM_WRITE, WAGGLE_DISK_FULL, true);
}

// ---- Space ---------------------------------------------------------------------------------------

// A disk of this size. Returns whether it was too small for something.
static bool disk_fills(uint64_t size, uint64_t head_size_max)
{
    static const waggle_status statuses[] = {WAGGLE_DISK_FULL, WAGGLE_OK};
    fault f = {"space", SIM_ANY, WAGGLE_DISK_FULL, true, false, size};
    scenario s;
    waggle_error error;
    wg_vfs *disk = sim_disk_create(size);
    sim_disk_space(disk, size);
    scenario_init(&s, disk, NULL, statuses);
    s.head_size_max = head_size_max;
    scenario_run(&s);
    bool filled = s.failures > 0;
    // A database that could be made can also be opened again.
    WG_CHECK(!s.ended || strcmp(s.step, "open") == 0);
    if (filled && !s.ended) {
        scenario_check(&s, "while the disk is full");
        waggle_status status = scenario_delete(&s, &error);
        if (status != WAGGLE_OK && status != WAGGLE_NOT_FOUND)
            fail_msg("deleting on a disk of %llu bytes: %s", (unsigned long long)size,
                     error.message);
    }
    sim_disk_space(disk, UINT64_MAX);
    if (filled) {
        recovered(&s, &f, false);
        if (!s.ended && s.main != NULL) WG_OK(scenario_compact(&s, &error));
        both_endings(&s, &f);
    }
    scenario_finish(&s);
    sim_disk_destroy(disk);
    return filled;
}

WG_TEST(a_full_disk_stops_no_reading_and_deleting_and_nothing_when_there_is_space_again)
{
    static const uint64_t heads[] = {64u << 10, 4u << 10};
    for (size_t i = 0; i < WG_COUNT(heads); i++) {
        uint64_t size = 0;
        while (disk_fills(size, heads[i]))
            size += 512;
        WG_CHECK(size > 64u << 10);
    }
}
