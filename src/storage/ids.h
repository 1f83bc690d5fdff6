// Ids on disk and in memory. An id is encoded so that comparing bytes is comparing ids:
//   number  0x00, 8 bytes big-endian     UUID  0x01, 16 bytes     string  0x02, 1..255 bytes
#pragma once

#include "storage/segment.h"

#define WG_ID_ENCODED_MAX 256u

// Kind, size and UTF-8 are acceptable; otherwise WAGGLE_INVALID with the value.
waggle_status wg_id_check(const waggle_id *id, waggle_error *error);
size_t wg_id_encode(const waggle_id *id, uint8_t target[WG_ID_ENCODED_MAX]);
// The id borrows the bytes. WAGGLE_CORRUPT if they are none.
waggle_status wg_id_decode(const uint8_t *bytes, size_t size, waggle_id *id, waggle_error *error);
// The same for bytes that are under a checksum: strings are not checked for UTF-8. false = they are none.
bool wg_id_view(const uint8_t *bytes, size_t size, waggle_id *id);
uint64_t wg_id_hash(const waggle_id *id);
bool wg_id_equal(const waggle_id *a, const waggle_id *b);
int wg_id_compare(const waggle_id *a, const waggle_id *b); // as waggle_id_compare()

// ---- Ids of a part of a segment.
typedef struct wg_id_column {
    wg_segment_file *file; // borrowed
    const wg_part *part;
    const uint64_t *numbers; // or NULL and
    const uint64_t *offsets;
    const uint8_t *bytes;
    uint64_t bytes_size;
    const uint32_t *hash; // NULL = few rows, found by their order
    uint32_t hash_mask;
    const uint32_t *rank; // NULL = rows are in id order
    const uint32_t *order;
} wg_id_column;

// Verifies and maps the sections of ids.
waggle_status wg_id_column_open(wg_id_column *column, wg_segment_file *file, const wg_part *part,
                                waggle_error *error);
// The row of an id, dead or alive (of rows born dead, the living one); false if there is none.
bool wg_id_column_find(const wg_id_column *column, const waggle_id *id, uint32_t *row);
void wg_id_column_get(const wg_id_column *column, uint64_t row, waggle_id *id); // borrowed
// The row at a place in id order, and the first place whose id is above `after` (NULL = 0).
uint32_t wg_id_column_at(const wg_id_column *column, uint64_t place);
uint64_t wg_id_column_seek(const wg_id_column *column, const waggle_id *after);

// Writes the sections of ids for rows in the order added. Memory: 13 to 23 bytes per number (8 to 12 for
// itself, 5 to 11 for the table that finds doubles), plus the encoded bytes otherwise, and 8 more while
// rows are written that did not come in id order.
#define WG_ID_ROWS_MAX \
    (3u << 30) // three quarters of 2^32 slots, the fullest that a table of ids gets
typedef struct wg_id_writer wg_id_writer;
wg_id_writer *wg_id_writer_create(wg_heap *heap); // NULL = no memory
void wg_id_writer_destroy(wg_id_writer *writer);
// An id that was added before makes the older row dead: *replaced is that row, or UINT64_MAX.
waggle_status wg_id_writer_add(wg_id_writer *writer, const waggle_id *id, uint64_t *replaced,
                               waggle_error *error);
uint64_t wg_id_writer_rows(const wg_id_writer *writer);
size_t wg_id_writer_memory(const wg_id_writer *writer);
waggle_status wg_id_writer_write(wg_id_writer *writer, wg_segment_writer *segment,
                                 waggle_error *error); // also BORN_DEAD

// ---- The id table of a head: id -> slot. One writer; readers under the caller's lock.
typedef struct wg_id_table {
    wg_heap *heap;
    uint32_t *slots; // slot + 1, 0 = free, UINT32_MAX = removed
    uint32_t capacity;
    uint32_t used; // removed ones included
    uint32_t count;
} wg_id_table;

// Gives the id of a slot, so that the table need not keep ids twice.
typedef void (*wg_id_of_fn)(const void *context, uint32_t slot, waggle_id *id);

void wg_id_table_init(wg_id_table *table, wg_heap *heap); // allocates nothing
void wg_id_table_finish(wg_id_table *table);
// Makes room for more entries, so that the next puts cannot fail. false = no memory.
bool wg_id_table_reserve(wg_id_table *table, uint32_t more, wg_id_of_fn id_of, const void *context);
bool wg_id_table_find(const wg_id_table *table, const waggle_id *id, wg_id_of_fn id_of,
                      const void *context, uint32_t *slot);
// Sets the slot of an id; *old is the former slot or UINT32_MAX. Room must have been reserved.
void wg_id_table_put(wg_id_table *table, const waggle_id *id, uint32_t slot, wg_id_of_fn id_of,
                     const void *context, uint32_t *old);
bool wg_id_table_remove(wg_id_table *table, const waggle_id *id, wg_id_of_fn id_of,
                        const void *context, uint32_t *slot);
