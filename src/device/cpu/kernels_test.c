// What the kernels of all levels promise to each other. How they agree with the reference, and as a part
// of a search, is tests/conformance_test.c.
#include "device/cpu/kernels.h"
#include "support/test.h"

#include <math.h>

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

// ---- Panels ------------------------------------------------------------------------------------

// One panel of a type, its rows as the kernel takes them, and limits in the middle of the products.
typedef struct panel_case {
    const wg_kernels *kernels;
    waggle_type type;
    bool bytes;
    uint32_t dim;
    uint32_t width;
    double products[ROWS][WG_PANEL_QUERIES]; // true ones
    double scale;                            // how large they may be
} panel_case;

static _Alignas(64) uint8_t panel[WG_PANEL_QUERIES * 1024 * 4], panel_rows[ROWS * STRIDE];
static float floors[WG_PANEL_QUERIES], slopes[WG_PANEL_QUERIES], terms[ROWS];
static int32_t starts[WG_PANEL_QUERIES];

static double panel_component(test_random *random, waggle_type type)
{
    if (type == WAGGLE_U8) return (double)test_below(random, 256);
    if (type == WAGGLE_I8) return (double)test_below(random, 256) - 128.0;
    return (double)test_normal(random);
}

static void panel_put(const panel_case *c, uint32_t q, uint32_t i, double value)
{
    if (c->bytes) {
        panel[(i / 4 * c->width + q) * 4 + i % 4] = (uint8_t)(int32_t)value;
        starts[q] += (c->type == WAGGLE_U8 ? 128 : -128) * (int32_t)value;
    } else {
        float component = (float)value;
        memcpy(panel + ((size_t)i * c->width + q) * 4, &component, 4);
    }
}

static double row_put(const panel_case *c, uint32_t r, uint32_t i, double value)
{
    float component = (float)value;
    if (c->bytes)
        panel_rows[r * STRIDE + i] = (uint8_t)(int32_t)value ^ 0x80;
    else
        memcpy(panel_rows + r * STRIDE + (size_t)i * 4, &component, 4);
    return (double)component;
}

static void panel_fill(test_random *random, panel_case *c)
{
    memset(panel, 0, sizeof(panel));
    memset(panel_rows, 0, sizeof(panel_rows));
    memset(starts, 0, sizeof(starts));
    memset(c->products, 0, sizeof(c->products));
    c->scale = 0;
    for (uint32_t i = 0; i < c->dim; i++) {
        double x[ROWS];
        for (uint32_t r = 0; r < ROWS; r++)
            x[r] = row_put(c, r, i, panel_component(random, c->type));
        for (uint32_t q = 0; q < c->width; q++) {
            double y = (double)(float)panel_component(random, c->type);
            panel_put(c, q, i, y);
            for (uint32_t r = 0; r < ROWS; r++)
                c->products[r][q] += x[r] * y;
            c->scale += fabs(x[0] * y) / c->width;
        }
    }
    for (uint32_t q = 0; q < c->width; q++) {
        floors[q] = (float)c->products[test_below(random, ROWS)][q]; // one row is at the limit
        slopes[q] = test_normal(random);
    }
    for (uint32_t r = 0; r < ROWS; r++)
        terms[r] = test_below(random, 2) == 0 ? 0.0f : test_normal(random) * (float)c->scale * 0.1f;
}

// A bit is right if the product is on its side of the limit, or so near that rounding decides.
static void panel_check(const panel_case *c, const uint64_t *masks, uint32_t row_count)
{
    for (uint32_t r = 0; r < row_count; r++) {
        for (uint32_t q = 0; q < c->width; q++) {
            double limit = (double)floors[q] + (double)slopes[q] * (double)terms[r];
            double distance = c->products[r][q] - limit;
            double rounding = (c->scale + fabs(limit)) * (c->dim + 4) * 0x1p-23;
            bool kept = (masks[r] >> q & 1) != 0;
            if (fabs(distance) > rounding) WG_CHECK(kept == (distance > 0));
        }
    }
}

static void panel_run(test_random *random, panel_case *c)
{
    uint64_t masks[ROWS];
    wg_panel_limits limits = {
        .floor = floors, .slope = slopes, .start = starts, .row_terms = terms, .ahead = panel_rows};
    panel_fill(random, c);
    for (uint32_t row_count = 1; row_count <= ROWS; row_count++) {
        memset(masks, 0x55, sizeof(masks));
        c->kernels->panel[c->type](panel_rows, STRIDE, row_count, panel, c->width, c->dim, &limits,
                                   masks);
        panel_check(c, masks, row_count);
    }
    // What is no number is never left out.
    floors[0] = NAN;
    c->kernels->panel[c->type](panel_rows, STRIDE, 1, panel, c->width, c->dim, &limits, masks);
    WG_CHECK((masks[0] & 1) != 0);
}

WG_TEST(panels_leave_out_what_is_below_its_limit)
{
    static const uint32_t dims[] = {1, 3, 4, 17, 64, 100, 768, 1000};
    static const waggle_type types[] = {WAGGLE_F32, WAGGLE_U8, WAGGLE_I8};
    static panel_case c;
    test_random random = {.state = test_seed(31)};

    for (uint32_t level = 0; level < WG_SIMD_COUNT; level++) {
        c.kernels = wg_kernels_get((wg_simd)level, NULL);
        for (size_t t = 0; c.kernels != NULL && t < WG_COUNT(types); t++) {
            if (c.kernels->panel[types[t]] == NULL) continue;
            c.type = types[t];
            c.bytes = types[t] != WAGGLE_F32;
            for (c.width = 16; c.width <= c.kernels->panel_queries; c.width += 16) {
                for (size_t d = 0; d < WG_COUNT(dims); d++) {
                    c.dim = dims[d];
                    panel_run(&random, &c);
                }
            }
        }
    }
}

WG_TEST(every_vector_level_has_panels)
{
    for (uint32_t level = WG_SIMD_SCALAR + 1; level < WG_SIMD_COUNT; level++) {
        const wg_kernels *kernels = wg_kernels_get((wg_simd)level, NULL);
        if (kernels == NULL) continue;
        WG_CHECK(kernels->panel[WAGGLE_F32] != NULL);
        WG_CHECK((kernels->panel[WAGGLE_U8] != NULL) == (kernels->flip != NULL));
        for (int type = WAGGLE_F32; type <= WAGGLE_I8; type++) {
            WG_CHECK(kernels->squares[type] != NULL);
            WG_CHECK((kernels->widen[type] != NULL) == (type != WAGGLE_F32));
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
