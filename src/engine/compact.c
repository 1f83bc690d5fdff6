// Compaction: parts are written anew without their dead rows, and small parts become larger ones.
//
// A part is due when more than a fifth of its rows is dead or overlaid; eight parts of one size class (a factor of
// four) are merged. The output is at most max(1 GiB, a quarter of the collection) and 2 M rows, so that memory
// and stalls stay bounded. Rows are merged in id order. Deaths and payloads that happen meanwhile are carried
// over when the output takes the place of the inputs.
#include "engine/codes.h"
#include "engine/engine.h"

#define FAN_IN 8u
#define FORCE_INPUTS_MAX 64u
#define SIZE_CLASS_LEAST ((uint64_t)1 << 20)
#define OUTPUT_SIZE_LEAST ((uint64_t)1 << 30)
#define OUTPUT_ROWS_MAX ((uint64_t)2 << 20)

typedef struct merge_row {
    uint32_t input;
    uint32_t row;
} merge_row;

typedef struct merge {
    waggle_collection *collection;
    wg_state *state;                   // as it was at the beginning
    uint32_t inputs[FORCE_INPUTS_MAX]; // indices of its sealed views
    uint32_t input_count;
    merge_row *rows;
    uint64_t row_count;
    wg_document_reader *readers[FORCE_INPUTS_MAX];
    wg_buffer buffer; // of the payload read last
    wg_part_entry part;
    wg_sealed *sealed;
} merge;

static const wg_sealed_view *input(const merge *m, uint32_t index)
{
    return &m->state->sealed[m->inputs[index]];
}

// ---- Choosing ------------------------------------------------------------------------------------

static uint64_t bytes_live(const wg_sealed_view *view)
{
    uint64_t rows = view->sealed->entry.rows;
    return rows == 0 ? 0 : view->sealed->entry.bytes / rows * (rows - view->dead->count);
}

static uint64_t rows_live(const wg_sealed_view *view)
{
    return view->sealed->entry.rows - view->dead->count;
}

static uint64_t output_size_max(const wg_state *state)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < state->sealed_count; i++)
        all += bytes_live(&state->sealed[i]);
    return WG_MAX(OUTPUT_SIZE_LEAST, all / 4);
}

static uint32_t size_class(uint64_t bytes)
{
    uint32_t class = 0;
    for (uint64_t size = SIZE_CLASS_LEAST; size < bytes; size *= 4)
        class ++;
    return class;
}

static uint64_t rows_stale(const wg_sealed_view *view)
{
    return view->dead->count + view->sealed->overlay_count;
}

// A part with many stale rows, alone. Under `ids`: overlays are counted.
static bool choose_stale(merge *m, bool force)
{
    for (uint32_t i = 0; i < m->state->sealed_count; i++) {
        const wg_sealed_view *view = &m->state->sealed[i];
        uint64_t stale = rows_stale(view);
        if (!view->sealed->in_manifest || stale == 0) continue;
        if (!force && stale * 5 <= view->sealed->entry.rows) continue;
        m->inputs[m->input_count++] = i;
        return true;
    }
    return false;
}

// Parts that together fit the limits: of one class, or (class UINT32_MAX) any.
static bool choose_together(merge *m, uint32_t class, uint32_t least, uint32_t most)
{
    uint64_t size_max = output_size_max(m->state);
    uint64_t size = 0;
    uint64_t rows = 0;
    m->input_count = 0;
    for (uint32_t i = 0; i < m->state->sealed_count && m->input_count < most; i++) {
        const wg_sealed_view *view = &m->state->sealed[i];
        if (!view->sealed->in_manifest) continue;
        if (class != UINT32_MAX && size_class(bytes_live(view)) != class) continue;
        if (size + bytes_live(view) > size_max || rows + rows_live(view) > OUTPUT_ROWS_MAX)
            continue;
        size += bytes_live(view);
        rows += rows_live(view);
        m->inputs[m->input_count++] = i;
    }
    if (m->input_count >= least) return true;
    m->input_count = 0;
    return false;
}

