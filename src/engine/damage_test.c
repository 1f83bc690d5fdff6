// A database of which one collection is damaged, with records in the log that are not in its files: the others work,
// nothing of the damaged one is lost, and it is whole again once its files are.
#include "engine/engine.h"
#include "storage/segment.h"
#include "support/sim_disk.h"

#define DIM 256u
#define POINTS 100u // of a batch

typedef struct fixture {
    wg_vfs *disk;
    waggle_database *database;
    waggle_collection *bad; // "bad" is the one to be damaged
    waggle_collection *good;
    uint64_t log_size_max;
    bool read_only;
    bool threads;
    uint32_t damaged; // lines of the log that say so
    uint32_t not_merged;
    char line[1024]; // the last of them
} fixture;

static void log_line(void *context, waggle_log_level level, const char *line)
{
    fixture *f = context;
    bool damaged = strstr(line, "event=collection_damaged") != NULL;
    bool not_merged = strstr(line, "event=not_merged") != NULL;
    if (!damaged && !not_merged) return;
    WG_CHECK(level == WAGGLE_LOG_ERROR);
    f->damaged += damaged;
    f->not_merged += not_merged;
    snprintf(f->line, sizeof f->line, "%s", line);
}

static void open_database(fixture *f)
{
    waggle_error error;
    wg_internal internal = {.vfs = f->disk, .no_threads = !f->threads, .log_file_size = 1u << 20};
    f->damaged = 0;
    WG_OK(wg_database_open("db",
                           waggle_open_options(.read_only = f->read_only, .log = log_line,
                                               .log_context = f, .log_size_max = f->log_size_max),
                           &internal, &f->database, &error));
}

static void close_database(fixture *f)
{
    waggle_error error;
    waggle_collection_close(f->bad);
    waggle_collection_close(f->good);
    f->bad = f->good = NULL;
    WG_OK(waggle_close(f->database, &error));
    f->database = NULL;
}

static void reopen(fixture *f)
{
    close_database(f);
    open_database(f);
}

static void put(waggle_collection *collection, uint64_t first, float value)
{
    static float rows[POINTS][DIM];
    waggle_error error;
    waggle_vectors vectors = {.rows = waggle_rows_f32(&rows[0][0], POINTS, DIM)};
    for (uint32_t i = 0; i < POINTS; i++)
        rows[i][0] = value;
    WG_OK(waggle_upsert(collection,
                        waggle_points_of(.count = POINTS, .id_first = first, .vectors = &vectors,
                                         .vector_count = 1),
                        NULL, &error));
}

static uint64_t count(waggle_collection *collection)
{
    waggle_error error;
    uint64_t points = 0;
    WG_OK(waggle_count(collection, &points, &error));
    return points;
}

// Is there a point, with this value and payload?
static void check_point(waggle_collection *collection, uint64_t id, float value,
                        const char *payload)
{
    waggle_error error;
    waggle_records *records = NULL;
    waggle_id key = waggle_id_number(id);
    WG_OK(waggle_get(collection, &key, 1, waggle_read_options(.with_vectors = true), &records,
                     &error));
    const waggle_record *record = waggle_records_at(records, 0);
    WG_CHECK(record->found);
    WG_CHECK(((const float *)record->vectors[0].data)[0] == value);
    WG_CHECK_U64(record->payload.size, strlen(payload));
    if (record->payload.size > 0)
        WG_CHECK(memcmp(record->payload.data, payload, strlen(payload)) == 0);
    waggle_records_destroy(records);
}

static void seal(fixture *f, waggle_collection *collection)
{
    waggle_error error;
    wg_mutex_lock(&f->database->care);
    WG_OK(wg_seal(f->database, &collection, 1, &error));
    wg_mutex_unlock(&f->database->care);
}

static void round_of_care(fixture *f)
{
    waggle_error error;
    WG_OK(wg_care_round(f->database, &error));
}

