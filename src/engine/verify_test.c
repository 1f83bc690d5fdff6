// Verifying: a sound database has no findings, and whatever is damaged is found, named, and does not end the rest.
#include "engine/engine.h"
#include "support/sim_disk.h"

#define DIM 8u
#define POINTS 200u // of each of the parts

typedef struct fixture {
    wg_vfs *disk;
    waggle_database *database;
    waggle_collection *collection;
} fixture;

typedef struct findings {
    uint64_t count;
    char file[4][128];
    char text[4][256];
} findings;

static void found(void *context, const char *file, const char *finding)
{
    findings *f = context;
    if (f->count < 4) {
        snprintf(f->file[f->count], sizeof f->file[0], "%s", file);
        snprintf(f->text[f->count], sizeof f->text[0], "%s", finding);
    }
    f->count++;
}

static void open_database(fixture *f, bool read_only, bool threads)
{
    waggle_error error;
    wg_internal internal = {.vfs = f->disk, .no_threads = !threads, .log_file_size = 1u << 20};
    WG_OK(wg_database_open("db", waggle_open_options(.read_only = read_only), &internal,
                           &f->database, &error));
}

static void close_database(fixture *f)
{
    waggle_error error;
    waggle_collection_close(f->collection);
    f->collection = NULL;
    WG_OK(waggle_close(f->database, &error));
    f->database = NULL;
}

// Points [first, first + count), every third with a string as its id, every second with a payload.
static void put(fixture *f, uint64_t first, uint32_t count)
{
    waggle_error error;
    static waggle_id ids[POINTS];
    static char names[POINTS][32];
    static float rows[POINTS][DIM];
    static waggle_text payloads[POINTS];
    waggle_vectors vectors = {.rows = waggle_rows_f32(rows[0], count, DIM)};
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = first + count - i; // not in order
        snprintf(names[i], sizeof names[i], "{\"n\":%llu}", (unsigned long long)number);
        ids[i] = number % 3 == 0 ? waggle_id_string(names[i]) : waggle_id_number(number);
        for (uint32_t j = 0; j < DIM; j++)
            rows[i][j] = (float)(number + j);
        payloads[i] = (waggle_text){number % 2 == 0 ? names[i] : NULL,
                                    number % 2 == 0 ? strlen(names[i]) : 0};
    }
    WG_OK(waggle_upsert(f->collection,
                        waggle_points_of(.count = count, .ids = ids, .vectors = &vectors,
                                         .vector_count = 1, .payloads = payloads),
                        NULL, &error));
}

static void delete_one(fixture *f, uint64_t number)
{
    waggle_error error;
    waggle_id id = waggle_id_number(number);
    uint64_t deleted = 0;
    WG_OK(waggle_delete(f->collection, &id, 1, &deleted, NULL, &error));
    WG_CHECK_U64(deleted, 1);
}

static void describe_one(fixture *f, uint64_t number)
{
    waggle_error error;
    waggle_id id = waggle_id_number(number);
    waggle_text payload = {"{\"new\":true}", 12};
    uint64_t changed = 0;
    WG_OK(waggle_payload_set(f->collection, &id, &payload, 1, &changed, NULL, &error));
    WG_CHECK_U64(changed, 1);
}

static void checkpoint(fixture *f)
{
    waggle_error error;
    WG_OK(wg_checkpoint(f->database, &error));
}

// Two sealed parts, of which one has deletes and an overlay, and a head.
static void begin(fixture *f)
{
    waggle_error error;
    *f = (fixture){.disk = sim_disk_create(1)};
    open_database(f, false, false);
    WG_OK(waggle_collection_create_simple(f->database, "c", DIM, WAGGLE_COSINE, WAGGLE_F32,
                                          &f->collection, &error));
    put(f, 1000, POINTS);
    checkpoint(f);
    put(f, 2000, POINTS);
    delete_one(f, 1001);
    describe_one(f, 1003 + 1);
    checkpoint(f);
    put(f, 2100, POINTS / 2); // some replace sealed ones
    delete_one(f, 2002);
}

