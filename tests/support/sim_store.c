// What a crash keeps.
//
// A file keeps its bytes as written, and per sector that changed since its last sync what is durable of
// it (an undo record; sectors behind the durable size are durable as zeros and save nothing). A crash
// gives each changed sector its old bytes or its new ones, and the file its old size, its new size, or
// one between them.
//
// A sync that fails may lose what it should have written, as Linux does: the sectors count as clean, reading
// finds their new bytes, and no later sync writes them, until they are written once more. Their undo records stay
// until then, and a crash puts the old bytes back. Growth that was lost becomes durable as far as a sync
// writes sectors of it, or when the size changes once more; a shorter size is never lost.
//
// A folder keeps two tables of names, as they are and as they are durable, and the disk the list of
// changes that lead from the durable tables to the others. sync_dir applies those of one folder, a crash
// a random choice. Changes of one file survive in their order: that a later one does while an earlier
// does not, as removing the old name of a file whose new name is lost, no journal would leave behind.
// A rename is one change. Making a file's name durable is sync_dir's work alone, never sync's. Changes that a
// failed sync_dir lost become durable only with a later change that needs them.
#include "support/sim_store.h"

#include "base/hash.h"

#include <stdlib.h>

// ---- Memory: the C library's, so that heaps under test do not count it ---------------------------

void *sim_must(void *memory)
{
    WG_ASSERT(memory != NULL);
    return memory;
}

void *sim_zeroed(size_t size)
{
    // Files are mapped where they lie: aligned like pages, as far as anybody relies on it.
    void *memory = sim_must(aligned_alloc(64, (size_t)wg_round_up(size + 1, 64)));
    memset(memory, 0, size);
    return memory;
}

char *sim_copy_text(const char *text, size_t size)
{
    char *copy = sim_must(malloc(size + 1));
    memcpy(copy, text, size);
    copy[size] = 0;
    return copy;
}

// Makes room for one more item.
void *sim_grow(void *items, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity) return items;
    *capacity = WG_MAX(*capacity * 2, (size_t)8);
    return sim_must(realloc(items, *capacity * item_size));
}

// ---- Nodes and tables ---------------------------------------------------------------------------

sim_node *sim_node_create(sim_disk *disk, bool folder)
{
    sim_node *node = sim_zeroed(sizeof(*node));
    node->folder = folder;
    node->number = disk->node_number++;
    node->previous = disk->last;
    if (disk->last != NULL)
        disk->last->next = node;
    else
        disk->first = node;
    disk->last = node;
    return node;
}

void sim_node_add_reference(sim_node *node)
{
    if (node != NULL) node->references++;
}

// What nobody needs is collected when the call ends, without recursion.
void sim_node_drop_reference(sim_disk *disk, sim_node *node)
{
    if (node == NULL || --node->references > 0) return;
    node->twin = disk->garbage;
    disk->garbage = node;
}

static sim_entry *table_find(const sim_table *table, const char *name, size_t size)
{
    for (size_t i = 0; i < table->count; i++) {
        char *found = table->entries[i].name;
        if (strncmp(found, name, size) == 0 && found[size] == 0) return &table->entries[i];
    }
    return NULL;
}

static sim_node *table_get(const sim_table *table, const char *name, size_t size)
{
    sim_entry *found = table_find(table, name, size);
    return found == NULL ? NULL : found->node;
}

static void table_set(sim_disk *disk, sim_table *table, const char *name, sim_node *node)
{
    sim_node_add_reference(node);
    sim_entry *found = table_find(table, name, strlen(name));
    if (found != NULL) {
        sim_node_drop_reference(disk, found->node);
        found->node = node;
        return;
    }
    table->entries = sim_grow(table->entries, table->count, &table->capacity, sizeof(sim_entry));
    table->entries[table->count++] = (sim_entry){sim_copy_text(name, strlen(name)), node};
}

static void table_remove(sim_disk *disk, sim_table *table, const char *name)
{
    sim_entry *found = table_find(table, name, strlen(name));
    if (found == NULL) return;
    sim_node_drop_reference(disk, found->node);
    free(found->name);
    *found = table->entries[--table->count];
}

static void table_clear(sim_disk *disk, sim_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        sim_node_drop_reference(disk, table->entries[i].node);
        free(table->entries[i].name);
    }
    table->count = 0;
}

static void node_free(sim_disk *disk, sim_node *node)
{
    if (node->previous != NULL)
        node->previous->next = node->next;
    else
        disk->first = node->next;
    if (node->next != NULL)
        node->next->previous = node->previous;
    else
        disk->last = node->previous;
    free(node->written.entries);
    free(node->durable.entries);
    free(node->data);
    free(node->changed);
    free(node->undo);
    free(node->saved);
    free(node);
}

