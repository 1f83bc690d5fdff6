// In the long run a search allocates nothing. Every allocation of a database is counted by its memory source; those of
// the process and of the libraries, too, where malloc can be replaced.
#include "engine/codes.h"
#include "support/points.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- Every malloc of the process -----------------------------------------------------------------

static _Atomic uint64_t mallocs;

#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#if defined(__GLIBC__) && !SANITIZED
#define COUNTS_MALLOC true
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_realloc(memory, size);
}
#else
#define COUNTS_MALLOC false
#endif

// ---- A collection of sealed parts and a head -----------------------------------------------------

#define DIM 16u
#define PART 64u // points of each sealed part
#define PARTS 4u
#define HEAD 64u
#define POINTS (PARTS * PART + HEAD)
#define QUERIES_MAX 3500u

typedef struct fixture {
    test_heap heap;
    waggle_database *database;
    waggle_collection *collection;
    float queries[QUERIES_MAX][DIM];
} fixture;

// Point i is at i on a line.
static waggle_status put(fixture *f, uint32_t first, uint32_t count, waggle_error *error)
{
    static float rows[PART][DIM];
    static char texts[PART][POINTS_ID_SIZE];
    static char payload_texts[PART][POINTS_PAYLOAD_SIZE];
    waggle_id ids[PART];
    waggle_text payloads[PART];
    for (uint32_t i = 0; i < count; i++) {
        rows[i][0] = (float)((first + i) % 256);
        rows[i][1] = (float)((first + i) / 256);
        points_id(first + i, &ids[i], texts[i]);
        payloads[i] = points_payload(first + i + 1, payload_texts[i]);
    }
    waggle_vectors vectors = {.rows = waggle_rows_f32(rows[0], count, DIM)};
    return waggle_upsert(f->collection,
                         waggle_points_of(.count = count, .ids = ids, .vectors = &vectors,
                                          .vector_count = 1, .payloads = payloads,
                                          .convert = WAGGLE_CONVERT_ROUND),
                         NULL, error);
}

static void fill(fixture *f)
{
    waggle_error error;
    for (uint32_t part = 0; part < PARTS; part++) {
        WG_OK(put(f, part * PART, PART, &error));
        WG_OK(points_seal(f->collection, &error));
    }
    WG_CHECK_U64(f->collection->current->sealed_count, PARTS);
    wg_codes_want(f->database);
    wg_codes_now(f->database);
    WG_OK(put(f, PARTS * PART, HEAD, &error));
    // A row that was replaced, and a payload in the overlay of a sealed part.
    WG_OK(put(f, 0, 1, &error));
    waggle_id id = waggle_id_number(3);
    char text[POINTS_PAYLOAD_SIZE];
    waggle_text payload = points_payload(4, text);
    WG_OK(waggle_payload_set(f->collection, &id, &payload, 1, NULL, NULL, &error));
    for (uint32_t q = 0; q < QUERIES_MAX; q++) {
        f->queries[q][0] = (float)(q % POINTS % 256) + 0.25f;
        f->queries[q][1] = (float)(q % POINTS / 256);
    }
}

// In memory: nothing but searches runs, and no log is prepared in the background.
static fixture *begin_with(const waggle_vector_spec *vector, uint32_t threads, uint64_t limit)
{
    static fixture the_fixture;
    fixture *f = &the_fixture;
    waggle_error error;
    *f = (fixture){0};
    test_heap_init(&f->heap);
    wg_internal internal = {.memory = &f->heap.heap.source,
                            .no_threads = true,
                            .codes_size_least = 1,
                            .codes_rows_least = 1};
    WG_OK(wg_database_open(NULL, waggle_open_options(.threads = threads, .memory_limit = limit),
                           &internal, &f->database, &error));
    WG_OK(waggle_collection_create(f->database, "c",
                                   waggle_collection_spec(.vectors = vector, .vector_count = 1),
                                   &f->collection, &error));
    fill(f);
    return f;
}

static fixture *begin(uint64_t limit)
{
    waggle_vector_spec vector = {
        .dim = DIM, .type = WAGGLE_F32, .metric = WAGGLE_L2, .scan = WAGGLE_SCAN_F32};
    return begin_with(&vector, 1, limit);
}