static void end(fixture *f)
{
    close_database(f);
    sim_disk_destroy(f->disk);
}

static waggle_status verify(fixture *f, findings *all, waggle_verify_report *report)
{
    waggle_error error;
    *all = (findings){0};
    return waggle_verify(f->database, found, all, report, &error);
}

static void check_sound(fixture *f, waggle_verify_report *report)
{
    findings all;
    waggle_status status = verify(f, &all, report);
    if (all.count > 0) fail_msg("%s: %s", all.file[0], all.text[0]);
    WG_CHECK(status == WAGGLE_OK);
    WG_CHECK_U64(report->findings, 0);
}

// The path of a file of the database whose name ends so.
static const char *file_of(const fixture *f, const char *ending, uint64_t *size)
{
    for (size_t i = 0; i < sim_disk_files(f->disk); i++) {
        const char *path = sim_disk_file(f->disk, i, size);
        size_t length = strlen(path);
        if (length > strlen(ending) && strcmp(path + length - strlen(ending), ending) == 0)
            return path;
    }
    fail_msg("no file ends with %s", ending);
    return NULL;
}

WG_TEST(a_sound_database_has_no_findings)
{
    fixture f;
    waggle_verify_report report;
    uint64_t points = 0;
    waggle_error error;
    begin(&f);
    WG_OK(waggle_count(f.collection, &points, &error));
    check_sound(&f, &report);
    WG_CHECK_U64(report.points, points);
    WG_CHECK_U64(report.unknown, 0);
    WG_CHECK(report.files >= 6); // MANIFEST, two segments, deletes, overlay, log
    WG_CHECK(report.blocks > 2);
    WG_CHECK(report.bytes > POINTS * DIM * 8);
    WG_OK(waggle_verify(f.database, NULL, NULL, NULL, &error));
    close_database(&f);
    open_database(&f, true, false); // read-only, before anything was used
    check_sound(&f, &report);
    WG_CHECK_U64(report.points, points);
    end(&f);
}

WG_TEST(a_database_in_memory_can_be_verified)
{
    fixture f = {0};
    waggle_error error;
    waggle_verify_report report;
    wg_internal internal = {.no_threads = true};
    WG_OK(wg_database_open(NULL, NULL, &internal, &f.database, &error));
    WG_OK(waggle_collection_create_simple(f.database, "c", DIM, WAGGLE_L2, WAGGLE_F32,
                                          &f.collection, &error));
    put(&f, 0, POINTS);
    checkpoint(&f);
    check_sound(&f, &report);
    WG_CHECK_U64(report.points, POINTS);
    close_database(&f);
}

// One bit anywhere in a segment, in deletes or an overlay.
WG_TEST(every_flipped_bit_of_a_segment_is_found)
{
    static const char *const endings[] = {"-1.wseg", ".del", ".pay"};
    fixture f;
    begin(&f);
    for (size_t i = 0; i < WG_COUNT(endings); i++) {
        uint64_t size = 0;
        char path[256];
        snprintf(path, sizeof path, "%s", file_of(&f, endings[i], &size));
        test_random random = {i};
        for (uint64_t round = 0; round < test_rounds(12, 200); round++) {
            findings all;
            waggle_verify_report report;
            uint64_t bit = test_below(&random, size * 8);
            sim_disk_flip(f.disk, path, bit);
            WG_FAILS(WAGGLE_CORRUPT, verify(&f, &all, &report));
            if (all.count == 0 || strstr(path, all.file[0]) == NULL)
                fail_msg("bit %llu of %s: %s: %s", (unsigned long long)bit, path, all.file[0],
                         all.text[0]);
            WG_CHECK_U64(report.findings, all.count);
            sim_disk_flip(f.disk, path, bit);
        }
    }
    waggle_verify_report report;
    check_sound(&f, &report);
    end(&f);
}

