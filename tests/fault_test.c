// A life of a database (support/scenario.h) in which each allocation and each call of the file system fails in turn,
// once and from then on. What a failed sync leaves of the data is drawn from the seed: it stays dirty, or no later sync
// writes it (support/sim_disk.h). Whatever fails: a clear status and no crash, nothing acknowledged is lost, nothing is
// halved, no memory is lost, and what can go on goes on.
#include "support/scenario.h"

#include <stdlib.h>

typedef struct fault {
    const char *what;
    sim_call call; // of the file system
    waggle_status status;
    bool persistent;
    bool torn;
    uint64_t n;
} fault;

// Of the disk of the n-th fault, and of its crash.
static uint64_t disk_seed(uint64_t n)
{
    return wg_hash64(test_seed(1)) + n;
}

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
    sim_disk_crash(crashed, disk_seed(f->n));
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
    wg_vfs *disk = sim_disk_create(disk_seed(n));
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

// A batch of several records.
#define LARGE_POINTS 4u
#define LARGE_PAYLOAD (300u << 10)

typedef struct large {
    test_heap heap;
    wg_vfs *disk;
    waggle_database *database;
    waggle_collection *collection;
    char *payload;
    uint32_t caught_up; // how often
} large;

static void large_open(large *l)
{
    waggle_error error;
    wg_internal internal = {.vfs = l->disk,
                            .memory = &l->heap.heap.source,
                            .no_threads = true,
                            .log_file_size = 2u << 20};
    WG_OK(
        wg_database_open("db", waggle_open_options(.threads = 1), &internal, &l->database, &error));
    waggle_status status = waggle_collection_open(l->database, "large", &l->collection, &error);
    if (status == WAGGLE_NOT_FOUND)
        status = waggle_collection_create_simple(l->database, "large", 1, WAGGLE_L2, WAGGLE_F32,
                                                 &l->collection, &error);
    WG_OK(status);
}

static void large_close(large *l)
{
    waggle_error error;
    waggle_collection_close(l->collection);
    WG_OK(waggle_close(l->database, &error));
}

static waggle_status large_put(large *l, uint64_t first, uint32_t count, waggle_error *error)
{
    float values[LARGE_POINTS] = {1, 2, 3, 4};
    waggle_text payloads[LARGE_POINTS];
    waggle_vectors vectors = {.rows = waggle_rows_f32(values, count, 1)};
    for (uint32_t i = 0; i < count; i++)
        payloads[i] = (waggle_text){l->payload, LARGE_PAYLOAD};
    return waggle_upsert(l->collection,
                         waggle_points_of(.count = count, .id_first = first, .vectors = &vectors,
                                          .vector_count = 1, .payloads = payloads),
                         NULL, error);
}

static uint64_t large_count(large *l)
{
    uint64_t count = 0;
    waggle_error error;
    WG_OK(waggle_count(l->collection, &count, &error));
    return count;
}

// What is in the log but could not be applied is applied before the next write, and in one step.
static bool large_fails(large *l, uint64_t n)
{
    waggle_error error;
    test_heap_init(&l->heap);
    l->disk = sim_disk_create(disk_seed(n));
    large_open(l);
    uint64_t before = wg_log_state_get(l->database->log).last;
    l->heap.fail_at = l->heap.calls + n;
    waggle_status status = large_put(l, 0, LARGE_POINTS, &error);
    l->heap.fail_at = 0;
    bool failed = status != WAGGLE_OK;
    bool logged = wg_log_state_get(l->database->log).last != before;
    if (failed) WG_CHECK(status == WAGGLE_OUT_OF_MEMORY);
    WG_CHECK_U64(large_count(l), failed ? 0 : LARGE_POINTS);
    // Catching up fails, too, and halves nothing.
    if (failed && logged) {
        l->caught_up++;
        l->heap.fail_at = l->heap.calls + n;
        if (large_put(l, 10, 1, &error) != WAGGLE_OK)
            WG_CHECK(large_count(l) == 0 || large_count(l) == LARGE_POINTS);
        l->heap.fail_at = 0;
    }
    WG_OK(large_put(l, 10, 1, &error));
    uint64_t expected = logged ? LARGE_POINTS + 1 : 1;
    WG_CHECK_U64(large_count(l), expected);
    large_close(l);
    large_open(l);
    WG_CHECK_U64(large_count(l), expected);
    large_close(l);
    WG_CHECK_U64(l->heap.live, 0);
    sim_disk_destroy(l->disk);
    return failed;
}

WG_TEST(a_large_batch_is_caught_up_with_as_a_whole)
{
    large l = {.payload = malloc(LARGE_PAYLOAD)};
    WG_CHECK(l.payload != NULL);
    memset(l.payload, 'x', LARGE_PAYLOAD);
    memcpy(l.payload, "{\"s\":\"", 6);
    memcpy(l.payload + LARGE_PAYLOAD - 2, "\"}", 2);
    uint64_t n = 1;
    while (large_fails(&l, n))
        n++;
    WG_CHECK(l.caught_up > 5);
    free(l.payload);
}

static waggle_status one_put(waggle_collection *collection, uint64_t id, waggle_error *error)
{
    float value = (float)id;
    waggle_vectors vectors = {.rows = waggle_rows_f32(&value, 1, 1)};
    return waggle_upsert(
        collection,
        waggle_points_of(.count = 1, .id_first = id, .vectors = &vectors, .vector_count = 1), NULL,
        error);
}

