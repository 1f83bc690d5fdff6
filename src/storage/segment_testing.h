// For tests and fuzz targets of this folder: whole files, and segment files whose checksums are made right
// again after their bytes were changed, so that parsers are reached that damage never reaches.
#pragma once

#include "base/bytes.h"
#include "storage/segment_format.h"

#include <stdlib.h>

// The bytes of a file, to be freed with free().
static inline uint8_t *forge_read(wg_vfs *vfs, const char *path, size_t *size)
{
    wg_file *file = NULL;
    uint64_t file_size = 0;
    waggle_status status = wg_file_open(vfs, path, WG_OPEN_READ, &file, NULL);
    WG_ASSERT(status == WAGGLE_OK);
    status = wg_file_size(file, &file_size, NULL);
    WG_ASSERT(status == WAGGLE_OK);
    uint8_t *data = malloc(file_size + 1);
    WG_ASSERT(data != NULL);
    status = wg_file_read_all(file, 0, data, file_size, NULL);
    WG_ASSERT(status == WAGGLE_OK);
    wg_file_close(file);
    *size = file_size;
    return data;
}

static inline void forge_write(wg_vfs *vfs, const char *path, const uint8_t *data, size_t size)
{
    wg_file *file = NULL;
    waggle_status status = wg_file_open(vfs, path, WG_OPEN_CREATE, &file, NULL);
    WG_ASSERT(status == WAGGLE_OK);
    status = wg_file_truncate(file, 0, NULL);
    if (status == WAGGLE_OK && size > 0) status = wg_file_write(file, 0, data, size, NULL);
    WG_ASSERT(status == WAGGLE_OK);
    wg_file_close(file);
}

// The checksums of the blocks of all sections that lie inside the file.
static inline void forge_blocks(uint8_t *data, size_t size, uint8_t *footer, size_t footer_size)
{
    uint64_t parts = wg_get32(footer);
    uint64_t sections = wg_get32(footer + 4);
    uint64_t table = WG_FOOTER_HEAD_SIZE + parts * WG_FOOTER_PART_SIZE;
    uint64_t checksums = table + sections * WG_FOOTER_SECTION_SIZE;
    if (checksums > footer_size) return;
    uint64_t count = (footer_size - checksums) / WG_FOOTER_CHECKSUM_SIZE;
    for (uint64_t i = 0; i < sections; i++) {
        const uint8_t *entry = footer + table + i * WG_FOOTER_SECTION_SIZE;
        uint64_t offset = wg_get64(entry + 16);
        uint64_t left = wg_get64(entry + 24);
        uint64_t block = wg_get64(entry + 32);
        if (offset > size || left > size - offset) continue;
        for (; left > 0 && block < count; block++) {
            size_t take = (size_t)WG_MIN(left, WG_BLOCK_SIZE);
            wg_put32(footer + checksums + block * WG_FOOTER_CHECKSUM_SIZE,
                     wg_crc32c(0, data + offset, take));
            offset += take;
            left -= take;
        }
    }
}

// Makes every checksum and magic of a segment file right, as far as its tables can be followed.
static inline void forge_segment(uint8_t *data, size_t size)
{
    if (size < WG_SEGMENT_HEADER_SIZE + WG_SEGMENT_TRAILER_SIZE) return;
    memcpy(data, WG_SEGMENT_MAGIC, WG_SEGMENT_MAGIC_SIZE);
    wg_put32(data + WG_SEGMENT_HEADER_CRC, wg_crc32c(0, data, WG_SEGMENT_HEADER_CRC));

    uint8_t *trailer = data + size - WG_SEGMENT_TRAILER_SIZE;
    uint64_t offset = wg_get64(trailer + 16);
    uint64_t footer_size = wg_get64(trailer + 24);
    memcpy(trailer, WG_SEGMENT_END_MAGIC, WG_SEGMENT_MAGIC_SIZE);
    wg_put64(trailer + 32, size);
    if (offset <= size && footer_size <= size - offset) {
        if (footer_size >= WG_FOOTER_HEAD_SIZE)
            forge_blocks(data, size, data + offset, (size_t)footer_size);
        wg_put32(trailer + 12, wg_crc32c(0, data + offset, (size_t)footer_size));
    }
    wg_put32(trailer + WG_SEGMENT_TRAILER_CRC, wg_crc32c(0, trailer, WG_SEGMENT_TRAILER_CRC));
}
