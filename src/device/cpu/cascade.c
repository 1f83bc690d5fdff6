// Each thread keeps, for the view that it works on, the threshold of every query and stage; they follow the k-th score. A stage is
// left out while it excludes too little to pay for its bytes; data change along a view, so after a while it is judged anew.
#include "device/cpu/cascade.h"

#include "base/system.h"
#include "device/cpu/scan.h"

#include <math.h>
#include <string.h>

#define STAGES_MAX 2u
#define PANEL_QUERIES_MIN 16u // fewer leave lanes of a panel empty
#define PENDING_MAX \
    32u // rows left by a stage that the next takes together: soon, as scores tighten the thresholds
#define TRIED_MIN 1024u  // rows after which a stage is judged
#define TRIED_MAX 65536u // older counts are halved
#define RETRY_BLOCKS 32u // a stage that did not pay is judged anew after so many blocks
#define AHEAD_TILES 8u   // panels fetch codes so many tiles ahead

typedef struct stage {
    wg_code_kind kind;
    const wg_code_column *column;
    wg_codes_fn test;
    size_t stride;
    uint32_t frame;    // of the cascade's
    uint32_t left_max; // rows of 1024: if more are left, the stage costs more than it saves
} stage;

typedef struct view_plan {
    uint32_t count; // 0 = no codes
    stage stages[STAGES_MAX];
} view_plan;

struct wg_cascade {
    const wg_flat_job *job;
    const wg_kernels *kernels;
    bool panels;
    uint32_t padded;  // queries, rounded up to whole vectors
    size_t lane_size; // bytes of a query in its panel
    view_plan *plans; // by view
    const wg_frame **frames;
    uint32_t frame_count;
    wg_code_query *queries; // frame by frame, query_count each
    int8_t *planes;         // of the queries
    uint8_t *panel;         // frame by frame, group by group
    int32_t *starts;        // frame by frame, padded each
};

typedef struct stage_count {
    uint32_t tried; // rows, as the first stage of a pass
    uint32_t left;
    uint32_t skipped; // blocks since it did not pay
} stage_count;

// What a thread knows of a query in the view that it works on.
typedef struct query_state {
    float bound; // of the thresholds
    wg_code_threshold thresholds[STAGES_MAX];
    stage_count counts[STAGES_MAX];
} query_state;

struct wg_cascade_scratch {
    uint32_t view; // of the states; UINT32_MAX = none yet
    query_state *states;
    float *limits; // panels: product, residual, norm, limit, padded each
    wg_scan_report report;
};

// ---- Plans ---------------------------------------------------------------------------------------

static bool has_codes(const wg_kernels *kernels, const wg_rows_view *view, wg_code_kind kind)
{
    return view->codes != NULL && view->codes[kind].codes != NULL && kernels->codes[kind] != NULL;
}

static void stage_add(const wg_cascade *cascade, view_plan *plan, const wg_rows_view *view,
                      wg_code_kind kind)
{
    if (!has_codes(cascade->kernels, view, kind)) return;
    WG_ASSERT(plan->count < STAGES_MAX);
    plan->stages[plan->count++] = (stage){.kind = kind,
                                          .column = &view->codes[kind],
                                          .test = cascade->kernels->codes[kind],
                                          .stride = wg_code_stride(kind, cascade->job->dim)};
}

static size_t stage_size(const stage *s)
{
    return s->stride + sizeof(wg_code_figures);
}

// A stage pays while it reads less than it saves of the next. Single rows are scored at about half the speed of many.
static void plan_weigh(const wg_flat_job *job, view_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        bool last = i + 1 == plan->count;
        size_t size = stage_size(&plan->stages[i]);
        size_t next = last ? job->query_stride : stage_size(&plan->stages[i + 1]);
        size_t saved = size >= next ? 0 : (next - size) * 1024 / next;
        plan->stages[i].left_max = (uint32_t)(last ? saved / 2 : saved);
    }
}

