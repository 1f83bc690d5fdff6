#include "support/test.h"
#include "vector/topk.h"

#include <math.h>
#include <stdlib.h>

// Ids that go against the order of slots.
static int higher_slot_first(const void *context, const wg_hit *a, const wg_hit *b)
{
    (void)context;
    return a->slot > b->slot ? -1 : a->slot < b->slot;
}

static int never_decides(const void *context, const wg_hit *a, const wg_hit *b)
{
    (void)context;
    (void)a;
    (void)b;
    return 0;
}

typedef struct order {
    bool lowest;
    bool reversed;
} order;

static order sorting; // qsort has no context

static int by_order(const void *left, const void *right)
{
    const wg_hit *a = left, *b = right;

    if (a->score != b->score) return (a->score < b->score) == sorting.lowest ? -1 : 1;
    if (a->slot == b->slot) return 0;
    return (a->slot < b->slot) != sorting.reversed ? -1 : 1;
}

// Any k of any stream: the first k of the sorted stream.
WG_TEST(the_k_best_are_those_of_a_sort)
{
    enum {
        MOST = 400
    };

    static wg_hit stream[MOST], kept[2 * MOST];
    test_random random = {.state = test_seed(11)};

    for (uint64_t round = 0; round < test_rounds(2000, 100000); round++) {
        uint32_t count = (uint32_t)test_below(&random, MOST),
                 distinct = 1 + (uint32_t)test_below(&random, 50);
        uint32_t k = 1 + (uint32_t)test_below(&random, round % 2 == 0 ? 12 : MOST);
        wg_topk topk;
        sorting = (order){.lowest = round % 3 == 0, .reversed = round % 5 == 0};
        wg_topk_init(&topk, kept, k, sorting.lowest, sorting.reversed ? higher_slot_first : NULL,
                     NULL);
        for (uint32_t i = 0; i < count; i++) {
            stream[i] = (wg_hit){.score = (float)test_below(&random, distinct), .slot = i};
            if (wg_topk_wants(&topk, stream[i].score)) {
                wg_topk_push(&topk, stream[i].score, 0, i);
            }
        }
        wg_topk_sort(&topk);
        qsort(stream, count, sizeof(wg_hit), by_order);
        WG_CHECK_U64(topk.count, WG_MIN(k, count));
        WG_CHECK(memcmp(stream, kept, topk.count * sizeof(wg_hit)) == 0);
    }
}

// ---- Large k -------------------------------------------------------------------------------------

enum {
    LARGE = 230000 // more than twice the largest k below that is not all of them
};

typedef enum stream_kind {
    RANDOM,
    BEST_FIRST,
    BEST_LAST,
    EQUAL,
    TIES,
    SPECIAL,
    STREAM_KINDS
} stream_kind;

static wg_hit large_stream[LARGE], large_sorted[LARGE], large_kept[2 * (LARGE + 5)];

static float special_score(test_random *random)
{
    static const float scores[] = {NAN,  INFINITY, -INFINITY, 0.0f,       -0.0f, 1.0f,
                                   -NAN, -1.0f,    0x1p-149f, -0x1p-149f, 1e38f, -1e38f};

    return scores[test_below(random, WG_COUNT(scores))];
}

static float score_of(stream_kind kind, test_random *random, uint64_t i)
{
    switch (kind) {
    case RANDOM: return test_normal(random);
    case BEST_FIRST: return sorting.lowest ? (float)i : -(float)i;
    case BEST_LAST: return sorting.lowest ? -(float)i : (float)i;
    case EQUAL: return 3.5f;
    case TIES: return (float)test_below(random, 129);
    default: return special_score(random);
    }
}

// A stream, and what it is in order: scores that are no number are the worst.
static void large_make(stream_kind kind, test_random *random)
{
    for (uint64_t i = 0; i < LARGE; i++) {
        large_stream[i] = (wg_hit){.score = score_of(kind, random, i), .slot = i};
        large_sorted[i] = large_stream[i];
        if (isnan(large_sorted[i].score)) {
            large_sorted[i].score = sorting.lowest ? INFINITY : -INFINITY;
        }
    }
    qsort(large_sorted, LARGE, sizeof(wg_hit), by_order);
}

static void large_check(uint32_t k)
{
    wg_topk topk;

    wg_topk_init(&topk, large_kept, k, sorting.lowest, sorting.reversed ? higher_slot_first : NULL,
                 NULL);
    for (uint64_t i = 0; i < LARGE; i++) {
        float score = large_stream[i].score;
        if (isnan(score) || wg_topk_wants(&topk, score)) wg_topk_push(&topk, score, 0, i);
    }
    wg_topk_sort(&topk);
    WG_CHECK_U64(topk.count, WG_MIN(k, LARGE));
    WG_CHECK(memcmp(large_sorted, large_kept, topk.count * sizeof(wg_hit)) == 0);
}

