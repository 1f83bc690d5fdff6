// The flat index: no structure at all. Every candidate is scored, so the answer is exact.
#include "index/index.h"

#include <string.h>

static waggle_status create_answer(const wg_index_query *query, wg_index_answer *answer,
                                   waggle_error *error)
{
    wg_arena *scratch = query->scratch;
    size_t count = 0, size = 0;

    if (!wg_size_mul(query->query_count, query->k, &count) ||
        !wg_size_mul(count, sizeof(wg_hit), &size)) {
        return wg_fail_memory(error, SIZE_MAX, "the hits of a search");
    }
    waggle_status status =
        scratch->heap == NULL ? WAGGLE_OK : wg_heap_admit(scratch->heap, size, error);
    if (status != WAGGLE_OK) return status;
    answer->hits = wg_arena_alloc(scratch, size, 64);
    if (answer->hits == NULL) return wg_fail_memory(error, size, "the hits of a search");

    size = query->query_count * sizeof(uint32_t);
    answer->counts = wg_arena_alloc_zeroed(scratch, size, 64);
    if (answer->counts == NULL) return wg_fail_memory(error, size, "the hits of a search");
    answer->exact = true;
    return WAGGLE_OK;
}

// The lists of a group of queries, and what they collect in.
typedef struct group {
    uint32_t k;
    wg_topk *topks;
    wg_hit *hits; // wg_topk_capacity(k) for each
} group;

// Scans all views for queries [first, first + count).
static waggle_status search_group(wg_device *device, const wg_index_query *query, uint32_t first,
                                  uint32_t count, const group *g, wg_index_answer *answer,
                                  waggle_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        wg_topk_init(&g->topks[i], g->hits + i * wg_topk_capacity(g->k), g->k,
                     wg_metric_lowest(query->metric), query->tie, query->tie_context);
    }
    wg_flat_job job = {
        .metric = query->metric,
        .type = query->type,
        .dim = query->dim,
        .views = query->views,
        .view_count = query->view_count,
        .queries = (const uint8_t *)query->queries + first * query->query_stride,
        .query_stride = query->query_stride,
        .query_norms = query->query_norms == NULL ? NULL : query->query_norms + first,
        .query_count = count,
        .topks = g->topks,
        .scratch = query->scratch,
        .scan = query->scan,
        .report = &answer->report,
    };
    waggle_status status = wg_device_flat_search(device, &job, error);
    if (status != WAGGLE_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        wg_topk *topk = &g->topks[i];
        wg_topk_sort(topk);
        memcpy(answer->hits + (size_t)(first + i) * query->k, topk->hits,
               topk->count * sizeof(wg_hit));
        answer->counts[first + i] = (uint32_t)topk->count;
    }
    return WAGGLE_OK;
}

static waggle_status group_create(const wg_index_query *query, uint32_t queries, group *g,
                                  waggle_error *error)
{
    size_t lists_size = queries * sizeof(wg_topk);
    size_t hits_size = queries * wg_topk_capacity(g->k) * sizeof(wg_hit);
    wg_arena *scratch = query->scratch;
    waggle_status status =
        scratch->heap == NULL ? WAGGLE_OK : wg_heap_admit(scratch->heap, hits_size, error);

    if (status != WAGGLE_OK) return status;
    g->topks = wg_arena_alloc(scratch, lists_size, 64);
    if (g->topks == NULL) return wg_fail_memory(error, lists_size, "the lists of a search");
    g->hits = wg_arena_alloc(scratch, hits_size, 64);
    if (g->hits == NULL) return wg_fail_memory(error, hits_size, "the lists of a search");
    return WAGGLE_OK;
}

static uint64_t bytes_read(const wg_scan_report *report)
{
    uint64_t bytes = report->rows.bytes;

    for (uint32_t kind = 0; kind < WG_COUNT(report->codes); kind++) {
        bytes += report->codes[kind].bytes;
    }
    return bytes;
}

static waggle_status search_groups(wg_device *device, const wg_index_query *query, uint64_t rows,
                                   wg_index_answer *answer, waggle_error *error)
{
    group g = {.k = (uint32_t)WG_MIN((uint64_t)query->k, rows)};
    uint64_t most = WG_MAX(WG_INDEX_HITS_MAX / wg_topk_capacity(g.k), 1u);
    uint32_t size = (uint32_t)WG_MIN(most, (uint64_t)query->query_count);

    waggle_status status = group_create(query, size, &g, error);
    for (uint32_t first = 0; status == WAGGLE_OK && first < query->query_count; first += size) {
        uint32_t count = WG_MIN(size, query->query_count - first);
        status = search_group(device, query, first, count, &g, answer, error);
        if (status != WAGGLE_OK) break;
        answer->rows_scanned += rows;
    }
    answer->bytes_scanned = bytes_read(&answer->report);
    return status;
}

waggle_status wg_index_flat_search(wg_device *device, const wg_index_query *query,
                                   wg_index_answer *answer, waggle_error *error)
{
    WG_ASSERT(query->k > 0);

    uint64_t rows = 0;
    for (uint32_t i = 0; i < query->view_count; i++) {
        rows += query->views[i].count;
    }
    wg_arena_mark before = wg_arena_mark_get(query->scratch);
    *answer = (wg_index_answer){0};
    waggle_status status = create_answer(query, answer, error);
    if (status == WAGGLE_OK && rows > 0 && query->query_count > 0) {
        status = search_groups(device, query, rows, answer, error);
    }
    if (status != WAGGLE_OK) {
        wg_arena_rewind(query->scratch, before);
        *answer = (wg_index_answer){0};
    }
    return status;
}
