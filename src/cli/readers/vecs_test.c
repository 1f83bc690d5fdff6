// fvecs, bvecs, ivecs, and the *bin formats.
#include "base/bytes.h"
#include "cli/readers/testing.h"

// Rows of floats with their dimension before each.
static size_t add_row(uint8_t *file, size_t at, uint32_t dim, const void *data, size_t size)
{
    wg_put32(file + at, dim);
    memcpy(file + at + 4, data, size);
    return at + 4 + size;
}

static const float row0[] = {1, 2, 3}, row1[] = {4, 5, 6}, bad[] = {7, 1.0f / 0.0f, 9};

WG_TEST(fvecs_bvecs_and_ivecs_are_read)
{
    static const uint8_t bytes[] = {0, 128, 255};
    static const int32_t integers[] = {-1, 0, 7};
    static const float converted[] = {-1, 0, 7};

    static const struct {
        const char *name;
        const void *data, *expected;
        size_t size;
        waggle_type type;
    } cases[] = {
        {"a.fvecs", row0,     row0,      12, WAGGLE_F32},
        {"a.bvecs", bytes,    bytes,     3,  WAGGLE_U8 },
        {"a.ivecs", integers, converted, 12, WAGGLE_F32},
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        uint8_t file[64];
        waggle_error error;
        cli_reader *reader;
        const cli_batch *batch;
        size_t size = add_row(file, 0, 3, cases[i].data, cases[i].size);
        size = add_row(file, size, 3, cases[i].data, cases[i].size);
        WG_OK(testing_open(cases[i].name, file, size, NULL, &reader, &error));
        WG_CHECK(cli_reader_describe(reader)->rows_known);
        WG_CHECK_U64(cli_reader_describe(reader)->rows, 2);
        WG_OK(cli_reader_next(reader, &batch, &error));
        const waggle_rows *rows = &batch->vectors[0].rows;
        size_t row_size = waggle_vector_size(rows->type, 3);
        WG_CHECK(rows->type == cases[i].type && rows->count == 2 && rows->dim == 3);
        WG_CHECK(memcmp(rows->data, cases[i].expected, row_size) == 0);
        WG_CHECK(memcmp((const uint8_t *)rows->data + row_size, cases[i].expected, row_size) == 0);
        cli_reader_close(reader);
    }
}

WG_TEST(a_row_of_another_dimension_is_named_with_both)
{
    uint8_t file[128];
    uint64_t rows;
    waggle_error error;
    size_t size = add_row(file, 0, 3, row0, sizeof row0);
    size = add_row(file, size, 2, row1, 8);
    size = add_row(file, size, 3, bad, sizeof bad);
    size = add_row(file, size, 3, row1, sizeof row1);
    WG_FAILS_WITH(WAGGLE_DIMENSION,
                  "a.fvecs: row 1: the vector has 2 components; the dimension is 3",
                  testing_drain("a.fvecs", file, size, NULL, &rows, &error));
    WG_CHECK_U64(rows, 1); // what came before is given
    WG_CHECK(error.expected == 3 && error.actual == 2);
    cli_reader_options options = {.skip_errors = true};
    WG_OK(testing_drain("a.fvecs", file, size, &options, &rows, &error));
    WG_CHECK_U64(rows, 2);
    options = (cli_reader_options){.first_row = 2};
    WG_FAILS_WITH(WAGGLE_INVALID, "row 2: component 1 is Inf",
                  testing_drain("a.fvecs", file, size, &options, &rows, &error));
    options = (cli_reader_options){.first_row = 3};
    WG_OK(testing_drain("a.fvecs", file, size, &options, &rows, &error));
    WG_CHECK_U64(rows, 1);
}

WG_TEST(vecs_that_are_cut_off_or_senseless_are_refused)
{
    uint8_t file[128];
    uint64_t rows;
    waggle_error error;
    size_t size = add_row(file, 0, 3, row0, sizeof row0);
    size = add_row(file, size, 3, row1, sizeof row1);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "truncated: row 1 of 3 components has 12 bytes; there are 11",
                  testing_drain("a.fvecs", file, size - 1, NULL, &rows, &error));
    WG_FAILS_WITH(WAGGLE_CORRUPT, "row 1 begins with a dimension of 4 bytes; there are 2",
                  testing_drain("a.fvecs", file, 18, NULL, &rows, &error));
    static const uint32_t dims[] = {0, 65537, UINT32_MAX};
    for (size_t i = 0; i < WG_COUNT(dims); i++) {
        wg_put32(file + 16, dims[i]);
        WG_FAILS_WITH(WAGGLE_DIMENSION, "row 1 has the dimension ",
                      testing_drain("a.fvecs", file, size, NULL, &rows, &error));
    }
    WG_OK(testing_drain("a.fvecs", file, 0, NULL, &rows, &error));
    WG_CHECK_U64(rows, 0);
}

WG_TEST(bin_files_are_read)
{
    static const uint8_t bytes[] = {1, 2, 0xFF, 4, 5, 6};

    static const struct {
        const char *name;
        const void *data;
        size_t size;
        waggle_type type;
    } cases[] = {
        {"a.fbin",  row0,  12, WAGGLE_F32},
        {"a.u8bin", bytes, 3,  WAGGLE_U8 },
        {"a.i8bin", bytes, 3,  WAGGLE_I8 },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        uint8_t file[64];
        waggle_error error;
        cli_reader *reader;
        const cli_batch *batch;
        uint64_t rows;
        wg_put32(file, 1);
        wg_put32(file + 4, 3);
        memcpy(file + 8, cases[i].data, cases[i].size);
        WG_OK(testing_open(cases[i].name, file, 8 + cases[i].size, NULL, &reader, &error));
        WG_OK(cli_reader_next(reader, &batch, &error));
        WG_CHECK(batch->count == 1 && batch->vectors[0].rows.type == cases[i].type);
        WG_CHECK(memcmp(batch->vectors[0].rows.data, cases[i].data, cases[i].size) == 0);
        cli_reader_close(reader);
        WG_FAILS_WITH(WAGGLE_CORRUPT, "1 rows of 3, which are ",
                      testing_drain(cases[i].name, file, 7 + cases[i].size, NULL, &rows, &error));
        WG_FAILS_WITH(WAGGLE_CORRUPT, "1 rows of 3, which are ",
                      testing_drain(cases[i].name, file, 9 + cases[i].size, NULL, &rows, &error));
        WG_FAILS_WITH(WAGGLE_CORRUPT, "the header has 8 bytes, the file 7",
                      testing_drain(cases[i].name, file, 7, NULL, &rows, &error));
        wg_put32(file + 4, 0);
        WG_FAILS_WITH(WAGGLE_DIMENSION, "the dimension is 0",
                      testing_drain(cases[i].name, file, 8, NULL, &rows, &error));
    }
}
