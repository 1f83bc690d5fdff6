#include "cli/rows.h"

#include "base/json.h"

#include <string.h>

void cli_rows_init(cli_rows *rows)
{
    *rows = (cli_rows){0};
    wg_arena_init(&rows->arena, NULL, WG_MEMORY_SCRATCH, 64u << 10);
    wg_buffer_init(&rows->numbers, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&rows->ids, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&rows->payloads, NULL, WG_MEMORY_SCRATCH);
}

void cli_rows_finish(cli_rows *rows)
{
    wg_arena_finish(&rows->arena);
    wg_buffer_finish(&rows->numbers);
    wg_buffer_finish(&rows->ids);
    wg_buffer_finish(&rows->payloads);
}

// ---- Ids out of payloads -----------------------------------------------------------------------

static waggle_status read_id(wg_json_reader *reader, wg_json_token token, wg_arena *arena,
                             waggle_id *id, waggle_error *error)
{
    waggle_text text = {0};

    if (token == WG_JSON_NUMBER) {
        *id = waggle_id_number(0);
        return wg_json_u64(reader, &id->value.number, error);
    }
    if (token != WG_JSON_STRING) {
        return wg_fail(error, WAGGLE_INVALID, "an id is a number or a string");
    }
    waggle_status status = wg_json_string(reader, arena, &text, error);
    if (status != WAGGLE_OK) return status;
    if (text.size == 0 || text.size > WAGGLE_ID_SIZE_MAX) {
        return wg_fail(error, WAGGLE_INVALID, "an id has %zu bytes; it has 1 to %u", text.size,
                       WAGGLE_ID_SIZE_MAX);
    }
    char *copy = wg_arena_alloc(arena, text.size + 1, 1);
    if (copy == NULL) return wg_fail_memory(error, text.size, "an id");
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (waggle_id_uuid(copy, id, NULL) == WAGGLE_OK) return WAGGLE_OK;
    *id = (waggle_id){.kind = WAGGLE_ID_STRING, .size = (uint32_t)text.size};
    id->value.string = copy;
    return WAGGLE_OK;
}

// Appends "key":value to the object at *at; the target is as large as the source, so all fits.
static void copy_member(char *target, size_t *at, waggle_text key, waggle_text value)
{
    char opening = *at == 0 ? '{' : ',';

    target[(*at)++] = opening;
    target[(*at)++] = '"';
    memcpy(target + *at, key.data, key.size);
    *at += key.size;
    target[(*at)++] = '"';
    target[(*at)++] = ':';
    memcpy(target + *at, value.data, value.size);
    *at += value.size;
}

waggle_status cli_payload_take_id(const waggle_text *payload, const char *field, wg_arena *arena,
                                  waggle_id *id, waggle_text *rest, waggle_error *error)
{
    wg_json_reader reader;
    wg_json_token token = WG_JSON_END;
    bool found = false;
    size_t at = 0;
    char *target = wg_arena_alloc(arena, payload->size + 2, 1);

    if (target == NULL) return wg_fail_memory(error, payload->size, "a payload");
    wg_json_reader_init(&reader, payload->data, payload->size);
    waggle_status status = wg_json_next(&reader, &token, error);
    while (status == WAGGLE_OK) {
        waggle_text key, value = {0};
        status = wg_json_next(&reader, &token, error);
        if (status != WAGGLE_OK || token != WG_JSON_KEY) break;
        bool is_id = wg_json_equals(&reader, field);
        key = (waggle_text){reader.token, reader.token_size};
        status = wg_json_next(&reader, &token, error);
        if (status != WAGGLE_OK) break;
        if (is_id) {
            status = read_id(&reader, token, arena, id, error);
            found = true;
        } else {
            status = wg_json_raw(&reader, token, &value, error);
            if (status == WAGGLE_OK) copy_member(target, &at, key, value);
        }
    }
    if (status != WAGGLE_OK) return status;
    if (!found) {
        return wg_fail(error, WAGGLE_INVALID, "the payload has no field \"%s\"", field);
    }
    if (at > 0) target[at++] = '}';
    *rest = (waggle_text){at == 0 ? NULL : target, at};
    return WAGGLE_OK;
}