static bool choose(merge *m, bool force)
{
    if (force && choose_together(m, UINT32_MAX, 2, FORCE_INPUTS_MAX)) return true;
    wg_rwlock_read(&m->collection->ids);
    bool stale = choose_stale(m, force);
    wg_rwlock_unlock(&m->collection->ids);
    if (stale) return true;
    for (uint32_t class = 0; class < 16; class ++)
        if (choose_together(m, class, FAN_IN, FAN_IN)) return true;
    return false;
}

// ---- Merging -------------------------------------------------------------------------------------

// Moves a cursor (a place in id order) to the next live row.
static bool cursor_settle(const wg_sealed_view *view, uint64_t *place)
{
    while (*place < view->sealed->entry.rows &&
           wg_mask_get(view->dead, wg_id_column_at(&view->sealed->ids, *place)))
        (*place)++;
    return *place < view->sealed->entry.rows;
}

static waggle_status rows_merge(merge *m, waggle_error *error)
{
    uint64_t places[FORCE_INPUTS_MAX] = {0};
    uint64_t rows = 0;
    for (uint32_t i = 0; i < m->input_count; i++)
        rows += rows_live(input(m, i));
    if (rows == 0) return WAGGLE_OK;
    m->rows = wg_alloc(&m->collection->database->heap, WG_MEMORY_SCRATCH, rows * sizeof *m->rows);
    if (m->rows == NULL) return wg_fail_memory(error, rows * sizeof *m->rows, "compaction");
    while (m->row_count < rows) {
        merge_row best = {UINT32_MAX, 0};
        waggle_id best_id = {0};
        for (uint32_t i = 0; i < m->input_count; i++) {
            const wg_sealed_view *view = input(m, i);
            if (!cursor_settle(view, &places[i])) continue;
            waggle_id id;
            uint32_t row = wg_id_column_at(&view->sealed->ids, places[i]);
            wg_id_column_get(&view->sealed->ids, row, &id);
            if (best.input != UINT32_MAX && waggle_id_compare(&id, &best_id) >= 0) continue;
            best = (merge_row){i, row};
            best_id = id;
        }
        WG_ASSERT(best.input != UINT32_MAX);
        m->rows[m->row_count++] = best;
        places[best.input]++;
    }
    return WAGGLE_OK;
}

static void source_id(void *context, uint64_t place, waggle_id *id)
{
    const merge *m = context;
    wg_id_column_get(&input(m, m->rows[place].input)->sealed->ids, m->rows[place].row, id);
}

static waggle_status source_vector(void *context, uint64_t place, uint32_t field, const void **data,
                                   float *norm, waggle_error *error)
{
    const merge *m = context;
    return wg_sealed_row(input(m, m->rows[place].input)->sealed, field, m->rows[place].row, data,
                         norm, error);
}

static wg_place place_of(const merge *m, uint64_t place)
{
    return (wg_place){m->inputs[m->rows[place].input], m->rows[place].row};
}

static waggle_status source_version(void *context, uint64_t place, uint64_t *version,
                                    waggle_error *error)
{
    const merge *m = context;
    return wg_state_version(m->collection, m->state, place_of(m, place), version, error);
}

static waggle_status source_payload(void *context, uint64_t place, waggle_text *payload,
                                    waggle_error *error)
{
    merge *m = context;
    uint64_t version;
    return wg_state_payload(m->collection, m->state, place_of(m, place),
                            m->readers[m->rows[place].input], &m->buffer, payload, &version, error);
}

static waggle_status output_write(merge *m, waggle_error *error)
{
    waggle_database *database = m->collection->database;
    wg_segment_writer *writer = NULL;
    wg_rows_source source = {.spec = m->collection->spec,
                             .rows = m->row_count,
                             .context = m,
                             .id = source_id,
                             .version = source_version,
                             .vector = source_vector,
                             .payload = source_payload};
    waggle_status status = wg_segment_begin(database, m->collection->id, &m->part, &writer, error);
    m->part.rows = m->row_count;
    m->part.sequence = m->state->sequence;
    if (status == WAGGLE_OK)
        status = wg_part_write(writer, &database->heap, m->collection->id, &source,
                               m->part.sequence, error);
    if (status == WAGGLE_OK) status = wg_segment_finish(writer, &m->part.bytes, NULL, error);
    wg_segment_writer_destroy(writer);
    if (status != WAGGLE_OK) return status;
    status = wg_files_part_add(&database->files, m->part.file, m->part.owner, error);
    if (status != WAGGLE_OK) return status;
    status = wg_sealed_open(&database->files, &database->heap, m->collection->spec, &m->part,
                            &m->sealed, error);
    if (status != WAGGLE_OK) wg_files_part_drop(&database->files, m->part.file);
    return status;
}

