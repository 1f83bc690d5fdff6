// A search: queries are checked and converted, the state of the moment becomes views of rows, the index finds the
// best of each query, and the hits get their ids, versions and payloads.
#include "engine/codes.h"
#include "engine/engine.h"
#include "engine/options.h"
#include "index/index.h"

#define STAGES_MAX 4u // three kinds of codes, and rows

// Lies in its own scratch, with the strings of ids and the payloads.
struct waggle_hits {
    wg_scratch *scratch;
    waggle_hit *hits;
    uint32_t *counts;
    uint64_t queries;
    uint32_t k;
    waggle_search_info info;
    waggle_search_stage stages[STAGES_MAX];
};

typedef struct search {
    wg_scratch *scratch; // holds all that follows
    waggle_collection *collection;
    const waggle_search_options *options;
    const waggle_rows *rows;
    uint32_t field;
    wg_state *state;
    wg_rows_view *views;
    wg_place *bases; // per view: the state's view and the first row
    uint32_t view_count;
    uint8_t *queries;
    float *norms;
    waggle_scan scan; // as asked for, and then the one that runs: F32, CERTIFIED or PROBABLE
    bool coded;       // some view has codes
    wg_index_answer answer;
} search;

// ---- Queries -------------------------------------------------------------------------------------

static waggle_status rows_check(const wg_vector_field *field, const waggle_rows *rows,
                                waggle_error *error)
{
    if (rows == NULL || (rows->data == NULL && rows->count > 0))
        return wg_fail(error, WAGGLE_INVALID, "no query is given");
    if (rows->kind != WAGGLE_ROWS_DENSE)
        return wg_fail(error, WAGGLE_UNSUPPORTED,
                       "queries of kind %d; only dense rows (0) are known", (int)rows->kind);
    if (rows->count > WAGGLE_BATCH_MAX)
        return wg_fail(error, WAGGLE_INVALID, "%" PRIu64 " queries in one call; the most is %u",
                       rows->count, WAGGLE_BATCH_MAX);
    if (rows->dim != field->dim)
        return wg_fail_numbers(error, WAGGLE_DIMENSION, field->dim, rows->dim,
                               "the query has dimension %u; the collection's is %u", rows->dim,
                               field->dim);
    if (!wg_type_valid(rows->type))
        return wg_fail(error, WAGGLE_INVALID, "element type %d is not known", (int)rows->type);
    size_t size = waggle_vector_size(rows->type, rows->dim);
    if (rows->stride != 0 && rows->stride < size)
        return wg_fail(error, WAGGLE_INVALID,
                       "the stride of the queries is %zu bytes; a row of %s has %zu", rows->stride,
                       waggle_type_name(rows->type), size);
    return WAGGLE_OK;
}

static waggle_status queries_convert(search *s, waggle_error *error)
{
    const wg_vector_field *field = &s->collection->spec->fields[s->field];
    wg_arena *arena = &s->scratch->arena;
    const waggle_rows *rows = s->rows;
    size_t stride = rows->stride != 0 ? rows->stride : waggle_vector_size(rows->type, rows->dim);
    size_t size = (size_t)rows->count * field->stride;
    s->queries = wg_arena_alloc_zeroed(arena, size, 64); // what pads a row stays zero
    if (s->queries == NULL) return wg_fail_memory(error, size, "queries");
    bool norms = field->keeps_norm && !field->normalized;
    if (norms) s->norms = wg_arena_alloc(arena, rows->count * sizeof(float), 64);
    if (norms && s->norms == NULL) return wg_fail_memory(error, rows->count * 4, "queries");
    for (uint64_t i = 0; i < rows->count; i++) {
        wg_row_place place = {"query", field->name, i};
        void *target = s->queries + i * field->stride;
        waggle_status status =
            wg_row_convert(rows->type, (const uint8_t *)rows->data + i * stride, field->type,
                           target, field->dim, s->options->convert, &place, error);
        if (status != WAGGLE_OK) return status;
        if (field->normalized) (void)wg_row_normalize(field->type, target, field->dim);
        if (norms) s->norms[i] = wg_row_norm(field->type, target, field->dim);
    }
    return WAGGLE_OK;
}

