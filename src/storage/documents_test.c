// Payloads: every document comes back byte for byte, whatever its size and whatever its neighbors are.
#include "storage/documents.h"
#include "storage/segment_testing.h"
#include "support/sim_disk.h"
#include "support/test.h"

#define PATH "/documents.wseg"

// The document of a row, made from its number alone; {NULL, 0} = absent.
typedef waggle_text (*document_fn)(uint64_t row, char *text, size_t capacity);

#define TEXT_SIZE (WAGGLE_PAYLOAD_SIZE_MAX + 1u)

static waggle_status write_documents(wg_vfs *vfs, wg_heap *heap, uint64_t rows, document_fn of,
                                     char *text, waggle_error *error)
{
    wg_segment_writer *segment = NULL;
    wg_document_writer *writer = NULL;
    uint64_t size = 0;
    waggle_status status = wg_segment_create(vfs, heap, PATH, &segment, error);
    if (status == WAGGLE_OK) status = wg_segment_part_begin(segment, 1, error);
    if (status == WAGGLE_OK) status = wg_document_writer_create(heap, segment, &writer, error);
    for (uint64_t row = 0; row < rows && status == WAGGLE_OK; row++)
        status = wg_document_writer_add(writer, of(row, text, TEXT_SIZE), error);
    if (status == WAGGLE_OK) status = wg_document_writer_finish(writer, error);
    wg_document_writer_destroy(writer);
    if (status == WAGGLE_OK) status = wg_segment_part_end(segment, rows, 1, error);
    if (status == WAGGLE_OK) status = wg_segment_finish(segment, &size, NULL, error);
    wg_segment_writer_destroy(segment);
    return status;
}

static void check_document(wg_document_reader *reader, wg_document_column *column, uint64_t row,
                           document_fn of, char *text)
{
    waggle_error error;
    waggle_text document;
    waggle_text expected = of(row, text, TEXT_SIZE);
    WG_OK(wg_document_read(reader, column, row, &document, &error));
    WG_CHECK((document.data == NULL) == (expected.data == NULL));
    WG_CHECK_U64(document.size, expected.size);
    if (document.size > 0) WG_CHECK(memcmp(document.data, expected.data, document.size) == 0);
}

// Opens the file; the caller releases it.
static wg_segment_file *open_column(wg_vfs *vfs, wg_document_column *column)
{
    waggle_error error;
    wg_segment_file *file = NULL;
    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    WG_OK(wg_document_column_open(column, file, wg_segment_part(file, 0), &error));
    return file;
}

// Writes, and reads in order and at random. Returns the packed size.
static uint64_t round_trip(uint64_t rows, document_fn of)
{
    waggle_error error;
    char *text = malloc(TEXT_SIZE);
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_document_reader *reader = wg_document_reader_create(NULL);
    test_random random = {test_seed(rows)};
    wg_document_column column;
    waggle_text document;
    WG_OK(write_documents(vfs, NULL, rows, of, text, &error));
    wg_segment_file *file = open_column(vfs, &column);
    for (uint64_t row = 0; row < rows; row++)
        check_document(reader, &column, row, of, text);
    for (uint64_t i = 0; i < 30 && rows > 0; i++)
        check_document(reader, &column, test_below(&random, rows), of, text);
    WG_FAILS(WAGGLE_INVALID, wg_document_read(reader, &column, rows, &document, &error));
    WG_OK(wg_segment_verify(file, NULL, &error));
    uint64_t size = column.blocks == NULL ? 0 : column.blocks->size;
    wg_document_column_close(&column);
    wg_document_reader_destroy(reader);
    wg_segment_release(file);
    wg_vfs_memory_destroy(vfs);
    free(text);
    return size;
}

static waggle_text ordinary(uint64_t row, char *text, size_t capacity)
{
    static const char *const colors[] = {"red", "green", "blue", "violet"};
    test_random random = {row};
    uint64_t number = test_next(&random);
    int size = snprintf(text, capacity,
                        "{\"title\":\"number %llu\",\"color\":\"%s\",\"price\":%llu.%02llu,"
                        "\"tags\":[\"%llx\",\"%llx\"]}",
                        (unsigned long long)row, colors[number % 4],
                        (unsigned long long)(number >> 20) % 10000,
                        (unsigned long long)(number >> 9) % 100, (unsigned long long)(number >> 50),
                        (unsigned long long)(number >> 60));
    return (waggle_text){text, (size_t)size};
}

static waggle_text absent(uint64_t row, char *text, size_t capacity)
{
    (void)row;
    (void)text;
    (void)capacity;
    return (waggle_text){NULL, 0};
}

