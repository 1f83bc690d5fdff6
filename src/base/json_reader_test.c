#include "base/json.h"
#include "support/test.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static waggle_status read_all(const char *text, size_t size, waggle_error *error)
{
    wg_json_reader reader;
    wg_json_token token;
    wg_json_reader_init(&reader, text, size);
    waggle_status status;
    do {
        status = wg_json_next(&reader, &token, error);
    } while (status == WAGGLE_OK && token != WG_JSON_END);
    return status;
}

WG_TEST(tokens_come_in_order)
{
    static const char text[] = " {\"a\" : [1, true, {\"b\": []}], \"c\": null, \"d\": \"x\"} ";
    static const wg_json_token expected[] = {
        WG_JSON_OBJECT_BEGIN, WG_JSON_KEY,          WG_JSON_ARRAY_BEGIN, WG_JSON_NUMBER,
        WG_JSON_TRUE,         WG_JSON_OBJECT_BEGIN, WG_JSON_KEY,         WG_JSON_ARRAY_BEGIN,
        WG_JSON_ARRAY_END,    WG_JSON_OBJECT_END,   WG_JSON_ARRAY_END,   WG_JSON_KEY,
        WG_JSON_NULL,         WG_JSON_KEY,          WG_JSON_STRING,      WG_JSON_OBJECT_END,
        WG_JSON_END,          WG_JSON_END,
    };
    waggle_error error;
    wg_json_reader reader;
    wg_json_token token;
    wg_json_reader_init(&reader, text, strlen(text));
    for (size_t i = 0; i < WG_COUNT(expected); i++) {
        WG_OK(wg_json_next(&reader, &token, &error));
        WG_CHECK_U64(token, expected[i]);
    }
}

WG_TEST(errors_name_the_place_and_what_is_there)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"",                   "line 1, column 1: expected a value, found the end"   },
        {"  \n ",              "line 2, column 2: expected a value, found the end"   },
        {"[1,2",               "line 1, column 5: expected ',' or ']', found the end"},
        {"[1 2]",              "line 1, column 4: expected ',' or ']', found '2'"    },
        {"[1,]",               "line 1, column 4: expected a value, found ']'"       },
        {"[,1]",               "expected a value, found ','"                         },
        {"{\"a\" 1}",          "line 1, column 6: expected a colon, found '1'"       },
        {"{\"a\":1,}",         "line 1, column 8: expected a key, found '}'"         },
        {"{a:1}",              "expected a key, found 'a'"                           },
        {"{\"a\":1]",          "expected ',' or '}', found ']'"                      },
        {"[1}",                "expected ',' or ']', found '}'"                      },
        {"{\n\"a\":\n nul}",   "line 3, column 2: expected a value, found 'n'"       },
        {"1 1",                "line 1, column 3: expected the end behind the value" },
        {"[NaN]",              "expected a value, found 'N'"                         },
        {"[\x01]",             "found byte 0x01"                                     },
        {"[01]",               "01 is no number of JSON"                             },
        {"[-]",                "- is no number of JSON"                              },
        {"[1.]",               "1. is no number of JSON"                             },
        {"[1.e5]",             "is no number of JSON"                                },
        {"[1e]",               "1e is no number of JSON"                             },
        {"[-01]",              "-01 is no number of JSON"                            },
        {"[.5]",               "expected a value, found '.'"                         },
        {"[1e999]",            "1e999 is beyond the largest double"                  },
        {"[-1e999]",           "-1e999 is beyond the largest double"                 },
        {"\"abc",              "line 1, column 1: the string does not end"           },
        {"\"a\nb\"",           "byte 0x0a in a string must be written as an escape"  },
        {"\"\\x\"",            "line 1, column 2: a backslash with 'x' is no escape" },
        {"\"\\u12g4\"",        "a backslash with 'u' is no escape"                   },
        {"\"\\ud800\"",        "\\ud800 is half of a surrogate pair"                 },
        {"\"\\ud800\\u0041\"", "\\ud800 is half of a surrogate pair"                 },
        {"\"\\udc00\\udc00\"", "\\udc00 is half of a surrogate pair"                 },
        {"\"\\udc00\"",        "\\udc00 is half of a surrogate pair"                 },
        {"\"abc\xFF\"",        "line 1, column 5: byte 0xff is not valid UTF-8"      },
        {"{\"\xC3(\":1}",      "byte 0xc3 is not valid UTF-8"                        },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        waggle_error error;
        WG_FAILS_WITH(WAGGLE_INVALID, cases[i].message,
                      read_all(cases[i].text, strlen(cases[i].text), &error));
    }
}

