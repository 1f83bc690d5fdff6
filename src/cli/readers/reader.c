// The reader: chooses the source by format, joins the payload file, and hands out batches.
//
// A row is kept only when everything of it is good: vector, id, and the line of the payload file. A bad row
// is either told to the caller and left out, or ends the reading: then the batch before it is handed out
// first, so that the caller can store it and say where to go on.
#include "cli/readers/source.h"

#include <stdio.h>
#include <string.h>

#define BATCH_ROWS 1000u

// The file of --payload: line i is the payload of row i.
typedef struct payload_file {
    char *path;
    wg_stream *stream;
    cli_lines lines;
    uint64_t rows; // lines read
} payload_file;

struct cli_reader {
    char *path;
    wg_stream *stream;
    cli_source *source;
    payload_file payloads; // path NULL = none
    cli_reader_options options;
    cli_reader_info info;
    cli_builder builder;
    cli_batch batch;
    bool ahead;          // the builder holds the batch that opening has read
    bool ended;          // the source has no more rows
    waggle_error failed; // comes behind the batch; status WAGGLE_OK = nothing
    uint64_t row_built;  // the row behind the batch in the builder
    uint64_t row_given;  // behind the last batch that was given
    uint64_t skipped;
};

// ---- Payload file ------------------------------------------------------------------------------

static waggle_status payloads_open(payload_file *file, const char *path, waggle_error *error)
{
    file->path = wg_strdup(NULL, WG_MEMORY_SCRATCH, path);
    if (file->path == NULL) return wg_fail_memory(error, strlen(path), "a path");
    waggle_status status = wg_stream_open(path, &file->stream, error);
    if (status != WAGGLE_OK) return status;
    return cli_lines_init(&file->lines, file->stream) ? WAGGLE_OK
                                                      : wg_fail_memory(error, 0, "reading lines");
}

static void payloads_close(payload_file *file)
{
    cli_lines_finish(&file->lines);
    wg_stream_close(file->stream);
    wg_free(file->path);
}

// A bad line of the payload file is a bad row.
static cli_step bad_payload(cli_reader *reader, uint64_t row, waggle_error *error)
{
    cli_strip_first_line(error);
    wg_fail_context(error, error->status, "%s: row %" PRIu64 " (line %" PRIu64 ")",
                    reader->payloads.path, row, reader->payloads.lines.begin);
    snprintf(reader->source->bad_column, sizeof reader->source->bad_column, "payload");
    return CLI_BAD;
}

static waggle_status check_payload(const char *text, size_t size, waggle_error *error)
{
    wg_json_reader json;
    wg_json_token token;
    if (size > WAGGLE_PAYLOAD_SIZE_MAX) {
        return wg_fail(error, WAGGLE_INVALID, "the payload has %zu bytes; the most is %u", size,
                       WAGGLE_PAYLOAD_SIZE_MAX);
    }
    wg_json_reader_init(&json, text, size);
    waggle_status status = wg_json_next(&json, &token, error);
    if (status == WAGGLE_OK && token != WG_JSON_OBJECT_BEGIN) {
        return wg_fail(error, WAGGLE_INVALID, "the line begins with %.*s; it must be a JSON object",
                       (int)WG_MIN(json.token_size, 40), json.token);
    }
    while (status == WAGGLE_OK && token != WG_JSON_END)
        status = wg_json_next(&json, &token, error);
    return status;
}

// How many rows the source has, read to its end.
static cli_step count_rows(cli_reader *reader, uint64_t *rows, waggle_error *error)
{
    cli_source *source = reader->source;
    cli_step step = CLI_ROW;
    while (step == CLI_ROW || step == CLI_BAD)
        step = source->ops->skip(source, error);
    *rows = source->row;
    return step;
}

static cli_step fail_counts(cli_reader *reader, uint64_t lines, uint64_t rows, waggle_error *error)
{
    wg_fail(error, WAGGLE_INVALID,
            "%s has %" PRIu64 " lines, but %s has %" PRIu64 " rows; line i is the payload of row i",
            reader->payloads.path, lines, reader->path, rows);
    return CLI_FAILED;
}

