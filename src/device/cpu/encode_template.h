// The encoders of codes, once for all SIMD levels: vector/code.h says what they compute, and its order of operations is that of
// the words here. A level defines the words of kernels_template.h for floats and these, and includes this file:
//
//   vf_mul, vf_min
//   vf_largest(a, b)    the larger of a >= 0 and |b|
//   vf_head(v, n)       the first n lanes of v, zeros in the others
//   vf_bytes(p, v)      stores the lowest byte of the bits of each lane
//   vf_mix1, 2, 4, 8    each pair (a, b) of lanes j and j + h, j & h = 0, becomes (a + b, a - b)
//   WG_ROTATE_VECTORS   vf that a rotation holds in registers, a power of two
//
// Rows are taken in blocks that stay in the first-level cache, in two passes: the first subtracts the center and measures, the second
// writes codes and measures what is left of the row. The few figures of each row are computed between passes, for the whole block,
// so that the roots and quotients of one row do not wait for another's.
//
// The next block is fetched meanwhile, one half in each pass: whoever fetches in one pass only leaves the memory idle in the other.
// (50,000 rows of 768 float32: 55 % of the read bandwidth by the processor's own fetching or in one pass, 67 % in both.)

#if defined(__clang__)
#define WG_ENCODE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define WG_ENCODE_UNROLL _Pragma("GCC unroll 8")
#endif

// Squares of int8 components are summed in floats, exactly: 127^2 * 1024 < 2^24.
#define WG_ENCODE_EXACT 1024u
static_assert(127u * 127u * WG_ENCODE_EXACT < 1u << 24, "sums of squares are exact");

// fma(a, b, this) is an integer in the lowest bits, rint(ab) + 128: its lowest byte is that of an int8 code.
#define WG_ENCODE_INTEGER 0x1.8p23f

typedef struct encoder {
    const wg_frame *frame;
    waggle_type type;
    uint32_t size; // of a component
    size_t row_stride;
    size_t code_stride;
    size_t y_stride; // floats
    float *center;   // with zeros behind it, as rows have
    float *factors;  // of both passes of the rotation
    float *y;        // rows of a block, as the frame sees them, with zeros behind each
    uint32_t block;  // of the rotation, in components
    uint32_t rows;   // of a block
} encoder;

INLINE vf vf_floats(const float *p)
{
    return vf_f32((const void *)p);
}

INLINE vf vf_all(float value)
{
    return vf_splat((const void *)&value);
}

INLINE void vf_put(float *p, vf v)
{
    vf_store((void *)p, v);
}

// ---- The rotation (vector/rotation.h) ----------------------------------------------------------

INLINE void rotate_level(vf *v, uint32_t vectors, uint32_t h)
{
    WG_ENCODE_UNROLL for (uint32_t k = 0; k < vectors / 2; k++)
    {
        uint32_t j = k / h * 2 * h + k % h;
        vf a = v[j], b = v[j + h];
        v[j] = vf_add(a, b);
        v[j + h] = vf_sub(a, b);
    }
}

// The factors, and the levels that fit registers.
INLINE void rotate_start(float *y, const float *factors, uint32_t vectors)
{
    vf v[WG_ROTATE_VECTORS];

    WG_ENCODE_UNROLL for (uint32_t k = 0; k < vectors; k++)
    {
        vf x = vf_mul(vf_floats(y + 16 * k), vf_floats(factors + 16 * k));
        v[k] = vf_mix8(vf_mix4(vf_mix2(vf_mix1(x))));
    }
    if (vectors > 1) rotate_level(v, vectors, 1);
    if (vectors > 2) rotate_level(v, vectors, 2);
    if (vectors > 4) rotate_level(v, vectors, 4);
    WG_ENCODE_UNROLL for (uint32_t k = 0; k < vectors; k++) vf_put(y + 16 * k, v[k]);
}

static_assert(WG_ROTATE_VECTORS <= 8, "levels of rotate_start");

static void rotate_two_levels(float *y, uint32_t size, uint32_t h)
{
    for (uint32_t first = 0; first < size; first += 4 * h) {
        for (float *p = y + first; p < y + first + h; p += 16) {
            vf a = vf_floats(p), b = vf_floats(p + h);
            vf c = vf_floats(p + 2 * h), d = vf_floats(p + 3 * h);
            vf ab = vf_add(a, b), cd = vf_add(c, d);
            a = vf_sub(a, b);
            c = vf_sub(c, d);
            vf_put(p, vf_add(ab, cd));
            vf_put(p + h, vf_add(a, c));
            vf_put(p + 2 * h, vf_sub(ab, cd));
            vf_put(p + 3 * h, vf_sub(a, c));
        }
    }
}

