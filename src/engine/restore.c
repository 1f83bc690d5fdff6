// Restoring from snapshots.
//
// One collection into the open database: its files are linked into seg/ under new numbers and compared with what
// SNAPSHOT says of them; then one commit of the manifest makes the collection, with all its parts. A crash before
// leaves files that nothing refers to; the next opening removes them.
//
// All into a new database: the files are copied into <target>.restoring and compared, everything is synced, and the
// folder gets its name.
#include "engine/engine.h"
#include "engine/snapshot.h"
#include "storage/folder.h"

#include <stdio.h>
#include <string.h>

typedef struct restore {
    waggle_database *database;
    wg_vfs *vfs;
    wg_heap *heap;
    char folder[WG_PATH_SIZE_MAX]; // of the snapshot
    wg_snapshot_index index;
    wg_manifest *manifest; // of the snapshot
    const wg_collection_entry *entry;
    uint32_t id;          // of the new collection
    wg_part_entry *parts; // of the new collection, in the order of entry's
    uint32_t part_count;  // files of them are known to the database
    bool committing;      // the manifest may have the collection
} restore;

// ---- The snapshot --------------------------------------------------------------------------------

static waggle_status expected_find(const restore *r, const char *name,
                                   const wg_snapshot_file **file, waggle_error *error)
{
    *file = wg_snapshot_index_find(&r->index, name);
    if (*file != NULL) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_CORRUPT, "%s: the manifest names %s, which SNAPSHOT does not list",
                   r->folder, name);
}

// Reads SNAPSHOT, then MANIFEST, which must be the one it describes.
static waggle_status snapshot_open(restore *r, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    const wg_snapshot_file *expected = NULL;
    waggle_status status = wg_snapshot_index_read(r->vfs, r->heap, r->folder, &r->index, error);
    if (status == WAGGLE_OK) status = expected_find(r, "MANIFEST", &expected, error);
    if (status == WAGGLE_OK) status = wg_path_join(path, r->folder, "MANIFEST", error);
    if (status == WAGGLE_OK) status = wg_snapshot_check(r->vfs, r->heap, path, expected, error);
    if (status == WAGGLE_OK)
        status =
            wg_manifest_open(r->vfs, r->heap, r->folder, false, true, NULL, &r->manifest, error);
    return status;
}

static void restore_finish(restore *r)
{
    wg_manifest_close(r->manifest);
    wg_snapshot_index_finish(&r->index);
    wg_free(r->parts);
}

// ---- One collection ------------------------------------------------------------------------------

static waggle_status entry_choose(restore *r, const char *collection, waggle_error *error)
{
    size_t count = wg_manifest_collection_count(r->manifest);
    if (collection == NULL && count != 1)
        return wg_fail(error, WAGGLE_INVALID,
                       "the snapshot has %zu collections; say which one is wanted", count);
    for (size_t i = 0; i < count; i++) {
        const wg_collection_entry *entry = wg_manifest_collection_at(r->manifest, i);
        if (collection != NULL && strcmp(entry->name, collection) != 0) continue;
        r->entry = entry;
        return WAGGLE_OK;
    }
    return wg_fail(error, WAGGLE_NOT_FOUND, "the snapshot has no collection \"%.255s\"",
                   collection);
}

static uint64_t file_next(waggle_database *database)
{
    wg_mutex_lock(&database->catalog_lock);
    uint64_t next = wg_manifest_file_next(database->manifest);
    wg_mutex_unlock(&database->catalog_lock);
    return next;
}

// Brings one file into the database, and compares it there.
static waggle_status file_place(const restore *r, const char *name, const char *new_name,
                                waggle_error *error)
{
    char from[WG_PATH_SIZE_MAX];
    char to[WG_PATH_SIZE_MAX];
    const wg_snapshot_file *expected = NULL;
    waggle_status status = expected_find(r, name, &expected, error);
    if (status == WAGGLE_OK) status = wg_path_join(from, r->folder, name, error);
    if (status == WAGGLE_OK) status = wg_database_path(r->database, new_name, to, error);
    if (status == WAGGLE_OK) status = wg_snapshot_place(r->vfs, r->heap, from, to, true, error);
    if (status == WAGGLE_OK) status = wg_snapshot_check(r->vfs, r->heap, to, expected, error);
    return status;
}

