// The k best of a stream of scores. Best first means: by score in the metric's direction, equal scores by
// the tie order. Keys are made so that lower is always better.
#pragma once

#include "base/memory.h"

typedef struct wg_hit {
    float score;   // as it leaves the library
    uint32_t view; // which view of the job
    uint64_t slot; // the row in it
} wg_hit;

// Decides between rows of equal score: below 0 if a comes first. Where it says 0, the lower view and
// then the lower slot comes first.
typedef int (*wg_tie_fn)(const void *context, const wg_hit *a, const wg_hit *b);

// A bounded heap whose root is the worst hit kept. Memory is the caller's: k hits.
typedef struct wg_topk {
    wg_hit *hits;
    uint32_t k;
    uint32_t count;
    bool lowest; // the metric's direction
    float
        bound; // the worst score kept; +-infinity until k are kept. Scan loops compare with it first.
    wg_tie_fn tie;
    const void *tie_context;
} wg_topk;

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
void wg_topk_sort(wg_topk *topk); // best first; ends the use as a heap
