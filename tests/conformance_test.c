// Every device finds what the scalar reference in double finds; ids may swap only where scores tie within
// rounding. And every SIMD level, batch size and number of threads gives the same bits.
//
// A case is a number: its digits in mixed radix choose metric and type, dimension, count, k and the kind of
// data; masks, presence, views and threads are drawn from the case's own random numbers. The commit tier
// draws some hundred cases, the nightly tier runs all.
#include "base/thread.h"
#include "device/cpu/kernels.h"
#include "index/index.h"
#include "support/test.h"
#include "vector/oracle.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define QUERIES 9u      // two full tiles and one more
#define QUERIES_MAX 70u // a full panel, and a part of one
#define VIEWS_MAX 4u
#define THREADS_MAX 3u
#define PAGES 2u

typedef struct combination {
    waggle_metric metric;
    waggle_type type;
} combination;

typedef enum data_kind {
    DATA_RANDOM,
    DATA_TIES,   // few distinct rows of few distinct values: most scores tie
    DATA_NEAR,   // rows that differ from a query in the last bits
    DATA_SCALES, // floats: norms from 1e-30 to 1e30; some rows are zero
    DATA_FAR, // floats: far from the origin and close to each other, so that products tell nothing
    DATA_KINDS
} data_kind;

static const uint32_t dims[] = {1, 3, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 255, 768, 1000};
static const uint32_t counts[] = {0, 1, 7, 8, 9, 63, 64, 65, 1009};
static const uint32_t ks[] = {1, 2, 10, 31, 32, 33, 100, 257, 1000, 2000};

// All rows of a case in one block of memory; views are slices of it.
typedef struct corpus {
    waggle_metric metric;
    waggle_type type;
    uint32_t dim;
    uint32_t count;
    size_t stride;
    uint8_t *rows;
    size_t rows_size;
    float *norms;
    uint8_t *queries;
    size_t queries_size;
    uint32_t query_count;
    float query_norms[QUERIES_MAX];
    wg_rows_view views[VIEWS_MAX];
    uint32_t view_begin[VIEWS_MAX];
    uint32_t view_count;
    uint64_t masks[VIEWS_MAX][PAGES][WG_MASK_PAGE_WORDS];
    const uint64_t *pages[VIEWS_MAX][PAGES];
    uint64_t present[VIEWS_MAX][128];
} corpus;

static corpus shared; // too large for a stack

// ---- Making rows -------------------------------------------------------------------------------

static float component_random(test_random *random, waggle_type type, data_kind kind, float scale)
{
    bool few = kind == DATA_TIES;

    switch (type) {
    case WAGGLE_U8: return (float)test_below(random, few ? 3 : 256);
    case WAGGLE_I8: return (float)test_below(random, few ? 3 : 256) - (few ? 1.0f : 128.0f);
    case WAGGLE_B1: return (float)test_below(random, 2);
    default: break;
    }
    if (kind == DATA_FAR) return 1000.0f + test_normal(random) * 0.01f;
    return few ? (float)test_below(random, 3) - 1.0f : test_normal(random) * scale;
}

static float scale_random(test_random *random, waggle_type type, data_kind kind)
{
    if (kind != DATA_SCALES) return 1.0f;
    if (test_below(random, 8) == 0) return 0.0f;
    int range = type == WAGGLE_F16 ? 3 : 30;
    int exponent = (int)test_below(random, (uint64_t)(2 * range + 1)) - range;
    return (float)pow(10.0, exponent);
}

static void row_make(test_random *random, const corpus *c, data_kind kind, float scale, void *row)
{
    static float values[1024];
    waggle_error error;
    wg_row_place place = {.what = "vector"};

    for (uint32_t i = 0; i < c->dim; i++) {
        values[i] = component_random(random, c->type, kind, scale);
    }
    WG_OK(wg_row_convert(WAGGLE_F32, values, c->type, row, c->dim, WAGGLE_CONVERT_CLAMP, &place,
                         &error));
}

