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

#include "base/system.h"
#include "device/cpu/batch.h"
#include "device/cpu/cascade.h"

#include <math.h>

#define BLOCK_SIZE ((size_t)256 << 10) // of the 1 to 2 MiB that servers have per core
#define BLOCK_ROWS_MAX 4096u
#define BLOCK_ROWS_MIN 64u
#define BLOCKS_PER_THREAD 4u
// A thread is woken for at least this much work, counted in bytes that a single query would read: about
// 50 microseconds, against some 10 for waking it.
#define WORK_MIN ((uint64_t)1 << 20)

// The blocks of a view.
typedef struct view_blocks {
    uint64_t end;  // the number of the block after its last
    uint32_t rows; // of a block: a power of two
} view_blocks;

// What a thread has for itself.
typedef struct participant {
    wg_batch_scratch *batch;
    wg_cascade_scratch *cascade;
    wg_scan_stage rows; // read as they are
} participant;

typedef struct scan {
    const wg_flat_job *job;
    const wg_kernels *kernels;
    wg_batch *batch;     // NULL: tiles only
    wg_cascade *cascade; // NULL: no codes
    bool lowest;
    uint64_t block_count;  // of all views
    view_blocks *blocks;   // by view
    _Atomic uint64_t next; // relaxed: a number of work, nothing is published through it
    uint32_t participant_count;
    participant *participants;
    wg_topk *topks; // of the participants but the first, which uses the job's
    wg_hit *hits;   // of topks
} scan;

// As many rows of a size as fit, but few enough that a small job still has some blocks for every thread.
static uint32_t block_rows_for(const wg_flat_job *job, size_t row_size, uint32_t threads)
{
    uint64_t row_count = 0;
    uint32_t rows = WG_TILE_ROWS;

    for (uint32_t i = 0; i < job->view_count; i++) {
        row_count += job->views[i].count;
    }
    while (rows < BLOCK_ROWS_MAX && 2 * rows * row_size <= BLOCK_SIZE) {
        rows *= 2;
    }
    while (rows > BLOCK_ROWS_MIN && row_count / rows < (uint64_t)BLOCKS_PER_THREAD * threads) {
        rows /= 2;
    }
    return rows;
}

// What the first pass over a view reads of a row.
static size_t row_size_of(const scan *s, uint32_t view)
{
    size_t size = s->cascade == NULL ? 0 : wg_cascade_row_size(s->cascade, view);
    return size == 0 ? s->job->query_stride : size;
}

static bool has_codes(const scan *s, uint32_t view)
{
    return s->cascade != NULL && wg_cascade_row_size(s->cascade, view) > 0;
}

// ---- One tile ----------------------------------------------------------------------------------

uint64_t wg_scan_candidates_64(const wg_rows_view *view, uint64_t row)
{
    uint64_t left = view->count - row;
    uint64_t bits = left < 64 ? (UINT64_C(1) << left) - 1 : UINT64_MAX;

    if (view->present != NULL) bits &= view->present[row / 64];
    if (view->masked_pages != NULL) {
        uint64_t bit = view->masked_first + row;
        const uint64_t *page = view->masked_pages[bit / WG_MASK_PAGE_BITS];
        if (page != NULL) bits &= ~page[bit % WG_MASK_PAGE_BITS / 64];
    }
    return bits;
}

uint32_t wg_scan_candidates(const wg_rows_view *view, uint64_t row)
{
    uint64_t bits = wg_scan_candidates_64(view, row - row % 64) >> row % 64;
    return (uint32_t)bits & ((1u << WG_TILE_ROWS) - 1u);
}

// Cosine over bytes: the norms are applied to the exact dot product, in double.
static void apply_norms(float *scores, uint32_t count, float query_norm, const float *norms)
{
    for (uint32_t r = 0; r < count; r++) {
        double norm = (double)query_norm * (double)norms[r];
        scores[r] = norm == 0.0 ? 0.0f : (float)((double)scores[r] / norm);
    }
}

