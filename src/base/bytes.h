// Little-endian numbers in byte strings, and a reader that cannot run past the end. Every format of
// ours is written and read through these, so none depends on the machine.
#pragma once

#include "base/status.h"

#include <string.h>

static inline void wg_put16(void *target, uint16_t value)
{
    memcpy(target, &value, 2); // little-endian hosts only; base/system.c asserts it
}

static inline void wg_put32(void *target, uint32_t value)
{
    memcpy(target, &value, 4);
}

static inline void wg_put64(void *target, uint64_t value)
{
    memcpy(target, &value, 8);
}

static inline uint16_t wg_get16(const void *source)
{
    uint16_t value;
    memcpy(&value, source, 2);
    return value;
}

static inline uint32_t wg_get32(const void *source)
{
    uint32_t value;
    memcpy(&value, source, 4);
    return value;
}

static inline uint64_t wg_get64(const void *source)
{
    uint64_t value;
    memcpy(&value, source, 8);
    return value;
}

// Reads fields in order. After the first read past the end, failed stays true and all reads give 0 or
// NULL, so a parser checks once, at its end.
typedef struct wg_reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
} wg_reader;

static inline wg_reader wg_reader_of(const void *data, size_t size)
{
    return (wg_reader){.data = data, .size = size};
}

static inline const void *wg_read_bytes(wg_reader *reader, size_t size)
{
    if (reader->failed || size > reader->size - reader->at) {
        reader->failed = true;
        return NULL;
    }
    const void *bytes = reader->data + reader->at;
    reader->at += size;
    return bytes;
}

static inline uint8_t wg_read8(wg_reader *reader)
{
    const uint8_t *bytes = wg_read_bytes(reader, 1);
    return bytes == NULL ? 0 : *bytes;
}

static inline uint16_t wg_read16(wg_reader *reader)
{
    const void *bytes = wg_read_bytes(reader, 2);
    return bytes == NULL ? 0 : wg_get16(bytes);
}

static inline uint32_t wg_read32(wg_reader *reader)
{
    const void *bytes = wg_read_bytes(reader, 4);
    return bytes == NULL ? 0 : wg_get32(bytes);
}

static inline uint64_t wg_read64(wg_reader *reader)
{
    const void *bytes = wg_read_bytes(reader, 8);
    return bytes == NULL ? 0 : wg_get64(bytes);
}

static inline size_t wg_reader_left(const wg_reader *reader)
{
    return reader->failed ? 0 : reader->size - reader->at;
}
