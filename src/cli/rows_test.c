#include "cli/rows.h"
#include "support/test.h"

static waggle_text text_of(const char *text)
{
    return (waggle_text){text, strlen(text)};
}

static waggle_status take(const char *payload, const char *field, wg_arena *arena, waggle_id *id,
                          waggle_text *rest, waggle_error *error)
{
    waggle_text text = text_of(payload);
    return cli_payload_take_id(&text, field, arena, id, rest, error);
}

static void check_rest(const waggle_text *rest, const char *expected)
{
    WG_CHECK_U64(rest->size, strlen(expected));
    WG_CHECK(memcmp(rest->data, expected, rest->size) == 0);
}

WG_TEST(an_id_is_taken_out_of_its_payload)
{
    waggle_error error = {0};
    wg_arena arena;
    waggle_id id;
    waggle_text rest;

    wg_arena_init(&arena, NULL, WG_MEMORY_SCRATCH, 4096);
    WG_OK(take("{\"_id\": 7, \"a\": [1, {\"_id\": 2}], \"b\": \"x\"}", "_id", &arena, &id, &rest,
               &error));
    WG_CHECK_U64(id.kind, WAGGLE_ID_NUMBER);
    WG_CHECK_U64(id.value.number, 7);
    check_rest(&rest, "{\"a\":[1, {\"_id\": 2}],\"b\":\"x\"}");

    WG_OK(take("{\"a\\\"\": null, \"_id\": \"tt01\"}", "_id", &arena, &id, &rest, &error));
    WG_CHECK_U64(id.kind, WAGGLE_ID_STRING);
    WG_CHECK(id.size == 4 && memcmp(id.value.string, "tt01", 4) == 0);
    check_rest(&rest, "{\"a\\\"\":null}");

    WG_OK(take("{\"_id\": \"550e8400-e29b-41d4-a716-446655440000\"}", "_id", &arena, &id, &rest,
               &error));
    WG_CHECK_U64(id.kind, WAGGLE_ID_UUID);
    WG_CHECK(rest.data == NULL && rest.size == 0);
    wg_arena_finish(&arena);
}

WG_TEST(payloads_without_a_usable_id_are_refused)
{
    waggle_error error = {0};
    wg_arena arena;
    waggle_id id;
    waggle_text rest;

    wg_arena_init(&arena, NULL, WG_MEMORY_SCRATCH, 4096);
    WG_FAILS_WITH(WAGGLE_INVALID, "no field \"_id\"",
                  take("{\"a\": 1}", "_id", &arena, &id, &rest, &error));
    WG_FAILS(WAGGLE_INVALID, take("{\"_id\": -1}", "_id", &arena, &id, &rest, &error));
    WG_FAILS(WAGGLE_INVALID, take("{\"_id\": 1.5}", "_id", &arena, &id, &rest, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "a number or a string",
                  take("{\"_id\": [1]}", "_id", &arena, &id, &rest, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "0 bytes",
                  take("{\"_id\": \"\"}", "_id", &arena, &id, &rest, &error));
    wg_arena_finish(&arena);
}

static const float test_values[] = {1, 2, 3, 4, 5, 6};
static const uint64_t test_rows[] = {10, 12, 13};

static cli_batch batch_of(waggle_vectors *vectors)
{
    *vectors = (waggle_vectors){.rows = waggle_rows_f32(test_values, 3, 2)};
    return (cli_batch){.count = 3, .rows = test_rows, .vector_count = 1, .vectors = vectors};
}

WG_TEST(rows_without_ids_are_numbered_by_their_place_in_the_file)
{
    waggle_error error = {0};
    waggle_vectors vectors;
    cli_batch batch = batch_of(&vectors);
    waggle_points points;
    cli_rows rows;

    cli_rows_init(&rows);
    rows.first_id = 100;
    rows.vector = "title";
    rows.path = "a.npy";
    WG_OK(cli_rows_points(&rows, &batch, &points, &error));
    WG_CHECK_U64(points.count, 3);
    WG_CHECK_U64(points.id_numbers[0], 110);
    WG_CHECK_U64(points.id_numbers[2], 113);
    WG_CHECK_TEXT(points.vectors[0].name, "title");
    WG_CHECK_U64(cli_points_size(&points), 24);
    WG_CHECK_U64(cli_points_id(&points, 1).value.number, 112);

    rows.first_id = UINT64_MAX - 11;
    WG_FAILS_WITH(WAGGLE_INVALID, "row 12 would have an id above",
                  cli_rows_points(&rows, &batch, &points, &error));
    cli_rows_finish(&rows);
}

WG_TEST(one_point_of_a_batch_can_be_looked_at)
{
    static const uint8_t present[] = {1, 0, 1};
    waggle_error error = {0};
    waggle_vectors vectors, single[WAGGLE_VECTOR_NAMES_MAX];
    cli_batch batch = batch_of(&vectors);
    waggle_text payloads[] = {text_of("{}"), text_of("{\"a\":1}"), text_of("{}")};
    waggle_points points;
    cli_rows rows;

    vectors.present = present;
    batch.payloads = payloads;
    cli_rows_init(&rows);
    WG_OK(cli_rows_points(&rows, &batch, &points, &error));
    waggle_points one = cli_points_at(&points, 1, single);
    WG_CHECK_U64(one.count, 1);
    WG_CHECK_U64(one.id_numbers[0], 12);
    WG_CHECK_U64(one.vectors[0].rows.count, 1);
    WG_CHECK(memcmp(one.vectors[0].rows.data, test_values + 2, 2 * sizeof(float)) == 0);
    WG_CHECK(one.vectors[0].present[0] == 0);
    WG_CHECK_U64(one.payloads[0].size, 7);
    cli_rows_finish(&rows);
}
