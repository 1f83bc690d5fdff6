// Snapshots: what they hold, that they stay as they were, damage of theirs, and crashes while they are made or restored.
#include "engine/engine.h"
#include "engine/snapshot.h"
#include "support/sim_disk.h"

#define DIM 4u

typedef struct fixture {
    wg_vfs *disk;
    waggle_database *database;
    char log[512]; // the last error line
} fixture;

static void log_line(void *context, waggle_log_level level, const char *line)
{
    fixture *f = context;
    if (level == WAGGLE_LOG_ERROR) snprintf(f->log, sizeof f->log, "%s", line);
}

static uint64_t clock_ns(void *context)
{
    (void)context;
    return wg_now_ns();
}

static uint64_t clock_ms(void *context)
{
    (void)context;
    return 1795176185123; // 2026-11-20 12:03:05 UTC
}

static uint64_t clock_random(void *context)
{
    (void)context;
    return 42;
}

static const wg_clock noon = {clock_ns, clock_ms, clock_random, NULL};

static waggle_status open_at(fixture *f, const char *path, bool read_only, waggle_error *error)
{
    wg_internal internal = {
        .vfs = f->disk, .clock = &noon, .no_threads = true, .log_file_size = 256u << 10};
    return wg_database_open(
        path, waggle_open_options(.read_only = read_only, .log = log_line, .log_context = f),
        &internal, &f->database, error);
}

static void close_database(fixture *f)
{
    waggle_error error;
    WG_OK(waggle_close(f->database, &error));
    f->database = NULL;
}

static void reopen(fixture *f, bool read_only)
{
    waggle_error error;
    close_database(f);
    WG_OK(open_at(f, "db", read_only, &error));
}

static waggle_collection *collection_of(fixture *f, const char *name)
{
    waggle_error error;
    waggle_collection *collection = NULL;
    WG_OK(waggle_collection_open(f->database, name, &collection, &error));
    return collection;
}

// Points first .. first + count - 1, whose vectors and payloads tell their number and the edition.
static waggle_status put(fixture *f, const char *name, uint64_t first, uint32_t count,
                         uint32_t edition, waggle_error *error)
{
    waggle_collection *collection = NULL;
    float rows[64][DIM] = {0};
    char text[64][64];
    waggle_text payloads[64];
    waggle_vectors vectors = {.rows = waggle_rows_f32(rows[0], count, DIM)};
    waggle_status status = waggle_collection_open(f->database, name, &collection, error);
    if (status != WAGGLE_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        float row[DIM] = {(float)(first + i), (float)edition, 1, 0};
        memcpy(rows[i], row, sizeof row);
        snprintf(text[i], sizeof text[i], "{\"n\":%u,\"edition\":%u}", (unsigned)(first + i),
                 edition);
        payloads[i] = (waggle_text){text[i], strlen(text[i])};
    }
    status = waggle_upsert(collection,
                           waggle_points_of(.count = count, .id_first = first, .vectors = &vectors,
                                            .vector_count = 1, .payloads = payloads),
                           NULL, error);
    waggle_collection_close(collection);
    return status;
}

static void delete_one(fixture *f, const char *name, uint64_t number)
{
    waggle_error error;
    waggle_collection *collection = collection_of(f, name);
    waggle_id id = waggle_id_number(number);
    WG_OK(waggle_delete(collection, &id, 1, NULL, NULL, &error));
    waggle_collection_close(collection);
}

static void describe_one(fixture *f, const char *name, uint64_t number)
{
    waggle_error error;
    waggle_collection *collection = collection_of(f, name);
    waggle_id id = waggle_id_number(number);
    waggle_text payload = {"{\"overlaid\":1}", 14};
    WG_OK(waggle_payload_set(collection, &id, &payload, 1, NULL, NULL, &error));
    waggle_collection_close(collection);
}

// A digest of all points: ids, versions, payloads, vectors.
static uint64_t digest(fixture *f, const char *name)
{
    waggle_error error;
    waggle_collection *collection = collection_of(f, name);
    waggle_cursor *cursor = NULL;
    const waggle_record *record = NULL;
    uint64_t hash = 1;
    WG_OK(
        waggle_cursor_open(collection, waggle_read_options(.with_vectors = true), &cursor, &error));
    for (;;) {
        WG_OK(waggle_cursor_next(cursor, &record, &error));
        if (record == NULL) break;
        hash = wg_hash64(hash ^ record->id.value.number);
        hash = wg_hash64(hash ^ record->version);
        if (record->payload.data != NULL)
            hash = wg_hash64(hash ^ wg_hash(record->payload.data, record->payload.size));
        hash = wg_hash64(hash ^ wg_hash(record->vectors[0].data, DIM * sizeof(float)));
    }
    waggle_cursor_close(cursor);
    waggle_collection_close(collection);
    return hash;
}