// Reads the line of a row. keep: into the builder's row, checked; otherwise passes over it.
static cli_step next_payload(cli_reader *reader, uint64_t row, bool keep, waggle_error *error)
{
    payload_file *file = &reader->payloads;
    cli_step step = cli_lines_next(&file->lines, error);
    if (step == CLI_FAILED) return step;
    if (step == CLI_END) {
        uint64_t rows;
        step = count_rows(reader, &rows, error);
        return step == CLI_FAILED ? step : fail_counts(reader, file->rows, rows, error);
    }
    file->rows++;
    if (!keep) return CLI_ROW;
    if (step == CLI_BAD) return bad_payload(reader, row, error);

    const char *text = (const char *)file->lines.line.data;
    size_t size = file->lines.line.size;
    if (check_payload(text, size, error) != WAGGLE_OK) return bad_payload(reader, row, error);
    if (!cli_builder_payload(&reader->builder, text, size)) return cli_no_memory(error, size);
    return CLI_ROW;
}

// Behind the last row: there may be no more lines.
static cli_step check_payloads_end(cli_reader *reader, waggle_error *error)
{
    payload_file *file = &reader->payloads;
    uint64_t rows = file->rows;
    cli_step step;
    while ((step = cli_lines_next(&file->lines, error)) == CLI_ROW || step == CLI_BAD)
        file->rows++;
    if (step == CLI_FAILED || file->rows == rows) return step;
    return fail_counts(reader, file->rows, reader->source->row, error);
}

// ---- Rows --------------------------------------------------------------------------------------

// One row, with its payload. On CLI_ROW it is in the builder, kept.
static cli_step next_row(cli_reader *reader, waggle_error *error)
{
    cli_source *source = reader->source;
    cli_builder *builder = &reader->builder;
    bool joined = reader->payloads.path != NULL;
    uint64_t row = source->row;

    cli_builder_begin(builder);
    cli_step step = source->ops->next(source, builder, error);
    if (step == CLI_END && joined) step = check_payloads_end(reader, error);
    if (step == CLI_ROW && joined) {
        if (builder->has_payload) {
            wg_fail(error, WAGGLE_INVALID,
                    "%s: row %" PRIu64 " has a payload already; %s cannot give another",
                    reader->path, row, reader->payloads.path);
            step = CLI_FAILED;
        } else {
            step = next_payload(reader, row, true, error);
        }
    } else if (step == CLI_BAD && joined) {
        waggle_error ignored = {0}; // the row's own error is told
        cli_step passed = next_payload(reader, row, false, &ignored);
        if (passed == CLI_FAILED) {
            *error = ignored;
            step = CLI_FAILED;
        }
    }
    if (step == CLI_ROW && !cli_builder_keep(builder, row)) return cli_no_memory(error, 0);
    if (step != CLI_ROW) cli_builder_drop(builder);
    return step;
}

static void tell_skipped(cli_reader *reader, uint64_t row, const waggle_error *error)
{
    reader->skipped++;
    if (reader->options.skipped == NULL) return;
    cli_row_error skipped = {.row = row,
                             .line = reader->source->line,
                             .column = reader->source->bad_column,
                             .message = error->message};
    reader->options.skipped(reader->options.skipped_context, &skipped);
}

// Fills the builder with the next batch. What ends it early is kept in reader->failed.
static void build_batch(cli_reader *reader)
{
    cli_builder *builder = &reader->builder;
    size_t largest = 0; // of the rows so far
    cli_builder_reset(builder);
    reader->row_built = reader->source->row;

    while (!reader->ended && reader->failed.status == WAGGLE_OK &&
           builder->count < reader->options.batch_rows &&
           (builder->count == 0 || builder->size + largest <= CLI_BATCH_SIZE_MAX)) {
        waggle_error error = {0};
        size_t size = builder->size;
        uint64_t row = reader->source->row;
        switch (next_row(reader, &error)) {
        case CLI_ROW: largest = WG_MAX(largest, builder->size - size); break;
        case CLI_END: reader->ended = true; break;
        case CLI_FAILED: reader->failed = error; return;
        case CLI_BAD:
            if (!reader->options.skip_errors) {
                reader->failed = error;
                return;
            }
            tell_skipped(reader, row, &error);
            break;
        }
        reader->row_built = reader->source->row;
    }
}

