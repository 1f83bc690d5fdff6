// The frame that delete masks (mask.c) and overlays (overlay.c) share: small files that are written once, as
// a whole, and read from start to end in bounded memory.
//
//   0   8  magic of the kind: "WGDELETE" or "WGOVRLAY"
//   8   4  version of the format, 1
//  12   4  zero
//  16   8  rows of the part (overlays: the last row + 1)
//  24   8  count of what the body lists
//  32   8  sequence: every write up to here is in it
//  40   8  size of the body
//  48  12  zero
//  60   4  CRC32C of the 60 bytes before
//  64      body, of the kind
//  end  4  CRC32C of the body
//
// Recovery: there is none. The manifest names a file only after it was synced, so what does not match is
// damage and is refused. A leftover of a crash at the same path is replaced.
#pragma once

#include "base/memory.h"
#include "base/vfs.h"

#define WG_SIDE_VERSION 1u
#define WG_SIDE_HEADER_SIZE 64u
#define WG_SIDE_BUFFER_SIZE (64u << 10)

typedef struct wg_side_header {
    const char *magic; // 8 bytes
    uint64_t rows;
    uint64_t count;
    uint64_t sequence;
    uint64_t body_size;
} wg_side_header;

typedef struct wg_side_file {
    wg_vfs *vfs;
    const char *path; // borrowed
    wg_file *file;
    uint8_t *buffer; // WG_SIDE_BUFFER_SIZE
    size_t at;       // in the buffer: written or read so far
    size_t fill;     // bytes that were read into it
    uint64_t offset; // in the file, of the end of what was written or read
    uint64_t left;   // of the body
    uint32_t crc;    // of the body so far
} wg_side_file;

// Creates the file. Afterwards exactly body_size bytes are put, then finish is called; whatever the
// outcome, also of this call, discard comes last.
waggle_status wg_side_create(wg_side_file *side, wg_vfs *vfs, wg_heap *heap, const char *path,
                             const wg_side_header *header, waggle_error *error);
waggle_status wg_side_put(wg_side_file *side, const void *data, size_t size, waggle_error *error);
// Writes the checksum, and syncs file and folder.
waggle_status wg_side_finish(wg_side_file *side, waggle_error *error);
void wg_side_discard(wg_side_file *side); // closes; an unfinished file is removed

// Opens the file and checks header and size; header->magic is given, the rest is filled in. Whatever the
// outcome, close comes last.
waggle_status wg_side_open(wg_side_file *side, wg_vfs *vfs, wg_heap *heap, const char *path,
                           wg_side_header *header, waggle_error *error);
// The next bytes of the body; WAGGLE_CORRUPT if it has not as many left.
waggle_status wg_side_get(wg_side_file *side, void *target, size_t size, waggle_error *error);
// That the body ends here, and that its checksum is right.
waggle_status wg_side_end(wg_side_file *side, waggle_error *error);
void wg_side_rewind(wg_side_file *side,
                    const wg_side_header *header); // to the first byte of the body
void wg_side_close(wg_side_file *side);
