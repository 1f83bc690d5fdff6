// Plain C: an array of 16 floats is the 16 lanes. fmaf() rounds once on every machine, also where the
// library has to compute it without an instruction for it.
#include "base/bytes.h"
#include "device/cpu/kernels.h"

#include <assert.h>
#include <math.h>

#define WG_LEVEL wg_kernels_scalar
#define WG_LEVEL_NAME "scalar"
#define WG_SCAN_ROWS 1u
#define WG_BATCH_ROWS 1u
#define WG_BATCH_QUERIES 1u
#define WG_PANEL_VECTORS 0
#define INLINE static inline __attribute__((always_inline))

// ---- 16 floats ---------------------------------------------------------------------------------

typedef struct vf {
    float lane[16];
} vf;

INLINE vf vf_zero(void)
{
    return (vf){{0.0f}};
}

INLINE vf vf_f32(const uint8_t *p)
{
    vf v;
    memcpy(&v, p, sizeof(v));
    return v;
}

INLINE vf vf_f16(const uint8_t *p)
{
    vf v;
    for (size_t i = 0; i < 16; i++) {
        v.lane[i] = wg_f16_to_f32(wg_get16(p + 2 * i));
    }
    return v;
}

INLINE vf vf_bf16(const uint8_t *p)
{
    vf v;
    for (size_t i = 0; i < 16; i++) {
        v.lane[i] = wg_bf16_to_f32(wg_get16(p + 2 * i));
    }
    return v;
}

INLINE vf vf_sub(vf a, vf b)
{
    for (size_t i = 0; i < 16; i++) {
        a.lane[i] -= b.lane[i];
    }
    return a;
}

INLINE vf vf_add(vf a, vf b)
{
    for (size_t i = 0; i < 16; i++) {
        a.lane[i] += b.lane[i];
    }
    return a;
}

INLINE vf vf_fma(vf a, vf b, vf c)
{
    for (size_t i = 0; i < 16; i++) {
        c.lane[i] = fmaf(a.lane[i], b.lane[i], c.lane[i]);
    }
    return c;
}

INLINE vf vf_abs(vf a)
{
    for (size_t i = 0; i < 16; i++) {
        a.lane[i] = fabsf(a.lane[i]);
    }
    return a;
}

INLINE vf vf_max(vf a, vf b)
{
    for (size_t i = 0; i < 16; i++) {
        a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    }
    return a;
}

INLINE float vf_sum(vf v)
{
    for (size_t half = 8; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            v.lane[i] += v.lane[i + half];
        }
    }
    return v.lane[0];
}

INLINE float vf_peak(vf v)
{
    float peak = v.lane[0];
    for (size_t i = 1; i < 16; i++) {
        peak = v.lane[i] > peak ? v.lane[i] : peak;
    }
    return peak;
}

// ---- Bytes, widened to 32 int16 ----------------------------------------------------------------

typedef struct vi {
    int16_t lane[32];
} vi;

typedef uint32_t va;

INLINE vi vi_zero(void)
{
    return (vi){{0}};
}

INLINE vi vi_one(void)
{
    vi v;
    for (size_t i = 0; i < 32; i++) {
        v.lane[i] = 1;
    }
    return v;
}

INLINE vi vi_u8(const uint8_t *p)
{
    vi v;
    for (size_t i = 0; i < 32; i++) {
        v.lane[i] = p[i];
    }
    return v;
}

INLINE vi vi_i8(const uint8_t *p)
{
    vi v;
    for (size_t i = 0; i < 32; i++) {
        v.lane[i] = (int8_t)p[i];
    }
    return v;
}

INLINE vi vi_sub(vi a, vi b)
{
    for (size_t i = 0; i < 32; i++) {
        a.lane[i] = (int16_t)(a.lane[i] - b.lane[i]);
    }
    return a;
}

INLINE vi vi_abs(vi a)
{
    for (size_t i = 0; i < 32; i++) {
        a.lane[i] = (int16_t)(a.lane[i] < 0 ? -a.lane[i] : a.lane[i]);
    }
    return a;
}

