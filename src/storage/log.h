// The log: an ordered, durable sequence of records, the source of truth of a database. Members: file
// (log_file.c), memory (log_memory.c: databases without a directory, and the simulator); engines of other
// machines can follow. Everything else is a view of it with an applied sequence.
//
// A batch is one or several records that become durable and visible together: the last carries the
// commit mark, and reading passes over batches without one. Sequences count records from 1; (epoch, seq)
// orders them, the epoch changes only when a log is replaced after a loss.
#pragma once

#include "base/memory.h"
#include "base/system.h"
#include "base/thread.h"
#include "base/vfs.h"

#define WG_RECORD_SIZE_TARGET (512u << 10) // a batch is cut into records of about this size
#define WG_RECORD_SIZE_MAX (24u << 20)     // of a payload: one point may be this large
#define WG_LOG_FILE_SIZE (64u << 20)       // of a file of the log, allocated before it is used

typedef struct wg_log wg_log;

typedef struct wg_record {
    uint64_t epoch;
    uint64_t seq;
    uint32_t collection; // 0 = the catalog
    uint16_t type;       // of the engine
    bool commit;         // the last of its batch
    const void *payload;
    size_t size;
} wg_record;

// An asynchronous append: caller's memory until done is called. The records become seq.. seq + count - 1.
typedef struct wg_append wg_append;

struct wg_append {
    uint32_t collection;
    uint16_t type;
    uint32_t count;          // records, at least 1
    const wg_piece *records; // their payloads, each at most WG_RECORD_SIZE_MAX
    // Called once, in the order of sequences, by whichever thread drives the log, when the batch has the
    // durability of the log's mode, or with an error when it never will (it may still be found after a
    // restart). May append, must not flush.
    void (*done)(wg_append *append, waggle_status status, const waggle_error *error);
    void *context;
    uint64_t epoch;  // set by wg_log_append
    uint64_t seq;    // of the last record, set by wg_log_append
    wg_append *next; // of the log
};

typedef enum wg_durability_kind {
    WG_DURABLE_NONE, // memory
    WG_DURABLE_OS,   // with the operating system
    WG_DURABLE_DISK, // flushed
} wg_durability_kind;

typedef struct wg_log_state {
    uint64_t epoch;
    uint64_t first;   // the oldest record that can be read; last + 1 if there is none
    uint64_t last;    // appended
    uint64_t written; // with the operating system
    uint64_t durable; // flushed (memory: = written)
    uint64_t bytes;   // of all files
    uint64_t files;
    uint64_t syncs; // since it was opened
    uint64_t records;
    uint64_t bytes_written;
    bool failed; // a write or flush failed: every append is refused until it is opened anew
    wg_durability_kind kind;
    char evidence[128]; // "fdatasync on ext4"
} wg_log_state;

// false ends the reading without an error.
typedef bool (*wg_record_fn)(void *context, const wg_record *record);

typedef struct wg_log_ops {
    const char *name; // "file"
    void (*close)(wg_log *log);
    // Queues the batch and returns at once, unless the buffers are full (8 MiB wait): then it drives. Order of calls =
    // order of sequences.
    waggle_status (*append)(wg_log *log, wg_append *append, waggle_error *error);
    // Returns when everything up to seq is done (by the mode), driving the log if no other thread does.
    waggle_status (*flush)(wg_log *log, uint64_t seq, waggle_error *error);
    // Makes everything appended so far durable on disk, whatever the mode.
    waggle_status (*sync)(wg_log *log, waggle_error *error);
    // Committed records from seq `from` on, in order, up to what is written; then the caller may ask
    // again for what came since (tail).
    waggle_status (*read)(wg_log *log, uint64_t from, wg_record_fn each, void *context,
                          waggle_error *error);
    // Records below may be dropped. Whole files only, so some may remain.
    waggle_status (*trim)(wg_log *log, uint64_t below, waggle_error *error);
    void (*state)(wg_log *log, wg_log_state *state);
} wg_log_ops;

struct wg_log {
    const wg_log_ops *ops;
    _Atomic uint64_t
        bytes_used; // relaxed, a figure: of all files, without those that hold nothing yet
};

typedef struct wg_log_options {
    wg_vfs *vfs;
    const char *folder; // "<db>/log"
    wg_heap *heap;
    const wg_clock *clock;
    waggle_durability durability;
    uint32_t interval_ms; // INTERVAL: the engine calls sync at this pace
    bool read_only;       // nothing is written or truncated; append is refused
    uint64_t
        durable_at_least; // a record that the manifest proves to have been durable: if the log ends
                          // before it, that is damage and not a torn end
    uint64_t first_at_least; // numbering of an empty log begins here (at least 1)
    uint32_t file_size;      // 0 = WG_LOG_FILE_SIZE; tests use small files
} wg_log_options;

// Opens the log of a folder (made if missing) and finds its end: a torn end is cut off, damage before
// the end is WAGGLE_CORRUPT with file and offset.
waggle_status wg_log_file_open(const wg_log_options *options, wg_log **log, waggle_error *error);

// A log in memory. retain false: records are gone once done (databases in memory). The simulator's
// controls follow.
waggle_status wg_log_memory_open(wg_heap *heap, bool retain, wg_log **log, waggle_error *error);
// The next flush fails with this status, as if the device had failed.
void wg_log_memory_fail(wg_log *log, waggle_status status);
// Forgets records that were appended but not flushed, and of those the last `lose` flushed ones, as a broker
// that loses its page cache; the epoch rises.
void wg_log_memory_crash(wg_log *log, uint64_t lose);

void wg_log_close(wg_log *log); // what was not flushed is not: flush first
waggle_status wg_log_append(wg_log *log, wg_append *append, waggle_error *error);
waggle_status wg_log_flush(wg_log *log, uint64_t seq, waggle_error *error);
waggle_status wg_log_sync(wg_log *log, waggle_error *error);
waggle_status wg_log_read(wg_log *log, uint64_t from, wg_record_fn each, void *context,
                          waggle_error *error);
waggle_status wg_log_trim(wg_log *log, uint64_t below, waggle_error *error);
wg_log_state wg_log_state_get(wg_log *log);

// Bytes of files with records: what trimming could free. Without a lock, for a look after every write.
static inline uint64_t wg_log_used(const wg_log *log)
{
    return atomic_load_explicit(&log->bytes_used, memory_order_relaxed);
}

// Walks a file of the log as far as it is sound, for verify and fuzzing: *records, *end.
waggle_status wg_log_file_check(wg_vfs *vfs, const char *path, uint64_t *records, uint64_t *end,
                                waggle_error *error);
