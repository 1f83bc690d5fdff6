#include "support/test.h"
#include "vector/oracle.h"
#include "vector/type.h"

#include <float.h>
#include <math.h>

static const waggle_type all_types[] = {WAGGLE_F32, WAGGLE_F16, WAGGLE_BF16,
                                        WAGGLE_U8,  WAGGLE_I8,  WAGGLE_B1};

static waggle_error error;

// Converts one row into 64-byte aligned memory.
static waggle_status convert(waggle_type from, const void *source, waggle_type to, void *target,
                             uint32_t dim, waggle_convert how)
{
    wg_row_place place = {.what = "vector", .name = "title", .row = 7};

    return wg_row_convert(from, source, to, target, dim, how, &place, &error);
}

// One float32 to another type and back.
static float through(waggle_type to, float value, waggle_convert how)
{
    _Alignas(64) uint8_t row[64];
    float back = 0.0f;

    WG_OK(convert(WAGGLE_F32, &value, to, row, 1, how));
    wg_row_to_f32(to, row, 1, &back);
    return back;
}

static void check_fails(waggle_type to, float value, waggle_convert how, const char *text)
{
    _Alignas(64) uint8_t row[64];

    WG_FAILS_WITH(WAGGLE_INVALID, text, convert(WAGGLE_F32, &value, to, row, 1, how));
}

// ---- Tables ------------------------------------------------------------------------------------

WG_TEST(the_table_of_metrics_and_types_is_the_published_one)
{
    for (int metric = 0; metric <= WAGGLE_HAMMING + 1; metric++) {
        for (int type = 0; type <= WAGGLE_B1 + 1; type++) {
            bool known = metric >= WAGGLE_L2 && metric <= WAGGLE_HAMMING && type >= WAGGLE_F32 &&
                         type <= WAGGLE_B1;
            bool expected = known && (metric == WAGGLE_HAMMING) == (type == WAGGLE_B1);
            WG_CHECK(wg_metric_supports((waggle_metric)metric, (waggle_type)type) == expected);
        }
    }
    WG_CHECK(wg_metric_lowest(WAGGLE_L2) && wg_metric_lowest(WAGGLE_L1));
    WG_CHECK(wg_metric_lowest(WAGGLE_LINF) && wg_metric_lowest(WAGGLE_HAMMING));
    WG_CHECK(!wg_metric_lowest(WAGGLE_DOT) && !wg_metric_lowest(WAGGLE_COSINE));
    WG_CHECK_TEXT(wg_type_name(WAGGLE_BF16), "bf16");
    WG_CHECK_TEXT(wg_metric_name(WAGGLE_LINF), "linf");
    WG_CHECK(wg_type_name(WAGGLE_TYPE_DEFAULT) == NULL && wg_type_name((waggle_type)7) == NULL);
    WG_CHECK(wg_metric_name(WAGGLE_METRIC_DEFAULT) == NULL);
    WG_CHECK(wg_metric_name((waggle_metric)-1) == NULL);
}

WG_TEST(strides_are_whole_cache_lines)
{
    WG_CHECK_U64(wg_row_stride(WAGGLE_F32, 1), 64);
    WG_CHECK_U64(wg_row_stride(WAGGLE_F32, 16), 64);
    WG_CHECK_U64(wg_row_stride(WAGGLE_F32, 17), 128);
    WG_CHECK_U64(wg_row_stride(WAGGLE_BF16, 33), 128);
    WG_CHECK_U64(wg_row_stride(WAGGLE_U8, 768), 768);
    WG_CHECK_U64(wg_row_stride(WAGGLE_B1, 512), 64);
    WG_CHECK_U64(wg_row_stride(WAGGLE_B1, 513), 128);
    WG_CHECK_U64(wg_row_stride(WAGGLE_F32, 65536), 262144);
}

// ---- Half precision ----------------------------------------------------------------------------

