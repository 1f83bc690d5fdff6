#include "vector/rotation.h"

// Words of a pass: 65,536 components of 64 signs are 1,024.
#define PASS_WORDS 2048u

static uint64_t sign_word(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + (n + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint32_t block_levels(uint32_t dim) // log2 of P
{
    return 31u - (uint32_t)__builtin_clz(dim);
}

uint32_t wg_rotation_block(uint32_t dim)
{
    return 1u << block_levels(dim);
}

uint32_t wg_rotation_passes(uint32_t dim)
{
    return wg_rotation_block(dim) < dim ? 2 : 1;
}

static float block_factor(uint32_t levels)
{
    float odd = levels % 2 == 0 ? 1.0f : 0x1.6a09e6p-1f; // sqrt(1/2), nearest
    return odd / (float)(1u << levels / 2);
}

// Bit i % 64 of word says whether component i changes its sign.
static uint64_t pass_word(uint64_t seed, uint32_t pass, uint32_t i)
{
    return sign_word(seed, (uint64_t)pass * PASS_WORDS + i / 64);
}

void wg_rotation_factors(uint32_t dim, uint64_t seed, uint32_t pass, float *factors)
{
    float factor = block_factor(block_levels(dim));
    uint64_t word = 0;

    for (uint32_t i = 0; i < wg_rotation_block(dim); i++) {
        if (i % 64 == 0) word = pass_word(seed, pass, i);
        factors[i] = (word >> i % 64 & 1u) != 0 ? -factor : factor;
    }
}

static void scale(float *block, uint32_t levels, uint64_t seed, uint32_t pass)
{
    float factor = block_factor(levels);
    uint64_t word = 0;

    for (uint32_t i = 0; i < 1u << levels; i++) {
        if (i % 64 == 0) word = pass_word(seed, pass, i);
        block[i] *= (word >> i % 64 & 1u) != 0 ? -factor : factor;
    }
}

static void transform(float *block, uint32_t levels)
{
    uint32_t size = 1u << levels;

    for (uint32_t h = 1; h < size; h *= 2) {
        for (uint32_t first = 0; first < size; first += 2 * h) {
            for (uint32_t j = first; j < first + h; j++) {
                float a = block[j], b = block[j + h];
                block[j] = a + b;
                block[j + h] = a - b;
            }
        }
    }
}

void wg_rotate(float *row, uint32_t dim, uint64_t seed)
{
    WG_ASSERT(dim > 0 && dim <= WAGGLE_DIM_MAX);

    uint32_t levels = block_levels(dim);
    uint32_t size = 1u << levels;
    for (uint32_t pass = 0; pass < wg_rotation_passes(dim); pass++) {
        float *block = pass == 0 ? row : row + (dim - size);
        scale(block, levels, seed, pass);
        transform(block, levels);
    }
}

uint32_t wg_rotation_roundings(uint32_t dim)
{
    WG_ASSERT(dim > 0 && dim <= WAGGLE_DIM_MAX);
    return 2 * (block_levels(dim) + 2); // the factor, the multiplication, levels
}
