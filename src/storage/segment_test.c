// Segment files: what is written is read, and whatever was changed since is refused.
#include "storage/segment_testing.h"
#include "support/sim_disk.h"
#include "support/test.h"

#define PATH "/part.wseg"

// A section of a written file, as it is expected back.
typedef struct expected_section {
    wg_section_kind kind;
    uint16_t name;
    uint64_t size;
} expected_section;

static void fill(uint8_t *data, size_t size, uint64_t seed)
{
    test_random random = {seed};
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)test_next(&random);
}

static uint8_t *bytes_of(size_t size, uint64_t seed)
{
    uint8_t *data = malloc(size + 1);
    WG_ASSERT(data != NULL);
    fill(data, size, seed);
    return data;
}

// Appends in pieces of random sizes, so that blocks begin and end anywhere in a piece.
static waggle_status append(wg_segment_writer *writer, wg_section_handle section,
                            const uint8_t *data, size_t size, test_random *random,
                            waggle_error *error)
{
    size_t at = 0;
    while (at < size) {
        size_t piece = 1 + (size_t)test_below(random, 3 * WG_BLOCK_SIZE / 2);
        size_t take = WG_MIN(size - at, piece);
        waggle_status status = wg_segment_section_append(writer, section, data + at, take, error);
        if (status != WAGGLE_OK) return status;
        at += take;
    }
    return WAGGLE_OK;
}

static waggle_status put(wg_segment_writer *writer, wg_section_kind kind, uint16_t name,
                         size_t size, uint64_t seed, waggle_error *error)
{
    test_random random = {seed};
    wg_section_handle section = 0;
    uint8_t *data = bytes_of(size, seed);
    waggle_status status =
        wg_segment_section_begin(writer, kind, name, 0, 7, size, &section, error);
    if (status == WAGGLE_OK) status = append(writer, section, data, size, &random, error);
    if (status == WAGGLE_OK) status = wg_segment_section_end(writer, section, error);
    free(data);
    return status;
}

static void check_section(wg_segment_file *file, const wg_part *part, wg_section_kind kind,
                          uint16_t name, size_t size, uint64_t seed)
{
    waggle_error error;
    const void *bytes = NULL;
    const wg_section *section = wg_part_section(part, kind, name);
    WG_CHECK(section != NULL);
    WG_CHECK_U64(section->size, size);
    WG_CHECK_U64(section->stride, 7);
    WG_CHECK_U64(section->offset % (size > WG_SECTION_LARGE ? 65536 : 64), 0);
    WG_OK(wg_segment_bytes(file, section, 0, size, &bytes, &error));
    uint8_t *data = bytes_of(size, seed);
    WG_CHECK(memcmp(bytes, data, size) == 0);
    free(data);
}

// A file of two small parts with gaps between their sections.
static waggle_status write_small(wg_vfs *vfs, wg_heap *heap, uint8_t digest[WG_SHA256_SIZE],
                                 waggle_error *error)
{
    wg_segment_writer *writer = NULL;
    wg_section_handle section = 0;
    uint64_t size = 0;
    waggle_status status = wg_segment_create(vfs, heap, PATH, &writer, error);
    if (status == WAGGLE_OK && digest != NULL) status = wg_segment_digest_begin(writer, error);
    if (status == WAGGLE_OK) status = wg_segment_part_begin(writer, 7, error);
    if (status == WAGGLE_OK) status = put(writer, WG_SECTION_VECTORS, 0, 100, 1, error);
    if (status == WAGGLE_OK) status = put(writer, WG_SECTION_VERSIONS, 0, 0, 2, error);
    if (status == WAGGLE_OK)
        status = wg_segment_section_begin(writer, WG_SECTION_NORMS, 3, 0, 0, 0, &section, error);
    if (status == WAGGLE_OK) status = wg_segment_section_append(writer, section, "norms", 5, error);
    if (status == WAGGLE_OK) status = wg_segment_section_end(writer, section, error);
    if (status == WAGGLE_OK) status = put(writer, WG_SECTION_STATISTICS, 0, 65, 3, error);
    if (status == WAGGLE_OK) status = wg_segment_part_end(writer, 11, 12, error);
    if (status == WAGGLE_OK) status = wg_segment_part_begin(writer, 8, error);
    if (status == WAGGLE_OK) status = put(writer, WG_SECTION_VECTORS, 0, 63, 4, error);
    if (status == WAGGLE_OK) status = wg_segment_part_end(writer, 1, 13, error);
    if (status == WAGGLE_OK) status = wg_segment_finish(writer, &size, digest, error);
    wg_segment_writer_destroy(writer);
    return status;
}

