// A random rotation that costs dim log(dim) additions: sign flips, then a fast Walsh-Hadamard transform.
// It spreads a component that dominates over all of them, which is what a code with one scale per row wants.
//
// Let P be the greatest power of two <= dim. One pass flips signs and transforms a block of P components,
// orthonormally. The first pass takes the first P components, the second (only if P < dim) the last P: they overlap, so every
// component is mixed and none is padded (Kac's walk of blocks). Each pass is orthogonal, so is the whole.
//
// The computation, for whoever must repeat it bit for bit, in float32:
//   pass p = 0, 1:  component i of the block becomes y[i] * f, f = fl(1 / sqrt(P)): a power of two, or one times the float32
//                   nearest to sqrt(1/2). f is negated if bit i % 64 of word(p * 2048 + i / 64) is set
//   word(n):        output n of splitmix64 (Steele, Lea, Flood 2014) whose state is the seed
//   transform:      for h = 1, 2, 4, ..., P/2: each pair (a, b) = (y[j], y[j + h]), j & h = 0, becomes (a + b, a - b)
#pragma once

#include "vector/type.h"

void wg_rotate(float *row, uint32_t dim, uint64_t seed); // in place

// The same in parts, for kernels. A block has P components, a power of two.
uint32_t wg_rotation_block(uint32_t dim);
uint32_t wg_rotation_passes(uint32_t dim); // 1 or 2
// The factors of a pass, P of them.
void wg_rotation_factors(uint32_t dim, uint64_t seed, uint32_t pass, float *factors);

// Relative roundings that a rotated vector has suffered, norm-wise: its distance from the true rotation is at
// most wg_f32_gamma(roundings) times the norm.
uint32_t wg_rotation_roundings(uint32_t dim);
