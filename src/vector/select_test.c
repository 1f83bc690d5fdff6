#include "support/test.h"
#include "vector/select.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

WG_TEST(keys_are_in_the_order_of_numbers)
{
    static const float rising[] = {-INFINITY,  -FLT_MAX, -2.0f,     -1.0f,   -FLT_MIN,
                                   -0x1p-149f, 0.0f,     0x1p-149f, FLT_MIN, 1.0f,
                                   1.0001f,    2.0f,     FLT_MAX,   INFINITY};

    for (size_t i = 1; i < WG_COUNT(rising); i++) {
        WG_CHECK(wg_select_key(rising[i - 1], true) < wg_select_key(rising[i], true));
        WG_CHECK(wg_select_key(rising[i - 1], false) > wg_select_key(rising[i], false));
    }
    WG_CHECK_U64(wg_select_key(-0.0f, true), wg_select_key(0.0f, true));
    WG_CHECK_U64(wg_select_key(-0.0f, false), wg_select_key(0.0f, false));
}

enum {
    MOST = 3000
};

static wg_hit stream[MOST], sorted[MOST], spare[MOST];
static bool sorting_lowest; // qsort has no context

static int by_score_then_slot(const void *left, const void *right)
{
    const wg_hit *a = left, *b = right;

    if (a->score != b->score) return (a->score < b->score) == sorting_lowest ? -1 : 1;
    return (a->slot > b->slot) - (a->slot < b->slot);
}

// From scores that share all digits but one to any bits that are a number.
static float any_score(test_random *random, uint64_t kind)
{
    union {
        uint32_t bits;
        float number;
    } any = {.bits = (uint32_t)test_next(random)};

    if (kind == 0) return 7.0f;
    if (kind == 1) return (float)test_below(random, 40);
    if (kind == 2) return 1.0f + (float)test_below(random, 200) * FLT_EPSILON;
    if (kind == 3) return test_normal(random);
    return isnan(any.number) ? -0.0f : any.number;
}

static uint64_t stream_make(test_random *random, uint64_t round)
{
    uint64_t count = 1 + test_below(random, round % 4 == 0 ? 3 : MOST);

    for (uint64_t i = 0; i < count; i++) {
        stream[i] = (wg_hit){.score = any_score(random, round % 5), .slot = i};
    }
    memcpy(sorted, stream, count * sizeof(wg_hit));
    sorting_lowest = round % 2 == 0;
    qsort(sorted, count, sizeof(wg_hit), by_score_then_slot);
    return count;
}

WG_TEST(sorting_leaves_equal_scores_in_their_order)
{
    test_random random = {.state = test_seed(21)};

    for (uint64_t round = 0; round < test_rounds(200, 10000); round++) {
        uint64_t count = stream_make(&random, round);
        wg_select_sort(stream, count, sorting_lowest, spare);
        for (uint64_t i = 0; i < count; i++) {
            WG_CHECK_U64(stream[i].slot, sorted[i].slot);
        }
    }
}

WG_TEST(a_rank_has_the_key_that_a_sort_puts_there)
{
    test_random random = {.state = test_seed(22)};

    for (uint64_t round = 0; round < test_rounds(200, 10000); round++) {
        uint64_t count = stream_make(&random, round);
        uint64_t ranks[] = {1, 1 + test_below(&random, count), count};
        for (size_t r = 0; r < WG_COUNT(ranks); r++) {
            uint64_t better = 0, expected = 0;
            uint32_t key = wg_select_find(stream, count, ranks[r], sorting_lowest, &better);
            float score = sorted[ranks[r] - 1].score;
            while (sorted[expected].score != score) {
                expected++;
            }
            WG_CHECK_U64(key, wg_select_key(score, sorting_lowest));
            WG_CHECK_U64(better, expected);
        }
    }
}