// Until the thread has taken up what earlier writes wanted.
static void wait_for_care(const fixture *f)
{
    for (bool wanted = true; wanted;) {
        wg_mutex_lock(&f->database->wake_lock);
        wanted = f->database->care_wanted;
        wg_mutex_unlock(&f->database->wake_lock);
        if (wanted) wg_sleep_ms(1);
    }
}

static void delete_one(waggle_collection *collection, uint64_t id)
{
    waggle_error error;
    waggle_id key = waggle_id_number(id);
    uint64_t deleted = 0;
    WG_OK(waggle_delete(collection, &key, 1, &deleted, NULL, &error));
    WG_CHECK_U64(deleted, 1);
}

static void describe_one(waggle_collection *collection, uint64_t id)
{
    waggle_error error;
    waggle_id key = waggle_id_number(id);
    waggle_text payload = {"{\"new\":1}", 9};
    uint64_t changed = 0;
    WG_OK(waggle_payload_set(collection, &key, &payload, 1, &changed, NULL, &error));
    WG_CHECK_U64(changed, 1);
}

// Both collections have a segment each, deletes, an overlay, and writes of every kind that only the log has.
static void begin(fixture *f)
{
    waggle_error error;
    *f = (fixture){.disk = sim_disk_create(1)};
    open_database(f);
    waggle_collection **both[] = {&f->bad, &f->good};
    for (size_t i = 0; i < WG_COUNT(both); i++) {
        WG_OK(waggle_collection_create_simple(f->database, i == 0 ? "bad" : "good", DIM, WAGGLE_L2,
                                              WAGGLE_F32, both[i], &error));
        put(*both[i], 0, 1);
        seal(f, *both[i]);
        delete_one(*both[i], 0);
        describe_one(*both[i], 1);
        seal(f, *both[i]);
    }
    for (size_t i = 0; i < WG_COUNT(both); i++) {
        put(*both[i], 50, 2); // half of them replace
        delete_one(*both[i], 2);
        describe_one(*both[i], 3);
    }
}

static void check_whole(waggle_collection *collection)
{
    WG_CHECK_U64(count(collection), 148);
    check_point(collection, 1, 1, "{\"new\":1}");
    check_point(collection, 3, 1, "{\"new\":1}");
    check_point(collection, 49, 1, "");
    check_point(collection, 50, 2, "");
    check_point(collection, 149, 2, "");
}

static void open_both(fixture *f)
{
    waggle_error error;
    WG_OK(waggle_collection_open(f->database, "bad", &f->bad, &error));
    WG_OK(waggle_collection_open(f->database, "good", &f->good, &error));
}

static void end(fixture *f)
{
    close_database(f);
    sim_disk_destroy(f->disk);
}

// ---- Damage --------------------------------------------------------------------------------------

typedef struct damage {
    const char *what;
    const char *ending; // of the file
    uint64_t byte;      // whose lowest bit flips; counted from the end if `end`
    bool end;
    bool ids;     // the byte is counted from the ids
    bool missing; // the file is moved away
} damage;

static const damage damages[] = {
    {.what = "header", .ending = ".wseg", .byte = 3                 },
    {.what = "footer", .ending = ".wseg", .byte = 20,                 .end = true},
    {.what = "block of ids",                .ending = ".wseg",            .byte = 5,      .ids = true},
    {.what = "missing segment",     .ending = ".wseg",                      .missing = true                  },
    {.what = "deletes", .ending = ".del",.byte = 9},
    {.what = "missing deletes",       .ending = ".del",                            .missing = true                                         },
    {.what = "overlay", .ending = ".pay",.byte = 30},
};

#define FOOTER (&damages[1])

// A file of "bad", as the database names it.
static bool file_find(const fixture *f, const char *ending, char *path, size_t capacity,
                      uint64_t *size)
{
    for (size_t i = 0; i < sim_disk_files(f->disk); i++) {
        const char *name = strstr(sim_disk_file(f->disk, i, size), "db/seg/1-");
        if (name == NULL || strlen(name) < strlen(ending) ||
            strcmp(name + strlen(name) - strlen(ending), ending) != 0)
            continue;
        snprintf(path, capacity, "%s", name);
        return true;
    }
    return false;
}

