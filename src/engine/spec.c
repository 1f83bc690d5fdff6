#include "engine/spec.h"

#include "base/bytes.h"
#include "base/json.h"
#include "engine/options.h"
#include "vector/code.h"

#include <stdio.h>

#define SPEC_VERSION 2u
#define SPEC_VERSION_NO_SCAN 1u

static void field_derive(wg_vector_field *field)
{
    field->size = waggle_vector_size(field->type, field->dim);
    field->stride = wg_row_stride(field->type, field->dim);
    field->keeps_norm = field->metric == WAGGLE_COSINE;
    field->normalized = field->keeps_norm && wg_type_is_float(field->type);
    field->coded = field->scan != WAGGLE_SCAN_F32 && wg_code_supports(field->metric, field->type);
}

static void spec_derive(wg_spec *spec)
{
    spec->row_size = 0;
    for (uint32_t i = 0; i < spec->count; i++) {
        field_derive(&spec->fields[i]);
        spec->row_size += spec->fields[i].stride;
    }
}

static waggle_status name_check(const char *what, const char *name, size_t size_max,
                                waggle_error *error)
{
    size_t size = strlen(name);
    if (size > size_max)
        return wg_fail(error, WAGGLE_INVALID, "the %s \"%.40s...\" has %zu bytes; the most is %zu",
                       what, name, size, size_max);
    if (!wg_utf8_valid(name, size))
        return wg_fail(error, WAGGLE_INVALID, "the %s is not valid UTF-8", what);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || strchr("<>:\"/\\|?*", c) != NULL)
            return wg_fail(error, WAGGLE_INVALID,
                           "the %s holds the byte 0x%02x; control characters and < > : \" / \\ | "
                           "? * are not allowed",
                           what, c);
    }
    return WAGGLE_OK;
}

waggle_status wg_collection_name_check(const char *name, waggle_error *error)
{
    if (name == NULL || name[0] == 0)
        return wg_fail(error, WAGGLE_INVALID, "the collection's name is empty");
    return name_check("collection's name", name, WAGGLE_NAME_SIZE_MAX, error);
}

static waggle_status scan_check(const wg_vector_field *field, waggle_error *error)
{
    const char *name = waggle_scan_name(field->scan);
    if (name == NULL)
        return wg_fail(error, WAGGLE_INVALID, "scan %d is not known", (int)field->scan);
    if (field->scan < WAGGLE_SCAN_CERTIFIED || wg_code_supports(field->metric, field->type))
        return WAGGLE_OK;
    return wg_fail(error, WAGGLE_INVALID,
                   "scan %s needs codes, and there are none for metric %s over element type %s: "
                   "they are for l2, cosine and dot over f32, f16 and bf16",
                   name, waggle_metric_name(field->metric), waggle_type_name(field->type));
}

static waggle_status field_check(const wg_vector_field *field, waggle_error *error)
{
    if (field->dim < 1 || field->dim > WAGGLE_DIM_MAX)
        return wg_fail(error, WAGGLE_INVALID, "dimension is %u; it must be from 1 to %u",
                       field->dim, WAGGLE_DIM_MAX);
    if (!wg_type_valid(field->type))
        return wg_fail(error, WAGGLE_INVALID, "element type %d is not known", (int)field->type);
    if (!wg_metric_valid(field->metric))
        return wg_fail(error, WAGGLE_INVALID, "metric %d is not known", (int)field->metric);
    if (!waggle_metric_supports(field->metric, field->type))
        return wg_fail(error, WAGGLE_INVALID, "metric %s does not go with element type %s",
                       waggle_metric_name(field->metric), waggle_type_name(field->type));
    return scan_check(field, error);
}

static waggle_metric metric_default(waggle_type type)
{
    if (type == WAGGLE_B1) return WAGGLE_HAMMING;
    return wg_type_valid(type) && wg_type_is_float(type) ? WAGGLE_COSINE : WAGGLE_L2;
}

