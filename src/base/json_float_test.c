#include "base/json.h"
#include "support/test.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void check_float(const char *text)
{
    float value;
    const char *end = text + strlen(text);
    if (wg_float_parse(text, end, &value) != end) fail_msg("%.80s: not read to its end", text);
    float expected = strtof(text, NULL);
    if (float_bits(value) != float_bits(expected))
        fail_msg("%.80s is %.9g, strtof says %.9g", text, (double)value, (double)expected);
}

static void check_double(const char *text)
{
    double value;
    const char *end = text + strlen(text);
    if (wg_double_parse(text, end, &value) != end) fail_msg("%.80s: not read to its end", text);
    double expected = strtod(text, NULL);
    if (memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("%.80s is %.17g, strtod says %.17g", text, value, expected);
}

WG_TEST(hard_numbers_are_rounded_as_by_the_c_library)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "0.0e999999999999999999999",
        "1",
        "-1.5",
        "1e0",
        "1E+5",
        "1e-5",
        "16777217", // a tie of float
        "16777219",
        "16777217.0000000000000000000000000000000000000000001",
        "16777216.9999999999999999999999999999999999999999999",
        "9007199254740993", // a tie of double
        "9007199254740993.00000000000000000000000000000000001",
        "3.4028234663852886e38",
        "3.4028235677973366e38", // the tie with infinity
        "3.4028235677973365e38",
        "1e39",
        "1e309",
        "1e99999999999999999999",
        "1.17549435e-38",
        "1.1754942e-38",
        "1.4e-45",
        "7.006492321624085e-46", // half of the least subnormal
        "7.006492321624086e-46",
        "7.0064923216240854e-46",
        "1e-46",
        "1e-400",
        "5e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "12345678901234567890",
        "123456789012345678901234567890",
        "0.000000000000000000000000000000000000012345678901234567890123",
        "0.1",
        "0.30000001192092896",
        "1.00000005960464477539062500",
        "1.000000059604644775390625000000000000000000000000000001",
        "1.00000005960464477539062499999999999999999999999999999",
        "8388608.5",
        "8388609.5",
        "0.00000000000000000000000000000000000000000000000000000000000000000000000001e74",
        "100000000000000000000000000000000000000000000000000000000000000000000000000e-74",
    };
    for (size_t i = 0; i < WG_COUNT(numbers); i++) {
        check_float(numbers[i]);
        check_double(numbers[i]);
    }
}

// A number of the form that the round asks for.
static void random_number(test_random *random, char *text, size_t capacity)
{
    switch (test_below(random, 8)) {
    case 0: snprintf(text, capacity, "%.9g", (double)test_normal(random)); break;
    case 1: snprintf(text, capacity, "%.17g", (double)test_normal(random) / 7); break;
    case 2: snprintf(text, capacity, "%.20f", (double)test_normal(random)); break;
    case 3: { // any float
        float value = float_of((uint32_t)test_next(random));
        snprintf(text, capacity, "%.*e", (int)test_below(random, 25),
                 isfinite(value) ? (double)value : 1.0);
        break;
    }
    case 4: { // subnormal floats
        float value = float_of((uint32_t)test_below(random, 1 << 23));
        snprintf(text, capacity, "%.*e", (int)test_below(random, 12), (double)value);
        break;
    }
    case 5: { // ties of float and their close neighbors
        float low = float_of((uint32_t)test_below(random, 0x7F000000));
        float high = float_of(float_bits(low) + 1);
        double tie = (double)low + ((double)high - (double)low) / 2;
        snprintf(text, capacity, "%.*e", 12 + (int)test_below(random, 100), tie);
        break;
    }
    case 6: // any digits, any exponent
        snprintf(text, capacity, "%" PRIu64 ".%" PRIu64 "e%d", test_next(random),
                 test_next(random) >> test_below(random, 64), (int)test_below(random, 700) - 350);
        break;
    default: { // any double
        double value = double_of(test_next(random));
        snprintf(text, capacity, "%.*e", (int)test_below(random, 20),
                 isfinite(value) ? value : 1.0);
        break;
    }
    }
}

WG_TEST(random_numbers_are_rounded_as_by_the_c_library)
{
    test_random random = {test_seed(1)};
    char text[512];

    for (uint64_t i = test_rounds(1000000, 100000000); i > 0; i--) {
        random_number(&random, text, sizeof text);
        check_float(text);
        if (i % 4 == 0) check_double(text);
    }
}

WG_TEST(what_follows_json_s_grammar_of_numbers_is_left)
{
    static const struct {
        const char *text;
        int read; // -1: there is no number
    } cases[] = {
        {"",     -1},
        {"-",    -1},
        {"+1",   -1},
        {".5",   -1},
        {"e5",   -1},
        {"nan",  -1},
        {"inf",  -1},
        {"-inf", -1},
        {"0x10", 1 },
        {"01",   1 },
        {"1.",   1 },
        {"1.e5", 1 },
        {"1e",   1 },
        {"1e+",  1 },
        {"1e+x", 1 },
        {"1.5e", 3 },
        {"1,5",  1 },
        {"-0]",  2 },
        {"1 2",  1 },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        float value;
        const char *text = cases[i].text;
        const char *end = wg_float_parse(text, text + strlen(text), &value);
        if ((end == NULL ? -1 : (int)(end - text)) != cases[i].read)
            fail_msg("%s: read to %s", text, end == NULL ? "nothing" : end);
    }
    float value; // never a byte beyond the end
    const char digits[4] = {'1', '2', '3', '4'};
    WG_CHECK(wg_float_parse(digits, digits + 2, &value) == digits + 2 && value == 12.0f);
}

