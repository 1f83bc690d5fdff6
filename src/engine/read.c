// Reading points: by id, and all in id order.
#include "engine/engine.h"
#include "engine/options.h"

#include <stdlib.h>

// ---- One point -----------------------------------------------------------------------------------

// What reading needs, kept from point to point.
typedef struct point_reader {
    waggle_collection *collection;
    const wg_state *state;
    bool with_payload;
    bool with_vectors;
    wg_document_reader *documents;
    wg_buffer buffer;
} point_reader;

static waggle_status reader_init(point_reader *reader, waggle_collection *collection,
                                 const waggle_read_options *options, waggle_error *error)
{
    wg_heap *heap = &collection->database->heap;
    *reader = (point_reader){.collection = collection,
                             .with_payload = !options->without_payload,
                             .with_vectors = options->with_vectors};
    wg_buffer_init(&reader->buffer, heap, WG_MEMORY_SCRATCH);
    reader->documents = wg_document_reader_create(heap);
    return reader->documents == NULL ? wg_fail_memory(error, 0, "reading points") : WAGGLE_OK;
}

static void reader_finish(point_reader *reader)
{
    wg_document_reader_destroy(reader->documents);
    wg_buffer_finish(&reader->buffer);
}

// The stored row and its norm; *data NULL = the point lacks the vector.
static waggle_status row_find(const point_reader *reader, wg_place place, uint32_t field,
                              const void **data, float *norm, waggle_error *error)
{
    const wg_state *state = reader->state;
    *data = NULL;
    if (place.view < state->sealed_count)
        return wg_sealed_row(state->sealed[place.view].sealed, field, place.row, data, norm, error);
    const wg_head_view *view = &state->heads[place.view - state->sealed_count];
    const wg_chunk *chunk = wg_chunk_of(view->chunks, place.row);
    if (wg_chunk_point(chunk, place.row)->absent >> field & 1) return WAGGLE_OK;
    *data = wg_chunk_row(chunk, reader->collection->spec, field, place.row);
    if (chunk->columns[field].norms != NULL)
        *norm = chunk->columns[field].norms[place.row - chunk->first];
    return WAGGLE_OK;
}

static waggle_status vectors_read(const point_reader *reader, wg_place place, wg_arena *arena,
                                  waggle_record *record, waggle_error *error)
{
    const wg_spec *spec = reader->collection->spec;
    waggle_vector *vectors = wg_arena_alloc(arena, spec->count * sizeof *vectors, 8);
    if (vectors == NULL) return wg_fail_memory(error, spec->count * sizeof *vectors, "a point");
    for (uint32_t i = 0; i < spec->count; i++) {
        const wg_vector_field *field = &spec->fields[i];
        const void *row = NULL;
        float norm = 0;
        waggle_status status = row_find(reader, place, i, &row, &norm, error);
        if (status != WAGGLE_OK) return status;
        vectors[i] = (waggle_vector){field->name, field->type, field->dim, NULL};
        if (row == NULL) continue;
        void *copy = wg_arena_alloc(arena, field->size, 64);
        if (copy == NULL) return wg_fail_memory(error, field->size, "a vector");
        if (field->normalized)
            wg_row_restore(field->type, row, field->dim, norm, copy);
        else
            memcpy(copy, row, field->size);
        vectors[i].data = copy;
    }
    record->vectors = vectors;
    record->vector_count = spec->count;
    return WAGGLE_OK;
}

static waggle_status id_read(const point_reader *reader, wg_place place, wg_arena *arena,
                             waggle_id *id, waggle_error *error)
{
    wg_state_id(reader->state, place, id);
    if (id->kind != WAGGLE_ID_STRING) return WAGGLE_OK;
    id->value.string = wg_arena_copy(arena, id->value.string, id->size);
    return id->value.string == NULL ? wg_fail_memory(error, id->size, "an id") : WAGGLE_OK;
}

