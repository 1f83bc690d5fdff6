// Indexes over the rows of a collection: one interface. Members: flat.c (exact scan).
#pragma once

#include "device/device.h"

// One search over everything that a snapshot of a collection holds for one vector name.
typedef struct wg_index_query {
    waggle_metric metric;
    waggle_type type;
    uint32_t dim;
    uint32_t k;
    const wg_rows_view *views; // segments and head chunks
    uint32_t view_count;
    const void *queries; // as in wg_flat_job
    size_t query_stride;
    const float *query_norms;
    uint32_t query_count;
    wg_tie_fn tie; // order of ids
    const void *tie_context;
    waggle_scan scan;  // as in wg_flat_job
    wg_arena *scratch; // holds the answer, and what is needed meanwhile
} wg_index_query;

typedef struct wg_index_answer {
    wg_hit *hits;     // query_count lists, best first, query->k apart; of the query's scratch
    uint32_t *counts; // query_count
    bool exact;
    uint64_t rows_scanned; // rows read from memory: once per group of queries, masked rows included
    uint64_t bytes_scanned;
    wg_scan_report report; // what the device's passes read
} wg_index_answer;

// Most hits that one group of queries collects: 4 MiB of them per thread.
#define WG_INDEX_HITS_MAX (1u << 18)

// Exact: every candidate is scored on the device, once. Queries go in groups, so that scratch is bounded
// by WG_INDEX_HITS_MAX hits per thread (or wg_topk_capacity(k), if that is more) however many queries there are. The answer
// itself has query_count * k hits, so callers lower k to the number of points. On failure the answer is
// empty and the scratch as it was.
waggle_status wg_index_flat_search(wg_device *device, const wg_index_query *query,
                                   wg_index_answer *answer, waggle_error *error);
