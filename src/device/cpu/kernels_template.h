// The scan kernels, once for all SIMD levels. A level defines the words below and includes this file,
// which then defines its table of kernels.
//
//   vf   16 float32, the lanes of kernels.h: vf_zero, vf_f32, vf_f16, vf_bf16 (load and widen 16
//        components), vf_sub, vf_fma(a, b, c) = a * b + c rounded once, vf_add, vf_abs, vf_max,
//        vf_sum (the tree), vf_peak (the largest lane)
//   vi   32 int16: vi_zero, vi_u8, vi_i8 (load and widen 32 components), vi_sub, vi_abs, vi_max, vi_peak
//   va   32-bit sums: va_zero, va_madd(acc, a, b) = acc + a * b, va_sum modulo 2^32; where WG_SUM_ROWS is defined, va_sums of
//        so many at once
//   vb   64 bytes as they are: vb_load
//   vh   counts of bits: vh_zero, vh_add(acc, a, b) = acc + bits of a ^ b, vh_sum
//
//   WG_LEVEL                the name of the table; WG_LEVEL_NAME the level as users write it
//   WG_SCAN_ROWS            rows at a time for one query: enough chains to hide the latency of an addition
//   WG_BATCH_ROWS, _QUERIES rows and queries at a time for several: what fits the registers
//   WG_PANEL_ROWS, _VECTORS rows and vf of queries at a time for a panel; _VECTORS 0 = no panel. Beside the words
//                           above, a panel takes vf_splat (one float32 in all lanes), vf_below (bit j: lane j of a is
//                           below b's), vf_store, vf_u8 and vf_i8
//   encode_i8, _i4, _b1     the encoders: encode_template.h, or the level's own
//   WG_PANEL_BYTES          defined: there are va_splat, va_load, va_dot and va_float for panels of bytes
//   codes_i8, _i4, _b1      the scans of codes: codes_template.h, or the level's own where it has no panels
//
// Why integer sums are exact: a product or square of two bytes is at most 255^2, and 65536 of them sum to
// 4,261,478,400 < 2^32, so a sum modulo 2^32 of squares, absolute differences or u8 products is the sum
// itself. A sum of i8 products is at most 65536 * 128^2 = 2^30 in magnitude, so it is the sum read as int32.
// A pair that one multiply-add instruction sums is at most 2 * 255^2, far below 2^31.
//
// Prefetch: few queries read rows, and codes, at the speed of memory. While a line of them is read, those so many bytes
// further on are asked for, into the first and into the second level of the cache. Share of the speed of plain reading, 50,000
// codes of 384 bytes on Sapphire Rapids: nothing asked for 0.65, NEAR alone 0.87 (2 to 16 KiB alike), both 0.95 to 0.98 (FAR 8
// to 32 KiB alike). Rows of 128 x i8: 16.4 ms a query with the next 8 rows only, 11 so. They may lie past the end: a
// prefetch never faults.
#define WG_NEAR 4096u
#define WG_FAR 16384u

#if defined(__clang__)
#define WG_UNROLL _Pragma("clang loop unroll(full)")
#else
#define WG_UNROLL _Pragma("GCC unroll 8")
#endif
#define WG_INLINE static inline __attribute__((always_inline))

static_assert(WG_BATCH_ROWS <= WG_TILE_ROWS && WG_SCAN_ROWS <= WG_TILE_ROWS, "rows of a tile");
static_assert(WG_BATCH_QUERIES <= WG_TILE_QUERIES, "queries of a tile");

// ---- One step of each metric -------------------------------------------------------------------

WG_INLINE vf f_l2(vf acc, vf q, vf x)
{
    vf d = vf_sub(q, x);
    return vf_fma(d, d, acc);
}

WG_INLINE vf f_dot(vf acc, vf q, vf x)
{
    return vf_fma(q, x, acc);
}

WG_INLINE vf f_l1(vf acc, vf q, vf x)
{
    return vf_add(acc, vf_abs(vf_sub(q, x)));
}

WG_INLINE vf f_linf(vf acc, vf q, vf x)
{
    return vf_max(acc, vf_abs(vf_sub(q, x)));
}

WG_INLINE va i_l2(va acc, vi q, vi x)
{
    vi d = vi_sub(q, x);
    return va_madd(acc, d, d);
}

