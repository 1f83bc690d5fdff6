// Types, metrics and ids as text, and the table of which metric goes with which type.
#include "engine/engine.h"
#include "support/test.h"

WG_TEST(the_version_is_that_of_the_header)
{
    WG_CHECK_TEXT(waggle_version(), WAGGLE_VERSION);
}

WG_TEST(every_type_metric_and_scan_has_a_name_that_reads_back)
{
    waggle_error error;
    for (int type = WAGGLE_F32; type <= WAGGLE_B1; type++) {
        waggle_type back = WAGGLE_TYPE_DEFAULT;
        WG_OK(waggle_type_parse(waggle_type_name((waggle_type)type), &back, &error));
        WG_CHECK_U64(back, type);
    }
    for (int metric = WAGGLE_L2; metric <= WAGGLE_HAMMING; metric++) {
        waggle_metric back = WAGGLE_METRIC_DEFAULT;
        WG_OK(waggle_metric_parse(waggle_metric_name((waggle_metric)metric), &back, &error));
        WG_CHECK_U64(back, metric);
    }
    for (int scan = WAGGLE_SCAN_AUTO; scan <= WAGGLE_SCAN_PROBABLE; scan++) {
        waggle_scan back = WAGGLE_SCAN_DEFAULT;
        WG_OK(waggle_scan_parse(waggle_scan_name((waggle_scan)scan), &back, &error));
        WG_CHECK_U64(back, scan);
    }
    WG_CHECK(waggle_scan_name(WAGGLE_SCAN_DEFAULT) == NULL);
    WG_CHECK(waggle_scan_name((waggle_scan)5) == NULL);
    WG_CHECK(waggle_scan_name((waggle_scan)-1) == NULL);
    WG_CHECK(waggle_type_name((waggle_type)99) == NULL);
    WG_CHECK(waggle_type_name(WAGGLE_TYPE_DEFAULT) == NULL);
    WG_CHECK(waggle_metric_name((waggle_metric)99) == NULL);
}

WG_TEST(unknown_words_are_named_with_what_there_is)
{
    waggle_error error;
    waggle_type type;
    waggle_metric metric;
    WG_FAILS_WITH(WAGGLE_INVALID, "\"float\"", waggle_type_parse("float", &type, &error));
    WG_CHECK(strstr(error.message, "f32, f16, bf16, u8, i8, b1") != NULL);
    WG_FAILS_WITH(WAGGLE_INVALID, "\"euclid\"", waggle_metric_parse("euclid", &metric, &error));
    WG_CHECK(strstr(error.message, "l2, cosine, dot, l1, linf, hamming") != NULL);
    waggle_scan scan;
    WG_FAILS_WITH(WAGGLE_INVALID, "\"exact\"", waggle_scan_parse("exact", &scan, &error));
    WG_CHECK(strstr(error.message, "auto, f32, certified, probable") != NULL);
    WG_FAILS(WAGGLE_INVALID, waggle_type_parse(NULL, &type, &error));
}

WG_TEST(hamming_goes_with_bits_and_everything_else_with_numbers)
{
    for (int metric = WAGGLE_L2; metric <= WAGGLE_HAMMING; metric++)
        for (int type = WAGGLE_F32; type <= WAGGLE_B1; type++)
            WG_CHECK(waggle_metric_supports((waggle_metric)metric, (waggle_type)type) ==
                     ((metric == WAGGLE_HAMMING) == (type == WAGGLE_B1)));
    WG_CHECK(!waggle_metric_supports((waggle_metric)77, WAGGLE_F32));
    WG_CHECK_U64(waggle_vector_size(WAGGLE_B1, 9), 2);
    WG_CHECK_U64(waggle_vector_size(WAGGLE_BF16, 9), 18);
    WG_CHECK_U64(waggle_vector_size(WAGGLE_I8, 9), 9);
    WG_CHECK_U64(waggle_vector_size((waggle_type)99, 9), 0);
}

WG_TEST(ids_are_read_as_people_write_them)
{
    static const char uuid[] = "550e8400-e29b-41d4-a716-446655440000";
    static const char *const same[] = {uuid, "550E8400-E29B-41D4-A716-446655440000",
                                       "550e8400e29b41d4a716446655440000",
                                       "urn:uuid:550e8400-e29b-41d4-a716-446655440000"};
    waggle_error error;
    waggle_id id;
    char text[WAGGLE_ID_TEXT_SIZE];
    for (size_t i = 0; i < WG_COUNT(same); i++) {
        WG_OK(waggle_id_parse(same[i], &id, &error));
        WG_CHECK_U64(id.kind, WAGGLE_ID_UUID);
        WG_CHECK_U64(waggle_id_format(&id, text, sizeof text), 36);
        WG_CHECK_TEXT(text, uuid);
        WG_OK(waggle_id_uuid(same[i], &id, &error));
    }
    WG_OK(waggle_id_parse("18446744073709551615", &id, &error));
    WG_CHECK_U64(id.kind, WAGGLE_ID_NUMBER);
    WG_CHECK_U64(id.value.number, UINT64_MAX);
    waggle_id_format(&id, text, sizeof text);
    WG_CHECK_TEXT(text, "18446744073709551615");
    WG_OK(waggle_id_parse("chapter-7", &id, &error));
    WG_CHECK_U64(id.kind, WAGGLE_ID_STRING);
    waggle_id_format(&id, text, sizeof text);
    WG_CHECK_TEXT(text, "chapter-7");
    id.kind = 9;
    waggle_id_format(&id, text, sizeof text);
    WG_CHECK_TEXT(text, "(id of kind 9)");
}

WG_TEST(ids_that_are_none_are_refused_with_the_value)
{
    waggle_error error;
    waggle_id id;
    char large[WAGGLE_ID_SIZE_MAX + 2];
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = 0;
    WG_FAILS(WAGGLE_INVALID, waggle_id_parse("", &id, &error));
    WG_FAILS(WAGGLE_INVALID, waggle_id_parse(NULL, &id, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "18446744073709551616",
                  waggle_id_parse("18446744073709551616", &id, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "255", waggle_id_parse(large, &id, &error));
    WG_FAILS(WAGGLE_INVALID, waggle_id_parse("\xff", &id, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "550e8400-e29b-41d4-a716-44665544000g",
                  waggle_id_uuid("550e8400-e29b-41d4-a716-44665544000g", &id, &error));
    WG_FAILS(WAGGLE_INVALID, waggle_id_uuid("550e8400-e29b-41d4-a716", &id, &error));
    WG_FAILS(WAGGLE_INVALID, waggle_id_uuid("550e8400xe29b-41d4-a716-446655440000", &id, &error));
    WG_FAILS(WAGGLE_INVALID, waggle_id_uuid(NULL, &id, &error));
    id = waggle_id_string(NULL);
    WG_CHECK_U64(id.size, 0);
}

WG_TEST(ids_are_ordered_numbers_uuids_strings)
{
    waggle_error error;
    waggle_id ids[6] = {waggle_id_number(2), waggle_id_number(10)};
    WG_OK(waggle_id_uuid("00000000-0000-0000-0000-000000000001", &ids[2], &error));
    WG_OK(waggle_id_uuid("f0000000-0000-0000-0000-000000000000", &ids[3], &error));
    ids[4] = waggle_id_string("a");
    ids[5] = waggle_id_string("ab");
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) {
            int order = waggle_id_compare(&ids[i], &ids[j]);
            WG_CHECK((i < j) == (order < 0) && (i == j) == (order == 0));
        }
}
