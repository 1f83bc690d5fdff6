#include "support/test.h"
#include "vector/bounds.h"
#include "vector/code.h"
#include "vector/rotation.h"

#include <math.h>

enum {
    DIM_MAX = 2100
};

static const wg_code_kind kinds[] = {WG_CODE_I8, WG_CODE_I4, WG_CODE_B1};
static const uint32_t dims[] = {1,  2,   3,   15,  16,  17,  63,   64,
                                65, 127, 128, 129, 300, 768, 1000, 2048};

static float row[DIM_MAX], other[DIM_MAX], scratch[DIM_MAX];
static const float zero[DIM_MAX];
static uint8_t code[DIM_MAX + 64];

static void fill(test_random *random, float *target, uint32_t dim)
{
    for (uint32_t i = 0; i < dim; i++) {
        target[i] = test_normal(random);
    }
}

static double dot(const float *a, const float *b, uint32_t dim)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < dim; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

static wg_code_figures encode(wg_code_kind kind, waggle_metric metric, uint32_t dim)
{
    wg_frame frame;
    wg_code_figures figures;

    wg_frame_init(&frame, metric, zero, dim, false, 0);
    memset(code, 0x5a, sizeof(code));
    wg_code_encode(&frame, kind, row, code, &figures, scratch);
    return figures;
}

// ---- Rotation ----------------------------------------------------------------------------------

WG_TEST(a_rotation_keeps_products_to_its_roundings)
{
    test_random random = {.state = test_seed(21)};

    for (uint32_t d = 0; d < WG_COUNT(dims); d++) {
        uint32_t dim = dims[d];
        uint64_t seed = test_next(&random);
        fill(&random, row, dim);
        fill(&random, other, dim);
        double norm = sqrt(dot(row, row, dim)), other_norm = sqrt(dot(other, other, dim));
        double product = dot(row, other, dim);
        double slack = 2.1 * wg_f32_gamma(wg_rotation_roundings(dim)) * norm * other_norm;
        wg_rotate(row, dim, seed);
        wg_rotate(other, dim, seed);
        WG_CHECK(fabs(dot(row, other, dim) - product) <= slack);
        WG_CHECK(fabs(sqrt(dot(row, row, dim)) - norm) <= slack / other_norm);
    }
}

// Wherever the one component lies that dominates, and also where dim is no power of two.
WG_TEST(a_rotation_spreads_one_component_over_all)
{
    static const uint32_t at[] = {0, 3, 255, 256, 299};

    for (uint32_t i = 0; i < WG_COUNT(at); i++) {
        memset(row, 0, sizeof(row));
        row[at[i]] = 1.0f;
        wg_rotate(row, 300, 77);
        float peak = 0.0f;
        uint32_t used = 0;
        for (uint32_t j = 0; j < 300; j++) {
            peak = fmaxf(peak, fabsf(row[j]));
            used += row[j] != 0.0f;
        }
        WG_CHECK(peak < 0.3f);
        WG_CHECK(used > 200);
    }
}

WG_TEST(the_seed_decides_the_rotation)
{
    test_random random = {.state = test_seed(22)};

    fill(&random, row, 64);
    memcpy(other, row, sizeof(row));
    memcpy(scratch, row, sizeof(row));
    wg_rotate(row, 64, 1);
    wg_rotate(other, 64, 1);
    wg_rotate(scratch, 64, 2);
    WG_CHECK(memcmp(row, other, 64 * sizeof(float)) == 0);
    WG_CHECK(memcmp(row, scratch, 64 * sizeof(float)) != 0);
}

// ---- Codes -------------------------------------------------------------------------------------

