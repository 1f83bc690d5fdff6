// What the simulated disk keeps: files with what is durable of them, folders, and the changes of names
// between. sim_store.c holds the rules of crashes; sim_disk.c is the wg_vfs in front of it. Nothing here
// locks: the caller holds the disk's guard.
#pragma once

#include "base/thread.h"
#include "support/sim_disk.h"

#define SIM_SECTOR 512u
#define SIM_NO_BYTES UINT32_MAX
#define SIM_KINDS ((size_t)SIM_ANY + 1)

typedef struct sim_node sim_node;
typedef struct sim_disk sim_disk;

typedef struct sim_entry {
    char *name;
    sim_node *node;
} sim_entry;

typedef struct sim_table {
    sim_entry *entries;
    size_t count;
    size_t capacity;
} sim_table;

typedef struct sim_undo {
    uint64_t sector;
    uint32_t slot; // of the durable bytes in `saved`, or SIM_NO_BYTES: zeros
    bool lost;     // a sync failed: it counts as clean, and no later sync writes it
} sim_undo;

// A file or a folder.
struct sim_node {
    sim_node *previous; // of the disk's nodes, in the order of creation
    sim_node *next;
    sim_node *twin; // while the disk is copied
    uint64_t number;
    uint64_t references; // of tables, changes, and handles
    bool folder;
    bool marked; // of walks
    // A folder's names.
    sim_table written;
    sim_table durable;
    // A file's bytes; those from size to capacity are zero. capacity is a multiple of SIM_SECTOR.
    uint8_t *data;
    uint64_t size;
    uint64_t capacity;
    uint64_t durable_size;
    uint64_t *changed; // a bit per sector of capacity
    sim_undo *undo;
    size_t undo_count;
    size_t undo_capacity;
    size_t lost_count; // of undo
    bool size_lost;    // behind durable_size, like a lost sector
    uint8_t *saved;
    size_t saved_count;
    size_t saved_capacity;
    // Who holds it. A crash begins these anew.
    uint32_t mappings;
    uint32_t readers;
    bool writer;
};

typedef enum change_kind {
    CHANGE_SET,    // folder/name leads to node
    CHANGE_REMOVE, // folder/name is gone, which led to node
    CHANGE_RENAME, // node moves from folder/name to to_folder/to_name, where replaced was
} change_kind;

typedef struct sim_change {
    change_kind kind;
    bool marked;
    bool lost; // a sync failed: no later sync of the folder makes it durable
    sim_node *node;
    sim_node *folder;
    char *name;
    sim_node *to_folder;
    char *to_name;
    sim_node *replaced;
} sim_change;

// An open file or a mapping.
typedef struct sim_handle {
    wg_file base;
    struct sim_handle *next;
    sim_node *node;
    sim_node *folder; // with name: where it was opened
    char *name;
    uint64_t life; // of the disk, when it was opened
    bool writable;
    bool mapping;
    bool locked;
    bool shared;
} sim_handle;

typedef struct sim_rule {
    uint64_t left; // calls until it strikes, 0 = never
    waggle_status status;
    bool persistent;
    bool torn;
} sim_rule;

struct sim_disk {
    wg_vfs base;
    wg_mutex guard; // of everything
    sim_node *root;
    sim_node *first;
    sim_node *last;
    sim_node *garbage; // linked by twin
    uint64_t node_number;
    sim_change *changes;
    size_t change_count;
    size_t change_capacity;
    sim_handle *handles;
    uint64_t life;
    uint64_t calls;
    uint64_t stop_at;
    bool dead;
    sim_rule rules[SIM_KINDS];
    uint64_t counts[SIM_KINDS];
    uint64_t failed;
    sim_failed_sync failed_sync;
    uint64_t space;
    uint64_t seed;
    char **paths; // of sim_disk_file
    size_t path_count;
};

// ---- Memory: the C library's, so that heaps under test do not count it; never NULL ---------------

void *sim_must(void *memory);
void *sim_zeroed(size_t size);
char *sim_copy_text(const char *text, size_t size);
void *sim_grow(void *items, size_t count, size_t *capacity, size_t item_size);

// ---- Nodes and names ----------------------------------------------------------------------------

sim_node *sim_node_create(sim_disk *disk, bool folder);
void sim_node_add_reference(sim_node *node);
void sim_node_drop_reference(sim_disk *disk, sim_node *node);
void sim_collect_garbage(sim_disk *disk);

// Where a path leads; see the like in base/vfs_memory.c.
typedef struct sim_place {
    sim_node *folder; // NULL: there is none
    sim_node *node;   // NULL: no such name
    char name[256];
} sim_place;

sim_place sim_place_find(sim_disk *disk, const char *path);

// ---- A file's bytes -----------------------------------------------------------------------------

void sim_file_write(sim_node *file, uint64_t offset, const uint8_t *data, size_t size);
void sim_file_resize(sim_node *file, uint64_t size);
void sim_file_sync(sim_node *file);
// A sync that failed and loses: of what is dirty a random part is durable, the rest counts as clean.
void sim_file_lose(sim_node *file, test_random *random);

// ---- Changes of names, as written; a sync of a folder makes its own durable ---------------------

void sim_change_drop(sim_disk *disk, sim_change *change);
void sim_name_set(sim_disk *disk, const sim_place *at, sim_node *node);
void sim_name_remove(sim_disk *disk, const sim_place *at);
void sim_name_move(sim_disk *disk, const sim_place *from, const sim_place *to);
bool sim_same_name(const sim_node *folder_a, const char *name_a, const sim_node *folder_b,
                   const char *name_b);
void sim_folder_sync(sim_disk *disk, const sim_node *folder);
void sim_folder_lose(sim_disk *disk, const sim_node *folder);

// ---- The whole ----------------------------------------------------------------------------------

void sim_store_crash(sim_disk *disk, uint64_t seed);
void sim_store_copy(sim_disk *copy, sim_disk *disk);
