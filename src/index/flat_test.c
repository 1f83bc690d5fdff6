#include "index/index.h"
#include "support/test.h"

#include <assert.h>

static waggle_error error;

// One-dimensional rows 0, 1, 2, ...: the nearest of a query are its neighbors on the line.
typedef struct line {
    _Alignas(64) float rows[3000][16];
    _Alignas(64) float queries[600][16];
    wg_rows_view view;
    wg_arena scratch;
    wg_index_query query;
} line;

static line the_line;

static void scratch_init(line *l, wg_heap *heap)
{
    wg_arena_init(&l->scratch, heap, WG_MEMORY_SCRATCH, 64);
    l->scratch.growth =
        UINT32_MAX; // blocks are as small as can be, so that many allocations can fail
    l->query.scratch = &l->scratch;
}

static wg_device *device_of(uint32_t threads)
{
    static wg_device *devices[4];

    if (devices[threads] == NULL) WG_OK(wg_device_cpu_open(threads, &devices[threads], &error));
    return devices[threads];
}

static line *line_of(uint32_t rows, uint32_t queries, uint32_t k)
{
    line *l = &the_line;

    wg_arena_finish(&l->scratch);
    memset(l, 0, sizeof(*l));
    for (uint32_t i = 0; i < rows; i++) {
        l->rows[i][0] = (float)i;
    }
    for (uint32_t i = 0; i < queries; i++) {
        l->queries[i][0] = (float)i + 0.25f;
    }
    l->view = (wg_rows_view){.rows = l->rows, .count = rows, .stride = 64};
    l->query = (wg_index_query){
        .metric = WAGGLE_L2,
        .type = WAGGLE_F32,
        .dim = 1,
        .k = k,
        .views = &l->view,
        .view_count = 1,
        .queries = l->queries,
        .query_stride = 64,
        .query_count = queries,
    };
    scratch_init(l, NULL);
    return l;
}

WG_TEST(neighbors_come_best_first)
{
    line *l = line_of(100, 50, 3);
    wg_index_answer answer;

    WG_OK(wg_index_flat_search(device_of(1), &l->query, &answer, &error));
    WG_CHECK(answer.exact);
    WG_CHECK_U64(answer.rows_scanned, 100);
    WG_CHECK_U64(answer.bytes_scanned, 6400);
    for (uint32_t q = 1; q < 50; q++) {
        const wg_hit *hits = answer.hits + q * 3;
        WG_CHECK_U64(answer.counts[q], 3);
        WG_CHECK(hits[0].slot == q && hits[1].slot == q + 1 && hits[2].slot == q - 1);
        WG_CHECK(hits[0].score == 0.0625f);
    }
}

WG_TEST(k_may_be_larger_than_there_are_rows)
{
    line *l = line_of(5, 2, 1000);
    wg_index_answer answer;

    WG_OK(wg_index_flat_search(device_of(1), &l->query, &answer, &error));
    WG_CHECK_U64(answer.counts[0], 5);
    WG_CHECK_U64(answer.counts[1], 5);
    WG_CHECK_U64(answer.hits[1000 + 4].slot, 4);
}

WG_TEST(all_rows_may_be_asked_for)
{
    for (uint32_t threads = 1; threads <= 2; threads++) {
        line *l = line_of(3000, 12, 3000);
        wg_index_answer answer;
        WG_OK(wg_index_flat_search(device_of(threads), &l->query, &answer, &error));
        for (uint32_t q = 0; q < 12; q++) {
            const wg_hit *hits = answer.hits + (size_t)q * 3000;
            WG_CHECK_U64(answer.counts[q], 3000);
            WG_CHECK(hits[0].slot == q && hits[1].slot == q + 1 && hits[2999].slot == 2999);
            for (uint32_t i = 1; i < 3000; i++) {
                WG_CHECK(hits[i - 1].score < hits[i].score);
            }
        }
    }
}

WG_TEST(nothing_to_search_gives_empty_lists)
{
    line *l = line_of(0, 3, 10);
    wg_index_answer answer;

    WG_OK(wg_index_flat_search(device_of(2), &l->query, &answer, &error));
    WG_CHECK_U64(answer.counts[0] + answer.counts[1] + answer.counts[2], 0);
    l->query.view_count = 0;
    l->query.views = NULL;
    WG_OK(wg_index_flat_search(device_of(2), &l->query, &answer, &error));
    WG_CHECK_U64(answer.counts[2], 0);
    l->query.query_count = 0;
    WG_OK(wg_index_flat_search(device_of(2), &l->query, &answer, &error));
}