// Where the ids of "bad" are in its segment.
static uint64_t ids_offset(fixture *f)
{
    waggle_error error;
    char path[256];
    uint64_t size = 0;
    wg_segment_file *file = NULL;
    wg_heap heap;
    wg_heap_init(&heap, 0);
    WG_CHECK(file_find(f, ".wseg", path, sizeof path, &size));
    WG_OK(wg_segment_open(f->disk, &heap, path, &file, &error));
    uint64_t offset = wg_part_section(wg_segment_part(file, 0), WG_SECTION_ID_NUMBERS, 0)->offset;
    wg_segment_release(file);
    return offset;
}

// The database is closed. *path: the file.
static void damage_do(fixture *f, const damage *d, char *path, size_t capacity)
{
    waggle_error error;
    uint64_t size = 0;
    if (!file_find(f, d->ending, path, capacity, &size)) fail_msg("%s", d->what);
    if (d->missing) {
        WG_OK(wg_vfs_make_dir(f->disk, "backup", &error));
        WG_OK(wg_vfs_rename(f->disk, path, "backup/file", &error));
        return;
    }
    uint64_t at = d->end ? size - d->byte : d->byte;
    if (d->ids) at += ids_offset(f);
    sim_disk_flip(f->disk, path, at * 8);
}

static void damage_undo(fixture *f, const damage *d, char *path, size_t capacity)
{
    waggle_error error;
    if (d->missing)
        WG_OK(wg_vfs_rename(f->disk, "backup/file", path, &error));
    else
        damage_do(f, d, path, capacity); // flips it back
}

static void check_aside(fixture *f, const char *name, const char *path)
{
    waggle_error error;
    waggle_collection *collection = NULL;
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    WG_FAILS_WITH(WAGGLE_CORRUPT, quoted,
                  waggle_collection_open(f->database, name, &collection, &error));
    if (strstr(error.message, path) == NULL) fail_msg("%s: %s", path, error.message);
    WG_CHECK_U64(f->damaged, 1);
    snprintf(quoted, sizeof quoted, "collection=%s ", name);
    WG_CHECK(strstr(f->line, quoted) != NULL);
    WG_CHECK(strstr(f->line, path) != NULL);
}

// Reading, writing, sealing, merging, and enough of all to have the log trimmed.
static void use(fixture *f, uint64_t first)
{
    waggle_error error;
    WG_OK(waggle_collection_open(f->database, "good", &f->good, &error));
    uint64_t before = count(f->good);
    for (uint64_t i = 0; i < 30; i++)
        put(f->good, first + i * POINTS, 3);
    seal(f, f->good);
    round_of_care(f);
    WG_OK(waggle_compact(f->good, &error));
    WG_OK(wg_checkpoint(f->database, &error));
    WG_CHECK_U64(f->good->current->sealed_count, 1);
    WG_CHECK_U64(f->good->dirty_since, 0);
    WG_CHECK_U64(count(f->good), before + 30 * POINTS);
    check_point(f->good, first, 3, "");
}

WG_TEST(a_damaged_collection_is_set_aside_and_loses_nothing)
{
    for (size_t i = 0; i < WG_COUNT(damages); i++) {
        fixture f;
        char path[256];
        begin(&f);
        close_database(&f);
        damage_do(&f, &damages[i], path, sizeof path);
        for (uint64_t round = 0; round < 2; round++) {
            open_database(&f);
            check_aside(&f, "bad", path);
            use(&f, 1000 + round * 10000);
            close_database(&f);
        }
        damage_undo(&f, &damages[i], path, sizeof path);
        open_database(&f);
        WG_CHECK_U64(f.damaged, 0);
        open_both(&f);
        check_whole(f.bad);
        check_point(f.good, 11000, 3, "");
        put(f.bad, 500, 5); // and it goes on
        seal(&f, f.bad);
        reopen(&f);
        open_both(&f);
        WG_CHECK_U64(count(f.bad), 248);
        end(&f);
    }
}