WG_TEST(every_f16_and_bf16_survives_the_way_through_f32)
{
    for (uint32_t bits = 0; bits <= UINT16_MAX; bits++) {
        float f16 = wg_f16_to_f32((uint16_t)bits), bf16 = wg_bf16_to_f32((uint16_t)bits);
        if (isnan(f16)) {
            WG_CHECK(isnan(wg_f16_to_f32(wg_f32_to_f16(f16))));
        } else {
            WG_CHECK_U64(wg_f32_to_f16(f16), bits);
        }
        if (isnan(bf16)) {
            WG_CHECK(isnan(wg_bf16_to_f32(wg_f32_to_bf16(bf16))));
        } else {
            WG_CHECK_U64(wg_f32_to_bf16(bf16), bits);
        }
    }
}

WG_TEST(f16_values_are_what_the_standard_says)
{
    WG_CHECK(wg_f16_to_f32(0x0001) == 0x1p-24f);
    WG_CHECK(wg_f16_to_f32(0x03ff) == 1023 * 0x1p-24f);
    WG_CHECK(wg_f16_to_f32(0x0400) == 0x1p-14f);
    WG_CHECK(wg_f16_to_f32(0x3c00) == 1.0f);
    WG_CHECK(wg_f16_to_f32(0xc000) == -2.0f);
    WG_CHECK(wg_f16_to_f32(0x7bff) == 65504.0f);
    WG_CHECK(wg_f16_to_f32(0xfc00) == -INFINITY);
    WG_CHECK(signbit(wg_f16_to_f32(0x8000)));
    WG_CHECK(wg_bf16_to_f32(0x3f80) == 1.0f);
}

// Between each value and the next: below the middle rounds down, above it up, the middle to even.
WG_TEST(rounding_to_half_types_is_to_the_nearest_and_ties_go_to_even)
{
    for (uint32_t bits = 0; bits < 0x7bff; bits++) {
        float a = wg_f16_to_f32((uint16_t)bits), b = wg_f16_to_f32((uint16_t)(bits + 1));
        float middle = a + (b - a) / 2.0f; // exact in float32
        uint32_t even = bits % 2 == 0 ? bits : bits + 1;
        WG_CHECK_U64(wg_f32_to_f16(middle), even);
        WG_CHECK_U64(wg_f32_to_f16(nextafterf(middle, 0.0f)), bits);
        WG_CHECK_U64(wg_f32_to_f16(nextafterf(middle, 1e9f)), bits + 1);
        WG_CHECK_U64(wg_f32_to_f16(-middle), even | 0x8000u);
    }
    for (uint32_t bits = 0; bits < 0x7f7f; bits++) {
        float a = wg_bf16_to_f32((uint16_t)bits), b = wg_bf16_to_f32((uint16_t)(bits + 1));
        float middle = a + (b - a) / 2.0f;
        WG_CHECK_U64(wg_f32_to_bf16(middle), bits % 2 == 0 ? bits : bits + 1);
        WG_CHECK_U64(wg_f32_to_bf16(nextafterf(middle, 0.0f)), bits);
        WG_CHECK_U64(wg_f32_to_bf16(nextafterf(middle, INFINITY)), bits + 1);
    }
    WG_CHECK_U64(wg_f32_to_f16(65519.99f), 0x7bff);
    WG_CHECK_U64(wg_f32_to_f16(65520.0f), 0x7c00);
    WG_CHECK_U64(wg_f32_to_f16(-FLT_MAX), 0xfc00);
    WG_CHECK_U64(wg_f32_to_bf16(FLT_MAX), 0x7f80);
    WG_CHECK_U64(wg_f32_to_f16(FLT_TRUE_MIN), 0);
}

// ---- Conversion --------------------------------------------------------------------------------

