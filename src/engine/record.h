// What the records of the log say. Everything is a deterministic command, so a replay or a replica comes to the
// same state. The bytes are described at the top of record.c and in docs/formats/records.md.
#pragma once

#include "base/bytes.h"
#include "engine/spec.h"
#include "storage/log.h"

typedef enum wg_record_type {
    WG_RECORD_UPSERT = 1,  // points with vectors and payload
    WG_RECORD_DELETE = 2,  // ids
    WG_RECORD_PAYLOAD = 3, // ids with a new payload
    WG_RECORD_SEGMENT = 4, // a segment file written by a bulk import
    // With collection 0, the catalog:
    WG_RECORD_CREATE = 16,
    WG_RECORD_DROP = 17,
    WG_RECORD_RENAME = 18,
} wg_record_type;

// The encoded records of one batch.
typedef struct wg_batch {
    wg_buffer bytes;   // all records, one behind the other
    wg_buffer offsets; // size_t: where each record begins
    wg_piece *pieces;  // after wg_batch_seal
    uint32_t count;
} wg_batch;

void wg_batch_init(wg_batch *batch, wg_heap *heap);
void wg_batch_finish(wg_batch *batch);
// Ends the encoding: pieces and count can be given to the log.
waggle_status wg_batch_seal(wg_batch *batch, waggle_error *error);

// Points as the caller gave them, checked: columns by vector of the spec.
typedef struct wg_points_source {
    const wg_spec *spec;
    waggle_points given;         // at this library's size
    const waggle_points *points; // = &given: the source stays where it is
    const waggle_vectors *columns[WAGGLE_VECTOR_NAMES_MAX]; // NULL = not given
} wg_points_source;

// Checks everything about the batch but the values of its rows.
waggle_status wg_points_check(const wg_spec *spec, const waggle_points *given,
                              wg_points_source *source, waggle_error *error);
void wg_points_id(const waggle_points *points, uint64_t row, waggle_id *id);
bool wg_points_has(const wg_points_source *source, uint32_t field, uint64_t row);
// Converts one vector into target (stride bytes of the field, padding zeroed), normalised if the field is;
// *norm receives its norm if the field keeps one.
waggle_status wg_points_vector(const wg_points_source *source, uint32_t field, uint64_t row,
                               void *target, float *norm, waggle_error *error);
waggle_status wg_points_payload(const waggle_points *points, uint64_t row, waggle_text *payload,
                                waggle_error *error); // checked

waggle_status wg_batch_upsert(wg_batch *batch, const wg_points_source *source, waggle_error *error);
waggle_status wg_batch_delete(wg_batch *batch, const waggle_id *ids, uint64_t count,
                              waggle_error *error);
waggle_status wg_batch_payload(wg_batch *batch, const waggle_id *ids, const waggle_text *payloads,
                               uint64_t count, waggle_error *error);

// A decoded record of points (UPSERT, PAYLOAD: no fields; DELETE: ids only). Borrows the bytes.
typedef struct wg_record_points {
    uint32_t count;
    uint32_t fields; // bit i: field i is given
    wg_reader ids;   // read by wg_record_id, in order
    const uint8_t *payload_sizes;
    wg_reader payloads; // read by wg_record_payload, in order

    struct {
        const uint8_t *present; // u64 words
        const uint8_t *norms;   // f32, if the field keeps them
        const uint8_t *rows;    // tightly packed
    } columns[WAGGLE_VECTOR_NAMES_MAX];
} wg_record_points;

// spec NULL for DELETE and PAYLOAD.
waggle_status wg_record_points_decode(const wg_spec *spec, const void *data, size_t size,
                                      wg_record_points *points, waggle_error *error);
waggle_status wg_record_id(wg_record_points *points, waggle_id *id, waggle_error *error);
waggle_status wg_record_payload(wg_record_points *points, uint32_t row, waggle_text *payload,
                                waggle_error *error);

static inline bool wg_record_present(const wg_record_points *points, uint32_t field, uint32_t row)
{
    return wg_get64(points->columns[field].present + row / 64 * 8) >> (row % 64) & 1;
}

typedef struct wg_record_segment {
    uint64_t file;
    uint32_t owner;
    uint32_t part;
    uint64_t rows;
    uint64_t size;
    uint8_t digest[32]; // SHA-256 of the file
} wg_record_segment;

waggle_status wg_batch_segment(wg_batch *batch, const wg_record_segment *segment,
                               waggle_error *error);
waggle_status wg_record_segment_decode(const void *data, size_t size, wg_record_segment *segment,
                                       waggle_error *error);

// Catalog records: spec is empty but for CREATE, name but for CREATE and RENAME.
typedef struct wg_record_catalog {
    uint32_t collection;
    waggle_text name;
    waggle_text spec;
} wg_record_catalog;

waggle_status wg_batch_catalog(wg_batch *batch, const wg_record_catalog *record,
                               waggle_error *error);
waggle_status wg_record_catalog_decode(const void *data, size_t size, wg_record_catalog *record,
                                       waggle_error *error);
