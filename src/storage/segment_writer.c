// Writes segment files; the layout is at the top of segment.c.
//
// Each open section gathers one block of 1 MiB, so a block is written once, whole, with its checksum
// computed from memory. Several sections may be open side by side when their capacity was told ahead.
//
// The SHA-256 of the file is computed along the way for the bytes that are written at the frontier, the
// end of the prefix that is hashed already; what was written elsewhere is read back at the end. Of a bulk
// import the frontier covers the vectors, which are nearly all of the file. A thread can do it behind the writes
// (segment_digest.c): then the frontier is what it was told to hash.
#include "base/bytes.h"
#include "storage/folder.h"
#include "storage/segment_digest.h"
#include "storage/segment_format.h"

#define OPEN_MAX 64u // 16 vectors with norms and presence are 48

typedef struct open_section {
    bool open;
    uint32_t index;    // in writer->sections
    uint64_t offset;   // in the file
    uint64_t capacity; // 0 = grows
    uint64_t size;     // appended, the buffered bytes included
    uint8_t *buffer;   // the block that is not complete, or NULL
    uint32_t fill;
    wg_buffer checksums; // u32 per block
} open_section;

typedef struct part_record {
    uint32_t collection;
    uint32_t section_count;
    uint64_t rows;
    uint64_t sequence;
} part_record;

struct wg_segment_writer {
    wg_vfs *vfs;
    wg_heap *heap;
    wg_file *file;
    char *path;
    uint64_t end;      // past every section and capacity: where the next may begin
    uint64_t data_end; // past the last byte written
    open_section open[OPEN_MAX];
    uint32_t open_count;
    bool growing; // an open section has no capacity
    bool in_part;
    wg_buffer parts;           // part_record
    wg_buffer sections;        // wg_section, ascending by offset; block_first counts in checksums
    wg_buffer checksums;       // u32, in the order in which sections ended
    uint8_t *spare;            // a block's buffer for the next section
    wg_sha256 *sha;            // NULL = not asked for
    uint64_t hashed;           // the frontier; with a thread, what it was told to hash
    wg_segment_digest *digest; // the thread, or NULL
    waggle_status failed;
    bool finished;
};

static waggle_status write_at(wg_segment_writer *writer, uint64_t offset, const void *data,
                              size_t size, waggle_error *error)
{
    if (writer->failed != WAGGLE_OK)
        return wg_fail(error, writer->failed, "%s: an earlier write failed", writer->path);
    waggle_status status = wg_file_write(writer->file, offset, data, size, error);
    if (status != WAGGLE_OK) return writer->failed = status;
    if (writer->sha != NULL && offset == writer->hashed) {
        writer->hashed += size;
        if (writer->digest != NULL) {
            wg_segment_digest_reach(writer->digest, writer->hashed);
        } else {
            wg_sha256_add(writer->sha, data, size);
        }
    }
    writer->data_end = WG_MAX(writer->data_end, offset + size);
    return WAGGLE_OK;
}

static void put_header(uint8_t header[WG_SEGMENT_HEADER_SIZE])
{
    memset(header, 0, WG_SEGMENT_HEADER_SIZE);
    memcpy(header, WG_SEGMENT_MAGIC, WG_SEGMENT_MAGIC_SIZE);
    wg_put32(header + 8, WG_SEGMENT_VERSION);
    wg_put32(header + 12, WG_BLOCK_SIZE);
    wg_put32(header + WG_SEGMENT_HEADER_CRC, wg_crc32c(0, header, WG_SEGMENT_HEADER_CRC));
}

waggle_status wg_segment_create(wg_vfs *vfs, wg_heap *heap, const char *path,
                                wg_segment_writer **writer, waggle_error *error)
{
    wg_segment_writer *made = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, sizeof(*made));
    if (made == NULL) return wg_fail_memory(error, sizeof(*made), "a segment writer");
    made->vfs = vfs;
    made->heap = heap;
    made->end = WG_SEGMENT_HEADER_SIZE;
    wg_buffer_init(&made->parts, heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&made->sections, heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&made->checksums, heap, WG_MEMORY_SCRATCH);

    waggle_status status = WAGGLE_OK;
    made->path = wg_strdup(heap, WG_MEMORY_SCRATCH, path);
    if (made->path == NULL) {
        status = wg_fail_memory(error, strlen(path) + 1, "a path");
        goto cleanup;
    }
    status = wg_file_open(vfs, path, WG_OPEN_NEW, &made->file, error);
    if (status != WAGGLE_OK) goto cleanup;
    uint8_t header[WG_SEGMENT_HEADER_SIZE];
    put_header(header);
    status = write_at(made, 0, header, sizeof(header), error);
    if (status != WAGGLE_OK) goto cleanup;

    *writer = made;
    made = NULL; // moved to the caller