static void end(fixture *f)
{
    waggle_error error;
    waggle_collection_close(f->collection);
    WG_OK(waggle_close(f->database, &error));
    WG_CHECK_U64(f->heap.live, 0);
}

static waggle_status ask(fixture *f, uint32_t count, uint32_t k, bool with_payload,
                         waggle_hits **hits, waggle_error *error)
{
    waggle_rows rows = waggle_rows_f32(f->queries[0], count, DIM);
    return waggle_search(f->collection, &rows,
                         waggle_search_options(.k = k, .with_payload = with_payload,
                                               .convert = WAGGLE_CONVERT_ROUND),
                         hits, error);
}

// Of queries under l2 over floats: query q is nearest to point q.
static void check_hits(const waggle_hits *hits, bool with_payload)
{
    for (uint64_t q = 0; q < waggle_hits_queries(hits); q++) {
        uint32_t found = 0;
        char text[POINTS_ID_SIZE];
        waggle_id id;
        const waggle_hit *hit = waggle_hits_at(hits, q, &found);
        points_id((uint32_t)(q % POINTS), &id, text);
        WG_CHECK(found > 0 && waggle_id_compare(&hit->id, &id) == 0);
        if (with_payload) WG_CHECK_U64(points_stamp(hit->payload), q % POINTS + 1);
    }
}

static uint64_t scratch_used(fixture *f)
{
    return atomic_load(&f->database->heap.used[WG_MEMORY_SCRATCH]);
}

// ---- Nothing is allocated ------------------------------------------------------------------------

typedef struct shape {
    uint32_t queries;
    uint32_t k;
    bool with_payload;
    uint32_t rounds;
} shape;

static const shape shapes[] = {
    {1,    1,    false, 30},
    {1,    10,   true,  30},
    {1,    1000, false, 5 },
    {5,    1,    true,  10},
    {5,    10,   false, 10},
    {5,    1000, true,  1 },
    {100,  1,    true,  1 },
    {100,  10,   true,  1 },
    {20,   1000, false, 1 },
    {1000, 10,   false, 1 }, // slow without optimization
};

#define SHAPES_ALL WG_COUNT(shapes)
#define SHAPES_QUICK (SHAPES_ALL - 1)

static waggle_hits *ask_well(fixture *f, const shape *s)
{
    waggle_error error;
    waggle_hits *hits = NULL;
    WG_OK(ask(f, s->queries, s->k, s->with_payload, &hits, &error));
    return hits;
}

// Each of the first shapes some times, at first with two answers held at once.
static void search_shapes(fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        waggle_hits *held = ask_well(f, &shapes[i]);
        for (uint32_t round = 0; round < shapes[i].rounds; round++) {
            waggle_hits_destroy(ask_well(f, &shapes[i]));
            waggle_hits_destroy(held);
            held = NULL;
        }
    }
}

static void check_steady(waggle_metric metric, waggle_type type, waggle_scan scan, uint32_t threads,
                         size_t shape_count)
{
    waggle_vector_spec vector = {.dim = DIM, .type = type, .metric = metric, .scan = scan};
    fixture *f = begin_with(&vector, threads, 0);
    waggle_hits *hits = ask_well(f, &shapes[0]);
    WG_CHECK(waggle_hits_info(hits)->scan == scan);
    waggle_hits_destroy(hits);
    for (int i = 0; i < 2; i++)
        search_shapes(f, shape_count);
    uint64_t calls = f->heap.calls;
    uint64_t before = atomic_load(&mallocs);
    search_shapes(f, shape_count);
    WG_CHECK_U64(f->heap.calls - calls, 0);
    WG_CHECK_U64(atomic_load(&mallocs) - before, 0);
    end(f);
}

WG_TEST(searches_of_floats_allocate_nothing_in_the_long_run)
{
    check_steady(WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_F32, 1, SHAPES_ALL);
}

