// The behavior of a database through waggle.h, on the simulated disk: points, payloads, named vectors, search, what
// survives a restart, sealing, compaction, bad input.
#include "engine/engine.h"
#include "support/sim_disk.h"

#include <math.h>

#define DIM 4u

typedef struct fixture {
    wg_vfs *disk;
    waggle_database *database;
    waggle_collection *collection;
} fixture;

static void open_database(fixture *f, const waggle_open_options *options)
{
    waggle_error error;
    wg_internal internal = {.vfs = f->disk, .no_threads = true, .log_file_size = 1u << 20};
    WG_OK(wg_database_open("db", options, &internal, &f->database, &error));
}

static void close_database(fixture *f)
{
    waggle_error error;
    waggle_collection_close(f->collection);
    f->collection = NULL;
    WG_OK(waggle_close(f->database, &error));
    f->database = NULL;
}

static void begin(fixture *f, waggle_metric metric, waggle_type type)
{
    waggle_error error;
    *f = (fixture){.disk = sim_disk_create(1)};
    open_database(f, NULL);
    WG_OK(waggle_collection_create_simple(f->database, "c", DIM, metric, type, &f->collection,
                                          &error));
}

static void end(fixture *f)
{
    close_database(f);
    sim_disk_destroy(f->disk);
}

static void reopen(fixture *f)
{
    waggle_error error;
    close_database(f);
    open_database(f, NULL);
    WG_OK(waggle_collection_open(f->database, "c", &f->collection, &error));
}

static void put(fixture *f, uint64_t id, float x, const char *payload)
{
    waggle_error error;
    float row[DIM] = {x, 1, 0, 0};
    waggle_vectors vectors = {.rows = waggle_rows_f32(row, 1, DIM)};
    waggle_text text = {payload, payload == NULL ? 0 : strlen(payload)};
    WG_OK(waggle_upsert(f->collection,
                        waggle_points_of(.count = 1, .id_first = id, .vectors = &vectors,
                                         .vector_count = 1, .payloads = &text),
                        NULL, &error));
}

static uint64_t count(fixture *f)
{
    waggle_error error;
    uint64_t points = 0;
    WG_OK(waggle_count(f->collection, &points, &error));
    return points;
}

// The payload of a point, or "" if there is no such point.
static void payload_of(fixture *f, uint64_t id, char *text, size_t capacity, uint64_t *version)
{
    waggle_error error;
    waggle_records *records = NULL;
    waggle_id key = waggle_id_number(id);
    WG_OK(waggle_get(f->collection, &key, 1, NULL, &records, &error));
    const waggle_record *record = waggle_records_at(records, 0);
    snprintf(text, capacity, "%.*s", (int)record->payload.size,
             record->payload.data == NULL ? "" : record->payload.data);
    if (version != NULL) *version = record->found ? record->version : 0;
    waggle_records_destroy(records);
}

static uint64_t nearest(fixture *f, float x, float *score)
{
    waggle_error error;
    waggle_hits *hits = NULL;
    float query[DIM] = {x, 1, 0, 0};
    waggle_rows rows = waggle_rows_f32(query, 1, DIM);
    uint32_t found = 0;
    WG_OK(waggle_search(f->collection, &rows, waggle_search_options(.k = 1), &hits, &error));
    const waggle_hit *hit = waggle_hits_at(hits, 0, &found);
    WG_CHECK_U64(found, 1);
    uint64_t id = hit->id.value.number;
    if (score != NULL) *score = hit->score;
    waggle_hits_destroy(hits);
    return id;
}

static void seal(fixture *f)
{
    waggle_error error;
    wg_mutex_lock(&f->database->care);
    WG_OK(wg_seal(f->database, &f->collection, 1, &error));
    wg_mutex_unlock(&f->database->care);
}

WG_TEST(a_point_is_found_read_replaced_and_deleted)
{
    waggle_error error;
    char text[64];
    fixture f;
    begin(&f, WAGGLE_L2, WAGGLE_F32);
    put(&f, 1, 1, "{\"a\":1}");
    put(&f, 2, 5, NULL);
    WG_CHECK_U64(count(&f), 2);
    WG_CHECK_U64(nearest(&f, 4.5f, NULL), 2);
    put(&f, 2, -7, "{\"b\":2}");
    WG_CHECK_U64(count(&f), 2);
    WG_CHECK_U64(nearest(&f, 4.5f, NULL), 1);
    payload_of(&f, 2, text, sizeof text, NULL);
    WG_CHECK_TEXT(text, "{\"b\":2}");
    waggle_id ids[2] = {waggle_id_number(2), waggle_id_number(9)};
    uint64_t deleted = 0;
    WG_OK(waggle_delete(f.collection, ids, 2, &deleted, NULL, &error));
    WG_CHECK_U64(deleted, 1);
    WG_CHECK_U64(count(&f), 1);
    WG_CHECK_U64(nearest(&f, -7, NULL), 1);
    put(&f, 2, -7, NULL); // an id that was removed can come back
    WG_CHECK_U64(nearest(&f, -7, NULL), 2);
    end(&f);
}

