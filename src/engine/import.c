// Bulk import: rows go straight into segment files, each byte once. A full segment is synced, then a record in the
// log refers to it (with size and SHA-256); when that record is applied its points are visible. Rows lie in the order
// in which they came; a rank section says their order by id where that differs.
//
// The vectors of the first field are written as they come. What else belongs to the current segment waits in memory
// and follows in the file: ids, norms, payloads (at most 64 MiB) and, where a point has several vectors, the others
// (then a segment has at most 64 MiB of rows).
#include "engine/codes.h"
#include "engine/engine.h"

#define SEGMENT_SIZE ((size_t)256 << 20)
#define SEGMENT_SIZE_SEVERAL ((size_t)64 << 20) // when a point has several vectors
#define SEGMENT_ROWS_MAX ((uint64_t)4 << 20)
#define PAYLOAD_SIZE_MAX ((size_t)64 << 20)

typedef struct import_column {
    wg_section_handle rows; // of the first field; of the others
    wg_buffer waiting;      //   the rows
    wg_buffer norms;        // f32 per row
    wg_buffer present;      // a byte per row; made into bits at the end
    bool lacking;           // some row lacks the vector
} import_column;

// A segment whose bytes are all written: what is left to do waits for the disk and for the SHA-256, and so a thread does
// it while the next segment is filled. One at a time.
typedef struct segment_ending {
    waggle_collection *collection;
    wg_segment_writer *writer; // NULL = no segment is ending
    wg_part_entry part;
    wg_thread thread;
    waggle_status status;
    waggle_error error;
} segment_ending;

struct waggle_import {
    waggle_collection *collection;
    segment_ending ending;
    bool failed; // a file could not be written: what was added since the last segment is lost
    wg_segment_writer *writer;
    wg_part_entry part;
    wg_id_writer *ids;
    wg_buffer payload_bytes;
    wg_buffer payload_sizes; // u32 per row, WG_PAYLOAD_ABSENT
    uint64_t rows;           // of the current segment
    uint64_t rows_max;
    uint64_t durable;
    uint8_t *scratch; // one row
    size_t scratch_size;
    import_column columns[WAGGLE_VECTOR_NAMES_MAX];
};

static wg_heap *heap_of(const waggle_import *import)
{
    return &import->collection->database->heap;
}

static waggle_status no_memory(const waggle_import *import, waggle_error *error)
{
    return wg_fail_memory(error, import->payload_bytes.capacity, "a bulk import");
}

// ---- A segment -----------------------------------------------------------------------------------

static void segment_reset(waggle_import *import)
{
    wg_segment_writer_destroy(import->writer); // an unfinished file is removed
    wg_id_writer_destroy(import->ids);
    import->writer = NULL;
    import->ids = NULL;
    import->rows = 0;
    import->payload_bytes.size = 0;
    import->payload_sizes.size = 0;
    for (uint32_t i = 0; i < import->collection->spec->count; i++) {
        import->columns[i].waiting.size = 0;
        import->columns[i].norms.size = 0;
        import->columns[i].present.size = 0;
        import->columns[i].lacking = false;
    }
}

// Begins a file for the rows to come.
static waggle_status segment_start(waggle_import *import, waggle_error *error)
{
    size_t stride = import->collection->spec->fields[0].stride;
    if (import->writer != NULL) return WAGGLE_OK;
    import->ids = wg_id_writer_create(heap_of(import));
    if (import->ids == NULL) return no_memory(import, error);
    waggle_status status = wg_segment_begin(import->collection->database, import->collection->id,
                                            &import->part, &import->writer, error);
    if (status == WAGGLE_OK)
        status = import->collection->database->background
                     ? wg_segment_digest_begin_thread(import->writer, error)
                     : wg_segment_digest_begin(import->writer, error);
    if (status == WAGGLE_OK)
        status = wg_segment_part_begin(import->writer, import->collection->id, error);
    if (status == WAGGLE_OK)
        status = wg_segment_section_begin(
            import->writer, WG_SECTION_VECTORS, 0, WG_SECTION_REQUIRED, (uint32_t)stride,
            import->rows_max * stride, &import->columns[0].rows, error);
    return status;
}