static void plan_make(const wg_cascade *cascade, uint32_t view_index)
{
    const wg_rows_view *view = &cascade->job->views[view_index];
    view_plan *plan = &cascade->plans[view_index];
    bool probable =
        cascade->job->scan == WAGGLE_SCAN_PROBABLE && has_codes(cascade->kernels, view, WG_CODE_B1);
    if (probable)
        stage_add(cascade, plan, view, WG_CODE_B1);
    else if (!cascade->panels || !has_codes(cascade->kernels, view, WG_CODE_I8))
        stage_add(cascade, plan, view, WG_CODE_I4);
    stage_add(cascade, plan, view, WG_CODE_I8);
    plan_weigh(cascade->job, plan);
}

bool wg_cascade_suits(const wg_kernels *kernels, const wg_flat_job *job)
{
    if (job->scan != WAGGLE_SCAN_CERTIFIED && job->scan != WAGGLE_SCAN_PROBABLE) return false;
    for (uint32_t i = 0; i < job->view_count; i++)
        for (wg_code_kind kind = WG_CODE_I8; kind <= WG_CODE_B1; kind++)
            if (has_codes(kernels, &job->views[i], kind)) return true;
    return false;
}

// ---- Queries -------------------------------------------------------------------------------------

static const wg_code_query *query_of(const wg_cascade *cascade, uint32_t frame, uint32_t q)
{
    return &cascade->queries[(size_t)frame * cascade->job->query_count + q];
}

static wg_panel_group group_at(const wg_cascade *cascade, uint32_t group)
{
    return wg_panel_group_at(cascade->kernels, cascade->job->query_count, group);
}

static int8_t *panel_of(const wg_cascade *cascade, uint32_t frame, const wg_panel_group *group)
{
    size_t lane = (size_t)frame * cascade->padded + group->first;
    return (int8_t *)cascade->panel + lane * cascade->lane_size;
}

// Four components of a query lie together.
static void lane_pack(const wg_cascade *cascade, uint32_t frame, const wg_panel_group *group,
                      uint32_t at)
{
    const wg_code_query *query = query_of(cascade, frame, group->first + at);
    int8_t *lane = panel_of(cascade, frame, group) + 4 * (size_t)at;
    for (uint32_t i = 0; i < cascade->job->dim; i += 4) // a plane is zero beyond dim
        memcpy(lane + (size_t)i * group->width, query->plane[0] + i, 4);
    cascade->starts[(size_t)frame * cascade->padded + group->first + at] = -128 * query->sum[0];
}

static void panels_pack(const wg_cascade *cascade)
{
    uint32_t groups = wg_panel_group_count(cascade->kernels, cascade->job->query_count);
    for (uint32_t f = 0; f < cascade->frame_count; f++) {
        for (uint32_t g = 0; g < groups; g++) {
            wg_panel_group group = group_at(cascade, g);
            for (uint32_t at = 0; at < group.count; at++)
                lane_pack(cascade, f, &group, at);
        }
    }
}

static void query_prepare(const wg_cascade *cascade, uint32_t q, float *source, float *scratch)
{
    const wg_flat_job *job = cascade->job;
    size_t stride = wg_code_query_stride(job->dim);
    const uint8_t *row = (const uint8_t *)job->queries + q * job->query_stride;
    wg_row_to_f32(job->type, row, job->dim, source);
    for (uint32_t f = 0; f < cascade->frame_count; f++) {
        size_t at = (size_t)f * job->query_count + q;
        wg_code_query_init(&cascade->queries[at], cascade->frames[f], source, 1,
                           cascade->planes + at * stride, scratch);
    }
}

// The number of a frame among those of the cascade; views made together share theirs.
static uint32_t frame_number(wg_cascade *cascade, const wg_frame *frame)
{
    for (uint32_t i = 0; i < cascade->frame_count; i++)
        if (cascade->frames[i] == frame) return i;
    cascade->frames[cascade->frame_count] = frame;
    return cascade->frame_count++;
}

