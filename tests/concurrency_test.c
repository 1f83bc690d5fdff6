// Real threads on one database: writers, searchers, readers, seals and merges in the background, collections that come
// and go. Each thread checks what it may rely on at that moment, and at the end everything is what the writers
// were told. Run it under the thread sanitizer.
//
// Ids: of each writer's points [w * 1000, w * 1000 + POINTS). Point 2i and 2i + 1 are written by one batch
// with one stamp, so whoever sees one of them sees the other. CONSTANT points at the end are never changed.
#include "support/points.h"

#include <stdatomic.h>

#define WRITERS 4u
#define POINTS 64u // per writer
#define PAIRS (POINTS / 2)
#define CONSTANTS 16u
#define CONSTANT_FIRST 1000000u
#define CONSTANT_STAMP 7u

typedef struct rig {
    waggle_database *database;
    waggle_collection *collection;
    _Atomic bool stop;
    _Atomic uint64_t searches;
    _Atomic uint64_t walks;
    _Atomic uint64_t renames;
    _Atomic bool broken;
    char why[768]; // of the first that found something
} rig;

// Checks run in threads, where cmocka cannot fail a test.
static bool holds(rig *r, bool condition, const char *what, uint64_t a, uint64_t b)
{
    if (condition) return true;
    if (!atomic_exchange(&r->broken, true))
        snprintf(r->why, sizeof r->why, "%s: %llu, %llu", what, (unsigned long long)a,
                 (unsigned long long)b);
    atomic_store(&r->stop, true);
    return false;
}

static bool worked(rig *r, waggle_status status, const char *what, const waggle_error *error)
{
    if (status == WAGGLE_OK) return true;
    if (!atomic_exchange(&r->broken, true))
        snprintf(r->why, sizeof r->why, "%s: %s", what, error->message);
    atomic_store(&r->stop, true);
    return false;
}

static bool running(rig *r)
{
    return !atomic_load(&r->stop);
}

// ---- What is stored ------------------------------------------------------------------------------

// The vector "place" is (id, stamp) under l2, "stamp" is (stamp) under dot, and the payload has the stamp, too, or a
// later one that was set since.
static const waggle_vector_spec vector_specs[] = {
    {"place", 2, WAGGLE_F32, WAGGLE_L2,  WAGGLE_SCAN_CERTIFIED},
    {"stamp", 1, WAGGLE_F32, WAGGLE_DOT, WAGGLE_SCAN_AUTO     },
};

static waggle_status create(waggle_database *database, const char *name,
                            waggle_collection **collection, waggle_error *error)
{
    return waggle_collection_create(
        database, name, waggle_collection_spec(.vectors = vector_specs, .vector_count = 2),
        collection, error);
}

typedef enum put_how {
    PUT_UPSERT,
    PUT_IMPORT,
} put_how;

static waggle_status put(waggle_collection *collection, put_how how, uint64_t first, uint32_t count,
                         uint64_t stamp, waggle_error *error)
{
    float places[CONSTANTS][2] = {{0}};
    float stamps[CONSTANTS] = {0};
    char texts[CONSTANTS][POINTS_PAYLOAD_SIZE];
    waggle_text payloads[CONSTANTS];
    waggle_vectors vectors[2] = {
        {"place", waggle_rows_f32(places[0], count, 2), NULL},
        {"stamp", waggle_rows_f32(stamps,    count, 1), NULL},
    };
    for (uint32_t i = 0; i < count; i++) {
        places[i][0] = (float)(first + i);
        places[i][1] = stamps[i] = (float)stamp;
        payloads[i] = points_payload(stamp, texts[i]);
    }
    waggle_points points = {.struct_size = sizeof points,
                            .count = count,
                            .id_first = first,
                            .vectors = vectors,
                            .vector_count = 2,
                            .payloads = payloads};
    if (how == PUT_IMPORT) return points_import(collection, &points, error);
    return waggle_upsert(collection, &points, NULL, error);
}

// ---- Writers -------------------------------------------------------------------------------------

typedef struct pair_state {
    bool there;
    uint64_t vector; // stamps
    uint64_t payload;
} pair_state;

