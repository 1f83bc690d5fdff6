#include "cli/output.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// A table's widths come from this many rows; later ones may be wider, and then are as they are. It bounds
// what an endless listing holds in memory.
#define TABLE_ROWS_MAX 1024u
#define FLUSH_SIZE ((size_t)64 << 10)

static const char *const layout_names[] = {"table", "json", "jsonl", "csv"};

waggle_status cli_layout_parse(const char *name, cli_layout *layout, waggle_error *error)
{
    for (size_t i = 0; i < WG_COUNT(layout_names); i++) {
        if (strcmp(name, layout_names[i]) == 0) {
            *layout = (cli_layout)i;
            return WAGGLE_OK;
        }
    }
    return wg_fail(error, WAGGLE_INVALID, "\"%s\" is no output; it is one of: table json jsonl csv",
                   name);
}

static bool write_stdout(void *context, const void *data, size_t size)
{
    (void)context;
    return fwrite(data, 1, size, stdout) == size;
}

// ---- Beginning and ending ----------------------------------------------------------------------

void cli_output_begin(cli_output *output, cli_style style, const cli_column *columns,
                      uint32_t count)
{
    WG_ASSERT(count > 0 && count <= CLI_COLUMNS_MAX);

    memset(output, 0, sizeof(*output));
    output->style = style;
    output->column_count = count;
    memcpy(output->columns, columns, count * sizeof(*columns));
    output->sink = write_stdout;
    wg_buffer_init(&output->text, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&output->cells, NULL, WG_MEMORY_SCRATCH);
}

void cli_output_record(cli_output *output, cli_style style, const cli_column *columns,
                       uint32_t count)
{
    cli_output_begin(output, style, columns, count);
    output->record = true;
}

static void append(cli_output *output, const void *data, size_t size)
{
    if (!wg_buffer_append(&output->text, data, size)) output->failed = true;
}

static void append_string(cli_output *output, const char *text)
{
    append(output, text, strlen(text));
}

static void flush(cli_output *output)
{
    if (!output->failed && output->text.size > 0) {
        output->failed = !output->sink(output->context, output->text.data, output->text.size);
    }
    output->text.size = 0;
}

// ---- Tables ------------------------------------------------------------------------------------