static waggle_status plans_create(wg_cascade *cascade, waggle_error *error)
{
    const wg_flat_job *job = cascade->job;
    size_t size = job->view_count * sizeof(view_plan);
    cascade->plans = wg_arena_alloc_zeroed(job->scratch, size, 64);
    cascade->frames =
        wg_arena_alloc(job->scratch, job->view_count * STAGES_MAX * sizeof *cascade->frames, 64);
    if (cascade->plans == NULL || cascade->frames == NULL)
        return wg_fail_memory(error, size, "a scan of codes");
    for (uint32_t v = 0; v < job->view_count; v++) {
        plan_make(cascade, v);
        for (uint32_t i = 0; i < cascade->plans[v].count; i++) {
            stage *s = &cascade->plans[v].stages[i];
            s->frame = frame_number(cascade, s->column->frame);
        }
    }
    return WAGGLE_OK;
}

static waggle_status queries_create(wg_cascade *cascade, waggle_error *error)
{
    const wg_flat_job *job = cascade->job;
    size_t count = (size_t)cascade->frame_count * job->query_count;
    size_t lanes = (size_t)cascade->frame_count * cascade->padded;
    size_t planes_size = count * wg_code_query_stride(job->dim);
    cascade->queries = wg_arena_alloc(job->scratch, count * sizeof(wg_code_query), 64);
    cascade->planes = wg_arena_alloc(job->scratch, planes_size, 64);
    bool ok = cascade->queries != NULL && cascade->planes != NULL;
    if (ok && cascade->panels) {
        cascade->panel = wg_arena_alloc_zeroed(job->scratch, lanes * cascade->lane_size, 64);
        cascade->starts = wg_arena_alloc_zeroed(job->scratch, lanes * sizeof(int32_t), 64);
        ok = cascade->panel != NULL && cascade->starts != NULL;
    }
    float *scratch = wg_arena_alloc(job->scratch, 2 * job->dim * sizeof(float), 64);
    for (uint32_t q = 0; ok && scratch != NULL && q < job->query_count; q++)
        query_prepare(cascade, q, scratch, scratch + job->dim);
    ok = ok && scratch != NULL;
    if (ok && cascade->panels) panels_pack(cascade);
    return ok ? WAGGLE_OK : wg_fail_memory(error, planes_size, "the queries of a scan of codes");
}

waggle_status wg_cascade_create(const wg_kernels *kernels, const wg_flat_job *job,
                                wg_cascade **cascade, waggle_error *error)
{
    wg_cascade *made = wg_arena_alloc_zeroed(job->scratch, sizeof *made, 64);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "a scan of codes");
    made->job = job;
    made->kernels = kernels;
    made->panels = kernels->codes_panel != NULL && job->scan == WAGGLE_SCAN_CERTIFIED &&
                   job->query_count >= PANEL_QUERIES_MIN;
    made->padded = (uint32_t)wg_round_up(job->query_count, 16);
    made->lane_size = (size_t)wg_round_up(job->dim, 4);
    waggle_status status = plans_create(made, error);
    if (status == WAGGLE_OK) status = queries_create(made, error);
    if (status == WAGGLE_OK) *cascade = made;
    return status;
}

size_t wg_cascade_row_size(const wg_cascade *cascade, uint32_t view)
{
    const view_plan *plan = &cascade->plans[view];
    return plan->count == 0 ? 0 : stage_size(&plan->stages[0]);
}

// ---- A thread ------------------------------------------------------------------------------------