// What is stored about a row, computed again in double from what was stored.
WG_TEST(residuals_and_norms_are_upper_bounds_and_close)
{
    test_random random = {.state = test_seed(23)};

    for (uint32_t d = 0; d < WG_COUNT(dims) * 2; d++) {
        wg_code_kind kind = kinds[d % 2];
        uint32_t dim = dims[d / 2];
        double rest = 0.0, square = 0.0;
        fill(&random, row, dim);
        wg_code_figures figures = encode(kind, WAGGLE_L2, dim);
        for (uint32_t i = 0; i < dim; i++) {
            double v = (double)figures.scale * wg_code_component(kind, code, i);
            rest += ((double)row[i] - v) * ((double)row[i] - v);
            square += v * v;
        }
        double residual = (double)figures.residual, norm = (double)figures.norm;
        WG_CHECK(residual >= sqrt(rest) && residual <= sqrt(rest) * 1.00002 + 1e-6 * norm);
        WG_CHECK(norm >= sqrt(square) && norm <= sqrt(square) * 1.000002);
        WG_CHECK((double)figures.base <= square - residual * residual);
        WG_CHECK((double)figures.base >= square * 0.99998 - residual * residual * 1.00002);
        WG_CHECK(sqrt(rest) <= (kind == WG_CODE_I8 ? 0.02 : 0.25) * norm + 1e-6);
    }
}

// Normal components lose by 4 bits about what they lose by the best uniform quantizer (Max 1960: 0.107 of the norm), uniform ones what
// equal cells lose, and by 8 bits all lose what steps of the largest component lose.
WG_TEST(a_code_loses_no_more_than_a_uniform_quantizer_must)
{
    test_random random = {.state = test_seed(24)};
    double norm, step;

    fill(&random, row, 2048);
    norm = sqrt(dot(row, row, 2048));
    double residual = (double)encode(WG_CODE_I4, WAGGLE_L2, 2048).residual;
    WG_CHECK(residual > 0.1 * norm && residual < 0.118 * norm); // the mean is 0.109
    float peak = 0.0f;
    for (uint32_t i = 0; i < 2048; i++) {
        peak = fmaxf(peak, fabsf(row[i]));
    }
    step = (double)peak / 127.0 / sqrt(12.0);
    residual = (double)encode(WG_CODE_I8, WAGGLE_L2, 2048).residual;
    WG_CHECK(residual < 1.05 * step * sqrt(2048.0));

    for (uint32_t i = 0; i < 2048; i++) {
        row[i] = (float)test_below(&random, 2001) / 1000.0f - 1.0f;
    }
    residual = (double)encode(WG_CODE_I4, WAGGLE_L2, 2048).residual;
    WG_CHECK(residual < 1.05 * (0.125 / sqrt(12.0)) * sqrt(2048.0));
}

// The estimate of RaBitQ is unbiased since the image's product with the row is the row's square.
WG_TEST(the_image_of_one_bit_projects_to_the_row)
{
    test_random random = {.state = test_seed(25)};

    fill(&random, row, 777);
    wg_code_figures figures = encode(WG_CODE_B1, WAGGLE_L2, 777);
    double product = 0.0, square = dot(row, row, 777);
    for (uint32_t i = 0; i < 777; i++) {
        product += (double)row[i] * (double)figures.scale * wg_code_component(WG_CODE_B1, code, i);
        WG_CHECK_U64(wg_code_component(WG_CODE_B1, code, i) > 0, row[i] >= 0.0f);
    }
    WG_CHECK(fabs(product - square) < 1e-6 * square);
    WG_CHECK((double)figures.base <= square && (double)figures.base > square * 0.9999);
}

WG_TEST(bytes_lie_as_documented)
{
    for (uint32_t i = 0; i < 130; i++) {
        row[i] = (float)(i % 16) - 7.5f; // nearly uniform: levels are one apart
    }
    encode(WG_CODE_I4, WAGGLE_L2, 130);
    for (uint32_t j = 0; j < 64; j++) {
        WG_CHECK_U64(code[j] & 15, j % 16);
        WG_CHECK_U64(code[j] >> 4, (j + 64) % 16);
    }
    WG_CHECK_U64(code[64], 0x80);
    WG_CHECK_U64(code[65], 0x81);
    WG_CHECK_U64(code[66], 0x88);
    WG_CHECK_U64(code[127], 0x88);
    WG_CHECK_U64(code[128], 0x5a);

    for (uint32_t i = 0; i < 130; i++) {
        row[i] = (float)i - 64.0f;
    }
    row[0] = -127.0f;
    encode(WG_CODE_I8, WAGGLE_L2, 130);
    WG_CHECK_U64(code[0], 1);
    WG_CHECK_U64(code[64], 128);
    WG_CHECK_U64(code[129], 128 + 65);
    WG_CHECK_U64(code[130], 128);
    WG_CHECK_U64(code[191], 128);
    WG_CHECK_U64(code[192], 0x5a);

    encode(WG_CODE_B1, WAGGLE_L2, 130);
    WG_CHECK_U64(code[7], 0);
    WG_CHECK_U64(code[8], 0xff);
    WG_CHECK_U64(code[16], 3);
    WG_CHECK_U64(code[63], 0);
    WG_CHECK_U64(code[64], 0x5a);
    WG_CHECK_U64(wg_code_stride(WG_CODE_I8, 65), 128);
    WG_CHECK_U64(wg_code_stride(WG_CODE_I4, 129), 128);
    WG_CHECK_U64(wg_code_stride(WG_CODE_B1, 513), 128);
    WG_CHECK_U64(wg_code_query_stride(129), 256);
}

