#include "base/json.h"
#include "support/test.h"

#include <jansson.h>

static void write_document(wg_json_writer *writer)
{
    wg_json_object_begin(writer);
    wg_json_key(writer, "id");
    wg_json_put_u64(writer, UINT64_MAX);
    wg_json_key(writer, "low");
    wg_json_put_i64(writer, INT64_MIN);
    wg_json_key(writer, "list");
    wg_json_array_begin(writer);
    wg_json_put_float(writer, 0.1f);
    wg_json_put_double(writer, 0.1);
    wg_json_put_double(writer, 1.0 / 0.0);
    wg_json_put_bool(writer, true);
    wg_json_put_null(writer);
    wg_json_array_begin(writer);
    wg_json_array_end(writer);
    wg_json_object_begin(writer);
    wg_json_object_end(writer);
    wg_json_array_end(writer);
    wg_json_key(writer, "raw");
    wg_json_put_raw(writer, "{\"x\":1}", 7);
    wg_json_key(writer, "text");
    wg_json_put_text(writer, "a\"b");
    wg_json_object_end(writer);
}

static void check_written(bool pretty, const char *expected)
{
    wg_buffer out;
    wg_json_writer writer;
    wg_buffer_init(&out, NULL, WG_MEMORY_SCRATCH);
    wg_json_writer_init(&writer, &out, pretty);
    write_document(&writer);
    WG_CHECK(!writer.failed);
    WG_CHECK(wg_buffer_append(&out, "", 1));
    WG_CHECK_TEXT((const char *)out.data, expected);
    wg_buffer_finish(&out);
}

WG_TEST(commas_and_colons_come_by_themselves)
{
    check_written(false, "{\"id\":18446744073709551615,\"low\":-9223372036854775808,"
                         "\"list\":[0.1,0.1,null,true,null,[],{}],"
                         "\"raw\":{\"x\":1},\"text\":\"a\\\"b\"}");
}

WG_TEST(pretty_text_is_indented)
{
    check_written(true, "{\n"
                        "  \"id\": 18446744073709551615,\n"
                        "  \"low\": -9223372036854775808,\n"
                        "  \"list\": [\n"
                        "    0.1,\n"
                        "    0.1,\n"
                        "    null,\n"
                        "    true,\n"
                        "    null,\n"
                        "    [],\n"
                        "    {}\n"
                        "  ],\n"
                        "  \"raw\": {\"x\":1},\n"
                        "  \"text\": \"a\\\"b\"\n"
                        "}");
}

WG_TEST(any_bytes_become_a_valid_string)
{
    waggle_error error;
    test_random random = {test_seed(5)};
    wg_buffer out;
    wg_buffer_init(&out, NULL, WG_MEMORY_SCRATCH);
    for (uint64_t i = test_rounds(20000, 2000000); i > 0; i--) {
        char bytes[32];
        size_t size = test_below(&random, sizeof bytes);
        for (size_t j = 0; j < size; j++) {
            bytes[j] = "\"\\\n\t\b\x01 ab\xC3\xBC"[test_below(&random, 11)];
            if (test_below(&random, 2)) bytes[j] = (char)test_next(&random);
        }
        wg_json_writer writer;
        out.size = 0;
        wg_json_writer_init(&writer, &out, false);
        wg_json_array_begin(&writer);
        wg_json_put_string(&writer, bytes, size);
        wg_json_array_end(&writer);

        json_t *back = json_loadb((const char *)out.data, out.size, JSON_ALLOW_NUL, NULL);
        WG_CHECK(back != NULL);
        json_t *string = json_array_get(back, 0);
        if (wg_utf8_valid(bytes, size)) { // and then it is the same
            WG_CHECK_U64(json_string_length(string), size);
            WG_CHECK(memcmp(json_string_value(string), bytes, size) == 0);
        }
        json_decref(back);
        wg_json_reader reader;
        wg_json_reader_init(&reader, (const char *)out.data, out.size);
        wg_json_token token;
        WG_OK(wg_json_next(&reader, &token, &error));
        WG_OK(wg_json_skip(&reader, token, &error));
    }
    wg_buffer_finish(&out);
}

WG_TEST(control_characters_are_escaped)
{
    wg_buffer out;
    wg_json_writer writer;
    wg_buffer_init(&out, NULL, WG_MEMORY_SCRATCH);
    wg_json_writer_init(&writer, &out, false);
    wg_json_put_string(&writer, "\b\t\n\v\f\r\x1f\0/\x7f\xff", 11);
    WG_CHECK(wg_buffer_append(&out, "", 1));
    WG_CHECK_TEXT((const char *)out.data,
                  "\"\\b\\t\\n\\u000b\\f\\r\\u001f\\u0000/\x7f\xEF\xBF\xBD\"");
    wg_buffer_finish(&out);
}

WG_TEST(a_failed_allocation_is_remembered)
{
    test_heap heap;
    uint64_t calls = 1;
    for (uint64_t fail_at = 1; fail_at <= calls; fail_at++) {
        wg_buffer out;
        wg_json_writer writer;
        test_heap_init(&heap);
        heap.fail_at = fail_at;
        wg_buffer_init(&out, &heap.heap, WG_MEMORY_SCRATCH);
        wg_json_writer_init(&writer, &out, false);
        for (int i = 0; i < 100; i++)
            write_document(&writer);
        WG_CHECK(writer.failed == (heap.failed > 0));
        wg_buffer_finish(&out);
        WG_CHECK_U64(heap.live, 0);
        if (heap.failed > 0) calls = fail_at + 1;
    }
    WG_CHECK(calls > 2);
}
