// Every single bit of a small segment file, of a mask and of an overlay: flipped, it is found, or what is
// read is the same as before.
#include "storage/documents.h"
#include "storage/segment_testing.h"
#include "storage/side.h"
#include "support/test.h"

#define PATH "/flip"
#define ROWS 40u

// A part with every kind of section that this folder reads.
static void write_part(wg_vfs *vfs)
{
    waggle_error error;
    wg_segment_writer *writer = NULL;
    wg_document_writer *documents = NULL;
    wg_id_writer *ids = wg_id_writer_create(NULL);
    wg_section_handle section = 0;
    uint64_t size = 0;
    WG_OK(wg_segment_create(vfs, NULL, PATH, &writer, &error));
    WG_OK(wg_segment_part_begin(writer, 3, &error));
    WG_OK(wg_segment_section_begin(writer, WG_SECTION_VECTORS, 0, 0, 4, 0, &section, &error));
    for (uint32_t i = 0; i < ROWS; i++)
        WG_OK(wg_segment_section_append(writer, section, &i, sizeof(i), &error));
    WG_OK(wg_segment_section_end(writer, section, &error));
    WG_OK(wg_document_writer_create(NULL, writer, &documents, &error));
    for (uint32_t i = 0; i < ROWS; i++) {
        char text[32];
        int length = snprintf(text, sizeof(text), "{\"n\":%u}", i);
        uint64_t replaced;
        waggle_id id = waggle_id_number(i * 7919 % 37); // three of them twice
        WG_OK(wg_id_writer_add(ids, &id, &replaced, &error));
        WG_OK(wg_document_writer_add(documents, (waggle_text){text, (size_t)length}, &error));
    }
    WG_OK(wg_document_writer_finish(documents, &error));
    WG_OK(wg_id_writer_write(ids, writer, &error));
    WG_OK(wg_segment_part_end(writer, ROWS, 99, &error));
    WG_OK(wg_segment_finish(writer, &size, NULL, &error));
    wg_segment_writer_destroy(writer);
    wg_document_writer_destroy(documents);
    wg_id_writer_destroy(ids);
}

// Opens the file and reads all of it.
static waggle_status read_part(wg_vfs *vfs, bool verify)
{
    waggle_error error;
    wg_segment_file *file = NULL;
    wg_id_column ids;
    wg_document_column documents = {0};
    wg_document_reader *reader = wg_document_reader_create(NULL);
    waggle_status status = wg_segment_open(vfs, NULL, PATH, &file, &error);
    if (status != WAGGLE_OK) goto cleanup;
    const wg_part *part = wg_segment_part(file, 0);
    const wg_section *vectors = wg_part_section(part, WG_SECTION_VECTORS, 0);
    const void *bytes = NULL;
    status = verify ? wg_segment_verify(file, NULL, &error) : WAGGLE_OK;
    if (status != WAGGLE_OK) goto cleanup;
    status = wg_id_column_open(&ids, file, part, &error);
    if (status != WAGGLE_OK) goto cleanup;
    status = wg_document_column_open(&documents, file, part, &error);
    if (status != WAGGLE_OK) goto cleanup;
    status = wg_segment_bytes(file, vectors, 0, vectors->size, &bytes, &error);
    if (status != WAGGLE_OK) goto cleanup;
    WG_CHECK_U64(part->rows, ROWS);
    for (uint32_t i = 0; i < ROWS; i++) {
        char text[32];
        int length = snprintf(text, sizeof(text), "{\"n\":%u}", i);
        waggle_text document;
        waggle_id id;
        WG_CHECK_U64(wg_get32((const uint8_t *)bytes + i * sizeof(i)), i);
        wg_id_column_get(&ids, i, &id);
        WG_CHECK_U64(id.value.number, i * 7919 % 37);
        status = wg_document_read(reader, &documents, i, &document, &error);
        if (status != WAGGLE_OK) goto cleanup;
        WG_CHECK_U64(document.size, length);
        WG_CHECK(memcmp(document.data, text, document.size) == 0);
    }

cleanup:
    wg_document_reader_destroy(reader);
    wg_document_column_close(&documents);
    wg_segment_release(file);
    return status;
}

typedef waggle_status (*read_fn)(wg_vfs *vfs);

