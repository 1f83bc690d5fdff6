// The codes of vector/code.h. --only encode: how fast rows are encoded on one core, as a share of the rate at which one core reads
// memory, by kind of code and SIMD level. --only left: of how many rows each kind cannot prove that they are not among the 10
// best, as a mean over queries of real images (docs/decisions/certified-scan.md).
//
//   bench_codes [--only encode | left] [--dir FOLDER] [--rows N] [--pairs N] [--quick]      FOLDER holds images.npy
#include "base/bandwidth.h"
#include "device/cpu/kernels.h"
#include "sets.h"
#include "vector/certify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERIES 32u
#define BEST 10u
#define GOAL 0.6 // of the read bandwidth
#define STRETCH 0.8
#define SEED 42u // of rotations

static const char *const kind_names[] = {
    [WG_CODE_I8] = "int8", [WG_CODE_I4] = "4-bit", [WG_CODE_B1] = "1-bit"};

static void *pages(size_t size)
{
    void *memory = wg_pages_alloc(NULL, WG_MEMORY_OTHER, size);
    if (memory == NULL) bench_fail("memory");
    return memory;
}

// Rows, and room for their codes of any kind.
typedef struct coded {
    uint64_t count;
    uint32_t dim;
    float *rows;
    float *center;
    uint8_t *codes;
    wg_code_figures *figures;
    float *scratch;
    wg_frame frame;
} coded;

static coded coded_make(const float *rows, uint64_t count, uint32_t dim)
{
    coded c = {.count = count, .dim = dim};
    double *sums = pages(dim * sizeof *sums);
    c.rows = pages(count * dim * sizeof(float));
    c.center = pages(dim * sizeof(float));
    c.codes = pages(count * wg_code_stride(WG_CODE_I8, dim));
    c.figures = pages(count * sizeof *c.figures);
    c.scratch = pages(wg_encode_scratch(dim) * sizeof(float));
    memcpy(c.rows, rows, count * dim * sizeof(float));
    for (uint64_t i = 0; i < count; i++)
        wg_center_add(sums, c.rows + i * dim, dim);
    wg_center_finish(sums, count, dim, c.center);
    wg_pages_free(NULL, WG_MEMORY_OTHER, sums, dim * sizeof *sums);
    return c;
}

static void coded_finish(coded *c)
{
    wg_pages_free(NULL, WG_MEMORY_OTHER, c->scratch, wg_encode_scratch(c->dim) * sizeof(float));
    wg_pages_free(NULL, WG_MEMORY_OTHER, c->figures, c->count * sizeof *c->figures);
    wg_pages_free(NULL, WG_MEMORY_OTHER, c->codes, c->count * wg_code_stride(WG_CODE_I8, c->dim));
    wg_pages_free(NULL, WG_MEMORY_OTHER, c->center, c->dim * sizeof(float));
    wg_pages_free(NULL, WG_MEMORY_OTHER, c->rows, c->count * c->dim * sizeof(float));
}

static void encode(coded *c, const wg_kernels *kernels, wg_code_kind kind)
{
    kernels->encode[kind](&c->frame, c->rows, c->dim * sizeof(float), WAGGLE_F32,
                          (uint32_t)c->count, c->codes, c->figures, c->scratch);
}

// ---- Speed -------------------------------------------------------------------------------------

// Bytes per second. By the clock of the thread, as the encoders: others who use the machine do not count.
static double read_rate(wg_bandwidth *probe)
{
    double begin = bench_cpu_seconds();
    uint64_t sum = wg_bandwidth_sum(probe->data, probe->size / sizeof(uint64_t));

    atomic_fetch_add_explicit(&probe->sink, sum, memory_order_relaxed);
    return (double)probe->size / (bench_cpu_seconds() - begin);
}