static void check_small(wg_vfs *vfs)
{
    waggle_error error;
    wg_segment_file *file = NULL;
    uint64_t blocks = 0;
    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    WG_CHECK_U64(wg_segment_part_count(file), 2);
    const wg_part *part = wg_segment_part(file, 0);
    WG_CHECK_U64(part->collection, 7);
    WG_CHECK_U64(part->section_count, 4);
    WG_CHECK_U64(part->rows, 11);
    WG_CHECK_U64(part->sequence, 12);
    WG_CHECK_U64(part->bytes, 100 + 0 + 5 + 65);
    check_section(file, part, WG_SECTION_VECTORS, 0, 100, 1);
    check_section(file, part, WG_SECTION_VERSIONS, 0, 0, 2);
    check_section(file, part, WG_SECTION_STATISTICS, 0, 65, 3);
    WG_CHECK(wg_part_section(part, WG_SECTION_NORMS, 0) == NULL);
    const void *bytes = NULL;
    WG_OK(wg_segment_bytes(file, wg_part_section(part, WG_SECTION_NORMS, 3), 0, 5, &bytes, &error));
    WG_CHECK(memcmp(bytes, "norms", 5) == 0);
    check_section(file, wg_segment_part(file, 1), WG_SECTION_VECTORS, 0, 63, 4);
    WG_CHECK(wg_segment_part(file, 2) == NULL);
    WG_OK(wg_segment_verify(file, &blocks, &error));
    WG_CHECK_U64(blocks, 4);
    wg_segment_release(file);
}

WG_TEST(a_file_without_parts_is_opened)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_segment_writer *writer = NULL;
    wg_segment_file *file = NULL;
    uint64_t size = 0;
    uint64_t blocks = 1;
    WG_OK(wg_segment_create(vfs, NULL, PATH, &writer, &error));
    WG_OK(wg_segment_finish(writer, &size, NULL, &error));
    wg_segment_writer_destroy(writer);
    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    WG_CHECK_U64(wg_segment_size(file), size);
    WG_CHECK_U64(wg_segment_part_count(file), 0);
    WG_OK(wg_segment_verify(file, &blocks, &error));
    WG_CHECK_U64(blocks, 0);
    wg_segment_release(file);
    wg_vfs_memory_destroy(vfs);
}

WG_TEST(small_parts_are_read_as_written)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    WG_OK(write_small(vfs, NULL, NULL, &error));
    check_small(vfs);
    wg_vfs_memory_destroy(vfs);
}

WG_TEST(sections_of_any_size_are_read_as_written)
{
    static const size_t sizes[] = {1,
                                   63,
                                   64,
                                   65,
                                   WG_BLOCK_SIZE - 1,
                                   WG_BLOCK_SIZE,
                                   WG_BLOCK_SIZE + 1,
                                   WG_SECTION_LARGE,
                                   WG_SECTION_LARGE + 1};
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_segment_writer *writer = NULL;
    wg_segment_file *file = NULL;
    uint64_t size = 0;
    uint64_t blocks = 0;
    WG_OK(wg_segment_create(vfs, NULL, PATH, &writer, &error));
    WG_OK(wg_segment_part_begin(writer, 1, &error));
    for (uint16_t i = 0; i < WG_COUNT(sizes); i++)
        WG_OK(put(writer, WG_SECTION_VECTORS, i, sizes[i], i, &error));
    WG_OK(wg_segment_part_end(writer, 1, 1, &error));
    WG_OK(wg_segment_finish(writer, &size, NULL, &error));
    wg_segment_writer_destroy(writer);

    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    for (uint16_t i = 0; i < WG_COUNT(sizes); i++)
        check_section(file, wg_segment_part(file, 0), WG_SECTION_VECTORS, i, sizes[i], i);
    WG_OK(wg_segment_verify(file, &blocks, &error));
    WG_CHECK_U64(blocks, 4 + 1 + 1 + 2 + 4 + 5);
    WG_CHECK_U64(wg_segment_blocks_verified(file), blocks);
    wg_segment_release(file);
    wg_vfs_memory_destroy(vfs);
}

