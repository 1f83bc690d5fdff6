// A sealed part of a collection, opened: its columns in the mapped file, and the overlay of payloads that
// were replaced since. Shared by the states that show it.
#pragma once

#include "engine/files.h"
#include "engine/spec.h"
#include "storage/documents.h"
#include "storage/ids.h"
#include "storage/side.h"

typedef struct wg_codes wg_codes; // codes_file.h

typedef struct wg_sealed_column {
    const wg_section *rows; // NULL = no row has this vector
    const uint8_t *data;    // after the first scan has verified it; atomic through `verified`
    const float *norms;
    const uint64_t *present; // NULL = all rows have it
    size_t stride;
} wg_sealed_column;

// A payload that replaced the one in the file.
typedef struct wg_overlaid {
    uint64_t version;
    uint32_t row;
    uint32_t size; // WG_PAYLOAD_ABSENT
    char bytes[];
} wg_overlaid;

typedef struct wg_sealed {
    _Atomic uint32_t references;
    wg_files *files;
    wg_heap *heap;
    wg_segment_file *file;
    const wg_part *part;
    wg_part_entry entry; // deletes and overlay: under the database's `care` lock; the rest stays
    const wg_spec *spec;
    wg_id_column ids;
    wg_document_column documents;
    const wg_section *versions; // NULL = every row has entry.sequence
    bool ranged;                // all ids are numbers from lowest to highest
    uint64_t lowest;
    uint64_t highest;
    wg_mutex verify;           // taken by the first scans
    _Atomic uint32_t verified; // bit i: column i has been verified; release after data is set
    wg_mask *
        written; // the mask that the .del file holds, NULL = none; under the database's `care` lock
    // Set once, by codes.c: release, so that whoever reads it with acquire sees what it points to.
    _Atomic(wg_codes *) codes;
    uint64_t codes_round; // that last tried to make them; under the database's `making`
    bool in_manifest;     // false: only the log refers to it yet; under `care`
    // The overlay: an open-addressed table by row, guarded by the collection's `ids` lock.
    wg_overlaid **overlay;
    uint32_t overlay_capacity;
    uint32_t overlay_count;
    bool overlay_changed; // since the .pay file was written; under the `ids` lock
    wg_sealed_column columns[];
} wg_sealed;

// Opens a part (its file must be known to files). The overlay is empty.
waggle_status wg_sealed_open(wg_files *files, wg_heap *heap, const wg_spec *spec,
                             const wg_part_entry *entry, wg_sealed **sealed, waggle_error *error);
wg_sealed *wg_sealed_retain(wg_sealed *sealed);
void wg_sealed_release(wg_sealed *sealed); // NULL is fine
// The mask of rows that were born dead, or an empty one.
waggle_status wg_sealed_born(wg_sealed *sealed, wg_mask **mask, waggle_error *error);

// The row of an id, dead or alive. Quick where the range of numbers excludes it.
bool wg_sealed_find(const wg_sealed *sealed, const waggle_id *id, uint32_t *row);
// Verifies a column before its first scan; afterwards only a load.
waggle_status wg_sealed_column_ready(wg_sealed *sealed, uint32_t field, waggle_error *error);
// One row of a column, verifying only its blocks; *row NULL = it lacks the vector.
waggle_status wg_sealed_row(wg_sealed *sealed, uint32_t field, uint64_t row, const void **data,
                            float *norm, waggle_error *error);
bool wg_sealed_has(const wg_sealed *sealed, uint32_t field, uint64_t row);

// Overlay: the caller holds the `ids` lock (for put: writing).
const wg_overlaid *wg_sealed_overlaid(const wg_sealed *sealed, uint32_t row);
waggle_status wg_sealed_overlay_put(wg_sealed *sealed, uint32_t row, uint64_t version,
                                    waggle_text payload, waggle_error *error);
// The same in two steps: make takes all memory that set needs, for `pending` entries that are not set yet (this one
// included). NULL = no memory. Freed with wg_free if it is not set.
wg_overlaid *wg_sealed_overlay_make(wg_sealed *sealed, uint32_t row, uint64_t version,
                                    waggle_text payload, uint32_t pending);
void wg_sealed_overlay_set(wg_sealed *sealed, wg_overlaid *entry);
// The version of the row in the file (an overlaid one has its own).
waggle_status wg_sealed_version(wg_sealed *sealed, uint64_t row, uint64_t *version,
                                waggle_error *error);
