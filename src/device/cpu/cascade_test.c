#include "device/cpu/cascade.h"
#include "device/cpu/scan.h"
#include "support/test.h"

#include <math.h>

// A view whose rows have codes of every kind, all made by the reference encoder.
typedef struct coded {
    wg_frame frames[WG_CODE_B1 + 1];
    wg_code_column columns[WG_CODE_B1 + 1];
    float *center;
    uint8_t *codes[WG_CODE_B1 + 1];
    wg_code_figures *figures[WG_CODE_B1 + 1];
} coded;

enum {
    VIEWS = 3,
    QUERIES_MAX = 120,
    K_MAX = 600
};

typedef struct world {
    wg_flat_job job;
    wg_rows_view views[VIEWS];
    uint8_t *rows[VIEWS];
    coded codes[VIEWS];
    uint8_t *queries;
    size_t sizes[VIEWS + 1]; // of rows and queries, for wg_pages_free
} world;

static waggle_error error;
static wg_topk topks[2][QUERIES_MAX];
static wg_hit hits[2][QUERIES_MAX][K_MAX];

// ---- Data ----------------------------------------------------------------------------------------

typedef enum data_kind {
    DATA_NORMAL,
    DATA_CLUSTERED, // few near centers far away from each other
    DATA_EQUAL,     // every row the same: all scores tie
    DATA_FAR,       // much the same row with noise below a code's step: codes exclude nothing
    DATA_HUGE,      // some norms beyond 2^60: open rows
    DATA_KINDS
} data_kind;

static float component(test_random *random, data_kind kind, uint64_t row, uint32_t i)
{
    switch (kind) {
    case DATA_CLUSTERED: return (float)((row * 7 + i * 3) % 11) + 0.05f * test_normal(random);
    case DATA_EQUAL: return (float)(i % 5) - 2.0f;
    case DATA_FAR: return 100.0f + (float)(i % 3) + 1e-4f * test_normal(random);
    case DATA_HUGE: return test_normal(random) * (row % 17 == 3 ? 1e19f : 1.0f);
    default: return test_normal(random);
    }
}

static void row_make(const world *w, test_random *random, data_kind kind, uint64_t number,
                     void *target)
{
    static float row[2100];
    wg_row_place place = {"row", "", number};
    for (uint32_t i = 0; i < w->job.dim; i++)
        row[i] = component(random, kind, number, i);
    if (w->job.type == WAGGLE_F16 && kind == DATA_HUGE) // has no room for them
        for (uint32_t i = 0; i < w->job.dim; i++)
            row[i] = test_normal(random);
    WG_OK(wg_row_convert(WAGGLE_F32, row, w->job.type, target, w->job.dim, WAGGLE_CONVERT_CLAMP,
                         &place, &error));
    if (w->job.metric == WAGGLE_COSINE) (void)wg_row_normalize(w->job.type, target, w->job.dim);
}

static void view_encode(world *w, uint32_t v)
{
    static float row[2100], scratch[2100];
    const wg_rows_view *view = &w->views[v];
    coded *made = &w->codes[v];
    double *sums = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, w->job.dim * sizeof(double));
    made->center = wg_alloc(NULL, WG_MEMORY_OTHER, w->job.dim * sizeof(float));
    for (uint64_t r = 0; r < view->count; r++) {
        wg_row_to_f32(w->job.type, w->rows[v] + r * view->stride, w->job.dim, row);
        wg_center_add(sums, row, w->job.dim);
    }
    wg_center_finish(sums, view->count, w->job.dim, made->center);
    wg_free(sums);
    for (wg_code_kind kind = WG_CODE_I8; kind <= WG_CODE_B1; kind++) {
        size_t stride = wg_code_stride(kind, w->job.dim);
        wg_frame_init(&made->frames[kind], w->job.metric, made->center, w->job.dim,
                      kind == WG_CODE_B1, 77);
        made->codes[kind] = wg_pages_alloc(NULL, WG_MEMORY_OTHER, view->count * stride);
        made->figures[kind] =
            wg_alloc(NULL, WG_MEMORY_OTHER, view->count * sizeof(wg_code_figures));
        for (uint64_t r = 0; r < view->count; r++) {
            wg_row_to_f32(w->job.type, w->rows[v] + r * view->stride, w->job.dim, row);
            wg_code_encode(&made->frames[kind], kind, row, made->codes[kind] + r * stride,
                           &made->figures[kind][r], scratch);
        }
        made->columns[kind] = (wg_code_column){.frame = &made->frames[kind],
                                               .codes = made->codes[kind],
                                               .figures = made->figures[kind]};
    }
}