wg_cascade_scratch *wg_cascade_scratch_create(const wg_cascade *cascade)
{
    const wg_flat_job *job = cascade->job;
    wg_cascade_scratch *made = wg_arena_alloc_zeroed(job->scratch, sizeof *made, 64);
    if (made == NULL) return NULL;
    made->view = UINT32_MAX;
    made->states = wg_arena_alloc_zeroed(job->scratch, job->query_count * sizeof(query_state), 64);
    size_t limits_size = 4 * (size_t)cascade->padded * sizeof(float);
    if (cascade->panels) made->limits = wg_arena_alloc_zeroed(job->scratch, limits_size, 64);
    return made->states == NULL || (cascade->panels && made->limits == NULL) ? NULL : made;
}

static void stage_report(wg_scan_stage *target, const wg_scan_stage *source)
{
    target->rows += source->rows;
    target->bytes += source->bytes;
    target->ns += source->ns;
}

void wg_cascade_report(const wg_cascade_scratch *scratch, wg_scan_report *report)
{
    stage_report(&report->rows, &scratch->report.rows);
    for (uint32_t kind = 0; kind < WG_COUNT(report->codes); kind++)
        stage_report(&report->codes[kind], &scratch->report.codes[kind]);
    report->blocks_widened += scratch->report.blocks_widened;
}

// ---- Thresholds ----------------------------------------------------------------------------------

static void thresholds_set(const wg_cascade *cascade, wg_cascade_scratch *scratch, uint32_t q,
                           float bound)
{
    const view_plan *plan = &cascade->plans[scratch->view];
    query_state *state = &scratch->states[q];
    for (uint32_t i = 0; i < plan->count; i++) {
        const stage *s = &plan->stages[i];
        state->thresholds[i] = wg_code_threshold_of(query_of(cascade, s->frame, q), s->kind, bound);
    }
    state->bound = bound;
    if (scratch->limits == NULL) return;
    const wg_code_threshold *of_panel = &state->thresholds[plan->count - 1];
    float *limits = scratch->limits + q;
    limits[0] = of_panel->product;
    limits[cascade->padded] = of_panel->residual;
    limits[2 * (size_t)cascade->padded] = of_panel->norm;
    limits[3 * (size_t)cascade->padded] = of_panel->limit;
}

static void view_enter(const wg_cascade *cascade, wg_cascade_scratch *scratch, uint32_t view,
                       const wg_topk *topks)
{
    if (scratch->view == view) return;
    scratch->view = view;
    for (uint32_t q = 0; q < cascade->job->query_count; q++)
        thresholds_set(cascade, scratch, q, topks[q].bound);
}

// ---- One query, row by row -----------------------------------------------------------------------

typedef struct pass {
    const wg_cascade *cascade;
    wg_cascade_scratch *scratch;
    const view_plan *plan;
    const wg_rows_view *view;
    uint32_t view_index;
    uint32_t query;
    uint32_t first; // stage
    query_state *state;
    wg_topk *topks;   // of all queries
    uint64_t tried;   // rows that the first stage looked at
    uint64_t late_ns; // spent behind it
} pass;

// Bit r: row + r is left by a stage.
static uint64_t test_rows(const pass *p, uint32_t index, uint64_t row, uint32_t count)
{
    const stage *s = &p->plan->stages[index];
    const wg_code_query *query = query_of(p->cascade, s->frame, p->query);
    return s->test(s->column->codes + row * s->stride, s->stride, s->column->figures + row, count,
                   query->plane[0], query->sum[0], p->cascade->job->dim,
                   &p->state->thresholds[index]);
}

// What the stage after `index` will read of a row.
static void fetch(const pass *p, uint32_t index, uint64_t row)
{
    const uint8_t *from = (const uint8_t *)p->view->rows + row * p->view->stride;
    size_t size = p->view->stride;
    if (index + 1 < p->plan->count) {
        const stage *next = &p->plan->stages[index + 1];
        from = next->column->codes + row * next->stride;
        size = next->stride;
        __builtin_prefetch(&next->column->figures[row]);
    }
    for (size_t at = 0; at < size; at += 64)
        __builtin_prefetch(from + at);
}

