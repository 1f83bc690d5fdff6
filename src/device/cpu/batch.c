// When a pair is left out. Let p be the panel's sum for row x and query q, P = q.x the true product, u = 2^-24,
// g(n) = n u / (1 - n u), s the score that would leave the library and b the worst score kept; m counts the roundings of a
// score, n those of a panel's sum. Q and X are |q|^2 and |x|^2 as computed, with a relative error of g(m).
//
//   |p - P| <= g(n) |q||x|,   2 |q||x| <= |q|^2 + |x|^2
//
//   dot      s <= P + g(m) |q||x|. Left out if p < b - (g(n) + g(m)) |q||x|: then s < b. Cosine over floats likewise.
//   cosine   over bytes: s is P / (|q||x|), rounded. Left out if p < (b - g(n) - g(m)) |q||x|: then s < b.
//   l2       s >= |q - x|^2 (1 - g(m)), and |q - x|^2 = |q|^2 + |x|^2 - 2P >= (Q + X)(1 - 2 g(m) - 2 g(n)) - 2p.
//            Left out if 2p < (Q + X)(1 - 2 g(m) - 2 g(n)) - b (1 + 2 g(m)): then s > b.
//
// Limits are one multiplication and one addition in the kernel, floor[q] + slope[q] * row_terms[r]; their own roundings, and those
// of this file, are covered by SPARE_UNITS more roundings everywhere. Results too small for float32 are off by up to 2^-150 a
// step, which `tiny` covers. Where a norm is so large that a sum might overflow, nothing is left out.
//
// Rows that are no float32 are widened, once per block, or, where there is a panel of bytes, shifted (kernels.h).
#include "device/cpu/batch.h"

#include "device/cpu/scan.h"
#include "vector/bounds.h"

#include <math.h>

// With fewer queries tiles read memory at the same speed, or lanes stay empty.
#define QUERIES_MIN_FLOATS 12u
#define QUERIES_MIN_BYTES 6u
#define SPARE_UNITS 8u      // roundings beyond the ones counted
#define NORM_MAX 1e18f      // products of two such norms are far from overflowing
#define DIRECT_SHARE 4u     // a group with more than a quarter of its pairs left is scored in tiles
#define DIRECT_PAIRS 16384u // decided on at least so many
// After so many blocks in tiles it is decided anew, then after twice as many, and so on: the first rows are always kept, but
// there are rows for which panels are in vain for ever.
#define RETRY_BLOCKS 16u

typedef enum batch_kind {
    BATCH_L2,
    BATCH_DOT,         // and cosine over floats, whose rows are normalized
    BATCH_COSINE_BYTES // norms beside the rows
} batch_kind;

struct wg_batch {
    const wg_flat_job *job;
    const wg_kernels *kernels;
    batch_kind kind;
    bool bytes; // a panel of bytes
    uint32_t block_rows;
    uint32_t padded;   // queries, rounded up to whole vectors
    size_t lane_size;  // bytes of a query in its panel
    uint8_t *panel;    // group by group
    int32_t *starts;   // by query; of a panel of bytes
    double *squares;   // by query: |q|^2 as computed; infinity if too large
    double score_unit; // g(m)
    double sum_unit;   // g(n)
    double tiny;       // what a sum may have lost, and a square
};

// Whether panels pay for a group of queries.
typedef struct group_counts {
    uint32_t tried;  // pairs; older ones count less
    uint32_t kept;   // those not left out
    uint32_t direct; // blocks that were scored in tiles since panels did not pay
    uint32_t retries;
} group_counts;

struct wg_batch_scratch {
    float *floors; // by query: follow the k-th scores
    float *slopes; // by query
    float *terms;  // by row of the block
    uint8_t *rows; // the block, widened or shifted; NULL for f32
    group_counts *groups;
};

static uint32_t group_count(const wg_batch *batch)
{
    return wg_panel_group_count(batch->kernels, batch->job->query_count);
}

static wg_panel_group group_at(const wg_batch *batch, uint32_t group)
{
    return wg_panel_group_at(batch->kernels, batch->job->query_count, group);
}

static bool has_bytes(const wg_kernels *kernels, const wg_flat_job *job)
{
    return job->type != WAGGLE_F32 && kernels->panel[job->type] != NULL &&
           job->dim <= WG_PANEL_BYTES_DIM_MAX;
}

bool wg_batch_suits(const wg_kernels *kernels, const wg_flat_job *job)
{
    bool product =
        job->metric == WAGGLE_L2 || job->metric == WAGGLE_DOT || job->metric == WAGGLE_COSINE;
    if (!product || kernels->panel[WAGGLE_F32] == NULL) return false;
    uint32_t least = has_bytes(kernels, job) ? QUERIES_MIN_BYTES : QUERIES_MIN_FLOATS;
    return job->query_count >= least;
}

