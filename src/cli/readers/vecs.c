// fvecs, bvecs and ivecs (TEXMEX): per row its dimension (i32) and its elements: f32, u8 or i32, all
// little-endian. A row of another dimension than those before is bad, and the one behind it can be read.
#include "base/bytes.h"
#include "cli/readers/source.h"

#define PREFIX_SIZE 4u

typedef struct vecs {
    cli_source source;
    cli_element element;
    uint32_t dim; // of the file; 0 before the first row
    uint8_t *bytes;
} vecs;

// The dimension before a row. CLI_END at the end of the file.
static cli_step read_prefix(cli_source *source, uint32_t *dim, waggle_error *error)
{
    uint8_t bytes[PREFIX_SIZE];
    size_t got;
    if (wg_stream_read(source->stream, bytes, sizeof bytes, &got, error) != WAGGLE_OK) {
        return CLI_FAILED;
    }
    if (got == 0) return CLI_END;
    *dim = wg_get32(bytes);
    if (got == sizeof bytes && *dim >= 1 && *dim <= WAGGLE_DIM_MAX) return CLI_ROW;
    if (got < sizeof bytes) {
        wg_fail(error, WAGGLE_CORRUPT,
                "%s: truncated: row %" PRIu64 " begins with a dimension of 4 bytes; there are %zu",
                source->path, source->row, got);
    } else {
        wg_fail_numbers(error, WAGGLE_DIMENSION, WAGGLE_DIM_MAX, *dim,
                        "%s: row %" PRIu64 " has the dimension %" PRId32 "; it must be 1 to %u",
                        source->path, source->row, (int32_t)*dim, WAGGLE_DIM_MAX);
    }
    return CLI_FAILED;
}

static cli_step fail_short(const cli_source *source, uint32_t dim, uint64_t expected, uint64_t got,
                           waggle_error *error)
{
    wg_fail(error, WAGGLE_CORRUPT,
            "%s: truncated: row %" PRIu64 " of %" PRIu32 " components has %" PRIu64
            " bytes; there are %" PRIu64,
            source->path, source->row, dim, expected, got);
    return CLI_FAILED;
}

// Passes over the elements of the row whose dimension was read.
static cli_step skip_elements(cli_source *source, uint32_t dim, waggle_error *error)
{
    uint64_t size = cli_element_size(((vecs *)source)->element) * dim, skipped;
    if (wg_stream_skip(source->stream, size, &skipped, error) != WAGGLE_OK) return CLI_FAILED;
    return skipped == size ? CLI_ROW : fail_short(source, dim, size, skipped, error);
}

static cli_step vecs_skip(cli_source *source, waggle_error *error)
{
    uint32_t dim;
    cli_step step = read_prefix(source, &dim, error);
    if (step == CLI_ROW) step = skip_elements(source, dim, error);
    if (step == CLI_ROW) source->row++;
    return step;
}

// The first row decides the dimension, unless the caller did. The number of rows follows from the size.
static cli_step begin_rows(vecs *file, uint32_t dim, waggle_error *error)
{
    cli_source *source = &file->source;
    file->dim = source->dim != 0 ? source->dim : dim;
    size_t row_size = cli_element_size(file->element) * file->dim;
    file->bytes = wg_alloc(NULL, WG_MEMORY_SCRATCH, row_size);
    if (file->bytes == NULL) return cli_no_memory(error, row_size);

    uint64_t size = wg_stream_size(source->stream);
    if (wg_stream_is_plain(source->stream) && size != 0 && size % (PREFIX_SIZE + row_size) == 0) {
        source->rows = size / (PREFIX_SIZE + row_size);
        source->rows_known = true;
    }
    return CLI_ROW;
}

static cli_step vecs_next(cli_source *source, cli_builder *builder, waggle_error *error)
{
    vecs *file = (vecs *)source;
    uint32_t dim;
    size_t got;
    cli_step step = read_prefix(source, &dim, error);
    if (step != CLI_ROW) return step;
    if (file->dim == 0 || file->bytes == NULL) step = begin_rows(file, dim, error);
    if (step != CLI_ROW) return step;

    if (dim != file->dim) {
        step = skip_elements(source, dim, error);
        return step != CLI_ROW ? step : cli_bad_dim(source, dim, file->dim, "the vector", error);
    }
    size_t size = cli_element_size(file->element) * dim;
    if (wg_stream_read(source->stream, file->bytes, size, &got, error) != WAGGLE_OK) {
        return CLI_FAILED;
    }
    if (got < size) return fail_short(source, dim, size, got, error);
    step = cli_add_elements(source, builder, file->element, file->bytes, dim, error);
    if (step == CLI_ROW) source->row++;
    return step;
}

static waggle_status vecs_open(cli_source *source, const cli_reader_options *options,
                               waggle_error *error)
{
    (void)options;
    (void)error;
    ((vecs *)source)->element = source->format == CLI_FORMAT_FVECS   ? CLI_ELEMENT_F32
                                : source->format == CLI_FORMAT_BVECS ? CLI_ELEMENT_U8
                                                                     : CLI_ELEMENT_I32;
    return WAGGLE_OK;
}

static void vecs_close(cli_source *source)
{
    wg_free(((vecs *)source)->bytes);
}

const cli_source_ops cli_vecs_ops = {
    .size = sizeof(vecs),
    .open = vecs_open,
    .close = vecs_close,
    .next = vecs_next,
    .skip = vecs_skip,
};