WG_INLINE va i_dot(va acc, vi q, vi x)
{
    return va_madd(acc, q, x);
}

WG_INLINE va i_l1(va acc, vi q, vi x)
{
    return va_madd(acc, vi_abs(vi_sub(q, x)), vi_one());
}

WG_INLINE vi i_linf(vi acc, vi q, vi x)
{
    return vi_max(acc, vi_abs(vi_sub(q, x)));
}

// WG_FINISH(name, accumulator, value): the scores of a block's rows.
#define WG_FINISH(name, accumulator, value)                                        \
    WG_INLINE void name(const accumulator *acc, uint32_t row_count, float *scores) \
    {                                                                              \
        WG_UNROLL for (uint32_t r = 0; r < row_count; r++) scores[r] = value;      \
    }

WG_FINISH(finish_sums, vf, vf_sum(acc[r]))
WG_FINISH(finish_peaks, vf, vf_peak(acc[r]))
WG_FINISH(finish_byte_peaks, vi, (float)vi_peak(acc[r]))
WG_FINISH(finish_bits, vh, (float)vh_sum(acc[r]))

WG_INLINE void sums_of(const va *acc, uint32_t row_count, uint32_t *sums)
{
#ifdef WG_SUM_ROWS
    if (row_count == WG_SUM_ROWS) {
        va_sums(acc, sums);
        return;
    }
#endif
    WG_UNROLL for (uint32_t r = 0; r < row_count; r++) sums[r] = va_sum(acc[r]);
}

WG_INLINE void finish_unsigned(const va *acc, uint32_t row_count, float *scores)
{
    uint32_t sums[WG_TILE_ROWS];
    sums_of(acc, row_count, sums);
    WG_UNROLL for (uint32_t r = 0; r < row_count; r++) scores[r] = (float)sums[r];
}

WG_INLINE void finish_signed(const va *acc, uint32_t row_count, float *scores)
{
    uint32_t sums[WG_TILE_ROWS];
    sums_of(acc, row_count, sums);
    WG_UNROLL for (uint32_t r = 0; r < row_count; r++) scores[r] = (float)(int32_t)sums[r];
}

WG_INLINE void rows_fetch(const uint8_t *row)
{
    __builtin_prefetch(row + WG_NEAR);
    __builtin_prefetch(row + WG_FAR, 0, 2);
}

// ---- Tiles -------------------------------------------------------------------------------------

