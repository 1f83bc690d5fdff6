// Files in memory, for databases without a directory. Nothing outlives the vfs, and sync does nothing.
//
// Names form a tree of nodes. A table over (folder, name) finds one, each folder also lists its own. A
// node is a folder or a name of a content; hard links are several names of one content. One mutex guards
// the names, the counts of who holds a content, and its locks; each content's bytes have a lock of their
// own, so that reading one file does not wait for writing another. The names' mutex nests outside.
//
// Bytes are contiguous, so that a mapping is the bytes themselves. A file that is mapped therefore does
// not grow; segments are complete when they are mapped.
#include "base/hash.h"
#include "base/memory.h"
#include "base/thread.h"
#include "base/vfs.h"

#include <stdio.h>
#include <string.h>

#define BUCKETS_FIRST 64u
#define CAPACITY_FIRST ((size_t)4096)

typedef struct memory_content {
    uint32_t names;    // that lead here
    uint32_t users;    // open files and mappings
    uint32_t mappings; // of the users
    uint32_t readers;  // shared locks
    bool writer;       // an exclusive lock
    wg_rwlock guard;   // of what follows
    uint8_t *data;
    size_t size;
    size_t capacity; // bytes from size on are zero
} memory_content;

typedef struct memory_node {
    struct memory_node *parent; // NULL: the root
    struct memory_node *first;  // child; folders only
    struct memory_node *next;   // sibling
    struct memory_node *previous;
    struct memory_node *chain; // of the bucket
    memory_content *content;   // NULL: a folder
    char *name;
    uint32_t users; // open files and mappings under this name
} memory_node;

typedef struct memory_vfs {
    wg_vfs base;
    wg_heap *heap;
    wg_mutex guard; // of everything below, and of what the contents say is guarded here
    memory_node root;
    memory_node **buckets;
    size_t bucket_count; // a power of two
    size_t node_count;
} memory_vfs;

typedef enum lock_kind {
    LOCK_NONE,
    LOCK_SHARED,
    LOCK_EXCLUSIVE,
} lock_kind;

typedef struct memory_file {
    wg_file base;
    memory_content *content;
    memory_node *node;
    bool writable;
    lock_kind lock;
} memory_file;

typedef struct memory_mapping {
    memory_content *content;
    memory_node *node;
} memory_mapping;

static const wg_vfs_ops memory_ops;

static memory_vfs *vfs_of(wg_vfs *vfs)
{
    return (memory_vfs *)vfs;
}

static memory_file *file_of(wg_file *file)
{
    return (memory_file *)file;
}

// ---- Contents -----------------------------------------------------------------------------------

static memory_content *content_create(memory_vfs *vfs)
{
    memory_content *created = wg_alloc_zeroed(vfs->heap, WG_MEMORY_OTHER, sizeof(*created));
    if (created != NULL) wg_rwlock_init(&created->guard);
    return created;
}

static void content_destroy(memory_vfs *vfs, memory_content *content)
{
    wg_pages_free(vfs->heap, WG_MEMORY_ROWS, content->data, content->capacity);
    wg_rwlock_finish(&content->guard);
    wg_free(content);
}

static void content_release(memory_vfs *vfs, memory_content *content)
{
    if (content->names == 0 && content->users == 0) content_destroy(vfs, content);
}

// Moves the bytes to a block of this capacity. Called with the content's lock held for writing.
static bool content_move(memory_vfs *vfs, memory_content *content, size_t capacity)
{
    uint8_t *data = NULL;
    if (capacity > 0) {
        data = wg_pages_alloc(vfs->heap, WG_MEMORY_ROWS, capacity); // zeroed
        if (data == NULL) return false;
        if (content->size > 0) memcpy(data, content->data, content->size);
    }
    wg_pages_free(vfs->heap, WG_MEMORY_ROWS, content->data, content->capacity);
    content->data = data;
    content->capacity = capacity;
    return true;
}

// A half more each time, so that appending copies each byte a bounded number of times.
static bool content_reserve(memory_vfs *vfs, memory_content *content, size_t size)
{
    if (size <= content->capacity) return true;
    WG_ASSERT(content->mappings == 0);
    size_t grown = content->capacity + content->capacity / 2;
    return content_move(vfs, content, WG_MAX(WG_MAX(size, grown), CAPACITY_FIRST));
}

