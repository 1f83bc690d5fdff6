// AVX2 with FMA and F16C: two registers are the 16 lanes.
#include "device/cpu/kernels.h"
#include "vector/code_fit.h"
#include "vector/rotation.h"

#if defined(__x86_64__)
#include <assert.h>
#include <immintrin.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

// 16 registers: 4 rows are 8 accumulators, 2 x 2 tiles another 8, and the rest holds what is loaded.
#define WG_LEVEL wg_kernels_avx2
#define WG_LEVEL_NAME "avx2"
#define WG_SCAN_ROWS 4u
#define WG_BATCH_ROWS 2u
#define WG_BATCH_QUERIES 2u
#define WG_PANEL_ROWS 4u
#define WG_PANEL_VECTORS 1
#define INLINE static inline __attribute__((always_inline))

// ---- 16 floats ---------------------------------------------------------------------------------

typedef struct vf {
    __m256 low, high;
} vf;

INLINE vf vf_zero(void)
{
    return (vf){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

INLINE vf vf_f32(const uint8_t *p)
{
    return (vf){_mm256_loadu_ps((const void *)p), _mm256_loadu_ps((const void *)(p + 32))};
}

INLINE vf vf_f16(const uint8_t *p)
{
    return (vf){_mm256_cvtph_ps(_mm_loadu_si128((const void *)p)),
                _mm256_cvtph_ps(_mm_loadu_si128((const void *)(p + 16)))};
}

INLINE __m256 bf16_half(const uint8_t *p)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

INLINE vf vf_bf16(const uint8_t *p)
{
    return (vf){bf16_half(p), bf16_half(p + 16)};
}

INLINE __m256 u8_half(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p)));
}

INLINE vf vf_u8(const uint8_t *p)
{
    return (vf){u8_half(p), u8_half(p + 8)};
}

INLINE __m256 i8_half(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)));
}

INLINE vf vf_i8(const uint8_t *p)
{
    return (vf){i8_half(p), i8_half(p + 8)};
}

INLINE vf vf_splat(const uint8_t *p)
{
    __m256 all = _mm256_broadcast_ss((const void *)p);
    return (vf){all, all};
}

INLINE void vf_store(uint8_t *p, vf v)
{
    _mm256_storeu_ps((void *)p, v.low);
    _mm256_storeu_ps((void *)(p + 32), v.high);
}

INLINE uint32_t vf_below(vf a, vf b)
{
    int low = _mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ));
    int high = _mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ));
    return (uint32_t)low | (uint32_t)high << 8;
}

INLINE vf vf_sub(vf a, vf b)
{
    return (vf){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}

INLINE vf vf_add(vf a, vf b)
{
    return (vf){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}

INLINE vf vf_mul(vf a, vf b)
{
    return (vf){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}

INLINE vf vf_fma(vf a, vf b, vf c)
{
    return (vf){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

INLINE vf vf_abs(vf a)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (vf){_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}

INLINE vf vf_max(vf a, vf b)
{
    return (vf){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}

INLINE float vf_sum(vf v)
{
    __m256 a = _mm256_add_ps(v.low, v.high);
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}

INLINE float vf_peak(vf v)
{
    __m256 a = _mm256_max_ps(v.low, v.high);
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_shuffle_ps(b, b, 1)));
}

// ---- Bytes, widened to 32 int16 ----------------------------------------------------------------

typedef struct vi {
    __m256i low, high;
} vi;

typedef __m256i va;

INLINE vi vi_zero(void)
{
    return (vi){_mm256_setzero_si256(), _mm256_setzero_si256()};
}

INLINE vi vi_one(void)
{
    return (vi){_mm256_set1_epi16(1), _mm256_set1_epi16(1)};
}

INLINE vi vi_u8(const uint8_t *p)
{
    return (vi){_mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)p)),
                _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)(p + 16)))};
}

INLINE vi vi_i8(const uint8_t *p)
{
    return (vi){_mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)p)),
                _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(p + 16)))};
}

INLINE vi vi_sub(vi a, vi b)
{
    return (vi){_mm256_sub_epi16(a.low, b.low), _mm256_sub_epi16(a.high, b.high)};
}

INLINE vi vi_abs(vi a)
{
    return (vi){_mm256_abs_epi16(a.low), _mm256_abs_epi16(a.high)};
}

INLINE vi vi_max(vi a, vi b)
{
    return (vi){_mm256_max_epi16(a.low, b.low), _mm256_max_epi16(a.high, b.high)};
}

