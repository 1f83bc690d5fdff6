// Every block carries a header of 16 bytes in front, so that wg_free() needs the pointer alone:
//
//   0  heap     the heap that counts it, never NULL
//   8  tag      bits 0..3 the purpose, 4..51 the size as asked for, 52..63 a mark
//
// The mark is wiped when the block is released: a second free, or a pointer that is not ours, stops
// the process instead of breaking the counters.
//
// Pages (wg_pages_alloc) have no header; their size is given again. Small ones come from the heap's
// source with room to align; large ones are anonymous memory of the system, which is zeroed, returns
// to the system at once, and leaves no hole in malloc's arenas.
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if WG_ARENA_GAP > 0
#include <sanitizer/asan_interface.h>
#endif

#define HEADER_SIZE 16u
#define SIZE_MAX_BLOCK (((size_t)1 << 48) - 1 - HEADER_SIZE)
#define MARK_LIVE ((uint64_t)0xA11 << 52)
#define MARK_DEAD ((uint64_t)0xDEA << 52)
#define MARK_MASK ((uint64_t)0xFFF << 52)

#define PAGES_ALIGNMENT 64u
#define PAGES_SLACK 80u                      // of a small block: 64 to align, 16 for the way back
#define PAGES_MAP_FROM ((size_t)1 << 20)     // below, a mapping would waste up to a page of many
#define RESERVE_MAP_FROM ((size_t)128 << 10) // as malloc does
#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_PAGE_FROM ((size_t)4 << 20)    // from here at least half of a block lies in huge pages
#define ARENA_BLOCK_GROWN ((size_t)1 << 20) // blocks stop doubling here

typedef struct block_header {
    wg_heap *heap;
    uint64_t tag;
} block_header;

_Static_assert(sizeof(block_header) == HEADER_SIZE, "blocks stay aligned to 16");
_Static_assert(WG_MEMORY_PURPOSES <= 16, "the purpose has four bits");
_Static_assert(sizeof(size_t) == 8, "sizes are kept in 48 bits of 64");

static wg_heap process_heap; // of calls without a heap; zero is a valid heap

// ---- Heaps --------------------------------------------------------------------------------------

void wg_heap_init(wg_heap *heap, size_t limit)
{
    for (int i = 0; i < WG_MEMORY_PURPOSES; i++)
        atomic_init(&heap->used[i], 0);
    heap->limit = limit;
    heap->source = (wg_memory_source){0};
    heap->relieve = NULL;
    heap->relieve_context = NULL;
}

size_t wg_heap_used(const wg_heap *heap)
{
    size_t used = 0;
    for (int i = 0; i < WG_MEMORY_PURPOSES; i++)
        used += atomic_load_explicit(&heap->used[i], memory_order_relaxed);
    return used;
}

void wg_heap_relieve(const wg_heap *heap)
{
    if (heap->relieve != NULL) heap->relieve(heap->relieve_context);
}

static bool has_room(const wg_heap *heap, size_t size)
{
    size_t used = wg_heap_used(heap);
    return heap->limit == 0 || (used <= heap->limit && size <= heap->limit - used);
}

waggle_status wg_heap_admit(const wg_heap *heap, size_t size, waggle_error *error)
{
    if (has_room(heap, size)) return WAGGLE_OK;
    wg_heap_relieve(heap);
    if (has_room(heap, size)) return WAGGLE_OK;
    size_t used = wg_heap_used(heap);
    return wg_fail_numbers(error, WAGGLE_BUDGET, heap->limit, size,
                           "memory budget: %zu bytes more, with %zu in use; the limit is %zu", size,
                           used, heap->limit);
}

static void count_add(wg_heap *heap, wg_purpose purpose, size_t size)
{
    atomic_fetch_add_explicit(&heap->used[purpose], size, memory_order_relaxed);
}

static void count_remove(wg_heap *heap, wg_purpose purpose, size_t size)
{
    size_t before = atomic_fetch_sub_explicit(&heap->used[purpose], size, memory_order_relaxed);
    WG_ASSERT(before >= size);
}

static void *source_allocate(wg_heap *heap, size_t size)
{
    if (heap->source.allocate == NULL) return malloc(size);
    return heap->source.allocate(heap->source.context, size);
}

