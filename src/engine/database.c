// Opening and closing a database.
//
//   LOCK  MANIFEST  log/  seg/  snapshots/  import/        (storage-and-format documents: docs/formats/)
//
// Opening takes the lock, reads the manifest, and applies what the log has beyond it: the same way as a live
// write, so recovery needs no more memory than running does (heads that are full are sealed on the way). Files
// that nothing refers to, leftovers of a crash, are removed; files that are not ours are left alone.
//
// A collection that is damaged is set aside: the others are as ever, and of this one every file and every record of the log that
// is not in its files is kept, so that an opening after its files were put back finds all of it.
#include "engine/codes.h"
#include "engine/engine.h"
#include "engine/options.h"

#include <stdio.h>
#include <string.h>

#define HEAD_SIZE_DEFAULT ((uint64_t)256 << 20)
#define LOG_SIZE_DEFAULT ((uint64_t)512 << 20)
#define INTERVAL_DEFAULT 100u
// Less is scanned in about a millisecond, whatever it is that is read.
#define CODES_SIZE_LEAST ((uint64_t)16 << 20)
#define CODES_ROWS_LEAST 64u // below, a file costs more than it tells
#define CLEAN_LOG_BYTES \
    ((uint64_t)4 << 20) // more than this is sealed when closing, so that opening is quick

waggle_status wg_database_path(const waggle_database *database, const char *name, char *path,
                               waggle_error *error)
{
    return wg_path_join(path, database->path, name, error);
}

// ---- Options -------------------------------------------------------------------------------------

static waggle_status options_check(const waggle_open_options *options, waggle_error *error)
{
    if ((unsigned)options->durability > WAGGLE_OFF)
        return wg_fail(error, WAGGLE_INVALID, "durability %d is not known",
                       (int)options->durability);
    if (options->head_size_max != 0 && options->head_size_max < 4096)
        return wg_fail(error, WAGGLE_INVALID, "head_size_max is %" PRIu64 "; the least is 4096",
                       options->head_size_max);
    if (options->memory_limit != 0 && options->memory_limit < ((uint64_t)16 << 20))
        return wg_fail(error, WAGGLE_INVALID,
                       "memory_limit is %" PRIu64 " bytes; the least is 16 MiB",
                       options->memory_limit);
    return WAGGLE_OK;
}

// For the heap, before it refuses anything.
static void idle_free(void *context)
{
    waggle_database *database = context;
    wg_scratch_pool_trim(&database->searches);
    wg_scratch_pool_trim(&database->results);
}

static void options_apply(waggle_database *database, const waggle_open_options *options,
                          const wg_internal *internal)
{
    uint64_t limit = options->memory_limit != 0 ? options->memory_limit : wg_memory_total() / 2;
    uint64_t head = WG_MIN(HEAD_SIZE_DEFAULT, limit / 4);
    wg_heap_init(&database->heap, (size_t)limit);
    database->heap.relieve = idle_free;
    database->heap.relieve_context = database;
    wg_scratch_pool_init(&database->searches, &database->heap);
    wg_scratch_pool_init(&database->results, &database->heap);
    if (internal->memory != NULL) database->heap.source = *internal->memory;
    database->durability =
        options->durability == WAGGLE_DURABILITY_DEFAULT ? WAGGLE_SYNC : options->durability;
    database->interval_ms = options->interval_ms != 0 ? options->interval_ms : INTERVAL_DEFAULT;
    database->read_only = options->read_only;
    database->background = !internal->no_threads;
    database->head_size_max = options->head_size_max != 0 ? options->head_size_max : head;
    database->log_size_max = options->log_size_max != 0 ? options->log_size_max : LOG_SIZE_DEFAULT;
    database->codes_size_least =
        internal->codes_size_least != 0 ? internal->codes_size_least : CODES_SIZE_LEAST;
    database->codes_rows_least =
        internal->codes_rows_least != 0 ? internal->codes_rows_least : CODES_ROWS_LEAST;
    database->logger = (wg_logger){options->log, options->log_context};
    database->clock = internal->clock != NULL ? internal->clock : wg_clock_system();
}

// ---- The folder ----------------------------------------------------------------------------------

typedef struct folder_look {
    bool any;
    bool manifest;
    bool foreign;
    char name[64]; // of a foreign entry
} folder_look;