// Passes over the rows before options.first_row, and their payloads.
static waggle_status skip_rows(cli_reader *reader, waggle_error *error)
{
    cli_source *source = reader->source;
    uint64_t first = reader->options.first_row;
    cli_step step = CLI_ROW;

    if (source->ops->seek != NULL) step = source->ops->seek(source, first, error);
    while (source->ops->seek == NULL && source->row < first && step == CLI_ROW)
        step = source->ops->skip(source, error);
    if (step == CLI_FAILED) return error->status;
    if (source->row < first) {
        return wg_fail(error, WAGGLE_INVALID,
                       "%s: has %" PRIu64 " rows; row %" PRIu64 " cannot be the first",
                       reader->path, source->row, first);
    }
    for (uint64_t row = 0; row < first && reader->payloads.path != NULL; row++) {
        if (next_payload(reader, row, false, error) == CLI_FAILED) return error->status;
    }
    return WAGGLE_OK;
}

// ---- The reader --------------------------------------------------------------------------------

static const cli_source_ops *find_ops(cli_format format)
{
    switch (format) {
    case CLI_FORMAT_NPY: return &cli_npy_ops;
    case CLI_FORMAT_FVECS:
    case CLI_FORMAT_BVECS:
    case CLI_FORMAT_IVECS: return &cli_vecs_ops;
    case CLI_FORMAT_FBIN:
    case CLI_FORMAT_U8BIN:
    case CLI_FORMAT_I8BIN: return &cli_bin_ops;
    case CLI_FORMAT_JSONL: return &cli_jsonl_ops;
    case CLI_FORMAT_CSV:
    case CLI_FORMAT_TSV: return &cli_csv_ops;
    default: return NULL;
    }
}

static waggle_status check_options(const char *path, const cli_reader_options *options,
                                   cli_format format, waggle_error *error)
{
    bool text = format == CLI_FORMAT_JSONL || format == CLI_FORMAT_CSV || format == CLI_FORMAT_TSV;
    const char *name = cli_format_name(format);
    if (!text && (options->id_field != NULL || options->vector_field != NULL)) {
        return wg_fail(error, WAGGLE_INVALID, "%s: %s has no fields to name", path, name);
    }
    if (options->delimiter != 0 && format != CLI_FORMAT_CSV && format != CLI_FORMAT_TSV) {
        return wg_fail(error, WAGGLE_INVALID, "%s: %s has no delimiter to choose", path, name);
    }
    if (options->delimiter == '"' || options->delimiter == '\n' || options->delimiter == '\r' ||
        (uint8_t)options->delimiter >= 0x80) {
        return wg_fail(error, WAGGLE_INVALID, "0x%02x cannot be the delimiter of csv",
                       (uint8_t)options->delimiter);
    }
    if (options->batch_rows > WAGGLE_BATCH_MAX) {
        return wg_fail(error, WAGGLE_INVALID, "a batch has %" PRIu32 " rows; the most is %u",
                       options->batch_rows, WAGGLE_BATCH_MAX);
    }
    return WAGGLE_OK;
}

static waggle_status open_source(cli_reader *reader, cli_format format, waggle_error *error)
{
    const cli_source_ops *ops = find_ops(format);
    cli_source *source = wg_alloc_zeroed(NULL, WG_MEMORY_SCRATCH, ops->size);
    if (source == NULL) return wg_fail_memory(error, ops->size, "a reader");
    source->ops = ops;
    source->path = reader->path;
    source->stream = reader->stream;
    source->format = format;
    source->dim = reader->options.dim;
    reader->source = source;
    return ops->open(source, &reader->options, error);
}

static void fill_info(cli_reader *reader)
{
    cli_reader_info *info = &reader->info;
    const cli_source *source = reader->source;
    cli_builder_batch(&reader->builder, &reader->batch);
    info->format = source->format;
    info->rows = source->rows;
    info->rows_known = source->rows_known;
    info->has_ids = reader->builder.has_ids;
    info->has_payloads = reader->batch.payloads != NULL;
    info->vector_count = reader->batch.vector_count;
    for (uint32_t i = 0; i < info->vector_count; i++) {
        info->vectors[i] = reader->batch.vectors[i];
        info->vectors[i].present = NULL;
        info->vectors[i].rows.count = 0;
        info->vectors[i].rows.data = NULL;
    }
}

