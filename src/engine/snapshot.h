// What making and restoring snapshots share: the file SNAPSHOT (snapshot_index.c, where its layout is), and files
// that are linked, copied and compared.
//
//   snapshots/<name>/  SNAPSHOT  MANIFEST  seg/...      snapshots/<name>.tmp/  one that is being made or deleted
#pragma once

#include "base/hash.h"
#include "base/memory.h"
#include "base/vfs.h"

#define WG_SNAPSHOT_FORMAT 1u
#define WG_SNAPSHOT_NAME_SIZE_MAX 250u // with ".tmp" a file name

typedef struct wg_snapshot_file {
    const char *name; // relative to the snapshot's folder: "seg/12-34.wseg"
    uint64_t size;
    uint8_t digest[WG_SHA256_SIZE];
} wg_snapshot_file;

typedef struct wg_snapshot_index {
    wg_arena arena; // names
    const char *name;
    const char *collection; // NULL = the whole database
    uint64_t created_s;
    uint64_t sequence;
    uint64_t bytes;  // of all files
    wg_buffer files; // wg_snapshot_file; ascending by name when written or read
} wg_snapshot_index;

void wg_snapshot_index_init(wg_snapshot_index *index, wg_heap *heap);
void wg_snapshot_index_finish(wg_snapshot_index *index);

static inline size_t wg_snapshot_file_count(const wg_snapshot_index *index)
{
    return index->files.size / sizeof(wg_snapshot_file);
}

static inline wg_snapshot_file *wg_snapshot_file_at(const wg_snapshot_index *index, size_t i)
{
    return (wg_snapshot_file *)(void *)index->files.data + i;
}

// Copies the name.
waggle_status wg_snapshot_index_add(wg_snapshot_index *index, const char *name,
                                    waggle_error *error);
// Sorts the files and drops doubles.
void wg_snapshot_index_sort(wg_snapshot_index *index);
const wg_snapshot_file *wg_snapshot_index_find(const wg_snapshot_index *index, const char *name);
// Writes folder/SNAPSHOT and syncs it.
waggle_status wg_snapshot_index_write(wg_vfs *vfs, const wg_snapshot_index *index,
                                      const char *folder, waggle_error *error);
// *index is to be finished in any case. WAGGLE_NOT_FOUND: there is no SNAPSHOT.
waggle_status wg_snapshot_index_read(wg_vfs *vfs, wg_heap *heap, const char *folder,
                                     wg_snapshot_index *index, waggle_error *error);

// Links a file, or copies and syncs it where links do not work (or are not wanted).
// WAGGLE_CORRUPT: it is not there.
waggle_status wg_snapshot_place(wg_vfs *vfs, wg_heap *heap, const char *from, const char *to,
                                bool link, waggle_error *error);
// Reads a file to its end; of a segment, every block is compared with its checksum, too.
waggle_status wg_snapshot_measure(wg_vfs *vfs, wg_heap *heap, const char *path,
                                  wg_snapshot_file *file, waggle_error *error);
// WAGGLE_CORRUPT unless the file at path is the one that is described.
waggle_status wg_snapshot_check(wg_vfs *vfs, wg_heap *heap, const char *path,
                                const wg_snapshot_file *expected, waggle_error *error);
// Removes a snapshot's folder. One that is not there is no error.
waggle_status wg_snapshot_remove(wg_vfs *vfs, wg_heap *heap, const char *folder,
                                 waggle_error *error);
// Whether a folder is there; an error if that cannot be told.
waggle_status wg_snapshot_folder_find(wg_vfs *vfs, const char *path, bool *there,
                                      waggle_error *error);
// WAGGLE_INVALID unless the name may be that of a snapshot.
waggle_status wg_snapshot_name_check(const char *name, waggle_error *error);

// waggle_snapshot_restore_database() on any file system.
waggle_status wg_snapshot_restore_database(wg_vfs *vfs, const char *snapshot_path,
                                           const char *target_path, waggle_error *error);
