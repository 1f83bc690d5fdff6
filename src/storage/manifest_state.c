// A change as bytes: u8 kind, u32 collection (0 for those of the whole database), and
//   COLLECTION_PUT      u64 sequence, u32 size and bytes of the name, u32 size and bytes of the spec
//   COLLECTION_DROP     nothing
//   APPLIED, DURABLE, CATALOG_APPLIED   u64 sequence
//   PART_ADD, PART_SIDE u64 file, u32 owner, u32 part, u64 rows, sequence, bytes, deletes, overlay
//   PART_DROP           u64 file, u32 part
#include "storage/manifest_state.h"

void wg_manifest_state_init(wg_manifest_state *state, wg_heap *heap)
{
    *state = (wg_manifest_state){.heap = heap, .collection_next = 1, .file_next = 1};
}

static void entry_destroy(wg_collection_entry *entry)
{
    if (entry != NULL) wg_free(entry->parts);
    wg_free(entry); // name and spec lie behind it
}

void wg_manifest_state_finish(wg_manifest_state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        entry_destroy(state->entries[i]);
    }
    wg_free(state->entries);
    *state = (wg_manifest_state){0};
}

// One block per collection: the entry, its name, its spec.
static wg_collection_entry *entry_create(wg_heap *heap, uint32_t id, const char *name,
                                         size_t name_size, const void *spec, size_t spec_size)
{
    size_t size = sizeof(wg_collection_entry) + name_size + 1 + spec_size;
    wg_collection_entry *entry = wg_alloc(heap, WG_MEMORY_OTHER, size);
    if (entry == NULL) return NULL;
    char *text = (char *)(entry + 1);
    *entry = (wg_collection_entry){
        .id = id,
        .name = text,
        .spec = (uint8_t *)text + name_size + 1,
        .spec_size = spec_size,
    };
    if (name_size > 0) memcpy(entry->name, name, name_size);
    entry->name[name_size] = '\0';
    if (spec_size > 0) memcpy(entry->spec, spec, spec_size);
    return entry;
}

