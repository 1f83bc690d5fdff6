// What all formats share: batches, resuming, payload files, packed files, errors that are passed over.
#include "cli/readers/testing.h"

#include <zlib.h>

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    WG_CHECK(file != NULL);
    WG_CHECK(fwrite(data, 1, size, file) == size);
    fclose(file);
}

// Rows of one component each, their number; bad rows where the step divides.
static size_t make_rows(char *text, size_t capacity, int count, int bad_step)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        bool bad = bad_step > 0 && i % bad_step == bad_step - 1;
        size += (size_t)snprintf(text + size, capacity - size, "{\"vector\": [%d%s]}\n", i,
                                 bad ? ",0" : "");
    }
    return size;
}

static void write_payloads(const char *path, int count)
{
    static char text[64 * 1024];
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "{\"i\":%d}\n", i);
    write_file(path, text, size);
}

WG_TEST(formats_are_told_by_extension)
{
    static const struct {
        const char *path;
        cli_format format;
    } cases[] = {
        {"a.npy",           CLI_FORMAT_NPY  },
        {"a.b/c.fvecs.gz",  CLI_FORMAT_FVECS},
        {"x.jsonl.zst",     CLI_FORMAT_JSONL},
        {"x.ndjson",        CLI_FORMAT_JSONL},
        {"x.tsv",           CLI_FORMAT_TSV  },
        {"deep.gz/a.u8bin", CLI_FORMAT_U8BIN},
    };

    waggle_error error;
    cli_format format;
    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        WG_OK(cli_format_of_path(cases[i].path, &format, &error));
        WG_CHECK_U64(format, cases[i].format);
        WG_OK(cli_format_parse(cli_format_name(format), &format, &error));
        WG_CHECK_U64(format, cases[i].format);
    }
    static const char *const bad[] = {"a", "a.gz", "a.npy/b", ".", "", "a.parquet", "gz", ".zst"};
    for (size_t i = 0; i < WG_COUNT(bad); i++) {
        WG_FAILS_WITH(WAGGLE_INVALID, "known are npy, fvecs",
                      cli_format_of_path(bad[i], &format, &error));
    }
    WG_FAILS_WITH(WAGGLE_INVALID, "needs its format told",
                  cli_format_of_path("-", &format, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "\"xml\" is not known", cli_format_parse("xml", &format, &error));
}

WG_TEST(batches_hold_at_most_what_was_asked_for)
{
    char text[4096];
    size_t size = make_rows(text, sizeof text, 10, 0);
    cli_reader_options options = {.batch_rows = 4};
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.jsonl", text, size, &options, &reader, &error));
    static const uint64_t counts[] = {4, 4, 2, 0, 0};
    uint64_t row = 0;
    for (size_t i = 0; i < WG_COUNT(counts); i++) {
        WG_OK(cli_reader_next(reader, &batch, &error));
        WG_CHECK_U64(batch->count, counts[i]);
        for (uint64_t j = 0; j < batch->count; j++, row++) {
            WG_CHECK_U64(batch->rows[j], row);
            WG_CHECK(testing_floats(batch, 0, j)[0] == (float)row);
        }
        WG_CHECK_U64(cli_reader_row(reader), row);
    }
    cli_reader_close(reader);
}

WG_TEST(a_batch_does_not_outgrow_its_size)
{
    enum {
        DIM = 65536,
        ROWS = 600
    }; // 256 KiB a row

    size_t size = 8 + (size_t)DIM * ROWS * 4;
    uint8_t *file = wg_alloc_zeroed(NULL, WG_MEMORY_SCRATCH, size);
    uint32_t header[] = {ROWS, DIM};
    memcpy(file, header, sizeof header);
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.fbin", file, size, NULL, &reader, &error));
    uint64_t rows = 0;
    do {
        WG_OK(cli_reader_next(reader, &batch, &error));
        WG_CHECK(batch->count * DIM * 4 <= CLI_BATCH_SIZE_MAX);
        rows += batch->count;
    } while (batch->count > 0);
    WG_CHECK_U64(rows, ROWS);
    cli_reader_close(reader);
    wg_free(file);
}

typedef struct seen {
    uint64_t count;
    uint64_t rows[8];
    uint64_t lines[8];
    char column[80];
    char message[512];
} seen;

static void see(void *context, const cli_row_error *error)
{
    seen *all = context;
    WG_CHECK(all->count < WG_COUNT(all->rows));
    all->rows[all->count] = error->row;
    all->lines[all->count++] = error->line;
    snprintf(all->column, sizeof all->column, "%s", error->column);
    snprintf(all->message, sizeof all->message, "%s", error->message);
}

