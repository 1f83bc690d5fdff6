#include "vector/topk.h"

#include <math.h>

// Below 0 if a comes first: by score, then by the tie, then by where the row is. This is a total order,
// so what is kept does not depend on the order in which hits arrive.
static int compare(const wg_topk *topk, const wg_hit *a, const wg_hit *b)
{
    if (a->score != b->score) return (a->score < b->score) == topk->lowest ? -1 : 1;
    if (topk->tie != NULL) {
        int order = topk->tie(topk->tie_context, a, b);
        if (order != 0) return order;
    }
    if (a->view != b->view) return a->view < b->view ? -1 : 1;
    if (a->slot != b->slot) return a->slot < b->slot ? -1 : 1;
    return 0;
}

// Restores the heap below index at in hits[0, count): a parent is never better than its children.
static void sift_down(const wg_topk *topk, uint32_t at, uint32_t count)
{
    wg_hit *hits = topk->hits;
    wg_hit moved = hits[at];

    for (;;) {
        uint64_t child = 2 * (uint64_t)at + 1;
        if (child >= count) break;
        if (child + 1 < count && compare(topk, &hits[child + 1], &hits[child]) > 0) child++;
        if (compare(topk, &hits[child], &moved) <= 0) break;
        hits[at] = hits[child];
        at = (uint32_t)child;
    }
    hits[at] = moved;
}

static void sift_up(const wg_topk *topk, uint32_t at)
{
    wg_hit *hits = topk->hits;
    wg_hit moved = hits[at];

    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (compare(topk, &moved, &hits[parent]) <= 0) break;
        hits[at] = hits[parent];
        at = parent;
    }
    hits[at] = moved;
}

void wg_topk_init(wg_topk *topk, wg_hit *hits, uint32_t k, bool lowest, wg_tie_fn tie,
                  const void *tie_context)
{
    WG_ASSERT(k > 0);
    *topk = (wg_topk){
        .hits = hits,
        .k = k,
        .lowest = lowest,
        .bound = lowest ? INFINITY : -INFINITY,
        .tie = tie,
        .tie_context = tie_context,
    };
}

void wg_topk_push(wg_topk *topk, float score, uint32_t view, uint64_t slot)
{
    wg_hit hit = {.score = score, .view = view, .slot = slot};

    if (isnan(score)) hit.score = wg_topk_worst(topk);
    if (topk->count < topk->k) {
        topk->hits[topk->count] = hit;
        sift_up(topk, topk->count++);
    } else if (compare(topk, &hit, &topk->hits[0]) < 0) {
        topk->hits[0] = hit;
        sift_down(topk, 0, topk->count);
    }
    if (topk->count == topk->k) topk->bound = topk->hits[0].score;
}

void wg_topk_merge(wg_topk *topk, const wg_topk *other)
{
    WG_ASSERT(topk->lowest == other->lowest);
    for (uint32_t i = 0; i < other->count; i++) {
        const wg_hit *hit = &other->hits[i];
        if (wg_topk_wants(topk, hit->score)) wg_topk_push(topk, hit->score, hit->view, hit->slot);
    }
}

void wg_topk_sort(wg_topk *topk)
{
    // The root is the worst that is left: it goes to the end of what is left.
    for (uint32_t left = topk->count; left > 1; left--) {
        wg_hit worst = topk->hits[0];
        topk->hits[0] = topk->hits[left - 1];
        topk->hits[left - 1] = worst;
        sift_down(topk, 0, left - 1);
    }
}