static waggle_status section_write(waggle_import *import, wg_section_kind kind, uint32_t field,
                                   uint32_t stride, const void *data, size_t size,
                                   waggle_error *error)
{
    wg_section_handle section;
    waggle_status status = wg_segment_section_begin(
        import->writer, kind, (uint16_t)field, WG_SECTION_REQUIRED, stride, size, &section, error);
    if (status == WAGGLE_OK)
        status = wg_segment_section_append(import->writer, section, data, size, error);
    if (status == WAGGLE_OK) status = wg_segment_section_end(import->writer, section, error);
    return status;
}

static waggle_status present_write(waggle_import *import, uint32_t field, waggle_error *error)
{
    size_t size = (import->rows + 63) / 64 * 8;
    uint8_t *bits = wg_alloc_zeroed(heap_of(import), WG_MEMORY_SCRATCH, size);
    if (bits == NULL) return no_memory(import, error);
    for (uint64_t row = 0; row < import->rows; row++)
        if (import->columns[field].present.data[row] != 0)
            bits[row / 8] |= (uint8_t)(1u << (row % 8));
    waggle_status status = section_write(import, WG_SECTION_PRESENT, field, 0, bits, size, error);
    wg_free(bits);
    return status;
}

static waggle_status payloads_write(waggle_import *import, waggle_error *error)
{
    wg_document_writer *documents = NULL;
    waggle_status status =
        wg_document_writer_create(heap_of(import), import->writer, &documents, error);
    const uint32_t *sizes = (const uint32_t *)(const void *)import->payload_sizes.data;
    const char *at = (const char *)import->payload_bytes.data;
    for (uint64_t row = 0; status == WAGGLE_OK && row < import->rows; row++) {
        waggle_text payload = {NULL, 0};
        if (sizes[row] != WG_PAYLOAD_ABSENT) {
            payload = (waggle_text){at, sizes[row]};
            at += sizes[row];
        }
        status = wg_document_writer_add(documents, payload, error);
    }
    if (status == WAGGLE_OK) status = wg_document_writer_finish(documents, error);
    wg_document_writer_destroy(documents);
    return status;
}

// Everything behind the vectors.
static waggle_status segment_complete(waggle_import *import, waggle_error *error)
{
    const wg_spec *spec = import->collection->spec;
    waggle_status status = wg_segment_section_end(import->writer, import->columns[0].rows, error);
    for (uint32_t i = 1; status == WAGGLE_OK && i < spec->count; i++)
        status =
            section_write(import, WG_SECTION_VECTORS, i, (uint32_t)spec->fields[i].stride,
                          import->columns[i].waiting.data, import->columns[i].waiting.size, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < spec->count; i++) {
        const import_column *column = &import->columns[i];
        if (spec->fields[i].keeps_norm)
            status = section_write(import, WG_SECTION_NORMS, i, 0, column->norms.data,
                                   column->norms.size, error);
        if (status == WAGGLE_OK && column->lacking) status = present_write(import, i, error);
    }
    if (status == WAGGLE_OK) status = wg_id_writer_write(import->ids, import->writer, error);
    if (status == WAGGLE_OK) status = payloads_write(import, error);
    // The versions are the sequence of the record, which the manifest keeps.
    if (status == WAGGLE_OK) status = wg_segment_part_end(import->writer, import->rows, 0, error);
    return status;
}

// After a write that failed: can its record be in the log, or come back from it? Then the file stays.
static bool may_be_logged(waggle_collection *collection)
{
    wg_mutex_lock(&collection->write);
    bool behind = collection->behind != 0;
    wg_mutex_unlock(&collection->write);
    return behind || wg_log_state_get(collection->database->log).failed;
}

