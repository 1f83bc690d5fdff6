// The segment files of a database: which are open, how many live parts each has. A file whose last part is
// dropped is removed once nobody has it open (no file is removed while it is mapped), and the codes of its parts with it.
#pragma once

#include "base/thread.h"
#include "storage/manifest.h"
#include "storage/segment.h"

typedef struct wg_file_entry {
    uint64_t number;
    uint32_t owner;     // collection in its name; 0 = shared
    uint32_t parts;     // that the manifest or the log refer to
    uint32_t users;     // sealed parts that have it open
    uint32_t codes_end; // one more than the last part that is known to have a codes file
    wg_segment_file *open;
} wg_file_entry;

typedef struct wg_files {
    wg_mutex lock; // guards the rest; a leaf: nothing is locked under it
    wg_vfs *vfs;
    wg_heap *heap;
    const char *folder;     // of the database
    wg_file_entry *entries; // ascending by number
    uint32_t count;
    uint32_t capacity;
} wg_files;

void wg_files_init(wg_files *files, wg_vfs *vfs, wg_heap *heap, const char *folder);
void wg_files_finish(wg_files *files);
// One more part of a file is referred to.
waggle_status wg_files_part_add(wg_files *files, uint64_t number, uint32_t owner,
                                waggle_error *error);
// One less; the last removes the file.
void wg_files_part_drop(wg_files *files, uint64_t number);
// A part has a codes file: it is removed with the segment file.
void wg_files_codes_note(wg_files *files, const wg_part_entry *part);
// Removes the codes file of a part, if there is one. Nobody has it open.
void wg_files_codes_remove(const wg_files *files, const wg_part_entry *part);
bool wg_files_known(wg_files *files, uint64_t number);
// Opens a file, or shares it. Every acquire has its release.
waggle_status wg_files_acquire(wg_files *files, uint64_t number, wg_segment_file **file,
                               waggle_error *error);
void wg_files_release(wg_files *files, uint64_t number);
uint64_t wg_files_blocks_verified(wg_files *files); // of the files that are open
