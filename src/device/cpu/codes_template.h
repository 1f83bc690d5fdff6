// Scans of compressed codes (vector/code.h): a part of kernels_template.h, for the levels with vectors. Beside the words
// there, a level has
//
//   vf_mul, and vf_figures(rows, v)      v[0..3]: scale, residual, base and norm of 16 rows
//   va_code_i4, va_code_b1               (acc, code, plane): 128 components more
//   va_rows(accumulators, twice, minus)  the sums of 16 rows from an accumulator each, perhaps doubled, less a number, as
//                                        float32
//
// A scan reads each code once, at the speed of memory: 14 cycles for 64 bytes, which may be all of a row. So lanes are added
// up, and rows are tested, for sixteen of them together.
//
// Why sums are exact: a product is at most 255 * 127, and code.c asserts that 65,536 of these fit int32. Sums may wrap
// on the way. Products that a level adds in int16 are of 4-bit and 1-bit codes, at most sixteen: 16 * 15 * 128 = 30,720.

#define CODES_BLOCK 4u // rows side by side
#define FIGURES_NEAR 1024u

typedef struct codes_scan {
    const uint8_t *codes;
    size_t stride;
    const uint8_t *plane;
    uint32_t dim;
    bool fetch; // not where rows are few: those behind them may not be wanted
} codes_scan;

WG_INLINE va code_step(wg_code_kind kind, va acc, const uint8_t *code, const uint8_t *plane)
{
    if (kind == WG_CODE_I4) return va_code_i4(acc, code, plane);
    if (kind == WG_CODE_B1) return va_code_b1(acc, code, plane);
#ifdef WG_PANEL_BYTES
    return va_dot(acc, va_load(code), va_load(plane));
#else
    acc = va_madd(acc, vi_u8(code), vi_i8(plane));
    return va_madd(acc, vi_u8(code + 32), vi_i8(plane + 32));
#endif
}

WG_INLINE void codes_block(wg_code_kind kind, const codes_scan *s, uint32_t first,
                           uint32_t row_count, bool fetch, va *sums)
{
    const size_t components = kind == WG_CODE_I8 ? 64 : 128, bytes = kind == WG_CODE_B1 ? 16 : 64;
    const uint8_t *codes = s->codes + first * s->stride, *plane = s->plane;
    va acc[CODES_BLOCK];

    WG_UNROLL for (uint32_t r = 0; r < row_count; r++) acc[r] = va_zero();
    for (size_t i = 0; i < s->dim; i += components, codes += bytes, plane += components) {
        WG_UNROLL for (uint32_t r = 0; r < row_count; r++)
        {
            const uint8_t *code = codes + r * s->stride;
            if (fetch && i % (components * 64 / bytes) == 0) rows_fetch(code);
            acc[r] = code_step(kind, acc[r], code, plane);
        }
    }
    WG_UNROLL for (uint32_t r = 0; r < row_count; r++) sums[r] = acc[r];
}

// The products of up to 16 rows from `first` on; others are of no meaning.
WG_INLINE vf codes_products(wg_code_kind kind, const codes_scan *s, uint32_t first,
                            uint32_t row_count, int32_t sum)
{
    const int32_t minus = kind == WG_CODE_I8 ? 128 * sum : kind == WG_CODE_I4 ? 15 * sum : sum;
    va sums[16];
    uint32_t r = 0;

    for (; r + CODES_BLOCK <= row_count; r += CODES_BLOCK)
        codes_block(kind, s, first + r, CODES_BLOCK, s->fetch, sums + r);
    for (; r < row_count; r++)
        codes_block(kind, s, first + r, 1, false, sums + r);
    for (; r < 16; r++)
        sums[r] = va_zero();
    return va_rows(sums, kind != WG_CODE_I8, minus);
}

WG_INLINE vf code_values(const vf *figures, vf product, vf residual, vf norm, vf products)
{
    vf value = vf_fma(norm, figures[3], figures[2]);
    value = vf_fma(residual, figures[1], value);
    return vf_fma(product, vf_mul(figures[0], products), value);
}

WG_INLINE vf vf_splat_f32(const float *number)
{
    return vf_splat((const uint8_t *)number);
}

// Bit r: row r of 16 is excluded.
WG_INLINE uint32_t codes_excluded(vf products, const wg_code_figures *rows,
                                  const wg_code_threshold *threshold)
{
    vf figures[4];

    vf_figures((const uint8_t *)rows, figures);
    vf value =
        code_values(figures, vf_splat_f32(&threshold->product), vf_splat_f32(&threshold->residual),
                    vf_splat_f32(&threshold->norm), products);
    return vf_below(vf_splat_f32(&threshold->limit), value);
}