// Keeps those of the rows that a further stage does not exclude.
static uint32_t narrow(const pass *p, uint32_t index, uint64_t *rows, uint32_t count)
{
    const stage *s = &p->plan->stages[index];
    wg_scan_stage *report = &p->scratch->report.codes[s->kind];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (test_rows(p, index, rows[i], 1) == 0) continue;
        fetch(p, index, rows[i]);
        rows[kept++] = rows[i];
    }
    report->rows += count;
    report->bytes += count * stage_size(s);
    return kept;
}

// The further stages, and the scores of what they leave.
static void finish_rows(pass *p, uint64_t *rows, uint32_t count)
{
    const wg_flat_job *job = p->cascade->job;
    wg_scan_report *report = &p->scratch->report;
    uint64_t start = wg_now_ns(), began = start;
    for (uint32_t i = p->first + 1; i < p->plan->count; i++) {
        count = narrow(p, i, rows, count);
        uint64_t now = wg_now_ns();
        report->codes[p->plan->stages[i].kind].ns += now - start;
        start = now;
    }
    for (uint32_t i = 0; i < count; i++)
        wg_scan_pair(p->cascade->kernels, job, p->view_index, rows[i], p->query,
                     &p->topks[p->query]);
    uint64_t end = wg_now_ns();
    report->rows.rows += count;
    report->rows.bytes += count * job->query_stride;
    report->rows.ns += end - start;
    p->late_ns += end - began;
}

static void score_rows(pass *p, uint64_t begin, uint64_t end)
{
    const wg_flat_job *job = p->cascade->job;
    wg_scan_stage *report = &p->scratch->report.rows;
    uint64_t start = wg_now_ns();
    wg_scan_tiles(p->cascade->kernels, job, p->view_index, begin, end, p->query, 1, p->topks);
    uint64_t spent = wg_now_ns() - start;
    report->rows += end - begin;
    report->bytes += (end - begin) * job->query_stride;
    report->ns += spent;
    p->late_ns += spent;
}

static void count_left(stage_count *counts, uint32_t tried, uint32_t left)
{
    counts->tried += tried;
    counts->left += left;
    if (counts->tried < TRIED_MAX) return;
    counts->tried /= 2;
    counts->left /= 2;
}

// Rows [begin, end) through the first stage; the others follow as soon as some rows are left.
static void scan_rows(pass *p, uint64_t begin, uint64_t end)
{
    uint64_t pending[PENDING_MAX + WG_CODES_ROWS];
    uint32_t count = 0;
    for (uint64_t row = begin; row < end; row += WG_CODES_ROWS) {
        uint64_t next = WG_MIN(row + WG_CODES_ROWS, end);
        float bound = p->topks[p->query].bound;
        if (p->state->bound != bound) thresholds_set(p->cascade, p->scratch, p->query, bound);
        if (isinf(p->state->thresholds[p->first].limit)) { // fewer than k yet
            score_rows(p, row, next);
            continue;
        }
        uint64_t left = test_rows(p, p->first, row, (uint32_t)(next - row));
        p->tried += next - row;
        count_left(&p->state->counts[p->first], (uint32_t)(next - row),
                   (uint32_t)__builtin_popcountll(left));
        for (left &= wg_scan_candidates_64(p->view, row); left != 0; left &= left - 1) {
            pending[count] = row + (uint32_t)__builtin_ctzll(left);
            fetch(p, p->first, pending[count++]);
        }
        if (count < PENDING_MAX) continue;
        finish_rows(p, pending, count);
        count = 0;
    }
    if (count > 0) finish_rows(p, pending, count);
}

// The first stage that pays, or the number of stages: then every row is scored.
static uint32_t first_stage(const view_plan *plan, query_state *state)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        stage_count *counts = &state->counts[i];
        uint64_t most = (uint64_t)counts->tried * plan->stages[i].left_max / 1024;
        if (counts->tried < TRIED_MIN || counts->left <= most) return i;
        if (counts->skipped++ < RETRY_BLOCKS) continue;
        *counts = (stage_count){0}; // the first rows are always left, and data change
        return i;
    }
    return plan->count;
}

