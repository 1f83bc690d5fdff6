#include "engine/scratch.h"

#define BLOCK_SIZE ((size_t)4 << 10) // of the first search; later ones begin with what it needed
#define GROWTH 32u                   // of blocks: little is left unused, and the reset joins them
#define POOL_SHARE 32u               // of the memory budget
#define POOL_SIZE_MAX ((size_t)128 << 20)
// Of one scratch. A batch of 1,000 queries of 768 floats needs 8 MiB.
#define SIZE_MAX_KEPT ((size_t)16 << 20)

void wg_scratch_pool_init(wg_scratch_pool *pool, wg_heap *heap)
{
    size_t share = heap->limit == 0 ? POOL_SIZE_MAX : heap->limit / POOL_SHARE;
    *pool = (wg_scratch_pool){.heap = heap, .size_max = WG_MIN(share, POOL_SIZE_MAX)};
    wg_mutex_init(&pool->mutex);
}

void wg_scratch_pool_finish(wg_scratch_pool *pool)
{
    WG_ASSERT(pool->taken == 0);
    wg_scratch_pool_trim(pool);
    wg_mutex_finish(&pool->mutex);
}

static void scratch_destroy(wg_scratch *scratch)
{
    wg_arena_finish(&scratch->arena);
    wg_document_reader_destroy(scratch->reader);
    wg_buffer_finish(&scratch->payload);
    wg_free(scratch);
}

static wg_scratch *scratch_create(wg_scratch_pool *pool)
{
    wg_scratch *made = wg_alloc_zeroed(pool->heap, WG_MEMORY_SCRATCH, sizeof *made);
    if (made == NULL) return NULL;
    made->pool = pool;
    wg_arena_init(&made->arena, pool->heap, WG_MEMORY_SCRATCH, BLOCK_SIZE);
    made->arena.growth = GROWTH;
    wg_buffer_init(&made->payload, pool->heap, WG_MEMORY_SCRATCH);
    return made;
}

// As it is, or will be, after the reset of its arena.
static size_t scratch_size(const wg_scratch *scratch)
{
    size_t reader = scratch->reader == NULL ? 0 : wg_document_reader_size(scratch->reader);
    return sizeof *scratch + scratch->arena.peak + scratch->payload.capacity + reader;
}

wg_scratch *wg_scratch_take(wg_scratch_pool *pool)
{
    wg_mutex_lock(&pool->mutex);
    wg_scratch *taken = pool->idle;
    if (taken != NULL) {
        pool->idle = taken->next;
        pool->idle_size -= scratch_size(taken);
    }
    pool->taken++;
    wg_mutex_unlock(&pool->mutex);
    if (taken != NULL) return taken;

    taken = scratch_create(pool);
    if (taken != NULL) return taken;
    wg_mutex_lock(&pool->mutex);
    pool->taken--;
    wg_mutex_unlock(&pool->mutex);
    return NULL;
}

void wg_scratch_put(wg_scratch *scratch)
{
    if (scratch == NULL) return;
    wg_scratch_pool *pool = scratch->pool;
    bool kept = scratch_size(scratch) <= WG_MIN(pool->size_max, SIZE_MAX_KEPT);
    if (kept) wg_arena_reset(&scratch->arena);
    size_t size = scratch_size(scratch);
    wg_mutex_lock(&pool->mutex);
    WG_ASSERT(pool->taken > 0);
    pool->taken--;
    kept = kept && size <= pool->size_max - pool->idle_size;
    if (kept) {
        scratch->next = pool->idle;
        pool->idle = scratch;
        pool->idle_size += size;
    }
    wg_mutex_unlock(&pool->mutex);
    if (!kept) scratch_destroy(scratch);
}

void wg_scratch_pool_trim(wg_scratch_pool *pool)
{
    wg_mutex_lock(&pool->mutex);
    wg_scratch *idle = pool->idle;
    pool->idle = NULL;
    pool->idle_size = 0;
    wg_mutex_unlock(&pool->mutex);
    while (idle != NULL) {
        wg_scratch *next = idle->next;
        scratch_destroy(idle);
        idle = next;
    }
}

wg_document_reader *wg_scratch_reader(wg_scratch *scratch)
{
    if (scratch->reader == NULL) scratch->reader = wg_document_reader_create(scratch->pool->heap);
    return scratch->reader;
}
