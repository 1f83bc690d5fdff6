// Numbers as text: decimal to float32 and double, correctly rounded, and back in the fewest digits.
//
// To binary. The first 19 significant digits are a uint64, scaled in double by one power of ten. That
// takes three roundings of at most half an ulp each (integer to double, the power, the product), and
// digits cut off add less than a hundredth of one, so the double is within 2 ulp of the true number.
// Rounding it to float32 is right unless a tie between two floats lies that close: a tie is where the 29
// bits that float32 drops are 1000...0. Whoever is within NEAR_TIE of it, or outside the normal range,
// takes the slow path; of random numbers one in thirty million does.
//
// The slow path rewrites the number as digits and an exponent, without a decimal point, for strtof and
// strtod of the C library: they round correctly, and without a point no locale can change what they
// read. 800 digits decide every case (a tie of double has at most 767); a nonzero rest is one more "1".
//
// To text. The fewest digits that read back as the same number are found by trying: see float_digits().
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR_TIE 8u         // ulps of double
#define DIGITS_FAST 19      // always fit in a uint64
#define DIGITS_DECIDE 800   // of the slow path
#define EXPONENT_CLAMP 5000 // beyond +-(800 + 324) it is infinity or zero for certain
#define EXPONENT_SIZE 13    // "e-324" and NUL; behind 19 of sign, point and 17 digits, 32 in all

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10,
                                1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
                                1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32,
                                1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43,
                                1e44, 1e45, 1e46, 1e47, 1e48, 1e49, 1e50, 1e51, 1e52, 1e53, 1e54,
                                1e55, 1e56, 1e57, 1e58, 1e59, 1e60, 1e61, 1e62, 1e63, 1e64};
#define POWER_MAX ((int64_t)WG_COUNT(powers) - 1)
#define POWER_EXACT 22 // the largest power of ten that a double holds exactly

// A number as it stands in the text: mantissa * 10^exponent, but for digits behind the 19th.
typedef struct decimal {
    bool negative;
    bool cut; // the mantissa lacks digits that are not zero
    uint64_t mantissa;
    int64_t exponent;       // of the mantissa
    int64_t written;        // the exponent that stands behind the e
    const char *digits;     // the first digit
    const char *digits_end; // behind the last digit before the e
} decimal;

// ---- Scanning ----------------------------------------------------------------------------------

static inline bool is_digit(char c)
{
    return (uint8_t)(c - '0') < 10;
}

// Eight digits at once, if all of them are: pairs, then fours, then all eight are put together within one
// word, the first digit lowest.
static inline bool eight_digits(const char *at, uint64_t *value)
{
    uint64_t word;
    memcpy(&word, at, sizeof word); // little-endian: base/system.c asserts it
    uint64_t high = word & 0xF0F0F0F0F0F0F0F0u;
    uint64_t carry = (word + 0x0606060606060606u) & 0xF0F0F0F0F0F0F0F0u;
    if (high != 0x3030303030303030u || carry != 0x3030303030303030u) return false;

    word &= 0x0F0F0F0F0F0F0F0Fu;
    word = (word * 10 + (word >> 8)) & 0x00FF00FF00FF00FFu;
    word = (word * 100 + (word >> 16)) & 0x0000FFFF0000FFFFu;
    *value = (word * 10000 + (word >> 32)) & 0xFFFFFFFFu;
    return true;
}

// Digits that count: without leading zeros and the point.
static size_t significant_digits(const decimal *number)
{
    const char *at = number->digits;
    bool point = false;
    for (; at < number->digits_end && (*at == '0' || *at == '.'); at++)
        point |= *at == '.';
    size_t size = (size_t)(number->digits_end - at);
    if (!point && size > 0 && memchr(at, '.', size) != NULL) size--;
    return size;
}

// More than 19 digits: reads them again, leaves leading zeros out and stops after the 19th.
static void cut_mantissa(decimal *number)
{
    uint64_t mantissa = 0;
    int used = 0;

    number->cut = false;
    for (const char *at = number->digits; at < number->digits_end; at++) {
        if (*at == '.') continue;
        if (used < DIGITS_FAST) {
            mantissa = mantissa * 10 + (uint64_t)(*at - '0');
            used += mantissa != 0;
        } else {
            number->exponent++;
            number->cut |= *at != '0';
        }
    }
    number->mantissa = mantissa;
}

// The exponent at the e. "1e" is the number 1 with something behind it.
static const char *scan_exponent(const char *e, const char *end, int64_t *exponent)
{
    const char *at = e + 1;
    bool negative = false;
    if (at < end && (*at == '+' || *at == '-')) negative = *at++ == '-';
    if (at == end || !is_digit(*at)) return e;

    int64_t value = 0;
    for (; at < end && is_digit(*at); at++) {
        if (value < INT64_C(1) << 50) value = value * 10 + (*at - '0');
    }
    *exponent = negative ? -value : value;
    return at;
}

