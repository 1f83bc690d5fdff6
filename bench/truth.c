#include "truth.h"

#include "base/system.h"
#include "base/thread.h"

#include <math.h>
#include <stdlib.h>

#define LANES 8u
#define VECTORS 4u
#define TILE (LANES * VECTORS) // queries that are scored together, one in each lane
#define THREADS_MAX 64u

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define EVERY_LEVEL __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define EVERY_LEVEL
#endif

// ---- Scores ----------------------------------------------------------------------------------------

static double value_at(waggle_type type, const void *data, uint64_t index)
{
    if (type == WAGGLE_U8) return ((const uint8_t *)data)[index];
    if (type == WAGGLE_I8) return ((const int8_t *)data)[index];
    return (double)((const float *)data)[index];
}

static void row_get(const bench_view *view, const void *data, uint64_t row, double *values)
{
    for (uint32_t j = 0; j < view->dim; j++)
        values[j] = value_at(view->type, data, row * view->dim + j);
}

static double length(const double *values, uint32_t dim)
{
    double sum = 0;
    for (uint32_t j = 0; j < dim; j++)
        sum += values[j] * values[j];
    return sqrt(sum);
}

// One row with a tile of queries: queries holds TILE values per component.
EVERY_LEVEL static void scores_l2(const double *row, const lanes *queries, uint32_t dim,
                                  lanes *scores)
{
    lanes sums[VECTORS] = {{0}};
    for (uint32_t j = 0; j < dim; j++) {
        for (uint32_t v = 0; v < VECTORS; v++) {
            lanes difference = queries[j * VECTORS + v] - row[j];
            sums[v] += difference * difference;
        }
    }
    for (uint32_t v = 0; v < VECTORS; v++)
        scores[v] = sums[v];
}

EVERY_LEVEL static void scores_dot(const double *row, const lanes *queries, uint32_t dim,
                                   lanes *scores)
{
    lanes sums[VECTORS] = {{0}};
    for (uint32_t j = 0; j < dim; j++)
        for (uint32_t v = 0; v < VECTORS; v++)
            sums[v] -= queries[j * VECTORS + v] * row[j];
    for (uint32_t v = 0; v < VECTORS; v++)
        scores[v] = sums[v];
}

// The score of one pair, by the same operations in the same order, so that equal rows have equal scores.
static double score_of(const bench_view *view, uint64_t query, uint64_t row)
{
    double sum = 0, row_squares = 0, query_squares = 0;
    for (uint32_t j = 0; j < view->dim; j++) {
        double x = value_at(view->type, view->rows, row * view->dim + j);
        double q = value_at(view->type, view->queries, query * view->dim + j);
        sum += view->metric == WAGGLE_COSINE ? -(q * x) : (q - x) * (q - x);
        row_squares += x * x;
        query_squares += q * q;
    }
    if (view->metric != WAGGLE_COSINE) return sum;
    double lengths = sqrt(row_squares) * sqrt(query_squares);
    return lengths > 0 ? sum / lengths : 0;
}

// ---- The k-th best ---------------------------------------------------------------------------------

// The k smallest of a stream, sorted; few of many change it.
static void keep(double *best, uint32_t k, double score)
{
    uint32_t at = k - 1;
    if (!(score < best[at])) return;
    for (; at > 0 && score < best[at - 1]; at--)
        best[at] = best[at - 1];
    best[at] = score;
}

typedef struct job {
    bench_truth *truth;
    _Atomic uint64_t next; // tile
} job;

static void tile_run(const bench_truth *truth, uint64_t first, lanes *queries, double *row,
                     double (*best)[BENCH_K_MAX])
{
    const bench_view *view = truth->view;
    double *packed = (double *)(void *)queries;
    double lengths[TILE];
    bool cosine = view->metric == WAGGLE_COSINE;
    for (uint32_t t = 0; t < TILE; t++) {
        uint64_t query = first + t < view->query_count ? first + t : first;
        row_get(view, view->queries, query, row);
        lengths[t] = length(row, view->dim);
        for (uint32_t j = 0; j < view->dim; j++)
            packed[(size_t)j * TILE + t] = row[j];
        for (uint32_t i = 0; i < truth->k; i++)
            best[t][i] = HUGE_VAL;
    }
    for (uint64_t i = 0; i < view->count; i++) {
        lanes scores[VECTORS];
        row_get(view, view->rows, i, row);
        double row_length = cosine ? length(row, view->dim) : 0;
        if (cosine)
            scores_dot(row, queries, view->dim, scores);
        else
            scores_l2(row, queries, view->dim, scores);
        for (uint32_t t = 0; t < TILE; t++) {
            double score = scores[t / LANES][t % LANES];
            double both = row_length * lengths[t];
            if (cosine) score = both > 0 ? score / both : 0;
            keep(best[t], truth->k, score);
        }
    }
    for (uint32_t t = 0; t < TILE && first + t < view->query_count; t++)
        truth->worst[first + t] = best[t][truth->k - 1];
}

static void tiles_run(void *context)
{
    job *work = context;
    const bench_view *view = work->truth->view;
    lanes *queries = aligned_alloc(sizeof(lanes), sizeof(lanes) * VECTORS * view->dim);
    double *row = malloc(view->dim * sizeof *row);
    double(*best)[BENCH_K_MAX] = malloc(TILE * sizeof *best);
    if (queries == NULL || row == NULL || best == NULL) bench_fail("memory for the truth");
    for (;;) { // relaxed: a tile is written by one thread and read after it was joined
        uint64_t tile = atomic_fetch_add_explicit(&work->next, 1, memory_order_relaxed);
        if (tile * TILE >= view->query_count) break;
        tile_run(work->truth, tile * TILE, queries, row, best);
    }
    free(queries);
    free(row);
    free(best);
}

void bench_truth_make(const bench_view *view, uint32_t k, bench_truth *truth)
{
    wg_thread threads[THREADS_MAX] = {0};
    waggle_error error;
    job work = {.truth = truth};
    uint32_t count = WG_MIN(wg_cpu_count(), THREADS_MAX);
    WG_ASSERT(k > 0 && k <= BENCH_K_MAX);
    *truth = (bench_truth){view, k, malloc(view->query_count * sizeof(double))};
    if (truth->worst == NULL) bench_fail("memory for the truth");
    for (uint32_t i = 1; i < count; i++)
        bench_check(wg_thread_start(&threads[i], "truth", tiles_run, &work, &error), &error,
                    "a thread");
    tiles_run(&work);
    for (uint32_t i = 1; i < count; i++)
        wg_thread_join(&threads[i]);
}

void bench_truth_finish(bench_truth *truth)
{
    free(truth->worst);
    *truth = (bench_truth){0};
}

uint32_t bench_truth_right(const bench_truth *truth, uint64_t query, const uint64_t *ids,
                           uint32_t count)
{
    uint32_t right = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool again = false;
        for (uint32_t j = 0; j < i; j++)
            again |= ids[j] == ids[i];
        if (!again && ids[i] < truth->view->count &&
            score_of(truth->view, query, ids[i]) <= truth->worst[query])
            right++;
    }
    return right;
}