// Absent, empty and short ones in turn, with long runs of absent ones before, between and behind.
static waggle_text sparse(uint64_t row, char *text, size_t capacity)
{
    if (row < 1000 || row % 40000 > 20000) return absent(row, text, capacity);
    if (row % 3 == 0) return absent(row, text, capacity);
    if (row % 3 == 1) return (waggle_text){"", 0};
    return ordinary(row, text, capacity);
}

// One of each size around the bounds, noise that does not pack among them.
static waggle_text large(uint64_t row, char *text, size_t capacity)
{
    static const size_t sizes[] = {10,
                                   65536 - 4,
                                   65536 - 3,
                                   1,
                                   65536,
                                   0,
                                   3u << 20,
                                   7,
                                   WAGGLE_PAYLOAD_SIZE_MAX,
                                   WAGGLE_PAYLOAD_SIZE_MAX,
                                   1};
    WG_ASSERT(capacity >= WAGGLE_PAYLOAD_SIZE_MAX);
    size_t size = sizes[row % WG_COUNT(sizes)];
    test_random random = {row};
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        uint64_t noise = test_next(&random);
        memcpy(text + at, &noise, 8);
    }
    memset(text + at, 'x', size - at);
    return (waggle_text){text, size};
}

WG_TEST(ordinary_documents_come_back)
{
    static const uint64_t counts[] = {0, 1, 2, 900};
    for (size_t i = 0; i < WG_COUNT(counts); i++)
        round_trip(counts[i], ordinary);
    WG_CHECK(round_trip(20000, ordinary) < 20000 * 40); // of about 85
}

WG_TEST(absent_and_empty_documents_are_told_apart)
{
    round_trip(100000, sparse);
}

WG_TEST(a_part_without_documents_has_no_sections)
{
    WG_CHECK_U64(round_trip(1000, absent), 0);
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_document_column column;
    WG_OK(write_documents(vfs, NULL, 10, absent, NULL, &error));
    wg_segment_file *file = open_column(vfs, &column);
    WG_CHECK(column.blocks == NULL);
    WG_CHECK_U64(wg_segment_part(file, 0)->section_count, 0);
    wg_segment_release(file);
    wg_vfs_memory_destroy(vfs);
}

WG_TEST(documents_of_up_to_16_mib_come_back)
{
    round_trip(11, large);
}

WG_TEST(a_document_above_16_mib_is_refused)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_segment_writer *segment = NULL;
    wg_document_writer *writer = NULL;
    WG_OK(wg_segment_create(vfs, NULL, PATH, &segment, &error));
    WG_OK(wg_segment_part_begin(segment, 1, &error));
    WG_OK(wg_document_writer_create(NULL, segment, &writer, &error));
    WG_FAILS_WITH(
        WAGGLE_INVALID, "16777217 bytes; the most is 16777216",
        wg_document_writer_add(writer, (waggle_text){"", WAGGLE_PAYLOAD_SIZE_MAX + 1}, &error));
    wg_document_writer_destroy(writer);
    wg_segment_writer_destroy(segment);
    wg_vfs_memory_destroy(vfs);
}

// Long keys, each seen a few times in a block: what a dictionary is for.
static waggle_text shaped(uint64_t row, char *text, size_t capacity)
{
    test_random random = {row};
    uint64_t kind = test_below(&random, 900);
    test_random name = {kind};
    int size = snprintf(text, capacity, "{\"%016llx%016llx%016llx\":%llu}",
                        (unsigned long long)test_next(&name), (unsigned long long)test_next(&name),
                        (unsigned long long)test_next(&name),
                        (unsigned long long)test_below(&random, 1000));
    return (waggle_text){text, (size_t)size};
}

WG_TEST(a_dictionary_is_written_only_where_it_pays)
{
    waggle_error error;
    char text[200];
    char *large_text = malloc(TEXT_SIZE);
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_document_column column;
    WG_OK(write_documents(vfs, NULL, 11, large, large_text, &error));
    wg_segment_file *file = open_column(vfs, &column);
    WG_CHECK(column.dictionary == NULL); // noise
    wg_segment_release(file);
    WG_CHECK(wg_vfs_unlink(vfs, PATH, NULL) == WAGGLE_OK);
    WG_OK(write_documents(vfs, NULL, 100, shaped, text, &error));
    file = open_column(vfs, &column);
    WG_CHECK(column.dictionary == NULL); // too few
    wg_segment_release(file);
    WG_CHECK(wg_vfs_unlink(vfs, PATH, NULL) == WAGGLE_OK);
    WG_OK(write_documents(vfs, NULL, 30000, shaped, text, &error));
    file = open_column(vfs, &column);
    WG_CHECK(column.dictionary != NULL);
    WG_CHECK(column.dictionary_size <= 16384);
    wg_segment_release(file);
    wg_vfs_memory_destroy(vfs);
    free(large_text);
    round_trip(30000, shaped);
}

