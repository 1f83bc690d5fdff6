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

static void flip_signs(float *block, uint32_t size, uint64_t seed, uint32_t pass)
{
    uint64_t word = 0;

    for (uint32_t i = 0; i < size; i++) {
        if (i % 64 == 0) word = sign_word(seed, (uint64_t)pass * PASS_WORDS + i / 64);
        if (word >> i % 64 & 1u) block[i] = -block[i];
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

static void scale(float *block, uint32_t levels)
{
    float factor = levels % 2 == 0 ? 1.0f : 0x1.6a09e6p-1f; // sqrt(1/2), nearest

    factor /= (float)(1u << levels / 2);
    for (uint32_t i = 0; i < 1u << levels; i++) {
        block[i] *= factor;
    }
}

void wg_rotate(float *row, uint32_t dim, uint64_t seed)
{
    WG_ASSERT(dim > 0 && dim <= WAGGLE_DIM_MAX);

    uint32_t levels = block_levels(dim);
    uint32_t size = 1u << levels;
    for (uint32_t pass = 0; pass < (size < dim ? 2u : 1u); pass++) {
        float *block = pass == 0 ? row : row + (dim - size);
        flip_signs(block, size, seed, pass);
        transform(block, levels);
        scale(block, levels);
    }
}

uint32_t wg_rotation_roundings(uint32_t dim)
{
    WG_ASSERT(dim > 0 && dim <= WAGGLE_DIM_MAX);
    return 2 * (block_levels(dim) + 2); // levels, the factor, the multiplication
}