static uint64_t count(fixture *f, const char *name)
{
    waggle_error error;
    uint64_t points = 0;
    waggle_collection *collection = collection_of(f, name);
    WG_OK(waggle_count(collection, &points, &error));
    waggle_collection_close(collection);
    return points;
}

static void found(void *context, const char *file, const char *finding)
{
    (void)context;
    fail_msg("%s: %s", file, finding);
}

static void check_sound(fixture *f)
{
    waggle_error error;
    WG_OK(waggle_verify(f->database, found, NULL, NULL, &error));
}

// "films" with a sealed part, deletes, an overlay and a head, and "books".
static void begin(fixture *f)
{
    waggle_error error;
    *f = (fixture){.disk = sim_disk_create(1)};
    WG_OK(open_at(f, "db", false, &error));
    WG_OK(waggle_collection_create_simple(f->database, "films", DIM, WAGGLE_L2, WAGGLE_F32, NULL,
                                          &error));
    WG_OK(waggle_collection_create_simple(f->database, "books", DIM, WAGGLE_L2, WAGGLE_F32, NULL,
                                          &error));
    WG_OK(put(f, "films", 0, 40, 1, &error));
    WG_OK(put(f, "books", 0, 5, 1, &error));
    WG_OK(wg_checkpoint(f->database, &error)); // both in one file
    delete_one(f, "films", 3);
    describe_one(f, "films", 4);
    WG_OK(put(f, "films", 35, 10, 2, &error));
}

static void end(fixture *f)
{
    check_sound(f);
    close_database(f);
    sim_disk_destroy(f->disk);
}

static uint64_t listed(fixture *f)
{
    waggle_error error;
    waggle_snapshot_list *list = NULL;
    WG_OK(waggle_snapshot_list_create(f->database, &list, &error));
    uint64_t snapshots = waggle_snapshot_list_count(list);
    waggle_snapshot_list_destroy(list);
    return snapshots;
}

static waggle_status create(fixture *f, const char *collection, const char *name,
                            waggle_error *error)
{
    return waggle_snapshot_create(f->database, collection, name, NULL, error);
}

static waggle_status restore(fixture *f, const char *snapshot, const char *collection,
                             const char *name, waggle_error *error)
{
    return waggle_snapshot_restore(f->database, snapshot, collection, name, error);
}

// ---- What a snapshot holds -----------------------------------------------------------------------

WG_TEST(a_restored_collection_is_what_it_was)
{
    fixture f;
    waggle_error error;
    waggle_snapshot_list *list = NULL;
    begin(&f);
    uint64_t before = digest(&f, "films");
    WG_OK(waggle_snapshot_create(f.database, "films", "s1", &list, &error));
    WG_CHECK_U64(waggle_snapshot_list_count(list), 1);
    const waggle_snapshot_info *info = waggle_snapshot_list_at(list, 0);
    WG_CHECK_TEXT(info->name, "s1");
    WG_CHECK_TEXT(info->collection, "films");
    WG_CHECK_U64(info->created_s, 1795176185);
    WG_CHECK(info->bytes > 40 * DIM * 4);
    WG_CHECK(info->sequence > 0);
    waggle_snapshot_list_destroy(list);
    // Whatever happens to the collection, the snapshot stays.
    WG_OK(put(&f, "films", 0, 60, 3, &error));
    delete_one(&f, "films", 30);
    waggle_collection *films = collection_of(&f, "films");
    WG_OK(waggle_compact(films, &error));
    waggle_collection_close(films);
    WG_OK(restore(&f, "s1", NULL, "old films", &error));
    WG_CHECK_U64(digest(&f, "old films"), before);
    WG_CHECK_U64(count(&f, "films"), 59);
    check_sound(&f);
    reopen(&f, false);
    WG_CHECK_U64(digest(&f, "old films"), before);
    WG_OK(waggle_collection_drop(f.database, "films", &error));
    WG_OK(restore(&f, "s1", "films", NULL, &error));
    WG_CHECK_U64(digest(&f, "films"), before);
    reopen(&f, false);
    WG_CHECK_U64(digest(&f, "films"), before);
    films = collection_of(&f, "films");
    WG_OK(waggle_compact(films, &error)); // with its overlay, whose versions are old
    waggle_collection_close(films);
    WG_CHECK_U64(digest(&f, "films"), before);
    WG_CHECK_U64(digest(&f, "old films"), before);
    end(&f);
}

