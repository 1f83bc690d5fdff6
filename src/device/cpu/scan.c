// Rows are taken in blocks that fit a part of the second-level cache. Each is read from memory once, by the
// first group of queries, and all further groups of the batch find it in the cache:
//
//   for each block of rows           (taken by threads from an atomic cursor)
//     for each group of queries      (WG_TILE_QUERIES: they stay in the first-level cache)
//       for each tile of rows        (WG_TILE_ROWS: scored in registers, compared with the k-th best)
//
// Every thread keeps its own k best per query; the caller merges them at the end. Hits have a total order,
// so the answer depends neither on the number of threads nor on who took which block.
#include "device/cpu/scan.h"

#include <math.h>

#define BLOCK_SIZE ((size_t)256 << 10) // of the 1 to 2 MiB that servers have per core
#define BLOCK_ROWS_MAX 4096u
#define BLOCK_ROWS_MIN 64u
#define BLOCKS_PER_THREAD 4u
// A thread is woken for at least this much work, counted in bytes that a single query would read: about
// 50 microseconds, against some 10 for waking it.
#define WORK_MIN ((uint64_t)1 << 20)

typedef struct scan {
    const wg_flat_job *job;
    wg_tile_fn tile;
    bool lowest;
    float worst;           // what counts for a score that is not a number
    uint32_t block_rows;   // a power of two
    uint64_t block_count;  // of all views
    uint64_t *block_ends;  // by view: the number of the block after its last
    _Atomic uint64_t next; // relaxed: a number of work, nothing is published through it
    uint32_t participants;
    wg_topk *topks; // of the participants but the first, which uses the job's
    wg_hit *hits;   // of topks
} scan;

// As many rows as fit, but few enough that a small job still has some blocks for every thread.
static uint32_t block_rows_for(const wg_flat_job *job, uint32_t threads)
{
    uint64_t row_count = 0;
    uint32_t rows = WG_TILE_ROWS;

    for (uint32_t i = 0; i < job->view_count; i++) {
        row_count += job->views[i].count;
    }
    while (rows < BLOCK_ROWS_MAX && 2 * rows * job->query_stride <= BLOCK_SIZE) {
        rows *= 2;
    }
    while (rows > BLOCK_ROWS_MIN && row_count / rows < (uint64_t)BLOCKS_PER_THREAD * threads) {
        rows /= 2;
    }
    return rows;
}

// ---- One tile ----------------------------------------------------------------------------------

// Bit r: row + r is a candidate. row is a multiple of WG_TILE_ROWS, so a tile lies in one word.
static uint32_t candidates(const wg_rows_view *view, uint64_t row)
{
    uint64_t left = view->count - row;
    uint64_t bits = left < WG_TILE_ROWS ? (1u << left) - 1u : (1u << WG_TILE_ROWS) - 1u;

    if (view->present != NULL) bits &= view->present[row / 64] >> row % 64;
    if (view->masked_pages != NULL) {
        uint64_t bit = view->masked_first + row;
        const uint64_t *page = view->masked_pages[bit / WG_MASK_PAGE_BITS];
        if (page != NULL) bits &= ~(page[bit % WG_MASK_PAGE_BITS / 64] >> bit % 64);
    }
    return (uint32_t)bits;
}

// Cosine over bytes: the norms are applied to the exact dot product, in double.
static void apply_norms(float *scores, uint32_t count, float query_norm, const float *norms)
{
    for (uint32_t r = 0; r < count; r++) {
        double norm = (double)query_norm * (double)norms[r];
        scores[r] = norm == 0.0 ? 0.0f : (float)((double)scores[r] / norm);
    }
}

// Bit r: the score of row r could enter. Branch-free: after the first blocks, hardly any does.
static uint32_t wanted(const scan *s, const wg_topk *topk, float *scores)
{
    uint32_t bits = 0;

    for (uint32_t r = 0; r < WG_TILE_ROWS; r++) {
        scores[r] = isnan(scores[r]) ? s->worst : scores[r];
        bits |= (uint32_t)wg_topk_wants(topk, scores[r]) << r;
    }
    return bits;
}

static void collect(const scan *s, uint32_t view, uint64_t row, uint32_t bits, float *scores,
                    wg_topk *topk)
{
    for (bits &= wanted(s, topk, scores); bits != 0; bits &= bits - 1) {
        uint32_t r = (uint32_t)__builtin_ctz(bits);
        wg_topk_push(topk, scores[r], view, row + r);
    }
}

static void scan_tile(const scan *s, uint32_t view_index, uint64_t row, uint32_t query,
                      uint32_t query_count, wg_topk *topks)
{
    const wg_flat_job *job = s->job;
    const wg_rows_view *view = &job->views[view_index];
    uint32_t bits = candidates(view, row);
    if (bits == 0) return;

    float scores[WG_TILE_QUERIES * WG_TILE_ROWS] = {0.0f};
    uint32_t row_count = (uint32_t)WG_MIN(view->count - row, (uint64_t)WG_TILE_ROWS);
    s->tile((const uint8_t *)view->rows + row * view->stride, view->stride, row_count,
            (const uint8_t *)job->queries + query * job->query_stride, job->query_stride,
            query_count, job->dim, scores);
    for (uint32_t q = 0; q < query_count; q++) {
        float *of_query = scores + q * WG_TILE_ROWS;
        if (view->norms != NULL) {
            apply_norms(of_query, row_count, job->query_norms[query + q], view->norms + row);
        }
        collect(s, view_index, row, bits, of_query, &topks[query + q]);
    }
}

