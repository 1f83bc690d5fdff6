// Records of the log. Little-endian; every part begins at a multiple of 8 and is padded with zeros.
//
//   UPSERT, PAYLOAD, DELETE
//     u32 count | u32 fields (bit i: vector i of the spec is given) | u32 size of ids | u32 size of payloads
//     ids       per point: u8 size, encoded id (storage/ids.h)
//     payloads  u32 size per point, 0xFFFFFFFF = absent; then the bytes        (not in DELETE)
//     per field, ascending:                                                    (UPSERT only)
//       u64 words of presence, one bit per point
//       f32 norm per point, if the field keeps norms
//       rows, tightly packed, count of them (of absent ones zeros)
//   SEGMENT   u64 file | u32 owner | u32 part | u64 rows | u64 size | 32 bytes SHA-256
//   catalog   u32 collection | u32 size of name | u32 size of spec | u32 0 | name | spec
//
// A record ends with its last part. Recovery: there is none. The log compares checksums, so what does not fit is
// damage: WAGGLE_CORRUPT.
#include "engine/record.h"

#include "base/json.h"
#include "engine/options.h"
#include "storage/ids.h"

#include <stdio.h>

#define POINTS_HEADER 16u
#define ABSENT UINT32_MAX
#define ID_SIZE_MIN 3u // of an id in a record: its size, its tag, one byte

// ---- Batches -----------------------------------------------------------------------------------

void wg_batch_init(wg_batch *batch, wg_heap *heap)
{
    *batch = (wg_batch){0};
    wg_buffer_init(&batch->bytes, heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&batch->offsets, heap, WG_MEMORY_SCRATCH);
}

void wg_batch_finish(wg_batch *batch)
{
    wg_buffer_finish(&batch->bytes);
    wg_buffer_finish(&batch->offsets);
    wg_free(batch->pieces);
    *batch = (wg_batch){0};
}

static bool record_begin(wg_batch *batch)
{
    size_t offset = batch->bytes.size;
    return wg_buffer_append(&batch->offsets, &offset, sizeof offset);
}

static bool pad8(wg_buffer *bytes)
{
    return wg_buffer_append_zeros(bytes, (size_t)wg_round_up(bytes->size, 8) - bytes->size);
}

waggle_status wg_batch_seal(wg_batch *batch, waggle_error *error)
{
    size_t count = batch->offsets.size / sizeof(size_t);
    WG_ASSERT(count > 0 && count <= UINT32_MAX);
    const size_t *offsets = (const size_t *)(const void *)batch->offsets.data;
    batch->pieces = wg_alloc(batch->bytes.heap, WG_MEMORY_SCRATCH, count * sizeof *batch->pieces);
    if (batch->pieces == NULL)
        return wg_fail_memory(error, count * sizeof *batch->pieces, "the records of a batch");
    for (size_t i = 0; i < count; i++) {
        size_t end = i + 1 < count ? offsets[i + 1] : batch->bytes.size;
        batch->pieces[i] = (wg_piece){batch->bytes.data + offsets[i], end - offsets[i]};
    }
    batch->count = (uint32_t)count;
    return WAGGLE_OK;
}

// ---- What the caller gives -----------------------------------------------------------------------

void wg_points_id(const waggle_points *points, uint64_t row, waggle_id *id)
{
    if (points->ids != NULL)
        *id = points->ids[row];
    else if (points->id_numbers != NULL)
        *id = waggle_id_number(points->id_numbers[row]);
    else
        *id = waggle_id_number(points->id_first + row);
}

bool wg_points_has(const wg_points_source *source, uint32_t field, uint64_t row)
{
    const waggle_vectors *column = source->columns[field];
    return column != NULL && (column->present == NULL || column->present[row] != 0);
}

