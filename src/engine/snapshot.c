// Making, listing and deleting snapshots. A snapshot is a folder of hard links to files that never change, so it takes
// no space until compaction replaces them.
//
//   seal      under `care`: what is only in the log and the heads comes into files
//   link      under `care`, so that no file vanishes: MANIFEST is exported, its files are linked
//   measure   without locks: every file is read, and the segments' checksums are compared
//   name      SNAPSHOT is written, everything is synced, and snapshots/<name>.tmp is renamed to <name>
//
// A crash leaves a .tmp folder, which the next making or deleting of a snapshot removes. Each collection is as of one
// moment; a snapshot of all takes them one after the other.
#include "engine/snapshot.h"

#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 100u // snapshots of one second

struct waggle_snapshot_list {
    wg_arena arena;
    wg_buffer infos; // waggle_snapshot_info
};

typedef struct snapshot_job {
    waggle_database *database;
    waggle_collection *collection; // NULL = all; with a handle
    wg_snapshot_index index;
    char parent[WG_PATH_SIZE_MAX];    // snapshots/
    char temporary[WG_PATH_SIZE_MAX]; // snapshots/<name>.tmp
    char final[WG_PATH_SIZE_MAX];     // snapshots/<name>
    char name[WG_SNAPSHOT_NAME_SIZE_MAX + 8];
} snapshot_job;

// ---- Names ---------------------------------------------------------------------------------------