// ---- Names --------------------------------------------------------------------------------------

typedef struct name_span {
    const char *data;
    size_t size;
} name_span;

// The next component of a path; size 0 at its end. "." is the folder itself.
static name_span next_name(const char **path)
{
    *path += strspn(*path, "/");
    while ((*path)[0] == '.' && ((*path)[1] == '/' || (*path)[1] == 0))
        *path += 1 + strspn(*path + 1, "/");
    name_span span = {*path, strcspn(*path, "/")};
    *path += span.size;
    return span;
}

static size_t bucket_of(const memory_vfs *vfs, const memory_node *parent, const char *name,
                        size_t size)
{
    uint64_t hash = wg_hash(name, size) ^ wg_hash64((uint64_t)(uintptr_t)parent);
    return (size_t)hash & (vfs->bucket_count - 1);
}

static memory_node *find_child(const memory_vfs *vfs, const memory_node *parent, name_span name)
{
    memory_node *at = vfs->buckets[bucket_of(vfs, parent, name.data, name.size)];
    for (; at != NULL; at = at->chain) {
        bool same = at->parent == parent && strncmp(at->name, name.data, name.size) == 0;
        if (same && at->name[name.size] == 0) return at;
    }
    return NULL;
}

// Where a path leads: the folder that holds or would hold it (NULL: there is none), its last name, and
// the node if it exists. "/" and "" are the root, which is its own place.
typedef struct place {
    memory_node *folder;
    name_span name;
    memory_node *node;
} place;

static place find_place(memory_vfs *vfs, const char *path)
{
    place found = {.node = &vfs->root};
    for (name_span name = next_name(&path); name.size > 0; name = next_name(&path)) {
        found.folder = found.node != NULL && found.node->content == NULL ? found.node : NULL;
        found.name = name;
        if (found.folder == NULL) return (place){0};
        found.node = find_child(vfs, found.folder, name);
    }
    return found;
}

// More buckets when there are more nodes than buckets. Without memory the chains just grow longer.
static void grow_buckets(memory_vfs *vfs)
{
    if (vfs->node_count < vfs->bucket_count) return;
    size_t count = vfs->bucket_count * 2;
    memory_node **buckets =
        wg_alloc_zeroed(vfs->heap, WG_MEMORY_OTHER, count * sizeof(memory_node *));
    if (buckets == NULL) return;
    memory_node **old = vfs->buckets;
    size_t old_count = vfs->bucket_count;
    vfs->buckets = buckets;
    vfs->bucket_count = count;
    for (size_t i = 0; i < old_count; i++) {
        for (memory_node *at = old[i], *chain; at != NULL; at = chain) {
            chain = at->chain;
            size_t bucket = bucket_of(vfs, at->parent, at->name, strlen(at->name));
            at->chain = buckets[bucket];
            buckets[bucket] = at;
        }
    }
    wg_free(old);
}

static void node_attach(memory_vfs *vfs, memory_node *child, memory_node *parent)
{
    size_t bucket = bucket_of(vfs, parent, child->name, strlen(child->name));
    child->parent = parent;
    child->chain = vfs->buckets[bucket];
    vfs->buckets[bucket] = child;
    child->previous = NULL;
    child->next = parent->first;
    if (child->next != NULL) child->next->previous = child;
    parent->first = child;
}

static void node_detach(memory_vfs *vfs, memory_node *child)
{
    size_t bucket = bucket_of(vfs, child->parent, child->name, strlen(child->name));
    memory_node **link = &vfs->buckets[bucket];
    while (*link != child)
        link = &(*link)->chain;
    *link = child->chain;
    if (child->previous != NULL)
        child->previous->next = child->next;
    else
        child->parent->first = child->next;
    if (child->next != NULL) child->next->previous = child->previous;
}

static char *copy_name(memory_vfs *vfs, name_span name)
{
    char *copy = wg_alloc(vfs->heap, WG_MEMORY_OTHER, name.size + 1);
    if (copy == NULL) return NULL;
    memcpy(copy, name.data, name.size);
    copy[name.size] = 0;
    return copy;
}

