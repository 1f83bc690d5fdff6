// Writes segment files; the layout is at the top of segment.c.
//
// Sections follow each other, so a file is written from its start to its end. One block of 1 MiB is gathered at a time,
// so each is written once, whole, with its checksum computed from memory.
//
// The SHA-256 of the file is computed along the way, or by a thread behind the writes (segment_digest.c).
#include "base/bytes.h"
#include "storage/folder.h"
#include "storage/segment_digest.h"
#include "storage/segment_format.h"

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
    uint64_t end;     // past every section, the open one included
    uint64_t written; // past the last byte written
    bool in_part;
    bool in_section;
    uint8_t *block;      // the begun one of the section, or NULL; kept for the next section
    size_t fill;         // of block
    wg_buffer parts;     // part_record
    wg_buffer sections;  // wg_section, ascending by offset; the last one grows while in_section
    wg_buffer checksums; // u32 per block, in the order of sections
    wg_sha256 *sha;      // NULL = not asked for
    wg_segment_digest *digest; // the thread that hashes, or NULL
    waggle_status failed;
    bool finished;
};

// Hashes what was written at offset, and the gap before it.
static void hash(wg_segment_writer *writer, uint64_t offset, const void *data, size_t size)
{
    static const uint8_t zeros[4096];
    if (writer->digest != NULL) { // it reads the gap with what follows
        wg_segment_digest_reach(writer->digest, offset + size);
        return;
    }
    for (uint64_t gap = offset - writer->written; gap > 0;) {
        size_t take = (size_t)WG_MIN(gap, sizeof(zeros));
        wg_sha256_add(writer->sha, zeros, take);
        gap -= take;
    }
    wg_sha256_add(writer->sha, data, size);
}

static waggle_status write_at(wg_segment_writer *writer, uint64_t offset, const void *data,
                              size_t size, waggle_error *error)
{
    WG_ASSERT(offset >= writer->written);
    if (writer->failed != WAGGLE_OK)
        return wg_fail(error, writer->failed, "%s: an earlier write failed", writer->path);
    waggle_status status = wg_file_write(writer->file, offset, data, size, error);
    if (status != WAGGLE_OK) return writer->failed = status;
    if (writer->sha != NULL) hash(writer, offset, data, size);
    writer->written = offset + size;
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
    WG_ASSERT(writer->sha == NULL && writer->written == WG_SEGMENT_HEADER_SIZE);
    writer->sha = wg_sha256_create();
    if (writer->sha == NULL) return wg_fail_memory(error, 0, "a SHA-256");
    uint8_t header[WG_SEGMENT_HEADER_SIZE];
    put_header(header);
    wg_sha256_add(writer->sha, header, sizeof(header));
    return WAGGLE_OK;
}

