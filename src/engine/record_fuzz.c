// Any bytes as a record of the log: it is refused as damaged, or all that it says lies inside of it and, written again,
// reads as the same.
//
//   byte 0   bits 0..1: points of a collection, ids alone, a segment, a change of the catalog
//            bits 2..3: which description the collection has
//   from 1   the record
#include "engine/record.h"
#include "storage/ids.h"

#include <stdlib.h>

#define FIELDS_MAX 4u
#define SPECS 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Every element type, with and without a norm, rows that end inside of a word.
static const waggle_vector_spec vectors_of[SPECS][FIELDS_MAX] = {
    {{.name = "", .dim = 3, .type = WAGGLE_F32, .metric = WAGGLE_COSINE}    },
    { {.name = "half", .dim = 3, .type = WAGGLE_F16, .metric = WAGGLE_DOT},
     {.name = "brain", .dim = 1, .type = WAGGLE_BF16, .metric = WAGGLE_LINF},
     {.name = "small", .dim = 5, .type = WAGGLE_I8, .metric = WAGGLE_COSINE},
     {.name = "bits", .dim = 17, .type = WAGGLE_B1}},
    {                            {.name = "", .dim = 9, .type = WAGGLE_U8, .metric = WAGGLE_L1},
     {.name = "float", .dim = 2, .type = WAGGLE_F32, .metric = WAGGLE_L2}},
    {    {.name = "b", .dim = 1, .type = WAGGLE_B1},
     {.name = "c", .dim = 2, .type = WAGGLE_BF16, .metric = WAGGLE_COSINE},
     {.name = "d", .dim = 8, .type = WAGGLE_B1}},
};

static wg_spec *spec_make(const waggle_vector_spec *vectors)
{
    wg_spec *spec = NULL;
    uint32_t count = 0;
    while (count < FIELDS_MAX && vectors[count].dim != 0)
        count++;
    waggle_status status = wg_spec_create(
        NULL, waggle_collection_spec(.vectors = vectors, .vector_count = count), &spec, NULL);
    WG_ASSERT(status == WAGGLE_OK);
    return spec;
}

static void check_refused(waggle_status status, waggle_status expected, const waggle_error *error)
{
    WG_ASSERT(status == expected);
    WG_ASSERT(error->status == status);
    WG_ASSERT(error->message[0] != 0);
}

static void check_inside(const void *bytes, size_t bytes_size, const uint8_t *data, size_t size)
{
    const uint8_t *begin = bytes;
    WG_ASSERT(begin >= data && begin <= data + size);
    WG_ASSERT(bytes_size <= (size_t)(data + size - begin));
}

static void *array_of(size_t count, size_t size)
{
    void *array = calloc(count + 1, size);
    WG_ASSERT(array != NULL);
    return array;
}

// ---- Points --------------------------------------------------------------------------------------

// All that a record of points says.
typedef struct content {
    const wg_spec *spec; // NULL = ids alone
    wg_record_points points;
    waggle_id *ids;
    waggle_text *payloads;
    uint8_t *present[FIELDS_MAX];
} content;

static void content_finish(content *c)
{
    free(c->ids);
    free(c->payloads);
    for (uint32_t i = 0; i < FIELDS_MAX; i++)
        free(c->present[i]);
}

static bool has(const content *c, uint32_t field)
{
    return (c->points.fields >> field & 1) != 0;
}

static void columns_read(content *c, const uint8_t *data, size_t size)
{
    for (uint32_t i = 0; c->spec != NULL && i < c->spec->count; i++) {
        if (!has(c, i)) continue;
        size_t count = c->points.count;
        check_inside(c->points.columns[i].present, (count + 63) / 64 * 8, data, size);
        check_inside(c->points.columns[i].rows, count * c->spec->fields[i].size, data, size);
        if (c->spec->fields[i].keeps_norm)
            check_inside(c->points.columns[i].norms, count * sizeof(float), data, size);
        c->present[i] = array_of(count, 1);
        for (uint32_t row = 0; row < count; row++)
            c->present[i][row] = wg_record_present(&c->points, i, row);
    }
}

