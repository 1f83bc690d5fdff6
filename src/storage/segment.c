// Reads segment files. All numbers are little-endian; a byte that is not named is zero.
//
//   0        header, 4096 bytes
//              0  8  "WAGGLSEG"
//              8  4  version of the format, 1
//             12  4  bytes under one checksum, 1 MiB
//           4092  4  CRC32C of the 4092 bytes before
//   4096     sections, ascending and apart, each at a multiple of 64 (above 4 MiB: of 64 KiB); zeros between
//   f        footer, at a multiple of 64; f is in the trailer
//              0  4  p, parts         4  4  s, sections, of all parts      8  8  b, checksums
//             16      p entries of 24 bytes, the sections of each following those of the one before
//                       0  4  collection     4  4  sections     8  8  rows    16  8  sequence
//                     s entries of 40 bytes
//                       0  2  kind   2  2  name   4  2  version   6  2  flags   8  4  stride   12  4  zero
//                      16  8  offset in the file        24  8  size        32  8  its first checksum
//                     b checksums of 4 bytes: CRC32C per begun MiB of each section
//   size-64  trailer, 64 bytes
//              0  8  "WGSEGEND"
//              8  4  version of the format     12  4  CRC32C of the footer
//             16  8  f                         24  8  size of the footer
//             32  8  size of the file          60  4  CRC32C of the 60 bytes before
//
// Recovery: there is none. A file is referred to only after it was synced, so whatever does not match is
// damage, and is refused with the place. Magic, version and the checksum of the header will stay where
// they are, so that a newer format is told from damage. A kind that is not known is skipped, unless its
// section says that it is required.
#include "base/bytes.h"
#include "storage/segment_format.h"

#include <assert.h>

static_assert(sizeof(wg_section) == 40, "a part of 100,000 collections is counted in these");

struct wg_segment_file {
    _Atomic uint32_t references;
    uint64_t serial;
    wg_vfs *vfs;
    char *path;
    wg_mapping mapping;
    uint64_t footer_offset;
    uint32_t footer_crc;
    wg_part *parts;
    uint32_t part_count;
    wg_section *sections;
    uint32_t section_count;
    const uint8_t *checksums; // in the mapping
    uint64_t block_count;
    // One bit per block, set once its checksum was found right. Relaxed: the bit says something about
    // bytes that never change, and publishes no other memory.
    _Atomic uint64_t *verified;
};

static const char *kind_name(uint16_t kind)
{
    static const char *const names[] = {
        [WG_SECTION_VECTORS] = "vectors",
        [WG_SECTION_NORMS] = "norms",
        [WG_SECTION_PRESENT] = "present",
        [WG_SECTION_VERSIONS] = "versions",
        [WG_SECTION_ID_NUMBERS] = "id numbers",
        [WG_SECTION_ID_OFFSETS] = "id offsets",
        [WG_SECTION_ID_BYTES] = "id bytes",
        [WG_SECTION_ID_HASH] = "id hash",
        [WG_SECTION_ID_RANK] = "id rank",
        [WG_SECTION_ID_ORDER] = "id order",
        [WG_SECTION_BORN_DEAD] = "born dead",
        [WG_SECTION_PAYLOAD] = "payload",
        [WG_SECTION_PAYLOAD_INDEX] = "payload index",
        [WG_SECTION_PAYLOAD_DICTIONARY] = "payload dictionary",
        [WG_SECTION_STATISTICS] = "statistics",
        [WG_SECTION_CODE_FRAME] = "code frame",
        [WG_SECTION_CODES] = "codes",
        [WG_SECTION_CODE_FIGURES] = "code figures",
    };
    return kind < WG_COUNT(names) && names[kind] != NULL ? names[kind] : "unknown";
}

static bool kind_known(const wg_section *section)
{
    return section->kind >= WG_SECTION_VECTORS && section->kind < WG_SECTION_KINDS &&
           section->version <= WG_SECTION_VERSION;
}

static waggle_status corrupt_crc(waggle_error *error, const char *path, const char *what,
                                 uint32_t expected, uint32_t found)
{
    return wg_fail(error, WAGGLE_CORRUPT,
                   "%s: the checksum of the %s is %08" PRIx32 ", expected %08" PRIx32, path, what,
                   found, expected);
}

