#include "cli/readers/testing.h"

WG_TEST(ids_vectors_and_payloads_are_read)
{
    static const char text[] =
        "\xEF\xBB\xBF{\"id\": 7, \"vector\": [1, 2.5], \"payload\": {\"a\": [1, \"x\"]}}\r\n"
        "\n"
        "{\"vector\": [3, 4], \"id\": \"bee\", \"payload\": null, \"version\": 12}\n"
        "  \t\n"
        "{\"id\": \"550e8400-e29b-41d4-a716-446655440000\", \"vector\": [5, 6]}";
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.jsonl", text, strlen(text), NULL, &reader, &error));
    const cli_reader_info *info = cli_reader_describe(reader);
    WG_CHECK(info->has_ids && info->has_payloads && !info->rows_known);
    WG_CHECK(info->vector_count == 1 && info->vectors[0].rows.dim == 2);
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK_U64(batch->count, 3);
    WG_CHECK(batch->ids[0].kind == WAGGLE_ID_NUMBER && batch->ids[0].value.number == 7);
    WG_CHECK(batch->ids[1].kind == WAGGLE_ID_STRING && batch->ids[1].size == 3);
    WG_CHECK(memcmp(batch->ids[1].value.string, "bee", 3) == 0);
    WG_CHECK(batch->ids[2].kind == WAGGLE_ID_UUID && batch->ids[2].value.uuid[0] == 0x55);
    WG_CHECK(testing_text_is(batch->payloads[0], "{\"a\": [1, \"x\"]}"));
    WG_CHECK(batch->payloads[1].data == NULL && batch->payloads[2].data == NULL);
    WG_CHECK(testing_floats(batch, 0, 0)[1] == 2.5f && testing_floats(batch, 0, 2)[0] == 5);
    cli_reader_close(reader);
}

WG_TEST(without_a_payload_field_the_other_fields_are_the_payload)
{
    static const char text[] =
        "{\"title\": \"a\\n\", \"vector\": [1], \"n\":-1.50 , \"o\\u0041\": {\"x\": []}}\n"
        "{\"vector\": [2]}\n";
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.jsonl", text, strlen(text), NULL, &reader, &error));
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK(batch->count == 2 && batch->ids == NULL);
    WG_CHECK(testing_text_is(batch->payloads[0],
                             "{\"title\":\"a\\n\",\"n\":-1.50,\"o\\u0041\":{\"x\": []}}"));
    WG_CHECK(batch->payloads[1].data == NULL);
    cli_reader_close(reader);
}

WG_TEST(named_vectors_are_columns_that_rows_may_lack)
{
    static const char text[] = "{\"vector\": {\"a\": [1, 2]}}\n"
                               "{\"vector\": {\"b\": [3], \"a\": [4, 5]}}\n"
                               "{\"vector\": {\"b\": [6]}}\n"
                               "{\"vector\": {}}\n";
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.jsonl", text, strlen(text), NULL, &reader, &error));
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK(batch->count == 4 && batch->vector_count == 2);
    WG_CHECK_TEXT(batch->vectors[0].name, "a");
    WG_CHECK_TEXT(batch->vectors[1].name, "b");
    WG_CHECK(memcmp(batch->vectors[0].present, "\1\1\0\0", 4) == 0);
    WG_CHECK(memcmp(batch->vectors[1].present, "\0\1\1\0", 4) == 0);
    WG_CHECK(testing_floats(batch, 0, 1)[1] == 5 && testing_floats(batch, 1, 2)[0] == 6);
    cli_reader_close(reader);
}

WG_TEST(fields_can_have_other_names)
{
    static const char text[] =
        "{\"key\": 1, \"embedding\": [1], \"id\": \"kept\", \"vector\": 2}\n";
    cli_reader_options options = {.id_field = "key", .vector_field = "embedding"};
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.jsonl", text, strlen(text), &options, &reader, &error));
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK(batch->ids[0].value.number == 1);
    WG_CHECK(testing_text_is(batch->payloads[0], "{\"id\":\"kept\",\"vector\":2}"));
    cli_reader_close(reader);
}

