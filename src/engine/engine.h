// A database and its collections, as the files of engine/ share them. ARCHITECTURE.md follows a search and an
// upsert through them.
//
// Locks, in the order in which they nest (a thread that holds one takes only those after it):
//   snapshots making, restoring and deleting snapshots: one at a time; held for long
//   names     creating, dropping and renaming collections: one at a time, through the log
//   care      sealing, compaction, snapshots: one at a time; held for long
//   making    making codes: one round at a time; held for long
//   catalog   names and the table of collections, the manifest; held during a commit of the manifest
//   write     of a collection: building its next state
//   ids       of a collection: id tables and overlays; readers look up, the writer changes
//   current   of a collection: the pointer to its state; a few instructions
//   (leaves: files, async, log, scratch)
// Nobody who holds catalog, write or ids waits for the log, because the thread that drives the log takes them.
#pragma once

#include "base/logging.h"
#include "base/system.h"
#include "base/thread.h"
#include "device/device.h"
#include "engine/head.h"
#include "engine/record.h"
#include "engine/scan_choice.h"
#include "engine/scratch.h"
#include "engine/sealed.h"
#include "storage/log.h"
#include "storage/manifest.h"

// ---- The state of a collection: what a search sees. Immutable, shared by reference.

typedef struct wg_sealed_view {
    wg_sealed *sealed;
    wg_mask *dead;
} wg_sealed_view;

typedef struct wg_head_view {
    wg_head *head;
    const wg_chunks *chunks;
    uint32_t slots; // those below are part of the state
    wg_mask *
        *masks; // [0] dead; [1 + field] dead or lacking the field. Bits up to a multiple of 32,768
} wg_head_view;

typedef struct wg_state {
    _Atomic uint32_t references;
    uint32_t sealed_count;
    uint32_t head_count; // at least 1; the last is the one that grows
    uint32_t mask_count; // per head
    uint64_t sequence;   // every record of the collection up to here
    uint64_t points;     // live
    uint64_t dead;       // rows
    wg_sealed_view *sealed;
    wg_head_view *heads;
} wg_state;

struct waggle_collection {
    waggle_database *database;
    uint32_t id;
    wg_spec *spec;
    char *name; // guarded by catalog
    _Atomic bool dropped;
    _Atomic uint32_t handles;
    wg_mutex write;
    wg_rwlock ids;
    wg_mutex current_lock;
    wg_state *current;    // guarded by current_lock; replaced under write
    uint64_t applied;     // the manifest's: everything up to here is in files. Under write
    uint64_t dirty_since; // first record that is not in files, 0 = none. Under write
    // The last durable record not applied for lack of memory, 0 = none. Changed under write; writers look at it first
    // without (relaxed: a writer that does not see it yet is refused when its batch is applied).
    _Atomic uint64_t behind;
    _Atomic size_t head_bytes; // of all heads
    wg_mutex choices_lock;     // a leaf
    wg_scan_choice *choices;   // per field: what AUTO learned; guarded by choices_lock
    _Atomic bool importing;
    _Atomic bool unreadable; // merging met damage: it is not tried again until the next opening
};

// ---- The catalog: every collection, open or not.

typedef struct wg_catalog_entry {
    uint32_t id;
    bool in_manifest;
    bool renamed;     // the manifest has another name
    bool dropped;     // and the manifest does not know yet
    uint64_t created; // sequence
    char *name;
    uint8_t *spec;
    size_t spec_size;
    waggle_collection *open; // NULL until first used
    // Set aside: opening the database met damage before all records of the log could be applied. It is not opened until
    // the next opening of the database, or it would be without them, and nothing that it needs is removed.
    waggle_error *damage; // NULL = not set aside
    uint64_t held_since;  // the first of these records: the log is kept from here
} wg_catalog_entry;

typedef struct wg_catalog {
    wg_catalog_entry **entries; // ascending by id
    size_t count;
    size_t capacity;
    uint32_t *names; // open-addressed by hash of the name: index by id lookup; id, 0 = free
    uint32_t names_capacity;
    uint32_t names_used;
    uint32_t next_id;
    uint64_t applied;     // sequence of the last catalog record
    uint64_t dirty_since; // first catalog record that the manifest does not have, 0 = none
} wg_catalog;

// ---- The database.

typedef struct wg_counters {
    _Atomic uint64_t seals, compactions, searches, queries, rows_scanned, codes_made, codes_dropped;
    _Atomic uint64_t rows_coded[WG_CODE_B1 + 1]; // by kind: looked at by searches
    _Atomic uint64_t rows_scored, blocks_widened;
} wg_counters; // relaxed: figures