static void source_release(wg_heap *heap, void *memory, size_t size)
{
    if (heap->source.allocate == NULL)
        free(memory);
    else
        heap->source.release(heap->source.context, memory, size);
}

// ---- Blocks -------------------------------------------------------------------------------------

static uint64_t tag_of(wg_purpose purpose, size_t size)
{
    return MARK_LIVE | (uint64_t)size << 4 | (uint64_t)purpose;
}

static size_t tag_size(uint64_t tag)
{
    return (size_t)((tag & ~MARK_MASK) >> 4);
}

static wg_purpose tag_purpose(uint64_t tag)
{
    return (wg_purpose)(tag & 15);
}

static block_header *header_of(void *memory)
{
    block_header *header = (block_header *)memory - 1;
    WG_ASSERT((header->tag & MARK_MASK) == MARK_LIVE);
    return header;
}

static void *finish_block(block_header *header, wg_heap *heap, wg_purpose purpose, size_t size)
{
    WG_ASSERT_SLOW(((uintptr_t)header & 15) == 0);
    header->heap = heap;
    header->tag = tag_of(purpose, size);
    count_add(heap, purpose, size + HEADER_SIZE);
    return header + 1;
}

void *wg_alloc(wg_heap *heap, wg_purpose purpose, size_t size)
{
    WG_ASSERT((unsigned)purpose < WG_MEMORY_PURPOSES);
    if (heap == NULL) heap = &process_heap;
    if (size > SIZE_MAX_BLOCK) return NULL;
    block_header *header = source_allocate(heap, size + HEADER_SIZE);
    if (header == NULL) return NULL;
    return finish_block(header, heap, purpose, size);
}

void *wg_alloc_zeroed(wg_heap *heap, wg_purpose purpose, size_t size)
{
    if (heap == NULL) heap = &process_heap;
    if (heap->source.allocate != NULL) {
        void *memory = wg_alloc(heap, purpose, size);
        if (memory != NULL) memset(memory, 0, size);
        return memory;
    }
    WG_ASSERT((unsigned)purpose < WG_MEMORY_PURPOSES);
    if (size > SIZE_MAX_BLOCK) return NULL;
    // calloc knows which memory is fresh from the system and needs no writing.
    block_header *header = calloc(1, size + HEADER_SIZE);
    if (header == NULL) return NULL;
    return finish_block(header, heap, purpose, size);
}

// The source has no way to resize: a new block, a copy, and the old one goes.
static void *move_block(block_header *old, size_t size)
{
    size_t old_size = tag_size(old->tag);
    void *memory = wg_alloc(old->heap, tag_purpose(old->tag), size);
    if (memory == NULL) return NULL;
    memcpy(memory, old + 1, WG_MIN(size, old_size));
    wg_free(old + 1);
    return memory;
}

void *wg_realloc(wg_heap *heap, wg_purpose purpose, void *memory, size_t size)
{
    if (heap == NULL) heap = &process_heap;
    if (memory == NULL) return wg_alloc(heap, purpose, size);
    block_header *old = header_of(memory);
    WG_ASSERT(old->heap == heap);
    WG_ASSERT(tag_purpose(old->tag) == purpose);
    if (size > SIZE_MAX_BLOCK) return NULL;
    if (heap->source.allocate != NULL) return move_block(old, size);

    size_t old_size = tag_size(old->tag);
    block_header *header = realloc(old, size + HEADER_SIZE);
    if (header == NULL) return NULL;
    count_remove(heap, purpose, old_size + HEADER_SIZE);
    return finish_block(header, heap, purpose, size);
}

void wg_free(void *memory)
{
    if (memory == NULL) return;
    block_header *header = header_of(memory);
    wg_heap *heap = header->heap;
    size_t size = tag_size(header->tag) + HEADER_SIZE;
    count_remove(heap, tag_purpose(header->tag), size);
    header->tag = MARK_DEAD;
    source_release(heap, header, size);
}

char *wg_strdup(wg_heap *heap, wg_purpose purpose, const char *string)
{
    size_t size = strlen(string) + 1;
    char *copy = wg_alloc(heap, purpose, size);
    if (copy != NULL) memcpy(copy, string, size);
    return copy;
}

