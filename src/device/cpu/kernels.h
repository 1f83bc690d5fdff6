// The scan kernels of one SIMD level. All levels give the same bits: a float score is accumulated in 16
// lanes (lane j takes components j, j + 16, ... with one fused multiply-add each), and the lanes are
// added as a tree (j + 8, + 4, + 2, + 1). Integer types are summed exactly. So an AVX-512 register, two of
// AVX2, four of NEON and an array of 16 floats are the same computation (docs/decisions/bit-identical-scores.md).
#pragma once

#include "device/device.h"
#include "vector/certify.h"

typedef enum wg_simd {
    WG_SIMD_SCALAR,
    WG_SIMD_AVX2,   // with FMA and F16C
    WG_SIMD_AVX512, // F, BW, DQ, VL
    WG_SIMD_VNNI,   // and VNNI, VPOPCNTDQ
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

// Products of float32 rows with the queries of a panel: query q is lane q, so a product is one sum from the first component
// to the last, and a block of rows and lanes is as fast as a matrix product. Such a sum is rounded otherwise than a score,
// so it only decides which pairs can be left out: masks[r], bit q, is set unless the product of row r and query q is
// below floor[q] + slope[q] * row_terms[r].
#define WG_PANEL_QUERIES \
    48u // at most; panel[i * width + q] is component i of query q, width a multiple of 16

typedef struct wg_panel_limits {
    const float *floor; // width each
    const float *slope;
    const int32_t *start;   // width; of a panel of bytes
    const float *row_terms; // one per row
    const uint8_t *ahead;   // rows to fetch meanwhile, as many as are given; never NULL
    size_t ahead_stride;
    uint32_t ahead_step; // bytes of each for every 64 bytes of a given one; 0 = none
} wg_panel_limits;

typedef void (*wg_panel_fn)(const void *rows, size_t row_stride, uint32_t row_count,
                            const void *panel, uint32_t width, uint32_t dim,
                            const wg_panel_limits *limits, uint64_t *masks);
// Panels of bytes: four components of a query lie together, the last ones are padded with zeros, and sums are exact. One
// factor must be unsigned and the other signed, so rows come with the upper bit of each byte flipped, which shifts them by 128;
// start makes up for it: 128 times the sum of the query's components over u8, -128 times over i8. dim <= WG_PANEL_BYTES_DIM_MAX.
#define WG_PANEL_BYTES_DIM_MAX 32768u

// The squares of the norms of row_count rows.
typedef void (*wg_squares_fn)(const void *rows, size_t row_stride, uint32_t row_count, uint32_t dim,
                              float *squares);

// A row as its panel takes it: widened to float32, or bytes with the upper bit flipped; the target has its stride for dim.
typedef void (*wg_convert_fn)(const void *row, uint32_t dim, void *target);

// Codes against one query of one plane: bit r of the result is set unless wg_code_excludes() holds for row r with the product
// that wg_code_query_product() gives, bit for bit. row_count is 1..64. sum is that of the plane's components.
#define WG_CODES_ROWS 64u
typedef uint64_t (*wg_codes_fn)(const uint8_t *codes, size_t stride, const wg_code_figures *figures,
                                uint32_t row_count, const int8_t *plane, int32_t sum, uint32_t dim,
                                const wg_code_threshold *threshold);

// int8 codes against a panel of queries (as of bytes above: four components of a query lie together, dim rounded up to 4): masks[r],
// bit q, is set unless the row is excluded by the threshold of query q, bit for bit as above.
typedef struct wg_codes_limits {
    const float *product; // width each: the members of wg_code_threshold
    const float *residual;
    const float *norm;
    const float *limit;
    const int32_t *start;           // width: -128 times the sum of the query's components
    const wg_code_figures *figures; // one per row
    const uint8_t *ahead;           // as in wg_panel_limits
    size_t ahead_stride;
    uint32_t ahead_step;
} wg_codes_limits;

typedef void (*wg_codes_panel_fn)(const uint8_t *codes, size_t stride, uint32_t row_count,
                                  const int8_t *panel, uint32_t width, uint32_t dim,
                                  const wg_codes_limits *limits, uint64_t *masks);

// Codes of row_count rows of float32, f16 or bf16: what wg_code_encode() gives, bit for bit. rows as in wg_encode_job. scratch holds
// wg_encode_scratch() floats, aligned to 64.
#define WG_ENCODE_ROWS 16u // at most, at a time: of 8 KiB

static inline size_t wg_encode_stride(uint32_t dim) // floats of a row in scratch
{
    return (size_t)wg_round_up(dim, 128);
}

static inline uint32_t wg_encode_rows(uint32_t dim)
{
    size_t rows = 2048 / wg_encode_stride(dim);
    return (uint32_t)WG_MIN(WG_MAX(rows, 1), WG_ENCODE_ROWS);
}

static inline size_t wg_encode_scratch(uint32_t dim) // the center, two passes of a rotation, rows
{
    return (3 + wg_encode_rows(dim)) * wg_encode_stride(dim);
}

typedef void (*wg_encode_fn)(const wg_frame *frame, const void *rows, size_t row_stride,
                             waggle_type type, uint32_t row_count, uint8_t *codes,
                             wg_code_figures *figures, float *scratch);

typedef struct wg_kernels {
    const char *name; // "avx512"
    // By metric and type; NULL where the table of waggle_metric has none. Cosine's entry is dot's.
    wg_tile_fn tile[WAGGLE_HAMMING + 1][WAGGLE_B1 + 1];
    wg_panel_fn
        panel[WAGGLE_I8 +
              1]; // f32 (NULL: tiles are as good), and u8 and i8 where bytes are faster than f32
    uint32_t panel_queries;
    wg_squares_fn squares[WAGGLE_I8 + 1];
    wg_convert_fn widen[WAGGLE_I8 + 1];
    wg_convert_fn flip;                // where there are panels of bytes
    wg_codes_fn codes[WG_CODE_B1 + 1]; // by wg_code_kind
    wg_encode_fn encode[WG_CODE_B1 + 1];
    wg_codes_panel_fn codes_panel; // NULL: bytes are no faster than f32; width as of panel
} wg_kernels;

// The queries of a batch, in as few groups as panels of this level can take, evenly by vectors of 16: seven vectors are groups
// of 3, 2 and 2, as a narrow panel is slower.
typedef struct wg_panel_group {
    uint32_t first; // query; its lanes lie in this order in the panels, too
    uint32_t count; // of queries
    uint32_t width; // count, rounded up to whole vectors
} wg_panel_group;

static inline uint32_t wg_panel_group_count(const wg_kernels *kernels, uint32_t queries)
{
    return (queries + kernels->panel_queries - 1) / kernels->panel_queries;
}

static inline wg_panel_group wg_panel_group_at(const wg_kernels *kernels, uint32_t queries,
                                               uint32_t group)
{
    uint32_t groups = wg_panel_group_count(kernels, queries);
    uint32_t vectors = (queries + 15) / 16;
    uint32_t least = vectors / groups, wider = vectors % groups; // the first ones
    uint32_t first = 16 * (group * least + WG_MIN(group, wider));
    uint32_t width = 16 * (least + (group < wider ? 1u : 0u));

    return (wg_panel_group){
        .first = first, .count = WG_MIN(width, queries - first), .width = width};
}

// One per level, in the file of its name; kernels.c has the table.
extern const wg_kernels wg_kernels_scalar;
#if defined(__x86_64__)
extern const wg_kernels wg_kernels_avx2;
extern const wg_kernels wg_kernels_avx512;
extern const wg_kernels wg_kernels_vnni;
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