// Two views with codes and one without.
static void world_make(world *w, waggle_metric metric, waggle_type type, uint32_t dim,
                       uint64_t count, uint32_t queries, data_kind kind, uint64_t seed)
{
    test_random random = {.state = seed};
    size_t stride = wg_row_stride(type, dim);
    *w = (world){
        .job = {.metric = metric,
                .type = type,
                .dim = dim,
                .view_count = VIEWS,
                .query_stride = stride,
                .query_count = queries}
    };
    for (uint32_t v = 0; v < VIEWS; v++) {
        uint64_t rows = v == 1 ? count / 3 + 1 : count;
        w->sizes[v] = rows * stride;
        w->rows[v] = wg_pages_alloc(NULL, WG_MEMORY_OTHER, w->sizes[v]);
        for (uint64_t r = 0; r < rows; r++)
            row_make(w, &random, kind, r, w->rows[v] + r * stride);
        w->views[v] = (wg_rows_view){.rows = w->rows[v], .count = rows, .stride = stride};
        if (v != 1) view_encode(w, v);
    }
    w->sizes[VIEWS] = queries * stride;
    w->queries = wg_pages_alloc(NULL, WG_MEMORY_OTHER, w->sizes[VIEWS]);
    for (uint32_t q = 0; q < queries; q++)
        row_make(w, &random, kind, q * 5, w->queries + q * stride);
    w->job.queries = w->queries;
}

static void world_finish(world *w)
{
    for (uint32_t v = 0; v < VIEWS; v++) {
        wg_pages_free(NULL, WG_MEMORY_OTHER, w->rows[v], w->sizes[v]);
        wg_free(w->codes[v].center);
        for (wg_code_kind kind = WG_CODE_I8; kind <= WG_CODE_B1; kind++) {
            wg_pages_free(NULL, WG_MEMORY_OTHER, w->codes[v].codes[kind],
                          w->views[v].count * wg_code_stride(kind, w->job.dim));
            wg_free(w->codes[v].figures[kind]);
        }
    }
    wg_pages_free(NULL, WG_MEMORY_OTHER, w->queries, w->sizes[VIEWS]);
}

// ---- Searching -----------------------------------------------------------------------------------

static wg_pool *pool_of(uint32_t threads)
{
    static wg_pool *pools[3];
    if (pools[threads] == NULL) WG_OK(wg_pool_create(threads, &pools[threads], &error));
    return pools[threads];
}

static wg_arena *scratch(void)
{
    static wg_arena arena;
    if (arena.purpose != WG_MEMORY_SCRATCH) wg_arena_init(&arena, NULL, WG_MEMORY_SCRATCH, 4096);
    wg_arena_reset(&arena);
    return &arena;
}

static void search(world *w, const wg_kernels *kernels, uint32_t threads, uint32_t k,
                   waggle_scan scan, uint32_t set, wg_scan_report *report)
{
    wg_flat_job job = w->job;
    job.views = w->views;
    job.scratch = scratch();
    job.scan = scan;
    job.report = report;
    job.topks = topks[set];
    for (uint32_t q = 0; q < job.query_count; q++)
        wg_topk_init(&topks[set][q], hits[set][q], k, wg_metric_lowest(job.metric), NULL, NULL);
    WG_OK(wg_cpu_scan(pool_of(threads), kernels, &job, &error));
    for (uint32_t q = 0; q < job.query_count; q++)
        wg_topk_sort(&topks[set][q]);
}

static void same_hits(const world *w)
{
    for (uint32_t q = 0; q < w->job.query_count; q++) {
        WG_CHECK_U64(topks[0][q].count, topks[1][q].count);
        for (uint32_t i = 0; i < topks[0][q].count; i++) {
            const wg_hit *a = &hits[0][q][i], *b = &hits[1][q][i];
            WG_CHECK(memcmp(&a->score, &b->score, sizeof a->score) == 0);
            WG_CHECK_U64(a->view, b->view);
            WG_CHECK_U64(a->slot, b->slot);
        }
    }
}

