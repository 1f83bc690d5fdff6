// zstd frames unpacked piece by piece, for stream.c; the only other user of the library is codec.c itself.
#pragma once

#include "base/codec.h"

#define WG_ZSTD_MAGIC_SIZE 4

// Do at least WG_ZSTD_MAGIC_SIZE bytes begin a frame, or one of the skippable frames that tools like pzstd
// put first?
bool wg_zstd_begins_frame(const uint8_t *bytes);

typedef struct wg_zstd_unpacker wg_zstd_unpacker;
wg_zstd_unpacker *wg_zstd_unpacker_create(void); // NULL = no memory
void wg_zstd_unpacker_destroy(wg_zstd_unpacker *unpacker);
// *source_size, *target_size: in what is there, out what was consumed and written. *between: at the end of a
// frame; the bytes that follow begin another. NULL, or what is wrong with the frame.
const char *wg_zstd_unpack(wg_zstd_unpacker *unpacker, const uint8_t *source, size_t *source_size,
                           uint8_t *target, size_t *target_size, bool *between);