static bool folder_entry(void *context, const char *name, bool is_folder)
{
    static const char *const ours[] = {"LOCK", "MANIFEST",  "MANIFEST.new", "log",
                                       "seg",  "snapshots", "import"};
    folder_look *look = context;
    (void)is_folder;
    look->any = true;
    if (strcmp(name, "MANIFEST") == 0) look->manifest = true;
    for (size_t i = 0; i < WG_COUNT(ours); i++)
        if (strcmp(name, ours[i]) == 0) return true;
    look->foreign = true;
    snprintf(look->name, sizeof look->name, "%.60s", name);
    return true;
}

// The folder that holds the database's.
static void parent_of(const char *path, char *parent)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--; // of the name itself
    while (size > 0 && path[size - 1] != '/')
        size--;
    while (size > 1 && path[size - 1] == '/')
        size--;
    snprintf(parent, WG_PATH_SIZE_MAX, "%.*s", (int)WG_MIN(size, WG_PATH_SIZE_MAX - 1u), path);
    if (size == 0) snprintf(parent, WG_PATH_SIZE_MAX, ".");
}

static waggle_status folder_make(waggle_database *database, waggle_error *error)
{
    static const char *const folders[] = {"log", "seg"};
    char path[WG_PATH_SIZE_MAX];
    waggle_status status = wg_vfs_make_dir(database->vfs, database->path, error);
    for (size_t i = 0; status == WAGGLE_OK && i < WG_COUNT(folders); i++) {
        status = wg_database_path(database, folders[i], path, error);
        if (status == WAGGLE_OK) status = wg_vfs_make_dir(database->vfs, path, error);
    }
    if (status == WAGGLE_OK) status = wg_vfs_sync_dir(database->vfs, database->path, error);
    parent_of(database->path, path);
    if (status == WAGGLE_OK) status = wg_vfs_sync_dir(database->vfs, path, error);
    return status;
}

// Is there a database, may one be made, or is the folder somebody else's?
static waggle_status folder_check(waggle_database *database, bool must_exist, bool *create,
                                  waggle_error *error)
{
    folder_look look = {0};
    waggle_status status = wg_vfs_list(database->vfs, database->path, folder_entry, &look, error);
    if (status != WAGGLE_OK && status != WAGGLE_NOT_FOUND) return status;
    *create = !look.manifest;
    if (look.manifest) return WAGGLE_OK;
    if (look.foreign)
        return wg_fail(error, WAGGLE_NOT_A_DATABASE,
                       "%s is not a database of Waggle: it has no MANIFEST, but holds \"%s\"",
                       database->path, look.name);
    if (must_exist || database->read_only)
        return wg_fail(error, WAGGLE_NOT_FOUND, "there is no database at %s", database->path);
    wg_error_clear(error);
    return folder_make(database, error);
}

static waggle_status lock_read(waggle_database *database, const char *path, char *text,
                               size_t capacity)
{
    wg_file *file = NULL;
    size_t got = 0;
    waggle_status status = wg_file_open(database->vfs, path, WG_OPEN_READ, &file, NULL);
    if (status == WAGGLE_OK) status = wg_file_read(file, 0, text, capacity - 1, &got, NULL);
    text[got] = 0;
    text[strcspn(text, "\n")] = 0;
    wg_file_close(file);
    return status;
}

// The lock's text says who holds it: "pid 123 http://127.0.0.1:6333".
static waggle_status lock_take(waggle_database *database, const char *address, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    char text[256];
    waggle_status status = wg_database_path(database, "LOCK", path, error);
    if (status != WAGGLE_OK) return status;
    status = wg_vfs_lock(database->vfs, path, database->read_only, &database->lock, error);
    if (status == WAGGLE_LOCKED) {
        text[0] = 0;
        (void)lock_read(database, path, text, sizeof text);
        return wg_fail(error, WAGGLE_LOCKED, "%s is held by another process (%s)", database->path,
                       text[0] == 0 ? "which did not say its name" : text);
    }
    if (status != WAGGLE_OK || database->read_only) return status;
    snprintf(text, sizeof text, "pid %" PRIu64 "%s%.200s\n", wg_process_id(),
             address == NULL ? "" : " ", address == NULL ? "" : address);
    status = wg_file_truncate(database->lock, 0, error);
    if (status == WAGGLE_OK) status = wg_file_write(database->lock, 0, text, strlen(text), error);
    // The text is for people: a full disk must not keep anybody from deleting.
    return status == WAGGLE_DISK_FULL ? WAGGLE_OK : status;
}

