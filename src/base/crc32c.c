// CRC32C: the polynomial 0x1EDC6F41, bits reflected, start and end inverted (RFC 3720 appendix B.4).
//
// The instruction of SSE4.2 and ARMv8 takes 8 bytes per cycle but answers after three, so three lanes
// run over neighboring parts of the data and are joined afterwards. Shifting a CRC over n bytes is a
// multiplication by x^(8n) modulo the polynomial. On x86 it is one carry-less multiplication and one
// crc32 of the 64-bit product, which itself multiplies by x^33: hence the constants x^(8n - 33). On ARM
// it is 32 steps of shift and add, once per 6 KiB, so that no further extension is asked for.
//
// Measured on one core of a Xeon: 14 GB/s in cache, 9 GB/s from memory, 0.7 GB/s by the table.
#include "base/bytes.h"
#include "base/hash.h"

#include <pthread.h>

#define POLYNOMIAL 0x82F63B78u // reflected

// ---- The table ----------------------------------------------------------------------------------

// slices[k][b] is the CRC of byte b followed by k zero bytes: eight look-ups advance eight bytes.
static uint32_t slices[8][256];
static pthread_once_t slices_once = PTHREAD_ONCE_INIT;

static void slices_init(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        slices[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int k = 1; k < 8; k++)
            slices[k][byte] = slices[k - 1][byte] >> 8 ^ slices[0][slices[k - 1][byte] & 0xFF];
}

static uint32_t slice_word(uint32_t crc, const uint8_t *data)
{
    uint64_t word = wg_get64(data) ^ crc;
    uint32_t next = 0;
    for (int i = 0; i < 8; i++)
        next ^= slices[7 - i][word >> 8 * i & 0xFF];
    return next;
}

uint32_t wg_crc32c_table(uint32_t crc, const void *data, size_t size)
{
    pthread_once(&slices_once, slices_init);
    const uint8_t *at = data;
    crc = ~crc;
    for (; size >= 8; size -= 8, at += 8)
        crc = slice_word(crc, at);
    for (; size > 0; size--, at++)
        crc = crc >> 8 ^ slices[0][(crc ^ *at) & 0xFF];
    return ~crc;
}

typedef uint32_t (*crc_fn)(uint32_t crc, const void *data, size_t size);

#if defined(__x86_64__)
// ---- SSE4.2 and PCLMULQDQ -----------------------------------------------------------------------

#include <immintrin.h>

#define CRC_TARGET __attribute__((target("sse4.2,pclmul")))

// A lane's length, and x^(8n - 33) for the shifts over two lanes and over one.
#define LONG_LANE 2048u
#define LONG_SHIFT_2 0x82F89C77u
#define LONG_SHIFT_1 0xA51B6135u
#define SHORT_LANE 256u
#define SHORT_SHIFT_2 0xDD7E3B0Cu
#define SHORT_SHIFT_1 0xB9E02B86u

CRC_TARGET static inline uint64_t multiply(uint64_t crc, uint32_t constant)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
                                           _mm_cvtsi64_si128((long long)constant), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

// Three lanes of this many bytes.
CRC_TARGET static inline uint64_t three_lanes(uint64_t crc, const uint8_t *at, size_t lane,
                                              uint32_t shift_2, uint32_t shift_1)
{
    uint64_t crc_1 = 0;
    uint64_t crc_2 = 0;
    for (size_t i = 0; i < lane; i += 8) {
        crc = _mm_crc32_u64(crc, wg_get64(at + i));
        crc_1 = _mm_crc32_u64(crc_1, wg_get64(at + lane + i));
        crc_2 = _mm_crc32_u64(crc_2, wg_get64(at + 2 * lane + i));
    }
    return crc_2 ^ _mm_crc32_u64(0, multiply(crc, shift_2) ^ multiply(crc_1, shift_1));
}