// A new name in a folder, for a content or (NULL) as a folder.
static memory_node *node_create(memory_vfs *vfs, const place *at, memory_content *content)
{
    memory_node *created = wg_alloc_zeroed(vfs->heap, WG_MEMORY_OTHER, sizeof(*created));
    char *name = created == NULL ? NULL : copy_name(vfs, at->name);
    if (name == NULL) {
        wg_free(created);
        return NULL;
    }
    created->name = name;
    created->content = content;
    if (content != NULL) content->names++;
    grow_buckets(vfs);
    node_attach(vfs, created, at->folder);
    vfs->node_count++;
    return created;
}

static void node_destroy(memory_vfs *vfs, memory_node *removed)
{
    memory_content *content = removed->content;
    node_detach(vfs, removed);
    vfs->node_count--;
    wg_free(removed->name);
    wg_free(removed);
    if (content == NULL) return;
    content->names--;
    content_release(vfs, content);
}

static waggle_status fail_path(waggle_error *error, waggle_status status, const char *call,
                               const char *path, const char *reason)
{
    return wg_fail(error, status, "%s %s: %s", call, path, reason);
}

static waggle_status fail_missing(waggle_error *error, const char *call, const char *path)
{
    return fail_path(error, WAGGLE_NOT_FOUND, call, path, "no such file or folder");
}

static waggle_status fail_no_memory(waggle_error *error, const char *call, const char *path)
{
    return fail_path(error, WAGGLE_OUT_OF_MEMORY, call, path, "out of memory");
}

// ---- Opening ------------------------------------------------------------------------------------

static waggle_status find_or_create(memory_vfs *vfs, const char *call, const char *path,
                                    wg_open_mode mode, memory_node **found, waggle_error *error)
{
    bool may_create = mode == WG_OPEN_CREATE || mode == WG_OPEN_NEW;
    place at = find_place(vfs, path);
    if (at.node != NULL && mode == WG_OPEN_NEW)
        return fail_path(error, WAGGLE_EXISTS, call, path, "exists");
    if (at.node != NULL && at.node->content == NULL)
        return fail_path(error, WAGGLE_IO, call, path, "is a folder");
    if (at.node == NULL && (!may_create || at.folder == NULL))
        return fail_missing(error, call, path);
    if (at.node == NULL) {
        memory_content *content = content_create(vfs);
        at.node = content == NULL ? NULL : node_create(vfs, &at, content);
        if (at.node == NULL && content != NULL) content_destroy(vfs, content);
        if (at.node == NULL) return fail_no_memory(error, call, path);
    }
    *found = at.node;
    return WAGGLE_OK;
}

static memory_file *file_create(memory_vfs *vfs, bool writable)
{
    memory_file *file = wg_alloc_zeroed(vfs->heap, WG_MEMORY_OTHER, sizeof(*file));
    if (file == NULL) return NULL;
    file->base.vfs = &vfs->base;
    file->writable = writable;
    return file;
}

static void file_attach(memory_file *file, memory_node *node)
{
    file->node = node;
    file->content = node->content;
    node->users++;
    node->content->users++;
}

static waggle_status memory_open(wg_vfs *base, const char *path, wg_open_mode mode, wg_file **file,
                                 waggle_error *error)
{
    memory_vfs *vfs = vfs_of(base);
    memory_file *opened = file_create(vfs, mode != WG_OPEN_READ);
    if (opened == NULL) return fail_no_memory(error, "open", path);

    memory_node *found = NULL;
    wg_mutex_lock(&vfs->guard);
    waggle_status status = find_or_create(vfs, "open", path, mode, &found, error);
    if (status == WAGGLE_OK) file_attach(opened, found);
    wg_mutex_unlock(&vfs->guard);
    if (status != WAGGLE_OK) {
        wg_free(opened);
        return status;
    }
    *file = &opened->base;
    return WAGGLE_OK;
}

