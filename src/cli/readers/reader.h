// Files of points: vectors, ids and payloads, row by row, from the formats that people have them in.
//
//   format              file                                    gives
//   npy                 NumPy 1.0, 2.0, 3.0; 2-D, C order       f2 f4 u1 i1 as they are; f8, i4, i8 as f32
//   fvecs bvecs ivecs   per row: dim (i32), then f32 u8 i32     f32, u8, f32
//   fbin u8bin i8bin    rows (u32), dim (u32), then the rows    f32, u8, i8
//   jsonl               one JSON object per line                f32, ids, payloads, named vectors
//   csv tsv             RFC 4180 with a header row              f32, ids, payloads
//
// Each may be packed with gzip or zstd; the format is told by the extension (x.npy, x.npy.gz, x.npy.zst)
// or by the caller. The path "-" is the standard input and needs the format told.
//
// jsonl: the field "id" (a number below 2^64, or a string: a UUID's form is a UUID, anything else a
// string id), the field "vector" (an array of numbers, or an object of named arrays), and either
// "payload" (an object or null) or any other fields, which then are the payload. Beside "payload" only
// "version" may stand, which is what `waggle export` writes; it is ignored. Lines of white space alone
// are no rows. Either every row has an id or none.
//
// csv: the column "id" (as waggle_id_parse() reads it), and the vector in one column "vector" that holds
// [0.1,0.2], or spread over the columns v0, v1, ... in the order of their numbers. All other columns are
// the payload: what has the form of a JSON number is a number, unless it is quoted; an empty cell that
// is not quoted is left out; anything else is a string.
//
// Rows are numbered from 0 in the order of the file, as the ids of a file without ids; lines from 1.
// Every message begins with the path and, where it concerns one row, "row 7: " or "row 7 (line 9): ".
#pragma once

#include "base/status.h"

#define CLI_LINE_SIZE_MAX ((size_t)64 << 20)  // bytes of a line of jsonl, of a record of csv
#define CLI_BATCH_SIZE_MAX ((size_t)64 << 20) // a batch ends before it is larger, but has one row

typedef enum cli_format {
    CLI_FORMAT_AUTO = 0, // by the extension of the path
    CLI_FORMAT_NPY,
    CLI_FORMAT_FVECS,
    CLI_FORMAT_BVECS,
    CLI_FORMAT_IVECS,
    CLI_FORMAT_FBIN,
    CLI_FORMAT_U8BIN,
    CLI_FORMAT_I8BIN,
    CLI_FORMAT_JSONL,
    CLI_FORMAT_CSV,
    CLI_FORMAT_TSV,
} cli_format;

// "npy", "fvecs", ...; "auto". A static string.
const char *cli_format_name(cli_format format);
// The reverse. WAGGLE_INVALID names the word and lists what is known.
waggle_status cli_format_parse(const char *name, cli_format *format, waggle_error *error);
// The format that a path's extension tells, after .gz or .zst. WAGGLE_INVALID lists what is known.
waggle_status cli_format_of_path(const char *path, cli_format *format, waggle_error *error);

// A row that was left out because of skip_errors. Borrowed for the call.
typedef struct cli_row_error {
    uint64_t row;        // in the file, from 0
    uint64_t line;       // where it begins, from 1; 0 = the format has no lines
    const char *column;  // "3" of a vector, "id", "payload", a csv column; "" = the row as a whole
    const char *message; // the whole sentence, with path, row, column and value
} cli_row_error;

typedef void (*cli_row_error_fn)(void *context, const cli_row_error *error);

// In every field, zero means the default. Borrowed for the call of cli_reader_open() only, but for the
// context of skipped.
typedef struct cli_reader_options {
    cli_format format;
    const char *id_field; // jsonl, csv: NULL = "id", if it is there; if given, it must be there
    const char
        *vector_field; // jsonl: NULL = "vector". csv: the column, or the prefix of the columns
    const char *payload_path; // jsonl, packed or not: line i is the payload of row i, a JSON object
    char delimiter;           // csv: 0 = ',' (tsv: a tab)
    bool skip_errors;         // leave bad rows out, tell skipped of each, and go on
    uint32_t dim;             // the dimension that rows must have; 0 = that of the first row
    uint32_t batch_rows;      // the most rows of a batch, at most WAGGLE_BATCH_MAX; 0 = 1000
    uint64_t first_row; // begin at this row of the file, to resume; earlier ones are not checked
    cli_row_error_fn skipped; // may be NULL; called by cli_reader_open() and cli_reader_next()
    void *skipped_context;
} cli_reader_options;