// Or it would be without its records, and the next seal would take them out of the log.
WG_TEST(what_is_repaired_meanwhile_waits_for_the_next_opening)
{
    fixture f;
    char path[256];
    begin(&f);
    close_database(&f);
    damage_do(&f, FOOTER, path, sizeof path);
    open_database(&f);
    damage_undo(&f, FOOTER, path, sizeof path);
    check_aside(&f, "bad", path);
    use(&f, 1000);
    reopen(&f);
    open_both(&f);
    check_whole(f.bad);
    end(&f);
}

WG_TEST(a_database_with_a_damaged_collection_can_be_read_only)
{
    fixture f;
    waggle_error error;
    char path[256];
    begin(&f);
    close_database(&f);
    damage_do(&f, FOOTER, path, sizeof path);
    f.read_only = true;
    open_database(&f);
    check_aside(&f, "bad", path);
    WG_OK(waggle_collection_open(f.database, "good", &f.good, &error));
    check_whole(f.good);
    end(&f);
}

// ---- Listing -------------------------------------------------------------------------------------

static waggle_collection_list *list_all(const fixture *f, uint64_t expected)
{
    waggle_error error;
    waggle_collection_list *list = NULL;
    WG_OK(waggle_collection_list_create(f->database, &list, &error));
    WG_CHECK_U64(waggle_collection_list_count(list), expected);
    return list;
}

static void check_listed_bad(const waggle_collection_info *info, const char *path)
{
    WG_CHECK(strcmp(info->name, "bad") == 0);
    WG_CHECK(info->damage != NULL);
    if (strstr(info->damage, path) == NULL) fail_msg("%s: %s", path, info->damage);
    WG_CHECK_U64(info->vector_count, 1);
    WG_CHECK_U64(info->vectors[0].dim, DIM);
    WG_CHECK(info->vectors[0].metric == WAGGLE_L2);
    WG_CHECK_U64(info->points + info->rows_dead + info->segments + info->rows_unsealed, 0);
    WG_CHECK_U64(info->bytes_disk + info->bytes_memory + info->sequence, 0);
    WG_CHECK(info->device != NULL && info->index != NULL);
}

static void check_listed_whole(const waggle_collection_info *info, const char *name)
{
    WG_CHECK(strcmp(info->name, name) == 0);
    WG_CHECK(info->damage == NULL);
    WG_CHECK_U64(info->points, 148);
}

// Whether it is set aside, or its damage shows only now.
WG_TEST(a_damaged_collection_is_listed_with_what_is_known_and_why)
{
    for (size_t i = 0; i < 2 * WG_COUNT(damages); i++) {
        const damage *d = &damages[i / 2];
        bool in_files = i % 2 == 1;
        fixture f;
        waggle_error error;
        char path[256];
        begin(&f);
        if (in_files) WG_OK(wg_checkpoint(f.database, &error));
        close_database(&f);
        damage_do(&f, d, path, sizeof path);
        open_database(&f);
        WG_CHECK_U64(f.damaged, in_files ? 0 : 1);
        waggle_collection_list *list = list_all(&f, 2);
        check_listed_bad(waggle_collection_list_at(list, 0), path);
        check_listed_whole(waggle_collection_list_at(list, 1), "good");
        waggle_collection_list_destroy(list);
        close_database(&f);
        damage_undo(&f, d, path, sizeof path);
        open_database(&f);
        list = list_all(&f, 2);
        check_listed_whole(waggle_collection_list_at(list, 0), "bad");
        waggle_collection_list_destroy(list);
        end(&f);
    }
}

// ---- Dropping, renaming, restoring ---------------------------------------------------------------

static uint64_t log_first(const fixture *f)
{
    return wg_log_state_get(f->database->log).first;
}