WG_TEST(everything_is_there_after_a_restart_sealed_or_not)
{
    char text[64];
    uint64_t before = 0;
    uint64_t after = 0;
    fixture f;
    begin(&f, WAGGLE_L2, WAGGLE_F32);
    for (uint64_t i = 0; i < 100; i++)
        put(&f, i, (float)i, i % 2 == 0 ? "{\"even\":true}" : NULL);
    seal(&f);
    for (uint64_t i = 50; i < 60; i++)
        put(&f, i, (float)i + 1000, NULL);
    payload_of(&f, 40, text, sizeof text, &before);
    for (int round = 0; round < 3; round++) {
        reopen(&f);
        if (round == 1) seal(&f);
        WG_CHECK_U64(count(&f), 100);
        WG_CHECK_U64(nearest(&f, 1055, NULL), 55);
        WG_CHECK_U64(nearest(&f, 55, NULL), 60); // 50..59 moved away
    }
    payload_of(&f, 40, text, sizeof text, &after);
    WG_CHECK_TEXT(text, "{\"even\":true}");
    WG_CHECK_U64(after, before);
    end(&f);
}

WG_TEST(a_payload_change_moves_no_vector_and_survives_sealing_and_compaction)
{
    waggle_error error;
    char text[64];
    uint64_t version = 0;
    uint64_t sequence = 0;
    fixture f;
    begin(&f, WAGGLE_L2, WAGGLE_F32);
    for (uint64_t i = 0; i < 10; i++)
        put(&f, i, (float)i, "{\"old\":1}");
    seal(&f);
    waggle_id ids[2] = {waggle_id_number(3), waggle_id_number(77)};
    waggle_text texts[2] = {
        {"{\"new\":2}", 9},
        {"{}",          2}
    };
    uint64_t changed = 0;
    WG_OK(waggle_payload_set(f.collection, ids, texts, 2, &changed, &sequence, &error));
    WG_CHECK_U64(changed, 1);
    WG_CHECK_U64(f.collection->current->heads[0].slots, 0); // no new row
    for (int step = 0; step < 4; step++) {
        payload_of(&f, 3, text, sizeof text, &version);
        WG_CHECK_TEXT(text, "{\"new\":2}");
        WG_CHECK_U64(version, sequence);
        payload_of(&f, 4, text, sizeof text, NULL);
        WG_CHECK_TEXT(text, "{\"old\":1}");
        if (step == 0) reopen(&f);
        if (step == 1) seal(&f);
        if (step == 2) WG_OK(waggle_compact(f.collection, &error));
    }
    WG_CHECK_U64(f.collection->current->sealed_count, 1);
    WG_CHECK_U64(f.collection->current->sealed[0].sealed->overlay_count, 0);
    end(&f);
}

WG_TEST(the_last_of_equal_ids_in_a_batch_wins)
{
    waggle_error error;
    fixture f;
    begin(&f, WAGGLE_L2, WAGGLE_F32);
    float rows[4][DIM] = {{1}, {2}, {3}, {4}};
    uint64_t ids[4] = {7, 8, 7, 7};
    waggle_vectors vectors = {.rows = waggle_rows_f32(&rows[0][0], 4, DIM)};
    WG_OK(waggle_upsert(
        f.collection,
        waggle_points_of(.count = 4, .id_numbers = ids, .vectors = &vectors, .vector_count = 1),
        NULL, &error));
    WG_CHECK_U64(count(&f), 2);
    float score = 1;
    float query[DIM] = {4};
    waggle_rows q = waggle_rows_f32(query, 1, DIM);
    waggle_hits *hits = NULL;
    uint32_t found = 0;
    WG_OK(waggle_search(f.collection, &q, waggle_search_options(.k = 10), &hits, &error));
    const waggle_hit *hit = waggle_hits_at(hits, 0, &found);
    WG_CHECK_U64(found, 2);
    WG_CHECK_U64(hit[0].id.value.number, 7);
    WG_CHECK(hit[0].score == 0);
    WG_CHECK_U64(hit[1].id.value.number, 8);
    waggle_hits_destroy(hits);
    (void)score;
    end(&f);
}

