// Sealing: the head of a collection becomes an immutable part of a segment file.
//
//   freeze    under `write`: the head stops growing, a new one begins. S = the sequence of this moment.
//   write     in the caller's thread, without locks: the live rows in id order. Searches go on over the frozen head.
//   install   under `write`: the part takes the place of the frozen heads. Rows that died since are marked in
//             its mask, payloads that were replaced since go to its overlay.
//   sides     changed masks and overlays of all parts are written as new generations, after the log was made durable
//             (they may reflect records after S; replaying those comes to the same).
//   commit    one edit of the manifest: the new part, the generations, applied = S.
//
// A crash before the commit leaves files that nothing refers to; the next opening removes them.
#include "engine/codes.h"
#include "engine/engine.h"

#include <stdlib.h>

// A live row of the frozen heads. The point is immutable, so ids, version and payload agree.
typedef struct frozen_row {
    const wg_point *point;
    uint32_t head;
    uint32_t slot;
} frozen_row;

typedef struct seal_job {
    waggle_collection *collection;
    wg_state *frozen; // all its heads but the last are to be sealed
    uint32_t heads;   // how many
    uint64_t sequence;
    frozen_row *rows;
    uint64_t row_count;
    wg_part_entry part;
    wg_sealed *sealed;
} seal_job;

// ---- Freeze and order ----------------------------------------------------------------------------

static waggle_status freeze(seal_job *job, waggle_error *error)
{
    waggle_collection *collection = job->collection;
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&collection->write);
    if (wg_state_active(collection->current)->slots > 0) {
        wg_state *next = wg_state_copy(&collection->database->heap, collection->current, 0, 1);
        status = next == NULL ? wg_fail_memory(error, sizeof *next, "a state")
                              : wg_state_add_head(collection, next, error);
        if (status == WAGGLE_OK) {
            wg_rwlock_write(&collection->ids); // the newest head is another one
            wg_state_publish(collection, next);
            wg_rwlock_unlock(&collection->ids);
        } else {
            wg_state_release(next);
        }
    }
    if (status == WAGGLE_OK) {
        job->frozen = wg_state_acquire(collection);
        job->heads = job->frozen->head_count - 1;
        job->sequence = job->frozen->sequence;
    }
    wg_mutex_unlock(&collection->write);
    return status;
}

static int row_compare(const void *a, const void *b)
{
    return wg_point_compare(((const frozen_row *)a)->point, ((const frozen_row *)b)->point);
}

static waggle_status rows_order(seal_job *job, waggle_error *error)
{
    uint64_t slots = 0;
    for (uint32_t i = 0; i < job->heads; i++)
        slots += job->frozen->heads[i].slots;
    if (slots == 0) return WAGGLE_OK;
    wg_heap *heap = &job->collection->database->heap;
    job->rows = wg_alloc(heap, WG_MEMORY_SCRATCH, slots * sizeof *job->rows);
    if (job->rows == NULL)
        return wg_fail_memory(error, slots * sizeof *job->rows, "sealing a head");
    bool sorted = true;
    for (uint32_t i = 0; i < job->heads; i++) {
        const wg_head_view *view = &job->frozen->heads[i];
        for (uint32_t slot = 0; slot < view->slots; slot++) {
            if (wg_mask_get(view->masks[0], slot)) continue;
            frozen_row *row = &job->rows[job->row_count];
            *row = (frozen_row){wg_chunk_point(wg_chunk_of(view->chunks, slot), slot), i, slot};
            if (job->row_count > 0 && row_compare(row - 1, row) > 0) sorted = false;
            job->row_count++;
        }
    }
    if (!sorted) qsort(job->rows, job->row_count, sizeof *job->rows, row_compare);
    return WAGGLE_OK;
}

// ---- Write ---------------------------------------------------------------------------------------

static void source_id(void *context, uint64_t place, waggle_id *id)
{
    const seal_job *job = context;
    wg_point_id(job->rows[place].point, id);
}

static waggle_status source_version(void *context, uint64_t place, uint64_t *version,
                                    waggle_error *error)
{
    const seal_job *job = context;
    (void)error;
    *version = job->rows[place].point->version;
    return WAGGLE_OK;
}

