// The simulated disk itself: what it keeps, what it may lose, and what it never does.
#include "base/system.h"
#include "base/thread.h"
#include "support/sim_disk.h"

#include <stdlib.h>

static waggle_error error;

static wg_file *open_file(wg_vfs *disk, const char *path, wg_open_mode mode)
{
    wg_file *file = NULL;
    WG_OK(wg_file_open(disk, path, mode, &file, &error));
    return file;
}

// Writes a file that is durable by data and name.
static void put_durable(wg_vfs *disk, const char *path, const char *folder, const void *data,
                        size_t size)
{
    wg_file *file = open_file(disk, path, WG_OPEN_CREATE);
    WG_OK(wg_file_write(file, 0, data, size, &error));
    WG_OK(wg_file_sync(file, &error));
    wg_file_close(file);
    WG_OK(wg_vfs_sync_dir(disk, folder, &error));
}

// The bytes of a file as text, or "-" if there is none.
static const char *get(wg_vfs *disk, const char *path, char *text, size_t capacity)
{
    wg_file *file = NULL;
    size_t got = 0;
    if (wg_file_open(disk, path, WG_OPEN_READ, &file, &error) != WAGGLE_OK) return "-";
    WG_OK(wg_file_read(file, 0, text, capacity - 1, &got, &error));
    text[got] = 0;
    wg_file_close(file);
    return text;
}

#define CHECK_FILE(disk, path, expected)                                \
    do {                                                                \
        char text_[256];                                                \
        WG_CHECK_TEXT(get(disk, path, text_, sizeof(text_)), expected); \
    } while (0)

// Which of the given contents were seen at a path, as a bit mask; another one fails.
static unsigned which(wg_vfs *disk, const char *path, const char *const *contents, size_t count)
{
    char text[256];
    const char *found = get(disk, path, text, sizeof(text));
    for (size_t i = 0; i < count; i++)
        if (strcmp(found, contents[i]) == 0) return 1u << i;
    fail_msg("%s holds \"%s\"", path, found);
    return 0;
}

WG_TEST(what_was_synced_survives_every_crash)
{
    wg_vfs *disk = sim_disk_create(1);
    WG_OK(wg_vfs_make_dir(disk, "/db", &error));
    WG_OK(wg_vfs_sync_dir(disk, "/", &error));
    put_durable(disk, "/db/a", "/db", "kept", 4);
    for (uint64_t seed = 0; seed < 100; seed++) {
        sim_disk_crash(disk, seed);
        CHECK_FILE(disk, "/db/a", "kept");
    }
    sim_disk_destroy(disk);
}

WG_TEST(a_name_that_was_not_synced_is_kept_or_lost_though_its_data_was)
{
    static const char *const contents[] = {"-", "data"};
    unsigned seen = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        wg_vfs *disk = sim_disk_create(seed);
        wg_file *file = open_file(disk, "/a", WG_OPEN_NEW);
        WG_OK(wg_file_write(file, 0, "data", 4, &error));
        WG_OK(wg_file_sync(file, &error));
        wg_file_close(file);
        sim_disk_crash(disk, seed);
        seen |= which(disk, "/a", contents, 2);
        sim_disk_destroy(disk);
    }
    WG_CHECK_U64(seen, 3);
}