WG_TEST(any_k_of_any_stream_is_the_begin_of_a_sort)
{
    static const uint32_t ks[] = {1,
                                  WG_TOPK_HEAP_MAX - 1,
                                  WG_TOPK_HEAP_MAX,
                                  WG_TOPK_HEAP_MAX + 1,
                                  255,
                                  256,
                                  257,
                                  1000,
                                  100000,
                                  LARGE,
                                  LARGE + 5};
    test_random random = {.state = test_seed(13)};

    for (stream_kind kind = 0; kind < STREAM_KINDS; kind++) {
        for (uint32_t direction = 0; direction < 2; direction++) {
            sorting = (order){.lowest = direction == 0, .reversed = (kind + direction) % 2 == 0};
            large_make(kind, &random);
            for (size_t i = 0; i < WG_COUNT(ks); i++) {
                large_check(ks[i]);
            }
        }
    }
}

// The k-th best score of what was pushed so far, best first; a plain insertion.
typedef struct best_scores {
    float scores[1000];
    uint32_t count;
} best_scores;

static void best_insert(best_scores *best, uint32_t k, float score)
{
    uint32_t at = best->count;

    while (at > 0 && best->scores[at - 1] > score) {
        at--;
    }
    if (at == k) return;
    best->count = WG_MIN(best->count + 1, k);
    memmove(best->scores + at + 1, best->scores + at, (best->count - at - 1) * sizeof(float));
    best->scores[at] = score;
}

WG_TEST(a_bound_is_never_better_than_the_kth_score_and_follows_it)
{
    enum {
        K = 300,
        COUNT = 20000
    };

    static wg_hit hits[2 * K];
    static best_scores best;
    test_random random = {.state = test_seed(14)};
    wg_topk topk;

    wg_topk_init(&topk, hits, K, true, NULL, NULL);
    for (uint32_t i = 0; i < COUNT; i++) {
        float score = test_normal(&random);
        wg_topk_push(&topk, score, 0, i);
        best_insert(&best, K, score);
        if (i < K - 1) WG_CHECK(topk.bound == INFINITY);
        if (i == K - 1) WG_CHECK(topk.bound == best.scores[K - 1]);
        WG_CHECK(topk.bound >= best.scores[best.count - 1] || best.count < K);
    }
    // At worst it is that of the first half.
    uint32_t passing = 0;
    test_random again = {.state = test_seed(14)};
    for (uint32_t i = 0; i < COUNT; i++) {
        passing += wg_topk_wants(&topk, test_normal(&again));
    }
    WG_CHECK(passing < 3 * K);
}

static int counted_tie(const void *context, const wg_hit *a, const wg_hit *b)
{
    uint64_t *calls = *(uint64_t *const *)context;

    WG_CHECK(a->score == b->score);
    ++*calls;
    return (a->slot > b->slot) - (a->slot < b->slot);
}

static uint64_t calls_of(stream_kind kind, uint32_t k)
{
    test_random random = {.state = test_seed(15)};
    uint64_t calls = 0, *context = &calls;
    wg_topk topk;

    sorting = (order){.lowest = true};
    wg_topk_init(&topk, large_kept, k, true, counted_tie, &context);
    for (uint64_t i = 0; i < LARGE; i++) {
        float score = score_of(kind, &random, i);
        if (wg_topk_wants(&topk, score)) wg_topk_push(&topk, score, 0, i);
    }
    wg_topk_sort(&topk);
    return calls;
}

WG_TEST(the_tie_order_is_not_asked_where_scores_differ)
{
    static const uint32_t ks[] = {10, WG_TOPK_HEAP_MAX + 1, 10000, LARGE};

    for (size_t i = 0; i < WG_COUNT(ks); i++) {
        WG_CHECK_U64(calls_of(BEST_FIRST, ks[i]), 0);
        WG_CHECK_U64(calls_of(BEST_LAST, ks[i]), 0);
    }
}

// Once for each that comes behind those that are kept, and a few times for each of these.
WG_TEST(equal_scores_in_the_order_of_ties_are_asked_about_once)
{
    WG_CHECK(calls_of(EQUAL, 1000) < LARGE + 10 * 1000);
    WG_CHECK(calls_of(EQUAL, LARGE) < 3 * LARGE);
}

