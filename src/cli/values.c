#include "cli/values.h"

#include "base/bytes.h"
#include "cli/options.h"
#include "cli/output.h"

#include <math.h>
#include <string.h>

// IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. The library's own conversion is not part of its
// interface, and printing needs no speed.
static float half_value(uint16_t bits)
{
    uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    float magnitude = 0;

    if (exponent == 31) {
        magnitude = fraction == 0 ? INFINITY : NAN;
    } else if (exponent == 0) {
        magnitude = ldexpf((float)fraction, -24);
    } else {
        magnitude = ldexpf((float)(fraction + 1024), (int)exponent - 25);
    }
    return bits >> 15 ? -magnitude : magnitude;
}

static float brain_value(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;

    memcpy(&value, &wide, sizeof(value));
    return value;
}

float cli_component(waggle_type type, const void *data, uint32_t index)
{
    const uint8_t *bytes = data;
    float value = 0;

    switch (type) {
    case WAGGLE_F16: return half_value(wg_get16(bytes + (size_t)index * 2));
    case WAGGLE_BF16: return brain_value(wg_get16(bytes + (size_t)index * 2));
    case WAGGLE_U8: return bytes[index];
    case WAGGLE_I8: return (int8_t)bytes[index];
    case WAGGLE_B1: return (float)(bytes[index / 8] >> (index % 8) & 1);
    case WAGGLE_F32:
    case WAGGLE_TYPE_DEFAULT: break;
    }
    memcpy(&value, bytes + (size_t)index * sizeof(value), sizeof(value));
    return value;
}

bool cli_vector_json(const waggle_vector *vector, wg_buffer *text)
{
    wg_json_writer json;

    wg_json_writer_init(&json, text, false);
    if (vector->data == NULL) {
        wg_json_put_null(&json);
        return !json.failed;
    }
    wg_json_array_begin(&json);
    for (uint32_t i = 0; i < vector->dim; i++) {
        wg_json_put_float(&json, cli_component(vector->type, vector->data, i));
    }
    wg_json_array_end(&json);
    return !json.failed;
}

bool cli_vectors_json(const waggle_vector *vectors, uint32_t count, wg_buffer *text)
{
    bool named = count != 1 || (vectors[0].name != NULL && vectors[0].name[0] != '\0');
    bool complete = true;
    bool first = true;
    wg_json_writer json;

    if (!named) return cli_vector_json(&vectors[0], text);
    complete &= cli_append(text, "{");
    for (uint32_t i = 0; i < count; i++) {
        if (vectors[i].data == NULL) continue;
        if (!first) complete &= cli_append(text, ",");
        first = false;
        wg_json_writer_init(&json, text, false);
        wg_json_put_text(&json, vectors[i].name == NULL ? "" : vectors[i].name);
        complete &= !json.failed && cli_append(text, ":") && cli_vector_json(&vectors[i], text);
    }
    return complete && cli_append(text, "}");
}

waggle_status cli_vector_parse(const char *text, wg_buffer *values, uint32_t *dim,
                               waggle_error *error)
{
    wg_json_reader reader;
    wg_json_token token = WG_JSON_END;
    uint32_t count = WAGGLE_DIM_MAX;
    size_t size = (size_t)count * sizeof(float);

    if (!wg_buffer_reserve(values, size)) return wg_fail_memory(error, size, "the vector");
    wg_json_reader_init(&reader, text, strlen(text));
    waggle_status status = wg_json_next(&reader, &token, error);
    if (status == WAGGLE_OK && token != WG_JSON_ARRAY_BEGIN) {
        return wg_fail(error, WAGGLE_INVALID,
                       "a vector is an array of numbers, as [0.1, 0.2]; this is \"%.40s\"", text);
    }
    if (status == WAGGLE_OK) {
        // Fresh from the allocator, the buffer is aligned for floats.
        status =
            wg_json_floats(&reader, (float *)(void *)(values->data + values->size), &count, error);
    }
    if (status == WAGGLE_OK) status = wg_json_next(&reader, &token, error);
    if (status != WAGGLE_OK) return wg_fail_context(error, status, "vector");
    if (token != WG_JSON_END) {
        return wg_fail(error, WAGGLE_INVALID, "there is more behind the vector: \"%.40s\"", text);
    }
    if (count == 0) {
        return wg_fail(error, WAGGLE_INVALID, "the vector is empty; it needs a component at least");
    }
    values->size += (size_t)count * sizeof(float);
    *dim = count;
    return WAGGLE_OK;
}

// ---- What a collection holds -------------------------------------------------------------------

