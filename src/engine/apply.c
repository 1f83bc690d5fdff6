// From committed records to the next state of a collection. The same code serves a live write, the replay of the
// log when a database is opened, and catching up.
//
// A batch is applied as a whole: memory is taken first, rows are written into slots that no state shows, and
// only then the id table and the masks change, under the `ids` lock, and the next state is published. If memory
// runs out before that, what was begun is undone and the state is the one of before.
#include "engine/codes.h"
#include "engine/engine.h"

#include <stdlib.h>

typedef struct edit {
    waggle_collection *collection;
    wg_state *next;
    wg_buffer dead;     // wg_place of rows to be marked dead
    wg_buffer lacking;  // uint32_t slot, uint32_t field: rows of the active head without a vector
    wg_buffer undo;     // uint32_t slot, uint32_t old: changes of the active head's id table
    wg_buffer replaced; // replacement: payloads
    uint32_t slots;     // of the active head, new ones included
    uint64_t version;
    uint64_t last; // sequence
    uint64_t affected;
} edit;

static wg_head *active(const edit *e)
{
    return wg_state_active(e->next);
}

static waggle_status edit_begin(edit *e, waggle_collection *collection, uint64_t version,
                                uint32_t sealed_more, waggle_error *error)
{
    wg_heap *heap = &collection->database->heap;
    *e = (edit){.collection = collection, .version = version};
    wg_buffer_init(&e->dead, heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&e->lacking, heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&e->undo, heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&e->replaced, heap, WG_MEMORY_SCRATCH);
    e->next = wg_state_copy(heap, collection->current, sealed_more, 0);
    if (e->next == NULL) return wg_fail_memory(error, sizeof(wg_state), "a state");
    e->slots = active(e)->slots;
    return WAGGLE_OK;
}

// A payload that is ready to take the place of another: all memory was taken.
typedef struct replacement {
    wg_place place;
    wg_point *point;       // for a row of a head, or
    wg_overlaid *overlaid; // for a sealed one
} replacement;

static void edit_finish(edit *e)
{
    const replacement *list = (const replacement *)(const void *)e->replaced.data;
    for (size_t i = 0; i < e->replaced.size / sizeof *list; i++)
        wg_free(list[i].overlaid); // of a batch that failed
    wg_buffer_finish(&e->replaced);
    wg_buffer_finish(&e->dead);
    wg_buffer_finish(&e->lacking);
    wg_buffer_finish(&e->undo);
    wg_state_release(e->next);
}

// Under `ids`: whoever holds it sees the id table and the state of one moment.
static void edit_publish(edit *e)
{
    e->next->sequence = e->last;
    if (e->collection->dirty_since == 0) e->collection->dirty_since = e->version;
    wg_state_publish(e->collection, e->next);
    e->next = NULL; // moved
}

static waggle_status no_memory(const edit *e, waggle_error *error)
{
    return wg_fail_memory(error, e->dead.capacity + e->undo.capacity, "applying a batch");
}

// ---- Marking rows -------------------------------------------------------------------------------

static bool mark_dead(edit *e, wg_place place)
{
    return wg_buffer_append(&e->dead, &place, sizeof place);
}

