#include "engine/codes.h"

#define EVENT_TEXT 600u
// Parts that come one after the other are soon merged, and their codes would be made in vain, against the writes that they come
// from: codes wait until nothing has come for so long, but no longer than LATEST_MS, or until somebody waits for them.
#define QUIET_MS 10000u
#define LATEST_MS 120000u

// ---- Which parts get codes ----------------------------------------------------------------------

static bool field_due(const waggle_database *database, const wg_sealed *sealed, uint32_t field)
{
    const wg_vector_field *spec = &sealed->spec->fields[field];
    uint64_t rows = sealed->entry.rows;
    if (!spec->coded || sealed->columns[field].rows == NULL) return false;
    if (spec->scan == WAGGLE_SCAN_AUTO) return rows * spec->stride >= database->codes_size_least;
    return rows >= database->codes_rows_least;
}

uint32_t wg_codes_fields(const waggle_database *database, const wg_sealed *sealed)
{
    uint32_t fields = 0;
    for (uint32_t i = 0; i < sealed->spec->count; i++)
        if (field_due(database, sealed, i)) fields |= 1u << i;
    return fields;
}

static bool spec_coded(const wg_spec *spec)
{
    for (uint32_t i = 0; i < spec->count; i++)
        if (spec->fields[i].coded) return true;
    return false;
}

// ---- Use ----------------------------------------------------------------------------------------

wg_codes *wg_codes_of(const wg_sealed *sealed)
{
    // Acquire pairs with the release of attach.
    wg_codes *codes = atomic_load_explicit(&sealed->codes, memory_order_acquire);
    if (codes == NULL || atomic_load_explicit(&codes->damaged, memory_order_relaxed)) return NULL;
    return codes;
}

static void dropped_report(waggle_database *database, const char *name, const waggle_error *why)
{
    char quoted[EVENT_TEXT];
    atomic_fetch_add_explicit(&database->counters.codes_dropped, 1, memory_order_relaxed);
    wg_log_line(&database->logger, WAGGLE_LOG_WARNING, "event=codes_dropped file=%s reason=%s",
                name, wg_log_quote(quoted, sizeof quoted, why->message));
}

void wg_codes_drop(waggle_database *database, wg_sealed *sealed, wg_codes *codes,
                   const waggle_error *why)
{
    char name[WG_FILE_NAME_SIZE];
    if (atomic_exchange_explicit(&codes->damaged, true, memory_order_relaxed)) return;
    wg_mutex_lock(&codes->verify);
    codes->doomed = !database->read_only;
    wg_mutex_unlock(&codes->verify);
    wg_name_codes(name, &sealed->entry);
    dropped_report(database, name, why);
}

const wg_code_column *wg_codes_columns(waggle_database *database, wg_sealed *sealed, uint32_t field)
{
    const wg_code_column *columns = NULL;
    waggle_error why = {0};
    wg_codes *codes = wg_codes_of(sealed);
    if (codes == NULL) return NULL;
    if (wg_codes_ready(codes, field, &columns, &why) != WAGGLE_OK)
        wg_codes_drop(database, sealed, codes, &why);
    return columns;
}

// ---- Attaching ----------------------------------------------------------------------------------

// Opens the codes of a part, which has none yet, if there are some.
static waggle_status attach(waggle_database *database, wg_sealed *sealed, uint32_t fields,
                            waggle_error *error)
{
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    wg_codes *codes = NULL;
    wg_name_codes(name, &sealed->entry);
    waggle_status status = wg_database_path(database, name, path, error);
    if (status == WAGGLE_OK)
        status = wg_codes_open(database->vfs, &database->heap, path, sealed, fields, &codes, error);
    if (status == WAGGLE_OK) {
        wg_files_codes_note(&database->files, &sealed->entry);
        // Release: whoever sees the pointer sees what it points to.
        atomic_store_explicit(&sealed->codes, codes, memory_order_release);
    } else if (wg_is_damage(status)) {
        dropped_report(database, name, error);
        if (!database->read_only) (void)wg_vfs_unlink(database->vfs, path, NULL);
    }
    return status;
}

void wg_codes_attach(waggle_database *database, wg_sealed *sealed)
{
    waggle_error why;
    uint32_t fields = wg_codes_fields(database, sealed);
    // Without memory, or where the disk fails: whoever makes codes tries again, and reports.
    if (fields != 0) (void)attach(database, sealed, fields, &why);
}

// ---- Making -------------------------------------------------------------------------------------

typedef struct making {
    waggle_collection *collection;
    wg_sealed *sealed; // with a reference
} making;

static bool stopping(waggle_database *database)
{
    wg_mutex_lock(&database->wake_lock);
    bool stop = database->stopping;
    wg_mutex_unlock(&database->wake_lock);
    return stop;
}