static waggle_status source_vector(void *context, uint64_t place, uint32_t field, const void **data,
                                   float *norm, waggle_error *error)
{
    const seal_job *job = context;
    const frozen_row *row = &job->rows[place];
    (void)error;
    *data = NULL;
    if (row->point->absent >> field & 1) return WAGGLE_OK;
    const wg_chunk *chunk = wg_chunk_of(job->frozen->heads[row->head].chunks, row->slot);
    *data = wg_chunk_row(chunk, job->collection->spec, field, row->slot);
    if (chunk->columns[field].norms != NULL)
        *norm = chunk->columns[field].norms[row->slot - chunk->first];
    return WAGGLE_OK;
}

static waggle_status source_payload(void *context, uint64_t place, waggle_text *payload,
                                    waggle_error *error)
{
    const seal_job *job = context;
    (void)error;
    *payload = wg_point_payload(job->rows[place].point);
    return WAGGLE_OK;
}

static waggle_status job_write(seal_job *job, wg_segment_writer *writer, waggle_error *error)
{
    wg_rows_source source = {.spec = job->collection->spec,
                             .rows = job->row_count,
                             .context = job,
                             .id = source_id,
                             .version = source_version,
                             .vector = source_vector,
                             .payload = source_payload};
    return wg_part_write(writer, &job->collection->database->heap, job->collection->id, &source,
                         job->sequence, error);
}

// All jobs with rows into one file.
static waggle_status jobs_write(waggle_database *database, seal_job *jobs, uint32_t count,
                                waggle_error *error)
{
    uint32_t filled = 0;
    for (uint32_t i = 0; i < count; i++)
        filled += jobs[i].row_count > 0;
    if (filled == 0) return WAGGLE_OK;
    wg_segment_writer *writer = NULL;
    wg_part_entry file;
    uint64_t size = 0;
    uint32_t part = 0;
    uint32_t owner = count == 1 ? jobs[0].collection->id : 0;
    waggle_status status = wg_segment_begin(database, owner, &file, &writer, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < count; i++) {
        if (jobs[i].row_count == 0) continue;
        jobs[i].part = file;
        jobs[i].part.part = part++;
        jobs[i].part.rows = jobs[i].row_count;
        jobs[i].part.sequence = jobs[i].sequence;
        status = job_write(&jobs[i], writer, error);
    }
    if (status == WAGGLE_OK) status = wg_segment_finish(writer, &size, NULL, error);
    for (uint32_t i = 0; i < count; i++)
        if (jobs[i].row_count > 0) jobs[i].part.bytes = size / filled;
    wg_segment_writer_destroy(writer);
    return status;
}

// ---- Install -------------------------------------------------------------------------------------

static waggle_status carry_over(seal_job *job, wg_mask **mask, waggle_error *error)
{
    const wg_state *now = job->collection->current;
    wg_heap *heap = &job->collection->database->heap;
    uint32_t *dead = wg_alloc(heap, WG_MEMORY_SCRATCH, job->row_count * sizeof *dead);
    wg_mask *empty = wg_mask_create(heap, job->row_count);
    waggle_status status = WAGGLE_OK;
    size_t count = 0;
    if (dead == NULL || empty == NULL) {
        status = wg_fail_memory(error, job->row_count * sizeof *dead, "sealing a head");
        goto cleanup;
    }
    for (uint64_t i = 0; status == WAGGLE_OK && i < job->row_count; i++) {
        const frozen_row *row = &job->rows[i];
        const wg_head_view *view = &now->heads[row->head]; // the oldest heads are the frozen ones
        if (wg_mask_get(view->masks[0], row->slot)) {
            dead[count++] = (uint32_t)i;
            continue;
        }
        const wg_point *point = wg_head_point_get(view->head, row->slot);
        if (point != row->point)
            status = wg_sealed_overlay_put(job->sealed, (uint32_t)i, point->version,
                                           wg_point_payload(point), error);
    }
    if (status != WAGGLE_OK) goto cleanup;
    *mask = wg_mask_with(heap, empty, job->row_count, dead, count);
    if (*mask == NULL) status = wg_fail_memory(error, job->row_count / 8, "a mask");

cleanup:
    wg_mask_release(empty);
    wg_free(dead);
    return status;
}

