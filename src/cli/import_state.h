// What an import remembers on disk so that, interrupted at any moment, the same command goes on behind
// the rows that are durable and gives every row the id it had before.
//
// One file per running import, <database>/import/<hash of collection, source and payload path>.json:
//
//   {"collection": "films", "source": "films.npy", "payload": "films.jsonl", "fingerprint": 1234,
//    "first_id": 0, "rows": 20000, "skipped": 1, "last_id": "19999"}
//
// fingerprint   a hash of size, beginning, middle and end of source and payload file: a changed file is
//               noticed
// rows          rows of the source that are durable, left out ones included; 0 = none yet
// last_id       id of the last durable point: if the collection lost it (it was dropped and made anew),
//               the file is stale
//
// The library tells no identity of a collection that outlives a new name, so what the program does to
// collections it does to these files: renaming moves them, dropping and creating removes them.
//
// It is written before the first row and replaced atomically as rows become durable, so it never claims
// more than there is; it may claim less, and then rows are written again under the same ids. A file that
// cannot be read counts as none: its rows would have to be imported anew, which the ids allow.
#pragma once

#include "base/vfs.h"

typedef struct cli_import_state {
    const char *database;
    const char *collection;
    const char *source;
    const char *payload; // NULL = none
    uint64_t fingerprint;
    uint64_t first_id;
    uint64_t rows;
    uint64_t skipped;
    char last_id[WAGGLE_ID_TEXT_SIZE]; // "" = no point yet
} cli_import_state;

// A hash of what a file is; WAGGLE_NOT_FOUND if there is none.
waggle_status cli_fingerprint(const char *path, uint64_t *fingerprint, waggle_error *error);

// Reads the file for database, collection, source and payload of *state into the rest. *found = false if
// there is none, and the rest is untouched.
waggle_status cli_import_state_load(cli_import_state *state, bool *found, waggle_error *error);
waggle_status cli_import_state_save(const cli_import_state *state, waggle_error *error);
void cli_import_state_remove(const cli_import_state *state);
// Removes the files of all imports into a collection: when it is dropped, and when one of that name is made,
// which nothing was imported into yet.
void cli_import_states_forget(const char *database, const char *collection);
// Copies them to another name of the collection: before it is renamed, so that a crash in between leaves a
// file for either name. The one whose collection is not there counts for nothing.
waggle_status cli_import_states_copy(const char *database, const char *collection,
                                     const char *new_name, waggle_error *error);
