#include "support/test.h"
#include "truth.h"

static bench_view view_of(waggle_type type, waggle_metric metric, void *rows, uint64_t count,
                          void *queries, uint64_t query_count, uint32_t dim)
{
    return (bench_view){type, metric, dim, count, query_count, rows, queries};
}

WG_TEST(the_k_th_score_is_kept_and_ties_count)
{
    float rows[] = {0, 0, 3, 4, 0, 1, 1, 0, 6, 8}; // squared distances 0, 25, 1, 1, 100
    float query[] = {0, 0};
    bench_view view = view_of(WAGGLE_F32, WAGGLE_L2, rows, 5, query, 1, 2);
    bench_truth truth;
    bench_truth_make(&view, 2, &truth);
    WG_CHECK(truth.worst[0] == 1);
    WG_CHECK_U64(bench_truth_right(&truth, 0, (uint64_t[]){0, 2}, 2), 2);
    WG_CHECK_U64(bench_truth_right(&truth, 0, (uint64_t[]){0, 3}, 2), 2);
    WG_CHECK_U64(bench_truth_right(&truth, 0, (uint64_t[]){0, 1}, 2), 1);
    WG_CHECK_U64(bench_truth_right(&truth, 0, (uint64_t[]){0, 0}, 2), 1); // twice is once
    WG_CHECK_U64(bench_truth_right(&truth, 0, (uint64_t[]){0, 5}, 2), 1); // no row
    bench_truth_finish(&truth);
}

WG_TEST(cosine_knows_no_lengths)
{
    float rows[] = {10, 1, 1, 1, 0, 2, 0, 0};
    float query[] = {1, 0};
    bench_view view = view_of(WAGGLE_F32, WAGGLE_COSINE, rows, 4, query, 1, 2);
    bench_truth truth;
    bench_truth_make(&view, 1, &truth);
    WG_CHECK_U64(bench_truth_right(&truth, 0, (uint64_t[]){0}, 1), 1);
    WG_CHECK_U64(bench_truth_right(&truth, 0, (uint64_t[]){1}, 1), 0);
    WG_CHECK_U64(bench_truth_right(&truth, 0, (uint64_t[]){3}, 1), 0);
    bench_truth_finish(&truth);
}

// More queries than a tile has, and of bytes: every query finds itself among the rows.
WG_TEST(every_query_of_every_tile_has_its_truth)
{
    enum {
        COUNT = 100,
        DIM = 7
    };

    static int8_t rows[COUNT * DIM];
    test_random random = {test_seed(5)};
    bench_truth truth;
    for (size_t i = 0; i < sizeof rows; i++)
        rows[i] = (int8_t)(test_next(&random) & 0xFF);
    bench_view view = view_of(WAGGLE_I8, WAGGLE_L2, rows, COUNT, rows, COUNT, DIM);
    bench_truth_make(&view, 1, &truth);
    for (uint64_t q = 0; q < COUNT; q++) {
        WG_CHECK(truth.worst[q] == 0);
        WG_CHECK_U64(bench_truth_right(&truth, q, &q, 1), 1);
    }
    bench_truth_finish(&truth);
}