cleanup:
    wg_segment_writer_destroy(made);
    return status;
}

waggle_status wg_segment_digest_begin(wg_segment_writer *writer, waggle_error *error)
{
    WG_ASSERT(writer->sha == NULL && writer->data_end == WG_SEGMENT_HEADER_SIZE);
    writer->sha = wg_sha256_create();
    if (writer->sha == NULL) return wg_fail_memory(error, 0, "a SHA-256");
    uint8_t header[WG_SEGMENT_HEADER_SIZE];
    put_header(header);
    wg_sha256_add(writer->sha, header, sizeof(header));
    writer->hashed = sizeof(header);
    return WAGGLE_OK;
}

waggle_status wg_segment_digest_begin_thread(wg_segment_writer *writer, waggle_error *error)
{
    waggle_status status = wg_segment_digest_begin(writer, error);
    if (status != WAGGLE_OK) return status;
    // Without a thread the writer hashes: slower, and no less correct.
    (void)wg_segment_digest_start(writer->heap, writer->file, writer->sha, writer->hashed,
                                  &writer->digest, NULL);
    return WAGGLE_OK;
}

waggle_status wg_segment_part_begin(wg_segment_writer *writer, uint32_t collection,
                                    waggle_error *error)
{
    WG_ASSERT(!writer->in_part && !writer->finished);
    if (writer->parts.size / sizeof(part_record) == WG_PARTS_MAX)
        return wg_fail(error, WAGGLE_INVALID, "%s: a segment file has at most %u parts",
                       writer->path, WG_PARTS_MAX);
    part_record part = {.collection = collection};
    if (!wg_buffer_append(&writer->parts, &part, sizeof(part)))
        return wg_fail_memory(error, sizeof(part), "the parts of a segment");
    writer->in_part = true;
    return WAGGLE_OK;
}

static part_record *last_part(wg_segment_writer *writer)
{
    return (part_record *)(void *)(writer->parts.data + writer->parts.size) - 1;
}

// Moves the frontier over the zeros before offset, where everything written so far is hashed.
static void hash_gap(wg_segment_writer *writer, uint64_t offset)
{
    static const uint8_t zeros[4096];
    if (writer->sha == NULL || writer->open_count > 0 || writer->hashed < writer->data_end) return;
    if (writer->digest != NULL) { // it reads the gap with what follows
        writer->hashed = offset;
        return;
    }
    while (writer->hashed < offset) {
        size_t size = (size_t)WG_MIN(offset - writer->hashed, sizeof(zeros));
        wg_sha256_add(writer->sha, zeros, size);
        writer->hashed += size;
    }
}

static open_section *free_slot(wg_segment_writer *writer)
{
    for (uint32_t i = 0; i < OPEN_MAX; i++) {
        if (!writer->open[i].open) return &writer->open[i];
    }
    return NULL;
}

