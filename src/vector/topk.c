// Two ways to keep the k best, by k.
//
// A small k is a binary heap whose root is the worst hit kept: hardly any hit enters, and its bound is the k-th score at
// every moment. The price is log2(k) steps for each that enters, at random places of the memory, and a sort of the same kind.
//
// A large k is a buffer of 2k hits. What could be among the k best is appended; when the buffer is full, the key of the
// k-th best is found by counting digits (select.h), and the hits behind it are dropped. That is k appended hits for each pass
// over 2k, so a constant number of steps a hit, all in the order of memory. In a stream in random order the bound is that of
// at least half of the hits seen so far, so k log2(n / k) hits are appended where a heap takes k ln(n / k).
//
// Only hits of equal score are ever compared by the tie order, in both.
#include "vector/topk.h"

#include "vector/select.h"

#include <math.h>
#include <string.h>

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

// ---- A heap ------------------------------------------------------------------------------------

// Restores the heap below index at in hits[0, count): a parent is never better than its children.
static void sift_down(const wg_topk *topk, wg_hit *hits, uint64_t at, uint64_t count)
{
    wg_hit moved = hits[at];

    for (;;) {
        uint64_t child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && compare(topk, &hits[child + 1], &hits[child]) > 0) child++;
        if (compare(topk, &hits[child], &moved) <= 0) break;
        hits[at] = hits[child];
        at = child;
    }
    hits[at] = moved;
}

static void sift_up(const wg_topk *topk, wg_hit *hits, uint64_t at)
{
    wg_hit moved = hits[at];

    while (at > 0) {
        uint64_t parent = (at - 1) / 2;
        if (compare(topk, &moved, &hits[parent]) <= 0) break;
        hits[at] = hits[parent];
        at = parent;
    }
    hits[at] = moved;
}

static void heap_push(wg_topk *topk, float score, uint32_t view, uint64_t slot)
{
    wg_hit hit = {.score = score, .view = view, .slot = slot};

    if (topk->count < topk->k) {
        topk->hits[topk->count] = hit;
        sift_up(topk, topk->hits, topk->count++);
    } else if (compare(topk, &hit, &topk->hits[0]) < 0) {
        topk->hits[0] = hit;
        sift_down(topk, topk->hits, 0, topk->count);
    }
    if (topk->count == topk->k) topk->bound = topk->hits[0].score;
}

static void heap_sort(wg_topk *topk)
{
    // The root is the worst that is left: it goes to the end of what is left.
    for (uint64_t left = topk->count; left > 1; left--) {
        wg_hit worst = topk->hits[0];
        topk->hits[0] = topk->hits[left - 1];
        topk->hits[left - 1] = worst;
        sift_down(topk, topk->hits, 0, left - 1);
    }
}

// ---- A buffer ----------------------------------------------------------------------------------

static void worst_set(wg_topk *topk, const wg_hit *worst)
{
    topk->worst = *worst;
    topk->bound = worst->score;
}

static const wg_hit *worst_of(const wg_topk *topk)
{
    const wg_hit *worst = &topk->hits[0];

    for (uint64_t i = 1; i < topk->count; i++) {
        if (compare(topk, &topk->hits[i], worst) > 0) worst = &topk->hits[i];
    }
    return worst;
}

// Drops the hits behind this key and puts those that have it last. Returns how many are left.
static uint64_t partition(wg_topk *topk, uint32_t key)
{
    wg_hit *hits = topk->hits;
    uint64_t left = 0, better = 0;

    for (uint64_t i = 0; i < topk->count; i++) {
        bool stays = wg_select_key(hits[i].score, topk->lowest) <= key;
        hits[left] = hits[i];
        left += stays; // no branch: it would be a guess
    }
    for (uint64_t i = 0; i < left; i++) {
        if (wg_select_key(hits[i].score, topk->lowest) == key) continue;
        wg_hit hit = hits[i];
        hits[i] = hits[better];
        hits[better++] = hit;
    }
    return left;
}

