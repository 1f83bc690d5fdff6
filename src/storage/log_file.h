// The file log, shared by its parts: log_file.c (writing, reading, the table of operations),
// log_spare.c (files prepared ahead, and trimmed ones used again), log_recover.c (opening).
//
// Who may touch what:
//   leader    the thread that writes a group (log_queue.h); there is one at a time
//   maker     whoever holds `making`: it prepares spares, trims, and gives file numbers
//   queue.mutex guards the tables that both, and readers, look at
// Locks nest in this order: making, queue.mutex.
#pragma once

#include "storage/log_format.h"
#include "storage/log_queue.h"

#define WG_LOG_FILE_MIN (2u * WG_LOG_DATA_START)
// The first file of a log is small and the next is twice as large, up to the full size, so that a small database
// stays small.
#define WG_LOG_FILE_FIRST (1u << 20)
// Files smaller than this are prepared by the leader, not by a thread: tests are deterministic.
#define WG_LOG_THREAD_MIN (1u << 20)
// Batches up to this size may use the last spare when the disk is full: deleting must go on.
#define WG_LOG_BATCH_SMALL (64u << 10)
// Kept of trimmed files: sealing a full head (256 MiB) frees four, and the next head fills four.
#define WG_LOG_SPARES_MAX 4u
#define WG_LOG_RETRY_MS 1000u     // after the thread found no space
#define WG_LOG_GROUP_RECORDS 256u // records per write

// A file with records, oldest first. It ends where the next one begins.
typedef struct wg_log_file {
    wg_log_header header;
    uint64_t size;    // as it is on disk
    uint32_t readers; // it may not be removed meanwhile
} wg_log_file;

// A file that is allocated, flushed, and empty.
typedef struct wg_log_spare {
    uint64_t number;
    uint32_t size;
    wg_file *file;
} wg_log_spare;

typedef struct wg_file_log {
    wg_log log;
    wg_log_queue queue;
    wg_vfs *vfs;
    wg_heap *heap;
    const wg_clock *clock;
    char *folder;
    char evidence[128]; // what a flush means there
    uint32_t file_size;
    bool read_only;

    // Guarded by queue.mutex.
    wg_log_file *files;
    uint32_t file_count;
    uint32_t file_capacity;
    wg_log_spare *spares; // by number; the leader takes the first, makers add at the end
    uint32_t spare_count;
    uint32_t spare_capacity;
    uint32_t spares_wanted;
    wg_thread thread; // prepares spares
    wg_cond thread_wake;
    bool thread_asked;
    bool thread_stop;
    uint64_t syncs;
    uint64_t records;
    uint64_t bytes_written;
    // Where the last reading ended: a tail goes on there.
    uint64_t hint_number;
    uint64_t hint_seq;
    uint64_t hint_offset;

    // Makers.
    wg_mutex making; // guards number_next; held while files are made, renamed and removed
    uint64_t number_next;
    _Atomic bool full;         // relaxed, a hint: the last preparation found no space
    _Atomic uint64_t retry_ns; // relaxed, a hint: then the thread may try again

    // The leader.
    wg_file *active; // the last of files; NULL = the next record begins a new one
    uint32_t active_size;
    uint32_t salt;
    uint64_t offset;      // of the next write
    uint64_t seq_put;     // the last record given to the file
    uint64_t seq_commit;  // the last of them with a commit mark
    uint64_t seq_durable; // as records say it
    uint32_t group_records;
    uint32_t group_pieces;
    size_t group_bytes;
    uint8_t headers[WG_LOG_GROUP_RECORDS][WG_RECORD_HEADER_SIZE];
    wg_piece pieces[3 * WG_LOG_GROUP_RECORDS];
    uint8_t block[WG_LOG_DATA_START];
} wg_file_log;

// "folder/00000012.wlog"
waggle_status wg_log_path(const wg_file_log *log, char path[WG_PATH_SIZE_MAX], uint64_t number,
                          waggle_error *error);

// Counts the bytes of the files in the table; the caller holds queue.mutex and changed it.
void wg_log_files_changed(wg_file_log *log);

// ---- log_spare.c
// Makes `count` spares be there, each with room for `need` bytes of records. The leader calls it.
waggle_status wg_log_spares_ensure(wg_file_log *log, uint32_t count, uint64_t need,
                                   waggle_error *error);
// One more spare at the end of the list: the maker holds `making`.
waggle_status wg_log_spare_add(wg_file_log *log, wg_log_spare spare, waggle_error *error);
// Prepares what should be there by now: the thread does, or the caller if there is none. The leader calls it.
void wg_log_spares_top_up(wg_file_log *log);
// True if a large batch has to be refused because the disk is full. Looks again first. Any thread.
bool wg_log_spares_full(wg_file_log *log);
void wg_log_spares_init(wg_file_log *log);
void wg_log_spares_start(wg_file_log *log); // the thread, for files that are large enough
void wg_log_spares_finish(wg_file_log *log);
waggle_status wg_log_spares_trim(wg_file_log *log, uint64_t below, waggle_error *error);

// ---- log_recover.c
waggle_status wg_log_recover(wg_file_log *log, const wg_log_options *options, waggle_error *error);
