// The scan kernels of one SIMD level. All levels give the same bits: a float score is accumulated in 16
// lanes (lane j takes components j, j + 16, ... with one fused multiply-add each), and the lanes are
// added as a tree (j + 8, + 4, + 2, + 1). Integer types are summed exactly. So an AVX-512 register, two of
// AVX2, four of NEON and an array of 16 floats are the same computation (docs/decisions/bit-identical-scores.md).
#pragma once

#include "device/device.h"

typedef enum wg_simd {
    WG_SIMD_SCALAR,
    WG_SIMD_AVX2,   // with FMA and F16C
    WG_SIMD_AVX512, // F, BW, DQ, VL
    WG_SIMD_NEON,
    WG_SIMD_COUNT
} wg_simd;

// Scores of row_count rows (1..WG_TILE_ROWS) against query_count queries (1..WG_TILE_QUERIES):
// scores[q * WG_TILE_ROWS + r]. Strides are multiples of 64 and padding is zero, so a kernel may compute in
// whole blocks of 64 bytes. Raw scores: cosine is the dot product here; its norms are applied above.
#define WG_TILE_ROWS 8u
#define WG_TILE_QUERIES 4u
typedef void (*wg_tile_fn)(const void *rows, size_t row_stride, uint32_t row_count,
                           const void *queries, size_t query_stride, uint32_t query_count,
                           uint32_t dim, float *scores);

typedef struct wg_kernels {
    const char *name; // "avx512"
    // By metric and type; NULL where the table of waggle_metric has none. Cosine's entry is dot's.
    wg_tile_fn tile[WAGGLE_HAMMING + 1][WAGGLE_B1 + 1];
} wg_kernels;

// One per level, in the file of its name; kernels.c has the table.
extern const wg_kernels wg_kernels_scalar;
#if defined(__x86_64__)
extern const wg_kernels wg_kernels_avx2;
extern const wg_kernels wg_kernels_avx512;
#endif
#if defined(__aarch64__)
extern const wg_kernels wg_kernels_neon;
#endif

const char *wg_simd_name(wg_simd level);
// The level of this name. WAGGLE_INVALID for a word that is none.
waggle_status wg_simd_parse(const char *name, wg_simd *level, waggle_error *error);
// NULL if the level is not built or this machine lacks it; *reason then says which.
const wg_kernels *wg_kernels_get(wg_simd level, const char **reason);
wg_simd wg_simd_best(void);