// Reads a number of JSON's grammar. Returns its end, or NULL if there is none.
static inline const char *scan(const char *text, const char *end, decimal *number)
{
    const char *at = text;
    number->negative = at < end && *at == '-';
    at += number->negative;
    if (at == end || !is_digit(*at)) return NULL;
    number->digits = at;

    uint64_t mantissa = 0; // wraps around beyond 19 digits, and is then computed anew
    int64_t exponent = 0;
    if (*at == '0') {
        at++; // JSON has no leading zeros
    } else {
        for (; at < end && is_digit(*at); at++)
            mantissa = mantissa * 10 + (uint64_t)(*at - '0');
    }
    if (end - at >= 2 && *at == '.' && is_digit(at[1])) {
        const char *fraction = ++at;
        for (uint64_t eight; end - at >= 8 && eight_digits(at, &eight); at += 8)
            mantissa = mantissa * 100000000 + eight;
        for (; at < end && is_digit(*at); at++)
            mantissa = mantissa * 10 + (uint64_t)(*at - '0');
        exponent = fraction - at;
    }
    number->digits_end = at;
    number->written = 0;
    if (at < end && (*at == 'e' || *at == 'E')) at = scan_exponent(at, end, &number->written);

    number->cut = false;
    number->mantissa = mantissa;
    number->exponent = exponent + number->written;
    bool many = number->digits_end - number->digits > DIGITS_FAST;
    if (many && significant_digits(number) > DIGITS_FAST) cut_mantissa(number);
    return at;
}

// ---- To binary ---------------------------------------------------------------------------------

#define PLAIN_SIZE (DIGITS_DECIDE + 32)

// The absolute value as "123e-45"; see the top of this file.
static void write_plain(const decimal *number, char *plain)
{
    int64_t exponent = number->written;
    size_t size = 0;
    bool fraction = false, rest = false;

    for (const char *at = number->digits; at < number->digits_end; at++) {
        if (*at == '.') {
            fraction = true;
        } else if (size < DIGITS_DECIDE) {
            if (size > 0 || *at != '0') plain[size++] = *at;
            exponent -= fraction;
        } else {
            rest |= *at != '0';
            exponent += !fraction;
        }
    }
    if (rest) {
        plain[size++] = '1';
        exponent--;
    }
    if (size == 0) plain[size++] = '0';
    exponent = WG_MAX(WG_MIN(exponent, EXPONENT_CLAMP), -EXPONENT_CLAMP);
    snprintf(plain + size, PLAIN_SIZE - size, "e%d", (int)exponent);
}

static float float_slow(const decimal *number)
{
    char plain[PLAIN_SIZE];
    write_plain(number, plain);
    float value = strtof(plain, NULL);
    return number->negative ? -value : value;
}

// Rounds to float32, if the number that was rounded to scaled certainly rounds to the same: it is not near a tie,
// and inside the normal range with a factor of two to spare at both ends.
static inline bool narrow(double scaled, float *value)
{
    uint64_t bits;
    memcpy(&bits, &scaled, sizeof bits);
    uint32_t dropped = (uint32_t)bits & 0x1FFFFFFF;
    uint32_t exponent = (uint32_t)(bits >> 52) & 0x7FF;
    if (exponent - (1023 - 125) >= 125 + 126) return false;
    if (dropped - (0x10000000u - NEAR_TIE) <= 2 * NEAR_TIE) return false;
    *value = (float)scaled;
    return true;
}

const char *wg_float_parse(const char *text, const char *end, float *value)
{
    decimal number;
    const char *stop = scan(text, end, &number);
    if (stop == NULL) return NULL;

    if (number.mantissa == 0) {
        *value = number.negative ? -0.0f : 0.0f;
        return stop;
    }
    if (number.exponent < -POWER_MAX || number.exponent > POWER_MAX) {
        *value = float_slow(&number);
        return stop;
    }

    double scaled = (double)number.mantissa;
    if (number.exponent < 0) {
        scaled /= powers[-number.exponent];
    } else {
        scaled *= powers[number.exponent];
    }

    if (!narrow(number.negative ? -scaled : scaled, value)) *value = float_slow(&number);
    return stop;
}

const char *wg_double_parse(const char *text, const char *end, double *value)
{
    decimal number;
    const char *stop = scan(text, end, &number);
    if (stop == NULL) return NULL;

    double magnitude;
    bool small = !number.cut && number.mantissa <= UINT64_C(1) << 53;
    if (small && number.exponent >= -POWER_EXACT && number.exponent <= POWER_EXACT) {
        // Both operands are exact, so the one operation rounds correctly (Clinger 1990).
        magnitude = (double)number.mantissa;
        if (number.exponent < 0) {
            magnitude /= powers[-number.exponent];
        } else {
            magnitude *= powers[number.exponent];
        }
    } else {
        char plain[PLAIN_SIZE];
        write_plain(&number, plain);
        magnitude = strtod(plain, NULL);
    }
    *value = number.negative ? -magnitude : magnitude;
    return stop;
}

// ---- To text -----------------------------------------------------------------------------------

// The significant digits of a number above 0: d.ddd * 10^exponent.
typedef struct digit_string {
    char text[24];
    int count;
    int exponent;
} digit_string;

