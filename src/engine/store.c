// The vector store without a database: a database in memory with one collection, so that it searches, counts its
// memory and reports errors as everything else does. It starts no threads of its own.
//
// Its hits count in the database's memory, so they are destroyed before the store.
//
// Locks: `changing` comes before those of the engine; `use` is between them. A store that is cleared gets a new
// collection, which is why every call holds `use` for reading.
#include "engine/devices.h"
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

struct waggle_store {
    waggle_database *database;
    uint32_t dim;
    waggle_metric metric;
    wg_mutex changing;   // one change at a time; guards next and generation
    uint64_t next;       // the number after the highest given
    uint64_t generation; // of the collection: its name
    wg_rwlock use;       // guards collection
    waggle_collection *collection;
};

// ---- Creating ------------------------------------------------------------------------------------

static waggle_status collection_make(const waggle_store *store, uint64_t generation,
                                     waggle_collection **collection, waggle_error *error)
{
    char name[32];
    snprintf(name, sizeof name, "store-%" PRIu64, generation);
    return waggle_collection_create_simple(store->database, name, store->dim, store->metric,
                                           WAGGLE_F32, collection, error);
}

waggle_status waggle_store_create(waggle_device *device, uint32_t dim, waggle_metric metric,
                                  waggle_store **store, waggle_error *error)
{
    static const wg_internal internal = {.no_threads = true};
    wg_error_clear(error);
    if (device == NULL) return wg_fail(error, WAGGLE_INVALID, "no device is given");
    waggle_store *made = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, sizeof *made);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "a store");
    made->dim = dim;
    made->metric = metric;
    wg_mutex_init(&made->changing);
    wg_rwlock_init(&made->use);
    waggle_status status = wg_database_open(NULL, waggle_open_options(.device = device->name),
                                            &internal, &made->database, error);
    if (status == WAGGLE_OK) status = collection_make(made, 0, &made->collection, error);
    if (status != WAGGLE_OK) {
        waggle_store_destroy(made);
        return status;
    }
    *store = made;
    return WAGGLE_OK;
}

void waggle_store_destroy(waggle_store *store)
{
    if (store == NULL) return;
    waggle_collection_close(store->collection);
    (void)waggle_close(store->database, NULL); // in memory nothing can be lost
    wg_rwlock_finish(&store->use);
    wg_mutex_finish(&store->changing);
    wg_free(store);
}

// ---- Ids -----------------------------------------------------------------------------------------

// The ids of a call: given, or numbers from first on.
typedef struct id_list {
    const waggle_id *ids;
    uint64_t first;
    uint64_t count;
} id_list;

static waggle_id list_at(const id_list *list, uint64_t index)
{
    return list->ids != NULL ? list->ids[index] : waggle_id_number(list->first + index);
}

static waggle_status fail_id(waggle_error *error, waggle_status status, const waggle_id *id,
                             const char *what)
{
    char text[WAGGLE_ID_TEXT_SIZE];
    (void)waggle_id_format(id, text, sizeof text);
    return wg_fail(error, status, "vector %s is %s", text, what);
}

static waggle_status list_check(const id_list *list, const float *vectors, waggle_error *error)
{
    if (list->count > WAGGLE_BATCH_MAX)
        return wg_fail(error, WAGGLE_INVALID, "%" PRIu64 " vectors in one call; the most is %u",
                       list->count, WAGGLE_BATCH_MAX);
    if (vectors == NULL && list->count > 0)
        return wg_fail(error, WAGGLE_INVALID, "no vectors are given");
    for (uint64_t i = 0; list->ids != NULL && i < list->count; i++) {
        waggle_status status = wg_id_check(&list->ids[i], error);
        if (status != WAGGLE_OK) return wg_fail_context(error, status, "id %" PRIu64, i);
    }
    return WAGGLE_OK;
}

static void list_id_of(const void *context, uint32_t slot, waggle_id *id)
{
    *id = list_at(context, slot);
}

static waggle_status list_distinct(waggle_store *store, const id_list *list, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    wg_id_table table;
    if (list->ids == NULL || list->count < 2) return WAGGLE_OK;
    wg_id_table_init(&table, &store->database->heap);
    if (!wg_id_table_reserve(&table, (uint32_t)list->count, list_id_of, list))
        status = wg_fail_memory(error, list->count * sizeof(uint32_t), "a table of ids");
    for (uint32_t i = 0; status == WAGGLE_OK && i < list->count; i++) {
        uint32_t old = UINT32_MAX;
        wg_id_table_put(&table, &list->ids[i], i, list_id_of, list, &old);
        if (old != UINT32_MAX)
            status = fail_id(error, WAGGLE_EXISTS, &list->ids[i], "twice in the call");
    }
    wg_id_table_finish(&table);
    return status;
}

// Are all ids of the list there (or none of them)? The caller keeps other changes out.
static waggle_status list_look_up(waggle_store *store, const id_list *list, bool there,
                                  waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    wg_rwlock_read(&store->collection->ids);
    wg_state *state = wg_state_acquire(store->collection);
    for (uint64_t i = 0; status == WAGGLE_OK && i < list->count; i++) {
        waggle_id id = list_at(list, i);
        bool found = wg_state_find(state, &id).view != WG_NOWHERE.view;
        if (found && !there) status = fail_id(error, WAGGLE_EXISTS, &id, "there already");
        if (!found && there) status = fail_id(error, WAGGLE_NOT_FOUND, &id, "not there");
    }
    wg_rwlock_unlock(&store->collection->ids);
    wg_state_release(state);
    return status;
}

