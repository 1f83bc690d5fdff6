// Makes codes files: one pass over (a sample of) the rows for the center, then one for each kind of code. Memory is bounded:
// the codes of a block at a time are written as they come; the figures, 16 bytes per row, wait for their section.
#include "engine/codes_file.h"

#include <string.h>

#define BLOCK_SIZE ((size_t)1 << 20) // of codes, or of rows, between two looks at go_on
#define CENTER_ROWS \
    ((uint64_t)1 << 16) // its error is 1/256 of the rows' spread: it is only a choice
#define CHOICE_ROWS 256u
#define CHOICE_SIZE ((size_t)1 << 20) // of these rows; at least 4 of them

typedef struct build {
    const wg_codes_job *job;
    wg_segment_writer *writer;
    uint32_t field;
    const wg_vector_field *spec;
    const wg_sealed_column *column;
    uint64_t rows;
    // Scratch of the field.
    double *sums;
    float *row; // one, as float32
    float *center;
    float *scratch; // as wg_code_encode() wants it
    float *sample;
    uint32_t sample_rows;
    // Of a kind.
    wg_frame frame;
    uint8_t *codes; // a block
    wg_code_figures *figures;
} build;

static waggle_status go_on(const build *b, waggle_error *error)
{
    if (b->job->go_on(b->job->context)) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_CANCELED, "making codes was ended");
}

static waggle_status no_memory(const build *b, waggle_error *error)
{
    return wg_fail_memory(error, b->rows * sizeof(wg_code_figures), "making codes");
}

// Rows [first, first + count), verified.
static waggle_status rows_at(const build *b, uint64_t first, uint64_t count, const uint8_t **rows,
                             waggle_error *error)
{
    const void *bytes = NULL;
    waggle_status status =
        wg_segment_bytes(b->job->sealed->file, b->column->rows, first * b->column->stride,
                         count * b->column->stride, &bytes, error);
    *rows = bytes;
    return status;
}

static waggle_status row_read(const build *b, uint64_t row, float *target, waggle_error *error)
{
    const uint8_t *bytes = NULL;
    waggle_status status = rows_at(b, row, 1, &bytes, error);
    if (status == WAGGLE_OK) wg_row_to_f32(b->spec->type, bytes, b->spec->dim, target);
    return status;
}

// ---- The frame ----------------------------------------------------------------------------------

// The mean of rows that lie evenly. Those that lack the vector are zero, and would pull it away.
static waggle_status center_make(build *b, waggle_error *error)
{
    uint64_t step = (b->rows + CENTER_ROWS - 1) / CENTER_ROWS;
    uint64_t every = BLOCK_SIZE / b->column->stride + 1;
    uint64_t count = 0;
    waggle_status status = WAGGLE_OK;
    for (uint64_t row = 0; status == WAGGLE_OK && row < b->rows; row += step) {
        if (!wg_sealed_has(b->job->sealed, b->field, row)) continue;
        if (count++ % every == 0) status = go_on(b, error);
        if (status == WAGGLE_OK) status = row_read(b, row, b->row, error);
        if (status == WAGGLE_OK) wg_center_add(b->sums, b->row, b->spec->dim);
    }
    if (status == WAGGLE_OK) wg_center_finish(b->sums, count, b->spec->dim, b->center);
    return status;
}

static waggle_status sample_take(build *b, uint32_t most, waggle_error *error)
{
    uint64_t step = (b->rows + most - 1) / most;
    waggle_status status = WAGGLE_OK;
    for (uint64_t row = 0; status == WAGGLE_OK && row < b->rows; row += step) {
        if (!wg_sealed_has(b->job->sealed, b->field, row)) continue;
        status = row_read(b, row, b->sample + (size_t)b->sample_rows * b->spec->dim, error);
        b->sample_rows++;
    }
    return status;
}

// One choice for int8 and 4-bit, made by the coarser one; the bounds of 1-bit codes want a rotation.
static void frame_make(build *b, wg_code_kind kind)
{
    wg_frame_init(&b->frame, b->spec->metric, b->center, b->spec->dim, kind == WG_CODE_B1,
                  b->job->seed);
    if (kind != WG_CODE_B1)
        (void)wg_frame_choose(&b->frame, WG_CODE_I4, b->sample, b->spec->dim, b->sample_rows,
                              b->codes, b->scratch);
}

