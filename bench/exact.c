// How fast exact search is, for one query and for batches, beside what the machine could do and what others reach: each of the
// sets of bench/sets.h, f32 and bytes, batches of 1, 100 and 1,000, one and two threads, k = 10. The searched collection is
// sealed, on disk, and in the page cache. Peers have one thread (bench/peers/peers.h).
//
//   usage: bench_exact [options of bench/support.h]     --only names a set, --rows is the most rows of any
//
// The images are read from $SHARED/data (default ../shared/data).
#include "exact.h"

#include "base/peaks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 1000000u
#define QUICK_ROWS 2000u
#define IMPORT_BATCH 10000u

const peer_ops *const exact_peers[EXACT_PEERS] = {&peer_hnswlib, &peer_openblas};

const char *exact_form_name(const bench_set *set, bench_form form)
{
    return waggle_type_name(set->views[form].type);
}

// ---- Databases -------------------------------------------------------------------------------------

static void import_view(waggle_database *database, const char *name, const bench_view *view)
{
    waggle_error error;
    waggle_collection *collection = NULL;
    waggle_import *import = NULL;
    size_t size = waggle_vector_size(view->type, view->dim);
    const waggle_vector_spec vector = {.dim = view->dim,
                                       .type = view->type,
                                       .metric = view->metric,
                                       .scan = view->type == WAGGLE_F32
                                                   ? WAGGLE_SCAN_PROBABLE // all kinds of codes
                                                   : WAGGLE_SCAN_F32};
    bench_check(waggle_collection_create(
                    database, name, waggle_collection_spec(.vectors = &vector, .vector_count = 1),
                    &collection, &error),
                &error, name);
    bench_check(waggle_import_open(collection, &import, &error), &error, name);
    for (uint64_t row = 0; row < view->count; row += IMPORT_BATCH) {
        uint64_t count = view->count - row < IMPORT_BATCH ? view->count - row : IMPORT_BATCH;
        const uint8_t *rows = (const uint8_t *)view->rows + row * size;
        waggle_vectors column = {.rows = waggle_rows_of(view->type, rows, count, view->dim)};
        bench_check(waggle_import_add(import,
                                      waggle_points_of(.count = count, .id_first = row,
                                                       .vectors = &column, .vector_count = 1),
                                      &error),
                    &error, name);
    }
    bench_check(waggle_import_commit(import, &error), &error, name);
    waggle_import_close(import);
    bench_check(waggle_compact(collection, &error), &error, name);
    bench_check(waggle_codes_wait(database, UINT32_MAX, &error), &error, "codes");
    waggle_collection_close(collection);
}

static void database_make(const char *path, const bench_set *set)
{
    waggle_error error;
    waggle_database *database = NULL;
    bench_check(waggle_open(path, waggle_open_options(.durability = WAGGLE_OFF), &database, &error),
                &error, path);
    for (bench_form form = 0; form < BENCH_FORMS; form++)
        if (set->views[form].rows != NULL)
            import_view(database, exact_form_name(set, form), &set->views[form]);
    bench_check(waggle_close(database, &error), &error, path);
}

static void databases_open(exact_run *run, const char *path)
{
    waggle_error error;
    for (uint32_t t = 0; t < EXACT_THREADS; t++) {
        bench_check(waggle_open(path, waggle_open_options(.read_only = true, .threads = t + 1),
                                &run->databases[t], &error),
                    &error, path);
        for (bench_form form = 0; form < BENCH_FORMS; form++) {
            if (run->set->views[form].rows == NULL) continue;
            const char *name = exact_form_name(run->set, form);
            bench_check(
                waggle_collection_open(run->databases[t], name, &run->collections[t][form], &error),
                &error, name);
        }
    }
}

static void databases_close(exact_run *run)
{
    waggle_error error;
    for (uint32_t t = 0; t < EXACT_THREADS; t++) {
        for (bench_form form = 0; form < BENCH_FORMS; form++)
            waggle_collection_close(run->collections[t][form]);
        bench_check(waggle_close(run->databases[t], &error), &error, "close");
    }
}

// ---- A set -----------------------------------------------------------------------------------------