// Fills record with copies in arena.
static waggle_status point_read(point_reader *reader, wg_place place, wg_arena *arena,
                                waggle_record *record, waggle_error *error)
{
    waggle_text payload = {NULL, 0};
    *record = (waggle_record){.found = true};
    waggle_status status = id_read(reader, place, arena, &record->id, error);
    if (status != WAGGLE_OK) return status;
    if (reader->with_payload)
        status = wg_state_payload(reader->collection, reader->state, place, reader->documents,
                                  &reader->buffer, &payload, &record->version, error);
    else
        status =
            wg_state_version(reader->collection, reader->state, place, &record->version, error);
    if (status != WAGGLE_OK) return status;
    if (payload.data != NULL) {
        record->payload =
            (waggle_text){wg_arena_copy(arena, payload.data, payload.size), payload.size};
        if (record->payload.data == NULL) return wg_fail_memory(error, payload.size, "a payload");
    }
    return reader->with_vectors ? vectors_read(reader, place, arena, record, error) : WAGGLE_OK;
}

static waggle_status options_read(const waggle_read_options *given, waggle_read_options *options,
                                  waggle_error *error)
{
    return wg_options_read(options, sizeof *options, given, "waggle_read_options", error);
}

// ---- By id ---------------------------------------------------------------------------------------

struct waggle_records {
    wg_arena arena;
    waggle_record *records;
    uint64_t count;
};

static waggle_status ids_check(const waggle_id *ids, uint64_t count, waggle_error *error)
{
    if (count > WAGGLE_BATCH_MAX)
        return wg_fail(error, WAGGLE_INVALID, "%" PRIu64 " ids in one call; the most is %u", count,
                       WAGGLE_BATCH_MAX);
    if (ids == NULL && count > 0) return wg_fail(error, WAGGLE_INVALID, "no ids are given");
    for (uint64_t i = 0; i < count; i++) {
        waggle_status status = wg_id_check(&ids[i], error);
        if (status != WAGGLE_OK) return wg_fail_context(error, status, "id %" PRIu64, i);
    }
    return WAGGLE_OK;
}

// Where the points are, all at one moment: the id tables and the state belong together under `ids`.
static wg_state *places_find(waggle_collection *collection, const waggle_id *ids, uint64_t count,
                             wg_place *places)
{
    wg_rwlock_read(&collection->ids);
    wg_state *state = wg_state_acquire(collection);
    for (uint64_t i = 0; i < count; i++)
        places[i] = wg_state_find(state, &ids[i]);
    wg_rwlock_unlock(&collection->ids);
    return state;
}

static waggle_status records_fill(waggle_collection *collection, const waggle_id *ids,
                                  const waggle_read_options *options, waggle_records *records,
                                  waggle_error *error)
{
    wg_heap *heap = &collection->database->heap;
    point_reader reader;
    wg_state *state = NULL;
    waggle_status status = reader_init(&reader, collection, options, error);
    wg_place *places = wg_alloc(heap, WG_MEMORY_SCRATCH, (records->count + 1) * sizeof *places);
    records->records =
        wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, (records->count + 1) * sizeof(waggle_record));
    if (status == WAGGLE_OK && (places == NULL || records->records == NULL))
        status = wg_fail_memory(error, records->count * sizeof *places, "reading points");
    if (status == WAGGLE_OK)
        reader.state = state = places_find(collection, ids, records->count, places);
    for (uint64_t i = 0; status == WAGGLE_OK && i < records->count; i++) {
        waggle_record *record = &records->records[i];
        if (places[i].view != WG_NOWHERE.view) {
            status = point_read(&reader, places[i], &records->arena, record, error);
            continue;
        }
        record->id = ids[i];
        if (ids[i].kind != WAGGLE_ID_STRING) continue;
        record->id.value.string = wg_arena_copy(&records->arena, ids[i].value.string, ids[i].size);
        if (record->id.value.string == NULL) status = wg_fail_memory(error, ids[i].size, "an id");
    }
    wg_state_release(state);
    wg_free(places);
    reader_finish(&reader);
    return status;
}

