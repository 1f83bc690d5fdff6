// Masks against an array of bools, with older versions kept alive; overlays; and their files.
#include "storage/segment_testing.h"
#include "storage/side.h"
#include "storage/side_file.h"
#include "support/sim_disk.h"
#include "support/test.h"

#define PATH "/side"

static void check_mask(const wg_mask *mask, const bool *dead, uint64_t rows)
{
    uint64_t count = 0;
    WG_CHECK_U64(mask->rows, rows);
    for (uint64_t row = 0; row < rows; row++) {
        WG_CHECK(wg_mask_get(mask, row) == dead[row]);
        count += dead[row];
    }
    WG_CHECK_U64(mask->count, count);
}

WG_TEST(versions_of_a_mask_agree_with_arrays_and_never_change)
{
    enum {
        VERSIONS = 12,
        ROWS_MAX = 5 * WG_MASK_BITS
    };

    test_random random = {test_seed(1)};
    test_heap heap;
    wg_mask *masks[VERSIONS];
    bool *dead[VERSIONS];
    uint64_t rows[VERSIONS];
    test_heap_init(&heap);
    for (uint32_t v = 0; v < VERSIONS; v++) {
        uint32_t set[300];
        size_t count = (size_t)test_below(&random, WG_COUNT(set));
        uint64_t before = v == 0 ? 1000 : rows[v - 1];
        rows[v] = before + test_below(&random, (ROWS_MAX - before) / 2 + 1);
        dead[v] = calloc(ROWS_MAX, sizeof(bool));
        if (v == 0) {
            count = 0;
            masks[v] = wg_mask_create(&heap.heap, rows[v]);
        } else {
            memcpy(dead[v], dead[v - 1], ROWS_MAX);
            uint64_t page = test_below(&random, rows[v]); // many bits of a page, doubles among them
            for (size_t i = 0; i < count; i++) {
                uint64_t row = i % 2 == 0 ? test_below(&random, rows[v])
                                          : (page + test_below(&random, 400)) % rows[v];
                set[i] = (uint32_t)row;
                dead[v][row] = true;
            }
            masks[v] = wg_mask_with(&heap.heap, masks[v - 1], rows[v], set, count);
        }
        for (uint32_t i = 0; i <= v; i++)
            check_mask(masks[i], dead[i], rows[i]);
    }
    for (uint32_t i = 0; i < VERSIONS; i++) { // oldest first: pages pass on to the others
        check_mask(masks[i], dead[i], rows[i]);
        wg_mask_release(masks[i]);
        if (i + 1 < VERSIONS) check_mask(masks[i + 1], dead[i + 1], rows[i + 1]);
        free(dead[i]);
    }
    WG_CHECK_U64(heap.live, 0);
}

WG_TEST(pages_without_a_change_are_shared)
{
    test_heap heap;
    uint32_t first[] = {5, 2 * WG_MASK_BITS};
    uint32_t second[] = {5, 2 * WG_MASK_BITS + 1};
    test_heap_init(&heap);
    wg_mask *empty = wg_mask_create(&heap.heap, 3 * WG_MASK_BITS);
    wg_mask *a = wg_mask_with(&heap.heap, empty, 3 * WG_MASK_BITS, first, 2);
    wg_mask *b = wg_mask_with(&heap.heap, a, 3 * WG_MASK_BITS, second, 2);
    WG_CHECK(a->pages[0] == b->pages[0]); // 5 was set already
    WG_CHECK(a->pages[1] == NULL && b->pages[1] == NULL);
    WG_CHECK(a->pages[2] != b->pages[2]);
    WG_CHECK(!wg_mask_get(a, 2 * WG_MASK_BITS + 1));
    WG_CHECK(wg_mask_retain(a) == a);
    wg_mask_release(a);
    wg_mask_release(a);
    wg_mask_release(b);
    wg_mask_release(empty);
    wg_mask_release(NULL);
    WG_CHECK_U64(heap.live, 0);
}

WG_TEST(a_mask_without_memory_changes_nothing)
{
    for (uint64_t n = 1;; n++) {
        test_heap heap;
        test_heap_init(&heap);
        uint32_t set[] = {1, WG_MASK_BITS, 3 * WG_MASK_BITS};
        wg_mask *mask = wg_mask_create(&heap.heap, 4 * WG_MASK_BITS);
        wg_mask *some = wg_mask_with(&heap.heap, mask, 4 * WG_MASK_BITS, set, 2);
        heap.fail_at = heap.calls + n;
        wg_mask *more = wg_mask_with(&heap.heap, some, 4 * WG_MASK_BITS, set, 3);
        WG_CHECK((more == NULL) == (heap.failed > 0));
        WG_CHECK_U64(some->count, 2);
        WG_CHECK(!wg_mask_get(some, 3 * WG_MASK_BITS));
        wg_mask_release(mask);
        wg_mask_release(some);
        wg_mask_release(more);
        WG_CHECK_U64(heap.live, 0);
        if (heap.failed == 0) break;
    }
    WG_CHECK(wg_mask_create(NULL, UINT64_MAX) == NULL);
}