static waggle_status column_check(const wg_vector_field *field, const waggle_vectors *column,
                                  uint64_t count, waggle_error *error)
{
    const waggle_rows *rows = &column->rows;
    if (rows->kind != WAGGLE_ROWS_DENSE)
        return wg_fail(error, WAGGLE_UNSUPPORTED,
                       "vector \"%s\": rows of kind %d; only dense rows "
                       "(0) are known",
                       field->name, (int)rows->kind);
    if (rows->count != count)
        return wg_fail(error, WAGGLE_INVALID,
                       "vector \"%s\" has %" PRIu64 " rows for %" PRIu64 " points", field->name,
                       rows->count, count);
    if (rows->dim != field->dim)
        return wg_fail_numbers(error, WAGGLE_DIMENSION, field->dim, rows->dim,
                               "vector \"%s\" has dimension %u; the collection's is %u",
                               field->name, rows->dim, field->dim);
    if (!wg_type_valid(rows->type))
        return wg_fail(error, WAGGLE_INVALID, "vector \"%s\": element type %d is not known",
                       field->name, (int)rows->type);
    size_t size = waggle_vector_size(rows->type, rows->dim);
    if (rows->stride != 0 && rows->stride < size)
        return wg_fail(error, WAGGLE_INVALID,
                       "vector \"%s\": the stride is %zu bytes; a row of %s has %zu", field->name,
                       rows->stride, waggle_type_name(rows->type), size);
    if (rows->data == NULL && count > 0)
        return wg_fail(error, WAGGLE_INVALID, "vector \"%s\" has no data", field->name);
    return WAGGLE_OK;
}

waggle_status wg_points_check(const wg_spec *spec, const waggle_points *given,
                              wg_points_source *source, waggle_error *error)
{
    if (given == NULL) return wg_fail(error, WAGGLE_INVALID, "no points are given");
    *source = (wg_points_source){.spec = spec, .points = &source->given};
    waggle_status status =
        wg_options_read(&source->given, sizeof source->given, given, "waggle_points", error);
    if (status != WAGGLE_OK) return status;
    const waggle_points *points = source->points;
    if (points->count > WAGGLE_BATCH_MAX)
        return wg_fail(error, WAGGLE_INVALID, "%" PRIu64 " points in one batch; the most is %u",
                       points->count, WAGGLE_BATCH_MAX);
    if (points->ids == NULL && points->id_numbers == NULL && points->count > 0 &&
        points->id_first > UINT64_MAX - (points->count - 1))
        return wg_fail(error, WAGGLE_INVALID, "ids from %" PRIu64 " on pass the largest number",
                       points->id_first);
    if ((unsigned)points->convert > WAGGLE_CONVERT_CLAMP)
        return wg_fail(error, WAGGLE_INVALID, "conversion %d is not known", (int)points->convert);
    for (uint32_t i = 0; i < points->vector_count; i++) {
        const waggle_vectors *column = &points->vectors[i];
        uint32_t field = 0;
        status = wg_spec_find(spec, column->name, &field, error);
        if (status != WAGGLE_OK) return status;
        if (source->columns[field] != NULL)
            return wg_fail(error, WAGGLE_INVALID, "vector \"%s\" is given twice",
                           spec->fields[field].name);
        status = column_check(&spec->fields[field], column, points->count, error);
        if (status != WAGGLE_OK) return status;
        source->columns[field] = column;
    }
    return WAGGLE_OK;
}

waggle_status wg_points_vector(const wg_points_source *source, uint32_t field, uint64_t row,
                               void *target, float *norm, waggle_error *error)
{
    const wg_vector_field *to = &source->spec->fields[field];
    const waggle_rows *rows = &source->columns[field]->rows;
    size_t stride = rows->stride != 0 ? rows->stride : waggle_vector_size(rows->type, rows->dim);
    wg_row_place place = {"vector", to->name, row};
    waggle_status status =
        wg_row_convert(rows->type, (const uint8_t *)rows->data + row * stride, to->type, target,
                       to->dim, source->points->convert, &place, error);
    if (status != WAGGLE_OK) return status;
    if (to->normalized)
        *norm = wg_row_normalize(to->type, target, to->dim);
    else if (to->keeps_norm)
        *norm = wg_row_norm(to->type, target, to->dim);
    return WAGGLE_OK;
}