// Makes a finished segment part of the collection, through the log.
static waggle_status segment_publish(segment_ending *ending, const wg_record_segment *record,
                                     waggle_error *error)
{
    waggle_collection *collection = ending->collection;
    waggle_database *database = collection->database;
    wg_sealed *sealed = NULL;
    wg_batch batch;
    waggle_status status =
        wg_files_part_add(&database->files, ending->part.file, ending->part.owner, error);
    if (status != WAGGLE_OK) return status;
    wg_batch_init(&batch, &database->heap);
    status = wg_sealed_open(&database->files, &database->heap, collection->spec, &ending->part,
                            &sealed, error);
    if (status == WAGGLE_OK) status = wg_batch_segment(&batch, record, error);
    if (status == WAGGLE_OK)
        status = wg_write(collection, WG_RECORD_SEGMENT, &batch, sealed, NULL, NULL, error);
    wg_batch_finish(&batch);
    wg_sealed_release(sealed);
    if (status == WAGGLE_OK) wg_codes_want(database);
    if (status != WAGGLE_OK && !may_be_logged(collection))
        wg_files_part_drop(&database->files, ending->part.file);
    return status;
}

static void ending_run(void *context)
{
    segment_ending *ending = context;
    waggle_error *error = &ending->error;
    wg_record_segment record = {
        .file = ending->part.file, .owner = ending->part.owner, .rows = ending->part.rows};
    ending->status = wg_segment_finish(ending->writer, &record.size, record.digest, error);
    ending->part.bytes = record.size;
    wg_segment_writer_destroy(ending->writer); // closes the file; an unfinished one is removed
    if (ending->status == WAGGLE_OK) ending->status = segment_publish(ending, &record, error);
}

// Waits until the segment that is ending is durable and visible, or failed.
static waggle_status ending_wait(waggle_import *import, waggle_error *error)
{
    segment_ending *ending = &import->ending;
    if (ending->writer == NULL) return WAGGLE_OK;
    wg_thread_join(&ending->thread);
    ending->writer = NULL;
    if (ending->status == WAGGLE_OK) {
        import->durable += ending->part.rows;
        return WAGGLE_OK;
    }
    import->failed = true;
    if (error != NULL) *error = ending->error;
    return ending->status;
}

static waggle_status segment_flush(waggle_import *import, waggle_error *error)
{
    if (import->rows == 0) return WAGGLE_OK;
    waggle_status status = segment_complete(import, error);
    if (status == WAGGLE_OK) status = ending_wait(import, error);
    if (status == WAGGLE_OK) {
        segment_ending *ending = &import->ending;
        *ending = (segment_ending){.collection = import->collection, .part = import->part};
        ending->part.rows = import->rows;
        ending->writer = import->writer;
        import->writer = NULL; // moved
        // Without a thread: here.
        if (!import->collection->database->background ||
            wg_thread_start(&ending->thread, "waggle-import", ending_run, ending, NULL) !=
                WAGGLE_OK)
            ending_run(ending);
    } else {
        import->failed = true;
    }
    segment_reset(import);
    return status;
}

// ---- Adding --------------------------------------------------------------------------------------

// Everything that can be wrong with a batch is found before any of it is added.
static waggle_status batch_check(waggle_import *import, const wg_points_source *source,
                                 waggle_error *error)
{
    const waggle_points *points = source->points;
    waggle_status status = WAGGLE_OK;
    for (uint64_t row = 0; status == WAGGLE_OK && row < points->count; row++) {
        waggle_id id;
        waggle_text payload;
        wg_points_id(points, row, &id);
        status = wg_id_check(&id, error);
        if (status != WAGGLE_OK) return wg_fail_context(error, status, "row %" PRIu64, row);
        status = wg_points_payload(points, row, &payload, error);
        for (uint32_t i = 0; status == WAGGLE_OK && i < source->spec->count; i++) {
            float norm;
            if (wg_points_has(source, i, row))
                status = wg_points_vector(source, i, row, import->scratch, &norm, error);
        }
    }
    return status;
}

static waggle_status row_put(waggle_import *import, uint32_t field, const void *row, size_t size,
                             waggle_error *error)
{
    import_column *column = &import->columns[field];
    if (field == 0)
        return wg_segment_section_append(import->writer, column->rows, row, size, error);
    return wg_buffer_append(&column->waiting, row, size) ? WAGGLE_OK : no_memory(import, error);
}

