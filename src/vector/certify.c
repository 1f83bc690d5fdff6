#include "vector/certify.h"

#include "vector/bounds.h"

#include <string.h>

#define SCAN_SLACK 0x1p-20          // 16 u: roundings of the product, and of the scan's test
#define SCAN_UNDERFLOW 0x1p-120     // what operations lose below the range of float32
#define NORM_SQUARE_SLACK 0x1p-18   // norm^2 exceeds |s z|^2 by at most 25 u
#define ROTATION_UNDERFLOW 0x1p-132 // what rotations lose below the range of float32 (Lemma 2)
#define LEAST 0x1p-100f             // times an infinite residual still is infinite
#define TINY 0x1p-60f // queries whose largest component is below are quantized to nothing

// ---- Queries -----------------------------------------------------------------------------------

static double norm_over(const float *row, uint32_t dim)
{
    double square = 0.0;

    for (uint32_t i = 0; i < dim; i++) {
        square += (double)row[i] * (double)row[i];
    }
    return sqrt(square) * (1.0 + WG_F64_SLACK);
}

// Fills the planes, sums and weights from y = fl(q'). Returns >= |y - t w|.
static double quantize(wg_code_query *query, const float *y, uint32_t dim, int8_t *first,
                       int8_t *second)
{
    double step = (double)query->step, rest_square = 0.0, first_square = 0.0, second_square = 0.0;

    for (uint32_t i = 0; i < dim; i++) {
        double exact = step == 0.0 ? 0.0 : (double)y[i] / step;
        double w1 = WG_MIN(WG_MAX(nearbyint(exact), -127.0), 127.0);
        double w2 = second == NULL ? 0.0 : nearbyint((exact - w1) * 254.0);
        w2 = WG_MIN(WG_MAX(w2, -127.0), 127.0);
        double w = w1 + w2 / 254.0, rest = (double)y[i] - step * w;
        first[i] = (int8_t)w1;
        if (second != NULL) second[i] = (int8_t)w2;
        query->sum[0] += (int32_t)w1;
        query->sum[1] += (int32_t)w2;
        rest_square += rest * rest;
        first_square += w1 * w1;
        second_square += w2 * w2;
        query->weight_square += w * w;
    }
    query->weight_norm = (sqrt(first_square) + sqrt(second_square) / 254.0) * (1.0 + WG_F64_SLACK);
    // The last term: each rest is off by a few roundings in double of y.
    return sqrt(rest_square) * (1.0 + WG_F64_SLACK) + norm_over(y, dim) * 0x1p-48;
}

void wg_code_query_init(wg_code_query *query, const wg_frame *frame, const float *source,
                        uint32_t planes, int8_t *planes_memory, float *scratch)
{
    WG_ASSERT(planes == 1 || planes == 2);

    uint32_t dim = frame->dim;
    size_t stride = wg_code_query_stride(dim);
    int8_t *second = planes == 2 ? planes_memory + stride : NULL;
    float *y = scratch, peak = 0.0f;

    memset(planes_memory, 0, planes * stride);
    *query = (wg_code_query){
        .frame = frame, .planes = planes, .plane = {planes_memory, second}
    };
    query->norm = norm_over(source, dim);
    wg_frame_apply(frame, source, y);
    for (uint32_t i = 0; i < dim; i++) {
        if (!(fabsf(y[i]) <= WG_CODE_NORM_MAX)) query->open = true;
        peak = fabsf(y[i]) > peak ? fabsf(y[i]) : peak;
        query->center_product += (double)source[i] * (double)frame->center[i];
    }
    double norm = query->open ? INFINITY : norm_over(y, dim);
    double limit = (double)WG_CODE_NORM_MAX;
    query->open = !(norm <= limit && query->norm <= limit && (double)frame->center_norm <= limit);
    if (query->open) return;

    double drift = wg_frame_drift(frame) * norm + ROTATION_UNDERFLOW;
    query->center_slack = query->norm * (double)frame->center_norm * WG_F64_SLACK;
    query->frame_norm = norm + drift;
    query->frame_norm_least = WG_MAX(0.0, norm * (1.0 - 2.0 * WG_F64_SLACK) - drift);
    query->step = peak >= TINY ? peak / 127.0f : 0.0f;
    query->residual = quantize(query, y, dim, planes_memory, second) + drift;
}

