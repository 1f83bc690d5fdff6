#include "cli/output.h"
#include "support/test.h"

#include <math.h>

static char test_text[1 << 16];
static size_t test_size;

static bool keep(void *context, const void *data, size_t size)
{
    (void)context;
    if (test_size + size >= sizeof(test_text)) return false;
    memcpy(test_text + test_size, data, size);
    test_size += size;
    test_text[test_size] = '\0';
    return true;
}

static bool refuse(void *context, const void *data, size_t size)
{
    (void)context, (void)data, (void)size;
    return false;
}

static const cli_column test_columns[] = {
    {"name",    false},
    {"count",   true },
    {"payload", false},
};

static void begin(cli_output *output, cli_layout layout, bool record)
{
    cli_style style = {.layout = layout};

    if (record) cli_output_record(output, style, test_columns, WG_COUNT(test_columns));
    if (!record) cli_output_begin(output, style, test_columns, WG_COUNT(test_columns));
    output->sink = keep;
    test_size = 0;
    test_text[0] = '\0';
}

static void put_row(cli_output *output, const char *name, uint64_t count, const char *payload)
{
    cli_put_string(output, name);
    cli_put_u64(output, count);
    cli_put_json(output, payload, payload == NULL ? 0 : strlen(payload));
    cli_row_end(output);
}

static const char *two_rows(cli_layout layout)
{
    waggle_error error = {0};
    cli_output output;

    begin(&output, layout, false);
    put_row(&output, "bee", 5, "{\"a\":1}");
    put_row(&output, "caf\xC3\xA9 \"x\", y", 12345, NULL);
    WG_OK(cli_output_end(&output, &error));
    return test_text;
}

WG_TEST(a_table_aligns_its_columns)
{
    WG_CHECK_TEXT(two_rows(CLI_TABLE), "name         count  payload\n"
                                       "bee              5  {\"a\":1}\n"
                                       "caf\xC3\xA9 \"x\", y  12345  -\n");
}

WG_TEST(json_is_an_array_of_objects)
{
    WG_CHECK_TEXT(
        two_rows(CLI_JSON),
        "[\n  {\"name\":\"bee\",\"count\":5,\"payload\":{\"a\":1}},\n"
        "  {\"name\":\"caf\xC3\xA9 \\\"x\\\", y\",\"count\":12345,\"payload\":null}\n]\n");
}

WG_TEST(jsonl_is_an_object_a_line)
{
    WG_CHECK_TEXT(two_rows(CLI_JSONL),
                  "{\"name\":\"bee\",\"count\":5,\"payload\":{\"a\":1}}\n"
                  "{\"name\":\"caf\xC3\xA9 \\\"x\\\", y\",\"count\":12345,\"payload\":null}\n");
}

WG_TEST(csv_quotes_what_needs_it)
{
    WG_CHECK_TEXT(two_rows(CLI_CSV), "name,count,payload\r\n"
                                     "bee,5,\"{\"\"a\"\":1}\"\r\n"
                                     "\"caf\xC3\xA9 \"\"x\"\", y\",12345,\r\n");
}

WG_TEST(no_rows_are_still_an_answer)
{
    static const char *const expected[] = {"name  count  payload\n", "[]\n", "",
                                           "name,count,payload\r\n"};

    for (int layout = CLI_TABLE; layout <= CLI_CSV; layout++) {
        waggle_error error = {0};
        cli_output output;
        begin(&output, (cli_layout)layout, false);
        WG_OK(cli_output_end(&output, &error));
        WG_CHECK_TEXT(test_text, expected[layout]);
    }
}

WG_TEST(a_record_is_one_object)
{
    static const char *const expected[] = {
        "name     bee\ncount    5\npayload  {\"a\":1}\n",
        "{\"name\":\"bee\",\"count\":5,\"payload\":{\"a\":1}}\n",
        "{\"name\":\"bee\",\"count\":5,\"payload\":{\"a\":1}}\n",
        "name,count,payload\r\nbee,5,\"{\"\"a\"\":1}\"\r\n",
    };

    for (int layout = CLI_TABLE; layout <= CLI_CSV; layout++) {
        waggle_error error = {0};
        cli_output output;
        begin(&output, (cli_layout)layout, true);
        put_row(&output, "bee", 5, "{\"a\":1}");
        WG_OK(cli_output_end(&output, &error));
        WG_CHECK_TEXT(test_text, expected[layout]);
    }
}

WG_TEST(a_terminal_gets_bold_headings_and_lines_that_fit)
{
    waggle_error error = {0};
    cli_output output;

    begin(&output, CLI_TABLE, false);
    output.style.color = true;
    output.style.width = 24;
    put_row(&output, "bee", 5, "{\"text\":\"longer than the line\"}");
    WG_OK(cli_output_end(&output, &error));
    WG_CHECK_TEXT(test_text, "\033[1mname  count  payload\033[0m\n"
                             "bee       5  {\"text\":...\n");
}

