// The JSON reader: any bytes are read or refused; what was read and written again is read the same way.
#include "base/json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Writes the value of the token just read.
static void copy_value(wg_json_reader *reader, wg_json_token token, wg_arena *arena,
                       wg_json_writer *writer)
{
    waggle_text text;
    double number;
    switch (token) {
    case WG_JSON_NULL: wg_json_put_null(writer); break;
    case WG_JSON_FALSE: wg_json_put_bool(writer, false); break;
    case WG_JSON_TRUE: wg_json_put_bool(writer, true); break;
    case WG_JSON_NUMBER:
        WG_ASSERT(wg_json_double(reader, &number, NULL) == WAGGLE_OK);
        wg_json_put_double(writer, number);
        break;
    case WG_JSON_STRING:
        WG_ASSERT(wg_json_string(reader, arena, &text, NULL) == WAGGLE_OK);
        WG_ASSERT(wg_utf8_valid(text.data, text.size));
        wg_json_put_string(writer, text.data, text.size);
        break;
    case WG_JSON_KEY: // as a value: the writer's keys end at a NUL, which these may hold
        WG_ASSERT(wg_json_string(reader, arena, &text, NULL) == WAGGLE_OK);
        wg_json_put_string(writer, text.data, text.size);
        break;
    case WG_JSON_OBJECT_BEGIN:
    case WG_JSON_ARRAY_BEGIN: wg_json_array_begin(writer); break;
    case WG_JSON_OBJECT_END:
    case WG_JSON_ARRAY_END: wg_json_array_end(writer); break;
    default: break;
    }
}

// Reads a text to its end and writes it, objects as arrays of keys and values.
static waggle_status copy(const char *text, size_t size, wg_buffer *out)
{
    wg_arena arena;
    wg_json_reader reader;
    wg_json_writer writer;
    wg_json_token token = WG_JSON_NULL;
    waggle_error error;
    waggle_status status;

    wg_arena_init(&arena, NULL, WG_MEMORY_SCRATCH, 4096);
    wg_json_reader_init(&reader, text, size);
    wg_json_writer_init(&writer, out, false);
    do {
        status = wg_json_next(&reader, &token, &error);
        if (status == WAGGLE_OK) copy_value(&reader, token, &arena, &writer);
    } while (status == WAGGLE_OK && token != WG_JSON_END);
    wg_arena_finish(&arena);
    return status;
}

static void read_floats(const char *text, size_t size)
{
    float values[16];
    uint32_t count = WG_COUNT(values);
    wg_json_reader reader;
    wg_json_token token;
    waggle_error error;
    wg_json_reader_init(&reader, text, size);
    if (wg_json_next(&reader, &token, &error) != WAGGLE_OK) return;
    if (token != WG_JSON_ARRAY_BEGIN) return;
    wg_json_floats(&reader, values, &count, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    wg_buffer once, twice;
    wg_buffer_init(&once, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&twice, NULL, WG_MEMORY_SCRATCH);
    if (copy(text, size, &once) == WAGGLE_OK) {
        WG_ASSERT(copy((const char *)once.data, once.size, &twice) == WAGGLE_OK);
        WG_ASSERT(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
    }
    waggle_error error;
    wg_json_check_object(text, size, "fuzz", &error);
    read_floats(text, size);
    wg_buffer_finish(&once);
    wg_buffer_finish(&twice);
    return 0;
}