WG_TEST(cosine_keeps_the_norm_and_a_zero_vector)
{
    waggle_error error;
    fixture f;
    begin(&f, WAGGLE_COSINE, WAGGLE_F32);
    float rows[2][DIM] = {
        {3,  4, 0, 0},
        {0}
    };
    waggle_vectors vectors = {.rows = waggle_rows_f32(&rows[0][0], 2, DIM)};
    WG_OK(waggle_upsert(f.collection,
                        waggle_points_of(.count = 2, .vectors = &vectors, .vector_count = 1), NULL,
                        &error));
    for (int round = 0; round < 2; round++) {
        waggle_records *records = NULL;
        waggle_id ids[2] = {waggle_id_number(0), waggle_id_number(1)};
        WG_OK(waggle_get(f.collection, ids, 2, waggle_read_options(.with_vectors = true), &records,
                         &error));
        const float *v = waggle_records_at(records, 0)->vectors[0].data;
        WG_CHECK(fabsf(v[0] - 3) < 1e-6f && fabsf(v[1] - 4) < 1e-6f);
        v = waggle_records_at(records, 1)->vectors[0].data;
        WG_CHECK(v[0] == 0 && v[3] == 0);
        waggle_records_destroy(records);
        waggle_hits *hits = NULL;
        uint32_t found = 0;
        float query[DIM] = {6, 8, 0, 0};
        waggle_rows q = waggle_rows_f32(query, 1, DIM);
        WG_OK(waggle_search(f.collection, &q, NULL, &hits, &error));
        const waggle_hit *hit = waggle_hits_at(hits, 0, &found);
        WG_CHECK_U64(found, 2);
        WG_CHECK(fabsf(hit[0].score - 1) < 1e-6f);
        WG_CHECK(hit[1].score == 0);
        waggle_hits_destroy(hits);
        seal(&f);
    }
    end(&f);
}

WG_TEST(points_may_lack_named_vectors)
{
    waggle_error error;
    fixture f = {.disk = sim_disk_create(1)};
    open_database(&f, NULL);
    waggle_vector_spec specs[2] = {
        {.name = "text",  .dim = 2, .metric = WAGGLE_L2},
        {.name = "image", .dim = 3, .metric = WAGGLE_L1}
    };
    WG_OK(waggle_collection_create(f.database, "c",
                                   waggle_collection_spec(.vectors = specs, .vector_count = 2),
                                   &f.collection, &error));
    float text[3][2] = {
        {0, 0},
        {1, 1},
        {2, 2}
    };
    float image[3][3] = {
        {5, 5, 5},
        {6, 6, 6},
        {7, 7, 7}
    };
    uint8_t has_text[3] = {1, 0, 1};
    uint8_t has_image[3] = {1, 1, 0};
    waggle_vectors vectors[2] = {
        {.name = "image", .rows = waggle_rows_f32(&image[0][0], 3, 3), .present = has_image},
        {.name = "text",  .rows = waggle_rows_f32(&text[0][0],  3, 2), .present = has_text }
    };
    WG_OK(waggle_upsert(f.collection,
                        waggle_points_of(.count = 3, .vectors = vectors, .vector_count = 2), NULL,
                        &error));
    for (int round = 0; round < 3; round++) {
        waggle_hits *hits = NULL;
        uint32_t found = 0;
        float query[2] = {1, 1};
        waggle_rows q = waggle_rows_f32(query, 1, 2);
        WG_OK(waggle_search(f.collection, &q, waggle_search_options(.vector = "text"), &hits,
                            &error));
        const waggle_hit *hit = waggle_hits_at(hits, 0, &found);
        WG_CHECK_U64(found, 2);
        WG_CHECK_U64(hit[0].id.value.number, 0); // equal scores by id
        WG_CHECK_U64(hit[1].id.value.number, 2);
        waggle_hits_destroy(hits);
        waggle_records *records = NULL;
        waggle_id id = waggle_id_number(1);
        WG_OK(waggle_get(f.collection, &id, 1, waggle_read_options(.with_vectors = true), &records,
                         &error));
        WG_CHECK(waggle_records_at(records, 0)->vectors[0].data == NULL);
        WG_CHECK(((const float *)waggle_records_at(records, 0)->vectors[1].data)[2] == 6);
        waggle_records_destroy(records);
        if (round == 0) seal(&f);
        if (round == 1) reopen(&f);
    }
    waggle_rows q = waggle_rows_f32(&text[0][0], 1, 2);
    waggle_hits *hits = NULL;
    WG_FAILS_WITH(
        WAGGLE_NOT_FOUND, "\"sound\"",
        waggle_search(f.collection, &q, waggle_search_options(.vector = "sound"), &hits, &error));
    end(&f);
}