typedef struct writer {
    rig *rig;
    uint32_t number;
    uint64_t stamp;
    uint64_t operations;
    pair_state pairs[PAIRS]; // acknowledged
} writer;

static uint64_t pair_first(const writer *w, uint64_t pair)
{
    return w->number * 1000u + 2 * pair;
}

static void payload_set(writer *w, uint64_t pair)
{
    waggle_error error;
    char text[POINTS_PAYLOAD_SIZE];
    waggle_text payload = points_payload(w->stamp, text);
    waggle_text payloads[2] = {payload, payload};
    waggle_id ids[2] = {waggle_id_number(pair_first(w, pair)),
                        waggle_id_number(pair_first(w, pair) + 1)};
    uint64_t changed = 0;
    waggle_status status =
        waggle_payload_set(w->rig->collection, ids, payloads, 2, &changed, NULL, &error);
    if (!worked(w->rig, status, "payload_set", &error)) return;
    holds(w->rig, changed == (w->pairs[pair].there ? 2 : 0), "changed", changed, pair);
    if (w->pairs[pair].there) w->pairs[pair].payload = w->stamp;
}

static void delete_pair(writer *w, uint64_t pair)
{
    waggle_error error;
    waggle_id ids[2] = {waggle_id_number(pair_first(w, pair)),
                        waggle_id_number(pair_first(w, pair) + 1)};
    uint64_t deleted = 0;
    waggle_status status = waggle_delete(w->rig->collection, ids, 2, &deleted, NULL, &error);
    if (!worked(w->rig, status, "delete", &error)) return;
    holds(w->rig, deleted == (w->pairs[pair].there ? 2 : 0), "deleted", deleted, pair);
    w->pairs[pair].there = false;
}

static void upsert_pair(writer *w, uint64_t pair)
{
    waggle_error error;
    // One import at a time per collection: the first writer's.
    put_how how = w->number == 0 && w->operations % 16 == 0 ? PUT_IMPORT : PUT_UPSERT;
    waggle_status status = put(w->rig->collection, how, pair_first(w, pair), 2, w->stamp, &error);
    if (worked(w->rig, status, how == PUT_IMPORT ? "import" : "upsert", &error))
        w->pairs[pair] = (pair_state){true, w->stamp, w->stamp};
}

// The writer is the only one who changes these points: it sees exactly what it was told.
static void reads_own_writes(writer *w, uint64_t pair)
{
    waggle_error error;
    waggle_records *records = NULL;
    const pair_state *p = &w->pairs[pair];
    waggle_id id = waggle_id_number(pair_first(w, pair) + 1);
    waggle_status status = waggle_get(w->rig->collection, &id, 1,
                                      waggle_read_options(.with_vectors = true), &records, &error);
    if (!worked(w->rig, status, "get", &error)) return;
    const waggle_record *record = waggle_records_at(records, 0);
    if (holds(w->rig, record->found == p->there, "found by its writer", record->found, p->there) &&
        p->there) {
        uint64_t payload = points_stamp(record->payload);
        uint64_t vector = (uint64_t)((const float *)record->vectors[0].data)[1];
        holds(w->rig, payload == p->payload, "payload read by its writer", payload, p->payload);
        holds(w->rig, vector == p->vector, "vector read by its writer", vector, p->vector);
    }
    waggle_records_destroy(records);
}

// The nearest to where the point must be is the point itself.
static void finds_own_writes(writer *w, uint64_t pair)
{
    waggle_error error;
    waggle_hits *hits = NULL;
    const pair_state *p = &w->pairs[pair];
    uint64_t number = pair_first(w, pair);
    float query[2] = {(float)number, (float)p->vector};
    waggle_rows rows = waggle_rows_f32(query, 1, 2);
    waggle_status status = waggle_search(
        w->rig->collection, &rows, waggle_search_options(.k = 1, .vector = "place"), &hits, &error);
    if (!worked(w->rig, status, "search of a writer", &error)) return;
    uint32_t count = 0;
    const waggle_hit *hit = waggle_hits_at(hits, 0, &count);
    holds(w->rig, count == 1, "hits of a writer", count, 1);
    bool found = count == 1 && hit->id.value.number == number && hit->score == 0;
    holds(w->rig, found == p->there, "its point is found by a writer", found, p->there);
    waggle_hits_destroy(hits);
}

