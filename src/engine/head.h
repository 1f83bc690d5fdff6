// The head of a collection: its newest rows, in anonymous memory, searched exactly until they are sealed.
//
// Rows lie in chunks of slots that only grow; a slot is written before the state that shows it is published and
// never changes after, so searches read without locks. The id table and replaced payloads are guarded by
// the collection's `ids` lock. One writer at a time (the collection's `write` lock).
#pragma once

#include "engine/spec.h"
#include "storage/ids.h"

#include <stdatomic.h>

#define WG_CHUNK_SLOTS_MAX 65536u
#define WG_CHUNK_SIZE_MAX ((size_t)128 << 20)
#define WG_HEAD_SLOTS_MAX (1u << 30)

// What is known of a point besides its vectors. Immutable: a new payload makes a new one.
typedef struct wg_point {
    uint64_t version;
    uint32_t payload_size; // WG_PAYLOAD_ABSENT
    uint16_t absent;       // bit i: lacks vector i
    uint16_t id_size;
    uint8_t bytes[]; // encoded id, then payload
} wg_point;

#define WG_PAYLOAD_ABSENT UINT32_MAX

static inline waggle_text wg_point_payload(const wg_point *point)
{
    if (point->payload_size == WG_PAYLOAD_ABSENT) return (waggle_text){NULL, 0};
    return (waggle_text){(const char *)point->bytes + point->id_size, point->payload_size};
}

void wg_point_id(const wg_point *point, waggle_id *id);     // borrowed
int wg_point_compare(const wg_point *a, const wg_point *b); // by id

typedef struct wg_chunk_column {
    uint8_t *rows;
    float *norms; // NULL if the field keeps none
} wg_chunk_column;

typedef struct wg_chunk {
    struct wg_chunk *retired;        // list of replaced chunks, kept for readers of older states
    uint32_t first;                  // slot; a multiple of 64
    uint32_t capacity;               // slots there are addresses for
    uint32_t used;                   // slots whose memory counts, and may be touched
    const wg_point *_Atomic *points; // replaced with release by payload changes, read with acquire
    wg_chunk_column columns[];
} wg_chunk;

// A version of the list of chunks; replaced when one is added.
typedef struct wg_chunks {
    struct wg_chunks *retired;
    uint32_t count;
    wg_chunk *chunks[];
} wg_chunks;

typedef struct wg_head {
    _Atomic uint32_t references;
    wg_heap *heap;
    const wg_spec *spec; // the collection's
    wg_chunks *chunks;   // the newest version; NULL while empty
    wg_chunk *retired_chunks;
    wg_chunks *retired_lists;
    uint32_t slots;    // in use
    uint32_t capacity; // of all chunks
    uint32_t ready;    // slots whose memory counts: at least `slots`
    uint16_t lacking;  // bit i: some row lacks vector i
    wg_id_table ids;
    wg_arena arena;     // points
    uint64_t first_seq; // of the oldest write it holds; 0 = none
    uint64_t last_seq;
    size_t bytes; // rows and points
} wg_head;

wg_head *wg_head_create(wg_heap *heap, const wg_spec *spec); // NULL = no memory
wg_head *wg_head_retain(wg_head *head);
void wg_head_release(wg_head *head);

// Room for `more` slots and ids, so that wg_head_place cannot fail. Readers must be kept out of the id
// table (the collection's `ids` lock for writing).
waggle_status wg_head_reserve(wg_head *head, uint32_t more, waggle_error *error);
// NULL = no memory. absent: bit i = lacks vector i.
wg_point *wg_head_point(wg_head *head, const waggle_id *id, uint64_t version, waggle_text payload,
                        uint16_t absent);
// The rows of a reserved slot, to be written before it is published.
wg_chunk *wg_chunk_of(const wg_chunks *chunks, uint32_t slot);

static inline uint8_t *wg_chunk_row(const wg_chunk *chunk, const wg_spec *spec, uint32_t field,
                                    uint32_t slot)
{
    return chunk->columns[field].rows + (size_t)(slot - chunk->first) * spec->fields[field].stride;
}

static inline const wg_point *wg_chunk_point(const wg_chunk *chunk, uint32_t slot)
{
    // Acquire pairs with the release of wg_head_point_set.
    return atomic_load_explicit(&chunk->points[slot - chunk->first], memory_order_acquire);
}

void wg_head_point_set(wg_head *head, uint32_t slot, const wg_point *point);
const wg_point *wg_head_point_get(const wg_head *head, uint32_t slot);

// The slot of an id, dead or alive; the caller looks at the mask.
bool wg_head_find(const wg_head *head, const waggle_id *id, uint32_t *slot);
void wg_head_put(wg_head *head, const waggle_id *id, uint32_t slot, uint32_t *old);
bool wg_head_remove(wg_head *head, const waggle_id *id);
