// For the fuzz targets of this folder: reads a file in memory in every way, and touches what comes.
#pragma once

#include "base/codec.h"
#include "base/json.h"
#include "cli/readers/reader.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzzing_check_batch(const cli_batch *batch)
{
    static volatile uint8_t sink;
    for (uint64_t i = 0; i < batch->count; i++) {
        WG_ASSERT(i == 0 || batch->rows[i] > batch->rows[i - 1]);
        if (batch->ids != NULL && batch->ids[i].kind == WAGGLE_ID_STRING) {
            WG_ASSERT(wg_utf8_valid(batch->ids[i].value.string, batch->ids[i].size));
        }
        if (batch->payloads != NULL && batch->payloads[i].data != NULL) {
            waggle_text payload = batch->payloads[i];
            WG_ASSERT(wg_json_check_object(payload.data, payload.size, "x", NULL) == WAGGLE_OK);
        }
    }
    for (uint32_t i = 0; i < batch->vector_count; i++) {
        const waggle_rows *rows = &batch->vectors[i].rows;
        size_t size = waggle_vector_size(rows->type, rows->dim) * rows->count;
        WG_ASSERT(rows->count == batch->count);
        for (size_t at = 0; at < size; at++)
            sink = ((const uint8_t *)rows->data)[at];
    }
    (void)sink;
}

static inline void fuzzing_read(const uint8_t *data, size_t size, const cli_reader_options *options)
{
    wg_stream *stream;
    cli_reader *reader = NULL;
    const cli_batch *batch = NULL;
    waggle_error error;
    waggle_status status = wg_stream_open_memory("fuzz", data, size, &stream, &error);
    if (status != WAGGLE_OK) return;
    status = cli_reader_open_stream("fuzz", stream, options, &reader, &error);
    while (status == WAGGLE_OK) {
        status = cli_reader_next(reader, &batch, &error);
        if (status == WAGGLE_OK) fuzzing_check_batch(batch);
        if (status == WAGGLE_OK && batch->count == 0) break;
    }
    WG_ASSERT(status == WAGGLE_OK || memchr(error.message, '\0', sizeof error.message) != NULL);
    cli_reader_close(reader);
}

// Stopping at errors, passing over them, and from the second row on.
static inline void fuzzing_run(cli_format format, const uint8_t *data, size_t size)
{
    fuzzing_read(data, size, &(cli_reader_options){.format = format});
    fuzzing_read(data, size,
                 &(cli_reader_options){.format = format, .skip_errors = true, .batch_rows = 3});
    fuzzing_read(data, size, &(cli_reader_options){.format = format, .first_row = 1});
}
