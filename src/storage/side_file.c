// The frame of side files; its layout is in side_file.h.
#include "storage/side_file.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "storage/folder.h"

#define MAGIC_SIZE 8u
#define CRC_SIZE 4u

static waggle_status buffer_create(wg_side_file *side, wg_heap *heap, waggle_error *error)
{
    side->buffer = wg_alloc(heap, WG_MEMORY_SCRATCH, WG_SIDE_BUFFER_SIZE);
    if (side->buffer != NULL) return WAGGLE_OK;
    return wg_fail_memory(error, WG_SIDE_BUFFER_SIZE, "a file of deletes or payloads");
}

// ---- Writing

static void put_header(uint8_t target[WG_SIDE_HEADER_SIZE], const wg_side_header *header)
{
    memset(target, 0, WG_SIDE_HEADER_SIZE);
    memcpy(target, header->magic, MAGIC_SIZE);
    wg_put32(target + 8, WG_SIDE_VERSION);
    wg_put64(target + 16, header->rows);
    wg_put64(target + 24, header->count);
    wg_put64(target + 32, header->sequence);
    wg_put64(target + 40, header->body_size);
    wg_put32(target + 60, wg_crc32c(0, target, 60));
}

// Not the old file is changed but a new one made: a snapshot may hold a link to the old.
static waggle_status open_new(wg_side_file *side, waggle_error *error)
{
    waggle_status status = wg_file_open(side->vfs, side->path, WG_OPEN_NEW, &side->file, error);
    if (status != WAGGLE_EXISTS) return status;
    status = wg_vfs_unlink(side->vfs, side->path, error);
    if (status != WAGGLE_OK) return status;
    return wg_file_open(side->vfs, side->path, WG_OPEN_NEW, &side->file, error);
}

waggle_status wg_side_create(wg_side_file *side, wg_vfs *vfs, wg_heap *heap, const char *path,
                             const wg_side_header *header, waggle_error *error)
{
    *side = (wg_side_file){.vfs = vfs, .path = path, .left = header->body_size};
    waggle_status status = buffer_create(side, heap, error);
    if (status != WAGGLE_OK) return status;
    put_header(side->buffer, header);
    side->at = WG_SIDE_HEADER_SIZE;
    return open_new(side, error);
}

static waggle_status flush(wg_side_file *side, waggle_error *error)
{
    waggle_status status = wg_file_write(side->file, side->offset, side->buffer, side->at, error);
    side->offset += side->at;
    side->at = 0;
    return status;
}

// Without the count of the body: also for its checksum.
static waggle_status append(wg_side_file *side, const uint8_t *data, size_t size,
                            waggle_error *error)
{
    while (size > 0) {
        if (side->at == WG_SIDE_BUFFER_SIZE) {
            waggle_status status = flush(side, error);
            if (status != WAGGLE_OK) return status;
        }
        size_t take = WG_MIN(size, WG_SIDE_BUFFER_SIZE - side->at);
        memcpy(side->buffer + side->at, data, take);
        side->at += take;
        data += take;
        size -= take;
    }
    return WAGGLE_OK;
}

waggle_status wg_side_put(wg_side_file *side, const void *data, size_t size, waggle_error *error)
{
    WG_ASSERT(size <= side->left);
    if (size == 0) return WAGGLE_OK;
    side->left -= size;
    side->crc = wg_crc32c(side->crc, data, size);
    return append(side, data, size, error);
}

waggle_status wg_side_finish(wg_side_file *side, waggle_error *error)
{
    WG_ASSERT(side->left == 0);
    uint8_t crc[CRC_SIZE];
    wg_put32(crc, side->crc);
    waggle_status status = append(side, crc, sizeof(crc), error);
    if (status == WAGGLE_OK) status = flush(side, error);
    if (status == WAGGLE_OK) status = wg_file_sync(side->file, error);
    if (status == WAGGLE_OK) status = wg_sync_folder_of(side->vfs, side->path, error);
    if (status == WAGGLE_OK) wg_side_close(side);
    return status;
}

void wg_side_discard(wg_side_file *side)
{
    bool unfinished = side->file != NULL;
    wg_vfs *vfs = side->vfs;
    const char *path = side->path;
    wg_side_close(side);
    // Nothing refers to it: should this fail, it is a leftover that is reported at open.
    if (unfinished) (void)wg_vfs_unlink(vfs, path, NULL);
}

void wg_side_close(wg_side_file *side)
{
    wg_file_close(side->file);
    wg_free(side->buffer);
    *side = (wg_side_file){.vfs = NULL};
}

// ---- Reading

