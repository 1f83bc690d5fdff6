// What changes about an immutable segment: the mask of dead rows, and the overlay of payloads that were
// replaced without a new row. Both live in memory and are written as a new generation at checkpoints.
#pragma once

#include "storage/ids.h"

// ---- A mask: one bit per row, set = dead, in pages of 32,768 bits that are shared between versions and
// copied before the first change (so a search keeps the version it began with, at 4 KiB a change).
#define WG_MASK_BITS 32768u // = WG_MASK_PAGE_BITS of device.h; engine asserts it
#define WG_MASK_WORDS (WG_MASK_BITS / 64u)

typedef struct wg_mask_page {
    _Atomic uint32_t references;
    uint32_t count; // bits set
    uint64_t words[WG_MASK_WORDS];
} wg_mask_page;

// An immutable version. pages[i] points to words, NULL = no bit set.
typedef struct wg_mask {
    _Atomic uint32_t references;
    uint32_t page_count;
    uint64_t rows;
    uint64_t count;          // bits set
    const uint64_t *pages[]; // page_count; each inside a wg_mask_page
} wg_mask;

wg_mask *wg_mask_create(wg_heap *heap, uint64_t rows); // no bit set; NULL = no memory
wg_mask *wg_mask_retain(wg_mask *mask);
void wg_mask_release(wg_mask *mask); // NULL is fine

static inline bool wg_mask_get(const wg_mask *mask, uint64_t row)
{
    const uint64_t *words = mask->pages[row / WG_MASK_BITS];
    return words != NULL && (words[row % WG_MASK_BITS / 64] >> (row % 64) & 1);
}

// A new version with more bits set (rows ascending or not, doubles allowed), possibly over more rows than
// before. Pages without a change are shared. NULL = no memory, nothing changed.
wg_mask *wg_mask_with(wg_heap *heap, const wg_mask *mask, uint64_t rows, const uint32_t *set,
                      size_t count);

waggle_status wg_mask_write(wg_vfs *vfs, wg_heap *heap, const char *path, const wg_mask *mask,
                            uint64_t sequence, waggle_error *error); // synced, folder included
waggle_status wg_mask_read(wg_vfs *vfs, wg_heap *heap, const char *path, uint64_t rows,
                           wg_mask **mask, uint64_t *sequence, waggle_error *error);

// ---- Overlays: row -> version and payload.
typedef struct wg_overlay_entry {
    uint32_t row;
    uint64_t version;
    waggle_text payload;
} wg_overlay_entry;

// Entries ascending by row. Written and synced as a whole.
waggle_status wg_overlay_write(wg_vfs *vfs, wg_heap *heap, const char *path,
                               const wg_overlay_entry *entries, uint64_t count, uint64_t sequence,
                               waggle_error *error);
typedef waggle_status (*wg_overlay_fn)(void *context, const wg_overlay_entry *entry,
                                       waggle_error *error);
waggle_status wg_overlay_read(wg_vfs *vfs, wg_heap *heap, const char *path, uint64_t rows,
                              wg_overlay_fn each, void *context, uint64_t *sequence,
                              waggle_error *error);