// content_finish in any case.
static waggle_status content_read(const wg_spec *spec, const uint8_t *data, size_t size, content *c,
                                  waggle_error *error)
{
    *c = (content){.spec = spec};
    waggle_status status = wg_record_points_decode(spec, data, size, &c->points, error);
    if (status != WAGGLE_OK) return status;
    WG_ASSERT(c->points.count <= size); // callers take memory for them
    c->ids = array_of(c->points.count, sizeof *c->ids);
    c->payloads = array_of(c->points.count, sizeof *c->payloads);
    for (uint32_t row = 0; row < c->points.count; row++) {
        status = wg_record_id(&c->points, &c->ids[row], error);
        if (status != WAGGLE_OK) return status;
        WG_ASSERT(wg_id_check(&c->ids[row], error) == WAGGLE_OK);
        if (c->ids[row].kind == WAGGLE_ID_STRING)
            check_inside(c->ids[row].value.string, c->ids[row].size, data, size);
        status = wg_record_payload(&c->points, row, &c->payloads[row], error);
        if (status != WAGGLE_OK) return status;
        if (c->payloads[row].data != NULL)
            check_inside(c->payloads[row].data, c->payloads[row].size, data, size);
    }
    columns_read(c, data, size);
    return WAGGLE_OK;
}

static waggle_status upsert_write(const content *c, wg_batch *batch, waggle_error *error)
{
    waggle_vectors vectors[FIELDS_MAX];
    uint32_t count = 0;
    wg_points_source source;
    for (uint32_t i = 0; i < c->spec->count; i++) {
        const wg_vector_field *field = &c->spec->fields[i];
        if (!has(c, i)) continue;
        vectors[count++] =
            (waggle_vectors){.name = field->name,
                             .rows = waggle_rows_of(field->type, c->points.columns[i].rows,
                                                    c->points.count, field->dim),
                             .present = c->present[i]};
    }
    waggle_status status = wg_points_check(
        c->spec,
        waggle_points_of(.count = c->points.count, .ids = c->ids, .vectors = vectors,
                         .vector_count = count, .payloads = c->payloads),
        &source, error);
    WG_ASSERT(status == WAGGLE_OK);
    return wg_batch_upsert(batch, &source, error);
}

// false: a payload is no JSON or a component is not finite, which records are not asked about.
static bool content_write(const content *c, wg_batch *batch)
{
    waggle_error error;
    waggle_status status = WAGGLE_OK;
    wg_batch_init(batch, NULL);
    if (c->spec != NULL)
        status = upsert_write(c, batch, &error);
    else if (c->points.payload_sizes != NULL)
        status = wg_batch_payload(batch, c->ids, c->payloads, c->points.count, &error);
    else
        status = wg_batch_delete(batch, c->ids, c->points.count, &error);
    if (status != WAGGLE_OK) check_refused(status, WAGGLE_INVALID, &error);
    if (status == WAGGLE_OK) WG_ASSERT(wg_batch_seal(batch, &error) == WAGGLE_OK);
    return status == WAGGLE_OK && batch->count == 1; // large ones are taken apart
}

// Rows of floats under cosine are divided by their norm again, which may round.
static bool is_exact(const content *c)
{
    for (uint32_t i = 0; c->spec != NULL && i < c->spec->count; i++)
        if (has(c, i) && c->spec->fields[i].normalized) return false;
    return true;
}

static void check_rows(const content *a, const content *b, uint32_t field)
{
    const wg_vector_field *as = &a->spec->fields[field];
    for (uint32_t row = 0; row < a->points.count; row++) {
        WG_ASSERT(a->present[field][row] == b->present[field][row]);
        // Bits behind the last component are cleared.
        if (a->present[field][row] == 0 || as->normalized || as->type == WAGGLE_B1) continue;
        WG_ASSERT(memcmp(a->points.columns[field].rows + row * as->size,
                         b->points.columns[field].rows + row * as->size, as->size) == 0);
    }
}

