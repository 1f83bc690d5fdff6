// The wg_vfs of the simulated disk, its ways to fail, and what tests see of it. See sim_store.c for what a
// crash keeps.
//
// What no portable program may do stops the test: renaming or removing a file under a name by which it
// is open or mapped, and writing a file that is mapped.
#include "base/hash.h"
#include "support/sim_store.h"

#include <stdlib.h>

static const wg_vfs_ops sim_ops;

static sim_disk *disk_of(const wg_vfs *vfs)
{
    return (sim_disk *)(uintptr_t)vfs; // also to take the lock of one that is only looked at
}

static sim_handle *handle_of(wg_file *file)
{
    return (sim_handle *)file;
}

// ---- Calls that fail ----------------------------------------------------------------------------

static sim_disk *enter(wg_vfs *vfs)
{
    sim_disk *disk = disk_of(vfs);
    wg_mutex_lock(&disk->guard);
    return disk;
}

static waggle_status leave(sim_disk *disk, waggle_status status)
{
    sim_collect_garbage(disk);
    wg_mutex_unlock(&disk->guard);
    return status;
}

static bool rule_strikes(sim_rule *rule)
{
    if (rule->left == 0) return false;
    if (rule->left > 1) {
        rule->left--;
        return false;
    }
    if (!rule->persistent) rule->left = 0;
    return true;
}

// Counts a call and says whether it is to fail; *torn: only after half of its work.
static waggle_status begin(sim_disk *disk, sim_call call, bool changes, const char *path,
                           bool *torn, waggle_error *error)
{
    disk->counts[call]++;
    disk->counts[SIM_ANY]++;
    if (changes && !disk->dead) {
        disk->calls++;
        disk->dead = disk->stop_at != 0 && disk->calls >= disk->stop_at;
    }
    if (disk->dead) return wg_fail(error, WAGGLE_IO, "%s: the simulated machine is dead", path);

    sim_rule *rules[] = {&disk->rules[call], &disk->rules[SIM_ANY]};
    bool strikes[] = {rule_strikes(rules[0]), rule_strikes(rules[1])};
    if (!strikes[0] && !strikes[1]) return WAGGLE_OK;
    const sim_rule *rule = strikes[0] ? rules[0] : rules[1];
    disk->failed++;
    if (torn != NULL) *torn = rule->torn;
    return wg_fail(error, rule->status, "%s: call made to fail", path);
}

// The same for a call of an open file.
static waggle_status begin_file(sim_disk *disk, const sim_handle *file, sim_call call, bool changes,
                                bool *torn, waggle_error *error)
{
    waggle_status status = begin(disk, call, changes, file->name, torn, error);
    if (status == WAGGLE_OK && file->life != disk->life)
        status = wg_fail(error, WAGGLE_IO, "%s: opened before the crash", file->name);
    if (status == WAGGLE_OK && changes && !file->writable)
        status = wg_fail(error, WAGGLE_IO, "%s: opened for reading", file->name);
    return status;
}

static waggle_status fail_missing(waggle_error *error, const char *path)
{
    return wg_fail(error, WAGGLE_NOT_FOUND, "%s: no such file or folder", path);
}

// ---- Opening ------------------------------------------------------------------------------------

static sim_handle *handle_create(sim_disk *disk, sim_node *node, sim_node *folder, const char *name)
{
    sim_handle *handle = sim_zeroed(sizeof(*handle));
    handle->base.vfs = &disk->base;
    handle->node = node;
    handle->folder = folder;
    handle->name = sim_copy_text(name, strlen(name));
    handle->life = disk->life;
    handle->next = disk->handles;
    disk->handles = handle;
    sim_node_add_reference(node);
    sim_node_add_reference(folder);
    return handle;
}

static void handle_destroy(sim_disk *disk, sim_handle *handle)
{
    sim_handle **link = &disk->handles;
    while (*link != handle)
        link = &(*link)->next;
    *link = handle->next;
    sim_node_drop_reference(disk, handle->node);
    sim_node_drop_reference(disk, handle->folder);
    free(handle->name);
    free(handle);
}

