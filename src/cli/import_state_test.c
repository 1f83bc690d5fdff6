#include "cli/import_state.h"
#include "support/test.h"

static char test_database[WG_PATH_SIZE_MAX];

static cli_import_state state_of(const char *collection, const char *source)
{
    return (cli_import_state){
        .database = test_database,
        .collection = collection,
        .source = source,
        .payload = "p.jsonl",
    };
}

static void write_file(const char *path, const char *text, size_t size)
{
    waggle_error error = {0};
    wg_file *file = NULL;

    WG_OK(wg_file_open(wg_vfs_posix(), path, WG_OPEN_CREATE, &file, &error));
    WG_OK(wg_file_truncate(file, 0, &error));
    WG_OK(wg_file_write(file, 0, text, size, &error));
    wg_file_close(file);
}

WG_TEST(what_was_saved_is_loaded)
{
    waggle_error error = {0};
    bool found = true;

    test_folder(test_database, sizeof(test_database));
    cli_import_state saved = state_of("films", "a \"b\".npy");
    WG_OK(cli_import_state_load(&saved, &found, &error));
    WG_CHECK(!found);

    saved.fingerprint = UINT64_MAX;
    saved.first_id = 7;
    saved.rows = 20000;
    saved.skipped = 3;
    snprintf(saved.last_id, sizeof(saved.last_id), "20006");
    WG_OK(cli_import_state_save(&saved, &error));
    saved.rows = 30000;
    WG_OK(cli_import_state_save(&saved, &error));

    cli_import_state loaded = state_of("films", "a \"b\".npy");
    WG_OK(cli_import_state_load(&loaded, &found, &error));
    WG_CHECK(found);
    WG_CHECK(loaded.fingerprint == UINT64_MAX);
    WG_CHECK_U64(loaded.first_id, 7);
    WG_CHECK_U64(loaded.rows, 30000);
    WG_CHECK_U64(loaded.skipped, 3);
    WG_CHECK_TEXT(loaded.last_id, "20006");
}

WG_TEST(imports_of_other_files_or_collections_are_apart)
{
    waggle_error error = {0};
    bool found = true;

    test_folder(test_database, sizeof(test_database));
    cli_import_state saved = state_of("films", "a.npy");
    WG_OK(cli_import_state_save(&saved, &error));
    cli_import_state other = state_of("films", "b.npy");
    WG_OK(cli_import_state_load(&other, &found, &error));
    WG_CHECK(!found);
    other = state_of("songs", "a.npy");
    WG_OK(cli_import_state_load(&other, &found, &error));
    WG_CHECK(!found);
    other = state_of("films", "a.npy");
    other.payload = NULL;
    WG_OK(cli_import_state_load(&other, &found, &error));
    WG_CHECK(!found);
}

WG_TEST(a_removed_state_is_not_found)
{
    waggle_error error = {0};
    bool found = true;

    test_folder(test_database, sizeof(test_database));
    cli_import_state saved = state_of("films", "a.npy");
    WG_OK(cli_import_state_save(&saved, &error));
    cli_import_state_remove(&saved);
    WG_OK(cli_import_state_load(&saved, &found, &error));
    WG_CHECK(!found);
    cli_import_state_remove(&saved); // again does no harm
}

WG_TEST(a_dropped_collection_forgets_its_imports_alone)
{
    waggle_error error = {0};
    bool found = true;

    test_folder(test_database, sizeof(test_database));
    cli_import_state a = state_of("films", "a.npy"), b = state_of("films", "b.npy");
    cli_import_state other = state_of("songs", "a.npy");
    WG_OK(cli_import_state_save(&a, &error));
    WG_OK(cli_import_state_save(&b, &error));
    WG_OK(cli_import_state_save(&other, &error));
    cli_import_states_forget(test_database, "films");
    WG_OK(cli_import_state_load(&a, &found, &error));
    WG_CHECK(!found);
    WG_OK(cli_import_state_load(&b, &found, &error));
    WG_CHECK(!found);
    WG_OK(cli_import_state_load(&other, &found, &error));
    WG_CHECK(found);
}