WG_TEST(exact_conversion_refuses_what_the_target_cannot_hold)
{
    WG_CHECK(through(WAGGLE_F16, 0.5f, WAGGLE_CONVERT_DEFAULT) == 0.5f);
    WG_CHECK(through(WAGGLE_U8, 255.0f, WAGGLE_CONVERT_EXACT) == 255.0f);
    WG_CHECK(through(WAGGLE_U8, -0.0f, WAGGLE_CONVERT_EXACT) == 0.0f);
    WG_CHECK(through(WAGGLE_I8, -128.0f, WAGGLE_CONVERT_EXACT) == -128.0f);
    WG_CHECK(through(WAGGLE_B1, 1.0f, WAGGLE_CONVERT_EXACT) == 1.0f);
    check_fails(WAGGLE_F16, 0.1f, WAGGLE_CONVERT_DEFAULT,
                "vector \"title\", row 7, column 0: 0.100000001 has no exact value in f16");
    check_fails(WAGGLE_BF16, 257.0f, WAGGLE_CONVERT_EXACT, "257 has no exact value in bf16");
    check_fails(WAGGLE_U8, 0.5f, WAGGLE_CONVERT_EXACT, "0.5 has no exact value in u8");
    check_fails(WAGGLE_U8, 300.0f, WAGGLE_CONVERT_EXACT,
                "vector \"title\", row 7, column 0: 300 is outside 0..255 of u8");
    check_fails(WAGGLE_B1, 0.5f, WAGGLE_CONVERT_EXACT, "0.5 has no exact value in b1");
    check_fails(WAGGLE_B1, 2.0f, WAGGLE_CONVERT_EXACT, "2 is outside 0..1 of b1");
}

WG_TEST(round_takes_the_nearest_and_refuses_what_is_out_of_range)
{
    WG_CHECK(through(WAGGLE_U8, 2.5f, WAGGLE_CONVERT_ROUND) == 2.0f);
    WG_CHECK(through(WAGGLE_U8, 3.5f, WAGGLE_CONVERT_ROUND) == 4.0f);
    WG_CHECK(through(WAGGLE_U8, 255.4f, WAGGLE_CONVERT_ROUND) == 255.0f);
    WG_CHECK(through(WAGGLE_U8, -0.4f, WAGGLE_CONVERT_ROUND) == 0.0f);
    WG_CHECK(through(WAGGLE_I8, -1.5f, WAGGLE_CONVERT_ROUND) == -2.0f);
    WG_CHECK(through(WAGGLE_F16, 65519.0f, WAGGLE_CONVERT_ROUND) == 65504.0f);
    WG_CHECK(through(WAGGLE_B1, 1e-30f, WAGGLE_CONVERT_ROUND) == 1.0f);
    WG_CHECK(through(WAGGLE_B1, -3.0f, WAGGLE_CONVERT_ROUND) == 0.0f);
    check_fails(WAGGLE_U8, 255.6f, WAGGLE_CONVERT_ROUND, "is outside 0..255 of u8");
    check_fails(WAGGLE_I8, -129.0f, WAGGLE_CONVERT_ROUND, "-129 is outside -128..127 of i8");
    check_fails(WAGGLE_F16, 65520.0f, WAGGLE_CONVERT_ROUND, "is outside -65504..65504 of f16");
    check_fails(WAGGLE_BF16, FLT_MAX, WAGGLE_CONVERT_ROUND, "of bf16");
}

WG_TEST(clamp_takes_the_nearest_end)
{
    WG_CHECK(through(WAGGLE_U8, -7.0f, WAGGLE_CONVERT_CLAMP) == 0.0f);
    WG_CHECK(through(WAGGLE_U8, 1e30f, WAGGLE_CONVERT_CLAMP) == 255.0f);
    WG_CHECK(through(WAGGLE_I8, 200.0f, WAGGLE_CONVERT_CLAMP) == 127.0f);
    WG_CHECK(through(WAGGLE_F16, -1e9f, WAGGLE_CONVERT_CLAMP) == -65504.0f);
    WG_CHECK(through(WAGGLE_BF16, FLT_MAX, WAGGLE_CONVERT_CLAMP) == 0x1.fep127f);
    WG_CHECK(through(WAGGLE_B1, 5.0f, WAGGLE_CONVERT_CLAMP) == 1.0f);
}