waggle_status wg_segment_section_begin(wg_segment_writer *writer, wg_section_kind kind,
                                       uint16_t name, uint16_t flags, uint32_t stride,
                                       uint64_t capacity, uint64_t size_hint,
                                       wg_section_handle *section, waggle_error *error)
{
    WG_ASSERT(writer->in_part);
    WG_ASSERT(!writer->growing); // whose end nobody knows yet
    open_section *slot = free_slot(writer);
    if (slot == NULL)
        return wg_fail(error, WAGGLE_INVALID, "%s: at most %u sections may be open", writer->path,
                       OPEN_MAX);
    bool large = WG_MAX(capacity, size_hint) > WG_SECTION_LARGE;
    uint64_t offset =
        wg_round_up(writer->end, large ? WG_SECTION_LARGE_ALIGNMENT : WG_SECTION_ALIGNMENT);
    if (capacity > INT64_MAX - offset)
        return wg_fail(error, WAGGLE_INVALID, "%s: a section of %" PRIu64 " bytes is too large",
                       writer->path, capacity);
    wg_section record = {.kind = (uint16_t)kind,
                         .name = name,
                         .version = WG_SECTION_VERSION,
                         .flags = flags,
                         .stride = stride,
                         .offset = offset};
    if (!wg_buffer_append(&writer->sections, &record, sizeof(record)))
        return wg_fail_memory(error, sizeof(record), "the sections of a segment");

    hash_gap(writer, offset);
    *slot = (open_section){.open = true, .offset = offset, .capacity = capacity};
    slot->index = (uint32_t)(writer->sections.size / sizeof(wg_section) - 1);
    wg_buffer_init(&slot->checksums, writer->heap, WG_MEMORY_SCRATCH);
    writer->growing = capacity == 0;
    writer->end = offset + capacity;
    writer->open_count++;
    last_part(writer)->section_count++;
    *section = (wg_section_handle)(slot - writer->open);
    return WAGGLE_OK;
}

static open_section *section_of(wg_segment_writer *writer, wg_section_handle handle)
{
    WG_ASSERT(handle < OPEN_MAX);
    WG_ASSERT(writer->open[handle].open);
    return &writer->open[handle];
}

// Writes the block that ends at section->size, whose bytes are at data.
static waggle_status write_block(wg_segment_writer *writer, open_section *section, const void *data,
                                 size_t size, waggle_error *error)
{
    uint32_t crc = wg_crc32c(0, data, size);
    if (!wg_buffer_append(&section->checksums, &crc, sizeof(crc)))
        return writer->failed = wg_fail_memory(error, sizeof(crc), "checksums of a segment");
    return write_at(writer, section->offset + section->size - size, data, size, error);
}

static waggle_status buffer_get(wg_segment_writer *writer, open_section *section,
                                waggle_error *error)
{
    if (section->buffer != NULL) return WAGGLE_OK;
    section->buffer = writer->spare;
    writer->spare = NULL;
    if (section->buffer == NULL)
        section->buffer = wg_alloc(writer->heap, WG_MEMORY_SCRATCH, WG_BLOCK_SIZE);
    if (section->buffer == NULL) {
        writer->failed = WAGGLE_OUT_OF_MEMORY;
        return wg_fail_memory(error, WG_BLOCK_SIZE, "a block of a segment");
    }
    return WAGGLE_OK;
}

waggle_status wg_segment_section_append(wg_segment_writer *writer, wg_section_handle handle,
                                        const void *data, size_t size, waggle_error *error)
{
    open_section *section = section_of(writer, handle);
    if (section->capacity != 0 && size > section->capacity - section->size)
        return wg_fail(error, WAGGLE_INVALID,
                       "%s: %zu bytes more than the %" PRIu64 " of %" PRIu64
                       " that a section has left",
                       writer->path, size, section->capacity - section->size, section->capacity);
    waggle_status status = WAGGLE_OK;
    const uint8_t *source = data;
    while (status == WAGGLE_OK && size > 0) {
        size_t take = WG_MIN(size, WG_BLOCK_SIZE - section->fill);
        section->size += take;
        if (take == WG_BLOCK_SIZE) { // a whole block: not copied
            status = write_block(writer, section, source, take, error);
        } else {
            status = buffer_get(writer, section, error);
            if (status != WAGGLE_OK) break;
            memcpy(section->buffer + section->fill, source, take);
            section->fill += (uint32_t)take;
            if (section->fill == WG_BLOCK_SIZE) {
                status = write_block(writer, section, section->buffer, WG_BLOCK_SIZE, error);
                section->fill = 0;
            }
        }
        source += take;
        size -= take;
    }
    return status;
}

// Frees what an open section holds, and keeps one buffer for the next.
static void section_close(wg_segment_writer *writer, open_section *section)
{
    if (writer->spare == NULL) {
        writer->spare = section->buffer; // moved
    } else {
        wg_free(section->buffer);
    }
    wg_buffer_finish(&section->checksums);
    *section = (open_section){.open = false};
}