WG_TEST(the_digest_is_that_of_the_file)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    uint8_t digest[WG_SHA256_SIZE];
    uint8_t expected[WG_SHA256_SIZE];
    size_t size = 0;
    WG_OK(write_small(vfs, NULL, digest, &error));
    uint8_t *data = forge_read(vfs, PATH, &size);
    wg_sha256 *sha = wg_sha256_create();
    wg_sha256_add(sha, data, size);
    wg_sha256_digest(sha, expected);
    wg_sha256_destroy(sha);
    WG_CHECK(memcmp(digest, expected, sizeof(digest)) == 0);
    free(data);
    wg_vfs_memory_destroy(vfs);
}

// Writers of another make may leave more room than ours.
WG_TEST(gaps_of_any_size_are_read_if_they_are_zeros)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_segment_writer *writer = NULL;
    wg_segment_file *file = NULL;
    uint64_t size = 0;
    WG_OK(wg_segment_create(vfs, NULL, PATH, &writer, &error));
    WG_OK(wg_segment_part_begin(writer, 1, &error));
    for (uint16_t i = 0; i < 3; i++) { // said to be large, so 64 KiB apart
        wg_section_handle section = 0;
        WG_OK(wg_segment_section_begin(writer, WG_SECTION_NORMS, i, 0, 0, WG_SECTION_LARGE + 1,
                                       &section, &error));
        WG_OK(wg_segment_section_append(writer, section, "norms", i == 1 ? 0 : 5, &error));
        WG_OK(wg_segment_section_end(writer, section, &error));
    }
    WG_OK(wg_segment_part_end(writer, 1, 1, &error));
    WG_OK(wg_segment_finish(writer, &size, NULL, &error));
    wg_segment_writer_destroy(writer);

    size_t file_size = 0;
    uint8_t *data = forge_read(vfs, PATH, &file_size);
    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    WG_OK(wg_segment_verify(file, NULL, &error));
    const wg_section *last = wg_part_section(wg_segment_part(file, 0), WG_SECTION_NORMS, 2);
    uint64_t offset = last->offset;
    WG_CHECK_U64(offset, 2 * 65536);
    wg_segment_release(file);
    data[offset - 1] = 7;
    forge_write(vfs, PATH, data, file_size);
    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    WG_FAILS_WITH(WAGGLE_CORRUPT, "131071 between sections is 07",
                  wg_segment_verify(file, NULL, &error));
    wg_segment_release(file);
    wg_vfs_memory_destroy(vfs);
    free(data);
}

