// Vectors and ids as people write them.
#pragma once

#include "base/json.h"

// Appends a vector as a JSON array, or null if it has no data; false = out of memory.
bool cli_vector_json(const waggle_vector *vector, wg_buffer *text);
// The vectors of a point: one that is unnamed as an array, else an object by name.
bool cli_vectors_json(const waggle_vector *vectors, uint32_t count, wg_buffer *text);

// A component as float32; every element type fits exactly. b1 gives 0 or 1.
float cli_component(waggle_type type, const void *data, uint32_t index);

// Reads "[0.1, 0.2]" into values of the caller's buffer. *dim receives how many there are.
waggle_status cli_vector_parse(const char *text, wg_buffer *values, uint32_t *dim,
                               waggle_error *error);

// "768 f32 cosine, title: 128 i8 l2"; a scan that is not auto follows the metric.
bool cli_specs_text(const waggle_vector_spec *specs, uint32_t count, wg_buffer *text);
bool cli_specs_json(const waggle_vector_spec *specs, uint32_t count, wg_buffer *text);
// Reads "name:dim[:type[:metric[:scan]]]". The name points into text, whose first colon becomes its end.
waggle_status cli_spec_parse(char *text, waggle_vector_spec *spec, waggle_error *error);

// An id as waggle_id_parse() reads it, but what can only be meant as a UUID, for it begins with urn:uuid: or
// has hyphens where a UUID has them, must be one.
waggle_status cli_id_parse(const char *text, waggle_id *id, waggle_error *error);

// "exact", "round", "clamp"; NULL = the default.
waggle_convert cli_convert_of(const char *name);
// The scan of an option that is a choice; NULL = the default.
waggle_scan cli_scan_of(const char *name);
