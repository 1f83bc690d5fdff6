// UTF-8 (RFC 3629): which bytes are well-formed, after table 3-7 of the Unicode standard.
#include "base/json.h"

#include <string.h>

static bool is_tail(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

// Bytes of the character that begins at [text, text + size), size > 0; 0 if it is not well-formed.
static size_t sequence_size(const uint8_t *text, size_t size)
{
    uint8_t first = text[0];
    if (first < 0x80) return 1;
    if (first < 0xC2 || first > 0xF4) return 0; // a tail, an overlong form, or above U+10FFFF
    if (size < 2 || !is_tail(text[1])) return 0;
    if (first < 0xE0) return 2;

    uint8_t second = text[1];
    if (size < 3 || !is_tail(text[2])) return 0;
    if (first < 0xF0) {
        if (first == 0xE0 && second < 0xA0) return 0; // overlong
        if (first == 0xED && second > 0x9F) return 0; // a surrogate
        return 3;
    }

    if (size < 4 || !is_tail(text[3])) return 0;
    if (first == 0xF0 && second < 0x90) return 0; // overlong
    if (first == 0xF4 && second > 0x8F) return 0; // above U+10FFFF
    return 4;
}

size_t wg_utf8_valid_size(const char *text, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t at = 0;

    while (at < size) {
        uint64_t eight;
        while (size - at >= sizeof eight) { // most text is ASCII
            memcpy(&eight, bytes + at, sizeof eight);
            if ((eight & 0x8080808080808080u) != 0) break;
            at += sizeof eight;
        }
        if (at == size) break;
        size_t length = sequence_size(bytes + at, size - at);
        if (length == 0) break;
        at += length;
    }
    return at;
}

bool wg_utf8_valid(const char *text, size_t size)
{
    return wg_utf8_valid_size(text, size) == size;
}
