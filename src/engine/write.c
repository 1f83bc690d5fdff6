// The way of a write: checked and encoded by the caller's thread, appended to the log, flushed together with others,
// applied in the order of sequences by whichever thread drives the log, then acknowledged.
#include "engine/engine.h"

static void write_done(wg_append *append, waggle_status status, const waggle_error *error)
{
    wg_write_op *op = append->context;
    op->status = status;
    if (status == WAGGLE_OK)
        op->status = wg_apply(op->collection, (wg_record_type)append->type, append->records,
                              append->count, append->seq - append->count + 1, append->seq,
                              op->sealed, &op->applied, &op->error);
    else if (error != NULL)
        op->error = *error;
    op->done = true;
}

// Applies what earlier writes could not for lack of memory, from the log, batch by batch.
typedef struct catch_up {
    waggle_collection *collection;
    uint64_t first;  // of the batch, 0 = the next record begins one
    wg_buffer bytes; // of its records before the last
    wg_buffer sizes; // size_t each
    waggle_status status;
    waggle_error *error;
} catch_up;

// The batch that this record completes.
static waggle_status catch_up_batch(catch_up *c, const wg_record *record)
{
    wg_heap *heap = &c->collection->database->heap;
    size_t before = c->sizes.size / sizeof(size_t);
    wg_applied applied = {0};
    wg_piece *pieces = wg_alloc(heap, WG_MEMORY_SCRATCH, (before + 1) * sizeof *pieces);
    if (pieces == NULL) return wg_fail_memory(c->error, before * sizeof *pieces, "a batch");
    const size_t *sizes = (const size_t *)(const void *)c->sizes.data;
    const uint8_t *at = c->bytes.data;
    for (size_t i = 0; i < before; i++) {
        pieces[i] = (wg_piece){at, sizes[i]};
        at += sizes[i];
    }
    pieces[before] = (wg_piece){record->payload, record->size};
    waggle_status status =
        wg_apply_held(c->collection, (wg_record_type)record->type, pieces, (uint32_t)before + 1,
                      c->first, record->seq, NULL, &applied, c->error);
    wg_free(pieces);
    c->bytes.size = 0;
    c->sizes.size = 0;
    return status;
}

static bool catch_up_record(void *context, const wg_record *record)
{
    catch_up *c = context;
    if (record->seq > c->collection->behind) return false; // these come by themselves
    if (c->first == 0) c->first = record->seq;
    if (record->collection == c->collection->id) {
        if (record->commit)
            c->status = catch_up_batch(c, record);
        else if (!wg_buffer_append(&c->bytes, record->payload, record->size) ||
                 !wg_buffer_append(&c->sizes, &record->size, sizeof record->size))
            c->status = wg_fail_memory(c->error, record->size, "a batch");
    }
    if (record->commit) c->first = 0;
    return c->status == WAGGLE_OK;
}

// Under write: batches that are committed meanwhile wait for those before them. Reading the log waits for nobody
// who could want this lock.
static waggle_status collection_catch_up(waggle_collection *collection, waggle_error *error)
{
    if (atomic_load_explicit(&collection->behind, memory_order_relaxed) == 0) return WAGGLE_OK;
    wg_heap *heap = &collection->database->heap;
    catch_up c = {.collection = collection, .error = error};
    wg_buffer_init(&c.bytes, heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&c.sizes, heap, WG_MEMORY_SCRATCH);
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&collection->write);
    if (collection->behind != 0) {
        // The log keeps everything from dirty_since on.
        uint64_t from = WG_MAX(collection->current->sequence + 1, collection->dirty_since);
        status = wg_log_read(collection->database->log, from, catch_up_record, &c, error);
        if (status == WAGGLE_OK) status = c.status;
        if (status == WAGGLE_OK) collection->behind = 0;
    }
    wg_mutex_unlock(&collection->write);
    wg_buffer_finish(&c.bytes);
    wg_buffer_finish(&c.sizes);
    return status;
}

