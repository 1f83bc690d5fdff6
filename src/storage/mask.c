// Delete masks: versions that share pages, and their files (.del).
//
// The body of a file, in the frame of side_file.h: for each page of 32,768 rows that has a bit set,
// ascending,
//   0     4  number of the page: row / 32768
//   4     4  bits set, at least 1
//   8  4096  512 words of 8 bytes; row r is bit r % 64 of word r % 32768 / 64; bits past the rows are zero
// The header counts the bits of all pages.
#include "base/bytes.h"
#include "storage/side.h"
#include "storage/side_file.h"

#include <assert.h>

#define MAGIC "WGDELETE"
#define PAGE_HEAD_SIZE 8u
#define PAGE_SIZE (WG_MASK_WORDS * 8u)

static_assert(sizeof(((wg_mask_page *)0)->words) == PAGE_SIZE, "a page is written as it is");

// ---- Versions

static wg_mask_page *page_of(const uint64_t *words)
{
    return (wg_mask_page *)((uintptr_t)words - offsetof(wg_mask_page, words));
}

static void page_release(const uint64_t *words)
{
    if (words == NULL) return;
    wg_mask_page *page = page_of(words);
    // acq_rel: whoever frees comes after the last read by every other version.
    if (atomic_fetch_sub_explicit(&page->references, 1, memory_order_acq_rel) == 1) wg_free(page);
}

// A copy of a page, or an empty one.
static wg_mask_page *page_create(wg_heap *heap, const uint64_t *words)
{
    wg_mask_page *page = wg_alloc(heap, WG_MEMORY_INDEX, sizeof(*page));
    if (page == NULL) return NULL;
    atomic_init(&page->references, 1);
    if (words == NULL) {
        page->count = 0;
        memset(page->words, 0, sizeof(page->words));
    } else {
        page->count = page_of(words)->count;
        memcpy(page->words, words, sizeof(page->words));
    }
    return page;
}

wg_mask *wg_mask_create(wg_heap *heap, uint64_t rows)
{
    uint64_t pages = rows / WG_MASK_BITS + (rows % WG_MASK_BITS != 0);
    size_t size = 0;
    if (pages > UINT32_MAX || !wg_size_mul((size_t)pages, sizeof(uint64_t *), &size) ||
        !wg_size_add(size, sizeof(wg_mask), &size))
        return NULL;
    wg_mask *mask = wg_alloc_zeroed(heap, WG_MEMORY_INDEX, size);
    if (mask == NULL) return NULL;
    atomic_init(&mask->references, 1);
    mask->page_count = (uint32_t)pages;
    mask->rows = rows;
    return mask;
}

wg_mask *wg_mask_retain(wg_mask *mask)
{
    atomic_fetch_add_explicit(&mask->references, 1, memory_order_relaxed);
    return mask;
}

void wg_mask_release(wg_mask *mask)
{
    if (mask == NULL) return;
    // acq_rel: as for pages.
    if (atomic_fetch_sub_explicit(&mask->references, 1, memory_order_acq_rel) != 1) return;
    for (uint32_t i = 0; i < mask->page_count; i++)
        page_release(mask->pages[i]);
    wg_free(mask);
}

// Sets a bit of made, which was derived from mask: a page that both share is copied first.
static bool bit_set(wg_heap *heap, const wg_mask *mask, wg_mask *made, uint64_t row)
{
    uint64_t index = row / WG_MASK_BITS;
    const uint64_t *words = made->pages[index];
    if (wg_mask_get(made, row)) return true;
    if (words == NULL || (index < mask->page_count && words == mask->pages[index])) {
        wg_mask_page *copy = page_create(heap, words);
        if (copy == NULL) return false;
        page_release(words);
        made->pages[index] = copy->words;
        words = copy->words;
    }
    wg_mask_page *page = page_of(words);
    page->words[row % WG_MASK_BITS / 64] |= (uint64_t)1 << row % 64;
    page->count++;
    made->count++;
    return true;
}

wg_mask *wg_mask_with(wg_heap *heap, const wg_mask *mask, uint64_t rows, const uint32_t *set,
                      size_t count)
{
    WG_ASSERT(rows >= mask->rows);
    wg_mask *made = wg_mask_create(heap, rows);
    if (made == NULL) return NULL;
    made->count = mask->count;
    for (uint32_t i = 0; i < mask->page_count; i++) {
        const uint64_t *words = mask->pages[i];
        if (words == NULL) continue;
        atomic_fetch_add_explicit(&page_of(words)->references, 1, memory_order_relaxed);
        made->pages[i] = words;
    }
    for (size_t i = 0; i < count; i++) {
        WG_ASSERT(set[i] < rows);
        if (bit_set(heap, mask, made, set[i])) continue;
        wg_mask_release(made);
        return NULL;
    }
    return made;
}

// ---- Files

static uint32_t pages_used(const wg_mask *mask)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < mask->page_count; i++)
        used += mask->pages[i] != NULL;
    return used;
}