waggle_status waggle_get(waggle_collection *collection, const waggle_id *ids, uint64_t count,
                         const waggle_read_options *given, waggle_records **records,
                         waggle_error *error)
{
    waggle_read_options options;
    wg_error_clear(error);
    waggle_status status = options_read(given, &options, error);
    if (status == WAGGLE_OK) status = wg_collection_check(collection, error);
    if (status == WAGGLE_OK) status = ids_check(ids, count, error);
    if (status != WAGGLE_OK) return status;
    wg_heap *heap = &collection->database->heap;
    waggle_records *made = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, sizeof *made);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "reading points");
    made->count = count;
    wg_arena_init(&made->arena, heap, WG_MEMORY_SCRATCH, 4096);
    status = records_fill(collection, ids, &options, made, error);
    if (status == WAGGLE_OK)
        *records = made;
    else
        waggle_records_destroy(made);
    return status;
}

uint64_t waggle_records_count(const waggle_records *records)
{
    return records->count;
}

const waggle_record *waggle_records_at(const waggle_records *records, uint64_t index)
{
    WG_ASSERT(index < records->count);
    return &records->records[index];
}

void waggle_records_destroy(waggle_records *records)
{
    if (records == NULL) return;
    wg_arena_finish(&records->arena);
    wg_free(records->records);
    wg_free(records);
}

waggle_status waggle_count(waggle_collection *collection, uint64_t *count, waggle_error *error)
{
    wg_error_clear(error);
    waggle_status status = wg_collection_check(collection, error);
    if (status != WAGGLE_OK) return status;
    wg_state *state = wg_state_acquire(collection);
    *count = state->points;
    wg_state_release(state);
    return WAGGLE_OK;
}

// ---- All, in id order ----------------------------------------------------------------------------

// Sealed parts are read through their order, each by a place; the heads' live rows are gathered and sorted once.
typedef struct head_row {
    const wg_point *point;
    wg_place place;
} head_row;

struct waggle_cursor {
    point_reader reader;
    wg_state *state;
    wg_arena arena; // of the current record
    waggle_record record;
    uint64_t *places;               // per sealed part: the next place in id order
    wg_document_reader **documents; // per sealed part, so that blocks are unpacked once
    head_row *rows;
    uint64_t row_count;
    uint64_t row;
};

static int head_row_compare(const void *a, const void *b)
{
    return wg_point_compare(((const head_row *)a)->point, ((const head_row *)b)->point);
}

static waggle_status cursor_heads(waggle_cursor *cursor, waggle_error *error)
{
    const wg_state *state = cursor->state;
    uint64_t slots = 0;
    for (uint32_t i = 0; i < state->head_count; i++)
        slots += state->heads[i].slots;
    wg_heap *heap = &cursor->reader.collection->database->heap;
    cursor->rows = wg_alloc(heap, WG_MEMORY_SCRATCH, (slots + 1) * sizeof *cursor->rows);
    if (cursor->rows == NULL)
        return wg_fail_memory(error, slots * sizeof *cursor->rows, "a cursor");
    for (uint32_t i = 0; i < state->head_count; i++) {
        const wg_head_view *view = &state->heads[i];
        for (uint32_t slot = 0; slot < view->slots; slot++) {
            if (wg_mask_get(view->masks[0], slot)) continue;
            cursor->rows[cursor->row_count++] = (head_row){
                wg_chunk_point(wg_chunk_of(view->chunks, slot), slot),
                {state->sealed_count + i, slot}
            };
        }
    }
    if (cursor->row_count > 1)
        qsort(cursor->rows, cursor->row_count, sizeof *cursor->rows, head_row_compare);
    return WAGGLE_OK;
}

static void cursor_seek(waggle_cursor *cursor, const waggle_id *after)
{
    for (uint32_t i = 0; i < cursor->state->sealed_count; i++)
        cursor->places[i] = wg_id_column_seek(&cursor->state->sealed[i].sealed->ids, after);
    while (after != NULL && cursor->row < cursor->row_count) {
        waggle_id id;
        wg_point_id(cursor->rows[cursor->row].point, &id);
        if (waggle_id_compare(&id, after) > 0) break;
        cursor->row++;
    }
}

