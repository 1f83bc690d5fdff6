#include "engine/engine.h"

_Static_assert(WG_MASK_BITS == WG_MASK_PAGE_BITS, "masks go to devices as they are");

// One block: the state, its views, and the masks of its heads.
static wg_state *state_alloc(wg_heap *heap, uint32_t sealed_count, uint32_t head_count,
                             uint32_t mask_count)
{
    size_t sealed_size = sealed_count * sizeof(wg_sealed_view);
    size_t heads_size = head_count * sizeof(wg_head_view);
    size_t masks_size = (size_t)head_count * mask_count * sizeof(wg_mask *);
    uint8_t *block = wg_alloc_zeroed(heap, WG_MEMORY_INDEX,
                                     sizeof(wg_state) + sealed_size + heads_size + masks_size);
    if (block == NULL) return NULL;
    wg_state *state = (wg_state *)(void *)block;
    atomic_init(&state->references, 1);
    state->sealed_count = sealed_count;
    state->head_count = head_count;
    state->mask_count = mask_count;
    state->sealed = (wg_sealed_view *)(void *)(block + sizeof *state);
    state->heads = (wg_head_view *)(void *)(block + sizeof *state + sealed_size);
    wg_mask **masks = (wg_mask **)(void *)(block + sizeof *state + sealed_size + heads_size);
    for (uint32_t i = 0; i < head_count; i++)
        state->heads[i].masks = masks + (size_t)i * mask_count;
    return state;
}

static void head_view_copy(wg_head_view *target, const wg_head_view *from, uint32_t mask_count)
{
    wg_mask **masks = target->masks;
    *target = *from;
    target->masks = masks;
    wg_head_retain(from->head);
    for (uint32_t i = 0; i < mask_count; i++)
        masks[i] = wg_mask_retain(from->masks[i]);
}

wg_state *wg_state_copy(wg_heap *heap, const wg_state *from, uint32_t sealed_more,
                        uint32_t heads_more)
{
    wg_state *state = state_alloc(heap, from->sealed_count + sealed_more,
                                  from->head_count + heads_more, from->mask_count);
    if (state == NULL) return NULL;
    state->sequence = from->sequence;
    state->points = from->points;
    state->dead = from->dead;
    for (uint32_t i = 0; i < from->sealed_count; i++)
        state->sealed[i] = (wg_sealed_view){wg_sealed_retain(from->sealed[i].sealed),
                                            wg_mask_retain(from->sealed[i].dead)};
    for (uint32_t i = 0; i < from->head_count; i++)
        head_view_copy(&state->heads[i], &from->heads[i], from->mask_count);
    return state;
}

wg_state *wg_state_rebuild(wg_heap *heap, const wg_state *from, const bool *gone,
                           uint32_t heads_gone, wg_sealed *added, wg_mask *dead)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < from->sealed_count; i++)
        kept += gone == NULL || !gone[i];
    wg_state *state =
        state_alloc(heap, kept + (added != NULL), from->head_count - heads_gone, from->mask_count);
    if (state == NULL) return NULL;
    state->sequence = from->sequence;
    uint32_t at = 0;
    for (uint32_t i = 0; i < from->sealed_count; i++) {
        if (gone != NULL && gone[i]) continue;
        state->sealed[at++] = (wg_sealed_view){wg_sealed_retain(from->sealed[i].sealed),
                                               wg_mask_retain(from->sealed[i].dead)};
    }
    if (added != NULL) state->sealed[at] = (wg_sealed_view){wg_sealed_retain(added), dead};
    for (uint32_t i = 0; i < state->head_count; i++)
        head_view_copy(&state->heads[i], &from->heads[heads_gone + i], from->mask_count);
    for (uint32_t i = 0; i < state->sealed_count; i++)
        state->dead += state->sealed[i].dead->count;
    for (uint32_t i = 0; i < state->head_count; i++)
        state->dead += state->heads[i].masks[0]->count;
    state->points = from->points; // what is replaced has the same live points
    return state;
}

waggle_status wg_state_add_head(waggle_collection *collection, wg_state *state, waggle_error *error)
{
    wg_heap *heap = &collection->database->heap;
    wg_head_view *view = &state->heads[state->head_count - 1];
    WG_ASSERT(view->head == NULL);
    wg_mask *mask = wg_mask_create(heap, WG_MASK_BITS);
    view->head = wg_head_create(heap, collection->spec);
    if (mask == NULL || view->head == NULL) {
        wg_mask_release(mask);
        return wg_fail_memory(error, sizeof(wg_head), "a head");
    }
    for (uint32_t i = 0; i < state->mask_count; i++)
        view->masks[i] = i == 0 ? mask : wg_mask_retain(mask);
    return WAGGLE_OK;
}

waggle_status wg_state_create(waggle_collection *collection, wg_state **state, waggle_error *error)
{
    wg_state *made = state_alloc(&collection->database->heap, 0, 1, collection->spec->count + 1);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "the state of a collection");
    waggle_status status = wg_state_add_head(collection, made, error);
    if (status == WAGGLE_OK)
        *state = made;
    else
        wg_state_release(made);
    return status;
}

