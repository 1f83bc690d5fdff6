// NEON: four registers are the 16 lanes. Every AArch64 processor has it.
#include "device/cpu/kernels.h"
#include "vector/code_fit.h"
#include "vector/rotation.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#include <assert.h>
#include <string.h>

// 32 registers: 4 rows are 16 accumulators, as are 2 x 2 tiles, and the rest holds what is loaded.
#define WG_LEVEL wg_kernels_neon
#define WG_LEVEL_NAME "neon"
#define WG_SCAN_ROWS 4u
#define WG_BATCH_ROWS 2u
#define WG_BATCH_QUERIES 2u
#define WG_PANEL_ROWS 4u // 16 accumulators
#define WG_PANEL_VECTORS 1
#define INLINE static inline __attribute__((always_inline))

// ---- 16 floats ---------------------------------------------------------------------------------

typedef struct vf {
    float32x4_t a, b, c, d;
} vf;

INLINE vf vf_zero(void)
{
    return (vf){vdupq_n_f32(0.0f), vdupq_n_f32(0.0f), vdupq_n_f32(0.0f), vdupq_n_f32(0.0f)};
}

INLINE vf vf_f32(const uint8_t *p)
{
    const float *f = (const void *)p;
    return (vf){vld1q_f32(f), vld1q_f32(f + 4), vld1q_f32(f + 8), vld1q_f32(f + 12)};
}

INLINE float32x4_t f16_quarter(const uint8_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const void *)p)));
}

INLINE vf vf_f16(const uint8_t *p)
{
    return (vf){f16_quarter(p), f16_quarter(p + 8), f16_quarter(p + 16), f16_quarter(p + 24)};
}

INLINE float32x4_t bf16_quarter(const uint8_t *p)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16((const void *)p), 16));
}

INLINE vf vf_bf16(const uint8_t *p)
{
    return (vf){bf16_quarter(p), bf16_quarter(p + 8), bf16_quarter(p + 16), bf16_quarter(p + 24)};
}

INLINE vf vf_u8(const uint8_t *p)
{
    uint8x16_t bytes = vld1q_u8(p);
    uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
    return (vf){vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))), vcvtq_f32_u32(vmovl_high_u16(low)),
                vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))), vcvtq_f32_u32(vmovl_high_u16(high))};
}

INLINE vf vf_i8(const uint8_t *p)
{
    int8x16_t bytes = vreinterpretq_s8_u8(vld1q_u8(p));
    int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    return (vf){vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))};
}

INLINE vf vf_splat(const uint8_t *p)
{
    float32x4_t all = vld1q_dup_f32((const void *)p);
    return (vf){all, all, all, all};
}

INLINE void vf_store(uint8_t *p, vf v)
{
    float *f = (void *)p;
    vst1q_f32(f, v.a);
    vst1q_f32(f + 4, v.b);
    vst1q_f32(f + 8, v.c);
    vst1q_f32(f + 12, v.d);
}

// Four bits of a comparison.
INLINE uint32_t below_quarter(float32x4_t x, float32x4_t y)
{
    static const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcltq_f32(x, y), vld1q_u32(bits)));
}

INLINE uint32_t vf_below(vf x, vf y)
{
    return below_quarter(x.a, y.a) | below_quarter(x.b, y.b) << 4 | below_quarter(x.c, y.c) << 8 |
           below_quarter(x.d, y.d) << 12;
}

INLINE vf vf_sub(vf x, vf y)
{
    return (vf){vsubq_f32(x.a, y.a), vsubq_f32(x.b, y.b), vsubq_f32(x.c, y.c), vsubq_f32(x.d, y.d)};
}

INLINE vf vf_add(vf x, vf y)
{
    return (vf){vaddq_f32(x.a, y.a), vaddq_f32(x.b, y.b), vaddq_f32(x.c, y.c), vaddq_f32(x.d, y.d)};
}

