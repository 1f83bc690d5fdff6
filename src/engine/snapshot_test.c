// Snapshots: their files, names and listing, and damage of theirs.
#include "engine/snapshot_testing.h"

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
        bool there = true;
        WG_OK(wg_snapshot_folder_find(f.disk, "db/snapshots/a.tmp", &there, &error));
        WG_CHECK(!there);
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

#define ZERO32 "00000000000000000000000000000000"
#define SHA "\"sha256\":\"" ZERO32 ZERO32 "\""
#define FILES(files) "{\"format\":1,\"name\":\"s\",\"files\":[" files "]"

WG_TEST(a_list_of_files_says_all_of_each_file_once)
{
    static const struct {
        const char *text; // up to the checksum
        const char *end;  // behind it
        waggle_status status;
        const char *says;
    } cases[] = {
        {FILES("{\"name\":\"MANIFEST\",\"size\":1," SHA "}"),         "}",   WAGGLE_OK,             ""                    },
        {FILES("{\"name\":\"MANIFEST\"," SHA "}"),                    "}",   WAGGLE_CORRUPT,        "MANIFEST has no size"},
        {FILES("{\"name\":\"MANIFEST\",\"size\":1}"),                 "}",   WAGGLE_CORRUPT,        "no SHA-256"          },
        {FILES("{\"name\":\"seg/a\",\"size\":1," SHA "},{\"name\":\"MANIFEST\",\"size\":3," SHA
               "},{\"name\":\"seg/a\",\"size\":2," SHA "}"),
         "}",                                                                WAGGLE_CORRUPT,        "1 of 3 files"        },
        {FILES("{\"name\":\"MANIFEST\",\"size\":18446744073709551615," SHA
               "},{\"name\":\"seg/a\",\"size\":1," SHA "}"),
         "}",                                                                WAGGLE_CORRUPT,        "seg/a has 1 bytes"   },
        {FILES(""),                                                   "}{}", WAGGLE_CORRUPT,        "the end"             },
        {"{\"format\":2,\"files\":{}",                                "}",   WAGGLE_FORMAT_VERSION, "format 2"            },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        fixture f = {.disk = wg_vfs_memory_create(NULL)};
        waggle_error error;
        wg_snapshot_index index;
        char text[512];
        snprintf(text, sizeof text, "%s,\"crc32c\":%u%s", cases[i].text,
                 wg_crc32c(0, cases[i].text, strlen(cases[i].text)), cases[i].end);
        WG_OK(wg_vfs_make_dir(f.disk, "db", &error));
        WG_OK(wg_vfs_make_dir(f.disk, "db/snapshots", &error));
        WG_OK(wg_vfs_make_dir(f.disk, "db/snapshots/s", &error));
        index_put(&f, text);
        wg_error_clear(&error);
        WG_CHECK_U64(wg_snapshot_index_read(f.disk, NULL, "db/snapshots/s", &index, &error),
                     cases[i].status);
        WG_CHECK_U64(error.status, cases[i].status);
        if (strstr(error.message, cases[i].says) == NULL)
            fail_msg("case %zu: %s", i, error.message);
        wg_snapshot_index_finish(&index);
        wg_vfs_memory_destroy(f.disk);
    }
}