WG_TEST(bad_rows_are_told_and_left_out_when_asked_for)
{
    char text[4096];
    seen all = {0};
    size_t size = make_rows(text, sizeof text, 10, 3); // rows 2, 5 and 8 are bad
    cli_reader_options options = {
        .skip_errors = true, .skipped = see, .skipped_context = &all, .batch_rows = 4};
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.jsonl", text, size, &options, &reader, &error));
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK(batch->count == 4 && batch->rows[2] == 3 && batch->rows[3] == 4);
    WG_CHECK(testing_floats(batch, 0, 3)[0] == 4);
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK(batch->count == 3 && batch->rows[0] == 6 && batch->rows[2] == 9);
    WG_CHECK_U64(cli_reader_row(reader), 10);
    WG_CHECK_U64(cli_reader_skipped(reader), 3);
    WG_CHECK(all.count == 3 && all.rows[0] == 2 && all.rows[2] == 8 && all.lines[2] == 9);
    WG_CHECK_TEXT(all.column, "vector");
    WG_CHECK_TEXT(all.message,
                  "a.jsonl: row 8 (line 9): vector has 2 components; the dimension is 1");
    cli_reader_close(reader);
}

WG_TEST(rows_before_a_bad_one_come_first_and_reading_resumes_there)
{
    char text[4096];
    size_t size = make_rows(text, sizeof text, 10, 6); // row 5
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    WG_OK(testing_open("a.jsonl", text, size, NULL, &reader, &error));
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK_U64(batch->count, 5);
    WG_FAILS_WITH(WAGGLE_DIMENSION, "row 5 (line 6)", cli_reader_next(reader, &batch, &error));
    WG_FAILS(WAGGLE_DIMENSION, cli_reader_next(reader, &batch, &error));
    WG_CHECK_U64(cli_reader_row(reader), 5);
    cli_reader_close(reader);

    char *bad = strstr(text, ",0"); // the file is mended
    memset(bad, ' ', 2);
    cli_reader_options options = {.first_row = 5};
    WG_OK(testing_open("a.jsonl", text, size, &options, &reader, &error));
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK(batch->count == 5 && batch->rows[0] == 5 && testing_floats(batch, 0, 0)[0] == 5);
    cli_reader_close(reader);

    options.first_row = 10;
    WG_OK(testing_open("a.jsonl", text, size, &options, &reader, &error));
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK_U64(batch->count, 0);
    cli_reader_close(reader);
    options.first_row = 11;
    WG_FAILS_WITH(WAGGLE_INVALID, "has 10 rows; row 11 cannot be the first",
                  testing_open("a.jsonl", text, size, &options, &reader, &error));
}

WG_TEST(every_format_resumes_at_any_row)
{
    static const uint8_t u8bin[] = {3, 0, 0, 0, 1, 0, 0, 0, 10, 11, 12};
    static const uint8_t bvecs[] = {1, 0, 0, 0, 10, 1, 0, 0, 0, 11, 1, 0, 0, 0, 12};

    static const struct {
        const char *name;
        const void *data;
        size_t size;
    } files[] = {
        {"a.u8bin", u8bin,                                                       sizeof u8bin},
        {"a.bvecs", bvecs,                                                       sizeof bvecs},
        {"a.csv",   "v0,t\n10,\"a\nb\"\n11,\n12,x",                              23          },
        {"a.jsonl", "{\"vector\":[10]}\n\n{\"vector\":[11]}\n{\"vector\":[12]}", 48          },
    };

    for (size_t i = 0; i < WG_COUNT(files); i++) {
        for (uint64_t first = 0; first <= 3; first++) {
            cli_reader_options options = {.first_row = first};
            waggle_error error;
            cli_reader *reader;
            const cli_batch *batch;
            WG_OK(testing_open(files[i].name, files[i].data, files[i].size, &options, &reader,
                               &error));
            WG_OK(cli_reader_next(reader, &batch, &error));
            WG_CHECK_U64(batch->count, 3 - first);
            if (first < 3) {
                bool bytes = batch->vectors[0].rows.type == WAGGLE_U8;
                float value = bytes ? (float)*(const uint8_t *)batch->vectors[0].rows.data
                                    : testing_floats(batch, 0, 0)[0];
                WG_CHECK(value == 10 + (float)first && batch->rows[0] == first);
            }
            cli_reader_close(reader);
        }
    }
}

WG_TEST(a_payload_file_gives_line_i_to_row_i)
{
    char folder[4096], path[4200], text[4096];
    waggle_error error;
    cli_reader *reader;
    const cli_batch *batch;
    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/p.jsonl", folder);
    write_payloads(path, 10);
    size_t size = make_rows(text, sizeof text, 10, 4); // rows 3 and 7 are bad
    cli_reader_options options = {.payload_path = path, .skip_errors = true, .first_row = 2};
    WG_OK(testing_open("a.jsonl", text, size, &options, &reader, &error));
    WG_CHECK(cli_reader_describe(reader)->has_payloads);
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK_U64(batch->count, 6);
    for (uint64_t i = 0; i < batch->count; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "{\"i\":%d}", (int)batch->rows[i]);
        WG_CHECK(testing_text_is(batch->payloads[i], expected));
    }
    WG_OK(cli_reader_next(reader, &batch, &error));
    WG_CHECK_U64(batch->count, 0);
    cli_reader_close(reader);
}