WG_TEST(searches_of_bytes_allocate_nothing_in_the_long_run)
{
    check_steady(WAGGLE_COSINE, WAGGLE_U8, WAGGLE_SCAN_F32, 1, SHAPES_QUICK);
}

WG_TEST(searches_of_codes_allocate_nothing_in_the_long_run)
{
    check_steady(WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_CERTIFIED, 1, SHAPES_QUICK);
    check_steady(WAGGLE_COSINE, WAGGLE_F16, WAGGLE_SCAN_PROBABLE, 2, SHAPES_QUICK);
}

WG_TEST(searches_of_several_threads_allocate_nothing_in_the_long_run)
{
    check_steady(WAGGLE_COSINE, WAGGLE_F16, WAGGLE_SCAN_F32, 2, SHAPES_ALL);
    check_steady(WAGGLE_L2, WAGGLE_U8, WAGGLE_SCAN_F32, 2, SHAPES_ALL);
}

WG_TEST(an_asynchronous_search_allocates_its_ticket_only)
{
    enum {
        ROUNDS = 20
    };

    waggle_error error;
    fixture *f = begin(0);
    uint64_t calls = 0;
    for (int i = -3; i < ROUNDS; i++) {
        waggle_ticket *ticket = NULL;
        waggle_rows rows = waggle_rows_f32(f->queries[0], 5, DIM);
        if (i == 0) calls = f->heap.calls;
        WG_OK(waggle_search_async(f->collection, &rows, waggle_search_options(.k = 3), NULL, NULL,
                                  &ticket, &error));
        WG_OK(waggle_ticket_wait(ticket, UINT32_MAX, &error));
        waggle_hits *hits = waggle_ticket_hits(ticket);
        check_hits(hits, false);
        waggle_hits_destroy(hits);
        waggle_ticket_destroy(ticket);
    }
    WG_CHECK_U64(f->heap.calls - calls, ROUNDS);
    end(f);
}

WG_TEST(a_store_without_a_database_allocates_nothing_in_the_long_run)
{
    waggle_error error;
    waggle_device *device = NULL;
    waggle_store *store = NULL;
    static float rows[PART][DIM];
    uint64_t before = 0;
    if (!COUNTS_MALLOC) WG_SKIP("malloc cannot be replaced here");
    for (uint32_t i = 0; i < PART; i++)
        rows[i][0] = (float)i;
    WG_OK(waggle_device_open(NULL, &device, &error));
    WG_OK(waggle_store_create(device, DIM, WAGGLE_L2, &store, &error));
    WG_OK(waggle_store_add(store, NULL, rows[0], PART, NULL, &error));
    for (int i = -3; i < 100; i++) {
        waggle_hits *hits = NULL;
        if (i == 0) before = atomic_load(&mallocs);
        WG_OK(waggle_store_search(store, rows[0], 100, 10, &hits, &error));
        waggle_hits_destroy(hits);
    }
    WG_CHECK_U64(atomic_load(&mallocs) - before, 0);
    waggle_store_destroy(store);
    waggle_device_close(device);
}

// ---- What is held --------------------------------------------------------------------------------

WG_TEST(what_an_unusually_large_search_needed_is_given_back)
{
    waggle_error error;
    fixture *f = begin(0);
    waggle_hits *hits = NULL;
    search_shapes(f, SHAPES_ALL);
    uint64_t before = scratch_used(f);
    WG_CHECK(before > 0);
    WG_OK(ask(f, QUERIES_MAX, POINTS, false, &hits, &error));
    WG_CHECK(scratch_used(f) > (uint64_t)QUERIES_MAX * POINTS * sizeof(waggle_hit));
    check_hits(hits, false);
    waggle_hits_destroy(hits);
    WG_CHECK(scratch_used(f) <= before);
    end(f);
}

WG_TEST(hits_that_are_destroyed_late_are_kept_within_a_share_of_the_budget)
{
    enum {
        HELD = 300
    };

    waggle_error error;
    const uint64_t limit = 32u << 20;
    fixture *f = begin(limit);
    waggle_hits *hits[HELD];
    for (int i = 0; i < HELD; i++)
        WG_OK(ask(f, 10, 10, false, &hits[i], &error));
    for (int i = 0; i < HELD; i++)
        check_hits(hits[i], false);
    uint64_t most = scratch_used(f);
    for (int i = 0; i < HELD; i++)
        waggle_hits_destroy(hits[i]);
    WG_CHECK(most > limit / 16);
    WG_CHECK(scratch_used(f) <= limit / 16); // two pools
    end(f);
}