// Finds or makes the file. Making counts as a change, and it is counted before anything happens.
static waggle_status open_node(sim_disk *disk, const char *path, wg_open_mode mode, sim_place *at,
                               waggle_error *error)
{
    *at = sim_place_find(disk, path);
    bool creates = mode == WG_OPEN_NEW || (mode == WG_OPEN_CREATE && at->node == NULL);
    waggle_status status = begin(disk, SIM_OPEN, creates, path, NULL, error);
    if (status != WAGGLE_OK) return status;
    if (at->node != NULL && mode == WG_OPEN_NEW)
        return wg_fail(error, WAGGLE_EXISTS, "%s: exists", path);
    if (at->node != NULL && at->node->folder)
        return wg_fail(error, WAGGLE_IO, "%s: is a folder", path);
    if (at->node == NULL && (!creates || at->folder == NULL)) return fail_missing(error, path);
    if (at->node == NULL) {
        at->node = sim_node_create(disk, false);
        sim_name_set(disk, at, at->node);
    }
    return WAGGLE_OK;
}

static waggle_status sim_open(wg_vfs *vfs, const char *path, wg_open_mode mode, wg_file **file,
                              waggle_error *error)
{
    sim_disk *disk = enter(vfs);
    sim_place at;
    waggle_status status = open_node(disk, path, mode, &at, error);
    if (status == WAGGLE_OK) {
        sim_handle *handle = handle_create(disk, at.node, at.folder, at.name);
        handle->writable = mode != WG_OPEN_READ;
        *file = &handle->base;
    }
    return leave(disk, status);
}

static waggle_status sim_lock(wg_vfs *vfs, const char *path, bool shared, wg_file **file,
                              waggle_error *error)
{
    sim_disk *disk = enter(vfs);
    sim_place at;
    waggle_status status = open_node(disk, path, WG_OPEN_CREATE, &at, error);
    if (status == WAGGLE_OK && (at.node->writer || (!shared && at.node->readers > 0)))
        status = wg_fail(error, WAGGLE_LOCKED, "lock %s: held by this process", path);
    if (status == WAGGLE_OK) {
        sim_handle *handle = handle_create(disk, at.node, at.folder, at.name);
        handle->writable = true;
        handle->locked = true;
        handle->shared = shared;
        at.node->writer = !shared;
        at.node->readers += shared ? 1 : 0;
        *file = &handle->base;
    }
    return leave(disk, status);
}

static void sim_close(wg_file *base)
{
    sim_handle *handle = handle_of(base);
    sim_disk *disk = enter(base->vfs);
    if (handle->locked && handle->life == disk->life) {
        handle->node->readers -= handle->shared ? 1 : 0;
        handle->node->writer = false;
    }
    handle_destroy(disk, handle);
    leave(disk, WAGGLE_OK);
}

// ---- Reading and writing ------------------------------------------------------------------------

static waggle_status sim_size(wg_file *base, uint64_t *size, waggle_error *error)
{
    sim_disk *disk = enter(base->vfs);
    waggle_status status = begin_file(disk, handle_of(base), SIM_SIZE, false, NULL, error);
    if (status == WAGGLE_OK) *size = handle_of(base)->node->size;
    return leave(disk, status);
}

static waggle_status sim_read(wg_file *base, uint64_t offset, void *target, size_t size,
                              size_t *got, waggle_error *error)
{
    sim_disk *disk = enter(base->vfs);
    waggle_status status = begin_file(disk, handle_of(base), SIM_READ, false, NULL, error);
    if (status == WAGGLE_OK) {
        const sim_node *file = handle_of(base)->node;
        *got = offset < file->size ? WG_MIN(size, (size_t)(file->size - offset)) : 0;
        if (*got > 0) memcpy(target, file->data + offset, *got);
    }
    return leave(disk, status);
}

// Bytes of all files that have a name or are open.
static uint64_t space_used(sim_disk *disk)
{
    uint64_t used = 0;
    for (sim_node *node = disk->first; node != NULL; node = node->next)
        node->marked = false;
    for (sim_node *node = disk->first; node != NULL; node = node->next)
        for (size_t i = 0; i < node->written.count; i++)
            node->written.entries[i].node->marked = true;
    for (sim_handle *handle = disk->handles; handle != NULL; handle = handle->next)
        handle->node->marked = true;
    for (sim_node *node = disk->first; node != NULL; node = node->next)
        used += node->marked ? node->size : 0;
    return used;
}

