// JSON (RFC 8259): a pull reader that never builds a tree, and a writer. Written by hand because vectors
// of numbers go through it: the measurement is in docs/decisions/json.md.
//
// The reader works on a complete text in memory. Strings must be valid UTF-8, numbers finite in double,
// nesting at most 128 deep, keys unique is not checked. Errors name line, column and what was found.
#pragma once

#include "base/memory.h"

#define WG_JSON_DEPTH_MAX 128u

typedef enum wg_json_token {
    WG_JSON_END, // of the text
    WG_JSON_NULL,
    WG_JSON_FALSE,
    WG_JSON_TRUE,
    WG_JSON_NUMBER,
    WG_JSON_STRING,
    WG_JSON_KEY, // of a member; its value follows
    WG_JSON_ARRAY_BEGIN,
    WG_JSON_ARRAY_END,
    WG_JSON_OBJECT_BEGIN,
    WG_JSON_OBJECT_END,
} wg_json_token;

typedef struct wg_json_reader {
    const char *text;
    size_t size;
    size_t at;
    uint32_t depth;
    uint8_t nesting[WG_JSON_DEPTH_MAX]; // what is open: 0 array, 1 object
    uint8_t state;
    // The current token: its bytes in the text (of strings and keys without the quotes, still escaped).
    const char *token;
    size_t token_size;
    bool escaped; // the string holds escapes: use wg_json_string()
} wg_json_reader;

void wg_json_reader_init(wg_json_reader *reader, const char *text, size_t size);
// The next token. After an error the reader is used no further.
waggle_status wg_json_next(wg_json_reader *reader, wg_json_token *token, waggle_error *error);
// Skips the value that begins with the token just read (a whole array or object).
waggle_status wg_json_skip(wg_json_reader *reader, wg_json_token token, waggle_error *error);
// The bytes of the value that begins with the token just read, as they stand in the text; skips it.
waggle_status wg_json_raw(wg_json_reader *reader, wg_json_token token, waggle_text *raw,
                          waggle_error *error);
// The current string or key, unescaped; borrowed from the text or copied to arena.
waggle_status wg_json_string(const wg_json_reader *reader, wg_arena *arena, waggle_text *string,
                             waggle_error *error);
bool wg_json_equals(const wg_json_reader *reader, const char *string); // the current string or key
// The current number. u64 and i64: WAGGLE_INVALID if it is no integer of that range.
waggle_status wg_json_double(const wg_json_reader *reader, double *value, waggle_error *error);
waggle_status wg_json_u64(const wg_json_reader *reader, uint64_t *value, waggle_error *error);
waggle_status wg_json_i64(const wg_json_reader *reader, int64_t *value, waggle_error *error);
// After ARRAY_BEGIN: reads numbers up to the end of the array as float32, correctly rounded. *count:
// in the capacity of values, out how many there were; more than the capacity is WAGGLE_DIMENSION with the
// full count, the array read to its end. Fast path: 50,000 vectors of 768 per second.
waggle_status wg_json_floats(wg_json_reader *reader, float *values, uint32_t *count,
                             waggle_error *error);
// Checks that text is one complete JSON object. place: "payload of row 7", for the message.
waggle_status wg_json_check_object(const char *text, size_t size, const char *place,
                                   waggle_error *error);

// A decimal number at [text, end) as the nearest float32 (IEEE 754 round to nearest even), as strtof in the
// C locale. Returns the end of the number, or NULL if there is none (JSON's grammar).
const char *wg_float_parse(const char *text, const char *end, float *value);
const char *wg_double_parse(const char *text, const char *end, double *value); // as strtod
// The shortest text that reads back as the same number, ended by NUL; 32 bytes are enough. Returns its size.
// "null" for what is not finite.
size_t wg_float_format(float value, char *text);
size_t wg_double_format(double value, char *text);

// True if the bytes are UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool wg_utf8_valid(const char *text, size_t size);
// The bytes before the first that is not part of UTF-8: size if all are.
size_t wg_utf8_valid_size(const char *text, size_t size);

// Appends JSON to a buffer. Commas and colons come by themselves. A failed allocation is remembered:
// check failed at the end.
typedef struct wg_json_writer {
    wg_buffer *out;
    bool failed;
    bool comma; // the next value is preceded by one
    bool first; // an array or object was just opened
    uint8_t depth;
    bool pretty; // line breaks and two spaces of indentation
} wg_json_writer;

void wg_json_writer_init(wg_json_writer *writer, wg_buffer *out, bool pretty);
void wg_json_object_begin(wg_json_writer *writer);
void wg_json_object_end(wg_json_writer *writer);
void wg_json_array_begin(wg_json_writer *writer);
void wg_json_array_end(wg_json_writer *writer);
void wg_json_key(wg_json_writer *writer, const char *key);
void wg_json_put_string(wg_json_writer *writer, const char *string, size_t size);
void wg_json_put_text(wg_json_writer *writer, const char *string); // ended by NUL
void wg_json_put_u64(wg_json_writer *writer, uint64_t value);
void wg_json_put_i64(wg_json_writer *writer, int64_t value);
void wg_json_put_double(wg_json_writer *writer, double value); // not finite: null
void wg_json_put_float(wg_json_writer *writer, float value);
void wg_json_put_bool(wg_json_writer *writer, bool value);
void wg_json_put_null(wg_json_writer *writer);
void wg_json_put_raw(wg_json_writer *writer, const char *json, size_t size); // one value, as it is