float wg_code_query_product(const wg_code_query *query, wg_code_kind kind, const uint8_t *code)
{
    int32_t sums[2] = {0};

    for (uint32_t p = 0; p < query->planes; p++) {
        sums[p] = wg_code_product(kind, query->plane[p], code, query->frame->dim);
    }
    return wg_code_product_join(query->planes, sums[0], sums[1]);
}

// ---- Intervals ---------------------------------------------------------------------------------

// A distance certainly between two others, squared.
static wg_interval square_interval(double least, double most)
{
    least = WG_MAX(least, 0.0);
    return (wg_interval){.lower = least * least * (1.0 - WG_F64_SLACK),
                         .upper = most * most * (1.0 + WG_F64_SLACK) + SCAN_UNDERFLOW};
}

// Theorem 1: | |q' - x'| - |t w - s z| | <= e + r.
static wg_interval distance_bounds(const wg_code_query *query, const wg_code_figures *row,
                                   float product)
{
    double step = (double)query->step, norm = (double)row->norm;
    double query_square = step * step * query->weight_square, row_square = norm * norm;
    double cross = 2.0 * step * (double)row->scale * (double)product;
    double slack = SCAN_SLACK * 2.0 * step * query->weight_norm * norm +
                   WG_F64_SLACK * (query_square + row_square + fabs(cross));
    double least = query_square + row_square * (1.0 - NORM_SQUARE_SLACK) - cross - slack;
    double most = query_square + row_square - cross + slack;
    double error = query->residual + (double)row->residual;

    return square_interval(sqrt(WG_MAX(least, 0.0)) * (1.0 - WG_F64_SLACK) - error,
                           sqrt(WG_MAX(most, 0.0)) * (1.0 + WG_F64_SLACK) + error);
}

// Theorem 2: |q' x' - t s w z| <= e |s z| + |q'| r.
static wg_interval frame_product_bounds(const wg_code_query *query, const wg_code_figures *row,
                                        float product)
{
    double step = (double)query->step, norm = (double)row->norm;
    double middle = step * (double)row->scale * (double)product;
    double error = (query->residual + SCAN_SLACK * step * query->weight_norm) * norm +
                   query->frame_norm * (double)row->residual;

    error = error * (1.0 + WG_F64_SLACK) + fabs(middle) * WG_F64_SLACK;
    return (wg_interval){.lower = middle - error, .upper = middle + error};
}

// 1-bit codes: the distance by the law of cosines, since their product is unbiased, and their residual no distance.
static wg_interval probable_distance_bounds(const wg_code_query *query, const wg_code_figures *row,
                                            float product)
{
    wg_interval cross = frame_product_bounds(query, row, product);
    double base = (double)row->base, gain = (double)query->frame->gains[WG_CODE_B1].square;
    double base_most = base / (2.0 * gain - 1.0) + SCAN_UNDERFLOW; // 1 - a <= |x'|^2 share <= 1 + a
    double slack = WG_F64_SLACK * (base + query->frame_norm * query->frame_norm);
    double least = query->frame_norm_least * query->frame_norm_least + base - 2.0 * cross.upper;
    double most = query->frame_norm * query->frame_norm + base_most - 2.0 * cross.lower;

    return (wg_interval){.lower = WG_MAX(least - slack - SCAN_UNDERFLOW, 0.0),
                         .upper = WG_MAX(most + slack, 0.0)};
}

// Theorem 3: q x = q c + q' x' + c (x - c); -base is the last, rounded up.
static wg_interval dot_bounds(const wg_code_query *query, const wg_code_figures *row, float product)
{
    wg_interval cross = frame_product_bounds(query, row, product);
    double reach = (double)row->norm + (double)row->residual; // >= |x - c|
    double base = (double)row->base;
    double base_slack =
        4.0 * ((double)query->frame->center_norm * 0x1p-18 + (double)query->frame->center_slack) *
        reach;
    double slack = query->center_slack + SCAN_UNDERFLOW +
                   WG_F64_SLACK * (fabs(base) + fabs(query->center_product) + fabs(cross.lower) +
                                   fabs(cross.upper));

    return (wg_interval){.lower = query->center_product + cross.lower - base - base_slack - slack,
                         .upper = query->center_product + cross.upper - base + slack};
}

static bool is_open(const wg_code_query *query, const wg_code_figures *row)
{
    return query->open || !(row->residual <= WG_CODE_NORM_MAX);
}

