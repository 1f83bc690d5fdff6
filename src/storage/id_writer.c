// Gathers the ids of a part while its rows are written, finds doubles, and writes the sections of ids.
//
// As long as every id is a number, ids are 8 bytes each; the first other id turns all of them into
// encoded bytes. The table that finds doubles is the one that is written as ID_HASH.
#include "base/bytes.h"
#include "storage/id_hash.h"
#include "storage/ids.h"

// Below, order finds an id in a handful of steps, and 100,000 tiny collections save a section each.
#define HASH_ROWS_MIN 33u
#define SLOTS_MIN 64u

struct wg_id_writer {
    wg_heap *heap;
    uint64_t rows;
    bool encoded;
    wg_buffer numbers; // u64 per row, while not encoded
    wg_buffer offsets; // u64 per row: where its bytes begin
    wg_buffer bytes;
    uint32_t *slots;   // of id_hash.h; the newest row of each id
    uint64_t capacity; // above rows, doubles included, so that each row fits into its slot
    wg_buffer dead;    // u64 words, one bit per row; empty while no row was replaced
    bool sorted;       // each id is at or above the one before
};

wg_id_writer *wg_id_writer_create(wg_heap *heap)
{
    wg_id_writer *writer = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, sizeof(*writer));
    if (writer == NULL) return NULL;
    writer->heap = heap;
    writer->sorted = true;
    wg_buffer_init(&writer->numbers, heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&writer->offsets, heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&writer->bytes, heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&writer->dead, heap, WG_MEMORY_SCRATCH);
    return writer;
}

void wg_id_writer_destroy(wg_id_writer *writer)
{
    if (writer == NULL) return;
    wg_buffer_finish(&writer->numbers);
    wg_buffer_finish(&writer->offsets);
    wg_buffer_finish(&writer->bytes);
    wg_buffer_finish(&writer->dead);
    wg_free(writer->slots);
    wg_free(writer);
}

static void row_id(const wg_id_writer *writer, uint64_t row, waggle_id *id)
{
    if (!writer->encoded) {
        *id = waggle_id_number(wg_get64(writer->numbers.data + row * sizeof(uint64_t)));
        return;
    }
    uint64_t begin = wg_get64(writer->offsets.data + row * sizeof(uint64_t));
    uint64_t end = row + 1 < writer->rows
                       ? wg_get64(writer->offsets.data + (row + 1) * sizeof(uint64_t))
                       : writer->bytes.size;
    bool valid = wg_id_view(writer->bytes.data + begin, (size_t)(end - begin), id);
    WG_ASSERT(valid);
}

static bool is_dead(const wg_id_writer *writer, uint64_t row)
{
    size_t at = row / 64 * sizeof(uint64_t);
    return at < writer->dead.size && (wg_get64(writer->dead.data + at) >> row % 64 & 1) != 0;
}

// Room for the bit of any row so far. false = no memory.
static bool dead_reserve(wg_id_writer *writer)
{
    size_t size = (writer->rows / 64 + 1) * sizeof(uint64_t);
    return size <= writer->dead.size ||
           wg_buffer_append_zeros(&writer->dead, size - writer->dead.size);
}

static void dead_set(wg_id_writer *writer, uint64_t row)
{
    uint8_t *word = writer->dead.data + row / 64 * sizeof(uint64_t);
    wg_put64(word, wg_get64(word) | (uint64_t)1 << row % 64);
}

// The slot of the id, or the free one where it would stand.
static uint32_t *slot_find(const wg_id_writer *writer, const waggle_id *id, uint64_t hash)
{
    uint32_t mask = (uint32_t)(writer->capacity - 1);
    uint32_t tag = wg_id_slot_tag(hash, mask);
    for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
        uint32_t slot = writer->slots[at];
        if (slot == 0) return &writer->slots[at];
        if ((slot & ~mask) != tag) continue;
        waggle_id other;
        row_id(writer, (slot & mask) - 1, &other);
        if (wg_id_equal(&other, id)) return &writer->slots[at];
    }
}

// Twice the slots, filled in the order of rows, which reads ids in sequence.
static bool slots_grow(wg_id_writer *writer)
{
    uint64_t capacity = WG_MAX(writer->capacity * 2, SLOTS_MIN);
    uint32_t mask = (uint32_t)(capacity - 1);
    uint32_t *slots = wg_alloc_zeroed(writer->heap, WG_MEMORY_SCRATCH, capacity * sizeof(*slots));
    if (slots == NULL) return false;
    for (uint64_t row = 0; row < writer->rows; row++) {
        if (is_dead(writer, row)) continue;
        waggle_id id;
        row_id(writer, row, &id);
        uint64_t hash = wg_id_hash(&id);
        uint64_t at = hash & mask;
        while (slots[at] != 0)
            at = (at + 1) & mask;
        slots[at] = wg_id_slot(hash, (uint32_t)row, mask);
    }
    wg_free(writer->slots);
    writer->slots = slots;
    writer->capacity = capacity;
    return true;
}

