// Results on the standard output, in the form that the user wants: a table for people, JSON, JSON lines
// or CSV (RFC 4180) for programs. A command says its columns once and puts cells row by row.
#pragma once

#include "base/json.h"

typedef enum cli_layout {
    CLI_TABLE,
    CLI_JSON,  // one array of objects, or one object
    CLI_JSONL, // an object a line
    CLI_CSV,   // with a header
} cli_layout;

typedef struct cli_style {
    cli_layout layout;
    bool color;     // headings in bold
    uint32_t width; // columns of the terminal; 0 = lines are not cut
} cli_style;

#define CLI_COLUMNS_MAX 32u

typedef struct cli_column {
    const char *name;
    bool right; // numbers
} cli_column;

// Receives what is ready to be written; false = it failed.
typedef bool (*cli_sink_fn)(void *context, const void *data, size_t size);

typedef struct cli_output {
    cli_style style;
    bool record; // one object: a table shows name and value a line, JSON no array
    bool failed; // out of memory, or the sink failed
    uint32_t column_count;
    uint32_t column; // of the next cell
    cli_column columns[CLI_COLUMNS_MAX];
    uint32_t widths[CLI_COLUMNS_MAX];
    uint64_t rows;      // ended so far
    uint64_t rows_held; // of a table: waiting for the widths
    bool heading_done;
    wg_buffer text;  // output that is ready, or the cells of a table that waits
    wg_buffer cells; // of a table: the size of each cell in text
    wg_json_writer json;
    cli_sink_fn sink;
    void *context;
} cli_output;

// "table", "json", "jsonl" or "csv".
waggle_status cli_layout_parse(const char *name, cli_layout *layout, waggle_error *error);

// Rows of these columns (copied; their names are not). Output goes to the standard output.
void cli_output_begin(cli_output *output, cli_style style, const cli_column *columns,
                      uint32_t count);
// One object of these columns: exactly one row follows.
void cli_output_record(cli_output *output, cli_style style, const cli_column *columns,
                       uint32_t count);
// Cells, from left to right.
void cli_put_text(cli_output *output, const char *text, size_t size);
void cli_put_string(cli_output *output, const char *text); // NULL = null
void cli_put_u64(cli_output *output, uint64_t value);
void cli_put_float(cli_output *output, float value);
// Tables and CSV show this many decimals, JSON the exact number; not finite = null.
void cli_put_double(cli_output *output, double value, int decimals);
void cli_put_size(cli_output *output, uint64_t size); // tables: "1.50 GiB", elsewhere bytes
void cli_put_bool(cli_output *output, bool value);
void cli_put_null(cli_output *output);
void cli_put_id(cli_output *output, const waggle_id *id); // a number, or text
// A JSON value: as it is in JSON, as text elsewhere. size 0 = null.
void cli_put_json(cli_output *output, const char *json, size_t size);
void cli_row_end(cli_output *output);
// Writes what is left and frees. The first failure of all calls is reported here.
waggle_status cli_output_end(cli_output *output, waggle_error *error);

// Makes one line of JSON: line breaks, which can only stand between its tokens, become spaces.
void cli_one_line(uint8_t *json, size_t size);
// Appends formatted text; false = out of memory.
bool cli_append(wg_buffer *buffer, const char *format, ...) WG_PRINTF(2, 3);
// Writes to the standard output.
waggle_status cli_print_buffer(const wg_buffer *buffer, waggle_error *error);
// "1.50 GiB", "12 B"; target holds 32 bytes. Returns target.
const char *cli_size_text(char *target, size_t capacity, uint64_t size);