WG_TEST(a_cursor_walks_in_id_order_over_parts_and_head)
{
    waggle_error error;
    fixture f;
    begin(&f, WAGGLE_L2, WAGGLE_F32);
    for (uint64_t i = 0; i < 30; i++)
        put(&f, (i * 7) % 30, (float)i, NULL);
    seal(&f);
    for (uint64_t i = 0; i < 30; i += 3)
        put(&f, i + 100 * (i % 2), (float)i, NULL);
    waggle_id gone = waggle_id_number(5);
    WG_OK(waggle_delete(f.collection, &gone, 1, NULL, NULL, &error));
    const waggle_id after = waggle_id_number(3);
    waggle_cursor *cursor = NULL;
    WG_OK(waggle_cursor_open(f.collection, waggle_read_options(.after = &after), &cursor, &error));
    put(&f, 4, 99, NULL); // the cursor does not see what comes later
    const waggle_record *record = NULL;
    uint64_t last = 3;
    uint64_t seen = 0;
    for (;;) {
        WG_OK(waggle_cursor_next(cursor, &record, &error));
        if (record == NULL) break;
        WG_CHECK(record->id.value.number > last);
        WG_CHECK(record->id.value.number != 5);
        last = record->id.value.number;
        seen++;
    }
    waggle_cursor_close(cursor);
    WG_CHECK_U64(seen, count(&f) - 4);
    end(&f);
}

WG_TEST(compaction_drops_what_is_dead_and_keeps_the_rest)
{
    waggle_error error;
    fixture f;
    begin(&f, WAGGLE_L2, WAGGLE_F32);
    for (uint64_t part = 0; part < 3; part++) {
        for (uint64_t i = 0; i < 50; i++)
            put(&f, part * 40 + i, (float)(part * 1000 + i), "{\"p\":1}");
        seal(&f);
    }
    WG_CHECK_U64(f.collection->current->sealed_count, 3);
    uint64_t points = count(&f);
    WG_CHECK_U64(points, 130);
    WG_OK(waggle_compact(f.collection, &error));
    WG_CHECK_U64(f.collection->current->sealed_count, 1);
    WG_CHECK_U64(f.collection->current->dead, 0);
    WG_CHECK_U64(count(&f), points);
    WG_CHECK_U64(nearest(&f, 1000, NULL), 40);
    reopen(&f);
    WG_CHECK_U64(count(&f), points);
    WG_CHECK_U64(nearest(&f, 1000, NULL), 40);
    // Of the old files nothing is left.
    uint64_t segments = 0;
    uint64_t size = 0;
    for (size_t i = 0; i < sim_disk_files(f.disk); i++)
        segments += strstr(sim_disk_file(f.disk, i, &size), ".wseg") != NULL;
    WG_CHECK_U64(segments, 1);
    end(&f);
}

WG_TEST(a_bulk_import_becomes_visible_when_committed_and_replaces_older_points)
{
    waggle_error error;
    char text[64];
    fixture f;
    begin(&f, WAGGLE_L2, WAGGLE_F32);
    put(&f, 3, 500, "{\"old\":1}");
    float rows[10][DIM];
    uint64_t ids[10];
    waggle_text payloads[10];
    for (uint64_t i = 0; i < 10; i++) {
        ids[i] = 9 - i; // not in order
        rows[i][0] = (float)(9 - i);
        rows[i][1] = 1;
        rows[i][2] = rows[i][3] = 0;
        payloads[i] = (waggle_text){"{\"new\":1}", 9};
    }
    waggle_vectors vectors = {.rows = waggle_rows_f32(&rows[0][0], 10, DIM)};
    waggle_import *import = NULL;
    waggle_import *second = NULL;
    WG_OK(waggle_import_open(f.collection, &import, &error));
    WG_FAILS(WAGGLE_EXISTS, waggle_import_open(f.collection, &second, &error));
    const waggle_points *points =
        waggle_points_of(.count = 10, .id_numbers = ids, .vectors = &vectors, .vector_count = 1,
                         .payloads = payloads);
    WG_OK(waggle_import_add(import, points, &error));
    rows[5][1] = NAN;
    WG_FAILS_WITH(WAGGLE_INVALID, "row 5", waggle_import_add(import, points, &error));
    rows[5][1] = 1;
    WG_OK(waggle_import_add(import, points, &error)); // the same ids again
    WG_CHECK_U64(count(&f), 1);
    WG_CHECK_U64(waggle_import_durable(import), 0);
    WG_OK(waggle_import_commit(import, &error));
    WG_CHECK_U64(waggle_import_durable(import), 20);
    waggle_import_close(import);
    for (int round = 0; round < 3; round++) {
        WG_CHECK_U64(count(&f), 10);
        for (uint64_t i = 0; i < 10; i++)
            WG_CHECK_U64(nearest(&f, (float)i, NULL), i);
        payload_of(&f, 3, text, sizeof text, NULL);
        WG_CHECK_TEXT(text, "{\"new\":1}");
        if (round == 0) reopen(&f);
        if (round == 1) WG_OK(waggle_compact(f.collection, &error));
    }
    end(&f);
}