// Enough for several files of the log, and all of them are trimmed as far as they may be.
static void log_turn_over(waggle_collection *collection)
{
    waggle_error error;
    for (uint64_t i = 0; i < 200; i++)
        WG_OK(one_put(collection, i, &error));
    WG_OK(waggle_compact(collection, &error));
}

static bool idle_fails(uint64_t n, uint32_t *caught_up)
{
    test_heap heap;
    waggle_error error;
    waggle_database *database = NULL;
    waggle_collection *idle = NULL;
    waggle_collection *busy = NULL;
    uint64_t count = 0;
    wg_vfs *disk = sim_disk_create(disk_seed(n));
    test_heap_init(&heap);
    wg_internal internal = {
        .vfs = disk, .memory = &heap.heap.source, .no_threads = true, .log_file_size = 8u << 10};
    WG_OK(wg_database_open("db", waggle_open_options(.threads = 1), &internal, &database, &error));
    WG_OK(
        waggle_collection_create_simple(database, "idle", 1, WAGGLE_L2, WAGGLE_F32, &idle, &error));
    WG_OK(
        waggle_collection_create_simple(database, "busy", 1, WAGGLE_L2, WAGGLE_F32, &busy, &error));
    WG_OK(one_put(idle, 0, &error));
    WG_OK(waggle_compact(idle, &error));
    log_turn_over(busy);
    WG_CHECK(wg_log_state_get(database->log).first > 10); // far behind the idle one's last record
    uint64_t before = wg_log_state_get(database->log).last;
    heap.fail_at = heap.calls + n;
    bool failed = one_put(idle, 1, &error) != WAGGLE_OK;
    heap.fail_at = 0;
    bool logged = wg_log_state_get(database->log).last != before;
    *caught_up += failed && logged;
    log_turn_over(busy);
    WG_OK(one_put(idle, 2, &error));
    WG_OK(waggle_count(idle, &count, &error));
    WG_CHECK_U64(count, logged ? 3 : 2);
    waggle_collection_close(idle);
    waggle_collection_close(busy);
    WG_OK(waggle_close(database, &error));
    sim_disk_destroy(disk);
    return failed;
}

WG_TEST(a_write_that_is_to_be_caught_up_with_is_not_trimmed)
{
    uint32_t caught_up = 0;
    uint64_t n = 1;
    while (idle_fails(n, &caught_up))
        n++;
    WG_CHECK(caught_up > 0);
}

// In memory there is no log to catch up from: a batch that failed never happened.
static bool memory_database_fails(uint64_t n)
{
    test_heap heap;
    waggle_error error;
    waggle_database *database = NULL;
    waggle_collection *collection = NULL;
    waggle_hits *hits = NULL;
    uint64_t count = 0;
    float values[20] = {0};
    waggle_rows query = waggle_rows_f32(values, 1, 1);
    waggle_vectors vectors = {.rows = waggle_rows_f32(values, 20, 1)};
    waggle_points points = {.struct_size = sizeof points, .vectors = &vectors, .vector_count = 1};
    waggle_id first = waggle_id_number(0);
    waggle_text payload = {"{\"new\":true}", 12};
    test_heap_init(&heap);
    wg_internal internal = {.memory = &heap.heap.source, .no_threads = true};
    WG_OK(wg_database_open(NULL, waggle_open_options(.threads = 1), &internal, &database, &error));
    WG_OK(waggle_collection_create_simple(database, "c", 1, WAGGLE_L2, WAGGLE_F32, &collection,
                                          &error));
    points.count = vectors.rows.count = 3;
    WG_OK(waggle_upsert(collection, &points, NULL, &error));
    heap.fail_at = heap.calls + n;
    points.count = vectors.rows.count = 20; // the head grows
    bool failed = waggle_upsert(collection, &points, NULL, &error) != WAGGLE_OK;
    heap.fail_at = 0;
    WG_OK(waggle_count(collection, &count, &error));
    WG_CHECK_U64(count, failed ? 3 : 20);
    WG_OK(waggle_payload_set(collection, &first, &payload, 1, NULL, NULL, &error));
    WG_OK(waggle_search(collection, &query, waggle_search_options(.k = 1, .with_payload = true),
                        &hits, &error));
    uint32_t found = 0;
    const waggle_hit *hit = waggle_hits_at(hits, 0, &found);
    WG_CHECK(found == 1 && hit->payload.size == payload.size);
    waggle_hits_destroy(hits);
    waggle_collection_close(collection);
    WG_OK(waggle_close(database, &error));
    WG_CHECK_U64(heap.live, 0);
    return failed;
}

WG_TEST(without_a_log_a_batch_that_failed_never_happened)
{
    uint64_t n = 1;
    while (memory_database_fails(n))
        n++;
    WG_CHECK(n > 10);
}

// ---- Files ---------------------------------------------------------------------------------------

static bool call_fails(const fault *f)
{
    const waggle_status statuses[] = {f->status, WAGGLE_READ_ONLY, WAGGLE_OK};
    test_heap heap;
    scenario s;
    wg_vfs *disk = sim_disk_create(disk_seed(f->n));
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
    {"link",     SIM_LINK,     true },
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
        WG_CHECK(size > 32u << 10);
    }
}