static waggle_status check_header(const wg_segment_file *file, waggle_error *error)
{
    const uint8_t *header = file->mapping.data;
    if (memcmp(header, WG_SEGMENT_MAGIC, WG_SEGMENT_MAGIC_SIZE) != 0)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: does not begin as a segment file", file->path);
    uint32_t expected = wg_get32(header + WG_SEGMENT_HEADER_CRC);
    uint32_t found = wg_crc32c(0, header, WG_SEGMENT_HEADER_CRC);
    if (found != expected) return corrupt_crc(error, file->path, "header", expected, found);
    uint32_t version = wg_get32(header + 8);
    if (version > WG_SEGMENT_VERSION)
        return wg_fail_numbers(error, WAGGLE_FORMAT_VERSION, WG_SEGMENT_VERSION, version,
                               "%s: the format of the segment is %" PRIu32
                               "; this library reads up to %u",
                               file->path, version, WG_SEGMENT_VERSION);
    if (version == 0 || wg_get32(header + 12) != WG_BLOCK_SIZE)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: version %" PRIu32 " with blocks of %" PRIu32,
                       file->path, version, wg_get32(header + 12));
    return WAGGLE_OK;
}

// *footer_size is that of the trailer, and the footer lies between header and trailer.
static waggle_status check_trailer(wg_segment_file *file, uint64_t *footer_size,
                                   waggle_error *error)
{
    uint64_t size = file->mapping.size;
    const uint8_t *trailer = file->mapping.data + size - WG_SEGMENT_TRAILER_SIZE;
    uint32_t expected = wg_get32(trailer + WG_SEGMENT_TRAILER_CRC);
    uint32_t found = wg_crc32c(0, trailer, WG_SEGMENT_TRAILER_CRC);
    if (memcmp(trailer, WG_SEGMENT_END_MAGIC, WG_SEGMENT_MAGIC_SIZE) != 0)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: does not end as a segment file; it was cut, or grew", file->path);
    if (found != expected) return corrupt_crc(error, file->path, "trailer", expected, found);

    uint64_t offset = wg_get64(trailer + 16);
    *footer_size = wg_get64(trailer + 24);
    uint64_t end = size - WG_SEGMENT_TRAILER_SIZE;
    if (wg_get64(trailer + 32) != size)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: holds %" PRIu64 " bytes, expected %" PRIu64,
                       file->path, size, wg_get64(trailer + 32));
    if (offset < WG_SEGMENT_HEADER_SIZE || offset > end || *footer_size != end - offset)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: a footer of %" PRIu64 " bytes at %" PRIu64 " in a file of %" PRIu64,
                       file->path, *footer_size, offset, size);
    file->footer_offset = offset;

    expected = wg_get32(trailer + 12);
    found = wg_crc32c(0, file->mapping.data + offset, *footer_size);
    if (found != expected) return corrupt_crc(error, file->path, "footer", expected, found);
    file->footer_crc = found;
    return WAGGLE_OK;
}

static void get_section(const uint8_t *source, wg_section *section)
{
    *section = (wg_section){.kind = wg_get16(source),
                            .name = wg_get16(source + 2),
                            .version = wg_get16(source + 4),
                            .flags = wg_get16(source + 6),
                            .stride = wg_get32(source + 8),
                            .offset = wg_get64(source + 16),
                            .size = wg_get64(source + 24),
                            .block_first = wg_get64(source + 32)};
}

// Sections ascend without overlap and their checksums follow each other, so that two never share a byte
// or a checksum.
static waggle_status parse_sections(wg_segment_file *file, const uint8_t *source,
                                    waggle_error *error)
{
    uint64_t end = WG_SEGMENT_HEADER_SIZE;
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < file->section_count; i++, source += WG_FOOTER_SECTION_SIZE) {
        wg_section *section = &file->sections[i];
        get_section(source, section);
        if (section->offset < end || section->offset % WG_SECTION_ALIGNMENT != 0 ||
            section->offset > file->footer_offset ||
            section->size > file->footer_offset - section->offset)
            return wg_fail(error, WAGGLE_CORRUPT,
                           "%s: section %" PRIu32 " has %" PRIu64 " bytes at %" PRIu64
                           ", outside of %" PRIu64 " to %" PRIu64,
                           file->path, i, section->size, section->offset, end, file->footer_offset);
        if (section->block_first != blocks)
            return wg_fail(error, WAGGLE_CORRUPT,
                           "%s: the checksums of section %" PRIu32 " are at %" PRIu64
                           ", expected %" PRIu64,
                           file->path, i, section->block_first, blocks);
        if ((section->flags & WG_SECTION_REQUIRED) != 0 && !kind_known(section))
            return wg_fail_numbers(error, WAGGLE_FORMAT_VERSION, WG_SECTION_VERSION,
                                   section->version,
                                   "%s: needs sections of kind %u, version %u, which this library "
                                   "does not know; it knows kinds up to %u, versions up to %u",
                                   file->path, section->kind, section->version,
                                   WG_SECTION_KINDS - 1, WG_SECTION_VERSION);
        end = section->offset + section->size;
        blocks += wg_section_blocks(section->size);
    }
    if (blocks != file->block_count)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: %" PRIu64 " checksums, expected %" PRIu64,
                       file->path, file->block_count, blocks);
    return WAGGLE_OK;
}

