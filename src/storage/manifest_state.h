// The state of a manifest in memory, and its changes as bytes. manifest.c owns the file.
#pragma once

#include "base/bytes.h"
#include "storage/manifest.h"

#define WG_MANIFEST_NAME_MAX 65535u
#define WG_MANIFEST_SPEC_MAX (16u << 20)

typedef struct wg_manifest_state {
    wg_heap *heap;
    wg_collection_entry **entries; // by id, ascending
    size_t count;
    size_t capacity;
    uint32_t collection_next; // above every id that ever was
    uint64_t file_next;       // above every file number that ever was
    uint64_t durable;
    uint64_t catalog_applied;
} wg_manifest_state;

void wg_manifest_state_init(wg_manifest_state *state, wg_heap *heap);
void wg_manifest_state_finish(wg_manifest_state *state);
wg_collection_entry *wg_manifest_state_find(const wg_manifest_state *state, uint32_t id);
// Applies one change. WAGGLE_INVALID if it contradicts the state; then, and without memory, the state is
// as before.
waggle_status wg_manifest_state_apply(wg_manifest_state *state, const wg_change *change,
                                      waggle_error *error);

// What a collection was before an edit. id 0: nothing to put back.
typedef struct wg_manifest_undo {
    uint32_t id;
    wg_collection_entry *entry; // NULL = there was none
} wg_manifest_undo;

waggle_status wg_manifest_undo_init(wg_manifest_undo *undo, const wg_manifest_state *state,
                                    uint32_t id, waggle_error *error);
// Puts the collection back. Needs no memory.
void wg_manifest_undo_apply(wg_manifest_undo *undo, wg_manifest_state *state);
void wg_manifest_undo_finish(wg_manifest_undo *undo);

// false = no memory.
bool wg_change_encode(wg_buffer *buffer, const wg_change *change);
// Appends the changes that make a collection.
bool wg_collection_encode(wg_buffer *buffer, const wg_collection_entry *entry);
size_t wg_collection_encoded_size(const wg_collection_entry *entry);
// The next change; false if the bytes are none. Names and specs are borrowed; the name is not ended by NUL, and
// so comes with its size.
bool wg_change_decode(wg_reader *reader, wg_change *change, size_t *name_size);
waggle_status wg_manifest_state_apply_sized(wg_manifest_state *state, const wg_change *change,
                                            size_t name_size, waggle_error *error);
