#include "engine/sealed.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "engine/codes_file.h"
#include "engine/head.h"

static waggle_status column_open(wg_sealed *sealed, uint32_t field, waggle_error *error)
{
    const wg_vector_field *spec = &sealed->spec->fields[field];
    wg_sealed_column *column = &sealed->columns[field];
    uint64_t rows = sealed->part->rows;
    column->stride = spec->stride;
    column->rows = wg_part_section(sealed->part, WG_SECTION_VECTORS, (uint16_t)field);
    if (column->rows == NULL) return WAGGLE_OK;
    if (column->rows->stride != spec->stride || column->rows->size != rows * spec->stride)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: vector \"%s\" has stride %u and %" PRIu64 " bytes for %" PRIu64
                       " rows of %zu",
                       wg_segment_path(sealed->file), spec->name, column->rows->stride,
                       column->rows->size, rows, spec->stride);
    const wg_section *norms = wg_part_section(sealed->part, WG_SECTION_NORMS, (uint16_t)field);
    const wg_section *present = wg_part_section(sealed->part, WG_SECTION_PRESENT, (uint16_t)field);
    const void *bytes = NULL;
    waggle_status status = WAGGLE_OK;
    if (spec->keeps_norm) {
        if (norms == NULL || norms->size != rows * sizeof(float))
            return wg_fail(error, WAGGLE_CORRUPT, "%s: vector \"%s\" lacks its norms",
                           wg_segment_path(sealed->file), spec->name);
        status = wg_segment_bytes(sealed->file, norms, 0, norms->size, &bytes, error);
        column->norms = bytes;
    }
    if (status == WAGGLE_OK && present != NULL) {
        if (present->size != (rows + 63) / 64 * 8)
            return wg_fail(error, WAGGLE_CORRUPT, "%s: presence of \"%s\" has %" PRIu64 " bytes",
                           wg_segment_path(sealed->file), spec->name, present->size);
        status = wg_segment_bytes(sealed->file, present, 0, present->size, &bytes, error);
        column->present = bytes;
    }
    return status;
}

static waggle_status part_find(wg_sealed *sealed, waggle_error *error)
{
    const wg_part_entry *entry = &sealed->entry;
    if (entry->part >= wg_segment_part_count(sealed->file))
        return wg_fail(error, WAGGLE_CORRUPT, "%s has %u parts; part %u is wanted",
                       wg_segment_path(sealed->file), wg_segment_part_count(sealed->file),
                       entry->part);
    sealed->part = wg_segment_part(sealed->file, entry->part);
    if (sealed->part->rows != entry->rows || entry->rows >= UINT32_MAX)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: part %u has %" PRIu64 " rows; %" PRIu64 " are expected",
                       wg_segment_path(sealed->file), entry->part, sealed->part->rows, entry->rows);
    sealed->versions = wg_part_section(sealed->part, WG_SECTION_VERSIONS, 0);
    if (sealed->versions != NULL && sealed->versions->size != entry->rows * 8)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: versions have %" PRIu64 " bytes",
                       wg_segment_path(sealed->file), sealed->versions->size);
    return WAGGLE_OK;
}

static void range_find(wg_sealed *sealed)
{
    if (sealed->ids.numbers == NULL || sealed->entry.rows == 0) return;
    waggle_id id;
    sealed->ranged = true;
    wg_id_column_get(&sealed->ids, wg_id_column_at(&sealed->ids, 0), &id);
    sealed->lowest = id.value.number;
    wg_id_column_get(&sealed->ids, wg_id_column_at(&sealed->ids, sealed->entry.rows - 1), &id);
    sealed->highest = id.value.number;
}

waggle_status wg_sealed_open(wg_files *files, wg_heap *heap, const wg_spec *spec,
                             const wg_part_entry *entry, wg_sealed **sealed, waggle_error *error)
{
    size_t size = sizeof(wg_sealed) + spec->count * sizeof(wg_sealed_column);
    wg_sealed *made = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, size);
    if (made == NULL) return wg_fail_memory(error, size, "a segment");
    atomic_init(&made->references, 1);
    made->files = files;
    made->heap = heap;
    made->spec = spec;
    made->entry = *entry;
    wg_mutex_init(&made->verify);
    waggle_status status = wg_files_acquire(files, entry->file, &made->file, error);
    if (status == WAGGLE_OK) status = part_find(made, error);
    if (status == WAGGLE_OK) status = wg_id_column_open(&made->ids, made->file, made->part, error);
    if (status == WAGGLE_OK)
        status = wg_document_column_open(&made->documents, made->file, made->part, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < spec->count; i++)
        status = column_open(made, i, error);
    if (status != WAGGLE_OK) {
        wg_sealed_release(made);
        return status;
    }
    range_find(made);
    *sealed = made;
    return WAGGLE_OK;
}

