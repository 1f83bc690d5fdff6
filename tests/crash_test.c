// Crashes of a simulated disk at every kind of call, with random subsets of what was not synced, and syncs that fail and
// may lose what later ones seem to make durable: every acknowledged operation is there afterwards, the one that
// was running is there as a whole or not at all, and opening never fails.
#include "support/model.h"
#include "support/sim_disk.h"

typedef struct rig {
    wg_vfs *disk;
    waggle_database *database;
    waggle_collection *collection;
} rig;

static waggle_status rig_open(rig *r, waggle_error *error)
{
    wg_internal internal = {
        .vfs = r->disk, .no_threads = true, .codes_rows_least = 1, .log_file_size = 32u << 10};
    waggle_open_options options = {.struct_size = sizeof options,
                                   .threads = 1,
                                   .head_size_max = 4u << 10,
                                   .log_size_max = 96u << 10};
    waggle_status status = wg_database_open("db", &options, &internal, &r->database, error);
    if (status != WAGGLE_OK) return status;
    status = waggle_collection_open(r->database, "c", &r->collection, error);
    if (status == WAGGLE_NOT_FOUND) status = model_create(r->database, &r->collection, error);
    return status;
}

static void rig_close(rig *r)
{
    waggle_collection_close(r->collection);
    (void)waggle_close(r->database, NULL); // fails when the disk is dead
    r->collection = NULL;
    r->database = NULL;
}

// Opens after a crash, which may itself be interrupted by another.
static void rig_recover(rig *r, test_random *random)
{
    waggle_error error;
    for (int attempt = 0; attempt < 3; attempt++) {
        if (test_below(random, 4) != 0) break;
        sim_disk_stop_at(r->disk, 1 + test_below(random, 40));
        (void)rig_open(r, &error);
        rig_close(r);
        sim_disk_crash(r->disk, test_next(random));
    }
    sim_disk_stop_at(r->disk, 0);
    WG_OK(rig_open(r, &error));
}

// The database is what the model is after the last operation, or before it: then the model goes back.
static void settle(model *m, const model *before, rig *r, uint64_t round)
{
    char why[256];
    char why_before[256];
    bool deep = round % 8 == 0;
    if (model_equal(m, r->collection, deep, why, sizeof why)) return;
    if (!model_equal(before, r->collection, deep, why_before, sizeof why_before))
        fail_msg("round %llu: neither before (%s) nor after (%s) the last operation",
                 (unsigned long long)round, why_before, why);
    uint32_t stamp = m->stamp + 1; // stamps are never used twice
    *m = *before;
    m->stamp = stamp;
}

WG_TEST(no_crash_loses_or_halves_an_operation)
{
    uint64_t crashes = test_rounds_long(10000, 1000000);
    test_random random = {test_seed(2026)};
    rig r = {.disk = sim_disk_create(3)};
    waggle_error error;
    model m = {0};
    WG_OK(rig_open(&r, &error));
    for (uint64_t crash = 0; crash < crashes; crash++) {
        model before = m;
        sim_disk_stop_at(r.disk, 1 + test_below(&random, 60));
        for (;;) {
            before = m;
            if (model_step(&m, &random, r.collection, &error) != WAGGLE_OK) break;
        }
        rig_close(&r);
        sim_disk_crash(r.disk, test_next(&random));
        rig_recover(&r, &random);
        settle(&m, &before, &r, crash);
    }
    rig_close(&r);
    sim_disk_destroy(r.disk);
}

// Between the failure and the next opening the power need not fail: then what is found may be in memory only.
WG_TEST(no_failed_sync_loses_or_halves_an_operation)
{
    uint64_t rounds = test_rounds_long(1000, 200000);
    test_random random = {test_seed(2027)};
    rig r = {.disk = sim_disk_create(test_next(&random))};
    waggle_error error;
    model m = {0};
    WG_OK(rig_open(&r, &error));
    for (uint64_t round = 0; round < rounds; round++) {
        model before = m;
        bool lasting = test_below(&random, 3) == 0;
        sim_disk_fail(r.disk, SIM_SYNC, 1 + test_below(&random, 20), WAGGLE_IO, lasting, false);
        for (uint32_t step = 0; step < 60; step++) {
            before = m;
            if (model_step(&m, &random, r.collection, &error) != WAGGLE_OK) break;
        }
        rig_close(&r);
        sim_disk_fail(r.disk, SIM_SYNC, 1, WAGGLE_IO, false, false); // of opening, too
        if (test_below(&random, 4) == 0 && rig_open(&r, &error) != WAGGLE_OK) rig_close(&r);
        sim_disk_fail(r.disk, SIM_SYNC, 0, WAGGLE_OK, false, false);
        if (r.database != NULL) rig_close(&r);
        if (test_below(&random, 3) == 0) sim_disk_crash(r.disk, test_next(&random));
        WG_OK(rig_open(&r, &error));
        settle(&m, &before, &r, round);
    }
    rig_close(&r);
    sim_disk_destroy(r.disk);
}