static void write_run(void *context)
{
    writer *w = context;
    test_random random = {w->number + 1};
    while (running(w->rig)) {
        uint64_t pair = test_below(&random, PAIRS);
        uint64_t choice = test_below(&random, 10);
        w->stamp++;
        w->operations++;
        if (choice < 6)
            upsert_pair(w, pair);
        else if (choice < 8)
            payload_set(w, pair);
        else
            delete_pair(w, pair);
        if (choice % 2 == 0)
            reads_own_writes(w, pair);
        else
            finds_own_writes(w, pair);
    }
}

// ---- Searchers and walkers -----------------------------------------------------------------------

// The vectors' stamps of all pairs that one answer shows; 0 = not there.
typedef struct seen {
    uint64_t stamps[WRITERS][POINTS];
    uint32_t constants;
} seen;

static void see(rig *r, seen *s, uint64_t id, uint64_t stamp, waggle_text payload)
{
    uint64_t of_payload = points_stamp(payload);
    holds(r, of_payload >= stamp && of_payload != UINT64_MAX, "a payload older than its vector",
          of_payload, stamp);
    if (id >= CONSTANT_FIRST) {
        s->constants++;
        holds(r, stamp == CONSTANT_STAMP, "stamp of a constant point", stamp, id);
        return;
    }
    uint64_t w = id / 1000;
    if (!holds(r, w < WRITERS && id % 1000 < POINTS, "an id that was never given", id, stamp))
        return;
    holds(r, s->stamps[w][id % 1000] == 0, "a point twice in one answer", id, stamp);
    s->stamps[w][id % 1000] = stamp;
}

static void whole(rig *r, const seen *s, const char *what)
{
    holds(r, s->constants == CONSTANTS, what, s->constants, CONSTANTS);
    for (uint32_t w = 0; w < WRITERS; w++)
        for (uint32_t i = 0; i < POINTS; i += 2)
            if (!holds(r, s->stamps[w][i] == s->stamps[w][i + 1], "half of a batch",
                       s->stamps[w][i], s->stamps[w][i + 1]))
                return;
}

// All points. Under dot with (1) the score is the stamp.
static void search_run(void *context)
{
    static const float one = 1;
    rig *r = context;
    while (running(r)) {
        waggle_error error;
        waggle_hits *hits = NULL;
        waggle_rows rows = waggle_rows_f32(&one, 1, 1);
        waggle_status status =
            waggle_search(r->collection, &rows,
                          waggle_search_options(.k = WRITERS * POINTS + CONSTANTS,
                                                .vector = "stamp", .with_payload = true),
                          &hits, &error);
        if (!worked(r, status, "search", &error)) return;
        seen s = {0};
        uint32_t count = 0;
        const waggle_hit *hit = waggle_hits_at(hits, 0, &count);
        for (uint32_t i = 0; i < count; i++)
            see(r, &s, hit[i].id.value.number, (uint64_t)hit[i].score, hit[i].payload);
        waggle_hits_destroy(hits);
        whole(r, &s, "constant points that a search finds");
        atomic_fetch_add(&r->searches, 1);
    }
}

static void walk(rig *r, seen *s)
{
    waggle_error error;
    waggle_cursor *cursor = NULL;
    const waggle_record *record = NULL;
    uint64_t previous = 0;
    bool first = true;
    waggle_status status = waggle_cursor_open(
        r->collection, waggle_read_options(.with_vectors = true), &cursor, &error);
    if (status == WAGGLE_OK) status = waggle_cursor_next(cursor, &record, &error);
    while (status == WAGGLE_OK && record != NULL) {
        uint64_t id = record->id.value.number;
        const float *stamp = record->vectors[1].data;
        holds(r, first || id > previous, "the order of a walk", previous, id);
        see(r, s, id, (uint64_t)stamp[0], record->payload);
        previous = id;
        first = false;
        status = waggle_cursor_next(cursor, &record, &error);
    }
    worked(r, status, "walk", &error);
    waggle_cursor_close(cursor);
}