// ---- Leftovers -----------------------------------------------------------------------------------

typedef struct sweep {
    waggle_database *database;
    bool look; // only raise the numbers
    wg_arena names;
    wg_buffer doomed; // char *
    uint64_t highest;
    bool failed;
} sweep;

// The log may name an import of it that was not reached.
static bool set_aside(waggle_database *database, uint32_t collection)
{
    const wg_catalog_entry *entry = wg_catalog_by_id(database, collection);
    return entry != NULL && !entry->dropped && entry->damage != NULL;
}

// Is the file of deletes or overlays one that the manifest lists?
static bool side_known(waggle_database *database, uint32_t collection, uint64_t file, uint32_t part,
                       uint64_t generation)
{
    const wg_collection_entry *entry = wg_manifest_collection(database->manifest, collection);
    for (uint32_t i = 0; entry != NULL && i < entry->part_count; i++) {
        const wg_part_entry *p = &entry->parts[i];
        if (p->file == file && p->part == part)
            return p->deletes == generation || p->overlay == generation;
    }
    return false;
}

static bool sweep_entry(void *context, const char *name, bool is_folder)
{
    sweep *s = context;
    uint32_t collection = 0;
    uint32_t part = 0;
    uint64_t file = 0;
    uint64_t generation = 0;
    int end = 0;
    bool known = true;
    if (is_folder) return true;
    if (sscanf(name, "%" SCNu32 "-%" SCNu64 ".wseg%n", &collection, &file, &end) == 2 && end > 0 &&
        name[end] == 0) {
        known = wg_files_known(&s->database->files, file) || set_aside(s->database, collection);
    } else if (sscanf(name, "%" SCNu32 "-%" SCNu64 "-p%" SCNu32 "-%" SCNu64 ".%n", &collection,
                      &file, &part, &generation, &end) == 4 &&
               end > 0 && (strcmp(name + end, "del") == 0 || strcmp(name + end, "pay") == 0)) {
        known = side_known(s->database, collection, file, part, generation);
    } else if (sscanf(name, "%" SCNu32 "-%" SCNu64 "-p%" SCNu32 ".codes%n", &collection, &file,
                      &part, &end) == 3 &&
               end > 0 && name[end] == 0) {
        known = wg_files_known(&s->database->files, file) || set_aside(s->database, collection);
    }
    s->highest = WG_MAX(s->highest, WG_MAX(file, generation));
    if (known || s->look) return true;
    const char *copy = wg_arena_copy(&s->names, name, strlen(name) + 1);
    s->failed = copy == NULL || !wg_buffer_append(&s->doomed, &copy, sizeof copy);
    return !s->failed;
}

// look: sees to it that no number of a file is used twice, before anything can be sealed. Otherwise, when the
// log was applied and says which files it refers to: removes what a crash left behind.
static waggle_status leftovers_sweep(waggle_database *database, bool look, waggle_error *error)
{
    sweep s = {.database = database, .look = look};
    char folder[WG_PATH_SIZE_MAX];
    char path[WG_PATH_SIZE_MAX];
    wg_arena_init(&s.names, &database->heap, WG_MEMORY_SCRATCH, 4096);
    wg_buffer_init(&s.doomed, &database->heap, WG_MEMORY_SCRATCH);
    waggle_status status = wg_database_path(database, "seg", folder, error);
    if (status == WAGGLE_OK) status = wg_vfs_list(database->vfs, folder, sweep_entry, &s, error);
    if (status == WAGGLE_OK && s.failed)
        status = wg_fail_memory(error, s.doomed.size, "a list of files");
    if (status == WAGGLE_OK) wg_manifest_file_raise(database->manifest, s.highest);
    const char *const *names = (const char *const *)(const void *)s.doomed.data;
    for (size_t i = 0; status == WAGGLE_OK && i < s.doomed.size / sizeof *names; i++) {
        status = wg_path_join(path, folder, names[i], error);
        if (status == WAGGLE_OK) status = wg_vfs_unlink(database->vfs, path, error);
        wg_log_line(&database->logger, WAGGLE_LOG_INFO, "event=leftover_removed file=%s", names[i]);
    }
    wg_buffer_finish(&s.doomed);
    wg_arena_finish(&s.names);
    return status;
}