WG_TEST(damage_of_the_manifest_and_the_log_is_found)
{
    fixture f;
    findings all;
    waggle_verify_report report;
    uint64_t size = 0;
    char path[256];
    begin(&f);
    snprintf(path, sizeof path, "%s", file_of(&f, "/MANIFEST", &size));
    sim_disk_flip(f.disk, path, 8 * 70);
    WG_FAILS(WAGGLE_CORRUPT, verify(&f, &all, &report));
    WG_CHECK_TEXT(all.file[0], "MANIFEST");
    sim_disk_flip(f.disk, path, 8 * 70);
    snprintf(path, sizeof path, "%s", file_of(&f, ".wlog", &size));
    sim_disk_flip(f.disk, path, 8 * 4200);
    WG_FAILS(WAGGLE_CORRUPT, verify(&f, &all, &report));
    WG_CHECK(strncmp(all.file[0], "log/", 4) == 0);
    sim_disk_flip(f.disk, path, 8 * 4200);
    check_sound(&f, &report);
    end(&f);
}

WG_TEST(verifying_goes_on_after_a_finding)
{
    fixture f;
    findings all;
    waggle_error error;
    waggle_verify_report report;
    uint64_t size = 0;
    char path[256];
    begin(&f);
    snprintf(path, sizeof path, "%s", file_of(&f, "-1.wseg", &size));
    sim_disk_flip(f.disk, path, 4 * size);
    snprintf(path, sizeof path, "%s", file_of(&f, ".pay", &size));
    WG_OK(wg_vfs_unlink(f.disk, path, &error));
    WG_FAILS(WAGGLE_CORRUPT, verify(&f, &all, &report));
    WG_CHECK_U64(all.count, 2);
    WG_CHECK(strstr(all.file[0], "-1.wseg") != NULL);
    WG_CHECK(strstr(all.file[1], ".pay") != NULL);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "2 findings",
                  waggle_verify(f.database, NULL, NULL, &report, &error));
    WG_CHECK(report.points > 0);
    end(&f);
}

// Sound by itself, but not what the database wrote last.
WG_TEST(deletes_of_another_time_are_found)
{
    fixture f;
    findings all;
    waggle_error error;
    waggle_verify_report report;
    uint64_t size = 0;
    char path[256];
    begin(&f);
    wg_heap *heap = &f.database->heap;
    uint64_t rows = f.collection->current->sealed[0].sealed->entry.rows;
    wg_mask *mask = wg_mask_create(heap, rows);
    snprintf(path, sizeof path, "%s", file_of(&f, ".del", &size));
    WG_OK(wg_vfs_unlink(f.disk, path, &error));
    WG_OK(wg_mask_write(f.disk, heap, path, mask, 1, &error));
    wg_mask_release(mask);
    WG_FAILS(WAGGLE_CORRUPT, verify(&f, &all, &report));
    WG_CHECK_U64(all.count, 1);
    WG_CHECK(strstr(all.file[0], ".del") != NULL);
    end(&f);
}

// Whether or not the log has writes that could not be applied to it.
WG_TEST(a_damaged_collection_is_found_when_it_is_opened)
{
    for (int in_log = 0; in_log < 2; in_log++) {
        fixture f;
        findings all;
        waggle_verify_report report;
        uint64_t size = 0;
        char path[256];
        begin(&f);
        if (!in_log) checkpoint(&f); // nothing to replay, so opening does not touch it
        close_database(&f);
        snprintf(path, sizeof path, "%s", file_of(&f, "-1.wseg", &size));
        sim_disk_flip(f.disk, path, 8 * (size - 20)); // of the trailer
        open_database(&f, true, false);
        WG_FAILS(WAGGLE_CORRUPT, verify(&f, &all, &report));
        WG_CHECK_U64(all.count, 2); // that the collection cannot be opened, and the file
        WG_CHECK_TEXT(all.file[0], "MANIFEST");
        WG_CHECK(strstr(all.text[0], "collection \"c\"") != NULL);
        WG_CHECK(strstr(path, all.file[1]) != NULL);
        end(&f);
    }
}