// A mask of rows in which every row that random gives is dead.
static wg_mask *random_mask(uint64_t rows, size_t count, uint64_t seed)
{
    test_random random = {seed};
    uint32_t *set = malloc((count + 1) * sizeof(*set));
    for (size_t i = 0; i < count; i++)
        set[i] = (uint32_t)test_below(&random, rows);
    wg_mask *empty = wg_mask_create(NULL, rows);
    wg_mask *mask = wg_mask_with(NULL, empty, rows, set, count);
    wg_mask_release(empty);
    free(set);
    return mask;
}

WG_TEST(masks_are_read_as_written)
{
    static const uint64_t rows[] = {1, 63, 64, 65, 32767, 32768, 32769, 1000000};
    for (size_t i = 0; i < WG_COUNT(rows); i++) {
        for (size_t count = 0; count < 3000; count = 2 * count + 1) {
            waggle_error error;
            wg_vfs *vfs = wg_vfs_memory_create(NULL);
            wg_mask *mask = random_mask(rows[i], count, count);
            wg_mask *read = NULL;
            uint64_t sequence = 0;
            WG_OK(wg_mask_write(vfs, NULL, PATH, mask, 77, &error));
            WG_OK(wg_mask_read(vfs, NULL, PATH, rows[i], &read, &sequence, &error));
            WG_CHECK_U64(sequence, 77);
            WG_CHECK_U64(read->count, mask->count);
            for (uint64_t row = 0; row < rows[i]; row += 1 + rows[i] / 40000)
                WG_CHECK(wg_mask_get(read, row) == wg_mask_get(mask, row));
            wg_mask_release(read);
            WG_FAILS_WITH(WAGGLE_CORRUPT, "rows, expected",
                          wg_mask_read(vfs, NULL, PATH, rows[i] + 1, &read, &sequence, &error));
            wg_mask_release(mask);
            wg_vfs_memory_destroy(vfs);
        }
    }
}

// ---- Overlays

typedef struct overlay_check {
    const wg_overlay_entry *entries;
    uint64_t seen;
    uint64_t stop_at;
} overlay_check;

static waggle_status check_entry(void *context, const wg_overlay_entry *entry, waggle_error *error)
{
    overlay_check *check = context;
    if (check->seen == check->stop_at) return wg_fail(error, WAGGLE_BUDGET, "stopped");
    const wg_overlay_entry *expected = &check->entries[check->seen++];
    WG_CHECK_U64(entry->row, expected->row);
    WG_CHECK_U64(entry->version, expected->version);
    WG_CHECK((entry->payload.data == NULL) == (expected->payload.data == NULL));
    WG_CHECK_U64(entry->payload.size, expected->payload.size);
    if (entry->payload.size > 0)
        WG_CHECK(memcmp(entry->payload.data, expected->payload.data, entry->payload.size) == 0);
    return WAGGLE_OK;
}

#define NOISE_SIZE (3u << 20)

// Entries with payloads of all sizes up to that of noise.
static void make_entries(wg_overlay_entry *entries, size_t count, const char *noise)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = i % 17 == 5 ? NOISE_SIZE - i : i * 31 % 500;
        entries[i] = (wg_overlay_entry){.row = (uint32_t)(i * 3 + i % 2), .version = 1000 + i};
        if (i % 5 != 3) entries[i].payload = (waggle_text){noise + i, size == 0 ? 0 : size};
    }
}

WG_TEST(overlays_are_read_as_written)
{
    static const size_t counts[] = {0, 1, 2, 50};
    wg_overlay_entry entries[50];
    char *noise = malloc(NOISE_SIZE + 100);
    memset(noise, 'n', NOISE_SIZE + 100);
    make_entries(entries, WG_COUNT(entries), noise);
    for (size_t i = 0; i < WG_COUNT(counts); i++) {
        waggle_error error;
        test_heap heap;
        test_heap_init(&heap);
        wg_vfs *vfs = wg_vfs_memory_create(NULL);
        overlay_check check = {entries, 0, UINT64_MAX};
        uint64_t sequence = 0;
        uint64_t rows = counts[i] == 0 ? 0 : (uint64_t)entries[counts[i] - 1].row + 1;
        WG_OK(wg_overlay_write(vfs, &heap.heap, PATH, entries, counts[i], 5, &error));
        WG_OK(wg_overlay_read(vfs, &heap.heap, PATH, rows, check_entry, &check, &sequence, &error));
        WG_CHECK_U64(check.seen, counts[i]);
        WG_CHECK_U64(sequence, 5);
        if (counts[i] > 0) {
            check = (overlay_check){entries, 0, 0};
            WG_FAILS(WAGGLE_BUDGET, wg_overlay_read(vfs, &heap.heap, PATH, rows, check_entry,
                                                    &check, &sequence, &error));
            WG_FAILS(WAGGLE_CORRUPT, wg_overlay_read(vfs, &heap.heap, PATH, rows - 1, check_entry,
                                                     &check, &sequence, &error));
            WG_CHECK_U64(check.seen, 0);
        }
        wg_vfs_memory_destroy(vfs);
        WG_CHECK_U64(heap.live, 0);
    }
    free(noise);
}

