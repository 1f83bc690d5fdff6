#include "engine/head.h"

#include <string.h>

#define FIRST_CHUNK_SLOTS 4u  // a tiny collection needs no more
#define SMALL_CHUNK_SLOTS 64u // below, the chunk is replaced by one of twice the size
#define ARENA_GROWTH 8u       // an eighth of what points take may be unused

void wg_point_id(const wg_point *point, waggle_id *id)
{
    waggle_error error;
    waggle_status status = wg_id_decode(point->bytes, point->id_size, id, &error);
    WG_ASSERT(status == WAGGLE_OK); // encoded by us
}

int wg_point_compare(const wg_point *a, const wg_point *b)
{
    int order = memcmp(a->bytes, b->bytes, WG_MIN(a->id_size, b->id_size));
    if (order != 0) return order;
    return (a->id_size > b->id_size) - (a->id_size < b->id_size);
}

// ---- Chunks --------------------------------------------------------------------------------------

// The arrays of a chunk have slot_size bytes for each of its slots.
static void column_release(const wg_head *head, const wg_chunk *chunk, void *memory,
                           size_t slot_size)
{
    wg_pages_release(head->heap, WG_MEMORY_ROWS, memory, chunk->capacity * slot_size,
                     chunk->used * slot_size);
}

static void chunk_destroy(const wg_head *head, wg_chunk *chunk)
{
    if (chunk == NULL) return;
    for (uint32_t i = 0; i < head->spec->count; i++) {
        column_release(head, chunk, chunk->columns[i].rows, head->spec->fields[i].stride);
        column_release(head, chunk, chunk->columns[i].norms, sizeof(float));
    }
    column_release(head, chunk, (void *)(uintptr_t)chunk->points, sizeof chunk->points[0]);
    wg_free(chunk);
}

static void *column_reserve(const wg_head *head, uint32_t capacity, size_t slot_size)
{
    return wg_pages_reserve(head->heap, WG_MEMORY_ROWS, capacity * slot_size);
}

static wg_chunk *chunk_create(const wg_head *head, uint32_t first, uint32_t capacity)
{
    const wg_spec *spec = head->spec;
    wg_chunk *chunk = wg_alloc_zeroed(head->heap, WG_MEMORY_ROWS,
                                      sizeof *chunk + spec->count * sizeof chunk->columns[0]);
    if (chunk == NULL) return NULL;
    chunk->first = first;
    chunk->capacity = capacity;
    chunk->points = column_reserve(head, capacity, sizeof chunk->points[0]);
    bool ok = chunk->points != NULL;
    for (uint32_t i = 0; ok && i < spec->count; i++) {
        const wg_vector_field *field = &spec->fields[i];
        chunk->columns[i].rows = column_reserve(head, capacity, field->stride);
        ok = chunk->columns[i].rows != NULL;
        if (ok && field->keeps_norm) {
            chunk->columns[i].norms = column_reserve(head, capacity, sizeof(float));
            ok = chunk->columns[i].norms != NULL;
        }
    }
    if (ok) return chunk;
    chunk_destroy(head, chunk);
    return NULL;
}

static void column_use(const wg_head *head, const wg_chunk *chunk, uint32_t used, void *memory,
                       size_t slot_size)
{
    if (memory == NULL) return;
    wg_pages_use(head->heap, WG_MEMORY_ROWS, memory, chunk->capacity * slot_size,
                 chunk->used * slot_size, used * slot_size);
}

// The first `used` slots of a chunk take memory from now on.
static void chunk_use(const wg_head *head, wg_chunk *chunk, uint32_t used)
{
    for (uint32_t i = 0; i < head->spec->count; i++) {
        column_use(head, chunk, used, chunk->columns[i].rows, head->spec->fields[i].stride);
        column_use(head, chunk, used, chunk->columns[i].norms, sizeof(float));
    }
    column_use(head, chunk, used, (void *)(uintptr_t)chunk->points, sizeof chunk->points[0]);
    chunk->used = used;
}

