// Elements of binary files, and grids: rows of one size up to the end of the file. Little-endian.
#include "base/bytes.h"
#include "cli/readers/source.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// ---- Elements ----------------------------------------------------------------------------------

size_t cli_element_size(cli_element element)
{
    static const uint8_t sizes[] = {
        [CLI_ELEMENT_F16] = 2, [CLI_ELEMENT_F32] = 4, [CLI_ELEMENT_F64] = 8, [CLI_ELEMENT_U8] = 1,
        [CLI_ELEMENT_I8] = 1,  [CLI_ELEMENT_I16] = 2, [CLI_ELEMENT_U16] = 2, [CLI_ELEMENT_I32] = 4,
        [CLI_ELEMENT_U32] = 4, [CLI_ELEMENT_I64] = 8, [CLI_ELEMENT_U64] = 8,
    };
    return sizes[element];
}

waggle_type cli_element_type(cli_element element)
{
    switch (element) {
    case CLI_ELEMENT_F16: return WAGGLE_F16;
    case CLI_ELEMENT_U8: return WAGGLE_U8;
    case CLI_ELEMENT_I8: return WAGGLE_I8;
    default: return WAGGLE_F32;
    }
}

bool cli_element_integer(cli_element element, const void *bytes, int64_t *value)
{
    uint64_t number;
    switch (element) {
    case CLI_ELEMENT_U8: *value = *(const uint8_t *)bytes; return true;
    case CLI_ELEMENT_I8: *value = *(const int8_t *)bytes; return true;
    case CLI_ELEMENT_U16: *value = wg_get16(bytes); return true;
    case CLI_ELEMENT_I16: *value = (int16_t)wg_get16(bytes); return true;
    case CLI_ELEMENT_U32: *value = wg_get32(bytes); return true;
    case CLI_ELEMENT_I32: *value = (int32_t)wg_get32(bytes); return true;
    case CLI_ELEMENT_I64: *value = (int64_t)wg_get64(bytes); return true;
    case CLI_ELEMENT_U64:
        number = wg_get64(bytes);
        *value = (int64_t)number;
        return number <= INT64_MAX;
    default: return false;
    }
}

static cli_step bad_component(cli_source *source, uint32_t index, double value, const char *why,
                              waggle_error *error)
{
    char column[16], text[32];
    snprintf(column, sizeof column, "%" PRIu32, index);
    if (isfinite(value)) {
        wg_double_format(value, text);
    } else {
        snprintf(text, sizeof text, "%s", isnan(value) ? "NaN" : value > 0 ? "Inf" : "-Inf");
    }
    return cli_bad_row(source, WAGGLE_INVALID, column, error, "component %" PRIu32 " is %s%s",
                       index, text, why);
}

#define NOT_FINITE "; vectors are finite"
#define FLOAT_EXPONENT 0x7F800000u

static cli_step check_f32(cli_source *source, const uint8_t *bytes, uint32_t dim,
                          waggle_error *error)
{
    uint32_t bad = 0;
    for (uint32_t i = 0; i < dim; i++)
        bad |= (wg_get32(bytes + 4 * (size_t)i) & FLOAT_EXPONENT) == FLOAT_EXPONENT;
    if (bad == 0) return CLI_ROW;

    float value = 0;
    uint32_t at = 0;
    for (; at < dim; at++) {
        memcpy(&value, bytes + 4 * (size_t)at, sizeof value);
        if (!isfinite(value)) break;
    }
    return bad_component(source, at, (double)value, NOT_FINITE, error);
}

static cli_step check_f16(cli_source *source, const uint8_t *bytes, uint32_t dim,
                          waggle_error *error)
{
    for (uint32_t i = 0; i < dim; i++) {
        uint16_t bits = wg_get16(bytes + 2 * (size_t)i);
        if ((bits & 0x7C00) != 0x7C00) continue;
        double value = (bits & 0x3FF) != 0 ? (double)NAN : (double)INFINITY;
        return bad_component(source, i, bits & 0x8000 ? -value : value, NOT_FINITE, error);
    }
    return CLI_ROW;
}

// f8 is rounded to the nearest f32.
static cli_step convert_f64(cli_source *source, const uint8_t *bytes, uint32_t dim, float *target,
                            waggle_error *error)
{
    for (uint32_t i = 0; i < dim; i++) {
        double value;
        memcpy(&value, bytes + 8 * (size_t)i, sizeof value);
        if (!isfinite(value)) return bad_component(source, i, value, NOT_FINITE, error);
        if (!(fabs(value) < 0x1.ffffffp127)) { // from here on the nearest is infinity
            return bad_component(source, i, value, "; the largest float32 is 3.4028235e38", error);
        }
        target[i] = (float)value;
    }
    return CLI_ROW;
}

// Integers must be float32 exactly.
static cli_step convert_integers(cli_source *source, cli_element element, const uint8_t *bytes,
                                 uint32_t dim, float *target, waggle_error *error)
{
    size_t size = cli_element_size(element);
    for (uint32_t i = 0; i < dim; i++) {
        int64_t integer = 0;
        bool fits = cli_element_integer(element, bytes + size * i, &integer);
        float value = (float)integer;
        // The first test keeps the way back from float in range.
        fits = fits && value < 0x1p63f && (int64_t)value == integer;
        if (!fits) {
            char column[16], text[24];
            bool is_signed = element != CLI_ELEMENT_U64;
            snprintf(column, sizeof column, "%" PRIu32, i);
            snprintf(text, sizeof text, is_signed ? "%" PRId64 : "%" PRIu64, integer);
            return cli_bad_row(source, WAGGLE_INVALID, column, error,
                               "component %" PRIu32 " is %s, which no float32 is exactly", i, text);
        }
        target[i] = value;
    }
    return CLI_ROW;
}