WG_TEST(copied_states_are_found_under_either_name)
{
    waggle_error error = {0};
    bool found = false;

    test_folder(test_database, sizeof(test_database));
    WG_OK(cli_import_states_copy(test_database, "films", "movies", &error)); // there are none
    cli_import_state a = state_of("films", "a.npy"), b = state_of("films", "b.npy");
    cli_import_state other = state_of("songs", "c.npy");
    a.rows = 7;
    b.payload = NULL;
    snprintf(b.last_id, sizeof(b.last_id), "x");
    WG_OK(cli_import_state_save(&a, &error));
    WG_OK(cli_import_state_save(&b, &error));
    WG_OK(cli_import_state_save(&other, &error));
    WG_OK(cli_import_states_copy(test_database, "films", "movies", &error));

    cli_import_state copy = state_of("movies", "a.npy");
    WG_OK(cli_import_state_load(&copy, &found, &error));
    WG_CHECK(found);
    WG_CHECK_U64(copy.rows, 7);
    copy = state_of("movies", "b.npy");
    copy.payload = NULL;
    WG_OK(cli_import_state_load(&copy, &found, &error));
    WG_CHECK(found);
    WG_CHECK_TEXT(copy.last_id, "x");
    copy = state_of("movies", "c.npy");
    WG_OK(cli_import_state_load(&copy, &found, &error));
    WG_CHECK(!found);
    WG_OK(cli_import_state_load(&a, &found, &error));
    WG_CHECK(found);
}

// Finds the only file of the folder.
static bool first_name(void *context, const char *name, bool is_folder)
{
    if (!is_folder) snprintf(context, 256, "%s", name);
    return true;
}

WG_TEST(a_damaged_state_counts_as_none)
{
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"rows\": -1}",
        "{\"rows\": 99999999999999999999}",
        "{\"rows\": 5}",
        "{\"collection\": \"films\", \"rows\": 5}",
        "{\"collection\": \"other\", \"source\": \"a.npy\", \"rows\": 5}",
        "{\"collection\": \"films\", \"source\": \"a.npy\", \"rows\": 5}", // without payload
        "{\"collection\": \"films\", \"source\": 5, \"payload\": \"p.jsonl\", \"rows\": 5}",
        "\xFF\xFE",
    };
    waggle_error error = {0};
    char folder[WG_PATH_SIZE_MAX], path[WG_PATH_SIZE_MAX], name[256] = "";

    test_folder(test_database, sizeof(test_database));
    cli_import_state saved = state_of("films", "a.npy");
    WG_OK(cli_import_state_save(&saved, &error));
    WG_OK(wg_path_join(folder, test_database, "import", &error));
    WG_OK(wg_vfs_list(wg_vfs_posix(), folder, first_name, name, &error));
    WG_OK(wg_path_join(path, folder, name, &error));
    for (size_t i = 0; i < WG_COUNT(damaged); i++) {
        bool found = true;
        write_file(path, damaged[i], strlen(damaged[i]));
        WG_OK(cli_import_state_load(&saved, &found, &error));
        if (found) fail_msg("\"%s\" was taken for a state", damaged[i]);
        WG_CHECK_U64(saved.rows, 0);
    }
}

WG_TEST(a_changed_file_has_another_fingerprint)
{
    static char data[300000];
    waggle_error error = {0};
    char path[WG_PATH_SIZE_MAX];
    uint64_t first = 0, again = 0, changed = 0;
    static const size_t places[] = {0, sizeof(data) / 2, sizeof(data) - 1};

    test_folder(test_database, sizeof(test_database));
    WG_OK(wg_path_join(path, test_database, "a.npy", &error));
    write_file(path, data, sizeof(data));
    WG_OK(cli_fingerprint(path, &first, &error));
    WG_OK(cli_fingerprint(path, &again, &error));
    WG_CHECK(first == again);
    for (size_t i = 0; i < WG_COUNT(places); i++) {
        data[places[i]] = 1;
        write_file(path, data, sizeof(data));
        WG_OK(cli_fingerprint(path, &changed, &error));
        WG_CHECK(changed != first);
        data[places[i]] = 0;
    }
    write_file(path, data, sizeof(data) - 1);
    WG_OK(cli_fingerprint(path, &changed, &error));
    WG_CHECK(changed != first);
    WG_FAILS(WAGGLE_NOT_FOUND, cli_fingerprint("/no/such/file", &changed, &error));
}