wg_sealed *wg_sealed_retain(wg_sealed *sealed)
{
    atomic_fetch_add_explicit(&sealed->references, 1, memory_order_relaxed);
    return sealed;
}

// Nobody else has the part: damaged codes can be removed now.
static void codes_release(wg_sealed *sealed)
{
    wg_codes *codes = atomic_load_explicit(&sealed->codes, memory_order_relaxed);
    bool doomed = codes != NULL && codes->doomed;
    wg_codes_close(codes);
    if (doomed) wg_files_codes_remove(sealed->files, &sealed->entry);
}

void wg_sealed_release(wg_sealed *sealed)
{
    // Acquire-release: what other holders did happens before the memory goes.
    if (sealed == NULL ||
        atomic_fetch_sub_explicit(&sealed->references, 1, memory_order_acq_rel) != 1)
        return;
    codes_release(sealed);
    wg_document_column_close(&sealed->documents);
    if (sealed->file != NULL) wg_files_release(sealed->files, sealed->entry.file);
    for (uint32_t i = 0; i < sealed->overlay_capacity; i++)
        wg_free(sealed->overlay[i]);
    wg_free(sealed->overlay);
    wg_mask_release(sealed->written);
    wg_mutex_finish(&sealed->verify);
    wg_free(sealed);
}

waggle_status wg_sealed_born(wg_sealed *sealed, wg_mask **mask, waggle_error *error)
{
    uint64_t rows = sealed->entry.rows;
    const wg_section *section = wg_part_section(sealed->part, WG_SECTION_BORN_DEAD, 0);
    wg_mask *empty = wg_mask_create(sealed->heap, rows);
    if (empty == NULL) return wg_fail_memory(error, rows / 8, "the mask of a segment");
    if (section == NULL) {
        *mask = empty;
        return WAGGLE_OK;
    }
    const void *bytes = NULL;
    uint32_t *dead = NULL;
    size_t count = 0;
    wg_mask *made = NULL;
    waggle_status status = wg_segment_bytes(sealed->file, section, 0, section->size, &bytes, error);
    if (status == WAGGLE_OK && section->size != (rows + 63) / 64 * 8)
        status = wg_fail(error, WAGGLE_CORRUPT, "%s: the rows born dead have %" PRIu64 " bytes",
                         wg_segment_path(sealed->file), section->size);
    if (status != WAGGLE_OK) goto cleanup;
    dead = wg_alloc(sealed->heap, WG_MEMORY_SCRATCH, rows * sizeof *dead);
    if (dead == NULL) {
        status = wg_fail_memory(error, rows * sizeof *dead, "the mask of a segment");
        goto cleanup;
    }
    for (uint64_t row = 0; row < rows; row++)
        if (wg_get64((const uint8_t *)bytes + row / 64 * 8) >> (row % 64) & 1)
            dead[count++] = (uint32_t)row;
    made = wg_mask_with(sealed->heap, empty, rows, dead, count);
    if (made == NULL)
        status = wg_fail_memory(error, rows / 8, "the mask of a segment");
    else
        *mask = made;

cleanup:
    wg_free(dead);
    wg_mask_release(empty);
    return status;
}

bool wg_sealed_find(const wg_sealed *sealed, const waggle_id *id, uint32_t *row)
{
    if (sealed->ranged && (id->kind != WAGGLE_ID_NUMBER || id->value.number < sealed->lowest ||
                           id->value.number > sealed->highest))
        return false;
    return wg_id_column_find(&sealed->ids, id, row);
}

waggle_status wg_sealed_column_ready(wg_sealed *sealed, uint32_t field, waggle_error *error)
{
    uint32_t bit = 1u << field;
    // Acquire pairs with the release below: whoever sees the bit sees data.
    if (atomic_load_explicit(&sealed->verified, memory_order_acquire) & bit) return WAGGLE_OK;
    wg_mutex_lock(&sealed->verify);
    waggle_status status = WAGGLE_OK;
    wg_sealed_column *column = &sealed->columns[field];
    // Somebody else was here first: data is read without the lock by now.
    bool ready = (atomic_load_explicit(&sealed->verified, memory_order_relaxed) & bit) != 0;
    if (!ready && column->rows != NULL) {
        const void *bytes = NULL;
        status = wg_segment_bytes(sealed->file, column->rows, 0, column->rows->size, &bytes, error);
        column->data = bytes;
    }
    if (status == WAGGLE_OK) atomic_fetch_or_explicit(&sealed->verified, bit, memory_order_release);
    wg_mutex_unlock(&sealed->verify);
    return status;
}

