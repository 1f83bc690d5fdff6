// Compression: zstd for blocks of ours, and streams of plain, gzip or zstd files for readers of data.
#pragma once

#include "base/memory.h"

// The most bytes that size bytes can become.
size_t wg_zstd_bound(size_t size);

// A dictionary digested for unpacking, for any number of threads.
typedef struct wg_zstd_dictionary wg_zstd_dictionary;
wg_zstd_dictionary *wg_zstd_dictionary_create(const void *dictionary,
                                              size_t size); // copied; NULL = no memory
void wg_zstd_dictionary_destroy(wg_zstd_dictionary *dictionary);

// Working memory for one thread at a time. The dictionary is for packing, and may be NULL.
typedef struct wg_zstd wg_zstd;
wg_zstd *wg_zstd_create(int level, const void *dictionary,
                        size_t dictionary_size); // NULL = no memory
void wg_zstd_destroy(wg_zstd *zstd);
size_t wg_zstd_size(const wg_zstd *zstd); // bytes that it holds; no heap counts them
// *size: in the capacity of target, out the bytes written. WAGGLE_CORRUPT if source is not what
// compress made, or needs more than the capacity. Unpacking allocates nothing; its dictionary may be NULL.
waggle_status wg_zstd_compress(wg_zstd *zstd, const void *source, size_t source_size, void *target,
                               size_t *size, waggle_error *error);
waggle_status wg_zstd_decompress(wg_zstd *zstd, const wg_zstd_dictionary *dictionary,
                                 const void *source, size_t source_size, void *target, size_t *size,
                                 waggle_error *error);
// Trains a dictionary of at most *size bytes from count samples that lie one behind the other. *size = 0
// if the samples do not support one.
void wg_zstd_train(const void *samples, const size_t *sizes, uint32_t count, void *dictionary,
                   size_t *size);

// A file to read from start to end, unpacked by its first bytes: gzip (RFC 1952), zstd (RFC 8878), else
// plain. path "-" is the standard input.
typedef struct wg_stream wg_stream;
waggle_status wg_stream_open(const char *path, wg_stream **stream, waggle_error *error);
// The same over bytes in memory, borrowed until the stream is closed; name stands in messages.
waggle_status wg_stream_open_memory(const char *name, const void *data, size_t size,
                                    wg_stream **stream, waggle_error *error);
void wg_stream_close(wg_stream *stream); // NULL is fine
// *got < size only at the end. WAGGLE_CORRUPT names the file and the offset in it.
waggle_status wg_stream_read(wg_stream *stream, void *target, size_t size, size_t *got,
                             waggle_error *error);
// Passes over size bytes, without reading them where the file is plain. *skipped < size only at the end.
waggle_status wg_stream_skip(wg_stream *stream, uint64_t size, uint64_t *skipped,
                             waggle_error *error);
uint64_t wg_stream_position(const wg_stream *stream); // bytes of the file consumed, for progress
uint64_t wg_stream_size(const wg_stream *stream);     // bytes of the file; 0 = unknown
bool wg_stream_is_plain(const wg_stream *stream);