static waggle_status write_pages(wg_side_file *side, const wg_mask *mask, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    for (uint32_t i = 0; i < mask->page_count && status == WAGGLE_OK; i++) {
        if (mask->pages[i] == NULL) continue;
        uint8_t head[PAGE_HEAD_SIZE];
        wg_put32(head, i);
        wg_put32(head + 4, page_of(mask->pages[i])->count);
        status = wg_side_put(side, head, sizeof(head), error);
        if (status == WAGGLE_OK) status = wg_side_put(side, mask->pages[i], PAGE_SIZE, error);
    }
    return status;
}

waggle_status wg_mask_write(wg_vfs *vfs, wg_heap *heap, const char *path, const wg_mask *mask,
                            uint64_t sequence, waggle_error *error)
{
    wg_side_header header = {
        .magic = MAGIC,
        .rows = mask->rows,
        .count = mask->count,
        .sequence = sequence,
        .body_size = (uint64_t)pages_used(mask) * (PAGE_HEAD_SIZE + PAGE_SIZE),
    };
    wg_side_file side;
    waggle_status status = wg_side_create(&side, vfs, heap, path, &header, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = write_pages(&side, mask, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = wg_side_finish(&side, error);

cleanup:
    wg_side_discard(&side);
    return status;
}

// Bits set, or UINT32_MAX if one stands for a row at or above rows. first is the page's first row.
static uint32_t count_bits(const uint64_t words[WG_MASK_WORDS], uint64_t first, uint64_t rows)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < WG_MASK_WORDS; i++) {
        uint64_t begin = first + (uint64_t)i * 64;
        uint64_t valid = rows >= begin + 64 ? UINT64_MAX
                         : rows > begin     ? ((uint64_t)1 << (rows - begin)) - 1
                                            : 0;
        if ((words[i] & ~valid) != 0) return UINT32_MAX;
        count += (uint32_t)__builtin_popcountll(words[i]);
    }
    return count;
}

// Reads one page into the mask. *next is the lowest page that may follow.
static waggle_status read_page(wg_side_file *side, wg_heap *heap, wg_mask *mask, uint32_t *next,
                               waggle_error *error)
{
    uint8_t head[PAGE_HEAD_SIZE];
    waggle_status status = wg_side_get(side, head, sizeof(head), error);
    if (status != WAGGLE_OK) return status;
    uint32_t index = wg_get32(head);
    if (index < *next || index >= mask->page_count)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: page %" PRIu32 ", expected one from %" PRIu32 " to %" PRIu32,
                       side->path, index, *next, mask->page_count);
    wg_mask_page *page = page_create(heap, NULL);
    if (page == NULL) return wg_fail_memory(error, sizeof(*page), "a mask of deleted rows");
    mask->pages[index] = page->words; // moved: the mask frees it
    status = wg_side_get(side, page->words, PAGE_SIZE, error);
    if (status != WAGGLE_OK) return status;
    page->count = count_bits(page->words, (uint64_t)index * WG_MASK_BITS, mask->rows);
    if (page->count == 0 || page->count != wg_get32(head + 4))
        return wg_fail(error, WAGGLE_CORRUPT, "%s: page %" PRIu32 " does not hold its %" PRIu32,
                       side->path, index, wg_get32(head + 4));
    mask->count += page->count;
    *next = index + 1;
    return WAGGLE_OK;
}

waggle_status wg_mask_read(wg_vfs *vfs, wg_heap *heap, const char *path, uint64_t rows,
                           wg_mask **mask, uint64_t *sequence, waggle_error *error)
{
    wg_mask *made = NULL;
    wg_side_file side;
    wg_side_header header = {.magic = MAGIC};
    waggle_status status = wg_side_open(&side, vfs, heap, path, &header, error);
    if (status != WAGGLE_OK) goto cleanup;
    if (header.rows != rows) {
        status = wg_fail(error, WAGGLE_CORRUPT,
                         "%s: is of a part of %" PRIu64 " rows, expected %" PRIu64, path,
                         header.rows, rows);
        goto cleanup;
    }
    made = wg_mask_create(heap, rows);
    if (made == NULL) {
        status = wg_fail_memory(error, (size_t)(rows / WG_MASK_BITS), "a mask of deleted rows");
        goto cleanup;
    }
    for (uint32_t next = 0; side.left > 0;) {
        status = read_page(&side, heap, made, &next, error);
        if (status != WAGGLE_OK) goto cleanup;
    }
    status = wg_side_end(&side, error);
    if (status != WAGGLE_OK) goto cleanup;
    if (made->count != header.count) {
        status = wg_fail(error, WAGGLE_CORRUPT, "%s: %" PRIu64 " rows, expected %" PRIu64, path,
                         made->count, header.count);
        goto cleanup;
    }
    *sequence = header.sequence;
    *mask = made;
    made = NULL; // moved to the caller

cleanup:
    wg_mask_release(made);
    wg_side_close(&side);
    return status;
}
