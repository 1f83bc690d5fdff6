// The SHA-256 of a file while it is written, by a thread that reads behind the writer: hashing costs more than
// writing, and so it runs on a core of its own.
#pragma once

#include "base/hash.h"
#include "base/memory.h"
#include "base/vfs.h"

typedef struct wg_segment_digest wg_segment_digest;

// Starts the thread. file and sha are borrowed until join; sha holds the bytes below `from` already.
waggle_status wg_segment_digest_start(wg_heap *heap, wg_file *file, wg_sha256 *sha, uint64_t from,
                                      wg_segment_digest **digest, waggle_error *error);
// Everything below end is written and does not change again.
void wg_segment_digest_reach(wg_segment_digest *digest, uint64_t end);
// Waits until all that was reached is in sha, or (abandon) only until the thread has stopped. Frees.
waggle_status wg_segment_digest_join(wg_segment_digest *digest, bool abandon, waggle_error *error);
