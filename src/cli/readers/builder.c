// Rows collected as columns.
#include "cli/readers/source.h"

#include <string.h>

#define TEXTS_BLOCK ((size_t)256 << 10)

void cli_builder_init(cli_builder *builder)
{
    memset(builder, 0, sizeof *builder);
    wg_buffer_init(&builder->rows, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&builder->ids, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&builder->payloads, NULL, WG_MEMORY_SCRATCH);
    wg_arena_init(&builder->texts, NULL, WG_MEMORY_SCRATCH, TEXTS_BLOCK);
}

static void column_finish(cli_column *column)
{
    wg_free(column->name);
    wg_buffer_finish(&column->data);
    wg_buffer_finish(&column->present);
    memset(column, 0, sizeof *column);
}

void cli_builder_finish(cli_builder *builder)
{
    for (uint32_t i = 0; i < builder->column_count; i++)
        column_finish(&builder->columns[i]);
    builder->column_count = 0;
    wg_buffer_finish(&builder->rows);
    wg_buffer_finish(&builder->ids);
    wg_buffer_finish(&builder->payloads);
    wg_arena_finish(&builder->texts);
}

void cli_builder_reset(cli_builder *builder)
{
    builder->count = 0;
    builder->size = 0;
    builder->rows.size = 0;
    builder->ids.size = 0;
    builder->payloads.size = 0;
    wg_arena_reset(&builder->texts);
    for (uint32_t i = 0; i < builder->column_count; i++) {
        builder->columns[i].data.size = 0;
        builder->columns[i].present.size = 0;
        builder->columns[i].lacking = 0;
    }
}

void cli_builder_begin(cli_builder *builder)
{
    builder->columns_before = builder->column_count;
    builder->has_id = false;
    builder->has_payload = false;
    builder->id = waggle_id_number(0);
    builder->payload = (waggle_text){0};
}

bool cli_builder_has(const cli_builder *builder, const cli_column *column)
{
    return column->present.size > builder->count;
}

// Columns that this row does not give have a zero row.
static bool complete_columns(cli_builder *builder)
{
    for (uint32_t i = 0; i < builder->column_count; i++) {
        cli_column *column = &builder->columns[i];
        if (cli_builder_has(builder, column)) continue;
        if (!wg_buffer_append_zeros(&column->data, column->row_size)) return false;
        if (!wg_buffer_append_zeros(&column->present, 1)) return false;
        column->lacking++;
    }
    return true;
}

bool cli_builder_keep(cli_builder *builder, uint64_t row)
{
    bool kept = wg_buffer_append(&builder->rows, &row, sizeof row) &&
                wg_buffer_append(&builder->ids, &builder->id, sizeof builder->id) &&
                wg_buffer_append(&builder->payloads, &builder->payload, sizeof builder->payload) &&
                complete_columns(builder);
    if (!kept) {
        cli_builder_drop(builder);
        return false;
    }
    builder->has_ids = builder->has_id; // the sources see to it that it is all or none
    builder->count++;
    builder->size += builder->payload.size;
    for (uint32_t i = 0; i < builder->column_count; i++)
        builder->size += builder->columns[i].row_size;
    return true;
}

void cli_builder_drop(cli_builder *builder)
{
    uint64_t count = builder->count;
    builder->rows.size = count * sizeof(uint64_t);
    builder->ids.size = count * sizeof(waggle_id);
    builder->payloads.size = count * sizeof(waggle_text);

    // A bad row does not decide which columns there are.
    while (builder->column_count > builder->columns_before)
        column_finish(&builder->columns[--builder->column_count]);
    for (uint32_t i = 0; i < builder->column_count; i++) {
        cli_column *column = &builder->columns[i];
        if (column->present.size > count && column->present.data[count] == 0) column->lacking--;
        column->data.size = WG_MIN(column->data.size, count * column->row_size);
        column->present.size = WG_MIN(column->present.size, count);
    }
}

cli_column *cli_builder_find(cli_builder *builder, const char *name, size_t size)
{
    for (uint32_t i = 0; i < builder->column_count; i++) {
        cli_column *column = &builder->columns[i];
        const char *known = column->name == NULL ? "" : column->name;
        if (strlen(known) == size && (size == 0 || memcmp(known, name, size) == 0)) return column;
    }
    return NULL;
}

cli_column *cli_builder_add(cli_builder *builder, const char *name, size_t size, waggle_type type,
                            uint32_t dim)
{
    if (builder->column_count == WAGGLE_VECTOR_NAMES_MAX) return NULL;
    cli_column *column = &builder->columns[builder->column_count];
    *column = (cli_column){.type = type, .dim = dim, .row_size = waggle_vector_size(type, dim)};
    wg_buffer_init(&column->data, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&column->present, NULL, WG_MEMORY_SCRATCH);

    size_t zeros;
    bool added = wg_size_mul(builder->count, column->row_size, &zeros) &&
                 wg_buffer_append_zeros(&column->data, zeros) &&
                 wg_buffer_append_zeros(&column->present, builder->count);
    if (added && size > 0) {
        column->name = wg_alloc_zeroed(NULL, WG_MEMORY_SCRATCH, size + 1);
        added = column->name != NULL;
        if (added) memcpy(column->name, name, size);
    }
    if (!added) {
        column_finish(column);
        return NULL;
    }
    column->lacking = builder->count;
    builder->column_count++;
    return column;
}

void *cli_builder_vector(cli_builder *builder, cli_column *column)
{
    static const uint8_t yes = 1;
    size_t at = column->data.size;
    WG_ASSERT(!cli_builder_has(builder, column));
    if (!wg_buffer_reserve(&column->data, column->row_size)) return NULL;
    if (!wg_buffer_append(&column->present, &yes, 1)) return NULL;
    column->data.size += column->row_size;
    return column->data.data + at;
}

bool cli_builder_payload(cli_builder *builder, const char *json, size_t size)
{
    char *copy = wg_arena_copy(&builder->texts, json, size);
    if (copy == NULL) return false;
    builder->payload = (waggle_text){copy, size};
    builder->has_payload = true;
    return true;
}

void cli_builder_batch(cli_builder *builder, cli_batch *batch)
{
    const waggle_text *payloads = (const waggle_text *)(const void *)builder->payloads.data;
    bool has_payloads = false;
    for (uint64_t i = 0; i < builder->count && !has_payloads; i++)
        has_payloads = payloads[i].data != NULL;

    for (uint32_t i = 0; i < builder->column_count; i++) {
        const cli_column *column = &builder->columns[i];
        builder->vectors[i] = (waggle_vectors){
            .name = column->name,
            .rows = waggle_rows_of(column->type, column->data.data, builder->count, column->dim),
            .present = column->lacking > 0 ? column->present.data : NULL,
        };
    }
    *batch = (cli_batch){
        .count = builder->count,
        .rows = (const uint64_t *)(const void *)builder->rows.data,
        .vector_count = builder->column_count,
        .vectors = builder->vectors,
        .ids = builder->has_ids ? (const waggle_id *)(const void *)builder->ids.data : NULL,
        .payloads = has_payloads ? payloads : NULL,
    };
}