WG_TEST(a_reader_may_turn_between_files)
{
    enum {
        FILES = 12
    };

    waggle_error error;
    char text[2][200];
    wg_document_reader *reader = wg_document_reader_create(NULL);
    wg_vfs *disks[FILES];
    wg_segment_file *files[FILES];
    wg_document_column columns[FILES];
    for (uint32_t i = 0; i < FILES; i++) {
        disks[i] = wg_vfs_memory_create(NULL);
        WG_OK(write_documents(disks[i], NULL, 3000 + i, i % 2 == 0 ? shaped : ordinary, text[0],
                              &error));
        files[i] = open_column(disks[i], &columns[i]);
    }
    for (uint64_t row = 0; row < 300; row++) {
        uint32_t i = (uint32_t)(row * 7 % FILES);
        waggle_text document;
        waggle_text expected = (i % 2 == 0 ? shaped : ordinary)(row * 9, text[1], 200);
        WG_OK(wg_document_read(reader, &columns[i], row * 9, &document, &error));
        WG_CHECK_U64(document.size, expected.size);
        WG_CHECK(memcmp(document.data, expected.data, expected.size) == 0);
    }
    for (uint32_t i = 0; i < FILES; i++) {
        wg_document_column_close(&columns[i]);
        wg_segment_release(files[i]);
        wg_vfs_memory_destroy(disks[i]);
    }
    wg_document_reader_destroy(reader);
}

WG_TEST(every_failing_allocation_is_reported)
{
    char text[200];
    for (uint64_t n = 1;; n++) {
        waggle_error error;
        test_heap heap;
        wg_vfs *vfs = wg_vfs_memory_create(NULL);
        wg_segment_file *file = NULL;
        wg_document_reader *reader = NULL;
        wg_document_column column = {0};
        waggle_text document;
        test_heap_init(&heap);
        heap.fail_at = n;
        waggle_status status = write_documents(vfs, &heap.heap, 2600, shaped, text, &error);
        if (status == WAGGLE_OK) status = wg_segment_open(vfs, &heap.heap, PATH, &file, &error);
        if (status == WAGGLE_OK) {
            WG_OK(wg_document_column_open(&column, file, wg_segment_part(file, 0), &error));
            reader = wg_document_reader_create(&heap.heap);
            status = reader == NULL ? WAGGLE_OUT_OF_MEMORY
                                    : wg_document_read(reader, &column, 999, &document, &error);
        }
        WG_CHECK(status == WAGGLE_OK || status == WAGGLE_OUT_OF_MEMORY);
        WG_CHECK((status == WAGGLE_OK) == (heap.failed == 0));
        wg_document_reader_destroy(reader);
        wg_document_column_close(&column);
        wg_segment_release(file);
        wg_vfs_memory_destroy(vfs);
        WG_CHECK(heap.live == 0);
        if (heap.failed == 0) break;
    }
}

WG_TEST(every_failing_call_of_the_disk_is_reported)
{
    char text[200];
    for (uint64_t n = 1;; n++) {
        waggle_error error;
        wg_vfs *vfs = sim_disk_create(n);
        sim_disk_fail(vfs, SIM_ANY, n, WAGGLE_DISK_FULL, false, true);
        waggle_status status = write_documents(vfs, NULL, 1000, ordinary, text, &error);
        uint64_t failed = sim_disk_failed(vfs);
        sim_disk_fail(vfs, SIM_ANY, 0, WAGGLE_OK, false, false);
        WG_CHECK(status == (failed == 0 ? WAGGLE_OK : WAGGLE_DISK_FULL));
        WG_CHECK(wg_vfs_exists(vfs, PATH) == (failed == 0));
        sim_disk_destroy(vfs);
        if (failed == 0) break;
    }
}