static void rotate_one_level(float *y, uint32_t size, uint32_t h)
{
    for (uint32_t first = 0; first < size; first += 2 * h) {
        for (float *p = y + first; p < y + first + h; p += 16) {
            vf a = vf_floats(p), b = vf_floats(p + h);
            vf_put(p, vf_add(a, b));
            vf_put(p + h, vf_sub(a, b));
        }
    }
}

static void rotate_block(float *y, const float *factors, uint32_t size)
{
    uint32_t h = size >= 16 * WG_ROTATE_VECTORS ? 16 * WG_ROTATE_VECTORS : 16;

    for (uint32_t at = 0; at < size; at += h) {
        if (h == 16)
            rotate_start(y + at, factors + at, 1);
        else
            rotate_start(y + at, factors + at, WG_ROTATE_VECTORS);
    }
    for (; 4 * h <= size; h *= 4) {
        rotate_two_levels(y, size, h);
    }
    if (h < size) rotate_one_level(y, size, h);
}

static void rotate_row(const encoder *e, float *y)
{
    uint32_t dim = e->frame->dim;

    if (e->block < 16) {
        wg_rotate(y, dim, e->frame->seed);
        return;
    }
    rotate_block(y, e->factors, e->block);
    if (e->block < dim) rotate_block(y + (dim - e->block), e->factors + e->block, e->block);
}

// ---- The first pass: y = x - c, and its measures -----------------------------------------------

// Asks for the line of the rows to come that goes with these components: one half of it, the other pass asks for the other.
INLINE void fetch(const uint8_t *ahead, size_t bytes)
{
    __builtin_prefetch(ahead + bytes / 2);
}

typedef struct measures {
    vf square;
    vf peak; // 1-bit: the sum
} measures;

INLINE void measure(measures *m, vf y, wg_code_kind kind)
{
    m->square = vf_fma(y, y, m->square);
    m->peak = kind == WG_CODE_B1 ? vf_add(m->peak, vf_abs(y)) : vf_largest(m->peak, y);
}

INLINE void measures_finish(const measures *m, wg_code_kind kind, wg_code_fit *fit)
{
    fit->square = vf_sum(m->square);
    fit->peak = kind == WG_CODE_B1 ? vf_sum(m->peak) : vf_peak(m->peak);
}

// wants_product: the metric is not l2. rotated: y is measured later.
#define WG_ENCODE_CENTER(type, size)                                                            \
    INLINE void center_##type(const encoder *e, wg_code_kind kind, bool wants_product,          \
                              bool rotated, const uint8_t *row, float *y, const uint8_t *ahead, \
                              wg_code_fit *fit)                                                 \
    {                                                                                           \
        const float *center = e->center;                                                        \
        size_t dim = e->frame->dim;                                                             \
        measures m = {vf_zero(), vf_zero()};                                                    \
        vf product = vf_zero();                                                                 \
                                                                                                \
        for (size_t i = 0; i < dim; i += 16) {                                                  \
            vf c = vf_floats(center + i);                                                       \
            vf d = vf_sub(vf_##type(row + i * (size)), c);                                      \
            if (wants_product) product = vf_fma(c, d, product);                                 \
            if (!rotated) measure(&m, d, kind);                                                 \
            vf_put(y + i, d);                                                                   \
            fetch(ahead, i *(size));                                                            \
        }                                                                                       \
        fit->center_product = vf_sum(product);                                                  \
        if (!rotated) measures_finish(&m, kind, fit);                                           \
    }                                                                                           \
                                                                                                \
    INLINE void first_pass_##type(const encoder *e, wg_code_kind kind, const uint8_t *row,      \
                                  float *y, const uint8_t *ahead, wg_code_fit *fit)             \
    {                                                                                           \
        bool rotated = kind == WG_CODE_B1 || e->frame->rotated;                                 \
                                                                                                \
        if (e->frame->metric == WAGGLE_L2 && rotated)                                           \
            center_##type(e, kind, false, true, row, y, ahead, fit);                            \
        else if (e->frame->metric == WAGGLE_L2)                                                 \
            center_##type(e, kind, false, false, row, y, ahead, fit);                           \
        else if (rotated)                                                                       \
            center_##type(e, kind, true, true, row, y, ahead, fit);                             \
        else                                                                                    \
            center_##type(e, kind, true, false, row, y, ahead, fit);                            \
    }

WG_ENCODE_CENTER(f32, 4)
WG_ENCODE_CENTER(f16, 2)
WG_ENCODE_CENTER(bf16, 2)

INLINE void measure_row(const encoder *e, wg_code_kind kind, const float *y, wg_code_fit *fit)
{
    size_t dim = e->frame->dim;
    measures m = {vf_zero(), vf_zero()};

    for (size_t i = 0; i < dim; i += 16)
        measure(&m, vf_floats(y + i), kind);
    measures_finish(&m, kind, fit);
}