// A copy of a query that differs from it in one component, or not at all.
static void row_near(test_random *random, const corpus *c, void *row)
{
    memcpy(row, c->queries + test_below(random, c->query_count) * c->stride, c->stride);
    if (c->type != WAGGLE_B1 && test_below(random, 4) != 0) {
        size_t at = test_below(random, c->dim) * wg_type_size(c->type);
        ((uint8_t *)row)[at] ^= 1;
    }
}

// What a collection does when a row enters it: normalize, or keep the norm beside it.
static float row_finish(const corpus *c, void *row)
{
    if (c->metric != WAGGLE_COSINE) return 0.0f;
    if (wg_type_is_float(c->type)) return wg_row_normalize(c->type, row, c->dim);
    return wg_row_norm(c->type, row, c->dim);
}

static void fill_rows(test_random *random, corpus *c, data_kind kind)
{
    for (uint32_t q = 0; q < c->query_count; q++) {
        row_make(random, c, kind == DATA_SCALES ? DATA_RANDOM : kind, 1.0f,
                 c->queries + q * c->stride);
    }
    for (uint32_t i = 0; i < c->count; i++) {
        uint8_t *row = c->rows + i * c->stride;
        if (kind == DATA_TIES && i > 5) {
            memcpy(row, c->rows + test_below(random, 5) * c->stride, c->stride);
        } else if (kind == DATA_NEAR) {
            row_near(random, c, row);
        } else {
            row_make(random, c, kind, scale_random(random, c->type, kind), row);
        }
    }
    // Ties of rows that are copied after they were finished stay ties: so finish all at the end, once.
    for (uint32_t i = 0; i < c->count; i++) {
        c->norms[i] = row_finish(c, c->rows + i * c->stride);
    }
    for (uint32_t q = 0; q < c->query_count; q++) {
        c->query_norms[q] = row_finish(c, c->queries + q * c->stride);
    }
}

// ---- Views, masks, presence --------------------------------------------------------------------

static void mask_make(test_random *random, corpus *c, uint32_t v)
{
    // The first bit may lie so that the rows cross from one page to the next.
    static const uint64_t firsts[] = {0, 64, WG_MASK_PAGE_BITS - 64, WG_MASK_PAGE_BITS - 512};
    wg_rows_view *view = &c->views[v];
    uint64_t density = test_below(random, 3); // few, half, nearly all are dead

    view->masked_first = firsts[test_below(random, WG_COUNT(firsts))];
    for (uint32_t p = 0; p < PAGES; p++) {
        c->pages[v][p] = test_below(random, 3) == 0 ? NULL : c->masks[v][p];
        for (uint32_t w = 0; w < WG_MASK_PAGE_WORDS; w++) {
            uint64_t a = test_next(random), b = test_next(random), d = test_next(random);
            c->masks[v][p][w] = density == 0 ? a & b & d : density == 1 ? a : a | b | d;
        }
    }
    view->masked_pages = c->pages[v];
}

static void view_make(test_random *random, corpus *c, uint32_t v, uint32_t begin, uint32_t end)
{
    c->view_begin[v] = begin;
    c->views[v] = (wg_rows_view){
        .rows = c->rows + begin * c->stride,
        .norms = c->metric == WAGGLE_COSINE && !wg_type_is_float(c->type) ? c->norms + begin : NULL,
        .count = end - begin,
        .stride = c->stride,
    };
    if (test_below(random, 2) == 0) mask_make(random, c, v);
    if (test_below(random, 3) == 0) {
        for (uint32_t w = 0; w < WG_COUNT(c->present[v]); w++) {
            c->present[v][w] = test_next(random) | test_next(random);
        }
        c->views[v].present = c->present[v];
    }
}

static void views_make(test_random *random, corpus *c)
{
    uint32_t begin = 0;

    c->view_count = 1 + (uint32_t)test_below(random, VIEWS_MAX);
    for (uint32_t v = 0; v < c->view_count; v++) {
        uint32_t left = c->count - begin;
        uint32_t size = v + 1 == c->view_count ? left : (uint32_t)test_below(random, left + 1);
        view_make(random, c, v, begin, begin + size);
        begin += size;
    }
}

