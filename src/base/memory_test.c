#include "base/memory.h"
#include "support/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

WG_TEST(blocks_are_aligned_counted_and_remember_their_size)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 1000, 100000};
    wg_heap heap;
    wg_heap_init(&heap, 0);
    for (size_t i = 0; i < WG_COUNT(sizes); i++) {
        uint8_t *memory = wg_alloc(&heap, WG_MEMORY_IDS, sizes[i]);
        WG_CHECK(memory != NULL);
        WG_CHECK_U64((uintptr_t)memory % 16, 0);
        memset(memory, 0xFF, sizes[i]);
        WG_CHECK_U64(wg_alloc_size(memory), sizes[i]);
        WG_CHECK(wg_heap_used(&heap) > sizes[i]);
        WG_CHECK_U64(wg_heap_used(&heap), heap.used[WG_MEMORY_IDS]);
        wg_free(memory);
        WG_CHECK_U64(wg_heap_used(&heap), 0);
    }
    wg_free(NULL);
}

WG_TEST(zeroed_blocks_are_zero_from_any_source)
{
    test_heap failing;
    test_heap_init(&failing);
    for (int round = 0; round < 2; round++) {
        wg_heap *heap = round == 0 ? NULL : &failing.heap;
        uint8_t *dirty = wg_alloc(heap, WG_MEMORY_OTHER, 512);
        memset(dirty, 0xFF, 512);
        wg_free(dirty);
        uint8_t *memory = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, 512);
        for (size_t i = 0; i < 512; i++)
            WG_CHECK_U64(memory[i], 0);
        wg_free(memory);
    }
    WG_CHECK_U64(failing.live, 0);
}

WG_TEST(reallocating_keeps_the_bytes_and_the_count)
{
    test_heap failing;
    test_heap_init(&failing);
    wg_heap plain;
    wg_heap_init(&plain, 0);
    wg_heap *heaps[] = {&plain, &failing.heap};
    for (size_t h = 0; h < WG_COUNT(heaps); h++) {
        uint8_t *memory = wg_realloc(heaps[h], WG_MEMORY_LOG, NULL, 10);
        memcpy(memory, "0123456789", 10);
        memory = wg_realloc(heaps[h], WG_MEMORY_LOG, memory, 100000);
        WG_CHECK(memcmp(memory, "0123456789", 10) == 0);
        WG_CHECK_U64(wg_alloc_size(memory), 100000);
        memory = wg_realloc(heaps[h], WG_MEMORY_LOG, memory, 5);
        WG_CHECK(memcmp(memory, "01234", 5) == 0);
        WG_CHECK(wg_heap_used(heaps[h]) < 100);
        wg_free(memory);
        WG_CHECK_U64(wg_heap_used(heaps[h]), 0);
    }
    WG_CHECK_U64(failing.live, 0);
}

WG_TEST(a_refused_allocation_counts_nothing_and_keeps_the_old_block)
{
    test_heap failing;
    test_heap_init(&failing);
    char *memory = wg_strdup(&failing.heap, WG_MEMORY_OTHER, "kept");
    size_t used = wg_heap_used(&failing.heap);
    failing.fail_at = failing.calls + 1;
    failing.persistent = true;
    WG_CHECK(wg_alloc(&failing.heap, WG_MEMORY_OTHER, 10) == NULL);
    WG_CHECK(wg_alloc_zeroed(&failing.heap, WG_MEMORY_OTHER, 10) == NULL);
    WG_CHECK(wg_realloc(&failing.heap, WG_MEMORY_OTHER, memory, 1000) == NULL);
    WG_CHECK(wg_realloc(&failing.heap, WG_MEMORY_OTHER, NULL, 10) == NULL);
    WG_CHECK(wg_strdup(&failing.heap, WG_MEMORY_OTHER, "x") == NULL);
    WG_CHECK(wg_pages_alloc(&failing.heap, WG_MEMORY_OTHER, 100) == NULL);
    WG_CHECK(wg_pages_alloc(&failing.heap, WG_MEMORY_OTHER, 2 << 20) == NULL);
    WG_CHECK(wg_pages_alloc(&failing.heap, WG_MEMORY_OTHER, 8 << 20) == NULL);
    WG_CHECK_U64(failing.failed, 8);
    WG_CHECK_U64(wg_heap_used(&failing.heap), used);
    WG_CHECK_TEXT(memory, "kept");
    wg_free(memory);
    WG_CHECK_U64(failing.live, 0);
}