// Columns of a terminal that UTF-8 text takes, counted as one per code point.
static uint32_t text_width(const char *text, size_t size)
{
    uint32_t width = 0;

    for (size_t i = 0; i < size; i++) {
        width += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return width;
}

// Bytes of the first width code points.
static size_t text_cut(const char *text, size_t size, uint32_t width)
{
    size_t at = 0;

    while (at < size) {
        size_t next = at + 1;
        while (next < size && ((unsigned char)text[next] & 0xC0) == 0x80) {
            next++;
        }
        if (width-- == 0) return at;
        at = next;
    }
    return at;
}

// Stored text could hold sequences that steer a terminal; in tables they are shown as question marks.
static void append_visible(wg_buffer *line, const char *text, size_t size, bool *failed)
{
    size_t from = line->size;

    if (!wg_buffer_append(line, text, size)) {
        *failed = true;
        return;
    }
    for (size_t i = from; i < line->size; i++) {
        bool control = line->data[i] < 0x20 || line->data[i] == 0x7F;
        // C1 controls are C2 80 .. C2 9F in UTF-8.
        bool control1 = i > from && line->data[i - 1] == 0xC2 && line->data[i] < 0xA0;
        if (control) line->data[i] = '?';
        if (control1) memcpy(line->data + i - 1, "??", 2);
    }
}

static void append_spaces(wg_buffer *line, uint32_t count, bool *failed)
{
    static const char spaces[] = "                                ";

    while (count > 0) {
        uint32_t some = WG_MIN(count, (uint32_t)sizeof(spaces) - 1);
        if (!wg_buffer_append(line, spaces, some)) *failed = true;
        count -= some;
    }
}

// One cell of a line that is at column *at; the last cell of a line is cut to the terminal's width.
static void append_cell(cli_output *output, wg_buffer *line, uint32_t column, uint32_t *at,
                        const char *text, size_t size)
{
    bool last = column + 1 == output->column_count;
    uint32_t width = text_width(text, size);
    uint32_t room = output->style.width;

    if (last && room > 0 && *at + width > room && room > *at + 4) {
        width = room - *at;
        size = text_cut(text, size, width - 3);
        append_visible(line, text, size, &output->failed);
        append_visible(line, "...", 3, &output->failed);
        return;
    }
    uint32_t pad = width < output->widths[column] ? output->widths[column] - width : 0;
    if (output->columns[column].right) append_spaces(line, pad, &output->failed);
    append_visible(line, text, size, &output->failed);
    if (last) return;
    append_spaces(line, output->columns[column].right ? 2 : pad + 2, &output->failed);
    *at += WG_MAX(width, output->widths[column]) + 2;
}

static void end_line(cli_output *output, wg_buffer *line)
{
    while (line->size > 0 && line->data[line->size - 1] == ' ') {
        line->size--;
    }
    if (!wg_buffer_append(line, "\n", 1)) output->failed = true;
}

static void write_heading(cli_output *output, wg_buffer *line)
{
    uint32_t at = 0;

    if (output->style.color && !wg_buffer_append(line, "\033[1m", 4)) output->failed = true;
    for (uint32_t i = 0; i < output->column_count; i++) {
        const char *name = output->columns[i].name;
        append_cell(output, line, i, &at, name, strlen(name));
    }
    if (output->style.color && !wg_buffer_append(line, "\033[0m", 4)) output->failed = true;
    end_line(output, line);
    output->heading_done = true;
}

static uint32_t cell_size(const cli_output *output, uint64_t index)
{
    uint32_t size;
    memcpy(&size, output->cells.data + index * sizeof(size), sizeof(size));
    return size;
}

static void measure(cli_output *output)
{
    const char *text = (const char *)output->text.data;

    for (uint32_t i = 0; i < output->column_count && !output->heading_done; i++) {
        output->widths[i] = (uint32_t)strlen(output->columns[i].name);
    }
    for (uint64_t i = 0; i < output->rows_held * output->column_count; i++) {
        uint32_t column = (uint32_t)(i % output->column_count);
        uint32_t size = cell_size(output, i);
        output->widths[column] = WG_MAX(output->widths[column], text_width(text, size));
        text += size;
    }
}

// Lays out the rows that wait, and writes them.
static void write_table(cli_output *output)
{
    wg_buffer line;
    const char *text = (const char *)output->text.data;

    wg_buffer_init(&line, NULL, WG_MEMORY_SCRATCH);
    if (!output->failed) {
        measure(output);
        if (!output->heading_done) write_heading(output, &line);
        for (uint64_t row = 0; row < output->rows_held; row++) {
            uint32_t at = 0;
            for (uint32_t i = 0; i < output->column_count; i++) {
                uint32_t size = cell_size(output, row * output->column_count + i);
                append_cell(output, &line, i, &at, text, size);
                text += size;
            }
            end_line(output, &line);
        }
    }
    if (!output->failed) output->failed = !output->sink(output->context, line.data, line.size);
    wg_buffer_finish(&line);
    output->text.size = 0;
    output->cells.size = 0;
    output->rows_held = 0;
}

// A record as lines of name and value.
static void write_record(cli_output *output)
{
    wg_buffer line;
    const char *text = (const char *)output->text.data;
    uint32_t widest = 0;

    wg_buffer_init(&line, NULL, WG_MEMORY_SCRATCH);
    for (uint32_t i = 0; i < output->column_count; i++) {
        widest = WG_MAX(widest, (uint32_t)strlen(output->columns[i].name));
    }
    for (uint32_t i = 0; i < output->column_count && !output->failed; i++) {
        const char *name = output->columns[i].name;
        uint32_t size = cell_size(output, i);
        append_visible(&line, name, strlen(name), &output->failed);
        append_spaces(&line, widest - (uint32_t)strlen(name) + 2, &output->failed);
        append_visible(&line, text, size, &output->failed);
        end_line(output, &line);
        text += size;
    }
    if (!output->failed) output->failed = !output->sink(output->context, line.data, line.size);
    wg_buffer_finish(&line);
    output->text.size = 0;
    output->cells.size = 0;
}

// ---- CSV ---------------------------------------------------------------------------------------

static void append_csv(cli_output *output, const char *text, size_t size)
{
    bool plain = true;

    for (size_t i = 0; i < size; i++) {
        plain = plain && text[i] != ',' && text[i] != '"' && text[i] != '\n' && text[i] != '\r';
    }
    if (plain) {
        append(output, text, size);
        return;
    }
    append(output, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"') append(output, "\"", 1);
        append(output, text + i, 1);
    }
    append(output, "\"", 1);
}