INLINE vf vf_mul(vf x, vf y)
{
    return (vf){vmulq_f32(x.a, y.a), vmulq_f32(x.b, y.b), vmulq_f32(x.c, y.c), vmulq_f32(x.d, y.d)};
}

INLINE vf vf_fma(vf x, vf y, vf z)
{
    return (vf){vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b), vfmaq_f32(z.c, x.c, y.c),
                vfmaq_f32(z.d, x.d, y.d)};
}

INLINE vf vf_abs(vf x)
{
    return (vf){vabsq_f32(x.a), vabsq_f32(x.b), vabsq_f32(x.c), vabsq_f32(x.d)};
}

INLINE vf vf_max(vf x, vf y)
{
    return (vf){vmaxq_f32(x.a, y.a), vmaxq_f32(x.b, y.b), vmaxq_f32(x.c, y.c), vmaxq_f32(x.d, y.d)};
}

INLINE float vf_sum(vf x)
{
    float32x4_t four = vaddq_f32(vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d));
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

INLINE float vf_peak(vf x)
{
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(x.a, x.c), vmaxq_f32(x.b, x.d)));
}

// ---- Bytes, widened to 32 int16 ----------------------------------------------------------------

typedef struct vi {
    int16x8_t a, b, c, d;
} vi;

typedef int32x4_t va;

INLINE vi vi_zero(void)
{
    return (vi){vdupq_n_s16(0), vdupq_n_s16(0), vdupq_n_s16(0), vdupq_n_s16(0)};
}

INLINE vi vi_one(void)
{
    return (vi){vdupq_n_s16(1), vdupq_n_s16(1), vdupq_n_s16(1), vdupq_n_s16(1)};
}

INLINE int16x8_t u8_quarter(const uint8_t *p)
{
    return vreinterpretq_s16_u16(vmovl_u8(vld1_u8(p)));
}

INLINE vi vi_u8(const uint8_t *p)
{
    return (vi){u8_quarter(p), u8_quarter(p + 8), u8_quarter(p + 16), u8_quarter(p + 24)};
}

INLINE int16x8_t i8_quarter(const uint8_t *p)
{
    return vmovl_s8(vld1_s8((const void *)p));
}

INLINE vi vi_i8(const uint8_t *p)
{
    return (vi){i8_quarter(p), i8_quarter(p + 8), i8_quarter(p + 16), i8_quarter(p + 24)};
}

INLINE vi vi_sub(vi x, vi y)
{
    return (vi){vsubq_s16(x.a, y.a), vsubq_s16(x.b, y.b), vsubq_s16(x.c, y.c), vsubq_s16(x.d, y.d)};
}

INLINE vi vi_abs(vi x)
{
    return (vi){vabsq_s16(x.a), vabsq_s16(x.b), vabsq_s16(x.c), vabsq_s16(x.d)};
}

INLINE vi vi_max(vi x, vi y)
{
    return (vi){vmaxq_s16(x.a, y.a), vmaxq_s16(x.b, y.b), vmaxq_s16(x.c, y.c), vmaxq_s16(x.d, y.d)};
}

INLINE int32_t vi_peak(vi x)
{
    return vmaxvq_s16(vmaxq_s16(vmaxq_s16(x.a, x.b), vmaxq_s16(x.c, x.d)));
}

INLINE va va_zero(void)
{
    return vdupq_n_s32(0);
}

INLINE va madd_quarter(va acc, int16x8_t x, int16x8_t y)
{
    acc = vmlal_s16(acc, vget_low_s16(x), vget_low_s16(y));
    return vmlal_high_s16(acc, x, y);
}

INLINE va va_madd(va acc, vi x, vi y)
{
    acc = madd_quarter(madd_quarter(acc, x.a, y.a), x.b, y.b);
    return madd_quarter(madd_quarter(acc, x.c, y.c), x.d, y.d);
}