static waggle_status payload_check(waggle_text payload, uint64_t row, waggle_error *error)
{
    if (payload.data == NULL) return WAGGLE_OK;
    if (payload.size > WAGGLE_PAYLOAD_SIZE_MAX)
        return wg_fail(error, WAGGLE_INVALID,
                       "the payload of row %" PRIu64 " has %zu bytes; the most is %u", row,
                       payload.size, WAGGLE_PAYLOAD_SIZE_MAX);
    char place[40];
    snprintf(place, sizeof place, "payload of row %" PRIu64, row);
    return wg_json_check_object(payload.data, payload.size, place, error);
}

waggle_status wg_points_payload(const waggle_points *points, uint64_t row, waggle_text *payload,
                                waggle_error *error)
{
    *payload = points->payloads == NULL ? (waggle_text){NULL, 0} : points->payloads[row];
    return payload_check(*payload, row, error);
}

// ---- Encoding points -----------------------------------------------------------------------------

static bool points_header(wg_batch *batch, uint32_t count, uint32_t fields, size_t *header)
{
    uint8_t bytes[POINTS_HEADER] = {0};
    wg_put32(bytes, count);
    wg_put32(bytes + 4, fields);
    *header = batch->bytes.size;
    return wg_buffer_append(&batch->bytes, bytes, sizeof bytes);
}

static waggle_status no_memory(const wg_batch *batch, waggle_error *error)
{
    return wg_fail_memory(error, batch->bytes.size, "the records of a batch");
}

static waggle_status id_append(wg_batch *batch, const waggle_id *id, uint64_t row,
                               waggle_error *error)
{
    uint8_t encoded[1 + WG_ID_ENCODED_MAX];
    waggle_status status = wg_id_check(id, error);
    if (status != WAGGLE_OK) return wg_fail_context(error, status, "row %" PRIu64, row);
    size_t size = wg_id_encode(id, encoded + 1);
    encoded[0] = (uint8_t)(size - 1); // 9..256 bytes
    return wg_buffer_append(&batch->bytes, encoded, size + 1) ? WAGGLE_OK : no_memory(batch, error);
}

// Fills in a size of the header: which = 0 ids, 1 payloads.
static void header_size(wg_batch *batch, size_t header, int which, size_t start)
{
    wg_put32(batch->bytes.data + header + 8 + 4 * which, (uint32_t)(batch->bytes.size - start));
}

static waggle_status payloads_append(wg_batch *batch, size_t header, const waggle_text *payloads,
                                     uint64_t first, uint32_t count, waggle_error *error)
{
    size_t start = batch->bytes.size;
    for (uint32_t i = 0; i < count; i++) {
        waggle_text payload = payloads == NULL ? (waggle_text){NULL, 0} : payloads[first + i];
        waggle_status status = payload_check(payload, first + i, error);
        if (status != WAGGLE_OK) return status;
        uint8_t size[4];
        wg_put32(size, payload.data == NULL ? ABSENT : (uint32_t)payload.size);
        if (!wg_buffer_append(&batch->bytes, size, sizeof size)) return no_memory(batch, error);
    }
    for (uint32_t i = 0; payloads != NULL && i < count; i++) {
        waggle_text payload = payloads[first + i];
        if (payload.data != NULL && !wg_buffer_append(&batch->bytes, payload.data, payload.size))
            return no_memory(batch, error);
    }
    header_size(batch, header, 1, start);
    return pad8(&batch->bytes) ? WAGGLE_OK : no_memory(batch, error);
}

