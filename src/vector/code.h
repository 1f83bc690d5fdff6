// Compressed images of float rows with a rigorous bound of what was lost: int8, 4-bit and 1-bit codes. Why they suffice to
// prove that a row is not among the k best: docs/decisions/certified-scan.md. The bounds: vector/certify.h.
//
// A row x of a field is seen in a frame: x' = R (x - c), c a center and R an optional rotation. Its image is v = s z, z small
// integers, s one scale. Beside the code stand four figures, rounded to the safe side.
//
// Codes of one row, stride wg_code_stride() bytes. Padding is zero bytes' worth of z where the kind has a zero:
//   int8   byte i = z[i] + 128, z in -127..127; padding 128. Unsigned, as the dot product instructions want one operand:
//          sum w[i] z[i] = sum w[i] byte[i] - 128 sum w[i].
//   4-bit  levels l in 0..15, z = 2 l - 15 (symmetric: no level is wasted). Blocks of 128 components are 64 bytes: byte j
//          holds component j in its low and component j + 64 in its high nibble. Padding is level 8.
//          sum w[i] z[i] = 2 sum w[i] l[i] - 15 sum w[i].
//   1-bit  bit i % 8 of byte i / 8: set means z = +1, clear -1; padding clear.
//          sum w[i] z[i] = 2 sum over set bits of w[i] - sum w[i].
// A query's components beyond dim are zero, so padding never counts.
//
// The encoding, for whoever must repeat it bit for bit. All in float32, to nearest even, subnormals kept, fma rounded once.
// dot(a, b) is the sum of sixteen lanes of docs/decisions/bit-identical-scores.md; L = ceil(dim / 16).
//   1  d[i] = x[i] - c[i];  h = dot(c, d);  y = d, rotated in place if the frame is
//   2  Q = dot(y, y). If Q < 2^-120, then z is padding, s = 0 and r0 = sqrt(Q). If not Q <= 2^120: the row is open (below).
//   3  m = max |y[i]|; fl() says where roundings are:
//      int8:  s = fl(m / 127);  a = fl(127 / m);  z[i] = rint(y[i] a) of the exact product
//      4-bit: the width of a level is w = min(fma(m, 0.09, fl(0.06 t)), fl(0.36 t)), t = fl(sqrt(fl(Q / dim)));  s = w / 2;
//             a = fl(1 / w);  l[i] = rint(clamp(fma(y[i], a, 7.5), 0, 15))
//      1-bit: z[i] = y[i] < 0 ? -1 : 1;  s = fl(Q / g), g = dot(y, z)
//   4  e[i] = fma(-s, z[i], y[i]);  r0 = sqrt(dot(e, e));  n0 = s * sqrt(Z), where Z = sum z[i]^2, exact and then rounded
//   5  norm = n0 * norm_gain;  residual = fma(r0, residual_gain, fma(drift, norm + r0, 2^-66)); the gains are the frame's
//   6  base, for l2:  fma(-residual * residual, 1 + 2^-18, (norm * norm) * (1 - 2^-18)); 1-bit: Q * square_gain
//      for dot, cosine: fma(-center_slack, norm + residual, fma(-|h|, 2^-18, -h))
//   7  The row is open unless norm, residual and center_norm are <= 2^60. It has s = norm = base = 0, residual = infinity.
#pragma once

#include "vector/type.h"

typedef enum wg_code_kind {
    WG_CODE_I8 = 1,
    WG_CODE_I4 = 2,
    WG_CODE_B1 = 3, // its bounds are probable, not certain
} wg_code_kind;

// Beyond this norm a row or a query is open: never excluded. It keeps every product below the range's end.
#define WG_CODE_NORM_MAX 0x1p60f

// What a scan reads beside the code of a row.
typedef struct wg_code_figures {
    float scale;    // s >= 0: the image is s z
    float residual; // >= |x' - s z|; 1-bit: what takes its place (certified-scan.md, section 6)
    float base;     // l2: <= s^2 |z|^2 - residual^2; dot, cosine: <= -c (x - c); see section 4
    float norm;     // >= |s z|
} wg_code_figures;

// The constants of steps 5 and 6 that depend on frame and kind.
typedef struct wg_code_gains {
    float norm;
    float residual;
    float drift;
    float square;
} wg_code_gains;

typedef struct wg_frame {
    waggle_metric metric; // l2, cosine (over normalized rows) or dot
    uint32_t dim;
    const float *center; // dim, finite
    bool rotated;
    uint64_t seed;
    float center_norm;  // >= |c|
    float center_slack; // >= |fl(c (x - c)) - c (x - c)| / |x - c|
    wg_code_gains gains[WG_CODE_B1 + 1];
} wg_frame;

// True if rows of this metric and type can have codes.
bool wg_code_supports(waggle_metric metric, waggle_type type);

// The center in one pass: sums begin at zero, every row is added, finish gives the mean. A component whose mean is
// beyond 2^40 is not centered, so that a few huge rows do not open all others.
void wg_center_add(double *sums, const float *row, uint32_t dim);
void wg_center_finish(const double *sums, uint64_t count, uint32_t dim, float *center);

// The frame borrows center. 1-bit codes want a rotated frame: their bound is about random rotations.
void wg_frame_init(wg_frame *frame, waggle_metric metric, const float *center, uint32_t dim,
                   bool rotated, uint64_t seed);
// Rotates the frame if that makes the mean residual of the codes of these rows smaller. scratch holds dim floats, code
// one code. Returns the choice.
bool wg_frame_choose(wg_frame *frame, wg_code_kind kind, const float *rows, size_t row_floats,
                     uint32_t count, uint8_t *code, float *scratch);
// target = R (source - c) in float32. Its distance from the true value is at most wg_frame_drift() times its norm.
void wg_frame_apply(const wg_frame *frame, const float *source, float *target);
double wg_frame_drift(const wg_frame *frame);

size_t wg_code_stride(wg_code_kind kind, uint32_t dim); // a multiple of 64
// Components that the planes of a query have for every kind: a multiple of 128.
size_t wg_code_query_stride(uint32_t dim);
void wg_code_encode(const wg_frame *frame, wg_code_kind kind, const float *row, uint8_t *code,
                    wg_code_figures *figures, float *scratch);

// Every component of a code is padding.
void wg_code_clear(wg_code_kind kind, uint8_t *code, uint32_t dim);

// z of component i, and the exact sum of w[i] z[i]: the reference for every kernel.
int32_t wg_code_component(wg_code_kind kind, const uint8_t *code, uint32_t i);
int32_t wg_code_product(wg_code_kind kind, const int8_t *query, const uint8_t *code, uint32_t dim);
