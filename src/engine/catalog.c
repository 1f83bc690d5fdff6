// The catalog: names, descriptions and ids of all collections. Its changes are records of the log (collection 0)
// and come into the manifest with its next commit, so creating many collections costs one sync each at most.
// A collection costs a few hundred bytes until it is first used.
#include "base/hash.h"
#include "engine/engine.h"

#include <string.h>

static uint32_t *name_slot(waggle_database *database, const char *name)
{
    wg_catalog *catalog = &database->catalog;
    uint32_t mask = catalog->names_capacity - 1;
    uint32_t slot = (uint32_t)wg_hash(name, strlen(name)) & mask;
    while (catalog->names[slot] != 0) {
        const wg_catalog_entry *entry = wg_catalog_by_id(database, catalog->names[slot]);
        if (entry != NULL && !entry->dropped && strcmp(entry->name, name) == 0) break;
        slot = (slot + 1) & mask;
    }
    return &catalog->names[slot];
}

// Names of dropped and renamed collections leave slots that lead nowhere; growing leaves them behind.
static bool names_grow(waggle_database *database)
{
    wg_catalog *catalog = &database->catalog;
    if ((catalog->names_used + 1) * 4u <= catalog->names_capacity * 3u) return true;
    uint32_t capacity = 16;
    while (capacity < (catalog->count + 1) * 2)
        capacity *= 2;
    uint32_t *table = wg_alloc_zeroed(&database->heap, WG_MEMORY_OTHER, capacity * sizeof *table);
    if (table == NULL) return false;
    wg_free(catalog->names);
    catalog->names = table;
    catalog->names_capacity = capacity;
    catalog->names_used = 0;
    for (size_t i = 0; i < catalog->count; i++) {
        if (catalog->entries[i]->dropped) continue;
        *name_slot(database, catalog->entries[i]->name) = catalog->entries[i]->id;
        catalog->names_used++;
    }
    return true;
}

static void name_link(waggle_database *database, const wg_catalog_entry *entry)
{
    uint32_t *slot = name_slot(database, entry->name);
    if (*slot == 0) database->catalog.names_used++;
    *slot = entry->id;
}

