// What every member of wg_vfs does alike, and what each does by itself.
#include "base/system.h"
#include "base/thread.h"
#include "base/vfs.h"
#include "support/sim_disk.h"
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static waggle_error error;

// ---- The members --------------------------------------------------------------------------------

typedef struct vfs_member {
    wg_vfs *vfs;
    char root[WG_PATH_SIZE_MAX];
    test_heap heap; // of the memory member
} vfs_member;

enum {
    MEMBERS = 3
};

static void member_init(vfs_member *member, int which)
{
    *member = (vfs_member){0};
    snprintf(member->root, sizeof(member->root), "/db");
    if (which == 0) {
        member->vfs = wg_vfs_posix();
        test_folder(member->root, sizeof(member->root));
        return;
    }
    if (which == 1) {
        test_heap_init(&member->heap);
        member->vfs = wg_vfs_memory_create(&member->heap.heap);
    } else {
        member->vfs = sim_disk_create(1);
    }
    WG_OK(wg_vfs_make_dir(member->vfs, member->root, &error));
}

static void member_finish(vfs_member *member, int which)
{
    if (which == 1) {
        wg_vfs_memory_destroy(member->vfs);
        WG_CHECK_U64(member->heap.live, 0);
        WG_CHECK_U64(wg_heap_used(&member->heap.heap), 0);
    }
    if (which == 2) sim_disk_destroy(member->vfs);
}

#define FOR_EACH_MEMBER(name)                                                           \
    for (int which = 0; which < MEMBERS; which++)                                       \
        for (vfs_member name, *once = (member_init(&name, which), &name); once != NULL; \
             member_finish(&name, which), once = NULL)