WG_TEST(a_bulk_import_takes_several_vectors_and_leaves_no_holes)
{
    waggle_error error;
    fixture f = {.disk = sim_disk_create(1)};
    open_database(&f, NULL);
    waggle_vector_spec specs[2] = {
        {.name = "a", .dim = 2, .metric = WAGGLE_L2    },
        {.name = "b", .dim = 3, .metric = WAGGLE_COSINE}
    };
    WG_OK(waggle_collection_create(f.database, "c",
                                   waggle_collection_spec(.vectors = specs, .vector_count = 2),
                                   &f.collection, &error));
    float a[3][2] = {
        {0, 0},
        {1, 1},
        {2, 2}
    };
    float b[3][3] = {
        {3, 4, 0},
        {9, 9, 9},
        {0, 0, 2}
    };
    uint8_t has_b[3] = {1, 0, 1};
    waggle_vectors vectors[2] = {
        {.name = "a",                       .rows = waggle_rows_f32(&a[0][0], 3,  2)              },
        { .name = "b", .rows = waggle_rows_f32(&b[0][0],                                3, 3), .present = has_b}
    };
    waggle_import *import = NULL;
    WG_OK(waggle_import_open(f.collection, &import, &error));
    WG_OK(waggle_import_add(
        import, waggle_points_of(.count = 3, .vectors = vectors, .vector_count = 2), &error));
    WG_OK(waggle_import_commit(import, &error));
    waggle_import_close(import);
    reopen(&f);
    waggle_records *records = NULL;
    waggle_id ids[3] = {waggle_id_number(0), waggle_id_number(1), waggle_id_number(2)};
    WG_OK(waggle_get(f.collection, ids, 3, waggle_read_options(.with_vectors = true), &records,
                     &error));
    const waggle_record *record = waggle_records_at(records, 0);
    WG_CHECK(fabsf(((const float *)record->vectors[1].data)[1] - 4) < 1e-6f);
    WG_CHECK(waggle_records_at(records, 1)->vectors[1].data == NULL);
    record = waggle_records_at(records, 2);
    WG_CHECK(((const float *)record->vectors[0].data)[1] == 2);
    waggle_records_destroy(records);
    for (size_t i = 0; i < sim_disk_files(f.disk); i++) {
        uint64_t size = 0;
        const char *name = sim_disk_file(f.disk, i, &size);
        if (strstr(name, ".wseg") != NULL) WG_CHECK(size < 256u << 10);
    }
    end(&f);
}

WG_TEST(collections_are_created_renamed_dropped_and_stay_so)
{
    waggle_error error;
    waggle_collection *other = NULL;
    fixture f;
    begin(&f, WAGGLE_L2, WAGGLE_F32);
    put(&f, 1, 1, NULL);
    WG_FAILS_WITH(
        WAGGLE_EXISTS, "\"c\"",
        waggle_collection_create_simple(f.database, "c", 3, WAGGLE_L2, WAGGLE_F32, NULL, &error));
    WG_OK(
        waggle_collection_create_simple(f.database, "d", 3, WAGGLE_L2, WAGGLE_F32, &other, &error));
    waggle_collection_close(other);
    WG_FAILS(WAGGLE_EXISTS, waggle_collection_rename(f.database, "d", "c", &error));
    WG_OK(waggle_collection_rename(f.database, "d", "e", &error));
    WG_FAILS(WAGGLE_NOT_FOUND, waggle_collection_open(f.database, "d", &other, &error));
    WG_OK(waggle_collection_drop(f.database, "e", &error));
    WG_OK(
        waggle_collection_create_simple(f.database, "d", 5, WAGGLE_DOT, WAGGLE_F32, NULL, &error));
    reopen(&f);
    waggle_collection_list *list = NULL;
    WG_OK(waggle_collection_list_create(f.database, &list, &error));
    WG_CHECK_U64(waggle_collection_list_count(list), 2);
    WG_CHECK_TEXT(waggle_collection_list_at(list, 0)->name, "c");
    WG_CHECK_TEXT(waggle_collection_list_at(list, 1)->name, "d");
    WG_CHECK_U64(waggle_collection_list_at(list, 1)->vectors[0].dim, 5);
    waggle_collection_list_destroy(list);
    // A handle of a dropped collection answers, and a new collection of the name is another one.
    seal(&f);
    WG_OK(waggle_collection_drop(f.database, "c", &error));
    uint64_t points;
    WG_FAILS(WAGGLE_NOT_FOUND, waggle_count(f.collection, &points, &error));
    waggle_collection_close(f.collection);
    WG_OK(waggle_collection_create_simple(f.database, "c", DIM, WAGGLE_L2, WAGGLE_F32,
                                          &f.collection, &error));
    WG_CHECK_U64(count(&f), 0);
    reopen(&f);
    WG_CHECK_U64(count(&f), 0);
    end(&f);
}

