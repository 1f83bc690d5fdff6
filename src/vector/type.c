#include "vector/type.h"

#include "base/bytes.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

// What is known of each element type. For floats, low and high are the largest finite values.
typedef struct type_info {
    const char *name;
    uint32_t size;
    bool is_float;
    float low;
    float high;
} type_info;

static const type_info types[] = {
    [WAGGLE_F32] = {"f32",  4, true,  -FLT_MAX,     FLT_MAX    },
    [WAGGLE_F16] = {"f16",  2, true,  -65504.0f,    65504.0f   },
    [WAGGLE_BF16] = {"bf16", 2, true,  -0x1.fep127f, 0x1.fep127f},
    [WAGGLE_U8] = {"u8",   1, false, 0.0f,         255.0f     },
    [WAGGLE_I8] = {"i8",   1, false, -128.0f,      127.0f     },
    [WAGGLE_B1] = {"b1",   0, false, 0.0f,         1.0f       },
};

typedef struct metric_info {
    const char *name;
    bool lowest;
} metric_info;

static const metric_info metrics[] = {
    [WAGGLE_L2] = {"l2",      true },
      [WAGGLE_COSINE] = {"cosine",  false},
    [WAGGLE_DOT] = {"dot",     false},
      [WAGGLE_L1] = {"l1",      true },
    [WAGGLE_LINF] = {"linf",    true },
      [WAGGLE_HAMMING] = {"hamming", true },
};

// ---- What types and metrics are ----------------------------------------------------------------

bool wg_type_valid(waggle_type type)
{
    return type > WAGGLE_TYPE_DEFAULT && (size_t)type < WG_COUNT(types);
}

bool wg_metric_valid(waggle_metric metric)
{
    return metric > WAGGLE_METRIC_DEFAULT && (size_t)metric < WG_COUNT(metrics);
}

const char *wg_type_name(waggle_type type)
{
    return wg_type_valid(type) ? types[type].name : NULL;
}

const char *wg_metric_name(waggle_metric metric)
{
    return wg_metric_valid(metric) ? metrics[metric].name : NULL;
}

size_t wg_type_size(waggle_type type)
{
    WG_ASSERT(wg_type_valid(type));
    return types[type].size;
}

bool wg_type_is_float(waggle_type type)
{
    WG_ASSERT(wg_type_valid(type));
    return types[type].is_float;
}

bool wg_metric_lowest(waggle_metric metric)
{
    WG_ASSERT(wg_metric_valid(metric));
    return metrics[metric].lowest;
}

bool wg_metric_supports(waggle_metric metric, waggle_type type)
{
    if (!wg_metric_valid(metric) || !wg_type_valid(type)) return false;
    return (metric == WAGGLE_HAMMING) == (type == WAGGLE_B1);
}

// Bytes of one vector without padding.
static size_t packed_size(waggle_type type, uint32_t dim)
{
    return type == WAGGLE_B1 ? ((size_t)dim + 7) / 8 : (size_t)dim * types[type].size;
}

size_t wg_row_stride(waggle_type type, uint32_t dim)
{
    WG_ASSERT(wg_type_valid(type));
    WG_ASSERT(dim <= WAGGLE_DIM_MAX);
    return (size_t)wg_round_up(packed_size(type, dim), 64);
}

// ---- Half precision ----------------------------------------------------------------------------

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

float wg_f16_to_f32(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000u) << 16;
    uint32_t exponent = (bits >> 10) & 31u;
    uint32_t mantissa = bits & 0x3ffu;

    if (exponent == 31) return float_of(sign | 0x7f800000u | mantissa << 13);
    if (exponent ==
        0) { // a subnormal is a multiple of 2^-24, which float32 holds as a normal number
        return float_of(sign | bits_of((float)mantissa * 0x1p-24f));
    }
    return float_of(sign | (exponent + 127 - 15) << 23 | mantissa << 13);
}

uint16_t wg_f32_to_f16(float value)
{
    uint32_t sign = bits_of(value) >> 16 & 0x8000u;
    uint32_t magnitude = bits_of(value) & 0x7fffffffu;
    uint32_t half;

    if (magnitude > 0x7f800000u) {
        half = 0x7e00u; // NaN
    } else if (magnitude >= 0x477ff000u) {
        half = 0x7c00u; // from 65520 on, the middle between the largest f16 and the next
    } else if (magnitude < 0x38800000u) {
        // Below 2^-14 the result is a multiple of 2^-24, which is the unit in the last place of 0.5:
        // the addition rounds, and the low bits of the sum are the result.
        half = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
    } else {
        // Rebias the exponent from 127 to 15, and round 13 bits away, ties to even.
        uint32_t odd = magnitude >> 13 & 1u;
        half = (magnitude - (112u << 23) + 0xfffu + odd) >> 13;
    }
    return (uint16_t)(sign | half);
}