// The largest products there can be stay inside int32, and the form with unsigned bytes gives the same.
WG_TEST(products_are_exact)
{
    static int8_t query[WAGGLE_DIM_MAX];
    static uint8_t wide[WAGGLE_DIM_MAX];
    test_random random = {.state = test_seed(26)};

    memset(query, 127, sizeof(query));
    memset(wide, 255, sizeof(wide));
    WG_CHECK(wg_code_product(WG_CODE_I8, query, wide, WAGGLE_DIM_MAX) == 127 * 127 * 65536);
    WG_CHECK(wg_code_product(WG_CODE_I4, query, wide, WAGGLE_DIM_MAX) == 127 * 15 * 65536);
    WG_CHECK(wg_code_product(WG_CODE_B1, query, wide, WAGGLE_DIM_MAX) == 127 * 65536);
    memset(wide, 1, sizeof(wide));
    WG_CHECK(wg_code_product(WG_CODE_I8, query, wide, WAGGLE_DIM_MAX) == -127 * 127 * 65536);

    for (uint32_t k = 0; k < 3; k++) {
        int32_t plain = 0, sum = 0, raw = 0;
        static const int32_t factor[] = {1, 2, 2}, offset[] = {-128, -15, -1};
        for (uint32_t i = 0; i < 1000; i++) {
            query[i] = (int8_t)((int32_t)test_below(&random, 255) - 127);
            wide[i] = (uint8_t)(1 + test_below(&random, 255));
        }
        for (uint32_t i = 0; i < 1000; i++) {
            int32_t z = wg_code_component(kinds[k], wide, i);
            plain += query[i] * z;
            raw += query[i] * ((z - offset[k]) / factor[k]);
            sum += query[i];
        }
        WG_CHECK(wg_code_product(kinds[k], query, wide, 1000) == plain);
        WG_CHECK(factor[k] * raw + offset[k] * sum == plain);
    }
}

// A row of zeros, of denormals, and of numbers beyond all bounds.
WG_TEST(rows_at_the_ends_of_the_range_have_safe_figures)
{
    for (uint32_t k = 0; k < 3; k++) {
        memset(row, 0, sizeof(row));
        wg_code_figures figures = encode(kinds[k], WAGGLE_L2, 100);
        WG_CHECK(figures.scale == 0.0f && figures.norm == 0.0f);
        WG_CHECK(figures.residual >= 0.0f && figures.residual < 1e-19f);

        row[7] = 1e-40f;
        row[8] = 1e-25f;
        figures = encode(kinds[k], WAGGLE_DOT, 100);
        WG_CHECK(figures.scale == 0.0f && figures.residual > 1e-25f && figures.residual < 1e-19f);

        static const float beyond[] = {1.2e18f, 1e20f, 1e30f, 3e38f};
        for (uint32_t b = 0; b < WG_COUNT(beyond); b++) {
            row[9] = row[60] = beyond[b];
            figures = encode(kinds[k], WAGGLE_L2, 100);
            WG_CHECK(figures.scale == 0.0f && figures.norm == 0.0f && figures.base == 0.0f);
            WG_CHECK(isinf(figures.residual));
        }
        for (uint32_t i = 0; i < 100; i++) { // each within the limit, together not
            row[i] = 1e18f;
        }
        figures = encode(kinds[k], WAGGLE_L2, 100);
        WG_CHECK(isinf(figures.residual) && figures.scale == 0.0f);
    }
}