// Writes a part whose only block unpacks to these bytes, and reads row 1 of 2.
static waggle_status read_block(const uint8_t *raw, size_t raw_size, uint32_t rows,
                                waggle_error *error)
{
    uint8_t packed[200];
    uint8_t index[24] = {0};
    size_t packed_size = sizeof(packed);
    uint64_t size = 0;
    waggle_text document;
    wg_document_column column;
    wg_segment_writer *segment = NULL;
    wg_section_handle section = 0;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_document_reader *reader = wg_document_reader_create(NULL);
    wg_zstd *zstd = wg_zstd_create(1, NULL, 0);
    WG_CHECK(wg_zstd_compress(zstd, raw, raw_size, packed, &packed_size, error) == WAGGLE_OK);
    wg_put32(index + 4, rows);
    wg_put32(index + 16, (uint32_t)packed_size);
    wg_put32(index + 20, (uint32_t)raw_size);
    const void *data[] = {packed, index};
    size_t sizes[] = {packed_size, sizeof(index)};
    waggle_status status = wg_segment_create(vfs, NULL, PATH, &segment, error);
    if (status == WAGGLE_OK) status = wg_segment_part_begin(segment, 1, error);
    for (uint32_t i = 0; i < 2 && status == WAGGLE_OK; i++) {
        status = wg_segment_section_begin(segment,
                                          i == 0 ? WG_SECTION_PAYLOAD : WG_SECTION_PAYLOAD_INDEX, 0,
                                          0, 0, 0, &section, error);
        if (status == WAGGLE_OK)
            status = wg_segment_section_append(segment, section, data[i], sizes[i], error);
        if (status == WAGGLE_OK) status = wg_segment_section_end(segment, section, error);
    }
    if (status == WAGGLE_OK) status = wg_segment_part_end(segment, 2, 1, error);
    if (status == WAGGLE_OK) status = wg_segment_finish(segment, &size, NULL, error);
    WG_CHECK(status == WAGGLE_OK);
    wg_segment_writer_destroy(segment);
    wg_segment_file *file = open_column(vfs, &column);
    status = wg_document_read(reader, &column, 1, &document, error);
    wg_document_column_close(&column);
    wg_document_reader_destroy(reader);
    wg_segment_release(file);
    wg_zstd_destroy(zstd);
    wg_vfs_memory_destroy(vfs);
    return status;
}

WG_TEST(blocks_whose_sizes_do_not_add_up_are_refused)
{
    waggle_error error;
    uint8_t raw[] = {'a', 'b', 2, 0, 0, 0, 2, 0, 0, 0}; // "a", "b"
    WG_OK(read_block(raw, sizeof(raw), 2, &error));
    WG_FAILS_WITH(WAGGLE_CORRUPT, "are no block", read_block(raw, sizeof(raw), 3, &error));
    raw[6] = 1; // a byte too few
    WG_FAILS_WITH(WAGGLE_CORRUPT, "are no block", read_block(raw, sizeof(raw), 2, &error));
    raw[6] = 3; // one too many
    WG_FAILS_WITH(WAGGLE_CORRUPT, "are no block", read_block(raw, sizeof(raw), 2, &error));
    memset(raw + 2, 0xff, 8);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "are no block", read_block(raw, sizeof(raw), 2, &error));
}

WG_TEST(columns_that_contradict_themselves_never_read_outside)
{
    waggle_error error;
    char text[200];
    size_t size = 0;
    test_random random = {test_seed(6)};
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_document_reader *reader = wg_document_reader_create(NULL);
    WG_OK(write_documents(vfs, NULL, 2000, ordinary, text, &error));
    uint8_t *original = forge_read(vfs, PATH, &size);
    uint8_t *data = malloc(size);
    wg_document_column column;
    wg_segment_file *file = open_column(vfs, &column);
    size_t index = (size_t)(column.blocks->offset + column.blocks->size);
    wg_segment_release(file);
    uint64_t rounds = test_rounds(3000, 100000);
    for (uint64_t round = 0; round < rounds; round++) {
        memcpy(data, original, size);
        // Half of the changes hit what follows the blocks: the index and the tables.
        size_t from = round % 2 == 0 ? WG_SEGMENT_HEADER_SIZE : index;
        for (uint64_t i = 1 + test_below(&random, 4); i > 0; i--)
            data[from + test_below(&random, size - from)] = (uint8_t)test_next(&random);
        forge_segment(data, size);
        forge_write(vfs, PATH, data, size);
        if (wg_segment_open(vfs, NULL, PATH, &file, &error) != WAGGLE_OK) continue;
        const wg_part *part = wg_segment_part(file, 0);
        if (part != NULL && wg_document_column_open(&column, file, part, &error) == WAGGLE_OK) {
            for (uint64_t row = 0; row < column.rows && row < 2000; row += 97) {
                waggle_text document = {NULL, 0};
                waggle_status status = wg_document_read(reader, &column, row, &document, &error);
                WG_CHECK(status == WAGGLE_OK || status == WAGGLE_CORRUPT);
                if (status == WAGGLE_OK && document.size > 0) // touches both ends
                    WG_CHECK(document.data[0] + document.data[document.size - 1] < 512);
            }
            wg_document_column_close(&column);
        }
        wg_segment_release(file);
    }
    free(original);
    free(data);
    wg_document_reader_destroy(reader);
    wg_vfs_memory_destroy(vfs);
}