WG_TEST(blocks_are_compared_at_first_touch_and_damage_names_its_place)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_segment_writer *writer = NULL;
    wg_segment_file *file = NULL;
    const void *bytes = NULL;
    uint64_t size = 0;
    WG_OK(wg_segment_create(vfs, NULL, PATH, &writer, &error));
    WG_OK(wg_segment_part_begin(writer, 1, &error));
    for (uint16_t i = 0; i < 70; i++) // so that the bits of blocks fill more than a word
        WG_OK(put(writer, WG_SECTION_NORMS, i, 10, i, &error));
    WG_OK(put(writer, WG_SECTION_VECTORS, 0, 3 * WG_BLOCK_SIZE + 5, 1, &error));
    WG_OK(wg_segment_part_end(writer, 1, 1, &error));
    WG_OK(wg_segment_finish(writer, &size, NULL, &error));
    wg_segment_writer_destroy(writer);

    size_t file_size = 0;
    uint8_t *data = forge_read(vfs, PATH, &file_size);
    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    const wg_section *section = wg_part_section(wg_segment_part(file, 0), WG_SECTION_VECTORS, 0);
    uint64_t at = section->offset + WG_BLOCK_SIZE + 17;
    wg_segment_release(file);
    data[at] ^= 4;
    forge_write(vfs, PATH, data, file_size);

    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    section = wg_part_section(wg_segment_part(file, 0), WG_SECTION_VECTORS, 0);
    WG_CHECK_U64(wg_segment_blocks_verified(file), 0);
    WG_OK(wg_segment_bytes(file, section, 0, WG_BLOCK_SIZE, &bytes, &error));
    WG_CHECK_U64(wg_segment_blocks_verified(file), 1);
    WG_OK(wg_segment_bytes(file, section, 2 * WG_BLOCK_SIZE, WG_BLOCK_SIZE + 5, &bytes, &error));
    WG_CHECK_U64(wg_segment_blocks_verified(file), 3);
    for (uint32_t i = 0; i < 2; i++) // each time
        WG_FAILS_WITH(WAGGLE_CORRUPT, "part.wseg: section vectors 0, block 1",
                      wg_segment_bytes(file, section, WG_BLOCK_SIZE - 1, 2, &bytes, &error));
    WG_FAILS_WITH(WAGGLE_CORRUPT, "block 1",
                  wg_segment_bytes(file, section, 0, section->size, &bytes, &error));
    WG_FAILS_WITH(WAGGLE_CORRUPT, "block 1", wg_segment_verify(file, NULL, &error));
    WG_OK(wg_segment_bytes(file, section, section->size, 0, &bytes, &error));
    WG_FAILS(WAGGLE_CORRUPT, wg_segment_bytes(file, section, section->size, 1, &bytes, &error));
    WG_FAILS(WAGGLE_CORRUPT, wg_segment_bytes(file, section, 1, UINT64_MAX, &bytes, &error));
    wg_segment_release(file);
    wg_vfs_memory_destroy(vfs);
    free(data);
}

// Writes a small file whose bytes were changed but whose checksums are right, and opens it.
static waggle_status open_forged(size_t at_from_end, const void *bytes, size_t count,
                                 waggle_error *error)
{
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_segment_file *file = NULL;
    size_t size = 0;
    waggle_status status = write_small(vfs, NULL, NULL, error);
    WG_ASSERT(status == WAGGLE_OK);
    uint8_t *data = forge_read(vfs, PATH, &size);
    memcpy(data + size - at_from_end, bytes, count);
    forge_segment(data, size);
    forge_write(vfs, PATH, data, size);
    status = wg_segment_open(vfs, NULL, PATH, &file, error);
    if (status == WAGGLE_OK) status = wg_segment_verify(file, NULL, error);
    wg_segment_release(file);
    wg_vfs_memory_destroy(vfs);
    free(data);
    return status;
}

// The small file ends with: 2 parts, 5 sections, 4 checksums, the trailer.
#define FROM_END_CHECKSUMS (WG_SEGMENT_TRAILER_SIZE + 4 * 4)
#define FROM_END_SECTIONS (FROM_END_CHECKSUMS + 5 * WG_FOOTER_SECTION_SIZE)
#define FROM_END_PARTS (FROM_END_SECTIONS + 2 * WG_FOOTER_PART_SIZE)
#define FROM_END_FOOTER (FROM_END_PARTS + WG_FOOTER_HEAD_SIZE)

static waggle_status open_forged64(size_t at_from_end, uint64_t value, waggle_error *error)
{
    return open_forged(at_from_end, &value, sizeof(value), error);
}

static waggle_status open_forged32(size_t at_from_end, uint32_t value, waggle_error *error)
{
    return open_forged(at_from_end, &value, sizeof(value), error);
}

