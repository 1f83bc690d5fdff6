// All memory of the store: every allocation names its heap and its purpose, so that a database knows
// what it holds, refuses writes at its budget, and tests can make any allocation fail.
#pragma once

#include "base/status.h"

#include <stdatomic.h>

typedef enum wg_purpose {
    WG_MEMORY_ROWS,    // vectors of unsealed rows
    WG_MEMORY_IDS,     // id tables
    WG_MEMORY_PAYLOAD, // payloads of unsealed rows, overlays
    WG_MEMORY_LOG,     // buffers of the log
    WG_MEMORY_INDEX,   // masks, indexes
    WG_MEMORY_SCRATCH, // of running calls: results, encoders, compaction
    WG_MEMORY_OTHER,   // catalog, handles
    WG_MEMORY_PURPOSES
} wg_purpose;

// Where a heap takes its memory from. Tests replace it to fail the n-th call. allocate aligns to 16.
typedef struct wg_memory_source {
    void *(*allocate)(void *context, size_t size);
    void (*release)(void *context, void *memory, size_t size);
    void *context;
} wg_memory_source;

// One per database. Counters are in bytes, as allocated (headers included).
typedef struct wg_heap {
    _Atomic size_t used[WG_MEMORY_PURPOSES]; // relaxed: figures, not synchronisation
    size_t limit;                            // 0 = none; checked by wg_heap_admit only
    wg_memory_source source;                 // zero = malloc and free
    // See wg_heap_relieve; called by any thread. NULL = nothing is held so.
    void (*relieve)(void *context);
    void *relieve_context;
} wg_heap;

void wg_heap_init(wg_heap *heap, size_t limit);
size_t wg_heap_used(const wg_heap *heap);
// Frees what is held only to be at hand.
void wg_heap_relieve(const wg_heap *heap);
// WAGGLE_BUDGET if size more bytes would pass the limit, even after relieving. Reserves nothing.
waggle_status wg_heap_admit(const wg_heap *heap, size_t size, waggle_error *error);

// NULL if there is no memory. heap NULL = the process's own, which counts but has no limit.
// Not zeroed; aligned to 16; size 0 gives a valid pointer.
void *wg_alloc(wg_heap *heap, wg_purpose purpose, size_t size);
void *wg_alloc_zeroed(wg_heap *heap, wg_purpose purpose, size_t size);
// Grows or shrinks; on failure the old block stays valid. memory NULL = wg_alloc.
void *wg_realloc(wg_heap *heap, wg_purpose purpose, void *memory, size_t size);
void wg_free(void *memory); // NULL is fine; the heap is remembered in the block
char *wg_strdup(wg_heap *heap, wg_purpose purpose, const char *string);
size_t wg_alloc_size(const void *memory); // as asked for

// Rows and other large blocks: aligned to 64 bytes (2 MiB from 4 MiB on, advised as huge pages), zeroed,
// from the system's anonymous memory when large. size is needed again to free.
void *wg_pages_alloc(wg_heap *heap, wg_purpose purpose, size_t size);
void wg_pages_free(wg_heap *heap, wg_purpose purpose, void *memory, size_t size);

// Pages that fill from the front: size bytes of zeros, of which only the first `used` may be touched, and count. The
// rest of a large block is addresses without memory, so a column can be as long as it will ever be from the start.
void *wg_pages_reserve(wg_heap *heap, wg_purpose purpose, size_t size);
void wg_pages_use(wg_heap *heap, wg_purpose purpose, void *memory, size_t size, size_t used_before,
                  size_t used);
void wg_pages_release(wg_heap *heap, wg_purpose purpose, void *memory, size_t size, size_t used);

// What lies unused between two allocations of an arena: where the address sanitizer looks on, room to find a step over
// the end of one, as it does with malloc.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WG_ARENA_GAP 16
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WG_ARENA_GAP 16
#endif
#ifndef WG_ARENA_GAP
#define WG_ARENA_GAP 0
#endif

// A region of scratch that is freed as a whole. Blocks grow geometrically from block_size. One thread at a time.
typedef struct wg_arena {
    wg_heap *heap;
    wg_purpose purpose;
    size_t block_size;
    size_t size; // of all blocks
    size_t peak; // the most that size was since the last reset
    uint32_t
        growth; // a new block has 1/growth of size: 1 = they double; larger = less is left unused
    struct wg_arena_block *blocks; // newest first
} wg_arena;

void wg_arena_init(wg_arena *arena, wg_heap *heap, wg_purpose purpose, size_t block_size);
void *wg_arena_alloc(wg_arena *arena, size_t size,
                     size_t alignment); // not zeroed; NULL = no memory
void *wg_arena_alloc_zeroed(wg_arena *arena, size_t size, size_t alignment);
void *wg_arena_copy(wg_arena *arena, const void *data, size_t size); // aligned to 8
// Empties it and keeps the memory: as one block, so that the same use again allocates nothing.
void wg_arena_reset(wg_arena *arena);
void wg_arena_finish(wg_arena *arena);

// A moment of an arena. Rewinding frees what was allocated since.
typedef struct wg_arena_mark {
    struct wg_arena_block *block;
    size_t used;
} wg_arena_mark;

wg_arena_mark wg_arena_mark_get(const wg_arena *arena);
void wg_arena_rewind(wg_arena *arena, wg_arena_mark mark);

// Appending bytes to a growing block.
typedef struct wg_buffer {
    wg_heap *heap;
    wg_purpose purpose;
    uint8_t *data;
    size_t size;
    size_t capacity;
} wg_buffer;

void wg_buffer_init(wg_buffer *buffer, wg_heap *heap, wg_purpose purpose);
void wg_buffer_finish(wg_buffer *buffer);
bool wg_buffer_reserve(wg_buffer *buffer, size_t more); // false = no memory, nothing changed
bool wg_buffer_append(wg_buffer *buffer, const void *data, size_t size);
bool wg_buffer_append_zeros(wg_buffer *buffer, size_t size);