// The size up to which a file may sim_grow towards `wanted`.
static uint64_t size_possible(sim_disk *disk, const sim_node *file, uint64_t wanted)
{
    if (disk->space == UINT64_MAX || wanted <= file->size) return wanted;
    uint64_t used = space_used(disk);
    uint64_t left = disk->space > used ? disk->space - used : 0;
    return file->size + WG_MIN(left, wanted - file->size);
}

static waggle_status fail_full(waggle_error *error, const sim_handle *file)
{
    return wg_fail(error, WAGGLE_DISK_FULL, "%s: no space left on the simulated disk", file->name);
}

// Writes the first `size` bytes of the pieces.
static void write_some(sim_node *file, uint64_t offset, const wg_piece *pieces, uint64_t size)
{
    for (; size > 0; pieces++) {
        size_t part = (size_t)WG_MIN(size, (uint64_t)pieces->size);
        sim_file_write(file, offset, pieces->data, part);
        offset += part;
        size -= part;
    }
}

static waggle_status sim_write(wg_file *base, uint64_t offset, const wg_piece *pieces, size_t count,
                               waggle_error *error)
{
    sim_handle *handle = handle_of(base);
    sim_disk *disk = enter(base->vfs);
    bool torn = false;
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += pieces[i].size;
    waggle_status status = begin_file(disk, handle, SIM_WRITE, true, &torn, error);
    WG_ASSERT(handle->life != disk->life || handle->node->mappings == 0);
    if (torn && handle->life == disk->life && handle->writable) {
        write_some(handle->node, offset, pieces, size / 2);
    } else if (status == WAGGLE_OK) {
        uint64_t end = size_possible(disk, handle->node, offset + size);
        uint64_t part = end > offset ? WG_MIN(end - offset, size) : 0;
        write_some(handle->node, offset, pieces, part);
        if (part < size) status = fail_full(error, handle);
    }
    return leave(disk, status);
}

// A sync fails that was made to: of a machine that died the crash decides what it keeps.
static bool sync_loses(const sim_disk *disk, test_random *random)
{
    if (disk->dead || disk->failed_sync == SIM_FAILED_SYNC_KEEPS) return false;
    random->state = disk->seed ^ wg_hash64(disk->failed);
    return disk->failed_sync == SIM_FAILED_SYNC_LOSES || test_below(random, 2) == 0;
}

static waggle_status sim_sync(wg_file *base, waggle_error *error)
{
    sim_handle *handle = handle_of(base);
    sim_disk *disk = enter(base->vfs);
    test_random random;
    // A file opened for reading may be synced, as on POSIX.
    waggle_status status = begin(disk, SIM_SYNC, true, handle->name, NULL, error);
    if (handle->life != disk->life)
        status = wg_fail(error, WAGGLE_IO, "%s: opened before the crash", handle->name);
    else if (status == WAGGLE_OK)
        sim_file_sync(handle->node);
    else if (sync_loses(disk, &random))
        sim_file_lose(handle->node, &random);
    return leave(disk, status);
}

static waggle_status sim_truncate(wg_file *base, uint64_t size, waggle_error *error)
{
    sim_handle *handle = handle_of(base);
    sim_disk *disk = enter(base->vfs);
    waggle_status status = begin_file(disk, handle, SIM_TRUNCATE, true, NULL, error);
    if (status == WAGGLE_OK) {
        WG_ASSERT(handle->node->mappings == 0);
        if (size_possible(disk, handle->node, size) < size)
            status = fail_full(error, handle);
        else
            sim_file_resize(handle->node, size);
    }
    return leave(disk, status);
}

