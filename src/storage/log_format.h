// A file of the log: its bytes, and a cursor over its records.
//
//   0      header (64 bytes), a copy of it at 2048; zeros up to 4096
//   4096   records, each at a multiple of 8, one behind the other; a record never spans files
//
//   header  0  "WAGGLOG\n"       8  u32 format version   12  u32 salt, new each time a file is used
//          16  u64 file number  24  u64 epoch            32  u64 first: sequence of its first record
//          40  u64 follows: the last sequence of the file before
//          48  u64 committed: the last sequence before this file that ended a batch
//          56  u32 size of the file                      60  u32 CRC32C of bytes 0..59
//
//   record  0  u32 payload size  4  u32 CRC32C of everything else of the record, begun with the salt
//           8  u64 sequence     16  u64 durable: flushed up to here when this record was written
//          24  u32 collection   28  u16 type   30  u16 flags: 1 = commit, the last of its batch
//          32  payload, padded with zeros to a multiple of 8 (covered by the CRC)
//
// Files are filled in order of their numbers. A file is flushed before the header of the next is written,
// so a sound header proves that everything up to `follows` was durable. A file whose header does not
// name its own number was prepared, or recycled, and holds nothing yet.
//
// The end. Files are allocated as zeros or recycled, so what follows the last record is anything. The first record
// that is not sound, or has not the next sequence, ends the log, and so does the last batch without a commit
// mark: a crash while a group was written leaves that, and nobody was told that the group was durable. It is
// damage instead (WAGGLE_CORRUPT) if something proves that the record had been durable: a sound record
// behind it whose `durable` reaches it, or the manifest. Closing a log writes an empty record without a
// commit mark behind the last batch, only to carry such a proof.
//
// Opening for writing cuts a torn end off, so that it can never come back: files behind the end, which
// hold the middle of a batch, are removed, newest first, and the file with the end is overwritten with zeros from
// there on, and flushed, before anything is appended. A crash meanwhile leaves a log with the same end, because
// nothing there can prove anything. Records of a file's earlier life have another salt and lower sequences.
//
// A flush that failed. The operating system may give up what it could not write, still show it to whoever reads, and
// call the next flush a success. So after a failure the log takes no more, and opening trusts what it reads only as
// far as `durable` of a sound record proves it: records that nothing proves are written once more, and the zeros
// are written whether or not anything is found to lie under them. Only a log that was closed needs neither: the
// record of its closing is the proof of all before it, and that nothing else lies behind.
#pragma once

#include "storage/log.h"

#define WG_LOG_VERSION 1u
#define WG_LOG_DATA_START 4096u
#define WG_LOG_HEADER_COPY 2048u
#define WG_RECORD_HEADER_SIZE 32u
#define WG_RECORD_COMMIT 1u

typedef struct wg_log_header {
    uint64_t number;
    uint64_t epoch;
    uint64_t first;
    uint64_t follows;
    uint64_t committed;
    uint32_t size;
    uint32_t salt;
} wg_log_header;

// Bytes of a record in its file.
static inline size_t wg_record_bytes(size_t payload)
{
    return WG_RECORD_HEADER_SIZE + (size_t)wg_round_up(payload, 8);
}

void wg_log_header_encode(const wg_log_header *header, uint8_t block[WG_LOG_DATA_START]);
// *sound: a header that names this number was found. WAGGLE_FORMAT_VERSION if it is of a newer format.
waggle_status wg_log_header_read(wg_file *file, const char *path, uint64_t number,
                                 wg_log_header *header, bool *sound, waggle_error *error);

// A record as it stands in a file.
typedef struct wg_log_entry {
    uint64_t seq;
    uint64_t durable;
    uint32_t collection;
    uint16_t type;
    bool commit;
    uint32_t size;
    const uint8_t *payload; // of the cursor, until it moves
} wg_log_entry;

void wg_record_encode(uint8_t header[WG_RECORD_HEADER_SIZE], uint32_t salt,
                      const wg_log_entry *entry);

typedef struct wg_log_cursor {
    wg_heap *heap;
    wg_file *file;   // borrowed
    uint64_t size;   // of the file
    uint64_t offset; // of the next record
    uint32_t salt;
    uint8_t *data; // a window of the file
    size_t capacity;
    size_t filled;
    uint64_t at;
} wg_log_cursor;

void wg_log_cursor_init(wg_log_cursor *cursor, wg_heap *heap);
void wg_log_cursor_finish(wg_log_cursor *cursor);
// Points it to a place in a file.
void wg_log_cursor_set(wg_log_cursor *cursor, wg_file *file, uint64_t size, uint32_t salt,
                       uint64_t offset);
// The record at the offset, if it is sound and has this sequence; then the cursor moves behind it.
waggle_status wg_log_cursor_next(wg_log_cursor *cursor, uint64_t seq, wg_log_entry *entry,
                                 bool *sound, waggle_error *error);

// What lies behind the end of a log: sound records with this or a later sequence.
typedef struct wg_log_tail {
    uint64_t end;     // of the last of them; the cursor's offset if there is none
    uint64_t durable; // the highest they prove
    bool complete;    // false: the search was given up, anything may follow
} wg_log_tail;

waggle_status wg_log_cursor_tail(wg_log_cursor *cursor, uint64_t seq, wg_log_tail *tail,
                                 waggle_error *error);

// Names of files: "00000012.wlog".
#define WG_LOG_NAME_SIZE 32u
void wg_log_name(char name[WG_LOG_NAME_SIZE], uint64_t number);
bool wg_log_name_parse(const char *name, uint64_t *number);