static waggle_status parse_parts(wg_segment_file *file, const uint8_t *source, waggle_error *error)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < file->part_count; i++, source += WG_FOOTER_PART_SIZE) {
        wg_part *part = &file->parts[i];
        *part = (wg_part){.collection = wg_get32(source),
                          .section_count = wg_get32(source + 4),
                          .sections = file->sections + first,
                          .rows = wg_get64(source + 8),
                          .sequence = wg_get64(source + 16)};
        if (part->section_count > file->section_count - first)
            return wg_fail(error, WAGGLE_CORRUPT,
                           "%s: part %" PRIu32 " has %" PRIu32 " sections; %" PRIu32 " are left",
                           file->path, i, part->section_count, file->section_count - first);
        for (uint32_t j = 0; j < part->section_count; j++)
            part->bytes += part->sections[j].size;
        first += part->section_count;
    }
    if (first != file->section_count)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: %" PRIu32 " sections belong to no part",
                       file->path, file->section_count - first);
    return WAGGLE_OK;
}

static waggle_status allocate_tables(wg_segment_file *file, wg_heap *heap, waggle_error *error)
{
    // All three are bounded by the size of the footer, which was checked.
    size_t parts = file->part_count * sizeof(wg_part);
    size_t sections = file->section_count * sizeof(wg_section);
    size_t words = (size_t)(file->block_count / 64 + 1) * sizeof(uint64_t);
    file->parts = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, parts);
    file->sections = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, sections);
    file->verified = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, words);
    if (file->parts == NULL || file->sections == NULL || file->verified == NULL)
        return wg_fail_memory(error, parts + sections + words, "the tables of a segment");
    return WAGGLE_OK;
}

static waggle_status parse_footer(wg_segment_file *file, wg_heap *heap, uint64_t footer_size,
                                  waggle_error *error)
{
    const uint8_t *footer = file->mapping.data + file->footer_offset;
    if (footer_size < WG_FOOTER_HEAD_SIZE)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: a footer of %" PRIu64 " bytes", file->path,
                       footer_size);
    file->part_count = wg_get32(footer);
    file->section_count = wg_get32(footer + 4);
    file->block_count = wg_get64(footer + 8);
    if (file->part_count > WG_PARTS_MAX ||
        file->block_count > footer_size / WG_FOOTER_CHECKSUM_SIZE ||
        footer_size !=
            wg_footer_size(file->part_count, file->section_count, (size_t)file->block_count))
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: a footer of %" PRIu64 " bytes for %" PRIu32 " parts, %" PRIu32
                       " sections and %" PRIu64 " checksums",
                       file->path, footer_size, file->part_count, file->section_count,
                       file->block_count);
    waggle_status status = allocate_tables(file, heap, error);
    if (status != WAGGLE_OK) return status;
    const uint8_t *parts = footer + WG_FOOTER_HEAD_SIZE;
    const uint8_t *sections = parts + (size_t)file->part_count * WG_FOOTER_PART_SIZE;
    file->checksums = sections + (size_t)file->section_count * WG_FOOTER_SECTION_SIZE;
    status = parse_sections(file, sections, error);
    return status == WAGGLE_OK ? parse_parts(file, parts, error) : status;
}