static void chunk_copy(const wg_head *head, wg_chunk *target, const wg_chunk *source)
{
    chunk_use(head, target, source->used);
    for (uint32_t i = 0; i < source->used; i++)
        atomic_store_explicit(&target->points[i],
                              atomic_load_explicit(&source->points[i], memory_order_relaxed),
                              memory_order_relaxed); // published with the list of chunks
    for (uint32_t i = 0; i < head->spec->count; i++) {
        const wg_chunk_column *from = &source->columns[i];
        memcpy(target->columns[i].rows, from->rows, source->used * head->spec->fields[i].stride);
        if (from->norms != NULL)
            memcpy(target->columns[i].norms, from->norms, source->used * sizeof(float));
    }
}

// Slots of the next chunk: as many as there are, so that chunks double, within the limits.
static uint32_t chunk_slots(const wg_head *head)
{
    size_t row = head->spec->row_size;
    size_t slots = WG_CHUNK_SIZE_MAX / row / 64 * 64;
    slots = WG_MIN(slots, WG_CHUNK_SLOTS_MAX);
    slots = WG_MIN(slots, (size_t)head->capacity);
    return (uint32_t)WG_MAX(slots, 64u);
}

// Publishes a new version of the list: the chunks of the old one, `chunk` in place of or behind the last.
static bool list_replace(wg_head *head, wg_chunk *chunk, bool replace_last)
{
    uint32_t count = head->chunks == NULL ? 0 : head->chunks->count;
    uint32_t kept = replace_last ? count - 1 : count;
    wg_chunks *list =
        wg_alloc(head->heap, WG_MEMORY_ROWS, sizeof *list + (kept + 1) * sizeof list->chunks[0]);
    if (list == NULL) return false;
    list->retired = NULL;
    list->count = kept + 1;
    for (uint32_t i = 0; i < kept; i++)
        list->chunks[i] = head->chunks->chunks[i];
    list->chunks[kept] = chunk;
    if (replace_last) {
        wg_chunk *old = head->chunks->chunks[kept];
        old->retired = head->retired_chunks;
        head->retired_chunks = old;
    }
    if (head->chunks != NULL) {
        head->chunks->retired = head->retired_lists;
        head->retired_lists = head->chunks;
    }
    head->chunks = list;
    return true;
}

// One more chunk, or a larger one instead of the first small one.
static bool chunks_grow(wg_head *head)
{
    bool replace = head->capacity > 0 && head->capacity < SMALL_CHUNK_SLOTS;
    uint32_t capacity = chunk_slots(head);
    if (head->capacity == 0) capacity = FIRST_CHUNK_SLOTS;
    if (replace) capacity = head->capacity * 2;
    wg_chunk *chunk = chunk_create(head, replace ? 0 : head->capacity, capacity);
    if (chunk == NULL) return false;
    if (replace) chunk_copy(head, chunk, head->chunks->chunks[0]);
    if (!list_replace(head, chunk, replace)) {
        chunk_destroy(head, chunk);
        return false;
    }
    head->capacity = chunk->first + chunk->capacity;
    return true;
}

// Takes memory for slots below end.
static void slots_use(wg_head *head, uint32_t end)
{
    size_t slot_size = head->spec->row_size + sizeof(wg_point *) + sizeof(float);
    while (head->ready < end) {
        wg_chunk *chunk = wg_chunk_of(head->chunks, head->ready);
        uint32_t to = WG_MIN(end, chunk->first + chunk->capacity);
        chunk_use(head, chunk, to - chunk->first);
        head->bytes += (to - head->ready) * slot_size;
        head->ready = to;
    }
}

wg_chunk *wg_chunk_of(const wg_chunks *chunks, uint32_t slot)
{
    uint32_t low = 0;
    uint32_t high = chunks->count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (chunks->chunks[middle]->first <= slot)
            low = middle;
        else
            high = middle;
    }
    return chunks->chunks[low];
}

// ---- The head ------------------------------------------------------------------------------------

