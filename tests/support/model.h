// The model that databases are compared with: a plain array of points, and random operations that are done to both.
// Every value is made from a stamp, so that a half-applied operation cannot look right.
#pragma once

#include "engine/engine.h"
#include "support/test.h"

#define MODEL_IDS 48u // of points_id; few, so that ids come again
#define MODEL_DIM 3u
#define MODEL_BATCH_MAX 12u

typedef struct model_point {
    bool there;
    bool lacks;       // the vector
    uint32_t vector;  // stamp
    uint32_t payload; // stamp; 0 = none
} model_point;

typedef struct model {
    model_point points[MODEL_IDS];
    uint32_t stamp; // of the last operation
} model;

typedef enum model_op {
    MODEL_UPSERT,
    MODEL_DELETE,
    MODEL_PAYLOAD,
    MODEL_IMPORT,
    MODEL_SEAL,
    MODEL_COMPACT,
    MODEL_FLUSH,
    MODEL_OPS
} model_op;

// The collection "c" that operations are done to. Its parts have codes, if wg_internal.codes_rows_least is 1.
waggle_status model_create(waggle_database *database, waggle_collection **collection,
                           waggle_error *error);
// Does a random operation to the model (always) and to the collection; the collection's status is returned.
waggle_status model_step(model *m, test_random *random, waggle_collection *collection,
                         waggle_error *error);
// Is the collection exactly the model? Compares every point through a cursor, by id, the count, and (deep) some
// searches with brute force. On a difference *why says which.
bool model_equal(const model *m, waggle_collection *collection, bool deep, char *why,
                 size_t capacity);