WG_TEST(merging_parts_gives_the_k_best_of_all)
{
    enum {
        COUNT = 300,
        K = 25
    };

    test_random random = {.state = test_seed(12)};

    for (uint64_t round = 0; round < test_rounds(300, 10000); round++) {
        wg_hit whole_hits[K], part_hits[3][K];
        wg_topk whole, parts[3];
        wg_topk_init(&whole, whole_hits, K, true, higher_slot_first, NULL);
        for (int p = 0; p < 3; p++) {
            wg_topk_init(&parts[p], part_hits[p], K, true, higher_slot_first, NULL);
        }
        for (uint32_t i = 0; i < COUNT; i++) {
            float score = (float)test_below(&random, 20);
            wg_topk_push(&whole, score, 0, i);
            wg_topk_push(&parts[test_below(&random, 3)], score, 0, i);
        }
        wg_topk_merge(&parts[0], &parts[1]);
        wg_topk_merge(&parts[0], &parts[2]);
        wg_topk_sort(&parts[0]);
        wg_topk_sort(&whole);
        WG_CHECK(memcmp(whole_hits, part_hits[0], sizeof(whole_hits)) == 0);
    }
}

WG_TEST(merging_parts_gives_the_k_best_of_all_for_a_large_k)
{
    enum {
        COUNT = 9000,
        K = 1000
    };

    static wg_hit whole_hits[2 * K], part_hits[3][2 * K];
    test_random random = {.state = test_seed(16)};

    for (uint64_t round = 0; round < test_rounds(30, 1000); round++) {
        wg_topk whole, parts[3];
        uint64_t distinct = round % 3 == 0 ? 10 : 100000;
        uint64_t among = 1 + round % 3; // some parts get nothing
        wg_topk_init(&whole, whole_hits, K, false, higher_slot_first, NULL);
        for (int p = 0; p < 3; p++) {
            wg_topk_init(&parts[p], part_hits[p], K, false, higher_slot_first, NULL);
        }
        for (uint32_t i = 0; i < COUNT; i++) {
            float score = (float)test_below(&random, distinct);
            wg_topk_push(&whole, score, 0, i);
            wg_topk_push(&parts[2 - test_below(&random, among)], score, 0, i);
        }
        wg_topk_merge(&parts[0], &parts[1]);
        wg_topk_merge(&parts[0], &parts[2]);
        wg_topk_sort(&parts[0]);
        wg_topk_sort(&whole);
        WG_CHECK_U64(parts[0].count, K);
        WG_CHECK(memcmp(whole_hits, part_hits[0], K * sizeof(wg_hit)) == 0);
    }
}

WG_TEST(what_the_tie_leaves_open_is_decided_by_view_and_slot)
{
    wg_hit hits[3];
    wg_topk topk;

    wg_topk_init(&topk, hits, 3, false, never_decides, NULL);
    wg_topk_push(&topk, 1.0f, 2, 0);
    wg_topk_push(&topk, 1.0f, 1, 9);
    wg_topk_push(&topk, 1.0f, 1, 8);
    wg_topk_push(&topk, 1.0f, 3, 0);
    wg_topk_sort(&topk);
    WG_CHECK(hits[0].view == 1 && hits[0].slot == 8);
    WG_CHECK(hits[1].view == 1 && hits[1].slot == 9);
    WG_CHECK(hits[2].view == 2);
}

WG_TEST(the_bound_is_open_until_k_are_kept)
{
    wg_hit hits[2];
    wg_topk topk;

    wg_topk_init(&topk, hits, 2, true, NULL, NULL);
    wg_topk_push(&topk, 5.0f, 0, 0);
    WG_CHECK(wg_topk_wants(&topk, INFINITY));
    wg_topk_push(&topk, 3.0f, 0, 1);
    WG_CHECK(topk.bound == 5.0f);
    WG_CHECK(wg_topk_wants(&topk, 5.0f));
    WG_CHECK(!wg_topk_wants(&topk, 5.1f));
    wg_topk_push(&topk, 4.0f, 0, 2);
    WG_CHECK(topk.bound == 4.0f);
}

WG_TEST(a_score_that_is_no_number_is_the_worst)
{
    for (int lowest = 0; lowest < 2; lowest++) {
        wg_hit hits[2];
        wg_topk topk;
        wg_topk_init(&topk, hits, 2, lowest == 1, NULL, NULL);
        wg_topk_push(&topk, NAN, 0, 0);
        wg_topk_push(&topk, 1.0f, 0, 1);
        WG_CHECK_U64(topk.count, 2);
        WG_CHECK(topk.bound == (lowest ? INFINITY : -INFINITY));
        wg_topk_push(&topk, 2.0f, 0, 2);
        wg_topk_sort(&topk);
        WG_CHECK(!isnan(hits[0].score) && !isinf(hits[1].score));
    }
}