// Bit r: the score of row r could enter, or is not a number. Branch-free: after the first blocks, hardly any does.
static uint32_t wanted(const wg_topk *topk, const float *scores)
{
    float bound = topk->bound;
    uint32_t bits = 0;

    if (topk->lowest) {
        for (uint32_t r = 0; r < WG_TILE_ROWS; r++)
            bits |= (scores[r] > bound ? 0u : 1u) << r;
    } else {
        for (uint32_t r = 0; r < WG_TILE_ROWS; r++)
            bits |= (scores[r] < bound ? 0u : 1u) << r;
    }
    return bits;
}

static void collect(uint32_t view, uint64_t row, uint32_t bits, float *scores, wg_topk *topk)
{
    for (bits &= wanted(topk, scores); bits != 0; bits &= bits - 1) {
        uint32_t r = (uint32_t)__builtin_ctz(bits);
        float score = isnan(scores[r]) ? wg_topk_worst(topk) : scores[r];
        if (wg_topk_wants(topk, score)) wg_topk_push(topk, score, view, row + r);
    }
}

static void scan_tile(wg_tile_fn score, const wg_flat_job *job, uint32_t view_index, uint64_t row,
                      uint32_t query, uint32_t query_count, wg_topk *topks)
{
    const wg_rows_view *view = &job->views[view_index];
    uint32_t bits = wg_scan_candidates(view, row);
    if (bits == 0) return;

    float scores[WG_TILE_QUERIES * WG_TILE_ROWS] = {0.0f};
    uint32_t row_count = (uint32_t)WG_MIN(view->count - row, (uint64_t)WG_TILE_ROWS);
    score((const uint8_t *)view->rows + row * view->stride, view->stride, row_count,
          (const uint8_t *)job->queries + query * job->query_stride, job->query_stride, query_count,
          job->dim, scores);
    for (uint32_t q = 0; q < query_count; q++) {
        float *of_query = scores + q * WG_TILE_ROWS;
        if (view->norms != NULL) {
            apply_norms(of_query, row_count, job->query_norms[query + q], view->norms + row);
        }
        collect(view_index, row, bits, of_query, &topks[query + q]);
    }
}

void wg_scan_pair(const wg_kernels *kernels, const wg_flat_job *job, uint32_t view_index,
                  uint64_t row, uint32_t query, wg_topk *topk)
{
    const wg_rows_view *view = &job->views[view_index];
    float score[WG_TILE_QUERIES * WG_TILE_ROWS];

    kernels->tile[job->metric][job->type]((const uint8_t *)view->rows + row * view->stride,
                                          view->stride, 1,
                                          (const uint8_t *)job->queries + query * job->query_stride,
                                          job->query_stride, 1, job->dim, score);
    if (view->norms != NULL) apply_norms(score, 1, job->query_norms[query], view->norms + row);
    if (isnan(score[0])) score[0] = wg_topk_worst(topk);
    if (wg_topk_wants(topk, score[0])) wg_topk_push(topk, score[0], view_index, row);
}

// ---- Blocks and threads ------------------------------------------------------------------------

void wg_scan_tiles(const wg_kernels *kernels, const wg_flat_job *job, uint32_t view, uint64_t begin,
                   uint64_t end, uint32_t first, uint32_t count, wg_topk *topks)
{
    wg_tile_fn score = kernels->tile[job->metric][job->type];

    for (uint32_t query = first; query < first + count; query += WG_TILE_QUERIES) {
        uint32_t group = WG_MIN(first + count - query, WG_TILE_QUERIES);
        for (uint64_t row = begin; row < end; row += WG_TILE_ROWS) {
            scan_tile(score, job, view, row, query, group, topks);
        }
    }
}

// The view that holds a block: the first whose end is behind it.
static uint32_t view_of(const scan *s, uint64_t block)
{
    uint32_t low = 0, high = s->job->view_count - 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->blocks[middle].end > block) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

typedef struct block {
    uint32_t view;
    uint64_t begin;
    uint64_t end;
    const uint8_t *rows;
} block;