// From numbers to encoded ids. Hashes do not depend on it, so the table stays.
static bool encode_all(wg_id_writer *writer)
{
    for (uint64_t row = 0; row < writer->rows; row++) {
        uint8_t encoded[WG_ID_ENCODED_MAX];
        waggle_id id;
        row_id(writer, row, &id);
        size_t size = wg_id_encode(&id, encoded);
        uint64_t offset = writer->bytes.size;
        if (!wg_buffer_append(&writer->offsets, &offset, sizeof(offset)) ||
            !wg_buffer_append(&writer->bytes, encoded, size)) {
            writer->offsets.size = 0;
            writer->bytes.size = 0;
            return false;
        }
    }
    writer->encoded = true;
    wg_buffer_finish(&writer->numbers);
    wg_buffer_init(&writer->numbers, writer->heap, WG_MEMORY_SCRATCH);
    return true;
}

// Room for one more row with this id, so that adding it cannot fail halfway.
static bool reserve(wg_id_writer *writer, const waggle_id *id)
{
    if (id->kind != WAGGLE_ID_NUMBER && !writer->encoded && !encode_all(writer)) return false;
    if ((writer->rows + 1) * 4 > writer->capacity * 3 && !slots_grow(writer)) return false;
    if (!writer->encoded) return wg_buffer_reserve(&writer->numbers, sizeof(uint64_t));
    return wg_buffer_reserve(&writer->offsets, sizeof(uint64_t)) &&
           wg_buffer_reserve(&writer->bytes, WG_ID_ENCODED_MAX);
}

static void append_id(wg_id_writer *writer, const waggle_id *id)
{
    bool appended;
    if (!writer->encoded) {
        appended = wg_buffer_append(&writer->numbers, &id->value.number, sizeof(uint64_t));
    } else {
        uint8_t encoded[WG_ID_ENCODED_MAX];
        uint64_t offset = writer->bytes.size;
        appended = wg_buffer_append(&writer->offsets, &offset, sizeof(offset)) &&
                   wg_buffer_append(&writer->bytes, encoded, wg_id_encode(id, encoded));
    }
    WG_ASSERT(appended); // reserved
    writer->rows++;
}

waggle_status wg_id_writer_add(wg_id_writer *writer, const waggle_id *id, uint64_t *replaced,
                               waggle_error *error)
{
    waggle_status status = wg_id_check(id, error);
    if (status != WAGGLE_OK) return status;
    if (writer->rows == WG_ID_ROWS_MAX)
        return wg_fail(error, WAGGLE_INVALID, "a part has at most %u rows", WG_ID_ROWS_MAX);
    if (!reserve(writer, id)) return wg_fail_memory(error, WG_ID_ENCODED_MAX, "ids of a segment");

    uint64_t hash = wg_id_hash(id);
    uint32_t *slot = slot_find(writer, id, hash);
    uint32_t mask = (uint32_t)(writer->capacity - 1);
    uint64_t older = *slot == 0 ? UINT64_MAX : (*slot & mask) - 1;
    if (older != UINT64_MAX) {
        if (!dead_reserve(writer))
            return wg_fail_memory(error, writer->rows / 8, "rows of a segment that were replaced");
        dead_set(writer, older);
    }
    if (writer->rows > 0 && writer->sorted) {
        waggle_id last;
        row_id(writer, writer->rows - 1, &last);
        writer->sorted = wg_id_compare(&last, id) <= 0;
    }
    *slot = wg_id_slot(hash, (uint32_t)writer->rows, mask);
    append_id(writer, id);
    *replaced = older;
    return WAGGLE_OK;
}

uint64_t wg_id_writer_rows(const wg_id_writer *writer)
{
    return writer->rows;
}

size_t wg_id_writer_memory(const wg_id_writer *writer)
{
    return sizeof(*writer) + writer->numbers.capacity + writer->offsets.capacity +
           writer->bytes.capacity + writer->dead.capacity + writer->capacity * sizeof(uint32_t);
}

