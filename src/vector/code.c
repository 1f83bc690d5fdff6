#include "vector/code.h"

#include "vector/bounds.h"
#include "vector/code_fit.h"
#include "vector/rotation.h"

#include <assert.h>
#include <string.h>

#define CENTER_MAX 0x1p40 // of a component of the center
#define FAILURE_ROOT 6.55 // sqrt(2 ln(2 / 1e-9)) = 6.545: a 1-bit bound fails with less
#define PRODUCT_MAX (255 * 127 * (int64_t)WAGGLE_DIM_MAX)

static_assert(PRODUCT_MAX <= INT32_MAX, "products with unsigned codes fit int32");

// Added to a float32 below 2^22, this leaves the nearest integer, ties to even, in the lowest bits: subtracted again, rint().
#define TO_INTEGER 0x1.8p23f

bool wg_code_supports(waggle_metric metric, waggle_type type)
{
    if (!wg_type_is_float(type)) return false;
    return metric == WAGGLE_L2 || metric == WAGGLE_COSINE || metric == WAGGLE_DOT;
}

// ---- Sums of sixteen lanes ---------------------------------------------------------------------

static float lanes_sum(float *lanes)
{
    for (uint32_t half = 8; half > 0; half /= 2) {
        for (uint32_t j = 0; j < half; j++) {
            lanes[j] += lanes[j + half];
        }
    }
    return lanes[0];
}

static float lanes_dot(const float *a, const float *b, uint32_t dim)
{
    float lanes[16] = {0};

    for (uint32_t i = 0; i < dim; i++) {
        lanes[i % 16] = fmaf(a[i], b[i], lanes[i % 16]);
    }
    return lanes_sum(lanes);
}

// ---- Frames ------------------------------------------------------------------------------------

void wg_center_add(double *sums, const float *row, uint32_t dim)
{
    for (uint32_t i = 0; i < dim; i++) {
        sums[i] += (double)row[i];
    }
}

void wg_center_finish(const double *sums, uint64_t count, uint32_t dim, float *center)
{
    for (uint32_t i = 0; i < dim; i++) {
        double mean = count == 0 ? 0.0 : sums[i] / (double)count;
        center[i] = fabs(mean) <= CENTER_MAX ? (float)mean : 0.0f;
    }
}

double wg_frame_drift(const wg_frame *frame)
{
    uint32_t roundings = 1 + (frame->rotated ? wg_rotation_roundings(frame->dim) : 0);
    return 2.0 * wg_f32_gamma(roundings); // g / (1 - g) <= 2 g: relative to the computed vector
}

// Section 3 of certified-scan.md derives each of these.
static void gains_init(wg_frame *frame)
{
    double sum =
        wg_f32_gamma((frame->dim + 15) / 16 + 16); // lanes, tree, and up to twelve single roundings
    double drift = wg_frame_drift(frame);
    double shrink = frame->dim > 1 ? FAILURE_ROOT / sqrt((double)frame->dim - 1.0) : 1.0;

    for (uint32_t kind = WG_CODE_I8; kind <= WG_CODE_I4; kind++) {
        frame->gains[kind] = (wg_code_gains){.norm = 1.0f + 8.0f * (float)WG_F32_UNIT,
                                             .residual = wg_f32_up(1.0 + sum),
                                             .drift = wg_f32_up(drift),
                                             .square = 0.0f};
    }
    frame->gains[WG_CODE_B1] = (wg_code_gains){
        .norm = wg_f32_up(1.0 + 4.0 * sum + 2.0 * drift),
        .residual = wg_f32_up(WG_MIN(shrink, 1.0) * (1.0 + sum)),
        .drift = wg_f32_up(4.0 * drift + 4.0 * sum),
        .square = wg_f32_down(1.0 - 4.0 * drift - 4.0 * sum - (double)WG_CODE_BASE_SLACK)};
}

void wg_frame_init(wg_frame *frame, waggle_metric metric, const float *center, uint32_t dim,
                   bool rotated, uint64_t seed)
{
    WG_ASSERT(wg_code_supports(metric, WAGGLE_F32));
    WG_ASSERT(dim > 0 && dim <= WAGGLE_DIM_MAX);

    double square = 0.0;
    for (uint32_t i = 0; i < dim; i++) {
        square += (double)center[i] * (double)center[i];
    }
    double norm = sqrt(square) * (1.0 + WG_F64_SLACK);
    *frame = (wg_frame){.metric = metric,
                        .dim = dim,
                        .center = center,
                        .rotated = rotated,
                        .seed = seed,
                        .center_norm = wg_f32_up(norm),
                        .center_slack = wg_f32_up(wg_f32_gamma((dim + 15) / 16 + 16) * norm)};
    gains_init(frame);
}

static void subtract_center(const wg_frame *frame, const float *source, float *target)
{
    for (uint32_t i = 0; i < frame->dim; i++) {
        target[i] = source[i] - frame->center[i];
    }
}

void wg_frame_apply(const wg_frame *frame, const float *source, float *target)
{
    subtract_center(frame, source, target);
    if (frame->rotated) wg_rotate(target, frame->dim, frame->seed);
}

static double residual_mean(const wg_frame *frame, wg_code_kind kind, const float *rows,
                            size_t row_floats, uint32_t count, uint8_t *code, float *scratch)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < count; i++) {
        wg_code_figures figures;
        wg_code_encode(frame, kind, rows + i * row_floats, code, &figures, scratch);
        if (isfinite(figures.residual)) sum += (double)figures.residual; // open rows stay open
    }
    return sum;
}