WG_TEST(a_damaged_collection_can_be_dropped_and_lets_go_of_the_log)
{
    fixture f;
    waggle_error error;
    char path[256];
    uint64_t size = 0;
    begin(&f);
    close_database(&f);
    damage_do(&f, FOOTER, path, sizeof path);
    open_database(&f);
    uint64_t first = log_first(&f);
    use(&f, 1000);
    WG_CHECK_U64(log_first(&f), first);
    WG_OK(waggle_collection_drop(f.database, "bad", &error));
    WG_CHECK(log_first(&f) > first);
    WG_CHECK(!file_find(&f, "", path, sizeof path, &size));
    WG_OK(waggle_collection_create_simple(f.database, "bad", DIM, WAGGLE_L2, WAGGLE_F32, &f.bad,
                                          &error));
    put(f.bad, 7, 7);
    reopen(&f);
    WG_CHECK_U64(f.damaged, 0);
    open_both(&f);
    WG_CHECK_U64(count(f.bad), POINTS);
    end(&f);
}

WG_TEST(a_snapshot_takes_the_place_of_a_damaged_collection)
{
    fixture f;
    waggle_error error;
    char path[256];
    begin(&f);
    WG_OK(waggle_snapshot_create(f.database, NULL, "before", NULL, &error));
    put(f.bad, 50, 9); // after it: lost with the damage, as it is not in the snapshot
    close_database(&f);
    damage_do(&f, &damages[3], path, sizeof path);
    open_database(&f);
    WG_CHECK_U64(f.damaged, 1);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "\"bad\"",
                  waggle_snapshot_create(f.database, NULL, "after", NULL, &error));
    WG_OK(waggle_snapshot_create(f.database, "good", "good", NULL, &error));
    WG_FAILS(WAGGLE_EXISTS, waggle_snapshot_restore(f.database, "before", "bad", NULL, &error));
    WG_OK(waggle_collection_drop(f.database, "bad", &error));
    WG_OK(waggle_snapshot_restore(f.database, "before", "bad", NULL, &error));
    for (int i = 0; i < 2; i++) {
        open_both(&f);
        check_whole(f.bad);
        check_whole(f.good);
        reopen(&f);
    }
    end(&f);
}

// The changes of names behind the first record that could not be applied.
WG_TEST(a_damaged_collection_is_renamed_and_dropped_by_the_log)
{
    fixture f;
    waggle_error error;
    char path[256];
    waggle_collection *collection = NULL;
    begin(&f);
    WG_OK(waggle_collection_rename(f.database, "bad", "first", &error));
    delete_one(f.bad, 4);
    WG_OK(waggle_collection_rename(f.database, "good", "bad", &error));
    WG_OK(waggle_collection_create_simple(f.database, "good", DIM, WAGGLE_L2, WAGGLE_F32,
                                          &collection, &error));
    put(collection, 0, 8);
    waggle_collection_close(collection);
    close_database(&f);
    damage_do(&f, FOOTER, path, sizeof path);
    open_database(&f);
    check_aside(&f, "first", path);
    WG_OK(waggle_collection_rename(f.database, "first", "last", &error)); // and now
    WG_FAILS_WITH(WAGGLE_CORRUPT, "\"last\"",
                  waggle_collection_open(f.database, "last", &collection, &error));
    open_both(&f);
    check_whole(f.bad); // the one that was good
    WG_CHECK_U64(count(f.good), POINTS);
    reopen(&f);
    check_aside(&f, "last", path);
    close_database(&f);
    damage_undo(&f, FOOTER, path, sizeof path);
    open_database(&f);
    WG_OK(waggle_collection_open(f.database, "last", &f.bad, &error));
    WG_CHECK_U64(count(f.bad), 147);
    end(&f);
}

static void append_done(wg_append *append, waggle_status status, const waggle_error *error)
{
    (void)append;
    (void)error;
    WG_CHECK(status == WAGGLE_OK);
}

static void log_change(fixture *f, wg_record_type type, const wg_record_catalog *record)
{
    waggle_error error;
    wg_batch batch;
    wg_batch_init(&batch, &f->database->heap);
    WG_OK(wg_batch_catalog(&batch, record, &error));
    WG_OK(wg_batch_seal(&batch, &error));
    wg_append append = {
        .type = (uint16_t)type, .count = 1, .records = batch.pieces, .done = append_done};
    WG_OK(wg_log_append(f->database->log, &append, &error));
    WG_OK(wg_log_flush(f->database->log, append.seq, &error));
    wg_batch_finish(&batch);
}