// ---- Files of both kinds

static const wg_overlay_entry small[] = {
    {1, 5, {"{}", 2}},
    {7, 6, {NULL, 0}}
};

static waggle_status write_both(wg_vfs *vfs, wg_heap *heap, waggle_error *error)
{
    wg_mask *mask = random_mask(100, 10, 1);
    waggle_status status = wg_mask_write(vfs, heap, "/a.del", mask, 1, error);
    if (status == WAGGLE_OK)
        status = wg_overlay_write(vfs, heap, "/a.pay", small, WG_COUNT(small), 2, error);
    wg_mask_release(mask);
    return status;
}

static waggle_status read_both(wg_vfs *vfs, wg_heap *heap, waggle_error *error)
{
    wg_mask *mask = NULL;
    uint64_t sequence = 0;
    overlay_check check = {small, 0, UINT64_MAX};
    waggle_status status = wg_mask_read(vfs, heap, "/a.del", 100, &mask, &sequence, error);
    wg_mask_release(mask);
    if (status != WAGGLE_OK) return status;
    return wg_overlay_read(vfs, heap, "/a.pay", 100, check_entry, &check, &sequence, error);
}

WG_TEST(side_files_survive_a_crash_and_replace_what_one_left)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        waggle_error error;
        wg_vfs *vfs = sim_disk_create(seed);
        forge_write(vfs, "/a.del", (const uint8_t *)"left over", 9);
        WG_OK(write_both(vfs, NULL, &error));
        sim_disk_crash(vfs, seed);
        WG_OK(read_both(vfs, NULL, &error));
        sim_disk_destroy(vfs);
    }
}

WG_TEST(side_files_cut_anywhere_or_grown_are_refused)
{
    static const char *const paths[] = {"/a.del", "/a.pay"};
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    WG_OK(write_both(vfs, NULL, &error));
    for (size_t i = 0; i < WG_COUNT(paths); i++) {
        size_t size = 0;
        uint8_t *data = forge_read(vfs, paths[i], &size);
        for (size_t cut = 0; cut < size; cut++) {
            forge_write(vfs, paths[i], data, cut);
            WG_FAILS(WAGGLE_CORRUPT, read_both(vfs, NULL, &error));
        }
        data[size] = 0;
        forge_write(vfs, paths[i], data, size + 1);
        WG_FAILS(WAGGLE_CORRUPT, read_both(vfs, NULL, &error));
        forge_write(vfs, paths[i], data, size);
        WG_OK(read_both(vfs, NULL, &error));
        free(data);
    }
    WG_CHECK(wg_vfs_unlink(vfs, "/a.pay", NULL) == WAGGLE_OK);
    WG_FAILS(WAGGLE_NOT_FOUND, read_both(vfs, NULL, &error));
    wg_vfs_memory_destroy(vfs);
}

// Changes bytes at an offset behind right checksums.
static waggle_status read_forged(const char *path, size_t at, const void *bytes, size_t count,
                                 waggle_error *error)
{
    size_t size = 0;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    waggle_status status = write_both(vfs, NULL, error);
    WG_ASSERT(status == WAGGLE_OK);
    uint8_t *data = forge_read(vfs, path, &size);
    memcpy(data + at, bytes, count);
    wg_put32(data + 60, wg_crc32c(0, data, 60));
    wg_put32(data + size - 4,
             wg_crc32c(0, data + WG_SIDE_HEADER_SIZE, size - 4 - WG_SIDE_HEADER_SIZE));
    forge_write(vfs, path, data, size);
    status = read_both(vfs, NULL, error);
    free(data);
    wg_vfs_memory_destroy(vfs);
    return status;
}