// Not while the database is closed, and not for a part that compaction or a drop took away.
static bool go_on(void *context)
{
    const making *m = context;
    bool shown = false;
    if (atomic_load(&m->collection->dropped) || stopping(m->collection->database)) return false;
    wg_state *state = wg_state_acquire(m->collection);
    for (uint32_t i = 0; !shown && i < state->sealed_count; i++)
        shown = state->sealed[i].sealed == m->sealed;
    wg_state_release(state);
    return shown;
}

static waggle_status file_make(making *m, uint32_t fields, const char *path, waggle_error *error)
{
    waggle_database *database = m->collection->database;
    const wg_codes_job job = {.vfs = database->vfs,
                              .heap = &database->heap,
                              .device = database->device,
                              .path = path,
                              .sealed = m->sealed,
                              .fields = fields,
                              .seed = database->clock->random(database->clock->context),
                              .go_on = go_on,
                              .context = m};
    uint64_t start = wg_now_ns();
    uint64_t size = 0;
    waggle_status status = WAGGLE_OK;
    // In memory the file counts, too.
    if (database->vfs_memory != NULL)
        status = wg_heap_admit(&database->heap, (size_t)wg_codes_size(&job), error);
    if (status == WAGGLE_OK) status = wg_codes_write(&job, &size, error);
    if (status != WAGGLE_OK) return status;
    atomic_fetch_add_explicit(&database->counters.codes_made, 1, memory_order_relaxed);
    wg_log_line(&database->logger, WAGGLE_LOG_INFO,
                "event=codes_made collection_id=%u rows=%" PRIu64 " bytes=%" PRIu64
                " took_ms=%" PRIu64,
                m->collection->id, m->sealed->entry.rows, size, (wg_now_ns() - start) / 1000000);
    return WAGGLE_OK;
}

static waggle_status part_make(making *m, uint32_t fields, waggle_error *error)
{
    waggle_database *database = m->collection->database;
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    // There may be a file that could not be opened for lack of memory.
    waggle_status status = attach(database, m->sealed, fields, error);
    if (status != WAGGLE_NOT_FOUND && !wg_is_damage(status)) return status;
    wg_name_codes(name, &m->sealed->entry);
    status = wg_database_path(database, name, path, error);
    if (status == WAGGLE_OK) status = file_make(m, fields, path, error);
    if (status == WAGGLE_OK) status = attach(database, m->sealed, fields, error);
    return status == WAGGLE_CANCELED ? WAGGLE_OK : status;
}

// A part that should have codes, has none, and was not tried in this round; *fields are those that it should have.
static wg_sealed *part_next(waggle_collection *collection, uint32_t *fields)
{
    waggle_database *database = collection->database;
    wg_sealed *found = NULL;
    wg_state *state = wg_state_acquire(collection);
    for (uint32_t i = 0; found == NULL && i < state->sealed_count; i++) {
        wg_sealed *sealed = state->sealed[i].sealed;
        if (sealed->codes_round == database->codes_round) continue;
        sealed->codes_round = database->codes_round;
        *fields = wg_codes_fields(database, sealed);
        // Acquire: as everywhere. Damaged ones stay until the part is opened again.
        bool there = atomic_load_explicit(&sealed->codes, memory_order_acquire) != NULL;
        if (*fields != 0 && !there) found = wg_sealed_retain(sealed);
    }
    wg_state_release(state);
    return found;
}

static void failed_report(const making *m, waggle_status status, const waggle_error *why)
{
    char quoted[EVENT_TEXT];
    wg_log_line(&m->collection->database->logger, WAGGLE_LOG_WARNING,
                "event=codes_not_made collection_id=%u file=%" PRIu64 " part=%u status=%s error=%s",
                m->collection->id, m->sealed->entry.file, m->sealed->entry.part,
                waggle_status_name(status), wg_log_quote(quoted, sizeof quoted, why->message));
}

// Then the next part fails, too.
static bool is_of_disk(waggle_status status)
{
    return status == WAGGLE_DISK_FULL || status == WAGGLE_IO;
}

// What ails one part, as damaged rows, does not keep others from getting theirs; *failure is the first, or that of
// the disk, which ends the round.
static void collection_make(waggle_collection *collection, waggle_error *failure)
{
    making m = {.collection = collection};
    uint32_t fields = 0;
    while (!is_of_disk(failure->status) && !stopping(collection->database)) {
        m.sealed = part_next(collection, &fields);
        if (m.sealed == NULL) return;
        waggle_error why = {0};
        waggle_status status = part_make(&m, fields, &why);
        if (status != WAGGLE_OK && (failure->status == WAGGLE_OK || is_of_disk(status))) {
            failed_report(&m, status, &why);
            *failure = why;
        }
        wg_sealed_release(m.sealed);
    }
}

