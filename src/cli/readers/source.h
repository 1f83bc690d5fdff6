// What the formats share: a source gives one row after the other, a builder collects them as columns.
// Private to this folder; callers use reader.h.
#pragma once

#include "base/codec.h"
#include "base/json.h"
#include "cli/readers/reader.h"

#define CLI_COLUMN_SHOWN 80u // bytes of a column's name in messages

typedef enum cli_step {
    CLI_ROW,    // a row was read
    CLI_END,    // there is none left
    CLI_BAD,    // the row is bad, error says why; the one behind it can be read
    CLI_FAILED, // the file cannot be read on, error says why
} cli_step;

// ---- Builder -----------------------------------------------------------------------------------

typedef struct cli_column {
    char *name; // NULL = unnamed
    waggle_type type;
    uint32_t dim;
    size_t row_size;
    wg_buffer data;    // a row per row, zeros where the row lacks the vector
    wg_buffer present; // a byte per row
    uint64_t lacking;  // how many rows do
} cli_column;

// Rows as columns. A row is begun, filled, and kept or dropped.
typedef struct cli_builder {
    uint64_t count; // rows kept
    size_t size;    // bytes of their vectors and texts
    bool has_ids;   // the rows kept have ids: all or none
    wg_buffer rows;
    wg_buffer ids;
    wg_buffer payloads;
    wg_arena texts; // strings of ids, and payloads
    cli_column columns[WAGGLE_VECTOR_NAMES_MAX];
    uint32_t column_count;
    waggle_vectors vectors[WAGGLE_VECTOR_NAMES_MAX]; // of the last batch
    // The row that was begun.
    uint32_t columns_before;
    bool has_id;
    bool has_payload;
    waggle_id id;
    waggle_text payload;
} cli_builder;

void cli_builder_init(cli_builder *builder);
void cli_builder_finish(cli_builder *builder);
void cli_builder_reset(cli_builder *builder); // drops all rows, keeps the columns
void cli_builder_begin(cli_builder *builder);
// False = no memory; the row is dropped then.
bool cli_builder_keep(cli_builder *builder, uint64_t row);
void cli_builder_drop(cli_builder *builder);
// The column of this name (size 0 = unnamed), or NULL.
cli_column *cli_builder_find(cli_builder *builder, const char *name, size_t size);
// Adds a column; rows kept so far lack it. NULL = no memory, or WAGGLE_VECTOR_NAMES_MAX are there.
cli_column *cli_builder_add(cli_builder *builder, const char *name, size_t size, waggle_type type,
                            uint32_t dim);
// Space for this row's vector, and it counts as present. NULL = no memory.
void *cli_builder_vector(cli_builder *builder, cli_column *column);
// True if the row has the vector already.
bool cli_builder_has(const cli_builder *builder, const cli_column *column);
// Copies. False = no memory.
bool cli_builder_payload(cli_builder *builder, const char *json, size_t size);
void cli_builder_batch(cli_builder *builder, cli_batch *batch);

// ---- Sources -----------------------------------------------------------------------------------

typedef struct cli_source cli_source;

typedef struct cli_source_ops {
    size_t size; // of the struct that begins with a cli_source
    // Reads the header. The stream stays the reader's.
    waggle_status (*open)(cli_source *source, const cli_reader_options *options,
                          waggle_error *error);
    void (*close)(cli_source *source); // also of a zeroed or half-opened source
    // Reads the next row into the row that the builder has begun. CLI_ROW and CLI_BAD advance source->row.
    cli_step (*next)(cli_source *source, cli_builder *builder, waggle_error *error);
    // Passes over one row and advances source->row. May be cheaper than next.
    cli_step (*skip)(cli_source *source, waggle_error *error);
    // Passes over count rows at once: CLI_ROW, or CLI_FAILED. NULL = skip does it.
    cli_step (*seek)(cli_source *source, uint64_t count, waggle_error *error);
} cli_source_ops;

struct cli_source {
    const cli_source_ops *ops;
    const char *path;
    wg_stream *stream;
    cli_format format;
    uint64_t row;  // the next to be read
    uint64_t line; // where the row being read begins; 0 = the format has no lines
    uint64_t rows; // of the file
    bool rows_known;
    uint32_t dim; // that rows must have; 0 = that of the first
    // Of a bad row: the column, for cli_row_error.
    char bad_column[CLI_COLUMN_SHOWN];
};

extern const cli_source_ops cli_npy_ops;
extern const cli_source_ops cli_vecs_ops;
extern const cli_source_ops cli_bin_ops;
extern const cli_source_ops cli_jsonl_ops;
extern const cli_source_ops cli_csv_ops;