static int place_compare(const void *a, const void *b)
{
    const wg_place *x = a;
    const wg_place *y = b;
    if (x->view != y->view) return x->view < y->view ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

// A new version of *mask with these rows set.
static bool mask_set(edit *e, wg_mask **mask, uint64_t rows, const uint32_t *set, size_t count)
{
    if (count == 0 && rows <= (*mask)->rows) return true;
    wg_mask *made = wg_mask_with(&e->collection->database->heap, *mask, WG_MAX(rows, (*mask)->rows),
                                 set, count);
    if (made == NULL) return false;
    wg_mask_release(*mask);
    *mask = made;
    return true;
}

// Sets rows in the masks of a head: the dead one and those of the fields. Fields that no row lacks share the
// dead one.
static bool head_set(edit *e, uint32_t index, const uint32_t *set, size_t count)
{
    wg_head_view *view = &e->next->heads[index];
    uint64_t rows = wg_round_up(view->slots, WG_MASK_BITS);
    wg_mask *before = view->masks[0];
    wg_mask_retain(before);
    bool ok = mask_set(e, &view->masks[0], rows, set, count);
    for (uint32_t i = 1; ok && i < e->next->mask_count; i++) {
        if (view->masks[i] == before) {
            wg_mask_release(view->masks[i]);
            view->masks[i] = wg_mask_retain(view->masks[0]);
        } else {
            ok = mask_set(e, &view->masks[i], rows, set, count);
        }
    }
    wg_mask_release(before);
    return ok;
}

// Rows that lack a vector: one new version of the mask per field.
static bool lacking_set(edit *e)
{
    if (e->lacking.size == 0) return true;
    wg_head_view *view = &e->next->heads[e->next->head_count - 1];
    const uint32_t *pairs = (const uint32_t *)(const void *)e->lacking.data;
    size_t count = e->lacking.size / (2 * sizeof *pairs);
    wg_heap *heap = &e->collection->database->heap;
    uint32_t *rows = wg_alloc(heap, WG_MEMORY_SCRATCH, count * sizeof *rows);
    bool ok = rows != NULL;
    for (uint32_t field = 0; ok && field + 1 < e->next->mask_count; field++) {
        size_t found = 0;
        for (size_t i = 0; i < count; i++)
            if (pairs[2 * i + 1] == field) rows[found++] = pairs[2 * i];
        ok = mask_set(e, &view->masks[1 + field], 0, rows, found);
    }
    wg_free(rows);
    return ok;
}

// Turns the list of dead rows into new versions of the masks, and counts.
static bool masks_set(edit *e)
{
    wg_place *dead = (wg_place *)(void *)e->dead.data;
    size_t count = e->dead.size / sizeof *dead;
    if (count > 1) qsort(dead, count, sizeof *dead, place_compare);
    wg_buffer rows;
    wg_buffer_init(&rows, &e->collection->database->heap, WG_MEMORY_SCRATCH);
    bool ok = true;
    for (size_t i = 0; ok && i < count;) {
        uint32_t view = dead[i].view;
        rows.size = 0;
        for (uint32_t last = UINT32_MAX; ok && i < count && dead[i].view == view; i++) {
            if (dead[i].row == last) continue; // given twice
            last = dead[i].row;
            ok = wg_buffer_append(&rows, &last, sizeof last);
        }
        const uint32_t *set = (const uint32_t *)(const void *)rows.data;
        size_t set_count = rows.size / sizeof *set;
        e->affected += set_count;
        e->next->points -= set_count;
        e->next->dead += set_count;
        if (!ok) break;
        ok = view < e->next->sealed_count
                 ? mask_set(e, &e->next->sealed[view].dead, 0, set, set_count)
                 : head_set(e, view - e->next->sealed_count, set, set_count);
    }
    // The active head's masks must reach over its new rows, dead ones or not.
    ok = ok && head_set(e, e->next->head_count - 1, NULL, 0) && lacking_set(e);
    wg_buffer_finish(&rows);
    return ok;
}

// ---- Upsert -------------------------------------------------------------------------------------

static void row_copy(wg_chunk *chunk, const wg_spec *spec, uint32_t field, uint32_t slot,
                     const wg_record_points *points, uint32_t row)
{
    const wg_vector_field *to = &spec->fields[field];
    uint8_t *target = wg_chunk_row(chunk, spec, field, slot);
    memcpy(target, points->columns[field].rows + (size_t)row * to->size, to->size);
    memset(target + to->size, 0, to->stride - to->size);
    if (to->keeps_norm)
        memcpy(&chunk->columns[field].norms[slot - chunk->first],
               points->columns[field].norms + row * sizeof(float), sizeof(float));
}

static waggle_status upsert_row(edit *e, wg_record_points *points, uint32_t row,
                                waggle_error *error)
{
    const wg_spec *spec = e->collection->spec;
    waggle_id id;
    waggle_text payload;
    waggle_status status = wg_record_id(points, &id, error);
    if (status == WAGGLE_OK) status = wg_record_payload(points, row, &payload, error);
    if (status != WAGGLE_OK) return status;
    uint32_t slot = e->slots;
    wg_chunk *chunk = wg_chunk_of(active(e)->chunks, slot);
    uint16_t absent = 0;
    for (uint32_t i = 0; i < spec->count; i++) {
        if ((points->fields >> i & 1) != 0 && wg_record_present(points, i, row)) {
            row_copy(chunk, spec, i, slot, points, row);
            continue;
        }
        absent |= (uint16_t)(1u << i);
        uint32_t pair[2] = {slot, i};
        if (!wg_buffer_append(&e->lacking, pair, sizeof pair)) return no_memory(e, error);
    }
    wg_point *point = wg_head_point(active(e), &id, e->version, payload, absent);
    if (point == NULL) return no_memory(e, error);
    wg_head_point_set(active(e), slot, point);
    e->slots++;
    return WAGGLE_OK;
}

// Writes the rows of a record into slots that no state shows yet.
static waggle_status upsert_write(edit *e, const wg_piece *record, waggle_error *error)
{
    wg_record_points points;
    waggle_status status =
        wg_record_points_decode(e->collection->spec, record->data, record->size, &points, error);
    if (status != WAGGLE_OK) return status;
    wg_rwlock_write(&e->collection->ids);
    uint32_t more = e->slots - active(e)->slots + points.count;
    status = wg_head_reserve(active(e), more, error);
    wg_rwlock_unlock(&e->collection->ids);
    for (uint32_t row = 0; status == WAGGLE_OK && row < points.count; row++)
        status = upsert_row(e, &points, row, error);
    return status;
}

static void undo(edit *e)
{
    const uint32_t *pairs = (const uint32_t *)(const void *)e->undo.data;
    for (size_t i = e->undo.size / (2 * sizeof *pairs); i-- > 0;) {
        waggle_id id;
        uint32_t ignored;
        wg_point_id(wg_head_point_get(active(e), pairs[2 * i]), &id);
        if (pairs[2 * i + 1] == UINT32_MAX)
            wg_head_remove(active(e), &id);
        else
            wg_head_put(active(e), &id, pairs[2 * i + 1], &ignored);
    }
}

// Points the ids at the new slots and collects the rows they replace. Under `ids`.
static bool upsert_link(edit *e)
{
    for (uint32_t slot = active(e)->slots; slot < e->slots; slot++) {
        waggle_id id;
        wg_point_id(wg_head_point_get(active(e), slot), &id);
        wg_place old = wg_state_find(e->next, &id);
        uint32_t pair[2] = {slot, UINT32_MAX};
        // Room first, so that every change that was made is in the list.
        if (!wg_buffer_reserve(&e->undo, sizeof pair)) return false;
        if (old.view != WG_NOWHERE.view && !mark_dead(e, old)) return false;
        wg_head_put(active(e), &id, slot, &pair[1]);
        (void)wg_buffer_append(&e->undo, pair, sizeof pair);
    }
    return true;
}

static waggle_status upsert_publish(edit *e, waggle_error *error)
{
    wg_head *head = active(e);
    wg_head_view *view = &e->next->heads[e->next->head_count - 1];
    uint32_t added = e->slots - head->slots;
    wg_rwlock_write(&e->collection->ids);
    view->slots = e->slots;
    view->chunks = head->chunks;
    bool ok = upsert_link(e) && masks_set(e);
    if (ok) {
        head->slots = e->slots;
        e->next->points += added;
        edit_publish(e);
    } else {
        undo(e);
    }
    wg_rwlock_unlock(&e->collection->ids);
    return ok ? WAGGLE_OK : no_memory(e, error);
}

// ---- Delete, payload, segment ---------------------------------------------------------------------

static waggle_status delete_record(edit *e, const wg_piece *record, waggle_error *error)
{
    wg_record_points points;
    waggle_status status =
        wg_record_points_decode(NULL, record->data, record->size, &points, error);
    for (uint32_t row = 0; status == WAGGLE_OK && row < points.count; row++) {
        waggle_id id;
        status = wg_record_id(&points, &id, error);
        if (status != WAGGLE_OK) break;
        wg_place place = wg_state_find(e->next, &id);
        if (place.view != WG_NOWHERE.view && !mark_dead(e, place)) status = no_memory(e, error);
    }
    return status;
}

// After the masks are made: the active head's table forgets the ids. Cannot fail.
static void delete_unlink(edit *e)
{
    const wg_place *dead = (const wg_place *)(const void *)e->dead.data;
    uint32_t view = e->next->sealed_count + e->next->head_count - 1;
    for (size_t i = 0; i < e->dead.size / sizeof *dead; i++) {
        waggle_id id;
        if (dead[i].view != view) continue;
        wg_point_id(wg_head_point_get(active(e), dead[i].row), &id);
        wg_head_remove(active(e), &id);
    }
}

static waggle_status payload_prepare(edit *e, const waggle_id *id, waggle_text payload,
                                     waggle_error *error)
{
    replacement r = {.place = wg_state_find(e->next, id)};
    if (r.place.view == WG_NOWHERE.view) return WAGGLE_OK;
    // Room first: what is in the list is freed if the batch fails.
    if (!wg_buffer_reserve(&e->replaced, sizeof r)) return no_memory(e, error);
    if (r.place.view < e->next->sealed_count) {
        uint32_t pending = (uint32_t)(e->replaced.size / sizeof r) + 1;
        r.overlaid = wg_sealed_overlay_make(e->next->sealed[r.place.view].sealed, r.place.row,
                                            e->version, payload, pending);
        if (r.overlaid == NULL) return no_memory(e, error);
    } else {
        wg_head *head = e->next->heads[r.place.view - e->next->sealed_count].head;
        uint16_t absent = wg_head_point_get(head, r.place.row)->absent;
        r.point = wg_head_point(head, id, e->version, payload, absent);
        if (r.point == NULL) return no_memory(e, error);
    }
    (void)wg_buffer_append(&e->replaced, &r, sizeof r);
    return WAGGLE_OK;
}

static waggle_status payload_record(edit *e, const wg_piece *record, waggle_error *error)
{
    wg_record_points points;
    waggle_status status =
        wg_record_points_decode(NULL, record->data, record->size, &points, error);
    for (uint32_t row = 0; status == WAGGLE_OK && row < points.count; row++) {
        waggle_id id;
        waggle_text payload;
        status = wg_record_id(&points, &id, error);
        if (status == WAGGLE_OK) status = wg_record_payload(&points, row, &payload, error);
        if (status == WAGGLE_OK) status = payload_prepare(e, &id, payload, error);
    }
    return status;
}

// Puts the payloads in their places; only then they are seen, each as a whole.
static void payload_publish(edit *e)
{
    replacement *list = (replacement *)(void *)e->replaced.data;
    size_t count = e->replaced.size / sizeof *list;
    for (size_t i = 0; i < count; i++) {
        if (list[i].overlaid != NULL) {
            wg_sealed_overlay_set(e->next->sealed[list[i].place.view].sealed, list[i].overlaid);
        } else {
            wg_head_view *view = &e->next->heads[list[i].place.view - e->next->sealed_count];
            wg_head_point_set(view->head, list[i].place.row, list[i].point);
            view->chunks = view->head->chunks; // newer than the view's after a batch that failed
        }
    }
    e->affected = count;
    e->replaced.size = 0; // moved
    edit_publish(e);
}

static waggle_status segment_open(edit *e, const wg_piece *record, uint64_t last,
                                  wg_sealed **sealed, waggle_error *error)
{
    waggle_database *database = e->collection->database;
    wg_record_segment segment;
    waggle_status status = wg_record_segment_decode(record->data, record->size, &segment, error);
    if (status != WAGGLE_OK) return status;
    wg_part_entry entry = {.file = segment.file,
                           .owner = segment.owner,
                           .part = segment.part,
                           .rows = segment.rows,
                           .bytes = segment.size,
                           .sequence = last};
    // It is known if the import itself, or an attempt before, could not be applied for lack of memory.
    if (!wg_files_known(&database->files, entry.file))
        status = wg_files_part_add(&database->files, entry.file, entry.owner, error);
    if (status != WAGGLE_OK) return status;
    status = wg_sealed_open(&database->files, &database->heap, e->collection->spec, &entry, sealed,
                            error);
    if (status == WAGGLE_NOT_FOUND)
        status = wg_fail_context(error, WAGGLE_CORRUPT, "a file that the log names is missing");
    if (status == WAGGLE_OK) wg_codes_attach(database, *sealed);
    return status;
}

// A segment written by a bulk import becomes part of the state; its points replace older ones.
static waggle_status segment_record(edit *e, wg_sealed *sealed, waggle_error *error)
{
    wg_mask *born = NULL;
    waggle_status status = wg_sealed_born(sealed, &born, error);
    if (status != WAGGLE_OK) return status;
    uint64_t rows = sealed->entry.rows;
    bool empty = e->next->points == 0;
    for (uint64_t row = 0; !empty && row < rows; row++) {
        waggle_id id;
        if (wg_mask_get(born, row)) continue;
        wg_id_column_get(&sealed->ids, row, &id);
        wg_place old = wg_state_find(e->next, &id);
        if (old.view != WG_NOWHERE.view && !mark_dead(e, old)) {
            wg_mask_release(born);
            return no_memory(e, error);
        }
    }
    // The heads move up by one view.
    wg_place *dead = (wg_place *)(void *)e->dead.data;
    for (size_t i = 0; i < e->dead.size / sizeof *dead; i++)
        if (dead[i].view >= e->next->sealed_count) dead[i].view++;
    e->next->points += rows - born->count;
    e->next->dead += born->count;
    e->next->sealed[e->next->sealed_count++] =
        (wg_sealed_view){wg_sealed_retain(sealed), born}; // moved
    return WAGGLE_OK;
}

static waggle_status segment_apply(edit *e, const wg_piece *record, uint64_t last,
                                   wg_sealed *sealed, waggle_error *error)
{
    wg_sealed *opened = NULL;
    waggle_status status = WAGGLE_OK;
    if (sealed == NULL) {
        status = segment_open(e, record, last, &opened, error);
        sealed = opened;
    }
    if (status != WAGGLE_OK) return status;
    sealed->entry.sequence = last;
    wg_rwlock_write(&e->collection->ids);
    e->next->sealed_count--; // the place for it is not searched
    status = segment_record(e, sealed, error);
    wg_rwlock_unlock(&e->collection->ids);
    wg_sealed_release(opened);
    return status;
}

// ---- Front ---------------------------------------------------------------------------------------

static waggle_status publish_dead(edit *e, waggle_error *error)
{
    wg_rwlock_write(&e->collection->ids);
    bool ok = masks_set(e);
    if (ok) {
        delete_unlink(e);
        edit_publish(e);
    }
    wg_rwlock_unlock(&e->collection->ids);
    return ok ? WAGGLE_OK : no_memory(e, error);
}

static waggle_status records_apply(edit *e, wg_record_type type, const wg_piece *records,
                                   uint32_t count, uint64_t last, wg_sealed *sealed,
                                   waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    switch (type) {
    case WG_RECORD_UPSERT:
        for (uint32_t i = 0; status == WAGGLE_OK && i < count; i++)
            status = upsert_write(e, &records[i], error);
        return status == WAGGLE_OK ? upsert_publish(e, error) : status;
    case WG_RECORD_DELETE:
        wg_rwlock_read(&e->collection->ids);
        for (uint32_t i = 0; status == WAGGLE_OK && i < count; i++)
            status = delete_record(e, &records[i], error);
        wg_rwlock_unlock(&e->collection->ids);
        return status == WAGGLE_OK ? publish_dead(e, error) : status;
    case WG_RECORD_PAYLOAD:
        wg_rwlock_write(&e->collection->ids);
        for (uint32_t i = 0; status == WAGGLE_OK && i < count; i++)
            status = payload_record(e, &records[i], error);
        if (status == WAGGLE_OK) payload_publish(e);
        wg_rwlock_unlock(&e->collection->ids);
        return status;
    case WG_RECORD_SEGMENT:
        status = segment_apply(e, &records[0], last, sealed, error);
        return status == WAGGLE_OK ? publish_dead(e, error) : status;
    default:
        return wg_fail(error, WAGGLE_FORMAT_VERSION,
                       "the log has a record of type %d, which this library does not know",
                       (int)type);
    }
}

waggle_status wg_apply_held(waggle_collection *collection, wg_record_type type,
                            const wg_piece *records, uint32_t count, uint64_t first, uint64_t last,
                            wg_sealed *sealed, wg_applied *applied, waggle_error *error)
{
    edit e = {0};
    if (last <= collection->current->sequence) return WAGGLE_OK; // applied before
    waggle_status status = edit_begin(&e, collection, first, type == WG_RECORD_SEGMENT, error);
    e.last = last;
    if (status == WAGGLE_OK) status = records_apply(&e, type, records, count, last, sealed, error);
    if (status == WAGGLE_OK) applied->affected = e.affected;
    edit_finish(&e);
    return status;
}

// The batch is in the log, which keeps it until it is applied (see write.c).
static void fall_behind(waggle_collection *collection, uint64_t first, uint64_t last)
{
    collection->behind = last;
    if (collection->dirty_since == 0) collection->dirty_since = first;
}

waggle_status wg_apply(waggle_collection *collection, wg_record_type type, const wg_piece *records,
                       uint32_t count, uint64_t first, uint64_t last, wg_sealed *sealed,
                       wg_applied *applied, waggle_error *error)
{
    wg_mutex_lock(&collection->write);
    waggle_status status =
        collection->behind != 0
            ? wg_fail(error, WAGGLE_OUT_OF_MEMORY,
                      "an earlier write waits for memory before this one can be applied")
            : wg_apply_held(collection, type, records, count, first, last, sealed, applied, error);
    // In memory there is no log to catch up from: the batch never happened.
    if (status != WAGGLE_OK && collection->database->vfs_memory == NULL)
        fall_behind(collection, first, last);
    wg_mutex_unlock(&collection->write);
    return status;
}
