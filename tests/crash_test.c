// Crashes of a simulated disk at every kind of call, with random subsets of what was not synced: every acknowledged
// operation is there afterwards, the one that was running is there as a whole or not at all, and opening never fails.
#include "support/model.h"
#include "support/sim_disk.h"

typedef struct rig {
    wg_vfs *disk;
    waggle_database *database;
    waggle_collection *collection;
} rig;

static waggle_status rig_open(rig *r, waggle_error *error)
{
    wg_internal internal = {.vfs = r->disk, .no_threads = true, .log_file_size = 32u << 10};
    waggle_open_options options = {
        .struct_size = sizeof options, .head_size_max = 4u << 10, .log_size_max = 96u << 10};
    waggle_status status = wg_database_open("db", &options, &internal, &r->database, error);
    if (status != WAGGLE_OK) return status;
    status = waggle_collection_open(r->database, "c", &r->collection, error);
    if (status == WAGGLE_NOT_FOUND)
        status = waggle_collection_create_simple(r->database, "c", MODEL_DIM, WAGGLE_L2, WAGGLE_F32,
                                                 &r->collection, error);
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

WG_TEST(no_crash_loses_or_halves_an_operation)
{
    uint64_t crashes = test_rounds_long(10000, 1000000);
    test_random random = {test_seed(2026)};
    rig r = {.disk = sim_disk_create(3)};
    waggle_error error;
    char why[256];
    char why_before[256];
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
        bool deep = crash % 8 == 0;
        if (!model_equal(&m, r.collection, deep, why, sizeof why)) {
            if (!model_equal(&before, r.collection, deep, why_before, sizeof why_before))
                fail_msg("crash %llu: neither before (%s) nor after (%s) the last operation",
                         (unsigned long long)crash, why_before, why);
            m.stamp++; // stamps are never used twice
            uint32_t stamp = m.stamp;
            m = before;
            m.stamp = stamp;
        }
    }
    rig_close(&r);
    sim_disk_destroy(r.disk);
}
