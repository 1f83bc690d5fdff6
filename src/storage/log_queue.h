// Group commit, shared by the members of the log: appends queue up, one caller of flush leads and writes
// everything queued as one group, the others wait for it. There is no thread of its own: a lone writer pays no
// hand-over, and 64 writers share one flush.
//
// Two groups are under way at most: while the leader of one runs its callbacks, the next leader writes and flushes
// the group behind it. Callbacks stay in the order of sequences, because the second waits for the first to end.
#pragma once

#include "storage/log.h"

#define WG_LOG_TURNS 3u
#define WG_LOG_QUEUE_MAX (8u << 20) // bytes that wait; more and append drives the log

// What became of a group. final: the log has failed for good. Otherwise batches after `accepted` were
// refused (no space, no memory): nothing of them was written, and their sequences are given again.
typedef struct wg_log_outcome {
    waggle_status status;
    bool final;
    uint64_t accepted; // the last sequence that was written
    waggle_error error;
} wg_log_outcome;

// Writes a group, whose first record has sequence `first`, and makes it durable if sync. appends may be NULL: sync only.
// Runs outside the mutex; only one at a time.
typedef void (*wg_log_write_fn)(void *member, const wg_append *appends, uint64_t first, bool sync,
                                wg_log_outcome *outcome);

typedef struct wg_log_queue {
    wg_log_write_fn write;
    void *member;
    bool sync; // the mode: batches are done when they are durable

    wg_mutex mutex; // guards what follows, and what the member says; innermost of all locks
    // Waiting: those of group g on turn[g % WG_LOG_TURNS]. Callbacks, writing and gathering are three groups, so a
    // group wakes its own waiters and one leader for the next, and nobody else.
    wg_cond turn[WG_LOG_TURNS];
    wg_cond called;       // the callbacks of a group have ended
    uint64_t group;       // the last that was written, or is being
    bool leading;         // it is being written, or waits for the callbacks of the one before
    uint64_t in_group;    // its last sequence
    uint64_t group_calls; // the group whose callbacks run
    bool calling;         // they do
    uint64_t
        in_calls; // its last sequence; the largest number if batches behind it are refused, too
    wg_append *head;
    wg_append **tail;
    size_t bytes; // queued
    uint64_t epoch;
    uint64_t next; // the sequence of the next record
    uint64_t written;
    uint64_t durable;
    uint64_t done;     // every batch up to here was called back
    uint64_t refusals; // groups that were refused in part
    bool failed;
    waggle_error error; // of the last refusal, or of the failure
} wg_log_queue;

void wg_log_queue_init(wg_log_queue *queue, wg_log_write_fn write, void *member, bool sync);
void wg_log_queue_finish(wg_log_queue *queue); // calls back what is queued: WAGGLE_CANCELED
waggle_status wg_log_queue_append(wg_log_queue *queue, wg_append *append, waggle_error *error);
waggle_status wg_log_queue_flush(wg_log_queue *queue, uint64_t seq, waggle_error *error);
waggle_status wg_log_queue_sync(wg_log_queue *queue, waggle_error *error);
// The machine stopped and came back: what is queued is called back with WAGGLE_CANCELED, sequences go on behind
// `last`, the epoch rises.
void wg_log_queue_reset(wg_log_queue *queue, uint64_t last);
// Raised by the member's write as it goes, so that readers and trim see it.
void wg_log_queue_written(wg_log_queue *queue, uint64_t written);
void wg_log_queue_durable(wg_log_queue *queue, uint64_t durable);