bool wg_frame_choose(wg_frame *frame, wg_code_kind kind, const float *rows, size_t row_floats,
                     uint32_t count, uint8_t *code, float *scratch)
{
    wg_frame plain, rotated;

    wg_frame_init(&plain, frame->metric, frame->center, frame->dim, false, frame->seed);
    wg_frame_init(&rotated, frame->metric, frame->center, frame->dim, true, frame->seed);
    double as_is = residual_mean(&plain, kind, rows, row_floats, count, code, scratch);
    double turned = residual_mean(&rotated, kind, rows, row_floats, count, code, scratch);
    *frame = turned < as_is ? rotated : plain;
    return frame->rotated;
}

// ---- Codes -------------------------------------------------------------------------------------

size_t wg_code_stride(wg_code_kind kind, uint32_t dim)
{
    switch (kind) {
    case WG_CODE_I8: return (size_t)wg_round_up(dim, 64);
    case WG_CODE_I4: return (size_t)wg_round_up(dim, 128) / 2;
    default: return (size_t)wg_round_up(dim, 512) / 8;
    }
}

size_t wg_code_query_stride(uint32_t dim)
{
    return (size_t)wg_round_up(dim, 128);
}

void wg_code_clear(wg_code_kind kind, uint8_t *code, uint32_t dim)
{
    static const uint8_t padding[] = {[WG_CODE_I8] = 128, [WG_CODE_I4] = 0x88, [WG_CODE_B1] = 0};
    memset(code, padding[kind], wg_code_stride(kind, dim));
}

static size_t nibble_byte(uint32_t i)
{
    return (size_t)(i / 128) * 64 + i % 64;
}

static void component_put(wg_code_kind kind, uint8_t *code, uint32_t i, int32_t z)
{
    if (kind == WG_CODE_I8) {
        code[i] = (uint8_t)(z + 128);
    } else if (kind == WG_CODE_I4) {
        uint32_t shift = i / 64 % 2 * 4, level = (uint32_t)(z + 15) / 2;
        uint8_t *byte = &code[nibble_byte(i)];
        *byte = (uint8_t)((*byte & ~(15u << shift)) | level << shift);
    } else if (z > 0) {
        code[i / 8] = (uint8_t)(code[i / 8] | 1u << i % 8);
    }
}

int32_t wg_code_component(wg_code_kind kind, const uint8_t *code, uint32_t i)
{
    switch (kind) {
    case WG_CODE_I8: return (int32_t)code[i] - 128;
    case WG_CODE_I4: return 2 * (code[nibble_byte(i)] >> i / 64 % 2 * 4 & 15) - 15;
    default: return code[i / 8] >> i % 8 & 1 ? 1 : -1;
    }
}

int32_t wg_code_product(wg_code_kind kind, const int8_t *query, const uint8_t *code, uint32_t dim)
{
    int32_t sum = 0;

    for (uint32_t i = 0; i < dim; i++) {
        sum += query[i] * wg_code_component(kind, code, i);
    }
    return sum;
}

// ---- Encoding, step by step as code.h defines it -----------------------------------------------

static float absolute_sum(const float *y, uint32_t dim)
{
    float lanes[16] = {0};

    for (uint32_t i = 0; i < dim; i++) {
        lanes[i % 16] += fabsf(y[i]);
    }
    return lanes_sum(lanes);
}

static float absolute_peak(const float *y, uint32_t dim)
{
    float peak = 0.0f;

    for (uint32_t i = 0; i < dim; i++) {
        peak = WG_MAX(peak, fabsf(y[i]));
    }
    return peak;
}

static int32_t quantize(wg_code_kind kind, float y, float inverse)
{
    if (kind == WG_CODE_I8) return (int32_t)(fmaf(y, inverse, TO_INTEGER) - TO_INTEGER);
    if (kind == WG_CODE_B1) return y < 0.0f ? -1 : 1;

    float level = fmaf(y, inverse, 7.5f);
    level = WG_MIN(WG_MAX(level, 0.0f), 15.0f);
    return 2 * (int32_t)(level + TO_INTEGER - TO_INTEGER) - 15;
}

static void write_code(wg_code_kind kind, const float *y, uint32_t dim, uint8_t *code,
                       wg_code_fit *fit)
{
    float lanes[16] = {0};

    for (uint32_t i = 0; i < dim; i++) {
        int32_t z = quantize(kind, y[i], fit->inverse);
        float rest = fmaf(-fit->scale, (float)z, y[i]);
        component_put(kind, code, i, z);
        lanes[i % 16] = fmaf(rest, rest, lanes[i % 16]);
        fit->code_square += (uint32_t)(z * z);
    }
    fit->rest_square = lanes_sum(lanes);
}

void wg_code_encode(const wg_frame *frame, wg_code_kind kind, const float *row, uint8_t *code,
                    wg_code_figures *figures, float *scratch)
{
    WG_ASSERT(kind >= WG_CODE_I8 && kind <= WG_CODE_B1);

    uint32_t dim = frame->dim;
    wg_code_fit fit = {0};
    float *y = scratch;

    wg_code_clear(kind, code, dim);
    subtract_center(frame, row, y);
    fit.center_product = lanes_dot(frame->center, y, dim);
    if (frame->rotated) wg_rotate(y, dim, frame->seed);
    fit.square = lanes_dot(y, y, dim);
    fit.peak = kind == WG_CODE_B1 ? absolute_sum(y, dim) : absolute_peak(y, dim);
    if (wg_code_fit_scale(&fit, kind, dim)) write_code(kind, y, dim, code, &fit);
    *figures = wg_code_fit_figures(&fit, frame, kind);
}
