// Writing the rows of a collection as a part of a segment: one section after the other, each in one pass over the
// rows, so that memory stays small however many rows there are.
#include "base/bytes.h"
#include "engine/engine.h"

static waggle_status write_all(wg_segment_writer *writer, wg_section_kind kind, uint32_t field,
                               uint32_t stride, const void *data, size_t size, waggle_error *error)
{
    wg_section_handle section;
    waggle_status status = wg_segment_section_begin(
        writer, kind, (uint16_t)field, WG_SECTION_REQUIRED, stride, size, &section, error);
    if (status == WAGGLE_OK) status = wg_segment_section_append(writer, section, data, size, error);
    if (status == WAGGLE_OK) status = wg_segment_section_end(writer, section, error);
    return status;
}

// What a pass over the vectors of one field leaves behind.
typedef struct column_pass {
    float *norms;      // NULL if the field keeps none
    uint64_t *present; // a bit per row
    uint64_t count;    // rows that have it
    void *zeros;       // a row of a point that lacks it
} column_pass;

static waggle_status vectors_write(wg_segment_writer *writer, const wg_rows_source *source,
                                   uint32_t field, column_pass *pass, waggle_error *error)
{
    size_t stride = source->spec->fields[field].stride;
    wg_section_handle section;
    waggle_status status =
        wg_segment_section_begin(writer, WG_SECTION_VECTORS, (uint16_t)field, WG_SECTION_REQUIRED,
                                 (uint32_t)stride, source->rows * stride, &section, error);
    for (uint64_t place = 0; status == WAGGLE_OK && place < source->rows; place++) {
        const void *data = NULL;
        float norm = 0;
        status = source->vector(source->context, place, field, &data, &norm, error);
        if (status != WAGGLE_OK) break;
        if (data != NULL) {
            pass->present[place / 64] |= (uint64_t)1 << (place % 64);
            pass->count++;
        }
        if (pass->norms != NULL) pass->norms[place] = data == NULL ? 0 : norm;
        status = wg_segment_section_append(writer, section, data == NULL ? pass->zeros : data,
                                           stride, error);
    }
    return status == WAGGLE_OK ? wg_segment_section_end(writer, section, error) : status;
}

// A field that no row has is left out.
static waggle_status field_used(const wg_rows_source *source, uint32_t field, bool *used,
                                waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    *used = false;
    for (uint64_t place = 0; status == WAGGLE_OK && !*used && place < source->rows; place++) {
        const void *data = NULL;
        float norm = 0;
        status = source->vector(source->context, place, field, &data, &norm, error);
        *used = data != NULL;
    }
    return status;
}

static waggle_status field_write(wg_segment_writer *writer, wg_heap *heap,
                                 const wg_rows_source *source, uint32_t field, waggle_error *error)
{
    const wg_vector_field *spec = &source->spec->fields[field];
    size_t norms_size = source->rows * sizeof(float);
    size_t present_size = (source->rows + 63) / 64 * 8;
    bool used = false;
    column_pass pass = {0};
    waggle_status status = field_used(source, field, &used, error);
    if (status != WAGGLE_OK || !used) return status;
    pass.present = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, present_size);
    pass.zeros = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, spec->stride);
    if (spec->keeps_norm) pass.norms = wg_alloc(heap, WG_MEMORY_SCRATCH, norms_size);
    if (pass.present == NULL || pass.zeros == NULL || (spec->keeps_norm && pass.norms == NULL))
        status = wg_fail_memory(error, norms_size + present_size, "writing a segment");
    if (status == WAGGLE_OK) status = vectors_write(writer, source, field, &pass, error);
    if (status == WAGGLE_OK && pass.norms != NULL)
        status = write_all(writer, WG_SECTION_NORMS, field, 0, pass.norms, norms_size, error);
    if (status == WAGGLE_OK && pass.count < source->rows)
        status = write_all(writer, WG_SECTION_PRESENT, field, 0, pass.present, present_size, error);
    wg_free(pass.present);
    wg_free(pass.zeros);
    wg_free(pass.norms);
    return status;
}