static waggle_status install(seal_job *job, waggle_error *error)
{
    waggle_collection *collection = job->collection;
    waggle_database *database = collection->database;
    if (job->heads == 0) return WAGGLE_OK;
    waggle_status status = WAGGLE_OK;
    wg_mask *mask = NULL;
    wg_state *next = NULL;
    if (job->row_count > 0) {
        status = wg_files_part_add(&database->files, job->part.file, job->part.owner, error);
        if (status != WAGGLE_OK) return status;
        status = wg_sealed_open(&database->files, &database->heap, collection->spec, &job->part,
                                &job->sealed, error);
        if (status != WAGGLE_OK) {
            wg_files_part_drop(&database->files, job->part.file);
            return status;
        }
    }
    wg_mutex_lock(&collection->write);
    wg_rwlock_write(&collection->ids);
    if (job->row_count > 0) status = carry_over(job, &mask, error);
    if (status == WAGGLE_OK) {
        next = wg_state_rebuild(&database->heap, collection->current, NULL, job->heads, job->sealed,
                                mask);
        if (next == NULL) status = wg_fail_memory(error, sizeof *next, "a state");
    }
    if (status == WAGGLE_OK) {
        wg_state_publish(collection, next);
    } else {
        wg_mask_release(mask);
    }
    wg_rwlock_unlock(&collection->ids);
    wg_mutex_unlock(&collection->write);
    if (status != WAGGLE_OK && job->row_count > 0)
        wg_files_part_drop(&database->files, job->part.file);
    return status;
}

// ---- Sides ---------------------------------------------------------------------------------------

// New generations of one sealed view, and what they replace.
typedef struct side_change {
    wg_sealed *sealed;
    wg_mask *written; // NULL = the deletes did not change
    wg_part_entry entry;
    waggle_collection *collection;
    bool add; // the manifest does not have the part yet
    bool overlay;
} side_change;

