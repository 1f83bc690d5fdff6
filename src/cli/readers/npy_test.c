#include "cli/readers/testing.h"

// A npy file: header text, then the data.
static size_t make_npy(uint8_t *file, uint8_t major, const char *header, const void *data,
                       size_t size)
{
    size_t width = major == 1 ? 2 : 4, header_size = strlen(header);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = major;
    file[7] = 0;
    memset(file + 8, 0, width);
    file[8] = (uint8_t)header_size;
    file[9] = (uint8_t)(header_size >> 8);
    memcpy(file + 8 + width, header, header_size);
    if (size > 0) memcpy(file + 8 + width + header_size, data, size);
    return 8 + width + header_size + size;
}

#define HEADER(descr, shape) \
    "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }      \n"

static const float six[] = {1, -2.5f, 3, 4, 5, 6.25f};

WG_TEST(float32_arrays_of_all_versions_are_read)
{
    for (uint8_t major = 1; major <= 3; major++) {
        uint8_t file[256];
        waggle_error error;
        cli_reader *reader;
        const cli_batch *batch;
        size_t size = make_npy(file, major, HEADER("<f4", "(2, 3)"), six, sizeof six);
        WG_OK(testing_open("a.npy", file, size, NULL, &reader, &error));
        const cli_reader_info *info = cli_reader_describe(reader);
        WG_CHECK(info->rows_known && info->rows == 2 && !info->has_ids && !info->has_payloads);
        WG_CHECK(info->vector_count == 1 && info->vectors[0].rows.dim == 3);
        WG_OK(cli_reader_next(reader, &batch, &error));
        WG_CHECK(batch->count == 2 && batch->ids == NULL && batch->payloads == NULL);
        WG_CHECK(batch->rows[0] == 0 && batch->rows[1] == 1);
        WG_CHECK(batch->vectors[0].name == NULL && batch->vectors[0].present == NULL);
        WG_CHECK(batch->vectors[0].rows.type == WAGGLE_F32);
        WG_CHECK(memcmp(batch->vectors[0].rows.data, six, sizeof six) == 0);
        WG_OK(cli_reader_next(reader, &batch, &error));
        WG_CHECK_U64(batch->count, 0);
        WG_CHECK_U64(cli_reader_row(reader), 2);
        WG_CHECK_U64(cli_reader_position(reader), size);
        cli_reader_close(reader);
    }
}

WG_TEST(element_types_are_kept_or_become_float32)
{
    static const double f8[] = {0.1, -1e-300, 3.4028234e38};
    static const uint8_t bytes[] = {0, 127, 255};
    static const uint16_t f2[] = {0x3C00, 0xFBFF, 0x0001};
    static const int64_t i8[] = {-16777216, 0, INT64_C(1) << 62};
    static const int32_t i4[] = {-5, 0, 16777216};

    static const struct {
        const char *header;
        const void *data;
        size_t size;
        waggle_type type;
        float floats[3]; // if the type is f32
    } cases[] = {
        {HEADER("<f8", "(1, 3)"),   f8,    24, WAGGLE_F32, {0.1f, -0.0f, 3.4028234e38f}},
        {HEADER("<f2", "(1, 3)"),   f2,    6,  WAGGLE_F16, {0}                         },
        {HEADER("|u1", "(1,3)"),    bytes, 3,  WAGGLE_U8,  {0}                         },
        {HEADER("|i1", "(1L, 3L)"), bytes, 3,  WAGGLE_I8,  {0}                         },
        {HEADER("<i8", "(1, 3)"),   i8,    24, WAGGLE_F32, {-16777216, 0, 0x1p62f}     },
        {HEADER("<i4", "(1, 3,)"),  i4,    12, WAGGLE_F32, {-5, 0, 16777216}           },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        uint8_t file[256];
        waggle_error error;
        cli_reader *reader;
        const cli_batch *batch;
        size_t size = make_npy(file, 1, cases[i].header, cases[i].data, cases[i].size);
        WG_OK(testing_open("a.npy", file, size, NULL, &reader, &error));
        WG_OK(cli_reader_next(reader, &batch, &error));
        const waggle_rows *rows = &batch->vectors[0].rows;
        WG_CHECK_U64(rows->type, cases[i].type);
        WG_CHECK(rows->count == 1 && rows->dim == 3);
        const void *expected = rows->type == WAGGLE_F32 ? cases[i].floats : cases[i].data;
        WG_CHECK(memcmp(rows->data, expected, waggle_vector_size(rows->type, 3)) == 0);
        cli_reader_close(reader);
    }
}

