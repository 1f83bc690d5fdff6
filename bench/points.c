// What a point costs beside its vector and payload, and how fast points are found by id: in the head (unsealed) and in
// a segment. Ids are random numbers, asked for in random order by one thread; the rate is by its processor time.
//
// Tables grow in steps, so what a point costs depends on how many there are: memory in the head is taken every 1,000
// rows from 10,000 on, and the figure is the worst.
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#define DIM 128u
#define BATCH 1000u
#define ROWS_COUNTED_FROM \
    10000u // what a database costs without a point is not to be divided among few
#define LOOKUPS_MIN 2000000u

// Memory that the statistics count, without the rows' vectors.
static double memory_beyond(waggle_database *database, uint64_t vectors, bool note)
{
    waggle_error error;
    waggle_statistics s = {.struct_size = sizeof s};
    bench_check(waggle_statistics_get(database, &s, &error), &error, "statistics");
    if (note)
        bench_note(
            "  rows %llu, ids %llu, payload %llu, index %llu, scratch %llu, other %llu, log %llu",
            (unsigned long long)s.memory_rows, (unsigned long long)s.memory_ids,
            (unsigned long long)s.memory_payload, (unsigned long long)s.memory_index,
            (unsigned long long)s.memory_scratch, (unsigned long long)s.memory_other,
            (unsigned long long)s.memory_log);
    double used =
        (double)(s.memory_used - s.memory_log); // the log's buffers do not grow with the points
    return used - (double)vectors;
}

// Look-ups per second of processor time; each batch asks for random ids that exist.
static double lookups(waggle_collection *collection, const uint64_t *ids, uint64_t rows,
                      uint64_t seed)
{
    waggle_error error;
    waggle_id asked[BATCH];
    uint64_t done = 0;
    double begin = bench_cpu_seconds();
    while (done < LOOKUPS_MIN) {
        waggle_records *records = NULL;
        for (uint32_t i = 0; i < BATCH; i++)
            asked[i] = waggle_id_number(ids[bench_random_u64(&seed) % rows]);
        bench_check(waggle_get(collection, asked, BATCH,
                               waggle_read_options(.without_payload = true), &records, &error),
                    &error, "get");
        for (uint32_t i = 0; i < BATCH; i++)
            if (!waggle_records_at(records, i)->found) bench_fail("a point is missing");
        waggle_records_destroy(records);
        done += BATCH;
    }
    return (double)done / (bench_cpu_seconds() - begin);
}

static void measure(const bench_options *options, bench_report *report, const char *where,
                    double memory, waggle_collection *collection, const uint64_t *ids)
{
    char figure[96];
    double rates[BENCH_PAIRS_MAX];
    snprintf(figure, sizeof figure, "memory per point beyond vectors, %s", where);
    bench_figure(report, figure, "bytes", memory, 64, false, NULL, 0);
    for (uint32_t i = 0; i < options->pairs; i++)
        rates[i] = lookups(collection, ids, options->rows, options->seed + i) * 1e-6;
    snprintf(figure, sizeof figure, "look-ups by id on one core, %s", where);
    bench_figure(report, figure, "M/s", bench_median(rates, options->pairs), 1, true, rates,
                 options->pairs);
}

// Upserts all rows; the most that a point cost on the way.
static double fill(waggle_database *database, waggle_collection *collection, const float *vectors,
                   const uint64_t *ids, uint64_t rows)
{
    waggle_error error;
    double worst = 0;
    uint64_t worst_at = 0;
    for (uint64_t row = 0; row < rows;) {
        waggle_vectors column = {.rows = waggle_rows_f32(vectors, BATCH, DIM)};
        const waggle_points *points = waggle_points_of(.count = BATCH, .id_numbers = ids + row,
                                                       .vectors = &column, .vector_count = 1);
        bench_check(waggle_upsert(collection, points, NULL, &error), &error, "upsert");
        row += BATCH;
        if (row < ROWS_COUNTED_FROM && row < rows) continue;
        double memory =
            memory_beyond(database, row * DIM * sizeof(float), row == rows) / (double)row;
        if (memory > worst) worst_at = row;
        worst = memory > worst ? memory : worst;
    }
    bench_note("  most at %llu rows", (unsigned long long)worst_at);
    return worst;
}

int main(int count, char **arguments)
{
    waggle_error error;
    bench_options options;
    waggle_database *database = NULL;
    waggle_collection *collection = NULL;
    bench_options_read(count, arguments, 200000, &options);
    options.rows = (options.rows + BATCH - 1) / BATCH * BATCH;
    char *path = bench_folder(&options, "points");
    float *rows = bench_vectors(BATCH, DIM, options.seed);
    uint64_t *ids = malloc(options.rows * sizeof *ids);
    uint64_t seed = options.seed;
    if (ids == NULL) bench_fail("memory for ids");
    for (uint64_t i = 0; i < options.rows; i++)
        ids[i] = bench_random_u64(&seed);
    bench_report *report = bench_report_create("points", &options);
    bench_parameter(report, "dim", DIM);
    bench_parameter(report, "batch", BATCH);
    bench_open(path, WAGGLE_OFF, DIM, &database, &collection);
    double memory = fill(database, collection, rows, ids, options.rows);
    measure(&options, report, "unsealed", memory, collection, ids);
    bench_check(waggle_compact(collection, &error), &error, "compact");
    memory = memory_beyond(database, 0, true) / (double)options.rows;
    measure(&options, report, "sealed", memory, collection, ids);
    waggle_collection_close(collection);
    bench_check(waggle_close(database, &error), &error, "close");
    bench_folder_remove(path);
    free(path);
    free(rows);
    free(ids);
    return bench_report_finish(report);
}