WG_TEST(data_that_was_not_synced_is_kept_or_lost_by_sectors)
{
    enum {
        SECTORS = 8,
        SIZE = SECTORS * 512
    };

    uint8_t old[SIZE], new[SIZE], found[SIZE];
    memset(old, 'o', SIZE);
    memset(new, 'n', SIZE);
    unsigned all = 0, none = 0, mixed = 0;
    wg_vfs *base = sim_disk_create(1);
    put_durable(base, "/a", "/", old, SIZE);
    wg_file *file = open_file(base, "/a", WG_OPEN_WRITE);
    WG_OK(wg_file_write(file, 0, new, SIZE, &error));
    wg_file_close(file);
    for (uint64_t seed = 0; seed < 300; seed++) {
        wg_vfs *disk = sim_disk_copy(base);
        sim_disk_crash(disk, seed);
        file = open_file(disk, "/a", WG_OPEN_READ);
        WG_OK(wg_file_read_all(file, 0, found, SIZE, &error));
        wg_file_close(file);
        unsigned kept = 0;
        for (size_t i = 0; i < SECTORS; i++) {
            bool is_new = memcmp(found + i * 512, new, 512) == 0;
            WG_CHECK(is_new || memcmp(found + i * 512, old, 512) == 0);
            kept += is_new;
        }
        all += kept == SECTORS;
        none += kept == 0;
        mixed += kept > 0 && kept < SECTORS;
        sim_disk_crash(disk, seed + 1); // what a crash left is durable
        uint8_t again[SIZE];
        file = open_file(disk, "/a", WG_OPEN_READ);
        WG_OK(wg_file_read_all(file, 0, again, SIZE, &error));
        wg_file_close(file);
        WG_CHECK(memcmp(again, found, SIZE) == 0);
        sim_disk_destroy(disk);
    }
    WG_CHECK(all > 0 && none > 0 && mixed > 0);
    sim_disk_destroy(base);
}

WG_TEST(an_unsynced_size_is_the_old_one_the_new_one_or_between)
{
    unsigned old = 0, new = 0, between = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        wg_vfs *disk = sim_disk_create(1);
        put_durable(disk, "/a", "/", "12345", 5);
        wg_file *file = open_file(disk, "/a", WG_OPEN_WRITE);
        uint8_t bytes[3000], found[4000];
        memset(bytes, 'x', sizeof(bytes));
        WG_OK(wg_file_write(file, 5, bytes, sizeof(bytes), &error));
        wg_file_close(file);
        sim_disk_crash(disk, seed);
        file = open_file(disk, "/a", WG_OPEN_READ);
        size_t got;
        WG_OK(wg_file_read(file, 0, found, sizeof(found), &got, &error));
        wg_file_close(file);
        old += got == 5;
        new += got == 3005;
        between += got > 5 && got < 3005;
        WG_CHECK(got >= 5 && got <= 3005);
        WG_CHECK(memcmp(found, "12345", 5) == 0);
        for (size_t i = 5; i < got; i++)
            WG_CHECK(found[i] == 'x' || found[i] == 0);
        file = open_file(disk, "/a", WG_OPEN_WRITE); // and what was lost does not come back
        WG_OK(wg_file_truncate(file, 4000, &error));
        WG_OK(wg_file_read_all(file, 0, found, 4000, &error));
        wg_file_close(file);
        for (size_t i = got; i < 4000; i++)
            WG_CHECK(found[i] == 0);
        sim_disk_destroy(disk);
    }
    WG_CHECK(old > 0 && new > 0 && between > 0);
}

WG_TEST(a_cut_file_grows_back_with_its_bytes_or_stays_cut)
{
    static const char *const contents[] = {"12", "12345"};
    unsigned seen = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        wg_vfs *disk = sim_disk_create(1);
        put_durable(disk, "/a", "/", "12345", 5);
        wg_file *file = open_file(disk, "/a", WG_OPEN_WRITE);
        WG_OK(wg_file_truncate(file, 2, &error));
        CHECK_FILE(disk, "/a", "12");
        wg_file_close(file);
        sim_disk_crash(disk, seed);
        char text[16];
        get(disk, "/a", text, sizeof(text));
        wg_file *found = open_file(disk, "/a", WG_OPEN_READ);
        uint64_t size;
        WG_OK(wg_file_size(found, &size, &error));
        wg_file_close(found);
        if (size == 5 && text[2] == 0)
            text[2] = '3', text[3] = '4', text[4] = '5'; // zeros were kept
        WG_CHECK(size == 2 || size == 5);
        WG_CHECK(strncmp(text, contents[size == 5], size) == 0);
        seen |= size == 2 ? 1 : 2;
        sim_disk_destroy(disk);
    }
    WG_CHECK_U64(seen, 3);
}