wg_head *wg_head_create(wg_heap *heap, const wg_spec *spec)
{
    wg_head *head = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, sizeof *head);
    if (head == NULL) return NULL;
    atomic_init(&head->references, 1);
    head->heap = heap;
    head->spec = spec;
    wg_id_table_init(&head->ids, heap);
    wg_arena_init(&head->arena, heap, WG_MEMORY_PAYLOAD, 512);
    head->arena.growth = ARENA_GROWTH;
    return head;
}

wg_head *wg_head_retain(wg_head *head)
{
    atomic_fetch_add_explicit(&head->references, 1, memory_order_relaxed);
    return head;
}

void wg_head_release(wg_head *head)
{
    // Acquire-release: what other holders did happens before the memory goes.
    if (head == NULL || atomic_fetch_sub_explicit(&head->references, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; head->chunks != NULL && i < head->chunks->count; i++)
        chunk_destroy(head, head->chunks->chunks[i]);
    for (wg_chunk *chunk = head->retired_chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->retired;
        chunk_destroy(head, chunk);
    }
    for (wg_chunks *list = head->retired_lists, *next; list != NULL; list = next) {
        next = list->retired;
        wg_free(list);
    }
    wg_free(head->chunks);
    wg_id_table_finish(&head->ids);
    wg_arena_finish(&head->arena);
    wg_free(head);
}

static void id_of(const void *context, uint32_t slot, waggle_id *id)
{
    const wg_head *head = context;
    wg_point_id(wg_head_point_get(head, slot), id);
}

waggle_status wg_head_reserve(wg_head *head, uint32_t more, waggle_error *error)
{
    if (more > WG_HEAD_SLOTS_MAX - head->slots)
        return wg_fail(error, WAGGLE_BUDGET, "the head has %u rows; the most is %u", head->slots,
                       WG_HEAD_SLOTS_MAX);
    while (head->capacity - head->slots < more)
        if (!chunks_grow(head))
            return wg_fail_memory(error, head->spec->row_size * more, "rows of the head");
    if (!wg_id_table_reserve(&head->ids, more, id_of, head))
        return wg_fail_memory(error, more * sizeof(uint32_t), "the id table");
    slots_use(head, head->slots + more);
    return WAGGLE_OK;
}

wg_point *wg_head_point(wg_head *head, const waggle_id *id, uint64_t version, waggle_text payload,
                        uint16_t absent)
{
    uint8_t encoded[WG_ID_ENCODED_MAX];
    size_t id_size = wg_id_encode(id, encoded);
    size_t payload_size = payload.data == NULL ? 0 : payload.size;
    size_t size = sizeof(wg_point) + id_size + payload_size;
    wg_point *point = wg_arena_alloc(&head->arena, size, 8);
    if (point == NULL) return NULL;
    *point = (wg_point){.version = version,
                        .payload_size =
                            payload.data == NULL ? WG_PAYLOAD_ABSENT : (uint32_t)payload_size,
                        .absent = absent,
                        .id_size = (uint16_t)id_size};
    memcpy(point->bytes, encoded, id_size);
    if (payload_size > 0) memcpy(point->bytes + id_size, payload.data, payload_size);
    head->bytes += size;
    return point;
}

void wg_head_point_set(wg_head *head, uint32_t slot, const wg_point *point)
{
    wg_chunk *chunk = wg_chunk_of(head->chunks, slot);
    // Release pairs with the acquire of wg_chunk_point.
    atomic_store_explicit(&chunk->points[slot - chunk->first], point, memory_order_release);
}

const wg_point *wg_head_point_get(const wg_head *head, uint32_t slot)
{
    return wg_chunk_point(wg_chunk_of(head->chunks, slot), slot);
}

bool wg_head_find(const wg_head *head, const waggle_id *id, uint32_t *slot)
{
    return wg_id_table_find(&head->ids, id, id_of, head, slot);
}

void wg_head_put(wg_head *head, const waggle_id *id, uint32_t slot, uint32_t *old)
{
    wg_id_table_put(&head->ids, id, slot, id_of, head, old);
}

bool wg_head_remove(wg_head *head, const waggle_id *id)
{
    uint32_t slot;
    return wg_id_table_remove(&head->ids, id, id_of, head, &slot);
}