WG_TEST(side_files_that_contradict_themselves_are_refused)
{
    waggle_error error;
    uint32_t two = 2;
    uint32_t many = 1000;
    uint64_t high = UINT64_MAX;
    const size_t body = WG_SIDE_HEADER_SIZE;
    WG_OK(read_forged("/a.del", 24, "", 0, &error));
    WG_FAILS_WITH(WAGGLE_FORMAT_VERSION, "format is 2", read_forged("/a.del", 8, &two, 4, &error));
    WG_CHECK_U64(error.actual, 2);
    WG_FAILS(WAGGLE_CORRUPT, read_forged("/a.del", 0, "WGOVRLAY", 8, &error));
    WG_FAILS(WAGGLE_CORRUPT, read_forged("/a.del", 24, &high, 8, &error));            // count
    WG_FAILS(WAGGLE_CORRUPT, read_forged("/a.del", 40, &high, 8, &error));            // size
    WG_FAILS(WAGGLE_CORRUPT, read_forged("/a.del", body, &two, 4, &error));           // page
    WG_FAILS(WAGGLE_CORRUPT, read_forged("/a.del", body + 4, &many, 4, &error));      // its bits
    WG_FAILS(WAGGLE_CORRUPT, read_forged("/a.del", body + 8 + 13, &high, 1, &error)); // row 104
    WG_FAILS(WAGGLE_CORRUPT, read_forged("/a.pay", 24, &high, 8, &error));            // count
    WG_FAILS(WAGGLE_CORRUPT, read_forged("/a.pay", 16, &two, 4, &error));             // rows
    WG_FAILS(WAGGLE_CORRUPT, read_forged("/a.pay", body, &many, 4, &error));          // row
    WG_FAILS(WAGGLE_CORRUPT, read_forged("/a.pay", body + 4, &many, 4, &error));      // size
    WG_FAILS(WAGGLE_CORRUPT, read_forged("/a.pay", body + 18, "\1\0\0", 4, &error));  // not above
}

WG_TEST(a_dead_row_past_the_last_is_refused)
{
    waggle_error error;
    uint32_t row = 0;
    size_t size = 0;
    uint64_t sequence = 0;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_mask *empty = wg_mask_create(NULL, 100);
    wg_mask *mask = wg_mask_with(NULL, empty, 100, &row, 1);
    wg_mask *read = NULL;
    WG_OK(wg_mask_write(vfs, NULL, PATH, mask, 1, &error));
    uint8_t *data = forge_read(vfs, PATH, &size);
    uint8_t *words = data + WG_SIDE_HEADER_SIZE + 8;
    words[0] = 0;
    for (uint32_t bit = 99; bit < 130; bit++) { // the count stays right
        memset(words, 0, 32);
        words[bit / 8] = (uint8_t)(1u << bit % 8);
        wg_put32(data + size - 4,
                 wg_crc32c(0, data + WG_SIDE_HEADER_SIZE, size - 4 - WG_SIDE_HEADER_SIZE));
        forge_write(vfs, PATH, data, size);
        waggle_status status = wg_mask_read(vfs, NULL, PATH, 100, &read, &sequence, &error);
        WG_CHECK(status == (bit < 100 ? WAGGLE_OK : WAGGLE_CORRUPT));
        if (status == WAGGLE_OK) wg_mask_release(read);
    }
    wg_mask_release(mask);
    wg_mask_release(empty);
    wg_vfs_memory_destroy(vfs);
    free(data);
}

WG_TEST(every_failing_call_of_the_disk_is_reported)
{
    for (uint32_t torn = 0; torn < 2; torn++) {
        for (uint64_t n = 1;; n++) {
            waggle_error error;
            wg_vfs *vfs = sim_disk_create(n);
            sim_disk_fail(vfs, SIM_ANY, n, WAGGLE_IO, false, torn != 0);
            waggle_status status = write_both(vfs, NULL, &error);
            bool written = status == WAGGLE_OK;
            if (written) status = read_both(vfs, NULL, &error);
            uint64_t failed = sim_disk_failed(vfs);
            WG_CHECK(status == (failed == 0 ? WAGGLE_OK : WAGGLE_IO));
            if (!written) WG_CHECK(!wg_vfs_exists(vfs, "/a.pay"));
            sim_disk_destroy(vfs);
            if (failed == 0) break;
        }
    }
}

WG_TEST(every_failing_allocation_is_reported)
{
    for (uint64_t n = 1;; n++) {
        waggle_error error;
        test_heap heap;
        wg_vfs *vfs = wg_vfs_memory_create(NULL);
        test_heap_init(&heap);
        heap.fail_at = n;
        waggle_status status = write_both(vfs, &heap.heap, &error);
        if (status == WAGGLE_OK) status = read_both(vfs, &heap.heap, &error);
        WG_CHECK(status == (heap.failed == 0 ? WAGGLE_OK : WAGGLE_OUT_OF_MEMORY));
        wg_vfs_memory_destroy(vfs);
        WG_CHECK_U64(heap.live, 0);
        if (heap.failed == 0) break;
    }
}