WG_TEST(absurd_sizes_are_refused)
{
    WG_CHECK(wg_alloc(NULL, WG_MEMORY_OTHER, SIZE_MAX) == NULL);
    WG_CHECK(wg_alloc(NULL, WG_MEMORY_OTHER, SIZE_MAX - 15) == NULL);
    WG_CHECK(wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, SIZE_MAX) == NULL);
    WG_CHECK(wg_pages_alloc(NULL, WG_MEMORY_OTHER, SIZE_MAX) == NULL);
    char *memory = wg_alloc(NULL, WG_MEMORY_OTHER, 1);
    WG_CHECK(wg_realloc(NULL, WG_MEMORY_OTHER, memory, SIZE_MAX - 15) == NULL);
    wg_free(memory);
}

WG_TEST(pages_are_aligned_zeroed_counted_and_given_back)
{
    static const size_t sizes[] = {
        0, 1, 63, 64, 4096, (1 << 20) - 1, 1 << 20, (4 << 20) - 1, 4 << 20, (6 << 20) + 1};
    test_heap failing;
    test_heap_init(&failing);
    wg_heap plain;
    wg_heap_init(&plain, 0);
    wg_heap *heaps[] = {&plain, &failing.heap};
    for (size_t i = 0; i < WG_COUNT(sizes) * WG_COUNT(heaps); i++) {
        wg_heap *heap = heaps[i % WG_COUNT(heaps)];
        size_t size = sizes[i / WG_COUNT(heaps)];
        uint8_t *memory = wg_pages_alloc(heap, WG_MEMORY_ROWS, size);
        WG_CHECK(memory != NULL);
        WG_CHECK_U64((uintptr_t)memory % (size >= 4 << 20 ? 2 << 20 : 64), 0);
        for (size_t at = 0; at < size; at += 511)
            WG_CHECK_U64(memory[at], 0);
        if (size > 0) WG_CHECK_U64(memory[size - 1], 0);
        memset(memory, 0xFF, size);
        WG_CHECK(heap->used[WG_MEMORY_ROWS] >= size);
        wg_pages_free(heap, WG_MEMORY_ROWS, memory, size);
        WG_CHECK_U64(wg_heap_used(heap), 0);
    }
    wg_pages_free(&plain, WG_MEMORY_ROWS, NULL, 100);
    WG_CHECK_U64(failing.live, 0);
}