static waggle_status take_lock(memory_file *file, memory_content *content, bool shared,
                               const char *path, waggle_error *error)
{
    if (content->writer || (content->readers > 0 && !shared))
        return fail_path(error, WAGGLE_LOCKED, "lock", path, "held by this process");
    content->writer = !shared;
    content->readers += shared ? 1 : 0;
    file->lock = shared ? LOCK_SHARED : LOCK_EXCLUSIVE;
    return WAGGLE_OK;
}

static waggle_status memory_lock(wg_vfs *base, const char *path, bool shared, wg_file **file,
                                 waggle_error *error)
{
    memory_vfs *vfs = vfs_of(base);
    memory_file *opened = file_create(vfs, true);
    if (opened == NULL) return fail_no_memory(error, "lock", path);

    memory_node *found = NULL;
    wg_mutex_lock(&vfs->guard);
    waggle_status status = find_or_create(vfs, "lock", path, WG_OPEN_CREATE, &found, error);
    if (status == WAGGLE_OK) status = take_lock(opened, found->content, shared, path, error);
    if (status == WAGGLE_OK) file_attach(opened, found);
    wg_mutex_unlock(&vfs->guard);
    if (status != WAGGLE_OK) {
        wg_free(opened);
        return status;
    }
    *file = &opened->base;
    return WAGGLE_OK;
}

static void memory_close(wg_file *base)
{
    memory_file *file = file_of(base);
    memory_vfs *vfs = vfs_of(base->vfs);
    wg_mutex_lock(&vfs->guard);
    if (file->lock == LOCK_EXCLUSIVE) file->content->writer = false;
    if (file->lock == LOCK_SHARED) file->content->readers--;
    file->node->users--;
    file->content->users--;
    content_release(vfs, file->content);
    wg_mutex_unlock(&vfs->guard);
    wg_free(file);
}

// ---- Reading and writing ------------------------------------------------------------------------

static waggle_status memory_size(wg_file *base, uint64_t *size, waggle_error *error)
{
    (void)error;
    memory_content *content = file_of(base)->content;
    wg_rwlock_read(&content->guard);
    *size = content->size;
    wg_rwlock_unlock(&content->guard);
    return WAGGLE_OK;
}

static waggle_status memory_read(wg_file *base, uint64_t offset, void *target, size_t size,
                                 size_t *got, waggle_error *error)
{
    (void)error;
    memory_content *content = file_of(base)->content;
    wg_rwlock_read(&content->guard);
    size_t count = 0;
    if (offset < content->size) count = WG_MIN(size, content->size - (size_t)offset);
    if (count > 0) memcpy(target, content->data + offset, count);
    wg_rwlock_unlock(&content->guard);
    *got = count;
    return WAGGLE_OK;
}

static waggle_status refuse_reader(const memory_file *file, const char *call, waggle_error *error)
{
    if (file->writable) return WAGGLE_OK;
    return fail_path(error, WAGGLE_IO, call, file->node->name, "opened for reading");
}

static waggle_status memory_write(wg_file *base, uint64_t offset, const wg_piece *pieces,
                                  size_t count, waggle_error *error)
{
    memory_file *file = file_of(base);
    waggle_status status = refuse_reader(file, "write", error);
    if (status != WAGGLE_OK) return status;

    size_t end = (size_t)offset; // the front checked the sum
    for (size_t i = 0; i < count; i++)
        end += pieces[i].size;
    if (end == offset) return WAGGLE_OK; // nothing is written, also not beyond the end

    memory_content *content = file->content;
    wg_rwlock_write(&content->guard);
    if (content_reserve(vfs_of(base->vfs), content, end)) {
        uint8_t *target = content->data + offset;
        for (size_t i = 0; i < count; i++) {
            if (pieces[i].size > 0) memcpy(target, pieces[i].data, pieces[i].size);
            target += pieces[i].size;
        }
        content->size = WG_MAX(content->size, end);
    } else {
        status = fail_no_memory(error, "write", file->node->name);
    }
    wg_rwlock_unlock(&content->guard);
    return status;
}

static waggle_status memory_sync(wg_file *base, waggle_error *error)
{
    (void)base;
    (void)error;
    return WAGGLE_OK;
}