INLINE uint32_t va_sum(va x)
{
    return vaddvq_u32(vreinterpretq_u32_s32(x));
}

// ---- 64 bytes ----------------------------------------------------------------------------------

typedef struct vb {
    uint8x16_t a, b, c, d;
} vb;

typedef uint32x4_t vh; // 4 counts

INLINE vb vb_load(const uint8_t *p)
{
    return (vb){vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)};
}

INLINE vh vh_zero(void)
{
    return vdupq_n_u32(0);
}

// Bits per byte: at most 8 each, so the sum of four registers stays below 256.
INLINE vh vh_add(vh acc, vb x, vb y)
{
    uint8x16_t ab = vaddq_u8(vcntq_u8(veorq_u8(x.a, y.a)), vcntq_u8(veorq_u8(x.b, y.b)));
    uint8x16_t cd = vaddq_u8(vcntq_u8(veorq_u8(x.c, y.c)), vcntq_u8(veorq_u8(x.d, y.d)));
    return vpadalq_u16(acc, vpaddlq_u8(vaddq_u8(ab, cd)));
}

INLINE uint32_t vh_sum(vh x)
{
    return vaddvq_u32(x);
}

// ---- Compressed codes --------------------------------------------------------------------------

INLINE void vf_figures(const uint8_t *rows, vf *v)
{
    const float *f = (const void *)rows;
    float32x4x4_t a = vld4q_f32(f), b = vld4q_f32(f + 16);
    float32x4x4_t c = vld4q_f32(f + 32), d = vld4q_f32(f + 48);

    for (int i = 0; i < 4; i++)
        v[i] = (vf){a.val[i], b.val[i], c.val[i], d.val[i]};
}

// Levels of 16 bytes of code, with both halves of a block of 128 components: four products for each int16.
INLINE int16x8_t i4_quarter(int16x8_t sums, const uint8_t *code, const uint8_t *plane)
{
    uint8x16_t levels = vld1q_u8(code);
    int8x16_t low = vreinterpretq_s8_u8(vandq_u8(levels, vdupq_n_u8(15)));
    int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(levels, 4));
    int8x16_t x = vld1q_s8((const void *)plane), y = vld1q_s8((const void *)(plane + 64));

    sums = vmlal_s8(sums, vget_low_s8(low), vget_low_s8(x));
    sums = vmlal_high_s8(sums, low, x);
    sums = vmlal_s8(sums, vget_low_s8(high), vget_low_s8(y));
    return vmlal_high_s8(sums, high, y);
}

INLINE va va_code_i4(va acc, const uint8_t *code, const uint8_t *plane)
{
    int16x8_t ab = i4_quarter(vdupq_n_s16(0), code, plane);
    int16x8_t cd = i4_quarter(vdupq_n_s16(0), code + 32, plane + 32);

    ab = i4_quarter(ab, code + 16, plane + 16);
    cd = i4_quarter(cd, code + 48, plane + 48);
    return vpadalq_s16(acc, vaddq_s16(ab, cd));
}

// Sums of pairs, in int16, of the components for which the bits of two bytes are set.
INLINE int16x8_t b1_eighth(int16x8_t sums, const uint8_t *code, const uint8_t *plane)
{
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    uint8x16_t set = vtstq_u8(vcombine_u8(vld1_dup_u8(code), vld1_dup_u8(code + 1)), bit);

    return vpadalq_s8(sums, vreinterpretq_s8_u8(vandq_u8(set, vld1q_u8(plane))));
}

INLINE int16x8_t b1_quarter(int16x8_t sums, const uint8_t *code, const uint8_t *plane)
{
    return b1_eighth(b1_eighth(sums, code, plane), code + 2, plane + 16);
}