size_t wg_alloc_size(const void *memory)
{
    const block_header *header = (const block_header *)memory - 1;
    WG_ASSERT((header->tag & MARK_MASK) == MARK_LIVE);
    return tag_size(header->tag);
}

// ---- Pages --------------------------------------------------------------------------------------

// The pointer to release stands in front of the aligned block.
static void *pages_from_source(wg_heap *heap, size_t size)
{
    uint8_t *raw = source_allocate(heap, size + PAGES_SLACK);
    if (raw == NULL) return NULL;
    uintptr_t start = (uintptr_t)raw;
    size_t skip = (size_t)(wg_round_up(start + sizeof(void *), PAGES_ALIGNMENT) - start);
    WG_ASSERT(skip <= PAGES_SLACK);
    uint8_t *memory = raw + skip;
    memcpy(memory - sizeof(raw), &raw, sizeof(raw));
    memset(memory, 0, size);
    return memory;
}

static void pages_to_source(wg_heap *heap, uint8_t *memory, size_t size)
{
    void *raw;
    memcpy(&raw, memory - sizeof(raw), sizeof(raw));
    source_release(heap, raw, size + PAGES_SLACK);
}

static size_t mapped_size(size_t size)
{
    return (size_t)wg_round_up(size, size >= HUGE_PAGE_FROM ? HUGE_PAGE : 4096);
}

