#include "engine/files.h"

#include <string.h>

void wg_files_init(wg_files *files, wg_vfs *vfs, wg_heap *heap, const char *folder)
{
    *files = (wg_files){.vfs = vfs, .heap = heap, .folder = folder};
    wg_mutex_init(&files->lock);
}

void wg_files_finish(wg_files *files)
{
    for (uint32_t i = 0; i < files->count; i++)
        wg_segment_release(files->entries[i].open);
    wg_free(files->entries);
    wg_mutex_finish(&files->lock);
    *files = (wg_files){0};
}

// The index of the first entry whose number is not below.
static uint32_t lower_bound(const wg_files *files, uint64_t number)
{
    uint32_t low = 0;
    uint32_t high = files->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (files->entries[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static wg_file_entry *find(const wg_files *files, uint64_t number)
{
    uint32_t at = lower_bound(files, number);
    return at < files->count && files->entries[at].number == number ? &files->entries[at] : NULL;
}

static waggle_status insert(wg_files *files, uint64_t number, uint32_t owner, waggle_error *error)
{
    if (files->count == files->capacity) {
        uint32_t capacity = files->capacity == 0 ? 16 : files->capacity * 2;
        wg_file_entry *entries =
            wg_realloc(files->heap, WG_MEMORY_OTHER, files->entries, capacity * sizeof *entries);
        if (entries == NULL)
            return wg_fail_memory(error, capacity * sizeof *entries, "the table of files");
        files->entries = entries;
        files->capacity = capacity;
    }
    uint32_t at = lower_bound(files, number);
    memmove(&files->entries[at + 1], &files->entries[at],
            (files->count - at) * sizeof files->entries[0]);
    files->entries[at] = (wg_file_entry){.number = number, .owner = owner};
    files->count++;
    return WAGGLE_OK;
}

waggle_status wg_files_part_add(wg_files *files, uint64_t number, uint32_t owner,
                                waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&files->lock);
    if (find(files, number) == NULL) status = insert(files, number, owner, error);
    if (status == WAGGLE_OK) find(files, number)->parts++;
    wg_mutex_unlock(&files->lock);
    return status;
}

void wg_files_codes_note(wg_files *files, const wg_part_entry *part)
{
    wg_mutex_lock(&files->lock);
    wg_file_entry *entry = find(files, part->file);
    WG_ASSERT(entry != NULL);
    entry->codes_end = WG_MAX(entry->codes_end, part->part + 1);
    wg_mutex_unlock(&files->lock);
}

void wg_files_codes_remove(const wg_files *files, const wg_part_entry *part)
{
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    wg_name_codes(name, part);
    if (wg_path_join(path, files->folder, name, NULL) == WAGGLE_OK)
        (void)wg_vfs_unlink(files->vfs, path, NULL);
}

// Removes a file that nothing refers to. A failure leaves a leftover, which the next opening removes.
static void remove_if_unused(wg_files *files, wg_file_entry *entry)
{
    if (entry->parts > 0 || entry->users > 0) return;
    wg_part_entry named = {.file = entry->number, .owner = entry->owner};
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    wg_name_segment(name, &named);
    if (wg_path_join(path, files->folder, name, NULL) == WAGGLE_OK)
        (void)wg_vfs_unlink(files->vfs, path, NULL);
    // Large parts are alone in their file, and may never have been opened: theirs is tried in any case.
    for (named.part = 0; named.part < WG_MAX(entry->codes_end, 1u); named.part++)
        wg_files_codes_remove(files, &named);
    uint32_t at = (uint32_t)(entry - files->entries);
    memmove(entry, entry + 1, (files->count - at - 1) * sizeof *entry);
    files->count--;
}

void wg_files_part_drop(wg_files *files, uint64_t number)
{
    wg_mutex_lock(&files->lock);
    wg_file_entry *entry = find(files, number);
    WG_ASSERT(entry != NULL && entry->parts > 0);
    entry->parts--;
    remove_if_unused(files, entry);
    wg_mutex_unlock(&files->lock);
}

bool wg_files_known(wg_files *files, uint64_t number)
{
    wg_mutex_lock(&files->lock);
    bool known = find(files, number) != NULL;
    wg_mutex_unlock(&files->lock);
    return known;
}

waggle_status wg_files_acquire(wg_files *files, uint64_t number, wg_segment_file **file,
                               waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&files->lock);
    wg_file_entry *entry = find(files, number);
    if (entry == NULL) {
        status = wg_fail(error, WAGGLE_CORRUPT, "segment file %" PRIu64 " is not known", number);
    } else if (entry->open == NULL) {
        wg_part_entry named = {.file = entry->number, .owner = entry->owner};
        char name[WG_FILE_NAME_SIZE];
        char path[WG_PATH_SIZE_MAX];
        wg_name_segment(name, &named);
        status = wg_path_join(path, files->folder, name, error);
        if (status == WAGGLE_OK)
            status = wg_segment_open(files->vfs, files->heap, path, &entry->open, error);
    }
    if (status == WAGGLE_OK) {
        entry->users++;
        *file = entry->open;
    }
    wg_mutex_unlock(&files->lock);
    return status;
}

void wg_files_release(wg_files *files, uint64_t number)
{
    wg_mutex_lock(&files->lock);
    wg_file_entry *entry = find(files, number);
    WG_ASSERT(entry != NULL && entry->users > 0);
    if (--entry->users == 0) {
        wg_segment_release(entry->open);
        entry->open = NULL;
        remove_if_unused(files, entry);
    }
    wg_mutex_unlock(&files->lock);
}

uint64_t wg_files_blocks_verified(wg_files *files)
{
    uint64_t blocks = 0;
    wg_mutex_lock(&files->lock);
    for (uint32_t i = 0; i < files->count; i++)
        if (files->entries[i].open != NULL)
            blocks += wg_segment_blocks_verified(files->entries[i].open);
    wg_mutex_unlock(&files->lock);
    return blocks;
}
