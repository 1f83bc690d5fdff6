// The data that exact search is measured on: real images, the same centered and normalized, and clustered data.
//
//   images             50,000 x 768 bytes (shared/data/images.npy), as f32 and as u8; squared L2
//   images-normalized  the same, centered on their mean and normalized; f32, cosine
//   clustered-128      1,000,000 x 128 (bench/clustered.h, intrinsic dimension 20), as f32 and rounded to i8; squared L2
//   clustered-768      100,000 x 768 (intrinsic dimension 24), the same
//
// Each has 1,000 queries that are no rows.
#pragma once

#include "clustered.h"
#include "support.h"

typedef enum bench_form {
    BENCH_FLOATS,
    BENCH_BYTES,
    BENCH_FORMS
} bench_form;

// Rows and queries of one type.
typedef struct bench_view {
    waggle_type type; // WAGGLE_TYPE_DEFAULT = the set has no such form
    waggle_metric metric;
    uint32_t dim;
    uint64_t count;
    uint64_t query_count;
    void *rows;
    void *queries;
} bench_view;

typedef struct bench_set {
    const char *name;
    bench_view views[BENCH_FORMS];
    char sha[BENCH_SHA_TEXT_SIZE]; // of the rows as f32
} bench_set;

#define BENCH_SETS 4u
#define BENCH_SET_QUERIES 1000u

const char *bench_set_name(uint32_t index);
// folder holds images.npy and images-queries.npy. rows_max = 0 is all of them. False: a file is not there, and *reason says
// which (a static text).
bool bench_set_make(uint32_t index, const char *folder, uint64_t rows_max, uint64_t seed,
                    bench_set *set, const char **reason);
void bench_set_finish(bench_set *set);
size_t bench_view_size(const bench_view *view); // bytes of all rows
