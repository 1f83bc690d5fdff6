// Selecting and sorting hits by score without comparing any two: by the digits of a key.
#pragma once

#include "vector/topk.h"

// Orders scores as numbers: the lower key is the better score, and equal scores have equal keys, 0.0 and -0.0
// too. Not for NaN.
static inline uint32_t wg_select_key(float score, bool lowest)
{
    union {
        float number;
        uint32_t bits;
    } sum = {.number = score + 0.0f}; // -0.0 becomes 0.0

    // Negative numbers have the sign bit set and grow downwards.
    uint32_t key = sum.bits ^ ((sum.bits >> 31) != 0 ? UINT32_MAX : UINT32_C(1) << 31);
    return lowest ? key : ~key;
}

// The key of the rank-th best of count hits (rank from 1 to count); *better receives how many have a lower one.
uint32_t wg_select_find(const wg_hit *hits, uint64_t count, uint64_t rank, bool lowest,
                        uint64_t *better);
// Sorts by key, best first; equal keys stay in the order they are in. spare has room for count hits.
void wg_select_sort(wg_hit *hits, uint64_t count, bool lowest, wg_hit *spare);