waggle_status wg_write_admit(waggle_collection *collection, size_t size, waggle_error *error)
{
    waggle_database *database = collection->database;
    if (database->read_only)
        return wg_fail(error, WAGGLE_READ_ONLY, "the database was opened read-only");
    waggle_status status = wg_collection_check(collection, error);
    if (status != WAGGLE_OK) return status;
    // At the budget, heads are sealed first: what they hold moves to files.
    if (wg_heap_admit(&database->heap, size, NULL) != WAGGLE_OK) wg_care_make_room(database);
    return wg_heap_admit(&database->heap, size, error);
}

waggle_status wg_write_begin(waggle_collection *collection, wg_record_type type, wg_batch *batch,
                             wg_sealed *sealed, wg_write_op *op, waggle_error *error)
{
    *op = (wg_write_op){.collection = collection, .sealed = sealed};
    waggle_status status = collection_catch_up(collection, error);
    if (status == WAGGLE_OK) wg_care_relieve(collection);
    if (status == WAGGLE_OK) status = wg_batch_seal(batch, error);
    if (status != WAGGLE_OK) return status;
    op->append = (wg_append){.collection = collection->id,
                             .type = (uint16_t)type,
                             .count = batch->count,
                             .records = batch->pieces,
                             .done = write_done,
                             .context = op};
    return wg_log_append(collection->database->log, &op->append, error);
}

// The bounds that sealing keeps: of a head, of all heads together, and of the log.
static bool care_is_due(waggle_collection *collection)
{
    waggle_database *database = collection->database;
    size_t head = atomic_load_explicit(&collection->head_bytes, memory_order_relaxed);
    size_t heads = atomic_load_explicit(&database->heads_bytes, memory_order_relaxed);
    return head >= database->head_size_max || heads > database->heap.limit / 2 ||
           (wg_log_used(database->log) > database->log_size_max &&
            !atomic_load_explicit(&database->log_held, memory_order_relaxed));
}

waggle_status wg_write_end(wg_write_op *op, wg_applied *applied, uint64_t *sequence,
                           waggle_error *error)
{
    waggle_collection *collection = op->collection;
    waggle_database *database = collection->database;
    (void)wg_log_flush(database->log, op->append.seq, NULL); // the result is op's
    WG_ASSERT(op->done);
    if (op->status != WAGGLE_OK) {
        if (error != NULL) *error = op->error;
        return op->status;
    }
    if (applied != NULL) *applied = op->applied;
    if (sequence != NULL) *sequence = op->append.seq - op->append.count + 1;
    if (care_is_due(collection)) wg_care_want(database);
    (void)wg_care_now(database, NULL); // its errors are its own: the write is acknowledged
    return WAGGLE_OK;
}

waggle_status wg_write(waggle_collection *collection, wg_record_type type, wg_batch *batch,
                       wg_sealed *sealed, wg_applied *applied, uint64_t *sequence,
                       waggle_error *error)
{
    wg_write_op op;
    waggle_status status = wg_write_begin(collection, type, batch, sealed, &op, error);
    if (status != WAGGLE_OK) return status;
    return wg_write_end(&op, applied, sequence, error);
}

// ---- The calls of waggle.h -----------------------------------------------------------------------

waggle_status wg_upsert_begin(waggle_collection *collection, const waggle_points *points,
                              wg_upsert *upsert, waggle_error *error)
{
    wg_points_source source;
    upsert->begun = false;
    waggle_status status = wg_points_check(collection->spec, points, &source, error);
    if (status != WAGGLE_OK) return status;
    // The rows in the head, the encoded batch, and what is kept of each point.
    size_t size = (size_t)points->count * (collection->spec->row_size * 2 + 64);
    status = wg_write_admit(collection, size, error);
    if (status != WAGGLE_OK || points->count == 0) return status;
    wg_batch_init(&upsert->batch, &collection->database->heap);
    status = wg_batch_upsert(&upsert->batch, &source, error);
    if (status == WAGGLE_OK)
        status =
            wg_write_begin(collection, WG_RECORD_UPSERT, &upsert->batch, NULL, &upsert->op, error);
    upsert->begun = status == WAGGLE_OK;
    if (!upsert->begun) wg_batch_finish(&upsert->batch);
    return status;
}