// Around a center beyond all bounds, every row is open.
WG_TEST(a_huge_center_opens_all_rows)
{
    wg_frame frame;
    wg_code_figures figures;

    for (uint32_t i = 0; i < 10; i++) {
        row[i] = other[i] = 1e25f;
    }
    wg_frame_init(&frame, WAGGLE_DOT, other, 10, false, 0);
    wg_code_encode(&frame, WG_CODE_I8, row, code, &figures, scratch);
    WG_CHECK(isinf(figures.residual) && figures.norm == 0.0f && figures.base == 0.0f);
}

// The codes are a format: these bytes and figures may not change with compiler or machine.
WG_TEST(codes_are_the_same_everywhere)
{
    static const uint32_t expected[] = {1888259160u, 4011168085u, 974638061u,
                                        4239602710u, 2854921227u, 937442189u};
    uint32_t found[6];
    wg_frame frame;

    for (uint32_t i = 0; i < 200; i++) { // exact in float32
        row[i] = (float)(i * i * 7919u % 1009u) / 64.0f - 7.0f;
        other[i] = (float)(i % 3) / 4.0f;
    }
    for (uint32_t k = 0; k < 3; k++) {
        wg_code_figures figures;
        uint32_t hash = 2166136261u;
        wg_frame_init(&frame, k == 1 ? WAGGLE_DOT : WAGGLE_L2, other, 200, true, 12345);
        wg_code_encode(&frame, kinds[k], row, code, &figures, scratch);
        for (size_t i = 0; i < wg_code_stride(kinds[k], 200); i++) {
            hash = (hash ^ code[i]) * 16777619u;
        }
        found[2 * k] = hash;
        hash = 2166136261u;
        for (size_t i = 0; i < sizeof(figures); i++) {
            hash = (hash ^ ((const uint8_t *)&figures)[i]) * 16777619u;
        }
        found[2 * k + 1] = hash;
    }
    for (uint32_t i = 0; i < 6; i++) {
        WG_CHECK_U64(found[i], expected[i]);
    }
}

// ---- Frames ------------------------------------------------------------------------------------

WG_TEST(the_center_is_the_mean_but_for_huge_components)
{
    static const float rows[2][3] = {
        {1.0f, 1e30f, -4.0f},
        {2.0f, 1.0f,  -4.0f},
    };
    double sums[3] = {0};
    float center[3];

    for (uint32_t i = 0; i < 2; i++) {
        wg_center_add(sums, rows[i], 3);
    }
    wg_center_finish(sums, 2, 3, center);
    WG_CHECK(center[0] == 1.5f && center[1] == 0.0f && center[2] == -4.0f);
    wg_center_finish(sums, 0, 3, center);
    WG_CHECK(center[0] == 0.0f && center[2] == 0.0f);
}

// One component that dominates asks for a rotation; components of one sign and size ask for none.
WG_TEST(a_frame_rotates_where_that_makes_residuals_smaller)
{
    static float rows[20 * 128];
    test_random random = {.state = test_seed(27)};
    wg_frame frame;

    wg_frame_init(&frame, WAGGLE_L2, zero, 128, false, 9);
    fill(&random, rows, 20 * 128);
    for (uint32_t i = 0; i < 20; i++) {
        rows[i * 128 + i] = 50.0f;
    }
    WG_CHECK(wg_frame_choose(&frame, WG_CODE_I4, rows, 128, 20, code, scratch));
    WG_CHECK(frame.rotated);
    for (uint32_t i = 0; i < 20 * 128; i++) {
        rows[i] = test_below(&random, 2) == 0 ? 1.0f : -1.0f;
    }
    WG_CHECK(!wg_frame_choose(&frame, WG_CODE_I4, rows, 128, 20, code, scratch));
    WG_CHECK(!frame.rotated);
}

WG_TEST(only_float_rows_of_three_metrics_have_codes)
{
    WG_CHECK(wg_code_supports(WAGGLE_L2, WAGGLE_BF16));
    WG_CHECK(wg_code_supports(WAGGLE_COSINE, WAGGLE_F16));
    WG_CHECK(wg_code_supports(WAGGLE_DOT, WAGGLE_F32));
    WG_CHECK(!wg_code_supports(WAGGLE_L2, WAGGLE_U8));
    WG_CHECK(!wg_code_supports(WAGGLE_L1, WAGGLE_F32));
    WG_CHECK(!wg_code_supports(WAGGLE_HAMMING, WAGGLE_B1));
}