WG_INLINE uint64_t codes_scan_rows(wg_code_kind kind, const uint8_t *codes, size_t stride,
                                   const wg_code_figures *figures, uint32_t row_count,
                                   const int8_t *plane, int32_t sum, uint32_t dim,
                                   const wg_code_threshold *threshold)
{
    codes_scan s = {codes, stride, (const uint8_t *)plane, dim, row_count == WG_CODES_ROWS};
    wg_code_figures last[16] = {{0}}; // of a group that is not full
    uint64_t excluded = 0;

    for (uint32_t r = 0; r < row_count; r += 16) {
        uint32_t count = row_count - r < 16 ? row_count - r : 16;
        const wg_code_figures *rows = figures + r;
        for (size_t at = 0; s.fetch && at < sizeof(last); at += 64)
            __builtin_prefetch((const uint8_t *)rows + FIGURES_NEAR + at);
        vf products = codes_products(kind, &s, r, count, sum);
        if (count < 16) rows = memcpy(last, rows, count * sizeof(*rows));
        excluded |= (uint64_t)codes_excluded(products, rows, threshold) << r;
    }
    return ~excluded & UINT64_MAX >> (64 - row_count);
}

#define WG_CODES(name, kind)                                                                     \
    static uint64_t codes_##name(                                                                \
        const uint8_t *codes, size_t stride, const wg_code_figures *figures, uint32_t row_count, \
        const int8_t *plane, int32_t sum, uint32_t dim, const wg_code_threshold *threshold)      \
    {                                                                                            \
        return codes_scan_rows(kind, codes, stride, figures, row_count, plane, sum, dim,         \
                               threshold);                                                       \
    }

WG_CODES(i8, WG_CODE_I8)
WG_CODES(i4, WG_CODE_I4)
WG_CODES(b1, WG_CODE_B1)

// ---- Panels of int8 codes ----------------------------------------------------------------------

#ifdef WG_PANEL_BYTES
WG_INLINE uint64_t codes_panel_mask(const va *sums, uint32_t vectors, const wg_codes_limits *limits,
                                    uint32_t r)
{
    const wg_code_figures *row = &limits->figures[r];
    vf figures[4] = {vf_splat_f32(&row->scale), vf_splat_f32(&row->residual),
                     vf_splat_f32(&row->base), vf_splat_f32(&row->norm)};
    uint64_t excluded = 0;

    WG_UNROLL for (uint32_t v = 0; v < vectors; v++)
    {
        vf value = code_values(figures, vf_f32((const uint8_t *)(limits->product + v * 16)),
                               vf_f32((const uint8_t *)(limits->residual + v * 16)),
                               vf_f32((const uint8_t *)(limits->norm + v * 16)), va_float(sums[v]));
        vf limit = vf_f32((const uint8_t *)(limits->limit + v * 16));
        excluded |= (uint64_t)vf_below(limit, value) << v * 16;
    }
    return ~excluded;
}

WG_INLINE void codes_panel_block(const uint8_t *codes, size_t stride, uint32_t row_count,
                                 const uint8_t *panel, uint32_t vectors, uint32_t dim,
                                 const wg_codes_limits *limits, uint64_t *masks)
{
    va acc[WG_PANEL_ROWS][WG_PANEL_VECTORS];
    panel_ahead ahead = {limits->ahead, limits->ahead_step};

    panel_sums(codes, stride, row_count, true, panel, vectors, dim, limits->start, ahead, acc);
    WG_UNROLL for (uint32_t r = 0; r < row_count; r++)
    {
        masks[r] = codes_panel_mask(acc[r], vectors, limits, r);
    }
}

WG_INLINE void codes_panel_rows(const uint8_t *codes, size_t stride, uint32_t row_count,
                                const uint8_t *panel, uint32_t vectors, uint32_t dim,
                                const wg_codes_limits *limits, uint64_t *masks)
{
    wg_codes_limits at = *limits;
    uint32_t r = 0;

    for (; r + WG_PANEL_ROWS <= row_count; r += WG_PANEL_ROWS) {
        at.figures = limits->figures + r;
        at.ahead = limits->ahead + r * limits->ahead_stride;
        codes_panel_block(codes + r * stride, stride, WG_PANEL_ROWS, panel, vectors, dim, &at,
                          masks + r);
    }
    at.ahead_step = 0;
    for (; r < row_count; r++) {
        at.figures = limits->figures + r;
        codes_panel_block(codes + r * stride, stride, 1, panel, vectors, dim, &at, masks + r);
    }
}

// The width is a constant in each call, as in panel_widths().
static void codes_panel(const uint8_t *codes, size_t stride, uint32_t row_count,
                        const int8_t *panel, uint32_t width, uint32_t dim,
                        const wg_codes_limits *limits, uint64_t *masks)
{
    const uint8_t *y = (const uint8_t *)panel;

    if (width == 48) codes_panel_rows(codes, stride, row_count, y, 3, dim, limits, masks);
    if (width == 32) codes_panel_rows(codes, stride, row_count, y, 2, dim, limits, masks);
    if (width == 16) codes_panel_rows(codes, stride, row_count, y, 1, dim, limits, masks);
}
#endif
