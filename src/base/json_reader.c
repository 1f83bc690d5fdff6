// The JSON reader: a scanner with an explicit stack of what is open, so that neither depth
// nor size of a text costs memory. The grammar is this machine:
//
//   state    what may come next                                 then
//   VALUE    a value                                            AFTER; ARRAY or OBJECT if it opens one
//   ARRAY    a value, or ]: an array was just opened            as VALUE; AFTER
//   OBJECT   a key with its colon, or }: just opened            VALUE; AFTER
//   AFTER    a comma and a value or key, the closing bracket;   as VALUE, or VALUE; AFTER
//            at depth 0 only the end
#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    STATE_VALUE,
    STATE_ARRAY,
    STATE_OBJECT,
    STATE_AFTER,
};

enum {
    NEST_ARRAY = 0,
    NEST_OBJECT = 1,
};

void wg_json_reader_init(wg_json_reader *reader, const char *text, size_t size)
{
    memset(reader, 0, sizeof *reader);
    reader->text = text == NULL ? "" : text;
    reader->size = size;
    reader->state = STATE_VALUE;
    reader->token = reader->text;
}

// ---- Messages ----------------------------------------------------------------------------------

// "line 2, column 7: " and the sentence. Columns are counted in bytes from 1.
static waggle_status fail_at(const wg_json_reader *reader, size_t at, waggle_error *error,
                             const char *format, ...) WG_PRINTF(4, 5);

static waggle_status fail_at(const wg_json_reader *reader, size_t at, waggle_error *error,
                             const char *format, ...)
{
    size_t line = 1, line_begin = 0;
    for (size_t i = 0; i < at; i++) {
        if (reader->text[i] != '\n') continue;
        line++;
        line_begin = i + 1;
    }

    char sentence[384];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return wg_fail(error, WAGGLE_INVALID, "line %zu, column %zu: %s", line, at - line_begin + 1,
                   sentence);
}

// What stands at a place, for messages.
static const char *describe(const wg_json_reader *reader, size_t at, char *text, size_t capacity)
{
    if (at >= reader->size) return "the end";
    uint8_t byte = (uint8_t)reader->text[at];
    bool printable = byte > 0x20 && byte < 0x7F;
    snprintf(text, capacity, printable ? "'%c'" : "byte 0x%02x", byte);
    return text;
}

static waggle_status fail_expected(const wg_json_reader *reader, const char *expected,
                                   waggle_error *error)
{
    char found[16];
    return fail_at(reader, reader->at, error, "expected %s, found %s", expected,
                   describe(reader, reader->at, found, sizeof found));
}

// A token, shortened, for "%.*s".
#define SHOWN_MAX 40

static int shown(size_t size)
{
    return (int)WG_MIN(size, SHOWN_MAX);
}

static waggle_status fail_number(const wg_json_reader *reader, const char *why, waggle_error *error)
{
    return fail_at(reader, (size_t)(reader->token - reader->text), error, "%.*s%s %s",
                   shown(reader->token_size), reader->token,
                   reader->token_size > SHOWN_MAX ? "..." : "", why);
}

// ---- Tokens ------------------------------------------------------------------------------------

static inline bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline void skip_space(wg_json_reader *reader)
{
    while (reader->at < reader->size && is_space(reader->text[reader->at]))
        reader->at++;
}