void sim_collect_garbage(sim_disk *disk)
{
    for (sim_node *node = disk->garbage; node != NULL; node = disk->garbage) {
        disk->garbage = node->twin;
        table_clear(disk, &node->written);
        table_clear(disk, &node->durable);
        node_free(disk, node);
    }
}

sim_place sim_place_find(sim_disk *disk, const char *path)
{
    sim_place at = {.node = disk->root};
    for (;;) {
        path += strspn(path, "/");
        size_t size = strcspn(path, "/");
        if (size == 0) return at;
        if (size == 1 && path[0] == '.') { // the current folder is the root
            path++;
            continue;
        }
        WG_ASSERT(size < sizeof(at.name));
        at.folder = at.node != NULL && at.node->folder ? at.node : NULL;
        at.node = NULL;
        memcpy(at.name, path, size);
        at.name[size] = 0;
        if (at.folder != NULL) at.node = table_get(&at.folder->written, at.name, size);
        path += size;
    }
}

// ---- A file's bytes -----------------------------------------------------------------------------

static uint64_t sectors_of(uint64_t size)
{
    return (size + SIM_SECTOR - 1) / SIM_SECTOR;
}

static void file_reserve(sim_node *file, uint64_t size)
{
    if (size <= file->capacity) return;
    WG_ASSERT(file->mappings == 0);
    uint64_t old = file->capacity;
    uint64_t capacity =
        WG_MAX(wg_round_up(size, 64 * SIM_SECTOR), wg_round_up(old * 3 / 2, 64 * SIM_SECTOR));
    uint8_t *data = sim_zeroed(capacity);
    uint64_t *changed = sim_zeroed(capacity / SIM_SECTOR / 8);
    if (old > 0) {
        memcpy(data, file->data, file->size);
        memcpy(changed, file->changed, old / SIM_SECTOR / 8);
    }
    free(file->data);
    free(file->changed);
    file->data = data;
    file->changed = changed;
    file->capacity = capacity;
}

static void save_sector(sim_node *file, uint64_t sector)
{
    sim_undo undo = {.sector = sector, .slot = SIM_NO_BYTES};
    if (sector < sectors_of(file->durable_size)) {
        file->saved = sim_grow(file->saved, file->saved_count, &file->saved_capacity, SIM_SECTOR);
        undo.slot = (uint32_t)file->saved_count++;
        memcpy(file->saved + (size_t)undo.slot * SIM_SECTOR, file->data + sector * SIM_SECTOR,
               SIM_SECTOR);
    }
    file->undo = sim_grow(file->undo, file->undo_count, &file->undo_capacity, sizeof(sim_undo));
    file->undo[file->undo_count++] = undo;
}

static uint64_t bit_of(uint64_t sector)
{
    return (uint64_t)1 << sector % 64;
}

// Lost sectors that are written once more are dirty like others.
static void find_lost(sim_node *file, uint64_t sector)
{
    for (size_t i = 0; i < file->undo_count; i++) {
        sim_undo *undo = &file->undo[i];
        if (undo->sector != sector || !undo->lost) continue;
        undo->lost = false;
        file->lost_count--;
    }
}

// Before [from, to) changes: what is durable of its sectors is saved, once until the next sync.
static void save_before_change(sim_node *file, uint64_t from, uint64_t to)
{
    if (from >= to) return;
    for (uint64_t sector = from / SIM_SECTOR; sector < sectors_of(to); sector++) {
        if ((file->changed[sector / 64] & bit_of(sector)) == 0) {
            file->changed[sector / 64] |= bit_of(sector);
            save_sector(file, sector);
        } else if (file->lost_count > 0) {
            find_lost(file, sector);
        }
    }
}

// The sector of this record is durable.
static void settle_sector(sim_node *file, const sim_undo *undo)
{
    file->changed[undo->sector / 64] &= ~bit_of(undo->sector);
    uint64_t end = WG_MIN((undo->sector + 1) * SIM_SECTOR, file->size);
    if (file->size > file->durable_size) file->durable_size = WG_MAX(file->durable_size, end);
}

// Keeps this record, which is the next to be kept.
static void keep_undo(sim_node *file, sim_undo undo)
{
    if (undo.slot != SIM_NO_BYTES) {
        memmove(file->saved + file->saved_count * SIM_SECTOR,
                file->saved + (size_t)undo.slot * SIM_SECTOR, SIM_SECTOR);
        undo.slot = (uint32_t)file->saved_count++;
    }
    file->undo[file->undo_count++] = undo;
}