// WG_TILE(name, accumulator, zero, step, finish, vector, load, components, bytes): the kernel of one metric
// and type. A step takes components that lie in bytes. name_block has its counts of rows and queries as
// constants at every call, so that all accumulators are registers.
#define WG_TILE(name, accumulator, zero, step, finish, vector, load, components, bytes)            \
    WG_INLINE void name##_block(const uint8_t *rows, size_t row_stride, uint32_t row_count,        \
                                const uint8_t *queries, size_t query_stride, uint32_t query_count, \
                                uint32_t steps, float *scores)                                     \
    {                                                                                              \
        accumulator acc[WG_TILE_QUERIES][WG_TILE_ROWS];                                            \
        vector y[WG_TILE_QUERIES];                                                                 \
                                                                                                   \
        WG_UNROLL for (uint32_t q = 0; q < query_count; q++)                                       \
        {                                                                                          \
            WG_UNROLL for (uint32_t r = 0; r < row_count; r++) acc[q][r] = zero();                 \
        }                                                                                          \
        for (size_t at = 0; at < (size_t)steps * (bytes); at += (bytes)) {                         \
            WG_UNROLL for (uint32_t q = 0; q < query_count; q++)                                   \
            {                                                                                      \
                y[q] = load(queries + q * query_stride + at);                                      \
            }                                                                                      \
            WG_UNROLL for (uint32_t r = 0; r < row_count; r++)                                     \
            {                                                                                      \
                const uint8_t *row = rows + r * row_stride + at;                                   \
                if (row_count > 1 && at % 64 == 0) rows_fetch(row);                                \
                vector x = load(row);                                                              \
                WG_UNROLL for (uint32_t q = 0; q < query_count; q++)                               \
                {                                                                                  \
                    acc[q][r] = step(acc[q][r], y[q], x);                                          \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        WG_UNROLL for (uint32_t q = 0; q < query_count; q++)                                       \
        {                                                                                          \
            finish(acc[q], row_count, scores + q * WG_TILE_ROWS);                                  \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void name(const void *rows, size_t row_stride, uint32_t row_count, const void *queries, \
                     size_t query_stride, uint32_t query_count, uint32_t dim, float *scores)       \
    {                                                                                              \
        const uint8_t *x = rows, *y = queries;                                                     \
        uint32_t steps = (dim + (components)-1) / (components);                                    \
        uint32_t q = 0;                                                                            \
                                                                                                   \
        for (; q + WG_BATCH_QUERIES <= query_count; q += WG_BATCH_QUERIES) {                       \
            if (row_count % WG_BATCH_ROWS != 0) break;                                             \
            for (uint32_t r = 0; r < row_count; r += WG_BATCH_ROWS) {                              \
                name##_block(x + r * row_stride, row_stride, WG_BATCH_ROWS, y + q * query_stride,  \
                             query_stride, WG_BATCH_QUERIES, steps,                                \
                             scores + q * WG_TILE_ROWS + r);                                       \
            }                                                                                      \
        }                                                                                          \
        for (; q < query_count; q++) {                                                             \
            uint32_t r = 0;                                                                        \
            for (; r + WG_SCAN_ROWS <= row_count; r += WG_SCAN_ROWS) {                             \
                name##_block(x + r * row_stride, row_stride, WG_SCAN_ROWS, y + q * query_stride,   \
                             query_stride, 1, steps, scores + q * WG_TILE_ROWS + r);               \
            }                                                                                      \
            for (; r < row_count; r++) {                                                           \
                name##_block(x + r * row_stride, row_stride, 1, y + q * query_stride,              \
                             query_stride, 1, steps, scores + q * WG_TILE_ROWS + r);               \
            }                                                                                      \
        }                                                                                          \
    }

#define WG_FLOAT_TILES(type, size)                                                       \
    WG_TILE(l2_##type, vf, vf_zero, f_l2, finish_sums, vf, vf_##type, 16, 16 * (size))   \
    WG_TILE(dot_##type, vf, vf_zero, f_dot, finish_sums, vf, vf_##type, 16, 16 * (size)) \
    WG_TILE(l1_##type, vf, vf_zero, f_l1, finish_sums, vf, vf_##type, 16, 16 * (size))   \
    WG_TILE(linf_##type, vf, vf_zero, f_linf, finish_peaks, vf, vf_##type, 16, 16 * (size))

#define WG_BYTE_TILES(type, finish_dot)                                           \
    WG_TILE(l2_##type, va, va_zero, i_l2, finish_unsigned, vi, vi_##type, 32, 32) \
    WG_TILE(dot_##type, va, va_zero, i_dot, finish_dot, vi, vi_##type, 32, 32)    \
    WG_TILE(l1_##type, va, va_zero, i_l1, finish_unsigned, vi, vi_##type, 32, 32) \
    WG_TILE(linf_##type, vi, vi_zero, i_linf, finish_byte_peaks, vi, vi_##type, 32, 32)

WG_FLOAT_TILES(f32, 4)
WG_FLOAT_TILES(f16, 2)
WG_FLOAT_TILES(bf16, 2)
WG_BYTE_TILES(u8, finish_unsigned)
WG_BYTE_TILES(i8, finish_signed)
WG_TILE(hamming_b1, vh, vh_zero, vh_add, finish_bits, vb, vb_load, 512, 64)

// ---- Panels ------------------------------------------------------------------------------------

#if WG_PANEL_VECTORS > 0
WG_INLINE uint64_t panel_mask(const vf *sums, uint32_t vectors, const wg_panel_limits *limits,
                              uint32_t r)
{
    vf term = vf_splat((const uint8_t *)&limits->row_terms[r]);
    uint64_t below = 0;

    WG_UNROLL for (uint32_t v = 0; v < vectors; v++)
    {
        vf slope = vf_f32((const uint8_t *)(limits->slope + v * 16));
        vf limit = vf_fma(slope, term, vf_f32((const uint8_t *)(limits->floor + v * 16)));
        below |= (uint64_t)vf_below(sums[v], limit) << v * 16;
    }
    return ~below;
}

typedef struct panel_ahead {
    const uint8_t *rows;
    uint32_t step; // bytes of each of WG_PANEL_ROWS rows
} panel_ahead;

WG_INLINE void panel_fetch(panel_ahead ahead, size_t step)
{
    size_t size = WG_PANEL_ROWS * (size_t)ahead.step;
    const uint8_t *from = ahead.rows + step * size;

    for (size_t at = 0; at < size; at += 64)
        __builtin_prefetch(from + at, 0, 2);
}

WG_INLINE void panel_block_f32(const uint8_t *rows, size_t row_stride, uint32_t row_count,
                               const uint8_t *panel, uint32_t vectors, uint32_t dim,
                               const wg_panel_limits *limits, uint64_t *masks)
{
    vf acc[WG_PANEL_ROWS][WG_PANEL_VECTORS];
    vf y[WG_PANEL_VECTORS];
    panel_ahead ahead = {limits->ahead, limits->ahead_step};

    WG_UNROLL for (uint32_t r = 0; r < row_count; r++)
    {
        WG_UNROLL for (uint32_t v = 0; v < vectors; v++) acc[r][v] = vf_zero();
    }
    for (uint32_t i = 0; i < dim; i++, panel += vectors * 64) {
        if (i % 16 == 0) panel_fetch(ahead, i / 16);
        WG_UNROLL for (uint32_t v = 0; v < vectors; v++) y[v] = vf_f32(panel + v * 64);
        WG_UNROLL for (uint32_t r = 0; r < row_count; r++)
        {
            vf x = vf_splat(rows + r * row_stride + i * 4);
            WG_UNROLL for (uint32_t v = 0; v < vectors; v++) acc[r][v] = vf_fma(x, y[v], acc[r][v]);
        }
    }
    WG_UNROLL for (uint32_t r = 0; r < row_count; r++)
    {
        masks[r] = panel_mask(acc[r], vectors, limits, r);
    }
}

#ifdef WG_PANEL_BYTES
// The sums of a panel of bytes: the rows are unsigned, or it is.
WG_INLINE void panel_sums(const uint8_t *rows, size_t row_stride, uint32_t row_count,
                          bool rows_unsigned, const uint8_t *panel, uint32_t vectors, uint32_t dim,
                          const int32_t *start, panel_ahead ahead,
                          va sums[WG_PANEL_ROWS][WG_PANEL_VECTORS])
{
    va acc[WG_PANEL_ROWS][WG_PANEL_VECTORS];
    va y[WG_PANEL_VECTORS];

    WG_UNROLL for (uint32_t r = 0; r < row_count; r++)
    {
        WG_UNROLL for (uint32_t v = 0; v < vectors; v++) acc[r][v] = va_load(start + v * 16);
    }
    for (uint32_t i = 0; i < dim; i += 4, panel += vectors * 64) {
        if (i % 64 == 0) panel_fetch(ahead, i / 64);
        WG_UNROLL for (uint32_t v = 0; v < vectors; v++) y[v] = va_load(panel + v * 64);
        WG_UNROLL for (uint32_t r = 0; r < row_count; r++)
        {
            va x = va_splat(rows + r * row_stride + i);
            WG_UNROLL for (uint32_t v = 0; v < vectors; v++)
            {
                acc[r][v] = va_dot(acc[r][v], rows_unsigned ? x : y[v], rows_unsigned ? y[v] : x);
            }
        }
    }
    WG_UNROLL for (uint32_t r = 0; r < row_count; r++)
    {
        WG_UNROLL for (uint32_t v = 0; v < vectors; v++) sums[r][v] = acc[r][v];
    }
}

#define WG_PANEL_BLOCK_BYTES(type, rows_unsigned)                                                  \
    WG_INLINE void panel_block_##type(const uint8_t *rows, size_t row_stride, uint32_t row_count,  \
                                      const uint8_t *panel, uint32_t vectors, uint32_t dim,        \
                                      const wg_panel_limits *limits, uint64_t *masks)              \
    {                                                                                              \
        va acc[WG_PANEL_ROWS][WG_PANEL_VECTORS];                                                   \
        panel_ahead ahead = {limits->ahead, limits->ahead_step};                                   \
                                                                                                   \
        panel_sums(rows, row_stride, row_count, rows_unsigned, panel, vectors, dim, limits->start, \
                   ahead, acc);                                                                    \
        WG_UNROLL for (uint32_t r = 0; r < row_count; r++)                                         \
        {                                                                                          \
            vf sums[WG_PANEL_VECTORS];                                                             \
            WG_UNROLL for (uint32_t v = 0; v < vectors; v++) sums[v] = va_float(acc[r][v]);        \
            masks[r] = panel_mask(sums, vectors, limits, r);                                       \
        }                                                                                          \
    }

// Rows are shifted to the other kind of bytes.
WG_PANEL_BLOCK_BYTES(u8, false)
WG_PANEL_BLOCK_BYTES(i8, true)
#endif

typedef void (*panel_block_fn)(const uint8_t *rows, size_t row_stride, uint32_t row_count,
                               const uint8_t *panel, uint32_t vectors, uint32_t dim,
                               const wg_panel_limits *limits, uint64_t *masks);

WG_INLINE void panel_rows(panel_block_fn block, const uint8_t *rows, size_t row_stride,
                          uint32_t row_count, const void *panel, uint32_t vectors, uint32_t dim,
                          const wg_panel_limits *limits, uint64_t *masks)
{
    wg_panel_limits at = *limits;
    uint32_t r = 0;

    for (; r + WG_PANEL_ROWS <= row_count; r += WG_PANEL_ROWS) {
        at.row_terms = limits->row_terms + r;
        at.ahead = limits->ahead + r * limits->ahead_stride;
        block(rows + r * row_stride, row_stride, WG_PANEL_ROWS, panel, vectors, dim, &at,
              masks + r);
    }
    at.ahead_step = 0;
    for (; r < row_count; r++) {
        at.row_terms = limits->row_terms + r;
        block(rows + r * row_stride, row_stride, 1, panel, vectors, dim, &at, masks + r);
    }
}

// The width is a constant in each call, so that all accumulators are registers.
WG_INLINE void panel_widths(panel_block_fn block, const void *rows, size_t row_stride,
                            uint32_t row_count, const void *panel, uint32_t width, uint32_t dim,
                            const wg_panel_limits *limits, uint64_t *masks)
{
#if WG_PANEL_VECTORS == 3
    if (width == 48) panel_rows(block, rows, row_stride, row_count, panel, 3, dim, limits, masks);
    if (width == 32) panel_rows(block, rows, row_stride, row_count, panel, 2, dim, limits, masks);
#endif
    if (width == 16) panel_rows(block, rows, row_stride, row_count, panel, 1, dim, limits, masks);
}

#define WG_PANEL(type)                                                                           \
    static void panel_##type(const void *rows, size_t row_stride, uint32_t row_count,            \
                             const void *panel, uint32_t width, uint32_t dim,                    \
                             const wg_panel_limits *limits, uint64_t *masks)                     \
    {                                                                                            \
        panel_widths(panel_block_##type, rows, row_stride, row_count, panel, width, dim, limits, \
                     masks);                                                                     \
    }

WG_PANEL(f32)
#ifdef WG_PANEL_BYTES
WG_PANEL(u8)
WG_PANEL(i8)
#endif

// WG_SQUARES(type, accumulator, zero, step, finish, vector, load, components, bytes): words as of WG_TILE.
#define WG_SQUARES(type, accumulator, zero, step, finish, vector, load, components, bytes)  \
    WG_INLINE void squares_block_##type(const uint8_t *rows, size_t row_stride,             \
                                        uint32_t row_count, uint32_t steps, float *squares) \
    {                                                                                       \
        accumulator acc[WG_SCAN_ROWS];                                                      \
                                                                                            \
        WG_UNROLL for (uint32_t r = 0; r < row_count; r++) acc[r] = zero();                 \
        for (size_t at = 0; at < (size_t)steps * (bytes); at += (bytes)) {                  \
            WG_UNROLL for (uint32_t r = 0; r < row_count; r++)                              \
            {                                                                               \
                vector x = load(rows + r * row_stride + at);                                \
                acc[r] = step(acc[r], x, x);                                                \
            }                                                                               \
        }                                                                                   \
        finish(acc, row_count, squares);                                                    \
    }                                                                                       \
                                                                                            \
    static void squares_##type(const void *rows, size_t row_stride, uint32_t row_count,     \
                               uint32_t dim, float *squares)                                \
    {                                                                                       \
        const uint8_t *x = rows;                                                            \
        uint32_t steps = (dim + (components)-1) / (components);                             \
        uint32_t r = 0;                                                                     \
        for (; r + WG_SCAN_ROWS <= row_count; r += WG_SCAN_ROWS) {                          \
            squares_block_##type(x + r * row_stride, row_stride, WG_SCAN_ROWS, steps,       \
                                 squares + r);                                              \
        }                                                                                   \
        for (; r < row_count; r++) {                                                        \
            squares_block_##type(x + r * row_stride, row_stride, 1, steps, squares + r);    \
        }                                                                                   \
    }

WG_SQUARES(f32, vf, vf_zero, f_dot, finish_sums, vf, vf_f32, 16, 64)
WG_SQUARES(f16, vf, vf_zero, f_dot, finish_sums, vf, vf_f16, 16, 32)
WG_SQUARES(bf16, vf, vf_zero, f_dot, finish_sums, vf, vf_bf16, 16, 32)
WG_SQUARES(u8, va, va_zero, i_dot, finish_unsigned, vi, vi_u8, 32, 32)
WG_SQUARES(i8, va, va_zero, i_dot, finish_unsigned, vi, vi_i8, 32, 32)

#define WG_WIDEN(type, size)                                                         \
    static void widen_##type(const void *row, uint32_t dim, void *target)            \
    {                                                                                \
        const uint8_t *from = row;                                                   \
        for (uint32_t i = 0; i < dim; i += 16) {                                     \
            vf_store((uint8_t *)target + 4 * (size_t)i, vf_##type(from + (size)*i)); \
        }                                                                            \
    }

WG_WIDEN(f16, 2)
WG_WIDEN(bf16, 2)
WG_WIDEN(u8, 1)
WG_WIDEN(i8, 1)

#ifdef WG_PANEL_BYTES
static void flip_bytes(const void *row, uint32_t dim, void *target)
{
    const uint8_t *from = row;
    uint8_t *to = target;

    for (uint32_t i = 0; i < dim; i += 64)
        vb_store(to + i, vb_flip(vb_load(from + i)));
}
#endif

// ---- Compressed codes --------------------------------------------------------------------------

#include "device/cpu/codes_template.h"
#endif

// ---- The table ---------------------------------------------------------------------------------

#define WG_OF_TYPES(metric)                                                                      \
    {                                                                                            \
        [WAGGLE_F32] = metric##_f32, [WAGGLE_F16] = metric##_f16, [WAGGLE_BF16] = metric##_bf16, \
        [WAGGLE_U8] = metric##_u8, [WAGGLE_I8] = metric##_i8                                     \
    }

const wg_kernels WG_LEVEL = {
    .name = WG_LEVEL_NAME,
#if WG_PANEL_VECTORS > 0
    .panel_queries = 16 * WG_PANEL_VECTORS,
    .panel[WAGGLE_F32] = panel_f32,
#ifdef WG_PANEL_BYTES
    .panel[WAGGLE_U8] = panel_u8,
    .panel[WAGGLE_I8] = panel_i8,
    .flip = flip_bytes,
    .codes_panel = codes_panel,
#endif
    .squares = WG_OF_TYPES(squares),
    .widen = {[WAGGLE_F16] = widen_f16,
              [WAGGLE_BF16] = widen_bf16,
              [WAGGLE_U8] = widen_u8,
              [WAGGLE_I8] = widen_i8                                                                            },
#endif
    .codes = {                                                                      [WG_CODE_I8] = codes_i8,                       [WG_CODE_I4] = codes_i4, [WG_CODE_B1] = codes_b1},
    .encode = { [WG_CODE_I8] = encode_i8,                                              [WG_CODE_I4] = encode_i4,                                           [WG_CODE_B1] = encode_b1                                       },
    .tile =
        {
              [WAGGLE_L2] = WG_OF_TYPES(l2),
              [WAGGLE_COSINE] = WG_OF_TYPES(dot),
              [WAGGLE_DOT] = WG_OF_TYPES(dot),
              [WAGGLE_L1] = WG_OF_TYPES(l1),
              [WAGGLE_LINF] = WG_OF_TYPES(linf),
              [WAGGLE_HAMMING] = {[WAGGLE_B1] = hamming_b1},
              },
};
