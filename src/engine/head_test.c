// What the head of a collection takes, as the statistics of the database count it.
#include "support/test.h"

#include <stdlib.h>

#define DIM 96u
#define ROWS 40000u
#define BATCH 500u
#define POINT_MAX 64u                  // bytes beside the vector
#define CONSTANT ((uint64_t)192 << 10) // what does not grow: first chunks, blocks and pages

static uint64_t memory_used(waggle_database *database)
{
    waggle_error error;
    waggle_statistics statistics = {.struct_size = sizeof statistics};
    WG_OK(waggle_statistics_get(database, &statistics, &error));
    return statistics.memory_used - statistics.memory_log;
}

static void upsert(waggle_collection *collection, const float *rows, uint64_t first, uint64_t count)
{
    waggle_error error;
    waggle_vectors vectors = {.rows = waggle_rows_f32(rows, count, DIM)};
    WG_OK(waggle_upsert(
        collection,
        waggle_points_of(.count = count, .id_first = first, .vectors = &vectors, .vector_count = 1),
        NULL, &error));
}

WG_TEST(a_point_costs_little_beside_its_vector_however_many_there_are)
{
    static const waggle_metric metrics[] = {WAGGLE_L2, WAGGLE_COSINE}; // without and with norms
    float *rows = calloc((size_t)BATCH * DIM, sizeof *rows);
    for (uint32_t i = 0; i < BATCH * DIM; i++)
        rows[i] = (float)(i % 251) + 1;
    for (size_t i = 0; i < WG_COUNT(metrics); i++) {
        waggle_error error;
        waggle_database *database = NULL;
        waggle_collection *collection = NULL;
        WG_OK(waggle_open(NULL, NULL, &database, &error));
        WG_OK(waggle_collection_create_simple(database, "c", DIM, metrics[i], WAGGLE_F32,
                                              &collection, &error));
        uint64_t before = memory_used(database);
        for (uint64_t row = 0; row < ROWS; row += BATCH) {
            upsert(collection, rows, row, BATCH);
            uint64_t used = memory_used(database) - before;
            uint64_t vectors = (row + BATCH) * DIM * sizeof(float);
            WG_CHECK(used >= vectors);
            WG_CHECK(used <= vectors + (row + BATCH) * (POINT_MAX + WG_ARENA_GAP) + CONSTANT);
        }
        waggle_collection_close(collection);
        WG_OK(waggle_close(database, &error));
    }
    free(rows);
}

WG_TEST(a_collection_with_one_point_takes_little)
{
    waggle_error error;
    waggle_database *database = NULL;
    waggle_collection *collection = NULL;
    float row[DIM] = {1};
    WG_OK(waggle_open(NULL, NULL, &database, &error));
    WG_OK(waggle_collection_create_simple(database, "c", DIM, WAGGLE_COSINE, WAGGLE_F32,
                                          &collection, &error));
    uint64_t before = memory_used(database);
    upsert(collection, row, 1, 1);
    WG_CHECK(memory_used(database) - before < 8 << 10);
    waggle_collection_close(collection);
    WG_OK(waggle_close(database, &error));
}
