// A pair is a round in which everything runs once, one after the other: probes of bandwidth and peaks, our searches of both
// forms with one and two threads, and the peers. What the machine does otherwise changes by the second, so only
// ratios within a pair are used, and their median over the pairs.
//
// Short calls run in a burst, and the fastest counts, for ours, peers and probes alike: what comes first finds cold caches, and
// a call that was interrupted says nothing.
#include "base/bandwidth.h"
#include "base/peaks.h"
#include "exact.h"

#include <stdlib.h>

#define BURST_S 0.3 // calls go on for so long,
#define BURST_QUICK_S 0.01
#define BURST_CALLS 12u    // but are not more than this,
#define BURST_CALLS_MIN 2u // nor fewer
#define CHECKED 100u       // queries whose recall is checked, at least
#define CHECKED_PEER 20u   // and of peers
#define PEER_QUERIES 10u   // hnswlib searches one by one: its time per query is that of a few

// Searches count queries from first on; ids, if not NULL, receives EXACT_K per query (UINT64_MAX = none).
typedef double (*search_fn)(exact_run *run, const void *how, uint64_t first, uint32_t count,
                            uint64_t *ids);

// ---- Ways to search --------------------------------------------------------------------------------

typedef struct our_way {
    waggle_collection *collection;
    exact_way way;
    exact_cell *cell;
} our_way;

static const waggle_scan scans[EXACT_WAYS] = {[EXACT_FLOATS] = WAGGLE_SCAN_F32,
                                              [EXACT_BYTES] = WAGGLE_SCAN_F32,
                                              [EXACT_CERTIFIED] = WAGGLE_SCAN_CERTIFIED,
                                              [EXACT_PROBABLE] = WAGGLE_SCAN_PROBABLE};

static void info_take(exact_run *run, const waggle_search_info *info, exact_way way,
                      exact_cell *cell)
{
    if (info->scan != scans[way]) // or the figure would be of something else
        bench_fail("a search did not scan what it was told to");
    run->results->simd = info->simd;
    cell->bytes = info->bytes_scanned;
    for (uint32_t i = 0; i < info->stage_count; i++) {
        cell->stage_names[i] = info->stages[i].name;
        cell->rows[i] = info->stages[i].rows;
    }
}

static void hits_take(const waggle_hits *hits, uint32_t count, uint64_t *ids)
{
    for (uint32_t q = 0; q < count; q++) {
        uint32_t found = 0;
        const waggle_hit *list = waggle_hits_at(hits, q, &found);
        for (uint32_t i = 0; i < EXACT_K; i++)
            ids[q * EXACT_K + i] = i < found ? list[i].id.value.number : UINT64_MAX;
    }
}

static double search_ours(exact_run *run, const void *how, uint64_t first, uint32_t count,
                          uint64_t *ids)
{
    const our_way *way = how;
    const bench_view *view = &run->set->views[exact_form(way->way)];
    size_t size = waggle_vector_size(view->type, view->dim);
    waggle_rows queries =
        waggle_rows_of(view->type, (const uint8_t *)view->queries + first * size, count, view->dim);
    waggle_hits *hits = NULL;
    waggle_error error;
    double begin = bench_seconds();
    bench_check(waggle_search(way->collection, &queries,
                              waggle_search_options(.k = EXACT_K, .scan = scans[way->way]), &hits,
                              &error),
                &error, "search");
    double seconds = bench_seconds() - begin;
    info_take(run, waggle_hits_info(hits), way->way, way->cell);
    if (ids != NULL) hits_take(hits, count, ids);
    waggle_hits_destroy(hits);
    return seconds;
}

static double search_peer(exact_run *run, const void *how, uint64_t first, uint32_t count,
                          uint64_t *ids)
{
    const exact_peer which = *(const exact_peer *)how;
    const bench_view *view = &run->set->views[BENCH_FLOATS];
    static uint64_t found[BENCH_SET_QUERIES * EXACT_K];
    const float *queries = (const float *)view->queries + first * view->dim;
    double begin = bench_seconds();
    exact_peers[which]->search(run->peers[which], queries, count, EXACT_K,
                               ids != NULL ? ids : found);
    return bench_seconds() - begin;
}

// Without the clock running: the share of right hits, in batches of this size.
static double recall_of(exact_run *run, search_fn search, const void *how, bench_form form,
                        uint32_t batch, uint32_t queries)
{
    static uint64_t ids[BENCH_SET_QUERIES * EXACT_K];
    uint64_t right = 0, checked = 0;
    while (checked < queries) {
        search(run, how, checked, batch, ids);
        for (uint32_t q = 0; q < batch; q++)
            right += bench_truth_right(&run->truths[form], checked + q, ids + q * EXACT_K, EXACT_K);
        checked += batch;
    }
    return (double)right / (double)(checked * EXACT_K);
}

// ---- Bursts ----------------------------------------------------------------------------------------

static double burst_end(const exact_run *run)
{
    return bench_seconds() + (run->options->quick ? BURST_QUICK_S : BURST_S);
}

