// What tests make points of: ids of every kind, payloads that say which write they come from, and the writes that are
// not one call of waggle.h.
#pragma once

#include "engine/engine.h"
#include "support/test.h"

#define POINTS_ID_SIZE 16u
#define POINTS_PAYLOAD_SIZE 40u

// The id of an index: numbers, UUIDs and strings in turn, each kind rising with the index. The text holds a string.
void points_id(uint32_t index, waggle_id *id, char text[POINTS_ID_SIZE]);

// The payload of a write, as text; that of stamp 0 is none.
waggle_text points_payload(uint64_t stamp, char text[POINTS_PAYLOAD_SIZE]);
// Its stamp; UINT64_MAX if it is not, byte for byte, what points_payload made.
uint64_t points_stamp(waggle_text payload);

// Opens an import, adds all, and commits.
waggle_status points_import(waggle_collection *collection, const waggle_points *points,
                            waggle_error *error);
// Seals the collection's head now.
waggle_status points_seal(waggle_collection *collection, waggle_error *error);