waggle_status wg_segment_digest_begin_thread(wg_segment_writer *writer, waggle_error *error)
{
    waggle_status status = wg_segment_digest_begin(writer, error);
    if (status != WAGGLE_OK) return status;
    // Without a thread the writer hashes: slower, and no less correct.
    (void)wg_segment_digest_start(writer->heap, writer->file, writer->sha, writer->written,
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

waggle_status wg_segment_section_begin(wg_segment_writer *writer, wg_section_kind kind,
                                       uint16_t name, uint16_t flags, uint32_t stride,
                                       uint64_t size_hint, wg_section_handle *section,
                                       waggle_error *error)
{
    WG_ASSERT(writer->in_part);
    WG_ASSERT(!writer->in_section); // whose end nobody knows yet
    bool large = size_hint > WG_SECTION_LARGE;
    uint64_t offset =
        wg_round_up(writer->end, large ? WG_SECTION_LARGE_ALIGNMENT : WG_SECTION_ALIGNMENT);
    wg_section record = {.kind = (uint16_t)kind,
                         .name = name,
                         .version = WG_SECTION_VERSION,
                         .flags = flags,
                         .stride = stride,
                         .offset = offset};
    *section = (wg_section_handle)(writer->sections.size / sizeof(wg_section));
    if (!wg_buffer_append(&writer->sections, &record, sizeof(record)))
        return wg_fail_memory(error, sizeof(record), "the sections of a segment");
    writer->in_section = true;
    writer->end = offset;
    last_part(writer)->section_count++;
    return WAGGLE_OK;
}

// The section that is being written, which the caller must mean.
static wg_section *section_of(wg_segment_writer *writer, wg_section_handle handle)
{
    WG_ASSERT(writer->in_section);
    WG_ASSERT(handle == writer->sections.size / sizeof(wg_section) - 1);
    return (wg_section *)(void *)writer->sections.data + handle;
}

static waggle_status write_block(wg_segment_writer *writer, const void *data, size_t size,
                                 waggle_error *error)
{
    uint32_t crc = wg_crc32c(0, data, size);
    if (!wg_buffer_append(&writer->checksums, &crc, sizeof(crc)))
        return writer->failed = wg_fail_memory(error, sizeof(crc), "checksums of a segment");
    waggle_status status = write_at(writer, writer->end, data, size, error);
    if (status == WAGGLE_OK) writer->end += size;
    return status;
}

static waggle_status block_get(wg_segment_writer *writer, waggle_error *error)
{
    if (writer->block != NULL) return WAGGLE_OK;
    writer->block = wg_alloc(writer->heap, WG_MEMORY_SCRATCH, WG_BLOCK_SIZE);
    if (writer->block != NULL) return WAGGLE_OK;
    return writer->failed = wg_fail_memory(error, WG_BLOCK_SIZE, "a block of a segment");
}

waggle_status wg_segment_section_append(wg_segment_writer *writer, wg_section_handle handle,
                                        const void *data, size_t size, waggle_error *error)
{
    wg_section *section = section_of(writer, handle);
    waggle_status status = WAGGLE_OK;
    const uint8_t *source = data;
    while (status == WAGGLE_OK && size > 0) {
        size_t take = WG_MIN(size, WG_BLOCK_SIZE - writer->fill);
        section->size += take;
        if (take == WG_BLOCK_SIZE) { // a whole block: not copied
            status = write_block(writer, source, take, error);
        } else {
            status = block_get(writer, error);
            if (status != WAGGLE_OK) break;
            memcpy(writer->block + writer->fill, source, take);
            writer->fill += take;
            if (writer->fill == WG_BLOCK_SIZE) {
                status = write_block(writer, writer->block, WG_BLOCK_SIZE, error);
                writer->fill = 0;
            }
        }
        source += take;
        size -= take;
    }
    return status;
}

waggle_status wg_segment_section_end(wg_segment_writer *writer, wg_section_handle handle,
                                     waggle_error *error)
{
    const wg_section *section = section_of(writer, handle);
    if (writer->fill > 0) {
        waggle_status status = write_block(writer, writer->block, writer->fill, error);
        if (status != WAGGLE_OK) return status;
        writer->fill = 0;
    }
    WG_ASSERT(writer->end == section->offset + section->size);
    writer->in_section = false;
    return WAGGLE_OK;
}

waggle_status wg_segment_part_end(wg_segment_writer *writer, uint64_t rows, uint64_t sequence,
                                  waggle_error *error)
{
    WG_ASSERT(writer->in_part && !writer->in_section);
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

// The footer, of wg_footer_size() bytes.
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
    uint64_t block = 0;
    for (uint32_t i = 0; i < section_count; i++, target += WG_FOOTER_SECTION_SIZE) {
        put_section(target, &sections[i], block);
        block += wg_section_blocks(sections[i].size);
    }
    WG_ASSERT(block == writer->checksums.size / sizeof(uint32_t));
    if (block > 0) memcpy(target, writer->checksums.data, writer->checksums.size);
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

static waggle_status digest_end(wg_segment_writer *writer, uint8_t digest[WG_SHA256_SIZE],
                                waggle_error *error)
{
    waggle_status status = wg_segment_digest_join(writer->digest, false, error);
    writer->digest = NULL;
    if (status == WAGGLE_OK) wg_sha256_digest(writer->sha, digest);
    return status;
}

waggle_status wg_segment_finish(wg_segment_writer *writer, uint64_t *size,
                                uint8_t digest[WG_SHA256_SIZE], waggle_error *error)
{
    WG_ASSERT(!writer->in_part && !writer->finished);
    WG_ASSERT(digest == NULL || writer->sha != NULL);
    uint64_t file_size = 0;
    waggle_status status = write_footer(writer, &file_size, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_sync(writer->file, error);
    if (status != WAGGLE_OK) return writer->failed = status;
    if (digest != NULL) {
        status = digest_end(writer, digest, error);
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
    bool made = writer->file != NULL;
    (void)wg_segment_digest_join(writer->digest, true, NULL); // it reads the file
    wg_file_close(writer->file);
    // Nothing refers to an unfinished file: should this fail, it is a leftover that is reported at open.
    if (made && !writer->finished) (void)wg_vfs_unlink(writer->vfs, writer->path, NULL);
    wg_sha256_destroy(writer->sha);
    wg_free(writer->block);
    wg_buffer_finish(&writer->parts);
    wg_buffer_finish(&writer->sections);
    wg_buffer_finish(&writer->checksums);
    wg_free(writer->path);
    wg_free(writer);
}