WG_TEST(bad_rows_are_named_with_place_and_value)
{
    static const struct {
        const char *row;
        waggle_status status;
        const char *message;
    } cases[] = {
        {"{\"vector\": [1]}",                                                WAGGLE_DIMENSION, "vector has 1 components; the dimension is 2"     },
        {"{\"vector\": [1,2,3]}",                                            WAGGLE_DIMENSION, "vector has 3 components; the dimension is 2"     },
        {"{\"vector\": []}",                                                 WAGGLE_DIMENSION, "vector has 0 components; it must have 1 to 65536"},
        {"{\"vector\": [1, NaN]}",                                           WAGGLE_INVALID,
         "column 16: component 1: expected a number, found 'N'"                                                                                  },
        {"{\"vector\": [1, \"x\"]}",                                         WAGGLE_INVALID,   "component 1: expected a number, found '\"'"      },
        {"{\"vector\": [1, 1e39]}",                                          WAGGLE_INVALID,   "component 1 is 1e39; the largest float32"        },
        {"{\"vector\": [1, 2}",                                              WAGGLE_INVALID,   "expected ',' or ']', found '}'"                  },
        {"{\"vector\": 5}",                                                  WAGGLE_INVALID,   "vector is 5; it must be an array"                },
        {"{\"vector\": {\"a\": 5}}",                                         WAGGLE_INVALID,   "the vector \"a\" is no array"                    },
        {"{\"vector\": [1,2], \"vector\": [1,2]}",                           WAGGLE_INVALID,
         "the field \"vector\" is there twice"                                                                                                   },
        {"{\"x\": 1}",                                                       WAGGLE_INVALID,   "the field \"vector\" is missing"                 },
        {"[1, 2]",                                                           WAGGLE_INVALID,   "the line begins with [; it must be a JSON object"},
        {"null",                                                             WAGGLE_INVALID,   "the line begins with null"                       },
        {"{\"vector\": [1,2]} x",                                            WAGGLE_INVALID,   "column 19: expected the end behind the value"    },
        {"{\"vector\": [1,2], \"payload\": 7}",                              WAGGLE_INVALID,
         "the payload is 7; it must be an object"                                                                                                },
        {"{\"vector\": [1,2], \"payload\": {}, \"version\": 1, \"hue\": 1}", WAGGLE_INVALID,
         "the field \"hue\" stands beside \"payload\""                                                                                           },
        {"{\"vector\": [1,2], \"payload\": {\"a\": }}",                      WAGGLE_INVALID,
         "expected a value, found '}'"                                                                                                           },
        {"{\"vector\": [1,2], \"id\": 5}",                                   WAGGLE_INVALID,
         "the field \"id\" is there; the rows before have none"                                                                                  },
        {"{\"vector\": [1,2], \"a\": \"\xFF\"}",                             WAGGLE_INVALID,
         "column 25: byte 0xff is not valid UTF-8"                                                                                               },
        {"{\"vector\": [1,2], \"a\": \"\\ud800\"}",                          WAGGLE_INVALID,   "half of a surrogate pair"                        },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        char text[512];
        uint64_t rows;
        waggle_error error;
        snprintf(text, sizeof text, "{\"vector\": [1, 2]}\n\n%s\n{\"vector\": [3, 4]}\n",
                 cases[i].row);
        WG_FAILS_WITH(cases[i].status, cases[i].message,
                      testing_drain("a.jsonl", text, strlen(text), NULL, &rows, &error));
        WG_CHECK_U64(rows, 1);
        if (strncmp(error.message, "a.jsonl: row 1 (line 3): ", 25) != 0)
            fail_msg("%s", error.message);
        cli_reader_options options = {.skip_errors = true};
        WG_OK(testing_drain("a.jsonl", text, strlen(text), &options, &rows, &error));
        WG_CHECK_U64(rows, 2);
    }
}