WG_TEST(what_is_not_finite_is_refused_by_every_conversion)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};

    for (size_t t = 0; t < WG_COUNT(all_types); t++) {
        for (size_t i = 0; i < WG_COUNT(bad); i++) {
            check_fails(all_types[t], bad[i], WAGGLE_CONVERT_EXACT, "is not finite");
            check_fails(all_types[t], bad[i], WAGGLE_CONVERT_CLAMP, "is not finite");
        }
    }
    _Alignas(64) uint8_t row[64];
    uint16_t f16[3] = {0x3c00, 0x3c00, 0x7c00}, bf16[3] = {0x3f80, 0xff81, 0x3f80};
    WG_FAILS_WITH(WAGGLE_INVALID, "column 2: inf is not finite",
                  convert(WAGGLE_F16, f16, WAGGLE_F16, row, 3, WAGGLE_CONVERT_EXACT));
    WG_FAILS_WITH(WAGGLE_INVALID, "column 1",
                  convert(WAGGLE_BF16, bf16, WAGGLE_BF16, row, 3, WAGGLE_CONVERT_EXACT));
}

WG_TEST(messages_leave_out_the_name_of_the_unnamed_vector)
{
    _Alignas(64) uint8_t row[64];
    float values[4] = {1, 2, 3, NAN};
    wg_row_place place = {.what = "query", .name = "", .row = 12};

    WG_FAILS_WITH(WAGGLE_INVALID, "query, row 12, column 3:",
                  wg_row_convert(WAGGLE_F32, values, WAGGLE_F32, row, 4, WAGGLE_CONVERT_EXACT,
                                 &place, &error));
}

// From every type to every type: a 0/1 pattern is exact everywhere, and all padding is zero. The source has
// no alignment.
WG_TEST(every_pair_of_types_converts_and_zeroes_the_padding)
{
    enum {
        DIM = 77
    };

    _Alignas(64) uint8_t first[512], unaligned[513], second[512];
    float pattern[DIM], back[DIM];

    for (uint32_t i = 0; i < DIM; i++) {
        pattern[i] = (float)(i * i % 7 % 2);
    }
    for (size_t a = 0; a < WG_COUNT(all_types); a++) {
        for (size_t b = 0; b < WG_COUNT(all_types); b++) {
            size_t stride = wg_row_stride(all_types[b], DIM);
            WG_OK(convert(WAGGLE_F32, pattern, all_types[a], first, DIM, WAGGLE_CONVERT_EXACT));
            memcpy(unaligned + 1, first, 512);
            memset(second, 0xff, sizeof(second));
            WG_OK(convert(all_types[a], unaligned + 1, all_types[b], second, DIM,
                          WAGGLE_CONVERT_EXACT));
            wg_row_to_f32(all_types[b], second, DIM, back);
            WG_CHECK(memcmp(pattern, back, sizeof(pattern)) == 0);
            size_t packed =
                all_types[b] == WAGGLE_B1 ? (DIM + 7) / 8 : DIM * wg_type_size(all_types[b]);
            for (size_t i = packed; i < stride; i++) {
                WG_CHECK_U64(second[i], 0);
            }
            if (stride < sizeof(second)) WG_CHECK_U64(second[stride], 0xff);
        }
    }
}