// The path of a name in the member's folder; four can be in use at once.
static const char *at(const vfs_member *member, const char *name)
{
    static char paths[4][WG_PATH_SIZE_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    WG_OK(wg_path_join(path, member->root, name, &error));
    return path;
}

static wg_file *open_file(vfs_member *member, const char *name, wg_open_mode mode)
{
    wg_file *file = NULL;
    WG_OK(wg_file_open(member->vfs, at(member, name), mode, &file, &error));
    WG_CHECK(file != NULL && file->vfs == member->vfs);
    return file;
}

static void put(vfs_member *member, const char *name, const char *text)
{
    wg_file *file = open_file(member, name, WG_OPEN_CREATE);
    WG_OK(wg_file_truncate(file, 0, &error));
    WG_OK(wg_file_write(file, 0, text, strlen(text), &error));
    wg_file_close(file);
}

static void check_text(vfs_member *member, const char *name, const char *expected)
{
    char text[256] = "";
    size_t got = 0;
    wg_file *file = open_file(member, name, WG_OPEN_READ);
    WG_OK(wg_file_read(file, 0, text, sizeof(text) - 1, &got, &error));
    wg_file_close(file);
    text[got] = 0;
    WG_CHECK_TEXT(text, expected);
}

static uint64_t size_of(wg_file *file)
{
    uint64_t size = 0;
    WG_OK(wg_file_size(file, &size, &error));
    return size;
}

// ---- Alike --------------------------------------------------------------------------------------

WG_TEST(modes_of_opening_create_and_refuse)
{
    FOR_EACH_MEMBER(m)
    {
        wg_file *file = NULL;
        WG_FAILS_WITH(WAGGLE_NOT_FOUND, "/a",
                      wg_file_open(m.vfs, at(&m, "a"), WG_OPEN_READ, &file, &error));
        WG_FAILS(WAGGLE_NOT_FOUND, wg_file_open(m.vfs, at(&m, "a"), WG_OPEN_WRITE, &file, &error));
        WG_FAILS(WAGGLE_NOT_FOUND, wg_file_open(m.vfs, at(&m, "no/a"), WG_OPEN_NEW, &file, &error));
        WG_CHECK(!wg_vfs_exists(m.vfs, at(&m, "a")));
        wg_file_close(open_file(&m, "a", WG_OPEN_NEW));
        WG_CHECK(wg_vfs_exists(m.vfs, at(&m, "a")));
        WG_FAILS(WAGGLE_EXISTS, wg_file_open(m.vfs, at(&m, "a"), WG_OPEN_NEW, &file, &error));
        wg_file_close(open_file(&m, "a", WG_OPEN_CREATE));
        wg_file_close(open_file(&m, "a", WG_OPEN_WRITE));
        WG_CHECK(!wg_vfs_exists(m.vfs, m.root)); // a folder is no file
        WG_FAILS(WAGGLE_IO, wg_file_open(m.vfs, m.root, WG_OPEN_CREATE, &file, &error));
        WG_CHECK(file == NULL);
        wg_file_close(NULL);
    }
}

WG_TEST(reads_stop_at_the_end)
{
    FOR_EACH_MEMBER(m)
    {
        put(&m, "a", "12345");
        wg_file *file = open_file(&m, "a", WG_OPEN_READ);
        char bytes[16];
        size_t got = 99;
        WG_OK(wg_file_read(file, 3, bytes, 10, &got, &error));
        WG_CHECK(got == 2 && memcmp(bytes, "45", 2) == 0);
        WG_OK(wg_file_read(file, 5, bytes, 10, &got, &error));
        WG_CHECK_U64(got, 0);
        WG_OK(wg_file_read(file, UINT64_MAX - 5, bytes, 10, &got, &error));
        WG_CHECK_U64(got, 0);
        WG_OK(wg_file_read_all(file, 1, bytes, 4, &error));
        WG_FAILS_WITH(WAGGLE_CORRUPT, "4 of 5", wg_file_read_all(file, 1, bytes, 5, &error));
        wg_file_close(file);
    }
}

WG_TEST(writes_grow_a_file_and_leave_zeros_in_gaps)
{
    FOR_EACH_MEMBER(m)
    {
        wg_file *file = open_file(&m, "a", WG_OPEN_NEW);
        WG_OK(wg_file_write(file, 10, "x", 1, &error));
        WG_CHECK_U64(size_of(file), 11);
        WG_OK(wg_file_write(file, 20, NULL, 0, &error)); // nothing grows nothing
        WG_CHECK_U64(size_of(file), 11);
        char bytes[11];
        WG_OK(wg_file_read_all(file, 0, bytes, 11, &error));
        WG_CHECK(memcmp(bytes, "\0\0\0\0\0\0\0\0\0\0x", 11) == 0);
        WG_FAILS(WAGGLE_INVALID, wg_file_write(file, UINT64_MAX, "x", 1, &error));
        WG_FAILS(WAGGLE_INVALID, wg_file_write(file, INT64_MAX, "x", 1, &error));
        WG_FAILS(WAGGLE_INVALID, wg_file_truncate(file, UINT64_MAX, &error));
        WG_FAILS(WAGGLE_INVALID, wg_file_allocate(file, UINT64_MAX, &error));
        wg_file_close(file);
    }
}

WG_TEST(many_pieces_are_written_one_behind_the_other)
{
    enum {
        COUNT = 3000
    }; // beyond what one system call takes

    static wg_piece pieces[COUNT];
    static uint8_t bytes[COUNT * 3], found[COUNT * 3];
    test_random random = {test_seed(6)};
    size_t size = 0;
    for (size_t i = 0; i < COUNT; i++) {
        pieces[i] = (wg_piece){bytes + size, test_below(&random, 4)};
        for (size_t k = 0; k < pieces[i].size; k++)
            bytes[size++] = (uint8_t)test_next(&random);
    }
    FOR_EACH_MEMBER(m)
    {
        wg_file *file = open_file(&m, "a", WG_OPEN_NEW);
        WG_OK(wg_file_write_pieces(file, 7, pieces, COUNT, &error));
        WG_CHECK_U64(size_of(file), 7 + size);
        WG_OK(wg_file_read_all(file, 7, found, size, &error));
        WG_CHECK(memcmp(found, bytes, size) == 0);
        WG_OK(wg_file_write_pieces(file, 0, pieces, 0, &error));
        wg_file_close(file);
    }
}

WG_TEST(a_file_opened_for_reading_is_not_written)
{
    FOR_EACH_MEMBER(m)
    {
        put(&m, "a", "12345");
        wg_file *file = open_file(&m, "a", WG_OPEN_READ);
        WG_FAILS(WAGGLE_IO, wg_file_write(file, 0, "x", 1, &error));
        WG_FAILS(WAGGLE_IO, wg_file_truncate(file, 0, &error));
        WG_FAILS(WAGGLE_IO, wg_file_allocate(file, 10, &error));
        wg_file_close(file);
        check_text(&m, "a", "12345");
    }
}

WG_TEST(truncating_cuts_and_growing_again_gives_zeros)
{
    FOR_EACH_MEMBER(m)
    {
        put(&m, "a", "12345");
        wg_file *file = open_file(&m, "a", WG_OPEN_WRITE);
        WG_OK(wg_file_truncate(file, 2, &error));
        WG_CHECK_U64(size_of(file), 2);
        WG_OK(wg_file_truncate(file, 5, &error));
        char bytes[5];
        WG_OK(wg_file_read_all(file, 0, bytes, 5, &error));
        WG_CHECK(memcmp(bytes, "12\0\0\0", 5) == 0);
        WG_OK(wg_file_sync(file, &error));
        wg_file_close(file);
    }
}

WG_TEST(allocating_grows_with_zeros_and_never_cuts)
{
    FOR_EACH_MEMBER(m)
    {
        put(&m, "a", "12345");
        wg_file *file = open_file(&m, "a", WG_OPEN_WRITE);
        WG_OK(wg_file_allocate(file, 2, &error));
        WG_CHECK_U64(size_of(file), 5);
        size_t size = (2 << 20) + 3;
        WG_OK(wg_file_allocate(file, size, &error));
        WG_CHECK_U64(size_of(file), size);
        uint8_t *bytes = malloc(size);
        WG_OK(wg_file_read_all(file, 0, bytes, size, &error));
        WG_CHECK(memcmp(bytes, "12345", 5) == 0);
        for (size_t i = 5; i < size; i++)
            WG_CHECK_U64(bytes[i], 0);
        free(bytes);
        wg_file_close(file);
    }
}

WG_TEST(a_mapping_shows_the_bytes_and_outlives_the_handle)
{
    FOR_EACH_MEMBER(m)
    {
        put(&m, "a", "12345");
        wg_mapping mapping = {0};
        wg_file_unmap(m.vfs, &mapping); // a zeroed one is fine
        wg_file *file = open_file(&m, "a", WG_OPEN_READ);
        WG_OK(wg_file_map(file, &mapping, &error));
        wg_file_close(file);
        WG_CHECK_U64(mapping.size, 5);
        WG_CHECK(memcmp(mapping.data, "12345", 5) == 0);
        wg_file_unmap(m.vfs, &mapping);
        WG_CHECK(mapping.data == NULL && mapping.size == 0 && mapping.handle == NULL);
        WG_OK(wg_vfs_unlink(m.vfs, at(&m, "a"), &error));
    }
}

WG_TEST(an_empty_file_maps_to_nothing_at_some_address)
{
    FOR_EACH_MEMBER(m)
    {
        put(&m, "a", "");
        wg_mapping mapping;
        wg_file *file = open_file(&m, "a", WG_OPEN_READ);
        WG_OK(wg_file_map(file, &mapping, &error));
        WG_CHECK(mapping.data != NULL && mapping.size == 0);
        wg_file_unmap(m.vfs, &mapping);
        wg_file_close(file);
    }
}

WG_TEST(a_rename_replaces_and_moves)
{
    FOR_EACH_MEMBER(m)
    {
        put(&m, "a", "new");
        put(&m, "b", "old");
        WG_OK(wg_vfs_rename(m.vfs, at(&m, "a"), at(&m, "b"), &error));
        check_text(&m, "b", "new");
        WG_CHECK(!wg_vfs_exists(m.vfs, at(&m, "a")));
        WG_FAILS_WITH(WAGGLE_NOT_FOUND, "/a",
                      wg_vfs_rename(m.vfs, at(&m, "a"), at(&m, "c"), &error));
        WG_FAILS(WAGGLE_NOT_FOUND, wg_vfs_rename(m.vfs, at(&m, "b"), at(&m, "no/b"), &error));
        WG_OK(wg_vfs_rename(m.vfs, at(&m, "b"), at(&m, "b"), &error));
        check_text(&m, "b", "new");
    }
}

WG_TEST(a_folder_is_renamed_with_what_it_holds)
{
    FOR_EACH_MEMBER(m)
    {
        WG_OK(wg_vfs_make_dir(m.vfs, at(&m, "d"), &error));
        put(&m, "d/a", "data");
        put(&m, "f", "file");
        WG_FAILS(WAGGLE_IO, wg_vfs_rename(m.vfs, at(&m, "d"), at(&m, "f"), &error));
        WG_FAILS(WAGGLE_IO, wg_vfs_rename(m.vfs, at(&m, "f"), at(&m, "d"), &error));
        WG_OK(wg_vfs_rename(m.vfs, at(&m, "d"), at(&m, "e"), &error));
        check_text(&m, "e/a", "data");
        WG_CHECK(!wg_vfs_exists(m.vfs, at(&m, "d/a")));
        WG_OK(wg_vfs_make_dir(m.vfs, at(&m, "d"), &error));
        WG_OK(wg_vfs_rename(m.vfs, at(&m, "e"), at(&m, "d"), &error)); // over an empty one
        check_text(&m, "d/a", "data");
    }
}

WG_TEST(a_hard_link_is_another_name_of_the_same_bytes)
{
    FOR_EACH_MEMBER(m)
    {
        put(&m, "a", "12345");
        WG_OK(wg_vfs_link(m.vfs, at(&m, "a"), at(&m, "b"), &error));
        wg_file *file = open_file(&m, "a", WG_OPEN_WRITE);
        WG_OK(wg_file_write(file, 0, "X", 1, &error));
        wg_file_close(file);
        check_text(&m, "b", "X2345");
        WG_FAILS(WAGGLE_EXISTS, wg_vfs_link(m.vfs, at(&m, "a"), at(&m, "b"), &error));
        WG_FAILS(WAGGLE_NOT_FOUND, wg_vfs_link(m.vfs, at(&m, "no"), at(&m, "c"), &error));
        WG_FAILS(WAGGLE_NOT_FOUND, wg_vfs_link(m.vfs, at(&m, "a"), at(&m, "no/c"), &error));
        WG_OK(wg_vfs_unlink(m.vfs, at(&m, "a"), &error));
        check_text(&m, "b", "X2345");
    }
}

WG_TEST(removing_names_that_are_missing_or_in_use_is_refused)
{
    FOR_EACH_MEMBER(m)
    {
        WG_FAILS(WAGGLE_NOT_FOUND, wg_vfs_unlink(m.vfs, at(&m, "a"), &error));
        WG_FAILS(WAGGLE_NOT_FOUND, wg_vfs_remove_dir(m.vfs, at(&m, "a"), &error));
        WG_OK(wg_vfs_make_dir(m.vfs, at(&m, "d"), &error));
        WG_OK(wg_vfs_make_dir(m.vfs, at(&m, "d"), &error)); // there is fine
        put(&m, "d/a", "x");
        WG_FAILS(WAGGLE_IO, wg_vfs_remove_dir(m.vfs, at(&m, "d"), &error));
        WG_FAILS(WAGGLE_IO, wg_vfs_remove_dir(m.vfs, at(&m, "d/a"), &error));
        WG_FAILS(WAGGLE_EXISTS, wg_vfs_make_dir(m.vfs, at(&m, "d/a"), &error));
        WG_FAILS(WAGGLE_NOT_FOUND, wg_vfs_make_dir(m.vfs, at(&m, "no/d"), &error));
        WG_CHECK(wg_vfs_unlink(m.vfs, at(&m, "d"), &error) != WAGGLE_OK);
        WG_OK(wg_vfs_unlink(m.vfs, at(&m, "d/a"), &error));
        WG_OK(wg_vfs_remove_dir(m.vfs, at(&m, "d"), &error));
        WG_FAILS(WAGGLE_NOT_FOUND, wg_vfs_sync_dir(m.vfs, at(&m, "d"), &error));
        WG_OK(wg_vfs_sync_dir(m.vfs, m.root, &error));
    }
}

typedef struct listing {
    vfs_member *member;
    unsigned files, folders, stop_after;
    bool remove;
} listing;

static bool list_entry(void *context, const char *name, bool is_folder)
{
    listing *list = context;
    char path[WG_PATH_SIZE_MAX];
    *(is_folder ? &list->folders : &list->files) += 1;
    WG_CHECK(name[0] == (is_folder ? 'd' : 'f') && strlen(name) == 2);
    WG_OK(wg_path_join(path, list->member->root, name, &error));
    if (list->remove && !is_folder) WG_OK(wg_vfs_unlink(list->member->vfs, path, &error));
    return --list->stop_after > 0;
}

WG_TEST(a_folder_lists_its_own_entries_and_may_change_meanwhile)
{
    FOR_EACH_MEMBER(m)
    {
        for (char i = 0; i < 9; i++)
            put(&m, (char[]){'f', (char)('0' + i), 0}, "x");
        WG_OK(wg_vfs_make_dir(m.vfs, at(&m, "d1"), &error));
        WG_OK(wg_vfs_make_dir(m.vfs, at(&m, "d2"), &error));
        put(&m, "d1/inner", "x");
        listing list = {&m, .stop_after = 4};
        WG_OK(wg_vfs_list(m.vfs, m.root, list_entry, &list, &error));
        WG_CHECK_U64(list.files + list.folders, 4);
        list = (listing){&m, .stop_after = 100, .remove = true};
        WG_OK(wg_vfs_list(m.vfs, m.root, list_entry, &list, &error));
        WG_CHECK(list.files == 9 && list.folders == 2);
        list = (listing){&m, .stop_after = 100};
        WG_OK(wg_vfs_list(m.vfs, m.root, list_entry, &list, &error));
        WG_CHECK(list.files == 0 && list.folders == 2);
        WG_FAILS(WAGGLE_NOT_FOUND, wg_vfs_list(m.vfs, at(&m, "no"), list_entry, &list, &error));
        WG_CHECK(wg_vfs_list(m.vfs, at(&m, "d1/inner"), list_entry, &list, &error) != WAGGLE_OK);
    }
}

WG_TEST(a_lock_excludes_others_of_this_process_until_it_is_closed)
{
    FOR_EACH_MEMBER(m)
    {
        wg_file *lock, *other, *third;
        const char *path = at(&m, "LOCK");
        WG_OK(wg_vfs_lock(m.vfs, path, false, &lock, &error));
        WG_FAILS_WITH(WAGGLE_LOCKED, "this process",
                      wg_vfs_lock(m.vfs, path, false, &other, &error));
        WG_FAILS(WAGGLE_LOCKED, wg_vfs_lock(m.vfs, path, true, &other, &error));
        WG_OK(wg_file_write(lock, 0, "who", 3, &error)); // and it can be written and read
        check_text(&m, "LOCK", "who");
        WG_FAILS(WAGGLE_LOCKED, wg_vfs_lock(m.vfs, path, true, &other, &error));
        wg_file_close(lock);
        WG_OK(wg_vfs_lock(m.vfs, path, true, &lock, &error));
        WG_OK(wg_vfs_lock(m.vfs, path, true, &other, &error));
        WG_FAILS(WAGGLE_LOCKED, wg_vfs_lock(m.vfs, path, false, &third, &error));
        wg_file_close(lock);
        WG_FAILS(WAGGLE_LOCKED, wg_vfs_lock(m.vfs, path, false, &third, &error));
        wg_file_close(other);
        WG_OK(wg_vfs_lock(m.vfs, path, false, &third, &error));
        wg_file_close(third);
        WG_FAILS(WAGGLE_NOT_FOUND, wg_vfs_lock(m.vfs, at(&m, "no/LOCK"), false, &lock, &error));
    }
}

WG_TEST(a_member_says_what_its_sync_means)
{
    FOR_EACH_MEMBER(m)
    {
        char text[64] = "";
        wg_vfs_describe(m.vfs, m.root, text, sizeof(text));
        WG_CHECK(strlen(text) > 3);
        if (which == 0) WG_CHECK(strncmp(text, "fdatasync on ", 13) == 0);
        wg_vfs_describe(m.vfs, m.root, text, 5);
        WG_CHECK(strlen(text) == 4);
    }
}

WG_TEST(paths_are_joined_with_one_slash_up_to_the_limit)
{
    char path[WG_PATH_SIZE_MAX];
    static char folder[WG_PATH_SIZE_MAX + 10];
    WG_OK(wg_path_join(path, "a", "b", &error));
    WG_CHECK_TEXT(path, "a/b");
    WG_OK(wg_path_join(path, "/", "b", &error));
    WG_CHECK_TEXT(path, "/b");
    WG_OK(wg_path_join(path, "", "b", &error));
    WG_CHECK_TEXT(path, "b");
    memset(folder, 'x', WG_PATH_SIZE_MAX - 3);
    WG_OK(wg_path_join(path, folder, "b", &error));
    WG_CHECK_U64(strlen(path), WG_PATH_SIZE_MAX - 1);
    folder[WG_PATH_SIZE_MAX - 3] = 'x';
    WG_FAILS_WITH(WAGGLE_INVALID, "4096", wg_path_join(path, folder, "b", &error));
}

// ---- Memory -------------------------------------------------------------------------------------

static bool nothing_listed(void *context, const char *name, bool is_folder)
{
    (void)context;
    (void)name;
    (void)is_folder;
    return false;
}

// A short life of a database's folder; an error ends it early and leaves nothing behind.
static waggle_status live(wg_vfs *vfs)
{
    wg_file *file = NULL;
    wg_file *lock = NULL;
    wg_mapping mapping = {0};
    waggle_status status = wg_vfs_make_dir(vfs, "/db", &error);
    if (status == WAGGLE_OK) status = wg_vfs_lock(vfs, "/db/LOCK", false, &lock, &error);
    if (status == WAGGLE_OK) status = wg_file_open(vfs, "/db/a", WG_OPEN_NEW, &file, &error);
    if (status == WAGGLE_OK) status = wg_file_write(file, 0, "12345", 5, &error);
    if (status == WAGGLE_OK) status = wg_file_write(file, 10000, "12345", 5, &error);
    if (status == WAGGLE_OK) status = wg_file_allocate(file, 3000000, &error);
    if (status == WAGGLE_OK) status = wg_file_map(file, &mapping, &error);
    if (status == WAGGLE_OK) status = wg_vfs_link(vfs, "/db/a", "/db/b", &error);
    if (status == WAGGLE_OK) status = wg_vfs_rename(vfs, "/db/b", "/db/c", &error);
    if (status == WAGGLE_OK) status = wg_vfs_list(vfs, "/", nothing_listed, NULL, &error);
    wg_file_unmap(vfs, &mapping);
    wg_file_close(file);
    wg_file_close(lock);
    return status;
}

WG_TEST(memory_reports_each_refused_allocation_and_loses_none)
{
    for (uint64_t fail_at = 1;; fail_at++) {
        test_heap heap;
        test_heap_init(&heap);
        heap.fail_at = fail_at;
        wg_vfs *vfs = wg_vfs_memory_create(&heap.heap);
        waggle_status status = vfs == NULL ? WAGGLE_OUT_OF_MEMORY : live(vfs);
        wg_vfs_memory_destroy(vfs);
        WG_CHECK_U64(heap.live, 0);
        WG_CHECK_U64(wg_heap_used(&heap.heap), 0);
        WG_CHECK(status == (heap.failed > 0 ? WAGGLE_OUT_OF_MEMORY : WAGGLE_OK));
        if (heap.failed == 0) break;
    }
}

WG_TEST(memory_finds_ten_thousand_files_and_counts_their_bytes)
{
    test_heap heap;
    test_heap_init(&heap);
    wg_vfs *vfs = wg_vfs_memory_create(&heap.heap);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 10000; i++) {
            char path[32], bytes[16];
            wg_file *file;
            snprintf(path, sizeof(path), "f%d", i);
            WG_OK(wg_file_open(vfs, path, round == 0 ? WG_OPEN_NEW : WG_OPEN_READ, &file, &error));
            if (round == 0) WG_OK(wg_file_write(file, 0, path, strlen(path), &error));
            WG_OK(wg_file_read_all(file, 0, bytes, strlen(path), &error));
            WG_CHECK(memcmp(bytes, path, strlen(path)) == 0);
            wg_file_close(file);
        }
    }
    WG_CHECK(heap.heap.used[WG_MEMORY_ROWS] >= 10000 * 5);
    wg_vfs_memory_destroy(vfs);
    WG_CHECK_U64(wg_heap_used(&heap.heap), 0);
}