WG_TEST(bad_input_names_the_value_and_changes_nothing)
{
    waggle_error error;
    fixture f;
    begin(&f, WAGGLE_L2, WAGGLE_U8);
    float rows[2][DIM] = {
        {1, 2,   3, 4},
        {1, 300, 3, 4}
    };
    waggle_vectors vectors = {.rows = waggle_rows_f32(&rows[0][0], 2, DIM)};
    const waggle_points *points =
        waggle_points_of(.count = 2, .vectors = &vectors, .vector_count = 1);
    WG_FAILS_WITH(WAGGLE_INVALID, "row 1", waggle_upsert(f.collection, points, NULL, &error));
    WG_CHECK(strstr(error.message, "300") != NULL && strstr(error.message, "255") != NULL);
    vectors.rows.dim = 3;
    WG_FAILS(WAGGLE_DIMENSION, waggle_upsert(f.collection, points, NULL, &error));
    WG_CHECK_U64(error.expected, DIM);
    WG_CHECK_U64(error.actual, 3);
    waggle_id bad = waggle_id_string("");
    vectors.rows = waggle_rows_f32(&rows[0][0], 1, DIM);
    WG_FAILS(WAGGLE_INVALID, waggle_upsert(f.collection,
                                           waggle_points_of(.count = 1, .ids = &bad,
                                                            .vectors = &vectors, .vector_count = 1),
                                           NULL, &error));
    waggle_text broken = {"{\"a\":", 5};
    WG_FAILS_WITH(WAGGLE_INVALID, "row 0",
                  waggle_upsert(f.collection,
                                waggle_points_of(.count = 1, .vectors = &vectors, .vector_count = 1,
                                                 .payloads = &broken),
                                NULL, &error));
    WG_CHECK_U64(count(&f), 0);
    WG_FAILS_WITH(WAGGLE_INVALID, "65536",
                  waggle_collection_create_simple(f.database, "x", 65537, WAGGLE_L2, WAGGLE_F32,
                                                  NULL, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "hamming",
                  waggle_collection_create_simple(f.database, "x", 8, WAGGLE_HAMMING, WAGGLE_F32,
                                                  NULL, &error));
    WG_FAILS(WAGGLE_INVALID, waggle_collection_create_simple(f.database, "a/b", 8, WAGGLE_L2,
                                                             WAGGLE_F32, NULL, &error));
    end(&f);
}

WG_TEST(structs_of_other_headers_are_understood_or_refused)
{
    waggle_error error;
    waggle_hits *hits = NULL;
    fixture f;
    begin(&f, WAGGLE_L2, WAGGLE_F32);
    for (uint64_t i = 0; i < 5; i++)
        put(&f, i, (float)i, NULL);
    float query[DIM] = {0};
    waggle_rows rows = waggle_rows_f32(query, 1, DIM);

    struct {
        waggle_search_options known;
        uint64_t later; // a field of a newer header
    } newer = {
        .known = {.struct_size = sizeof newer, .k = 2}
    };

    uint32_t found = 0;
    WG_OK(waggle_search(f.collection, &rows, &newer.known, &hits, &error));
    waggle_hits_at(hits, 0, &found);
    WG_CHECK_U64(found, 2);
    waggle_hits_destroy(hits);
    newer.later = 1;
    WG_FAILS(WAGGLE_UNSUPPORTED, waggle_search(f.collection, &rows, &newer.known, &hits, &error));
    waggle_search_options older = {.struct_size = 8, .k = 3}; // ends behind k
    older.with_payload = true;                                // past its end: not read
    WG_OK(waggle_search(f.collection, &rows, &older, &hits, &error));
    waggle_hits_at(hits, 0, &found);
    WG_CHECK_U64(found, 3);
    waggle_hits_destroy(hits);
    waggle_search_options unset = {.k = 3};
    WG_FAILS_WITH(WAGGLE_INVALID, "struct_size",
                  waggle_search(f.collection, &rows, &unset, &hits, &error));
    waggle_points points = {.count = 1};
    WG_FAILS_WITH(WAGGLE_INVALID, "struct_size",
                  waggle_upsert(f.collection, &points, NULL, &error));
    end(&f);
}

WG_TEST(full_heads_are_sealed_and_the_log_is_trimmed)
{
    waggle_error error;
    fixture f = {.disk = sim_disk_create(1)};
    waggle_open_options options = {
        .struct_size = sizeof options, .head_size_max = 64u << 10, .log_size_max = 4u << 20};
    open_database(&f, &options);
    WG_OK(waggle_collection_create_simple(f.database, "c", 256, WAGGLE_L2, WAGGLE_F32,
                                          &f.collection, &error));
    static float rows[100][256];
    waggle_vectors vectors = {.rows = waggle_rows_f32(&rows[0][0], 100, 256)};
    for (uint64_t batch = 0; batch < 100; batch++) {
        for (uint32_t i = 0; i < 100; i++)
            rows[i][0] = (float)(batch * 100 + i);
        WG_OK(waggle_upsert(f.collection,
                            waggle_points_of(.count = 100, .id_first = batch * 100,
                                             .vectors = &vectors, .vector_count = 1),
                            NULL, &error));
    }
    waggle_statistics s = {.struct_size = sizeof s};
    WG_OK(waggle_statistics_get(f.database, &s, &error));
    WG_CHECK(s.seals > 10);
    WG_CHECK(s.compactions > 0);
    WG_CHECK(s.bytes_log <= 6u << 20);
    WG_CHECK_U64(s.points, 10000);
    WG_CHECK(s.segments < 20);
    float query[256] = {4321};
    waggle_rows q = waggle_rows_f32(query, 1, 256);
    waggle_hits *hits = NULL;
    uint32_t found;
    WG_OK(waggle_search(f.collection, &q, waggle_search_options(.k = 1), &hits, &error));
    WG_CHECK_U64(waggle_hits_at(hits, 0, &found)->id.value.number, 4321);
    waggle_hits_destroy(hits);
    end(&f);
}

#define BUDGET ((uint64_t)16 << 20)

static void begin_budget(fixture *f)
{
    waggle_error error;
    waggle_open_options options = {.struct_size = sizeof options,
                                   .memory_limit = BUDGET,
                                   .head_size_max = 1u << 30,
                                   .log_size_max = 1u << 30};
    *f = (fixture){.disk = sim_disk_create(1)};
    open_database(f, &options);
    WG_OK(waggle_collection_create_simple(f->database, "c", 1024, WAGGLE_L2, WAGGLE_F32,
                                          &f->collection, &error));
}

static waggle_status put_rows(fixture *f, uint64_t id_first, uint64_t rows, waggle_error *error)
{
    static float components[(BUDGET >> 12) + 1][1024]; // a row more than the budget holds
    WG_ASSERT(rows <= WG_COUNT(components));
    waggle_vectors vectors = {.rows = waggle_rows_f32(&components[0][0], rows, 1024)};
    waggle_points points = {.struct_size = sizeof points,
                            .count = rows,
                            .id_first = id_first,
                            .vectors = &vectors,
                            .vector_count = 1};
    return waggle_upsert(f->collection, &points, NULL, error);
}

WG_TEST(at_the_budget_heads_are_sealed_to_make_room)
{
    waggle_error error;
    fixture f;
    begin_budget(&f);
    for (uint64_t batch = 0; batch < 100; batch++)
        WG_OK(put_rows(&f, batch * 100, 100, &error));
    waggle_statistics s = {.struct_size = sizeof s};
    WG_OK(waggle_statistics_get(f.database, &s, &error));
    WG_CHECK(s.seals > 0);
    WG_CHECK_U64(count(&f), 10000);
    end(&f);
}

// Upserts batches of 100 x 1024 floats until one is refused, at most `most`; how many points were taken.
static uint64_t fill(fixture *f, uint64_t most, waggle_status *status, waggle_error *error)
{
    static float rows[100][1024];
    waggle_vectors vectors = {.rows = waggle_rows_f32(&rows[0][0], 100, 1024)};
    uint64_t stored = 0;
    *status = WAGGLE_OK;
    for (uint64_t batch = 0; batch < most; batch++) {
        *status = waggle_upsert(f->collection,
                                waggle_points_of(.count = 100, .id_first = batch * 100,
                                                 .vectors = &vectors, .vector_count = 1),
                                NULL, error);
        if (*status != WAGGLE_OK) break;
        stored += 100;
    }
    return stored;
}

WG_TEST(the_budget_refuses_writes_by_name_and_nothing_else)
{
    waggle_error error;
    waggle_status status;
    fixture f = {0};
    wg_internal internal = {.no_threads = true};
    waggle_open_options options = {.struct_size = sizeof options, .memory_limit = 16u << 20};
    WG_OK(wg_database_open(NULL, &options, &internal, &f.database, &error));
    WG_OK(waggle_collection_create_simple(f.database, "c", 1024, WAGGLE_L2, WAGGLE_F32,
                                          &f.collection, &error));
    uint64_t stored = fill(&f, 1000, &status, &error);
    WG_CHECK_U64(status, WAGGLE_BUDGET);
    WG_CHECK_U64(error.expected, 16u << 20);
    WG_CHECK(stored >= 1000); // a good part of the budget was used
    WG_CHECK_U64(count(&f), stored);
    for (uint64_t i = 0; i < stored / 2; i++) { // deleting is not refused, and makes room
        waggle_id id = waggle_id_number(i);
        WG_OK(waggle_delete(f.collection, &id, 1, NULL, NULL, &error));
    }
    WG_OK(waggle_compact(f.collection, &error));
    WG_CHECK(fill(&f, 1, &status, &error) == 100);
    close_database(&f);
}

WG_TEST(a_small_budget_takes_in_more_than_it_holds)
{
    waggle_error error;
    waggle_status status;
    fixture f = {.disk = sim_disk_create(1)};
    waggle_open_options options = {.struct_size = sizeof options,
                                   .memory_limit = 16u << 20,
                                   .head_size_max = 1u << 30, // the budget decides, not the head
                                   .log_size_max = 1u << 30};
    open_database(&f, &options);
    WG_OK(waggle_collection_create_simple(f.database, "c", 1024, WAGGLE_L2, WAGGLE_F32,
                                          &f.collection, &error));
    WG_CHECK_U64(fill(&f, 200, &status, &error), 20000); // 80 MB
    WG_CHECK_U64(status, WAGGLE_OK);
    waggle_statistics s = {.struct_size = sizeof s};
    WG_OK(waggle_statistics_get(f.database, &s, &error));
    WG_CHECK(s.memory_used <= 16u << 20);
    waggle_collection_close(f.collection);
    WG_OK(waggle_close(f.database, &error));
    open_database(&f, &options); // opening needs no more than running
    WG_OK(waggle_collection_open(f.database, "c", &f.collection, &error));
    WG_CHECK_U64(count(&f), 20000);
    end(&f);
}

WG_TEST(a_database_in_memory_does_all_of_it)
{
    waggle_error error;
    fixture f = {0};
    WG_OK(waggle_open(NULL, waggle_open_options(.head_size_max = 64u << 10), &f.database, &error));
    WG_OK(waggle_collection_create_simple(f.database, "c", DIM, WAGGLE_L2, WAGGLE_F32,
                                          &f.collection, &error));
    for (uint64_t i = 0; i < 3000; i++)
        put(&f, i, (float)i, "{}");
    WG_OK(waggle_compact(f.collection, &error));
    WG_CHECK_U64(count(&f), 3000);
    WG_CHECK_U64(nearest(&f, 1234, NULL), 1234);
    close_database(&f);
}

WG_TEST(a_folder_that_is_not_ours_is_left_alone)
{
    waggle_error error;
    char path[4096];
    char file[4200];
    test_folder(path, sizeof path);
    snprintf(file, sizeof file, "%s/notes.txt", path);
    wg_file *made = NULL;
    WG_OK(wg_file_open(wg_vfs_posix(), file, WG_OPEN_CREATE, &made, &error));
    wg_file_close(made);
    waggle_database *database = NULL;
    WG_FAILS_WITH(WAGGLE_NOT_A_DATABASE, "notes.txt", waggle_open(path, NULL, &database, &error));
    snprintf(file, sizeof file, "%s/none", path);
    WG_FAILS(WAGGLE_NOT_FOUND,
             waggle_open(file, waggle_open_options(.must_exist = true), &database, &error));
    snprintf(file, sizeof file, "%s/db", path);
    WG_OK(waggle_open(file, waggle_open_options(.address = "http://here:1"), &database, &error));
    waggle_database *second = NULL;
    WG_FAILS_WITH(WAGGLE_LOCKED, "http://here:1", waggle_open(file, NULL, &second, &error));
    WG_OK(waggle_close(database, &error));
}