// ---- Replay --------------------------------------------------------------------------------------

typedef struct replay {
    waggle_database *database;
    uint64_t batch_first; // 0 = the next record begins a batch
    uint64_t records;
    waggle_status status;
    waggle_error *error;
} replay;

// Known without opening the collection.
static bool replay_in_files(const waggle_database *database, const wg_catalog_entry *entry,
                            uint64_t seq)
{
    if (entry->open != NULL || !entry->in_manifest) return false;
    const wg_collection_entry *listed = wg_manifest_collection(database->manifest, entry->id);
    return listed != NULL && seq <= listed->applied;
}

// No more memory than while running: a full head is sealed at the end of its batch.
static waggle_status replay_seal(waggle_collection *collection, waggle_error *error)
{
    waggle_database *database = collection->database;
    if (database->read_only || atomic_load(&collection->head_bytes) < database->head_size_max)
        return WAGGLE_OK;
    wg_mutex_lock(&database->care);
    waggle_status status = wg_seal(database, &collection, 1, error);
    wg_mutex_unlock(&database->care);
    // A full disk must not keep anybody from opening, searching and deleting.
    return status == WAGGLE_DISK_FULL ? WAGGLE_OK : status;
}

// One damaged collection must not keep the others out of reach: it is set aside, with its records left in the log.
static waggle_status replay_failed(replay *r, wg_catalog_entry *entry, uint64_t first,
                                   waggle_status status, const waggle_error *why)
{
    if (!wg_is_damage(status))
        return wg_fail(r->error, status, "collection \"%s\": %s", entry->name, why->message);
    wg_mutex_lock(&r->database->catalog_lock);
    status = wg_catalog_set_aside(r->database, entry, first, why, r->error);
    wg_mutex_unlock(&r->database->catalog_lock);
    return status;
}

static waggle_status replay_points(replay *r, const wg_record *record, uint64_t first)
{
    waggle_database *database = r->database;
    waggle_collection *collection = NULL;
    waggle_error why = {0};
    wg_piece piece = {record->payload, record->size};
    wg_applied applied = {0};
    wg_mutex_lock(&database->catalog_lock);
    wg_catalog_entry *entry = wg_catalog_by_id(database, record->collection);
    waggle_status status = WAGGLE_OK;
    if (entry != NULL && !entry->dropped && entry->damage == NULL &&
        !replay_in_files(database, entry, record->seq))
        status = wg_catalog_open(database, entry, &collection, &why);
    wg_mutex_unlock(&database->catalog_lock);
    // Of a dropped collection or one that is set aside, or in files already.
    if (status == WAGGLE_OK && (collection == NULL || record->seq <= collection->applied))
        return WAGGLE_OK;
    if (status == WAGGLE_OK)
        status = wg_apply(collection, (wg_record_type)record->type, &piece, 1, first, record->seq,
                          NULL, &applied, &why);
    if (status != WAGGLE_OK) return replay_failed(r, entry, first, status, &why);
    return record->commit ? replay_seal(collection, r->error) : WAGGLE_OK;
}

static bool replay_record(void *context, const wg_record *record)
{
    replay *r = context;
    if (r->batch_first == 0) r->batch_first = record->seq;
    uint64_t first = r->batch_first;
    if (record->commit) r->batch_first = 0;
    r->records++;
    if (record->collection != 0) {
        r->status = replay_points(r, record, first);
    } else if (record->seq > r->database->catalog.applied) {
        wg_piece piece = {record->payload, record->size};
        r->status = wg_catalog_replay(r->database, (wg_record_type)record->type, &piece,
                                      record->seq, r->error);
    }
    return r->status == WAGGLE_OK;
}

// One line for each collection that is set aside.
static void damage_report(waggle_database *database)
{
    char name[600];
    char why[600];
    for (size_t i = 0; i < database->catalog.count; i++) {
        const wg_catalog_entry *entry = database->catalog.entries[i];
        if (entry->damage == NULL || entry->dropped) continue;
        wg_log_line(&database->logger, WAGGLE_LOG_ERROR,
                    "event=collection_damaged collection=%s holds_log_from=%" PRIu64
                    " status=%s error=%s",
                    wg_log_quote(name, sizeof name, entry->name), entry->held_since,
                    waggle_status_name(entry->damage->status),
                    wg_log_quote(why, sizeof why, entry->damage->message));
    }
}