static waggle_status resize(wg_file *base, const char *call, uint64_t size, bool may_shrink,
                            waggle_error *error)
{
    memory_file *file = file_of(base);
    waggle_status status = refuse_reader(file, call, error);
    if (status != WAGGLE_OK) return status;

    memory_content *content = file->content;
    wg_rwlock_write(&content->guard);
    if (size < content->size && may_shrink) {
        WG_ASSERT(content->mappings == 0);
        memset(content->data + size, 0, content->size - (size_t)size);
        content->size = (size_t)size;
    } else if (size > content->size) {
        // Exactly what is asked for: who says the size knows it.
        bool room = size <= content->capacity;
        if (!room) {
            WG_ASSERT(content->mappings == 0);
            room = content_move(vfs_of(base->vfs), content, (size_t)size);
        }
        if (room)
            content->size = (size_t)size;
        else
            status = fail_no_memory(error, call, file->node->name);
    }
    wg_rwlock_unlock(&content->guard);
    return status;
}

static waggle_status memory_truncate(wg_file *base, uint64_t size, waggle_error *error)
{
    return resize(base, "truncate", size, true, error);
}

static waggle_status memory_allocate(wg_file *base, uint64_t size, waggle_error *error)
{
    return resize(base, "allocate", size, false, error);
}

static const uint8_t empty_bytes[1];

static waggle_status memory_map(wg_file *base, wg_mapping *mapping, waggle_error *error)
{
    memory_file *file = file_of(base);
    memory_vfs *vfs = vfs_of(base->vfs);
    memory_content *content = file->content;
    memory_mapping *handle = wg_alloc(vfs->heap, WG_MEMORY_OTHER, sizeof(*handle));
    if (handle == NULL) return fail_no_memory(error, "map", file->node->name);
    *handle = (memory_mapping){content, file->node};

    wg_mutex_lock(&vfs->guard);
    wg_rwlock_write(&content->guard);
    // The file is complete: room that was kept for growing goes back, if the rest finds a place.
    if (content->mappings == 0 && content->capacity - content->size > content->size / 8)
        (void)content_move(vfs, content, content->size);
    content->mappings++;
    content->users++;
    file->node->users++;
    *mapping = (wg_mapping){.data = content->size == 0 ? empty_bytes : content->data,
                            .size = content->size,
                            .handle = handle};
    wg_rwlock_unlock(&content->guard);
    wg_mutex_unlock(&vfs->guard);
    return WAGGLE_OK;
}

static void memory_unmap(wg_vfs *base, wg_mapping *mapping)
{
    memory_vfs *vfs = vfs_of(base);
    memory_mapping *handle = mapping->handle;
    memory_content *content = handle->content;
    wg_mutex_lock(&vfs->guard);
    wg_rwlock_write(&content->guard);
    content->mappings--;
    wg_rwlock_unlock(&content->guard);
    content->users--;
    handle->node->users--;
    content_release(vfs, content);
    wg_mutex_unlock(&vfs->guard);
    wg_free(handle);
}

// ---- Names, from outside ------------------------------------------------------------------------

static waggle_status refuse_used(const memory_node *node, const char *call, const char *path,
                                 waggle_error *error)
{
    if (node->users == 0) return WAGGLE_OK;
    return fail_path(error, WAGGLE_IO, call, path, "is open or mapped");
}

static bool lies_within(const memory_node *inner, const memory_node *outer)
{
    for (; inner != NULL; inner = inner->parent)
        if (inner == outer) return true;
    return false;
}

// Whether the node at `to` may make room for the one at `from`.
static waggle_status check_rename(const place *from, const place *to, const char *path_from,
                                  const char *path_to, waggle_error *error)
{
    if (from->node == NULL || from->folder == NULL) return fail_missing(error, "rename", path_from);
    if (to->folder == NULL) return fail_missing(error, "rename", path_to);
    if (lies_within(to->folder, from->node))
        return fail_path(error, WAGGLE_IO, "rename", path_to, "is within what is renamed");
    waggle_status status = refuse_used(from->node, "rename", path_from, error);
    if (status != WAGGLE_OK || to->node == NULL) return status;
    bool folder = from->node->content == NULL;
    if (folder != (to->node->content == NULL) || to->node->first != NULL)
        return fail_path(error, WAGGLE_IO, "rename", path_to, "is in the way");
    return refuse_used(to->node, "rename", path_to, error);
}