float wg_bf16_to_f32(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

uint16_t wg_f32_to_bf16(float value)
{
    uint32_t bits = bits_of(value);

    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u); // NaN stays NaN
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

// ---- Components --------------------------------------------------------------------------------

// Component i of a row, as float32: exact for every type. Rows from outside may have any alignment.
static float component_get(waggle_type type, const void *row, uint32_t i)
{
    const uint8_t *bytes = row;

    switch (type) {
    case WAGGLE_F32: return float_of(wg_get32(bytes + 4 * (size_t)i));
    case WAGGLE_F16: return wg_f16_to_f32(wg_get16(bytes + 2 * (size_t)i));
    case WAGGLE_BF16: return wg_bf16_to_f32(wg_get16(bytes + 2 * (size_t)i));
    case WAGGLE_U8: return (float)bytes[i];
    case WAGGLE_I8: return (float)(int8_t)bytes[i];
    default: return (float)(bytes[i / 8] >> i % 8 & 1); // b1
    }
}

// Stores a value that the type can hold, rounded to the nearest. Bits are set, never cleared.
static void component_set(waggle_type type, void *row, uint32_t i, float value)
{
    uint8_t *bytes = row;

    switch (type) {
    case WAGGLE_F32: wg_put32(bytes + 4 * (size_t)i, bits_of(value)); break;
    case WAGGLE_F16: wg_put16(bytes + 2 * (size_t)i, wg_f32_to_f16(value)); break;
    case WAGGLE_BF16: wg_put16(bytes + 2 * (size_t)i, wg_f32_to_bf16(value)); break;
    case WAGGLE_U8: bytes[i] = (uint8_t)value; break;
    case WAGGLE_I8: bytes[i] = (uint8_t)(int8_t)value; break;
    default: // b1
        if (value > 0.0f) bytes[i / 8] = (uint8_t)(bytes[i / 8] | 1u << i % 8);
        break;
    }
}

// The nearest value of the type, ties to even; infinity if that is beyond the largest float of the type.
static float nearest(waggle_type type, float value)
{
    switch (type) {
    case WAGGLE_F16: return wg_f16_to_f32(wg_f32_to_f16(value));
    case WAGGLE_BF16: return wg_bf16_to_f32(wg_f32_to_bf16(value));
    case WAGGLE_U8:
    case WAGGLE_I8: return nearbyintf(value);
    default: return value;
    }
}

// ---- Conversion --------------------------------------------------------------------------------

static waggle_status fail_at(const wg_row_place *place, uint32_t column, float value,
                             const char *what, waggle_error *error)
{
    bool named = place->name != NULL && place->name[0] != '\0';

    return wg_fail(error, WAGGLE_INVALID, "%s%s%s%s, row %" PRIu64 ", column %" PRIu32 ": %.9g %s",
                   place->what, named ? " \"" : "", named ? place->name : "", named ? "\"" : "",
                   place->row, column, (double)value, what);
}

static waggle_status fail_range(const wg_row_place *place, uint32_t column, float value,
                                waggle_type to, waggle_error *error)
{
    char what[96];

    snprintf(what, sizeof(what), "is outside %.9g..%.9g of %s", (double)types[to].low,
             (double)types[to].high, types[to].name);
    return fail_at(place, column, value, what, error);
}

static waggle_status fail_inexact(const wg_row_place *place, uint32_t column, float value,
                                  waggle_type to, waggle_error *error)
{
    char what[96];

    snprintf(what, sizeof(what), "has no exact value in %s (converting can round or clamp)",
             types[to].name);
    return fail_at(place, column, value, what, error);
}

// One component by the table of waggle_convert: *value becomes what the target will hold.
static waggle_status convert_component(waggle_type to, waggle_convert convert,
                                       const wg_row_place *place, uint32_t column, float *value,
                                       waggle_error *error)
{
    const type_info *target = &types[to];
    float given = *value;

    if (!isfinite(given)) return fail_at(place, column, given, "is not finite", error);
    if (to == WAGGLE_B1 && convert != WAGGLE_CONVERT_EXACT) {
        *value = given > 0.0f ? 1.0f : 0.0f;
        return WAGGLE_OK;
    }

    float rounded = nearest(to, given);
    if (rounded < target->low || rounded > target->high) {
        if (convert != WAGGLE_CONVERT_CLAMP) return fail_range(place, column, given, to, error);
        rounded = rounded < target->low ? target->low : target->high;
    }
    if (to == WAGGLE_B1) rounded = rounded > 0.0f ? 1.0f : 0.0f;
    if (convert == WAGGLE_CONVERT_EXACT && rounded != given) {
        return fail_inexact(place, column, given, to, error);
    }
    *value = rounded;
    return WAGGLE_OK;
}

// True if a packed row has an infinity or a NaN. Branch-free, so that compilers vectorize it: every row
// that enters a collection passes here.
static bool any_special(waggle_type type, const void *row, uint32_t dim)
{
    const uint8_t *bytes = row;
    uint32_t special = 0;

    if (type == WAGGLE_F32) {
        for (uint32_t i = 0; i < dim; i++) {
            special |= (wg_get32(bytes + 4 * (size_t)i) & 0x7f800000u) == 0x7f800000u;
        }
    } else if (types[type].is_float) {
        uint32_t exponent = type == WAGGLE_F16 ? 0x7c00u : 0x7f80u;
        for (uint32_t i = 0; i < dim; i++) {
            special |= (wg_get16(bytes + 2 * (size_t)i) & exponent) == exponent;
        }
    }
    return special != 0;
}

// The same type: the bytes as they are.
static waggle_status copy_row(waggle_type type, const void *source, void *target, uint32_t dim,
                              const wg_row_place *place, waggle_error *error)
{
    size_t size = packed_size(type, dim);

    if (any_special(type, source, dim)) {
        for (uint32_t i = 0; i < dim; i++) {
            float value = component_get(type, source, i);
            if (!isfinite(value)) return fail_at(place, i, value, "is not finite", error);
        }
    }
    memcpy(target, source, size);
    if (type == WAGGLE_B1 && dim % 8 != 0) { // what lies behind the last component is no component
        ((uint8_t *)target)[size - 1] &= (uint8_t)((1u << dim % 8) - 1u);
    }
    return WAGGLE_OK;
}

waggle_status wg_row_convert(waggle_type from, const void *source, waggle_type to, void *target,
                             uint32_t dim, waggle_convert convert, const wg_row_place *place,
                             waggle_error *error)
{
    WG_ASSERT(wg_type_valid(from));
    WG_ASSERT(wg_type_valid(to));
    WG_ASSERT(dim <= WAGGLE_DIM_MAX);

    size_t size = packed_size(to, dim);
    size_t padding = wg_row_stride(to, dim) - size;
    if (convert == WAGGLE_CONVERT_DEFAULT) convert = WAGGLE_CONVERT_EXACT;

    memset((uint8_t *)target + size, 0, padding);
    if (from == to) return copy_row(from, source, target, dim, place, error);

    if (to == WAGGLE_B1) memset(target, 0, size);
    for (uint32_t i = 0; i < dim; i++) {
        float value = component_get(from, source, i);
        waggle_status status = convert_component(to, convert, place, i, &value, error);
        if (status != WAGGLE_OK) return status;
        component_set(to, target, i, value);
    }
    return WAGGLE_OK;
}

void wg_row_to_f32(waggle_type type, const void *row, uint32_t dim, float *target)
{
    WG_ASSERT(wg_type_valid(type));
    if (type == WAGGLE_F32) {
        memcpy(target, row, (size_t)dim * sizeof(float));
        return;
    }
    for (uint32_t i = 0; i < dim; i++) {
        target[i] = component_get(type, row, i);
    }
}

// ---- Norms -------------------------------------------------------------------------------------

// The squares of float32 values stay far inside the range of double, at both ends.
static double norm_of(waggle_type type, const void *row, uint32_t dim)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < dim; i++) {
        double value = (double)component_get(type, row, i);
        sum += value * value;
    }
    return sqrt(sum);
}