INLINE va va_code_b1(va acc, const uint8_t *code, const uint8_t *plane)
{
    int16x8_t ab = b1_quarter(vdupq_n_s16(0), code, plane);
    int16x8_t cd = b1_quarter(vdupq_n_s16(0), code + 8, plane + 64);

    ab = b1_quarter(ab, code + 4, plane + 32);
    cd = b1_quarter(cd, code + 12, plane + 96);
    return vpadalq_s16(acc, vaddq_s16(ab, cd));
}

INLINE float32x4_t rows_quarter(const va *rows, bool twice, int32_t minus)
{
    va sums = vpaddq_s32(vpaddq_s32(rows[0], rows[1]), vpaddq_s32(rows[2], rows[3]));
    if (twice) sums = vaddq_s32(sums, sums);
    return vcvtq_f32_s32(vsubq_s32(sums, vdupq_n_s32(minus)));
}

INLINE vf va_rows(const va *rows, bool twice, int32_t minus)
{
    return (vf){rows_quarter(rows, twice, minus), rows_quarter(rows + 4, twice, minus),
                rows_quarter(rows + 8, twice, minus), rows_quarter(rows + 12, twice, minus)};
}

// ---- Encoders ----------------------------------------------------------------------------------

#define WG_ROTATE_VECTORS 4u

INLINE vf vf_min(vf x, vf y)
{
    return (vf){vminq_f32(x.a, y.a), vminq_f32(x.b, y.b), vminq_f32(x.c, y.c), vminq_f32(x.d, y.d)};
}

INLINE vf vf_largest(vf x, vf y)
{
    return vf_max(x, vf_abs(y));
}

INLINE float32x4_t head_quarter(float32x4_t x, const uint32_t *mask)
{
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), vld1q_u32(mask)));
}

INLINE vf vf_head(vf x, uint32_t count)
{
    static const uint32_t mask[32] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u,
                                      ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
    const uint32_t *from = mask + 16 - count;
    return (vf){head_quarter(x.a, from), head_quarter(x.b, from + 4), head_quarter(x.c, from + 8),
                head_quarter(x.d, from + 12)};
}

INLINE uint16x8_t narrow_half(float32x4_t x, float32x4_t y)
{
    return vcombine_u16(vmovn_u32(vreinterpretq_u32_f32(x)), vmovn_u32(vreinterpretq_u32_f32(y)));
}

INLINE void vf_bytes(uint8_t *p, vf x)
{
    vst1q_u8(p, vcombine_u8(vmovn_u16(narrow_half(x.a, x.b)), vmovn_u16(narrow_half(x.c, x.d))));
}

// A lane's partner plus the lane or minus the lane, rounded once: the multiplication by 1 or -1 is exact.
INLINE float32x4_t mix1_quarter(float32x4_t x)
{
    static const float one[4] = {1, -1, 1, -1};
    return vfmaq_f32(vrev64q_f32(x), x, vld1q_f32(one));
}

INLINE vf vf_mix1(vf x)
{
    return (vf){mix1_quarter(x.a), mix1_quarter(x.b), mix1_quarter(x.c), mix1_quarter(x.d)};
}

INLINE float32x4_t mix2_quarter(float32x4_t x)
{
    static const float one[4] = {1, 1, -1, -1};
    return vfmaq_f32(vextq_f32(x, x, 2), x, vld1q_f32(one));
}

INLINE vf vf_mix2(vf x)
{
    return (vf){mix2_quarter(x.a), mix2_quarter(x.b), mix2_quarter(x.c), mix2_quarter(x.d)};
}

INLINE vf vf_mix4(vf x)
{
    return (vf){vaddq_f32(x.a, x.b), vsubq_f32(x.a, x.b), vaddq_f32(x.c, x.d), vsubq_f32(x.c, x.d)};
}

INLINE vf vf_mix8(vf x)
{
    return (vf){vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d), vsubq_f32(x.a, x.c), vsubq_f32(x.b, x.d)};
}

#include "device/cpu/encode_template.h"
#include "device/cpu/kernels_template.h"

#endif