// The row being read is bad. "path: row 7 (line 9): sentence"; returns CLI_BAD and advances the row.
cli_step cli_bad_row(cli_source *source, waggle_status status, const char *column,
                     waggle_error *error, const char *format, ...) WG_PRINTF(5, 6);
// The same around the sentence that error holds.
cli_step cli_bad_row_context(cli_source *source, const char *column, waggle_error *error);
// Takes the line out of the JSON reader's message: a row of jsonl is one line, and the caller names it.
void cli_strip_first_line(waggle_error *error);
// Both dimensions of a row that has the wrong one.
cli_step cli_bad_dim(cli_source *source, uint64_t dim, uint32_t expected, const char *what,
                     waggle_error *error);
cli_step cli_no_memory(waggle_error *error, size_t size); // CLI_FAILED
// WAGGLE_DIMENSION unless dim is 1..65536, and the one that the caller asked for.
waggle_status cli_check_dim(const cli_source *source, uint64_t dim, waggle_error *error);
// A payload of a row that is too large is bad.
cli_step cli_add_payload(cli_source *source, cli_builder *builder, const char *json, size_t size,
                         waggle_error *error);

// ---- Elements of binary files ------------------------------------------------------------------

typedef enum cli_element {
    CLI_ELEMENT_F16,
    CLI_ELEMENT_F32,
    CLI_ELEMENT_F64,
    CLI_ELEMENT_U8,
    CLI_ELEMENT_I8,
    CLI_ELEMENT_I16,
    CLI_ELEMENT_U16,
    CLI_ELEMENT_I32,
    CLI_ELEMENT_U32,
    CLI_ELEMENT_I64,
    CLI_ELEMENT_U64,
} cli_element;

size_t cli_element_size(cli_element element);
// The type in which vectors of such elements are given: their own, else f32.
waggle_type cli_element_type(cli_element element);
// Adds a row of dim elements (little-endian) to the builder's only column, checked and converted.
cli_step cli_add_elements(cli_source *source, cli_builder *builder, cli_element element,
                          const void *bytes, uint32_t dim, waggle_error *error);
// An integer as it stands; false if element is no integer, or beyond int64.
bool cli_element_integer(cli_element element, const void *bytes, int64_t *value);

// Rows of one size, one behind the other up to the end of the file: npy, and the *bin formats.
typedef struct cli_grid {
    cli_source source;
    cli_element element;
    uint32_t dim;
    uint64_t header; // bytes before the first row
    size_t row_size;
    uint8_t *bytes; // one row
} cli_grid;

// From the header: rows, dim and element are set by the caller; checks them against the file's size.
waggle_status cli_grid_begin(cli_grid *grid, waggle_error *error);
void cli_grid_close(cli_source *source);
cli_step cli_grid_next(cli_source *source, cli_builder *builder, waggle_error *error);
cli_step cli_grid_skip(cli_source *source, waggle_error *error);
cli_step cli_grid_seek(cli_source *source, uint64_t count, waggle_error *error);

// What the header of a npy file says.
typedef struct cli_npy_header {
    cli_element element;
    uint32_t axes; // 1 or 2
    uint64_t rows;
    uint64_t columns; // 1 if there is one axis
    uint64_t size;    // of the header
} cli_npy_header;

waggle_status cli_npy_read_header(const char *path, wg_stream *stream, cli_npy_header *header,
                                  waggle_error *error);

// ---- Lines of text -----------------------------------------------------------------------------

typedef struct cli_lines {
    wg_stream *stream;
    uint8_t *chunk;
    size_t chunk_at;
    size_t chunk_size;
    wg_buffer line;  // without the line feed; behind cli_lines_extend() with those within
    uint64_t number; // of the line read last, from 1
    uint64_t begin;  // of the first line in line
    bool draining;   // the last one was too long, and its end is not read yet
} cli_lines;

bool cli_lines_init(cli_lines *lines, wg_stream *stream); // false = no memory
void cli_lines_finish(cli_lines *lines);
// The next line. CLI_BAD: longer than CLI_LINE_SIZE_MAX, error holds a sentence; the next call passes it over.
cli_step cli_lines_next(cli_lines *lines, waggle_error *error);
// Appends a line feed and the next line to the one that is there. CLI_END if there is none.
cli_step cli_lines_extend(cli_lines *lines, waggle_error *error);
bool cli_lines_blank(const cli_lines *lines); // white space alone