static waggle_status sim_allocate(wg_file *base, uint64_t size, waggle_error *error)
{
    sim_handle *handle = handle_of(base);
    sim_disk *disk = enter(base->vfs);
    waggle_status status = begin_file(disk, handle, SIM_ALLOCATE, true, NULL, error);
    if (status == WAGGLE_OK && size > handle->node->size) {
        WG_ASSERT(handle->node->mappings == 0);
        uint64_t possible = size_possible(disk, handle->node, size);
        sim_file_resize(handle->node, possible); // zeros are written until the disk is full
        if (possible < size) status = fail_full(error, handle);
    }
    return leave(disk, status);
}

static waggle_status sim_map(wg_file *base, wg_mapping *mapping, waggle_error *error)
{
    static const uint8_t empty[1];
    sim_handle *file = handle_of(base);
    sim_disk *disk = enter(base->vfs);
    waggle_status status = begin_file(disk, file, SIM_MAP, false, NULL, error);
    if (status == WAGGLE_OK) {
        sim_handle *handle = handle_create(disk, file->node, file->folder, file->name);
        handle->mapping = true;
        file->node->mappings++;
        *mapping = (wg_mapping){.data = file->node->size == 0 ? empty : file->node->data,
                                .size = (size_t)file->node->size,
                                .handle = handle};
    }
    return leave(disk, status);
}

static void sim_unmap(wg_vfs *vfs, wg_mapping *mapping)
{
    sim_disk *disk = enter(vfs);
    sim_handle *handle = mapping->handle;
    if (handle->life == disk->life) handle->node->mappings--;
    handle_destroy(disk, handle);
    leave(disk, WAGGLE_OK);
}

// ---- Names --------------------------------------------------------------------------------------

// Windows could not: see base/vfs.h.
static void refuse_used(const sim_disk *disk, const sim_place *at, const char *path)
{
    for (const sim_handle *held = disk->handles; held != NULL; held = held->next) {
        if (held->life != disk->life || held->node != at->node) continue;
        if (!sim_same_name(held->folder, held->name, at->folder, at->name)) continue;
        fprintf(stderr, "sim_disk: %s is %s while it is renamed or removed\n", path,
                held->mapping ? "mapped" : "open");
        wg_assert_failed("no file is renamed or removed while it is used", __FILE__, __LINE__);
    }
}

static waggle_status check_rename(const sim_place *from, const sim_place *to, const char *path_from,
                                  const char *path_to, waggle_error *error)
{
    if (from->node == NULL || from->folder == NULL) return fail_missing(error, path_from);
    if (to->folder == NULL) return fail_missing(error, path_to);
    if (to->node == NULL) return WAGGLE_OK;
    if (to->node->folder == from->node->folder && to->node->written.count == 0) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_IO, "rename %s: %s is in the way", path_from, path_to);
}

static waggle_status sim_rename(wg_vfs *vfs, const char *from, const char *to, waggle_error *error)
{
    sim_disk *disk = enter(vfs);
    sim_place source = sim_place_find(disk, from);
    sim_place target = sim_place_find(disk, to);
    waggle_status status = begin(disk, SIM_RENAME, true, from, NULL, error);
    if (status == WAGGLE_OK) status = check_rename(&source, &target, from, to, error);
    if (status == WAGGLE_OK && source.node != target.node) {
        refuse_used(disk, &source, from);
        if (target.node != NULL) refuse_used(disk, &target, to);
        sim_name_move(disk, &source, &target);
    }
    return leave(disk, status);
}

static waggle_status remove_name(wg_vfs *vfs, const char *path, bool folder, waggle_error *error)
{
    sim_disk *disk = enter(vfs);
    sim_place at = sim_place_find(disk, path);
    waggle_status status = begin(disk, SIM_UNLINK, true, path, NULL, error);
    if (status == WAGGLE_OK && at.node == NULL) status = fail_missing(error, path);
    if (status == WAGGLE_OK && (at.folder == NULL || at.node->folder != folder))
        status = wg_fail(error, WAGGLE_IO, "%s: is %s folder", path, folder ? "no" : "a");
    if (status == WAGGLE_OK && at.node->written.count > 0)
        status = wg_fail(error, WAGGLE_IO, "%s: is not empty", path);
    if (status == WAGGLE_OK) {
        refuse_used(disk, &at, path);
        sim_name_remove(disk, &at);
    }
    return leave(disk, status);
}