INLINE int32_t vi_peak(vi v)
{
    __m256i a = _mm256_max_epi16(v.low, v.high);
    __m128i b = _mm_max_epi16(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    b = _mm_max_epi16(b, _mm_shuffle_epi32(b, 0x4e));
    b = _mm_max_epi16(b, _mm_shuffle_epi32(b, 0xb1));
    b = _mm_max_epi16(b, _mm_srli_epi32(b, 16));
    return _mm_extract_epi16(b, 0);
}

INLINE va va_zero(void)
{
    return _mm256_setzero_si256();
}

INLINE va va_madd(va acc, vi a, vi b)
{
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(a.low, b.low));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(a.high, b.high));
}

INLINE uint32_t va_sum(va v)
{
    __m128i b = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    b = _mm_add_epi32(b, _mm_shuffle_epi32(b, 0x4e));
    b = _mm_add_epi32(b, _mm_shuffle_epi32(b, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(b);
}

// ---- 64 bytes ----------------------------------------------------------------------------------

typedef struct vb {
    __m256i low, high;
} vb;

typedef __m256i vh; // 4 counts

INLINE vb vb_load(const uint8_t *p)
{
    return (vb){_mm256_loadu_si256((const void *)p), _mm256_loadu_si256((const void *)(p + 32))};
}

INLINE vh vh_zero(void)
{
    return _mm256_setzero_si256();
}

// Bits per byte by looking up both halves of it, then the sums of 8 bytes each.
INLINE __m256i count_bits(__m256i bits)
{
    const __m256i table =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i low = _mm256_set1_epi8(15);
    __m256i counts = _mm256_add_epi8(
        _mm256_shuffle_epi8(table, _mm256_and_si256(bits, low)),
        _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(bits, 4), low)));
    return _mm256_sad_epu8(counts, _mm256_setzero_si256());
}

INLINE vh vh_add(vh acc, vb a, vb b)
{
    acc = _mm256_add_epi64(acc, count_bits(_mm256_xor_si256(a.low, b.low)));
    return _mm256_add_epi64(acc, count_bits(_mm256_xor_si256(a.high, b.high)));
}

INLINE uint32_t vh_sum(vh v) // the upper halves of the counts are zero
{
    return va_sum(v);
}

// ---- Compressed codes --------------------------------------------------------------------------

// Two rows of figures, four apart.
INLINE __m256 figures_pair(const uint8_t *row)
{
    __m128 first = _mm_loadu_ps((const void *)row), second = _mm_loadu_ps((const void *)(row + 64));
    return _mm256_insertf128_ps(_mm256_castps128_ps256(first), second, 1);
}

INLINE void figures_half(const uint8_t *rows, __m256 *v)
{
    __m256 a = figures_pair(rows), b = figures_pair(rows + 16);
    __m256 c = figures_pair(rows + 32), d = figures_pair(rows + 48);
    __m256 ab = _mm256_unpacklo_ps(a, b), cd = _mm256_unpacklo_ps(c, d);

    v[0] = _mm256_shuffle_ps(ab, cd, 0x44);
    v[1] = _mm256_shuffle_ps(ab, cd, 0xee);
    ab = _mm256_unpackhi_ps(a, b);
    cd = _mm256_unpackhi_ps(c, d);
    v[2] = _mm256_shuffle_ps(ab, cd, 0x44);
    v[3] = _mm256_shuffle_ps(ab, cd, 0xee);
}

INLINE void vf_figures(const uint8_t *rows, vf *v)
{
    __m256 low[4], high[4];

    figures_half(rows, low);
    figures_half(rows + 128, high);
    for (int i = 0; i < 4; i++)
        v[i] = (vf){low[i], high[i]};
}

INLINE va va_code_i4(va acc, const uint8_t *code, const uint8_t *plane)
{
    const __m256i low = _mm256_set1_epi8(15);
    vb x = vb_load(code), y = vb_load(plane), z = vb_load(plane + 64);
    __m256i a = _mm256_maddubs_epi16(_mm256_and_si256(x.low, low), y.low);
    __m256i b = _mm256_maddubs_epi16(_mm256_and_si256(x.high, low), y.high);
    __m256i c = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(x.low, 4), low), z.low);
    __m256i d = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(x.high, 4), low), z.high);
    __m256i sums = _mm256_add_epi16(_mm256_add_epi16(a, b), _mm256_add_epi16(c, d));

    return _mm256_add_epi32(acc, _mm256_madd_epi16(sums, _mm256_set1_epi16(1)));
}

