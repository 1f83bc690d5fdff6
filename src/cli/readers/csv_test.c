#include "cli/readers/testing.h"

WG_TEST(a_vector_column_ids_and_payloads_are_read)
{
    static const char text[] = "id,vector,title,n,empty\r\n"
                               "1,\"[0.5, 2]\",\"a, \"\"b\"\"\r\nc\",007,\r\n"
                               "\r\n"
                               "bee,\"[3,4]\",\"12\",-1.5e3,\"\"";
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.csv", text, strlen(text), NULL, &reader, &error));
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK(batch->count == 2 && batch->vector_count == 1);
    WG_CHECK(testing_floats(batch, 0, 0)[0] == 0.5f && testing_floats(batch, 0, 1)[1] == 4);
    WG_CHECK(batch->ids[0].value.number == 1 && batch->ids[1].kind == WAGGLE_ID_STRING);
    if (!testing_text_is(batch->payloads[0], "{\"title\":\"a, \\\"b\\\"\\r\\nc\",\"n\":\"007\"}"))
        fail_msg("%.*s", (int)batch->payloads[0].size, batch->payloads[0].data);
    WG_CHECK(testing_text_is(batch->payloads[1], "{\"title\":\"12\",\"n\":-1.5e3,\"empty\":\"\"}"));
    cli_reader_close(reader);
}

WG_TEST(components_are_taken_in_the_order_of_their_numbers)
{
    static const char text[] = "v2\tname\tv0\tv10x\tv1\n"
                               "3\tx\t1\ty\t 2 \n";
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.tsv", text, strlen(text), NULL, &reader, &error));
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK(batch->vectors[0].rows.dim == 3 && batch->ids == NULL);
    static const float expected[] = {1, 2, 3};
    WG_CHECK(memcmp(testing_floats(batch, 0, 0), expected, sizeof expected) == 0);
    WG_CHECK(testing_text_is(batch->payloads[0], "{\"name\":\"x\",\"v10x\":\"y\"}"));
    cli_reader_close(reader);
}

WG_TEST(settings_choose_columns_and_delimiter)
{
    static const char text[] = "key;e1;e2\nk;1;2\n";
    cli_reader_options options = {.id_field = "key", .vector_field = "e", .delimiter = ';'};
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.csv", text, strlen(text), &options, &reader, &error));
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK(batch->count == 1 && batch->vectors[0].rows.dim == 2 && batch->payloads == NULL);
    cli_reader_close(reader);
}

WG_TEST(bad_headers_are_refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"",           "there is no header row"                     },
        {"\n\n",       "there is no header row"                     },
        {"a,b\n1,2\n", "no column \"vector\", and none named v0, v1"},
        {"a,a,v0\n",   "the header has twice the column \"a\""      },
        {"a,,v0\n",    "the header's column 2 has no name"          },
        {"v0,v2\n",    "before \"v2\""                              },
        {"v0,v00\n",   "before \"v0"                                },
        {"\"a\n",      "a quoted cell does not end"                 },
        {"a,\xFF\n",   "byte 3 is 0xff, which is not valid UTF-8"   },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        waggle_error error;
        WG_FAILS_WITH(WAGGLE_INVALID, cases[i].message,
                      testing_drain_text("a.csv", cases[i].text, NULL, &error));
        WG_CHECK(strstr(error.message, "a.csv: ") != NULL);
    }
    waggle_error error;
    cli_reader_options options = {.id_field = "key"};
    WG_FAILS_WITH(WAGGLE_INVALID, "lacks the column \"key\"",
                  testing_drain_text("a.csv", "v0\n1\n", &options, &error));
}

WG_TEST(bad_rows_are_named_with_place_and_value)
{
    static const struct {
        const char *row;
        waggle_status status;
        const char *message;
    } cases[] = {
        {"7,[1],x",           WAGGLE_DIMENSION, "vector has 1 components; the dimension is 2"   },
        {"7,\"[1,2]\"",       WAGGLE_INVALID,   "the row has 2 cells; the header has 3"         },
        {"7,\"[1,2]\",x,y",   WAGGLE_INVALID,   "the row has 4 cells; the header has 3"         },
        {"7,5,x",             WAGGLE_INVALID,   "column vector is \"5\"; it must be an array"   },
        {"7,\"[1,x]\",x",     WAGGLE_INVALID,   "component 1: expected a number, found 'x'"     },
        {"7,\"[1,2]]\",x",    WAGGLE_INVALID,   "expected the end behind the value"             },
        {",\"[1,2]\",x",      WAGGLE_INVALID,   "the id has 0 bytes"                            },
        {"7,\"[1,2]\",x\"y",  WAGGLE_INVALID,   "cell 3 has a quote in it but is not quoted"    },
        {"7,\"[1,2]\"z,x",    WAGGLE_INVALID,   "text stands behind the closing quote of cell 2"},
        {"7,\"[1,2]\",\xC3(", WAGGLE_INVALID,   "0xc3, which is not valid UTF-8"                },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        char text[512];
        uint64_t rows;
        waggle_error error;
        snprintf(text, sizeof text, "id,vector,t\n1,\"[1,2]\",x\n%s\n3,\"[1,2]\",x\n",
                 cases[i].row);
        WG_FAILS_WITH(cases[i].status, cases[i].message,
                      testing_drain("a.csv", text, strlen(text), NULL, &rows, &error));
        WG_CHECK_U64(rows, 1);
        if (strncmp(error.message, "a.csv: row 1 (line 3): ", 23) != 0)
            fail_msg("%s", error.message);
        cli_reader_options options = {.skip_errors = true};
        WG_OK(testing_drain("a.csv", text, strlen(text), &options, &rows, &error));
        WG_CHECK_U64(rows, 2);
    }
}

WG_TEST(bad_components_are_named_with_their_column)
{
    static const struct {
        const char *cell, *message;
    } cases[] = {
        {"",      "column v1 is \"\", which is no number"     },
        {"x",     "column v1 is \"x\", which is no number"    },
        {"1.5.2", "column v1 is \"1.5.2\""                    },
        {"nan",   "column v1 is \"nan\""                      },
        {"1e40",  "column v1 is \"1e40\"; the largest float32"},
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        char text[128];
        waggle_error error;
        snprintf(text, sizeof text, "v0,v1\n1,2\n3,%s\n", cases[i].cell);
        WG_FAILS_WITH(WAGGLE_INVALID, cases[i].message,
                      testing_drain_text("a.csv", text, NULL, &error));
    }
    waggle_error error;
    WG_FAILS_WITH(WAGGLE_INVALID, "a quoted cell does not end before the end of the file",
                  testing_drain_text("a.csv", "v0\n1\n\"2\n3\n", NULL, &error));
}