// ---- Sections -----------------------------------------------------------------------------------

static waggle_status section_begin(build *b, wg_section_kind section, wg_code_kind kind,
                                   uint32_t stride, uint64_t size, wg_section_handle *handle,
                                   waggle_error *error)
{
    return wg_segment_section_begin(b->writer, section, wg_codes_name(b->field, kind), 0, stride,
                                    size, handle, error);
}

static waggle_status frame_write(build *b, wg_code_kind kind, waggle_error *error)
{
    uint8_t head[WG_CODES_FRAME_SIZE];
    size_t center_size = b->spec->dim * sizeof(float);
    wg_section_handle section;
    wg_codes_frame_put(head, b->job->sealed, b->field, kind, &b->frame);
    waggle_status status = section_begin(b, WG_SECTION_CODE_FRAME, kind, 0,
                                         sizeof head + center_size, &section, error);
    if (status == WAGGLE_OK)
        status = wg_segment_section_append(b->writer, section, head, sizeof head, error);
    if (status == WAGGLE_OK)
        status = wg_segment_section_append(b->writer, section, b->center, center_size, error);
    return status == WAGGLE_OK ? wg_segment_section_end(b->writer, section, error) : status;
}

static waggle_status codes_write(build *b, wg_code_kind kind, waggle_error *error)
{
    size_t stride = wg_code_stride(kind, b->spec->dim);
    uint64_t block = BLOCK_SIZE / stride;
    wg_section_handle section;
    waggle_status status = section_begin(b, WG_SECTION_CODES, kind, (uint32_t)stride,
                                         b->rows * stride, &section, error);
    for (uint64_t row = 0; status == WAGGLE_OK && row < b->rows; row += block) {
        uint64_t count = WG_MIN(block, b->rows - row);
        const uint8_t *rows = NULL;
        status = go_on(b, error);
        if (status == WAGGLE_OK) status = rows_at(b, row, count, &rows, error);
        if (status != WAGGLE_OK) break;
        const wg_encode_job encode = {.frame = &b->frame,
                                      .kind = kind,
                                      .type = b->spec->type,
                                      .rows = rows,
                                      .stride = b->column->stride,
                                      .count = count,
                                      .codes = b->codes,
                                      .figures = b->figures + row,
                                      .heap = b->job->heap};
        status = wg_device_encode(b->job->device, &encode, error);
        if (status == WAGGLE_OK)
            status = wg_segment_section_append(b->writer, section, b->codes, count * stride, error);
    }
    return status == WAGGLE_OK ? wg_segment_section_end(b->writer, section, error) : status;
}

static waggle_status figures_write(build *b, wg_code_kind kind, waggle_error *error)
{
    size_t size = b->rows * sizeof *b->figures;
    wg_section_handle section;
    waggle_status status =
        section_begin(b, WG_SECTION_CODE_FIGURES, kind, 0, size, &section, error);
    if (status == WAGGLE_OK)
        status = wg_segment_section_append(b->writer, section, b->figures, size, error);
    return status == WAGGLE_OK ? wg_segment_section_end(b->writer, section, error) : status;
}

static waggle_status kind_write(build *b, wg_code_kind kind, waggle_error *error)
{
    frame_make(b, kind);
    waggle_status status = frame_write(b, kind, error);
    if (status == WAGGLE_OK) status = codes_write(b, kind, error);
    if (status == WAGGLE_OK) status = figures_write(b, kind, error);
    return status;
}

// ---- Fields -------------------------------------------------------------------------------------

static waggle_status scratch_take(build *b, wg_arena *arena, uint32_t sample_rows,
                                  waggle_error *error)
{
    uint32_t dim = b->spec->dim;
    b->sums = wg_arena_alloc(arena, dim * sizeof *b->sums, 64);
    b->center = wg_arena_alloc(arena, dim * sizeof *b->center, 64);
    b->row = wg_arena_alloc(arena, dim * sizeof *b->row, 64);
    b->scratch = wg_arena_alloc(arena, dim * sizeof *b->scratch, 64);
    b->sample = wg_arena_alloc(arena, (size_t)sample_rows * dim * sizeof *b->sample, 64);
    if (b->sums == NULL || b->center == NULL || b->row == NULL || b->scratch == NULL ||
        b->sample == NULL)
        return no_memory(b, error);
    memset(b->sums, 0, dim * sizeof *b->sums);
    return WAGGLE_OK;
}

