// The k best of a stream of scores. Best first means: by score in the metric's direction, equal scores by
// the tie order.
#pragma once

#include "base/memory.h"

typedef struct wg_hit {
    float score;   // as it leaves the library
    uint32_t view; // which view of the job
    uint64_t slot; // the row in it
} wg_hit;

// Decides between rows of equal score: below 0 if a comes first. Where it says 0, the lower view and
// then the lower slot comes first. Asked about equal scores only.
typedef int (*wg_tie_fn)(const void *context, const wg_hit *a, const wg_hit *b);

// Collects in the caller's memory, wg_topk_capacity(k) hits. What is kept does not depend on the order in which
// hits arrive.
typedef struct wg_topk {
    wg_hit *hits;
    uint32_t k;
    bool lowest; // the metric's direction
    // No hit of a worse score can be among the k best; +-infinity until k are kept. Scan loops compare with it
    // first. Up to WG_TOPK_HEAP_MAX it is the k-th score of what was pushed, beyond it may be a worse one.
    float bound;
    uint64_t count; // of hits; beyond WG_TOPK_HEAP_MAX it may pass k until they are sorted
    // Beyond WG_TOPK_HEAP_MAX, once there are k: no hit behind this one is among the k best.
    wg_hit worst;
    wg_tie_fn tie;
    const void *tie_context;
} wg_topk;

// Up to this k, hits are a heap; beyond, a buffer that is cut down to the k best whenever it is full. Alone, the two are
// equally fast at about 100; at 256, a batch (96 queries, 50,000 x 768) takes 9 % less time with buffers, whose
// bounds are looser, but make it set its limits less often.
#define WG_TOPK_HEAP_MAX 128u

// How many hits a list of this k collects in.
static inline uint64_t wg_topk_capacity(uint32_t k)
{
    return k <= WG_TOPK_HEAP_MAX ? k : 2 * (uint64_t)k;
}

void wg_topk_init(wg_topk *topk, wg_hit *hits, uint32_t k, bool lowest, wg_tie_fn tie,
                  const void *tie_context);

// The score that no other is worse than. A score that is not a number counts as this: the inputs are
// finite, but the dot product of huge vectors can be infinity minus infinity.
static inline float wg_topk_worst(const wg_topk *topk)
{
    return topk->lowest ? __builtin_inff() : -__builtin_inff();
}

// True if a hit of this score (not NaN) could enter (an equal score may, by the tie).
static inline bool wg_topk_wants(const wg_topk *topk, float score)
{
    return topk->lowest ? score <= topk->bound : score >= topk->bound;
}

void wg_topk_push(wg_topk *topk, float score, uint32_t view, uint64_t slot);
void wg_topk_merge(wg_topk *topk, const wg_topk *other);
void wg_topk_sort(wg_topk *topk); // the k best, best first; ends the collecting
