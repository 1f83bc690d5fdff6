// Any bytes as the description of a collection: they are refused, or they are what wg_spec_create() makes of the same
// vectors, to the byte. Those of format 1 have no scans.
#include "base/bytes.h"
#include "base/json.h"
#include "engine/spec.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fields(const wg_spec *spec)
{
    size_t row_size = 0;
    WG_ASSERT(spec->count >= 1 && spec->count <= WAGGLE_VECTOR_NAMES_MAX);
    for (uint32_t i = 0; i < spec->count; i++) {
        const wg_vector_field *field = &spec->fields[i];
        uint32_t index = UINT32_MAX;
        WG_ASSERT(memchr(field->name, 0, sizeof field->name) != NULL);
        WG_ASSERT(wg_utf8_valid(field->name, strlen(field->name)));
        WG_ASSERT(wg_spec_find(spec, field->name, &index, NULL) == WAGGLE_OK);
        WG_ASSERT(index == i); // names are unique
        WG_ASSERT(field->dim >= 1 && field->dim <= WAGGLE_DIM_MAX);
        WG_ASSERT(wg_metric_supports(field->metric, field->type));
        WG_ASSERT(field->size == waggle_vector_size(field->type, field->dim));
        WG_ASSERT(field->stride >= field->size && field->stride % 64 == 0);
        WG_ASSERT(field->keeps_norm || !field->normalized);
        WG_ASSERT(waggle_scan_name(field->scan) != NULL);
        WG_ASSERT(field->coded || field->scan < WAGGLE_SCAN_CERTIFIED);
        row_size += field->stride;
    }
    WG_ASSERT(spec->row_size == row_size);
}

static void check_bytes(const wg_spec *spec, const uint8_t *data, size_t size)
{
    wg_buffer bytes;
    wg_buffer_init(&bytes, NULL, WG_MEMORY_SCRATCH);
    WG_ASSERT(wg_spec_encode(spec, &bytes, NULL) == WAGGLE_OK);
    WG_ASSERT(bytes.size == size);
    WG_ASSERT(memcmp(bytes.data, data, size) == 0);
    wg_buffer_finish(&bytes);
}

// A collection with these vectors can be made, and is described alike.
static void check_created(const wg_spec *spec, const uint8_t *data, size_t size)
{
    waggle_vector_spec vectors[WAGGLE_VECTOR_NAMES_MAX];
    wg_spec *made = NULL;
    wg_spec_show(spec, vectors);
    WG_ASSERT(wg_spec_create(
                  NULL, waggle_collection_spec(.vectors = vectors, .vector_count = spec->count),
                  &made, NULL) == WAGGLE_OK);
    check_bytes(made, data, size);
    wg_free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    waggle_error error;
    wg_spec *spec = NULL;
    waggle_status status = wg_spec_decode(NULL, data, size, &spec, &error);
    if (status != WAGGLE_OK) {
        WG_ASSERT(status == WAGGLE_CORRUPT || status == WAGGLE_FORMAT_VERSION);
        WG_ASSERT(error.status == status);
        WG_ASSERT(error.message[0] != 0);
        WG_ASSERT(spec == NULL);
        return 0;
    }
    check_fields(spec);
    wg_buffer today;
    wg_buffer_init(&today, NULL, WG_MEMORY_SCRATCH);
    WG_ASSERT(wg_spec_encode(spec, &today, NULL) == WAGGLE_OK);
    if (wg_get32(data) == 1)
        WG_ASSERT(size + spec->count == today.size);
    else
        check_bytes(spec, data, size);
    check_created(spec, today.data, today.size);
    wg_buffer_finish(&today);
    wg_free(spec);
    return 0;
}