static waggle_status versions_write(wg_segment_writer *writer, const wg_rows_source *source,
                                    waggle_error *error)
{
    wg_section_handle section;
    waggle_status status = wg_segment_section_begin(
        writer, WG_SECTION_VERSIONS, 0, WG_SECTION_REQUIRED, 0, source->rows * 8, &section, error);
    for (uint64_t place = 0; status == WAGGLE_OK && place < source->rows; place++) {
        uint64_t version = 0;
        uint8_t bytes[8];
        status = source->version(source->context, place, &version, error);
        wg_put64(bytes, version);
        if (status == WAGGLE_OK)
            status = wg_segment_section_append(writer, section, bytes, sizeof bytes, error);
    }
    return status == WAGGLE_OK ? wg_segment_section_end(writer, section, error) : status;
}

static waggle_status ids_write(wg_segment_writer *writer, wg_heap *heap,
                               const wg_rows_source *source, waggle_error *error)
{
    wg_id_writer *ids = wg_id_writer_create(heap);
    if (ids == NULL) return wg_fail_memory(error, source->rows * 13, "writing ids");
    waggle_status status = WAGGLE_OK;
    for (uint64_t place = 0; status == WAGGLE_OK && place < source->rows; place++) {
        waggle_id id;
        uint64_t replaced = UINT64_MAX;
        source->id(source->context, place, &id);
        status = wg_id_writer_add(ids, &id, &replaced, error);
        WG_ASSERT(status != WAGGLE_OK || replaced == UINT64_MAX); // live points have distinct ids
    }
    if (status == WAGGLE_OK) status = wg_id_writer_write(ids, writer, error);
    wg_id_writer_destroy(ids);
    return status;
}

static waggle_status payloads_write(wg_segment_writer *writer, wg_heap *heap,
                                    const wg_rows_source *source, waggle_error *error)
{
    wg_document_writer *documents = NULL;
    waggle_status status = wg_document_writer_create(heap, writer, &documents, error);
    for (uint64_t place = 0; status == WAGGLE_OK && place < source->rows; place++) {
        waggle_text payload;
        status = source->payload(source->context, place, &payload, error);
        if (status == WAGGLE_OK) status = wg_document_writer_add(documents, payload, error);
    }
    if (status == WAGGLE_OK) status = wg_document_writer_finish(documents, error);
    wg_document_writer_destroy(documents);
    return status;
}

waggle_status wg_part_write(wg_segment_writer *writer, wg_heap *heap, uint32_t collection,
                            const wg_rows_source *source, uint64_t sequence, waggle_error *error)
{
    waggle_status status = wg_segment_part_begin(writer, collection, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < source->spec->count; i++)
        status = field_write(writer, heap, source, i, error);
    if (status == WAGGLE_OK) status = versions_write(writer, source, error);
    if (status == WAGGLE_OK) status = ids_write(writer, heap, source, error);
    if (status == WAGGLE_OK) status = payloads_write(writer, heap, source, error);
    if (status == WAGGLE_OK) status = wg_segment_part_end(writer, source->rows, sequence, error);
    return status;
}

waggle_status wg_segment_begin(waggle_database *database, uint32_t owner, wg_part_entry *part,
                               wg_segment_writer **writer, waggle_error *error)
{
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    wg_mutex_lock(&database->catalog_lock);
    *part = (wg_part_entry){.file = wg_manifest_file_next(database->manifest), .owner = owner};
    wg_mutex_unlock(&database->catalog_lock);
    wg_name_segment(name, part);
    waggle_status status = wg_database_path(database, name, path, error);
    if (status == WAGGLE_OK)
        status = wg_segment_create(database->vfs, &database->heap, path, writer, error);
    return status;
}
