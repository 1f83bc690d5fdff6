#include "exact.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// What a figure compares.
typedef enum relation {
    OF_BANDWIDTH,    // bytes per second, of the probed read bandwidth with as many threads
    OF_PEAK,         // operations per second, of the probed peak
    OVER_HNSWLIB,    // times as fast as hnswlib's brute force
    OVER_OPENBLAS,   // times as fast as sgemm and selection
    OVER_FLOATS,     // times as fast as our own f32 scan
    OVER_ONE_THREAD, // two threads, times as fast as one
    OF_RECALL,       // the lowest of all measurements of our engine
} relation;

typedef struct figure_spec {
    const char *set;
    exact_way way;
    uint32_t batch; // index of exact_batches
    relation relation;
    double must;
    double stretch; // 0 = none
} figure_spec;

// The figures of exact search, with their goals: one thread unless it says two. Speed over another is a ratio of times per query.
// clang-format off
static const figure_spec figures[] = {
    {"images",            EXACT_FLOATS,    0, OF_BANDWIDTH,    0.85,  0.95},
    {"images",            EXACT_FLOATS,    0, OVER_HNSWLIB,    1.0,   0},
    {"clustered-128",     EXACT_FLOATS,    0, OF_BANDWIDTH,    0.85,  0.95},
    {"clustered-128",     EXACT_FLOATS,    0, OVER_HNSWLIB,    1.0,   0},
    {"images",            EXACT_FLOATS,    1, OVER_HNSWLIB,    8.0,   0},
    {"images",            EXACT_FLOATS,    1, OF_PEAK,         0.60,  0.85},
    {"clustered-128",     EXACT_FLOATS,    1, OVER_HNSWLIB,    8.0,   0},
    {"clustered-128",     EXACT_FLOATS,    1, OF_PEAK,         0.60,  0.85},
    {"images",            EXACT_FLOATS,    2, OVER_OPENBLAS,   1.3,   0},
    {"images",            EXACT_FLOATS,    2, OF_PEAK,         0.80,  0.90},
    {"clustered-128",     EXACT_FLOATS,    2, OVER_OPENBLAS,   1.3,   0},
    {"clustered-128",     EXACT_FLOATS,    2, OF_PEAK,         0.80,  0.90},
    {"images",            EXACT_BYTES,     0, OF_BANDWIDTH,    0.85,  0},
    {"images",            EXACT_BYTES,     1, OVER_FLOATS,     2.0,   3.0},
    {"images",            EXACT_BYTES,     2, OVER_FLOATS,     2.0,   3.0},
    {"clustered-128",     EXACT_BYTES,     0, OF_BANDWIDTH,    0.85,  0},
    {"clustered-128",     EXACT_BYTES,     1, OVER_FLOATS,     2.0,   3.0},
    {"clustered-128",     EXACT_BYTES,     2, OVER_FLOATS,     2.0,   3.0},
    {"images-normalized", EXACT_CERTIFIED, 0, OVER_FLOATS,     2.5,   6.0},
    {"clustered-128",     EXACT_CERTIFIED, 0, OVER_FLOATS,     2.5,   6.0},
    {"images-normalized", EXACT_CERTIFIED, 1, OVER_FLOATS,     1.5,   3.0},
    {"clustered-128",     EXACT_CERTIFIED, 1, OVER_FLOATS,     1.5,   3.0},
    {"images",            EXACT_FLOATS,    0, OVER_ONE_THREAD, 1.6,   0},
    {"images",            EXACT_FLOATS,    1, OVER_ONE_THREAD, 1.9,   0},
    {"images",            EXACT_FLOATS,    2, OVER_ONE_THREAD, 1.9,   0},
    {"clustered-128",     EXACT_FLOATS,    0, OVER_ONE_THREAD, 1.6,   0},
    {"clustered-128",     EXACT_FLOATS,    1, OVER_ONE_THREAD, 1.9,   0},
    {"clustered-128",     EXACT_FLOATS,    2, OVER_ONE_THREAD, 1.9,   0},
    // Rounding to float32 may swap neighbors whose distances differ by less; a tie of the true distances is right.
    {"images",            EXACT_FLOATS,    0, OF_RECALL,       1.0,   0},
    {"images-normalized", EXACT_FLOATS,    0, OF_RECALL,       0.999, 1.0},
    {"clustered-128",     EXACT_FLOATS,    0, OF_RECALL,       0.999, 1.0},
    {"clustered-768",     EXACT_FLOATS,    0, OF_RECALL,       0.999, 1.0},
};