static waggle_status field_set(wg_vector_field *field, const waggle_vector_spec *given,
                               waggle_error *error)
{
    const char *name = given->name == NULL ? "" : given->name;
    waggle_status status = name_check("vector's name", name, WAGGLE_VECTOR_NAME_SIZE_MAX, error);
    if (status != WAGGLE_OK) return status;

    snprintf(field->name, sizeof field->name, "%s", name);
    field->dim = given->dim;
    field->type = given->type == WAGGLE_TYPE_DEFAULT ? WAGGLE_F32 : given->type;
    field->metric =
        given->metric == WAGGLE_METRIC_DEFAULT ? metric_default(field->type) : given->metric;
    field->scan = given->scan == WAGGLE_SCAN_DEFAULT ? WAGGLE_SCAN_AUTO : given->scan;
    return field_check(field, error);
}

static waggle_status names_unique(const wg_spec *spec, waggle_error *error)
{
    for (uint32_t i = 1; i < spec->count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(spec->fields[i].name, spec->fields[j].name) == 0)
                return wg_fail(error, WAGGLE_INVALID, "the vector name \"%s\" is given twice",
                               spec->fields[i].name);
    return WAGGLE_OK;
}

static waggle_status spec_alloc(wg_heap *heap, uint32_t count, wg_spec **spec, waggle_error *error)
{
    if (count < 1 || count > WAGGLE_VECTOR_NAMES_MAX)
        return wg_fail(error, WAGGLE_INVALID, "%u vectors in a collection; it must be from 1 to %u",
                       count, WAGGLE_VECTOR_NAMES_MAX);
    size_t size = sizeof(wg_spec) + count * sizeof(wg_vector_field);
    *spec = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, size);
    if (*spec == NULL) return wg_fail_memory(error, size, "the collection's description");
    (*spec)->count = count;
    return WAGGLE_OK;
}

waggle_status wg_spec_create(wg_heap *heap, const waggle_collection_spec *given, wg_spec **spec,
                             waggle_error *error)
{
    waggle_collection_spec options;
    waggle_status status =
        wg_options_read(&options, sizeof options, given, "waggle_collection_spec", error);
    if (status != WAGGLE_OK) return status;
    if (options.vectors == NULL)
        return wg_fail(error, WAGGLE_INVALID, "the collection has no vector");
    given = &options;
    wg_spec *made = NULL;
    status = spec_alloc(heap, given->vector_count, &made, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < given->vector_count; i++)
        status = field_set(&made->fields[i], &given->vectors[i], error);
    if (status == WAGGLE_OK) status = names_unique(made, error);
    if (status != WAGGLE_OK) {
        wg_free(made);
        return status;
    }
    spec_derive(made);
    *spec = made;
    return WAGGLE_OK;
}

waggle_status wg_spec_encode(const wg_spec *spec, wg_buffer *target, waggle_error *error)
{
    uint8_t head[8];
    wg_put32(head, SPEC_VERSION);
    wg_put32(head + 4, spec->count);
    bool ok = wg_buffer_append(target, head, sizeof head);
    for (uint32_t i = 0; i < spec->count; i++) {
        const wg_vector_field *field = &spec->fields[i];
        size_t name_size = strlen(field->name);
        uint8_t fixed[9] = {(uint8_t)field->type, (uint8_t)field->metric};
        wg_put16(fixed + 2, (uint16_t)name_size);
        wg_put32(fixed + 4, field->dim);
        fixed[8] = (uint8_t)field->scan;
        ok = ok && wg_buffer_append(target, fixed, sizeof fixed) &&
             wg_buffer_append(target, field->name, name_size);
    }
    return ok ? WAGGLE_OK : wg_fail_memory(error, sizeof *spec, "the collection's description");
}

