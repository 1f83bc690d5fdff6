// What a database does by itself: heads that are full, hold too much memory or keep old log files alive are sealed,
// the log is trimmed, parts are merged. In a thread of its own, or (no threads) in the caller's after a write.
#include "engine/codes.h"
#include "engine/engine.h"

#define SMALL_HEAD_BYTES ((size_t)4 << 20) // smaller heads of one round share a file
#define ROUND_COLLECTIONS_MAX 4096u
#define RETRY_MS 1000u

typedef struct round_list {
    waggle_collection **collections; // each with a handle
    size_t *bytes;
    uint32_t count;
} round_list;

static void list_release(round_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        waggle_collection_close(list->collections[i]);
    wg_free(list->collections);
    wg_free(list->bytes);
    *list = (round_list){0};
}

// The open collections that want() chooses, each held by a handle.
static waggle_status list_make(waggle_database *database,
                               bool (*want)(waggle_collection *collection, const void *context),
                               const void *context, round_list *list, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    *list = (round_list){0};
    wg_mutex_lock(&database->catalog_lock);
    size_t capacity = database->catalog.count + 1;
    list->collections =
        wg_alloc(&database->heap, WG_MEMORY_SCRATCH, capacity * sizeof *list->collections);
    list->bytes = wg_alloc(&database->heap, WG_MEMORY_SCRATCH, capacity * sizeof *list->bytes);
    if (list->collections == NULL || list->bytes == NULL)
        status = wg_fail_memory(error, capacity * sizeof(void *), "a list of collections");
    for (size_t i = 0; status == WAGGLE_OK && i < database->catalog.count; i++) {
        waggle_collection *collection = database->catalog.entries[i]->open;
        if (collection == NULL || atomic_load(&collection->dropped) || !want(collection, context))
            continue;
        atomic_fetch_add(&collection->handles, 1);
        list->collections[list->count] = collection;
        list->bytes[list->count++] =
            atomic_load_explicit(&collection->head_bytes, memory_order_relaxed);
    }
    wg_mutex_unlock(&database->catalog_lock);
    return status;
}

// ---- What is due ---------------------------------------------------------------------------------

typedef struct due {
    size_t bytes_least;  // heads of this size are sealed
    uint64_t log_before; // and those that need the log before this record
} due;

static uint64_t dirty_since(waggle_collection *collection)
{
    wg_mutex_lock(&collection->write);
    uint64_t since = collection->dirty_since;
    wg_mutex_unlock(&collection->write);
    return since;
}

static bool is_due(waggle_collection *collection, const void *context)
{
    const due *d = context;
    uint64_t since = dirty_since(collection);
    if (since == 0) return false;
    size_t bytes = atomic_load_explicit(&collection->head_bytes, memory_order_relaxed);
    return bytes >= d->bytes_least || since < d->log_before;
}

static bool is_readable(waggle_collection *collection, const void *context)
{
    (void)context;
    // Relaxed: only care itself sets it.
    return !atomic_load_explicit(&collection->unreadable, memory_order_relaxed);
}

static size_t heads_bytes(waggle_database *database)
{
    return atomic_load_explicit(&database->heads_bytes, memory_order_relaxed);
}

// Seals a list: large heads each into a file, small ones together.
static waggle_status list_seal(waggle_database *database, round_list *list, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    uint32_t small = 0; // gathered at the front
    for (uint32_t i = 0; status == WAGGLE_OK && i < list->count; i++) {
        if (list->bytes[i] >= SMALL_HEAD_BYTES) {
            status = wg_seal(database, &list->collections[i], 1, error);
            continue;
        }
        waggle_collection *collection = list->collections[i];
        list->collections[i] = list->collections[small];
        list->collections[small++] = collection;
        list->bytes[i] = list->bytes[small - 1];
    }
    for (uint32_t first = 0; status == WAGGLE_OK && first < small; first += ROUND_COLLECTIONS_MAX)
        status = wg_seal(database, &list->collections[first],
                         WG_MIN(small - first, ROUND_COLLECTIONS_MAX), error);
    return status;
}