WG_TEST(reserved_pages_count_what_is_in_use)
{
    static const size_t sizes[] = {0, 1, 4096, (128 << 10) - 1, 128 << 10, (6 << 20) + 1, 64 << 20};
    test_heap failing;
    test_heap_init(&failing);
    wg_heap plain;
    wg_heap_init(&plain, 0);
    wg_heap *heaps[] = {&plain, &failing.heap};
    for (size_t i = 0; i < WG_COUNT(sizes) * WG_COUNT(heaps); i++) {
        wg_heap *heap = heaps[i % WG_COUNT(heaps)];
        size_t size = sizes[i / WG_COUNT(heaps)];
        bool mapped = size >= 128 << 10; // smaller ones count altogether from the start
        uint8_t *memory = wg_pages_reserve(heap, WG_MEMORY_ROWS, size);
        WG_CHECK(memory != NULL);
        WG_CHECK_U64((uintptr_t)memory % (size >= 4 << 20 ? 2 << 20 : 64), 0);
        if (mapped) WG_CHECK_U64(heap->used[WG_MEMORY_ROWS], 0);
        size_t used = 0;
        for (size_t next = 1; used < size; next = used * 3 + 1000) {
            next = WG_MIN(next, size);
            wg_pages_use(heap, WG_MEMORY_ROWS, memory, size, used, next);
            for (size_t at = used; at < next; at += 511)
                WG_CHECK_U64(memory[at], 0);
            memset(memory + used, 0xFF, next - used);
            used = next;
            WG_CHECK(heap->used[WG_MEMORY_ROWS] >= used);
            if (mapped) WG_CHECK(heap->used[WG_MEMORY_ROWS] < used + 4096);
        }
        wg_pages_release(heap, WG_MEMORY_ROWS, memory, size, used);
        WG_CHECK_U64(wg_heap_used(heap), 0);
    }
    wg_pages_release(&plain, WG_MEMORY_ROWS, NULL, 100, 50);
    WG_CHECK_U64(failing.live, 0);
    WG_CHECK(wg_pages_reserve(NULL, WG_MEMORY_ROWS, SIZE_MAX) == NULL);
    failing.fail_at = failing.calls + 1;
    failing.persistent = true;
    WG_CHECK(wg_pages_reserve(&failing.heap, WG_MEMORY_ROWS, 100) == NULL);
    WG_CHECK(wg_pages_reserve(&failing.heap, WG_MEMORY_ROWS, 8 << 20) == NULL);
    WG_CHECK_U64(wg_heap_used(&failing.heap), 0);
}

WG_TEST(the_budget_admits_up_to_its_limit_and_names_it)
{
    waggle_error error = {0};
    wg_heap heap;
    wg_heap_init(&heap, 1000);
    WG_OK(wg_heap_admit(&heap, 1000, &error));
    WG_FAILS_WITH(WAGGLE_BUDGET, "1000", wg_heap_admit(&heap, 1001, &error));
    WG_CHECK_U64(error.expected, 1000);
    WG_CHECK_U64(error.actual, 1001);
    void *memory = wg_alloc(&heap, WG_MEMORY_IDS, 900);
    WG_FAILS(WAGGLE_BUDGET, wg_heap_admit(&heap, 100, &error)); // the header counts too
    WG_FAILS(WAGGLE_BUDGET, wg_heap_admit(&heap, SIZE_MAX, &error));
    WG_OK(wg_heap_admit(&heap, 0, &error));
    void *more =
        wg_alloc(&heap, WG_MEMORY_IDS, 900); // admitting is the caller's; allocating goes on
    WG_FAILS(WAGGLE_BUDGET, wg_heap_admit(&heap, 0, &error));
    wg_free(memory);
    wg_free(more);
    wg_heap_init(&heap, 0);
    WG_OK(wg_heap_admit(&heap, SIZE_MAX, &error));
}

// Whether a child process that does this is stopped by an assertion.
static bool stops(void (*misuse)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL) _exit(3);
        misuse();
        _exit(0);
    }
    int how = 0;
    WG_CHECK(waitpid(child, &how, 0) == child);
    return WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT;
}

static void free_what_is_not_ours(void)
{
    static _Alignas(16) uint8_t bytes[64];
    wg_free(bytes + 32);
}

static void realloc_under_another_purpose(void)
{
    void *memory = wg_alloc(NULL, WG_MEMORY_IDS, 10);
    wg_free(wg_realloc(NULL, WG_MEMORY_ROWS, memory, 20));
}

static void free_pages_with_another_size(void)
{
    wg_heap heap;
    wg_heap_init(&heap, 0);
    void *memory = wg_pages_alloc(&heap, WG_MEMORY_ROWS, 100);
    wg_pages_free(&heap, WG_MEMORY_ROWS, memory, 10000);
}

WG_TEST(misuse_of_memory_stops_the_process)
{
    WG_CHECK(stops(free_what_is_not_ours));
    WG_CHECK(stops(realloc_under_another_purpose));
    WG_CHECK(stops(free_pages_with_another_size));
}