waggle_status wg_segment_section_end(wg_segment_writer *writer, wg_section_handle handle,
                                     waggle_error *error)
{
    open_section *section = section_of(writer, handle);
    waggle_status status = WAGGLE_OK;
    if (section->fill > 0) {
        status = write_block(writer, section, section->buffer, section->fill, error);
        if (status != WAGGLE_OK) return status;
        section->fill = 0;
    }
    wg_section *record = (wg_section *)(void *)writer->sections.data + section->index;
    record->size = section->size;
    record->block_first = writer->checksums.size / sizeof(uint32_t);
    if (!wg_buffer_append(&writer->checksums, section->checksums.data, section->checksums.size)) {
        writer->failed = WAGGLE_OUT_OF_MEMORY;
        return wg_fail_memory(error, section->checksums.size, "checksums of a segment");
    }
    if (section->capacity == 0) {
        writer->growing = false;
        writer->end = section->offset + section->size;
    }
    section_close(writer, section);
    writer->open_count--;
    return WAGGLE_OK;
}

waggle_status wg_segment_part_end(wg_segment_writer *writer, uint64_t rows, uint64_t sequence,
                                  waggle_error *error)
{
    WG_ASSERT(writer->in_part && writer->open_count == 0);
    if (writer->failed != WAGGLE_OK)
        return wg_fail(error, writer->failed, "%s: an earlier write failed", writer->path);
    part_record *part = last_part(writer);
    part->rows = rows;
    part->sequence = sequence;
    writer->in_part = false;
    return WAGGLE_OK;
}

static void put_part(uint8_t *target, const part_record *part)
{
    wg_put32(target, part->collection);
    wg_put32(target + 4, part->section_count);
    wg_put64(target + 8, part->rows);
    wg_put64(target + 16, part->sequence);
}

static void put_section(uint8_t *target, const wg_section *section, uint64_t block_first)
{
    wg_put16(target, section->kind);
    wg_put16(target + 2, section->name);
    wg_put16(target + 4, section->version);
    wg_put16(target + 6, section->flags);
    wg_put32(target + 8, section->stride);
    wg_put32(target + 12, 0);
    wg_put64(target + 16, section->offset);
    wg_put64(target + 24, section->size);
    wg_put64(target + 32, block_first);
}

// The footer, of wg_footer_size() bytes. Checksums are put in the order of sections.
static void put_footer(const wg_segment_writer *writer, uint8_t *target)
{
    const part_record *parts = (const void *)writer->parts.data;
    const wg_section *sections = (const void *)writer->sections.data;
    uint32_t part_count = (uint32_t)(writer->parts.size / sizeof(part_record));
    uint32_t section_count = (uint32_t)(writer->sections.size / sizeof(wg_section));

    wg_put32(target, part_count);
    wg_put32(target + 4, section_count);
    wg_put64(target + 8, writer->checksums.size / sizeof(uint32_t));
    target += WG_FOOTER_HEAD_SIZE;
    for (uint32_t i = 0; i < part_count; i++, target += WG_FOOTER_PART_SIZE)
        put_part(target, &parts[i]);

    uint8_t *checksums = target + (size_t)section_count * WG_FOOTER_SECTION_SIZE;
    uint64_t block = 0;
    for (uint32_t i = 0; i < section_count; i++, target += WG_FOOTER_SECTION_SIZE) {
        uint64_t blocks = wg_section_blocks(sections[i].size);
        put_section(target, &sections[i], block);
        if (blocks > 0)
            memcpy(checksums + block * WG_FOOTER_CHECKSUM_SIZE,
                   writer->checksums.data + sections[i].block_first * sizeof(uint32_t),
                   blocks * WG_FOOTER_CHECKSUM_SIZE);
        block += blocks;
    }
}