WG_TEST(integers_keep_their_number_or_are_refused)
{
    _Alignas(64) uint8_t row[64];
    uint8_t large = 200;
    int8_t negative = -1;

    WG_FAILS_WITH(WAGGLE_INVALID, "200 is outside -128..127 of i8",
                  convert(WAGGLE_U8, &large, WAGGLE_I8, row, 1, WAGGLE_CONVERT_ROUND));
    WG_FAILS_WITH(WAGGLE_INVALID, "-1 is outside 0..255 of u8",
                  convert(WAGGLE_I8, &negative, WAGGLE_U8, row, 1, WAGGLE_CONVERT_EXACT));
    WG_OK(convert(WAGGLE_I8, &negative, WAGGLE_U8, row, 1, WAGGLE_CONVERT_CLAMP));
    WG_CHECK_U64(row[0], 0);
    WG_OK(convert(WAGGLE_U8, &large, WAGGLE_BF16, row, 1, WAGGLE_CONVERT_EXACT));
    WG_OK(convert(WAGGLE_U8, &large, WAGGLE_B1, row, 1, WAGGLE_CONVERT_CLAMP));
    WG_CHECK_U64(row[0], 1);
}

WG_TEST(bits_behind_the_last_component_are_dropped)
{
    _Alignas(64) uint8_t row[64];
    uint8_t bits[2] = {0xff, 0xff};

    WG_OK(convert(WAGGLE_B1, bits, WAGGLE_B1, row, 11, WAGGLE_CONVERT_EXACT));
    WG_CHECK_U64(row[0], 0xff);
    WG_CHECK_U64(row[1], 0x07);
}

// ---- Norms -------------------------------------------------------------------------------------

WG_TEST(norms_hold_at_both_ends_of_the_range)
{
    _Alignas(64) float row[16] = {3.0f, 4.0f}, back[16];
    uint8_t bytes[2] = {3, 4};
    int8_t negative[2] = {-128, 0};

    WG_CHECK(wg_row_norm(WAGGLE_F32, row, 2) == 5.0f);
    WG_CHECK(wg_row_norm(WAGGLE_U8, bytes, 2) == 5.0f);
    WG_CHECK(wg_row_norm(WAGGLE_I8, negative, 2) == 128.0f);
    for (int exponent = -37; exponent <= 38; exponent += 5) {
        float scale = (float)pow(10.0, exponent);
        row[0] = scale, row[1] = -scale;
        float norm = wg_row_normalize(WAGGLE_F32, row, 2);
        WG_CHECK(fabs(norm / (scale * 1.41421356) - 1.0) < 1e-5);
        WG_CHECK(fabsf(row[0] - 0.70710678f) < 1e-6f && row[1] == -row[0]);
        wg_row_restore(WAGGLE_F32, row, 2, norm, back);
        WG_CHECK(fabsf(back[0] / scale - 1.0f) < 1e-6f);
    }
    row[0] = row[1] = 3e38f;
    WG_CHECK(wg_row_normalize(WAGGLE_F32, row, 2) == FLT_MAX);
    WG_CHECK(fabsf(row[0] - 0.70710678f) < 1e-6f);
    row[0] = FLT_TRUE_MIN, row[1] = 0.0f;
    WG_CHECK(wg_row_normalize(WAGGLE_F32, row, 2) == FLT_TRUE_MIN);
    WG_CHECK(row[0] == 1.0f);
}

WG_TEST(a_zero_row_stays_as_it_is)
{
    _Alignas(64) uint8_t row[64] = {0}, zero[64] = {0};

    WG_CHECK(wg_row_normalize(WAGGLE_F16, row, 7) == 0.0f);
    WG_CHECK(memcmp(row, zero, 64) == 0);
}