waggle_status wg_upsert_end(wg_upsert *upsert, uint64_t *sequence, waggle_error *error)
{
    if (!upsert->begun) return WAGGLE_OK; // no points
    waggle_status status = wg_write_end(&upsert->op, NULL, sequence, error);
    wg_batch_finish(&upsert->batch);
    return status;
}

waggle_status waggle_upsert(waggle_collection *collection, const waggle_points *points,
                            uint64_t *sequence, waggle_error *error)
{
    wg_upsert upsert;
    wg_error_clear(error);
    waggle_status status = wg_upsert_begin(collection, points, &upsert, error);
    if (status == WAGGLE_OK) status = wg_upsert_end(&upsert, sequence, error);
    return status;
}

static waggle_status ids_count_check(const waggle_id *ids, uint64_t count, waggle_error *error)
{
    if (count > WAGGLE_BATCH_MAX)
        return wg_fail(error, WAGGLE_INVALID, "%" PRIu64 " ids in one call; the most is %u", count,
                       WAGGLE_BATCH_MAX);
    if (ids == NULL && count > 0) return wg_fail(error, WAGGLE_INVALID, "no ids are given");
    return WAGGLE_OK;
}

waggle_status waggle_payload_set(waggle_collection *collection, const waggle_id *ids,
                                 const waggle_text *payloads, uint64_t count, uint64_t *changed,
                                 uint64_t *sequence, waggle_error *error)
{
    wg_error_clear(error);
    if (changed != NULL) *changed = 0;
    waggle_status status = ids_count_check(ids, count, error);
    if (status == WAGGLE_OK && payloads == NULL && count > 0)
        status = wg_fail(error, WAGGLE_INVALID, "no payloads are given");
    size_t size = 0;
    for (uint64_t i = 0; status == WAGGLE_OK && i < count; i++)
        size += 2 * payloads[i].size + 64;
    if (status == WAGGLE_OK) status = wg_write_admit(collection, size, error);
    if (status != WAGGLE_OK || count == 0) return status;
    wg_batch batch;
    wg_applied applied = {0};
    wg_batch_init(&batch, &collection->database->heap);
    status = wg_batch_payload(&batch, ids, payloads, count, error);
    if (status == WAGGLE_OK)
        status = wg_write(collection, WG_RECORD_PAYLOAD, &batch, NULL, &applied, sequence, error);
    if (status == WAGGLE_OK && changed != NULL) *changed = applied.affected;
    wg_batch_finish(&batch);
    return status;
}

waggle_status waggle_delete(waggle_collection *collection, const waggle_id *ids, uint64_t count,
                            uint64_t *deleted, uint64_t *sequence, waggle_error *error)
{
    wg_error_clear(error);
    if (deleted != NULL) *deleted = 0;
    waggle_status status = ids_count_check(ids, count, error);
    // Deleting makes room: the budget does not stop it.
    if (status == WAGGLE_OK && collection->database->read_only)
        status = wg_fail(error, WAGGLE_READ_ONLY, "the database was opened read-only");
    if (status == WAGGLE_OK) status = wg_collection_check(collection, error);
    if (status != WAGGLE_OK || count == 0) return status;
    wg_batch batch;
    wg_applied applied = {0};
    wg_batch_init(&batch, &collection->database->heap);
    status = wg_batch_delete(&batch, ids, count, error);
    if (status == WAGGLE_OK)
        status = wg_write(collection, WG_RECORD_DELETE, &batch, NULL, &applied, sequence, error);
    if (status == WAGGLE_OK && deleted != NULL) *deleted = applied.affected;
    wg_batch_finish(&batch);
    return status;
}

waggle_status waggle_flush(waggle_database *database, waggle_error *error)
{
    wg_error_clear(error);
    if (database->read_only) return WAGGLE_OK;
    return wg_log_sync(database->log, error);
}