// Slots are in the order of their records, so those that are kept move towards the beginning.
void sim_file_sync(sim_node *file)
{
    size_t count = file->undo_count;
    file->undo_count = 0;
    file->saved_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (file->undo[i].lost)
            keep_undo(file, file->undo[i]);
        else
            settle_sector(file, &file->undo[i]);
    }
    if (!file->size_lost) file->durable_size = file->size;
    file->size_lost = file->size != file->durable_size;
}

static void change_size(sim_node *file, uint64_t size)
{
    if (size != file->size) file->size_lost = false;
    file->size = size;
}

void sim_file_write(sim_node *file, uint64_t offset, const uint8_t *data, size_t size)
{
    if (size == 0) return;
    file_reserve(file, offset + size);
    save_before_change(file, offset, offset + size);
    memcpy(file->data + offset, data, size);
    change_size(file, WG_MAX(file->size, offset + size));
}

// Growing changes no sector: what is behind the size is zero, as written and as durable.
void sim_file_resize(sim_node *file, uint64_t size)
{
    if (size < file->size) {
        save_before_change(file, size, file->size);
        memset(file->data + size, 0, file->size - size);
    }
    file_reserve(file, size);
    change_size(file, size);
}

// How likely a change survives, in quarters. Drawn once for many changes, so that "all" and "nothing"
// are as common as a mixture.
static bool survives(test_random *random, uint64_t quarters)
{
    return test_below(random, 4) < quarters;
}

// What is behind the size was freed with a record of the journal, which is not lost.
void sim_file_lose(sim_node *file, test_random *random)
{
    uint64_t quarters = test_below(random, 5);
    for (size_t i = 0; i < file->undo_count; i++) {
        sim_undo *undo = &file->undo[i];
        bool freed = undo->sector * SIM_SECTOR >= file->size;
        if (undo->lost || freed || survives(random, quarters)) continue;
        undo->lost = true;
        file->lost_count++;
    }
    if (file->size > file->durable_size) file->size_lost = true;
    sim_file_sync(file);
}

// ---- Changes of names ---------------------------------------------------------------------------

bool sim_same_name(const sim_node *folder_a, const char *name_a, const sim_node *folder_b,
                   const char *name_b)
{
    return folder_a != NULL && folder_a == folder_b && strcmp(name_a, name_b) == 0;
}

// A change that became durable takes along the earlier ones of its files and its names.
static bool change_needs(const sim_change *later, const sim_change *earlier)
{
    if (earlier->node == later->node || earlier->node == later->replaced) return true;
    if (earlier->replaced != NULL && earlier->replaced == later->node) return true;
    if (earlier->folder == later->node || earlier->to_folder == later->node) return true;
    return sim_same_name(earlier->folder, earlier->name, later->folder, later->name) ||
           sim_same_name(earlier->folder, earlier->name, later->to_folder, later->to_name) ||
           sim_same_name(earlier->to_folder, earlier->to_name, later->folder, later->name) ||
           sim_same_name(earlier->to_folder, earlier->to_name, later->to_folder, later->to_name);
}

// Lost changes that one behind them needs are dirty again, as lost sectors are that are written once more.
static void changes_find_lost(sim_disk *disk)
{
    sim_change *changes = disk->changes;
    for (size_t i = disk->change_count; i-- > 0;) {
        for (size_t j = i + 1; changes[i].lost && j < disk->change_count; j++)
            if (!changes[j].lost && change_needs(&changes[j], &changes[i])) changes[i].lost = false;
    }
}

static void change_add(sim_disk *disk, sim_change change)
{
    sim_node_add_reference(change.node);
    sim_node_add_reference(change.folder);
    sim_node_add_reference(change.to_folder);
    sim_node_add_reference(change.replaced);
    disk->changes =
        sim_grow(disk->changes, disk->change_count, &disk->change_capacity, sizeof(sim_change));
    disk->changes[disk->change_count++] = change;
    if (!change.lost) changes_find_lost(disk);
}

void sim_change_drop(sim_disk *disk, sim_change *change)
{
    sim_node_drop_reference(disk, change->node);
    sim_node_drop_reference(disk, change->folder);
    sim_node_drop_reference(disk, change->to_folder);
    sim_node_drop_reference(disk, change->replaced);
    free(change->name);
    free(change->to_name);
}