// ---- Installing ----------------------------------------------------------------------------------

// Which view of the current state an input is: parts of a collection change only under `care`.
static uint32_t input_now(const merge *m, uint32_t index)
{
    const wg_state *now = m->collection->current;
    uint32_t at = 0;
    while (at < now->sealed_count && now->sealed[at].sealed != input(m, index)->sealed)
        at++;
    WG_ASSERT(at < now->sealed_count);
    return at;
}

static waggle_status overlays_carry(merge *m, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    for (uint32_t i = 0; i < m->input_count; i++) {
        const wg_sealed *from = input(m, i)->sealed;
        for (uint32_t j = 0; status == WAGGLE_OK && j < from->overlay_capacity; j++) {
            const wg_overlaid *entry = from->overlay[j];
            waggle_id id;
            uint32_t row;
            if (entry == NULL || entry->version <= m->state->sequence) continue;
            wg_id_column_get(&from->ids, entry->row, &id);
            if (!wg_sealed_find(m->sealed, &id, &row)) continue; // it was dead already
            waggle_text payload = {entry->bytes, entry->size};
            if (entry->size == WG_PAYLOAD_ABSENT) payload = (waggle_text){NULL, 0};
            status = wg_sealed_overlay_put(m->sealed, row, entry->version, payload, error);
        }
    }
    return status;
}

static waggle_status deaths_carry(merge *m, wg_mask **mask, waggle_error *error)
{
    wg_heap *heap = &m->collection->database->heap;
    const wg_state *now = m->collection->current;
    const wg_mask *masks[FORCE_INPUTS_MAX];
    for (uint32_t i = 0; i < m->input_count; i++)
        masks[i] = now->sealed[input_now(m, i)].dead;
    uint32_t *dead = wg_alloc(heap, WG_MEMORY_SCRATCH, (m->row_count + 1) * sizeof *dead);
    wg_mask *empty = wg_mask_create(heap, m->row_count);
    size_t count = 0;
    for (uint64_t i = 0; dead != NULL && i < m->row_count; i++)
        if (wg_mask_get(masks[m->rows[i].input], m->rows[i].row)) dead[count++] = (uint32_t)i;
    if (dead != NULL && empty != NULL) *mask = wg_mask_with(heap, empty, m->row_count, dead, count);
    wg_mask_release(empty);
    wg_free(dead);
    return *mask == NULL ? wg_fail_memory(error, m->row_count / 8, "a mask") : WAGGLE_OK;
}

static waggle_status manifest_change(merge *m, waggle_error *error)
{
    wg_change changes[FORCE_INPUTS_MAX + 1];
    size_t count = 0;
    uint32_t id = m->collection->id;
    if (m->row_count > 0)
        changes[count++] =
            (wg_change){.kind = WG_CHANGE_PART_ADD, .collection = id, .part = m->part};
    for (uint32_t i = 0; i < m->input_count; i++)
        changes[count++] = (wg_change){
            .kind = WG_CHANGE_PART_DROP, .collection = id, .part = input(m, i)->sealed->entry};
    return wg_catalog_commit(m->collection->database, changes, count, error);
}