wg_interval wg_code_bounds(const wg_code_query *query, wg_code_kind kind,
                           const wg_code_figures *row, float product)
{
    bool l2 = query->frame->metric == WAGGLE_L2;

    if (is_open(query, row)) return (wg_interval){l2 ? 0.0 : -INFINITY, INFINITY};
    if (!l2) return dot_bounds(query, row, product);
    if (kind == WG_CODE_B1) return probable_distance_bounds(query, row, product);
    return distance_bounds(query, row, product);
}

wg_interval wg_code_score_bounds(const wg_code_query *query, wg_code_kind kind,
                                 const wg_code_figures *row, float product)
{
    wg_interval value = wg_code_bounds(query, kind, row, product);
    double gamma = wg_f32_gamma(wg_score_roundings(query->frame->dim)) * (1.0 + WG_F64_SLACK);

    if (is_open(query, row)) return value;
    if (query->frame->metric == WAGGLE_L2) {
        value.lower = WG_MAX(value.lower * (1.0 - gamma) - WG_SCORE_UNDERFLOW, 0.0);
        value.upper = value.upper * (1.0 + gamma) + WG_SCORE_UNDERFLOW;
        return value;
    }
    double row_norm = (double)query->frame->center_norm + (double)row->norm + (double)row->residual;
    double error = gamma * query->norm * row_norm + WG_SCORE_UNDERFLOW;
    value.lower -= error + fabs(value.lower) * WG_F64_SLACK;
    value.upper += error + fabs(value.upper) * WG_F64_SLACK;
    return value;
}

// ---- The scan's test ---------------------------------------------------------------------------

static wg_code_threshold threshold_open(void)
{
    return (wg_code_threshold){.residual = -LEAST, .limit = INFINITY};
}

// Coefficients and a limit in double, to float32 on the safe side.
static wg_code_threshold threshold_round(float product, double residual, double norm, double limit,
                                         double magnitude)
{
    limit += magnitude * WG_F64_SLACK + SCAN_UNDERFLOW;
    return (wg_code_threshold){.product = product,
                               .residual =
                                   wg_f32_down(-residual * (1.0 + SCAN_SLACK) - (double)LEAST),
                               .norm = wg_f32_down(-norm * (1.0 + SCAN_SLACK)),
                               .limit = wg_f32_up(limit)};
}

// Theorem 4 (l2). A score above bound means d^2 > tau^2.
static wg_code_threshold threshold_l2(const wg_code_query *query, wg_code_kind kind, double bound)
{
    double gamma = wg_f32_gamma(wg_score_roundings(query->frame->dim));
    double tau_square = (bound + WG_SCORE_UNDERFLOW) / (1.0 - gamma) * (1.0 + WG_F64_SLACK);
    double step = (double)query->step;
    double scan = 2.0 * step * query->weight_norm * SCAN_SLACK;
    float product = -2.0f * query->step;

    if (kind == WG_CODE_B1) {
        double square = query->frame_norm_least * query->frame_norm_least;
        return threshold_round(product, 2.0 * query->frame_norm, 2.0 * query->residual + scan,
                               tau_square - square, tau_square + square);
    }
    double reach = sqrt(tau_square) * (1.0 + WG_F64_SLACK) + query->residual;
    double square = step * step * query->weight_square;
    return threshold_round(product, 2.0 * reach, scan, reach * reach - square,
                           reach * reach + square);
}

// Theorem 5 (dot, cosine).
static wg_code_threshold threshold_dot(const wg_code_query *query, double bound)
{
    double rounding = wg_f32_gamma(wg_score_roundings(query->frame->dim)) * query->norm;
    double scan = (double)query->step * query->weight_norm * SCAN_SLACK;
    double rest = rounding * (double)query->frame->center_norm + WG_SCORE_UNDERFLOW;
    double limit = query->center_product + query->center_slack + rest - bound;

    return threshold_round(-query->step, query->frame_norm + rounding,
                           query->residual + rounding + scan, limit,
                           fabs(query->center_product) + fabs(bound) + rest);
}

wg_code_threshold wg_code_threshold_of(const wg_code_query *query, wg_code_kind kind, float bound)
{
    if (query->open || !isfinite(bound)) return threshold_open();
    if (query->frame->metric == WAGGLE_L2) return threshold_l2(query, kind, (double)bound);
    return threshold_dot(query, (double)bound);
}
