// Random operations against a plain model: after each the database holds exactly what the model holds, also after it was
// closed and opened, sealed, compacted.
#include "support/model.h"
#include "support/sim_disk.h"

static waggle_database *open_on(wg_vfs *disk, waggle_collection **collection)
{
    waggle_error error;
    waggle_database *database = NULL;
    wg_internal internal = {
        .vfs = disk, .no_threads = true, .codes_rows_least = 1, .log_file_size = 64u << 10};
    waggle_open_options options = {
        .struct_size = sizeof options, .head_size_max = 8u << 10, .log_size_max = 256u << 10};
    WG_OK(wg_database_open("db", &options, &internal, &database, &error));
    waggle_status status = waggle_collection_open(database, "c", collection, &error);
    if (status == WAGGLE_NOT_FOUND) WG_OK(model_create(database, collection, &error));
    return database;
}

WG_TEST(random_operations_agree_with_the_model)
{
    uint64_t rounds = test_rounds_long(100000, 1000000);
    test_random random = {test_seed(42)};
    waggle_error error;
    char why[256];
    wg_vfs *disk = sim_disk_create(1);
    model m = {0};
    waggle_collection *collection = NULL;
    waggle_database *database = open_on(disk, &collection);
    for (uint64_t i = 0; i < rounds; i++) {
        WG_OK(model_step(&m, &random, collection, &error));
        bool deep = i % 16 == 0;
        if ((deep || i % 4 == 0) && !model_equal(&m, collection, deep, why, sizeof why))
            fail_msg("after operation %llu: %s", (unsigned long long)i, why);
        if (test_below(&random, 500) != 0) continue;
        waggle_collection_close(collection);
        WG_OK(waggle_close(database, &error));
        database = open_on(disk, &collection);
        if (!model_equal(&m, collection, true, why, sizeof why))
            fail_msg("after operation %llu and a restart: %s", (unsigned long long)i, why);
    }
    waggle_collection_close(collection);
    WG_OK(waggle_close(database, &error));
    sim_disk_destroy(disk);
}

// The model test must be able to see a wrong database.
WG_TEST(the_model_notices_a_difference)
{
    test_random random = {7};
    waggle_error error;
    char why[256];
    wg_vfs *disk = sim_disk_create(1);
    model m = {0};
    waggle_collection *collection = NULL;
    waggle_database *database = open_on(disk, &collection);
    for (int i = 0; i < 50; i++)
        WG_OK(model_step(&m, &random, collection, &error));
    WG_CHECK(model_equal(&m, collection, true, why, sizeof why));
    for (uint32_t i = 0; i < MODEL_IDS; i++) {
        model other = m;
        if (!m.points[i].there) continue;
        other.points[i].payload += 12345;
        WG_CHECK(!model_equal(&other, collection, false, why, sizeof why));
        other = m;
        other.points[i].there = false;
        WG_CHECK(!model_equal(&other, collection, false, why, sizeof why));
    }
    waggle_collection_close(collection);
    WG_OK(waggle_close(database, &error));
    sim_disk_destroy(disk);
}
