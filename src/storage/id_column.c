// Ids of a part of a segment, read in place from the mapping.
//
// All sections of ids are compared with their checksums when the column is opened, because a look-up has
// no way to report damage. What the bytes say is not walked, so each use checks what it needs: a part
// that was made to deceive gives wrong answers, but never a read outside of it or a loop without end.
#include "base/bytes.h"
#include "storage/id_hash.h"
#include "storage/ids.h"

// The bytes of a section that has exactly size bytes; *bytes NULL if the part has none.
static waggle_status section_get(const wg_id_column *column, wg_section_kind kind, uint64_t size,
                                 const void **bytes, waggle_error *error)
{
    *bytes = NULL;
    const wg_section *section = wg_part_section(column->part, kind, 0);
    if (section == NULL) return WAGGLE_OK;
    if (section->size != size)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: section %d of ids has %" PRIu64 " bytes, expected %" PRIu64
                       " for %" PRIu64 " rows",
                       wg_segment_path(column->file), kind, section->size, size,
                       column->part->rows);
    return wg_segment_bytes(column->file, section, 0, size, bytes, error);
}

static waggle_status open_encoded(wg_id_column *column, waggle_error *error)
{
    const wg_section *section = wg_part_section(column->part, WG_SECTION_ID_BYTES, 0);
    const void *offsets = NULL;
    const void *bytes = NULL;
    uint64_t rows = column->part->rows;
    waggle_status status =
        section_get(column, WG_SECTION_ID_OFFSETS, (rows + 1) * sizeof(uint64_t), &offsets, error);
    if (status != WAGGLE_OK) return status;
    if (section == NULL || offsets == NULL)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: %" PRIu64 " rows have no ids",
                       wg_segment_path(column->file), rows);
    status = wg_segment_bytes(column->file, section, 0, section->size, &bytes, error);
    if (status != WAGGLE_OK) return status;
    column->offsets = offsets;
    column->bytes = bytes;
    column->bytes_size = section->size;
    if (column->offsets[0] != 0 || column->offsets[rows] != section->size)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: offsets of ids from %" PRIu64 " to %" PRIu64 " in %" PRIu64 " bytes",
                       wg_segment_path(column->file), column->offsets[0], column->offsets[rows],
                       section->size);
    return WAGGLE_OK;
}

static waggle_status open_hash(wg_id_column *column, waggle_error *error)
{
    const wg_section *section = wg_part_section(column->part, WG_SECTION_ID_HASH, 0);
    if (section == NULL) return WAGGLE_OK;
    uint64_t capacity = section->size / sizeof(uint32_t);
    if (section->size % sizeof(uint32_t) != 0 || capacity <= column->part->rows ||
        capacity > (uint64_t)UINT32_MAX + 1 || (capacity & (capacity - 1)) != 0)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: a table of ids of %" PRIu64 " bytes for %" PRIu64 " rows",
                       wg_segment_path(column->file), section->size, column->part->rows);
    const void *slots = NULL;
    waggle_status status = wg_segment_bytes(column->file, section, 0, section->size, &slots, error);
    if (status != WAGGLE_OK) return status;
    column->hash = slots;
    column->hash_mask = (uint32_t)(capacity - 1);
    return WAGGLE_OK;
}

static waggle_status open_order(wg_id_column *column, waggle_error *error)
{
    uint64_t size = column->part->rows * sizeof(uint32_t);
    const void *rank = NULL;
    const void *order = NULL;
    waggle_status status = section_get(column, WG_SECTION_ID_RANK, size, &rank, error);
    if (status != WAGGLE_OK) return status;
    status = section_get(column, WG_SECTION_ID_ORDER, size, &order, error);
    if (status != WAGGLE_OK) return status;
    if ((rank == NULL) != (order == NULL))
        return wg_fail(error, WAGGLE_CORRUPT, "%s: ids have a rank but no order, or the reverse",
                       wg_segment_path(column->file));
    column->rank = rank;
    column->order = order;
    return WAGGLE_OK;
}