static void csv_heading(cli_output *output)
{
    for (uint32_t i = 0; i < output->column_count; i++) {
        if (i > 0) append(output, ",", 1);
        append_csv(output, output->columns[i].name, strlen(output->columns[i].name));
    }
    append(output, "\r\n", 2);
    output->heading_done = true;
}

// ---- Cells -------------------------------------------------------------------------------------

static bool is_json(const cli_output *output)
{
    return output->style.layout == CLI_JSON || output->style.layout == CLI_JSONL;
}

static void row_begin(cli_output *output)
{
    if (output->style.layout == CLI_CSV && !output->heading_done) csv_heading(output);
    if (output->style.layout == CLI_JSON && !output->record) {
        append_string(output, output->rows == 0 ? "[\n  " : ",\n  ");
    }
    if (is_json(output)) {
        wg_json_writer_init(&output->json, &output->text, false);
        wg_json_object_begin(&output->json);
    }
}

static void cell_begin(cli_output *output)
{
    WG_ASSERT(output->column < output->column_count);

    if (output->column == 0) row_begin(output);
    if (is_json(output)) wg_json_key(&output->json, output->columns[output->column].name);
    output->column++;
}

// A cell of a table or of CSV.
static void cell_text(cli_output *output, const char *text, size_t size)
{
    uint32_t size32 = (uint32_t)WG_MIN(size, (size_t)UINT32_MAX);

    if (output->style.layout == CLI_CSV) {
        if (output->column > 1) append(output, ",", 1);
        append_csv(output, text, size);
        return;
    }
    append(output, text, size32);
    if (!wg_buffer_append(&output->cells, &size32, sizeof(size32))) output->failed = true;
}

void cli_put_text(cli_output *output, const char *text, size_t size)
{
    cell_begin(output);
    if (is_json(output)) {
        wg_json_put_string(&output->json, text, size);
    } else {
        cell_text(output, text, size);
    }
}

void cli_put_null(cli_output *output)
{
    cell_begin(output);
    if (is_json(output)) {
        wg_json_put_null(&output->json);
    } else {
        bool table = output->style.layout == CLI_TABLE;
        cell_text(output, "-", table ? 1 : 0);
    }
}

void cli_put_string(cli_output *output, const char *text)
{
    if (text == NULL) {
        cli_put_null(output);
    } else {
        cli_put_text(output, text, strlen(text));
    }
}

void cli_put_u64(cli_output *output, uint64_t value)
{
    char text[24];

    cell_begin(output);
    if (is_json(output)) {
        wg_json_put_u64(&output->json, value);
    } else {
        int size = snprintf(text, sizeof(text), "%" PRIu64, value);
        cell_text(output, text, (size_t)size);
    }
}

void cli_put_float(cli_output *output, float value)
{
    char text[32];

    if (!isfinite(value)) {
        cli_put_null(output);
        return;
    }
    cell_begin(output);
    if (is_json(output)) {
        wg_json_put_float(&output->json, value);
    } else {
        cell_text(output, text, wg_float_format(value, text));
    }
}

void cli_put_double(cli_output *output, double value, int decimals)
{
    char text[352]; // the largest double has 309 digits before its point

    if (!isfinite(value)) {
        cli_put_null(output);
        return;
    }
    cell_begin(output);
    if (is_json(output)) {
        wg_json_put_double(&output->json, value);
    } else {
        int size = snprintf(text, sizeof(text), "%.*f", decimals, value);
        cell_text(output, text, (size_t)size);
    }
}

void cli_put_size(cli_output *output, uint64_t size)
{
    char text[32];

    if (output->style.layout != CLI_TABLE) {
        cli_put_u64(output, size);
        return;
    }
    cli_put_string(output, cli_size_text(text, sizeof(text), size));
}