static waggle_status seal_due(waggle_database *database, const due *d, waggle_error *error)
{
    round_list list;
    waggle_status status = list_make(database, is_due, d, &list, error);
    if (status == WAGGLE_OK) status = list_seal(database, &list, error);
    list_release(&list);
    return status;
}

// Seals the largest heads until all together hold less than half of the budget.
static waggle_status seal_for_memory(waggle_database *database, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    size_t half = database->heap.limit / 2;
    for (size_t least = database->head_size_max;
         status == WAGGLE_OK && half > 0 && least > 4096 && heads_bytes(database) > half;
         least /= 2) {
        due d = {.bytes_least = least};
        status = seal_due(database, &d, error);
    }
    return status;
}

static waggle_status seal_for_log(waggle_database *database, waggle_error *error)
{
    wg_log_state log = wg_log_state_get(database->log);
    if (wg_log_used(database->log) <= database->log_size_max) return WAGGLE_OK;
    // The older half of the log.
    due d = {.bytes_least = SIZE_MAX, .log_before = log.first + (log.last - log.first) / 2 + 1};
    return seal_due(database, &d, error);
}

waggle_status wg_log_release(waggle_database *database, waggle_error *error)
{
    uint64_t below = wg_log_state_get(database->log).last + 1;
    uint64_t held = UINT64_MAX;
    wg_mutex_lock(&database->catalog_lock);
    if (database->catalog.dirty_since != 0) below = WG_MIN(below, database->catalog.dirty_since);
    for (size_t i = 0; i < database->catalog.count; i++) {
        const wg_catalog_entry *entry = database->catalog.entries[i];
        if (entry->dropped) continue;
        uint64_t since = entry->open == NULL ? 0 : dirty_since(entry->open);
        if (since != 0) below = WG_MIN(below, since);
        if (entry->damage != NULL) held = WG_MIN(held, entry->held_since);
    }
    wg_mutex_unlock(&database->catalog_lock);
    atomic_store_explicit(&database->log_held, held <= below, memory_order_relaxed);
    return wg_log_trim(database->log, WG_MIN(below, held), error);
}

static waggle_status catalog_settle(waggle_database *database, waggle_error *error)
{
    wg_mutex_lock(&database->catalog_lock);
    waggle_status status = WAGGLE_OK;
    if (database->catalog.dirty_since != 0) status = wg_catalog_commit(database, NULL, 0, error);
    wg_mutex_unlock(&database->catalog_lock);
    return status;
}

static bool stopping(waggle_database *database)
{
    wg_mutex_lock(&database->wake_lock);
    bool stop = database->stopping;
    wg_mutex_unlock(&database->wake_lock);
    return stop;
}

static waggle_status merge_one(waggle_collection *collection, waggle_error *error)
{
    waggle_database *database = collection->database;
    waggle_error why = {0};
    char quoted[sizeof why.message + 16];
    waggle_status status = WAGGLE_OK;
    bool did = true;
    while (status == WAGGLE_OK && did && !stopping(database))
        status = wg_compact_step(collection, false, &did, &why);
    if (status == WAGGLE_NOT_FOUND) return WAGGLE_OK; // dropped meanwhile
    if (status == WAGGLE_CORRUPT) {                   // the others are merged all the same
        atomic_store_explicit(&collection->unreadable, true, memory_order_relaxed);
        wg_log_line(&database->logger, WAGGLE_LOG_ERROR,
                    "event=not_merged collection_id=%u error=%s", collection->id,
                    wg_log_quote(quoted, sizeof quoted, why.message));
        return WAGGLE_OK;
    }
    if (status != WAGGLE_OK && error != NULL) *error = why;
    return status;
}

static waggle_status merge_due(waggle_database *database, waggle_error *error)
{
    round_list list;
    waggle_status status = list_make(database, is_readable, NULL, &list, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < list.count; i++)
        status = merge_one(list.collections[i], error);
    list_release(&list);
    return status;
}

// The wishes for room so far, and whether a round has yet to answer one.
static uint64_t room_wishes(waggle_database *database, bool *open)
{
    wg_mutex_lock(&database->wake_lock);
    uint64_t wished = database->room_wished;
    *open = wished != database->room_made;
    wg_mutex_unlock(&database->wake_lock);
    return wished;
}