waggle_status wg_id_column_open(wg_id_column *column, wg_segment_file *file, const wg_part *part,
                                waggle_error *error)
{
    wg_id_column opened = {.file = file, .part = part};
    if (part->rows > WG_ID_ROWS_MAX)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: a part of %" PRIu64 " rows; the most is %u",
                       wg_segment_path(file), part->rows, WG_ID_ROWS_MAX);
    if (part->rows > 0) {
        const void *numbers = NULL;
        waggle_status status = section_get(&opened, WG_SECTION_ID_NUMBERS,
                                           part->rows * sizeof(uint64_t), &numbers, error);
        if (status != WAGGLE_OK) return status;
        opened.numbers = numbers;
        if (numbers == NULL) status = open_encoded(&opened, error);
        if (status == WAGGLE_OK) status = open_hash(&opened, error);
        if (status == WAGGLE_OK) status = open_order(&opened, error);
        if (status != WAGGLE_OK) return status;
    }
    *column = opened;
    return WAGGLE_OK;
}

void wg_id_column_get(const wg_id_column *column, uint64_t row, waggle_id *id)
{
    // What no id is, for rows that are not there: equal to none, and above all but strings.
    *id = (waggle_id){.kind = WAGGLE_ID_STRING, .value.string = ""};
    if (row >= column->part->rows) return;
    if (column->numbers != NULL) {
        *id = waggle_id_number(column->numbers[row]);
        return;
    }
    uint64_t begin = column->offsets[row];
    uint64_t end = column->offsets[row + 1];
    waggle_id view;
    if (begin < end && end <= column->bytes_size &&
        wg_id_view(column->bytes + begin, (size_t)(end - begin), &view))
        *id = view;
}

static bool row_is(const wg_id_column *column, uint64_t row, const waggle_id *id)
{
    if (column->numbers != NULL)
        return id->kind == WAGGLE_ID_NUMBER && column->numbers[row] == id->value.number;
    waggle_id found;
    wg_id_column_get(column, row, &found);
    return wg_id_equal(&found, id);
}

static bool find_by_hash(const wg_id_column *column, const waggle_id *id, uint32_t *row)
{
    uint64_t hash = wg_id_hash(id);
    uint32_t mask = column->hash_mask;
    uint32_t tag = wg_id_slot_tag(hash, mask);
    for (uint64_t step = 0; step <= mask; step++) {
        uint32_t slot = column->hash[(hash + step) & mask];
        if (slot == 0) return false;
        uint32_t candidate = (slot & mask) - 1;
        if ((slot & ~mask) == tag && candidate < column->part->rows &&
            row_is(column, candidate, id)) {
            *row = candidate;
            return true;
        }
    }
    return false;
}

bool wg_id_column_find(const wg_id_column *column, const waggle_id *id, uint32_t *row)
{
    if (column->hash != NULL) return find_by_hash(column, id, row);
    // Of rows with one id the last is the living one, and equal ids are in the order of rows.
    uint64_t place = wg_id_column_seek(column, id);
    if (place == 0) return false;
    uint32_t candidate = wg_id_column_at(column, place - 1);
    if (!row_is(column, candidate, id)) return false;
    *row = candidate;
    return true;
}

uint32_t wg_id_column_at(const wg_id_column *column, uint64_t place)
{
    WG_ASSERT(place < column->part->rows);
    uint32_t row = column->order != NULL ? column->order[place] : (uint32_t)place;
    return row < column->part->rows ? row : 0;
}

uint64_t wg_id_column_seek(const wg_id_column *column, const waggle_id *after)
{
    if (after == NULL) return 0;
    uint64_t low = 0;
    uint64_t high = column->part->rows;
    while (low < high) { // every place below low is at or below after, every one from high on above
        uint64_t middle = low + (high - low) / 2;
        waggle_id id;
        wg_id_column_get(column, wg_id_column_at(column, middle), &id);
        if (wg_id_compare(&id, after) > 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}
