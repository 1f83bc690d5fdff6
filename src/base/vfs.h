// All file I/O of the store. Members: POSIX (vfs_posix.c), memory (vfs_memory.c, for databases without a
// directory); tests add a simulated disk that crashes and one that fails the n-th call.
//
// What callers may rely on, and no more: a write is durable after wg_file_sync(); a name created, renamed
// or removed is durable after wg_vfs_sync_dir() of its folder; until then any subset of sectors of 512
// bytes may survive a crash. No file is renamed or removed while it is open or mapped (Windows could not).
// Paths are UTF-8 with '/'; "." is the current folder (in memory: the root). All calls are safe from any thread; writes of one file must not overlap.
#pragma once

#include "base/status.h"

typedef struct wg_vfs wg_vfs;
typedef struct wg_file wg_file;

typedef enum wg_open_mode {
    WG_OPEN_READ,   // must exist
    WG_OPEN_WRITE,  // read and write; must exist
    WG_OPEN_CREATE, // read and write; made if missing
    WG_OPEN_NEW,    // read and write; WAGGLE_EXISTS if it is there
} wg_open_mode;

typedef struct wg_piece {
    const void *data;
    size_t size;
} wg_piece;

typedef struct wg_mapping {
    const uint8_t *data;
    size_t size;
    void *handle; // of the member
} wg_mapping;

// Called per entry of a folder, in any order; false ends the walk.
typedef bool (*wg_list_fn)(void *context, const char *name, bool is_folder);

// Statuses: WAGGLE_NOT_FOUND, _EXISTS, _DISK_FULL, _READ_ONLY (also: no permission), _LOCKED,
// _OUT_OF_MEMORY, else _IO. Messages name the call, the path and the system's reason.
typedef struct wg_vfs_ops {
    const char *name; // "posix"
    waggle_status (*open)(wg_vfs *vfs, const char *path, wg_open_mode mode, wg_file **file,
                          waggle_error *error);
    void (*close)(wg_file *file);
    waggle_status (*size)(wg_file *file, uint64_t *size, waggle_error *error);
    // *got < size only at the end of the file.
    waggle_status (*read)(wg_file *file, uint64_t offset, void *target, size_t size, size_t *got,
                          waggle_error *error);
    // Writes the pieces one behind the other, all or an error (then any part may be written).
    waggle_status (*write)(wg_file *file, uint64_t offset, const wg_piece *pieces, size_t count,
                           waggle_error *error);
    // Data, and the size if it changed. After an error nothing may be assumed, and it is not retried.
    waggle_status (*sync)(wg_file *file, waggle_error *error);
    waggle_status (*truncate)(wg_file *file, uint64_t size, waggle_error *error);
    // Makes [0, size) be there as zeros that are really written, where size grows the file.
    waggle_status (*allocate)(wg_file *file, uint64_t size, waggle_error *error);
    waggle_status (*map)(wg_file *file, wg_mapping *mapping,
                         waggle_error *error); // whole, read-only
    void (*unmap)(wg_vfs *vfs, wg_mapping *mapping);
    waggle_status (*rename)(wg_vfs *vfs, const char *from, const char *to, waggle_error *error);
    waggle_status (*unlink)(wg_vfs *vfs, const char *path, waggle_error *error);
    waggle_status (*link)(wg_vfs *vfs, const char *from, const char *to, waggle_error *error);
    waggle_status (*make_dir)(wg_vfs *vfs, const char *path, waggle_error *error);   // there = OK
    waggle_status (*remove_dir)(wg_vfs *vfs, const char *path, waggle_error *error); // empty only
    waggle_status (*list)(wg_vfs *vfs, const char *path, wg_list_fn each, void *context,
                          waggle_error *error);
    waggle_status (*sync_dir)(wg_vfs *vfs, const char *path, waggle_error *error);
    // Takes the lock of a file (made if missing) until the file is closed or the process ends; it also
    // excludes other handles of this process. shared: several may read. Otherwise WAGGLE_LOCKED.
    waggle_status (*lock)(wg_vfs *vfs, const char *path, bool shared, wg_file **file,
                          waggle_error *error);
    // "fdatasync on ext4": what sync() means there, for statistics.
    void (*describe)(wg_vfs *vfs, const char *path, char *text, size_t capacity);
} wg_vfs_ops;

// Every member's wg_vfs and wg_file begin with these.
struct wg_vfs {
    const wg_vfs_ops *ops;
};

struct wg_file {
    wg_vfs *vfs;
};

wg_vfs *wg_vfs_posix(void); // one for the process; never freed

// Files in memory. The heap counts their bytes as WG_MEMORY_ROWS.
struct wg_heap;
wg_vfs *wg_vfs_memory_create(struct wg_heap *heap);
void wg_vfs_memory_destroy(wg_vfs *vfs); // all files must be closed

// The calls, through the table.
waggle_status wg_file_open(wg_vfs *vfs, const char *path, wg_open_mode mode, wg_file **file,
                           waggle_error *error);
void wg_file_close(wg_file *file); // NULL is fine
waggle_status wg_file_size(wg_file *file, uint64_t *size, waggle_error *error);
waggle_status wg_file_read(wg_file *file, uint64_t offset, void *target, size_t size, size_t *got,
                           waggle_error *error);
// Exactly size bytes; fewer is WAGGLE_CORRUPT.
waggle_status wg_file_read_all(wg_file *file, uint64_t offset, void *target, size_t size,
                               waggle_error *error);
waggle_status wg_file_write(wg_file *file, uint64_t offset, const void *data, size_t size,
                            waggle_error *error);
waggle_status wg_file_write_pieces(wg_file *file, uint64_t offset, const wg_piece *pieces,
                                   size_t count, waggle_error *error);
waggle_status wg_file_sync(wg_file *file, waggle_error *error);
waggle_status wg_file_truncate(wg_file *file, uint64_t size, waggle_error *error);
waggle_status wg_file_allocate(wg_file *file, uint64_t size, waggle_error *error);
waggle_status wg_file_map(wg_file *file, wg_mapping *mapping, waggle_error *error);
void wg_file_unmap(wg_vfs *vfs, wg_mapping *mapping); // a zeroed mapping is fine; zeroes it
waggle_status wg_vfs_rename(wg_vfs *vfs, const char *from, const char *to, waggle_error *error);
waggle_status wg_vfs_unlink(wg_vfs *vfs, const char *path, waggle_error *error);
waggle_status wg_vfs_link(wg_vfs *vfs, const char *from, const char *to, waggle_error *error);
waggle_status wg_vfs_make_dir(wg_vfs *vfs, const char *path, waggle_error *error);
waggle_status wg_vfs_remove_dir(wg_vfs *vfs, const char *path, waggle_error *error);
waggle_status wg_vfs_list(wg_vfs *vfs, const char *path, wg_list_fn each, void *context,
                          waggle_error *error);
waggle_status wg_vfs_sync_dir(wg_vfs *vfs, const char *path, waggle_error *error);
waggle_status wg_vfs_lock(wg_vfs *vfs, const char *path, bool shared, wg_file **file,
                          waggle_error *error);
void wg_vfs_describe(wg_vfs *vfs, const char *path, char *text, size_t capacity);

#define WG_PATH_SIZE_MAX 4096u
// "folder/name" into path (WG_PATH_SIZE_MAX bytes); WAGGLE_INVALID if it is too long.
waggle_status wg_path_join(char *path, const char *folder, const char *name, waggle_error *error);
bool wg_vfs_exists(wg_vfs *vfs, const char *path); // a file that can be opened for reading
