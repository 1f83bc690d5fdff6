// For the tests of this folder: files in memory, and what reading them gives.
#pragma once

#include "base/codec.h"
#include "cli/readers/reader.h"
#include "support/test.h"

// A reader of bytes; the name tells the format.
static inline waggle_status testing_open(const char *name, const void *data, size_t size,
                                         const cli_reader_options *options, cli_reader **reader,
                                         waggle_error *error)
{
    wg_stream *stream;
    waggle_status status = wg_stream_open_memory(name, data, size, &stream, error);
    if (status != WAGGLE_OK) return status;
    return cli_reader_open_stream(name, stream, options, reader, error);
}

// Reads all of a file: *rows receives how many rows came.
static inline waggle_status testing_drain(const char *name, const void *data, size_t size,
                                          const cli_reader_options *options, uint64_t *rows,
                                          waggle_error *error)
{
    cli_reader *reader = NULL;
    const cli_batch *batch = NULL;
    waggle_status status = testing_open(name, data, size, options, &reader, error);
    *rows = 0;
    while (status == WAGGLE_OK) {
        status = cli_reader_next(reader, &batch, error);
        if (status != WAGGLE_OK || batch->count == 0) break;
        *rows += batch->count;
    }
    cli_reader_close(reader);
    return status;
}

static inline waggle_status testing_drain_text(const char *name, const char *text,
                                               const cli_reader_options *options,
                                               waggle_error *error)
{
    uint64_t rows;
    return testing_drain(name, text, strlen(text), options, &rows, error);
}

static inline const float *testing_floats(const cli_batch *batch, uint32_t column, uint64_t row)
{
    const waggle_rows *rows = &batch->vectors[column].rows;
    return (const float *)rows->data + row * rows->dim;
}

static inline bool testing_text_is(waggle_text text, const char *expected)
{
    return text.size == strlen(expected) && memcmp(text.data, expected, text.size) == 0;
}
