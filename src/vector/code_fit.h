// The steps of the encoding (vector/code.h) that are a few operations per row: inlined in the reference, which makes the passes over the
// row one component after the other, and in the kernels, which make them by vectors.
#pragma once

#include "vector/code.h"

#include <math.h>

#define WG_CODE_SQUARE_MIN 0x1p-120f   // rows whose square is below are images of nothing
#define WG_CODE_SQUARE_MAX 0x1p120f    // of WG_CODE_NORM_MAX
#define WG_CODE_UNDERFLOW_PAD 0x1p-66f // >= the root of 65,536 squares lost below 2^-149
#define WG_CODE_BASE_SLACK \
    0x1p-18f // 64 u: what a base gives away for the roundings of itself and the scan

// Of the width of a level of 4-bit codes: how these were found is in certified-scan.md.
#define WG_CODE_WIDTH_PEAK 0.09f
#define WG_CODE_WIDTH_ROOT 0.06f
#define WG_CODE_WIDTH_MOST 0.36f

typedef struct wg_code_fit {
    float center_product; // h, of step 1
    float square;         // Q, of step 2
    float peak;           // m; 1-bit: g
    float scale;          // s, of step 3
    float inverse;        // a
    float rest_square;    // dot(e, e), of step 4
    uint32_t code_square; // Z
} wg_code_fit;

// Step 3. False: the row has no image, its code is padding and there is no step 4.
static inline bool wg_code_fit_scale(wg_code_fit *fit, wg_code_kind kind, uint32_t dim)
{
    fit->scale = fit->inverse = 0.0f;
    fit->rest_square = fit->square;
    fit->code_square = 0;
    if (!(fit->square >= WG_CODE_SQUARE_MIN && fit->square <= WG_CODE_SQUARE_MAX))
        return false; // nor for NaN

    if (kind == WG_CODE_I8) {
        fit->scale = fit->peak / 127.0f;
        fit->inverse = 127.0f / fit->peak;
    } else if (kind == WG_CODE_I4) {
        float root = sqrtf(fit->square / (float)dim);
        float width = fmaf(fit->peak, WG_CODE_WIDTH_PEAK, WG_CODE_WIDTH_ROOT * root);
        width = WG_MIN(width, WG_CODE_WIDTH_MOST * root);
        fit->scale = width * 0.5f;
        fit->inverse = 1.0f / width;
    } else {
        fit->scale = fit->square / fit->peak;
    }
    return true;
}

static inline float wg_code_fit_base(const wg_code_fit *fit, const wg_frame *frame,
                                     wg_code_kind kind, float norm, float residual)
{
    if (frame->metric != WAGGLE_L2) {
        float base = fmaf(-fabsf(fit->center_product), WG_CODE_BASE_SLACK, -fit->center_product);
        return fmaf(-frame->center_slack, norm + residual, base);
    }
    if (kind == WG_CODE_B1) return fit->square * frame->gains[kind].square;
    return fmaf(-residual * residual, 1.0f + WG_CODE_BASE_SLACK,
                norm * norm * (1.0f - WG_CODE_BASE_SLACK));
}

static inline bool wg_code_within(float norm) // false for NaN
{
    return norm <= WG_CODE_NORM_MAX;
}

// Steps 5 to 7.
static inline wg_code_figures wg_code_fit_figures(const wg_code_fit *fit, const wg_frame *frame,
                                                  wg_code_kind kind)
{
    wg_code_gains gains = frame->gains[kind];
    float rest = sqrtf(fit->rest_square);
    float norm = fit->scale * sqrtf((float)fit->code_square) * gains.norm;

    if (fit->scale == 0.0f) { // nothing was estimated: all of it counts, also for 1-bit codes
        gains.residual = frame->gains[WG_CODE_I8].residual;
    }
    float residual =
        fmaf(rest, gains.residual, fmaf(gains.drift, norm + rest, WG_CODE_UNDERFLOW_PAD));
    if (!wg_code_within(norm) || !wg_code_within(residual) || !wg_code_within(frame->center_norm)) {
        return (wg_code_figures){.residual = INFINITY}; // open
    }
    return (wg_code_figures){.scale = fit->scale,
                             .residual = residual,
                             .base = wg_code_fit_base(fit, frame, kind, norm, residual),
                             .norm = norm};
}