WG_TEST(tables_that_contradict_the_file_are_refused)
{
    waggle_error error;
    uint64_t values[] = {1, 63, 4032, 4096 + 128, 1u << 20, INT64_MAX, UINT64_MAX - 63, UINT64_MAX};
    WG_OK(open_forged32(FROM_END_PARTS, 7, &error));           // as it is
    size_t empty = FROM_END_SECTIONS - WG_FOOTER_SECTION_SIZE; // before the end of the first
    WG_FAILS_WITH(WAGGLE_CORRUPT, "outside of", open_forged64(empty - 16, 4096, &error));
    for (size_t i = 0; i < WG_COUNT(values); i++) {
        size_t section = FROM_END_SECTIONS;
        WG_FAILS(WAGGLE_CORRUPT, open_forged64(section - 16, values[i], &error)); // offset
        WG_FAILS(WAGGLE_CORRUPT, open_forged64(section - 24, values[i], &error)); // size
        WG_FAILS(WAGGLE_CORRUPT, open_forged64(section - 32, values[i], &error)); // checksums
        WG_FAILS(WAGGLE_CORRUPT, open_forged64(FROM_END_FOOTER - 8, values[i], &error));
        WG_FAILS(WAGGLE_CORRUPT, open_forged64(WG_SEGMENT_TRAILER_SIZE - 16, values[i], &error));
        WG_FAILS(WAGGLE_CORRUPT, open_forged64(WG_SEGMENT_TRAILER_SIZE - 24, values[i], &error));
        WG_FAILS(WAGGLE_CORRUPT, open_forged32(FROM_END_FOOTER, (uint32_t)values[i], &error));
        WG_FAILS(WAGGLE_CORRUPT, open_forged32(FROM_END_FOOTER - 4, (uint32_t)values[i], &error));
        WG_FAILS(WAGGLE_CORRUPT, open_forged32(FROM_END_PARTS - 4, (uint32_t)values[i], &error));
    }
}

WG_TEST(a_newer_format_is_told_from_damage)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_segment_file *file = NULL;
    size_t size = 0;
    WG_OK(write_small(vfs, NULL, NULL, &error));
    uint8_t *data = forge_read(vfs, PATH, &size);
    wg_put32(data + 8, 2);
    forge_write(vfs, PATH, data, size);
    WG_FAILS(WAGGLE_CORRUPT, wg_segment_open(vfs, NULL, PATH, &file, &error));
    forge_segment(data, size);
    forge_write(vfs, PATH, data, size);
    WG_FAILS_WITH(WAGGLE_FORMAT_VERSION, "is 2; this library reads up to 1",
                  wg_segment_open(vfs, NULL, PATH, &file, &error));
    WG_CHECK_U64(error.expected, 1);
    WG_CHECK_U64(error.actual, 2);
    wg_vfs_memory_destroy(vfs);
    free(data);
}

WG_TEST(unknown_kinds_are_skipped_unless_they_are_required)
{
    waggle_error error;
    uint16_t optional[] = {900, 0, 1, 0};
    uint16_t required[] = {900, 0, 1, WG_SECTION_REQUIRED};
    uint16_t newer[] = {WG_SECTION_VECTORS, 0, 2, WG_SECTION_REQUIRED};
    WG_OK(open_forged(FROM_END_SECTIONS, optional, sizeof(optional), &error));
    WG_FAILS_WITH(WAGGLE_FORMAT_VERSION, "kind 900",
                  open_forged(FROM_END_SECTIONS, required, sizeof(required), &error));
    WG_FAILS_WITH(WAGGLE_FORMAT_VERSION, "version 2",
                  open_forged(FROM_END_SECTIONS, newer, sizeof(newer), &error));
}

WG_TEST(a_file_cut_anywhere_or_grown_is_refused)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_segment_file *file = NULL;
    size_t size = 0;
    WG_OK(write_small(vfs, NULL, NULL, &error));
    uint8_t *data = forge_read(vfs, PATH, &size);
    for (size_t cut = 0; cut < size; cut++) {
        forge_write(vfs, PATH, data, cut);
        WG_FAILS(WAGGLE_CORRUPT, wg_segment_open(vfs, NULL, PATH, &file, &error));
    }
    data[size] = 0;
    forge_write(vfs, PATH, data, size + 1);
    WG_FAILS(WAGGLE_CORRUPT, wg_segment_open(vfs, NULL, PATH, &file, &error));
    wg_vfs_memory_destroy(vfs);
    free(data);
}

WG_TEST(a_missing_file_and_a_taken_name_are_told)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_segment_file *file = NULL;
    wg_segment_writer *writer = NULL;
    WG_FAILS(WAGGLE_NOT_FOUND, wg_segment_open(vfs, NULL, PATH, &file, &error));
    WG_OK(write_small(vfs, NULL, NULL, &error));
    WG_FAILS(WAGGLE_EXISTS, wg_segment_create(vfs, NULL, PATH, &writer, &error));
    check_small(vfs); // and is left as it was
    wg_vfs_memory_destroy(vfs);
}