// Both points of a pair, by id.
static void get_pair(rig *r, uint64_t first)
{
    waggle_error error;
    waggle_records *records = NULL;
    waggle_id ids[2] = {waggle_id_number(first), waggle_id_number(first + 1)};
    waggle_status status = waggle_get(r->collection, ids, 2,
                                      waggle_read_options(.with_vectors = true), &records, &error);
    if (!worked(r, status, "get", &error)) return;
    const waggle_record *a = waggle_records_at(records, 0);
    const waggle_record *b = waggle_records_at(records, 1);
    if (holds(r, a->found == b->found, "half of a batch by id", a->found, b->found) && a->found) {
        float x = ((const float *)a->vectors[1].data)[0];
        float y = ((const float *)b->vectors[1].data)[0];
        holds(r, x == y, "stamps of a batch by id", (uint64_t)x, (uint64_t)y);
    }
    waggle_records_destroy(records);
}

static void read_run(void *context)
{
    rig *r = context;
    test_random random = {99};
    while (running(r)) {
        seen s = {0};
        walk(r, &s);
        if (running(r)) whole(r, &s, "constant points of a walk");
        atomic_fetch_add(&r->walks, 1);
        for (int i = 0; i < 8; i++)
            get_pair(r, test_below(&random, WRITERS) * 1000 + 2 * test_below(&random, PAIRS));
    }
}

// ---- Care and names ------------------------------------------------------------------------------

static void found(void *context, const char *file, const char *finding)
{
    (void)context;
    print_message("%s: %s\n", file, finding);
}

static void care_run(void *context)
{
    rig *r = context;
    for (uint32_t i = 0; running(r); i++) {
        waggle_error error;
        waggle_verify_report report;
        waggle_statistics statistics = {.struct_size = sizeof statistics};
        waggle_collection_list *list = NULL;
        worked(r, waggle_compact(r->collection, &error), "compact", &error);
        worked(r, waggle_flush(r->database, &error), "flush", &error);
        worked(r, waggle_statistics_get(r->database, &statistics, &error), "statistics", &error);
        if (worked(r, waggle_collection_describe(r->collection, &list, &error), "describe", &error))
            waggle_collection_list_destroy(list);
        if (i % 8 == 0)
            worked(r, waggle_verify(r->database, found, NULL, &report, &error), "verify", &error);
        wg_sleep_ms(5);
    }
}

static void live(rig *r, const char *name, const char *new_name)
{
    waggle_error error;
    waggle_collection *collection = NULL;
    waggle_collection_list *list = NULL;
    uint64_t count = 0;
    if (!worked(r, create(r->database, name, &collection, &error), "create", &error)) return;
    worked(r, put(collection, PUT_IMPORT, 1, CONSTANTS, 3, &error), "upsert into a new one",
           &error);
    worked(r, waggle_collection_rename(r->database, name, new_name, &error), "rename", &error);
    worked(r, put(collection, PUT_UPSERT, 8, CONSTANTS, 4, &error), "upsert into a renamed one",
           &error);
    worked(r, waggle_count(collection, &count, &error), "count", &error);
    holds(r, count == CONSTANTS + 7, "points of a renamed collection", count, CONSTANTS + 7);
    if (worked(r, waggle_collection_list_create(r->database, &list, &error), "list", &error))
        holds(r, waggle_collection_list_count(list) >= 2, "collections",
              waggle_collection_list_count(list), 2);
    waggle_collection_list_destroy(list);
    worked(r, waggle_collection_drop(r->database, new_name, &error), "drop", &error);
    waggle_status status = put(collection, PUT_UPSERT, 1, 2, 5, &error);
    holds(r, status == WAGGLE_NOT_FOUND, "upsert into a dropped collection", status,
          WAGGLE_NOT_FOUND);
    waggle_collection_close(collection);
}

static void names_run(void *context)
{
    rig *r = context;
    for (uint64_t i = 0; running(r); i++) {
        live(r, i % 2 == 0 ? "even" : "odd", "renamed");
        atomic_fetch_add(&r->renames, 1);
    }
}

// ---- The end -------------------------------------------------------------------------------------