// ---- Blocks and threads ------------------------------------------------------------------------

static void scan_block(const scan *s, uint32_t view_index, uint64_t begin, wg_topk *topks)
{
    uint64_t end = WG_MIN(begin + s->block_rows, s->job->views[view_index].count);
    uint32_t query_count = s->job->query_count;

    for (uint32_t query = 0; query < query_count; query += WG_TILE_QUERIES) {
        uint32_t group = WG_MIN(query_count - query, WG_TILE_QUERIES);
        for (uint64_t row = begin; row < end; row += WG_TILE_ROWS) {
            scan_tile(s, view_index, row, query, group, topks);
        }
    }
}

// The view that holds a block: the first whose end is behind it.
static uint32_t view_of(const scan *s, uint64_t block)
{
    uint32_t low = 0, high = s->job->view_count - 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->block_ends[middle] > block) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void participate(void *context, uint32_t participant)
{
    scan *s = context;
    uint32_t query_count = s->job->query_count;
    wg_topk *topks =
        participant == 0 ? s->job->topks : s->topks + (size_t)(participant - 1) * query_count;

    for (;;) {
        uint64_t block = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
        if (block >= s->block_count) break;
        uint32_t view = view_of(s, block);
        uint64_t first = view == 0 ? 0 : s->block_ends[view - 1];
        scan_block(s, view, (block - first) * s->block_rows, topks);
    }
}

// ---- The job -----------------------------------------------------------------------------------

static waggle_status count_blocks(scan *s, waggle_error *error)
{
    const wg_flat_job *job = s->job;
    size_t size = job->view_count * sizeof(uint64_t);

    s->block_ends = wg_alloc(job->heap, WG_MEMORY_SCRATCH, size);
    if (s->block_ends == NULL) return wg_fail_memory(error, size, "a scan");
    for (uint32_t i = 0; i < job->view_count; i++) {
        s->block_count += (job->views[i].count + s->block_rows - 1) / s->block_rows;
        s->block_ends[i] = s->block_count;
    }
    return WAGGLE_OK;
}

static uint32_t participants_for(const scan *s, uint32_t threads)
{
    uint64_t block_size = (uint64_t)s->block_rows * s->job->query_stride;
    uint64_t groups = (s->job->query_count + WG_TILE_QUERIES - 1) / WG_TILE_QUERIES;
    uint64_t useful = s->block_count * block_size * groups / WORK_MIN;

    useful = WG_MIN(useful, s->block_count);
    return (uint32_t)WG_MAX(WG_MIN(useful, (uint64_t)threads), 1u);
}

// Lists for every participant but the first.
static waggle_status create_lists(scan *s, waggle_error *error)
{
    const wg_flat_job *job = s->job;
    size_t others = s->participants - 1, hit_count = 0;
    size_t lists_size = 0, hits_size = 0;

    if (others == 0) return WAGGLE_OK;
    for (uint32_t q = 0; q < job->query_count; q++) {
        hit_count += job->topks[q].k;
    }
    if (!wg_size_mul(others * job->query_count, sizeof(wg_topk), &lists_size) ||
        !wg_size_mul(hit_count, others * sizeof(wg_hit), &hits_size)) {
        return wg_fail_memory(error, SIZE_MAX, "the hits of a scan");
    }
    s->topks = wg_alloc(job->heap, WG_MEMORY_SCRATCH, lists_size);
    if (s->topks == NULL) return wg_fail_memory(error, lists_size, "the lists of a scan");
    s->hits = wg_alloc(job->heap, WG_MEMORY_SCRATCH, hits_size);
    if (s->hits == NULL) return wg_fail_memory(error, hits_size, "the hits of a scan");

    wg_hit *hits = s->hits;
    for (size_t i = 0; i < others * job->query_count; i++) {
        const wg_topk *like = &job->topks[i % job->query_count];
        wg_topk_init(&s->topks[i], hits, like->k, s->lowest, like->tie, like->tie_context);
        hits += like->k;
    }
    return WAGGLE_OK;
}

static void merge_lists(const scan *s)
{
    uint32_t query_count = s->job->query_count;

    for (size_t i = 0; i < (size_t)(s->participants - 1) * query_count; i++) {
        wg_topk_merge(&s->job->topks[i % query_count], &s->topks[i]);
    }
}

waggle_status wg_cpu_scan(wg_pool *pool, const wg_kernels *kernels, const wg_flat_job *job,
                          waggle_error *error)
{
    if (job->view_count == 0 || job->query_count == 0) return WAGGLE_OK;

    waggle_status status = WAGGLE_OK;
    uint32_t threads = wg_pool_threads(pool);
    bool lowest = wg_metric_lowest(job->metric);
    scan s = {
        .job = job,
        .tile = kernels->tile[job->metric][job->type],
        .lowest = lowest,
        .worst = lowest ? INFINITY : -INFINITY,
        .block_rows = block_rows_for(job, threads),
    };

    status = count_blocks(&s, error);
    if (status != WAGGLE_OK) goto cleanup;
    s.participants = participants_for(&s, threads);
    status = create_lists(&s, error);
    if (status != WAGGLE_OK) goto cleanup;

    wg_pool_run(pool, s.participants, participate, &s);
    merge_lists(&s);

cleanup:
    wg_free(s.hits);
    wg_free(s.topks);
    wg_free(s.block_ends);
    return status;
}
