// Bulk import with the threads that a database has: several segments, of which one ends while the next is filled.
#include "engine/engine.h"
#include "support/test.h"

#include <stdlib.h>

#define DIM 16u
#define BATCH 10u
#define PAYLOAD_SIZE ((size_t)1 << 20) // 64 of them fill a segment
#define BATCHES 15u

typedef struct fixture {
    char path[4096];
    waggle_database *database;
    waggle_collection *collection;
} fixture;

static void begin(fixture *f)
{
    waggle_error error;
    test_folder(f->path, sizeof f->path);
    WG_OK(waggle_open(f->path, NULL, &f->database, &error));
    WG_OK(waggle_collection_create_simple(f->database, "c", DIM, WAGGLE_L2, WAGGLE_F32,
                                          &f->collection, &error));
}

static void end(fixture *f)
{
    waggle_error error;
    waggle_collection_close(f->collection);
    WG_OK(waggle_close(f->database, &error));
}

static waggle_status add(waggle_import *import, uint64_t first, char *payload, waggle_error *error)
{
    float rows[BATCH][DIM] = {{0}};
    waggle_text payloads[BATCH];
    payload[6] = (char)('a' + first % 26);
    for (uint64_t i = 0; i < BATCH; i++) {
        rows[i][0] = (float)(first + i);
        payloads[i] = (waggle_text){payload, PAYLOAD_SIZE};
    }
    waggle_vectors vectors = {.rows = waggle_rows_f32(&rows[0][0], BATCH, DIM)};
    return waggle_import_add(import,
                             waggle_points_of(.count = BATCH, .id_first = first,
                                              .vectors = &vectors, .vector_count = 1,
                                              .payloads = payloads),
                             error);
}

// {"p":"a...a"}, of PAYLOAD_SIZE bytes
static char *payload_create(void)
{
    char *payload = malloc(PAYLOAD_SIZE + 1);
    memset(payload, 'x', PAYLOAD_SIZE);
    memcpy(payload, "{\"p\":\"", 6);
    memcpy(payload + PAYLOAD_SIZE - 2, "\"}", 3);
    return payload;
}

static void check_point(fixture *f, uint64_t number)
{
    waggle_error error;
    waggle_records *records = NULL;
    waggle_id id = waggle_id_number(number);
    WG_OK(waggle_get(
        f->collection, &id, 1,
        &(waggle_read_options){.struct_size = sizeof(waggle_read_options), .with_vectors = true},
        &records, &error));
    const waggle_record *record = waggle_records_at(records, 0);
    WG_CHECK(record->found);
    WG_CHECK(*(const float *)record->vectors[0].data == (float)number);
    WG_CHECK_U64(record->payload.size, PAYLOAD_SIZE);
    WG_CHECK(record->payload.data[6] == (char)('a' + number / BATCH * BATCH % 26));
    waggle_records_destroy(records);
}

WG_TEST(an_import_of_several_segments_keeps_every_point)
{
    waggle_error error;
    fixture f;
    begin(&f);
    char *payload = payload_create();
    waggle_import *import = NULL;
    WG_OK(waggle_import_open(f.collection, &import, &error));
    uint64_t durable = 0;
    for (uint64_t i = 0; i < BATCHES; i++) {
        WG_OK(add(import, i * BATCH, payload, &error));
        WG_CHECK(waggle_import_durable(import) >= durable);
        durable = waggle_import_durable(import);
        WG_CHECK(durable <= (i + 1) * BATCH);
    }
    WG_CHECK(durable > 0); // the first segment ended before the second was full
    WG_OK(waggle_import_commit(import, &error));
    WG_CHECK_U64(waggle_import_durable(import), BATCHES * BATCH);
    waggle_import_close(import);
    waggle_verify_report report;
    WG_OK(waggle_verify(f.database, NULL, NULL, &report, &error));
    WG_CHECK_U64(report.points, BATCHES * BATCH);
    for (uint64_t i = 0; i < BATCHES * BATCH; i += 7)
        check_point(&f, i);
    free(payload);
    end(&f);
}

WG_TEST(closing_an_import_keeps_full_segments_and_drops_the_rest)
{
    waggle_error error;
    fixture f;
    uint64_t points = 0;
    begin(&f);
    char *payload = payload_create();
    waggle_import *import = NULL;
    WG_OK(waggle_import_open(f.collection, &import, &error));
    for (uint64_t i = 0; i < 8; i++)
        WG_OK(add(import, i * BATCH, payload, &error));
    waggle_import_close(import);
    WG_OK(waggle_count(f.collection, &points, &error));
    WG_CHECK_U64(points, 65); // the 65th payload passed 64 MiB
    free(payload);
    end(&f);
}
