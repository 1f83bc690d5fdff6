// Snapshots at once with writes, and crashes and failing calls while they are made, restored or deleted.
#include "engine/snapshot_testing.h"

// ---- At once with writes -------------------------------------------------------------------------

typedef struct writer {
    fixture *f;
    wg_thread thread;
    _Atomic bool stop;
    _Atomic uint64_t written; // points 0 .. written - 1 are acknowledged
} writer;

static void writer_run(void *context)
{
    writer *w = context;
    while (!atomic_load(&w->stop)) {
        waggle_error error;
        uint64_t number = atomic_load(&w->written);
        WG_OK(put(w->f, "films", 1000 + number, 1, 1, &error));
        atomic_store(&w->written, number + 1);
    }
}

// A snapshot is a prefix of the writes: all that were acknowledged before it, and no gap.
WG_TEST(a_snapshot_made_while_others_write_is_a_prefix_of_the_writes)
{
    fixture f;
    waggle_error error;
    writer w = {.f = &f};
    begin(&f);
    close_database(&f);
    wg_internal internal = {.vfs = f.disk, .log_file_size = 256u << 10};
    WG_OK(wg_database_open("db", NULL, &internal, &f.database, &error));
    WG_OK(wg_thread_start(&w.thread, "writer", writer_run, &w, &error));
    for (uint64_t i = 0; i < test_rounds(10, 50); i++) {
        char name[32];
        snprintf(name, sizeof name, "s%u", (unsigned)i);
        uint64_t least = atomic_load(&w.written);
        WG_OK(create(&f, i % 2 == 0 ? "films" : NULL, name, &error));
        uint64_t most = atomic_load(&w.written) + 1;
        WG_OK(restore(&f, name, "films", name, &error));
        uint64_t written = count(&f, name) - 44; // those of begin()
        WG_CHECK(written >= least && written <= most);
        if (written == 0) continue;
        waggle_collection *copy = collection_of(&f, name);
        waggle_records *records = NULL;
        waggle_id last = waggle_id_number(1000 + written - 1);
        WG_OK(waggle_get(copy, &last, 1, NULL, &records, &error));
        WG_CHECK(waggle_records_at(records, 0)->found); // as many as up to the last: no gap
        waggle_records_destroy(records);
        waggle_collection_close(copy);
        WG_OK(waggle_collection_drop(f.database, name, &error));
        WG_OK(waggle_snapshot_delete(f.database, name, &error));
    }
    atomic_store(&w.stop, true);
    wg_thread_join(&w.thread);
    end(&f);
}

// ---- Crashes and failures ------------------------------------------------------------------------

// Runs `act` on copies of a disk that stop at each of its calls, and looks at what a crash leaves.
typedef struct ordeal {
    waggle_status (*act)(fixture *f, waggle_error *error);
    void (*look)(fixture *f, bool acknowledged, uint64_t context);
    uint64_t context;
} ordeal;

static waggle_status ordeal_act(const ordeal *o, fixture *f)
{
    waggle_error error;
    waggle_status status = open_at(f, "db", false, &error);
    if (status != WAGGLE_OK) return status;
    status = o->act(f, &error);
    (void)waggle_close(f->database, NULL);
    return status;
}

static void ordeal_run(const ordeal *o, wg_vfs *start)
{
    for (uint64_t call = 1;; call++) {
        waggle_error error;
        fixture f = {.disk = sim_disk_copy(start)};
        sim_disk_stop_at(f.disk, call);
        waggle_status status = ordeal_act(o, &f);
        bool ended = sim_disk_calls(f.disk) < call;
        sim_disk_stop_at(f.disk, 0);
        sim_disk_crash(f.disk, test_seed(call));
        waggle_status opened = open_at(&f, "db", false, &error);
        if (opened != WAGGLE_OK) fail_msg("call %llu: %s", (unsigned long long)call, error.message);
        check_sound(&f);
        o->look(&f, status == WAGGLE_OK, o->context);
        check_sound(&f);
        close_database(&f);
        sim_disk_destroy(f.disk);
        if (ended) break;
    }
}

static waggle_status act_create(fixture *f, waggle_error *error)
{
    return create(f, NULL, "s", error);
}

// Either there is no snapshot, or all of it.
static void look_create(fixture *f, bool acknowledged, uint64_t context)
{
    waggle_error error;
    f->log[0] = 0;
    uint64_t snapshots = listed(f);
    WG_CHECK(f->log[0] == 0); // none is damaged
    if (acknowledged) WG_CHECK_U64(snapshots, 1);
    WG_CHECK_U64(digest(f, "films"), context);
    if (snapshots == 0) WG_OK(create(f, NULL, "s", &error));
    WG_OK(restore(f, "s", "films", "x", &error));
    WG_CHECK_U64(digest(f, "x"), context);
}

static waggle_status act_restore(fixture *f, waggle_error *error)
{
    return restore(f, "s", NULL, "x", error);
}

static void look_restore(fixture *f, bool acknowledged, uint64_t context)
{
    waggle_error error;
    waggle_collection *collection = NULL;
    waggle_status status = waggle_collection_open(f->database, "x", &collection, &error);
    waggle_collection_close(collection);
    if (acknowledged || status != WAGGLE_NOT_FOUND) WG_OK(status);
    if (status != WAGGLE_OK) WG_OK(restore(f, "s", NULL, "x", &error));
    WG_CHECK_U64(digest(f, "x"), context);
    WG_CHECK_U64(digest(f, "films"), context);
}