WG_TEST(growing_again_after_a_cut_reads_zeros)
{
    wg_vfs *disk = sim_disk_create(1);
    put_durable(disk, "/a", "/", "12345", 5);
    wg_file *file = open_file(disk, "/a", WG_OPEN_WRITE);
    WG_OK(wg_file_truncate(file, 2, &error));
    WG_OK(wg_file_allocate(file, 4, &error));
    WG_OK(wg_file_write(file, 100000, "x", 1, &error)); // the block moves
    char bytes[6];
    WG_OK(wg_file_read_all(file, 0, bytes, 6, &error));
    WG_CHECK(memcmp(bytes, "12\0\0\0\0", 6) == 0);
    WG_OK(wg_file_sync(file, &error));
    wg_file_close(file);
    sim_disk_crash(disk, 1);
    file = open_file(disk, "/a", WG_OPEN_READ);
    WG_OK(wg_file_read_all(file, 0, bytes, 6, &error));
    WG_CHECK(memcmp(bytes, "12\0\0\0\0", 6) == 0);
    wg_file_close(file);
    sim_disk_destroy(disk);
}

WG_TEST(a_rename_is_atomic)
{
    static const char *const contents[] = {"old", "new"};
    unsigned seen = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        wg_vfs *disk = sim_disk_create(1);
        put_durable(disk, "/MANIFEST", "/", "old", 3);
        wg_file *file = open_file(disk, "/MANIFEST.tmp", WG_OPEN_NEW);
        WG_OK(wg_file_write(file, 0, "new", 3, &error));
        WG_OK(wg_file_sync(file, &error));
        wg_file_close(file);
        WG_OK(wg_vfs_rename(disk, "/MANIFEST.tmp", "/MANIFEST", &error));
        CHECK_FILE(disk, "/MANIFEST", "new");
        CHECK_FILE(disk, "/MANIFEST.tmp", "-");
        if (seed % 2) WG_OK(wg_vfs_sync_dir(disk, "/", &error));
        sim_disk_crash(disk, seed);
        unsigned found = which(disk, "/MANIFEST", contents, 2);
        WG_CHECK(seed % 2 == 0 || found == 2);
        if (found == 2) CHECK_FILE(disk, "/MANIFEST.tmp", "-");
        if (seed % 2 == 0) seen |= found;
        sim_disk_destroy(disk);
    }
    WG_CHECK_U64(seen, 3);
}

WG_TEST(renaming_a_file_that_was_not_synced_may_leave_an_empty_one)
{
    unsigned empty = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        wg_vfs *disk = sim_disk_create(1);
        put_durable(disk, "/a", "/", "old", 3);
        wg_file *file = open_file(disk, "/b", WG_OPEN_NEW);
        WG_OK(wg_file_write(file, 0, "new", 3, &error));
        wg_file_close(file);
        WG_OK(wg_vfs_rename(disk, "/b", "/a", &error));
        sim_disk_crash(disk, seed);
        char text[16];
        empty += *get(disk, "/a", text, sizeof(text)) == 0;
        sim_disk_destroy(disk);
    }
    WG_CHECK(empty > 0);
}

WG_TEST(an_unlink_may_be_undone_until_its_folder_is_synced)
{
    static const char *const contents[] = {"-", "data"};
    unsigned seen = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        wg_vfs *disk = sim_disk_create(1);
        put_durable(disk, "/a", "/", "data", 4);
        WG_OK(wg_vfs_unlink(disk, "/a", &error));
        CHECK_FILE(disk, "/a", "-");
        if (seed % 2) WG_OK(wg_vfs_sync_dir(disk, "/", &error));
        sim_disk_crash(disk, seed);
        unsigned found = which(disk, "/a", contents, 2);
        WG_CHECK(seed % 2 == 0 || found == 1);
        seen |= found;
        sim_disk_destroy(disk);
    }
    WG_CHECK_U64(seen, 3);
}

