// Element types: sizes, conversions by the table of waggle.h, checks of what comes from outside.
#pragma once

#include "base/status.h"

size_t wg_type_size(waggle_type type);            // bytes of a component; b1: 0
const char *wg_type_name(waggle_type type);       // "f32"; NULL for a number that is no type
const char *wg_metric_name(waggle_metric metric); // "l2"; NULL for a number that is no metric
bool wg_type_is_float(waggle_type type);          // f32, f16, bf16
bool wg_type_valid(waggle_type type);
bool wg_metric_valid(waggle_metric metric);
bool wg_metric_lowest(waggle_metric metric); // true: the lowest score is the best

// True if a collection may have this metric over this type: the table at waggle_metric.
bool wg_metric_supports(waggle_metric metric, waggle_type type);

// Bytes between rows of ours: a multiple of 64, so that every row begins on a cache line.
size_t wg_row_stride(waggle_type type, uint32_t dim);

float wg_f16_to_f32(uint16_t bits);  // IEEE 754 binary16, subnormals included
uint16_t wg_f32_to_f16(float value); // nearest even; overflow gives infinity
float wg_bf16_to_f32(uint16_t bits);
uint16_t wg_f32_to_bf16(float value); // nearest even; overflow gives infinity

// Where a row stands, for messages: "vector \"title\", row 7".
typedef struct wg_row_place {
    const char *what; // "vector" or "query"
    const char *name; // of the vector; NULL or "" = unnamed
    uint64_t row;
} wg_row_place;

// Checks and converts one row of dim components from source (any alignment) to target (aligned to 4), the
// rest up to the target's stride is zeroed. Errors name place, column, value and range.
waggle_status wg_row_convert(waggle_type from, const void *source, waggle_type to, void *target,
                             uint32_t dim, waggle_convert convert, const wg_row_place *place,
                             waggle_error *error);
// One stored row as float32 (b1: 0 and 1).
void wg_row_to_f32(waggle_type type, const void *row, uint32_t dim, float *target);

// Euclidean norm of a stored row, in double, rounded to float32; a norm that overflows float32 is
// FLT_MAX (the row is finite).
float wg_row_norm(waggle_type type, const void *row, uint32_t dim);
// Divides a float row by its norm in double arithmetic; a zero row stays. Returns the norm. f16 and bf16 are rounded again.
float wg_row_normalize(waggle_type type, void *row, uint32_t dim);
// The reverse, for export: target receives row * norm in the same type.
void wg_row_restore(waggle_type type, const void *row, uint32_t dim, float norm, void *target);