struct wg_async;

struct waggle_database {
    wg_heap heap;
    char *path; // absolute or as given; "" in memory
    wg_vfs *vfs;
    wg_vfs *vfs_memory; // owned, for a database in memory
    const wg_clock *clock;
    wg_logger logger;
    waggle_durability durability;
    uint32_t interval_ms;
    bool read_only;
    bool background; // threads of its own; false: everything happens in the caller's
    uint64_t head_size_max;
    uint64_t log_size_max;
    uint64_t codes_size_least; // bytes of rows from which a part gets codes by itself (AUTO)
    uint64_t codes_rows_least; // rows from which one does that asked for them
    wg_file *lock;
    wg_manifest *manifest; // guarded by catalog
    wg_log *log;
    wg_device *device;
    char device_name[32];
    wg_files files;
    wg_mutex snapshots; // making, restoring and deleting snapshots
    wg_mutex names;     // creating, dropping and renaming collections
    wg_mutex care;
    wg_mutex making;
    uint64_t codes_round; // under making
    wg_mutex catalog_lock;
    wg_catalog catalog;
    wg_counters counters;
    wg_scratch_pool searches;   // what searches need while they run
    wg_scratch_pool results;    // hits
    _Atomic size_t heads_bytes; // of all collections' heads; relaxed: a figure
    _Atomic bool log_held;      // by a damaged collection: sealing frees none of the log
    // The background thread.
    wg_mutex wake_lock;
    wg_cond wake;     // something is wanted, or to be stopped
    wg_cond relieved; // a head was sealed
    bool care_wanted;
    bool stopping;
    bool care_failed; // the last round failed; retried at the next want
    uint64_t
        room_wished; // wishes for room; a round that begins seals every head if there is a new one
    uint64_t room_made; // wishes that a round has ended with
    // The thread that makes codes; under wake_lock, too.
    wg_cond codes_wake; // something is wanted, or to be stopped
    wg_cond codes_done; // a round has ended
    bool codes_wanted;
    uint64_t codes_wished;      // by those who wait
    uint64_t codes_answered;    // wishes that a round has ended with
    waggle_error codes_failure; // of the last round
    wg_thread codes_thread;
    wg_thread care_thread;
    wg_thread interval_thread;
    struct wg_async *async; // created at first use; guarded by wake_lock
};

// What tests replace. Zero = the default.
typedef struct wg_internal {
    wg_vfs *vfs;
    const wg_clock *clock;
    const wg_memory_source *memory;
    bool no_threads;
    uint32_t log_file_size;
    uint64_t codes_size_least;
    uint64_t codes_rows_least;
} wg_internal;

waggle_status wg_database_open(const char *path, const waggle_open_options *options,
                               const wg_internal *internal, waggle_database **database,
                               waggle_error *error);

// ---- state.c

// An empty state with one empty head.
waggle_status wg_state_create(waggle_collection *collection, wg_state **state, waggle_error *error);
// A copy that shares everything, with room for more sealed views and heads (filled by the caller).
wg_state *wg_state_copy(wg_heap *heap, const wg_state *from, uint32_t sealed_more,
                        uint32_t heads_more);
// A new version of a state: without the sealed views marked in gone (NULL = none) and without its first heads_gone
// heads, with one more sealed view (added NULL = none; the reference of dead is taken over on success). Counts
// of points and dead rows are made anew.
wg_state *wg_state_rebuild(wg_heap *heap, const wg_state *from, const bool *gone,
                           uint32_t heads_gone, wg_sealed *added, wg_mask *dead);
wg_state *wg_state_acquire(waggle_collection *collection);
void wg_state_release(wg_state *state);
// Replaces the current state; the caller holds write. Takes over the reference of next.
void wg_state_publish(waggle_collection *collection, wg_state *next);

static inline wg_head *wg_state_active(const wg_state *state)
{
    return state->heads[state->head_count - 1].head;
}

// An empty head view at the end of the state, whose masks are made.
waggle_status wg_state_add_head(waggle_collection *collection, wg_state *state,
                                waggle_error *error);

// Where a live point is: view < sealed_count is a sealed part, else a head.
typedef struct wg_place {
    uint32_t view;
    uint32_t row;
} wg_place;

#define WG_NOWHERE ((wg_place){UINT32_MAX, 0})
// The caller holds ids (the active head's table is asked).
wg_place wg_state_find(const wg_state *state, const waggle_id *id);
// The id of a row; borrowed.
void wg_state_id(const wg_state *state, wg_place place, waggle_id *id);

// ---- apply.c: from records to the next state. The caller holds nothing.