// The next block of a thread; false = there is none.
static bool take_block(scan *s, block *taken)
{
    uint64_t number = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
    if (number >= s->block_count) return false;
    uint32_t view_index = view_of(s, number);
    const wg_rows_view *view = &s->job->views[view_index];
    uint64_t first = view_index == 0 ? 0 : s->blocks[view_index - 1].end;
    uint64_t begin = (number - first) * s->blocks[view_index].rows;
    *taken = (block){.view = view_index,
                     .begin = begin,
                     .end = WG_MIN(begin + s->blocks[view_index].rows, view->count),
                     .rows = (const uint8_t *)view->rows + begin * view->stride};
    return true;
}

// Reads the rows of a block as they are. ahead: what the thread reads next, NULL = nothing.
static void scan_rows(const scan *s, participant *self, const block *now, const void *ahead,
                      wg_topk *topks)
{
    uint64_t start = wg_now_ns();
    if (s->batch != NULL) {
        wg_batch_block(s->batch, self->batch, now->view, now->begin, now->end, ahead, topks);
    } else {
        wg_scan_tiles(s->kernels, s->job, now->view, now->begin, now->end, 0, s->job->query_count,
                      topks);
    }
    self->rows.rows += now->end - now->begin;
    self->rows.bytes += (now->end - now->begin) * s->job->query_stride;
    self->rows.ns += wg_now_ns() - start;
}

static void participate(void *context, uint32_t index)
{
    scan *s = context;
    participant *self = &s->participants[index];
    wg_topk *topks =
        index == 0 ? s->job->topks : s->topks + (size_t)(index - 1) * s->job->query_count;
    block now, next;

    // One block is taken ahead, so that it can be on its way from memory.
    for (bool more = take_block(s, &now); more; now = next) {
        more = take_block(s, &next);
        if (has_codes(s, now.view)) {
            wg_cascade_block(s->cascade, self->cascade, now.view, now.begin, now.end, topks);
        } else {
            bool follows = more && !has_codes(s, next.view);
            scan_rows(s, self, &now, follows ? next.rows : NULL, topks);
        }
    }
}

// ---- The job -----------------------------------------------------------------------------------

static waggle_status count_blocks(scan *s, uint32_t threads, waggle_error *error)
{
    const wg_flat_job *job = s->job;
    size_t size = job->view_count * sizeof(view_blocks);

    s->blocks = wg_arena_alloc(job->scratch, size, 64);
    if (s->blocks == NULL) return wg_fail_memory(error, size, "a scan");
    for (uint32_t i = 0; i < job->view_count; i++) {
        uint32_t rows = block_rows_for(job, row_size_of(s, i), threads);
        if (has_codes(s, i)) rows = WG_MAX(rows, WG_CODES_ROWS);
        s->block_count += (job->views[i].count + rows - 1) / rows;
        s->blocks[i] = (view_blocks){.end = s->block_count, .rows = rows};
    }
    return WAGGLE_OK;
}

static uint32_t participants_for(const scan *s, uint32_t threads)
{
    uint64_t groups = (s->job->query_count + WG_TILE_QUERIES - 1) / WG_TILE_QUERIES;
    uint64_t size = 0;

    for (uint32_t i = 0; i < s->job->view_count; i++) {
        size += s->job->views[i].count * row_size_of(s, i);
    }
    uint64_t useful = WG_MIN(size * groups / WORK_MIN, s->block_count);
    return (uint32_t)WG_MAX(WG_MIN(useful, (uint64_t)threads), 1u);
}