static waggle_status log_replay(waggle_database *database, waggle_error *error)
{
    replay r = {.database = database, .error = error};
    uint64_t start = wg_now_ns();
    wg_log_state log = wg_log_state_get(database->log);
    waggle_status status = wg_log_read(database->log, log.first, replay_record, &r, error);
    if (status == WAGGLE_OK) status = r.status;
    if (status != WAGGLE_OK) return wg_fail_context(error, status, "replaying the log");
    wg_log_line(&database->logger, WAGGLE_LOG_INFO,
                "event=replayed records=%" PRIu64 " took_ms=%" PRIu64, r.records,
                (wg_now_ns() - start) / 1000000);
    damage_report(database);
    return WAGGLE_OK;
}

// ---- Open and close ------------------------------------------------------------------------------

static waggle_status log_open(waggle_database *database, const wg_internal *internal,
                              waggle_error *error)
{
    char folder[WG_PATH_SIZE_MAX];
    if (database->vfs_memory != NULL)
        return wg_log_memory_open(&database->heap, false, &database->log, error);
    waggle_status status = wg_database_path(database, "log", folder, error);
    if (status != WAGGLE_OK) return status;
    uint64_t durable = wg_manifest_durable(database->manifest);
    wg_log_options options = {.vfs = database->vfs,
                              .folder = folder,
                              .heap = &database->heap,
                              .clock = database->clock,
                              .durability = database->durability,
                              .interval_ms = database->interval_ms,
                              .read_only = database->read_only,
                              .durable_at_least = durable,
                              .first_at_least = durable + 1,
                              .file_size = internal->log_file_size};
    return wg_log_file_open(&options, &database->log, error);
}

static waggle_status database_load(waggle_database *database, const waggle_open_options *options,
                                   const wg_internal *internal, waggle_error *error)
{
    bool create = false;
    uint8_t uuid[16];
    waggle_status status = folder_check(database, options->must_exist, &create, error);
    if (status == WAGGLE_OK) status = lock_take(database, options->address, error);
    for (int i = 0; i < 2; i++) {
        uint64_t random = database->clock->random(database->clock->context);
        memcpy(uuid + 8 * i, &random, sizeof random);
    }
    if (status == WAGGLE_OK)
        status = wg_manifest_open(database->vfs, &database->heap, database->path, create,
                                  database->read_only, uuid, &database->manifest, error);
    if (status == WAGGLE_OK) status = log_open(database, internal, error);
    if (status == WAGGLE_OK) status = wg_catalog_load(database, error);
    if (status == WAGGLE_OK) status = leftovers_sweep(database, true, error);
    if (status == WAGGLE_OK) status = log_replay(database, error);
    if (status == WAGGLE_OK && !database->read_only)
        status = leftovers_sweep(database, false, error);
    return status;
}

static void database_destroy(waggle_database *database)
{
    wg_catalog_finish(database);
    wg_log_close(database->log);
    wg_manifest_close(database->manifest);
    wg_files_finish(&database->files);
    wg_file_close(database->lock);
    wg_device_close(database->device);
    wg_vfs_memory_destroy(database->vfs_memory);
    wg_scratch_pool_finish(&database->searches);
    wg_scratch_pool_finish(&database->results);
    wg_mutex_finish(&database->snapshots);
    wg_mutex_finish(&database->names);
    wg_mutex_finish(&database->care);
    wg_mutex_finish(&database->making);
    wg_mutex_finish(&database->catalog_lock);
    wg_mutex_finish(&database->wake_lock);
    wg_cond_finish(&database->wake);
    wg_cond_finish(&database->relieved);
    wg_cond_finish(&database->codes_wake);
    wg_cond_finish(&database->codes_done);
    wg_free(database->path);
    WG_ASSERT_SLOW(wg_heap_used(&database->heap) == 0);
    wg_free(database);
}

static void locks_init(waggle_database *database)
{
    wg_mutex_init(&database->snapshots);
    wg_mutex_init(&database->names);
    wg_mutex_init(&database->care);
    wg_mutex_init(&database->making);
    wg_mutex_init(&database->catalog_lock);
    wg_mutex_init(&database->wake_lock);
    wg_cond_init(&database->wake);
    wg_cond_init(&database->relieved);
    wg_cond_init(&database->codes_wake);
    wg_cond_init(&database->codes_done);
}

