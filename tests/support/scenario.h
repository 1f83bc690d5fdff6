// A life of a database in a few dozen steps, through waggle.h: every kind of id, named vectors, every kind of write,
// sealing, import, compaction, reading, collections that are renamed and dropped, snapshots, and a restart in the middle.
// It can be run while memory or the disk fails: then it keeps every state that the database may be in. A step that
// succeeded has happened; one that failed has happened as a whole or not at all.
#pragma once

#include "engine/engine.h"
#include "support/sim_disk.h"

#define SCENARIO_IDS 12u // see points_id
#define SCENARIO_STATES_MAX 64u

typedef struct scenario_point {
    uint16_t vectors; // stamp; 0 = there is no such point
    uint16_t payload; // stamp; 0 = none
} scenario_point;

typedef struct scenario_collection {
    uint16_t name; // 0 = it does not exist
    scenario_point points[SCENARIO_IDS];
} scenario_collection;

// A main collection, which is renamed, one that is dropped, and a snapshot that is made and deleted.
typedef struct scenario_state {
    scenario_collection main;
    scenario_collection other;
    uint16_t snapshot; // 1 = it exists
} scenario_state;

typedef struct scenario {
    wg_vfs *disk;
    test_heap *heap; // NULL = that of the process
    uint64_t random; // of the database's clock
    uint64_t head_size_max;
    bool ended; // opening failed: the remaining steps are passed over
    waggle_database *database;
    waggle_collection *main;
    waggle_collection *other;
    scenario_state *states; // which the database may be in
    uint32_t state_count;
    uint32_t failures;    // of steps
    waggle_status status; // of the last failure
    waggle_error error;
    const char *step; // the one that failed last, or runs
    // The statuses that a failing step may have, WAGGLE_OK ends them.
    const waggle_status *allowed;
} scenario;

void scenario_init(scenario *s, wg_vfs *disk, test_heap *heap, const waggle_status *allowed);
void scenario_finish(scenario *s); // closes what is open
void scenario_run(scenario *s);
// Opens and closes the database. A failure of closing says that something may not be durable, and no more.
waggle_status scenario_open(scenario *s, waggle_error *error);
void scenario_close(scenario *s);
// Reads all collections, by every way of reading, and compares these with each other.
waggle_status scenario_read(waggle_database *database, scenario_state *state, waggle_error *error);
// The state read is one that may be.
void scenario_check(scenario *s, const char *when);
// The same after opening: it is the only one from now on. Before, what failed may still be in the log.
void scenario_settle(scenario *s, const char *when);
// Beyond the steps, in the main collection. WAGGLE_NOT_FOUND if it was never made.
waggle_status scenario_write(scenario *s, waggle_error *error);
waggle_status scenario_delete(scenario *s, waggle_error *error);
waggle_status scenario_compact(scenario *s, waggle_error *error);
// A life without failures that leaves every kind of file: two segments, deletes, an overlay, manifest and log.
void scenario_build(scenario *s);