bool wg_sealed_has(const wg_sealed *sealed, uint32_t field, uint64_t row)
{
    const wg_sealed_column *column = &sealed->columns[field];
    if (column->rows == NULL) return false;
    return column->present == NULL || (column->present[row / 64] >> (row % 64) & 1);
}

waggle_status wg_sealed_row(wg_sealed *sealed, uint32_t field, uint64_t row, const void **data,
                            float *norm, waggle_error *error)
{
    const wg_sealed_column *column = &sealed->columns[field];
    *data = NULL;
    if (!wg_sealed_has(sealed, field, row)) return WAGGLE_OK;
    if (column->norms != NULL) *norm = column->norms[row];
    return wg_segment_bytes(sealed->file, column->rows, row * column->stride, column->stride, data,
                            error);
}

waggle_status wg_sealed_version(wg_sealed *sealed, uint64_t row, uint64_t *version,
                                waggle_error *error)
{
    *version = sealed->entry.sequence;
    if (sealed->versions == NULL) return WAGGLE_OK;
    const void *bytes = NULL;
    waggle_status status =
        wg_segment_bytes(sealed->file, sealed->versions, row * 8, 8, &bytes, error);
    if (status == WAGGLE_OK) *version = wg_get64(bytes);
    return status;
}

// ---- Overlay -------------------------------------------------------------------------------------

static uint32_t overlay_slot(const wg_sealed *sealed, uint32_t row)
{
    uint32_t mask = sealed->overlay_capacity - 1;
    uint32_t slot = (uint32_t)wg_hash64(row) & mask;
    while (sealed->overlay[slot] != NULL && sealed->overlay[slot]->row != row)
        slot = (slot + 1) & mask;
    return slot;
}

const wg_overlaid *wg_sealed_overlaid(const wg_sealed *sealed, uint32_t row)
{
    if (sealed->overlay_count == 0) return NULL;
    return sealed->overlay[overlay_slot(sealed, row)];
}

static bool overlay_reserve(wg_sealed *sealed, uint32_t more)
{
    uint32_t capacity = WG_MAX(sealed->overlay_capacity, 16u);
    while ((uint64_t)(sealed->overlay_count + more) * 4u > (uint64_t)capacity * 3u)
        capacity *= 2;
    if (capacity == sealed->overlay_capacity) return true;
    wg_overlaid **old = sealed->overlay;
    uint32_t old_capacity = sealed->overlay_capacity;
    wg_overlaid **table =
        wg_alloc_zeroed(sealed->heap, WG_MEMORY_PAYLOAD, capacity * sizeof *table);
    if (table == NULL) return false;
    sealed->overlay = table;
    sealed->overlay_capacity = capacity;
    for (uint32_t i = 0; i < old_capacity; i++)
        if (old[i] != NULL) table[overlay_slot(sealed, old[i]->row)] = old[i];
    wg_free(old);
    return true;
}

wg_overlaid *wg_sealed_overlay_make(wg_sealed *sealed, uint32_t row, uint64_t version,
                                    waggle_text payload, uint32_t pending)
{
    size_t size = payload.data == NULL ? 0 : payload.size;
    if (!overlay_reserve(sealed, pending)) return NULL;
    wg_overlaid *entry = wg_alloc(sealed->heap, WG_MEMORY_PAYLOAD, sizeof *entry + size);
    if (entry == NULL) return NULL;
    entry->version = version;
    entry->row = row;
    entry->size = payload.data == NULL ? WG_PAYLOAD_ABSENT : (uint32_t)size;
    if (size > 0) memcpy(entry->bytes, payload.data, size);
    return entry;
}

void wg_sealed_overlay_set(wg_sealed *sealed, wg_overlaid *entry)
{
    uint32_t slot = overlay_slot(sealed, entry->row);
    if (sealed->overlay[slot] == NULL) sealed->overlay_count++;
    wg_free(sealed->overlay[slot]);
    sealed->overlay[slot] = entry;
    sealed->overlay_changed = true;
}

waggle_status wg_sealed_overlay_put(wg_sealed *sealed, uint32_t row, uint64_t version,
                                    waggle_text payload, waggle_error *error)
{
    wg_overlaid *entry = wg_sealed_overlay_make(sealed, row, version, payload, 1);
    if (entry == NULL) return wg_fail_memory(error, payload.size, "a payload");
    wg_sealed_overlay_set(sealed, entry);
    return WAGGLE_OK;
}