WG_TEST(nesting_is_bounded)
{
    char text[2 * (WG_JSON_DEPTH_MAX + 1)];
    waggle_error error;
    memset(text, '[', WG_JSON_DEPTH_MAX + 1);
    memset(text + WG_JSON_DEPTH_MAX + 1, ']', WG_JSON_DEPTH_MAX + 1);
    WG_FAILS_WITH(WAGGLE_INVALID, "column 129: nesting is deeper than 128",
                  read_all(text, sizeof text, &error));
    WG_OK(read_all(text + 1, sizeof text - 2, &error));
}

WG_TEST(strings_are_unescaped)
{
    static const struct {
        const char *json, *text;
        size_t size;
    } cases[] = {
        {"\"\"",                             "",                                     0},
        {"\"plain\"",                        "plain",                                5},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",   "\"\\/\b\f\n\r\t",                      8},
        {"\"a\\u0000b\"",                    "a\0b",                                 3},
        {"\"\\u00fc\\u8702\\ud83d\\udC1D\"", "\xC3\xBC\xE8\x9C\x82\xF0\x9F\x90\x9D", 9},
        {"\"\xF0\x9F\x90\x9D\"",             "\xF0\x9F\x90\x9D",                     4},
        {"\"\\uFFFF\"",                      "\xEF\xBF\xBF",                         3},
    };

    waggle_error error;
    wg_arena arena;
    wg_arena_init(&arena, NULL, WG_MEMORY_SCRATCH, 1024);
    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        wg_json_reader reader;
        wg_json_token token;
        waggle_text string;
        wg_json_reader_init(&reader, cases[i].json, strlen(cases[i].json));
        WG_OK(wg_json_next(&reader, &token, &error));
        WG_OK(wg_json_string(&reader, &arena, &string, &error));
        WG_CHECK_U64(string.size, cases[i].size);
        WG_CHECK(memcmp(string.data, cases[i].text, string.size) == 0);
        WG_CHECK(wg_json_equals(&reader, cases[i].text) ==
                 (strlen(cases[i].text) == cases[i].size));
        WG_CHECK(!wg_json_equals(&reader, "something else"));
    }
    wg_arena_finish(&arena);
}

// The reader behind the first token of a text.
static wg_json_reader first_token(const char *text)
{
    waggle_error error;
    wg_json_reader reader;
    wg_json_token token;
    wg_json_reader_init(&reader, text, strlen(text));
    WG_OK(wg_json_next(&reader, &token, &error));
    return reader;
}

WG_TEST(integers_are_exact_or_refused)
{
    waggle_error error;
    uint64_t u64;
    int64_t i64;
    double number;
    wg_json_reader reader = first_token("18446744073709551615");
    WG_OK(wg_json_u64(&reader, &u64, &error));
    WG_CHECK(u64 == UINT64_MAX);
    WG_FAILS_WITH(WAGGLE_INVALID, "18446744073709551615 is no integer from -9",
                  wg_json_i64(&reader, &i64, &error));
    reader = first_token("-9223372036854775808");
    WG_OK(wg_json_i64(&reader, &i64, &error));
    WG_CHECK(i64 == INT64_MIN);
    WG_FAILS(WAGGLE_INVALID, wg_json_u64(&reader, &u64, &error));
    reader = first_token("9223372036854775807");
    WG_OK(wg_json_i64(&reader, &i64, &error));
    WG_CHECK(i64 == INT64_MAX);

    static const char *const refused[] = {
        "18446744073709551616",      "-9223372036854775809", "1.0", "1e3", "-1.5",
        "99999999999999999999999999"};
    for (size_t i = 0; i < WG_COUNT(refused); i++) {
        reader = first_token(refused[i]);
        WG_FAILS_WITH(WAGGLE_INVALID, refused[i], wg_json_u64(&reader, &u64, &error));
        WG_FAILS_WITH(WAGGLE_INVALID, refused[i], wg_json_i64(&reader, &i64, &error));
    }
    reader = first_token("-0");
    WG_OK(wg_json_double(&reader, &number, &error));
    WG_CHECK(number == 0 && signbit(number));
}