static bool is_candidate(const wg_rows_view *view, uint64_t row)
{
    if (view->present != NULL && (view->present[row / 64] >> row % 64 & 1) == 0) return false;
    if (view->masked_pages == NULL) return true;
    uint64_t bit = view->masked_first + row;
    const uint64_t *page = view->masked_pages[bit / WG_MASK_PAGE_BITS];
    return page == NULL || (page[bit % WG_MASK_PAGE_BITS / 64] >> bit % 64 & 1) == 0;
}

static wg_arena answers; // what search() found since corpus_open()

static void corpus_open(corpus *c, test_random *random, combination combined, uint32_t dim,
                        uint32_t count, data_kind kind)
{
    wg_arena_init(&answers, NULL, WG_MEMORY_SCRATCH, 4096);
    memset(c, 0, sizeof(*c));
    c->metric = combined.metric;
    c->type = combined.type;
    c->dim = dim;
    c->count = count;
    c->stride = wg_row_stride(c->type, dim);
    c->rows_size = c->stride * WG_MAX(count, 1u);
    c->query_count = test_below(random, 6) == 0 ? QUERIES_MAX : QUERIES;
    c->queries_size = c->stride * c->query_count;
    c->rows = wg_pages_alloc(NULL, WG_MEMORY_ROWS, c->rows_size);
    c->queries = wg_pages_alloc(NULL, WG_MEMORY_ROWS, c->queries_size);
    c->norms = wg_alloc_zeroed(NULL, WG_MEMORY_ROWS, WG_MAX(count, 1u) * sizeof(float));
    WG_CHECK(c->rows != NULL && c->queries != NULL && c->norms != NULL);
    fill_rows(random, c, kind);
    views_make(random, c);
}

static void corpus_close(corpus *c)
{
    wg_pages_free(NULL, WG_MEMORY_ROWS, c->rows, c->rows_size);
    wg_pages_free(NULL, WG_MEMORY_ROWS, c->queries, c->queries_size);
    wg_free(c->norms);
    wg_arena_finish(&answers);
}

// ---- Devices -----------------------------------------------------------------------------------

// One per SIMD level and number of threads, opened when first asked for. NULL = not on this machine.
static wg_device *device_of(wg_simd level, uint32_t threads)
{
    static wg_device *devices[WG_SIMD_COUNT][THREADS_MAX + 1];
    waggle_error error;

    if (wg_kernels_get(level, NULL) == NULL) return NULL;
    if (devices[level][threads] == NULL) {
        setenv("WAGGLE_SIMD", wg_simd_name(level), 1);
        WG_OK(wg_device_cpu_open(threads, &devices[level][threads], &error));
        unsetenv("WAGGLE_SIMD");
        WG_CHECK_TEXT(wg_device_cpu_simd(devices[level][threads]), wg_simd_name(level));
    }
    return devices[level][threads];
}

static wg_index_query query_of(const corpus *c, uint32_t first, uint32_t count, uint32_t k,
                               wg_arena *scratch)
{
    bool norms = c->metric == WAGGLE_COSINE && !wg_type_is_float(c->type);

    return (wg_index_query){
        .metric = c->metric,
        .type = c->type,
        .dim = c->dim,
        .k = k,
        .views = c->views,
        .view_count = c->view_count,
        .queries = c->queries + first * c->stride,
        .query_stride = c->stride,
        .query_norms = norms ? c->query_norms + first : NULL,
        .query_count = count,
        .scratch = scratch,
    };
}

static wg_index_answer search(wg_device *device, const corpus *c, uint32_t first, uint32_t count,
                              uint32_t k)
{
    waggle_error error;
    wg_index_query query = query_of(c, first, count, k, &answers);
    wg_index_answer answer = {0};

    WG_OK(wg_index_flat_search(device, &query, &answer, &error));
    WG_CHECK(answer.exact);
    return answer;
}