// The best level has a goal for each kind as it is mostly used: 1-bit codes are of rotated rows.
static void encode_figure(coded *c, const wg_kernels *kernels, wg_code_kind kind, bool rotated,
                          wg_bandwidth *probe, const bench_options *options, bench_report *report)
{
    double shares[BENCH_PAIRS_MAX];
    char figure[96];
    bool best = kernels == wg_kernels_get(wg_simd_best(), NULL);

    wg_frame_init(&c->frame, WAGGLE_L2, c->center, c->dim, rotated, SEED);
    for (uint32_t pair = 0; pair < options->pairs; pair++) {
        double bytes = (double)c->count * c->dim * sizeof(float);
        double begin = bench_cpu_seconds();
        encode(c, kernels, kind);
        double rate = bytes / (bench_cpu_seconds() - begin);
        shares[pair] = rate / read_rate(probe);
    }
    snprintf(figure, sizeof figure, "encoding f32 to %s%s, %u components, %s, of read bandwidth",
             kind_names[kind], rotated && kind != WG_CODE_B1 ? " rotated" : "", c->dim,
             kernels->name);
    double share = bench_median(shares, options->pairs);
    bench_note("%s: %.2f", figure, share);
    bench_beside(report, NAN, STRETCH);
    if (best && rotated == (kind == WG_CODE_B1))
        bench_figure(report, figure, "", share, GOAL, true, shares, options->pairs);
    else
        bench_value(report, figure, share);
    bench_beside(report, NAN, NAN);
}

static void encode_shape(uint64_t count, uint32_t dim, const bench_options *options,
                         bench_report *report)
{
    float *rows = bench_vectors(count, dim, options->seed);
    coded c = coded_make(rows, count, dim);
    wg_bandwidth probe = {0};
    waggle_error error;

    free(rows);
    bench_check(wg_bandwidth_open(&probe, count * dim * sizeof(float), 1, &error), &error,
                "memory for the probe");
    for (uint32_t level = WG_SIMD_SCALAR + 1; level < WG_SIMD_COUNT; level++) {
        const wg_kernels *kernels = wg_kernels_get((wg_simd)level, NULL);
        if (kernels == NULL) continue;
        for (wg_code_kind kind = WG_CODE_I8; kind <= WG_CODE_B1; kind++) {
            if (kind != WG_CODE_B1)
                encode_figure(&c, kernels, kind, false, &probe, options, report);
            encode_figure(&c, kernels, kind, true, &probe, options, report);
        }
    }
    wg_bandwidth_close(&probe);
    coded_finish(&c);
}

// ---- Rows left ---------------------------------------------------------------------------------

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

// The k-th best: lowest for l2, else highest.
static float kth(float *scores, uint64_t count, bool lowest)
{
    qsort(scores, count, sizeof *scores, by_value);
    return scores[lowest ? BEST - 1 : count - BEST];
}

static float true_bound(const coded *c, const float *query, float *scores)
{
    const wg_kernels *kernels = wg_kernels_get(wg_simd_best(), NULL);
    size_t stride = c->dim * sizeof(float);

    for (uint64_t i = 0; i < c->count; i += WG_TILE_ROWS) {
        float tile[WG_TILE_ROWS * WG_TILE_QUERIES];
        uint32_t rows = (uint32_t)WG_MIN(c->count - i, WG_TILE_ROWS);
        kernels->tile[c->frame.metric][WAGGLE_F32](c->rows + i * c->dim, stride, rows, query,
                                                   stride, 1, c->dim, tile);
        memcpy(scores + i, tile, rows * sizeof(float));
    }
    return kth(scores, c->count, wg_metric_lowest(c->frame.metric));
}

static uint64_t left_by(const coded *c, const wg_code_query *query, wg_code_kind kind,
                        const float *products, float bound)
{
    wg_code_threshold threshold = wg_code_threshold_of(query, kind, bound);
    uint64_t left = 0;

    for (uint64_t i = 0; i < c->count; i++)
        left += !wg_code_excludes(&threshold, &c->figures[i], products[i]);
    return left;
}