static waggle_status sim_unlink(wg_vfs *vfs, const char *path, waggle_error *error)
{
    return remove_name(vfs, path, false, error);
}

static waggle_status sim_remove_dir(wg_vfs *vfs, const char *path, waggle_error *error)
{
    return remove_name(vfs, path, true, error);
}

static waggle_status sim_link(wg_vfs *vfs, const char *from, const char *to, waggle_error *error)
{
    sim_disk *disk = enter(vfs);
    sim_place source = sim_place_find(disk, from);
    sim_place target = sim_place_find(disk, to);
    waggle_status status = begin(disk, SIM_LINK, true, to, NULL, error);
    if (status == WAGGLE_OK && source.node == NULL) status = fail_missing(error, from);
    if (status == WAGGLE_OK && source.node->folder)
        status = wg_fail(error, WAGGLE_IO, "link %s: is a folder", from);
    if (status == WAGGLE_OK && target.node != NULL)
        status = wg_fail(error, WAGGLE_EXISTS, "link %s: exists", to);
    if (status == WAGGLE_OK && target.folder == NULL) status = fail_missing(error, to);
    if (status == WAGGLE_OK) sim_name_set(disk, &target, source.node);
    return leave(disk, status);
}

static waggle_status sim_make_dir(wg_vfs *vfs, const char *path, waggle_error *error)
{
    sim_disk *disk = enter(vfs);
    sim_place at = sim_place_find(disk, path);
    waggle_status status = begin(disk, SIM_MAKE_DIR, true, path, NULL, error);
    if (status == WAGGLE_OK && at.node != NULL && !at.node->folder)
        status = wg_fail(error, WAGGLE_EXISTS, "%s: is a file", path);
    else if (status == WAGGLE_OK && at.node == NULL && at.folder == NULL)
        status = fail_missing(error, path);
    else if (status == WAGGLE_OK && at.node == NULL)
        sim_name_set(disk, &at, sim_node_create(disk, true));
    return leave(disk, status);
}

static waggle_status sim_sync_dir(wg_vfs *vfs, const char *path, waggle_error *error)
{
    sim_disk *disk = enter(vfs);
    sim_place at = sim_place_find(disk, path);
    waggle_status status = begin(disk, SIM_SYNC_DIR, true, path, NULL, error);
    if (status == WAGGLE_OK && (at.node == NULL || !at.node->folder))
        status = fail_missing(error, path);
    if (status == WAGGLE_OK)
        sim_folder_sync(disk, at.node);
    else if (!disk->dead && disk->failed_sync == SIM_FAILED_SYNC_LOSES && at.node != NULL)
        sim_folder_lose(disk, at.node);
    return leave(disk, status);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const sim_entry *)a)->name, ((const sim_entry *)b)->name);
}

// A copy of a folder's names, in order: `each` may change the folder, and tables have no order.
static sim_entry *copy_entries(const sim_table *table)
{
    sim_entry *entries = sim_zeroed((table->count + 1) * sizeof(*entries));
    for (size_t i = 0; i < table->count; i++) {
        entries[i].name = sim_copy_text(table->entries[i].name, strlen(table->entries[i].name));
        entries[i].node = table->entries[i].node;
    }
    qsort(entries, table->count, sizeof(*entries), compare_entries);
    return entries;
}

static waggle_status sim_list(wg_vfs *vfs, const char *path, wg_list_fn each, void *context,
                              waggle_error *error)
{
    sim_disk *disk = enter(vfs);
    sim_node *folder = sim_place_find(disk, path).node;
    waggle_status status = begin(disk, SIM_LIST, false, path, NULL, error);
    if (status == WAGGLE_OK && (folder == NULL || !folder->folder))
        status = fail_missing(error, path);
    if (status != WAGGLE_OK) return leave(disk, status);

    size_t count = folder->written.count;
    sim_entry *entries = copy_entries(&folder->written);
    bool *folders = sim_zeroed(count + 1);
    for (size_t i = 0; i < count; i++)
        folders[i] = entries[i].node->folder;
    leave(disk, status);

    for (size_t i = 0; i < count && each(context, entries[i].name, folders[i]); i++)
        continue;
    for (size_t i = 0; i < count; i++)
        free(entries[i].name);
    free(entries);
    free(folders);
    return WAGGLE_OK;
}