WG_TEST(bad_headers_are_refused_with_what_they_say)
{
    static const struct {
        const char *header;
        waggle_status status;
        const char *message;
    } cases[] = {
        {HEADER(">f4",                                                       "(2, 3)"),                                                                   WAGGLE_UNSUPPORTED,"big-endian ('>f4')"},
        {HEADER("<c8",                                                                  "(2, 3)"),                                                                                                                                  WAGGLE_UNSUPPORTED,"the elements are '<c8'"},
        {HEADER("<U4",                                          "(2, 3)"),                                                                                                                     WAGGLE_UNSUPPORTED,                                                   "the elements are '<U4'"},
        {HEADER("|b1",                                                "(2, 3)"),WAGGLE_UNSUPPORTED,"the elements are '|b1'"},
        {HEADER("<f4",          "(6,)"),                                                                                     WAGGLE_INVALID,                                                                                                                                 "1 axis of 6; 2 are needed"},
        {HEADER("<f4",                                                       "()"),                                                                                                                  WAGGLE_INVALID,"0 axes; 2 are needed"},
        {HEADER("<f4",                                                                  "(1, 2, 3)"),                                                                                                                                  WAGGLE_INVALID,"3 axes; 2 are needed"},
        {HEADER("<f4",                                            "(2, 0)"),                                                                                                                       WAGGLE_DIMENSION,                                                                                             "the dimension is 0; it must be 1 to"},
        {HEADER("<f4",                                                    "(2, 65537)"),WAGGLE_DIMENSION,"the dimension is 65537"},
        {HEADER("<f4",              "(2, 5000000000)"),WAGGLE_DIMENSION,"the dimension is 5000000000"},
        {HEADER("<f4",                                                       "(3, 3)"),                                                                  WAGGLE_CORRUPT,"3 rows of 3, which are "},
        {HEADER("<f4",                                                                  "(1, 3)"),                                                                                                                                  WAGGLE_CORRUPT,"1 rows of 3, which are "},
        {HEADER("<f4",                                     "(18446744073709551615, 3)"),                                                                                                                WAGGLE_CORRUPT,                                                                                                                                                                                                                                                                                    "are too many"},
        {HEADER("<f4",                                                    "(18446744073709551616, 3)"),                                     WAGGLE_CORRUPT,
         "in place of a number below 2^64"},
        {HEADER("<f4","(-1, 3)"),WAGGLE_CORRUPT,"in place of a number"},
        {HEADER("<f4",                                                       "[2, 3]"),                                                                  WAGGLE_CORRUPT,"in place of a shape"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}",                                                                  WAGGLE_UNSUPPORTED,
         "a.npy: the array is in Fortran order"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",                                  WAGGLE_UNSUPPORTED,
         "records"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}",                                                    WAGGLE_CORRUPT,
         "in place of True or False"                                                                                                                                                                                                        },
        {"{'descr': '<f4', 'shape': (2, 3)}",   WAGGLE_CORRUPT,
         "lacks descr, fortran_order or shape"                                     },
        {"{'descr': '<f4', 'x': 1}",         WAGGLE_CORRUPT, "the unknown key 'x'"},
        {"{'descr': '<f4", WAGGLE_CORRUPT,                         "in place of a short quoted word"},
        {"{'descr'",            WAGGLE_CORRUPT,                      "\"the end\" in place of a colon"},
        {"import os",                                WAGGLE_CORRUPT,                                                                                           "has \"import os"},
        {"",                                         WAGGLE_CORRUPT,                                                                                              "in place of {"},
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        uint8_t file[512];
        uint64_t rows;
        waggle_error error;
        size_t size = make_npy(file, 1, cases[i].header, six, sizeof six);
        WG_FAILS_WITH(cases[i].status, cases[i].message,
                      testing_drain("a.npy", file, size, NULL, &rows, &error));
        WG_CHECK(strncmp(error.message, "a.npy: ", 7) == 0);
    }
}