wg_state *wg_state_acquire(waggle_collection *collection)
{
    wg_mutex_lock(&collection->current_lock);
    wg_state *state = collection->current;
    atomic_fetch_add_explicit(&state->references, 1, memory_order_relaxed);
    wg_mutex_unlock(&collection->current_lock);
    return state;
}

void wg_state_release(wg_state *state)
{
    // Acquire-release: what other holders did happens before the memory goes.
    if (state == NULL ||
        atomic_fetch_sub_explicit(&state->references, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < state->sealed_count; i++) {
        wg_sealed_release(state->sealed[i].sealed);
        wg_mask_release(state->sealed[i].dead);
    }
    for (uint32_t i = 0; i < state->head_count; i++) {
        for (uint32_t j = 0; j < state->mask_count; j++)
            wg_mask_release(state->heads[i].masks[j]);
        wg_head_release(state->heads[i].head);
    }
    wg_free(state);
}

void wg_state_publish(waggle_collection *collection, wg_state *next)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < next->head_count; i++)
        bytes += next->heads[i].head->bytes;
    size_t before = atomic_exchange_explicit(&collection->head_bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&collection->database->heads_bytes, bytes - before,
                              memory_order_relaxed);
    wg_mutex_lock(&collection->current_lock);
    wg_state *old = collection->current;
    collection->current = next;
    wg_mutex_unlock(&collection->current_lock);
    wg_state_release(old);
}

// A point lives in one place: the newest head's table knows its own exactly, in older heads and in sealed parts
// the mask decides.
wg_place wg_state_find(const wg_state *state, const waggle_id *id)
{
    uint32_t row;
    for (uint32_t i = state->head_count; i-- > 0;) {
        const wg_head_view *view = &state->heads[i];
        if (!wg_head_find(view->head, id, &row)) continue;
        if (i + 1 == state->head_count || !wg_mask_get(view->masks[0], row))
            return (wg_place){state->sealed_count + i, row};
    }
    for (uint32_t i = state->sealed_count; i-- > 0;) {
        const wg_sealed_view *view = &state->sealed[i];
        if (wg_sealed_find(view->sealed, id, &row) && !wg_mask_get(view->dead, row))
            return (wg_place){i, row};
    }
    return WG_NOWHERE;
}

void wg_state_id(const wg_state *state, wg_place place, waggle_id *id)
{
    if (place.view < state->sealed_count) {
        wg_id_column_get(&state->sealed[place.view].sealed->ids, place.row, id);
        return;
    }
    const wg_head_view *view = &state->heads[place.view - state->sealed_count];
    wg_point_id(wg_chunk_point(wg_chunk_of(view->chunks, place.row), place.row), id);
}

waggle_status wg_state_version(waggle_collection *collection, const wg_state *state, wg_place place,
                               uint64_t *version, waggle_error *error)
{
    if (place.view >= state->sealed_count) {
        const wg_head_view *view = &state->heads[place.view - state->sealed_count];
        *version = wg_chunk_point(wg_chunk_of(view->chunks, place.row), place.row)->version;
        return WAGGLE_OK;
    }
    wg_sealed *sealed = state->sealed[place.view].sealed;
    wg_rwlock_read(&collection->ids);
    const wg_overlaid *overlaid = wg_sealed_overlaid(sealed, place.row);
    if (overlaid != NULL) *version = overlaid->version;
    wg_rwlock_unlock(&collection->ids);
    return overlaid != NULL ? WAGGLE_OK : wg_sealed_version(sealed, place.row, version, error);
}

static waggle_text copy_text(wg_buffer *buffer, waggle_text text, bool *ok)
{
    buffer->size = 0;
    *ok = true;
    if (text.data == NULL) return text;
    *ok =
        wg_buffer_reserve(buffer, text.size + 1) && wg_buffer_append(buffer, text.data, text.size);
    return (waggle_text){(const char *)buffer->data, text.size};
}

waggle_status wg_state_payload(waggle_collection *collection, const wg_state *state, wg_place place,
                               wg_document_reader *reader, wg_buffer *buffer, waggle_text *payload,
                               uint64_t *version, waggle_error *error)
{
    bool ok = true;
    if (place.view >= state->sealed_count) {
        const wg_head_view *view = &state->heads[place.view - state->sealed_count];
        const wg_point *point = wg_chunk_point(wg_chunk_of(view->chunks, place.row), place.row);
        *version = point->version;
        *payload = wg_point_payload(point); // lives as long as the state's head
        return WAGGLE_OK;
    }
    wg_sealed *sealed = state->sealed[place.view].sealed;
    wg_rwlock_read(&collection->ids);
    const wg_overlaid *overlaid = wg_sealed_overlaid(sealed, place.row);
    if (overlaid != NULL) {
        *version = overlaid->version;
        waggle_text text = {overlaid->bytes, overlaid->size};
        if (overlaid->size == WG_PAYLOAD_ABSENT) text = (waggle_text){NULL, 0};
        *payload = copy_text(buffer, text, &ok);
    }
    wg_rwlock_unlock(&collection->ids);
    if (!ok) return wg_fail_memory(error, buffer->size, "a payload");
    if (overlaid != NULL) return WAGGLE_OK;
    waggle_status status = wg_sealed_version(sealed, place.row, version, error);
    if (status != WAGGLE_OK) return status;
    return wg_document_read(reader, &sealed->documents, place.row, payload, error);
}
