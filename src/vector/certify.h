// What the code of a row proves about its score: an interval that holds it, and the test of a scan, by which a row certainly
// is not among the k best. With 1-bit codes both fail with a probability below 1e-9 per row: probable, not certified.
// Theorems and proofs: docs/decisions/certified-scan.md.
#pragma once

#include "vector/code.h"

#include <math.h>

// A query in a frame: q' = R (q - c) is about t w with w = w1, or w = w1 + w2 / 254.
typedef struct wg_code_query {
    const wg_frame *frame;
    uint32_t planes;         // 1 or 2
    const int8_t *plane[2];  // wg_code_query_stride() components each, zero beyond dim; borrowed
    int32_t sum[2];          // of the components: what unsigned codes subtract
    float step;              // t >= 0
    double weight_square;    // |w|^2
    double weight_norm;      // >= |w1| + |w2| / 254
    double residual;         // e >= |q' - t w|
    double frame_norm;       // >= |q'|
    double frame_norm_least; // <= |q'|
    double norm;             // >= |q|
    double center_product;   // q c, to within center_slack
    double center_slack;
    bool open; // beyond WG_CODE_NORM_MAX: excludes nothing
} wg_code_query;

// Quantizes a query of float32 components (normalized, for cosine). planes_memory holds planes * wg_code_query_stride()
// bytes and scratch dim floats; the first is borrowed.
void wg_code_query_init(wg_code_query *query, const wg_frame *frame, const float *source,
                        uint32_t planes, int8_t *planes_memory, float *scratch);

// The product of codes as the scan uses it: exact sums of each plane, as one float32.
static inline float wg_code_product_join(uint32_t planes, int32_t first, int32_t second)
{
    return planes == 1 ? (float)first : fmaf((float)second, 1.0f / 254.0f, (float)first);
}

// Both planes of the query with a code: the reference for kernels.
float wg_code_query_product(const wg_code_query *query, wg_code_kind kind, const uint8_t *code);

typedef struct wg_interval {
    double lower;
    double upper;
} wg_interval;

// Holds the true value of the metric: squared distance or dot product of the float32 vectors.
wg_interval wg_code_bounds(const wg_code_query *query, wg_code_kind kind,
                           const wg_code_figures *row, float product);
// Holds the score that leaves the library for the same row: that of bit-identical-scores.md.
wg_interval wg_code_score_bounds(const wg_code_query *query, wg_code_kind kind,
                                 const wg_code_figures *row, float product);

// The test of a scan, made for a query, a kind of code and the worst score kept.
typedef struct wg_code_threshold {
    float product;  // -2 t, or -t
    float residual; // < 0
    float norm;     // <= 0
    float limit;    // infinity: nothing is excluded
} wg_code_threshold;

// bound is the k-th best score known (as it leaves the library, or the worse end of a score interval, rounded for the worse); the worst infinity
// while there are fewer than k. A row that is excluded has a score that is strictly worse: a tie never is.
wg_code_threshold wg_code_threshold_of(const wg_code_query *query, wg_code_kind kind, float bound);

// One multiplication, three multiply-adds and a comparison in float32. Never true for an open row. Kernels compute just this.
static inline bool wg_code_excludes(const wg_code_threshold *threshold, const wg_code_figures *row,
                                    float product)
{
    float value = fmaf(threshold->norm, row->norm, row->base);

    value = fmaf(threshold->residual, row->residual, value);
    value = fmaf(threshold->product, row->scale * product, value);
    return value > threshold->limit;
}