static waggle_status write_section(wg_segment_writer *segment, wg_section_kind kind,
                                   const void *data, uint64_t size, waggle_error *error)
{
    wg_section_handle section = 0;
    waggle_status status =
        wg_segment_section_begin(segment, kind, 0, WG_SECTION_REQUIRED, 0, size, &section, error);
    if (status != WAGGLE_OK) return status;
    status = wg_segment_section_append(segment, section, data, size, error);
    if (status != WAGGLE_OK) return status;
    return wg_segment_section_end(segment, section, error);
}

// A stable sort of rows by id: runs of 1, 2, 4 .. rows are merged from source to target and back.
// Returns the one that holds the result.
static uint32_t *sort_rows(const wg_id_writer *writer, uint32_t *source, uint32_t *target)
{
    uint64_t rows = writer->rows;
    for (uint64_t run = 1; run < rows; run *= 2) {
        for (uint64_t begin = 0; begin < rows; begin += 2 * run) {
            uint64_t a = begin;
            uint64_t a_end = WG_MIN(begin + run, rows);
            uint64_t b = a_end;
            uint64_t b_end = WG_MIN(begin + 2 * run, rows);
            for (uint64_t out = begin; out < b_end; out++) {
                bool first = b == b_end;
                if (!first && a < a_end) {
                    waggle_id left;
                    waggle_id right;
                    row_id(writer, source[a], &left);
                    row_id(writer, source[b], &right);
                    first = wg_id_compare(&left, &right) <= 0;
                }
                target[out] = first ? source[a++] : source[b++];
            }
        }
        uint32_t *swap = source;
        source = target;
        target = swap;
    }
    return source;
}

static waggle_status write_order(const wg_id_writer *writer, wg_segment_writer *segment,
                                 waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    size_t size = (size_t)writer->rows * sizeof(uint32_t);
    uint32_t *rows = wg_alloc(writer->heap, WG_MEMORY_SCRATCH, size);
    uint32_t *scratch = wg_alloc(writer->heap, WG_MEMORY_SCRATCH, size);
    if (rows == NULL || scratch == NULL) {
        status = wg_fail_memory(error, 2 * size, "sorting the ids of a segment");
        goto cleanup;
    }
    for (uint64_t row = 0; row < writer->rows; row++)
        rows[row] = (uint32_t)row;
    uint32_t *order = sort_rows(writer, rows, scratch);
    uint32_t *rank = order == rows ? scratch : rows;
    for (uint64_t place = 0; place < writer->rows; place++)
        rank[order[place]] = (uint32_t)place;
    status = write_section(segment, WG_SECTION_ID_RANK, rank, size, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = write_section(segment, WG_SECTION_ID_ORDER, order, size, error);

cleanup:
    wg_free(rows);
    wg_free(scratch);
    return status;
}

static waggle_status write_encoded(wg_id_writer *writer, wg_segment_writer *segment,
                                   waggle_error *error)
{
    uint64_t end = writer->bytes.size;
    if (!wg_buffer_append(&writer->offsets, &end, sizeof(end)))
        return wg_fail_memory(error, sizeof(end), "ids of a segment");
    waggle_status status = write_section(segment, WG_SECTION_ID_OFFSETS, writer->offsets.data,
                                         writer->offsets.size, error);
    writer->offsets.size -= sizeof(end);
    if (status != WAGGLE_OK) return status;
    return write_section(segment, WG_SECTION_ID_BYTES, writer->bytes.data, writer->bytes.size,
                         error);
}

waggle_status wg_id_writer_write(wg_id_writer *writer, wg_segment_writer *segment,
                                 waggle_error *error)
{
    if (writer->rows == 0) return WAGGLE_OK;
    waggle_status status = writer->encoded
                               ? write_encoded(writer, segment, error)
                               : write_section(segment, WG_SECTION_ID_NUMBERS, writer->numbers.data,
                                               writer->numbers.size, error);
    if (status == WAGGLE_OK && writer->rows >= HASH_ROWS_MIN)
        status = write_section(segment, WG_SECTION_ID_HASH, writer->slots,
                               writer->capacity * sizeof(uint32_t), error);
    if (status == WAGGLE_OK && !writer->sorted) status = write_order(writer, segment, error);
    if (status != WAGGLE_OK || writer->dead.size == 0) return status;
    // One word per 64 rows, no more and no less.
    if (!dead_reserve(writer))
        return wg_fail_memory(error, writer->rows / 8, "rows of a segment that were replaced");
    return write_section(segment, WG_SECTION_BORN_DEAD, writer->dead.data,
                         (writer->rows + 63) / 64 * sizeof(uint64_t), error);
}