void cli_put_bool(cli_output *output, bool value)
{
    cell_begin(output);
    if (is_json(output)) {
        wg_json_put_bool(&output->json, value);
    } else {
        cell_text(output, value ? "true" : "false", value ? 4 : 5);
    }
}

void cli_put_id(cli_output *output, const waggle_id *id)
{
    char text[WAGGLE_ID_TEXT_SIZE];

    if (id->kind == WAGGLE_ID_NUMBER) {
        cli_put_u64(output, id->value.number);
        return;
    }
    size_t size = waggle_id_format(id, text, sizeof(text));
    cli_put_text(output, text, size);
}

void cli_put_json(cli_output *output, const char *json, size_t size)
{
    if (size == 0) {
        cli_put_null(output);
        return;
    }
    cell_begin(output);
    if (is_json(output)) {
        size_t from = output->text.size;
        wg_json_put_raw(&output->json, json, size);
        cli_one_line(output->text.data + from, output->text.size - from);
    } else {
        cell_text(output, json, size);
    }
}

// ---- Rows --------------------------------------------------------------------------------------

void cli_row_end(cli_output *output)
{
    WG_ASSERT(output->column == output->column_count);

    if (is_json(output)) {
        wg_json_object_end(&output->json);
        output->failed |= output->json.failed;
    }
    if (output->style.layout == CLI_JSONL || (output->style.layout == CLI_JSON && output->record)) {
        append(output, "\n", 1);
    }
    if (output->style.layout == CLI_CSV) append(output, "\r\n", 2);
    output->column = 0;
    output->rows++;
    if (output->style.layout != CLI_TABLE) {
        if (output->text.size >= FLUSH_SIZE) flush(output);
        return;
    }
    output->rows_held++;
    if (output->record) {
        write_record(output);
    } else if (output->rows_held == TABLE_ROWS_MAX) {
        write_table(output);
    }
}

waggle_status cli_output_end(cli_output *output, waggle_error *error)
{
    cli_layout layout = output->style.layout;
    waggle_status status = WAGGLE_OK;

    if (!output->record) {
        if (layout == CLI_TABLE && (output->rows_held > 0 || output->rows == 0)) {
            write_table(output);
        }
        if (layout == CLI_CSV && !output->heading_done) csv_heading(output);
        if (layout == CLI_JSON) append_string(output, output->rows == 0 ? "[]\n" : "\n]\n");
    }
    flush(output);
    if (output->sink == write_stdout && fflush(stdout) != 0) output->failed = true;
    if (output->failed) {
        status = wg_fail(error, WAGGLE_IO, "could not write to the standard output");
    }
    wg_buffer_finish(&output->text);
    wg_buffer_finish(&output->cells);
    return status;
}

// ---- Text --------------------------------------------------------------------------------------

void cli_one_line(uint8_t *json, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (json[i] == '\n' || json[i] == '\r') json[i] = ' ';
    }
}

bool cli_append(wg_buffer *buffer, const char *format, ...)
{
    va_list list;
    char text[512];
    bool kept = false;

    va_start(list, format);
    int size = vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (size < 0) return false;
    if ((size_t)size < sizeof(text)) return wg_buffer_append(buffer, text, (size_t)size);

    if (!wg_buffer_reserve(buffer, (size_t)size + 1)) return false;
    va_start(list, format);
    kept = vsnprintf((char *)buffer->data + buffer->size, (size_t)size + 1, format, list) == size;
    va_end(list);
    if (kept) buffer->size += (size_t)size;
    return kept;
}

waggle_status cli_print_buffer(const wg_buffer *buffer, waggle_error *error)
{
    bool written = fwrite(buffer->data, 1, buffer->size, stdout) == buffer->size;

    if (written && fflush(stdout) == 0) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_IO, "could not write to the standard output");
}

const char *cli_size_text(char *target, size_t capacity, uint64_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)size;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < WG_COUNT(units)) {
        value /= 1024;
        unit++;
    }
    snprintf(target, capacity, unit == 0 ? "%.0f %s" : "%.2f %s", value, units[unit]);
    return target;
}
