// MANIFEST: the only truth about which collections and files exist. An append-only file of checksummed
// edits; an edit is applied as a whole or not at all. Rewritten (new file, then rename) when it has grown
// to twice what its state needs and 1 MiB.
//
// The manifest keeps the state in memory for 100,000 collections: about 200 bytes plus name and spec each.
#pragma once

#include "base/memory.h"
#include "base/vfs.h"

#define WG_FORMAT_VERSION 1u // of the whole directory; a higher one is WAGGLE_FORMAT_VERSION

// A part of a segment file that belongs to a collection. Files hold one part, or (sealed together) several.
typedef struct wg_part_entry {
    uint64_t file;  // number of the segment file: seg/<owner>-<file>.wseg
    uint32_t owner; // collection in the file's name; 0 = shared by several
    uint32_t part;  // index in the file
    uint64_t rows;
    uint64_t sequence; // the newest write it holds
    uint64_t bytes;    // of the part
    uint64_t deletes;  // generation of its .del file, 0 = none
    uint64_t overlay;  // generation of its .pay file, 0 = none
} wg_part_entry;

typedef struct wg_collection_entry {
    uint32_t id; // never used again
    char *name;
    uint8_t *spec; // bytes of the engine
    size_t spec_size;
    uint64_t created;     // sequence of the record that created it
    uint64_t applied;     // every record of it up to here is in its parts, deletes and overlays
    wg_part_entry *parts; // oldest first
    uint32_t part_count;
    uint32_t part_capacity;
} wg_collection_entry;

typedef enum wg_change_kind {
    WG_CHANGE_COLLECTION_PUT = 1, // collection, name, spec, sequence: creates, or renames
    WG_CHANGE_COLLECTION_DROP,    // collection, with its parts
    WG_CHANGE_APPLIED,            // collection, sequence
    WG_CHANGE_PART_ADD,           // collection, part_entry
    WG_CHANGE_PART_DROP,          // collection, file, part
    WG_CHANGE_PART_SIDE,          // collection, part_entry: new generations of deletes and overlay
    WG_CHANGE_DURABLE,            // sequence: the log was durable up to here
    WG_CHANGE_CATALOG_APPLIED,    // sequence: catalog records up to here are in the manifest
} wg_change_kind;

typedef struct wg_change {
    wg_change_kind kind;
    uint32_t collection;
    uint64_t sequence;
    const char *name;
    const void *spec;
    size_t spec_size;
    wg_part_entry part;
} wg_change;

typedef struct wg_manifest wg_manifest;

// Creates the MANIFEST of a new database, or reads it. folder is the database's. WAGGLE_NOT_FOUND if
// create is false and there is none. A torn last edit (of a crash while it was written) is cut off;
// damage before it is WAGGLE_CORRUPT.
waggle_status wg_manifest_open(wg_vfs *vfs, wg_heap *heap, const char *folder, bool create,
                               bool read_only, const uint8_t uuid[16], wg_manifest **manifest,
                               waggle_error *error);
void wg_manifest_close(wg_manifest *manifest);
// Appends one edit, syncs, then applies it to the state. After an error of writing the manifest is failed: every later
// edit is refused with WAGGLE_READ_ONLY. Not so after WAGGLE_DISK_FULL, if what was written could be cut off again.
waggle_status wg_manifest_commit(wg_manifest *manifest, const wg_change *changes, size_t count,
                                 waggle_error *error);
// The state. Pointers are valid until the next commit; the caller keeps other threads out.
const uint8_t *wg_manifest_uuid(const wg_manifest *manifest);
uint64_t wg_manifest_durable(const wg_manifest *manifest);
uint64_t wg_manifest_catalog_applied(const wg_manifest *manifest);
size_t wg_manifest_collection_count(const wg_manifest *manifest);
const wg_collection_entry *wg_manifest_collection_at(const wg_manifest *manifest, size_t index);
const wg_collection_entry *wg_manifest_collection(const wg_manifest *manifest, uint32_t id);
uint32_t wg_manifest_collection_next(const wg_manifest *manifest); // an id never used
uint64_t wg_manifest_file_next(
    wg_manifest *
        manifest); // a file number never given by this handle or named in the manifest; the caller also
                   // raises it past files found in seg/ (leftovers of a crash)
void wg_manifest_file_raise(wg_manifest *manifest, uint64_t above);
// Writing it failed: what the next opening will find is unknown, and no edit is taken until then.
bool wg_manifest_failed(const wg_manifest *manifest);
uint64_t wg_manifest_size(const wg_manifest *manifest);
// Writes a MANIFEST of the given collections only (NULL, 0 = all) as a new file at path: for snapshots.
waggle_status wg_manifest_export(const wg_manifest *manifest, const uint32_t *collections,
                                 size_t count, const char *path, waggle_error *error);

// Names of files, relative to the database's folder; each needs WG_FILE_NAME_SIZE bytes.
#define WG_FILE_NAME_SIZE 80u
void wg_name_segment(char *name, const wg_part_entry *part); // seg/12-34.wseg
void wg_name_codes(char *name, const wg_part_entry *part);   // seg/12-34-p0.codes
void wg_name_deletes(char *name, uint32_t collection,
                     const wg_part_entry *part); // seg/12-34-p0-5.del
void wg_name_overlay(char *name, uint32_t collection,
                     const wg_part_entry *part); // seg/12-34-p0-5.pay