WG_TEST(values_are_skipped_and_taken_raw)
{
    static const char text[] = "{\"a\": [1, {\"b\": \"]\"}] , \"c\": \"x\\n\", \"d\":-1.50}";
    waggle_error error;
    wg_json_reader reader = first_token(text);
    wg_json_token token;
    waggle_text raw;
    static const char *const expected[] = {"[1, {\"b\": \"]\"}]", "\"x\\n\"", "-1.50"};
    for (size_t i = 0; i < WG_COUNT(expected); i++) {
        WG_OK(wg_json_next(&reader, &token, &error));
        WG_CHECK_U64(token, WG_JSON_KEY);
        WG_OK(wg_json_next(&reader, &token, &error));
        WG_OK(wg_json_raw(&reader, token, &raw, &error));
        WG_CHECK(raw.size == strlen(expected[i]) && memcmp(raw.data, expected[i], raw.size) == 0);
    }
    WG_OK(wg_json_next(&reader, &token, &error));
    WG_CHECK_U64(token, WG_JSON_OBJECT_END);

    reader = first_token(text);
    WG_OK(wg_json_skip(&reader, WG_JSON_OBJECT_BEGIN, &error));
    WG_OK(wg_json_next(&reader, &token, &error));
    WG_CHECK_U64(token, WG_JSON_END);
}

WG_TEST(arrays_of_floats_are_read_to_their_end)
{
    waggle_error error;
    wg_json_token token;
    float values[4] = {0};
    uint32_t count = 4;
    wg_json_reader reader = first_token("[ 1, -2.5 ,3e2\n]");
    WG_OK(wg_json_floats(&reader, values, &count, &error));
    WG_CHECK_U64(count, 3);
    WG_CHECK(values[0] == 1 && values[1] == -2.5f && values[2] == 300);
    WG_OK(wg_json_next(&reader, &token, &error));
    WG_CHECK_U64(token, WG_JSON_END);

    reader = first_token("[]");
    count = 4;
    WG_OK(wg_json_floats(&reader, values, &count, &error));
    WG_CHECK_U64(count, 0);

    reader = first_token("[1,2,3,4,5,6]");
    count = 4;
    WG_FAILS_WITH(WAGGLE_DIMENSION, "6 numbers; the most is 4",
                  wg_json_floats(&reader, values, &count, &error));
    WG_CHECK_U64(count, 6);
    WG_CHECK_U64(error.expected, 4);
    WG_CHECK_U64(error.actual, 6);
    WG_OK(wg_json_next(&reader, &token, &error)); // the reader goes on behind the array
    WG_CHECK_U64(token, WG_JSON_END);
}

WG_TEST(bad_components_are_named)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[1,\n\"a\"]", "line 2, column 1: component 1: expected a number, found '\"'"},
        {"[null]",      "component 0: expected a number, found 'n'"                   },
        {"[1,2,NaN]",   "component 2: expected a number, found 'N'"                   },
        {"[1,[2]]",     "component 1: expected a number, found '['"                   },
        {"[1,]",        "component 1: expected a number, found ']'"                   },
        {"[1,2",        "expected ',' or ']', found the end"                          },
        {"[1,",         "component 1: expected a number, found the end"               },
        {"[1 2]",       "expected ',' or ']', found '2'"                              },
        {"[1.5,1e39]",  "component 1 is 1e39; the largest float32 is 3.4028235e38"    },
        {"[-3.5e38]",   "component 0 is -3.5e38; the largest"                         },
        {"[01]",        "expected ',' or ']', found '1'"                              },
        {"[+1]",        "component 0: expected a number, found '+'"                   },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        waggle_error error;
        float values[8];
        uint32_t count = 8;
        wg_json_reader reader = first_token(cases[i].text);
        WG_FAILS_WITH(WAGGLE_INVALID, cases[i].message,
                      wg_json_floats(&reader, values, &count, &error));
    }
}