static int overlay_compare(const void *a, const void *b)
{
    const wg_overlay_entry *x = a;
    const wg_overlay_entry *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

// Copies the overlay, so that it can be written without a lock.
static waggle_status overlay_copy(waggle_collection *collection, wg_sealed *sealed, wg_arena *arena,
                                  wg_overlay_entry **entries, uint64_t *count, waggle_error *error)
{
    bool ok = true;
    *count = 0;
    wg_rwlock_read(&collection->ids);
    *entries = wg_arena_alloc(arena, (sealed->overlay_count + 1u) * sizeof **entries, 8);
    for (uint32_t i = 0; *entries != NULL && ok && i < sealed->overlay_capacity; i++) {
        const wg_overlaid *from = sealed->overlay[i];
        if (from == NULL) continue;
        wg_overlay_entry *to = &(*entries)[(*count)++];
        *to = (wg_overlay_entry){
            from->row, from->version, {NULL, 0}
        };
        if (from->size == WG_PAYLOAD_ABSENT) continue;
        to->payload = (waggle_text){wg_arena_copy(arena, from->bytes, from->size), from->size};
        ok = to->payload.data != NULL;
    }
    ok = ok && *entries != NULL;
    if (ok) sealed->overlay_changed = false;
    wg_rwlock_unlock(&collection->ids);
    if (!ok) return wg_fail_memory(error, *count * sizeof **entries, "an overlay");
    qsort(*entries, *count, sizeof **entries, overlay_compare);
    return WAGGLE_OK;
}

static waggle_status overlay_write(waggle_collection *collection, side_change *change,
                                   uint64_t sequence, waggle_error *error)
{
    waggle_database *database = collection->database;
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    wg_overlay_entry *entries = NULL;
    uint64_t count = 0;
    wg_arena arena;
    wg_arena_init(&arena, &database->heap, WG_MEMORY_SCRATCH, 64u << 10);
    waggle_status status =
        overlay_copy(collection, change->sealed, &arena, &entries, &count, error);
    wg_name_overlay(name, collection->id, &change->entry);
    if (status == WAGGLE_OK) status = wg_database_path(database, name, path, error);
    if (status == WAGGLE_OK)
        status =
            wg_overlay_write(database->vfs, &database->heap, path, entries, count, sequence, error);
    if (status != WAGGLE_OK) {
        wg_rwlock_write(&collection->ids);
        change->sealed->overlay_changed = true;
        wg_rwlock_unlock(&collection->ids);
    }
    wg_arena_finish(&arena);
    return status;
}

static uint64_t generation_next(waggle_database *database)
{
    wg_mutex_lock(&database->catalog_lock);
    uint64_t next = wg_manifest_file_next(database->manifest);
    wg_mutex_unlock(&database->catalog_lock);
    return next;
}

static waggle_status side_write(waggle_collection *collection, const wg_sealed_view *view,
                                side_change *change, uint64_t sequence, waggle_error *error)
{
    waggle_database *database = collection->database;
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    waggle_status status = WAGGLE_OK;
    bool deletes =
        view->sealed->written == NULL ? view->dead->count > 0 : view->dead != view->sealed->written;
    wg_rwlock_read(&collection->ids);
    change->overlay = view->sealed->overlay_changed;
    wg_rwlock_unlock(&collection->ids);
    change->sealed = view->sealed;
    change->entry = view->sealed->entry;
    change->add = !view->sealed->in_manifest;
    if (deletes) {
        change->entry.deletes = generation_next(database);
        wg_name_deletes(name, collection->id, &change->entry);
        status = wg_database_path(database, name, path, error);
        if (status == WAGGLE_OK)
            status =
                wg_mask_write(database->vfs, &database->heap, path, view->dead, sequence, error);
        if (status == WAGGLE_OK) change->written = wg_mask_retain(view->dead);
    }
    if (status == WAGGLE_OK && change->overlay) {
        change->entry.overlay = generation_next(database);
        status = overlay_write(collection, change, sequence, error);
    }
    return status;
}

static void side_release(side_change *side)
{
    wg_mask_release(side->written);
    wg_sealed_release(side->sealed);
}

// It was not committed: what changed is to be written again.
static void side_give_up(waggle_collection *collection, side_change *side)
{
    wg_rwlock_write(&collection->ids);
    if (side->overlay) side->sealed->overlay_changed = true;
    wg_rwlock_unlock(&collection->ids);
    side_release(side);
}

// The edit of the manifest for one collection.
static waggle_status job_changes(seal_job *job, wg_buffer *changes, wg_buffer *sides,
                                 waggle_error *error)
{
    waggle_collection *collection = job->collection;
    wg_state *state = wg_state_acquire(collection);
    waggle_status status = WAGGLE_OK;
    bool ok = true;
    for (uint32_t i = 0; status == WAGGLE_OK && i < state->sealed_count; i++) {
        const wg_sealed_view *view = &state->sealed[i];
        side_change side = {.collection = collection};
        // An import after the freeze is not covered by S: the log still has it.
        if (!view->sealed->in_manifest && view->sealed->entry.sequence > job->sequence) continue;
        status = side_write(collection, view, &side, job->sequence, error);
        if (side.written == NULL && !side.overlay && !side.add) continue;
        wg_change change = {.kind = side.add ? WG_CHANGE_PART_ADD : WG_CHANGE_PART_SIDE,
                            .collection = collection->id,
                            .part = side.entry};
        wg_sealed_retain(side.sealed);
        if (!wg_buffer_append(sides, &side, sizeof side)) {
            side_give_up(collection, &side);
            ok = false;
            break;
        }
        ok = ok && wg_buffer_append(changes, &change, sizeof change);
    }
    wg_change applied = {
        .kind = WG_CHANGE_APPLIED, .collection = collection->id, .sequence = job->sequence};
    ok = ok && wg_buffer_append(changes, &applied, sizeof applied);
    wg_state_release(state);
    if (status == WAGGLE_OK && !ok)
        status = wg_fail_memory(error, changes->size, "a change of the manifest");
    return status;
}

// ---- Commit --------------------------------------------------------------------------------------

static void side_committed(waggle_database *database, side_change *side)
{
    wg_part_entry old = side->sealed->entry;
    if (side->written == NULL) old.deletes = 0;
    if (!side->overlay) old.overlay = 0;
    // Searches read the other fields meanwhile.
    side->sealed->entry.deletes = side->entry.deletes;
    side->sealed->entry.overlay = side->entry.overlay;
    side->sealed->in_manifest = true;
    if (side->written != NULL) {
        wg_mask_release(side->sealed->written);
        side->sealed->written = side->written; // moved
        side->written = NULL;
    }
    wg_sides_remove(database, side->collection->id, &old); // the generations before
}

static void job_committed(seal_job *job)
{
    waggle_collection *collection = job->collection;
    wg_mutex_lock(&collection->write);
    collection->applied = job->sequence;
    bool clean = collection->current->sequence == job->sequence && collection->behind == 0;
    collection->dirty_since = clean ? 0 : WG_MAX(collection->dirty_since, job->sequence + 1);
    wg_mutex_unlock(&collection->write);
}

// One edit of the manifest for all: one sync.
static waggle_status jobs_commit(waggle_database *database, seal_job *jobs, uint32_t count,
                                 waggle_error *error)
{
    wg_buffer changes;
    wg_buffer sides;
    wg_buffer_init(&changes, &database->heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&sides, &database->heap, WG_MEMORY_SCRATCH);
    waggle_status status = WAGGLE_OK;
    for (uint32_t i = 0; status == WAGGLE_OK && i < count; i++)
        status = job_changes(&jobs[i], &changes, &sides, error);
    if (status == WAGGLE_OK) {
        wg_mutex_lock(&database->catalog_lock);
        status = wg_catalog_commit(database, (const wg_change *)(const void *)changes.data,
                                   changes.size / sizeof(wg_change), error);
        wg_mutex_unlock(&database->catalog_lock);
    }
    side_change *list = (side_change *)(void *)sides.data;
    for (size_t i = 0; i < sides.size / sizeof *list; i++) {
        if (status != WAGGLE_OK) {
            side_give_up(list[i].collection, &list[i]);
            continue;
        }
        side_committed(database, &list[i]);
        side_release(&list[i]);
    }
    for (uint32_t i = 0; status == WAGGLE_OK && i < count; i++)
        job_committed(&jobs[i]);
    wg_buffer_finish(&changes);
    wg_buffer_finish(&sides);
    return status;
}

static void job_finish(seal_job *job)
{
    wg_state_release(job->frozen);
    wg_sealed_release(job->sealed);
    wg_free(job->rows);
}

waggle_status wg_seal(waggle_database *database, waggle_collection *const *collections,
                      uint32_t count, waggle_error *error)
{
    seal_job *jobs = wg_alloc_zeroed(&database->heap, WG_MEMORY_SCRATCH, count * sizeof *jobs);
    if (jobs == NULL) return wg_fail_memory(error, count * sizeof *jobs, "sealing");
    waggle_status status = WAGGLE_OK;
    uint64_t rows = 0;
    for (uint32_t i = 0; status == WAGGLE_OK && i < count; i++) {
        jobs[i].collection = collections[i];
        status = freeze(&jobs[i], error);
        if (status == WAGGLE_OK) status = rows_order(&jobs[i], error);
        rows += jobs[i].row_count;
    }
    if (status == WAGGLE_OK) status = jobs_write(database, jobs, count, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < count; i++)
        status = install(&jobs[i], error);
    if (status == WAGGLE_OK) status = wg_log_sync(database->log, error);
    if (status == WAGGLE_OK) status = jobs_commit(database, jobs, count, error);
    for (uint32_t i = 0; i < count; i++)
        job_finish(&jobs[i]);
    wg_free(jobs);
    if (status == WAGGLE_OK) {
        atomic_fetch_add_explicit(&database->counters.seals, 1, memory_order_relaxed);
        wg_log_line(&database->logger, WAGGLE_LOG_INFO, "event=sealed collections=%u rows=%" PRIu64,
                    count, rows);
        wg_codes_want(database);
    }
    wg_mutex_lock(&database->wake_lock);
    wg_cond_broadcast(&database->relieved);
    wg_mutex_unlock(&database->wake_lock);
    return status;
}