// ---- The queries -------------------------------------------------------------------------------

static const uint8_t *query_at(const wg_batch *batch, uint32_t query)
{
    return (const uint8_t *)batch->job->queries + query * batch->job->query_stride;
}

static uint8_t *panel_of(const wg_batch *batch, const wg_panel_group *group)
{
    return batch->panel + (size_t)group->first * batch->lane_size;
}

static void pack_floats(const wg_batch *batch, const wg_panel_group *group, uint32_t at,
                        float *components)
{
    const uint8_t *query = query_at(batch, group->first + at);
    float *lane = (float *)(void *)panel_of(batch, group) + at;
    wg_row_to_f32(batch->job->type, query, batch->job->dim, components);
    for (uint32_t i = 0; i < batch->job->dim; i++)
        lane[(size_t)i * group->width] = components[i];
}

static void pack_bytes(const wg_batch *batch, const wg_panel_group *group, uint32_t at)
{
    size_t width = group->width;
    uint8_t *lane = panel_of(batch, group) + 4 * (size_t)at;
    const uint8_t *bytes = query_at(batch, group->first + at);
    int32_t sum = 0;
    for (uint32_t i = 0; i < batch->job->dim; i++) {
        lane[i / 4 * width * 4 + i % 4] = bytes[i];
        sum += batch->job->type == WAGGLE_U8 ? bytes[i] : -(int32_t)(int8_t)bytes[i];
    }
    batch->starts[group->first + at] = sum * 128;
}

static void pack_group(const wg_batch *batch, const wg_panel_group *group, float *components)
{
    for (uint32_t at = 0; at < group->count; at++) {
        if (batch->bytes)
            pack_bytes(batch, group, at);
        else
            pack_floats(batch, group, at, components);
    }
}

static waggle_status pack(const wg_batch *batch, waggle_error *error)
{
    size_t size = batch->job->dim * sizeof(float);
    float *components = wg_arena_alloc(batch->job->scratch, size, 64);
    if (components == NULL) return wg_fail_memory(error, size, "a batch");
    for (uint32_t g = 0; g < group_count(batch); g++) {
        wg_panel_group group = group_at(batch, g);
        pack_group(batch, &group, components);
    }
    return WAGGLE_OK;
}

static double square_checked(float square)
{
    return square < NORM_MAX * NORM_MAX ? (double)square
                                        : (double)INFINITY; // also if it is no number
}

static void bounds_prepare(wg_batch *batch)
{
    const wg_flat_job *job = batch->job;
    uint32_t sum_roundings = batch->bytes ? 1 : job->dim;
    batch->sum_unit = wg_f32_gamma(sum_roundings + SPARE_UNITS);
    batch->score_unit = wg_f32_gamma(wg_score_roundings(job->dim) + SPARE_UNITS);
    batch->tiny = 2.0 * (double)job->dim * 0x1p-149;
    for (uint32_t q = 0; q < job->query_count; q++) {
        float square = 0.0f;
        batch->kernels->squares[job->type](query_at(batch, q), 0, 1, job->dim, &square);
        batch->squares[q] = square_checked(square);
    }
}

static batch_kind kind_of(const wg_flat_job *job)
{
    if (job->metric == WAGGLE_L2) return BATCH_L2;
    bool norms = job->metric == WAGGLE_COSINE && !wg_type_is_float(job->type);
    return norms ? BATCH_COSINE_BYTES : BATCH_DOT;
}

waggle_status wg_batch_create(const wg_kernels *kernels, const wg_flat_job *job,
                              uint32_t block_rows, wg_batch **batch, waggle_error *error)
{
    wg_arena *scratch = job->scratch;
    wg_batch *made = wg_arena_alloc_zeroed(scratch, sizeof *made, 64);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "a batch");
    made->job = job;
    made->kernels = kernels;
    made->kind = kind_of(job);
    made->bytes = has_bytes(kernels, job);
    made->block_rows = block_rows;
    made->padded = (uint32_t)wg_round_up(job->query_count, 16);
    made->lane_size = made->bytes ? (size_t)wg_round_up(job->dim, 4) : job->dim * sizeof(float);
    size_t size = made->padded * made->lane_size;
    made->panel = wg_arena_alloc_zeroed(scratch, size, 64);
    made->starts = wg_arena_alloc_zeroed(scratch, made->padded * sizeof(int32_t), 64);
    made->squares = wg_arena_alloc(scratch, made->padded * sizeof(double), 64);
    if (made->panel == NULL || made->starts == NULL || made->squares == NULL)
        return wg_fail_memory(error, size, "the queries of a batch");
    waggle_status status = pack(made, error);
    if (status != WAGGLE_OK) return status;
    bounds_prepare(made);
    *batch = made;
    return WAGGLE_OK;
}

