// The JSON writer. What it writes is always valid: bytes that are no UTF-8 become U+FFFD, numbers that are
// not finite become null.
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_SIZE 32
#define INDENTATION 2

void wg_json_writer_init(wg_json_writer *writer, wg_buffer *out, bool pretty)
{
    *writer = (wg_json_writer){.out = out, .pretty = pretty};
}

static void put(wg_json_writer *writer, const void *data, size_t size)
{
    if (!writer->failed) writer->failed = !wg_buffer_append(writer->out, data, size);
}

static void put_line_break(wg_json_writer *writer)
{
    static const char spaces[] = "                ";
    put(writer, "\n", 1);
    for (size_t left = (size_t)writer->depth * INDENTATION; left > 0;) {
        size_t size = WG_MIN(left, sizeof spaces - 1);
        put(writer, spaces, size);
        left -= size;
    }
}

// Whatever separates a value or key from what came before it.
static void separate(wg_json_writer *writer)
{
    if (writer->comma) put(writer, ",", 1);
    if (writer->pretty && (writer->comma || writer->first)) put_line_break(writer);
    writer->comma = true;
    writer->first = false;
}

static void open_nest(wg_json_writer *writer, const char *bracket)
{
    separate(writer);
    put(writer, bracket, 1);
    WG_ASSERT(writer->depth < WG_JSON_DEPTH_MAX);
    writer->depth++;
    writer->comma = false;
    writer->first = true;
}

static void close_nest(wg_json_writer *writer, const char *bracket)
{
    WG_ASSERT(writer->depth > 0);
    writer->depth--;
    if (writer->pretty && !writer->first) put_line_break(writer);
    put(writer, bracket, 1);
    writer->comma = true;
    writer->first = false;
}

void wg_json_object_begin(wg_json_writer *writer)
{
    open_nest(writer, "{");
}

void wg_json_object_end(wg_json_writer *writer)
{
    close_nest(writer, "}");
}

void wg_json_array_begin(wg_json_writer *writer)
{
    open_nest(writer, "[");
}

void wg_json_array_end(wg_json_writer *writer)
{
    close_nest(writer, "]");
}

// One character that may not stand in a string as it is.
static void put_escaped(wg_json_writer *writer, uint8_t byte)
{
    static const char letters[] = "btnvfr"; // of 0x08 to 0x0d; JSON has no \v
    char text[8];
    int size;
    if (byte == '"' || byte == '\\') {
        size = snprintf(text, sizeof text, "\\%c", byte);
    } else if (byte >= 0x08 && byte <= 0x0d && byte != 0x0b) {
        size = snprintf(text, sizeof text, "\\%c", letters[byte - 0x08]);
    } else {
        size = snprintf(text, sizeof text, "\\u%04x", byte);
    }
    put(writer, text, (size_t)size);
}

// Bytes of string that can be written as they are.
static size_t plain_size(const char *string, size_t size)
{
    size_t plain = 0;
    while (plain < size && (uint8_t)string[plain] >= 0x20 && string[plain] != '"' &&
           string[plain] != '\\')
        plain++;
    return plain;
}

// UTF-8 without quotes around it.
static void put_characters(wg_json_writer *writer, const char *string, size_t size)
{
    while (size > 0) {
        size_t plain = plain_size(string, size);
        put(writer, string, plain);
        if (plain < size) put_escaped(writer, (uint8_t)string[plain++]);
        string += plain;
        size -= plain;
    }
}

void wg_json_put_string(wg_json_writer *writer, const char *string, size_t size)
{
    separate(writer);
    put(writer, "\"", 1);
    while (size > 0) {
        size_t valid = wg_utf8_valid_size(string, size);
        put_characters(writer, string, valid);
        if (valid < size) {
            put(writer, "\xEF\xBF\xBD", 3);
            valid++;
        }
        string += valid;
        size -= valid;
    }
    put(writer, "\"", 1);
}

void wg_json_put_text(wg_json_writer *writer, const char *string)
{
    wg_json_put_string(writer, string, strlen(string));
}

void wg_json_key(wg_json_writer *writer, const char *key)
{
    wg_json_put_text(writer, key);
    put(writer, ": ", writer->pretty ? 2 : 1);
    writer->comma = false;
}

void wg_json_put_raw(wg_json_writer *writer, const char *json, size_t size)
{
    separate(writer);
    put(writer, json, size);
}

void wg_json_put_u64(wg_json_writer *writer, uint64_t value)
{
    char text[NUMBER_SIZE];
    int size = snprintf(text, sizeof text, "%" PRIu64, value);
    wg_json_put_raw(writer, text, (size_t)size);
}

void wg_json_put_i64(wg_json_writer *writer, int64_t value)
{
    char text[NUMBER_SIZE];
    int size = snprintf(text, sizeof text, "%" PRId64, value);
    wg_json_put_raw(writer, text, (size_t)size);
}

void wg_json_put_double(wg_json_writer *writer, double value)
{
    char text[NUMBER_SIZE];
    wg_json_put_raw(writer, text, wg_double_format(value, text));
}

void wg_json_put_float(wg_json_writer *writer, float value)
{
    char text[NUMBER_SIZE];
    wg_json_put_raw(writer, text, wg_float_format(value, text));
}

void wg_json_put_bool(wg_json_writer *writer, bool value)
{
    wg_json_put_raw(writer, value ? "true" : "false", value ? 4 : 5);
}

void wg_json_put_null(wg_json_writer *writer)
{
    wg_json_put_raw(writer, "null", 4);
}