wg_catalog_entry *wg_catalog_by_id(waggle_database *database, uint32_t id)
{
    const wg_catalog *catalog = &database->catalog;
    size_t low = 0;
    size_t high = catalog->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (catalog->entries[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < catalog->count && catalog->entries[low]->id == id ? catalog->entries[low] : NULL;
}

wg_catalog_entry *wg_catalog_find(waggle_database *database, const char *name)
{
    if (database->catalog.names_capacity == 0) return NULL;
    uint32_t id = *name_slot(database, name);
    return id == 0 ? NULL : wg_catalog_by_id(database, id);
}

static void entry_destroy(wg_catalog_entry *entry)
{
    if (entry == NULL) return;
    wg_free(entry->name);
    wg_free(entry->spec);
    wg_free(entry->damage);
    wg_free(entry);
}

// Room for one more entry and one more name, so that entry_link cannot fail.
static waggle_status room_make(waggle_database *database, waggle_error *error)
{
    wg_catalog *catalog = &database->catalog;
    if (catalog->count == catalog->capacity) {
        size_t capacity = catalog->capacity == 0 ? 16 : catalog->capacity * 2;
        wg_catalog_entry **entries = wg_realloc(&database->heap, WG_MEMORY_OTHER, catalog->entries,
                                                capacity * sizeof *entries);
        if (entries == NULL)
            return wg_fail_memory(error, capacity * sizeof *entries, "the catalog");
        catalog->entries = entries;
        catalog->capacity = capacity;
    }
    return names_grow(database)
               ? WAGGLE_OK
               : wg_fail_memory(error, catalog->names_capacity * sizeof(uint32_t), "the catalog");
}

// An entry that is in no catalog yet, and room for it in this one.
static waggle_status entry_make(waggle_database *database, uint32_t id, waggle_text name,
                                waggle_text spec, wg_catalog_entry **made, waggle_error *error)
{
    wg_heap *heap = &database->heap;
    waggle_status status = room_make(database, error);
    if (status != WAGGLE_OK) return status;
    wg_catalog_entry *entry = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, sizeof *entry);
    if (entry != NULL) {
        entry->id = id;
        entry->name = wg_alloc(heap, WG_MEMORY_OTHER, name.size + 1);
        entry->spec = wg_alloc(heap, WG_MEMORY_OTHER, spec.size);
        entry->spec_size = spec.size;
    }
    if (entry == NULL || entry->name == NULL || entry->spec == NULL) {
        entry_destroy(entry);
        return wg_fail_memory(error, sizeof *entry + name.size + spec.size, "the catalog");
    }
    memcpy(entry->name, name.data, name.size);
    entry->name[name.size] = 0;
    memcpy(entry->spec, spec.data, spec.size);
    *made = entry;
    return WAGGLE_OK;
}

// Adds an entry; ids ascend.
static void entry_link(waggle_database *database, wg_catalog_entry *entry)
{
    wg_catalog *catalog = &database->catalog;
    WG_ASSERT(catalog->count < catalog->capacity); // of entry_make
    WG_ASSERT(catalog->count == 0 || catalog->entries[catalog->count - 1]->id < entry->id);
    catalog->entries[catalog->count++] = entry;
    catalog->next_id = WG_MAX(catalog->next_id, entry->id + 1);
    name_link(database, entry);
}

static waggle_text text_of(const char *string)
{
    return (waggle_text){string, strlen(string)};
}

waggle_status wg_catalog_load(waggle_database *database, waggle_error *error)
{
    const wg_manifest *manifest = database->manifest;
    database->catalog.next_id = wg_manifest_collection_next(manifest);
    database->catalog.applied = wg_manifest_catalog_applied(manifest);
    waggle_status status = WAGGLE_OK;
    for (size_t i = 0; status == WAGGLE_OK && i < wg_manifest_collection_count(manifest); i++) {
        const wg_collection_entry *from = wg_manifest_collection_at(manifest, i);
        wg_catalog_entry *entry = NULL;
        waggle_text spec = {(const char *)from->spec, from->spec_size};
        status = entry_make(database, from->id, text_of(from->name), spec, &entry, error);
        if (status != WAGGLE_OK) break;
        entry_link(database, entry);
        entry->in_manifest = true;
        entry->created = from->created;
        for (uint32_t j = 0; status == WAGGLE_OK && j < from->part_count; j++)
            status = wg_files_part_add(&database->files, from->parts[j].file, from->parts[j].owner,
                                       error);
    }
    return status;
}

void wg_catalog_finish(waggle_database *database)
{
    wg_catalog *catalog = &database->catalog;
    for (size_t i = 0; i < catalog->count; i++) {
        wg_collection_destroy(catalog->entries[i]->open);
        entry_destroy(catalog->entries[i]);
    }
    wg_free(catalog->entries);
    wg_free(catalog->names);
    *catalog = (wg_catalog){0};
}

// ---- Opening a collection --------------------------------------------------------------------------

waggle_status wg_catalog_open(waggle_database *database, wg_catalog_entry *entry,
                              waggle_collection **collection, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    if (entry->damage != NULL)
        status = wg_fail(error, entry->damage->status, "%s", entry->damage->message);
    else if (entry->open == NULL)
        status = wg_collection_load(database, entry, &entry->open, error);
    if (status == WAGGLE_OK) *collection = entry->open;
    return status;
}

waggle_status wg_catalog_collection(waggle_database *database, wg_catalog_entry *entry,
                                    waggle_collection **collection, waggle_error *error)
{
    waggle_status status = wg_catalog_open(database, entry, collection, error);
    if (status == WAGGLE_OK) return WAGGLE_OK;
    return wg_fail_context(error, status, "collection \"%s\"", entry->name);
}

waggle_status wg_catalog_set_aside(waggle_database *database, wg_catalog_entry *entry,
                                   uint64_t first, const waggle_error *why, waggle_error *error)
{
    waggle_collection *open = entry->open;
    entry->damage = wg_alloc(&database->heap, WG_MEMORY_OTHER, sizeof *entry->damage);
    if (entry->damage == NULL)
        return wg_fail_memory(error, sizeof *entry->damage, "a damaged collection");
    *entry->damage = *why;
    entry->held_since = first;
    if (open == NULL) return WAGGLE_OK;
    WG_ASSERT(atomic_load(&open->handles) == 0);
    if (open->dirty_since != 0) entry->held_since = WG_MIN(first, open->dirty_since);
    wg_collection_destroy(open);
    entry->open = NULL;
    return WAGGLE_OK;
}

waggle_status wg_collection_check(waggle_collection *collection, waggle_error *error)
{
    // Relaxed: a write that races with the drop is decided when it is applied.
    if (atomic_load_explicit(&collection->dropped, memory_order_relaxed))
        return wg_fail(error, WAGGLE_NOT_FOUND, "the collection was dropped");
    return WAGGLE_OK;
}

waggle_status wg_collection_acquire(waggle_database *database, const char *name,
                                    waggle_collection **collection, waggle_error *error)
{
    wg_mutex_lock(&database->catalog_lock);
    wg_catalog_entry *entry = name == NULL ? NULL : wg_catalog_find(database, name);
    waggle_status status =
        entry == NULL ? wg_fail(error, WAGGLE_NOT_FOUND, "there is no collection \"%.255s\"",
                                name == NULL ? "" : name)
                      : wg_catalog_collection(database, entry, collection, error);
    if (status == WAGGLE_OK)
        atomic_fetch_add_explicit(&(*collection)->handles, 1, memory_order_relaxed);
    wg_mutex_unlock(&database->catalog_lock);
    return status;
}

// ---- Changes ---------------------------------------------------------------------------------------

// A change with all the memory that it takes: once its record is in the log it cannot fail.
typedef struct catalog_change {
    wg_record_type type;
    uint32_t collection;
    wg_catalog_entry *made; // of WG_RECORD_CREATE
    char *name;             // of WG_RECORD_RENAME: for the entry
    char *name_open;        // and for the open collection
} catalog_change;

static waggle_status rename_prepare(waggle_database *database, waggle_text name,
                                    catalog_change *change, waggle_error *error)
{
    waggle_status status = room_make(database, error);
    if (status != WAGGLE_OK) return status;
    char **copies[] = {&change->name, &change->name_open};
    for (size_t i = 0; i < WG_COUNT(copies); i++) {
        *copies[i] = wg_alloc(&database->heap, WG_MEMORY_OTHER, name.size + 1);
        if (*copies[i] == NULL) return wg_fail_memory(error, name.size + 1, "a name");
        memcpy(*copies[i], name.data, name.size);
        (*copies[i])[name.size] = 0;
    }
    return WAGGLE_OK;
}

// change_finish in any case. The caller holds catalog_lock, and nothing else changes names before change_apply.
static waggle_status change_prepare(waggle_database *database, wg_record_type type,
                                    const wg_record_catalog *record, catalog_change *change,
                                    waggle_error *error)
{
    *change = (catalog_change){.type = type, .collection = record->collection};
    if (type == WG_RECORD_CREATE)
        return entry_make(database, record->collection, record->name, record->spec, &change->made,
                          error);
    if (wg_catalog_by_id(database, record->collection) == NULL)
        return wg_fail(error, WAGGLE_CORRUPT, "the log names collection %u, which does not exist",
                       record->collection);
    if (type == WG_RECORD_RENAME) return rename_prepare(database, record->name, change, error);
    return WAGGLE_OK;
}

static void rename_apply(waggle_database *database, wg_catalog_entry *entry, catalog_change *change)
{
    wg_free(entry->name);
    entry->name = change->name; // moved
    change->name = NULL;
    entry->renamed = true;
    name_link(database, entry);
    if (entry->open == NULL) return;
    wg_free(entry->open->name);
    entry->open->name = change->name_open; // moved
    change->name_open = NULL;
}

static void drop_apply(wg_catalog_entry *entry)
{
    entry->dropped = true;
    if (entry->open != NULL)
        atomic_store_explicit(&entry->open->dropped, true, memory_order_relaxed);
}

static void change_apply(waggle_database *database, catalog_change *change, uint64_t seq)
{
    wg_catalog *catalog = &database->catalog;
    if (change->type == WG_RECORD_CREATE) {
        change->made->created = seq;
        entry_link(database, change->made);
        change->made = NULL; // moved
    } else {
        wg_catalog_entry *entry = wg_catalog_by_id(database, change->collection);
        WG_ASSERT(entry != NULL); // of change_prepare
        if (change->type == WG_RECORD_RENAME)
            rename_apply(database, entry, change);
        else
            drop_apply(entry);
    }
    catalog->applied = seq;
    if (catalog->dirty_since == 0) catalog->dirty_since = seq;
}

static void change_finish(catalog_change *change)
{
    entry_destroy(change->made);
    wg_free(change->name);
    wg_free(change->name_open);
}

static waggle_status refused(waggle_error *error, const wg_record_catalog *record, const char *why)
{
    return wg_fail(error, WAGGLE_CORRUPT, "the log changes collection %u, \"%.*s\": %s",
                   record->collection, (int)record->name.size, record->name.data, why);
}

// The checksum says that the record was written so; what follows would rely on what no library writes.
static waggle_status record_check(waggle_database *database, wg_record_type type,
                                  const wg_record_catalog *record, waggle_error *error)
{
    char name[WAGGLE_NAME_SIZE_MAX + 1];
    if (type == WG_RECORD_DROP) return WAGGLE_OK;
    WG_ASSERT(record->name.size < sizeof name); // of wg_record_catalog_decode
    memcpy(name, record->name.data, record->name.size);
    name[record->name.size] = 0;
    if (name[0] == 0) return refused(error, record, "the name is empty");
    if (wg_catalog_find(database, name) != NULL) return refused(error, record, "the name is taken");
    if (type == WG_RECORD_RENAME) return WAGGLE_OK;
    if (record->collection < database->catalog.next_id)
        return refused(error, record, "an id is never used again");
    if (record->collection == UINT32_MAX) return refused(error, record, "no such id is given");
    return WAGGLE_OK;
}

waggle_status wg_catalog_replay(waggle_database *database, wg_record_type type,
                                const wg_piece *piece, uint64_t seq, waggle_error *error)
{
    wg_record_catalog record;
    catalog_change change = {0};
    // A record of another type may be laid out otherwise.
    if (type < WG_RECORD_CREATE || type > WG_RECORD_RENAME)
        return wg_fail(
            error, WAGGLE_FORMAT_VERSION,
            "the log has a change of the catalog of type %u; this library knows %u to %u",
            (unsigned)type, WG_RECORD_CREATE, WG_RECORD_RENAME);
    waggle_status status = wg_record_catalog_decode(piece->data, piece->size, &record, error);
    if (status != WAGGLE_OK) return status;
    wg_mutex_lock(&database->catalog_lock);
    status = record_check(database, type, &record, error);
    if (status == WAGGLE_OK) status = change_prepare(database, type, &record, &change, error);
    if (status == WAGGLE_OK) change_apply(database, &change, seq);
    change_finish(&change);
    wg_mutex_unlock(&database->catalog_lock);
    return status;
}

// Changes of the catalog that the manifest does not have, then those given.
static waggle_status changes_collect(waggle_database *database, wg_buffer *changes,
                                     const wg_change *given, size_t count, waggle_error *error)
{
    const wg_catalog *catalog = &database->catalog;
    bool ok = true;
    for (size_t i = 0; ok && catalog->dirty_since != 0 && i < catalog->count; i++) {
        const wg_catalog_entry *entry = catalog->entries[i];
        wg_change change = {.collection = entry->id,
                            .name = entry->name,
                            .sequence = entry->created,
                            .spec = entry->spec,
                            .spec_size = entry->spec_size};
        if (entry->dropped)
            change.kind = WG_CHANGE_COLLECTION_DROP;
        else
            change.kind = WG_CHANGE_COLLECTION_PUT;
        if (entry->dropped ? entry->in_manifest : !entry->in_manifest || entry->renamed)
            ok = wg_buffer_append(changes, &change, sizeof change);
    }
    wg_change applied = {.kind = WG_CHANGE_CATALOG_APPLIED, .sequence = catalog->applied};
    ok = ok && wg_buffer_append(changes, &applied, sizeof applied);
    for (size_t i = 0; ok && i < count; i++) {
        // Of a collection that was dropped meanwhile nothing is kept.
        const wg_catalog_entry *entry = wg_catalog_by_id(database, given[i].collection);
        if (given[i].collection == 0 || (entry != NULL && !entry->dropped))
            ok = wg_buffer_append(changes, &given[i], sizeof given[i]);
    }
    return ok ? WAGGLE_OK : wg_fail_memory(error, changes->size, "a change of the manifest");
}

// The parts of dropped collections, as the manifest still lists them.
typedef struct dropped_part {
    uint32_t collection;
    wg_part_entry part;
} dropped_part;

static waggle_status dropped_collect(waggle_database *database, wg_buffer *dropped,
                                     waggle_error *error)
{
    const wg_catalog *catalog = &database->catalog;
    for (size_t i = 0; i < catalog->count; i++) {
        const wg_catalog_entry *entry = catalog->entries[i];
        if (!entry->dropped || !entry->in_manifest) continue;
        const wg_collection_entry *from = wg_manifest_collection(database->manifest, entry->id);
        for (uint32_t j = 0; from != NULL && j < from->part_count; j++) {
            dropped_part part = {entry->id, from->parts[j]};
            if (!wg_buffer_append(dropped, &part, sizeof part))
                return wg_fail_memory(error, dropped->size, "a change of the manifest");
        }
    }
    return WAGGLE_OK;
}

void wg_sides_remove(waggle_database *database, uint32_t collection, const wg_part_entry *part)
{
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    if (part->deletes != 0) {
        wg_name_deletes(name, collection, part);
        if (wg_database_path(database, name, path, NULL) == WAGGLE_OK)
            (void)wg_vfs_unlink(database->vfs, path, NULL);
    }
    if (part->overlay != 0) {
        wg_name_overlay(name, collection, part);
        if (wg_database_path(database, name, path, NULL) == WAGGLE_OK)
            (void)wg_vfs_unlink(database->vfs, path, NULL);
    }
}

// Entries of dropped collections go when nobody has a handle.
static void entries_purge(wg_catalog *catalog)
{
    size_t kept = 0;
    for (size_t i = 0; i < catalog->count; i++) {
        wg_catalog_entry *entry = catalog->entries[i];
        bool held = entry->open != NULL && atomic_load(&entry->open->handles) > 0;
        if (entry->dropped && !held) {
            wg_collection_destroy(entry->open);
            entry_destroy(entry);
        } else {
            catalog->entries[kept++] = entry;
        }
    }
    catalog->count = kept;
}

static void committed(waggle_database *database, const wg_buffer *dropped)
{
    wg_catalog *catalog = &database->catalog;
    for (size_t i = 0; catalog->dirty_since != 0 && i < catalog->count; i++) {
        wg_catalog_entry *entry = catalog->entries[i];
        entry->in_manifest = !entry->dropped;
        entry->renamed = false;
    }
    catalog->dirty_since = 0;
    entries_purge(catalog);
    const dropped_part *parts = (const dropped_part *)(const void *)dropped->data;
    for (size_t i = 0; i < dropped->size / sizeof *parts; i++) {
        wg_sides_remove(database, parts[i].collection, &parts[i].part);
        wg_files_part_drop(&database->files, parts[i].part.file);
    }
}

waggle_status wg_catalog_commit(waggle_database *database, const wg_change *given, size_t count,
                                waggle_error *error)
{
    wg_buffer changes;
    wg_buffer dropped;
    wg_buffer_init(&changes, &database->heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&dropped, &database->heap, WG_MEMORY_SCRATCH);
    waggle_status status = changes_collect(database, &changes, given, count, error);
    if (status == WAGGLE_OK) status = dropped_collect(database, &dropped, error);
    if (status == WAGGLE_OK)
        status =
            wg_manifest_commit(database->manifest, (const wg_change *)(const void *)changes.data,
                               changes.size / sizeof(wg_change), error);
    if (status == WAGGLE_OK) committed(database, &dropped);
    wg_buffer_finish(&dropped);
    wg_buffer_finish(&changes);
    return status;
}

// ---- Adopting --------------------------------------------------------------------------------------

static waggle_status adopt_commit(waggle_database *database, const wg_catalog_entry *entry,
                                  const wg_part_entry *parts, uint32_t part_count,
                                  waggle_error *error)
{
    size_t size = (part_count + 1u) * sizeof(wg_change);
    wg_change *changes = wg_alloc(&database->heap, WG_MEMORY_SCRATCH, size);
    if (changes == NULL) return wg_fail_memory(error, size, "a change of the manifest");
    changes[0] =
        (wg_change){.kind = WG_CHANGE_APPLIED, .collection = entry->id, .sequence = entry->created};
    for (uint32_t i = 0; i < part_count; i++)
        changes[1 + i] =
            (wg_change){.kind = WG_CHANGE_PART_ADD, .collection = entry->id, .part = parts[i]};
    waggle_status status = wg_catalog_commit(database, changes, part_count + 1u, error);
    wg_free(changes);
    return status;
}

waggle_status wg_catalog_adopt(waggle_database *database, uint32_t id, const char *name,
                               const void *spec, size_t spec_size, uint64_t sequence,
                               const wg_part_entry *parts, uint32_t part_count, waggle_error *error)
{
    wg_catalog *catalog = &database->catalog;
    wg_catalog_entry *entry = NULL;
    uint64_t dirty_since = catalog->dirty_since;
    WG_ASSERT(id == catalog->next_id);
    waggle_status status =
        entry_make(database, id, text_of(name), (waggle_text){spec, spec_size}, &entry, error);
    if (status != WAGGLE_OK) return status;
    entry_link(database, entry);
    entry->created = sequence;
    if (dirty_since == 0) catalog->dirty_since = sequence + 1; // so that the commit puts the entry
    status = adopt_commit(database, entry, parts, part_count, error);
    if (status == WAGGLE_OK) return WAGGLE_OK;
    catalog->dirty_since = dirty_since;
    WG_ASSERT(catalog->entries[catalog->count - 1] == entry);
    catalog->count--; // its name leads nowhere now
    entry_destroy(entry);
    return status;
}

// ---- The calls of waggle.h -------------------------------------------------------------------------

typedef struct catalog_op {
    wg_append append;
    waggle_database *database;
    catalog_change change;
    bool done;
    waggle_status status;
    waggle_error error;
} catalog_op;

static void catalog_done(wg_append *append, waggle_status status, const waggle_error *error)
{
    catalog_op *op = append->context;
    op->status = status;
    if (status == WAGGLE_OK) {
        wg_mutex_lock(&op->database->catalog_lock);
        change_apply(op->database, &op->change, append->seq);
        wg_mutex_unlock(&op->database->catalog_lock);
    } else if (error != NULL) {
        op->error = *error;
    }
    op->done = true;
}

// The caller holds names.
static waggle_status catalog_write(waggle_database *database, wg_record_type type,
                                   const wg_record_catalog *record, waggle_error *error)
{
    wg_batch batch;
    catalog_op op = {.database = database};
    wg_batch_init(&batch, &database->heap);
    waggle_status status = wg_batch_catalog(&batch, record, error);
    if (status == WAGGLE_OK) status = wg_batch_seal(&batch, error);
    if (status == WAGGLE_OK) {
        wg_mutex_lock(&database->catalog_lock);
        status = change_prepare(database, type, record, &op.change, error);
        wg_mutex_unlock(&database->catalog_lock);
    }
    if (status != WAGGLE_OK) goto cleanup;
    op.append = (wg_append){.type = (uint16_t)type,
                            .count = 1,
                            .records = batch.pieces,
                            .done = catalog_done,
                            .context = &op};
    status = wg_log_append(database->log, &op.append, error);
    if (status != WAGGLE_OK) goto cleanup;
    (void)wg_log_flush(database->log, op.append.seq, NULL); // the result is op's
    WG_ASSERT(op.done);
    status = op.status;
    if (status != WAGGLE_OK && error != NULL) *error = op.error;

cleanup:
    change_finish(&op.change);
    wg_batch_finish(&batch);
    return status;
}

static waggle_status writable(const waggle_database *database, waggle_error *error)
{
    if (database->read_only)
        return wg_fail(error, WAGGLE_READ_ONLY, "the database was opened read-only");
    return wg_heap_admit(&database->heap, 4096, error);
}

// What the catalog has of a name, and the id that a new collection gets.
static bool name_lookup(waggle_database *database, const char *name, uint32_t *id,
                        uint32_t *next_id)
{
    wg_mutex_lock(&database->catalog_lock);
    const wg_catalog_entry *entry = wg_catalog_find(database, name);
    *id = entry == NULL ? 0 : entry->id;
    *next_id = database->catalog.next_id;
    wg_mutex_unlock(&database->catalog_lock);
    return entry != NULL;
}

waggle_status waggle_collection_create(waggle_database *database, const char *name,
                                       const waggle_collection_spec *given,
                                       waggle_collection **collection, waggle_error *error)
{
    wg_error_clear(error);
    wg_spec *spec = NULL;
    uint32_t id = 0;
    uint32_t next_id = 0;
    wg_buffer encoded;
    wg_buffer_init(&encoded, &database->heap, WG_MEMORY_SCRATCH);
    waggle_status status = wg_collection_name_check(name, error);
    if (status == WAGGLE_OK) status = writable(database, error);
    if (status == WAGGLE_OK) status = wg_spec_create(&database->heap, given, &spec, error);
    if (status == WAGGLE_OK) status = wg_spec_encode(spec, &encoded, error);
    if (status == WAGGLE_OK) {
        wg_mutex_lock(&database->names);
        if (name_lookup(database, name, &id, &next_id)) {
            status = wg_fail(error, WAGGLE_EXISTS, "there is a collection \"%s\" already", name);
        } else {
            wg_record_catalog record = {
                next_id, text_of(name), {(const char *)encoded.data, encoded.size}
            };
            status = catalog_write(database, WG_RECORD_CREATE, &record, error);
        }
        wg_mutex_unlock(&database->names);
    }
    if (status == WAGGLE_OK && collection != NULL)
        status = wg_collection_acquire(database, name, collection, error);
    wg_buffer_finish(&encoded);
    wg_free(spec);
    return status;
}

waggle_status waggle_collection_create_simple(waggle_database *database, const char *name,
                                              uint32_t dim, waggle_metric metric, waggle_type type,
                                              waggle_collection **collection, waggle_error *error)
{
    waggle_vector_spec vector = {.dim = dim, .type = type, .metric = metric};
    return waggle_collection_create(database, name,
                                    waggle_collection_spec(.vector_count = 1, .vectors = &vector),
                                    collection, error);
}

waggle_status waggle_collection_open(waggle_database *database, const char *name,
                                     waggle_collection **collection, waggle_error *error)
{
    wg_error_clear(error);
    return wg_collection_acquire(database, name, collection, error);
}

void waggle_collection_close(waggle_collection *collection)
{
    if (collection == NULL) return;
    wg_mutex_lock(&collection->database->catalog_lock);
    uint32_t before = atomic_fetch_sub(&collection->handles, 1);
    WG_ASSERT(before > 0);
    wg_mutex_unlock(&collection->database->catalog_lock);
}

static waggle_status no_collection(const char *name, waggle_error *error)
{
    return wg_fail(error, WAGGLE_NOT_FOUND, "there is no collection \"%.255s\"",
                   name == NULL ? "" : name);
}

waggle_status waggle_collection_drop(waggle_database *database, const char *name,
                                     waggle_error *error)
{
    wg_error_clear(error);
    uint32_t id = 0;
    uint32_t next_id = 0;
    if (database->read_only)
        return wg_fail(error, WAGGLE_READ_ONLY, "the database was opened read-only");
    wg_mutex_lock(&database->names);
    waggle_status status = WAGGLE_OK;
    if (name == NULL || !name_lookup(database, name, &id, &next_id)) {
        status = no_collection(name, error);
    } else {
        wg_record_catalog record = {.collection = id};
        status = catalog_write(database, WG_RECORD_DROP, &record, error);
    }
    wg_mutex_unlock(&database->names);
    if (status == WAGGLE_OK) {
        wg_care_want(database); // frees the files
        (void)wg_care_now(database, NULL);
    }
    return status;
}

waggle_status waggle_collection_rename(waggle_database *database, const char *name,
                                       const char *new_name, waggle_error *error)
{
    wg_error_clear(error);
    uint32_t id = 0;
    uint32_t taken = 0;
    uint32_t next_id = 0;
    waggle_status status = wg_collection_name_check(new_name, error);
    if (status == WAGGLE_OK) status = writable(database, error);
    if (status != WAGGLE_OK) return status;
    wg_mutex_lock(&database->names);
    if (name == NULL || !name_lookup(database, name, &id, &next_id)) {
        status = no_collection(name, error);
    } else if (name_lookup(database, new_name, &taken, &next_id)) {
        status = wg_fail(error, WAGGLE_EXISTS, "there is a collection \"%s\" already", new_name);
    } else {
        wg_record_catalog record = {.collection = id, .name = text_of(new_name)};
        status = catalog_write(database, WG_RECORD_RENAME, &record, error);
    }
    wg_mutex_unlock(&database->names);
    return status;
}
