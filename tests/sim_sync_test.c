// The simulated disk when a sync fails: what is durable afterwards, what is read, and what no later sync makes up for.
#include "support/sim_disk.h"

static waggle_error error;

static wg_file *open_file(wg_vfs *disk, const char *path, wg_open_mode mode)
{
    wg_file *file = NULL;
    WG_OK(wg_file_open(disk, path, mode, &file, &error));
    return file;
}

// Writes a file in "/" that is durable by data and name.
static void put_durable(wg_vfs *disk, const char *path, const void *data, size_t size)
{
    wg_file *file = open_file(disk, path, WG_OPEN_CREATE);
    WG_OK(wg_file_write(file, 0, data, size, &error));
    WG_OK(wg_file_sync(file, &error));
    wg_file_close(file);
    WG_OK(wg_vfs_sync_dir(disk, "/", &error));
}

static void check_file(wg_vfs *disk, const char *path, const char *expected)
{
    char text[16] = "";
    size_t got = 0;
    wg_file *file = open_file(disk, path, WG_OPEN_READ);
    WG_OK(wg_file_read(file, 0, text, sizeof(text) - 1, &got, &error));
    wg_file_close(file);
    WG_CHECK_TEXT(text, expected);
}

// A durable file of 8 sectors of 'o', written over with 'n', of which a sync failed and another succeeded.
enum {
    LOST_SECTORS = 8,
    LOST_SIZE = LOST_SECTORS * 512
};

static wg_vfs *failed_sync(uint64_t seed, sim_failed_sync what, wg_file **file)
{
    char bytes[LOST_SIZE];
    wg_vfs *disk = sim_disk_create(seed);
    sim_disk_failed_sync(disk, what);
    memset(bytes, 'o', sizeof(bytes));
    put_durable(disk, "/a", bytes, sizeof(bytes));
    *file = open_file(disk, "/a", WG_OPEN_WRITE);
    memset(bytes, 'n', sizeof(bytes));
    WG_OK(wg_file_write(*file, 0, bytes, sizeof(bytes), &error));
    sim_disk_fail(disk, SIM_SYNC, 1, WAGGLE_IO, false, false);
    WG_FAILS(WAGGLE_IO, wg_file_sync(*file, &error));
    WG_OK(wg_file_sync(*file, &error));
    return disk;
}

// Which sectors of "/a" hold only this letter. Others hold only the other one.
static unsigned sectors_of(wg_vfs *disk, char letter, char other)
{
    char bytes[LOST_SIZE];
    unsigned found = 0;
    wg_file *file = open_file(disk, "/a", WG_OPEN_READ);
    WG_OK(wg_file_read_all(file, 0, bytes, sizeof(bytes), &error));
    wg_file_close(file);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        WG_CHECK(bytes[i] == letter || bytes[i] == other);
        WG_CHECK(bytes[i] == bytes[i / 512 * 512]);
        if (bytes[i] == letter) found |= 1u << i / 512;
    }
    return found;
}

WG_TEST(what_a_failed_sync_lost_is_read_until_a_crash_and_no_later_sync_keeps_it)
{
    const unsigned all = (1u << LOST_SECTORS) - 1;
    unsigned whole = 0, nothing = 0, mixed = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        wg_file *file;
        wg_vfs *disk = failed_sync(seed, SIM_FAILED_SYNC_LOSES, &file);
        WG_CHECK_U64(sectors_of(disk, 'n', 'o'), all);
        wg_vfs *copy = sim_disk_copy(disk);
        sim_disk_crash(copy, seed);
        unsigned kept = sectors_of(copy, 'n', 'o');
        sim_disk_destroy(copy);
        sim_disk_crash(disk, seed + 1000); // what is kept was decided when the sync failed
        WG_CHECK_U64(sectors_of(disk, 'n', 'o'), kept);
        sim_disk_crash(disk, seed);
        WG_CHECK_U64(sectors_of(disk, 'n', 'o'), kept);
        whole += kept == all;
        nothing += kept == 0;
        mixed += kept != all && kept != 0;
        wg_file_close(file);
        sim_disk_destroy(disk);
    }
    WG_CHECK(whole > 0 && nothing > 0 && mixed > 0);
}