CRC_TARGET static uint32_t crc_machine(uint32_t start, const void *data, size_t size)
{
    const uint8_t *at = data;
    uint64_t crc = (uint32_t)~start;
    for (; size >= 3 * LONG_LANE; size -= 3 * LONG_LANE, at += 3 * LONG_LANE)
        crc = three_lanes(crc, at, LONG_LANE, LONG_SHIFT_2, LONG_SHIFT_1);
    for (; size >= 3 * SHORT_LANE; size -= 3 * SHORT_LANE, at += 3 * SHORT_LANE)
        crc = three_lanes(crc, at, SHORT_LANE, SHORT_SHIFT_2, SHORT_SHIFT_1);
    for (; size >= 8; size -= 8, at += 8)
        crc = _mm_crc32_u64(crc, wg_get64(at));
    for (; size > 0; size--, at++)
        crc = _mm_crc32_u8((uint32_t)crc, *at);
    return ~(uint32_t)crc;
}

static bool machine_has_crc(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

#elif defined(__aarch64__)
// ---- ARMv8 --------------------------------------------------------------------------------------

#if defined(__linux__)
#include <sys/auxv.h>
#define HWCAP_CRC (1u << 7) // asm/hwcap.h: HWCAP_CRC32
#endif

#if defined(__clang__)
#define CRC_TARGET __attribute__((target("crc")))
#define CRC_WORD __builtin_arm_crc32cd
#define CRC_BYTE __builtin_arm_crc32cb
#else
#define CRC_TARGET __attribute__((target("+crc")))
#define CRC_WORD __builtin_aarch64_crc32cx
#define CRC_BYTE __builtin_aarch64_crc32cb
#endif

// A lane's length, and x^(8n) for the shifts over two lanes and over one.
#define LANE 2048u
#define SHIFT_2 0x35D73A62u
#define SHIFT_1 0x0D65762Au

// The product of two polynomials modulo ours; the highest power is bit 0.
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (int i = 0; i < 32; i++) {
        product ^= b & (0u - (a >> 31));
        a <<= 1;
        b = b >> 1 ^ (POLYNOMIAL & (0u - (b & 1)));
    }
    return product;
}

CRC_TARGET static uint32_t three_lanes(uint32_t crc, const uint8_t *at)
{
    uint32_t crc_1 = 0;
    uint32_t crc_2 = 0;
    for (size_t i = 0; i < LANE; i += 8) {
        crc = CRC_WORD(crc, wg_get64(at + i));
        crc_1 = CRC_WORD(crc_1, wg_get64(at + LANE + i));
        crc_2 = CRC_WORD(crc_2, wg_get64(at + 2 * LANE + i));
    }
    return multiply(crc, SHIFT_2) ^ multiply(crc_1, SHIFT_1) ^ crc_2;
}

CRC_TARGET static uint32_t crc_machine(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *at = data;
    crc = ~crc;
    for (; size >= 3 * LANE; size -= 3 * LANE, at += 3 * LANE)
        crc = three_lanes(crc, at);
    for (; size >= 8; size -= 8, at += 8)
        crc = CRC_WORD(crc, wg_get64(at));
    for (; size > 0; size--, at++)
        crc = CRC_BYTE(crc, *at);
    return ~crc;
}

static bool machine_has_crc(void)
{
#if defined(__linux__)
    return (getauxval(AT_HWCAP) & HWCAP_CRC) != 0;
#else
    return true; // every ARM processor of Apple has it
#endif
}

#else
static uint32_t crc_machine(uint32_t crc, const void *data, size_t size)
{
    return wg_crc32c_table(crc, data, size);
}

static bool machine_has_crc(void)
{
    return false;
}
#endif

// ---- The choice ---------------------------------------------------------------------------------

static crc_fn chosen = wg_crc32c_table;
static pthread_once_t chosen_once = PTHREAD_ONCE_INIT;

static void choose(void)
{
    if (machine_has_crc()) chosen = crc_machine;
}

uint32_t wg_crc32c(uint32_t crc, const void *data, size_t size)
{
    pthread_once(&chosen_once, choose);
    return chosen(crc, data, size);
}