cli_step cli_add_elements(cli_source *source, cli_builder *builder, cli_element element,
                          const void *bytes, uint32_t dim, waggle_error *error)
{
    cli_column *column = cli_builder_find(builder, "", 0);
    if (column == NULL) column = cli_builder_add(builder, "", 0, cli_element_type(element), dim);
    void *target = column == NULL ? NULL : cli_builder_vector(builder, column);
    if (target == NULL) return cli_no_memory(error, cli_element_size(element) * dim);

    switch (element) {
    case CLI_ELEMENT_F64: return convert_f64(source, bytes, dim, target, error);
    case CLI_ELEMENT_F32:
    case CLI_ELEMENT_F16:
    case CLI_ELEMENT_U8:
    case CLI_ELEMENT_I8: memcpy(target, bytes, column->row_size); break;
    default: return convert_integers(source, element, bytes, dim, target, error);
    }
    if (element == CLI_ELEMENT_F32) return check_f32(source, bytes, dim, error);
    if (element == CLI_ELEMENT_F16) return check_f16(source, bytes, dim, error);
    return CLI_ROW;
}

// ---- Grids -------------------------------------------------------------------------------------

waggle_status cli_grid_begin(cli_grid *grid, waggle_error *error)
{
    cli_source *source = &grid->source;
    waggle_status status = cli_check_dim(source, grid->dim, error);
    if (status != WAGGLE_OK) return status;

    grid->row_size = cli_element_size(grid->element) * grid->dim;
    source->rows_known = true;
    uint64_t expected;
    bool fits = !__builtin_mul_overflow(source->rows, (uint64_t)grid->row_size, &expected) &&
                !__builtin_add_overflow(expected, grid->header, &expected);
    if (!fits) {
        return wg_fail(error, WAGGLE_CORRUPT, "%s: %" PRIu64 " rows of %zu bytes are too many",
                       source->path, source->rows, grid->row_size);
    }
    uint64_t actual = wg_stream_size(source->stream);
    if (wg_stream_is_plain(source->stream) && actual != 0 && actual != expected) {
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: the header says %" PRIu64 " rows of %" PRIu32 ", which are %" PRIu64
                       " bytes; the file has %" PRIu64,
                       source->path, source->rows, grid->dim, expected, actual);
    }
    grid->bytes = wg_alloc(NULL, WG_MEMORY_SCRATCH, grid->row_size);
    if (grid->bytes == NULL) return wg_fail_memory(error, grid->row_size, "a row");
    return WAGGLE_OK;
}

void cli_grid_close(cli_source *source)
{
    wg_free(((cli_grid *)source)->bytes);
}

static cli_step fail_short(const cli_grid *grid, uint64_t row, uint64_t got, waggle_error *error)
{
    const cli_source *source = &grid->source;
    wg_fail(error, WAGGLE_CORRUPT,
            "%s: truncated: the header says %" PRIu64 " rows of %" PRIu32 ", which are %" PRIu64
            " bytes; there are %" PRIu64,
            source->path, source->rows, grid->dim, grid->header + source->rows * grid->row_size,
            grid->header + row * grid->row_size + got);
    return CLI_FAILED;
}

// Behind the last row. Of a packed file nobody knew its size before.
static cli_step check_end(cli_grid *grid, waggle_error *error)
{
    size_t got;
    if (wg_stream_read(grid->source.stream, grid->bytes, 1, &got, error) != WAGGLE_OK) {
        return CLI_FAILED;
    }
    if (got == 0) return CLI_END;
    wg_fail(error, WAGGLE_CORRUPT,
            "%s: there are more bytes behind the %" PRIu64 " rows that the header says",
            grid->source.path, grid->source.rows);
    return CLI_FAILED;
}

cli_step cli_grid_next(cli_source *source, cli_builder *builder, waggle_error *error)
{
    cli_grid *grid = (cli_grid *)source;
    size_t got;
    if (source->row >= source->rows) return check_end(grid, error);
    if (wg_stream_read(source->stream, grid->bytes, grid->row_size, &got, error) != WAGGLE_OK) {
        return CLI_FAILED;
    }
    if (got < grid->row_size) return fail_short(grid, source->row, got, error);

    cli_step step = cli_add_elements(source, builder, grid->element, grid->bytes, grid->dim, error);
    if (step == CLI_ROW) source->row++;
    return step;
}

cli_step cli_grid_seek(cli_source *source, uint64_t count, waggle_error *error)
{
    cli_grid *grid = (cli_grid *)source;
    count = WG_MIN(count, source->rows - source->row);
    uint64_t size = count * grid->row_size, skipped; // cli_grid_begin() has checked the product
    if (wg_stream_skip(source->stream, size, &skipped, error) != WAGGLE_OK) return CLI_FAILED;
    if (skipped < size) return fail_short(grid, source->row, skipped, error);
    source->row += count;
    return CLI_ROW;
}

cli_step cli_grid_skip(cli_source *source, waggle_error *error)
{
    if (source->row >= source->rows) return CLI_END;
    return cli_grid_seek(source, 1, error);
}
