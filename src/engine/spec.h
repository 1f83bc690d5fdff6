// What a collection is: its named vectors. Stored in the manifest and in the record that creates it:
//   u32 version (2), u32 count, per vector: u8 type, u8 metric, u16 name size, u32 dim, u8 scan, name bytes
// Version 1 had no scan; it is read as AUTO.
#pragma once

#include "base/memory.h"
#include "vector/type.h"

typedef struct wg_vector_field {
    char name[WAGGLE_VECTOR_NAME_SIZE_MAX + 1];
    uint32_t dim;
    waggle_type type;
    waggle_metric metric;
    waggle_scan scan; // AUTO to PROBABLE
    size_t size;      // bytes of a vector, tightly packed
    size_t stride;    // bytes between rows
    bool normalized;  // stored divided by its norm (cosine over float types)
    bool keeps_norm;  // a norm per row is stored (cosine)
    bool coded;       // sealed parts get codes (codes.h)
} wg_vector_field;

typedef struct wg_spec {
    uint32_t count;
    size_t row_size;          // strides of all vectors together
    wg_vector_field fields[]; // count
} wg_spec;

// Checks what the caller gives; the spec is freed with wg_free.
waggle_status wg_spec_create(wg_heap *heap, const waggle_collection_spec *given, wg_spec **spec,
                             waggle_error *error);
waggle_status wg_spec_encode(const wg_spec *spec, wg_buffer *target, waggle_error *error);
waggle_status wg_spec_decode(wg_heap *heap, const void *data, size_t size, wg_spec **spec,
                             waggle_error *error);
// The index of a vector by name (NULL = the unnamed one, or the only one); WAGGLE_NOT_FOUND lists the names.
waggle_status wg_spec_find(const wg_spec *spec, const char *name, uint32_t *index,
                           waggle_error *error);
// As waggle.h shows it; the names borrow the spec's.
void wg_spec_show(const wg_spec *spec, waggle_vector_spec *vectors);
// 1..255 bytes of UTF-8 without / \ NUL and control characters.
waggle_status wg_collection_name_check(const char *name, waggle_error *error);