// The place of an id, or where it would be inserted.
static size_t place_of(const wg_manifest_state *state, uint32_t id)
{
    size_t low = 0;
    size_t high = state->count;
    if (high > 0 && state->entries[high - 1]->id < id) return high; // the usual: a new one
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (state->entries[middle]->id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

wg_collection_entry *wg_manifest_state_find(const wg_manifest_state *state, uint32_t id)
{
    size_t place = place_of(state, id);
    if (place == state->count || state->entries[place]->id != id) return NULL;
    return state->entries[place];
}

static bool reserve(wg_manifest_state *state)
{
    if (state->count < state->capacity) return true;
    size_t capacity = 2 * state->capacity + 16;
    wg_collection_entry **entries = wg_realloc(state->heap, WG_MEMORY_OTHER, state->entries,
                                               capacity * sizeof(wg_collection_entry *));
    if (entries == NULL) return false;
    state->entries = entries;
    state->capacity = capacity;
    return true;
}

static void insert(wg_manifest_state *state, wg_collection_entry *entry)
{
    WG_ASSERT(state->count < state->capacity);
    size_t place = place_of(state, entry->id);
    memmove(state->entries + place + 1, state->entries + place,
            (state->count - place) * sizeof(wg_collection_entry *));
    state->entries[place] = entry;
    state->count++;
}

static void drop(wg_manifest_state *state, uint32_t id)
{
    size_t place = place_of(state, id);
    entry_destroy(state->entries[place]);
    state->count--;
    memmove(state->entries + place, state->entries + place + 1,
            (state->count - place) * sizeof(wg_collection_entry *));
}

// ---- Changes.

static waggle_status put(wg_manifest_state *state, const wg_change *change, size_t name_size,
                         waggle_error *error)
{
    if (change->collection == 0 || change->collection == UINT32_MAX || name_size == 0 ||
        name_size > WG_MANIFEST_NAME_MAX || change->spec_size > WG_MANIFEST_SPEC_MAX) {
        return wg_fail(error, WAGGLE_INVALID,
                       "collection %" PRIu32
                       " with a name of %zu and a spec of %zu bytes; the most "
                       "is %u and %u",
                       change->collection, name_size, change->spec_size, WG_MANIFEST_NAME_MAX,
                       WG_MANIFEST_SPEC_MAX);
    }
    if (memchr(change->name, '\0', name_size) != NULL) {
        return wg_fail(error, WAGGLE_INVALID,
                       "the name of collection %" PRIu32 " holds a zero byte", change->collection);
    }
    if (!reserve(state)) return wg_fail_memory(error, sizeof(void *), "the table of collections");
    wg_collection_entry *entry = entry_create(state->heap, change->collection, change->name,
                                              name_size, change->spec, change->spec_size);
    if (entry == NULL) {
        return wg_fail_memory(error, sizeof(*entry) + name_size + change->spec_size,
                              "a collection");
    }
    wg_collection_entry *old = wg_manifest_state_find(state, change->collection);
    if (old == NULL) {
        entry->created = change->sequence;
        entry->applied = change->sequence;
        insert(state, entry);
    } else {
        entry->created = old->created;
        entry->applied = old->applied;
        entry->parts = old->parts; // moved
        entry->part_count = old->part_count;
        entry->part_capacity = old->part_capacity;
        old->parts = NULL;
        state->entries[place_of(state, change->collection)] = entry;
        entry_destroy(old);
    }
    state->collection_next = WG_MAX(state->collection_next, change->collection + 1);
    return WAGGLE_OK;
}

static uint32_t part_find(const wg_collection_entry *entry, uint64_t file, uint32_t part)
{
    uint32_t i = 0;
    while (i < entry->part_count &&
           (entry->parts[i].file != file || entry->parts[i].part != part)) {
        i++;
    }
    return i;
}

// Parts are kept oldest first, by the newest write they hold.
static waggle_status part_add(wg_manifest_state *state, wg_collection_entry *entry,
                              const wg_part_entry *part, waggle_error *error)
{
    if (entry->part_count == entry->part_capacity) {
        uint32_t capacity = entry->part_capacity + entry->part_capacity / 2 + 1;
        size_t size = capacity * sizeof(wg_part_entry);
        wg_part_entry *parts = wg_realloc(state->heap, WG_MEMORY_OTHER, entry->parts, size);
        if (parts == NULL) return wg_fail_memory(error, size, "the parts of a collection");
        entry->parts = parts;
        entry->part_capacity = capacity;
    }
    uint32_t at = entry->part_count;
    while (at > 0 && entry->parts[at - 1].sequence > part->sequence) {
        entry->parts[at] = entry->parts[at - 1];
        at--;
    }
    entry->parts[at] = *part;
    entry->part_count++;
    state->file_next = WG_MAX(state->file_next, part->file + 1);
    return WAGGLE_OK;
}

static waggle_status part_change(wg_manifest_state *state, wg_collection_entry *entry,
                                 const wg_change *change, waggle_error *error)
{
    uint32_t at = part_find(entry, change->part.file, change->part.part);
    bool there = at < entry->part_count;
    if (there == (change->kind == WG_CHANGE_PART_ADD) || change->part.file == UINT64_MAX) {
        return wg_fail(error, WAGGLE_INVALID,
                       "collection %" PRIu32 ": part %" PRIu32 " of file %" PRIu64 " is %s",
                       change->collection, change->part.part, change->part.file,
                       there ? "already there" : "not there");
    }
    if (change->kind == WG_CHANGE_PART_ADD) return part_add(state, entry, &change->part, error);
    if (change->kind == WG_CHANGE_PART_SIDE) {
        entry->parts[at].deletes = change->part.deletes;
        entry->parts[at].overlay = change->part.overlay;
        return WAGGLE_OK;
    }
    entry->part_count--;
    memmove(entry->parts + at, entry->parts + at + 1,
            (entry->part_count - at) * sizeof(wg_part_entry));
    return WAGGLE_OK;
}

waggle_status wg_manifest_state_apply_sized(wg_manifest_state *state, const wg_change *change,
                                            size_t name_size, waggle_error *error)
{
    switch (change->kind) {
    case WG_CHANGE_COLLECTION_PUT: return put(state, change, name_size, error);
    case WG_CHANGE_DURABLE:
        state->durable = WG_MAX(state->durable, change->sequence);
        return WAGGLE_OK;
    case WG_CHANGE_CATALOG_APPLIED:
        state->catalog_applied = WG_MAX(state->catalog_applied, change->sequence);
        return WAGGLE_OK;
    case WG_CHANGE_COLLECTION_DROP:
    case WG_CHANGE_APPLIED:
    case WG_CHANGE_PART_ADD:
    case WG_CHANGE_PART_DROP:
    case WG_CHANGE_PART_SIDE: break;
    }
    wg_collection_entry *entry = wg_manifest_state_find(state, change->collection);
    if (entry == NULL) {
        return wg_fail(error, WAGGLE_INVALID,
                       "a change of kind %d to collection %" PRIu32 ", which is not there",
                       (int)change->kind, change->collection);
    }
    if (change->kind == WG_CHANGE_COLLECTION_DROP) {
        drop(state, change->collection);
    } else if (change->kind == WG_CHANGE_APPLIED) {
        entry->applied = WG_MAX(entry->applied, change->sequence);
    } else {
        return part_change(state, entry, change, error);
    }
    return WAGGLE_OK;
}

waggle_status wg_manifest_state_apply(wg_manifest_state *state, const wg_change *change,
                                      waggle_error *error)
{
    size_t name_size = change->name == NULL ? 0 : strlen(change->name);
    return wg_manifest_state_apply_sized(state, change, name_size, error);
}

// ---- Undoing.

waggle_status wg_manifest_undo_init(wg_manifest_undo *undo, const wg_manifest_state *state,
                                    uint32_t id, waggle_error *error)
{
    *undo = (wg_manifest_undo){0}; // after a failure there is nothing to put back
    const wg_collection_entry *entry = wg_manifest_state_find(state, id);
    if (entry == NULL) {
        undo->id = id;
        return WAGGLE_OK;
    }
    wg_collection_entry *copy = entry_create(state->heap, id, entry->name, strlen(entry->name),
                                             entry->spec, entry->spec_size);
    if (copy == NULL) return wg_fail_memory(error, sizeof(*copy), "a collection");
    copy->created = entry->created;
    copy->applied = entry->applied;
    if (entry->part_count > 0) {
        size_t size = entry->part_count * sizeof(wg_part_entry);
        copy->parts = wg_alloc(state->heap, WG_MEMORY_OTHER, size);
        if (copy->parts == NULL) {
            entry_destroy(copy);
            return wg_fail_memory(error, size, "the parts of a collection");
        }
        memcpy(copy->parts, entry->parts, size);
        copy->part_count = entry->part_count;
        copy->part_capacity = entry->part_count;
    }
    *undo = (wg_manifest_undo){.id = id, .entry = copy};
    return WAGGLE_OK;
}

void wg_manifest_undo_apply(wg_manifest_undo *undo, wg_manifest_state *state)
{
    if (wg_manifest_state_find(state, undo->id) != NULL) drop(state, undo->id);
    if (undo->entry != NULL) insert(state, undo->entry); // it was there: the table has room
    undo->entry = NULL;                                  // moved
}

void wg_manifest_undo_finish(wg_manifest_undo *undo)
{
    entry_destroy(undo->entry);
    *undo = (wg_manifest_undo){0};
}

// ---- Bytes.

static bool add32(wg_buffer *buffer, uint32_t value)
{
    uint8_t bytes[4];
    wg_put32(bytes, value);
    return wg_buffer_append(buffer, bytes, sizeof(bytes));
}

static bool add64(wg_buffer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    wg_put64(bytes, value);
    return wg_buffer_append(buffer, bytes, sizeof(bytes));
}

static bool add_sized(wg_buffer *buffer, const void *data, size_t size)
{
    return add32(buffer, (uint32_t)size) && (size == 0 || wg_buffer_append(buffer, data, size));
}

static bool add_part(wg_buffer *buffer, const wg_part_entry *part)
{
    return add64(buffer, part->file) && add32(buffer, part->owner) && add32(buffer, part->part) &&
           add64(buffer, part->rows) && add64(buffer, part->sequence) &&
           add64(buffer, part->bytes) && add64(buffer, part->deletes) &&
           add64(buffer, part->overlay);
}

bool wg_change_encode(wg_buffer *buffer, const wg_change *change)
{
    uint8_t kind = (uint8_t)change->kind;
    if (!wg_buffer_append(buffer, &kind, 1) || !add32(buffer, change->collection)) return false;
    switch (change->kind) {
    case WG_CHANGE_COLLECTION_PUT:
        return add64(buffer, change->sequence) &&
               add_sized(buffer, change->name, strlen(change->name)) &&
               add_sized(buffer, change->spec, change->spec_size);
    case WG_CHANGE_COLLECTION_DROP: return true;
    case WG_CHANGE_APPLIED:
    case WG_CHANGE_DURABLE:
    case WG_CHANGE_CATALOG_APPLIED: return add64(buffer, change->sequence);
    case WG_CHANGE_PART_ADD:
    case WG_CHANGE_PART_SIDE: return add_part(buffer, &change->part);
    case WG_CHANGE_PART_DROP:
        return add64(buffer, change->part.file) && add32(buffer, change->part.part);
    }
    return false;
}

bool wg_collection_encode(wg_buffer *buffer, const wg_collection_entry *entry)
{
    wg_change change = {
        .kind = WG_CHANGE_COLLECTION_PUT,
        .collection = entry->id,
        .sequence = entry->created,
        .name = entry->name,
        .spec = entry->spec,
        .spec_size = entry->spec_size,
    };
    if (!wg_change_encode(buffer, &change)) return false;
    change.kind = WG_CHANGE_APPLIED;
    change.sequence = entry->applied;
    if (!wg_change_encode(buffer, &change)) return false;
    change.kind = WG_CHANGE_PART_ADD;
    for (uint32_t i = 0; i < entry->part_count; i++) {
        change.part = entry->parts[i];
        if (!wg_change_encode(buffer, &change)) return false;
    }
    return true;
}

size_t wg_collection_encoded_size(const wg_collection_entry *entry)
{
    size_t put_size = 5 + 8 + 4 + strlen(entry->name) + 4 + entry->spec_size;
    return put_size + (5 + 8) + entry->part_count * (size_t)(5 + 56);
}

static void read_part(wg_reader *reader, wg_part_entry *part)
{
    part->file = wg_read64(reader);
    part->owner = wg_read32(reader);
    part->part = wg_read32(reader);
    part->rows = wg_read64(reader);
    part->sequence = wg_read64(reader);
    part->bytes = wg_read64(reader);
    part->deletes = wg_read64(reader);
    part->overlay = wg_read64(reader);
}

bool wg_change_decode(wg_reader *reader, wg_change *change, size_t *name_size)
{
    uint8_t kind = wg_read8(reader);
    *change = (wg_change){.collection = wg_read32(reader)};
    *name_size = 0;
    if (kind < WG_CHANGE_COLLECTION_PUT || kind > WG_CHANGE_CATALOG_APPLIED) return false;
    change->kind = (wg_change_kind)kind;
    switch (change->kind) {
    case WG_CHANGE_COLLECTION_PUT:
        change->sequence = wg_read64(reader);
        *name_size = wg_read32(reader);
        change->name = wg_read_bytes(reader, *name_size);
        change->spec_size = wg_read32(reader);
        change->spec = wg_read_bytes(reader, change->spec_size);
        break;
    case WG_CHANGE_COLLECTION_DROP: break;
    case WG_CHANGE_APPLIED:
    case WG_CHANGE_DURABLE:
    case WG_CHANGE_CATALOG_APPLIED: change->sequence = wg_read64(reader); break;
    case WG_CHANGE_PART_ADD:
    case WG_CHANGE_PART_SIDE: read_part(reader, &change->part); break;
    case WG_CHANGE_PART_DROP:
        change->part.file = wg_read64(reader);
        change->part.part = wg_read32(reader);
        break;
    }
    return !reader->failed;
}