WG_TEST(what_a_failed_sync_lost_becomes_durable_when_it_is_written_once_more)
{
    const unsigned first = 3, others = ((1u << LOST_SECTORS) - 1) & ~first;
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        wg_file *file;
        wg_vfs *disk = failed_sync(seed, SIM_FAILED_SYNC_LOSES, &file);
        WG_OK(wg_file_write(file, 511, "nn", 2, &error)); // a byte in each of two sectors
        if (seed % 2 == 0) WG_OK(wg_file_sync(file, &error));
        wg_file_close(file);
        sim_disk_crash(disk, seed);
        unsigned kept = sectors_of(disk, 'n', 'o');
        WG_CHECK(seed % 2 != 0 || (kept & first) == first);
        lost |= others & ~kept;
        sim_disk_destroy(disk);
    }
    WG_CHECK_U64(lost, others);
}

WG_TEST(what_a_failed_sync_kept_dirty_the_next_one_makes_durable)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        wg_file *file;
        wg_vfs *disk = failed_sync(seed, SIM_FAILED_SYNC_KEEPS, &file);
        wg_file_close(file);
        sim_disk_crash(disk, seed);
        WG_CHECK_U64(sectors_of(disk, 'n', 'o'), (1u << LOST_SECTORS) - 1);
        sim_disk_destroy(disk);
    }
}

WG_TEST(a_failed_sync_loses_or_keeps_by_the_seed_of_the_disk)
{
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        wg_file *file;
        wg_vfs *disk = failed_sync(seed, SIM_FAILED_SYNC_BY_SEED, &file);
        wg_file_close(file);
        sim_disk_crash(disk, 1);
        lost += sectors_of(disk, 'n', 'o') != (1u << LOST_SECTORS) - 1;
        sim_disk_destroy(disk);
    }
    WG_CHECK(lost > 40 && lost < 120); // nearly half; a sync that loses may have written everything
}

WG_TEST(growth_that_a_failed_sync_lost_is_kept_as_far_as_it_is_written_once_more)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        wg_vfs *disk = sim_disk_create(seed);
        sim_disk_failed_sync(disk, SIM_FAILED_SYNC_LOSES);
        put_durable(disk, "/a", "1234", 4);
        wg_file *file = open_file(disk, "/a", WG_OPEN_WRITE);
        WG_OK(wg_file_allocate(file, 2000, &error));
        sim_disk_fail(disk, SIM_SYNC, 1, WAGGLE_IO, false, false);
        WG_FAILS(WAGGLE_IO, wg_file_sync(file, &error));
        static const uint64_t expected[] = {4, 1024, 2000, 2001};
        if (seed % 4 == 1) WG_OK(wg_file_write(file, 600, "x", 1, &error));
        if (seed % 4 == 2) WG_OK(wg_file_write(file, 1999, "x", 1, &error));
        if (seed % 4 == 3) WG_OK(wg_file_allocate(file, 2001, &error));
        uint64_t size;
        WG_OK(wg_file_sync(file, &error));
        WG_OK(wg_file_size(file, &size, &error));
        WG_CHECK_U64(size, WG_MAX(expected[seed % 4], (uint64_t)2000));
        wg_file_close(file);
        sim_disk_crash(disk, seed);
        file = open_file(disk, "/a", WG_OPEN_READ);
        WG_OK(wg_file_size(file, &size, &error));
        WG_CHECK_U64(size, expected[seed % 4]);
        wg_file_close(file);
        sim_disk_destroy(disk);
    }
}

WG_TEST(names_that_a_failed_sync_lost_are_kept_with_a_later_change_of_them)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        wg_vfs *disk = sim_disk_create(seed);
        bool loses = seed % 2 == 0;
        sim_disk_failed_sync(disk, loses ? SIM_FAILED_SYNC_LOSES : SIM_FAILED_SYNC_BY_SEED);
        put_durable(disk, "/a", "data", 4);
        WG_OK(wg_vfs_rename(disk, "/a", "/b", &error));
        sim_disk_fail(disk, SIM_SYNC_DIR, 1, WAGGLE_IO, false, false);
        WG_FAILS(WAGGLE_IO, wg_vfs_sync_dir(disk, "/", &error));
        put_durable(disk, "/other", "more", 4); // says nothing about the names before
        if (seed % 3 == 0) WG_OK(wg_vfs_rename(disk, "/b", "/c", &error));
        if (seed % 3 == 0) WG_OK(wg_vfs_sync_dir(disk, "/", &error));
        check_file(disk, seed % 3 == 0 ? "/c" : "/b", "data");
        wg_vfs *copy = sim_disk_copy(disk);
        sim_disk_crash(copy, seed);
        const char *kept = seed % 3 == 0 ? "/c" : "/b";
        check_file(copy, seed % 3 != 0 && loses ? "/a" : kept, "data");
        check_file(copy, "/other", "more");
        WG_CHECK_U64(sim_disk_files(copy), 2);
        sim_disk_destroy(copy);
        sim_disk_destroy(disk);
    }
}
