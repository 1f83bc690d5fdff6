#include "engine/scan_choice.h"
#include "support/test.h"

#define ROWS 1000000u
#define MS UINT64_C(1000000)

// Searches once, at these costs.
static waggle_scan search(wg_scan_choice *choice, uint64_t queries, uint64_t f32,
                          uint64_t certified)
{
    waggle_scan scan = wg_scan_choose(choice, queries);
    wg_scan_learn(choice, scan, queries, ROWS,
                  queries * (scan == WAGGLE_SCAN_F32 ? f32 : certified));
    return scan;
}

static void settle(wg_scan_choice *choice, uint64_t queries, uint64_t f32, uint64_t certified)
{
    uint32_t certified_runs = 0;
    for (uint32_t i = 0; i < 2 * WG_SCAN_SAMPLES; i++)
        certified_runs += search(choice, queries, f32, certified) == WAGGLE_SCAN_CERTIFIED;
    WG_CHECK_U64(certified_runs, WG_SCAN_SAMPLES); // both were tried
}

WG_TEST(both_ways_are_tried_and_the_faster_one_is_taken)
{
    wg_scan_choice codes = {0};
    wg_scan_choice rows = {0};
    settle(&codes, 1, 9 * MS, 2 * MS);
    settle(&rows, 1, 2 * MS, 9 * MS);
    for (uint32_t i = 0; i < WG_SCAN_RETRY - 1; i++) {
        WG_CHECK(search(&codes, 1, 9 * MS, 2 * MS) == WAGGLE_SCAN_CERTIFIED);
        WG_CHECK(search(&rows, 1, 2 * MS, 9 * MS) == WAGGLE_SCAN_F32);
    }
}

WG_TEST(a_first_search_over_cold_memory_decides_nothing)
{
    wg_scan_choice choice = {0};
    wg_scan_learn(&choice, wg_scan_choose(&choice, 1), 1, ROWS, 900 * MS);
    wg_scan_learn(&choice, wg_scan_choose(&choice, 1), 1, ROWS, 2 * MS);
    for (uint32_t i = 0; i < WG_SCAN_SAMPLES; i++)
        WG_CHECK(search(&choice, 1, 9 * MS, 2 * MS) == WAGGLE_SCAN_F32);
    WG_CHECK(search(&choice, 1, 9 * MS, 2 * MS) == WAGGLE_SCAN_CERTIFIED);
}

WG_TEST(the_slower_way_is_tried_again_and_wins_once_it_is_faster)
{
    wg_scan_choice choice = {0};
    uint32_t searches = 1;
    uint32_t rows = 0;
    settle(&choice, 1, 9 * MS, 2 * MS);
    while (search(&choice, 1, MS / 10, 2 * MS) == WAGGLE_SCAN_CERTIFIED && searches < 10000)
        searches++;
    WG_CHECK_U64(searches, WG_SCAN_RETRY);
    for (uint32_t i = 0; i < 20 * WG_SCAN_RETRY; i++) // what was known fades by a quarter a try
        (void)search(&choice, 1, MS / 10, 2 * MS);
    for (uint32_t i = 0; i < 100; i++)
        rows += search(&choice, 1, MS / 10, 2 * MS) == WAGGLE_SCAN_F32;
    WG_CHECK(rows >= 99);
}

WG_TEST(classes_of_query_counts_are_apart)
{
    static const uint64_t counts[] = {1, 2, WG_SCAN_PANEL_QUERIES};
    wg_scan_choice choice = {0};
    for (size_t i = 0; i < 3; i++)
        settle(&choice, counts[i], i == 1 ? MS : 9 * MS, i == 1 ? 9 * MS : MS);
    WG_CHECK(wg_scan_choose(&choice, 1) == WAGGLE_SCAN_CERTIFIED);
    WG_CHECK(wg_scan_choose(&choice, 2) == WAGGLE_SCAN_F32);
    WG_CHECK(wg_scan_choose(&choice, WG_SCAN_PANEL_QUERIES - 1) == WAGGLE_SCAN_F32);
    WG_CHECK(wg_scan_choose(&choice, WG_SCAN_PANEL_QUERIES) == WAGGLE_SCAN_CERTIFIED);
    WG_CHECK(wg_scan_choose(&choice, 1000) == WAGGLE_SCAN_CERTIFIED);
}

WG_TEST(costs_are_those_of_a_query_and_a_row)
{
    wg_scan_choice choice = {0};
    for (uint32_t i = 0; i < WG_SCAN_SAMPLES; i++) {
        wg_scan_learn(&choice, WAGGLE_SCAN_CERTIFIED, 1, ROWS, 4 * MS);
        wg_scan_learn(&choice, WAGGLE_SCAN_F32, 1, ROWS / 10, 1 * MS); // 10 ns against 4
    }
    WG_CHECK(wg_scan_choose(&choice, 1) == WAGGLE_SCAN_CERTIFIED);
}

WG_TEST(short_searches_and_empty_ones_teach_nothing)
{
    wg_scan_choice choice = {0};
    wg_scan_learn(&choice, WAGGLE_SCAN_F32, 1, ROWS, WG_SCAN_NS_LEAST - 1);
    wg_scan_learn(&choice, WAGGLE_SCAN_F32, 1, 0, MS);
    wg_scan_learn(&choice, WAGGLE_SCAN_F32, 0, ROWS, MS);
    WG_CHECK_U64(choice.classes[0].f32.samples, 0);
    wg_scan_learn(&choice, WAGGLE_SCAN_F32, 1, ROWS, WG_SCAN_NS_LEAST);
    WG_CHECK_U64(choice.classes[0].f32.samples, 1);
}