WG_TEST(rows_that_are_all_masked_are_no_candidates)
{
    line *l = line_of(200, 1, 10);
    static uint64_t page[WG_MASK_PAGE_WORDS];
    const uint64_t *pages[1] = {page};
    wg_index_answer answer;

    memset(page, 0xff, sizeof(page));
    page[1] = ~(1ull << 6); // row 64 + 6 lives
    l->view.masked_pages = pages;
    WG_OK(wg_index_flat_search(device_of(1), &l->query, &answer, &error));
    WG_CHECK_U64(answer.counts[0], 1);
    WG_CHECK_U64(answer.hits[0].slot, 70);
}

// More hits than one group may hold: the answer is that of single queries.
WG_TEST(many_queries_go_in_groups)
{
    enum {
        ROWS = 3000,
        QUERIES = 600,
        K = 1000
    };

    line *l = line_of(ROWS, QUERIES, K);
    wg_index_answer answer, single;

    static_assert((uint64_t)QUERIES * K > WG_INDEX_HITS_MAX, "several groups");
    WG_OK(wg_index_flat_search(device_of(2), &l->query, &answer, &error));
    WG_CHECK_U64(answer.rows_scanned, 5 * ROWS); // 131 queries to a group
    // What a group needs is given back behind it.
    size_t hits = (size_t)QUERIES * K + 3 * WG_INDEX_HITS_MAX; // two threads collect
    WG_CHECK(l->scratch.peak < hits * sizeof(wg_hit));
    for (uint32_t q = 0; q < QUERIES; q += 37) {
        l->query.queries = l->queries[q];
        l->query.query_count = 1;
        WG_OK(wg_index_flat_search(device_of(1), &l->query, &single, &error));
        WG_CHECK_U64(answer.counts[q], K);
        WG_CHECK(memcmp(answer.hits + q * (size_t)K, single.hits, K * sizeof(wg_hit)) == 0);
    }
}

// A batch begins with products, goes on in tiles while all rows are among the k best, and returns to products when
// many times k rows have been seen. The answer is that of single queries.
WG_TEST(a_large_k_in_a_batch_changes_the_way_but_not_the_answer)
{
    enum {
        ROWS = 60000,
        QUERIES = 48,
        K = 700
    };

    line *l = line_of(0, QUERIES, K);
    wg_index_answer answer, single;
    test_random random = {.state = test_seed(31)};
    float *rows = wg_pages_alloc(NULL, WG_MEMORY_ROWS, (size_t)ROWS * 64);

    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i * 16] = test_normal(&random) * 30.0f;
    }
    l->view.rows = rows;
    l->view.count = ROWS;
    WG_OK(wg_index_flat_search(device_of(2), &l->query, &answer, &error));
    for (uint32_t q = 0; q < QUERIES; q += 5) {
        l->query.queries = l->queries[q];
        l->query.query_count = 1;
        WG_OK(wg_index_flat_search(device_of(1), &l->query, &single, &error));
        WG_CHECK_U64(answer.counts[q], K);
        WG_CHECK(memcmp(answer.hits + q * (size_t)K, single.hits, K * sizeof(wg_hit)) == 0);
    }
    wg_arena_finish(&l->scratch);
    wg_pages_free(NULL, WG_MEMORY_ROWS, rows, (size_t)ROWS * 64);
}

// The norms of queries go with their group.
WG_TEST(groups_have_their_own_norms)
{
    enum {
        ROWS = 1000,
        QUERIES = 600,
        K = 1000
    };

    static float norms[ROWS], query_norms[QUERIES];
    line *l = line_of(0, 0, K);
    wg_index_answer answer;

    l->query.type = WAGGLE_U8;
    l->query.metric = WAGGLE_COSINE;
    for (uint32_t i = 0; i < ROWS; i++) {
        ((uint8_t *)l->rows[i])[0] = (uint8_t)(1 + i % 255);
        norms[i] = wg_row_norm(WAGGLE_U8, l->rows[i], 1);
    }
    for (uint32_t i = 0; i < QUERIES; i++) {
        ((uint8_t *)l->queries[i])[0] = (uint8_t)(1 + i * 7 % 255);
        query_norms[i] = wg_row_norm(WAGGLE_U8, l->queries[i], 1);
    }
    l->view.count = ROWS;
    l->view.norms = norms;
    l->query.query_count = QUERIES;
    l->query.query_norms = query_norms;
    WG_OK(wg_index_flat_search(device_of(1), &l->query, &answer, &error));
    WG_CHECK_U64(answer.rows_scanned, 5 * ROWS);
    for (size_t i = 0; i < QUERIES * (size_t)K; i++) {
        WG_CHECK(answer.hits[i].score == 1.0f); // all point the same way
    }
}