waggle_status waggle_cursor_open(waggle_collection *collection, const waggle_read_options *given,
                                 waggle_cursor **cursor, waggle_error *error)
{
    waggle_read_options options;
    wg_error_clear(error);
    waggle_status status = options_read(given, &options, error);
    if (status == WAGGLE_OK) status = wg_collection_check(collection, error);
    if (status == WAGGLE_OK && options.after != NULL) status = wg_id_check(options.after, error);
    if (status != WAGGLE_OK) return status;
    wg_heap *heap = &collection->database->heap;
    waggle_cursor *made = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, sizeof *made);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "a cursor");
    wg_arena_init(&made->arena, heap, WG_MEMORY_SCRATCH, 4096);
    made->state = wg_state_acquire(collection);
    uint32_t parts = made->state->sealed_count;
    status = reader_init(&made->reader, collection, &options, error);
    made->reader.state = made->state;
    made->places = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, (parts + 1u) * sizeof *made->places);
    made->documents =
        wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, (parts + 1u) * sizeof *made->documents);
    if (status == WAGGLE_OK && (made->places == NULL || made->documents == NULL))
        status = wg_fail_memory(error, parts * sizeof *made->places, "a cursor");
    for (uint32_t i = 0; status == WAGGLE_OK && i < parts; i++) {
        made->documents[i] = wg_document_reader_create(heap);
        if (made->documents[i] == NULL) status = wg_fail_memory(error, 0, "a cursor");
    }
    if (status == WAGGLE_OK) status = cursor_heads(made, error);
    if (status == WAGGLE_OK) {
        cursor_seek(made, options.after);
        *cursor = made;
    } else {
        waggle_cursor_close(made);
    }
    return status;
}

// Moves a sealed part's place to its next live row; false at the end.
static bool sealed_settle(const waggle_cursor *cursor, uint32_t index)
{
    const wg_sealed_view *view = &cursor->state->sealed[index];
    uint64_t *place = &cursor->places[index];
    while (*place < view->sealed->entry.rows &&
           wg_mask_get(view->dead, wg_id_column_at(&view->sealed->ids, *place)))
        (*place)++;
    return *place < view->sealed->entry.rows;
}

// The place of the lowest id among all that come next, and steps over it.
static bool cursor_step(waggle_cursor *cursor, wg_place *place)
{
    waggle_id best = {0};
    uint32_t from = UINT32_MAX;
    for (uint32_t i = 0; i < cursor->state->sealed_count; i++) {
        if (!sealed_settle(cursor, i)) continue;
        const wg_id_column *ids = &cursor->state->sealed[i].sealed->ids;
        uint32_t row = wg_id_column_at(ids, cursor->places[i]);
        waggle_id id;
        wg_id_column_get(ids, row, &id);
        if (from != UINT32_MAX && waggle_id_compare(&id, &best) >= 0) continue;
        best = id;
        from = i;
        *place = (wg_place){i, row};
    }
    if (cursor->row < cursor->row_count) {
        waggle_id id;
        wg_point_id(cursor->rows[cursor->row].point, &id);
        if (from == UINT32_MAX || waggle_id_compare(&id, &best) < 0) {
            *place = cursor->rows[cursor->row++].place;
            return true;
        }
    }
    if (from == UINT32_MAX) return false;
    cursor->places[from]++;
    return true;
}

waggle_status waggle_cursor_next(waggle_cursor *cursor, const waggle_record **record,
                                 waggle_error *error)
{
    wg_place place;
    wg_error_clear(error);
    *record = NULL;
    if (!cursor_step(cursor, &place)) return WAGGLE_OK;
    wg_arena_reset(&cursor->arena);
    point_reader reader = cursor->reader; // borrows the buffer
    if (place.view < cursor->state->sealed_count) reader.documents = cursor->documents[place.view];
    waggle_status status = point_read(&reader, place, &cursor->arena, &cursor->record, error);
    cursor->reader.buffer = reader.buffer;
    if (status == WAGGLE_OK) *record = &cursor->record;
    return status;
}

void waggle_cursor_close(waggle_cursor *cursor)
{
    if (cursor == NULL) return;
    for (uint32_t i = 0; cursor->documents != NULL && i < cursor->state->sealed_count; i++)
        wg_document_reader_destroy(cursor->documents[i]);
    wg_free(cursor->documents);
    wg_free(cursor->places);
    wg_free(cursor->rows);
    reader_finish(&cursor->reader);
    wg_arena_finish(&cursor->arena);
    wg_state_release(cursor->state);
    wg_free(cursor);
}