// The segment of a part under a new number; parts of one file stay in one.
static waggle_status segment_place(restore *r, uint32_t index, waggle_error *error)
{
    wg_part_entry part = r->entry->parts[index];
    char name[WG_FILE_NAME_SIZE];
    char new_name[WG_FILE_NAME_SIZE];
    bool there = false;
    wg_name_segment(name, &part);
    part.file = 0;
    for (uint32_t i = 0; i < index; i++) {
        if (r->entry->parts[i].file != r->entry->parts[index].file) continue;
        part.file = r->parts[i].file;
        there = true;
    }
    if (!there) part.file = file_next(r->database);
    part.owner = 0; // the new collection's id is not known yet
    waggle_status status = wg_files_part_add(&r->database->files, part.file, part.owner, error);
    if (status != WAGGLE_OK) return status;
    r->parts[r->part_count++] = part;
    wg_name_segment(new_name, &part);
    return there ? WAGGLE_OK : file_place(r, name, new_name, error);
}

static waggle_status segments_place(restore *r, waggle_error *error)
{
    size_t size = (r->entry->part_count + 1u) * sizeof *r->parts;
    waggle_status status = WAGGLE_OK;
    r->parts = wg_alloc_zeroed(r->heap, WG_MEMORY_SCRATCH, size);
    if (r->parts == NULL) return wg_fail_memory(error, size, "the parts of a collection");
    for (uint32_t i = 0; status == WAGGLE_OK && i < r->entry->part_count; i++)
        status = segment_place(r, i, error);
    return status;
}

// Deletes and overlay of a part, named after the new collection.
static waggle_status sides_place(const restore *r, uint32_t index, waggle_error *error)
{
    const wg_part_entry *old = &r->entry->parts[index];
    wg_part_entry *part = &r->parts[index];
    char name[WG_FILE_NAME_SIZE];
    char new_name[WG_FILE_NAME_SIZE];
    waggle_status status = WAGGLE_OK;
    if (old->deletes != 0) {
        part->deletes = file_next(r->database);
        wg_name_deletes(name, r->entry->id, old);
        wg_name_deletes(new_name, r->id, part);
        status = file_place(r, name, new_name, error);
    }
    if (status == WAGGLE_OK && old->overlay != 0) {
        part->overlay = file_next(r->database);
        wg_name_overlay(name, r->entry->id, old);
        wg_name_overlay(new_name, r->id, part);
        status = file_place(r, name, new_name, error);
    }
    return status;
}

// Writes are numbered by each database for itself: what it has not numbered yet would come again, and be taken for
// done.
static waggle_status sequence_check(const restore *r, uint64_t *sequence, waggle_error *error)
{
    waggle_status status = wg_log_sync(r->database->log, error);
    if (status != WAGGLE_OK) return status;
    *sequence = wg_log_state_get(r->database->log).durable;
    uint64_t last = wg_manifest_durable(r->manifest);
    if (last <= *sequence) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_UNSUPPORTED,
                   "the snapshot has writes up to %" PRIu64 " and this database up to %" PRIu64
                   ": it is of another database; restore it into a new one",
                   last, *sequence);
}

static waggle_status name_free(const restore *r, const char *name, waggle_error *error)
{
    waggle_database *database = r->database;
    wg_mutex_lock(&database->catalog_lock);
    bool taken = wg_catalog_find(database, name) != NULL;
    wg_mutex_unlock(&database->catalog_lock);
    if (!taken) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_EXISTS, "there is a collection \"%s\" already", name);
}