// ---- Limits ------------------------------------------------------------------------------------

// What limits need to know of a row: its norm, for l2 the half of its square.
static float term_of(const wg_batch *batch, float square, float norm)
{
    double x = square_checked(square);
    if (batch->kind == BATCH_COSINE_BYTES) return norm;
    if (batch->kind == BATCH_DOT)
        return wg_f32_up(sqrt(x + batch->tiny) * (1.0 + batch->score_unit));
    if (isinf(x)) return -INFINITY;
    return wg_f32_down(0.5 * x * (1.0 - 2.0 * batch->score_unit - 2.0 * batch->sum_unit));
}

// The limits of a query follow its k-th score.
static void limits_set(const wg_batch *batch, wg_batch_scratch *scratch, uint32_t query,
                       const wg_topk *topk)
{
    double q = batch->squares[query];
    double b = (double)topk->bound;
    double units = batch->score_unit + batch->sum_unit;
    double floor = 0.0;
    double slope = 0.0;
    if (isinf(b) || isinf(q)) {
        floor = -INFINITY;
    } else if (batch->kind == BATCH_L2) {
        slope = 1.0;
        floor = 0.5 * (q * (1.0 - 2.0 * units) - b * (1.0 + 2.0 * batch->score_unit));
    } else if (batch->kind == BATCH_DOT) {
        slope = -2.0 * units * sqrt(q + batch->tiny);
        floor = b - fabs(b) * batch->score_unit;
    } else {
        slope = (double)batch->job->query_norms[query] * (b - 2.0 * units);
    }
    scratch->slopes[query] = wg_f32_down(slope);
    scratch->floors[query] = wg_f32_down(floor - batch->tiny);
}

// ---- A thread ----------------------------------------------------------------------------------

static size_t row_size(const wg_batch *batch)
{
    waggle_type type = batch->bytes ? batch->job->type : WAGGLE_F32;
    return wg_row_stride(type, batch->job->dim);
}

wg_batch_scratch *wg_batch_scratch_create(const wg_batch *batch)
{
    wg_arena *scratch = batch->job->scratch;
    wg_batch_scratch *made = wg_arena_alloc_zeroed(scratch, sizeof *made, 64);
    if (made == NULL) return NULL;
    size_t lanes = batch->padded * sizeof(float);
    size_t groups = group_count(batch) * sizeof(group_counts);
    bool copies = batch->job->type != WAGGLE_F32;
    made->floors = wg_arena_alloc_zeroed(scratch, lanes, 64);
    made->slopes = wg_arena_alloc_zeroed(scratch, lanes, 64);
    made->terms = wg_arena_alloc(scratch, batch->block_rows * sizeof(float), 64);
    made->groups = wg_arena_alloc_zeroed(scratch, groups, 64);
    if (copies) made->rows = wg_arena_alloc(scratch, batch->block_rows * row_size(batch), 64);
    bool ok = made->floors != NULL && made->slopes != NULL && made->terms != NULL &&
              made->groups != NULL && (!copies || made->rows != NULL);
    if (!ok) return NULL;
    for (uint32_t q = 0; q < batch->job->query_count; q++)
        made->floors[q] = -INFINITY;
    return made;
}

// ---- Pairs -------------------------------------------------------------------------------------

// Rows of a block as the panel takes them.
typedef struct panel_rows {
    const wg_rows_view *view;
    uint32_t view_index;
    uint64_t begin;
    uint64_t end;
    const uint8_t *rows;
    size_t stride;
    const uint8_t *
        ahead; // rows of the view's stride to be fetched meanwhile, ahead_step bytes each at a time
    uint32_t ahead_step; // 0 = none
} panel_rows;

static void pair_score(const wg_batch *batch, wg_batch_scratch *scratch, const panel_rows *p,
                       uint64_t row, uint32_t query, wg_topk *topk)
{
    float bound = topk->bound;
    wg_scan_pair(batch->kernels, batch->job, p->view_index, row, query, topk);
    if (topk->bound != bound) limits_set(batch, scratch, query, topk);
}