static waggle_status kinds_write(build *b, waggle_error *error)
{
    wg_heap *heap = b->job->heap;
    uint32_t kinds = wg_codes_kinds(b->spec->scan);
    size_t figures_size = b->rows * sizeof *b->figures;
    waggle_status status = wg_heap_admit(heap, figures_size + BLOCK_SIZE, error);
    if (status != WAGGLE_OK) return status;
    b->codes = wg_pages_alloc(heap, WG_MEMORY_SCRATCH, BLOCK_SIZE);
    b->figures = wg_pages_alloc(heap, WG_MEMORY_SCRATCH, figures_size);
    if (b->codes == NULL || b->figures == NULL) status = no_memory(b, error);
    for (uint32_t kind = WG_CODE_I8; status == WAGGLE_OK && kind <= WG_CODE_B1; kind++)
        if (kinds >> kind & 1) status = kind_write(b, (wg_code_kind)kind, error);
    wg_pages_free(heap, WG_MEMORY_SCRATCH, b->figures, figures_size);
    wg_pages_free(heap, WG_MEMORY_SCRATCH, b->codes, BLOCK_SIZE);
    return status;
}

static waggle_status field_write(const wg_codes_job *job, wg_segment_writer *writer, uint32_t field,
                                 waggle_error *error)
{
    build b = {.job = job,
               .writer = writer,
               .field = field,
               .spec = &job->sealed->spec->fields[field],
               .column = &job->sealed->columns[field],
               .rows = job->sealed->entry.rows};
    size_t fitting = CHOICE_SIZE / (b.spec->dim * sizeof(float));
    uint32_t sample_rows = (uint32_t)WG_MAX(WG_MIN(fitting, CHOICE_ROWS), 4u);
    wg_arena arena;
    wg_arena_init(&arena, job->heap, WG_MEMORY_SCRATCH, (size_t)64 << 10);
    waggle_status status = scratch_take(&b, &arena, sample_rows, error);
    if (status == WAGGLE_OK) status = center_make(&b, error);
    if (status == WAGGLE_OK) status = sample_take(&b, sample_rows, error);
    if (status == WAGGLE_OK) status = kinds_write(&b, error);
    wg_arena_finish(&arena);
    return status;
}

// ---- Files --------------------------------------------------------------------------------------

uint64_t wg_codes_size(const wg_codes_job *job)
{
    const wg_spec *spec = job->sealed->spec;
    uint64_t size = 0;
    for (uint32_t i = 0; i < spec->count; i++) {
        uint32_t kinds = job->fields >> i & 1 ? wg_codes_kinds(spec->fields[i].scan) : 0;
        for (uint32_t kind = WG_CODE_I8; kind <= WG_CODE_B1; kind++)
            if (kinds >> kind & 1)
                size += wg_code_stride((wg_code_kind)kind, spec->fields[i].dim) +
                        sizeof(wg_code_figures);
    }
    return size * job->sealed->entry.rows;
}

waggle_status wg_codes_write(const wg_codes_job *job, uint64_t *size, waggle_error *error)
{
    const wg_sealed *sealed = job->sealed;
    wg_segment_writer *writer = NULL;
    waggle_status status = wg_segment_create(job->vfs, job->heap, job->path, &writer, error);
    if (status == WAGGLE_OK)
        status = wg_segment_part_begin(writer, sealed->part->collection, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < sealed->spec->count; i++)
        if (job->fields >> i & 1) status = field_write(job, writer, i, error);
    if (status == WAGGLE_OK)
        status = wg_segment_part_end(writer, sealed->entry.rows, sealed->entry.sequence, error);
    if (status == WAGGLE_OK) status = wg_segment_finish(writer, size, NULL, error);
    wg_segment_writer_destroy(writer); // an unfinished file is removed
    return status;
}
