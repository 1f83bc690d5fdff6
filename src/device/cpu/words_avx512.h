// The words of kernels_template.h for AVX-512, one register is the 16 lanes, and then the kernels.
#include <assert.h>
#include <immintrin.h>
#include <string.h>

#define WG_SCAN_ROWS 8u
#define WG_BATCH_ROWS 4u
#define WG_BATCH_QUERIES 4u
#define WG_PANEL_ROWS 8u // 24 accumulators
#define WG_PANEL_VECTORS 3
#define INLINE static inline __attribute__((always_inline))

// ---- 16 floats ---------------------------------------------------------------------------------

typedef __m512 vf;

INLINE vf vf_zero(void)
{
    return _mm512_setzero_ps();
}

INLINE vf vf_f32(const uint8_t *p)
{
    return _mm512_loadu_ps(p);
}

INLINE vf vf_f16(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
}

INLINE vf vf_bf16(const uint8_t *p)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

INLINE vf vf_u8(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p)));
}

INLINE vf vf_i8(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p)));
}

INLINE vf vf_splat(const uint8_t *p)
{
    return _mm512_broadcastss_ps(_mm_load_ss((const void *)p));
}

INLINE void vf_store(uint8_t *p, vf v)
{
    _mm512_storeu_ps(p, v);
}

INLINE uint32_t vf_below(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

INLINE vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

INLINE vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

INLINE vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

INLINE vf vf_abs(vf a)
{
    return _mm512_abs_ps(a);
}

INLINE vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

INLINE float vf_sum(vf v)
{
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}

INLINE float vf_peak(vf v)
{
    __m256 a = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_shuffle_ps(b, b, 1)));
}

// ---- Bytes, widened to 32 int16 ----------------------------------------------------------------

typedef __m512i vi;
typedef __m512i va;

INLINE vi vi_zero(void)
{
    return _mm512_setzero_si512();
}

INLINE vi vi_one(void)
{
    return _mm512_set1_epi16(1);
}

INLINE vi vi_u8(const uint8_t *p)
{
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)p));
}

INLINE vi vi_i8(const uint8_t *p)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const void *)p));
}

INLINE vi vi_sub(vi a, vi b)
{
    return _mm512_sub_epi16(a, b);
}

INLINE vi vi_abs(vi a)
{
    return _mm512_abs_epi16(a);
}

INLINE vi vi_max(vi a, vi b)
{
    return _mm512_max_epi16(a, b);
}

INLINE int32_t vi_peak(vi v)
{
    __m256i a = _mm256_max_epi16(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    __m128i b = _mm_max_epi16(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    b = _mm_max_epi16(b, _mm_shuffle_epi32(b, 0x4e));
    b = _mm_max_epi16(b, _mm_shuffle_epi32(b, 0xb1));
    b = _mm_max_epi16(b, _mm_srli_epi32(b, 16));
    return _mm_extract_epi16(b, 0);
}

INLINE va va_zero(void)
{
    return _mm512_setzero_si512();
}

INLINE va va_madd(va acc, vi a, vi b)
{
#ifdef WG_PANEL_BYTES // VNNI
    return _mm512_dpwssd_epi32(acc, a, b);
#else
    return _mm512_add_epi32(acc, _mm512_madd_epi16(a, b));
#endif
}

INLINE uint32_t va_sum(va v)
{
    __m256i a = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    __m128i b = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    b = _mm_add_epi32(b, _mm_shuffle_epi32(b, 0x4e));
    b = _mm_add_epi32(b, _mm_shuffle_epi32(b, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(b);
}

// Each four lanes: parts of the sums of four rows.
INLINE va va_quad(const va *rows)
{
    va ab = _mm512_add_epi32(_mm512_unpacklo_epi32(rows[0], rows[1]),
                             _mm512_unpackhi_epi32(rows[0], rows[1]));
    va cd = _mm512_add_epi32(_mm512_unpacklo_epi32(rows[2], rows[3]),
                             _mm512_unpackhi_epi32(rows[2], rows[3]));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

// Neighboring quarters of both are added.
INLINE va va_halve(va a, va b)
{
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
}

#define WG_SUM_ROWS 8u

INLINE void va_sums(const va *rows, uint32_t *sums)
{
    va quarters = va_halve(va_quad(rows), va_quad(rows + 4));
    _mm256_storeu_si256((void *)sums, _mm512_castsi512_si256(va_halve(quarters, quarters)));
}

// ---- 64 bytes ----------------------------------------------------------------------------------

typedef __m512i vb;
typedef __m512i vh; // 8 counts

INLINE vb vb_load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}

INLINE vh vh_zero(void)
{
    return _mm512_setzero_si512();
}

#ifdef WG_COUNT_BITS
INLINE vh vh_add(vh acc, vb a, vb b)
{
    return _mm512_add_epi64(acc, _mm512_popcnt_epi64(_mm512_xor_si512(a, b)));
}
#else
// Bits per byte by looking up both halves of it, then the sums of 8 bytes each.
INLINE vh vh_add(vh acc, vb a, vb b)
{
    const __m512i table =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m512i low = _mm512_set1_epi8(15);
    __m512i bits = _mm512_xor_si512(a, b);
    __m512i counts = _mm512_add_epi8(
        _mm512_shuffle_epi8(table, _mm512_and_si512(bits, low)),
        _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(bits, 4), low)));
    return _mm512_add_epi64(acc, _mm512_sad_epu8(counts, _mm512_setzero_si512()));
}

#endif

INLINE uint32_t vh_sum(vh v) // the upper halves of the counts are zero
{
    return va_sum(v);
}

// ---- Panels of bytes ---------------------------------------------------------------------------

#ifdef WG_PANEL_BYTES
INLINE vb vb_flip(vb v) // the upper bit of each byte
{
    return _mm512_xor_si512(v, _mm512_set1_epi8(-128));
}

INLINE void vb_store(uint8_t *p, vb v)
{
    _mm512_storeu_si512(p, v);
}

INLINE va va_splat(const uint8_t *p) // four bytes in all lanes
{
    int32_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    return _mm512_set1_epi32(bytes);
}

INLINE va va_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

// acc + the products of four unsigned and four signed bytes in each lane. The instruction by name: with the intrinsic
// _mm512_dpbusd_epi32, gcc 12 keeps half of 24 accumulators in memory.
INLINE va va_dot(va acc, va unsigned_bytes, va signed_bytes)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(unsigned_bytes), "v"(signed_bytes));
    return acc;
}

