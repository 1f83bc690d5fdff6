#include "storage/log_format.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <assert.h>
#include <stdio.h>

#define WINDOW_SIZE (256u << 10) // read at once

static const char magic[8] = "WAGGLOG\n";

static_assert(WG_LOG_DATA_START % 8 == 0, "records are aligned to 8");

// ---- Names.

void wg_log_name(char name[WG_LOG_NAME_SIZE], uint64_t number)
{
    snprintf(name, WG_LOG_NAME_SIZE, "%08" PRIu64 ".wlog", number);
}

bool wg_log_name_parse(const char *name, uint64_t *number)
{
    uint64_t value = 0;
    size_t digits = 0;
    while (name[digits] >= '0' && name[digits] <= '9' && digits < 18) {
        value = value * 10 + (uint64_t)(name[digits++] - '0');
    }
    char expected[WG_LOG_NAME_SIZE];
    wg_log_name(expected, value);
    if (value == 0 || strcmp(name, expected) != 0) return false;
    *number = value;
    return true;
}

// ---- The header.

void wg_log_header_encode(const wg_log_header *header, uint8_t block[WG_LOG_DATA_START])
{
    memset(block, 0, WG_LOG_DATA_START);
    memcpy(block, magic, sizeof(magic));
    wg_put32(block + 8, WG_LOG_VERSION);
    wg_put32(block + 12, header->salt);
    wg_put64(block + 16, header->number);
    wg_put64(block + 24, header->epoch);
    wg_put64(block + 32, header->first);
    wg_put64(block + 40, header->follows);
    wg_put64(block + 48, header->committed);
    wg_put32(block + 56, header->size);
    wg_put32(block + 60, wg_crc32c(0, block, 60));
    // In another sector, so that one flipped bit costs nothing.
    memcpy(block + WG_LOG_HEADER_COPY, block, 64);
}

// A header that names its file, and whose numbers do not contradict each other.
static bool header_decode(const uint8_t *bytes, uint64_t number, wg_log_header *header)
{
    *header = (wg_log_header){
        .salt = wg_get32(bytes + 12),
        .number = wg_get64(bytes + 16),
        .epoch = wg_get64(bytes + 24),
        .first = wg_get64(bytes + 32),
        .follows = wg_get64(bytes + 40),
        .committed = wg_get64(bytes + 48),
        .size = wg_get32(bytes + 56),
    };
    return header->number == number && header->follows < header->first &&
           header->committed <= header->follows && header->size > WG_LOG_DATA_START;
}

waggle_status wg_log_header_read(wg_file *file, const char *path, uint64_t number,
                                 wg_log_header *header, bool *sound, waggle_error *error)
{
    uint8_t block[WG_LOG_DATA_START] = {0};
    size_t got = 0;
    *sound = false;
    waggle_status status = wg_file_read(file, 0, block, sizeof(block), &got, error);
    if (status != WAGGLE_OK) return status;
    for (size_t at = 0; at < WG_LOG_DATA_START; at += WG_LOG_HEADER_COPY) {
        const uint8_t *bytes = block + at;
        if (memcmp(bytes, magic, sizeof(magic)) != 0) continue;
        if (wg_get32(bytes + 60) != wg_crc32c(0, bytes, 60)) continue;
        if (wg_get32(bytes + 8) > WG_LOG_VERSION) {
            return wg_fail(error, WAGGLE_FORMAT_VERSION,
                           "%s: log format %u is newer than %u, the newest this library reads",
                           path, wg_get32(bytes + 8), WG_LOG_VERSION);
        }
        if (!header_decode(bytes, number, header)) continue;
        *sound = true;
        return WAGGLE_OK;
    }
    return WAGGLE_OK;
}

// ---- Records.

static uint32_t record_crc(const uint8_t *header, uint32_t salt, const void *payload, size_t size)
{
    static const uint8_t zeros[8];
    uint32_t crc = wg_crc32c(salt, header, 4);
    crc = wg_crc32c(crc, header + 8, WG_RECORD_HEADER_SIZE - 8);
    crc = wg_crc32c(crc, payload, size);
    return wg_crc32c(crc, zeros, wg_record_bytes(size) - WG_RECORD_HEADER_SIZE - size);
}

void wg_record_encode(uint8_t header[WG_RECORD_HEADER_SIZE], uint32_t salt,
                      const wg_log_entry *entry)
{
    wg_put32(header, entry->size);
    wg_put64(header + 8, entry->seq);
    wg_put64(header + 16, entry->durable);
    wg_put32(header + 24, entry->collection);
    wg_put16(header + 28, entry->type);
    wg_put16(header + 30, entry->commit ? WG_RECORD_COMMIT : 0);
    wg_put32(header + 4, record_crc(header, salt, entry->payload, entry->size));
}

// The fields that can be judged without the payload: most of what is no record fails here.
static bool header_plausible(const uint8_t *header, uint64_t left, uint64_t seq_min,
                             uint64_t seq_max)
{
    uint64_t seq = wg_get64(header + 8);
    if (seq < seq_min || seq > seq_max) return false;
    if (wg_get64(header + 16) >= seq) return false;
    if ((wg_get16(header + 30) & ~WG_RECORD_COMMIT) != 0) return false;
    uint32_t size = wg_get32(header);
    return size <= WG_RECORD_SIZE_MAX && wg_record_bytes(size) <= left;
}