WG_TEST(a_restored_collection_takes_writes_that_survive_a_restart)
{
    fixture f;
    waggle_error error;
    begin(&f);
    WG_OK(create(&f, "films", "s", &error));
    WG_OK(restore(&f, "s", NULL, "copy", &error));
    WG_OK(put(&f, "copy", 10, 50, 4, &error));
    delete_one(&f, "copy", 0);
    describe_one(&f, "copy", 1);
    uint64_t before = digest(&f, "copy");
    WG_CHECK_U64(count(&f, "copy"), 58); // 0..59 less 3 and 0
    reopen(&f, false);                   // replays them
    WG_CHECK_U64(digest(&f, "copy"), before);
    waggle_collection *copy = collection_of(&f, "copy");
    WG_OK(waggle_compact(copy, &error));
    waggle_collection_close(copy);
    WG_CHECK_U64(digest(&f, "copy"), before);
    // Later collections have later ids.
    WG_OK(waggle_collection_create_simple(f.database, "new", DIM, WAGGLE_L2, WAGGLE_F32, NULL,
                                          &error));
    WG_OK(put(&f, "new", 0, 3, 1, &error));
    reopen(&f, false);
    WG_CHECK_U64(digest(&f, "copy"), before);
    WG_CHECK_U64(count(&f, "new"), 3);
    end(&f);
}

WG_TEST(an_empty_collection_can_be_restored)
{
    fixture f;
    waggle_error error;
    begin(&f);
    WG_OK(waggle_collection_create_simple(f.database, "empty", DIM, WAGGLE_L2, WAGGLE_F32, NULL,
                                          &error));
    WG_OK(create(&f, "empty", "s", &error));
    WG_OK(restore(&f, "s", NULL, "also", &error));
    WG_OK(put(&f, "also", 0, 3, 1, &error));
    reopen(&f, false);
    WG_CHECK_U64(count(&f, "empty"), 0);
    WG_CHECK_U64(count(&f, "also"), 3);
    end(&f);
}

WG_TEST(one_collection_of_a_snapshot_of_all_is_chosen_by_its_name)
{
    fixture f;
    waggle_error error;
    waggle_snapshot_list *list = NULL;
    begin(&f);
    uint64_t books = digest(&f, "books");
    WG_OK(waggle_snapshot_create(f.database, NULL, NULL, &list, &error));
    const waggle_snapshot_info *info = waggle_snapshot_list_at(list, 0);
    WG_CHECK(info->collection == NULL);
    WG_CHECK_TEXT(info->name, "20261120T120305Z");
    WG_FAILS_WITH(WAGGLE_INVALID, "2 collections", restore(&f, info->name, NULL, "b", &error));
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "songs", restore(&f, info->name, "songs", "b", &error));
    WG_FAILS_WITH(WAGGLE_EXISTS, "books", restore(&f, info->name, "books", NULL, &error));
    WG_FAILS(WAGGLE_INVALID, restore(&f, info->name, "books", "a/b", &error));
    WG_OK(restore(&f, info->name, "books", "b", &error));
    WG_CHECK_U64(digest(&f, "b"), books);
    waggle_snapshot_list_destroy(list);
    end(&f);
}

WG_TEST(files_are_copied_where_links_do_not_work)
{
    fixture f;
    waggle_error error;
    begin(&f);
    uint64_t before = digest(&f, "films");
    sim_disk_fail(f.disk, SIM_LINK, 1, WAGGLE_IO, true, false);
    WG_OK(create(&f, "films", "s", &error));
    WG_OK(restore(&f, "s", NULL, "copy", &error));
    WG_CHECK(sim_disk_failed(f.disk) >= 4);
    sim_disk_fail(f.disk, SIM_LINK, 0, WAGGLE_OK, false, false);
    WG_CHECK_U64(digest(&f, "copy"), before);
    end(&f);
}

// ---- Names, listing, deleting --------------------------------------------------------------------