static void peers_open(exact_run *run, bench_report *report)
{
    const bench_view *view = &run->set->views[BENCH_FLOATS];
    // Normalized rows: the largest dot product is the largest cosine.
    const peer_data data = {view->rows, view->count, view->dim, view->metric == WAGGLE_COSINE};
    for (uint32_t p = 0; p < EXACT_PEERS; p++) {
        char key[64];
        const peer_ops *ops = exact_peers[p];
        run->peers[p] = ops->create(&data);
        if (run->peers[p] == NULL) {
            bench_note("%s is missing", ops->package);
            continue;
        }
        snprintf(key, sizeof key, "%s, %s", ops->name, run->set->name);
        bench_parameter_text(report, key, ops->version(run->peers[p]));
    }
}

static void truths_make(exact_run *run)
{
    for (bench_form form = 0; form < BENCH_FORMS; form++)
        if (run->set->views[form].rows != NULL)
            bench_truth_make(&run->set->views[form], EXACT_K, &run->truths[form]);
}

static void run_set(const bench_options *options, bench_report *report, const bench_set *set,
                    exact_results *results)
{
    exact_run run = {.options = options, .set = set, .results = results};
    const bench_view *view = &set->views[BENCH_FLOATS];
    char key[64];
    bench_note("%s: %llu x %u, sha256 %s", set->name, (unsigned long long)view->count, view->dim,
               set->sha);
    snprintf(key, sizeof key, "sha256 of %s, %llu x %u", set->name, (unsigned long long)view->count,
             view->dim);
    bench_parameter_text(report, key, set->sha);
    results->dim = view->dim;
    results->count = view->count;
    results->pairs = options->pairs;
    double begin = bench_seconds();
    truths_make(&run);
    bench_note("  truth in %.1f s", bench_seconds() - begin);
    char *path = bench_folder(options, "exact");
    database_make(path, set);
    databases_open(&run, path);
    peers_open(&run, report);
    for (uint32_t b = 0; b < EXACT_BATCHES; b++)
        exact_measure(&run, b);
    for (uint32_t p = 0; p < EXACT_PEERS; p++)
        exact_peers[p]->destroy(run.peers[p]);
    databases_close(&run);
    bench_folder_remove(path);
    free(path);
    for (bench_form form = 0; form < BENCH_FORMS; form++)
        bench_truth_finish(&run.truths[form]);
}

// ---- All sets --------------------------------------------------------------------------------------

static void folder_of_data(char *folder, size_t capacity)
{
    const char *shared = getenv("SHARED");
    snprintf(folder, capacity, "%s/data", shared != NULL && *shared ? shared : "../shared");
}

static void name_probe(bench_report *report, const char *key, wg_peak kind)
{
    const char *name = wg_peak_name(kind);
    bench_parameter_text(report, key, name != NULL ? name : "none");
}

int main(int count, char **arguments)
{
    static exact_results results[BENCH_SETS];
    bench_options options;
    char folder[3072];
    bench_options_read(count, arguments, ROWS_MAX, &options);
    if (options.quick) {
        options.rows = options.rows < QUICK_ROWS ? options.rows : QUICK_ROWS;
        options.pairs = 1;
    }
    folder_of_data(folder, sizeof folder);
    bench_report *report = bench_report_create("exact-cpu", &options);
    name_probe(report, "peak of f32", WG_PEAK_F32);
    name_probe(report, "peak of bytes", WG_PEAK_BYTES);
    for (uint32_t i = 0; i < BENCH_SETS; i++) {
        bench_set set;
        results[i].name = bench_set_name(i);
        results[i].missing = "not run";
        if (!bench_wanted(&options, bench_set_name(i))) continue;
        double begin = bench_seconds();
        if (!bench_set_make(i, folder, options.rows, options.seed, &set, &results[i].missing))
            continue;
        results[i].missing = NULL;
        bench_note("%s: made in %.1f s", results[i].name, bench_seconds() - begin);
        run_set(&options, report, &set, &results[i]);
        exact_table(report, &results[i]);
        bench_set_finish(&set);
    }
    exact_figures(report, &options, results);
    return bench_report_finish(report);
}
