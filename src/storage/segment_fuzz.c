// Fuzzes the readers of segment files: the tables, the columns of ids and of payloads.
//
//   byte 0   bit 0: every checksum is made right, so that changes reach the parsers behind
//            bit 1: the input has no header of 4096 bytes; one is put before it
//   from 1   the file
#include "storage/documents.h"
#include "storage/ids.h"
#include "storage/segment_testing.h"

#define PATH "/fuzz.wseg"
#define ROWS_READ 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_ids(wg_segment_file *file, const wg_part *part)
{
    wg_id_column column;
    if (wg_id_column_open(&column, file, part, NULL) != WAGGLE_OK) return;
    for (uint64_t i = 0; i < WG_MIN(part->rows, ROWS_READ); i++) {
        uint8_t bytes[WG_ID_ENCODED_MAX];
        uint32_t row = 0;
        waggle_id id;
        wg_id_column_get(&column, i, &id);
        (void)wg_id_encode(&id, bytes);
        if (wg_id_column_find(&column, &id, &row)) WG_ASSERT(row < part->rows);
        WG_ASSERT(wg_id_column_at(&column, part->rows - 1 - i) < part->rows);
        WG_ASSERT(wg_id_column_seek(&column, &id) <= part->rows);
    }
}

static void read_documents(wg_document_reader *reader, wg_segment_file *file, const wg_part *part)
{
    wg_document_column column;
    if (wg_document_column_open(&column, file, part, NULL) != WAGGLE_OK) return;
    volatile char touched = 0; // so that the bytes are read
    for (uint64_t row = 0; row < WG_MIN(part->rows, ROWS_READ); row++) {
        waggle_text document = {NULL, 0};
        if (wg_document_read(reader, &column, row, &document, NULL) != WAGGLE_OK) continue;
        if (document.size > 0) touched = document.data[0] ^ document.data[document.size - 1];
    }
    (void)touched;
    wg_document_column_close(&column);
}

static void read_segment(wg_vfs *vfs)
{
    wg_segment_file *file = NULL;
    if (wg_segment_open(vfs, NULL, PATH, &file, NULL) != WAGGLE_OK) return;
    wg_document_reader *reader = wg_document_reader_create(NULL);
    WG_ASSERT(reader != NULL);
    (void)wg_segment_verify(file, NULL, NULL);
    for (uint32_t i = 0; i < WG_MIN(wg_segment_part_count(file), 4); i++) {
        const wg_part *part = wg_segment_part(file, i);
        read_ids(file, part);
        read_documents(reader, file, part);
    }
    wg_document_reader_destroy(reader);
    wg_segment_release(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    size_t header = (data[0] & 2) != 0 ? WG_SEGMENT_HEADER_SIZE : 0;
    size_t file_size = header + size - 1;
    uint8_t *bytes = calloc(file_size + 1, 1);
    WG_ASSERT(bytes != NULL);
    if (header > 0) {
        memcpy(bytes, WG_SEGMENT_MAGIC, WG_SEGMENT_MAGIC_SIZE);
        wg_put32(bytes + 8, WG_SEGMENT_VERSION);
        wg_put32(bytes + 12, WG_BLOCK_SIZE);
        wg_put32(bytes + WG_SEGMENT_HEADER_CRC, wg_crc32c(0, bytes, WG_SEGMENT_HEADER_CRC));
    }
    memcpy(bytes + header, data + 1, size - 1);
    if ((data[0] & 1) != 0) forge_segment(bytes, file_size);

    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    WG_ASSERT(vfs != NULL);
    forge_write(vfs, PATH, bytes, file_size);
    read_segment(vfs);
    wg_vfs_memory_destroy(vfs);
    free(bytes);
    return 0;
}