// With the true score as the bound, and with the best that the same codes know.
static void left_of_query(const coded *c, wg_code_kind kind, const float *source, uint32_t planes,
                          float bound, double *left)
{
    static int8_t memory[2 * WAGGLE_DIM_MAX];
    float *products = pages(c->count * sizeof(float)), *ends = pages(c->count * sizeof(float));
    bool lowest = wg_metric_lowest(c->frame.metric);
    wg_code_query query;

    wg_code_query_init(&query, &c->frame, source, planes, memory, c->scratch);
    for (uint64_t i = 0; i < c->count; i++) {
        const uint8_t *code = c->codes + i * wg_code_stride(kind, c->dim);
        products[i] = wg_code_query_product(&query, kind, code);
        wg_interval score = wg_code_score_bounds(&query, kind, &c->figures[i], products[i]);
        ends[i] = (float)(lowest ? score.upper : score.lower);
    }
    left[0] += (double)left_by(c, &query, kind, products, bound) / QUERIES;
    left[1] += (double)left_by(c, &query, kind, products, kth(ends, c->count, lowest)) / QUERIES;
    wg_pages_free(NULL, WG_MEMORY_OTHER, ends, c->count * sizeof(float));
    wg_pages_free(NULL, WG_MEMORY_OTHER, products, c->count * sizeof(float));
}

static void left_of_kind(coded *c, wg_code_kind kind, waggle_metric metric, const float *queries,
                         bench_report *report)
{
    float *scores = pages(c->count * sizeof(float));

    wg_frame_init(&c->frame, metric, c->center, c->dim, kind == WG_CODE_B1, SEED);
    encode(c, wg_kernels_get(wg_simd_best(), NULL), kind);
    for (uint32_t planes = 1; planes <= 2; planes++) {
        double left[2] = {0};
        char key[96];
        for (uint32_t q = 0; q < QUERIES; q++) {
            const float *query = queries + (size_t)q * c->dim;
            left_of_query(c, kind, query, planes, true_bound(c, query, scores), left);
        }
        for (uint32_t i = 0; i < 2; i++) {
            snprintf(key, sizeof key, "rows left: %s, %s, %u plane%s%s", wg_metric_name(metric),
                     kind_names[kind], planes, planes == 1 ? "" : "s",
                     i == 0 ? "" : ", no score known");
            bench_value(report, key, left[i]);
        }
    }
    wg_pages_free(NULL, WG_MEMORY_OTHER, scores, c->count * sizeof(float));
}

static void left_of_images(const bench_options *options, bench_report *report)
{
    const char *reason = NULL;
    bench_set set;

    if (!bench_set_make(0, options->dir, options->rows, options->seed, &set, &reason)) {
        bench_note("rows left: not measured: %s: %s", options->dir, reason);
        return;
    }
    bench_view *view = &set.views[BENCH_FLOATS];
    float *rows = view->rows, *queries = view->queries;
    for (waggle_metric metric = WAGGLE_L2; metric <= WAGGLE_COSINE; metric++) {
        for (uint64_t i = 0; metric == WAGGLE_COSINE && i < view->count; i++)
            wg_row_normalize(WAGGLE_F32, rows + i * view->dim, view->dim);
        for (uint32_t i = 0; metric == WAGGLE_COSINE && i < QUERIES; i++)
            wg_row_normalize(WAGGLE_F32, queries + (size_t)i * view->dim, view->dim);
        coded c = coded_make(rows, view->count, view->dim);
        for (wg_code_kind kind = WG_CODE_I8; kind <= WG_CODE_B1; kind++)
            left_of_kind(&c, kind, metric, queries, report);
        coded_finish(&c);
    }
    bench_set_finish(&set);
}

int main(int count, char **arguments)
{
    bench_options options;

    bench_options_read(count, arguments, 50000, &options);
    if (options.quick) options.rows = WG_MIN(options.rows, 1000);
    bench_report *report = bench_report_create("codes", &options);
    if (bench_wanted(&options, "encode")) {
        encode_shape(options.rows, 768, &options, report);
        encode_shape(20 * options.rows, 128, &options, report);
    }
    if (bench_wanted(&options, "left")) left_of_images(&options, report);
    return bench_report_finish(report);
}