static waggle_status list_write(waggle_store *store, const id_list *list, const float *vectors,
                                waggle_error *error)
{
    waggle_vectors column = {.rows = waggle_rows_f32(vectors, list->count, store->dim)};
    waggle_points points = {.struct_size = sizeof points,
                            .vector_count = 1,
                            .count = list->count,
                            .ids = list->ids,
                            .id_first = list->first,
                            .vectors = &column};
    return waggle_upsert(store->collection, &points, NULL, error);
}

// ---- The calls of waggle.h -----------------------------------------------------------------------

// Only clearing writes `use`, and it holds `changing` as these do.
static void change_begin(waggle_store *store)
{
    wg_mutex_lock(&store->changing);
    wg_rwlock_read(&store->use);
}

static void change_end(waggle_store *store)
{
    wg_rwlock_unlock(&store->use);
    wg_mutex_unlock(&store->changing);
}

waggle_status waggle_store_add(waggle_store *store, const waggle_id *ids, const float *vectors,
                               uint64_t count, uint64_t *first, waggle_error *error)
{
    id_list list = {.ids = ids, .count = count};
    wg_error_clear(error);
    waggle_status status = list_check(&list, vectors, error);
    if (status == WAGGLE_OK) status = list_distinct(store, &list, error);
    if (status != WAGGLE_OK) return status;
    change_begin(store);
    list.first = store->next;
    if (ids == NULL && count > UINT64_MAX - store->next)
        status = wg_fail(error, WAGGLE_INVALID,
                         "%" PRIu64 " numbers from %" PRIu64 " on pass the "
                         "largest",
                         count, store->next);
    if (status == WAGGLE_OK) status = list_look_up(store, &list, false, error);
    if (status == WAGGLE_OK) status = list_write(store, &list, vectors, error);
    if (status == WAGGLE_OK && ids == NULL) {
        store->next += count;
        if (first != NULL) *first = list.first;
    }
    change_end(store);
    return status;
}

waggle_status waggle_store_get(waggle_store *store, waggle_id id, float *vector,
                               waggle_error *error)
{
    waggle_records *records = NULL;
    wg_error_clear(error);
    wg_rwlock_read(&store->use);
    waggle_status status = waggle_get(
        store->collection, &id, 1,
        waggle_read_options(.without_payload = true, .with_vectors = true), &records, error);
    wg_rwlock_unlock(&store->use);
    if (status != WAGGLE_OK) return status;
    const waggle_record *record = waggle_records_at(records, 0);
    if (record->found)
        memcpy(vector, record->vectors[0].data, store->dim * sizeof *vector);
    else
        status = fail_id(error, WAGGLE_NOT_FOUND, &id, "not there");
    waggle_records_destroy(records);
    return status;
}

waggle_status waggle_store_update(waggle_store *store, const waggle_id *ids, const float *vectors,
                                  uint64_t count, waggle_error *error)
{
    id_list list = {.ids = ids, .count = count};
    wg_error_clear(error);
    waggle_status status = list_check(&list, vectors, error);
    if (status == WAGGLE_OK && ids == NULL && count > 0)
        status = wg_fail(error, WAGGLE_INVALID, "no ids are given");
    if (status != WAGGLE_OK || count == 0) return status;
    change_begin(store);
    status = list_look_up(store, &list, true, error);
    if (status == WAGGLE_OK) status = list_write(store, &list, vectors, error);
    change_end(store);
    return status;
}

waggle_status waggle_store_remove(waggle_store *store, const waggle_id *ids, uint64_t count,
                                  uint64_t *removed, waggle_error *error)
{
    uint64_t there = 0;
    change_begin(store);
    waggle_status status = waggle_delete(store->collection, ids, count, &there, NULL, error);
    change_end(store);
    if (status == WAGGLE_OK && removed != NULL) *removed = there;
    return status;
}

waggle_status waggle_store_search(waggle_store *store, const float *queries, uint64_t count,
                                  uint32_t k, waggle_hits **hits, waggle_error *error)
{
    waggle_rows rows = waggle_rows_f32(queries, count, store->dim);
    wg_rwlock_read(&store->use);
    waggle_status status =
        waggle_search(store->collection, &rows, waggle_search_options(.k = k), hits, error);
    wg_rwlock_unlock(&store->use);
    return status;
}

uint64_t waggle_store_count(waggle_store *store)
{
    uint64_t count = 0;
    wg_rwlock_read(&store->use);
    waggle_status status = waggle_count(store->collection, &count, NULL);
    wg_rwlock_unlock(&store->use);
    WG_ASSERT(status == WAGGLE_OK); // fails for dropped collections only
    return count;
}

waggle_status waggle_store_clear(waggle_store *store, waggle_error *error)
{
    waggle_collection *fresh = NULL;
    char name[32];
    wg_error_clear(error);
    wg_mutex_lock(&store->changing);
    waggle_status status = collection_make(store, store->generation + 1, &fresh, error);
    if (status == WAGGLE_OK) {
        wg_rwlock_write(&store->use);
        waggle_collection *old = store->collection;
        store->collection = fresh;
        wg_rwlock_unlock(&store->use);
        waggle_collection_close(old);
        snprintf(name, sizeof name, "store-%" PRIu64, store->generation++);
        // The store is empty by now; a collection that cannot be dropped only keeps its memory.
        (void)waggle_collection_drop(store->database, name, NULL);
    }
    wg_mutex_unlock(&store->changing);
    return status;
}
