// Loading a collection: its description, and its parts with their deletes and overlays as of the last checkpoint. What
// the log has beyond them is applied by whoever opens the database.
#include "engine/codes.h"
#include "engine/engine.h"

#include <string.h>

void wg_collection_destroy(waggle_collection *collection)
{
    if (collection == NULL) return;
    atomic_fetch_sub_explicit(&collection->database->heads_bytes,
                              atomic_load(&collection->head_bytes), memory_order_relaxed);
    wg_state_release(collection->current);
    wg_mutex_finish(&collection->write);
    wg_rwlock_finish(&collection->ids);
    wg_mutex_finish(&collection->current_lock);
    wg_mutex_finish(&collection->choices_lock);
    wg_free(collection->choices);
    wg_free(collection->spec);
    wg_free(collection->name);
    wg_free(collection);
}

static waggle_status overlay_entry(void *context, const wg_overlay_entry *entry,
                                   waggle_error *error)
{
    return wg_sealed_overlay_put(context, entry->row, entry->version, entry->payload, error);
}

// The part's deletes and overlay, as of the last checkpoint.
static waggle_status sides_load(waggle_collection *collection, wg_sealed_view *view,
                                waggle_error *error)
{
    waggle_database *database = collection->database;
    wg_sealed *sealed = view->sealed;
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    uint64_t sequence = 0;
    waggle_status status = WAGGLE_OK;
    if (sealed->entry.deletes != 0) {
        wg_name_deletes(name, collection->id, &sealed->entry);
        status = wg_database_path(database, name, path, error);
        if (status == WAGGLE_OK)
            status = wg_mask_read(database->vfs, &database->heap, path, sealed->entry.rows,
                                  &view->dead, &sequence, error);
    } else {
        status = wg_sealed_born(sealed, &view->dead, error);
    }
    sealed->in_manifest = true;
    if (status == WAGGLE_OK) sealed->written = wg_mask_retain(view->dead);
    if (status == WAGGLE_OK && sealed->entry.overlay != 0) {
        wg_name_overlay(name, collection->id, &sealed->entry);
        status = wg_database_path(database, name, path, error);
        if (status == WAGGLE_OK)
            status = wg_overlay_read(database->vfs, &database->heap, path, sealed->entry.rows,
                                     overlay_entry, sealed, &sequence, error);
        sealed->overlay_changed = false;
    }
    return status;
}

static waggle_status parts_load(waggle_collection *collection, const wg_collection_entry *from,
                                waggle_error *error)
{
    waggle_database *database = collection->database;
    wg_state *state = wg_state_copy(&database->heap, collection->current, from->part_count, 0);
    if (state == NULL) return wg_fail_memory(error, sizeof *state, "the state of a collection");
    state->sequence = from->applied;
    waggle_status status = WAGGLE_OK;
    for (uint32_t i = 0; status == WAGGLE_OK && i < from->part_count; i++) {
        wg_sealed_view *view = &state->sealed[i];
        status = wg_sealed_open(&database->files, &database->heap, collection->spec,
                                &from->parts[i], &view->sealed, error);
        if (status == WAGGLE_OK) status = sides_load(collection, view, error);
        if (status == WAGGLE_NOT_FOUND)
            status =
                wg_fail_context(error, WAGGLE_CORRUPT, "a file that the manifest names is missing");
        if (status != WAGGLE_OK) break;
        wg_codes_attach(database, view->sealed);
        state->points += view->sealed->entry.rows - view->dead->count;
        state->dead += view->dead->count;
    }
    if (status == WAGGLE_OK)
        wg_state_publish(collection, state);
    else
        wg_state_release(state);
    if (status == WAGGLE_OK) wg_codes_want(database);
    return status;
}

static waggle_status choices_make(waggle_collection *collection, waggle_error *error)
{
    size_t size = collection->spec->count * sizeof *collection->choices;
    collection->choices = wg_alloc_zeroed(&collection->database->heap, WG_MEMORY_OTHER, size);
    return collection->choices == NULL ? wg_fail_memory(error, size, "a collection") : WAGGLE_OK;
}

waggle_status wg_collection_load(waggle_database *database, const wg_catalog_entry *entry,
                                 waggle_collection **collection, waggle_error *error)
{
    wg_heap *heap = &database->heap;
    waggle_collection *made = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, sizeof *made);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "a collection");
    made->database = database;
    made->id = entry->id;
    wg_mutex_init(&made->write);
    wg_rwlock_init(&made->ids);
    wg_mutex_init(&made->current_lock);
    wg_mutex_init(&made->choices_lock);
    made->name = wg_strdup(heap, WG_MEMORY_OTHER, entry->name);
    waggle_status status =
        made->name == NULL ? wg_fail_memory(error, strlen(entry->name), "a collection") : WAGGLE_OK;
    if (status == WAGGLE_OK)
        status = wg_spec_decode(heap, entry->spec, entry->spec_size, &made->spec, error);
    if (status == WAGGLE_OK) status = choices_make(made, error);
    if (status == WAGGLE_OK) status = wg_state_create(made, &made->current, error);
    const wg_collection_entry *from =
        entry->in_manifest ? wg_manifest_collection(database->manifest, entry->id) : NULL;
    if (status == WAGGLE_OK && from != NULL) {
        made->applied = from->applied;
        made->current->sequence = from->applied;
        status = parts_load(made, from, error);
    }
    if (status == WAGGLE_OK)
        *collection = made;
    else
        wg_collection_destroy(made);
    return status;
}