// The first of a number's `count` significant digits, rounded by the C library; any locale will do, since
// whatever stands between the first two digits is passed over.
static void digits_print(double value, int count, digit_string *digits)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    const char *at = text;

    digits->count = 0;
    for (; *at != 'e'; at++) {
        if (is_digit(*at)) digits->text[digits->count++] = *at;
    }
    digits->exponent = (int)strtol(at + 1, NULL, 10);
}

static void digits_trim(digit_string *digits)
{
    while (digits->count > 1 && digits->text[digits->count - 1] == '0')
        digits->count--;
}

static void digits_of_integer(uint64_t mantissa, int scale, digit_string *digits)
{
    int size = snprintf(digits->text, sizeof digits->text, "%" PRIu64, mantissa);
    digits->count = size;
    digits->exponent = size - 1 + scale;
}

// Tries numbers of more and more digits by arithmetic in double, each checked by the way back, so that an
// error of the arithmetic costs a digit at worst. Every float of up to 6 digits is found with 6. False
// leaves the number to the C library.
static bool float_digits_fast(float value, digit_string *digits)
{
    int binary;
    frexpf(value, &binary);
    int tens = (int)floor((binary - 1) * 0.30102999566398120); // 10^tens <= value < 10^(tens + 2)
    double exact = value;

    for (int count = 5; count <= 9; count++) { // digits, or one more: tens may be one too low
        int scale = count - 1 - tens;
        if (scale < -POWER_EXACT || scale > POWER_EXACT) return false;
        double scaled = scale < 0 ? exact / powers[-scale] : exact * powers[scale];
        uint64_t mantissa = (uint64_t)(scaled + 0.5);
        scaled = (double)mantissa;
        scaled = scale < 0 ? scaled * powers[-scale] : scaled / powers[scale];
        float back;
        if (!narrow(scaled, &back)) return false;
        if (back != value) continue;
        digits_of_integer(mantissa, -scale, digits);
        digits_trim(digits);
        return digits->count <= 9;
    }
    return false;
}

// Subnormal numbers have fewer digits than the 6 and 15 that all normal numbers keep.
static void float_digits(float value, digit_string *digits)
{
    if (float_digits_fast(value, digits)) return;
    for (int count = 1; count <= 9; count++) {
        digits_print(value, count, digits);
        char text[48];
        float back;
        int size = snprintf(text, sizeof text, "%.*se%d", digits->count, digits->text,
                            digits->exponent - digits->count + 1);
        if (wg_float_parse(text, text + size, &back) != NULL && back == value) break;
    }
    digits_trim(digits);
}

static void double_digits(double value, digit_string *digits)
{
    for (int count = value < 2.3e-308 ? 1 : 15; count <= 17; count++) {
        digits_print(value, count, digits);
        char text[48];
        double back;
        int size = snprintf(text, sizeof text, "%.*se%d", digits->count, digits->text,
                            digits->exponent - digits->count + 1);
        if (wg_double_parse(text, text + size, &back) != NULL && back == value) break;
    }
    digits_trim(digits);
}

static char *put_zeros(char *target, int count)
{
    for (int i = 0; i < count; i++)
        *target++ = '0';
    return target;
}

static char *put_digits(char *target, const digit_string *digits, int from, int to)
{
    memcpy(target, digits->text + from, (size_t)(to - from));
    return target + (to - from);
}

// As people write numbers: 0.00012, 1234.5, 12000; beyond 10^-5 and 10^16 as 1.2e-7.
static size_t digits_write(const digit_string *digits, bool negative, char *text)
{
    char *target = text;
    int count = digits->count, exponent = digits->exponent;
    if (negative) *target++ = '-';

    if (exponent < -5 || exponent > 15) {
        *target++ = digits->text[0];
        if (count > 1) *target++ = '.';
        target = put_digits(target, digits, 1, count);
        target += snprintf(target, EXPONENT_SIZE, "e%d", exponent);
    } else if (exponent < 0) {
        target = put_zeros(target, 1);
        *target++ = '.';
        target = put_zeros(target, -exponent - 1);
        target = put_digits(target, digits, 0, count);
    } else if (count <= exponent + 1) {
        target = put_digits(target, digits, 0, count);
        target = put_zeros(target, exponent + 1 - count);
    } else {
        target = put_digits(target, digits, 0, exponent + 1);
        *target++ = '.';
        target = put_digits(target, digits, exponent + 1, count);
    }
    *target = '\0';
    return (size_t)(target - text);
}

// Zero, and what JSON cannot say.
static size_t write_special(double value, char *text)
{
    const char *word = !isfinite(value) ? "null" : signbit(value) ? "-0" : "0";
    size_t size = strlen(word);
    memcpy(text, word, size + 1);
    return size;
}

size_t wg_float_format(float value, char *text)
{
    digit_string digits;
    if (!isfinite(value) || value == 0) return write_special(value, text);
    float_digits(fabsf(value), &digits);
    return digits_write(&digits, value < 0, text);
}

size_t wg_double_format(double value, char *text)
{
    digit_string digits;
    if (!isfinite(value) || value == 0) return write_special(value, text);
    double_digits(fabs(value), &digits);
    return digits_write(&digits, value < 0, text);
}