static waggle_status act_delete(fixture *f, waggle_error *error)
{
    return waggle_snapshot_delete(f->database, "s", error);
}

static void look_delete(fixture *f, bool acknowledged, uint64_t context)
{
    waggle_error error;
    f->log[0] = 0;
    uint64_t snapshots = listed(f);
    WG_CHECK(f->log[0] == 0);
    if (acknowledged) WG_CHECK_U64(snapshots, 0);
    if (snapshots == 1) WG_OK(restore(f, "s", NULL, "x", &error));
    if (snapshots == 1) WG_CHECK_U64(digest(f, "x"), context);
}

WG_TEST(a_crash_while_a_snapshot_is_made_restored_or_deleted_leaves_all_or_nothing)
{
    fixture f;
    waggle_error error;
    begin(&f);
    uint64_t before = digest(&f, "films");
    close_database(&f);
    ordeal o = {act_create, look_create, before};
    ordeal_run(&o, f.disk);
    WG_OK(open_at(&f, "db", false, &error));
    WG_OK(create(&f, "films", "s", &error));
    close_database(&f);
    o = (ordeal){act_restore, look_restore, before};
    ordeal_run(&o, f.disk);
    o = (ordeal){act_delete, look_delete, before};
    ordeal_run(&o, f.disk);
    sim_disk_destroy(f.disk);
}

// What was acknowledged is there whatever a crash right after it loses.
WG_TEST(a_snapshot_that_was_acknowledged_survives_a_crash)
{
    fixture f;
    begin(&f);
    uint64_t before = digest(&f, "films");
    close_database(&f);
    for (uint64_t round = 1; round <= test_rounds(25, 500); round++) {
        waggle_error error;
        fixture g = {.disk = sim_disk_copy(f.disk)};
        WG_OK(open_at(&g, "db", false, &error));
        WG_OK(create(&g, NULL, "s", &error));
        sim_disk_stop_at(g.disk, sim_disk_calls(g.disk) + 1); // closing changes nothing any more
        (void)waggle_close(g.database, NULL);
        sim_disk_stop_at(g.disk, 0);
        sim_disk_crash(g.disk, test_seed(round));
        WG_OK(open_at(&g, "db", false, &error));
        look_create(&g, true, before);
        close_database(&g);
        sim_disk_destroy(g.disk);
    }
    sim_disk_destroy(f.disk);
}

// A call that fails once is an error, nothing half is seen, and the next opening is sound.
static void failures_run(waggle_status (*act)(fixture *f, waggle_error *error),
                         void (*look)(fixture *f, bool acknowledged, uint64_t context),
                         uint64_t context, wg_vfs *start)
{
    for (uint64_t call = 1;; call++) {
        waggle_error error;
        fixture f = {.disk = sim_disk_copy(start)};
        WG_OK(open_at(&f, "db", false, &error));
        sim_disk_fail(f.disk, SIM_ANY, call, WAGGLE_DISK_FULL, false, false);
        waggle_status status = act(&f, &error);
        bool failed = sim_disk_failed(f.disk) > 0;
        sim_disk_fail(f.disk, SIM_ANY, 0, WAGGLE_OK, false, false);
        (void)waggle_close(f.database, NULL);
        WG_OK(open_at(&f, "db", false, &error));
        check_sound(&f);
        look(&f, status == WAGGLE_OK, context);
        close_database(&f);
        sim_disk_destroy(f.disk);
        if (!failed) break;
    }
}

WG_TEST(a_call_that_fails_leaves_all_or_nothing)
{
    fixture f;
    waggle_error error;
    begin(&f);
    uint64_t before = digest(&f, "films");
    close_database(&f);
    failures_run(act_create, look_create, before, f.disk);
    WG_OK(open_at(&f, "db", false, &error));
    WG_OK(create(&f, "films", "s", &error));
    close_database(&f);
    failures_run(act_restore, look_restore, before, f.disk);
    sim_disk_destroy(f.disk);
}

// A new database has its name only when it is complete.
WG_TEST(a_crash_while_a_database_is_restored_leaves_all_or_nothing)
{
    fixture f;
    waggle_error error;
    begin(&f);
    uint64_t before = digest(&f, "films");
    WG_OK(create(&f, NULL, "s", &error));
    close_database(&f);
    for (uint64_t call = 1;; call++) {
        fixture g = {.disk = sim_disk_copy(f.disk)};
        sim_disk_crash(g.disk, 1); // counts anew
        sim_disk_stop_at(g.disk, call);
        waggle_status status =
            wg_snapshot_restore_database(g.disk, "db/snapshots/s", "new", &error);
        bool ended = sim_disk_calls(g.disk) < call;
        sim_disk_stop_at(g.disk, 0);
        sim_disk_crash(g.disk, test_seed(call));
        bool there = false;
        WG_OK(wg_snapshot_folder_find(g.disk, "new", &there, &error));
        WG_CHECK(there || status != WAGGLE_OK);
        if (there) {
            WG_OK(open_at(&g, "new", false, &error));
            check_sound(&g);
            WG_CHECK_U64(digest(&g, "films"), before);
            close_database(&g);
        }
        sim_disk_destroy(g.disk);
        if (ended) break;
    }
    sim_disk_destroy(f.disk);
}