WG_TEST(names_are_checked_and_made_from_the_time)
{
    static const char *const bad[] = {"", ".x", "a/b", "..", "a b", "x.tmp", "\xc3\xa4"};
    fixture f;
    waggle_error error;
    waggle_snapshot_list *list = NULL;
    begin(&f);
    for (size_t i = 0; i < WG_COUNT(bad); i++) {
        WG_FAILS(WAGGLE_INVALID, create(&f, NULL, bad[i], &error));
        WG_FAILS(WAGGLE_INVALID, waggle_snapshot_delete(f.database, bad[i], &error));
        WG_FAILS(WAGGLE_INVALID, restore(&f, bad[i], NULL, NULL, &error));
    }
    char longest[WG_SNAPSHOT_NAME_SIZE_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[WG_SNAPSHOT_NAME_SIZE_MAX + 1] = 0;
    WG_FAILS(WAGGLE_INVALID, create(&f, NULL, longest, &error));
    longest[WG_SNAPSHOT_NAME_SIZE_MAX] = 0;
    WG_OK(create(&f, NULL, longest, &error));
    WG_OK(create(&f, NULL, "b", &error));
    WG_FAILS_WITH(WAGGLE_EXISTS, "\"b\"", create(&f, "films", "b", &error));
    WG_OK(create(&f, NULL, NULL, &error));
    WG_OK(create(&f, NULL, NULL, &error));
    WG_FAILS(WAGGLE_NOT_FOUND, create(&f, "songs", NULL, &error));
    WG_OK(waggle_snapshot_list_create(f.database, &list, &error));
    WG_CHECK_U64(waggle_snapshot_list_count(list), 4);
    WG_CHECK_TEXT(waggle_snapshot_list_at(list, 0)->name, "20261120T120305Z");
    WG_CHECK_TEXT(waggle_snapshot_list_at(list, 1)->name, "20261120T120305Z-2");
    WG_CHECK_TEXT(waggle_snapshot_list_at(list, 2)->name, longest);
    WG_CHECK_TEXT(waggle_snapshot_list_at(list, 3)->name, "b");
    waggle_snapshot_list_destroy(list);
    waggle_snapshot_list_destroy(NULL);
    end(&f);
}

WG_TEST(a_deleted_snapshot_is_gone_with_its_files)
{
    fixture f;
    waggle_error error;
    begin(&f);
    WG_CHECK_U64(listed(&f), 0); // no folder yet
    WG_OK(create(&f, NULL, "a", &error));
    size_t files = sim_disk_files(f.disk);
    WG_OK(create(&f, NULL, "b", &error));
    WG_OK(waggle_snapshot_delete(f.database, "b", &error));
    WG_CHECK_U64(sim_disk_files(f.disk), files);
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "\"b\"", waggle_snapshot_delete(f.database, "b", &error));
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "\"b\"", restore(&f, "b", NULL, "x", &error));
    WG_CHECK_U64(listed(&f), 1);
    WG_OK(restore(&f, "a", "films", "x", &error));
    end(&f);
}

WG_TEST(what_a_crash_left_is_removed_with_the_next_snapshot)
{
    fixture f;
    waggle_error error;
    wg_file *file = NULL;
    begin(&f);
    WG_OK(create(&f, NULL, "a", &error));
    for (uint32_t i = 0; i < 2; i++) {
        WG_OK(wg_vfs_make_dir(f.disk, "db/snapshots/a.tmp", &error));
        WG_OK(wg_vfs_make_dir(f.disk, "db/snapshots/a.tmp/seg", &error));
        WG_OK(wg_file_open(f.disk, "db/snapshots/a.tmp/seg/1-1.wseg", WG_OPEN_NEW, &file, &error));
        wg_file_close(file);
        WG_CHECK_U64(listed(&f), 1);
        if (i == 0) WG_OK(create(&f, NULL, "b", &error));
        if (i == 1) WG_OK(waggle_snapshot_delete(f.database, "a", &error));
        WG_CHECK(!wg_snapshot_folder_exists(f.disk, "db/snapshots/a.tmp"));
        if (i == 0) WG_OK(waggle_snapshot_delete(f.database, "b", &error));
    }
    WG_CHECK_U64(listed(&f), 0);
    end(&f);
}