// Maps the whole file; the mapping outlives the handle.
static waggle_status map_file(wg_segment_file *file, waggle_error *error)
{
    wg_file *handle = NULL;
    uint64_t size = 0;
    waggle_status status = wg_file_open(file->vfs, file->path, WG_OPEN_READ, &handle, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_size(handle, &size, error);
    if (status != WAGGLE_OK) goto cleanup;
    if (size < WG_SEGMENT_HEADER_SIZE + WG_FOOTER_HEAD_SIZE + WG_SEGMENT_TRAILER_SIZE) {
        status = wg_fail(error, WAGGLE_CORRUPT, "%s: %" PRIu64 " bytes are no segment file",
                         file->path, size);
        goto cleanup;
    }
    status = wg_file_map(handle, &file->mapping, error);
    if (status == WAGGLE_OK && file->mapping.size != size)
        status =
            wg_fail(error, WAGGLE_CORRUPT, "%s: changed its size while it was opened", file->path);

cleanup:
    wg_file_close(handle);
    return status;
}

waggle_status wg_segment_open(wg_vfs *vfs, wg_heap *heap, const char *path, wg_segment_file **file,
                              waggle_error *error)
{
    static _Atomic uint64_t serials;
    wg_segment_file *opened = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, sizeof(*opened));
    if (opened == NULL) return wg_fail_memory(error, sizeof(*opened), "a segment");
    atomic_init(&opened->references, 1);
    opened->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
    opened->vfs = vfs;

    uint64_t footer_size = 0;
    waggle_status status = WAGGLE_OK;
    opened->path = wg_strdup(heap, WG_MEMORY_OTHER, path);
    if (opened->path == NULL) {
        status = wg_fail_memory(error, strlen(path) + 1, "a path");
        goto cleanup;
    }
    status = map_file(opened, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = check_header(opened, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = check_trailer(opened, &footer_size, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = parse_footer(opened, heap, footer_size, error);
    if (status != WAGGLE_OK) goto cleanup;

    *file = opened;
    opened = NULL; // moved to the caller

cleanup:
    wg_segment_release(opened);
    return status;
}

void wg_segment_retain(wg_segment_file *file)
{
    atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
}

void wg_segment_release(wg_segment_file *file)
{
    if (file == NULL) return;
    // acq_rel: whoever frees comes after the last use by every other holder.
    if (atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) != 1) return;
    wg_file_unmap(file->vfs, &file->mapping);
    wg_free(file->parts);
    wg_free(file->sections);
    wg_free(file->verified);
    wg_free(file->path);
    wg_free(file);
}

const char *wg_segment_path(const wg_segment_file *file)
{
    return file->path;
}

uint64_t wg_segment_size(const wg_segment_file *file)
{
    return file->mapping.size;
}

uint32_t wg_segment_footer_crc(const wg_segment_file *file)
{
    return file->footer_crc;
}

uint64_t wg_segment_serial(const wg_segment_file *file)
{
    return file->serial;
}

uint32_t wg_segment_part_count(const wg_segment_file *file)
{
    return file->part_count;
}

const wg_part *wg_segment_part(const wg_segment_file *file, uint32_t index)
{
    return index < file->part_count ? &file->parts[index] : NULL;
}

const wg_section *wg_part_section(const wg_part *part, wg_section_kind kind, uint16_t name)
{
    for (uint32_t i = 0; i < part->section_count; i++) {
        const wg_section *section = &part->sections[i];
        if (section->kind == kind && section->name == name && kind_known(section)) return section;
    }
    return NULL;
}

static waggle_status check_block(wg_segment_file *file, const wg_section *section, uint64_t block,
                                 waggle_error *error)
{
    uint64_t at = block * WG_BLOCK_SIZE;
    size_t size = (size_t)WG_MIN(section->size - at, WG_BLOCK_SIZE);
    uint64_t index = section->block_first + block;
    uint64_t bit = (uint64_t)1 << index % 64;
    uint32_t expected = wg_get32(file->checksums + index * WG_FOOTER_CHECKSUM_SIZE);
    uint32_t found = wg_crc32c(0, file->mapping.data + section->offset + at, size);
    if (found == expected) {
        atomic_fetch_or_explicit(&file->verified[index / 64], bit, memory_order_relaxed);
        return WAGGLE_OK;
    }
    atomic_fetch_and_explicit(&file->verified[index / 64], ~bit, memory_order_relaxed);
    return wg_fail(error, WAGGLE_CORRUPT,
                   "%s: section %s %u, block %" PRIu64 " (%zu bytes at %" PRIu64
                   "): its checksum is %08" PRIx32 ", expected %08" PRIx32,
                   file->path, kind_name(section->kind), section->name, block, size,
                   section->offset + at, found, expected);
}

// The first block in [index, end) that was not verified yet, a word of 64 at a time; end if all were.
static uint64_t next_unverified(const wg_segment_file *file, uint64_t index, uint64_t end)
{
    while (index < end) {
        uint64_t word = atomic_load_explicit(&file->verified[index / 64], memory_order_relaxed);
        uint64_t missing = ~word >> index % 64;
        if (missing != 0) return WG_MIN(index + (uint64_t)__builtin_ctzll(missing), end);
        index += 64 - index % 64;
    }
    return end;
}

waggle_status wg_segment_bytes(wg_segment_file *file, const wg_section *section, uint64_t offset,
                               uint64_t size, const void **bytes, waggle_error *error)
{
    if (offset > section->size || size > section->size - offset)
        return wg_fail(
            error, WAGGLE_CORRUPT,
            "%s: section %s %u has %" PRIu64 " bytes; %" PRIu64 " at %" PRIu64 " are wanted",
            file->path, kind_name(section->kind), section->name, section->size, size, offset);
    if (size > 0) {
        uint64_t end = section->block_first + (offset + size - 1) / WG_BLOCK_SIZE + 1;
        uint64_t index = next_unverified(file, section->block_first + offset / WG_BLOCK_SIZE, end);
        while (index < end) {
            waggle_status status = check_block(file, section, index - section->block_first, error);
            if (status != WAGGLE_OK) return status;
            index = next_unverified(file, index + 1, end);
        }
    }
    *bytes = file->mapping.data + section->offset + offset;
    return WAGGLE_OK;
}

// What lies between sections is under no checksum, so it must be what the writer left there: zeros. It is read, not
// mapped: a file system in memory gives a hole its pages when they are touched, and ends the process if it is full.
static waggle_status check_gap(const wg_segment_file *file, wg_file *from_disk, uint64_t from,
                               uint64_t to, waggle_error *error)
{
    static const uint8_t zeros[4096];
    uint8_t bytes[sizeof zeros];
    for (uint64_t at = from; at < to; at += sizeof bytes) {
        size_t size = (size_t)WG_MIN(to - at, sizeof bytes);
        waggle_status status = wg_file_read_all(from_disk, at, bytes, size, error);
        if (status != WAGGLE_OK) return status;
        if (memcmp(bytes, zeros, size) == 0) continue;
        size_t bad = 0;
        while (bytes[bad] == 0)
            bad++;
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: the byte at %" PRIu64 " between sections is %02x, expected 00",
                       file->path, at + bad, bytes[bad]);
    }
    return WAGGLE_OK;
}

static waggle_status check_section(wg_segment_file *file, const wg_section *section,
                                   waggle_error *error)
{
    uint64_t count = wg_section_blocks(section->size);
    waggle_status status = WAGGLE_OK;
    for (uint64_t block = 0; status == WAGGLE_OK && block < count; block++)
        status = check_block(file, section, block, error);
    return status;
}

waggle_status wg_segment_verify(wg_segment_file *file, uint64_t *blocks, waggle_error *error)
{
    uint64_t compared = 0;
    uint64_t footer_size = 0;
    wg_file *from_disk = NULL;
    waggle_status status = check_header(file, error);
    if (status == WAGGLE_OK) status = check_trailer(file, &footer_size, error);
    if (status == WAGGLE_OK)
        status = wg_file_open(file->vfs, file->path, WG_OPEN_READ, &from_disk, error);

    uint64_t end = WG_SEGMENT_HEADER_SIZE;
    for (uint32_t i = 0; status == WAGGLE_OK && i < file->section_count; i++) {
        const wg_section *section = &file->sections[i];
        status = check_gap(file, from_disk, end, section->offset, error);
        if (status == WAGGLE_OK) status = check_section(file, section, error);
        compared += wg_section_blocks(section->size);
        end = section->offset + section->size;
    }
    if (status == WAGGLE_OK) status = check_gap(file, from_disk, end, file->footer_offset, error);
    wg_file_close(from_disk);
    if (status == WAGGLE_OK && blocks != NULL) *blocks = compared;
    return status;
}

uint64_t wg_segment_blocks_verified(const wg_segment_file *file)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i <= file->block_count / 64; i++)
        count += (uint64_t)__builtin_popcountll(
            atomic_load_explicit(&file->verified[i], memory_order_relaxed));
    return count;
}