static void query_block(const wg_cascade *cascade, wg_cascade_scratch *scratch, uint32_t view,
                        uint64_t begin, uint64_t end, uint32_t query, wg_topk *topks)
{
    pass p = {.cascade = cascade,
              .scratch = scratch,
              .plan = &cascade->plans[view],
              .view = &cascade->job->views[view],
              .view_index = view,
              .query = query,
              .state = &scratch->states[query],
              .topks = topks};
    p.first = first_stage(p.plan, p.state);
    if (p.first == p.plan->count) {
        score_rows(&p, begin, end);
        scratch->report.blocks_widened++;
        return;
    }
    const stage *first = &p.plan->stages[p.first];
    wg_scan_stage *report = &scratch->report.codes[first->kind];
    uint64_t start = wg_now_ns();
    scan_rows(&p, begin, end);
    report->ns += wg_now_ns() - start - p.late_ns;
    if (query > 0) return; // the block is in the cache
    report->rows += p.tried;
    report->bytes += p.tried * stage_size(first);
}

// ---- Panels --------------------------------------------------------------------------------------

// Rows of a block against a group of queries.
typedef struct panel_pass {
    const wg_cascade *cascade;
    wg_cascade_scratch *scratch;
    const stage *stage;
    uint32_t view_index;
    wg_panel_group group;
    uint64_t end;
    wg_topk *topks;
    uint32_t kept;    // pairs of the block
    uint64_t late_ns; // spent on them
} panel_pass;

static void pair_score(panel_pass *p, uint64_t row, uint32_t query)
{
    wg_topk *topk = &p->topks[query];
    wg_scan_pair(p->cascade->kernels, p->cascade->job, p->view_index, row, query, topk);
    if (topk->bound != p->scratch->states[query].bound)
        thresholds_set(p->cascade, p->scratch, query, topk->bound);
    p->kept++;
}

// masks[r], bit q: row + r with query first + q.
static void pairs_score(panel_pass *p, uint64_t row, uint32_t first, const uint64_t *masks)
{
    uint64_t start = wg_now_ns();
    for (uint32_t r = 0; r < WG_TILE_ROWS; r++)
        for (uint64_t left = masks[r]; left != 0; left &= left - 1)
            pair_score(p, row + r, first + (uint32_t)__builtin_ctzll(left));
    p->late_ns += wg_now_ns() - start;
}

// Up to WG_TILE_ROWS rows from `row` on; candidates, bit r: of row + r.
static void panel_tile(panel_pass *p, uint64_t row, uint32_t candidates)
{
    const wg_cascade *c = p->cascade;
    const stage *s = p->stage;
    const wg_panel_group *group = &p->group;
    uint32_t first = group->first;
    const float *limits = p->scratch->limits + first;
    const uint8_t *codes = s->column->codes + row * s->stride;
    uint64_t masks[WG_TILE_ROWS];
    wg_codes_limits of_group = {.product = limits,
                                .residual = limits + c->padded,
                                .norm = limits + 2 * (size_t)c->padded,
                                .limit = limits + 3 * (size_t)c->padded,
                                .start = c->starts + (size_t)s->frame * c->padded + first,
                                .figures = s->column->figures + row,
                                // What is fetched may lie past the end: a prefetch never faults.
                                .ahead = codes + WG_TILE_ROWS * s->stride * AHEAD_TILES,
                                .ahead_stride = s->stride,
                                .ahead_step = first == 0 ? 64 : 0};
    c->kernels->codes_panel(codes, s->stride, (uint32_t)WG_MIN(p->end - row, WG_TILE_ROWS),
                            panel_of(c, s->frame, group), group->width, c->job->dim, &of_group,
                            masks);
    uint64_t wanted = 0;
    for (uint32_t r = 0; r < WG_TILE_ROWS; r++) {
        bool candidate = (candidates >> r & 1) != 0;
        masks[r] = candidate ? masks[r] & ((UINT64_C(1) << group->count) - 1) : 0;
        wanted |= masks[r];
    }
    if (wanted != 0) pairs_score(p, row, first, masks);
}