// Footer and trailer with one write each; *size is that of the file.
static waggle_status write_footer(wg_segment_writer *writer, uint64_t *size, waggle_error *error)
{
    uint64_t offset = wg_round_up(writer->end, WG_SECTION_ALIGNMENT);
    size_t footer_size = wg_footer_size((uint32_t)(writer->parts.size / sizeof(part_record)),
                                        (uint32_t)(writer->sections.size / sizeof(wg_section)),
                                        writer->checksums.size / sizeof(uint32_t));
    uint8_t *footer = wg_alloc(writer->heap, WG_MEMORY_SCRATCH, footer_size);
    if (footer == NULL) return wg_fail_memory(error, footer_size, "the footer of a segment");
    put_footer(writer, footer);
    hash_gap(writer, offset);

    uint8_t trailer[WG_SEGMENT_TRAILER_SIZE] = {0};
    *size = offset + footer_size + sizeof(trailer);
    memcpy(trailer, WG_SEGMENT_END_MAGIC, WG_SEGMENT_MAGIC_SIZE);
    wg_put32(trailer + 8, WG_SEGMENT_VERSION);
    wg_put32(trailer + 12, wg_crc32c(0, footer, footer_size));
    wg_put64(trailer + 16, offset);
    wg_put64(trailer + 24, footer_size);
    wg_put64(trailer + 32, *size);
    wg_put32(trailer + WG_SEGMENT_TRAILER_CRC, wg_crc32c(0, trailer, WG_SEGMENT_TRAILER_CRC));

    waggle_status status = write_at(writer, offset, footer, footer_size, error);
    if (status == WAGGLE_OK)
        status = write_at(writer, offset + footer_size, trailer, sizeof(trailer), error);
    wg_free(footer);
    return status;
}

// Reads back what the frontier did not reach.
static waggle_status hash_rest(wg_segment_writer *writer, uint64_t size, waggle_error *error)
{
    if (writer->hashed == size) return WAGGLE_OK;
    uint8_t *block = wg_alloc(writer->heap, WG_MEMORY_SCRATCH, WG_BLOCK_SIZE);
    if (block == NULL) return wg_fail_memory(error, WG_BLOCK_SIZE, "reading a segment again");
    waggle_status status = WAGGLE_OK;
    while (writer->hashed < size) {
        size_t take = (size_t)WG_MIN(size - writer->hashed, WG_BLOCK_SIZE);
        status = wg_file_read_all(writer->file, writer->hashed, block, take, error);
        if (status != WAGGLE_OK) break;
        wg_sha256_add(writer->sha, block, take);
        writer->hashed += take;
    }
    wg_free(block);
    return status;
}

static waggle_status digest_end(wg_segment_writer *writer, uint64_t size,
                                uint8_t digest[WG_SHA256_SIZE], waggle_error *error)
{
    if (writer->sha == NULL) writer->sha = wg_sha256_create();
    if (writer->sha == NULL) return wg_fail_memory(error, 0, "a SHA-256");
    // The file is complete: a gap before its end can be read now.
    if (writer->digest != NULL) wg_segment_digest_reach(writer->digest, writer->hashed);
    waggle_status status = wg_segment_digest_join(writer->digest, false, error);
    writer->digest = NULL;
    if (status == WAGGLE_OK) status = hash_rest(writer, size, error);
    if (status == WAGGLE_OK) wg_sha256_digest(writer->sha, digest);
    return status;
}

waggle_status wg_segment_finish(wg_segment_writer *writer, uint64_t *size,
                                uint8_t digest[WG_SHA256_SIZE], waggle_error *error)
{
    WG_ASSERT(!writer->in_part && !writer->finished);
    uint64_t file_size = 0;
    waggle_status status = write_footer(writer, &file_size, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_sync(writer->file, error);
    if (status != WAGGLE_OK) return writer->failed = status;
    if (digest != NULL) {
        status = digest_end(writer, file_size, digest, error);
        if (status != WAGGLE_OK) return writer->failed = status;
    }
    status = wg_sync_folder_of(writer->vfs, writer->path, error);
    if (status != WAGGLE_OK) return writer->failed = status;
    writer->finished = true;
    *size = file_size;
    return WAGGLE_OK;
}

void wg_segment_writer_destroy(wg_segment_writer *writer)
{
    if (writer == NULL) return;
    for (uint32_t i = 0; i < OPEN_MAX; i++) {
        if (writer->open[i].open) section_close(writer, &writer->open[i]);
    }
    bool made = writer->file != NULL;
    (void)wg_segment_digest_join(writer->digest, true, NULL); // it reads the file
    wg_file_close(writer->file);
    // Nothing refers to an unfinished file: should this fail, it is a leftover that is reported at open.
    if (made && !writer->finished) (void)wg_vfs_unlink(writer->vfs, writer->path, NULL);
    wg_sha256_destroy(writer->sha);
    wg_free(writer->spare);
    wg_buffer_finish(&writer->parts);
    wg_buffer_finish(&writer->sections);
    wg_buffer_finish(&writer->checksums);
    wg_free(writer->path);
    wg_free(writer);
}