static waggle_status take_ids(cli_rows *rows, const cli_batch *batch, waggle_points *points,
                              waggle_error *error)
{
    size_t ids_size = (size_t)batch->count * sizeof(waggle_id);
    size_t payloads_size = (size_t)batch->count * sizeof(waggle_text);

    rows->ids.size = 0;
    rows->payloads.size = 0;
    wg_arena_reset(&rows->arena);
    if (!wg_buffer_append_zeros(&rows->ids, ids_size) ||
        !wg_buffer_append_zeros(&rows->payloads, payloads_size)) {
        return wg_fail_memory(error, ids_size + payloads_size, "ids");
    }
    waggle_id *ids = (waggle_id *)(void *)rows->ids.data;
    waggle_text *payloads = (waggle_text *)(void *)rows->payloads.data;
    for (uint64_t i = 0; i < batch->count; i++) {
        waggle_status status = cli_payload_take_id(&batch->payloads[i], rows->id_field,
                                                   &rows->arena, &ids[i], &payloads[i], error);
        if (status != WAGGLE_OK) {
            return wg_fail_context(error, status, "%s: row %" PRIu64, rows->path, batch->rows[i]);
        }
    }
    points->ids = ids;
    points->payloads = payloads;
    return WAGGLE_OK;
}

// ---- Points ------------------------------------------------------------------------------------

static waggle_status number_rows(cli_rows *rows, const cli_batch *batch, waggle_points *points,
                                 waggle_error *error)
{
    rows->numbers.size = 0;
    for (uint64_t i = 0; i < batch->count; i++) {
        uint64_t number;
        if (__builtin_add_overflow(rows->first_id, batch->rows[i], &number)) {
            return wg_fail(error, WAGGLE_INVALID,
                           "%s: row %" PRIu64 " would have an id above 2^64 - 1; give the rows "
                           "ids of their own",
                           rows->path, batch->rows[i]);
        }
        if (!wg_buffer_append(&rows->numbers, &number, sizeof(number))) {
            return wg_fail_memory(error, rows->numbers.size, "ids");
        }
    }
    points->id_numbers = (const uint64_t *)(const void *)rows->numbers.data;
    return WAGGLE_OK;
}

waggle_status cli_rows_points(cli_rows *rows, const cli_batch *batch, waggle_points *points,
                              waggle_error *error)
{
    waggle_status status = WAGGLE_OK;

    *points = (waggle_points){
        .struct_size = sizeof(*points),
        .vector_count = batch->vector_count,
        .count = batch->count,
        .ids = batch->ids,
        .vectors = rows->vectors,
        .payloads = batch->payloads,
        .convert = rows->convert,
    };
    for (uint32_t i = 0; i < batch->vector_count; i++) {
        rows->vectors[i] = batch->vectors[i];
        bool unnamed = rows->vectors[i].name == NULL || rows->vectors[i].name[0] == '\0';
        if (unnamed) rows->vectors[i].name = rows->vector;
    }
    if (batch->ids != NULL) return WAGGLE_OK;
    if (rows->id_field != NULL && batch->payloads != NULL) {
        status = take_ids(rows, batch, points, error);
    } else {
        status = number_rows(rows, batch, points, error);
    }
    return status;
}

static size_t row_stride(const waggle_rows *rows)
{
    return rows->stride != 0 ? rows->stride : waggle_vector_size(rows->type, rows->dim);
}

waggle_points cli_points_at(const waggle_points *points, uint64_t index, waggle_vectors *vectors)
{
    waggle_points one = *points;

    one.count = 1;
    one.vectors = vectors;
    if (points->ids != NULL) one.ids = points->ids + index;
    if (points->id_numbers != NULL) one.id_numbers = points->id_numbers + index;
    if (points->payloads != NULL) one.payloads = points->payloads + index;
    for (uint32_t i = 0; i < points->vector_count; i++) {
        const waggle_vectors *all = &points->vectors[i];
        vectors[i] = *all;
        vectors[i].rows.count = 1;
        vectors[i].rows.data = (const uint8_t *)all->rows.data + index * row_stride(&all->rows);
        if (all->present != NULL) vectors[i].present = all->present + index;
    }
    return one;
}

uint64_t cli_points_size(const waggle_points *points)
{
    uint64_t size = 0;

    for (uint32_t i = 0; i < points->vector_count; i++) {
        const waggle_rows *rows = &points->vectors[i].rows;
        size += points->count * waggle_vector_size(rows->type, rows->dim);
    }
    return size;
}

waggle_id cli_points_id(const waggle_points *points, uint64_t index)
{
    if (points->ids != NULL) return points->ids[index];
    return waggle_id_number(points->id_numbers[index]);
}
