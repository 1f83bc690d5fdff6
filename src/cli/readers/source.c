// Messages about rows, and checks that all formats share.
#include "cli/readers/source.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PLACE_SIZE 64u

// "row 7 (line 9)"
static void write_place(const cli_source *source, char *place)
{
    int size = snprintf(place, PLACE_SIZE, "row %" PRIu64, source->row);
    if (source->line == 0) return;
    snprintf(place + size, PLACE_SIZE - (size_t)size, " (line %" PRIu64 ")", source->line);
}

static cli_step end_bad_row(cli_source *source, const char *column)
{
    snprintf(source->bad_column, sizeof source->bad_column, "%s", column);
    source->row++;
    return CLI_BAD;
}

cli_step cli_bad_row(cli_source *source, waggle_status status, const char *column,
                     waggle_error *error, const char *format, ...)
{
    char sentence[400], place[PLACE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    write_place(source, place);
    wg_fail(error, status, "%s: %s: %s", source->path, place, sentence);
    return end_bad_row(source, column);
}

void cli_strip_first_line(waggle_error *error)
{
    static const char first_line[] = "line 1, ";
    size_t size = strlen(first_line);
    if (strncmp(error->message, first_line, size) != 0) return;
    memmove(error->message, error->message + size, sizeof error->message - size);
}

cli_step cli_bad_row_context(cli_source *source, const char *column, waggle_error *error)
{
    char place[PLACE_SIZE];
    cli_strip_first_line(error);
    write_place(source, place);
    wg_fail_context(error, error->status, "%s: %s", source->path, place);
    return end_bad_row(source, column);
}

cli_step cli_bad_dim(cli_source *source, uint64_t dim, uint32_t expected, const char *what,
                     waggle_error *error)
{
    cli_bad_row(source, WAGGLE_DIMENSION, what, error,
                "%s has %" PRIu64 " components; the dimension is %" PRIu32, what, dim, expected);
    error->expected = expected;
    error->actual = dim;
    return CLI_BAD;
}

cli_step cli_no_memory(waggle_error *error, size_t size)
{
    wg_fail_memory(error, size, "rows of a file");
    return CLI_FAILED;
}

waggle_status cli_check_dim(const cli_source *source, uint64_t dim, waggle_error *error)
{
    if (dim == 0 || dim > WAGGLE_DIM_MAX) {
        return wg_fail_numbers(error, WAGGLE_DIMENSION, WAGGLE_DIM_MAX, dim,
                               "%s: the dimension is %" PRIu64 "; it must be 1 to %u", source->path,
                               dim, WAGGLE_DIM_MAX);
    }
    if (source->dim != 0 && dim != source->dim) {
        return wg_fail_numbers(error, WAGGLE_DIMENSION, source->dim, dim,
                               "%s: the dimension is %" PRIu64 "; %" PRIu32 " is expected",
                               source->path, dim, source->dim);
    }
    return WAGGLE_OK;
}

cli_step cli_add_payload(cli_source *source, cli_builder *builder, const char *json, size_t size,
                         waggle_error *error)
{
    if (size > WAGGLE_PAYLOAD_SIZE_MAX) {
        return cli_bad_row(source, WAGGLE_INVALID, "payload", error,
                           "the payload has %zu bytes; the most is %u", size,
                           WAGGLE_PAYLOAD_SIZE_MAX);
    }
    return cli_builder_payload(builder, json, size) ? CLI_ROW : cli_no_memory(error, size);
}