INLINE vf va_float(va v)
{
    return _mm512_cvtepi32_ps(v);
}
#endif

// ---- Compressed codes --------------------------------------------------------------------------

INLINE void vf_figures(const uint8_t *rows, vf *v)
{
    const __m512i head =
        _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
    const __m512i tail = _mm512_add_epi32(head, _mm512_set1_epi32(2));
    vf a = vf_f32(rows), b = vf_f32(rows + 64), c = vf_f32(rows + 128), d = vf_f32(rows + 192);
    vf ab = _mm512_permutex2var_ps(a, head, b), cd = _mm512_permutex2var_ps(c, head, d);

    v[0] = _mm512_shuffle_f32x4(ab, cd, 0x44);
    v[1] = _mm512_shuffle_f32x4(ab, cd, 0xee);
    ab = _mm512_permutex2var_ps(a, tail, b);
    cd = _mm512_permutex2var_ps(c, tail, d);
    v[2] = _mm512_shuffle_f32x4(ab, cd, 0x44);
    v[3] = _mm512_shuffle_f32x4(ab, cd, 0xee);
}

// acc + the products of two pairs of small unsigned and signed bytes.
INLINE va va_small(va acc, __m512i a, __m512i x, __m512i b, __m512i y)
{
#ifdef WG_PANEL_BYTES
    return va_dot(va_dot(acc, a, x), b, y);
#else
    __m512i sums = _mm512_add_epi16(_mm512_maddubs_epi16(a, x), _mm512_maddubs_epi16(b, y));
    return va_madd(acc, sums, vi_one());
#endif
}

INLINE va va_code_i4(va acc, const uint8_t *code, const uint8_t *plane)
{
    const __m512i low = _mm512_set1_epi8(15);
    __m512i levels = vb_load(code);
    __m512i high = _mm512_srli_epi16(levels, 4);

    return va_small(acc, _mm512_and_si512(levels, low), vb_load(plane), _mm512_and_si512(high, low),
                    vb_load(plane + 64));
}

INLINE va va_code_b1(va acc, const uint8_t *code, const uint8_t *plane)
{
    const __m512i one = _mm512_set1_epi8(1);
    uint64_t set[2];

    memcpy(set, code, sizeof(set));
    return va_small(acc, one, _mm512_maskz_mov_epi8(set[0], vb_load(plane)), one,
                    _mm512_maskz_mov_epi8(set[1], vb_load(plane + 64)));
}

INLINE vf va_rows(const va *rows, bool twice, int32_t minus)
{
    va sums = va_halve(va_halve(va_quad(rows), va_quad(rows + 4)),
                       va_halve(va_quad(rows + 8), va_quad(rows + 12)));
    if (twice) sums = _mm512_add_epi32(sums, sums);
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(sums, _mm512_set1_epi32(minus)));
}

// ---- Encoders ----------------------------------------------------------------------------------

#define WG_ROTATE_VECTORS 8u

INLINE vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

INLINE vf vf_largest(vf a, vf b)
{
    return _mm512_range_ps(a, b, 0x0b); // the larger magnitude, without its sign
}

INLINE vf vf_head(vf v, uint32_t count)
{
    return _mm512_maskz_mov_ps((__mmask16)((1u << count) - 1u), v);
}

INLINE void vf_bytes(uint8_t *p, vf v)
{
    _mm_storeu_si128((void *)p, _mm512_cvtepi32_epi8(_mm512_castps_si512(v)));
}

// A lane's partner plus the lane or minus the lane, rounded once: the multiplication by 1 or -1 is exact.
INLINE vf vf_mix1(vf v)
{
    const __m512 one = _mm512_setr4_ps(1, -1, 1, -1);
    return _mm512_fmadd_ps(v, one, _mm512_permute_ps(v, 0xb1));
}

INLINE vf vf_mix2(vf v)
{
    const __m512 one = _mm512_setr4_ps(1, 1, -1, -1);
    return _mm512_fmadd_ps(v, one, _mm512_permute_ps(v, 0x4e));
}

INLINE vf vf_mix4(vf v)
{
    const __m512 one = _mm512_setr_ps(1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1);
    return _mm512_fmadd_ps(v, one, _mm512_shuffle_f32x4(v, v, 0xb1));
}

INLINE vf vf_mix8(vf v)
{
    const __m512 one = _mm512_setr_ps(1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1);
    return _mm512_fmadd_ps(v, one, _mm512_shuffle_f32x4(v, v, 0x4e));
}

#include "device/cpu/encode_template.h"
#include "device/cpu/kernels_template.h"