typedef struct wg_applied {
    uint64_t affected; // points that existed
} wg_applied;

// Applies a committed batch, all or nothing. first and last are the sequences of its records; the points'
// version is first. sealed: of WG_RECORD_SEGMENT in the process that wrote it, else NULL.
waggle_status wg_apply(waggle_collection *collection, wg_record_type type, const wg_piece *records,
                       uint32_t count, uint64_t first, uint64_t last, wg_sealed *sealed,
                       wg_applied *applied, waggle_error *error);
// The same for the caller who holds write, also while earlier batches are behind.
waggle_status wg_apply_held(waggle_collection *collection, wg_record_type type,
                            const wg_piece *records, uint32_t count, uint64_t first, uint64_t last,
                            wg_sealed *sealed, wg_applied *applied, waggle_error *error);

// ---- write.c

// Appends a batch, waits until it is durable by the mode, applied and visible. *sequence: its first record.
waggle_status wg_write(waggle_collection *collection, wg_record_type type, wg_batch *batch,
                       wg_sealed *sealed, wg_applied *applied, uint64_t *sequence,
                       waggle_error *error);

// The same in two steps, so that several writes share a flush: after begin the batch and *op stay in place until
// end, which must be called; after an error of begin it must not.
typedef struct wg_write_op {
    wg_append append;
    waggle_collection *collection;
    wg_sealed *sealed;
    wg_applied applied;
    bool done;
    waggle_status status;
    waggle_error error;
} wg_write_op;

waggle_status wg_write_begin(waggle_collection *collection, wg_record_type type, wg_batch *batch,
                             wg_sealed *sealed, wg_write_op *op, waggle_error *error);
waggle_status wg_write_end(wg_write_op *op, wg_applied *applied, uint64_t *sequence,
                           waggle_error *error);

// waggle_upsert() in the same two steps; *upsert stays in place. No points: begun is false, and end does nothing.
typedef struct wg_upsert {
    wg_batch batch;
    wg_write_op op;
    bool begun;
} wg_upsert;

waggle_status wg_upsert_begin(waggle_collection *collection, const waggle_points *points,
                              wg_upsert *upsert, waggle_error *error);
waggle_status wg_upsert_end(wg_upsert *upsert, uint64_t *sequence, waggle_error *error);
// May the collection be written to at all, and has the budget room for size more?
waggle_status wg_write_admit(waggle_collection *collection, size_t size, waggle_error *error);

// What only other files, or a newer library, can mend.
static inline bool wg_is_damage(waggle_status status)
{
    return status == WAGGLE_CORRUPT || status == WAGGLE_FORMAT_VERSION;
}

// ---- load.c

// The collection of an entry, from the manifest and the files that it names. The caller holds catalog_lock.
waggle_status wg_collection_load(waggle_database *database, const wg_catalog_entry *entry,
                                 waggle_collection **collection, waggle_error *error);
void wg_collection_destroy(waggle_collection *collection); // NULL is fine

// ---- catalog.c. The caller holds catalog_lock, unless said otherwise.

wg_catalog_entry *wg_catalog_find(waggle_database *database, const char *name);
wg_catalog_entry *wg_catalog_by_id(waggle_database *database, uint32_t id);
waggle_status wg_catalog_load(waggle_database *database, waggle_error *error); // from the manifest
void wg_catalog_finish(waggle_database *database);
// Applies a catalog record of the log while opening. Takes catalog_lock itself.
waggle_status wg_catalog_replay(waggle_database *database, wg_record_type type,
                                const wg_piece *record, uint64_t seq, waggle_error *error);
// Brings the manifest up to date with the catalog, together with the given changes, in one commit.
waggle_status wg_catalog_commit(waggle_database *database, const wg_change *changes, size_t count,
                                waggle_error *error);
// Removes the files of deletes and overlay of a part that is gone. A leftover goes at the next opening.
void wg_sides_remove(waggle_database *database, uint32_t collection, const wg_part_entry *part);
// A collection whose files are in seg/ already (restored from a snapshot) enters catalog and manifest in one commit.
// id is the catalog's next_id; every write in the parts is at or before sequence, which is durable in the log.
waggle_status wg_catalog_adopt(waggle_database *database, uint32_t id, const char *name,
                               const void *spec, size_t spec_size, uint64_t sequence,
                               const wg_part_entry *parts, uint32_t part_count,
                               waggle_error *error);
// The collection of an entry, opened if it is not.
waggle_status wg_catalog_collection(waggle_database *database, wg_catalog_entry *entry,
                                    waggle_collection **collection, waggle_error *error);
