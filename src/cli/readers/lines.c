// Lines of a stream. A line that is too long is never held in memory: it is refused when the limit is
// reached, and passed over in pieces if the caller goes on.
#include "cli/readers/source.h"

#include <string.h>

#define CHUNK_SIZE ((size_t)256 << 10)

bool cli_lines_init(cli_lines *lines, wg_stream *stream)
{
    memset(lines, 0, sizeof *lines);
    lines->stream = stream;
    wg_buffer_init(&lines->line, NULL, WG_MEMORY_SCRATCH);
    lines->chunk = wg_alloc(NULL, WG_MEMORY_SCRATCH, CHUNK_SIZE);
    return lines->chunk != NULL;
}

void cli_lines_finish(cli_lines *lines)
{
    wg_free(lines->chunk);
    wg_buffer_finish(&lines->line);
    lines->chunk = NULL;
}

// A piece of the current line: up to its line feed, or all that is in the chunk. *ends: the line feed was
// there. CLI_END at the end of the file.
static cli_step next_piece(cli_lines *lines, const uint8_t **piece, size_t *size, bool *ends,
                           waggle_error *error)
{
    if (lines->chunk_at == lines->chunk_size) {
        lines->chunk_at = lines->chunk_size = 0;
        waggle_status status =
            wg_stream_read(lines->stream, lines->chunk, CHUNK_SIZE, &lines->chunk_size, error);
        if (status != WAGGLE_OK) return CLI_FAILED;
        if (lines->chunk_size == 0) return CLI_END;
    }
    *piece = lines->chunk + lines->chunk_at;
    *size = lines->chunk_size - lines->chunk_at;
    const uint8_t *feed = memchr(*piece, '\n', *size);
    *ends = feed != NULL;
    if (feed != NULL) *size = (size_t)(feed - *piece);
    lines->chunk_at += *size + (feed != NULL ? 1 : 0);
    return CLI_ROW;
}

// Passes over the rest of a line that was too long.
static cli_step drain(cli_lines *lines, waggle_error *error)
{
    while (lines->draining) {
        const uint8_t *piece;
        size_t size;
        bool ends;
        cli_step step = next_piece(lines, &piece, &size, &ends, error);
        if (step != CLI_ROW) return step;
        lines->draining = !ends;
    }
    return CLI_ROW;
}

// Appends up to the end of the line.
static cli_step read_line(cli_lines *lines, waggle_error *error)
{
    bool ends = false, any = false;
    while (!ends) {
        const uint8_t *piece;
        size_t size;
        cli_step step = next_piece(lines, &piece, &size, &ends, error);
        if (step == CLI_FAILED) return step;
        if (step == CLI_END) break;
        if (!any) lines->number++;
        any = true;
        if (size > CLI_LINE_SIZE_MAX - WG_MIN(lines->line.size, CLI_LINE_SIZE_MAX)) {
            lines->draining = !ends;
            wg_fail(error, WAGGLE_INVALID, "the line is longer than %zu MiB, which is the most",
                    CLI_LINE_SIZE_MAX >> 20);
            return CLI_BAD;
        }
        if (!wg_buffer_append(&lines->line, piece, size)) return cli_no_memory(error, size);
    }
    return any ? CLI_ROW : CLI_END;
}

cli_step cli_lines_next(cli_lines *lines, waggle_error *error)
{
    cli_step step = drain(lines, error);
    if (step != CLI_ROW) return step;
    lines->line.size = 0;
    lines->begin = lines->number + 1;
    step = read_line(lines, error);
    wg_buffer *line = &lines->line;
    bool mark = step == CLI_ROW && lines->number == 1 && line->size >= 3 &&
                memcmp(line->data, "\xEF\xBB\xBF", 3) == 0; // a byte order mark
    if (mark) {
        memmove(line->data, line->data + 3, line->size - 3);
        line->size -= 3;
    }
    return step;
}

cli_step cli_lines_extend(cli_lines *lines, waggle_error *error)
{
    size_t size = lines->line.size;
    if (!wg_buffer_append(&lines->line, "\n", 1)) return cli_no_memory(error, 1);
    cli_step step = read_line(lines, error);
    if (step == CLI_END) lines->line.size = size;
    return step;
}

bool cli_lines_blank(const cli_lines *lines)
{
    for (size_t i = 0; i < lines->line.size; i++) {
        if (strchr(" \t\r", lines->line.data[i]) == NULL || lines->line.data[i] == '\0')
            return false;
    }
    return true;
}