// ---- The cursor.

void wg_log_cursor_init(wg_log_cursor *cursor, wg_heap *heap)
{
    *cursor = (wg_log_cursor){.heap = heap};
}

void wg_log_cursor_finish(wg_log_cursor *cursor)
{
    wg_free(cursor->data);
    *cursor = (wg_log_cursor){0};
}

void wg_log_cursor_set(wg_log_cursor *cursor, wg_file *file, uint64_t size, uint32_t salt,
                       uint64_t offset)
{
    cursor->file = file;
    cursor->size = size;
    cursor->salt = salt;
    cursor->offset = offset;
    cursor->filled = 0;
}

static bool in_window(const wg_log_cursor *cursor, uint64_t offset, size_t size)
{
    return offset >= cursor->at && offset + size <= cursor->at + cursor->filled;
}

// Moves the window so that it holds [offset, offset + size), unless the file ends before.
static waggle_status window_move(wg_log_cursor *cursor, uint64_t offset, size_t size,
                                 waggle_error *error)
{
    if (in_window(cursor, offset, size)) return WAGGLE_OK;
    size_t wanted = WG_MAX(size, WINDOW_SIZE);
    if (cursor->capacity < wanted) {
        uint8_t *data = wg_alloc(cursor->heap, WG_MEMORY_LOG, wanted);
        if (data == NULL) return wg_fail_memory(error, wanted, "reading the log");
        wg_free(cursor->data);
        cursor->data = data;
        cursor->capacity = wanted;
    }
    cursor->at = offset;
    cursor->filled = 0;
    wanted = (size_t)WG_MIN((uint64_t)wanted, cursor->size - offset);
    return wg_file_read(cursor->file, offset, cursor->data, wanted, &cursor->filled, error);
}

// Reads the record at an offset, if there is a sound one in the range of sequences. *checked: bytes of
// payload that were compared.
static waggle_status entry_read(wg_log_cursor *cursor, uint64_t offset, uint64_t seq_min,
                                uint64_t seq_max, wg_log_entry *entry, bool *sound,
                                uint64_t *checked, waggle_error *error)
{
    *sound = false;
    if (offset + WG_RECORD_HEADER_SIZE > cursor->size) return WAGGLE_OK;
    waggle_status status = window_move(cursor, offset, WG_RECORD_HEADER_SIZE, error);
    if (status != WAGGLE_OK || !in_window(cursor, offset, WG_RECORD_HEADER_SIZE)) return status;
    const uint8_t *header = cursor->data + (offset - cursor->at);
    if (!header_plausible(header, cursor->size - offset, seq_min, seq_max)) return WAGGLE_OK;

    uint32_t size = wg_get32(header);
    status = window_move(cursor, offset, wg_record_bytes(size), error);
    if (status != WAGGLE_OK || !in_window(cursor, offset, wg_record_bytes(size))) return status;
    header = cursor->data + (offset - cursor->at);
    const uint8_t *payload = header + WG_RECORD_HEADER_SIZE;
    *checked += size;
    // The padding is compared as bytes of the payload: it is covered, too.
    uint32_t crc = wg_crc32c(cursor->salt, header, 4);
    crc = wg_crc32c(crc, header + 8, wg_record_bytes(size) - 8);
    if (crc != wg_get32(header + 4)) return WAGGLE_OK;
    *entry = (wg_log_entry){
        .seq = wg_get64(header + 8),
        .durable = wg_get64(header + 16),
        .collection = wg_get32(header + 24),
        .type = wg_get16(header + 28),
        .commit = (wg_get16(header + 30) & WG_RECORD_COMMIT) != 0,
        .size = size,
        .payload = payload,
    };
    *sound = true;
    return WAGGLE_OK;
}

waggle_status wg_log_cursor_next(wg_log_cursor *cursor, uint64_t seq, wg_log_entry *entry,
                                 bool *sound, waggle_error *error)
{
    uint64_t checked = 0;
    waggle_status status =
        entry_read(cursor, cursor->offset, seq, seq, entry, sound, &checked, error);
    if (status == WAGGLE_OK && *sound) cursor->offset += wg_record_bytes(entry->size);
    return status;
}

// Record boundaries are unknown behind damage, so every multiple of 8 is tried. Payloads of users could
// hold many lookalikes of headers, each to be compared: past twice the file's size we give up.
waggle_status wg_log_cursor_tail(wg_log_cursor *cursor, uint64_t seq, wg_log_tail *tail,
                                 waggle_error *error)
{
    uint64_t start = cursor->offset;
    uint64_t checked = 0;
    uint64_t offset = start;
    *tail = (wg_log_tail){.end = start};
    while (offset + WG_RECORD_HEADER_SIZE <= cursor->size && checked <= 2 * cursor->size) {
        wg_log_entry entry;
        bool sound = false;
        uint64_t seq_max = seq + (offset - start) / WG_RECORD_HEADER_SIZE;
        waggle_status status =
            entry_read(cursor, offset, seq, seq_max, &entry, &sound, &checked, error);
        if (status != WAGGLE_OK) return status;
        offset += sound ? wg_record_bytes(entry.size) : 8;
        if (!sound) continue;
        tail->end = offset;
        tail->durable = WG_MAX(tail->durable, entry.durable);
    }
    tail->complete = checked <= 2 * cursor->size;
    return WAGGLE_OK;
}