WG_TEST(a_file_that_had_a_durable_name_never_loses_its_last_one_by_linking_and_moving)
{
    for (uint64_t seed = 0; seed < 400; seed++) {
        wg_vfs *disk = sim_disk_create(1);
        WG_OK(wg_vfs_make_dir(disk, "/x", &error));
        WG_OK(wg_vfs_make_dir(disk, "/y", &error));
        WG_OK(wg_vfs_sync_dir(disk, "/", &error));
        put_durable(disk, "/x/a", "/x", "data", 4);
        WG_OK(wg_vfs_link(disk, "/x/a", "/y/b", &error));
        WG_OK(wg_vfs_unlink(disk, "/x/a", &error));
        WG_OK(wg_vfs_rename(disk, "/y/b", "/x/c", &error));
        WG_OK(wg_vfs_remove_dir(disk, "/y", &error));
        if (seed % 3 == 1) WG_OK(wg_vfs_sync_dir(disk, "/x", &error));
        if (seed % 3 == 2) WG_OK(wg_vfs_sync_dir(disk, "/", &error));
        sim_disk_crash(disk, seed);
        char text[16];
        int found = strcmp(get(disk, "/x/a", text, sizeof(text)), "data") == 0;
        found += strcmp(get(disk, "/y/b", text, sizeof(text)), "data") == 0;
        found += strcmp(get(disk, "/x/c", text, sizeof(text)), "data") == 0;
        WG_CHECK(found == 1 || found == 2); // both while the unlink is undone
        sim_disk_destroy(disk);
    }
}

WG_TEST(a_folder_that_was_not_synced_may_vanish_with_what_it_holds)
{
    static const char *const contents[] = {"-", "data"};
    unsigned seen = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        wg_vfs *disk = sim_disk_create(1);
        WG_OK(wg_vfs_make_dir(disk, "/d", &error));
        WG_OK(wg_vfs_make_dir(disk, "/d", &error)); // there is fine
        put_durable(disk, "/d/a", "/d", "data", 4);
        sim_disk_crash(disk, seed);
        seen |= which(disk, "/d/a", contents, 2);
        sim_disk_destroy(disk);
    }
    WG_CHECK_U64(seen, 3);
}

// Random calls on a disk and on a plain model of what is written; before a crash both agree.
WG_TEST(random_calls_read_back_what_was_written)
{
    enum {
        FILES = 4,
        SIZE_MAX_FILE = 6000
    };

    static uint8_t model[FILES][SIZE_MAX_FILE];
    size_t sizes[FILES] = {0};
    test_random random = {test_seed(5)};
    wg_vfs *disk = sim_disk_create(1);
    wg_file *files[FILES];
    memset(model, 0, sizeof(model));
    for (size_t i = 0; i < FILES; i++) {
        char path[16];
        snprintf(path, sizeof(path), "/f%zu", i);
        files[i] = open_file(disk, path, WG_OPEN_NEW);
    }
    for (uint64_t round = 0; round < test_rounds(20000, 500000); round++) {
        size_t i = test_below(&random, FILES);
        size_t at = test_below(&random, SIZE_MAX_FILE - 700);
        size_t size = test_below(&random, 700);
        uint8_t bytes[700];
        size_t got;
        switch (test_below(&random, 6)) {
        case 0: WG_OK(wg_file_sync(files[i], &error)); break;
        case 1:
            WG_OK(wg_file_truncate(files[i], at, &error));
            memset(model[i] + at, 0, SIZE_MAX_FILE - at);
            sizes[i] = at;
            break;
        case 2:
            WG_OK(wg_file_allocate(files[i], at, &error));
            sizes[i] = WG_MAX(sizes[i], at);
            break;
        case 3:
            WG_OK(wg_file_read(files[i], at, bytes, size, &got, &error));
            WG_CHECK_U64(got, at >= sizes[i] ? 0 : WG_MIN(size, sizes[i] - at));
            WG_CHECK(memcmp(bytes, model[i] + at, got) == 0);
            break;
        default:
            memset(bytes, (int)round, size);
            WG_OK(wg_file_write(files[i], at, bytes, size, &error));
            memcpy(model[i] + at, bytes, size);
            if (size > 0) sizes[i] = WG_MAX(sizes[i], at + size);
        }
    }
    // A synced file is, after a crash, what the model says.
    for (size_t i = 0; i < FILES; i++) {
        WG_OK(wg_file_sync(files[i], &error));
        wg_file_close(files[i]);
    }
    WG_OK(wg_vfs_sync_dir(disk, "/", &error));
    sim_disk_crash(disk, 1);
    WG_CHECK_U64(sim_disk_files(disk), FILES);
    for (size_t i = 0; i < FILES; i++) {
        uint64_t size;
        uint8_t bytes[SIZE_MAX_FILE];
        wg_file *file = open_file(disk, sim_disk_file(disk, i, &size), WG_OPEN_READ);
        WG_CHECK_U64(size, sizes[i]);
        WG_OK(wg_file_read_all(file, 0, bytes, size, &error));
        WG_CHECK(memcmp(bytes, model[i], size) == 0);
        wg_file_close(file);
    }
    sim_disk_destroy(disk);
}

