// The memory of searches, used again: after a few searches of one size, the next allocates nothing. A search takes one
// scratch for what it needs meanwhile and one for its hits, which give it back when they are destroyed. What is not in
// use is held within bounds, and freed before the memory budget refuses anything.
#pragma once

#include "base/memory.h"
#include "base/thread.h"
#include "storage/documents.h"

typedef struct wg_scratch_pool wg_scratch_pool;

typedef struct wg_scratch {
    wg_arena arena;
    wg_document_reader *reader; // NULL until payloads were asked for
    wg_buffer payload;          // for the reading of payloads
    wg_scratch_pool *pool;
    struct wg_scratch *next; // in the pool
} wg_scratch;

struct wg_scratch_pool {
    wg_heap *heap;
    size_t size_max;  // of those that are idle, together
    wg_mutex mutex;   // guards the rest; a leaf
    wg_scratch *idle; // the one that was used last comes first: it is in a cache
    size_t idle_size;
    uint32_t taken;
};

// heap->limit is set: the pool keeps a small part of it.
void wg_scratch_pool_init(wg_scratch_pool *pool, wg_heap *heap);
void wg_scratch_pool_finish(wg_scratch_pool *pool); // nothing is taken
wg_scratch *wg_scratch_take(wg_scratch_pool *pool); // empty; NULL = no memory
void wg_scratch_put(wg_scratch *scratch); // NULL is fine; what was allocated of it is gone
// Frees what is idle. Any thread, with any lock.
void wg_scratch_pool_trim(wg_scratch_pool *pool);
// The scratch's reader of payloads, made at first use; NULL = no memory.
wg_document_reader *wg_scratch_reader(wg_scratch *scratch);
