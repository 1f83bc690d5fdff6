// Restoring: a collection of a snapshot under a new name, and a whole snapshot as another database.
#include "engine/snapshot_testing.h"

// ---- A collection -------------------------------------------------------------------------------

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