WG_TEST(the_machine_dies_at_the_call_and_wakes_after_the_crash)
{
    wg_vfs *disk = sim_disk_create(1);
    put_durable(disk, "/a", "/", "data", 4); // open, write, sync, sync_dir
    WG_CHECK_U64(sim_disk_calls(disk), 4);
    sim_disk_stop_at(disk, 6);
    wg_file *file = open_file(disk, "/a", WG_OPEN_WRITE);
    WG_OK(wg_file_write(file, 0, "next", 4, &error));
    WG_FAILS_WITH(WAGGLE_IO, "dead", wg_file_write(file, 0, "lost", 4, &error));
    size_t got;
    char byte;
    uint64_t size;
    wg_file *other;
    WG_FAILS(WAGGLE_IO, wg_file_read(file, 0, &byte, 1, &got, &error));
    WG_FAILS(WAGGLE_IO, wg_file_size(file, &size, &error));
    WG_FAILS(WAGGLE_IO, wg_file_sync(file, &error));
    WG_FAILS(WAGGLE_IO, wg_vfs_sync_dir(disk, "/", &error));
    WG_FAILS(WAGGLE_IO, wg_file_open(disk, "/a", WG_OPEN_READ, &other, &error));
    sim_disk_crash(disk, 1);
    WG_CHECK_U64(sim_disk_calls(disk), 0);
    WG_FAILS_WITH(WAGGLE_IO, "crash", wg_file_read(file, 0, &byte, 1, &got, &error));
    WG_FAILS(WAGGLE_IO, wg_file_write(file, 0, "x", 1, &error));
    WG_FAILS(WAGGLE_IO, wg_file_sync(file, &error));
    wg_file_close(file);
    file = open_file(disk, "/a", WG_OPEN_WRITE);
    WG_OK(wg_file_write(file, 0, "anew", 4, &error));
    wg_file_close(file);
    CHECK_FILE(disk, "/a", "anew");
    sim_disk_destroy(disk);
}