void sim_name_set(sim_disk *disk, const sim_place *at, sim_node *node)
{
    table_set(disk, &at->folder->written, at->name, node);
    change_add(disk, (sim_change){.kind = CHANGE_SET,
                                  .node = node,
                                  .folder = at->folder,
                                  .name = sim_copy_text(at->name, strlen(at->name))});
}

void sim_name_remove(sim_disk *disk, const sim_place *at)
{
    change_add(disk, (sim_change){.kind = CHANGE_REMOVE,
                                  .node = at->node,
                                  .folder = at->folder,
                                  .name = sim_copy_text(at->name, strlen(at->name))});
    table_remove(disk, &at->folder->written, at->name);
}

void sim_name_move(sim_disk *disk, const sim_place *from, const sim_place *to)
{
    change_add(disk, (sim_change){.kind = CHANGE_RENAME,
                                  .node = from->node,
                                  .folder = from->folder,
                                  .name = sim_copy_text(from->name, strlen(from->name)),
                                  .to_folder = to->folder,
                                  .to_name = sim_copy_text(to->name, strlen(to->name)),
                                  .replaced = to->node});
    table_set(disk, &to->folder->written, to->name, from->node);
    table_remove(disk, &from->folder->written, from->name);
}

// Carries a change out in the durable tables, if what it needs is there.
static void change_apply(sim_disk *disk, const sim_change *change)
{
    sim_table *table = &change->folder->durable;
    if (change->kind == CHANGE_SET) {
        table_set(disk, table, change->name, change->node);
        return;
    }
    if (table_get(table, change->name, strlen(change->name)) != change->node) return;
    if (change->kind == CHANGE_REMOVE) {
        if (change->node->durable.count == 0) table_remove(disk, table, change->name);
        return;
    }
    table_set(disk, &change->to_folder->durable, change->to_name, change->node);
    table_remove(disk, table, change->name);
}

static void mark_changes_of(sim_disk *disk, const sim_node *folder)
{
    sim_change *changes = disk->changes;
    for (size_t i = disk->change_count; i-- > 0;) {
        bool marked = changes[i].folder == folder || changes[i].to_folder == folder;
        if (changes[i].lost) marked = false;
        for (size_t j = i + 1; !marked && j < disk->change_count; j++)
            marked = changes[j].marked && change_needs(&changes[j], &changes[i]);
        changes[i].marked = marked;
    }
}

void sim_folder_sync(sim_disk *disk, const sim_node *folder)
{
    mark_changes_of(disk, folder);
    size_t kept = 0;
    for (size_t i = 0; i < disk->change_count; i++) {
        sim_change change = disk->changes[i];
        if (change.marked) {
            change_apply(disk, &change);
            sim_change_drop(disk, &change);
        } else {
            disk->changes[kept++] = change;
        }
    }
    disk->change_count = kept;
}

void sim_folder_lose(sim_disk *disk, const sim_node *folder)
{
    mark_changes_of(disk, folder);
    for (size_t i = 0; i < disk->change_count; i++)
        if (disk->changes[i].marked) disk->changes[i].lost = true;
}

// ---- Crashes ------------------------------------------------------------------------------------

static void crash_names(sim_disk *disk, test_random *random)
{
    uint64_t quarters = test_below(random, 5);
    for (sim_node *node = disk->first; node != NULL; node = node->next)
        node->marked = false; // marked: a change of it was lost, so later ones are
    for (size_t i = 0; i < disk->change_count; i++) {
        sim_change *change = &disk->changes[i];
        bool after_lost =
            change->node->marked || (change->replaced != NULL && change->replaced->marked);
        if (!change->lost && !after_lost && survives(random, quarters))
            change_apply(disk, change);
        else
            change->node->marked = true;
    }
    for (size_t i = 0; i < disk->change_count; i++)
        sim_change_drop(disk, &disk->changes[i]);
    disk->change_count = 0;
    for (sim_node *node = disk->first; node != NULL; node = node->next) {
        if (!node->folder) continue;
        table_clear(disk, &node->written);
        for (size_t i = 0; i < node->durable.count; i++)
            table_set(disk, &node->written, node->durable.entries[i].name,
                      node->durable.entries[i].node);
    }
}

static uint64_t crash_size(const sim_node *file, test_random *random)
{
    if (file->size == file->durable_size || file->size_lost) return file->durable_size;
    uint64_t choice = test_below(random, 5);
    if (choice < 2) return file->size;
    if (choice < 4 || file->size < file->durable_size) return file->durable_size;
    uint64_t between = file->durable_size + test_below(random, file->size - file->durable_size);
    return WG_MAX(between / SIM_SECTOR * SIM_SECTOR, file->durable_size);
}