// Under names and care: the id and the name stay free until the commit.
static waggle_status collection_commit(restore *r, const char *name, waggle_error *error)
{
    waggle_database *database = r->database;
    char segments[WG_PATH_SIZE_MAX];
    uint64_t sequence = 0;
    waggle_status status = name_free(r, name, error);
    if (status == WAGGLE_OK) status = sequence_check(r, &sequence, error);
    wg_mutex_lock(&database->catalog_lock);
    r->id = database->catalog.next_id;
    wg_mutex_unlock(&database->catalog_lock);
    for (uint32_t i = 0; i < r->part_count; i++)
        r->parts[i].deletes = r->parts[i].overlay = 0;
    for (uint32_t i = 0; status == WAGGLE_OK && i < r->part_count; i++)
        status = sides_place(r, i, error);
    if (status == WAGGLE_OK) status = wg_database_path(database, "seg", segments, error);
    if (status == WAGGLE_OK) status = wg_vfs_sync_dir(r->vfs, segments, error);
    if (status == WAGGLE_OK) {
        r->committing = true;
        wg_mutex_lock(&database->catalog_lock);
        status = wg_catalog_adopt(database, r->id, name, r->entry->spec, r->entry->spec_size,
                                  sequence, r->parts, r->part_count, error);
        wg_mutex_unlock(&database->catalog_lock);
    }
    return status;
}

// What a restore that failed has placed. After a failed commit the manifest may name it all the same: then the next
// opening decides.
static void parts_drop(const restore *r)
{
    if (r->committing) return;
    for (uint32_t i = 0; i < r->part_count; i++) {
        if (r->id != 0) wg_sides_remove(r->database, r->id, &r->parts[i]);
        wg_files_part_drop(&r->database->files, r->parts[i].file);
    }
}

static waggle_status collection_restore(restore *r, const char *collection, const char *new_name,
                                        waggle_error *error)
{
    waggle_database *database = r->database;
    uint64_t sequence = 0;
    waggle_status status = snapshot_open(r, error);
    if (status == WAGGLE_OK) status = entry_choose(r, collection, error);
    if (status != WAGGLE_OK) return status;
    const char *name = new_name != NULL ? new_name : r->entry->name;
    status = wg_collection_name_check(name, error);
    if (status == WAGGLE_OK) status = name_free(r, name, error); // before anything is copied
    if (status == WAGGLE_OK) status = sequence_check(r, &sequence, error);
    if (status == WAGGLE_OK) status = segments_place(r, error);
    if (status == WAGGLE_OK) {
        wg_mutex_lock(&database->names);
        wg_mutex_lock(&database->care);
        status = collection_commit(r, name, error);
        wg_mutex_unlock(&database->care);
        wg_mutex_unlock(&database->names);
    }
    if (status != WAGGLE_OK) {
        parts_drop(r);
        return status;
    }
    char quoted[600];
    wg_log_line(&database->logger, WAGGLE_LOG_INFO, "event=restored snapshot=%s collection=%s",
                r->index.name, wg_log_quote(quoted, sizeof quoted, name));
    return WAGGLE_OK;
}

static waggle_status snapshot_path(restore *r, const char *snapshot, waggle_error *error)
{
    char parent[WG_PATH_SIZE_MAX];
    waggle_status status = wg_snapshot_name_check(snapshot, error);
    if (status == WAGGLE_OK) status = wg_database_path(r->database, "snapshots", parent, error);
    if (status == WAGGLE_OK) status = wg_path_join(r->folder, parent, snapshot, error);
    bool there = false;
    if (status == WAGGLE_OK) status = wg_snapshot_folder_find(r->vfs, r->folder, &there, error);
    if (status == WAGGLE_OK && !there)
        status = wg_fail(error, WAGGLE_NOT_FOUND, "there is no snapshot \"%s\"", snapshot);
    return status;
}