WG_TEST(mappings_and_locks_end_with_the_machine)
{
    wg_vfs *disk = sim_disk_create(1);
    put_durable(disk, "/a", "/", "data", 4);
    wg_file *lock;
    WG_OK(wg_vfs_lock(disk, "/LOCK", false, &lock, &error));
    wg_file *file = open_file(disk, "/a", WG_OPEN_READ);
    wg_mapping mapping;
    WG_OK(wg_file_map(file, &mapping, &error));
    WG_CHECK(mapping.size == 4 && memcmp(mapping.data, "data", 4) == 0);
    sim_disk_crash(disk, 1);
    wg_file *again;
    WG_OK(wg_vfs_lock(disk, "/LOCK", false, &again, &error));
    wg_file_close(lock); // of before: releases nothing
    wg_file *third;
    WG_FAILS(WAGGLE_LOCKED, wg_vfs_lock(disk, "/LOCK", true, &third, &error));
    wg_file_close(again);
    wg_file_unmap(disk, &mapping);
    wg_file_close(file);
    WG_OK(wg_vfs_unlink(disk, "/a", &error));
    sim_disk_destroy(disk);
}

WG_TEST(a_call_of_a_kind_fails_once_or_from_then_on)
{
    wg_vfs *disk = sim_disk_create(1);
    wg_file *file = open_file(disk, "/a", WG_OPEN_NEW);
    sim_disk_fail(disk, SIM_SYNC, 2, WAGGLE_IO, false, false);
    WG_OK(wg_file_sync(file, &error));
    WG_OK(wg_file_write(file, 0, "x", 1, &error));
    WG_FAILS(WAGGLE_IO, wg_file_sync(file, &error));
    WG_OK(wg_file_sync(file, &error));
    WG_CHECK_U64(sim_disk_failed(disk), 1);
    WG_CHECK_U64(sim_disk_count(disk, SIM_SYNC), 3);
    WG_CHECK_U64(sim_disk_count(disk, SIM_ANY), 4);

    sim_disk_fail(disk, SIM_ANY, 1, WAGGLE_DISK_FULL, true, false);
    for (int i = 0; i < 3; i++)
        WG_FAILS(WAGGLE_DISK_FULL, wg_file_sync(file, &error));
    wg_file *other;
    WG_FAILS(WAGGLE_DISK_FULL, wg_file_open(disk, "/a", WG_OPEN_READ, &other, &error));
    WG_FAILS(WAGGLE_DISK_FULL, wg_vfs_unlink(disk, "/a", &error));
    WG_CHECK_U64(sim_disk_failed(disk), 6);
    sim_disk_fail(disk, SIM_ANY, 0, WAGGLE_OK, false, false);
    WG_OK(wg_file_sync(file, &error));
    WG_CHECK_U64(sim_disk_count(disk, SIM_ANY), 1);
    wg_file_close(file);
    sim_disk_destroy(disk);
}

WG_TEST(a_torn_write_leaves_its_first_half)
{
    wg_vfs *disk = sim_disk_create(1);
    put_durable(disk, "/a", "/", "........", 8);
    wg_file *file = open_file(disk, "/a", WG_OPEN_WRITE);
    wg_piece pieces[] = {
        {"1",    1},
        {NULL,   0},
        {"234",  3},
        {"5678", 4}
    };
    sim_disk_fail(disk, SIM_WRITE, 1, WAGGLE_IO, false, true);
    WG_FAILS(WAGGLE_IO, wg_file_write_pieces(file, 0, pieces, 4, &error));
    CHECK_FILE(disk, "/a", "1234....");
    sim_disk_fail(disk, SIM_WRITE, 1, WAGGLE_IO, false, false);
    WG_FAILS(WAGGLE_IO, wg_file_write_pieces(file, 4, pieces, 4, &error));
    CHECK_FILE(disk, "/a", "1234....");
    wg_file_close(file);
    sim_disk_destroy(disk);
}