INLINE vi vi_max(vi a, vi b)
{
    for (size_t i = 0; i < 32; i++) {
        a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    }
    return a;
}

INLINE int32_t vi_peak(vi v)
{
    int32_t peak = v.lane[0];
    for (size_t i = 1; i < 32; i++) {
        peak = v.lane[i] > peak ? v.lane[i] : peak;
    }
    return peak;
}

INLINE va va_zero(void)
{
    return 0;
}

INLINE va va_madd(va acc, vi a, vi b)
{
    for (size_t i = 0; i < 32; i++) {
        acc += (uint32_t)((int32_t)a.lane[i] * b.lane[i]);
    }
    return acc;
}

INLINE uint32_t va_sum(va v)
{
    return v;
}

// ---- 64 bytes ----------------------------------------------------------------------------------

typedef struct vb {
    uint64_t word[8];
} vb;

typedef uint32_t vh;

INLINE vb vb_load(const uint8_t *p)
{
    vb v;
    memcpy(&v, p, sizeof(v));
    return v;
}

INLINE vh vh_zero(void)
{
    return 0;
}

INLINE vh vh_add(vh acc, vb a, vb b)
{
    for (size_t i = 0; i < 8; i++) {
        acc += (uint32_t)__builtin_popcountll(a.word[i] ^ b.word[i]);
    }
    return acc;
}

INLINE uint32_t vh_sum(vh v)
{
    return v;
}

// ---- Compressed codes --------------------------------------------------------------------------

INLINE uint64_t codes_plain(wg_code_kind kind, const uint8_t *codes, size_t stride,
                            const wg_code_figures *figures, uint32_t row_count, const int8_t *plane,
                            uint32_t dim, const wg_code_threshold *threshold)
{
    uint64_t kept = 0;

    for (uint32_t r = 0; r < row_count; r++) {
        float product = (float)wg_code_product(kind, plane, codes + r * stride, dim);
        kept |= (uint64_t)!wg_code_excludes(threshold, &figures[r], product) << r;
    }
    return kept;
}

#define CODES(name, kind)                                                                        \
    static uint64_t codes_##name(                                                                \
        const uint8_t *codes, size_t stride, const wg_code_figures *figures, uint32_t row_count, \
        const int8_t *plane, int32_t sum, uint32_t dim, const wg_code_threshold *threshold)      \
    {                                                                                            \
        (void)sum; /* components are signed here */                                              \
        return codes_plain(kind, codes, stride, figures, row_count, plane, dim, threshold);      \
    }

CODES(i8, WG_CODE_I8)
CODES(i4, WG_CODE_I4)
CODES(b1, WG_CODE_B1)

// ---- Encoders: the reference itself ------------------------------------------------------------

INLINE void encode(wg_code_kind kind, const wg_frame *frame, const void *rows, size_t row_stride,
                   waggle_type type, uint32_t row_count, uint8_t *codes, wg_code_figures *figures,
                   float *scratch)
{
    float *row = scratch, *rest = scratch + wg_encode_stride(frame->dim);

    for (uint32_t r = 0; r < row_count; r++) {
        wg_row_to_f32(type, (const uint8_t *)rows + r * row_stride, frame->dim, row);
        wg_code_encode(frame, kind, row, codes + r * wg_code_stride(kind, frame->dim), &figures[r],
                       rest);
    }
}

#define WG_ENCODE(name, kind)                                                             \
    static void encode_##name(const wg_frame *frame, const void *rows, size_t row_stride, \
                              waggle_type type, uint32_t row_count, uint8_t *codes,       \
                              wg_code_figures *figures, float *scratch)                   \
    {                                                                                     \
        encode(kind, frame, rows, row_stride, type, row_count, codes, figures, scratch);  \
    }

WG_ENCODE(i8, WG_CODE_I8)
WG_ENCODE(i4, WG_CODE_I4)
WG_ENCODE(b1, WG_CODE_B1)

#include "device/cpu/kernels_template.h"