// clang-format on

// ---- Rates -----------------------------------------------------------------------------------------

static double operations(const exact_results *results) // of a query
{
    return 2.0 * results->dim * (double)results->count;
}

// Our times against those of another cell: how many times as fast we are, in every pair.
static void over_cell(const exact_results *results, const exact_cell *ours, const exact_cell *other,
                      double *ratios)
{
    for (uint32_t i = 0; i < results->pairs; i++)
        ratios[i] = other->seconds[i] / ours->seconds[i];
}

static void of_bandwidth(const exact_results *results, const exact_cell *cell,
                         const exact_roof *roof, uint32_t batch, double *ratios)
{
    for (uint32_t i = 0; i < results->pairs; i++)
        ratios[i] = (double)cell->bytes / (cell->seconds[i] * batch) / roof->bandwidth[i];
}

static void of_peak(const exact_results *results, const exact_cell *cell, const exact_roof *roof,
                    double *ratios)
{
    for (uint32_t i = 0; i < results->pairs; i++)
        ratios[i] =
            roof->peak[i] > 0 ? operations(results) / cell->seconds[i] / roof->peak[i] : NAN;
}

// ---- The table of measurements ---------------------------------------------------------------------

static const char *type_name(const exact_results *results, exact_way way)
{
    if (way != EXACT_BYTES) return "f32";
    return strncmp(results->name, "images", 6) == 0 ? "u8" : "i8";
}

// "7.91", or "-" for what was not measured.
static const char *number_text(char *text, size_t capacity, double value)
{
    if (isnan(value))
        snprintf(text, capacity, "-");
    else
        snprintf(text, capacity, "%.3g", value);
    return text;
}

// JSON has no NaN.
static const char *number_json(char *text, size_t capacity, double value)
{
    if (isnan(value))
        snprintf(text, capacity, "null");
    else
        snprintf(text, capacity, "%.6g", value);
    return text;
}

static const char *const way_names[EXACT_WAYS] = {"waggle", "waggle", "certified", "probable"};

typedef struct line {
    const char *engine;
    exact_way way;
    uint32_t b;
    uint32_t threads;
    double ms, gbytes, bandwidth_share, gops, peak_share, over[EXACT_PEERS], recall;
} line;

static void line_write(bench_report *report, const exact_results *results, const line *l)
{
    char t[5][24];
    const double values[5] = {l->gbytes, l->bandwidth_share, l->peak_share, l->over[0], l->over[1]};
    for (uint32_t i = 0; i < 5; i++)
        number_text(t[i], sizeof t[i], values[i]);
    bench_note("  %-9s %-4s %5u %8u %9.4f %11.4g %8s %7s %9.4g %7s %9s %10s", l->engine,
               type_name(results, l->way), exact_batches[l->b], l->threads, l->recall, l->ms, t[0],
               t[1], l->gops, t[2], t[3], t[4]);
    for (uint32_t i = 0; i < 5; i++)
        number_json(t[i], sizeof t[i], values[i]);
    bench_measurement(
        report,
        "\"set\": \"%s\", \"engine\": \"%s\", \"type\": \"%s\", \"batch\": %u, \"threads\": %u, "
        "\"k\": %u, \"recall\": %.6g, \"ms_per_query\": %.6g, \"gb_per_s\": %s, "
        "\"bandwidth_share\": %s, \"gop_per_s\": %.6g, \"peak_share\": %s, \"over_hnswlib\": %s, "
        "\"over_openblas\": %s",
        results->name, l->engine, type_name(results, l->way), exact_batches[l->b], l->threads,
        EXACT_K, l->recall, l->ms, t[0], t[1], l->gops, t[2], t[3], t[4]);
}

// How many rows each stage had, of the last search.
static void stages_write(bench_report *report, const exact_results *results, const exact_cell *cell,
                         const line *l)
{
    char text[256] = "", json[256] = "";
    size_t at = 0, at_json = 0;
    for (uint32_t i = 0; i < EXACT_STAGES && cell->stage_names[i] != NULL; i++) {
        int n = snprintf(text + at, sizeof text - at, "%s%s %llu", i > 0 ? ", " : "",
                         cell->stage_names[i], (unsigned long long)cell->rows[i]);
        int m = snprintf(json + at_json, sizeof json - at_json, "%s\"%s\": %llu", i > 0 ? ", " : "",
                         cell->stage_names[i], (unsigned long long)cell->rows[i]);
        at += n > 0 ? (size_t)n : 0;
        at_json += m > 0 ? (size_t)m : 0;
    }
    bench_note("    rows: %s", text);
    bench_measurement(report,
                      "\"set\": \"%s\", \"engine\": \"%s\", \"batch\": %u, \"threads\": %u, "
                      "\"rows\": {%s}",
                      results->name, l->engine, exact_batches[l->b], l->threads, json);
}