static waggle_status column_append(wg_batch *batch, const wg_points_source *source, uint32_t field,
                                   uint64_t first, uint32_t count, void *scratch,
                                   waggle_error *error)
{
    const wg_vector_field *to = &source->spec->fields[field];
    wg_buffer *bytes = &batch->bytes;
    size_t words = bytes->size;
    if (!wg_buffer_append_zeros(bytes, (count + 63) / 64 * 8)) return no_memory(batch, error);
    size_t norms = bytes->size;
    if (to->keeps_norm && !(wg_buffer_append_zeros(bytes, count * sizeof(float)) && pad8(bytes)))
        return no_memory(batch, error);
    for (uint32_t i = 0; i < count; i++) {
        float norm = 0;
        if (!wg_points_has(source, field, first + i)) {
            if (!wg_buffer_append_zeros(bytes, to->size)) return no_memory(batch, error);
            continue;
        }
        waggle_status status = wg_points_vector(source, field, first + i, scratch, &norm, error);
        if (status != WAGGLE_OK) return status;
        if (!wg_buffer_append(bytes, scratch, to->size)) return no_memory(batch, error);
        bytes->data[words + i / 8] |= (uint8_t)(1u << (i % 8));
        if (to->keeps_norm) memcpy(bytes->data + norms + i * sizeof norm, &norm, sizeof norm);
    }
    return pad8(bytes) ? WAGGLE_OK : no_memory(batch, error);
}

// The points from `first` on that fill one record.
static uint32_t points_that_fit(const wg_points_source *source, uint64_t first)
{
    const waggle_points *points = source->points;
    size_t fixed = 0;
    for (uint32_t i = 0; i < source->spec->count; i++)
        if (source->columns[i] != NULL) fixed += source->spec->fields[i].size + sizeof(float);
    size_t size = 0;
    uint64_t row = first;
    while (row < points->count) {
        size_t more = fixed + 16 + (points->payloads == NULL ? 0 : points->payloads[row].size);
        if (row > first && size + more > WG_RECORD_SIZE_TARGET) break;
        size += more;
        row++;
    }
    return (uint32_t)(row - first);
}

static waggle_status upsert_record(wg_batch *batch, const wg_points_source *source, uint64_t first,
                                   uint32_t count, void *scratch, waggle_error *error)
{
    uint32_t fields = 0;
    for (uint32_t i = 0; i < source->spec->count; i++)
        if (source->columns[i] != NULL) fields |= 1u << i;
    size_t header = 0;
    if (!record_begin(batch) || !points_header(batch, count, fields, &header))
        return no_memory(batch, error);
    size_t ids = batch->bytes.size;
    waggle_status status = WAGGLE_OK;
    for (uint32_t i = 0; status == WAGGLE_OK && i < count; i++) {
        waggle_id id;
        wg_points_id(source->points, first + i, &id);
        status = id_append(batch, &id, first + i, error);
    }
    if (status != WAGGLE_OK) return status;
    header_size(batch, header, 0, ids);
    if (!pad8(&batch->bytes)) return no_memory(batch, error);
    status = payloads_append(batch, header, source->points->payloads, first, count, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < source->spec->count; i++)
        if (source->columns[i] != NULL)
            status = column_append(batch, source, i, first, count, scratch, error);
    return status;
}

waggle_status wg_batch_upsert(wg_batch *batch, const wg_points_source *source, waggle_error *error)
{
    size_t stride = 64;
    size_t row = 64;
    for (uint32_t i = 0; i < source->spec->count; i++) {
        stride = WG_MAX(stride, source->spec->fields[i].stride);
        if (source->columns[i] != NULL) row += source->spec->fields[i].size;
    }
    size_t all = 0;
    if (!wg_size_mul(row, (size_t)source->points->count, &all)) all = 0;
    void *scratch = wg_pages_alloc(batch->bytes.heap, WG_MEMORY_SCRATCH, stride);
    if (scratch == NULL) return wg_fail_memory(error, stride, "a row");
    waggle_status status = WAGGLE_OK;
    if (!wg_buffer_reserve(&batch->bytes, all)) status = wg_fail_memory(error, all, "a batch");
    for (uint64_t first = 0; status == WAGGLE_OK && first < source->points->count;) {
        uint32_t count = points_that_fit(source, first);
        status = upsert_record(batch, source, first, count, scratch, error);
        first += count;
    }
    wg_pages_free(batch->bytes.heap, WG_MEMORY_SCRATCH, scratch, stride);
    return status;
}