waggle_status waggle_snapshot_restore(waggle_database *database, const char *snapshot,
                                      const char *collection, const char *new_name,
                                      waggle_error *error)
{
    wg_error_clear(error);
    if (database->vfs_memory != NULL)
        return wg_fail(error, WAGGLE_UNSUPPORTED,
                       "a database in memory has no snapshots; open one in a folder");
    if (database->read_only)
        return wg_fail(error, WAGGLE_READ_ONLY, "the database was opened read-only");
    restore *r = wg_alloc_zeroed(&database->heap, WG_MEMORY_SCRATCH, sizeof *r);
    if (r == NULL) return wg_fail_memory(error, sizeof *r, "restoring a snapshot");
    r->database = database;
    r->vfs = database->vfs;
    r->heap = &database->heap;
    wg_mutex_lock(&database->snapshots);
    waggle_status status = snapshot_path(r, snapshot, error);
    if (status == WAGGLE_OK) status = collection_restore(r, collection, new_name, error);
    wg_mutex_unlock(&database->snapshots);
    restore_finish(r);
    wg_free(r);
    return status;
}

// ---- A whole database ----------------------------------------------------------------------------

static bool any_entry(void *context, const char *name, bool is_folder)
{
    bool *any = context;
    (void)name;
    (void)is_folder;
    *any = true;
    return false;
}

// The target without slashes at its end, and the name that it has until it is complete.
static waggle_status target_check(wg_vfs *vfs, const char *given, char *target, char *building,
                                  waggle_error *error)
{
    size_t size = strlen(given);
    bool any = false;
    while (size > 1 && given[size - 1] == '/')
        size--;
    if (size == 0 || size + sizeof ".restoring" > WG_PATH_SIZE_MAX)
        return wg_fail(error, WAGGLE_INVALID, "a path of %zu bytes; 1 to %zu are possible", size,
                       WG_PATH_SIZE_MAX - sizeof ".restoring");
    memcpy(target, given, size);
    target[size] = 0;
    memcpy(building, target, size);
    memcpy(building + size, ".restoring", sizeof ".restoring");
    waggle_status status = wg_snapshot_folder_find(vfs, building, &any, error);
    if (status != WAGGLE_OK) return status;
    if (any)
        return wg_fail(error, WAGGLE_EXISTS,
                       "%.300s is there: what is left of a restore that did not end; remove it",
                       building);
    status = wg_vfs_list(vfs, target, any_entry, &any, error);
    if (status == WAGGLE_NOT_FOUND) {
        wg_error_clear(error);
        return WAGGLE_OK;
    }
    if (status == WAGGLE_OK && any)
        status = wg_fail(error, WAGGLE_EXISTS, "%.300s is there, and is not empty", target);
    // The folder that is renamed takes its place.
    return status == WAGGLE_OK ? wg_vfs_remove_dir(vfs, target, error) : status;
}

// Every file that the manifest names must be in the list.
static waggle_status parts_listed(const restore *r, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    const wg_snapshot_file *file = NULL;
    char name[WG_FILE_NAME_SIZE];
    for (size_t i = 0; i < wg_manifest_collection_count(r->manifest); i++) {
        const wg_collection_entry *entry = wg_manifest_collection_at(r->manifest, i);
        for (uint32_t j = 0; status == WAGGLE_OK && j < entry->part_count; j++) {
            const wg_part_entry *part = &entry->parts[j];
            wg_name_segment(name, part);
            status = expected_find(r, name, &file, error);
            wg_name_deletes(name, entry->id, part);
            if (status == WAGGLE_OK && part->deletes != 0)
                status = expected_find(r, name, &file, error);
            wg_name_overlay(name, entry->id, part);
            if (status == WAGGLE_OK && part->overlay != 0)
                status = expected_find(r, name, &file, error);
        }
    }
    return status;
}

static waggle_status folders_make(const restore *r, const char *target, waggle_error *error)
{
    static const char *const folders[] = {"seg", "log"};
    char path[WG_PATH_SIZE_MAX];
    waggle_status status = wg_vfs_make_dir(r->vfs, target, error);
    for (size_t i = 0; status == WAGGLE_OK && i < WG_COUNT(folders); i++) {
        status = wg_path_join(path, target, folders[i], error);
        if (status == WAGGLE_OK) status = wg_vfs_make_dir(r->vfs, path, error);
    }
    return status;
}