static void room_answer(waggle_database *database, uint64_t wished)
{
    wg_mutex_lock(&database->wake_lock);
    database->room_made = wished;
    wg_cond_broadcast(&database->relieved);
    wg_mutex_unlock(&database->wake_lock);
}

waggle_status wg_care_round(waggle_database *database, waggle_error *error)
{
    bool everything = false;
    uint64_t wished = room_wishes(database, &everything);
    due full = {.bytes_least = everything ? 1 : (size_t)database->head_size_max};
    wg_mutex_lock(&database->care);
    waggle_status status = seal_due(database, &full, error);
    if (status == WAGGLE_OK) status = seal_for_memory(database, error);
    room_answer(database, wished);
    if (status == WAGGLE_OK) status = seal_for_log(database, error);
    if (status == WAGGLE_OK) status = catalog_settle(database, error);
    if (status == WAGGLE_OK) status = wg_log_release(database, error);
    if (status == WAGGLE_OK) status = merge_due(database, error);
    wg_mutex_unlock(&database->care);
    return status;
}

static waggle_status seal_open(waggle_database *database, waggle_error *error)
{
    due all = {.bytes_least = 0};
    waggle_status status = seal_due(database, &all, error);
    if (status == WAGGLE_OK) status = catalog_settle(database, error);
    return status;
}

// Fails with the damage of a collection that is set aside, if there is one.
static waggle_status none_aside(waggle_database *database, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    waggle_collection *collection = NULL;
    wg_mutex_lock(&database->catalog_lock);
    for (size_t i = 0; status == WAGGLE_OK && i < database->catalog.count; i++) {
        wg_catalog_entry *entry = database->catalog.entries[i];
        if (entry->damage != NULL && !entry->dropped)
            status = wg_catalog_collection(database, entry, &collection, error);
    }
    wg_mutex_unlock(&database->catalog_lock);
    return status;
}

waggle_status wg_seal_all(waggle_database *database, waggle_error *error)
{
    waggle_status status = none_aside(database, error);
    return status == WAGGLE_OK ? seal_open(database, error) : status;
}

waggle_status wg_checkpoint(waggle_database *database, waggle_error *error)
{
    wg_mutex_lock(&database->care);
    waggle_status status = seal_open(database, error);
    if (status == WAGGLE_OK) status = wg_log_release(database, error);
    wg_mutex_unlock(&database->care);
    return status;
}

waggle_status waggle_compact(waggle_collection *collection, waggle_error *error)
{
    waggle_database *database = collection->database;
    bool did = true;
    wg_error_clear(error);
    if (database->read_only)
        return wg_fail(error, WAGGLE_READ_ONLY, "the database was opened read-only");
    waggle_status status = wg_collection_check(collection, error);
    if (status != WAGGLE_OK) return status;
    wg_mutex_lock(&database->care);
    status = wg_seal(database, &collection, 1, error);
    while (status == WAGGLE_OK && did)
        status = wg_compact_step(collection, true, &did, error);
    if (status == WAGGLE_OK) status = wg_log_release(database, error);
    wg_mutex_unlock(&database->care);
    wg_codes_now(database);
    return status;
}

// ---- The thread ----------------------------------------------------------------------------------

void wg_care_want(waggle_database *database)
{
    wg_mutex_lock(&database->wake_lock);
    database->care_wanted = true;
    wg_cond_signal(&database->wake);
    wg_mutex_unlock(&database->wake_lock);
}

static void round_and_report(waggle_database *database)
{
    waggle_error error = {0};
    waggle_status status = wg_care_round(database, &error);
    if (status != WAGGLE_OK) {
        char quoted[sizeof error.message + 16];
        wg_log_line(&database->logger, WAGGLE_LOG_ERROR, "event=care_failed status=%s error=%s",
                    waggle_status_name(status), wg_log_quote(quoted, sizeof quoted, error.message));
    }
    wg_mutex_lock(&database->wake_lock);
    database->care_failed = status != WAGGLE_OK;
    wg_cond_broadcast(&database->relieved);
    wg_mutex_unlock(&database->wake_lock);
}