WG_TEST(a_full_disk_refuses_growth_and_takes_it_again_after_a_removal)
{
    wg_vfs *disk = sim_disk_create(1);
    put_durable(disk, "/a", "/", "12345678", 8);
    wg_file *file = open_file(disk, "/b", WG_OPEN_NEW);
    sim_disk_space(disk, 12);
    WG_FAILS(WAGGLE_DISK_FULL, wg_file_write(file, 0, "abcdef", 6, &error));
    CHECK_FILE(disk, "/b", "abcd");                   // what had room
    WG_OK(wg_file_write(file, 0, "ABCD", 4, &error)); // in place
    WG_FAILS(WAGGLE_DISK_FULL, wg_file_allocate(file, 5, &error));
    WG_FAILS(WAGGLE_DISK_FULL, wg_file_truncate(file, 5, &error));
    WG_OK(wg_vfs_unlink(disk, "/a", &error));
    WG_OK(wg_file_allocate(file, 12, &error));
    WG_FAILS(WAGGLE_DISK_FULL, wg_file_allocate(file, 13, &error));
    sim_disk_space(disk, UINT64_MAX);
    WG_OK(wg_file_allocate(file, 13, &error));
    wg_file_close(file);
    sim_disk_destroy(disk);
}

WG_TEST(a_flipped_bit_is_there_before_and_after_a_crash)
{
    wg_vfs *disk = sim_disk_create(1);
    put_durable(disk, "/a", "/", "\0\0\0", 3);
    wg_file *file = open_file(disk, "/a", WG_OPEN_WRITE);
    WG_OK(wg_file_write(file, 0, "\0\0\0", 3, &error)); // changed since the sync: two copies
    wg_file_close(file);
    sim_disk_flip(disk, "/a", 10);
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint8_t bytes[3];
        file = open_file(disk, "/a", WG_OPEN_READ);
        WG_OK(wg_file_read_all(file, 0, bytes, 3, &error));
        wg_file_close(file);
        WG_CHECK(bytes[0] == 0 && bytes[1] == 4 && bytes[2] == 0);
        sim_disk_crash(disk, seed);
    }
    sim_disk_destroy(disk);
}

WG_TEST(files_are_listed_in_the_order_of_their_paths)
{
    static const char *const expected[] = {"/a", "/d/b", "/d/e/c", "/z"};
    wg_vfs *disk = sim_disk_create(1);
    WG_OK(wg_vfs_make_dir(disk, "/d", &error));
    WG_OK(wg_vfs_make_dir(disk, "/d/e", &error));
    put_durable(disk, "/z", "/", "", 0);
    put_durable(disk, "/d/e/c", "/d/e", "123", 3);
    put_durable(disk, "/a", "/", "1", 1);
    put_durable(disk, "/d/b", "/d", "12", 2);
    static const uint64_t sizes[] = {1, 2, 3, 0};
    WG_CHECK_U64(sim_disk_files(disk), 4);
    for (size_t i = 0; i < 4; i++) {
        uint64_t size;
        WG_CHECK_TEXT(sim_disk_file(disk, i, &size), expected[i]);
        WG_CHECK_U64(size, sizes[i]);
    }
    sim_disk_destroy(disk);
}

// A file written, linked, renamed, overwritten and half synced, with something open.
static wg_vfs *beginning(void)
{
    wg_vfs *disk = sim_disk_create(9);
    WG_OK(wg_vfs_make_dir(disk, "/d", &error));
    WG_OK(wg_vfs_sync_dir(disk, "/", &error));
    for (int i = 0; i < 6; i++) {
        char path[16], bytes[2000];
        snprintf(path, sizeof(path), "/d/%d", i);
        memset(bytes, 'a' + i, sizeof(bytes));
        wg_file *file = open_file(disk, path, WG_OPEN_NEW);
        WG_OK(wg_file_write(file, 0, bytes, sizeof(bytes), &error));
        if (i % 2) WG_OK(wg_file_sync(file, &error));
        WG_OK(wg_file_write(file, 1000, "changed", 7, &error));
        wg_file_close(file);
        if (i == 3) WG_OK(wg_vfs_sync_dir(disk, "/d", &error));
    }
    WG_OK(wg_vfs_link(disk, "/d/0", "/link", &error));
    WG_OK(wg_vfs_rename(disk, "/d/1", "/d/2", &error));
    WG_OK(wg_vfs_unlink(disk, "/d/3", &error));
    open_file(disk, "/d/4", WG_OPEN_READ); // destroyed with the disk
    return disk;
}