// Sums of pairs, in int16, of the components for which bits from byte `from` of code on are set.
INLINE __m256i bits_quarter(__m256i code, char from, const uint8_t *plane)
{
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    const __m256i byte =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    __m256i spread = _mm256_shuffle_epi8(code, _mm256_add_epi8(byte, _mm256_set1_epi8(from)));
    __m256i set = _mm256_min_epu8(_mm256_and_si256(spread, bit), _mm256_set1_epi8(1));

    return _mm256_maddubs_epi16(set, _mm256_loadu_si256((const void *)plane));
}

INLINE va va_code_b1(va acc, const uint8_t *code, const uint8_t *plane)
{
    __m256i bits = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)code));
    __m256i a = bits_quarter(bits, 0, plane), b = bits_quarter(bits, 4, plane + 32);
    __m256i c = bits_quarter(bits, 8, plane + 64), d = bits_quarter(bits, 12, plane + 96);
    __m256i sums = _mm256_add_epi16(_mm256_add_epi16(a, b), _mm256_add_epi16(c, d));

    return _mm256_add_epi32(acc, _mm256_madd_epi16(sums, _mm256_set1_epi16(1)));
}

// Each four lanes: parts of the sums of four rows.
INLINE va va_quad(const va *rows)
{
    va ab = _mm256_add_epi32(_mm256_unpacklo_epi32(rows[0], rows[1]),
                             _mm256_unpackhi_epi32(rows[0], rows[1]));
    va cd = _mm256_add_epi32(_mm256_unpacklo_epi32(rows[2], rows[3]),
                             _mm256_unpackhi_epi32(rows[2], rows[3]));
    return _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
}

INLINE __m256 rows_half(const va *rows, bool twice, int32_t minus)
{
    va a = va_quad(rows), b = va_quad(rows + 4);
    va sums = _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20),
                               _mm256_permute2x128_si256(a, b, 0x31));
    if (twice) sums = _mm256_add_epi32(sums, sums);
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(sums, _mm256_set1_epi32(minus)));
}

INLINE vf va_rows(const va *rows, bool twice, int32_t minus)
{
    return (vf){rows_half(rows, twice, minus), rows_half(rows + 8, twice, minus)};
}

// ---- Encoders ----------------------------------------------------------------------------------

#define WG_ROTATE_VECTORS 4u

INLINE vf vf_min(vf a, vf b)
{
    return (vf){_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}

INLINE vf vf_largest(vf a, vf b)
{
    return vf_max(a, vf_abs(b));
}

INLINE vf vf_head(vf v, uint32_t count)
{
    static const int32_t mask[32] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                     -1, -1, -1, -1, -1, -1, -1, -1};
    const int32_t *from = mask + 16 - count;
    __m256i low = _mm256_loadu_si256((const void *)from);
    __m256i high = _mm256_loadu_si256((const void *)(from + 8));
    return (vf){_mm256_and_ps(v.low, _mm256_castsi256_ps(low)),
                _mm256_and_ps(v.high, _mm256_castsi256_ps(high))};
}

INLINE void vf_bytes(uint8_t *p, vf v)
{
    const __m256i byte = _mm256_set1_epi32(255);
    __m256i low = _mm256_and_si256(_mm256_castps_si256(v.low), byte);
    __m256i high = _mm256_and_si256(_mm256_castps_si256(v.high), byte);
    __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
    __m128i first = _mm256_castsi256_si128(words), second = _mm256_extracti128_si256(words, 1);
    _mm_storeu_si128((void *)p, _mm_packus_epi16(first, second));
}

// A lane's partner plus the lane or minus the lane, rounded once: the multiplication by 1 or -1 is exact.
INLINE vf vf_mix1(vf v)
{
    const __m256 one = _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1);
    return (vf){_mm256_fmadd_ps(v.low, one, _mm256_permute_ps(v.low, 0xb1)),
                _mm256_fmadd_ps(v.high, one, _mm256_permute_ps(v.high, 0xb1))};
}

INLINE vf vf_mix2(vf v)
{
    const __m256 one = _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1);
    return (vf){_mm256_fmadd_ps(v.low, one, _mm256_permute_ps(v.low, 0x4e)),
                _mm256_fmadd_ps(v.high, one, _mm256_permute_ps(v.high, 0x4e))};
}

INLINE vf vf_mix4(vf v)
{
    const __m256 one = _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1);
    return (vf){_mm256_fmadd_ps(v.low, one, _mm256_permute2f128_ps(v.low, v.low, 1)),
                _mm256_fmadd_ps(v.high, one, _mm256_permute2f128_ps(v.high, v.high, 1))};
}

INLINE vf vf_mix8(vf v)
{
    return (vf){_mm256_add_ps(v.low, v.high), _mm256_sub_ps(v.low, v.high)};
}

#include "device/cpu/encode_template.h"
#include "device/cpu/kernels_template.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