static void line_ours(bench_report *report, const exact_results *results, exact_way way, uint32_t b,
                      uint32_t t)
{
    const exact_cell *cell = &results->ours[way][b][t];
    const exact_roof *roof = &results->roofs[exact_form(way)][b][t];
    double ratios[BENCH_PAIRS_MAX];
    if (!cell->measured) return;
    double seconds = bench_median(cell->seconds, results->pairs);
    line l = {
        .engine = way_names[way], .way = way, .b = b, .threads = t + 1, .recall = cell->recall};
    l.ms = seconds * 1e3;
    l.gbytes = (double)cell->bytes / (seconds * exact_batches[b]) * 1e-9;
    l.gops = operations(results) / seconds * 1e-9;
    of_bandwidth(results, cell, roof, exact_batches[b], ratios);
    l.bandwidth_share = bench_median(ratios, results->pairs);
    of_peak(results, cell, roof, ratios);
    l.peak_share = bench_median(ratios, results->pairs);
    for (uint32_t p = 0; p < EXACT_PEERS; p++) {
        l.over[p] = NAN;
        if (!results->peers[p][b].measured) continue;
        over_cell(results, cell, &results->peers[p][b], ratios);
        l.over[p] = bench_median(ratios, results->pairs);
    }
    line_write(report, results, &l);
    if (way == EXACT_CERTIFIED || way == EXACT_PROBABLE) stages_write(report, results, cell, &l);
}

static void line_peer(bench_report *report, const exact_results *results, uint32_t p, uint32_t b)
{
    const exact_cell *cell = &results->peers[p][b];
    if (!cell->measured) return;
    double seconds = bench_median(cell->seconds, results->pairs);
    line l = {.engine = exact_peers[p]->name, .b = b, .threads = 1, .recall = cell->recall};
    l.ms = seconds * 1e3;
    l.gops = operations(results) / seconds * 1e-9;
    l.gbytes = l.bandwidth_share = l.peak_share = l.over[0] = l.over[1] = NAN;
    line_write(report, results, &l);
}

static const char *form_name(const exact_results *results, bench_form form)
{
    return type_name(results, form == BENCH_BYTES ? EXACT_BYTES : EXACT_FLOATS);
}

// What the shares are of.
static void roofs_write(bench_report *report, const exact_results *results)
{
    for (bench_form form = 0; form < BENCH_FORMS; form++) {
        for (uint32_t t = 0; t < EXACT_THREADS; t++) {
            const exact_roof *roof = &results->roofs[form][0][t];
            if (roof->bandwidth[0] == 0) continue; // the set has no such form
            double bandwidth = bench_median(roof->bandwidth, results->pairs) * 1e-9;
            double peak = bench_median(roof->peak, results->pairs) * 1e-9;
            bench_note("  probed, %s, %u threads: %.3g GB/s read, %.4g Gop/s",
                       form_name(results, form), t + 1, bandwidth, peak);
            bench_measurement(report,
                              "\"set\": \"%s\", \"engine\": \"probe\", \"type\": \"%s\", "
                              "\"threads\": %u, \"gb_per_s\": %.6g, \"gop_per_s\": %.6g",
                              results->name, form_name(results, form), t + 1, bandwidth, peak);
        }
    }
}

void exact_table(bench_report *report, const exact_results *results)
{
    bench_note("  %-9s %-4s %5s %8s %9s %11s %8s %7s %9s %7s %9s %10s", "engine", "type", "batch",
               "threads", "recall@10", "ms/query", "GB/s", "of read", "Gop/s", "of peak",
               "x hnswlib", "x openblas");
    for (exact_way way = 0; way < EXACT_WAYS; way++)
        for (uint32_t t = 0; t < EXACT_THREADS; t++)
            for (uint32_t b = 0; b < EXACT_BATCHES; b++)
                line_ours(report, results, way, b, t);
    for (uint32_t p = 0; p < EXACT_PEERS; p++)
        for (uint32_t b = 0; b < EXACT_BATCHES; b++)
            line_peer(report, results, p, b);
    roofs_write(report, results);
}

// ---- Figures ---------------------------------------------------------------------------------------