WG_TEST(bad_ids_are_named)
{
    static const struct {
        const char *id, *message;
    } cases[] = {
        {"-1",                   "-1 is no integer from 0"                        },
        {"1.5",                  "1.5 is no integer"                              },
        {"18446744073709551616", "18446744073709551616 is no integer"             },
        {"\"\"",                 "the id has 0 bytes; it must have 1 to 255"      },
        {"null",                 "the id is null; it must be a number or a string"},
        {"[1]",                  "the id is [; it must"                           },
        {"\"a\\u0000b\"",        "the id holds a NUL character"                   },
        {"1, \"id\": 2",         "the field \"id\" is there twice"                },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        char text[512];
        waggle_error error;
        snprintf(text, sizeof text, "{\"id\": 1, \"vector\": [1]}\n{\"id\": %s, \"vector\": [1]}\n",
                 cases[i].id);
        WG_FAILS_WITH(WAGGLE_INVALID, cases[i].message,
                      testing_drain_text("a.jsonl", text, NULL, &error));
    }
    waggle_error error;
    WG_FAILS_WITH(
        WAGGLE_INVALID, "the field \"id\" is missing; the rows before have it",
        testing_drain_text("a.jsonl", "{\"id\":1,\"vector\":[1]}\n{\"vector\":[1]}", NULL, &error));
    cli_reader_options options = {.id_field = "id"};
    WG_FAILS_WITH(WAGGLE_INVALID, "row 0 (line 1): the field \"id\" is missing",
                  testing_drain_text("a.jsonl", "{\"vector\":[1]}", &options, &error));
    char text[600];
    snprintf(text, sizeof text, "{\"vector\":[1],\"id\":\"%0256d\"}", 0);
    WG_FAILS_WITH(WAGGLE_INVALID, "the id has 256 bytes",
                  testing_drain_text("a.jsonl", text, NULL, &error));
}

WG_TEST(a_bad_first_row_does_not_decide_the_dimension)
{
    static const char text[] = "{\"vector\": [1, 2, 3], \"payload\": 5}\n"
                               "{\"vector\": [1, 2]}\n{\"vector\": [1, 2]}\n";
    cli_reader_options options = {.skip_errors = true};
    uint64_t rows;
    waggle_error error;
    WG_OK(testing_drain("a.jsonl", text, strlen(text), &options, &rows, &error));
    WG_CHECK_U64(rows, 2);
}

WG_TEST(more_names_than_allowed_are_refused)
{
    char text[1024] = "{\"vector\": {";
    waggle_error error;
    for (int i = 0; i < 17; i++) {
        const char *after = i < 16 ? "," : "}}\n";
        snprintf(text + strlen(text), 32, "\"n%d\": [1]%s", i, after);
    }
    WG_FAILS_WITH(WAGGLE_INVALID, "the vector \"n16\" is one name more than 16",
                  testing_drain_text("a.jsonl", text, NULL, &error));
}

WG_TEST(a_line_beyond_the_limit_fails_and_can_be_passed_over)
{
    size_t size = CLI_LINE_SIZE_MAX + ((size_t)1 << 20); // more than is read at once
    char *text = wg_alloc(NULL, WG_MEMORY_SCRATCH, size + 200);
    memset(text, ' ', size + 200);
    static const char first[] = "{\"vector\": [1]}\n";
    memcpy(text, first, strlen(first));
    memset(text + strlen(first), 'x', size - strlen(first));
    text[size] = '\n';
    memcpy(text + size + 1, first, strlen(first));
    uint64_t rows;
    waggle_error error;
    WG_FAILS_WITH(WAGGLE_INVALID, "a.jsonl: row 1 (line 2): the line is longer than 64 MiB",
                  testing_drain("a.jsonl", text, size + 50, NULL, &rows, &error));
    cli_reader_options options = {.skip_errors = true};
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.jsonl", text, size + 50, &options, &reader, &error));
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK(batch->count == 2 && batch->rows[1] == 2); // the long line was one row
    WG_CHECK_U64(cli_reader_skipped(reader), 1);
    cli_reader_close(reader);
    wg_free(text);
}