// ---- Views ---------------------------------------------------------------------------------------

static uint32_t views_needed(const wg_state *state)
{
    uint32_t count = state->sealed_count;
    for (uint32_t i = 0; i < state->head_count; i++)
        if (state->heads[i].slots > 0) count += state->heads[i].chunks->count;
    return count;
}

static const wg_code_column *codes_of(search *s, wg_sealed *sealed)
{
    const wg_code_column *codes = NULL;
    if (s->scan != WAGGLE_SCAN_F32)
        codes = wg_codes_columns(s->collection->database, sealed, s->field);
    if (codes != NULL) s->coded = true;
    return codes;
}

static waggle_status view_sealed(search *s, uint32_t index, waggle_error *error)
{
    const wg_sealed_view *from = &s->state->sealed[index];
    const wg_sealed_column *column = &from->sealed->columns[s->field];
    if (column->rows == NULL || from->sealed->entry.rows == 0) return WAGGLE_OK;
    waggle_status status = wg_sealed_column_ready(from->sealed, s->field, error);
    if (status != WAGGLE_OK) return status;
    s->bases[s->view_count] = (wg_place){index, 0};
    s->views[s->view_count++] =
        (wg_rows_view){.rows = column->data,
                       .norms = s->norms != NULL ? column->norms : NULL,
                       .count = from->sealed->entry.rows,
                       .stride = column->stride,
                       .masked_pages = from->dead->count > 0 ? from->dead->pages : NULL,
                       .present = column->present,
                       .codes = codes_of(s, from->sealed)};
    return WAGGLE_OK;
}

static void view_head(search *s, uint32_t index)
{
    const wg_head_view *from = &s->state->heads[index];
    const wg_mask *mask = from->masks[1 + s->field];
    for (uint32_t i = 0; from->slots > 0 && i < from->chunks->count; i++) {
        const wg_chunk *chunk = from->chunks->chunks[i];
        if (chunk->first >= from->slots) break;
        s->bases[s->view_count] = (wg_place){s->state->sealed_count + index, chunk->first};
        s->views[s->view_count++] =
            (wg_rows_view){.rows = chunk->columns[s->field].rows,
                           .norms = s->norms != NULL ? chunk->columns[s->field].norms : NULL,
                           .count = WG_MIN(chunk->capacity, from->slots - chunk->first),
                           .stride = s->collection->spec->fields[s->field].stride,
                           .masked_pages = mask->count > 0 ? mask->pages : NULL,
                           .masked_first = chunk->first};
    }
}

static waggle_status views_make(search *s, waggle_error *error)
{
    wg_arena *arena = &s->scratch->arena;
    size_t count = views_needed(s->state);
    s->views = wg_arena_alloc(arena, count * sizeof *s->views, 64);
    s->bases = wg_arena_alloc(arena, count * sizeof *s->bases, 64);
    if (s->views == NULL || s->bases == NULL)
        return wg_fail_memory(error, count * sizeof *s->views, "a search");
    waggle_status status = WAGGLE_OK;
    for (uint32_t i = 0; status == WAGGLE_OK && i < s->state->sealed_count; i++)
        status = view_sealed(s, i, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < s->state->head_count; i++)
        view_head(s, i);
    return status;
}

static wg_place place_of(const search *s, const wg_hit *hit)
{
    wg_place base = s->bases[hit->view];
    return (wg_place){base.view, base.row + (uint32_t)hit->slot};
}