static bool leap(uint64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

// "20261120T120305Z" of a Unix time.
static void time_format(uint64_t unix_s, char *text, size_t capacity)
{
    static const uint8_t days_of[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t days = unix_s / 86400;
    uint64_t second = unix_s % 86400;
    uint64_t year = 1970;
    uint64_t month = 0;
    for (; days >= (leap(year) ? 366u : 365u); year++)
        days -= leap(year) ? 366 : 365;
    for (;; month++) {
        uint64_t length = days_of[month] + (month == 1 && leap(year) ? 1u : 0u);
        if (days < length) break;
        days -= length;
    }
    snprintf(text, capacity,
             "%04" PRIu64 "%02" PRIu64 "%02" PRIu64 "T%02" PRIu64 "%02" PRIu64 "%02" PRIu64 "Z",
             year, month + 1, days + 1, second / 3600, second / 60 % 60, second % 60);
}

static waggle_status job_paths(snapshot_job *job, waggle_error *error)
{
    char temporary[WG_SNAPSHOT_NAME_SIZE_MAX + 16];
    snprintf(temporary, sizeof temporary, "%s.tmp", job->name);
    waggle_status status = wg_path_join(job->final, job->parent, job->name, error);
    if (status == WAGGLE_OK) status = wg_path_join(job->temporary, job->parent, temporary, error);
    return status;
}

// The given name, which must be free, or one of the time.
static waggle_status job_name(snapshot_job *job, const char *name, waggle_error *error)
{
    wg_vfs *vfs = job->database->vfs;
    const wg_clock *clock = job->database->clock;
    char time[32];
    job->index.created_s = clock->unix_ms(clock->context) / 1000;
    time_format(job->index.created_s, time, sizeof time);
    snprintf(job->name, sizeof job->name, "%s", name != NULL ? name : time);
    bool taken = true;
    waggle_status status = WAGGLE_OK;
    for (uint32_t i = 2; taken && status == WAGGLE_OK; i++) {
        status = job_paths(job, error);
        if (status == WAGGLE_OK) status = wg_snapshot_folder_find(vfs, job->final, &taken, error);
        if (status != WAGGLE_OK || !taken) break;
        if (name != NULL || i > NAMES_MAX)
            return wg_fail(error, WAGGLE_EXISTS, "there is a snapshot \"%s\" already", job->name);
        snprintf(job->name, sizeof job->name, "%s-%u", time, i);
    }
    job->index.name = job->name;
    return status;
}

// ---- The folder snapshots/ -----------------------------------------------------------------------

static bool is_temporary(const char *name)
{
    size_t size = strlen(name);
    return size > 4 && strcmp(name + size - 4, ".tmp") == 0;
}

typedef struct name_list {
    wg_arena arena;
    wg_buffer names; // const char *
    bool temporary;  // which are wanted
    bool failed;
} name_list;

static bool name_entry(void *context, const char *name, bool is_folder)
{
    name_list *list = context;
    if (!is_folder || !wg_name_is_safe(name) || is_temporary(name) != list->temporary) return true;
    const char *copy = wg_arena_copy(&list->arena, name, strlen(name) + 1);
    list->failed = copy == NULL || !wg_buffer_append(&list->names, &copy, sizeof copy);
    return !list->failed;
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// The snapshots of a database, or what a crash left of some, by name.
static waggle_status names_list(waggle_database *database, const char *folder, name_list *list,
                                bool temporary, waggle_error *error)
{
    *list = (name_list){.temporary = temporary};
    wg_arena_init(&list->arena, &database->heap, WG_MEMORY_SCRATCH, 4096);
    wg_buffer_init(&list->names, &database->heap, WG_MEMORY_SCRATCH);
    waggle_status status = wg_vfs_list(database->vfs, folder, name_entry, list, error);
    if (status == WAGGLE_NOT_FOUND) {
        wg_error_clear(error);
        return WAGGLE_OK; // none yet
    }
    if (status == WAGGLE_OK && list->failed)
        status = wg_fail_memory(error, list->names.size, "a list of snapshots");
    if (status == WAGGLE_OK && list->names.size > sizeof(char *))
        qsort(list->names.data, list->names.size / sizeof(char *), sizeof(char *), name_compare);
    return status;
}

static void names_finish(name_list *list)
{
    wg_buffer_finish(&list->names);
    wg_arena_finish(&list->arena);
}

static waggle_status leftovers_remove(waggle_database *database, const char *parent,
                                      waggle_error *error)
{
    name_list list;
    char path[WG_PATH_SIZE_MAX];
    waggle_status status = names_list(database, parent, &list, true, error);
    const char *const *names = (const char *const *)(const void *)list.names.data;
    for (size_t i = 0; status == WAGGLE_OK && i < list.names.size / sizeof *names; i++) {
        status = wg_path_join(path, parent, names[i], error);
        if (status == WAGGLE_OK)
            status = wg_snapshot_remove(database->vfs, &database->heap, path, error);
    }
    names_finish(&list);
    return status;
}

static waggle_status supported(const waggle_database *database, bool writes, waggle_error *error)
{
    if (database->vfs_memory != NULL)
        return wg_fail(error, WAGGLE_UNSUPPORTED,
                       "a database in memory has no snapshots; open one in a folder");
    if (writes && database->read_only)
        return wg_fail(error, WAGGLE_READ_ONLY, "the database was opened read-only");
    return WAGGLE_OK;
}

// ---- Filling -------------------------------------------------------------------------------------

static waggle_status part_add(snapshot_job *job, uint32_t collection, const wg_part_entry *part,
                              waggle_error *error)
{
    char name[WG_FILE_NAME_SIZE];
    wg_name_segment(name, part);
    waggle_status status = wg_snapshot_index_add(&job->index, name, error);
    if (status == WAGGLE_OK && part->deletes != 0) {
        wg_name_deletes(name, collection, part);
        status = wg_snapshot_index_add(&job->index, name, error);
    }
    if (status == WAGGLE_OK && part->overlay != 0) {
        wg_name_overlay(name, collection, part);
        status = wg_snapshot_index_add(&job->index, name, error);
    }
    return status;
}

static waggle_status entry_add(snapshot_job *job, const wg_collection_entry *entry,
                               waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    job->index.sequence = WG_MAX(job->index.sequence, entry->applied);
    for (uint32_t i = 0; status == WAGGLE_OK && i < entry->part_count; i++)
        status = part_add(job, entry->id, &entry->parts[i], error);
    return status;
}

// Which files there are, and the manifest that says so: of one moment. The caller holds catalog_lock.
static waggle_status manifest_take(snapshot_job *job, waggle_error *error)
{
    waggle_database *database = job->database;
    const wg_manifest *manifest = database->manifest;
    char path[WG_PATH_SIZE_MAX];
    // A database that is restored numbers its writes on from here: above every version in the files.
    wg_change durable = {.kind = WG_CHANGE_DURABLE,
                         .sequence = wg_log_state_get(database->log).durable};
    waggle_status status = WAGGLE_OK;
    if (job->collection != NULL) status = wg_collection_check(job->collection, error);
    if (status == WAGGLE_OK) status = wg_catalog_commit(database, &durable, 1, error);
    if (status == WAGGLE_OK) status = wg_path_join(path, job->temporary, "MANIFEST", error);
    if (status == WAGGLE_OK && job->collection == NULL) {
        for (size_t i = 0; status == WAGGLE_OK && i < wg_manifest_collection_count(manifest); i++)
            status = entry_add(job, wg_manifest_collection_at(manifest, i), error);
        job->index.sequence = WG_MAX(job->index.sequence, wg_manifest_catalog_applied(manifest));
        if (status == WAGGLE_OK) status = wg_manifest_export(manifest, NULL, 0, path, error);
    } else if (status == WAGGLE_OK) {
        const wg_collection_entry *entry = wg_manifest_collection(manifest, job->collection->id);
        WG_ASSERT(entry != NULL); // sealed, and not dropped
        status = entry_add(job, entry, error);
        if (status == WAGGLE_OK)
            status = wg_manifest_export(manifest, &job->collection->id, 1, path, error);
    }
    wg_snapshot_index_sort(&job->index);
    return status;
}

static waggle_status files_link(snapshot_job *job, waggle_error *error)
{
    waggle_database *database = job->database;
    char from[WG_PATH_SIZE_MAX];
    char to[WG_PATH_SIZE_MAX];
    waggle_status status = WAGGLE_OK;
    for (size_t i = 0; status == WAGGLE_OK && i < wg_snapshot_file_count(&job->index); i++) {
        const char *name = wg_snapshot_file_at(&job->index, i)->name;
        status = wg_database_path(database, name, from, error);
        if (status == WAGGLE_OK) status = wg_path_join(to, job->temporary, name, error);
        if (status == WAGGLE_OK)
            status = wg_snapshot_place(database->vfs, &database->heap, from, to, true, error);
    }
    return status;
}

static waggle_status job_fill(snapshot_job *job, waggle_error *error)
{
    waggle_database *database = job->database;
    wg_mutex_lock(&database->care);
    waggle_status status = job->collection != NULL ? wg_seal(database, &job->collection, 1, error)
                                                   : wg_seal_all(database, error);
    if (status == WAGGLE_OK) status = wg_log_sync(database->log, error);
    if (status == WAGGLE_OK) {
        wg_mutex_lock(&database->catalog_lock);
        status = manifest_take(job, error);
        wg_mutex_unlock(&database->catalog_lock);
    }
    if (status == WAGGLE_OK) status = files_link(job, error);
    wg_mutex_unlock(&database->care);
    return status;
}

static waggle_status files_measure(snapshot_job *job, waggle_error *error)
{
    waggle_database *database = job->database;
    char path[WG_PATH_SIZE_MAX];
    waggle_status status = wg_snapshot_index_add(&job->index, "MANIFEST", error);
    wg_snapshot_index_sort(&job->index);
    for (size_t i = 0; status == WAGGLE_OK && i < wg_snapshot_file_count(&job->index); i++) {
        wg_snapshot_file *file = wg_snapshot_file_at(&job->index, i);
        status = wg_path_join(path, job->temporary, file->name, error);
        if (status == WAGGLE_OK)
            status = wg_snapshot_measure(database->vfs, &database->heap, path, file, error);
        job->index.bytes += file->size;
    }
    return status;
}

// ---- Making --------------------------------------------------------------------------------------

static waggle_status job_begin(snapshot_job *job, const char *name, waggle_error *error)
{
    waggle_database *database = job->database;
    wg_vfs *vfs = database->vfs;
    char segments[WG_PATH_SIZE_MAX];
    waggle_status status = wg_database_path(database, "snapshots", job->parent, error);
    if (status == WAGGLE_OK) status = wg_vfs_make_dir(vfs, job->parent, error);
    if (status == WAGGLE_OK) status = wg_vfs_sync_dir(vfs, database->path, error);
    if (status == WAGGLE_OK) status = leftovers_remove(database, job->parent, error);
    if (status == WAGGLE_OK) status = job_name(job, name, error);
    if (status == WAGGLE_OK) status = wg_path_join(segments, job->temporary, "seg", error);
    if (status == WAGGLE_OK) status = wg_vfs_make_dir(vfs, job->temporary, error);
    if (status == WAGGLE_OK) status = wg_vfs_make_dir(vfs, segments, error);
    return status;
}

static waggle_status job_name_final(snapshot_job *job, waggle_error *error)
{
    wg_vfs *vfs = job->database->vfs;
    char segments[WG_PATH_SIZE_MAX];
    waggle_status status = wg_snapshot_index_write(vfs, &job->index, job->temporary, error);
    if (status == WAGGLE_OK) status = wg_path_join(segments, job->temporary, "seg", error);
    if (status == WAGGLE_OK) status = wg_vfs_sync_dir(vfs, segments, error);
    if (status == WAGGLE_OK) status = wg_vfs_sync_dir(vfs, job->temporary, error);
    if (status == WAGGLE_OK) status = wg_vfs_rename(vfs, job->temporary, job->final, error);
    if (status == WAGGLE_OK) status = wg_vfs_sync_dir(vfs, job->parent, error);
    return status;
}

static waggle_status job_run(snapshot_job *job, const char *name, waggle_error *error)
{
    waggle_database *database = job->database;
    waggle_status status = job_begin(job, name, error);
    if (status != WAGGLE_OK) return status;
    status = job_fill(job, error);
    if (status == WAGGLE_OK) status = files_measure(job, error);
    if (status == WAGGLE_OK) status = job_name_final(job, error);
    if (status != WAGGLE_OK)
        (void)wg_snapshot_remove(database->vfs, &database->heap, job->temporary, NULL);
    return status;
}

static waggle_status list_begin(waggle_database *database, waggle_snapshot_list **list,
                                waggle_error *error)
{
    waggle_snapshot_list *made = wg_alloc(&database->heap, WG_MEMORY_SCRATCH, sizeof *made);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "a list of snapshots");
    wg_arena_init(&made->arena, &database->heap, WG_MEMORY_SCRATCH, 4096);
    wg_buffer_init(&made->infos, &database->heap, WG_MEMORY_SCRATCH);
    *list = made;
    return WAGGLE_OK;
}

static waggle_status list_add(waggle_snapshot_list *list, const wg_snapshot_index *index,
                              const char *name, waggle_error *error)
{
    waggle_snapshot_info info = {.name = wg_arena_copy(&list->arena, name, strlen(name) + 1),
                                 .bytes = index->bytes,
                                 .created_s = index->created_s,
                                 .sequence = index->sequence};
    const char *collection = index->collection;
    if (collection != NULL)
        info.collection = wg_arena_copy(&list->arena, collection, strlen(collection) + 1);
    if (info.name == NULL || (collection != NULL && info.collection == NULL) ||
        !wg_buffer_append(&list->infos, &info, sizeof info))
        return wg_fail_memory(error, list->infos.size + sizeof info, "a list of snapshots");
    return WAGGLE_OK;
}

static waggle_status job_list(const snapshot_job *job, waggle_snapshot_list **list,
                              waggle_error *error)
{
    waggle_snapshot_list *made = NULL;
    waggle_status status = list_begin(job->database, &made, error);
    if (status == WAGGLE_OK) status = list_add(made, &job->index, job->name, error);
    if (status == WAGGLE_OK)
        *list = made;
    else
        waggle_snapshot_list_destroy(made);
    return status;
}

static waggle_status job_create(waggle_database *database, const char *collection, const char *name,
                                snapshot_job *job, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    job->database = database;
    wg_snapshot_index_init(&job->index, &database->heap);
    if (collection != NULL)
        status = wg_collection_acquire(database, collection, &job->collection, error);
    if (status != WAGGLE_OK) return status;
    job->index.collection = collection;
    wg_mutex_lock(&database->snapshots);
    status = job_run(job, name, error);
    wg_mutex_unlock(&database->snapshots);
    waggle_collection_close(job->collection);
    if (status == WAGGLE_OK)
        wg_log_line(&database->logger, WAGGLE_LOG_INFO,
                    "event=snapshot name=%s files=%zu bytes=%" PRIu64 " sequence=%" PRIu64,
                    job->name, wg_snapshot_file_count(&job->index), job->index.bytes,
                    job->index.sequence);
    return status;
}

waggle_status waggle_snapshot_create(waggle_database *database, const char *collection,
                                     const char *name, waggle_snapshot_list **list,
                                     waggle_error *error)
{
    wg_error_clear(error);
    waggle_status status = supported(database, true, error);
    if (status == WAGGLE_OK && name != NULL) status = wg_snapshot_name_check(name, error);
    if (status != WAGGLE_OK) return status;
    snapshot_job *job = wg_alloc_zeroed(&database->heap, WG_MEMORY_SCRATCH, sizeof *job);
    if (job == NULL) return wg_fail_memory(error, sizeof *job, "a snapshot");
    status = job_create(database, collection, name, job, error);
    if (status == WAGGLE_OK && list != NULL) status = job_list(job, list, error);
    wg_snapshot_index_finish(&job->index);
    wg_free(job);
    return status;
}

// ---- Listing -------------------------------------------------------------------------------------

// A damaged snapshot is not listed, and the log says why.
static waggle_status list_read(waggle_snapshot_list *list, waggle_database *database,
                               const char *parent, const char *name, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    char quoted[600];
    wg_snapshot_index index;
    waggle_error why = {0};
    waggle_status status = wg_path_join(path, parent, name, error);
    if (status != WAGGLE_OK) return status;
    status = wg_snapshot_index_read(database->vfs, &database->heap, path, &index, &why);
    if (status == WAGGLE_OK) {
        status = list_add(list, &index, name, error);
    } else if (status != WAGGLE_CORRUPT && status != WAGGLE_FORMAT_VERSION &&
               status != WAGGLE_NOT_FOUND) {
        if (error != NULL) *error = why; // it may be sound
    } else {
        wg_log_line(&database->logger, WAGGLE_LOG_ERROR, "event=snapshot_damaged name=%s why=%s",
                    name, wg_log_quote(quoted, sizeof quoted, why.message));
        status = WAGGLE_OK;
    }
    wg_snapshot_index_finish(&index);
    return status;
}

waggle_status waggle_snapshot_list_create(waggle_database *database, waggle_snapshot_list **list,
                                          waggle_error *error)
{
    char parent[WG_PATH_SIZE_MAX];
    waggle_snapshot_list *made = NULL;
    name_list names;
    wg_error_clear(error);
    waggle_status status = supported(database, false, error);
    if (status == WAGGLE_OK) status = wg_database_path(database, "snapshots", parent, error);
    if (status == WAGGLE_OK) status = list_begin(database, &made, error);
    if (status != WAGGLE_OK) return status;
    wg_mutex_lock(&database->snapshots);
    status = names_list(database, parent, &names, false, error);
    const char *const *name = (const char *const *)(const void *)names.names.data;
    for (size_t i = 0; status == WAGGLE_OK && i < names.names.size / sizeof *name; i++)
        status = list_read(made, database, parent, name[i], error);
    wg_mutex_unlock(&database->snapshots);
    names_finish(&names);
    if (status == WAGGLE_OK)
        *list = made;
    else
        waggle_snapshot_list_destroy(made);
    return status;
}

uint64_t waggle_snapshot_list_count(const waggle_snapshot_list *list)
{
    return list->infos.size / sizeof(waggle_snapshot_info);
}

const waggle_snapshot_info *waggle_snapshot_list_at(const waggle_snapshot_list *list,
                                                    uint64_t index)
{
    WG_ASSERT(index < waggle_snapshot_list_count(list));
    return (const waggle_snapshot_info *)(const void *)list->infos.data + index;
}

void waggle_snapshot_list_destroy(waggle_snapshot_list *list)
{
    if (list == NULL) return;
    wg_buffer_finish(&list->infos);
    wg_arena_finish(&list->arena);
    wg_free(list);
}

// ---- Deleting ------------------------------------------------------------------------------------

// Renamed first, so that no half of it is ever listed.
static waggle_status snapshot_delete(snapshot_job *job, waggle_error *error)
{
    waggle_database *database = job->database;
    wg_vfs *vfs = database->vfs;
    waggle_status status = wg_database_path(database, "snapshots", job->parent, error);
    bool there = false;
    if (status == WAGGLE_OK) status = job_paths(job, error);
    if (status == WAGGLE_OK) status = wg_snapshot_folder_find(vfs, job->final, &there, error);
    if (status == WAGGLE_OK && !there)
        status = wg_fail(error, WAGGLE_NOT_FOUND, "there is no snapshot \"%s\"", job->name);
    if (status == WAGGLE_OK) status = leftovers_remove(database, job->parent, error);
    if (status == WAGGLE_OK) status = wg_vfs_rename(vfs, job->final, job->temporary, error);
    if (status == WAGGLE_OK) status = wg_vfs_sync_dir(vfs, job->parent, error);
    if (status == WAGGLE_OK)
        status = wg_snapshot_remove(vfs, &database->heap, job->temporary, error);
    return status;
}

waggle_status waggle_snapshot_delete(waggle_database *database, const char *name,
                                     waggle_error *error)
{
    wg_error_clear(error);
    waggle_status status = supported(database, true, error);
    if (status == WAGGLE_OK) status = wg_snapshot_name_check(name, error);
    if (status != WAGGLE_OK) return status;
    snapshot_job *job = wg_alloc_zeroed(&database->heap, WG_MEMORY_SCRATCH, sizeof *job);
    if (job == NULL) return wg_fail_memory(error, sizeof *job, "a snapshot");
    job->database = database;
    snprintf(job->name, sizeof job->name, "%s", name);
    wg_mutex_lock(&database->snapshots);
    status = snapshot_delete(job, error);
    wg_mutex_unlock(&database->snapshots);
    if (status == WAGGLE_OK)
        wg_log_line(&database->logger, WAGGLE_LOG_INFO, "event=snapshot_deleted name=%s", name);
    wg_free(job);
    return status;
}