WG_TEST(databases_in_memory_or_read_only_make_no_snapshots)
{
    fixture f;
    waggle_error error;
    waggle_database *memory = NULL;
    waggle_snapshot_list *list = NULL;
    wg_internal internal = {.no_threads = true};
    WG_OK(wg_database_open(NULL, NULL, &internal, &memory, &error));
    WG_FAILS_WITH(WAGGLE_UNSUPPORTED, "in memory",
                  waggle_snapshot_create(memory, NULL, NULL, NULL, &error));
    WG_FAILS(WAGGLE_UNSUPPORTED, waggle_snapshot_list_create(memory, &list, &error));
    WG_FAILS(WAGGLE_UNSUPPORTED, waggle_snapshot_delete(memory, "a", &error));
    WG_FAILS(WAGGLE_UNSUPPORTED, waggle_snapshot_restore(memory, "a", NULL, NULL, &error));
    WG_OK(waggle_close(memory, &error));
    begin(&f);
    WG_OK(create(&f, NULL, "a", &error));
    reopen(&f, true);
    WG_CHECK_U64(listed(&f), 1);
    WG_FAILS(WAGGLE_READ_ONLY, create(&f, NULL, "b", &error));
    WG_FAILS(WAGGLE_READ_ONLY, waggle_snapshot_delete(f.database, "a", &error));
    WG_FAILS(WAGGLE_READ_ONLY, restore(&f, "a", "films", "x", &error));
    end(&f);
}

// ---- Damage --------------------------------------------------------------------------------------

static bool within(const char *path, const char *folder)
{
    return strncmp(path, folder, strlen(folder)) == 0;
}

WG_TEST(a_damaged_snapshot_is_not_restored)
{
    fixture f;
    waggle_error error;
    uint32_t damaged = 0;
    begin(&f);
    WG_OK(create(&f, "films", "s", &error));
    WG_OK(waggle_collection_drop(f.database, "films", &error)); // links would damage it, too
    size_t files = sim_disk_files(f.disk);
    for (size_t i = 0; i < files; i++) {
        uint64_t size = 0;
        char path[256];
        snprintf(path, sizeof path, "%s", sim_disk_file(f.disk, i, &size));
        if (!within(path, "/db/snapshots/s/")) continue;
        test_random random = {i};
        damaged++;
        for (uint64_t round = 0; round < test_rounds(8, 100); round++) {
            // Behind the comma before the checksum, SNAPSHOT has some bytes of form only.
            bool index = strstr(path, "SNAPSHOT") != NULL;
            uint64_t bit = test_below(&random, (index ? size - 32 : size) * 8);
            sim_disk_flip(f.disk, path, bit);
            WG_FAILS(WAGGLE_CORRUPT, restore(&f, "s", NULL, "films", &error));
            WG_FAILS(WAGGLE_NOT_FOUND, waggle_collection_drop(f.database, "films", &error));
            WG_FAILS(WAGGLE_CORRUPT,
                     wg_snapshot_restore_database(f.disk, "db/snapshots/s", "other", &error));
            WG_CHECK_U64(sim_disk_files(f.disk), files); // nothing is left behind
            sim_disk_flip(f.disk, path, bit);
        }
    }
    WG_CHECK_U64(damaged, 6); // SNAPSHOT MANIFEST, two segments, deletes, overlay
    WG_OK(restore(&f, "s", NULL, "films", &error));
    end(&f);
}

WG_TEST(a_snapshot_that_lacks_a_file_is_not_restored)
{
    fixture f;
    waggle_error error;
    begin(&f);
    WG_OK(create(&f, "films", "s", &error));
    WG_OK(create(&f, "films", "good", &error));
    size_t i = 0;
    uint64_t size = 0;
    WG_CHECK(sim_disk_files(f.disk) > 0);
    while (!within(sim_disk_file(f.disk, i, &size), "/db/snapshots/s/seg/"))
        i++;
    char path[256];
    snprintf(path, sizeof path, "%s", sim_disk_file(f.disk, i, &size));
    WG_OK(wg_vfs_unlink(f.disk, path, &error));
    WG_FAILS(WAGGLE_CORRUPT, restore(&f, "s", NULL, "x", &error));
    WG_FAILS(WAGGLE_CORRUPT, wg_snapshot_restore_database(f.disk, "db/snapshots/s", "x", &error));
    WG_OK(wg_vfs_unlink(f.disk, "db/snapshots/s/SNAPSHOT", &error));
    WG_FAILS(WAGGLE_NOT_FOUND, restore(&f, "s", NULL, "x", &error));
    f.log[0] = 0;
    WG_CHECK_U64(listed(&f), 1);
    WG_CHECK(strstr(f.log, "snapshot_damaged name=s") != NULL);
    WG_OK(waggle_snapshot_delete(f.database, "s", &error));
    WG_OK(restore(&f, "good", NULL, "x", &error));
    end(&f);
}

