// What a database tells about itself: collections, and statistics.
#include "engine/codes.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct waggle_collection_list {
    wg_arena arena;
    waggle_collection_info *infos;
    uint64_t count;
};

// ---- Collections ---------------------------------------------------------------------------------

static void info_count(waggle_collection_info *info, waggle_collection *collection)
{
    wg_state *state = wg_state_acquire(collection);
    info->points = state->points;
    info->rows_dead = state->dead;
    info->segments = state->sealed_count;
    info->sequence = state->sequence;
    for (uint32_t i = 0; i < state->head_count; i++)
        info->rows_unsealed += state->heads[i].slots;
    for (uint32_t i = 0; i < state->sealed_count; i++) {
        const wg_sealed *sealed = state->sealed[i].sealed;
        const wg_codes *codes = wg_codes_of(sealed);
        info->bytes_disk += sealed->entry.bytes;
        info->segments_coded += codes != NULL;
        info->segments_uncoded +=
            codes == NULL && wg_codes_fields(collection->database, sealed) != 0;
        if (codes != NULL) info->bytes_codes += wg_segment_size(codes->file);
    }
    info->bytes_memory = atomic_load_explicit(&collection->head_bytes, memory_order_relaxed);
    wg_state_release(state);
}

// What is known without opening anything. spec NULL = unknown.
static waggle_status info_describe(waggle_collection_list *list, const waggle_database *database,
                                   const char *given_name, const wg_spec *spec,
                                   waggle_collection_info *info, waggle_error *error)
{
    uint32_t count = spec == NULL ? 0 : spec->count;
    size_t name_size = strlen(given_name) + 1;
    size_t names_size = count * sizeof spec->fields[0].name;
    char *name = wg_arena_copy(&list->arena, given_name, name_size);
    char *names = wg_arena_alloc(&list->arena, names_size, 8);
    waggle_vector_spec *vectors = wg_arena_alloc(&list->arena, count * sizeof *vectors, 8);
    if (name == NULL || names == NULL || vectors == NULL)
        return wg_fail_memory(error, names_size, "a list of collections");
    if (spec != NULL) wg_spec_show(spec, vectors);
    for (uint32_t i = 0; i < count; i++) {
        char *copy = names + i * sizeof spec->fields[0].name;
        memcpy(copy, spec->fields[i].name, sizeof spec->fields[i].name);
        vectors[i].name = copy;
    }
    *info = (waggle_collection_info){.name = name,
                                     .vector_count = count,
                                     .vectors = vectors,
                                     .device = database->device_name,
                                     .index = "flat"};
    return WAGGLE_OK;
}

static waggle_status info_fill(waggle_collection_list *list, const waggle_database *database,
                               waggle_collection *collection, waggle_collection_info *info,
                               waggle_error *error)
{
    waggle_status status =
        info_describe(list, database, collection->name, collection->spec, info, error);
    if (status == WAGGLE_OK) info_count(info, collection);
    return status;
}

// Of a collection that cannot be opened. The description may be what is damaged.
static waggle_status info_damaged(waggle_collection_list *list, waggle_database *database,
                                  const wg_catalog_entry *entry, const char *why,
                                  waggle_collection_info *info, waggle_error *error)
{
    wg_spec *spec = NULL;
    waggle_status status =
        wg_spec_decode(&database->heap, entry->spec, entry->spec_size, &spec, NULL);
    if (status == WAGGLE_OUT_OF_MEMORY)
        return wg_fail_memory(error, entry->spec_size, "a list of collections");
    status = info_describe(list, database, entry->name, spec, info, error);
    wg_free(spec);
    if (status != WAGGLE_OK) return status;
    info->damage = wg_arena_copy(&list->arena, why, strlen(why) + 1);
    if (info->damage == NULL)
        return wg_fail_memory(error, strlen(why) + 1, "a list of collections");
    return WAGGLE_OK;
}