// Every level, one and two threads, with and without codes.
static void check_same(world *w, uint32_t k, waggle_scan scan)
{
    for (uint32_t level = 0; level < WG_SIMD_COUNT; level++) {
        const wg_kernels *kernels = wg_kernels_get((wg_simd)level, NULL);
        if (kernels == NULL) continue;
        for (uint32_t threads = 1; threads <= 2; threads++) {
            for (uint32_t v = 0; v < VIEWS; v++)
                w->views[v].codes = NULL;
            search(w, kernels, threads, k, WAGGLE_SCAN_F32, 0, NULL);
            for (uint32_t v = 0; v < VIEWS; v += 2)
                w->views[v].codes = w->codes[v].columns;
            search(w, kernels, threads, k, scan, 1, NULL);
            same_hits(w);
        }
    }
}

// ---- Tests ---------------------------------------------------------------------------------------

WG_TEST(certified_answers_are_those_of_the_plain_scan)
{
    static const waggle_metric metrics[] = {WAGGLE_L2, WAGGLE_COSINE, WAGGLE_DOT};
    static const waggle_type types[] = {WAGGLE_F32, WAGGLE_F16, WAGGLE_BF16};
    static const uint32_t dims[] = {1, 16, 100, 129, 384};
    static const uint32_t batches[] = {1, 3, 7, 50};
    test_random random = {.state = test_seed(31)};
    uint64_t rounds = test_rounds(12, 400);

    for (uint64_t round = 0; round < rounds; round++) {
        data_kind kind = (data_kind)(round % DATA_KINDS);
        world w;
        world_make(&w, metrics[round % 3], types[round / 2 % 3],
                   dims[test_below(&random, WG_COUNT(dims))], 700 + round % 90,
                   batches[round % WG_COUNT(batches)], kind, test_next(&random));
        check_same(&w, 1 + (uint32_t)test_below(&random, 40), WAGGLE_SCAN_CERTIFIED);
        world_finish(&w);
    }
}

WG_TEST(probable_answers_are_the_exact_ones_where_the_bound_is_certain)
{
    // Up to 43 dimensions a 1-bit code excludes only what it can prove (certified-scan.md, section 6).
    for (uint32_t dim = 3; dim <= 43; dim += 20) {
        world w;
        world_make(&w, WAGGLE_L2, WAGGLE_F32, dim, 900, 5, DATA_CLUSTERED, dim);
        check_same(&w, 10, WAGGLE_SCAN_PROBABLE);
        world_finish(&w);
    }
}

WG_TEST(lists_longer_than_a_view_hold_all_rows)
{
    world w;
    world_make(&w, WAGGLE_L2, WAGGLE_F32, 64, 150, 9, DATA_NORMAL, 5);
    check_same(&w, K_MAX, WAGGLE_SCAN_CERTIFIED);
    WG_CHECK_U64(topks[1][0].count, 150 + 51 + 150);
    world_finish(&w);
}

WG_TEST(masked_and_lacking_rows_are_no_candidates)
{
    static uint64_t mask[WG_MASK_PAGE_WORDS], present[16];
    const uint64_t *pages[] = {mask};
    test_random random = {.state = test_seed(32)};
    for (uint32_t queries = 1; queries <= 20; queries += 19) {
        world w;
        world_make(&w, WAGGLE_L2, WAGGLE_F32, 96, 640, queries, DATA_CLUSTERED, queries);
        for (uint32_t i = 0; i < 16; i++) {
            mask[i] = test_next(&random);
            present[i] = test_next(&random) | test_next(&random);
        }
        w.views[0].masked_pages = pages;
        w.views[2].present = present;
        check_same(&w, 25, WAGGLE_SCAN_CERTIFIED);
        for (uint32_t i = 0; i < topks[1][0].count; i++) {
            const wg_hit *hit = &hits[1][0][i];
            if (hit->view == 0) WG_CHECK(!(mask[hit->slot / 64] >> hit->slot % 64 & 1));
            if (hit->view == 2) WG_CHECK(present[hit->slot / 64] >> hit->slot % 64 & 1);
        }
        world_finish(&w);
    }
}

static uint64_t all_bytes(const wg_scan_report *report)
{
    uint64_t bytes = report->rows.bytes;
    for (uint32_t kind = 0; kind < WG_COUNT(report->codes); kind++)
        bytes += report->codes[kind].bytes;
    return bytes;
}