// Flips each bit in turn. read_fn checks what it reads.
static uint64_t flip_all(wg_vfs *vfs, read_fn read)
{
    wg_file *file = NULL;
    size_t size = 0;
    uint64_t missed = 0;
    uint8_t *data = forge_read(vfs, PATH, &size);
    for (size_t bit = 0; bit < size * 8; bit++) {
        uint8_t flipped = data[bit / 8] ^ (uint8_t)(1u << bit % 8);
        WG_CHECK(wg_file_open(vfs, PATH, WG_OPEN_WRITE, &file, NULL) == WAGGLE_OK);
        WG_CHECK(wg_file_write(file, bit / 8, &flipped, 1, NULL) == WAGGLE_OK);
        waggle_status status = read(vfs);
        if (status == WAGGLE_OK) {
            missed++;
        } else if (status != WAGGLE_CORRUPT) {
            fail_msg("bit %zu: %s", bit, waggle_status_name(status));
        }
        WG_CHECK(wg_file_write(file, bit / 8, &data[bit / 8], 1, NULL) == WAGGLE_OK);
        wg_file_close(file);
    }
    free(data);
    return missed;
}

static waggle_status read_verified(wg_vfs *vfs)
{
    return read_part(vfs, true);
}

static waggle_status read_lazily(wg_vfs *vfs)
{
    return read_part(vfs, false);
}

WG_TEST(verify_finds_every_flipped_bit_of_a_segment)
{
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    write_part(vfs);
    WG_CHECK(read_verified(vfs) == WAGGLE_OK);
    WG_CHECK_U64(flip_all(vfs, read_verified), 0);
    wg_vfs_memory_destroy(vfs);
}

WG_TEST(a_flipped_bit_of_a_segment_never_changes_what_is_read)
{
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    write_part(vfs);
    uint64_t missed = flip_all(vfs, read_lazily);
    print_message("%llu bits in gaps and in sections that were not read\n",
                  (unsigned long long)missed);
    WG_CHECK(missed > 0); // the gaps
    wg_vfs_memory_destroy(vfs);
}

static waggle_status read_mask(wg_vfs *vfs)
{
    waggle_error error;
    wg_mask *mask = NULL;
    uint64_t sequence = 0;
    waggle_status status = wg_mask_read(vfs, NULL, PATH, 40000, &mask, &sequence, &error);
    wg_mask_release(mask);
    return status;
}

WG_TEST(every_flipped_bit_of_a_mask_is_found)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    uint32_t set[] = {1, 39999};
    wg_mask *empty = wg_mask_create(NULL, 40000);
    wg_mask *mask = wg_mask_with(NULL, empty, 40000, set, WG_COUNT(set));
    WG_OK(wg_mask_write(vfs, NULL, PATH, mask, 5, &error));
    wg_mask_release(empty);
    wg_mask_release(mask);
    WG_CHECK(read_mask(vfs) == WAGGLE_OK);
    WG_CHECK_U64(flip_all(vfs, read_mask), 0);
    wg_vfs_memory_destroy(vfs);
}

static waggle_status count_entry(void *context, const wg_overlay_entry *entry, waggle_error *error)
{
    (void)entry;
    (void)error;
    ++*(uint64_t *)context;
    return WAGGLE_OK;
}

static waggle_status read_overlay(wg_vfs *vfs)
{
    waggle_error error;
    uint64_t entries = 0;
    uint64_t sequence = 0;
    waggle_status status =
        wg_overlay_read(vfs, NULL, PATH, 100, count_entry, &entries, &sequence, &error);
    if (status != WAGGLE_OK) WG_CHECK_U64(entries, 0); // nobody saw an entry of a damaged file
    return status;
}

WG_TEST(every_flipped_bit_of_an_overlay_is_found_before_an_entry_is_seen)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_overlay_entry entries[] = {
        {3,  9,  {"{\"a\":1}", 7}},
        {4,  10, {NULL, 0}       },
        {99, 11, {"{}", 2}       }
    };
    WG_OK(wg_overlay_write(vfs, NULL, PATH, entries, WG_COUNT(entries), 5, &error));
    WG_CHECK(read_overlay(vfs) == WAGGLE_OK);
    WG_CHECK_U64(flip_all(vfs, read_overlay), 0);
    wg_vfs_memory_destroy(vfs);
}
