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

    static wg_hit stream[MOST], kept[MOST];
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