static void sim_describe(wg_vfs *vfs, const char *path, char *text, size_t capacity)
{
    (void)vfs;
    (void)path;
    snprintf(text, capacity, "simulated disk");
}

static const wg_vfs_ops sim_ops = {
    .name = "simulated",
    .open = sim_open,
    .close = sim_close,
    .size = sim_size,
    .read = sim_read,
    .write = sim_write,
    .sync = sim_sync,
    .truncate = sim_truncate,
    .allocate = sim_allocate,
    .map = sim_map,
    .unmap = sim_unmap,
    .rename = sim_rename,
    .unlink = sim_unlink,
    .link = sim_link,
    .make_dir = sim_make_dir,
    .remove_dir = sim_remove_dir,
    .list = sim_list,
    .sync_dir = sim_sync_dir,
    .lock = sim_lock,
    .describe = sim_describe,
};

// ---- Making, copying, looking -------------------------------------------------------------------

static sim_disk *disk_alloc(uint64_t seed)
{
    sim_disk *disk = sim_zeroed(sizeof(*disk));
    disk->base.ops = &sim_ops;
    disk->seed = seed;
    disk->space = UINT64_MAX;
    wg_mutex_init(&disk->guard);
    return disk;
}

wg_vfs *sim_disk_create(uint64_t seed)
{
    sim_disk *disk = disk_alloc(wg_hash64(seed + 1));
    disk->root = sim_node_create(disk, true);
    sim_node_add_reference(disk->root);
    return &disk->base;
}

static void forget_paths(sim_disk *disk)
{
    for (size_t i = 0; i < disk->path_count; i++)
        free(disk->paths[i]);
    free(disk->paths);
    disk->paths = NULL;
    disk->path_count = 0;
}

void sim_disk_destroy(wg_vfs *vfs)
{
    if (vfs == NULL) return;
    sim_disk *disk = disk_of(vfs);
    while (disk->handles != NULL)
        handle_destroy(disk, disk->handles);
    for (size_t i = 0; i < disk->change_count; i++)
        sim_change_drop(disk, &disk->changes[i]);
    sim_node_drop_reference(disk, disk->root);
    sim_collect_garbage(disk);
    WG_ASSERT(disk->first == NULL);
    forget_paths(disk);
    free(disk->changes);
    wg_mutex_finish(&disk->guard);
    free(disk);
}

wg_vfs *sim_disk_copy(const wg_vfs *vfs)
{
    sim_disk *disk = disk_of(vfs);
    sim_disk *copy = disk_alloc(disk->seed);
    wg_mutex_lock(&disk->guard);
    copy->space = disk->space;
    copy->life = disk->life;
    copy->failed_sync = disk->failed_sync;
    sim_store_copy(copy, disk);
    wg_mutex_unlock(&disk->guard);
    return &copy->base;
}

void sim_disk_crash(wg_vfs *vfs, uint64_t seed)
{
    sim_disk *disk = enter(vfs);
    sim_store_crash(disk, seed);
    disk->life++;
    disk->calls = 0;
    disk->stop_at = 0;
    disk->dead = false;
    leave(disk, WAGGLE_OK);
}

void sim_disk_stop_at(wg_vfs *vfs, uint64_t call)
{
    sim_disk *disk = enter(vfs);
    disk->stop_at = call;
    disk->dead = call != 0 && disk->calls >= call;
    leave(disk, WAGGLE_OK);
}

uint64_t sim_disk_calls(const wg_vfs *vfs)
{
    sim_disk *disk = disk_of(vfs);
    wg_mutex_lock(&disk->guard);
    uint64_t calls = disk->calls;
    wg_mutex_unlock(&disk->guard);
    return calls;
}

void sim_disk_fail(wg_vfs *vfs, sim_call call, uint64_t n, waggle_status status, bool persistent,
                   bool torn)
{
    WG_ASSERT((size_t)call < SIM_KINDS);
    sim_disk *disk = enter(vfs);
    disk->rules[call] = (sim_rule){n, status, persistent, torn};
    memset(disk->counts, 0, sizeof(disk->counts));
    leave(disk, WAGGLE_OK);
}