// The largest value comes back as itself or slightly less, also where its component was rounded up.
WG_TEST(restored_rows_are_finite)
{
    static const waggle_type types[] = {WAGGLE_F32, WAGGLE_F16, WAGGLE_BF16};
    static const float largest[] = {FLT_MAX, 65504.0f, 0x1.fep127f};
    test_random random = {.state = test_seed(3)};

    for (size_t t = 0; t < WG_COUNT(types); t++) {
        for (int round = 0; round < 200; round++) {
            _Alignas(64) uint8_t row[64];
            float values[8], back[8];
            for (int i = 0; i < 8; i++) {
                float share = (float)test_below(&random, 1000) / 1000.0f;
                values[i] = i == 0 ? largest[t] : i < 4 ? largest[t] * share : 0.0f;
            }
            WG_OK(convert(WAGGLE_F32, values, types[t], row, 8, WAGGLE_CONVERT_ROUND));
            float norm = wg_row_normalize(types[t], row, 8);
            wg_row_restore(types[t], row, 8, norm, row);
            wg_row_to_f32(types[t], row, 8, back);
            for (int i = 0; i < 8; i++) {
                WG_CHECK(isfinite(back[i]));
            }
            // A norm beyond float32 is lowered to its end, at most to a half here.
            WG_CHECK(back[0] > largest[t] * (types[t] == WAGGLE_F16 ? 0.99f : 0.49f));
        }
    }
}

// What normalizing does to the cosine: the bound that is documented for the half types.
WG_TEST(normalized_rows_keep_their_cosine)
{
    static const waggle_type types[] = {WAGGLE_F32, WAGGLE_F16, WAGGLE_BF16};
    static const double bounds[] = {1e-6, 2e-3, 1e-2};
    test_random random = {.state = test_seed(4)};

    for (size_t t = 0; t < WG_COUNT(types); t++) {
        for (int round = 0; round < 100; round++) {
            _Alignas(64) uint8_t a[256], b[256];
            float values[60];
            for (int i = 0; i < 60; i++) {
                values[i] = test_normal(&random);
            }
            WG_OK(convert(WAGGLE_F32, values, types[t], a, 60, WAGGLE_CONVERT_ROUND));
            values[round % 60] += 3.0f;
            WG_OK(convert(WAGGLE_F32, values, types[t], b, 60, WAGGLE_CONVERT_ROUND));
            double cosine = wg_oracle_score(WAGGLE_COSINE, types[t], a, b, 60);
            wg_row_normalize(types[t], a, 60);
            wg_row_normalize(types[t], b, 60);
            double dot = wg_oracle_score(WAGGLE_DOT, types[t], a, b, 60);
            WG_CHECK(fabs(cosine - dot) < bounds[t]);
        }
    }
}

// ---- The reference -----------------------------------------------------------------------------

WG_TEST(the_reference_computes_the_published_formulas)
{
    float q[3] = {1, 2, 3}, x[3] = {4, -2, 3}, zero[3] = {0};
    uint8_t q_bits[1] = {5}, x_bits[1] = {6};
    int8_t q_bytes[2] = {-128, 1}, x_bytes[2] = {127, 1};

    WG_CHECK(wg_oracle_score(WAGGLE_L2, WAGGLE_F32, q, x, 3) == 25.0);
    WG_CHECK(wg_oracle_score(WAGGLE_DOT, WAGGLE_F32, q, x, 3) == 9.0);
    WG_CHECK(wg_oracle_score(WAGGLE_L1, WAGGLE_F32, q, x, 3) == 7.0);
    WG_CHECK(wg_oracle_score(WAGGLE_LINF, WAGGLE_F32, q, x, 3) == 4.0);
    WG_CHECK(fabs(wg_oracle_score(WAGGLE_COSINE, WAGGLE_F32, q, x, 3) - 9.0 / sqrt(14 * 29.0)) <
             1e-12);
    WG_CHECK(wg_oracle_score(WAGGLE_COSINE, WAGGLE_F32, q, zero, 3) == 0.0);
    WG_CHECK(wg_oracle_score(WAGGLE_HAMMING, WAGGLE_B1, q_bits, x_bits, 3) == 2.0);
    WG_CHECK(wg_oracle_score(WAGGLE_L1, WAGGLE_I8, q_bytes, x_bytes, 2) == 255.0);
    WG_CHECK(wg_oracle_score(WAGGLE_DOT, WAGGLE_U8, q_bits, x_bits, 1) == 30.0);
}