// Records of ids, with payloads if given.
static waggle_status ids_records(wg_batch *batch, const waggle_id *ids, const waggle_text *payloads,
                                 uint64_t count, waggle_error *error)
{
    for (uint64_t first = 0; first < count;) {
        size_t header = 0;
        if (!record_begin(batch) || !points_header(batch, 0, 0, &header))
            return no_memory(batch, error);
        size_t start = batch->bytes.size;
        size_t size = 0;
        uint64_t row = first;
        while (row < count && (row == first || size < WG_RECORD_SIZE_TARGET)) {
            waggle_status status = id_append(batch, &ids[row], row, error);
            if (status != WAGGLE_OK) return status;
            size = batch->bytes.size - start + (payloads == NULL ? 0 : payloads[row].size);
            row++;
        }
        wg_put32(batch->bytes.data + header, (uint32_t)(row - first));
        header_size(batch, header, 0, start);
        if (!pad8(&batch->bytes)) return no_memory(batch, error);
        if (payloads != NULL) {
            waggle_status status =
                payloads_append(batch, header, payloads, first, (uint32_t)(row - first), error);
            if (status != WAGGLE_OK) return status;
        }
        first = row;
    }
    return WAGGLE_OK;
}

waggle_status wg_batch_delete(wg_batch *batch, const waggle_id *ids, uint64_t count,
                              waggle_error *error)
{
    return ids_records(batch, ids, NULL, count, error);
}

waggle_status wg_batch_payload(wg_batch *batch, const waggle_id *ids, const waggle_text *payloads,
                               uint64_t count, waggle_error *error)
{
    return ids_records(batch, ids, payloads, count, error);
}

// ---- Decoding points -----------------------------------------------------------------------------

static waggle_status damaged(waggle_error *error, const char *what)
{
    return wg_fail(error, WAGGLE_CORRUPT, "a record of the log is damaged: %s", what);
}

static waggle_status end_check(const wg_reader *reader, waggle_error *error)
{
    if (reader->failed) return damaged(error, "it is too short");
    // A command that is understood in part must not be executed.
    return reader->at < reader->size ? damaged(error, "it is too long") : WAGGLE_OK;
}

static const uint8_t *read_padded(wg_reader *reader, uint64_t size)
{
    if (size > wg_reader_left(reader)) {
        reader->failed = true;
        return NULL;
    }
    return wg_read_bytes(reader, (size_t)wg_round_up(size, 8));
}

waggle_status wg_record_points_decode(const wg_spec *spec, const void *data, size_t size,
                                      wg_record_points *points, waggle_error *error)
{
    wg_reader reader = wg_reader_of(data, size);
    *points = (wg_record_points){.count = wg_read32(&reader), .fields = wg_read32(&reader)};
    uint32_t ids_size = wg_read32(&reader);
    uint32_t payload_size = wg_read32(&reader);
    // Callers take memory for the points before they read them.
    if (points->count > ids_size / ID_SIZE_MIN) return damaged(error, "more points than ids");
    points->ids = wg_reader_of(read_padded(&reader, ids_size), ids_size);
    uint64_t sizes = (uint64_t)points->count * 4;
    if (payload_size > 0) {
        const uint8_t *payloads = read_padded(&reader, payload_size);
        if (reader.failed || payload_size < sizes) return damaged(error, "payloads");
        points->payload_sizes = payloads;
        points->payloads = wg_reader_of(payloads + sizes, payload_size - (size_t)sizes);
    }
    uint32_t field_count = spec == NULL ? 0 : spec->count;
    if (points->fields >> field_count != 0) return damaged(error, "an unknown vector");
    for (uint32_t i = 0; i < field_count; i++) {
        if ((points->fields >> i & 1) == 0) continue;
        const wg_vector_field *field = &spec->fields[i];
        uint64_t words = ((uint64_t)points->count + 63) / 64 * 8;
        points->columns[i].present = read_padded(&reader, words);
        if (field->keeps_norm) points->columns[i].norms = read_padded(&reader, sizes);
        points->columns[i].rows = read_padded(&reader, (uint64_t)points->count * field->size);
    }
    return end_check(&reader, error);
}