WG_TEST(files_that_are_no_npy_or_cut_off_are_refused)
{
    uint8_t file[256];
    uint64_t rows;
    waggle_error error;
    size_t whole = make_npy(file, 1, HEADER("<f4", "(2, 3)"), six, sizeof six);
    for (size_t size = 0; size < whole; size++)
        WG_FAILS(WAGGLE_CORRUPT, testing_drain("a.npy", file, size, NULL, &rows, &error));
    WG_FAILS_WITH(WAGGLE_CORRUPT, "the header says 2 rows of 3, which are ",
                  testing_drain("a.npy", file, whole - 1, NULL, &rows, &error));
    WG_FAILS_WITH(WAGGLE_CORRUPT, "does not begin with",
                  testing_drain("a.npy", "PK\3\4 this is a npz", 19, NULL, &rows, &error));
    file[6] = 4;
    WG_FAILS_WITH(WAGGLE_UNSUPPORTED, "npy version 4.0; 1.0 to 3.0",
                  testing_drain("a.npy", file, whole, NULL, &rows, &error));
    file[6] = 2;
    memset(file + 8, 0xFF, 4);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "the npy header has 4294967295 bytes; the most is 65536",
                  testing_drain("a.npy", file, whole, NULL, &rows, &error));
}

WG_TEST(values_that_are_no_vector_s_are_named)
{
    static const float floats[] = {1, 2, 3, 4, 0.0f / 0.0f, 6};
    static const double doubles[] = {1, 2, 3, 4, 5, 3.5e38};
    static const uint16_t halves[] = {0, 0, 0xFC00, 0, 0, 0};
    static const int64_t integers[] = {1, 2, 3, 16777217, 5, 6};
    static const uint64_t large[] = {1, 2, 3, 4, UINT64_MAX, 6};

    static const struct {
        const char *header;
        const void *data;
        size_t size;
        const char *message;
    } cases[] = {
        {HEADER("<f4", "(2, 3)"), floats,   24, "a.npy: row 1: component 1 is NaN; vectors"       },
        {HEADER("<f8", "(2, 3)"), doubles,  48, "a.npy: row 1: component 2 is 3.5e38; the largest"},
        {HEADER("<f2", "(2, 3)"), halves,   12, "a.npy: row 0: component 2 is -Inf"               },
        {HEADER("<i8", "(2, 3)"), integers, 48, "row 1: component 0 is 16777217, which no float32"},
        {HEADER("<u8", "(2, 3)"), large,    48, "row 1: component 1 is 18446744073709551615, wh"  },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        uint8_t file[256];
        uint64_t rows;
        waggle_error error;
        size_t size = make_npy(file, 1, cases[i].header, cases[i].data, cases[i].size);
        WG_FAILS_WITH(WAGGLE_INVALID, cases[i].message,
                      testing_drain("a.npy", file, size, NULL, &rows, &error));
        cli_reader_options options = {.skip_errors = true};
        WG_OK(testing_drain("a.npy", file, size, &options, &rows, &error));
        WG_CHECK_U64(rows, 1);
    }
}

WG_TEST(a_wanted_dimension_is_checked)
{
    uint8_t file[256];
    uint64_t rows;
    waggle_error error;
    cli_reader_options options = {.dim = 4};
    size_t size = make_npy(file, 1, HEADER("<f4", "(2, 3)"), six, sizeof six);
    WG_FAILS_WITH(WAGGLE_DIMENSION, "the dimension is 3; 4 is expected",
                  testing_drain("a.npy", file, size, &options, &rows, &error));
    WG_CHECK(error.expected == 4 && error.actual == 3);
}