// Under catalog and write: the manifest and the state change together, so that neither is ever without the
// other for those who come after.
static waggle_status install(merge *m, waggle_error *error)
{
    waggle_collection *collection = m->collection;
    waggle_database *database = collection->database;
    bool *gone = NULL;
    wg_mask *mask = NULL;
    wg_state *next = NULL;
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&database->catalog_lock);
    wg_mutex_lock(&collection->write);
    wg_rwlock_write(&collection->ids);
    gone = wg_alloc_zeroed(&database->heap, WG_MEMORY_SCRATCH, collection->current->sealed_count);
    if (gone == NULL) status = wg_fail_memory(error, collection->current->sealed_count, "a merge");
    for (uint32_t i = 0; status == WAGGLE_OK && i < m->input_count; i++)
        gone[input_now(m, i)] = true;
    if (status == WAGGLE_OK && m->row_count > 0) {
        status = overlays_carry(m, error);
        if (status == WAGGLE_OK) status = deaths_carry(m, &mask, error);
    }
    if (status == WAGGLE_OK) {
        next = wg_state_rebuild(&database->heap, collection->current, gone, 0, m->sealed, mask);
        if (next == NULL) status = wg_fail_memory(error, sizeof *next, "a state");
    }
    // Dropped meanwhile: its parts are given up with it, not here.
    if (status == WAGGLE_OK) status = wg_collection_check(collection, error);
    if (status == WAGGLE_OK) status = manifest_change(m, error);
    if (status == WAGGLE_OK) {
        if (m->sealed != NULL) m->sealed->in_manifest = true;
        wg_state_publish(collection, next);
    } else if (next != NULL) {
        wg_state_release(next);
    } else {
        wg_mask_release(mask);
    }
    wg_rwlock_unlock(&collection->ids);
    wg_mutex_unlock(&collection->write);
    wg_mutex_unlock(&database->catalog_lock);
    wg_free(gone);
    return status;
}

static void inputs_remove(merge *m)
{
    waggle_database *database = m->collection->database;
    for (uint32_t i = 0; i < m->input_count; i++) {
        const wg_part_entry *entry = &input(m, i)->sealed->entry;
        wg_sides_remove(database, m->collection->id, entry);
        wg_files_part_drop(&database->files, entry->file);
    }
}

// Writing the manifest failed: the next opening may find the new part in it or not, so its file stays.
static bool manifest_unknown(waggle_database *database)
{
    wg_mutex_lock(&database->catalog_lock);
    bool unknown = wg_manifest_failed(database->manifest);
    wg_mutex_unlock(&database->catalog_lock);
    return unknown;
}

static waggle_status merge_run(merge *m, waggle_error *error)
{
    waggle_database *database = m->collection->database;
    waggle_status status = WAGGLE_OK;
    for (uint32_t i = 0; i < m->input_count; i++) {
        m->readers[i] = wg_document_reader_create(&database->heap);
        if (m->readers[i] == NULL) return wg_fail_memory(error, 0, "compaction");
    }
    status = rows_merge(m, error);
    if (status == WAGGLE_OK && m->row_count > 0) status = output_write(m, error);
    // What the inputs lose must be in the log for good before it is lost from the files.
    if (status == WAGGLE_OK) status = wg_log_sync(database->log, error);
    if (status == WAGGLE_OK) status = install(m, error);
    if (status == WAGGLE_OK)
        inputs_remove(m);
    else if (m->sealed != NULL && !manifest_unknown(database))
        wg_files_part_drop(&database->files, m->part.file);
    return status;
}

waggle_status wg_compact_step(waggle_collection *collection, bool force, bool *did,
                              waggle_error *error)
{
    waggle_database *database = collection->database;
    waggle_status status = WAGGLE_OK;
    *did = false;
    merge *m = wg_alloc_zeroed(&database->heap, WG_MEMORY_SCRATCH, sizeof *m);
    if (m == NULL) return wg_fail_memory(error, sizeof *m, "compaction");
    m->collection = collection;
    m->state = wg_state_acquire(collection);
    wg_buffer_init(&m->buffer, &database->heap, WG_MEMORY_SCRATCH);
    if (choose(m, force)) {
        status = merge_run(m, error);
        *did = status == WAGGLE_OK;
    }
    if (*did) {
        atomic_fetch_add_explicit(&database->counters.compactions, 1, memory_order_relaxed);
        wg_log_line(&database->logger, WAGGLE_LOG_INFO,
                    "event=compacted collection_id=%u inputs=%u rows=%" PRIu64, collection->id,
                    m->input_count, m->row_count);
        wg_codes_want(database);
    }
    for (uint32_t i = 0; i < m->input_count; i++)
        wg_document_reader_destroy(m->readers[i]);
    wg_buffer_finish(&m->buffer);
    wg_sealed_release(m->sealed);
    wg_state_release(m->state);
    wg_free(m->rows);
    wg_free(m);
    return status;
}