// Lists for every participant but the first.
static waggle_status create_lists(scan *s, waggle_error *error)
{
    const wg_flat_job *job = s->job;
    size_t others = s->participant_count - 1, hit_count = 0;
    size_t lists_size = 0, hits_size = 0;

    if (others == 0) return WAGGLE_OK;
    for (uint32_t q = 0; q < job->query_count; q++) {
        hit_count += wg_topk_capacity(job->topks[q].k);
    }
    if (!wg_size_mul(others * job->query_count, sizeof(wg_topk), &lists_size) ||
        !wg_size_mul(hit_count, others * sizeof(wg_hit), &hits_size)) {
        return wg_fail_memory(error, SIZE_MAX, "the hits of a scan");
    }
    s->topks = wg_arena_alloc(job->scratch, lists_size, 64);
    if (s->topks == NULL) return wg_fail_memory(error, lists_size, "the lists of a scan");
    wg_hit *hits = wg_arena_alloc(job->scratch, hits_size, 64);
    if (hits == NULL) return wg_fail_memory(error, hits_size, "the hits of a scan");

    for (size_t i = 0; i < others * job->query_count; i++) {
        const wg_topk *like = &job->topks[i % job->query_count];
        wg_topk_init(&s->topks[i], hits, like->k, s->lowest, like->tie, like->tie_context);
        hits += wg_topk_capacity(like->k);
    }
    return WAGGLE_OK;
}

// Rows that are read as they are may gain by panels.
static waggle_status create_batch(scan *s, uint32_t threads, waggle_error *error)
{
    bool plain = false;

    for (uint32_t i = 0; i < s->job->view_count; i++) {
        plain = plain || !has_codes(s, i);
    }
    if (!plain || !wg_batch_suits(s->kernels, s->job)) return WAGGLE_OK;
    uint32_t rows = block_rows_for(s->job, s->job->query_stride, threads);
    return wg_batch_create(s->kernels, s->job, rows, &s->batch, error);
}

static waggle_status create_participants(scan *s, uint32_t threads, waggle_error *error)
{
    s->participant_count = participants_for(s, threads);
    size_t size = s->participant_count * sizeof(participant);
    s->participants = wg_arena_alloc_zeroed(s->job->scratch, size, 64);
    if (s->participants == NULL) return wg_fail_memory(error, size, "a scan");
    for (uint32_t i = 0; i < s->participant_count; i++) {
        participant *made = &s->participants[i];
        if (s->batch != NULL) made->batch = wg_batch_scratch_create(s->batch);
        if (s->cascade != NULL) made->cascade = wg_cascade_scratch_create(s->cascade);
        if ((s->batch != NULL && made->batch == NULL) ||
            (s->cascade != NULL && made->cascade == NULL)) {
            return wg_fail_memory(error, 0, "a scan");
        }
    }
    return WAGGLE_OK;
}

static void merge_lists(const scan *s)
{
    uint32_t query_count = s->job->query_count;

    for (size_t i = 0; i < (size_t)(s->participant_count - 1) * query_count; i++) {
        wg_topk_merge(&s->job->topks[i % query_count], &s->topks[i]);
    }
}

static void report(const scan *s)
{
    wg_scan_report *target = s->job->report;

    for (uint32_t i = 0; target != NULL && i < s->participant_count; i++) {
        const participant *from = &s->participants[i];
        target->rows.rows += from->rows.rows;
        target->rows.bytes += from->rows.bytes;
        target->rows.ns += from->rows.ns;
        if (from->cascade != NULL) wg_cascade_report(from->cascade, target);
    }
}

waggle_status wg_cpu_scan(wg_pool *pool, const wg_kernels *kernels, const wg_flat_job *job,
                          waggle_error *error)
{
    if (job->view_count == 0 || job->query_count == 0) return WAGGLE_OK;

    waggle_status status = WAGGLE_OK;
    uint32_t threads = wg_pool_threads(pool);
    scan s = {.job = job, .kernels = kernels, .lowest = wg_metric_lowest(job->metric)};

    if (wg_cascade_suits(kernels, job)) status = wg_cascade_create(kernels, job, &s.cascade, error);
    if (status == WAGGLE_OK) status = create_batch(&s, threads, error);
    if (status == WAGGLE_OK) status = count_blocks(&s, threads, error);
    if (status == WAGGLE_OK) status = create_participants(&s, threads, error);
    if (status == WAGGLE_OK) status = create_lists(&s, error);
    if (status != WAGGLE_OK) return status;

    wg_pool_run(pool, s.participant_count, participate, &s);
    merge_lists(&s);
    report(&s);
    return WAGGLE_OK;
}