static waggle_status check_header(wg_side_file *side, const uint8_t *source, waggle_error *error)
{
    uint32_t expected = wg_get32(source + 60);
    uint32_t found = wg_crc32c(0, source, 60);
    if (found != expected)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: the checksum of the header is %08" PRIx32 ", expected %08" PRIx32,
                       side->path, found, expected);
    uint32_t version = wg_get32(source + 8);
    if (version > WG_SIDE_VERSION)
        return wg_fail_numbers(error, WAGGLE_FORMAT_VERSION, WG_SIDE_VERSION, version,
                               "%s: its format is %" PRIu32 "; this library reads up to %u",
                               side->path, version, WG_SIDE_VERSION);
    return WAGGLE_OK;
}

static waggle_status read_header(wg_side_file *side, wg_side_header *header, waggle_error *error)
{
    uint64_t size = 0;
    waggle_status status = wg_file_size(side->file, &size, error);
    if (status != WAGGLE_OK) return status;
    if (size < WG_SIDE_HEADER_SIZE + CRC_SIZE)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: %" PRIu64 " bytes; the least is %u", side->path,
                       size, WG_SIDE_HEADER_SIZE + CRC_SIZE);
    uint8_t source[WG_SIDE_HEADER_SIZE];
    status = wg_file_read_all(side->file, 0, source, sizeof(source), error);
    if (status != WAGGLE_OK) return status;
    if (memcmp(source, header->magic, MAGIC_SIZE) != 0)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: does not begin with %.8s", side->path,
                       header->magic);
    status = check_header(side, source, error);
    if (status != WAGGLE_OK) return status;
    header->rows = wg_get64(source + 16);
    header->count = wg_get64(source + 24);
    header->sequence = wg_get64(source + 32);
    header->body_size = wg_get64(source + 40);
    if (header->body_size != size - WG_SIDE_HEADER_SIZE - CRC_SIZE)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: a body of %" PRIu64 " bytes, expected %" PRIu64,
                       side->path, size - WG_SIDE_HEADER_SIZE - CRC_SIZE, header->body_size);
    return WAGGLE_OK;
}

waggle_status wg_side_open(wg_side_file *side, wg_vfs *vfs, wg_heap *heap, const char *path,
                           wg_side_header *header, waggle_error *error)
{
    *side = (wg_side_file){.vfs = vfs, .path = path};
    waggle_status status = buffer_create(side, heap, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_open(vfs, path, WG_OPEN_READ, &side->file, error);
    if (status != WAGGLE_OK) return status;
    status = read_header(side, header, error);
    if (status == WAGGLE_OK) wg_side_rewind(side, header);
    return status;
}

void wg_side_rewind(wg_side_file *side, const wg_side_header *header)
{
    side->at = 0;
    side->fill = 0;
    side->offset = WG_SIDE_HEADER_SIZE;
    side->left = header->body_size;
    side->crc = 0;
}

static waggle_status fetch(wg_side_file *side, uint8_t *target, size_t size, waggle_error *error)
{
    while (size > 0) {
        if (side->at == side->fill) {
            size_t got = 0;
            waggle_status status = wg_file_read(side->file, side->offset, side->buffer,
                                                WG_SIDE_BUFFER_SIZE, &got, error);
            if (status != WAGGLE_OK) return status;
            if (got == 0)
                return wg_fail(error, WAGGLE_CORRUPT, "%s: ends at %" PRIu64, side->path,
                               side->offset);
            side->offset += got;
            side->at = 0;
            side->fill = got;
        }
        size_t take = WG_MIN(size, side->fill - side->at);
        memcpy(target, side->buffer + side->at, take);
        side->at += take;
        target += take;
        size -= take;
    }
    return WAGGLE_OK;
}

waggle_status wg_side_get(wg_side_file *side, void *target, size_t size, waggle_error *error)
{
    if (size > side->left)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: %zu bytes are wanted, %" PRIu64 " are left",
                       side->path, size, side->left);
    if (size == 0) return WAGGLE_OK;
    waggle_status status = fetch(side, target, size, error);
    if (status != WAGGLE_OK) return status;
    side->left -= size;
    side->crc = wg_crc32c(side->crc, target, size);
    return WAGGLE_OK;
}

waggle_status wg_side_end(wg_side_file *side, waggle_error *error)
{
    if (side->left != 0)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: %" PRIu64 " bytes more than it lists",
                       side->path, side->left);
    uint8_t crc[CRC_SIZE];
    waggle_status status = fetch(side, crc, sizeof(crc), error);
    if (status != WAGGLE_OK) return status;
    if (wg_get32(crc) != side->crc)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: the checksum of the body is %08" PRIx32 ", expected %08" PRIx32,
                       side->path, side->crc, wg_get32(crc));
    return WAGGLE_OK;
}