static waggle_status field_decode(wg_reader *reader, uint32_t version, wg_vector_field *field,
                                  waggle_error *error)
{
    field->type = (waggle_type)wg_read8(reader);
    field->metric = (waggle_metric)wg_read8(reader);
    uint16_t name_size = wg_read16(reader);
    field->dim = wg_read32(reader);
    field->scan =
        version == SPEC_VERSION_NO_SCAN ? WAGGLE_SCAN_AUTO : (waggle_scan)wg_read8(reader);
    const char *name = wg_read_bytes(reader, name_size);
    if (name == NULL || name_size > WAGGLE_VECTOR_NAME_SIZE_MAX ||
        memchr(name, 0, name_size) != NULL)
        return wg_fail(error, WAGGLE_CORRUPT, "a collection's description is damaged");
    memcpy(field->name, name, name_size);
    waggle_status status =
        name_check("vector's name", field->name, WAGGLE_VECTOR_NAME_SIZE_MAX, error);
    return status == WAGGLE_OK ? field_check(field, error) : status;
}

waggle_status wg_spec_decode(wg_heap *heap, const void *data, size_t size, wg_spec **spec,
                             waggle_error *error)
{
    wg_reader reader = wg_reader_of(data, size);
    uint32_t version = wg_read32(&reader);
    uint32_t count = wg_read32(&reader);
    if (reader.failed)
        return wg_fail(error, WAGGLE_CORRUPT, "a collection's description has %zu bytes", size);
    if (version < SPEC_VERSION_NO_SCAN || version > SPEC_VERSION)
        return wg_fail(error, WAGGLE_FORMAT_VERSION,
                       "a collection's description has format %u; this library reads %u to %u",
                       version, SPEC_VERSION_NO_SCAN, SPEC_VERSION);
    wg_spec *made = NULL;
    waggle_status status = spec_alloc(heap, count, &made, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < count; i++)
        status = field_decode(&reader, version, &made->fields[i], error);
    if (status == WAGGLE_OK) status = names_unique(made, error);
    if (status == WAGGLE_OK && wg_reader_left(&reader) > 0)
        status = wg_fail(error, WAGGLE_CORRUPT,
                         "a collection's description is damaged: %zu bytes follow it",
                         wg_reader_left(&reader));
    if (status == WAGGLE_INVALID) // what it says cannot be
        status = wg_fail_context(error, WAGGLE_CORRUPT, "a collection's description is damaged");
    if (status != WAGGLE_OK) {
        wg_free(made);
        return status;
    }
    spec_derive(made);
    *spec = made;
    return WAGGLE_OK;
}

waggle_status wg_spec_find(const wg_spec *spec, const char *name, uint32_t *index,
                           waggle_error *error)
{
    if (name == NULL && spec->count == 1) {
        *index = 0;
        return WAGGLE_OK;
    }
    const char *wanted = name == NULL ? "" : name;
    for (uint32_t i = 0; i < spec->count; i++) {
        if (strcmp(spec->fields[i].name, wanted) == 0) {
            *index = i;
            return WAGGLE_OK;
        }
    }
    char names[256] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < spec->count && used < sizeof names - 1; i++) {
        int wrote = snprintf(names + used, sizeof names - used, "%s\"%s\"", i == 0 ? "" : ", ",
                             spec->fields[i].name);
        used += wrote < 0 ? 0 : (size_t)wrote;
    }
    return wg_fail(error, WAGGLE_NOT_FOUND, "no vector \"%.60s\"; the collection has %s", wanted,
                   names);
}

void wg_spec_show(const wg_spec *spec, waggle_vector_spec *vectors)
{
    for (uint32_t i = 0; i < spec->count; i++) {
        const wg_vector_field *field = &spec->fields[i];
        vectors[i] = (waggle_vector_spec){.name = field->name,
                                          .dim = field->dim,
                                          .type = field->type,
                                          .metric = field->metric,
                                          .scan = field->scan};
    }
}