// The same; the error does not name the collection.
waggle_status wg_catalog_open(waggle_database *database, wg_catalog_entry *entry,
                              waggle_collection **collection, waggle_error *error);
// Sets a damaged collection aside, while nobody has a handle: why, and the first record of the batch that could not be
// applied. What was applied since its last checkpoint is given up: the log has it.
waggle_status wg_catalog_set_aside(waggle_database *database, wg_catalog_entry *entry,
                                   uint64_t first, const waggle_error *why, waggle_error *error);
// Takes catalog_lock; the handle is counted. WAGGLE_NOT_FOUND lists nothing, it names the name.
waggle_status wg_collection_acquire(waggle_database *database, const char *name,
                                    waggle_collection **collection, waggle_error *error);
waggle_status wg_collection_check(waggle_collection *collection,
                                  waggle_error *error); // not dropped

// ---- care.c, seal.c, compact.c: what happens in the background. care.c's calls take `care` themselves.

// Seals the heads of these collections (each into a file of its own, or all into one), writes changed deletes
// and overlays, and records it in the manifest: afterwards `applied` covers all they held. The caller holds care.
waggle_status wg_seal(waggle_database *database, waggle_collection *const *collections,
                      uint32_t count, waggle_error *error);
// One step of merging if a collection needs one (or, with force, until nothing dead is left and one part per
// size limit remains). *did: something was merged. The caller holds care.
waggle_status wg_compact_step(waggle_collection *collection, bool force, bool *did,
                              waggle_error *error);
// Everything due: full heads, memory, log; then merging.
waggle_status wg_care_round(waggle_database *database, waggle_error *error);
void wg_care_want(
    waggle_database *database); // wakes the thread, or (no threads) does it at wg_care_now
waggle_status wg_care_now(waggle_database *database,
                          waggle_error *error); // no threads: a wanted round
waggle_status wg_care_start(waggle_database *database, waggle_error *error);
void wg_care_stop(waggle_database *database);
// Waits while sealing cannot keep up with the writes to this collection.
void wg_care_relieve(waggle_collection *collection);
// Has the heads sealed to make room in the budget, and waits for it.
void wg_care_make_room(waggle_database *database);
// Drops records of the log that no collection needs any more. The caller holds care.
waggle_status wg_log_release(waggle_database *database, waggle_error *error);
// Seals everything that is not in files, and brings the manifest up to date. The caller holds care. WAGGLE_CORRUPT if a
// collection is set aside: of that not everything is in files.
waggle_status wg_seal_all(waggle_database *database, waggle_error *error);
// Seals what can be sealed, and then drops the log as far as it is not needed. Takes care.
waggle_status wg_checkpoint(waggle_database *database, waggle_error *error);

// ---- parts.c: writing a part of a segment from rows in id order. Used by sealing and compaction.

// Gives the rows of a part, by place 0..rows - 1 in id order.
typedef struct wg_rows_source {
    const wg_spec *spec;
    uint64_t rows;
    void *context;
    void (*id)(void *context, uint64_t place, waggle_id *id);
    waggle_status (*version)(void *context, uint64_t place, uint64_t *version, waggle_error *error);
    // *data NULL = lacks the vector.
    waggle_status (*vector)(void *context, uint64_t place, uint32_t field, const void **data,
                            float *norm, waggle_error *error);
    // The text lives until the next call.
    waggle_status (*payload)(void *context, uint64_t place, waggle_text *payload,
                             waggle_error *error);
} wg_rows_source;

waggle_status wg_part_write(wg_segment_writer *writer, wg_heap *heap, uint32_t collection,
                            const wg_rows_source *source, uint64_t sequence, waggle_error *error);
// Creates a segment file with a new number; *part has file and owner.
waggle_status wg_segment_begin(waggle_database *database, uint32_t owner, wg_part_entry *part,
                               wg_segment_writer **writer, waggle_error *error);
// The payload of a live row of a state, copied into buffer; data NULL = absent. reader: for sealed rows.
waggle_status wg_state_payload(waggle_collection *collection, const wg_state *state, wg_place place,
                               wg_document_reader *reader, wg_buffer *buffer, waggle_text *payload,
                               uint64_t *version, waggle_error *error);
waggle_status wg_state_version(waggle_collection *collection, const wg_state *state, wg_place place,
                               uint64_t *version, waggle_error *error);
// A path inside the database's folder.
waggle_status wg_database_path(const waggle_database *database, const char *name, char *path,
                               waggle_error *error);

// ---- async.c
void wg_async_stop(waggle_database *database); // finishes what is queued; called by waggle_close