// Rows of one sealed part that lie in id order need no ids; all else is decided by the ids.
static int tie(const void *context, const wg_hit *a, const wg_hit *b)
{
    const search *s = context;
    wg_place x = place_of(s, a);
    wg_place y = place_of(s, b);
    if (x.view == y.view && x.view < s->state->sealed_count) {
        const uint32_t *rank = s->state->sealed[x.view].sealed->ids.rank;
        uint32_t i = rank == NULL ? x.row : rank[x.row];
        uint32_t j = rank == NULL ? y.row : rank[y.row];
        return (i > j) - (i < j);
    }
    waggle_id p;
    waggle_id q;
    wg_state_id(s->state, x, &p);
    wg_state_id(s->state, y, &q);
    return waggle_id_compare(&p, &q);
}

// ---- Hits ----------------------------------------------------------------------------------------

static waggle_status id_copy(wg_arena *arena, waggle_id *id, waggle_error *error)
{
    if (id->kind != WAGGLE_ID_STRING) return WAGGLE_OK;
    id->value.string = wg_arena_copy(arena, id->value.string, id->size);
    return id->value.string == NULL ? wg_fail_memory(error, id->size, "hits") : WAGGLE_OK;
}

static waggle_status hit_make(search *s, waggle_hits *hits, const wg_hit *from, waggle_hit *hit,
                              waggle_error *error)
{
    wg_arena *arena = &hits->scratch->arena;
    wg_place place = place_of(s, from);
    waggle_text payload = {NULL, 0};
    *hit = (waggle_hit){.score = from->score};
    wg_state_id(s->state, place, &hit->id);
    waggle_status status = id_copy(arena, &hit->id, error);
    if (status != WAGGLE_OK) return status;
    if (!s->options->with_payload)
        return wg_state_version(s->collection, s->state, place, &hit->version, error);
    status = wg_state_payload(s->collection, s->state, place, s->scratch->reader,
                              &s->scratch->payload, &payload, &hit->version, error);
    if (status != WAGGLE_OK || payload.data == NULL) return status;
    hit->payload = (waggle_text){wg_arena_copy(arena, payload.data, payload.size), payload.size};
    return hit->payload.data == NULL ? wg_fail_memory(error, payload.size, "hits") : WAGGLE_OK;
}

static waggle_status hits_fill(search *s, waggle_hits *hits, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    if (s->options->with_payload && wg_scratch_reader(s->scratch) == NULL)
        status = wg_fail_memory(error, 0, "payloads");
    for (uint64_t q = 0; status == WAGGLE_OK && q < hits->queries; q++) {
        hits->counts[q] = s->answer.counts[q];
        for (uint32_t i = 0; status == WAGGLE_OK && i < hits->counts[q]; i++)
            status = hit_make(s, hits, &s->answer.hits[q * hits->k + i],
                              &hits->hits[q * hits->k + i], error);
    }
    return status;
}

static waggle_status hits_make(search *s, uint32_t k, wg_scratch *scratch, waggle_hits **hits,
                               waggle_error *error)
{
    wg_arena *arena = &scratch->arena;
    size_t size = (size_t)s->rows->count * k * sizeof(waggle_hit);
    waggle_hits *made = wg_arena_alloc_zeroed(arena, sizeof *made, 64);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "hits");
    made->scratch = scratch;
    made->queries = s->rows->count;
    made->k = k;
    made->hits = wg_arena_alloc(arena, size, 64);
    made->counts = wg_arena_alloc(arena, made->queries * sizeof *made->counts, 64);
    if (made->hits == NULL || made->counts == NULL) return wg_fail_memory(error, size, "hits");
    *hits = made;
    return hits_fill(s, made, error);
}

static waggle_status hits_create(search *s, uint32_t k, waggle_hits **hits, waggle_error *error)
{
    waggle_hits *made = NULL;
    wg_scratch *scratch = wg_scratch_take(&s->collection->database->results);
    if (scratch == NULL) return wg_fail_memory(error, sizeof *scratch, "hits");
    waggle_status status = hits_make(s, k, scratch, &made, error);
    if (status == WAGGLE_OK)
        *hits = made;
    else
        wg_scratch_put(scratch);
    return status;
}

// ---- The scan ------------------------------------------------------------------------------------

