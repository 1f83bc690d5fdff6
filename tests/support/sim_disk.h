// A simulated disk: a wg_vfs in memory that keeps, per file and folder, what is durable and what is only
// written, and that can crash, fail, fill up and rot. Deterministic from its seed; safe from any thread.
#pragma once

#include "support/test.h"

// The disk. Opening, reading and mapping see what was written; a crash keeps what was synced and, of the
// rest, a random subset: of data by sectors of 512 bytes, of sizes and names (created, renamed, linked,
// removed) each change or not, in any order a journal could leave.
wg_vfs *sim_disk_create(uint64_t seed);
void sim_disk_destroy(wg_vfs *disk); // frees what is still open, too

// From the n-th changing call on (write, sync, truncate, allocate, rename, unlink, link, make_dir, sync_dir,
// creating open; from 1), every call fails with WAGGLE_IO: the machine is dead. 0 = never.
void sim_disk_stop_at(wg_vfs *disk, uint64_t call);
uint64_t sim_disk_calls(const wg_vfs *disk); // changing calls so far
// Power is back: unsynced state is decided by seed, handles of before stay valid only for closing (and
// mappings for unmapping), and the counter begins anew.
void sim_disk_crash(wg_vfs *disk, uint64_t seed);

// The kinds of calls that can be made to fail.
typedef enum sim_call {
    SIM_OPEN,
    SIM_READ,
    SIM_WRITE,
    SIM_SYNC,
    SIM_TRUNCATE,
    SIM_ALLOCATE,
    SIM_MAP,
    SIM_RENAME,
    SIM_UNLINK,
    SIM_LINK,
    SIM_MAKE_DIR,
    SIM_LIST,
    SIM_SYNC_DIR,
    SIM_SIZE,
    SIM_ANY,
} sim_call;

// The n-th call of this kind from now (from 1) fails with status, once or from then on; a failing write
// writes its first half first if torn. n = 0 ends it.
void sim_disk_fail(wg_vfs *disk, sim_call call, uint64_t n, waggle_status status, bool persistent,
                   bool torn);

// What a sync (of a file or folder) that is made to fail leaves behind. Linux marks pages clean that it could
// not write: the next sync succeeds and does not write them, reading finds them as long as they are cached, and
// after a crash the old ones are there (PostgreSQL's "fsyncgate", 2018; Rebello et al., ATC 2020). Names are
// in the journal of today's file systems, which stop altogether when they cannot write it (sim_disk_fail with SIM_ANY
// from then on), so they are lost only if that is asked for.
typedef enum sim_failed_sync {
    SIM_FAILED_SYNC_BY_SEED, // files: one of the others, drawn at each failure; folders: KEEPS
    SIM_FAILED_SYNC_KEEPS,   // still dirty: the next sync that succeeds makes it durable
    SIM_FAILED_SYNC_LOSES, // a part was written; the rest no sync makes durable until it is written once more
} sim_failed_sync;

void sim_disk_failed_sync(wg_vfs *disk, sim_failed_sync what);

uint64_t sim_disk_failed(const wg_vfs *disk); // calls that were made to fail so far
uint64_t sim_disk_count(const wg_vfs *disk,
                        sim_call call); // calls of this kind since the last sim_disk_fail
// Bytes that all files together may have; more is WAGGLE_DISK_FULL. UINT64_MAX = no limit.
void sim_disk_space(wg_vfs *disk, uint64_t bytes);

// Flips one bit of a file, in what is written and what is durable.
void sim_disk_flip(wg_vfs *disk, const char *path, uint64_t bit);
// The number of files, and the path and size of one (in order of path): for walking over all of them.
size_t sim_disk_files(const wg_vfs *disk);
const char *sim_disk_file(const wg_vfs *disk, size_t index, uint64_t *size);
// A deep copy, as it is now (written and durable): to try many endings of one beginning.
wg_vfs *sim_disk_copy(const wg_vfs *disk);