WG_TEST(only_one_complete_object_is_an_object)
{
    waggle_error error;
    WG_OK(wg_json_check_object(" {\"a\": [1]} ", 12, "payload of row 7", &error));
    static const char *const bad[] = {"", "[]", "1", "{", "{} {}", "{\"a\"}", "null"};
    for (size_t i = 0; i < WG_COUNT(bad); i++) {
        WG_FAILS_WITH(WAGGLE_INVALID, "payload of row 7: line 1, column ",
                      wg_json_check_object(bad[i], strlen(bad[i]), "payload of row 7", &error));
    }
    WG_FAILS_WITH(WAGGLE_INVALID, "column 2: expected an object, found '['",
                  wg_json_check_object(" []", 3, "x", &error));
}

// ---- jansson as the oracle ---------------------------------------------------------------------

// Reads the value that begins with token as jansson's tree. NULL after an error.
static json_t *tree(wg_json_reader *reader, wg_json_token token, wg_arena *arena)
{
    waggle_error error;
    waggle_text text;
    int64_t integer;
    double number;
    json_t *value = NULL;

    switch (token) {
    case WG_JSON_NULL: return json_null();
    case WG_JSON_FALSE: return json_false();
    case WG_JSON_TRUE: return json_true();
    case WG_JSON_STRING:
        WG_OK(wg_json_string(reader, arena, &text, &error));
        return json_stringn(text.data, text.size);
    case WG_JSON_NUMBER:
        if (memchr(reader->token, '.', reader->token_size) == NULL &&
            memchr(reader->token, 'e', reader->token_size) == NULL &&
            memchr(reader->token, 'E', reader->token_size) == NULL &&
            wg_json_i64(reader, &integer, &error) == WAGGLE_OK)
            return json_integer(integer);
        WG_OK(wg_json_double(reader, &number, &error));
        return json_real(number);
    case WG_JSON_ARRAY_BEGIN:
        value = json_array();
        for (;;) {
            if (wg_json_next(reader, &token, &error) != WAGGLE_OK) break;
            if (token == WG_JSON_ARRAY_END) return value;
            json_t *item = tree(reader, token, arena);
            if (item == NULL) break;
            json_array_append_new(value, item);
        }
        break;
    case WG_JSON_OBJECT_BEGIN:
        value = json_object();
        for (;;) {
            if (wg_json_next(reader, &token, &error) != WAGGLE_OK) break;
            if (token == WG_JSON_OBJECT_END) return value;
            WG_OK(wg_json_string(reader, arena, &text, &error));
            if (wg_json_next(reader, &token, &error) != WAGGLE_OK) break;
            json_t *item = tree(reader, token, arena);
            if (item == NULL) break;
            json_object_setn_new(value, text.data, text.size, item);
        }
        break;
    default: fail_msg("token %d begins no value", (int)token);
    }
    json_decref(value);
    return NULL;
}

