// Overlays: payloads that were replaced without a new row (.pay).
//
// The body of a file, in the frame of side_file.h: entries ascending by row,
//   0   4  row
//   4   4  size of the payload; 0xffffffff = the row has none
//   8   8  version: the sequence of the write
//  16      payload
// The header counts entries.
#include "base/bytes.h"
#include "storage/side.h"
#include "storage/side_file.h"

#define MAGIC "WGOVRLAY"
#define ENTRY_SIZE 16u
#define ABSENT UINT32_MAX

static waggle_status write_entries(wg_side_file *side, const wg_overlay_entry *entries,
                                   uint64_t count, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    for (uint64_t i = 0; i < count && status == WAGGLE_OK; i++) {
        waggle_text payload = entries[i].payload;
        uint8_t head[ENTRY_SIZE];
        wg_put32(head, entries[i].row);
        wg_put32(head + 4, payload.data == NULL ? ABSENT : (uint32_t)payload.size);
        wg_put64(head + 8, entries[i].version);
        status = wg_side_put(side, head, sizeof(head), error);
        if (status == WAGGLE_OK && payload.data != NULL)
            status = wg_side_put(side, payload.data, payload.size, error);
    }
    return status;
}

waggle_status wg_overlay_write(wg_vfs *vfs, wg_heap *heap, const char *path,
                               const wg_overlay_entry *entries, uint64_t count, uint64_t sequence,
                               waggle_error *error)
{
    wg_side_header header = {.magic = MAGIC,
                             .rows = count == 0 ? 0 : (uint64_t)entries[count - 1].row + 1,
                             .count = count,
                             .sequence = sequence};
    for (uint64_t i = 0; i < count; i++) {
        waggle_text payload = entries[i].payload;
        WG_ASSERT(i == 0 || entries[i - 1].row < entries[i].row);
        WG_ASSERT(payload.data == NULL || payload.size <= WAGGLE_PAYLOAD_SIZE_MAX);
        header.body_size += ENTRY_SIZE + (payload.data == NULL ? 0 : payload.size);
    }
    wg_side_file side;
    waggle_status status = wg_side_create(&side, vfs, heap, path, &header, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = write_entries(&side, entries, count, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = wg_side_finish(&side, error);

cleanup:
    wg_side_discard(&side);
    return status;
}

// The next entry; its payload lies in buffer. *next is the lowest row that may follow.
static waggle_status read_entry(wg_side_file *side, uint64_t rows, uint64_t *next,
                                wg_buffer *buffer, wg_overlay_entry *entry, waggle_error *error)
{
    uint8_t head[ENTRY_SIZE];
    waggle_status status = wg_side_get(side, head, sizeof(head), error);
    if (status != WAGGLE_OK) return status;
    uint32_t size = wg_get32(head + 4);
    *entry = (wg_overlay_entry){.row = wg_get32(head), .version = wg_get64(head + 8)};
    if (entry->row < *next || entry->row >= rows)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: row %" PRIu32 ", expected one from %" PRIu64 " to %" PRIu64, side->path,
                       entry->row, *next, rows);
    *next = (uint64_t)entry->row + 1;
    if (size == ABSENT) return WAGGLE_OK;
    if (size > WAGGLE_PAYLOAD_SIZE_MAX || size > side->left)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: row %" PRIu32 " has a payload of %" PRIu32,
                       side->path, entry->row, size);
    buffer->size = 0;
    if (!wg_buffer_reserve(buffer, WG_MAX(size, 1)))
        return wg_fail_memory(error, size, "a payload");
    entry->payload = (waggle_text){(const char *)buffer->data, size};
    return wg_side_get(side, buffer->data, size, error);
}

// Reads the whole body; each NULL = only checks it.
static waggle_status read_entries(wg_side_file *side, wg_heap *heap, const wg_side_header *header,
                                  wg_overlay_fn each, void *context, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    uint64_t next = 0;
    wg_buffer buffer;
    wg_buffer_init(&buffer, heap, WG_MEMORY_SCRATCH);
    wg_side_rewind(side, header);
    for (uint64_t i = 0; i < header->count; i++) {
        wg_overlay_entry entry;
        status = read_entry(side, header->rows, &next, &buffer, &entry, error);
        if (status == WAGGLE_OK && each != NULL) status = each(context, &entry, error);
        if (status != WAGGLE_OK) goto cleanup;
    }
    status = wg_side_end(side, error);

cleanup:
    wg_buffer_finish(&buffer);
    return status;
}

waggle_status wg_overlay_read(wg_vfs *vfs, wg_heap *heap, const char *path, uint64_t rows,
                              wg_overlay_fn each, void *context, uint64_t *sequence,
                              waggle_error *error)
{
    wg_side_file side;
    wg_side_header header = {.magic = MAGIC};
    waggle_status status = wg_side_open(&side, vfs, heap, path, &header, error);
    if (status != WAGGLE_OK) goto cleanup;
    if (header.rows > rows) {
        status = wg_fail(error, WAGGLE_CORRUPT,
                         "%s: is of a part of at least %" PRIu64 " rows, expected %" PRIu64, path,
                         header.rows, rows);
        goto cleanup;
    }
    // Twice: nobody shall see an entry of a file whose checksum is not right.
    status = read_entries(&side, heap, &header, NULL, NULL, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = read_entries(&side, heap, &header, each, context, error);
    if (status == WAGGLE_OK) *sequence = header.sequence;

cleanup:
    wg_side_close(&side);
    return status;
}