static void *map_anonymous(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void unmap(void *memory, size_t size)
{
    int result = munmap(memory, size);
    WG_ASSERT(result == 0);
}

// Large mappings are aligned for huge pages: one too much is mapped, and what lies before and behind given back.
static void *map_pages(size_t size)
{
    if (size < HUGE_PAGE_FROM) return map_anonymous(size);
    uint8_t *raw = map_anonymous(size + HUGE_PAGE);
    if (raw == NULL) return NULL;
    uintptr_t start = (uintptr_t)raw;
    size_t before = (size_t)(wg_round_up(start, HUGE_PAGE) - start);
    size_t behind = HUGE_PAGE - before;
    if (before > 0) unmap(raw, before);
    if (behind > 0) unmap(raw + before + size, behind);
    return raw + before;
}

static void advise_huge(uint8_t *memory, size_t size)
{
#if defined(MADV_HUGEPAGE)
    (void)madvise(memory, size, MADV_HUGEPAGE); // advice: without it all works, slower
#else
    (void)memory;
    (void)size;
#endif
}

// A replaced source cannot serve a mapping, but it may refuse it: tests fail this allocation too.
static bool source_admits(wg_heap *heap)
{
    if (heap->source.allocate == NULL) return true;
    void *probe = heap->source.allocate(heap->source.context, 1);
    if (probe == NULL) return false;
    heap->source.release(heap->source.context, probe, 1);
    return true;
}

static void *pages_from_system(wg_heap *heap, size_t size)
{
    if (!source_admits(heap)) return NULL;
    size_t mapped = mapped_size(size);
    uint8_t *memory = map_pages(mapped);
    if (memory != NULL && mapped >= HUGE_PAGE_FROM) advise_huge(memory, mapped);
    return memory;
}

// What a block of pages counts as when all of it is in use.
static size_t pages_footprint(size_t size)
{
    return size < PAGES_MAP_FROM ? size + PAGES_SLACK : mapped_size(size);
}

void *wg_pages_alloc(wg_heap *heap, wg_purpose purpose, size_t size)
{
    WG_ASSERT((unsigned)purpose < WG_MEMORY_PURPOSES);
    if (heap == NULL) heap = &process_heap;
    if (size > SIZE_MAX_BLOCK) return NULL;
    void *memory =
        size < PAGES_MAP_FROM ? pages_from_source(heap, size) : pages_from_system(heap, size);
    if (memory != NULL) count_add(heap, purpose, pages_footprint(size));
    return memory;
}

void wg_pages_free(wg_heap *heap, wg_purpose purpose, void *memory, size_t size)
{
    if (memory == NULL) return;
    if (heap == NULL) heap = &process_heap;
    count_remove(heap, purpose, pages_footprint(size));
    if (size >= PAGES_MAP_FROM)
        unmap(memory, mapped_size(size));
    else
        pages_to_source(heap, memory, size);
}

static bool reserve_maps(size_t size)
{
    return size >= RESERVE_MAP_FROM;
}

static size_t reserve_footprint(size_t size, size_t used)
{
    WG_ASSERT(used <= size);
    return reserve_maps(size) ? (size_t)wg_round_up(used, 4096) : size + PAGES_SLACK;
}

void *wg_pages_reserve(wg_heap *heap, wg_purpose purpose, size_t size)
{
    WG_ASSERT((unsigned)purpose < WG_MEMORY_PURPOSES);
    if (heap == NULL) heap = &process_heap;
    if (size > SIZE_MAX_BLOCK) return NULL;
    void *memory = NULL;
    if (!reserve_maps(size))
        memory = pages_from_source(heap, size);
    else if (source_admits(heap))
        memory = map_pages((size_t)wg_round_up(size, 4096));
    if (memory != NULL) count_add(heap, purpose, reserve_footprint(size, 0));
    return memory;
}

// A huge page is occupied from its first byte on: only those that are in use altogether are advised. What was touched
// before, the system moves into a huge page in its own time.
static void advise_used(uint8_t *memory, size_t size, size_t before, size_t used)
{
    size_t from = before / HUGE_PAGE * HUGE_PAGE;
    size_t to = used / HUGE_PAGE * HUGE_PAGE;
    if (size >= HUGE_PAGE_FROM && from < to) advise_huge(memory + from, to - from);
}

void wg_pages_use(wg_heap *heap, wg_purpose purpose, void *memory, size_t size, size_t used_before,
                  size_t used)
{
    if (heap == NULL) heap = &process_heap;
    size_t before = reserve_footprint(size, used_before);
    size_t after = reserve_footprint(size, used);
    WG_ASSERT(before <= after);
    if (before < after) count_add(heap, purpose, after - before);
    advise_used(memory, size, used_before, used);
}

void wg_pages_release(wg_heap *heap, wg_purpose purpose, void *memory, size_t size, size_t used)
{
    if (memory == NULL) return;
    if (heap == NULL) heap = &process_heap;
    count_remove(heap, purpose, reserve_footprint(size, used));
    if (reserve_maps(size))
        unmap(memory, (size_t)wg_round_up(size, 4096));
    else
        pages_to_source(heap, memory, size);
}

// ---- Arenas -------------------------------------------------------------------------------------

struct wg_arena_block {
    struct wg_arena_block *next; // older
    size_t size;                 // of what follows
    size_t used;
    size_t unused; // keeps the bytes behind aligned to 16
};

_Static_assert(sizeof(struct wg_arena_block) % 16 == 0, "the bytes of a block are aligned to 16");

// What was not given out is poison to the address sanitizer.
#if WG_ARENA_GAP > 0
static void forbid(const void *bytes, size_t size)
{
    ASAN_POISON_MEMORY_REGION(bytes, size);
}

static void permit(const void *bytes, size_t size)
{
    ASAN_UNPOISON_MEMORY_REGION(bytes, size);
}
#else
static void forbid(const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
}

static void permit(const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
}
#endif

void wg_arena_init(wg_arena *arena, wg_heap *heap, wg_purpose purpose, size_t block_size)
{
    WG_ASSERT(block_size > 0);
    *arena = (wg_arena){.heap = heap, .purpose = purpose, .block_size = block_size, .growth = 1};
}

// Takes back what lies behind the first bytes of a block.
static void block_cut(struct wg_arena_block *block, size_t used)
{
    block->used = used;
    forbid((uint8_t *)(block + 1) + used, block->size - used);
}

// The place in a block for size bytes, or NULL if it is full.
static void *block_take(struct wg_arena_block *block, size_t size, size_t alignment)
{
    uint8_t *bytes = (uint8_t *)(block + 1);
    uintptr_t free_from = (uintptr_t)bytes + block->used;
    size_t at = block->used + (size_t)(wg_round_up(free_from, alignment) - free_from);
    if (at > block->size || size > block->size - at) return NULL;
    block->used = WG_MIN(at + size + WG_ARENA_GAP, block->size);
    permit(bytes + at, size);
    return bytes + at;
}

static struct wg_arena_block *block_add(wg_arena *arena, size_t needed)
{
    size_t share = WG_MIN(arena->size / arena->growth, ARENA_BLOCK_GROWN);
    size_t size = WG_MAX(WG_MAX(arena->block_size, share), needed);
    size_t total;
    if (!wg_size_add(size, sizeof(struct wg_arena_block), &total)) return NULL;
    struct wg_arena_block *block = wg_alloc(arena->heap, arena->purpose, total);
    if (block == NULL) return NULL;
    *block = (struct wg_arena_block){.next = arena->blocks, .size = size};
    block_cut(block, 0);
    arena->blocks = block;
    arena->size += size;
    arena->peak = WG_MAX(arena->peak, arena->size);
    return block;
}

// Frees the newest block.
static void block_drop(wg_arena *arena)
{
    struct wg_arena_block *block = arena->blocks;
    arena->blocks = block->next;
    arena->size -= block->size;
    permit(block + 1, block->size);
    wg_free(block);
}

void *wg_arena_alloc(wg_arena *arena, size_t size, size_t alignment)
{
    WG_ASSERT(alignment > 0 && (alignment & (alignment - 1)) == 0);
    if (arena->blocks != NULL) {
        void *memory = block_take(arena->blocks, size, alignment);
        if (memory != NULL) return memory;
    }
    size_t needed;
    if (!wg_size_add(size, alignment, &needed)) return NULL;
    struct wg_arena_block *block = block_add(arena, needed);
    return block == NULL ? NULL : block_take(block, size, alignment);
}

void *wg_arena_alloc_zeroed(wg_arena *arena, size_t size, size_t alignment)
{
    void *memory = wg_arena_alloc(arena, size, alignment);
    if (memory != NULL) memset(memory, 0, size);
    return memory;
}

void *wg_arena_copy(wg_arena *arena, const void *data, size_t size)
{
    void *copy = wg_arena_alloc(arena, size, 8);
    if (copy != NULL && size > 0) memcpy(copy, data, size);
    return copy;
}

// Without memory for one block there is none: the next use makes its own.
void wg_arena_reset(wg_arena *arena)
{
    size_t peak = arena->peak;
    if (arena->blocks != NULL && arena->blocks->size == peak) {
        block_cut(arena->blocks, 0);
    } else if (peak > 0) {
        wg_arena_finish(arena);
        (void)block_add(arena, peak);
    }
}

void wg_arena_finish(wg_arena *arena)
{
    while (arena->blocks != NULL)
        block_drop(arena);
    arena->peak = 0;
}

wg_arena_mark wg_arena_mark_get(const wg_arena *arena)
{
    return (wg_arena_mark){arena->blocks, arena->blocks == NULL ? 0 : arena->blocks->used};
}

void wg_arena_rewind(wg_arena *arena, wg_arena_mark mark)
{
    while (arena->blocks != mark.block)
        block_drop(arena);
    if (mark.block != NULL) block_cut(mark.block, mark.used);
}

// ---- Buffers ------------------------------------------------------------------------------------

#define BUFFER_CAPACITY_FIRST 64u

void wg_buffer_init(wg_buffer *buffer, wg_heap *heap, wg_purpose purpose)
{
    *buffer = (wg_buffer){.heap = heap, .purpose = purpose};
}

void wg_buffer_finish(wg_buffer *buffer)
{
    wg_free(buffer->data);
    buffer->data = NULL;
    buffer->size = 0;
    buffer->capacity = 0;
}

bool wg_buffer_reserve(wg_buffer *buffer, size_t more)
{
    if (more <= buffer->capacity - buffer->size) return true;
    size_t needed;
    if (!wg_size_add(buffer->size, more, &needed)) return false;
    size_t grown = buffer->capacity + buffer->capacity / 2; // capacity is below 2^48
    size_t capacity = WG_MAX(WG_MAX(needed, grown), BUFFER_CAPACITY_FIRST);
    uint8_t *data = wg_realloc(buffer->heap, buffer->purpose, buffer->data, capacity);
    if (data == NULL) return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool wg_buffer_append(wg_buffer *buffer, const void *data, size_t size)
{
    if (size == 0) return true;
    if (!wg_buffer_reserve(buffer, size)) return false;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return true;
}

bool wg_buffer_append_zeros(wg_buffer *buffer, size_t size)
{
    if (size == 0) return true;
    if (!wg_buffer_reserve(buffer, size)) return false;
    memset(buffer->data + buffer->size, 0, size);
    buffer->size += size;
    return true;
}