waggle_status wg_record_id(wg_record_points *points, waggle_id *id, waggle_error *error)
{
    size_t size = (size_t)wg_read8(&points->ids) + 1;
    const uint8_t *bytes = wg_read_bytes(&points->ids, size);
    if (bytes == NULL) return damaged(error, "ids");
    return wg_id_decode(bytes, size, id, error);
}

waggle_status wg_record_payload(wg_record_points *points, uint32_t row, waggle_text *payload,
                                waggle_error *error)
{
    *payload = (waggle_text){NULL, 0};
    if (points->payload_sizes == NULL) return WAGGLE_OK;
    uint32_t size = wg_get32(points->payload_sizes + (size_t)row * 4);
    if (size == ABSENT) return WAGGLE_OK;
    const char *bytes = wg_read_bytes(&points->payloads, size);
    if (bytes == NULL || size > WAGGLE_PAYLOAD_SIZE_MAX) return damaged(error, "payloads");
    *payload = (waggle_text){bytes, size};
    return WAGGLE_OK;
}

// ---- Segments and the catalog --------------------------------------------------------------------

waggle_status wg_batch_segment(wg_batch *batch, const wg_record_segment *segment,
                               waggle_error *error)
{
    uint8_t bytes[64];
    wg_put64(bytes, segment->file);
    wg_put32(bytes + 8, segment->owner);
    wg_put32(bytes + 12, segment->part);
    wg_put64(bytes + 16, segment->rows);
    wg_put64(bytes + 24, segment->size);
    memcpy(bytes + 32, segment->digest, 32);
    bool ok = record_begin(batch) && wg_buffer_append(&batch->bytes, bytes, sizeof bytes);
    return ok ? WAGGLE_OK : no_memory(batch, error);
}

waggle_status wg_record_segment_decode(const void *data, size_t size, wg_record_segment *segment,
                                       waggle_error *error)
{
    wg_reader reader = wg_reader_of(data, size);
    segment->file = wg_read64(&reader);
    segment->owner = wg_read32(&reader);
    segment->part = wg_read32(&reader);
    segment->rows = wg_read64(&reader);
    segment->size = wg_read64(&reader);
    const void *digest = wg_read_bytes(&reader, 32);
    if (digest != NULL) memcpy(segment->digest, digest, 32);
    return end_check(&reader, error);
}

waggle_status wg_batch_catalog(wg_batch *batch, const wg_record_catalog *record,
                               waggle_error *error)
{
    uint8_t header[16] = {0};
    wg_put32(header, record->collection);
    wg_put32(header + 4, (uint32_t)record->name.size);
    wg_put32(header + 8, (uint32_t)record->spec.size);
    bool ok = record_begin(batch) && wg_buffer_append(&batch->bytes, header, sizeof header) &&
              wg_buffer_append(&batch->bytes, record->name.data, record->name.size) &&
              wg_buffer_append(&batch->bytes, record->spec.data, record->spec.size);
    return ok ? WAGGLE_OK : no_memory(batch, error);
}

// Names are checked before they come into the log. DROP has none.
static bool name_is_ours(waggle_text name)
{
    char copy[WAGGLE_NAME_SIZE_MAX + 1];
    if (name.size == 0) return true;
    if (name.size > WAGGLE_NAME_SIZE_MAX || memchr(name.data, 0, name.size) != NULL) return false;
    memcpy(copy, name.data, name.size);
    copy[name.size] = 0;
    return wg_collection_name_check(copy, NULL) == WAGGLE_OK;
}

waggle_status wg_record_catalog_decode(const void *data, size_t size, wg_record_catalog *record,
                                       waggle_error *error)
{
    wg_reader reader = wg_reader_of(data, size);
    record->collection = wg_read32(&reader);
    record->name.size = wg_read32(&reader);
    record->spec.size = wg_read32(&reader);
    uint32_t zero = wg_read32(&reader);
    record->name.data = wg_read_bytes(&reader, record->name.size);
    record->spec.data = wg_read_bytes(&reader, record->spec.size);
    if (!reader.failed && zero != 0) return damaged(error, "a change of the catalog");
    if (!reader.failed && !name_is_ours(record->name)) return damaged(error, "a collection's name");
    return end_check(&reader, error);
}