static waggle_status memory_rename(wg_vfs *base, const char *from, const char *to,
                                   waggle_error *error)
{
    memory_vfs *vfs = vfs_of(base);
    wg_mutex_lock(&vfs->guard);
    place source = find_place(vfs, from);
    place target = find_place(vfs, to);
    waggle_status status = check_rename(&source, &target, from, to, error);
    bool same = source.node == target.node ||
                (target.node != NULL && source.node != NULL && source.node->content != NULL &&
                 source.node->content == target.node->content); // POSIX: then nothing happens
    if (status == WAGGLE_OK && !same) {
        char *name = copy_name(vfs, target.name);
        if (name == NULL) {
            status = fail_no_memory(error, "rename", from);
        } else {
            if (target.node != NULL) node_destroy(vfs, target.node);
            node_detach(vfs, source.node);
            wg_free(source.node->name);
            source.node->name = name;
            node_attach(vfs, source.node, target.folder);
        }
    }
    wg_mutex_unlock(&vfs->guard);
    return status;
}

static waggle_status memory_unlink(wg_vfs *base, const char *path, waggle_error *error)
{
    memory_vfs *vfs = vfs_of(base);
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&vfs->guard);
    memory_node *found = find_place(vfs, path).node;
    if (found == NULL)
        status = fail_missing(error, "unlink", path);
    else if (found->content == NULL)
        status = fail_path(error, WAGGLE_IO, "unlink", path, "is a folder");
    else
        status = refuse_used(found, "unlink", path, error);
    if (status == WAGGLE_OK) node_destroy(vfs, found);
    wg_mutex_unlock(&vfs->guard);
    return status;
}

static waggle_status memory_link(wg_vfs *base, const char *from, const char *to,
                                 waggle_error *error)
{
    memory_vfs *vfs = vfs_of(base);
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&vfs->guard);
    place source = find_place(vfs, from);
    place target = find_place(vfs, to);
    if (source.node == NULL)
        status = fail_missing(error, "link", from);
    else if (source.node->content == NULL)
        status = fail_path(error, WAGGLE_IO, "link", from, "is a folder");
    else if (target.node != NULL)
        status = fail_path(error, WAGGLE_EXISTS, "link", to, "exists");
    else if (target.folder == NULL)
        status = fail_missing(error, "link", to);
    else if (node_create(vfs, &target, source.node->content) == NULL)
        status = fail_no_memory(error, "link", to);
    wg_mutex_unlock(&vfs->guard);
    return status;
}

static waggle_status memory_make_dir(wg_vfs *base, const char *path, waggle_error *error)
{
    memory_vfs *vfs = vfs_of(base);
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&vfs->guard);
    place at = find_place(vfs, path);
    if (at.node != NULL && at.node->content != NULL)
        status = fail_path(error, WAGGLE_EXISTS, "make folder", path, "is a file");
    else if (at.node == NULL && at.folder == NULL)
        status = fail_missing(error, "make folder", path);
    else if (at.node == NULL && node_create(vfs, &at, NULL) == NULL)
        status = fail_no_memory(error, "make folder", path);
    wg_mutex_unlock(&vfs->guard);
    return status;
}

static waggle_status memory_remove_dir(wg_vfs *base, const char *path, waggle_error *error)
{
    memory_vfs *vfs = vfs_of(base);
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&vfs->guard);
    place at = find_place(vfs, path);
    if (at.node == NULL)
        status = fail_missing(error, "remove folder", path);
    else if (at.node->content != NULL)
        status = fail_path(error, WAGGLE_IO, "remove folder", path, "is a file");
    else if (at.node->first != NULL)
        status = fail_path(error, WAGGLE_IO, "remove folder", path, "is not empty");
    else if (at.node == &vfs->root)
        status = fail_path(error, WAGGLE_IO, "remove folder", path, "is the root");
    else
        node_destroy(vfs, at.node);
    wg_mutex_unlock(&vfs->guard);
    return status;
}

