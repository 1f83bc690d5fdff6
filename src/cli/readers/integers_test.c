#include "base/bytes.h"
#include "cli/readers/testing.h"

static waggle_status read_file(const char *name, const void *data, size_t size,
                               cli_integers *integers, waggle_error *error)
{
    char folder[4096], path[4200];
    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    WG_CHECK(file != NULL);
    WG_CHECK(fwrite(data, 1, size, file) == size);
    fclose(file);
    return cli_integers_read(path, integers, error);
}

static size_t make_npy(uint8_t *file, const char *descr, const char *shape, const void *data,
                       size_t size)
{
    memcpy(file, "\x93NUMPY\1\0", 8);
    int header = snprintf((char *)file + 10, 118,
                          "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape);
    wg_put16(file + 8, (uint16_t)header);
    memcpy(file + 10 + header, data, size);
    return 10 + (size_t)header + size;
}

WG_TEST(integers_of_every_width_are_read)
{
    static const int32_t i4[] = {1, -2, 3, 4};
    static const int64_t i8[] = {1, -2, 3, 4};
    static const uint8_t u1[] = {1, 254, 3, 4};

    static const struct {
        const char *descr, *shape;
        const void *data;
        size_t size;
        uint64_t count;
        int64_t second;
    } cases[] = {
        {"<i4", "(2, 2)", i4, 16, 2, -2 },
        {"<i8", "(2, 2)", i8, 32, 2, -2 },
        {"|u1", "(2, 2)", u1, 4,  2, 254},
        {"<i4", "(4,)",   i4, 16, 4, -2 },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        uint8_t file[256];
        waggle_error error;
        cli_integers table;
        size_t size = make_npy(file, cases[i].descr, cases[i].shape, cases[i].data, cases[i].size);
        WG_OK(read_file("a.npy", file, size, &table, &error));
        WG_CHECK(table.count == cases[i].count && table.count * table.width == 4);
        WG_CHECK(table.values[0] == 1 && table.values[1] == cases[i].second);
        cli_integers_finish(&table);
        WG_FAILS_WITH(WAGGLE_CORRUPT, "truncated",
                      read_file("a.npy", file, size - 1, &table, &error));
    }
}

WG_TEST(ivecs_are_tables_too)
{
    static const int32_t file[] = {2, 1, -2, 2, 3, 4};
    static const int32_t ragged[] = {2, 1, -2, 1, 3};
    waggle_error error;
    cli_integers table;
    WG_OK(read_file("a.ivecs", file, sizeof file, &table, &error));
    WG_CHECK(table.count == 2 && table.width == 2 && table.values[1] == -2 && table.values[3] == 4);
    cli_integers_finish(&table);
    WG_FAILS_WITH(WAGGLE_INVALID, "row 1 has 1 integers; the rows before have 2",
                  read_file("a.ivecs", ragged, sizeof ragged, &table, &error));
    WG_FAILS_WITH(WAGGLE_CORRUPT, "truncated", read_file("a.ivecs", file, 22, &table, &error));
}

WG_TEST(what_is_no_table_of_integers_is_refused)
{
    static const float f4[] = {1, 2};
    static const uint64_t u8[] = {1, UINT64_MAX};
    uint8_t file[256];
    waggle_error error;
    cli_integers table;
    size_t size = make_npy(file, "<f4", "(1, 2)", f4, sizeof f4);
    WG_FAILS_WITH(WAGGLE_INVALID, "holds floats; integers are needed",
                  read_file("a.npy", file, size, &table, &error));
    size = make_npy(file, "<u8", "(1, 2)", u8, sizeof u8);
    WG_FAILS_WITH(WAGGLE_INVALID, "integer 1 is 18446744073709551615; the most is",
                  read_file("a.npy", file, size, &table, &error));
    size = make_npy(file, "<i8", "(99999999, 99999)", u8, sizeof u8);
    WG_FAILS_WITH(WAGGLE_INVALID, "are more than 1024 MiB",
                  read_file("a.npy", file, size, &table, &error));
    size = make_npy(file, "<i8", "(1000, 1000)", u8, sizeof u8);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "truncated: the header says ",
                  read_file("a.npy", file, size, &table, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "from npy and ivecs, not fbin",
                  read_file("a.fbin", file, size, &table, &error));
}