WG_TEST(payload_files_that_do_not_fit_are_refused)
{
    char folder[4096], path[4200], text[4096];
    waggle_error error;
    uint64_t rows;
    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/p.jsonl", folder);
    size_t size = make_rows(text, sizeof text, 10, 0);
    cli_reader_options options = {.payload_path = path, .batch_rows = 3};

    write_payloads(path, 7);
    WG_FAILS_WITH(WAGGLE_INVALID, "p.jsonl has 7 lines, but a.jsonl has 10 rows",
                  testing_drain("a.jsonl", text, size, &options, &rows, &error));
    write_payloads(path, 12);
    WG_FAILS_WITH(WAGGLE_INVALID, "p.jsonl has 12 lines, but a.jsonl has 10 rows",
                  testing_drain("a.jsonl", text, size, &options, &rows, &error));
    WG_CHECK_U64(rows, 10);

    static const struct {
        const char *lines, *message;
    } cases[] = {
        {"{}\n{\"a\":}\n",         "p.jsonl: row 1 (line 2): column 6: expected a value, found '}'"           },
        {"{}\n\n{}\n",             "p.jsonl: row 1 (line 2): column 1: expected a value, found the end"       },
        {"{}\n[]\n",               "p.jsonl: row 1 (line 2): the line begins with [; it must be a JSON object"},
        {"{}\n{\"a\":\"\xFF\"}\n", "column 7: byte 0xff is not valid UTF-8"                                   },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        write_file(path, cases[i].lines, strlen(cases[i].lines));
        WG_FAILS_WITH(WAGGLE_INVALID, cases[i].message,
                      testing_drain("a.jsonl", text, size, &options, &rows, &error));
        WG_CHECK_U64(rows, 1);
    }
    static const char own[] = "{\"vector\": [1], \"x\": 2}\n";
    WG_FAILS_WITH(WAGGLE_INVALID, "row 0 has a payload already",
                  testing_drain("a.jsonl", own, strlen(own), &options, &rows, &error));
    options.payload_path = "/nonexistent/p.jsonl";
    WG_FAILS(WAGGLE_NOT_FOUND, testing_drain("a.jsonl", text, size, &options, &rows, &error));
}

WG_TEST(packed_files_are_read_and_their_truncation_found)
{
    static const uint8_t file[] = {3, 0, 0, 0, 1, 0, 0, 0, 10, 11, 12};
    uint8_t packed[256];
    waggle_error error;
    uint64_t rows;
    for (size_t size = sizeof file - 1; size <= sizeof file + 1; size++) {
        uint8_t bytes[12] = {0};
        memcpy(bytes, file, sizeof file);
        z_stream gzip = {.next_in = bytes,
                         .avail_in = (uInt)size,
                         .next_out = packed,
                         .avail_out = sizeof packed};
        WG_CHECK(deflateInit2(&gzip, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        WG_CHECK(deflate(&gzip, Z_FINISH) == Z_STREAM_END);
        size_t packed_size = gzip.total_out;
        deflateEnd(&gzip);
        if (size == sizeof file) {
            WG_OK(testing_drain("a.u8bin.gz", packed, packed_size, NULL, &rows, &error));
            WG_CHECK_U64(rows, 3);
            WG_FAILS_WITH(
                WAGGLE_CORRUPT, "a.u8bin.gz: truncated at byte",
                testing_drain("a.u8bin.gz", packed, packed_size - 3, NULL, &rows, &error));
        } else {
            const char *message = size < sizeof file
                                      ? "truncated: the header says 3 rows of 1, which are 11 "
                                        "bytes; there are 10"
                                      : "more bytes behind the 3 rows";
            WG_FAILS_WITH(WAGGLE_CORRUPT, message,
                          testing_drain("a.u8bin.gz", packed, packed_size, NULL, &rows, &error));
        }
    }
}

WG_TEST(options_that_do_not_fit_the_format_are_refused)
{
    static const uint8_t file[] = {1, 0, 0, 0, 1, 0, 0, 0, 10};
    waggle_error error;
    uint64_t rows;
    cli_reader_options options = {.id_field = "x"};
    WG_FAILS_WITH(WAGGLE_INVALID, "u8bin has no fields to name",
                  testing_drain("a.u8bin", file, sizeof file, &options, &rows, &error));
    options = (cli_reader_options){.delimiter = ';'};
    WG_FAILS_WITH(WAGGLE_INVALID, "u8bin has no delimiter",
                  testing_drain("a.u8bin", file, sizeof file, &options, &rows, &error));
    options = (cli_reader_options){.batch_rows = WAGGLE_BATCH_MAX + 1};
    WG_FAILS_WITH(WAGGLE_INVALID, "1048577 rows; the most is 1048576",
                  testing_drain("a.u8bin", file, sizeof file, &options, &rows, &error));
    options = (cli_reader_options){.format = CLI_FORMAT_U8BIN};
    WG_OK(testing_drain("-", file, sizeof file, &options, &rows, &error));
}