// One damaged collection must not keep the others from being listed.
static waggle_status info_of(waggle_collection_list *list, waggle_database *database,
                             wg_catalog_entry *entry, waggle_collection_info *info,
                             waggle_error *error)
{
    waggle_error why = {0};
    waggle_collection *collection = NULL;
    waggle_status status = wg_catalog_open(database, entry, &collection, &why);
    if (status == WAGGLE_OK) return info_fill(list, database, collection, info, error);
    if (wg_is_damage(status)) return info_damaged(list, database, entry, why.message, info, error);
    return wg_fail(error, status, "collection \"%s\": %s", entry->name, why.message);
}

static waggle_status list_create(waggle_database *database, size_t capacity,
                                 waggle_collection_list **list, waggle_error *error)
{
    wg_heap *heap = &database->heap;
    waggle_collection_list *made = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, sizeof *made);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "a list of collections");
    wg_arena_init(&made->arena, heap, WG_MEMORY_SCRATCH, 4096);
    made->infos = wg_alloc(heap, WG_MEMORY_SCRATCH, (capacity + 1) * sizeof *made->infos);
    if (made->infos == NULL) {
        wg_free(made);
        return wg_fail_memory(error, capacity * sizeof *made->infos, "a list of collections");
    }
    *list = made;
    return WAGGLE_OK;
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(((const waggle_collection_info *)a)->name,
                  ((const waggle_collection_info *)b)->name);
}

waggle_status waggle_collection_list_create(waggle_database *database,
                                            waggle_collection_list **list, waggle_error *error)
{
    waggle_collection_list *made = NULL;
    wg_error_clear(error);
    wg_mutex_lock(&database->catalog_lock);
    waggle_status status = list_create(database, database->catalog.count, &made, error);
    for (size_t i = 0; status == WAGGLE_OK && i < database->catalog.count; i++) {
        wg_catalog_entry *entry = database->catalog.entries[i];
        if (!entry->dropped)
            status = info_of(made, database, entry, &made->infos[made->count++], error);
    }
    wg_mutex_unlock(&database->catalog_lock);
    if (status != WAGGLE_OK) {
        waggle_collection_list_destroy(made);
        return status;
    }
    qsort(made->infos, made->count, sizeof *made->infos, name_compare);
    *list = made;
    return WAGGLE_OK;
}

waggle_status waggle_collection_describe(waggle_collection *collection,
                                         waggle_collection_list **list, waggle_error *error)
{
    waggle_database *database = collection->database;
    waggle_collection_list *made = NULL;
    wg_error_clear(error);
    waggle_status status = wg_collection_check(collection, error);
    if (status == WAGGLE_OK) status = list_create(database, 1, &made, error);
    if (status != WAGGLE_OK) return status;
    wg_mutex_lock(&database->catalog_lock); // guards the name
    status = info_fill(made, database, collection, &made->infos[0], error);
    wg_mutex_unlock(&database->catalog_lock);
    made->count = 1;
    if (status == WAGGLE_OK)
        *list = made;
    else
        waggle_collection_list_destroy(made);
    return status;
}

uint64_t waggle_collection_list_count(const waggle_collection_list *list)
{
    return list->count;
}

const waggle_collection_info *waggle_collection_list_at(const waggle_collection_list *list,
                                                        uint64_t index)
{
    WG_ASSERT(index < list->count);
    return &list->infos[index];
}

void waggle_collection_list_destroy(waggle_collection_list *list)
{
    if (list == NULL) return;
    wg_arena_finish(&list->arena);
    wg_free(list->infos);
    wg_free(list);
}

// ---- Statistics ----------------------------------------------------------------------------------

static uint64_t used(const waggle_database *database, wg_purpose purpose)
{
    return atomic_load_explicit(&database->heap.used[purpose], memory_order_relaxed);
}