static int higher_slot_first(const void *context, const wg_hit *a, const wg_hit *b)
{
    WG_CHECK(context == &the_line);
    return a->slot > b->slot ? -1 : a->slot < b->slot;
}

WG_TEST(equal_scores_are_ordered_by_the_tie)
{
    line *l = line_of(500, 1, 10);
    wg_index_answer answer;

    memset(l->rows, 0, sizeof(l->rows));
    l->query.tie = higher_slot_first;
    l->query.tie_context = l;
    WG_OK(wg_index_flat_search(device_of(1), &l->query, &answer, &error));
    for (uint32_t i = 0; i < 10; i++) {
        WG_CHECK_U64(answer.hits[i].slot, 499 - i);
    }
}

// ---- Running out of memory ---------------------------------------------------------------------

WG_TEST(every_allocation_that_fails_is_an_error_and_leaks_nothing)
{
    // Enough work for three threads, so that lists for the others are allocated, too.
    line *l = line_of(3000, 600, 10);
    uint64_t fail_at = 0;

    for (;;) {
        test_heap memory;
        wg_index_answer answer;
        test_heap_init(&memory);
        memory.fail_at = ++fail_at;
        scratch_init(l, &memory.heap);
        waggle_status status = wg_index_flat_search(device_of(3), &l->query, &answer, &error);
        if (status == WAGGLE_OK) {
            WG_CHECK_U64(memory.failed, 0);
            wg_arena_finish(&l->scratch);
            WG_CHECK_U64(memory.live, 0);
            break;
        }
        WG_CHECK_U64(status, WAGGLE_OUT_OF_MEMORY);
        WG_CHECK(answer.hits == NULL && answer.counts == NULL);
        WG_CHECK_U64(memory.failed, 1);
        WG_CHECK_U64(memory.live, 0);
        WG_CHECK_U64(wg_heap_used(&memory.heap), 0);
    }
    // Answer, counts, lists, blocks, two for threads; and, where the level has panels, the batch and each thread's part of it.
    WG_CHECK(fail_at > 6);
}

WG_TEST(an_answer_beyond_the_budget_is_refused)
{
    line *l = line_of(10, 600, 1000);
    wg_index_answer answer;
    wg_heap heap;

    wg_heap_init(&heap, 1 << 20);
    scratch_init(l, &heap);
    WG_FAILS(WAGGLE_BUDGET, wg_index_flat_search(device_of(1), &l->query, &answer, &error));
    WG_CHECK(answer.hits == NULL);
    WG_CHECK_U64(wg_heap_used(&heap), 0);
}

WG_TEST(lists_beyond_the_budget_are_refused)
{
    line *l = line_of(3000, 1, 3000);
    wg_index_answer answer;
    wg_heap heap;

    wg_heap_init(&heap, 100000); // the answer has 48,000 bytes; what it is collected in, 96,000
    scratch_init(l, &heap);
    WG_FAILS(WAGGLE_BUDGET, wg_index_flat_search(device_of(1), &l->query, &answer, &error));
    WG_CHECK(answer.hits == NULL);
    WG_CHECK_U64(wg_heap_used(&heap), 0);
    wg_heap_init(&heap, 200000);
    WG_OK(wg_index_flat_search(device_of(1), &l->query, &answer, &error));
    WG_CHECK_U64(answer.counts[0], 3000);
    wg_arena_finish(&l->scratch);
}

WG_TEST(an_answer_that_no_memory_could_hold_is_refused)
{
    line *l = line_of(10, 600, UINT32_MAX);
    wg_index_answer answer;

    l->query.query_count = UINT32_MAX;
    WG_FAILS(WAGGLE_OUT_OF_MEMORY, wg_index_flat_search(device_of(1), &l->query, &answer, &error));
    WG_CHECK(answer.hits == NULL);
}
