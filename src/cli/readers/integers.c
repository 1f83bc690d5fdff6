// Tables of integers: the true neighbors of a benchmark's queries, from npy or ivecs.
#include "base/bytes.h"
#include "cli/readers/source.h"

#include <string.h>

#define TABLE_SIZE_MAX ((size_t)1 << 30)
#define PIECE_SIZE 65536u

static waggle_status fail_size(const char *path, uint64_t count, uint64_t width,
                               waggle_error *error)
{
    return wg_fail(error, WAGGLE_INVALID,
                   "%s: %" PRIu64 " rows of %" PRIu64 " integers are more than %zu MiB, which is "
                   "the most",
                   path, count, width, TABLE_SIZE_MAX >> 20);
}

// Reads integers one behind the other, in pieces.
static waggle_status read_values(const char *path, wg_stream *stream, cli_element element,
                                 int64_t *values, uint64_t count, waggle_error *error)
{
    uint8_t piece[PIECE_SIZE];
    size_t size = cli_element_size(element);
    for (uint64_t at = 0; at < count;) {
        size_t wanted = (size_t)WG_MIN(count - at, PIECE_SIZE / size), got;
        waggle_status status = wg_stream_read(stream, piece, wanted * size, &got, error);
        if (status != WAGGLE_OK) return status;
        for (size_t i = 0; i < got / size; i++) {
            if (cli_element_integer(element, piece + i * size, &values[at + i])) continue;
            return wg_fail(error, WAGGLE_INVALID,
                           "%s: integer %" PRIu64 " is %" PRIu64 "; the most is %" PRId64, path,
                           at + i, wg_get64(piece + i * size), INT64_MAX);
        }
        at += got / size;
        if (got == wanted * size) continue;
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: truncated: %" PRIu64 " integers are expected, there are %" PRIu64, path,
                       count, at);
    }
    return WAGGLE_OK;
}

static waggle_status check_end(const char *path, wg_stream *stream, waggle_error *error)
{
    uint8_t byte;
    size_t got;
    waggle_status status = wg_stream_read(stream, &byte, 1, &got, error);
    if (status != WAGGLE_OK || got == 0) return status;
    return wg_fail(error, WAGGLE_CORRUPT, "%s: there are more bytes behind the rows", path);
}

static waggle_status read_npy(const char *path, wg_stream *stream, cli_integers *table,
                              waggle_error *error)
{
    cli_npy_header header;
    waggle_status status = cli_npy_read_header(path, stream, &header, error);
    if (status != WAGGLE_OK) return status;
    if (header.element <= CLI_ELEMENT_F64) {
        return wg_fail(error, WAGGLE_INVALID, "%s: the array holds floats; integers are needed",
                       path);
    }
    size_t count;
    bool fits = wg_size_mul(header.rows, header.columns, &count) &&
                count <= TABLE_SIZE_MAX / sizeof(int64_t);
    if (!fits) return fail_size(path, header.rows, header.columns, error);

    // A header may say anything: take no more memory than the file has bytes for.
    uint64_t file_size = wg_stream_size(stream);
    if (wg_stream_is_plain(stream) && file_size != 0 &&
        file_size < header.size + count * cli_element_size(header.element)) {
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: truncated: the header says %zu bytes, the file has %" PRIu64, path,
                       header.size + count * cli_element_size(header.element), file_size);
    }
    table->values = wg_alloc(NULL, WG_MEMORY_SCRATCH, count * sizeof(int64_t));
    if (table->values == NULL) return wg_fail_memory(error, count * sizeof(int64_t), "integers");
    table->count = header.rows;
    table->width = (uint32_t)header.columns;
    status = read_values(path, stream, header.element, table->values, count, error);
    return status == WAGGLE_OK ? check_end(path, stream, error) : status;
}

// One row of ivecs behind those that are there; *more is false at the end of the file.
static waggle_status read_ivecs_row(const char *path, wg_stream *stream, cli_integers *table,
                                    wg_buffer *values, bool *more, waggle_error *error)
{
    uint8_t prefix[4];
    size_t got;
    waggle_status status = wg_stream_read(stream, prefix, sizeof prefix, &got, error);
    *more = got > 0;
    if (status != WAGGLE_OK || got == 0) return status;
    uint32_t width = got == sizeof prefix ? wg_get32(prefix) : 0;
    if (width == 0 || width > WAGGLE_DIM_MAX) {
        return wg_fail(error, WAGGLE_CORRUPT, "%s: row %" PRIu64 " has %" PRIu32 " integers", path,
                       table->count, width);
    }
    if (table->count > 0 && width != table->width) {
        return wg_fail(error, WAGGLE_INVALID,
                       "%s: row %" PRIu64 " has %" PRIu32
                       " integers; the rows before have %" PRIu32,
                       path, table->count, width, table->width);
    }
    size_t size = width * sizeof(int64_t), at = values->size;
    if (size > TABLE_SIZE_MAX - at) return fail_size(path, table->count + 1, width, error);
    if (!wg_buffer_append_zeros(values, size)) return wg_fail_memory(error, size, "integers");
    table->width = width;
    table->count++;
    return read_values(path, stream, CLI_ELEMENT_I32, (int64_t *)(void *)(values->data + at), width,
                       error);
}

static waggle_status read_ivecs(const char *path, wg_stream *stream, cli_integers *table,
                                waggle_error *error)
{
    wg_buffer values;
    bool more = true;
    waggle_status status = WAGGLE_OK;
    wg_buffer_init(&values, NULL, WG_MEMORY_SCRATCH);
    while (status == WAGGLE_OK && more)
        status = read_ivecs_row(path, stream, table, &values, &more, error);
    table->values = (int64_t *)(void *)values.data; // moved
    return status;
}

waggle_status cli_integers_read(const char *path, cli_integers *integers, waggle_error *error)
{
    cli_format format;
    cli_integers table = {0};
    wg_stream *stream = NULL;
    waggle_status status = cli_format_of_path(path, &format, error);
    if (status != WAGGLE_OK) return status;
    if (format != CLI_FORMAT_NPY && format != CLI_FORMAT_IVECS) {
        return wg_fail(error, WAGGLE_INVALID, "%s: integers are read from npy and ivecs, not %s",
                       path, cli_format_name(format));
    }

    status = wg_stream_open(path, &stream, error);
    if (status != WAGGLE_OK) return status;
    status = format == CLI_FORMAT_NPY ? read_npy(path, stream, &table, error)
                                      : read_ivecs(path, stream, &table, error);
    wg_stream_close(stream);
    if (status != WAGGLE_OK) {
        cli_integers_finish(&table);
        return status;
    }
    *integers = table;
    return WAGGLE_OK;
}

void cli_integers_finish(cli_integers *integers)
{
    wg_free(integers->values);
    *integers = (cli_integers){0};
}