static void panel_group(panel_pass *p, uint64_t begin)
{
    const wg_rows_view *view = &p->cascade->job->views[p->view_index];
    for (uint64_t row = begin; row < p->end; row += WG_TILE_ROWS) {
        uint32_t candidates = wg_scan_candidates(view, row);
        if (candidates != 0) panel_tile(p, row, candidates);
    }
}

// Scores of rows that were read as they are, in this view or another, have moved bounds.
static void thresholds_follow(const panel_pass *p, uint32_t first, uint32_t count)
{
    for (uint32_t q = first; q < first + count; q++)
        if (p->scratch->states[q].bound != p->topks[q].bound)
            thresholds_set(p->cascade, p->scratch, q, p->topks[q].bound);
}

// A group of queries whose codes exclude too little is scored row by row.
static void group_block(panel_pass *p, uint64_t begin)
{
    const wg_flat_job *job = p->cascade->job;
    const view_plan *plan = &p->cascade->plans[p->view_index];
    uint32_t first = p->group.first, queries = p->group.count;
    query_state *state = &p->scratch->states[first]; // the counts of the group: pairs
    wg_scan_report *report = &p->scratch->report;
    uint64_t start = wg_now_ns();
    if (first_stage(plan, state) == plan->count) {
        wg_scan_tiles(p->cascade->kernels, job, p->view_index, begin, p->end, first, queries,
                      p->topks);
        report->rows.rows += p->end - begin;
        report->rows.bytes += (p->end - begin) * job->query_stride;
        report->rows.ns += wg_now_ns() - start;
        report->blocks_widened++;
        return;
    }
    thresholds_follow(p, first, queries);
    p->kept = 0;
    p->late_ns = 0;
    panel_group(p, begin);
    count_left(&state->counts[0], (uint32_t)(p->end - begin) * queries, p->kept);
    report->codes[p->stage->kind].ns += wg_now_ns() - start - p->late_ns;
    report->rows.rows += p->kept;
    report->rows.bytes += p->kept * job->query_stride;
    report->rows.ns += p->late_ns;
    if (first > 0) return; // the block is in the cache
    report->codes[p->stage->kind].rows += p->end - begin;
    report->codes[p->stage->kind].bytes += (p->end - begin) * stage_size(p->stage);
}

// ---- Blocks --------------------------------------------------------------------------------------

void wg_cascade_block(const wg_cascade *cascade, wg_cascade_scratch *scratch, uint32_t view,
                      uint64_t begin, uint64_t end, wg_topk *topks)
{
    const view_plan *plan = &cascade->plans[view];
    uint32_t queries = cascade->job->query_count;
    WG_ASSERT(plan->count > 0);
    WG_ASSERT(begin % WG_CODES_ROWS == 0);
    view_enter(cascade, scratch, view, topks);
    if (!cascade->panels || plan->stages[0].kind != WG_CODE_I8) {
        for (uint32_t q = 0; q < queries; q++)
            query_block(cascade, scratch, view, begin, end, q, topks);
        return;
    }
    panel_pass p = {.cascade = cascade,
                    .scratch = scratch,
                    .stage = &plan->stages[0],
                    .view_index = view,
                    .end = end,
                    .topks = topks};
    uint32_t groups = wg_panel_group_count(cascade->kernels, queries);
    for (uint32_t g = 0; g < groups; g++) {
        p.group = group_at(cascade, g);
        group_block(&p, begin);
    }
}