static void index_put(const fixture *f, const char *text)
{
    waggle_error error;
    wg_file *file = NULL;
    (void)wg_vfs_unlink(f->disk, "db/snapshots/s/SNAPSHOT", NULL);
    WG_OK(wg_file_open(f->disk, "db/snapshots/s/SNAPSHOT", WG_OPEN_NEW, &file, &error));
    WG_OK(wg_file_write(file, 0, text, strlen(text), &error));
    wg_file_close(file);
}

// With a checksum that matches: the contents are wrong.
WG_TEST(a_list_of_files_is_read_with_suspicion)
{
    static const struct {
        const char *text;
        waggle_status status;
    } cases[] = {
        {"{\"format\":2,\"name\":\"s\",\"files\":[]",                           WAGGLE_FORMAT_VERSION},
        {"{\"name\":\"s\",\"files\":[]",                                        WAGGLE_CORRUPT       },
        {"{\"format\":1,\"files\":[]",                                          WAGGLE_CORRUPT       },
        {"{\"format\":1,\"name\":7",                                            WAGGLE_CORRUPT       },
        {"{\"format\":-1,\"name\":\"s\"",                                       WAGGLE_CORRUPT       },
        {"{\"format\":1,\"name\":\"s\\u0000t\"",                                WAGGLE_CORRUPT       },
        {"{\"format\":1,\"name\":\"s\",\"files\":{}",                           WAGGLE_CORRUPT       },
        {"{\"format\":1,\"name\":\"s\",\"files\":[1]",                          WAGGLE_CORRUPT       },
        {"{\"format\":1,\"name\":\"s\",\"files\":[{}]",                         WAGGLE_CORRUPT       },
        {"{\"format\":1,\"name\":\"s\",\"files\":[{\"name\":\"../MANIFEST\"}]", WAGGLE_CORRUPT       },
        {"{\"format\":1,\"name\":\"s\",\"files\":[{\"name\":\"seg/../x\"}]",    WAGGLE_CORRUPT       },
        {"{\"format\":1,\"name\":\"s\",\"files\":[{\"sha256\":\"00\"}]",        WAGGLE_CORRUPT       },
        {"{\"format\":1,\"name\":\"s\",\"files\":[]",                           WAGGLE_CORRUPT       },
        {"[1",                                                                  WAGGLE_CORRUPT       },
    };

    fixture f;
    waggle_error error;
    char text[512];
    begin(&f);
    WG_OK(create(&f, "films", "s", &error));
    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        snprintf(text, sizeof text, "%s,\"crc32c\":%u%s", cases[i].text,
                 wg_crc32c(0, cases[i].text, strlen(cases[i].text)),
                 i + 1 < WG_COUNT(cases) ? "}" : "]");
        index_put(&f, text);
        waggle_status status = restore(&f, "s", NULL, "x", &error);
        if (status != cases[i].status)
            fail_msg("case %zu: %s: %s", i, waggle_status_name(status), error.message);
    }
    index_put(&f, "");
    WG_FAILS(WAGGLE_CORRUPT, restore(&f, "s", NULL, "x", &error));
    index_put(&f, "{\"a\":1,\"crc32c\":99999999999999999999999}");
    WG_FAILS(WAGGLE_CORRUPT, restore(&f, "s", NULL, "x", &error));
    end(&f);
}

// ---- Another database ----------------------------------------------------------------------------