// Both refuse the text, or both read the same.
static void check_oracle(const char *text, size_t size, wg_arena *arena)
{
    waggle_error error;
    json_error_t reason;
    json_t *ours = NULL;
    wg_json_reader reader;
    wg_json_token token;

    json_t *theirs = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &reason);
    // Integers beyond 64 bits and keys with NUL are limits of jansson only.
    bool limit = theirs == NULL && (strstr(reason.text, "too big integer") != NULL ||
                                    strstr(reason.text, "too big negative integer") != NULL ||
                                    strstr(reason.text, "NUL byte in object key") != NULL ||
                                    strstr(reason.text, "maximum parsing depth") != NULL);
    if (limit) return;

    wg_json_reader_init(&reader, text, size);
    if (wg_json_next(&reader, &token, &error) == WAGGLE_OK) ours = tree(&reader, token, arena);
    if (ours != NULL &&
        (wg_json_next(&reader, &token, &error) != WAGGLE_OK || token != WG_JSON_END)) {
        json_decref(ours);
        ours = NULL;
    }
    if ((ours == NULL) != (theirs == NULL))
        fail_msg("%.*s: ours %s, jansson: %s", (int)size, text, ours == NULL ? "refuses" : "reads",
                 theirs == NULL ? reason.text : "reads");
    if (ours != NULL && !json_equal(ours, theirs))
        fail_msg("%.*s: ours differs from jansson's", (int)size, text);
    json_decref(ours);
    json_decref(theirs);
    wg_arena_reset(arena);
}

static const char *const documents[] = {
    "{\"id\": 7, \"vector\": [0.25, -1e-3, 12345678901], \"payload\": {\"a\": null, \"b\": [true, false]}}",
    "[\"\\u0041\\ud83d\\udc1d\\n\", \"fr\xC3\xBCh \xE8\x9C\x82 \xF0\x9F\x90\x9D\", \"\\u0000\"]",
    "[[[[[[]]]]], {}, {\"\": {}}, -0, 0, 0.0, 1E5, 1e-5, -9223372036854775808]",
    " { \"a\" : 1 , \"a\" : 2 , \"\\\"\" : \"\\\\\" } ",
    "\"text\"",
    "-12.5e+3",
    "null",
};

WG_TEST(documents_are_read_as_by_jansson)
{
    wg_arena arena;
    wg_arena_init(&arena, NULL, WG_MEMORY_SCRATCH, 4096);
    for (size_t i = 0; i < WG_COUNT(documents); i++) {
        for (size_t size = 1; size <= strlen(documents[i]); size++) // cut off everywhere
            check_oracle(documents[i], size, &arena);
    }
    wg_arena_finish(&arena);
}

WG_TEST(changed_documents_are_read_or_refused_as_by_jansson)
{
    static const char bytes[] = "\"\\[]{},:0123456789-+.eEutrfalsn \n\x01\x80\xC3\xED\xF0\xFF";
    test_random random = {test_seed(4)};
    wg_arena arena;
    wg_arena_init(&arena, NULL, WG_MEMORY_SCRATCH, 4096);
    for (uint64_t i = test_rounds(100000, 10000000); i > 0; i--) {
        char text[256];
        const char *document = documents[test_below(&random, WG_COUNT(documents))];
        size_t size = strlen(document);
        memcpy(text, document, size);
        for (uint64_t changes = 1 + test_below(&random, 3); changes > 0; changes--) {
            size_t at = test_below(&random, size);
            if (test_below(&random, 3) == 0 && size > 1) {
                memmove(text + at, text + at + 1, size - at - 1);
                size--;
            } else {
                text[at] = bytes[test_below(&random, sizeof bytes - 1)];
            }
        }
        check_oracle(text, size, &arena);
    }
    wg_arena_finish(&arena);
}

WG_TEST(a_number_of_a_million_digits_takes_linear_time)
{
    size_t size = 1000000;
    char *text = wg_alloc(NULL, WG_MEMORY_SCRATCH, size + 3);
    waggle_error error;
    memset(text, '7', size + 2);
    text[0] = '[';
    text[2] = '.';
    text[size + 1] = ']';
    WG_OK(read_all(text, size + 2, &error));
    float value;
    uint32_t count = 1;
    wg_json_reader reader;
    wg_json_token token;
    wg_json_reader_init(&reader, text, size + 2);
    WG_OK(wg_json_next(&reader, &token, &error));
    WG_OK(wg_json_floats(&reader, &value, &count, &error));
    WG_CHECK(count == 1 && value == 7.7777777f);
    wg_free(text);
}