WG_TEST(tables_show_no_control_characters)
{
    waggle_error error = {0};
    cli_output output;

    begin(&output, CLI_TABLE, false);
    put_row(&output,
            "a\033[31mb\nc\xC2\x9B"
            "d",
            5, NULL);
    WG_OK(cli_output_end(&output, &error));
    WG_CHECK(strstr(test_text, "a?[31mb?c??d") != NULL);
}

WG_TEST(a_long_table_is_written_in_pieces)
{
    waggle_error error = {0};
    cli_output output;

    begin(&output, CLI_TABLE, false);
    for (uint64_t i = 0; i < 1500; i++) {
        put_row(&output, "bee", i, NULL);
    }
    WG_CHECK(test_size > 0); // before the end
    WG_OK(cli_output_end(&output, &error));
    WG_CHECK(strstr(test_text, "1499") != NULL);
    WG_CHECK(strstr(strstr(test_text, "name") + 1, "name") == NULL); // one heading
}

WG_TEST(line_breaks_in_json_become_spaces)
{
    waggle_error error = {0};
    cli_output output;

    begin(&output, CLI_JSONL, false);
    put_row(&output, "a\nb", 5, "{\n\"a\":\r\n1}");
    WG_OK(cli_output_end(&output, &error));
    WG_CHECK_TEXT(test_text, "{\"name\":\"a\\nb\",\"count\":5,\"payload\":{ \"a\":  1}}\n");
}

WG_TEST(numbers_that_are_not_finite_are_null)
{
    static const cli_column columns[] = {
        {"a", true},
        {"b", true},
        {"c", true},
    };
    waggle_error error = {0};
    cli_output output;

    cli_output_begin(&output, (cli_style){.layout = CLI_JSONL}, columns, 3);
    output.sink = keep;
    test_size = 0;
    cli_put_double(&output, (double)NAN, 2);
    cli_put_float(&output, INFINITY);
    cli_put_double(&output, 0.5, 2);
    cli_row_end(&output);
    WG_OK(cli_output_end(&output, &error));
    WG_CHECK_TEXT(test_text, "{\"a\":null,\"b\":null,\"c\":0.5}\n");

    cli_output_begin(&output, (cli_style){.layout = CLI_TABLE}, columns, 3);
    output.sink = keep;
    test_size = 0;
    cli_put_double(&output, (double)INFINITY, 2);
    cli_put_float(&output, NAN);
    cli_put_double(&output, 0.5, 2);
    cli_row_end(&output);
    WG_OK(cli_output_end(&output, &error));
    WG_CHECK_TEXT(test_text, "a  b     c\n-  -  0.50\n");
}

WG_TEST(a_failing_write_is_reported_at_the_end)
{
    waggle_error error = {0};
    cli_output output;

    begin(&output, CLI_JSONL, false);
    output.sink = refuse;
    put_row(&output, "bee", 5, NULL);
    WG_FAILS_WITH(WAGGLE_IO, "standard output", cli_output_end(&output, &error));
}

WG_TEST(layouts_are_known_by_name)
{
    waggle_error error = {0};
    cli_layout layout = CLI_TABLE;

    WG_OK(cli_layout_parse("jsonl", &layout, &error));
    WG_CHECK(layout == CLI_JSONL);
    WG_FAILS_WITH(WAGGLE_INVALID, "\"xml\" is no output; it is one of: table json jsonl csv",
                  cli_layout_parse("xml", &layout, &error));
}

WG_TEST(sizes_read_easily)
{
    char text[32];

    WG_CHECK_TEXT(cli_size_text(text, sizeof(text), 0), "0 B");
    WG_CHECK_TEXT(cli_size_text(text, sizeof(text), 1023), "1023 B");
    WG_CHECK_TEXT(cli_size_text(text, sizeof(text), 1536), "1.50 KiB");
    WG_CHECK_TEXT(cli_size_text(text, sizeof(text), UINT64_MAX), "16.00 EiB");
}

WG_TEST(appended_text_may_be_long)
{
    wg_buffer buffer;
    char word[1000];

    memset(word, 'x', sizeof(word));
    wg_buffer_init(&buffer, NULL, WG_MEMORY_SCRATCH);
    WG_CHECK(cli_append(&buffer, "%.*s|%d", (int)sizeof(word), word, 7));
    WG_CHECK_U64(buffer.size, sizeof(word) + 2);
    WG_CHECK(buffer.data[sizeof(word) + 1] == '7');
    wg_buffer_finish(&buffer);
}