// Up to WG_TILE_ROWS rows from `row` on; candidates, bit r: of row + r.
static void group_tile(const wg_batch *batch, wg_batch_scratch *scratch, const panel_rows *p,
                       uint64_t row, uint32_t candidates, uint32_t group, wg_topk *topks)
{
    wg_panel_group of = group_at(batch, group);
    uint32_t first = of.first;
    uint32_t count = (uint32_t)WG_MIN(p->end - row, (uint64_t)WG_TILE_ROWS);
    uint64_t masks[WG_TILE_ROWS];
    wg_panel_limits limits = {.floor = scratch->floors + first,
                              .slope = scratch->slopes + first,
                              .start = batch->starts + first,
                              .row_terms = scratch->terms + (row - p->begin),
                              .ahead = p->ahead + (row - p->begin) * p->view->stride,
                              .ahead_stride = p->view->stride,
                              .ahead_step = p->ahead_step};
    wg_panel_fn panel = batch->kernels->panel[batch->bytes ? batch->job->type : WAGGLE_F32];
    panel(p->rows + (row - p->begin) * p->stride, p->stride, count, panel_of(batch, &of), of.width,
          batch->job->dim, &limits, masks);
    group_counts *counts = &scratch->groups[group];
    if (counts->tried >= 4 * DIRECT_PAIRS) {
        counts->tried /= 2;
        counts->kept /= 2;
    }
    counts->tried += count * of.count;
    for (uint32_t bits = candidates; bits != 0; bits &= bits - 1) {
        uint32_t r = (uint32_t)__builtin_ctz(bits);
        for (uint64_t left = masks[r] & ((UINT64_C(1) << of.count) - 1); left != 0;
             left &= left - 1) {
            uint32_t query = first + (uint32_t)__builtin_ctzll(left);
            counts->kept++;
            pair_score(batch, scratch, p, row + r, query, &topks[query]);
        }
    }
}

// ---- Blocks ------------------------------------------------------------------------------------

static void group_block(const wg_batch *batch, wg_batch_scratch *scratch, const panel_rows *p,
                        uint32_t group, wg_topk *topks)
{
    for (uint64_t row = p->begin; row < p->end; row += WG_TILE_ROWS) {
        uint32_t candidates = wg_scan_candidates(p->view, row);
        if (candidates != 0) group_tile(batch, scratch, p, row, candidates, group, topks);
    }
}

static void rows_prepare(const wg_batch *batch, wg_batch_scratch *scratch, panel_rows *p,
                         const void *ahead)
{
    const wg_flat_job *job = batch->job;
    uint32_t count = (uint32_t)(p->end - p->begin);
    p->rows = (const uint8_t *)p->view->rows + p->begin * p->view->stride;
    p->stride = p->view->stride;
    // What is fetched may lie past the end of a view: a prefetch never faults.
    p->ahead = ahead != NULL ? ahead : p->rows;
    if (ahead != NULL) p->ahead_step = (uint32_t)(batch->bytes ? 64 : 16 * wg_type_size(job->type));
    batch->kernels->squares[job->type](p->rows, p->stride, count, job->dim, scratch->terms);
    for (uint32_t r = 0; r < count; r++) {
        float norm = p->view->norms != NULL ? p->view->norms[p->begin + r] : 0.0f;
        scratch->terms[r] = term_of(batch, scratch->terms[r], norm);
    }
    if (scratch->rows == NULL) return;
    size_t size = row_size(batch);
    wg_convert_fn convert = batch->bytes ? batch->kernels->flip : batch->kernels->widen[job->type];
    for (uint32_t r = 0; r < count; r++)
        convert(p->rows + r * p->stride, job->dim, scratch->rows + r * size);
    p->rows = scratch->rows;
    p->stride = size;
}

// Data may be such that the bound leaves out little: rows far from the origin and close to each other. Then panels are in vain.
static bool is_direct(group_counts *counts)
{
    if (counts->tried < DIRECT_PAIRS || counts->kept <= counts->tried / DIRECT_SHARE) return false;
    if (counts->direct++ < (uint64_t)RETRY_BLOCKS << counts->retries) return true;
    *counts = (group_counts){.retries = counts->retries + 1};
    return false;
}

static void direct_block(const wg_batch *batch, wg_batch_scratch *scratch, const panel_rows *p,
                         uint32_t group, wg_topk *topks)
{
    wg_panel_group of = group_at(batch, group);

    wg_scan_tiles(batch->kernels, batch->job, p->view_index, p->begin, p->end, of.first, of.count,
                  topks);
    // Bounds of a large k move seldom: panels could not wait for the next time.
    for (uint32_t query = of.first; query < of.first + of.count; query++)
        limits_set(batch, scratch, query, &topks[query]);
}

void wg_batch_block(const wg_batch *batch, wg_batch_scratch *scratch, uint32_t view, uint64_t begin,
                    uint64_t end, const void *ahead, wg_topk *topks)
{
    panel_rows p = {
        .view = &batch->job->views[view], .view_index = view, .begin = begin, .end = end};
    bool prepared = false;
    for (uint32_t group = 0; group < group_count(batch); group++) {
        if (is_direct(&scratch->groups[group])) {
            direct_block(batch, scratch, &p, group, topks);
            continue;
        }
        if (!prepared) rows_prepare(batch, scratch, &p, ahead);
        group_block(batch, scratch, &p, group, topks);
        prepared = true;
        p.ahead_step = 0; // the first group is enough
    }
}