INLINE void first_pass(const encoder *e, wg_code_kind kind, const uint8_t *row, float *y,
                       const uint8_t *ahead, wg_code_fit *fit)
{
    if (e->type == WAGGLE_F32) first_pass_f32(e, kind, row, y, ahead, fit);
    if (e->type == WAGGLE_F16) first_pass_f16(e, kind, row, y, ahead, fit);
    if (e->type == WAGGLE_BF16) first_pass_bf16(e, kind, row, y, ahead, fit);
    if (e->frame->rotated) rotate_row(e, y);
    if (e->frame->rotated || kind == WG_CODE_B1) measure_row(e, kind, y, fit);
}

// ---- The second pass: codes, and what they leave -----------------------------------------------

INLINE void write_i8(const encoder *e, const float *y, uint8_t *code, const uint8_t *ahead,
                     wg_code_fit *fit)
{
    const vf inverse = vf_all(fit->inverse), scale = vf_all(-fit->scale);
    const vf integer = vf_all(WG_ENCODE_INTEGER + 128.0f);
    size_t count = e->code_stride, size = e->size;
    uint32_t code_square = 0;
    vf rest = vf_zero();

    for (size_t first = 0; first < count; first += WG_ENCODE_EXACT) {
        size_t end = WG_MIN(first + WG_ENCODE_EXACT, count);
        vf square = vf_zero();
        for (size_t i = first; i < end; i += 16) { // behind dim, z and e are zero
            vf x = vf_floats(y + i);
            vf level = vf_fma(x, inverse, integer);
            vf z = vf_sub(level, integer);
            vf left = vf_fma(scale, z, x);
            rest = vf_fma(left, left, rest);
            square = vf_fma(z, z, square);
            vf_bytes(code + i, level);
            fetch(ahead, i * size);
        }
        code_square += (uint32_t)vf_sum(square);
    }
    fit->rest_square = vf_sum(rest);
    fit->code_square = code_square;
}

typedef struct nibbles {
    vf inverse;
    vf scale; // negative
    vf rest;
    vf square;
} nibbles;

// Levels of 16 components, as integers in the lowest bits. count of them are of the row.
INLINE vf nibbles_take(nibbles *n, const float *y, uint32_t count)
{
    const vf integer = vf_all(WG_ENCODE_INTEGER);
    vf x = vf_floats(y);
    vf level = vf_fma(x, n->inverse, vf_all(7.5f));

    level = vf_add(vf_min(vf_max(level, vf_zero()), vf_all(15.0f)), integer);
    vf z = vf_fma(vf_sub(level, integer), vf_all(2.0f), vf_all(-15.0f));
    vf left = vf_fma(n->scale, z, x);
    if (count < 16) {
        left = vf_head(left, count);
        z = vf_head(z, count);
    }
    n->rest = vf_fma(left, left, n->rest);
    n->square = vf_fma(z, z, n->square);
    return level;
}

// 128 components are 64 bytes; whole: all are of the row.
INLINE void nibbles_block(nibbles *n, const float *y, size_t dim, bool whole, uint8_t *code)
{
    vf low[4];

    WG_ENCODE_UNROLL for (uint32_t v = 0; v < 8; v++)
    {
        size_t at = 16 * v;
        uint32_t count = whole || at + 16 <= dim ? 16 : at < dim ? (uint32_t)(dim - at) : 0;
        vf level = nibbles_take(n, y + at, count);
        if (v < 4) {
            low[v] = level;
        } else {
            vf high = vf_sub(level, vf_all(WG_ENCODE_INTEGER));
            vf_bytes(code + at - 64, vf_fma(high, vf_all(16.0f), low[v - 4]));
        }
    }
}

// Squares need no parts here: 15^2 * 65,536 < 2^24.
INLINE void write_i4(const encoder *e, const float *y, uint8_t *code, const uint8_t *ahead,
                     wg_code_fit *fit)
{
    nibbles n = {vf_all(fit->inverse), vf_all(-fit->scale), vf_zero(), vf_zero()};
    size_t dim = e->frame->dim, size = e->size, i = 0;

    for (; i + 128 <= dim; i += 128) {
        for (size_t at = i * size; at < (i + 128) * size; at += 128)
            fetch(ahead, at);
        nibbles_block(&n, y + i, 128, true, code + i / 2);
    }
    if (i < dim) nibbles_block(&n, y + i, dim - i, false, code + i / 2);
    fit->rest_square = vf_sum(n.rest);
    fit->code_square = (uint32_t)vf_sum(n.square);
}