// One entry is a byte, 'd' or 'f', and the name with its NUL.
static bool copy_entries(const memory_node *folder, wg_buffer *entries)
{
    for (const memory_node *at = folder->first; at != NULL; at = at->next) {
        const char *kind = at->content == NULL ? "d" : "f";
        if (!wg_buffer_append(entries, kind, 1)) return false;
        if (!wg_buffer_append(entries, at->name, strlen(at->name) + 1)) return false;
    }
    return true;
}

// The names are copied first: `each` may create and remove.
static waggle_status memory_list(wg_vfs *base, const char *path, wg_list_fn each, void *context,
                                 waggle_error *error)
{
    memory_vfs *vfs = vfs_of(base);
    waggle_status status = WAGGLE_OK;
    wg_buffer entries;
    wg_buffer_init(&entries, vfs->heap, WG_MEMORY_SCRATCH);

    wg_mutex_lock(&vfs->guard);
    memory_node *folder = find_place(vfs, path).node;
    if (folder == NULL)
        status = fail_missing(error, "list", path);
    else if (folder->content != NULL)
        status = fail_path(error, WAGGLE_IO, "list", path, "is a file");
    else if (!copy_entries(folder, &entries))
        status = fail_no_memory(error, "list", path);
    wg_mutex_unlock(&vfs->guard);

    const char *at = (const char *)entries.data;
    size_t left = status == WAGGLE_OK ? entries.size : 0;
    while (left > 0 && each(context, at + 1, at[0] == 'd')) {
        size_t size = strlen(at) + 1;
        at += size;
        left -= size;
    }
    wg_buffer_finish(&entries);
    return status;
}

static waggle_status memory_sync_dir(wg_vfs *base, const char *path, waggle_error *error)
{
    memory_vfs *vfs = vfs_of(base);
    wg_mutex_lock(&vfs->guard);
    memory_node *folder = find_place(vfs, path).node;
    bool found = folder != NULL && folder->content == NULL;
    wg_mutex_unlock(&vfs->guard);
    return found ? WAGGLE_OK : fail_missing(error, "sync folder", path);
}

static void memory_describe(wg_vfs *vfs, const char *path, char *text, size_t capacity)
{
    (void)vfs;
    (void)path;
    snprintf(text, capacity, "memory");
}

static const wg_vfs_ops memory_ops = {
    .name = "memory",
    .open = memory_open,
    .close = memory_close,
    .size = memory_size,
    .read = memory_read,
    .write = memory_write,
    .sync = memory_sync,
    .truncate = memory_truncate,
    .allocate = memory_allocate,
    .map = memory_map,
    .unmap = memory_unmap,
    .rename = memory_rename,
    .unlink = memory_unlink,
    .link = memory_link,
    .make_dir = memory_make_dir,
    .remove_dir = memory_remove_dir,
    .list = memory_list,
    .sync_dir = memory_sync_dir,
    .lock = memory_lock,
    .describe = memory_describe,
};

wg_vfs *wg_vfs_memory_create(struct wg_heap *heap)
{
    memory_vfs *vfs = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, sizeof(*vfs));
    if (vfs == NULL) return NULL;
    vfs->buckets = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, BUCKETS_FIRST * sizeof(memory_node *));
    if (vfs->buckets == NULL) {
        wg_free(vfs);
        return NULL;
    }
    vfs->base.ops = &memory_ops;
    vfs->heap = heap;
    vfs->bucket_count = BUCKETS_FIRST;
    wg_mutex_init(&vfs->guard);
    return &vfs->base;
}

void wg_vfs_memory_destroy(wg_vfs *base)
{
    if (base == NULL) return;
    memory_vfs *vfs = vfs_of(base);
    for (memory_node *at = vfs->root.first; at != NULL; at = vfs->root.first) {
        while (at->first != NULL) // down to a node without children, without recursion
            at = at->first;
        WG_ASSERT(at->users == 0);
        node_destroy(vfs, at);
    }
    wg_free(vfs->buckets);
    wg_mutex_finish(&vfs->guard);
    wg_free(vfs);
}