// ---- Comparing ---------------------------------------------------------------------------------

// What the reference says about one row, and how far float32 may be from it.
typedef struct expectation {
    double score;
    double tolerance;
} expectation;

static expectation expect(const corpus *c, uint32_t q, uint32_t row)
{
    const void *query = c->queries + q * c->stride, *stored = c->rows + row * c->stride;
    bool normalized = c->metric == WAGGLE_COSINE && wg_type_is_float(c->type);
    // Normalizing rounds the components of a half type once more, so what is promised of these is the dot
    // product of what is stored.
    waggle_metric metric = normalized ? WAGGLE_DOT : c->metric;
    double score = wg_oracle_score(metric, c->type, query, stored, c->dim);
    expectation e = {score, 1e-4 * fabs(score) + 1e-37};

    if (metric == WAGGLE_DOT) { // terms of both signs cancel
        double q_norm = sqrt(wg_oracle_score(WAGGLE_DOT, c->type, query, query, c->dim));
        double x_norm = sqrt(wg_oracle_score(WAGGLE_DOT, c->type, stored, stored, c->dim));
        e.tolerance += 1e-5 * q_norm * x_norm;
    } else if (metric == WAGGLE_COSINE) {
        e.tolerance += 1e-6;
    }
    if (fabs(e.score) > (double)FLT_MAX) {
        e.score = e.score > 0 ? (double)INFINITY : -(double)INFINITY;
        e.tolerance = 0.0;
    }
    return e;
}

static bool is_close(double score, expectation e)
{
    return score == e.score || fabs(score - e.score) <= e.tolerance;
}

// Rows that are not among the hits: none may be better than the last hit by more than rounding.
static void check_left_out(const corpus *c, uint32_t q, const bool *found, double last)
{
    bool lowest = wg_metric_lowest(c->metric);

    for (uint32_t v = 0; v < c->view_count; v++) {
        for (uint32_t r = 0; r < c->views[v].count; r++) {
            if (!is_candidate(&c->views[v], r) || found[c->view_begin[v] + r]) continue;
            expectation e = expect(c, q, c->view_begin[v] + r);
            WG_CHECK(lowest ? e.score + e.tolerance >= last : e.score - e.tolerance <= last);
        }
    }
}

static void check_hits(const corpus *c, uint32_t q, const wg_hit *hits, uint32_t count, uint32_t k)
{
    static bool found[10000];
    bool lowest = wg_metric_lowest(c->metric);
    uint64_t candidates = 0;

    memset(found, 0, sizeof(found));
    for (uint32_t v = 0; v < c->view_count; v++) {
        for (uint32_t r = 0; r < c->views[v].count; r++) {
            candidates += is_candidate(&c->views[v], r);
        }
    }
    WG_CHECK_U64(count, WG_MIN((uint64_t)k, candidates));
    for (uint32_t i = 0; i < count; i++) {
        const wg_hit *hit = &hits[i];
        WG_CHECK(hit->view < c->view_count && hit->slot < c->views[hit->view].count);
        WG_CHECK(is_candidate(&c->views[hit->view], hit->slot));
        uint32_t row = c->view_begin[hit->view] + (uint32_t)hit->slot;
        WG_CHECK(!found[row]);
        found[row] = true;

        expectation e = expect(c, q, row);
        if (!is_close((double)hit->score, e)) {
            fail_msg("%s over %s, dim %u, query %u, row %u: %.9g, expected %.9g",
                     wg_metric_name(c->metric), wg_type_name(c->type), c->dim, q, row,
                     (double)hit->score, e.score);
        }
        if (i == 0) continue;
        const wg_hit *before = &hits[i - 1];
        bool better = lowest ? before->score < hit->score : before->score > hit->score;
        bool earlier =
            before->view < hit->view || (before->view == hit->view && before->slot < hit->slot);
        WG_CHECK(better || (before->score == hit->score && earlier));
    }
    if (count > 0 && count < candidates) check_left_out(c, q, found, (double)hits[count - 1].score);
}