// The open collection with the lowest id from *id on, held by a handle; *id is the one behind it. NULL = none.
static waggle_collection *collection_next(waggle_database *database, uint32_t *id)
{
    const wg_catalog *catalog = &database->catalog;
    waggle_collection *found = NULL;
    wg_mutex_lock(&database->catalog_lock);
    size_t low = 0;
    size_t high = catalog->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (catalog->entries[middle]->id < *id)
            low = middle + 1;
        else
            high = middle;
    }
    for (; found == NULL && low < catalog->count; low++) {
        waggle_collection *open = catalog->entries[low]->open;
        if (open == NULL || atomic_load(&open->dropped) || !spec_coded(open->spec)) continue;
        atomic_fetch_add(&open->handles, 1);
        found = open;
        *id = open->id + 1;
    }
    wg_mutex_unlock(&database->catalog_lock);
    return found;
}

// Every open collection, one part after the other.
static void round_run(waggle_database *database, waggle_error *failure)
{
    waggle_collection *collection = NULL;
    uint32_t id = 0;
    *failure = (waggle_error){0};
    wg_mutex_lock(&database->making);
    database->codes_round++;
    while (!is_of_disk(failure->status) && !stopping(database) &&
           (collection = collection_next(database, &id)) != NULL) {
        collection_make(collection, failure);
        waggle_collection_close(collection);
    }
    wg_mutex_unlock(&database->making);
}

// ---- The thread ---------------------------------------------------------------------------------

void wg_codes_want(waggle_database *database)
{
    if (database->read_only) return;
    wg_mutex_lock(&database->wake_lock);
    database->codes_wanted = true;
    wg_cond_signal(&database->codes_wake);
    wg_mutex_unlock(&database->wake_lock);
}

void wg_codes_now(waggle_database *database)
{
    waggle_error failure;
    if (database->background) return;
    wg_mutex_lock(&database->wake_lock);
    bool wanted = database->codes_wanted;
    database->codes_wanted = false;
    wg_mutex_unlock(&database->wake_lock);
    if (wanted) round_run(database, &failure);
}

// The caller holds wake_lock.
static void settle(waggle_database *database)
{
    uint64_t latest = wg_now_ns() + LATEST_MS * UINT64_C(1000000);
    uint64_t quiet = 0;
    while (!database->stopping && database->codes_wished == database->codes_answered) {
        uint64_t now = wg_now_ns();
        if (database->codes_wanted) quiet = now + QUIET_MS * UINT64_C(1000000);
        database->codes_wanted = false;
        uint64_t until = WG_MIN(quiet, latest);
        if (now >= until) return;
        (void)wg_cond_wait_ms(&database->codes_wake, &database->wake_lock,
                              (uint32_t)((until - now) / 1000000) + 1);
    }
}

static void codes_run(void *context)
{
    waggle_database *database = context;
    waggle_error failure;
    wg_mutex_lock(&database->wake_lock);
    while (!database->stopping) {
        if (!database->codes_wanted) {
            wg_cond_wait(&database->codes_wake, &database->wake_lock);
            continue;
        }
        settle(database);
        uint64_t wished = database->codes_wished;
        database->codes_wanted = false;
        wg_mutex_unlock(&database->wake_lock);
        round_run(database, &failure);
        wg_mutex_lock(&database->wake_lock);
        database->codes_failure = failure;
        database->codes_answered = wished;
        wg_cond_broadcast(&database->codes_done);
    }
    wg_mutex_unlock(&database->wake_lock);
}

waggle_status wg_codes_start(waggle_database *database, waggle_error *error)
{
    if (!database->background || database->read_only) return WAGGLE_OK;
    return wg_thread_start(&database->codes_thread, "waggle-codes", codes_run, database, error);
}

// True when the wish was answered; false: the time passed.
static bool answer_wait(waggle_database *database, uint64_t wish, uint32_t timeout_ms)
{
    uint64_t start = wg_now_ns();
    while (database->codes_answered < wish) {
        uint64_t passed = (wg_now_ns() - start) / 1000000;
        if (timeout_ms == UINT32_MAX) {
            wg_cond_wait(&database->codes_done, &database->wake_lock);
        } else if (passed >= timeout_ms) {
            return false;
        } else {
            (void)wg_cond_wait_ms(&database->codes_done, &database->wake_lock,
                                  timeout_ms - (uint32_t)passed);
        }
    }
    return true;
}

waggle_status waggle_codes_wait(waggle_database *database, uint32_t timeout_ms, waggle_error *error)
{
    waggle_error failure = {0};
    bool answered = true;
    wg_error_clear(error);
    if (database->read_only)
        return wg_fail(error, WAGGLE_READ_ONLY,
                       "the database was opened read-only: no codes are made");
    if (database->background) {
        wg_mutex_lock(&database->wake_lock);
        uint64_t wish = ++database->codes_wished;
        database->codes_wanted = true;
        wg_cond_signal(&database->codes_wake);
        answered = answer_wait(database, wish, timeout_ms);
        failure = database->codes_failure;
        wg_mutex_unlock(&database->wake_lock);
    } else {
        round_run(database, &failure);
    }
    if (!answered)
        return wg_fail(error, WAGGLE_TIMEOUT, "codes are still being made after %u ms", timeout_ms);
    if (failure.status != WAGGLE_OK && error != NULL) *error = failure;
    return failure.status;
}