WG_TEST(every_failing_allocation_is_reported_and_leaves_nothing)
{
    for (uint32_t persistent = 0; persistent < 2; persistent++) {
        for (uint64_t n = 1;; n++) {
            waggle_error error;
            test_heap heap;
            uint8_t digest[WG_SHA256_SIZE];
            wg_segment_file *file = NULL;
            wg_vfs *vfs = wg_vfs_memory_create(NULL);
            test_heap_init(&heap);
            heap.fail_at = n;
            heap.persistent = persistent != 0;
            waggle_status status = write_small(vfs, &heap.heap, digest, &error);
            bool written = status == WAGGLE_OK;
            WG_CHECK(wg_vfs_exists(vfs, PATH) == written);
            if (written) status = wg_segment_open(vfs, &heap.heap, PATH, &file, &error);
            wg_segment_release(file);
            WG_CHECK(status == WAGGLE_OK || status == WAGGLE_OUT_OF_MEMORY);
            WG_CHECK((status == WAGGLE_OK) == (heap.failed == 0));
            WG_CHECK(heap.live == 0);
            if (written) check_small(vfs);
            wg_vfs_memory_destroy(vfs);
            if (heap.failed == 0) break;
        }
    }
}

WG_TEST(every_failing_call_of_the_disk_is_reported_and_leaves_nothing)
{
    for (uint32_t mode = 0; mode < 4; mode++) { // once or from then on, whole or torn
        for (uint64_t n = 1;; n++) {
            waggle_error error;
            uint8_t digest[WG_SHA256_SIZE];
            wg_segment_file *file = NULL;
            wg_vfs *vfs = sim_disk_create(n);
            sim_disk_fail(vfs, SIM_ANY, n, WAGGLE_IO, (mode & 1) != 0, (mode & 2) != 0);
            waggle_status status = write_small(vfs, NULL, digest, &error);
            bool written = status == WAGGLE_OK;
            if (written) status = wg_segment_open(vfs, NULL, PATH, &file, &error);
            if (status == WAGGLE_OK) status = wg_segment_verify(file, NULL, &error);
            wg_segment_release(file);
            uint64_t failed = sim_disk_failed(vfs);
            WG_CHECK((status == WAGGLE_OK) == (failed == 0));
            WG_CHECK(status == WAGGLE_OK || status == WAGGLE_IO);
            sim_disk_fail(vfs, SIM_ANY, 0, WAGGLE_OK, false, false);
            if (written) check_small(vfs);
            // Where even removing it fails, the unfinished file stays, and is no segment.
            if (!written && (mode & 1) == 0) WG_CHECK(!wg_vfs_exists(vfs, PATH));
            sim_disk_destroy(vfs);
            if (failed == 0) break;
        }
    }
}

WG_TEST(a_finished_file_survives_a_crash)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        waggle_error error;
        wg_vfs *vfs = sim_disk_create(seed);
        WG_OK(write_small(vfs, NULL, NULL, &error));
        sim_disk_crash(vfs, seed);
        check_small(vfs);
        sim_disk_destroy(vfs);
    }
}

WG_TEST(a_file_in_use_is_unmapped_with_its_last_reference)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    test_heap heap;
    wg_segment_file *file = NULL;
    wg_segment_file *other = NULL;
    test_heap_init(&heap);
    WG_OK(write_small(vfs, NULL, NULL, &error));
    WG_OK(wg_segment_open(vfs, &heap.heap, PATH, &file, &error));
    WG_OK(wg_segment_open(vfs, &heap.heap, PATH, &other, &error));
    WG_CHECK(wg_segment_serial(file) != wg_segment_serial(other));
    wg_segment_release(other);
    wg_segment_retain(file);
    wg_segment_release(file);
    WG_CHECK_TEXT(wg_segment_path(file), PATH);
    wg_segment_release(file);
    WG_CHECK_U64(heap.live, 0);
    wg_segment_release(NULL);
    wg_vfs_memory_destroy(vfs);
}