// What a file holds, as far as its header or its first batch tells.
typedef struct cli_reader_info {
    cli_format format;
    uint64_t rows;         // of the whole file; 0 = not known before its end (or none)
    bool rows_known;       // rows is true even if it is 0
    bool has_ids;          // batches carry ids; otherwise the number of the row is its id
    bool has_payloads;     // batches carry payloads
    uint32_t vector_count; // 0 = the file has no row
    // Names (NULL = unnamed), types and dims of the vectors; count is 0 and data NULL. A later batch of
    // jsonl may have more names.
    waggle_vectors vectors[WAGGLE_VECTOR_NAMES_MAX];
} cli_reader_info;

// Consecutive rows as columns, ready for waggle_points:
//
//   waggle_points_of(.count = b->count, .ids = b->ids, .id_first = b->rows[0], .vectors = b->vectors,
//                    .vector_count = b->vector_count, .payloads = b->payloads)
//
// which is right for files without ids only if b->rows is consecutive: with skip_errors give
// .id_numbers = b->rows instead, which always is right.
typedef struct cli_batch {
    uint64_t count;       // rows; 0 = the end
    const uint64_t *rows; // the number in the file of each row, ascending
    uint32_t vector_count;
    const waggle_vectors *vectors; // present is NULL where no row lacks the vector
    const waggle_id *ids;          // NULL = the file has none
    const waggle_text *payloads;   // NULL = the file has none
} cli_batch;

// A file that is being read.
typedef struct cli_reader cli_reader;

// Opens a file, checks its header and reads its first batch ahead, so that info is complete.
// Errors     WAGGLE_INVALID    unknown extension; an option that does not fit the format; a bad first row
//            WAGGLE_DIMENSION  not options->dim, or not 1..65536
//            WAGGLE_NOT_FOUND, WAGGLE_IO
//            WAGGLE_CORRUPT    the file is shorter or longer than its header says, or does not unpack
waggle_status cli_reader_open(const char *path, const cli_reader_options *options,
                              cli_reader **reader, waggle_error *error);
// The same over a stream, which the reader closes, also if this fails. name stands in messages, and its
// extension tells the format where options do not.
struct wg_stream;
waggle_status cli_reader_open_stream(const char *name, struct wg_stream *stream,
                                     const cli_reader_options *options, cli_reader **reader,
                                     waggle_error *error);
void cli_reader_close(cli_reader *reader); // NULL is fine
const cli_reader_info *cli_reader_describe(const cli_reader *reader);

// The next rows; *batch lives until the next call. A batch that ends before a bad row comes as a short
// one first, and the call after it gives the error: what came before is complete, and cli_reader_row()
// is the row to resume at. After an error the reader is only good for cli_reader_row() and closing.
// Errors     WAGGLE_INVALID    a row is bad: path, row, column, value; or there are fewer or more
//                              payloads than rows, with both counts
//            WAGGLE_DIMENSION  a row has another dimension than those before; both are named
//            WAGGLE_CORRUPT    the file ends within a row, or does not unpack
//            WAGGLE_IO, WAGGLE_OUT_OF_MEMORY
waggle_status cli_reader_next(cli_reader *reader, const cli_batch **batch, waggle_error *error);

// The row behind the last batch that was given (rows left out count): options.first_row to go on there.
uint64_t cli_reader_row(const cli_reader *reader);
uint64_t cli_reader_skipped(const cli_reader *reader); // rows left out so far
// For progress: bytes of the file (packed, as on disk) read so far, and in all; 0 = unknown.
uint64_t cli_reader_position(const cli_reader *reader);
uint64_t cli_reader_size(const cli_reader *reader);

// A table of integers, as true neighbors come: npy (i4 i8 u4 u8 i1 u1; 1-D is one column) or ivecs, packed
// or not. At most 1 GiB.
typedef struct cli_integers {
    uint64_t count; // rows
    uint32_t width; // integers per row
    int64_t *values;
} cli_integers;

waggle_status cli_integers_read(const char *path, cli_integers *integers, waggle_error *error);
void cli_integers_finish(cli_integers *integers);