waggle_status wg_care_now(waggle_database *database, waggle_error *error)
{
    if (database->background) return WAGGLE_OK;
    wg_mutex_lock(&database->wake_lock);
    bool wanted = database->care_wanted;
    database->care_wanted = false;
    wg_mutex_unlock(&database->wake_lock);
    waggle_status status = wanted ? wg_care_round(database, error) : WAGGLE_OK;
    wg_codes_now(database);
    return status;
}

static void care_run(void *context)
{
    waggle_database *database = context;
    wg_mutex_lock(&database->wake_lock);
    while (!database->stopping) {
        if (!database->care_wanted) {
            if (!database->care_failed) {
                wg_cond_wait(&database->wake, &database->wake_lock);
            } else if (!wg_cond_wait_ms(&database->wake, &database->wake_lock, RETRY_MS)) {
                database->care_wanted = true; // once more
            }
            continue;
        }
        database->care_wanted = false;
        wg_mutex_unlock(&database->wake_lock);
        round_and_report(database);
        wg_mutex_lock(&database->wake_lock);
    }
    wg_mutex_unlock(&database->wake_lock);
}

static void interval_run(void *context)
{
    waggle_database *database = context;
    wg_mutex_lock(&database->wake_lock);
    while (!database->stopping) {
        (void)wg_cond_wait_ms(&database->relieved, &database->wake_lock, database->interval_ms);
        wg_mutex_unlock(&database->wake_lock);
        wg_log_state log = wg_log_state_get(database->log);
        if (log.durable < log.last && !log.failed) (void)wg_log_sync(database->log, NULL);
        wg_mutex_lock(&database->wake_lock);
    }
    wg_mutex_unlock(&database->wake_lock);
}

waggle_status wg_care_start(waggle_database *database, waggle_error *error)
{
    if (!database->background || database->read_only) return WAGGLE_OK;
    waggle_status status =
        wg_thread_start(&database->care_thread, "waggle-care", care_run, database, error);
    if (status == WAGGLE_OK && database->durability == WAGGLE_INTERVAL)
        status = wg_thread_start(&database->interval_thread, "waggle-sync", interval_run, database,
                                 error);
    return status;
}

void wg_care_stop(waggle_database *database)
{
    wg_mutex_lock(&database->wake_lock);
    database->stopping = true;
    wg_cond_broadcast(&database->wake);
    wg_cond_broadcast(&database->relieved);
    wg_cond_broadcast(&database->codes_wake);
    wg_cond_broadcast(&database->codes_done);
    wg_mutex_unlock(&database->wake_lock);
    wg_thread_join(&database->care_thread);
    wg_thread_join(&database->interval_thread);
    wg_thread_join(&database->codes_thread);
}

static bool overfull(waggle_collection *collection)
{
    size_t most = (size_t)collection->database->head_size_max * 2;
    return !atomic_load(&collection->dropped) &&
           atomic_load_explicit(&collection->head_bytes, memory_order_relaxed) >= most;
}

void wg_care_relieve(waggle_collection *collection)
{
    waggle_database *database = collection->database;
    if (!database->background || !overfull(collection)) return;
    wg_mutex_lock(&database->wake_lock);
    // Not while sealing fails (a full disk): then the budget decides.
    while (overfull(collection) && !database->care_failed && !database->stopping) {
        database->care_wanted = true;
        wg_cond_signal(&database->wake);
        (void)wg_cond_wait_ms(&database->relieved, &database->wake_lock, RETRY_MS);
    }
    wg_mutex_unlock(&database->wake_lock);
}

void wg_care_make_room(waggle_database *database)
{
    if (heads_bytes(database) == 0) return;
    wg_mutex_lock(&database->wake_lock);
    uint64_t wish = ++database->room_wished;
    database->care_wanted = true;
    wg_cond_signal(&database->wake);
    while (database->background && !database->stopping && database->room_made < wish)
        wg_cond_wait(&database->relieved, &database->wake_lock);
    wg_mutex_unlock(&database->wake_lock);
    (void)wg_care_now(database, NULL); // without threads; whether it helped is seen by the budget
}