WG_TEST(a_snapshot_becomes_a_database_that_goes_on)
{
    fixture f;
    waggle_error error;
    waggle_collection *films = NULL;
    begin(&f);
    uint64_t before = digest(&f, "films");
    uint64_t books = digest(&f, "books");
    WG_OK(create(&f, NULL, "all", &error));
    WG_FAILS(WAGGLE_NOT_FOUND,
             wg_snapshot_restore_database(f.disk, "db/snapshots/none", "new", &error));
    WG_FAILS_WITH(WAGGLE_EXISTS, "not empty",
                  wg_snapshot_restore_database(f.disk, "db/snapshots/all", "db", &error));
    WG_OK(wg_vfs_make_dir(f.disk, "new", &error)); // empty: taken
    WG_OK(wg_snapshot_restore_database(f.disk, "db/snapshots/all", "new//", &error));
    close_database(&f);
    sim_disk_crash(f.disk, 5); // it was all synced
    WG_OK(open_at(&f, "new", false, &error));
    check_sound(&f);
    WG_CHECK_U64(digest(&f, "films"), before);
    WG_CHECK_U64(digest(&f, "books"), books);
    uint64_t sequence = 0;
    float row[DIM] = {1, 2, 3, 4};
    waggle_vectors vectors = {.rows = waggle_rows_f32(row, 1, DIM)};
    films = collection_of(&f, "films");
    uint64_t last = wg_log_state_get(f.database->log).last;
    WG_OK(waggle_upsert(
        films,
        waggle_points_of(.count = 1, .id_first = 900, .vectors = &vectors, .vector_count = 1),
        &sequence, &error));
    WG_CHECK_U64(sequence, last + 1);
    WG_CHECK(sequence > films->applied); // or its replay would be left out
    waggle_collection_close(films);
    before = digest(&f, "films");
    close_database(&f);
    WG_OK(open_at(&f, "new", false, &error));
    WG_CHECK_U64(digest(&f, "films"), before);
    end(&f);
}

WG_TEST(a_real_folder_is_restored_from_a_real_folder)
{
    char folder[WG_PATH_SIZE_MAX];
    char source[WG_PATH_SIZE_MAX + 32];
    char target[WG_PATH_SIZE_MAX + 32];
    fixture f = {.disk = wg_vfs_posix()};
    waggle_error error;
    test_folder(folder, sizeof folder);
    snprintf(source, sizeof source, "%s/a", folder);
    snprintf(target, sizeof target, "%s/b/", folder);
    WG_OK(open_at(&f, source, false, &error));
    WG_OK(waggle_collection_create_simple(f.database, "films", DIM, WAGGLE_L2, WAGGLE_F32, NULL,
                                          &error));
    WG_OK(put(&f, "films", 0, 40, 1, &error));
    WG_OK(create(&f, NULL, "s", &error));
    WG_OK(restore(&f, "s", NULL, "again", &error));
    WG_CHECK_U64(digest(&f, "again"), digest(&f, "films"));
    uint64_t before = digest(&f, "films");
    check_sound(&f);
    close_database(&f);
    snprintf(source, sizeof source, "%s/a/snapshots/s", folder);
    WG_OK(waggle_snapshot_restore_database(source, target, &error));
    WG_OK(open_at(&f, target, false, &error));
    WG_CHECK_U64(digest(&f, "films"), before);
    check_sound(&f);
    WG_FAILS(WAGGLE_EXISTS, waggle_snapshot_restore_database(source, target, &error));
    WG_FAILS(WAGGLE_INVALID, waggle_snapshot_restore_database(source, "", &error));
    WG_FAILS(WAGGLE_INVALID, waggle_snapshot_restore_database(NULL, target, &error));
    close_database(&f);
}

// Numbers of writes that this database has not given yet would come again.
WG_TEST(a_collection_of_a_database_that_is_ahead_is_refused)
{
    fixture f;
    waggle_error error;
    begin(&f);
    for (uint32_t i = 0; i < 20; i++)
        WG_OK(put(&f, "films", i, 1, 9, &error));
    WG_OK(create(&f, "films", "s", &error));
    close_database(&f);
    WG_OK(open_at(&f, "young", false, &error));
    WG_OK(
        waggle_collection_create_simple(f.database, "c", DIM, WAGGLE_L2, WAGGLE_F32, NULL, &error));
    WG_OK(wg_vfs_make_dir(f.disk, "young/snapshots", &error));
    WG_OK(wg_vfs_rename(f.disk, "db/snapshots/s", "young/snapshots/s", &error));
    WG_FAILS_WITH(WAGGLE_UNSUPPORTED, "another database", restore(&f, "s", NULL, NULL, &error));
    for (uint32_t i = 0; i < 40; i++)
        WG_OK(put(&f, "c", i, 1, 9, &error));
    WG_OK(restore(&f, "s", NULL, NULL, &error)); // now it has given them
    WG_CHECK_U64(count(&f, "films"), 45);
    end(&f);
}

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
    for (uint64_t i = 0; i < test_rounds(10, 200); i++) {
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
        bool there = wg_snapshot_folder_exists(g.disk, "new");
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