WG_TEST(an_answer_beyond_the_budget_is_refused_and_idle_memory_goes_first)
{
    waggle_error error;
    fixture *f = begin(16u << 20);
    waggle_hits *hits = NULL;
    WG_OK(ask(f, 100, 10, true, &hits, &error));
    check_hits(hits, true);
    waggle_hits_destroy(hits);
    WG_CHECK(scratch_used(f) > 0);
    WG_FAILS_WITH(WAGGLE_BUDGET, "the limit is 16777216",
                  ask(f, QUERIES_MAX, POINTS, false, &hits, &error));
    // Of what was idle nothing is left but what the search that failed took.
    WG_CHECK(scratch_used(f) < 512u << 10);
    // What fits exactly, fits with idle memory, too.
    WG_OK(ask(f, 100, 10, true, &hits, &error));
    waggle_hits_destroy(hits);
    wg_heap *heap = &f->database->heap;
    uint64_t idle = scratch_used(f);
    WG_CHECK(idle > 0);
    WG_OK(wg_heap_admit(heap, heap->limit - wg_heap_used(heap) + idle, &error));
    WG_CHECK_U64(scratch_used(f), 0);
    WG_OK(ask(f, 100, 10, true, &hits, &error));
    check_hits(hits, true);
    waggle_hits_destroy(hits);
    end(f);
}

WG_TEST(an_answer_that_fits_is_not_refused_for_what_an_earlier_search_left)
{
    waggle_error error;
    waggle_hits *hits = NULL;
    const size_t spare = 300u << 10; // for the queries, and what blocks of the arena leave unused
    fixture *f = begin(32u << 20);
    wg_heap *heap = &f->database->heap;
    WG_OK(ask(f, 2500, 1, false, &hits, &error));
    waggle_hits_destroy(hits);
    WG_CHECK(f->database->searches.idle_size > spare);
    size_t others = wg_heap_used(heap) - scratch_used(f);
    size_t answer = (size_t)2000 * 125 * sizeof(wg_hit);
    void *ballast = wg_alloc(heap, WG_MEMORY_OTHER, heap->limit - others - 2 * answer - spare);
    WG_OK(ask(f, 2000, 125, false, &hits, &error));
    check_hits(hits, false);
    waggle_hits_destroy(hits);
    wg_free(ballast);
    end(f);
}

// ---- Failures ------------------------------------------------------------------------------------

// Returns whether there was an n-th allocation in the first searches.
static bool allocation_fails(fixture *f, uint64_t n, bool persistent)
{
    waggle_error error;
    wg_heap_relieve(&f->database->heap); // as after opening
    WG_CHECK_U64(scratch_used(f), 0);
    WG_CHECK_U64(f->database->searches.idle_size + f->database->results.idle_size, 0);
    uint64_t failed = f->heap.failed;
    f->heap.fail_at = f->heap.calls + n;
    f->heap.persistent = persistent;
    for (int i = 0; i < 3; i++) {
        waggle_hits *hits = NULL;
        waggle_status status = ask(f, 20 * (uint32_t)i + 1, 10, true, &hits, &error);
        WG_CHECK(status == WAGGLE_OK || status == WAGGLE_OUT_OF_MEMORY);
        WG_CHECK((status == WAGGLE_OK) == (hits != NULL));
        if (hits == NULL) WG_CHECK_U64(scratch_used(f), 0);
        if (hits != NULL) check_hits(hits, true);
        waggle_hits_destroy(hits);
    }
    f->heap.fail_at = 0;
    waggle_hits *hits = NULL;
    WG_OK(ask(f, 20, 10, true, &hits, &error));
    check_hits(hits, true);
    waggle_hits_destroy(hits);
    return f->heap.failed > failed;
}