WG_TEST(a_collection_whose_description_is_damaged_or_newer_is_listed_without_it)
{
    static const char newer[8] = {2, 0, 0, 0, 1, 0, 0, 0};
    static const waggle_text specs[] = {
        {newer, 3            },
        {newer, sizeof(newer)}
    };
    for (size_t i = 0; i < WG_COUNT(specs); i++) {
        fixture f;
        begin(&f);
        wg_record_catalog record = {
            .collection = 3, .name = {"odd", 3},
                 .spec = specs[i]
        };
        log_change(&f, WG_RECORD_CREATE, &record);
        reopen(&f);
        waggle_collection_list *list = list_all(&f, 3);
        const waggle_collection_info *odd = waggle_collection_list_at(list, 2);
        check_listed_whole(waggle_collection_list_at(list, 0), "bad");
        check_listed_whole(waggle_collection_list_at(list, 1), "good");
        WG_CHECK(strcmp(odd->name, "odd") == 0);
        WG_CHECK(odd->damage != NULL && odd->damage[0] != 0);
        WG_CHECK_U64(odd->vector_count, 0);
        waggle_collection_list_destroy(list);
        end(&f);
    }
}

// As a crash leaves it, right after the drop is in the log.
WG_TEST(a_damaged_collection_that_the_log_drops_is_no_damage)
{
    fixture f;
    waggle_error error;
    char path[256];
    waggle_collection *collection = NULL;
    begin(&f);
    wg_record_catalog record = {.collection = f.bad->id};
    log_change(&f, WG_RECORD_DROP, &record);
    close_database(&f);
    damage_do(&f, FOOTER, path, sizeof path);
    open_database(&f);
    WG_CHECK_U64(f.damaged, 0);
    WG_FAILS(WAGGLE_NOT_FOUND, waggle_collection_open(f.database, "bad", &collection, &error));
    WG_OK(waggle_snapshot_create(f.database, NULL, "all", NULL, &error));
    uint64_t first = log_first(&f);
    use(&f, 1000);
    WG_CHECK(log_first(&f) > first);
    end(&f);
}

// ---- Imports that only the log knows -------------------------------------------------------------

static void import_run(void *context)
{
    static float rows[POINTS][DIM];
    waggle_error error;
    waggle_import *import = NULL;
    waggle_vectors vectors = {.rows = waggle_rows_f32(&rows[0][0], POINTS, DIM)};
    WG_OK(waggle_import_open(context, &import, &error));
    WG_OK(waggle_import_add(
        import,
        waggle_points_of(.count = POINTS, .id_first = 100, .vectors = &vectors, .vector_count = 1),
        &error));
    WG_OK(waggle_import_commit(import, &error));
    waggle_import_close(import);
}

// Imports 50 new points into "bad", and continues on a disk as it is while only the log has them.
static void import_into_log(fixture *f, char *path, size_t capacity)
{
    waggle_error error;
    wg_thread thread = {0};
    for (uint64_t i = 0; i < 15; i++)
        put(f->good, 100000, 3);       // so that the writes before are in another file of the log
    wg_mutex_lock(&f->database->care); // which takes them into the manifest
    WG_OK(wg_thread_start(&thread, "import", import_run, f->bad, &error));
    while (count(f->bad) < 198)
        continue;
    delete_one(f->bad, 101);
    wg_state *state = wg_state_acquire(f->bad);
    snprintf(path, capacity, "db/seg/1-%llu.wseg",
             (unsigned long long)state->sealed[1].sealed->entry.file);
    wg_state_release(state);
    wg_vfs *disk = sim_disk_copy(f->disk);
    wg_mutex_unlock(&f->database->care);
    wg_thread_join(&thread);
    end(f);
    f->disk = disk;
}