static float norm_round(double norm)
{
    return norm >= (double)FLT_MAX ? FLT_MAX : (float)norm;
}

float wg_row_norm(waggle_type type, const void *row, uint32_t dim)
{
    WG_ASSERT(wg_type_valid(type));
    return norm_round(norm_of(type, row, dim));
}

float wg_row_normalize(waggle_type type, void *row, uint32_t dim)
{
    WG_ASSERT(wg_type_is_float(type));

    double norm = norm_of(type, row, dim);
    if (norm == 0.0) return 0.0f;
    for (uint32_t i = 0; i < dim; i++) {
        float value = component_get(type, row, i);
        component_set(type, row, i, (float)((double)value / norm));
    }
    return norm_round(norm);
}

void wg_row_restore(waggle_type type, const void *row, uint32_t dim, float norm, void *target)
{
    WG_ASSERT(wg_type_is_float(type));

    // A component close to the end of the range may come back beyond it, by the rounding of row and
    // norm: a stored value is finite, so the restored one is, too.
    const type_info *info = &types[type];
    for (uint32_t i = 0; i < dim; i++) {
        double value = (double)component_get(type, row, i) * (double)norm;
        value = WG_MIN(WG_MAX(value, (double)info->low), (double)info->high);
        component_set(type, target, i, (float)value);
    }
}