static void statistics_memory(const waggle_database *database, waggle_statistics *s)
{
    s->memory_limit = database->heap.limit;
    s->memory_rows = used(database, WG_MEMORY_ROWS);
    s->memory_ids = used(database, WG_MEMORY_IDS);
    s->memory_payload = used(database, WG_MEMORY_PAYLOAD);
    s->memory_log = used(database, WG_MEMORY_LOG);
    s->memory_index = used(database, WG_MEMORY_INDEX);
    s->memory_scratch = used(database, WG_MEMORY_SCRATCH);
    s->memory_other = used(database, WG_MEMORY_OTHER);
    s->memory_used = s->memory_rows + s->memory_ids + s->memory_payload + s->memory_log +
                     s->memory_index + s->memory_scratch + s->memory_other;
}

static void statistics_log(waggle_database *database, waggle_statistics *s)
{
    wg_log_state log = wg_log_state_get(database->log);
    s->durability = database->durability;
    snprintf(s->durability_evidence, sizeof s->durability_evidence, "%s", log.evidence);
    s->bytes_log = log.bytes;
    s->sequence = log.written;
    // A log that was opened to be read claims nothing; what the manifest proves holds all the same.
    s->sequence_durable = WG_MAX(log.durable, wg_manifest_durable(database->manifest));
    s->log_syncs = log.syncs;
    s->log_records = log.records;
    s->log_bytes = log.bytes_written;
    s->read_only = database->read_only || log.failed;
}

// Collections that were never used are counted by their entries in the manifest.
static void statistics_collections(waggle_database *database, waggle_statistics *s)
{
    for (size_t i = 0; i < database->catalog.count; i++) {
        const wg_catalog_entry *entry = database->catalog.entries[i];
        if (entry->dropped) continue;
        s->collections++;
        if (entry->open != NULL) {
            waggle_collection_info info = {0};
            info_count(&info, entry->open);
            s->points += info.points;
            s->rows_dead += info.rows_dead;
            s->rows_unsealed += info.rows_unsealed;
            s->segments += info.segments;
            s->bytes_disk += info.bytes_disk + info.bytes_codes;
            s->bytes_codes += info.bytes_codes;
            continue;
        }
        const wg_collection_entry *from = wg_manifest_collection(database->manifest, entry->id);
        for (uint32_t j = 0; from != NULL && j < from->part_count; j++) {
            s->points += from->parts[j].rows;
            s->segments++;
            s->bytes_disk += from->parts[j].bytes;
        }
    }
    s->bytes_disk += wg_manifest_size(database->manifest) + s->bytes_log;
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void statistics_counters(const waggle_database *database, waggle_statistics *s)
{
    const wg_counters *c = &database->counters;
    s->seals = counted(&c->seals);
    s->compactions = counted(&c->compactions);
    s->searches = counted(&c->searches);
    s->queries = counted(&c->queries);
    s->rows_scanned = counted(&c->rows_scanned);
    s->codes_made = counted(&c->codes_made);
    s->codes_dropped = counted(&c->codes_dropped);
    s->rows_1bit = counted(&c->rows_coded[WG_CODE_B1]);
    s->rows_4bit = counted(&c->rows_coded[WG_CODE_I4]);
    s->rows_int8 = counted(&c->rows_coded[WG_CODE_I8]);
    s->rows_scored = counted(&c->rows_scored);
    s->blocks_widened = counted(&c->blocks_widened);
}

waggle_status waggle_statistics_get(waggle_database *database, waggle_statistics *statistics,
                                    waggle_error *error)
{
    wg_error_clear(error);
    uint32_t size = statistics == NULL ? 0 : statistics->struct_size;
    if (size < sizeof statistics->struct_size || size > 65536)
        return wg_fail(error, WAGGLE_INVALID,
                       "statistics->struct_size is %u; set it to sizeof(waggle_statistics)", size);
    waggle_statistics s = {.struct_size = size};
    statistics_memory(database, &s);
    wg_mutex_lock(&database->catalog_lock); // guards the manifest
    statistics_log(database, &s);
    statistics_collections(database, &s);
    wg_mutex_unlock(&database->catalog_lock);
    statistics_counters(database, &s);
    s.blocks_verified = wg_files_blocks_verified(&database->files);
    memcpy(statistics, &s, WG_MIN(size, sizeof s));
    return WAGGLE_OK;
}
