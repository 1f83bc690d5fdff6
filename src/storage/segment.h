// Segment files: immutable, memory-mapped, made of sections, every byte under a checksum.
//
//   header (4 KiB) | sections ... | footer (tables, block checksums) | trailer (64 bytes)
//
// A file holds parts: the rows of one collection each. A part lists its sections. A section is a run of
// bytes of one kind; sections above 4 MiB begin at a multiple of 64 KiB, smaller ones of 64 bytes. Each
// section has a CRC32C per block of 1 MiB, compared at the first touch of the block. The exact bytes are at the top of
// segment.c and in docs/formats/segment.md.
#pragma once

#include "base/hash.h"
#include "base/memory.h"
#include "base/vfs.h"

#define WG_BLOCK_SIZE (1u << 20) // bytes under one checksum

typedef enum wg_section_kind {
    WG_SECTION_VECTORS = 1, // name index; rows, stride apart
    WG_SECTION_NORMS,       // name index; f32 per row
    WG_SECTION_PRESENT,    // name index; bit per row, u64 words, set = has it; absent = all have it
    WG_SECTION_VERSIONS,   // u64 per row
    WG_SECTION_ID_NUMBERS, // u64 per row: every id is a number
    WG_SECTION_ID_OFFSETS, // u64 per row and one more, into
    WG_SECTION_ID_BYTES,   //   encoded ids (ids.h)
    WG_SECTION_ID_HASH, // u32 slots of an open-addressed table: row + 1 and bits of the hash, 0 = free
    WG_SECTION_ID_RANK,   // u32 per row: its place in id order; absent = rows are in id order
    WG_SECTION_ID_ORDER,  // u32 per place: the row, the inverse of rank
    WG_SECTION_BORN_DEAD, // bit per row, u64 words: replaced within the same file (bulk import)
    WG_SECTION_PAYLOAD,   // compressed blocks (documents.h)
    WG_SECTION_PAYLOAD_INDEX,
    WG_SECTION_PAYLOAD_DICTIONARY,
    WG_SECTION_STATISTICS, // JSON, for people
    // Of codes files (docs/formats/codes.md); name is wg_codes_name() of engine/codes_file.h.
    WG_SECTION_CODE_FRAME,
    WG_SECTION_CODES,        // rows of codes, stride apart
    WG_SECTION_CODE_FIGURES, // 16 bytes per row
    WG_SECTION_KINDS,        // one more than the last
} wg_section_kind;

#define WG_SECTION_REQUIRED 1u // a reader that does not know the kind must refuse the file
#define WG_PARTS_MAX 65536u

typedef struct wg_section {
    uint16_t kind;
    uint16_t name; // index of the vector name (of codes: and their kind), else 0
    uint16_t version;
    uint16_t flags;
    uint32_t stride; // VECTORS, CODES: bytes between rows, else 0
    uint64_t offset; // in the file
    uint64_t size;
    uint64_t block_first; // of its checksums in the file's table
} wg_section;

typedef struct wg_part {
    uint32_t collection;
    uint32_t section_count;
    const wg_section *sections;
    uint64_t rows;
    uint64_t sequence; // the newest write it holds
    uint64_t bytes;
} wg_part;

// ---- Writing, from the start of the file to its end: parts, and in them sections, one after the other.
typedef struct wg_segment_writer wg_segment_writer;
typedef uint32_t wg_section_handle;

waggle_status wg_segment_create(wg_vfs *vfs, wg_heap *heap, const char *path,
                                wg_segment_writer **writer, waggle_error *error);
// Right after creating, if finish will be asked for the SHA-256: it is computed while writing.
waggle_status wg_segment_digest_begin(wg_segment_writer *writer, waggle_error *error);
// The same, computed by a thread of its own behind the writes.
waggle_status wg_segment_digest_begin_thread(wg_segment_writer *writer, waggle_error *error);
waggle_status wg_segment_part_begin(wg_segment_writer *writer, uint32_t collection,
                                    waggle_error *error);
// The section grows until its end, and no other may begin before. size_hint decides alignment (above 4 MiB = 64 KiB).
waggle_status wg_segment_section_begin(wg_segment_writer *writer, wg_section_kind kind,
                                       uint16_t name, uint16_t flags, uint32_t stride,
                                       uint64_t size_hint, wg_section_handle *section,
                                       waggle_error *error);
waggle_status wg_segment_section_append(wg_segment_writer *writer, wg_section_handle section,
                                        const void *data, size_t size, waggle_error *error);
waggle_status wg_segment_section_end(wg_segment_writer *writer, wg_section_handle section,
                                     waggle_error *error);
waggle_status wg_segment_part_end(wg_segment_writer *writer, uint64_t rows, uint64_t sequence,
                                  waggle_error *error);
// Writes the footer and syncs file and folder. digest NULL = no SHA-256 of the file is asked for, otherwise it was begun.
waggle_status wg_segment_finish(wg_segment_writer *writer, uint64_t *size,
                                uint8_t digest[WG_SHA256_SIZE], waggle_error *error);
// Frees; an unfinished file is removed.
void wg_segment_writer_destroy(wg_segment_writer *writer);

// ---- Reading. A file is opened once and shared by its parts' users through a count of references.
typedef struct wg_segment_file wg_segment_file;

// Reads header, trailer and footer (all under checksums); maps the file; touches no section.
waggle_status wg_segment_open(wg_vfs *vfs, wg_heap *heap, const char *path, wg_segment_file **file,
                              waggle_error *error);
void wg_segment_retain(wg_segment_file *file);
void wg_segment_release(wg_segment_file *file); // the last one unmaps and closes; NULL is fine
const char *wg_segment_path(const wg_segment_file *file);
uint64_t wg_segment_size(const wg_segment_file *file);
// The CRC32C of the footer, which holds those of all blocks: another file with the same one is unlikely.
uint32_t wg_segment_footer_crc(const wg_segment_file *file);
// A number that no other opening in this process had: for keys of caches.
uint64_t wg_segment_serial(const wg_segment_file *file);
uint32_t wg_segment_part_count(const wg_segment_file *file);
const wg_part *wg_segment_part(const wg_segment_file *file, uint32_t index);
// NULL if the part has none.
const wg_section *wg_part_section(const wg_part *part, wg_section_kind kind, uint16_t name);
// Bytes [offset, offset + size) of a section, after comparing the checksums of the blocks they touch if
// that was not done before. Any thread.
waggle_status wg_segment_bytes(wg_segment_file *file, const wg_section *section, uint64_t offset,
                               uint64_t size, const void **bytes, waggle_error *error);
// Compares every block again, and that sections lie inside the file and do not overlap.
waggle_status wg_segment_verify(wg_segment_file *file, uint64_t *blocks, waggle_error *error);
uint64_t wg_segment_blocks_verified(const wg_segment_file *file);
