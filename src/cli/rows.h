// From the batches that a file reader gives to the points that the library takes: vectors get the name
// that the collection knows them by, rows without ids get numbers.
#pragma once

#include "base/memory.h"
#include "cli/readers/reader.h"

typedef struct cli_rows {
    const char *path;
    const char *vector;   // name for vectors that have none in the file; NULL = they stay unnamed
    const char *id_field; // take ids out of the payloads, by this field; NULL = do not
    uint64_t first_id;    // of row 0 of the file, if it has no ids
    waggle_convert convert;
    // Of the current batch.
    waggle_vectors vectors[WAGGLE_VECTOR_NAMES_MAX];
    wg_arena arena;
    wg_buffer numbers;
    wg_buffer ids;
    wg_buffer payloads;
} cli_rows;

void cli_rows_init(cli_rows *rows);
void cli_rows_finish(cli_rows *rows);
// *points borrows from rows and batch, until the next call.
waggle_status cli_rows_points(cli_rows *rows, const cli_batch *batch, waggle_points *points,
                              waggle_error *error);
// One of the points, for finding the bad ones of a batch. vectors has WAGGLE_VECTOR_NAMES_MAX elements.
waggle_points cli_points_at(const waggle_points *points, uint64_t index, waggle_vectors *vectors);
// The bytes of vectors in a batch.
uint64_t cli_points_size(const waggle_points *points);
// The id of one of the points.
waggle_id cli_points_id(const waggle_points *points, uint64_t index);

// Takes the member field out of a JSON object: *id is its value, *rest the object without it, copied to
// arena. A number is a number, a string that has a UUID's form a UUID, and any other a string.
waggle_status cli_payload_take_id(const waggle_text *payload, const char *field, wg_arena *arena,
                                  waggle_id *id, waggle_text *rest, waggle_error *error);