WG_TEST(memory_refuses_to_remove_what_is_open)
{
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_file *file;
    WG_OK(wg_file_open(vfs, "a", WG_OPEN_NEW, &file, &error));
    WG_FAILS_WITH(WAGGLE_IO, "open", wg_vfs_unlink(vfs, "a", &error));
    WG_FAILS_WITH(WAGGLE_IO, "open", wg_vfs_rename(vfs, "a", "b", &error));
    wg_file_close(file);
    WG_OK(wg_vfs_unlink(vfs, "a", &error));
    wg_vfs_memory_destroy(vfs);
    wg_vfs_memory_destroy(NULL);
}

// ---- POSIX --------------------------------------------------------------------------------------

// Runs work in a child process; its exit code.
static int in_child(int (*work)(const char *path), const char *path)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(work(path));
    int how = 0;
    WG_CHECK(waitpid(child, &how, 0) == child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

// The child has the parent's table of locks: it must be the system that says no.
static int lock_shared(const char *path)
{
    wg_file *file;
    return (int)wg_vfs_lock(wg_vfs_posix(), path, true, &file, &error);
}

static int lock_by_system(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock region = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fd >= 0 && fcntl(fd, F_OFD_SETLK, &region) == 0 ? 0 : 1;
}

WG_TEST(a_lock_excludes_other_processes_and_ends_with_its_own)
{
    vfs_member m;
    member_init(&m, 0);
    const char *path = at(&m, "LOCK");
    wg_file *lock;
    WG_OK(wg_vfs_lock(m.vfs, path, false, &lock, &error));
    WG_CHECK_U64(in_child(lock_shared, path), WAGGLE_LOCKED);
    WG_CHECK_U64(in_child(lock_by_system, path), 1);
    wg_file_close(lock);
    WG_CHECK_U64(in_child(lock_by_system, path), 0);
    WG_OK(wg_vfs_lock(m.vfs, path, false, &lock, &error)); // a dead process holds nothing
    wg_file_close(lock);
    WG_OK(wg_vfs_lock(m.vfs, path, true, &lock, &error));
    WG_CHECK_U64(in_child(lock_shared, path), WAGGLE_OK);
    WG_CHECK_U64(in_child(lock_by_system, path), 1);
    wg_file_close(lock);
}

WG_TEST(a_lock_of_another_process_is_named_so)
{
    vfs_member m;
    member_init(&m, 0);
    const char *path = at(&m, "LOCK");
    put(&m, "LOCK", "");
    // Another open file description stands for another process: our table does not know it.
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock region = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    WG_CHECK(fcntl(fd, F_OFD_SETLK, &region) == 0);
    wg_file *lock;
    WG_FAILS_WITH(WAGGLE_LOCKED, "another process", wg_vfs_lock(m.vfs, path, true, &lock, &error));
    close(fd);
    WG_OK(wg_vfs_lock(m.vfs, path, true, &lock, &error));
    wg_file_close(lock);
}

// Stands before the C library's: while write_limit is set, a call writes at most that much, and every
// third is interrupted.
static size_t write_limit;
static unsigned write_calls;

ssize_t pwritev(int fd, const struct iovec *iovecs, int count, off_t offset)
{
    struct iovec cut[64];
    size_t left = write_limit == 0 ? SIZE_MAX : write_limit;
    int used = 0;
    if (write_limit > 0 && ++write_calls % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    for (; used < count && used < (int)WG_COUNT(cut) && left > 0; used++) {
        cut[used] = iovecs[used];
        cut[used].iov_len = WG_MIN(cut[used].iov_len, left);
        left -= cut[used].iov_len;
    }
    return syscall(SYS_pwritev, fd, cut, used, offset, 0);
}

WG_TEST(interrupted_and_short_writes_are_taken_up_where_they_stopped)
{
    vfs_member m;
    member_init(&m, 0);
    wg_piece pieces[] = {
        {"abc",     3},
        {"",        0},
        {"defgh",   5},
        {"i",       1},
        {"jklmnop", 7}
    };
    for (size_t limit = 1; limit <= 16; limit++) {
        write_limit = limit;
        write_calls = 0;
        wg_file *file = open_file(&m, "a", WG_OPEN_CREATE);
        WG_OK(wg_file_truncate(file, 0, &error));
        waggle_status status = wg_file_write_pieces(file, 0, pieces, WG_COUNT(pieces), &error);
        wg_file_close(file);
        write_limit = 0;
        WG_FAILS(WAGGLE_OK, status);
        check_text(&m, "a", "abcdefghijklmnop");
    }
    WG_CHECK(write_calls > 0);
}

WG_TEST(posix_messages_name_call_path_and_reason)
{
    wg_file *file;
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "open /no/such: No such file or directory (errno 2)",
                  wg_file_open(wg_vfs_posix(), "/no/such", WG_OPEN_READ, &file, &error));
    WG_FAILS(WAGGLE_IO, wg_file_open(wg_vfs_posix(), "/dev/null/x", WG_OPEN_READ, &file, &error));
}

// Root may write everywhere, so it becomes somebody else for a while.
WG_TEST(a_folder_without_permission_is_read_only)
{
    vfs_member m;
    member_init(&m, 0);
    put(&m, "LOCK", "");
    WG_CHECK(chmod(at(&m, "LOCK"), 0444) == 0 && chmod(m.root, 0555) == 0);
    bool root = geteuid() == 0;
    if (root) WG_CHECK(seteuid(65534) == 0);
    wg_file *file = NULL;
    wg_file *lock = NULL;
    waggle_status opened = wg_file_open(m.vfs, at(&m, "a"), WG_OPEN_NEW, &file, &error);
    waggle_status made = wg_vfs_make_dir(m.vfs, at(&m, "d"), &error);
    waggle_status exclusive = wg_vfs_lock(m.vfs, at(&m, "LOCK"), false, &file, &error);
    waggle_status shared = wg_vfs_lock(m.vfs, at(&m, "LOCK"), true, &lock, &error);
    if (root) WG_CHECK(seteuid(0) == 0); // before any check can leave the test
    wg_file_close(lock);
    chmod(m.root, 0700);

    WG_FAILS(WAGGLE_READ_ONLY, opened);
    WG_FAILS(WAGGLE_READ_ONLY, made);
    WG_FAILS(WAGGLE_READ_ONLY, exclusive);
    WG_FAILS(WAGGLE_OK, shared); // readers may
}

WG_TEST(a_full_and_a_read_only_disk_have_their_own_statuses)
{
    vfs_member m;
    member_init(&m, 0);
    WG_OK(wg_vfs_make_dir(m.vfs, at(&m, "mnt"), &error));
    const char *root = at(&m, "mnt");
    if (mount("tmpfs", root, "tmpfs", 0, "size=1m") != 0)
        WG_SKIP("mounting a tmpfs is not allowed");
    snprintf(m.root, sizeof(m.root), "%s", root);

    static uint8_t bytes[3 << 20];
    wg_file *file = open_file(&m, "a", WG_OPEN_NEW);
    waggle_status full = wg_file_write(file, 0, bytes, sizeof(bytes), &error);
    bool named = strstr(error.message, "No space left on device (errno 28)") != NULL;
    waggle_status allocated = wg_file_allocate(file, 4 << 20, &error);
    wg_file_close(file);
    char text[64];
    wg_vfs_describe(m.vfs, m.root, text, sizeof(text));
    bool remounted = mount(NULL, m.root, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0;
    waggle_status read_only = wg_file_open(m.vfs, at(&m, "b"), WG_OPEN_NEW, &file, &error);
    wg_file *lock = NULL;
    waggle_status locked = wg_vfs_lock(m.vfs, at(&m, "a"), true, &lock, &error);
    wg_file_close(lock);
    WG_CHECK(umount(m.root) == 0); // before any check can leave the test

    WG_FAILS(WAGGLE_DISK_FULL, full);
    WG_CHECK(named);
    WG_FAILS(WAGGLE_DISK_FULL, allocated);
    WG_CHECK_TEXT(text, "fdatasync on tmpfs");
    WG_CHECK(remounted);
    WG_FAILS(WAGGLE_READ_ONLY, read_only);
    WG_FAILS(WAGGLE_OK, locked);
}