void sim_disk_failed_sync(wg_vfs *vfs, sim_failed_sync what)
{
    sim_disk *disk = enter(vfs);
    disk->failed_sync = what;
    leave(disk, WAGGLE_OK);
}

uint64_t sim_disk_failed(const wg_vfs *vfs)
{
    sim_disk *disk = disk_of(vfs);
    wg_mutex_lock(&disk->guard);
    uint64_t failed = disk->failed;
    wg_mutex_unlock(&disk->guard);
    return failed;
}

uint64_t sim_disk_count(const wg_vfs *vfs, sim_call call)
{
    sim_disk *disk = disk_of(vfs);
    wg_mutex_lock(&disk->guard);
    uint64_t count = disk->counts[call];
    wg_mutex_unlock(&disk->guard);
    return count;
}

void sim_disk_space(wg_vfs *vfs, uint64_t bytes)
{
    sim_disk *disk = enter(vfs);
    disk->space = bytes;
    leave(disk, WAGGLE_OK);
}

void sim_disk_flip(wg_vfs *vfs, const char *path, uint64_t bit)
{
    sim_disk *disk = enter(vfs);
    sim_node *file = sim_place_find(disk, path).node;
    WG_ASSERT(file != NULL && !file->folder && bit / 8 < file->size);
    uint64_t at = bit / 8;
    uint8_t mask = (uint8_t)(1u << bit % 8);
    file->data[at] ^= mask;
    for (size_t i = 0; i < file->undo_count; i++) {
        const sim_undo *undo = &file->undo[i];
        if (undo->sector != at / SIM_SECTOR || undo->slot == SIM_NO_BYTES) continue;
        file->saved[(size_t)undo->slot * SIM_SECTOR + at % SIM_SECTOR] ^= mask;
    }
    leave(disk, WAGGLE_OK);
}

typedef struct sim_path {
    char *path;
    sim_node *node;
} sim_path;

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const sim_path *)a)->path, ((const sim_path *)b)->path);
}

static char *path_within(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = sim_must(malloc(size));
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

// All paths in order; the list is its own queue of folders to search.
static sim_path *find_paths(const sim_disk *disk, size_t *count)
{
    size_t capacity = 0;
    sim_path *found = sim_grow(NULL, 0, &capacity, sizeof(*found));
    *count = 0;
    found[(*count)++] = (sim_path){sim_copy_text("", 0), disk->root};
    for (size_t i = 0; i < *count; i++) {
        const sim_table *names = &found[i].node->written; // a file has none
        for (size_t k = 0; k < names->count; k++) {
            char *path = path_within(found[i].path, names->entries[k].name);
            found = sim_grow(found, *count, &capacity, sizeof(*found));
            found[(*count)++] = (sim_path){path, names->entries[k].node};
        }
    }
    qsort(found, *count, sizeof(*found), compare_paths);
    return found;
}

size_t sim_disk_files(const wg_vfs *vfs)
{
    sim_disk *disk = disk_of(vfs);
    wg_mutex_lock(&disk->guard);
    size_t count;
    sim_path *found = find_paths(disk, &count);
    forget_paths(disk);
    disk->paths = sim_zeroed(count * sizeof(*disk->paths));
    for (size_t i = 0; i < count; i++) {
        if (found[i].node->folder) {
            free(found[i].path);
            continue;
        }
        disk->paths[disk->path_count++] = found[i].path;
    }
    free(found);
    size_t files = disk->path_count;
    wg_mutex_unlock(&disk->guard);
    return files;
}

const char *sim_disk_file(const wg_vfs *vfs, size_t index, uint64_t *size)
{
    sim_disk *disk = disk_of(vfs);
    wg_mutex_lock(&disk->guard);
    WG_ASSERT(index < disk->path_count); // of the last sim_disk_files
    const char *path = disk->paths[index];
    const sim_node *file = sim_place_find(disk, path).node;
    *size = file == NULL ? 0 : file->size;
    wg_mutex_unlock(&disk->guard);
    return path;
}
