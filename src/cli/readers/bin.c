// fbin, u8bin and i8bin (the Big ANN benchmarks): rows (u32), dimension (u32), then the rows. Little-endian.
#include "base/bytes.h"
#include "cli/readers/source.h"

#define HEADER_SIZE 8u

static waggle_status bin_open(cli_source *source, const cli_reader_options *options,
                              waggle_error *error)
{
    (void)options;
    cli_grid *grid = (cli_grid *)source;
    uint8_t bytes[HEADER_SIZE];
    size_t got;
    waggle_status status = wg_stream_read(source->stream, bytes, sizeof bytes, &got, error);
    if (status != WAGGLE_OK) return status;
    if (got < sizeof bytes) {
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: truncated: the header has %u bytes, the file %zu", source->path,
                       HEADER_SIZE, got);
    }
    grid->element = source->format == CLI_FORMAT_FBIN    ? CLI_ELEMENT_F32
                    : source->format == CLI_FORMAT_U8BIN ? CLI_ELEMENT_U8
                                                         : CLI_ELEMENT_I8;
    grid->header = HEADER_SIZE;
    source->rows = wg_get32(bytes);
    grid->dim = wg_get32(bytes + 4);
    return cli_grid_begin(grid, error);
}

const cli_source_ops cli_bin_ops = {
    .size = sizeof(cli_grid),
    .open = bin_open,
    .close = cli_grid_close,
    .next = cli_grid_next,
    .skip = cli_grid_skip,
    .seek = cli_grid_seek,
};
