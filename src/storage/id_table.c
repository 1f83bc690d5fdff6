// The id table of a head: open addressing with linear probing, 4 bytes a slot, ids kept elsewhere.
//
// At most 5/8 of the slots are used, so that an id that is not there takes 4 looks on average (Knuth,
// TAOCP 3, 6.4); a new table is at most half full, so an entry costs 6.4 to 16 bytes.
#include "storage/ids.h"

#include <string.h>

#define FREE 0u
#define REMOVED UINT32_MAX
#define CAPACITY_MIN 8u
#define CAPACITY_MAX (1u << 31)

void wg_id_table_init(wg_id_table *table, wg_heap *heap)
{
    *table = (wg_id_table){.heap = heap};
}

void wg_id_table_finish(wg_id_table *table)
{
    wg_free(table->slots);
    *table = (wg_id_table){.heap = table->heap};
}

static bool fits(uint64_t used, uint64_t capacity)
{
    return used * 8 <= capacity * 5;
}

static void insert_new(uint32_t *slots, uint32_t mask, uint64_t hash, uint32_t slot)
{
    uint32_t at = (uint32_t)hash & mask;
    while (slots[at] != FREE)
        at = (at + 1) & mask;
    slots[at] = slot + 1;
}

// A new table without the removed entries.
static bool rebuild(wg_id_table *table, uint32_t capacity, wg_id_of_fn id_of, const void *context)
{
    size_t size = 0;
    if (!wg_size_mul(capacity, sizeof(uint32_t), &size)) return false;
    uint32_t *slots = wg_alloc_zeroed(table->heap, WG_MEMORY_IDS, size);
    if (slots == NULL) return false;
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] == FREE || table->slots[i] == REMOVED) continue;
        waggle_id id;
        id_of(context, table->slots[i] - 1, &id);
        insert_new(slots, capacity - 1, wg_id_hash(&id), table->slots[i] - 1);
    }
    wg_free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    table->used = table->count;
    return true;
}

bool wg_id_table_reserve(wg_id_table *table, uint32_t more, wg_id_of_fn id_of, const void *context)
{
    if (fits((uint64_t)table->used + more, table->capacity)) return true;
    uint64_t wanted = (uint64_t)table->count + more;
    uint64_t capacity = CAPACITY_MIN;
    while (capacity < wanted * 2)
        capacity *= 2;
    return capacity <= CAPACITY_MAX && rebuild(table, (uint32_t)capacity, id_of, context);
}

// The place of an id, or UINT32_MAX; *vacant is then where it would be put.
static uint32_t locate(const wg_id_table *table, const waggle_id *id, wg_id_of_fn id_of,
                       const void *context, uint32_t *vacant)
{
    *vacant = UINT32_MAX;
    if (table->capacity == 0) return UINT32_MAX;
    uint32_t mask = table->capacity - 1;
    for (uint32_t at = (uint32_t)wg_id_hash(id) & mask;; at = (at + 1) & mask) {
        uint32_t entry = table->slots[at];
        if (entry == FREE || entry == REMOVED) {
            if (*vacant == UINT32_MAX) *vacant = at; // the first one that was removed is used again
            if (entry == FREE) return UINT32_MAX;
            continue;
        }
        waggle_id other;
        id_of(context, entry - 1, &other);
        if (wg_id_equal(&other, id)) return at;
    }
}

bool wg_id_table_find(const wg_id_table *table, const waggle_id *id, wg_id_of_fn id_of,
                      const void *context, uint32_t *slot)
{
    uint32_t vacant;
    uint32_t at = locate(table, id, id_of, context, &vacant);
    if (at == UINT32_MAX) return false;
    *slot = table->slots[at] - 1;
    return true;
}

void wg_id_table_put(wg_id_table *table, const waggle_id *id, uint32_t slot, wg_id_of_fn id_of,
                     const void *context, uint32_t *old)
{
    WG_ASSERT(slot < UINT32_MAX - 1);
    uint32_t vacant;
    uint32_t at = locate(table, id, id_of, context, &vacant);
    if (at != UINT32_MAX) {
        *old = table->slots[at] - 1;
        table->slots[at] = slot + 1;
        return;
    }
    WG_ASSERT(vacant != UINT32_MAX);
    if (table->slots[vacant] == FREE) {
        table->used++;
        WG_ASSERT(fits(table->used, table->capacity)); // room was reserved
    }
    table->slots[vacant] = slot + 1;
    table->count++;
    *old = UINT32_MAX;
}

bool wg_id_table_remove(wg_id_table *table, const waggle_id *id, wg_id_of_fn id_of,
                        const void *context, uint32_t *slot)
{
    uint32_t vacant;
    uint32_t at = locate(table, id, id_of, context, &vacant);
    if (at == UINT32_MAX) return false;
    *slot = table->slots[at] - 1;
    table->slots[at] = REMOVED;
    table->count--;
    return true;
}