// Everything behind the allocation; the stream is the reader's.
static waggle_status start(cli_reader *reader, cli_format format, waggle_error *error)
{
    waggle_status status = open_source(reader, format, error);
    if (status != WAGGLE_OK) return status;
    if (reader->options.payload_path != NULL) {
        status = payloads_open(&reader->payloads, reader->options.payload_path, error);
        if (status != WAGGLE_OK) return status;
    }
    if (reader->options.first_row > 0) {
        status = skip_rows(reader, error);
        if (status != WAGGLE_OK) return status;
    }
    reader->row_given = reader->source->row;
    build_batch(reader);
    if (reader->builder.count == 0 && reader->failed.status != WAGGLE_OK) {
        if (error != NULL) *error = reader->failed;
        return reader->failed.status;
    }
    fill_info(reader);
    reader->ahead = true;

    // The caller's strings are borrowed for this call only.
    reader->options.id_field = NULL;
    reader->options.vector_field = NULL;
    reader->options.payload_path = NULL;
    return WAGGLE_OK;
}

waggle_status cli_reader_open_stream(const char *name, wg_stream *stream,
                                     const cli_reader_options *options, cli_reader **reader,
                                     waggle_error *error)
{
    static const cli_reader_options defaults = {0};
    waggle_error own = {0};
    if (options == NULL) options = &defaults;
    if (error == NULL) error = &own; // messages are put together in it

    cli_reader *opened = NULL;
    cli_format format = options->format;
    waggle_status status = WAGGLE_OK;
    if (format == CLI_FORMAT_AUTO) status = cli_format_of_path(name, &format, error);
    if (status == WAGGLE_OK) status = check_options(name, options, format, error);
    if (status != WAGGLE_OK) {
        wg_stream_close(stream);
        return status;
    }
    opened = wg_alloc_zeroed(NULL, WG_MEMORY_SCRATCH, sizeof *opened);
    if (opened == NULL) {
        wg_stream_close(stream);
        return wg_fail_memory(error, sizeof *opened, "a reader");
    }
    cli_builder_init(&opened->builder);
    opened->stream = stream;
    opened->options = *options;
    if (opened->options.batch_rows == 0) opened->options.batch_rows = BATCH_ROWS;
    bool standard = strcmp(name, "-") == 0;
    opened->path = wg_strdup(NULL, WG_MEMORY_SCRATCH, standard ? "standard input" : name);
    status = opened->path != NULL ? start(opened, format, error)
                                  : wg_fail_memory(error, strlen(name), "a path");
    if (status != WAGGLE_OK) {
        cli_reader_close(opened);
        return status;
    }
    *reader = opened;
    return WAGGLE_OK;
}

waggle_status cli_reader_open(const char *path, const cli_reader_options *options,
                              cli_reader **reader, waggle_error *error)
{
    wg_stream *stream;
    waggle_status status = wg_stream_open(path, &stream, error);
    if (status != WAGGLE_OK) return status;
    return cli_reader_open_stream(path, stream, options, reader, error);
}

void cli_reader_close(cli_reader *reader)
{
    if (reader == NULL) return;
    if (reader->source != NULL) {
        reader->source->ops->close(reader->source);
        wg_free(reader->source);
    }
    payloads_close(&reader->payloads);
    cli_builder_finish(&reader->builder);
    wg_stream_close(reader->stream);
    wg_free(reader->path);
    wg_free(reader);
}

const cli_reader_info *cli_reader_describe(const cli_reader *reader)
{
    return &reader->info;
}

waggle_status cli_reader_next(cli_reader *reader, const cli_batch **batch, waggle_error *error)
{
    if (!reader->ahead) build_batch(reader);
    reader->ahead = false;
    if (reader->builder.count == 0 && reader->failed.status != WAGGLE_OK) {
        if (error != NULL) *error = reader->failed;
        return reader->failed.status;
    }
    cli_builder_batch(&reader->builder, &reader->batch);
    reader->row_given = reader->row_built;
    *batch = &reader->batch;
    return WAGGLE_OK;
}

uint64_t cli_reader_row(const cli_reader *reader)
{
    return reader->row_given;
}

uint64_t cli_reader_skipped(const cli_reader *reader)
{
    return reader->skipped;
}

uint64_t cli_reader_position(const cli_reader *reader)
{
    return wg_stream_position(reader->stream);
}

uint64_t cli_reader_size(const cli_reader *reader)
{
    return wg_stream_size(reader->stream);
}