static waggle_status vector_add(waggle_import *import, const wg_points_source *source,
                                uint32_t field, uint64_t row, waggle_error *error)
{
    const wg_vector_field *spec = &source->spec->fields[field];
    import_column *column = &import->columns[field];
    uint8_t present = wg_points_has(source, field, row);
    float norm = 0;
    if (present != 0) {
        waggle_status status = wg_points_vector(source, field, row, import->scratch, &norm, error);
        if (status != WAGGLE_OK) return status;
    } else {
        memset(import->scratch, 0, spec->stride);
        column->lacking = true;
    }
    if (!wg_buffer_append(&column->present, &present, 1) ||
        (spec->keeps_norm && !wg_buffer_append(&column->norms, &norm, sizeof norm)))
        return no_memory(import, error);
    return row_put(import, field, import->scratch, spec->stride, error);
}

// The caller's rows are, byte for byte, what the segment holds: they were checked, and need no conversion.
static bool rows_are_stored_so(const wg_points_source *source, uint32_t field)
{
    const wg_vector_field *to = &source->spec->fields[field];
    const waggle_vectors *from = source->columns[field];
    return from != NULL && from->present == NULL && from->rows.type == to->type &&
           !to->keeps_norm && to->type != WAGGLE_B1 && to->size == to->stride &&
           (from->rows.stride == 0 || from->rows.stride == to->size);
}

static waggle_status vectors_add(waggle_import *import, const wg_points_source *source,
                                 uint32_t field, uint64_t first, uint64_t count,
                                 waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    if (!rows_are_stored_so(source, field)) {
        for (uint64_t row = first; status == WAGGLE_OK && row < first + count; row++)
            status = vector_add(import, source, field, row, error);
        return status;
    }
    size_t stride = source->spec->fields[field].stride;
    const uint8_t *rows = source->columns[field]->rows.data;
    wg_buffer *present = &import->columns[field].present;
    if (!wg_buffer_append_zeros(present, count)) return no_memory(import, error);
    memset(present->data + present->size - count, 1, count);
    return row_put(import, field, rows + first * stride, count * stride, error);
}

static waggle_status id_and_payload_add(waggle_import *import, const waggle_points *points,
                                        uint64_t row, waggle_error *error)
{
    waggle_id id;
    uint64_t replaced;
    wg_points_id(points, row, &id);
    waggle_status status = wg_id_writer_add(import->ids, &id, &replaced, error);
    if (status != WAGGLE_OK) return status;
    waggle_text payload = points->payloads == NULL ? (waggle_text){NULL, 0} : points->payloads[row];
    uint32_t size = payload.data == NULL ? WG_PAYLOAD_ABSENT : (uint32_t)payload.size;
    if (!wg_buffer_append(&import->payload_sizes, &size, sizeof size) ||
        (payload.data != NULL &&
         !wg_buffer_append(&import->payload_bytes, payload.data, payload.size)))
        return no_memory(import, error);
    return WAGGLE_OK;
}

static bool is_full(const waggle_import *import)
{
    return import->rows >= import->rows_max || import->payload_bytes.size > PAYLOAD_SIZE_MAX;
}

// Adds rows from *first on until the segment is full, and ends it then.
static waggle_status rows_add(waggle_import *import, const wg_points_source *source,
                              uint64_t *first, waggle_error *error)
{
    uint64_t begin = *first;
    waggle_status status = segment_start(import, error);
    while (status == WAGGLE_OK && *first < source->points->count && !is_full(import)) {
        status = id_and_payload_add(import, source->points, *first, error);
        import->rows++;
        ++*first;
    }
    for (uint32_t i = 0; status == WAGGLE_OK && i < source->spec->count; i++)
        status = vectors_add(import, source, i, begin, *first - begin, error);
    if (status == WAGGLE_OK && is_full(import)) {
        status = segment_flush(import, error);
        // Without threads it has ended: its error belongs to this call.
        if (status == WAGGLE_OK && !import->collection->database->background)
            status = ending_wait(import, error);
    }
    return status;
}

static waggle_status usable(const waggle_import *import, waggle_error *error)
{
    if (import->failed)
        return wg_fail(error, WAGGLE_IO, "the import failed before; %" PRIu64 " points are durable",
                       import->durable);
    return WAGGLE_OK;
}