static void crash_file(sim_node *file, test_random *random)
{
    uint64_t quarters = test_below(random, 5);
    for (size_t i = 0; i < file->undo_count; i++) {
        sim_undo *undo = &file->undo[i];
        if (!undo->lost && survives(random, quarters)) continue;
        undo->lost = false;
        uint8_t *sector = file->data + undo->sector * SIM_SECTOR;
        if (undo->slot == SIM_NO_BYTES)
            memset(sector, 0, SIM_SECTOR);
        else
            memcpy(sector, file->saved + (size_t)undo->slot * SIM_SECTOR, SIM_SECTOR);
    }
    uint64_t size = crash_size(file, random);
    uint64_t end =
        WG_MAX(wg_round_up(file->size, SIM_SECTOR), wg_round_up(file->durable_size, SIM_SECTOR));
    if (size < end) memset(file->data + size, 0, end - size);
    file->size = size;
    file->size_lost = false;
    file->lost_count = 0;
    sim_file_sync(file);
}

// Decides what survives, and lets what is left be all there is.
void sim_store_crash(sim_disk *disk, uint64_t seed)
{
    test_random random = {wg_hash64(seed) ^ disk->seed};
    if (disk->change_count > 0) crash_names(disk, &random);
    sim_collect_garbage(disk);
    for (sim_node *node = disk->first; node != NULL; node = node->next) {
        // Each file has draws of its own, whatever else is still held by handles of before.
        test_random own = {random.state ^ wg_hash64(node->number)};
        if (node->undo_count > 0 || node->size != node->durable_size) crash_file(node, &own);
        node->mappings = 0;
        node->readers = 0;
        node->writer = false;
    }
}

// ---- Copies ---------------------------------------------------------------------------------------

static void *copy_bytes(const void *bytes, size_t size)
{
    if (size == 0) return NULL;
    return memcpy(sim_must(malloc(size)), bytes, size);
}

static void copy_file(sim_node *copy, const sim_node *file)
{
    copy->size = file->size;
    copy->durable_size = file->durable_size;
    copy->capacity = file->capacity;
    copy->data = sim_zeroed(file->capacity);
    memcpy(copy->data, file->data, file->size);
    copy->changed = copy_bytes(file->changed, file->capacity / SIM_SECTOR / 8);
    copy->undo = copy_bytes(file->undo, file->undo_count * sizeof(sim_undo));
    copy->undo_count = copy->undo_capacity = file->undo_count;
    copy->lost_count = file->lost_count;
    copy->size_lost = file->size_lost;
    copy->saved = copy_bytes(file->saved, file->saved_count * SIM_SECTOR);
    copy->saved_count = copy->saved_capacity = file->saved_count;
}

static void copy_table(sim_disk *disk, sim_table *copy, const sim_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        table_set(disk, copy, table->entries[i].name, table->entries[i].node->twin);
}

static void copy_change(sim_disk *disk, const sim_change *change)
{
    sim_change copy = *change;
    copy.node = change->node->twin;
    copy.folder = change->folder->twin;
    copy.name = sim_copy_text(change->name, strlen(change->name));
    if (change->to_folder != NULL) {
        copy.to_folder = change->to_folder->twin;
        copy.to_name = sim_copy_text(change->to_name, strlen(change->to_name));
    }
    if (change->replaced != NULL) copy.replaced = change->replaced->twin;
    change_add(disk, copy);
}

// Fills an empty disk with a deep copy. Uses the twins of the source, whose guard the caller holds.
void sim_store_copy(sim_disk *copy, sim_disk *disk)
{
    // An extra reference each, until all tables are there: some are only held by open handles.
    for (sim_node *node = disk->first; node != NULL; node = node->next) {
        node->twin = sim_node_create(copy, node->folder);
        node->twin->number = node->number;
        sim_node_add_reference(node->twin);
        if (node->capacity > 0) copy_file(node->twin, node);
    }
    for (sim_node *node = disk->first; node != NULL; node = node->next) {
        copy_table(copy, &node->twin->written, &node->written);
        copy_table(copy, &node->twin->durable, &node->durable);
    }
    for (size_t i = 0; i < disk->change_count; i++)
        copy_change(copy, &disk->changes[i]);
    copy->node_number = disk->node_number;
    copy->root = disk->root->twin;
    sim_node_add_reference(copy->root);
    for (sim_node *node = copy->first; node != NULL; node = node->next)
        sim_node_drop_reference(copy, node);
    sim_collect_garbage(copy);
}
