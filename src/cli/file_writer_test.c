#include "cli/file_writer.h"
#include "support/test.h"

static void check_file(const char *path, const char *expected)
{
    waggle_error error = {0};
    wg_file *file = NULL;
    char text[64] = "";
    size_t got = 0;

    WG_OK(wg_file_open(wg_vfs_posix(), path, WG_OPEN_READ, &file, &error));
    WG_OK(wg_file_read(file, 0, text, sizeof(text) - 1, &got, &error));
    wg_file_close(file);
    text[got] = '\0';
    WG_CHECK_TEXT(text, expected);
}

static void test_path(char *path)
{
    char folder[WG_PATH_SIZE_MAX];
    waggle_error error = {0};

    test_folder(folder, sizeof(folder));
    WG_OK(wg_path_join(path, folder, "out.txt", &error));
}

WG_TEST(what_is_written_is_in_the_file)
{
    waggle_error error = {0};
    char path[WG_PATH_SIZE_MAX];
    cli_file_writer writer;

    test_path(path);
    WG_OK(cli_file_create(&writer, path, &error));
    WG_OK(cli_file_write(&writer, "????, world", 11, &error));
    WG_OK(cli_file_patch(&writer, "Hell", 4, &error));
    WG_OK(cli_file_write(&writer, "!", 1, &error));
    WG_OK(cli_file_finish(&writer, WAGGLE_OK, &error));
    check_file(path, "Hell, world!");
}

WG_TEST(nothing_is_overwritten)
{
    waggle_error error = {0};
    char path[WG_PATH_SIZE_MAX];
    cli_file_writer writer;

    test_path(path);
    WG_OK(cli_file_create(&writer, path, &error));
    WG_OK(cli_file_write(&writer, "first", 5, &error));
    WG_OK(cli_file_finish(&writer, WAGGLE_OK, &error));
    WG_FAILS(WAGGLE_EXISTS, cli_file_create(&writer, path, &error));
    WG_FAILS(WAGGLE_EXISTS, cli_file_finish(&writer, WAGGLE_EXISTS, &error));
    check_file(path, "first");
}

WG_TEST(half_a_file_is_removed)
{
    waggle_error error = {0};
    char path[WG_PATH_SIZE_MAX];
    cli_file_writer writer;

    test_path(path);
    WG_OK(cli_file_create(&writer, path, &error));
    WG_OK(cli_file_write(&writer, "half", 4, &error));
    WG_FAILS(WAGGLE_CORRUPT, cli_file_finish(&writer, WAGGLE_CORRUPT, &error));
    WG_CHECK(!wg_vfs_exists(wg_vfs_posix(), path));
    WG_OK(cli_file_finish(&writer, WAGGLE_OK, &error)); // again does no harm
}

WG_TEST(large_output_is_written_in_pieces)
{
    static char block[300000];
    waggle_error error = {0};
    char path[WG_PATH_SIZE_MAX];
    cli_file_writer writer;
    wg_file *file = NULL;
    uint64_t size = 0;

    test_path(path);
    WG_OK(cli_file_create(&writer, path, &error));
    for (int i = 0; i < 10; i++) {
        WG_OK(cli_file_write(&writer, block, sizeof(block), &error));
    }
    WG_CHECK(writer.offset > 0);
    WG_OK(cli_file_finish(&writer, WAGGLE_OK, &error));
    WG_OK(wg_file_open(wg_vfs_posix(), path, WG_OPEN_READ, &file, &error));
    WG_OK(wg_file_size(file, &size, &error));
    WG_CHECK_U64(size, 10 * sizeof(block));
    wg_file_close(file);
}