WG_TEST(an_arena_aligns_grows_and_keeps_one_block)
{
    test_heap failing;
    test_heap_init(&failing);
    wg_arena arena;
    wg_arena_init(&arena, &failing.heap, WG_MEMORY_SCRATCH, 256);
    test_random random = {test_seed(1)};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            size_t alignment = (size_t)1 << test_below(&random, 8);
            size_t size = test_below(&random, 400);
            uint8_t *memory = wg_arena_alloc(&arena, size, alignment);
            WG_CHECK(memory != NULL);
            WG_CHECK_U64((uintptr_t)memory % alignment, 0);
            memset(memory, i, size);
        }
        WG_CHECK(round > 0 || failing.live > 1); // later, the block that was kept holds all
        WG_CHECK(failing.live < 20);             // they double
        wg_arena_reset(&arena);
        WG_CHECK_U64(failing.live, 1);
    }
    WG_CHECK(memcmp(wg_arena_copy(&arena, "bees", 5), "bees", 5) == 0);
    WG_CHECK(wg_arena_copy(&arena, NULL, 0) != NULL);
    wg_arena_finish(&arena);
    wg_arena_finish(&arena);
    wg_arena_reset(&arena);
    WG_CHECK_U64(failing.live, 0);
    WG_CHECK_U64(wg_heap_used(&failing.heap), 0);
}

WG_TEST(an_arena_used_the_same_way_again_allocates_nothing)
{
    test_heap failing;
    test_heap_init(&failing);
    wg_arena arena;
    wg_arena_init(&arena, &failing.heap, WG_MEMORY_SCRATCH, 256);
    uint64_t calls = 0;
    for (int round = 0; round < 6; round++) {
        if (round == 3) calls = failing.calls;
        for (size_t size = 1; size < 5000; size += 77)
            WG_CHECK(wg_arena_alloc(&arena, size, 64) != NULL);
        wg_arena_mark mark = wg_arena_mark_get(&arena);
        WG_CHECK(wg_arena_alloc(&arena, 100000, 64) !=
                 NULL); // the peak, which is gone before the reset
        wg_arena_rewind(&arena, mark);
        WG_CHECK(wg_arena_alloc(&arena, 50000, 64) != NULL);
        wg_arena_reset(&arena);
    }
    WG_CHECK_U64(failing.calls, calls);
    WG_CHECK_U64(failing.live, 1);
    wg_arena_finish(&arena);
    WG_CHECK_U64(failing.live, 0);
}

WG_TEST(an_arena_is_rewound_to_a_mark)
{
    test_heap failing;
    test_heap_init(&failing);
    wg_arena arena;
    wg_arena_init(&arena, &failing.heap, WG_MEMORY_SCRATCH, 256);
    wg_arena_mark empty = wg_arena_mark_get(&arena);
    char *kept = wg_arena_copy(&arena, "kept", 5);
    wg_arena_mark mark = wg_arena_mark_get(&arena);
    void *next = wg_arena_alloc(&arena, 16, 8);
    for (int i = 0; i < 100; i++)
        WG_CHECK(wg_arena_alloc(&arena, 100, 8) != NULL);
    wg_arena_rewind(&arena, mark);
    WG_CHECK_U64(failing.live, 1);
    WG_CHECK_TEXT(kept, "kept");
    uint8_t *again = wg_arena_alloc_zeroed(&arena, 16, 8);
    WG_CHECK(again == next && again[0] == 0 && again[15] == 0);
    wg_arena_rewind(&arena, empty);
    WG_CHECK_U64(failing.live, 0);
    WG_CHECK_U64(arena.size, 0);
    // The peak is known still; without memory for it there is no block, and no harm.
    WG_CHECK(wg_arena_alloc(&arena, 1, 1) != NULL);
    WG_CHECK(arena.peak > 10000);
    failing.fail_at = failing.calls + 1;
    wg_arena_reset(&arena);
    WG_CHECK_U64(failing.failed, 1);
    WG_CHECK(wg_arena_alloc(&arena, 10, 8) != NULL);
    wg_arena_finish(&arena);
    WG_CHECK_U64(wg_heap_used(&failing.heap), 0);
}