static void check_same(const content *a, const content *b)
{
    WG_ASSERT(a->points.count == b->points.count);
    WG_ASSERT(a->points.fields == b->points.fields);
    for (uint32_t row = 0; row < a->points.count; row++) {
        const waggle_text *x = &a->payloads[row];
        const waggle_text *y = &b->payloads[row];
        WG_ASSERT(wg_id_equal(&a->ids[row], &b->ids[row]));
        WG_ASSERT((x->data == NULL) == (y->data == NULL));
        WG_ASSERT(x->size == y->size);
        WG_ASSERT(x->data == NULL || memcmp(x->data, y->data, x->size) == 0);
    }
    for (uint32_t i = 0; a->spec != NULL && i < a->spec->count; i++)
        if (has(a, i)) check_rows(a, b, i);
}

static void check_points(const wg_spec *spec, const uint8_t *data, size_t size)
{
    waggle_error error;
    content first;
    content second = {0};
    wg_batch once = {0};
    wg_batch twice = {0};
    waggle_status status = content_read(spec, data, size, &first, &error);
    if (status != WAGGLE_OK) check_refused(status, WAGGLE_CORRUPT, &error);
    if (status != WAGGLE_OK || first.points.count == 0 || !content_write(&first, &once))
        goto cleanup;
    const wg_piece *piece = &once.pieces[0];
    WG_ASSERT(content_read(spec, piece->data, piece->size, &second, &error) == WAGGLE_OK);
    check_same(&first, &second);
    if (!is_exact(&second)) goto cleanup;
    WG_ASSERT(content_write(&second, &twice));
    WG_ASSERT(twice.pieces[0].size == piece->size);
    WG_ASSERT(memcmp(twice.pieces[0].data, piece->data, piece->size) == 0);

cleanup:
    wg_batch_finish(&twice);
    wg_batch_finish(&once);
    content_finish(&second);
    content_finish(&first);
}

// ---- Segments and the catalog --------------------------------------------------------------------

// What was decoded is written to the same bytes. Ends the batch.
static void check_bytes(wg_batch *batch, const uint8_t *data, size_t size)
{
    WG_ASSERT(wg_batch_seal(batch, NULL) == WAGGLE_OK);
    WG_ASSERT(batch->count == 1);
    WG_ASSERT(batch->pieces[0].size == size);
    WG_ASSERT(memcmp(batch->pieces[0].data, data, size) == 0);
    wg_batch_finish(batch);
}

static void check_segment(const uint8_t *data, size_t size)
{
    waggle_error error;
    wg_record_segment segment;
    wg_batch batch;
    waggle_status status = wg_record_segment_decode(data, size, &segment, &error);
    if (status != WAGGLE_OK) {
        check_refused(status, WAGGLE_CORRUPT, &error);
        return;
    }
    wg_batch_init(&batch, NULL);
    WG_ASSERT(wg_batch_segment(&batch, &segment, &error) == WAGGLE_OK);
    check_bytes(&batch, data, size);
}

static void check_catalog(const uint8_t *data, size_t size)
{
    waggle_error error;
    wg_record_catalog record;
    wg_batch batch;
    char name[WAGGLE_NAME_SIZE_MAX + 1] = "";
    waggle_status status = wg_record_catalog_decode(data, size, &record, &error);
    if (status != WAGGLE_OK) {
        check_refused(status, WAGGLE_CORRUPT, &error);
        return;
    }
    check_inside(record.name.data, record.name.size, data, size);
    check_inside(record.spec.data, record.spec.size, data, size);
    WG_ASSERT(record.name.size <= WAGGLE_NAME_SIZE_MAX);
    memcpy(name, record.name.data, record.name.size);
    WG_ASSERT(strlen(name) == record.name.size);
    if (name[0] != 0) WG_ASSERT(wg_collection_name_check(name, &error) == WAGGLE_OK);
    wg_batch_init(&batch, NULL);
    WG_ASSERT(wg_batch_catalog(&batch, &record, &error) == WAGGLE_OK);
    check_bytes(&batch, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    wg_spec *spec = spec_make(vectors_of[data[0] >> 2 & 3]);
    switch (data[0] & 3) {
    case 0: check_points(spec, data + 1, size - 1); break;
    case 1: check_points(NULL, data + 1, size - 1); break;
    case 2: check_segment(data + 1, size - 1); break;
    default: check_catalog(data + 1, size - 1); break;
    }
    wg_free(spec);
    return 0;
}