waggle_status waggle_import_add(waggle_import *import, const waggle_points *points,
                                waggle_error *error)
{
    wg_points_source source;
    wg_error_clear(error);
    waggle_status status = usable(import, error);
    if (status == WAGGLE_OK)
        status = wg_points_check(import->collection->spec, points, &source, error);
    if (status == WAGGLE_OK)
        status = wg_write_admit(import->collection, (size_t)points->count * 64, error);
    if (status == WAGGLE_OK) status = batch_check(import, &source, error);
    if (status != WAGGLE_OK) return status;
    for (uint64_t row = 0; status == WAGGLE_OK && row < points->count;)
        status = rows_add(import, &source, &row, error);
    if (status != WAGGLE_OK) {
        import->failed = true;
        segment_reset(import);
    }
    return status;
}

// ---- Front ---------------------------------------------------------------------------------------

waggle_status waggle_import_open(waggle_collection *collection, waggle_import **import,
                                 waggle_error *error)
{
    wg_heap *heap = &collection->database->heap;
    wg_error_clear(error);
    waggle_status status = wg_write_admit(collection, SEGMENT_SIZE / 64, error);
    if (status != WAGGLE_OK) return status;
    if (atomic_exchange(&collection->importing, true))
        return wg_fail(error, WAGGLE_EXISTS, "an import into this collection is running already");
    waggle_import *made = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, sizeof *made);
    if (made != NULL) {
        made->collection = collection;
        for (uint32_t i = 0; i < collection->spec->count; i++)
            made->scratch_size = WG_MAX(made->scratch_size, collection->spec->fields[i].stride);
        made->scratch = wg_pages_alloc(heap, WG_MEMORY_SCRATCH, made->scratch_size);
    }
    if (made == NULL || made->scratch == NULL) {
        wg_free(made);
        atomic_store(&collection->importing, false);
        return wg_fail_memory(error, sizeof *made, "a bulk import");
    }
    size_t size = collection->spec->count == 1 ? SEGMENT_SIZE : SEGMENT_SIZE_SEVERAL;
    made->rows_max = WG_MIN(WG_MAX(size / collection->spec->row_size, 1u), SEGMENT_ROWS_MAX);
    wg_buffer_init(&made->payload_bytes, heap, WG_MEMORY_PAYLOAD);
    wg_buffer_init(&made->payload_sizes, heap, WG_MEMORY_PAYLOAD);
    for (uint32_t i = 0; i < collection->spec->count; i++) {
        wg_buffer_init(&made->columns[i].waiting, heap, WG_MEMORY_ROWS);
        wg_buffer_init(&made->columns[i].norms, heap, WG_MEMORY_ROWS);
        wg_buffer_init(&made->columns[i].present, heap, WG_MEMORY_ROWS);
    }
    *import = made;
    return WAGGLE_OK;
}

uint64_t waggle_import_durable(const waggle_import *import)
{
    return import->durable;
}

waggle_status waggle_import_commit(waggle_import *import, waggle_error *error)
{
    waggle_collection *collection = import->collection;
    wg_error_clear(error);
    waggle_status status = usable(import, error);
    if (status == WAGGLE_OK) status = segment_flush(import, error);
    if (status == WAGGLE_OK) status = ending_wait(import, error);
    if (status != WAGGLE_OK) return status;
    // The manifest takes over from the log, which can then be trimmed.
    wg_mutex_lock(&collection->database->care);
    status = wg_seal(collection->database, &collection, 1, error);
    wg_mutex_unlock(&collection->database->care);
    wg_codes_now(collection->database);
    return status;
}

void waggle_import_close(waggle_import *import)
{
    if (import == NULL) return;
    waggle_collection *collection = import->collection;
    (void)ending_wait(import, NULL); // full, and so it stays
    segment_reset(import);
    wg_buffer_finish(&import->payload_bytes);
    wg_buffer_finish(&import->payload_sizes);
    for (uint32_t i = 0; i < collection->spec->count; i++) {
        wg_buffer_finish(&import->columns[i].waiting);
        wg_buffer_finish(&import->columns[i].norms);
        wg_buffer_finish(&import->columns[i].present);
    }
    wg_pages_free(heap_of(import), WG_MEMORY_SCRATCH, import->scratch, import->scratch_size);
    wg_free(import);
    atomic_store(&collection->importing, false);
}