// Not passed over as if it had been dropped meanwhile.
WG_TEST(a_collection_with_a_missing_file_is_found)
{
    fixture f;
    findings all;
    waggle_error error;
    waggle_verify_report report;
    uint64_t size = 0;
    begin(&f);
    checkpoint(&f);
    close_database(&f);
    WG_OK(wg_vfs_unlink(f.disk, file_of(&f, ".del", &size), &error));
    open_database(&f, false, false);
    WG_FAILS(WAGGLE_CORRUPT, verify(&f, &all, &report));
    WG_CHECK_U64(all.count, 1);
    WG_CHECK(strstr(all.text[0], "is missing") != NULL);
    end(&f);
}

static void touch(const fixture *f, const char *path)
{
    waggle_error error;
    wg_file *file = NULL;
    WG_OK(wg_file_open(f->disk, path, WG_OPEN_NEW, &file, &error));
    wg_file_close(file);
}

WG_TEST(files_that_are_not_ours_are_counted_and_left_alone)
{
    fixture f;
    waggle_verify_report report;
    begin(&f);
    touch(&f, "db/notes.txt");
    touch(&f, "db/seg/1-2.wseg.bak");
    touch(&f, "db/log/old");
    touch(&f, "db/seg/1-99.wseg"); // ours, of a crash
    check_sound(&f, &report);
    WG_CHECK_U64(report.unknown, 3);
    end(&f);
}

// What no damage of a file does: our own mistakes.

WG_TEST(a_point_that_lives_twice_is_found)
{
    fixture f;
    findings all;
    waggle_verify_report report;
    begin(&f);
    checkpoint(&f);
    wg_state *now = f.collection->current;
    wg_mask *dead = now->sealed[1].dead; // some of its points were replaced
    WG_CHECK(dead->count > 0);
    now->sealed[1].dead = wg_mask_create(&f.database->heap, now->sealed[1].sealed->entry.rows);
    WG_FAILS(WAGGLE_CORRUPT, verify(&f, &all, &report));
    WG_CHECK_U64(all.count, 2);
    WG_CHECK(strstr(all.text[0], "are counted") != NULL);
    WG_CHECK(strstr(all.text[1], "elsewhere") != NULL);
    wg_mask_release(now->sealed[1].dead);
    now->sealed[1].dead = dead;
    check_sound(&f, &report);
    end(&f);
}

WG_TEST(a_wrong_count_is_found)
{
    fixture f;
    findings all;
    waggle_verify_report report;
    begin(&f);
    f.collection->current->points++;
    WG_FAILS(WAGGLE_CORRUPT, verify(&f, &all, &report));
    WG_CHECK_TEXT(all.file[0], "c");
    f.collection->current->points--;
    check_sound(&f, &report);
    end(&f);
}

// At once with writes.

typedef struct writer {
    fixture *f;
    wg_thread thread;
    _Atomic bool stop;
} writer;

static void writer_run(void *context)
{
    writer *w = context;
    test_random random = {3};
    while (!atomic_load(&w->stop)) {
        waggle_error error;
        put(w->f, 1000 + test_below(&random, 1200), 20);
        waggle_id id = waggle_id_number(1000 + test_below(&random, 1200));
        waggle_text payload = {"{}", 2};
        WG_OK(waggle_delete(w->f->collection, &id, 1, NULL, NULL, &error));
        id.value.number++;
        WG_OK(waggle_payload_set(w->f->collection, &id, &payload, 1, NULL, NULL, &error));
    }
}

WG_TEST(verifying_while_others_write_finds_nothing)
{
    fixture f;
    waggle_error error;
    waggle_verify_report report;
    begin(&f);
    close_database(&f);
    open_database(&f, false, true);
    WG_OK(waggle_collection_open(f.database, "c", &f.collection, &error));
    writer w = {.f = &f};
    WG_OK(wg_thread_start(&w.thread, "writer", writer_run, &w, &error));
    for (uint64_t i = 0; i < test_rounds(15, 300); i++) {
        check_sound(&f, &report);
        if (i % 5 == 4) checkpoint(&f);
    }
    atomic_store(&w.stop, true);
    wg_thread_join(&w.thread);
    end(&f);
}
