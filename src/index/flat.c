// The flat index: no structure at all. Every candidate is scored, so the answer is exact.
#include "index/index.h"

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

// Scans all views for queries [first, first + count); topks has count lists.
static waggle_status search_group(wg_device *device, const wg_index_query *query, uint32_t first,
                                  uint32_t count, uint32_t k, wg_topk *topks,
                                  wg_index_answer *answer, waggle_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        wg_topk_init(&topks[i], answer->hits + (size_t)(first + i) * query->k, k,
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
        .topks = topks,
        .scratch = query->scratch,
    };
    waggle_status status = wg_device_flat_search(device, &job, error);
    if (status != WAGGLE_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        wg_topk_sort(&topks[i]);
        answer->counts[first + i] = topks[i].count;
    }
    return WAGGLE_OK;
}

static waggle_status search_groups(wg_device *device, const wg_index_query *query, uint64_t rows,
                                   wg_index_answer *answer, waggle_error *error)
{
    uint32_t k = (uint32_t)WG_MIN((uint64_t)query->k, rows);
    uint32_t group = WG_MIN(WG_MAX(WG_INDEX_HITS_MAX / k, 1u), query->query_count);
    size_t size = group * sizeof(wg_topk);
    waggle_status status = WAGGLE_OK;

    wg_topk *topks = wg_arena_alloc(query->scratch, size, 64);
    if (topks == NULL) return wg_fail_memory(error, size, "the lists of a search");
    for (uint32_t first = 0; first < query->query_count; first += group) {
        uint32_t count = WG_MIN(group, query->query_count - first);
        status = search_group(device, query, first, count, k, topks, answer, error);
        if (status != WAGGLE_OK) break;
        answer->rows_scanned += rows;
        answer->bytes_scanned += rows * query->query_stride;
    }
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
