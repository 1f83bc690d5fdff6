#include "base/json.h"
#include "support/test.h"

static size_t valid_size(const char *text)
{
    return wg_utf8_valid_size(text, strlen(text));
}

WG_TEST(characters_of_every_length_are_valid)
{
    WG_CHECK(wg_utf8_valid("", 0));
    WG_CHECK(wg_utf8_valid("a\0b", 3));
    static const char *const texts[] = {
        "plain",        "\x7F",         "\xC2\x80",         "\xDF\xBF",         "\xE0\xA0\x80",
        "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF",     "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
        "fr\xC3\xBCh",  "\xE8\x9C\x82", "\xF0\x9F\x90\x9D",
    };
    for (size_t i = 0; i < WG_COUNT(texts); i++)
        WG_CHECK_U64(valid_size(texts[i]), strlen(texts[i]));
}

WG_TEST(malformed_bytes_are_found_where_they_stand)
{
    static const char *const tails[] = {
        "\x80",             // a tail alone
        "\xC0\x80",         // overlong
        "\xC1\xBF",         // overlong
        "\xC3",             // cut off
        "\xC3(",            // no tail
        "\xE0\x9F\xBF",     // overlong
        "\xE2\x82",         // cut off
        "\xED\xA0\x80",     // a surrogate
        "\xED\xBF\xBF",     // a surrogate
        "\xF0\x8F\xBF\xBF", // overlong
        "\xF0\x9F\x90",     // cut off
        "\xF4\x90\x80\x80", // above U+10FFFF
        "\xF5\x80\x80\x80", // no first byte
        "\xFF",
    };
    for (size_t i = 0; i < WG_COUNT(tails); i++) {
        for (size_t before = 0; before < 20; before++) { // every position in a block of 8
            char text[64] = "";
            memset(text, 'x', before);
            memcpy(text + before, tails[i], strlen(tails[i]) + 1);
            WG_CHECK_U64(valid_size(text), before);
            WG_CHECK(!wg_utf8_valid(text, strlen(text)));
        }
    }
}