static void figure_name(const figure_spec *spec, const exact_results *results, char *name,
                        size_t capacity)
{
    static const char *const ends[] = {
        [OF_BANDWIDTH] = "of read bandwidth",    [OF_PEAK] = "of the probed peak",
        [OVER_HNSWLIB] = "over hnswlib",         [OVER_OPENBLAS] = "over OpenBLAS",
        [OVER_FLOATS] = "over our f32",          [OVER_ONE_THREAD] = "2 threads over one",
        [OF_RECALL] = "lowest recall@10 of all",
    };
    uint32_t batch = exact_batches[spec->batch];
    const char *form =
        spec->way == EXACT_CERTIFIED ? "f32 certified" : type_name(results, spec->way);
    if (spec->relation == OF_RECALL)
        snprintf(name, capacity, "%s, %s", spec->set, ends[spec->relation]);
    else
        snprintf(name, capacity, "%s %s, %u %s, %s", spec->set, form, batch,
                 batch == 1 ? "query" : "queries", ends[spec->relation]);
}

static double lowest_recall(const exact_results *results)
{
    double lowest = 1;
    for (exact_way way = 0; way < EXACT_WAYS; way++)
        for (uint32_t b = 0; b < EXACT_BATCHES; b++)
            for (uint32_t t = 0; t < EXACT_THREADS; t++)
                if (results->ours[way][b][t].measured)
                    lowest = fmin(lowest, results->ours[way][b][t].recall);
    return lowest;
}

// The ratio of every pair. Returns why there is none, or NULL.
static const char *figure_ratios(const figure_spec *spec, const exact_results *results,
                                 double *ratios)
{
    uint32_t b = spec->batch;
    const exact_cell *cell = &results->ours[spec->way][b][0];
    const exact_roof *roof = &results->roofs[exact_form(spec->way)][b][0];
    const exact_cell *other = NULL;
    switch (spec->relation) {
    case OF_BANDWIDTH: of_bandwidth(results, cell, roof, exact_batches[b], ratios); return NULL;
    case OF_PEAK:
        of_peak(results, cell, roof, ratios);
        return isnan(ratios[0]) ? "not measured: no probe of the peak for this processor" : NULL;
    case OVER_HNSWLIB: other = &results->peers[EXACT_HNSWLIB][b]; break;
    case OVER_OPENBLAS: other = &results->peers[EXACT_OPENBLAS][b]; break;
    case OVER_FLOATS: other = &results->ours[EXACT_FLOATS][b][0]; break;
    case OVER_ONE_THREAD:
        over_cell(results, &results->ours[spec->way][b][1], cell, ratios);
        return NULL;
    default:
        for (uint32_t i = 0; i < results->pairs; i++)
            ratios[i] = lowest_recall(results);
        return NULL;
    }
    if (!other->measured)
        return spec->relation == OVER_HNSWLIB ? "not measured: libhnswlib-dev is missing"
                                              : "not measured: libopenblas-dev is missing";
    over_cell(results, cell, other, ratios);
    return NULL;
}

static void figure_write(bench_report *report, const figure_spec *spec,
                         const exact_results *results)
{
    char name[160], reason[160];
    double ratios[BENCH_PAIRS_MAX];
    uint32_t t = spec->relation == OVER_ONE_THREAD ? 1 : 0;
    double recall = results->ours[spec->way][spec->batch][t].recall;
    double stretch = spec->stretch > 0 ? spec->stretch : NAN;
    const char *unit = spec->must < 1 || spec->relation == OF_RECALL ? "" : "x";
    const char *why = reason;
    figure_name(spec, results, name, sizeof name);
    if (results->missing != NULL)
        snprintf(reason, sizeof reason, "not measured: %s", results->missing);
    else
        why = figure_ratios(spec, results, ratios);
    bench_beside(report, why != NULL || spec->relation == OF_RECALL ? NAN : recall, stretch);
    if (why != NULL)
        bench_figure_missing(report, name, unit, spec->must, true, why);
    else
        bench_figure(report, name, unit, bench_median(ratios, results->pairs), spec->must, true,
                     ratios, spec->relation == OF_RECALL ? 0 : results->pairs);
    bench_beside(report, NAN, NAN);
}

void exact_figures(bench_report *report, const bench_options *options, const exact_results *results)
{
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        const figure_spec *spec = &figures[i];
        const exact_results *of = &results[0];
        for (uint32_t s = 0; s < BENCH_SETS; s++)
            if (strcmp(results[s].name, spec->set) == 0) of = &results[s];
        if (!bench_wanted(options, spec->set)) continue; // asked for others
        figure_write(report, spec, of);
    }
}