static void check_same(const wg_index_answer *a, const wg_index_answer *b, uint32_t b_first,
                       uint32_t k)
{
    WG_CHECK_U64(a->counts[0], b->counts[b_first]);
    if (memcmp(a->hits, b->hits + (size_t)b_first * k, a->counts[0] * sizeof(wg_hit)) != 0) {
        fail_msg("hits of query %u differ in their bits", b_first);
    }
}

// The answers of the scalar level, one thread, one query at a time are compared with the reference, and
// all others with them, bit for bit.
static void corpus_check(const corpus *c, test_random *random, uint32_t k)
{
    wg_index_answer single[QUERIES_MAX];

    for (uint32_t q = 0; q < c->query_count; q++) {
        single[q] = search(device_of(WG_SIMD_SCALAR, 1), c, q, 1, k);
    }
    // The reference is slow: two queries of a case are enough.
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t q = (uint32_t)test_below(random, c->query_count);
        check_hits(c, q, single[q].hits, single[q].counts[0], k);
    }
    for (uint32_t level = 0; level < WG_SIMD_COUNT; level++) {
        uint32_t threads = 1 + (uint32_t)test_below(random, THREADS_MAX);
        wg_device *device = device_of((wg_simd)level, threads);
        if (device == NULL) continue;
        uint32_t first = (uint32_t)test_below(random, c->query_count);
        uint32_t count = 1 + (uint32_t)test_below(random, c->query_count - first);
        wg_index_answer batch = search(device, c, first, count, k);
        for (uint32_t q = 0; q < count; q++) {
            check_same(&single[first + q], &batch, q, k);
        }
    }
}

// ---- The grid ----------------------------------------------------------------------------------

static uint32_t combinations(combination *list)
{
    uint32_t count = 0;

    for (int metric = WAGGLE_L2; metric <= WAGGLE_HAMMING; metric++) {
        for (int type = WAGGLE_F32; type <= WAGGLE_B1; type++) {
            if (!wg_metric_supports((waggle_metric)metric, (waggle_type)type)) continue;
            list[count++] = (combination){(waggle_metric)metric, (waggle_type)type};
        }
    }
    return count;
}

static void run_case(uint64_t number, const combination *list, uint32_t list_count)
{
    test_random random = {.state = number * 0x9e3779b97f4a7c15u};
    combination combined = list[number % list_count];
    number /= list_count;
    uint32_t dim = dims[number % WG_COUNT(dims)];
    number /= WG_COUNT(dims);
    uint32_t count = counts[number % WG_COUNT(counts)];
    number /= WG_COUNT(counts);
    uint32_t k = ks[number % WG_COUNT(ks)];
    number /= WG_COUNT(ks);

    corpus_open(&shared, &random, combined, dim, count, (data_kind)number);
    corpus_check(&shared, &random, k);
    corpus_close(&shared);
}

WG_TEST(every_level_agrees_with_the_reference_and_bit_for_bit_with_every_other)
{
    combination list[64];
    uint32_t list_count = combinations(list);
    uint64_t total =
        list_count * WG_COUNT(dims) * WG_COUNT(counts) * WG_COUNT(ks) * (uint64_t)DATA_KINDS;
    uint64_t rounds = test_rounds(110, total);
    test_random random = {.state = test_seed(7)};

    WG_CHECK_U64(list_count, 26);
    for (uint64_t i = 0; i < rounds; i++) {
        run_case(rounds == total ? i : test_below(&random, total), list, list_count);
    }
}