// |y - s z| = ||y| - s|.
INLINE void write_b1(const encoder *e, const float *y, uint8_t *code, const uint8_t *ahead,
                     wg_code_fit *fit)
{
    const vf scale = vf_all(fit->scale);
    uint32_t dim = e->frame->dim;
    size_t size = e->size;
    vf rest = vf_zero();

    wg_code_clear(WG_CODE_B1, code, dim);
    for (uint32_t i = 0; i < dim; i += 16) {
        uint32_t count = WG_MIN(dim - i, 16u);
        vf x = vf_floats(y + i);
        vf left = vf_sub(vf_abs(x), scale);
        uint32_t bits = ~vf_below(x, vf_zero()) & ((1u << count) - 1u);
        if (count < 16) left = vf_head(left, count);
        rest = vf_fma(left, left, rest);
        code[i / 8] = (uint8_t)bits;
        code[i / 8 + 1] = (uint8_t)(bits >> 8);
        fetch(ahead, i * size);
    }
    fit->rest_square = vf_sum(rest);
    fit->code_square = dim;
}

// ---- Blocks of rows ----------------------------------------------------------------------------

INLINE void second_pass(const encoder *e, wg_code_kind kind, const float *y, uint8_t *code,
                        const uint8_t *ahead, wg_code_fit *fit)
{
    if (kind == WG_CODE_I8) write_i8(e, y, code, ahead, fit);
    if (kind == WG_CODE_I4) write_i4(e, y, code, ahead, fit);
    if (kind == WG_CODE_B1) write_b1(e, y, code, ahead, fit);
}

INLINE void encode_block(const encoder *e, wg_code_kind kind, const uint8_t *rows,
                         uint32_t row_count, uint8_t *codes, wg_code_figures *figures)
{
    wg_code_fit fits[WG_ENCODE_ROWS];
    bool has_image[WG_ENCODE_ROWS];
    const uint8_t *ahead = rows + e->rows * e->row_stride; // by half a row per row and pass

    for (uint32_t r = 0; r < row_count; r++, ahead += e->row_stride / 2) {
        first_pass(e, kind, rows + r * e->row_stride, e->y + r * e->y_stride, ahead, &fits[r]);
    }
    for (uint32_t r = 0; r < row_count; r++) {
        has_image[r] = wg_code_fit_scale(&fits[r], kind, e->frame->dim);
    }
    for (uint32_t r = 0; r < row_count; r++, ahead += e->row_stride / 2) {
        uint8_t *code = codes + r * e->code_stride;
        if (has_image[r])
            second_pass(e, kind, e->y + r * e->y_stride, code, ahead, &fits[r]);
        else
            wg_code_clear(kind, code, e->frame->dim);
    }
    for (uint32_t r = 0; r < row_count; r++) {
        figures[r] = wg_code_fit_figures(&fits[r], e->frame, kind);
    }
}

static encoder encoder_make(const wg_frame *frame, wg_code_kind kind, size_t row_stride,
                            waggle_type type, float *scratch)
{
    uint32_t dim = frame->dim;
    size_t stride = wg_encode_stride(dim);
    encoder e = {.frame = frame,
                 .type = type,
                 .size = (uint32_t)wg_type_size(type),
                 .row_stride = row_stride,
                 .code_stride = wg_code_stride(kind, dim),
                 .y_stride = stride,
                 .center = scratch,
                 .factors = scratch + stride,
                 .y = scratch + 3 * stride,
                 .block = wg_rotation_block(dim),
                 .rows = wg_encode_rows(dim)};

    memset(scratch, 0, wg_encode_scratch(dim) * sizeof(float));
    memcpy(e.center, frame->center, dim * sizeof(float));
    for (uint32_t pass = 0; frame->rotated && pass < wg_rotation_passes(dim); pass++) {
        wg_rotation_factors(dim, frame->seed, pass, e.factors + pass * e.block);
    }
    return e;
}

#define WG_ENCODE(name, kind)                                                             \
    static void encode_##name(const wg_frame *frame, const void *rows, size_t row_stride, \
                              waggle_type type, uint32_t row_count, uint8_t *codes,       \
                              wg_code_figures *figures, float *scratch)                   \
    {                                                                                     \
        encoder e = encoder_make(frame, kind, row_stride, type, scratch);                 \
        const uint8_t *x = rows;                                                          \
                                                                                          \
        for (uint32_t r = 0; r < row_count; r += e.rows) {                                \
            encode_block(&e, kind, x + r * row_stride, WG_MIN(e.rows, row_count - r),     \
                         codes + r * e.code_stride, figures + r);                         \
        }                                                                                 \
    }

WG_ENCODE(i8, WG_CODE_I8)
WG_ENCODE(i4, WG_CODE_I4)
WG_ENCODE(b1, WG_CODE_B1)