// Moves the `first` first of count hits of equal score to the front, the last of them to hits[0].
static void ties_select(const wg_topk *topk, wg_hit *hits, uint64_t count, uint64_t first)
{
    for (uint64_t at = first / 2; at-- > 0;) {
        sift_down(topk, hits, at, first);
    }
    for (uint64_t i = first; i < count; i++) {
        if (compare(topk, &hits[i], &hits[0]) >= 0) continue;
        hits[0] = hits[i];
        sift_down(topk, hits, 0, first);
    }
}

// Keeps the k best of a buffer that holds at least k.
static void buffer_cut(wg_topk *topk)
{
    uint64_t better = 0;
    uint32_t key = wg_select_find(topk->hits, topk->count, topk->k, topk->lowest, &better);
    uint64_t left = partition(topk, key);

    ties_select(topk, topk->hits + better, left - better, topk->k - better);
    worst_set(topk, &topk->hits[better]);
    topk->count = topk->k;
}

static void buffer_push(wg_topk *topk, float score, uint32_t view, uint64_t slot)
{
    if (!wg_topk_wants(topk, score)) return;
    if (score == topk->bound && topk->count >= topk->k) {
        wg_hit hit = {.score = score, .view = view, .slot = slot};
        if (compare(topk, &hit, &topk->worst) >= 0) return;
    }
    topk->hits[topk->count++] = (wg_hit){.score = score, .view = view, .slot = slot};
    if (topk->count == topk->k) {
        worst_set(topk, worst_of(topk));
    } else if (topk->count == wg_topk_capacity(topk->k)) {
        buffer_cut(topk);
    }
}

// Merges hits[0, middle) and hits[middle, count), each in order.
static void merge_ties(const wg_topk *topk, wg_hit *hits, uint64_t middle, uint64_t count,
                       wg_hit *spare)
{
    uint64_t left = 0, right = middle, at = 0;

    if (compare(topk, &hits[middle - 1], &hits[middle]) <= 0) return;
    memcpy(spare, hits, middle * sizeof(wg_hit));
    while (left < middle && right < count) {
        bool takes_left = compare(topk, &spare[left], &hits[right]) <= 0;
        hits[at++] = takes_left ? spare[left++] : hits[right++];
    }
    memcpy(hits + at, spare + left, (middle - left) * sizeof(wg_hit));
}

// A merge sort from the bottom. Rows arrive much in the order of their ids, and halves in order need one comparison.
static void sort_ties(const wg_topk *topk, wg_hit *hits, uint64_t count, wg_hit *spare)
{
    for (uint64_t width = 1; width < count; width *= 2) {
        for (uint64_t at = 0; at + width < count; at += 2 * width) {
            merge_ties(topk, hits + at, width, WG_MIN(2 * width, count - at), spare);
        }
    }
}

static void buffer_sort(wg_topk *topk)
{
    if (topk->count > topk->k) buffer_cut(topk);

    wg_hit *hits = topk->hits;
    wg_hit *spare = hits + topk->count;
    wg_select_sort(hits, topk->count, topk->lowest, spare);
    for (uint64_t begin = 0, end; begin < topk->count; begin = end) {
        for (end = begin + 1; end < topk->count && hits[end].score == hits[begin].score;) {
            end++;
        }
        sort_ties(topk, hits + begin, end - begin, spare);
    }
}

// ---- Either ------------------------------------------------------------------------------------

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
    if (isnan(score)) score = wg_topk_worst(topk);
    if (topk->k <= WG_TOPK_HEAP_MAX) {
        heap_push(topk, score, view, slot);
    } else {
        buffer_push(topk, score, view, slot);
    }
}

void wg_topk_merge(wg_topk *topk, const wg_topk *other)
{
    WG_ASSERT(topk->lowest == other->lowest);
    for (uint64_t i = 0; i < other->count; i++) {
        const wg_hit *hit = &other->hits[i];
        if (wg_topk_wants(topk, hit->score)) wg_topk_push(topk, hit->score, hit->view, hit->slot);
    }
}

void wg_topk_sort(wg_topk *topk)
{
    if (topk->k <= WG_TOPK_HEAP_MAX) {
        heap_sort(topk);
    } else {
        buffer_sort(topk);
    }
}