static void final_check(rig *r, const writer *writers)
{
    seen s = {0};
    walk(r, &s);
    whole(r, &s, "constant points at the end");
    for (uint32_t w = 0; w < WRITERS; w++)
        for (uint32_t i = 0; i < PAIRS; i++) {
            const pair_state *p = &writers[w].pairs[i];
            uint64_t expected = p->there ? p->vector : 0;
            holds(r, s.stamps[w][2 * i] == expected, "a pair at the end", s.stamps[w][2 * i],
                  expected);
            writer reader = writers[w];
            reader.rig = r;
            reads_own_writes(&reader, i);
        }
    if (atomic_load(&r->broken)) fail_msg("%s", r->why);
}

static void open_rig(rig *r, const char *path, waggle_durability durability)
{
    waggle_error error;
    WG_OK(waggle_open(path,
                      waggle_open_options(.head_size_max = 16u << 10, .log_size_max = 1u << 20,
                                          .threads = 2, .durability = durability),
                      &r->database, &error));
    waggle_status status = waggle_collection_open(r->database, "points", &r->collection, &error);
    if (status == WAGGLE_NOT_FOUND) status = create(r->database, "points", &r->collection, &error);
    WG_OK(status);
}

static void threads_run(rig *r, writer *writers, uint32_t milliseconds)
{
    waggle_error error;
    wg_thread threads[WRITERS + 5] = {0};
    static const wg_thread_fn others[] = {search_run, search_run, read_run, care_run, names_run};
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (writer){.rig = r, .number = i, .stamp = 10};
        WG_OK(wg_thread_start(&threads[i], "writer", write_run, &writers[i], &error));
    }
    for (size_t i = 0; i < WG_COUNT(others); i++)
        WG_OK(wg_thread_start(&threads[WRITERS + i], "reader", others[i], r, &error));
    for (uint32_t ms = 0; ms < milliseconds && running(r); ms += 10)
        wg_sleep_ms(10);
    atomic_store(&r->stop, true);
    for (size_t i = 0; i < WG_COUNT(threads); i++)
        wg_thread_join(&threads[i]);
}

static void everything_at_once(const char *path, waggle_durability durability)
{
    rig r = {0};
    waggle_error error;
    waggle_verify_report report;
    static writer writers[WRITERS];
    open_rig(&r, path, durability);
    WG_OK(put(r.collection, PUT_UPSERT, CONSTANT_FIRST, CONSTANTS, CONSTANT_STAMP, &error));
    threads_run(&r, writers, (uint32_t)test_rounds(2000, 60000));
    waggle_statistics statistics = {.struct_size = sizeof statistics};
    WG_OK(waggle_statistics_get(r.database, &statistics, &error));
    uint64_t operations = 0;
    for (uint32_t i = 0; i < WRITERS; i++)
        operations += writers[i].operations;
    print_message("%llu writes, %llu searches, %llu walks, %llu collections, %llu seals, %llu "
                  "compactions\n",
                  (unsigned long long)operations, (unsigned long long)r.searches,
                  (unsigned long long)r.walks, (unsigned long long)r.renames,
                  (unsigned long long)statistics.seals, (unsigned long long)statistics.compactions);
    final_check(&r, writers);
    WG_CHECK(operations > 0 && r.searches > 0 && r.walks > 0 && r.renames > 0);
    WG_OK(waggle_verify(r.database, found, NULL, &report, &error));
    waggle_collection_close(r.collection);
    WG_OK(waggle_close(r.database, &error));
    if (path == NULL) return;
    open_rig(&r, path, durability);
    final_check(&r, writers);
    waggle_collection_close(r.collection);
    WG_OK(waggle_close(r.database, &error));
}

WG_TEST(threads_see_what_was_acknowledged_in_memory)
{
    everything_at_once(NULL, WAGGLE_SYNC);
}

WG_TEST(threads_see_what_was_acknowledged_on_disk)
{
    char path[4096];
    test_folder(path, sizeof path);
    everything_at_once(path, WAGGLE_SYNC);
}

WG_TEST(threads_see_what_was_acknowledged_with_a_flush_now_and_then)
{
    char path[4096];
    test_folder(path, sizeof path);
    everything_at_once(path, WAGGLE_INTERVAL);
}