static void set_token(wg_json_reader *reader, size_t begin, size_t end)
{
    reader->token = reader->text + begin;
    reader->token_size = end - begin;
    reader->escaped = false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// The four digits of \uXXXX at [at, end); -1 if there are none.
static int32_t hex_unit(const char *at, const char *end)
{
    if (end - at < 4) return -1;
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

// Reads one escape behind its backslash: its code point, and *at moves behind it. -1 if it is none.
static int32_t read_escape(const char **at, const char *end)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (*at == end) return -1;
    char letter = *(*at)++;
    if (letter != 'u') {
        const char *found = letter == '\0' ? NULL : strchr(letters, letter);
        return found == NULL ? -1 : meanings[found - letters];
    }

    int32_t unit = hex_unit(*at, end);
    if (unit < 0) return -1;
    *at += 4;
    if (unit < 0xD800 || unit > 0xDFFF) return unit;
    if (unit > 0xDBFF || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u') return -1;
    int32_t low = hex_unit(*at + 2, end);
    if (low < 0xDC00 || low > 0xDFFF) return -1;
    *at += 6;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

static waggle_status fail_escape(const wg_json_reader *reader, const char *backslash,
                                 waggle_error *error)
{
    size_t left = (size_t)(reader->text + reader->size - backslash);
    bool unit = left >= 6 && hex_unit(backslash + 2, backslash + 6) >= 0 && backslash[1] == 'u';
    size_t at = (size_t)(backslash - reader->text);
    if (unit) {
        return fail_at(reader, at, error, "%.6s is half of a surrogate pair", backslash);
    }
    char found[16];
    return fail_at(reader, at, error, "a backslash with %s is no escape",
                   describe(reader, at + 1, found, sizeof found));
}

// Everything between the quotes; reader->at is at the first and will be behind the last.
static waggle_status read_string(wg_json_reader *reader, waggle_error *error)
{
    size_t open = reader->at;
    const char *begin = reader->text + open + 1, *end = reader->text + reader->size, *at = begin;
    bool escaped = false, ascii = true;

    for (;;) {
        while (at < end && *at != '"' && *at != '\\' && (uint8_t)*at >= 0x20) {
            ascii &= (uint8_t)*at < 0x80;
            at++;
        }
        if (at == end) return fail_at(reader, open, error, "the string does not end");
        if (*at == '"') break;
        if (*at != '\\') {
            return fail_at(reader, (size_t)(at - reader->text), error,
                           "byte 0x%02x in a string must be written as an escape", (uint8_t)*at);
        }
        const char *backslash = at++;
        escaped = true;
        if (read_escape(&at, end) < 0) return fail_escape(reader, backslash, error);
    }

    size_t size = (size_t)(at - begin);
    size_t valid = ascii ? size : wg_utf8_valid_size(begin, size);
    if (valid < size) {
        return fail_at(reader, open + 1 + valid, error, "byte 0x%02x is not valid UTF-8",
                       (uint8_t)begin[valid]);
    }
    set_token(reader, open + 1, open + 1 + size);
    reader->escaped = escaped;
    reader->at = open + 1 + size + 1;
    return WAGGLE_OK;
}

// The end of a number of JSON's grammar at [at, end), or NULL. *large: it may be beyond double's range.
static const char *number_end(const char *at, const char *end, bool *large)
{
    const char *begin = at;
    if (at < end && *at == '-') at++;
    const char *integer = at;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    if (at == integer || (*integer == '0' && at - integer > 1)) return NULL;
    if (at < end && *at == '.') {
        const char *fraction = ++at;
        while (at < end && *at >= '0' && *at <= '9')
            at++;
        if (at == fraction) return NULL;
    }
    *large = at - begin > 300;
    if (at < end && (*at == 'e' || *at == 'E')) {
        *large = true;
        if (++at < end && (*at == '+' || *at == '-')) at++;
        const char *exponent = at;
        while (at < end && *at >= '0' && *at <= '9')
            at++;
        if (at == exponent) return NULL;
    }
    return at;
}

static waggle_status read_number(wg_json_reader *reader, waggle_error *error)
{
    const char *begin = reader->text + reader->at;
    bool large = false;
    const char *end = number_end(begin, reader->text + reader->size, &large);
    if (end == NULL) {
        size_t size = 1; // shows what was meant to be a number
        while (reader->at + size < reader->size && strchr("0123456789+-.eE", begin[size]) != NULL &&
               begin[size] != '\0')
            size++;
        set_token(reader, reader->at, reader->at + size);
        return fail_number(reader, "is no number of JSON", error);
    }
    set_token(reader, reader->at, (size_t)(end - reader->text));
    reader->at = (size_t)(end - reader->text);
    if (!large) return WAGGLE_OK;
    double value;
    return wg_json_double(reader, &value, error);
}

static waggle_status read_word(wg_json_reader *reader, const char *word, waggle_error *error)
{
    size_t size = strlen(word), left = reader->size - reader->at;
    if (left < size || memcmp(reader->text + reader->at, word, size) != 0) {
        return fail_expected(reader, "a value", error);
    }
    set_token(reader, reader->at, reader->at + size);
    reader->at += size;
    return WAGGLE_OK;
}

static waggle_status open_nest(wg_json_reader *reader, uint8_t nest, waggle_error *error)
{
    if (reader->depth == WG_JSON_DEPTH_MAX) {
        return fail_at(reader, reader->at, error, "nesting is deeper than %u", WG_JSON_DEPTH_MAX);
    }
    set_token(reader, reader->at, reader->at + 1);
    reader->at++;
    reader->nesting[reader->depth++] = nest;
    reader->state = nest == NEST_ARRAY ? STATE_ARRAY : STATE_OBJECT;
    return WAGGLE_OK;
}

static wg_json_token close_nest(wg_json_reader *reader)
{
    set_token(reader, reader->at, reader->at + 1);
    reader->at++;
    reader->depth--;
    reader->state = STATE_AFTER;
    return reader->nesting[reader->depth] == NEST_ARRAY ? WG_JSON_ARRAY_END : WG_JSON_OBJECT_END;
}

static waggle_status read_value(wg_json_reader *reader, wg_json_token *token, waggle_error *error)
{
    if (reader->at == reader->size) return fail_expected(reader, "a value", error);
    reader->state = STATE_AFTER;

    switch (reader->text[reader->at]) {
    case '[': *token = WG_JSON_ARRAY_BEGIN; return open_nest(reader, NEST_ARRAY, error);
    case '{': *token = WG_JSON_OBJECT_BEGIN; return open_nest(reader, NEST_OBJECT, error);
    case '"': *token = WG_JSON_STRING; return read_string(reader, error);
    case 'n': *token = WG_JSON_NULL; return read_word(reader, "null", error);
    case 't': *token = WG_JSON_TRUE; return read_word(reader, "true", error);
    case 'f': *token = WG_JSON_FALSE; return read_word(reader, "false", error);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': *token = WG_JSON_NUMBER; return read_number(reader, error);
    default: return fail_expected(reader, "a value", error);
    }
}

static waggle_status read_key(wg_json_reader *reader, wg_json_token *token, waggle_error *error)
{
    if (reader->at == reader->size || reader->text[reader->at] != '"') {
        return fail_expected(reader, "a key", error);
    }
    waggle_status status = read_string(reader, error);
    if (status != WAGGLE_OK) return status;
    skip_space(reader);
    if (reader->at == reader->size || reader->text[reader->at] != ':') {
        return fail_expected(reader, "a colon", error);
    }
    reader->at++;
    reader->state = STATE_VALUE;
    *token = WG_JSON_KEY;
    return WAGGLE_OK;
}

// Behind a value: a comma and what follows it, the closing bracket, or the end of the text.
static waggle_status read_after(wg_json_reader *reader, wg_json_token *token, waggle_error *error)
{
    if (reader->depth == 0) {
        if (reader->at < reader->size) {
            return fail_expected(reader, "the end behind the value", error);
        }
        set_token(reader, reader->at, reader->at);
        *token = WG_JSON_END;
        return WAGGLE_OK;
    }

    bool array = reader->nesting[reader->depth - 1] == NEST_ARRAY;
    char next = reader->at < reader->size ? reader->text[reader->at] : '\0';
    if (next == (array ? ']' : '}')) {
        *token = close_nest(reader);
        return WAGGLE_OK;
    }
    if (next != ',') return fail_expected(reader, array ? "',' or ']'" : "',' or '}'", error);
    reader->at++;
    skip_space(reader);
    return array ? read_value(reader, token, error) : read_key(reader, token, error);
}

waggle_status wg_json_next(wg_json_reader *reader, wg_json_token *token, waggle_error *error)
{
    skip_space(reader);
    char next = reader->at < reader->size ? reader->text[reader->at] : '\0';

    switch (reader->state) {
    case STATE_AFTER: return read_after(reader, token, error);
    case STATE_OBJECT:
        if (next != '}') return read_key(reader, token, error);
        *token = close_nest(reader);
        return WAGGLE_OK;
    case STATE_ARRAY:
        if (next != ']') return read_value(reader, token, error);
        *token = close_nest(reader);
        return WAGGLE_OK;
    default: return read_value(reader, token, error);
    }
}

waggle_status wg_json_skip(wg_json_reader *reader, wg_json_token token, waggle_error *error)
{
    if (token != WG_JSON_ARRAY_BEGIN && token != WG_JSON_OBJECT_BEGIN) return WAGGLE_OK;
    uint32_t depth = reader->depth - 1;
    while (reader->depth > depth) {
        waggle_status status = wg_json_next(reader, &token, error);
        if (status != WAGGLE_OK) return status;
    }
    return WAGGLE_OK;
}

waggle_status wg_json_raw(wg_json_reader *reader, wg_json_token token, waggle_text *raw,
                          waggle_error *error)
{
    const char *begin = reader->token - (token == WG_JSON_STRING ? 1 : 0);
    waggle_status status = wg_json_skip(reader, token, error);
    if (status != WAGGLE_OK) return status;
    *raw = (waggle_text){begin, (size_t)(reader->text + reader->at - begin)};
    return WAGGLE_OK;
}

// ---- Strings -----------------------------------------------------------------------------------

// A code point as UTF-8. Returns its size.
static size_t put_utf8(uint32_t point, char *target)
{
    if (point < 0x80) {
        target[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        target[0] = (char)(0xC0 | point >> 6);
        target[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        target[0] = (char)(0xE0 | point >> 12);
        target[1] = (char)(0x80 | (point >> 6 & 0x3F));
        target[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    target[0] = (char)(0xF0 | point >> 18);
    target[1] = (char)(0x80 | (point >> 12 & 0x3F));
    target[2] = (char)(0x80 | (point >> 6 & 0x3F));
    target[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

// The next piece of a string that was checked when it was read: one byte, or what an escape stands for.
static size_t next_piece(const char **at, const char *end, char piece[4])
{
    piece[0] = *(*at)++;
    return piece[0] != '\\' ? 1 : put_utf8((uint32_t)read_escape(at, end), piece);
}

waggle_status wg_json_string(const wg_json_reader *reader, wg_arena *arena, waggle_text *string,
                             waggle_error *error)
{
    if (!reader->escaped) {
        *string = (waggle_text){reader->token, reader->token_size};
        return WAGGLE_OK;
    }

    // An escape is never shorter than what it stands for.
    char *copy = wg_arena_alloc(arena, reader->token_size, 1);
    if (copy == NULL) return wg_fail_memory(error, reader->token_size, "a string");
    const char *at = reader->token, *end = at + reader->token_size;
    size_t size = 0;
    while (at < end) {
        char piece[4];
        size_t piece_size = next_piece(&at, end, piece);
        memcpy(copy + size, piece, piece_size);
        size += piece_size;
    }
    *string = (waggle_text){copy, size};
    return WAGGLE_OK;
}

bool wg_json_equals(const wg_json_reader *reader, const char *string)
{
    size_t size = strlen(string);
    if (!reader->escaped) {
        return reader->token_size == size && memcmp(reader->token, string, size) == 0;
    }

    const char *at = reader->token, *end = at + reader->token_size;
    while (at < end) {
        char piece[4];
        size_t piece_size = next_piece(&at, end, piece);
        if (piece_size > size || memcmp(piece, string, piece_size) != 0) return false;
        string += piece_size;
        size -= piece_size;
    }
    return size == 0;
}

// ---- Numbers -----------------------------------------------------------------------------------

waggle_status wg_json_double(const wg_json_reader *reader, double *value, waggle_error *error)
{
    double parsed;
    const char *end = reader->token + reader->token_size;
    if (wg_double_parse(reader->token, end, &parsed) != end) {
        return fail_number(reader, "is no number", error);
    }
    if (!isfinite(parsed)) {
        return fail_number(reader, "is beyond the largest double, 1.8e308", error);
    }
    *value = parsed;
    return WAGGLE_OK;
}

// Digits only, below 2^64.
static bool parse_u64(const char *at, const char *end, uint64_t *value)
{
    uint64_t parsed = 0;
    if (at == end) return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') return false;
        if (__builtin_mul_overflow(parsed, 10, &parsed)) return false;
        if (__builtin_add_overflow(parsed, (uint64_t)(*at - '0'), &parsed)) return false;
    }
    *value = parsed;
    return true;
}

waggle_status wg_json_u64(const wg_json_reader *reader, uint64_t *value, waggle_error *error)
{
    if (!parse_u64(reader->token, reader->token + reader->token_size, value)) {
        return fail_number(reader, "is no integer from 0 to 18446744073709551615", error);
    }
    return WAGGLE_OK;
}

waggle_status wg_json_i64(const wg_json_reader *reader, int64_t *value, waggle_error *error)
{
    const char *at = reader->token, *end = at + reader->token_size;
    bool negative = at < end && *at == '-';
    uint64_t magnitude;
    bool fits = parse_u64(at + negative, end, &magnitude) &&
                magnitude <= (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (!fits) {
        return fail_number(reader, "is no integer from -9223372036854775808 to 9223372036854775807",
                           error);
    }
    *value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return WAGGLE_OK;
}

static waggle_status fail_component(const wg_json_reader *reader, size_t at, uint64_t index,
                                    waggle_error *error)
{
    char found[16];
    return fail_at(reader, at, error, "component %" PRIu64 ": expected a number, found %s", index,
                   describe(reader, at, found, sizeof found));
}

static waggle_status fail_float_range(const wg_json_reader *reader, size_t size, uint64_t index,
                                      waggle_error *error)
{
    return fail_at(reader, reader->at, error,
                   "component %" PRIu64 " is %.*s%s; the largest float32 is 3.4028235e38", index,
                   shown(size), reader->text + reader->at, size > SHOWN_MAX ? "..." : "");
}

// Closes the array and checks how many numbers there were.
static waggle_status end_floats(wg_json_reader *reader, uint32_t *count, uint64_t found,
                                waggle_error *error)
{
    uint32_t capacity = *count;
    close_nest(reader);
    *count = (uint32_t)WG_MIN(found, UINT32_MAX);
    if (found <= capacity) return WAGGLE_OK;
    return wg_fail_numbers(error, WAGGLE_DIMENSION, capacity, found,
                           "the array has %" PRIu64 " numbers; the most is %" PRIu32, found,
                           capacity);
}

waggle_status wg_json_floats(wg_json_reader *reader, float *values, uint32_t *count,
                             waggle_error *error)
{
    const char *end = reader->text + reader->size;
    uint64_t found = 0;

    WG_ASSERT(reader->state == STATE_ARRAY);
    skip_space(reader);
    if (reader->at < reader->size && reader->text[reader->at] == ']') {
        return end_floats(reader, count, 0, error);
    }
    for (;; found++) {
        const char *at = reader->text + reader->at;
        float value;
        const char *stop = wg_float_parse(at, end, &value);
        if (stop == NULL) return fail_component(reader, reader->at, found, error);
        if (!isfinite(value)) return fail_float_range(reader, (size_t)(stop - at), found, error);
        if (found < *count) values[found] = value;
        reader->at = (size_t)(stop - reader->text);

        skip_space(reader);
        char next = reader->at < reader->size ? reader->text[reader->at] : '\0';
        if (next == ']') return end_floats(reader, count, found + 1, error);
        if (next != ',') return fail_expected(reader, "',' or ']'", error);
        reader->at++;
        skip_space(reader);
    }
}

waggle_status wg_json_check_object(const char *text, size_t size, const char *place,
                                   waggle_error *error)
{
    wg_json_reader reader;
    wg_json_token token;
    wg_json_reader_init(&reader, text, size);

    waggle_status status = wg_json_next(&reader, &token, error);
    if (status == WAGGLE_OK && token != WG_JSON_OBJECT_BEGIN) {
        reader.at = 0;
        skip_space(&reader);
        status = fail_expected(&reader, "an object", error);
    }
    while (status == WAGGLE_OK && token != WG_JSON_END)
        status = wg_json_next(&reader, &token, error);
    return status == WAGGLE_OK ? status : wg_fail_context(error, status, "%s", place);
}