WG_TEST(any_allocation_of_the_first_searches_may_fail)
{
    for (int persistent = 0; persistent < 2; persistent++) {
        fixture *f = begin(0);
        uint64_t n = 1;
        while (allocation_fails(f, n, persistent != 0))
            n++;
        WG_CHECK(n > 8);
        end(f);
    }
}

WG_TEST(a_search_that_is_refused_holds_nothing)
{
    waggle_error error;
    fixture *f = begin(0);
    waggle_hits *hits = NULL;
    float bad[DIM] = {1.0f / 0.0f};
    waggle_rows rows = waggle_rows_f32(bad, 1, DIM);
    WG_OK(ask(f, 1, 1, false, &hits, &error));
    waggle_hits_destroy(hits);
    uint64_t calls = f->heap.calls;
    uint64_t used = scratch_used(f);
    for (int i = 0; i < 10; i++)
        WG_FAILS(WAGGLE_INVALID, waggle_search(f->collection, &rows, NULL, &hits, &error));
    rows = waggle_rows_f32(bad, 1, DIM - 1);
    WG_FAILS(WAGGLE_DIMENSION, waggle_search(f->collection, &rows, NULL, &hits, &error));
    WG_CHECK_U64(f->heap.calls, calls);
    WG_CHECK_U64(scratch_used(f), used);
    end(f);
}

// The process is stopped if a database is closed while hits of it are there.
WG_TEST(hits_are_destroyed_before_their_database)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        waggle_error error;
        waggle_hits *hits = NULL;
        if (freopen("/dev/null", "w", stderr) == NULL) _exit(3);
        fixture *f = begin(0);
        WG_OK(ask(f, 1, 1, false, &hits, &error));
        waggle_collection_close(f->collection);
        (void)waggle_close(f->database, &error);
        _exit(0);
    }
    int how = 0;
    WG_CHECK(waitpid(child, &how, 0) == child);
    WG_CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}

// ---- Threads -------------------------------------------------------------------------------------

#define SEARCHERS 4u

typedef struct searcher {
    fixture *f;
    uint32_t number;
    _Atomic uint64_t *wrong;
} searcher;

static void searcher_run(void *context)
{
    const searcher *s = context;
    waggle_error error;
    uint64_t rounds = test_rounds(50, 1000);
    for (uint64_t i = 0; i < rounds; i++) {
        waggle_hits *hits = NULL;
        uint32_t found = 0;
        uint32_t count = (uint32_t)(i * 7 + s->number * 13) % 40 + 1;
        bool right = ask(s->f, count, 3, i % 2 == 0, &hits, &error) == WAGGLE_OK;
        for (uint32_t q = 0; right && q < count; q++) {
            char text[POINTS_ID_SIZE];
            waggle_id id;
            points_id(q, &id, text);
            right = waggle_id_compare(&waggle_hits_at(hits, q, &found)->id, &id) == 0;
        }
        waggle_hits_destroy(hits);
        if (i % 16 == s->number) wg_heap_relieve(&s->f->database->heap);
        if (!right) atomic_fetch_add(s->wrong, 1);
    }
}

WG_TEST(threads_share_what_is_idle)
{
    waggle_error error;
    _Atomic uint64_t wrong = 0;
    wg_thread threads[SEARCHERS] = {0};
    searcher searchers[SEARCHERS];
    waggle_vector_spec vector = {.dim = DIM, .type = WAGGLE_F32, .metric = WAGGLE_L2};
    fixture *f = begin_with(&vector, 2, 0);
    for (uint32_t i = 0; i < SEARCHERS; i++) {
        searchers[i] = (searcher){f, i, &wrong};
        WG_OK(wg_thread_start(&threads[i], "searcher", searcher_run, &searchers[i], &error));
    }
    for (uint32_t i = 0; i < SEARCHERS; i++)
        wg_thread_join(&threads[i]);
    WG_CHECK_U64(atomic_load(&wrong), 0);
    WG_CHECK_U64(f->database->searches.taken, 0);
    WG_CHECK_U64(f->database->results.taken, 0);
    end(f);
}
