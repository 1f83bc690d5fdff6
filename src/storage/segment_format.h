// Constants of segment files that the writer, the reader and their tests share. The layout is drawn at the
// top of segment.c.
#pragma once

#include "storage/segment.h"

#define WG_SEGMENT_MAGIC "WAGGLSEG" // 8 bytes, without NUL
#define WG_SEGMENT_END_MAGIC "WGSEGEND"
#define WG_SEGMENT_MAGIC_SIZE 8u
#define WG_SEGMENT_VERSION 1u // of the file
#define WG_SECTION_VERSION 1u // of every kind of section so far

#define WG_SEGMENT_HEADER_SIZE 4096u
#define WG_SEGMENT_HEADER_CRC 4092u // offset of its checksum
#define WG_SEGMENT_TRAILER_SIZE 64u
#define WG_SEGMENT_TRAILER_CRC 60u
#define WG_FOOTER_HEAD_SIZE 16u
#define WG_FOOTER_PART_SIZE 24u
#define WG_FOOTER_SECTION_SIZE 40u
#define WG_FOOTER_CHECKSUM_SIZE 4u

#define WG_SECTION_ALIGNMENT 64u
// Large sections are imported by devices as host memory, which some do in pages of 64 KiB only.
#define WG_SECTION_LARGE (4u << 20)
#define WG_SECTION_LARGE_ALIGNMENT (64u << 10)

static inline uint64_t wg_section_blocks(uint64_t size)
{
    return size / WG_BLOCK_SIZE + (size % WG_BLOCK_SIZE != 0);
}

static inline size_t wg_footer_size(uint32_t parts, uint32_t sections, size_t blocks)
{
    return WG_FOOTER_HEAD_SIZE + (size_t)parts * WG_FOOTER_PART_SIZE +
           (size_t)sections * WG_FOOTER_SECTION_SIZE + blocks * WG_FOOTER_CHECKSUM_SIZE;
}