// Large enough that three threads get work, for each kernel.
WG_TEST(threads_share_a_scan_and_change_nothing)
{
    combination list[64];
    uint32_t list_count = combinations(list);
    test_random random = {.state = test_seed(8)};

    for (uint32_t i = 0; i < list_count; i++) {
        uint32_t rounds = (uint32_t)test_rounds(1, 10);
        for (uint32_t round = 0; round < rounds; round++) {
            uint32_t dim = list[i].type == WAGGLE_B1 ? 1000 : 100;
            corpus_open(&shared, &random, list[i], dim, 6000, DATA_TIES);
            uint32_t k = round % 2 == 0 ? 10 : 100;
            wg_index_answer expected = search(device_of(wg_simd_best(), 1), &shared, 0, QUERIES, k);
            for (uint32_t threads = 2; threads <= THREADS_MAX; threads++) {
                wg_index_answer answer =
                    search(device_of(wg_simd_best(), threads), &shared, 0, QUERIES, k);
                WG_CHECK(memcmp(expected.counts, answer.counts, QUERIES * sizeof(uint32_t)) == 0);
                WG_CHECK(memcmp(expected.hits, answer.hits, QUERIES * k * sizeof(wg_hit)) == 0);
            }
            corpus_close(&shared);
        }
    }
}

// ---- The ends of the range ---------------------------------------------------------------------

WG_TEST(overflowing_scores_are_infinite_or_worst_but_never_missing)
{
    enum {
        DIM = 40,
        COUNT = 20
    };

    static const waggle_metric metrics[] = {WAGGLE_L2, WAGGLE_DOT, WAGGLE_L1, WAGGLE_LINF};
    test_random random = {.state = 5};

    for (size_t m = 0; m < WG_COUNT(metrics); m++) {
        combination combined = {metrics[m], WAGGLE_F32};
        corpus_open(&shared, &random, combined, DIM, COUNT, DATA_RANDOM);
        for (uint32_t i = 0; i < COUNT * shared.stride / 4; i++) {
            float *component = (float *)(void *)shared.rows + i;
            *component = *component > 0 ? 3e38f : *component < 0 ? -3e38f : 0.0f;
        }
        memcpy(shared.queries, shared.rows, QUERIES * shared.stride);
        shared.view_count = 1;
        shared.views[0] =
            (wg_rows_view){.rows = shared.rows, .count = COUNT, .stride = shared.stride};
        wg_index_answer expected = search(device_of(WG_SIMD_SCALAR, 1), &shared, 0, QUERIES, COUNT);
        for (uint32_t i = 0; i < QUERIES * COUNT; i++) {
            WG_CHECK(!isnan(expected.hits[i].score));
        }
        for (uint32_t q = 0; q < QUERIES; q++) {
            WG_CHECK_U64(expected.counts[q], COUNT);
        }
        for (uint32_t level = 0; level < WG_SIMD_COUNT; level++) {
            if (device_of((wg_simd)level, 1) == NULL) continue;
            wg_index_answer answer =
                search(device_of((wg_simd)level, 1), &shared, 0, QUERIES, COUNT);
            WG_CHECK(memcmp(expected.hits, answer.hits, QUERIES * COUNT * sizeof(wg_hit)) == 0);
        }
        corpus_close(&shared);
    }
}