// An import behind the damage is no leftover, and one that is damaged itself is as bad as a part.
WG_TEST(an_import_that_is_in_the_log_only_is_kept_or_is_the_damage)
{
    for (int of_import = 0; of_import < 2; of_import++) {
        fixture f;
        char path[256];
        begin(&f);
        import_into_log(&f, path, sizeof path);
        uint64_t bit = 8 * 3; // of the header
        if (!of_import) snprintf(path, sizeof path, "db/seg/1-1.wseg");
        sim_disk_flip(f.disk, path, bit);
        open_database(&f);
        check_aside(&f, "bad", path);
        use(&f, 1000);
        reopen(&f);
        check_aside(&f, "bad", path);
        close_database(&f);
        sim_disk_flip(f.disk, path, bit);
        open_database(&f);
        if (f.damaged > 0) fail_msg("%s", f.line);
        open_both(&f);
        WG_CHECK_U64(count(f.bad), 197);
        check_point(f.bad, 100, 0, "");
        check_point(f.bad, 99, 2, "");
        check_point(f.bad, 3, 1, "{\"new\":1}");
        end(&f);
    }
}

// ---- Care ----------------------------------------------------------------------------------------

WG_TEST(a_log_that_is_held_does_not_keep_care_busy)
{
    fixture f;
    waggle_error error;
    char path[256];
    begin(&f);
    close_database(&f);
    damage_do(&f, FOOTER, path, sizeof path);
    f.log_size_max = 1u << 20;
    f.threads = true;
    open_database(&f);
    WG_OK(waggle_collection_open(f.database, "good", &f.good, &error));
    for (uint64_t i = 0; i < 60; i++)
        put(f.good, 1000 + i * POINTS, 3);
    round_of_care(&f);
    waggle_statistics s = {.struct_size = sizeof s};
    WG_OK(waggle_statistics_get(f.database, &s, &error));
    WG_CHECK(s.bytes_log > 4u << 20);
    WG_CHECK(s.seals < 20);
    // A round that was wanted would wait for this lock, and the next wish for the round.
    wait_for_care(&f);
    wg_mutex_lock(&f.database->care);
    for (uint64_t i = 0; i < 3; i++)
        put(f.good, 1000, 4);
    wg_mutex_lock(&f.database->wake_lock);
    bool wanted = f.database->care_wanted;
    wg_mutex_unlock(&f.database->wake_lock);
    wg_mutex_unlock(&f.database->care);
    WG_CHECK(!wanted);
    // Without the damaged collection the limit is kept again.
    WG_OK(waggle_collection_drop(f.database, "bad", &error));
    round_of_care(&f);
    WG_CHECK(!atomic_load(&f.database->log_held));
    for (uint64_t i = 0; i < 30; i++)
        put(f.good, 1000 + i * POINTS, 3);
    round_of_care(&f);
    WG_CHECK(wg_log_used(f.database->log) <= 3u << 20);
    end(&f);
}

// Vectors are read when they are needed: by merging, long after the collection was opened.
WG_TEST(vectors_that_cannot_be_merged_do_not_keep_others_from_it)
{
    fixture f;
    waggle_error error;
    char path[256];
    uint64_t size = 0;
    begin(&f);
    close_database(&f);
    WG_CHECK(file_find(&f, ".wseg", path, sizeof path, &size));
    sim_disk_flip(f.disk, path, 4 * size); // in the middle
    open_database(&f);
    open_both(&f);
    for (uint64_t i = 0; i < 10; i++) {
        put(f.bad, 1000 + i, 3);
        put(f.good, 1000 + i, 3);
        seal(&f, f.bad);
        seal(&f, f.good);
    }
    round_of_care(&f);
    WG_CHECK(f.bad->current->sealed_count > 10);
    WG_CHECK(f.good->current->sealed_count < 5);
    round_of_care(&f);
    WG_CHECK_U64(f.not_merged, 1);
    WG_CHECK(strstr(f.line, path) != NULL);
    WG_FAILS_WITH(WAGGLE_CORRUPT, path, waggle_compact(f.bad, &error));
    end(&f);
}
