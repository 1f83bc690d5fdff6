// The true neighbors, to know the recall of whatever is measured: every score is computed in double from the values as they
// are stored, by code that has nothing in common with the library or its peers.
//
// What is kept is the score of the k-th true neighbor of each query. A hit is right if its own true score is not worse, so of
// rows that tie any is right; rounding to float32 may swap neighbors that differ by less, and those count as wrong.
#pragma once

#include "sets.h"

#define BENCH_K_MAX 128u

typedef struct bench_truth {
    const bench_view *view;
    uint32_t k;
    double *worst; // per query: the k-th best score; lower is better
} bench_truth;

// Of all queries of the view, which must live as long. By all processors.
void bench_truth_make(const bench_view *view, uint32_t k, bench_truth *truth);
void bench_truth_finish(bench_truth *truth);
// How many of these ids (row numbers, at most k) are right for a query; an id that comes twice counts once.
uint32_t bench_truth_right(const bench_truth *truth, uint64_t query, const uint64_t *ids,
                           uint32_t count);