static void free_kept(void *context)
{
    void **kept = context;
    wg_free(*kept);
    *kept = NULL;
}

WG_TEST(what_is_only_at_hand_goes_before_the_budget_refuses)
{
    waggle_error error = {0};
    wg_heap heap;
    wg_heap_init(&heap, 1000);
    void *kept = wg_alloc(&heap, WG_MEMORY_SCRATCH, 500);
    heap.relieve = free_kept;
    heap.relieve_context = &kept;
    WG_OK(wg_heap_admit(&heap, 400, &error));
    WG_CHECK(kept != NULL);
    WG_OK(wg_heap_admit(&heap, 1000, &error));
    WG_CHECK(kept == NULL);
    WG_FAILS(WAGGLE_BUDGET, wg_heap_admit(&heap, 1001, &error));
}

WG_TEST(an_arena_survives_a_refused_block)
{
    test_heap failing;
    test_heap_init(&failing);
    wg_arena arena;
    wg_arena_init(&arena, &failing.heap, WG_MEMORY_SCRATCH, 64);
    char *first = wg_arena_copy(&arena, "first", 6);
    failing.fail_at = failing.calls + 1;
    WG_CHECK(wg_arena_alloc(&arena, 1000, 8) == NULL);
    WG_CHECK(wg_arena_alloc(&arena, SIZE_MAX, 8) == NULL);
    WG_CHECK(wg_arena_alloc(&arena, SIZE_MAX - 64, 8) == NULL);
    WG_CHECK_TEXT(first, "first");
    WG_CHECK(wg_arena_alloc(&arena, 1000, 8) != NULL);
    wg_arena_finish(&arena);
    WG_CHECK_U64(failing.live, 0);
}

WG_TEST(a_buffer_appends_what_it_is_given)
{
    wg_heap heap;
    wg_heap_init(&heap, 0);
    wg_buffer buffer;
    wg_buffer_init(&buffer, &heap, WG_MEMORY_LOG);
    WG_CHECK(wg_buffer_append(&buffer, NULL, 0));
    WG_CHECK(wg_buffer_append_zeros(&buffer, 0));
    WG_CHECK(buffer.data == NULL);
    for (uint32_t i = 0; i < 10000; i++)
        WG_CHECK(wg_buffer_append(&buffer, &i, sizeof(i)));
    WG_CHECK(wg_buffer_append_zeros(&buffer, 8));
    WG_CHECK_U64(buffer.size, 40008);
    for (uint32_t i = 0; i < 10000; i++)
        WG_CHECK(memcmp(buffer.data + i * 4, &i, 4) == 0);
    WG_CHECK(memcmp(buffer.data + 40000, "\0\0\0\0\0\0\0\0", 8) == 0);
    wg_buffer_finish(&buffer);
    WG_CHECK_U64(wg_heap_used(&heap), 0);
}

WG_TEST(a_buffer_is_unchanged_when_memory_is_refused)
{
    test_heap failing;
    test_heap_init(&failing);
    wg_buffer buffer;
    wg_buffer_init(&buffer, &failing.heap, WG_MEMORY_LOG);
    WG_CHECK(wg_buffer_append(&buffer, "abc", 3));
    failing.fail_at = failing.calls + 1;
    failing.persistent = true;
    char big[1000] = {0};
    WG_CHECK(!wg_buffer_append(&buffer, big, sizeof(big)));
    WG_CHECK(!wg_buffer_append_zeros(&buffer, sizeof(big)));
    WG_CHECK(!wg_buffer_reserve(&buffer, 1000));
    WG_CHECK(!wg_buffer_reserve(&buffer, SIZE_MAX));
    WG_CHECK_U64(buffer.size, 3);
    WG_CHECK(memcmp(buffer.data, "abc", 3) == 0);
    WG_CHECK(wg_buffer_append(&buffer, "d", 1)); // within its capacity
    wg_buffer_finish(&buffer);
    WG_CHECK_U64(failing.live, 0);
}