static waggle_status scan_wanted(search *s, waggle_error *error)
{
    const wg_vector_field *field = &s->collection->spec->fields[s->field];
    s->scan = s->options->scan == WAGGLE_SCAN_DEFAULT ? field->scan : s->options->scan;
    if (s->scan == WAGGLE_SCAN_PROBABLE && s->options->exact) s->scan = WAGGLE_SCAN_CERTIFIED;
    if (waggle_scan_name(s->scan) != NULL) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_INVALID, "scan %d is not known", (int)s->scan);
}

// What AUTO means this time. True if the search is to be learned from.
static bool scan_choose(search *s)
{
    waggle_collection *collection = s->collection;
    bool automatic = s->scan == WAGGLE_SCAN_AUTO && s->coded;
    if (!s->coded) s->scan = WAGGLE_SCAN_F32;
    if (!automatic) return false;
    wg_mutex_lock(&collection->choices_lock);
    s->scan = wg_scan_choose(&collection->choices[s->field], s->rows->count);
    wg_mutex_unlock(&collection->choices_lock);
    return true;
}

static void scan_learn(search *s, uint64_t ns)
{
    waggle_collection *collection = s->collection;
    uint64_t rows = 0;
    for (uint32_t i = 0; i < s->view_count; i++)
        rows += s->views[i].count;
    wg_mutex_lock(&collection->choices_lock);
    wg_scan_learn(&collection->choices[s->field], s->scan, s->rows->count, rows, ns);
    wg_mutex_unlock(&collection->choices_lock);
}

static void stage_put(waggle_hits *hits, const char *name, const wg_scan_stage *from)
{
    if (from->rows == 0) return;
    hits->stages[hits->info.stage_count++] = (waggle_search_stage){
        .name = name, .rows = from->rows, .bytes = from->bytes, .seconds = (double)from->ns * 1e-9};
}

// What really ran: a part may have had no codes.
static void scan_describe(const search *s, waggle_hits *hits)
{
    const wg_scan_report *report = &s->answer.report;
    waggle_search_info *info = &hits->info;
    stage_put(hits, "1-bit", &report->codes[WG_CODE_B1]);
    stage_put(hits, "4-bit", &report->codes[WG_CODE_I4]);
    stage_put(hits, "int8", &report->codes[WG_CODE_I8]);
    bool codes = info->stage_count > 0;
    stage_put(hits, waggle_type_name(s->collection->spec->fields[s->field].type), &report->rows);
    info->stages = hits->stages;
    info->blocks_widened = report->blocks_widened;
    info->scan = codes ? WAGGLE_SCAN_CERTIFIED : WAGGLE_SCAN_F32;
    if (report->codes[WG_CODE_B1].rows > 0) {
        info->scan = WAGGLE_SCAN_PROBABLE;
        info->exact = false;
    }
}

static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static void search_count(const search *s)
{
    wg_counters *counters = &s->collection->database->counters;
    const wg_scan_report *report = &s->answer.report;
    count(&counters->searches, 1);
    count(&counters->queries, s->rows->count);
    count(&counters->rows_scanned, s->answer.rows_scanned);
    for (uint32_t kind = 0; kind < WG_COUNT(report->codes); kind++)
        if (report->codes[kind].rows > 0)
            count(&counters->rows_coded[kind], report->codes[kind].rows);
    count(&counters->rows_scored, report->rows.rows);
    if (report->blocks_widened > 0) count(&counters->blocks_widened, report->blocks_widened);
}

// ---- Front ---------------------------------------------------------------------------------------

// Where the answer and the lists that it is collected in could pass the memory budget, what is kept for later searches
// goes first. Whether that was enough is for the index to say.
static wg_scratch *scratch_take(waggle_database *database, uint64_t hits)
{
    (void)wg_heap_admit(&database->heap, 2 * hits * sizeof(wg_hit), NULL);
    return wg_scratch_take(&database->searches);
}