// Seconds per query of the fastest call; each call has other queries.
static double burst(exact_run *run, search_fn search, const void *how, uint32_t batch,
                    uint32_t pair)
{
    double best = 0;
    double end = burst_end(run);
    uint32_t least = run->options->quick ? 1 : BURST_CALLS_MIN;
    for (uint32_t i = 0; i < BURST_CALLS && (i < least || bench_seconds() < end); i++) {
        uint64_t places = BENCH_SET_QUERIES / batch;
        uint64_t first = (pair * BURST_CALLS + i) % places * batch;
        double seconds = search(run, how, first, batch, NULL) / batch;
        best = i == 0 || seconds < best ? seconds : best;
    }
    return best;
}

static double probe_bandwidth(const exact_run *run, wg_bandwidth *buffer, uint32_t threads)
{
    double best = 0;
    double end = burst_end(run);
    buffer->threads = threads;
    for (uint32_t i = 0; i < BURST_CALLS && (i == 0 || bench_seconds() < end); i++) {
        waggle_error error;
        double rate = 0;
        bench_check(wg_bandwidth_pass(buffer, &rate, &error), &error, "bandwidth");
        best = rate > best ? rate : best;
    }
    return best;
}

static double probe_peak(bench_form form, uint32_t threads)
{
    wg_peak kind = form == BENCH_FLOATS ? WG_PEAK_F32 : WG_PEAK_BYTES;
    waggle_error error;
    double rate = 0;
    if (wg_peak_name(kind) == NULL) return 0;
    bench_check(wg_peak_measure(kind, threads, &rate, &error), &error, "peak");
    return rate;
}

// ---- Pairs -----------------------------------------------------------------------------------------

static uint32_t peer_queries(exact_peer which, uint32_t batch, uint32_t most)
{
    return which == EXACT_HNSWLIB && batch > most ? most : batch;
}

static void check_all(exact_run *run, uint32_t b)
{
    uint32_t batch = exact_batches[b];
    uint32_t checked = batch > CHECKED ? batch : CHECKED;
    for (exact_way way = 0; way < EXACT_WAYS; way++) {
        for (uint32_t t = 0; t < EXACT_THREADS; t++) {
            exact_cell *cell = &run->results->ours[way][b][t];
            our_way ours = {run->collections[t][exact_form(way)], way, cell};
            if (ours.collection == NULL) continue;
            cell->measured = true;
            cell->recall = recall_of(run, search_ours, &ours, exact_form(way), batch, checked);
        }
    }
    for (exact_peer p = 0; p < EXACT_PEERS; p++) {
        exact_cell *cell = &run->results->peers[p][b];
        if (run->peers[p] == NULL) continue;
        cell->measured = true;
        cell->recall = recall_of(run, search_peer, &p, BENCH_FLOATS,
                                 peer_queries(p, batch, CHECKED_PEER), CHECKED_PEER);
    }
}

static void pair_form(exact_run *run, bench_form form, uint32_t b, uint32_t pair,
                      wg_bandwidth *buffer)
{
    for (uint32_t t = 0; t < EXACT_THREADS; t++) {
        exact_roof *roof = &run->results->roofs[form][b][t];
        roof->bandwidth[pair] = probe_bandwidth(run, buffer, t + 1);
        roof->peak[pair] = probe_peak(form, t + 1);
        for (exact_way way = 0; way < EXACT_WAYS; way++) {
            if (exact_form(way) != form) continue;
            exact_cell *cell = &run->results->ours[way][b][t];
            our_way ours = {run->collections[t][form], way, cell};
            cell->seconds[pair] = burst(run, search_ours, &ours, exact_batches[b], pair);
        }
    }
}

static void pair_peers(exact_run *run, uint32_t b, uint32_t pair)
{
    for (exact_peer p = 0; p < EXACT_PEERS; p++) {
        if (run->peers[p] == NULL) continue;
        uint32_t batch = peer_queries(p, exact_batches[b], PEER_QUERIES);
        run->results->peers[p][b].seconds[pair] = burst(run, search_peer, &p, batch, pair);
    }
}

void exact_measure(exact_run *run, uint32_t b)
{
    wg_bandwidth buffers[BENCH_FORMS] = {0};
    waggle_error error;
    check_all(run, b);
    for (bench_form form = 0; form < BENCH_FORMS; form++) {
        size_t size = bench_view_size(&run->set->views[form]);
        if (size == 0) continue;
        bench_check(wg_bandwidth_open(&buffers[form], size, EXACT_THREADS, &error), &error,
                    "memory for the probe");
    }
    for (uint32_t pair = 0; pair < run->results->pairs; pair++) {
        for (bench_form form = 0; form < BENCH_FORMS; form++)
            if (buffers[form].data != NULL) pair_form(run, form, b, pair, &buffers[form]);
        pair_peers(run, b, pair);
    }
    for (bench_form form = 0; form < BENCH_FORMS; form++)
        wg_bandwidth_close(&buffers[form]);
}
