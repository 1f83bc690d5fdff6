// Fuzzes the readers of delete masks and overlays.
//
//   byte 0   bit 0: both checksums are made right; bit 1: an overlay, else a mask
//   1..4     rows of the part, below 2^20
//   from 5   the file
#include "storage/segment_testing.h"
#include "storage/side.h"
#include "storage/side_file.h"

#define PATH "/fuzz.side"
#define PREFIX_SIZE 5u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void forge(uint8_t *bytes, size_t size, bool overlay)
{
    if (size < WG_SIDE_HEADER_SIZE + 4) return;
    memcpy(bytes, overlay ? "WGOVRLAY" : "WGDELETE", 8);
    wg_put64(bytes + 40, size - WG_SIDE_HEADER_SIZE - 4);
    wg_put32(bytes + 60, wg_crc32c(0, bytes, 60));
    wg_put32(bytes + size - 4,
             wg_crc32c(0, bytes + WG_SIDE_HEADER_SIZE, size - 4 - WG_SIDE_HEADER_SIZE));
}

static waggle_status check_entry(void *context, const wg_overlay_entry *entry, waggle_error *error)
{
    (void)error;
    WG_ASSERT(entry->row < *(const uint64_t *)context);
    volatile char touched = 0;
    if (entry->payload.size > 0)
        touched = entry->payload.data[0] ^ entry->payload.data[entry->payload.size - 1];
    (void)touched;
    return WAGGLE_OK;
}

static void read_mask(wg_vfs *vfs, uint64_t rows)
{
    wg_mask *mask = NULL;
    uint64_t sequence = 0;
    if (wg_mask_read(vfs, NULL, PATH, rows, &mask, &sequence, NULL) != WAGGLE_OK) return;
    uint64_t count = 0;
    for (uint64_t row = 0; row < rows; row++)
        count += wg_mask_get(mask, row);
    WG_ASSERT(count == mask->count);
    wg_mask_release(mask);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PREFIX_SIZE) return 0;
    bool overlay = (data[0] & 2) != 0;
    uint64_t rows = wg_get32(data + 1) & 0xfffff;
    size_t file_size = size - PREFIX_SIZE;
    uint8_t *bytes = calloc(file_size + 1, 1);
    WG_ASSERT(bytes != NULL);
    memcpy(bytes, data + PREFIX_SIZE, file_size);
    if ((data[0] & 1) != 0) forge(bytes, file_size, overlay);

    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    WG_ASSERT(vfs != NULL);
    forge_write(vfs, PATH, bytes, file_size);
    uint64_t sequence = 0;
    if (overlay) {
        (void)wg_overlay_read(vfs, NULL, PATH, rows, check_entry, &rows, &sequence, NULL);
    } else {
        read_mask(vfs, rows);
    }
    wg_vfs_memory_destroy(vfs);
    free(bytes);
    return 0;
}