static waggle_status search_run(search *s, uint32_t k, waggle_error *error)
{
    waggle_database *database = s->collection->database;
    const wg_vector_field *field = &s->collection->spec->fields[s->field];
    waggle_status status = rows_check(field, s->rows, error);
    if (status == WAGGLE_OK) status = scan_wanted(s, error);
    if (status != WAGGLE_OK) return status;
    s->scratch = scratch_take(database, s->rows->count * wg_topk_capacity(k));
    if (s->scratch == NULL) return wg_fail_memory(error, sizeof *s->scratch, "a search");
    status = queries_convert(s, error);
    if (status != WAGGLE_OK) return status;
    status = views_make(s, error);
    if (status != WAGGLE_OK) return status;
    bool automatic = scan_choose(s);
    uint64_t start = wg_now_ns();
    wg_index_query query = {.metric = field->metric,
                            .type = field->type,
                            .dim = field->dim,
                            .k = k,
                            .views = s->views,
                            .view_count = s->view_count,
                            .queries = s->queries,
                            .query_stride = field->stride,
                            .query_norms = s->norms,
                            .query_count = (uint32_t)s->rows->count,
                            .tie = tie,
                            .tie_context = s,
                            .scan = s->scan,
                            .scratch = &s->scratch->arena};
    status = wg_index_flat_search(database->device, &query, &s->answer, error);
    if (status == WAGGLE_OK && automatic) scan_learn(s, wg_now_ns() - start);
    return status;
}

static void search_finish(search *s)
{
    wg_scratch_put(s->scratch);
    wg_state_release(s->state);
}

// More than there are points is no error, and costs nothing.
static uint32_t k_bounded(const wg_state *state, uint32_t k)
{
    if (k == 0) k = 10;
    return (uint32_t)WG_MAX(WG_MIN((uint64_t)k, state->points), 1u);
}

waggle_status waggle_search(waggle_collection *collection, const waggle_rows *queries,
                            const waggle_search_options *given, waggle_hits **hits,
                            waggle_error *error)
{
    waggle_database *database = collection->database;
    waggle_search_options options = {0};
    search s = {.collection = collection, .options = &options, .rows = queries};
    uint64_t start = wg_now_ns();
    wg_error_clear(error);
    waggle_status status =
        wg_options_read(&options, sizeof options, given, "waggle_search_options", error);
    if (status == WAGGLE_OK) status = wg_collection_check(collection, error);
    if (status == WAGGLE_OK)
        status = wg_spec_find(collection->spec, options.vector, &s.field, error);
    s.state =
        wg_state_acquire(collection); // one for all: k is bounded by the points that are searched
    uint32_t k = k_bounded(s.state, options.k);
    if (status == WAGGLE_OK) status = search_run(&s, k, error);
    if (status == WAGGLE_OK) status = hits_create(&s, k, hits, error);
    if (status == WAGGLE_OK) {
        search_count(&s);
        (*hits)->info = (waggle_search_info){.device = database->device_name,
                                             .index = "flat",
                                             .simd = wg_device_cpu_simd(database->device),
                                             .exact = s.answer.exact,
                                             .rows_scanned = s.answer.rows_scanned,
                                             .bytes_scanned = s.answer.bytes_scanned,
                                             .seconds = (double)(wg_now_ns() - start) * 1e-9};
        scan_describe(&s, *hits);
    }
    search_finish(&s);
    if (status == WAGGLE_OUT_OF_MEMORY) wg_heap_relieve(&database->heap);
    return status;
}

uint64_t waggle_hits_queries(const waggle_hits *hits)
{
    return hits->queries;
}

const waggle_hit *waggle_hits_at(const waggle_hits *hits, uint64_t query, uint32_t *count)
{
    WG_ASSERT(query < hits->queries);
    *count = hits->counts[query];
    return hits->hits + query * hits->k;
}

const waggle_search_info *waggle_hits_info(const waggle_hits *hits)
{
    return &hits->info;
}

void waggle_hits_destroy(waggle_hits *hits)
{
    if (hits != NULL) wg_scratch_put(hits->scratch);
}