// The largest sums of the integer types: every level must add them without a carry lost.
WG_TEST(integer_sums_are_exact_at_the_largest_dimension)
{
    static const struct {
        waggle_type type;
        waggle_metric metric;
        int query, row;
        double score;
    } cases[] = {
        {WAGGLE_U8, WAGGLE_L2,      255,  0,    65536.0 * 255 * 255 },
        {WAGGLE_U8, WAGGLE_DOT,     255,  255,  65536.0 * 255 * 255 },
        {WAGGLE_U8, WAGGLE_L1,      0,    255,  65536.0 * 255       },
        {WAGGLE_U8, WAGGLE_LINF,    0,    255,  255                 },
        {WAGGLE_U8, WAGGLE_COSINE,  255,  255,  1                   },
        {WAGGLE_I8, WAGGLE_L2,      127,  -128, 65536.0 * 255 * 255 },
        {WAGGLE_I8, WAGGLE_DOT,     -128, -128, 65536.0 * 128 * 128 },
        {WAGGLE_I8, WAGGLE_DOT,     127,  -128, -65536.0 * 127 * 128},
        {WAGGLE_I8, WAGGLE_L1,      -128, 127,  65536.0 * 255       },
        {WAGGLE_I8, WAGGLE_LINF,    -128, 127,  255                 },
        {WAGGLE_I8, WAGGLE_COSINE,  -128, 127,  -1                  },
        {WAGGLE_B1, WAGGLE_HAMMING, 255,  0,    65536               },
    };

    static _Alignas(64) uint8_t query[65536], row[65536];
    wg_arena scratch;

    wg_arena_init(&scratch, NULL, WG_MEMORY_SCRATCH, 4096);
    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        size_t stride = wg_row_stride(cases[i].type, 65536);
        memset(query, cases[i].query, sizeof(query));
        memset(row, cases[i].row, sizeof(row));
        float query_norm = wg_row_norm(cases[i].type, query, 65536);
        float row_norm = wg_row_norm(cases[i].type, row, 65536);
        bool cosine = cases[i].metric == WAGGLE_COSINE;
        wg_rows_view view = {
            .rows = row, .norms = cosine ? &row_norm : NULL, .count = 1, .stride = stride};
        wg_index_query search_query = {
            .metric = cases[i].metric,
            .type = cases[i].type,
            .dim = 65536,
            .k = 1,
            .views = &view,
            .view_count = 1,
            .queries = query,
            .query_stride = stride,
            .query_norms = cosine ? &query_norm : NULL,
            .query_count = 1,
            .scratch = &scratch,
        };
        for (uint32_t level = 0; level < WG_SIMD_COUNT; level++) {
            wg_index_answer answer = {0};
            waggle_error error;
            if (device_of((wg_simd)level, 1) == NULL) continue;
            WG_OK(
                wg_index_flat_search(device_of((wg_simd)level, 1), &search_query, &answer, &error));
            WG_CHECK(answer.hits[0].score == (float)cases[i].score);
        }
    }
    wg_arena_finish(&scratch);
}

// ---- Several callers ---------------------------------------------------------------------------

typedef struct caller {
    wg_device *device;
    const wg_index_answer *expected;
    uint64_t rounds;
    bool same;
} caller;

static void caller_run(void *context)
{
    caller *self = context;
    waggle_error error;
    wg_arena scratch;

    wg_arena_init(&scratch, NULL, WG_MEMORY_SCRATCH, 4096);

    self->same = true;
    for (uint64_t i = 0; i < self->rounds; i++) {
        wg_index_query query = query_of(&shared, 0, QUERIES, 10, &scratch);
        wg_index_answer answer = {0};
        if (wg_index_flat_search(self->device, &query, &answer, &error) != WAGGLE_OK ||
            memcmp(answer.hits, self->expected->hits, QUERIES * 10 * sizeof(wg_hit)) != 0) {
            self->same = false;
        }
        wg_arena_reset(&scratch);
    }
    wg_arena_finish(&scratch);
}

WG_TEST(several_callers_share_a_device)
{
    enum {
        CALLERS = 4
    };

    test_random random = {.state = test_seed(9)};
    combination combined = {WAGGLE_L2, WAGGLE_F32};
    wg_thread threads[CALLERS] = {0};
    caller callers[CALLERS];
    waggle_error error;

    corpus_open(&shared, &random, combined, 128, 8000, DATA_RANDOM);
    wg_index_answer expected = search(device_of(wg_simd_best(), 1), &shared, 0, QUERIES, 10);
    for (uint32_t i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.device = device_of(wg_simd_best(), 3),
                              .expected = &expected,
                              .rounds = test_rounds(5, 200)};
        WG_OK(wg_thread_start(&threads[i], "caller", caller_run, &callers[i], &error));
    }
    for (uint32_t i = 0; i < CALLERS; i++) {
        wg_thread_join(&threads[i]);
        WG_CHECK(callers[i].same);
    }
    corpus_close(&shared);
}
