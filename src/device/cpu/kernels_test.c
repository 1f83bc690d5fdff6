// What the kernels of all levels promise to each other. How they agree with the reference, and as a part
// of a search, is tests/conformance_test.c.
#include "device/cpu/kernels.h"
#include "support/test.h"

enum {
    ROWS = WG_TILE_ROWS,
    QUERIES = WG_TILE_QUERIES,
    STRIDE = 4096
};

static _Alignas(64) uint8_t rows[(ROWS + 1) * STRIDE], queries[QUERIES * STRIDE];

// Random components of the type, zeros behind dim.
static void fill(test_random *random, waggle_type type, uint32_t dim)
{
    uint8_t *all[2] = {rows, queries};
    uint32_t counts[2] = {ROWS, QUERIES};

    for (int which = 0; which < 2; which++) {
        for (uint32_t r = 0; r < counts[which]; r++) {
            static float values[1024];
            waggle_error error;
            wg_row_place place = {.what = "vector"};
            bool bits = type == WAGGLE_B1;
            for (uint32_t i = 0; i < dim; i++) {
                values[i] = wg_type_is_float(type) ? test_normal(random)
                                                   : (float)test_below(random, bits ? 2 : 128);
            }
            memset(all[which] + r * STRIDE, 0, STRIDE);
            WG_OK(wg_row_convert(WAGGLE_F32, values, type, all[which] + r * STRIDE, dim,
                                 WAGGLE_CONVERT_ROUND, &place, &error));
        }
    }
}

static void check_tile(const wg_kernels *kernels, waggle_metric metric, waggle_type type,
                       uint32_t dim)
{
    float expected[QUERIES * ROWS], scores[QUERIES * ROWS];

    for (uint32_t q = 0; q < QUERIES; q++) {
        for (uint32_t r = 0; r < ROWS; r++) {
            float score[QUERIES * ROWS];
            wg_kernels_scalar.tile[metric][type](rows + r * STRIDE, STRIDE, 1, queries + q * STRIDE,
                                                 STRIDE, 1, dim, score);
            expected[q * ROWS + r] = score[0];
        }
    }
    for (uint32_t row_count = 1; row_count <= ROWS; row_count++) {
        for (uint32_t query_count = 1; query_count <= QUERIES; query_count++) {
            memset(scores, 0, sizeof(scores));
            kernels->tile[metric][type](rows, STRIDE, row_count, queries, STRIDE, query_count, dim,
                                        scores);
            for (uint32_t q = 0; q < query_count; q++) {
                WG_CHECK(
                    memcmp(scores + q * ROWS, expected + q * ROWS, row_count * sizeof(float)) == 0);
            }
        }
    }
}

WG_TEST(every_shape_of_tile_gives_the_bits_of_the_scalar_level)
{
    static const uint32_t dims[] = {1, 15, 16, 17, 31, 33, 64, 127, 500, 513, 1000};
    test_random random = {.state = test_seed(21)};

    for (int type = WAGGLE_F32; type <= WAGGLE_B1; type++) {
        for (size_t d = 0; d < WG_COUNT(dims); d++) {
            fill(&random, (waggle_type)type, dims[d]);
            for (int metric = WAGGLE_L2; metric <= WAGGLE_HAMMING; metric++) {
                if (!wg_metric_supports((waggle_metric)metric, (waggle_type)type)) continue;
                for (uint32_t level = 0; level < WG_SIMD_COUNT; level++) {
                    const wg_kernels *kernels = wg_kernels_get((wg_simd)level, NULL);
                    if (kernels == NULL) continue;
                    check_tile(kernels, (waggle_metric)metric, (waggle_type)type, dims[d]);
                }
            }
        }
    }
}

WG_TEST(kernels_exist_exactly_where_the_table_of_metrics_says)
{
    for (uint32_t level = 0; level < WG_SIMD_COUNT; level++) {
        const char *reason = NULL;
        const wg_kernels *kernels = wg_kernels_get((wg_simd)level, &reason);
        WG_CHECK((kernels == NULL) == (reason != NULL));
        if (kernels == NULL) {
            print_message("SKIPPED: %s: %s\n", wg_simd_name((wg_simd)level), reason);
            continue;
        }
        WG_CHECK_TEXT(kernels->name, wg_simd_name((wg_simd)level));
        for (int metric = 0; metric <= WAGGLE_HAMMING; metric++) {
            for (int type = 0; type <= WAGGLE_B1; type++) {
                bool there = kernels->tile[metric][type] != NULL;
                WG_CHECK(there == wg_metric_supports((waggle_metric)metric, (waggle_type)type));
            }
        }
    }
}

WG_TEST(levels_are_found_by_name)
{
    wg_simd level = WG_SIMD_NEON;
    waggle_error error;

    WG_OK(wg_simd_parse("scalar", &level, &error));
    WG_CHECK(level == WG_SIMD_SCALAR);
    WG_FAILS_WITH(WAGGLE_INVALID, "\"sse\" is no SIMD level; there are scalar, avx2",
                  wg_simd_parse("sse", &level, &error));
    WG_CHECK(wg_kernels_get(wg_simd_best(), NULL) != NULL);
    WG_CHECK(wg_kernels_get(WG_SIMD_SCALAR, NULL) == &wg_kernels_scalar);
}

// The probe reads every byte: a single bit anywhere is seen.