// What does not touch the disk: path, files, device.
static waggle_status database_prepare(waggle_database *database, const char *path,
                                      const waggle_open_options *options,
                                      const wg_internal *internal, waggle_error *error)
{
    wg_heap *heap = &database->heap;
    database->vfs = internal->vfs != NULL ? internal->vfs : wg_vfs_posix();
    if (path == NULL) {
        database->vfs_memory = wg_vfs_memory_create(heap);
        if (database->vfs_memory == NULL) return wg_fail_memory(error, 0, "a database in memory");
        database->vfs = database->vfs_memory;
    }
    database->path = wg_strdup(heap, WG_MEMORY_OTHER, path == NULL ? "memory" : path);
    if (database->path == NULL) return wg_fail_memory(error, strlen(path), "a path");
    if (database->path[0] == 0)
        return wg_fail(error, WAGGLE_INVALID, "the path of the database is empty");
    wg_files_init(&database->files, database->vfs, heap, database->path);
    waggle_status status =
        wg_device_open(options->device, options->threads, &database->device, error);
    if (status == WAGGLE_OK)
        snprintf(database->device_name, sizeof database->device_name, "%s",
                 database->device->ops->backend);
    return status;
}

waggle_status wg_database_open(const char *path, const waggle_open_options *given,
                               const wg_internal *internal, waggle_database **database,
                               waggle_error *error)
{
    static const wg_internal defaults = {0};
    waggle_open_options options = {0};
    wg_error_clear(error);
    waggle_status status =
        wg_options_read(&options, sizeof options, given, "waggle_open_options", error);
    if (status == WAGGLE_OK) status = options_check(&options, error);
    if (status != WAGGLE_OK) return status;
    waggle_database *made = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, sizeof *made);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "a database");
    if (internal == NULL) internal = &defaults;
    options_apply(made, &options, internal);
    locks_init(made);
    status = database_prepare(made, path, &options, internal, error);
    if (status == WAGGLE_OK) status = database_load(made, &options, internal, error);
    if (status == WAGGLE_OK) status = wg_care_start(made, error);
    if (status == WAGGLE_OK) status = wg_codes_start(made, error);
    if (status != WAGGLE_OK) {
        wg_care_stop(made);
        database_destroy(made);
        return status;
    }
    wg_log_line(&made->logger, WAGGLE_LOG_INFO, "event=opened collections=%zu device=%s",
                made->catalog.count, made->device_name);
    *database = made;
    return WAGGLE_OK;
}

waggle_status waggle_open(const char *path, const waggle_open_options *options,
                          waggle_database **database, waggle_error *error)
{
    return wg_database_open(path, options, NULL, database, error);
}

// Bytes of log that the next opening would have to apply.
static bool replay_is_long(waggle_database *database)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < database->catalog.count; i++) {
        waggle_collection *collection = database->catalog.entries[i]->open;
        if (collection != NULL && collection->dirty_since != 0)
            bytes += atomic_load(&collection->head_bytes);
    }
    return bytes > CLEAN_LOG_BYTES;
}

// Leaves proof of how far the log is durable: if its end is missing next time, that is damage.
static waggle_status durable_note(waggle_database *database, waggle_error *error)
{
    wg_log_state log = wg_log_state_get(database->log);
    if (log.failed || log.durable <= wg_manifest_durable(database->manifest)) return WAGGLE_OK;
    wg_change change = {.kind = WG_CHANGE_DURABLE, .sequence = log.durable};
    wg_mutex_lock(&database->catalog_lock);
    waggle_status status = wg_catalog_commit(database, &change, 1, error);
    wg_mutex_unlock(&database->catalog_lock);
    return status;
}

waggle_status waggle_close(waggle_database *database, waggle_error *error)
{
    if (database == NULL) return WAGGLE_OK;
    wg_error_clear(error);
    wg_async_stop(database);
    wg_care_stop(database);
    waggle_status status = WAGGLE_OK;
    if (!database->read_only) {
        status = wg_log_sync(database->log, error);
        if (status == WAGGLE_OK && database->vfs_memory == NULL && replay_is_long(database))
            status = wg_checkpoint(database, error);
        if (status == WAGGLE_OK && database->vfs_memory == NULL)
            status = durable_note(database, error);
    }
    database_destroy(database);
    return status;
}
