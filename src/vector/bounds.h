// Constants of rounding: how far a float32 score can be from the true value. u = 2^-24 is the unit roundoff of
// float32 (nearest even). Proofs: docs/decisions/certified-scan.md, section 2.
#pragma once

#include "base/status.h"

#include <math.h>

#define WG_F32_UNIT 0x1p-24

// Higham, Accuracy and Stability of Numerical Algorithms, lemma 3.1: a product of n factors (1 + d), each |d| <= u,
// is 1 + g with |g| <= n u / (1 - n u).
static inline double wg_f32_gamma(uint32_t n)
{
    double nu = (double)n * WG_F32_UNIT;

    WG_ASSERT(nu < 0.5);
    return nu / (1.0 - nu);
}

// The most roundings that one term of a score passes: the difference of l2 (twice, for it is squared), the additions of
// its lane, four levels of the tree.
static inline uint32_t wg_score_roundings(uint32_t dim)
{
    return (dim + 15) / 16 + 6;
}

// What products below the range of float32 can add to the error of a score: 2^-150 each, 65,536 of them.
#define WG_SCORE_UNDERFLOW 0x1p-130

// Sums of at most 65,536 terms in double, and the few operations after them, stay within this relative error:
// 2^16 roundings of 2^-53, with room.
#define WG_F64_SLACK 0x1p-30

// The least float32 that is not below the value; infinity beyond the range.
static inline float wg_f32_up(double value)
{
    float nearest = (float)value;
    return (double)nearest < value ? nextafterf(nearest, INFINITY) : nearest;
}

static inline float wg_f32_down(double value)
{
    return -wg_f32_up(-value);
}
