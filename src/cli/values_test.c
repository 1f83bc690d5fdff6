#include "cli/options.h"
#include "cli/values.h"
#include "support/test.h"

static char test_text[1024];

static const char *json_of(waggle_type type, uint32_t dim, const void *data)
{
    const waggle_vector vector = {.type = type, .dim = dim, .data = data};
    wg_buffer text;

    wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
    WG_CHECK(cli_vector_json(&vector, &text));
    WG_CHECK(text.size < sizeof(test_text));
    memcpy(test_text, text.data, text.size);
    test_text[text.size] = '\0';
    wg_buffer_finish(&text);
    return test_text;
}

WG_TEST(vectors_of_every_type_print_as_numbers)
{
    static const float f32[] = {0.1f, -2, 3};
    static const uint16_t f16[] = {0x3C00, 0xC000, 0x0001, 0x7BFF}; // 1, -2, 2^-24, 65504
    static const uint16_t bf16[] = {0x3F80, 0xC000};
    static const uint8_t u8[] = {0, 255};
    static const int8_t i8[] = {-128, 127};
    static const uint8_t b1[] = {0x05, 0x01};

    WG_CHECK_TEXT(json_of(WAGGLE_F32, 3, f32), "[0.1,-2,3]");
    WG_CHECK_TEXT(json_of(WAGGLE_F16, 2, f16), "[1,-2]");
    WG_CHECK(cli_component(WAGGLE_F16, f16, 2) == 0x1p-24f);
    WG_CHECK(cli_component(WAGGLE_F16, f16, 3) == 65504.0f);
    WG_CHECK_TEXT(json_of(WAGGLE_BF16, 2, bf16), "[1,-2]");
    WG_CHECK_TEXT(json_of(WAGGLE_U8, 2, u8), "[0,255]");
    WG_CHECK_TEXT(json_of(WAGGLE_I8, 2, i8), "[-128,127]");
    WG_CHECK_TEXT(json_of(WAGGLE_B1, 9, b1), "[1,0,1,0,0,0,0,0,1]");
    WG_CHECK_TEXT(json_of(WAGGLE_F32, 3, NULL), "null");
}

WG_TEST(named_vectors_print_as_an_object)
{
    static const float values[] = {1, 2};
    const waggle_vector vectors[] = {
        {"a", WAGGLE_F32, 2, values},
        {"b", WAGGLE_F32, 2, NULL  },
        {"c", WAGGLE_F32, 1, values},
    };
    wg_buffer text;

    wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
    WG_CHECK(cli_vectors_json(vectors, 3, &text));
    WG_CHECK(wg_buffer_append(&text, "", 1));
    WG_CHECK_TEXT((const char *)text.data, "{\"a\":[1,2],\"c\":[1]}");
    wg_buffer_finish(&text);
}

WG_TEST(a_vector_is_read_from_json)
{
    waggle_error error = {0};
    wg_buffer values;
    uint32_t dim = 0;

    wg_buffer_init(&values, NULL, WG_MEMORY_SCRATCH);
    WG_OK(cli_vector_parse(" [0.5, -2e3 ,3] ", &values, &dim, &error));
    WG_CHECK_U64(dim, 3);
    WG_CHECK(((const float *)(const void *)values.data)[1] == -2000.0f);
    WG_FAILS_WITH(WAGGLE_INVALID, "array of numbers",
                  cli_vector_parse("{\"a\":1}", &values, &dim, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "empty", cli_vector_parse("[]", &values, &dim, &error));
    WG_CHECK(cli_vector_parse("[1, NaN]", &values, &dim, &error) != WAGGLE_OK);
    WG_CHECK(cli_vector_parse("[1, 2", &values, &dim, &error) != WAGGLE_OK);
    WG_CHECK(cli_vector_parse("[1] [2]", &values, &dim, &error) != WAGGLE_OK);
    WG_CHECK(cli_vector_parse("[1, \"x\"]", &values, &dim, &error) != WAGGLE_OK);
    WG_CHECK(cli_vector_parse("", &values, &dim, &error) != WAGGLE_OK);
    WG_CHECK_U64(dim, 3);
    wg_buffer_finish(&values);
}

WG_TEST(a_named_vector_is_read_from_its_spec)
{
    waggle_error error = {0};
    waggle_vector_spec spec;
    char full[] = "title:128:i8:l2", brief[] = "title:128";

    WG_OK(cli_spec_parse(full, &spec, &error));
    WG_CHECK_TEXT(spec.name, "title");
    WG_CHECK_U64(spec.dim, 128);
    WG_CHECK(spec.type == WAGGLE_I8 && spec.metric == WAGGLE_L2);
    WG_OK(cli_spec_parse(brief, &spec, &error));
    WG_CHECK(spec.type == WAGGLE_TYPE_DEFAULT && spec.metric == WAGGLE_METRIC_DEFAULT);

    static const char *const wrong[] = {
        "title",       ":128",        "title:0",        "title:x",          "title:",
        "title:70000", "title:8:f99", "title:8:f32:l9", "title:8:f32:l2:x", ""};
    for (size_t i = 0; i < WG_COUNT(wrong); i++) {
        char text[64];
        snprintf(text, sizeof(text), "%s", wrong[i]);
        WG_FAILS(WAGGLE_INVALID, cli_spec_parse(text, &spec, &error));
    }
}

WG_TEST(what_is_meant_as_a_uuid_must_be_one)
{
    waggle_error error = {0};
    waggle_id id;

    WG_OK(cli_id_parse("42", &id, &error));
    WG_CHECK_U64(id.kind, WAGGLE_ID_NUMBER);
    WG_OK(cli_id_parse("tt0111161", &id, &error));
    WG_CHECK_U64(id.kind, WAGGLE_ID_STRING);
    WG_OK(cli_id_parse("550e8400-e29b-41d4-a716-446655440000", &id, &error));
    WG_CHECK_U64(id.kind, WAGGLE_ID_UUID);
    WG_FAILS_WITH(WAGGLE_INVALID, "550e8400-e29b-41d4-a716-44665544000g",
                  cli_id_parse("550e8400-e29b-41d4-a716-44665544000g", &id, &error));
    WG_FAILS(WAGGLE_INVALID, cli_id_parse("urn:uuid:550e8400", &id, &error));
}