static waggle_status files_copy(const restore *r, const char *target, waggle_error *error)
{
    char from[WG_PATH_SIZE_MAX];
    char to[WG_PATH_SIZE_MAX];
    waggle_status status = folders_make(r, target, error);
    for (size_t i = 0; status == WAGGLE_OK && i < wg_snapshot_file_count(&r->index); i++) {
        const wg_snapshot_file *file = wg_snapshot_file_at(&r->index, i);
        status = wg_path_join(from, r->folder, file->name, error);
        if (status == WAGGLE_OK) status = wg_path_join(to, target, file->name, error);
        if (status == WAGGLE_OK)
            status = wg_snapshot_place(r->vfs, r->heap, from, to, false, error);
        if (status == WAGGLE_OK) status = wg_snapshot_check(r->vfs, r->heap, to, file, error);
    }
    if (status == WAGGLE_OK) status = wg_path_join(to, target, "seg", error);
    if (status == WAGGLE_OK) status = wg_vfs_sync_dir(r->vfs, to, error);
    if (status == WAGGLE_OK) status = wg_vfs_sync_dir(r->vfs, target, error);
    return status;
}

static void building_remove(const restore *r, const char *building)
{
    char path[WG_PATH_SIZE_MAX];
    if (wg_path_join(path, building, "log", NULL) == WAGGLE_OK)
        (void)wg_vfs_remove_dir(r->vfs, path, NULL);
    (void)wg_snapshot_remove(r->vfs, r->heap, building, NULL);
}

static waggle_status database_restore(restore *r, const char *given, waggle_error *error)
{
    char target[WG_PATH_SIZE_MAX];
    char building[WG_PATH_SIZE_MAX];
    waggle_status status = snapshot_open(r, error);
    if (status == WAGGLE_OK) status = parts_listed(r, error);
    if (status == WAGGLE_OK) status = target_check(r->vfs, given, target, building, error);
    if (status != WAGGLE_OK) return status;
    status = files_copy(r, building, error);
    if (status == WAGGLE_OK) status = wg_vfs_rename(r->vfs, building, target, error);
    if (status != WAGGLE_OK)
        building_remove(r, building);
    else
        status = wg_sync_folder_of(r->vfs, target, error);
    return status;
}

waggle_status wg_snapshot_restore_database(wg_vfs *vfs, const char *snapshot_path,
                                           const char *target_path, waggle_error *error)
{
    wg_heap heap;
    wg_heap_init(&heap, 0);
    restore *r = wg_alloc_zeroed(&heap, WG_MEMORY_SCRATCH, sizeof *r);
    if (r == NULL) return wg_fail_memory(error, sizeof *r, "restoring a snapshot");
    r->vfs = vfs;
    r->heap = &heap;
    waggle_status status = WAGGLE_OK;
    if (snapshot_path == NULL || strlen(snapshot_path) >= sizeof r->folder || target_path == NULL)
        status = wg_fail(error, WAGGLE_INVALID, "a path is missing or too long");
    else
        snprintf(r->folder, sizeof r->folder, "%s", snapshot_path);
    bool there = false;
    if (status == WAGGLE_OK) status = wg_snapshot_folder_find(vfs, r->folder, &there, error);
    if (status == WAGGLE_OK && !there)
        status = wg_fail(error, WAGGLE_NOT_FOUND, "there is no snapshot at %.300s", r->folder);
    if (status == WAGGLE_OK) status = database_restore(r, target_path, error);
    restore_finish(r);
    wg_free(r);
    return status;
}

waggle_status waggle_snapshot_restore_database(const char *snapshot_path, const char *target_path,
                                               waggle_error *error)
{
    wg_error_clear(error);
    return wg_snapshot_restore_database(wg_vfs_posix(), snapshot_path, target_path, error);
}