WG_TEST(codes_save_bytes_and_the_report_says_how_many)
{
    static const uint32_t batches[] = {1, 48};
    for (uint32_t b = 0; b < WG_COUNT(batches); b++) {
        const wg_kernels *kernels = wg_kernels_get(wg_simd_best(), NULL);
        world w;
        world_make(&w, WAGGLE_L2, WAGGLE_F32, 512, 8000, batches[b], DATA_CLUSTERED, 9);
        wg_scan_report plain = {0}, report = {0};
        search(&w, kernels, 1, 10, WAGGLE_SCAN_CERTIFIED, 0, &plain); // no view has codes yet
        WG_CHECK_U64(plain.rows.rows, 8000 + 2667 + 8000);
        WG_CHECK_U64(plain.rows.bytes, plain.rows.rows * 2048);
        WG_CHECK_U64(plain.codes[WG_CODE_I8].rows + plain.codes[WG_CODE_I4].rows, 0);
        w.views[0].codes = w.codes[0].columns;
        w.views[2].codes = w.codes[2].columns;
        search(&w, kernels, 1, 10, WAGGLE_SCAN_CERTIFIED, 1, &report);
        same_hits(&w);
        bool panels = batches[b] > 1 && kernels->codes_panel != NULL;
        wg_code_kind first = panels ? WG_CODE_I8 : WG_CODE_I4;
        WG_CHECK(report.codes[first].rows > 15000 && report.codes[first].rows <= 16000);
        WG_CHECK(report.codes[first].bytes >=
                 report.codes[first].rows * wg_code_stride(first, 512));
        WG_CHECK(report.rows.ns > 0 && report.codes[first].ns > 0);
        WG_CHECK_U64(report.blocks_widened, 0);
        if (b == 0) WG_CHECK(all_bytes(&report) < plain.rows.bytes / 2);
        world_finish(&w);
    }
}

WG_TEST(codes_that_exclude_nothing_are_given_up)
{
    for (uint32_t queries = 1; queries <= 48; queries += 47) {
        const wg_kernels *kernels = wg_kernels_get(wg_simd_best(), NULL);
        world w;
        world_make(&w, WAGGLE_DOT, WAGGLE_F32, 64, 30000, queries, DATA_FAR, 3);
        wg_scan_report report = {0};
        w.views[0].codes = w.codes[0].columns;
        w.views[2].codes = w.codes[2].columns;
        search(&w, kernels, 1, 10, WAGGLE_SCAN_CERTIFIED, 0, &report);
        WG_CHECK(report.blocks_widened > 0);
        WG_CHECK(report.rows.rows > 30000);
        world_finish(&w);
    }
}

WG_TEST(a_scan_without_memory_fails_and_holds_nothing)
{
    test_heap heap;
    test_heap_init(&heap);
    const wg_kernels *kernels = wg_kernels_get(wg_simd_best(), NULL);
    world w;
    world_make(&w, WAGGLE_L2, WAGGLE_F32, 64, 300, 20, DATA_NORMAL, 1);
    for (uint32_t v = 0; v < VIEWS; v += 2)
        w.views[v].codes = w.codes[v].columns;
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        wg_flat_job job = w.job;
        wg_arena arena;
        wg_arena_init(&arena, &heap.heap, WG_MEMORY_SCRATCH, 64);
        arena.growth =
            UINT32_MAX; // blocks are as small as can be, so that many allocations can fail
        job.views = w.views;
        job.scratch = &arena;
        job.scan = WAGGLE_SCAN_CERTIFIED;
        job.topks = topks[0];
        for (uint32_t q = 0; q < job.query_count; q++)
            wg_topk_init(&topks[0][q], hits[0][q], 5, true, NULL, NULL);
        heap.calls = 0;
        heap.fail_at = n;
        waggle_status status = wg_cpu_scan(pool_of(2), kernels, &job, &error);
        done = status == WAGGLE_OK;
        if (!done) WG_CHECK_U64(status, WAGGLE_OUT_OF_MEMORY);
        wg_arena_finish(&arena);
        WG_CHECK(heap.live == 0);
        WG_CHECK(n < 1000);
    }
    world_finish(&w);
}