static uint64_t fingerprint(wg_vfs *disk)
{
    uint64_t hash = 0;
    for (size_t i = 0, count = sim_disk_files(disk); i < count; i++) {
        uint64_t size;
        const char *path = sim_disk_file(disk, i, &size);
        uint8_t *bytes = malloc(size + 1);
        wg_file *file = open_file(disk, path, WG_OPEN_READ);
        WG_OK(wg_file_read_all(file, 0, bytes, size, &error));
        wg_file_close(file);
        for (size_t at = 0; at < size; at++)
            hash = hash * 31 + bytes[at];
        for (; *path != 0; path++)
            hash = hash * 31 + (uint8_t)*path;
        free(bytes);
    }
    return hash;
}

WG_TEST(a_copy_crashes_like_its_original_and_leaves_it_alone)
{
    wg_vfs *base = beginning();
    uint64_t before = fingerprint(base);
    uint64_t endings[8];
    for (uint64_t seed = 0; seed < 8; seed++) {
        wg_vfs *copy = sim_disk_copy(base);
        WG_CHECK_U64(fingerprint(copy), before);
        sim_disk_crash(copy, seed);
        endings[seed] = fingerprint(copy);
        sim_disk_destroy(copy);
        WG_CHECK_U64(fingerprint(base), before);
    }
    WG_CHECK(endings[0] != endings[1] || endings[1] != endings[2] || endings[2] != endings[3]);
    sim_disk_destroy(base);
    for (uint64_t seed = 0; seed < 8; seed++) {
        wg_vfs *disk = beginning(); // the same calls and the same seed: the same ending
        sim_disk_crash(disk, seed);
        WG_CHECK_U64(fingerprint(disk), endings[seed]);
        sim_disk_destroy(disk);
    }
}

WG_TEST(ten_thousand_crashes_take_seconds)
{
    wg_vfs *base = beginning();
    uint64_t start = wg_now_ns();
    uint64_t rounds = test_rounds(2000, 10000);
    for (uint64_t seed = 0; seed < rounds; seed++) {
        wg_vfs *disk = sim_disk_copy(base);
        sim_disk_crash(disk, seed);
        sim_disk_destroy(disk);
    }
    uint64_t each_ns = (wg_now_ns() - start) / rounds;
    print_message("%" PRIu64 " ns for a copy and a crash\n", each_ns);
    WG_CHECK(each_ns < 3000000);
    sim_disk_destroy(base);
}

typedef struct writer {
    wg_vfs *disk;
    int number;
} writer;

static void write_from_thread(void *context)
{
    writer *job = context;
    waggle_error ignored;
    for (int i = 0; i < 200; i++) {
        char path[32];
        wg_file *file;
        snprintf(path, sizeof(path), "/t%d-%d", job->number, i % 5);
        if (wg_file_open(job->disk, path, WG_OPEN_CREATE, &file, &ignored) != WAGGLE_OK) return;
        wg_file_write(file, (uint64_t)i * 100, "0123456789", 10, &ignored);
        wg_file_sync(file, &ignored);
        wg_file_close(file);
        wg_vfs_sync_dir(job->disk, "/", &ignored);
    }
}

WG_TEST(threads_share_a_disk)
{
    wg_vfs *disk = sim_disk_create(1);
    wg_thread threads[4] = {0};
    writer writers[4];
    for (int i = 0; i < 4; i++) {
        writers[i] = (writer){disk, i};
        WG_OK(wg_thread_start(&threads[i], "writer", write_from_thread, &writers[i], &error));
    }
    for (int i = 0; i < 4; i++)
        wg_thread_join(&threads[i]);
    sim_disk_crash(disk, 1);
    WG_CHECK_U64(sim_disk_files(disk), 20);
    sim_disk_destroy(disk);
}