WG_TEST(a_locale_with_a_decimal_comma_changes_nothing)
{
    char text[32];
    float value;
    static const char number[] = "1.00000005960464477539062500000000000001"; // the slow path
    setlocale(LC_ALL, "");
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL) {
        WG_SKIP("the locale de_DE.UTF-8 is not installed");
    }
    WG_CHECK(wg_float_parse(number, number + strlen(number), &value) == number + strlen(number));
    WG_CHECK(value == 1.00000012f);
    wg_double_format(1.5e-9, text);
    WG_CHECK_TEXT(text, "1.5e-9");
    wg_double_format(0.1, text);
    WG_CHECK_TEXT(text, "0.1");
    setlocale(LC_ALL, "C");
}

static void put_text(char *target, const char *text)
{
    memcpy(target, text, strlen(text) + 1);
}

WG_TEST(ten_thousand_digits_are_read)
{
    static char text[10100];
    memset(text, '1', 10000);
    text[5000] = '.';
    put_text(text + 10000, "e-4990");
    check_float(text);
    check_double(text);
    memset(text, '0', 10000);
    text[1] = '.';
    put_text(text + 10000, "16777217e10006");
    check_float(text);
    check_double(text);
    memset(text, '0', 10000); // a tie, but for the last digit
    memcpy(text, "16777217.", 9);
    put_text(text + 10000, "1");
    check_float(text);
    memcpy(text, "9007199254740993.", 17);
    check_double(text);
}

WG_TEST(floats_are_written_as_people_write_them)
{
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        {0.0f,            "0"               },
        {-0.0f,           "-0"              },
        {1.0f,            "1"               },
        {-1.5f,           "-1.5"            },
        {0.1f,            "0.1"             },
        {0.3f,            "0.3"             },
        {1.0f / 3,        "0.33333334"      },
        {16777216.0f,     "16777216"        },
        {1e15f,           "1000000000000000"},
        {1e16f,           "1e16"            },
        {0.00001f,        "0.00001"         },
        {0.0000015f,      "1.5e-6"          },
        {3.40282347e38f,  "3.4028235e38"    },
        {1.17549435e-38f, "1.1754944e-38"   },
        {1.4e-45f,        "1e-45"           },
        {123456.789f,     "123456.79"       },
        {INFINITY,        "null"            },
        {NAN,             "null"            },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        char text[32];
        WG_CHECK_U64(wg_float_format(cases[i].value, text), strlen(cases[i].text));
        WG_CHECK_TEXT(text, cases[i].text);
    }
    char text[32];
    wg_double_format(1.0 / 3, text);
    WG_CHECK_TEXT(text, "0.3333333333333333");
    wg_double_format(-1.7976931348623157e308, text);
    WG_CHECK_TEXT(text, "-1.7976931348623157e308");
    wg_double_format(5e-324, text);
    WG_CHECK_TEXT(text, "5e-324");
    wg_double_format(12345678901.25, text);
    WG_CHECK_TEXT(text, "12345678901.25");
}

// Significant digits of a number as text.
static int digits_of(const char *text)
{
    int digits = 0, zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9') continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        digits += digits > 0 || *text != '0';
    }
    return digits > zeros ? digits - zeros : 1;
}

// The least precision with which printf reads back.
static int digits_needed(float value)
{
    for (int precision = 0; precision < 9; precision++) {
        char text[64];
        snprintf(text, sizeof text, "%.*e", precision, (double)value);
        if (strtof(text, NULL) == value) return precision + 1;
    }
    return 9;
}

WG_TEST(formatted_floats_read_back_in_the_fewest_digits)
{
    test_random random = {test_seed(2)};

    for (uint64_t i = test_rounds(200000, 50000000); i > 0; i--) {
        float value = i % 2 ? test_normal(&random) : float_of((uint32_t)test_next(&random));
        if (i % 16 == 0) value = (float)(int64_t)test_below(&random, 1000000) / 1000;
        if (!isfinite(value)) continue;
        char text[64];
        size_t size = wg_float_format(value, text);
        WG_CHECK(size < 32 && strlen(text) == size);
        if (strtof(text, NULL) != value) fail_msg("%.9g became %s", (double)value, text);
        if (digits_of(text) > digits_needed(value))
            fail_msg("%.9g is %s: %d digits would do", (double)value, text, digits_needed(value));
    }
}

WG_TEST(formatted_doubles_read_back)
{
    test_random random = {test_seed(3)};

    for (uint64_t i = test_rounds(100000, 10000000); i > 0; i--) {
        double value = double_of(test_next(&random));
        if (!isfinite(value)) continue;
        char text[64];
        size_t size = wg_double_format(value, text);
        WG_CHECK(size < 32 && strlen(text) == size);
        if (strtod(text, NULL) != value) fail_msg("%.17g became %s", value, text);
    }
}