bool cli_specs_text(const waggle_vector_spec *specs, uint32_t count, wg_buffer *text)
{
    bool complete = true;

    for (uint32_t i = 0; i < count; i++) {
        bool named = specs[i].name != NULL && specs[i].name[0] != '\0';
        bool chosen = specs[i].scan > WAGGLE_SCAN_AUTO;
        complete &= cli_append(text, "%s%s%s%u %s %s%s%s", i == 0 ? "" : ", ",
                               named ? specs[i].name : "", named ? ": " : "", specs[i].dim,
                               waggle_type_name(specs[i].type), waggle_metric_name(specs[i].metric),
                               chosen ? " " : "", chosen ? waggle_scan_name(specs[i].scan) : "");
    }
    return complete;
}

static waggle_scan scan_of(const waggle_vector_spec *spec)
{
    return spec->scan == WAGGLE_SCAN_DEFAULT ? WAGGLE_SCAN_AUTO : spec->scan;
}

bool cli_specs_json(const waggle_vector_spec *specs, uint32_t count, wg_buffer *text)
{
    wg_json_writer json;

    wg_json_writer_init(&json, text, false);
    wg_json_array_begin(&json);
    for (uint32_t i = 0; i < count; i++) {
        wg_json_object_begin(&json);
        wg_json_key(&json, "name");
        wg_json_put_text(&json, specs[i].name == NULL ? "" : specs[i].name);
        wg_json_key(&json, "dim");
        wg_json_put_u64(&json, specs[i].dim);
        wg_json_key(&json, "type");
        wg_json_put_text(&json, waggle_type_name(specs[i].type));
        wg_json_key(&json, "metric");
        wg_json_put_text(&json, waggle_metric_name(specs[i].metric));
        wg_json_key(&json, "scan");
        wg_json_put_text(&json, waggle_scan_name(scan_of(&specs[i])));
        wg_json_object_end(&json);
    }
    wg_json_array_end(&json);
    return !json.failed;
}

// Ends the word at the next colon and returns what is behind it, or NULL.
static char *split(char *text)
{
    char *colon = text == NULL ? NULL : strchr(text, ':');

    if (colon == NULL) return NULL;
    *colon = '\0';
    return colon + 1;
}

waggle_status cli_spec_parse(char *text, waggle_vector_spec *spec, waggle_error *error)
{
    char *dim = split(text);
    char *type = split(dim);
    char *metric = split(type);
    char *scan = split(metric);
    waggle_vector_spec parsed = {.name = text};
    uint64_t number = 0;

    if (text[0] == '\0' || dim == NULL) {
        return wg_fail(error, WAGGLE_INVALID,
                       "--vector is \"%s\"; it is NAME:DIM, NAME:DIM:TYPE, "
                       "NAME:DIM:TYPE:METRIC or NAME:DIM:TYPE:METRIC:SCAN",
                       text);
    }
    waggle_status status =
        cli_number_parse(dim, "the dimension", 1, WAGGLE_DIM_MAX, &number, error);
    if (status == WAGGLE_OK && type != NULL) status = waggle_type_parse(type, &parsed.type, error);
    if (status == WAGGLE_OK && metric != NULL) {
        status = waggle_metric_parse(metric, &parsed.metric, error);
    }
    if (status == WAGGLE_OK && scan != NULL) status = waggle_scan_parse(scan, &parsed.scan, error);
    if (status != WAGGLE_OK) return wg_fail_context(error, status, "--vector %s", text);
    parsed.dim = (uint32_t)number;
    *spec = parsed;
    return WAGGLE_OK;
}

// ---- Ids ---------------------------------------------------------------------------------------

static bool is_meant_as_uuid(const char *text)
{
    static const char urn[] = "urn:uuid:";
    static const uint8_t hyphens[] = {8, 13, 18, 23};

    if (strncmp(text, urn, sizeof(urn) - 1) == 0) return true;
    if (strlen(text) != 36) return false;
    for (size_t i = 0; i < sizeof(hyphens); i++) {
        if (text[hyphens[i]] != '-') return false;
    }
    return true;
}

waggle_status cli_id_parse(const char *text, waggle_id *id, waggle_error *error)
{
    if (is_meant_as_uuid(text)) return waggle_id_uuid(text, id, error);
    return waggle_id_parse(text, id, error);
}

waggle_scan cli_scan_of(const char *name)
{
    waggle_scan scan = WAGGLE_SCAN_DEFAULT;

    // Options that are choices were checked.
    if (name != NULL) (void)waggle_scan_parse(name, &scan, NULL);
    return scan;
}

waggle_convert cli_convert_of(const char *name)
{
    if (name == NULL) return WAGGLE_CONVERT_DEFAULT;
    if (strcmp(name, "round") == 0) return WAGGLE_CONVERT_ROUND;
    if (strcmp(name, "clamp") == 0) return WAGGLE_CONVERT_CLAMP;
    return WAGGLE_CONVERT_EXACT;
}
